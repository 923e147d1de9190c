"""Cases written after the search had been changed for all sets before them; it was then changed for them, too."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "ChannelAttention",
        "5,5,8",
        "ops.expand_dims(ops.expand_dims(weights, 1), 1)",
        "ops.expand_dims(weights, 1)",
        """
class ChannelAttention(layers.Layer):
    def __init__(self, reduction=4, **kwargs):
        super().__init__(**kwargs)
        self.reduction = reduction

    def build(self, shape):
        self.hidden = layers.Dense(shape[-1] // self.reduction, activation="relu")
        self.back = layers.Dense(shape[-1])

    def call(self, feature_map):
        average = self.back(self.hidden(ops.mean(feature_map, axis=(1, 2))))
        biggest = self.back(self.hidden(ops.max(feature_map, axis=(1, 2))))
        weights = ops.sigmoid(average + biggest)
        return feature_map * ops.expand_dims(ops.expand_dims(weights, 1), 1)
""",
    ),
    Case(
        "CrossAttentionPool",
        "6,4 3,4",
        "ops.matmul(scores, memory)",
        "ops.matmul(scores, query)",
        """
class CrossAttentionPool(layers.Layer):
    def call(self, query, memory):
        scores = ops.softmax(ops.einsum("bqd,bkd->bqk", query, memory) / 2.0)
        context = ops.matmul(scores, memory)
        return query + context
""",
        named=("ops.matmul(scores, query)",),
    ),
    Case(
        "WindowSlices",
        "12,3",
        "x[:, start : start + self.width]",
        "x[start : start + self.width]",
        """
class WindowSlices(layers.Layer):
    def __init__(self, width=4, step=4, **kwargs):
        super().__init__(**kwargs)
        self.width, self.step = width, step
        self.summary = layers.Dense(5)

    def call(self, x):
        parts = []
        for start in range(0, x.shape[1] - self.width + 1, self.step):
            window = x[:, start : start + self.width]
            parts.append(ops.mean(self.summary(window), axis=1))
        return ops.stack(parts, axis=1)
""",
    ),
    Case(
        "PrototypeDistance",
        "6",
        "ops.expand_dims(x, 1) - self.prototypes",
        "x - self.prototypes",
        """
class PrototypeDistance(layers.Layer):
    def __init__(self, count=3, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def build(self, shape):
        self.prototypes = self.add_weight(shape=(self.count, shape[-1]), name="prototypes")

    def call(self, x):
        delta = ops.expand_dims(x, 1) - self.prototypes
        return -ops.sum(ops.square(delta), axis=-1)
""",
    ),
    Case(
        "FactorizationMachine",
        "7",
        "ops.square(ops.matmul(x, self.v)) - ops.matmul(ops.square(x), ops.square(self.v))",
        "ops.square(ops.matmul(x, self.v)) - ops.matmul(ops.square(x), self.v * self.w)",
        """
class FactorizationMachine(layers.Layer):
    def __init__(self, factors=3, **kwargs):
        super().__init__(**kwargs)
        self.factors = factors

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 2), name="w")
        self.v = self.add_weight(shape=(shape[-1], self.factors), name="v")

    def call(self, x):
        linear = ops.matmul(x, self.w)
        pairs = ops.square(ops.matmul(x, self.v)) - ops.matmul(ops.square(x), ops.square(self.v))
        return linear + 0.5 * ops.sum(pairs, axis=-1, keepdims=True)
""",
        named=("self.v * self.w",),
    ),
    Case(
        "PixelShuffle",
        "3,4,8",
        "(-1, h * r, w * r, c // (r * r))",
        "(-1, h * r, w * r, c // r)",
        """
