"""Code that Keras itself refuses, or that changes and picks in place: layers called at once, `fit`, `Sequential`.

See `broken_shapes` for what a case is.
"""

import keras
from broken_shapes import Case, x
from keras import layers, ops


def merged_at_once():
    start = keras.Input((5,))
    left, right = layers.Dense(3)(start), layers.Dense(4)(start)
    return keras.Model(start, layers.Add()([left, right]))


def convolution_of_rows():
    start = keras.Input((8, 8, 3))
    rows = layers.Flatten()(start)
    return keras.Model(start, layers.Conv2D(4, 3)(rows))


def stacked_lstms():
    return keras.Sequential([keras.Input((6, 8)), layers.LSTM(4), layers.LSTM(4)])


def _fitted(loss, last, inputs, targets):
    model = keras.Sequential([layers.Dense(4), layers.Dense(last, activation="softmax")])
    model.compile("sgd", loss)
    model.fit(inputs, targets, verbose=0)


def one_hot_targets():
    _fitted("sparse_categorical_crossentropy", 2, x(4, 8), x(4, 2))


def steps_left_over():
    _fitted("categorical_crossentropy", 2, x(4, 6, 8), x(4, 2))


def fewer_targets():
    _fitted("mse", 2, x(4, 8), x(5, 2))


class AddedInPlace(layers.Layer):
    """`+=` with another size."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(16)

    def call(self, inputs):
        hidden = self.dense(inputs)
        hidden += inputs
        return hidden


class DotOfOthers(layers.Layer):
    """A layer called `dot`, which is not `ops.dot`."""

    def __init__(self):
        super().__init__()
        self.dot = layers.Dot(axes=1)

    def call(self, left, right):
        return self.dot([left, right])


class JoinedSteps(layers.Layer):
    """A layer called `cat`, which keeps its axis itself."""

    def __init__(self):
        super().__init__()
        self.cat = layers.Concatenate(axis=1)
        self.conv = layers.Conv1D(4, 3)

    def call(self, inputs):
        return self.cat([inputs, self.conv(inputs)])


class TooSmall(layers.Layer):
    """Nothing is left to move a window over."""

    def __init__(self):
        super().__init__()
        self.pool, self.conv = layers.MaxPooling2D(4), layers.Conv2D(3, 5)

    def call(self, inputs):
        return self.conv(self.pool(inputs))


class FlatAttention(layers.Layer):
    """Attention without steps."""

    def __init__(self):
        super().__init__()
        self.attend = layers.MultiHeadAttention(2, 4)

    def call(self, inputs):
        return self.attend(inputs, inputs)


class AllStates(layers.Layer):
    """Three results taken for one."""

    def __init__(self):
        super().__init__()
        self.lstm, self.dense = layers.LSTM(4, return_state=True), layers.Dense(2)

    def call(self, inputs):
        hidden = self.lstm(inputs)
        return self.dense(hidden)


class NothingReturned(layers.Layer):
    """A helper without a return."""

    def __init__(self):
        super().__init__()
        self.first, self.second = layers.Dense(3), layers.Dense(2)

    def half(self, inputs):
        self.first(inputs)

    def call(self, inputs):
        return self.second(self.half(inputs))


class PickedAlong(layers.Layer):
    """Positions with an axis too few."""

    def call(self, inputs, positions):
        return ops.take_along_axis(inputs, positions, axis=1)


class WrittenBeyond(layers.Layer):
    """A part that does not fit where it is put."""

    def call(self, inputs, part):
        return ops.slice_update(inputs, (0, 4), part)


class AskedAsDict(layers.Layer):
    """One tensor where a dict is meant."""

    def call(self, inputs):
        return inputs["tokens"] * 2


class SetInPlace(layers.Layer):
    """A store into a tensor."""

    def call(self, inputs):
        inputs[:, 0] = 0.0
        return inputs


class UnknownLetter(layers.Layer):
    """A result has an axis that nothing has."""

    def call(self, inputs):
        return ops.einsum("bij->bik", inputs)


class BitsOfFloats(layers.Layer):
    """`&` on floats."""

    def call(self, left, right):
        return ops.cast(left & right, "float32")


class NegatedMask(layers.Layer):
    """`-` on truth values."""

    def call(self, inputs):
        keep = inputs > 0
        return inputs * (-keep)


class HalfSize(layers.Layer):
    """A size that is a float."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], shape[-1] / 2))

    def call(self, inputs):
        return ops.matmul(inputs, self.w)


class ComparedSizes(layers.Layer):
    """An operand that needs brackets in the rule."""

    def call(self, inputs, mask):
        return ops.where(mask > 0, inputs, ops.zeros((3,)))


