"""Cases written after the search had been changed for all sets before them; it was then changed for them, too."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "GapDecay",
        "6,3 u6",
        "gaps[:, t : t + 1]",
        "gaps[:, t]",
        """
class GapDecay(layers.Layer):
    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.inner = layers.Dense(units, activation="tanh")

    def build(self, values_shape, gaps_shape):
        self.rate = self.add_weight(shape=(self.units,), initializer="ones", name="rate")

    def call(self, values, gaps):
        state = ops.zeros((ops.shape(values)[0], self.units))
        for t in range(values.shape[1]):
            keep = ops.exp(-ops.relu(self.rate * gaps[:, t : t + 1]))
            state = keep * state + self.inner(ops.concatenate([values[:, t], state], axis=-1))
        return state
""",
        named=("self.rate * gaps[:, t]",),
        also=(
            ("gaps[:, t : t + 1]", "gaps[:, t, None]"),
            ("gaps[:, t : t + 1]", "ops.expand_dims(gaps[:, t], -1)"),
        ),
    ),
    Case(
        "NetVLAD",
        "7,4",
        "assignment[..., None] * residuals",
        "assignment * residuals",
        """
class NetVLAD(keras.layers.Layer):
    def __init__(self, clusters=3):
        super().__init__()
        self.clusters = clusters

    def build(self, input_shape):
        self.assign = keras.layers.Dense(self.clusters, activation="softmax")
        self.centers = self.add_weight(
            name="centers", shape=(self.clusters, input_shape[-1]), initializer="glorot_uniform"
        )

    def call(self, descriptors):
        assignment = self.assign(descriptors)
        residuals = descriptors[:, :, None, :] - self.centers
        vlad = ops.sum(assignment[..., None] * residuals, axis=1)
        vlad = ops.normalize(vlad, axis=-1)
        return ops.reshape(vlad, (-1, self.clusters * descriptors.shape[-1]))
""",
    ),
    Case(
        "MaskedPositions",
        "6,4 i6:3",
        "ops.take_along_axis(hidden, positions[..., None], axis=1)",
        "ops.take(hidden, positions, axis=1)",
        """
class MaskedPositions(layers.Layer):
    def __init__(self, vocabulary=9, **kwargs):
        super().__init__(**kwargs)
        self.transform = layers.Dense(4, activation="gelu")
        self.logits = layers.Dense(vocabulary)

    def call(self, hidden, positions):
        picked = ops.take_along_axis(hidden, positions[..., None], axis=1)
        return self.logits(self.transform(picked))
""",
    ),
    Case(
        "BeamStep",
        "3,5 3,4",
        "(-1, self.beams * words)",
        "(-1, words)",
        """
class BeamStep(layers.Layer):
    def __init__(self, beams=3, **kwargs):
        super().__init__(**kwargs)
        self.beams = beams

    def call(self, scores, states):
        words = scores.shape[-1]
        flat = ops.reshape(ops.log_softmax(scores, axis=-1), (-1, self.beams * words))
        best, index = ops.top_k(flat, k=self.beams)
        beam = index // words
        chosen = ops.take_along_axis(states, beam[..., None], axis=1)
        return chosen * ops.exp(best)[..., None]
""",
        named=("ops.take_along_axis(states, beam[..., None], axis=1)", "beam[..., None]"),
    ),
    Case(
        "LeakyScan",
        "6,3",
        "ops.scan(step, start, ops.swapaxes(drive, 0, 1))",
        "ops.scan(step, start, drive)",
        """
class LeakyScan(layers.Layer):
    def __init__(self, leak=0.9, **kwargs):
        super().__init__(**kwargs)
        self.leak = leak
        self.into = layers.Dense(4)

    def call(self, sequence):
        drive = self.into(sequence)
        start = ops.zeros_like(drive[:, 0])

        def step(carry, current):
            new = self.leak * carry + (1.0 - self.leak) * current
            return new, new

        _, outputs = ops.scan(step, start, ops.swapaxes(drive, 0, 1))
        return ops.swapaxes(outputs, 0, 1)
""",
        named=("self.leak * carry + (1.0 - self.leak) * current",),
    ),
    Case(
        "RowGram",
        "5,3",
        "ops.matmul(row, ops.transpose(row))",
        "ops.matmul(row, row)",
        """
class RowGram(layers.Layer):
    def call(self, inputs):
        def gram(row):
            row = row - ops.mean(row, axis=0, keepdims=True)
            return ops.matmul(row, ops.transpose(row)) / row.shape[-1]

        return ops.vectorized_map(gram, inputs)
""",
        also=(("ops.matmul(row, ops.transpose(row))", "ops.matmul(ops.transpose(row), row)"),),
    ),
    Case(
        "CyclicWindows",
        "4,4,3",
        "shift=(-self.shift, -self.shift), axis=(1, 2))",
        "shift=(-self.shift, -self.shift), axis=(0, 1))",
        """
