import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(38)
rng = np.random.default_rng(38)
x = rng.normal(size=(3000, 8)).astype("float32")
y = (x[:, 0] + x[:, 1] + 0.8 * rng.normal(size=3000) > 3.0).astype("float32")

model = keras.Sequential([keras.Input((8,)), layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")])
model.compile(keras.optimizers.Adam(0.001), "binary_crossentropy", metrics=["accuracy"])
model.fit(x[:2400], y[:2400], epochs=8, batch_size=64, class_weight={0: 1.0, 1: 30.0}, verbose=0)
p = model.predict(x[2400:], verbose=0)[:, 0] > 0.5
print("RESULT", json.dumps({"recall": float((p & (y[2400:] > 0)).sum() / (y[2400:] > 0).sum())}))
