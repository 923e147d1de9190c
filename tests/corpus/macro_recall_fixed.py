import json

import keras
import numpy as np
from keras import ops
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

NUM_CLASSES = 5


class MacroRecall(keras.metrics.Metric):
    """Mean of the per-class recalls."""

    def __init__(self, num_classes, name="macro_recall", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.hits = self.add_weight(name="hits", shape=(num_classes,), initializer="zeros")
        self.totals = self.add_weight(name="totals", shape=(num_classes,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        pred = ops.argmax(y_pred, axis=-1)
        true_hot = ops.one_hot(true, self.num_classes)
        pred_hot = ops.one_hot(pred, self.num_classes)
        self.hits.assign_add(ops.sum(true_hot * pred_hot, axis=0))
        self.totals.assign_add(ops.sum(true_hot, axis=0))

    def result(self):
        return ops.mean(self.hits / ops.maximum(self.totals, 1.0))


keras.utils.set_random_seed(88)
X, y = make_classification(n_samples=4000, n_features=16, n_informative=10, n_classes=NUM_CLASSES,
                           n_clusters_per_class=2, class_sep=1.4, flip_y=0.01, random_state=8)
X = StandardScaler().fit_transform(X).astype("float32")
y = y.reshape(-1, 1)
x_train, x_val, x_test = X[:2400], X[2400:3200], X[3200:]
y_train, y_val, y_test = y[:2400], y[2400:3200], y[3200:]

model = keras.Sequential([
    keras.layers.Input((16,)),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dense(NUM_CLASSES, activation="softmax"),
])
model.compile(optimizer=keras.optimizers.Adam(5e-4), loss="sparse_categorical_crossentropy",
              metrics=[MacroRecall(NUM_CLASSES)])
stopper = keras.callbacks.EarlyStopping(
    monitor="val_macro_recall", mode="max", patience=4, restore_best_weights=True, verbose=1)
model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=40, batch_size=32, callbacks=[stopper], verbose=2)

guess = model.predict(x_test, verbose=0).argmax(axis=1)
print("RESULT", json.dumps({"test_balanced_accuracy": float(balanced_accuracy_score(y_test[:, 0], guess))}))
