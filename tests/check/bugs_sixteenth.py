"""A sixteenth set: custom layers, losses, metrics, steps and optimizers as they are met in notebooks and in issues."""

from __future__ import annotations

import keras
import numpy as np
from bug import Bug, distribution, labels, numbers, one_hot, random, shares
from keras import layers, ops

register = keras.saving.register_keras_serializable("blind_sixteenth")
ALL = ("jax", "tensorflow", "torch")


def bug(broken, sound, *contracts, inputs=tuple, backends=ALL, options=None):
    return Bug(broken, sound, frozenset(contracts), inputs=inputs, options=options or {}, backends=backends)


def good(sound, inputs=tuple, backends=ALL, options=None):
    return Bug(None, sound, frozenset(), inputs=inputs, options=options or {}, backends=backends)


def one(*shape, seed=0):
    return lambda: (numbers(*shape, seed=seed),)


# -- layers --------------------------------------------------------------------------------------------------------


# Decoder attention, one head.
@register
class CausalAttention(layers.Layer):
    def __init__(self, dim, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.dim = dim
        self.qkv = layers.Dense(3 * dim, use_bias=False, dtype=self.dtype_policy)
        self.proj = layers.Dense(dim, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.qkv.build(input_shape)
        self.proj.build((*input_shape[:-1], self.dim))

    def probs(self, scores, allowed):
        scores = ops.where(allowed, ops.cast(scores, "float32"), -1e9)
        return ops.softmax(scores, axis=-1)

    def call(self, x, mask=None):
        q, k, v = ops.split(self.qkv(x), 3, axis=-1)
        scores = ops.matmul(q / self.dim**0.5, ops.transpose(k, (0, 2, 1)))
        t = ops.shape(x)[1]
        step = ops.arange(t)
        allowed = ops.expand_dims(step[:, None] >= step[None, :], 0)
        if mask is not None:
            allowed = ops.logical_and(allowed, ops.expand_dims(mask, 1))
        return self.proj(ops.matmul(ops.cast(self.probs(scores, allowed), v.dtype), v))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.dim)

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}


@register
class CausalAttentionB(CausalAttention):
    def probs(self, scores, allowed):
        blocked = 1.0 - ops.cast(allowed, scores.dtype)
        return ops.softmax(scores + blocked * ops.cast(-1e9, scores.dtype), axis=-1)


# The state after the last word.
@register
class LastStep(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x, mask=None):
        if mask is None:
            return x[:, -1]
        mask = ops.cast(mask, "int32")
        step = ops.arange(ops.shape(x)[1], dtype="int32")
        last = ops.max(step * mask, axis=1, keepdims=True)
        pick = ops.logical_and(ops.equal(step, last), ops.cast(mask, "bool"))
        return ops.einsum("bt,btd->bd", ops.cast(pick, x.dtype), x)

    def compute_mask(self, x, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


@register
class LastStepB(LastStep):
    def call(self, x, mask=None):
        return x[:, -1]


# ViT patches; what does not fit at the right and at the bottom is left out.
@register
class Patchify(layers.Layer):
    def __init__(self, patch, **kwargs):
        super().__init__(**kwargs)
        self.patch = patch

    def call(self, images):
        p = self.patch
        h, w, c = images.shape[1] // p, images.shape[2] // p, images.shape[3]
        x = images[:, : h * p, : w * p]
        x = ops.reshape(x, (-1, h, p, w, p, c))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, h * w, p * p * c))

    def along(self, size):
        return size // self.patch

    def compute_output_shape(self, input_shape):
        b, h, w, c = input_shape
        return (b, self.along(h) * self.along(w), self.patch * self.patch * c)

    def get_config(self):
        return {**super().get_config(), "patch": self.patch}


@register
class PatchifyB(Patchify):
    def along(self, size):
        return int(np.ceil(size / self.patch))


# Keeps the range seen in training, for quantisation.
@register
class RangeObserver(layers.Layer):
    def __init__(self, decay=0.9, **kwargs):
        super().__init__(**kwargs)
        self.decay = decay

    def build(self, input_shape):
        self.peak = self.add_weight(shape=(), initializer="ones", trainable=False, name="peak")

    def observe(self, x):
        seen = ops.stop_gradient(ops.max(ops.abs(x)))
        seen = ops.cast(seen, self.peak.dtype)
        self.peak.assign(self.decay * ops.cast(self.peak, seen.dtype) + (1 - self.decay) * seen)

    def call(self, x, training=False):
        out = x / (ops.cast(self.peak, x.dtype) + 1e-3)
        if training:
            self.observe(x)
        return out

    def get_config(self):
        return {**super().get_config(), "decay": self.decay}


@register
class RangeObserverB(RangeObserver):
    def call(self, x):
        out = x / (ops.cast(self.peak, x.dtype) + 1e-3)
        self.observe(x)
        return out


