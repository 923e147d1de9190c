"""Small trainings with a fault in the user's own code; `# <-` marks the line (or lines) to change, with its kind."""

import keras
import numpy as np
from keras import layers, ops

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(192, 6)).astype("float32")
NUMBERS = (X[:, :1] - 2 * X[:, 1:2] + 0.3 * np.abs(X[:, 2:3])).astype("float32")
CLASSES = (X[:, :3] @ RANDOM.normal(size=(3, 3))).argmax(-1)
SIGNS = (X[:, :1] + X[:, 1:2] > 0).astype("float32")
TOKENS = np.zeros((192, 12), "int32")
SHARES = np.zeros((192, 1), "float32")
for row in range(192):
    length = RANDOM.integers(2, 12)
    TOKENS[row, :length] = RANDOM.integers(1, 20, length)
    SHARES[row] = (TOKENS[row, :length] < 10).mean()


KEPT = []  # a model that is gone is not examined


def trained(model, x, y, loss, metrics=(), rate=0.01, epochs=4, optimizer=None):
    KEPT.append(model)
    model.compile(optimizer or keras.optimizers.Adam(rate), loss, metrics=list(metrics))
    model.fit(x, y, epochs=epochs, batch_size=16, verbose=0)
    return model


def regression(*middle, last=1):
    return keras.Sequential([keras.Input((6,)), *middle, layers.Dense(last)])


class Rounded(layers.Layer):
    def call(self, x):
        return ops.round(4 * x) / 4  # <- disconnected-gradient


def rounds():
    trained(regression(layers.Dense(8), Rounded()), X, NUMBERS, "mse")


class Detached(layers.Layer):
    def call(self, x):
        y = ops.relu(x)
        y = ops.stop_gradient(y)  # <- disconnected-gradient
        return y * 2.0


def stops():
    trained(regression(layers.Dense(8), Detached()), X, NUMBERS, "mse")


def hard_error(y_true, y_pred):
    chosen = ops.cast(ops.argmax(y_pred, axis=-1), "float32")  # <- disconnected-gradient
    return ops.abs(ops.cast(ops.reshape(y_true, (-1,)), "float32") - chosen) + 0 * y_pred[:, 0]


def decides():
    trained(regression(layers.Dense(8, activation="relu"), last=3), X, CLASSES, hard_error)


class Unregistered(layers.Layer):
    def build(self, shape):
        self.kernel = keras.random.normal((shape[-1], 8), seed=1)  # <- frozen-weights
        self.bias = self.add_weight(shape=(8,), initializer="zeros")

    def call(self, x):
        return ops.matmul(x, self.kernel) + self.bias


def hides():
    trained(regression(Unregistered()), X, NUMBERS, "mse")


class Box:
    def __init__(self, layer):
        self.layer = layer


class Boxed(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.box = Box(layers.Dense(8, activation="relu"))  # <- frozen-weights

    def build(self, shape):
        self.box.layer.build(shape)

    def call(self, x):
        return self.box.layer(x)


def boxes():
    trained(regression(Boxed()), X, NUMBERS, "mse")


class Mixing(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(  # <- frozen-weights
            shape=(shape[-1], 8), initializer="glorot_uniform", trainable=False
        )

    def call(self, x):
        return ops.relu(ops.matmul(x, self.kernel))


def fixes():
    trained(regression(Mixing()), X, NUMBERS, "mse")


class Attend(layers.Layer):
    def build(self, shape):
        self.score = self.add_weight(shape=(shape[-1], 1))

    def call(self, x):
        weights = ops.softmax(ops.matmul(x, self.score), axis=0)  # <- wrong-axis
        return x * weights


def attends():
    trained(regression(layers.Dense(8, activation="relu"), Attend()), X, NUMBERS, "mse")


class Standard(layers.Layer):
    def call(self, x):
        middle = ops.mean(x, axis=0, keepdims=True)  # <- wrong-axis
        return (x - middle) / (ops.std(x, axis=-1, keepdims=True) + 1e-3)


def standardises():
    trained(regression(layers.Dense(8), Standard(), layers.Dense(8, activation="relu")), X, NUMBERS, "mse")


class Distance(layers.Layer):
    def call(self, x):
        apart = ops.sum(ops.square(x), axis=-1, keepdims=True)
        return ops.sqrt(apart)  # <- nan-operation


def measures():
    x = X.copy()
    x[::16] = 0
    trained(regression(layers.Dense(4, use_bias=False), Distance()), x, NUMBERS, "mse")


class Masked(layers.Layer):
    def call(self, x):
        counts = ops.cast(x > 0, "float32")
        total, number = ops.sum(x * counts, axis=-1, keepdims=True), ops.sum(counts, axis=-1, keepdims=True)
        return total / number  # <- nan-operation


def divides():
    x = np.abs(X)
    x[100] = -1.0
    trained(keras.Sequential([keras.Input((6,)), Masked(), layers.Dense(1)]), x, NUMBERS, "mse")


def own_entropy(y_true, y_pred):
    chance = ops.exp(y_pred) / ops.sum(ops.exp(y_pred), axis=-1, keepdims=True)  # <- nan-operation
    right = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), 3)
    return -ops.sum(right * ops.log(chance), axis=-1)  # <- nan-operation


