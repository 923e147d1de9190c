import json

import keras
import numpy as np
from keras import layers, ops


def sentences(n, seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 30, n)
    tokens = np.zeros((n, 60), "int32")
    answer = np.zeros(n, "float32")
    for i, length in enumerate(lengths):
        tokens[i, :length] = rng.integers(1, 20, length)
        answer[i] = np.mean(tokens[i, :length] > 10)
    return tokens, answer


class Mean(layers.Layer):
    def call(self, inputs, mask=None):
        kept = ops.cast(mask, inputs.dtype)[..., None]
        return ops.sum(inputs * kept, axis=1) / ops.sum(kept, axis=1)


keras.utils.set_random_seed(14)
tokens, share = sentences(2000, 0)
val_tokens, val_share = sentences(400, 1)
words = keras.Input((60,), dtype="int32")
h = layers.Embedding(20, 4, mask_zero=True)(words)
h = Mean()(h)
out = layers.Dense(1)(h)
model = keras.Model(words, out)
model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
history = model.fit(tokens, share, batch_size=64, epochs=12, validation_data=(val_tokens, val_share), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
