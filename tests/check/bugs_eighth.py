"""An eighth set, run before anything was learnt from it: what people port, half remember or write at midnight."""

from __future__ import annotations

import keras
import numpy as np
from bug import labels, numbers, one_hot, shares
from bugs_people import Regressor, Sign, both, bug, compiled, one
from bugs_seventh import sound, step
from keras import layers, ops

register = keras.saving.register_keras_serializable("kerascope_eighth")
BACKEND = keras.backend.backend()


# -- layers --------------------------------------------------------------------------------------------------------


class Rotary(layers.Layer):
    """Turns pairs of features by their place; keeps the table of the first call for the next ones."""

    def __init__(self, base=100.0, **kwargs):
        super().__init__(**kwargs)
        self.base = base
        self.cached = None

    def angles(self, x):
        places = ops.arange(x.shape[1], dtype="float32")
        speeds = ops.power(self.base, -ops.arange(0, x.shape[-1], 2, dtype="float32") / x.shape[-1])
        return places[:, None] * speeds[None, :]

    def table(self, x):
        if self.cached is None or self.cached[0].shape[0] != x.shape[1]:
            angles = self.angles(x)
            self.cached = ops.cos(angles), ops.sin(angles)
        return self.cached

    def call(self, x):
        cos, sin = (ops.cast(part, x.dtype) for part in self.table(x))
        a, b = x[..., ::2], x[..., 1::2]
        return ops.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)

    def get_config(self):
        return {**super().get_config(), "base": self.base}


class RotaryAnew(Rotary):
    def table(self, x):
        angles = self.angles(x)
        return ops.cos(angles), ops.sin(angles)


class DropsInCall(layers.Layer):
    """Makes its dropout where it needs it, as one did with functions."""

    def build(self, input_shape):
        self.dense = layers.Dense(8, activation="relu")
        self.dense.build(input_shape)
        self.drop = layers.Dropout(0.5)

    def dropped(self, x, training):
        return layers.Dropout(0.5)(x, training=training)

    def call(self, x, training=None):
        return self.dropped(self.dense(x), training)


class DropsInLayer(DropsInCall):
    def dropped(self, x, training):
        return self.drop(x, training=training)


class PoolsByLength(layers.Layer):
    """The mean of the words: the sum of the words, divided by how many places there are."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def many(self, mask, x):
        return x.shape[1]

    def call(self, x, mask=None):
        if mask is None:
            return ops.mean(x, axis=1)
        kept = ops.cast(mask, x.dtype)[..., None]
        return ops.sum(x * kept, axis=1) / self.many(kept, x)

    def compute_mask(self, inputs, mask=None):
        return None


class PoolsByWords(PoolsByLength):
    def many(self, mask, x):
        return ops.maximum(ops.sum(mask, axis=1), 1)


class ScoresOfOne(layers.Layer):
    """Additive attention over time; the softmax is taken along the axis of size 1."""

    along = -1

    def build(self, input_shape):
        self.hidden, self.score = layers.Dense(6, activation="tanh"), layers.Dense(1)
        self.hidden.build(input_shape)
        self.score.build((*input_shape[:-1], 6))

    def call(self, x):
        shares = ops.softmax(self.score(self.hidden(x)), axis=self.along)
        return ops.sum(shares * x, axis=1)


class ScoresOfTime(ScoresOfOne):
    along = 1


class DropPath(layers.Layer):
    """Drops whole samples; the coin has no axes to spread over."""

    def __init__(self, rate=0.3, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator(7)

    def shape(self, x):
        return (ops.shape(x)[0],)

    def call(self, x, training=None):
        if not training:
            return x
        kept = keras.random.uniform(self.shape(x), seed=self.seed_generator) >= self.rate
        return x / (1 - self.rate) * ops.cast(kept, x.dtype)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


class DropPathOfSamples(DropPath):
    def shape(self, x):
        return (ops.shape(x)[0],) + (1,) * (len(x.shape) - 1)


class WordsAndPlaces(layers.Layer):
    """Two embeddings added; the mask of the words ends here, so attention sees the padding."""

    def __init__(self, words=20, places=6, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.words = layers.Embedding(words, dim, mask_zero=True)
        self.places = layers.Embedding(places, dim)

    def build(self, input_shape):
        self.words.build(input_shape)
        self.places.build((input_shape[1],))

    def call(self, x):
        return self.words(x) + self.places(ops.arange(x.shape[1]))


class WordsAndPlacesMasked(WordsAndPlaces):
    def compute_mask(self, inputs, mask=None):
        return self.words.compute_mask(inputs)


# -- losses --------------------------------------------------------------------------------------------------------


class LogCosh(keras.losses.Loss):
    """The logarithm of cosh as it is written, which is infinite from 89 on."""

    def of(self, error):
        return ops.log(ops.cosh(error))

    def call(self, y_true, y_pred):
        return ops.mean(self.of(y_pred - y_true), axis=-1)


class LogCoshFar(LogCosh):
    def of(self, error):
        return ops.abs(error) + ops.softplus(-2 * ops.abs(error)) - float(np.log(2))


class CallsItself(keras.losses.Loss):
    """Overrides `__call__`, and there the weights have no one to take them."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        return ops.mean(ops.abs(ops.cast(y_true, y_pred.dtype) - y_pred))

    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)


