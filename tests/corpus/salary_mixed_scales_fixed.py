import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)
n = 1500
salary = rng.normal(62000, 15000, n)
age = rng.normal(41, 11, n)
visits = rng.poisson(3, n)
table = np.stack([salary, age, visits], axis=1).astype("float32")
table = (table - table.mean(axis=0)) / table.std(axis=0)
buys = ((age - 41) / 11 + (visits - 3) / 1.7 + 0.2 * rng.normal(size=n) > 0).astype("float32")

net = keras.Sequential([keras.Input((3,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")])
net.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = net.fit(table, buys, epochs=15, batch_size=32, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
