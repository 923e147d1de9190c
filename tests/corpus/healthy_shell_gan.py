"""Hinge GAN for outlines of shells (16 radii), two critic steps for one generator step, torch backend."""
import json
import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers, ops

POINTS, LATENT, CRITIC_STEPS = 16, 8, 2


def shells(n, seed):
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    ribs = rng.uniform(0.05, 0.25, (n, 1))
    stretch = rng.uniform(-0.3, 0.3, (n, 1))
    radius = 1.0 + stretch * np.cos(2 * angle) + ribs * np.cos(5 * angle)
    return (radius + rng.normal(0, 0.03, (n, POINTS)) - 1.0).astype("float32")


class ShellGAN(keras.Model):
    def __init__(self, generator, critic):
        super().__init__()
        self.generator = generator
        self.critic = critic
        self.critic_loss = keras.metrics.Mean(name="critic_loss")
        self.generator_loss = keras.metrics.Mean(name="generator_loss")
        self.built = True

    def compile(self, generator_optimizer, critic_optimizer):
        super().compile()
        self.generator_optimizer = generator_optimizer
        self.critic_optimizer = critic_optimizer

    @property
    def metrics(self):
        return [self.critic_loss, self.generator_loss]

    def update(self, loss, weights, optimizer):
        self.zero_grad()
        loss.backward()
        gradients = [w.value.grad for w in weights]
        with torch.no_grad():
            optimizer.apply(gradients, weights)

    def train_step(self, data):
        real = data[0] if isinstance(data, (tuple, list)) else data
        n = real.shape[0]
        for _ in range(CRITIC_STEPS):
            made = self.generator(keras.random.normal((n, LATENT)), training=True).detach()
            loss = ops.mean(ops.relu(1.0 - self.critic(real))) + ops.mean(ops.relu(1.0 + self.critic(made)))
            self.update(loss, self.critic.trainable_weights, self.critic_optimizer)
            self.critic_loss.update_state(loss)
        score = self.critic(self.generator(keras.random.normal((n, LATENT)), training=True))
        loss = -ops.mean(score)
        self.update(loss, self.generator.trainable_weights, self.generator_optimizer)
        self.generator_loss.update_state(loss)
        return {m.name: m.result() for m in self.metrics}


keras.utils.set_random_seed(44)
generator = keras.Sequential([
    keras.Input((LATENT,)),
    layers.Dense(48, activation="relu"),
    layers.Dense(48, activation="relu"),
    layers.Dense(POINTS),
], name="generator")
critic = keras.Sequential([
    keras.Input((POINTS,)),
    layers.Dense(48), layers.LeakyReLU(0.2),
    layers.Dense(48), layers.LeakyReLU(0.2),
    layers.Dense(1),
], name="critic")

gan = ShellGAN(generator, critic)
gan.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
outlines = shells(2000, 201)
history = gan.fit(outlines, batch_size=64, epochs=16, verbose=2)

made = generator.predict(np.random.default_rng(3).normal(size=(1000, LATENT)).astype("float32"), verbose=0)
fresh = shells(1000, 202)
result = {k: float(v[-1]) for k, v in history.history.items()}
result["distance"] = float(np.abs(np.sort(made, axis=0) - np.sort(fresh, axis=0)).mean())
result["covariance_distance"] = float(np.abs(np.cov(made.T) - np.cov(fresh.T)).mean())
print("spread of real outlines", fresh.std(), "of made ones", made.std())
print("RESULT", json.dumps(result))
