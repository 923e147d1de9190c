"""How many rolls will be sold today? Daily sales of a bakery over four years."""
import json

import keras
import numpy as np
from keras import layers


def daily_sales(days, seed):
    rng = np.random.default_rng(seed)
    day = np.arange(days)
    weekly = np.array([-30, -40, -25, -10, 25, 80, 0])[day % 7]
    season = 35 * np.sin(2 * np.pi * day / 365.25)
    trend = np.zeros(days)
    for i in range(1, days):
        trend[i] = 0.9 * trend[i - 1] + rng.normal(0, 12)
    return np.maximum(0, 260 + weekly + season + trend + rng.normal(0, 12, days))


def level(sales, days=7):
    return np.convolve(np.append(np.full(days, sales[0]), sales), np.ones(days) / days, mode="valid")[: len(sales)]


def features(sales):
    day = np.arange(len(sales))
    yesterday = np.roll(sales, 1)
    last_week = np.roll(sales, 7)
    columns = [yesterday, last_week, level(sales)]
    return np.column_stack([(np.stack(columns, axis=1) - 260) / 60, np.eye(7)[day % 7]]).astype("float32")


keras.utils.set_random_seed(16)
sales = daily_sales(1460, 71)
x, y = features(sales)[14:], ((sales - 260) / 60).astype("float32")[14:]
cut = 1100
x_train, y_train = x[:cut], y[:cut]
x_val, y_val = x[cut:-60], y[cut:-60]
print("days for training", len(x_train), "for validation", len(x_val))

model = keras.Sequential([
    keras.Input((x.shape[1],)),
    layers.Dense(32, activation="relu"),
    layers.Dense(16, activation="relu"),
    layers.Dense(1),
])
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse", metrics=["mae"])
history = model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=20, batch_size=32, verbose=2)

# the last sixty days as the shop would have met them, one morning after the other
mornings = np.arange(len(sales) - 60, len(sales))
known = [features(np.append(sales[:day], sales[day - 1]))[-1] for day in mornings]
forecast = model.predict(np.stack(known), verbose=0)[:, 0] * 60 + 260
live = float(np.abs(forecast - sales[mornings]).mean())
print("validation error in rolls:", round(history.history["val_mae"][-1] * 60, 1))
print("error of the last sixty mornings:", round(live, 1))
print("as a week ago:", round(float(np.abs(sales[mornings - 7] - sales[mornings]).mean()), 1))
result = {k: float(v[-1]) for k, v in history.history.items()}
result["live_error"] = live
print("RESULT", json.dumps(result))
