import json

import keras
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(61)


def load(limit):
    digits = load_digits()
    images = (digits.images / 16).astype("float32")[..., None]
    return (images[:limit], digits.target[:limit]), (images[1400:], digits.target[1400:])


(x_train, y_train), (x_val, y_val) = load(1400)
inputs = keras.Input((8, 8, 1))
h = layers.Conv2D(16, 3, activation="relu")(inputs)
h = layers.Flatten()(h)
h = layers.Dense(64, activation="relu")(h)
model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=16, epochs=15, validation_data=(x_val, y_val), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
