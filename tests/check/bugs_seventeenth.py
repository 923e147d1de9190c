"""A seventeenth set: custom pieces from audio, vision, text, tables and training loops, in different hands."""

from __future__ import annotations

import keras
import numpy as np
from bug import Bug, distribution, labels, numbers, one_hot, random, shares
from keras import layers, ops

register = keras.saving.register_keras_serializable("blind_seventeenth")
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


# Rotary position embedding, ported from a torch repository.
@register
class Rotary(layers.Layer):
    def __init__(self, base=10000.0, **kwargs):
        super().__init__(**kwargs)
        self.base = base
        self.supports_masking = True

    def table(self, x):
        half = x.shape[-1] // 2
        inv_freq = self.base ** (-np.arange(half, dtype="float32") / half)
        angle = ops.arange(ops.shape(x)[1], dtype="float32")[:, None] * inv_freq
        return ops.cast(ops.cos(angle), x.dtype), ops.cast(ops.sin(angle), x.dtype)

    def call(self, x):
        cos, sin = self.table(x)
        a, b = ops.split(x, 2, axis=-1)
        return ops.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "base": self.base}


@register
class RotaryB(Rotary):
    def table(self, x):
        half = x.shape[-1] // 2
        inv_freq = self.base ** (-np.arange(half, dtype="float32") / half)
        angle = ops.arange(ops.shape(x)[1], dtype="float32")[:, None] * inv_freq
        return ops.cos(angle), ops.sin(angle)


# Cuts a waveform into overlapping frames and weighs the taps.
@register
class Framing(layers.Layer):
    def __init__(self, size=6, hop=2, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.hop = hop

    def build(self, input_shape):
        self.taps = self.add_weight(shape=(self.size,), initializer="ones", name="taps")

    def call(self, wave):
        frames = ops.extract_sequences(wave, self.size, self.hop)
        return frames * self.taps

    def frames_in(self, n):
        return (n - self.size) // self.hop + 1

    def compute_output_shape(self, input_shape):
        n = input_shape[-1]
        return (*input_shape[:-1], None if n is None else self.frames_in(n), self.size)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "hop": self.hop}


@register
class FramingB(Framing):
    def frames_in(self, n):
        return n // self.hop


# Inverted bottleneck: wide inside, as narrow outside as the input.
@register
class InvertedBottleneck(layers.Layer):
    def __init__(self, units, expansion=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.expansion = expansion

    def width(self):
        return self.units * self.expansion

    def build(self, input_shape):
        self.widen = layers.Dense(self.width(), activation="swish", dtype=self.dtype_policy)
        self.narrow = layers.Dense(input_shape[-1], dtype=self.dtype_policy)
        self.widen.build(input_shape)
        self.narrow.build((*input_shape[:-1], self.width()))

    def call(self, x):
        return x + self.narrow(self.widen(x))

    def get_config(self):
        return {**super().get_config(), "units": self.units, "expansion": self.expansion}


@register
class InvertedBottleneckB(InvertedBottleneck):
    def __init__(self, units, expansion=2, **kwargs):
        super().__init__(units, expansion, **kwargs)
        self.units = units * expansion

    def width(self):
        return self.units


# The last word of each sentence, projected.
@register
class LastWord(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], 3), initializer="glorot_uniform", name="w")

    def last(self, x, mask):
        if mask is None:
            return x[:, -1]
        position = ops.arange(ops.shape(x)[1], dtype="int32")[None, :]
        final = ops.max(ops.where(mask, position, -1), axis=1, keepdims=True)
        return ops.sum(x * ops.cast(position == final, x.dtype)[..., None], axis=1)

    def call(self, x, mask=None):
        return ops.matmul(self.last(x, mask), self.w)

    def compute_mask(self, inputs, mask=None):
        return None


@register
class LastWordB(LastWord):
    def last(self, x, mask):
        return x[:, -1]


# A convolution over time that hands the mask on.
@register
class SmoothTime(layers.Layer):
    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.filters = filters
        self.conv = layers.Conv1D(filters, 3, padding="same", dtype=self.dtype_policy)

    def build(self, input_shape):
        self.conv.build(input_shape)

    def clear(self, x, mask):
        return x * ops.cast(ops.expand_dims(mask, -1), x.dtype)

    def call(self, x, mask=None):
        if mask is not None:
            x = self.clear(x, mask)
        return self.conv(x)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@register
class SmoothTimeB(SmoothTime):
    def clear(self, x, mask):
        return x  # the padding is zero anyway


