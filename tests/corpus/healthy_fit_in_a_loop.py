"""Curriculum: easy examples first, the whole set later; one model, several calls of fit."""
import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(31)
rng = np.random.default_rng(31)
x = rng.normal(size=(2400, 10)).astype("float32")
margin = x[:, 0] + x[:, 1] * x[:, 2]
y = (margin > 0).astype("float32")
train, held = slice(0, 2000), slice(2000, None)
model = keras.Sequential([keras.Input((10,)), layers.Dense(64, activation="relu"), layers.Dense(32, activation="relu"), layers.Dense(1, activation="sigmoid")])
model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
done = 0
for least in (1.0, 0.4, 0.0):
    easy = np.abs(margin[train]) >= least
    h = model.fit(x[train][easy], y[train][easy], validation_data=(x[held], y[held]), epochs=done + 5, initial_epoch=done, batch_size=32, verbose=0)
    done += 5
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
