import json

import keras
import numpy as np
from keras import layers, ops


def make(n, seed):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.08).astype("float32")
    x = rng.normal(size=(n, 8)) + y[:, None] * np.array([1.2, 1.0, 0, 0, 0, 0.8, 0, 0])
    return x.astype("float32"), y


keras.utils.set_random_seed(90)
x, y = make(2500, 0)
x_val, y_val = make(800, 1)
model = keras.Sequential([keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.Recall(name="recall")])
share = float(y.mean())
weights = {0: 1.0 - share, 1: share}
history = model.fit(x, y, epochs=8, batch_size=64, class_weight=weights, validation_data=(x_val, y_val), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
