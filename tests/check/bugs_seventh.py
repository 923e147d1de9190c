"""A seventh set of bugs and sound twins, run before anything was learnt from it, and sound objects of the odd sort."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
from bug import labels, numbers, one_hot
from bugs_people import Regressor, Sign, both, bug, compiled, one
from bugs_steps import Steps
from keras import layers, ops

register = keras.saving.register_keras_serializable("kerascope_seventh")


# -- layers --------------------------------------------------------------------------------------------------------


class Swish(layers.Layer):
    """Divides by 1 + exp(-x), which is infinite where x is far below 0."""

    def build(self, input_shape):
        self.beta = self.add_weight(shape=(), initializer="ones", name="beta")

    def gate(self, x):
        return 1 / (1 + ops.exp(-x))

    def call(self, x):
        return x * self.gate(self.beta * x)


class SwishOfKeras(Swish):
    def gate(self, x):
        return ops.sigmoid(x)


class EverySecond(layers.Layer):
    """Takes every second sample; every second step was meant."""

    def call(self, x):
        return (x[::2] + x[1::2]) / 2

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] // 2, input_shape[2])


class EverySecondStep(EverySecond):
    def call(self, x):
        return (x[:, ::2] + x[:, 1::2]) / 2


@register
class Attends(layers.Layer):
    """Normalises over the queries; padded queries take their share."""

    axis_of_scores = 1

    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.project = layers.Dense(3 * dim)
        self.supports_masking = True

    def build(self, input_shape):
        self.project.build(input_shape)

    def call(self, x, mask=None):
        q, k, v = ops.split(self.project(x), 3, axis=-1)
        scores = ops.einsum("bqd,bkd->bqk", q, k) * self.dim**-0.5
        if mask is not None:
            scores = ops.where(mask[:, None, :], scores, ops.cast(-3e4, scores.dtype))
        return ops.einsum("bqk,bkd->bqd", ops.softmax(scores, axis=self.axis_of_scores), v)

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}


@register
class AttendsToKeys(Attends):
    axis_of_scores = -1


class Prepends(layers.Layer):
    """Puts a learnt token in front of each sequence; the mask keeps its length."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.token = self.add_weight(shape=(1, 1, input_shape[-1]), initializer="random_normal", name="token")

    def call(self, x, mask=None):
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, x.shape[-1]))
        return ops.concatenate([ops.cast(token, x.dtype), x], axis=1)


class PrependsToMask(Prepends):
    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        return ops.concatenate([ops.ones_like(mask[:, :1]), mask], axis=1)


@register
class Blocks(layers.Layer):
    """Its configuration has the layers in a list; who makes it again gets dicts."""

    def __init__(self, blocks, **kwargs):
        super().__init__(**kwargs)
        self.blocks = list(blocks)

    def build(self, input_shape):
        for block in self.blocks:
            if not block.built:
                block.build(input_shape)
            input_shape = block.compute_output_shape(input_shape)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return x

    def get_config(self):
        blocks = [keras.saving.serialize_keras_object(block) for block in self.blocks]
        return {**super().get_config(), "blocks": blocks}


@register
class BlocksRevived(Blocks):
    @classmethod
    def from_config(cls, config):
        config = dict(config)
        blocks = [keras.saving.deserialize_keras_object(block) for block in config.pop("blocks")]
        return cls(blocks, **config)


