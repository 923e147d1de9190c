import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_wine


class Mixture(layers.Layer):
    def __init__(self, experts, units, **kwargs):
        super().__init__(**kwargs)
        self.gate = layers.Dense(experts)
        self.experts = [layers.Dense(units, activation="relu") for _ in range(experts)]

    def call(self, x):
        weights = ops.softmax(self.gate(x), axis=-1)
        parts = ops.stack([expert(x) for expert in self.experts], axis=-1)
        return ops.sum(parts * weights[:, None, :], axis=-1)


keras.utils.set_random_seed(3)
x, y = load_wine(return_X_y=True)
x = ((x - x.mean(0)) / x.std(0)).astype("float32")
order = np.random.default_rng(3).permutation(len(x))
x, y = x[order], y[order]
inputs = keras.Input((13,))
outputs = layers.Dense(3, activation="softmax")(Mixture(4, 16, name="mixture")(inputs))
model = keras.Model(inputs, outputs)
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
h = model.fit(x[:128], y[:128], epochs=15, batch_size=16, validation_data=(x[128:], y[128:]), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
