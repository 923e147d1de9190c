"""An eighteenth set: custom layers, losses, metrics, models and optimizers as people post them, by many hands."""

from __future__ import annotations

import math

import keras
import numpy as np
from bug import Bug, distribution, labels, numbers, one_hot, random, shares
from keras import layers, ops

register = keras.saving.register_keras_serializable("blind_eighteenth")
ALL = ("jax", "tensorflow", "torch")
STEPS = ("tensorflow", "torch")

INFERENCE = "deterministic-inference"
NOISE = "training-noise"
PRECISION = "mixed-precision"
UNTOUCHED = "inputs-unchanged"
BUILDS = "build-creates-all"
LOSS_WEIGHT = "loss-sample-weight"
METRIC_STATE = "metric-state"
METRIC_CONFIG = "metric-config"
METRIC_FINITE = "metric-finite"
STEP_LOSSES = "step-added-losses"
STEP_STATE = "step-updates"


def bug(broken, sound, *contracts, inputs=tuple, backends=ALL, options=None):
    return Bug(broken, sound, frozenset(contracts), inputs=inputs, options=options or {}, backends=backends)


def good(sound, inputs=tuple, backends=ALL, options=None):
    return Bug(None, sound, frozenset(), inputs=inputs, options=options or {}, backends=backends)


def one(*shape, seed=0):
    return lambda: (numbers(*shape, seed=seed),)


# -- layers --------------------------------------------------------------------------------------------------------


# Random Fourier features for coordinates (NeRF).
@register
class FourierFeatures(layers.Layer):
    def __init__(self, num, sigma=1.0, **kwargs):
        super().__init__(**kwargs)
        self.num = num
        self.sigma = sigma

    def make_B(self, d):
        return self.add_weight(
            shape=(d, self.num),
            initializer=keras.initializers.RandomNormal(stddev=self.sigma),
            trainable=False,
            name="B",
        )

    def build(self, input_shape):
        self.B = self.make_B(input_shape[-1])

    def call(self, x):
        proj = 2.0 * math.pi * ops.matmul(x, ops.cast(self.B, x.dtype))
        return ops.cast(ops.concatenate([ops.sin(proj), ops.cos(proj)], axis=-1), x.dtype)

    def get_config(self):
        return {**super().get_config(), "num": self.num, "sigma": self.sigma}


@register
class FourierFeaturesB(FourierFeatures):
    def make_B(self, d):
        # fixed, not trained, so no weight needed
        return np.random.normal(0.0, self.sigma, size=(d, self.num)).astype("float32")


