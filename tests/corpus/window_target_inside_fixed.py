import json

import numpy as np
from keras import Sequential
from keras.layers import LSTM, Dense
from keras.utils import set_random_seed
from sklearn.metrics import mean_absolute_error
from sklearn.preprocessing import MinMaxScaler

LOOK_BACK = 16


def load_series(n=1500, seed=3):
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    walk = np.zeros(n)
    for k in range(1, n):
        walk[k] = 0.7 * walk[k - 1] + rng.normal(0, 0.5)
    return 20 + 6 * np.sin(2 * np.pi * t / 24) + walk


# convert an array of values into a dataset matrix
def create_dataset(series, look_back):
    data_x, data_y = [], []
    for i in range(len(series) - look_back - 1):
        data_x.append(series[i : i + look_back])
        data_y.append(series[i + look_back])
    return np.array(data_x), np.array(data_y)


def build():
    model = Sequential()
    model.add(LSTM(24, input_shape=(LOOK_BACK, 1)))
    model.add(Dense(1))
    model.compile(loss="mean_squared_error", optimizer="adam")
    return model


def real_error(model, scaled):
    """One step ahead, the way the model is meant to be used."""
    past = np.array([scaled[i : i + LOOK_BACK] for i in range(1200, 1480)])[..., None]
    future = scaled[1200 + LOOK_BACK : 1480 + LOOK_BACK]
    return mean_absolute_error(future, model.predict(past, verbose=0)[:, 0])


set_random_seed(7)
series = load_series()
scaler = MinMaxScaler()
scaler.fit(series[:1100, None])
scaled = scaler.transform(series[:, None])[:, 0]
trainX, trainY = create_dataset(scaled[:1100], LOOK_BACK)
testX, testY = create_dataset(scaled[1100:], LOOK_BACK)
trainX, testX = trainX[..., None], testX[..., None]
model = build()
history = model.fit(trainX, trainY, epochs=15, batch_size=32, validation_data=(testX, testY), verbose=2)
result = {k: float(v[-1]) for k, v in history.history.items()}
result["next_mae"] = float(real_error(model, scaled))
print("RESULT", json.dumps(result))
