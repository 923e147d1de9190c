# tag prediction: every question may carry several tags
import json

import keras
import numpy as np
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(123)
X, Y = make_multilabel_classification(n_samples=3000, n_features=60, n_classes=9, n_labels=3, random_state=5)
X = np.log1p(X).astype("float32")
X_train, X_test, Y_train, Y_test = train_test_split(X, Y.astype("float32"), test_size=0.2, random_state=0)
num_tags = Y.shape[1]

model = keras.Sequential(
    [
        keras.Input((X.shape[1],)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(num_tags, activation="sigmoid"),
    ]
)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(X_train, Y_train, epochs=15, batch_size=32, validation_split=0.1, verbose=0)

predicted = (model.predict(X_test, verbose=0) > 0.5).astype(int)
f1 = f1_score(Y_test, predicted, average="micro")
print("F1 score:", f1)
print("RESULT", json.dumps({"f1": float(f1), **{k: float(v[-1]) for k, v in history.history.items()}}))
