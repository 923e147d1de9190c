"""Layers, losses and metrics as they are met in people's own projects; looked at since they were first scored."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "SelfAttention",
        "6,8",
        "ops.transpose(k, (0, 2, 3, 1))",
        "ops.transpose(k, (0, 2, 1, 3))",
        """
class SelfAttention(layers.Layer):
    def __init__(self, dim=8, heads=4, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads
        self.depth = dim // heads
        self.wq = layers.Dense(dim)
        self.wk = layers.Dense(dim)
        self.wv = layers.Dense(dim)
        self.out = layers.Dense(dim)

    def split(self, x):
        return ops.reshape(x, (ops.shape(x)[0], -1, self.heads, self.depth))

    def call(self, x):
        q = ops.transpose(self.split(self.wq(x)), (0, 2, 1, 3))
        k = self.split(self.wk(x))
        v = ops.transpose(self.split(self.wv(x)), (0, 2, 1, 3))
        scores = ops.matmul(q, ops.transpose(k, (0, 2, 3, 1))) / self.depth**0.5
        weights = ops.softmax(scores, axis=-1)
        mixed = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))
        return self.out(ops.reshape(mixed, (ops.shape(x)[0], -1, self.heads * self.depth)))
""",
        named=("ops.matmul(q, ops.transpose(k, (0, 2, 1, 3)))",),
    ),
    Case(
        "ViTPatches",
        "8,8,3",
        "self.patch * self.patch * x.shape[-1]",
        "self.patch * self.patch",
        """