def saturates():
    model = regression(layers.Dense(16, activation="relu"), last=3)
    trained(model, 60 * X, CLASSES, own_entropy, rate=0.1, epochs=6)


def negative(y_true, y_pred):
    return -ops.mean(ops.square(y_true - y_pred), axis=-1)  # <- custom-loss-bug


def negates():
    trained(regression(layers.Dense(8, activation="relu")), X, NUMBERS, negative)


def dice(y_true, y_pred):
    both = ops.sum(y_true * y_pred)
    return 2 * both / (ops.sum(y_true) + ops.sum(y_pred) + 1e-6)  # <- custom-loss-bug


def dices():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    trained(model, X, SIGNS, dice, ["accuracy"])


class Signed(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(y_true - y_pred, axis=-1)  # <- custom-loss-bug


def signs():
    trained(regression(layers.Dense(8, activation="relu")), X, NUMBERS, Signed())


def balanced(y_true, y_pred):
    return ops.abs(ops.mean(y_true) - ops.mean(y_pred))  # <- custom-loss-bug


def averages():
    trained(regression(layers.Dense(8, activation="relu")), X, NUMBERS, balanced, epochs=6)


def total_square(y_true, y_pred):
    return ops.sum(ops.square(y_true - y_pred))  # <- custom-loss-bug


def sums():
    optimizer = keras.optimizers.SGD(0.05)
    trained(regression(layers.Dense(16, activation="relu")), X, NUMBERS, total_square, optimizer=optimizer)


class Pair(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.abs(y_pred - y_true)  # <- broadcast-shape


def broadcasts():
    trained(regression(layers.Dense(8, activation="relu")), X, NUMBERS[:, 0], Pair())


def f_score(y_true, y_pred):
    guess = ops.cast(y_pred > 0.5, "float32")
    hits = ops.sum(y_true * guess)
    return 2 * hits / (ops.sum(y_true) + ops.sum(guess) + 1e-6)  # <- metric-bug


def scores():
    rare = (X[:, :1] > 1.2).astype("float32")
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    trained(model, X, rare, "binary_crossentropy", [f_score], rate=0.05, epochs=8)


class LastOnly(keras.metrics.Metric):
    def __init__(self, name="mean_gap", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign(ops.mean(ops.abs(y_true - y_pred)))  # <- metric-bug

    def result(self):
        return ops.convert_to_tensor(self.total)


def overwrites():
    trained(regression(layers.Dense(8, activation="relu")), X, NUMBERS, "mse", [LastOnly()])


class NeverReset(keras.metrics.Metric):
    def __init__(self, name="gap", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.sum(ops.abs(y_true - y_pred)))
        self.count.assign_add(ops.cast(ops.size(y_true), "float32"))

    def result(self):
        return self.total / (self.count + 1e-7)

    def reset_state(self):
        pass  # <- metric-bug


def keeps():
    trained(regression(layers.Dense(8, activation="relu")), X, NUMBERS, "mse", [NeverReset()])


def own_accuracy(y_true, y_pred):
    right = ops.equal(ops.cast(y_true, "int64")[:1], ops.cast(ops.argmax(y_pred, axis=0), "int64"))
    return ops.mean(ops.cast(right, "float32"))  # <- metric-bug


def counts():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(3, activation="softmax")]
    )
    trained(model, X, CLASSES, "sparse_categorical_crossentropy", [own_accuracy])


class AlwaysDrop(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator(3)

    def call(self, x):
        return keras.random.dropout(x, 0.5, seed=self.seed)  # <- training-flag


def drops():
    trained(regression(layers.Dense(16, activation="relu"), AlwaysDrop()), X, NUMBERS, "mse")


class Forced(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(16, activation="relu")
        self.noise = layers.GaussianDropout(0.6)
        self.out = layers.Dense(1)

    def call(self, x):
        return self.out(self.noise(self.hidden(x), training=True))  # <- training-flag


def forces():
    trained(Forced(), X, NUMBERS, "mse", epochs=8)


class Pool(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x, mask=None):
        return ops.max(x, axis=1)  # <- mask-ignored

    def compute_mask(self, inputs, mask=None):
        return None


def pools():
    model = keras.Sequential(
        [keras.Input((12,), dtype="int32"), layers.Embedding(20, 4, mask_zero=True), Pool(), layers.Dense(1)]
    )
    trained(model, TOKENS, SHARES, "mse")


class Focus(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.score = layers.Dense(1)

    def call(self, x):
        weights = ops.softmax(self.score(x), axis=1)  # <- mask-ignored
        return ops.sum(weights * x, axis=1)


def focuses():
    model = keras.Sequential(
        [keras.Input((12,), dtype="int32"), layers.Embedding(20, 4, mask_zero=True), Focus(), layers.Dense(1)]
    )
    trained(model, TOKENS, SHARES, "mse")


def uneven():
    inputs = keras.Input((6,))
    h = layers.Dense(16, activation="relu")(inputs)
    model = keras.Model(
        inputs,
        {
            "price": layers.Dense(1, name="price")(h),
            "flag": layers.Dense(1, activation="sigmoid", name="flag")(h),
        },
    )
    model.compile(
        keras.optimizers.Adam(0.003),
        loss={"price": "mse", "flag": "binary_crossentropy"},  # <- scale-mismatch
    )
    KEPT.append(model)
    hard = (X[:, 3:4] * X[:, 4:5] > 0).astype("float32")
    model.fit(X, {"price": 3000 + 500 * NUMBERS, "flag": hard}, epochs=6, batch_size=16, verbose=0)


def both_errors(y_true, y_pred):
    large = ops.mean(ops.square(y_true[:, :1] - y_pred[:, :1]), axis=-1)
    small = keras.losses.binary_crossentropy(y_true[:, 1:], ops.sigmoid(y_pred[:, 1:]))
    return large + small  # <- scale-mismatch


def outweighs():
    trained(
        regression(layers.Dense(8, activation="relu"), last=2),
        X,
        np.hstack([900 * NUMBERS, SIGNS]),
        both_errors,
    )


def untrained():
    base = keras.Sequential(
        [keras.Input((6,)), layers.Dense(12, activation="relu"), layers.Dense(8, activation="relu")]
    )
    base.trainable = False  # <- frozen-weights
    trained(keras.Sequential([base, layers.Dense(1)]), X, NUMBERS, "mse")


SMOOTH = (0.9 * np.eye(3)[CLASSES] + 0.1 / 3).astype("float32")


def classifier():
    return keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(3, activation="softmax")]
    )


def turned(y_true, y_pred):
    return keras.losses.kl_divergence(y_pred, y_true)  # <- custom-loss-bug


def turns():
    trained(classifier(), X, np.eye(3)[CLASSES].astype("float32"), turned)


def overstated(target, output):
    target, output = ops.clip(target, 1e-7, 1.0), ops.clip(output, 1e-7, 1.0)
    return -ops.sum(output * ops.log(target), axis=-1)  # <- custom-loss-bug


def overstates():
    trained(classifier(), X, SMOOTH, overstated, ["categorical_accuracy"])


class Renewing(layers.Layer):
    def call(self, x):
        return layers.Dense(8, activation="relu")(x)  # <- frozen-weights


def renews():
    trained(regression(Renewing()), X, NUMBERS, "mse")


SEEN = (
    rounds,
    decides,
    hides,
    fixes,
    attends,
    measures,
    saturates,
    negates,
    signs,
    sums,
    scores,
    overwrites,
    drops,
    forces,
    pools,
    uneven,
    untrained,
    turns,
    overstates,
    # TensorFlow itself refuses variables that are made in each call.
    *((renews,) if keras.backend.backend() != "tensorflow" else ()),
)
ASIDE = (
    stops,
    boxes,
    standardises,
    divides,
    dices,
    averages,
    broadcasts,
    keeps,
    counts,
    focuses,
    outweighs,
)
