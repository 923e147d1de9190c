"""A fifth set of bugs and sound twins, written after what the fourth had taught, and before any of them was run."""

from __future__ import annotations

import functools

import keras
from bug import labels, numbers, shares
from bugs_people import Regressor, Sign, both, bug, one, step
from bugs_steps import Steps
from keras import layers, ops

register = keras.saving.register_keras_serializable("kerascope_fifth")


# -- layers --------------------------------------------------------------------------------------------------------


class LastStep(layers.Layer):
    """Takes the last step of a padded sequence, which is padding."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x, mask=None):
        return x[:, -1, :]

    def compute_mask(self, inputs, mask=None):
        return None


class LastWord(LastStep):
    def call(self, x, mask=None):
        if mask is None:
            return x[:, -1, :]
        last = ops.sum(ops.cast(mask, "int32"), axis=1) - 1
        return ops.sum(x * ops.cast(ops.one_hot(last, x.shape[1]), x.dtype)[..., None], axis=1)


@register
class Bottleneck(layers.Layer):
    """Writes its width down under a name that its constructor does not have."""

    key = "n_units"

    def __init__(self, width=3, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.inner = layers.Dense(width, activation="elu")

    def build(self, input_shape):
        self.inner.build(input_shape)
        self.outer = layers.Dense(input_shape[-1])
        self.outer.build((*input_shape[:-1], self.width))

    def call(self, x):
        return self.outer(self.inner(x))

    def get_config(self):
        config = super().get_config()
        config.update({self.key: self.width})
        return config


@register
class BottleneckByName(Bottleneck):
    key = "width"


class InstanceNorm(layers.Layer):
    """Divides by the spread of an image, which one of a single colour has not."""

    eps = 0.0

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer="ones")
        self.shift = self.add_weight(name="shift", shape=(input_shape[-1],), initializer="zeros")

    def call(self, x):
        mean = ops.mean(x, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(x - mean), axis=(1, 2), keepdims=True)
        return self.scale * (x - mean) / ops.sqrt(variance + self.eps) + self.shift


class InstanceNormGuarded(InstanceNorm):
    eps = 1e-5


class Jitter(layers.Layer):
    """Augments whatever passes through, in prediction too."""

    def __init__(self, amount=0.1, **kwargs):
        super().__init__(**kwargs)
        self.amount = amount
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, images, training=None):
        noise = keras.random.uniform(ops.shape(images), -self.amount, self.amount, seed=self.seed_generator)
        return images + noise

    def get_config(self):
        return {**super().get_config(), "amount": self.amount}


class JitterInTraining(Jitter):
    def call(self, images, training=None):
        return super().call(images) if training else images


class Highway(layers.Layer):
    """Makes a bias for its gate, and adds the other one twice."""

    def build(self, input_shape):
        dim = input_shape[-1]
        self.kernel = self.add_weight(shape=(dim, dim), name="kernel")
        self.bias = self.add_weight(shape=(dim,), initializer="zeros", name="bias")
        self.gate = self.add_weight(shape=(dim, dim), name="gate")
        self.gate_bias = self.add_weight(
            shape=(dim,), initializer=keras.initializers.Constant(-1), name="gate_bias"
        )

    def biases(self):
        return self.bias, self.bias

    def call(self, x):
        b, c = self.biases()
        t = ops.sigmoid(ops.matmul(x, self.gate) + c)
        return t * ops.relu(ops.matmul(x, self.kernel) + b) + (1 - t) * x


class HighwayWithBoth(Highway):
    def biases(self):
        return self.bias, self.gate_bias


class Residual(layers.Layer):
    """Binds its layer to a function, where Keras does not look."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.branch = functools.partial(self._through, layers.Dense(6, activation="relu"))

    @staticmethod
    def _through(layer, x):
        return layer(x)

    def call(self, x):
        return x + self.branch(x)


class ResidualSeen(Residual):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(6, activation="relu")
        self.branch = None

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, x):
        return x + self.dense(x)


