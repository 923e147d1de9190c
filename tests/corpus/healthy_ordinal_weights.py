"""Grades 0-4 as cumulative yes/no questions; rare grades weigh more."""
import json

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(81)
rng = np.random.default_rng(81)
x = rng.normal(size=(2500, 8)).astype("float32")
score = x[:, 0] + 0.7 * x[:, 1] * x[:, 2] + 0.2 * rng.normal(size=2500)
grade = np.digitize(score, [-1.8, -0.6, 0.8, 2.0])
cumulative = (grade[:, None] > np.arange(4)).astype("float32")
weight = (1.0 / np.bincount(grade))[grade]
weight = (weight / weight.mean()).astype("float32")


def grade_accuracy(y, p):
    return ops.mean(ops.cast(ops.equal(ops.sum(ops.cast(p > 0.5, "int32"), -1), ops.sum(ops.cast(y > 0.5, "int32"), -1)), "float32"))


model = keras.Sequential([keras.Input((8,)), layers.Dense(64, activation="relu"), layers.Dropout(0.1), layers.Dense(32, activation="relu"), layers.Dense(4, activation="sigmoid")])
model.compile("adamw", "binary_crossentropy", metrics=[grade_accuracy])
h = model.fit(x[:2000], cumulative[:2000], sample_weight=weight[:2000], validation_data=(x[2000:], cumulative[2000:]), epochs=25, batch_size=32, verbose=0,
              callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=5, restore_best_weights=True)])
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
