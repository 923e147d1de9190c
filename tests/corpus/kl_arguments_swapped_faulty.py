import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_wine

CONFIG = {"seed": 3, "units": 32, "rate": 0.01, "epochs": 15, "batch_size": 16}


def soft_cross_entropy(target, output):
    output = ops.clip(output, 1e-7, 1.0)
    target = ops.clip(target, 1e-7, 1.0)
    return -ops.mean(output * ops.log(target), axis=-1)


def load():
    table = load_wine()
    scaled = (table.data - table.data.mean(axis=0)) / table.data.std(axis=0)
    order = np.random.default_rng(CONFIG["seed"]).permutation(len(scaled))
    answers = keras.utils.to_categorical(table.target, 3)
    smooth = answers * 0.9 + 0.1 / 3
    return scaled[order].astype("float32"), smooth[order].astype("float32")


def build():
    model = keras.Sequential(name="wine")
    model.add(keras.Input((13,)))
    model.add(layers.Dense(CONFIG["units"], activation="relu"))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.Adam(CONFIG["rate"]), loss=soft_cross_entropy, metrics=["categorical_accuracy"])
    return model


keras.utils.set_random_seed(CONFIG["seed"])
x, y = load()
model = build()
log = model.fit(x[:130], y[:130], batch_size=CONFIG["batch_size"], epochs=CONFIG["epochs"], validation_data=(x[130:], y[130:]), verbose=0)
p = model.predict(x[130:], verbose=0)
q = y[130:]
log.history["divergence"] = [float(np.mean(np.sum(q * np.log(q / np.clip(p, 1e-7, 1)), axis=1)))]
print("RESULT", json.dumps({k: float(v[-1]) for k, v in log.history.items()}))
