"""Metrics in which one expression is wrong."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "ClassAccuracy",
        "i3: p3",
        "ops.argmax(y_pred, axis=-1)",
        "ops.argmax(y_pred, axis=0)",
        """
class ClassAccuracy(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.argmax(y_pred, axis=-1)
        hit = ops.cast(ops.equal(ops.cast(y_true, "int32"), ops.cast(guess, "int32")), "float32")
        self.hits.assign_add(ops.sum(hit))
        self.seen.assign_add(ops.cast(ops.shape(y_pred)[0], "float32"))

    def result(self):
        return self.hits / self.seen
""",
        named=(
            'ops.equal(ops.cast(y_true, "int32"), ops.cast(guess, "int32"))',
            'ops.cast(ops.equal(ops.cast(y_true, "int32"), ops.cast(guess, "int32")), "float32")',
        ),
    ),
    Case(
        "ConfusionCount",
        "i3: p3",
        "ops.matmul(ops.transpose(actual), guessed)",
        "ops.matmul(actual, guessed)",
        """
class ConfusionCount(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table = self.add_weight(shape=(3, 3), initializer="zeros", name="table")

    def update_state(self, y_true, y_pred, sample_weight=None):
        actual = ops.one_hot(y_true, 3)
        guessed = ops.one_hot(ops.argmax(y_pred, axis=-1), 3)
        self.table.assign_add(ops.matmul(ops.transpose(actual), guessed))

    def result(self):
        return ops.trace(self.table) / (ops.sum(self.table) + 1e-7)
""",
    ),
    Case(
        "SquaredTotal",
        "3 3",
        "ops.sum(ops.square(y_true - y_pred))",
        "ops.sum(ops.square(y_true - y_pred), axis=-1)",
        """
class SquaredTotal(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.sum(ops.square(y_true - y_pred)))

    def result(self):
        return self.total
""",
        named=("self.total.assign_add(ops.sum(ops.square(y_true - y_pred), axis=-1))",),
    ),
    Case(
        "PerClassRecall",
        "m3 u3",
        "ops.sum(y_true * guess, axis=0)",
        "ops.sum(y_true * guess, axis=1)",
        """
class PerClassRecall(keras.metrics.Metric):
    def __init__(self, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.hits = self.add_weight(shape=(classes,), initializer="zeros", name="hits")
        self.real = self.add_weight(shape=(classes,), initializer="zeros", name="real")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.cast(y_pred > 0.5, "float32")
        self.hits.assign_add(ops.sum(y_true * guess, axis=0))
        self.real.assign_add(ops.sum(y_true, axis=0))

    def result(self):
        return ops.mean(self.hits / (self.real + 1e-7))
""",
        named=("self.hits.assign_add(ops.sum(y_true * guess, axis=1))",),
    ),
    Case(
        "ClassTotals",
        "m3 u3",
        'shape=(classes,), initializer="zeros", name="real"',
        'shape=(), initializer="zeros", name="real"',
        """
class ClassTotals(keras.metrics.Metric):
    def __init__(self, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.hits = self.add_weight(shape=(classes,), initializer="zeros", name="hits")
        self.real = self.add_weight(shape=(classes,), initializer="zeros", name="real")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.hits.assign_add(ops.sum(y_true * ops.round(y_pred), axis=0))
        self.real.assign_add(ops.sum(y_true, axis=0))

    def result(self):
        return ops.max(self.hits / (self.real + 1e-7))
""",
        named=("self.real.assign_add(ops.sum(y_true, axis=0))", "self.real"),
    ),
    Case(
        "FlatAccuracy",
        "m u1",
        "ops.squeeze(y_pred, -1)",
        "y_pred",
        """
class FlatAccuracy(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.round(ops.squeeze(y_pred, -1))
        self.hits.assign_add(ops.sum(ops.cast(ops.equal(y_true, guess), "float32")))
        self.seen.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.hits / self.seen
""",
        named=("ops.equal(y_true, guess)",),
    ),
    Case(
        "WeightedError",
        "3 3 u",
        "error * sample_weight)",
        "ops.square(y_true - y_pred) * sample_weight)",
        """
class WeightedError(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")
        self.weight = self.add_weight(shape=(), initializer="zeros", name="weight")

    def update_state(self, y_true, y_pred, sample_weight):
        error = ops.mean(ops.square(y_true - y_pred), axis=-1)
        self.total.assign_add(ops.sum(error * sample_weight))
        self.weight.assign_add(ops.sum(sample_weight))

    def result(self):
        return self.total / self.weight
""",
    ),
    Case(
        "TopTwo",
        "i4: p4",
        "y_true[:, None]",
        "y_true",
        """
class TopTwo(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        best = ops.top_k(y_pred, k=2)[1]
        hit = ops.any(ops.equal(ops.cast(best, "int32"), y_true[:, None]), axis=-1)
        self.hits.assign_add(ops.sum(ops.cast(hit, "float32")))
        self.seen.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.hits / self.seen
""",
        named=('ops.equal(ops.cast(best, "int32"), y_true)',),
    ),
    Case(
        "Determination",
        "3 3",
        "ops.sum(ops.square(y_true), axis=0)",
        "ops.sum(ops.square(y_true))",
        """
class Determination(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.count = self.add_weight(shape=(), initializer="zeros", name="count")
        self.sums = self.add_weight(shape=(2, 3), initializer="zeros", name="sums")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))
        error = ops.sum(ops.square(y_true - y_pred), axis=0)
        self.sums.assign_add(ops.stack([error, ops.sum(ops.square(y_true), axis=0)]))

    def result(self):
        return 1.0 - ops.mean(self.sums[0] / self.sums[1])
""",
        named=("ops.stack([error, ops.sum(ops.square(y_true))])",),
    ),
    Case(
        "FlowHits",
        "i2: u",
        "tf.cast(y_true, y_pred.dtype)",
        "y_true",
        """
class FlowHits(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = tf.cast(y_true, y_pred.dtype)
        self.total.assign_add(tf.reduce_sum(tf.abs(y_true - y_pred)))
        self.seen.assign_add(tf.cast(tf.shape(y_pred)[0], tf.float32))

    def result(self):
        return self.total / self.seen
""",
        backends=("tensorflow",),
        header="import keras\nimport tensorflow as tf\n\n\n",
        named=("y_true - y_pred",),
    ),
)
