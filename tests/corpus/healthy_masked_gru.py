import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)
n, length = 1200, 12
words = np.zeros((n, length), "int32")
y = np.zeros(n, "int32")
for i in range(n):
    k = rng.integers(3, length)
    words[i, :k] = rng.integers(1, 40, k)
    y[i] = int((words[i, :k] < 8).sum() > 0)

model = keras.Sequential([
    keras.Input((length,), dtype="int32"),
    layers.Embedding(60, 8, mask_zero=True),
    layers.GRU(16),
    layers.Dense(1, activation="sigmoid"),
])
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
history = model.fit(words, y, epochs=8, batch_size=32, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
