import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(22)
rng = np.random.default_rng(22)
x = rng.normal(size=(1500, 12)).astype("float32")
tags = (x @ rng.normal(size=(12, 6)) + 0.3 * rng.normal(size=(1500, 6)) > 0).astype("float32")

model = keras.Sequential([keras.Input((12,)), layers.Dense(32, activation="relu"), layers.Dense(6, activation="softmax")])
model.compile("adam", "binary_crossentropy", metrics=["binary_accuracy"])
history = model.fit(x, tags, epochs=15, batch_size=32, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
