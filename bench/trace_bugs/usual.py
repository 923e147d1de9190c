"""Cases written while the search was mended for `plain`, its rules known: they say nothing of first sight."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "BahdanauAttention",
        "7,8 6",
        "ops.softmax(score, axis=1)",
        "ops.softmax(score)",
        """
class BahdanauAttention(layers.Layer):
    def __init__(self, units=5):
        super().__init__()
        self.W1 = layers.Dense(units)
        self.W2 = layers.Dense(units)
        self.V = layers.Dense(1)

    def call(self, features, hidden):
        hidden_with_time = ops.expand_dims(hidden, 1)
        score = self.V(ops.tanh(self.W1(features) + self.W2(hidden_with_time)))
        weights = ops.softmax(score, axis=1)
        return ops.sum(weights * features, axis=1)
""",
    ),
    Case(
        "TokenAndPosition",
        "i20:9",
        "ops.arange(0, maxlen)",
        "ops.arange(0, maxlen - 1)",
        """
class TokenAndPosition(layers.Layer):
    def __init__(self, maxlen=9, vocab=20, dim=6):
        super().__init__()
        self.token_emb = layers.Embedding(vocab, dim)
        self.pos_emb = layers.Embedding(maxlen, dim)

    def call(self, x):
        maxlen = ops.shape(x)[-1]
        positions = self.pos_emb(ops.arange(0, maxlen))
        return self.token_emb(x) + positions
""",
        named=("self.token_emb(x) + positions",),
    ),
    Case(
        "RegionOverlap",
        "m6,6,1 u6,6,1",
        "axes = (1, 2, 3)",
        "axes = None",
        """
class RegionOverlap(keras.losses.Loss):
    def call(self, y_true, y_pred):
        axes = (1, 2, 3)
        both = ops.sum(y_true * y_pred, axis=axes)
        all_ = ops.sum(y_true, axis=axes) + ops.sum(y_pred, axis=axes)
        return 1.0 - (2.0 * both + 1.0) / (all_ + 1.0)
""",
        named=("ops.sum(y_true * y_pred, axis=axes)",),
    ),
    Case(
        "PatchPositions",
        "8,8,3",
        "(-1, 16, 12)",
        "(-1, 16 * 12)",
        """
class PatchPositions(layers.Layer):
    def __init__(self):
        super().__init__()
        self.proj = layers.Dense(5)
        self.pos = layers.Embedding(16, 5)

    def call(self, x):
        p = ops.image.extract_patches(x, 2)
        p = ops.reshape(p, (-1, 16, 12))
        return self.proj(p) + self.pos(ops.arange(16))
""",
        named=("self.proj(p) + self.pos(ops.arange(16))",),
    ),
    Case(
        "WordsLoss",
        "i9:6 6,9",
        'reduction="none", from_logits=True',
        'reduction="none"',
        """
class WordsLoss(keras.losses.Loss):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.ce = keras.losses.SparseCategoricalCrossentropy(reduction="none", from_logits=True)

    def call(self, y_true, y_pred):
        loss = self.ce(y_true, y_pred)
        mask = ops.cast(ops.not_equal(y_true, 0), loss.dtype)
        return ops.sum(loss * mask, axis=-1) / (ops.sum(mask, axis=-1) + 1e-6)
""",
        named=("self.ce(y_true, y_pred)",),
    ),
    Case(
        "TwoSteps",
        "6",
        "self.second(x)",
        "self.second(inputs)",
        """
class TwoSteps(layers.Layer):
    def __init__(self):
        super().__init__()
        self.first = layers.Dense(6, activation="tanh")
        self.second = layers.Dense(6)

    def call(self, inputs):
        x = self.first(inputs)
        x = self.second(x)
        return x
""",
    ),
    Case(
        "NormedWave",
        "8,4",
        "return x",
        "return inputs",
        """
class NormedWave(layers.Layer):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv1D(4, 3, padding="same")
        self.norm = layers.LayerNormalization()

    def call(self, inputs):
        x = self.conv(inputs)
        x = self.norm(x)
        return x
""",
    ),
    Case(
        "TverskyHard",
        "m5 u5",
        "ops.abs(y_pred)",
        "ops.abs(ops.where(y_pred > 0.5, 1.0, 0.0))",
        """
class TverskyHard(keras.losses.Loss):
    def call(self, y_true, y_pred):
        p = ops.abs(y_pred)
        tp = ops.sum(y_true * p, axis=-1)
        fp = ops.sum((1 - y_true) * p, axis=-1)
        fn = ops.sum(y_true * (1 - p), axis=-1)
        return 1 - tp / (tp + 0.5 * fp + 0.5 * fn + 1e-7)
""",
        named=("y_pred > 0.5",),
    ),
    Case(
        "HeadSplit",
        "6,8",
        "(-1, t, self.h, d // self.h)",
        "(-1, self.h, t, d // self.h)",
        """
class HeadSplit(layers.Layer):
    def __init__(self, h=2):
        super().__init__()
        self.h = h
        self.q = layers.Dense(8)
        self.k = layers.Dense(8)
        self.v = layers.Dense(8)

    def split(self, x, t, d):
        return ops.transpose(ops.reshape(x, (-1, t, self.h, d // self.h)), (0, 2, 1, 3))

    def call(self, x):
        t, d = x.shape[1], x.shape[2]
        q, k, v = self.split(self.q(x), t, d), self.split(self.k(x), t, d), self.split(self.v(x), t, d)
        s = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))))
        o = ops.transpose(ops.matmul(s, v), (0, 2, 1, 3))
        return ops.reshape(o, (-1, t, d))
""",
    ),
    Case(
        "PooledBranch",
        "6,6,3",
        "layers.GlobalAveragePooling2D()",
        "layers.AveragePooling2D()",
        """
class PooledBranch(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(5, 3, padding="same")
        self.pool = layers.GlobalAveragePooling2D()
        self.meta = layers.Dense(4)
        self.out = layers.Dense(4)

    def call(self, x):
        return self.out(self.pool(self.conv(x))) + self.meta(ops.mean(x, axis=(1, 2)))
""",
        named=("layers.AveragePooling2D()",),
    ),
)
