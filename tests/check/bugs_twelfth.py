"""A twelfth set: parts of audio, text, graph, vision, table and recommendation programs, by many hands."""

from __future__ import annotations

import keras
import numpy as np
from bug import Bug, distribution, labels, numbers, random, shares
from keras import layers, ops

register = keras.saving.register_keras_serializable("blind_twelfth")
BACKEND = keras.backend.backend()
ALL = ("jax", "tensorflow", "torch")


def bug(broken, sound, *contracts, inputs=tuple, backends=ALL, options=None):
    return Bug(broken, sound, frozenset(contracts), inputs=inputs, options=options or {}, backends=backends)


def good(sound, inputs=tuple, backends=ALL, options=None):
    return Bug(None, sound, frozenset(), inputs=inputs, options=options or {}, backends=backends)


def one(*shape, seed=0):
    return lambda: (numbers(*shape, seed=seed),)


# -- layers and models ---------------------------------------------------------------------------------------------


@register
class DeltaFeatures(layers.Layer):
    """MFCC frames (batch, time, coefficients) with their first differences behind them."""

    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def difference(self, mfcc):
        return mfcc[:, 1:] - mfcc[:, :-1]

    def call(self, mfcc):
        delta = ops.pad(self.difference(mfcc), [[0, 0], [1, 0], [0, 0]])
        return ops.concatenate([mfcc, self.scale * delta], axis=-1)

    def get_config(self):
        config = super().get_config()
        config.update({"scale": self.scale})
        return config


@register
class DeltaFeaturesB(DeltaFeatures):
    def call(self, mfcc):
        delta = mfcc[1:] - mfcc[:-1]
        delta = ops.pad(delta, [[1, 0], [0, 0], [0, 0]])
        return ops.concatenate([mfcc, self.scale * delta], axis=-1)


@register
class DilatedBlock(layers.Layer):
    """Two causal convolutions and a skip, from a notebook on sales forecasting."""

    def __init__(self, filters, kernel_size=2, dilation_rate=1, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilation_rate = dilation_rate
        self.activation = keras.activations.get(activation)
        self.conv1 = layers.Conv1D(filters, kernel_size, padding="causal", dilation_rate=dilation_rate)
        self.conv2 = layers.Conv1D(filters, kernel_size, padding="causal", dilation_rate=dilation_rate)
        self.skip = layers.Conv1D(filters, 1)

    def build(self, input_shape):
        self.conv1.build(input_shape)
        self.conv2.build((*input_shape[:-1], self.filters))
        self.skip.build(input_shape)

    def call(self, x):
        h = self.activation(self.conv1(x))
        h = self.activation(self.conv2(h))
        return h + self.skip(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "filters": self.filters,
                "kernel_size": self.kernel_size,
                "dilation_rate": self.dilation_rate,
                "activation": keras.activations.serialize(self.activation),
            }
        )
        return config


@register
class DilatedBlockB(DilatedBlock):
    def get_config(self):
        config = super(DilatedBlock, self).get_config()
        config.update(
            {
                "filters": self.filters,
                "kernel_size": self.kernel_size,
                "activation": keras.activations.serialize(self.activation),
            }
        )
        return config


@register
class ChurnNet(keras.Model):
    """Assignment 2: a three layer perceptron for the churn table."""

    def __init__(self, n_hidden=8, **kwargs):
        super().__init__(**kwargs)
        self.n_hidden = n_hidden
        self.input_layer = layers.Dense(n_hidden, activation="relu")
        self.hidden_layer = layers.Dense(n_hidden, activation="relu")
        self.output_layer = layers.Dense(1, activation="sigmoid")

    def build(self, input_shape):
        self.input_layer.build(input_shape)
        self.hidden_layer.build((None, self.n_hidden))
        self.output_layer.build((None, self.n_hidden))

    def call(self, inputs):
        x = self.input_layer(inputs)
        x = self.hidden_layer(x)
        return self.output_layer(x)

    def get_config(self):
        return {**super().get_config(), "n_hidden": self.n_hidden}


@register
class ChurnNetB(keras.Model):
    def __init__(self, n_hidden=8, **kwargs):
        super().__init__(**kwargs)
        self.n_hidden = n_hidden
        self.input_layer = layers.Dense(n_hidden, activation="relu")
        self.output_layer = layers.Dense(1, activation="sigmoid")

    def build(self, input_shape):
        self.input_layer.build(input_shape)
        self.output_layer.build((None, self.n_hidden))

    def call(self, inputs):
        x = self.input_layer(inputs)
        x = layers.Dense(self.n_hidden, activation="relu")(x)
        return self.output_layer(x)

    def get_config(self):
        return {**super().get_config(), "n_hidden": self.n_hidden}


