"""A tenth set: layers, models, losses, metrics, steps and optimizers as different people write them."""

from __future__ import annotations

import keras
import numpy as np
from bug import Bug, labels, numbers, random, shares
from keras import layers, ops

register = keras.saving.register_keras_serializable("kerascope_tenth")
BACKEND = keras.backend.backend()


def bug(broken, sound, *contracts, inputs=tuple, backends=("jax", "tensorflow", "torch")):
    return Bug(broken, sound, frozenset(contracts), inputs, held_out=True, backends=backends)


def sound(made, inputs=tuple, backends=("jax", "tensorflow", "torch")):
    return Bug(None, made, frozenset(), inputs, held_out=True, backends=backends)


def one(*shape):
    return lambda: (numbers(*shape),)


# -- layers and models ---------------------------------------------------------------------------------------------


@register
class SqueezeExcite(layers.Layer):
    """Channel attention for feature maps."""

    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def call(self, x):
        channels = x.shape[-1]
        s = ops.mean(x, axis=(1, 2))
        s = layers.Dense(channels // self.ratio, activation="relu")(s)
        s = layers.Dense(channels, activation="sigmoid")(s)
        return x * s[:, None, None, :]

    def get_config(self):
        config = super().get_config()
        config.update({"ratio": self.ratio})
        return config


@register
class SqueezeExciteB(layers.Layer):
    """Channel attention for feature maps."""

    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        channels = input_shape[-1]
        self.squeeze = layers.Dense(channels // self.ratio, activation="relu")
        self.excite = layers.Dense(channels, activation="sigmoid")
        self.squeeze.build((input_shape[0], channels))
        self.excite.build((input_shape[0], channels // self.ratio))

    def call(self, x):
        s = ops.mean(x, axis=(1, 2))
        s = self.excite(self.squeeze(s))
        return x * s[:, None, None, :]

    def get_config(self):
        config = super().get_config()
        config.update({"ratio": self.ratio})
        return config


@register
class ReviewEncoder(layers.Layer):
    """One vector for a review from the vectors of its words."""

    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True
        self.project = layers.Dense(units, activation="tanh")
        self.norm = layers.LayerNormalization()

    def build(self, input_shape):
        self.project.build(input_shape)
        self.norm.build((input_shape[0], self.units))

    def pool(self, words, mask):
        return ops.mean(words, axis=1)

    def call(self, inputs, mask=None):
        words = self.project(inputs)
        return self.norm(self.pool(words, mask))

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class ReviewEncoderB(ReviewEncoder):
    def pool(self, words, mask):
        if mask is None:
            return ops.mean(words, axis=1)
        keep = ops.cast(mask, words.dtype)[:, :, None]
        count = ops.maximum(ops.sum(keep, axis=1), 1)
        return ops.sum(words * keep, axis=1) / count


@register
class CausalSelfAttention(layers.Layer):
    """The attention of a small GPT."""

    def __init__(self, num_heads=2, head_dim=4, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.head_dim = head_dim

    def build(self, input_shape):
        width = self.num_heads * self.head_dim
        self.qkv = layers.Dense(3 * width, use_bias=False, dtype=self.dtype_policy, name="qkv")
        self.out = layers.Dense(input_shape[-1], dtype=self.dtype_policy, name="out")
        self.qkv.build(input_shape)
        self.out.build((*input_shape[:-1], width))

    def hide_future(self, scores, visible):
        return scores + (1.0 - ops.cast(visible, scores.dtype)) * -1e9

    def split_heads(self, t, length):
        t = ops.reshape(t, (-1, length, self.num_heads, self.head_dim))
        return ops.transpose(t, (0, 2, 1, 3))

    def call(self, x):
        length = x.shape[1]
        q, k, v = (self.split_heads(t, length) for t in ops.split(self.qkv(x), 3, axis=-1))
        scores = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) * self.head_dim**-0.5
        position = ops.arange(length)
        visible = position[:, None] >= position[None, :]
        weights = ops.softmax(self.hide_future(scores, visible), axis=-1)
        heads = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))
        return self.out(ops.reshape(heads, (-1, length, self.num_heads * self.head_dim)))

    def get_config(self):
        config = super().get_config()
        config["num_heads"] = self.num_heads
        config["head_dim"] = self.head_dim
        return config


@register
class CausalSelfAttentionB(CausalSelfAttention):
    def hide_future(self, scores, visible):
        return ops.where(visible, scores, ops.cast(-3e4, scores.dtype))


@register
class HistoryAttention(layers.Layer):
    """What a user clicked before, weighted by how near it is to a candidate item."""

    axis = 0

    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.key = layers.Dense(dim)
        self.query = layers.Dense(dim)

    def build(self, input_shape):
        history_shape, item_shape = input_shape
        self.key.build(history_shape)
        self.query.build(item_shape)

    def call(self, inputs):
        history, item = inputs
        score = ops.sum(self.key(history) * self.query(item)[:, None, :], axis=-1)
        weight = ops.softmax(score / self.dim**0.5, axis=self.axis)
        return ops.sum(weight[:, :, None] * history, axis=1)

    def get_config(self):
        config = super().get_config()
        config.update(dim=self.dim)
        return config


@register
class HistoryAttentionB(HistoryAttention):
    axis = 1


@register
class ElmanLoop(layers.Layer):
    """A plain recurrent layer over sensor series."""

    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="w")
        self.u = self.add_weight(shape=(self.units, self.units), initializer="orthogonal", name="u")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")
        self.h0 = ops.zeros((input_shape[0], self.units), dtype=self.compute_dtype)

    def first_state(self, x):
        return self.h0

    def call(self, x):
        h = self.first_state(x)
        for t in range(x.shape[1]):
            h = ops.tanh(ops.matmul(x[:, t], self.w) + ops.matmul(h, self.u) + self.b)
        return h

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class ElmanLoopB(ElmanLoop):
    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="w")
        self.u = self.add_weight(shape=(self.units, self.units), initializer="orthogonal", name="u")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def first_state(self, x):
        return ops.zeros((ops.shape(x)[0], self.units), dtype=x.dtype)


