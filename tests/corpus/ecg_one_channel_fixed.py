import json
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(47)


def beats(n, rng, length=60):
    """Normal, early and doubled beats as a single lead."""
    t = np.linspace(0, 1, length)
    y = rng.integers(0, 3, n)
    x = np.zeros((n, length))
    for i, c in enumerate(y):
        centre = rng.uniform(0.45, 0.55) - (0.2 if c == 1 else 0)
        x[i] = np.exp(-((t - centre) / 0.03) ** 2) - 0.3 * np.exp(-((t - centre - 0.07) / 0.03) ** 2)
        if c == 2:
            x[i] += np.exp(-((t - centre - 0.25) / 0.03) ** 2)
        x[i] += 0.1 * rng.normal(size=length) + rng.normal(0, 0.1)
    return (x * rng.uniform(0.8, 1.2, (n, 1))).astype("float32")[..., np.newaxis], y


rng = np.random.default_rng(5)
x_train, y_train = beats(1500, rng)
x_val, y_val = beats(500, rng)

inputs = keras.Input(shape=(60, 1), name="lead")
x = layers.BatchNormalization()(inputs)
x = layers.Conv1D(16, 7, strides=2, padding="same", activation="relu")(x)
x = layers.Conv1D(32, 5, strides=2, padding="same", activation="relu")(x)
x = layers.Flatten()(x)
x = layers.Dense(32, activation="relu")(x)
outputs = layers.Dense(3, activation="softmax", name="beat")(x)

model = keras.Model(inputs, outputs)
model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=15, batch_size=32, verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
