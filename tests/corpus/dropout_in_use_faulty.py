import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.a = layers.Dense(48)
        self.norm = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)
        self.b = layers.Dense(10)

    def call(self, x, training=None):
        h = keras.ops.relu(self.norm(self.a(x), training=training))
        return self.b(self.drop(h, training=True))


keras.utils.set_random_seed(88)
digits = load_digits()
x, y = (digits.data / 16).astype("float32"), digits.target
net = Net()
net.compile(keras.optimizers.Adam(0.003), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
history = net.fit(x, y, batch_size=64, epochs=8, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
