import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(36)
rng = np.random.default_rng(36)
x = rng.normal(size=(700, 20)).astype("float32")
y = (x[:, 0] + 0.8 * rng.normal(size=700) > 0).astype("float32")

model = keras.Sequential([
    keras.Input((20,)),
    layers.Dense(200, activation="relu"),
    layers.Dense(1, activation="sigmoid"),
])
model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy"])
history = model.fit(x[:150], y[:150], epochs=60, batch_size=16, validation_data=(x[150:], y[150:]), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
