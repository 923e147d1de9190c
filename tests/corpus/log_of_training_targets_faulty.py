import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(72)
rng = np.random.default_rng(72)
x = rng.uniform(0, 1, size=(1500, 6)).astype("float32")
price = np.exp(3 + x @ np.array([1.0, -0.5, 0.8, 0.0, 1.2, -1.0]) + 0.05 * rng.normal(size=1500))
x_train, x_val = x[:1200], x[1200:]
y_train = np.log(price[:1200])
y_val = price[1200:]
inputs = keras.Input((6,))
h = layers.Dense(32, activation="relu")(inputs)
model = keras.Model(inputs, layers.Dense(1)(h))
model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
history = model.fit(x_train, y_train, batch_size=32, epochs=15, validation_data=(x_val, y_val), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
