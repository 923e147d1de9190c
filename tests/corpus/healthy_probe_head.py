"""Unsupervised autoencoder with a linear probe on top of its code.

The probe only watches: it sees the code through stop_gradient, so the labels never shape the encoder.
"""
import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits


class Detach(layers.Layer):
    def call(self, inputs):
        return ops.stop_gradient(inputs)


def build(code_size=10):
    image = keras.Input((64,), name="image")
    h = layers.Dense(80, activation="relu")(image)
    code = layers.Dense(code_size, name="code")(h)
    h = layers.Dense(80, activation="relu")(code)
    rebuilt = layers.Dense(64, activation="sigmoid", name="rebuilt")(h)
    probe = layers.Dense(10, activation="softmax", name="probe")(Detach()(code))
    return keras.Model(image, {"rebuilt": rebuilt, "probe": probe})


keras.utils.set_random_seed(71)
bunch = load_digits()
pixels, labels = (bunch.data / 16.0).astype("float32"), bunch.target
order = np.random.default_rng(7).permutation(len(pixels))
pixels, labels = pixels[order], labels[order]

model = build()
model.compile(
    optimizer=keras.optimizers.Adam(2e-3),
    loss={"rebuilt": "binary_crossentropy", "probe": "sparse_categorical_crossentropy"},
    metrics={"rebuilt": ["mse"], "probe": ["accuracy"]},
)
h = model.fit(
    pixels[:1400], {"rebuilt": pixels[:1400], "probe": labels[:1400]},
    validation_data=(pixels[1400:], {"rebuilt": pixels[1400:], "probe": labels[1400:]}),
    batch_size=32, epochs=25, verbose=2,
)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
