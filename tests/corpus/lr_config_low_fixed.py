import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

CONFIG = {"epochs": 25, "batch_size": 16, "lr": 2e-2, "units": 24}


def data():
    wine = load_wine()
    x = StandardScaler().fit_transform(wine.data).astype("float32")
    pick = np.random.default_rng(5).permutation(len(x))
    return x[pick], wine.target[pick]


def main(config):
    keras.utils.set_random_seed(5)
    x, y = data()
    model = keras.Sequential([
        keras.Input((13,)),
        layers.Dense(config["units"], activation="relu"),
        layers.Dense(3, activation="softmax"),
    ])
    model.compile(keras.optimizers.Adam(config["lr"]), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=config["epochs"], batch_size=config["batch_size"], validation_split=0.25, verbose=0)


history = main(CONFIG)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
