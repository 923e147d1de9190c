"""Cases written after the search had been changed for all sets before them; it was then changed for them, too."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "ImageGate",
        "4,4,6",
        "self.expand(self.squeeze(ops.mean(x, axis=(1, 2), keepdims=True)))",
        "self.expand(self.squeeze(ops.mean(x, axis=(1, 2))))",
        """
class ImageGate(layers.Layer):
    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        channels = input_shape[-1]
        self.squeeze = layers.Dense(channels // self.ratio, activation="relu")
        self.expand = layers.Dense(channels, activation="sigmoid")

    def call(self, x):
        scale = self.expand(self.squeeze(ops.mean(x, axis=(1, 2), keepdims=True)))
        return x * scale
""",
        named=("x * scale",),
    ),
    Case(
        "SpatialGate",
        "5,6,4",
        "ops.max(x, axis=-1, keepdims=True)",
        "ops.max(x, axis=1, keepdims=True)",
        """
class SpatialGate(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(1, 3, padding="same", activation="sigmoid")

    def call(self, x):
        avg_out = ops.mean(x, axis=-1, keepdims=True)
        max_out = ops.max(x, axis=-1, keepdims=True)
        attention = self.conv(ops.concatenate([avg_out, max_out], axis=-1))
        return x * attention
""",
        named=("ops.concatenate([avg_out, max_out], axis=-1)",),
    ),
    Case(
        "PatchTokens",
        "8,8,3",
        "self.patch * self.patch * c",
        "self.patch * c",
        """
class PatchTokens(layers.Layer):
    def __init__(self, patch=4, dim=7, **kwargs):
        super().__init__(**kwargs)
        self.patch = patch
        self.project = layers.Dense(dim)

    def call(self, images):
        _, h, w, c = images.shape
        rows, cols = h // self.patch, w // self.patch
        x = ops.reshape(images, (-1, rows, self.patch, cols, self.patch, c))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        x = ops.reshape(x, (-1, rows * cols, self.patch * self.patch * c))
        return self.project(x)
""",
    ),
    Case(
        "AddedPositions",
        "6,5",
        "ops.arange(x.shape[1])",
        "ops.arange(x.shape[0])",
        """
class AddedPositions(layers.Layer):
    def __init__(self, longest=16, **kwargs):
        super().__init__(**kwargs)
        self.longest = longest

    def build(self, shape):
        self.table = layers.Embedding(self.longest, shape[-1])

    def call(self, x):
        positions = ops.arange(x.shape[1])
        return x + self.table(positions)
""",
        named=("x + self.table(positions)",),
    ),
    Case(
        "ScaledRows",
        "7",
        "axis=-1, keepdims=True) + 1e-8",
        "axis=0, keepdims=True) + 1e-8",
        """
class ScaledRows(layers.Layer):
    def __init__(self, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.classes), name="w")

    def call(self, x):
        length = ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-8)
        w = self.w / ops.norm(self.w, axis=0, keepdims=True)
        return ops.matmul(x / length, w)
""",
    ),
    Case(
        "HighwayBlock",
        "6",
        "self.units = shape[-1]",
        "self.units = 8",
        """
class HighwayBlock(layers.Layer):
    def build(self, shape):
        self.units = shape[-1]
        self.transform = layers.Dense(self.units, activation="tanh")
        self.gate = layers.Dense(self.units, activation="sigmoid", bias_initializer="ones")

    def call(self, x):
        gate = self.gate(x)
        return gate * self.transform(x) + (1 - gate) * x
""",
        named=("(1 - gate) * x", "self.gate(x)"),
    ),
    Case(
        "ChunkedGate",
        "5,6",
        "ops.split(self.both(x), 2, axis=-1)",
        "ops.split(self.both(x), 2, axis=1)",
        """
