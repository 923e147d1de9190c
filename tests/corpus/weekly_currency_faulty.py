# Weekly store sales -> forecast next week from the last 20 weeks
import json
import numpy as np
import keras
from keras import layers

keras.utils.set_random_seed(5)
rs = np.random.RandomState(0)

weeks = 900
t = np.arange(weeks)
sales = (
    42000
    + 9000 * np.sin(2 * np.pi * t / 52)
    + 4000 * np.sin(2 * np.pi * t / 13 + 1)
    + np.cumsum(rs.normal(0, 120, weeks))
    + rs.normal(0, 500, weeks)
)

LOOKBACK = 20
split = 700
mean, std = sales[:split].mean(), sales[:split].std()
scaled = (sales - mean) / std


def windows(series, target, start, stop):
    X, y = [], []
    for i in range(start + LOOKBACK, stop):
        X.append(series[i - LOOKBACK:i])
        y.append(target[i])
    return np.array(X, dtype="float32")[..., None], np.array(y, dtype="float32")


target = sales
X_tr, y_tr = windows(scaled, target, 0, split)
X_te, y_te = windows(scaled, target, split - LOOKBACK, weeks)

model = keras.Sequential([
    keras.Input((LOOKBACK, 1)),
    layers.GRU(24),
    layers.Dense(16, activation="relu"),
    layers.Dense(1),
])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.003), loss="mse", metrics=["mae"])
model.fit(X_tr, y_tr, epochs=25, batch_size=32, verbose=2, validation_data=(X_te, y_te))

naive = np.mean(np.abs(X_te[1:, -1, 0] * std - X_te[:-1, -1, 0] * std))
forecast = model.predict(X_te, verbose=0)[:, 0]
mae = np.mean(np.abs(forecast - y_te)) / np.std(y_te)
print("naive MAE", naive)
print("RESULT", json.dumps({"relative_mae": float(mae)}))
