"""Do two pictures show the same digit?  Twin network with a contrastive loss."""
import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits

keras.utils.set_random_seed(19)
rng = np.random.default_rng(19)


class Distance(layers.Layer):
    def call(self, pair):
        left, right = pair
        squares = ops.sum(ops.square(left - right), axis=1, keepdims=True)
        return ops.sqrt(ops.maximum(squares, 1e-6))


def contrastive(y_true, distance, margin=1.0):
    y_true = ops.cast(y_true, distance.dtype)
    near = y_true * ops.square(distance)
    far = (1 - y_true) * ops.square(ops.maximum(margin - distance, 0))
    return ops.mean(near + far, axis=-1)


def pair_accuracy(y_true, distance):
    return ops.mean(ops.cast(ops.equal(ops.cast(distance < 0.5, "float32"), ops.cast(y_true, "float32")), "float32"), axis=-1)


def make_pairs(images, labels, n):
    first = rng.integers(0, len(images), n)
    second = np.empty_like(first)
    same = rng.integers(0, 2, n)
    for i, a in enumerate(first):
        candidates = np.flatnonzero((labels == labels[a]) == bool(same[i]))
        second[i] = rng.choice(candidates)
    return [images[first], images[second]], same.astype("float32")[:, None]


digits = load_digits()
images = (digits.data / 16).astype("float32")
order = rng.permutation(len(images))
images, labels = images[order], digits.target[order]
train_pairs, train_same = make_pairs(images[:1300], labels[:1300], 5000)
val_pairs, val_same = make_pairs(images[1300:], labels[1300:], 1000)

tower = keras.Sequential([
    keras.Input((64,)),
    layers.Dense(64, activation="relu"),
    layers.Dense(16),
], name="tower")
left, right = keras.Input((64,)), keras.Input((64,))
model = keras.Model([left, right], Distance()([tower(left), tower(right)]))
model.compile(optimizer=keras.optimizers.Adam(0.001), loss=contrastive, metrics=[pair_accuracy])
history = model.fit(train_pairs, train_same, batch_size=50, epochs=8, validation_data=(val_pairs, val_same), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
