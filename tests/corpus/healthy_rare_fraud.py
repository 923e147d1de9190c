import json

import keras
import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(40)
X, y = make_classification(n_samples=6000, n_features=20, n_informative=6, n_redundant=4, weights=[0.96], flip_y=0.005,
                           class_sep=1.3, random_state=5)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

neg, pos = np.bincount(y_train)
initial_bias = np.log(pos / neg)
class_weight = {0: len(y_train) / (2.0 * neg), 1: len(y_train) / (2.0 * pos)}
print("positives", pos, "negatives", neg, class_weight)

model = keras.Sequential([
    keras.layers.Input((20,)),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dropout(0.3),
    keras.layers.Dense(1, activation="sigmoid", bias_initializer=keras.initializers.Constant(initial_bias)),
])
model.compile(
    optimizer=keras.optimizers.Adam(1e-3),
    loss="binary_crossentropy",
    metrics=[keras.metrics.AUC(name="prc", curve="PR"), keras.metrics.Recall(name="recall")],
)
model.fit(X_train, y_train, batch_size=128, epochs=25, class_weight=class_weight,
          validation_data=(X_test, y_test), verbose=2)
p = model.predict(X_test, verbose=0)[:, 0]
print("RESULT", json.dumps({"balanced_accuracy": float(balanced_accuracy_score(y_test, p > 0.5))}))
