"""A fourth set of bugs and sound twins, in as many styles as people have; run when the contracts stood still."""

from __future__ import annotations

import keras
import numpy as np
from bug import labels, numbers, one_hot, random, shares
from bugs_people import Regressor, both, bug, one, step
from bugs_steps import Steps
from keras import layers, ops

register = keras.saving.register_keras_serializable("kerascope_fourth")


# -- layers --------------------------------------------------------------------------------------------------------


class ProjectionHead(layers.Layer):
    """Normalises embeddings for a contrastive loss, along the samples."""

    axis = 0

    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.dim), initializer="glorot_uniform", name="kernel"
        )
        super().build(input_shape)

    def call(self, inputs):
        z = ops.matmul(inputs, self.kernel)
        return z / (ops.sqrt(ops.sum(z * z, axis=self.axis, keepdims=True) + 1e-6))

    def get_config(self):
        config = super().get_config()
        config.update({"dim": self.dim})
        return config


class ProjectionHeadOfEach(ProjectionHead):
    axis = -1


class Patches(layers.Layer):
    """Cuts images into patches; two axes are exchanged where the batch is one of them."""

    def __init__(self, size=4, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def put_in_order(self, x, rows, columns, channels):
        x = ops.transpose(x, (1, 0, 3, 2, 4, 5))
        return ops.reshape(x, (-1, rows * columns, self.size * self.size * channels))

    def call(self, images):
        _, height, width, channels = images.shape
        rows, columns = height // self.size, width // self.size
        x = ops.reshape(images, (-1, rows, self.size, columns, self.size, channels))
        return self.put_in_order(x, rows, columns, channels)

    def get_config(self):
        return {**super().get_config(), "size": self.size}


class PatchesOfAnImage(Patches):
    def put_in_order(self, x, rows, columns, channels):
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, rows * columns, self.size * self.size * channels))


class DropPath(layers.Layer):
    """Leaves a branch out at times, by a coin of NumPy."""

    def __init__(self, drop_prob=0.5, **kwargs):
        super().__init__(**kwargs)
        self.drop_prob = drop_prob
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, x, training=None):
        if training:
            keep_prob = 1 - self.drop_prob
            random_tensor = keep_prob + np.random.uniform(size=(1,) * len(x.shape)).astype("float32")
            return x / keep_prob * ops.floor(ops.convert_to_tensor(random_tensor))
        return x

    def get_config(self):
        return {**super().get_config(), "drop_prob": self.drop_prob}


class DropPathOfEach(DropPath):
    def call(self, x, training=None):
        if training:
            keep_prob = 1 - self.drop_prob
            shape = (ops.shape(x)[0],) + (1,) * (len(x.shape) - 1)
            random_tensor = keep_prob + keras.random.uniform(shape, seed=self.seed_generator)
            return x / keep_prob * ops.floor(random_tensor)
        return x


class Recurrent(layers.Layer):
    """Goes on with the state of the last batch, which it keeps in an attribute."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state = None

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w")
        self.u = self.add_weight(shape=(self.units, self.units), name="u")

    def begin(self, x):
        return ops.zeros((1, self.units), x.dtype) if self.state is None else self.state

    def end(self, h):
        self.state = ops.mean(h, axis=0, keepdims=True)

    def call(self, x):
        h = self.begin(x)
        for t in range(x.shape[1]):
            h = ops.tanh(ops.matmul(x[:, t], self.w) + ops.matmul(h, self.u))
        self.end(h)
        return h

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class RecurrentFromZero(Recurrent):
    def begin(self, x):
        return ops.zeros((1, self.units), x.dtype)

    def end(self, h):
        pass


class WeightNormDense(layers.Layer):
    """Puts its kernel together where its parts are made, once and for all."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def kernel_of(self):
        return self.g * self.v / ops.sqrt(ops.sum(ops.square(self.v), axis=0, keepdims=True) + 1e-6)

    def build(self, input_shape):
        self.v = self.add_weight(name="v", shape=(int(input_shape[-1]), self.units))
        self.g = self.add_weight(name="g", shape=(self.units,), initializer="ones")
        self.kernel = self.kernel_of()
        self.built = True

    def call(self, inputs):
        return inputs @ self.kernel

    def get_config(self):
        return dict(super().get_config(), units=self.units)


