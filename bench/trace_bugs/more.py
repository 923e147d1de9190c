"""Further layers: pairs of faults, images, recurrence, silent faults, and operations of the backends themselves."""

from __future__ import annotations

from trace_bugs.case import Case

TORCH = "import keras\nimport torch\nfrom keras import layers\n\n\n"
TENSORFLOW = "import keras\nimport tensorflow as tf\nfrom keras import layers\n\n\n"
JAX = "import jax\nimport jax.numpy as jnp\nimport keras\nfrom keras import layers\n\n\n"

CASES = (
    Case(
        "MaxPieces",
        "5",
        "(-1, self.units, self.pieces)",
        "(-1, self.pieces)",
        """
class MaxPieces(layers.Layer):
    def __init__(self, units=4, pieces=3, **kwargs):
        super().__init__(**kwargs)
        self.units, self.pieces = units, pieces
        self.dense = layers.Dense(units * pieces)

    def call(self, x):
        h = ops.reshape(self.dense(x), (-1, self.units, self.pieces))
        return ops.max(h, axis=-1)
""",
    ),
    Case(
        "HeadMask",
        "6,4 m6",
        "kept[:, None, None, :]",
        "kept",
        """
class HeadMask(layers.Layer):
    def build(self, x_shape, kept_shape):
        self.w = self.add_weight(shape=(x_shape[-1], 3, 5), name="w")

    def call(self, x, kept):
        q = ops.einsum("btd,dhk->bhtk", x, self.w)
        scores = ops.einsum("bhqk,bhtk->bhqt", q, q)
        return ops.softmax(scores + (1.0 - kept[:, None, None, :]) * -1e9)
""",
        named=("scores + (1.0 - kept) * -1e9",),
    ),
    Case(
        "TwoFaults",
        "5",
        ("axis=-1)", "(2 * shape[-1], 3)"),
        ("axis=0)", "(3, 2 * shape[-1])"),
        """
class TwoFaults(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(2 * shape[-1], 3), name="kernel")

    def call(self, x):
        both = ops.concatenate([x, -x], axis=-1)
        return ops.matmul(both, self.kernel)
""",
        named=("ops.matmul(both, self.kernel)",),
    ),
    Case(
        "ScoresAndSum",
        "6,4",
        ("ops.swapaxes(x, -1, -2)", "axis=1"),
        ("x", "axis=0"),
        """
class ScoresAndSum(layers.Layer):
    def call(self, x):
        scores = ops.matmul(x, ops.swapaxes(x, -1, -2))
        return ops.mean(ops.softmax(scores), axis=1)
""",
    ),
    Case(
        "ChannelsAttention",
        "8,8,6",
        "(-1, 8 * 8, 6)",
        "(-1, 8 * 8)",
        """
class ChannelsAttention(layers.Layer):
    def call(self, x):
        flat = ops.reshape(x, (-1, 8 * 8, 6))
        gram = ops.matmul(ops.swapaxes(flat, 1, 2), flat)
        return gram / (8 * 8)
""",
    ),
    Case(
        "ChannelOrder",
        "8,3,6",
        "x = ops.transpose(x, (0, 1, 3, 2))",
        "x = ops.transpose(x, (0, 1, 2, 3))",
        """
class ChannelOrder(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.proj = layers.EinsumDense("abcd,de->abce", output_shape=(None, None, 2))

    def build(self, shape):
        self.proj.build((shape[0], shape[1], shape[3], shape[2]))

    def call(self, x):
        x = ops.transpose(x, (0, 1, 3, 2))
        return self.proj(x)
""",
        named=("self.proj(x)",),
    ),
    Case(
        "ShiftSequence",
        "6,4",
        "x[:, :1]",
        "x[:, 0]",
        """
class ShiftSequence(layers.Layer):
    def call(self, x):
        start = ops.zeros_like(x[:, :1])
        return ops.concatenate([start, x[:, :-1]], axis=1)
""",
        named=("ops.concatenate([start, x[:, :-1]], axis=1)",),
        also=(("x[:, :1]", "x[:, 0:1]"),),
    ),
    Case(
        "RunningMean",
        "6,4",
        "steps[:, None]",
        "steps",
        """
class RunningMean(layers.Layer):
    def call(self, x):
        steps = ops.arange(1, x.shape[1] + 1, dtype="float32")
        return ops.cumsum(x, axis=1) / steps[:, None]
""",
        named=("ops.cumsum(x, axis=1) / steps",),
    ),
    Case(
        "CumulateBatch",
        "6,4",
        "ops.cumsum(x, axis=1)",
        "ops.cumsum(x, axis=0)",
        """
class CumulateBatch(layers.Layer):
    def call(self, x):
        return ops.tanh(ops.cumsum(x, axis=1))
""",
    ),
    Case(
        "CenterRows",
        "5",
        "axis=-1, keepdims=True",
        "axis=0, keepdims=True",
        """
class CenterRows(layers.Layer):
    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")

    def call(self, x):
        centered = x - ops.mean(x, axis=-1, keepdims=True)
        return centered * self.gamma
""",
    ),
    Case(
        "PairDistance",
        "4,3",
        "x[:, :, None, :] - x[:, None, :, :]",
        "x[:, :, None, :] - x[None, :, :, :]",
        """
class PairDistance(layers.Layer):
    def call(self, x):
        diff = x[:, :, None, :] - x[:, None, :, :]
        return ops.sum(ops.square(diff), axis=-1)
""",
    ),
    Case(
        "EmbedAndPlace",
        "i9:6",
        "layers.Embedding(6, dim)",
        "layers.Embedding(6, vocabulary)",
        """
class EmbedAndPlace(layers.Layer):
    def __init__(self, vocabulary=9, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.words = layers.Embedding(vocabulary, dim)
        self.places = layers.Embedding(6, dim)

    def call(self, ids):
        return self.words(ids) + self.places(ops.arange(6))
""",
        named=("self.words(ids) + self.places(ops.arange(6))", "self.places(ops.arange(6))"),
    ),
    Case(
        "PoolThenDense",
        "8,8,3",
        "axis=[1, 2]",
        "axis=[0, 1]",
        """
class PoolThenDense(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.head = layers.Dense(2)

    def call(self, x):
        return self.head(ops.mean(x, axis=[1, 2]))
""",
    ),
    Case(
        "StridedSkip",
        "8,8,4",
        "layers.Conv2D(4, 1, strides=2)",
        "layers.Conv2D(4, 1, strides=1)",
        """
class StridedSkip(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.main = layers.Conv2D(4, 3, strides=2, padding="same")
        self.skip = layers.Conv2D(4, 1, strides=2)

    def call(self, x):
        return ops.relu(self.main(x) + self.skip(x))
""",
        named=("self.main(x) + self.skip(x)", "self.skip(x)"),
    ),
    Case(
        "TimeMixing",
        "6,4",
        "self.mix(ops.transpose(x, (0, 2, 1)))",
        "self.mix(x)",
        """
class TimeMixing(layers.Layer):
    def build(self, shape):
        self.mix = layers.Dense(shape[1])

    def call(self, x):
        mixed = self.mix(ops.transpose(x, (0, 2, 1)))
        return x + ops.transpose(mixed, (0, 2, 1))
""",
        named=("x + ops.transpose(mixed, (0, 2, 1))", "ops.transpose(mixed, (0, 2, 1))"),
    ),
    Case(
        "WrongVariable",
        "5",
        "ops.matmul(h, self.second)",
        "ops.matmul(x, self.second)",
        """
class WrongVariable(layers.Layer):
    def build(self, shape):
        self.first = self.add_weight(shape=(shape[-1], 8), name="first")
        self.second = self.add_weight(shape=(8, 2), name="second")

    def call(self, x):
        h = ops.relu(ops.matmul(x, self.first))
        return ops.matmul(h, self.second)
""",
        named=("ops.matmul(x, self.second)",),
    ),
    Case(
        "ElementwiseKernel",
        "5",
        "h = ops.matmul(x, self.kernel)",
        "h = ops.multiply(x, self.kernel)",
        """
class ElementwiseKernel(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), name="kernel")

    def call(self, x):
        h = ops.matmul(x, self.kernel)
        return ops.sigmoid(h)
""",
    ),
    Case(
        "BatchInReshape",
        "6,4",
        "ops.reshape(x, (-1, 24))",
        "ops.reshape(x, (4, 24))",
        """
class BatchInReshape(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.out = layers.Dense(2)

    def call(self, x):
        return self.out(ops.reshape(x, (-1, 24)))
""",
    ),
    Case(
        "PosFromShape",
        "5,3",
        "shape=shape[1:]",
        "shape=shape",
        """
class PosFromShape(layers.Layer):
    def build(self, shape):
        self.pos = self.add_weight(shape=shape[1:], name="pos")

    def call(self, x):
        return x + self.pos
""",
        named=("x + self.pos",),
    ),
    Case(
        "TorchGate",
        "6,4",
        "dim=-1)",
        "dim=0)",
        """
class TorchGate(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(2 * shape[-1], 3), name="w")

    def call(self, x):
        both = torch.cat([x, torch.tanh(x)], dim=-1)
        return torch.matmul(both, self.w.value)
""",
        backends=("torch",),
        header=TORCH,
    ),
    Case(
        "TorchAttention",
        "6,4",
        "torch.bmm(x, x.transpose(1, 2))",
        "torch.bmm(x, x)",
        """
class TorchAttention(layers.Layer):
    def call(self, x):
        weights = torch.softmax(torch.bmm(x, x.transpose(1, 2)), dim=-1)
        return torch.bmm(weights, x)
""",
        backends=("torch",),
        header=TORCH,
    ),
    Case(
        "TorchView",
        "6,4",
        "x.reshape(x.shape[0], -1)",
        "x.reshape(-1, x.shape[0])",
        """
class TorchView(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[1] * shape[2], 3), name="w")

    def call(self, x):
        flat = x.reshape(x.shape[0], -1)
        return flat @ self.w.value
""",
        backends=("torch",),
        header=TORCH,
    ),
    Case(
        "TorchCounts",
        "i5:6",
        "ids.float()",
        "ids",
        """
class TorchCounts(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, ids):
        counts = ids.float()
        return torch.matmul(counts, self.w.value)
""",
        backends=("torch",),
        header=TORCH,
        named=("torch.matmul(counts, self.w.value)",),
    ),
    Case(
        "FlowReduce",
        "6,4",
        "tf.reduce_sum(x, axis=1, keepdims=True)",
        "tf.reduce_sum(x, axis=1)",
        """
class FlowReduce(layers.Layer):
    def call(self, x):
        x = tf.exp(x)
        return x / tf.reduce_sum(x, axis=1, keepdims=True)
""",
        backends=("tensorflow",),
        header=TENSORFLOW,
        named=("x / tf.reduce_sum(x, axis=1)",),
    ),
    Case(
        "FlowConcat",
        "5",
        "axis=-1",
        "axis=0",
        """
class FlowConcat(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(2 * shape[-1], 3), name="w")

    def call(self, x):
        return tf.matmul(tf.concat([x, -x], axis=-1), self.w)
""",
        backends=("tensorflow",),
        header=TENSORFLOW,
    ),
    Case(
        "FlowScores",
        "6,4",
        ", transpose_b=True",
        "",
        """
class FlowScores(layers.Layer):
    def call(self, x):
        scores = tf.matmul(x, x, transpose_b=True)
        return tf.nn.softmax(scores, axis=-1)
""",
        backends=("tensorflow",),
        header=TENSORFLOW,
    ),
    Case(
        "FlowCast",
        "i5:6",
        "tf.cast(ids, tf.float32)",
        "ids",
        """
class FlowCast(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, ids):
        counts = tf.cast(ids, tf.float32)
        return tf.matmul(counts, self.w)
""",
        backends=("tensorflow",),
        header=TENSORFLOW,
        named=("tf.matmul(counts, self.w)",),
    ),
    Case(
        "NumpyJax",
        "5",
        "jnp.tanh(x)",
        "np.tanh(x)",
        """
class NumpyJax(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 4), name="w")

    def call(self, x):
        return jnp.matmul(jnp.tanh(x), self.w.value)
""",
        backends=("jax",),
        header=JAX.replace("import keras\n", "import keras\nimport numpy as np\n"),
    ),
    Case(
        "JaxConcat",
        "5",
        "axis=-1",
        "axis=0",
        """
class JaxConcat(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(2 * shape[-1], 3), name="w")

    def call(self, x):
        joined = jnp.concatenate([jax.nn.relu(x), jax.nn.relu(-x)], axis=-1)
        return joined @ self.w.value
""",
        backends=("jax",),
        header=JAX,
    ),
    Case(
        "JaxMean",
        "6,4",
        "jnp.mean(x, axis=1, keepdims=True)",
        "jnp.mean(x, axis=1)",
        """
class JaxMean(layers.Layer):
    def call(self, x):
        return x - jnp.mean(x, axis=1, keepdims=True)
""",
        backends=("jax",),
        header=JAX,
        named=("x - jnp.mean(x, axis=1)",),
    ),
)
