"""Rare counts with an exposure: log-rate plus log-exposure, Poisson likelihood, most answers 0."""
import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)
n = 5000
age = rng.integers(18, 80, n)
power = rng.integers(4, 13, n)
region = rng.integers(0, 6, n)
exposure = rng.uniform(0.1, 1.0, n).astype("float32")
rate = 0.08 * np.exp(1.2 * (age < 25) + 0.1 * (power - 8) + np.array([0, 0.2, -0.3, 0.5, 0, -0.1])[region])
claims = rng.poisson(rate * exposure).astype("float32")
numbers = np.stack([(age - 49) / 18, (power - 8) / 2.6, (age < 25)], 1).astype("float32")

num = keras.Input((3,), name="numbers")
reg = keras.Input((1,), name="region", dtype="int32")
exp = keras.Input((1,), name="exposure")
r = layers.Flatten()(layers.Embedding(6, 2)(reg))
h = layers.Dense(16, activation="tanh")(layers.Concatenate()([num, r]))
log_rate = layers.Dense(1, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(-2.5))(h)
out = layers.Activation("exponential")(layers.Add()([log_rate, exp]))
model = keras.Model([num, reg, exp], out)
model.compile(keras.optimizers.Nadam(2e-3), "poisson")
data = {"numbers": numbers, "region": region[:, None], "exposure": np.log(exposure)[:, None]}
h = model.fit(data, claims, batch_size=128, epochs=15, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
