import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits


class Encoder(keras.Model):
    def __init__(self, widths, classes):
        super().__init__()
        self.blocks = [layers.Dense(w, activation="relu") for w in widths]
        self.head = layers.Dense(classes, activation="softmax")

    def call(self, inputs):
        h = inputs
        for block in self.blocks:
            h = block(h)
        return self.head(h)


def freeze(model):
    for layer in model.layers:
        layer.trainable = False


keras.utils.set_random_seed(12)
data = load_digits()
x, y = (data.data / 16).astype("float32"), data.target
model = Encoder([64, 32], 10)
model(x[:2])
freeze(model)
model.head.trainable = True
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
fitted = model.fit(x[:1300], y[:1300], epochs=6, validation_data=(x[1300:], y[1300:]), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in fitted.history.items()}))
