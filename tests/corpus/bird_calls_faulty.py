"""Which bird is calling? Short synthetic spectrograms, one folder per species."""
import json

import keras
import numpy as np
from keras import layers

SPECIES = ["wren", "robin", "blackbird", "finch", "tit"]
PITCH = {"wren": 14, "robin": 11, "blackbird": 5, "finch": 9, "tit": 12}
SWEEP = {"wren": -0.25, "robin": 0.2, "blackbird": 0.1, "finch": -0.3, "tit": 0.0}
PULSES = {"wren": 5, "robin": 3, "blackbird": 1, "finch": 4, "tit": 2}
FRAMES, BANDS = 24, 20


def spectrogram(species, rng):
    image = rng.gamma(1.2, 0.12, (FRAMES, BANDS))
    frames = np.arange(FRAMES)
    centre = PITCH[species] + rng.normal(0, 1.0) + SWEEP[species] * (frames - FRAMES / 2)
    gate = 0.5 + 0.5 * np.cos(2 * np.pi * PULSES[species] * frames / FRAMES + rng.uniform(0, 6))
    bands = np.arange(BANDS)
    for i in frames:
        image[i] += rng.uniform(0.6, 1.2) * gate[i] * np.exp(-((bands - centre[i]) ** 2) / 3.0)
    return image


def read_folder(species, count, rng):
    return [spectrogram(species, rng) for _ in range(count)]


def load_recordings(per_species=200, seed=31):
    rng = np.random.default_rng(seed)
    clips, labels = [], []
    for number, species in enumerate(SPECIES):
        for clip in read_folder(species, per_species, rng):
            clips.append(clip)
            labels.append(number)
    return np.array(clips, dtype="float32")[..., None], np.array(labels)


def make_model():
    model = keras.Sequential(name="calls")
    model.add(keras.Input((FRAMES, BANDS, 1)))
    model.add(layers.Conv2D(12, 3, activation="relu"))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Conv2D(24, 3, activation="relu"))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(len(SPECIES), activation="softmax"))
    return model


keras.utils.set_random_seed(3)
clips, labels = load_recordings()
clips = (clips - clips.mean()) / clips.std()
print("clips", clips.shape, "labels", np.bincount(labels))

model = make_model()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(clips, labels, epochs=8, batch_size=32, validation_split=0.2, verbose=2)

best = int(np.argmax(history.history["val_accuracy"]))
print("best epoch", best + 1, "validation accuracy", history.history["val_accuracy"][best])
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
