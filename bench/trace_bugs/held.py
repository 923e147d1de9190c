"""Further cases of all kinds, held out until the search was changed a third time; they are looked at since."""

from __future__ import annotations

from trace_bugs.case import Case

TORCH = "import keras\nimport torch\nfrom keras import layers\n\n\n"
TENSORFLOW = "import keras\nimport tensorflow as tf\nfrom keras import layers\n\n\n"
JAX = "import jax\nimport jax.numpy as jnp\nimport keras\nfrom keras import layers\n\n\n"

CASES = (
    Case(
        "ScaledTanh",
        "6,4",
        "shape=(shape[-1],)",
        "shape=(shape[0],)",
        """
class ScaledTanh(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")

    def call(self, x):
        return ops.tanh(x * self.scale)
""",
        named=("x * self.scale",),
    ),
    Case(
        "AdditiveAttention",
        "4 6,4",
        "self.query(query)[:, None, :]",
        "self.query(query)",
        """
class AdditiveAttention(layers.Layer):
    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.query, self.key = layers.Dense(units), layers.Dense(units)
        self.score = layers.Dense(1)

    def call(self, query, values):
        h = ops.tanh(self.query(query)[:, None, :] + self.key(values))
        weights = ops.softmax(self.score(h), axis=1)
        return ops.sum(weights * values, axis=1)
""",
        named=("self.query(query) + self.key(values)",),
    ),
    Case(
        "AttentionPool",
        "6,4",
        "axis=1)\n        return ops.sum",
        "axis=0)\n        return ops.sum",
        """
class AttentionPool(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.score = layers.Dense(4)

    def call(self, x):
        weights = ops.softmax(self.score(x), axis=1)
        return ops.sum(weights * x, axis=1)
""",
    ),
    Case(
        "LowRank",
        "6",
        "shape=(self.rank, self.units)",
        "shape=(self.units, self.rank)",
        """
class LowRank(layers.Layer):
    def __init__(self, units=5, rank=2, **kwargs):
        super().__init__(**kwargs)
        self.units, self.rank = units, rank

    def build(self, shape):
        self.a = self.add_weight(shape=(shape[-1], self.rank), name="a")
        self.b = self.add_weight(shape=(self.rank, self.units), name="b")

    def call(self, x):
        return ops.matmul(ops.matmul(x, self.a), self.b)
""",
        named=("ops.matmul(ops.matmul(x, self.a), self.b)",),
    ),
    Case(
        "TemporalShift",
        "6,4",
        "ops.zeros_like(x[:, :1, :2])",
        "ops.zeros_like(x[:1, :1, :2])",
        """
class TemporalShift(layers.Layer):
    def call(self, x):
        moved = ops.concatenate([ops.zeros_like(x[:, :1, :2]), x[:, :-1, :2]], axis=1)
        return ops.concatenate([moved, x[:, :, 2:]], axis=-1)
""",
        named=("ops.concatenate([ops.zeros_like(x[:1, :1, :2]), x[:, :-1, :2]], axis=1)",),
    ),
    Case(
        "FiLM",
        "6,6,4 3",
        "layers.Dense(2 * channels)",
        "layers.Dense(channels)",
        """
class FiLM(layers.Layer):
    def __init__(self, channels=4, **kwargs):
        super().__init__(**kwargs)
        self.both = layers.Dense(2 * channels)

    def call(self, image, condition):
        gamma, beta = ops.split(self.both(condition), 2, axis=-1)
        return image * gamma[:, None, None, :] + beta[:, None, None, :]
""",
        named=("image * gamma[:, None, None, :]",),
    ),
    Case(
        "ChannelMeans",
        "6,6,4",
        "ops.mean(image, axis=(1, 2))",
        "ops.mean(image, axis=(0, 1, 2))",
        """
class ChannelMeans(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mix = layers.Dense(4)

    def call(self, image):
        means = ops.mean(image, axis=(1, 2))
        return self.mix(means)
""",
        named=("self.mix(means)",),
    ),
    Case(
        "BagOfWords",
        "i9:6",
        "ops.sum(ops.one_hot(ids, 9), axis=1)",
        "ops.sum(ops.one_hot(ids, 9), axis=0)",
        """
class BagOfWords(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.out = layers.Dense(3)

    def call(self, ids):
        counts = ops.sum(ops.one_hot(ids, 9), axis=1)
        return self.out(counts)
""",
    ),
    Case(
        "ClassToken",
        "6,4",
        "ops.repeat(self.token, ops.shape(x)[0], axis=0)",
        "self.token",
        """
class ClassToken(layers.Layer):
    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, shape[-1]), name="token")

    def call(self, x):
        token = ops.repeat(self.token, ops.shape(x)[0], axis=0)
        return ops.concatenate([token, x], axis=1)
""",
        named=("ops.concatenate([token, x], axis=1)", "token = self.token"),
    ),
    Case(
        "MaskedMax",
        "6,4 m6",
        "kept[..., None] > 0.5",
        "kept > 0.5",
        """
class MaskedMax(layers.Layer):
    def call(self, x, kept):
        x = ops.where(kept[..., None] > 0.5, x, -1e4)
        return ops.max(x, axis=1)
""",
        named=("ops.where(kept > 0.5, x, -1e4)",),
    ),
    Case(
        "GRUByHand",
        "5 3",
        "ops.matmul(r * h, self.u)",
        "ops.matmul(self.u, r * h)",
        """
class GRUByHand(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.gates = layers.Dense(units, activation="sigmoid")
        self.inner = layers.Dense(units)
        self.units = units

    def build(self, x_shape, h_shape):
        self.u = self.add_weight(shape=(self.units, self.units), name="u")

    def call(self, x, h):
        r = self.gates(ops.concatenate([x, h], axis=-1))
        return ops.tanh(self.inner(x) + ops.matmul(r * h, self.u))
""",
    ),
    Case(
        "HeadMerge",
        "6,8",
        "(-1, 6, 8)",
        "(-1, 8)",
        """
class HeadMerge(layers.Layer):
    def call(self, x):
        heads = ops.transpose(ops.reshape(x, (-1, 6, 2, 4)), (0, 2, 1, 3))
        weights = ops.softmax(ops.matmul(heads, ops.swapaxes(heads, -1, -2)), axis=-1)
        out = ops.transpose(ops.matmul(weights, heads), (0, 2, 1, 3))
        return x + ops.reshape(out, (-1, 6, 8))
""",
        named=("x + ops.reshape(out, (-1, 8))",),
    ),
    Case(
        "MeanPoolSkip",
        "8,3",
        "layers.AveragePooling1D(2)",
        "layers.AveragePooling1D(4)",
        """
class MeanPoolSkip(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv1D(3, 3, strides=2, padding="same")
        self.pool = layers.AveragePooling1D(2)

    def call(self, x):
        return self.conv(x) + self.pool(x)
""",
        named=("self.conv(x) + self.pool(x)", "self.pool(x)"),
    ),
    Case(
        "WindowSum",
        "8,3",
        "x[:, :-2] + x[:, 1:-1] + x[:, 2:]",
        "x[:, :-2] + x[:, 1:-1] + x[:, 1:]",
        """
class WindowSum(layers.Layer):
    def call(self, x):
        return x[:, :-2] + x[:, 1:-1] + x[:, 2:]
""",
    ),
    Case(
        "Distances",
        "5",
        "axis=-1)",
        "axis=1, keepdims=True)",
        """
class Distances(layers.Layer):
    def build(self, shape):
        self.points = self.add_weight(shape=(3, shape[-1]), name="points")
        self.width = self.add_weight(shape=(3,), initializer="ones", name="width")

    def call(self, x):
        gaps = x[:, None, :] - self.points
        return self.width * ops.sum(ops.square(gaps), axis=-1)
""",
        named=("self.width * ops.sum(ops.square(gaps), axis=1, keepdims=True)",),
    ),
    Case(
        "PairFeatures",
        "5 5",
        "ops.concatenate([a, b, a * b], axis=-1)",
        "ops.stack([a, b, a * b], axis=0)",
        """
class PairFeatures(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.out = layers.Dense(1)

    def call(self, a, b):
        features = ops.concatenate([a, b, a * b], axis=-1)
        return self.out(features)
""",
    ),
    Case(
        "Interaction",
        "4,3",
        "ops.transpose(x, (0, 2, 1))",
        "ops.transpose(x)",
        """
class Interaction(layers.Layer):
    def call(self, x):
        products = ops.matmul(x, ops.transpose(x, (0, 2, 1)))
        return ops.reshape(products, (-1, 16))
""",
        named=("ops.matmul(x, ops.transpose(x))",),
    ),
    Case(
        "Curiosity",
        "5 2",
        "layers.Dense(5)",
        "layers.Dense(2)",
        """
class Curiosity(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.forward_model = layers.Dense(5)

    def call(self, state, action):
        guess = self.forward_model(ops.concatenate([state, action], axis=-1))
        return ops.mean(ops.square(guess - state), axis=-1)
""",
        named=(
            "guess - state",
            "self.forward_model(ops.concatenate([state, action], axis=-1))",
        ),
    ),
    Case(
        "HingeLoss",
        "m4 4",
        "ops.max(other, axis=-1)",
        "ops.max(other)",
        """
class HingeLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        own = ops.sum(y_true * y_pred, axis=-1)
        other = (1.0 - y_true) * y_pred
        return ops.relu(1.0 + ops.max(other, axis=-1) - own)
""",
    ),
    Case(
        "BoxLoss",
        "4 4",
        "y_true[:, 2:] - y_pred[:, 2:]",
        "y_true[2:] - y_pred[2:]",
        """
class BoxLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        center = ops.sum(ops.square(y_true[:, :2] - y_pred[:, :2]), axis=-1)
        size = ops.sum(ops.abs(y_true[:, 2:] - y_pred[:, 2:]), axis=-1)
        return center + size
""",
        named=("center + size",),
    ),
    Case(
        "Tversky",
        "m6,6 u6,6",
        "both = ops.sum(y_true * y_pred, axis=(1, 2))",
        "both = ops.sum(y_true * y_pred, axis=(0, 1))",
        """
class Tversky(keras.losses.Loss):
    def call(self, y_true, y_pred):
        both = ops.sum(y_true * y_pred, axis=(1, 2))
        missed = ops.sum(y_true * (1.0 - y_pred), axis=(1, 2))
        return 1.0 - both / (both + 0.7 * missed + 1e-6)
""",
        named=("both + 0.7 * missed",),
    ),
    Case(
        "CenterLoss",
        "i3: 4",
        "ops.take(centers, y_true, axis=0)",
        "ops.take(centers, y_true, axis=1)",
        """
class CenterLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        centers = ops.ones((3, 4))
        own = ops.take(centers, y_true, axis=0)
        return ops.sum(ops.square(y_pred - own), axis=-1)
""",
        backends=("torch",),  # Keras hands losses floats, which JAX and TensorFlow do not look up with
        named=("y_pred - own",),
    ),
    Case(
        "WeightedAccuracy",
        "i3: p3 u",
        "hit * sample_weight)",
        "hit)",
        """
class WeightedAccuracy(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.argmax(y_pred, axis=-1)
        hit = ops.cast(ops.equal(ops.cast(y_true, "int32"), ops.cast(guess, "int32")), "float32")
        self.hits.assign(self.hits + ops.sum(hit * sample_weight))
        self.seen.assign_add(ops.sum(sample_weight))

    def result(self):
        return self.hits / self.seen
""",
    ),
    Case(
        "Counts",
        "i4: p4",
        "ops.sum(ops.one_hot(guess, 4), axis=0)",
        "ops.one_hot(guess, 4)",
        """
class Counts(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.counts = self.add_weight(shape=(4,), initializer="zeros", name="counts")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.argmax(y_pred, axis=-1)
        self.counts.assign_add(ops.sum(ops.one_hot(guess, 4), axis=0))

    def result(self):
        return ops.max(self.counts)
""",
        named=("self.counts.assign_add(ops.one_hot(guess, 4))",),
    ),
    Case(
        "TorchChunk",
        "8",
        "x.chunk(2, dim=-1)",
        "x.chunk(2)",
        """
class TorchChunk(layers.Layer):
    def call(self, x):
        value, gate = x.chunk(2, dim=-1)
        return value * torch.sigmoid(gate)
""",
        backends=("torch",),
        header=TORCH,
        batch=4,
    ),
    Case(
        "TorchPermute",
        "6,4",
        "x.permute(0, 2, 1)",
        "x.permute(2, 0, 1)",
        """
class TorchPermute(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[1], 3), name="w")

    def call(self, x):
        return torch.matmul(x.permute(0, 2, 1), self.w.value)
""",
        backends=("torch",),
        header=TORCH,
    ),
    Case(
        "FlowTranspose",
        "6,4",
        "tf.transpose(x, [0, 2, 1])",
        "tf.transpose(x, [2, 0, 1])",
        """
class FlowTranspose(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[1], 3), name="w")

    def call(self, x):
        return tf.matmul(tf.transpose(x, [0, 2, 1]), self.w)
""",
        backends=("tensorflow",),
        header=TENSORFLOW,
    ),
    Case(
        "FlowStack",
        "6,4",
        "tf.stack(parts, axis=1)",
        "tf.stack(parts)",
        """
class FlowStack(layers.Layer):
    def call(self, x):
        parts = [tf.tanh(x[:, 0]), tf.sigmoid(x[:, 1])]
        return tf.stack(parts, axis=1)
""",
        backends=("tensorflow",),
        header=TENSORFLOW,
    ),
    Case(
        "JaxSplit",
        "8",
        "jnp.split(x, 2, axis=-1)",
        "jnp.split(x, 2)",
        """
class JaxSplit(layers.Layer):
    def call(self, x):
        value, gate = jnp.split(x, 2, axis=-1)
        return value * jax.nn.sigmoid(gate)
""",
        backends=("jax",),
        header=JAX,
    ),
    Case(
        "JaxMoves",
        "6,4",
        "jnp.transpose(x, (0, 2, 1))",
        "jnp.transpose(x, (2, 0, 1))",
        """
class JaxMoves(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[1], 3), name="w")

    def call(self, x):
        return jnp.transpose(x, (0, 2, 1)) @ self.w.value
""",
        backends=("jax",),
        header=JAX,
    ),
)
