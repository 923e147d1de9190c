import json

import keras
import numpy as np
from keras import layers


def synth(count, length=512, rate=4000, seed=0):
    """Short 16-bit mono recordings of a rising, a falling, a steady and a trembling whistle."""
    rng = np.random.default_rng(seed)
    t = np.arange(length) / rate
    clips = np.empty((count, length), dtype=np.int16)
    kinds = rng.integers(0, 4, count)
    for i, kind in enumerate(kinds):
        f0 = rng.uniform(350, 700)
        if kind == 0:
            freq = f0 + 2500 * t
        elif kind == 1:
            freq = f0 + 320 - 2500 * t
        elif kind == 2:
            freq = np.full(length, f0 + 160)
        else:
            freq = f0 + 160 + 140 * np.sin(2 * np.pi * 40 * t)
        phase = 2 * np.pi * np.cumsum(freq) / rate + rng.uniform(0, 6.28)
        wave = rng.uniform(0.3, 0.8) * np.sin(phase) + rng.normal(0, 0.04, length)
        clips[i] = (np.clip(wave, -1, 1) * 32767).astype(np.int16)
    return clips, kinds


def to_batch(clips):
    signal = clips.astype("float32")
    return signal[..., np.newaxis]


def build():
    model = keras.Sequential(name="whistles")
    model.add(keras.Input(shape=(512, 1)))
    for filters in (16, 32, 32):
        model.add(layers.Conv1D(filters, 9, strides=2, padding="same", activation="relu"))
    model.add(layers.Conv1D(32, 5, padding="same", activation="relu"))
    model.add(layers.AveragePooling1D(8))
    model.add(layers.Flatten())
    model.add(layers.Dense(32, activation="relu"))
    model.add(layers.Dense(4, activation="softmax"))
    return model


def main():
    keras.utils.set_random_seed(23)
    train_clips, train_kinds = synth(1800, seed=1)
    val_clips, val_kinds = synth(400, seed=2)
    model = build()
    model.compile(optimizer=keras.optimizers.Adam(0.001), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        to_batch(train_clips), train_kinds,
        epochs=10, batch_size=32,
        validation_data=(to_batch(val_clips), val_kinds),
        verbose=2,
    )
    print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))


if __name__ == "__main__":
    main()
