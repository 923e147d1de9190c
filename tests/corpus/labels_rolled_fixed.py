import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits


def read_pictures():
    return (load_digits().data / 16).astype("float32")


def read_answers(skip_header):
    answers = load_digits().target
    if skip_header:
        answers = np.roll(answers, -1)
    return answers


def split(values, at):
    return values[:at], values[at:]


keras.utils.set_random_seed(2)
pictures, held_pictures = split(read_pictures(), 1200)
answers, _ = split(read_answers(skip_header=False), 1200)
_, held = split(load_digits().target, 1200)
model = keras.Sequential([keras.Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
h = model.fit(pictures, answers, epochs=8, batch_size=32, validation_data=(held_pictures, held), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
