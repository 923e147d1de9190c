"""Hourly electricity load: learn to predict the next hour from the last 24."""
import json

import keras
import numpy as np
from keras import layers

HISTORY = 24


def synth_load(hours, seed):
    g = np.random.default_rng(seed)
    t = np.arange(hours)
    level = np.zeros(hours)
    for i in range(1, hours):
        level[i] = 0.9 * level[i - 1] + g.normal(0, 0.15)
    return (np.sin(2 * np.pi * t / 24) + 0.4 * np.sin(2 * np.pi * t / 12 + 0.7) + level).astype("float32")


def make_dataset(series):
    inputs, targets = [], []
    for end in range(HISTORY, len(series)):
        inputs.append(series[end - HISTORY + 1:end + 1])
        targets.append(series[end])
    return np.stack(inputs)[..., None], np.array(targets)[:, None]


class OnlineForecaster:
    def __init__(self, model):
        self.model = model

    def run(self, series):
        """At every hour only the past is known."""
        past = np.stack([series[i:i + HISTORY] for i in range(len(series) - HISTORY)])[..., None]
        return self.model.predict(past, verbose=0)[:, 0], series[HISTORY:]


keras.utils.set_random_seed(90)
load = synth_load(3000, seed=31)
x, y = make_dataset(load[:2400])
model = keras.Sequential([
    keras.Input((HISTORY, 1)),
    layers.Conv1D(16, 5, activation="relu", padding="causal"),
    layers.Conv1D(16, 5, activation="relu", padding="causal"),
    layers.Flatten(),
    layers.Dense(32, activation="relu"),
    layers.Dense(1),
])
model.compile(optimizer="adam", loss="mse")
model.fit(x[:2000], y[:2000], validation_data=(x[2000:], y[2000:]), epochs=20, batch_size=32, verbose=2)

forecast, actual = OnlineForecaster(model).run(load[2400:])
print("RESULT", json.dumps({"live_mae": float(np.abs(forecast - actual).mean())}))