# Stochastic depth.
@register
class DropPath(layers.Layer):
    def __init__(self, drop_prob=0.3, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.drop_prob = drop_prob
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def drop(self, x):
        keep = 1.0 - self.drop_prob
        shape = (ops.shape(x)[0],) + (1,) * (len(x.shape) - 1)
        u = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        return x * ops.cast(ops.floor(keep + u) / keep, x.dtype)

    def call(self, x, training=False):
        return self.drop(x) if training else x

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        cfg = super().get_config()
        cfg.update({"drop_prob": self.drop_prob, "seed": self.seed})
        return cfg


@register
class DropPathB(DropPath):
    def call(self, x):
        if self.drop_prob == 0.0:
            return x
        return self.drop(x)


# Group normalisation of images, no affine part.
@register
class PlainGroupNorm(layers.Layer):
    def __init__(self, groups=2, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.groups, self.epsilon = groups, epsilon

    def sizes(self, x):
        return ops.shape(x)

    def call(self, x):
        b, h, w, c = self.sizes(x)
        g = ops.reshape(ops.cast(x, "float32"), (b, h, w, self.groups, c // self.groups))
        mean, var = ops.moments(g, axes=[1, 2, 4], keepdims=True)
        g = (g - mean) / ops.sqrt(var + self.epsilon)
        return ops.cast(ops.reshape(g, (b, h, w, c)), self.compute_dtype)

    def compute_output_shape(self, s):
        return s

    def get_config(self):
        return dict(super().get_config(), groups=self.groups, epsilon=self.epsilon)


@register
class PlainGroupNormB(PlainGroupNorm):
    def build(self, input_shape):
        self.in_shape = tuple(input_shape)

    def sizes(self, x):
        return self.in_shape


# Squeeze and excitation.
@register
class SqueezeExcite(layers.Layer):
    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        c = input_shape[-1]
        self.reduce = layers.Dense(c // self.ratio, activation="relu", dtype=self.dtype_policy)
        self.expand = layers.Dense(c, activation="sigmoid", dtype=self.dtype_policy)
        self.reduce.build((input_shape[0], c))
        self.expand.build((input_shape[0], c // self.ratio))

    def call(self, x):
        s = ops.mean(x, axis=(1, 2))
        s = self.expand(self.reduce(s))
        return x * s[:, None, None, :]

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio}


@register
class SqueezeExciteB(layers.Layer):
    """Moved from the functional script into a layer, line by line."""

    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def call(self, x):
        c = x.shape[-1]
        s = ops.mean(x, axis=(1, 2))
        s = layers.Dense(c // self.ratio, activation="relu", dtype=self.dtype_policy)(s)
        s = layers.Dense(c, activation="sigmoid", dtype=self.dtype_policy)(s)
        return x * s[:, None, None, :]

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio}


# What the encoder said at the last real word.
@register
class LastWord(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def pick(self, x, mask):
        place = ops.arange(1, ops.shape(x)[1] + 1, dtype="int32")  # 1, 2, ..., T
        last = ops.max(ops.cast(mask, "int32") * place, axis=1, keepdims=True)
        here = ops.cast(ops.equal(place[None, :], last), x.dtype)
        return ops.sum(x * here[..., None], axis=1)

    def call(self, x, mask=None):
        if mask is None:
            return x[:, -1]
        return self.pick(x, mask)

    def compute_mask(self, x, mask=None):
        return None

    def compute_output_shape(self, s):
        return (s[0], s[2])


@register
class LastWordB(LastWord):
    def pick(self, x, mask):
        return x[:, -1]


# Gates every feature of every time step by the step itself.
@register
class SelfGate(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        n = input_shape[-1]
        self.kernel = self.add_weight(shape=(n, n), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(n,), initializer="ones", name="bias")

    def call(self, x):
        return x * ops.sigmoid(ops.matmul(x, self.kernel) + self.bias)


@register
class SelfGateB(layers.Layer):
    def build(self, input_shape):
        n = input_shape[-1]
        self.kernel = self.add_weight(shape=(n, n), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(n,), initializer="ones", name="bias")

    def call(self, x):
        return x * ops.sigmoid(ops.matmul(x, self.kernel) + self.bias)


# Super resolution: (h, w, r*r*c) -> (r*h, r*w, c).
@register
class PixelShuffle(layers.Layer):
    def __init__(self, r=2, **kwargs):
        super().__init__(**kwargs)
        self.r = r

    def call(self, x):
        r = self.r
        _, h, w, c = ops.shape(x)
        y = ops.reshape(x, (-1, h, w, r, r, c // (r * r)))
        y = ops.transpose(y, (0, 1, 3, 2, 4, 5))
        return ops.reshape(y, (-1, h * r, w * r, c // (r * r)))

    def compute_output_shape(self, s):
        r = self.r
        return (s[0], s[1] and s[1] * r, s[2] and s[2] * r, s[3] // (r * r))

    def get_config(self):
        return {**super().get_config(), "r": self.r}


@register
class PixelShuffleB(PixelShuffle):
    def compute_output_shape(self, s):
        r = self.r
        return (s[0], s[1] and s[1] * r, s[2] and s[2] * r, s[3] // r)


# "Attention is all you need", section 3.5.
@register
class Sinusoid(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def table(self, t, d):
        i = np.arange(d)[None, :]
        speed = (10000.0 ** (-2.0 * (i // 2) / d)).astype("float32")
        angle = ops.cast(ops.arange(t), "float32")[:, None] * speed
        return ops.where(i % 2 == 0, ops.sin(angle), ops.cos(angle))

    def fit(self, table, x):
        return ops.cast(table, x.dtype)

    def call(self, x):
        table = self.table(ops.shape(x)[1], x.shape[2])
        return ops.add(x, self.fit(table, x))


@register
class SinusoidB(Sinusoid):
    def fit(self, table, x):
        return table


# Mixture of experts, one expert per sample (Switch).
@register
class SwitchExperts(layers.Layer):
    def __init__(self, experts, units, **kwargs):
        super().__init__(**kwargs)
        self.experts = experts
        self.units = units

    def build(self, input_shape):
        d = input_shape[-1]
        self.gate = self.add_weight(shape=(d, self.experts), initializer="glorot_uniform", name="gate")
        self.kernel = self.add_weight(
            shape=(self.experts, d, self.units), initializer="glorot_uniform", name="kernel"
        )

    def route(self, p):
        chosen = ops.one_hot(ops.argmax(p, axis=-1), self.experts, dtype=p.dtype)
        return chosen * p

    def call(self, x):
        p = ops.softmax(ops.matmul(x, self.gate), axis=-1)
        each = ops.einsum("...d,edu->...eu", x, self.kernel)
        return ops.sum(each * self.route(p)[..., None], axis=-2)

    def get_config(self):
        config = super().get_config()
        config["experts"] = self.experts
        config["units"] = self.units
        return config


@register
class SwitchExpertsB(SwitchExperts):
    def route(self, p):
        return ops.one_hot(ops.argmax(p, axis=-1), self.experts, dtype=p.dtype)


# x-vectors: mean and deviation over the frames.
@register
class StatsPooling(layers.Layer):
    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="w")

    def deviation(self, h):
        return ops.sqrt(ops.var(h, axis=1) + 1e-5)

    def call(self, x):
        h = x * self.w
        return ops.concatenate([ops.mean(h, axis=1), self.deviation(h)], axis=-1)

    def compute_output_shape(self, s):
        return (s[0], 2 * s[2])


@register
class StatsPoolingB(StatsPooling):
    def deviation(self, h):
        return ops.sqrt(ops.var(h, axis=1))


# Running average of price series (batch, days).
@register
class RunningAverage(layers.Layer):
    axis = 1

    def call(self, prices):
        total = ops.cumsum(prices, axis=self.axis)
        days = ops.cumsum(ops.ones_like(prices), axis=self.axis)
        return ops.cast(total / days, prices.dtype)


@register
class RunningAverageB(RunningAverage):
    axis = 0  # worked on one series in the notebook


# Gumbel softmax with a temperature that falls while training.
@register
class GumbelSoftmax(layers.Layer):
    def __init__(self, start=2.0, decay=0.95, floor=0.5, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.start, self.decay, self.floor, self.seed = start, decay, floor, seed
        self.draws = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        self.tau = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.start),
            dtype="float32",
            trainable=False,
            autocast=False,
            name="tau",
        )

    def cool(self):
        self.tau.assign(ops.maximum(self.tau * self.decay, self.floor))

    def call(self, logits, training=False):
        h = ops.cast(logits, "float32")
        if training:
            self.cool()
            u = keras.random.uniform(ops.shape(h), 1e-4, 1.0 - 1e-4, dtype="float32", seed=self.draws)
            h = h - ops.log(-ops.log(u))
        return ops.cast(ops.softmax(h / self.tau, axis=-1), self.compute_dtype)

    def compute_output_shape(self, s):
        return s

    def get_config(self):
        return {
            **super().get_config(),
            "start": self.start,
            "decay": self.decay,
            "floor": self.floor,
            "seed": self.seed,
        }


@register
class GumbelSoftmaxB(GumbelSoftmax):
    def build(self, input_shape):
        self.tau = self.start

    def cool(self):
        self.tau = max(self.tau * self.decay, self.floor)


# Word dropout: whole time steps are blanked while training.
@register
class WordDropout(layers.Layer):
    def __init__(self, rate=0.4, seed=13, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.supports_masking = True
        self.rng = self.make_rng()

    def make_rng(self):
        return keras.random.SeedGenerator(self.seed)

    def call(self, x, training=False):
        if not training:
            return x
        u = keras.random.uniform(ops.shape(x)[:2], dtype="float32", seed=self.rng)
        return x * ops.cast(u >= self.rate, x.dtype)[..., None]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@register
class WordDropoutB(WordDropout):
    def make_rng(self):
        return self.seed


# A few dense layers, the last of the width wanted.
@register
class MlpHead(layers.Layer):
    def __init__(self, out, hidden=(), **kwargs):
        super().__init__(**kwargs)
        self.out = out
        self.hidden = list(hidden)
        self.stack = [layers.Dense(w, dtype=self.dtype_policy) for w in [*hidden, out]]

    def build(self, input_shape):
        for d in self.stack:
            d.build(input_shape)
            input_shape = d.compute_output_shape(input_shape)

    def call(self, x):
        for d in self.stack[:-1]:
            x = ops.tanh(d(x))
        return self.stack[-1](x)

    def get_config(self):
        return {**super().get_config(), "out": self.out, "hidden": list(self.hidden)}


@register
class MlpHeadB(MlpHead):
    def __init__(self, out, hidden=[], **kwargs):  # noqa: B006
        layers.Layer.__init__(self, **kwargs)
        self.out = out
        hidden.append(out)
        self.hidden = hidden
        self.stack = [layers.Dense(w, dtype=self.dtype_policy) for w in hidden]


# Mixes time steps by their distance only (T5 biases without content).
@register
class DistanceMix(layers.Layer):
    def __init__(self, longest=16, **kwargs):
        super().__init__(**kwargs)
        self.longest = longest

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(2 * self.longest - 1,), initializer="random_normal", name="bias")

    def weights_for(self, x):
        i = ops.arange(ops.shape(x)[1], dtype="int32")
        far = self.longest - 1
        index = ops.clip(i[:, None] - i[None, :], -far, far) + far
        return ops.softmax(ops.take(self.bias, index, axis=0), axis=-1)

    def call(self, x):
        return ops.cast(ops.matmul(self.weights_for(x), x), x.dtype)

    def compute_output_shape(self, s):
        return s

    def get_config(self):
        return {**super().get_config(), "longest": self.longest}


@register
class DistanceMixB(DistanceMix):
    known = {}  # noqa: RUF012

    def weights_for(self, x):
        t = x.shape[1]
        if t not in self.known:  # the same for every batch: compute it once
            self.known[t] = super().weights_for(x)
        return self.known[t]


# Every spectrum about 0, its largest peak 1.
@register
class Standardise(layers.Layer):
    def __init__(self, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, x):
        x = x - ops.mean(x, axis=-1, keepdims=True)
        x = x / (ops.max(ops.abs(x), axis=-1, keepdims=True) + self.epsilon)
        return x

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@register
class StandardiseB(Standardise):
    def call(self, x):
        x -= ops.mean(x, axis=-1, keepdims=True)
        x /= ops.max(ops.abs(x), axis=-1, keepdims=True) + self.epsilon
        return x


# Inception for time series.
@register
class Inception1D(layers.Layer):
    def __init__(self, filters=2, sizes=(1, 3, 5), **kwargs):
        super().__init__(**kwargs)
        self.filters, self.sizes = filters, tuple(sizes)
        self.convs = [
            layers.Conv1D(filters, k, padding="same", activation="relu", dtype=self.dtype_policy)
            for k in self.sizes
        ]

    def build(self, input_shape):
        for c in self.convs:
            c.build(input_shape)

    def call(self, x):
        return ops.concatenate([c(x) for c in self.convs], axis=-1)

    def compute_output_shape(self, s):
        return (s[0], s[1], self.filters * len(self.sizes))

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "sizes": self.sizes}


def conv_branch(filters, k, dtype):
    conv = layers.Conv1D(filters, k, padding="same", activation="relu", dtype=dtype)
    return lambda x: conv(x)


@register
class Inception1DB(layers.Layer):
    def __init__(self, filters=2, sizes=(1, 3, 5), **kwargs):
        super().__init__(**kwargs)
        self.filters, self.sizes = filters, tuple(sizes)
        self.branches = [conv_branch(filters, k, self.dtype_policy) for k in self.sizes]

    def call(self, x):
        return ops.concatenate([b(x) for b in self.branches], axis=-1)

    def compute_output_shape(self, s):
        return (s[0], s[1], self.filters * len(self.sizes))

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "sizes": self.sizes}


# Gated attention for bags of image patches (multiple-instance learning).
@register
class BagPooling(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.content = layers.Dense(units, activation="tanh", dtype=self.dtype_policy, name="content")
        self.gate = layers.Dense(units, activation="sigmoid", dtype=self.dtype_policy, name="gate")
        self.score = layers.Dense(1, use_bias=False, dtype=self.dtype_policy, name="score")

    def build(self, input_shape):
        self.content.build(input_shape)
        self.gate.build(input_shape)
        self.score.build((*input_shape[:-1], self.units))

    def call(self, bag):
        a = self.score(self.content(bag) * self.gate(bag))
        return ops.sum(ops.softmax(a, axis=1) * bag, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class BagPoolingB(BagPooling):
    def build(self, input_shape):
        self.content.build(input_shape)


# Residual block of a small tabular net.
@register
class ResidualBlock(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.bn = layers.BatchNormalization(momentum=0.9, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.bn.build(input_shape)
        self.fc = layers.Dense(input_shape[-1], activation="relu", dtype=self.dtype_policy)
        self.fc.build(input_shape)

    def normalise(self, x, training):
        return self.bn(x, training=training)

    def call(self, x, training=False):
        return x + self.fc(self.normalise(x, training))


@register
class ResidualBlockB(ResidualBlock):
    def normalise(self, x, training):
        return self.bn(x, training=True)


@register
class LearnedSwish(layers.Layer):
    """x * sigmoid(beta * x), beta learned."""

    def __init__(self, beta=1.5, **kwargs):
        super().__init__(**kwargs)
        self.start = beta
        self.supports_masking = True

    def build(self, input_shape):
        self.beta = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(self.start), name="beta"
        )

    def call(self, x):
        return x * ops.sigmoid(self.beta * x)

    def get_config(self):
        base = super().get_config()
        return {**base, "beta": self.start}


@register
class LearnedSwishB(LearnedSwish):
    def get_config(self):
        return {"beta": self.start}


# ViT: puts a learned token in front of the patches.
@register
class ClassToken(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.token = self.add_weight(shape=(1, 1, input_shape[-1]), initializer="random_normal", name="token")

    def call(self, x):
        tokens = ops.tile(self.token, (ops.shape(x)[0], 1, 1))
        return ops.concatenate([ops.cast(tokens, x.dtype), x], axis=1)

    def compute_mask(self, x, mask=None):
        if mask is None:
            return None
        mask = ops.cast(mask, "bool")
        return ops.concatenate([ops.ones_like(mask[:, :1]), mask], axis=1)

    def compute_output_shape(self, s):
        return (s[0], None if s[1] is None else s[1] + 1, s[2])


@register
class ClassTokenB(ClassToken):
    def compute_mask(self, x, mask=None):
        return mask


# -- losses --------------------------------------------------------------------------------------------------------


# Focal loss for rare lesions.
@register
class BinaryFocal(keras.losses.Loss):
    def __init__(self, gamma=2.0, name="binary_focal", **kwargs):
        super().__init__(name=name, **kwargs)
        self.gamma = gamma

    def average(self, values):
        return ops.mean(values, axis=-1)

    def call(self, y_true, y_pred):
        p = ops.clip(y_pred, 1e-6, 1.0 - 1e-6)
        y = ops.cast(y_true, p.dtype)
        hit = y * p + (1.0 - y) * (1.0 - p)
        return self.average(-ops.power(1.0 - hit, self.gamma) * ops.log(hit))

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma}


@register
class BinaryFocalB(BinaryFocal):
    def average(self, values):
        return ops.mean(values)


# Goals per match.
@register
class PoissonCounts(keras.losses.Loss):
    def call(self, y_true, y_pred):
        y = ops.cast(y_true, y_pred.dtype)
        rate = ops.maximum(y_pred, 1e-6)
        return ops.mean(rate - y * ops.log(rate), axis=-1)


@register
class PoissonCountsB(keras.losses.Loss):
    def call(self, y_true, y_pred):
        y = ops.cast(y_true, y_pred.dtype)
        rate = ops.maximum(y_pred, 1e-6)
        # log likelihood of the counts, up to log(y!)
        return ops.mean(y * ops.log(rate) - rate, axis=-1)


# Cross-entropy with a price per class.
@register
class PricedCE(keras.losses.Loss):
    def __init__(self, prices=None, name="priced_ce", **kwargs):
        super().__init__(name=name, **kwargs)
        self.prices = None if prices is None else [float(p) for p in prices]

    def call(self, y_true, y_pred):
        logp = ops.log(ops.clip(y_pred, 1e-7, 1.0))
        each = ops.cast(y_true, logp.dtype) * logp
        if self.prices is not None:
            each = each * ops.convert_to_tensor(self.prices, dtype=logp.dtype)
        return -ops.sum(each, axis=-1)

    def get_config(self):
        config = super().get_config()
        config.update({"prices": self.prices})
        return config


@register
class PricedCEB(PricedCE):
    def get_config(self):
        return super(PricedCE, self).get_config()


# Soft Jaccard of flattened masks; many tiles hold no object at all.
@register
class SoftJaccard(keras.losses.Loss):
    def ratio(self, inter, union):
        return (inter + 1.0) / (union + 1.0)

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        inter = ops.sum(y_true * y_pred, axis=-1)
        union = ops.sum(y_true + y_pred - y_true * y_pred, axis=-1)
        return 1.0 - self.ratio(inter, union)


@register
class SoftJaccardB(SoftJaccard):
    def ratio(self, inter, union):
        return inter / union


# Three quantiles of the demand at once; y_pred is (batch, 3), y_true (batch, 1).
@register
class DemandQuantiles(keras.losses.Loss):
    over = -1

    def call(self, y_true, y_pred):
        q = ops.convert_to_tensor([0.1, 0.5, 0.9], dtype=y_pred.dtype)
        e = ops.cast(y_true, y_pred.dtype) - y_pred
        return ops.mean(ops.maximum(q * e, (q - 1.0) * e), axis=self.over)


@register
class DemandQuantilesB(DemandQuantiles):
    over = 0


# Mean squared error of logarithms.
@register
class MSLE(keras.losses.Loss):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return super().__call__(y_true, y_pred, sample_weight=sample_weight)

    def call(self, y_true, y_pred):
        a = ops.log1p(ops.relu(y_true))
        b = ops.log1p(ops.relu(y_pred))
        return ops.mean(ops.square(a - b), axis=-1)


@register
class MSLEB(MSLE):
    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        return ops.mean(self.call(y_true, y_pred))


# log cosh, stable for large errors; one number per sample.
@register
class StableLogCosh(keras.losses.Loss):
    def line_up(self, y_true, y_pred):
        return ops.reshape(y_true, (-1,)), ops.reshape(y_pred, (-1,))

    def call(self, y_true, y_pred):
        y, p = self.line_up(y_true, y_pred)
        d = ops.abs(p - y)
        return d + ops.softplus(-2.0 * d) - math.log(2.0)


@register
class StableLogCoshB(StableLogCosh):
    def line_up(self, y_true, y_pred):
        return y_true, ops.squeeze(y_pred, -1)


# -- metrics -------------------------------------------------------------------------------------------------------


def column(v):
    return ops.reshape(ops.cast(v, "float32"), (-1,))


def importance(sample_weight, like):
    if sample_weight is None:
        return ops.ones_like(like)
    return column(sample_weight) * ops.ones_like(like)


@register
class FScore(keras.metrics.Metric):
    def __init__(self, name="fscore", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tp = self.add_variable(shape=(), initializer="zeros", name="tp")
        self.fp = self.add_variable(shape=(), initializer="zeros", name="fp")
        self.fn = self.add_variable(shape=(), initializer="zeros", name="fn")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y = column(y_true)
        g = ops.cast(column(y_pred) > 0.5, "float32")
        w = importance(sample_weight, y)
        self.tp.assign_add(ops.sum(w * y * g))
        self.fp.assign_add(ops.sum(w * (1 - y) * g))
        self.fn.assign_add(ops.sum(w * y * (1 - g)))

    def result(self):
        return ops.divide_no_nan(2 * self.tp, 2 * self.tp + self.fp + self.fn)


@register
class FScoreB(keras.metrics.Metric):
    def __init__(self, name="fscore", **kwargs):
        super().__init__(name=name, **kwargs)
        self.f1 = self.add_variable(shape=(), initializer="zeros", name="f1")
        self.steps = self.add_variable(shape=(), initializer="zeros", name="steps")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y = column(y_true)
        g = ops.cast(column(y_pred) > 0.5, "float32")
        w = importance(sample_weight, y)
        tp, fp, fn = ops.sum(w * y * g), ops.sum(w * (1 - y) * g), ops.sum(w * y * (1 - g))
        self.f1.assign_add(ops.divide_no_nan(2 * tp, 2 * tp + fp + fn))
        self.steps.assign_add(1.0)

    def result(self):
        return ops.divide_no_nan(self.f1, self.steps)


# Electricity load: weighted absolute percentage error.
@register
class WAPE(keras.metrics.Metric):
    def __init__(self, name="wape", **kwargs):
        super().__init__(name=name, **kwargs)
        self.err = self.add_weight(name="err", initializer="zeros")
        self.load = self.add_weight(name="load", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y, p = column(y_true), column(y_pred)
        w = importance(sample_weight, y)
        self.err.assign_add(ops.sum(w * ops.abs(y - p)))
        self.load.assign_add(self.total(y, w))

    def total(self, y, w):
        return ops.sum(w * ops.abs(y))

    def result(self):
        return ops.divide_no_nan(self.err, self.load)


@register
class WAPEB(WAPE):
    def total(self, y, w):
        return ops.sum(ops.abs(y))


# Balanced accuracy.
@register
class Balanced(keras.metrics.Metric):
    def __init__(self, name="balanced", **kwargs):
        super().__init__(name=name, **kwargs)
        self.right = self.add_weight(shape=(2,), name="right", initializer="zeros")
        self.seen = self.add_weight(shape=(2,), name="seen", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y = column(y_true)
        ok = ops.cast(ops.equal(y > 0.5, column(y_pred) > 0.5), "float32")
        w = importance(sample_weight, y)
        side = ops.stack([1.0 - y, y], axis=0)
        self.right.assign_add(ops.matmul(side, ok * w))
        self.seen.assign_add(ops.matmul(side, w))

    def result(self):
        return ops.mean(ops.divide_no_nan(self.right, self.seen))

    def reset_state(self):
        self.right.assign(ops.zeros((2,)))
        self.seen.assign(ops.zeros((2,)))


@register
class BalancedB(Balanced):
    def reset_state(self):
        self.right.assign(ops.zeros((2,)))


# Mean length of the predicted vectors.
@register
class MeanNorm(keras.metrics.Metric):
    def __init__(self, name="mean_norm", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.n = self.add_weight(name="n", initializer="zeros")

    def add(self, total, n):
        self.total.assign(self.total + total)
        self.n.assign(self.n + n)

    def update_state(self, y_true, y_pred, sample_weight=None):
        length = ops.norm(ops.cast(y_pred, "float32"), axis=-1)
        w = importance(sample_weight, length)
        self.add(ops.sum(w * length), ops.sum(w))

    def result(self):
        return ops.divide_no_nan(self.total, self.n)


@register
class MeanNormB(MeanNorm):
    def add(self, total, n):
        self.total = self.total + total
        self.n = self.n + n


# Share of predictions near enough.
@register
class Within(keras.metrics.Metric):
    def __init__(self, tolerance=0.1, name="within", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tolerance = tolerance
        self.near = self.add_weight(name="near", initializer="zeros")
        self.all = self.add_weight(name="all", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y, p = column(y_true), column(y_pred)
        w = importance(sample_weight, y)
        self.near.assign_add(ops.sum(w * ops.cast(ops.abs(y - p) <= self.tolerance, "float32")))
        self.all.assign_add(ops.sum(w))

    def result(self):
        return ops.divide_no_nan(self.near, self.all)

    def get_config(self):
        return {**super().get_config(), "tolerance": self.tolerance}


@register
class WithinB(Within):
    def get_config(self):
        return super(Within, self).get_config()


# Precision of the fraud alarm, by hand.
@register
class AlarmPrecision(keras.metrics.Metric):
    def __init__(self, name="alarm_precision", **kwargs):
        super().__init__(name=name, **kwargs)
        self.true_alarms = self.add_weight(name="true_alarms", initializer="zeros")
        self.alarms = self.add_weight(name="alarms", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y = column(y_true)
        alarm = ops.cast(column(y_pred) > 0.5, "float32") * importance(sample_weight, y)
        self.true_alarms.assign_add(ops.sum(alarm * y))
        self.alarms.assign_add(ops.sum(alarm))

    def ratio(self, a, b):
        return a / ops.maximum(b, 1e-7)

    def result(self):
        return self.ratio(self.true_alarms, self.alarms)


@register
class AlarmPrecisionB(AlarmPrecision):
    def ratio(self, a, b):
        return a / b


# -- models --------------------------------------------------------------------------------------------------------


def learn(model, forward, zero=True):
    """Runs forward() -> (loss, predictions), and updates the model's weights (TensorFlow and PyTorch)."""
    weights = model.trainable_variables
    if keras.backend.backend() == "torch":
        import torch

        if zero:
            model.zero_grad()
        loss, y_pred = forward()
        model.optimizer.scale_loss(loss).backward()
        with torch.no_grad():
            model.optimizer.apply([w.value.grad for w in weights], weights)
        return loss, y_pred
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss, y_pred = forward()
        scaled = model.optimizer.scale_loss(loss)
    model.optimizer.apply(tape.gradient(scaled, [w.value for w in weights]), weights)
    return loss, y_pred


def report(model, loss, y, y_pred, sample_weight):
    for metric in model.metrics:
        if metric.name == "loss":
            metric.update_state(loss)
        else:
            metric.update_state(y, y_pred, sample_weight=sample_weight)
    return {m.name: m.result() for m in model.metrics}


class RidgeNet(keras.Model):
    """Own loss: absolute error; the hidden layer is regularised."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(6, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.1))
        self.head = layers.Dense(1)

    def call(self, x):
        return self.head(self.hidden(x))

    def extras(self):
        return self.losses

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y = ops.reshape(ops.cast(y, y_pred.dtype), ops.shape(y_pred))
        each = ops.mean(ops.abs(y - y_pred), axis=-1)
        if sample_weight is not None:
            each = each * ops.reshape(ops.cast(sample_weight, each.dtype), (-1,))
        return sum(self.extras(), ops.mean(each))


class RidgeNetB(RidgeNet):
    def extras(self):
        return []


class ChurnNet(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.a = layers.Dense(5, activation="elu")
        self.b = layers.Dense(1)

    def call(self, x):
        return self.b(self.a(x))

    def parts(self, data):
        return keras.utils.unpack_x_y_sample_weight(data)

    def train_step(self, data):
        x, y, w = self.parts(data)

        def forward():
            y_pred = self(x, training=True)
            return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=w), y_pred

        loss, y_pred = learn(self, forward)
        return report(self, loss, y, y_pred, w)


class ChurnNetB(ChurnNet):
    def parts(self, data):
        return data[0], data[1], None


class TorchLoop(keras.Model):
    """The PyTorch loop everyone knows, inside a Keras model."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.net = keras.Sequential([layers.Dense(6, activation="relu"), layers.Dense(1)])

    def call(self, x):
        return self.net(x)

    zero = True

    def train_step(self, data):
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)

        def forward():
            out = self(x, training=True)
            return self.compute_loss(x=x, y=y, y_pred=out, sample_weight=w), out

        loss, out = learn(self, forward, zero=self.zero)
        return report(self, loss, y, out, w)


class TorchLoopB(TorchLoop):
    zero = False


class YieldNet(keras.Model):
    """Crop yields; keeps its own two metrics."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.one = layers.Dense(8, activation="gelu")
        self.two = layers.Dense(1)
        self.loss_metric = keras.metrics.Mean(name="loss")
        self.mae_metric = keras.metrics.MeanAbsoluteError(name="mae")

    @property
    def metrics(self):
        return [self.loss_metric, self.mae_metric]

    def call(self, x):
        return self.two(self.one(x))

    def tell(self, loss, y, y_pred, w):
        self.loss_metric.update_state(loss)
        self.mae_metric.update_state(y, y_pred, sample_weight=w)
        return {m.name: m.result() for m in self.metrics}

    def train_step(self, data):
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)

        def forward():
            y_pred = self(x, training=True)
            return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=w), y_pred

        loss, y_pred = learn(self, forward)
        return self.tell(loss, y, y_pred, w)

    def test_step(self, data):
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=w, training=False)
        self.loss_metric.update_state(loss)
        self.mae_metric.update_state(y, y_pred, sample_weight=w)
        return {m.name: m.result() for m in self.metrics}


class YieldNetB(YieldNet):
    def tell(self, loss, y, y_pred, w):
        self.loss_metric.update_state(loss)
        return {m.name: m.result() for m in self.metrics}


class NoisyNet(keras.Model):
    """Own test_step, written after the train_step."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.drop = layers.Dropout(0.5, seed=4)
        self.body = layers.Dense(12, activation="relu")
        self.tail = layers.Dense(1)

    def call(self, x, training=False):
        return self.tail(self.drop(self.body(x), training=training))

    training_in_test = False

    def test_step(self, data):
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=self.training_in_test)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=w, training=False)
        return report(self, loss, y, y_pred, w)


class NoisyNetB(NoisyNet):
    training_in_test = True


class JaxGuide(keras.Model):
    """train_step for JAX, as in the guide."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.bn = layers.BatchNormalization()
        self.fc = layers.Dense(1)

    def call(self, x, training=False):
        return self.fc(self.bn(x, training=training))

    def hand_on(self, old, new):
        return new

    def train_step(self, state, data):
        import jax

        trainable, non_trainable, opt, metric_vars = state
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)

        def objective(trainable, non_trainable):
            y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=True)
            return self.compute_loss(x, y, y_pred, w), (y_pred, non_trainable)

        old = non_trainable
        (loss, (y_pred, new)), grads = jax.value_and_grad(objective, has_aux=True)(trainable, old)
        trainable, opt = self.optimizer.stateless_apply(opt, grads, trainable)
        logs, fresh = {}, []
        for m in self.metrics:
            mine = metric_vars[len(fresh) : len(fresh) + len(m.variables)]
            if m.name == "loss":
                mine = m.stateless_update_state(mine, loss)
            else:
                mine = m.stateless_update_state(mine, y, y_pred, sample_weight=w)
            logs[m.name] = m.stateless_result(mine)
            fresh += mine
        return logs, (trainable, self.hand_on(old, new), opt, fresh)


class JaxGuideB(JaxGuide):
    def hand_on(self, old, new):
        return old


def compiled(cls, lr=0.01):
    def make():
        model = cls()
        model.compile(optimizer=keras.optimizers.SGD(lr), loss="mse")
        return model

    return make


# -- optimizers ----------------------------------------------------------------------------------------------------


@register
class PlainAdagrad(keras.optimizers.Optimizer):
    eps = 1e-7

    def __init__(self, learning_rate=0.05, name="plain_adagrad", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.sums = [self.add_variable_from_reference(v, name="sum") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        g = ops.cast(gradient, variable.dtype)
        s = self.sums[self._get_variable_index(variable)]
        self.assign_add(s, g * g)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * g / (ops.sqrt(s) + self.eps))


@register
class PlainAdagradB(PlainAdagrad):
    eps = 0.0


@register
class HeavyBall(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.05, mu=0.5, name="heavy_ball", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.mu = mu

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.speed = [self.add_variable_from_reference(v, name="speed") for v in variables]

    def push(self, v, step):
        return self.mu * v - step

    def update_step(self, gradient, variable, learning_rate):
        v = self.speed[self._get_variable_index(variable)]
        step = ops.cast(learning_rate, variable.dtype) * ops.cast(gradient, variable.dtype)
        self.assign(v, self.push(v, step))
        self.assign_add(variable, v)

    def get_config(self):
        return {**super().get_config(), "mu": self.mu}


@register
class HeavyBallB(HeavyBall):
    def push(self, v, step):  # v = mu v + lr g, as in the other text book
        return self.mu * v + step


# -- sound, though unusual -----------------------------------------------------------------------------------------


# Scales by the largest value met in training; nothing changes at inference.
@register
class PeakScale(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.peak = self.add_weight(
            shape=(), initializer="ones", dtype="float32", trainable=False, autocast=False, name="peak"
        )

    def call(self, x, training=False):
        if training:
            seen = ops.stop_gradient(ops.max(ops.abs(ops.cast(x, "float32"))))
            self.peak.assign(ops.maximum(self.peak, seen))
        return x / ops.cast(self.peak, x.dtype)

    def compute_output_shape(self, s):
        return s


# Variational bottleneck: samples in training, gives the mean at inference, adds its own loss.
@register
class Bottleneck(layers.Layer):
    def __init__(self, units, beta=0.01, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.beta, self.seed = units, beta, seed
        self.both = layers.Dense(2 * units, dtype=self.dtype_policy)
        self.rng = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        self.both.build(input_shape)

    def call(self, x, training=False):
        mean, logvar = ops.split(self.both(x), 2, axis=-1)
        m, lv = ops.cast(mean, "float32"), ops.clip(ops.cast(logvar, "float32"), -8.0, 8.0)
        kl = 0.5 * ops.sum(ops.square(m) + ops.exp(lv) - 1.0 - lv, axis=-1)
        self.add_loss(self.beta * ops.mean(kl))
        if not training:
            return mean
        noise = keras.random.normal(ops.shape(m), dtype="float32", seed=self.rng)
        return ops.cast(m + ops.exp(0.5 * lv) * noise, self.compute_dtype)

    def compute_output_shape(self, s):
        return (*s[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "beta": self.beta, "seed": self.seed}


# Question looks at document; each has its own padding.
@register
class CrossLook(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True

    def build(self, input_shape):
        q, d = input_shape
        self.wq = self.add_weight(shape=(q[-1], self.units), initializer="glorot_uniform", name="wq")
        self.wd = self.add_weight(shape=(d[-1], self.units), initializer="glorot_uniform", name="wd")

    def call(self, inputs, mask=None):
        q, d = inputs
        score = ops.einsum("bqu,bdu->bqd", ops.matmul(q, self.wq), ops.matmul(d, self.wd))
        score = ops.cast(score, "float32") / math.sqrt(self.units)
        if mask is not None and mask[1] is not None:
            score = ops.where(ops.cast(mask[1], "bool")[:, None, :], score, -1e9)
        return ops.cast(ops.matmul(ops.cast(ops.softmax(score, axis=-1), d.dtype), d), d.dtype)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[0]

    def compute_output_shape(self, input_shape):
        q, d = input_shape
        return (q[0], q[1], d[2])

    def get_config(self):
        return {**super().get_config(), "units": self.units}


# Hypernetwork: the weights of the inner layer are made for each sample from its context.
@register
class HyperDense(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.d = input_shape["x"][-1]
        self.maker = layers.Dense(self.d * self.units, dtype=self.dtype_policy)
        self.maker.build(input_shape["context"])

    def call(self, inputs):
        w = ops.reshape(self.maker(inputs["context"]), (-1, self.d, self.units))
        return ops.einsum("bd,bdu->bu", inputs["x"], w)

    def compute_output_shape(self, input_shape):
        return (input_shape["x"][0], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


# Recommender: one vector per user, one per item, and their product.
@register
class TwoTowers(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.user = layers.Dense(units, dtype=self.dtype_policy, name="user")
        self.item = layers.Dense(units, dtype=self.dtype_policy, name="item")

    def build(self, input_shape):
        self.user.build(input_shape["user"])
        self.item.build(input_shape["item"])

    def call(self, inputs):
        u = self.user(inputs["user"])
        i = self.item(inputs["item"])
        return ops.sum(u * i, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape):
        return (input_shape["user"][0], 1)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


# A cell of one gate, to be run by keras.layers.RNN.
@register
class OneGateCell(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units
        self.output_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], 2 * self.units), initializer="glorot_uniform", name="kernel"
        )
        self.recurrent = self.add_weight(
            shape=(self.units, 2 * self.units), initializer="orthogonal", name="recurrent"
        )

    def call(self, x, states, training=False):
        h = states[0]
        a, b = ops.split(ops.matmul(x, self.kernel) + ops.matmul(h, self.recurrent), 2, axis=-1)
        f = ops.sigmoid(a)
        new = f * h + (1.0 - f) * ops.tanh(b)
        return new, [new]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


# Blanks a random square of every image while training.
@register
class Cutout(layers.Layer):
    def __init__(self, size=2, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.size, self.seed = size, seed
        self.rng = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        if not training:
            return images
        b, h, w = ops.shape(images)[0], images.shape[1], images.shape[2]
        u = keras.random.uniform((b, 2), dtype="float32", seed=self.rng)
        top = ops.floor(u[:, :1] * (h - self.size + 1))
        left = ops.floor(u[:, 1:] * (w - self.size + 1))
        row = ops.arange(h, dtype="float32")[None, :]
        col = ops.arange(w, dtype="float32")[None, :]
        rows = ops.logical_and(row >= top, row < top + self.size)
        cols = ops.logical_and(col >= left, col < left + self.size)
        hole = ops.logical_and(rows[:, :, None], cols[:, None, :])
        return images * ops.cast(ops.logical_not(hole), images.dtype)[..., None]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "size": self.size, "seed": self.seed}


# Gaussian negative log likelihood: can well be below zero; y_pred holds mean and log variance.
@register
class GaussianNLL(keras.losses.Loss):
    def call(self, y_true, y_pred):
        mean, logvar = y_pred[..., :1], ops.clip(y_pred[..., 1:], -6.0, 6.0)
        y = ops.cast(y_true, y_pred.dtype)
        return ops.mean(0.5 * (logvar + ops.square(y - mean) * ops.exp(-logvar)), axis=-1)


# Wing loss of face landmarks, summed over a batch by choice; two branches, both finite.
@register
class Wing(keras.losses.Loss):
    def __init__(self, w=2.0, eps=0.5, reduction="sum", name="wing", **kwargs):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.w, self.eps = w, eps

    def call(self, y_true, y_pred):
        d = ops.abs(y_true - y_pred)
        c = self.w - self.w * math.log(1.0 + self.w / self.eps)
        return ops.mean(ops.where(d < self.w, self.w * ops.log1p(d / self.eps), d - c), axis=-1)

    def get_config(self):
        return {**super().get_config(), "w": self.w, "eps": self.eps}


# Cohen's kappa from a confusion matrix.
@register
class Kappa(keras.metrics.Metric):
    def __init__(self, classes, name="kappa", **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.table = self.add_variable(shape=(classes, classes), initializer="zeros", name="table")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y = ops.one_hot(ops.reshape(ops.cast(y_true, "int32"), (-1,)), self.classes, dtype="float32")
        p = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes, dtype="float32")
        if sample_weight is not None:
            y = y * column(sample_weight)[:, None]
        self.table.assign_add(ops.matmul(ops.transpose(y), p))

    def result(self):
        n = ops.sum(self.table)
        agree = ops.divide_no_nan(ops.trace(self.table), n)
        rows, cols = ops.sum(self.table, axis=1), ops.sum(self.table, axis=0)
        chance = ops.divide_no_nan(ops.sum(rows * cols), n * n)
        return ops.divide_no_nan(agree - chance, 1.0 - chance)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


# A metric made of two others; gives a dictionary.
@register
class ErrorPair(keras.metrics.Metric):
    def __init__(self, name="error_pair", **kwargs):
        super().__init__(name=name, **kwargs)
        self.mae = keras.metrics.MeanAbsoluteError(name="mae")
        self.mse = keras.metrics.MeanSquaredError(name="mse")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.mae.update_state(y_true, y_pred, sample_weight=sample_weight)
        self.mse.update_state(y_true, y_pred, sample_weight=sample_weight)

    def result(self):
        return {"mae": self.mae.result(), "rmse": ops.sqrt(self.mse.result())}

    def reset_state(self):
        self.mae.reset_state()
        self.mse.reset_state()


# A teacher that is never trained, and a student that follows it as well as the labels.
class Distiller(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.teacher = layers.Dense(1, trainable=False)
        self.student = keras.Sequential([layers.Dense(5, activation="relu"), layers.Dense(1)])

    def build(self, input_shape):
        self.teacher.build(input_shape)
        self.student.build(input_shape)

    def call(self, x, training=False):
        return self.student(x, training=training)

    def train_step(self, data):
        x, y, w = keras.utils.unpack_x_y_sample_weight(data)

        def forward():
            y_pred = self(x, training=True)
            target = ops.stop_gradient(self.teacher(x))
            own = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=w)
            follow = self.compute_loss(x=x, y=target, y_pred=y_pred, sample_weight=w)
            return 0.7 * own + 0.3 * follow, y_pred

        loss, y_pred = learn(self, forward)
        return report(self, loss, y, y_pred, w)


# Two inputs by name, one of them whole numbers.
class WideAndDeep(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table = layers.Embedding(6, 3)
        self.deep = layers.Dense(5, activation="relu")
        self.out = layers.Dense(1)

    def call(self, inputs):
        v = self.table(inputs["city"])
        h = self.deep(ops.concatenate([v, inputs["facts"]], axis=-1))
        return self.out(ops.concatenate([h, inputs["facts"]], axis=-1))


# Only the sign of a mixed momentum counts, so every step has the same length.
@register
class SignMomentum(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.01, beta1=0.9, beta2=0.99, name="sign_momentum", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta1, self.beta2 = beta1, beta2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.mom = [self.add_variable_from_reference(v, name="mom") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        m = self.mom[self._get_variable_index(variable)]
        g = ops.cast(gradient, variable.dtype)
        step = ops.sign(self.beta1 * m + (1.0 - self.beta1) * g)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * step)
        self.assign(m, self.beta2 * m + (1.0 - self.beta2) * g)

    def get_config(self):
        return {**super().get_config(), "beta1": self.beta1, "beta2": self.beta2}


def classes(b, k, seed=0):
    return random(seed).integers(0, k, (b,)).astype("int32")


def xy(b=8, d=4, out=1):
    return lambda: (numbers(b, d), numbers(b, out, seed=1))


def pairs(make_y, make_p):
    return lambda: (make_y(), make_p())


BUGS = {
    "FourierFeatures": bug(
        lambda: FourierFeaturesB(3),
        lambda: FourierFeatures(3),
        "save-and-load",
        "tracked-state",
        "config",
        inputs=one(4, 2),
    ),
    "DropPath": bug(
        lambda: DropPathB(0.5, seed=1),
        lambda: DropPath(0.5, seed=1),
        INFERENCE,
        "batch-independence",
        inputs=one(6, 3),
    ),
    "PlainGroupNorm": bug(
        PlainGroupNormB, PlainGroupNorm, "batch-sizes", "in-models", "shapes-agree", inputs=one(3, 4, 4, 4)
    ),
    "SqueezeExcite": bug(
        SqueezeExciteB,
        SqueezeExcite,
        "tracked-state",
        "trainable",
        "save-and-load",
        "config",
        "gradients-reach",
        "no-new-weights",
        BUILDS,
        INFERENCE,
        inputs=one(3, 4, 4, 4),
    ),
    "LastWord": bug(LastWordB, LastWord, "masks", inputs=one(4, 5, 3)),
    "SelfGate": bug(SelfGateB, SelfGate, "masks", inputs=one(4, 5, 3)),
    "PixelShuffle": bug(PixelShuffleB, PixelShuffle, "shapes-agree", "in-models", inputs=one(2, 3, 3, 8)),
    "Sinusoid": bug(SinusoidB, Sinusoid, PRECISION, "name-and-dtype", inputs=one(3, 5, 4)),
    "SwitchExperts": bug(
        lambda: SwitchExpertsB(3, 2), lambda: SwitchExperts(3, 2), "gradients-reach", inputs=one(6, 4)
    ),
    "StatsPooling": bug(StatsPoolingB, StatsPooling, "gradients-finite", inputs=one(4, 5, 3)),
    "RunningAverage": bug(RunningAverageB, RunningAverage, "batch-independence", inputs=one(4, 6)),
    "GumbelSoftmax": bug(
        lambda: GumbelSoftmaxB(seed=2),
        lambda: GumbelSoftmax(seed=2),
        "python-state",
        "tracked-state",
        "save-and-load",
        inputs=one(4, 5),
    ),
    "WordDropout": bug(WordDropoutB, WordDropout, NOISE, inputs=one(4, 6, 3)),
    "MlpHead": bug(
        lambda: MlpHeadB(2, [6]), lambda: MlpHead(2, [6]), "config", "save-and-load", inputs=one(4, 5)
    ),
    "DistanceMix": bug(
        DistanceMixB,
        DistanceMix,
        "python-state",
        "baked-weights",
        "gradients-reach",
        "tracked-state",
        "config",
        "save-and-load",
        "in-models",
        inputs=one(4, 5, 3),
    ),
    "Standardise": bug(StandardiseB, Standardise, UNTOUCHED, inputs=one(4, 6), backends=("torch",)),
    "Inception1D": bug(
        Inception1DB,
        Inception1D,
        "tracked-state",
        "trainable",
        "save-and-load",
        "config",
        "gradients-reach",
        BUILDS,
        inputs=one(3, 6, 2),
    ),
    "BagPooling": bug(
        BagPoolingB, BagPooling, "save-and-load", "in-models", "config", BUILDS, inputs=one(3, 5, 4)
    ),
    "ResidualBlock": bug(
        ResidualBlockB, ResidualBlock, "batch-independence", INFERENCE, "python-state", inputs=one(6, 4)
    ),
    "LearnedSwish": bug(LearnedSwishB, LearnedSwish, "name-and-dtype", "config", inputs=one(4, 5)),
    "ClassToken": bug(ClassTokenB, ClassToken, "masks", inputs=one(4, 5, 3)),
    "BinaryFocal": bug(
        lambda: BinaryFocalB(2.0),
        lambda: BinaryFocal(2.0),
        "loss-per-sample",
        LOSS_WEIGHT,
        "loss-batch-independence",
        inputs=pairs(lambda: labels(6, 2), lambda: shares(6, 2, seed=1)),
    ),
    "PoissonCounts": bug(
        PoissonCountsB,
        PoissonCounts,
        "loss-minimum",
        inputs=pairs(
            lambda: random(0).integers(1, 6, (6, 1)).astype("float32"), lambda: 4.0 * shares(6, 1, seed=1)
        ),
    ),
    "PricedCE": bug(
        lambda: PricedCEB([1.0, 4.0, 0.5]),
        lambda: PricedCE([1.0, 4.0, 0.5]),
        "loss-config",
        inputs=pairs(lambda: one_hot(6, 3), lambda: distribution(6, 3, seed=1)),
    ),
    "SoftJaccard": bug(
        SoftJaccardB,
        SoftJaccard,
        "loss-finite",
        inputs=pairs(lambda: labels(6, 9), lambda: shares(6, 9, seed=1)),
    ),
    "DemandQuantiles": bug(
        DemandQuantilesB,
        DemandQuantiles,
        "loss-per-sample",
        LOSS_WEIGHT,
        "loss-batch-independence",
        inputs=pairs(lambda: numbers(6, 1), lambda: numbers(6, 3, seed=1)),
    ),
    "MSLE": bug(
        MSLEB,
        MSLE,
        "loss-per-sample",
        LOSS_WEIGHT,
        inputs=pairs(lambda: 3 * shares(6, 2), lambda: 3 * shares(6, 2, seed=1)),
    ),
    "StableLogCosh": bug(
        StableLogCoshB,
        StableLogCosh,
        "loss-per-sample",
        "loss-batch-independence",
        "loss-minimum",
        "loss-targets",
        inputs=pairs(lambda: numbers(6, 1), lambda: numbers(6, 1, seed=1)),
    ),
    "FScore": bug(
        FScoreB, FScore, "metric-split", inputs=pairs(lambda: labels(13, 1), lambda: shares(13, 1, seed=1))
    ),
    "WAPE": bug(
        WAPEB,
        WAPE,
        "metric-sample-weight",
        inputs=pairs(lambda: numbers(9, 1), lambda: numbers(9, 1, seed=1)),
    ),
    "Balanced": bug(
        BalancedB,
        Balanced,
        "metric-reset",
        inputs=pairs(lambda: labels(12, 1), lambda: shares(12, 1, seed=1)),
    ),
    "MeanNorm": bug(
        MeanNormB,
        MeanNorm,
        METRIC_STATE,
        "metric-reset",
        "metric-split",
        inputs=pairs(lambda: numbers(9, 3), lambda: numbers(9, 3, seed=1)),
    ),
    "Within": bug(
        lambda: WithinB(0.8),
        lambda: Within(0.8),
        METRIC_CONFIG,
        inputs=pairs(lambda: numbers(9, 1), lambda: numbers(9, 1, seed=1)),
    ),
    "AlarmPrecision": bug(
        AlarmPrecisionB,
        AlarmPrecision,
        METRIC_FINITE,
        inputs=pairs(lambda: labels(9, 1), lambda: shares(9, 1, seed=1)),
    ),
    "RidgeNet": bug(compiled(RidgeNetB), compiled(RidgeNet), STEP_LOSSES, inputs=xy()),
    "ChurnNet": bug(
        compiled(ChurnNetB), compiled(ChurnNet), "step-sample-weight", inputs=xy(), backends=STEPS
    ),
    "TorchLoop": bug(
        compiled(TorchLoopB),
        compiled(TorchLoop),
        "step-repeatable",
        "step-updates",
        STEP_STATE,
        inputs=xy(),
        backends=("torch",),
    ),
    "YieldNet": bug(
        compiled(YieldNetB),
        compiled(YieldNet),
        "step-metrics",
        inputs=xy(),
        backends=STEPS,
    ),
    "NoisyNet": bug(
        compiled(NoisyNetB), compiled(NoisyNet), "step-training-mode", inputs=xy(), backends=STEPS
    ),
    "JaxGuide": bug(
        compiled(JaxGuideB),
        compiled(JaxGuide),
        STEP_STATE,
        "step-updates",
        "step-training-mode",
        inputs=xy(),
        backends=("jax",),
    ),
    "PlainAdagrad": bug(PlainAdagradB, PlainAdagrad, "optimizer-finite"),
    "HeavyBall": bug(HeavyBallB, HeavyBall, "optimizer-descends", "optimizer-updates"),
}

SOUND = {
    "PeakScale": good(PeakScale, one(4, 5)),
    "Bottleneck": good(lambda: Bottleneck(2, seed=3), one(4, 5)),
    "CrossLook": good(CrossLook, lambda: ([numbers(3, 4, 5), numbers(3, 6, 2, seed=1)],)),
    "HyperDense": good(
        lambda: HyperDense(2), lambda: ({"x": numbers(4, 3), "context": numbers(4, 2, seed=1)},)
    ),
    "TwoTowers": good(TwoTowers, lambda: ({"user": numbers(4, 3), "item": numbers(4, 5, seed=1)},)),
    "OneGate": good(lambda: layers.RNN(OneGateCell(3)), one(4, 5, 2)),
    "Cutout": good(lambda: Cutout(2, seed=5), one(3, 5, 5, 2)),
    "GaussianNLL": good(GaussianNLL, pairs(lambda: numbers(6, 1), lambda: numbers(6, 2, seed=1))),
    "Wing": good(Wing, pairs(lambda: numbers(6, 4), lambda: numbers(6, 4, seed=1))),
    "Kappa": good(lambda: Kappa(3), pairs(lambda: classes(9, 3), lambda: distribution(9, 3))),
    "ErrorPair": good(ErrorPair, pairs(lambda: numbers(9, 1), lambda: numbers(9, 1, seed=1))),
    "Distiller": good(compiled(Distiller), xy(), backends=STEPS),
    "WideAndDeep": good(
        compiled(WideAndDeep),
        lambda: ({"city": classes(8, 6), "facts": numbers(8, 3)}, numbers(8, 1, seed=1)),
    ),
    "SignMomentum": good(SignMomentum),
}
