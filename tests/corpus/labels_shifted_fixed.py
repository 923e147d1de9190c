import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(13)
digits = load_digits()
x, y = (digits.data / 16).astype("float32"), digits.target
rng = np.random.default_rng(13)
order = rng.permutation(len(x))
x_train, y_train = x[order[:1300]], y[order[:1300]]
x_val, y_val = x[order[1300:]], y[order[1300:]]

model = keras.Sequential([keras.Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=12, batch_size=32, validation_data=(x_val, y_val), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
