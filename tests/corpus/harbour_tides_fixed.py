"""Water level in the harbour, one hour ahead, from the last day."""
import json

import keras
import numpy as np
from keras import layers

WINDOW = 24


def water_level(hours, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(hours)
    level = 1.6 * np.sin(2 * np.pi * t / 12.42) + 0.5 * np.sin(2 * np.pi * t / 12.0 + 0.7)
    level += 0.25 * np.sin(2 * np.pi * t / 25.82 + 1.9)
    surge = np.zeros(hours)
    for i in range(1, hours):
        surge[i] = 0.97 * surge[i - 1] + rng.normal(0, 0.05)
    return level + surge + rng.normal(0, 0.04, hours)


def windows(series):
    x = np.stack([series[i:i + WINDOW] for i in range(len(series) - WINDOW)])
    return x[..., None].astype("float32"), series[WINDOW:].astype("float32")


class TideModel:
    def __init__(self, filters=16, learning_rate=1e-3):
        self.net = keras.Sequential([
            keras.Input((WINDOW, 1)),
            layers.Conv1D(filters, 5, activation="relu"),
            layers.Conv1D(filters, 5, activation="relu"),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(1),
        ])
        self.net.compile(optimizer=keras.optimizers.Adam(learning_rate), loss="mse", metrics=["mae"])

    def train(self, x, y, val, epochs=15):
        return self.net.fit(x, y, validation_data=val, epochs=epochs, batch_size=32, verbose=2)

    def forecast(self, x):
        return self.net.predict(x, verbose=0)[:, 0]


keras.utils.set_random_seed(33)
series = water_level(2600, 141)
cut = 2000
mean, std = series[:cut].mean(), series[:cut].std()
scaled = (series - mean) / std
x_train, y_train = windows(scaled[:cut])
x_val, y_val = windows(scaled[cut:])
print("train", x_train.shape, "validation", x_val.shape, "mean level", round(mean, 3), "std", round(std, 3))

tides = TideModel()
history = tides.train(x_train, y_train, (x_val, y_val))

ahead = tides.forecast(x_val)
persistence = x_val[:, -1, 0]
print("error of the network  ", np.abs(ahead - y_val).mean() * std, "m")
print("error of 'as it is now'", np.abs(persistence - y_val).mean() * std, "m")
for hour in range(0, 12, 2):
    print(f"hour {hour:2d}: {ahead[hour] * std + mean:6.2f} m   measured {y_val[hour] * std + mean:6.2f} m")
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
