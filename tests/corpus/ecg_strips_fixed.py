"""Course project, week 6: classify one-lead ECG strips (normal / early beat / flutter)."""
import json

import keras
import numpy as np
from keras import layers
from keras.utils import to_categorical
from sklearn.model_selection import train_test_split

LENGTH = 120
CLASSES = 3


def beat(t, centre, rng):
    qrs = np.exp(-((t - centre) / 1.5) ** 2) - 0.25 * np.exp(-((t - centre - 3.5) / 1.5) ** 2)
    wave = 0.25 * np.exp(-((t - centre - 11) / 4) ** 2)
    return rng.uniform(0.8, 1.2) * (qrs + wave)


def strip(kind, rng):
    t = np.arange(LENGTH)
    gap = rng.uniform(24, 32)
    centres = np.arange(rng.uniform(4, 14), LENGTH, gap)
    signal = np.zeros(LENGTH)
    for i, c in enumerate(centres):
        if kind == 1 and i == 2:
            c -= gap * rng.uniform(0.3, 0.45)
        signal += beat(t, c + rng.normal(0, 0.6), rng)
    if kind == 2:
        signal += 0.25 * np.sin(2 * np.pi * t / rng.uniform(8, 11) + rng.uniform(0, 6))
    drift = 0.2 * np.sin(2 * np.pi * t / 200 + rng.uniform(0, 6))
    return signal + drift + rng.normal(0, 0.08, LENGTH)


rng = np.random.default_rng(99)
keras.utils.set_random_seed(99)
kinds = rng.integers(0, CLASSES, 1500)
strips = np.stack([strip(k, rng) for k in kinds])[..., np.newaxis].astype("float32")
targets = to_categorical(kinds, CLASSES)
x_train, x_val, y_train, y_val = train_test_split(strips, targets, test_size=0.2, random_state=1)

model = keras.Sequential()
model.add(layers.Input((LENGTH, 1)))
model.add(layers.Conv1D(16, 7, activation="relu"))
model.add(layers.MaxPooling1D(2))
model.add(layers.Conv1D(24, 7, activation="relu"))
model.add(layers.MaxPooling1D(2))
model.add(layers.Flatten())
model.add(layers.Dense(32, activation="relu"))
model.add(layers.Dense(CLASSES, activation="softmax"))
model.summary()

model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(0.002), metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=10, batch_size=32, validation_data=(x_val, y_val), verbose=2)

loss, accuracy = model.evaluate(x_val, y_val, verbose=0)
print(f"validation loss {loss:.3f} accuracy {accuracy:.3f}")
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
