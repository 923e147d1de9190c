"""Crops and flips drawn anew each time, averaged weights, accumulated gradients."""
import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


class Crops(keras.utils.PyDataset):
    def __init__(self, images, labels, **kw):
        super().__init__(**kw)
        self.images = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
        self.labels, self.rng = labels, np.random.default_rng(0)

    def __len__(self):
        return 40

    def __getitem__(self, step):
        rows = self.rng.integers(0, len(self.labels), 32)
        r, c = self.rng.integers(0, 3, 2)
        return self.images[rows, r : r + 8, c : c + 8], self.labels[rows]


keras.utils.set_random_seed(91)
d = load_digits()
pics = ((d.images - 4.9) / 6.0).astype("float32")[..., None]
net = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(24, 3, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU(),
                        layers.Conv2D(32, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU(), layers.Flatten(), layers.Dense(10)])
net.compile(keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, use_ema=True, ema_momentum=0.95, gradient_accumulation_steps=2),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
h = net.fit(Crops(pics[:1400], d.target[:1400]), validation_data=(pics[1400:], d.target[1400:]), epochs=10, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
