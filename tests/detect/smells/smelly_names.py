"""User code whose numbers are not what a name says of them, and the same done well; added to the cases of `smelly`."""

import keras
import numpy as np
from keras import layers, ops
from smelly import Run, faulty, healthy, tensor

ONES = np.array([[1, 1, 1, 0, 0]] * 4, "float32")


@faulty("wrong-argument", "ops.sum(a * b, axis=-1)")
def cosine_of_what_is_not_normalised():
    def call(a, b):
        cosine = ops.sum(a * b, axis=-1)
        return 0.5 + 0.5 * cosine

    return Run(call)(tensor(4, 6), tensor(4, 6) + 1.0)


@healthy
def cosine_of_normalised_vectors():
    def call(a, b):
        cosine = ops.sum(ops.normalize(a, axis=-1) * ops.normalize(b, axis=-1), axis=-1)
        return 0.5 + 0.5 * cosine

    return Run(call)(tensor(4, 6), tensor(4, 6) + 1.0)


@faulty("wrong-argument", "ops.matmul(x, ops.ones((3, 2)))")
def probabilities_that_are_scores():
    def call(x):
        probs = ops.matmul(x, ops.ones((3, 2)))
        return x * probs[:, :1]

    return Run(call)(tensor(4, 3))


@healthy
def probabilities_and_their_logarithms():
    def call(x):
        log_probs = ops.log_softmax(x, axis=-1)
        probs = ops.exp(log_probs)
        return x * probs + log_probs

    return Run(call)(tensor(4, 3))


@faulty("wrong-argument", "2.0 * x")
def spread_below_zero():
    def call(x):
        sigma = 2.0 * x
        return ops.concatenate([x, sigma], axis=-1)

    return Run(call)(tensor(4, 3))


@healthy
def spread_above_zero():
    def call(x):
        sigma = ops.softplus(x)
        variance = ops.mean(x * x, axis=-1, keepdims=True) - ops.square(ops.mean(x, axis=-1, keepdims=True))
        return ops.concatenate([x, sigma, variance], axis=-1)

    return Run(call)(tensor(4, 3))


class Smoothed(keras.losses.Loss):
    """Cross-entropy of smoothed labels."""

    def __init__(self, shared, **kwargs):
        super().__init__(**kwargs)
        self.shared = shared

    def call(self, y_true, y_pred):
        target = 0.9 * y_true + (0.1 / 3 if self.shared else 0.1)
        return -ops.sum(target * ops.log(y_pred), axis=-1)


def labels():
    return ops.convert_to_tensor(np.eye(3, dtype="float32")[[0, 1, 2, 0]]), ops.softmax(tensor(4, 3), axis=-1)


@faulty("wrong-argument", "0.9 * y_true + (0.1 / 3 if self.shared else 0.1)")
def labels_smoothed_by_too_much():
    return Smoothed(False)(*labels())


@healthy
def labels_smoothed():
    return Smoothed(True)(*labels())


class Weighed(layers.Layer):
    """Attention with a temperature."""

    def __init__(self, by, temperature=2.0, **kwargs):
        super().__init__(**kwargs)
        self.by, self.temperature, self.width = by, temperature, 7

    def call(self, x):
        scores = ops.matmul(x, ops.swapaxes(x, 1, 2))
        if self.by == "temperature":
            scores = scores * self.temperature
        elif self.by == "root":
            scores = scores * self.width**0.5
        else:
            scores = scores / self.temperature / self.width**0.5
        return ops.matmul(ops.softmax(scores, axis=-1), x)


@faulty("wrong-argument", "scores * self.temperature")
def scores_times_a_temperature():
    return Weighed("temperature")(tensor(4, 5, 7) * 0.1)


@faulty("wrong-argument", "scores * self.width**0.5")
def scores_times_the_root_of_their_width():
    return Weighed("root")(tensor(4, 5, 7) * 0.1)


@healthy
def scores_divided_by_both():
    return Weighed("none")(tensor(4, 5, 7))


class Standardises(layers.Layer):
    """Normalises each row."""

    def __init__(self, root, **kwargs):
        super().__init__(**kwargs)
        self.root = root

    def call(self, x):
        mean, var = ops.mean(x, axis=-1, keepdims=True), ops.var(x, axis=-1, keepdims=True)
        if self.root:
            return (x - mean) / ops.sqrt(var + 1e-5)
        return (x - mean) / (var + 1e-5)


@faulty("wrong-argument", "(x - mean) / (var + 1e-5)")
def divided_by_a_variance():
    return Standardises(False)(tensor(4, 6))


@healthy
def divided_by_a_deviation():
    return Standardises(True)(tensor(4, 6))


class MaskedMean(layers.Layer):
    """The mean of all steps but padding."""

    def __init__(self, kept, **kwargs):
        super().__init__(**kwargs)
        self.kept = kept

    def call(self, x, mask):
        mask = mask[:, :, None]
        if self.kept:
            return ops.sum(x * mask, axis=1) / ops.sum(mask, axis=1)
        return ops.mean(x * mask, axis=1)


