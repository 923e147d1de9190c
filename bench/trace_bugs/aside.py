"""Cases written after the search had been changed for all sets before them; it was then changed for them, too."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "DeepSetEncoder",
        "5,3",
        "ops.max(self.inner(points), axis=1)",
        "ops.max(self.inner(points), axis=2)",
        """
class DeepSetEncoder(layers.Layer):
    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(units, activation="relu")
        self.units = units

    def build(self, shape):
        self.mix = self.add_weight(shape=(self.units, 2), name="mix")

    def call(self, points):
        pooled = ops.max(self.inner(points), axis=1)
        return ops.matmul(pooled, self.mix)
""",
        named=("ops.matmul(pooled, self.mix)",),
    ),
    Case(
        "RotaryHalves",
        "6,8",
        "ops.concatenate([-second, first], axis=-1)",
        "ops.concatenate([-second, first], axis=1)",
        """
class RotaryHalves(layers.Layer):
    def call(self, x):
        steps, dim = x.shape[1], x.shape[2]
        rates = 1.0 / (100.0 ** (ops.arange(0, dim, 2, dtype="float32") / dim))
        angles = ops.arange(steps, dtype="float32")[:, None] * rates[None, :]
        angles = ops.concatenate([angles, angles], axis=-1)
        first, second = ops.split(x, 2, axis=-1)
        turned = ops.concatenate([-second, first], axis=-1)
        return x * ops.cos(angles) + turned * ops.sin(angles)
""",
        named=("turned * ops.sin(angles)",),
    ),
    Case(
        "BatchedBilinear",
        "4 5",
        '"bi,ijk,bj->bk"',
        '"bi,ikj,bj->bk"',
        """
class BatchedBilinear(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, left_shape, right_shape=None):
        self.core = self.add_weight(shape=(left_shape[-1], right_shape[-1], self.units), name="core")

    def call(self, left, right):
        return ops.tanh(ops.einsum("bi,ijk,bj->bk", left, self.core, right))
""",
    ),
    Case(
        "ResizeConcat",
        "8,8,2 4,4,3",
        "ops.image.resize(coarse, fine.shape[1:3])",
        "ops.image.resize(coarse, coarse.shape[1:3])",
        """
class ResizeConcat(layers.Layer):
    def call(self, fine, coarse):
        bigger = ops.image.resize(coarse, fine.shape[1:3])
        return ops.concatenate([fine, bigger], axis=-1)
""",
        named=("ops.concatenate([fine, bigger], axis=-1)",),
    ),
    Case(
        "ExpertMixture",
        "5",
        "ops.stack([expert(x) for expert in self.experts], axis=1)",
        "ops.stack([expert(x) for expert in self.experts], axis=0)",
        """
class ExpertMixture(layers.Layer):
    def __init__(self, experts=3, units=4, **kwargs):
        super().__init__(**kwargs)
        self.experts = [layers.Dense(units) for _ in range(experts)]
        self.router = layers.Dense(experts, activation="softmax")

    def call(self, x):
        answers = ops.stack([expert(x) for expert in self.experts], axis=1)
        shares = ops.expand_dims(self.router(x), -1)
        return ops.sum(answers * shares, axis=1)
""",
        named=("answers * shares",),
    ),
    Case(
        "ConvGate",
        "6,6,3",
        'layers.Conv2D(filters, 3, padding="same")',
        "layers.Conv2D(filters, 3)",
        """
class ConvGate(keras.Model):
    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.body = layers.Conv2D(filters, 3, padding="same")
        self.gate = layers.Conv2D(filters, 1, activation="sigmoid")

    def call(self, x):
        return self.body(x) * self.gate(x)
""",
        named=("self.body(x) * self.gate(x)",),
    ),
    Case(
        "MarginRank",
        "i4:- 4",
        "ops.sum(y_pred * hot, axis=-1, keepdims=True)",
        "ops.sum(y_pred * hot, axis=-1)",
        """
class MarginRank(keras.losses.Loss):
    def call(self, y_true, y_pred):
        hot = ops.one_hot(ops.cast(y_true, "int32"), 4)
        right = ops.sum(y_pred * hot, axis=-1, keepdims=True)
        over = ops.maximum(0.0, 1.0 - right + y_pred) * (1.0 - hot)
        return ops.sum(over, axis=-1)
