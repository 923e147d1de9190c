import json

import keras
import numpy as np
from keras import layers, ops


class Pool(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.score = layers.Dense(1)

    def call(self, x):
        weights = ops.softmax(4 * self.score(x), axis=0)
        return ops.sum(weights * x, axis=1)


keras.utils.set_random_seed(44)
rng = np.random.default_rng(44)
n, steps = 1500, 10
x = rng.normal(size=(n, steps, 6)).astype("float32")
where = rng.integers(0, steps, n)
x[np.arange(n), where, 0] = 4.0
y = (x[np.arange(n), where, 1] > 0).astype("float32")
model = keras.Sequential([keras.Input((steps, 6)), Pool(), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")])
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=12, batch_size=32, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
