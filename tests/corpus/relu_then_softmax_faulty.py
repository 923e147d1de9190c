import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits

BLOCKS = [("dense", 64, "relu"), ("dense", 10, "relu"), ("softmax", None, None)]


def assemble(blocks):
    model = keras.Sequential([keras.Input((64,))])
    for kind, units, activation in blocks:
        if kind == "dense":
            model.add(layers.Dense(units, activation=activation))
        else:
            model.add(layers.Softmax())
    return model


keras.utils.set_random_seed(9)
digits = load_digits()
x, y = (digits.data / 16 - 0.5).astype("float32"), digits.target
model = assemble(BLOCKS)
model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
h = model.fit(x[:1300], y[:1300], epochs=8, batch_size=32, validation_data=(x[1300:], y[1300:]), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
