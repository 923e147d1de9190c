"""Kick scooter hire: forecast of the trips of the next hour from the last 24 hours.

The series is standardised, windows of 24 steps, a small GRU on top.
"""
import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(2024)


def hourly_trips(days):
    rng = np.random.default_rng(5)
    hours = np.arange(days * 24)
    morning = np.exp(-((hours % 24) - 8) ** 2 / 4.0)
    evening = np.exp(-((hours % 24) - 18) ** 2 / 8.0)
    weekend = ((hours // 24) % 7 >= 5).astype(float)
    midday = np.exp(-((hours % 24) - 14) ** 2 / 18.0)
    level = 40 + 180 * (1 - weekend) * morning + 220 * (1 - 0.4 * weekend) * evening + 120 * weekend * midday
    weather = np.zeros(len(hours))
    for t in range(1, len(hours)):
        weather[t] = 0.96 * weather[t - 1] + rng.normal(0, 0.07)
    return rng.poisson(level * np.exp(weather)).astype("float32")


def make_windows(series, width):
    x = np.stack([series[i:i + width] for i in range(len(series) - width)])
    y = series[width:]
    return x[..., None], y


trips = hourly_trips(90)
cut = int(len(trips) * 0.8)
mean, std = trips[:cut].mean(), trips[:cut].std()
scaled = (trips - mean) / std

x_train, y_train = make_windows(scaled[:cut], 24)
x_test, y_test = make_windows(scaled[cut - 24:], 24)
print("train", x_train.shape, y_train.shape, "test", x_test.shape, y_test.shape)

inputs = keras.Input((24, 1))
x = layers.GRU(16)(inputs)
x = layers.Dense(16, activation="relu")(x)
outputs = layers.Dense(1)(x)
model = keras.Model(inputs, outputs)
model.summary()

model.compile(optimizer=keras.optimizers.Adam(0.004), loss="mse", metrics=["mae"])
history = model.fit(x_train, y_train, epochs=8, batch_size=64, validation_data=(x_test, y_test), verbose=2)

forecast = model.predict(x_test, verbose=0)[:, 0] * std + mean
truth = y_test * std + mean
for t in range(6):
    print(f"hour {t}: forecast {forecast[t]:7.1f}   counted {truth[t]:7.1f}")
print("mean error (trips):", np.abs(forecast - truth).mean())
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