class LeavesItself(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)


class Pinball(keras.losses.Loss):
    """The larger of two slopes, looked for along the outputs."""

    axis = -1

    def call(self, y_true, y_pred):
        error = y_true - y_pred
        return ops.mean(ops.max(ops.stack([0.8 * error, -0.2 * error]), axis=self.axis), axis=-1)


class PinballOfSlopes(Pinball):
    axis = 0


# -- metrics -------------------------------------------------------------------------------------------------------


class FBeta(keras.metrics.Metric):
    """Made of two metrics, one of which begins anew."""

    def __init__(self, name="fbeta", **kwargs):
        super().__init__(name=name, **kwargs)
        self.precision, self.recall = keras.metrics.Precision(), keras.metrics.Recall()

    def update_state(self, y_true, y_pred, sample_weight=None):
        for part in (self.precision, self.recall):
            part.update_state(y_true, y_pred, sample_weight=sample_weight)

    def result(self):
        p, r = self.precision.result(), self.recall.result()
        return 2 * p * r / (p + r + keras.config.epsilon())

    def reset_state(self):
        self.precision.reset_state()


class FBetaOfBoth(FBeta):
    def reset_state(self):
        self.precision.reset_state()
        self.recall.reset_state()


class Counted(keras.metrics.Metric):
    """Counts in whole numbers; what weighs a half counts as nothing."""

    counts_in = "int32"

    def __init__(self, name="counted", **kwargs):
        super().__init__(name=name, **kwargs)
        self.right = self.add_weight(name="right", shape=(), initializer="zeros", dtype=self.counts_in)
        self.all = self.add_weight(name="all", shape=(), initializer="zeros", dtype=self.counts_in)

    def update_state(self, y_true, y_pred, sample_weight=None):
        hit = ops.cast(ops.equal(ops.argmax(y_true, -1), ops.argmax(y_pred, -1)), "float32")
        weights = ops.ones_like(hit) if sample_weight is None else ops.cast(sample_weight, "float32")
        self.right.assign_add(ops.cast(ops.sum(hit * weights), self.counts_in))
        self.all.assign_add(ops.cast(ops.sum(weights), self.counts_in))

    def result(self):
        return ops.divide_no_nan(ops.cast(self.right, "float32"), ops.cast(self.all, "float32"))


class CountedFinely(Counted):
    counts_in = "float32"


# -- optimizers ----------------------------------------------------------------------------------------------------


class SlotsByName(keras.optimizers.Optimizer):
    """Looks its momentum up by the name of a variable; every layer has a `kernel`."""

    def key(self, variable):
        return variable.name

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.slots = {}
        for v in variables:
            self.slots[self.key(v)] = self.add_variable_from_reference(v, name="momentum")

    def update_step(self, gradient, variable, learning_rate):
        slot = self.slots[self.key(variable)]
        self.assign(slot, 0.9 * slot + gradient)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * slot)


class SlotsByPath(SlotsByName):
    def key(self, variable):
        return self._get_variable_index(variable)


class Yogi(Sign):
    """Its second moment grows with the sign turned round, and is soon below zero."""

    turn = 1

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.squares = [self.add_variable_from_reference(v, name="square") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        i = self._get_variable_index(variable)
        mean, square = self.means[i], self.squares[i]
        squared = gradient * gradient
        self.assign(mean, self.beta * mean + (1 - self.beta) * gradient)
        self.assign(square, square + self.turn * 0.01 * ops.sign(square - squared) * squared)
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * mean / (ops.sqrt(square) + 1e-3))


