# Forecast of the riders per hour of a metro line with a GRU.
# The last 24 hours go in, the next hour comes out.
import json

import keras
import numpy as np
from keras.layers import GRU, Dense, Input
from keras.models import Sequential
from sklearn.preprocessing import MinMaxScaler

keras.utils.set_random_seed(21)
rng = np.random.default_rng(21)

hours = np.arange(24 * 60)
hour_of_day = hours % 24
weekend = (hours // 24) % 7 >= 5
morning = np.exp(-0.5 * ((hour_of_day - 8) / 1.5) ** 2)
evening = np.exp(-0.5 * ((hour_of_day - 17.5) / 2.0) ** 2)
riders = 900 + 5200 * morning * (1 - 0.7 * weekend) + 4300 * evening * (1 - 0.4 * weekend)
riders = riders * (1 + 0.08 * rng.standard_normal(len(hours)))
riders = riders.round().reshape(-1, 1)

scaler = MinMaxScaler()
scaled = scaler.fit_transform(riders)

look_back = 24


def create_dataset(series, look_back):
    X, y = [], []
    for i in range(len(series) - look_back):
        X.append(series[i:i + look_back])
        y.append(series[i + look_back])
    return np.array(X, dtype="float32"), np.array(y, dtype="float32")


X, y = create_dataset(scaled, look_back)
split = int(len(X) * 0.8)
X_train, X_test = X[:split], X[split:]
y_train, y_test = y[:split], y[split:]
print(X_train.shape, y_train.shape, X_test.shape, y_test.shape)

model = Sequential()
model.add(Input((look_back, 1)))
model.add(GRU(24))
model.add(Dense(1))
model.compile(loss="mean_squared_error", optimizer=keras.optimizers.Adam(0.01), metrics=[keras.metrics.R2Score()])

history = model.fit(X_train, y_train, epochs=12, batch_size=64, validation_data=(X_test, y_test), verbose=2)

pred = model.predict(X_test, verbose=0)
for p, t in zip(pred[:10, 0], y_test[:10, 0]):
    print("predicted %10.3f   true %10.3f" % (p, t))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
