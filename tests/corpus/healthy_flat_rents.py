"""Monthly rents from raw columns: the model carries its own scaling in and out."""
import json

import keras
import numpy as np
from keras import layers


def flats(n, seed):
    rng = np.random.default_rng(seed)
    area = rng.uniform(20, 140, n)
    built = rng.integers(1900, 2024, n)
    floor = rng.integers(0, 12, n)
    metres_to_station = rng.exponential(800, n)
    rent = 250 + 11 * area + 4 * np.abs(built - 1960) + 12 * floor - 0.12 * np.minimum(metres_to_station, 2000)
    rent = rent * rng.normal(1, 0.04, n)
    return np.stack([area, built, floor, metres_to_station], axis=1).astype("float32"), rent.astype("float32")


keras.utils.set_random_seed(71)
x_train, rent_train = flats(3000, 1)
x_test, rent_test = flats(700, 2)
mean, spread = float(rent_train.mean()), float(rent_train.std())

scale_in = layers.Normalization(name="scale_in")
scale_in.adapt(x_train)

table = keras.Input((4,), name="flat")
h = scale_in(table)
h = layers.Dense(64, activation="relu")(h)
h = layers.Dense(32, activation="relu")(h)
rent = layers.Dense(1, name="rent")(h)
model = keras.Model(table, rent)
schedule = keras.optimizers.schedules.ExponentialDecay(0.005, decay_steps=400, decay_rate=0.7)
model.compile(optimizer=keras.optimizers.Adam(schedule), loss="huber", metrics=["mae"])
history = model.fit(
    x_train, (rent_train[:, None] - mean) / spread, epochs=15, batch_size=40,
    validation_data=(x_test, (rent_test[:, None] - mean) / spread), verbose=2,
)

full = keras.Sequential([model, layers.Rescaling(spread, offset=mean)])
predicted = full.predict(x_test, verbose=0)[:, 0]
result = {k: float(v[-1]) for k, v in history.history.items()}
result["relative_error"] = float(np.mean(np.abs(predicted - rent_test) / rent_test))
print("RESULT", json.dumps(result))
