import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler


class Decorrelate(layers.Layer):
    """Asks for features that do not repeat each other."""

    def __init__(self, strength, **kw):
        super().__init__(**kw)
        self.strength = strength

    def call(self, x):
        centred = x - ops.mean(x, axis=0, keepdims=True)
        covariance = ops.matmul(ops.transpose(centred), centred)
        off = covariance * (1.0 - ops.eye(covariance.shape[0]))
        self.add_loss(self.strength * ops.sum(ops.square(off)))
        return x


keras.utils.set_random_seed(26)
x, y = load_breast_cancer(return_X_y=True)
x = StandardScaler().fit_transform(x).astype("float32")
clf = keras.Sequential([keras.Input((30,)), layers.Dense(16, activation="tanh"), Decorrelate(1e-5), layers.Dense(1, activation="sigmoid")])
clf.compile("adam", "binary_crossentropy", metrics=["accuracy"])
h = clf.fit(x, y.astype("float32"), validation_split=0.25, epochs=12, batch_size=32, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
