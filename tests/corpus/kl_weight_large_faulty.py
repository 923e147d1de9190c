import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits


class Sample(layers.Layer):
    def __init__(self, weight, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight
        self.seeds = keras.random.SeedGenerator(5)

    def call(self, moments):
        mean, log_var = moments
        kl = -0.5 * ops.mean(ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1))
        self.add_loss(self.weight * kl)
        return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean), seed=self.seeds)


HYPER = {"latent": 4, "kl_weight": 20.0}
keras.utils.set_random_seed(10)
x = (load_digits().data / 16).astype("float32")
inputs = keras.Input((64,))
h = layers.Dense(48, activation="relu")(inputs)
z = Sample(HYPER["kl_weight"])([layers.Dense(HYPER["latent"])(h), layers.Dense(HYPER["latent"])(h)])
outputs = layers.Dense(64, activation="sigmoid")(layers.Dense(48, activation="relu")(z))
model = keras.Model(inputs, outputs)
model.compile(keras.optimizers.Adam(0.003), "mse")
model.fit(x[:1400], x[:1400], epochs=12, batch_size=32, verbose=0)
rebuilt = model.predict(x[1400:], verbose=0)
print("RESULT", json.dumps({"error": float(np.mean((rebuilt - x[1400:]) ** 2))}))
