"""Cap diameter class (small / medium / large) of mushrooms from grey scans.

The scans lie in a folder as scan_1.npy ... scan_N.npy, the classes in a table in the order of the scans.
"""
import json
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

CLASSES = ["small", "medium", "large"]
SIZE = 16


def draw_scan(kind, rng):
    yy, xx = np.mgrid[0:SIZE, 0:SIZE]
    cy, cx = rng.normal(SIZE / 2 - 0.5, 1.2, 2)
    radius = [3.0, 4.6, 6.2][kind] + rng.normal(0, 0.35)
    squeeze = rng.uniform(0.85, 1.15)
    cap = (((yy - cy) * squeeze) ** 2 + ((xx - cx) / squeeze) ** 2) < radius ** 2
    stem = (np.abs(xx - cx) < 1.2) & (yy > cy)
    scan = 0.2 + 0.45 * cap * rng.uniform(0.7, 1.2) + 0.15 * stem
    return np.clip(scan + rng.normal(0, 0.08, scan.shape), 0, 1).astype("float32")


def fill_folder(folder, n):
    rng = np.random.default_rng(77)
    kinds = rng.integers(0, 3, n)
    for number, kind in enumerate(kinds, start=1):
        np.save(folder / f"scan_{number}.npy", draw_scan(kind, rng))
    (folder / "classes.csv").write_text("\n".join(f"{i},{CLASSES[k]}" for i, k in enumerate(kinds, start=1)))


def load_folder(folder):
    files = sorted(folder.glob("scan_*.npy"))
    scans = np.stack([np.load(file) for file in files])
    rows = [line.split(",") for line in (folder / "classes.csv").read_text().splitlines()]
    kinds = np.array([CLASSES.index(name) for _, name in rows])
    return scans[..., np.newaxis], kinds


keras.utils.set_random_seed(8)
with tempfile.TemporaryDirectory() as name:
    fill_folder(Path(name), 1500)
    scans, kinds = load_folder(Path(name))
print(scans.shape, kinds.shape, np.bincount(kinds))

model = keras.Sequential([
    keras.Input((SIZE, SIZE, 1)),
    layers.Conv2D(8, 3, activation="relu", padding="same"),
    layers.MaxPooling2D(),
    layers.Conv2D(16, 3, activation="relu", padding="same"),
    layers.MaxPooling2D(),
    layers.Flatten(),
    layers.Dense(32, activation="relu"),
    layers.Dense(3, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(scans, kinds, validation_split=0.2, epochs=8, batch_size=32, verbose=2)

print("best validation accuracy:", max(history.history["val_accuracy"]))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