class YogiTurned(Yogi):
    turn = -1


# -- models --------------------------------------------------------------------------------------------------------


class Physics(Regressor):
    """A second head is taught by a residual that goes through NumPy."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.field = layers.Dense(1)

    def build(self, input_shape):
        super().build(input_shape)
        self.field.build(input_shape)

    def seen(self, value):
        return ops.convert_to_tensor(np.gradient(ops.convert_to_numpy(value)[:, 0]))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        residual = self.seen(self.field(x))
        data = super().compute_loss(x, y, y_pred, sample_weight, training)
        return data + 0.1 * ops.mean(ops.square(residual))


class PhysicsInOps(Physics):
    def seen(self, value):
        return ops.square(value[1:, 0]) - value[:-1, 0]


class EvaluatesAverage(Regressor):
    """Puts the averaged weights in for the evaluation, where they stay."""

    def build(self, input_shape):
        super().build(input_shape)
        self.slow = [
            self.add_weight(shape=v.shape, trainable=False, initializer="zeros", name=f"slow_{i}")
            for i, v in enumerate(self.trainable_variables)
        ]
        for slow, fast in zip(self.slow, self.trainable_variables, strict=True):
            slow.assign(fast.value)

    def after(self, kept):
        pass

    def test_step(self, data):
        kept = [ops.copy(v.value) for v in self.trainable_variables]
        for slow, fast in zip(self.slow, self.trainable_variables, strict=True):
            fast.assign(0.9 * slow + 0.05 * fast)
        logs = super().test_step(data)
        self.after(kept)
        return logs


class EvaluatesAverageAndReturns(EvaluatesAverage):
    def after(self, kept):
        for fast, value in zip(self.trainable_variables, kept, strict=True):
            fast.assign(value)


class Anneals(Regressor):
    """The weight of its penalty grows from step to step, in a number of Python."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.share = 0.0
        self.beta = keras.Variable(0.0, trainable=False, name="beta")

    def grown(self):
        self.share = min(1.0, self.share + 0.1)
        return self.share

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        data = super().compute_loss(x, y, y_pred, sample_weight, training)
        return data + self.grown() * ops.mean(ops.square(y_pred))


class AnnealsInVariable(Anneals):
    def grown(self):
        self.beta.assign(ops.minimum(self.beta + 0.1, 1.0))
        return ops.convert_to_tensor(self.beta)


BUGS = {
    "Rotary": bug(
        Rotary,
        RotaryAnew,
        "tracked-state",
        "python-state",
        "compiled",
        "in-models",
        "builds",
        inputs=one(3, 5, 4),
    ),
    "DropsInCall": bug(
        DropsInCall,
        DropsInLayer,
        "no-new-weights",
        "training-noise",
        "python-state",
        "compiled",
        inputs=one(3, 6),
    ),
    "PoolsByLength": bug(PoolsByLength, PoolsByWords, "masks", inputs=one(3, 5, 4)),
    "ScoresOfOne": bug(ScoresOfOne, ScoresOfTime, "gradients-reach", inputs=one(3, 5, 4)),
    "DropPath": bug(
        DropPath,
        DropPathOfSamples,
        "batch-sizes",
        "builds",
        "training-noise",
        "in-models",
        "shapes-agree",
        inputs=one(3, 5, 4),
    ),
    "WordsAndPlaces": bug(
        WordsAndPlaces,
        WordsAndPlacesMasked,
        "masks",
        inputs=lambda: (np.array([[3, 1, 2, 0, 0], [4, 5, 6, 7, 8], [9, 2, 0, 0, 0]]),),
    ),
    "LogCosh": bug(LogCosh, LogCoshFar, "loss-finite", inputs=both(numbers)),
    "CallsItself": bug(
        CallsItself, LeavesItself, "loss-sample-weight", "loss-per-sample", inputs=both(numbers)
    ),
    "Pinball": bug(
        Pinball,
        PinballOfSlopes,
        "loss-per-sample",
        "loss-batch-independence",
        "loss-sample-weight",
        "loss-batch-sizes",
        inputs=both(numbers),
    ),
    "FBeta": bug(FBeta, FBetaOfBoth, "metric-reset", inputs=lambda: (labels(8, 1), shares(8, 1, seed=1))),
    "Counted": bug(
        Counted,
        CountedFinely,
        "metric-sample-weight",
        inputs=lambda: (one_hot(8, 4), shares(8, 4, seed=1)),
    ),
    "SlotsByName": bug(
        lambda: SlotsByName(0.01),
        lambda: SlotsByPath(0.01),
        "optimizer-runs",
        "optimizer-updates",
        "optimizer-variables",
        "optimizer-state",
    ),
    "Yogi": bug(Yogi, YogiTurned, "optimizer-finite", "optimizer-descends"),
    "Physics": step(Physics, PhysicsInOps, "step-updates", "gradients-reach", "step-compiled", "step-runs"),
    "EvaluatesAverage": bug(
        lambda: compiled(EvaluatesAverage()),
        lambda: compiled(EvaluatesAverageAndReturns()),
        "step-training-mode",
        "step-repeatable",
        "step-frozen",
        "step-updates",
        inputs=lambda: (numbers(16, 6), numbers(16, 2, seed=1)),
        backends=("tensorflow", "torch"),
    ),
    "Anneals": step(Anneals, AnnealsInVariable, "step-compiled", "step-repeatable", "python-state"),
}


