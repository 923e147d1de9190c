import json

import keras
import numpy as np
from keras import layers, ops


class MeanOverWords(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x, mask=None):
        return ops.mean(x, axis=1)

    def compute_mask(self, x, mask=None):
        return None


keras.utils.set_random_seed(81)
rng = np.random.default_rng(81)
words = np.zeros((1500, 40), "int32")
share = np.zeros((1500, 1), "float32")
for row in range(1500):
    length = rng.integers(2, 40)
    words[row, :length] = rng.integers(1, 50, length)
    share[row] = (words[row, :length] < 20).mean()
model = keras.Sequential([keras.Input((40,), dtype="int32"), layers.Embedding(50, 8, mask_zero=True), MeanOverWords(), layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.01), "mse")
history = model.fit(words, share, batch_size=32, epochs=10, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
