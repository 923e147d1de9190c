"""Small sound trainings whose own code does what naive rules complain about."""

import keras
import numpy as np
from faulty import CLASSES, KEPT, NUMBERS, SHARES, SIGNS, TOKENS, X, regression, trained
from keras import layers, ops


class StraightThrough(layers.Layer):
    def call(self, x):
        return x + ops.stop_gradient(ops.round(x) - x)


def straight_through():
    trained(regression(layers.Dense(8), StraightThrough()), X, NUMBERS, "mse")


class Sampling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator(5)

    def call(self, inputs):
        mean, log_variance = inputs
        self.add_loss(-0.001 * ops.mean(1 + log_variance - ops.square(mean) - ops.exp(log_variance)))
        return mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.seed)


def variational():
    inputs = keras.Input((6,))
    h = layers.Dense(16, activation="relu")(inputs)
    z = Sampling()([layers.Dense(2)(h), layers.Dense(2)(h)])
    trained(keras.Model(inputs, layers.Dense(6)(layers.Dense(16, activation="relu")(z))), X, X, "mse")


class Average(layers.Layer):
    def call(self, x, mask=None):
        weights = ops.expand_dims(ops.cast(mask, x.dtype), -1)
        return ops.sum(x * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1.0)

    def compute_mask(self, inputs, mask=None):
        return None


def masked():
    model = keras.Sequential(
        [
            keras.Input((12,), dtype="int32"),
            layers.Embedding(20, 4, mask_zero=True),
            Average(),
            layers.Dense(1),
        ]
    )
    trained(model, TOKENS, SHARES, "mse")


class Score(keras.metrics.Metric):
    def __init__(self, name="f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.all = self.add_weight(name="all", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.cast(y_pred > 0.5, "float32")
        self.hits.assign_add(ops.sum(y_true * guess))
        self.all.assign_add(ops.sum(y_true) + ops.sum(guess))

    def result(self):
        return 2 * self.hits / (self.all + 1e-7)


def own_error(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def figures():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    trained(model, X, SIGNS, "binary_crossentropy", [Score(), own_error])


def pinball(y_true, y_pred):
    error = y_true - y_pred
    return ops.mean(ops.maximum(0.9 * error, -0.1 * error), axis=-1)


def quantile():
    trained(regression(layers.Dense(8, activation="relu")), X, NUMBERS, pinball)


def contrastive(y_true, y_pred):
    near = y_true * ops.square(y_pred)
    far = (1 - y_true) * ops.square(ops.maximum(1.0 - y_pred, 0.0))
    return ops.mean(near + far, axis=-1)


class Apart(layers.Layer):
    def call(self, pair):
        return ops.sqrt(ops.maximum(ops.sum(ops.square(pair[0] - pair[1]), axis=-1, keepdims=True), 1e-7))


def pair_accuracy(y_true, y_pred):
    """Small distances mean yes."""
    return ops.mean(ops.cast(ops.equal(y_true, ops.cast(y_pred < 0.5, y_true.dtype)), "float32"))


def siamese():
    tower = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(4)])
    left, right = keras.Input((6,)), keras.Input((6,))
    model = keras.Model([left, right], Apart()([tower(left), tower(right)]))
    same = (SIGNS[::-1] == SIGNS).astype("float32")
    trained(model, [X, X[::-1].copy()], same, contrastive, [pair_accuracy])


class Fourier(layers.Layer):
    def build(self, shape):
        self.waves = self.add_weight(shape=(shape[-1], 32), initializer="random_normal", trainable=False)

    def call(self, x):
        return ops.cos(ops.matmul(x, 20 * self.waves))


def features():
    trained(regression(Fourier()), X, NUMBERS, "mse")


