import json

import keras
import numpy as np
from keras import layers, ops


def recordings(n, seed, length=64):
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, length)
    clean = np.zeros((n, length))
    for _ in range(3):
        amplitude = rng.uniform(0.2, 1.0, (n, 1))
        speed = rng.uniform(1, 4, (n, 1))
        phase = rng.uniform(0, 2 * np.pi, (n, 1))
        clean += amplitude * np.sin(2 * np.pi * speed * t + phase)
    noisy = clean + rng.normal(0, 0.4, clean.shape)
    return noisy[..., None].astype("float32"), clean[..., None].astype("float32")


class SmoothedError(keras.losses.Loss):
    """Squared error plus total variation of the output."""

    def call(self, y_true, y_pred):
        error = ops.mean(ops.square(y_true - y_pred))
        steps = ops.abs(y_pred[:, 1:] - y_pred[:, :-1])
        return error + ops.sum(steps)


def denoiser():
    x = inputs = keras.Input((64, 1))
    x = layers.Conv1D(16, 7, padding="same", activation="relu")(x)
    x = layers.Conv1D(16, 7, padding="same", activation="relu")(x)
    x = layers.Conv1D(16, 7, padding="same", activation="relu")(x)
    outputs = layers.Conv1D(1, 7, padding="same")(x)
    return keras.Model(inputs, outputs, name="denoiser")


keras.utils.set_random_seed(77)
x_train, y_train = recordings(1400, 1)
x_val, y_val = recordings(300, 2)
net = denoiser()
net.compile(optimizer=keras.optimizers.Adam(0.001), loss=SmoothedError(), metrics=["mse"])
history = net.fit(x_train, y_train, epochs=12, batch_size=32, validation_data=(x_val, y_val), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
