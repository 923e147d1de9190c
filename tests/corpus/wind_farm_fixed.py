import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.model_selection import train_test_split

# Wind power forecast with an uncertainty: the net gives a mean and a log variance.
keras.utils.set_random_seed(7)
rng = np.random.default_rng(7)


def make_data(n=2500):
    speed = rng.weibull(2.0, n) * 8
    direction = rng.uniform(0, 2 * np.pi, n)
    temperature = rng.normal(9, 6, n)
    pressure = rng.normal(1013, 8, n)
    power = 1 / (1 + np.exp(-(speed - 8) / 1.5)) * (1 + 0.15 * np.cos(direction)) * pressure / 1013
    power = power + rng.normal(0, 1, n) * (0.02 + 0.05 * (np.abs(speed - 8) < 3))
    X = np.stack([speed, np.sin(direction), np.cos(direction), temperature, pressure], axis=1)
    return X.astype("float32"), power.reshape(-1, 1).astype("float32")


X, y = make_data()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=1)

mean, std = X_train.mean(axis=0), X_train.std(axis=0)
X_train = (X_train - mean) / std
X_test = (X_test - mean) / std


def gaussian_nll(y_true, y_pred):
    mu = y_pred[:, 0]
    log_var = ops.clip(y_pred[:, 1], -8.0, 4.0)
    return 0.5 * ops.mean(log_var + ops.square(y_true[:, 0] - mu) / ops.exp(log_var))


inputs = keras.Input((5,))
h = layers.Dense(32, activation="relu")(inputs)
h = layers.Dense(32, activation="relu")(h)
outputs = layers.Dense(2, name="mu_and_log_var")(h)
model = keras.Model(inputs, outputs)
model.summary()

model.compile(optimizer=keras.optimizers.Adam(2e-3), loss=gaussian_nll)
history = model.fit(X_train, y_train, batch_size=32, epochs=15, validation_data=(X_test, y_test), verbose=2)

pred = model.predict(X_test, verbose=0)
mu, sigma = pred[:, 0], np.exp(0.5 * pred[:, 1])
rmse = float(np.sqrt(np.mean((mu - y_test[:, 0]) ** 2)))
print("spread of the predicted means:", mu.min(), mu.max())
print("spread of the observed power: ", y_test.min(), y_test.max())
print("mean predicted sigma:", sigma.mean())
print("test RMSE:", rmse)

result = {k: float(v[-1]) for k, v in history.history.items()}
result["val_rmse"] = rmse
print("RESULT", json.dumps(result))