""",
        named=("1.0 - right + y_pred",),
    ),
    Case(
        "CosineProximity",
        "4 4",
        "ops.sum(true * pred, axis=-1)",
        "ops.sum(true * pred)",
        """
class CosineProximity(keras.losses.Loss):
    def call(self, y_true, y_pred):
        true = y_true / (ops.norm(y_true, axis=-1, keepdims=True) + 1e-6)
        pred = y_pred / (ops.norm(y_pred, axis=-1, keepdims=True) + 1e-6)
        return 1.0 - ops.sum(true * pred, axis=-1)
""",
    ),
    Case(
        "SeriesMASE",
        "8 8",
        "y_true[:, 1:] - y_true[:, :-1]",
        "y_true[:, 1:] - y_true[:, :-2]",
        """
class SeriesMASE(keras.losses.Loss):
    def call(self, y_true, y_pred):
        naive = ops.mean(ops.abs(y_true[:, 1:] - y_true[:, :-1]), axis=-1)
        return ops.mean(ops.abs(y_true - y_pred), axis=-1) / (naive + 1e-6)
""",
    ),
    Case(
        "HammingScore",
        "m5 u5",
        'ops.cast(ops.shape(y_true)[0], "float32")',
        "1.0",
        """
class HammingScore(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")
        self.rows = self.add_weight(shape=(), initializer="zeros", name="rows")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = ops.cast(ops.equal(y_true, ops.cast(y_pred > 0.5, "float32")), "float32")
        self.total.assign_add(ops.sum(ops.mean(hits, axis=-1)))
        self.rows.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.total / (self.rows + 1e-7)
""",
    ),
    Case(
        "ErrorByClass",
        "p3 p3",
        "ops.sum(ops.abs(y_true - y_pred), axis=0)",
        "ops.sum(ops.abs(y_true - y_pred), axis=-1)",
        """
class ErrorByClass(keras.metrics.Metric):
    def __init__(self, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.errors = self.add_weight(shape=(classes,), initializer="zeros", name="errors")
        self.rows = self.add_weight(shape=(), initializer="zeros", name="rows")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.errors.assign_add(ops.sum(ops.abs(y_true - y_pred), axis=0))
        self.rows.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return ops.max(self.errors / (self.rows + 1e-7))
""",
        named=("self.errors.assign_add(ops.sum(ops.abs(y_true - y_pred), axis=-1))",),
    ),
    Case(
        "SpectralPool",
        "8,3",
        "ops.transpose(x, (0, 2, 1))",
        "ops.transpose(x, (1, 2, 0))",
        """
class SpectralPool(layers.Layer):
    def __init__(self, keep=4, **kwargs):
        super().__init__(**kwargs)
        self.keep = keep
        self.out = layers.Dense(5)

    def build(self, shape):
        self.basis = self.add_weight(shape=(shape[1], self.keep), name="basis")

    def call(self, x):
        by_channel = ops.transpose(x, (0, 2, 1))
        return self.out(ops.matmul(by_channel, self.basis))
""",
        named=("ops.matmul(by_channel, self.basis)",),
    ),
    Case(
        "TemporalDifference",
        "7,4",
        "layers.Dense(units)",
        "layers.Dense(units * 2)",
        """
class TemporalDifference(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.step = layers.Dense(units)

    def call(self, x):
        state = ops.zeros_like(x[:, 0])
        outputs = []
        for t in range(x.shape[1]):
            state = ops.tanh(self.step(x[:, t]) + state)
            outputs.append(state)
        return ops.stack(outputs, axis=1)
""",
        named=("self.step(x[:, t]) + state",),
    ),
    Case(
        "NormalizedAdjacency",
        "u4,4 4,3",
        "degree[:, :, None] * adjacency * degree[:, None, :]",
        "degree[:, None] * adjacency * degree[None, :]",
        """
class NormalizedAdjacency(layers.Layer):
    def call(self, adjacency, nodes):
        degree = 1.0 / ops.sqrt(ops.sum(adjacency, axis=-1))
        weights = degree[:, :, None] * adjacency * degree[:, None, :]
        return ops.matmul(weights, nodes)
""",
    ),
)
