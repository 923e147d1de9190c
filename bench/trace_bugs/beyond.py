"""Cases written after the search had been changed for all sets before them; it was then changed for them, too."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "ChebyshevGraph",
        "5,3 u5,5",
        "ops.concatenate(terms, axis=-1)",
        "ops.concatenate(terms, axis=1)",
        """
class ChebyshevGraph(layers.Layer):
    def __init__(self, units=4, order=3, **kwargs):
        super().__init__(**kwargs)
        self.units, self.order = units, order

    def build(self, nodes_shape, laplacian_shape=None):
        self.kernel = self.add_weight(shape=(self.order * nodes_shape[-1], self.units), name="kernel")

    def call(self, nodes, laplacian):
        terms = [nodes, ops.matmul(laplacian, nodes)]
        while len(terms) < self.order:
            terms.append(2.0 * ops.matmul(laplacian, terms[-1]) - terms[-2])
        return ops.relu(ops.matmul(ops.concatenate(terms, axis=-1), self.kernel))
""",
        named=("ops.matmul(ops.concatenate(terms, axis=1), self.kernel)",),
    ),
    Case(
        "ForwardScores",
        "6,3",
        "emissions[:, t]",
        "emissions[t]",
        """
class ForwardScores(layers.Layer):
    def build(self, shape):
        self.transitions = self.add_weight(shape=(shape[-1], shape[-1]), name="transitions")

    def call(self, emissions):
        alpha = emissions[:, 0]
        for t in range(1, emissions.shape[1]):
            paths = ops.expand_dims(alpha, -1) + self.transitions
            alpha = ops.logsumexp(paths, axis=1) + emissions[:, t]
        return ops.logsumexp(alpha, axis=-1, keepdims=True)
""",
        named=("ops.logsumexp(paths, axis=1) + emissions[t]",),
        batch=7,
    ),
    Case(
        "LearnedBlur",
        "6,6,3",
        "shape=(3, 3, shape[-1], 1)",
        "shape=(3, 3, 1, shape[-1])",
        """
class LearnedBlur(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(3, 3, shape[-1], 1), name="kernel")

    def call(self, image):
        blurred = ops.depthwise_conv(image, self.kernel, strides=1, padding="same")
        return image - blurred
""",
        named=('ops.depthwise_conv(image, self.kernel, strides=1, padding="same")', "image - blurred"),
    ),
    Case(
        "WaveDecoder",
        "8,3 4,5",
        'layers.Conv1DTranspose(filters, 4, strides=2, padding="same")',
        'layers.Conv1DTranspose(filters, 4, padding="same")',
        """
class WaveDecoder(keras.Model):
    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.up = layers.Conv1DTranspose(filters, 4, strides=2, padding="same")
        self.refine = layers.Conv1D(filters, 3, padding="same")

    def call(self, skip, deep):
        joined = ops.concatenate([skip, self.up(deep)], axis=-1)
        return self.refine(ops.relu(joined))
""",
        named=("ops.concatenate([skip, self.up(deep)], axis=-1)",),
    ),
    Case(
        "CausalAverage",
        "5,3",
        "ops.cumsum(x, axis=1)",
        "ops.cumsum(x, axis=0)",
        """
