import json

import keras
import numpy as np
from keras import layers, ops
from dataclasses import dataclass, field

from sklearn.datasets import load_breast_cancer


@dataclass
class Training:
    rate: float = 1.0
    passes: int = 10
    batch: int = 32


@dataclass
class Settings:
    hidden: list = field(default_factory=lambda: [32, 16])
    training: Training = field(default_factory=Training)


class Experiment:
    def __init__(self, settings):
        self.settings = settings
        self.model = keras.Sequential([keras.Input((30,))])
        for units in settings.hidden:
            self.model.add(layers.Dense(units, activation="relu"))
        self.model.add(layers.Dense(1, activation="sigmoid"))

    def run(self, x, y, validation):
        t = self.settings.training
        self.model.compile(keras.optimizers.Adam(t.rate), "binary_crossentropy", metrics=["accuracy"])
        return self.model.fit(x, y, epochs=t.passes, batch_size=t.batch, validation_data=validation, verbose=0)


keras.utils.set_random_seed(8)
data = load_breast_cancer()
x, y = ((data.data - data.data.mean(0)) / data.data.std(0)).astype("float32"), data.target.astype("float32")
h = Experiment(Settings()).run(x[:400], y[:400], (x[400:], y[400:]))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
