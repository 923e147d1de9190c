import json
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.datasets import load_digits


class Denoiser(keras.Model):
    def __init__(self, encoder, decoder, noise=0.3):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.noise = noise
        self.loss_tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.loss_tracker]

    def call(self, x):
        return self.decoder(self.encoder(x))

    def train_step(self, x):
        noisy = x + self.noise * tf.random.normal(tf.shape(x))
        with tf.GradientTape() as tape:
            rebuilt = self.decoder(self.encoder(noisy, training=True), training=True)
            loss = tf.reduce_mean(tf.square(x - rebuilt))
        variables = self.encoder.trainable_variables + self.decoder.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


keras.utils.set_random_seed(20)
pixels = (load_digits().data / 16.0).astype("float32")
pixels = pixels[np.random.default_rng(20).permutation(len(pixels))]
train, test = pixels[:1500], pixels[1500:]

encoder = keras.Sequential([keras.Input((64,)), layers.Dense(48, activation="relu"), layers.Dense(8, activation="tanh")])
decoder = keras.Sequential([keras.Input((8,)), layers.Dense(48, activation="relu"), layers.Dense(64, activation="sigmoid")])

model = Denoiser(encoder, decoder)
model.compile(optimizer=keras.optimizers.Adam(2e-3))
dataset = tf.data.Dataset.from_tensor_slices(train).shuffle(1500).batch(32)
model.fit(dataset, epochs=40, verbose=2)

noisy = test + np.random.default_rng(0).normal(0, 0.3, test.shape).astype("float32")
print("RESULT", json.dumps({"test_mse": float(np.mean((model.predict(noisy, verbose=0) - test) ** 2))}))
