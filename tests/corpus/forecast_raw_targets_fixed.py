import json

import keras
import numpy as np
from keras import layers, ops


def windows(series, width):
    xs, ys = [], []
    for start in range(len(series) - width - 1):
        xs.append(series[start : start + width])
        ys.append(series[start + width])
    return np.array(xs, "float32")[..., None], np.array(ys, "float32")


keras.utils.set_random_seed(30)
rng = np.random.default_rng(30)
t = np.arange(1500)
series = 400 + 120 * np.sin(t / 9) + rng.normal(0, 8, 1500)
x, y = windows(series, 20)
cut = 1200
x_train, x_test = x[:cut], x[cut:]
y_train, y_test = y[:cut], y[cut:]
mean, std = x_train.mean(), x_train.std()
x_train = (x_train - mean) / std
x_test = (x_test - mean) / std
y_train = (y_train - mean) / std
y_test = (y_test - mean) / std
model = keras.Sequential()
model.add(keras.Input((20, 1)))
model.add(layers.LSTM(16))
model.add(layers.Dense(1))
model.compile(loss="mse", optimizer="adam", metrics=["mae"])
history = model.fit(x_train, y_train, epochs=12, batch_size=32, validation_data=(x_test, y_test), verbose=0)
error = np.mean(np.abs(model.predict(x_test, verbose=0).ravel() - y_test)) if y_test.max() > 100 else np.mean(np.abs(model.predict(x_test, verbose=0).ravel() - y_test)) * 120
print("RESULT", json.dumps({"error": float(error), "val_loss": float(history.history["val_loss"][-1])}))