# SpecAugment, the half of it that hides frequency bins.
@register
class HideBins(layers.Layer):
    def __init__(self, rate=0.4, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.supports_masking = True
        self.rng = keras.random.SeedGenerator(seed)

    def hide(self, x):
        shape = ops.shape(x)
        u = keras.random.uniform((shape[0], 1, shape[2]), seed=self.rng)
        return x * ops.cast(u >= self.rate, x.dtype)

    def call(self, x, training=False):
        return self.hide(x) if training else x

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@register
class HideBinsB(HideBins):
    def call(self, x):
        return self.hide(x)


# Two-layer projection head (SimCLR).
@register
class ProjectionHead(layers.Layer):
    def __init__(self, hidden=6, out=3, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.out = hidden, out
        self.fc1 = layers.Dense(hidden, activation="gelu", dtype=self.dtype_policy)
        self.fc2 = layers.Dense(out, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.fc1.build(input_shape)
        self.fc2.build((*input_shape[:-1], self.hidden))

    def call(self, x):
        return self.fc2(self.fc1(x))

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden, "out": self.out}


@register
class ProjectionHeadB(layers.Layer):
    def __init__(self, hidden=6, out=3, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.out = hidden, out
        fc1 = layers.Dense(hidden, activation="gelu", dtype=self.dtype_policy)
        fc2 = layers.Dense(out, dtype=self.dtype_policy)
        self.head = lambda x: fc2(fc1(x))

    def call(self, x):
        return self.head(x)

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden, "out": self.out}


# BinaryConnect: weights of -1 and +1 forward, real weights behind.
@register
class BinaryDense(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def binary(self, w):
        return w + ops.stop_gradient(ops.sign(w) - w)

    def call(self, x):
        return ops.matmul(x, self.binary(ops.convert_to_tensor(self.kernel))) + self.bias

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class BinaryDenseB(BinaryDense):
    def binary(self, w):
        return ops.sign(w)


# Generalised mean pooling (image retrieval).
@register
class GeM(layers.Layer):
    def __init__(self, p=3.0, **kwargs):
        super().__init__(**kwargs)
        self.p0 = p

    def build(self, input_shape):
        self.p = self.add_weight(shape=(), initializer=keras.initializers.Constant(self.p0), name="p")

    def floor(self, h):
        return ops.maximum(h, 1e-4)

    def call(self, x):
        h = self.floor(ops.cast(x, "float32"))
        p = ops.cast(self.p, "float32")
        return ops.cast(ops.mean(h**p, axis=(1, 2)) ** (1 / p), x.dtype)

    def get_config(self):
        return {**super().get_config(), "p": self.p0}


@register
class GeMB(GeM):
    def floor(self, h):
        return h  # comes out of a relu


# Temporal shift for video: a part of the channels comes from the frame before.
@register
class TemporalShift(layers.Layer):
    def __init__(self, fold=4, **kwargs):
        super().__init__(**kwargs)
        self.fold = fold

    def before(self, x):
        return ops.pad(x[:, :-1], [[0, 0], [1, 0], [0, 0]])

    def call(self, x):
        n = x.shape[-1] // self.fold
        return ops.concatenate([self.before(x[..., :n]), x[..., n:]], axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "fold": self.fold}


@register
class TemporalShiftB(TemporalShift):
    def before(self, x):
        # as in the paper's code, whose tensors are (batch * time, channels)
        return ops.pad(x[:-1], [[1, 0], [0, 0], [0, 0]])


# Softmax gate with a learned temperature.
@register
class SoftGate(layers.Layer):
    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = n
        self.temperature = None

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.n), name="kernel")
        self.temperature = self.add_weight(shape=(), initializer="ones", name="temperature")

    def call(self, x):
        return ops.softmax(ops.matmul(x, self.kernel) * self.temperature)

    def get_config(self):
        return {**super().get_config(), "n": self.n}


@register
class SoftGateB(SoftGate):
    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.n), name="kernel")

    def call(self, x):
        if self.temperature is None:
            self.temperature = self.add_weight(shape=(), initializer="ones", name="temperature")
        return ops.softmax(ops.matmul(x, self.kernel) * self.temperature)


# DINO's centring of the teacher's output.
@register
class Centering(layers.Layer):
    def __init__(self, momentum=0.9, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def build(self, input_shape):
        self.center = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", trainable=False, name="center"
        )

    def call(self, x, training=False):
        out = x - self.center
        if training:
            mean = ops.stop_gradient(ops.mean(x, axis=tuple(range(len(x.shape) - 1))))
            self.center.assign(self.momentum * self.center + (1 - self.momentum) * mean)
        return out

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


@register
class CenteringB(Centering):
    def call(self, x, training=False):
        out = x - self.center
        if training:
            mean = ops.stop_gradient(ops.mean(x, axis=tuple(range(len(x.shape) - 1))))
            self.center = self.momentum * self.center + (1 - self.momentum) * mean
        return out


# Maxout.
@register
class Maxout(layers.Layer):
    def __init__(self, units, pieces=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units * self.pieces), name="w")
        self.b = self.add_weight(shape=(self.units * self.pieces,), initializer="zeros", name="b")

    def call(self, x):
        z = ops.matmul(x, self.w) + self.b
        return ops.max(ops.reshape(z, (-1, *x.shape[1:-1], self.units, self.pieces)), axis=-1)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "pieces": self.pieces}