class SimpleCell(layers.Layer):
    """Begins with zeros of the default type, whatever type it computes in."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w")
        self.u = self.add_weight(shape=(self.units, self.units), initializer="orthogonal", name="u")

    def zeros(self, x):
        return ops.zeros((ops.shape(x)[0], self.units))

    def call(self, x):
        h = self.zeros(x)
        for t in range(x.shape[1]):
            h = 0.5 * h + 0.5 * ops.tanh(
                ops.matmul(x[:, t], self.w) + ops.cast(ops.matmul(h, self.u), x.dtype)
            )
        return h

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class SimpleCellInItsType(SimpleCell):
    def zeros(self, x):
        return ops.zeros((ops.shape(x)[0], self.units), dtype=x.dtype)


class Dilated(layers.Layer):
    """Leaves the dilation out when it says how long its output is."""

    def __init__(self, filters=4, rate=2, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.rate = filters, rate
        self.conv = layers.Conv1D(filters, 3, dilation_rate=rate)

    def build(self, input_shape):
        self.conv.build(input_shape)

    def call(self, x):
        return self.conv(x)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] - 2, self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "rate": self.rate}


class DilatedTold(Dilated):
    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] - 2 * self.rate, self.filters)


# -- models and steps ----------------------------------------------------------------------------------------------


class TwoHeads(keras.Model):
    """Predicts with a head that no training step ever goes through."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.body = layers.Dense(5, activation="relu")
        self.main, self.helper = layers.Dense(2), layers.Dense(2)

    def build(self, input_shape):
        self.body.build(input_shape)
        self.main.build((None, 5))
        self.helper.build((None, 5))

    def call(self, x, training=False):
        h = self.body(x)
        return self.helper(h) if training else self.main(h)


class TwoHeadsTogether(TwoHeads):
    def call(self, x, training=False):
        h = self.body(x)
        return (self.main(h) + self.helper(h)) / 2 if training else self.main(h)


class DividesItsLoss(Steps):
    """Divides the loss by the number of samples once more before it logs it."""

    def loss_of(self, x, y, y_pred, sample_weight, added):
        return super().loss_of(x, y, y_pred, sample_weight, added) / 16.0


class Mixup(Regressor):
    """Mixes the targets of neighbours, and leaves the predictions alone: nothing repeats, and nothing compiles."""

    share = 0.0

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.share = (self.share + 0.3) % 1.0
        mixed = self.share * y + (1 - self.share) * ops.roll(y, 1, axis=0)
        return super().compute_loss(x, mixed, y_pred, sample_weight, training)


def unit_kernel():
    """Uses the kernel of a layer, normalised, between layers."""
    x = keras.Input((6,))
    dense = layers.Dense(4, use_bias=False)
    h = ops.relu(dense(x))
    kernel = ops.convert_to_tensor(dense.kernel)
    back = ops.matmul(h, ops.transpose(kernel / ops.sqrt(ops.sum(ops.square(kernel)) + 1e-6)))
    return keras.Model(x, layers.Dense(1)(back))


@register
class BackThrough(layers.Layer):
    def __init__(self, dense, **kwargs):
        super().__init__(**kwargs)
        self.dense = dense

    def call(self, h):
        kernel = ops.convert_to_tensor(self.dense.kernel)
        return ops.matmul(h, ops.transpose(kernel / ops.sqrt(ops.sum(ops.square(kernel)) + 1e-6)))


def unit_kernel_in_a_layer():
    x = keras.Input((6,))
    dense = layers.Dense(4, use_bias=False)
    h = ops.relu(dense(x))
    return keras.Model(x, layers.Dense(1)(BackThrough(dense)(h)))


# -- losses --------------------------------------------------------------------------------------------------------


class LogisticByHand(keras.losses.Loss):
    """Takes the logarithm of a sigmoid, which is 0 far enough away."""

    def call(self, y_true, y_pred):
        p = ops.sigmoid(y_pred)
        return -ops.mean(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p), axis=-1)


class LogisticByKeras(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.softplus(y_pred) - y_true * y_pred, axis=-1)


def cosine(y_true, y_pred):
    """Is largest where both point in one direction."""
    return ops.sum(_unit(y_true) * _unit(y_pred), axis=-1)


def cosine_distance(y_true, y_pred):
    return 1 - ops.sum(_unit(y_true) * _unit(y_pred), axis=-1)


def _unit(x):
    return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-6)


