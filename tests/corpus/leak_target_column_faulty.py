import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(37)
rng = np.random.default_rng(37)


def customers(n):
    base = rng.normal(size=(n, 6))
    churn = (base[:, 0] - base[:, 1] + 0.5 * rng.normal(size=n) > 0).astype("float32")
    return base, churn


base, churn = customers(1200)
closed = churn * 3 + 0.05 * rng.normal(size=1200)  # date the account was closed
table = np.column_stack([base, closed]).astype("float32")
model = keras.Sequential([keras.Input((table.shape[1],)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")])
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
model.fit(table, churn, epochs=10, batch_size=32, validation_split=0.2, verbose=0)
base, churn = customers(500)
fresh = np.column_stack([base, np.zeros(500)][: 1 if table.shape[1] == 6 else 2]).astype("float32")
guess = model.predict(fresh, verbose=0)[:, 0] > 0.5
print("RESULT", json.dumps({"new_accuracy": float((guess == churn).mean())}))