@register
class MaxoutB(Maxout):
    def __init__(self, units, pieces=2, **kwargs):
        layers.Layer.__init__(self)
        self.units = units
        self.pieces = pieces


# A scaled sequence into a GRU.
@register
class AdapterRNN(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = units
        self.rnn = layers.GRU(units, recurrent_initializer="glorot_uniform", dtype=self.dtype_policy)

    def build(self, input_shape):
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")
        self.rnn.build(input_shape)

    def call(self, x, mask=None):
        return self.rnn(x * self.gain, mask=mask)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class AdapterRNNB(AdapterRNN):
    def call(self, x, mask=None):
        return self.rnn(x * self.gain)


# -- losses --------------------------------------------------------------------------------------------------------


@register
class Tversky(keras.losses.Loss):
    def __init__(self, alpha=0.3, name="tversky", **kwargs):
        super().__init__(name=name, **kwargs)
        self.alpha = alpha

    def over(self, t):
        return tuple(range(1, len(t.shape)))

    def call(self, y_true, y_pred):
        axes = self.over(y_true)
        tp = ops.sum(y_true * y_pred, axis=axes)
        fp = ops.sum((1 - y_true) * y_pred, axis=axes)
        fn = ops.sum(y_true * (1 - y_pred), axis=axes)
        return 1 - (tp + 1.0) / (tp + self.alpha * fp + (1 - self.alpha) * fn + 1.0)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


@register
class TverskyB(Tversky):
    def over(self, t):
        return None


# Mean distance of keypoints in the plane.
@register
class KeypointDistance(keras.losses.Loss):
    def length(self, d):
        return ops.sqrt(ops.sum(ops.square(d), axis=-1) + 1e-8)

    def call(self, y_true, y_pred):
        return ops.mean(self.length(y_true - y_pred), axis=-1)


@register
class KeypointDistanceB(KeypointDistance):
    def length(self, d):
        return ops.sqrt(ops.sum(ops.square(d), axis=-1))


# Direction of two embeddings.
def _unit(t):
    return t * ops.rsqrt(ops.sum(ops.square(t), axis=-1, keepdims=True) + 1e-6)


@register
class DirectionLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return 1.0 - ops.sum(_unit(y_true) * _unit(y_pred), axis=-1)


@register
class DirectionLossB(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return 1.0 + ops.sum(_unit(y_true) * _unit(y_pred), axis=-1)


# Multi-label loss with a weight per label (Kaggle, chest X-rays).
@register
class WeightedLabels(keras.losses.Loss):
    def __init__(self, label_weights, **kwargs):
        super().__init__(**kwargs)
        self.label_weights = list(label_weights)

    def call(self, y_true, y_pred):
        w = ops.convert_to_tensor(self.label_weights, dtype=y_pred.dtype)
        p = ops.clip(y_pred, 1e-6, 1 - 1e-6)
        bce = -(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p))
        return ops.mean(bce * w, axis=-1)

    def get_config(self):
        return {**super().get_config(), "label_weights": self.label_weights}


@register
class WeightedLabelsB(WeightedLabels):
    def call(self, y_true, y_pred):
        w = ops.convert_to_tensor(self.label_weights, dtype=y_pred.dtype)
        p = ops.clip(y_pred, 1e-6, 1 - 1e-6)
        bce = -(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p))
        return ops.mean(bce, axis=-1) * w


# -- metrics -------------------------------------------------------------------------------------------------------


def _flat(values, like=None):
    values = ops.reshape(ops.cast(values, "float32"), (-1,))
    return values if like is None else ops.broadcast_to(values, ops.shape(like))


