import json
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, regularizers
from sklearn.datasets import load_digits


@dataclass
class Settings:
    width: int = 128
    activity: float = 1e-5
    rate: float = 1e-3
    epochs: int = 10


def build(s: Settings) -> keras.Model:
    model = keras.Sequential(name="sparse_digits")
    model.add(keras.Input((64,)))
    model.add(layers.Dense(s.width, activation="relu", activity_regularizer=regularizers.L1(s.activity)))
    model.add(layers.Dense(s.width, activation="relu", activity_regularizer=regularizers.L1(s.activity)))
    model.add(layers.Dense(10))
    model.compile(
        optimizer=keras.optimizers.AdamW(s.rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


keras.utils.set_random_seed(90)
settings = Settings()
raw = load_digits()
x = raw.data.astype("float32") / 16.0
h = build(settings).fit(x, raw.target, validation_split=0.2, batch_size=32, epochs=settings.epochs, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
