"""How many spare parts will a depot need next week?"""
import json

import keras
import numpy as np
from keras import layers

config = {"seed": 14, "rows": 3000, "hidden": [32, 16], "epochs": 12, "batch": 32, "lr": 2e-3, "loss": "mean_absolute_percentage_error"}


def weekly_demand(rows, seed):
    rng = np.random.default_rng(seed)
    fleet = rng.uniform(0, 1, rows)
    age = rng.uniform(0, 1, rows)
    season = rng.uniform(0, 2 * np.pi, rows)
    repaired = rng.integers(0, 2, rows)
    mean = 9 * fleet * age * (1 + 0.5 * np.sin(season)) * np.where(repaired, 0.5, 1.0)
    parts = rng.poisson(mean)
    table = np.stack([2 * fleet - 1, 2 * age - 1, np.sin(season), np.cos(season), 2 * repaired - 1], axis=1)
    return table.astype("float32"), parts.astype("float32").reshape(-1, 1)


def make_model(cfg):
    inputs = keras.Input((5,))
    x = inputs
    for units in cfg["hidden"]:
        x = layers.Dense(units, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(1)(x))


keras.utils.set_random_seed(config["seed"])
x, y = weekly_demand(config["rows"], config["seed"])
model = make_model(config)
model.compile(keras.optimizers.Adam(config["lr"]), loss=config["loss"], metrics=["mae", keras.metrics.RootMeanSquaredError(name="rmse")])
history = model.fit(x, y, epochs=config["epochs"], batch_size=config["batch"], validation_split=0.2, verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
