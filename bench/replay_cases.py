"""Programs that break: each says where its NaN is born. `bench/replay_faults.py` runs them.

The line at fault ends in a comment "# BORN operand | rows": the operand to blame ("-" when several would do) and the
rows of the batch ("-" when they follow from the weights and differ between backends). "# DATA name | rows" stands in
programs whose data are at fault, "# AWAY" in those that run away.
"""

PRELUDE = """
import numpy as np, keras
from keras import layers, ops
keras.utils.set_random_seed(1)
rng = np.random.default_rng(0)
X = (np.abs(rng.normal(size=(256, 8))) + 0.1).astype("float32")
Y = rng.integers(0, 4, 256).astype("int32")
Z = rng.normal(size=(256, 4)).astype("float32")
BAD = 4 * 32 + 5

def train(
    *middle, loss="sparse_categorical_crossentropy", x=X, y=Y, optimizer="adam", cls=keras.Sequential, metrics=None
):
    act = ("softmax" if isinstance(loss, str) and loss.startswith("sparse") else None)
    model = cls([keras.Input(x.shape[1:]), *middle, layers.Dense(4, activation=act, name="head")])
    model.compile(optimizer, loss, metrics=metrics)
    model.fit(x, y, batch_size=32, epochs=1, verbose=0, shuffle=False)

class Scaled(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1],), initializer="ones")
"""

LAYER = """
class Mine(Scaled):
    def call(self, x):
        h = x * self.w
{body}
X[BAD] = {value}
train(Mine())
"""


def _layer(body: str, value: str = "0.0") -> str:
    lines = "\n".join(f"        {line}" for line in body.strip().splitlines())
    return LAYER.format(body=lines, value=value)