class WeightNormDenseInCall(WeightNormDense):
    def build(self, input_shape):
        self.v = self.add_weight(name="v", shape=(int(input_shape[-1]), self.units))
        self.g = self.add_weight(name="g", shape=(self.units,), initializer="ones")
        self.built = True

    def call(self, inputs):
        return ops.matmul(inputs, self.kernel_of())


@register
class ConvBlock(layers.Layer):
    """Its activation is a function that makes a layer with a weight, a new one at each call."""

    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.conv = layers.Conv2D(filters, 3, padding="same")
        self.act = lambda x: layers.PReLU(shared_axes=[1, 2])(x)

    def build(self, input_shape):
        self.conv.build(input_shape)

    def call(self, x):
        return self.act(self.conv(x))

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@register
class ConvBlockWithLayer(ConvBlock):
    def __init__(self, filters=4, **kwargs):
        super().__init__(filters, **kwargs)
        self.act = layers.PReLU(shared_axes=[1, 2])

    def build(self, input_shape):
        super().build(input_shape)
        self.act.build((*input_shape[:-1], self.filters))


class TextCNN(layers.Layer):
    """Says that it supports masks, and looks at the neighbours of each word, padding or not."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.conv = layers.Conv1D(4, 3, padding="same", activation="relu")

    def build(self, shape):
        self.conv.build(shape)

    def call(self, x, mask=None):
        return self.conv(x)


class TextCNNMasked(TextCNN):
    def call(self, x, mask=None):
        if mask is not None:
            x = x * ops.cast(ops.expand_dims(mask, -1), x.dtype)
        return self.conv(x)


class NearestCode(layers.Layer):
    """Gives the number of the nearest code, and says nothing of its type."""

    def build(self, input_shape):
        self.codes = self.add_weight(shape=(5, input_shape[-1]), trainable=False, name="codes")

    def call(self, x):
        distance = ops.sum(ops.square(ops.expand_dims(x, -2) - self.codes), axis=-1)
        return ops.argmin(distance, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]


class NearestCodeTold(NearestCode):
    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape[:-1], dtype="int32")


class ScaledDot(layers.Layer):
    """Keeps the scale of its scores as a tensor in float32."""

    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.scale = ops.cast(dim, "float32") ** -0.5
        self.q, self.k = layers.Dense(dim), layers.Dense(dim)

    def build(self, shape):
        self.q.build(shape)
        self.k.build(shape)

    def call(self, x):
        q, k = self.q(x), self.k(x)
        scores = ops.einsum("bid,bjd->bij", q * self.scale, k)
        return ops.einsum("bij,bjd->bid", ops.softmax(scores), x)

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}


class ScaledDotByNumber(ScaledDot):
    def __init__(self, dim=4, **kwargs):
        super().__init__(dim, **kwargs)
        self.scale = float(dim) ** -0.5


class GeneralizedMean(layers.Layer):
    """GeM pooling: takes powers of whatever comes, negative numbers too."""

    lowest = -np.inf

    def build(self, input_shape):
        self.p = self.add_weight(shape=(), initializer=keras.initializers.Constant(3.0), name="p")

    def call(self, x):
        x = ops.power(ops.maximum(x, self.lowest), self.p)
        return ops.power(ops.mean(x, axis=(1, 2)), 1.0 / self.p)


class GeneralizedMeanClipped(GeneralizedMean):
    lowest = 1e-3


class Adapter(layers.Layer):
    """Chooses its trainable weights by hand, and says so whether it is frozen or not."""

    def __init__(self, rank=2, **kwargs):
        super().__init__(**kwargs)
        self.rank = rank

    def build(self, input_shape):
        dim = input_shape[-1]
        self.base = self.add_weight(shape=(dim, dim), name="base", trainable=False)
        self.down = self.add_weight(shape=(dim, self.rank), name="down")
        self.up = self.add_weight(shape=(self.rank, dim), name="up")

    @property
    def trainable_weights(self):
        return [self.down, self.up]

    @property
    def trainable_variables(self):
        return self.trainable_weights

    def call(self, x):
        return x @ self.base + x @ self.down @ self.up

    def get_config(self):
        return {**super().get_config(), "rank": self.rank}


class AdapterByKeras(Adapter):
    trainable_weights = layers.Layer.trainable_weights
    trainable_variables = layers.Layer.trainable_variables


class Fourier(layers.Layer):
    """Has a name of its own, and no ear for another one."""

    def __init__(self, features=3, **kwargs):
        super().__init__(name="fourier")
        self.features = features

    def build(self, input_shape):
        self.freq = self.add_weight(shape=(input_shape[-1], self.features), trainable=False, name="freq")

    def call(self, x):
        angle = ops.matmul(x, self.freq)
        return ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)

    def get_config(self):
        config = super().get_config()
        config["features"] = self.features
        return config


class FourierNamed(Fourier):
    def __init__(self, features=3, **kwargs):
        layers.Layer.__init__(self, **kwargs)
        self.features = features


class RunningScale(layers.Layer):
    """Saves what it learns, and leaves out what it counts."""

    def build(self, input_shape):
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")
        self.moving = self.add_weight(
            shape=(input_shape[-1],), initializer="ones", trainable=False, name="moving"
        )

    def call(self, x, training=False):
        if training:
            self.moving.assign(0.9 * self.moving + 0.1 * ops.mean(ops.abs(x), axis=0))
        return x * self.gamma / (self.moving + 1e-3)

    def kept(self):
        return self.trainable_weights

    def save_own_variables(self, store):
        for i, v in enumerate(self.kept()):
            store[str(i)] = ops.convert_to_numpy(v)

    def load_own_variables(self, store):
        for i, v in enumerate(self.kept()):
            v.assign(store[str(i)])


class RunningScaleSaved(RunningScale):
    def kept(self):
        return self.weights


class ScalesPixels(layers.Layer):
    """Asks in Python whether the pixels go up to 255."""

    def call(self, images):
        if ops.max(images) > 1.0:
            images = images / 255.0
        return images


class ScalesPixelsOfEach(ScalesPixels):
    def call(self, images):
        largest = ops.max(images, axis=(1, 2, 3), keepdims=True)
        return ops.where(largest > 1.0, images / 255.0, images)


# -- models --------------------------------------------------------------------------------------------------------


@register
class Stack(keras.Model):
    """Goes through its first block again and again."""

    def __init__(self, depth=3, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth
        self.blocks = [layers.Dense(6, activation="gelu") for _ in range(depth)]
        self.head = layers.Dense(2)

    def build(self, input_shape):
        for block in self.blocks:
            block.build(input_shape)
        self.head.build(input_shape)

    def block(self, i):
        return self.blocks[0]

    def call(self, x):
        for i in range(self.depth):
            x = x + self.block(i)(x)
        return self.head(x)

    def get_config(self):
        return {"depth": self.depth}


@register
class StackOfAll(Stack):
    def block(self, i):
        return self.blocks[i]


class Queue(keras.Model):
    """Keeps the last outputs to compare with, in a tensor that each call replaces."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.encoder = layers.Dense(4)
        self.queue = np.zeros((8, 4), "float32")

    def build(self, input_shape):
        self.encoder.build(input_shape)

    def push(self, z):
        self.queue = ops.concatenate([ops.stop_gradient(z), self.queue], axis=0)[:8]

    def call(self, x, training=False):
        z = self.encoder(x)
        scores = ops.matmul(z, ops.transpose(ops.convert_to_tensor(self.queue)))
        if training:
            self.push(z)
        return ops.concatenate([z, scores], axis=-1)


