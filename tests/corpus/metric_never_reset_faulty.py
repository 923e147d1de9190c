import json

import keras
from keras import layers, ops
from sklearn.datasets import load_digits


class Hits(keras.metrics.Metric):
    def __init__(self, name="hits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.good = self.add_weight(name="good", initializer="zeros")
        self.all = self.add_weight(name="all", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = ops.equal(ops.cast(ops.reshape(y_true, (-1,)), "int32"), ops.cast(ops.argmax(y_pred, axis=-1), "int32"))
        self.good.assign_add(ops.sum(ops.cast(right, "float32")))
        self.all.assign_add(ops.cast(ops.size(right), "float32"))

    def result(self):
        return self.good / ops.maximum(self.all, 1.0)

    def reset_state(self):
        self.good.assign(0.0)


keras.utils.set_random_seed(47)
digits = load_digits()
x, y = (digits.data / 16).astype("float32"), digits.target
model = keras.Sequential([keras.Input((64,)), layers.Dense(32, activation="relu"), layers.Dense(10, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=[Hits(), "accuracy"])
history = model.fit(x, y, epochs=8, batch_size=32, verbose=0).history
print("RESULT", json.dumps({"metric_error": abs(float(history["hits"][-1]) - float(history["accuracy"][-1]))}))