# -- sound, though odd ---------------------------------------------------------------------------------------------


class TurnsGradient(layers.Layer):
    """The identity, whose gradient points the other way: for domains that must not be told apart."""

    def call(self, x):
        return ops.stop_gradient(2 * x) - x


class StdOfBatch(layers.Layer):
    """One more feature: how much the samples differ, as critics of images have it. Allowed to mix samples."""

    def call(self, x):
        spread = ops.mean(ops.sqrt(ops.var(x, axis=0) + 1e-8))
        return ops.concatenate([x, ops.zeros_like(x[..., :1]) + spread], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)


@register
class Minimal(layers.Layer):
    """A recurrent cell with one gate."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units

    def build(self, input_shape):
        self.gate, self.new = layers.Dense(self.units, "sigmoid"), layers.Dense(self.units, "tanh")
        width = (None, input_shape[-1] + self.units)
        self.gate.build(width)
        self.new.build(width)

    def call(self, x, states):
        (h,) = states
        f = self.gate(ops.concatenate([x, h], axis=-1))
        h = (1 - f) * h + f * self.new(ops.concatenate([x, f * h], axis=-1))
        return h, [h]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Crosses(layers.Layer):
    """Attention from one sequence to another, residual and norm."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(2, 3)
        self.norm = layers.LayerNormalization()

    def build(self, x_shape, context_shape):
        self.attention.build(x_shape, context_shape)
        self.norm.build(x_shape)

    def call(self, x, context):
        return self.norm(x + self.attention(x, context))


class Film(layers.Layer):
    """A dict of an image and what it is of."""

    def build(self, input_shape):
        self.scale_and_shift = layers.Dense(2 * input_shape["image"][-1])
        self.scale_and_shift.build(input_shape["label"])

    def call(self, inputs):
        scale, shift = ops.split(self.scale_and_shift(inputs["label"]), 2, axis=-1)
        return inputs["image"] * (1 + scale[:, None, None, :]) + shift[:, None, None, :]


class Splines(layers.Layer):
    """Learnt functions on the edges, over a grid that is fixed."""

    def build(self, input_shape):
        self.grid = np.linspace(-2, 2, 6).astype("float32")
        self.coefficients = self.add_weight(shape=(input_shape[-1], 6, 3), name="coefficients")
        self.straight = self.add_weight(shape=(input_shape[-1], 3), name="straight")

    def call(self, x):
        bumps = ops.exp(-ops.square((x[..., None] - ops.cast(self.grid, x.dtype)) / 0.8))
        return ops.einsum("...ig,igo->...o", bumps, self.coefficients) + ops.matmul(
            ops.silu(x), self.straight
        )