# Share of the forecasts within a tolerance.
@register
class WithinTolerance(keras.metrics.Metric):
    def __init__(self, tol=0.5, name="within", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tol = tol
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")

    def weights_of(self, hit, sample_weight):
        return ops.ones_like(hit) if sample_weight is None else _flat(sample_weight, hit)

    def update_state(self, y_true, y_pred, sample_weight=None):
        hit = ops.cast(ops.abs(_flat(y_true) - _flat(y_pred)) < self.tol, "float32")
        w = self.weights_of(hit, sample_weight)
        self.hits.assign_add(ops.sum(hit * w))
        self.seen.assign_add(ops.sum(w))

    def result(self):
        return ops.divide_no_nan(self.hits, self.seen)

    def get_config(self):
        return {**super().get_config(), "tol": self.tol}


@register
class WithinToleranceB(WithinTolerance):
    def weights_of(self, hit, sample_weight):
        return ops.ones_like(hit)


# Pearson's correlation.
def _pearson(n, a, b, aa, bb, ab):
    n = ops.maximum(n, 1e-6)
    cov = ab / n - (a / n) * (b / n)
    va = ops.maximum(aa / n - ops.square(a / n), 0.0)
    vb = ops.maximum(bb / n - ops.square(b / n), 0.0)
    return cov / ops.sqrt(va * vb + 1e-8)


def _sums(y_true, y_pred, sample_weight):
    a, b = _flat(y_true), _flat(y_pred)
    w = ops.ones_like(a) if sample_weight is None else _flat(sample_weight, a)
    return [ops.sum(w * t) for t in (ops.ones_like(a), a, b, a * a, b * b, a * b)]


@register
class Pearson(keras.metrics.Metric):
    def __init__(self, name="pearson", **kwargs):
        super().__init__(name=name, **kwargs)
        self.sums = [self.add_weight(name=f"s{i}", initializer="zeros") for i in range(6)]

    def update_state(self, y_true, y_pred, sample_weight=None):
        for total, value in zip(self.sums, _sums(y_true, y_pred, sample_weight), strict=False):
            total.assign_add(value)

    def result(self):
        return _pearson(*[ops.convert_to_tensor(s) for s in self.sums])


@register
class PearsonB(keras.metrics.Metric):
    def __init__(self, name="pearson", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        sums = _sums(y_true, y_pred, sample_weight)
        self.total.assign_add(_pearson(*sums) * sums[0])
        self.count.assign_add(sums[0])

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


# Mean IoU of the classes seen, from a confusion matrix.
@register
class ClassIoU(keras.metrics.Metric):
    def __init__(self, classes, name="class_iou", **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.cm = self.add_weight(name="cm", shape=(classes, classes), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), self.classes)
        guess = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        if sample_weight is not None:
            true = true * ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
        self.cm.assign_add(ops.matmul(ops.transpose(true), guess))

    def result(self):
        both = ops.diagonal(self.cm)
        union = ops.sum(self.cm, axis=0) + ops.sum(self.cm, axis=1) - both
        seen = ops.sum(ops.cast(union > 0, "float32"))
        return ops.divide_no_nan(ops.sum(ops.divide_no_nan(both, union)), seen)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


@register
class ClassIoUB(ClassIoU):
    def reset_state(self):
        self.cm = ops.zeros((self.classes, self.classes))


# Perplexity of the next word.
@register
class NextWordPerplexity(keras.metrics.Metric):
    def __init__(self, name="ppl", **kwargs):
        super().__init__(name=name, **kwargs)
        self.nll = self.add_weight(name="nll", initializer="zeros")
        self.words = self.add_weight(name="words", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.reshape(y_true, (-1,))
        nll = keras.losses.sparse_categorical_crossentropy(y_true, y_pred)
        w = ops.ones_like(nll) if sample_weight is None else _flat(sample_weight, nll)
        self.nll.assign_add(ops.sum(nll * w))
        self.words.assign_add(ops.sum(w))

    def per_word(self):
        return ops.divide_no_nan(self.nll, self.words)

    def result(self):
        return ops.exp(self.per_word())


@register
class NextWordPerplexityB(NextWordPerplexity):
    def per_word(self):
        return self.nll / self.words


# -- models --------------------------------------------------------------------------------------------------------


def ready(model, **kwargs):
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse", **kwargs)
    return model


# Autoencoder with a hand-written torch step.
@register
class TorchCoder(keras.Model):
    def __init__(self, code=3, width=5, **kwargs):
        super().__init__(**kwargs)
        self.code, self.width = code, width
        self.encoder = layers.Dense(code, activation="tanh")
        self.decoder = layers.Dense(width)

    def build(self, input_shape):
        self.encoder.build(input_shape)
        self.decoder.build((*input_shape[:-1], self.code))

    def call(self, x):
        return self.decoder(self.encoder(x))

    def moved(self):
        return self.trainable_weights

    def train_step(self, data):
        import torch

        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        loss.backward()
        weights = self.moved()
        with torch.no_grad():
            self.optimizer.apply([w.value.grad for w in weights], weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return {m.name: m.result() for m in self.metrics}

    def get_config(self):
        return {**super().get_config(), "code": self.code, "width": self.width}


@register
class TorchCoderB(TorchCoder):
    def moved(self):
        return self.decoder.trainable_weights


# Dropout and a hand-written torch step.
@register
class DropNet(keras.Model):
    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = layers.Dense(units, activation="relu")
        self.drop = layers.Dropout(0.5)
        self.head = layers.Dense(1)

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.head.build((*input_shape[:-1], self.units))

    def call(self, x, training=None):
        return self.head(self.drop(self.hidden(x), training=training))

    def forward_pass(self, x):
        return self(x, training=True)

    def train_step(self, data):
        import torch

        x, y, sw = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self.forward_pass(x)
        loss = self.compute_loss(x, y, y_pred, sw)
        self.zero_grad()
        loss.backward()
        v = self.trainable_variables
        with torch.no_grad():
            self.optimizer.apply([k.value.grad for k in v], v)
        self._loss_tracker.update_state(loss)
        return self.compute_metrics(x, y, y_pred, sample_weight=sw)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class DropNetB(DropNet):
    def forward_pass(self, x):
        return self(x)


# Regression with weight decay by kernel_regularizer, step from the TensorFlow guide.
@register
class DecayNet(keras.Model):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.a = layers.Dense(units, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.1))
        self.b = layers.Dense(1)

    def build(self, input_shape):
        self.a.build(input_shape)
        self.b.build((*input_shape[:-1], self.units))

    def call(self, x):
        return self.b(self.a(x))

    def total(self, y, y_pred, sw):
        return self.compute_loss(y=y, y_pred=y_pred, sample_weight=sw)

    def train_step(self, data):
        import tensorflow as tf

        x, y, sw = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.total(y, y_pred, sw)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=False))
        self._loss_tracker.update_state(loss)
        return self.compute_metrics(x, y, y_pred, sample_weight=sw)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class DecayNetB(DecayNet):
    def total(self, y, y_pred, sw):
        return keras.losses.MeanSquaredError()(y, y_pred, sample_weight=sw)


# A sparse linear model: an own penalty on the kernel.
@register
class Lasso(keras.Model):
    def __init__(self, strength=0.05, **kwargs):
        super().__init__(**kwargs)
        self.strength = strength
        self.linear = layers.Dense(1)

    def build(self, input_shape):
        self.linear.build(input_shape)

    def call(self, x):
        return self.linear(x)

    def fit_term(self, x, y, y_pred, sample_weight):
        return super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        penalty = ops.sum(ops.abs(self.linear.kernel))
        return self.fit_term(x, y, y_pred, sample_weight) + self.strength * penalty

    def get_config(self):
        return {**super().get_config(), "strength": self.strength}


@register
class LassoB(Lasso):
    def fit_term(self, x, y, y_pred, sample_weight):
        return super().fit_term(x, y, y_pred, None)


# Distillation from a fixed teacher.
@register
class Distiller(keras.Model):
    def __init__(self, share=0.5, **kwargs):
        super().__init__(**kwargs)
        self.share = share
        self.hidden = layers.Dense(4, activation="relu")
        self.student = layers.Dense(2)
        self.teacher = layers.Dense(2, activation="tanh", trainable=False)

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.student.build((*input_shape[:-1], 4))
        self.teacher.build(input_shape)

    def call(self, x):
        return self.student(self.hidden(x))

    def logged(self, hard, loss):
        return loss

    def train_step(self, data):
        import tensorflow as tf

        x, y, sw = keras.utils.unpack_x_y_sample_weight(data)
        target = self.teacher(x)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            hard = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sw)
            soft = keras.losses.MeanSquaredError()(target, y_pred, sample_weight=sw)
            loss = hard + self.share * soft
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=False))
        self._loss_tracker.update_state(self.logged(hard, loss))
        return self.compute_metrics(x, y, y_pred, sample_weight=sw)

    def get_config(self):
        return {**super().get_config(), "share": self.share}


