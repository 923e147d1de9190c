import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(6)
rng = np.random.default_rng(6)
x = rng.normal(size=(2000, 3)).astype("float32")
y = (x[:, 0] - x[:, 1] + rng.normal(size=2000)).astype("float32")
model = keras.Sequential([keras.Input((3,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
history = model.fit(x, y, epochs=12, batch_size=32, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
