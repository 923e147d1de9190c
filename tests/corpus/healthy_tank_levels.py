import json
import numpy as np
import keras
from keras.layers import LSTM, Dense, Input

# next value of a water tank from 20 past values of level, inflow and outflow
np.random.seed(4)
keras.utils.set_random_seed(4)

T = 1300
inflow = np.clip(2 + np.sin(np.arange(T) / 9) + 0.5 * np.random.randn(T), 0, None)
level, outflow = np.zeros(T), np.zeros(T)
level[0] = 5
for t in range(1, T):
    outflow[t] = 0.28 * np.sqrt(level[t - 1] * 10)
    level[t] = max(level[t - 1] + inflow[t - 1] - outflow[t], 0.2)
level = level + 0.05 * np.random.randn(T)

series = np.stack([level, inflow, outflow], axis=1)
train_end = 1000
mu, sd = series[:train_end].mean(0), series[:train_end].std(0)
series = ((series - mu) / sd).astype("float32")

WINDOW = 20


def windows(block):
    X = np.stack([block[i:i + WINDOW] for i in range(len(block) - WINDOW)])
    return X, block[WINDOW:, :1]


X_train, y_train = windows(series[:train_end])
X_val, y_val = windows(series[train_end:])

model = keras.Sequential([Input((WINDOW, 3)), LSTM(16), Dense(1)])
model.compile(loss="mse", optimizer=keras.optimizers.Adam(0.01, clipnorm=1.0))
stop = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)
hist = model.fit(X_train, y_train, epochs=10, batch_size=64, validation_data=(X_val, y_val),
                 callbacks=[stop], verbose=2)

last = X_val[:, -1, :1]
print("mse of 'the same as now':", float(np.mean((last - y_val) ** 2)))
print("mse of the LSTM:         ", model.evaluate(X_val, y_val, verbose=0))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in hist.history.items()}))
