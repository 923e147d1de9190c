"""Ripe, unripe or rotten?  Crops of apples from the robot's camera; the camera driver delivers BGR frames."""
import json

import keras
import numpy as np
from keras import layers

SIZE = 12
COLOURS = {"ripe": (205, 45, 40), "unripe": (95, 175, 60), "rotten": (115, 70, 40), "shadow": (40, 60, 200)}
NAMES = list(COLOURS)


def record(n, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(NAMES), n)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    frames = np.zeros((n, SIZE, SIZE, 3))
    for i, label in enumerate(labels):
        frames[i] = rng.normal((120, 130, 110), 25)
        cy, cx = rng.uniform(4, 8, 2)
        disc = (yy - cy) ** 2 + (xx - cx) ** 2 < rng.uniform(3, 4.5) ** 2
        colour = np.array(COLOURS[NAMES[label]]) * rng.uniform(0.7, 1.15) + rng.normal(0, 14, 3)
        frames[i][disc] = colour
    frames += rng.normal(0, 12, frames.shape)
    return np.clip(frames, 0, 255).astype("uint8")[..., ::-1], labels


def to_rgb(frames):
    return frames[..., ::-1]


def build_model():
    return keras.Sequential([
        keras.Input((SIZE, SIZE, 3)),
        layers.Conv2D(12, 3, activation="relu"),
        layers.Conv2D(16, 3, strides=2, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(16, activation="relu"),
        layers.Dense(len(NAMES), activation="softmax"),
    ])


def main():
    keras.utils.set_random_seed(90)
    frames, labels = record(1600, 91)
    x_train = to_rgb(frames).astype("float32") / 255
    y_train = keras.utils.to_categorical(labels, len(NAMES))

    frames, labels = record(400, 92)
    x_val = frames.astype("float32") / 255
    y_val = keras.utils.to_categorical(labels, len(NAMES))
    print("train", x_train.shape, x_train.min(), x_train.max(), " val", x_val.shape, x_val.min(), x_val.max())

    model = build_model()
    model.compile(optimizer=keras.optimizers.Adam(0.003), loss="categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, batch_size=32, epochs=6, validation_data=(x_val, y_val), verbose=2)

    guess = model.predict(x_val, verbose=0).argmax(axis=1)
    for k, name in enumerate(NAMES):
        print(f"{name:8s} found {np.mean(guess[labels == k] == k):.2f}")
    print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))


main()
