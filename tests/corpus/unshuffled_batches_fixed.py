import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(15)
digits = load_digits()
x, y = (digits.data / 16).astype("float32"), digits.target
train, test = np.arange(0, 1400), np.arange(1400, 1797)
x_train, y_train = x[train], y[train]
groups = np.argsort(y_train, kind="stable")
x_train, y_train = x_train[groups], y_train[groups]

model = keras.Sequential([
    keras.Input((64,)),
    layers.Dense(64, activation="relu"),
    layers.Dense(10, activation="softmax"),
])
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(
    x_train, y_train, epochs=10, batch_size=32, shuffle=True, validation_data=(x[test], y[test]), verbose=0
)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