class PixelShuffle(layers.Layer):
    def __init__(self, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        h, w, c = x.shape[1:]
        r = self.factor
        x = ops.reshape(x, (-1, h, w, r, r, c // (r * r)))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, h * r, w * r, c // (r * r)))
""",
    ),
    Case(
        "StackedEncoder",
        "9,4",
        "return_sequences=True), layers.GRU(self.units)",
        "return_sequences=False), layers.GRU(self.units)",
        """
class StackedEncoder(keras.Model):
    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.cells = [layers.GRU(self.units, return_sequences=True), layers.GRU(self.units)]
        self.head = layers.Dense(2)

    def call(self, x):
        for cell in self.cells:
            x = cell(x)
        return self.head(x)
""",
        named=("cell(x)",),
    ),
    Case(
        "AdaptiveNorm",
        "5,6 4",
        "self.scale(style)[:, None, :]",
        "self.scale(style)",
        """
class AdaptiveNorm(layers.Layer):
    def build(self, content_shape, style_shape=None):
        self.scale = layers.Dense(content_shape[-1])
        self.shift = layers.Dense(content_shape[-1])

    def call(self, content, style):
        mean = ops.mean(content, axis=1, keepdims=True)
        std = ops.std(content, axis=1, keepdims=True) + 1e-5
        normal = (content - mean) / std
        return normal * self.scale(style)[:, None, :] + self.shift(style)[:, None, :]
""",
        named=("normal * self.scale(style)",),
    ),
    Case(
        "CornersLoss",
        "4 4",
        "ops.split(y_pred, 2, axis=-1)",
        "ops.split(y_pred, 2, axis=0)",
        """
class CornersLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        true_min, true_max = ops.split(y_true, 2, axis=-1)
        pred_min, pred_max = ops.split(y_pred, 2, axis=-1)
        low = ops.sum(ops.abs(true_min - pred_min), axis=-1)
        high = ops.sum(ops.abs(true_max - pred_max), axis=-1)
        return low + high
""",
    ),
    Case(
        "ArcMargin",
        "i5:- 5",
        'ops.one_hot(ops.cast(y_true, "int32"), ops.shape(y_pred)[-1])',
        'ops.one_hot(ops.cast(y_true, "int32"), ops.shape(y_pred)[0])',
        """
class ArcMargin(keras.losses.Loss):
    def __init__(self, margin=0.3, **kwargs):
        super().__init__(**kwargs)
        self.margin = margin

    def call(self, y_true, y_pred):
        hot = ops.one_hot(ops.cast(y_true, "int32"), ops.shape(y_pred)[-1])
        scores = 8.0 * (ops.tanh(y_pred) - self.margin * hot)
        return -ops.sum(hot * ops.log_softmax(scores), axis=-1)
""",
    ),
    Case(
        "SmoothnessPenalty",
        "6,1 6,1",
        "y_pred[:, 1:] - y_pred[:, :-1]",
        "y_pred[1:] - y_pred[:-1]",
        """
class SmoothnessPenalty(keras.losses.Loss):
    def call(self, y_true, y_pred):
        fit = ops.mean(ops.square(y_true - y_pred), axis=(1, 2))
        jumps = y_pred[:, 1:] - y_pred[:, :-1]
        return fit + 0.1 * ops.mean(ops.square(jumps), axis=(1, 2))
""",
    ),
    Case(
        "WeightedAUCPairs",
        "p4 p4",
        "axis=-1) * sample",
        "axis=0) * sample",
        """
class WeightedAUCPairs(keras.losses.Loss):
    def call(self, y_true, y_pred):
        sample = ops.max(y_true, axis=-1)
        return ops.sum(y_true * (ops.log(y_true) - ops.log(y_pred)), axis=-1) * sample
""",
        named=("ops.sum(y_true * (ops.log(y_true) - ops.log(y_pred)), axis=0)",),
    ),
    Case(
        "ExactMatch",
        "i3:5 5,3",
        "ops.all(same, axis=-1)",
        "ops.all(same)",
        """
class ExactMatch(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.right = self.add_weight(shape=(), initializer="zeros", name="right")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        same = ops.equal(ops.cast(y_true, "int32"), ops.cast(ops.argmax(y_pred, axis=-1), "int32"))
        whole = ops.cast(ops.all(same, axis=-1), "float32")
        self.right.assign_add(ops.sum(whole))
        self.seen.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.right / (self.seen + 1e-7)
""",
    ),
    Case(
        "QuantileCoverage",
        "1 2",
        "y_pred[:, :1], y_pred[:, 1:]",
        "y_pred[:, 0], y_pred[:, 1]",
        """
class QuantileCoverage(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inside = self.add_weight(shape=(), initializer="zeros", name="inside")
        self.count = self.add_weight(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        low, high = y_pred[:, :1], y_pred[:, 1:]
        within = ops.logical_and(y_true >= low, y_true <= low + ops.abs(high))
        self.inside.assign_add(ops.sum(ops.cast(within, "float32")))
        self.count.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.inside / (self.count + 1e-7)
""",
        named=("y_true >= low", "y_true <= low + ops.abs(high)"),
    ),
    Case(
        "GraphConvolution",
        "5,3 u5,5",
        "ops.matmul(adjacency, ops.matmul(nodes, self.kernel))",
        "ops.matmul(ops.matmul(nodes, self.kernel), adjacency)",
        """
class GraphConvolution(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, nodes_shape, adjacency_shape=None):
        self.kernel = self.add_weight(shape=(nodes_shape[-1], self.units), name="kernel")

    def call(self, nodes, adjacency):
        return ops.relu(ops.matmul(adjacency, ops.matmul(nodes, self.kernel)))
""",
    ),
    Case(
        "MixtureDensity",
        "6",
        "self.means = layers.Dense(mixtures * outputs)",
        "self.means = layers.Dense(mixtures + outputs)",
        """
class MixtureDensity(layers.Layer):
    def __init__(self, mixtures=3, outputs=2, **kwargs):
        super().__init__(**kwargs)
        self.mixtures, self.outputs = mixtures, outputs
        self.logits = layers.Dense(mixtures)
        self.means = layers.Dense(mixtures * outputs)

    def call(self, x):
        shares = ops.softmax(self.logits(x), axis=-1)
        means = ops.reshape(self.means(x), (-1, self.mixtures, self.outputs))
        return ops.sum(ops.expand_dims(shares, -1) * means, axis=1)
""",
        named=("ops.reshape(self.means(x), (-1, self.mixtures, self.outputs))",),
    ),
)