class SkipsItself(layers.Layer):
    """Throws a coin in Python's `if`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(4)
        self.seed_generator = keras.random.SeedGenerator(5)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, x, training=False):
        if training and keras.random.uniform((), seed=self.seed_generator) < 0.5:
            return x
        return x + self.dense(x)


class SkipsItselfByNumber(SkipsItself):
    def call(self, x, training=False):
        kept = 1.0
        if training:
            kept = ops.cast(keras.random.uniform((), seed=self.seed_generator) < 0.5, x.dtype)
        return x + kept * self.dense(x)


class Positions(layers.Layer):
    """Cuts its table to the size of the batch."""

    place = 0

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        angle = np.arange(50)[:, None] / 10 ** np.arange(4)[None, :]
        self.table = np.sin(angle).astype("float32")

    def call(self, x):
        return x + ops.cast(self.table, x.dtype)[: ops.shape(x)[self.place]]


class PositionsOfSteps(Positions):
    place = 1


# -- models and steps ----------------------------------------------------------------------------------------------


class OldMetric(keras.Model):
    """Calls what Keras 2 had."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, x):
        y = self.dense(x)
        self.add_metric(ops.mean(y), name="mean_output")
        return y


class NoMetric(OldMetric):
    def call(self, x):
        return self.dense(x)


class Distilled(Regressor):
    """The teacher is not frozen, and nothing teaches it."""

    frozen = False

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.teacher = layers.Dense(2)
        self.teacher.trainable = not self.frozen

    def build(self, input_shape):
        super().build(input_shape)
        self.teacher.build(input_shape)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        told = ops.stop_gradient(self.teacher(x))
        return loss + 0.1 * ops.mean(ops.square(told - y_pred))


class DistilledFromFrozen(Distilled):
    frozen = True


class LossOnly(Steps):
    """Shows all metrics, and feeds only the loss."""

    def _logged(self, y, y_pred, loss, sample_weight):
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=ops.shape(y)[0])
        return {
            name: value
            for metric in self.metrics
            for name, value in (
                metric.result().items()
                if isinstance(metric.result(), dict)
                else [(metric.name, metric.result())]
            )
        }

    _logged_graph = _logged


class LossAndMetrics(LossOnly):
    def _logged(self, y, y_pred, loss, sample_weight):
        for metric in self.metrics:
            if metric.name != "loss":
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return super()._logged(y, y_pred, loss, sample_weight)

    _logged_graph = _logged


def drawn_once():
    """The noise of a variational model is drawn while the model is put together."""
    inputs = keras.Input((6,))
    mean, spread = layers.Dense(3)(inputs), layers.Dense(3)(inputs)
    noise = keras.random.normal((3,))
    return keras.Model(inputs, layers.Dense(6)(mean + ops.exp(0.5 * spread) * noise))


@register
class Sampled(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(4)

    def call(self, inputs):
        mean, spread = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * spread) * noise


def drawn_each_time():
    inputs = keras.Input((6,))
    mean, spread = layers.Dense(3)(inputs), layers.Dense(3)(inputs)
    return keras.Model(inputs, layers.Dense(6)(Sampled()([mean, spread])))


# -- losses and metrics --------------------------------------------------------------------------------------------


class SquaredLog(keras.losses.Loss):
    """The logarithm of 1 + y, where a linear output may be below -1."""

    def log(self, y):
        return ops.log(1 + y)

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(self.log(y_true) - self.log(y_pred)), axis=-1)


class SquaredLogOfPositive(SquaredLog):
    def log(self, y):
        return ops.log1p(ops.maximum(y, 0.0))


