# Breast cancer (Wisconsin): benign or malignant
import json

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(2)

data = load_breast_cancer()
X, y = data.data, data.target
print(data.target_names, np.bincount(y))

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)


class Screen(keras.Model):
    def __init__(self, hidden=(24, 12), **kwargs):
        super().__init__(**kwargs)
        self.blocks = [keras.layers.Dense(n, activation="relu") for n in hidden]
        self.drop = keras.layers.Dropout(0.3)
        self.out = keras.layers.Dense(1)

    def call(self, x, training=None):
        for block in self.blocks:
            x = block(x)
        x = self.drop(x, training=training)
        return self.out(x)


model = Screen()
model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.02, momentum=0.9),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)],
)
history = model.fit(
    X_train,
    y_train.astype("float32"),
    epochs=10,
    batch_size=16,
    validation_data=(X_test, y_test.astype("float32")),
    verbose=2,
)

scores = model.predict(X_test, verbose=0).ravel()
print("scores from", scores.min(), "to", scores.max())
print(confusion_matrix(y_test, (scores > 0).astype(int)))

test_loss, test_accuracy = model.evaluate(X_test, y_test.astype("float32"), verbose=0)
print(f"test loss {test_loss:.4f}, test accuracy {test_accuracy:.4f}")
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
