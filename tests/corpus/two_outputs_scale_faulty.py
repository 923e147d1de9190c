import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(48)
rng = np.random.default_rng(48)
x = rng.normal(size=(1200, 6)).astype("float32")
amount = (500 * x[:, 0] + 300 * x[:, 1]).astype("float32")
flag = (np.sin(2 * x[:, 2]) * x[:, 3] > 0).astype("float32")

inputs = keras.Input((6,))
h = layers.Dense(32, activation="relu")(inputs)
h = layers.Dense(16, activation="relu")(h)
model = keras.Model(inputs, {"amount": layers.Dense(1, name="amount")(h), "flag": layers.Dense(1, activation="sigmoid", name="flag")(h)})
model.compile(
    keras.optimizers.Adam(0.005),
    loss={"amount": "mse", "flag": "binary_crossentropy"},
    metrics={"flag": ["accuracy"]},
)
history = model.fit(x, {"amount": amount, "flag": flag}, epochs=25, batch_size=32, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