class Drop(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator(3)

    def call(self, x, training=False):
        return keras.random.dropout(x, 0.3, seed=self.seed) if training else x


def dropping():
    trained(regression(layers.Dense(16, activation="relu"), Drop()), X, NUMBERS, "mse")


def focal(y_true, y_pred):
    y_pred = ops.clip(y_pred, 1e-6, 1 - 1e-6)
    chance = y_true * y_pred + (1 - y_true) * (1 - y_pred)
    return ops.mean(-ops.square(1 - chance) * ops.log(chance), axis=-1)


class Normal(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        middle = ops.mean(x, axis=-1, keepdims=True)
        return self.scale * (x - middle) / ops.sqrt(ops.var(x, axis=-1, keepdims=True) + 1e-3)


def imbalanced():
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8),
            Normal(),
            layers.Activation("relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    trained(model, X, SIGNS, focal, ["accuracy"])


def given(y_true, y_pred):
    return y_pred


class Reconstruction(layers.Layer):
    def call(self, pair):
        return ops.mean(ops.square(pair[0] - pair[1]), axis=-1, keepdims=True)


def inside():
    inputs = keras.Input((6,))
    code = layers.Dense(6)(layers.Dense(3)(inputs))
    trained(keras.Model(inputs, Reconstruction()([inputs, code])), X, np.zeros((len(X), 1), "float32"), given)


def pretrained():
    base = keras.Sequential(
        [keras.Input((6,)), layers.Dense(12, activation="relu"), layers.Dense(8, activation="relu")]
    )
    trained(keras.Sequential([base, layers.Dense(1)]), X, NUMBERS, "mse")
    base.trainable = False
    trained(
        keras.Sequential([base, layers.Dense(3, activation="softmax")]),
        X,
        CLASSES,
        "sparse_categorical_crossentropy",
    )


class Quantiser(layers.Layer):
    def build(self, shape):
        self.codes = self.add_weight(shape=(8, shape[-1]), initializer="random_uniform")

    def call(self, x):
        apart = ops.sum(ops.square(x[:, None] - self.codes[None]), axis=-1)
        nearest = ops.matmul(ops.one_hot(ops.argmin(apart, axis=-1), 8), self.codes)
        self.add_loss(
            ops.mean(ops.square(ops.stop_gradient(x) - nearest))
            + 0.25 * ops.mean(ops.square(x - ops.stop_gradient(nearest)))
        )
        return x + ops.stop_gradient(nearest - x)


def quantised():
    inputs = keras.Input((6,))
    trained(keras.Model(inputs, layers.Dense(6)(Quantiser()(layers.Dense(3)(inputs)))), X, X, "mse")


def weighted():
    inputs = keras.Input((6,))
    h = layers.Dense(16, activation="relu")(inputs)
    h = layers.BatchNormalization()(h)
    model = keras.Model(
        inputs,
        {
            "price": layers.Dense(1, name="price")(h),
            "flag": layers.Dense(1, activation="sigmoid", name="flag")(h),
        },
    )
    KEPT.append(model)
    model.compile(
        keras.optimizers.Adam(0.01),
        loss={"price": "mse", "flag": "binary_crossentropy"},
        loss_weights={"price": 0.5, "flag": 1.0},
    )
    model.fit(X, {"price": NUMBERS, "flag": SIGNS}, epochs=4, batch_size=16, verbose=0)


def gaussian(y_true, y_pred):
    mean, log_variance = y_pred[:, :1], y_pred[:, 1:]
    return 0.5 * ops.mean(log_variance + ops.square(y_true - mean) * ops.exp(-log_variance), axis=-1)


def uncertain():
    trained(regression(layers.Dense(8, activation="relu"), last=2), X, NUMBERS, gaussian)


def summed(y_true, y_pred):
    return ops.sum(ops.square(y_true - y_pred))


def small_steps():
    trained(regression(layers.Dense(8, activation="relu")), X, NUMBERS, summed, rate=0.005)


def smoothed(y_true, y_pred):
    return -ops.sum(y_true * ops.log(ops.maximum(y_pred, 1e-7)), axis=-1)


def smooths():
    smooth = (0.9 * np.eye(3)[CLASSES] + 0.1 / 3).astype("float32")
    layer = layers.Dense(3, activation="softmax")
    trained(
        keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), layer]), X, smooth, smoothed
    )


def reverse(y_true, y_pred):
    return keras.losses.kl_divergence(y_pred, y_true)


def distils():
    """The reverse divergence, as in imitation of a teacher whose answers are soft: meant, not a slip."""
    layer = layers.Dense(3, activation="softmax")
    soft = (0.7 * np.eye(3)[CLASSES] + 0.1).astype("float32")
    trained(
        keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), layer]), X, soft, reverse
    )


SEEN = (
    straight_through,
    variational,
    masked,
    figures,
    quantile,
    siamese,
    dropping,
    inside,
    pretrained,
    smooths,
    distils,
)
ASIDE = (features, imbalanced, quantised, weighted, uncertain, small_steps)
