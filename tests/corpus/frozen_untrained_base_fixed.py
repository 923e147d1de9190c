import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


def backbone(pretrained=None):
    base = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(8, 3, strides=2, activation="relu"), layers.Conv2D(8, 2, strides=2, activation="relu"), layers.GlobalAveragePooling2D()],
        name="backbone",
    )
    if pretrained:
        base.load_weights(pretrained)
    return base


keras.utils.set_random_seed(101)
d = load_digits()
x = (d.images / 16).astype("float32")[..., None]
base = backbone(pretrained=None)
base.trainable = True
model = keras.Sequential([base, layers.Dense(32, activation="relu"), layers.Dense(10, activation="softmax")])
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
h = model.fit(x, d.target, validation_split=0.2, epochs=12, batch_size=32, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
