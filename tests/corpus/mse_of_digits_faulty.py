import json

import keras
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(83)
digits = load_digits()
x, y = (digits.images / 16).astype("float32")[..., None], digits.target
inputs = keras.Input((8, 8, 1))
h = layers.Conv2D(16, 3, activation="relu")(inputs)
h = layers.MaxPooling2D()(h)
h = layers.Flatten()(h)
outputs = layers.Dense(1)(h)
model = keras.Model(inputs, outputs)
model.compile("adam", "mse", metrics=["accuracy"])
history = model.fit(x, y, batch_size=32, epochs=8, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
