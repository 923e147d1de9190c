"""A third set of bugs and sound twins: whole classes as people write them, run when the contracts stood still."""

from __future__ import annotations

import keras
import numpy as np
from bug import Bug, labels, numbers, one_hot, shares
from keras import layers, ops

register = keras.saving.register_keras_serializable("kerascope_people")


# -- layers --------------------------------------------------------------------------------------------------------


@register
class SqueezeExcite(layers.Layer):
    """Channel attention; the mean goes over the images of the batch as well."""

    axes = (0, 1, 2)

    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        channels = input_shape[-1]
        self.squeeze = layers.Dense(max(1, channels // self.ratio), activation="tanh")
        self.excite = layers.Dense(channels, activation="sigmoid")
        self.squeeze.build((None, 1, 1, channels))
        self.excite.build((None, 1, 1, max(1, channels // self.ratio)))

    def call(self, inputs):
        pooled = ops.mean(inputs, axis=self.axes, keepdims=True)
        return inputs * self.excite(self.squeeze(pooled))

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio}


@register
class SqueezeExciteOfAnImage(SqueezeExcite):
    axes = (1, 2)


@register
class SelfAttention(layers.Layer):
    """One head; the mask is added with the wrong sign, so the padding gets all attention."""

    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.query, self.key, self.value = (layers.Dense(dim) for _ in range(3))
        self.supports_masking = True

    def build(self, input_shape):
        for part in (self.query, self.key, self.value):
            part.build(input_shape)

    def bias(self, mask, dtype):
        return ops.cast(mask, dtype) * -1e4

    def call(self, x, mask=None):
        scores = ops.matmul(self.query(x), ops.transpose(self.key(x), (0, 2, 1))) / self.dim**0.5
        if mask is not None:
            scores = scores + self.bias(mask, scores.dtype)[:, None, :]
        return ops.matmul(ops.softmax(scores), self.value(x))

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}


@register
class SelfAttentionOfWords(SelfAttention):
    def bias(self, mask, dtype):
        return (1 - ops.cast(mask, dtype)) * -1e4


@register
class CausalAttention(layers.Layer):
    """Takes 1e9 off what lies ahead: in float16 that is infinite, and infinite times 0 is no number."""

    def build(self, input_shape):
        self.qk = layers.Dense(2 * input_shape[-1])
        self.qk.build(input_shape)

    def hidden(self, scores, seen):
        return scores - (1.0 - ops.cast(seen, scores.dtype)) * ops.cast(1e9, scores.dtype)

    def call(self, x):
        length = x.shape[1]
        query, key = ops.split(self.qk(x), 2, axis=-1)
        scores = ops.einsum("btd,bsd->bts", query, key)
        seen = ops.arange(length)[:, None] >= ops.arange(length)[None, :]
        return ops.einsum("bts,bsd->btd", ops.softmax(self.hidden(scores, seen)), x)


@register
class CausalAttentionInHalf(CausalAttention):
    def hidden(self, scores, seen):
        return ops.where(seen, scores, ops.cast(-1e4, scores.dtype))


@register
class FeedForward(layers.Layer):
    """A block of a transformer whose dropout is told to drop whatever it is used for."""

    def __init__(self, hidden=8, rate=0.3, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.rate = hidden, rate
        self.norm = layers.LayerNormalization()
        self.dropout = layers.Dropout(rate)
        self.up = layers.Dense(hidden, activation="gelu")

    def build(self, input_shape):
        self.norm.build(input_shape)
        self.up.build(input_shape)
        self.down = layers.Dense(input_shape[-1])
        self.down.build((*input_shape[:-1], self.hidden))

    def call(self, x, training=None):
        h = self.down(self.up(self.norm(x)))
        return x + self.dropout(h, training=True)

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden, "rate": self.rate}


@register
class FeedForwardInTraining(FeedForward):
    def call(self, x, training=None):
        return x + self.dropout(self.down(self.up(self.norm(x))), training=training)


@register
class ResidualConv(layers.Layer):
    """Makes the projection of its shortcut where it finds out that it needs one: in call."""

    def __init__(self, filters=5, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.conv = layers.Conv2D(filters, 3, padding="same", activation="tanh")
        self.shortcut = None

    def call(self, x):
        if self.shortcut is None and x.shape[-1] != self.filters:
            self.shortcut = layers.Conv2D(self.filters, 1)
        skip = x if self.shortcut is None else self.shortcut(x)
        return self.conv(x) + skip

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@register
class ResidualConvBuilt(ResidualConv):
    def build(self, input_shape):
        self.conv.build(input_shape)
        if input_shape[-1] != self.filters:
            self.shortcut = layers.Conv2D(self.filters, 1)
            self.shortcut.build(input_shape)


class Capsule(layers.Layer):
    """Squashes vectors by their length; the root under it has no slope at 0."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], 6), name="w")

    def length(self, v):
        return ops.sqrt(ops.sum(ops.square(v), axis=-1, keepdims=True))

    def call(self, x):
        v = ops.matmul(x, self.w)
        n = self.length(v)
        return v * n / (1.0 + ops.square(n))


class CapsuleGuarded(Capsule):
    def length(self, v):
        return ops.sqrt(ops.sum(ops.square(v), axis=-1, keepdims=True) + 1e-6)


class Experts(layers.Layer):
    """Sends each sample to its best expert; the gate that chooses learns nothing."""

    def __init__(self, count=3, units=4, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        self.gate = layers.Dense(count)
        self.experts = [layers.Dense(units, activation="tanh") for _ in range(count)]

    def build(self, input_shape):
        self.gate.build(input_shape)
        for expert in self.experts:
            expert.build(input_shape)

    def shares(self, x):
        return ops.one_hot(ops.argmax(self.gate(x), axis=-1), self.count)

    def call(self, x):
        outputs = ops.stack([expert(x) for expert in self.experts], axis=1)
        return ops.sum(outputs * ops.cast(self.shares(x), outputs.dtype)[..., None], axis=1)


class SoftExperts(Experts):
    def shares(self, x):
        return ops.softmax(self.gate(x))


class NoisyTopics(layers.Layer):
    """Its seed is a number, so that the same noise comes at each call."""

    def __init__(self, scale=0.3, seed=7, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.seed = scale, seed
        self.generator = self.source()

    def source(self):
        return self.seed

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], 4), name="w")

    def call(self, x, training=False):
        if training:
            x = x + self.scale * keras.random.normal(ops.shape(x), dtype=x.dtype, seed=self.generator)
        return ops.matmul(x, self.w)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "seed": self.seed}


class NoisyTopicsAnew(NoisyTopics):
    def source(self):
        return keras.random.SeedGenerator(self.seed)


@register
class Gated(layers.Layer):
    """Wraps a layer, whose configuration comes back as a dictionary."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)
        self.gain = self.add_weight(shape=(1,), initializer="ones", name="gain")

    def call(self, x):
        return self.gain * self.layer(x)

    def get_config(self):
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}


@register
class GatedRevived(Gated):
    @classmethod
    def from_config(cls, config):
        config["layer"] = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**config)


class Encoded(layers.Layer):
    """Adds a sinusoid that is a tensor of the place where it was built."""

    def build(self, input_shape):
        length, dim = input_shape[1:]
        places = np.arange(length)[:, None] / 100.0 ** (np.arange(dim)[None] / dim)
        self.table = self.kept(np.sin(places).astype("float32"))
        self.proj = layers.Dense(dim)
        self.proj.build(input_shape)

    def kept(self, table):
        return ops.convert_to_tensor(table)

    def call(self, x):
        return self.proj(x + ops.cast(self.table, x.dtype))


class EncodedByNumPy(Encoded):
    def kept(self, table):
        return table


@register
class SplitsHeads(layers.Layer):
    """Gives the mean and the spread, and says their shapes the other way round."""

    turned = True

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.mean, self.spread = layers.Dense(units), layers.Dense(1, activation="softplus")

    def build(self, input_shape):
        self.mean.build(input_shape)
        self.spread.build(input_shape)

    def call(self, x):
        return self.mean(x), self.spread(x)

    def compute_output_shape(self, input_shape):
        mean, spread = (*input_shape[:-1], self.units), (*input_shape[:-1], 1)
        return (spread, mean) if self.turned else (mean, spread)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class SplitsHeadsInOrder(SplitsHeads):
    turned = False


# -- models --------------------------------------------------------------------------------------------------------


def compiled(model, loss="mse", metrics=None):
    model.compile(keras.optimizers.SGD(0.05), loss, metrics=metrics)
    return model


class Quantised(keras.Model):
    """The middle of a VQ-VAE without the straight-through trick: nothing reaches the encoder."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.encoder = layers.Dense(4, activation="tanh")
        self.codes = layers.Embedding(8, 4, embeddings_initializer="normal")
        self.decoder = layers.Dense(6)

    def build(self, input_shape):
        self.encoder.build(input_shape)
        self.codes.build((None,))
        self.decoder.build((None, 4))

    def through(self, h, codes):
        return codes

    def call(self, x):
        h = self.encoder(x)
        table = ops.convert_to_tensor(self.codes.embeddings)
        distance = ops.sum(ops.square(h[:, None] - table[None]), axis=-1)
        return self.decoder(self.through(h, self.codes(ops.argmin(distance, axis=-1))))


class QuantisedStraight(Quantised):
    def through(self, h, codes):
        return codes + h - ops.stop_gradient(h)


class Autoencoder(keras.Model):
    """A VAE that leaves its two heads on itself for `compute_loss` to find."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean, self.spread, self.decoder = layers.Dense(2), layers.Dense(2), layers.Dense(6)
        self.seed = keras.random.SeedGenerator(3)

    def build(self, input_shape):
        self.mean.build(input_shape)
        self.spread.build(input_shape)
        self.decoder.build((None, 2))

    def keep(self, mean, spread):
        self.heads = mean, spread

    def call(self, x, training=False):
        mean, spread = self.mean(x), self.spread(x)
        self.keep(mean, spread)
        if training:
            mean = mean + ops.exp(0.5 * spread) * keras.random.normal(ops.shape(mean), seed=self.seed)
        return self.decoder(mean)

    def divergence(self, mean, spread):
        return -0.01 * ops.mean(1 + spread - ops.square(mean) - ops.exp(spread))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        return loss + self.divergence(*self.heads)


class AutoencoderAddsLoss(Autoencoder):
    def keep(self, mean, spread):
        self.add_loss(self.divergence(mean, spread))

    def compute_loss(self, *args, **kwargs):
        return keras.Model.compute_loss(self, *args, **kwargs)


class Regressor(keras.Model):
    """Sound. The classes below compute its loss in a way of their own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.body, self.drop, self.head = (
            layers.Dense(8, activation="tanh"),
            layers.Dropout(0.4),
            layers.Dense(2),
        )
        self.errors = keras.metrics.Mean(name="errors")

    def build(self, input_shape):
        self.body.build(input_shape)
        self.head.build((None, 8))

    def call(self, x, training=False):
        return self.head(self.drop(self.body(x), training=training))


class LossOfItsOwn(Regressor):
    """Squares the errors by itself, and takes no notice of the weights."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.square(y - y_pred)) + ops.sum(self.losses or [0.0])


class WeighedLossOfItsOwn(Regressor):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        each = ops.mean(ops.square(y - y_pred), axis=-1)
        if sample_weight is not None:
            each = each * ops.reshape(ops.cast(sample_weight, each.dtype), ops.shape(each))
        return ops.mean(each) + ops.sum(self.losses or [0.0])


class PredictsAgain(Regressor):
    """Predicts once more for its loss, as if it were not in training."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, self(x, training=False), sample_weight, training)


class HidesItsMetric(Regressor):
    """Names its metrics, and forgets one, which is never reset."""

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.errors.update_state(ops.abs(y - y_pred))
        return {"loss": self._loss_tracker.result(), "errors": self.errors.result()}

    @property
    def metrics(self):
        return [self._loss_tracker] if self.compiled else []


class ShowsItsMetric(HidesItsMetric):
    @property
    def metrics(self):
        return [self._loss_tracker, self.errors] if self.compiled else []


def scaled_by_a_variable():
    """A functional model with a weight that belongs to no layer."""
    x = keras.Input((6,))
    temperature = keras.Variable(2.0, name="temperature")
    return keras.Model(x, layers.Dense(3)(x) * temperature)


def scaled_by_a_layer():
    x = keras.Input((6,))
    return keras.Model(x, layers.Dense(3, use_bias=False)(layers.Dense(3)(x)))


def token_baked():
    """Adds a learned token, which a layer makes out of a constant."""
    x = keras.Input((5, 4))
    token = layers.Dense(4, name="token")(ops.ones((1, 1, 4)))
    return keras.Model(x, layers.Dense(3)(x + token))


def token_learned():
    x = keras.Input((5, 4))
    token = layers.Dense(4, name="token")(ops.ones_like(x[:, :1]))
    return keras.Model(x, layers.Dense(3)(x + token))


# -- losses --------------------------------------------------------------------------------------------------------


class Dice(keras.losses.Loss):
    """Overlap of two pictures; nothing is divided by nothing where both are empty."""

    smooth = 0.0

    def call(self, y_true, y_pred):
        y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), (ops.shape(y_pred)[0], -1))
        y_pred = ops.reshape(y_pred, ops.shape(y_true))
        both = ops.sum(y_true * y_pred, axis=-1)
        return 1 - (2 * both + self.smooth) / (ops.sum(y_true + y_pred, axis=-1) + self.smooth)


class DiceSmoothed(Dice):
    smooth = 1e-3


class LogCosh(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.log(ops.cosh(y_pred - y_true)), axis=-1)


class LogCoshOfLarge(keras.losses.Loss):
    def call(self, y_true, y_pred):
        error = y_pred - y_true
        return ops.mean(error + ops.softplus(-2.0 * error) - ops.log(2.0), axis=-1)


class PoissonSwapped(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(y_true - y_pred * ops.log(ops.maximum(y_true, 0.0) + 1e-6), axis=-1)


class Poisson(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(y_pred - y_true * ops.log(ops.maximum(y_pred, 0.0) + 1e-6), axis=-1)


class SmoothLabels(keras.losses.Loss):
    """Cross-entropy with smoothed one-hot targets: `smoothing` is not in its configuration."""

    def __init__(self, smoothing=0.1, **kwargs):
        super().__init__(**kwargs)
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        y_true = y_true * (1 - self.smoothing) + self.smoothing / y_pred.shape[-1]
        return -ops.sum(y_true * ops.log(ops.clip(y_pred, 1e-6, 1.0)), axis=-1)


class SmoothLabelsKept(SmoothLabels):
    def get_config(self):
        return {**super().get_config(), "smoothing": self.smoothing}


def focal(y_true, y_pred):
    """Focal loss without a guard under its logarithm."""
    p = y_true * y_pred + (1 - y_true) * (1 - y_pred)
    return ops.mean(-ops.square(1 - p) * ops.log(p), axis=-1)


def focal_guarded(y_true, y_pred):
    p = ops.clip(y_true * y_pred + (1 - y_true) * (1 - y_pred), 1e-6, 1.0)
    return ops.mean(-ops.square(1 - p) * ops.log(p), axis=-1)


# -- metrics -------------------------------------------------------------------------------------------------------


class MacroRecall(keras.metrics.Metric):
    """Recall of each class; a class that was not seen makes it no number."""

    def __init__(self, classes=4, name="macro_recall", **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.hits = self.add_weight(shape=(classes,), initializer="zeros", name="hits")
        self.seen = self.add_weight(shape=(classes,), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "float32")
        said = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        if sample_weight is not None:
            y_true = y_true * ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
        self.hits.assign_add(ops.sum(y_true * ops.cast(said, "float32"), axis=0))
        self.seen.assign_add(ops.sum(y_true, axis=0))

    def result(self):
        return ops.mean(self.hits / self.seen)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


class MacroRecallGuarded(MacroRecall):
    def result(self):
        return ops.mean(ops.divide_no_nan(self.hits, self.seen))


class FractionOfVariance(keras.metrics.Metric):
    """R2, whose total variance is that of each batch around the mean of this batch."""

    def __init__(self, name="r2", **kwargs):
        super().__init__(name=name, **kwargs)
        self.residual, self.total, self.square, self.count = (
            self.add_weight(initializer="zeros", name=n) for n in ("residual", "total", "square", "count")
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        y_pred = ops.reshape(y_pred, ops.shape(y_true))
        weight = ops.ones_like(y_true)
        if sample_weight is not None:
            weight = weight * ops.reshape(
                ops.cast(sample_weight, "float32"), (-1,) + (1,) * (len(y_true.shape) - 1)
            )
        self.residual.assign_add(ops.sum(weight * ops.square(y_true - y_pred)))
        self.spread(y_true, weight)

    def spread(self, y_true, weight):
        mean = ops.sum(weight * y_true) / ops.maximum(ops.sum(weight), 1e-6)
        self.total.assign_add(ops.sum(weight * ops.square(y_true - mean)))

    def result(self):
        return 1 - ops.divide_no_nan(self.residual, self.total)


class FractionOfAllVariance(FractionOfVariance):
    def spread(self, y_true, weight):
        self.total.assign_add(ops.sum(weight * y_true))
        self.square.assign_add(ops.sum(weight * ops.square(y_true)))
        self.count.assign_add(ops.sum(weight))

    def result(self):
        total = self.square - ops.divide_no_nan(ops.square(self.total), self.count)
        return 1 - ops.divide_no_nan(self.residual, total)


class CollectsErrors(keras.metrics.Metric):
    """The median of all errors, kept in a list."""

    def __init__(self, name="median", **kwargs):
        super().__init__(name=name, **kwargs)
        self.errors = []

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.errors.append(ops.mean(ops.abs(y_true - y_pred)))

    def result(self):
        return ops.mean(ops.stack(self.errors)) if self.errors else ops.zeros(())

    def reset_state(self):
        self.errors.clear()


class CountsErrors(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(ops.mean(ops.abs(y_true - y_pred), axis=-1), sample_weight)


class Perplexity(keras.metrics.Mean):
    """Takes weights, and leaves them where they are."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        chosen = ops.sum(y_true * ops.log(ops.clip(y_pred, 1e-6, 1.0)), axis=-1)
        super().update_state(-chosen)

    def result(self):
        return ops.exp(super().result())


class PerplexityWeighed(Perplexity):
    def update_state(self, y_true, y_pred, sample_weight=None):
        chosen = ops.sum(y_true * ops.log(ops.clip(y_pred, 1e-6, 1.0)), axis=-1)
        keras.metrics.Mean.update_state(self, -chosen, sample_weight)


# -- optimizers ----------------------------------------------------------------------------------------------------


class Sign(keras.optimizers.Optimizer):
    """Sound: steps along the sign of a running mean of the gradients."""

    def __init__(self, learning_rate=0.01, beta=0.9, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta = beta

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.means = [self.add_variable_from_reference(v, name="mean") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        mean = self.means[self._get_variable_index(variable)]
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign(mean, self.beta * mean + (1 - self.beta) * gradient)
        self.assign_sub(variable, rate * ops.sign(mean))

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}


class SignWarmsUp(Sign):
    """Counts its steps in a number of Python, which a compiled step never sees again."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.step = 0

    def update_step(self, gradient, variable, learning_rate):
        self.step += 1
        super().update_step(gradient, variable, learning_rate * min(1.0, self.step / 100))


class SignWarmsUpByIterations(Sign):
    def update_step(self, gradient, variable, learning_rate):
        share = ops.minimum(1.0, (ops.cast(self.iterations, "float32") + 1) / 100)
        super().update_step(gradient, variable, learning_rate * share)


class Lookahead(Sign):
    """Pulls the weights to slow ones, kept as tensors that nobody saves."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.slow = [ops.convert_to_tensor(v) + 0.0 for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate)
        index = self._get_variable_index(variable)
        self.slow[index] = self.slow[index] + 0.1 * (ops.convert_to_tensor(variable) - self.slow[index])
        self.assign(variable, 0.9 * variable + 0.1 * self.slow[index])


class LookaheadInVariables(Sign):
    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.slow = [self.add_variable_from_reference(v, name="slow") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate)
        slow = self.slow[self._get_variable_index(variable)]
        self.assign(slow, slow + 0.1 * (variable - slow))
        self.assign(variable, 0.9 * variable + 0.1 * slow)


class SignForgetsBeta(Sign):
    def get_config(self):
        return keras.optimizers.Optimizer.get_config(self)


def bug(broken, sound, *names, inputs=tuple, **options):
    return Bug(broken, sound, frozenset(names), inputs=inputs, held_out=True, **options)


def one(*shape):
    return lambda: (numbers(*shape),)


def step(broken, sound, *names):
    return bug(
        lambda: compiled(broken()),
        lambda: compiled(sound()),
        *names,
        inputs=lambda: (numbers(16, 6), numbers(16, 2, seed=1)),
    )


def both(make):
    return lambda: (make(8, 4), make(8, 4, seed=1))


_CLASSES = {"inputs": lambda: (one_hot(8, 4), shares(8, 4, seed=1))}

BUGS = {
    "SqueezeExcite": bug(SqueezeExcite, SqueezeExciteOfAnImage, "batch-independence", inputs=one(3, 8, 8, 4)),
    "SelfAttention": bug(SelfAttention, SelfAttentionOfWords, "masks", inputs=one(3, 5, 4)),
    "CausalAttention": bug(CausalAttention, CausalAttentionInHalf, "mixed-precision", inputs=one(3, 5, 4)),
    "FeedForward": bug(FeedForward, FeedForwardInTraining, "deterministic-inference", inputs=one(3, 5, 4)),
    "ResidualConv": bug(
        ResidualConv,
        ResidualConvBuilt,
        "build-creates-all",
        "no-new-weights",
        "builds",
        "save-and-load",
        inputs=one(3, 6, 6, 3),
    ),
    # TensorFlow's gradient of a root is 0 where what comes from above is 0.
    "Capsule": bug(Capsule, CapsuleGuarded, "gradients-finite", inputs=one(3, 6), backends=("jax", "torch")),
    "Experts": bug(Experts, SoftExperts, "gradients-reach", inputs=one(3, 6)),
    "NoisyTopics": bug(NoisyTopics, NoisyTopicsAnew, "training-noise", inputs=one(3, 6)),
    "Gated": bug(
        lambda: Gated(layers.Dense(3)),
        lambda: GatedRevived(layers.Dense(3)),
        "config",
        "save-and-load",
        inputs=one(3, 6),
    ),
    "Encoded": bug(Encoded, EncodedByNumPy, "tracked-state", "in-models", inputs=one(3, 5, 4)),
    "SplitsHeads": bug(SplitsHeads, SplitsHeadsInOrder, "shapes-agree", inputs=one(3, 6)),
    "Quantised": bug(Quantised, QuantisedStraight, "gradients-reach", inputs=one(16, 6)),
    "Autoencoder": bug(
        lambda: compiled(Autoencoder()),
        lambda: compiled(AutoencoderAddsLoss()),
        "python-state",
        "tracked-state",
        "compiled",
        "step-runs",
        "step-compiled",
        inputs=lambda: (numbers(16, 6), numbers(16, 6, seed=1)),
    ),
    "LossOfItsOwn": step(LossOfItsOwn, WeighedLossOfItsOwn, "step-sample-weight"),
    "PredictsAgain": step(PredictsAgain, Regressor, "step-training-mode"),
    "HidesItsMetric": step(HidesItsMetric, ShowsItsMetric, "step-metrics"),
    "scaled_by_a_variable": bug(
        lambda: scaled_by_a_variable,
        lambda: scaled_by_a_layer,
        "baked-weights",
        "tracked-state",
        "gradients-reach",
    ),
    "token_baked": bug(lambda: token_baked, lambda: token_learned, "baked-weights"),
    "Dice": bug(Dice, DiceSmoothed, "loss-finite", inputs=lambda: (labels(8, 4), shares(8, 4))),
    "LogCosh": bug(LogCosh, LogCoshOfLarge, "loss-finite", inputs=both(numbers)),
    "PoissonSwapped": bug(PoissonSwapped, Poisson, "loss-minimum", inputs=both(shares)),
    "SmoothLabels": bug(lambda: SmoothLabels(0.2), lambda: SmoothLabelsKept(0.2), "loss-config", **_CLASSES),
    "focal": bug(
        lambda: focal, lambda: focal_guarded, "loss-finite", inputs=lambda: (labels(8, 4), shares(8, 4))
    ),
    "MacroRecall": bug(MacroRecall, MacroRecallGuarded, "metric-finite", **_CLASSES),
    "FractionOfVariance": bug(
        FractionOfVariance, FractionOfAllVariance, "metric-split", inputs=both(numbers)
    ),
    "CollectsErrors": bug(CollectsErrors, CountsErrors, "metric-state", inputs=both(numbers)),
    "Perplexity": bug(Perplexity, PerplexityWeighed, "metric-sample-weight", **_CLASSES),
    "SignWarmsUp": bug(SignWarmsUp, SignWarmsUpByIterations, "optimizer-state", "optimizer-compiled"),
    "Lookahead": bug(Lookahead, LookaheadInVariables, "optimizer-state", "optimizer-compiled"),
    "SignForgetsBeta": bug(lambda: SignForgetsBeta(beta=0.5), lambda: Sign(beta=0.5), "optimizer-config"),
}
