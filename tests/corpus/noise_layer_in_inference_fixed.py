import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_wine


class Jitter(layers.Layer):
    def __init__(self, amount, **kwargs):
        super().__init__(**kwargs)
        self.amount = amount
        self.generator = keras.random.SeedGenerator(1)

    def call(self, inputs, training=None):
        if not training:
            return inputs
        noise = keras.random.normal(ops.shape(inputs), seed=self.generator)
        return inputs + self.amount * noise


def build(width):
    inputs = keras.Input((13,))
    x = Jitter(1.0, name="jitter")(inputs)
    x = layers.Dense(width, activation="relu")(x)
    outputs = layers.Dense(3, activation="softmax")(x)
    return keras.Model(inputs, outputs)


keras.utils.set_random_seed(60)
x, y = load_wine(return_X_y=True)
x = ((x - x.mean(0)) / x.std(0)).astype("float32")
order = np.random.default_rng(60).permutation(len(x))
x, y = x[order], y[order]
model = build(32)
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x[:120], y[:120], epochs=25, batch_size=16, validation_data=(x[120:], y[120:]), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
