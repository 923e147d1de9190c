import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(23)
rng = np.random.default_rng(23)
x = rng.uniform(-1, 1, (1200, 3)).astype("float32")
y = (2 + 3 * x[:, 0] - 2 * x[:, 1] * x[:, 2]).astype("float32")

model = keras.Sequential([
    keras.Input((3,)),
    layers.Dense(32, activation="relu"),
    layers.Dense(32, activation="relu"),
    layers.Dense(1),
])
model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse", metrics=["mae"])
history = model.fit(x, y, epochs=15, batch_size=32, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
