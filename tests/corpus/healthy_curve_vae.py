"""A small variational autoencoder for pulse shapes."""
import json

import keras
import numpy as np
from keras import layers, ops

LENGTH, LATENT, NOISE = 32, 2, 0.1


def pulses(n, seed):
    rng = np.random.default_rng(seed)
    t = np.linspace(-1, 1, LENGTH)
    centre = rng.uniform(-0.5, 0.5, (n, 1))
    width = rng.uniform(0.15, 0.45, (n, 1))
    return (np.exp(-(((t - centre) / width) ** 2)) + rng.normal(0, 0.05, (n, LENGTH))).astype("float32")


class Sampler(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(3)

    def call(self, stats):
        mean, log_var = stats
        kl = -0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        self.add_loss(ops.mean(kl))
        noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
        return mean + ops.exp(0.5 * log_var) * noise


class VAE(keras.Model):
    def __init__(self):
        super().__init__()
        self.encode = keras.Sequential([layers.Dense(48, activation="relu"), layers.Dense(24, activation="relu")])
        self.mean = layers.Dense(LATENT)
        self.log_var = layers.Dense(LATENT)
        self.sampler = Sampler()
        self.decode = keras.Sequential([
            layers.Dense(24, activation="relu"), layers.Dense(48, activation="relu"), layers.Dense(LENGTH),
        ])

    def call(self, x):
        h = self.encode(x)
        return self.decode(self.sampler([self.mean(h), self.log_var(h)]))


def log_likelihood(y_true, y_pred):
    return ops.sum(ops.square(y_true - y_pred), axis=-1) / (2 * NOISE**2)


keras.utils.set_random_seed(2)
x_train, x_val = pulses(3000, 1), pulses(600, 2)
vae = VAE()
vae.compile(optimizer=keras.optimizers.Adam(0.002), loss=log_likelihood, metrics=["mse"])
history = vae.fit(x_train, x_train, epochs=15, batch_size=50, validation_data=(x_val, x_val), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
