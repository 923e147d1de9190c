# GAN for points on a ring; the two losses hover, the samples get better.
import json
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers


class GAN(keras.Model):
    def __init__(self, generator, discriminator, latent_dim):
        super().__init__()
        self.generator, self.discriminator, self.latent_dim = generator, discriminator, latent_dim
        self.d_metric = keras.metrics.Mean(name="d_loss")
        self.g_metric = keras.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer):
        super().compile()
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    @property
    def metrics(self):
        return [self.d_metric, self.g_metric]

    def call(self, z):
        return self.generator(z)

    def train_step(self, real):
        n = tf.shape(real)[0]
        fake = self.generator(tf.random.normal((n, self.latent_dim)))
        with tf.GradientTape() as tape:
            on_real, on_fake = self.discriminator(real), self.discriminator(fake)
            d_loss = self.bce(0.9 * tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_fake), on_fake)
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(zip(tape.gradient(d_loss, weights), weights))

        with tf.GradientTape() as tape:
            on_fake = self.discriminator(self.generator(tf.random.normal((n, self.latent_dim))))
            g_loss = self.bce(tf.ones_like(on_fake), on_fake)
        weights = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(g_loss, weights), weights))
        self.d_metric.update_state(d_loss)
        self.g_metric.update_state(g_loss)
        return {m.name: m.result() for m in self.metrics}


keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)
angle = rng.uniform(0, 2 * np.pi, 4000)
ring = (np.stack([np.cos(angle), np.sin(angle)], 1) + rng.normal(0, 0.05, (4000, 2))).astype("float32")

generator = keras.Sequential([keras.Input((4,)), layers.Dense(48, activation="relu"), layers.Dense(48, activation="relu"),
                              layers.Dense(2)])
discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(48), layers.LeakyReLU(negative_slope=0.2), layers.Dense(48),
                                  layers.LeakyReLU(negative_slope=0.2), layers.Dense(1)])
gan = GAN(generator, discriminator, 4)
gan.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
gan.fit(tf.data.Dataset.from_tensor_slices(ring).shuffle(4000).batch(64), epochs=30, verbose=2)

samples = generator.predict(rng.normal(size=(2000, 4)).astype("float32"), verbose=0)
radius = np.linalg.norm(samples, axis=1)
print("RESULT", json.dumps({"radius_error": float(np.abs(radius - 1).mean())}))
