import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.metrics import balanced_accuracy_score

# About one valve in fifteen fails; the rare class gets a larger weight in the loss.


class FocalLoss(keras.losses.Loss):
    def __init__(self, alpha=0.8, gamma=1.5, **kwargs):
        super().__init__(**kwargs)
        self.alpha, self.gamma = alpha, gamma

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        p = ops.clip(y_pred, 1e-6, 1 - 1e-6)
        positive = -self.alpha * y_true * (1 - p) ** self.gamma * ops.log(p)
        negative = -(1 - self.alpha) * (1 - y_true) * p ** self.gamma * ops.log(1 - p)
        return ops.mean(positive + negative, axis=-1)


class Residual(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.LayerNormalization()
        self.wide = layers.Dense(2 * units, activation="silu")
        self.back = layers.Dense(units)

    def call(self, x):
        return x + self.back(self.wide(self.norm(x)))


def valves(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8))
    x[:, 1] += 0.5 * x[:, 0]
    risk = 1.4 * x[:, 0] * (x[:, 2] > 0) + 1.2 * np.abs(x[:, 3]) + 0.8 * x[:, 4] - 4.3
    y = rng.uniform(size=n) < 1 / (1 + np.exp(-2.5 * risk))
    return x.astype("float32"), y.astype("float32")[:, None]


keras.utils.set_random_seed(19)
x_train, y_train = valves(4000, 1)
x_val, y_val = valves(1500, 2)
print("failing:", y_train.mean(), y_val.mean())

inputs = keras.Input((8,))
x = layers.Dense(24)(inputs)
x = Residual(24)(x)
x = Residual(24)(x)
outputs = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(inputs, outputs)
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss=FocalLoss(),
              metrics=[keras.metrics.AUC(name="auc", num_thresholds=100), keras.metrics.Recall(name="recall")])
history = model.fit(x_train, y_train, batch_size=64, epochs=8, validation_data=(x_val, y_val), verbose=2)

p = model.predict(x_val, verbose=0)
print("balanced accuracy:", balanced_accuracy_score(y_val[:, 0], p[:, 0] > 0.5))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