class ChunkedGate(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.both = layers.Dense(2 * units)
        self.out = layers.Dense(3)

    def call(self, x):
        value, gate = ops.split(self.both(x), 2, axis=-1)
        return self.out(value * ops.sigmoid(gate))
""",
    ),
    Case(
        "LowRankLinear",
        "8",
        "ops.matmul(ops.matmul(x, self.down), self.up)",
        "ops.matmul(ops.matmul(x, self.up), self.down)",
        """
class LowRankLinear(layers.Layer):
    def __init__(self, units=5, rank=2, **kwargs):
        super().__init__(**kwargs)
        self.units, self.rank = units, rank

    def build(self, shape):
        self.down = self.add_weight(shape=(shape[-1], self.rank), name="down")
        self.up = self.add_weight(shape=(self.rank, self.units), name="up")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        return ops.matmul(ops.matmul(x, self.down), self.up) + self.bias
""",
    ),
    Case(
        "SoftDice",
        "6,6,1 6,6,1",
        "axes = (1, 2, 3)",
        "axes = (0, 1, 2, 3)",
        """
class SoftDice(keras.losses.Loss):
    def __init__(self, smooth=1.0, **kwargs):
        super().__init__(**kwargs)
        self.smooth = smooth

    def call(self, y_true, y_pred):
        axes = (1, 2, 3)
        y_pred = ops.sigmoid(y_pred)
        overlap = ops.sum(y_true * y_pred, axis=axes)
        total = ops.sum(y_true, axis=axes) + ops.sum(y_pred, axis=axes)
        return 1 - (2 * overlap + self.smooth) / (total + self.smooth)
""",
        named=(
            "ops.sum(y_true * y_pred, axis=axes)",
            "ops.sum(y_true, axis=axes)",
            "ops.sum(y_pred, axis=axes)",
        ),
    ),
    Case(
        "TripletMargin",
        "1 3,4",
        "ops.unstack(y_pred, 3, axis=1)",
        "ops.unstack(y_pred, 3, axis=0)",
        """
class TripletMargin(keras.losses.Loss):
    def call(self, y_true, y_pred):
        anchor, positive, negative = ops.unstack(y_pred, 3, axis=1)
        near = ops.sum(ops.square(anchor - positive), axis=-1)
        far = ops.sum(ops.square(anchor - negative), axis=-1)
        return ops.maximum(near - far + 0.2, 0.0)
""",
    ),
    Case(
        "FocalSparse",
        "i4:- p4",
        "ops.take_along_axis(y_pred, labels, axis=-1)",
        "ops.take_along_axis(y_pred, labels, axis=0)",
        """
class FocalSparse(keras.losses.Loss):
    def __init__(self, gamma=2.0, **kwargs):
        super().__init__(**kwargs)
        self.gamma = gamma

    def call(self, y_true, y_pred):
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1, 1))
        p = ops.clip(ops.squeeze(ops.take_along_axis(y_pred, labels, axis=-1), -1), 1e-7, 1.0)
        return -((1 - p) ** self.gamma) * ops.log(p)
""",
    ),
    Case(
        "PinballHuber",
        "1 1",
        "error = ops.abs(y_true - y_pred)",
        "error = ops.abs(ops.squeeze(y_true, -1) - y_pred)",
        """
class PinballHuber(keras.losses.Loss):
    def call(self, y_true, y_pred):
        error = ops.abs(y_true - y_pred)
        small = 0.5 * ops.square(error)
        large = error - 0.5
        return ops.mean(ops.where(error < 1.0, small, large), axis=-1)
""",
    ),
    Case(
        "TopThree",
        "i6:- 6",
        "ops.expand_dims(labels, -1)",
        "labels",
        """
class TopThree(keras.metrics.Metric):
    def __init__(self, name="top_three", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        _, best = ops.top_k(y_pred, 3)
        labels = ops.cast(y_true, "int32")
        hit = ops.any(ops.equal(best, ops.expand_dims(labels, -1)), axis=-1)
        self.hits.assign_add(ops.sum(ops.cast(hit, "float32")))
        self.seen.assign_add(ops.cast(ops.shape(y_pred)[0], "float32"))

    def result(self):
        return self.hits / ops.maximum(self.seen, 1.0)
""",
        named=("ops.equal(best, labels)",),
    ),
    Case(
        "PearsonR",
        "1 1",
        "ops.sum(y_true * y_pred))",
        "ops.mean(y_true * y_pred))",
        """
class PearsonR(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        for name in ("n", "x", "y", "xx", "yy", "xy"):
            setattr(self, name, self.add_weight(shape=(), initializer="zeros", name=name))

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.n.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))
        self.x.assign_add(ops.sum(y_true))
        self.y.assign_add(ops.sum(y_pred))
        self.xx.assign_add(ops.sum(y_true * y_true))
        self.yy.assign_add(ops.sum(y_pred * y_pred))
        self.xy.assign_add(ops.sum(y_true * y_pred))

    def result(self):
        cov = self.n * self.xy - self.x * self.y
        vx = self.n * self.xx - self.x * self.x
        vy = self.n * self.yy - self.y * self.y
        return cov / ops.sqrt(vx * vy + 1e-6)
""",
    ),
    Case(
        "CausalConv",
        "9,3",
        "shape=(self.width, shape[-1], self.filters)",
        "shape=(self.width, self.filters, shape[-1])",
        """
class CausalConv(layers.Layer):
    def __init__(self, filters=5, width=3, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.width = filters, width

    def build(self, shape):
        self.kernel = self.add_weight(shape=(self.width, shape[-1], self.filters), name="kernel")

    def call(self, x):
        padded = ops.pad(x, [[0, 0], [self.width - 1, 0], [0, 0]])
        return ops.relu(ops.conv(padded, self.kernel, padding="valid"))
""",
        named=('ops.conv(padded, self.kernel, padding="valid")',),
    ),
    Case(
        "MinimalGRUCell",
        "5",
        'shape=(self.units, self.units), name="u"',
        'shape=(shape[-1], self.units), name="u"',
        """
class MinimalGRUCell(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units), name="w")
        self.u = self.add_weight(shape=(self.units, self.units), name="u")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, x):
        h = ops.tanh(x @ self.w + self.b)
        f = ops.sigmoid(x @ self.w + h @ self.u)
        return f * h + (1 - f) * ops.tanh(h)
