"""Forecast of a growing monthly series: log differences in, the next difference out; the end is for validation."""
import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(34)
rng = np.random.default_rng(34)
t = np.arange(900)
level = np.exp(0.004 * t + 0.4 * np.sin(2 * np.pi * t / 12) + 0.05 * rng.normal(size=900))
steps = np.diff(np.log(level)).astype("float32")
window = np.lib.stride_tricks.sliding_window_view(steps, 25)
x, y = window[:, :24, None], window[:, 24]
cut = 700
model = keras.Sequential([keras.Input((24, 1)), layers.Conv1D(16, 3, padding="causal", activation="relu"), layers.GRU(16), layers.Dense(1)])
model.compile(keras.optimizers.Adam(5e-3), keras.losses.LogCosh(), metrics=["mae"])
h = model.fit(x[:cut], y[:cut], validation_data=(x[cut:], y[cut:]), epochs=15, batch_size=32, shuffle=True, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