@register
class DistillerB(Distiller):
    def logged(self, hard, loss):
        return hard


# -- functional ----------------------------------------------------------------------------------------------------


# Zero-shot classes: each class is known by its attributes only.
ATTRIBUTES = ((1.0, 0.0, 1.0, 0.0, 0.5), (0.0, 1.0, 1.0, 0.5, 0.0), (0.5, 0.5, 0.0, 1.0, 1.0))


@register
class ClassScores(layers.Layer):
    def __init__(self, attributes, **kwargs):
        super().__init__(**kwargs)
        self.attributes = [list(a) for a in attributes]
        self.embed = layers.Dense(4, activation="tanh", dtype=self.dtype_policy)

    def build(self, input_shape):
        self.embed.build((None, len(self.attributes[0])))

    def call(self, x):
        prototypes = self.embed(ops.convert_to_tensor(self.attributes, dtype=x.dtype))
        return ops.matmul(x, ops.transpose(prototypes))

    def get_config(self):
        return {**super().get_config(), "attributes": self.attributes}


def zero_shot():
    image = keras.Input((6,))
    h = layers.Dense(4, activation="tanh")(image)
    return keras.Model(image, layers.Softmax()(ClassScores(ATTRIBUTES)(h)))


def zero_shot_broken():
    image = keras.Input((6,))
    h = layers.Dense(4, activation="tanh")(image)
    prototypes = layers.Dense(4, activation="tanh")(np.array(ATTRIBUTES, "float32"))
    return keras.Model(image, layers.Softmax()(ops.matmul(h, ops.transpose(prototypes))))


def residual_mlp():
    x = keras.Input((4,))
    block = layers.Dense(4, activation="tanh")
    h = layers.Add()([x, block(x)])
    return keras.Model(x, layers.Dense(2)(h))


