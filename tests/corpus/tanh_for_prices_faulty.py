import json

import keras
import numpy as np
from keras import layers, ops


def head(x, units, squash="tanh"):
    x = layers.Dense(32, activation="relu")(x)
    return layers.Dense(units, activation=squash, name="answer")(x)


def data(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)).astype("float32")
    return x, (3 + 2 * x[:, 0] + x[:, 1] * x[:, 2]).astype("float32")


keras.utils.set_random_seed(9)
inputs = keras.Input((4,))
model = keras.Model(inputs, head(inputs, 1))
model.compile("adam", "mae")
x, y = data(1200, 0)
h = model.fit(x, y, epochs=15, batch_size=32, validation_data=data(300, 1), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
