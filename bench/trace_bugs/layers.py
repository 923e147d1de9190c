"""Layers in which one expression is wrong: axes, operands, reshapes, weights, masks, attention, convolutions."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "ConcatHalves",
        "5",
        "axis=-1)",
        "axis=0)",
        """
class ConcatHalves(layers.Layer):
    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(2 * input_shape[-1], 3), name="kernel")

    def call(self, inputs):
        pos = ops.relu(inputs)
        neg = ops.relu(-inputs)
        both = ops.concatenate([pos, neg], axis=-1)
        return ops.matmul(both, self.kernel)
""",
    ),
    Case(
        "JoinTwo",
        "5 3",
        "ops.concatenate([x, y], axis=-1)",
        "ops.concatenate([x, y], axis=0)",
        """
class JoinTwo(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(units)

    def call(self, x, y):
        return self.dense(ops.concatenate([x, y], axis=-1))
""",
    ),
    Case(
        "StackForConcat",
        "5",
        "ops.concatenate",
        "ops.stack",
        """
class StackForConcat(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1] * 2, 4), name="w")

    def call(self, x):
        powers = ops.concatenate([x, ops.square(x)], axis=-1)
        return ops.matmul(powers, self.w)
""",
    ),
    Case(
        "NormalizeTime",
        "6,3",
        ", keepdims=True)",
        ")",
        """
class NormalizeTime(layers.Layer):
    def call(self, x):
        x = ops.exp(x)
        total = ops.sum(x, axis=1, keepdims=True)
        return x / total
""",
        named=("x / total",),
        also=(
            ("total = ops.sum(x, axis=1, keepdims=True)", "total = ops.expand_dims(ops.sum(x, axis=1), 1)"),
        ),
    ),
    Case(
        "UnitRows",
        "5",
        "axis=-1, keepdims=True",
        "axis=-1",
        """
class UnitRows(layers.Layer):
    def call(self, x):
        length = ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-6)
        return x / length
""",
        named=("x / length",),
    ),
    Case(
        "AttentionScores",
        "6,4",
        "ops.matmul(q, ops.transpose(k, (0, 2, 1)))",
        "ops.matmul(q, k)",
        """
class AttentionScores(layers.Layer):
    def __init__(self, dim=5, **kwargs):
        super().__init__(**kwargs)
        self.query, self.key = layers.Dense(dim), layers.Dense(dim)
        self.value = layers.Dense(dim)

    def call(self, x):
        q, k, v = self.query(x), self.key(x), self.value(x)
        weights = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 2, 1))), axis=-1)
        return ops.matmul(weights, v)
""",
    ),
    Case(
        "SoftmaxAcrossBatch",
        "6,4",
        "axis=1)  # over time",
        "axis=0)  # over time",
        """
class SoftmaxAcrossBatch(layers.Layer):
    def build(self, shape):
        self.q = self.add_weight(shape=(shape[-1], 1), name="q")

    def call(self, x):
        weights = ops.softmax(ops.matmul(x, self.q), axis=1)  # over time
        return ops.sum(weights * x, axis=1)
""",
    ),
    Case(
        "OperandsSwapped",
        "5",
        "ops.matmul(x, self.w)",
        "ops.matmul(self.w, x)",
        """
class OperandsSwapped(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 7), name="w")
        self.b = self.add_weight(shape=(7,), name="b")

    def call(self, x):
        return ops.relu(ops.matmul(x, self.w) + self.b)
""",
    ),
    Case(
        "KernelFromBatch",
        "5",
        "(input_shape[-1], self.units)",
        "(input_shape[0], self.units)",
        """
class KernelFromBatch(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")

    def call(self, x):
        return x @ self.kernel
""",
        named=("x @ self.kernel",),
    ),
    Case(
        "KernelTurned",
        "5",
        "(shape[-1], self.units)",
        "(self.units, shape[-1])",
        """
class KernelTurned(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), name="bias")

    def call(self, x):
        return ops.matmul(x, self.kernel) + self.bias
""",
        named=("ops.matmul(x, self.kernel)",),
    ),
    Case(
        "BiasOfInput",
        "6,5",
        "shape=(self.units,)",
        "shape=(shape[-1],)",
        """
class BiasOfInput(layers.Layer):
    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), name="bias")

    def call(self, x):
        return ops.tanh(ops.matmul(x, self.kernel) + self.bias)
""",
        named=("ops.matmul(x, self.kernel) + self.bias",),
    ),
    Case(
        "FlattenAll",
        "6,4",
        "(-1, time * dim)",
        "(time * dim, -1)",
        """
class FlattenAll(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[1] * shape[2], 3), name="w")

    def call(self, x):
        time, dim = x.shape[1], x.shape[2]
        flat = ops.reshape(x, (-1, time * dim))
        return ops.matmul(flat, self.w)
""",
    ),
    Case(
        "SplitHeads",
        "6,8",
        "(-1, time, self.heads, dim // self.heads)",
        "(-1, time, self.heads, dim)",
        """
