"""Forty small faulty classes with their healthy twins: 27 raise, 13 are silently wrong."""

from trace_bugs.case import Case

CASES = (
    # raises
    Case(
        name="JuniperAttention",
        inputs="5,6",
        good="ops.matmul(q, ops.transpose(k, (0, 2, 1)))",
        bad="ops.matmul(q, k)",
        also=(
            ("ops.transpose(k, (0, 2, 1))", "ops.swapaxes(k, 1, 2)"),
            ("ops.transpose(k, (0, 2, 1))", "ops.swapaxes(k, -1, -2)"),
            ("ops.transpose(k, (0, 2, 1))", "ops.moveaxis(k, 1, 2)"),
            ("ops.matmul(q, ops.transpose(k, (0, 2, 1)))", 'ops.einsum("bqd,bkd->bqk", q, k)'),
        ),
        source='''
class JuniperAttention(layers.Layer):
    """Single-head self-attention over word vectors."""

    def __init__(self, dim=8, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.wq = layers.Dense(dim)
        self.wk = layers.Dense(dim)
        self.wv = layers.Dense(dim)

    def call(self, x):
        q = self.wq(x)
        k = self.wk(x)
        v = self.wv(x)
        scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / self.dim**0.5
        weights = ops.softmax(scores, axis=-1)
        return ops.matmul(weights, v)
''',
    ),
    # raises
    Case(
        name="MapleTokenMixer",
        inputs="5,6",
        good="x + ops.swapaxes(y, 1, 2)",
        bad="x + y",
        also=(
            ("ops.swapaxes(y, 1, 2)", "ops.transpose(y, (0, 2, 1))"),
            ("ops.swapaxes(y, 1, 2)", "ops.transpose(y, axes=[0, 2, 1])"),
            ("ops.swapaxes(y, 1, 2)", "ops.swapaxes(y, -1, -2)"),
            ("ops.swapaxes(y, 1, 2)", "ops.moveaxis(y, 1, 2)"),
        ),
        source="""
class MapleTokenMixer(keras.layers.Layer):
    # token mixing half of an MLP-mixer block, input (batch, patches, channels)
    def __init__(self, patches=5, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.LayerNormalization()
        self.fc1 = layers.Dense(16, activation="gelu")
        self.fc2 = layers.Dense(patches)

    def call(self, x):
        y = self.norm(x)
        y = ops.transpose(y, (0, 2, 1))
        y = self.fc1(y)
        y = self.fc2(y)
        return x + ops.swapaxes(y, 1, 2)
""",
    ),
    # raises
    Case(
        name="FernSplitHeads",
        inputs="5,8",
        good="(b, t, self.heads, d // self.heads)",
        bad="(b, t, self.heads, d)",
        also=(
            ("(b, t, self.heads, d // self.heads)", "(b, t, self.heads, -1)"),
            ("(b, t, self.heads, d // self.heads)", "(-1, t, self.heads, d // self.heads)"),
        ),
        source="""
class FernSplitHeads(layers.Layer):
    def __init__(self, heads=2, **kw):
        super().__init__(**kw)
        self.heads = heads

    def build(self, input_shape):
        d = input_shape[-1]
        self.kernel = self.add_weight(shape=(d, d), initializer="glorot_uniform", name="kernel")

    def call(self, x):
        b, t, d = ops.shape(x)
        x = ops.matmul(x, self.kernel)
        x = ops.reshape(x, (b, t, self.heads, d // self.heads))
        return ops.transpose(x, (0, 2, 1, 3))
""",
    ),
    # raises
    Case(
        name="CedarNodeUpdate",
        inputs="5,6 3",
        good="ops.repeat(ops.expand_dims(context, 1), nodes.shape[1], axis=1)",
        bad="ops.repeat(context, nodes.shape[1], axis=1)",
        named=("ops.concatenate([nodes, context], axis=-1)",),
        also=(
            ("ops.expand_dims(context, 1)", "context[:, None]"),
            ("ops.expand_dims(context, 1)", "ops.expand_dims(context, axis=-2)"),
            (
                "ops.repeat(ops.expand_dims(context, 1), nodes.shape[1], axis=1)",
                "ops.tile(context[:, None, :], (1, nodes.shape[1], 1))",
            ),
            (
                "ops.repeat(ops.expand_dims(context, 1), nodes.shape[1], axis=1)",
                "ops.broadcast_to(context[:, None, :], (nodes.shape[0], nodes.shape[1], context.shape[-1]))",
            ),
        ),
        source='''
class CedarNodeUpdate(layers.Layer):
    """Updates every node of a graph from its own features and one global vector."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.mlp = layers.Dense(units, activation="relu")

    def call(self, nodes, context):
        context = ops.repeat(ops.expand_dims(context, 1), nodes.shape[1], axis=1)
        both = ops.concatenate([nodes, context], axis=-1)
        return self.mlp(both)
''',
    ),
    # raises
    Case(
        name="ClematisFilm",
        inputs="6,6,8 3",
        good="gamma = self.to_gamma(cond)[:, None, None, :]",
        bad="gamma = self.to_gamma(cond)",
        named=("gamma * img", "gamma * img + beta"),
        also=(
            ("self.to_gamma(cond)[:, None, None, :]", "self.to_gamma(cond)[:, None, None]"),
            ("self.to_gamma(cond)[:, None, None, :]", "ops.expand_dims(self.to_gamma(cond), (1, 2))"),
            (
                "self.to_gamma(cond)[:, None, None, :]",
                "ops.reshape(self.to_gamma(cond), (-1, 1, 1, img.shape[-1]))",
            ),
        ),
        source="""
class ClematisFilm(keras.layers.Layer):
    def __init__(self, channels=8, **kwargs):
        super().__init__(**kwargs)
        self.to_gamma = keras.layers.Dense(channels)
        self.to_beta = keras.layers.Dense(channels)

    def call(self, img, cond):
        # img: (B, H, W, C)   cond: (B, D)
        gamma = self.to_gamma(cond)[:, None, None, :]
        beta = self.to_beta(cond)[:, None, None, :]
        return gamma * img + beta
""",
    ),
    # raises
    Case(
        name="BegoniaPoolBlock",
        inputs="8,8,3",
        good="ops.max_pool(x, pool_size=2, strides=2)",
        bad="ops.max_pool(x, pool_size=2, stride=2)",
        also=(
            ("pool_size=2, strides=2", "pool_size=2, strides=(2, 2)"),
            ("pool_size=2, strides=2", "2, strides=2"),
            ("pool_size=2, strides=2", "2, 2"),
            ("pool_size=2, strides=2", "pool_size=(2, 2), strides=(2, 2)"),
        ),
        source="""
class BegoniaPoolBlock(layers.Layer):
    def __init__(self, filters=4):
        super().__init__()
        self.conv = layers.Conv2D(filters, 3, padding="same", activation="relu")

    def call(self, x):
        x = self.conv(x)
        return ops.max_pool(x, pool_size=2, strides=2)
""",
    ),
    # raises
    Case(
        name="HemlockResidual",
        inputs="8,8,4",
        good='self.conv2 = layers.Conv2D(filters, 3, padding="same")',
        bad="self.conv2 = layers.Conv2D(filters, 3)",
        named=("x + y", "ops.relu(x + y)", "self.conv2(y)"),
        source='''
class HemlockResidual(layers.Layer):
    """Two convolutions and a skip connection."""

    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.conv1 = layers.Conv2D(filters, 3, padding="same", activation="relu")
        self.conv2 = layers.Conv2D(filters, 3, padding="same")

    def call(self, x):
        y = self.conv1(x)
        y = self.conv2(y)
        return ops.relu(x + y)
''',
    ),
    # raises
    Case(
        name="GentianCrossAttention",
        inputs="3,6 5,6",
        good='"bqk,bkd->bqd"',
        bad='"bqk,bqd->bqd"',
        also=(
            ('"bqk,bkd->bqd"', '"bij,bjd->bid"'),
            ('ops.einsum("bqk,bkd->bqd", att, memory)', "ops.matmul(att, memory)"),
            ('ops.einsum("bqk,bkd->bqd", att, memory)', "att @ memory"),
        ),
        source='''
class GentianCrossAttention(keras.Layer):
    """Decoder steps look at the encoder's memory."""

    def build(self, query_shape, memory_shape):
        self.w = self.add_weight(
            shape=(query_shape[-1], memory_shape[-1]), initializer="glorot_uniform", name="w"
        )

    def call(self, query, memory):
        att = ops.einsum("bqd,de,bke->bqk", query, self.w, memory)
        att = ops.softmax(att, axis=-1)
        return ops.einsum("bqk,bkd->bqd", att, memory)
''',
    ),
    # raises
    Case(
        name="SorrelItemTower",
        inputs="i12:-",
        good="ops.take(self.table, item_id, axis=0)",
        bad="ops.take(self.table, item_id)",
        named=("ops.matmul(emb, self.kernel)",),
        also=(
            ("ops.take(self.table, item_id, axis=0)", "ops.take(self.table, item_id, 0)"),
            (
                "ops.take(self.table, item_id, axis=0)",
                "ops.matmul(ops.one_hot(item_id, self.n_items), self.table)",
            ),
        ),
        source="""
class SorrelItemTower(layers.Layer):
    def __init__(self, n_items=12, dim=6, out=3, **kwargs):
        super().__init__(**kwargs)
        self.n_items = n_items
        self.dim = dim
        self.out = out

    def build(self, input_shape):
        self.table = self.add_weight(
            shape=(self.n_items, self.dim), initializer="random_normal", name="table"
        )
        self.kernel = self.add_weight(
            shape=(self.dim, self.out), initializer="glorot_uniform", name="kernel"
        )

    def call(self, item_id):
        emb = ops.take(self.table, item_id, axis=0)
        return ops.tanh(ops.matmul(emb, self.kernel))
""",
    ),
    # raises
    Case(
        name="WillowChosenQ",
        inputs="6 i3:-",
        good="action[:, None], axis=1",
        bad="action, axis=1",
        also=(
            ("action[:, None], axis=1", "ops.expand_dims(action, 1), axis=1"),
            ("action[:, None], axis=1", "ops.expand_dims(action, -1), axis=-1"),
            ("action[:, None], axis=1", "ops.reshape(action, (-1, 1)), axis=1"),
        ),
        source='''
class WillowChosenQ(layers.Layer):
    """Q(s, a) of the action that was taken."""

    def __init__(self, n_actions=3, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(16, activation="relu")
        self.q = layers.Dense(n_actions)

    def call(self, obs, action):
        q = self.q(self.hidden(obs))
        chosen = ops.take_along_axis(q, action[:, None], axis=1)
        return ops.squeeze(chosen, axis=1)
''',
    ),
    # raises
    Case(
        name="HeatherGruCell",
        inputs="6 8",
        good="ops.split(self.wh(h), 3, axis=-1)",
        bad="ops.split(self.wh(h), 3)",
        also=(
            ("ops.split(self.wh(h), 3, axis=-1)", "ops.split(self.wh(h), 3, axis=1)"),
            ("ops.split(self.wh(h), 3, axis=-1)", "ops.split(self.wh(h), 3, -1)"),
        ),
        source="""
class HeatherGruCell(layers.Layer):
    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.wx = layers.Dense(3 * units)
        self.wh = layers.Dense(3 * units, use_bias=False)

    def call(self, x, h):
        xz, xr, xn = ops.split(self.wx(x), 3, axis=1)
        hz, hr, hn = ops.split(self.wh(h), 3, axis=-1)
        z = ops.sigmoid(xz + hz)
        r = ops.sigmoid(xr + hr)
        n = ops.tanh(xn + r * hn)
        return (1.0 - z) * n + z * h
""",
    ),
    # raises
    Case(
        name="LarchTokenNorm",
        inputs="5,8",
        good="var = ops.var(x, axis=-1, keepdims=True)",
        bad="var = ops.var(x, axis=-1)",
        named=("(x - mean) / ops.sqrt(var + self.eps)",),
        also=(
            ("ops.var(x, axis=-1, keepdims=True)", "ops.expand_dims(ops.var(x, axis=-1), -1)"),
            ("ops.var(x, axis=-1, keepdims=True)", "ops.var(x, axis=-1)[..., None]"),
            ("ops.var(x, axis=-1, keepdims=True)", "ops.mean(ops.square(x - mean), axis=-1, keepdims=True)"),
            (
                ("ops.var(x, axis=-1, keepdims=True)", "ops.sqrt(var + self.eps)"),
                ("ops.var(x, axis=-1)", "ops.sqrt(var[..., None] + self.eps)"),
            ),
        ),
        source="""
class LarchTokenNorm(keras.layers.Layer):
    def __init__(self, eps=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.eps = eps

    def build(self, input_shape):
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="beta")

    def call(self, x):
        mean = ops.mean(x, axis=-1, keepdims=True)
        var = ops.var(x, axis=-1, keepdims=True)
        normed = (x - mean) / ops.sqrt(var + self.eps)
        return self.gamma * normed + self.beta
""",
    ),
    # raises
    Case(
        name="MossMaskedPool",
        inputs="5,6 i9:5",
        good='keep = ops.cast(ops.not_equal(token_ids, 0), "float32")',
        bad="keep = ops.not_equal(token_ids, 0)",
        named=("(1 - keep)", "1 - keep", "1e9 * (1 - keep)"),
        also=(
            ('"float32")', "x.dtype)"),
            (
                ('ops.cast(ops.not_equal(token_ids, 0), "float32")', "(1 - keep)"),
                ("ops.not_equal(token_ids, 0)", '(1 - ops.cast(keep, "float32"))'),
            ),
            (
                ('ops.cast(ops.not_equal(token_ids, 0), "float32")', "(1 - keep)"),
                ("ops.not_equal(token_ids, 0)", 'ops.cast(ops.logical_not(keep), "float32")'),
            ),
        ),
        backends=("tensorflow", "torch"),
        source='''
class MossMaskedPool(layers.Layer):
    """Attention pooling that ignores padding (token id 0)."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.score = layers.Dense(1)

    def call(self, x, token_ids):
        keep = ops.cast(ops.not_equal(token_ids, 0), "float32")
        scores = ops.squeeze(self.score(x), axis=-1)
        scores = scores - 1e9 * (1 - keep)
        weights = ops.softmax(scores, axis=-1)
        return ops.sum(x * ops.expand_dims(weights, -1), axis=1)
''',
    ),
    # raises
    Case(
        name="PoppyTimeDecay",
        inputs="5,6 u5",
        good="ops.exp(-rate * age)",
        bad="math.exp(-rate * age)",
        source='''
import math


class PoppyTimeDecay(layers.Layer):
    """Sums a user's past clicks, old ones count less."""

    def __init__(self, half_life=0.3, **kwargs):
        super().__init__(**kwargs)
        self.half_life = half_life
        self.proj = layers.Dense(4)

    def call(self, clicks, age):
        rate = math.log(2.0) / self.half_life
        w = ops.exp(-rate * age)
        profile = ops.sum(clicks * w[:, :, None], axis=1)
        return self.proj(profile)
''',
    ),
    # raises
    Case(
        name="AlderHuber",
        inputs="3 3",
        good="ops.where(err <= self.delta, small, large)",
        bad="small if err <= self.delta else large",
        also=(
            ("ops.where(err <= self.delta, small, large)", "ops.where(err > self.delta, large, small)"),
            ("err <= self.delta", "err < self.delta"),
            ("err <= self.delta", "ops.less_equal(err, self.delta)"),
        ),
        source="""
class AlderHuber(keras.losses.Loss):
    def __init__(self, delta=1.0, name="alder_huber"):
        super().__init__(name=name)
        self.delta = delta

    def call(self, y_true, y_pred):
        err = ops.abs(y_true - y_pred)
        small = 0.5 * ops.square(err)
        large = self.delta * (err - 0.5 * self.delta)
        loss = ops.where(err <= self.delta, small, large)
        return ops.mean(loss, axis=-1)
""",
    ),
    # raises
    Case(
        name="RowanHitRate",
        inputs="p4 p4",
        good=(
            "super().__init__(name=name)\n"
            '        self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")\n'
            '        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")\n'
        ),
        bad=(
            'self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")\n'
            '        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")\n'
            "        super().__init__(name=name)\n"
        ),
        named=("super().__init__(name=name)", 'self.add_weight(shape=(), initializer="zeros", name="hits")'),
        source="""
class RowanHitRate(keras.metrics.Metric):
    def __init__(self, name="rowan_hit_rate"):
        super().__init__(name=name)
        self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))
        right = ops.cast(right, "float32")
        self.hits.assign_add(ops.sum(right))
        self.seen.assign_add(ops.cast(ops.size(right), "float32"))

    def result(self):
        return self.hits / (self.seen + 1e-7)
""",
    ),
    # raises
    Case(
        name="ThymeProjection",
        inputs="6",
        good="shape=(input_shape[-1], self.units)",
        bad="shape=(input_shape[-1], units)",
        source="""
class ThymeProjection(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer="random_normal",
            trainable=True,
        )
        self.b = self.add_weight(shape=(self.units,), initializer="random_normal", trainable=True)

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b
""",
    ),
    # raises
    Case(
        name="SageGraphConv",
        inputs="5,6 5,5",
        as_list=True,
        good="n_features = input_shape[0][-1]",
        bad="n_features = input_shape[-1]",
        named=("(n_features, self.units)",),
        also=(
            ("n_features = input_shape[0][-1]", "n_features = input_shape[0][2]"),
            ("n_features = input_shape[0][-1]", "(_, _, n_features), _ = input_shape"),
        ),
        source='''
class SageGraphConv(layers.Layer):
    """One graph convolution; inputs are [features, adjacency]."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        n_features = input_shape[0][-1]
        self.kernel = self.add_weight(
            shape=(n_features, self.units), initializer="glorot_uniform", name="kernel"
        )

    def call(self, inputs):
        x, adj = inputs
        support = ops.matmul(x, self.kernel)
        return ops.relu(ops.matmul(adj, support))
''',
    ),
    # raises
    Case(
        name="OleanderScale",
        inputs="5,6",
        good='self.add_weight(name="scale", shape=(dim,), initializer="random_normal")',
        bad='self.add_weight("scale", shape=(dim,), initializer="random_normal")',
        also=(('name="scale", shape=(dim,)', "shape=(dim,)"),),
        source="""
class OleanderScale(keras.layers.Layer):
    def build(self, input_shape):
        dim = input_shape[-1]
        self.scale = self.add_weight(name="scale", shape=(dim,), initializer="random_normal")
        super().build(input_shape)

    def call(self, x):
        return x * ops.softplus(self.scale)
""",
    ),
    # raises
    Case(
        name="BirchDenseStack",
        inputs="6",
        good="for block in self.blocks:\n            x = block(x)",
        bad="x = self.blocks(x)",
        also=(
            ("for block in self.blocks:\n            x = block(x)", "x = keras.Sequential(self.blocks)(x)"),
            (
                (
                    '[layers.Dense(w, activation="relu") for w in widths]',
                    "for block in self.blocks:\n            x = block(x)",
                ),
                (
                    'keras.Sequential([layers.Dense(w, activation="relu") for w in widths])',
                    "x = self.blocks(x)",
                ),
            ),
        ),
        source="""
class BirchDenseStack(layers.Layer):
    def __init__(self, widths=(16, 8), **kwargs):
        super().__init__(**kwargs)
        self.blocks = [layers.Dense(w, activation="relu") for w in widths]
        self.head = layers.Dense(1)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)
""",
    ),
    # raises
    Case(
        name="IvyEncoder",
        inputs="5,3",
        good="seq, h, c = self.lstm(x)",
        bad="seq, h = self.lstm(x)",
        also=(
            ("seq, h, c = self.lstm(x)", "seq, h, _ = self.lstm(x)"),
            ("seq, h, c = self.lstm(x)", "seq, h = self.lstm(x)[:2]"),
            ("seq, h, c = self.lstm(x)", "seq, h, *_ = self.lstm(x)"),
        ),
        source='''
class IvyEncoder(keras.layers.Layer):
    """Summary of a sensor sequence: last hidden state and the mean of all of them."""

    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.lstm = keras.layers.LSTM(units, return_sequences=True, return_state=True)

    def call(self, x):
        seq, h, c = self.lstm(x)
        return ops.concatenate([h, ops.mean(seq, axis=1)], axis=-1)
''',
    ),
    # raises
    Case(
        name="AsterStackedGru",
        inputs="i20:7",
        good="self.gru1 = layers.GRU(8, return_sequences=True)",
        bad="self.gru1 = layers.GRU(8)",
        named=("self.gru1(x)", "self.gru2(x)"),
        source="""
class AsterStackedGru(layers.Layer):
    def __init__(self, vocab=20, **kwargs):
        super().__init__(**kwargs)
        self.emb = layers.Embedding(vocab, 5)
        self.gru1 = layers.GRU(8, return_sequences=True)
        self.gru2 = layers.GRU(4)

    def call(self, tokens):
        x = self.emb(tokens)
        x = self.gru1(x)
        x = self.gru2(x)
        return x
""",
    ),
    # raises
    Case(
        name="TansyConfusion",
        inputs="p3 p3",
        good="shape=(n_classes, n_classes)",
        bad="shape=(n_classes,)",
        named=("self.table.assign_add(ops.matmul(ops.transpose(t), p))",),
        also=(("shape=(n_classes, n_classes)", "shape=[n_classes, n_classes]"),),
        source='''
class TansyConfusion(keras.metrics.Metric):
    """Balanced accuracy from a running confusion table."""

    def __init__(self, n_classes=3, name="tansy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.n_classes = n_classes
        self.table = self.add_weight(name="table", shape=(n_classes, n_classes), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        t = ops.one_hot(ops.argmax(y_true, axis=-1), self.n_classes)
        p = ops.one_hot(ops.argmax(y_pred, axis=-1), self.n_classes)
        self.table.assign_add(ops.matmul(ops.transpose(t), p))

    def result(self):
        hits = ops.diagonal(self.table)
        return ops.mean(hits / (ops.sum(self.table, axis=1) + 1e-7))
''',
    ),
    # raises
    Case(
        name="LindenRecurrence",
        inputs="5,6",
        good="ops.matmul(x[:, t], self.wx)",
        bad="ops.matmul(x[t], self.wx)",
        named=("ops.matmul(x[t], self.wx) + ops.matmul(h, self.wh)",),
        also=(
            ("x[:, t]", "x[:, t, :]"),
            ("x[:, t]", "ops.take(x, t, axis=1)"),
        ),
        source="""
class LindenRecurrence(layers.Layer):
    # plain tanh RNN, returns the last state
    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.wx = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="wx")
        self.wh = self.add_weight(shape=(self.units, self.units), initializer="orthogonal", name="wh")

    def call(self, x):
        h = ops.zeros((ops.shape(x)[0], self.units))
        for t in range(x.shape[1]):
            h = ops.tanh(ops.matmul(x[:, t], self.wx) + ops.matmul(h, self.wh))
        return h
""",
    ),
    # raises
    Case(
        name="YarrowEncoderBlock",
        inputs="5,8",
        good="self.attn(x, x)",
        bad="self.attn(x)",
        also=(
            ("self.attn(x, x)", "self.attn(query=x, value=x)"),
            ("self.attn(x, x)", "self.attn(x, x, x)"),
            ("self.attn(x, x)", "self.attn(x, value=x)"),
            ("self.attn(x, x)", "self.attn(query=x, value=x, key=x)"),
        ),
        source="""
class YarrowEncoderBlock(layers.Layer):
    def __init__(self, embed_dim=8, num_heads=2, ff_dim=16, **kwargs):
        super().__init__(**kwargs)
        self.attn = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim // num_heads)
        self.ff1 = layers.Dense(ff_dim, activation="relu")
        self.ff2 = layers.Dense(embed_dim)
        self.norm1 = layers.LayerNormalization(epsilon=1e-6)
        self.norm2 = layers.LayerNormalization(epsilon=1e-6)

    def call(self, x):
        attn_output = self.attn(x, x)
        x = self.norm1(x + attn_output)
        return self.norm2(x + self.ff2(self.ff1(x)))
""",
    ),
    # raises
    Case(
        name="DaphneHeatStep",
        inputs="9",
        good="- 2.0 * u[:, 1:-1]",
        bad="- 2.0 * u[:, 1:]",
        named=("u[:, 2:] - 2.0 * u[:, 1:] + u[:, :-2]", "u[:, 2:] - 2.0 * u[:, 1:]"),
        source='''
class DaphneHeatStep(layers.Layer):
    """One explicit step of the 1-D heat equation, ends held fixed, diffusivity learned."""

    def build(self, input_shape):
        self.log_alpha = self.add_weight(shape=(), initializer=keras.initializers.Constant(-2.0))

    def call(self, u):
        lap = u[:, 2:] - 2.0 * u[:, 1:-1] + u[:, :-2]
        step = ops.exp(self.log_alpha) * lap
        return u + ops.pad(step, [[0, 0], [1, 1]])
''',
    ),
    # raises
    Case(
        name="MyrtleDense",
        inputs="6",
        good="shape=(self.units,)",
        bad="shape=(in_dim,)",
        named=("y + self.bias", "self.activation(y + self.bias)"),
        also=(
            ("shape=(self.units,)", "shape=[self.units]"),
            ("shape=(self.units,)", "shape=(1, self.units)"),
        ),
        source="""
class MyrtleDense(layers.Layer):
    def __init__(self, units=4, activation="tanh", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        in_dim = input_shape[-1]
        self.kernel = self.add_weight(shape=(in_dim, self.units), initializer="he_normal", name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="random_normal", name="bias")

    def call(self, x):
        y = ops.matmul(x, self.kernel)
        return self.activation(y + self.bias)
""",
    ),
    # silent
    Case(
        name="HazelAccuracy",
        inputs="i3:1 p3",
        good="label = ops.squeeze(y_true, axis=-1)",
        bad="label = y_true",
        named=("ops.equal(guess, label)",),
        also=(
            ("ops.squeeze(y_true, axis=-1)", "ops.reshape(y_true, (-1,))"),
            ("ops.squeeze(y_true, axis=-1)", "y_true[:, 0]"),
            ("ops.squeeze(y_true, axis=-1)", "ops.squeeze(y_true, -1)"),
            (
                ("ops.squeeze(y_true, axis=-1)", "ops.argmax(y_pred, axis=-1)"),
                ("y_true", "ops.argmax(y_pred, axis=-1, keepdims=True)"),
            ),
        ),
        source='''
class HazelAccuracy(keras.metrics.Metric):
    """Accuracy; y_true holds class numbers, shape (batch, 1)."""

    def __init__(self, name="hazel_accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.correct = self.add_weight(name="correct", initializer="zeros")
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        label = ops.squeeze(y_true, axis=-1)
        match = ops.cast(ops.equal(guess, label), "float32")
        self.correct.assign_add(ops.sum(match))
        self.total.assign_add(ops.cast(ops.shape(y_pred)[0], "float32"))

    def result(self):
        return self.correct / self.total
''',
    ),
    # silent
    Case(
        name="NettlePairEnergy",
        inputs="5,3",
        good="ops.sqrt(d2 + 1e-12)",
        bad="ops.sqrt(d2)",
        also=(
            ("ops.sqrt(d2 + 1e-12)", "ops.sqrt(ops.maximum(d2, 1e-12))"),
            ("ops.sqrt(d2 + 1e-12)", "ops.sqrt(d2 + 1e-10)"),
            ("ops.sqrt(d2 + 1e-12)", "ops.sqrt(d2 + keras.config.epsilon())"),
        ),
        source='''
class NettlePairEnergy(layers.Layer):
    """Energy of a cluster of atoms: exponential pair potential on learned coordinates."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.move = layers.Dense(3)

    def call(self, xyz):
        p = self.move(xyz)
        diff = p[:, :, None, :] - p[:, None, :, :]
        d2 = ops.sum(ops.square(diff), axis=-1)
        dist = ops.sqrt(d2 + 1e-12)
        return ops.sum(ops.exp(-dist), axis=(1, 2))
''',
    ),
    # silent
    Case(
        name="CloverDivergence",
        inputs="m4 p4",
        good="p = ops.clip(y_true, 1e-7, 1.0)",
        bad="p = y_true",
        named=("ops.log(p / q)", "p * ops.log(p / q)"),
        also=(
            ("ops.clip(y_true, 1e-7, 1.0)", "ops.maximum(y_true, 1e-7)"),
            ("ops.clip(y_true, 1e-7, 1.0)", "y_true + 1e-7"),
            ("ops.clip(y_true, 1e-7, 1.0)", "ops.clip(y_true, keras.config.epsilon(), 1.0)"),
            ("p = ops.clip(y_true, 1e-7, 1.0)", "p = y_true + keras.config.epsilon()"),
        ),
        source='''
class CloverDivergence(keras.losses.Loss):
    """KL(y_true || y_pred)."""

    def call(self, y_true, y_pred):
        p = ops.clip(y_true, 1e-7, 1.0)
        q = ops.clip(y_pred, 1e-7, 1.0)
        return ops.sum(p * ops.log(p / q), axis=-1)
''',
    ),
    # silent
    Case(
        name="DahliaCrossEntropy",
        inputs="p5 5",
        good="smooth, probs, from_logits=False",
        bad="smooth, probs, from_logits=True",
        named=("ops.softmax(y_pred, axis=-1)", "ops.clip(ops.softmax(y_pred, axis=-1), 1e-7, 1.0)"),
        also=(
            ("smooth, probs, from_logits=False", "smooth, probs"),
            ("smooth, probs, from_logits=False", "smooth, y_pred, from_logits=True"),
            (
                ("ops.clip(ops.softmax(y_pred, axis=-1), 1e-7, 1.0)", "from_logits=False"),
                ("y_pred", "from_logits=True"),
            ),
        ),
        source='''
class DahliaCrossEntropy(keras.losses.Loss):
    """Cross-entropy with label smoothing; the model's last Dense has no activation."""

    def __init__(self, smoothing=0.1, **kwargs):
        super().__init__(**kwargs)
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        k = y_true.shape[-1]
        smooth = y_true * (1.0 - self.smoothing) + self.smoothing / k
        probs = ops.clip(ops.softmax(y_pred, axis=-1), 1e-7, 1.0)
        return keras.losses.categorical_crossentropy(smooth, probs, from_logits=False)
''',
    ),
    # silent
    Case(
        name="VioletHighway",
        inputs="6",
        good="t = self.gate(x)",
        bad="t = ops.sigmoid(self.gate(x))",
        named=('layers.Dense(dim, activation="sigmoid")',),
        also=(
            (
                ('self.gate = layers.Dense(dim, activation="sigmoid")', "t = self.gate(x)"),
                ("self.gate = layers.Dense(dim)", "t = ops.sigmoid(self.gate(x))"),
            ),
        ),
        source="""
class VioletHighway(layers.Layer):
    def __init__(self, dim=6, **kwargs):
        super().__init__(**kwargs)
        self.transform = layers.Dense(dim, activation="relu")
        self.gate = layers.Dense(dim, activation="sigmoid")

    def call(self, x):
        h = self.transform(x)
        t = self.gate(x)
        return t * h + (1.0 - t) * x
""",
    ),
    # silent
    Case(
        name="PrimroseSeriesNorm",
        inputs="7,3",
        good="mu = ops.mean(series, axis=1, keepdims=True)",
        bad="mu = ops.mean(series, axis=0, keepdims=True)",
        also=(
            ("ops.mean(series, axis=1, keepdims=True)", "ops.mean(series, axis=-2, keepdims=True)"),
            ("ops.mean(series, axis=1, keepdims=True)", "ops.mean(series, axis=1)[:, None]"),
        ),
        source='''
class PrimroseSeriesNorm(keras.layers.Layer):
    """Brings every series (batch, time, channel) to zero mean and unit deviation over time."""

    def build(self, input_shape):
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")

    def call(self, series):
        mu = ops.mean(series, axis=1, keepdims=True)
        sd = ops.std(series, axis=1, keepdims=True)
        return self.gain * (series - mu) / (sd + 1e-5)
''',
    ),
    # silent
    Case(
        name="LupinDice",
        inputs="m6,6,1 u6,6,1",
        good="pred = ops.reshape(y_pred, (ops.shape(y_pred)[0], -1))",
        bad='pred = ops.reshape(ops.cast(y_pred > 0.5, "float32"), (ops.shape(y_pred)[0], -1))',
        source='''
class LupinDice(keras.losses.Loss):
    """Soft Dice loss for segmentation masks."""

    def __init__(self, smooth=1.0, name="lupin_dice"):
        super().__init__(name=name)
        self.smooth = smooth

    def call(self, y_true, y_pred):
        true = ops.reshape(y_true, (ops.shape(y_true)[0], -1))
        pred = ops.reshape(y_pred, (ops.shape(y_pred)[0], -1))
        inter = ops.sum(true * pred, axis=1)
        union = ops.sum(true, axis=1) + ops.sum(pred, axis=1)
        return 1.0 - (2.0 * inter + self.smooth) / (union + self.smooth)
''',
    ),
    # silent
    Case(
        name="BrackenDenoiseLoss",
        inputs="u32,32,3 u32,32,3",
        good="rough = ops.mean(",
        bad="rough = ops.sum(",
        named=("mse + self.weight * rough", "self.weight * rough"),
        source='''
class BrackenDenoiseLoss(keras.losses.Loss):
    """Mean squared error and a little total variation."""

    def __init__(self, weight=0.1, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight

    def call(self, y_true, y_pred):
        mse = ops.mean(ops.square(y_true - y_pred), axis=(1, 2, 3))
        dx = ops.abs(y_pred[:, :, 1:] - y_pred[:, :, :-1])
        rough = ops.mean(dx, axis=(1, 2, 3))
        return mse + self.weight * rough
''',
    ),
    # silent
    Case(
        name="TeaselBarometer",
        inputs="12",
        good="var = ops.var(hpa, axis=-1, keepdims=True)",
        bad="var = ops.mean(ops.square(hpa), axis=-1, keepdims=True) - ops.square(mean)",
        also=(
            (
                "ops.var(hpa, axis=-1, keepdims=True)",
                "ops.mean(ops.square(hpa - mean), axis=-1, keepdims=True)",
            ),
            ("ops.var(hpa, axis=-1, keepdims=True)", "ops.square(ops.std(hpa, axis=-1, keepdims=True))"),
        ),
        source='''
class TeaselBarometer(layers.Layer):
    """Standardises each day's air pressure; the raw reading is tenths of hPa from 1013.25."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.out = layers.Dense(units)

    def call(self, reading):
        hpa = 1013.25 + 0.1 * reading
        mean = ops.mean(hpa, axis=-1, keepdims=True)
        var = ops.var(hpa, axis=-1, keepdims=True)
        return self.out((hpa - mean) / ops.sqrt(var + 1e-6))
''',
    ),
    # silent
    Case(
        name="MallowPosition",
        inputs="6,4",
        good="frac = ops.arange(steps) / steps",
        bad="frac = ops.arange(steps) // steps",
        also=(
            ("ops.arange(steps) / steps", 'ops.arange(steps, dtype="float32") / steps'),
            ("ops.arange(steps) / steps", 'ops.cast(ops.arange(steps), "float32") / steps'),
            ("ops.arange(steps) / steps", "ops.true_divide(ops.arange(steps), steps)"),
        ),
        source='''
class MallowPosition(layers.Layer):
    """Adds to every frame how far into the clip it lies (0 to 1), times a learned vector."""

    def build(self, input_shape):
        self.direction = self.add_weight(
            shape=(input_shape[-1],), initializer="glorot_uniform", name="direction"
        )

    def call(self, frames):
        steps = frames.shape[1]
        frac = ops.arange(steps) / steps
        frac = ops.cast(frac, "float32")
        return frames + frac[:, None] * self.direction
''',
    ),
    # silent
    Case(
        name="AnemoneLoudness",
        inputs="16,1",
        good='ops.cast(wave * 32767.0, "float32")',
        bad='ops.cast(wave * 32767.0, "float16")',
        named=("ops.square(pcm)", "ops.mean(ops.square(pcm), axis=1)"),
        also=(('ops.cast(wave * 32767.0, "float32")', "wave * 32767.0"),),
        source='''
class AnemoneLoudness(keras.layers.Layer):
    """Loudness in dB of 16-bit audio, scaled and shifted."""

    def build(self, input_shape):
        self.a = self.add_weight(shape=(), initializer="ones", name="a")
        self.b = self.add_weight(shape=(), initializer="zeros", name="b")

    def call(self, wave):
        pcm = ops.cast(wave * 32767.0, "float32")
        power = ops.mean(ops.square(pcm), axis=1)
        db = 10.0 * ops.log10(ops.cast(power, "float32") + 1.0)
        return self.a * db + self.b
''',
    ),
    # silent
    Case(
        name="CrocusLearnedGraph",
        inputs="5,3",
        good="w = w / ops.sum(w, axis=-1, keepdims=True)",
        bad="w = w / ops.sum(w, axis=-1)",
        also=(
            ("ops.sum(w, axis=-1, keepdims=True)", "ops.sum(w, axis=1, keepdims=True)"),
            ("ops.sum(w, axis=-1, keepdims=True)", "ops.sum(w, axis=-1)[:, None]"),
            ("ops.sum(w, axis=-1, keepdims=True)", "ops.expand_dims(ops.sum(w, axis=-1), -1)"),
            (
                "w = ops.exp(self.logits)\n        w = w / ops.sum(w, axis=-1, keepdims=True)",
                "w = ops.softmax(self.logits, axis=-1)",
            ),
        ),
        source='''
class CrocusLearnedGraph(layers.Layer):
    """Every sensor becomes a weighted mean of all sensors; each row of weights adds up to one."""

    def build(self, input_shape):
        n = input_shape[1]
        self.logits = self.add_weight(shape=(n, n), initializer="glorot_uniform", name="logits")

    def call(self, sensors):
        w = ops.exp(self.logits)
        w = w / ops.sum(w, axis=-1, keepdims=True)
        return ops.matmul(w, sensors)
''',
    ),
    # silent
    Case(
        name="SnapdragonTriplet",
        inputs="6 6 6",
        good="d_neg = ops.sum(ops.square(a - n), axis=-1)",
        bad="d_neg = ops.sum(ops.square(a - p), axis=-1)",
        source='''
class SnapdragonTriplet(layers.Layer):
    """Triplet margin of three pictures' features: anchor, positive, negative."""

    def __init__(self, margin=5.0, **kwargs):
        super().__init__(**kwargs)
        self.margin = margin
        self.embed = layers.Dense(4)

    def call(self, anchor, positive, negative):
        a = self.embed(anchor)
        p = self.embed(positive)
        n = self.embed(negative)
        d_pos = ops.sum(ops.square(a - p), axis=-1)
        d_neg = ops.sum(ops.square(a - n), axis=-1)
        return ops.softplus(self.margin + d_pos - d_neg)
''',
    ),
)