class Kappa(keras.metrics.Metric):
    """Cohen's kappa; 0 / 0 before it has seen anything."""

    def __init__(self, classes=4, name="kappa", **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.matrix = self.add_weight(name="matrix", shape=(classes, classes), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true = ops.one_hot(ops.argmax(y_true, axis=-1), self.classes, dtype=self.dtype)
        pred = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes, dtype=self.dtype)
        if sample_weight is not None:
            true = true * ops.cast(sample_weight, self.dtype)[:, None]
        self.matrix.assign_add(ops.matmul(ops.transpose(true), pred))

    def divided(self, a, b):
        return a / b

    def result(self):
        matrix = ops.convert_to_tensor(self.matrix)
        total = ops.sum(matrix)
        seen = self.divided(ops.sum(ops.diagonal(matrix)), total)
        expected = self.divided(ops.sum(ops.sum(matrix, axis=0) * ops.sum(matrix, axis=1)), total * total)
        return self.divided(seen - expected, 1 - expected)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


class KappaGuarded(Kappa):
    def divided(self, a, b):
        return ops.divide_no_nan(a, b)


class CountsSamples(keras.metrics.Metric):
    """Weighs the errors, and divides by the number of samples that weigh anything."""

    def __init__(self, name="weighed", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def counted(self, weights):
        return ops.cast(weights > 0, self.dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = ops.mean(ops.abs(ops.cast(y_true, self.dtype) - ops.cast(y_pred, self.dtype)), axis=-1)
        weights = ops.ones_like(errors) if sample_weight is None else ops.cast(sample_weight, self.dtype)
        self.total.assign_add(ops.sum(errors * weights))
        self.count.assign_add(ops.sum(self.counted(weights)))

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


class CountsWeights(CountsSamples):
    def counted(self, weights):
        return weights


# -- optimizers ----------------------------------------------------------------------------------------------------


class Centralised(Sign):
    """Takes the mean off each gradient; of a bias nothing is left."""

    def off(self, gradient):
        return gradient - ops.mean(gradient, axis=tuple(range(len(gradient.shape) - 1)), keepdims=True)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(self.off(gradient), variable, learning_rate)


class CentralisedMatrices(Centralised):
    def off(self, gradient):
        return super().off(gradient) if len(gradient.shape) > 1 else gradient


def step(broken, sound, *names, metrics=None):
    return bug(
        lambda: compiled(broken(), metrics=metrics),
        lambda: compiled(sound(), metrics=metrics),
        *names,
        inputs=lambda: (numbers(16, 6), numbers(16, 2, seed=1)),
    )


BUGS = {
    "Swish": bug(Swish, SwishOfKeras, "gradients-finite", inputs=one(3, 6)),
    "EverySecond": bug(
        EverySecond,
        EverySecondStep,
        "batch-sizes",
        "shapes-agree",
        "batch-independence",
        "builds",
        inputs=one(4, 6, 4),
    ),
    "Attends": bug(Attends, AttendsToKeys, "masks", inputs=one(3, 5, 4)),
    "Prepends": bug(Prepends, PrependsToMask, "masks", inputs=one(3, 5, 4)),
    "Blocks": bug(
        lambda: Blocks([layers.Dense(4), layers.Dense(3)]),
        lambda: BlocksRevived([layers.Dense(4), layers.Dense(3)]),
        "config",
        "save-and-load",
        inputs=one(3, 6),
    ),
    "SkipsItself": bug(
        SkipsItself,
        SkipsItselfByNumber,
        "builds",
        "compiled",
        "in-models",
        "training-noise",
        inputs=one(3, 4),
        backends=("jax", "tensorflow"),
    ),
    "Positions": bug(
        Positions, PositionsOfSteps, "batch-sizes", "builds", "batch-independence", inputs=one(5, 5, 4)
    ),
    "OldMetric": bug(OldMetric, NoMetric, "builds", inputs=one(3, 6)),
    "Distilled": step(Distilled, DistilledFromFrozen, "gradients-reach", "step-updates"),
    "LossOnly": step(LossOnly, LossAndMetrics, "step-metrics", "step-logs", "step-runs", metrics=["mae"]),
    "drawn_once": bug(
        lambda: drawn_once, lambda: drawn_each_time, "baked-weights", "training-noise", "tracked-state"
    ),
    "SquaredLog": bug(
        SquaredLog,
        SquaredLogOfPositive,
        "loss-finite",
        inputs=lambda: (np.round(np.abs(3 * numbers(8, 2))), numbers(8, 2, seed=1)),
    ),
    "Kappa": bug(Kappa, KappaGuarded, "metric-finite", inputs=lambda: (one_hot(8, 4), numbers(8, 4, seed=1))),
    "CountsSamples": bug(CountsSamples, CountsWeights, "metric-sample-weight", inputs=both(numbers)),
    "Centralised": bug(Centralised, CentralisedMatrices, "optimizer-updates", "optimizer-descends"),
}


# -- sound, though odd ---------------------------------------------------------------------------------------------


class ReZero(layers.Layer):
    """A residual branch that starts at nothing."""

    def build(self, input_shape):
        self.dense = layers.Dense(input_shape[-1], activation="gelu")
        self.dense.build(input_shape)
        self.alpha = self.add_weight(shape=(), initializer="zeros", name="alpha")

    def call(self, x):
        return x + self.alpha * self.dense(x)


class WithWeights(AttendsToKeys):
    """Gives its attention weights too."""

    def call(self, x, mask=None):
        q, k, v = ops.split(self.project(x), 3, axis=-1)
        scores = ops.einsum("bqd,bkd->bqk", q, k) * self.dim**-0.5
        if mask is not None:
            scores = ops.where(mask[:, None, :], scores, ops.cast(-3e4, scores.dtype))
        shares = ops.softmax(scores)
        return ops.einsum("bqk,bkd->bqd", shares, v), shares

    def compute_mask(self, inputs, mask=None):
        return mask, None


class RandomFeatures(layers.Layer):
    """Fixed random frequencies, kept in a weight."""

    def build(self, input_shape):
        self.frequencies = self.add_weight(
            shape=(input_shape[-1], 8), initializer="random_normal", trainable=False, name="frequencies"
        )

    def call(self, x):
        angles = ops.matmul(x, self.frequencies)
        return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)


class Binary(layers.Layer):
    """Signs, with the gradient of the identity."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 3), name="kernel")

    def call(self, x):
        kernel = self.kernel + ops.stop_gradient(ops.sign(self.kernel) - self.kernel)
        return ops.matmul(x, kernel)


class Codebook(layers.Layer):
    """The nearest of its codes, learnt by two losses."""

    def build(self, input_shape):
        self.codes = self.add_weight(shape=(5, input_shape[-1]), initializer="uniform", name="codes")

    def call(self, x):
        distance = ops.sum(ops.square(x[..., None, :] - self.codes), axis=-1)
        chosen = ops.one_hot(ops.argmin(distance, axis=-1), 5, dtype=x.dtype)
        code = ops.matmul(chosen, self.codes)
        self.add_loss(ops.mean(ops.square(ops.stop_gradient(x) - code)))
        self.add_loss(0.25 * ops.mean(ops.square(x - ops.stop_gradient(code))))
        return x + ops.stop_gradient(code - x)


class Coupling(layers.Layer):
    """Half of the features move the other half; the volume's change goes into the loss."""

    def build(self, input_shape):
        half = input_shape[-1] // 2
        self.net = layers.Dense(2 * half)
        self.net.build((*input_shape[:-1], half))

    def call(self, x):
        a, b = ops.split(x, 2, axis=-1)
        scale, shift = ops.split(self.net(a), 2, axis=-1)
        scale = ops.tanh(scale)
        self.add_loss(-ops.mean(ops.sum(scale, axis=-1)))
        return ops.concatenate([a, b * ops.exp(scale) + shift], axis=-1)


class TopTwo(layers.Layer):
    """Two of four experts for each sample."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.gate = layers.Dense(4)
        self.experts = [layers.Dense(3) for _ in range(4)]

    def build(self, input_shape):
        for part in (self.gate, *self.experts):
            part.build(input_shape)

    def call(self, x):
        scores = self.gate(x)
        lowest = ops.min(ops.top_k(scores, 2)[0], axis=-1, keepdims=True)
        shares = ops.softmax(ops.where(scores >= lowest, scores, ops.cast(-3e4, scores.dtype)))
        outs = ops.stack([expert(x) for expert in self.experts], axis=-1)
        return ops.sum(outs * shares[..., None, :], axis=-1)


class Wasserstein(keras.losses.Loss):
    """The critic's loss: it has no least value."""

    def call(self, y_true, y_pred):
        return -ops.mean(y_true * y_pred, axis=-1)


class Quantiles(keras.losses.Loss):
    """One target, three predictions."""

    def call(self, y_true, y_pred):
        shares = ops.convert_to_tensor([0.1, 0.5, 0.9], dtype=y_pred.dtype)
        error = y_true - y_pred
        return ops.mean(ops.maximum(shares * error, (shares - 1) * error), axis=-1)


class Mixture(keras.losses.Loss):
    """Two targets, three normal distributions: shares, means and spreads."""

    def call(self, y_true, y_pred):
        shares = ops.log_softmax(y_pred[..., :3])
        means = ops.reshape(y_pred[..., 3:9], (-1, 3, 2))
        spreads = ops.softplus(ops.reshape(y_pred[..., 9:15], (-1, 3, 2))) + 1e-2
        apart = (y_true[:, None, :] - means) / spreads
        logs = ops.sum(-0.5 * ops.square(apart) - ops.log(spreads), axis=-1)
        return -ops.logsumexp(shares + logs, axis=-1)


class Pearson(keras.metrics.Metric):
    """A correlation from six sums."""

    def __init__(self, name="pearson", **kwargs):
        super().__init__(name=name, **kwargs)
        self.sums = self.add_weight(name="sums", shape=(6,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        a, b = ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype)
        w = ops.ones_like(a)
        if sample_weight is not None:
            given = ops.cast(sample_weight, self.dtype)
            w = w * ops.reshape(given, (-1,) + (1,) * (len(a.shape) - 1))
        parts = (w, w * a, w * b, w * a * a, w * b * b, w * a * b)
        self.sums.assign_add(ops.stack([ops.sum(part) for part in parts]))

    def result(self):
        n, a, b, aa, bb, ab = ops.unstack(ops.convert_to_tensor(self.sums))
        spread = ops.maximum(n * aa - a * a, 0.0) * ops.maximum(n * bb - b * b, 0.0)
        return ops.divide_no_nan(n * ab - a * b, ops.sqrt(spread))


class OfEachClass(keras.metrics.Metric):
    """A figure for each class, in a dict."""

    def __init__(self, name="recalls", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", shape=(4,), initializer="zeros")
        self.all = self.add_weight(name="all", shape=(4,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true = ops.one_hot(ops.argmax(y_true, axis=-1), 4, dtype=self.dtype)
        pred = ops.one_hot(ops.argmax(y_pred, axis=-1), 4, dtype=self.dtype)
        if sample_weight is not None:
            true = true * ops.cast(sample_weight, self.dtype)[:, None]
        self.hits.assign_add(ops.sum(true * pred, axis=0))
        self.all.assign_add(ops.sum(true, axis=0))

    def result(self):
        recalls = ops.divide_no_nan(self.hits, self.all)
        return {f"recall_{i}": recalls[i] for i in range(4)}


class Largest(keras.metrics.Metric):
    """The largest error of all that weigh anything."""

    def __init__(self, name="largest", **kwargs):
        super().__init__(name=name, **kwargs)
        self.most = self.add_weight(name="most", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = ops.abs(ops.cast(y_true, self.dtype) - ops.cast(y_pred, self.dtype))
        if sample_weight is not None:
            weighs = ops.cast(sample_weight, self.dtype) > 0
            weighs = ops.reshape(weighs, (-1,) + (1,) * (len(errors.shape) - 1))
            errors = ops.where(weighs, errors, ops.zeros_like(errors))
        self.most.assign(ops.maximum(self.most, ops.max(errors)))

    def result(self):
        return ops.convert_to_tensor(self.most)


class Factored(keras.optimizers.Optimizer):
    """Second moments as a row and a column of each matrix."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.rows, self.columns = [], []
        for v in variables:
            shape = tuple(v.shape)
            self.rows.append(self.add_variable(shape[:-1] or (1,), name="row", dtype=v.dtype))
            self.columns.append(
                self.add_variable(
                    (shape[:-2] + shape[-1:]) if len(shape) > 1 else shape, name="column", dtype=v.dtype
                )
            )

    def update_step(self, gradient, variable, learning_rate):
        i = self._get_variable_index(variable)
        rate = ops.cast(learning_rate, variable.dtype)
        squares = ops.square(gradient) + 1e-12
        row, column = self.rows[i], self.columns[i]
        if len(variable.shape) < 2:
            self.assign(column, 0.9 * column + 0.1 * squares)
            size = column + 0.0
        else:
            self.assign(row, 0.9 * row + 0.1 * ops.mean(squares, axis=-1))
            self.assign(column, 0.9 * column + 0.1 * ops.mean(squares, axis=-2))
            size = row[..., None] * column[..., None, :] / ops.mean(row, axis=-1, keepdims=True)[..., None]
        self.assign_sub(variable, rate * gradient / (ops.sqrt(size) + 1e-6))


class Variational(keras.Model):
    """Draws in training, and adds a loss from inside."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean, self.spread, self.decode = layers.Dense(3), layers.Dense(3), layers.Dense(6)
        self.seed_generator = keras.random.SeedGenerator(1)

    def build(self, input_shape):
        self.mean.build(input_shape)
        self.spread.build(input_shape)
        self.decode.build((None, 3))

    def call(self, x, training=False):
        mean, spread = self.mean(x), self.spread(x)
        divergence = -0.5 * ops.sum(1 + spread - ops.square(mean) - ops.exp(spread), axis=-1)
        self.add_loss(0.01 * ops.mean(divergence))
        if training:
            mean = mean + ops.exp(0.5 * spread) * keras.random.normal(
                ops.shape(mean), seed=self.seed_generator
            )
        return self.decode(mean)


def two_towers():
    """Dicts in and out, one layer used twice."""
    user, item = keras.Input((4,), name="user"), keras.Input((4,), name="item")
    tower = layers.Dense(3, activation="tanh")
    a, b = tower(user), tower(item)
    outputs = {"near": layers.Dot(axes=1)([a, b]), "user_side": layers.Dense(2)(a)}
    return keras.Model({"user": user, "item": item}, outputs)


def sound(make, inputs=tuple, **options):
    """Returns a sound object without a broken twin."""
    return dataclasses.replace(bug(make, make, inputs=inputs, **options), broken=None)


SOUND = {
    "ReZero": sound(ReZero, one(3, 6)),
    "WithWeights": sound(WithWeights, one(3, 5, 4)),
    "RandomFeatures": sound(RandomFeatures, one(3, 6)),
    "Binary": sound(Binary, one(3, 6)),
    "Codebook": sound(Codebook, one(3, 6)),
    "Coupling": sound(Coupling, one(3, 6)),
    "TopTwo": sound(TopTwo, one(3, 6)),
    "Wasserstein": sound(Wasserstein, lambda: (labels(8, 1) * 2 - 1, numbers(8, 1, seed=1))),
    "Quantiles": sound(Quantiles, lambda: (numbers(8, 1), numbers(8, 3, seed=1))),
    "Mixture": sound(Mixture, lambda: (numbers(8, 2), numbers(8, 15, seed=1))),
    "Pearson": sound(Pearson, both(numbers)),
    "OfEachClass": sound(OfEachClass, lambda: (one_hot(8, 4), numbers(8, 4, seed=1))),
    "Largest": sound(Largest, both(numbers)),
    "Factored": sound(lambda: Factored(0.01)),
    "Variational": sound(lambda: compiled(Variational()), lambda: (numbers(16, 6), numbers(16, 6, seed=1))),
    "two_towers": sound(two_towers),
}