class QueueInAWeight(Queue):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.queue = self.add_weight(shape=(8, 4), initializer="zeros", trainable=False, name="queue")

    def push(self, z):
        self.queue.assign(ops.concatenate([ops.stop_gradient(z), self.queue], axis=0)[:8])


# -- train steps ---------------------------------------------------------------------------------------------------


class NoisyTargets(Regressor):
    """Smooths its targets with numbers of NumPy: compiled, they are the same for ever."""

    def noise(self, y):
        return np.random.normal(scale=0.3, size=(1, y.shape[-1])).astype("float32")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y + self.noise(y), y_pred, sample_weight, training)


class NoisyTargetsOfKeras(NoisyTargets):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(5)

    def noise(self, y):
        return 0.05 * keras.random.normal((1, y.shape[-1]), seed=self.seeds)


class Penalised(Regressor):
    """Adds its own losses to a loss in which they are already."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.body.kernel_regularizer = keras.regularizers.L2(0.05)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        for extra in self.losses:
            loss = loss + extra
        return loss


class PenalisedOnce(Penalised):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return Regressor.compute_loss(self, x, y, y_pred, sample_weight, training)


class Critic(Steps):
    """Clips all weights after a step, as a critic of a GAN does; the frozen layer's too."""

    def after(self, values):
        return [ops.clip(v, -0.05, 0.05) if len(v.shape) == 2 else v for v in values]


