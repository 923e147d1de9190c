"""From which region is a street name? Characters, bidirectional LSTM with masking, batches from a PyDataset."""
import json
import math

import keras
import numpy as np
from keras import layers

ENDS = {"north": ["gade", "vej", "stien", "torv", "vangen"],
        "west": ["straat", "laan", "gracht", "dijk", "plein"],
        "south": ["gasse", "strasse", "weg", "platz", "ring"]}
STARTS = ("mar ler wil ros ben kas tor hel fri lin bur dam hol ket sol ber wal ost neu alt".split())
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def street(region, rng):
    start = "".join(rng.choice(STARTS, rng.integers(1, 4)))
    name = start + rng.choice(ENDS[region])
    if rng.uniform() < 0.3:
        k = rng.integers(0, len(name))
        name = name[:k] + rng.choice(list(LETTERS)) + name[k + 1:]
    return name


class Streets(keras.utils.PyDataset):
    def __init__(self, n, seed, batch_size=32, shuffle=True, **kwargs):
        super().__init__(**kwargs)
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 3, n)
        regions = list(ENDS)
        self.names = [street(regions[k], rng) for k in self.labels]
        self.batch_size, self.shuffle = batch_size, shuffle
        self.order = np.arange(n)
        self.rng = np.random.default_rng(seed + 1)

    def __len__(self):
        return math.ceil(len(self.names) / self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size:(index + 1) * self.batch_size]
        codes = np.zeros((len(rows), 18), dtype="int32")
        for i, row in enumerate(rows):
            text = self.names[row][-18:]
            codes[i, :len(text)] = [LETTERS.index(c) + 1 for c in text]
        return codes, self.labels[rows]

    def on_epoch_end(self):
        if self.shuffle:
            self.rng.shuffle(self.order)


keras.utils.set_random_seed(6)
train, valid = Streets(1200, 60), Streets(300, 70, shuffle=False)
print(train.names[:5], train.labels[:5])

model = keras.Sequential([
    keras.Input((18,), dtype="int32"),
    layers.Embedding(len(LETTERS) + 1, 12, mask_zero=True),
    layers.Bidirectional(layers.LSTM(12)),
    layers.Dense(3, activation="softmax"),
])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(train, validation_data=valid, epochs=4, verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
