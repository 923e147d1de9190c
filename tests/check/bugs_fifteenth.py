"""A fifteenth set: short pieces of custom code as people post them, by many hands."""

from __future__ import annotations

import keras
from bug import Bug, distribution, labels, numbers, random, shares
from keras import layers, ops

register = keras.saving.register_keras_serializable("blind_fifteenth")
ALL = ("jax", "tensorflow", "torch")


def bug(broken, sound, *contracts, inputs=tuple, backends=ALL, options=None):
    return Bug(broken, sound, frozenset(contracts), inputs=inputs, options=options or {}, backends=backends)


def good(sound, inputs=tuple, backends=ALL, options=None):
    return Bug(None, sound, frozenset(), inputs=inputs, options=options or {}, backends=backends)


def one(*shape, seed=0):
    return lambda: (numbers(*shape, seed=seed),)


def fit_on(x, y):
    return lambda: (x(), y())


# -- layers --------------------------------------------------------------------------------------------------------


# Scales every sample to [0, 1].
@register
class MinMaxScale(layers.Layer):
    def over(self, x):
        return tuple(range(1, len(x.shape)))

    def call(self, x):
        lo = ops.min(x, axis=self.over(x), keepdims=True)
        hi = ops.max(x, axis=self.over(x), keepdims=True)
        return (x - lo) / (hi - lo + 1e-3)


@register
class MinMaxScaleB(MinMaxScale):
    """np.min(image) in the loading script became ops.min(batch) in the model."""

    def over(self, x):
        return None


# Collapses the sequence by learned scores.
@register
class ScoreSum(layers.Layer):
    def build(self, input_shape):
        self.v = self.add_weight(shape=(input_shape[-1], 1), initializer="glorot_uniform", name="v")

    def drop_axis(self, s):
        return ops.squeeze(s, axis=-1)

    def call(self, x):
        scores = self.drop_axis(ops.matmul(x, self.v))  # (batch, time)
        return ops.tanh(scores)


@register
class ScoreSumB(ScoreSum):
    def drop_axis(self, s):
        return ops.squeeze(s)


# Own batch normalisation, as an exercise.
@register
class RunningNorm(layers.Layer):
    def __init__(self, momentum=0.9, eps=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.eps = eps

    def make_statistics(self, d):
        self.mu = self.add_weight(shape=(d,), initializer="zeros", trainable=False, name="mu")
        self.var = self.add_weight(shape=(d,), initializer="ones", trainable=False, name="var")

    def build(self, input_shape):
        d = input_shape[-1]
        self.gamma = self.add_weight(shape=(d,), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(d,), initializer="zeros", name="beta")
        self.make_statistics(d)

    def call(self, x, training=False):
        h = ops.cast(x, "float32")
        mu, var = ops.cast(self.mu, "float32"), ops.cast(self.var, "float32")
        if training:
            bm, bv = ops.moments(h, axes=[0])
            self.mu.assign(self.momentum * mu + (1 - self.momentum) * ops.stop_gradient(bm))
            self.var.assign(self.momentum * var + (1 - self.momentum) * ops.stop_gradient(bv))
            mu, var = bm, bv
        h = (h - mu) * ops.rsqrt(var + self.eps)
        return ops.cast(h, x.dtype) * self.gamma + self.beta

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "eps": self.eps}


@register
class RunningNormB(RunningNorm):
    def make_statistics(self, d):
        self.mu = self.add_weight(shape=(d,), initializer="zeros", name="mu")
        self.var = self.add_weight(shape=(d,), initializer="ones", name="var")


# A bottleneck: down through the widths and up again.
@register
class Hourglass(layers.Layer):
    def __init__(self, widths, **kwargs):
        super().__init__(**kwargs)
        self.widths = list(widths)

    def way_up(self):
        return self.widths[::-1]

    def build(self, input_shape):
        self.stack = []
        shape = tuple(input_shape)
        for w in list(self.widths) + list(self.way_up()):
            d = layers.Dense(w, activation="tanh", dtype=self.dtype_policy)
            d.build(shape)
            shape = (*shape[:-1], w)
            self.stack.append(d)

    def call(self, x):
        for d in self.stack:
            x = d(x)
        return x

    def get_config(self):
        return {**super().get_config(), "widths": list(self.widths)}


@register
class HourglassB(Hourglass):
    def way_up(self):
        self.widths.reverse()
        return self.widths


# Wrapper: any layer, with a skip connection around it.
@register
class Skip(layers.Layer):
    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)

    def call(self, x):
        return x + ops.cast(self.layer(x), x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["layer"] = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**config)


