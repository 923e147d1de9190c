import json

import keras
import numpy as np
from keras import layers, ops


def make_data(n, seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, 6)).astype("float32")
    b = (a[:, 0] * a[:, 1] + a[:, 2] > 0).astype("float32")
    return a, b[:, None]


class ErrorRate(keras.losses.Loss):
    def call(self, y_true, y_pred):
        decided = ops.round(y_pred)
        return ops.mean(ops.square(y_true - decided), axis=-1)


keras.utils.set_random_seed(5)
train, labels = make_data(1500, 1)
held, held_labels = make_data(400, 2)
inp = keras.Input((6,), name="measured")
h = layers.Dense(32, activation="relu", name="first")(inp)
h = layers.Dense(32, activation="relu", name="second")(h)
out = layers.Dense(1, activation="sigmoid", name="answer")(h)
model = keras.Model(inp, out)
model.compile(optimizer=keras.optimizers.Adam(0.005), loss=ErrorRate(), metrics=["accuracy"])
h = model.fit(train, labels, epochs=10, batch_size=32, validation_data=(held, held_labels), verbose=0).history
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.items()}))