@register
class CaptionAttention(layers.Layer):
    """The attention of the image captioning tutorial: a decoder state looks at features of places."""

    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.W1 = layers.Dense(units)
        self.W2 = layers.Dense(units)
        self.V = layers.Dense(1, use_bias=False)

    def build(self, features_shape, hidden_shape):
        self.W1.build(features_shape)
        self.W2.build(hidden_shape)
        self.V.build((None, self.units))

    def score(self, features, hidden):
        return self.V(ops.tanh(self.W1(features) + self.W2(hidden)))

    def call(self, features, hidden):
        hidden = ops.expand_dims(hidden, 1)
        weights = ops.softmax(self.score(features, hidden), axis=1)
        return ops.sum(weights * features, axis=1)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class CaptionAttentionB(CaptionAttention):
    def score(self, features, hidden):
        return self.V(ops.tanh(self.W1(features) + self.W1(hidden)))


@register
class MelodyBlock(layers.Layer):
    """One block of a small transformer for notes: places, feed-forward, residual."""

    def __init__(self, max_len=16, expansion=2, **kwargs):
        super().__init__(**kwargs)
        self.max_len = max_len
        self.expansion = expansion

    def build(self, input_shape):
        dim = input_shape[-1]
        self.positions = layers.Embedding(self.max_len, dim)
        self.positions.build((None,))
        self.norm = layers.LayerNormalization()
        self.norm.build(input_shape)
        self.up = layers.Dense(dim * self.expansion, activation="gelu")
        self.up.build(input_shape)
        self.down = layers.Dense(dim)
        self.down.build((*input_shape[:-1], dim * self.expansion))

    def placed(self, x):
        return x + self.positions(ops.arange(x.shape[1]))

    def call(self, x):
        residual = x
        x = self.placed(x)
        x = self.down(self.up(self.norm(x)))
        return residual + x

    def get_config(self):
        return {**super().get_config(), "max_len": self.max_len, "expansion": self.expansion}


@register
class MelodyBlockB(MelodyBlock):
    def placed(self, x):
        x += self.positions(ops.arange(x.shape[1]))
        return x


@register
class RightToLeft(layers.Layer):
    """The backward half of a tagger that is built by hand: reads the words from the end to the start."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True
        self.rnn = layers.GRU(units, return_sequences=True, use_cudnn=False)

    def build(self, input_shape):
        self.rnn.build(input_shape)

    def call(self, words, mask=None):
        words = ops.flip(words, axis=1)
        if mask is not None:
            mask = ops.flip(mask, axis=1)
        return ops.flip(self.rnn(words, mask=mask), axis=1)

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class RightToLeftB(RightToLeft):
    def call(self, words, mask=None):
        words = ops.flip(words, axis=1)
        hidden = self.rnn(words, mask=mask)
        return ops.flip(hidden, axis=1)


@register
class MoleculeAttention(layers.Layer):
    """Graph attention with one head over padded molecules; takes [atoms, adjacency]."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        atoms, _ = input_shape
        self.kernel = self.add_weight(name="kernel", shape=(atoms[-1], self.units))
        self.attn_self = self.add_weight(name="attn_self", shape=(self.units, 1))
        self.attn_other = self.add_weight(name="attn_other", shape=(self.units, 1))

    def hide(self, scores, adjacency):
        return ops.where(adjacency > 0, scores, ops.cast(-1e4, scores.dtype))

    def call(self, inputs):
        atoms, adjacency = inputs
        h = ops.matmul(atoms, self.kernel)
        here = ops.matmul(h, self.attn_self)
        there = ops.matmul(h, self.attn_other)
        scores = ops.leaky_relu(here + ops.transpose(there, (0, 2, 1)))
        attention = ops.softmax(self.hide(scores, adjacency), axis=-1)
        return ops.matmul(attention, h)

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class MoleculeAttentionB(MoleculeAttention):
    def hide(self, scores, adjacency):
        return scores + ops.multiply(1.0 - adjacency, -1e9)


def molecules():
    edges = labels(3, 5, 5, seed=2)
    adjacency = np.clip(edges + edges.transpose(0, 2, 1) + np.eye(5, dtype="float32"), 0, 1)
    return ([numbers(3, 5, 6), adjacency.astype("float32")],)


@register
class CReLU(layers.Layer):
    """Concatenated ReLU (Shang et al. 2016)."""

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, x):
        return ops.concatenate([ops.relu(x), ops.relu(-x)], axis=self.axis)

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        if shape[self.axis] is not None:
            shape[self.axis] *= 2
        return tuple(shape)

    def get_config(self):
        config = super().get_config()
        config["axis"] = self.axis
        return config


@register
class CReLUB(CReLU):
    def compute_output_shape(self, input_shape):
        return input_shape


