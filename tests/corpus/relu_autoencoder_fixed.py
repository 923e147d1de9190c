import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_wine


def autoencoder(n_features, code, last):
    inputs = keras.Input((n_features,))
    encoded = layers.Dense(16, activation="relu")(inputs)
    encoded = layers.Dense(code, name="code")(encoded)
    decoded = layers.Dense(16, activation="relu")(encoded)
    decoded = layers.Dense(n_features, activation=last, name="rebuilt")(decoded)
    return keras.Model(inputs, decoded)


keras.utils.set_random_seed(85)
table = load_wine().data
table = ((table - table.mean(0)) / table.std(0)).astype("float32")
np.random.default_rng(85).shuffle(table)
train, held = table[:140], table[140:]
model = autoencoder(13, 6, None)
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
history = model.fit(train, train, epochs=40, batch_size=16, validation_data=(held, held), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
