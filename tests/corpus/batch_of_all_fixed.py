import json

import keras
import numpy as np
from keras import layers, ops
from dataclasses import dataclass

from sklearn.datasets import make_moons


@dataclass
class Options:
    hidden: int = 24
    rate: float = 0.001
    batch: int = 16
    passes: int = 15


options = Options()
keras.utils.set_random_seed(50)
points, sides = make_moons(2500, noise=0.12, random_state=50)
points = points.astype("float32")
model = keras.Sequential([keras.Input((2,)), layers.Dense(options.hidden, "relu"), layers.Dense(options.hidden, "relu"), layers.Dense(1, "sigmoid")])
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(options.rate), metrics=["accuracy"])
result = model.fit(points[:2000], sides[:2000], batch_size=options.batch, epochs=options.passes, validation_data=(points[2000:], sides[2000:]), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in result.history.items()}))