@register
class SkipB(layers.Layer):
    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)

    def call(self, x):
        return x + ops.cast(self.layer(x), x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}


# ArcFace without the margin.
@register
class CosineHead(layers.Layer):
    def __init__(self, classes, s=8.0, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.s = classes, s

    def build(self, input_shape):
        self.W = self.add_weight(shape=(input_shape[-1], self.classes), initializer="he_normal", name="W")

    def length(self, v, axis):
        return (ops.sum(v * v, axis=axis, keepdims=True) + 1e-6) ** 0.5

    def call(self, x):
        e = ops.cast(x, "float32")
        w = ops.cast(self.W, "float32")
        w = w / ops.sqrt(ops.sum(w * w, axis=0, keepdims=True) + 1e-6)
        e = e / self.length(e, -1)
        return ops.cast(self.s * ops.matmul(e, w), self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes, "s": self.s}


@register
class CosineHeadB(CosineHead):
    def length(self, v, axis):
        return ops.sum(v * v, axis=axis, keepdims=True) ** 0.5 + 1e-6


# Attention pooling over words.
@register
class WordAttention(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        d = input_shape[-1]
        self.W = self.add_weight(shape=(d, d), initializer="glorot_uniform", name="W")
        self.u = self.add_weight(shape=(d, 1), initializer="glorot_uniform", name="u")

    def weigh(self, e, m):
        return ops.softmax(ops.where(m, e, ops.cast(-1e4, e.dtype)), axis=1) * ops.cast(m, e.dtype)

    def call(self, x, mask=None):
        e = ops.matmul(ops.tanh(ops.matmul(x, self.W)), self.u)
        a = (
            ops.softmax(e, axis=1)
            if mask is None
            else self.weigh(e, ops.expand_dims(ops.cast(mask, "bool"), -1))
        )
        return ops.sum(a * x, axis=1)

    def compute_mask(self, x, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


@register
class WordAttentionB(WordAttention):
    def weigh(self, e, m):
        return ops.softmax(e, axis=1) * ops.cast(m, e.dtype)


# Halves the frame rate, as in pyramidal speech encoders.
@register
class HalveTime(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.mix = self.add_weight(shape=(2, input_shape[-1]), initializer="ones", name="mix")

    def call(self, x, mask=None):
        if mask is not None:
            x = x * ops.cast(ops.expand_dims(mask, -1), x.dtype)
        n = ops.shape(x)[1] // 2 * 2
        return x[:, 0:n:2] * self.mix[0] + x[:, 1:n:2] * self.mix[1]

    def compute_mask(self, x, mask=None):
        if mask is None:
            return None
        n = ops.shape(mask)[1] // 2 * 2
        return ops.logical_or(mask[:, 0:n:2], mask[:, 1:n:2])

    def compute_output_shape(self, s):
        return (s[0], None if s[1] is None else s[1] // 2, s[2])


@register
class HalveTimeB(HalveTime):
    def compute_mask(self, x, mask=None):
        return mask


# Bilinear attention; the notebook plots the weights later.
@register
class TinyAttention(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        d = input_shape[-1]
        self.wq = self.add_weight(shape=(d, self.units), initializer="glorot_uniform", name="wq")
        self.wk = self.add_weight(shape=(d, self.units), initializer="glorot_uniform", name="wk")
        self.wv = self.add_weight(shape=(d, self.units), initializer="glorot_uniform", name="wv")

    def keep(self, a):
        pass

    def call(self, x):
        q, k, v = (ops.matmul(x, w) for w in (self.wq, self.wk, self.wv))
        a = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 2, 1))) / self.units**0.5, axis=-1)
        self.keep(a)
        return ops.matmul(a, v)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class TinyAttentionB(TinyAttention):
    def keep(self, a):
        self.last_attention = a


@register
class GLU(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], 2 * self.units), initializer="glorot_uniform", name="w"
        )

    def call(self, x):
        h = ops.matmul(x, self.w)
        return h[..., : self.units] * ops.sigmoid(h[..., self.units :])

    def get_config(self):
        config = super().get_config()
        config.update(units=self.units)
        return config


@register
class GLUB(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__()
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], 2 * self.units), initializer="glorot_uniform", name="w"
        )

    def call(self, x):
        h = ops.matmul(x, self.w)
        return h[..., : self.units] * ops.sigmoid(h[..., self.units :])

    def get_config(self):
        config = super().get_config()
        config.update(units=self.units)
        return config


