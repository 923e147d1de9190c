"""A small GAN for weight and diameter of coins (two kinds), with the torch backend."""
import json
import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers

LATENT = 6


def coins(n, seed):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n)
    centre = np.array([[1.2, 0.9], [2.1, 1.6]])[kind]
    spread = rng.normal(0, 1, (n, 2)) @ np.array([[0.18, 0.1], [0.0, 0.12]])
    return (centre + spread).astype("float32")


class CoinGAN(keras.Model):
    def __init__(self, latent_dim):
        super().__init__()
        self.latent_dim = latent_dim
        self.generator = keras.Sequential([
            keras.Input((latent_dim,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(2),
        ])
        self.discriminator = keras.Sequential([
            keras.Input((2,)),
            layers.Dense(32, activation=keras.activations.leaky_relu),
            layers.Dense(32, activation=keras.activations.leaky_relu),
            layers.Dense(1),
        ])
        self.d_loss_tracker = keras.metrics.Mean(name="d_loss")
        self.g_loss_tracker = keras.metrics.Mean(name="g_loss")
        self.built = True

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer
        self.loss_fn = loss_fn

    @property
    def metrics(self):
        return [self.d_loss_tracker, self.g_loss_tracker]

    def train_step(self, real):
        real = real[0] if isinstance(real, tuple) else real
        batch_size = real.shape[0]
        ones = keras.ops.ones((batch_size, 1))
        zeros = keras.ops.zeros((batch_size, 1))

        # the discriminator says 1 to real coins and 0 to made ones
        noise = keras.random.normal((batch_size, self.latent_dim))
        fake = self.generator(noise)
        self.zero_grad()
        d_loss = self.loss_fn(ones, self.discriminator(real)) + self.loss_fn(zeros, self.discriminator(fake.detach()))
        d_loss.backward()
        d_weights = self.discriminator.trainable_weights
        with torch.no_grad():
            self.d_optimizer.apply([w.value.grad for w in d_weights], d_weights)

        # the generator
        noise = keras.random.normal((batch_size, self.latent_dim))
        misleading_labels = keras.ops.ones((batch_size, 1))
        self.zero_grad()
        g_loss = self.loss_fn(misleading_labels, self.discriminator(self.generator(noise)))
        g_loss.backward()
        g_weights = self.generator.trainable_weights
        with torch.no_grad():
            self.g_optimizer.apply([w.value.grad for w in g_weights], g_weights)

        self.d_loss_tracker.update_state(d_loss)
        self.g_loss_tracker.update_state(g_loss)
        return {m.name: m.result() for m in self.metrics}


keras.utils.set_random_seed(4)
data = coins(2000, 101)
gan = CoinGAN(LATENT)
gan.compile(
    d_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
    g_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
    loss_fn=keras.losses.BinaryCrossentropy(from_logits=True),
)
history = gan.fit(data, batch_size=64, epochs=24, verbose=2)

made = gan.generator.predict(np.random.default_rng(1).normal(size=(1000, LATENT)).astype("float32"), verbose=0)
print("real mean", data.mean(axis=0), "made mean", made.mean(axis=0))
print("real std ", data.std(axis=0), "made std ", made.std(axis=0))
result = {k: float(v[-1]) for k, v in history.history.items()}
result["distance"] = float(np.abs(np.sort(made, axis=0) - np.sort(coins(1000, 102), axis=0)).mean())
print("RESULT", json.dumps(result))
