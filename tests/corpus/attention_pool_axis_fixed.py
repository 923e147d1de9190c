"""Which reading follows the marked time step? Attention pooling over a sensor sequence."""
import json
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable()
class AttentionPooling(keras.layers.Layer):
    def __init__(self, units=16, **kw):
        super().__init__(**kw)
        self.units = units

    def build(self, input_shape):
        d = int(input_shape[-1])
        self.W = self.add_weight(name="W", shape=(d, self.units), initializer="glorot_uniform")
        self.b = self.add_weight(name="b", shape=(self.units,), initializer="zeros")
        self.v = self.add_weight(name="v", shape=(self.units, 1), initializer="glorot_uniform")

    def call(self, h):
        score = ops.matmul(ops.tanh(ops.matmul(h, self.W) + self.b), self.v)   # (batch, time, 1)
        alpha = ops.softmax(score, axis=1)
        return ops.sum(alpha * h, axis=1)


def sensor_data(n, T=30, seed=0):
    g = np.random.default_rng(seed)
    x = g.normal(size=(n, T, 4)).astype("float32")
    x[:, :, 3] = 0.0
    at = g.integers(0, T, n)
    x[np.arange(n), at, 3] = 1.0
    y = x[np.arange(n), at, 0] - 0.5 * x[np.arange(n), at, 1]
    return x, y.astype("float32")[:, None]


keras.utils.set_random_seed(19)
x_tr, y_tr = sensor_data(2500, seed=1)
x_va, y_va = sensor_data(500, seed=2)

inp = keras.Input((30, 4))
h = keras.layers.Dense(24, activation="tanh")(inp)
h = AttentionPooling(16)(h)
h = keras.layers.Dense(24, activation="relu")(h)
out = keras.layers.Dense(1)(h)
net = keras.Model(inp, out)
net.compile("adam", "mse", metrics=["mae"])
log = net.fit(x_tr, y_tr, validation_data=(x_va, y_va), batch_size=32, epochs=25, verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in log.history.items()}))
