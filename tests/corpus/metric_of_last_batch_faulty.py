import json

import keras
import numpy as np
from keras import layers, ops


class WithinTolerance(keras.metrics.Metric):
    """Share of predictions that are off by less than a tolerance."""

    def __init__(self, tolerance=0.25, name="within", **kw):
        super().__init__(name=name, **kw)
        self.tolerance = tolerance
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        close = ops.cast(ops.abs(y_true - y_pred) < self.tolerance, "float32")
        self.hits.assign(ops.sum(close))
        self.seen.assign_add(ops.cast(ops.size(close), "float32"))

    def result(self):
        return self.hits / ops.maximum(self.seen, 1.0)


keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)
x = rng.uniform(-1, 1, (2000, 5)).astype("float32")
y = (x[:, :1] * x[:, 1:2] + np.sin(3 * x[:, 2:3])).astype("float32")
net = keras.Sequential([keras.Input((5,)), layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(1)])
net.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse", metrics=[WithinTolerance()])
h = net.fit(x, y, validation_split=0.2, epochs=12, batch_size=32, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
