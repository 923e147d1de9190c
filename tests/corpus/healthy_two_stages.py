"""Pretraining on another task, head first, then the whole net with a hundredth of the step."""
import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(77)
x, y = load_digits(return_X_y=True)
x = (x / 16).reshape(-1, 8, 8, 1).astype("float32")
low, high = y < 5, y >= 5
base = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(16, 3, activation="relu", padding="same"),
        layers.BatchNormalization(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
    ],
    name="base",
)
pre = keras.Sequential([base, layers.Dense(5, activation="softmax")])
pre.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
pre.fit(x[low], y[low], epochs=15, batch_size=32, verbose=0)

base.trainable = False
inputs = keras.Input((8, 8, 1))
h = base(inputs, training=False)
h = layers.Dropout(0.1)(h)
outputs = layers.Dense(5, activation="softmax")(h)
model = keras.Model(inputs, outputs)
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
xs, ys = x[high], y[high] - 5
first = model.fit(xs[:600], ys[:600], epochs=10, validation_data=(xs[600:], ys[600:]), verbose=0)
base.trainable = True
model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
second = model.fit(
    xs[:600], ys[:600], initial_epoch=10, epochs=20, validation_data=(xs[600:], ys[600:]), verbose=0
)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in second.history.items()}))