""",
        named=("h @ self.u",),
    ),
    Case(
        "TimeToVec",
        "6,2",
        '"btf,fk->btk"',
        '"btf,kf->btk"',
        """
class TimeToVec(layers.Layer):
    def __init__(self, waves=3, **kwargs):
        super().__init__(**kwargs)
        self.waves = waves

    def build(self, shape):
        self.freq = self.add_weight(shape=(shape[-1], self.waves), name="freq")
        self.phase = self.add_weight(shape=(self.waves,), name="phase")

    def call(self, t):
        angle = ops.einsum("btf,fk->btk", t, self.freq) + self.phase
        return ops.concatenate([angle[..., :1], ops.sin(angle[..., 1:])], axis=-1)
""",
    ),
    Case(
        "BucketEmbedding",
        "u4",
        'ops.cast(ops.floor(x * self.buckets), "int32")',
        "ops.floor(x * self.buckets)",
        """
class BucketEmbedding(layers.Layer):
    def __init__(self, buckets=10, dim=3, **kwargs):
        super().__init__(**kwargs)
        self.buckets, self.dim = buckets, dim

    def build(self, shape):
        self.rows = self.add_weight(shape=(self.buckets, self.dim), name="rows")

    def call(self, x):
        index = ops.cast(ops.floor(x * self.buckets), "int32")
        return ops.sum(ops.take(self.rows, index, axis=0), axis=1)
""",
        named=("ops.take(self.rows, index, axis=0)",),
        backends=("tensorflow",),
    ),
    Case(
        "MaskedSelfAttention",
        "6,8 m6",
        "mask[:, None, :]",
        "mask",
        """
class MaskedSelfAttention(layers.Layer):
    def __init__(self, dim=8, **kwargs):
        super().__init__(**kwargs)
        self.q = layers.Dense(dim)
        self.k = layers.Dense(dim)
        self.v = layers.Dense(dim)
        self.dim = dim

    def call(self, x, mask):
        scores = ops.matmul(self.q(x), ops.swapaxes(self.k(x), -1, -2)) / self.dim**0.5
        scores = scores + (1.0 - mask[:, None, :]) * -1e9
        return ops.matmul(ops.softmax(scores, axis=-1), self.v(x))
""",
        named=("scores + (1.0 - mask) * -1e9",),
    ),
    Case(
        "DecoderSkip",
        "4,4,6 8,8,3",
        "layers.UpSampling2D(2)",
        "layers.UpSampling2D(4)",
        """
class DecoderSkip(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.grow = layers.UpSampling2D(2)
        self.merge = layers.Concatenate()
        self.conv = layers.Conv2D(4, 3, padding="same")

    def call(self, low, skip):
        return self.conv(self.merge([self.grow(low), skip]))
""",
        named=("self.merge([self.grow(low), skip])", "self.grow(low)"),
    ),
    Case(
        "NeighbourMean",
        "5,4 u5,5",
        "ops.sum(adjacency, axis=-1, keepdims=True)",
        "ops.sum(adjacency, axis=-1)",
        """
class NeighbourMean(layers.Layer):
    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.own = layers.Dense(units)
        self.near = layers.Dense(units)

    def call(self, nodes, adjacency):
        degree = ops.sum(adjacency, axis=-1, keepdims=True)
        message = ops.matmul(adjacency, nodes) / degree
        return ops.relu(self.own(nodes) + self.near(message))
""",
        named=("ops.matmul(adjacency, nodes) / degree",),
    ),
    Case(
        "WeightedCrossEntropy",
        "p5 p5",
        "ops.sum(self.weights * y_true * ops.log(y_pred + 1e-7), axis=-1)",
        "ops.sum(self.weights * y_true * ops.log(y_pred + 1e-7), axis=0)",
        """
class WeightedCrossEntropy(keras.losses.Loss):
    def __init__(self, weights=(1.0, 2.0, 1.0, 0.5, 1.0), **kwargs):
        super().__init__(**kwargs)
        self.weights = ops.convert_to_tensor(weights)

    def call(self, y_true, y_pred):
        return -ops.sum(self.weights * y_true * ops.log(y_pred + 1e-7), axis=-1)
""",
    ),
    Case(
        "MacroRecall",
        "i3:- 3",
        "ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)",
        "ops.argmax(y_pred, axis=-1)",
        """
class MacroRecall(keras.metrics.Metric):
    def __init__(self, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.hit = self.add_weight(shape=(classes,), initializer="zeros", name="hit")
        self.all = self.add_weight(shape=(classes,), initializer="zeros", name="all")

    def update_state(self, y_true, y_pred, sample_weight=None):
        truth = ops.cast(ops.one_hot(ops.cast(y_true, "int32"), self.classes), "float32")
        guess = ops.cast(ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes), "float32")
        self.hit.assign_add(ops.sum(truth * guess, axis=0))
        self.all.assign_add(ops.sum(truth, axis=0))

    def result(self):
        return ops.mean(self.hit / ops.maximum(self.all, 1.0))
""",
        named=("truth * guess",),
    ),
)
