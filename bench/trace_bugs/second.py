"""Further cases of all kinds, held out until the search was last changed; they are looked at since."""

from __future__ import annotations

from trace_bugs.case import Case

TORCH = "import keras\nimport torch\nfrom keras import layers\n\n\n"
TENSORFLOW = "import keras\nimport tensorflow as tf\nfrom keras import layers\n\n\n"
JAX = "import jax\nimport jax.numpy as jnp\nimport keras\nfrom keras import layers\n\n\n"

CASES = (
    Case(
        "RMSNorm",
        "6,4",
        "axis=-1, keepdims=True",
        "axis=-1",
        """
class RMSNorm(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, x):
        power = ops.mean(ops.square(x), axis=-1, keepdims=True)
        return x * ops.rsqrt(power + 1e-6) * self.scale
""",
        named=("x * ops.rsqrt(power + 1e-6)",),
    ),
    Case(
        "GatedMemory",
        "5 4",
        "layers.Dense(memory_units)",
        "layers.Dense(units)",
        """
class GatedMemory(layers.Layer):
    def __init__(self, units=3, memory_units=4, **kwargs):
        super().__init__(**kwargs)
        self.read = layers.Dense(units)
        self.erase = layers.Dense(memory_units)

    def call(self, x, memory):
        kept = memory * ops.sigmoid(self.erase(x))
        return ops.concatenate([self.read(x), kept], axis=-1)
""",
        named=("memory * ops.sigmoid(self.erase(x))",),
    ),
    Case(
        "ContentAddress",
        "4 6,4",
        "ops.expand_dims(query, 1)",
        "query",
        """
class ContentAddress(layers.Layer):
    def call(self, query, memory):
        scores = ops.sum(ops.expand_dims(query, 1) * memory, axis=-1)
        return ops.softmax(scores, axis=-1)
""",
    ),
    Case(
        "ReadMemory",
        "6 6,4",
        '"bm,bmd->bd"',
        '"bm,bmd->md"',
        """
class ReadMemory(layers.Layer):
    def call(self, weights, memory):
        return ops.einsum("bm,bmd->bd", ops.softmax(weights), memory)
""",
    ),
    Case(
        "SegmentMeans",
        "6,4",
        "(-1, 3, 2, 4)",
        "(-1, 2, 4)",
        """
class SegmentMeans(layers.Layer):
    def call(self, x):
        segments = ops.reshape(x, (-1, 3, 2, 4))
        return ops.mean(segments, axis=2)
""",
    ),
    Case(
        "FactorMachine",
        "5",
        "ops.matmul(ops.square(x), ops.square(self.v))",
        "ops.matmul(ops.square(x), ops.square(self.u))",
        """
class FactorMachine(layers.Layer):
    def build(self, shape):
        self.v = self.add_weight(shape=(shape[-1], 3), name="v")
        self.u = self.add_weight(shape=(1, 3), name="u")

    def call(self, x):
        total = ops.mean(ops.matmul(x, self.v), axis=-1)
        own = ops.matmul(ops.square(x), ops.square(self.v))
        return total - ops.mean(own, axis=-1) + ops.mean(self.u)
""",
    ),
    Case(
        "CenterLogits",
        "7",
        "ops.max(logits, axis=-1, keepdims=True)",
        "ops.max(logits, axis=0, keepdims=True)",
        """
class CenterLogits(layers.Layer):
    def call(self, logits):
        top = ops.max(logits, axis=-1, keepdims=True)
        e = ops.exp(logits - top)
        return e / (1.0 + ops.sum(e, axis=-1, keepdims=True))
""",
    ),
    Case(
        "ShuffleChannels",
        "5,5,6",
        "(0, 1, 2, 4, 3)",
        "(3, 1, 2, 4, 0)",
        """
class ShuffleChannels(layers.Layer):
    def call(self, x):
        grouped = ops.reshape(x, (-1, 5, 5, 2, 3))
        turned = ops.transpose(grouped, (0, 1, 2, 4, 3))
        return ops.reshape(turned, (-1, 5, 5, 6))
""",
    ),
    Case(
        "ResidualConv",
        "10,3",
        'layers.Conv1D(3, 3, padding="same")',
        'layers.Conv1D(5, 3, padding="same")',
        """
class ResidualConv(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.LayerNormalization()
        self.conv = layers.Conv1D(3, 3, padding="same")

    def call(self, x):
        return x + ops.relu(self.conv(self.norm(x)))
""",
        named=("x + ops.relu(self.conv(self.norm(x)))", "self.conv(self.norm(x))"),
    ),
    Case(
        "PoolBranches",
        "8,8,3",
        "layers.MaxPooling2D(2)",
        "layers.MaxPooling2D(4)",
        """
class PoolBranches(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.average = layers.AveragePooling2D(2)
        self.largest = layers.MaxPooling2D(2)

    def call(self, x):
        return ops.concatenate([self.average(x), self.largest(x)], axis=-1)
""",
        named=("ops.concatenate([self.average(x), self.largest(x)], axis=-1)", "self.largest(x)"),
    ),
    Case(
        "Decoder",
        "4,4,6",
        "(-1, 4 * 4 * 6)",
        "(4 * 4 * 6, -1)",
        """
class Decoder(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean = layers.Dense(3)

    def call(self, x):
        return self.mean(ops.reshape(x, (-1, 4 * 4 * 6)))
""",
    ),
    Case(
        "Reparametrize",
        "8",
        "ops.split(self.both(x), 2, axis=1)",
        "ops.split(self.both(x), 2, axis=0)",
        """
class Reparametrize(layers.Layer):
    def __init__(self, latent=3, **kwargs):
        super().__init__(**kwargs)
        self.both = layers.Dense(2 * latent)

    def call(self, x):
        mean, log_var = ops.split(self.both(x), 2, axis=1)
        return mean + ops.exp(0.5 * log_var)
""",
        batch=6,
    ),
    Case(
        "TokenMixing",
        "6,4",
        'self.add_weight(shape=(shape[1], shape[1]), name="mix")',
        'self.add_weight(shape=(shape[2], shape[2]), name="mix")',
        """
class TokenMixing(layers.Layer):
    def build(self, shape):
        self.mix = self.add_weight(shape=(shape[1], shape[1]), name="mix")

    def call(self, x):
        return x + ops.einsum("btd,ts->bsd", x, self.mix)
""",
        named=('ops.einsum("btd,ts->bsd", x, self.mix)',),
    ),
    Case(
        "LastValid",
        "6,4 i6:",
        "ops.take_along_axis(x, last[:, None, None], axis=1)",
        "ops.take_along_axis(x, last[:, None], axis=1)",
        """
class LastValid(layers.Layer):
    def call(self, x, last):
        picked = ops.take_along_axis(x, last[:, None, None], axis=1)
        return ops.squeeze(picked, axis=1)
""",
    ),
    Case(
        "LabelEmbedding",
        "6 i5:",
        "ops.concatenate([x, self.embed(label)], axis=-1)",
        "ops.concatenate([x, label], axis=-1)",
        """
class LabelEmbedding(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embed = layers.Embedding(5, 3)

    def call(self, x, label):
        return ops.concatenate([x, self.embed(label)], axis=-1)
""",
    ),
    Case(
        "FutureMask",
        "6,4",
        "ops.arange(x.shape[1])[None, :]",
        "ops.arange(x.shape[2])[None, :]",
        """
class FutureMask(layers.Layer):
    def call(self, x):
        rows = ops.arange(x.shape[1])[:, None]
        columns = ops.arange(x.shape[1])[None, :]
        mask = ops.cast(rows >= columns, "float32")
        return ops.matmul(x, ops.transpose(x, (0, 2, 1))) * mask
""",
        named=("ops.matmul(x, ops.transpose(x, (0, 2, 1))) * mask",),
    ),
    Case(
        "PowerSums",
        "6,4",
        "ops.stack(powers, axis=-1)",
        "ops.stack(powers, axis=0)",
        """
class PowerSums(layers.Layer):
    def call(self, x):
        powers = [ops.sum(x**k, axis=1) for k in (1, 2, 3)]
        return ops.stack(powers, axis=-1)
""",
    ),
    Case(
        "BatchedOuter",
        "5 5",
        "a[:, :, None] * b[:, None, :]",
        "a[:, None] * b[None, :]",
        """
class BatchedOuter(layers.Layer):
    def call(self, a, b):
        return ops.tanh(a[:, :, None] * b[:, None, :])
""",
    ),
    Case(
        "Whiten",
        "7",
        ("ops.mean(x, axis=-1, keepdims=True)", "ops.std(x, axis=-1, keepdims=True)"),
        ("ops.mean(x, axis=0)", "ops.std(x, axis=0)"),
        """
class Whiten(layers.Layer):
    def call(self, x):
        return (x - ops.mean(x, axis=-1, keepdims=True)) / (ops.std(x, axis=-1, keepdims=True) + 1e-3)
""",
    ),
    Case(
        "ShapeHelper",
        "6,4",
        "return x.shape[1] * x.shape[2]",
        "return x.shape[0] * x.shape[1]",
        """
def features(x):
    return x.shape[1] * x.shape[2]


class ShapeHelper(layers.Layer):
    def call(self, x):
        return ops.relu(ops.reshape(x, (-1, features(x))))
""",
        named=("ops.reshape(x, (-1, features(x)))",),
    ),
    Case(
        "SwappedSubject",
        "6,4 3,4",
        "self.attend(query, memory)",
        "self.attend(memory, query)",
        """
class SwappedSubject(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attend = layers.MultiHeadAttention(2, 4)

    def call(self, query, memory):
        return query + self.attend(query, memory)
""",
        named=("query + self.attend(memory, query)",),
    ),
    Case(
        "GaussianLoss",
        "3 6",
        "ops.split(y_pred, 2, axis=-1)",
        "ops.split(y_pred, 2)",
        """
class GaussianLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        mean, log_var = ops.split(y_pred, 2, axis=-1)
        error = ops.square(y_true - mean) * ops.exp(-log_var) + log_var
        return ops.mean(error, axis=-1)
""",
        named=("y_true - mean",),
    ),
    Case(
        "RankingLoss",
        "m5 5",
        "y_pred[:, :, None] - y_pred[:, None, :]",
        "y_pred[:, None] - y_pred[None, :]",
        """
class RankingLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        margin = y_pred[:, :, None] - y_pred[:, None, :]
        wanted = y_true[:, :, None] * (1.0 - y_true[:, None, :])
        return ops.sum(wanted * ops.relu(1.0 - margin), axis=(1, 2))
""",
        named=("wanted * ops.relu(1.0 - margin)",),
    ),
    Case(
        "Smoothness",
        "6,2 6,2",
        "y_pred[:, 1:] - y_pred[:, :-1]",
        "y_pred[1:] - y_pred[:-1]",
        """
class Smoothness(keras.losses.Loss):
    def call(self, y_true, y_pred):
        error = ops.mean(ops.square(y_true - y_pred), axis=(1, 2))
        steps = y_pred[:, 1:] - y_pred[:, :-1]
        return error + ops.mean(ops.square(steps), axis=(1, 2))
""",
        named=("error + ops.mean(ops.square(steps), axis=(1, 2))",),
    ),
    Case(
        "OrdinalLoss",
        "i4: u3",
        "ops.cast(levels < y_true[:, None], y_pred.dtype)",
        "ops.cast(levels < y_true, y_pred.dtype)",
        """
class OrdinalLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        levels = ops.arange(3)
        target = ops.cast(levels < y_true[:, None], y_pred.dtype)
        return ops.mean(ops.square(target - y_pred), axis=-1)
""",
        backends=("jax", "torch"),  # TensorFlow compares no integers with floats
        named=("levels < y_true",),
    ),
    Case(
        "MeanOfRows",
        "4 4",
        "ops.sum(ops.abs(y_true - y_pred), axis=-1)",
        "ops.sum(ops.abs(y_true - y_pred), axis=0)",
        """
class MeanOfRows(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.log(1.0 + ops.sum(ops.abs(y_true - y_pred), axis=-1))
""",
    ),
    Case(
        "PerClassError",
        "3 3",
        'shape=(3,), initializer="zeros", name="error"',
        'shape=(1,), initializer="zeros", name="error"',
        """
class PerClassError(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.error = self.add_weight(shape=(3,), initializer="zeros", name="error")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.error.assign_add(ops.sum(ops.abs(y_true - y_pred), axis=0))
        self.seen.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return ops.max(self.error / self.seen)
""",
        named=("self.error.assign_add(ops.sum(ops.abs(y_true - y_pred), axis=0))",),
    ),
    Case(
        "Agreement",
        "m u1",
        "ops.reshape(y_pred, (-1,)) > 0.5",
        "y_pred > 0.5",
        """
class Agreement(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.same = self.add_weight(shape=(), initializer="zeros", name="same")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.cast(ops.reshape(y_pred, (-1,)) > 0.5, "float32")
        self.same.assign_add(ops.sum(1.0 - ops.abs(y_true - guess)))
        self.seen.assign_add(ops.cast(ops.size(y_true), "float32"))

    def result(self):
        return self.same / self.seen
""",
        named=("y_true - guess",),
    ),
    Case(
        "TorchDistances",
        "5,3",
        "x.unsqueeze(1)",
        "x.unsqueeze(0)",
        """
class TorchDistances(layers.Layer):
    def call(self, x):
        difference = x.unsqueeze(2) - x.unsqueeze(1)
        return difference.pow(2).sum(dim=-1)
""",
        backends=("torch",),
        header=TORCH,
        named=("x.unsqueeze(2) - x.unsqueeze(0)",),
    ),
    Case(
        "TorchNormalize",
        "6,4",
        "x.sum(dim=-1, keepdim=True)",
        "x.sum(dim=-1)",
        """
class TorchNormalize(layers.Layer):
    def call(self, x):
        x = torch.exp(x)
        return x / x.sum(dim=-1, keepdim=True)
""",
        backends=("torch",),
        header=TORCH,
    ),
    Case(
        "TorchLinear",
        "5",
        "self.w.value.t())",
        "self.w.value)",
        """
class TorchLinear(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(3, shape[-1]), name="w")

    def call(self, x):
        return torch.tanh(x @ self.w.value.t())
""",
        backends=("torch",),
        header=TORCH,
    ),
    Case(
        "FlowGather",
        "6,4",
        "tf.gather(x, [0, 5], axis=1)",
        "tf.gather(x, [0, 5])",
        """
class FlowGather(layers.Layer):
    def call(self, x):
        ends = tf.gather(x, [0, 5], axis=1)
        return tf.reshape(ends, (-1, 8))
""",
        backends=("tensorflow",),
        header=TENSORFLOW,
        batch=8,
    ),
    Case(
        "FlowMask",
        "6,4 m6",
        "mask[:, tf.newaxis, :] > 0.5",
        "mask > 0.5",
        """
class FlowMask(layers.Layer):
    def call(self, x, mask):
        scores = tf.matmul(x, x, transpose_b=True)
        return tf.where(mask[:, tf.newaxis, :] > 0.5, scores, -1e4)
""",
        backends=("tensorflow",),
        header=TENSORFLOW,
    ),
    Case(
        "FlowSoft",
        "6,4",
        "tf.nn.softmax(scores, axis=-1)",
        "tf.nn.softmax(scores, axis=0)",
        """
class FlowSoft(layers.Layer):
    def call(self, x):
        scores = tf.einsum("btd,bsd->bts", x, x)
        return tf.matmul(tf.nn.softmax(scores, axis=-1), x)
""",
        backends=("tensorflow",),
        header=TENSORFLOW,
    ),
    Case(
        "JaxGather",
        "6,4",
        "x[:, jnp.array([0, 5])]",
        "x[jnp.array([0, 5])]",
        """
class JaxGather(layers.Layer):
    def call(self, x):
        ends = x[:, jnp.array([0, 5])]
        return jnp.reshape(ends, (-1, 8))
""",
        backends=("jax",),
        header=JAX,
        batch=8,
    ),
    Case(
        "JaxNormalize",
        "6,4",
        "x.sum(axis=-1, keepdims=True)",
        "x.sum(axis=-1)",
        """
class JaxNormalize(layers.Layer):
    def call(self, x):
        x = jnp.exp(x)
        return x / x.sum(axis=-1, keepdims=True)
""",
        backends=("jax",),
        header=JAX,
    ),
    Case(
        "JaxDense",
        "6,4",
        "jnp.einsum('btd,df->btf', x, self.w.value)",
        "jnp.einsum('btd,df->bdf', x, self.w.value)",
        """
class JaxDense(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")
        self.b = self.add_weight(shape=(6, 1), name="b")

    def call(self, x):
        h = jnp.einsum('btd,df->btf', x, self.w.value)
        return h + self.b.value
""",
        backends=("jax",),
        header=JAX,
        named=("h + self.b.value",),
    ),
)