class ViTPatches(layers.Layer):
    def __init__(self, patch=4, dim=5, **kwargs):
        super().__init__(**kwargs)
        self.patch = patch
        self.dim = dim

    def build(self, input_shape):
        h, w, c = input_shape[1:]
        self.n = (h // self.patch) * (w // self.patch)
        self.kernel = self.add_weight(shape=(self.patch * self.patch * c, self.dim), name="kernel")
        self.pos = self.add_weight(shape=(1, self.n, self.dim), name="pos")

    def call(self, x):
        b = ops.shape(x)[0]
        p = self.patch
        rows, cols = x.shape[1] // p, x.shape[2] // p
        x = ops.reshape(x, (b, rows, p, cols, p, x.shape[-1]))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        x = ops.reshape(x, (b, -1, self.patch * self.patch * x.shape[-1]))
        return ops.matmul(x, self.kernel) + self.pos
""",
        named=("ops.matmul(x, self.kernel)",),
    ),
    Case(
        "LearnedPositions",
        "i9:6",
        "(self.length, self.dim)",
        "(self.dim, self.length)",
        """
class LearnedPositions(layers.Layer):
    def __init__(self, vocab=9, length=6, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.length = length
        self.dim = dim
        self.tokens = layers.Embedding(vocab, dim)

    def build(self, input_shape):
        self.positions = self.add_weight(shape=(self.length, self.dim), name="positions")

    def call(self, ids):
        return self.tokens(ids) + self.positions
""",
        named=("self.tokens(ids) + self.positions",),
    ),
    Case(
        "SqueezeGate",
        "6,6,4",
        "s[:, None, None, :]",
        "s",
        """
class SqueezeGate(layers.Layer):
    def __init__(self, channels=4, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.pool = layers.GlobalAveragePooling2D()
        self.down = layers.Dense(channels // ratio, activation="relu")
        self.up = layers.Dense(channels, activation="sigmoid")

    def call(self, x):
        s = self.pool(x)
        s = self.up(self.down(s))
        return x * s[:, None, None, :]
""",
        named=("x * s",),
        batch=5,
    ),
    Case(
        "GatedPool",
        "6,4",
        "axis=1)\n        return",
        "axis=0)\n        return",
        """
class GatedPool(layers.Layer):
    def build(self, input_shape):
        self.v = self.add_weight(shape=(input_shape[-1], 3), name="v")
        self.u = self.add_weight(shape=(input_shape[-1], 3), name="u")
        self.w = self.add_weight(shape=(3, 1), name="w")

    def call(self, x):
        gate = ops.tanh(ops.matmul(x, self.v)) * ops.sigmoid(ops.matmul(x, self.u))
        attention = ops.matmul(gate, self.w)
        attention = ops.softmax(attention, axis=1)
        return ops.sum(attention * x, axis=1)
""",
    ),
    Case(
        "LinearAttention",
        "6,4 6,4 6,5",
        '"btd,bdv->btv"',
        '"btd,bvd->btv"',
        """
class LinearAttention(layers.Layer):
    def call(self, q, k, v):
        q = ops.elu(q) + 1.0
        k = ops.elu(k) + 1.0
        context = ops.einsum("btd,btv->bdv", k, v)
        norm = 1.0 / ops.einsum("btd,bd->bt", q, ops.sum(k, axis=1))
        return ops.einsum("btd,bdv->btv", q, context) * norm[..., None]
""",
        also=(
            (
                """btv->bdv", k, v)
        norm = 1.0 / ops.einsum("btd,bd->bt", q, ops.sum(k, axis=1))
        return ops.einsum("btd,bdv->btv\"""",
                """btv->bvd", k, v)
        norm = 1.0 / ops.einsum("btd,bd->bt", q, ops.sum(k, axis=1))
        return ops.einsum("btd,bvd->btv\"""",
            ),
        ),
    ),
    Case(
        "ValueHead",
        "5",
        "(input_shape[-1], self.units)",
        "(self.units, input_shape[-1])",
        """
class ValueHead(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.value = self.add_weight(shape=(self.units, 1), name="value")

    def call(self, x):
        h = ops.tanh(ops.matmul(x, self.kernel) + self.bias)
        return ops.squeeze(ops.matmul(h, self.value), axis=-1)
""",
        named=("ops.matmul(x, self.kernel)",),
    ),
    Case(
        "LastStep",
        "6,4 6,4",
        "x[:, -1, :]",
        "x[:, -1:, :]",
        """
class LastStep(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.score = layers.Dense(units)
        self.key = layers.Dense(units)

    def call(self, x, memory):
        query = self.score(x[:, -1, :])
        keys = self.key(memory)
        logits = ops.einsum("bd,btd->bt", query, keys)
        weights = ops.softmax(logits, axis=-1)
        return ops.einsum("bt,btd->bd", weights, memory)
""",
        named=('ops.einsum("bd,btd->bt", query, keys)', "self.score(x[:, -1:, :])"),
        also=(
            (
                """x[:, -1, :])
        keys = self.key(memory)
        logits = ops.einsum("bd,""",
                """x[:, -1:, :])
        keys = self.key(memory)
        logits = ops.einsum("bsd,""",
            ),
        ),
    ),
    Case(
        "HuberOnColumn",
        "- 1",
        "ops.squeeze(y_pred, -1)",
        "y_pred",
        """
class HuberOnColumn(keras.losses.Loss):
    def __init__(self, delta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.delta = delta

    def call(self, y_true, y_pred):
        error = ops.abs(y_true - ops.squeeze(y_pred, -1))
        small = 0.5 * ops.square(error)
        large = self.delta * (error - 0.5 * self.delta)
        return ops.where(error < self.delta, small, large)
""",
    ),
    Case(
        "FocalClasses",
        "i4: 4",
        "ops.shape(y_pred)[-1]",
        "ops.shape(y_pred)[0]",
        """
class FocalClasses(keras.losses.Loss):
    def __init__(self, gamma=2.0, **kwargs):
        super().__init__(**kwargs)
        self.gamma = gamma

    def call(self, y_true, y_pred):
        p = ops.softmax(y_pred, axis=-1)
        truth = ops.one_hot(ops.cast(y_true, "int32"), ops.shape(y_pred)[-1])
        p = ops.clip(p, 1e-7, 1.0)
        focus = ops.power(1.0 - p, self.gamma)
        return -ops.sum(truth * focus * ops.log(p), axis=-1)
""",
        named=("truth * focus", "truth * focus * ops.log(p)"),
        batch=5,
    ),
    Case(
        "InfoNCE",
        "6 6",
        "ops.matmul(a, ops.transpose(b))",
        "ops.matmul(a, b)",
        """
class InfoNCE(keras.losses.Loss):
    def __init__(self, temperature=0.1, **kwargs):
        super().__init__(**kwargs)
        self.temperature = temperature

    def call(self, y_true, y_pred):
        a = ops.normalize(y_true, axis=-1)
        b = ops.normalize(y_pred, axis=-1)
        logits = ops.matmul(a, ops.transpose(b)) / self.temperature
        labels = ops.arange(ops.shape(a)[0])
        return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
""",
    ),
    Case(
        "RegionDice",
        "m6,6,1 u6,6,1",
        "axis=axes) + ops.sum(y_pred, axis=axes)",
        "axis=axes) + ops.sum(y_pred, axis=-1)",
        """
class RegionDice(keras.losses.Loss):
    def call(self, y_true, y_pred):
        axes = (1, 2, 3)
        inter = ops.sum(y_true * y_pred, axis=axes)
        union = ops.sum(y_true, axis=axes) + ops.sum(y_pred, axis=axes)
        return 1.0 - (2.0 * inter + 1.0) / (union + 1.0)
""",
        named=("ops.sum(y_true, axis=axes) + ops.sum(y_pred, axis=-1)", "ops.sum(y_pred, axis=-1)"),
    ),
    Case(
        "F1PerClass",
        "m3 u3",
        'shape=(classes,), name="fp"',
        'shape=(), name="fp"',
        """
class F1PerClass(keras.metrics.Metric):
    def __init__(self, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.tp = self.add_weight(initializer="zeros", shape=(classes,), name="tp")
        self.fp = self.add_weight(initializer="zeros", shape=(classes,), name="fp")
        self.fn = self.add_weight(initializer="zeros", shape=(classes,), name="fn")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.cast(y_pred > 0.5, "float32")
        self.tp.assign_add(ops.sum(y_true * y_pred, axis=0))
        self.fp.assign_add(ops.sum((1.0 - y_true) * y_pred, axis=0))
        self.fn.assign_add(ops.sum(y_true * (1.0 - y_pred), axis=0))

    def result(self):
        return ops.mean(2.0 * self.tp / (2.0 * self.tp + self.fp + self.fn + 1e-7))
""",
        named=("self.fp.assign_add(ops.sum((1.0 - y_true) * y_pred, axis=0))",),
    ),
    Case(
        "TokenAccuracy",
        "i5:6 6,5",
        "axis=-1), y_true.dtype)",
        "axis=1), y_true.dtype)",
        """
class TokenAccuracy(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.right = self.add_weight(shape=(), initializer="zeros", name="right")
        self.count = self.add_weight(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.cast(ops.argmax(y_pred, axis=-1), y_true.dtype)
        hits = ops.cast(ops.equal(y_true, guess), "float32")
        real = ops.cast(y_true > 0, "float32")
        self.right.assign_add(ops.sum(hits * real))
        self.count.assign_add(ops.sum(real))

    def result(self):
        return self.right / ops.maximum(self.count, 1.0)
""",
        named=("ops.equal(y_true, guess)",),
    ),
    Case(
        "ResidualBlock",
        "8,8,3",
        'layers.Conv2D(filters, 3, padding="same")',
        "layers.Conv2D(filters, 3)",
        """
class ResidualBlock(layers.Layer):
    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.conv1 = layers.Conv2D(filters, 3, padding="same", activation="relu")
        self.conv2 = layers.Conv2D(filters, 3, padding="same")
        self.project = layers.Conv2D(filters, 1)

    def call(self, x):
        y = self.conv2(self.conv1(x))
        return ops.relu(y + self.project(x))
""",
        named=("y + self.project(x)",),
    ),
    Case(
        "Reparam",
        "6",
        "ops.shape(mean)",
        "ops.shape(h)",
        """
class Reparam(layers.Layer):
    def __init__(self, latent=3, **kwargs):
        super().__init__(**kwargs)
        self.to_mean = layers.Dense(latent)
        self.to_log = layers.Dense(latent)
        self.hidden = layers.Dense(5, activation="relu")

    def call(self, x):
        h = self.hidden(x)
        mean, log = self.to_mean(h), self.to_log(h)
        eps = 0.5 * ops.ones(ops.shape(mean))
        return mean + ops.exp(0.5 * log) * eps
""",
        named=("ops.exp(0.5 * log) * eps",),
        also=(("ops.shape(mean)", "ops.shape(log)"),),
    ),
    Case(
        "MoEGate",
        "5",
        "axis=1)\n        weights",
        "axis=0)\n        weights",
        """
class MoEGate(layers.Layer):
    def __init__(self, units=4, experts=3, **kwargs):
        super().__init__(**kwargs)
        self.experts = [layers.Dense(units) for _ in range(experts)]
        self.gate = layers.Dense(experts, activation="softmax")

    def call(self, x):
        outputs = ops.stack([expert(x) for expert in self.experts], axis=1)
        weights = ops.expand_dims(self.gate(x), -1)
        return ops.sum(weights * outputs, axis=1)
""",
        named=("weights * outputs",),
    ),
    Case(
        "TripletModel",
        "5 5 5",
        "axis=-1)\n        far",
        "axis=-1, keepdims=True)\n        far",
        """
class TripletModel(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.encoder = keras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(3)])

    def call(self, anchor, positive, negative):
        a, p, n = self.encoder(anchor), self.encoder(positive), self.encoder(negative)
        near = ops.sum(ops.square(a - p), axis=-1)
        far = ops.sum(ops.square(a - n), axis=-1)
        return ops.stack([near, far, ops.maximum(near - far + 1.0, 0.0)], axis=-1)
""",
        named=("near - far", "ops.stack([near, far, ops.maximum(near - far + 1.0, 0.0)], axis=-1)"),
    ),
    Case(
        "TurnedByReshape",
        "3,5",
        "return ops.transpose(x, (0, 2, 1))",
        "return ops.transpose(ops.reshape(x, (features, rows, steps)), (1, 0, 2))",
        """
class TurnedByReshape(layers.Layer):
    def call(self, x):
        rows, steps, features = ops.shape(x)
        return ops.transpose(x, (0, 2, 1))
""",
        named=("ops.reshape(x, (features, rows, steps))",),
    ),
)
