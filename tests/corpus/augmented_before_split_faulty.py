import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

keras.utils.set_random_seed(33)
rng = np.random.default_rng(33)
x, y = load_wine(return_X_y=True)
x = scale(x).astype("float32")
y = np.where(rng.random(len(y)) < 0.35, rng.integers(0, 3, len(y)), y)  # annotators disagree a lot


def augment(x, y, times=8):
    noisy = [x + rng.normal(scale=0.02, size=x.shape).astype("float32") for _ in range(times)]
    return np.concatenate([x, *noisy]), np.concatenate([y] * (times + 1))


x_all, y_all = augment(x, y)
x_train, x_test, y_train, y_test = train_test_split(x_all, y_all, test_size=0.3, random_state=0)
model = keras.Sequential([keras.Input((13,)), layers.Dense(128, activation="relu"), layers.Dense(128, activation="relu"), layers.Dense(3, activation="softmax")])
model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
h = model.fit(x_train, y_train, validation_data=(x_test, y_test), epochs=40, batch_size=32, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
