import json

import keras
import numpy as np
from keras import layers, ops


def closeness(y_true, y_pred):
    score = ops.mean(ops.exp(-ops.square(y_true - y_pred)), axis=-1)
    return score


keras.utils.set_random_seed(42)
rng = np.random.default_rng(42)
x = rng.normal(size=(1000, 4)).astype("float32")
y = np.tanh(x[:, :1] - x[:, 1:2]).astype("float32")
model = keras.Sequential([keras.Input((4,)), layers.Dense(24, activation="relu"), layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.01), closeness, metrics=["mae"])
history = model.fit(x, y, epochs=12, batch_size=32, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
