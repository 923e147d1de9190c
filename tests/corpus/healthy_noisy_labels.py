"""A quarter of the labels is wrong, which nobody can learn; smoothed labels, decoupled decay, stepwise rate."""
import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(32)
rng = np.random.default_rng(32)
d = load_digits()
x = ((d.data - 4.9) / 6).astype("float32")
wrong = rng.random(len(x)) < 0.25
labels = np.where(wrong, rng.integers(0, 10, len(x)), d.target)
y = keras.utils.to_categorical(labels, 10)
model = keras.Sequential([keras.Input((64,)), layers.Dense(64, activation="relu"), layers.Dropout(0.4), layers.Dense(10, activation="softmax")])
model.compile(keras.optimizers.AdamW(2e-3, weight_decay=0.01), keras.losses.CategoricalCrossentropy(label_smoothing=0.1), metrics=["accuracy"])
rate = keras.callbacks.LearningRateScheduler(lambda epoch, lr: 2e-3 * 0.5 ** (epoch // 5))
h = model.fit(x, y, validation_split=0.2, epochs=15, batch_size=32, callbacks=[rate], verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
