"""An eleventh set: silent and late slips in code of many people, each beside a sound twin; and sound code."""

from __future__ import annotations

import math

import keras
import numpy as np
from bug import Bug, numbers, one_hot, random, shares
from keras import layers, ops

register = keras.saving.register_keras_serializable("kerascope_eleventh")
BACKEND = keras.backend.backend()
ALL = ("jax", "tensorflow", "torch")


def pair(broken, twin, *contracts, inputs=tuple, backends=ALL):
    return Bug(broken, twin, frozenset(contracts), inputs, {}, held_out=True, backends=backends)


def alone(made, inputs=tuple, backends=ALL):
    return Bug(None, made, frozenset(), inputs, {}, held_out=True, backends=backends)


# -- layers --------------------------------------------------------------------------------------------------------


@register
class WordDropout(layers.Layer):
    """Drops whole words of a sentence while training."""

    def __init__(self, rate=0.3, seed=1337, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.supports_masking = True

    def call(self, embedded, training=False):
        if not training:
            return embedded
        batch, words = ops.shape(embedded)[0], ops.shape(embedded)[1]
        keep = keras.random.uniform((batch, words, 1), seed=self.seed) >= self.rate
        return embedded * ops.cast(keep, embedded.dtype)

    def get_config(self):
        config = super().get_config()
        config.update({"rate": self.rate, "seed": self.seed})
        return config


@register
class WordDropoutB(layers.Layer):
    """Drops whole words of a sentence while training."""

    def __init__(self, rate=0.3, seed=1337, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, embedded, training=False):
        if not training:
            return embedded
        batch, words = ops.shape(embedded)[0], ops.shape(embedded)[1]
        keep = keras.random.uniform((batch, words, 1), seed=self.seed_generator) >= self.rate
        return embedded * ops.cast(keep, embedded.dtype)

    def get_config(self):
        config = super().get_config()
        config.update({"rate": self.rate, "seed": self.seed})
        return config


@register
class AddClassToken(layers.Layer):
    """[CLS] token of ViT, put before the patches."""

    def build(self, input_shape):
        self.batch_size = input_shape[0]
        self.hidden_size = input_shape[-1]
        self.cls_token = self.add_weight(
            shape=(1, 1, self.hidden_size), initializer="random_normal", trainable=True, name="cls"
        )

    def call(self, inputs):
        cls = ops.repeat(self.cls_token, self.batch_size, axis=0)
        return ops.concatenate([ops.cast(cls, inputs.dtype), inputs], axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] + 1, input_shape[2])


@register
class AddClassTokenB(layers.Layer):
    """[CLS] token of ViT, put before the patches."""

    def build(self, input_shape):
        self.hidden_size = input_shape[-1]
        self.cls_token = self.add_weight(
            shape=(1, 1, self.hidden_size), initializer="random_normal", trainable=True, name="cls"
        )

    def call(self, inputs):
        cls = ops.repeat(self.cls_token, ops.shape(inputs)[0], axis=0)
        return ops.concatenate([ops.cast(cls, inputs.dtype), inputs], axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] + 1, input_shape[2])


class Branch:
    """conv -> relu -> conv, as in the TF1 code of the paper"""

    def __init__(self, filters, kernel_size):
        self.filters = filters
        self.reduce = layers.Conv2D(filters, 1, activation="relu")
        self.conv = layers.Conv2D(filters, kernel_size, padding="same", activation="relu")

    def build(self, shape):
        self.reduce.build(shape)
        self.conv.build((*shape[:-1], self.filters))

    def __call__(self, x):
        return self.conv(self.reduce(x))


