"""A thirteenth set: pieces of attention, point cloud, tabular, GAN and table programs, by many hands."""

from __future__ import annotations

import keras
import numpy as np
from bug import Bug, labels, numbers, random, shares
from keras import layers, ops

register = keras.saving.register_keras_serializable("blind_thirteenth")
ALL = ("jax", "tensorflow", "torch")


def bug(broken, sound, *contracts, inputs=tuple, backends=ALL, options=None):
    return Bug(broken, sound, frozenset(contracts), inputs=inputs, options=options or {}, backends=backends)


def good(sound, inputs=tuple, backends=ALL, options=None):
    return Bug(None, sound, frozenset(), inputs=inputs, options=options or {}, backends=backends)


def one(*shape, seed=0):
    return lambda: (numbers(*shape, seed=seed),)


def fit_on(x, y):
    """Inputs of the models that are compiled and have a step of their own: what they are fitted on, x and y."""
    return lambda: (x(), y())


# -- layers --------------------------------------------------------------------------------------------------------


# A PyTorch port: nn.MultiheadAttention is time-major unless batch_first=True.
@register
class EncoderBlock(layers.Layer):
    def __init__(self, dim, heads=2, **kwargs):
        super().__init__(**kwargs)
        self.dim, self.heads = dim, heads
        self.norm = layers.LayerNormalization(epsilon=1e-5, dtype=self.dtype_policy)
        self.attn = layers.MultiHeadAttention(heads, dim // heads, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.norm.build(input_shape)
        self.attn.build(input_shape, input_shape)

    def attend(self, h):
        return self.attn(h, h)

    def call(self, x):
        return x + self.attend(self.norm(x))

    def get_config(self):
        return {**super().get_config(), "dim": self.dim, "heads": self.heads}


@register
class EncoderBlockB(EncoderBlock):
    def attend(self, h):
        h = ops.transpose(h, (1, 0, 2))  # (seq, batch, dim), as in the original
        h = self.attn(h, h)
        return ops.transpose(h, (1, 0, 2))


class ExpertBank:
    """Small helper so that the layer below stays short."""

    def __init__(self, n, units, dtype):
        self.members = [layers.Dense(units, activation="relu", dtype=dtype) for _ in range(n)]

    def build(self, input_shape):
        for m in self.members:
            m.build(input_shape)

    def __call__(self, x):
        return ops.stack([m(x) for m in self.members], axis=-1)


@register
class MixtureOfExperts(layers.Layer):
    track_members = True

    def __init__(self, n_experts, units, **kwargs):
        super().__init__(**kwargs)
        self.n_experts = n_experts
        self.units = units
        self.bank = ExpertBank(n_experts, units, self.dtype_policy)
        self.gate = layers.Dense(n_experts, activation="softmax", dtype=self.dtype_policy)
        if self.track_members:
            self.experts = list(self.bank.members)

    def build(self, input_shape):
        self.gate.build(input_shape)
        self.bank.build(input_shape)

    def call(self, x):
        weights = ops.expand_dims(self.gate(x), -2)
        return ops.sum(self.bank(x) * weights, axis=-1)

    def get_config(self):
        config = super().get_config()
        config.update({"n_experts": self.n_experts, "units": self.units})
        return config


@register
class MixtureOfExpertsB(MixtureOfExperts):
    track_members = False


@register
class GLU(layers.Layer):
    """Gated linear unit: twice the width, half of it gates the other half."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units * 2

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        value, gate = ops.split(ops.matmul(x, self.kernel) + self.bias, 2, axis=-1)
        return value * ops.sigmoid(gate)

    def get_config(self):
        cfg = super().get_config()
        cfg["units"] = self.units // 2
        return cfg


@register
class GLUB(GLU):
    def get_config(self):
        cfg = super().get_config()
        cfg["units"] = self.units
        return cfg


@register
class AttentionPool(layers.Layer):
    """Pools tokens by attention; padded tokens take no part."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.query = self.add_weight(shape=(input_shape[-1],), initializer="random_normal", name="query")

    def hide(self, scores, mask):
        return ops.where(mask, scores, ops.full_like(scores, -3e4))

    def call(self, x, mask=None):
        scores = ops.sum(x * self.query, axis=-1)
        if mask is not None:
            scores = self.hide(scores, ops.cast(mask, "bool"))
        weights = ops.softmax(scores, axis=-1)
        return ops.sum(x * ops.expand_dims(weights, -1), axis=1)

    def compute_mask(self, inputs, mask=None):
        return None


@register
class AttentionPoolB(AttentionPool):
    def hide(self, scores, mask):
        # masked_fill(mask, -inf)
        return ops.where(mask, ops.full_like(scores, -3e4), scores)


def sinusoid(length, depth):
    angle = np.arange(length)[:, None] / np.power(10000.0, 2 * (np.arange(depth)[None] // 2) / depth)
    table = np.where(np.arange(depth)[None] % 2 == 0, np.sin(angle), np.cos(angle))
    return table.astype("float32")


@register
class PositionalEncoding(layers.Layer):
    def __init__(self, max_len=64, **kwargs):
        super().__init__(**kwargs)
        self.max_len = max_len

    def build(self, input_shape):
        self.table = sinusoid(self.max_len, input_shape[-1])

    def positions(self, x):
        return ops.convert_to_tensor(self.table[: x.shape[1]], dtype=self.compute_dtype)

    def call(self, x):
        return ops.add(x, self.positions(x))

    def get_config(self):
        return dict(super().get_config(), max_len=self.max_len)


@register
class PositionalEncodingB(PositionalEncoding):
    def positions(self, x):
        return ops.convert_to_tensor(self.table[: x.shape[1]])


@register
class NeighbourRBF(layers.Layer):
    """(batch, points, 3) -> (batch, points, centres): how near the other points are."""

    def __init__(self, centres=4, **kwargs):
        super().__init__(**kwargs)
        self.centres = centres

    def build(self, input_shape):
        self.mu = self.add_weight(
            shape=(self.centres,), initializer=keras.initializers.RandomUniform(0.0, 2.0, seed=1), name="mu"
        )

    def root(self, d2):
        return ops.sqrt(ops.maximum(d2, 1e-6))

    def call(self, points):
        diff = ops.expand_dims(points, 2) - ops.expand_dims(points, 1)
        dist = self.root(ops.sum(ops.square(diff), axis=-1))
        rbf = ops.exp(-ops.square(ops.expand_dims(dist, -1) - self.mu))
        return ops.mean(rbf, axis=2)

    def get_config(self):
        config = super().get_config()
        config["centres"] = self.centres
        return config


@register
class NeighbourRBFB(NeighbourRBF):
    def root(self, d2):
        return ops.sqrt(d2)


@register
class Patches(layers.Layer):
    def __init__(self, patch_size, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size

    def call(self, images):
        p = self.patch_size
        _, h, w, c = images.shape
        x = ops.reshape(images, (-1, h // p, p, w // p, p, c))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, (h // p) * (w // p), p * p * c))

    def compute_output_shape(self, input_shape):
        b, h, w, c = input_shape
        p = self.patch_size
        return (b, (h // p) * (w // p), p * p * c)

    def get_config(self):
        config = super().get_config()
        config.update({"patch_size": self.patch_size})
        return config


@register
class PatchesB(Patches):
    def compute_output_shape(self, input_shape):
        b, h, _w, c = input_shape
        p = self.patch_size
        return (b, (h // p) ** 2, p * p * c)


@register
class ResidualMLP(layers.Layer):
    """x + alpha * mlp(x) with a learned alpha (LayerScale)."""

    def __init__(self, hidden, **kwargs):
        super().__init__(**kwargs)
        self.hidden = hidden
        self.up = layers.Dense(hidden, activation="gelu", dtype=self.dtype_policy)

    def build(self, input_shape):
        self.alpha = self.add_weight(
            shape=(input_shape[-1],), initializer=keras.initializers.Constant(0.1), name="alpha"
        )
        self.down = layers.Dense(input_shape[-1], dtype=self.dtype_policy)
        self.build_parts(input_shape)

    def build_parts(self, input_shape):
        self.up.build(input_shape)
        self.down.build((*input_shape[:-1], self.hidden))

    def call(self, x):
        return x + self.alpha * self.down(self.up(x))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden}


@register
class ResidualMLPB(ResidualMLP):
    def build_parts(self, input_shape):
        pass  # they build themselves when they are called


def token_classifier(baked):
    length, vocab, width = 12, 40, 16
    ids = keras.Input((length,), dtype="int32")
    positions = ops.arange(length) if baked else ops.cumsum(ops.ones_like(ids), axis=1) - 1
    x = layers.Embedding(vocab, width)(ids) + layers.Embedding(length, width)(positions)
    x = layers.LayerNormalization()(x)
    x = layers.Dense(width, activation="relu")(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(ids, layers.Dense(3, activation="softmax")(x))


@register
class FadeIn(layers.Layer):
    """Progressive growing: blends the new path in over the first `steps` training steps."""

    def __init__(self, steps=10, **kwargs):
        super().__init__(**kwargs)
        self.steps = steps
        self.start()

    def start(self):
        self.step = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="step"
        )

    def tick(self):
        self.step.assign_add(1)

    def call(self, inputs, training=False):
        old, new = inputs
        done = (1.0 + ops.cast(self.step, old.dtype)) / (1.0 + self.steps)
        alpha = ops.minimum(done, ops.ones_like(done))
        if training:
            self.tick()
        return (1.0 - alpha) * old + alpha * new

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        config = super().get_config()
        config["steps"] = self.steps
        return config


@register
class FadeInB(FadeIn):
    def start(self):
        self.step = 0

    def tick(self):
        self.step += 1


@register
class FeatureSelector(layers.Layer):
    """Learns which columns to keep: a hard 0/1 gate for every column."""

    def build(self, input_shape):
        self.logits = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=3),
            name="logits",
        )

    def gate(self):
        soft = ops.sigmoid(self.logits)
        hard = ops.cast(soft > 0.5, self.compute_dtype)
        return soft + ops.stop_gradient(hard - soft)

    def call(self, x):
        return x * self.gate()


@register
class FeatureSelectorB(FeatureSelector):
    def gate(self):
        soft = ops.sigmoid(self.logits)
        hard = ops.cast(soft > 0.5, self.compute_dtype)
        return hard


@register
class Speckle(layers.Layer):
    """Multiplicative noise on radar images while training."""

    def __init__(self, stddev=0.2, seed=42, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def noise(self, x):
        return keras.random.normal(ops.shape(x), stddev=self.stddev, dtype=x.dtype, seed=self.seed_generator)

    def call(self, x, training=False):
        if training:
            x = x * (1.0 + self.noise(x))
        return x

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


@register
class SpeckleB(Speckle):
    def noise(self, x):
        return keras.random.normal(ops.shape(x), stddev=self.stddev, dtype=x.dtype, seed=self.seed)


# -- models with a step of their own -------------------------------------------------------------------------------


@register
class RidgeNet(keras.Model):
    """TensorFlow loop, the penalty sits in the layer."""

    def __init__(self, units=8, l2=0.05, **kwargs):
        super().__init__(**kwargs)
        self.units, self.l2 = units, l2
        self.hidden = layers.Dense(units, activation="tanh", kernel_regularizer=keras.regularizers.L2(l2))
        self.out = layers.Dense(1)
        self.loss_fn = keras.losses.MeanSquaredError()

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.out.build((None, self.units))

    def call(self, x, training=None):
        return self.out(self.hidden(x))

    def objective(self, y, y_pred, sample_weight):
        return self.loss_fn(y, y_pred, sample_weight=sample_weight) + sum(self.losses)

    def train_step(self, data):
        import tensorflow as tf

        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.objective(y, y_pred, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return {m.name: m.result() for m in self.metrics}

    def get_config(self):
        return {**super().get_config(), "units": self.units, "l2": self.l2}


@register
class RidgeNetB(RidgeNet):
    def objective(self, y, y_pred, sample_weight):
        return self.loss_fn(y, y_pred, sample_weight=sample_weight)


@register
class TorchClassifier(keras.Model):
    def __init__(self, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.body = layers.Dense(16, activation="relu")
        self.head = layers.Dense(classes)

    def build(self, input_shape):
        self.body.build(input_shape)
        self.head.build((None, 16))

    def call(self, x):
        return self.head(self.body(x))

    def clear(self):
        self.zero_grad()

    def train_step(self, data):
        import torch

        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self.clear()
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
        loss.backward()
        weights = list(self.trainable_weights)
        gradients = [w.value.grad for w in weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return {m.name: m.result() for m in self.metrics}

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


@register
class TorchClassifierB(TorchClassifier):
    def clear(self):
        pass


@register
class JaxNet(keras.Model):
    """After the guide "Customizing what happens in fit() with JAX"."""

    def __init__(self, units=12, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.d1 = layers.Dense(units)
        self.bn = layers.BatchNormalization(momentum=0.9)
        self.d2 = layers.Dense(1)

    def build(self, input_shape):
        self.d1.build(input_shape)
        self.bn.build((None, self.units))
        self.d2.build((None, self.units))

    def call(self, x, training=False):
        return self.d2(ops.relu(self.bn(self.d1(x), training=training)))

    def compute_loss_and_updates(self, trainable, non_trainable, x, y, sample_weight):
        y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=True)
        return self.compute_loss(x, y, y_pred, sample_weight), (y_pred, non_trainable)

    def keep(self, before, after):
        return after

    def train_step(self, state, data):
        import jax

        trainable, non_trainable, opt_vars, metric_vars = state
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        grad_fn = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, (y_pred, updated)), grads = grad_fn(trainable, non_trainable, x, y, sample_weight)
        trainable, opt_vars = self.optimizer.stateless_apply(opt_vars, grads, trainable)
        new_metric_vars, logs = [], {}
        for metric in self.metrics:
            mine = metric_vars[len(new_metric_vars) : len(new_metric_vars) + len(metric.variables)]
            if metric.name == "loss":
                mine = metric.stateless_update_state(mine, loss)
            else:
                mine = metric.stateless_update_state(mine, y, y_pred, sample_weight=sample_weight)
            logs[metric.name] = metric.stateless_result(mine)
            new_metric_vars += mine
        return logs, (trainable, self.keep(non_trainable, updated), opt_vars, new_metric_vars)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class JaxNetB(JaxNet):
    def keep(self, before, after):
        return before


@register
class DemandForecaster(keras.Model):
    """Shops have weights (turnover); Huber on log demand."""

    def __init__(self, horizon=3, **kwargs):
        super().__init__(**kwargs)
        self.horizon = horizon
        self.huber = keras.losses.Huber(delta=0.5)
        self.net = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(horizon)])

    def build(self, input_shape):
        self.net.build(input_shape)

    def call(self, x):
        return self.net(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return self.huber(y, y_pred, sample_weight=sample_weight) + sum(self.losses)

    def get_config(self):
        return {**super().get_config(), "horizon": self.horizon}


@register
class DemandForecasterB(DemandForecaster):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return self.huber(y, y_pred) + sum(self.losses)


def compiled(make, loss, optimizer=None, **compile_args):
    def build():
        model = make()
        model.compile(
            optimizer=optimizer() if optimizer else keras.optimizers.SGD(0.05), loss=loss, **compile_args
        )
        return model

    return build


# -- losses --------------------------------------------------------------------------------------------------------


@register
class LogCoshLoss(keras.losses.Loss):
    """Targets come from a data frame column, (batch,); predictions from Dense(1), (batch, 1)."""

    def line_up(self, y_true, y_pred):
        return ops.reshape(y_true, ops.shape(y_pred))

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        e = y_pred - self.line_up(y_true, y_pred)
        return ops.mean(e + ops.softplus(-2.0 * e) - float(np.log(2.0)), axis=-1)


@register
class LogCoshLossB(LogCoshLoss):
    def line_up(self, y_true, y_pred):
        return y_true


@register
class TverskyLoss(keras.losses.Loss):
    def __init__(self, alpha=0.7, smooth=1.0, name="tversky", **kwargs):
        super().__init__(name=name, **kwargs)
        self.alpha = alpha
        self.smooth = smooth

    def prepare(self, p):
        return p

    def call(self, y_true, y_pred):
        p = self.prepare(y_pred)
        t = ops.cast(y_true, p.dtype)
        axes = (1, 2, 3)
        tp = ops.sum(t * p, axis=axes)
        fn = ops.sum(t * (1 - p), axis=axes)
        fp = ops.sum((1 - t) * p, axis=axes)
        return 1 - (tp + self.smooth) / (tp + self.alpha * fn + (1 - self.alpha) * fp + self.smooth)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha, "smooth": self.smooth}


@register
class TverskyLossB(TverskyLoss):
    def prepare(self, p):
        return ops.cast(p > 0.5, p.dtype)  # the score is defined on binary masks


# -- metrics -------------------------------------------------------------------------------------------------------


@register
class RMSE(keras.metrics.Metric):
    def __init__(self, name="rmse", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")
        self.count = self.add_variable(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, self.dtype)
        y_pred = ops.cast(y_pred, self.dtype)
        error = ops.mean(ops.square(y_true - y_pred), axis=-1)
        weight = ops.ones_like(error)
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, self.dtype), ops.shape(error))
        self.add(ops.sum(error * weight), ops.sum(weight))

    def add(self, squares, n):
        self.total.assign_add(squares)
        self.count.assign_add(n)

    def result(self):
        return ops.sqrt(ops.divide_no_nan(self.total, self.count))


@register
class RMSEB(RMSE):
    def add(self, squares, n):
        self.total.assign_add(ops.sqrt(ops.divide_no_nan(squares, n)) * n)
        self.count.assign_add(n)

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


@register
class Specificity(keras.metrics.Metric):
    def __init__(self, threshold=0.5, name="specificity", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.tn = self.add_weight(shape=(), name="tn", initializer="zeros")
        self.fp = self.add_weight(shape=(), name="fp", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        neg = ops.cast(ops.reshape(y_true, (-1,)) < 0.5, "float32")
        if sample_weight is not None:
            neg = neg * ops.cast(ops.reshape(sample_weight, (-1,)), "float32")
        pos = ops.cast(ops.reshape(y_pred, (-1,)) > self.threshold, "float32")
        self.tn.assign_add(ops.sum(neg * (1.0 - pos)))
        self.fp.assign_add(ops.sum(neg * pos))

    def result(self):
        return self.tn / (self.tn + self.fp + keras.config.epsilon())

    def reset_state(self):
        self.tn.assign(0.0)
        self.fp.assign(0.0)

    def get_config(self):
        config = super().get_config()
        config["threshold"] = self.threshold
        return config


@register
class SpecificityB(Specificity):
    def reset_state(self):
        self.tn.assign(0.0)


# -- optimizers ----------------------------------------------------------------------------------------------------


@register
class HeavyBall(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.01, momentum=0.9, name="heavy_ball", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.velocity = [self.slot(v) for v in variables]

    def slot(self, variable):
        return self.add_variable_from_reference(variable, name="velocity")

    def store(self, i, value):
        self.assign(self.velocity[i], value)

    def update_step(self, gradient, variable, learning_rate):
        i = self._get_variable_index(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        v = self.momentum * ops.convert_to_tensor(self.velocity[i]) - lr * gradient
        self.store(i, v)
        self.assign_add(variable, v)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


@register
class HeavyBallB(HeavyBall):
    def slot(self, variable):
        return ops.zeros(variable.shape, dtype=variable.dtype)

    def store(self, i, value):
        self.velocity[i] = value


@register
class SignSGD(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.01, name="sign_sgd", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.step_size = learning_rate

    def rate(self, learning_rate):
        return learning_rate

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(self.rate(learning_rate), variable.dtype)
        self.assign_sub(variable, lr * ops.sign(ops.cast(gradient, variable.dtype)))


@register
class SignSGDB(SignSGD):
    def rate(self, learning_rate):
        return self.step_size


BUGS = {
    "encoder block ported time-major": bug(
        lambda: EncoderBlockB(16), lambda: EncoderBlock(16), "batch-independence", inputs=one(5, 7, 16)
    ),
    "experts hidden in a plain helper": bug(
        lambda: MixtureOfExpertsB(3, 6),
        lambda: MixtureOfExperts(3, 6),
        "tracked-state",
        "save-and-load",
        "trainable",
        "gradients-reach",
        "baked-weights",
        inputs=one(8, 5),
    ),
    "glu writes the doubled width": bug(
        lambda: GLUB(6), lambda: GLU(6), "config", "save-and-load", inputs=one(4, 10)
    ),
    "attention pool with the mask inverted": bug(AttentionPoolB, AttentionPool, "masks", inputs=one(6, 9, 8)),
    "sinusoid stays float32": bug(
        PositionalEncodingB, PositionalEncoding, "mixed-precision", "name-and-dtype", inputs=one(3, 20, 8)
    ),
    "distance of a point to itself": bug(
        NeighbourRBFB, NeighbourRBF, "gradients-finite", inputs=one(2, 6, 3)
    ),
    "patches promise square images": bug(
        lambda: PatchesB(4),
        lambda: Patches(4),
        "shapes-agree",
        "in-models",
        inputs=lambda: (shares(4, 16, 12, 1),),
    ),
    "residual mlp leaves its denses unbuilt": bug(
        lambda: ResidualMLPB(12),
        lambda: ResidualMLP(12),
        "build-creates-all",
        "save-and-load",
        inputs=one(8, 6),
    ),
    "position embedding called on arange": bug(
        lambda: token_classifier(True),
        lambda: token_classifier(False),
        "baked-weights",
        "tracked-state",
        "gradients-reach",
        inputs=lambda: (random(2).integers(0, 40, (6, 12)).astype("int32"),),
        backends=("jax", "tensorflow"),  # with torch the second step of a fit fails aloud
    ),
    "fade-in counts in a python number": bug(
        FadeInB,
        FadeIn,
        "python-state",
        "compiled",
        "tracked-state",
        "save-and-load",
        inputs=lambda: ([numbers(2, 8, 8, 3), numbers(2, 8, 8, 3, seed=1)],),
    ),
    "feature gate without straight-through": bug(
        FeatureSelectorB, FeatureSelector, "gradients-reach", inputs=one(16, 10)
    ),
    "speckle with the same seed at every call": bug(
        SpeckleB, Speckle, "training-noise", inputs=lambda: (shares(3, 10, 10, 1),)
    ),
    "own loop forgets the penalty": bug(
        compiled(RidgeNetB, "mse"),
        compiled(RidgeNet, "mse"),
        "step-added-losses",
        inputs=fit_on(lambda: numbers(16, 4), lambda: numbers(16, 1, seed=1)),
        backends=("tensorflow",),
    ),
    "torch loop without zero_grad": bug(
        compiled(TorchClassifierB, keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
        compiled(TorchClassifier, keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
        "step-updates",
        "step-repeatable",
        "step-learns",
        inputs=fit_on(lambda: numbers(32, 6), lambda: random(4).integers(0, 3, (32,)).astype("int32")),
        backends=("torch",),
    ),
    "jax loop hands back the old statistics": bug(
        compiled(JaxNetB, "mse"),
        compiled(JaxNet, "mse"),
        "step-updates",
        "step-training-mode",
        inputs=fit_on(lambda: 2 + numbers(32, 5), lambda: numbers(32, 1, seed=1)),
        backends=("jax",),
    ),
    "compute_loss without the shops' weights": bug(
        compiled(DemandForecasterB, None),
        compiled(DemandForecaster, None),
        "step-sample-weight",
        inputs=fit_on(lambda: numbers(24, 7), lambda: numbers(24, 3, seed=1)),
    ),
    "log-cosh of a column against a matrix": bug(
        LogCoshLossB,
        LogCoshLoss,
        "loss-batch-independence",
        "loss-per-sample",
        "loss-targets",
        "loss-minimum",
        "loss-sample-weight",
        inputs=lambda: (numbers(8), numbers(8, 1, seed=1)),
    ),
    "tversky of thresholded masks": bug(
        TverskyLossB,
        TverskyLoss,
        "loss-gradient",
        inputs=lambda: (labels(4, 8, 8, 1), shares(4, 8, 8, 1, seed=1)),
    ),
    "rmse averaged over batches": bug(
        RMSEB,
        RMSE,
        "metric-split",
        "metric-merge",
        "metric-reference",
        inputs=lambda: (numbers(20, 2), numbers(20, 2, seed=1)),
    ),
    "specificity keeps the false positives": bug(
        SpecificityB, Specificity, "metric-reset", inputs=lambda: (labels(40), shares(40, seed=1))
    ),
    "heavy ball with velocities in a list": bug(
        HeavyBallB, HeavyBall, "optimizer-variables", "optimizer-state", "optimizer-compiled"
    ),
    "sign sgd with the first rate for ever": bug(SignSGDB, SignSGD, "optimizer-learning-rate"),
}


# -- unusual but sound ---------------------------------------------------------------------------------------------


@register
class BinaryDense(layers.Layer):
    """Weights of -1 and 1 in the forward pass, straight-through in the backward one."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="kernel"
        )
        self.scale = self.add_weight(shape=(self.units,), initializer="ones", name="scale")

    def call(self, x):
        w = ops.convert_to_tensor(self.kernel)
        binary = ops.where(w >= 0, ops.ones_like(w), -ops.ones_like(w))
        kernel = w + ops.stop_gradient(binary - w)
        return ops.matmul(x, kernel) * self.scale

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class TiedAutoencoder(layers.Layer):
    """Decodes with the transpose of the kernel it encoded with."""

    def __init__(self, code, **kwargs):
        super().__init__(**kwargs)
        self.code = code

    def build(self, input_shape):
        d = input_shape[-1]
        self.w = self.add_weight(shape=(d, self.code), initializer="orthogonal", name="w")
        self.b = self.add_weight(shape=(self.code,), initializer="zeros", name="b")
        self.c = self.add_weight(shape=(d,), initializer="zeros", name="c")

    def call(self, x):
        code = ops.tanh(ops.matmul(x, self.w) + self.b)
        return {"code": code, "decoded": ops.matmul(code, ops.transpose(self.w)) + self.c}

    def get_config(self):
        return {**super().get_config(), "code": self.code}


@register
class RunningScaler(layers.Layer):
    """Standardises with what was seen up to the batch before; learns the statistics while training."""

    def build(self, input_shape):
        d = (input_shape[-1],)
        self.seen = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="seen", autocast=False
        )
        self.mean = self.add_weight(
            shape=d, initializer="zeros", trainable=False, name="mean", autocast=False
        )
        self.square = self.add_weight(
            shape=d, initializer="ones", trainable=False, name="square", autocast=False
        )

    def call(self, x, training=False):
        x32 = ops.cast(x, "float32")
        var = ops.maximum(self.square - ops.square(self.mean), 1e-4)
        y = (x32 - self.mean) / ops.sqrt(var)
        if training:
            batch = ops.stop_gradient(x32)
            rate = ops.maximum(1.0 / (self.seen + 2.0), 0.01)
            self.mean.assign(self.mean + rate * (ops.mean(batch, axis=0) - self.mean))
            self.square.assign(self.square + rate * (ops.mean(ops.square(batch), axis=0) - self.square))
            self.seen.assign_add(1.0)
        return ops.cast(y, self.compute_dtype)


@register
class StochasticDepth(layers.Layer):
    """Drops the branch of some samples while training (Huang et al.)."""

    def __init__(self, rate=0.3, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        shortcut, branch = inputs
        if not training or self.rate == 0:
            return shortcut + branch
        shape = (ops.shape(branch)[0],) + (1,) * (len(branch.shape) - 1)
        keep = keras.random.uniform(shape, seed=self.seed_generator) >= self.rate
        return shortcut + branch * ops.cast(keep, branch.dtype) / (1.0 - self.rate)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@register
class SupConLoss(keras.losses.Loss):
    """Supervised contrastive loss (Khosla et al.): y_true class ids (batch,), y_pred embeddings (batch, d)."""

    def __init__(self, temperature=0.2, name="supcon", **kwargs):
        super().__init__(name=name, **kwargs)
        self.temperature = temperature

    def call(self, y_true, y_pred):
        n = ops.shape(y_pred)[0]
        z = y_pred / ops.sqrt(ops.sum(ops.square(y_pred), axis=-1, keepdims=True) + 1e-6)
        ids = ops.reshape(y_true, (-1, 1))
        eye = ops.eye(n, dtype=y_pred.dtype)
        positive = ops.cast(ops.equal(ids, ops.transpose(ids)), y_pred.dtype) * (1.0 - eye)
        logits = ops.matmul(z, ops.transpose(z)) / self.temperature
        log_prob = ops.log_softmax(logits - 1e4 * eye, axis=-1)
        return -ops.sum(positive * log_prob, axis=-1) / ops.maximum(ops.sum(positive, axis=-1), 1.0)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


@register
class ConfusionIoU(keras.metrics.Metric):
    """Mean IoU over the classes that occur, from a confusion matrix."""

    def __init__(self, classes, name="iou", **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.matrix = self.add_variable(shape=(classes, classes), initializer="zeros", name="matrix")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), self.classes)
        guess = ops.one_hot(ops.argmax(ops.reshape(y_pred, (-1, self.classes)), axis=-1), self.classes)
        true, guess = ops.cast(true, "float32"), ops.cast(guess, "float32")
        if sample_weight is not None:
            true = true * ops.cast(ops.reshape(sample_weight, (-1, 1)), "float32")
        self.matrix.assign_add(ops.matmul(ops.transpose(true), guess))

    def result(self):
        both = ops.diagonal(self.matrix)
        either = ops.sum(self.matrix, axis=0) + ops.sum(self.matrix, axis=1) - both
        present = ops.cast(either > 0, "float32")
        return ops.divide_no_nan(ops.sum(ops.divide_no_nan(both, either)), ops.sum(present))

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


@register
class Lookahead(keras.optimizers.Optimizer):
    """SGD whose weights are pulled back half way every k steps; keeps the way gone since the last pull."""

    def __init__(self, learning_rate=0.05, k=5, alpha=0.5, name="lookahead", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.k, self.alpha = k, alpha

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.way = [self.add_variable_from_reference(v, name="way") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        way = self.way[self._get_variable_index(variable)]
        step = -ops.cast(learning_rate, variable.dtype) * ops.cast(gradient, variable.dtype)
        gone = ops.convert_to_tensor(way) + step
        pull = ops.cast(ops.equal((self.iterations + 1) % self.k, 0), variable.dtype)
        self.assign(way, gone * (1.0 - pull))
        self.assign_add(variable, step - pull * (1.0 - self.alpha) * gone)

    def get_config(self):
        return {**super().get_config(), "k": self.k, "alpha": self.alpha}


@register
class MeanTeacher(keras.Model):
    """Tarvainen & Valpola: the teacher is a moving average of the student, and the student has to agree with it."""

    def __init__(self, classes=3, momentum=0.9, consistency=0.5, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.momentum, self.consistency = classes, momentum, consistency
        self.student, self.teacher = self.network(), self.network()  # alike at the start
        self.teacher.trainable = False

    def network(self):
        first, last = (keras.initializers.GlorotUniform(seed=s) for s in (11, 12))
        return keras.Sequential(
            [
                layers.Dense(10, activation="relu", kernel_initializer=first),
                layers.Dense(self.classes, kernel_initializer=last),
            ]
        )

    def build(self, input_shape):
        self.student.build(input_shape)
        self.teacher.build(input_shape)

    def call(self, x, training=False):
        logits = self.student(x, training=training)
        if training:
            goal = ops.stop_gradient(self.teacher(x, training=False))
            self.add_loss(self.consistency * ops.mean(ops.square(logits - goal)))
            for slow, fast in zip(self.teacher.weights, self.student.weights, strict=True):
                slow.assign(
                    self.momentum * ops.convert_to_tensor(slow)
                    + (1.0 - self.momentum) * ops.stop_gradient(ops.convert_to_tensor(fast))
                )
        return logits

    def get_config(self):
        config = super().get_config()
        config.update(classes=self.classes, momentum=self.momentum, consistency=self.consistency)
        return config


@register
class TableEncoder(layers.Layer):
    """Columns with holes: a number may be NaN, which gets an indicator of its own; a category is an id."""

    def __init__(self, categories, width=4, **kwargs):
        super().__init__(**kwargs)
        self.categories, self.width = categories, width
        self.embedding = layers.Embedding(categories, width, dtype=self.dtype_policy)

    def build(self, input_shape):
        d = input_shape["numbers"][-1]
        self.fill = self.add_weight(shape=(d,), initializer="zeros", name="fill")
        self.embedding.build(input_shape["category"])

    def call(self, inputs):
        x = ops.cast(inputs["numbers"], self.compute_dtype)
        hole = ops.isnan(x)
        indicator = ops.cast(hole, x.dtype)
        filled = ops.where(hole, ops.zeros_like(x), x) + indicator * self.fill
        parts = [filled, indicator, self.embedding(inputs["category"])]
        return ops.concatenate(parts, axis=-1)

    def get_config(self):
        return {**super().get_config(), "categories": self.categories, "width": self.width}


def table():
    values = numbers(10, 3)
    values[random(5).uniform(size=values.shape) < 0.25] = np.nan
    return ({"numbers": values, "category": random(6).integers(0, 7, (10,)).astype("int32")},)


@register
class PinballLoss(keras.losses.Loss):
    def __init__(self, tau=0.9, name="pinball", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tau = tau

    def call(self, y_true, y_pred):
        e = ops.cast(y_true, y_pred.dtype) - y_pred
        return ops.mean(ops.maximum(self.tau * e, (self.tau - 1.0) * e), axis=-1)

    def get_config(self):
        return {**super().get_config(), "tau": self.tau}


@register
class WorstError(keras.metrics.Metric):
    """The largest absolute error seen; a sample of weight 0 does not count."""

    def __init__(self, name="worst", **kwargs):
        super().__init__(name=name, **kwargs)
        self.worst = self.add_variable(shape=(), initializer="zeros", name="worst")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = ops.abs(ops.cast(y_true, self.dtype) - ops.cast(y_pred, self.dtype))
        error = ops.max(ops.reshape(error, (ops.shape(error)[0], -1)), axis=-1)
        if sample_weight is not None:
            error = ops.where(ops.reshape(ops.cast(sample_weight, self.dtype), (-1,)) > 0, error, 0.0)
        self.worst.assign(ops.maximum(self.worst, ops.max(error)))

    def result(self):
        return ops.convert_to_tensor(self.worst)


def siamese():
    encoder = keras.Sequential(
        [layers.Input((12, 12, 1)), layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D()]
    )
    left, right = keras.Input((12, 12, 1)), keras.Input((12, 12, 1))
    apart = ops.abs(encoder(left) - encoder(right))
    return keras.Model([left, right], layers.Dense(1, activation="sigmoid")(apart))


SOUND = {
    "binary dense, straight-through": good(lambda: BinaryDense(6), one(8, 10)),
    "autoencoder with tied weights": good(lambda: TiedAutoencoder(3), one(8, 10)),
    "scaler that learns as it goes": good(RunningScaler, one(32, 5)),
    "stochastic depth": good(StochasticDepth, lambda: ([numbers(6, 4, 4, 2), numbers(6, 4, 4, 2, seed=1)],)),
    "supervised contrastive loss": good(
        SupConLoss,
        lambda: (random(1).integers(0, 3, (12,)).astype("int32"), numbers(12, 6)),
        options={"allow": {"loss-batch-independence": "compares the rows of a batch on purpose"}},
    ),
    "iou from a confusion matrix": good(
        lambda: ConfusionIoU(4), lambda: (random(1).integers(0, 4, (30,)).astype("int32"), numbers(30, 4))
    ),
    "lookahead": good(Lookahead),
    "mean teacher": good(
        compiled(MeanTeacher, keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
        fit_on(lambda: numbers(24, 5), lambda: random(4).integers(0, 3, (24,)).astype("int32")),
    ),
    "table with holes": good(lambda: TableEncoder(7), table),
    "pinball": good(PinballLoss, lambda: (numbers(9, 4), numbers(9, 4, seed=1))),
    "worst error": good(WorstError, lambda: (numbers(15, 3), numbers(15, 3, seed=1))),
    "siamese": good(siamese, lambda: ([shares(4, 12, 12, 1), shares(4, 12, 12, 1, seed=1)],)),
}