class CriticOfTrained(Steps):
    def after(self, values):
        trained = len(self.trainable_variables)
        return [ops.clip(v, -0.5, 0.5) if i < trained else v for i, v in enumerate(values)]


class AveragesItsLoss(Regressor):
    """Logs the mean of all losses so far, from a list that nobody empties."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = []

    def train_step(self, *args):
        found = super().train_step(*args)
        logs = found[0] if isinstance(found, tuple) else found
        self.seen.append(logs["loss"])
        logs["loss"] = sum(self.seen) / len(self.seen)
        return found


# -- functional construction ---------------------------------------------------------------------------------------


def tied_by_its_matrix():
    """The output layer uses the matrix of the embedding, as it was when the model was put together."""
    tokens = keras.Input((5,), dtype="int32")
    embedding = layers.Embedding(7, 4)
    h = layers.Dense(4, activation="relu")(embedding(tokens))
    logits = ops.matmul(h, ops.transpose(embedding.embeddings))
    return keras.Model(tokens, layers.Softmax()(logits))


@register
class TiedOutput(layers.Layer):
    def __init__(self, embedding, **kwargs):
        super().__init__(**kwargs)
        self.embedding = embedding

    def call(self, h):
        return ops.matmul(h, ops.transpose(self.embedding.embeddings))


def tied_by_a_layer():
    tokens = keras.Input((5,), dtype="int32")
    embedding = layers.Embedding(7, 4)
    h = layers.Dense(4, activation="relu")(embedding(tokens))
    return keras.Model(tokens, layers.Softmax()(TiedOutput(embedding)(h)))


def conditioned(make_gate):
    image = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, activation="relu")(image)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(2)(x * make_gate(x)))


def gate_of_a_constant():
    """A helper makes the gate from a constant with a little network, which is then a constant too."""
    return conditioned(lambda x: layers.Dense(4, activation="sigmoid")(np.ones((1, 2), "float32")))


def gate_of_the_image():
    return conditioned(lambda x: layers.Dense(4, activation="sigmoid")(x))


# -- losses --------------------------------------------------------------------------------------------------------


class SoftIoU(keras.losses.Loss):
    """Takes one overlap for the whole batch, and gives it to every sample."""

    axes = None

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        overlap = ops.sum(y_true * y_pred, axis=self.axes) + 1.0
        union = ops.sum(y_true + y_pred - y_true * y_pred, axis=self.axes) + 1.0
        return ops.ones_like(y_pred[:, 0]) * (1.0 - overlap / union)


class SoftIoUOfEach(SoftIoU):
    axes = -1


def reconstruction(y_true, y_pred):
    """Hands its arguments on in the order of another library."""
    return keras.losses.binary_crossentropy(y_pred, y_true)


def reconstruction_in_order(y_true, y_pred):
    return keras.losses.binary_crossentropy(y_true, y_pred)


class SwitchingHuber(keras.losses.Loss):
    """Decides for the whole batch which side of delta it is on."""

    def __init__(self, delta=1.0, name="switching_huber", **kwargs):
        super().__init__(name=name, **kwargs)
        self.delta = delta

    def call(self, y_true, y_pred):
        error = ops.abs(y_true - y_pred)
        small = 0.5 * ops.square(error)
        large = self.delta * (error - 0.5 * self.delta)
        return ops.mean(self.choose(error, small, large), axis=-1)

    def choose(self, error, small, large):
        return ops.where(ops.max(error) < self.delta, small, large)

    def get_config(self):
        return {**super().get_config(), "delta": self.delta}


class HuberOfEach(SwitchingHuber):
    def choose(self, error, small, large):
        return ops.where(error < self.delta, small, large)


class SparseFocal(keras.losses.Loss):
    """Makes one-hot vectors of labels with an axis too many."""

    def __init__(self, gamma=2.0, **kwargs):
        super().__init__(**kwargs)
        self.gamma = gamma

    def flat(self, y_true):
        return y_true

    def call(self, y_true, y_pred):
        hot = ops.one_hot(ops.cast(self.flat(y_true), "int32"), y_pred.shape[-1])
        p = ops.clip(y_pred, 1e-6, 1.0)
        return -ops.sum(hot * (1 - p) ** self.gamma * ops.log(p), axis=-1)

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma}


class SparseFocalFlat(SparseFocal):
    def flat(self, y_true):
        return ops.reshape(y_true, (-1,))


class Balanced(keras.losses.Loss):
    """Divides by how large it usually is, which it remembers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.usual = 1.0

    def call(self, y_true, y_pred):
        each = ops.mean(ops.square(y_true - y_pred), axis=-1)
        self.usual = 0.9 * self.usual + 0.1 * ops.stop_gradient(ops.mean(each))
        return each / self.usual


