"""Minutes until the food is at the door. Being late costs more than being early."""
import json

import keras
import numpy as np
from keras import layers, ops


class LateCostsMore(keras.losses.Loss):
    def __init__(self, factor=2.0, name="late_costs_more"):
        super().__init__(name=name)
        self.factor = factor

    def call(self, y_true, y_pred):
        error = ops.reshape(y_true, ops.shape(y_pred)) - y_pred
        weight = ops.where(error > 0, self.factor, 1.0)
        return ops.mean(weight * ops.square(error), axis=-1)


def orders(n, seed):
    rng = np.random.default_rng(seed)
    km = rng.gamma(2.0, 1.6, n)
    hour = rng.uniform(11, 23, n)
    rain = rng.uniform(size=n) < 0.25
    dishes = 1 + rng.poisson(1.6, n)
    couriers = rng.integers(2, 12, n)
    queue = rng.poisson(6, n)
    rush = np.exp(-((hour - 19) ** 2) / 3) + 0.6 * np.exp(-((hour - 12.5) ** 2) / 1.5)
    minutes = 8 + 3.6 * km * (1 + 0.5 * rain) + 2.2 * dishes + 9 * rush + 6.0 * queue / couriers
    minutes = minutes * rng.lognormal(0, 0.1, n)
    x = np.stack([km, hour, rain, dishes, couriers, queue], axis=-1)
    return x.astype("float32"), minutes.astype("float32")


keras.utils.set_random_seed(19)
x_train, t_train = orders(2000, 81)
x_val, t_val = orders(500, 82)

t_mean, t_std = t_train.mean(), t_train.std()
y_train = (t_train - t_mean) / t_std
y_val = (t_val - t_mean) / t_std

normalise = layers.Normalization()
normalise.adapt(x_train)

inputs = keras.Input((6,))
h = normalise(inputs)
h = layers.Dense(48, activation="relu")(h)
h = layers.Dense(48, activation="relu")(h)
outputs = layers.Dense(1)(h)
model = keras.Model(inputs, outputs)

model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=LateCostsMore())
history = model.fit(
    x_train, y_train, validation_data=(x_val, y_val), batch_size=32, epochs=15, verbose=2
)

promised = model.predict(x_val, verbose=0)[:, 0] * t_std + t_mean
error = np.abs(promised - t_val)
print("mean error in minutes:", error.mean().round(2), " guess of the average:", np.abs(t_val - t_mean).mean().round(2))
for i in range(6):
    print(f"promised {promised[i]:5.1f}   took {t_val[i]:5.1f}")
result = {k: float(v[-1]) for k, v in history.history.items()}
result["error_minutes"] = float(error.mean())
print("RESULT", json.dumps(result))
