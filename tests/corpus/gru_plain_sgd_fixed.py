import json

import keras
import numpy as np
from keras import layers, ops

SETTINGS = {
    "model": {"embed": 8, "units": 32},
    "optimizer": {"name": "adam", "learning_rate": 0.01},
    "fit": {"epochs": 10, "batch_size": 64},
}


def data(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 6, (n, 12))
    return x.astype("int32"), (np.sum(x == 2, axis=1) > 1).astype("int32")


def optimizer(settings):
    kinds = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
    return kinds[settings["name"]](learning_rate=settings["learning_rate"])


keras.utils.set_random_seed(80)
x, y = data(1500, 0)
x_val, y_val = data(400, 1)
tokens = keras.Input((12,), dtype="int32")
h = layers.Embedding(6, SETTINGS["model"]["embed"])(tokens)
h = layers.GRU(SETTINGS["model"]["units"])(h)
scores = layers.Dense(2)(h)
model = keras.Model(tokens, scores)
model.compile(optimizer(SETTINGS["optimizer"]), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
history = model.fit(x, y, validation_data=(x_val, y_val), verbose=0, **SETTINGS["fit"])
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
