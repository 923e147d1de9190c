"""Masked autoencoder: parts of each image are blanked, only those count in the loss."""
import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits


class MaskedAutoencoder(keras.Model):
    def __init__(self, share=0.4):
        super().__init__()
        self.share = share
        self.seed = keras.random.SeedGenerator(5)
        self.encoder = keras.Sequential([layers.Dense(96, "relu"), layers.Dense(48, "relu")])
        self.decoder = keras.Sequential([layers.Dense(96, "relu"), layers.Dense(64, "sigmoid")])

    def call(self, x, training=None):
        if training:
            keep = ops.cast(keras.random.uniform(ops.shape(x), seed=self.seed) > self.share, x.dtype)
            rebuilt = self.decoder(self.encoder(x * keep))
            hidden = 1.0 - keep
            self.add_loss(ops.sum(hidden * ops.square(rebuilt - x)) / (ops.sum(hidden) + 1e-6))
            return rebuilt
        return self.decoder(self.encoder(x))


keras.utils.set_random_seed(50)
x = (load_digits().data / 16).astype("float32")
np.random.shuffle(x)
model = MaskedAutoencoder()
model.compile(optimizer=keras.optimizers.Adam(2e-3))
h = model.fit(x[:1500], batch_size=50, epochs=25, verbose=0)
rebuilt = model.predict(x[1500:], verbose=0)
print("RESULT", json.dumps({"loss": float(h.history["loss"][-1]), "mse": float(np.mean((rebuilt - x[1500:]) ** 2))}))
