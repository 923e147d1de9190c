# Homework 3: binary classifier on the breast cancer data, written as a subclassed model
import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


class TumourNet(keras.Model):
    def __init__(self, hidden=(32, 32, 16), **kwargs):
        super().__init__(**kwargs)
        self.blocks = [layers.Dense(units, activation="relu") for units in hidden]
        self.dropout = layers.Dropout(0.2)
        self.out = layers.Dense(1)

    def call(self, x, training=False):
        for block in self.blocks:
            x = block(x)
        x = self.dropout(x, training=training)
        return self.out(x)


keras.utils.set_random_seed(8)
data = load_breast_cancer()
rng = np.random.default_rng(8)
X = data.data + rng.normal(0, 1.2, data.data.shape) * data.data.std(axis=0)
X_train, X_test, y_train, y_test = train_test_split(X, data.target, test_size=0.3, stratify=data.target,
                                                    random_state=8)
scaler = StandardScaler().fit(X_train)
X_train = scaler.transform(X_train).astype("float32")
X_test = scaler.transform(X_test).astype("float32")

net = TumourNet()
net.compile(optimizer=keras.optimizers.SGD(0.05), loss="binary_crossentropy", metrics=["accuracy"])
history = net.fit(X_train, y_train, batch_size=16, epochs=15, validation_data=(X_test, y_test), verbose=2)

for epoch, (loss, val_loss) in enumerate(zip(history.history["loss"], history.history["val_loss"]), start=1):
    if epoch % 5 == 0:
        print(f"epoch {epoch:2d}: loss {loss:.4f}, validation loss {val_loss:.4f}")

net.summary()
test_loss, test_accuracy = net.evaluate(X_test, y_test, verbose=0)
print(f"Test loss {test_loss:.4f}, test accuracy {test_accuracy:.4f}")
scores = net.predict(X_test, verbose=0)[:, 0]
print("scores from", scores.min(), "to", scores.max())
print(classification_report(y_test, scores > 0.5, target_names=data.target_names, zero_division=0))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
