import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits

TASKS = {"digits": dict(classes=10, width=48, epochs=8)}


def encode(labels, classes):
    hot = np.zeros((len(labels), classes), "float32")
    for row, label in enumerate(labels):
        hot[row, label] = 1.0
    return hot


def prepare():
    bunch = load_digits()
    return (bunch.data / 16.0).astype("float32"), bunch.target


keras.utils.set_random_seed(55)
task = TASKS["digits"]
x, labels = prepare()
y = encode(labels, task["classes"])
x_train, y_train = x[:1400], y[:1400]
x_val, y_val = x[1400:], keras.utils.to_categorical(labels[1400:], task["classes"])
model = keras.Sequential([keras.Input((64,)), layers.Dense(task["width"], activation="relu"), layers.Dense(task["classes"], activation="softmax")])
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=task["epochs"], validation_data=(x_val, y_val), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
