"""Variational autoencoder of optical spectra (peaks on a smooth ground)."""
import json

import keras
import numpy as np
from keras import layers, ops

CHANNELS, LATENT = 48, 4


def spectra(n, seed):
    rng = np.random.default_rng(seed)
    nm = np.linspace(0, 1, CHANNELS)
    place = rng.uniform(0.25, 0.75, (n, 1))
    height = rng.uniform(0.3, 0.9, (n, 1))
    width = rng.uniform(0.04, 0.12, (n, 1))
    ground = 0.1 + 0.1 * rng.uniform(0, 1, (n, 1)) * nm
    y = ground + height * np.exp(-(((nm - place) / width) ** 2)) + rng.normal(0, 0.02, (n, CHANNELS))
    return np.clip(y, 0, 1.2).astype("float32")


class Sampling(layers.Layer):
    def __init__(self, kl_weight, **kwargs):
        super().__init__(**kwargs)
        self.kl_weight = kl_weight
        self.seed_generator = keras.random.SeedGenerator(5)

    def call(self, inputs):
        mean, log_var = inputs
        kl = -0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        self.add_loss(self.kl_weight * ops.mean(kl))
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise


def gaussian_error(y_true, y_pred, sigma=0.05):
    return ops.sum(ops.square(y_true - y_pred), axis=-1) / (2 * sigma**2)


keras.utils.set_random_seed(45)
x_train, x_val = spectra(2000, 211), spectra(400, 212)

spectrum = keras.Input((CHANNELS,))
h = layers.Dense(64, activation="relu")(spectrum)
h = layers.Dense(32, activation="relu")(h)
z_mean = layers.Dense(LATENT, name="z_mean")(h)
z_log_var = layers.Dense(LATENT, name="z_log_var")(h)
z = Sampling(1.0, name="sampling")([z_mean, z_log_var])
d = layers.Dense(32, activation="relu")(z)
d = layers.Dense(64, activation="relu")(d)
rebuilt = layers.Dense(CHANNELS, name="rebuilt")(d)
vae = keras.Model(spectrum, rebuilt)
vae.compile(optimizer=keras.optimizers.Adam(1e-3), loss=gaussian_error, metrics=["mae"])
history = vae.fit(x_train, x_train, validation_data=(x_val, x_val), epochs=30, batch_size=64, verbose=2)

encoder = keras.Model(spectrum, [z_mean, z_log_var])
mean, log_var = encoder.predict(x_val, verbose=0)
print("spread of the latent means:", mean.std(axis=0).round(2))
print("mean of the latent variances:", np.exp(log_var).mean(axis=0).round(2))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
