"""Forty-nine cases by one more hand: 26 that raise when called, 23 that are silently wrong."""

from trace_bugs.case import Case

CASES = (
    # ------------------------------------------------------------------ raising
    Case(
        name="BilinearTripleHoopoe",
        make="BilinearTripleHoopoe(n_relations=3)",
        inputs="6 5",
        good='"bi,rij,bj->br"',
        bad='"bi,rji,bj->br"',
        also=(
            (
                ("head_shape[-1], tail_shape[-1]", '"bi,rij,bj->br"'),
                ("tail_shape[-1], head_shape[-1]", '"bi,rji,bj->br"'),
            ),
            ('"bi,rij,bj->br", head, self.W, tail', '"bj,rji,bi->br", head, self.W, tail'),
            ('"bi,rij,bj->br", head, self.W, tail', '"bi,rji,bj->br", tail, self.W, head'),
        ),
        source='''
class BilinearTripleHoopoe(layers.Layer):
    """Knowledge-graph scorer: head^T W_r tail for every relation r."""

    def __init__(self, n_relations, **kwargs):
        super().__init__(**kwargs)
        self.n_relations = n_relations

    def build(self, head_shape, tail_shape):
        self.W = self.add_weight(
            shape=(self.n_relations, head_shape[-1], tail_shape[-1]),
            initializer="random_normal",
            name="W",
        )

    def call(self, head, tail):
        return ops.einsum("bi,rij,bj->br", head, self.W, tail)
''',
    ),
    Case(
        name="MaskedSelfAttentionPlover",
        inputs="7,6 m7",
        good="padding[:, None, None, :]",
        bad="padding[:, None, :]",
        named=("scores", "padding"),
        also=(
            ("padding[:, None, None, :]", "ops.expand_dims(padding, (1, 2))"),
            ("padding[:, None, None, :]", "ops.reshape(padding, (-1, 1, 1, ops.shape(padding)[1]))"),
            ("padding[:, None, None, :]", "padding[:, None, None]"),
        ),
        source="""
class MaskedSelfAttentionPlover(layers.Layer):
    def __init__(self, heads=3, key_dim=5, **kw):
        super().__init__(**kw)
        self.heads, self.key_dim = heads, key_dim
        self.wq = layers.Dense(heads * key_dim, use_bias=False)
        self.wk = layers.Dense(heads * key_dim, use_bias=False)
        self.wv = layers.Dense(heads * key_dim, use_bias=False)

    def split_heads(self, x):
        x = ops.reshape(x, (-1, ops.shape(x)[1], self.heads, self.key_dim))
        return ops.transpose(x, (0, 2, 1, 3))

    def call(self, x, padding):
        # padding: (batch, time), 1 = real token, 0 = pad
        q = self.split_heads(self.wq(x))
        k = self.split_heads(self.wk(x))
        v = self.split_heads(self.wv(x))
        scores = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / self.key_dim**0.5
        bias = (1.0 - padding[:, None, None, :]) * -1e9
        weights = ops.softmax(scores + bias, axis=-1)
        out = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))
        return ops.reshape(out, (-1, ops.shape(x)[1], self.heads * self.key_dim))
""",
    ),
    Case(
        name="DeltaFeaturesLapwing",
        inputs="9,3",
        good="        delta = ops.pad(delta, ((0, 0), (1, 0), (0, 0)))\n",
        bad="",
        named=("delta", "x[:, 1:, :] - x[:, :-1, :]", "ops.concatenate([x, delta], axis=-1)"),
        also=(
            (
                "ops.pad(delta, ((0, 0), (1, 0), (0, 0)))",
                "ops.concatenate([ops.zeros_like(x[:, :1, :]), delta], axis=1)",
            ),
            (
                "        delta = x[:, 1:, :] - x[:, :-1, :]\n"
                "        delta = ops.pad(delta, ((0, 0), (1, 0), (0, 0)))\n",
                "        previous = ops.concatenate([x[:, :1, :], x[:, :-1, :]], axis=1)\n"
                "        delta = x - previous\n",
            ),
        ),
        source='''
class DeltaFeaturesLapwing(layers.Layer):
    """Appends to every channel its first difference over time (0 at the first step)."""

    def call(self, x):
        delta = x[:, 1:, :] - x[:, :-1, :]
        delta = ops.pad(delta, ((0, 0), (1, 0), (0, 0)))
        return ops.concatenate([x, delta], axis=-1)
''',
    ),
    Case(
        name="MelProjectionDunlin",
        inputs="7,16",
        good="self.n_fft // 2 + 1",
        bad="self.n_fft // 2",
        named=("self.mel", "n_bins"),
        also=(
            ("self.n_fft // 2 + 1", "(self.n_fft + 2) // 2"),
            ("self.n_fft // 2 + 1", "input_shape[-1] // 2 + 1"),
            ("self.n_fft // 2 + 1", "1 + self.n_fft // 2"),
        ),
        source='''
class MelProjectionDunlin(layers.Layer):
    """Frames of n_fft samples -> learned log-mel energies."""

    def __init__(self, n_fft=16, n_mels=5, **kwargs):
        super().__init__(**kwargs)
        self.n_fft = n_fft
        self.n_mels = n_mels

    def build(self, input_shape):
        n_bins = self.n_fft // 2 + 1
        self.mel = self.add_weight(
            shape=(n_bins, self.n_mels),
            initializer=keras.initializers.RandomUniform(0.0, 1.0),
            name="mel",
        )

    def call(self, frames):
        real, imag = ops.rfft(frames)
        power = ops.square(real) + ops.square(imag)
        return ops.log(ops.matmul(power, self.mel) + 1e-6)
''',
    ),
    Case(
        name="TwoTowerBittern",
        inputs="8 5,3",
        keys=("user", "items"),
        good="ops.expand_dims(user, axis=1)",
        bad="ops.expand_dims(user, axis=-1)",
        named=("user * items",),
        also=(
            ("ops.expand_dims(user, axis=1)", "user[:, None, :]"),
            ("ops.expand_dims(user, axis=1)", "ops.expand_dims(user, axis=-2)"),
            (
                ("ops.expand_dims(user, axis=1)", "ops.sum(user * items, axis=-1)"),
                ("ops.expand_dims(user, axis=-1)", "ops.squeeze(ops.matmul(items, user), axis=-1)"),
            ),
            (
                ("ops.expand_dims(user, axis=1)", "ops.sum(user * items, axis=-1)"),
                ("ops.expand_dims(user, axis=-1)", "ops.matmul(items, user)[..., 0]"),
            ),
        ),
        source="""
class TwoTowerBittern(keras.Model):
    def __init__(self, dim=6):
        super().__init__()
        self.user_net = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(dim)])
        self.item_net = layers.Dense(dim)

    def call(self, inputs):
        user = self.user_net(inputs["user"])  # (batch, dim)
        items = self.item_net(inputs["items"])  # (batch, candidates, dim)
        user = ops.expand_dims(user, axis=1)
        return ops.sum(user * items, axis=-1)  # one score per candidate
""",
    ),
    Case(
        name="GraphConvSiskin",
        make="GraphConvSiskin(5)",
        inputs="6,3 m6,6",
        good="ops.matmul(adj, h)",
        bad="ops.matmul(h, adj)",
        also=(
            ("ops.matmul(adj, h)", "adj @ h"),
            ("ops.matmul(adj, h)", 'ops.einsum("bij,bjf->bif", adj, h)'),
            (
                ("h = ops.matmul(x, self.w)", "ops.matmul(adj, h)"),
                ("h = ops.matmul(adj, x)", "ops.matmul(h, self.w)"),
            ),
        ),
        source="""
class GraphConvSiskin(layers.Layer):
    # x: (batch, nodes, features); adj: (batch, nodes, nodes), adj[i, j] = 1 if j sends to i
    def __init__(self, units, **kw):
        super().__init__(**kw)
        self.units = units

    def build(self, x_shape, adj_shape):
        self.w = self.add_weight(shape=(x_shape[-1], self.units), name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, x, adj):
        h = ops.matmul(x, self.w)
        h = ops.matmul(adj, h)
        return ops.relu(h + self.b)
""",
    ),
    Case(
        name="TakenActionShrike",
        make="TakenActionShrike(n_actions=5)",
        inputs="6 i5:-",
        good="ops.expand_dims(actions, axis=-1)",
        bad='ops.cast(actions, "int32")',
        named=("actions", "idx"),
        also=(
            ("ops.expand_dims(actions, axis=-1)", "actions[:, None]"),
            ("ops.expand_dims(actions, axis=-1)", "ops.reshape(actions, (-1, 1))"),
            ("ops.expand_dims(actions, axis=-1)", 'ops.cast(actions[:, None], "int32")'),
            (
                "        chosen = ops.take_along_axis(q, idx, axis=-1)\n        return ops.squeeze(chosen, axis=-1)",
                "        return ops.sum(q * ops.one_hot(actions, self.n_actions), axis=-1)",
            ),
        ),
        source='''
class TakenActionShrike(keras.Model):
    """Q(s, a) for the actions that were taken, shape (batch,)."""

    def __init__(self, n_actions):
        super().__init__()
        self.n_actions = n_actions
        self.hidden = layers.Dense(16, activation="relu")
        self.q = layers.Dense(n_actions)

    def call(self, states, actions):
        q = self.q(self.hidden(states))
        idx = ops.expand_dims(actions, axis=-1)
        chosen = ops.take_along_axis(q, idx, axis=-1)
        return ops.squeeze(chosen, axis=-1)
''',
    ),
    Case(
        name="LeapfrogCurlew",
        inputs="7,6",
        good="ops.split(state, 2, axis=-1)",
        bad="ops.split(state, 2, axis=1)",
        named=("ops.split",),
        also=(
            ("ops.split(state, 2, axis=-1)", "ops.split(state, 2, axis=2)"),
            (
                "ops.split(state, 2, axis=-1)",
                "state[..., : state.shape[-1] // 2], state[..., state.shape[-1] // 2 :]",
            ),
        ),
        source='''
class LeapfrogCurlew(layers.Layer):
    """One kick-drift-kick step of a bank of springs.

    `state` is (batch, bodies, 2 * dims): for each body its position, then its momentum.
    """

    def __init__(self, dt=0.05, **kwargs):
        super().__init__(**kwargs)
        self.dt = dt

    def build(self, input_shape):
        self.stiffness = self.add_weight(shape=(input_shape[-1] // 2,), initializer="ones", name="stiffness")
        self.mass = self.add_weight(shape=(input_shape[-1] // 2,), initializer="ones", name="mass")

    def force(self, q):
        return -self.stiffness * q

    def call(self, state):
        q, p = ops.split(state, 2, axis=-1)
        p = p + 0.5 * self.dt * self.force(q)
        q = q + self.dt * p / self.mass
        p = p + 0.5 * self.dt * self.force(q)
        return ops.concatenate([q, p], axis=-1)
''',
    ),
    Case(
        name="AffineCouplingWhimbrel",
        make="AffineCouplingWhimbrel(5)",
        inputs="5",
        good="layers.Dense(2 * (dim - self.half))",
        bad="layers.Dense(2 * self.half)",
        named=("self.half", "dim // 2", "self.net"),
        also=(
            ("layers.Dense(2 * (dim - self.half))", "layers.Dense(2 * dim - 2 * self.half)"),
            ("layers.Dense(2 * (dim - self.half))", "layers.Dense((dim - self.half) * 2)"),
            (
                ("layers.Dense(2 * (dim - self.half))", "a, b = x[:, : self.half], x[:, self.half :]"),
                ("layers.Dense(2 * self.half)", "b, a = x[:, : self.half], x[:, self.half :]"),
            ),
        ),
        source='''
class AffineCouplingWhimbrel(layers.Layer):
    """RealNVP coupling: the first part of x scales and shifts the rest."""

    def __init__(self, dim, **kwargs):
        super().__init__(**kwargs)
        self.half = dim // 2
        self.net = keras.Sequential(
            [
                layers.Dense(32, activation="relu"),
                layers.Dense(2 * (dim - self.half)),
            ]
        )

    def call(self, x):
        a, b = x[:, : self.half], x[:, self.half :]
        log_s, t = ops.split(self.net(a), 2, axis=-1)
        log_s = ops.tanh(log_s)
        return ops.concatenate([a, b * ops.exp(log_s) + t], axis=-1)
''',
    ),
    Case(
        name="MultiDiceTurnstone",
        inputs="i3:6,5 p6,5,3",
        good='ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])',
        bad="ops.cast(y_true, y_pred.dtype)",
        named=("y_true * y_pred", "y_true"),
        also=(
            (
                'ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])',
                'ops.one_hot(ops.cast(y_true, "int32"), 3)',
            ),
            (
                'ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])',
                'ops.one_hot(ops.cast(y_true, "int32"), ops.shape(y_pred)[-1], dtype=y_pred.dtype)',
            ),
        ),
        source='''
class MultiDiceTurnstone(keras.losses.Loss):
    """Dice loss averaged over organs.

    y_true holds organ numbers, (batch, height, width);
    y_pred holds probabilities, (batch, height, width, organs).
    """

    def __init__(self, smooth=1.0, **kwargs):
        super().__init__(**kwargs)
        self.smooth = smooth

    def call(self, y_true, y_pred):
        y_true = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])
        inter = ops.sum(y_true * y_pred, axis=(1, 2))
        total = ops.sum(y_true, axis=(1, 2)) + ops.sum(y_pred, axis=(1, 2))
        dice = (2.0 * inter + self.smooth) / (total + self.smooth)
        return 1.0 - ops.mean(dice, axis=-1)
''',
    ),
    Case(
        name="DownBlockOuzel",
        make="DownBlockOuzel(5)",
        inputs="8,6,3",
        good='self.shortcut = layers.Conv2D(filters, 2, strides=2, padding="same")',
        bad='self.shortcut = layers.Conv2D(filters, 2, padding="same")',
        named=("self.shortcut", "self.shortcut(x)"),
        also=(
            (
                'layers.Conv2D(filters, 2, strides=2, padding="same")',
                'layers.Conv2D(filters, 2, strides=(2, 2), padding="same")',
            ),
            ('layers.Conv2D(filters, 2, strides=2, padding="same")', "layers.Conv2D(filters, 2, strides=2)"),
            (
                'layers.Conv2D(filters, 2, strides=2, padding="same")',
                'layers.Conv2D(filters, 3, strides=2, padding="same")',
            ),
        ),
        source='''
class DownBlockOuzel(layers.Layer):
    """Residual block that halves the resolution."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.conv1 = layers.Conv2D(filters, 3, strides=2, padding="same")
        self.bn1 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(filters, 3, padding="same")
        self.bn2 = layers.BatchNormalization()
        self.shortcut = layers.Conv2D(filters, 2, strides=2, padding="same")

    def call(self, x, training=False):
        y = ops.relu(self.bn1(self.conv1(x), training=training))
        y = self.bn2(self.conv2(y), training=training)
        return ops.relu(y + self.shortcut(x))
''',
    ),
    Case(
        name="ImputeAvocet",
        inputs="6,3 m6,3",
        good='~ops.cast(observed, "bool")',
        bad="~observed",
        named=("observed", "missing"),
        also=(
            ('~ops.cast(observed, "bool")', "ops.logical_not(observed)"),
            ('~ops.cast(observed, "bool")', "observed == 0"),
            ('~ops.cast(observed, "bool")', "1.0 - observed"),
            ('~ops.cast(observed, "bool")', "observed != 1"),
            ('~ops.cast(observed, "bool")', "~ops.cast(observed, bool)"),
            ('~ops.cast(observed, "bool")', "observed < 0.5"),
            ('~ops.cast(observed, "bool")', "ops.equal(observed, 0)"),
            ('~ops.cast(observed, "bool")', "~(observed > 0)"),
            ('~ops.cast(observed, "bool")', "(1.0 - observed) > 0"),
            ('~ops.cast(observed, "bool")', 'ops.cast(1.0 - observed, "bool")'),
        ),
        source='''
class ImputeAvocet(layers.Layer):
    """Fills the vital signs that were not measured by a learned value per sign.

    observed: 0.0 / 1.0, same shape as x.
    """

    def build(self, x_shape, observed_shape):
        self.fill = self.add_weight(shape=(x_shape[-1],), initializer="zeros", name="fill")

    def call(self, x, observed):
        missing = ~ops.cast(observed, "bool")
        gap = ops.cast(missing, x.dtype)
        filled = gap * self.fill + (1.0 - gap) * x
        return ops.concatenate([filled, gap], axis=-1)
''',
    ),
    Case(
        name="PatchesFieldfare",
        inputs="8,6,3",
        good="(-1, h // p, p, w // p, p, c)",
        bad="(h // p, p, w // p, p, c)",
        also=(
            ("(-1, h // p, p, w // p, p, c)", "(ops.shape(images)[0], h // p, p, w // p, p, c)"),
            ("(-1, h // p, p, w // p, p, c)", "(images.shape[0], h // p, p, w // p, p, c)"),
        ),
        source='''
class PatchesFieldfare(layers.Layer):
    """ViT stem: cuts the images into p x p patches and projects each."""

    def __init__(self, p=2, width=10, **kw):
        super().__init__(**kw)
        self.p = p
        self.project = layers.Dense(width)

    def call(self, images):
        p = self.p
        h, w, c = images.shape[1:]
        x = ops.reshape(images, (-1, h // p, p, w // p, p, c))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        x = ops.reshape(x, (-1, (h // p) * (w // p), p * p * c))
        return self.project(x)
''',
    ),
    Case(
        name="MinimalRnnDotterel",
        make="MinimalRnnDotterel(5)",
        inputs="6,3",
        good="(ops.shape(x)[0], self.units)",
        bad="(32, self.units)",
        named=("h", "ops.concatenate([x[:, t], h], axis=-1)"),
        also=(
            ("(ops.shape(x)[0], self.units)", "(x.shape[0], self.units)"),
            (
                "ops.zeros((ops.shape(x)[0], self.units))",
                "ops.zeros_like(x[:, 0, :1]) * ops.zeros((self.units,))",
            ),
            ("ops.zeros((ops.shape(x)[0], self.units))", "ops.zeros((len(x), self.units))"),
        ),
        source="""
class MinimalRnnDotterel(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.cell = layers.Dense(units, activation="tanh")

    def call(self, x):
        h = ops.zeros((ops.shape(x)[0], self.units))
        for t in range(x.shape[1]):
            h = self.cell(ops.concatenate([x[:, t], h], axis=-1))
        return h
""",
    ),
    Case(
        name="EncoderBlockPipit",
        inputs="7,6",
        good="self.attention(x, x)",
        bad="self.attention(x, x, return_attention_scores=True)",
        named=("x + attended", "attended"),
        also=(
            (
                "attended = self.attention(x, x)",
                "attended, _ = self.attention(x, x, return_attention_scores=True)",
            ),
            ("self.attention(x, x)", "self.attention(x, x, return_attention_scores=True)[0]"),
            (
                ("attended = self.attention(x, x)", "self.norm1(x + attended)"),
                (
                    "attended = self.attention(x, x, return_attention_scores=True)",
                    "self.norm1(x + attended[0])",
                ),
            ),
            ("self.attention(x, x)", "self.attention(x, x, return_attention_scores=False)"),
        ),
        source="""
class EncoderBlockPipit(layers.Layer):
    def __init__(self, heads=2, dim=6, ff=12, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(heads, dim // heads)
        self.norm1 = layers.LayerNormalization(epsilon=1e-6)
        self.norm2 = layers.LayerNormalization(epsilon=1e-6)
        self.ff1 = layers.Dense(ff, activation="gelu")
        self.ff2 = layers.Dense(dim)

    def call(self, x):
        attended = self.attention(x, x)
        x = self.norm1(x + attended)
        return self.norm2(x + self.ff2(self.ff1(x)))
""",
    ),
    Case(
        name="SleepStagerWheatear",
        inputs="12,3",
        good="layers.GRU(8, return_sequences=True)",
        bad="layers.GRU(8)",
        named=("self.rnn", "self.rnn(x)", "self.pool(x)", "self.pool"),
        also=(("layers.GRU(8, return_sequences=True)", "layers.GRU(units=8, return_sequences=True)"),),
        source='''
class SleepStagerWheatear(keras.Model):
    """EEG epochs -> one of five sleep stages: conv, GRU over time, average over time."""

    def __init__(self):
        super().__init__()
        self.conv = layers.Conv1D(10, 3, padding="same", activation="relu")
        self.rnn = layers.GRU(8, return_sequences=True)
        self.pool = layers.GlobalAveragePooling1D()
        self.head = layers.Dense(5, activation="softmax")

    def call(self, x):
        x = self.conv(x)
        x = self.rnn(x)
        x = self.pool(x)
        return self.head(x)
''',
    ),
    Case(
        name="EntityEmbeddingsBrambling",
        make="EntityEmbeddingsBrambling([9, 9, 9], 5, 7)",
        inputs="i9:3",
        good="ops.concatenate(parts, axis=-1)",
        bad="ops.stack(parts, axis=-1)",
        also=(
            ("ops.concatenate(parts, axis=-1)", "ops.concatenate(parts, axis=1)"),
            ("ops.concatenate(parts, axis=-1)", "ops.hstack(parts)"),
            (
                "ops.concatenate(parts, axis=-1)",
                "ops.reshape(ops.stack(parts, axis=1), (-1, len(parts) * parts[0].shape[-1]))",
            ),
        ),
        source='''
class EntityEmbeddingsBrambling(layers.Layer):
    """One embedding per categorical column, joined and projected."""

    def __init__(self, sizes, dim, units, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.units = units
        self.tables = [layers.Embedding(n, dim) for n in sizes]

    def build(self, input_shape):
        for table in self.tables:
            table.build(input_shape[:1])
        self.kernel = self.add_weight(shape=(len(self.tables) * self.dim, self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, columns):
        parts = [table(columns[:, i]) for i, table in enumerate(self.tables)]
        joined = ops.concatenate(parts, axis=-1)
        return ops.relu(ops.matmul(joined, self.kernel) + self.bias)
''',
    ),
    Case(
        name="TiedDecoderRedwing",
        inputs="7,6",
        good="        self.embedding.build((None,))\n",
        bad="",
        named=("self.embedding", "self.embedding.embeddings", "ops.transpose(self.embedding.embeddings)"),
        also=(
            ("self.embedding.build((None,))", "self.embedding.build(input_shape)"),
            ("self.embedding.build((None,))", "self.embedding.build(input_shape[:-1])"),
            ("self.embedding.build((None,))", "self.embedding.build()"),
            (
                (
                    "        self.embedding.build((None,))\n",
                    "self.embedding = layers.Embedding(vocab, dim)\n",
                ),
                (
                    "",
                    "self.embedding = layers.Embedding(vocab, dim)\n        self.embedding.build((None,))\n",
                ),
            ),
            ("self.embedding.build((None,))", 'self.embedding(ops.zeros((1,), dtype="int32"))'),
        ),
        source='''
class TiedDecoderRedwing(layers.Layer):
    """Language-model head that shares the token table with the input side."""

    def __init__(self, vocab=11, dim=6, **kwargs):
        super().__init__(**kwargs)
        self.vocab = vocab
        self.embedding = layers.Embedding(vocab, dim)

    def build(self, input_shape):
        self.embedding.build((None,))
        self.bias = self.add_weight(shape=(self.vocab,), initializer="zeros", name="bias")

    def embed(self, tokens):
        return self.embedding(tokens)

    def call(self, hidden):
        logits = ops.matmul(hidden, ops.transpose(self.embedding.embeddings))
        return logits + self.bias
''',
    ),
    Case(
        name="LandmarkLossNuthatch",
        header="import keras\n\n\n",
        inputs="3 3",
        good="keras.ops.sum(keras.ops.square(y_true - y_pred), axis=-1)",
        bad="tf.reduce_sum(tf.square(y_true - y_pred), axis=-1)",
        named=("tf", "tf.square", "tf.reduce_sum"),
        also=(
            (
                "keras.ops.sum(keras.ops.square(y_true - y_pred), axis=-1)",
                "keras.ops.sum((y_true - y_pred) ** 2, axis=-1)",
            ),
        ),
        source='''
class LandmarkLossNuthatch(keras.losses.Loss):
    """Pulls a landmark to its true place, with a soft cap against outliers."""

    def __init__(self, cap=9.0, name="landmark_loss"):
        super().__init__(name=name)
        self.cap = cap

    def call(self, y_true, y_pred):
        squared = keras.ops.sum(keras.ops.square(y_true - y_pred), axis=-1)
        return self.cap * keras.ops.tanh(squared / self.cap)
''',
    ),
    Case(
        name="AttentionPoolDipper",
        make="AttentionPoolDipper(8)",
        header="import keras\nfrom keras import layers\nfrom keras import ops as K\n\n\n",
        inputs="7,5",
        good="(input_shape[-1], self.units)",
        bad="(input_shape[1], self.units)",
        named=("self.W", "K.matmul(x, self.W)"),
        also=(("(input_shape[-1], self.units)", "(input_shape[2], self.units)"),),
        source='''
class AttentionPoolDipper(layers.Layer):
    """Bahdanau-style pooling of the word vectors of a review."""

    def __init__(self, units, **kwargs):
        super(AttentionPoolDipper, self).__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.W = self.add_weight(name="att_w", shape=(input_shape[-1], self.units), initializer="glorot_uniform")
        self.b = self.add_weight(name="att_b", shape=(self.units,), initializer="zeros")
        self.u = self.add_weight(name="att_u", shape=(self.units, 1), initializer="glorot_uniform")
        super(AttentionPoolDipper, self).build(input_shape)

    def call(self, x):
        et = K.matmul(K.tanh(K.matmul(x, self.W) + self.b), self.u)
        at = K.softmax(et, axis=1)
        return K.sum(x * at, axis=1)
''',
    ),
    Case(
        name="FilmLinnet",
        inputs="7,6 3",
        as_list=True,
        good="channels = input_shape[0][-1]",
        bad="channels = input_shape[-1]",
        named=("channels", "input_shape[-1]", "self.scale"),
        also=(
            ("channels = input_shape[0][-1]", "channels = input_shape[0][2]"),
            (
                "channels = input_shape[0][-1]\n        size = input_shape[1][-1]",
                "features, condition = input_shape\n        channels, size = features[-1], condition[-1]",
            ),
        ),
        source='''
class FilmLinnet(layers.Layer):
    """Feature-wise modulation: call it on [features, condition]."""

    def build(self, input_shape):
        channels = input_shape[0][-1]
        size = input_shape[1][-1]
        self.scale = self.add_weight(shape=(size, channels), name="scale")
        self.shift = self.add_weight(shape=(size, channels), name="shift")

    def call(self, inputs):
        x, c = inputs
        gamma = ops.matmul(c, self.scale)[:, None, :]
        beta = ops.matmul(c, self.shift)[:, None, :]
        return x * (1.0 + gamma) + beta
''',
    ),
    Case(
        name="ClassRecallStonechat",
        make="ClassRecallStonechat(3)",
        inputs="i3:- p3",
        good="ops.sum(truth * guess, axis=0)",
        bad="ops.sum(truth * guess, axis=-1)",
        named=("self.hits",),
        also=(
            ("ops.sum(truth * guess, axis=0)", 'ops.einsum("bc,bc->c", truth, guess)'),
            ("ops.sum(truth * guess, axis=0)", "ops.sum(truth * guess, 0)"),
            ("ops.sum(truth * guess, axis=0)", "ops.sum(truth * guess, axis=-2)"),
        ),
        source='''
class ClassRecallStonechat(keras.metrics.Metric):
    """Recall of each class, shape (classes,)."""

    def __init__(self, classes, name="class_recall", **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.hits = self.add_weight(shape=(classes,), initializer="zeros", name="hits")
        self.seen = self.add_weight(shape=(classes,), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred):
        truth = ops.one_hot(ops.cast(y_true, "int32"), self.classes)
        guess = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        self.hits.assign_add(ops.sum(truth * guess, axis=0))
        self.seen.assign_add(ops.sum(truth, axis=0))

    def result(self):
        return ops.divide_no_nan(self.hits, self.seen)
''',
    ),
    Case(
        name="GroupNormTwite",
        inputs="5,7,6",
        good='shape=(input_shape[-1],), initializer="ones"',
        bad='shape=(self.groups,), initializer="ones"',
        named=("self.gamma", "x * self.gamma"),
        also=(
            (
                'shape=(input_shape[-1],), initializer="ones"',
                'shape=(1, 1, 1, input_shape[-1]), initializer="ones"',
            ),
            ('shape=(input_shape[-1],), initializer="ones"', 'shape=input_shape[-1:], initializer="ones"'),
        ),
        source="""
class GroupNormTwite(layers.Layer):
    def __init__(self, groups=3, eps=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups
        self.eps = eps

    def build(self, input_shape):
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(input_shape[-1],), initializer="zeros")

    def call(self, inputs):
        _, h, w, c = inputs.shape
        x = ops.reshape(inputs, (-1, h, w, self.groups, c // self.groups))
        mean, var = ops.moments(x, axes=[1, 2, 4], keepdims=True)
        x = (x - mean) * ops.rsqrt(var + self.eps)
        x = ops.reshape(x, (-1, h, w, c))
        return x * self.gamma + self.beta
""",
    ),
    Case(
        name="StyleNormPuffin",
        inputs="6,5,3",
        good="centred = x - ops.mean(x, axis=(1, 2), keepdims=True)",
        bad="centred = x - ops.mean(x, axis=(1, 2))",
        also=(
            ("x - ops.mean(x, axis=(1, 2), keepdims=True)", "x - ops.mean(x, axis=(1, 2))[:, None, None, :]"),
            (
                "x - ops.mean(x, axis=(1, 2), keepdims=True)",
                "x - ops.expand_dims(ops.mean(x, axis=(1, 2)), (1, 2))",
            ),
            ("x - ops.mean(x, axis=(1, 2), keepdims=True)", "x - ops.mean(x, axis=[1, 2], keepdims=True)"),
        ),
        source='''
class StyleNormPuffin(layers.Layer):
    """Removes the contrast of every image, channel by channel (style transfer)."""

    epsilon = 1e-5

    def call(self, x):
        centred = x - ops.mean(x, axis=(1, 2), keepdims=True)
        power = ops.mean(ops.square(centred), axis=(1, 2), keepdims=True)
        return centred / ops.sqrt(power + self.epsilon)
''',
    ),
    Case(
        name="WeightNormConvKnot",
        make="WeightNormConvKnot(5, 3)",
        inputs="9,2",
        good="(self.width, input_shape[-1], self.filters)",
        bad="(self.width, self.filters, input_shape[-1])",
        named=("self.v", "kernel", "ops.conv"),
        also=(
            (
                (
                    "(self.width, input_shape[-1], self.filters)",
                    "axis=(0, 1)",
                    "kernel = self.g * self.v / norm",
                ),
                (
                    "(self.width, self.filters, input_shape[-1])",
                    "axis=(0, 2)",
                    "kernel = ops.transpose(self.g * self.v / norm, (0, 2, 1))",
                ),
            ),
        ),
        source='''
class WeightNormConvKnot(layers.Layer):
    """1D convolution over audio features with weight normalisation."""

    def __init__(self, filters, width, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.width = width

    def build(self, input_shape):
        self.v = self.add_weight(
            shape=(self.width, input_shape[-1], self.filters), initializer="he_normal", name="v"
        )
        self.g = self.add_weight(shape=(1,), initializer="ones", name="g")

    def call(self, x):
        norm = ops.sqrt(ops.sum(ops.square(self.v), axis=(0, 1), keepdims=True) + 1e-8)
        kernel = self.g * self.v / norm
        return ops.conv(x, kernel, strides=1, padding="same", data_format="channels_last")
''',
    ),
    Case(
        name="MeanOfWordsOriole",
        inputs="i11:7 m7",
        good="if keep is not None:",
        bad="if keep:",
        named=("keep",),
        also=(("if keep is not None:", "if not keep is None:"),),
        source='''
class MeanOfWordsOriole(layers.Layer):
    """Average word vector; `keep` (batch, words) marks the words that count, if given."""

    def __init__(self, vocab=11, dim=6, **kwargs):
        super().__init__(**kwargs)
        self.embedding = layers.Embedding(vocab, dim)

    def call(self, words, keep=None):
        vectors = self.embedding(words)
        if keep is not None:
            keep = keep[..., None]
            return ops.sum(vectors * keep, axis=1) / (ops.sum(keep, axis=1) + 1e-6)
        return ops.mean(vectors, axis=1)
''',
    ),
    # ------------------------------------------------------------------ silent
    Case(
        name="DistanceMatrixFeldspar",
        inputs="6,3",
        good="ops.sqrt(ops.maximum(squared, 1e-12))",
        bad="ops.sqrt(squared)",
        named=("squared",),
        also=(
            ("ops.sqrt(ops.maximum(squared, 1e-12))", "ops.sqrt(squared + 1e-12)"),
            ("ops.sqrt(ops.maximum(squared, 1e-12))", "ops.sqrt(squared + 1e-8)"),
            ("ops.sqrt(ops.maximum(squared, 1e-12))", "ops.sqrt(ops.clip(squared, 1e-12, 1e12))"),
            (
                "ops.sqrt(ops.maximum(squared, 1e-12))",
                "ops.sqrt(ops.maximum(squared, keras.config.epsilon()))",
            ),
            ("ops.sqrt(ops.maximum(squared, 1e-12))", "ops.sqrt(squared + keras.config.epsilon())"),
            (
                "ops.sqrt(ops.maximum(squared, 1e-12))",
                "ops.where(squared > 0, ops.sqrt(ops.where(squared > 0, squared, 1.0)), 0.0)",
            ),
        ),
        source='''
class DistanceMatrixFeldspar(layers.Layer):
    """Distances between all pairs of atoms of a molecule, in a learned embedding.

    (batch, atoms, features) -> (batch, atoms, atoms); trained end to end.
    """

    def __init__(self, dim=5, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.dim), name="kernel")

    def call(self, atoms):
        z = ops.matmul(atoms, self.kernel)
        gap = z[:, :, None, :] - z[:, None, :, :]
        squared = ops.sum(ops.square(gap), axis=-1)
        return ops.sqrt(ops.maximum(squared, 1e-12))
''',
    ),
    Case(
        name="PolicyTopaz",
        make="PolicyTopaz(5)",
        inputs="6 i5:-",
        good="self.logits = layers.Dense(n_actions)",
        bad='self.logits = layers.Dense(n_actions, activation="softmax")',
        named=("self.logits", "ops.log_softmax"),
        also=(
            (
                ("self.logits = layers.Dense(n_actions)", "ops.log_softmax(self.logits(h), axis=-1)"),
                (
                    'self.logits = layers.Dense(n_actions, activation="softmax")',
                    "ops.log(self.logits(h) + 1e-8)",
                ),
            ),
            (
                "self.logits = layers.Dense(n_actions)",
                'self.logits = layers.Dense(n_actions, activation="linear")',
            ),
            (
                "self.logits = layers.Dense(n_actions)",
                "self.logits = layers.Dense(n_actions, activation=None)",
            ),
        ),
        source='''
class PolicyTopaz(keras.Model):
    """log pi(a | s) of the action taken, for the policy gradient."""

    def __init__(self, n_actions):
        super().__init__()
        self.n_actions = n_actions
        self.body = layers.Dense(16, activation="tanh")
        self.logits = layers.Dense(n_actions)

    def call(self, obs, action):
        h = self.body(obs)
        log_probs = ops.log_softmax(self.logits(h), axis=-1)
        return ops.sum(ops.one_hot(action, self.n_actions) * log_probs, axis=-1)
''',
    ),
    Case(
        name="SimSiamOpal",
        inputs="6 6",
        good="z = ops.stop_gradient(z)",
        bad="p = ops.stop_gradient(p)",
        named=("p", "ops.stop_gradient"),
        also=(
            (
                (
                    "        z = ops.stop_gradient(z)\n",
                    "self.distance(p1, z2) + self.distance(p2, z1)",
                ),
                (
                    "",
                    "self.distance(p1, ops.stop_gradient(z2)) + self.distance(p2, ops.stop_gradient(z1))",
                ),
            ),
            (
                ("        z = ops.stop_gradient(z)\n", "z = ops.normalize(z, axis=-1)"),
                ("", "z = ops.stop_gradient(ops.normalize(z, axis=-1))"),
            ),
        ),
        source='''
class SimSiamOpal(keras.Model):
    """SimSiam: two augmented views in, loss per sample out.

    The predictor's output is pulled towards the other view's projection,
    which is held constant.
    """

    def __init__(self, dim=8):
        super().__init__()
        self.encoder = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(dim)])
        self.predictor = keras.Sequential([layers.Dense(5, activation="tanh"), layers.Dense(dim)])

    def distance(self, p, z):
        z = ops.stop_gradient(z)
        p = ops.normalize(p, axis=-1)
        z = ops.normalize(z, axis=-1)
        return -ops.sum(p * z, axis=-1)

    def call(self, view1, view2):
        z1, z2 = self.encoder(view1), self.encoder(view2)
        p1, p2 = self.predictor(z1), self.predictor(z2)
        return 0.5 * (self.distance(p1, z2) + self.distance(p2, z1))
''',
    ),
    Case(
        name="SoftF1Amethyst",
        inputs="m5 5",
        good="p = ops.sigmoid(y_pred)",
        bad="p = ops.round(ops.sigmoid(y_pred))",
        named=("ops.round",),
        also=(("p = ops.sigmoid(y_pred)", "p = keras.activations.sigmoid(y_pred)"),),
        source='''
class SoftF1Amethyst(keras.losses.Loss):
    """Differentiable 1 - F1 for multi-label tagging, y_pred are logits."""

    def call(self, y_true, y_pred):
        p = ops.sigmoid(y_pred)
        tp = ops.sum(y_true * p, axis=-1)
        fp = ops.sum((1.0 - y_true) * p, axis=-1)
        fn = ops.sum(y_true * (1.0 - p), axis=-1)
        return 1.0 - 2.0 * tp / (2.0 * tp + fp + fn + 1e-7)
''',
    ),
    Case(
        name="PixelAutoencoderBeryl",
        inputs="i256:6,5,3",
        good='ops.cast(images, "float32") / 255.0',
        bad='ops.cast(images, "float32")',
        named=("self.encode", "images"),
        also=(
            ('ops.cast(images, "float32") / 255.0', 'ops.cast(images, "float32") / 127.5 - 1.0'),
            ('ops.cast(images, "float32") / 255.0', 'ops.cast(images, "float32") * (1.0 / 255.0)'),
            ('ops.cast(images, "float32") / 255.0', '(ops.cast(images, "float32") - 127.5) / 127.5'),
            ('ops.cast(images, "float32") / 255.0', 'ops.cast(images, "float32") / 256.0'),
            ('ops.cast(images, "float32") / 255.0', 'ops.divide(ops.cast(images, "float32"), 255.0)'),
            ('ops.cast(images, "float32") / 255.0', 'ops.cast(images, "float32") / 255'),
        ),
        source='''
class PixelAutoencoderBeryl(keras.Model):
    """Tiny autoencoder for 8-bit RGB thumbnails; reconstructs the pixels in [0, 1]."""

    def __init__(self, shape=(6, 5, 3), code=8):
        super().__init__()
        self.flatten = layers.Flatten()
        self.encode = layers.Dense(code, activation="tanh")
        self.decode = layers.Dense(int(np.prod(shape)), activation="sigmoid")
        self.reshape = layers.Reshape(shape)

    def call(self, images):
        x = ops.cast(images, "float32") / 255.0
        z = self.encode(self.flatten(x))
        return self.reshape(self.decode(z))
''',
    ),
    Case(
        name="NegativeElboGarnet",
        inputs="m12,10 u12,10 3 3",
        good="ops.sum(nll, axis=(1, 2))",
        bad="ops.mean(nll, axis=(1, 2))",
        named=("nll",),
        also=(
            ("ops.sum(nll, axis=(1, 2))", "ops.sum(nll, axis=[1, 2])"),
            ("ops.sum(nll, axis=(1, 2))", "ops.sum(nll, axis=(-2, -1))"),
            ("ops.sum(nll, axis=(1, 2))", "ops.mean(nll, axis=(1, 2)) * nll.shape[1] * nll.shape[2]"),
        ),
        source='''
class NegativeElboGarnet(layers.Layer):
    """-log p(image | z) + KL(q(z | image) || N(0, 1)), one number per image."""

    def call(self, image, recon, mean, log_var):
        recon = ops.clip(recon, 1e-6, 1.0 - 1e-6)
        nll = -(image * ops.log(recon) + (1.0 - image) * ops.log(1.0 - recon))
        nll = ops.sum(nll, axis=(1, 2))
        kl = -0.5 * ops.sum(1.0 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        return nll + kl
''',
    ),
    Case(
        name="MeanDelayAgate",
        inputs="- -",
        good='name="delay", initializer="zeros")',
        bad='name="delay", initializer="zeros", dtype="int32")',
        named=("self.delay",),
        also=(
            ('name="delay", initializer="zeros")', 'name="delay", initializer="zeros", dtype="float32")'),
            ('name="delay", initializer="zeros")', 'name="delay", initializer="zeros", dtype=self.dtype)'),
        ),
        source='''
class MeanDelayAgate(keras.metrics.Metric):
    """Mean absolute error of the predicted delay, in hours."""

    def __init__(self, name="mean_delay", **kwargs):
        super().__init__(name=name, **kwargs)
        self.delay = self.add_weight(name="delay", initializer="zeros")
        self.trains = self.add_weight(name="trains", initializer="zeros")

    def update_state(self, y_true, y_pred):
        wrong = ops.abs(y_true - y_pred)
        self.delay.assign_add(ops.sum(wrong))
        self.trains.assign_add(ops.cast(ops.size(wrong), "float32"))

    def result(self):
        return self.delay / self.trains
''',
    ),
    Case(
        name="FrameEnergyHematite",
        inputs="i30000:7,16",
        good='ops.cast(pcm, "float32")',
        bad='ops.cast(pcm, "float16")',
        named=("ops.square(x)", "x"),
        also=(
            ('ops.cast(pcm, "float32")', 'ops.cast(pcm, "float32") / 32768.0'),
            ('ops.cast(pcm, "float32")', "ops.cast(pcm, self.compute_dtype)"),
        ),
        source='''
class FrameEnergyHematite(layers.Layer):
    """Log energy of each frame of 16-bit PCM samples, (batch, frames, samples) -> (batch, frames)."""

    def call(self, pcm):
        x = ops.cast(pcm, "float32")
        energy = ops.mean(ops.square(x), axis=-1)
        return ops.log(1.0 + energy)
''',
    ),
    Case(
        name="VolatilityZircon",
        inputs="i9:12",
        good="ops.mean(ops.square(price - mean[:, None]), axis=-1)",
        bad="ops.mean(ops.square(price), axis=-1) - ops.square(mean)",
        named=("ops.square(price)", "ops.square(mean)", "variance"),
        also=(
            ("ops.mean(ops.square(price - mean[:, None]), axis=-1)", "ops.var(price, axis=-1)"),
            (
                "ops.mean(ops.square(price - mean[:, None]), axis=-1)",
                "ops.mean((price - mean[:, None]) ** 2, axis=-1)",
            ),
            ("ops.mean(ops.square(price - mean[:, None]), axis=-1)", "ops.square(ops.std(price, axis=-1))"),
            (
                (
                    'price = self.base + 0.01 * ops.cast(ticks, "float32")',
                    "ops.mean(ops.square(price - mean[:, None]), axis=-1)",
                ),
                (
                    'price = 0.01 * ops.cast(ticks, "float32")',
                    "ops.mean(ops.square(price), axis=-1) - ops.square(mean)",
                ),
            ),
            (
                'price = self.base + 0.01 * ops.cast(ticks, "float32")',
                'price = 0.01 * ops.cast(ticks, "float32")',
            ),
        ),
        source='''
class VolatilityZircon(layers.Layer):
    """Standard deviation of an index quoted as ticks of 0.01 above `base`."""

    def __init__(self, base=20000.0, **kwargs):
        super().__init__(**kwargs)
        self.base = base

    def call(self, ticks):
        price = self.base + 0.01 * ops.cast(ticks, "float32")
        mean = ops.mean(price, axis=-1)
        variance = ops.mean(ops.square(price - mean[:, None]), axis=-1)
        return ops.sqrt(ops.maximum(variance, 1e-10))
''',
    ),
    Case(
        name="MaxOverWordsMalachite",
        inputs="9,5 m9",
        good="ops.where(real[..., None] > 0, h, -1e9)",
        bad="h * real[..., None]",
        named=("real",),
        also=(
            ("ops.where(real[..., None] > 0, h, -1e9)", "h + (1.0 - real[..., None]) * -1e9"),
            ("ops.where(real[..., None] > 0, h, -1e9)", "h - 1e9 * (1.0 - real[..., None])"),
            (
                "ops.where(real[..., None] > 0, h, -1e9)",
                'ops.where(ops.cast(real, "bool")[..., None], h, -1e9)',
            ),
            ("ops.where(real[..., None] > 0, h, -1e9)", 'ops.where(real[..., None] > 0, h, float("-inf"))'),
        ),
        source='''
class MaxOverWordsMalachite(layers.Layer):
    """Max over the real words of a sentence; padded words (real == 0) must never win."""

    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.project = layers.Dense(units)

    def call(self, words, real):
        h = self.project(words)
        h = ops.where(real[..., None] > 0, h, -1e9)
        return ops.max(h, axis=1)
''',
    ),
    Case(
        name="ChurnNetJasper",
        inputs="6",
        good=("x = x + block(x)", "self.head(x)"),
        bad=("h = x + block(x)", "self.head(h)"),
        named=("h", "block(x)", "self.blocks"),
        also=(
            (
                ("x = self.stem(x)", "x = x + block(x)", "self.head(x)"),
                ("h = self.stem(x)", "h = h + block(h)", "self.head(h)"),
            ),
        ),
        source='''
class ChurnNetJasper(keras.Model):
    """Residual MLP of `depth` blocks, one after the other."""

    def __init__(self, width=8, depth=3):
        super().__init__()
        self.stem = layers.Dense(width)
        self.blocks = [layers.Dense(width, activation="relu") for _ in range(depth)]
        self.head = layers.Dense(1, activation="sigmoid")

    def call(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)
''',
    ),
    Case(
        name="TimeMaskingCitrine",
        inputs="9,5",
        good="if not training:",
        bad="if training:",
        named=("training",),
        also=(
            ("if not training:", "if training is not True:"),
            ("if not training:", "if training is None or training is False:"),
        ),
        source='''
class TimeMaskingCitrine(layers.Layer):
    """SpecAugment-like: blanks random frames of a spectrogram while training."""

    def __init__(self, rate=0.3, seed=7, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = keras.random.SeedGenerator(seed)

    def call(self, spec, training=False):
        if not training:
            return spec
        draw = keras.random.uniform(ops.shape(spec)[:2], seed=self.seed)
        keep = ops.cast(draw >= self.rate, spec.dtype)
        return spec * keep[..., None]
''',
    ),
    Case(
        name="PpoSpinel",
        inputs="- - -",
        good="ops.minimum(ratio * advantage, clipped * advantage)",
        bad="ops.maximum(ratio * advantage, clipped * advantage)",
        named=("ops.maximum",),
        also=(
            (
                "-ops.minimum(ratio * advantage, clipped * advantage)",
                "ops.maximum(-ratio * advantage, -clipped * advantage)",
            ),
            (
                "-ops.minimum(ratio * advantage, clipped * advantage)",
                "-ops.min(ops.stack([ratio * advantage, clipped * advantage]), axis=0)",
            ),
        ),
        source='''
class PpoSpinel(layers.Layer):
    """Clipped surrogate loss of PPO (to be minimised): the pessimistic of the two objectives."""

    def __init__(self, clip=0.2, **kwargs):
        super().__init__(**kwargs)
        self.clip = clip

    def call(self, log_prob, old_log_prob, advantage):
        ratio = ops.exp(log_prob - old_log_prob)
        clipped = ops.clip(ratio, 1.0 - self.clip, 1.0 + self.clip)
        return -ops.minimum(ratio * advantage, clipped * advantage)
''',
    ),
    Case(
        name="BoxIouPeridot",
        inputs="u9,4 u9,4",
        good="union = area_true + area_pred - inter",
        bad="union = area_true + area_true - inter",
        named=("area_true + area_true - inter", "area_true"),
        also=(
            ("union = area_true + area_pred - inter", "union = area_pred + area_true - inter"),
            ("union = area_true + area_pred - inter", "union = area_true + (area_pred - inter)"),
            ("union = area_true + area_pred - inter", "union = (area_true - inter) + area_pred"),
        ),
        source='''
class BoxIouPeridot(keras.losses.Loss):
    """Mean of 1 - IoU over the matched boxes, given as centre x, centre y, width, height."""

    @staticmethod
    def corners(box):
        centre, size = box[..., :2], box[..., 2:]
        return centre - size / 2, centre + size / 2

    def call(self, y_true, y_pred):
        lo_true, hi_true = self.corners(y_true)
        lo_pred, hi_pred = self.corners(y_pred)
        side = ops.minimum(hi_true, hi_pred) - ops.maximum(lo_true, lo_pred)
        inter = ops.prod(ops.maximum(side, 0.0), axis=-1)
        area_true = y_true[..., 2] * y_true[..., 3]
        area_pred = y_pred[..., 2] * y_pred[..., 3]
        union = area_true + area_pred - inter
        return ops.mean(1.0 - inter / (union + 1e-7), axis=-1)
''',
    ),
    Case(
        name="NeighbourMeanGalena",
        inputs="6,3 m6,6",
        good="received = ops.sum(follows, axis=2)",
        bad="received = ops.sum(follows, axis=1)",
        named=("received", "follows"),
        also=(
            ("received = ops.sum(follows, axis=2)", "received = ops.sum(follows, axis=-1)"),
            ("received = ops.sum(follows, axis=2)", 'received = ops.einsum("bij->bi", follows)'),
        ),
        source='''
class NeighbourMeanGalena(layers.Layer):
    """For each user i the mean feature vector of the users j that i follows.

    follows[b, i, j] is 1 if i follows j (not symmetric).
    """

    def call(self, features, follows):
        total = ops.matmul(follows, features)
        received = ops.sum(follows, axis=2)
        return total / ops.maximum(received, 1.0)[:, :, None]
''',
    ),
    Case(
        name="MergeHeadsOnyx",
        inputs="7,6",
        good="        out = ops.transpose(out, (0, 2, 1, 3))\n",
        bad="",
        named=("out", "ops.reshape(out, (-1, t, self.heads * self.size))"),
        also=(
            ("out = ops.transpose(out, (0, 2, 1, 3))", "out = ops.swapaxes(out, 1, 2)"),
            ("out = ops.transpose(out, (0, 2, 1, 3))", 'out = ops.einsum("bhtd->bthd", out)'),
            (
                "        out = ops.matmul(a, v)\n        out = ops.transpose(out, (0, 2, 1, 3))\n",
                '        out = ops.einsum("bhqk,bhkd->bqhd", a, v)\n',
            ),
        ),
        source="""
class MergeHeadsOnyx(layers.Layer):
    def __init__(self, heads=2, size=5, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads
        self.size = size
        self.qkv = layers.Dense(3 * heads * size)
        self.proj = layers.Dense(heads * size)

    def call(self, x):
        t = x.shape[1]
        qkv = ops.reshape(self.qkv(x), (-1, t, 3, self.heads, self.size))
        qkv = ops.transpose(qkv, (2, 0, 3, 1, 4))  # 3, batch, heads, time, size
        q, k, v = qkv[0], qkv[1], qkv[2]
        a = ops.softmax(ops.matmul(q, ops.swapaxes(k, -1, -2)) * self.size**-0.5, axis=-1)
        out = ops.matmul(a, v)
        out = ops.transpose(out, (0, 2, 1, 3))
        return self.proj(ops.reshape(out, (-1, t, self.heads * self.size)))
""",
    ),
    Case(
        name="WeightedRmseRutile",
        inputs="- - u-",
        good="self.weight.assign_add(ops.sum(sample_weight))",
        bad='self.weight.assign_add(ops.cast(ops.size(error), "float32"))',
        named=("self.weight", "sample_weight"),
        also=(
            (
                "self.weight.assign_add(ops.sum(sample_weight))",
                "self.weight.assign(self.weight + ops.sum(sample_weight))",
            ),
        ),
        source='''
class WeightedRmseRutile(keras.metrics.Metric):
    """Root of the weighted mean squared error, sum(w * e^2) / sum(w)."""

    def __init__(self, name="weighted_rmse", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.weight = self.add_weight(name="weight", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = ops.square(y_true - y_pred)
        if sample_weight is None:
            sample_weight = ops.ones_like(error)
        self.total.assign_add(ops.sum(error * sample_weight))
        self.weight.assign_add(ops.sum(sample_weight))

    def result(self):
        return ops.sqrt(ops.divide_no_nan(self.total, self.weight))
''',
    ),
    Case(
        name="LesionPrecisionGypsum",
        inputs="m9 9",
        good="y_pred > 0.0",
        bad="y_pred > 0.5",
        named=("y_pred",),
        also=(
            ("y_pred > 0.0", "ops.sigmoid(y_pred) > 0.5"),
            ("y_pred > 0.0", "y_pred > 0"),
            ("y_pred > 0.0", "y_pred >= 0.0"),
            ("y_pred > 0.0", "ops.sigmoid(y_pred) >= 0.5"),
        ),
        source='''
class LesionPrecisionGypsum(keras.metrics.Metric):
    """Precision at probability one half. y_pred are LOGITS (the model has no sigmoid)."""

    def __init__(self, name="lesion_precision", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tp = self.add_weight(name="tp", initializer="zeros")
        self.fp = self.add_weight(name="fp", initializer="zeros")

    def update_state(self, y_true, y_pred):
        positive = ops.cast(y_pred > 0.0, "float32")
        self.tp.assign_add(ops.sum(positive * y_true))
        self.fp.assign_add(ops.sum(positive * (1.0 - y_true)))

    def result(self):
        return self.tp / (self.tp + self.fp + keras.config.epsilon())
''',
    ),
    Case(
        name="CausalConvFluorite",
        make="CausalConvFluorite(5)",
        inputs="9,3",
        good="((0, 0), (self.reach, 0), (0, 0))",
        bad="((0, 0), (0, self.reach), (0, 0))",
        named=("ops.pad",),
        also=(
            ("((0, 0), (self.reach, 0), (0, 0))", "[[0, 0], [self.reach, 0], [0, 0]]"),
            (
                (
                    'layers.Conv1D(filters, width, dilation_rate=dilation, padding="valid")',
                    "        x = ops.pad(x, ((0, 0), (self.reach, 0), (0, 0)))\n",
                ),
                ('layers.Conv1D(filters, width, dilation_rate=dilation, padding="causal")', ""),
            ),
        ),
        source='''
class CausalConvFluorite(layers.Layer):
    """WaveNet-style convolution: step t sees steps t, t - d, t - 2d, ... only."""

    def __init__(self, filters, width=3, dilation=2, **kwargs):
        super().__init__(**kwargs)
        self.reach = (width - 1) * dilation
        self.conv = layers.Conv1D(filters, width, dilation_rate=dilation, padding="valid")

    def call(self, x):
        x = ops.pad(x, ((0, 0), (self.reach, 0), (0, 0)))
        return ops.tanh(self.conv(x))
''',
    ),
    Case(
        name="NextTokenPyrite",
        inputs="i9:7 7,9",
        good="targets = y_true[:, 1:]",
        bad="targets = y_true[:, :-1]",
        named=("y_true", "targets"),
        also=(
            ("targets = y_true[:, 1:]", "targets = ops.roll(y_true, -1, axis=1)[:, :-1]"),
            ("targets = y_true[:, 1:]", "targets = y_true[..., 1:]"),
        ),
        source='''
class NextTokenPyrite(keras.losses.Loss):
    """Language-model loss. y_true are the tokens that went IN; the logits at place i are for token i + 1."""

    def call(self, y_true, y_pred):
        targets = y_true[:, 1:]
        logits = y_pred[:, :-1]
        nll = ops.sparse_categorical_crossentropy(ops.cast(targets, "int32"), logits, from_logits=True)
        return ops.mean(nll, axis=-1)
''',
    ),
    Case(
        name="CoxSphene",
        inputs="- u- m-",
        good="order = ops.argsort(-time)",
        bad="order = ops.argsort(time)",
        named=("order", "time"),
        also=(
            ("order = ops.argsort(-time)", "order = ops.flip(ops.argsort(time))"),
            ("order = ops.argsort(-time)", "order = ops.flip(ops.argsort(time), axis=0)"),
            ("order = ops.argsort(-time)", "order = ops.argsort(ops.negative(time))"),
            (
                ("order = ops.argsort(-time)", "log_risk = ops.log(ops.cumsum(ops.exp(score)))"),
                (
                    "order = ops.argsort(time)",
                    "log_risk = ops.log(ops.flip(ops.cumsum(ops.flip(ops.exp(score)))))",
                ),
            ),
        ),
        source='''
class CoxSphene(layers.Layer):
    """Negative partial log-likelihood of a Cox model (Breslow, no ties).

    Patients at risk at a patient's time are those whose own time is not earlier.
    """

    def call(self, score, time, event):
        order = ops.argsort(-time)
        score = ops.take(score, order)
        event = ops.take(event, order)
        log_risk = ops.log(ops.cumsum(ops.exp(score)))
        return -ops.sum(event * (score - log_risk)) / (ops.sum(event) + 1e-7)
''',
    ),
    Case(
        name="PinballObsidian",
        inputs="- 1",
        good="error = y_true[:, None] - y_pred",
        bad="error = y_true - y_pred",
        named=("error", "y_true - y_pred"),
        also=(
            ("error = y_true[:, None] - y_pred", "error = ops.expand_dims(y_true, -1) - y_pred"),
            ("error = y_true[:, None] - y_pred", "error = ops.reshape(y_true, (-1, 1)) - y_pred"),
            (
                ("error = y_true[:, None] - y_pred", "return ops.mean(loss, axis=-1)"),
                ("error = y_true - ops.squeeze(y_pred, axis=-1)", "return loss"),
            ),
            (
                ("error = y_true[:, None] - y_pred", "return ops.mean(loss, axis=-1)"),
                ("error = y_true - y_pred[:, 0]", "return loss"),
            ),
            ("error = y_true[:, None] - y_pred", "error = ops.reshape(y_true, ops.shape(y_pred)) - y_pred"),
        ),
        source='''
class PinballObsidian(keras.losses.Loss):
    """Quantile loss for the demand forecast; y_true (batch,), y_pred (batch, 1) from Dense(1)."""

    def __init__(self, q=0.9, **kwargs):
        super().__init__(**kwargs)
        self.q = q

    def call(self, y_true, y_pred):
        error = y_true[:, None] - y_pred
        loss = ops.maximum(self.q * error, (self.q - 1.0) * error)
        return ops.mean(loss, axis=-1)
''',
    ),
    Case(
        name="HaversineTourmaline",
        inputs="i60:2 i60:2",
        good='return ops.cast(place, "float32") * (np.pi / 180.0)',
        bad='return ops.cast(place, "float32")',
        named=("self.radians(start)", "self.radians(end)", "self.radians"),
        also=(
            ("* (np.pi / 180.0)", "/ 180.0 * np.pi"),
            ("* (np.pi / 180.0)", "* np.pi / 180.0"),
            ("* (np.pi / 180.0)", "* 0.017453292519943295"),
        ),
        source='''
class HaversineTourmaline(layers.Layer):
    """Great-circle distance of a taxi ride in km; places are (latitude, longitude) in degrees."""

    EARTH_RADIUS = 6371.0

    def radians(self, place):
        return ops.cast(place, "float32") * (np.pi / 180.0)

    def call(self, start, end):
        a, b = self.radians(start), self.radians(end)
        d = b - a
        h = ops.square(ops.sin(d[:, 0] / 2)) + ops.cos(a[:, 0]) * ops.cos(b[:, 0]) * ops.square(ops.sin(d[:, 1] / 2))
        return 2.0 * self.EARTH_RADIUS * ops.arcsin(ops.sqrt(ops.clip(h, 1e-12, 1.0)))
''',
    ),
)
