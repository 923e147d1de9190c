"""Forty small custom classes, each with one common fault."""

from trace_bugs.case import HEADER, Case

CASES = (
    # raises
    Case(
        name="TiedSparrow",
        inputs="7",
        good="ops.matmul(code, ops.transpose(self.kernel))",
        bad="ops.matmul(code, self.kernel)",
        also=(
            ("ops.matmul(code, ops.transpose(self.kernel))", 'ops.einsum("bc,dc->bd", code, self.kernel)'),
        ),
        source='''
class TiedSparrow(layers.Layer):
    """Autoencoder whose decoder shares the encoder's weights."""

    def __init__(self, code_size=3, **kwargs):
        super().__init__(**kwargs)
        self.code_size = code_size

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.code_size), initializer="glorot_uniform", name="kernel"
        )
        self.b_enc = self.add_weight(shape=(self.code_size,), initializer="zeros", name="b_enc")
        self.b_dec = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="b_dec")

    def call(self, x):
        code = ops.tanh(ops.matmul(x, self.kernel) + self.b_enc)
        return ops.matmul(code, ops.transpose(self.kernel)) + self.b_dec
''',
    ),
    # raises
    Case(
        name="ClsTokenHeron",
        inputs="6,8",
        good="cls = ops.broadcast_to(self.cls_token, (ops.shape(x)[0], 1, self.dim))",
        bad="cls = self.cls_token",
        named=("ops.concatenate([cls, x], axis=1)",),
        also=(
            (
                "cls = ops.broadcast_to(self.cls_token, (ops.shape(x)[0], 1, self.dim))",
                "cls = ops.tile(self.cls_token, (ops.shape(x)[0], 1, 1))",
            ),
            (
                "cls = ops.broadcast_to(self.cls_token, (ops.shape(x)[0], 1, self.dim))",
                "cls = ops.repeat(self.cls_token, ops.shape(x)[0], axis=0)",
            ),
            (
                "cls = ops.broadcast_to(self.cls_token, (ops.shape(x)[0], 1, self.dim))",
                "cls = ops.zeros_like(x[:, :1]) + self.cls_token",
            ),
        ),
        source="""
class ClsTokenHeron(keras.layers.Layer):
    def build(self, input_shape):
        self.dim = input_shape[-1]
        self.cls_token = self.add_weight(
            shape=(1, 1, self.dim), initializer="random_normal", trainable=True, name="cls"
        )

    def call(self, x):
        # prepend the class token to every sequence of patches
        cls = ops.broadcast_to(self.cls_token, (ops.shape(x)[0], 1, self.dim))
        return ops.concatenate([cls, x], axis=1)
""",
    ),
    # raises
    Case(
        name="SkipMergeOtter",
        inputs="3,3,5 6,6,2",
        good="ops.concatenate([up, skip], axis=-1)",
        bad="ops.concatenate([up, skip], axis=1)",
        also=(("ops.concatenate([up, skip], axis=-1)", "ops.concatenate([up, skip], axis=3)"),),
        source='''
class SkipMergeOtter(layers.Layer):
    """One decoder step of a U-Net (channels last)."""

    def __init__(self, filters=5, **kwargs):
        super().__init__(**kwargs)
        self.up = layers.UpSampling2D(2)
        self.conv = layers.Conv2D(filters, 3, padding="same", activation="relu")

    def call(self, x, skip):
        up = self.up(x)
        merged = ops.concatenate([up, skip], axis=-1)
        return self.conv(merged)
''',
    ),
    # raises
    Case(
        name="BinTableMarmot",
        inputs="u5",
        good='bins = ops.cast(x * self.n_bins, "int32")',
        bad="bins = ops.floor(x * self.n_bins)",
        named=("ops.take(self.table, bins, axis=0)",),
        also=(
            (
                'bins = ops.cast(x * self.n_bins, "int32")',
                'bins = ops.cast(ops.floor(x * self.n_bins), "int32")',
            ),
            (
                ('bins = ops.cast(x * self.n_bins, "int32")', "ops.take(self.table, bins, axis=0)"),
                (
                    "bins = ops.floor(x * self.n_bins)",
                    'ops.take(self.table, ops.cast(bins, "int32"), axis=0)',
                ),
            ),
        ),
        backends=("jax", "tensorflow"),
        source='''
class BinTableMarmot(layers.Layer):
    """Embeds numeric features in [0, 1) by the bin that they fall in."""

    def __init__(self, n_bins=7, dim=3, **kwargs):
        super().__init__(**kwargs)
        self.n_bins = n_bins
        self.dim = dim

    def build(self, input_shape):
        self.table = self.add_weight(
            shape=(self.n_bins, self.dim), initializer="random_normal", name="table"
        )

    def call(self, x):
        bins = ops.cast(x * self.n_bins, "int32")
        return ops.take(self.table, bins, axis=0)
''',
    ),
    # raises
    Case(
        name="PaddedMeanStoat",
        inputs="6,5 m6",
        good="m = ops.expand_dims(mask, -1)",
        bad="m = mask",
        named=("x * m",),
        also=(
            ("m = ops.expand_dims(mask, -1)", "m = mask[:, :, None]"),
            ("m = ops.expand_dims(mask, -1)", "m = mask[..., None]"),
        ),
        source='''
class PaddedMeanStoat(layers.Layer):
    """Mean of the steps whose mask is 1."""

    def call(self, x, mask):
        m = ops.expand_dims(mask, -1)
        total = ops.sum(x * m, axis=1)
        count = ops.maximum(ops.sum(m, axis=1), 1.0)
        return total / count
''',
    ),
    # raises
    Case(
        name="HeadSplitFinch",
        inputs="6,8",
        good="(b, t, self.num_heads, self.head_dim)",
        bad="(b, t, self.num_heads, self.dim)",
        also=(
            ("(b, t, self.num_heads, self.head_dim)", "(b, t, self.num_heads, self.dim // self.num_heads)"),
            ("(b, t, self.num_heads, self.head_dim)", "(b, t, self.num_heads, -1)"),
        ),
        source="""
class HeadSplitFinch(keras.layers.Layer):
    def __init__(self, dim=8, num_heads=2, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.proj = keras.layers.Dense(dim)

    def call(self, x):
        b, t = ops.shape(x)[0], ops.shape(x)[1]
        h = self.proj(x)
        h = ops.reshape(h, (b, t, self.num_heads, self.head_dim))
        return ops.transpose(h, (0, 2, 1, 3))
""",
    ),
    # raises
    Case(
        name="DotAttnLynx",
        inputs="6,7",
        good="ops.transpose(k, (0, 2, 1))",
        bad="ops.transpose(k)",
        named=("ops.matmul(q, ops.transpose(k))",),
        also=(
            ("ops.transpose(k, (0, 2, 1))", "ops.swapaxes(k, 1, 2)"),
            ("ops.transpose(k, (0, 2, 1))", "ops.swapaxes(k, -1, -2)"),
            ("ops.matmul(q, ops.transpose(k, (0, 2, 1)))", 'ops.einsum("bqd,bkd->bqk", q, k)'),
        ),
        source="""
class DotAttnLynx(layers.Layer):
    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.wq = layers.Dense(units, use_bias=False)
        self.wk = layers.Dense(units, use_bias=False)
        self.wv = layers.Dense(units, use_bias=False)

    def call(self, x):
        q, k, v = self.wq(x), self.wk(x), self.wv(x)
        scores = ops.matmul(q, ops.transpose(k, (0, 2, 1)))
        weights = ops.softmax(scores / self.units**0.5, axis=-1)
        return ops.matmul(weights, v)
""",
    ),
    # raises
    Case(
        name="RawConvBadger",
        inputs="9,9,2",
        good="shape=(3, 3, input_shape[-1], self.filters)",
        bad="shape=(self.filters, input_shape[-1], 3, 3)",
        named=('ops.conv(x, self.kernel, strides=1, padding="same")',),
        source="""
class RawConvBadger(layers.Layer):
    def __init__(self, filters=5, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(3, 3, input_shape[-1], self.filters),
            initializer="glorot_uniform",
            name="kernel",
        )

    def call(self, x):
        y = ops.conv(x, self.kernel, strides=1, padding="same")
        return ops.relu(y)
""",
    ),
    # raises
    Case(
        name="TcnResidualMole",
        inputs="10,5",
        good='layers.Conv1D(filters, 3, padding="same", activation="relu")',
        bad='layers.Conv1D(filters, 3, activation="relu")',
        named=("x + h",),
        source="""
class TcnResidualMole(layers.Layer):
    def __init__(self, filters=5, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv1D(filters, 3, padding="same", activation="relu")
        self.norm = layers.LayerNormalization()

    def call(self, x):
        h = self.conv(x)
        h = self.norm(h)
        return x + h
""",
    ),
    # raises
    Case(
        name="CapsuleVotesNewt",
        inputs="6,3",
        good='"bni,nmio->bnmo"',
        bad='"bni,mnio->bnmo"',
        also=(('"bni,nmio->bnmo"', '"bnd,nmde->bnme"'),),
        source='''
class CapsuleVotesNewt(layers.Layer):
    """Every input capsule n predicts every output capsule m."""

    def __init__(self, out_caps=2, out_dim=5, **kwargs):
        super().__init__(**kwargs)
        self.out_caps = out_caps
        self.out_dim = out_dim

    def build(self, input_shape):
        n, d = input_shape[1], input_shape[2]
        self.W = self.add_weight(
            shape=(n, self.out_caps, d, self.out_dim), initializer="random_normal", name="W"
        )

    def call(self, u):
        votes = ops.einsum("bni,nmio->bnmo", u, self.W)
        return ops.mean(votes, axis=1)
''',
    ),
    # raises
    Case(
        name="TokenTableWren",
        inputs="i9:6",
        good="ops.take(self.table, ids, axis=0)",
        bad="ops.take(self.table, ids)",
        named=("vectors + self.positions",),
        also=(("ops.take(self.table, ids, axis=0)", "ops.matmul(ops.one_hot(ids, self.vocab), self.table)"),),
        source="""
class TokenTableWren(layers.Layer):
    def __init__(self, vocab=9, dim=5, **kwargs):
        super().__init__(**kwargs)
        self.vocab = vocab
        self.dim = dim

    def build(self, input_shape):
        self.table = self.add_weight(shape=(self.vocab, self.dim), initializer="uniform", name="table")
        self.positions = self.add_weight(
            shape=(input_shape[1], self.dim), initializer="uniform", name="positions"
        )

    def call(self, ids):
        vectors = ops.take(self.table, ids, axis=0)
        return vectors + self.positions
""",
    ),
    # raises
    Case(
        name="QkvSplitVole",
        inputs="5,6",
        good="ops.split(self.qkv(x), 3, axis=-1)",
        bad="ops.split(self.qkv(x), 3)",
        also=(("ops.split(self.qkv(x), 3, axis=-1)", "ops.split(self.qkv(x), 3, axis=2)"),),
        source="""
class QkvSplitVole(layers.Layer):
    def __init__(self, dim=6, **kwargs):
        super().__init__(**kwargs)
        self.scale = dim**-0.5
        self.qkv = layers.Dense(3 * dim)
        self.out = layers.Dense(dim)

    def call(self, x):
        q, k, v = ops.split(self.qkv(x), 3, axis=-1)
        attn = ops.softmax(ops.einsum("bqd,bkd->bqk", q, k) * self.scale, axis=-1)
        return self.out(ops.matmul(attn, v))
""",
    ),
    # raises
    Case(
        name="RmsScaleTern",
        inputs="6,5",
        good="ops.mean(ops.square(x), axis=-1, keepdims=True)",
        bad="ops.mean(ops.square(x), axis=-1)",
        named=("x / ops.sqrt(ms + self.eps)", "x / ops.sqrt(ms + self.eps) * self.gamma"),
        also=(
            ("x / ops.sqrt(ms + self.eps)", "x * ops.rsqrt(ms + self.eps)"),
            (
                "ops.mean(ops.square(x), axis=-1, keepdims=True)",
                "ops.expand_dims(ops.mean(ops.square(x), axis=-1), -1)",
            ),
        ),
        source="""
class RmsScaleTern(layers.Layer):
    def __init__(self, eps=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.eps = eps

    def build(self, input_shape):
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")

    def call(self, x):
        ms = ops.mean(ops.square(x), axis=-1, keepdims=True)
        return x / ops.sqrt(ms + self.eps) * self.gamma
""",
    ),
    # raises
    Case(
        name="MaskedScoreShrew",
        inputs="6,5 m6",
        good='keep = ops.cast(mask, "bool")',
        bad="keep = mask",
        named=("~keep", "ops.where(~keep, -1e9, scores)"),
        also=(
            ('keep = ops.cast(mask, "bool")', "keep = mask > 0"),
            ('keep = ops.cast(mask, "bool")', "keep = mask > 0.5"),
            ('keep = ops.cast(mask, "bool")', "keep = ops.not_equal(mask, 0)"),
        ),
        source='''
class MaskedScoreShrew(layers.Layer):
    """Attention pooling; the mask comes as floats (1 = real step, 0 = padding)."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.score = layers.Dense(1)

    def call(self, x, mask):
        keep = ops.cast(mask, "bool")
        scores = ops.squeeze(self.score(x), -1)
        scores = ops.where(~keep, -1e9, scores)
        alpha = ops.softmax(scores, axis=-1)
        return ops.sum(ops.expand_dims(alpha, -1) * x, axis=1)
''',
    ),
    # raises
    Case(
        name="MathSwishGull",
        inputs="6",
        header="import math\n" + HEADER,
        good="ops.exp(-self.beta * x)",
        bad="math.exp(-self.beta * x)",
        also=(("x / (1.0 + ops.exp(-self.beta * x))", "x * ops.sigmoid(self.beta * x)"),),
        source="""
class MathSwishGull(layers.Layer):
    def __init__(self, beta=1.5, **kwargs):
        super().__init__(**kwargs)
        self.beta = beta

    def call(self, x):
        return x / (1.0 + ops.exp(-self.beta * x))
""",
    ),
    # raises
    Case(
        name="HuberBranchKite",
        inputs="3 3",
        good="loss = ops.where(error <= self.delta, quadratic, linear)",
        bad="loss = quadratic if error <= self.delta else linear",
        named=("error <= self.delta",),
        also=(
            (
                "loss = ops.where(error <= self.delta, quadratic, linear)",
                "loss = ops.where(error > self.delta, linear, quadratic)",
            ),
        ),
        source="""
class HuberBranchKite(keras.losses.Loss):
    def __init__(self, delta=1.0, name="huber_kite"):
        super().__init__(name=name)
        self.delta = delta

    def call(self, y_true, y_pred):
        error = ops.abs(y_true - y_pred)
        quadratic = 0.5 * ops.square(error)
        linear = self.delta * error - 0.5 * self.delta**2
        loss = ops.where(error <= self.delta, quadratic, linear)
        return ops.mean(loss, axis=-1)
""",
    ),
    # raises
    Case(
        name="HitCountCrake",
        inputs="m5 u5",
        good="""        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")
""",
        bad="""        self.threshold = threshold
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")
        super().__init__(name=name, **kwargs)
""",
        named=('self.add_weight(name="hits", initializer="zeros")',),
        also=(
            (
                """        super().__init__(name=name, **kwargs)
        self.threshold = threshold
""",
                """        self.threshold = threshold
        super().__init__(name=name, **kwargs)
""",
            ),
        ),
        source="""
class HitCountCrake(keras.metrics.Metric):
    def __init__(self, threshold=0.5, name="hit_rate", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        same = ops.equal(y_pred > self.threshold, y_true > 0.5)
        self.hits.assign_add(ops.sum(ops.cast(same, "float32")))
        self.seen.assign_add(ops.cast(ops.size(y_true), "float32"))

    def result(self):
        return self.hits / (self.seen + 1e-7)
""",
    ),
    # raises
    Case(
        name="PlainLinearDace",
        inputs="5",
        good="shape=(input_shape[-1], self.units)",
        bad="shape=(input_shape[-1], units)",
        source="""
class PlainLinearDace(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer="random_normal",
            trainable=True,
        )
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b
""",
    ),
    # raises
    Case(
        name="StackedBlocksEgret",
        inputs="5",
        good="""        for dense in self.blocks:
            x = dense(x)
""",
        bad="        x = self.blocks(x)\n",
        named=("self.blocks(x)",),
        also=(
            (
                (
                    '[layers.Dense(w, activation="relu") for w in widths]',
                    "        for dense in self.blocks:\n            x = dense(x)\n",
                ),
                (
                    'keras.Sequential([layers.Dense(w, activation="relu") for w in widths])',
                    "        x = self.blocks(x)\n",
                ),
            ),
        ),
        source="""
class StackedBlocksEgret(layers.Layer):
    def __init__(self, widths=(8, 6), **kwargs):
        super().__init__(**kwargs)
        self.blocks = [layers.Dense(w, activation="relu") for w in widths]
        self.head = layers.Dense(2)

    def call(self, x):
        for dense in self.blocks:
            x = dense(x)
        return self.head(x)
""",
    ),
    # raises
    Case(
        name="PairGapPlover",
        inputs="5 5",
        as_list=True,
        good="""    def call(self, inputs):
        left, right = inputs
""",
        bad="""    def call(self, left, right):
""",
        also=(
            (
                """        left, right = inputs
""",
                """        left = inputs[0]
        right = inputs[1]
""",
            ),
        ),
        source='''
class PairGapPlover(layers.Layer):
    """Distance of two embeddings, called with a list: PairGapPlover()([left, right])."""

    def call(self, inputs):
        left, right = inputs
        gap = ops.sum(ops.square(left - right), axis=-1, keepdims=True)
        return ops.sqrt(ops.maximum(gap, 1e-7))
''',
    ),
    # raises
    Case(
        name="BilinearPairRuff",
        inputs="5 3",
        as_list=True,
        good="""        d1 = input_shape[0][-1]
        d2 = input_shape[1][-1]
""",
        bad="""        d1 = input_shape[0]
        d2 = input_shape[1]
""",
        named=(
            'self.add_weight(shape=(d1, d2, self.k), initializer="glorot_uniform", name="W")',
            "shape=(d1, d2, self.k)",
            "(d1, d2, self.k)",
        ),
        also=(
            (
                """        d1 = input_shape[0][-1]
        d2 = input_shape[1][-1]
""",
                """        (_, d1), (_, d2) = input_shape
""",
            ),
            (
                """        d1 = input_shape[0][-1]
        d2 = input_shape[1][-1]
""",
                """        d1 = input_shape[0][1]
        d2 = input_shape[1][1]
""",
            ),
        ),
        source="""
class BilinearPairRuff(layers.Layer):
    def __init__(self, k=2, **kwargs):
        super().__init__(**kwargs)
        self.k = k

    def build(self, input_shape):
        d1 = input_shape[0][-1]
        d2 = input_shape[1][-1]
        self.W = self.add_weight(shape=(d1, d2, self.k), initializer="glorot_uniform", name="W")

    def call(self, inputs):
        e1, e2 = inputs
        return ops.einsum("bi,ijk,bj->bk", e1, self.W, e2)
""",
    ),
    # raises
    Case(
        name="EncoderBlockSkua",
        inputs="6,8",
        good="self.mha(x, x)",
        bad="self.mha(x)",
        also=(
            ("self.mha(x, x)", "self.mha(query=x, value=x)"),
            ("self.mha(x, x)", "self.mha(x, x, x)"),
        ),
        source="""
class EncoderBlockSkua(layers.Layer):
    def __init__(self, dim=8, heads=2, **kwargs):
        super().__init__(**kwargs)
        self.mha = layers.MultiHeadAttention(num_heads=heads, key_dim=dim // heads)
        self.norm1 = layers.LayerNormalization()
        self.norm2 = layers.LayerNormalization()
        self.ffn = keras.Sequential([layers.Dense(2 * dim, activation="relu"), layers.Dense(dim)])

    def call(self, x):
        x = self.norm1(x + self.mha(x, x))
        return self.norm2(x + self.ffn(x))
""",
    ),
    # raises
    Case(
        name="OneHotLookupRail",
        inputs="i9:6",
        good="ops.one_hot(ids, self.vocab_size)",
        bad="ops.one_hot(ids, self.embed_dim)",
        named=("ops.matmul(onehot, self.embeddings)",),
        also=(
            (
                "onehot = ops.one_hot(ids, self.vocab_size)\n        return ops.matmul(onehot, self.embeddings)",
                "return ops.take(self.embeddings, ids, axis=0)",
            ),
        ),
        source='''
class OneHotLookupRail(layers.Layer):
    """Embedding as a product with one-hot vectors."""

    def __init__(self, vocab_size=9, embed_dim=5, **kwargs):
        super().__init__(**kwargs)
        self.vocab_size = vocab_size
        self.embed_dim = embed_dim

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            shape=(self.vocab_size, self.embed_dim), initializer="random_normal", name="embeddings"
        )

    def call(self, ids):
        onehot = ops.one_hot(ids, self.vocab_size)
        return ops.matmul(onehot, self.embeddings)
''',
    ),
    # raises
    Case(
        name="ElmanLoopDotterel",
        inputs="6,3",
        good="xt = x[:, t]",
        bad="xt = x[t]",
        named=(
            "ops.matmul(xt, self.w) + ops.matmul(h, self.u)",
            "ops.matmul(xt, self.w) + ops.matmul(h, self.u) + self.b",
        ),
        also=(("xt = x[:, t]", "xt = x[:, t, :]"), ("xt = x[:, t]", "xt = ops.take(x, t, axis=1)")),
        source="""
class ElmanLoopDotterel(layers.Layer):
    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="w")
        self.u = self.add_weight(shape=(self.units, self.units), initializer="orthogonal", name="u")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, x):
        h = ops.zeros((ops.shape(x)[0], self.units))
        for t in range(x.shape[1]):
            xt = x[:, t]
            h = ops.tanh(ops.matmul(xt, self.w) + ops.matmul(h, self.u) + self.b)
        return h
""",
    ),
    # raises
    Case(
        name="HandLstmStepSnipe",
        inputs="3 5 5",
        good="shape=(self.units, 4 * self.units)",
        bad="shape=(self.units, self.units)",
        named=(
            "ops.matmul(x, self.kernel) + ops.matmul(h, self.recurrent)",
            "ops.matmul(x, self.kernel) + ops.matmul(h, self.recurrent) + self.bias",
            "ops.matmul(h, self.recurrent)",
        ),
        also=(("shape=(self.units, 4 * self.units)", "shape=(self.units, self.units * 4)"),),
        source="""
class HandLstmStepSnipe(layers.Layer):
    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, x_shape, h_shape, c_shape):
        self.kernel = self.add_weight(
            shape=(x_shape[-1], self.units * 4), initializer="glorot_uniform", name="kernel"
        )
        self.recurrent = self.add_weight(
            shape=(self.units, 4 * self.units), initializer="orthogonal", name="recurrent"
        )
        self.bias = self.add_weight(shape=(self.units * 4,), initializer="zeros", name="bias")

    def call(self, x, h, c):
        z = ops.matmul(x, self.kernel) + ops.matmul(h, self.recurrent) + self.bias
        i, f, g, o = ops.split(z, 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(c)
""",
    ),
    # raises
    Case(
        name="LearnedPositionKnot",
        inputs="6,5",
        good="self.pos[: ops.shape(x)[1]]",
        bad="self.pos",
        named=("x + self.pos",),
        also=(
            ("self.pos[: ops.shape(x)[1]]", "self.pos[: x.shape[1], :]"),
            ("self.pos[: ops.shape(x)[1]]", "ops.take(self.pos, ops.arange(ops.shape(x)[1]), axis=0)"),
        ),
        source="""
class LearnedPositionKnot(layers.Layer):
    def __init__(self, max_len=20, **kwargs):
        super().__init__(**kwargs)
        self.max_len = max_len

    def build(self, input_shape):
        self.pos = self.add_weight(
            shape=(self.max_len, input_shape[-1]), initializer="random_normal", name="pos"
        )

    def call(self, x):
        return x + self.pos[: ops.shape(x)[1]]
""",
    ),
    # silent
    Case(
        name="SparseHitsAvocet",
        inputs="i3:1 5",
        good="labels = ops.reshape(y_true, (-1,))",
        bad="labels = y_true",
        named=("ops.equal(labels, guess)",),
        also=(
            ("labels = ops.reshape(y_true, (-1,))", "labels = ops.squeeze(y_true, -1)"),
            ("labels = ops.reshape(y_true, (-1,))", "labels = y_true[:, 0]"),
            (
                (
                    "labels = ops.reshape(y_true, (-1,))",
                    'ops.argmax(y_pred, axis=-1), "int32")',
                ),
                (
                    "labels = y_true",
                    'ops.argmax(y_pred, axis=-1, keepdims=True), "int32")',
                ),
            ),
        ),
        source='''
class SparseHitsAvocet(keras.metrics.Metric):
    """Accuracy for integer labels of shape (batch, 1)."""

    def __init__(self, name="sparse_hits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.reshape(y_true, (-1,))
        guess = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        match = ops.cast(ops.equal(labels, guess), "float32")
        self.hits.assign_add(ops.sum(match))
        self.total.assign_add(ops.cast(ops.shape(y_pred)[0], "float32"))

    def result(self):
        return self.hits / (self.total + 1e-7)
''',
    ),
    # silent
    Case(
        name="PointGapsPipit",
        inputs="5,3",
        good="ops.sqrt(ops.maximum(sq, 1e-12))",
        bad="ops.sqrt(sq)",
        also=(
            ("ops.sqrt(ops.maximum(sq, 1e-12))", "ops.sqrt(sq + 1e-12)"),
            ("ops.sqrt(ops.maximum(sq, 1e-12))", "ops.sqrt(sq + keras.config.epsilon() ** 2)"),
        ),
        source='''
class PointGapsPipit(layers.Layer):
    """Distances between all points of a cloud."""

    def call(self, points):
        diff = ops.expand_dims(points, 2) - ops.expand_dims(points, 1)
        sq = ops.sum(ops.square(diff), axis=-1)
        return ops.sqrt(ops.maximum(sq, 1e-12))
''',
    ),
    # silent
    Case(
        name="GemPoolSiskin",
        inputs="5,5,3",
        good="ops.power(ops.maximum(x, 1e-6), self.p)",
        bad="ops.power(x, self.p)",
        named=("ops.power(pooled, 1.0 / self.p)",),
        also=(
            ("ops.power(ops.maximum(x, 1e-6), self.p)", "ops.power(ops.clip(x, 1e-6, 1e9), self.p)"),
            ("ops.power(ops.maximum(x, 1e-6), self.p)", "ops.power(ops.relu(x) + 1e-6, self.p)"),
        ),
        source='''
class GemPoolSiskin(layers.Layer):
    """Generalised mean pooling with a learned exponent."""

    def build(self, input_shape):
        self.p = self.add_weight(shape=(), initializer=keras.initializers.Constant(3.0), name="p")

    def call(self, x):
        pooled = ops.mean(ops.power(ops.maximum(x, 1e-6), self.p), axis=(1, 2))
        return ops.power(pooled, 1.0 / self.p)
''',
    ),
    # silent
    Case(
        name="ExpertMixLinnet",
        inputs="5",
        good="self.gate = layers.Dense(n_experts)",
        bad='self.gate = layers.Dense(n_experts, activation="softmax")',
        named=("ops.softmax(self.gate(x), axis=-1)",),
        also=(
            (
                ("self.gate = layers.Dense(n_experts)", "ops.softmax(self.gate(x), axis=-1)"),
                ('self.gate = layers.Dense(n_experts, activation="softmax")', "self.gate(x)"),
            ),
        ),
        source="""
class ExpertMixLinnet(layers.Layer):
    def __init__(self, n_experts=3, units=6, **kwargs):
        super().__init__(**kwargs)
        self.experts = [layers.Dense(units, activation="relu") for _ in range(n_experts)]
        self.gate = layers.Dense(n_experts)

    def call(self, x):
        weights = ops.softmax(self.gate(x), axis=-1)
        outs = ops.stack([expert(x) for expert in self.experts], axis=1)
        return ops.sum(ops.expand_dims(weights, -1) * outs, axis=1)
""",
    ),
    # silent
    Case(
        name="FocalBceDunlin",
        inputs="m3 3",
        good="ops.binary_crossentropy(y_true, p)",
        bad="ops.binary_crossentropy(y_true, p, from_logits=True)",
        also=(
            ("ops.binary_crossentropy(y_true, p)", "ops.binary_crossentropy(y_true, p, from_logits=False)"),
            (
                "ops.binary_crossentropy(y_true, p)",
                "ops.binary_crossentropy(y_true, y_pred, from_logits=True)",
            ),
        ),
        source='''
class FocalBceDunlin(keras.losses.Loss):
    """Focal loss on logits."""

    def __init__(self, gamma=2.0, name="focal_dunlin"):
        super().__init__(name=name)
        self.gamma = gamma

    def call(self, y_true, y_pred):
        p = ops.clip(ops.sigmoid(y_pred), 1e-6, 1.0 - 1e-6)
        bce = ops.binary_crossentropy(y_true, p)
        p_t = y_true * p + (1.0 - y_true) * (1.0 - p)
        return ops.mean(ops.power(1.0 - p_t, self.gamma) * bce, axis=-1)
''',
    ),
    # silent
    Case(
        name="RowNormTwite",
        inputs="6",
        good=("ops.mean(x, axis=-1, keepdims=True)", "ops.var(x, axis=-1, keepdims=True)"),
        bad=("ops.mean(x, axis=0, keepdims=True)", "ops.var(x, axis=0, keepdims=True)"),
        also=(
            (
                ("ops.mean(x, axis=-1, keepdims=True)", "ops.var(x, axis=-1, keepdims=True)"),
                ("ops.mean(x, axis=1, keepdims=True)", "ops.var(x, axis=1, keepdims=True)"),
            ),
        ),
        source='''
class RowNormTwite(layers.Layer):
    """Layer normalisation: every sample is scaled by its own mean and variance."""

    def build(self, input_shape):
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="beta")

    def call(self, x):
        mean = ops.mean(x, axis=-1, keepdims=True)
        var = ops.var(x, axis=-1, keepdims=True)
        x = (x - mean) / ops.sqrt(var + 1e-5)
        return self.gamma * x + self.beta
''',
    ),
    # silent
    Case(
        name="FscoreLossCurlew",
        inputs="m5 u5",
        good="p = ops.clip(y_pred, 0.0, 1.0)",
        bad="p = ops.round(ops.clip(y_pred, 0.0, 1.0))",
        named=("ops.round(ops.clip(y_pred, 0.0, 1.0))",),
        also=(("p = ops.clip(y_pred, 0.0, 1.0)", "p = y_pred"),),
        source='''
class FscoreLossCurlew(keras.losses.Loss):
    """One minus the F1 score."""

    def call(self, y_true, y_pred):
        p = ops.clip(y_pred, 0.0, 1.0)
        tp = ops.sum(y_true * p, axis=-1)
        fp = ops.sum((1.0 - y_true) * p, axis=-1)
        fn = ops.sum(y_true * (1.0 - p), axis=-1)
        f1 = 2.0 * tp / (2.0 * tp + fp + fn + 1e-7)
        return 1.0 - f1
''',
    ),
    # silent
    Case(
        name="PixelEdgeSerin",
        inputs="u6,6 u6,6",
        good="ops.square(y_true - y_pred)",
        bad="ops.square(255.0 * y_true - 255.0 * y_pred)",
        named=("pixel + edge",),
        source='''
class PixelEdgeSerin(keras.losses.Loss):
    """Pixel error plus error of the horizontal edges; images are in [0, 1]."""

    def call(self, y_true, y_pred):
        pixel = ops.mean(ops.square(y_true - y_pred), axis=(1, 2))
        dx_true = y_true[:, :, 1:] - y_true[:, :, :-1]
        dx_pred = y_pred[:, :, 1:] - y_pred[:, :, :-1]
        edge = ops.mean(ops.square(dx_true - dx_pred), axis=(1, 2))
        return pixel + edge
''',
    ),
    # silent
    Case(
        name="PressureSpreadGodwit",
        inputs="7",
        good="var = ops.mean(ops.square(p - mean), axis=-1, keepdims=True)",
        bad="var = ops.mean(ops.square(p), axis=-1, keepdims=True) - ops.square(mean)",
        named=(),
        also=(
            (
                "var = ops.mean(ops.square(p - mean), axis=-1, keepdims=True)",
                "var = ops.var(p, axis=-1, keepdims=True)",
            ),
        ),
        source='''
class PressureSpreadGodwit(layers.Layer):
    """Variance of a window of air pressures; the input is the deviation in hPa."""

    def __init__(self, base=101325.0, **kwargs):
        super().__init__(**kwargs)
        self.base = base

    def call(self, x):
        p = self.base + 100.0 * x
        mean = ops.mean(p, axis=-1, keepdims=True)
        var = ops.mean(ops.square(p - mean), axis=-1, keepdims=True)
        return var / 10000.0
''',
    ),
    # silent
    Case(
        name="SinePosWhimbrel",
        inputs="6,8",
        good="exponent = (2 * (i // 2)) / d",
        bad="exponent = (2 * (i // 2)) // d",
        named=("np.power(10000.0, exponent)",),
        also=(("exponent = (2 * (i // 2)) / d", "exponent = (2.0 * (i // 2)) / float(d)"),),
        source='''
class SinePosWhimbrel(layers.Layer):
    """Adds the sine / cosine position code of 'Attention is all you need'."""

    def build(self, input_shape):
        t, d = input_shape[1], input_shape[2]
        pos = np.arange(t)[:, None]
        i = np.arange(d)[None, :]
        exponent = (2 * (i // 2)) / d
        angle = pos / np.power(10000.0, exponent)
        angle[:, 0::2] = np.sin(angle[:, 0::2])
        angle[:, 1::2] = np.cos(angle[:, 1::2])
        self.code = angle.astype("float32")

    def call(self, x):
        return x + ops.convert_to_tensor(self.code)
''',
    ),
    # silent
    Case(
        name="HalfEnergyPetrel",
        inputs="8",
        good='samples = ops.cast(x, "float32") * 32767.0',
        bad='samples = ops.cast(x, "float16") * 32767.0',
        named=("ops.mean(ops.square(samples), axis=-1)", "ops.square(samples)"),
        also=(('samples = ops.cast(x, "float32") * 32767.0', "samples = x * 32767.0"),),
        source='''
class HalfEnergyPetrel(layers.Layer):
    """Loudness in dB of a frame of audio, on the scale of 16 bit samples."""

    def call(self, x):
        samples = ops.cast(x, "float32") * 32767.0
        energy = ops.mean(ops.square(samples), axis=-1)
        return 10.0 * ops.log(ops.cast(energy, "float32") + 1.0) / 2.302585
''',
    ),
    # silent
    Case(
        name="GraphMixGarganey",
        inputs="5,3",
        good="ops.sum(a, axis=1, keepdims=True)",
        bad="ops.sum(a, axis=1)",
        named=("a / ops.sum(a, axis=1)",),
        also=(
            ("ops.sum(a, axis=1, keepdims=True)", "ops.sum(a, axis=-1, keepdims=True)"),
            ("ops.sum(a, axis=1, keepdims=True)", "ops.expand_dims(ops.sum(a, axis=1), 1)"),
        ),
        source='''
class GraphMixGarganey(layers.Layer):
    """Every node becomes a weighted mean of all nodes: the rows of the learned adjacency sum to 1."""

    def build(self, input_shape):
        n = input_shape[1]
        self.adj = self.add_weight(shape=(n, n), initializer="random_normal", name="adj")

    def call(self, nodes):
        a = ops.softplus(self.adj)
        a = a / ops.sum(a, axis=1, keepdims=True)
        return ops.einsum("nm,bmf->bnf", a, nodes)
''',
    ),
    # silent
    Case(
        name="BiasedDenseMerlin",
        inputs="5",
        good="y = ops.matmul(x, self.kernel) + self.bias",
        bad="y = ops.matmul(x, self.kernel)",
        named=('self.add_weight(shape=(self.units,), initializer="random_normal", name="bias")',),
        also=(
            ("y = ops.matmul(x, self.kernel) + self.bias", "y = ops.add(ops.dot(x, self.kernel), self.bias)"),
        ),
        source="""
class BiasedDenseMerlin(layers.Layer):
    def __init__(self, units=3, activation="tanh", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="random_normal", name="bias")

    def call(self, x):
        y = ops.matmul(x, self.kernel) + self.bias
        return self.activation(y)
""",
    ),
    # silent
    Case(
        name="PearsonLossHobby",
        inputs="6 6",
        good="ops.sum(ops.square(t), axis=-1) * ops.sum(ops.square(p), axis=-1)",
        bad="ops.sum(ops.square(t), axis=-1) * ops.sum(ops.square(t), axis=-1)",
        source='''
class PearsonLossHobby(keras.losses.Loss):
    """1 - Pearson correlation of every row."""

    def call(self, y_true, y_pred):
        t = y_true - ops.mean(y_true, axis=-1, keepdims=True)
        p = y_pred - ops.mean(y_pred, axis=-1, keepdims=True)
        cov = ops.sum(t * p, axis=-1)
        norm = ops.sum(ops.square(t), axis=-1) * ops.sum(ops.square(p), axis=-1)
        return 1.0 - cov / ops.sqrt(norm + 1e-8)
''',
    ),
)