@register
class PointKernel(layers.Layer):
    """How near the points of a cloud are to each other, in a learned space."""

    def __init__(self, dim=4, bandwidth=1.0, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.bandwidth = bandwidth
        self.embed = layers.Dense(dim, use_bias=False)

    def build(self, input_shape):
        self.embed.build(input_shape)

    def length(self, squares):
        return ops.sqrt(ops.maximum(squares, 1e-6))

    def call(self, points):
        p = self.embed(points)
        diff = ops.expand_dims(p, 2) - ops.expand_dims(p, 1)
        distance = self.length(ops.sum(ops.square(diff), axis=-1))
        return ops.exp(-distance / self.bandwidth)

    def get_config(self):
        return {**super().get_config(), "dim": self.dim, "bandwidth": self.bandwidth}


@register
class PointKernelB(PointKernel):
    def length(self, squares):
        return ops.sqrt(squares)


@register
class LeakyIntegrator(layers.Layer):
    """Smooths each channel of a sensor with a rate that is learned."""

    def build(self, input_shape):
        self.theta = self.add_weight(
            name="theta",
            shape=(input_shape[-1],),
            initializer=keras.initializers.RandomUniform(-1.0, 2.0),
        )

    def rate(self):
        return ops.sigmoid(self.theta)

    def call(self, x):
        alpha = self.rate()
        state = x[:, 0]
        outputs = [state]
        for t in range(1, x.shape[1]):
            state = alpha * state + (1.0 - alpha) * x[:, t]
            outputs.append(state)
        return ops.stack(outputs, axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape


@register
class LeakyIntegratorB(LeakyIntegrator):
    def build(self, input_shape):
        super().build(input_shape)
        self.alpha = ops.sigmoid(self.theta)

    def rate(self):
        return self.alpha


@register
class Speckle(layers.Layer):
    """Multiplicative noise for ultrasound images, while training."""

    def __init__(self, stddev=0.2, seed=1337, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=None):
        if not training:
            return images
        noise = keras.random.normal(
            ops.shape(images), stddev=self.stddev, dtype=images.dtype, seed=self.generator
        )
        return images * (1.0 + noise)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


@register
class SpeckleB(layers.Layer):
    def __init__(self, stddev=0.2, seed=1337, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev
        self.seed = seed

    def call(self, images, training=None):
        if not training:
            return images
        noise = keras.random.normal(ops.shape(images), stddev=self.stddev, dtype=images.dtype, seed=self.seed)
        return images * (1.0 + noise)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


# -- losses --------------------------------------------------------------------------------------------------------


@register
class GIoULoss(keras.losses.Loss):
    """Generalised intersection over union of boxes (x1, y1, x2, y2)."""

    def __init__(self, eps=1e-6, name="giou_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.eps = eps

    def area(self, box):
        return ops.relu(box[..., 2] - box[..., 0]) * ops.relu(box[..., 3] - box[..., 1])

    def giou(self, y_true, y_pred):
        inner = ops.concatenate(
            [ops.maximum(y_true[..., :2], y_pred[..., :2]), ops.minimum(y_true[..., 2:], y_pred[..., 2:])],
            axis=-1,
        )
        outer = ops.concatenate(
            [ops.minimum(y_true[..., :2], y_pred[..., :2]), ops.maximum(y_true[..., 2:], y_pred[..., 2:])],
            axis=-1,
        )
        intersection = self.area(inner)
        union = self.area(y_true) + self.area(y_pred) - intersection
        hull = self.area(outer)
        return (intersection + self.eps) / (union + self.eps) - (hull - union) / (hull + self.eps)

    def call(self, y_true, y_pred):
        return 1.0 - self.giou(y_true, y_pred)

    def get_config(self):
        return {**super().get_config(), "eps": self.eps}


@register
class GIoULossB(GIoULoss):
    def call(self, y_true, y_pred):
        return ops.mean(1.0 - self.giou(y_true, y_pred))


def boxes():
    def some(seed):
        corner = random(seed).uniform(0.0, 0.5, (8, 2))
        size = random(seed + 10).uniform(0.2, 0.5, (8, 2))
        return np.concatenate([corner, corner + size], axis=-1).astype("float32")

    return some(0), some(1)


@register
class TeacherKL(keras.losses.Loss):
    """How far the probabilities of a student are from those of the teacher or of mixed-up labels."""

    def call(self, y_true, y_pred):
        eps = keras.config.epsilon()
        y_true = ops.clip(y_true, eps, 1.0)
        y_pred = ops.clip(y_pred, eps, 1.0)
        return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


@register
class TeacherKLB(TeacherKL):
    def call(self, y_true, y_pred):
        y_pred = ops.clip(y_pred, keras.config.epsilon(), 1.0)
        return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


@register
def embedding_distance(y_true, y_pred):
    """Cosine distance of sentence embeddings."""
    return 1.0 + keras.losses.cosine_similarity(y_true, y_pred, axis=-1)


@register
def embedding_distance_b(y_true, y_pred):
    return 1.0 - keras.losses.cosine_similarity(y_true, y_pred, axis=-1)


@register
class AsymmetricSquares(keras.losses.Loss):
    """Late deliveries cost more than early ones."""

    def __init__(self, late=3.0, name="asymmetric_squares", **kwargs):
        super().__init__(name=name, **kwargs)
        self.late = late

    def aligned(self, y_true, y_pred):
        return ops.reshape(y_true, ops.shape(y_pred))

    def call(self, y_true, y_pred):
        error = self.aligned(y_true, y_pred) - y_pred
        cost = ops.where(error > 0, self.late * ops.square(error), ops.square(error))
        return ops.mean(cost, axis=-1)

    def get_config(self):
        config = super().get_config()
        config.update({"late": self.late})
        return config


@register
class AsymmetricSquaresB(AsymmetricSquares):
    def aligned(self, y_true, y_pred):
        return y_true


# -- metrics -------------------------------------------------------------------------------------------------------


@register
class MRR(keras.metrics.Metric):
    """Mean reciprocal rank of the item that was bought (its number) among the scores of all."""

    def __init__(self, name="mrr", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def reciprocal(self, y_true, y_pred):
        y_true = ops.reshape(ops.cast(y_true, "int32"), (-1, 1))
        y_pred = ops.cast(y_pred, self.dtype)
        bought = ops.take_along_axis(y_pred, y_true, axis=-1)
        rank = 1.0 + ops.sum(ops.cast(y_pred > bought, self.dtype), axis=-1)
        return 1.0 / rank

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self.reciprocal(y_true, y_pred)
        weights = ops.ones_like(values)
        if sample_weight is not None:
            weights = ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
        self.total.assign_add(ops.sum(values * weights))
        self.count.assign_add(ops.sum(weights))

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


@register
class MRRB(MRR):
    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self.reciprocal(y_true, y_pred)
        if sample_weight is not None:
            weights = ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
            batch = ops.divide_no_nan(ops.sum(values * weights), ops.sum(weights))
        else:
            batch = ops.mean(values)
        self.total.assign_add(batch)
        self.count.assign_add(1.0)


@register
class WAPE(keras.metrics.Metric):
    """Weighted absolute percentage error: all errors over all sales."""

    def __init__(self, name="wape", **kwargs):
        super().__init__(name=name, **kwargs)
        self.errors = self.add_weight(name="errors", initializer="zeros")
        self.sales = self.add_weight(name="sales", initializer="zeros")

    def weigh_sales(self, sales, weight):
        return sales * weight

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, self.dtype)
        y_pred = ops.cast(y_pred, self.dtype)
        error = ops.abs(y_true - y_pred)
        sales = ops.abs(y_true)
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, self.dtype)
            if len(sample_weight.shape) < len(error.shape):
                sample_weight = ops.expand_dims(sample_weight, -1)
            error = error * sample_weight
            sales = self.weigh_sales(sales, sample_weight)
        self.errors.assign_add(ops.sum(error))
        self.sales.assign_add(ops.sum(sales))

    def result(self):
        return self.errors / (self.sales + keras.config.epsilon())


@register
class WAPEB(WAPE):
    def weigh_sales(self, sales, weight):
        return sales


@register
class NegativePredictiveValue(keras.metrics.Metric):
    """Of those whom the screening lets go, how many are healthy."""

    def __init__(self, threshold=0.5, name="npv", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.tn = self.add_weight(name="tn", initializer="zeros")
        self.fn = self.add_weight(name="fn", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.reshape(ops.cast(y_true, "bool"), (-1,))
        y_pred = ops.reshape(y_pred, (-1,)) >= self.threshold
        w = 1.0
        if sample_weight is not None:
            w = ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
        tn = ops.cast(ops.logical_and(~y_true, ~y_pred), self.dtype)
        fn = ops.cast(ops.logical_and(y_true, ~y_pred), self.dtype)
        self.tn.assign_add(ops.sum(tn * w))
        self.fn.assign_add(ops.sum(fn * w))

    def result(self):
        return ops.divide_no_nan(self.tn, self.tn + self.fn)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


@register
class NegativePredictiveValueB(NegativePredictiveValue):
    def result(self):
        return self.tn / (self.tn + self.fn)


@register
class RMSLEMetric(keras.metrics.Metric):
    """The score of the bike rental competition."""

    def __init__(self, name="rmsle", **kwargs):
        super().__init__(name=name, **kwargs)
        self.sum_sq = self.add_weight(name="sum_sq", initializer="zeros")
        self.n = self.add_weight(name="n", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, self.dtype)
        y_pred = ops.relu(ops.cast(y_pred, self.dtype))
        sq = ops.square(ops.log1p(y_true) - ops.log1p(y_pred))
        weight = ops.ones_like(sq)
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, self.dtype)
            if len(sample_weight.shape) < len(sq.shape):
                sample_weight = ops.expand_dims(sample_weight, -1)
            weight = weight * sample_weight
        self.sum_sq.assign_add(ops.sum(sq * weight))
        self.n.assign_add(ops.sum(weight))

    def result(self):
        return ops.sqrt(ops.divide_no_nan(self.sum_sq, self.n))

    def reset_state(self):
        self.sum_sq.assign(0.0)
        self.n.assign(0.0)


@register
class RMSLEMetricB(RMSLEMetric):
    def reset_state(self):
        self.sum_sq.assign(0.0)


# -- training ------------------------------------------------------------------------------------------------------


@register
class FareNet(keras.Model):
    """Predicts taxi fares with the log-cosh of the error."""

    def __init__(self, width=8, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.d1 = layers.Dense(width, activation="relu")
        self.d2 = layers.Dense(1)

    def build(self, input_shape):
        self.d1.build(input_shape)
        self.d2.build((None, self.width))

    def call(self, x):
        return self.d2(self.d1(x))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        values = keras.losses.log_cosh(y, y_pred)
        if sample_weight is not None:
            values = values * ops.reshape(ops.cast(sample_weight, values.dtype), (-1,))
        loss = ops.mean(values)
        for extra in self.losses:
            loss = loss + extra
        return loss

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@register
class FareNetB(FareNet):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = ops.mean(keras.losses.log_cosh(y, y_pred))
        for extra in self.losses:
            loss = loss + extra
        return loss


def fare(cls):
    def make():
        model = cls()
        model.compile(optimizer=keras.optimizers.Adam(0.01))
        return model

    return make


@register
class CustomFit(keras.Model):
    """The guide's training step, on TensorFlow and PyTorch, with clipped gradients for energy readings."""

    def __init__(self, units=8, clip=1.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.clip = clip
        self.hidden = layers.Dense(units, activation="tanh")
        self.drop = layers.Dropout(0.2)
        self.head = layers.Dense(2)

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.head.build((None, self.units))

    def call(self, x, training=None):
        return self.head(self.drop(self.hidden(x), training=training))

    def update_metrics(self, loss, x, y, y_pred, sample_weight):
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=ops.shape(x)[0])
            else:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return self.get_metrics_result()

    def clipped(self, gradients):
        return [ops.clip(g, -self.clip, self.clip) for g in gradients]

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if BACKEND == "torch":
            import torch

            self.zero_grad()
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
            loss.backward()
            weights = list(self.trainable_weights)
            gradients = [w.value.grad for w in weights]
            with torch.no_grad():
                self.optimizer.apply(self.clipped(gradients), weights)
            loss, y_pred = loss.detach(), y_pred.detach()
        else:
            import tensorflow as tf

            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
            weights = self.trainable_weights
            gradients = tape.gradient(loss, [w.value for w in weights])
            self.optimizer.apply(self.clipped(gradients), weights)
        return self.update_metrics(loss, x, y, y_pred, sample_weight)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "clip": self.clip}


@register
class CustomFitB(CustomFit):
    def update_metrics(self, loss, x, y, y_pred, sample_weight):
        for metric in self.metrics:
            metric.update_state(y, y_pred)
        return self.get_metrics_result()


def custom_fit(cls):
    def make():
        model = cls()
        model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse", metrics=["mae"])
        return model

    return make


# -- optimizers ----------------------------------------------------------------------------------------------------


@register
class NormalizedMomentum(keras.optimizers.Optimizer):
    """Steps of the same length whatever the gradient's (NIGT)."""

    epsilon = 1e-8

    def __init__(self, learning_rate=0.01, momentum=0.9, name="nigt", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.buffers = [self.add_variable_from_reference(v, name="buffer") for v in variables]

    def unit(self, m):
        return m / (ops.sqrt(ops.sum(ops.square(m))) + self.epsilon)

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(learning_rate, variable.dtype)
        g = ops.cast(gradient, variable.dtype)
        buffer = self.buffers[self._get_variable_index(variable)]
        self.assign(buffer, self.momentum * buffer + (1.0 - self.momentum) * g)
        self.assign_sub(variable, lr * self.unit(buffer))

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


@register
class NormalizedMomentumB(NormalizedMomentum):
    def unit(self, m):
        return m / ops.sqrt(ops.sum(ops.square(m)))


_SERIES = lambda: (shares(8, 3, seed=3) * 20, shares(8, 3, seed=4) * 20)  # noqa: E731

BUGS = {
    "DeltaFeatures": bug(
        DeltaFeaturesB, DeltaFeatures, "batch-independence", "batch-sizes", inputs=one(4, 6, 3)
    ),
    "DilatedBlock": bug(
        lambda: DilatedBlockB(3, dilation_rate=2),
        lambda: DilatedBlock(3, dilation_rate=2),
        "config",
        "save-and-load",
        inputs=one(3, 8, 2),
    ),
    "ChurnNet": bug(
        ChurnNetB,
        ChurnNet,
        "no-new-weights",
        "build-creates-all",
        "deterministic-inference",
        "tracked-state",
        "compiled",
        "save-and-load",
        "config",
        "in-models",
        inputs=one(6, 5),
    ),
    "CaptionAttention": bug(
        CaptionAttentionB,
        CaptionAttention,
        "gradients-reach",
        inputs=lambda: (numbers(3, 7, 6), numbers(3, 6, seed=1)),
    ),
    "MelodyBlock": bug(
        MelodyBlockB,
        MelodyBlock,
        "inputs-unchanged",
        "deterministic-inference",
        "gradients-finite",
        "gradients-reach",
        inputs=one(3, 6, 4),
        backends=("torch",),
    ),
    "RightToLeft": bug(RightToLeftB, RightToLeft, "masks", inputs=one(3, 6, 4)),
    "MoleculeAttention": bug(
        MoleculeAttentionB,
        MoleculeAttention,
        "mixed-precision",
        inputs=molecules,
        backends=("jax", "tensorflow"),
    ),
    "CReLU": bug(CReLUB, CReLU, "shapes-agree", "in-models", "builds", inputs=one(3, 5, 4)),
    "PointKernel": bug(PointKernelB, PointKernel, "gradients-finite", inputs=one(3, 6, 3)),
    "LeakyIntegrator": bug(
        LeakyIntegratorB,
        LeakyIntegrator,
        "baked-weights",
        "gradients-reach",
        "trainable",
        "mixed-precision",
        "save-and-load",
        "config",
        "tracked-state",
        "python-state",
        "compiled",
        "in-models",
        inputs=one(3, 6, 2),
    ),
    "Speckle": bug(SpeckleB, Speckle, "training-noise", inputs=one(3, 6, 6, 1)),
    "GIoULoss": bug(GIoULossB, GIoULoss, "loss-per-sample", "loss-sample-weight", inputs=boxes),
    "TeacherKL": bug(
        TeacherKLB,
        TeacherKL,
        "loss-finite",
        "loss-gradient",
        inputs=lambda: (distribution(8, 4), distribution(8, 4, seed=1)),
    ),
    "embedding_distance": bug(
        lambda: embedding_distance_b,
        lambda: embedding_distance,
        "loss-minimum",
        inputs=lambda: (numbers(8, 6), numbers(8, 6, seed=1)),
    ),
    "AsymmetricSquares": bug(
        AsymmetricSquaresB,
        AsymmetricSquares,
        "loss-targets",
        "loss-batch-independence",
        "loss-minimum",
        "loss-sample-weight",
        inputs=lambda: (numbers(8), numbers(8, 1, seed=1)),
    ),
    "MRR": bug(
        MRRB,
        MRR,
        "metric-split",
        "metric-merge",
        "metric-sample-weight",
        inputs=lambda: (random().integers(0, 9, 10).astype("int32"), numbers(10, 9, seed=1)),
    ),
    "WAPE": bug(WAPEB, WAPE, "metric-sample-weight", inputs=_SERIES),
    "NegativePredictiveValue": bug(
        NegativePredictiveValueB,
        NegativePredictiveValue,
        "metric-finite",
        inputs=lambda: (labels(10, 1), shares(10, 1, seed=1)),
    ),
    "RMSLEMetric": bug(RMSLEMetricB, RMSLEMetric, "metric-reset", inputs=_SERIES),
    "FareNet": bug(
        fare(FareNetB),
        fare(FareNet),
        "step-sample-weight",
        inputs=lambda: (numbers(16, 6), numbers(16, 1, seed=1)),
    ),
    "CustomFit": bug(
        custom_fit(CustomFitB),
        custom_fit(CustomFit),
        "step-logs",
        "step-metrics",
        "step-sample-weight",
        inputs=lambda: (numbers(16, 6), numbers(16, 2, seed=1)),
        backends=("tensorflow", "torch"),
    ),
    "NormalizedMomentum": bug(
        lambda: NormalizedMomentumB(0.01), lambda: NormalizedMomentum(0.01), "optimizer-finite"
    ),
}


# -- sound ---------------------------------------------------------------------------------------------------------


@register
class ReZeroBlock(layers.Layer):
    """x + alpha * F(x), where alpha begins at nothing (Bachlechner et al.)."""

    def __init__(self, hidden=8, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        self.hidden = hidden
        self.dropout = dropout
        self.drop = layers.Dropout(dropout)

    def build(self, input_shape):
        self.alpha = self.add_weight(shape=(), initializer="zeros", name="alpha")
        self.inner = layers.Dense(self.hidden, activation="relu")
        self.outer = layers.Dense(input_shape[-1])
        self.inner.build(input_shape)
        self.outer.build((*input_shape[:-1], self.hidden))

    def call(self, x, training=None):
        branch = self.drop(self.outer(self.inner(x)), training=training)
        return x + self.alpha * branch

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden, "dropout": self.dropout}


@register
class Cutout(layers.Layer):
    """Sets a square of each image to zero while training."""

    def __init__(self, size=3, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        if not training or self.size == 0:
            return images
        batch = ops.shape(images)[0]
        height, width = images.shape[1], images.shape[2]
        top = keras.random.randint((batch, 1, 1, 1), 0, height - self.size + 1, seed=self.seed_generator)
        left = keras.random.randint((batch, 1, 1, 1), 0, width - self.size + 1, seed=self.seed_generator)
        rows = ops.reshape(ops.arange(height, dtype="int32"), (1, -1, 1, 1))
        cols = ops.reshape(ops.arange(width, dtype="int32"), (1, 1, -1, 1))
        top, left = ops.cast(top, "int32"), ops.cast(left, "int32")
        in_rows = ops.logical_and(rows >= top, rows < top + self.size)
        in_cols = ops.logical_and(cols >= left, cols < left + self.size)
        return ops.where(ops.logical_and(in_rows, in_cols), ops.zeros_like(images), images)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "size": self.size, "seed": self.seed}


@register
class Top2Router(layers.Layer):
    """Each sample goes through the two experts that its gate likes best."""

    def __init__(self, experts=4, units=3, **kwargs):
        super().__init__(**kwargs)
        self.experts = experts
        self.units = units

    def build(self, input_shape):
        dim = int(input_shape[-1])
        self.gate = self.add_weight(name="gate", shape=(dim, self.experts), initializer="glorot_uniform")
        self.w = self.add_weight(
            name="w", shape=(self.experts, dim, self.units), initializer="glorot_uniform"
        )
        self.b = self.add_weight(name="b", shape=(self.experts, self.units), initializer="zeros")

    def call(self, x):
        logits = ops.matmul(x, self.gate)
        best, _ = ops.top_k(logits, k=2)
        chosen = logits >= best[..., -1:]
        probs = ops.softmax(ops.where(chosen, logits, ops.cast(-3e4, logits.dtype)), axis=-1)
        outputs = ops.einsum("bd,edu->beu", x, self.w) + self.b
        return ops.sum(ops.expand_dims(probs, -1) * ops.relu(outputs), axis=1)

    def get_config(self):
        return {**super().get_config(), "experts": self.experts, "units": self.units}


@register
class DetectorHead(layers.Layer):
    """Scores of classes and offsets of boxes for each place of a feature map."""

    def __init__(self, num_classes=3, num_anchors=2, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.num_anchors = num_anchors
        self.tower = [
            layers.Conv2D(4, 3, padding="same", activation="relu", name=f"tower_{i}") for i in range(2)
        ]
        self.cls = layers.Conv2D(
            num_classes * num_anchors,
            3,
            padding="same",
            bias_initializer=keras.initializers.Constant(-4.6),
            name="cls",
        )
        self.box = layers.Conv2D(4 * num_anchors, 3, padding="same", name="box")

    def build(self, input_shape):
        shape = tuple(input_shape)
        for conv in self.tower:
            conv.build(shape)
            shape = (*shape[:-1], 4)
        self.cls.build(shape)
        self.box.build(shape)

    def call(self, feature_map):
        x = feature_map
        for conv in self.tower:
            x = conv(x)
        places = feature_map.shape[1] * feature_map.shape[2] * self.num_anchors
        return {
            "boxes": ops.reshape(self.box(x), (-1, places, 4)),
            "classes": ops.reshape(self.cls(x), (-1, places, self.num_classes)),
        }

    def compute_output_shape(self, input_shape):
        places = input_shape[1] * input_shape[2] * self.num_anchors
        return {
            "boxes": (input_shape[0], places, 4),
            "classes": (input_shape[0], places, self.num_classes),
        }

    def get_config(self):
        config = super().get_config()
        config.update(num_classes=self.num_classes, num_anchors=self.num_anchors)
        return config


@register
class DCTFrontend(layers.Layer):
    """The first coefficients of a cosine transform of the log energies: nothing in it is learned."""

    def __init__(self, num_coefficients=4, floor=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.num_coefficients = num_coefficients
        self.floor = floor

    def build(self, input_shape):
        n = input_shape[-1]
        k = np.arange(self.num_coefficients)[None, :]
        basis = np.cos(np.pi / n * (np.arange(n)[:, None] + 0.5) * k) * np.sqrt(2.0 / n)
        basis[:, 0] /= np.sqrt(2.0)
        self.basis = basis

    def call(self, spectrum):
        energy = ops.log(ops.maximum(ops.square(spectrum), self.floor))
        return ops.matmul(energy, ops.cast(self.basis, energy.dtype))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.num_coefficients)

    def get_config(self):
        return {
            **super().get_config(),
            "num_coefficients": self.num_coefficients,
            "floor": self.floor,
        }


@register
class NegativeBinomialNLL(keras.losses.Loss):
    """Counts of sales; the prediction holds the logarithms of mean and dispersion."""

    def __init__(self, name="nb_nll", **kwargs):
        super().__init__(name=name, **kwargs)

    def lgamma(self, x):
        """Stirling's series, after a shift by six."""
        shift = ops.zeros_like(x)
        for i in range(6):
            shift = shift + ops.log(x + i)
        z = x + 6.0
        series = 1.0 / (12.0 * z) - 1.0 / (360.0 * z**3)
        return (z - 0.5) * ops.log(z) - z + 0.5 * float(np.log(2 * np.pi)) + series - shift

    def call(self, y_true, y_pred):
        y = ops.cast(y_true, y_pred.dtype)[..., 0]
        mean = ops.exp(ops.clip(y_pred[..., 0], -8.0, 8.0))
        r = ops.exp(ops.clip(y_pred[..., 1], -4.0, 4.0))
        y = ops.maximum(y, 0.0)
        log_prob = (
            self.lgamma(y + r)
            - self.lgamma(r)
            - self.lgamma(y + 1.0)
            + r * (ops.log(r) - ops.log(r + mean))
            + y * (ops.log(mean) - ops.log(r + mean))
        )
        return -log_prob


@register
class OneVsRestMargin(keras.losses.Loss):
    """The multi-class hinge of Crammer and Singer, over numbers of classes."""

    def __init__(self, margin=1.0, name="margin", reduction="sum_over_batch_size", **kwargs):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.margin = margin

    def call(self, y_true, y_pred):
        classes = y_pred.shape[-1]
        truth = ops.one_hot(ops.reshape(ops.cast(y_true, "int32"), (-1,)), classes, dtype=y_pred.dtype)
        right = ops.sum(truth * y_pred, axis=-1)
        wrong = ops.max(y_pred - 1e4 * truth, axis=-1)
        return ops.relu(self.margin + wrong - right)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}


@register
class SegmentReport(keras.metrics.Metric):
    """Precision and recall of a tagger, shown under two names."""

    def __init__(self, threshold=0.5, name="report", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.counts = self.add_weight(name="counts", shape=(3,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        truth = ops.cast(ops.cast(y_true, self.dtype) > 0.5, self.dtype)
        said = ops.cast(ops.cast(y_pred, self.dtype) > self.threshold, self.dtype)
        parts = ops.stack([truth * said, said, truth], axis=-1)
        if sample_weight is not None:
            w = ops.cast(sample_weight, self.dtype)
            while len(w.shape) < len(parts.shape):
                w = ops.expand_dims(w, -1)
            parts = parts * w
        self.counts.assign_add(ops.sum(ops.reshape(parts, (-1, 3)), axis=0))

    def result(self):
        hit, said, truth = self.counts[0], self.counts[1], self.counts[2]
        return {
            "precision": ops.divide_no_nan(hit, said),
            "recall": ops.divide_no_nan(hit, truth),
        }

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


@register
class TwoTower(keras.Model):
    """Users and items meet on the sphere; the other items of the batch are the negatives."""

    def __init__(self, dim=4, temperature=0.2, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.temperature = temperature
        self.user = layers.Dense(dim)
        self.item = layers.Dense(dim)

    def build(self, input_shape):
        half = (None, input_shape[-1] // 2)
        self.user.build(half)
        self.item.build(half)

    def call(self, pairs):
        user, item = ops.split(pairs, 2, axis=-1)
        u = ops.normalize(self.user(user), axis=-1)
        v = ops.normalize(self.item(item), axis=-1)
        return ops.concatenate([u, v], axis=-1)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        u, v = ops.split(y_pred, 2, axis=-1)
        logits = ops.matmul(u, ops.transpose(v)) / self.temperature
        target = ops.arange(ops.shape(logits)[0])
        values = ops.sparse_categorical_crossentropy(target, logits, from_logits=True)
        if sample_weight is not None:
            values = values * ops.reshape(ops.cast(sample_weight, values.dtype), (-1,))
        return ops.mean(values) + sum(self.losses)

    def get_config(self):
        return {**super().get_config(), "dim": self.dim, "temperature": self.temperature}


def two_tower():
    model = TwoTower()
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


@register
class LookaheadSGD(keras.optimizers.Optimizer):
    """k fast steps, then a slow one half the way (Zhang et al. 2019)."""

    def __init__(self, learning_rate=0.05, sync_period=3, slow_step=0.5, name="lookahead_sgd", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.sync_period = sync_period
        self.slow_step = slow_step

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.slow = [self.add_variable_from_reference(v, name="slow") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(learning_rate, variable.dtype)
        slow = self.slow[self._get_variable_index(variable)]
        first = ops.equal(self.iterations, 0)
        sync = ops.equal((self.iterations + 1) % self.sync_period, 0)
        start = ops.where(first, ops.convert_to_tensor(variable), ops.convert_to_tensor(slow))
        fast = variable - lr * ops.cast(gradient, variable.dtype)
        slow_next = ops.where(sync, start + self.slow_step * (fast - start), start)
        self.assign(slow, slow_next)
        self.assign(variable, ops.where(sync, slow_next, fast))

    def get_config(self):
        config = super().get_config()
        config.update({"sync_period": self.sync_period, "slow_step": self.slow_step})
        return config


SOUND = {
    "ReZeroBlock": good(ReZeroBlock, one(4, 5, 6)),
    "Cutout": good(lambda: Cutout(3), one(4, 8, 8, 3)),
    "Top2Router": good(Top2Router, one(16, 5)),
    "DetectorHead": good(DetectorHead, one(2, 4, 4, 5)),
    "DCTFrontend": good(DCTFrontend, one(3, 6, 8)),
    "NegativeBinomialNLL": good(
        NegativeBinomialNLL,
        lambda: (random().integers(0, 9, (8, 1)).astype("float32"), numbers(8, 2, seed=1)),
    ),
    "OneVsRestMargin": good(
        OneVsRestMargin, lambda: (random().integers(0, 5, 8).astype("int32"), numbers(8, 5, seed=1))
    ),
    "SegmentReport": good(SegmentReport, lambda: (labels(4, 6), shares(4, 6, seed=1))),
    "TwoTower": good(two_tower, one(16, 8)),
    "LookaheadSGD": good(lambda: LookaheadSGD(0.05)),
}
