"""Greenhouse climate: temperature and humidity of the next hour, one LSTM with two heads."""
import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(33)


def simulate(hours, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(hours)
    sun = np.clip(np.sin(2 * np.pi * (t % 24 - 6) / 24), 0, None) * rng.uniform(0.4, 1.0, hours // 24 + 1)[t // 24]
    window = (rng.uniform(size=hours) < 0.2).astype(float)
    temperature, humidity = np.zeros(hours), np.zeros(hours)
    temperature[0], humidity[0] = 16, 70
    for i in range(1, hours):
        temperature[i] = (temperature[i - 1] + 0.25 * (15 - temperature[i - 1]) + 5 * sun[i - 1]
                          - 2.0 * window[i - 1] + rng.normal(0, 0.4))
        humidity[i] = humidity[i - 1] + 0.3 * (85 - 1.2 * (temperature[i - 1] - 15) - humidity[i - 1]) - 6 * window[i - 1] \
            + rng.normal(0, 1.2)
    return np.stack([temperature, humidity, sun, window], axis=1)


climate = simulate(24 * 90, 1)
cut = 24 * 72
mean, std = climate[:cut].mean(axis=0), climate[:cut].std(axis=0)
scaled = ((climate - mean) / std).astype("float32")

WIDTH = 12
starts = np.arange(len(scaled) - WIDTH)
windows = np.stack([scaled[s:s + WIDTH] for s in starts])
following = scaled[WIDTH:, :2]
train = starts + WIDTH < cut
valid = starts >= cut

inputs = keras.Input((WIDTH, 4), name="climate")
state = layers.LSTM(24)(inputs)
state = layers.Dense(24, activation="tanh")(state)
temperature = layers.Dense(1, name="temperature")(state)
humidity = layers.Dense(1, name="humidity")(state)
model = keras.Model(inputs, {"temperature": temperature, "humidity": humidity})


def targets(rows):
    return {"temperature": following[rows, 0:1], "humidity": following[rows, 1:2]}


model.compile(optimizer=keras.optimizers.Adam(0.005), loss={"temperature": "mse", "humidity": "mse"},
              loss_weights={"temperature": 1.0, "humidity": 1.0})
history = model.fit(windows[train], targets(train), validation_data=(windows[valid], targets(valid)),
                    batch_size=48, epochs=10, verbose=2)

guess = model.predict(windows[valid], verbose=0)
for k, name in enumerate(["temperature", "humidity"]):
    miss = np.sqrt(np.mean((guess[name][:, 0] - following[valid, k]) ** 2)) * std[k]
    stay = np.sqrt(np.mean((windows[valid][:, -1, k] - following[valid, k]) ** 2)) * std[k]
    print(f"{name}: rmse {miss:.2f}, 'as before' {stay:.2f}")
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