# Transformer MLP.
@register
class FeedForward(layers.Layer):
    def __init__(self, dim, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.up = layers.Dense(4 * dim, activation="gelu", dtype=self.dtype_policy)
        self.down = layers.Dense(dim, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.up.build(input_shape)
        self.down.build((*input_shape[:-1], 4 * self.dim))

    def call(self, x):
        return self.down(self.up(x))

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}


@register
class FeedForwardB(layers.Layer):
    def __init__(self, dim, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        up = layers.Dense(4 * dim, activation="gelu", dtype=self.dtype_policy)
        down = layers.Dense(dim, dtype=self.dtype_policy)
        self.mlp = lambda t: down(up(t))

    def call(self, x):
        return self.mlp(x)

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}


# Stochastic depth (Huang et al.), a decision per sample.
@register
class DropPath(layers.Layer):
    def __init__(self, rate=0.5, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.rng = keras.random.SeedGenerator(seed)

    def draw(self, shape):
        return keras.random.uniform(shape, seed=self.rng)

    def call(self, x, training=False):
        if not training or self.rate == 0:
            return x
        keep = 1.0 - self.rate
        shape = (ops.shape(x)[0],) + (1,) * (len(x.shape) - 1)
        alive = ops.cast(self.draw(shape) < keep, x.dtype)
        return x * alive / keep

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@register
class DropPathB(DropPath):
    def draw(self, shape):
        return keras.random.uniform(shape)


# Electrodes stand in a ring: each minus its left neighbour.
@register
class RingDifference(layers.Layer):
    def neighbour(self, x):
        return ops.roll(x, 1, axis=-1)

    def call(self, x):
        return x - self.neighbour(x)


@register
class RingDifferenceB(RingDifference):
    def neighbour(self, x):
        return ops.roll(x, 1)


# Sentence vector by additive attention.
@register
class AdditivePool(layers.Layer):
    softmax_axis = 1

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = units
        self.hidden = layers.Dense(units, activation="tanh", dtype=self.dtype_policy)
        self.score = layers.Dense(1, use_bias=False, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.score.build((*input_shape[:-1], self.units))

    def call(self, x, mask=None):
        s = ops.cast(self.score(self.hidden(x)), "float32")  # (batch, time, 1)
        if mask is not None:
            m = ops.expand_dims(ops.cast(mask, "float32"), -1)
            s = s - 1e9 * (1.0 - m)
        a = ops.softmax(s, axis=self.softmax_axis)
        if mask is not None:
            a = a * m
        return ops.sum(x * ops.cast(a, x.dtype), axis=1)

    def compute_mask(self, x, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class AdditivePoolB(AdditivePool):
    softmax_axis = -1


# Generalised-mean pooling for image retrieval.
@register
class GeM(layers.Layer):
    def __init__(self, p=3.0, **kwargs):
        super().__init__(**kwargs)
        self.p0 = p

    def build(self, input_shape):
        self.p = self.add_weight(shape=(), initializer=keras.initializers.Constant(self.p0), name="p")

    def positive(self, x):
        return ops.maximum(x, 1e-3)

    def call(self, x):
        h = self.positive(ops.cast(x, "float32"))
        p = ops.cast(self.p, "float32")
        h = ops.mean(ops.power(h, p), axis=(1, 2))
        return ops.cast(ops.power(h, 1.0 / p), x.dtype)

    def get_config(self):
        return {**super().get_config(), "p": self.p0}


@register
class GeMB(GeM):
    def positive(self, x):
        return ops.relu(x)


@register
def lecun_tanh(x):
    return 1.7159 * ops.tanh(0.6667 * x)


# A dense layer in which the bias comes first.
@register
class ShiftedDense(layers.Layer):
    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        d = input_shape[-1]
        self.shift = self.add_weight(shape=(d,), initializer="zeros", name="shift")
        self.kernel = self.add_weight(shape=(d, self.units), initializer="glorot_uniform", name="kernel")

    def call(self, x):
        return self.activation(ops.matmul(x - self.shift, self.kernel))

    def get_config(self):
        config = super().get_config()
        config.update({"units": self.units, "activation": keras.activations.serialize(self.activation)})
        return config


@register
class ShiftedDenseB(ShiftedDense):
    def get_config(self):
        config = super().get_config()
        config.update({"activation": self.activation.__name__})
        return config


# StandardScaler inside of the model.
@register
class ScaleLikeTraining(layers.Layer):
    def build(self, input_shape):
        if self.built:
            return
        d = (input_shape[-1],)
        self.mean = self.add_weight(shape=d, initializer="zeros", trainable=False, name="mean")
        self.sd = self.add_weight(shape=d, initializer="ones", trainable=False, name="sd")

    def adapt(self, data):
        self.build(data.shape)
        self.mean.assign(data.mean(axis=0))
        self.sd.assign(data.std(axis=0) + 1e-3)

    def call(self, x):
        return (x - ops.cast(self.mean, x.dtype)) / ops.cast(self.sd, x.dtype)


@register
class ScaleLikeTrainingB(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean, self.sd = 0.0, 1.0

    def adapt(self, data):
        self.mean = data.mean(axis=0)
        self.sd = data.std(axis=0) + 1e-3

    def call(self, x):
        return (x - ops.cast(self.mean, x.dtype)) / ops.cast(self.sd, x.dtype)


def adapted(cls):
    def make():
        layer = cls()
        layer.adapt(3.0 + 2.0 * numbers(50, 4, seed=9))
        return layer

    return make


# Pixels as a sequence, for DETR.
@register
class ToTokens(layers.Layer):
    def sizes(self, x):
        h, w, c = x.shape[1:]
        return (-1, h * w, c)

    def build(self, input_shape):
        c = input_shape[-1]
        self.place = self.add_weight(
            shape=(input_shape[1] * input_shape[2], c), initializer="random_normal", name="place"
        )

    def call(self, x):
        return ops.reshape(x, self.sizes(x)) + self.place


@register
class ToTokensB(ToTokens):
    def sizes(self, x):
        b, h, w, c = x.shape
        return (b, h * w, c)


# A highway layer (Srivastava et al. 2015).
@register
class Highway(layers.Layer):
    def __init__(self, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.activation = activation

    def build(self, input_shape):
        d = input_shape[-1]
        self.w_h = self.add_weight(shape=(d, d), initializer="glorot_uniform", name="w_h")
        self.w_t = self.add_weight(shape=(d, d), initializer="glorot_uniform", name="w_t")
        self.b_t = self.add_weight(shape=(d,), initializer=keras.initializers.Constant(-1.0), name="b_t")

    def call(self, x):
        t = ops.sigmoid(ops.matmul(x, self.w_t) + self.b_t)
        h = keras.activations.get(self.activation)(ops.matmul(x, self.w_h))
        return t * h + (1 - t) * x

    def get_config(self):
        return {**super().get_config(), "activation": self.activation}


@register
class HighwayB(Highway):
    def __init__(self, activation="relu", **kwargs):
        super().__init__(activation, name="highway", **kwargs)


# Photos come as 0..255 from some sources and as 0..1 from others.
@register
class ToUnitRange(layers.Layer):
    def call(self, x):
        top = ops.max(x, axis=(1, 2, 3), keepdims=True)
        return ops.where(top > 1.0, x / 255.0, x)


@register
class ToUnitRangeB(layers.Layer):
    def call(self, x):
        if ops.max(x) > 1.0:
            x = x / 255.0
        return x


# From the text classification example.
@register
class TokenAndPosition(layers.Layer):
    def __init__(self, maxlen, vocab, dim, **kwargs):
        super().__init__(**kwargs)
        self.maxlen, self.vocab, self.dim = maxlen, vocab, dim
        self.tok = layers.Embedding(vocab, dim, mask_zero=True, dtype=self.dtype_policy)
        self.pos = layers.Embedding(maxlen, dim, dtype=self.dtype_policy)
        self.supports_masking = True

    def build(self, input_shape):
        self.tok.build(input_shape)
        self.pos.build(input_shape[1:])

    def call(self, ids):
        where = ops.arange(ops.shape(ids)[-1], dtype="int32")
        return self.tok(ids) + self.pos(where)

    def compute_mask(self, ids, mask=None):
        return self.tok.compute_mask(ids)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.dim)

    def get_config(self):
        return {**super().get_config(), "maxlen": self.maxlen, "vocab": self.vocab, "dim": self.dim}


@register
class TokenAndPositionB(TokenAndPosition):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.supports_masking = False

    compute_mask = layers.Layer.compute_mask


# One sensor is known to be broken: its channel is set to zero.
@register
class MuteChannel(layers.Layer):
    def __init__(self, channel, **kwargs):
        super().__init__(**kwargs)
        self.channel = channel

    def call(self, x):
        on = np.ones(x.shape[-1], dtype="bool")
        on[self.channel] = False
        return ops.where(on, x, 0.0)

    def get_config(self):
        return {**super().get_config(), "channel": self.channel}


@register
class MuteChannelB(MuteChannel):
    def call(self, x):
        x[..., self.channel] = 0.0
        return x


# -- losses --------------------------------------------------------------------------------------------------------


# V-Net's Dice.
@register
class VNetDice(keras.losses.Loss):
    smooth = 1e-3

    def call(self, y_true, y_pred):
        axes = tuple(range(1, len(y_pred.shape)))
        y_true = ops.cast(y_true, y_pred.dtype)
        inter = ops.sum(y_true * y_pred, axis=axes)
        size = ops.sum(y_true * y_true, axis=axes) + ops.sum(y_pred * y_pred, axis=axes)
        return 1.0 - (2.0 * inter + self.smooth) / (size + self.smooth)


@register
class VNetDiceB(VNetDice):
    smooth = 0.0


# Brier score.
@register
class Brier(keras.losses.Loss):
    def guess(self, p):
        return p

    def call(self, y_true, y_pred):
        return ops.sum(ops.square(ops.cast(y_true, y_pred.dtype) - self.guess(y_pred)), axis=-1)


@register
class BrierB(Brier):
    def guess(self, p):
        return ops.one_hot(ops.argmax(p, axis=-1), p.shape[-1], dtype=p.dtype)


# Too little stock costs more than too much.
@register
class StockLoss(keras.losses.Loss):
    def __init__(self, under=1.0, over=1.0, name="stock", reduction="sum_over_batch_size", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.under = under
        self.over = over

    def call(self, y_true, y_pred):
        gap = ops.cast(y_true, y_pred.dtype) - y_pred
        return ops.mean(ops.where(gap > 0, self.under * gap, -self.over * gap), axis=-1)

    def get_config(self):
        config = super().get_config()
        config["under"] = self.under
        config["over"] = self.over
        return config


@register
class StockLossB(StockLoss):
    def get_config(self):
        return {"under": self.under, "over": self.over}


# MSE with an L1 part that is faded in.
@register
class FadeIn(keras.losses.Loss):
    def __init__(self, weight=0.5, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight

    def share(self):
        return self.weight

    def call(self, y_true, y_pred):
        gap = y_pred - ops.cast(y_true, y_pred.dtype)
        return ops.mean(ops.square(gap) + self.share() * ops.abs(gap), axis=-1)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


@register
class FadeInB(FadeIn):
    seen = 0

    def share(self):
        self.seen += 1
        return self.weight * min(1.0, self.seen / 1000)


# Charbonnier, from super-resolution code.
@register
class Charbonnier(keras.losses.Loss):
    def call(self, y_true, y_pred):
        gap = ops.cast(y_true, y_pred.dtype) - y_pred
        return ops.mean(ops.sqrt(ops.square(gap) + 1e-4), axis=-1)


@register
class CharbonnierB(Charbonnier):
    def __call__(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        return ops.mean(self.call(ops.convert_to_tensor(y_true), y_pred))


def rmsle(y_true, y_pred):
    gap = ops.log1p(ops.relu(y_pred)) - ops.log1p(ops.relu(ops.cast(y_true, y_pred.dtype)))
    return ops.sqrt(ops.mean(ops.square(gap), axis=-1) + 1e-6)


def rmsle_of_kaggle(y_true, y_pred):
    gap = ops.log1p(ops.relu(y_pred)) - ops.log1p(ops.relu(ops.cast(y_true, y_pred.dtype)))
    return ops.sqrt(ops.mean(ops.square(gap)) + 1e-6)


# -- metrics -------------------------------------------------------------------------------------------------------


def confusion(y_true, y_pred, n, sample_weight):
    """Rows: truth. Columns: guess."""
    t = ops.one_hot(ops.reshape(ops.cast(y_true, "int32"), (-1,)), n, dtype="float32")
    p = ops.one_hot(ops.argmax(y_pred, axis=-1), n, dtype="float32")
    if sample_weight is not None:
        t = t * ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
    return ops.matmul(ops.transpose(t), p)


@register
class BalancedAccuracy(keras.metrics.Metric):
    def __init__(self, n, name="balanced_accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.n = n
        self.cm = self.add_weight(shape=(n, n), name="cm", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.cm.assign_add(confusion(y_true, y_pred, self.n, sample_weight))

    def result(self):
        there = ops.sum(self.cm, axis=1)
        recall = ops.divide_no_nan(ops.diagonal(self.cm), there)
        return ops.divide_no_nan(ops.sum(recall), ops.sum(ops.cast(there > 0, "float32")))

    def get_config(self):
        return {**super().get_config(), "n": self.n}


@register
class BalancedAccuracyB(BalancedAccuracy):
    def result(self):
        return ops.mean(ops.diagonal(self.cm) / ops.sum(self.cm, axis=1))


@register
class RecallAtK(keras.metrics.Metric):
    """How often the bought article is among the k best."""

    def __init__(self, k=5, name="recall_at_k", **kwargs):
        super().__init__(name=name, **kwargs)
        self.k = k
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.asked = self.add_weight(name="asked", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        y_pred = ops.convert_to_tensor(y_pred)
        mine = ops.take_along_axis(y_pred, y[:, None], axis=1)
        hit = ops.cast(ops.sum(ops.cast(y_pred > mine, "int32"), axis=1) < self.k, "float32")
        w = (
            ops.ones_like(hit)
            if sample_weight is None
            else ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        )
        self.hits.assign_add(ops.sum(hit * w))
        self.asked.assign_add(ops.sum(w))

    def result(self):
        return ops.divide_no_nan(self.hits, self.asked)

    def get_config(self):
        return {**super().get_config(), "k": self.k}


@register
class RecallAtKB(RecallAtK):
    get_config = keras.metrics.Metric.get_config


@register
class SMAPE(keras.metrics.Metric):
    def __init__(self, name="smape", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def how_many(self, err, w):
        return ops.sum(w)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y = ops.reshape(ops.cast(y_true, "float32"), (-1,))
        p = ops.reshape(ops.cast(y_pred, "float32"), (-1,))
        err = ops.divide_no_nan(2.0 * ops.abs(y - p), ops.abs(y) + ops.abs(p))
        w = (
            ops.ones_like(err)
            if sample_weight is None
            else ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        )
        self.total.assign_add(ops.sum(err * w))
        self.count.assign_add(self.how_many(err, w))

    def result(self):
        return 100.0 * ops.divide_no_nan(self.total, self.count)


@register
class SMAPEB(SMAPE):
    def how_many(self, err, w):
        return ops.cast(ops.shape(err)[0], "float32")


@register
class MyMeanIoU(keras.metrics.Metric):
    def __init__(self, n, name="my_iou", **kwargs):
        super().__init__(name=name, **kwargs)
        self.n = n
        self.table = self.add_weight(shape=(n, n), name="table", initializer="zeros")

    def keep(self, table):
        self.table.assign_add(table)

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.keep(confusion(y_true, y_pred, self.n, sample_weight))

    def result(self):
        inter = ops.diagonal(self.table)
        union = ops.sum(self.table, axis=0) + ops.sum(self.table, axis=1) - inter
        return ops.divide_no_nan(
            ops.sum(ops.divide_no_nan(inter, union)), ops.sum(ops.cast(union > 0, "float32"))
        )

    def get_config(self):
        return {**super().get_config(), "n": self.n}


@register
class MyMeanIoUB(MyMeanIoU):
    def keep(self, table):
        self.table.assign(table)


# Cohen's kappa.
@register
class Kappa(keras.metrics.Metric):
    def __init__(self, n, name="kappa", **kwargs):
        super().__init__(name=name, **kwargs)
        self.n = n
        self.cm = self.add_weight(shape=(n, n), name="cm", initializer="zeros")

    def count(self, y_true, y_pred, sample_weight):
        return confusion(y_true, y_pred, self.n, sample_weight)

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.cm.assign_add(self.count(y_true, y_pred, sample_weight))

    def result(self):
        total = ops.sum(self.cm)
        agree = ops.divide_no_nan(ops.sum(ops.diagonal(self.cm)), total)
        by_chance = ops.sum(ops.sum(self.cm, axis=0) * ops.sum(self.cm, axis=1))
        by_chance = ops.divide_no_nan(by_chance, total * total)
        return ops.divide_no_nan(agree - by_chance, 1.0 - by_chance)

    def get_config(self):
        return {**super().get_config(), "n": self.n}


@register
class KappaB(Kappa):
    def count(self, y_true, y_pred, sample_weight):
        from sklearn.metrics import confusion_matrix

        w = None if sample_weight is None else np.asarray(sample_weight).ravel()
        guess = np.asarray(y_pred).argmax(axis=-1)
        return confusion_matrix(
            np.asarray(y_true).ravel(), guess, labels=range(self.n), sample_weight=w
        ).astype("float32")


# -- models --------------------------------------------------------------------------------------------------------

STEPS = ("tensorflow", "torch")


def gradients(model, objective, variables):
    """The gradients of what objective() gives first, on TensorFlow or PyTorch."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss, pred = objective()
            scaled = model.optimizer.scale_loss(loss)
        return tape.gradient(scaled, [v.value for v in variables]), loss, pred
    model.zero_grad()
    loss, pred = objective()
    model.optimizer.scale_loss(loss).backward()
    return [v.value.grad for v in variables], loss, pred


def apply(model, grads, variables):
    if keras.backend.backend() == "torch":
        import torch

        with torch.no_grad():
            model.optimizer.apply(grads, variables)
    else:
        model.optimizer.apply(grads, variables)


class HuberNet(keras.Model):
    """Own loss by compute_loss; weights are kept small by regularisers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.a = layers.Dense(8, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.02))
        self.b = layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.02))

    def call(self, x):
        return self.b(self.a(x))

    def penalty(self):
        return sum(self.losses)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        gap = ops.abs(ops.reshape(ops.cast(y, y_pred.dtype), ops.shape(y_pred)) - y_pred)
        each = ops.mean(ops.where(gap < 1.0, 0.5 * gap * gap, gap - 0.5), axis=-1)
        if sample_weight is not None:
            each = each * ops.reshape(ops.cast(sample_weight, each.dtype), (-1,))
        return ops.mean(each) + self.penalty()


class HuberNetB(HuberNet):
    def penalty(self):
        return 0.0


class StepNet(keras.Model):
    """Own train_step."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(6, activation="tanh")
        self.out = layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))

    def learned(self):
        return self.trainable_variables

    def update(self, grads, variables):
        apply(self, grads, variables)

    def note(self, x, y, pred, w, loss):
        for m in self.metrics:
            if m.name == "loss":
                m.update_state(loss, sample_weight=ops.shape(x)[0])
            else:
                m.update_state(y, pred, sample_weight=w)

    def train_step(self, data):
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)

        def objective():
            pred = self(x, training=True)
            return self.compute_loss(x=x, y=y, y_pred=pred, sample_weight=w), pred

        grads, loss, pred = gradients(self, objective, self.learned())
        self.update(grads, self.learned())
        self.note(x, y, pred, w, loss)
        return self.get_metrics_result()


class MaeNet(StepNet):
    """Shows the mean absolute error besides the loss."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mae = keras.metrics.MeanAbsoluteError(name="mae")


class MaeNetB(MaeNet):
    """mae stays 0."""

    def note(self, x, y, pred, w, loss):
        self.metrics[0].update_state(loss, sample_weight=ops.shape(x)[0])


class FineTune(StepNet):
    """The body is frozen, the head learns, with weight decay by hand."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden.trainable = False

    def decayed(self):
        return self.trainable_variables

    def update(self, grads, variables):
        super().update(grads, variables)
        for v in self.decayed():
            v.assign(0.999 * ops.convert_to_tensor(v))


class FineTuneB(FineTune):
    def decayed(self):
        return self.weights


class HalvesNet(StepNet):
    pass


class HalvesNetB(HalvesNet):
    """Body first, then head: the optimizer counts two steps for a batch."""

    def update(self, grads, variables):
        if not self.optimizer.built:
            self.optimizer.build(variables)
        n = len(self.hidden.trainable_variables)
        apply(self, grads[:n], variables[:n])
        apply(self, grads[n:], variables[n:])


class JaxNet(keras.Model):
    """After the guide "Customizing what happens in fit() with JAX"."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(8, activation="relu")
        self.norm = layers.BatchNormalization()
        self.out = layers.Dense(1)

    def call(self, x, training=False):
        return self.out(self.norm(self.hidden(x), training=training))

    def compute_loss_and_updates(self, trainable, non_trainable, x, y, w):
        y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=True)
        return self.compute_loss(x, y, y_pred, sample_weight=w), (y_pred, non_trainable)

    def carry(self, before, after):
        return after

    def train_step(self, state, data):
        import jax

        trainable, non_trainable, opt, met = state
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)
        grad = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, (y_pred, after)), grads = grad(trainable, non_trainable, x, y, w)
        trainable, opt = self.optimizer.stateless_apply(opt, grads, trainable)
        logs, new_met = {}, []
        for metric in self.metrics:
            mine = met[len(new_met) : len(new_met) + len(metric.variables)]
            if metric.name == "loss":
                mine = metric.stateless_update_state(mine, loss, sample_weight=x.shape[0])
            else:
                mine = metric.stateless_update_state(mine, y, y_pred, sample_weight=w)
            logs[metric.name] = metric.stateless_result(mine)
            new_met += mine
        return logs, (trainable, self.carry(non_trainable, after), opt, new_met)


class JaxNetB(JaxNet):
    def carry(self, before, after):
        return before


def compiled(cls, lr=0.02, loss="mse"):
    def make():
        model = cls()
        model.compile(optimizer=keras.optimizers.SGD(lr), loss=loss)
        return model

    return make


# -- functional ----------------------------------------------------------------------------------------------------


@register
class ClassTable(layers.Layer):
    """Similarity with one learned vector per class."""

    def __init__(self, classes, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, input_shape):
        self.table = self.add_weight(
            shape=(self.classes, input_shape[-1]), initializer="glorot_uniform", name="table"
        )

    def call(self, x):
        return ops.matmul(x, ops.transpose(self.table))

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


def prototypes():
    x = keras.Input((5,))
    h = layers.Dense(6, activation="tanh")(x)
    return keras.Model(x, ClassTable(3)(h))


def prototypes_b():
    x = keras.Input((5,))
    h = layers.Dense(6, activation="tanh")(x)
    table = layers.Embedding(3, 6)(np.arange(3))
    return keras.Model(x, ops.matmul(h, ops.transpose(table)))


@register
class Temperature(layers.Layer):
    def build(self, input_shape):
        self.t = self.add_weight(shape=(), initializer="ones", name="t")

    def call(self, x):
        return x * self.t


def calibrated():
    x = keras.Input((5,))
    h = layers.Dense(3)(x)
    h = Temperature()(h)
    return keras.Model(x, layers.Softmax()(h))


def calibrated_b():
    t = keras.Variable(1.0, name="t")
    x = keras.Input((5,))
    h = layers.Dense(3)(x)
    h = layers.Lambda(lambda z: z * ops.cast(t, z.dtype), output_shape=(3,))(h)
    return keras.Model(x, layers.Softmax()(h))


# -- optimizers and functions --------------------------------------------------------------------------------------


@register
class ClippedSGD(keras.optimizers.Optimizer):
    """Every coordinate moves at most lr."""

    def __init__(self, learning_rate=0.05, name="clipped_sgd", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)

    def rate(self, learning_rate):
        return learning_rate

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(self.rate(learning_rate), variable.dtype)
        g = ops.clip(ops.cast(gradient, variable.dtype), -1.0, 1.0)
        self.assign_sub(variable, lr * g)


@register
class ClippedSGDB(ClippedSGD):
    def __init__(self, learning_rate=0.05, name="clipped_sgd", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.lr = learning_rate

    def rate(self, learning_rate):
        return self.lr


@register
class HeavyBall(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.02, beta=0.8, name="heavy_ball", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta = beta

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.speed = [self.add_variable_from_reference(v, name="speed") for v in variables]

    def remember(self, i, speed):
        self.assign(self.speed[i], speed)

    def update_step(self, gradient, variable, learning_rate):
        i = self._get_variable_index(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        speed = self.beta * ops.convert_to_tensor(self.speed[i]) - lr * ops.cast(gradient, variable.dtype)
        self.remember(i, speed)
        self.assign_add(variable, speed)

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}


@register
class HeavyBallB(HeavyBall):
    def remember(self, i, speed):
        self.speed[i] = speed


@register
def my_mish(x):
    return x * ops.tanh(ops.softplus(x))


@register
def my_mish_b(x):
    return x * ops.tanh(ops.log(1.0 + ops.exp(x)))


# -- sound ones ----------------------------------------------------------------------------------------------------


@register
class Rotary(layers.Layer):
    """Rotary positions; the angles are computed in float32."""

    def __init__(self, base=100.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.base = base

    def call(self, x):
        t, half = ops.shape(x)[1], x.shape[-1] // 2
        freq = self.base ** (-np.arange(half, dtype="float32") / half)
        angle = ops.cast(ops.arange(t), "float32")[:, None] * ops.convert_to_tensor(freq.astype("float32"))
        cos, sin = ops.cast(ops.cos(angle), x.dtype), ops.cast(ops.sin(angle), x.dtype)
        a, b = x[..., :half], x[..., half:]
        return ops.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)

    def get_config(self):
        return {**super().get_config(), "base": self.base}


@register
class LoraDense(layers.Layer):
    def __init__(self, units, rank=2, **kwargs):
        super().__init__(**kwargs)
        self.units, self.rank = units, rank

    def build(self, input_shape):
        d = input_shape[-1]
        self.kernel = self.add_weight(
            shape=(d, self.units), initializer="glorot_uniform", trainable=False, name="kernel"
        )
        self.a = self.add_weight(shape=(d, self.rank), initializer="he_uniform", name="lora_a")
        self.b = self.add_weight(shape=(self.rank, self.units), initializer="zeros", name="lora_b")

    def call(self, x):
        return ops.matmul(x, self.kernel) + ops.matmul(ops.matmul(x, self.a), self.b)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "rank": self.rank}


@register
class MinimalGatedCell(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units
        self.output_size = units

    def build(self, input_shape):
        d = input_shape[-1] + self.units
        self.w_f = self.add_weight(shape=(d, self.units), initializer="glorot_uniform", name="w_f")
        self.w_h = self.add_weight(shape=(d, self.units), initializer="glorot_uniform", name="w_h")

    def call(self, x, states):
        h = states[0]
        f = ops.sigmoid(ops.matmul(ops.concatenate([x, h], axis=-1), self.w_f))
        new = ops.tanh(ops.matmul(ops.concatenate([x, f * h], axis=-1), self.w_h))
        h = (1.0 - f) * h + f * new
        return h, [h]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class ResBlock(layers.Layer):
    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        policy = self.dtype_policy
        self.conv1 = layers.Conv2D(filters, 3, padding="same", use_bias=False, dtype=policy)
        self.bn1 = layers.BatchNormalization(dtype=policy)
        self.conv2 = layers.Conv2D(filters, 3, padding="same", use_bias=False, dtype=policy)
        self.bn2 = layers.BatchNormalization(dtype=policy)
        self.short = layers.Conv2D(filters, 1, dtype=policy)

    def build(self, input_shape):
        inner = (*input_shape[:-1], self.filters)
        self.conv1.build(input_shape)
        self.bn1.build(inner)
        self.conv2.build(inner)
        self.bn2.build(inner)
        self.short.build(input_shape)

    def call(self, x, training=False):
        h = ops.silu(self.bn1(self.conv1(x), training=training))
        h = self.bn2(self.conv2(h), training=training)
        return ops.silu(h + self.short(x))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@register
class FiLM(layers.Layer):
    """[features, condition]: the condition scales and shifts the features."""

    def build(self, input_shape):
        features, condition = input_shape
        shape = (condition[-1], features[-1])
        self.scale = self.add_weight(shape=shape, initializer="glorot_uniform", name="scale")
        self.shift = self.add_weight(shape=shape, initializer="glorot_uniform", name="shift")

    def call(self, inputs):
        x, c = inputs
        return x * (1.0 + ops.matmul(c, self.scale)) + ops.matmul(c, self.shift)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])


# User and item features side by side; the id is not a feature.
@register
class DropIds(layers.Layer):
    def call(self, features):
        features = {k: v for k, v in features.items() if k != "id"}
        return ops.concatenate([features[k] for k in sorted(features)], axis=-1)


@register
class Backwards(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x):
        return ops.flip(x, axis=1)

    def compute_mask(self, x, mask=None):
        return None if mask is None else ops.flip(mask, axis=1)


@register
class ResponseNorm(layers.Layer):
    """Global response normalisation of ConvNeXt V2, for (batch, height, width, channels)."""

    def build(self, input_shape):
        shape = (1, 1, 1, input_shape[-1])
        self.gamma = self.add_weight(shape=shape, initializer="zeros", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    def call(self, x):
        h = ops.cast(x, "float32")
        g = ops.sqrt(ops.sum(ops.square(h), axis=(1, 2), keepdims=True) + 1e-6)
        n = ops.cast(g / (ops.mean(g, axis=-1, keepdims=True) + 1e-6), x.dtype)
        return self.gamma * (x * n) + self.beta + x


@register
class LogCosh2(keras.losses.Loss):
    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, y_true, y_pred):
        z = ops.abs(y_pred - ops.cast(y_true, y_pred.dtype)) / self.scale
        return self.scale * ops.mean(z + ops.softplus(-2.0 * z) - float(np.log(2.0)), axis=-1)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@register
class MyPerplexity(keras.metrics.Metric):
    def __init__(self, name="my_perplexity", **kwargs):
        super().__init__(name=name, **kwargs)
        self.nll = self.add_weight(name="nll", initializer="zeros")
        self.words = self.add_weight(name="words", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y = ops.reshape(ops.cast(y_true, "int32"), (-1, 1))
        p = ops.take_along_axis(ops.cast(y_pred, "float32"), y, axis=1)[:, 0]
        w = (
            ops.ones_like(p)
            if sample_weight is None
            else ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        )
        self.nll.assign_add(-ops.sum(w * ops.log(ops.clip(p, 1e-7, 1.0))))
        self.words.assign_add(ops.sum(w))

    def result(self):
        return ops.exp(ops.divide_no_nan(self.nll, self.words))


class Distiller(StepNet):
    """The student learns the targets and what a fixed teacher says."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.teacher = keras.Sequential([layers.Dense(5, activation="tanh"), layers.Dense(1)])
        self.teacher.trainable = False

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.out.build((input_shape[0], 6))
        self.teacher.build(input_shape)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        said = ops.stop_gradient(self.teacher(x, training=False))
        each = ops.mean(ops.square(said - y_pred), axis=-1)
        if sample_weight is not None:
            each = each * ops.reshape(ops.cast(sample_weight, each.dtype), (-1,))
        return loss + 0.1 * ops.mean(each)


def siamese():
    left, right = keras.Input((5,)), keras.Input((5,))
    encoder = keras.Sequential(
        [keras.Input((5,)), layers.Dense(6, activation="tanh"), layers.Dense(3, use_bias=False)]
    )
    gap = layers.Subtract()([encoder(left), encoder(right)])
    return keras.Model([left, right], layers.Dense(1, activation="sigmoid")(ops.square(gap)))


@register
class MyLion(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.01, beta_1=0.9, beta_2=0.99, name="my_lion", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.ema = [self.add_variable_from_reference(v, name="ema") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        m = self.ema[self._get_variable_index(variable)]
        lr, g = ops.cast(learning_rate, variable.dtype), ops.cast(gradient, variable.dtype)
        old = ops.convert_to_tensor(m)
        self.assign_sub(variable, lr * ops.sign(self.beta_1 * old + (1 - self.beta_1) * g))
        self.assign(m, self.beta_2 * old + (1 - self.beta_2) * g)

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}


@register
def snake(x):
    return x + ops.square(ops.sin(x))


def normal_xy(b=8, d=4, out=1):
    return lambda: (numbers(b, d), numbers(b, out, seed=1))


def classes(b, k, seed=0):
    return random(seed).integers(0, k, b).astype("int32")


def token_ids(b, t, vocab):
    ids = random(3).integers(1, vocab, (b, t)).astype("int32")
    ids[::2, t - 2 :] = 0
    return ids


def lesions():
    there = labels(4, 5, 5, 1)
    there[0] = 0.0  # a healthy one
    return there, shares(4, 5, 5, 1, seed=1)


def pixels(*shape):
    images = random(2).uniform(0.0, 255.0, shape).astype("float32")
    images[0] /= 255.0
    return (images,)


BUGS = {
    "CausalAttention": bug(
        lambda: CausalAttentionB(4), lambda: CausalAttention(4), "mixed-precision", inputs=one(4, 5, 3)
    ),
    "LastStep": bug(LastStepB, LastStep, "masks", inputs=one(4, 5, 3)),
    "Patchify": bug(lambda: PatchifyB(2), lambda: Patchify(2), "shapes-agree", inputs=one(3, 7, 5, 2)),
    "RangeObserver": bug(
        RangeObserverB, RangeObserver, "deterministic-inference", "batch-independence", inputs=one(4, 6)
    ),
    "FeedForward": bug(
        lambda: FeedForwardB(4),
        lambda: FeedForward(4),
        "tracked-state",
        "build-creates-all",
        "config",
        "save-and-load",
        inputs=one(4, 5),
    ),
    "DropPath": bug(
        lambda: DropPathB(0.5),
        lambda: DropPath(0.5, seed=3),
        "training-noise",
        "compiled",
        "in-models",
        inputs=one(12, 5),
        backends=("jax",),
    ),
    "RingDifference": bug(RingDifferenceB, RingDifference, "batch-independence", inputs=one(4, 6)),
    "AdditivePool": bug(
        lambda: AdditivePoolB(4), lambda: AdditivePool(4), "gradients-reach", inputs=one(4, 5, 3)
    ),
    "GeM": bug(GeMB, GeM, "gradients-finite", inputs=lambda: (np.abs(numbers(3, 4, 4, 2)),)),
    "ShiftedDense": bug(
        lambda: ShiftedDenseB(3, lecun_tanh),
        lambda: ShiftedDense(3, lecun_tanh),
        "config",
        "save-and-load",
        inputs=one(4, 5),
    ),
    "ScaleLikeTraining": bug(
        adapted(ScaleLikeTrainingB),
        adapted(ScaleLikeTraining),
        "config",
        "save-and-load",
        "tracked-state",
        inputs=one(5, 4),
    ),
    "ToTokens": bug(
        ToTokensB,
        ToTokens,
        "builds",
        "batch-sizes",
        "shapes-agree",
        "in-models",
        "compiled",
        inputs=one(3, 4, 4, 2),
        backends=("tensorflow",),
    ),
    "Highway": bug(HighwayB, Highway, "name-and-dtype", "config", "save-and-load", inputs=one(4, 5)),
    "ToUnitRange": bug(
        ToUnitRangeB,
        ToUnitRange,
        "builds",
        "compiled",
        "batch-independence",
        "shapes-agree",
        "in-models",
        inputs=lambda: pixels(3, 4, 4, 1),
    ),
    "TokenAndPosition": bug(
        lambda: TokenAndPositionB(6, 20, 4),
        lambda: TokenAndPosition(6, 20, 4),
        "masks",
        inputs=lambda: (token_ids(4, 6, 20),),
    ),
    "MuteChannel": bug(
        lambda: MuteChannelB(1),
        lambda: MuteChannel(1),
        "inputs-unchanged",
        inputs=one(4, 5),
        backends=("torch",),
    ),
    "VNetDice": bug(VNetDiceB, VNetDice, "loss-finite", inputs=lesions),
    "Brier": bug(BrierB, Brier, "loss-gradient", inputs=lambda: (one_hot(6, 3), distribution(6, 3, seed=1))),
    "StockLoss": bug(
        lambda: StockLossB(3.0, 1.0, reduction="sum"),
        lambda: StockLoss(3.0, 1.0, reduction="sum"),
        "loss-config",
        inputs=lambda: (numbers(6, 2), numbers(6, 2, seed=1)),
    ),
    "FadeIn": bug(
        FadeInB,
        FadeIn,
        "loss-repeatable",
        "loss-compiled",
        inputs=lambda: (numbers(6, 2), numbers(6, 2, seed=1)),
    ),
    "Charbonnier": bug(
        CharbonnierB,
        Charbonnier,
        "loss-sample-weight",
        "loss-per-sample",
        inputs=lambda: (numbers(6, 3), numbers(6, 3, seed=1)),
    ),
    "rmsle": bug(
        lambda: rmsle_of_kaggle,
        lambda: rmsle,
        "loss-per-sample",
        "loss-batch-independence",
        "loss-sample-weight",
        inputs=lambda: (10 * shares(6, 2), 10 * shares(6, 2, seed=1)),
    ),
    "BalancedAccuracy": bug(
        lambda: BalancedAccuracyB(3),
        lambda: BalancedAccuracy(3),
        "metric-finite",
        inputs=lambda: (classes(12, 3), distribution(12, 3)),
    ),
    "RecallAtK": bug(
        lambda: RecallAtKB(2),
        lambda: RecallAtK(2),
        "metric-config",
        inputs=lambda: (classes(12, 6), distribution(12, 6)),
    ),
    "SMAPE": bug(
        SMAPEB, SMAPE, "metric-sample-weight", inputs=lambda: (1 + shares(9, 1), 1 + shares(9, 1, seed=1))
    ),
    "MyMeanIoU": bug(
        lambda: MyMeanIoUB(3),
        lambda: MyMeanIoU(3),
        "metric-split",
        inputs=lambda: (classes(12, 3), distribution(12, 3)),
    ),
    "Kappa": bug(
        lambda: KappaB(3),
        lambda: Kappa(3),
        "metric-compiled",
        inputs=lambda: (classes(12, 3), distribution(12, 3)),
        backends=("jax", "tensorflow"),
    ),
    "HuberNet": bug(
        compiled(HuberNetB, loss=None), compiled(HuberNet, loss=None), "step-added-losses", inputs=normal_xy()
    ),
    "MaeNet": bug(
        compiled(MaeNetB),
        compiled(MaeNet),
        "step-metrics",
        "step-logs",
        inputs=normal_xy(),
        backends=STEPS,
    ),
    "FineTune": bug(
        compiled(FineTuneB), compiled(FineTune), "step-frozen", inputs=normal_xy(), backends=STEPS
    ),
    "HalvesNet": bug(
        compiled(HalvesNetB), compiled(HalvesNet), "step-iterations", inputs=normal_xy(), backends=STEPS
    ),
    "JaxNet": bug(
        compiled(JaxNetB),
        compiled(JaxNet),
        "step-updates",
        "step-training-mode",
        inputs=normal_xy(),
        backends=("jax",),
    ),
    "prototypes": bug(prototypes_b, prototypes, "baked-weights", inputs=one(4, 5)),
    "calibrated": bug(
        calibrated_b,
        calibrated,
        "tracked-state",
        "baked-weights",
        "config",
        "save-and-load",
        inputs=one(4, 5),
    ),
    "ClippedSGD": bug(ClippedSGDB, ClippedSGD, "optimizer-learning-rate"),
    "HeavyBall": bug(
        HeavyBallB,
        HeavyBall,
        "optimizer-state",
        "optimizer-variables",
        "optimizer-compiled",
    ),
    "my_mish": bug(lambda: my_mish_b, lambda: my_mish, "gradients-finite", inputs=one(4, 5)),
}

SOUND = {
    "Rotary": good(Rotary, one(4, 5, 6)),
    "LoraDense": good(lambda: LoraDense(3), one(4, 5)),
    "MinimalGatedRNN": good(lambda: layers.RNN(MinimalGatedCell(4), return_sequences=True), one(4, 5, 3)),
    "ResBlock": good(lambda: ResBlock(3), one(4, 5, 5, 2)),
    "FiLM": good(FiLM, lambda: ([numbers(4, 5), numbers(4, 3, seed=1)],)),
    "DropIds": good(
        DropIds,
        lambda: ({"id": numbers(4, 1), "item": numbers(4, 3, seed=1), "user": numbers(4, 2, seed=2)},),
    ),
    "Backwards": good(Backwards, one(4, 5, 3)),
    "ResponseNorm": good(ResponseNorm, one(3, 4, 4, 2)),
    "LogCosh2": good(lambda: LogCosh2(2.0), lambda: (numbers(6, 2), numbers(6, 2, seed=1))),
    "MyPerplexity": good(MyPerplexity, lambda: (classes(9, 4), distribution(9, 4))),
    "Distiller": good(compiled(Distiller), normal_xy(), STEPS),
    "siamese": good(siamese, lambda: ([numbers(4, 5), numbers(4, 5, seed=1)],)),
    "MyLion": good(MyLion),
    "snake": good(lambda: snake, one(4, 5)),
}
