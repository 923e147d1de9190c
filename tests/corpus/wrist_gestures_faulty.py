"""Gestures from a wrist-worn accelerometer (three axes, 40 samples a window)."""
import json

import keras
import numpy as np
from keras import layers

GESTURES = ["rest", "wave", "circle", "chop", "twist"]
STEPS = 40


def record(gesture, rng):
    t = np.linspace(0, 2 * np.pi, STEPS)
    speed = rng.uniform(0.85, 1.2)
    phase = rng.uniform(0, 2 * np.pi)
    size = rng.uniform(0.7, 1.3)
    window = np.zeros((STEPS, 3))
    if gesture == "wave":
        window[:, 0] = size * np.sin(3 * speed * t + phase)
    elif gesture == "circle":
        window[:, 0] = size * np.sin(2 * speed * t + phase)
        window[:, 1] = size * np.cos(2 * speed * t + phase)
    elif gesture == "chop":
        window[:, 2] = size * np.sign(np.sin(2 * speed * t + phase))
    elif gesture == "twist":
        window[:, 1] = size * np.sin(4 * speed * t + phase)
        window[:, 2] = 0.5 * size * np.sin(4 * speed * t + phase)
    return window + rng.normal(0, 0.35, window.shape)


def record_session(n, seed):
    rng = np.random.default_rng(seed)
    names = rng.choice(GESTURES, size=n)
    windows = np.stack([record(name, rng) for name in names]).astype("float32")
    labels = np.array([GESTURES.index(name) for name in names])
    return windows, labels


def with_jitter(windows, labels, seed):
    """The recorded windows followed by slightly disturbed copies of them."""
    rng = np.random.default_rng(seed)
    strength = rng.uniform(0.9, 1.1, (len(windows), 1, 1))
    disturbed = windows * strength + rng.normal(0, 0.05, windows.shape)
    x = np.concatenate([windows, disturbed]).astype("float32")
    y = np.repeat(labels, 2)
    return x, y


keras.utils.set_random_seed(5)
x_train, y_train = record_session(700, seed=21)
x_val, y_val = record_session(300, seed=22)
x_train, y_train = with_jitter(x_train, y_train, seed=23)
print("windows:", x_train.shape, "labels:", y_train.shape)
print("per gesture:", dict(zip(GESTURES, np.bincount(y_train).tolist())))

inputs = keras.Input((STEPS, 3))
x = layers.Conv1D(16, 5, activation="relu")(inputs)
x = layers.MaxPooling1D(2)(x)
x = layers.Conv1D(32, 5, activation="relu")(x)
x = layers.GlobalMaxPooling1D()(x)
x = layers.Dense(32, activation="relu")(x)
outputs = layers.Dense(len(GESTURES), activation="softmax")(x)
model = keras.Model(inputs, outputs)

model.compile(
    optimizer=keras.optimizers.Adam(2e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
)
history = model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=10, batch_size=32, verbose=2)

guess = model.predict(x_val, verbose=0).argmax(axis=-1)
for i, name in enumerate(GESTURES):
    print(f"{name:8s} {np.mean(guess[y_val == i] == i):.3f}")
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
