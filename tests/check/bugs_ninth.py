"""A ninth set: ports of well-known layers, losses, metrics and training loops, with the slips that people report."""

from __future__ import annotations

import keras
import numpy as np
from bug import labels, numbers, one_hot, random, shares
from bugs_people import both, bug, compiled, one
from bugs_seventh import sound, step
from keras import layers, ops

register = keras.saving.register_keras_serializable("kerascope_ninth")
BACKEND = keras.backend.backend()


# -- layers --------------------------------------------------------------------------------------------------------


@register
class PatchEncoder(layers.Layer):
    """Projects patches and adds where they are; takes neither a name nor a dtype, which its configuration has."""

    def __init__(self, num_patches=5, projection_dim=6):
        super().__init__()
        self.num_patches = num_patches
        self.projection_dim = projection_dim
        self.projection = layers.Dense(units=projection_dim)
        self.position_embedding = layers.Embedding(input_dim=num_patches, output_dim=projection_dim)

    def build(self, input_shape):
        self.projection.build(input_shape)
        self.position_embedding.build((None,))

    def call(self, patch):
        positions = ops.arange(self.num_patches)
        return self.projection(patch) + self.position_embedding(positions)

    def get_config(self):
        config = super().get_config()
        config.update({"num_patches": self.num_patches, "projection_dim": self.projection_dim})
        return config


@register
class PatchEncoderWithKwargs(layers.Layer):
    def __init__(self, num_patches=5, projection_dim=6, **kwargs):
        super().__init__(**kwargs)
        self.num_patches = num_patches
        self.projection_dim = projection_dim
        self.projection = layers.Dense(units=projection_dim)
        self.position_embedding = layers.Embedding(input_dim=num_patches, output_dim=projection_dim)

    def build(self, input_shape):
        self.projection.build(input_shape)
        self.position_embedding.build((None,))

    def call(self, patch):
        positions = ops.arange(self.num_patches)
        return self.projection(patch) + self.position_embedding(positions)

    def get_config(self):
        config = super().get_config()
        config.update({"num_patches": self.num_patches, "projection_dim": self.projection_dim})
        return config