@register
class ExpertMixture(layers.Layer):
    """Mixes linear experts; the gate becomes harder while training goes on."""

    def __init__(self, experts=3, units=4, start=2.0, floor=0.5, **kwargs):
        super().__init__(**kwargs)
        self.experts, self.units = experts, units
        self.start, self.floor = start, floor
        self.gate = layers.Dense(experts)

    def build(self, input_shape):
        self.gate.build(input_shape)
        self.kernels = self.add_weight(
            shape=(self.experts, input_shape[-1], self.units), initializer="glorot_uniform", name="kernels"
        )
        self.make_temperature()

    def make_temperature(self):
        self.tau = self.start

    def cool(self):
        self.tau = max(self.floor, self.tau * 0.9)

    def call(self, x, training=False):
        if training:
            self.cool()
        share = ops.softmax(self.gate(x) / self.tau, axis=-1)
        each = ops.einsum("bd,edu->beu", x, self.kernels)
        return ops.sum(share[:, :, None] * each, axis=1)

    def get_config(self):
        config = super().get_config()
        config.update(experts=self.experts, units=self.units, start=self.start, floor=self.floor)
        return config


@register
class ExpertMixtureB(ExpertMixture):
    def make_temperature(self):
        self.tau = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(self.start), trainable=False, name="tau"
        )

    def cool(self):
        self.tau.assign(ops.maximum(self.tau * 0.9, self.floor))