class Inner(keras.Model):
    """A model whose `call` has no `training`."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)


def handed_on():
    model = Inner()
    model(x(2, 5))
    weights = model.trainable_variables, model.non_trainable_variables
    return model.stateless_call(*weights, x(2, 5), training=True)


def _step(function):
    """Returns a function that makes the function: it takes nothing."""
    return lambda: function


CASES = {
    "merged at once": Case(
        _step(merged_at_once),
        (),
        "layers.Add()([left, right])",
        ("(B, 3)", "3 != 4"),
        "layers.Dense(3)(start)",
    ),
    "convolution of rows": Case(
        _step(convolution_of_rows),
        (),
        "layers.Conv2D(4, 3)(rows)",
        ("at least 4 axes, but rows has 2",),
        "layers.Flatten()(start)",
    ),
    "stacked lstms": Case(_step(stacked_lstms), (), None, ("takes inputs with 3 axes", "has 2: (None, 4)")),
    "one-hot targets": Case(_step(one_hot_targets), (), None, ("class numbers", "one-hot")),
    "steps left over": Case(
        _step(steps_left_over), (), None, ("2), the outputs (", "6, 2)", "takes an axis away")
    ),
    "fewer targets": Case(_step(fewer_targets), (), None, ("x has 4, y has 5",)),
    "added in place": Case(
        AddedInPlace,
        (x(4, 5),),
        "hidden += inputs",
        ("hidden (4, 16) = (B, 16)", "`+=`", "16 != 5"),
        "layers.Dense(16)",
    ),
    "dot layer": Case(
        DotOfOthers,
        (x(4, 8), x(4, 7)),
        "self.dot([left, right])",
        ("left.shape[1] == right.shape[1], but 8 != 7",),
    ),
    "concatenate layer": Case(
        JoinedSteps, (x(4, 8, 3),), "self.cat([inputs, self.conv(inputs)])", ("along axis 1", "3 != 4")
    ),
    "too small": Case(
        TooSmall,
        (x(2, 8, 8, 3),),
        "self.conv(self.pool(inputs))",
        ("self.pool(inputs) is (2, 2, 2, 3)", "(5, 5, 3, 3)"),
    ),
    "flat attention": Case(
        FlatAttention, (x(4, 8),), "self.attend(inputs, inputs)", ("inputs has 2 axes: (4, 8)",)
    ),
    "all states": Case(
        AllStates,
        (x(2, 6, 8),),
        "self.dense(hidden)",
        ("takes 1 tensor, but it is given 3",),
        "self.lstm(inputs)",
        kind="wrong-argument",
    ),
    "nothing returned": Case(
        NothingReturned,
        (x(2, 6),),
        "self.second(self.half(inputs))",
        ("`self.half(inputs)` is None",),
        kind="wrong-argument",
    ),
    "picked along": Case(
        PickedAlong,
        (x(4, 5), x(4, dtype="int32", high=4)),
        "ops.take_along_axis(inputs, positions, axis=1)",
        ("positions has 1: (4,), and inputs 2",),
    ),
    "written beyond": Case(
        WrittenBeyond,
        (x(4, 6), x(4, 3)),
        "ops.slice_update(inputs, (0, 4), part)",
        ("3, entries from 4 on", "is 6"),
        kind="index-out-of-range",
        only=("torch",),
    ),
    "asked as a dict": Case(
        AskedAsDict, (x(2, 8),), 'inputs["tokens"]', ("of a dict", "(2, 8)"), kind="wrong-argument"
    ),
    "set in place": Case(
        SetInPlace,
        (x(2, 8),),
        "inputs[:, 0]",
        ("cannot be changed in place",),
        kind="python-on-tensor",
        only=("jax", "tensorflow"),
    ),
    "unknown letter": Case(UnknownLetter, (x(4, 6, 5),), 'ops.einsum("bij->bik", inputs)', ("an axis `k`",)),
    "bits of floats": Case(
        BitsOfFloats, (x(4, 6), x(4, 6)), "left & right", ("`&` works on integers",), kind="dtype-mismatch"
    ),
    "negated mask": Case(
        NegatedMask,
        (x(4, 6),),
        "-keep",
        ("`-` works on", "keep is bool", "(4, 6) = (B, 6)"),
        kind="dtype-mismatch",
    ),
    "half a size": Case(HalfSize, (x(4, 6),), None, ("`shape[-1] / 2` is a float",)),
    "compared sizes": Case(
        ComparedSizes,
        (x(4, 8), x(4, 8)),
        None,
        ("(mask > 0).shape[-1] == ops.zeros((3,)).shape[-1]",),
        "ops.zeros((3,))",
    ),
    "handed on": Case(
        _step(handed_on), (), None, ("calls `Inner.call`", "'training'"), kind="wrong-argument"
    ),
}
