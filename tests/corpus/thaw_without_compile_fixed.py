import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import json

import keras
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(64)
digits = load_digits()
x, y = (digits.data / 16).astype("float32"), digits.target
base = keras.Sequential([keras.Input((64,)), layers.Dense(6, activation="relu"), layers.Dense(6, activation="relu")], name="base")
head = keras.Sequential([base, layers.Dense(10, activation="softmax")])

base.trainable = False
head.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
head.fit(x, y, batch_size=32, epochs=2, validation_split=0.2, verbose=0)

base.trainable = True
head.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = head.fit(x, y, batch_size=32, epochs=12, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
