import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits


class HitRate(keras.metrics.Metric):
    def __init__(self, name="hit_rate", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.argmax(y_pred, axis=-1)
        same = ops.cast(ops.equal(ops.cast(y_true, "int32"), ops.cast(guess, "int32")), "float32")
        self.hits.assign(self.hits + ops.sum(same))
        self.seen.assign(self.seen + ops.cast(ops.shape(same)[0], "float32"))

    def result(self):
        return self.hits / self.seen


keras.utils.set_random_seed(8)
digits = load_digits()
pictures = (digits.images / 16.0).astype("float32")[..., None]
truth = digits.target.astype("int32")
net = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(16, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(10),
    ]
)
net.compile(
    optimizer="adam",
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[HitRate()],
)
run = net.fit(pictures[:1400], truth[:1400], epochs=6, batch_size=32, validation_data=(pictures[1400:], truth[1400:]), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in run.history.items()}))