@register
class DropPath(layers.Layer):
    """Leaves whole residual branches out, for each sample on its own."""

    def __init__(self, rate=0.3, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def drop(self, x):
        keep = 1.0 - self.rate
        shape = (ops.shape(x)[0],) + (1,) * (len(x.shape) - 1)
        draw = keras.random.uniform(shape, seed=self.seed_generator, dtype="float32")
        return x * ops.cast(draw < keep, x.dtype) / keep

    def call(self, x):
        return self.drop(x)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update({"rate": self.rate, "seed": self.seed})
        return config


@register
class DropPathB(DropPath):
    def call(self, x, training=None):
        if not training:
            return x
        return self.drop(x)


@register
class TabularNet(keras.Model):
    """Predicts prices from a table."""

    def __init__(self, hidden=(8, 4), dropout=0.1, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.hidden = tuple(hidden)
        self.dropout = dropout
        self.activation = activation
        self.stack = []
        for units in self.hidden:
            self.stack.append(layers.Dense(units, activation=activation))
            self.stack.append(layers.Dropout(dropout))
        self.price = layers.Dense(1)

    def build(self, input_shape):
        shape = tuple(input_shape)
        for layer in self.stack:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.price.build(shape)
        self.built = True

    def call(self, x, training=None):
        for layer in self.stack:
            x = layer(x, training=training) if isinstance(layer, layers.Dropout) else layer(x)
        return self.price(x)

    def get_config(self):
        config = super().get_config()
        config.update({"hidden": list(self.hidden), "dropout": self.dropout})
        return config


@register
class TabularNetB(TabularNet):
    def get_config(self):
        config = super().get_config()
        config["activation"] = self.activation
        return config


@register
class LayerScaleFFN(layers.Layer):
    """The feed-forward half of a CaiT block."""

    def __init__(self, expand=2, init_value=0.1, **kwargs):
        super().__init__(**kwargs)
        self.expand = expand
        self.init_value = init_value

    def build(self, input_shape):
        dim = input_shape[-1]
        self.gamma = self.add_weight(
            shape=(dim,), initializer=keras.initializers.Constant(self.init_value), name="gamma"
        )
        self.norm = layers.LayerNormalization(epsilon=1e-5)
        self.up = layers.Dense(dim * self.expand, activation="gelu")
        self.down = layers.Dense(dim)

    def call(self, x):
        return x + self.gamma * self.down(self.up(self.norm(x)))

    def get_config(self):
        config = super().get_config()
        config.update({"expand": self.expand, "init_value": self.init_value})
        return config


@register
class LayerScaleFFNB(LayerScaleFFN):
    def build(self, input_shape):
        super().build(input_shape)
        self.norm.build(input_shape)
        self.up.build(input_shape)
        self.down.build((*input_shape[:-1], input_shape[-1] * self.expand))


@register
class BinaryDense(layers.Layer):
    """Weights of -1 and 1 for a microcontroller."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=keras.initializers.RandomUniform(-1.0, 1.0),
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def binary(self, w):
        return ops.sign(w)

    def call(self, x):
        return ops.matmul(x, self.binary(ops.cast(self.kernel, x.dtype))) + self.bias

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class BinaryDenseB(BinaryDense):
    def binary(self, w):
        return w + ops.stop_gradient(ops.sign(w) - w)


@register
class TiedAutoencoder(keras.Model):
    """Encodes and decodes by the same matrix."""

    def __init__(self, code=3, **kwargs):
        super().__init__(**kwargs)
        self.code = code
        self.encoder = layers.Dense(code, activation="tanh")

    def build(self, input_shape):
        self.encoder.build(input_shape)
        self.decoder_bias = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", name="decoder_bias"
        )
        self.decoder_kernel = ops.transpose(self.encoder.kernel)
        self.built = True

    def decode(self, h):
        return ops.matmul(h, ops.cast(self.decoder_kernel, h.dtype)) + self.decoder_bias

    def call(self, x):
        return self.decode(self.encoder(x))

    def get_config(self):
        return {**super().get_config(), "code": self.code}


@register
class TiedAutoencoderB(TiedAutoencoder):
    def build(self, input_shape):
        self.encoder.build(input_shape)
        self.decoder_bias = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", name="decoder_bias"
        )
        self.built = True

    def decode(self, h):
        return ops.matmul(h, ops.cast(ops.transpose(self.encoder.kernel), h.dtype)) + self.decoder_bias


@register
class LogBands(layers.Layer):
    """Log energies of the bands of a spectrogram, with a gain for each band."""

    def build(self, input_shape):
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")

    def logarithm(self, energy):
        return ops.where(energy > 0, ops.log(energy), ops.zeros_like(energy))

    def call(self, power):
        return self.logarithm(power * self.gain)

    def compute_output_shape(self, input_shape):
        return input_shape


@register
class LogBandsB(LogBands):
    def logarithm(self, energy):
        heard = energy > 0
        return ops.where(
            heard, ops.log(ops.where(heard, energy, ops.ones_like(energy))), ops.zeros_like(energy)
        )


@register
class SpatialAttention(layers.Layer):
    """A map over the places of an image, which can be shown beside it."""

    def __init__(self, kernel_size=3, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.conv = layers.Conv2D(4, kernel_size, padding="same", activation="relu")
        self.point = layers.Dense(1, activation="sigmoid")

    def build(self, input_shape):
        self.conv.build((*input_shape[:-1], 2))
        self.point.build((*input_shape[:-1], 4))

    def heatmap(self, x):
        both = [ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)]
        return self.point(self.conv(ops.concatenate(both, axis=-1)))

    def call(self, x):
        self.last_map = self.heatmap(x)
        return x * self.last_map

    def get_config(self):
        config = super().get_config()
        config.update({"kernel_size": self.kernel_size})
        return config


@register
class SpatialAttentionB(SpatialAttention):
    def call(self, x):
        return x * self.heatmap(x)


# -- losses --------------------------------------------------------------------------------------------------------


@register
class ContrastiveLoss(keras.losses.Loss):
    """Hadsell et al.: 1 for pairs that belong together, distances as predictions."""

    def __init__(self, margin=1.0, name="contrastive", **kwargs):
        super().__init__(name=name, **kwargs)
        self.margin = margin

    def pairs(self, y_true, distance):
        near = y_true * ops.square(distance)
        far = (1 - y_true) * ops.square(ops.maximum(self.margin - distance, 0))
        return near + far

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        return ops.mean(self.pairs(y_true, y_pred))

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}


@register
class ContrastiveLossB(ContrastiveLoss):
    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        return ops.mean(self.pairs(y_true, y_pred), axis=-1)


@register
class FocalLoss(keras.losses.Loss):
    """For rare findings in X-ray images."""

    def __init__(self, gamma=2.0, alpha=0.25, name="focal", **kwargs):
        super().__init__(name=name, **kwargs)
        self.gamma = gamma
        self.alpha = alpha

    def prepared(self, p):
        return p

    def call(self, y_true, y_pred):
        p = self.prepared(ops.convert_to_tensor(y_pred))
        y = ops.cast(y_true, p.dtype)
        positive = -self.alpha * y * ops.power(1 - p, self.gamma) * ops.log(p)
        negative = -(1 - self.alpha) * (1 - y) * ops.power(p, self.gamma) * ops.log(1 - p)
        return ops.mean(positive + negative, axis=-1)

    def get_config(self):
        config = super().get_config()
        config.update({"gamma": self.gamma, "alpha": self.alpha})
        return config


@register
class FocalLossB(FocalLoss):
    def prepared(self, p):
        return ops.clip(p, 1e-6, 1 - 1e-6)


@register
class ListMLE(keras.losses.Loss):
    """Ranks documents: relevances as targets, scores as predictions."""

    def __init__(self, name="list_mle", **kwargs):
        super().__init__(name=name, **kwargs)

    def order(self, y_true):
        return np.argsort(-ops.convert_to_numpy(y_true), axis=1)

    def call(self, y_true, y_pred):
        scores = ops.take_along_axis(y_pred, self.order(y_true), axis=1)
        top = ops.stop_gradient(ops.max(scores, axis=1, keepdims=True))
        powers = ops.exp(scores - top)
        rest = ops.flip(ops.cumsum(ops.flip(powers, axis=1), axis=1), axis=1)
        return ops.mean(ops.log(rest + 1e-7) + top - scores, axis=1)


@register
class ListMLEB(ListMLE):
    def order(self, y_true):
        return ops.argsort(-ops.convert_to_tensor(y_true), axis=1)


@register
class GridLoss(keras.losses.Loss):
    """A small YOLO: for each cell of the grid x, y, w, h, whether there is something, and the classes."""

    def __init__(self, grid=2, classes=3, batch_size=8, name="grid", **kwargs):
        super().__init__(name=name, **kwargs)
        self.grid = grid
        self.classes = classes
        self.batch_size = batch_size

    def cells(self, y):
        return ops.reshape(y, (self.batch_size, self.grid * self.grid, 5 + self.classes))

    def call(self, y_true, y_pred):
        t = self.cells(ops.cast(y_true, y_pred.dtype))
        p = self.cells(y_pred)
        there = t[:, :, 4]
        error = ops.square(t - p)
        box = 5.0 * there * ops.sum(error[:, :, :4], axis=-1)
        confidence = (0.5 + 0.5 * there) * error[:, :, 4]
        kind = there * ops.sum(error[:, :, 5:], axis=-1)
        return ops.sum(box + confidence + kind, axis=-1)

    def get_config(self):
        config = super().get_config()
        config.update({"grid": self.grid, "classes": self.classes, "batch_size": self.batch_size})
        return config


@register
class GridLossB(GridLoss):
    def cells(self, y):
        return ops.reshape(y, (-1, self.grid * self.grid, 5 + self.classes))


def boxes():
    target = shares(8, 2, 2, 8)
    target[..., 4:] = labels(8, 2, 2, 4, seed=2)
    return target.reshape(8, -1), shares(8, 32, seed=1)


# -- metrics -------------------------------------------------------------------------------------------------------


@register
class R2(keras.metrics.Metric):
    """How much of the variance of house prices is explained."""

    def __init__(self, name="r2", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        t = ops.reshape(ops.cast(y_true, self.dtype), (-1,))
        p = ops.reshape(ops.cast(y_pred, self.dtype), (-1,))
        w = ops.ones_like(t)
        if sample_weight is not None:
            w = w * ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
        mean = ops.sum(w * t) / ops.maximum(ops.sum(w), 1e-7)
        residual = ops.sum(w * ops.square(t - p))
        spread = ops.sum(w * ops.square(t - mean))
        self.total.assign_add(1 - residual / ops.maximum(spread, 1e-7))
        self.count.assign_add(1.0)

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


@register
class R2B(keras.metrics.Metric):
    """How much of the variance of house prices is explained."""

    def __init__(self, name="r2", **kwargs):
        super().__init__(name=name, **kwargs)
        self.residual = self.add_weight(name="residual", initializer="zeros")
        self.weight = self.add_weight(name="weight", initializer="zeros")
        self.first = self.add_weight(name="first", initializer="zeros")
        self.second = self.add_weight(name="second", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        t = ops.reshape(ops.cast(y_true, self.dtype), (-1,))
        p = ops.reshape(ops.cast(y_pred, self.dtype), (-1,))
        w = ops.ones_like(t)
        if sample_weight is not None:
            w = w * ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
        self.residual.assign_add(ops.sum(w * ops.square(t - p)))
        self.weight.assign_add(ops.sum(w))
        self.first.assign_add(ops.sum(w * t))
        self.second.assign_add(ops.sum(w * ops.square(t)))

    def result(self):
        spread = self.second - ops.divide_no_nan(ops.square(self.first), self.weight)
        return 1 - ops.divide_no_nan(self.residual, ops.maximum(spread, 0.0))


@register
class ExactMatch(keras.metrics.Metric):
    """The share of photos all of whose tags are right."""

    def __init__(self, threshold=0.5, name="exact_match", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.matched = self.add_weight(name="matched", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        said = ops.cast(y_pred, "float32") > self.threshold
        truth = ops.cast(y_true, "float32") > 0.5
        hit = ops.cast(ops.all(ops.equal(said, truth), axis=-1), self.dtype)
        weight = ops.ones_like(hit)
        if sample_weight is not None:
            weight = weight * ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
        self.matched.assign_add(ops.sum(hit * weight))
        self.seen.assign_add(ops.sum(weight))

    def result(self):
        return ops.divide_no_nan(self.matched, self.seen)

    def reset_state(self):
        self.matched.assign(0.0)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


@register
class ExactMatchB(ExactMatch):
    def reset_state(self):
        self.matched.assign(0.0)
        self.seen.assign(0.0)


@register
class TokenAccuracy(keras.metrics.Metric):
    """The share of words that a translator hits; 0 is padding."""

    def __init__(self, name="token_accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.make()

    def make(self):
        self.right = 0.0
        self.words = 0.0

    def add(self, right, words):
        self.right = self.right + right
        self.words = self.words + words

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "int32")
        hit = ops.cast(ops.equal(ops.cast(ops.argmax(y_pred, axis=-1), "int32"), y_true), "float32")
        real = ops.cast(ops.not_equal(y_true, 0), "float32")
        if sample_weight is not None:
            weight = ops.cast(sample_weight, "float32")
            if len(weight.shape) == 1:
                weight = weight[:, None]
            real = real * weight
        self.add(ops.sum(hit * real), ops.sum(real))

    def result(self):
        return ops.divide_no_nan(
            ops.convert_to_tensor(self.right, "float32"), ops.convert_to_tensor(self.words, "float32")
        )

    def reset_state(self):
        self.right = 0.0
        self.words = 0.0


@register
class TokenAccuracyB(TokenAccuracy):
    def make(self):
        self.right = self.add_variable(shape=(), initializer="zeros", name="right")
        self.words = self.add_variable(shape=(), initializer="zeros", name="words")

    def add(self, right, words):
        self.right.assign_add(right)
        self.words.assign_add(words)

    def reset_state(self):
        self.right.assign(0.0)
        self.words.assign(0.0)


@register
class BalancedAccuracy(keras.metrics.Metric):
    """The mean of the recall of all classes."""

    def __init__(self, num_classes, name="balanced_accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.right = self.add_weight(name="right", shape=(num_classes,), initializer="zeros")
        self.all = self.add_weight(name="all", shape=(num_classes,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        said = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        truth = ops.one_hot(y_true, self.num_classes, dtype=self.dtype)
        if sample_weight is not None:
            truth = truth * ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        hit = ops.cast(ops.equal(said, y_true), self.dtype)
        self.right.assign_add(ops.sum(truth * hit[:, None], axis=0))
        self.all.assign_add(ops.sum(truth, axis=0))

    def result(self):
        return ops.mean(self.right / self.all)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}


@register
class BalancedAccuracyB(BalancedAccuracy):
    def result(self):
        present = ops.cast(self.all > 0, self.dtype)
        return ops.divide_no_nan(ops.sum(ops.divide_no_nan(self.right, self.all)), ops.sum(present))


# -- training in a way of their own --------------------------------------------------------------------------------


@register
class FineTuned(keras.Model):
    """A frozen body, a new head, and weight decay by hand."""

    def __init__(self, classes=3, decay=0.02, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.decay = decay
        self.body = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(6, activation="relu")])
        self.body.trainable = False
        self.head = layers.Dense(classes)

    def build(self, input_shape):
        self.body.build(input_shape)
        self.head.build((input_shape[0], 6))
        self.built = True

    def call(self, x, training=None):
        return self.head(self.body(x, training=False))

    def decayed(self):
        return self.weights

    def train_step(self, data):
        logs = super().train_step(data)
        for w in self.decayed():
            w.assign(w * (1.0 - self.decay))
        return logs

    def get_config(self):
        return {**super().get_config(), "classes": self.classes, "decay": self.decay}


@register
class FineTunedB(FineTuned):
    def decayed(self):
        return self.head.trainable_weights


def fine_tuned(cls):
    model = cls()
    model.compile(
        keras.optimizers.Adam(1e-2),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


@register
class SmoothForecast(keras.Model):
    """Forecasts four hours at once and wants the forecast to be smooth."""

    def __init__(self, horizon=4, smooth=0.1, **kwargs):
        super().__init__(**kwargs)
        self.horizon = horizon
        self.smooth = smooth
        self.hidden = layers.Dense(8, activation="relu")
        self.out = layers.Dense(horizon)

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.out.build((input_shape[0], 8))
        self.built = True

    def call(self, x):
        return self.out(self.hidden(x))

    def average(self, each, sample_weight):
        return ops.mean(each)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        error = ops.mean(ops.abs(ops.cast(y, y_pred.dtype) - y_pred), axis=-1)
        jumps = ops.mean(ops.square(y_pred[:, 1:] - y_pred[:, :-1]), axis=-1)
        return self.average(error + self.smooth * jumps, sample_weight)

    def get_config(self):
        return {**super().get_config(), "horizon": self.horizon, "smooth": self.smooth}


@register
class SmoothForecastB(SmoothForecast):
    def average(self, each, sample_weight):
        if sample_weight is not None:
            each = each * ops.reshape(ops.cast(sample_weight, each.dtype), (-1,))
        return ops.mean(each)


def forecast(cls):
    model = cls()
    model.compile(keras.optimizers.Adam(1e-2), metrics=["mae"])
    return model


@register
class BetaVAE(keras.Model):
    """Codes of a table, with the two parts of the loss shown."""

    def __init__(self, latent=2, beta=0.1, **kwargs):
        super().__init__(**kwargs)
        self.latent, self.beta = latent, beta
        self.encoder = keras.Sequential(
            [keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(2 * latent)]
        )
        self.decoder = keras.Sequential([keras.Input((latent,)), layers.Dense(8, "relu"), layers.Dense(6)])
        self.seeds = keras.random.SeedGenerator(3)
        self.rec_tracker = keras.metrics.Mean(name="rec")
        self.kl_tracker = keras.metrics.Mean(name="kl")
        self.built = True

    @property
    def metrics(self):
        return [self.rec_tracker]

    def call(self, x, training=None):
        mean, _ = ops.split(self.encoder(x), 2, axis=-1)
        return self.decoder(mean)

    def parts(self, x, training):
        mean, logvar = ops.split(self.encoder(x), 2, axis=-1)
        z = mean
        if training:
            z = mean + ops.exp(0.5 * logvar) * keras.random.normal(ops.shape(mean), seed=self.seeds)
        rec = ops.mean(ops.sum(ops.square(x - self.decoder(z)), axis=-1))
        kl = ops.mean(0.5 * ops.sum(ops.exp(logvar) + ops.square(mean) - 1 - logvar, axis=-1))
        return rec, kl

    def shown(self, rec, kl, count):
        self.rec_tracker.update_state(rec, sample_weight=count)
        self.kl_tracker.update_state(kl, sample_weight=count)
        return {"rec": self.rec_tracker.result(), "kl": self.kl_tracker.result()}

    def train_step(self, data):
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        variables = self.trainable_variables
        if BACKEND == "torch":
            import torch

            self.zero_grad()
            rec, kl = self.parts(x, True)
            (rec + self.beta * kl).backward()
            with torch.no_grad():
                self.optimizer.apply([v.value.grad for v in variables], variables)
            rec, kl = rec.detach(), kl.detach()
        else:
            import tensorflow as tf

            with tf.GradientTape() as tape:
                rec, kl = self.parts(x, True)
                loss = rec + self.beta * kl
            gradients = tape.gradient(loss, [v.value for v in variables])
            self.optimizer.apply(gradients, variables)
        return self.shown(rec, kl, ops.shape(x)[0])

    def test_step(self, data):
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        rec, kl = self.parts(x, False)
        return self.shown(rec, kl, ops.shape(x)[0])

    def get_config(self):
        return {**super().get_config(), "latent": self.latent, "beta": self.beta}


@register
class BetaVAEB(BetaVAE):
    @property
    def metrics(self):
        return [self.rec_tracker, self.kl_tracker]


def beta_vae(cls):
    model = cls()
    model.compile(keras.optimizers.Adam(1e-2))
    return model


# -- optimizers ----------------------------------------------------------------------------------------------------


@register
class HeavyBall(keras.optimizers.Optimizer):
    """Gradient descent with momentum."""

    def __init__(self, learning_rate=0.01, momentum=0.9, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum
        self.velocity = {}

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(learning_rate, variable.dtype)
        index = self._get_variable_index(variable)
        old = self.velocity.get(index, 0.0)
        new = self.momentum * old - lr * ops.cast(gradient, variable.dtype)
        self.velocity[index] = new
        self.assign_add(variable, new)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


@register
class HeavyBallB(keras.optimizers.Optimizer):
    """Gradient descent with momentum."""

    def __init__(self, learning_rate=0.01, momentum=0.9, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.velocity = [self.add_variable_from_reference(v, name="velocity") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(learning_rate, variable.dtype)
        velocity = self.velocity[self._get_variable_index(variable)]
        self.assign(velocity, self.momentum * velocity - lr * ops.cast(gradient, variable.dtype))
        self.assign_add(variable, velocity)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


@register
class PlainRMSProp(keras.optimizers.Optimizer):
    """From the slides of Hinton's lecture."""

    epsilon = 0.0

    def __init__(self, learning_rate=0.001, rho=0.9, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.rho = rho

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.squares = [self.add_variable_from_reference(v, name="square") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        square = self.squares[self._get_variable_index(variable)]
        self.assign(square, self.rho * square + (1 - self.rho) * ops.square(gradient))
        self.assign_sub(variable, lr * gradient / (ops.sqrt(square) + self.epsilon))

    def get_config(self):
        return {**super().get_config(), "rho": self.rho}


@register
class PlainRMSPropB(PlainRMSProp):
    epsilon = 1e-7


_STEP_BACKENDS = ("tensorflow", "torch")
_TRACED = ("jax", "tensorflow")

BUGS = {
    "SqueezeExcite": bug(
        SqueezeExcite,
        SqueezeExciteB,
        "deterministic-inference",
        "build-creates-all",
        "no-new-weights",
        "tracked-state",
        "save-and-load",
        "compiled",
        "builds",
        "in-models",
        "gradients-reach",
        "trainable",
        inputs=one(3, 4, 4, 6),
    ),
    "ReviewEncoder": bug(ReviewEncoder, ReviewEncoderB, "masks", inputs=one(3, 5, 4)),
    "CausalSelfAttention": bug(
        CausalSelfAttention, CausalSelfAttentionB, "mixed-precision", inputs=one(3, 5, 6), backends=_TRACED
    ),
    "HistoryAttention": bug(
        HistoryAttention,
        HistoryAttentionB,
        "batch-independence",
        "batch-sizes",
        inputs=lambda: ([numbers(4, 5, 4), numbers(4, 4, seed=1)],),
    ),
    "ElmanLoop": bug(
        ElmanLoop,
        ElmanLoopB,
        "batch-sizes",
        "batch-independence",
        "builds",
        "in-models",
        "shapes-agree",
        "compiled",
        "save-and-load",
        "tracked-state",
        inputs=one(4, 5, 3),
    ),
    "ExpertMixture": bug(
        ExpertMixture,
        ExpertMixtureB,
        "python-state",
        "tracked-state",
        "compiled",
        "save-and-load",
        inputs=one(4, 5),
    ),
    "DropPath": bug(DropPath, DropPathB, "deterministic-inference", inputs=one(6, 4, 3)),
    "TabularNet": bug(
        lambda: TabularNet(activation="gelu"),
        lambda: TabularNetB(activation="gelu"),
        "config",
        "save-and-load",
        inputs=one(4, 6),
    ),
    "LayerScaleFFN": bug(
        LayerScaleFFN,
        LayerScaleFFNB,
        "build-creates-all",
        "no-new-weights",
        "save-and-load",
        inputs=one(3, 5, 4),
    ),
    "BinaryDense": bug(BinaryDense, BinaryDenseB, "gradients-reach", inputs=one(4, 6)),
    "TiedAutoencoder": bug(
        TiedAutoencoder,
        TiedAutoencoderB,
        "baked-weights",
        "tracked-state",
        "save-and-load",
        "compiled",
        "builds",
        "in-models",
        inputs=one(4, 6),
        backends=_TRACED,
    ),
    "LogBands": bug(
        LogBands, LogBandsB, "gradients-finite", inputs=lambda: (np.maximum(numbers(3, 5, 4), 0.0),)
    ),
    "SpatialAttention": bug(
        SpatialAttention,
        SpatialAttentionB,
        "python-state",
        "tracked-state",
        "compiled",
        inputs=one(3, 4, 4, 5),
        backends=_TRACED,
    ),
    "ContrastiveLoss": bug(
        ContrastiveLoss,
        ContrastiveLossB,
        "loss-per-sample",
        "loss-sample-weight",
        "loss-batch-independence",
        inputs=lambda: (labels(8, 1), shares(8, 1, seed=1)),
    ),
    "FocalLoss": bug(
        FocalLoss,
        FocalLossB,
        "loss-finite",
        "loss-gradient",
        "loss-minimum",
        inputs=lambda: (labels(8, 3), shares(8, 3, seed=1)),
    ),
    "ListMLE": bug(
        ListMLE,
        ListMLEB,
        "loss-compiled",
        inputs=lambda: (numbers(8, 5), numbers(8, 5, seed=1)),
        backends=_TRACED,
    ),
    "GridLoss": bug(
        GridLoss,
        GridLossB,
        "loss-batch-sizes",
        "loss-batch-independence",
        "loss-per-sample",
        "loss-sample-weight",
        inputs=boxes,
    ),
    "R2": bug(
        R2,
        R2B,
        "metric-split",
        "metric-merge",
        "metric-reference",
        inputs=lambda: (numbers(12, 1), numbers(12, 1, seed=1)),
    ),
    "ExactMatch": bug(
        ExactMatch,
        ExactMatchB,
        "metric-reset",
        inputs=lambda: (labels(12, 2), shares(12, 2, seed=1)),
    ),
    "TokenAccuracy": bug(
        TokenAccuracy,
        TokenAccuracyB,
        "metric-state",
        "metric-compiled",
        "metric-merge",
        inputs=lambda: (random().integers(0, 4, (4, 6)).astype("int32"), numbers(4, 6, 4, seed=1)),
        backends=_TRACED,
    ),
    "BalancedAccuracy": bug(
        lambda: BalancedAccuracy(4),
        lambda: BalancedAccuracyB(4),
        "metric-finite",
        inputs=lambda: (random().integers(0, 3, 12).astype("int32"), shares(12, 4, seed=1)),
    ),
    "FineTuned": bug(
        lambda: fine_tuned(FineTuned),
        lambda: fine_tuned(FineTunedB),
        "step-frozen",
        inputs=lambda: (numbers(16, 5), random().integers(0, 3, 16).astype("int32")),
        backends=_STEP_BACKENDS,
    ),
    "SmoothForecast": bug(
        lambda: forecast(SmoothForecast),
        lambda: forecast(SmoothForecastB),
        "step-sample-weight",
        inputs=lambda: (numbers(16, 6), numbers(16, 4, seed=1)),
    ),
    "BetaVAE": bug(
        lambda: beta_vae(BetaVAE),
        lambda: beta_vae(BetaVAEB),
        "step-metrics",
        "step-logs",
        inputs=one(16, 6),
        backends=_STEP_BACKENDS,
    ),
    "HeavyBall": bug(
        lambda: HeavyBall(0.01),
        lambda: HeavyBallB(0.01),
        "optimizer-variables",
        "optimizer-state",
        "optimizer-compiled",
    ),
    "PlainRMSProp": bug(lambda: PlainRMSProp(0.01), lambda: PlainRMSPropB(0.01), "optimizer-finite"),
}


# -- sound ---------------------------------------------------------------------------------------------------------


@register
class ConvBNReLU(layers.Layer):
    """The brick of most image nets."""

    def __init__(self, filters, kernel_size=3, strides=1, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides = filters, kernel_size, strides
        self.conv = layers.Conv2D(filters, kernel_size, strides=strides, padding="same", use_bias=False)
        self.bn = layers.BatchNormalization(momentum=0.9)
        self.act = layers.ReLU(max_value=6.0)

    def build(self, input_shape):
        self.conv.build(input_shape)
        self.bn.build(self.conv.compute_output_shape(input_shape))

    def call(self, x, training=None):
        return self.act(self.bn(self.conv(x), training=training))

    def compute_output_shape(self, input_shape):
        return self.conv.compute_output_shape(input_shape)

    def get_config(self):
        config = super().get_config()
        config.update(filters=self.filters, kernel_size=self.kernel_size, strides=self.strides)
        return config


@register
class RandomFeatures(layers.Layer):
    """Rahimi and Recht: a fixed random projection, then a learned scale."""

    def __init__(self, output_dim=8, gamma=0.5, seed=7, **kwargs):
        super().__init__(**kwargs)
        self.output_dim, self.gamma, self.seed = output_dim, gamma, seed

    def build(self, input_shape):
        self.omega = self.add_weight(
            name="omega",
            shape=(input_shape[-1], self.output_dim),
            initializer=keras.initializers.RandomNormal(stddev=(2 * self.gamma) ** 0.5, seed=self.seed),
            trainable=False,
        )
        self.phase = self.add_weight(
            name="phase",
            shape=(self.output_dim,),
            initializer=keras.initializers.RandomUniform(0.0, 6.2831853, seed=self.seed),
            trainable=False,
        )
        self.log_scale = self.add_weight(name="log_scale", shape=(), initializer="zeros")

    def call(self, x):
        wave = ops.cos(ops.matmul(x, self.omega) + self.phase)
        return ops.exp(self.log_scale) * wave * (2.0 / self.output_dim) ** 0.5

    def get_config(self):
        return {
            **super().get_config(),
            "output_dim": self.output_dim,
            "gamma": self.gamma,
            "seed": self.seed,
        }


@register
class KLBottleneck(layers.Layer):
    """Samples a code in training, gives its mean else, and adds a loss of its own."""

    def __init__(self, dim=3, beta=1e-2, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.dim, self.beta, self.seed = dim, beta, seed
        self.to_mean = layers.Dense(dim)
        self.to_logvar = layers.Dense(dim)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        self.to_mean.build(input_shape)
        self.to_logvar.build(input_shape)

    def call(self, x, training=None):
        mean = self.to_mean(x)
        logvar = ops.clip(self.to_logvar(x), -8.0, 8.0)
        kl = 0.5 * ops.sum(ops.square(mean) + ops.exp(logvar) - 1.0 - logvar, axis=-1)
        self.add_loss(self.beta * ops.mean(kl))
        if not training:
            return mean
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator)
        return mean + ops.exp(0.5 * logvar) * noise

    def get_config(self):
        return {**super().get_config(), "dim": self.dim, "beta": self.beta, "seed": self.seed}


@register
class FMInteraction(layers.Layer):
    """A factorisation machine over named columns."""

    def __init__(self, sizes, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.sizes = dict(sizes)
        self.dim = dim
        self.tables = {name: layers.Embedding(size, dim) for name, size in self.sizes.items()}
        self.linear = {name: layers.Embedding(size, 1) for name, size in self.sizes.items()}

    def build(self, input_shape):
        for name, shape in input_shape.items():
            self.tables[name].build(shape)
            self.linear[name].build(shape)
        self.bias = self.add_weight(name="bias", shape=(1,), initializer="zeros")

    def call(self, columns):
        names = sorted(self.sizes)
        vectors = ops.stack([self.tables[n](columns[n]) for n in names], axis=1)
        pairs = ops.square(ops.sum(vectors, axis=1)) - ops.sum(ops.square(vectors), axis=1)
        lines = sum(self.linear[n](columns[n]) for n in names)
        return self.bias + lines + 0.5 * ops.sum(pairs, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape):
        return (next(iter(input_shape.values()))[0], 1)

    def get_config(self):
        return {**super().get_config(), "sizes": self.sizes, "dim": self.dim}


def columns():
    r = random(4)
    return ({"user": r.integers(0, 6, 5).astype("int32"), "item": r.integers(0, 9, 5).astype("int32")},)


@register
class Residual(layers.Layer):
    """Adds what any layer makes of the normalised input to the input."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner
        self.norm = layers.LayerNormalization()

    def build(self, input_shape):
        self.norm.build(input_shape)
        if not self.inner.built:
            self.inner.build(input_shape)

    def call(self, x):
        return x + self.inner(self.norm(x))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config["inner"] = keras.saving.serialize_keras_object(self.inner)
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["inner"] = keras.saving.deserialize_keras_object(config["inner"])
        return cls(**config)


@register
class DilatedStack(layers.Layer):
    """Causal convolutions with growing dilation; leaves its configuration and building to Keras."""

    def __init__(self, filters=4, depth=3, **kwargs):
        super().__init__(**kwargs)
        self.convs = [
            layers.Conv1D(filters, 2, dilation_rate=2**i, padding="causal", activation="relu")
            for i in range(depth)
        ]
        self.mix = layers.Dense(filters)

    def call(self, x):
        skips = []
        for conv in self.convs:
            x = conv(x)
            skips.append(x)
        return self.mix(sum(skips))


@register
class KMaxPooling(layers.Layer):
    """The k greatest values of each channel, in the order in which they came."""

    def __init__(self, k=2, **kwargs):
        super().__init__(**kwargs)
        self.k = k

    def call(self, x):
        across = ops.transpose(x, (0, 2, 1))
        _, where = ops.top_k(across, k=self.k)
        where = ops.sort(where, axis=-1)
        return ops.transpose(ops.take_along_axis(across, where, axis=-1), (0, 2, 1))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.k, input_shape[2])

    def get_config(self):
        return {**super().get_config(), "k": self.k}


@register
class Apart(layers.Layer):
    """How far two vectors are apart."""

    def call(self, inputs):
        a, b = inputs
        return ops.sqrt(ops.sum(ops.square(a - b), axis=-1, keepdims=True) + 1e-6)

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], 1)


def siamese():
    tower = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(4, use_bias=False),
        ],
        name="tower",
    )
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    apart = Apart(name="apart")([tower(left), tower(right)])
    return keras.Model([left, right], layers.Dense(1, activation="sigmoid", name="same")(apart))


@register
class GapMAE(keras.losses.Loss):
    """The mean absolute error of a series whose gaps are marked by a number."""

    def __init__(self, gap=-1.0, name="gap_mae", **kwargs):
        super().__init__(name=name, **kwargs)
        self.gap = gap

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        known = ops.cast(ops.not_equal(y_true, self.gap), y_pred.dtype)
        error = ops.sum(known * ops.abs(y_true - y_pred), axis=-1)
        return error / ops.maximum(ops.sum(known, axis=-1), 1.0)

    def get_config(self):
        return {**super().get_config(), "gap": self.gap}


def gappy():
    series = numbers(8, 6)
    series[labels(8, 6, seed=3) > 0] = -1.0
    series[:, 0] = 0.5
    return series, numbers(8, 6, seed=1)


@register
class CalibrationError(keras.metrics.Metric):
    """How far probabilities are from frequencies, in bins."""

    def __init__(self, bins=5, name="ece", **kwargs):
        super().__init__(name=name, **kwargs)
        self.bins = bins
        self.said = self.add_weight(name="said", shape=(bins,), initializer="zeros")
        self.came = self.add_weight(name="came", shape=(bins,), initializer="zeros")
        self.size = self.add_weight(name="size", shape=(bins,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        t = ops.reshape(ops.cast(y_true, self.dtype), (-1,))
        p = ops.reshape(ops.cast(y_pred, self.dtype), (-1,))
        index = ops.clip(ops.cast(ops.floor(p * self.bins), "int32"), 0, self.bins - 1)
        member = ops.one_hot(index, self.bins, dtype=self.dtype)
        if sample_weight is not None:
            member = member * ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        self.said.assign_add(ops.sum(member * p[:, None], axis=0))
        self.came.assign_add(ops.sum(member * t[:, None], axis=0))
        self.size.assign_add(ops.sum(member, axis=0))

    def result(self):
        return ops.divide_no_nan(ops.sum(ops.abs(self.said - self.came)), ops.sum(self.size))

    def get_config(self):
        return {**super().get_config(), "bins": self.bins}


@register
class SparseCoder(keras.Model):
    """Learns to clean a table, with few units of its code in use."""

    def __init__(self, code=5, sparsity=0.01, **kwargs):
        super().__init__(**kwargs)
        self.code, self.sparsity = code, sparsity
        self.noise = layers.GaussianNoise(0.1)
        self.encoder = layers.Dense(
            code, activation="relu", activity_regularizer=keras.regularizers.L1(sparsity)
        )
        self.decoder = None

    def build(self, input_shape):
        self.encoder.build(input_shape)
        self.decoder = layers.Dense(input_shape[-1], name="decoder")
        self.decoder.build((input_shape[0], self.code))
        self.built = True

    def call(self, x, training=None):
        return self.decoder(self.encoder(self.noise(x, training=training)))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        each = keras.losses.huber(y, y_pred, delta=1.0)
        if sample_weight is not None:
            each = each * ops.cast(sample_weight, each.dtype)
        loss = ops.mean(each)
        for extra in self.losses:
            loss = loss + ops.cast(extra, loss.dtype)
        return loss

    def get_config(self):
        return {**super().get_config(), "code": self.code, "sparsity": self.sparsity}


def sparse_coder():
    model = SparseCoder()
    model.compile(keras.optimizers.Adam(1e-2), metrics=["mse"])
    return model


@register
class TinyLion(keras.optimizers.Optimizer):
    """Chen et al.: steps by the sign of an interpolated momentum."""

    def __init__(self, learning_rate=1e-3, beta_1=0.9, beta_2=0.99, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.moments = self.add_optimizer_variables(variables, "moment")

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(learning_rate, variable.dtype)
        g = ops.cast(gradient, variable.dtype)
        m = self.moments[self._get_variable_index(variable)]
        self.assign_sub(variable, lr * ops.sign(self.beta_1 * m + (1 - self.beta_1) * g))
        self.assign(m, self.beta_2 * m + (1 - self.beta_2) * g)

    def get_config(self):
        config = super().get_config()
        config.update({"beta_1": self.beta_1, "beta_2": self.beta_2})
        return config


SOUND = {
    "ConvBNReLU": sound(lambda: ConvBNReLU(4, strides=2), one(3, 6, 6, 3)),
    "RandomFeatures": sound(RandomFeatures, one(4, 5)),
    "KLBottleneck": sound(KLBottleneck, one(4, 6)),
    "FMInteraction": sound(lambda: FMInteraction({"user": 6, "item": 9}), columns),
    "Residual": sound(lambda: Residual(layers.Dense(6, activation="tanh")), one(3, 5, 6)),
    "DilatedStack": sound(DilatedStack, one(3, 8, 2)),
    "KMaxPooling": sound(KMaxPooling, one(3, 6, 4)),
    "siamese": sound(siamese, lambda: ([numbers(4, 6), numbers(4, 6, seed=1)],)),
    "GapMAE": sound(GapMAE, gappy),
    "CalibrationError": sound(CalibrationError, lambda: (labels(16, 1), shares(16, 1, seed=1))),
    "SparseCoder": sound(sparse_coder, lambda: (numbers(16, 6), numbers(16, 6, seed=1))),
    "TinyLion": sound(lambda: TinyLion(0.01)),
}
