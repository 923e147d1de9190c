"""Cases written after the search had been changed for all sets before them; it was then changed for them, too."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "MultiQueryAttention",
        "5,6",
        "ops.expand_dims(self.key(x), 1)",
        "self.key(x)",
        """
class MultiQueryAttention(layers.Layer):
    def __init__(self, heads=2, width=3, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.width = heads, width
        self.query = layers.Dense(heads * width)
        self.key = layers.Dense(width)
        self.value = layers.Dense(width)

    def call(self, x):
        steps = x.shape[1]
        q = ops.reshape(self.query(x), (-1, steps, self.heads, self.width))
        q = ops.transpose(q, (0, 2, 1, 3))
        k = ops.expand_dims(self.key(x), 1)
        v = ops.expand_dims(self.value(x), 1)
        scores = ops.matmul(q, ops.swapaxes(k, -1, -2)) / self.width**0.5
        mixed = ops.matmul(ops.softmax(scores, axis=-1), v)
        mixed = ops.transpose(mixed, (0, 2, 1, 3))
        return ops.reshape(mixed, (-1, steps, self.heads * self.width))
""",
        named=("ops.matmul(q, ops.swapaxes(k, -1, -2))",),
    ),
    Case(
        "WindowTokens",
        "4,6,3",
        "(-1, (h // s) * (w // s), s * s * c)",
        "(-1, s * s * c)",
        """
class WindowTokens(layers.Layer):
    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.embed = layers.Dense(5)

    def call(self, image):
        h, w, c = image.shape[1:]
        s = self.size
        x = ops.reshape(image, (-1, h // s, s, w // s, s, c))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        x = ops.reshape(x, (-1, (h // s) * (w // s), s * s * c))
        return self.embed(x)
""",
    ),
    Case(
        "GraphAttention",
        "5,3 m5,5",
        "ops.transpose(self.target(h), (0, 2, 1))",
        "ops.transpose(self.target(h))",
        """
class GraphAttention(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.project = layers.Dense(units, use_bias=False)
        self.source = layers.Dense(1)
        self.target = layers.Dense(1)

    def call(self, nodes, adjacency):
        h = self.project(nodes)
        scores = self.source(h) + ops.transpose(self.target(h), (0, 2, 1))
        scores = ops.leaky_relu(scores, 0.2)
        scores = ops.where(adjacency > 0, scores, -1e9)
        return ops.elu(ops.matmul(ops.softmax(scores, axis=-1), h))
""",
        named=("ops.where(adjacency > 0, scores, -1e9)",),
        also=(("ops.transpose(self.target(h), (0, 2, 1))", "ops.swapaxes(self.target(h), 1, 2)"),),
    ),
    Case(
        "GaussianDivergence",
        "6",
        "packed[:, : self.latent], packed[:, self.latent :]",
        "packed[: self.latent], packed[self.latent :]",
        """
class GaussianDivergence(layers.Layer):
    def __init__(self, latent=3, **kwargs):
        super().__init__(**kwargs)
        self.latent = latent

    def call(self, packed):
        mean, log_var = packed[:, : self.latent], packed[:, self.latent :]
        return -0.5 * ops.sum(1.0 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
""",
    ),
    Case(
        "ImageTextLoss",
        "6 6",
        "ops.matmul(image, ops.transpose(text))",
        "ops.matmul(image, text)",
        """
class ImageTextLoss(keras.losses.Loss):
    def __init__(self, temperature=0.1, **kwargs):
        super().__init__(**kwargs)
        self.temperature = temperature

    def call(self, y_true, y_pred):
        text = ops.normalize(y_true, axis=-1)
        image = ops.normalize(y_pred, axis=-1)
        logits = ops.matmul(image, ops.transpose(text)) / self.temperature
        target = ops.eye(ops.shape(image)[0])
        rows = ops.categorical_crossentropy(target, logits, from_logits=True)
        columns = ops.categorical_crossentropy(target, ops.transpose(logits), from_logits=True)
        return (rows + columns) / 2.0
""",
    ),
    Case(
        "SegmentationDice",
        "m4,5,3 u4,5,3",
        "axes = (1, 2)",
        "axes = (0, 1, 2)",
        """
class SegmentationDice(keras.losses.Loss):
    def call(self, y_true, y_pred):
        axes = (1, 2)
        overlap = ops.sum(y_true * y_pred, axis=axes)
        total = ops.sum(y_true, axis=axes) + ops.sum(y_pred, axis=axes)
        dice = (2.0 * overlap + 1.0) / (total + 1.0)
        return 1.0 - ops.mean(dice, axis=-1)
""",
        named=(
            "ops.sum(y_true * y_pred, axis=axes)",
            "ops.sum(y_true, axis=axes)",
            "ops.sum(y_pred, axis=axes)",
        ),
    ),
    Case(
        "EnsembleCRPS",
        "1 5",
        "y_pred[:, :, None] - y_pred[:, None, :]",
        "y_pred[:, None] - y_pred[None]",
        """
class EnsembleCRPS(keras.losses.Loss):
    def call(self, y_true, y_pred):
        error = ops.mean(ops.abs(y_pred - y_true), axis=-1)
        spread = ops.abs(y_pred[:, :, None] - y_pred[:, None, :])
        return error - 0.5 * ops.mean(spread, axis=(1, 2))
""",
        also=(("y_pred[:, :, None] - y_pred[:, None, :]", "y_pred[:, None] - y_pred[..., None]"),),
    ),
    Case(
        "BalancedErrorRate",
        "m- u-",
        "self.wrong.assign_add(",
        "self.wrong.assign(",
        """
class BalancedErrorRate(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.wrong = self.add_weight(shape=(2,), initializer="zeros", name="wrong")
        self.seen = self.add_weight(shape=(2,), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "float32")
        guess = ops.cast(y_pred > 0.5, "float32")
        sides = ops.stack([y_true, 1.0 - y_true], axis=-1)
        miss = ops.abs(y_true - guess)
        self.wrong.assign_add(ops.sum(sides * miss[:, None], axis=0))
        self.seen.assign_add(ops.sum(sides, axis=0))

    def result(self):
        return ops.mean(self.wrong / (self.seen + 1e-7))
""",
    ),
    Case(
        "RecallAtThree",
        "i6:- 6",
        "ops.top_k(y_pred, k=3)[1]",
        "ops.top_k(y_pred, k=3)",
        """
class RecallAtThree(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.found = self.add_weight(shape=(), initializer="zeros", name="found")
        self.asked = self.add_weight(shape=(), initializer="zeros", name="asked")

    def update_state(self, y_true, y_pred, sample_weight=None):
        best = ops.top_k(y_pred, k=3)[1]
        wanted = ops.expand_dims(ops.cast(y_true, "int32"), -1)
        hit = ops.any(ops.equal(ops.cast(best, "int32"), wanted), axis=-1)
        self.found.assign_add(ops.sum(ops.cast(hit, "float32")))
        self.asked.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.found / (self.asked + 1e-7)
""",
        named=('ops.cast(best, "int32")', 'ops.equal(ops.cast(best, "int32"), wanted)'),
    ),
    Case(
        "TokenLikelihood",
        "i7:5 5,7",
        'ops.expand_dims(ops.cast(y_true, "int32"), -1)',
        'ops.cast(y_true, "int32")',
        """
class TokenLikelihood(keras.losses.Loss):
    def call(self, y_true, y_pred):
        log_prob = ops.log_softmax(y_pred, axis=-1)
        index = ops.expand_dims(ops.cast(y_true, "int32"), -1)
        picked = ops.take_along_axis(log_prob, index, axis=-1)
        return -ops.mean(ops.squeeze(picked, -1), axis=-1)
""",
        named=("ops.take_along_axis(log_prob, index, axis=-1)",),
    ),
    Case(
        "FourierMixer",
        "8,3",
        '"bcm,com->bom", real',
        '"bcm,ocm->bom", real',
        """
class FourierMixer(layers.Layer):
    def __init__(self, units=4, modes=3, **kwargs):
        super().__init__(**kwargs)
        self.units, self.modes = units, modes
        self.skip = layers.Dense(units)

    def build(self, shape):
        self.filter = self.add_weight(shape=(shape[-1], self.units, self.modes), name="filter")

    def call(self, x):
        real, imag = ops.rfft(ops.transpose(x, (0, 2, 1)))
        real, imag = real[..., : self.modes], imag[..., : self.modes]
        real = ops.einsum("bcm,com->bom", real, self.filter)
        imag = ops.einsum("bcm,com->bom", imag, self.filter)
        mixed = ops.irfft((real, imag), fft_length=x.shape[1])
        return ops.gelu(ops.transpose(mixed, (0, 2, 1)) + self.skip(x))
""",
    ),
    Case(
        "CapsuleRouting",
        "6,4",
        "votes * ops.expand_dims(out, 2)",
        "votes * ops.expand_dims(out, 1)",
        """
def squash(s):
    norm = ops.sum(ops.square(s), axis=-1, keepdims=True)
    return norm / (1.0 + norm) * s / ops.sqrt(norm + 1e-7)


class CapsuleRouting(layers.Layer):
    def __init__(self, capsules=3, width=5, rounds=3, **kwargs):
        super().__init__(**kwargs)
        self.capsules, self.width, self.rounds = capsules, width, rounds

    def build(self, shape):
        size = (self.capsules, shape[1], shape[2], self.width)
        self.w = self.add_weight(shape=size, name="w")

    def call(self, inputs):
        votes = ops.einsum("bif,jifd->bjid", inputs, self.w)
        logits = ops.zeros_like(votes[..., 0])
        for turn in range(self.rounds):
            share = ops.softmax(logits, axis=1)
            out = squash(ops.sum(ops.expand_dims(share, -1) * votes, axis=2))
            if turn < self.rounds - 1:
                logits = logits + ops.sum(votes * ops.expand_dims(out, 2), axis=-1)
        return out
""",
    ),
    Case(
        "DecodeAnchors",
        "6,4",
        "dx = deltas[..., 0]",
        "dx = deltas[:, 0]",
        """
class DecodeAnchors(layers.Layer):
    def build(self, shape):
        self.anchors = self.add_weight(shape=(shape[1], 4), name="anchors")

    def call(self, deltas):
        ax, ay, aw, ah = ops.unstack(ops.convert_to_tensor(self.anchors), axis=-1)
        dx = deltas[..., 0]
        dy = deltas[..., 1]
        w = ops.exp(deltas[..., 2]) * aw
        h = ops.exp(deltas[..., 3]) * ah
        cx = ax + dx * aw
        cy = ay + dy * ah
        return ops.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=-1)
""",
        named=("dx * aw",),
    ),
    Case(
        "BoxOverlapLoss",
        "u4 u4",
        "y_pred[:, 2:3] * y_pred[:, 3:4]",
        "y_pred[:, 2] * y_pred[:, 3]",
        """
class BoxOverlapLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        left = ops.maximum(y_true[:, 0:2] - y_true[:, 2:4] / 2, y_pred[:, 0:2] - y_pred[:, 2:4] / 2)
        right = ops.minimum(y_true[:, 0:2] + y_true[:, 2:4] / 2, y_pred[:, 0:2] + y_pred[:, 2:4] / 2)
        sides = ops.relu(right - left)
        overlap = sides[:, 0:1] * sides[:, 1:2]
        area_true = y_true[:, 2:3] * y_true[:, 3:4]
        area_pred = y_pred[:, 2:3] * y_pred[:, 3:4]
        iou = overlap / (area_true + area_pred - overlap + 1e-6)
        return 1.0 - ops.mean(iou, axis=-1)
""",
        named=("area_true + area_pred",),
    ),
    Case(
        "CellInLoop",
        "6,3",
        "previous = states[0]",
        "previous = states",
        """
class LeakyCell(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units), name="w")
        self.u = self.add_weight(shape=(self.units, self.units), name="u")
        self.leak = self.add_weight(shape=(self.units,), initializer="ones", name="leak")

    def call(self, inputs, states):
        previous = states[0]
        new = ops.tanh(ops.matmul(inputs, self.w) + ops.matmul(previous, self.u))
        out = self.leak * new + (1.0 - self.leak) * previous
        return out, [out]


class CellInLoop(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.rnn = layers.RNN(LeakyCell(units))

    def call(self, x):
        return self.rnn(x)
""",
        named=("ops.matmul(previous, self.u)", "ops.matmul(inputs, self.w) + ops.matmul(previous, self.u)"),
    ),
    Case(
        "CrossNetwork",
        "5",
        "ops.sum(x * self.w, axis=-1, keepdims=True)",
        "ops.sum(x * self.w)",
        """
class CrossNetwork(layers.Layer):
    def __init__(self, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1],), initializer="ones", name="w")
        self.b = self.add_weight(shape=(shape[-1],), initializer="zeros", name="b")

    def call(self, x0):
        x = x0
        for _ in range(self.depth):
            x = x0 * ops.sum(x * self.w, axis=-1, keepdims=True) + self.b + x
        return x
""",
    ),
    Case(
        "InstanceStyle",
        "4,4,3",
        "axes=(1, 2), keepdims=True",
        "axes=(0, 1, 2), keepdims=True",
        """
class InstanceStyle(layers.Layer):
    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta")

    def call(self, x):
        mean, variance = ops.moments(x, axes=(1, 2), keepdims=True)
        normal = (x - mean) * ops.rsqrt(variance + 1e-5)
        return self.gamma * normal + self.beta
""",
    ),
    Case(
        "SoftLabelDivergence",
        "m5 u5",
        "ops.log((y_true + 1e-7) / (y_pred + 1e-7))",
        "ops.log(y_true / y_pred)",
        """
class SoftLabelDivergence(keras.losses.Loss):
    def call(self, y_true, y_pred):
        ratio = ops.log((y_true + 1e-7) / (y_pred + 1e-7))
        return ops.sum(y_true * ratio, axis=-1)
""",
        named=("y_true * ratio",),
    ),
    Case(
        "SmoothedTargets",
        "i5:- 5",
        "target, logits, from_logits=True",
        "target, ops.softmax(logits), from_logits=True",
        """
class SmoothedTargets(keras.losses.Loss):
    def __init__(self, smoothing=0.1, **kwargs):
        super().__init__(**kwargs)
        self.smoothing = smoothing

    def call(self, y_true, logits):
        classes = logits.shape[-1]
        hot = ops.one_hot(ops.cast(y_true, "int32"), classes)
        target = hot * (1.0 - self.smoothing) + self.smoothing / classes
        return ops.categorical_crossentropy(target, logits, from_logits=True)
""",
        also=(("target, logits, from_logits=True", "target, ops.softmax(logits), from_logits=False"),),
    ),
    Case(
        "UserItemScore",
        "6 5,3",
        'ops.mean(inputs["history"], axis=1)',
        'ops.mean(inputs["history"], axis=0)',
        """
class UserItemScore(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(8, activation="relu")
        self.score = layers.Dense(1)

    def call(self, inputs):
        seen = ops.mean(inputs["history"], axis=1)
        joined = ops.concatenate([inputs["user"], seen], axis=-1)
        return self.score(self.hidden(joined))
""",
        keys=("user", "history"),
        named=('ops.concatenate([inputs["user"], seen], axis=-1)',),
    ),
    Case(
        "FeatureDrift",
        "6",
        "ops.mean(x, axis=0)",
        "ops.mean(x, axis=-1)",
        """
class FeatureDrift(layers.Layer):
    def build(self, shape):
        self.center = self.add_weight(
            shape=(shape[-1],), initializer="zeros", trainable=False, name="center"
        )

    def call(self, x, training=True):
        shifted = x - self.center
        if training:
            self.center.assign(0.9 * self.center + 0.1 * ops.mean(x, axis=0))
        return shifted
""",
    ),
    Case(
        "KeyedLookup",
        "4 5,3",
        '"bq,qk,btk->bt"',
        '"bq,kq,btk->bt"',
        """
class KeyedLookup(layers.Layer):
    def build(self, query_shape, keys_shape=None):
        self.bridge = self.add_weight(shape=(query_shape[-1], keys_shape[-1]), name="bridge")

    def call(self, query, keys):
        scores = ops.einsum("bq,qk,btk->bt", query, self.bridge, keys)
        return ops.einsum("bt,btk->bk", ops.softmax(scores, axis=-1), keys)
""",
        also=(
            (
                ('"bq,qk,btk->bt"', "(query_shape[-1], keys_shape[-1])"),
                ('"bq,kq,btk->bt"', "(keys_shape[-1], query_shape[-1])"),
            ),
        ),
    ),
    Case(
        "PatchSimilarity",
        "6,6,1 6,6,1",
        "ops.average_pool(y_pred, 3, 1)",
        'ops.average_pool(y_pred, 3, 1, "same")',
        """
class PatchSimilarity(keras.losses.Loss):
    def call(self, y_true, y_pred):
        mean_true = ops.average_pool(y_true, 3, 1)
        mean_pred = ops.average_pool(y_pred, 3, 1)
        both = ops.average_pool(y_true * y_pred, 3, 1) - mean_true * mean_pred
        power = ops.square(mean_true) + ops.square(mean_pred) + 0.1
        return 1.0 - ops.mean((2.0 * both + 0.1) / power, axis=(1, 2, 3))
""",
        named=("mean_true * mean_pred",),
    ),
    Case(
        "ExpertGates",
        "6",
        "gates / ops.sum(gates, axis=-1, keepdims=True)",
        "gates / ops.sum(gates, axis=0, keepdims=True)",
        """
class ExpertGates(layers.Layer):
    def __init__(self, experts=3, units=4, **kwargs):
        super().__init__(**kwargs)
        self.gate = layers.Dense(experts, activation="sigmoid")
        self.experts = layers.Dense(experts * units)
        self.size = (-1, experts, units)

    def call(self, x):
        gates = self.gate(x)
        gates = gates / ops.sum(gates, axis=-1, keepdims=True)
        answers = ops.reshape(self.experts(x), self.size)
        return ops.einsum("be,beu->bu", gates, answers)
""",
    ),
)
