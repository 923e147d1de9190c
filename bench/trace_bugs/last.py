"""Cases that are only ever run to score: written after the search had been changed for all sets before it."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "AffineGrid",
        "2,3",
        "ops.matmul(theta, ops.transpose(grid))",
        "ops.matmul(theta, grid)",
        """
class AffineGrid(layers.Layer):
    def __init__(self, height=3, width=4, **kwargs):
        super().__init__(**kwargs)
        self.height, self.width = height, width

    def call(self, theta):
        rows = ops.linspace(-1.0, 1.0, self.height)
        columns = ops.linspace(-1.0, 1.0, self.width)
        y, x = ops.meshgrid(rows, columns, indexing="ij")
        flat = [ops.reshape(x, (-1,)), ops.reshape(y, (-1,))]
        grid = ops.stack([*flat, ops.ones_like(flat[0])], axis=-1)
        places = ops.matmul(theta, ops.transpose(grid))
        return ops.reshape(places, (-1, 2, self.height, self.width))
""",
    ),
    Case(
        "PatternMemory",
        "6",
        "ops.softmax(self.beta * overlap, axis=-1)",
        "ops.softmax(self.beta * overlap, axis=0)",
        """
class PatternMemory(layers.Layer):
    def __init__(self, patterns=5, beta=2.0, **kwargs):
        super().__init__(**kwargs)
        self.count, self.beta = patterns, beta

    def build(self, shape):
        self.patterns = self.add_weight(shape=(self.count, shape[-1]), name="patterns")

    def call(self, x):
        overlap = ops.matmul(x, ops.transpose(self.patterns))
        return ops.matmul(ops.softmax(self.beta * overlap, axis=-1), self.patterns)
""",
    ),
    Case(
        "EarthMover",
        "p5 p5",
        "ops.cumsum(y_pred, axis=-1)",
        "ops.cumsum(y_pred, axis=0)",
        """
class EarthMover(keras.losses.Loss):
    def call(self, y_true, y_pred):
        gap = ops.cumsum(y_true, axis=-1) - ops.cumsum(y_pred, axis=-1)
        return ops.sqrt(ops.mean(ops.square(gap), axis=-1) + 1e-8)
""",
    ),
    Case(
        "LatentReader",
        "7,4",
        "ops.shape(x)[0], axis=0)",
        "ops.shape(x)[0], axis=1)",
        """
class LatentReader(layers.Layer):
    def __init__(self, latents=3, width=5, **kwargs):
        super().__init__(**kwargs)
        self.count, self.width = latents, width
        self.attend = layers.MultiHeadAttention(1, 4)

    def build(self, shape):
        self.latents = self.add_weight(shape=(1, self.count, self.width), name="latents")

    def call(self, x):
        queries = ops.repeat(self.latents, ops.shape(x)[0], axis=0)
        return self.attend(queries, x)
""",
        named=("self.attend(queries, x)",),
    ),
    Case(
        "FeatureTokenizer",
        "6",
        "x[:, :, None] * self.w",
        "x[:, None] * self.w",
        """
class FeatureTokenizer(layers.Layer):
    def __init__(self, width=4, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.width), name="w")
        self.b = self.add_weight(shape=(shape[-1], self.width), initializer="zeros", name="b")

    def call(self, x):
        return x[:, :, None] * self.w + self.b
""",
        also=(("x[:, :, None] * self.w", "x[..., None] * self.w"),),
    ),
    Case(
        "TemporalBlock",
        "8,3",
        "out + self.match(x)",
        "out + x",
        """
class TemporalBlock(layers.Layer):
    def __init__(self, filters=5, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Conv1D(filters, 3, padding="causal", activation="relu")
        self.second = layers.Conv1D(filters, 3, padding="causal", dilation_rate=2)
        self.match = layers.Conv1D(filters, 1)

    def call(self, x):
        out = self.second(self.first(x))
        return ops.relu(out + self.match(x))
""",
    ),
    Case(
        "HorizonError",
        "6 6",
        "ops.sum(error, axis=0)",
        "ops.mean(error, axis=0)",
        """
class HorizonError(keras.metrics.Metric):
    def __init__(self, horizon=6, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(shape=(horizon,), initializer="zeros", name="total")
        self.rows = self.add_weight(shape=(), initializer="zeros", name="rows")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = ops.abs(y_true - y_pred)
        self.total.assign_add(ops.sum(error, axis=0))
        self.rows.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.total / (self.rows + 1e-7)
""",
    ),
    Case(
        "EulerSteps",
        "3",
        "ops.ones_like(state[:, :1])",
        "ops.ones_like(state[:1])",
        """
class EulerSteps(layers.Layer):
    def __init__(self, steps=4, **kwargs):
        super().__init__(**kwargs)
        self.steps = steps
        self.hidden = layers.Dense(8, activation="tanh")

    def build(self, shape):
        self.field = layers.Dense(shape[-1])

    def call(self, state):
        dt = 1.0 / self.steps
        for step in range(self.steps):
            time = step * dt * ops.ones_like(state[:, :1])
            change = self.field(self.hidden(ops.concatenate([state, time], axis=-1)))
            state = state + dt * change
        return state
""",
        named=("ops.concatenate([state, time], axis=-1)",),
    ),
    Case(
        "UncertainRegression",
        "2 3",
        "y_pred[:, 2:]",
        "y_pred[:, 2]",
        """
class UncertainRegression(keras.losses.Loss):
    def call(self, y_true, y_pred):
        mean, log_var = y_pred[:, :2], y_pred[:, 2:]
        weighted = ops.square(y_true - mean) * ops.exp(-log_var)
        return 0.5 * ops.mean(weighted + log_var, axis=-1)
""",
        named=("ops.square(y_true - mean) * ops.exp(-log_var)",),
        also=(("y_pred[:, 2:]", "y_pred[:, 2:3]"), ("y_pred[:, 2:]", "y_pred[:, -1:]")),
    ),
    Case(
        "GroupedLinear",
        "12",
        "(-1, self.groups, x.shape[-1] // self.groups)",
        "(-1, self.groups, self.units)",
        """
class GroupedLinear(layers.Layer):
    def __init__(self, groups=3, units=2, **kwargs):
        super().__init__(**kwargs)
        self.groups, self.units = groups, units

    def build(self, shape):
        size = (self.groups, shape[-1] // self.groups, self.units)
        self.kernel = self.add_weight(shape=size, name="kernel")

    def call(self, x):
        parts = ops.reshape(x, (-1, self.groups, x.shape[-1] // self.groups))
        mixed = ops.einsum("bgi,gio->bgo", parts, self.kernel)
        return ops.reshape(mixed, (-1, self.groups * self.units))
""",
        named=('ops.einsum("bgi,gio->bgo", parts, self.kernel)',),
    ),
    Case(
        "PaddedPooling",
        "6,3 m6",
        "(1.0 - mask[..., None])",
        "(1.0 - mask)",
        """
class PaddedPooling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.score = layers.Dense(1)

    def call(self, steps, padding):
        mask = ops.cast(padding, "float32")
        scores = self.score(steps) + (1.0 - mask[..., None]) * -1e4
        return ops.sum(ops.softmax(scores, axis=1) * steps, axis=1)
""",
        named=("self.score(steps) + (1.0 - mask) * -1e4",),
    ),
    Case(
        "SphereProject",
        "5",
        "ops.norm(h, axis=-1, keepdims=True)",
        "ops.norm(h)",
        """
class SphereProject(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.project = layers.Dense(units)

    def call(self, x):
        h = self.project(x)
        return h / (ops.norm(h, axis=-1, keepdims=True) + 1e-6)
""",
    ),
)
