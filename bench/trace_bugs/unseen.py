"""Cases written after the search had been changed for all sets before them; it was then changed for them, too."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "RelativeBias",
        "6,8",
        "self.bias[None]",
        "self.bias[:, None]",
        """
class RelativeBias(layers.Layer):
    def __init__(self, heads=2, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads
        self.qk = layers.Dense(16)
        self.v = layers.Dense(8)

    def build(self, shape):
        steps = shape[1]
        self.bias = self.add_weight(shape=(self.heads, steps, steps), name="bias")

    def call(self, x):
        steps, depth = x.shape[1], 8 // self.heads
        q, k = ops.split(self.qk(x), 2, axis=-1)
        q = ops.transpose(ops.reshape(q, (-1, steps, self.heads, depth)), (0, 2, 1, 3))
        k = ops.transpose(ops.reshape(k, (-1, steps, self.heads, depth)), (0, 2, 1, 3))
        v = ops.transpose(ops.reshape(self.v(x), (-1, steps, self.heads, depth)), (0, 2, 1, 3))
        scores = ops.einsum("bhqd,bhkd->bhqk", q, k) + self.bias[None]
        out = ops.einsum("bhqk,bhkd->bhqd", ops.softmax(scores), v)
        return ops.reshape(ops.transpose(out, (0, 2, 1, 3)), (-1, steps, 8))
""",
    ),
    Case(
        "GroupNormByHand",
        "4,4,6",
        "axis=(1, 2, 4), keepdims=True)\n        var",
        "axis=(1, 2, 3), keepdims=True)\n        var",
        """
class GroupNormByHand(layers.Layer):
    def __init__(self, groups=3, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def call(self, x):
        h, w, c = x.shape[1:]
        x = ops.reshape(x, (-1, h, w, self.groups, c // self.groups))
        mean = ops.mean(x, axis=(1, 2, 4), keepdims=True)
        var = ops.mean(ops.square(x - mean), axis=(1, 2, 4), keepdims=True)
        return ops.reshape((x - mean) / ops.sqrt(var + 1e-3), (-1, h, w, c))
""",
    ),
    Case(
        "PointwiseTail",
        "10,4",
        "layers.Conv1D(channels, 1)",
        "layers.Conv1D(channels * 2, 1)",
        """
class PointwiseTail(layers.Layer):
    def __init__(self, channels=4, **kwargs):
        super().__init__(**kwargs)
        self.wide = layers.Conv1D(channels * 2, 3, padding="same", activation="relu")
        self.narrow = layers.Conv1D(channels, 1)
        self.norm = layers.LayerNormalization()

    def call(self, x):
        return self.norm(x + self.narrow(self.wide(x)))
""",
        named=("x + self.narrow(self.wide(x))",),
    ),
    Case(
        "SetPooling",
        "7,4 m7",
        "ops.sum(mask, axis=1, keepdims=True)",
        "ops.sum(mask, axis=1)",
        """
class SetPooling(layers.Layer):
    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.each = layers.Dense(units, activation="gelu")
        self.after = layers.Dense(units)

    def call(self, items, mask):
        hidden = self.each(items) * ops.expand_dims(mask, -1)
        count = ops.maximum(ops.sum(mask, axis=1, keepdims=True), 1.0)
        return self.after(ops.sum(hidden, axis=1) / count)
""",
        named=("ops.sum(hidden, axis=1) / count",),
    ),
    Case(
        "FourierFeatures",
        "3",
        "ops.concatenate([ops.sin(phase), ops.cos(phase)], axis=-1)",
        "ops.concatenate([ops.sin(phase), ops.cos(phase)], axis=0)",
        """
class FourierFeatures(layers.Layer):
    def __init__(self, width=4, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.mix = layers.Dense(6)

    def build(self, shape):
        self.b = self.add_weight(shape=(shape[-1], self.width), trainable=False, name="b")

    def call(self, x):
        phase = 2.0 * 3.14159 * ops.matmul(x, self.b)
        features = ops.concatenate([ops.sin(phase), ops.cos(phase)], axis=-1)
        return self.mix(features)
""",
    ),
    Case(
        "BilinearScore",
        "5 4",
        "shape=(a_shape[-1], b_shape[-1])",
        "shape=(b_shape[-1], a_shape[-1])",
        """
class BilinearScore(layers.Layer):
    def build(self, a_shape, b_shape):
        self.w = self.add_weight(shape=(a_shape[-1], b_shape[-1]), name="w")

    def call(self, a, b):
        return ops.sum(ops.matmul(a, self.w) * b, axis=-1, keepdims=True)
""",
        named=("ops.matmul(a, self.w)",),
    ),
    Case(
        "SequenceReverse",
        "6,4",
        "ops.flip(x, axis=1)",
        "ops.flip(x, axis=0)",
        """
class SequenceReverse(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.ahead = layers.GRU(units)
        self.behind = layers.GRU(units)

    def call(self, x):
        return ops.concatenate([self.ahead(x), self.behind(ops.flip(x, axis=1))], axis=-1)
""",
    ),
    Case(
        "Maxout",
        "6",
        "(-1, self.units, self.pieces)",
        "(-1, self.units)",
        """
class Maxout(layers.Layer):
    def __init__(self, units=4, pieces=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces
        self.linear = layers.Dense(units * pieces)

    def call(self, x):
        values = ops.reshape(self.linear(x), (-1, self.units, self.pieces))
        return ops.max(values, axis=-1)
""",
        also=(
            (
                "(-1, self.units, self.pieces))\n        return ops.max(values, axis=-1)",
                "(-1, self.pieces, self.units))\n        return ops.max(values, axis=1)",
            ),
        ),
    ),
    Case(
        "VectorQuantizer",
        "5,4",
        "ops.sum(ops.square(self.codes), axis=1)",
        "ops.sum(ops.square(self.codes), axis=0)",
        """
class VectorQuantizer(layers.Layer):
    def __init__(self, count=7, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def build(self, shape):
        self.codes = self.add_weight(shape=(self.count, shape[-1]), initializer="uniform", name="codes")

    def call(self, x):
        flat = ops.reshape(x, (-1, x.shape[-1]))
        near = (
            ops.sum(ops.square(flat), axis=1, keepdims=True)
            - 2.0 * ops.matmul(flat, ops.transpose(self.codes))
            + ops.sum(ops.square(self.codes), axis=1)
        )
        chosen = ops.take(self.codes, ops.argmin(near, axis=-1), axis=0)
        return ops.reshape(chosen, (-1, x.shape[1], x.shape[-1]))
""",
    ),
    Case(
        "UNetUp",
        "4,4,6 8,8,3",
        "layers.UpSampling2D(2)",
        "layers.UpSampling2D(1)",
        """
class UNetUp(layers.Layer):
    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.up = layers.UpSampling2D(2)
        self.conv = layers.Conv2D(filters, 3, padding="same", activation="relu")

    def call(self, low, skip):
        return self.conv(ops.concatenate([self.up(low), skip], axis=-1))
""",
        named=("ops.concatenate([self.up(low), skip], axis=-1)", "self.up(low)"),
    ),
    Case(
        "TwoStreams",
        "6,4 5",
        "ops.concatenate([self.sequence(steps), self.static(fixed)], axis=-1)",
        "ops.concatenate([steps, self.static(fixed)], axis=-1)",
        """
class TwoStreams(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.sequence = layers.LSTM(4)
        self.static = layers.Dense(3, activation="relu")
        self.out = layers.Dense(1)

    def call(self, steps, fixed):
        both = ops.concatenate([self.sequence(steps), self.static(fixed)], axis=-1)
        return self.out(both)
""",
    ),
    Case(
        "GaussianNLL",
        "1 2",
        "mean, log_var = y_pred[:, :1], y_pred[:, 1:]",
        "mean, log_var = y_pred[:, 0], y_pred[:, 1]",
        """
class GaussianNLL(keras.losses.Loss):
    def call(self, y_true, y_pred):
        mean, log_var = y_pred[:, :1], y_pred[:, 1:]
        error = ops.square(y_true - mean) * ops.exp(-log_var)
        return ops.mean(0.5 * (error + log_var), axis=-1)
""",
        named=("y_true - mean",),
    ),
    Case(
        "QuantileLoss",
        "1 3",
        "ops.convert_to_tensor([0.1, 0.5, 0.9])",
        "ops.convert_to_tensor([[0.1], [0.5], [0.9]])",
        """
class QuantileLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        levels = ops.convert_to_tensor([0.1, 0.5, 0.9])
        error = y_true - y_pred
        return ops.mean(ops.maximum(levels * error, (levels - 1.0) * error), axis=-1)
""",
        named=("levels * error",),
    ),
    Case(
        "MaskedTokens",
        "i6:5 5,6",
        "ops.sum(mask, axis=-1)",
        "ops.sum(mask)",
        """
class MaskedTokens(keras.losses.Loss):
    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, "int32")
        mask = ops.cast(y_true > 0, "float32")
        each = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
        return ops.sum(each * mask, axis=-1) / (ops.sum(mask, axis=-1) + 1e-6)
""",
    ),
    Case(
        "AngleLoss",
        "5 5",
        "ops.norm(y_pred, axis=-1)",
        "ops.norm(y_pred, axis=0)",
        """
class AngleLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        dots = ops.sum(y_true * y_pred, axis=-1)
        sizes = ops.norm(y_true, axis=-1) * ops.norm(y_pred, axis=-1)
        return 1.0 - dots / (sizes + 1e-6)
""",
        named=("ops.norm(y_true, axis=-1) * ops.norm(y_pred, axis=0)",),
    ),
    Case(
        "MeanIoU",
        "i3:6,6 6,6,3",
        "ops.argmax(y_pred, axis=-1)",
        "ops.argmax(y_pred, axis=1)",
        """
class MeanIoU(keras.metrics.Metric):
    def __init__(self, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.inter = self.add_weight(shape=(classes,), initializer="zeros", name="inter")
        self.union = self.add_weight(shape=(classes,), initializer="zeros", name="union")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        truth = ops.one_hot(ops.cast(y_true, "int32"), self.classes)
        both = ops.sum(guess * truth, axis=(0, 1, 2))
        self.inter.assign_add(both)
        self.union.assign_add(ops.sum(guess, axis=(0, 1, 2)) + ops.sum(truth, axis=(0, 1, 2)) - both)

    def result(self):
        return ops.mean(self.inter / (self.union + 1e-6))
""",
        named=("guess * truth",),
    ),
    Case(
        "RootMeanSquare",
        "- 1",
        "ops.reshape(y_pred, (-1,))",
        "y_pred",
        """
class RootMeanSquare(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")
        self.count = self.add_weight(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = ops.square(y_true - ops.reshape(y_pred, (-1,)))
        self.total.assign_add(ops.sum(error))
        self.count.assign_add(ops.cast(ops.size(y_true), "float32"))

    def result(self):
        return ops.sqrt(self.total / self.count)
""",
    ),
    Case(
        "TopicMixture",
        "i9:8",
        "ops.mean(self.embed(tokens), axis=1)",
        "ops.mean(self.embed(tokens), axis=-1)",
        """
class TopicMixture(layers.Layer):
    def __init__(self, topics=4, dim=5, **kwargs):
        super().__init__(**kwargs)
        self.topics = topics
        self.dim = dim
        self.embed = layers.Embedding(9, dim)

    def build(self, shape):
        self.centers = self.add_weight(shape=(self.dim, self.topics), name="centers")

    def call(self, tokens):
        document = ops.mean(self.embed(tokens), axis=1)
        return ops.softmax(ops.matmul(document, self.centers), axis=-1)
""",
        named=("ops.matmul(document, self.centers)",),
    ),
    Case(
        "DecayedMemory",
        "6,4",
        'shape=(shape[-1],), initializer="zeros", name="decay"',
        'shape=(shape[1],), initializer="zeros", name="decay"',
        """
class DecayedMemory(layers.Layer):
    def build(self, shape):
        self.decay = self.add_weight(shape=(shape[-1],), initializer="zeros", name="decay")
        self.out = self.add_weight(shape=(shape[-1], 2), name="out")

    def call(self, x):
        state = ops.zeros_like(x[:, 0])
        keep = ops.sigmoid(self.decay)
        for step in range(x.shape[1]):
            state = keep * state + (1.0 - keep) * x[:, step]
        return ops.matmul(state, self.out)
""",
        named=("keep * state",),
    ),
)
