"""Further cases of all kinds; they were held out once and are looked at since."""

from __future__ import annotations

from trace_bugs.case import Case

TORCH = "import keras\nimport torch\nfrom keras import layers\n\n\n"
TENSORFLOW = "import keras\nimport tensorflow as tf\nfrom keras import layers\n\n\n"
JAX = "import jax\nimport jax.numpy as jnp\nimport keras\nfrom keras import layers\n\n\n"

CASES = (
    Case(
        "OwnLayerNorm",
        "6,4",
        'shape=(shape[-1],), initializer="ones", name="gamma"',
        'shape=(shape[1],), initializer="ones", name="gamma"',
        """
class OwnLayerNorm(layers.Layer):
    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta")

    def call(self, x):
        mean = ops.mean(x, axis=-1, keepdims=True)
        var = ops.mean(ops.square(x - mean), axis=-1, keepdims=True)
        return (x - mean) / ops.sqrt(var + 1e-5) * self.gamma + self.beta
""",
        named=("(x - mean) / ops.sqrt(var + 1e-5) * self.gamma",),
    ),
    Case(
        "CausalScores",
        "6,4",
        "steps = x.shape[1]",
        "steps = x.shape[2]",
        """
class CausalScores(layers.Layer):
    def call(self, x):
        steps = x.shape[1]
        scores = ops.matmul(x, ops.transpose(x, (0, 2, 1)))
        allowed = ops.tril(ops.ones((steps, steps)))
        return scores * allowed
""",
        named=("scores * allowed",),
    ),
    Case(
        "CausalPadding",
        "8,3",
        "((0, 0), (2, 0), (0, 0))",
        "((2, 0), (0, 0), (0, 0))",
        """
class CausalPadding(layers.Layer):
    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv1D(filters, 3)

    def call(self, x):
        padded = ops.pad(x, ((0, 0), (2, 0), (0, 0)))
        return self.conv(padded)
""",
    ),
    Case(
        "ChannelGate",
        "8,8,4",
        "(-1, 1, 1, 4)",
        "(-1, 4, 1, 1)",
        """
class ChannelGate(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pool = layers.GlobalAveragePooling2D()
        self.gate = layers.Dense(4, activation="sigmoid")

    def call(self, x):
        gate = ops.reshape(self.gate(self.pool(x)), (-1, 1, 1, 4))
        return x * gate
""",
        named=("x * gate",),
    ),
    Case(
        "OwnLSTM",
        "5 3",
        "shape=(self.units, 4 * self.units)",
        "shape=(self.units, self.units)",
        """
class OwnLSTM(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, x_shape, h_shape):
        self.kernel = self.add_weight(shape=(x_shape[-1], 4 * self.units), name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, 4 * self.units), name="recurrent")

    def call(self, x, h):
        gates = ops.matmul(x, self.kernel) + ops.matmul(h, self.recurrent)
        i, f, g, o = ops.split(gates, 4, axis=-1)
        return ops.sigmoid(o) * ops.tanh(ops.sigmoid(i) * ops.tanh(g) + ops.sigmoid(f) * h)
""",
        named=("ops.matmul(x, self.kernel) + ops.matmul(h, self.recurrent)",),
    ),
    Case(
        "SineTable",
        "6,4",
        "places[:, None] / rates",
        "places / rates",
        """
class SineTable(layers.Layer):
    def call(self, x):
        places = ops.arange(x.shape[1], dtype="float32")
        rates = ops.power(100.0, ops.arange(x.shape[2], dtype="float32") / x.shape[2])
        angles = places[:, None] / rates
        return x + ops.sin(angles)
""",
    ),
    Case(
        "WeightedContext",
        "6,4",
        "weights[..., None] * x",
        "weights * x",
        """
class WeightedContext(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.score = layers.Dense(1)

    def call(self, x):
        weights = ops.softmax(ops.squeeze(self.score(x), axis=-1), axis=-1)
        return ops.sum(weights[..., None] * x, axis=1)
""",
    ),
    Case(
        "UpsampleAdd",
        "4,3 8,3",
        "ops.repeat(low, 2, axis=1)",
        "ops.repeat(low, 2, axis=0)",
        """
class UpsampleAdd(layers.Layer):
    def call(self, low, high):
        up = ops.repeat(low, 2, axis=1)
        return ops.relu(up + high)
""",
        named=("up + high",),
    ),
    Case(
        "GraphConv",
        "5,3 m5,5",
        "ops.matmul(adjacency, messages)",
        "ops.matmul(messages, adjacency)",
        """
class GraphConv(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.project = layers.Dense(units)

    def call(self, nodes, adjacency):
        messages = self.project(nodes)
        return ops.relu(ops.matmul(adjacency, messages))
""",
    ),
    Case(
        "Prototypes",
        "5",
        "x[:, None, :] - self.centers",
        "x - self.centers",
        """
class Prototypes(layers.Layer):
    def build(self, shape):
        self.centers = self.add_weight(shape=(3, shape[-1]), name="centers")

    def call(self, x):
        distance = ops.sum(ops.square(x[:, None, :] - self.centers), axis=-1)
        return ops.softmax(-distance)
""",
    ),
    Case(
        "FlattenFrames",
        "4,3,2",
        "(-1, 4, 6)",
        "(-1, 6)",
        """
class FlattenFrames(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.encode = layers.Dense(5)

    def call(self, frames):
        flat = ops.reshape(frames, (-1, 4, 6))
        return self.encode(flat)
""",
    ),
    Case(
        "SplitChannels",
        "6,4",
        "x[..., :2], x[..., 2:]",
        "x[:, :2], x[:, 2:]",
        """
class SplitChannels(layers.Layer):
    def call(self, x):
        a, b = x[..., :2], x[..., 2:]
        return a * ops.sigmoid(b)
""",
        named=("a * ops.sigmoid(b)",),
    ),
    Case(
        "Reorder",
        "6,4 i6:6",
        "order[..., None]",
        "order",
        """
class Reorder(layers.Layer):
    def call(self, x, order):
        picked = ops.take_along_axis(x, order[..., None], axis=1)
        return ops.tanh(picked)
""",
    ),
    Case(
        "CrossAttention",
        "6,4 3,4",
        '"bts,bsd->btd"',
        '"bts,btd->btd"',
        """
class CrossAttention(layers.Layer):
    def call(self, query, memory):
        scores = ops.einsum("btd,bsd->bts", query, memory)
        weights = ops.softmax(scores, axis=-1)
        return ops.einsum("bts,bsd->btd", weights, memory)
""",
    ),
    Case(
        "SkipJoin",
        "4,4,3 8,8,2",
        "ops.concatenate([up, skip], axis=-1)",
        "ops.concatenate([up, skip], axis=1)",
        """
class SkipJoin(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.up = layers.UpSampling2D(2)
        self.conv = layers.Conv2D(4, 1)

    def call(self, x, skip):
        up = self.up(x)
        return self.conv(ops.concatenate([up, skip], axis=-1))
""",
    ),
    Case(
        "PooledResidual",
        "6,4 4",
        "layers.GlobalAveragePooling1D()",
        "layers.GlobalAveragePooling1D(keepdims=True)",
        """
class PooledResidual(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pool = layers.GlobalAveragePooling1D()

    def call(self, x, state):
        pooled = self.pool(x)
        return state + pooled
""",
        named=("state + pooled",),
    ),
    Case(
        "UnpackStates",
        "6,4",
        "states, last = self.encode(x)",
        "states = self.encode(x)",
        """
class UnpackStates(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.encode = layers.GRU(5, return_sequences=True, return_state=True)

    def call(self, x):
        states, last = self.encode(x)
        return ops.mean(ops.tanh(states), axis=1)
""",
        named=("ops.tanh(states)",),
    ),
    Case(
        "RowDots",
        "5 5",
        "ops.sum(a * b, axis=-1, keepdims=True)",
        "ops.matmul(a, ops.transpose(b))",
        """
class RowDots(layers.Layer):
    def call(self, a, b):
        similarity = ops.sum(a * b, axis=-1, keepdims=True)
        return ops.sigmoid(similarity)
""",
    ),
    Case(
        "SpatialSoftmax",
        "5,5,2",
        "ops.reshape(weights, (-1, 5, 5, 2))",
        "ops.reshape(weights, (5, 5, -1, 2))",
        """
class SpatialSoftmax(layers.Layer):
    def call(self, x):
        weights = ops.softmax(ops.reshape(x, (-1, 25, 2)), axis=1)
        return x * ops.reshape(weights, (-1, 5, 5, 2))
""",
    ),
    Case(
        "CollectSteps",
        "6,4",
        "ops.stack(outputs, axis=1)",
        "ops.stack(outputs)",
        """
class CollectSteps(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.step = layers.Dense(3)

    def call(self, x):
        outputs = []
        for t in range(6):
            outputs.append(self.step(x[:, t]))
        return ops.stack(outputs, axis=1)
""",
    ),
    Case(
        "LoopOverTime",
        "6,4",
        "range(x.shape[1])",
        "range(x.shape[0])",
        """
class LoopOverTime(layers.Layer):
    def call(self, x):
        total = ops.zeros_like(x[:, 0])
        for t in range(x.shape[1]):
            total = 0.5 * total + x[:, t]
        return total
""",
        named=("x[:, t]",),
    ),
    Case(
        "RepeatContext",
        "6,4 3",
        "layers.RepeatVector(6)",
        "layers.RepeatVector(4)",
        """
class RepeatContext(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.repeat = layers.RepeatVector(6)

    def call(self, x, context):
        return ops.concatenate([x, self.repeat(context)], axis=-1)
""",
        named=("ops.concatenate([x, self.repeat(context)], axis=-1)", "self.repeat(context)"),
    ),
    Case(
        "MixerBlock",
        "6,4",
        "layers.Permute((2, 1))",
        "layers.Permute((1, 2))",
        """
class MixerBlock(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.turn = layers.Permute((2, 1))
        self.mix = layers.Dense(6)

    def call(self, x):
        mixed = self.mix(self.turn(x))
        return x + ops.transpose(mixed, (0, 2, 1))
""",
        named=("x + ops.transpose(mixed, (0, 2, 1))", "ops.transpose(mixed, (0, 2, 1))", "self.turn(x)"),
    ),
    Case(
        "CropCenter",
        "6,6,2",
        "x[:, 1:-1, 1:-1]",
        "x[1:-1, 1:-1]",
        """
class CropCenter(layers.Layer):
    def call(self, x):
        center = x[:, 1:-1, 1:-1]
        return ops.mean(center, axis=(1, 2))
""",
    ),
    Case(
        "PatchEmbed",
        "8,8,3",
        "(-1, 16, 12)",
        "(-1, 12)",
        """
class PatchEmbed(layers.Layer):
    def __init__(self, dim=5, **kwargs):
        super().__init__(**kwargs)
        self.embed = layers.Dense(dim)

    def call(self, images):
        grid = ops.reshape(images, (-1, 4, 2, 4, 2, 3))
        grid = ops.transpose(grid, (0, 1, 3, 2, 4, 5))
        patches = ops.reshape(grid, (-1, 16, 12))
        return self.embed(patches)
""",
    ),
    Case(
        "MinMaxScale",
        "5",
        ("ops.min(x, axis=-1, keepdims=True)", "ops.max(x, axis=-1, keepdims=True)"),
        ("ops.min(x, axis=0, keepdims=True)", "ops.max(x, axis=0, keepdims=True)"),
        """
class MinMaxScale(layers.Layer):
    def call(self, x):
        low = ops.min(x, axis=-1, keepdims=True)
        high = ops.max(x, axis=-1, keepdims=True)
        return (x - low) / (high - low + 1e-6)
""",
    ),
    Case(
        "SignalConv",
        "8",
        "self.conv(ops.expand_dims(x, -1))",
        "self.conv(x)",
        """
class SignalConv(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv1D(4, 3)
        self.pool = layers.GlobalMaxPooling1D()

    def call(self, x):
        return self.pool(self.conv(ops.expand_dims(x, -1)))
""",
    ),
    Case(
        "Highway",
        "5",
        'layers.Dense(5, activation="sigmoid")',
        'layers.Dense(3, activation="sigmoid")',
        """
class Highway(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.change = layers.Dense(5, activation="tanh")
        self.gate = layers.Dense(5, activation="sigmoid")

    def call(self, x):
        gate = self.gate(x)
        return gate * self.change(x) + (1.0 - gate) * x
""",
        named=("gate * self.change(x)",),
    ),
    Case(
        "TwoTower",
        "i9: i7:",
        "ops.sum(user * item, axis=-1)",
        "ops.sum(user * item, axis=0)",
        """
class TwoTower(keras.Model):
    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.users = layers.Embedding(9, dim)
        self.items = layers.Embedding(7, dim)

    def call(self, user_ids, item_ids):
        user, item = self.users(user_ids), self.items(item_ids)
        return ops.sigmoid(ops.sum(user * item, axis=-1))
""",
    ),
    Case(
        "Contrastive",
        "m 2,5",
        "ops.unstack(y_pred, 2, axis=1)",
        "ops.unstack(y_pred, 2, axis=0)",
        """
class Contrastive(keras.losses.Loss):
    def call(self, y_true, y_pred):
        left, right = ops.unstack(y_pred, 2, axis=1)
        distance = ops.sqrt(ops.sum(ops.square(left - right), axis=-1) + 1e-9)
        return y_true * ops.square(distance) + (1.0 - y_true) * ops.square(ops.relu(1.0 - distance))
""",
    ),
    Case(
        "JaccardLoss",
        "m6 u6",
        "ops.sum(y_true + y_pred, axis=-1) - both",
        "ops.sum(y_true + y_pred) - both",
        """
class JaccardLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        both = ops.sum(y_true * y_pred, axis=-1)
        union = ops.sum(y_true + y_pred, axis=-1) - both
        return 1.0 - both / (union + 1e-6)
""",
    ),
    Case(
        "TokenEntropy",
        "i5:6 p6,5",
        "y_pred.shape[-1]",
        "y_pred.shape[1]",
        """
class TokenEntropy(keras.losses.Loss):
    def call(self, y_true, y_pred):
        target = ops.one_hot(y_true, y_pred.shape[-1])
        entropy = -ops.sum(target * ops.log(y_pred + 1e-7), axis=-1)
        return ops.mean(entropy, axis=-1)
""",
        named=("target * ops.log(y_pred + 1e-7)",),
    ),
    Case(
        "MaskedError",
        "6,2 6,2",
        "ops.mean(ops.square(y_true - y_pred), axis=-1)",
        "ops.square(y_true - y_pred)",
        """
class MaskedError(keras.losses.Loss):
    def call(self, y_true, y_pred):
        mask = ops.cast(ops.any(y_true > 0.0, axis=-1), "float32")
        error = ops.mean(ops.square(y_true - y_pred), axis=-1)
        return ops.sum(mask * error, axis=1) / (ops.sum(mask, axis=1) + 1e-6)
""",
        named=("mask * error",),
    ),
    Case(
        "MeanOverlap",
        "m4,4 u4,4",
        "ops.sum(y_true * guess, axis=(1, 2))",
        "ops.sum(y_true * guess)",
        """
class MeanOverlap(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.cast(y_pred > 0.5, "float32")
        both = ops.sum(y_true * guess, axis=(1, 2))
        either = ops.sum(ops.maximum(y_true, guess), axis=(1, 2))
        self.total.assign_add(ops.sum(both / (either + 1e-6)))
        self.seen.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.total / self.seen
""",
    ),
    Case(
        "Precision",
        "m3 u3",
        "self.hits.assign_add(ops.sum(y_true * guess))",
        "self.hits.assign_add(ops.sum(y_true * guess, axis=0))",
        """
class Precision(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")
        self.guesses = self.add_weight(shape=(), initializer="zeros", name="guesses")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.cast(y_pred > 0.5, "float32")
        self.hits.assign_add(ops.sum(y_true * guess))
        self.guesses.assign_add(ops.sum(guess))

    def result(self):
        return self.hits / (self.guesses + 1e-7)
""",
    ),
    Case(
        "RootError",
        "3 3",
        "self.total.assign_add(ops.sum(error))",
        "self.total.assign_add(ops.mean(error))",
        """
class RootError(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")
        self.count = self.add_weight(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = ops.square(y_true - y_pred)
        self.total.assign_add(ops.sum(error))
        self.count.assign_add(ops.cast(ops.size(error), "float32"))

    def result(self):
        return ops.sqrt(self.total / self.count)
""",
        named=('self.count.assign_add(ops.cast(ops.size(error), "float32"))',),
    ),
    Case(
        "HitRate",
        "i4: p4",
        "ops.equal(y_true, best)",
        "ops.equal(y_true, y_pred)",
        """
class HitRate(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        best = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        self.hits.assign_add(ops.sum(ops.cast(ops.equal(y_true, best), "float32")))
        self.seen.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.hits / self.seen
""",
    ),
    Case(
        "TorchPooled",
        "5,5,3",
        "x.mean(dim=(1, 2))",
        "x.mean(dim=(0, 1))",
        """
class TorchPooled(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.head = layers.Dense(2)

    def call(self, x):
        pooled = x.mean(dim=(1, 2))
        return self.head(pooled)
""",
        backends=("torch",),
        header=TORCH,
    ),
    Case(
        "TorchMasked",
        "6,4 m6",
        "mask[:, None, :] < 0.5",
        "mask < 0.5",
        """
class TorchMasked(layers.Layer):
    def call(self, x, mask):
        scores = torch.matmul(x, x.transpose(1, 2))
        scores = scores.masked_fill(mask[:, None, :] < 0.5, -1e4)
        return torch.softmax(scores, dim=-1)
""",
        backends=("torch",),
        header=TORCH,
    ),
    Case(
        "TorchSteps",
        "6,4",
        "torch.stack(steps, dim=1)",
        "torch.stack(steps)",
        """
class TorchSteps(layers.Layer):
    def call(self, x):
        steps = [torch.tanh(x[:, t]) for t in range(6)]
        return torch.stack(steps, dim=1)
""",
        backends=("torch",),
        header=TORCH,
    ),
    Case(
        "FlowPooled",
        "5,5,3",
        "tf.reduce_mean(x, axis=[1, 2])",
        "tf.reduce_mean(x, axis=[0, 1])",
        """
class FlowPooled(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.head = layers.Dense(2)

    def call(self, x):
        return self.head(tf.reduce_mean(x, axis=[1, 2]))
""",
        backends=("tensorflow",),
        header=TENSORFLOW,
    ),
    Case(
        "FlowTile",
        "6,4 3",
        "[1, 6, 1]",
        "[6, 1, 1]",
        """
class FlowTile(layers.Layer):
    def call(self, x, context):
        context = tf.tile(context[:, tf.newaxis, :], [1, 6, 1])
        return tf.concat([x, context], axis=-1)
""",
        backends=("tensorflow",),
        header=TENSORFLOW,
        named=("tf.concat([x, context], axis=-1)",),
    ),
    Case(
        "FlowTensordot",
        "6,4",
        "axes=[[2], [0]]",
        "axes=[[1], [0]]",
        """
class FlowTensordot(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, x):
        return tf.nn.relu(tf.tensordot(x, self.w, axes=[[2], [0]]))
""",
        backends=("tensorflow",),
        header=TENSORFLOW,
    ),
    Case(
        "JaxScores",
        "6,4",
        "jax.nn.softmax(scores, axis=-1)",
        "jax.nn.softmax(scores, axis=0)",
        """
class JaxScores(layers.Layer):
    def call(self, x):
        scores = jnp.einsum("btd,bsd->bts", x, x)
        return jnp.matmul(jax.nn.softmax(scores, axis=-1), x)
""",
        backends=("jax",),
        header=JAX,
    ),
    Case(
        "JaxRows",
        "5",
        "x @ self.w.value",
        "self.w.value @ x",
        """
class JaxRows(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, x):
        return jax.nn.gelu(x @ self.w.value)
""",
        backends=("jax",),
        header=JAX,
    ),
    Case(
        "JaxMasked",
        "6,4 m6",
        "mask[:, None, :] > 0.5",
        "mask > 0.5",
        """
class JaxMasked(layers.Layer):
    def call(self, x, mask):
        scores = jnp.einsum("btd,bsd->bts", x, x)
        return jnp.where(mask[:, None, :] > 0.5, scores, -1e4)
""",
        backends=("jax",),
        header=JAX,
    ),
)