@faulty("wrong-argument", "ops.mean(x * mask, axis=1)")
def padding_in_a_mean():
    return MaskedMean(False)(tensor(4, 5, 3), ops.convert_to_tensor(ONES))


@healthy
def padding_left_out_of_a_mean():
    return MaskedMean(True)(tensor(4, 5, 3), ops.convert_to_tensor(ONES))


class Pictures(keras.Model):
    """A convolution and a normalisation."""

    def __init__(self, axis):
        super().__init__()
        self.conv = layers.Conv2D(5, 3)
        self.norm = layers.BatchNormalization(axis=axis)

    def call(self, x):
        x = self.conv(x)
        return self.norm(x)


@faulty("wrong-axis", "self.norm(x)")
def rows_of_a_picture_normalised():
    return Pictures(1)(tensor(4, 8, 6, 3))


@healthy
def channels_normalised():
    return Pictures(-1)(tensor(4, 8, 6, 3))


@faulty("wrong-argument", "x[:, 1:] - x[:, 1:]")
def difference_of_the_same():
    return Run(lambda x: (x[:, 1:] - x[:, 1:]) * 2.0)(tensor(4, 5))


@healthy
def difference_of_neighbours():
    return Run(lambda x: (x[:, 1:] - x[:, :-1]) * 2.0)(tensor(4, 5))


def margin(between):
    def call(anchor, positive, negative):
        d_pos = ops.sum(ops.square(anchor - positive), axis=-1)
        d_neg = ops.sum(ops.square(anchor - negative), axis=-1)
        if between == "distances":
            return ops.relu(d_pos - d_neg + 0.5)
        if between == "turned":
            return ops.relu(d_neg - d_pos + 0.5)
        sim_pos, sim_neg = -d_pos, -d_neg
        return ops.relu(sim_neg - sim_pos + 0.5)

    return Run(call)(tensor(4, 5), tensor(4, 5) + 0.1, tensor(4, 5) - 1.0)


@faulty("wrong-argument", "d_neg - d_pos")
def positive_pushed_away():
    return margin("turned")


@healthy
def positive_drawn_near():
    return margin("distances")


@healthy
def positive_more_alike():
    return margin("similarities")


class ResidualBlock(layers.Layer):
    """A dense layer, around which its input is passed."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(5)

    def call(self, x):
        h = self.dense(x)
        return ops.tanh(h)


class ResidualSum(ResidualBlock):
    """A dense layer, around which its input is passed."""

    def call(self, x):
        return x + ops.tanh(self.dense(x))


class ResidualOfAFit(ResidualBlock):
    """What is left of the input when what is told of it has been taken away."""

    def call(self, x):
        return x - self.dense(x)


@healthy
def what_is_left_is_a_residual_too():
    return ResidualOfAFit()(tensor(4, 5))


@faulty("wrong-argument", "ops.tanh(h)")
def nothing_added_in_a_residual_block():
    return ResidualBlock()(tensor(4, 5))


@healthy
def input_added_in_a_residual_block():
    return ResidualSum()(tensor(4, 5))


@faulty("wrong-argument", "ops.max(h, axis=1)")
def zeros_in_a_maximum():
    def call(x, mask):
        h = x * mask[:, :, None]
        return ops.max(h, axis=1)

    return Run(call)(tensor(4, 5, 3), ops.convert_to_tensor(ONES))


@healthy
def masked_places_below_all():
    def call(x, mask):
        h = ops.where(mask[:, :, None] > 0, x, -1e9)
        return ops.max(h, axis=1)

    return Run(call)(tensor(4, 5, 3), ops.convert_to_tensor(ONES))


@healthy
def zeros_in_a_maximum_of_what_is_positive():
    def call(x, mask):
        h = ops.abs(x) * mask[:, :, None]
        return ops.max(h, axis=1)

    return Run(call)(tensor(4, 5, 3), ops.convert_to_tensor(ONES))


class Total(keras.metrics.Metric):
    """Adds up what is wrong."""

    def __init__(self, kind, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(name="total", initializer="zeros", dtype=kind)

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.sum(ops.abs(y_true - y_pred)))

    def result(self):
        return self.total


class Count(Total):
    """Counts rows, which are whole."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.sum(ops.ones_like(y_true[:, 0])))


@faulty("wrong-argument", "ops.sum(ops.abs(y_true - y_pred))")
def fractions_in_a_state_of_whole_numbers():
    Total("int32").update_state(tensor(4, 3), tensor(4, 3) * 0.7)


@healthy
def fractions_in_a_state_of_fractions():
    Total("float32").update_state(tensor(4, 3), tensor(4, 3) * 0.7)


@healthy
def counts_in_a_state_of_whole_numbers():
    Count("int32").update_state(tensor(4, 3), tensor(4, 3))