class Unbalanced(Balanced):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1) / self.usual


def f1_loss(y_true, y_pred):
    """Counts decisions, which have no slope."""
    return _f1(y_true, ops.round(y_pred))


def f1_loss_soft(y_true, y_pred):
    return _f1(y_true, y_pred)


def _f1(y_true, y_pred):
    hits = ops.sum(y_true * y_pred, axis=-1)
    false = ops.sum((1 - y_true) * y_pred, axis=-1)
    missed = ops.sum(y_true * (1 - y_pred), axis=-1)
    return 1 - (2 * hits + 1e-6) / (2 * hits + false + missed + 1e-6)


# -- metrics -------------------------------------------------------------------------------------------------------


class F1OfBatches(keras.metrics.Mean):
    """The mean of the F1 scores of the batches, which is no F1 score."""

    def __init__(self, name="f1", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        said = ops.cast(y_pred > 0.5, "float32")
        y_true = ops.cast(y_true, "float32")
        hits = ops.sum(y_true * said)
        precision = hits / (ops.sum(said) + 1e-7)
        recall = hits / (ops.sum(y_true) + 1e-7)
        super().update_state(2 * precision * recall / (precision + recall + 1e-7))


class F1OfAll(keras.metrics.Metric):
    def __init__(self, name="f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits, self.said, self.there = (
            self.add_weight(name=n, initializer="zeros") for n in ("hits", "said", "there")
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        said, y_true = ops.cast(y_pred > 0.5, "float32"), ops.cast(y_true, "float32")
        weight = ops.ones_like(y_true[:, :1])
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
        self.hits.assign_add(ops.sum(y_true * said * weight))
        self.said.assign_add(ops.sum(said * weight))
        self.there.assign_add(ops.sum(y_true * weight))

    def result(self):
        return 2 * self.hits / (self.said + self.there + 1e-7)


class MeanError(keras.metrics.Metric):
    """Sound. The classes below break one part each."""

    initial = "zeros"

    def __init__(self, threshold=0.1, name="mean_error", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer=self.initial)

    def weigh(self, error, sample_weight):
        return error * ops.reshape(sample_weight, (-1,)), ops.sum(sample_weight)

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = ops.mean(ops.abs(y_true - y_pred), axis=-1)
        error = ops.where(error > self.threshold, error, 0.0)
        count = ops.cast(ops.shape(error)[0], "float32")
        if sample_weight is not None:
            error, count = self.weigh(error, ops.cast(sample_weight, "float32"))
        self.total.assign_add(ops.sum(error))
        self.count.assign_add(count)

    def result(self):
        return self.total / ops.maximum(self.count, 1e-7)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


class ResetsToNumbers(MeanError):
    """Puts numbers of Python where its variables were."""

    def reset_state(self):
        self.total = 0.0
        self.count = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        if not isinstance(self.total, float):
            super().update_state(y_true, y_pred, sample_weight)
            return
        error = ops.mean(ops.abs(y_true - y_pred), axis=-1)
        self.total += ops.sum(error)
        self.count += len(error)


class CountsFromOne(MeanError):
    initial = "ones"

    def reset_state(self):
        self.total.assign(0.0)
        self.count.assign(0.0)


class WeighsAllByAll(MeanError):
    """A column of weights meets a row of errors."""

    def weigh(self, error, sample_weight):
        return error * ops.reshape(sample_weight, (-1, 1)), ops.sum(sample_weight)


class ForgetsItsThreshold(MeanError):
    def get_config(self):
        return keras.metrics.Metric.get_config(self)


class AmongTheBest(keras.metrics.Mean):
    """Looks for the right class among the worst two."""

    first, last = 0, 2

    def __init__(self, name="among_the_best", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        chosen = ops.argsort(y_pred, axis=-1)[:, self.first : self.last]
        right = ops.cast(ops.argmax(y_true, axis=-1), chosen.dtype)
        hit = ops.any(chosen == right[:, None], axis=-1)
        super().update_state(ops.cast(hit, "float32"), sample_weight)


class AmongTheBestTwo(AmongTheBest):
    first, last = -2, None


def among_two(y_true, y_pred):
    """The reference, in NumPy."""
    best = np.argsort(y_pred, axis=-1)[:, -2:]
    return np.mean([t.argmax() in b for t, b in zip(y_true, best, strict=True)])


def _labelled():
    return random().integers(0, 4, (8, 1)).astype("int32"), shares(8, 4, seed=1)


_CLASSES = {"inputs": lambda: (one_hot(8, 4), shares(8, 4, seed=1))}
_MANY_LABELS = {"inputs": lambda: (labels(8, 4), shares(8, 4, seed=1))}

BUGS = {
    "ProjectionHead": bug(ProjectionHead, ProjectionHeadOfEach, "batch-independence", inputs=one(3, 6)),
    "Patches": bug(Patches, PatchesOfAnImage, "batch-independence", inputs=one(3, 8, 8, 2)),
    "DropPath": bug(DropPath, DropPathOfEach, "training-noise", inputs=one(3, 6)),
    "Recurrent": bug(Recurrent, RecurrentFromZero, "python-state", inputs=one(3, 5, 4)),
    "WeightNormDense": bug(
        WeightNormDense, WeightNormDenseInCall, "tracked-state", "gradients-reach", inputs=one(3, 6)
    ),
    "ConvBlock": bug(
        ConvBlock,
        ConvBlockWithLayer,
        *("no-new-weights", "build-creates-all", "tracked-state", "builds"),
        inputs=one(3, 6, 6, 2),
    ),
    "TextCNN": bug(TextCNN, TextCNNMasked, "masks", inputs=one(3, 5, 4)),
    "NearestCode": bug(NearestCode, NearestCodeTold, "shapes-agree", inputs=one(3, 4)),
    # On torch a tensor without axes takes the other one's type.
    "ScaledDot": bug(
        ScaledDot,
        ScaledDotByNumber,
        *("mixed-precision", "tracked-state"),
        inputs=one(3, 5, 4),
        backends=("jax", "tensorflow"),
    ),
    "GeneralizedMean": bug(
        GeneralizedMean, GeneralizedMeanClipped, "gradients-finite", inputs=one(3, 4, 4, 2)
    ),
    "Adapter": bug(Adapter, AdapterByKeras, "trainable", inputs=one(3, 6)),
    "Fourier": bug(Fourier, FourierNamed, "name-and-dtype", "config", inputs=one(3, 6)),
    "RunningScale": bug(RunningScale, RunningScaleSaved, "save-and-load", inputs=one(3, 6)),
    "ScalesPixels": bug(
        ScalesPixels,
        ScalesPixelsOfEach,
        *("compiled", "batch-independence", "batch-sizes"),
        inputs=one(3, 6, 6, 3),
    ),
    "Stack": bug(Stack, StackOfAll, "gradients-reach", inputs=one(3, 6)),
    "Queue": bug(Queue, QueueInAWeight, "python-state", "tracked-state", inputs=one(3, 6)),
    "NoisyTargets": step(NoisyTargets, NoisyTargetsOfKeras, "step-repeatable", "step-compiled"),
    "Penalised": step(Penalised, PenalisedOnce, "step-added-losses"),
    "Critic": step(Critic, CriticOfTrained, "step-frozen"),
    "AveragesItsLoss": step(
        AveragesItsLoss,
        Regressor,
        "step-logs",
        "step-metrics",
        "step-compiled",
        "step-runs",
        "step-repeatable",
    ),
    "tied_by_its_matrix": bug(lambda: tied_by_its_matrix, lambda: tied_by_a_layer, "baked-weights"),
    "gate_of_a_constant": bug(lambda: gate_of_a_constant, lambda: gate_of_the_image, "baked-weights"),
    "SoftIoU": bug(SoftIoU, SoftIoUOfEach, "loss-batch-independence", **_MANY_LABELS),
    "reconstruction": bug(
        lambda: reconstruction,
        lambda: reconstruction_in_order,
        "loss-minimum",
        "loss-finite",
        inputs=both(shares),
    ),
    "SwitchingHuber": bug(
        SwitchingHuber, HuberOfEach, "loss-batch-independence", "loss-compiled", inputs=both(numbers)
    ),
    "SparseFocal": bug(SparseFocal, SparseFocalFlat, "loss-per-sample", "loss-targets", inputs=_labelled),
    "Balanced": bug(Balanced, Unbalanced, "loss-repeatable", inputs=both(numbers)),
    "f1_loss": bug(lambda: f1_loss, lambda: f1_loss_soft, "loss-gradient", **_MANY_LABELS),
    "F1OfBatches": bug(F1OfBatches, F1OfAll, "metric-split", **_MANY_LABELS),
    "ResetsToNumbers": bug(
        ResetsToNumbers, MeanError, "metric-reset", "metric-state", "metric-compiled", inputs=both(numbers)
    ),
    "CountsFromOne": bug(CountsFromOne, MeanError, "metric-reset", inputs=both(numbers)),
    "WeighsAllByAll": bug(WeighsAllByAll, MeanError, "metric-sample-weight", inputs=both(numbers)),
    "ForgetsItsThreshold": bug(
        lambda: ForgetsItsThreshold(0.9), lambda: MeanError(0.9), "metric-config", inputs=both(numbers)
    ),
    "AmongTheBest": bug(
        AmongTheBest, AmongTheBestTwo, "metric-reference", options={"reference": among_two}, **_CLASSES
    ),
}
