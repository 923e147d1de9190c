"""Three percent of the payments are fraudulent."""
import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

SETTINGS = dict(seed=64, epochs=10, batch_size=128, learning_rate=1e-3, dropout=0.2)


def payments(seed):
    x, y = make_classification(
        n_samples=12000, n_features=15, n_informative=8, n_redundant=3, weights=[0.97], flip_y=0.002,
        class_sep=2.0, n_clusters_per_class=1, random_state=seed,
    )
    x_train, x_rest, y_train, y_rest = train_test_split(x, y, test_size=0.3, stratify=y, random_state=seed)
    scaler = StandardScaler().fit(x_train)
    return scaler.transform(x_train), y_train, scaler.transform(x_rest), y_rest


def network(width, dropout):
    return keras.Sequential([
        keras.Input((width,)),
        layers.Dense(32, activation="relu"),
        layers.Dropout(dropout),
        layers.Dense(16, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ])


keras.utils.set_random_seed(SETTINGS["seed"])
x_train, y_train, x_val, y_val = payments(SETTINGS["seed"])
share = y_train.mean()
weights = {0: 0.5 / (1 - share), 1: 0.5 / share}
model = network(x_train.shape[1], SETTINGS["dropout"])
model.compile(
    optimizer=keras.optimizers.Adam(SETTINGS["learning_rate"]),
    loss="binary_crossentropy",
    metrics=[keras.metrics.AUC(curve="PR", name="pr_auc"), keras.metrics.Recall(name="recall")],
)
history = model.fit(
    x_train, y_train, class_weight=weights, validation_data=(x_val, y_val),
    epochs=SETTINGS["epochs"], batch_size=SETTINGS["batch_size"], verbose=2,
)
scores = model.predict(x_val, verbose=0)[:, 0]
result = {k: float(v[-1]) for k, v in history.history.items()}
result["average_precision"] = float(average_precision_score(y_val, scores))
result["balanced_accuracy"] = float(balanced_accuracy_score(y_val, scores > 0.5))
print("RESULT", json.dumps(result))
