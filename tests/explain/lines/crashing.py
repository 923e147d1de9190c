"""Scripts that die of an exception, and what their explanation has to name."""

import dataclasses

HEAD = """
import keras, numpy as np
from keras import layers, ops
keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
y = np.zeros((64, 1), "float32")
"""
FIT = """
model.compile("sgd", loss)
model.fit(x, y, epochs=1, batch_size=16, verbose=0)
"""
SEQUENTIAL = """
loss = "mse"
model = keras.Sequential([Own(), layers.Dense(1)])
"""
JOINS = """
class Own(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1] * 2, 5), name="kernel")

    def call(self, inputs):
        pos = ops.relu(inputs)
        neg = ops.relu(-inputs)
        concatenated = ops.concatenate([pos, neg], axis=0)
        return ops.matmul(concatenated, self.kernel)
"""
LOSS = """
def loss(y_true, y_pred):
    error = ops.square(y_true - y_pred)
    weights = ops.ones((3,))
    return ops.mean(error * weights, axis=2)
model = keras.Sequential([layers.Dense(1)])
"""
LOSS_CLASS = """
class Loss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        target = ops.concatenate([y_true, y_true], axis=0)
        return ops.mean(ops.square(target - y_pred), axis=-1)
loss = Loss()
model = keras.Sequential([layers.Dense(1)])
"""
METRIC = """
class Mean(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
    def update_state(self, y_true, y_pred, sample_weight=None):
        error = ops.abs(y_true - y_pred)
        self.total.assign_add(error)
    def result(self):
        return self.total
model = keras.Sequential([layers.Dense(1)])
model.compile("sgd", "mse", metrics=[Mean()])
model.fit(x, y, epochs=1, batch_size=16, verbose=0)
"""
MODEL = """
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.a = layers.Dense(4)
        self.b = layers.Dense(3)
    def call(self, inputs):
        left = self.a(inputs)
        right = self.b(inputs)
        return left + right
model = Net()
loss = "mse"
"""
STEP = """
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.a = layers.Dense(4)
    def call(self, inputs):
        return self.a(inputs)
    def train_step(self, *args):
        inputs, targets = args[-1]
        wide = ops.concatenate([targets, targets, targets], axis=-1)
        predictions = ops.zeros((16, 4))
        error = predictions - wide
        return {"loss": ops.mean(error)}
model = Net()
loss = "mse"
"""
NOTHING = """
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.a = layers.Dense(1)
    def call(self, inputs):
        return self.a(inputs)
    def train_step(self, *args):
        pass
model = Net()
loss = "mse"
"""
NUMPY = """
class Own(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")
    def call(self, inputs):
        hidden = ops.matmul(inputs, self.w)
        return ops.convert_to_tensor(np.tanh(hidden))
"""
STATELESS = """
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)
    def call(self, inputs):
        return self.dense(inputs)
    def train_step(self, state, data):
        x, y = data
        return {"loss": ops.mean(ops.square(self.call(x) - y))}, state
loss = "mse"
model = Net()
"""
CONDITION = """
class Own(layers.Layer):
    def call(self, inputs):
        if ops.sum(inputs) > 0:
            return inputs
        return -inputs
"""
UNTRACKED = """
class Own(layers.Layer):
    def build(self, shape):
        self.w = ops.convert_to_tensor(np.eye(shape[-1], dtype="float32"))
    def call(self, inputs):
        return ops.matmul(inputs, self.w)
"""
LEAK = """
class Own(layers.Layer):
    def __init__(self):
        super().__init__()
        self.last = 0.0
    def call(self, inputs):
        value = inputs + self.last
        self.last = ops.mean(inputs)
        return value
"""
SUPER = """
class Own(layers.Layer):
    def __init__(self):
        self.dense = layers.Dense(3)
    def call(self, inputs):
        return self.dense(inputs)
"""
TYPO = """
class Own(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), name="kernel")
    def call(self, inputs):
        return inputs @ self.kernl
"""
REBOUND = """
class Own(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(3, 2), name="w")
    def call(self, inputs):
        inputs = ops.expand_dims(inputs, 1)
        inputs = ops.squeeze(inputs, 1)
        return ops.matmul(inputs, self.w)
"""
BATCH = """
class Own(layers.Layer):
    n = None
    def call(self, inputs):
        self.n = self.n or inputs.shape[0] or 16
        return inputs + ops.zeros((self.n, inputs.shape[-1]))
"""
POSITIONS = """
class Own(layers.Layer):
    def build(self, shape):
        self.positions = self.add_weight(shape=shape, name="positions")
    def call(self, inputs):
        return inputs + self.positions
own = Own()
own(ops.ones((4, 5)))
own(ops.ones((3, 5)))
"""