# Learned positions, ViT style.
@register
class PatchPositions(layers.Layer):
    def __init__(self, length, **kwargs):
        super().__init__(**kwargs)
        self.length = length

    def build(self, input_shape):
        self.pos = layers.Embedding(self.length, input_shape[-1], dtype=self.dtype_policy)
        self.pos.build((None,))

    def table(self):
        return self.pos(ops.arange(self.length, dtype="int32"))

    def call(self, x):
        return x + ops.cast(self.table(), x.dtype)

    def get_config(self):
        return {**super().get_config(), "length": self.length}


@register
class PatchPositionsB(PatchPositions):
    def build(self, input_shape):
        super().build(input_shape)
        # always the same numbers, so look them up once
        self.cached = ops.convert_to_numpy(self.pos(ops.arange(self.length, dtype="int32")))

    def table(self):
        return self.cached


# Hashing layer: binary codes with the straight-through trick.
@register
class BinaryCode(layers.Layer):
    def __init__(self, bits, **kwargs):
        super().__init__(**kwargs)
        self.bits = bits

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.bits), initializer="glorot_uniform", name="kernel"
        )

    def through(self, h, hard):
        return h + ops.stop_gradient(hard - h)

    def call(self, x):
        h = ops.tanh(ops.matmul(x, self.kernel))
        return self.through(h, ops.sign(h))

    def get_config(self):
        return {**super().get_config(), "bits": self.bits}


@register
class BinaryCodeB(BinaryCode):
    def through(self, h, hard):
        return hard + ops.stop_gradient(h - hard)