CASES = {
    "div_norm": _layer(
        "n = ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True))\nreturn h / n  # BORN n | 5"
    ),
    "exp_overflow": _layer("e = ops.exp(x)  # BORN x | 5\nreturn h + e", "100.0"),
    "log_negative": _layer("return h + ops.log(x - 0.05)  # BORN x - 0.05 | 5", "0.01"),
    "sqrt_negative": _layer(
        "v = ops.mean(x * x, axis=-1, keepdims=True) - 0.01\nreturn h * ops.sqrt(v)  # BORN v | 5", "0.02"
    ),
    "power_negative": _layer("t = x - 0.05\nreturn h + ops.power(t, 0.5)  # BORN t | 5", "0.01"),
    "own_softmax": _layer(
        "e = ops.exp(x * 10.0)  # BORN x * 10.0 | 5\nreturn h * e / ops.sum(e, axis=-1, keepdims=True)",
        "50.0",
    ),
    "by_maximum": _layer("m = ops.max(x, axis=-1, keepdims=True)\nreturn h * (x / m)  # BORN m | 5"),
    "reciprocal": _layer(
        "s = ops.sum(x, axis=-1, keepdims=True)\nreturn h * ops.reciprocal(s)  # BORN s | 5"
    ),
    "log1p": _layer("return h + ops.log1p(x)  # BORN x | 5", "-1.0"),
    "entropy": _layer(
        "p = x / ops.sum(X[0])\nreturn h - ops.sum(p * ops.log(p), axis=-1, keepdims=True)  # BORN p | 5"
    ),
    "float16": _layer(
        'half = ops.cast(x, "float16")\nbig = half * 1000.0  # BORN half | 5\nreturn h + ops.cast(big, "float32")',
        "99.0",
    ),
    "arccos": _layer("return h + ops.arccos(x / 10.0)  # BORN x / 10.0 | 5", "11.0"),
    "masked_softmax": _layer(
        'mask = ops.where(x > 0.05, 0.0, -float("inf"))\n'
        "a = ops.softmax(x + mask, axis=-1)  # BORN x + mask | 5\nreturn h * a",
        "0.01",
    ),
    "log_of_sum": _layer(
        "total = ops.sum(x, axis=-1, keepdims=True)\nreturn h * ops.log(total)  # BORN total | 5"
    ),
    "zscore": _layer(
        "c = x - ops.mean(x, axis=-1, keepdims=True)\ns = ops.mean(ops.abs(c), axis=-1, keepdims=True)\n"
        "return h * (c / s)  # BORN s | 5"
    ),
    "batch_of_one": """
class Mine(Scaled):
    def call(self, x):
        s = ops.sqrt(ops.mean(ops.square(x - ops.mean(x, axis=0)), axis=0))
        return (x - ops.mean(x, axis=0)) / s * self.w  # BORN s | -
train(Mine(), x=X[:129], y=Y[:129])
""",
    "loss_log": """
def mine(y_true, y_pred):
    p = ops.relu(y_pred)
    return -ops.mean(ops.log(p), axis=-1)  # BORN p | -
train(loss=mine, y=Z)
""",
    "loss_mape": """
def mine(y_true, y_pred):
    error = ops.abs(y_true - y_pred)
    return ops.mean(error / ops.abs(y_true), axis=-1)  # BORN ops.abs(y_true) | 5
Z[BAD] = 0.0
train(loss=mine, y=Z)
""",
    "loss_masked_mean": """
def mine(y_true, y_pred):
    mask = ops.cast(y_true[:, :1] > 0, "float32")
    error = ops.mean(ops.square(y_true - y_pred), axis=-1, keepdims=True)
    return ops.sum(error * mask) / ops.sum(mask)  # BORN ops.sum(mask) | -
Z[:, 0] = 1.0
Z[128:160, 0] = -1.0
train(loss=mine, y=Z)
""",
    "loss_divergence": """
def mine(y_true, y_pred):
    p = ops.softmax(y_pred)
    ratio = p / y_true  # BORN y_true | 5
    return ops.sum(p * ops.log(ratio), axis=-1)
Z = np.abs(Z) + 0.1
Z[BAD, 2] = 0.0
train(loss=mine, y=Z)
""",
    "loss_poisson": """
def mine(y_true, y_pred):
    rate = ops.sum(y_true, axis=-1)
    return ops.mean(ops.square(y_pred), axis=-1) - ops.log(rate)  # BORN rate | 5
Z = np.abs(Z)
Z[BAD] = 0.0
train(loss=mine, y=Z)
""",
    "loss_class": """
class Mine(keras.losses.Loss):
    def call(self, y_true, y_pred):
        weight = 1.0 / ops.max(y_true, axis=-1)  # BORN ops.max(y_true, axis=-1) | 5
        return weight * ops.mean(ops.square(y_pred), axis=-1)
Z = np.abs(Z)
Z[BAD] = 0.0
train(loss=Mine(), y=Z)
""",
    "train_step_loss": """
class Mine(keras.Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        spread = ops.max(x, axis=-1) - ops.min(x, axis=-1)
        return ops.mean(ops.mean(ops.square(y_pred), axis=-1) / spread)  # BORN spread | 5
X[BAD] = 1.0
train(cls=Mine, loss="mse", y=Z)
""",
    "activation": """
def gate(x):
    return x * ops.sqrt(ops.exp(x))  # BORN x | -
train(layers.Rescaling(60.0), layers.Dense(8, activation=gate, kernel_initializer="ones", name="gated"))
""",
    "root_gradient": _layer(
        "size = ops.sum(ops.square(h), axis=-1, keepdims=True)\nreturn h + ops.sqrt(size)  # BORN size | 5"
    ),
    "where_log": _layer(
        "low = ops.min(h, axis=-1, keepdims=True)\nreturn h + ops.where(low > 0, ops.log(low), 0.0)  # BORN low | 5"
    ),
    "where_division": _layer(
        "t = ops.sum(h, axis=-1, keepdims=True)\nreturn h + ops.where(t > 0, 1.0 / t, 0.0)  # BORN t | 5"
    ),
    "power_gradient": _layer("return x + ops.power(h, 0.5)  # BORN h | 5"),
    "distance_gradient": _layer(
        "d = ops.sum(ops.square(h - x), axis=-1, keepdims=True)\nreturn h + ops.sqrt(d)  # BORN d | -", "1.0"
    ),
    "arccos_gradient": _layer("c = h / 10.0\nreturn x + ops.arccos(c)  # BORN c | 5", "10.0"),
    "deviation_gradient": _layer(
        "v = ops.mean(ops.square(h - ops.mean(h, axis=-1, keepdims=True)), axis=-1, keepdims=True)\n"
        "return h + ops.sqrt(v)  # BORN v | 5"
    ),
    "helper_gradient": """
def length(v):
    return ops.sqrt(ops.sum(v * v, axis=-1, keepdims=True))  # BORN ops.sum(v * v, axis=-1, keepdims=True) | 5
class Mine(Scaled):
    def call(self, x):
        h = x * self.w
        return h + length(h)
X[BAD] = 0.0
train(Mine())
""",
    "metric": """
class Mine(keras.metrics.Metric):
    def __init__(self):
        super().__init__(name="mine")
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")
    def update_state(self, y_true, y_pred, sample_weight=None):
        size = ops.sum(ops.abs(y_true), axis=-1)
        self.total.assign(self.total + ops.sum(y_pred[:, 0] / size))  # BORN size | 5
    def result(self):
        return self.total.value
Z[BAD] = 0.0
train(loss="mse", y=Z, metrics=[Mine()])
""",
    "cell": """
class Cell(layers.Layer):
    state_size = output_size = 8
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 8))
    def call(self, x, states):
        total = ops.sum(x, axis=-1, keepdims=True)
        h = states[0] + ops.matmul(x, self.w) / total  # BORN total | 5
        return h, [h]
X3 = np.tile(X[:, None, :], (1, 6, 1))
X3[BAD, 3] = 0.0
train(layers.RNN(Cell()), x=X3)
""",
    "scan": """
class Mine(Scaled):
    def call(self, x):
        h = x * self.w
        def body(carry, column):
            carry = carry + ops.sqrt(column)  # BORN column | 5
            return carry, carry
        return h + ops.scan(body, ops.zeros_like(h[:, 0]), ops.transpose(h))[0][:, None]
X[BAD, 2] = -1.0
train(Mine())
""",
    "data_x": "X[BAD, 3] = np.nan  # DATA x | 5\ntrain(layers.Dense(8))\n",
    "data_y": 'Z[BAD] = np.inf  # DATA y | 5\ntrain(layers.Dense(8), loss="mse", y=Z)\n',
    "rate": 'train(layers.Dense(8), loss="mse", y=Z, optimizer=keras.optimizers.SGD(1e4))  # AWAY\n',
    "recurrent": """
X3 = np.tile(X[:, None, :], (1, 24, 1))
r = layers.SimpleRNN(8, activation=None, recurrent_initializer=keras.initializers.Orthogonal(gain=1.3))
train(r, loss="mse", x=X3, y=Z, optimizer=keras.optimizers.SGD(0.05))  # AWAY
""",
}

