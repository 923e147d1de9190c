import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler


class Binary(keras.Model):
    def __init__(self, units, classes):
        super().__init__()
        self.code = layers.Dense(units)
        self.mix = layers.Dense(units, activation="relu")
        self.out = layers.Dense(classes)

    def call(self, x):
        bits = ops.tanh(self.code(x))
        return self.out(self.mix(bits))


keras.utils.set_random_seed(65)
data = load_wine()
x = StandardScaler().fit_transform(data.data).astype("float32")
order = np.random.default_rng(0).permutation(len(x))
x, y = x[order], data.target[order]
model = Binary(3, 3)
model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
history = model.fit(x, y, batch_size=16, epochs=20, validation_split=0.25, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
