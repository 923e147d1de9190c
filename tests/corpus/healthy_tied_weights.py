"""An auto-encoder whose decoder uses the encoder's kernel turned round; contractive by noise."""
import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits


class Turned(layers.Layer):
    def __init__(self, source, **kw):
        super().__init__(**kw)
        self.source = source

    def build(self, shape):
        self.offset = self.add_weight(shape=(self.source.kernel.shape[0],), initializer="zeros", name="offset")

    def call(self, code):
        return ops.sigmoid(ops.matmul(code, ops.transpose(self.source.kernel)) + self.offset)


keras.utils.set_random_seed(13)
x = (load_digits().data / 16).astype("float32")
image = keras.Input((64,))
first = layers.Dense(24, activation="sigmoid")
code = first(layers.GaussianNoise(0.1)(image))
model = keras.Model(image, Turned(first)(code))
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["mse"])
h = model.fit(x, x, validation_split=0.2, epochs=25, batch_size=64, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