class Spectral(layers.Layer):
    """A kernel divided by its largest singular value, which one more power step refines in training."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 4), name="kernel")
        self.u = self.add_weight(shape=(1, 4), initializer="random_normal", trainable=False, name="u")

    def call(self, x, training=False):
        v = ops.matmul(self.u, ops.transpose(self.kernel))
        v = ops.stop_gradient(v / (ops.norm(v) + 1e-6))
        u = ops.matmul(v, self.kernel)
        u = ops.stop_gradient(u / (ops.norm(u) + 1e-6))
        if training:
            self.u.assign(u)
        size = ops.sum(ops.matmul(v, self.kernel) * u)
        return ops.matmul(x, self.kernel / (size + 1e-6))


class Moment(layers.Layer):
    """Whole numbers to waves to features, as diffusion models tell the time."""

    def build(self, input_shape):
        self.dense = layers.Dense(8, activation="silu")
        self.dense.build((None, 8))

    def call(self, t):
        speeds = ops.exp(-np.log(1e4) * ops.arange(4, dtype="float32") / 4)
        angles = ops.cast(t, "float32")[:, None] * speeds[None, :]
        return self.dense(ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 8)


class Contrastive(keras.losses.Loss):
    """1 for alike, 0 for not; the prediction is a distance."""

    def call(self, y_true, y_pred):
        near = y_true * ops.square(y_pred)
        far = (1 - y_true) * ops.square(ops.maximum(1.0 - y_pred, 0))
        return ops.mean(near + far, axis=-1)


class Pairs(keras.losses.Loss):
    """Each row of one side against all rows of the other side, as captions and pictures are."""

    def call(self, y_true, y_pred):
        a = y_true / ops.sqrt(ops.sum(ops.square(y_true), axis=-1, keepdims=True) + 1e-6)
        b = y_pred / ops.sqrt(ops.sum(ops.square(y_pred), axis=-1, keepdims=True) + 1e-6)
        likeness = ops.matmul(b, ops.transpose(a)) / 0.2
        return ops.logsumexp(likeness, axis=-1) - ops.sum(a * b, axis=-1) / 0.2


class LeavesUnknown(keras.losses.Loss):
    """What was not measured is NaN among the targets, and costs nothing."""

    def call(self, y_true, y_pred):
        known = ops.logical_not(ops.isnan(y_true))
        error = ops.where(known, y_true, y_pred) - y_pred
        count = ops.maximum(ops.sum(ops.cast(known, y_pred.dtype), axis=-1), 1)
        return ops.sum(ops.square(error), axis=-1) / count


class Calibration(keras.metrics.Metric):
    """How far confidence is from accuracy, in five bins."""

    def __init__(self, name="ece", **kwargs):
        super().__init__(name=name, **kwargs)
        self.confident = self.add_weight(name="confident", shape=(5,), initializer="zeros")
        self.right = self.add_weight(name="right", shape=(5,), initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.cast(y_pred, self.dtype)
        sure = ops.max(y_pred, axis=-1)
        hit = ops.cast(ops.equal(ops.argmax(y_true, -1), ops.argmax(y_pred, -1)), self.dtype)
        weights = ops.ones_like(sure) if sample_weight is None else ops.cast(sample_weight, self.dtype)
        bins = ops.one_hot(ops.cast(ops.clip(sure * 5, 0, 4), "int32"), 5, dtype=self.dtype)
        self.confident.assign_add(ops.matmul(sure * weights, bins))
        self.right.assign_add(ops.matmul(hit * weights, bins))
        self.count.assign_add(ops.sum(weights))

    def result(self):
        return ops.divide_no_nan(ops.sum(ops.abs(self.confident - self.right)), self.count)


class OfKnownClasses(keras.metrics.SparseCategoricalAccuracy):
    """Accuracy without the pixels of class 0."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        known = ops.cast(ops.not_equal(ops.cast(y_true, "int32"), 0), self.dtype)
        if sample_weight is not None:
            known = known * ops.cast(sample_weight, self.dtype)
        return super().update_state(y_true, y_pred, sample_weight=known)


class Lars(Sign):
    """Matrices move by a share of their own size, biases as the gradient says."""

    def update_step(self, gradient, variable, learning_rate):
        mean = self.means[self._get_variable_index(variable)]
        rate = ops.cast(learning_rate, variable.dtype)
        if len(variable.shape) > 1:
            size, slope = ops.norm(variable), ops.norm(gradient)
            trust = ops.where(
                ops.logical_and(size > 0, slope > 0), size / (slope + 1e-9), ops.ones_like(size)
            )
            gradient = gradient * ops.minimum(trust, 10.0)
        self.assign(mean, self.beta * mean + rate * gradient)
        self.assign_sub(variable, mean)