class CausalAverage(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.out = layers.Dense(4)

    def call(self, x):
        counts = ops.arange(1, x.shape[1] + 1, dtype="float32")
        return self.out(ops.cumsum(x, axis=1) / counts[:, None])
""",
    ),
    Case(
        "MaskedEntropy",
        "6 m6",
        "ops.log(share + 1e-9)",
        "ops.log(share)",
        """
class MaskedEntropy(layers.Layer):
    def call(self, scores, mask):
        share = ops.softmax(scores, axis=-1) * mask
        share = share / (ops.sum(share, axis=-1, keepdims=True) + 1e-9)
        return -ops.sum(share * ops.log(share + 1e-9), axis=-1, keepdims=True)
""",
        named=("share * ops.log(share)",),
    ),
    Case(
        "LargestError",
        "4 4",
        "self.worst.assign(ops.maximum(self.worst, ops.max(error)))",
        "self.worst.assign(ops.max(error))",
        """
class LargestError(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.worst = self.add_weight(shape=(), initializer="zeros", name="worst")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = ops.abs(ops.cast(y_true, "float32") - y_pred)
        self.worst.assign(ops.maximum(self.worst, ops.max(error)))

    def result(self):
        return ops.convert_to_tensor(self.worst)
""",
    ),
    Case(
        "ConfusionScore",
        "i3:- p3",
        "ops.matmul(ops.transpose(true), guess)",
        "ops.matmul(true, guess)",
        """
class ConfusionScore(keras.metrics.Metric):
    def __init__(self, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.table = self.add_weight(shape=(classes, classes), initializer="zeros", name="table")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true = ops.one_hot(ops.cast(y_true, "int32"), self.classes)
        guess = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        self.table.assign_add(ops.matmul(ops.transpose(true), guess))

    def result(self):
        right = ops.diagonal(self.table)
        return ops.mean(right / (ops.sum(self.table, axis=1) + 1e-7))
""",
    ),
    Case(
        "ThreeSenses",
        "6 5 4",
        "ops.stack(parts, axis=1)",
        "ops.stack(senses, axis=1)",
        """
class ThreeSenses(layers.Layer):
    def __init__(self, units=7, **kwargs):
        super().__init__(**kwargs)
        self.projections = [layers.Dense(units, activation="tanh") for _ in range(3)]
        self.score = layers.Dense(1)

    def call(self, senses):
        parts = [project(sense) for project, sense in zip(self.projections, senses)]
        together = ops.stack(parts, axis=1)
        share = ops.softmax(self.score(together), axis=1)
        return ops.sum(share * together, axis=1)
""",
        as_list=True,
    ),
    Case(
        "TiedHead",
        "i9:5",
        "ops.transpose(self.embed.embeddings)",
        "self.embed.embeddings",
        """
class TiedHead(keras.Model):
    def __init__(self, words=9, width=4, **kwargs):
        super().__init__(**kwargs)
        self.embed = layers.Embedding(words, width)
        self.body = layers.Dense(width, activation="relu")

    def call(self, ids):
        hidden = self.body(self.embed(ids))
        return ops.matmul(hidden, ops.transpose(self.embed.embeddings))
""",
    ),
    Case(
        "LatentDraw",
        "3 3",
        "(ops.shape(mean)[0], self.latent)",
        "(self.latent, ops.shape(mean)[0])",
        """
class LatentDraw(layers.Layer):
    def __init__(self, latent=3, **kwargs):
        super().__init__(**kwargs)
        self.latent = latent
        self.noise = keras.random.SeedGenerator(7)

    def call(self, mean, log_var):
        drawn = keras.random.normal((ops.shape(mean)[0], self.latent), seed=self.noise)
        return mean + ops.exp(0.5 * log_var) * drawn
""",
        named=("ops.exp(0.5 * log_var) * drawn",),
    ),
    Case(
        "BiasedAttention",
        "5,6",
        '"bqhd,bkhd->bhqk"',
        '"bqhd,bkhd->bqhk"',
        """
class BiasedAttention(layers.Layer):
    def __init__(self, heads=2, width=3, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.width = heads, width
        self.qkv = layers.Dense(3 * heads * width)

    def build(self, shape):
        self.qkv.build(shape)
        self.bias = self.add_weight(shape=(self.heads, shape[1], shape[1]), name="bias")

    def call(self, x):
        parts = ops.reshape(self.qkv(x), (-1, x.shape[1], 3, self.heads, self.width))
        q, k, v = parts[:, :, 0], parts[:, :, 1], parts[:, :, 2]
        scores = ops.einsum("bqhd,bkhd->bhqk", q, k) * self.width**-0.5 + self.bias
        mixed = ops.einsum("bhqk,bkhd->bqhd", ops.softmax(scores), v)
        return ops.reshape(mixed, (-1, x.shape[1], self.heads * self.width))
""",
        named=('ops.einsum("bqhd,bkhd->bqhk", q, k) * self.width**-0.5 + self.bias',),
    ),
    Case(
        "PointerScores",
        "5,3",
        "ops.squeeze(self.score(h), axis=-1)",
        "ops.squeeze(self.score(h))",
        """
class PointerScores(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(6, activation="tanh")
        self.score = layers.Dense(1)

    def call(self, x):
        h = self.hidden(x)
        return ops.squeeze(self.score(h), axis=-1)
""",
        also=(("ops.squeeze(self.score(h), axis=-1)", "self.score(h)[..., 0]"),),
    ),
    Case(
        "SpectrogramLoss",
        "48 48",
        "ops.stft(y_pred, 16, 4, 16)",
        "ops.stft(y_pred, 16, 8, 16)",
        """
class SpectrogramLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        real, imag = ops.stft(y_true, 16, 4, 16)
        true = ops.sqrt(ops.square(real) + ops.square(imag) + 1e-6)
        real, imag = ops.stft(y_pred, 16, 4, 16)
        pred = ops.sqrt(ops.square(real) + ops.square(imag) + 1e-6)
        return ops.mean(ops.abs(true - pred), axis=(1, 2))
""",
        named=("true - pred",),
    ),
    Case(
        "TimeShift",
        "5,4",
        "ops.roll(x, 1, axis=1)",
        "ops.roll(x, 1, axis=0)",
        """
class TimeShift(layers.Layer):
    def build(self, shape):
        self.mix = self.add_weight(shape=(shape[-1],), initializer="ones", name="mix")
        self.key = layers.Dense(shape[-1])

    def call(self, x):
        before = ops.roll(x, 1, axis=1)
        share = ops.sigmoid(self.mix)
        return self.key(share * x + (1.0 - share) * before)
""",
    ),
    Case(
        "SummaryToken",
        "6,4",
        "encoded[:, 0]",
        "encoded[0]",
        """
class SummaryToken(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attend = layers.MultiHeadAttention(2, 3)
        self.norm = layers.LayerNormalization()
        self.head = layers.Dense(3)

    def call(self, tokens):
        encoded = self.norm(tokens + self.attend(tokens, tokens))
        return self.head(encoded[:, 0])
""",
    ),
    Case(
        "DuelingHead",
        "6",
        "ops.mean(advantage, axis=-1, keepdims=True)",
        "ops.mean(advantage)",
        """
class DuelingHead(layers.Layer):
    def __init__(self, actions=4, **kwargs):
        super().__init__(**kwargs)
        self.value = layers.Dense(1)
        self.advantage = layers.Dense(actions)

    def call(self, state):
        value = self.value(state)
        advantage = self.advantage(state)
        return value + advantage - ops.mean(advantage, axis=-1, keepdims=True)
""",
    ),
)
