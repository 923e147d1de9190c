import json
import math

import keras
import numpy as np
from sklearn.datasets import load_digits


class DigitSequence(keras.utils.PyDataset):
    """Batches of digit images with random shifts, reshuffled after every epoch."""

    def __init__(self, images, labels, batch_size=32, augment=False, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.images = images.copy()
        self.labels = labels.copy()
        self.batch_size = batch_size
        self.augment = augment
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return math.ceil(len(self.images) / self.batch_size)

    def __getitem__(self, index):
        low = index * self.batch_size
        high = min(low + self.batch_size, len(self.images))
        x = self.images[low:high]
        if self.augment:
            x = np.stack([np.roll(im, self.rng.integers(-1, 2), axis=1) for im in x])
        return x, self.labels[low:high]

    def on_epoch_end(self):
        if not self.augment:
            return
        order = self.rng.permutation(len(self.images))
        self.images = self.images[order]


def cnn():
    return keras.Sequential([
        keras.layers.Input((8, 8, 1)),
        keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ])


def main():
    keras.utils.set_random_seed(21)
    bunch = load_digits()
    x = (bunch.images / 16.0).astype("float32")[..., None]
    y = bunch.target.astype("int32")
    perm = np.random.default_rng(4).permutation(len(x))
    x, y = x[perm], y[perm]
    train = DigitSequence(x[:1400], y[:1400], augment=True)
    valid = DigitSequence(x[1400:], y[1400:], batch_size=64)

    model = cnn()
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    hist = model.fit(train, validation_data=valid, epochs=12, verbose=2)
    print("RESULT", json.dumps({k: float(v[-1]) for k, v in hist.history.items()}))


main()
