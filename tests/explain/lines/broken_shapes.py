"""Layers, losses, metrics and functions that fail, as users write them: shapes, axes and positions.

Each class or function has in its docstring what is wrong. `CASES` says how to run it and what an explanation has to
name: the failing expression, words of the rule with the disagreeing numbers, and the expression that caused it.
"""

import dataclasses

import keras
import numpy as np
from keras import layers, ops

BACKEND = keras.backend.backend()


@dataclasses.dataclass
class Case:
    make: object
    inputs: tuple
    expression: str
    says: tuple = ()
    cause: str | None = None
    kind: str = "shape-mismatch"
    only: tuple = ("jax", "tensorflow", "torch")
    symbolic: bool = False


def x(*shape, dtype="float32", high=None):
    random = np.random.default_rng(0)
    if high is not None:
        return random.integers(0, high, shape).astype(dtype)
    return random.normal(size=shape).astype(dtype)


class ConcatBatch(layers.Layer):
    """Joins along the batch."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1] * 2, 5), name="kernel")

    def call(self, inputs):
        pos = ops.relu(inputs)
        neg = ops.relu(-inputs)
        concatenated = ops.concatenate([pos, neg], axis=0)
        return ops.matmul(concatenated, self.kernel)


class ConcatNested(layers.Layer):
    """The same, nothing assigned."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1] * 2, 5), name="kernel")

    def call(self, inputs):
        return ops.matmul(ops.concatenate([ops.relu(inputs), ops.relu(-inputs)], axis=0), self.kernel)


class KernelTooSmall(layers.Layer):
    """The weight was made for another size."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1] + 1, 4), name="kernel")

    def call(self, inputs):
        return inputs @ self.kernel


class KernelTransposed(layers.Layer):
    """Weight with its axes swapped."""

    def build(self, shape):
        self.w = self.add_weight(shape=(4, shape[-1]), name="w")

    def call(self, inputs):
        hidden = ops.tanh(inputs)
        return ops.dot(hidden, self.w)


class SumWithoutKeepdims(layers.Layer):
    """A sum loses its axis, then no longer lines up."""

    def call(self, inputs):
        total = ops.sum(inputs, axis=-1)
        return inputs / total


class MeanOverBatch(layers.Layer):
    """Reduces the batch instead of time."""

    def build(self, shape):
        self.bias = self.add_weight(shape=(shape[-1],), name="bias")

    def call(self, inputs):
        summary = ops.mean(inputs, axis=0)
        return ops.concatenate([summary, inputs[:, 0]], axis=-1)


class TransposeAll(layers.Layer):
    """`transpose` without axes turns the batch too."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 4), name="w")

    def call(self, inputs):
        turned = ops.transpose(inputs)
        return ops.matmul(turned, self.w)


class ReshapeElements(layers.Layer):
    """Wrong number of elements."""

    def call(self, inputs):
        return ops.reshape(inputs, (-1, 4, 4))


class ReshapeByName(layers.Layer):
    """The target comes from attributes."""

    def __init__(self, heads):
        super().__init__()
        self.heads = heads

    def call(self, inputs):
        batch = ops.shape(inputs)[0]
        return ops.reshape(inputs, (batch, self.heads, -1))


class ReshapeDropsBatch(layers.Layer):
    """Flattens everything, then multiplies."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, inputs):
        flat = ops.reshape(inputs, (-1,))
        return ops.matmul(flat, self.w)


class Heads(layers.Layer):
    """Forgets to turn the keys."""

    def call(self, inputs):
        scores = ops.matmul(inputs, inputs)
        return ops.softmax(scores)


class ConvChannels(layers.Layer):
    """The kernel expects other channels."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(3, 3, 4, 8), name="kernel")

    def call(self, inputs):
        return ops.conv(inputs, self.kernel)


class ConvRank(layers.Layer):
    """No channels axis."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(3, 3, 1, 8), name="kernel")

    def call(self, inputs):
        return ops.conv(inputs, self.kernel)


class EinsumSize(layers.Layer):
    """Letters that stand for two sizes."""

    def build(self, shape):
        self.w = self.add_weight(shape=(4, shape[-1]), name="w")

    def call(self, inputs):
        return ops.einsum("bij,jk->bik", inputs, self.w)


class EinsumRank(layers.Layer):
    """More letters than axes."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 4), name="w")

    def call(self, inputs):
        return ops.einsum("bij,jk->bik", inputs, self.w)


