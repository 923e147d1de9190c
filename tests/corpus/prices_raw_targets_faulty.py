import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(12)
rng = np.random.default_rng(12)
x = rng.normal(size=(900, 5)).astype("float32")
price = 240000 + 60000 * x[:, 0] + 35000 * x[:, 1] * x[:, 2] - 20000 * np.abs(x[:, 3])
y = price.astype("float32")

model = keras.Sequential([
    keras.Input((5,)),
    layers.Dense(32, activation="relu"),
    layers.Dense(32, activation="relu"),
    layers.Dense(1),
])
model.compile(optimizer="adam", loss="mse")
model.fit(x[:700], y[:700], epochs=25, batch_size=32, verbose=0)
guess = model.predict(x[700:], verbose=0)[:, 0]
r2 = 1 - ((y[700:] - guess) ** 2).sum() / ((y[700:] - y[700:].mean()) ** 2).sum()
print("RESULT", json.dumps({"r2": float(max(r2, -1.0))}))
