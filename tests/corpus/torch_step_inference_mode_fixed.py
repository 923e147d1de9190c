import os

os.environ["KERAS_BACKEND"] = "torch"
import json

import keras
import numpy as np
import torch
from keras import layers
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split


class CustomModel(keras.Model):
    def train_step(self, data):
        x, y = data
        self.zero_grad()
        y_pred = self(x, training=True)  # Forward pass
        loss = self.compute_loss(y=y, y_pred=y_pred)
        loss.backward()
        trainable_weights = [v for v in self.trainable_weights]
        gradients = [v.value.grad for v in trainable_weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, trainable_weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


keras.utils.set_random_seed(9)
X, y = load_breast_cancer(return_X_y=True)
rng = np.random.default_rng(2)
X = (X - X.mean(0)) / X.std(0)
X = np.hstack([X, rng.normal(size=(len(X), 60))]).astype("float32")
y = np.where(rng.random(len(y)) < 0.12, 1 - y, y).astype("float32")[:, None]
X_tr, X_va, y_tr, y_va = train_test_split(X, y, test_size=0.4, random_state=1)

inputs = keras.Input((X.shape[1],))
h = inputs
for _ in range(2):
    h = layers.Dense(64, activation="relu")(h)
    h = layers.BatchNormalization()(h)
    h = layers.Dropout(0.5)(h)
outputs = layers.Dense(1, activation="sigmoid")(h)
model = CustomModel(inputs, outputs)
model.compile(optimizer=keras.optimizers.Adam(0.002), loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(X_tr, y_tr, epochs=25, batch_size=32, validation_data=(X_va, y_va), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