class SplitHeads(layers.Layer):
    def __init__(self, heads=2, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads

    def call(self, x):
        time, dim = x.shape[1], x.shape[2]
        parts = ops.reshape(x, (-1, time, self.heads, dim // self.heads))
        parts = ops.transpose(parts, (0, 2, 1, 3))
        scores = ops.matmul(parts, ops.swapaxes(parts, -1, -2))
        return ops.reshape(scores, (-1, self.heads, time * time))
""",
    ),
    Case(
        "HeadsOrder",
        "6,8",
        "ops.transpose(parts, (0, 2, 1, 3))",
        "ops.transpose(parts, (2, 0, 1, 3))",
        """
class HeadsOrder(layers.Layer):
    heads = 2

    def call(self, x):
        parts = ops.reshape(x, (-1, 6, self.heads, 4))
        parts = ops.transpose(parts, (0, 2, 1, 3))
        return ops.softmax(ops.matmul(parts, ops.swapaxes(parts, -1, -2)))
""",
    ),
    Case(
        "ReshapeForTranspose",
        "6,4",
        "ops.transpose(x, (0, 2, 1))",
        "ops.reshape(x, (4, -1, 6))",
        """
class ReshapeForTranspose(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mix = layers.Dense(5)

    def call(self, x):
        return self.mix(ops.transpose(x, (0, 2, 1)))
""",
    ),
    Case(
        "MaskedMean",
        "6,4 m6",
        "ops.expand_dims(mask, -1)",
        "mask",
        """
class MaskedMean(layers.Layer):
    def call(self, x, mask):
        kept = x * ops.expand_dims(mask, -1)
        return ops.sum(kept, axis=1) / (ops.sum(mask, axis=1, keepdims=True) + 1e-6)
""",
    ),
    Case(
        "FirstToken",
        "6,4",
        "x[:, 0]",
        "x[0]",
        """
class FirstToken(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.head = layers.Dense(units)

    def call(self, x):
        return self.head(x[:, 0])
""",
    ),
    Case(
        "Differences",
        "6,4",
        "x[:, 1:] - x[:, :-1]",
        "x[:, 1:] - x[:, :]",
        """
class Differences(layers.Layer):
    def call(self, x):
        return ops.abs(x[:, 1:] - x[:, :-1])
""",
    ),
    Case(
        "EinsumKernel",
        "6,4",
        '"btd,df->btf"',
        '"btd,fd->btf"',
        """
class EinsumKernel(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 7), name="kernel")

    def call(self, x):
        return ops.einsum("btd,df->btf", x, self.kernel)
""",
    ),
    Case(
        "EinsumScores",
        "6,4",
        '"bqd,bkd->bqk"',
        '"bqd,bdk->bqk"',
        """
class EinsumScores(layers.Layer):
    def call(self, x):
        scores = ops.einsum("bqd,bkd->bqk", x, x)
        return ops.einsum("bqk,bkd->bqd", ops.softmax(scores), x)
""",
    ),
    Case(
        "EinsumHeads",
        "6,4",
        '"btd,dhk->bhtk"',
        '"btd,hdk->bhtk"',
        """
class EinsumHeads(layers.Layer):
    def __init__(self, heads=3, size=5, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.size = heads, size

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.heads, self.size), name="w")

    def call(self, x):
        return ops.einsum("btd,dhk->bhtk", x, self.w)
""",
    ),
    Case(
        "Bilinear",
        "5 3",
        '"bi,ijk,bj->bk"',
        '"bi,jik,bj->bk"',
        """
class Bilinear(layers.Layer):
    def build(self, x_shape, y_shape):
        self.w = self.add_weight(shape=(5, 3, 4), name="w")

    def call(self, x, y):
        return ops.einsum("bi,ijk,bj->bk", x, self.w, y)
""",
    ),
    Case(
        "GatedUnit",
        "6,4",
        "ops.split(self.dense(x), 2, axis=-1)",
        "ops.split(self.dense(x), 2)",
        """
class GatedUnit(layers.Layer):
    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(2 * units)

    def call(self, x):
        value, gate = ops.split(self.dense(x), 2, axis=-1)
        return value * ops.sigmoid(gate)
""",
        batch=5,
    ),
    Case(
        "ThreeParts",
        "6,4",
        "layers.Dense(3 * dim)",
        "layers.Dense(2 * dim)",
        """
class ThreeParts(layers.Layer):
    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.qkv = layers.Dense(3 * dim)

    def call(self, x):
        q, k, v = ops.split(self.qkv(x), 3, axis=-1)
        scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / self.dim**0.5
        return ops.matmul(ops.softmax(scores), v)
""",
        named=("ops.split(self.qkv(x), 3, axis=-1)", "self.qkv(x)"),
    ),
    Case(
        "ConvKernel",
        "8,8,3",
        "(3, 3, shape[-1], self.filters)",
        "(3, 3, self.filters, shape[-1])",
        """
class ConvKernel(layers.Layer):
    def __init__(self, filters=5, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, shape):
        self.kernel = self.add_weight(shape=(3, 3, shape[-1], self.filters), name="kernel")

    def call(self, x):
        return ops.relu(ops.conv(x, self.kernel, padding="same"))
""",
        named=('ops.conv(x, self.kernel, padding="same")',),
    ),
    Case(
        "ConvResidual",
        "8,8,4",
        'padding="same"',
        'padding="valid"',
        """
class ConvResidual(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(4, 3, padding="same")

    def call(self, x):
        return x + self.conv(x)
""",
        named=("x + self.conv(x)", "self.conv(x)"),
    ),
    Case(
        "TakeFrame",
        "6,4",
        "ops.take(x, 2, axis=1)",
        "ops.take(x, 2, axis=0)",
        """
class TakeFrame(layers.Layer):
    def call(self, x):
        frame = ops.take(x, 2, axis=1)
        return x - ops.expand_dims(frame, 1)
""",
        named=("ops.expand_dims(frame, 1)",),
    ),
    Case(
        "Positions",
        "6,4",
        "shape=(shape[1], shape[2])",
        "shape=(shape[2], shape[1])",
        """
class Positions(layers.Layer):
    def build(self, shape):
        self.table = self.add_weight(shape=(shape[1], shape[2]), name="table")

    def call(self, x):
        return ops.tanh(x + self.table)
""",
        named=("x + self.table",),
    ),
    Case(
        "NumpyTanh",
        "5",
        "ops.tanh(h)",
        "np.tanh(h)",
        """
class NumpyTanh(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 4), name="w")

    def call(self, x):
        h = ops.matmul(x, self.w)
        return ops.square(ops.tanh(h))
""",
    ),
    Case(
        "HelperFunction",
        "6,4",
        "ops.swapaxes(b, -1, -2)",
        "b",
        """
def similarity(a, b):
    a = a / (ops.norm(a, axis=-1, keepdims=True) + 1e-6)
    return ops.matmul(a, ops.swapaxes(b, -1, -2))


class HelperFunction(layers.Layer):
    def call(self, x):
        return ops.softmax(similarity(x, x))
""",
    ),
    Case(
        "NestedBlock",
        "5",
        "Projection(5)",
        "Projection(4)",
        """
class Projection(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

    def call(self, x):
        return ops.matmul(x, self.kernel)


class NestedBlock(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = Projection(5)

    def call(self, x):
        h = self.inner(x)
        return x + h
""",
    ),
    Case(
        "ResidualUnits",
        "6",
        "layers.Dense(6)",
        "layers.Dense(8)",
        """
class ResidualUnits(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.wide = layers.Dense(12, activation="relu")
        self.back = layers.Dense(6)

    def call(self, x):
        return x + self.back(self.wide(x))
""",
        named=("x + self.back(self.wide(x))", "self.back(self.wide(x))"),
    ),
    Case(
        "LastOnly",
        "6,4",
        "layers.GRU(5, return_sequences=True)",
        "layers.GRU(5)",
        """
class LastOnly(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.encode = layers.GRU(5, return_sequences=True)
        self.score = layers.Dense(1)

    def call(self, x):
        states = self.encode(x)
        weights = ops.softmax(self.score(states), axis=1)
        return ops.sum(weights * states, axis=1) + states[:, -1, :]
""",
        named=("self.encode(x)", "ops.softmax(self.score(states), axis=1)", "states[:, -1, :]"),
    ),
    Case(
        "OuterProduct",
        "5 3",
        "y[:, None, :]",
        "y[:, :, None]",
        """
class OuterProduct(layers.Layer):
    def call(self, x, y):
        return ops.tanh(x[:, :, None] * y[:, None, :])
""",
        named=("x[:, :, None] * y[:, :, None]",),
    ),
    Case(
        "SqueezeExcite",
        "8,8,4",
        "axis=(1, 2), keepdims=True",
        "axis=(1, 2)",
        """
class SqueezeExcite(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.gate = layers.Dense(4, activation="sigmoid")

    def call(self, x):
        pooled = ops.mean(x, axis=(1, 2), keepdims=True)
        return x * self.gate(pooled)
""",
        named=("x * self.gate(pooled)",),
    ),
    Case(
        "ForgotSuper",
        "5",
        "        super().__init__(**kwargs)\n",
        "",
        """
class ForgotSuper(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(units)

    def call(self, x):
        return self.dense(x)
""",
        named=("layers.Dense(units)", "self.dense = layers.Dense(units)"),
    ),
    Case(
        "FixedBatch",
        "5",
        "(ops.shape(x)[0], 2)",
        "(4, 2)",
        """
class FixedBatch(layers.Layer):
    def call(self, x):
        extra = ops.ones((ops.shape(x)[0], 2))
        return ops.concatenate([x, extra], axis=-1)
""",
        named=("ops.concatenate([x, extra], axis=-1)",),
    ),
    Case(
        "ContextJoin",
        "6,4 3",
        "context[:, None, :]",
        "context",
        """
class ContextJoin(layers.Layer):
    def call(self, x, context):
        context = ops.repeat(context[:, None, :], x.shape[1], axis=1)
        return ops.concatenate([x, context], axis=-1)
""",
        named=("ops.concatenate([x, context], axis=-1)",),
    ),
)
