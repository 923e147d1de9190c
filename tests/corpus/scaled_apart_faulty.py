import json

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(17)
rng = np.random.default_rng(17)
x_train = rng.normal(0, 1, (1000, 4))
x_val = rng.normal(2.0, 0.4, (300, 4))


def target(x):
    return (x[:, 0] + 0.5 * x[:, 1] - x[:, 2]).astype("float32")


y_train, y_val = target(x_train), target(x_val)
scaler = StandardScaler()
x_train = scaler.fit_transform(x_train).astype("float32")
x_val = scaler.fit_transform(x_val).astype("float32")

model = keras.Sequential([keras.Input((4,)), layers.Dense(32, activation="relu"), layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
history = model.fit(x_train, y_train, epochs=15, batch_size=32, validation_data=(x_val, y_val), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
