import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(32)
rng = np.random.default_rng(32)
x = rng.normal(size=(1200, 6)).astype("float32")
y = (4 + x @ np.array([1.0, -2.0, 0.5, 0.0, 1.5, -1.0])).astype("float32")

model = keras.Sequential([
    keras.Input((6,)),
    layers.Dense(32, activation="relu"),
    layers.Dense(1),
])
model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
history = model.fit(x, y, epochs=15, batch_size=32, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
