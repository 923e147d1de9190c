"""Heat demand of a district, 6 hours ahead, causal convolutions; split by time, falling step size."""
import json

import keras
import numpy as np
from keras import layers

PAST, AHEAD = 48, 6


def demand(hours, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(hours)
    outside = 4 + 6 * np.sin(2 * np.pi * t / (24 * 120)) + 3 * np.sin(2 * np.pi * (t - 9) / 24)
    drift = np.zeros(hours)
    for i in range(1, hours):
        drift[i] = 0.98 * drift[i - 1] + rng.normal(0, 0.4)
    outside = outside + drift
    morning = np.exp(-(((t % 24) - 7) ** 2) / 6)
    evening = np.exp(-(((t % 24) - 19) ** 2) / 10)
    heat = np.maximum(0, 18 - outside) * 2.2 + 12 * morning + 8 * evening
    return outside, heat + rng.normal(0, 1.0, hours)


outside, heat = demand(2800, 251)
split = 2200
table = np.stack([heat, outside], axis=-1)
mean, std = table[:split].mean(axis=0), table[:split].std(axis=0)
table = ((table - mean) / std).astype("float32")
hour = np.arange(len(table)) % 24
table = np.column_stack([table, np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24)]).astype("float32")


def cut(part):
    starts = range(len(part) - PAST - AHEAD + 1)
    return (np.stack([part[i:i + PAST] for i in starts]),
            np.stack([part[i + PAST:i + PAST + AHEAD, 0] for i in starts]))


x_train, y_train = cut(table[:split])
x_val, y_val = cut(table[split:])

keras.utils.set_random_seed(51)
inputs = keras.Input((PAST, table.shape[1]))
x = inputs
for rate in (1, 2, 4, 8):
    y = layers.Conv1D(16, 3, padding="causal", dilation_rate=rate, activation="relu")(x)
    x = layers.Add()([layers.Conv1D(16, 1)(x), y])
x = layers.Lambda(lambda s: s[:, -1])(x)
outputs = layers.Dense(AHEAD)(x)
model = keras.Model(inputs, outputs)

steps = int(np.ceil(len(x_train) / 64))
schedule = keras.optimizers.schedules.PiecewiseConstantDecay([6 * steps, 9 * steps], [2e-3, 5e-4, 1e-4])
model.compile(optimizer=keras.optimizers.Adam(schedule), loss=keras.losses.Huber(), metrics=["mae"])
history = model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=11, batch_size=64, verbose=2)

forecast = model.predict(x_val, verbose=0)
yesterday = np.stack([x_val[:, -24 + i, 0] for i in range(AHEAD)], axis=-1)
print("error of the network:", np.abs(forecast - y_val).mean(axis=0).round(3))
print("same hour yesterday: ", np.abs(yesterday - y_val).mean(axis=0).round(3))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
