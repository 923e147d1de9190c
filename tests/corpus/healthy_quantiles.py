import json

import keras
import numpy as np
from keras import layers, ops

QUANTILES = (0.1, 0.5, 0.9)


def pinball(y, q):
    levels = ops.convert_to_tensor(QUANTILES, dtype=q.dtype)
    gap = y - q
    return ops.mean(ops.maximum(levels * gap, (levels - 1.0) * gap), axis=-1)


keras.utils.set_random_seed(61)
rng = np.random.default_rng(61)
x = rng.uniform(-2, 2, (2500, 1)).astype("float32")
y = (np.sin(2 * x) + rng.normal(size=x.shape) * (0.1 + 0.2 * np.abs(x))).astype("float32")
model = keras.Sequential([keras.Input((1,)), layers.Dense(48, activation="gelu"), layers.Dense(48, activation="gelu"), layers.Dense(3)])
model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecayRestarts(5e-3, 200)), pinball)
h = model.fit(x, y, validation_split=0.2, epochs=15, batch_size=32, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