class BranchLayer(layers.Layer):
    """conv -> relu -> conv, as in the TF1 code of the paper"""

    def __init__(self, filters, kernel_size, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.reduce = layers.Conv2D(filters, 1, activation="relu")
        self.conv = layers.Conv2D(filters, kernel_size, padding="same", activation="relu")

    def build(self, shape):
        self.reduce.build(shape)
        self.conv.build((*shape[:-1], self.filters))

    def call(self, x):
        return self.conv(self.reduce(x))


@register
class InceptionNet(keras.Model):
    branch = Branch

    def __init__(self, filters=4, num_classes=3, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.num_classes = num_classes
        self.b3 = self.branch(filters, 3)
        self.b5 = self.branch(filters, 5)
        self.pool = layers.GlobalAveragePooling2D()
        self.head = layers.Dense(num_classes, activation="softmax")

    def build(self, input_shape):
        self.b3.build(input_shape)
        self.b5.build(input_shape)
        self.head.build((input_shape[0], 2 * self.filters))
        self.built = True

    def call(self, images):
        x = ops.concatenate([self.b3(images), self.b5(images)], axis=-1)
        return self.head(self.pool(x))

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "num_classes": self.num_classes}


@register
class InceptionNetB(InceptionNet):
    branch = BranchLayer


@register
class LateFusion(layers.Layer):
    """Joins the features of video and audio."""

    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def call(self, video, audio):
        v = layers.Dense(self.units, activation="tanh")(video)
        a = layers.Dense(self.units, activation="tanh")(audio)
        return ops.concatenate([v, a, v * a], axis=-1)

    def get_config(self):
        config = super().get_config()
        config["units"] = self.units
        return config


@register
class LateFusionB(layers.Layer):
    """Joins the features of video and audio."""

    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.video_proj = layers.Dense(units, activation="tanh")
        self.audio_proj = layers.Dense(units, activation="tanh")

    def build(self, video_shape, audio_shape):
        self.video_proj.build(video_shape)
        self.audio_proj.build(audio_shape)

    def call(self, video, audio):
        v = self.video_proj(video)
        a = self.audio_proj(audio)
        return ops.concatenate([v, a, v * a], axis=-1)

    def get_config(self):
        config = super().get_config()
        config["units"] = self.units
        return config


@register
class MILPooling(layers.Layer):
    """Attention-based deep multiple instance learning (Ilse et al. 2018): bags (batch, instances, features)."""

    axis = 0

    def __init__(self, L=5, **kwargs):
        super().__init__(**kwargs)
        self.L = L

    def build(self, input_shape):
        D = input_shape[-1]
        self.V = self.add_weight(name="V", shape=(D, self.L), initializer="glorot_uniform")
        self.U = self.add_weight(name="U", shape=(D, self.L), initializer="glorot_uniform")
        self.w = self.add_weight(name="w", shape=(self.L, 1), initializer="glorot_uniform")

    def call(self, H):
        A_V = ops.tanh(ops.matmul(H, self.V))
        A_U = ops.sigmoid(ops.matmul(H, self.U))
        A = ops.matmul(A_V * A_U, self.w)
        A = ops.softmax(A, axis=self.axis)
        return ops.sum(A * H, axis=1)

    def get_config(self):
        return {**super().get_config(), "L": self.L}


@register
class MILPoolingB(MILPooling):
    axis = 1


@register
class SubpixelUpscale(layers.Layer):
    """ESPCN: a convolution, whose channels become pixels."""

    def __init__(self, filters=3, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.factor = factor
        self.conv = layers.Conv2D(filters * factor**2, 3, padding="same")

    def build(self, input_shape):
        self.conv.build(input_shape)

    def call(self, x):
        r = self.factor
        x = self.conv(x)
        b, (h, w) = ops.shape(x)[0], x.shape[1:3]
        x = ops.reshape(x, (b, h, w, r, r, self.filters))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (b, h * r, w * r, self.filters))

    def compute_output_shape(self, input_shape):
        b, h, w, c = input_shape
        return (b, h * self.factor, w * self.factor, c // self.factor**2)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "factor": self.factor}


@register
class SubpixelUpscaleB(SubpixelUpscale):
    def compute_output_shape(self, input_shape):
        b, h, w, _ = input_shape
        return (b, h * self.factor, w * self.factor, self.filters)


@register
class IntentHead(layers.Layer):
    """Scores the intent of an utterance at its final token, GPT style."""

    def __init__(self, num_intents=4, **kwargs):
        super().__init__(**kwargs)
        self.num_intents = num_intents
        self.supports_masking = True
        self.dense = layers.Dense(num_intents)

    def build(self, input_shape):
        self.dense.build((input_shape[0], input_shape[-1]))

    def call(self, hidden, mask=None):
        return self.dense(hidden[:, -1, :])

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "num_intents": self.num_intents}


@register
class IntentHeadB(IntentHead):
    def call(self, hidden, mask=None):
        if mask is None:
            return self.dense(hidden[:, -1, :])
        places = ops.arange(hidden.shape[1], dtype="int32")
        final = ops.max(ops.where(mask, places, 0), axis=1)
        chosen = ops.one_hot(final, hidden.shape[1], dtype=hidden.dtype)
        return self.dense(ops.sum(ops.where(chosen[..., None] > 0, hidden, 0.0), axis=1))


@register
class LocalWindowAttention(layers.Layer):
    """Self attention for series, where a step sees only its neighbours."""

    def __init__(self, key_dim=4, window=2, **kwargs):
        super().__init__(**kwargs)
        self.key_dim = key_dim
        self.window = window
        self.q = layers.Dense(key_dim, use_bias=False)
        self.k = layers.Dense(key_dim, use_bias=False)
        self.v = layers.Dense(key_dim, use_bias=False)

    def build(self, input_shape):
        self.q.build(input_shape)
        self.k.build(input_shape)
        self.v.build(input_shape)

    def hide(self, scores, near):
        near = ops.cast(near, scores.dtype)
        return scores + (1.0 - near) * ops.cast(-1e9, scores.dtype)

    def call(self, x):
        steps = np.arange(x.shape[1])
        near = np.abs(steps[:, None] - steps[None, :]) <= self.window
        q, k, v = self.q(x), self.k(x), self.v(x)
        scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / math.sqrt(self.key_dim)
        return ops.matmul(ops.softmax(self.hide(scores, near), axis=-1), v)

    def get_config(self):
        return {**super().get_config(), "key_dim": self.key_dim, "window": self.window}


@register
class LocalWindowAttentionB(LocalWindowAttention):
    def hide(self, scores, near):
        near = ops.cast(near, scores.dtype)
        return scores + (1.0 - near) * ops.cast(-3e4, scores.dtype)


@register
class RBFExpansion(layers.Layer):
    """FastKAN: radial basis functions on a grid, then a spline weight."""

    def __init__(self, units, num_grids=5, grid_min=-2.0, grid_max=2.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.num_grids = num_grids
        self.grid_min = grid_min
        self.grid_max = grid_max
        self.grid = np.linspace(grid_min, grid_max, num_grids).astype("float32")
        self.h = (grid_max - grid_min) / (num_grids - 1)

    def build(self, input_shape):
        self.spline_weight = self.add_weight(
            name="spline_weight",
            shape=(input_shape[-1] * self.num_grids, self.units),
            initializer="glorot_uniform",
        )

    def call(self, x):
        grid = ops.cast(self.grid, x.dtype)
        basis = ops.exp(-ops.square((x[..., None] - grid) / self.h))
        basis = ops.reshape(basis, (-1, x.shape[-1] * self.num_grids))
        return ops.matmul(basis, self.spline_weight)

    def get_config(self):
        config = super().get_config()
        config.update({"units": self.units, "num_grids": self.num_grids})
        return config


@register
class RBFExpansionB(RBFExpansion):
    def get_config(self):
        config = super().get_config()
        config.update({"grid_min": self.grid_min, "grid_max": self.grid_max})
        return config


@register
class ResidualMLPBlock(layers.Layer):
    """ResMLP block for tables: x + gamma * mlp(norm(x))"""

    def __init__(self, expansion=2, **kwargs):
        super().__init__(**kwargs)
        self.expansion = expansion
        self.norm = layers.LayerNormalization()

    def build(self, input_shape):
        dim = input_shape[-1]
        self.fc1 = layers.Dense(dim * self.expansion, activation="gelu")
        self.fc2 = layers.Dense(dim)
        self.gamma = self.add_weight(name="gamma", shape=(dim,), initializer="ones")
        self.built = True

    def call(self, x):
        return x + self.gamma * self.fc2(self.fc1(self.norm(x)))

    def get_config(self):
        return {**super().get_config(), "expansion": self.expansion}


@register
class ResidualMLPBlockB(ResidualMLPBlock):
    def build(self, input_shape):
        super().build(input_shape)
        dim = input_shape[-1]
        self.norm.build(input_shape)
        self.fc1.build(input_shape)
        self.fc2.build((*input_shape[:-1], dim * self.expansion))


@register
class GeMPooling(layers.Layer):
    """Generalised mean pooling for image retrieval, with a learned power."""

    def __init__(self, init_p=3.0, **kwargs):
        super().__init__(**kwargs)
        self.init_p = init_p

    def build(self, input_shape):
        self.p = self.add_weight(name="p", shape=(1,), initializer=keras.initializers.Constant(self.init_p))

    def clamp(self, x):
        return ops.relu(x)

    def call(self, x):
        x = ops.power(self.clamp(x), self.p)
        x = ops.mean(x, axis=(1, 2))
        return ops.power(x, 1.0 / self.p)

    def get_config(self):
        return {**super().get_config(), "init_p": self.init_p}


@register
class GeMPoolingB(GeMPooling):
    def clamp(self, x):
        return ops.maximum(x, 1e-2)


def feature_maps():
    maps = np.maximum(numbers(3, 4, 4, 5), 0.0)
    maps[1, :, :, 2] = 0.0
    return (maps,)


@register
class FadeIn(layers.Layer):
    """Progressive GAN: slowly blends from the old output to the new one while training."""

    def __init__(self, fade_steps=50, **kwargs):
        super().__init__(**kwargs)
        self.fade_steps = fade_steps
        self.alpha = 0.0

    def call(self, old, new, training=False):
        if training:
            self.alpha = min(1.0, self.alpha + 1.0 / self.fade_steps)
        return (1.0 - self.alpha) * old + self.alpha * new

    def get_config(self):
        return {**super().get_config(), "fade_steps": self.fade_steps}


@register
class FadeInB(layers.Layer):
    """Progressive GAN: slowly blends from the old output to the new one while training."""

    def __init__(self, fade_steps=50, **kwargs):
        super().__init__(**kwargs)
        self.fade_steps = fade_steps

    def build(self, old_shape, new_shape):
        self.alpha = self.add_weight(name="alpha", shape=(), initializer="zeros", trainable=False)

    def call(self, old, new, training=False):
        if training:
            self.alpha.assign(ops.minimum(1.0, self.alpha + 1.0 / self.fade_steps))
        alpha = ops.cast(self.alpha, old.dtype)
        return (1.0 - alpha) * old + alpha * new

    def get_config(self):
        return {**super().get_config(), "fade_steps": self.fade_steps}


# -- losses --------------------------------------------------------------------------------------------------------


@register
class PinballLoss(keras.losses.Loss):
    """Quantile loss."""

    def __init__(self, tau=0.9, name="pinball", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tau = tau

    def call(self, y_true, y_pred):
        e = y_true - y_pred
        return ops.mean(ops.maximum(self.tau * e, (self.tau - 1) * e), axis=-1)

    def get_config(self):
        return {**super().get_config(), "tau": self.tau}


@register
class PinballLossB(PinballLoss):
    def call(self, y_true, y_pred):
        return super().call(ops.reshape(y_true, ops.shape(y_pred)), y_pred)


@register
class CharbonnierLoss(keras.losses.Loss):
    """L1 with a smooth bottom, for super resolution."""

    def __init__(self, eps=1e-3, name="charbonnier", **kwargs):
        super().__init__(name=name, **kwargs)
        self.eps = eps

    def call(self, y_true, y_pred):
        diff = y_pred - y_true
        return ops.mean(ops.sqrt(diff * diff + self.eps**2))

    def get_config(self):
        config = super().get_config()
        config["eps"] = self.eps
        return config


@register
class CharbonnierLossB(CharbonnierLoss):
    def call(self, y_true, y_pred):
        diff = y_pred - y_true
        return ops.mean(ops.sqrt(diff * diff + self.eps**2), axis=(1, 2, 3))


@register
class PoissonDeviance(keras.losses.Loss):
    """2 * (y log(y / mu) - (y - mu)) for claim counts"""

    def call(self, y_true, y_pred):
        mu = ops.maximum(y_pred, 1e-6)
        y = ops.cast(y_true, mu.dtype)
        return 2.0 * ops.mean(y * ops.log(y / mu) - (y - mu), axis=-1)


@register
class PoissonDevianceB(keras.losses.Loss):
    """2 * (y log(y / mu) - (y - mu)) for claim counts"""

    def call(self, y_true, y_pred):
        mu = ops.maximum(y_pred, 1e-6)
        y = ops.cast(y_true, mu.dtype)
        ylogy = y * ops.log(ops.where(y > 0, y, ops.ones_like(y)))
        return 2.0 * ops.mean(ylogy - y * ops.log(mu) - (y - mu), axis=-1)


def counts():
    return random().poisson(1.0, (8, 3)).astype("float32"), 0.2 + 2.0 * shares(8, 3, seed=1)


@register
class EdgeBalancedBCE(keras.losses.Loss):
    """HED: edges are rare in a picture, so each class is weighed by the share of the other."""

    axes = None

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        p = ops.clip(y_pred, 1e-6, 1 - 1e-6)
        beta = ops.mean(1.0 - y_true, axis=self.axes, keepdims=True)
        ce = -beta * y_true * ops.log(p) - (1.0 - beta) * (1.0 - y_true) * ops.log(1.0 - p)
        return ops.mean(ce, axis=(1, 2, 3))


@register
class EdgeBalancedBCEB(EdgeBalancedBCE):
    axes = (1, 2, 3)


def edges():
    share = np.array([0.1, 0.3, 0.5, 0.2], "float32")[:, None, None, None]
    return (random().uniform(size=(4, 6, 6, 1)) < share).astype("float32"), shares(4, 6, 6, 1, seed=1)


# -- metrics -------------------------------------------------------------------------------------------------------


@register
class GeometricRatio(keras.metrics.Metric):
    """Geometric mean of prediction / truth, for house prices."""

    def __init__(self, name="geometric_ratio", **kwargs):
        super().__init__(name=name, **kwargs)
        self.log_sum = 0.0
        self.count = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, self.dtype)
        y_pred = ops.cast(y_pred, self.dtype)
        ratio = ops.log(ops.maximum(y_pred, 1e-6)) - ops.log(ops.maximum(y_true, 1e-6))
        weight = ops.ones_like(ratio)
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, self.dtype)
            weight = weight * ops.reshape(sample_weight, (-1, 1))
        self.log_sum += ops.sum(weight * ratio)
        self.count += ops.sum(weight)

    def result(self):
        return ops.exp(self.log_sum / ops.maximum(self.count, 1e-6))


@register
class GeometricRatioB(keras.metrics.Metric):
    """Geometric mean of prediction / truth, for house prices."""

    def __init__(self, name="geometric_ratio", **kwargs):
        super().__init__(name=name, **kwargs)
        self.log_sum = self.add_weight(name="log_sum", shape=(), initializer="zeros")
        self.count = self.add_weight(name="count", shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, self.dtype)
        y_pred = ops.cast(y_pred, self.dtype)
        ratio = ops.log(ops.maximum(y_pred, 1e-6)) - ops.log(ops.maximum(y_true, 1e-6))
        weight = ops.ones_like(ratio)
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, self.dtype)
            weight = weight * ops.reshape(sample_weight, (-1, 1))
        self.log_sum.assign_add(ops.sum(weight * ratio))
        self.count.assign_add(ops.sum(weight))

    def result(self):
        return ops.exp(self.log_sum / ops.maximum(self.count, 1e-6))


