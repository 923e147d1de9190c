"""Bugs that no contract found when they were thought of, and sound objects that were accused; not a set to judge by."""

from __future__ import annotations

import keras
import numpy as np
from bug import Bug, labels, numbers, shares
from bugs_steps import Steps
from keras import layers, ops

OUTSIDE = keras.Variable(numbers(4, 4), name="outside")


class AroundTheClass(layers.Layer):
    """Uses a variable of its module."""

    def call(self, x):
        return ops.matmul(x, OUTSIDE)


class OfItsOwn(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 4), initializer="glorot_uniform")

    def call(self, x):
        return ops.matmul(x, self.kernel)


class Shuffles(layers.Layer):
    """Draws an order of the features when it is made, and does not keep it."""

    def __init__(self, size=4, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.order = np.random.permutation(size)

    def call(self, x):
        return ops.take(x, self.order, axis=-1)


class ShufflesBySeed(Shuffles):
    def __init__(self, size=4, **kwargs):
        super().__init__(size, **kwargs)
        self.order = np.random.default_rng(7).permutation(size)


class Detached(layers.Layer):
    """Its kernel learns, and nothing before it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(4)

    def call(self, x):
        return self.dense(self.taken(x) * 2)

    def taken(self, x):
        return ops.stop_gradient(x)


class Attached(Detached):
    def taken(self, x):
        return x


class SummedPenalty(layers.Layer):
    """Adds the divergence of all samples up."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(8)

    def call(self, x):
        mean, spread = ops.split(self.dense(x), 2, axis=-1)
        self.add_loss(self.over(-0.5 * ops.sum(1 + spread - ops.square(mean) - ops.exp(spread), axis=-1)))
        return mean

    def over(self, values):
        return ops.sum(values)


class MeanPenalty(SummedPenalty):
    def over(self, values):
        return ops.mean(values)


class DropsTheBatch(layers.Layer):
    """Stochastic depth with one draw for all samples."""

    def __init__(self, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator(3)

    def call(self, x, training=False):
        if not training:
            return x
        kept = keras.random.uniform(self.drawn(x), seed=self.seed_generator) >= self.rate
        return x * ops.cast(kept, x.dtype) / (1 - self.rate)

    def drawn(self, x):
        return (1, 1)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


class DropsSamples(DropsTheBatch):
    def drawn(self, x):
        return (ops.shape(x)[0], 1)


class KeepsTheSteps(layers.Layer):
    """Makes a constant in its first call, and keeps it for the others."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps = None

    def call(self, x):
        if self.steps is None:
            self.steps = ops.arange(4, dtype="float32")
        return x * self.steps


class MakesTheSteps(layers.Layer):
    def call(self, x):
        return x * ops.arange(4, dtype=x.dtype)


class ForgetsActivation(layers.Layer):
    def __init__(self, units=4, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.dense = layers.Dense(units)

    def call(self, x):
        return self.activation(self.dense(x))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class KeepsActivation(ForgetsActivation):
    def get_config(self):
        return {**super().get_config(), "activation": keras.activations.serialize(self.activation)}


def mish_by_hand(x):
    return x * ops.tanh(ops.log(1 + ops.exp(x)))


def mish(x):
    return x * ops.tanh(ops.softplus(x))


class Experts(layers.Layer):
    """Sound. Asks one of many experts: most of them get no gradient from a small batch."""

    def __init__(self, count=8, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        self.router = layers.Dense(count)
        self.experts = [layers.Dense(4) for _ in range(count)]

    def call(self, x):
        shares = ops.softmax(self.router(x))
        chosen = ops.one_hot(ops.argmax(shares, axis=-1), self.count, dtype=shares.dtype) * shares
        return ops.sum(chosen[..., None] * ops.stack([expert(x) for expert in self.experts], axis=1), axis=1)

    def get_config(self):
        return {**super().get_config(), "count": self.count}


# -- losses and metrics --------------------------------------------------------------------------------------------


class OneHotByHand(keras.losses.Loss):
    """Of labels (B, 1) it makes (B, 1, C), and of that and (B, C) every pair of samples."""

    def call(self, y_true, y_pred):
        return -ops.sum(ops.one_hot(self.flat(y_true), 4) * ops.log(y_pred + 1e-7), axis=-1)

    def flat(self, y_true):
        return ops.cast(y_true, "int32")


class OneHotOfFlat(OneHotByHand):
    def flat(self, y_true):
        return ops.reshape(ops.cast(y_true, "int32"), (-1,))


class Hits(keras.metrics.Metric):
    """Compares labels (B, 1) with decisions (B,)."""

    def __init__(self, name="hits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        chosen = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        hits = ops.cast(ops.equal(self.flat(ops.cast(y_true, "int32")), chosen), "float32")
        weights = ops.ones_like(hits)
        if sample_weight is not None:
            weights = ops.broadcast_to(ops.cast(sample_weight, "float32"), ops.shape(hits))
        self.total.assign_add(ops.sum(hits * weights))
        self.count.assign_add(ops.sum(weights))

    def flat(self, y_true):
        return y_true

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


class HitsOfFlat(Hits):
    def flat(self, y_true):
        return ops.reshape(y_true, (-1,))


class Balanced(keras.losses.Loss):
    """Weighs the pixels of the mask by their share, of which there may be none."""

    def call(self, y_true, y_pred):
        p = ops.clip(y_pred, 1e-7, 1 - 1e-7)
        inside, outside = (ops.sum(part, axis=-1, keepdims=True) for part in (y_true, 1 - y_true))
        weights = y_true * outside / self.divisor(inside) + 1 - y_true
        return -ops.mean(weights * (y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p)), axis=-1)

    def divisor(self, inside):
        return inside


class BalancedGuarded(Balanced):
    def divisor(self, inside):
        return ops.maximum(inside, 1)


class WithoutPadding(keras.losses.Loss):
    """The mean over the words of a sentence, of which there may be none."""

    def call(self, y_true, y_pred):
        values = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
        words = ops.cast(y_true != 0, values.dtype)
        return ops.sum(values * words, axis=-1) / self.divisor(ops.sum(words, axis=-1))

    def divisor(self, words):
        return words


class WithoutPaddingGuarded(WithoutPadding):
    def divisor(self, words):
        return ops.maximum(words, 1)


class OneTerm(keras.losses.Loss):
    """A cross-entropy of two classes with a term for one of them."""

    def call(self, y_true, y_pred):
        return -ops.mean(y_true * ops.log(ops.clip(y_pred, 1e-7, 1)), axis=-1)


class TwoTerms(keras.losses.Loss):
    def call(self, y_true, y_pred):
        p = ops.clip(y_pred, 1e-7, 1 - 1e-7)
        return -ops.mean(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p), axis=-1)


class PlainDifference(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(y_true - y_pred, axis=-1)


class AbsoluteDifference(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)


class Alike(keras.losses.Loss):
    """Sound. Contrastive: predictions are distances, and 1 means alike."""

    def call(self, y_true, y_pred):
        margin = ops.maximum(1.0 - y_pred, 0)
        return ops.mean(y_true * ops.square(y_pred) + (1 - y_true) * ops.square(margin), axis=-1)


class LogVariance(keras.losses.Loss):
    """Sound. A normal distribution whose second number is the logarithm of its variance: exp(100) is infinite."""

    def call(self, y_true, y_pred):
        mean, logarithm = y_pred[:, :1], y_pred[:, 1:]
        return ops.mean(logarithm + ops.square(y_true - mean) * ops.exp(-logarithm), axis=-1)


class Asymmetric(keras.losses.Loss):
    """Sound. Only what is too little costs anything."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.relu(y_true - y_pred), axis=-1)


class WeighedByTheBatch(keras.losses.Loss):
    """Weighs by the share of positives of the batch, which is the same in some batches by chance."""

    def call(self, y_true, y_pred):
        share = ops.mean(y_true)
        weight = y_true * (1 - share) + (1 - y_true) * share
        return weight[:, 0] * keras.losses.binary_crossentropy(y_true, y_pred)


class WeighedByThemselves(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return (0.3 + 0.4 * y_true[:, 0]) * keras.losses.binary_crossentropy(y_true, y_pred)


class OverridesTheCall(keras.losses.Loss):
    """Leaves no weights and no reduction to Keras."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        return ops.mean(ops.square(y_true - y_pred))


class DefinesCall(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), -1)


class MaximumWithZeros(layers.Layer):
    """Puts zeros in the place of padding, which are the largest among negative numbers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, x, mask=None):
        return None

    def padded(self, x, mask):
        return x * ops.cast(mask, x.dtype)[..., None]

    def call(self, x, mask=None):
        return ops.max(x if mask is None else self.padded(x, mask), axis=1)


class MaximumWithout(MaximumWithZeros):
    def padded(self, x, mask):
        return ops.where(mask[..., None], x, ops.cast(-1e4, x.dtype))


class TinyEpsilon(layers.Layer):
    """Its epsilon is 0 in float16."""

    epsilon = 1e-9

    def call(self, x):
        return x / ops.sqrt(ops.sum(ops.square(x), -1, keepdims=True) + self.epsilon)


class FairEpsilon(TinyEpsilon):
    epsilon = 1e-4


class KeepsSmall(keras.Model):
    """Adds a loss in `call`, and leaves it out of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.outer = layers.Dense(4), layers.Dense(2)

    def build(self, shape):
        self.inner.build(shape)
        self.outer.build((shape[0], 4))

    def call(self, x):
        z = self.inner(x)
        self.add_loss(0.01 * ops.mean(ops.square(z)))
        return self.outer(z)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        errors = ops.mean(ops.square(y - y_pred), -1)
        if sample_weight is not None:
            errors = errors * ops.reshape(sample_weight, (-1,))
        return ops.mean(errors)


class KeepsSmallIndeed(KeepsSmall):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight) + sum(self.losses)


class Climbs(KeepsSmallIndeed):
    """Makes larger what was given to `compile`."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return -super().compute_loss(x, y, y_pred, sample_weight)


class Drops(keras.Model):
    """Its optimizer gathers the gradients of three batches before it moves a weight."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(8, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.01))
        self.drop = layers.Dropout(0.3)
        self.outer = layers.Dense(2)

    def call(self, x, training=None):
        return self.outer(self.drop(self.inner(x), training=training))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, self.weighed(sample_weight), training)

    def weighed(self, sample_weight):
        return sample_weight


class DropsWeights(Drops):
    def weighed(self, sample_weight):
        return None


class Modest(Steps):
    """Adds to the loss in its step what compute_loss does not know of."""

    def penalty(self, y_pred):
        return 0.5 * ops.mean(ops.square(y_pred))

    def loss_of(self, x, y, y_pred, sample_weight, added):
        return self.compute_loss(x, y, y_pred, sample_weight) + self.penalty(y_pred)


class ModestUnsaid(Modest):
    def logs_of(self, logs, y_pred):
        return {**logs, "loss": logs["loss"] - self.penalty(y_pred)}


class Magnified(Modest):
    """Differentiates a multiple of its loss, as for half precision, and logs the loss."""

    def loss_of(self, *args):
        return 64 * super().loss_of(*args)

    def gradients_of(self, gradients):
        return [gradient / 64 for gradient in gradients]

    def logs_of(self, logs, y_pred):
        return {**logs, "loss": logs["loss"] / 64}


def _ready(cls, gathers=None):
    def make():
        keras.utils.set_random_seed(0)
        model = cls()
        model.compile(keras.optimizers.SGD(0.01, gradient_accumulation_steps=gathers), "mse")
        return model

    return make


def _rows():
    return numbers(8, 6), numbers(8, 2, seed=1)


def _bug(broken, sound, *contracts, inputs=lambda: (numbers(8, 4),)):
    return Bug(broken, sound, frozenset(contracts), inputs=inputs)


def _classes():
    return np.random.default_rng(0).integers(0, 4, (8, 1)).astype("int32"), shares(8, 4)


def _words():
    return np.random.default_rng(0).integers(0, 5, (8, 6)).astype("int32"), numbers(8, 6, 5)


def _two(*shape):
    return lambda: (labels(*shape), shares(*shape))


BUGS = {
    "AroundTheClass": _bug(AroundTheClass, OfItsOwn, "tracked-state"),
    "Shuffles": _bug(Shuffles, ShufflesBySeed, "tracked-state"),
    "Detached": _bug(Detached, Attached, "gradients-reach"),
    "SummedPenalty": _bug(SummedPenalty, MeanPenalty, "in-models"),
    "DropsTheBatch": _bug(DropsTheBatch, DropsSamples, "training-noise"),
    "KeepsTheSteps": _bug(KeepsTheSteps, MakesTheSteps, "python-state", "tracked-state"),
    "ForgetsActivation": _bug(ForgetsActivation, KeepsActivation, "config"),
    "mish_by_hand": _bug(lambda: mish_by_hand, lambda: mish, "gradients-finite"),
    "OneHotByHand": _bug(OneHotByHand, OneHotOfFlat, "loss-targets", inputs=_classes),
    "Hits": _bug(Hits, HitsOfFlat, "metric-targets", inputs=_classes),
    "Balanced": _bug(Balanced, BalancedGuarded, "loss-finite", inputs=_two(8, 6)),
    "WithoutPadding": _bug(WithoutPadding, WithoutPaddingGuarded, "loss-finite", inputs=_words),
    "OneTerm": _bug(OneTerm, TwoTerms, "loss-minimum", inputs=_two(8, 1)),
    "PlainDifference": _bug(
        PlainDifference,
        AbsoluteDifference,
        "loss-minimum",
        inputs=lambda: (numbers(8, 3), numbers(8, 3, seed=1)),
    ),
    "WeighedByTheBatch": _bug(
        WeighedByTheBatch, WeighedByThemselves, "loss-batch-independence", inputs=_two(8, 1)
    ),
    "OverridesTheCall": _bug(OverridesTheCall, DefinesCall, "loss-sample-weight", inputs=_two(8, 1)),
    "MaximumWithZeros": _bug(MaximumWithZeros, MaximumWithout, "masks", inputs=lambda: ((4, 6, 8),)),
    "TinyEpsilon": _bug(TinyEpsilon, FairEpsilon, "mixed-precision", inputs=lambda: ((4, 8),)),
    "KeepsSmall": _bug(_ready(KeepsSmall), _ready(KeepsSmallIndeed), "step-added-losses", inputs=_rows),
    "DropsWeights": _bug(_ready(DropsWeights, 3), _ready(Drops, 3), "step-sample-weight", inputs=_rows),
    "ModestUnsaid": _bug(_ready(ModestUnsaid), _ready(Modest), "step-logs", inputs=_rows),
    "Climbs": _bug(_ready(Climbs), _ready(KeepsSmallIndeed), "step-learns", inputs=_rows),
}


def scaled_by_a_lambda():
    """Keras loads a Python lambda only where that is allowed."""
    x = keras.Input((5,))
    inner = keras.Sequential([keras.Input((4,)), layers.Lambda(lambda z: 2.0 * z), layers.Dense(3)])
    model = keras.Model(x, inner(layers.Lambda(lambda z: ops.tanh(z))(layers.Dense(4)(x))))
    model.compile("adam", "mse")
    return model


SOUND = {
    "Experts": _bug(None, Experts),
    "Magnified": _bug(None, _ready(Magnified), inputs=_rows),
    "two lambdas": _bug(None, scaled_by_a_lambda, inputs=lambda: (numbers(8, 5), numbers(8, 3, seed=1))),
    "Alike": _bug(None, Alike, inputs=lambda: (labels(8, 1), 3 * shares(8, 1))),
    "LogVariance": _bug(None, LogVariance, inputs=lambda: (numbers(8, 1), numbers(8, 2))),
    "Asymmetric": _bug(None, Asymmetric, inputs=lambda: (numbers(8, 3), numbers(8, 3, seed=1))),
}
