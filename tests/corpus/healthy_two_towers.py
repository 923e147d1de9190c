"""Users and items as vectors; negatives drawn anew each epoch."""
import json

import keras
import numpy as np
from keras import layers


class Pairs(keras.utils.PyDataset):
    def __init__(self, users, items, count, **kw):
        super().__init__(**kw)
        self.users, self.items, self.count = users, items, count
        self.rng = np.random.default_rng(1)
        self.on_epoch_end()

    def __len__(self):
        return len(self.users) // 64

    def __getitem__(self, i):
        rows = self.order[i * 64 : (i + 1) * 64]
        users = np.concatenate([self.users[rows]] * 2)
        items = np.concatenate([self.items[rows], self.drawn[rows]])
        return (users, items), np.repeat([1.0, 0.0], len(rows)).astype("float32")

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.users))
        self.drawn = self.rng.integers(0, self.count, len(self.users))


keras.utils.set_random_seed(35)
rng = np.random.default_rng(35)
taste_u, taste_i = rng.integers(0, 6, 300), rng.integers(0, 6, 120)
users = rng.integers(0, 300, 4000)
items = np.array([rng.choice(np.flatnonzero(taste_i == taste_u[u])) for u in users])
u, i = keras.Input((), dtype="int32"), keras.Input((), dtype="int32")
dot = layers.Dot(-1)([layers.Embedding(300, 8)(u), layers.Embedding(120, 8)(i)])
model = keras.Model([u, i], layers.Activation("sigmoid")(dot))
model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["AUC"])
h = model.fit(Pairs(users, items, 120), epochs=12, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
