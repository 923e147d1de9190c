"""Star ratings of a book club: matrix factorisation with biases."""
import json

import keras
import numpy as np
from keras import ops
from keras.layers import Embedding

READERS, BOOKS = 120, 80


class BookClub(keras.Model):
    def __init__(self, size=4, mean=3.0):
        super().__init__()
        l2 = keras.regularizers.L2(2e-6)
        self.mean = mean
        self.reader = Embedding(READERS, size, embeddings_regularizer=l2)
        self.book = Embedding(BOOKS, size, embeddings_regularizer=l2)
        self.reader_bias = Embedding(READERS, 1, embeddings_initializer="zeros")
        self.book_bias = Embedding(BOOKS, 1, embeddings_initializer="zeros")

    def call(self, pairs):
        r, b = pairs[:, 0], pairs[:, 1]
        taste = ops.sum(self.reader(r) * self.book(b), axis=-1, keepdims=True)
        return self.mean + taste + self.reader_bias(r) + self.book_bias(b)


def ratings(seed=14, n=4500):
    rng = np.random.default_rng(seed)
    p, q = rng.normal(0, 0.7, (READERS, 3)), rng.normal(0, 0.7, (BOOKS, 3))
    strict, quality = rng.normal(0, 0.4, READERS), rng.normal(0, 0.6, BOOKS)
    cells = rng.choice(READERS * BOOKS, n, replace=False)
    r, b = cells // BOOKS, cells % BOOKS
    stars = 3.4 + (p[r] * q[b]).sum(axis=1) + strict[r] + quality[b] + rng.normal(0, 0.4, n)
    return np.stack([r, b], axis=1).astype("int32"), np.clip(np.round(stars), 1, 5).astype("float32")[:, None]


keras.utils.set_random_seed(14)
pairs, stars = ratings()
cut = 3800
model = BookClub(mean=float(stars[:cut].mean()))
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])
log = model.fit(pairs[:cut], stars[:cut], batch_size=64, epochs=10,
                validation_data=(pairs[cut:], stars[cut:]), verbose=2)

print("variance of the held-out stars:", stars[cut:].var())
print("RESULT", json.dumps({k: float(v[-1]) for k, v in log.history.items()}))
