"""Pretrain on digits 0-4, freeze the convolutional base, learn 5-9 with a new head from few examples."""
import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(55)
digits = load_digits()
images = (digits.images / 16.0).astype("float32")[..., None]
labels = digits.target
order = np.random.default_rng(6).permutation(len(images))
images, labels = images[order], labels[order]

base = keras.Sequential([
    keras.Input((8, 8, 1)),
    layers.Conv2D(24, 3, padding="same", activation="relu"),
    layers.BatchNormalization(),
    layers.Conv2D(32, 3, padding="same", activation="relu"),
    layers.MaxPooling2D(),
    layers.Flatten(),
], name="base")

low = labels < 5
source = keras.Sequential([base, layers.Dropout(0.3), layers.Dense(5, activation="softmax")])
source.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
source.fit(images[low], labels[low], epochs=8, batch_size=32, verbose=2)

base.trainable = False
x, y = images[~low], labels[~low] - 5
inputs = keras.Input((8, 8, 1))
h = base(inputs, training=False)
h = layers.Dropout(0.2)(h)
target = keras.Model(inputs, layers.Dense(5, activation="softmax")(h))
target.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = target.fit(x[:200], y[:200], epochs=30, batch_size=20, validation_data=(x[200:], y[200:]), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
