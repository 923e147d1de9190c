import json

import keras
import numpy as np
from keras import ops
from sklearn.datasets import load_digits
from sklearn.preprocessing import minmax_scale


def triplet_loss(_, embeddings):
    anchor, positive, negative = embeddings[:, 0], embeddings[:, 1], embeddings[:, 2]
    d_pos = ops.sum(ops.square(anchor - positive), axis=-1)
    d_neg = ops.sum(ops.square(anchor - negative), axis=-1)
    return ops.mean(ops.maximum(d_neg - d_pos + 0.4, 0.0))


class Stack(keras.layers.Layer):
    def call(self, parts):
        return ops.stack(parts, axis=1)


def make_triplets(images, labels, count, seed):
    rng = np.random.default_rng(seed)
    groups = {c: np.flatnonzero(labels == c) for c in np.unique(labels)}
    first = rng.integers(0, len(labels), count)
    same = np.array([rng.choice(groups[labels[i]]) for i in first])
    other = np.array([rng.choice(np.flatnonzero(labels != labels[i])) for i in first])
    return images[first], images[same], images[other]


keras.utils.set_random_seed(5)
bunch = load_digits()
pixels = minmax_scale(bunch.data).astype("float32")
train_p, train_y, test_p, test_y = pixels[:1300], bunch.target[:1300], pixels[1300:], bunch.target[1300:]
tower = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(16), keras.layers.UnitNormalization()])
ins = [keras.Input((64,)) for _ in range(3)]
net = keras.Model(ins, Stack()([tower(i) for i in ins]))
net.compile(optimizer=keras.optimizers.Adam(1e-3), loss=triplet_loss)
triplets = make_triplets(train_p, train_y, 3000, 1)
net.fit(triplets, np.zeros(3000, "float32"), batch_size=64, epochs=8, verbose=0)
bank, query = tower.predict(train_p, verbose=0), tower.predict(test_p, verbose=0)
nearest = train_y[np.argmax(query @ bank.T, axis=1)]
print("RESULT", json.dumps({"recall_at_1": float(np.mean(nearest == test_y))}))
