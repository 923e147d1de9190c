"""Upper estimate of parcel weights from the order line (90 % quantile, for loading vans)."""
import json

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(17)
rng = np.random.default_rng(17)


class QuantileLoss(keras.losses.Loss):
    def __init__(self, quantile, name="quantile_loss"):
        super().__init__(name=name)
        self.quantile = quantile

    def call(self, y_true, y_pred):
        error = y_true - y_pred
        return ops.maximum(self.quantile * error, (self.quantile - 1) * error)


def draw_orders(n):
    items = rng.integers(1, 9, n)
    volume = rng.gamma(2.5, 1.6, n) * np.sqrt(items)
    glass = rng.integers(0, 2, n)
    price = rng.lognormal(3.2, 0.6, n)
    kind = rng.integers(0, 3, n)
    density = np.array([0.35, 0.8, 1.5])[kind]
    weight = volume * density * (1 + 0.4 * glass) * rng.lognormal(0, 0.25, n) + 0.2
    features = np.column_stack([items, volume, glass, np.log(price), kind == 0, kind == 1, kind == 2])
    return features.astype("float32"), weight.astype("float32")


features, weights = draw_orders(2500)
features = (features - features[:2000].mean(axis=0)) / features[:2000].std(axis=0)
targets = np.log(weights)[:, None]
x_train, x_val = features[:2000], features[2000:]
y_train, y_val = targets[:2000], targets[2000:]

inputs = layers.Input((7,))
hidden = layers.Dense(32, activation="relu")(inputs)
hidden = layers.Dense(32, activation="relu")(hidden)
model = keras.Model(inputs, layers.Dense(1)(hidden))

model.compile(optimizer=keras.optimizers.Adam(0.003), loss=QuantileLoss(0.9))
history = model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=20, batch_size=64, verbose=2)

upper = model.predict(x_val, verbose=0)[:, 0]
print("share of parcels below the estimate:", np.mean(y_val.ravel() <= upper))
print("spread of the estimates:", upper.std(), "spread of the weights:", y_val.std())
error = y_val.ravel() - upper
pinball = float(np.mean(np.maximum(0.9 * error, -0.1 * error)))
print("RESULT", json.dumps({"pinball": pinball, **{k: float(v[-1]) for k, v in history.history.items()}}))
