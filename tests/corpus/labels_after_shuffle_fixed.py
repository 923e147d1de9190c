import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_breast_cancer

keras.utils.set_random_seed(90)
np.random.seed(90)
data = load_breast_cancer()
x = ((data.data - data.data.mean(0)) / data.data.std(0)).astype("float32")
y = data.target.astype("float32")
x_val, y_val = x[:120].copy(), y[:120].copy()
x_train, y_train = x[120:].copy(), y[120:].copy()
order = np.random.permutation(len(x_train))
x_train, y_train = x_train[order], y_train[order]
model = keras.Sequential([keras.Input((30,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=16, epochs=15, validation_data=(x_val, y_val), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
