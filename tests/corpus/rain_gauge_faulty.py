import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(5)


class Gauge:
    """Daily rain (mm) at a station, from yesterday's weather at the station."""

    columns = ["humidity", "pressure", "pressure_change", "cloud", "wind", "temperature"]

    def __init__(self, days, seed):
        rng = np.random.default_rng(seed)
        humidity = rng.beta(5, 2.5, days) * 100
        pressure = rng.normal(1012, 9, days)
        change = rng.normal(0, 4, days)
        cloud = np.clip(humidity / 100 + rng.normal(0, 0.2, days), 0, 1)
        wind = rng.gamma(3, 1.5, days)
        temperature = rng.normal(12, 7, days)
        drive = 0.06 * (humidity - 60) - 0.09 * (pressure - 1012) - 0.25 * change + 2.0 * (cloud - 0.5)
        rain = np.maximum(drive, 0) ** 1.5 * rng.gamma(8, 1 / 8, days)
        self.rain = np.round(rain, 1).astype("float32")
        self.features = np.stack([humidity, pressure, change, cloud, wind, temperature], axis=1).astype("float32")


train = Gauge(2400, 50)
test = Gauge(600, 51)
print("mean rain", train.rain.mean(), "max", train.rain.max(), "share of dry days", (train.rain == 0).mean())

norm = layers.Normalization()
norm.adapt(train.features)
x_train = keras.ops.convert_to_numpy(norm(train.features))
x_test = keras.ops.convert_to_numpy(norm(test.features))

model = keras.Sequential([
    layers.Input((len(Gauge.columns),)),
    layers.Dense(32, activation="relu"),
    layers.Dense(32, activation="relu"),
    layers.Dense(1),
])

model.compile(
    optimizer=keras.optimizers.Adam(0.003),
    loss="mean_absolute_percentage_error",
    metrics=["mae"],
)
history = model.fit(x_train, train.rain, batch_size=32, epochs=15,
                    validation_data=(x_test, test.rain), verbose=2)

forecast = model.predict(x_test, verbose=0)[:, 0]
wettest = np.argsort(-test.rain)[:8]
print("wettest days, measured:", test.rain[wettest])
print("wettest days, forecast:", forecast[wettest].round(2))
print("MAE of always saying the mean:", np.abs(test.rain - train.rain.mean()).mean())
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
