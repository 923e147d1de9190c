"""Cancelled flights (5 %): class weights, precision and recall, threshold chosen on the validation set."""
import json

import keras
import numpy as np
from keras import layers
from sklearn.metrics import average_precision_score, precision_recall_curve
from sklearn.utils.class_weight import compute_class_weight


def flights(n, seed):
    rng = np.random.default_rng(seed)
    x = np.column_stack([
        rng.uniform(5, 24, n), rng.integers(0, 7, n), rng.lognormal(6.5, 0.6, n), rng.gamma(2, 4, n),
        rng.exponential(1.0, n), rng.normal(8, 9, n), rng.integers(0, 2, n), rng.poisson(3, n),
    ])
    z = -6.3 + 0.14 * x[:, 3] + 0.9 * x[:, 4] - 0.05 * x[:, 5] + 0.8 * x[:, 6] + 0.15 * x[:, 7]
    return x.astype("float32"), (rng.uniform(size=n) < 1 / (1 + np.exp(-z))).astype("int32")


keras.utils.set_random_seed(47)
x_train, y_train = flights(4000, 221)
x_val, y_val = flights(1500, 222)
x_test, y_test = flights(1500, 223)
share = y_train.mean()
print("cancelled:", round(float(share), 3))

norm = layers.Normalization()
norm.adapt(x_train)
start = keras.initializers.Constant(float(np.log(share / (1 - share))))
model = keras.Sequential([
    keras.Input((8,)),
    norm,
    layers.Dense(32, activation="relu"),
    layers.Dropout(0.2),
    layers.Dense(16, activation="relu"),
    layers.Dense(1, activation="sigmoid", bias_initializer=start),
])
weights = compute_class_weight("balanced", classes=np.array([0, 1]), y=y_train)
model.compile(
    optimizer=keras.optimizers.Adam(1e-3),
    loss="binary_crossentropy",
    metrics=[keras.metrics.Precision(name="precision"), keras.metrics.Recall(name="recall"),
             keras.metrics.AUC(curve="PR", name="prc")],
)
history = model.fit(
    x_train, y_train,
    validation_data=(x_val, y_val),
    class_weight={0: float(weights[0]), 1: float(weights[1])},
    callbacks=[keras.callbacks.EarlyStopping(monitor="val_prc", mode="max", patience=6, restore_best_weights=True)],
    epochs=20, batch_size=64, verbose=2,
)

p_val, p_test = model.predict(x_val, verbose=0)[:, 0], model.predict(x_test, verbose=0)[:, 0]
precision, recall, thresholds = precision_recall_curve(y_val, p_val)
f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
threshold = thresholds[np.argmax(f1[:-1])]
print("threshold", threshold, "flagged on test", int((p_test > threshold).sum()), "cancelled", int(y_test.sum()))
result = {k: float(v[-1]) for k, v in history.history.items()}
result["test_average_precision"] = float(average_precision_score(y_test, p_test))
print("RESULT", json.dumps(result))
