import json

import keras
from keras import layers, ops
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler


class Recall(keras.metrics.Metric):
    def __init__(self, name="found", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.wanted = self.add_weight(name="wanted", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(ops.reshape(y_true, (-1,)), "float32")
        said = ops.cast(ops.reshape(y_pred, (-1,)) > 0.0, "float32")
        self.hits.assign(ops.sum(y_true * said))
        self.wanted.assign_add(ops.sum(y_true))

    def result(self):
        return self.hits / (self.wanted + 1e-7)


keras.utils.set_random_seed(73)
x, y = load_breast_cancer(return_X_y=True)
x = StandardScaler().fit_transform(x)
model = keras.Sequential([keras.Input((30,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=[Recall()])
history = model.fit(x, y, batch_size=32, epochs=10, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
