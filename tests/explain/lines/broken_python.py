"""Layers, losses, metrics and functions that fail, as users write them: types, Python, arguments, objects.

As in `broken_shapes`, whose `Case` is used.
"""

import keras
import numpy as np
from broken_shapes import Case, x
from keras import layers, ops


class IntWeights(layers.Layer):
    """Integers times floats, with the framework's own operator."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, inputs):
        counts = ops.cast(inputs, "int32")
        return counts @ ops.convert_to_tensor(self.w)


class HalfAndFull(layers.Layer):
    """float16 times float32."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, inputs):
        half = ops.cast(inputs, "float16")
        return half @ ops.convert_to_tensor(self.w)


class FloatPositions(layers.Layer):
    """Positions that are floats."""

    def build(self, shape):
        self.table = self.add_weight(shape=(4, 3), name="table")

    def call(self, inputs):
        return ops.take(self.table, ops.abs(inputs), axis=0)


class MisspelledType(layers.Layer):
    def call(self, inputs):
        return ops.cast(inputs, "flaot32")


class NoSuchEntry(layers.Layer):
    """A dict of inputs is asked for one that it does not have."""

    def call(self, features):
        return features["ids"] * ops.cast(features["mask"], "float32")


class NumpyTanh(layers.Layer):
    """NumPy inside call."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, inputs):
        hidden = ops.matmul(inputs, self.w)
        return ops.convert_to_tensor(np.tanh(hidden))


class NumpyScale(layers.Layer):
    """An array of NumPy's beside a tensor that a gradient follows."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")
        self.scale = np.ones((3,), "float32")

    def call(self, inputs):
        hidden = ops.matmul(inputs, self.w)
        return hidden * self.scale


class NumpyArray(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, inputs):
        values = np.array(ops.matmul(inputs, self.w))
        return ops.convert_to_tensor(values)


class IfPositive(layers.Layer):
    """A condition on a tensor that has no value."""

    def call(self, inputs):
        total = ops.sum(inputs)
        if total > 0:
            return inputs
        return -inputs


class IfMany(layers.Layer):
    """A condition with many truth values."""

    def call(self, inputs):
        if inputs > 0:
            return inputs
        return -inputs


class NoSuper(layers.Layer):
    def __init__(self):
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


class LateSuper(layers.Layer):
    def __init__(self):
        self.dense = layers.Dense(3)
        super().__init__()

    def call(self, inputs):
        return self.dense(inputs)


class NoSuperMetric(keras.metrics.Metric):
    def __init__(self):
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count.assign_add(1.0)

    def result(self):
        return self.count


class NoSuperLoss(keras.losses.Loss):
    def __init__(self):
        self.gamma = 2.0

    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred) ** self.gamma, axis=-1)


class NoSuperModel(keras.Model):
    def __init__(self):
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


class Misspelled(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), name="kernel")

    def call(self, inputs):
        return ops.matmul(inputs, self.kernl)


class NoSuchOp(layers.Layer):
    def call(self, inputs):
        return ops.concat([inputs, inputs], axis=-1)


class NoSuchName(layers.Layer):
    def call(self, inputs):
        hidden = ops.relu(inputs)  # noqa: F841
        return hiden + 1.0  # noqa: F821


class WrongKey(layers.Layer):
    def call(self, inputs):
        return inputs["images"] * 2.0


class Merge(layers.Layer):
    def call(self, left, right):
        return left + right


class ListForTwo(layers.Layer):
    """A list where two arguments are wanted."""

    def __init__(self):
        super().__init__()
        self.merge = Merge()

    def call(self, inputs):
        return self.merge([inputs, inputs])


class LossForgets(layers.Layer):
    """A loss without predictions."""

    def __init__(self):
        super().__init__()
        self.loss = keras.losses.MeanSquaredError()

    def call(self, inputs):
        self.add_loss(self.loss(inputs))
        return inputs


class Unexpected(layers.Layer):
    def call(self, inputs):
        return ops.softmax(inputs, dim=-1)


class ListInput(layers.Layer):
    """A list where a tensor is wanted."""

    def call(self, inputs):
        pair = [inputs, inputs]
        return pair.shape


class NoneFromHelper(layers.Layer):
    """A function that forgets to return."""

    def call(self, inputs):
        hidden = forgets(inputs)
        return hidden + 1.0


def forgets(values):
    values * 2.0


class UnknownBatch(layers.Layer):
    """The batch size is not known."""

    def call(self, inputs):
        return ops.reshape(inputs, (inputs.shape[0] * 5,))


class Strict(layers.Layer):
    """Raises by itself."""

    def call(self, inputs):
        if inputs.shape[-1] != 8:
            raise ValueError(f"8 features are needed, not {inputs.shape[-1]}")
        return inputs


class Caught(layers.Layer):
    """What is caught inside is not the failure."""

    def call(self, inputs):
        try:
            ops.reshape(inputs, (3, 3))
        except Exception:
            inputs = inputs * 1.0
        return inputs + ops.ones((3,))


