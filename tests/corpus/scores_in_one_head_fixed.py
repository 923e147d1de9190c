import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(44)
d = load_digits()
x = (d.data / 16).astype("float32")
ink = d.data.mean(1, keepdims=True).astype("float32") / 16
targets = {"digit": d.target, "ink": ink}
inp = keras.Input((64,), name="pixels")
trunk = layers.Dense(64, activation="relu")(inp)
trunk = layers.Dense(32, activation="relu")(trunk)
digit = layers.Dense(10, name="digit")(trunk)
amount = layers.Dense(1, name="ink")(trunk)
model = keras.Model(inp, {"digit": digit, "ink": amount})
model.compile(
    optimizer=keras.optimizers.Adam(1e-3),
    loss={"digit": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "ink": "mse"},
    metrics={"digit": ["accuracy"]},
)
h = model.fit(x, targets, validation_split=0.2, epochs=10, batch_size=64, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