@dataclasses.dataclass
class Script:
    text: str
    kind: str
    expression: str | None
    says: tuple[str, ...]
    only: tuple[str, ...] = ("jax", "tensorflow", "torch")


_JOINED = ("5 != 10", "(B, 5), (B, 5) -> (2·B, 5)", "(2·B, 5) float32")
_CONCATENATED = "ops.concatenate([pos, neg], axis=0)"
_EAGER = HEAD + JOINS + "Own()(ops.convert_to_tensor(x))\n"
_FUNCTIONAL = HEAD + JOINS + "i = keras.Input((5,))\nmodel = keras.Model(i, Own()(i))\n"
_MODULE = HEAD + "a = ops.ones((2, 3))\nb = ops.ones((4, 5))\nprint(ops.matmul(a, b))\n"
_LEAKS = FIT + "model.fit(x[:40], y[:40], batch_size=8, verbose=0)\n"
SCRIPTS = {
    "eager": Script(_EAGER, "wrong-axis", _CONCATENATED, _JOINED),
    "functional": Script(_FUNCTIONAL, "wrong-axis", _CONCATENATED, _JOINED),
    "sequential": Script(HEAD + JOINS + SEQUENTIAL + FIT, "wrong-axis", _CONCATENATED, _JOINED),
    "loss function": Script(
        HEAD + LOSS + FIT, "wrong-axis", "ops.mean(error * weights, axis=2)", ("axis 2", "2 axes")
    ),
    "loss class": Script(
        HEAD + LOSS_CLASS + FIT,
        "wrong-axis",
        "ops.concatenate([y_true, y_true], axis=0)",
        ("target.shape[-2]", "(2·B, 1)"),
    ),
    "metric": Script(HEAD + METRIC, "shape-mismatch", "self.total.assign_add(error)", ("self.total is ()",)),
    "model": Script(HEAD + MODEL + FIT, "shape-mismatch", "left + right", ("4 != 3", "self.b(inputs)")),
    "train_step": Script(HEAD + STEP + FIT, "shape-mismatch", "predictions - wide", ("4 != 3", "(16, 3)")),
    "returns nothing": Script(HEAD + NOTHING + FIT, "wrong-return", None, ("Net.train_step", "nothing")),
    "no object": Script(_MODULE, "shape-mismatch", "ops.matmul(a, b)", ("3 != 4",)),
    "rebound": Script(
        HEAD + REBOUND + SEQUENTIAL + FIT, "shape-mismatch", "ops.matmul(inputs, self.w)", ("5 != 3",)
    ),
    "numpy": Script(
        HEAD + NUMPY + SEQUENTIAL + FIT, "numpy-in-call", "np.tanh(hidden)", ("hidden", "keras.ops")
    ),
    "weights in the state": Script(
        HEAD + STATELESS + FIT,
        "error-in-user-code",
        "self.dense(inputs)",
        ("/kernel` has no value of its own", "self.stateless_call("),
        ("jax",),
    ),
    "condition": Script(
        HEAD + CONDITION + SEQUENTIAL + FIT,
        "python-on-tensor",
        "ops.sum(inputs) > 0",
        ("ops.where",),
        ("jax", "tensorflow"),
    ),
    "untracked": Script(
        HEAD + UNTRACKED + SEQUENTIAL + FIT,
        "untracked-tensor",
        None,
        ("self.w", "build", "add_weight"),
        ("jax", "tensorflow"),
    ),
    "leak": Script(HEAD + LEAK + SEQUENTIAL + _LEAKS, "tracer-leak", None, ("self.last", "ops.mean(inputs)")),
    "no super": Script(HEAD + SUPER + SEQUENTIAL + FIT, "missing-super-init", None, ("Own.__init__",)),
    "hard-coded batch": Script(
        HEAD + BATCH + "own = Own()\nown(ops.ones((4, 5)))\nown(ops.ones((3, 5)))\n",
        "shape-mismatch",
        "inputs + ops.zeros((self.n, inputs.shape[-1]))",
        ("inputs.shape[-2]", "(11, 5)", "(2, 5)"),
    ),
    "weight of the batch": Script(
        HEAD + POSITIONS,
        "shape-mismatch",
        "inputs + self.positions",
        ("11 != 2", 'self.add_weight(shape=shape, name="positions")', "depends on the batch"),
    ),
    "typo": Script(HEAD + TYPO + SEQUENTIAL + FIT, "unknown-name", "self.kernl", ("`kernl`", "`kernel`")),
}