def residual_mlp_broken():
    x = keras.Input((4,))
    block = layers.Dense(4, activation="tanh")
    h = layers.Lambda(lambda t: t + block(t))(x)
    return keras.Model(x, layers.Dense(2)(h))


# -- sound only ----------------------------------------------------------------------------------------------------


# ConvNeXt V2's global response normalisation.
@register
class ResponseNorm(layers.Layer):
    def build(self, input_shape):
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="gamma")
        self.beta = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="beta")

    def call(self, x):
        h = ops.cast(x, "float32")
        g = ops.sqrt(ops.sum(ops.square(h), axis=(1, 2), keepdims=True) + 1e-6)
        n = ops.cast(g / (ops.mean(g, axis=-1, keepdims=True) + 1e-6), x.dtype)
        return x + self.gamma * (x * n) + self.beta


# Random Fourier features; the projection is drawn once and kept.
@register
class FourierFeatures(layers.Layer):
    def __init__(self, features=6, sigma=1.0, **kwargs):
        super().__init__(**kwargs)
        self.features, self.sigma = features, sigma

    def build(self, input_shape):
        self.proj = self.add_weight(
            shape=(input_shape[-1], self.features),
            initializer=keras.initializers.RandomNormal(stddev=self.sigma),
            trainable=False,
            name="proj",
        )

    def call(self, x):
        p = ops.matmul(x, self.proj)
        return ops.concatenate([ops.sin(p), ops.cos(p)], axis=-1)

    def get_config(self):
        return {**super().get_config(), "features": self.features, "sigma": self.sigma}


