"""Power use from the time stamp (seconds since 1970), temperature and weekday."""
import json

import keras
import numpy as np
from keras import layers


def log(n, seed):
    rng = np.random.default_rng(seed)
    stamp = 1.6e9 + rng.uniform(0, 86400 * 30, n)
    hour = stamp % 86400 / 3600
    temperature = rng.normal(12, 6, n)
    use = np.cos((hour - 18) / 24 * 2 * np.pi) - 0.08 * temperature + rng.normal(scale=0.1, size=n)
    return stamp, temperature, use.astype("float32")


def features(stamp, temperature):
    day = np.floor(stamp / 86400) % 7
    hour = stamp % 86400 / 3600
    columns = [stamp, hour, temperature, day]
    return np.stack(columns, axis=1).astype("float32")


keras.utils.set_random_seed(66)
stamp, temperature, use = log(2500, 66)
table = features(stamp, temperature)
net = keras.Sequential([keras.Input((4,)), layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(1)])
net.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse", metrics=["mae"])
h = net.fit(table, use, validation_split=0.2, epochs=15, batch_size=32, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