SYMBOLIC = keras.KerasTensor((None, 5))
CASES = {
    "int weights": Case(
        IntWeights,
        (x(2, 5),),
        "counts @ ops.convert_to_tensor(self.w)",
        ("counts is int32", "float32"),
        kind="dtype-mismatch",
        only=("torch", "tensorflow"),
    ),
    "half and full": Case(
        HalfAndFull,
        (x(2, 5),),
        "half @ ops.convert_to_tensor(self.w)",
        ("half is float16", "float32"),
        kind="dtype-mismatch",
        only=("torch", "tensorflow"),
    ),
    "float positions": Case(
        FloatPositions,
        (x(2, 5),),
        "ops.take(self.table, ops.abs(inputs), axis=0)",
        ("integers", "float32"),
        kind="dtype-mismatch",
        only=("jax", "tensorflow"),
    ),
    "misspelled type": Case(
        MisspelledType,
        (x(2, 5),),
        'ops.cast(inputs, "flaot32")',
        ("flaot32", "float32"),
        kind="dtype-mismatch",
    ),
    "no such entry": Case(
        NoSuchEntry,
        ({"ids": x(2, 5), "attention_mask": x(2, 5)},),
        'features["mask"]',
        ("'mask'", "'attention_mask'"),
        kind="unknown-name",
    ),
    "numpy tanh": Case(
        NumpyTanh,
        (x(2, 5),),
        "np.tanh(hidden)",
        ("hidden", "keras.ops"),
        kind="numpy-in-call",
        only=("torch",),
    ),
    "numpy array beside a tensor": Case(
        NumpyScale,
        (x(2, 5),),
        "hidden * self.scale",
        ("hidden", "self.scale", "ops.convert_to_tensor(self.scale)"),
        kind="numpy-in-call",
        only=("torch",),
    ),
    "numpy tanh symbolic": Case(
        NumpyTanh,
        (SYMBOLIC,),
        "np.tanh(hidden)",
        ("hidden", "keras.ops"),
        kind="numpy-in-call",
        symbolic=True,
        only=("jax", "tensorflow"),
    ),
    "numpy array symbolic": Case(
        NumpyArray,
        (SYMBOLIC,),
        "np.array(ops.matmul(inputs, self.w))",
        ("keras.ops",),
        kind="numpy-in-call",
        symbolic=True,
        only=("jax", "tensorflow"),
    ),
    "if symbolic": Case(
        IfPositive,
        (SYMBOLIC,),
        "total > 0",
        ("ops.where",),
        kind="python-on-tensor",
        symbolic=True,
        only=("jax", "tensorflow"),
    ),
    "if many": Case(IfMany, (x(2, 5),), "inputs > 0", ("(2, 5)", "ops.where"), kind="python-on-tensor"),
    "no super": Case(
        NoSuper, (x(2, 5),), None, ("NoSuper.__init__", "super().__init__()"), kind="missing-super-init"
    ),
    "late super": Case(
        LateSuper,
        (x(2, 5),),
        "self.dense = layers.Dense(3)",
        ("super().__init__()", "after this line"),
        kind="missing-super-init",
        only=("torch",),
    ),
    "no super metric": Case(
        NoSuperMetric,
        (x(2, 5), x(2, 5)),
        'self.add_weight(name="count", initializer="zeros")',
        ("NoSuperMetric.__init__",),
        kind="missing-super-init",
    ),
    "no super loss": Case(
        NoSuperLoss, (x(2, 5), x(2, 5)), None, ("NoSuperLoss.__init__",), kind="missing-super-init"
    ),
    "no super model": Case(
        NoSuperModel, (x(2, 5),), None, ("NoSuperModel.__init__",), kind="missing-super-init"
    ),
    "misspelled attribute": Case(
        Misspelled, (x(2, 5),), "self.kernl", ("`kernl`", "`kernel`"), kind="unknown-name"
    ),
    "no such operation": Case(
        NoSuchOp, (x(2, 5),), "ops.concat", ("`concat`", "`concatenate`"), kind="unknown-name"
    ),
    "no such name": Case(NoSuchName, (x(2, 5),), "hiden", ("`hiden`", "`hidden`"), kind="unknown-name"),
    "wrong key": Case(WrongKey, ({"image": x(2, 5)},), 'inputs["images"]', ("'image'",), kind="unknown-name"),
    "list for two": Case(
        ListForTwo,
        (x(2, 5),),
        "self.merge([inputs, inputs])",
        ("Merge.call takes (left, right)", "1 argument"),
        kind="wrong-argument",
    ),
    "loss forgets": Case(
        LossForgets,
        (x(2, 5),),
        "self.loss(inputs)",
        ("y_true", "y_pred", "1 argument"),
        kind="wrong-argument",
    ),
    "unexpected": Case(
        Unexpected, (x(2, 5),), "ops.softmax(inputs, dim=-1)", ("axis", "dim"), kind="wrong-argument"
    ),
    "list input": Case(
        ListInput, (x(2, 5),), "pair.shape", ("`pair` is a list of 2",), kind="wrong-argument"
    ),
    "none from helper": Case(
        NoneFromHelper, (x(2, 5),), "hidden + 1.0", ("`hidden` is None",), kind="wrong-argument"
    ),
    "unknown batch": Case(
        UnknownBatch,
        (SYMBOLIC,),
        "inputs.shape[0] * 5",
        ("None", "ops.shape"),
        kind="wrong-argument",
        symbolic=True,
        only=("tensorflow",),
    ),
    "strict": Case(Strict, (x(2, 5),), None, ("8 features are needed, not 5",), kind="error-in-user-code"),
    "caught": Case(Caught, (x(2, 5),), "inputs + ops.ones((3,))", ("5 != 3",), "ops.ones((3,))"),
}
