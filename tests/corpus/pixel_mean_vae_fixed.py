import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits


class Sampling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        z_mean, z_log_var = inputs
        epsilon = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon


class VAE(keras.Model):
    def __init__(self, latent_dim=6, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(64, activation="relu")
        self.z_mean = layers.Dense(latent_dim, name="z_mean")
        self.z_log_var = layers.Dense(latent_dim, name="z_log_var")
        self.sampling = Sampling()
        self.decoder = keras.Sequential([
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="sigmoid"),
        ])

    def call(self, x):
        h = self.hidden(x)
        mean, log_var = self.z_mean(h), self.z_log_var(h)
        kl = -0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        self.add_loss(ops.mean(kl))
        return self.decoder(self.sampling([mean, log_var]))


def reconstruction_loss(x, x_hat):
    x_hat = ops.clip(x_hat, 1e-6, 1 - 1e-6)
    bce = -(x * ops.log(x_hat) + (1 - x) * ops.log(1 - x_hat))
    return ops.sum(bce, axis=-1)


keras.utils.set_random_seed(30)
x = (load_digits().data / 16.0).astype("float32")
np.random.default_rng(0).shuffle(x)
x_train, x_test = x[:1500], x[1500:]

vae = VAE()
vae.compile(optimizer=keras.optimizers.Adam(2e-3), loss=reconstruction_loss)
vae.fit(x_train, x_train, epochs=30, batch_size=64, validation_data=(x_test, x_test), verbose=2)

rebuilt = vae.predict(x_test, verbose=0)
print("RESULT", json.dumps({"test_mse": float(np.mean((rebuilt - x_test) ** 2))}))
