# Predict a mean and a variance for every sample (heteroscedastic regression)
import json
import numpy as np
import keras
from keras import ops
from keras.layers import Concatenate, Dense, Input

keras.utils.set_random_seed(64)
rng = np.random.default_rng(64)

x = rng.uniform(-3, 3, (3000, 1)).astype("float32")
sigma = 0.1 + 0.3 * np.abs(np.sin(x))
y = (np.sin(2 * x) + 0.3 * x + sigma * rng.normal(size=x.shape)).astype("float32")
x_train, x_val = x[:2400], x[2400:]
y_train, y_val = y[:2400], y[2400:]


def gaussian_nll(y_true, y_pred):
    mu, var = y_pred[:, :1], y_pred[:, 1:]
    return ops.mean(0.5 * ops.log(var) + 0.5 * ops.square(y_true - mu) / var, axis=-1)


def mae(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred[:, :1]), axis=-1)


inp = Input((1,))
h = Dense(48, activation="tanh")(inp)
h = Dense(48, activation="tanh")(h)
mu = Dense(1, name="mu")(h)
var = ops.softplus(Dense(1, name="raw_var")(h)) + 1e-4
model = keras.Model(inp, Concatenate()([mu, var]))

model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=gaussian_nll, metrics=[mae])
history = model.fit(x_train, y_train, batch_size=32, epochs=25, validation_data=(x_val, y_val), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
