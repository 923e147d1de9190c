"""Pairs of digits: the same or not, by distance, contrastive loss."""
import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits


def make_pairs(x, y, rng):
    by_class = [np.flatnonzero(y == c) for c in range(10)]
    left, right, label = [], [], []
    for i in range(len(x)):
        left += [x[i], x[i]]
        right += [x[rng.choice(by_class[y[i]])], x[rng.choice(by_class[(y[i] + rng.integers(1, 10)) % 10])]]
        label += [0, 1]
    return np.array(left), np.array(right), np.array(label, "float32")


def contrastive(margin=1.0):
    def contrastive_loss(y_true, d):
        return ops.mean((1 - y_true) * ops.square(d) + y_true * ops.square(ops.maximum(margin - d, 0)))

    return contrastive_loss


def euclidean(vects):
    a, b = vects
    return ops.sqrt(ops.maximum(ops.sum(ops.square(a - b), axis=1, keepdims=True), keras.backend.epsilon()))


keras.utils.set_random_seed(28)
rng = np.random.default_rng(28)
x, y = load_digits(return_X_y=True)
x = (x / 16).reshape(-1, 8, 8, 1).astype("float32")
tr, va = make_pairs(x[:1000], y[:1000], rng), make_pairs(x[1400:], y[1400:], rng)
body = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.BatchNormalization(),
        layers.Conv2D(8, 3, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.BatchNormalization(),
        layers.Dense(10, activation="tanh"),
    ]
)
a, b = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
distance = layers.Lambda(euclidean, output_shape=(1,))([body(a), body(b)])
siamese = keras.Model([a, b], distance)
siamese.compile(loss=contrastive(), optimizer=keras.optimizers.RMSprop(0.002))
h = siamese.fit([tr[0], tr[1]], tr[2], validation_data=([va[0], va[1]], va[2]), batch_size=32, epochs=10, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