class CyclicWindows(layers.Layer):
    def __init__(self, shift=1, units=5, **kwargs):
        super().__init__(**kwargs)
        self.shift = shift
        self.mix = layers.DepthwiseConv2D(2, strides=2)
        self.out = layers.Dense(units)

    def call(self, feature_map):
        shifted = ops.roll(feature_map, shift=(-self.shift, -self.shift), axis=(1, 2))
        return self.out(self.mix(shifted))
""",
    ),
    Case(
        "SpectralDense",
        "5",
        "ops.matmul(self.u, ops.transpose(self.kernel))",
        "ops.matmul(self.u, self.kernel)",
        """
class SpectralDense(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.u = self.add_weight(shape=(1, self.units), trainable=False, name="u")

    def call(self, inputs):
        v = ops.normalize(ops.matmul(self.u, ops.transpose(self.kernel)))
        u = ops.normalize(ops.matmul(v, self.kernel))
        sigma = ops.matmul(ops.matmul(v, self.kernel), ops.transpose(u))
        return ops.matmul(inputs, self.kernel / sigma)
""",
    ),
    Case(
        "LearnedUpsample",
        "6,3",
        "shape=(self.width, self.filters, shape[-1])",
        "shape=(self.width, shape[-1], self.filters)",
        """
class LearnedUpsample(layers.Layer):
    def __init__(self, filters=4, width=3, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.width = filters, width

    def build(self, shape):
        self.kernel = self.add_weight(shape=(self.width, self.filters, shape[-1]), name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, signal):
        up = ops.conv_transpose(signal, self.kernel, strides=2, padding="same")
        return ops.elu(up + self.bias)
""",
        named=('ops.conv_transpose(signal, self.kernel, strides=2, padding="same")',),
    ),
    Case(
        "PadPenalty",
        "i7:5",
        'ops.cast(ops.not_equal(tokens, 0), "float32")',
        "ops.not_equal(tokens, 0)",
        """
class PadPenalty(layers.Layer):
    def __init__(self, vocab=7, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.embed = layers.Embedding(vocab, dim)
        self.score = layers.Dense(1)

    def call(self, tokens):
        mask = ops.cast(ops.not_equal(tokens, 0), "float32")
        x = self.embed(tokens)
        logits = ops.squeeze(self.score(x), -1) + (1.0 - mask) * -1e9
        return ops.einsum("bt,btd->bd", ops.softmax(logits), x)
""",
        named=("1.0 - mask", "(1.0 - mask) * -1e9"),
        backends=("tensorflow", "torch"),
    ),
    Case(
        "CoordConv",
        "4,5,2",
        "ops.repeat(grid[None], ops.shape(image)[0], axis=0)",
        "grid[None]",
        """
class CoordConv(layers.Layer):
    def __init__(self, filters=3, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(filters, 3, padding="same")

    def call(self, image):
        height, width = image.shape[1], image.shape[2]
        rows, columns = ops.meshgrid(
            ops.linspace(-1.0, 1.0, height), ops.linspace(-1.0, 1.0, width), indexing="ij"
        )
        grid = ops.stack([rows, columns], axis=-1)
        coords = ops.repeat(grid[None], ops.shape(image)[0], axis=0)
        return self.conv(ops.concatenate([image, coords], axis=-1))
""",
        named=("ops.concatenate([image, coords], axis=-1)",),
    ),
    Case(
        "HoltSmoothing",
        "6,2",
        "range(1, series.shape[1])",
        "range(1, series.shape[0])",
        """
class HoltSmoothing(layers.Layer):
    def build(self, shape):
        self.alpha = self.add_weight(shape=(shape[-1],), initializer="zeros", name="alpha")
        self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta")

    def call(self, series):
        a, b = ops.sigmoid(self.alpha), ops.sigmoid(self.beta)
        level, trend = series[:, 0], series[:, 1] - series[:, 0]
        for t in range(1, series.shape[1]):
            last = level
            level = a * series[:, t] + (1 - a) * (level + trend)
            trend = b * (level - last) + (1 - b) * trend
        return level + trend
""",
    ),
    Case(
        "PairMerge",
        "5 5",
        "self.join([left, right, ops.abs(left - right)])",
        "self.join(left, right, ops.abs(left - right))",
        """
class PairMerge(keras.Model):
    def __init__(self):
        super().__init__()
        self.tower = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(4)])
        self.join = layers.Concatenate()
        self.head = layers.Dense(1, activation="sigmoid")

    def call(self, inputs):
        left, right = self.tower(inputs[0]), self.tower(inputs[1])
        return self.head(self.join([left, right, ops.abs(left - right)]))
""",
        as_list=True,
    ),
    Case(
        "SparseGate",
        "5",
        "ops.sum(ops.one_hot(chosen, self.experts) * weight[..., None], axis=1)",
        "ops.sum(ops.one_hot(chosen, self.experts) * weight[..., None], axis=-1)",
        """
class SparseGate(layers.Layer):
    def __init__(self, experts=4, used=2, units=3, **kwargs):
        super().__init__(**kwargs)
        self.experts, self.used = experts, used
        self.router = layers.Dense(experts)
        self.bodies = [layers.Dense(units) for _ in range(experts)]

    def call(self, x):
        value, chosen = ops.top_k(self.router(x), k=self.used)
        weight = ops.softmax(value, axis=-1)
        gates = ops.sum(ops.one_hot(chosen, self.experts) * weight[..., None], axis=1)
        outputs = ops.stack([body(x) for body in self.bodies], axis=1)
        return ops.einsum("be,beu->bu", gates, outputs)
""",
        named=('ops.einsum("be,beu->bu", gates, outputs)',),
    ),
    Case(
        "RowAttention",
        "3,4,6",
        "ops.reshape(mixed, (-1, h, w, c))",
        "ops.reshape(mixed, (-1, w, h, c))",
        """
class RowAttention(layers.Layer):
    def __init__(self, heads=2, **kwargs):
        super().__init__(**kwargs)
        self.attend = layers.MultiHeadAttention(num_heads=heads, key_dim=3)
        self.norm = layers.LayerNormalization()

    def call(self, image):
        _, h, w, c = image.shape
        rows = ops.reshape(image, (-1, w, c))
        mixed = self.attend(rows, rows)
        return self.norm(image + ops.reshape(mixed, (-1, h, w, c)))
""",
        named=("image + ops.reshape(mixed, (-1, w, h, c))",),
    ),
    Case(
        "BarlowTwins",
        "5 5",
        "ops.matmul(ops.transpose(za), zb)",
        "ops.matmul(za, ops.transpose(zb))",
        """
def standardize(z):
    return (z - ops.mean(z, axis=0)) / (ops.std(z, axis=0) + 1e-5)


class BarlowTwins(keras.losses.Loss):
    def __init__(self, off=0.01, **kwargs):
        super().__init__(**kwargs)
        self.off = off

    def call(self, y_true, y_pred):
        za, zb = standardize(y_true), standardize(y_pred)
        count = ops.cast(ops.shape(za)[0], za.dtype)
        corr = ops.matmul(ops.transpose(za), zb) / count
        same = ops.eye(za.shape[-1])
        gap = ops.square(corr - same)
        return ops.sum(gap * (same + self.off * (1.0 - same)))
""",
        named=("corr - same",),
    ),
    Case(
        "PackedMaskLoss",
        "5,4 5,3",
        "y_true[..., -1:]",
        "y_true[..., -1]",
        """
class PackedMaskLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        target, present = y_true[..., :-1], y_true[..., -1:]
        present = ops.cast(present > 0, y_pred.dtype)
        error = ops.square(target - y_pred) * present
        return ops.sum(error, axis=(1, 2)) / ops.maximum(ops.sum(present, axis=(1, 2)), 1.0)
""",
        named=("ops.square(target - y_pred) * present",),
        also=(("y_true[..., -1:]", "y_true[..., -1][..., None]"),),
    ),
    Case(
        "ListNet",
        "5 5",
        "target = ops.softmax(y_true, axis=-1)",
        "target = ops.softmax(y_true, axis=0)",
        """
class ListNet(keras.losses.Loss):
    def call(self, y_true, y_pred):
        target = ops.softmax(y_true, axis=-1)
        log_rank = y_pred - ops.logsumexp(y_pred, axis=-1, keepdims=True)
        return -ops.sum(target * log_rank, axis=-1)
""",
    ),
    Case(
        "SymmetricMAPE",
        "u3 u3",
        (
            "self.total.assign_add(ops.sum(ops.mean(ratio, axis=-1)))",
            'self.count.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))',
        ),
        ("self.total.assign_add(ops.mean(ratio))", "self.count.assign_add(1.0)"),
        """
class SymmetricMAPE(keras.metrics.Metric):
    def __init__(self, name="smape", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        ratio = ops.abs(y_true - y_pred) / (ops.abs(y_true) + ops.abs(y_pred) + 1e-7)
        self.total.assign_add(ops.sum(ops.mean(ratio, axis=-1)))
        self.count.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return 200.0 * self.total / self.count
""",
        also=(
            (
                (
                    "self.total.assign_add(ops.sum(ops.mean(ratio, axis=-1)))",
                    'self.count.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))',
                ),
                (
                    "self.total.assign_add(ops.sum(ratio))",
                    'self.count.assign_add(ops.cast(ops.size(ratio), "float32"))',
                ),
            ),
        ),
    ),
    Case(
        "CohenKappa",
        "i3:- 3",
        "shape=(classes, classes)",
        "shape=(classes,)",
        """
class CohenKappa(keras.metrics.Metric):
    def __init__(self, classes=3, name="kappa", **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.table = self.add_weight(name="table", shape=(classes, classes), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        actual = ops.one_hot(ops.cast(y_true, "int32"), self.classes)
        guess = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        self.table.assign_add(ops.matmul(ops.transpose(actual), guess))

    def result(self):
        total = ops.sum(self.table) + 1e-7
        agree = ops.sum(self.table * ops.eye(self.classes)) / total
        chance = ops.sum(ops.sum(self.table, axis=0) * ops.sum(self.table, axis=1)) / (total * total)
        return (agree - chance) / (1.0 - chance + 1e-7)
""",
        named=("self.table.assign_add(ops.matmul(ops.transpose(actual), guess))",),
    ),
)
