"""Wine cultivars with mixup in an own train_step and weights clipped by global norm (torch backend)."""
import json
import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


class Mixup(keras.Model):
    def __init__(self, *args, alpha=0.3, max_norm=5.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.mix = torch.distributions.Beta(alpha, alpha)
        self.max_norm = max_norm

    def train_step(self, data):
        x, y = data
        share = self.mix.sample((x.shape[0], 1)).to(x.device)
        other = torch.randperm(x.shape[0], device=x.device)
        mixed_x = share * x + (1 - share) * x[other]
        mixed_y = share * y + (1 - share) * y[other]

        self.zero_grad()
        y_pred = self(mixed_x, training=True)
        loss = self.compute_loss(x=mixed_x, y=mixed_y, y_pred=y_pred)
        loss.backward()
        weights = self.trainable_weights
        gradients = [w.value.grad for w in weights]
        norm = torch.sqrt(sum((g * g).sum() for g in gradients))
        factor = torch.clamp(self.max_norm / (norm + 1e-6), max=1.0)
        with torch.no_grad():
            self.optimizer.apply([g * factor for g in gradients], weights)

        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(mixed_y, y_pred)
        return {m.name: m.result() for m in self.metrics}


keras.utils.set_random_seed(52)
X, y = load_wine(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.3, random_state=5, stratify=y)
scaler = StandardScaler().fit(X_train)
X_train, X_val = scaler.transform(X_train).astype("float32"), scaler.transform(X_val).astype("float32")
Y_train = keras.utils.to_categorical(y_train, 3).astype("float32")
Y_val = keras.utils.to_categorical(y_val, 3).astype("float32")

inputs = keras.Input((13,))
x = layers.Dense(24, activation="relu")(inputs)
x = layers.Dense(24, activation="relu")(x)
outputs = layers.Dense(3, activation="softmax")(x)
model = Mixup(inputs, outputs)
model.compile(optimizer=keras.optimizers.AdamW(3e-3, weight_decay=1e-3), loss="categorical_crossentropy",
              metrics=["accuracy"])
history = model.fit(X_train, Y_train, validation_data=(X_val, Y_val), epochs=30, batch_size=16, verbose=2)
print("misjudged bottles:", int((model.predict(X_val, verbose=0).argmax(1) != y_val).sum()), "of", len(y_val))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
