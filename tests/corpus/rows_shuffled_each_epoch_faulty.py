import json
import math

import keras
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


class WineBatches(keras.utils.PyDataset):
    """Serves batches in a new order each epoch."""

    def __init__(self, features, targets, size=16, **kw):
        super().__init__(**kw)
        self.features, self.targets, self.size = features.copy(), targets.copy(), size
        self.rng = np.random.default_rng(3)
        self.on_epoch_end()

    def __len__(self):
        return math.ceil(len(self.features) / self.size)

    def __getitem__(self, i):
        rows = slice(i * self.size, (i + 1) * self.size)
        return self.features[rows], self.targets[rows]

    def on_epoch_end(self):
        self.rng.shuffle(self.features)


keras.utils.set_random_seed(17)
table = load_wine()
a, b, ya, yb = train_test_split(table.data, table.target, test_size=0.3, random_state=0, stratify=table.target)
scaler = StandardScaler().fit(a)
a, b = scaler.transform(a).astype("float32"), scaler.transform(b).astype("float32")
clf = keras.Sequential([keras.Input((13,)), keras.layers.Dense(24, activation="relu"), keras.layers.Dense(3, activation="softmax")])
clf.compile(optimizer=keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
run = clf.fit(WineBatches(a, ya), validation_data=(b, yb), epochs=30, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in run.history.items()}))