HEALTHY = {
    "mask_infinite": _layer(
        'mask = ops.where(x > 0.3, 0.0, -float("inf"))\na = ops.softmax(x + mask, axis=-1)\nreturn h * a',
        "1.0",
    ),
    "double_where": _layer(
        "low = ops.min(h, axis=-1, keepdims=True)\nsafe = ops.where(low > 0, low, 1.0)\n"
        "return h + ops.where(low > 0, ops.log(safe), 0.0)"
    ),
    "missing_labels": """
def mine(y_true, y_pred):
    known = ops.isfinite(y_true)
    error = ops.where(known, ops.where(known, y_true, 0.0) - y_pred, 0.0)
    return ops.mean(ops.square(error), axis=-1)
Z[::7] = np.nan
train(loss=mine, y=Z)
""",
    "plain": "train(layers.Dense(8))\n",
}

SEEN_ONCE = {
    "cosine": """
a, b = keras.Input((8,), name="a"), keras.Input((8,), name="b")
class Cosine(layers.Layer):
    def call(self, one, other):
        unit = one / ops.norm(one, axis=-1, keepdims=True)  # BORN ops.norm(one, axis=-1, keepdims=True) | 5
        return ops.sum(unit * other, axis=-1, keepdims=True)
out = layers.Dense(4)(Cosine()(layers.Rescaling(1.0)(a), layers.Dense(8)(b)))
model = keras.Model([a, b], out)
X2 = X.copy()
X2[BAD] = 0.0
model.compile("adam", "mse")
model.fit([X2, X], Z, batch_size=32, epochs=1, verbose=0, shuffle=False)
""",
    "attention": """
class Attend(layers.Layer):
    def build(self, shape):
        self.key = layers.Dense(8)
        self.key.build(shape)
    def call(self, x):
        present = ops.cast(ops.any(x != 0, axis=-1), "float32")
        scores = ops.sum(self.key(x) * x, axis=-1)
        raised = ops.exp(scores - ops.max(scores, axis=-1, keepdims=True)) * present
        share = raised / ops.sum(raised, axis=-1, keepdims=True)  # BORN ops.sum(raised, axis=-1, keepdims=True) | 5
        return ops.einsum("bt,btf->bf", share, x)
X3 = np.tile(X[:, None, :], (1, 5, 1))
X3[BAD] = 0.0
train(Attend(), x=X3)
""",
    "added_loss": """
class Bottleneck(layers.Layer):
    def build(self, shape):
        self.inner = layers.Dense(6)
        self.inner.build(shape)
    def call(self, x):
        h = self.inner(x)
        variance = ops.relu(h)
        self.add_loss(-0.01 * ops.mean(ops.log(variance)))  # BORN variance | -
        return h
train(Bottleneck(), loss="mse", y=Z)
""",
    "lambda_layer": """
shift = layers.Lambda(lambda t: ops.log(t - 0.05))  # BORN t - 0.05 | 5
X[BAD, 1] = 0.05
train(shift, layers.Dense(8))
""",
    "regularizer": """
class Length(keras.regularizers.Regularizer):
    def __call__(self, w):
        return 0.1 * ops.sqrt(ops.sum(ops.square(w)))  # BORN ops.sum(ops.square(w)) | -
train(layers.Dense(8, kernel_initializer="zeros", kernel_regularizer=Length()), loss="mse", y=Z)
""",
    "sequence": """
class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 8
    def __getitem__(self, i):
        return X[i * 32 : (i + 1) * 32], P[i * 32 : (i + 1) * 32]
def geometric(y_true, y_pred):
    logs = ops.log(y_true)  # BORN y_true | 5
    return ops.square(ops.mean(logs, axis=-1) - ops.mean(y_pred, axis=-1))
P = np.abs(Z) + 0.1
P[BAD, 3] = 0.0
model = keras.Sequential([keras.Input((8,)), layers.Dense(4)])
model.compile("rmsprop", geometric)
model.fit(Batches(), epochs=1, verbose=0, shuffle=False)
""",
    "loop": """
def cascade(h, q):
    for k in range(3):
        h = h / (1.0 - q * k)  # BORN 1.0 - q * k | 5
    return h
class Mine(Scaled):
    def call(self, x):
        return cascade(x * self.w, x[:, :1])
X[BAD, 0] = 1.0
train(Mine())
""",
    "own_crossentropy": """
class Mine(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)
    def call(self, x):
        return ops.sigmoid(self.dense(x))
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        hit = y * ops.log(y_pred + 1e-7)
        miss = (1.0 - y) * ops.log(1.0 - y_pred)  # BORN 1.0 - y_pred | 5
        return -ops.mean(hit + miss)
X[BAD] = 1e4
model = Mine()
model.compile(keras.optimizers.SGD(0.1))
model.fit(X, (Z > 0).astype("float32"), batch_size=32, epochs=1, verbose=0, shuffle=False)
""",
    "batch_scale": """
class Standard(Scaled):
    def call(self, x):
        scale = ops.std(x, axis=0)
        return x * self.w / scale  # BORN scale | -
X[128:160, 2] = 3.0
train(Standard(), layers.Dense(8, activation="relu"))
""",
    "fisher": """
def fisher(r):
    return 0.5 * ops.log((1.0 + r) / (1.0 - r))  # BORN 1.0 - r | 5
class Mine(Scaled):
    def call(self, x):
        return self.w * fisher(x / 10.0)
X[BAD, 4] = 10.0
train(Mine())
""",
    "pooling": """
values = keras.Input((6, 8), name="values")
lengths = keras.Input((), name="lengths", dtype="int32")
class Pool(layers.Layer):
    def call(self, x, n):
        m = ops.cast(ops.arange(6)[None] < n[:, None], "float32")
        total = ops.sum(x * m[..., None], axis=1)
        return total / ops.sum(m, axis=1, keepdims=True)  # BORN ops.sum(m, axis=1, keepdims=True) | 5
hidden = layers.Dense(8)(Pool()(layers.Dense(8)(values), lengths))
model = keras.Model({"values": values, "lengths": lengths}, layers.Dense(4)(hidden))
model.compile("adam", "mse")
N = np.full(256, 4, "int32")
N[BAD] = 0
data = {"values": np.tile(X[:, None], (1, 6, 1)), "lengths": N}
model.fit(data, Z, batch_size=32, epochs=1, verbose=0, shuffle=False)
""",
    "gate": """
class Gate(Scaled):
    def call(self, x):
        g = ops.tanh(x * self.w)
        rest = ops.sqrt(1.0 - g * g)  # BORN 1.0 - g * g | 5
        return g * x + rest
X[BAD, 6] = 50.0
train(Gate())
""",
    "half_square": """
keras.mixed_precision.set_global_policy("mixed_float16")
class Energy(layers.Layer):
    def call(self, x):
        e = ops.square(x)  # BORN x | 5
        return e - ops.mean(e, axis=-1, keepdims=True)
X[BAD] = np.arange(8) * 100.0
train(Energy(), layers.Dense(8, activation="relu"), loss="mse", y=Z)
keras.mixed_precision.set_global_policy("float32")
""",
    "half_exp": """
keras.mixed_precision.set_global_policy("mixed_float16")
class Mine(Scaled):
    def call(self, x):
        return ops.exp(x) + x * self.w  # BORN x | 5
X[BAD, 2] = 20.0
model = keras.Sequential([keras.Input((8,)), Mine(), layers.Dense(4)])
model.compile("adam", "mse", auto_scale_loss=False)
model.fit(X, Z, batch_size=32, epochs=1, verbose=0, shuffle=False)
keras.mixed_precision.set_global_policy("float32")
""",
}
"""Written after the others and run once on each backend before anything was mended by them."""

SEEN_ONCE_HEALTHY = {
    "imputed": """
class Fill(Scaled):
    def call(self, x):
        known = ops.logical_not(ops.isnan(x))
        return ops.where(known, x, 0.0) * self.w
X[::9, 3] = np.nan
train(Fill())
""",
    "guarded": """
class Safe(Scaled):
    def call(self, x):
        size = ops.sqrt(ops.sum(ops.square(x * self.w), axis=-1, keepdims=True) + 1e-6)
        return x / size + ops.log1p(ops.relu(x))
X[BAD] = 0.0
train(Safe())
""",
    "half_scaled": """
keras.mixed_precision.set_global_policy("mixed_float16")
train(layers.Dense(32, activation="relu"), loss="mse", y=Z, optimizer=keras.optimizers.Adam(0.01))
keras.mixed_precision.set_global_policy("float32")
""",
}
