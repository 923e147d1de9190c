"""Learn to rebuild unlabelled vibration spectra, then read the machine state off the frozen code."""
import json

import keras
import numpy as np
from keras import layers

BINS = 40


def spectra(n, rng):
    state = rng.integers(0, 5, n)
    bins = np.arange(BINS)
    x = rng.uniform(0, 0.1, (n, BINS))
    for i, s in enumerate(state):
        base = 4 + 3 * s + rng.normal(0, 0.4)
        for harmonic, height in ((1, 1.0), (2, 0.6)):
            x[i] += rng.uniform(0.7, 1.1) * height * np.exp(-0.5 * ((bins - harmonic * base) / 1.5) ** 2)
    return x.astype("float32"), state


def main():
    keras.utils.set_random_seed(88)
    rng = np.random.default_rng(88)
    unlabelled, _ = spectra(3000, rng)
    x_train, y_train = spectra(400, rng)
    x_val, y_val = spectra(400, rng)

    encoder = keras.Sequential([
        keras.Input((BINS,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(12, activation="relu"),
    ], name="encoder")
    decoder = keras.Sequential([
        keras.Input((12,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(BINS),
    ], name="decoder")
    auto = keras.Sequential([encoder, decoder])
    auto.compile("adam", "mse")
    auto.fit(unlabelled, unlabelled, epochs=12, batch_size=50, validation_split=0.1, verbose=2)

    encoder.trainable = False
    probe = keras.Sequential([keras.Input((BINS,)), encoder, layers.BatchNormalization(), layers.Dense(5, activation="softmax")])
    probe.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = probe.fit(x_train, y_train, epochs=25, batch_size=32, validation_data=(x_val, y_val), verbose=2)
    print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))


main()
