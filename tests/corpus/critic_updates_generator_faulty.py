"""A small GAN on a ring of points, in plain torch style."""
import json
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
import torch
from keras import layers


class RingGAN(keras.Model):
    def __init__(self, noise=8):
        super().__init__()
        self.noise = noise
        self.generator = keras.Sequential([keras.Input((noise,)), layers.Dense(48, activation="relu"), layers.Dense(48, activation="relu"), layers.Dense(2)])
        self.critic = keras.Sequential([keras.Input((2,)), layers.Dense(48, activation="leaky_relu"), layers.Dense(48, activation="leaky_relu"), layers.Dense(1)])
        self.seeds = keras.random.SeedGenerator(1)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def call(self, x):
        return self.critic(x)

    def compile(self, opt_g, opt_c):
        super().compile()
        self.opt_g, self.opt_c = opt_g, opt_c

    def train_step(self, real):
        real = real[0] if isinstance(real, tuple) else real
        n = real.shape[0]
        fake = self.generator(keras.random.normal((n, self.noise), seed=self.seeds))
        both = torch.cat([real, fake.detach()])
        truth = torch.cat([torch.ones((n, 1)), torch.zeros((n, 1))])
        self.zero_grad()
        c_loss = self.bce(truth, self.critic(both))
        c_loss.backward()
        with torch.no_grad():
            self.opt_c.apply([v.value.grad for v in self.critic.trainable_weights], self.critic.trainable_weights)
        self.zero_grad()
        fake = self.generator(keras.random.normal((n, self.noise), seed=self.seeds))
        g_loss = self.bce(torch.ones((n, 1)), self.critic(fake))
        g_loss.backward()
        with torch.no_grad():
            self.opt_g.apply([v.value.grad for v in self.critic.trainable_weights], self.critic.trainable_weights)
        return {"c_loss": c_loss, "g_loss": g_loss}


keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
angle = rng.uniform(0, 2 * np.pi, 2048)
ring = (np.stack([np.cos(angle), np.sin(angle)], 1) + rng.normal(scale=0.05, size=(2048, 2))).astype("float32")
gan = RingGAN()
gan.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
gan.fit(ring, epochs=15, batch_size=64, verbose=0)
drawn = keras.ops.convert_to_numpy(gan.generator(rng.normal(size=(1000, 8)).astype("float32")))
print("RESULT", json.dumps({"off_ring": float(np.mean(np.abs(np.linalg.norm(drawn, axis=1) - 1)))}))