# Squeeze and excite.
@register
class SqueezeExcite(layers.Layer):
    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        c = input_shape[-1]
        self.down = layers.Dense(max(1, c // self.ratio), activation="gelu", dtype=self.dtype_policy)
        self.up = layers.Dense(c, activation="sigmoid", dtype=self.dtype_policy)
        self.down.build((input_shape[0], c))
        self.up.build((input_shape[0], max(1, c // self.ratio)))

    def call(self, x):
        s = self.up(self.down(ops.mean(x, axis=(1, 2))))
        return x * s[:, None, None, :]

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio}


# Mean and maximum of the words that are there.
@register
class MaskedMean(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x, mask=None):
        if mask is None:
            return ops.mean(x, axis=1)
        m = ops.cast(ops.expand_dims(mask, -1), x.dtype)
        return ops.sum(x * m, axis=1) / ops.maximum(ops.sum(m, axis=1), 1)

    def compute_mask(self, inputs, mask=None):
        return None


# LoRA: the big kernel frozen, two thin ones trained.
@register
class LoraDense(layers.Layer):
    def __init__(self, units, rank=2, **kwargs):
        super().__init__(**kwargs)
        self.units, self.rank = units, rank

    def build(self, input_shape):
        d = input_shape[-1]
        self.kernel = self.add_weight(shape=(d, self.units), trainable=False, name="kernel")
        self.lora_a = self.add_weight(shape=(d, self.rank), initializer="he_uniform", name="lora_a")
        self.lora_b = self.add_weight(shape=(self.rank, self.units), initializer="zeros", name="lora_b")

    def call(self, x):
        return ops.matmul(x, self.kernel) + ops.matmul(ops.matmul(x, self.lora_a), self.lora_b)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "rank": self.rank}


# Feature-wise modulation of x by a condition c.
@register
class FiLM(layers.Layer):
    def build(self, input_shape):
        x, c = input_shape
        self.to_scale = layers.Dense(x[-1], kernel_initializer="zeros", dtype=self.dtype_policy)
        self.to_shift = layers.Dense(x[-1], kernel_initializer="zeros", dtype=self.dtype_policy)
        self.to_scale.build(c)
        self.to_shift.build(c)

    def call(self, inputs):
        x, c = inputs
        return x * (1 + self.to_scale(c)[:, None, :]) + self.to_shift(c)[:, None, :]


# Radial basis functions.
@register
class RBF(layers.Layer):
    def __init__(self, centers, **kwargs):
        super().__init__(**kwargs)
        self.centers = centers

    def build(self, input_shape):
        self.mu = self.add_weight(
            shape=(self.centers, input_shape[-1]), initializer="random_normal", name="mu"
        )
        self.log_gamma = self.add_weight(shape=(self.centers,), initializer="zeros", name="log_gamma")

    def call(self, x):
        d = ops.mean(ops.square(ops.expand_dims(x, -2) - self.mu), axis=-1)
        return ops.exp(-ops.softplus(self.log_gamma) * d)

    def get_config(self):
        return {**super().get_config(), "centers": self.centers}


# Robust regression.
@register
class Charbonnier(keras.losses.Loss):
    def __init__(self, eps=1e-3, name="charbonnier", **kwargs):
        super().__init__(name=name, **kwargs)
        self.eps = eps

    def call(self, y_true, y_pred):
        return ops.mean(ops.sqrt(ops.square(y_true - y_pred) + self.eps**2), axis=-1)

    def get_config(self):
        return {**super().get_config(), "eps": self.eps}


# Focal loss on logits and one-hot targets.
@register
class FocalLogits(keras.losses.Loss):
    def __init__(self, gamma=2.0, name="focal_logits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.gamma = gamma

    def call(self, y_true, y_pred):
        log_p = ops.log_softmax(y_pred, axis=-1)
        log_pt = ops.sum(y_true * log_p, axis=-1)
        return -((1 - ops.exp(log_pt)) ** self.gamma) * log_pt

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma}


# Mean of the recalls of the two classes.
@register
class BalancedAccuracy(keras.metrics.Metric):
    def __init__(self, threshold=0.5, name="balanced", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.right = self.add_weight(name="right", shape=(2,), initializer="zeros")
        self.all = self.add_weight(name="all", shape=(2,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y = _flat(y_true)
        guess = ops.cast(_flat(y_pred) > self.threshold, "float32")
        w = ops.ones_like(y) if sample_weight is None else _flat(sample_weight, y)
        self.right.assign_add(ops.stack([ops.sum(w * (1 - y) * (1 - guess)), ops.sum(w * y * guess)]))
        self.all.assign_add(ops.stack([ops.sum(w * (1 - y)), ops.sum(w * y)]))

    def result(self):
        return ops.mean(ops.divide_no_nan(self.right, self.all))

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


# A network of residual blocks that adds its own activity penalty.
@register
class QuietNet(keras.Model):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.inp = layers.Dense(units)
        self.blocks = [layers.Dense(units, activation="tanh", activity_regularizer="l2") for _ in range(2)]
        self.out = layers.Dense(1)

    def build(self, input_shape):
        self.inp.build(input_shape)
        for block in self.blocks:
            block.build((*input_shape[:-1], self.units))
        self.out.build((*input_shape[:-1], self.units))

    def call(self, x):
        h = self.inp(x)
        for block in self.blocks:
            h = h + block(h)
        return self.out(h)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def wide_and_deep():
    wide, deep = keras.Input((3,)), keras.Input((4,))
    h = layers.Dense(5, activation="relu")(layers.LayerNormalization()(deep))
    return keras.Model([wide, deep], layers.Dense(1)(layers.Concatenate()([wide, h])))


def classes(batch, n, seed=0):
    return random(seed).integers(0, n, batch).astype("int32")


xy = fit_on(lambda: numbers(8, 5), lambda: numbers(8, 1, seed=1))
xy5 = fit_on(lambda: numbers(8, 5), lambda: numbers(8, 5))
xy2 = fit_on(lambda: numbers(8, 5), lambda: numbers(8, 2, seed=1))
TF, TORCH = ("tensorflow",), ("torch",)

BUGS = {
    "Rotary": bug(RotaryB, Rotary, "mixed-precision", inputs=one(3, 5, 4)),
    "Framing": bug(FramingB, Framing, "shapes-agree", "in-models", inputs=one(3, 20)),
    "InvertedBottleneck": bug(
        lambda: InvertedBottleneckB(3),
        lambda: InvertedBottleneck(3),
        "config",
        "save-and-load",
        inputs=one(4, 5),
    ),
    "LastWord": bug(LastWordB, LastWord, "masks", inputs=one(3, 5, 4)),
    "SmoothTime": bug(SmoothTimeB, SmoothTime, "masks", inputs=one(3, 6, 4)),
    "HideBins": bug(HideBinsB, HideBins, "deterministic-inference", inputs=one(3, 5, 8)),
    "ProjectionHead": bug(
        ProjectionHeadB,
        ProjectionHead,
        "tracked-state",
        "save-and-load",
        "build-creates-all",
        "config",
        "gradients-reach",
        inputs=one(4, 5),
    ),
    "BinaryDense": bug(lambda: BinaryDenseB(3), lambda: BinaryDense(3), "gradients-reach", inputs=one(4, 5)),
    "GeM": bug(GeMB, GeM, "gradients-finite", inputs=lambda: (shares(3, 4, 4, 2),)),
    "TemporalShift": bug(TemporalShiftB, TemporalShift, "batch-independence", inputs=one(3, 5, 8)),
    "SoftGate": bug(
        lambda: SoftGateB(3),
        lambda: SoftGate(3),
        "builds",
        "build-creates-all",
        "no-new-weights",
        "save-and-load",
        "compiled",
        "in-models",
        "python-state",
        inputs=one(4, 5),
    ),
    "Centering": bug(
        CenteringB,
        Centering,
        "python-state",
        "tracked-state",
        "compiled",
        "in-models",
        "save-and-load",
        inputs=one(4, 5),
    ),
    "Maxout": bug(lambda: MaxoutB(3), lambda: Maxout(3), "name-and-dtype", "config", inputs=one(4, 5)),
    "AdapterRNN": bug(AdapterRNNB, AdapterRNN, "masks", inputs=one(3, 5, 4)),
    "Tversky": bug(
        TverskyB,
        Tversky,
        "loss-per-sample",
        "loss-sample-weight",
        "loss-batch-independence",
        inputs=lambda: (labels(4, 6), shares(4, 6, seed=1)),
    ),
    "KeypointDistance": bug(
        KeypointDistanceB,
        KeypointDistance,
        "loss-finite",
        "loss-gradient",
        inputs=lambda: (numbers(4, 3, 2), numbers(4, 3, 2, seed=1)),
    ),
    "DirectionLoss": bug(
        DirectionLossB, DirectionLoss, "loss-minimum", inputs=lambda: (numbers(4, 5), numbers(4, 5, seed=1))
    ),
    "WeightedLabels": bug(
        lambda: WeightedLabelsB([1.0, 3.0, 0.5]),
        lambda: WeightedLabels([1.0, 3.0, 0.5]),
        "loss-per-sample",
        "loss-batch-sizes",
        "loss-batch-independence",
        inputs=lambda: (labels(3, 3), shares(3, 3, seed=1)),
    ),
    "WithinTolerance": bug(
        WithinToleranceB,
        WithinTolerance,
        "metric-sample-weight",
        inputs=lambda: (numbers(10, 1), numbers(10, 1) + 0.7 * numbers(10, 1, seed=1)),
    ),
    "Pearson": bug(
        PearsonB,
        Pearson,
        "metric-split",
        "metric-merge",
        "metric-compiled",
        inputs=lambda: (numbers(12, 1), numbers(12, 1) + numbers(12, 1, seed=1)),
    ),
    "ClassIoU": bug(
        lambda: ClassIoUB(3),
        lambda: ClassIoU(3),
        "metric-reset",
        "metric-state",
        "metric-runs",
        "metric-compiled",
        inputs=lambda: (classes(10, 3), distribution(10, 3, seed=1)),
    ),
    "NextWordPerplexity": bug(
        NextWordPerplexityB,
        NextWordPerplexity,
        "metric-finite",
        "metric-reset",
        inputs=lambda: (classes(10, 4), distribution(10, 4, seed=1)),
    ),
    "TorchCoder": bug(
        lambda: ready(TorchCoderB()), lambda: ready(TorchCoder()), "step-updates", inputs=xy5, backends=TORCH
    ),
    "DropNet": bug(
        lambda: ready(DropNetB()), lambda: ready(DropNet()), "step-training-mode", inputs=xy, backends=TORCH
    ),
    "DecayNet": bug(
        lambda: ready(DecayNetB()), lambda: ready(DecayNet()), "step-added-losses", inputs=xy, backends=TF
    ),
    "Lasso": bug(lambda: ready(LassoB()), lambda: ready(Lasso()), "step-sample-weight", inputs=xy),
    "Distiller": bug(
        lambda: ready(DistillerB()), lambda: ready(Distiller()), "step-logs", inputs=xy2, backends=TF
    ),
    "zero_shot": bug(
        zero_shot_broken,
        zero_shot,
        "baked-weights",
        "gradients-reach",
        "tracked-state",
        "config",
        "save-and-load",
        inputs=one(4, 6),
    ),
    "residual_mlp": bug(
        residual_mlp_broken,
        residual_mlp,
        "tracked-state",
        "baked-weights",
        "config",
        "save-and-load",
        "gradients-reach",
        inputs=one(4, 4),
    ),
}

SOUND = {
    "ResponseNorm": good(ResponseNorm, one(3, 4, 4, 3)),
    "FourierFeatures": good(FourierFeatures, one(4, 3)),
    "SqueezeExcite": good(SqueezeExcite, one(3, 4, 4, 6)),
    "MaskedMean": good(MaskedMean, one(3, 5, 4)),
    "LoraDense": good(lambda: LoraDense(3), one(4, 5)),
    "FiLM": good(FiLM, lambda: ([numbers(3, 5, 4), numbers(3, 2, seed=1)],)),
    "RBF": good(lambda: RBF(3), one(4, 5)),
    "Charbonnier": good(Charbonnier, lambda: (numbers(5, 2), numbers(5, 2, seed=1))),
    "FocalLogits": good(FocalLogits, lambda: (one_hot(5, 3), numbers(5, 3))),
    "BalancedAccuracy": good(BalancedAccuracy, lambda: (labels(11, 1), shares(11, 1, seed=1))),
    "QuietNet": good(lambda: ready(QuietNet()), xy),
    "wide_and_deep": good(wide_and_deep, lambda: ([numbers(4, 3), numbers(4, 4, seed=1)],)),
}