# -- metrics and optimizers ----------------------------------------------------------------------------------------


class Smoothing(keras.metrics.Metric):
    """Counts how often it was asked."""

    def __init__(self, name="smoothing", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = ops.mean(ops.square(y_true - y_pred), axis=-1)
        weight = (
            ops.ones_like(error)
            if sample_weight is None
            else ops.cast(ops.reshape(sample_weight, (-1,)), "float32")
        )
        self.total.assign_add(ops.sum(error * weight))
        self.count.assign_add(ops.sum(weight))

    def result(self):
        self.count.assign_add(1.0)
        return self.total / self.count


class NoSmoothing(Smoothing):
    def result(self):
        return ops.divide_no_nan(self.total, self.count)


class MeanOfBatches(Smoothing):
    """Adds the batches' means and counts batches."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.mean(ops.abs(y_true - y_pred)))
        self.count.assign_add(1.0)

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


@register
class Within(keras.metrics.Mean):
    """The share of predictions that are near enough; how near is lost on the way to a file and back."""

    def __init__(self, tolerance=0.1, **kwargs):
        super().__init__(**kwargs)
        self._tolerance = tolerance

    def update_state(self, y_true, y_pred, sample_weight=None):
        near = ops.cast(ops.abs(y_true - y_pred) < self._tolerance, "float32")
        super().update_state(ops.mean(near, axis=-1), sample_weight)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


@register
class WithinKept(Within):
    def get_config(self):
        return {**super().get_config(), "tolerance": self._tolerance}


class Decays(Sign):
    """Shrinks the weights by a share that its configuration does not know."""

    def __init__(self, shrink=0.01, **kwargs):
        super().__init__(**kwargs)
        self.shrink = shrink

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate)
        self.assign(variable, variable * (1 - self.shrink))


class DecaysKept(Decays):
    def get_config(self):
        return {**super().get_config(), "shrink": self.shrink}


_LOGITS = {"inputs": lambda: (labels(8, 4), numbers(8, 4, seed=1))}

BUGS = {
    "LastStep": bug(LastStep, LastWord, "masks", inputs=one(3, 5, 4)),
    "Bottleneck": bug(Bottleneck, BottleneckByName, "config", "save-and-load", inputs=one(3, 6)),
    "InstanceNorm": bug(InstanceNorm, InstanceNormGuarded, "gradients-finite", inputs=one(3, 4, 4, 2)),
    "Jitter": bug(Jitter, JitterInTraining, "deterministic-inference", inputs=one(3, 4, 4, 2)),
    "Highway": bug(Highway, HighwayWithBoth, "gradients-reach", inputs=one(3, 6)),
    "Residual": bug(Residual, ResidualSeen, "tracked-state", "build-creates-all", inputs=one(3, 6)),
    "SimpleCell": bug(SimpleCell, SimpleCellInItsType, "mixed-precision", inputs=one(3, 5, 4)),
    "Dilated": bug(Dilated, DilatedTold, "shapes-agree", inputs=one(3, 9, 2)),
    "TwoHeads": bug(TwoHeads, TwoHeadsTogether, "gradients-reach", inputs=one(3, 6)),
    "DividesItsLoss": step(DividesItsLoss, Steps, "step-logs"),
    "Mixup": step(Mixup, Regressor, "step-repeatable", "step-compiled"),
    "unit_kernel": bug(lambda: unit_kernel, lambda: unit_kernel_in_a_layer, "baked-weights"),
    "LogisticByHand": bug(LogisticByHand, LogisticByKeras, "loss-finite", **_LOGITS),
    "cosine": bug(lambda: cosine, lambda: cosine_distance, "loss-minimum", inputs=both(numbers)),
    "Smoothing": bug(Smoothing, NoSmoothing, "metric-repeatable", inputs=both(shares)),
    "MeanOfBatches": bug(MeanOfBatches, NoSmoothing, "metric-split", inputs=both(numbers)),
    "Within": bug(lambda: Within(0.7), lambda: WithinKept(0.7), "metric-config", inputs=both(shares)),
    "Decays": bug(lambda: Decays(0.2), lambda: DecaysKept(0.2), "optimizer-config"),
}
