import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits

MARGIN = 1.0


def contrastive(same, distance):
    near = ops.square(distance)
    far = ops.square(ops.maximum(MARGIN - distance, 0.0))
    return ops.mean((1 - same) * near + same * far)


keras.utils.set_random_seed(86)
digits = load_digits()
x, y = (digits.data / 16).astype("float32"), digits.target
rng = np.random.default_rng(86)
a = rng.integers(0, len(x), 3000)
b = np.where(rng.random(3000) < 0.5, rng.permutation(a), 0)
by_class = [np.flatnonzero(y == c) for c in range(10)]
b = np.array([rng.choice(by_class[y[i]]) if k == 0 else k for i, k in zip(a, b)])
same = (y[a] == y[b]).astype("float32")[:, None]

one, two = keras.Input((64,)), keras.Input((64,))
embed = keras.Sequential([layers.Dense(32, activation="relu"), layers.Dense(8)])
gap = layers.Lambda(lambda p: ops.sqrt(ops.sum(ops.square(p[0] - p[1]), axis=-1, keepdims=True) + 1e-6))
model = keras.Model([one, two], gap([embed(one), embed(two)]))


def right(same, distance):
    return ops.mean(ops.cast(ops.equal(ops.cast(distance < 0.5 * MARGIN, "float32"), same), "float32"))


model.compile(keras.optimizers.Adam(0.003), contrastive, metrics=[right])
history = model.fit([x[a], x[b]], same, batch_size=64, epochs=8, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
