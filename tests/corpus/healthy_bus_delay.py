"""Delay of city buses: Huber loss, Normalization layer inside the model, step reduced on plateau."""
import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(21)
rng = np.random.default_rng(21)

n = 4000
hour = rng.uniform(5, 24, n)
rain = rng.gamma(0.5, 2.0, n)
stops = rng.integers(4, 40, n)
temperature = rng.normal(11, 8, n)
passengers = rng.poisson(30 + 25 * np.exp(-((hour - 8) / 1.5) ** 2) + 20 * np.exp(-((hour - 17) / 2) ** 2))
rush = np.exp(-((hour - 8) / 1.2) ** 2) + np.exp(-((hour - 17.3) / 1.6) ** 2)
delay = 0.08 * stops * (1 + 1.8 * rush) + 0.35 * rain + 0.015 * passengers - 1.0 + rng.standard_t(3, n) * 0.7

table = np.column_stack([hour, rain, stops, temperature, passengers]).astype("float32")
delay = delay.astype("float32")
x_train, x_val, x_test = np.split(table, [2800, 3400])
y_train, y_val, y_test = np.split(delay, [2800, 3400])

normalise = layers.Normalization()
normalise.adapt(x_train)

inputs = keras.Input((5,))
x = normalise(inputs)
x = layers.Dense(64, activation="gelu")(x)
x = layers.Dense(32, activation="gelu")(x)
model = keras.Model(inputs, layers.Dense(1, name="minutes")(x))

model.compile(optimizer=keras.optimizers.Adam(0.003), loss=keras.losses.Huber(delta=1.0), metrics=["mae"])
history = model.fit(
    x_train, y_train,
    validation_data=(x_val, y_val),
    epochs=25, batch_size=64, verbose=2,
    callbacks=[keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=3, min_lr=1e-5)],
)

loss, mae = model.evaluate(x_test, y_test, verbose=0)
print(f"test mae {mae:.2f} min, always the median: {np.abs(y_test - np.median(y_train)).mean():.2f} min")
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