class TensordotAxes(layers.Layer):
    """Sums over axes that differ."""

    def build(self, shape):
        self.w = self.add_weight(shape=(4, shape[-1]), name="w")

    def call(self, inputs):
        return ops.tensordot(inputs, self.w, axes=1)


class TransposeRank(layers.Layer):
    """Three axes named of two."""

    def call(self, inputs):
        return ops.transpose(inputs, (0, 2, 1))


class SwapAxes(layers.Layer):
    """Axis 2 of two axes."""

    def call(self, inputs):
        return ops.swapaxes(inputs, 1, 2)


class SplitUneven(layers.Layer):
    """Five into two."""

    def call(self, inputs):
        first, second = ops.split(inputs, 2, axis=-1)
        return first * second


class UnpackShape(layers.Layer):
    """Three names for two axes."""

    def call(self, inputs):
        batch, time, size = ops.shape(inputs)
        return ops.reshape(inputs, (batch, time * size))


class UnpackParts(layers.Layer):
    """Two names for three parts."""

    def call(self, inputs):
        query, key = ops.split(inputs, 3, axis=-1)
        return query * key


class StackShapes(layers.Layer):
    """Two shapes in one stack."""

    def call(self, inputs):
        return ops.stack([inputs, inputs[:, :2]], axis=1)


class ConcatRanks(layers.Layer):
    """Joins two axes with three."""

    def call(self, inputs):
        pooled = ops.mean(inputs, axis=1)
        return ops.concatenate([inputs, pooled], axis=-1)


class SumAxis(layers.Layer):
    """No such axis."""

    def call(self, inputs):
        return ops.sum(inputs, axis=2)


class ExpandAxis(layers.Layer):
    """A new axis too far out."""

    def call(self, inputs):
        return ops.expand_dims(inputs, axis=4)


class SqueezeAxis(layers.Layer):
    """An axis that is not 1."""

    def call(self, inputs):
        return ops.squeeze(inputs, axis=1)


class IndexTooMany(layers.Layer):
    """Three indices for two axes."""

    def call(self, inputs):
        return inputs[:, 0, :]


class IndexTooLarge(layers.Layer):
    """Entry 5 of 5."""

    def call(self, inputs):
        return inputs[:, 5]


class TakeTooLarge(layers.Layer):
    """Positions beyond the table."""

    def build(self, shape):
        self.table = self.add_weight(shape=(4, 3), name="table")

    def call(self, inputs):
        shifted = inputs + 4
        return ops.take(self.table, shifted, axis=0)


class EmbeddingTooSmall(layers.Layer):
    """Words beyond the vocabulary."""

    def __init__(self):
        super().__init__()
        self.embed = layers.Embedding(4, 3)

    def call(self, inputs):
        return self.embed(inputs + 7)


class BroadcastTo(layers.Layer):
    """Five cannot be made seven."""

    def call(self, inputs):
        return ops.broadcast_to(inputs, (2, 7))


class WhereShapes(layers.Layer):
    """The mask has another size."""

    def call(self, inputs):
        mask = inputs[:, :3] > 0
        return ops.where(mask, inputs, 0.0)


class DenseTwice(layers.Layer):
    """One layer, two sizes."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def call(self, inputs):
        hidden = self.dense(inputs)
        return self.dense(hidden)


class ConvOnFlat(layers.Layer):
    """A convolution without a picture."""

    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3)

    def call(self, inputs):
        return self.conv(inputs)


class LstmOnFlat(layers.Layer):
    """A recurrent layer without time."""

    def __init__(self):
        super().__init__()
        self.rnn = layers.LSTM(4)

    def call(self, inputs):
        pooled = ops.mean(inputs, axis=1)
        return self.rnn(pooled)


class Inner(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(5, 4), name="w")

    def call(self, values):
        return ops.matmul(values, self.w)


class Outer(layers.Layer):
    """The batch goes wrong outside, the failure is inside."""

    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def call(self, inputs):
        joined = ops.transpose(inputs)
        return self.inner(joined)


class HelperTurns(layers.Layer):
    """The batch goes wrong in a function."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 4), name="w")

    def call(self, inputs):
        return ops.matmul(turned_and_scaled(inputs), self.w)


def turned_and_scaled(values):
    scaled = values * 2.0
    return ops.swapaxes(scaled, 0, 1)


class WeightFromBatch(layers.Layer):
    """A weight that has the batch's size, then another batch."""

    def build(self, shape):
        self.w = self.add_weight(shape=(3, shape[0]), name="w")

    def call(self, inputs):
        return ops.matmul(inputs, self.w)


