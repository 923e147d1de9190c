import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(14)
digits = load_digits()
by_class = np.argsort(digits.target, kind="stable")
x, y = (digits.data[by_class] / 16).astype("float32"), digits.target[by_class]
mixed = np.random.default_rng(14).permutation(len(x))
x, y = x[mixed], y[mixed]

clf = keras.Sequential([keras.Input((64,)), layers.Dense(48, activation="relu"), layers.Dense(10, activation="softmax")])
clf.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = clf.fit(x, y, epochs=12, batch_size=32, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
