import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


def sorted_rows():
    digits = load_digits()
    order = np.argsort(digits.target, kind="stable")
    return (digits.data[order] / 16).astype("float32"), digits.target[order]


keras.utils.set_random_seed(84)
x, y = sorted_rows()
x_val, y_val = x[::5], y[::5]
keep = np.arange(len(x)) % 5 != 0
model = keras.Sequential([keras.Input((64,)), layers.Dense(32, activation="relu"), layers.Dense(10, activation="softmax")])
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x[keep], y[keep], batch_size=32, epochs=6, shuffle=False, validation_data=(x_val, y_val), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