class Residual(layers.Layer):
    """The branch has another width."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(6)

    def call(self, inputs):
        branch = self.dense(inputs)
        return inputs + branch


class InLoop(layers.Layer):
    """Fails in the second round."""

    def build(self, shape):
        self.kernels = [self.add_weight(shape=(5, 4), name=f"k{i}") for i in range(2)]

    def call(self, inputs):
        hidden = inputs
        for kernel in self.kernels:
            hidden = ops.matmul(hidden, kernel)
        return hidden


class Loss1(keras.losses.Loss):
    """One-hot against logits of another size."""

    def call(self, y_true, y_pred):
        target = ops.one_hot(ops.cast(ops.squeeze(y_true, -1), "int32"), 4)
        return ops.mean(ops.square(target - y_pred), axis=-1)


class Loss2(keras.losses.Loss):
    """A reduction of an axis that is not there."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=2)


class Metric1(keras.metrics.Metric):
    """Compares classes with scores."""

    def __init__(self):
        super().__init__()
        self.hits = self.add_weight(name="hits", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        same = ops.equal(ops.argmax(y_pred, axis=0), ops.cast(y_true, "int64"))
        self.hits.assign_add(ops.sum(ops.cast(same, "float32")))

    def result(self):
        return self.hits


class Metric2(keras.metrics.Metric):
    """Adds a vector to a number."""

    def __init__(self):
        super().__init__()
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = ops.abs(y_true - y_pred)
        self.total.assign(errors)

    def result(self):
        return self.total


def gram(a, b):
    """A product of two batches."""
    return ops.matmul(a, b)


def sparse_loss(y_true, logits):
    """Class numbers for a loss of one-hot targets."""
    return keras.losses.CategoricalCrossentropy(from_logits=True)(y_true, logits)


def mse(y_true, y_pred):
    """Sizes that differ."""
    return keras.losses.mean_squared_error(y_true, y_pred)


def masked(values, mask):
    """A mask of another length."""
    return values * mask


CASES = {
    "concat batch": Case(
        ConcatBatch,
        (x(2, 5),),
        "ops.matmul(concatenated, self.kernel)",
        ("concatenated.shape[-1] == self.kernel.shape[-2], but 5 != 10", "(B, 5), (B, 5) -> (2·B, 5)"),
        "ops.concatenate([pos, neg], axis=0)",
    ),
    "concat nested": Case(
        ConcatNested,
        (x(2, 5),),
        "ops.matmul(ops.concatenate([ops.relu(inputs), ops.relu(-inputs)], axis=0), self.kernel)",
        ("5 != 10", "(2·B, 5)"),
        "ops.concatenate([ops.relu(inputs), ops.relu(-inputs)], axis=0)",
    ),
    "concat symbolic": Case(
        ConcatBatch,
        (keras.KerasTensor((None, 5)),),
        "ops.matmul(concatenated, self.kernel)",
        ("5 != 10", "(2·B, 5)"),
        "ops.concatenate([pos, neg], axis=0)",
        symbolic=True,
    ),
    "kernel too small": Case(
        KernelTooSmall,
        (x(2, 5),),
        "inputs @ self.kernel",
        ("5 != 6",),
        'self.add_weight(shape=(shape[-1] + 1, 4), name="kernel")',
    ),
    "kernel transposed": Case(
        KernelTransposed,
        (x(2, 5),),
        "ops.dot(hidden, self.w)",
        ("hidden.shape[-1] == self.w.shape[-2], but 5 != 4",),
        'self.add_weight(shape=(4, shape[-1]), name="w")',
    ),
    "sum without keepdims": Case(
        SumWithoutKeepdims,
        (x(2, 5),),
        "inputs / total",
        ("inputs.shape[-1] == total.shape[-1]", "5 != 2"),
        "ops.sum(inputs, axis=-1)",
    ),
    "mean over batch": Case(
        MeanOverBatch,
        (x(2, 7, 5),),
        "ops.concatenate([summary, inputs[:, 0]], axis=-1)",
        ("7 != 2",),
        "ops.mean(inputs, axis=0)",
    ),
    "transpose all": Case(
        TransposeAll,
        (x(2, 5),),
        "ops.matmul(turned, self.w)",
        ("turned.shape[-1] == self.w.shape[-2], but 2 != 5", "(B, 5) -> (5, B)"),
        "ops.transpose(inputs)",
    ),
    "reshape elements": Case(
        ReshapeElements,
        (x(2, 5),),
        "ops.reshape(inputs, (-1, 4, 4))",
        ("16", "10"),
    ),
    "reshape by name": Case(
        lambda: ReshapeByName(4),
        (x(2, 5),),
        "ops.reshape(inputs, (batch, self.heads, -1))",
        ("(2, 4, -1)", "8 divides", "10"),
    ),
    "reshape drops batch": Case(
        ReshapeDropsBatch,
        (x(2, 5),),
        "ops.matmul(flat, self.w)",
        ("10 != 5", "(5·B,)"),
        "ops.reshape(inputs, (-1,))",
    ),
    "heads": Case(
        Heads,
        (x(2, 7, 5),),
        "ops.matmul(inputs, inputs)",
        ("5 != 7",),
    ),
    "conv channels": Case(
        ConvChannels,
        (x(2, 8, 8, 3),),
        "ops.conv(inputs, self.kernel)",
        ("3 and 4",),
        'self.add_weight(shape=(3, 3, 4, 8), name="kernel")',
    ),
    "conv rank": Case(
        ConvRank, (x(2, 8, 8),), "ops.conv(inputs, self.kernel)", ("(2, 8, 8)", "(3, 3, 1, 8)")
    ),
    "einsum size": Case(
        EinsumSize,
        (x(2, 7, 5),),
        'ops.einsum("bij,jk->bik", inputs, self.w)',
        ("`j`", "5 in inputs", "4 in self.w"),
        'self.add_weight(shape=(4, shape[-1]), name="w")',
    ),
    "einsum rank": Case(
        EinsumRank,
        (x(2, 5),),
        'ops.einsum("bij,jk->bik", inputs, self.w)',
        ("`bij`", "3 axes", "it has 2"),
        only=("jax", "torch"),
    ),
    "tensordot": Case(
        TensordotAxes,
        (x(2, 5),),
        "ops.tensordot(inputs, self.w, axes=1)",
        ("5 != 4",),
        'self.add_weight(shape=(4, shape[-1]), name="w")',
    ),
    "transpose rank": Case(
        TransposeRank,
        (x(2, 5),),
        "ops.transpose(inputs, (0, 2, 1))",
        ("it has 2", "but 3"),
        kind="wrong-axis",
    ),
    "swapaxes": Case(
        SwapAxes, (x(2, 5),), "ops.swapaxes(inputs, 1, 2)", ("axis 2", "2 axes"), kind="wrong-axis"
    ),
    "split uneven": Case(SplitUneven, (x(2, 5),), "ops.split(inputs, 2, axis=-1)", ("2 equal parts", "is 5")),
    "unpack shape": Case(
        UnpackShape, (x(2, 5),), "batch, time, size = ops.shape(inputs)", ("3 names", "(2, 5)")
    ),
    "unpack parts": Case(
        UnpackParts, (x(2, 6),), "query, key = ops.split(inputs, 3, axis=-1)", ("2 names", "there are 3")
    ),
    "stack": Case(
        StackShapes,
        (x(2, 5),),
        "ops.stack([inputs, inputs[:, :2]], axis=1)",
        ("(2, 5)", "(2, 2)"),
        "inputs[:, :2]",
    ),
    "concat ranks": Case(
        ConcatRanks,
        (x(2, 7, 5),),
        "ops.concatenate([inputs, pooled], axis=-1)",
        ("3 and 2",),
        "ops.mean(inputs, axis=1)",
    ),
    "sum axis": Case(SumAxis, (x(2, 5),), "ops.sum(inputs, axis=2)", ("axis 2", "2 axes"), kind="wrong-axis"),
    "expand axis": Case(
        ExpandAxis, (x(2, 5),), "ops.expand_dims(inputs, axis=4)", ("axis 4", "-3 to 2"), kind="wrong-axis"
    ),
    "squeeze axis": Case(
        SqueezeAxis,
        (x(2, 5),),
        "ops.squeeze(inputs, axis=1)",
        ("inputs.shape[1] is 5",),
        only=("jax", "tensorflow"),
    ),
    "index too many": Case(
        IndexTooMany, (x(2, 5),), "inputs[:, 0, :]", ("2 axes", "3 are indexed"), kind="wrong-axis"
    ),
    "index too large": Case(
        IndexTooLarge,
        (x(2, 5),),
        "inputs[:, 5]",
        ("0 to 4", "5 is asked for"),
        kind="index-out-of-range",
        only=("torch", "tensorflow"),
    ),
    "take too large": Case(
        TakeTooLarge,
        (x(2, 3, dtype="int32", high=4),),
        "ops.take(self.table, shifted, axis=0)",
        ("0 to 3", "shifted goes from 4"),
        kind="index-out-of-range",
        only=("torch", "tensorflow"),
    ),
    "embedding too small": Case(
        EmbeddingTooSmall,
        (x(2, 3, dtype="int32", high=4),),
        "self.embed(inputs + 7)",
        ("0 to 3", "goes from 7"),
        kind="index-out-of-range",
        only=("torch", "tensorflow"),
    ),
    "broadcast_to": Case(BroadcastTo, (x(2, 5),), "ops.broadcast_to(inputs, (2, 7))", ("1 or 7", "it is 5")),
    "where": Case(
        WhereShapes,
        (x(2, 5),),
        "ops.where(mask, inputs, 0.0)",
        ("mask.shape[-1] == inputs.shape[-1]", "3 != 5"),
        "inputs[:, :3]",
    ),
    "dense twice": Case(
        DenseTwice,
        (x(2, 5),),
        "self.dense(hidden)",
        (
            "shape[-1] == 5",
            "hidden.shape[-1] is 4",
            "comes from line",
            "`self.dense(inputs)`: (B, 5) -> (B, 4)",
        ),
        "layers.Dense(4)",
    ),
    "conv on flat": Case(ConvOnFlat, (x(2, 5),), "self.conv(inputs)", ("at least 4 axes", "has 2")),
    "lstm on flat": Case(
        LstmOnFlat, (x(2, 7, 5),), "self.rnn(pooled)", ("3 axes", "pooled has 2"), "ops.mean(inputs, axis=1)"
    ),
    "inner and outer": Case(
        Outer,
        (x(2, 5),),
        "ops.matmul(values, self.w)",
        ("2 != 5", "(B, 5) -> (5, B)"),
        "ops.transpose(inputs)",
    ),
    "helper turns": Case(
        HelperTurns,
        (x(2, 5),),
        "ops.matmul(turned_and_scaled(inputs), self.w)",
        ("2 != 5", "(B, 5) -> (5, B)"),
        "ops.swapaxes(scaled, 0, 1)",
    ),
    "weight from batch": Case(
        WeightFromBatch,
        (x(2, 5),),
        "ops.matmul(inputs, self.w)",
        ("5 != 3",),
        'self.add_weight(shape=(3, shape[0]), name="w")',
    ),
    "residual": Case(
        Residual, (x(2, 5),), "inputs + branch", ("5 != 6", "`self.dense(inputs)`: (B, 5)"), "layers.Dense(6)"
    ),
    "in loop": Case(
        InLoop,
        (x(2, 5),),
        "ops.matmul(hidden, kernel)",
        ("hidden.shape[-1] == kernel.shape[-2], but 4 != 5",),
    ),
    "loss one-hot": Case(
        Loss1,
        (x(2, 1, dtype="int32", high=3), x(2, 3)),
        "target - y_pred",
        ("4 != 3",),
        'ops.one_hot(ops.cast(ops.squeeze(y_true, -1), "int32"), 4)',
    ),
    "loss axis": Case(
        Loss2,
        (x(2, 5), x(2, 5)),
        "ops.mean(ops.square(y_true - y_pred), axis=2)",
        ("axis 2", "2 axes"),
        kind="wrong-axis",
    ),
    "metric argmax": Case(
        Metric1,
        (x(4, dtype="int32", high=3), x(4, 3)),
        'ops.equal(ops.argmax(y_pred, axis=0), ops.cast(y_true, "int64"))',
        ("3 != 4",),
        "ops.argmax(y_pred, axis=0)",
    ),
    "metric assign": Case(
        Metric2,
        (x(4), x(4)),
        "self.total.assign(errors)",
        ("self.total is ()", "(4,)"),
        only=("jax", "tensorflow", "torch"),
    ),
    "gram": Case(lambda: gram, (x(2, 5), x(2, 5)), "ops.matmul(a, b)", ("5 != 2",)),
    "sparse loss": Case(
        lambda: sparse_loss,
        (x(2, dtype="int32", high=3), x(2, 3)),
        "keras.losses.CategoricalCrossentropy(from_logits=True)(y_true, logits)",
        ("(2,)", "(2, 3)", "class numbers"),
    ),
    "mse": Case(
        lambda: mse, (x(2, 3), x(2, 4)), "keras.losses.mean_squared_error(y_true, y_pred)", ("3 != 4",)
    ),
    "masked": Case(lambda: masked, (x(2, 3), x(2, 4)), "values * mask", ("3 != 4",)),
}
