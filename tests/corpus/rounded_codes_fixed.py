import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits


class BinaryCode(layers.Layer):
    """Sigmoid activations rounded to bits (for hashing)."""

    def call(self, inputs):
        probs = ops.sigmoid(inputs)
        bits = ops.round(probs)
        return probs + ops.stop_gradient(bits - probs)


class HashingAutoencoder:
    def __init__(self, n_bits=16, n_features=64):
        inputs = keras.Input((n_features,))
        h = layers.Dense(64, activation="relu")(inputs)
        code = BinaryCode(name="code")(layers.Dense(n_bits, name="pre_code")(h))
        h = layers.Dense(64, activation="relu")(code)
        outputs = layers.Dense(n_features, activation="sigmoid")(h)
        self.model = keras.Model(inputs, outputs)
        self.encoder = keras.Model(inputs, code)

    def fit(self, x, x_val, epochs):
        self.model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="binary_crossentropy", metrics=["mse"])
        return self.model.fit(x, x, validation_data=(x_val, x_val), epochs=epochs, batch_size=32, verbose=2)


keras.utils.set_random_seed(12)
data = load_digits().data.astype("float32") / 16.0
data = data[np.random.default_rng(3).permutation(len(data))]
auto = HashingAutoencoder()
history = auto.fit(data[:1400], data[1400:], epochs=30)
codes = auto.encoder.predict(data[1400:], verbose=0)
print("distinct codes", len(np.unique(codes, axis=0)))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
