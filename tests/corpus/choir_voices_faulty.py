"""Sort one-second notes into soprano / alto / tenor / bass from their mel-like band energies."""
import json

import keras
import numpy as np
from keras import layers, regularizers

VOICES = {"soprano": (520, 1000), "alto": (350, 660), "tenor": (240, 460), "bass": (150, 300)}
FORMANTS = {"soprano": 3300, "alto": 2900, "tenor": 2700, "bass": 2350}
EDGES = np.geomspace(100, 5000, 41)


def note(voice, rng):
    low, high = VOICES[voice]
    pitch = np.exp(rng.uniform(np.log(low), np.log(high)))
    partials = pitch * np.arange(1, 31)
    power = np.arange(1, 31) ** -rng.uniform(1.2, 1.8)
    power += 0.25 * np.exp(-((partials - FORMANTS[voice] * rng.normal(1, 0.04)) / 350) ** 2)
    bands, _ = np.histogram(partials * rng.normal(1, 0.002, 30), bins=EDGES, weights=power)
    return np.log(bands + 0.02 * rng.exponential(1.0, 40))


def record(n, seed):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 4, n)
    bands = np.stack([note(list(VOICES)[k], rng) for k in label])
    return bands, label


def build(width=64, penalty=0.5):
    decay = regularizers.l2(penalty)
    inputs = keras.Input((40,), name="bands")
    x = layers.Dense(width, activation="relu", kernel_regularizer=decay)(inputs)
    x = layers.Dense(width // 2, activation="relu", kernel_regularizer=decay)(x)
    outputs = layers.Dense(4, activation="softmax", name="voice")(x)
    return keras.Model(inputs, outputs)


def main():
    keras.utils.set_random_seed(12)
    x_train, y_train = record(4000, 1)
    x_val, y_val = record(500, 2)
    mean, std = x_train.mean(axis=0), x_train.std(axis=0)
    x_train, x_val = (x_train - mean) / std, (x_val - mean) / std

    model = build()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=8, batch_size=64, verbose=2)

    guess = model.predict(x_val, verbose=0).argmax(axis=-1)
    for k, name in enumerate(VOICES):
        print(f"{name:8s} found {np.mean(guess[y_val == k] == k):.2f}")
    print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))


if __name__ == "__main__":
    main()