# Adapter on top of features.
@register
class Adapter(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.down = layers.Dense(units, activation="tanh", dtype=self.dtype_policy)

    def build(self, input_shape):
        self.down.build(input_shape)
        self.up = self.add_weight(
            shape=(self.units, input_shape[-1]), initializer="glorot_uniform", name="up"
        )

    def prepare(self, training):
        pass

    def call(self, x, training=False):
        self.prepare(training)
        return x + ops.matmul(self.down(x), self.up)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class AdapterB(Adapter):
    def prepare(self, training):
        self.down.trainable = bool(training)  # do not learn while predicting


# -- losses --------------------------------------------------------------------------------------------------------


# Errors in per cent of the sample's own range.
@register
class RelativeError(keras.losses.Loss):
    def scale(self, y):
        return ops.max(ops.abs(y), axis=-1)

    def call(self, y_true, y_pred):
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        return ops.mean(ops.square(y_true - y_pred), axis=-1) / (self.scale(y_true) + 0.1)


@register
class RelativeErrorB(RelativeError):
    def scale(self, y):
        return ops.max(ops.abs(y))


# Mean Euclidean distance of keypoints.
@register
class KeypointDistance(keras.losses.Loss):
    def root(self, sq):
        return ops.sqrt(sq + 1e-8)

    def call(self, y_true, y_pred):
        sq = ops.sum(ops.square(y_pred - y_true), axis=-1)  # (batch, points)
        return ops.mean(self.root(sq), axis=-1)


@register
class KeypointDistanceB(KeypointDistance):
    def root(self, sq):
        return ops.sqrt(sq)


# The quantile is given in per cent.
@register
class Pinball(keras.losses.Loss):
    def __init__(self, percent=50, name="pinball", **kwargs):
        super().__init__(name=name, **kwargs)
        self.q = percent / 100

    def call(self, y_true, y_pred):
        d = y_true - y_pred
        return ops.mean(ops.maximum(self.q * d, (self.q - 1) * d), axis=-1)

    def get_config(self):
        return {**super().get_config(), "percent": self.q * 100}


@register
class PinballB(Pinball):
    def get_config(self):
        return {**super().get_config(), "percent": self.q}


# Label smoothing for integer targets.
@register
class SmoothSparseCE(keras.losses.Loss):
    def __init__(self, eps=0.1, **kwargs):
        super().__init__(**kwargs)
        self.eps = eps

    def flat(self, y):
        return ops.reshape(y, (-1,))

    def call(self, y_true, y_pred):
        k = y_pred.shape[-1]
        hot = ops.one_hot(ops.cast(self.flat(y_true), "int32"), k, dtype=y_pred.dtype)
        hot = hot * (1 - self.eps) + self.eps / k
        return -ops.sum(hot * ops.log(ops.clip(y_pred, 1e-6, 1.0)), axis=-1)

    def get_config(self):
        return {**super().get_config(), "eps": self.eps}


@register
class SmoothSparseCEB(SmoothSparseCE):
    def flat(self, y):
        return y


@register
class CosineLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return 1.0 - self.cos(y_true, y_pred)

    def cos(self, a, b):
        a = a * ops.rsqrt(ops.sum(a * a, axis=-1, keepdims=True) + 1e-6)
        b = b * ops.rsqrt(ops.sum(b * b, axis=-1, keepdims=True) + 1e-6)
        return ops.sum(a * b, axis=-1)


@register
class CosineLossB(CosineLoss):
    def call(self, y_true, y_pred):
        return self.cos(y_true, y_pred)  # "similarity" taken for "distance"


# -- metrics -------------------------------------------------------------------------------------------------------


def flat(y, dtype="float32"):
    return ops.reshape(ops.cast(y, dtype), (-1,))


def weights_of(sample_weight, y):
    return ops.ones_like(y) if sample_weight is None else flat(sample_weight) * ops.ones_like(y)


@register
class R2(keras.metrics.Metric):
    def __init__(self, name="r2", **kwargs):
        super().__init__(name=name, **kwargs)
        self.n = self.add_weight(name="n", initializer="zeros")
        self.sy = self.add_weight(name="sy", initializer="zeros")
        self.syy = self.add_weight(name="syy", initializer="zeros")
        self.res = self.add_weight(name="res", initializer="zeros")

    def add_total(self, y, w):
        self.n.assign_add(ops.sum(w))
        self.sy.assign_add(ops.sum(w * y))
        self.syy.assign_add(ops.sum(w * y * y))

    def update_state(self, y_true, y_pred, sample_weight=None):
        y, p = flat(y_true), flat(y_pred)
        w = weights_of(sample_weight, y)
        self.res.assign_add(ops.sum(w * ops.square(y - p)))
        self.add_total(y, w)

    def result(self):
        total = self.syy - ops.divide_no_nan(self.sy * self.sy, self.n)
        return 1.0 - ops.divide_no_nan(self.res, total)


@register
class R2B(R2):
    def add_total(self, y, w):
        m = ops.sum(w * y) / ops.maximum(ops.sum(w), 1e-6)  # the mean of the targets
        self.n.assign_add(ops.sum(w))
        self.syy.assign_add(ops.sum(w * ops.square(y - m)))


@register
class MyRMSE(keras.metrics.Metric):
    def __init__(self, name="my_rmse", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y, p = flat(y_true), flat(y_pred)
        w = weights_of(sample_weight, y)
        self.total.assign_add(ops.sum(w * ops.square(y - p)))
        self.count.assign_add(ops.sum(w))

    def result(self):
        return ops.sqrt(ops.divide_no_nan(self.total, self.count))


@register
class MyRMSEB(MyRMSE):
    def result(self):
        self.total.assign(ops.sqrt(ops.divide_no_nan(self.total, self.count)))
        return self.total + 0.0


@register
class Specificity(keras.metrics.Metric):
    def __init__(self, threshold=0.5, name="specificity", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.tn = self.add_weight(name="tn", initializer="zeros")
        self.neg = self.add_weight(name="neg", initializer="zeros")

    def weigh(self, values, sample_weight):
        return values * weights_of(sample_weight, values)

    def update_state(self, y_true, y_pred, sample_weight=None):
        neg = 1.0 - flat(y_true)
        said_no = ops.cast(flat(y_pred) <= self.threshold, "float32")
        self.tn.assign_add(ops.sum(self.weigh(neg * said_no, sample_weight)))
        self.neg.assign_add(ops.sum(self.weigh(neg, sample_weight)))

    def result(self):
        return ops.divide_no_nan(self.tn, self.neg)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


@register
class SpecificityB(Specificity):
    def weigh(self, values, sample_weight):
        return values


# Share of samples whose class is predicted.
@register
class ClassHits(keras.metrics.Metric):
    def __init__(self, name="class_hits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")

    def same(self, y_true, guess):
        return ops.equal(ops.reshape(ops.cast(y_true, "int32"), (-1,)), guess)

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        w = weights_of(sample_weight, ops.cast(guess, "float32"))
        self.hits.assign_add(ops.sum(ops.cast(self.same(y_true, guess), "float32") * w))
        self.seen.assign_add(ops.sum(w))

    def result(self):
        return ops.divide_no_nan(self.hits, self.seen)


@register
class ClassHitsB(ClassHits):
    def same(self, y_true, guess):
        return ops.equal(ops.cast(y_true, "int32"), guess)


# The least sure prediction of the epoch.
@register
class LeastSure(keras.metrics.Metric):
    def __init__(self, name="least_sure", **kwargs):
        super().__init__(name=name, **kwargs)
        self.low = self.add_weight(shape=(), name="low", initializer="ones")

    def update_state(self, y_true, y_pred, sample_weight=None):
        top = ops.max(ops.cast(y_pred, "float32"), axis=-1)
        if sample_weight is not None:
            top = ops.where(flat(sample_weight) > 0, top, 1.0)
        self.low.assign(ops.minimum(self.low, ops.min(top)))

    def result(self):
        return self.low + 0.0

    def reset_state(self):
        self.low.assign(1.0)


@register
class LeastSureB(LeastSure):
    def reset_state(self):
        keras.metrics.Metric.reset_state(self)  # as inherited: everything to 0


# -- models --------------------------------------------------------------------------------------------------------

STEPS = ("tensorflow", "torch")


def descend(model, objective, variables):
    """One update of `variables` on TensorFlow or PyTorch; gives what objective() gave."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss, *rest = objective()
            scaled = model.optimizer.scale_loss(loss)
        model.optimizer.apply(tape.gradient(scaled, [v.value for v in variables]), variables)
    else:
        import torch

        model.zero_grad()
        loss, *rest = objective()
        model.optimizer.scale_loss(loss).backward()
        grads = [v.value.grad for v in variables]
        with torch.no_grad():
            model.optimizer.apply(grads, variables)
    return (loss, *rest)


class PriceNet(keras.Model):
    """Squared error in log space, written as compute_loss."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hid = layers.Dense(8, activation="tanh", kernel_regularizer="l2")
        self.out = layers.Dense(1)

    def call(self, x):
        return self.out(self.hid(x))

    def weigh(self, per_sample, w):
        return per_sample if w is None else per_sample * ops.reshape(ops.cast(w, per_sample.dtype), (-1,))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y = ops.reshape(ops.cast(y, y_pred.dtype), ops.shape(y_pred))
        per_sample = ops.mean(ops.square(y - y_pred), axis=-1)
        loss = ops.mean(self.weigh(per_sample, sample_weight))
        for extra in self.losses:
            loss = loss + ops.cast(extra, loss.dtype)
        return loss


class PriceNetB(PriceNet):
    def weigh(self, per_sample, w):
        return per_sample


class TwoTermNet(keras.Model):
    """A fit term and a small-output term, each with a tracker of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hid = layers.Dense(8, activation="tanh")
        self.out = layers.Dense(1)
        self.total_tracker = keras.metrics.Mean(name="loss")
        self.fit_tracker = keras.metrics.Mean(name="fit")
        self.size_tracker = keras.metrics.Mean(name="size")

    @property
    def metrics(self):
        return [self.total_tracker, self.fit_tracker, self.size_tracker]

    def call(self, x):
        return self.out(self.hid(x))

    def train_step(self, data):
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)

        def objective():
            p = self(x, training=True)
            fit = self.compute_loss(x=x, y=y, y_pred=p, sample_weight=w)
            size = ops.mean(ops.square(p))
            return fit + 0.05 * size, fit, size

        loss, fit, size = descend(self, objective, self.trainable_variables)
        self.total_tracker.update_state(loss)
        self.fit_tracker.update_state(fit)
        self.size_tracker.update_state(size)
        return {
            "loss": self.total_tracker.result(),
            "fit": self.fit_tracker.result(),
            "size": self.size_tracker.result(),
        }


class TwoTermNetB(TwoTermNet):
    @property
    def metrics(self):
        return [self.total_tracker]


class DropNet(keras.Model):
    """The train_step of the guide, more or less."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.d1 = layers.Dense(16, activation="relu")
        self.bn = layers.BatchNormalization()
        self.drop = layers.Dropout(0.4, seed=1)
        self.d2 = layers.Dense(1)

    def call(self, x, training=False):
        h = self.bn(self.d1(x), training=training)
        return self.d2(self.drop(h, training=training))

    def predictions(self, x):
        return self(x, training=True)

    def train_step(self, data):
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)

        def objective():
            p = self.predictions(x)
            return self.compute_loss(x=x, y=y, y_pred=p, sample_weight=w), p

        loss, p = descend(self, objective, self.trainable_variables)
        for m in self.metrics:
            if m.name == "loss":
                m.update_state(loss)
            else:
                m.update_state(y, p, sample_weight=w)
        return self.get_metrics_result()


class DropNetB(DropNet):
    def predictions(self, x):
        return self(x)


class EncDec(keras.Model):
    """Encoder and decoder, trained together."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.encoder = keras.Sequential([layers.Dense(6, activation="tanh"), layers.Dense(3)])
        self.decoder = keras.Sequential([layers.Dense(6, activation="tanh"), layers.Dense(4)])

    def call(self, x):
        return self.decoder(self.encoder(x))

    def learned(self):
        return self.encoder.trainable_variables + self.decoder.trainable_variables

    def train_step(self, data):
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)

        def objective():
            p = self(x, training=True)
            return self.compute_loss(x=x, y=y, y_pred=p, sample_weight=w), p

        loss, p = descend(self, objective, self.learned())
        for m in self.metrics:
            if m.name == "loss":
                m.update_state(loss)
            else:
                m.update_state(y, p, sample_weight=w)
        return self.get_metrics_result()


class EncDecB(EncDec):
    def learned(self):
        return self.decoder.trainable_variables


def compiled(cls, lr=0.01):
    def make():
        model = cls()
        model.compile(optimizer=keras.optimizers.SGD(lr), loss="mse")
        return model

    return make


# -- optimizers ----------------------------------------------------------------------------------------------------


# Adam, written down from the paper.
@register
class PaperAdam(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.01, b1=0.9, b2=0.99, name="paper_adam", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.b1, self.b2 = b1, b2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.ms = [self.add_variable_from_reference(v, name="m") for v in variables]
        self.vs = [self.add_variable_from_reference(v, name="v") for v in variables]

    def t(self):
        return self.iterations + 1

    def update_step(self, gradient, variable, learning_rate):
        i = self._get_variable_index(variable)
        m, v = self.ms[i], self.vs[i]
        g = ops.cast(gradient, variable.dtype)
        t = ops.cast(self.t(), variable.dtype)
        self.assign(m, self.b1 * m + (1 - self.b1) * g)
        self.assign(v, self.b2 * v + (1 - self.b2) * g * g)
        mh = m / (1 - ops.power(ops.cast(self.b1, variable.dtype), t))
        vh = v / (1 - ops.power(ops.cast(self.b2, variable.dtype), t))
        lr = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, lr * mh / (ops.sqrt(vh) + 1e-7))

    def get_config(self):
        return {**super().get_config(), "b1": self.b1, "b2": self.b2}


@register
class PaperAdamB(PaperAdam):
    def t(self):
        return self.iterations


# -- sound, though unusual -----------------------------------------------------------------------------------------


# Domain-adversarial training: forward the identity, backward the opposite.
@register
class FlipGradient(layers.Layer):
    def __init__(self, strength=0.5, **kwargs):
        super().__init__(**kwargs)
        self.strength = strength
        self.supports_masking = True

    def call(self, x):
        back = x * self.strength
        return ops.stop_gradient(x) + ops.stop_gradient(back) - back

    def get_config(self):
        return {**super().get_config(), "strength": self.strength}


# Deep sets: every element sees the mean of the set's other elements, padding apart.
@register
class SetMix(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True

    def build(self, input_shape):
        d = input_shape[-1]
        self.own = self.add_weight(shape=(d, self.units), initializer="glorot_uniform", name="own")
        self.others = self.add_weight(shape=(d, self.units), initializer="glorot_uniform", name="others")

    def call(self, x, mask=None):
        m = ops.ones_like(x[..., :1]) if mask is None else ops.cast(ops.expand_dims(mask, -1), x.dtype)
        mean = ops.sum(x * m, axis=1, keepdims=True) / ops.maximum(ops.sum(m, axis=1, keepdims=True), 1.0)
        return ops.tanh(ops.matmul(x, self.own) + ops.matmul(mean, self.others)) * m

    def compute_output_shape(self, s):
        return (*s[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


# Two outputs, by name, the second kept positive.
@register
class GaussianHead(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.loc = layers.Dense(units, dtype=self.dtype_policy, name="loc")
        self.scale = layers.Dense(units, activation="softplus", dtype=self.dtype_policy, name="scale")

    def build(self, input_shape):
        self.loc.build(input_shape)
        self.scale.build(input_shape)

    def call(self, x):
        return {"loc": self.loc(x), "scale": self.scale(x) + 1e-3}

    def compute_output_shape(self, s):
        return {"loc": (*s[:-1], self.units), "scale": (*s[:-1], self.units)}

    def get_config(self):
        return {**super().get_config(), "units": self.units}


# Input and output share one table (weight tying), so a weight is used twice.
@register
class TiedCoder(layers.Layer):
    def __init__(self, code, **kwargs):
        super().__init__(**kwargs)
        self.code = code

    def build(self, input_shape):
        d = input_shape[-1]
        self.w = self.add_weight(shape=(d, self.code), initializer="glorot_uniform", name="w")
        self.b_in = self.add_weight(shape=(self.code,), initializer="zeros", name="b_in")
        self.b_out = self.add_weight(shape=(d,), initializer="zeros", name="b_out")

    def call(self, x):
        h = ops.gelu(ops.matmul(x, self.w) + self.b_in)
        return ops.matmul(h, ops.transpose(self.w)) + self.b_out

    def get_config(self):
        return {**super().get_config(), "code": self.code}


# Noise whose strength grows over the first steps; the count lives in a variable.
@register
class WarmNoise(layers.Layer):
    def __init__(self, top=0.3, steps=10, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.top, self.steps, self.seed = top, steps, seed
        self.supports_masking = True
        self.rng = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        self.seen = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", trainable=False, autocast=False, name="seen"
        )

    def call(self, x, training=False):
        if not training:
            return x
        self.seen.assign_add(1.0)
        strength = self.top * ops.minimum(self.seen / self.steps, 1.0)
        noise = keras.random.normal(ops.shape(x), dtype=x.dtype, seed=self.rng)
        return x + noise * ops.cast(strength, x.dtype)

    def compute_output_shape(self, s):
        return s

    def get_config(self):
        return {**super().get_config(), "top": self.top, "steps": self.steps, "seed": self.seed}


# Item ranking: the softmax is over the items of one query, i.e. of one sample.
@register
class ListNet(keras.losses.Loss):
    def __init__(self, temperature=1.0, name="list_net", **kwargs):
        super().__init__(name=name, **kwargs)
        self.temperature = temperature

    def call(self, y_true, y_pred):
        t = ops.softmax(ops.cast(y_true, y_pred.dtype) / self.temperature, axis=-1)
        p = ops.log_softmax(y_pred / self.temperature, axis=-1)
        return ops.sum(t * (ops.log(t + 1e-7) - p), axis=-1)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


# The largest error so far; begins below any error.
@register
class WorstError(keras.metrics.Metric):
    def __init__(self, name="worst", **kwargs):
        super().__init__(name=name, **kwargs)
        self.worst = self.add_weight(shape=(), initializer=keras.initializers.Constant(-1.0), name="worst")

    def update_state(self, y_true, y_pred, sample_weight=None):
        err = ops.abs(flat(y_true) - flat(y_pred))
        if sample_weight is not None:
            err = ops.where(weights_of(sample_weight, err) > 0, err, -1.0)
        self.worst.assign(ops.maximum(self.worst, ops.max(err)))

    def result(self):
        return ops.maximum(self.worst, 0.0)

    def reset_state(self):
        self.worst.assign(-1.0)


# The targets are the inputs themselves, so y plays no part.
class Denoise(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.enc = layers.Dense(3, activation="tanh", activity_regularizer="l2")
        self.dec = layers.Dense(4)

    def call(self, x):
        return self.dec(self.enc(x))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x=x, y=x, y_pred=y_pred, sample_weight=sample_weight, training=training)


def normal_xy(b=8, d=4, out=1):
    return fit_on(lambda: numbers(b, d), lambda: numbers(b, out, seed=1))


def classes(b, k, seed=0):
    return random(seed).integers(0, k, (b,)).astype("int32")


BUGS = {
    "MinMaxScale": bug(MinMaxScaleB, MinMaxScale, "batch-independence", inputs=one(4, 6)),
    "ScoreSum": bug(ScoreSumB, ScoreSum, "batch-sizes", "shapes-agree", inputs=one(4, 5, 3)),
    "RunningNorm": bug(RunningNormB, RunningNorm, "gradients-reach", "trainable", inputs=one(6, 4)),
    "Hourglass": bug(
        lambda: HourglassB([6, 3]), lambda: Hourglass([6, 3]), "config", "save-and-load", inputs=one(4, 5)
    ),
    "Skip": bug(
        lambda: SkipB(layers.Dense(5)),
        lambda: Skip(layers.Dense(5)),
        "config",
        "save-and-load",
        inputs=one(4, 5),
    ),
    "CosineHead": bug(lambda: CosineHeadB(3), lambda: CosineHead(3), "gradients-finite", inputs=one(4, 6)),
    "WordAttention": bug(WordAttentionB, WordAttention, "masks", inputs=one(4, 5, 3)),
    "HalveTime": bug(HalveTimeB, HalveTime, "masks", inputs=one(4, 6, 3)),
    "TinyAttention": bug(TinyAttentionB, TinyAttention, "python-state", "tracked-state", inputs=one(4, 5, 3)),
    "GLU": bug(lambda: GLUB(3), lambda: GLU(3), "name-and-dtype", "config", inputs=one(4, 5)),
    "PatchPositions": bug(
        lambda: PatchPositionsB(5),
        lambda: PatchPositions(5),
        "baked-weights",
        "gradients-reach",
        "tracked-state",
        "config",
        "save-and-load",
        inputs=one(4, 5, 3),
    ),
    "BinaryCode": bug(lambda: BinaryCodeB(4), lambda: BinaryCode(4), "gradients-reach", inputs=one(4, 5)),
    "Adapter": bug(
        lambda: AdapterB(3),
        lambda: Adapter(3),
        "trainable",
        "python-state",
        "gradients-reach",
        "in-models",
        inputs=one(4, 5),
    ),
    "RelativeError": bug(
        RelativeErrorB,
        RelativeError,
        "loss-batch-independence",
        inputs=lambda: (numbers(6, 3), numbers(6, 3, seed=1)),
    ),
    "KeypointDistance": bug(
        KeypointDistanceB,
        KeypointDistance,
        "loss-finite",
        inputs=lambda: (numbers(4, 5, 2), numbers(4, 5, 2, seed=1)),
    ),
    "Pinball": bug(
        lambda: PinballB(90),
        lambda: Pinball(90),
        "loss-config",
        inputs=lambda: (numbers(6, 2), numbers(6, 2, seed=1)),
    ),
    "SmoothSparseCE": bug(
        SmoothSparseCEB,
        SmoothSparseCE,
        "loss-targets",
        "loss-per-sample",
        "loss-batch-independence",
        inputs=lambda: (classes(6, 3), distribution(6, 3)),
    ),
    "CosineLoss": bug(
        CosineLossB, CosineLoss, "loss-minimum", inputs=lambda: (numbers(6, 4), numbers(6, 4, seed=1))
    ),
    "R2": bug(R2B, R2, "metric-split", inputs=lambda: (numbers(9, 1), numbers(9, 1, seed=1))),
    "MyRMSE": bug(
        MyRMSEB, MyRMSE, "metric-repeatable", inputs=lambda: (numbers(9, 1), numbers(9, 1, seed=1))
    ),
    "Specificity": bug(
        SpecificityB,
        Specificity,
        "metric-sample-weight",
        inputs=lambda: (labels(12, 1), shares(12, 1, seed=1)),
    ),
    "ClassHits": bug(
        ClassHitsB, ClassHits, "metric-targets", inputs=lambda: (classes(9, 3), distribution(9, 3))
    ),
    "LeastSure": bug(
        LeastSureB, LeastSure, "metric-reset", inputs=lambda: (classes(9, 3), distribution(9, 3))
    ),
    "PriceNet": bug(compiled(PriceNetB), compiled(PriceNet), "step-sample-weight", inputs=normal_xy()),
    "TwoTermNet": bug(
        compiled(TwoTermNetB), compiled(TwoTermNet), "step-metrics", inputs=normal_xy(), backends=STEPS
    ),
    "DropNet": bug(
        compiled(DropNetB), compiled(DropNet), "step-training-mode", inputs=normal_xy(), backends=STEPS
    ),
    "EncDec": bug(
        compiled(EncDecB), compiled(EncDec), "step-updates", inputs=normal_xy(out=4), backends=STEPS
    ),
    "PaperAdam": bug(PaperAdamB, PaperAdam, "optimizer-finite", "optimizer-descends", "optimizer-updates"),
}

SOUND = {
    "FlipGradient": good(FlipGradient, one(4, 5)),
    "SetMix": good(lambda: SetMix(4), one(4, 5, 3)),
    "GaussianHead": good(lambda: GaussianHead(2), one(4, 5)),
    "TiedCoder": good(lambda: TiedCoder(3), one(4, 5)),
    "WarmNoise": good(lambda: WarmNoise(seed=3), one(4, 5)),
    "ListNet": good(lambda: ListNet(2.0), lambda: (numbers(6, 4), numbers(6, 4, seed=1))),
    "WorstError": good(WorstError, lambda: (numbers(9, 1), numbers(9, 1, seed=1))),
    "Denoise": good(compiled(Denoise), normal_xy()),
}