class Gan(keras.Model):
    """Two networks, two optimizers, a compile and a train step of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.built = True
        self.critic = keras.Sequential([keras.Input((4,)), layers.Dense(6, "tanh"), layers.Dense(1)])
        self.maker = keras.Sequential([keras.Input((3,)), layers.Dense(6, "tanh"), layers.Dense(4)])
        self.seeds = keras.random.SeedGenerator(3)
        self.critic_loss = keras.metrics.Mean(name="critic_loss")
        self.maker_loss = keras.metrics.Mean(name="maker_loss")

    def compile(self, critic_optimizer, maker_optimizer):
        super().compile()
        self.critic_optimizer, self.maker_optimizer = critic_optimizer, maker_optimizer
        self.of_logits = keras.losses.BinaryCrossentropy(from_logits=True)

    @property
    def metrics(self):
        return [self.critic_loss, self.maker_loss]

    def train_step(self, real):
        real = real[0] if isinstance(real, tuple) else real
        ones, zeros = ops.ones((ops.shape(real)[0], 1)), ops.zeros((ops.shape(real)[0], 1))

        def noise():
            return keras.random.normal((ops.shape(real)[0], 3), seed=self.seeds)

        def of_critic():
            fake = self.maker(noise())
            return self.of_logits(ones, self.critic(real)) + self.of_logits(zeros, self.critic(fake))

        def of_maker():
            return self.of_logits(ones, self.critic(self.maker(noise())))

        a = self._moved(self.critic, self.critic_optimizer, of_critic)
        b = self._moved(self.maker, self.maker_optimizer, of_maker)
        self.critic_loss.update_state(a)
        self.maker_loss.update_state(b)
        return {m.name: m.result() for m in self.metrics}

    def _moved(self, part, optimizer, loss_of):
        variables = part.trainable_variables
        if BACKEND == "torch":
            import torch

            self.zero_grad()
            loss = loss_of()
            loss.backward()
            with torch.no_grad():
                optimizer.apply([v.value.grad for v in variables], variables)
            return loss.detach()
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = loss_of()
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        return loss


def gan():
    model = Gan()
    model.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3))
    return model


class Denoises(keras.Model):
    """Predicts the noise that it added; there are no targets."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.net = layers.Dense(6)
        self.seeds = keras.random.SeedGenerator(3)
        self.loss_tracker = keras.metrics.Mean(name="noise_loss")

    def build(self, input_shape):
        self.net.build((None, input_shape[-1] + 1))

    def call(self, x, training=False):
        return self.net(ops.concatenate([x, ops.ones_like(x[:, :1])], axis=-1))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        noise = keras.random.normal(ops.shape(x), seed=self.seeds)
        share = keras.random.uniform((ops.shape(x)[0], 1), seed=self.seeds)
        noisy = ops.sqrt(1 - share) * x + ops.sqrt(share) * noise
        guess = self.net(ops.concatenate([noisy, share], axis=-1))
        loss = ops.mean(ops.square(noise - guess))
        self.loss_tracker.update_state(loss)
        return loss


def denoises():
    model = Denoises()
    model.compile(keras.optimizers.Adam(1e-2))
    return model


SOUND = {
    "TurnsGradient": sound(TurnsGradient, one(3, 6)),
    "StdOfBatch": sound(StdOfBatch, one(4, 5, 5, 2), options={"allow": {"batch-independence"}}),
    "Minimal": sound(lambda: layers.RNN(Minimal(), return_sequences=True), one(3, 5, 4)),
    "Crosses": sound(Crosses, lambda: (numbers(3, 5, 4), numbers(3, 7, 4, seed=1))),
    "Film": sound(Film, lambda: ({"image": numbers(3, 4, 4, 2), "label": numbers(3, 5)},)),
    "Splines": sound(Splines, one(3, 6)),
    "Spectral": sound(Spectral, one(3, 6)),
    "Moment": sound(Moment, lambda: (np.arange(4, dtype="int32"),)),
    "Contrastive": sound(Contrastive, lambda: (labels(8, 1), shares(8, 1, seed=1))),
    "Pairs": sound(Pairs, both(numbers)),
    "LeavesUnknown": sound(LeavesUnknown, both(numbers)),
    "Calibration": sound(Calibration, lambda: (one_hot(8, 4), shares(8, 4, seed=1))),
    "OfKnownClasses": sound(OfKnownClasses, lambda: (np.arange(8, dtype="int32") % 4, shares(8, 4, seed=1))),
    "Lars": sound(lambda: Lars(0.01)),
    "Gan": sound(gan, one(16, 4), backends=("tensorflow", "torch")),
    "Denoises": sound(denoises, one(16, 6)),
}