@register
class GatedConv(layers.Layer):
    """A gate of WaveNet: keeps twice its filters under the name of its argument, and doubles them at each reload."""

    def __init__(self, filters, kernel_size=3, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters * 2
        self.kernel_size = kernel_size
        self.conv = layers.Conv1D(self.filters, kernel_size, padding="causal")

    def build(self, input_shape):
        self.conv.build(input_shape)

    def call(self, x):
        value, gate = ops.split(self.conv(x), 2, axis=-1)
        return ops.tanh(value) * ops.sigmoid(gate)

    def get_config(self):
        config = super().get_config()
        config["filters"] = self.filters
        config["kernel_size"] = self.kernel_size
        return config


@register
class GatedConvOnce(GatedConv):
    def get_config(self):
        config = super().get_config()
        config["filters"] = self.filters // 2
        return config


class WordAttention(layers.Layer):
    """Additive attention; multiplies the scores by the mask, so the padding still has exp(0)."""

    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.W = layers.Dense(units, activation="tanh")
        self.V = layers.Dense(1, use_bias=False)
        self.supports_masking = True

    def build(self, input_shape):
        self.W.build(input_shape)
        self.V.build(tuple(input_shape[:-1]) + (self.units,))  # noqa: RUF005

    def masked(self, score, mask):
        return score * ops.cast(ops.expand_dims(mask, -1), score.dtype)

    def call(self, hidden, mask=None):
        score = self.V(self.W(hidden))
        if mask is not None:
            score = self.masked(score, mask)
        weights = ops.softmax(score, axis=1)
        return ops.sum(weights * hidden, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class WordAttentionHidden(WordAttention):
    def masked(self, score, mask):
        return ops.where(ops.expand_dims(mask, -1), score, ops.cast(-1e4, score.dtype))


@register
class Subsample(layers.Layer):
    """Halves the frames of speech, and hands the mask of all frames on."""

    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.supports_masking = True
        self.conv = layers.Conv1D(filters, 2, strides=2, padding="valid", activation="relu")

    def build(self, input_shape):
        self.conv.build(input_shape)

    def call(self, x, mask=None):
        if mask is not None:
            x = x * ops.cast(mask, x.dtype)[:, :, None]
        return self.conv(x)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@register
class SubsampleBoth(Subsample):
    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        return ops.logical_or(mask[:, :-1:2], mask[:, 1::2])


class CosineClassifier(layers.Layer):
    """The angle between features and classes; a sample of zeros is divided by its length."""

    eps = 0.0

    def __init__(self, classes=4, scale=10.0, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.scale = scale

    def build(self, input_shape):
        self.prototypes = self.add_weight(
            name="prototypes", shape=(input_shape[-1], self.classes), initializer="glorot_uniform"
        )

    def unit(self, v, axis):
        return v / ops.sqrt(ops.sum(ops.square(v), axis=axis, keepdims=True) + self.eps)

    def call(self, features):
        cos = ops.matmul(self.unit(features, -1), self.unit(self.prototypes, 0))
        return self.scale * cos

    def get_config(self):
        config = super().get_config()
        config.update(classes=self.classes, scale=self.scale)
        return config


class CosineClassifierGuarded(CosineClassifier):
    eps = 1e-6


class Ratings(layers.Layer):
    """Matrix factorisation: squeezes whatever has size one, a batch of one as well."""

    def __init__(self, num_users=10, num_items=10, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.num_users, self.num_items, self.dim = num_users, num_items, dim
        self.user = layers.Embedding(num_users, dim)
        self.item = layers.Embedding(num_items, dim)
        self.user_bias = layers.Embedding(num_users, 1)
        self.item_bias = layers.Embedding(num_items, 1)

    def build(self, input_shape):
        for table in (self.user, self.item, self.user_bias, self.item_bias):
            table.build((input_shape[0],))

    def flat(self, score):
        return ops.squeeze(score)

    def call(self, pairs):
        u, i = pairs[:, 0], pairs[:, 1]
        dot = ops.sum(self.user(u) * self.item(i), axis=-1, keepdims=True)
        return self.flat(dot + self.user_bias(u) + self.item_bias(i))

    def get_config(self):
        return {
            **super().get_config(),
            "num_users": self.num_users,
            "num_items": self.num_items,
            "dim": self.dim,
        }


class RatingsOfPairs(Ratings):
    def flat(self, score):
        return ops.squeeze(score, axis=-1)


class MinMax(layers.Layer):
    """Brings series between 0 and 1, by the least and largest number of the whole batch."""

    axis = None

    def call(self, x):
        low = ops.min(x, axis=self.axis, keepdims=True)
        high = ops.max(x, axis=self.axis, keepdims=True)
        return (x - low) / (high - low + 1e-3)


class MinMaxOfSeries(MinMax):
    axis = 1


@register
class MyBatchNorm(layers.Layer):
    """Batch normalisation by hand: the moving mean and variance are made as weights to train."""

    moving = {}  # noqa: RUF012

    def __init__(self, momentum=0.9, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape):
        dim = (input_shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=dim, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=dim, initializer="zeros")
        self.moving_mean = self.add_weight(name="moving_mean", shape=dim, initializer="zeros", **self.moving)
        self.moving_var = self.add_weight(name="moving_var", shape=dim, initializer="ones", **self.moving)

    def call(self, x, training=False):
        if training:
            mean, var = ops.mean(x, axis=0), ops.var(x, axis=0)
            self.moving_mean.assign(self.momentum * self.moving_mean + (1 - self.momentum) * mean)
            self.moving_var.assign(self.momentum * self.moving_var + (1 - self.momentum) * var)
        else:
            mean, var = self.moving_mean, self.moving_var
        return self.gamma * (x - mean) / ops.sqrt(var + self.epsilon) + self.beta

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}


@register
class MyBatchNormFixed(MyBatchNorm):
    moving = {"trainable": False}  # noqa: RUF012


class Centered(layers.Layer):
    """Takes a running mean away, and puts a tensor where the variable of the running mean was."""

    def build(self, input_shape):
        self.center = self.add_weight(
            name="center", shape=(input_shape[-1],), initializer="zeros", trainable=False
        )
        self.proj = layers.Dense(3)
        self.proj.build(input_shape)

    def moved(self, mean):
        self.center = 0.9 * self.center + 0.1 * mean

    def call(self, x, training=False):
        if training:
            self.moved(ops.mean(x, axis=0))
        return self.proj(x - ops.cast(self.center, x.dtype))


class CenteredByAssign(Centered):
    def moved(self, mean):
        self.center.assign(0.9 * self.center + 0.1 * mean)


class Standardize(layers.Layer):
    """Adapts to a table; what it learnt is two arrays that are not saved with the model."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean, self.std = 0.0, 1.0

    def adapt(self, data):
        self.mean = data.mean(axis=0)
        self.std = data.std(axis=0) + 1e-6

    def call(self, x):
        return (x - ops.cast(self.mean, x.dtype)) / ops.cast(self.std, x.dtype)


class StandardizeInWeights(layers.Layer):
    def build(self, input_shape):
        kind = {"shape": (input_shape[-1],), "trainable": False}
        self.mean = self.add_weight(name="mean", initializer="zeros", **kind)
        self.std = self.add_weight(name="std", initializer="ones", **kind)

    def adapt(self, data):
        if not self.built:
            self.build(data.shape)
        self.mean.assign(data.mean(axis=0))
        self.std.assign(data.std(axis=0) + 1e-6)

    def call(self, x):
        return (x - self.mean) / self.std


def adapted(layer):
    layer.adapt(3.0 + 2.0 * numbers(50, 6, seed=5))
    return layer


class Rescale255(layers.Layer):
    """Asks a tensor in an `if` whether the images are still bytes."""

    def __init__(self, filters=3, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.stem = layers.Conv2D(filters, 3, padding="same")

    def build(self, input_shape):
        self.stem.build(input_shape)

    def rescaled(self, images):
        if ops.max(images) > 1.0:
            images = images / 255.0
        return images

    def call(self, images):
        return self.stem(self.rescaled(images))

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


class Rescale255Where(Rescale255):
    def rescaled(self, images):
        brightest = ops.max(images, axis=(1, 2, 3), keepdims=True)
        return ops.where(brightest > 1.0, images / 255.0, images)


class Denoise(layers.Layer):
    """Sets small coefficients to zero; nothing tells the learned threshold whether to grow."""

    def build(self, input_shape):
        self.threshold = self.add_weight(
            name="threshold",
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(0.3),
            trainable=True,
        )

    def shrunk(self, x):
        return ops.where(ops.abs(x) > self.threshold, x, ops.zeros_like(x))

    def call(self, x):
        return self.shrunk(x)


class DenoiseSoft(Denoise):
    def shrunk(self, x):
        return ops.sign(x) * ops.relu(ops.abs(x) - self.threshold)


# -- losses --------------------------------------------------------------------------------------------------------


class RMSE(keras.losses.Loss):
    """The root of the mean square of a sample, which has no slope where the fit is exact."""

    eps = 0.0

    def call(self, y_true, y_pred):
        return ops.sqrt(ops.mean(ops.square(y_true - y_pred), axis=-1) + self.eps)


class RMSEGuarded(RMSE):
    eps = 1e-8


class F1Loss(keras.losses.Loss):
    """1 - F1 of the tags of a text, from rounded predictions, which have no gradient."""

    def said(self, y_pred):
        return ops.round(y_pred)

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        said = self.said(y_pred)
        tp = ops.sum(y_true * said, axis=-1)
        fp = ops.sum((1 - y_true) * said, axis=-1)
        fn = ops.sum(y_true * (1 - said), axis=-1)
        return 1 - (2 * tp + 1e-3) / (2 * tp + fp + fn + 1e-3)


class SoftF1Loss(F1Loss):
    def said(self, y_pred):
        return y_pred


def jaccard_loss(y_true, y_pred):
    """Gives the overlap itself, which training then makes as small as it can."""
    return jaccard(y_true, y_pred)


def jaccard_distance(y_true, y_pred):
    return 1.0 - jaccard(y_true, y_pred)


def jaccard(y_true, y_pred):
    axes = tuple(range(1, len(y_pred.shape)))
    intersection = ops.sum(y_true * y_pred, axis=axes)
    union = ops.sum(y_true + y_pred, axis=axes) - intersection
    return (intersection + 1.0) / (union + 1.0)


class WeightedBCE(keras.losses.Loss):
    """Weighs what is positive; cannot be made again from its configuration, which lacks the weight."""

    def __init__(self, pos_weight, name="weighted_bce", **kwargs):
        super().__init__(name=name, **kwargs)
        self.pos_weight = pos_weight

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        y_pred = ops.clip(y_pred, keras.config.epsilon(), 1 - keras.config.epsilon())
        pos = self.pos_weight * y_true * ops.log(y_pred)
        neg = (1 - y_true) * ops.log(1 - y_pred)
        return -ops.mean(pos + neg, axis=-1)


class WeightedBCEKept(WeightedBCE):
    def get_config(self):
        config = super().get_config()
        config["pos_weight"] = self.pos_weight
        return config


# -- metrics -------------------------------------------------------------------------------------------------------


class SMAPE(keras.metrics.Metric):
    """The error of forecasts in percent; assigns where it should add, and so knows the last batch only."""

    def __init__(self, name="smape", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def add(self, variable, value):
        variable.assign(value)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, self.dtype)
        y_pred = ops.cast(y_pred, self.dtype)
        scale = ops.maximum(ops.abs(y_true) + ops.abs(y_pred), 1e-6)
        error = ops.mean(200.0 * ops.abs(y_true - y_pred) / scale, axis=-1)
        weight = ops.ones_like(error)
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, self.dtype), ops.shape(error))
        self.add(self.total, ops.sum(error * weight))
        self.add(self.count, ops.sum(weight))

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


class SMAPESummed(SMAPE):
    def add(self, variable, value):
        variable.assign_add(value)


class Specificity(keras.metrics.Metric):
    """True negatives of all negatives; has no place for the weights that `fit` hands over."""

    def __init__(self, threshold=0.5, name="specificity", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.tn = self.add_weight(name="tn", initializer="zeros")
        self.fp = self.add_weight(name="fp", initializer="zeros")

    def counted(self, y_true, y_pred, weight):
        negative = ops.cast(ops.cast(y_true, self.dtype) < 0.5, self.dtype) * weight
        positive_said = ops.cast(ops.cast(y_pred, self.dtype) > self.threshold, self.dtype)
        self.tn.assign_add(ops.sum(negative * (1 - positive_said)))
        self.fp.assign_add(ops.sum(negative * positive_said))

    def update_state(self, y_true, y_pred):
        self.counted(y_true, y_pred, 1.0)

    def result(self):
        return self.tn / (self.tn + self.fp + keras.config.epsilon())

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


class SpecificityWeighted(Specificity):
    def update_state(self, y_true, y_pred, sample_weight=None):
        weight = 1.0
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        self.counted(y_true, y_pred, weight)


class MyBinaryAccuracy(keras.metrics.Metric):
    """Compares targets of shape (batch,) with predictions of shape (batch, 1): each with all."""

    def __init__(self, name="my_accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.correct = self.add_weight(name="correct", initializer="zeros")
        self.total = self.add_weight(name="total", initializer="zeros")

    def fitted(self, y_true, y_pred):
        return y_true, y_pred

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = self.fitted(ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype))
        match = ops.cast(ops.equal(y_true, ops.cast(y_pred > 0.5, self.dtype)), self.dtype)
        weight = ops.ones_like(match)
        if sample_weight is not None:
            weight = weight * self.fitted(ops.cast(sample_weight, self.dtype), match)[0]
        self.correct.assign_add(ops.sum(match * weight))
        self.total.assign_add(ops.sum(weight))

    def result(self):
        return ops.divide_no_nan(self.correct, self.total)


class MyBinaryAccuracyFlat(MyBinaryAccuracy):
    def fitted(self, y_true, y_pred):
        return ops.reshape(y_true, (-1,)), ops.reshape(y_pred, (-1,))


class Kappa(keras.metrics.Metric):
    """Cohen's kappa; its result divides the matrix of counts in place, so that what follows weighs too much."""

    def __init__(self, num_classes=4, name="kappa", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.matrix = self.add_weight(name="matrix", shape=(num_classes, num_classes), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        truth = ops.one_hot(ops.argmax(y_true, axis=-1), self.num_classes, dtype=self.dtype)
        said = ops.one_hot(ops.argmax(y_pred, axis=-1), self.num_classes, dtype=self.dtype)
        if sample_weight is not None:
            truth = truth * ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        self.matrix.assign_add(ops.matmul(ops.transpose(truth), said))

    def normalized(self):
        self.matrix.assign(ops.divide_no_nan(self.matrix, ops.sum(self.matrix)))
        return self.matrix

    def result(self):
        matrix = self.normalized()
        agreed = ops.trace(matrix)
        by_chance = ops.sum(ops.sum(matrix, axis=0) * ops.sum(matrix, axis=1))
        return ops.divide_no_nan(agreed - by_chance, 1.0 - by_chance)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}


class KappaLeftAlone(Kappa):
    def normalized(self):
        return ops.divide_no_nan(self.matrix, ops.sum(self.matrix))


# -- optimizers ----------------------------------------------------------------------------------------------------


class MyAdagrad(keras.optimizers.Optimizer):
    """Steps by the rate that it was made with: schedules and callbacks change another one."""

    def __init__(self, learning_rate=0.05, epsilon=1e-6, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.lr = learning_rate
        self.epsilon = epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.sums = [self.add_variable_from_reference(v, name="sum") for v in variables]

    def rate(self, learning_rate):
        return self.lr

    def update_step(self, gradient, variable, learning_rate):
        total = self.sums[self._get_variable_index(variable)]
        lr = ops.cast(self.rate(learning_rate), variable.dtype)
        self.assign_add(total, ops.square(gradient))
        self.assign_sub(variable, lr * gradient / (ops.sqrt(total) + self.epsilon))

    def get_config(self):
        config = super().get_config()
        config["epsilon"] = self.epsilon
        return config


class MyAdagradAsked(MyAdagrad):
    def rate(self, learning_rate):
        return learning_rate


# -- models --------------------------------------------------------------------------------------------------------


def gradients_of(model, loss_of):
    """Returns the loss, what is to be trained and its gradients, for steps of TensorFlow and PyTorch."""
    if BACKEND == "torch":
        model.zero_grad()
        loss = loss_of()
        loss.backward()
        variables = model.trainable_variables
        return loss.detach(), variables, [v.value.grad for v in variables]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = loss_of()
    variables = model.trainable_variables
    return loss, variables, tape.gradient(loss, [v.value for v in variables])


def apply(optimizer, gradients, variables):
    if BACKEND == "torch":
        import torch

        with torch.no_grad():
            optimizer.apply(gradients, variables)
    else:
        optimizer.apply(gradients, variables)


class Mlp(keras.Model):
    """Sound. The models below train it in a way of their own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(8, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.01))
        self.dropout = layers.Dropout(0.4)
        self.out = layers.Dense(2)

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.out.build((None, 8))

    def call(self, x, training=None):
        return self.out(self.dropout(self.hidden(x), training=training))


class HuberMlp(Mlp):
    """Has a loss of its own, and leaves the penalty of its kernel out of it."""

    def penalty(self):
        return 0.0

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        huber = keras.losses.Huber(delta=0.5)
        return huber(y, y_pred, sample_weight=sample_weight) + self.penalty()


class HuberMlpPenalised(HuberMlp):
    def penalty(self):
        return ops.sum(ops.stack(self.losses))


class OwnStep(Mlp):
    """A training step by the book, which calls the model as for a prediction: dropout is off."""

    def predicted(self, x):
        return self(x)

    def updated(self, metric, y, y_pred, sample_weight):
        metric.update_state(y, y_pred, sample_weight=sample_weight)

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        seen = []

        def loss_of():
            seen.append(self.predicted(x))
            return self.compute_loss(x=x, y=y, y_pred=seen[0], sample_weight=sample_weight)

        loss, variables, gradients = gradients_of(self, loss_of)
        apply(self.optimizer, gradients, variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=ops.shape(x)[0])
            else:
                self.updated(metric, y, seen[0], sample_weight)
        return {m.name: m.result() for m in self.metrics}


class OwnStepInTraining(OwnStep):
    def predicted(self, x):
        return self(x, training=True)


class OwnStepWithError(OwnStepInTraining):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mae = keras.metrics.MeanAbsoluteError(name="mae")

    def test_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
        self._loss_tracker.update_state(loss, sample_weight=ops.shape(x)[0])
        self.mae.update_state(y, y_pred, sample_weight=sample_weight)
        return {m.name: m.result() for m in self.metrics}


class OwnStepLossOnly(OwnStepWithError):
    """Shows all metrics after a step of training, of which it fed only the loss."""

    def updated(self, metric, y, y_pred, sample_weight):
        pass


_STEP = {
    "inputs": lambda: (numbers(16, 6), numbers(16, 2, seed=1)),
    "backends": ("tensorflow", "torch"),
}
_MASKS = lambda: (labels(4, 6, 6, 1), shares(4, 6, 6, 1, seed=1))  # noqa: E731

BUGS = {
    "PatchEncoder": bug(
        PatchEncoder,
        PatchEncoderWithKwargs,
        "name-and-dtype",
        "config",
        "save-and-load",
        "mixed-precision",
        inputs=one(3, 5, 4),
    ),
    "GatedConv": bug(
        lambda: GatedConv(3), lambda: GatedConvOnce(3), "config", "save-and-load", inputs=one(3, 6, 2)
    ),
    "WordAttention": bug(WordAttention, WordAttentionHidden, "masks", inputs=one(3, 5, 4)),
    "Subsample": bug(Subsample, SubsampleBoth, "masks", inputs=one(3, 6, 4)),
    "CosineClassifier": bug(CosineClassifier, CosineClassifierGuarded, "gradients-finite", inputs=one(3, 6)),
    "Ratings": bug(
        Ratings,
        RatingsOfPairs,
        "batch-sizes",
        "batch-independence",
        "shapes-agree",
        "in-models",
        "builds",
        inputs=lambda: (np.array([[1, 3], [0, 2], [5, 3], [7, 9]], dtype="int32"),),
    ),
    "MinMax": bug(MinMax, MinMaxOfSeries, "batch-independence", inputs=one(3, 7, 2)),
    "MyBatchNorm": bug(MyBatchNorm, MyBatchNormFixed, "gradients-reach", "trainable", inputs=one(8, 5)),
    "Centered": bug(
        Centered,
        CenteredByAssign,
        "tracked-state",
        "python-state",
        "compiled",
        "save-and-load",
        "in-models",
        inputs=one(4, 5),
    ),
    "Standardize": bug(
        lambda: adapted(Standardize()),
        lambda: adapted(StandardizeInWeights()),
        "save-and-load",
        "config",
        "tracked-state",
        "python-state",
        inputs=one(4, 6),
    ),
    "Rescale255": bug(
        Rescale255,
        Rescale255Where,
        "builds",
        "compiled",
        "in-models",
        "shapes-agree",
        "batch-independence",
        inputs=lambda: (shares(3, 6, 6, 3) * np.array([255, 255, 1], "float32")[:, None, None, None],),
    ),
    "Denoise": bug(Denoise, DenoiseSoft, "gradients-reach", inputs=one(3, 8, 4)),
    "RMSE": bug(RMSE, RMSEGuarded, "loss-finite", "loss-gradient", inputs=both(numbers)),
    "F1Loss": bug(F1Loss, SoftF1Loss, "loss-gradient", inputs=lambda: (labels(8, 5), shares(8, 5, seed=1))),
    "jaccard_loss": bug(lambda: jaccard_loss, lambda: jaccard_distance, "loss-minimum", inputs=_MASKS),
    "WeightedBCE": bug(
        lambda: WeightedBCE(3.0),
        lambda: WeightedBCEKept(3.0),
        "loss-config",
        inputs=lambda: (labels(8, 3), shares(8, 3, seed=1)),
    ),
    "SMAPE": bug(SMAPE, SMAPESummed, "metric-split", "metric-merge", inputs=both(numbers)),
    "Specificity": bug(
        Specificity,
        SpecificityWeighted,
        "metric-runs",
        "metric-sample-weight",
        inputs=lambda: (labels(8, 1), shares(8, 1, seed=1)),
    ),
    "MyBinaryAccuracy": bug(
        MyBinaryAccuracy,
        MyBinaryAccuracyFlat,
        "metric-targets",
        "metric-split",
        "metric-sample-weight",
        "metric-merge",
        "metric-reference",
        inputs=lambda: (labels(8), shares(8, 1, seed=1)),
    ),
    "Kappa": bug(
        Kappa,
        KappaLeftAlone,
        "metric-repeatable",
        "metric-split",
        "metric-merge",
        inputs=lambda: (one_hot(12, 4), shares(12, 4, seed=1)),
    ),
    "MyAdagrad": bug(MyAdagrad, MyAdagradAsked, "optimizer-learning-rate"),
    "HuberMlp": step(HuberMlp, HuberMlpPenalised, "step-added-losses"),
    "OwnStep": bug(
        lambda: compiled(OwnStep()),
        lambda: compiled(OwnStepInTraining()),
        "step-training-mode",
        **_STEP,
    ),
    "OwnStepLossOnly": bug(
        lambda: compiled(OwnStepLossOnly()),
        lambda: compiled(OwnStepWithError()),
        "step-metrics",
        "step-logs",
        **_STEP,
    ),
}


# -- sound ---------------------------------------------------------------------------------------------------------


@register
class CBAM(layers.Layer):
    """Attention over channels, then over places."""

    def __init__(self, reduction=2, kernel_size=7, **kwargs):
        super().__init__(**kwargs)
        self.reduction = reduction
        self.kernel_size = kernel_size

    def build(self, input_shape):
        channels = input_shape[-1]
        hidden = max(1, channels // self.reduction)
        self.mlp = keras.Sequential([layers.Dense(hidden, activation="relu"), layers.Dense(channels)])
        self.mlp.build((None, channels))
        self.spatial = layers.Conv2D(
            1, self.kernel_size, padding="same", activation="sigmoid", use_bias=False
        )
        self.spatial.build((*input_shape[:-1], 2))

    def call(self, x):
        avg, peak = ops.mean(x, axis=(1, 2)), ops.max(x, axis=(1, 2))
        channel = ops.sigmoid(self.mlp(avg) + self.mlp(peak))
        x = x * channel[:, None, None, :]
        pooled = ops.concatenate(
            [ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)], axis=-1
        )
        return x * self.spatial(pooled)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update({"reduction": self.reduction, "kernel_size": self.kernel_size})
        return config


@register
class PatchEmbed(layers.Layer):
    """Patches of an image, a class token before them, and learned places."""

    def __init__(self, patch_size=2, embed_dim=6, **kwargs):
        super().__init__(**kwargs)
        self.patch_size, self.embed_dim = patch_size, embed_dim
        self.proj = layers.Conv2D(embed_dim, kernel_size=patch_size, strides=patch_size)

    def build(self, input_shape):
        self.proj.build(input_shape)
        self.num_patches = (input_shape[1] // self.patch_size) * (input_shape[2] // self.patch_size)
        self.cls_token = self.add_weight(shape=(1, 1, self.embed_dim), initializer="zeros", name="cls_token")
        self.pos_embed = self.add_weight(
            shape=(1, self.num_patches + 1, self.embed_dim),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="pos_embed",
        )

    def call(self, images):
        x = ops.reshape(self.proj(images), (-1, self.num_patches, self.embed_dim))
        token = ops.broadcast_to(self.cls_token, (ops.shape(x)[0], 1, self.embed_dim))
        return ops.concatenate([token, x], axis=1) + self.pos_embed

    def compute_output_shape(self, input_shape):
        patches = (input_shape[1] // self.patch_size) * (input_shape[2] // self.patch_size)
        return (input_shape[0], patches + 1, self.embed_dim)

    def get_config(self):
        return {**super().get_config(), "patch_size": self.patch_size, "embed_dim": self.embed_dim}


@register
class SinusoidalPositions(layers.Layer):
    """The encoding of Vaswani et al., for any width, added to scaled words."""

    def __init__(self, max_length=32, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        self.max_length = max_length
        self.rate = dropout
        self.dropout = layers.Dropout(dropout)
        self.supports_masking = True

    def build(self, input_shape):
        self.dim = input_shape[-1]
        position = np.arange(self.max_length)[:, np.newaxis]
        i = np.arange(self.dim)[np.newaxis, :]
        angles = position / np.power(10000.0, 2 * (i // 2) / self.dim)
        angles[:, 0::2] = np.sin(angles[:, 0::2])
        angles[:, 1::2] = np.cos(angles[:, 1::2])
        self.encoding = angles[np.newaxis].astype("float32")

    def call(self, x, training=None):
        length = ops.shape(x)[1]
        encoding = ops.cast(self.encoding, x.dtype)[:, :length, :]
        x = x * ops.cast(self.dim**0.5, x.dtype) + encoding
        return self.dropout(x, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "max_length": self.max_length, "dropout": self.rate}


@register
class GroupedQueryAttention(layers.Layer):
    """Causal self-attention as in Llama: rotary places, fewer keys than queries."""

    def __init__(self, num_heads=4, num_kv_heads=2, head_dim=4, rope_base=10000.0, **kwargs):
        super().__init__(**kwargs)
        if num_heads % num_kv_heads:
            raise ValueError("`num_heads` must be a multiple of `num_kv_heads`.")
        self.num_heads, self.num_kv_heads, self.head_dim = num_heads, num_kv_heads, head_dim
        self.rope_base = rope_base
        self.supports_masking = True

    def build(self, input_shape):
        dim = input_shape[-1]

        def projection(heads, name):
            layer = layers.EinsumDense("btd,dhk->bthk", output_shape=(None, heads, self.head_dim), name=name)
            layer.build(input_shape)
            return layer

        self.q_proj = projection(self.num_heads, "q_proj")
        self.k_proj = projection(self.num_kv_heads, "k_proj")
        self.v_proj = projection(self.num_kv_heads, "v_proj")
        self.o_proj = layers.EinsumDense("bthk,hkd->btd", output_shape=(None, dim), name="o_proj")
        self.o_proj.build((None, None, self.num_heads, self.head_dim))

    def rotate(self, x):
        length = ops.shape(x)[1]
        half = self.head_dim // 2
        frequency = self.rope_base ** (-np.arange(half, dtype="float32") / half)
        angles = ops.expand_dims(ops.arange(length, dtype="float32"), -1) * frequency
        cos = ops.cast(ops.cos(angles), x.dtype)[None, :, None, :]
        sin = ops.cast(ops.sin(angles), x.dtype)[None, :, None, :]
        a, b = x[..., :half], x[..., half:]
        return ops.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)

    def call(self, x, mask=None):
        q = self.rotate(self.q_proj(x))
        k = self.rotate(self.k_proj(x))
        v = self.v_proj(x)
        repeats = self.num_heads // self.num_kv_heads
        k, v = ops.repeat(k, repeats, axis=2), ops.repeat(v, repeats, axis=2)
        scores = ops.einsum("bthk,bshk->bhts", q, k) / self.head_dim**0.5
        places = ops.arange(ops.shape(x)[1])
        allowed = (places[:, None] >= places[None, :])[None, None]
        if mask is not None:
            allowed = ops.logical_and(allowed, ops.cast(mask, "bool")[:, None, None, :])
        scores = ops.where(allowed, ops.cast(scores, "float32"), -1e9)
        weights = ops.cast(ops.softmax(scores, axis=-1), v.dtype)
        return self.o_proj(ops.einsum("bhts,bshk->bthk", weights, v))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "num_heads": self.num_heads,
                "num_kv_heads": self.num_kv_heads,
                "head_dim": self.head_dim,
                "rope_base": self.rope_base,
            }
        )
        return config


@register
class SwiGLU(layers.Layer):
    """RMS norm, gated feed-forward and residual."""

    def __init__(self, hidden_dim=8, epsilon=1e-6, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.hidden_dim = hidden_dim
        self.epsilon = epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True

    def build(self, input_shape):
        dim = input_shape[-1]
        init = self.kernel_initializer
        self.scale = self.add_weight(name="scale", shape=(dim,), initializer="ones")
        self.w_gate = self.add_weight(name="w_gate", shape=(dim, self.hidden_dim), initializer=init)
        self.w_up = self.add_weight(name="w_up", shape=(dim, self.hidden_dim), initializer=init)
        self.w_down = self.add_weight(name="w_down", shape=(self.hidden_dim, dim), initializer=init)

    def call(self, x):
        as_float = ops.cast(x, "float32")
        rms = ops.rsqrt(ops.mean(ops.square(as_float), axis=-1, keepdims=True) + self.epsilon)
        h = ops.cast(as_float * rms, x.dtype) * self.scale
        h = ops.silu(ops.matmul(h, self.w_gate)) * ops.matmul(h, self.w_up)
        return x + ops.matmul(h, self.w_down)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@register
class AttentionPooling(layers.Layer):
    """A learned query looks at the words that are there; mean and maximum beside it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.query = self.add_weight(name="query", shape=(input_shape[-1],), initializer="random_normal")

    def call(self, x, mask=None):
        score = ops.sum(x * self.query, axis=-1)
        if mask is None:
            mask = ops.ones_like(score, dtype="bool")
        mask = ops.cast(mask, "bool")
        low = ops.cast(-3e4, x.dtype)
        weight = ops.softmax(ops.where(mask, score, low), axis=-1)
        attended = ops.sum(x * weight[..., None], axis=1)
        kept = ops.cast(mask, x.dtype)[..., None]
        mean = ops.sum(x * kept, axis=1) / ops.maximum(ops.sum(kept, axis=1), 1)
        peak = ops.max(ops.where(mask[..., None], x, low), axis=1)
        return ops.concatenate([attended, mean, peak], axis=-1)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 3 * input_shape[-1])


@register
class RevINForecast(layers.Layer):
    """Normalises each series, forecasts it by a line, and puts its level and scale back."""

    def __init__(self, horizon=3, eps=1e-5, affine=True, **kwargs):
        super().__init__(**kwargs)
        self.horizon, self.eps, self.affine = horizon, eps, affine

    def build(self, input_shape):
        _, length, channels = input_shape
        if self.affine:
            self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer="ones")
            self.beta = self.add_weight(name="beta", shape=(channels,), initializer="zeros")
        self.linear = layers.Dense(self.horizon)
        self.linear.build((None, channels, length))

    def call(self, x):
        mean = ops.stop_gradient(ops.mean(x, axis=1, keepdims=True))
        std = ops.stop_gradient(ops.sqrt(ops.var(x, axis=1, keepdims=True) + self.eps))
        x = (x - mean) / std
        if self.affine:
            x = x * self.gamma + self.beta
        y = ops.transpose(self.linear(ops.transpose(x, (0, 2, 1))), (0, 2, 1))
        if self.affine:
            y = (y - self.beta) / (self.gamma + self.eps)
        return y * std + mean

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.horizon, input_shape[2])

    def get_config(self):
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "eps": self.eps,
            "affine": self.affine,
        }


@register
class SpecAugment(layers.Layer):
    """Blanks a band of frequencies and a stretch of time of each spectrogram, in training only."""

    def __init__(self, freq_width=3, time_width=4, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.freq_width = freq_width
        self.time_width = time_width
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def stretch(self, batch, size, width):
        start = keras.random.uniform((batch, 1), 0, size - width + 1, seed=self.seed_generator)
        start = ops.floor(start)
        places = ops.expand_dims(ops.arange(size, dtype="float32"), 0)
        return ops.logical_or(places < start, places >= start + width)

    def call(self, x, training=None):
        if not training:
            return x
        batch = ops.shape(x)[0]
        times = self.stretch(batch, x.shape[1], self.time_width)[:, :, None]
        bands = self.stretch(batch, x.shape[2], self.freq_width)[:, None, :]
        return x * ops.cast(ops.logical_and(times, bands), x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update({"freq_width": self.freq_width, "time_width": self.time_width, "seed": self.seed})
        return config


@register
class GraphConv(layers.Layer):
    """Kipf and Welling: features of nodes and a matrix of edges."""

    def __init__(self, units, activation=None, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias

    def build(self, input_shape):
        features, _ = input_shape
        self.kernel = self.add_weight(name="kernel", shape=(features[-1], self.units))
        self.bias = (
            self.add_weight(name="bias", shape=(self.units,), initializer="zeros") if self.use_bias else None
        )

    def call(self, inputs):
        x, adjacency = inputs
        a = adjacency + ops.eye(adjacency.shape[-1], dtype=adjacency.dtype)
        degree = ops.sum(a, axis=-1)
        scale = ops.where(degree > 0, ops.rsqrt(ops.maximum(degree, 1e-3)), ops.zeros_like(degree))
        a = a * scale[:, :, None] * scale[:, None, :]
        out = ops.matmul(a, ops.matmul(x, self.kernel))
        if self.bias is not None:
            out = out + self.bias
        return self.activation(out)

    def compute_output_shape(self, input_shape):
        features, _ = input_shape
        return (*features[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }


def graph():
    edges = labels(3, 5, 5, seed=2)
    return ([numbers(3, 5, 4), np.maximum(edges, edges.transpose(0, 2, 1))],)


@register
class LoraDense(layers.Layer):
    """A frozen kernel and a change of low rank, which begins at nothing."""

    def __init__(self, units, rank=2, alpha=4.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.rank = rank
        self.alpha = alpha

    def build(self, input_shape):
        dim = input_shape[-1]
        self.kernel = self.add_weight(name="kernel", shape=(dim, self.units), trainable=False)
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros", trainable=False)
        self.lora_a = self.add_weight(name="lora_a", shape=(dim, self.rank), initializer="he_uniform")
        self.lora_b = self.add_weight(name="lora_b", shape=(self.rank, self.units), initializer="zeros")

    def call(self, x):
        change = ops.matmul(ops.matmul(x, self.lora_a), self.lora_b)
        return ops.matmul(x, self.kernel) + self.bias + change * (self.alpha / self.rank)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        config = super().get_config()
        config.update({"units": self.units, "rank": self.rank, "alpha": self.alpha})
        return config


@register
class PeepholeLSTMCell(layers.Layer):
    """Gates that look at the cell."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, units]
        self.output_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 4 * self.units), name="kernel")
        self.recurrent = self.add_weight(
            shape=(self.units, 4 * self.units), initializer="orthogonal", name="recurrent"
        )
        self.peephole = self.add_weight(
            shape=(3, self.units), initializer=keras.initializers.RandomNormal(stddev=0.1), name="peephole"
        )
        self.bias = self.add_weight(shape=(4 * self.units,), initializer="zeros", name="bias")

    def call(self, inputs, states, training=None):
        h, c = states
        z = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent) + self.bias
        i, f, g, o = ops.split(z, 4, axis=-1)
        i = ops.sigmoid(i + c * self.peephole[0])
        f = ops.sigmoid(f + 1.0 + c * self.peephole[1])
        c = f * c + i * ops.tanh(g)
        h = ops.sigmoid(o + c * self.peephole[2]) * ops.tanh(c)
        return h, [h, c]

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in self.state_size]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class VectorQuantizerEMA(layers.Layer):
    """The nearest code for each vector; the codes follow a moving mean of what chose them."""

    def __init__(self, num_codes=8, commitment=0.25, decay=0.95, seed=11, **kwargs):
        super().__init__(**kwargs)
        self.num_codes = num_codes
        self.commitment = commitment
        self.decay = decay
        self.seed = seed

    def build(self, input_shape):
        self.dim = input_shape[-1]
        shape = (self.num_codes, self.dim)
        start = keras.initializers.RandomUniform(-0.5, 0.5, seed=self.seed)
        self.codes = self.add_weight(name="codes", shape=shape, initializer=start, trainable=False)
        self.sums = self.add_weight(name="sums", shape=shape, initializer=start, trainable=False)
        self.sizes = self.add_weight(
            name="sizes", shape=(self.num_codes,), initializer="ones", trainable=False
        )

    def call(self, x, training=None):
        flat = ops.cast(ops.reshape(x, (-1, self.dim)), "float32")
        codes = ops.cast(self.codes, "float32")
        distance = (
            ops.sum(ops.square(flat), axis=1, keepdims=True)
            - 2 * ops.matmul(flat, ops.transpose(codes))
            + ops.sum(ops.square(codes), axis=1)
        )
        chosen = ops.one_hot(ops.argmin(distance, axis=1), self.num_codes, dtype="float32")
        quantized = ops.cast(ops.reshape(ops.matmul(chosen, codes), ops.shape(x)), x.dtype)
        self.add_loss(self.commitment * ops.mean(ops.square(ops.stop_gradient(quantized) - x)))
        if training:
            flat = ops.stop_gradient(flat)
            sizes = self.decay * self.sizes + (1 - self.decay) * ops.sum(chosen, axis=0)
            sums = self.decay * self.sums + (1 - self.decay) * ops.matmul(ops.transpose(chosen), flat)
            self.sizes.assign(sizes)
            self.sums.assign(sums)
            self.codes.assign(sums / ops.maximum(sizes, 1e-3)[:, None])
        return x + ops.stop_gradient(quantized - x)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_codes": self.num_codes,
            "commitment": self.commitment,
            "decay": self.decay,
            "seed": self.seed,
        }


@register
class FocalFromLogits(keras.losses.Loss):
    """Lin et al., of logits."""

    def __init__(self, alpha=0.25, gamma=2.0, name="focal_from_logits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.alpha = alpha
        self.gamma = gamma

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        bce = ops.maximum(y_pred, 0) - y_pred * y_true + ops.softplus(-ops.abs(y_pred))
        p = ops.sigmoid(y_pred)
        p_t = y_true * p + (1 - y_true) * (1 - p)
        alpha_t = y_true * self.alpha + (1 - y_true) * (1 - self.alpha)
        return ops.mean(alpha_t * ops.power(1 - p_t, self.gamma) * bce, axis=-1)

    def get_config(self):
        config = super().get_config()
        config.update({"alpha": self.alpha, "gamma": self.gamma})
        return config


@register
class Tversky(keras.losses.Loss):
    """Overlap of an image and its mask, where what is missed costs more than what is too much."""

    def __init__(self, alpha=0.3, beta=0.7, smooth=1.0, name="tversky", **kwargs):
        super().__init__(name=name, **kwargs)
        self.alpha, self.beta, self.smooth = alpha, beta, smooth

    def call(self, y_true, y_pred):
        axes = list(range(1, len(y_pred.shape)))
        tp = ops.sum(y_true * y_pred, axis=axes)
        fp = ops.sum((1 - y_true) * y_pred, axis=axes)
        fn = ops.sum(y_true * (1 - y_pred), axis=axes)
        return 1 - (tp + self.smooth) / (tp + self.alpha * fp + self.beta * fn + self.smooth)

    def get_config(self):
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "beta": self.beta,
            "smooth": self.smooth,
        }


@register
class Wing(keras.losses.Loss):
    """Landmarks of faces: a logarithm near 0, a line from `w` on."""

    def __init__(self, w=1.0, epsilon=0.2, name="wing", **kwargs):
        super().__init__(name=name, **kwargs)
        self.w = w
        self.epsilon = epsilon
        self.c = w - w * float(np.log(1 + w / epsilon))

    def call(self, y_true, y_pred):
        error = ops.abs(y_true - y_pred)
        near = self.w * ops.log(1 + error / self.epsilon)
        return ops.mean(ops.where(error < self.w, near, error - self.c), axis=-1)

    def get_config(self):
        return {**super().get_config(), "w": self.w, "epsilon": self.epsilon}


class GaussianNLL(keras.losses.Loss):
    """The prediction holds means and, behind them, what softplus makes variances of."""

    def call(self, y_true, y_pred):
        mean, raw = ops.split(y_pred, 2, axis=-1)
        var = ops.softplus(raw) + 1e-3
        return ops.mean(0.5 * (ops.log(var) + ops.square(y_true - mean) / var), axis=-1)


@register
class MacroF1(keras.metrics.Metric):
    """The mean of the F1 of all classes; targets are numbers of classes."""

    def __init__(self, num_classes, name="macro_f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.tp, self.fp, self.fn = (
            self.add_weight(name=n, shape=(num_classes,), initializer="zeros") for n in ("tp", "fp", "fn")
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        truth = ops.one_hot(y_true, self.num_classes, dtype=self.dtype)
        said = ops.one_hot(ops.argmax(y_pred, axis=-1), self.num_classes, dtype=self.dtype)
        weight = 1.0
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        self.tp.assign_add(ops.sum(weight * truth * said, axis=0))
        self.fp.assign_add(ops.sum(weight * (1 - truth) * said, axis=0))
        self.fn.assign_add(ops.sum(weight * truth * (1 - said), axis=0))

    def result(self):
        return ops.mean(ops.divide_no_nan(2 * self.tp, 2 * self.tp + self.fp + self.fn))

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}


@register
class SegmentationIoU(keras.metrics.Metric):
    """Intersection over union of all pixels of all images."""

    def __init__(self, threshold=0.5, name="iou", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.intersection = self.add_variable(shape=(), initializer="zeros", name="intersection")
        self.union = self.add_variable(shape=(), initializer="zeros", name="union")

    def update_state(self, y_true, y_pred, sample_weight=None):
        truth = ops.cast(y_true, self.dtype) > 0.5
        said = ops.cast(y_pred, self.dtype) > self.threshold
        both_true = ops.cast(ops.logical_and(truth, said), self.dtype)
        either = ops.cast(ops.logical_or(truth, said), self.dtype)
        if sample_weight is not None:
            weight = ops.cast(sample_weight, self.dtype)
            while len(weight.shape) < len(either.shape):
                weight = ops.expand_dims(weight, -1)
            both_true, either = both_true * weight, either * weight
        self.intersection.assign_add(ops.sum(both_true))
        self.union.assign_add(ops.sum(either))

    def result(self):
        return ops.divide_no_nan(self.intersection, self.union)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


@register
class TokenPerplexity(keras.metrics.Metric):
    """Of logits and tokens, without the padding."""

    def __init__(self, pad_id=0, name="perplexity", **kwargs):
        super().__init__(name=name, **kwargs)
        self.pad_id = pad_id
        self.nll = self.add_weight(name="nll", initializer="zeros")
        self.tokens = self.add_weight(name="tokens", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "int32")
        nll = ops.sparse_categorical_crossentropy(y_true, ops.cast(y_pred, self.dtype), from_logits=True)
        weight = ops.cast(ops.not_equal(y_true, self.pad_id), self.dtype)
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, self.dtype)
            if len(sample_weight.shape) == 1:
                sample_weight = sample_weight[:, None]
            weight = weight * sample_weight
        self.nll.assign_add(ops.sum(nll * weight))
        self.tokens.assign_add(ops.sum(weight))

    def result(self):
        return ops.exp(ops.divide_no_nan(self.nll, self.tokens))

    def get_config(self):
        return {**super().get_config(), "pad_id": self.pad_id}


@register
class Pearson(keras.metrics.Metric):
    """Correlation over all batches, from six sums."""

    def __init__(self, name="pearson", **kwargs):
        super().__init__(name=name, **kwargs)
        self.sums = self.add_weight(name="sums", shape=(6,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        t = ops.reshape(ops.cast(y_true, self.dtype), (-1,))
        p = ops.reshape(ops.cast(y_pred, self.dtype), (-1,))
        w = ops.ones_like(t)
        if sample_weight is not None:
            w = w * ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
        parts = [w, w * t, w * p, w * t * t, w * p * p, w * t * p]
        self.sums.assign_add(ops.stack([ops.sum(part) for part in parts]))

    def result(self):
        n, t, p, tt, pp, tp = (self.sums[i] for i in range(6))
        cov = n * tp - t * p
        spread = ops.maximum(n * tt - t * t, 0.0) * ops.maximum(n * pp - p * p, 0.0)
        return ops.divide_no_nan(cov, ops.sqrt(spread))


@register
class Lamb(keras.optimizers.Optimizer):
    """Adam whose step of each layer is as long as a share of the layer's weights."""

    def __init__(self, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-6, decay=0.01, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon, self.decay = beta_1, beta_2, epsilon, decay

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._m, self._v = [], []
        for variable in variables:
            self._m.append(self.add_variable_from_reference(variable, name="m"))
            self._v.append(self.add_variable_from_reference(variable, name="v"))

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        t = ops.cast(self.iterations + 1, variable.dtype)
        index = self._get_variable_index(variable)
        m, v = self._m[index], self._v[index]
        self.assign(m, self.beta_1 * m + (1 - self.beta_1) * gradient)
        self.assign(v, self.beta_2 * v + (1 - self.beta_2) * ops.square(gradient))
        m_hat = m / (1 - ops.power(ops.cast(self.beta_1, variable.dtype), t))
        v_hat = v / (1 - ops.power(ops.cast(self.beta_2, variable.dtype), t))
        update = m_hat / (ops.sqrt(v_hat) + self.epsilon) + self.decay * variable
        w_norm = ops.sqrt(ops.sum(ops.square(variable)))
        u_norm = ops.sqrt(ops.sum(ops.square(update)))
        ratio = ops.where(
            ops.logical_and(w_norm > 0, u_norm > 0),
            w_norm / ops.maximum(u_norm, 1e-12),
            ops.ones_like(w_norm),
        )
        self.assign_sub(variable, lr * ratio * update)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "beta_1": self.beta_1,
                "beta_2": self.beta_2,
                "epsilon": self.epsilon,
                "decay": self.decay,
            }
        )
        return config


class VAE(keras.Model):
    """The example of the Keras book: three trackers, a training and a test step."""

    def __init__(self, latent_dim=2, beta=0.1, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim, self.beta = latent_dim, beta
        self.encoder = keras.Sequential(
            [keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(2 * latent_dim)]
        )
        self.decoder = keras.Sequential(
            [keras.Input((latent_dim,)), layers.Dense(8, "relu"), layers.Dense(6)]
        )
        self.seed_generator = keras.random.SeedGenerator(17)
        self.total_tracker = keras.metrics.Mean(name="total_loss")
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_loss")
        self.built = True

    @property
    def metrics(self):
        return [self.total_tracker, self.reconstruction_tracker, self.kl_tracker]

    def call(self, x, training=None):
        mean, _ = ops.split(self.encoder(x, training=training), 2, axis=-1)
        return self.decoder(mean, training=training)

    def losses_of(self, x, training):
        mean, log_var = ops.split(self.encoder(x, training=training), 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        z = mean + ops.exp(0.5 * log_var) * noise if training else mean
        reconstruction = ops.mean(ops.sum(ops.square(x - self.decoder(z, training=training)), axis=-1))
        kl = ops.mean(-0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1))
        return reconstruction + self.beta * kl, reconstruction, kl

    def tracked(self, values, count):
        for tracker, value in zip(self.metrics, values, strict=True):
            tracker.update_state(value, sample_weight=count)
        return {m.name: m.result() for m in self.metrics}

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        kept = []

        def loss_of():
            kept.extend(self.losses_of(x, training=True))
            return kept[0]

        _, variables, gradients = gradients_of(self, loss_of)
        apply(self.optimizer, gradients, variables)
        return self.tracked([ops.stop_gradient(v) for v in kept], ops.shape(x)[0])

    def test_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        return self.tracked(self.losses_of(x, training=False), ops.shape(x)[0])

    def get_config(self):
        return {**super().get_config(), "latent_dim": self.latent_dim, "beta": self.beta}


def vae():
    model = VAE()
    model.compile(keras.optimizers.Adam(1e-2))
    return model


@register
class Distiller(keras.Model):
    """A student learns from labels and from a teacher that stays as it is."""

    def __init__(self, student, teacher, alpha=0.3, temperature=2.0, **kwargs):
        super().__init__(**kwargs)
        self.student = student
        self.teacher = teacher
        self.teacher.trainable = False
        self.alpha = alpha
        self.temperature = temperature
        self.divergence = keras.losses.KLDivergence()
        self.built = True

    def call(self, x, training=None):
        return self.student(x, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        hard = super().compute_loss(x, y, y_pred, sample_weight, training)
        target = ops.stop_gradient(self.teacher(x, training=False))
        soft = self.divergence(
            ops.softmax(target / self.temperature, axis=-1),
            ops.softmax(y_pred / self.temperature, axis=-1),
            sample_weight=sample_weight,
        )
        return self.alpha * hard + (1 - self.alpha) * self.temperature**2 * soft

    def get_config(self):
        return {
            **super().get_config(),
            "student": keras.saving.serialize_keras_object(self.student),
            "teacher": keras.saving.serialize_keras_object(self.teacher),
            "alpha": self.alpha,
            "temperature": self.temperature,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("student", "teacher"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def distiller():
    def net(width, name):
        return keras.Sequential([keras.Input((6,)), layers.Dense(width, "relu"), layers.Dense(3)], name=name)

    model = Distiller(net(4, "student"), net(10, "teacher"))
    model.compile(
        keras.optimizers.Adam(1e-2),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    return model


class Accumulates(Mlp):
    """Adds the gradients of two batches up before it moves."""

    def __init__(self, every=2, **kwargs):
        super().__init__(**kwargs)
        self.every = every

    def build(self, input_shape):
        super().build(input_shape)
        self.seen = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="seen"
        )
        self.sums = [
            self.add_weight(shape=v.shape, initializer="zeros", trainable=False, name=f"sum_{i}")
            for i, v in enumerate(self.trainable_variables)
        ]

    def flush(self):
        apply(self.optimizer, [s / self.every for s in self.sums], self.trainable_variables)
        for total in self.sums:
            total.assign(ops.zeros_like(total))

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        kept = []

        def loss_of():
            kept.append(self(x, training=True))
            return self.compute_loss(x=x, y=y, y_pred=kept[0], sample_weight=sample_weight)

        loss, variables, gradients = gradients_of(self, loss_of)
        self.optimizer.build(variables)
        for total, gradient in zip(self.sums, gradients, strict=True):
            total.assign_add(gradient)
        self.seen.assign_add(1)
        full = ops.equal(self.seen % self.every, 0)
        if BACKEND == "torch":
            if full:
                self.flush()
        else:
            import tensorflow as tf

            def flushed():
                self.flush()
                return 0

            tf.cond(full, flushed, lambda: 0)
        self._loss_tracker.update_state(loss, sample_weight=ops.shape(x)[0])
        return self.compute_metrics(x, y, kept[0], sample_weight=sample_weight)

    def get_config(self):
        return {**super().get_config(), "every": self.every}


SOUND = {
    "CBAM": sound(CBAM, one(3, 6, 6, 4)),
    "PatchEmbed": sound(PatchEmbed, one(3, 6, 6, 3)),
    "SinusoidalPositions": sound(SinusoidalPositions, one(3, 5, 7)),
    "GroupedQueryAttention": sound(GroupedQueryAttention, one(3, 5, 6)),
    "SwiGLU": sound(SwiGLU, one(3, 5, 4)),
    "AttentionPooling": sound(AttentionPooling, one(3, 5, 4)),
    "RevINForecast": sound(RevINForecast, one(3, 8, 2)),
    "SpecAugment": sound(SpecAugment, one(4, 12, 8)),
    "GraphConv": sound(lambda: GraphConv(4, activation="relu"), graph),
    "LoraDense": sound(lambda: LoraDense(5), one(4, 6)),
    "PeepholeLSTMCell": sound(lambda: layers.RNN(PeepholeLSTMCell(4)), one(3, 5, 3)),
    "VectorQuantizerEMA": sound(VectorQuantizerEMA, one(4, 5, 3)),
    "FocalFromLogits": sound(FocalFromLogits, lambda: (labels(8, 4), numbers(8, 4, seed=1))),
    "Tversky": sound(Tversky, _MASKS),
    "Wing": sound(Wing, both(numbers)),
    "GaussianNLL": sound(GaussianNLL, lambda: (numbers(8, 2), numbers(8, 4, seed=1))),
    "MacroF1": sound(
        lambda: MacroF1(4), lambda: (random().integers(0, 4, 12).astype("int32"), shares(12, 4, seed=1))
    ),
    "SegmentationIoU": sound(SegmentationIoU, _MASKS),
    "TokenPerplexity": sound(
        TokenPerplexity,
        lambda: (random().integers(0, 7, (4, 6)).astype("int32"), numbers(4, 6, 7, seed=1)),
    ),
    "Pearson": sound(Pearson, lambda: (numbers(12, 1), numbers(12, 1, seed=1))),
    "Lamb": sound(lambda: Lamb(0.01)),
    "VAE": sound(vae, one(16, 6), backends=("tensorflow", "torch")),
    "Distiller": sound(distiller, lambda: (numbers(16, 6), one_hot(16, 3))),
    "Accumulates": sound(
        lambda: compiled(Accumulates(), metrics=["mae"]),
        lambda: (numbers(16, 6), numbers(16, 2, seed=1)),
        backends=("tensorflow", "torch"),
    ),
}
