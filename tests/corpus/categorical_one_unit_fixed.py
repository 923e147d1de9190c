import json

import keras
from keras import layers
from sklearn.datasets import load_breast_cancer

keras.utils.set_random_seed(24)
X, y = load_breast_cancer(return_X_y=True)
X = ((X - X.mean(0)) / X.std(0)).astype("float32")

model = keras.Sequential([keras.Input((30,)), layers.Dense(12, activation="relu"), layers.Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy")
model.fit(X[:420], y[:420], epochs=12, batch_size=16, verbose=0)
p = model.predict(X[420:], verbose=0)[:, 0] > 0.5
print("RESULT", json.dumps({"test_accuracy": float((p == y[420:]).mean())}))
