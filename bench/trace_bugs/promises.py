"""Fifteen silent faults against what a name or text says, by the authors of the search."""

from trace_bugs.case import Case

CASES = (
    Case(
        name="CosineHeadA",
        inputs="6 6",
        good="a = ops.normalize(a, axis=-1)\n        b = ops.normalize(b, axis=-1)\n        cosine",
        bad="cosine",
        source="""
class CosineHeadA(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.left = layers.Dense(5)
        self.right = layers.Dense(5)

    def call(self, user, item):
        a = self.left(user)
        b = self.right(item)
        a = ops.normalize(a, axis=-1)
        b = ops.normalize(b, axis=-1)
        cosine = ops.sum(a * b, axis=-1, keepdims=True)
        return 0.5 * (1.0 + cosine)
""",
        named=("ops.sum(a * b, axis=-1, keepdims=True)",),
    ),
    Case(
        name="MixGateB",
        inputs="5,6",
        good="probs = ops.softmax(self.router(x), axis=-1)",
        bad="probs = self.router(x)",
        source="""
class MixGateB(layers.Layer):
    def __init__(self, experts=3, units=4, **kwargs):
        super().__init__(**kwargs)
        self.router = layers.Dense(experts)
        self.experts = [layers.Dense(units) for _ in range(experts)]

    def call(self, x):
        probs = ops.softmax(self.router(x), axis=-1)
        outs = ops.stack([e(x) for e in self.experts], axis=-1)
        return ops.sum(outs * probs[:, :, None, :], axis=-1)
""",
    ),
    Case(
        name="GaussHeadC",
        inputs="6",
        good="sigma = ops.softplus(self.spread(x)) + 1e-3",
        bad="sigma = self.spread(x) + 1e-3",
        source='''
class GaussHeadC(layers.Layer):
    """Mean and standard deviation of a normal distribution."""
    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.mean = layers.Dense(dim)
        self.spread = layers.Dense(dim)

    def call(self, x):
        mu = self.mean(x)
        sigma = ops.softplus(self.spread(x)) + 1e-3
        return ops.concatenate([mu, sigma], axis=-1)
''',
        also=(
            ("sigma = ops.softplus(self.spread(x)) + 1e-3", "sigma = ops.softplus(self.spread(x) + 1e-3)"),
            ("sigma = ops.softplus(self.spread(x)) + 1e-3", "sigma = ops.exp(self.spread(x) + 1e-3)"),
        ),
    ),
    Case(
        name="SmoothCED",
        inputs="p5 p5",
        good="+ self.smoothing / n",
        bad="+ self.smoothing",
        source="""
class SmoothCED(keras.losses.Loss):
    def __init__(self, smoothing=0.1, **kwargs):
        super().__init__(**kwargs)
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        n = ops.shape(y_true)[-1]
        target = y_true * (1.0 - self.smoothing) + self.smoothing / n
        return -ops.sum(target * ops.log(y_pred + 1e-7), axis=-1)
""",
    ),
    Case(
        name="TempAttnE",
        inputs="5,6",
        good="scores / self.temperature",
        bad="scores * self.temperature",
        source="""
class TempAttnE(layers.Layer):
    def __init__(self, dim=4, temperature=2.0, **kwargs):
        super().__init__(**kwargs)
        self.temperature = temperature
        self.q = layers.Dense(dim)
        self.k = layers.Dense(dim)

    def call(self, x):
        scores = ops.matmul(self.q(x), ops.transpose(self.k(x), (0, 2, 1)))
        w = ops.softmax(scores / self.temperature, axis=-1)
        return ops.matmul(w, x)
""",
    ),
    Case(
        name="ScaledAttnF",
        inputs="5,6",
        good="/ ops.sqrt(float(self.dim))",
        bad="* ops.sqrt(float(self.dim))",
        source="""
class ScaledAttnF(layers.Layer):
    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.q = layers.Dense(dim)
        self.k = layers.Dense(dim)
        self.v = layers.Dense(dim)

    def call(self, x):
        q, k, v = self.q(x), self.k(x), self.v(x)
        logits = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / ops.sqrt(float(self.dim))
        return ops.matmul(ops.softmax(logits, axis=-1), v)
""",
    ),
    Case(
        name="RowNormG",
        inputs="9",
        good="(x - mean) / ops.sqrt(var + self.eps)",
        bad="(x - mean) / (var + self.eps)",
        source='''
class RowNormG(layers.Layer):
    """Layer normalisation."""
    def __init__(self, eps=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.eps = eps

    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")

    def call(self, x):
        mean = ops.mean(x, axis=-1, keepdims=True)
        var = ops.var(x, axis=-1, keepdims=True)
        return self.gamma * (x - mean) / ops.sqrt(var + self.eps)
''',
    ),
    Case(
        name="MaskedMeanH",
        inputs="6,5 m6",
        good="ops.sum(x * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)",
        bad="ops.mean(x * mask, axis=1)",
        source='''
class MaskedMeanH(layers.Layer):
    """Mean of the tokens that are not padding; mask is 1 for tokens."""
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.proj = layers.Dense(4)

    def call(self, x, mask):
        mask = mask[:, :, None]
        x = self.proj(x)
        return ops.sum(x * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)
''',
    ),
    Case(
        name="ConvBnI",
        inputs="8,6,3",
        good="layers.BatchNormalization()",
        bad="layers.BatchNormalization(axis=1)",
        source="""
class ConvBnI(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(5, 3, padding="same", use_bias=False)
        self.bn = layers.BatchNormalization()
        self.pool = layers.GlobalAveragePooling2D()

    def call(self, x, training=None):
        h = self.conv(x)
        h = ops.relu(self.bn(h, training=training))
        return self.pool(h)
""",
        named=("self.bn(h, training=training)",),
    ),
    Case(
        name="DeltaJ",
        inputs="7,3",
        good="x[:, 1:] - x[:, :-1]",
        bad="x[:, 1:] - x[:, 1:]",
        source='''
class DeltaJ(layers.Layer):
    """First differences of a series."""
    def call(self, x):
        d = x[:, 1:] - x[:, :-1]
        return d / 2.0
''',
    ),
    Case(
        name="DiceK",
        inputs="m6 u6",
        good="1.0 - (2.0 * inter + self.smooth)",
        bad="1.0 - (inter + self.smooth)",
        source='''
class DiceK(keras.losses.Loss):
    """Soft Dice loss."""
    def __init__(self, smooth=1.0, **kwargs):
        super().__init__(**kwargs)
        self.smooth = smooth

    def call(self, y_true, y_pred):
        inter = ops.sum(y_true * y_pred, axis=-1)
        total = ops.sum(y_true, axis=-1) + ops.sum(y_pred, axis=-1)
        return 1.0 - (2.0 * inter + self.smooth) / (total + self.smooth)
''',
    ),
    Case(
        name="SelfSubL",
        inputs="5 5",
        good="y_true - y_pred",
        bad="y_pred - y_pred",
        source="""
class SelfSubL(keras.losses.Loss):
    def call(self, y_true, y_pred):
        err = y_true - y_pred
        return ops.mean(ops.square(err), axis=-1)
""",
    ),
    Case(
        name="ResidualM",
        inputs="6,5",
        good="return x + self.drop(h, training=training)",
        bad="return self.drop(h, training=training)",
        source='''
class ResidualM(layers.Layer):
    """Residual feed-forward block."""
    def __init__(self, hidden=12, **kwargs):
        super().__init__(**kwargs)
        self.hidden = hidden
        self.drop = layers.Dropout(0.1)

    def build(self, shape):
        self.up = layers.Dense(self.hidden, activation="gelu")
        self.down = layers.Dense(shape[-1])
        self.up.build(shape)
        self.down.build((*shape[:-1], self.hidden))

    def call(self, x, training=None):
        h = self.down(self.up(x))
        return x + self.drop(h, training=training)
''',
    ),
    Case(
        name="HingeN",
        inputs="m5 5",
        good="ops.maximum(1.0 - sign * y_pred, 0.0)",
        bad="ops.minimum(1.0 - sign * y_pred, 0.0)",
        source='''
class HingeN(keras.losses.Loss):
    """Hinge loss for labels 0 and 1."""
    def call(self, y_true, y_pred):
        sign = 2.0 * ops.cast(y_true, y_pred.dtype) - 1.0
        return ops.mean(ops.maximum(1.0 - sign * y_pred, 0.0), axis=-1)
''',
    ),
    Case(
        name="TripletO",
        inputs="6 6 6",
        good="d_pos - d_neg + self.margin",
        bad="d_neg - d_pos + self.margin",
        source='''
class TripletO(layers.Layer):
    """Triplet margin loss of anchor, positive and negative."""
    def __init__(self, margin=0.5, **kwargs):
        super().__init__(**kwargs)
        self.margin = margin
        self.embed = layers.Dense(4)

    def call(self, anchor, positive, negative):
        a, p, n = self.embed(anchor), self.embed(positive), self.embed(negative)
        d_pos = ops.sum(ops.square(a - p), axis=-1)
        d_neg = ops.sum(ops.square(a - n), axis=-1)
        return ops.relu(d_pos - d_neg + self.margin)
''',
    ),
)
