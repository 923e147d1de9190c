import json

import keras
import numpy as np
from keras import layers, ops


class Table:
    def __init__(self, rows, seed):
        rng = np.random.default_rng(seed)
        self.square_metres = rng.uniform(20, 200, rows)
        self.year = rng.integers(1900, 2020, rows)
        self.rooms = rng.integers(1, 7, rows)

    def inputs(self):
        return np.column_stack([self.square_metres, self.year, self.rooms]).astype("float32")

    def answers(self):
        big = self.square_metres / 100 + (self.year - 1960) / 60 + self.rooms / 4
        return (big > 2.0).astype("float32")


def network():
    inputs = keras.Input((3,))
    hidden = layers.Dense(16, activation="sigmoid")(inputs)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))


keras.utils.set_random_seed(1)
train, test = Table(800, 0), Table(200, 1)
x_train, x_test = train.inputs(), test.inputs()
mean, std = x_train.mean(0), x_train.std(0)
x_train, x_test = (x_train - mean) / std, (x_test - mean) / std
model = network()
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
h = model.fit(x_train, train.answers(), epochs=12, batch_size=32, validation_data=(x_test, test.answers()), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
