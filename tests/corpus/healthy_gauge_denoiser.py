# Denoising autoencoder for pressure gauge traces, own loss with a term for the slope
import json

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(88)


def traces(n, seed, length=64):
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, length)
    out = []
    for _ in range(n):
        clean = rng.uniform(0.2, 0.6) * np.tanh((t - rng.uniform(0.2, 0.8)) * rng.uniform(5, 20))
        clean += rng.uniform(0.05, 0.3) * np.sin(2 * np.pi * rng.uniform(1, 4) * t + rng.uniform(0, 6))
        out.append(clean)
    clean = np.array(out, dtype="float32")[..., None]
    noisy = clean + rng.normal(0, 0.15, clean.shape).astype("float32")
    return noisy, clean


x_train, y_train = traces(1500, 1)
x_val, y_val = traces(300, 2)

inp = keras.Input((64, 1))
h = layers.Conv1D(16, 5, strides=2, padding="same", activation="relu")(inp)
h = layers.Conv1D(24, 5, strides=2, padding="same", activation="relu")(h)
h = layers.Conv1DTranspose(16, 5, strides=2, padding="same", activation="relu")(h)
h = layers.Conv1DTranspose(12, 5, strides=2, padding="same", activation="relu")(h)
out = layers.Conv1D(1, 3, padding="same")(h)
model = keras.Model(inp, out, name="denoiser")
model.summary()


def smooth_mse(y_true, y_pred):
    error = ops.mean(ops.square(y_true - y_pred), axis=(1, 2))
    slope = ops.mean(ops.square(y_pred[:, 1:] - y_pred[:, :-1] - y_true[:, 1:] + y_true[:, :-1]), axis=(1, 2))
    return error + 0.5 * slope


schedule = keras.optimizers.schedules.CosineDecay(4e-3, decay_steps=10 * 47)
model.compile(optimizer=keras.optimizers.AdamW(schedule, weight_decay=1e-4, clipnorm=1.0), loss=smooth_mse, metrics=["mse"])
hist = model.fit(x_train, y_train, validation_data=(x_val, y_val), batch_size=32, epochs=10, verbose=2)

print("mse of the noisy traces ", float(np.mean((x_val - y_val) ** 2)))
print("mse of the cleaned ones ", hist.history["val_mse"][-1])
print("RESULT", json.dumps({k: float(v[-1]) for k, v in hist.history.items()}))