@register
class ClosestApproach(keras.metrics.Metric):
    """The least distance between a forecast and the true track."""

    def __init__(self, name="closest_approach", **kwargs):
        super().__init__(name=name, **kwargs)
        self.closest = self.add_weight(name="closest", shape=(), initializer=keras.initializers.Constant(1e6))

    def update_state(self, y_true, y_pred, sample_weight=None):
        diff = ops.cast(y_true, self.dtype) - ops.cast(y_pred, self.dtype)
        distance = ops.sqrt(ops.sum(ops.square(diff), axis=-1))
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
            distance = ops.where(weight > 0, distance, 1e6)
        self.closest.assign(ops.minimum(self.closest, ops.min(distance)))

    def result(self):
        return ops.convert_to_tensor(self.closest)

    def reset_states(self):
        self.closest.assign(1e6)


@register
class ClosestApproachB(ClosestApproach):
    def reset_state(self):
        self.closest.assign(1e6)


@register
class PSNRMetric(keras.metrics.Metric):
    """Mean peak signal to noise ratio of pictures in [0, 1]."""

    def __init__(self, name="psnr", **kwargs):
        super().__init__(name=name, **kwargs)
        self.psnr = self.add_weight(name="psnr", shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        mse = ops.mean(ops.square(ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")), axis=(1, 2, 3))
        psnr = -10.0 * ops.log10(ops.maximum(mse, 1e-10))
        if sample_weight is not None:
            w = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
            self.psnr.assign(ops.sum(psnr * w) / ops.maximum(ops.sum(w), 1e-6))
        else:
            self.psnr.assign(ops.mean(psnr))

    def result(self):
        return ops.convert_to_tensor(self.psnr)


@register
class PSNRMetricB(keras.metrics.Metric):
    """Mean peak signal to noise ratio of pictures in [0, 1]."""

    def __init__(self, name="psnr", **kwargs):
        super().__init__(name=name, **kwargs)
        self.psnr = self.add_weight(name="psnr", shape=(), initializer="zeros")
        self.images = self.add_weight(name="images", shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        mse = ops.mean(ops.square(ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")), axis=(1, 2, 3))
        psnr = -10.0 * ops.log10(ops.maximum(mse, 1e-10))
        w = ops.ones_like(psnr)
        if sample_weight is not None:
            w = w * ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        self.psnr.assign_add(ops.sum(psnr * w))
        self.images.assign_add(ops.sum(w))

    def result(self):
        return self.psnr / ops.maximum(self.images, 1e-6)


@register
class WithinTolerance(keras.metrics.Metric):
    """Share of predictions within 10 % of the truth."""

    def __init__(self, tolerance=0.1, name="within_tolerance", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tolerance = tolerance
        self.good = self.add_weight(name="good", shape=(), initializer="zeros")
        self.seen = self.add_weight(name="seen", shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, self.dtype)
        y_pred = ops.cast(y_pred, self.dtype)
        ok = ops.cast(ops.abs(y_pred - y_true) <= self.tolerance * ops.abs(y_true), self.dtype)
        self.good.assign_add(ops.sum(ok))
        self.seen.assign_add(ops.sum(ops.ones_like(ok)))

    def result(self):
        return ops.divide_no_nan(self.good, self.seen)

    def get_config(self):
        return {**super().get_config(), "tolerance": self.tolerance}


@register
class WithinToleranceB(WithinTolerance):
    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, self.dtype)
        y_pred = ops.cast(y_pred, self.dtype)
        ok = ops.cast(ops.abs(y_pred - y_true) <= self.tolerance * ops.abs(y_true), self.dtype)
        weight = ops.ones_like(ok)
        if sample_weight is not None:
            weight = weight * ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        self.good.assign_add(ops.sum(ok * weight))
        self.seen.assign_add(ops.sum(weight))


# -- models and an optimizer ---------------------------------------------------------------------------------------


def backward(model, compute, variables):
    """Returns the loss and the gradients of some variables."""
    if BACKEND == "torch":
        model.zero_grad()
        loss = compute()
        loss.backward()
        return loss.detach(), [v.value.grad for v in variables]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = compute()
    return loss, tape.gradient(loss, variables)


def apply_gradients(optimizer, gradients, variables):
    if BACKEND == "torch":
        import torch

        with torch.no_grad():
            optimizer.apply(gradients, variables)
    else:
        optimizer.apply(gradients, variables)


@register
class LoadForecaster(keras.Model):
    """Forecast of the electric load; log-cosh by hand, peak hours are given more weight by fit's sample_weight."""

    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = layers.Dense(units, activation="relu")
        self.out = layers.Dense(2)

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.out.build((input_shape[0], self.units))

    def call(self, x):
        return self.out(self.hidden(x))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        e = y_pred - ops.cast(y, y_pred.dtype)
        logcosh = e + ops.softplus(-2.0 * e) - math.log(2.0)
        return ops.mean(ops.mean(logcosh, axis=-1))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class LoadForecasterB(LoadForecaster):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        e = y_pred - ops.cast(y, y_pred.dtype)
        logcosh = ops.mean(e + ops.softplus(-2.0 * e) - math.log(2.0), axis=-1)
        if sample_weight is not None:
            logcosh = logcosh * ops.reshape(ops.cast(sample_weight, logcosh.dtype), (-1,))
        return ops.mean(logcosh)


@register
class SensorAutoencoder(keras.Model):
    """Encoder and decoder for sensor readings, trained by an own step."""

    def __init__(self, code=3, features=6, **kwargs):
        super().__init__(**kwargs)
        self.code = code
        self.features = features
        self.encoder = keras.Sequential(
            [keras.Input((features,)), layers.Dense(8, "tanh"), layers.Dense(code)]
        )
        self.decoder = keras.Sequential(
            [keras.Input((code,)), layers.Dense(8, "tanh"), layers.Dense(features)]
        )
        self.built = True

    def call(self, x, training=None):
        return self.decoder(self.encoder(x, training=training), training=training)

    def learned(self):
        return self.encoder.trainable_variables

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        outputs = []

        def compute():
            outputs.append(self(x, training=True))
            return self.compute_loss(x=x, y=y, y_pred=outputs[0], sample_weight=sample_weight, training=True)

        variables = self.learned()
        loss, gradients = backward(self, compute, variables)
        apply_gradients(self.optimizer, gradients, variables)
        self._loss_tracker.update_state(loss, sample_weight=ops.shape(x)[0])
        return self.compute_metrics(x, y, outputs[0], sample_weight=sample_weight)

    def get_config(self):
        return {**super().get_config(), "code": self.code, "features": self.features}


@register
class SensorAutoencoderB(SensorAutoencoder):
    def learned(self):
        return self.encoder.trainable_variables + self.decoder.trainable_variables


@register
class DemandNet(keras.Model):
    """Demand of a shop, with gradients cut to norm 1 by hand."""

    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.net = keras.Sequential(
            [keras.Input((6,)), layers.Dense(units, activation="relu"), layers.Dense(2)]
        )
        self.built = True

    def call(self, x, training=None):
        return self.net(x, training=training)

    def logs(self, loss, x, y, y_pred, sample_weight):
        return {"loss": loss}

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        outputs = []

        def compute():
            outputs.append(self(x, training=True))
            return self.compute_loss(x=x, y=y, y_pred=outputs[0], sample_weight=sample_weight, training=True)

        loss, gradients = backward(self, compute, self.trainable_variables)
        norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients) + 1e-12)
        gradients = [g / ops.maximum(norm, 1.0) for g in gradients]
        apply_gradients(self.optimizer, gradients, self.trainable_variables)
        return self.logs(loss, x, y, outputs[0], sample_weight)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class DemandNetB(DemandNet):
    def logs(self, loss, x, y, y_pred, sample_weight):
        self._loss_tracker.update_state(loss, sample_weight=ops.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)


def ready(model, loss="mse", metrics=(), rate=1e-2):
    model.compile(keras.optimizers.Adam(rate), loss, metrics=list(metrics) or None)
    return model


def table():
    x = numbers(16, 6)
    return x, np.tanh(x @ numbers(6, 2, seed=1))


def readings():
    x = numbers(16, 2) @ numbers(2, 6, seed=1)
    return x + 0.1 * numbers(16, 6, seed=2), x


@register
class QHM(keras.optimizers.Optimizer):
    """Quasi-hyperbolic momentum (Ma & Yarats 2019), from the PyTorch code."""

    def __init__(self, learning_rate=0.05, beta=0.9, nu=0.7, name="qhm", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta = beta
        self.nu = nu

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.buffers = [ops.zeros(v.shape, dtype=v.dtype) for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(learning_rate, variable.dtype)
        g = ops.cast(gradient, variable.dtype)
        i = self._get_variable_index(variable)
        self.buffers[i] = self.beta * self.buffers[i] + (1 - self.beta) * g
        self.assign_sub(variable, lr * ((1 - self.nu) * g + self.nu * self.buffers[i]))

    def get_config(self):
        config = super().get_config()
        config.update({"beta": self.beta, "nu": self.nu})
        return config


@register
class QHMB(keras.optimizers.Optimizer):
    """Quasi-hyperbolic momentum (Ma & Yarats 2019), from the PyTorch code."""

    def __init__(self, learning_rate=0.05, beta=0.9, nu=0.7, name="qhm", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta = beta
        self.nu = nu

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.buffers = [self.add_variable_from_reference(v, name="buffer") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(learning_rate, variable.dtype)
        g = ops.cast(gradient, variable.dtype)
        buffer = self.buffers[self._get_variable_index(variable)]
        self.assign(buffer, self.beta * buffer + (1 - self.beta) * g)
        self.assign_sub(variable, lr * ((1 - self.nu) * g + self.nu * buffer))

    def get_config(self):
        config = super().get_config()
        config.update({"beta": self.beta, "nu": self.nu})
        return config


BUGS = {
    "WordDropout": pair(WordDropout, WordDropoutB, "training-noise", inputs=lambda: (numbers(4, 8, 3),)),
    "AddClassToken": pair(
        AddClassToken,
        AddClassTokenB,
        "batch-sizes",
        "batch-independence",
        "builds",
        "in-models",
        "shapes-agree",
        "compiled",
        "save-and-load",
        inputs=lambda: (numbers(4, 5, 6),),
    ),
    "InceptionNet": pair(
        InceptionNet,
        InceptionNetB,
        "tracked-state",
        "python-state",
        "save-and-load",
        "config",
        "trainable",
        "baked-weights",
        inputs=lambda: (numbers(3, 6, 6, 3),),
    ),
    "LateFusion": pair(
        LateFusion,
        LateFusionB,
        "no-new-weights",
        "build-creates-all",
        "tracked-state",
        "deterministic-inference",
        "compiled",
        "save-and-load",
        "in-models",
        "builds",
        "config",
        "trainable",
        inputs=lambda: (numbers(4, 5), numbers(4, 3, seed=1)),
    ),
    "MILPooling": pair(MILPooling, MILPoolingB, "batch-independence", inputs=lambda: (numbers(4, 6, 5),)),
    "SubpixelUpscale": pair(
        SubpixelUpscale, SubpixelUpscaleB, "shapes-agree", "in-models", inputs=lambda: (numbers(2, 4, 5, 8),)
    ),
    "IntentHead": pair(IntentHead, IntentHeadB, "masks", inputs=lambda: (numbers(4, 6, 5),)),
    "LocalWindowAttention": pair(
        LocalWindowAttention, LocalWindowAttentionB, "mixed-precision", inputs=lambda: (numbers(3, 7, 4),)
    ),
    "RBFExpansion": pair(
        lambda: RBFExpansion(3, grid_min=-1.0, grid_max=3.0),
        lambda: RBFExpansionB(3, grid_min=-1.0, grid_max=3.0),
        "config",
        "save-and-load",
        inputs=lambda: (numbers(4, 5),),
    ),
    "ResidualMLPBlock": pair(
        ResidualMLPBlock,
        ResidualMLPBlockB,
        "build-creates-all",
        "no-new-weights",
        "save-and-load",
        inputs=lambda: (numbers(4, 5),),
    ),
    "GeMPooling": pair(GeMPooling, GeMPoolingB, "gradients-finite", inputs=feature_maps),
    "FadeIn": pair(
        FadeIn,
        FadeInB,
        "python-state",
        "tracked-state",
        "compiled",
        "save-and-load",
        inputs=lambda: (numbers(3, 4, 4, 3), numbers(3, 4, 4, 3, seed=1)),
    ),
    "PinballLoss": pair(
        PinballLoss,
        PinballLossB,
        "loss-targets",
        "loss-batch-independence",
        "loss-batch-sizes",
        "loss-per-sample",
        "loss-minimum",
        inputs=lambda: (numbers(8), numbers(8, 1, seed=1)),
    ),
    "CharbonnierLoss": pair(
        CharbonnierLoss,
        CharbonnierLossB,
        "loss-per-sample",
        "loss-sample-weight",
        "loss-batch-independence",
        inputs=lambda: (shares(4, 5, 5, 3), shares(4, 5, 5, 3, seed=1)),
    ),
    "PoissonDeviance": pair(
        PoissonDeviance, PoissonDevianceB, "loss-finite", "loss-minimum", "loss-gradient", inputs=counts
    ),
    "EdgeBalancedBCE": pair(
        EdgeBalancedBCE, EdgeBalancedBCEB, "loss-batch-independence", "loss-sample-weight", inputs=edges
    ),
    "GeometricRatio": pair(
        GeometricRatio,
        GeometricRatioB,
        "metric-reset",
        "metric-state",
        "metric-compiled",
        "metric-merge",
        "metric-repeatable",
        inputs=lambda: (shares(12, 1), shares(12, 1, seed=1)),
    ),
    "ClosestApproach": pair(
        ClosestApproach,
        ClosestApproachB,
        "metric-reset",
        "metric-state",
        inputs=lambda: (numbers(12, 2), numbers(12, 2, seed=1)),
    ),
    "PSNRMetric": pair(
        PSNRMetric,
        PSNRMetricB,
        "metric-split",
        "metric-merge",
        inputs=lambda: (shares(8, 4, 4, 3), shares(8, 4, 4, 3, seed=1)),
    ),
    "WithinTolerance": pair(
        WithinTolerance,
        WithinToleranceB,
        "metric-sample-weight",
        inputs=lambda: (5.0 + numbers(12, 1), 5.0 + numbers(12, 1) + 0.5 * numbers(12, 1, seed=1)),
    ),
    "LoadForecaster": pair(
        lambda: ready(LoadForecaster(), None),
        lambda: ready(LoadForecasterB(), None),
        "step-sample-weight",
        inputs=table,
    ),
    "SensorAutoencoder": pair(
        lambda: ready(SensorAutoencoder()),
        lambda: ready(SensorAutoencoderB()),
        "step-updates",
        "step-learns",
        inputs=readings,
        backends=("tensorflow", "torch"),
    ),
    "DemandNet": pair(
        lambda: ready(DemandNet()),
        lambda: ready(DemandNetB()),
        "step-logs",
        "step-metrics",
        inputs=table,
        backends=("tensorflow", "torch"),
    ),
    "QHM": pair(
        QHM,
        QHMB,
        "optimizer-state",
        "optimizer-compiled",
        "optimizer-variables",
    ),
}


# -- sound ---------------------------------------------------------------------------------------------------------


@register
class MixStyle(layers.Layer):
    """Zhou et al. 2021: while training, mixes the style of each picture with that of another one of the batch."""

    def __init__(self, low=0.1, eps=1e-5, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.low = low
        self.eps = eps
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x, training=False):
        if not training:
            return x
        mu = ops.mean(x, axis=(1, 2), keepdims=True)
        sig = ops.sqrt(ops.var(x, axis=(1, 2), keepdims=True) + self.eps)
        mu, sig = ops.stop_gradient(mu), ops.stop_gradient(sig)
        shape = (ops.shape(x)[0], 1, 1, 1)
        lam = keras.random.uniform(shape, self.low, 1.0, dtype=x.dtype, seed=self.seed_generator)
        mu_mix = lam * mu + (1 - lam) * ops.flip(mu, axis=0)
        sig_mix = lam * sig + (1 - lam) * ops.flip(sig, axis=0)
        return (x - mu) / sig * sig_mix + mu_mix

    def get_config(self):
        return {**super().get_config(), "low": self.low, "eps": self.eps, "seed": self.seed}


@register
class SpectralDense(layers.Layer):
    """Dense layer of a critic, divided by its largest singular value."""

    def __init__(self, units, power_iterations=1, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.power_iterations = power_iterations

    def build(self, input_shape):
        dim = input_shape[-1]
        self.kernel = self.add_weight(name="kernel", shape=(dim, self.units), initializer="glorot_uniform")
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.u = self.add_weight(
            name="u", shape=(1, self.units), initializer="random_normal", trainable=False
        )

    def call(self, x, training=False):
        w = ops.convert_to_tensor(self.kernel)
        u = ops.convert_to_tensor(self.u)
        for _ in range(self.power_iterations):
            v = self.unit(ops.matmul(u, ops.transpose(w)))
            u = self.unit(ops.matmul(v, w))
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        if training:
            self.u.assign(u)
        sigma = ops.sum(ops.matmul(ops.matmul(v, w), ops.transpose(u)))
        return ops.matmul(x, w / sigma) + self.bias

    @staticmethod
    def unit(t):
        return t / (ops.sqrt(ops.sum(ops.square(t))) + 1e-6)

    def get_config(self):
        config = super().get_config()
        config.update(units=self.units, power_iterations=self.power_iterations)
        return config


def mel_matrix(bins, bands, rate):
    def mel(f):
        return 2595.0 * np.log10(1.0 + f / 700.0)

    points = np.linspace(mel(0.0), mel(rate / 2), bands + 2)
    freqs = mel(np.linspace(0.0, rate / 2, bins))[:, None]
    up = (freqs - points[:-2]) / (points[1:-1] - points[:-2])
    down = (points[2:] - freqs) / (points[2:] - points[1:-1])
    return np.maximum(0.0, np.minimum(up, down)).astype("float32")


@register
class MelBank(layers.Layer):
    """Power spectrogram (batch, frames, bins) to log mel (batch, frames, bands)."""

    def __init__(self, bands=6, rate=16000, **kwargs):
        super().__init__(**kwargs)
        self.bands, self.rate = bands, rate

    def build(self, input_shape):
        self.matrix = mel_matrix(input_shape[-1], self.bands, self.rate)

    def call(self, power):
        mel = ops.matmul(power, ops.cast(self.matrix, power.dtype))
        return ops.log(ops.maximum(mel, 1e-3))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.bands)

    def get_config(self):
        return {**super().get_config(), "bands": self.bands, "rate": self.rate}


@register
class SirenLayer(layers.Layer):
    """sin(w0 (x W + b)) with the initialisation of the paper"""

    def __init__(self, units, w0=30.0, is_first=False, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.w0 = w0
        self.is_first = is_first

    def build(self, input_shape):
        fan_in = input_shape[-1]
        limit = 1 / fan_in if self.is_first else math.sqrt(6 / fan_in) / self.w0
        init = keras.initializers.RandomUniform(-limit, limit)
        self.w = self.add_weight(name="w", shape=(fan_in, self.units), initializer=init)
        self.b = self.add_weight(name="b", shape=(self.units,), initializer="zeros")

    def call(self, coords):
        return ops.sin(self.w0 * (ops.matmul(coords, self.w) + self.b))

    def get_config(self):
        base = super().get_config()
        return {**base, "units": self.units, "w0": self.w0, "is_first": self.is_first}


@register
class EmbeddingBag(layers.Layer):
    """Mean embedding of the items a user bought; 0 is padding."""

    def __init__(self, num_items, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.num_items = num_items
        self.dim = dim

    def build(self, input_shape):
        self.table = self.add_weight(
            name="table", shape=(self.num_items, self.dim), initializer="random_normal"
        )

    def call(self, ids):
        ids = ops.cast(ids, "int32")
        vectors = ops.take(ops.convert_to_tensor(self.table), ids, axis=0)
        real = ops.cast(ids > 0, vectors.dtype)[..., None]
        return ops.sum(vectors * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.dim)

    def get_config(self):
        return {**super().get_config(), "num_items": self.num_items, "dim": self.dim}


def baskets():
    ids = random().integers(1, 9, (4, 6)).astype("int32")
    ids[0, 3:] = 0
    ids[2, 5:] = 0
    return (ids,)


@register
class GaussianHead(layers.Layer):
    """Policy head: mean, log of the standard deviation, and an action."""

    def __init__(self, actions=2, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.actions = actions
        self.seed = seed
        self.rng = keras.random.SeedGenerator(seed)
        self.mean = layers.Dense(actions, name="mean")

    def build(self, input_shape):
        self.mean.build(input_shape)
        self.log_std = self.add_weight(
            name="log_std", shape=(self.actions,), initializer=keras.initializers.Constant(-0.5)
        )

    def call(self, features, training=False):
        mean = self.mean(features)
        log_std = ops.zeros_like(mean) + ops.clip(self.log_std, -5.0, 2.0)
        action = mean
        if training:
            noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.rng)
            action = mean + ops.exp(log_std) * noise
        return mean, log_std, ops.tanh(action)

    def get_config(self):
        return {**super().get_config(), "actions": self.actions, "seed": self.seed}


@register
class TweedieLoss(keras.losses.Loss):
    """Insurance claims: many zeros, and a long tail."""

    def __init__(self, power=1.5, name="tweedie", **kwargs):
        super().__init__(name=name, **kwargs)
        if not 1 < power < 2:
            raise ValueError(f"power must be between 1 and 2, not {power}")
        self.power = power

    def call(self, y_true, y_pred):
        mu = ops.maximum(y_pred, 1e-4)
        y = ops.cast(y_true, mu.dtype)
        p = self.power
        loss = -y * ops.power(mu, 1 - p) / (1 - p) + ops.power(mu, 2 - p) / (2 - p)
        return ops.mean(loss, axis=-1)

    def get_config(self):
        return {**super().get_config(), "power": self.power}


@register
class IgnoreIndexCE(keras.losses.Loss):
    """Tagging: tokens labelled -1 (sub-words, padding) do not count."""

    def __init__(self, ignore_index=-1, name="ignore_index_ce", **kwargs):
        super().__init__(name=name, **kwargs)
        self.ignore_index = ignore_index

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, "int32")
        counted = ops.not_equal(y_true, self.ignore_index)
        safe = ops.where(counted, y_true, ops.zeros_like(y_true))
        nll = ops.sparse_categorical_crossentropy(safe, y_pred, from_logits=True)
        counted = ops.cast(counted, nll.dtype)
        return ops.sum(nll * counted, axis=-1) / ops.maximum(ops.sum(counted, axis=-1), 1.0)

    def get_config(self):
        return {**super().get_config(), "ignore_index": self.ignore_index}


def tags():
    y = random().integers(0, 5, (4, 7)).astype("int32")
    y[0, 4:] = -1
    y[1, 1] = -1
    return y, numbers(4, 7, 5, seed=1)


@register
class BucketMedian(keras.metrics.Metric):
    """Median absolute error, up to the width of a bucket."""

    def __init__(self, top=4.0, buckets=40, name="median_error", **kwargs):
        super().__init__(name=name, **kwargs)
        self.top = top
        self.buckets = buckets
        self.width = top / buckets
        self.histogram = self.add_weight(name="histogram", shape=(buckets,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = ops.abs(ops.cast(y_true, self.dtype) - ops.cast(y_pred, self.dtype))
        weight = ops.ones_like(error)
        if sample_weight is not None:
            weight = weight * ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        index = ops.cast(ops.floor(error / self.width), "int32")
        index = ops.reshape(ops.clip(index, 0, self.buckets - 1), (-1,))
        hits = ops.one_hot(index, self.buckets, dtype=self.dtype) * ops.reshape(weight, (-1, 1))
        self.histogram.assign_add(ops.sum(hits, axis=0))

    def result(self):
        below = ops.cumsum(ops.convert_to_tensor(self.histogram))
        reached = ops.cast(below >= 0.5 * below[-1], "int32")
        return (ops.cast(ops.argmax(reached), self.dtype) + 0.5) * self.width

    def get_config(self):
        return {**super().get_config(), "top": self.top, "buckets": self.buckets}


@register
class SharpnessAware(keras.Model):
    """SAM (Foret et al. 2021) after the example of keras.io, for tables."""

    def __init__(self, rho=0.05, **kwargs):
        super().__init__(**kwargs)
        self.rho = rho
        self.net = keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(2)])
        self.built = True

    def call(self, x, training=None):
        return self.net(x, training=training)

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        predictions = []

        def compute():
            predictions.append(self(x, training=True))
            return self.compute_loss(
                x=x, y=y, y_pred=predictions[-1], sample_weight=sample_weight, training=True
            )

        variables = self.trainable_variables
        loss, gradients = backward(self, compute, variables)
        norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients))
        climbs = [self.rho * g / (norm + 1e-12) for g in gradients]
        for v, climb in zip(variables, climbs, strict=True):
            v.assign(v + climb)
        _, gradients = backward(self, compute, variables)
        for v, climb in zip(variables, climbs, strict=True):
            v.assign(v - climb)
        apply_gradients(self.optimizer, gradients, variables)
        self._loss_tracker.update_state(loss, sample_weight=ops.shape(x)[0])
        return self.compute_metrics(x, y, predictions[0], sample_weight=sample_weight)

    def get_config(self):
        return {**super().get_config(), "rho": self.rho}


@register
class RDrop(keras.Model):
    """Two passes with different dropout should agree (Liang et al. 2021)."""

    def __init__(self, alpha=0.5, rate=0.2, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha
        self.rate = rate
        self.hidden = layers.Dense(8, activation="relu")
        self.dropout = layers.Dropout(rate, seed=3)
        self.out = layers.Dense(3, activation="softmax")

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.out.build((input_shape[0], 8))

    def call(self, x, training=None):
        return self.out(self.dropout(self.hidden(x), training=training))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        if not training:
            return loss
        again = self(x, training=True)
        p, q = ops.clip(y_pred, 1e-6, 1.0), ops.clip(again, 1e-6, 1.0)
        agree = 0.5 * ops.sum((p - q) * (ops.log(p) - ops.log(q)), axis=-1)
        if sample_weight is not None:
            agree = agree * ops.reshape(ops.cast(sample_weight, agree.dtype), (-1,))
        return loss + self.alpha * ops.mean(agree)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha, "rate": self.rate}


@register
class Signum(keras.optimizers.Optimizer):
    """signSGD with momentum (Bernstein et al. 2018)"""

    def __init__(self, learning_rate=0.01, momentum=0.9, name="signum", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.m = []
        for v in variables:
            self.m.append(self.add_variable_from_reference(v, name="momentum"))

    def update_step(self, gradient, variable, learning_rate):
        m = self.m[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        self.assign(m, self.momentum * m + (1.0 - self.momentum) * gradient)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * ops.sign(m))

    def get_config(self):
        return super().get_config() | {"momentum": self.momentum}


SOUND = {
    "MixStyle": alone(lambda: MixStyle(seed=5), lambda: (numbers(4, 5, 5, 3),)),
    "SpectralDense": alone(lambda: SpectralDense(4), lambda: (numbers(4, 6),)),
    "MelBank": alone(MelBank, lambda: (shares(3, 5, 33),)),
    "SirenLayer": alone(lambda: SirenLayer(6, is_first=True), lambda: (numbers(8, 2),)),
    "EmbeddingBag": alone(lambda: EmbeddingBag(10), baskets),
    "GaussianHead": alone(GaussianHead, lambda: (numbers(4, 5),)),
    "TweedieLoss": alone(TweedieLoss, counts),
    "IgnoreIndexCE": alone(IgnoreIndexCE, tags),
    "BucketMedian": alone(BucketMedian, lambda: (numbers(12, 1), numbers(12, 1, seed=1))),
    "SharpnessAware": alone(
        lambda: ready(SharpnessAware(), metrics=["mae"]), table, backends=("tensorflow", "torch")
    ),
    "RDrop": alone(
        lambda: ready(RDrop(), "categorical_crossentropy", ["accuracy"]),
        lambda: (numbers(16, 6), one_hot(16, 3)),
    ),
    "Signum": alone(Signum),
}
