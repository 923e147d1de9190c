import json

import keras
from keras import layers, ops
from sklearn.datasets import load_digits


class Sample(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator(67)

    def call(self, mean, log_var):
        kl = -0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var))
        self.add_loss(0.002 * ops.mean(ops.sum(kl, axis=-1)))
        return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean), seed=self.seed)


keras.utils.set_random_seed(67)
x = (load_digits().data / 16).astype("float32")
inputs = keras.Input((64,))
h = layers.Dense(48, activation="relu")(inputs)
z = Sample()(layers.Dense(6)(h), layers.Dense(6)(h))
h = layers.Dense(48, activation="relu")(z)
model = keras.Model(inputs, layers.Dense(64, activation="sigmoid")(h))
model.compile(keras.optimizers.Adam(0.003), "mse", metrics=["mse"])
history = model.fit(x, x, batch_size=64, epochs=25, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
