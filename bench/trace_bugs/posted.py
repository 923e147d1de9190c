"""Fifty-two cases by another hand: 31 that raise when called, 21 that are silently wrong."""

from __future__ import annotations

from trace_bugs.case import Case

PLAIN = "import keras\nfrom keras import layers, ops\n\n\n"
DOTTED = "import keras\nfrom keras import ops\n\n\n"
AS_K = "import keras\nimport keras.ops as K\n\n\n"

CASES = (
    # ------------------------------------------------------------------ raising
    Case(
        name="PatchTokensPosted",
        inputs="8,12,3",
        header=PLAIN,
        good="shape=(1, n_patches + 1, self.dim)",
        bad="shape=(1, n_patches, self.dim)",
        named=("self.pos_embed",),
        source='''
class PatchTokensPosted(layers.Layer):
    """Image -> sequence of patch tokens with a class token in front (ViT)."""

    def __init__(self, patch=4, dim=16, **kwargs):
        super().__init__(**kwargs)
        self.patch = patch
        self.dim = dim
        self.project = layers.Conv2D(dim, kernel_size=patch, strides=patch)

    def build(self, input_shape):
        n_patches = (input_shape[1] // self.patch) * (input_shape[2] // self.patch)
        self.project.build(input_shape)
        self.cls_token = self.add_weight(shape=(1, 1, self.dim), initializer="zeros", name="cls_token")
        self.pos_embed = self.add_weight(
            shape=(1, n_patches + 1, self.dim), initializer="random_normal", name="pos_embed"
        )

    def call(self, images):
        batch = ops.shape(images)[0]
        x = self.project(images)
        x = ops.reshape(x, (batch, -1, self.dim))
        cls = ops.tile(self.cls_token, (batch, 1, 1))
        x = ops.concatenate([cls, x], axis=1)
        return x + self.pos_embed
''',
    ),
    Case(
        name="MHSelfAttention",
        inputs="6,24",
        good="ops.swapaxes(k, -1, -2)",
        bad="ops.swapaxes(k, 1, 2)",
        also=(
            ("ops.swapaxes(k, -1, -2)", "ops.swapaxes(k, 2, 3)"),
            ("ops.swapaxes(k, -1, -2)", "ops.transpose(k, (0, 1, 3, 2))"),
        ),
        make="MHSelfAttention(24, 3)",
        source="""
class MHSelfAttention(layers.Layer):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.h = n_heads
        self.dk = d_model // n_heads
        self.wq = layers.Dense(d_model)
        self.wk = layers.Dense(d_model)
        self.wv = layers.Dense(d_model)
        self.wo = layers.Dense(d_model)

    def split_heads(self, x):
        b, t = ops.shape(x)[0], ops.shape(x)[1]
        x = ops.reshape(x, (b, t, self.h, self.dk))
        return ops.transpose(x, (0, 2, 1, 3))

    def call(self, x):
        b, t = ops.shape(x)[0], ops.shape(x)[1]
        q = self.split_heads(self.wq(x))
        k = self.split_heads(self.wk(x))
        v = self.split_heads(self.wv(x))
        att = ops.matmul(q, ops.swapaxes(k, -1, -2)) / np.sqrt(self.dk)
        att = ops.softmax(att, axis=-1)
        y = ops.transpose(ops.matmul(att, v), (0, 2, 1, 3))
        return self.wo(ops.reshape(y, (b, t, self.h * self.dk)))
""",
    ),
    Case(
        name="ChannelGate1D",
        inputs="10,6",
        good="return frames * gate[:, None, :]",
        bad="return frames * gate",
        also=(
            ("return frames * gate[:, None, :]", "return frames * ops.expand_dims(gate, 1)"),
            ("return frames * gate[:, None, :]", "return frames * ops.expand_dims(gate, axis=1)"),
        ),
        source='''
class ChannelGate1D(keras.layers.Layer):
    """Squeeze-and-excitation over the mel channels of (batch, frames, mels)."""

    def __init__(self, ratio=2, **kw):
        super().__init__(**kw)
        self.ratio = ratio

    def build(self, shape):
        c = shape[-1]
        self.down = keras.layers.Dense(c // self.ratio, activation="relu")
        self.up = keras.layers.Dense(c, activation="sigmoid")
        self.down.build((shape[0], c))
        self.up.build((shape[0], c // self.ratio))

    def call(self, frames):
        pooled = ops.mean(frames, axis=1)
        gate = self.up(self.down(pooled))
        return frames * gate[:, None, :]
''',
    ),
    Case(
        name="StaticCovariateForecaster",
        inputs="12,3 5",
        header=DOTTED,
        good="joined = ops.concatenate([history, static], axis=-1)",
        bad="joined = ops.concatenate([history, static], axis=1)",
        also=(
            (
                "joined = ops.concatenate([history, static], axis=-1)",
                "joined = ops.concatenate([history, static], axis=2)",
            ),
        ),
        source='''
class StaticCovariateForecaster(keras.Model):
    """Gives the recurrent net the store's static features at every time step."""

    def __init__(self, horizon: int = 6):
        super().__init__()
        self.rnn = keras.layers.GRU(8)
        self.head = keras.layers.Dense(horizon)

    def call(self, history, store):
        steps = history.shape[1]
        static = ops.expand_dims(store, 1)
        static = ops.repeat(static, steps, axis=1)
        joined = ops.concatenate([history, static], axis=-1)
        return self.head(self.rnn(joined))
''',
    ),
    Case(
        name="CrossLayer",
        inputs="9",
        good="shape=(d, 1)",
        bad="shape=(d,)",
        also=(
            ("shape=(d, 1)", "shape=(d, d)"),
            (
                ("shape=(d, 1)", "ops.matmul(x, self.w)"),
                ("shape=(d,)", "ops.expand_dims(ops.matmul(x, self.w), -1)"),
            ),
        ),
        named=("self.w", "ops.matmul(x, self.w)"),
        source="""
class CrossLayer(layers.Layer):
    # two cross steps with a shared weight, after "Deep & Cross" (ad click prediction)
    def build(self, input_shape):
        d = input_shape[-1]
        self.w = self.add_weight(shape=(d, 1), initializer="glorot_uniform", name="w")
        self.b = self.add_weight(shape=(d,), initializer="zeros", name="b")

    def call(self, x0):
        x = x0
        for _ in range(2):
            x = x0 * ops.matmul(x, self.w) + self.b + x
        return x
""",
    ),
    Case(
        name="CandidateScorer",
        inputs="i50:- i80:11",
        good='"bd,bnd->bn"',
        bad='"bd,bdn->bn"',
        source='''
class CandidateScorer(keras.Model):
    """Scores n candidate items for each user."""

    def __init__(self, n_users=50, n_items=80, dim=6):
        super().__init__()
        self.user_emb = layers.Embedding(n_users, dim)
        self.item_emb = layers.Embedding(n_items, dim)
        self.item_bias = layers.Embedding(n_items, 1)

    def call(self, user_id, item_ids):
        u = self.user_emb(user_id)
        v = self.item_emb(item_ids)
        scores = ops.einsum("bd,bnd->bn", u, v)
        return scores + ops.squeeze(self.item_bias(item_ids), -1)
''',
    ),
    Case(
        name="GraphConvPosted",
        inputs="5,3 m5,5",
        header=DOTTED,
        good="ops.matmul(norm_adj, support)",
        bad="ops.matmul(support, norm_adj)",
        source="""
class GraphConvPosted(keras.layers.Layer):
    def __init__(self, units=8, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, nodes_shape, adj_shape):
        self.kernel = self.add_weight(shape=(nodes_shape[-1], self.units), name="kernel")

    def call(self, nodes, adj):
        n = adj.shape[-1]
        adj = ops.minimum(adj + ops.eye(n), 1.0)
        degree = ops.sum(adj, axis=-1, keepdims=True)
        norm_adj = adj / degree
        support = ops.matmul(nodes, self.kernel)
        return self.activation(ops.matmul(norm_adj, support))
""",
    ),
    Case(
        name="DuelingQNet",
        inputs="10",
        header=DOTTED,
        good="ops.mean(adv, axis=1, keepdims=True)",
        bad="ops.mean(adv, axis=1)",
        also=(
            ("ops.mean(adv, axis=1, keepdims=True)", "ops.mean(adv, axis=-1, keepdims=True)"),
            ("ops.mean(adv, axis=1, keepdims=True)", "ops.mean(adv, axis=1)[:, None]"),
        ),
        source="""
class DuelingQNet(keras.Model):
    def __init__(self, n_actions=6, hidden=16):
        super().__init__()
        self.fc = keras.layers.Dense(hidden, activation="relu")
        self.value = keras.layers.Dense(1)
        self.advantage = keras.layers.Dense(n_actions)

    def call(self, obs):
        h = self.fc(obs)
        v = self.value(h)
        adv = self.advantage(h)
        return v + adv - ops.mean(adv, axis=1, keepdims=True)
""",
    ),
    Case(
        name="LatentSequence",
        inputs="5,6",
        header="import keras\nfrom keras import layers, ops, random\n\n\n",
        good="ops.split(self.to_stats(h), 2, axis=-1)",
        bad="ops.split(self.to_stats(h), 2, axis=1)",
        also=(("ops.split(self.to_stats(h), 2, axis=-1)", "ops.split(self.to_stats(h), 2, axis=2)"),),
        source='''
class LatentSequence(layers.Layer):
    """Per-step Gaussian latents for a sequence VAE."""

    def __init__(self, latent_dim=3, **kwargs):
        super().__init__(**kwargs)
        self.encoder = layers.GRU(8, return_sequences=True)
        self.to_stats = layers.Dense(2 * latent_dim)
        self.seed_gen = random.SeedGenerator(17)

    def call(self, x, training=False):
        h = self.encoder(x)
        mean, log_var = ops.split(self.to_stats(h), 2, axis=-1)
        if training:
            noise = random.normal(ops.shape(mean), seed=self.seed_gen)
            return mean + ops.exp(0.5 * log_var) * noise
        return mean
''',
    ),
    Case(
        name="InBatchSoftmaxLoss",
        inputs="6 6",
        good="ops.matmul(anchor, ops.transpose(positive))",
        bad="ops.matmul(anchor, positive)",
        also=(
            (
                "ops.matmul(anchor, ops.transpose(positive))",
                "ops.matmul(anchor, ops.transpose(positive, (1, 0)))",
            ),
        ),
        source='''
class InBatchSoftmaxLoss(keras.losses.Loss):
    """y_true: anchor embeddings, y_pred: embeddings of their positives; other rows are negatives."""

    def __init__(self, temperature=0.1, name="in_batch_softmax"):
        super().__init__(name=name)
        self.temperature = temperature

    def call(self, y_true, y_pred):
        anchor = ops.normalize(y_true, axis=-1)
        positive = ops.normalize(y_pred, axis=-1)
        sim = ops.matmul(anchor, ops.transpose(positive)) / self.temperature
        labels = ops.arange(ops.shape(sim)[0])
        return keras.losses.sparse_categorical_crossentropy(labels, sim, from_logits=True)
''',
    ),
    Case(
        name="PairwiseIoU",
        inputs="u5,4 u3,4",
        good="b[:, None, :, :2] - b[:, None, :, 2:] / 2",
        bad="b[:, :, None, :2] - b[:, :, None, 2:] / 2",
        source='''
class PairwiseIoU(layers.Layer):
    """IoU of every predicted box with every ground truth box, boxes as (cx, cy, w, h)."""

    def call(self, a, b):
        lo_a = a[:, :, None, :2] - a[:, :, None, 2:] / 2
        hi_a = a[:, :, None, :2] + a[:, :, None, 2:] / 2
        lo_b = b[:, None, :, :2] - b[:, None, :, 2:] / 2
        hi_b = b[:, None, :, :2] + b[:, None, :, 2:] / 2
        overlap = ops.relu(ops.minimum(hi_a, hi_b) - ops.maximum(lo_a, lo_b))
        inter = overlap[..., 0] * overlap[..., 1]
        area_a = a[:, :, 2] * a[:, :, 3]
        area_b = b[:, :, 2] * b[:, :, 3]
        union = area_a[:, :, None] + area_b[:, None, :] - inter
        return inter / (union + 1e-7)
''',
    ),
    Case(
        name="DiscreteHazardNLL",
        inputs="i6:- m- 9",
        header=AS_K,
        good="K.shape(logits)[1]",
        bad="K.shape(logits)[0]",
        also=(("K.shape(logits)[1]", "K.shape(logits)[-1]"), ("K.shape(logits)[1]", "logits.shape[-1]")),
        named=("n_bins",),
        source='''
class DiscreteHazardNLL(keras.layers.Layer):
    """Negative log likelihood of a discrete-time survival model.

    time: index of the interval in which the patient left the study, event: 1 if died, 0 if censored,
    logits: hazard logits (batch, n_bins).
    """

    def call(self, time, event, logits):
        n_bins = K.shape(logits)[1]
        died = K.one_hot(time, n_bins) * K.expand_dims(event, -1)
        at_risk = K.cast(K.arange(n_bins)[None, :] <= time[:, None], logits.dtype)
        ll = died * K.log_sigmoid(logits) + (at_risk - died) * K.log_sigmoid(-logits)
        return -K.sum(ll, axis=-1)
''',
    ),
    Case(
        name="FourierFeaturesPosted",
        inputs="3",
        good="shape=(input_shape[-1], self.n_freq)",
        bad="shape=(self.n_freq, input_shape[-1])",
        also=(
            (
                ("shape=(input_shape[-1], self.n_freq)", "ops.matmul(coords, self.freqs)"),
                ("shape=(self.n_freq, input_shape[-1])", "ops.matmul(coords, ops.transpose(self.freqs))"),
            ),
        ),
        named=("self.freqs", "ops.matmul(coords, self.freqs)"),
        source='''
class FourierFeaturesPosted(layers.Layer):
    """Random Fourier encoding of (x, y, t) for a PINN."""

    def __init__(self, n_freq: int = 8, sigma: float = 2.0, **kwargs):
        super().__init__(**kwargs)
        self.n_freq = n_freq
        self.sigma = sigma

    def build(self, input_shape):
        self.freqs = self.add_weight(
            name="freqs",
            shape=(input_shape[-1], self.n_freq),
            initializer=keras.initializers.RandomNormal(stddev=self.sigma),
            trainable=False,
        )

    def call(self, coords):
        phase = 2 * np.pi * ops.matmul(coords, self.freqs)
        return ops.concatenate([ops.sin(phase), ops.cos(phase)], axis=-1)
''',
    ),
    Case(
        name="ResidualMLP",
        inputs="6",
        header=DOTTED,
        good="        super().__init__(**kwargs)\n",
        bad="",
        named=("ResidualMLP", "__init__"),
        source="""
class ResidualMLP(keras.layers.Layer):
    def __init__(self, width=6, **kwargs):
        super().__init__(**kwargs)
        self.norm = keras.layers.LayerNormalization()
        self.fc1 = keras.layers.Dense(2 * width, activation="gelu")
        self.fc2 = keras.layers.Dense(width)

    def call(self, x):
        return x + self.fc2(self.fc1(self.norm(x)))
""",
    ),
    Case(
        name="FiLMPosted",
        inputs="5,5,6 8",
        good="layers.Dense(2 * self.channels)",
        bad="layers.Dense(self.channels)",
        named=("self.affine", "self.affine(cond)"),
        make="FiLMPosted(6)",
        source='''
class FiLMPosted(layers.Layer):
    """Modulates a feature map by a conditioning vector (question embedding)."""

    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.affine = layers.Dense(2 * self.channels)

    def call(self, fmap, cond):
        params = self.affine(cond)
        params = params[:, None, None, :]
        gamma, beta = ops.split(params, 2, axis=-1)
        return (1.0 + gamma) * fmap + beta
''',
    ),
    Case(
        name="DigitNet",
        inputs="u64",
        header="import keras\nfrom keras import layers\n\n\n",
        good="layers.Reshape((8, 8, 1))",
        bad="layers.Reshape((1, 8, 8))",
        named=("self.to_image", "self.to_image(pixels)"),
        source='''
class DigitNet(keras.Model):
    """sklearn's digits come flat, 64 pixels a row."""

    def __init__(self, n_classes=10):
        super().__init__()
        self.to_image = layers.Reshape((8, 8, 1))
        self.conv1 = layers.Conv2D(6, 3, activation="relu")
        self.conv2 = layers.Conv2D(12, 3, activation="relu")
        self.pool = layers.GlobalAveragePooling2D()
        self.out = layers.Dense(n_classes)

    def call(self, pixels):
        x = self.to_image(pixels)
        x = self.conv2(self.conv1(x))
        return self.out(self.pool(x))
''',
    ),
    Case(
        name="WideAndDeep",
        inputs="5 8",
        header="import keras\nfrom keras.layers import Concatenate, Dense, Dropout\n\n\n",
        good="self.concat([wide, deep])",
        bad="self.concat(wide, deep)",
        also=(("self.concat([wide, deep])", "self.concat((wide, deep))"),),
        source="""
class WideAndDeep(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden1 = Dense(16, activation="relu")
        self.hidden2 = Dense(16, activation="relu")
        self.drop = Dropout(0.2)
        self.concat = Concatenate()
        self.main_output = Dense(1)

    def call(self, wide, deep, training=None):
        deep = self.hidden1(deep)
        deep = self.drop(self.hidden2(deep), training=training)
        merged = self.concat([wide, deep])
        return self.main_output(merged)
""",
    ),
    Case(
        name="SensorEncoder",
        inputs="10,6",
        header="import keras\n\n\n",
        good="self.lstm1 = keras.layers.LSTM(12, return_sequences=True)",
        bad="self.lstm1 = keras.layers.LSTM(12)",
        named=("self.lstm1(x)",),
        source='''
class SensorEncoder(keras.Model):
    """Activity recognition from accelerometer + gyroscope windows."""

    def __init__(self, numActivities=5):
        super().__init__()
        self.lstm1 = keras.layers.LSTM(12, return_sequences=True)
        self.lstm2 = keras.layers.LSTM(8)
        self.classifier = keras.layers.Dense(numActivities, activation="softmax")

    def call(self, x):
        x = self.lstm1(x)
        x = self.lstm2(x)
        return self.classifier(x)
''',
    ),
    Case(
        name="PaddedBagOfWords",
        inputs="i31:9",
        good="layers.Embedding(n_words + 1, 8)",
        bad="layers.Embedding(n_words, 8)",
        backends=("tensorflow", "torch"),
        named=("self.embed", "self.embed(token_ids)"),
        source='''
class PaddedBagOfWords(layers.Layer):
    """token ids run from 1 to n_words, 0 is padding."""

    def __init__(self, n_words=30, **kwargs):
        super().__init__(**kwargs)
        self.embed = layers.Embedding(n_words + 1, 8)
        self.out = layers.Dense(3)

    def call(self, token_ids):
        real = ops.cast(ops.not_equal(token_ids, 0), "float32")[..., None]
        vectors = self.embed(token_ids) * real
        mean = ops.sum(vectors, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)
        return self.out(mean)
''',
    ),
    Case(
        name="SphereProjection",
        inputs="7",
        good="ops.norm(z, axis=-1, keepdims=True)",
        bad="np.linalg.norm(z, axis=-1, keepdims=True)",
        backends=("torch",),
        also=(("ops.norm(z, axis=-1, keepdims=True)", "ops.sqrt(ops.sum(z * z, axis=-1, keepdims=True))"),),
        source="""
class SphereProjection(layers.Layer):
    def __init__(self, dim=5, **kw):
        super().__init__(**kw)
        self.dim = dim

    def build(self, input_shape):
        self.W = self.add_weight(shape=(input_shape[-1], self.dim), name="W")

    def call(self, x):
        z = ops.matmul(x, self.W)
        length = ops.norm(z, axis=-1, keepdims=True)
        return z / (length + 1e-6)
""",
    ),
    Case(
        name="MaskedTokenPool",
        inputs="i20:9 9,6",
        header=DOTTED,
        good='keep = ops.cast(ops.not_equal(ids, 0), "float32")',
        bad="keep = ops.not_equal(ids, 0)",
        backends=("tensorflow", "torch"),
        also=(
            (
                ('keep = ops.cast(ops.not_equal(ids, 0), "float32")', "scores - 1e9 * (1.0 - keep)"),
                ("keep = ops.not_equal(ids, 0)", "ops.where(keep, scores, -1e9)"),
            ),
            (
                ('keep = ops.cast(ops.not_equal(ids, 0), "float32")', "(1.0 - keep)"),
                ("keep = ops.not_equal(ids, 0)", '(1.0 - ops.cast(keep, "float32"))'),
            ),
        ),
        named=("1.0 - keep", "keep", "(1.0 - keep)"),
        source='''
class MaskedTokenPool(keras.layers.Layer):
    """Attention pooling over hidden states, padded tokens (id 0) get no weight."""

    def build(self, ids_shape, hidden_shape):
        self.query = self.add_weight(shape=(hidden_shape[-1],), name="query", initializer="random_normal")

    def call(self, ids, hidden):
        keep = ops.cast(ops.not_equal(ids, 0), "float32")
        scores = ops.sum(hidden * self.query, axis=-1)
        scores = scores - 1e9 * (1.0 - keep)
        alpha = ops.softmax(scores, axis=-1)
        return ops.sum(alpha[..., None] * hidden, axis=1)
''',
    ),
    Case(
        name="SinusoidPositions",
        inputs="9,6",
        good='ops.arange(x.shape[1], dtype="float32")',
        bad="ops.arange(x.shape[1])",
        backends=("tensorflow",),
        also=(('ops.arange(x.shape[1], dtype="float32")', 'ops.cast(ops.arange(x.shape[1]), "float32")'),),
        named=("pos[:, None] * self.inv_freq", "pos[:, None]"),
        source="""
class SinusoidPositions(layers.Layer):
    def build(self, input_shape):
        dim = input_shape[-1]
        inv = 1.0 / 10000 ** (np.arange(0, dim, 2) / dim)
        self.inv_freq = ops.convert_to_tensor(inv.astype("float32"))

    def call(self, x):
        pos = ops.arange(x.shape[1], dtype="float32")
        angle = pos[:, None] * self.inv_freq
        table = ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)
        return x + table[None]
""",
    ),
    Case(
        name="LeadSelector",
        inputs="20,12",
        header="import keras\nfrom keras import ops\n\n",
        good="ops.take(ecg, self.leads, axis=-1)",
        bad="ops.take(ecg, self.leads, axis=1)",
        also=(("ops.take(ecg, self.leads, axis=-1)", "ops.take(ecg, self.leads, axis=2)"),),
        source='''
LIMB_LEADS = (0, 1, 2)


class LeadSelector(keras.layers.Layer):
    """Keeps some leads of a 12-lead ECG (batch, samples, leads) and mixes them."""

    def __init__(self, leads=LIMB_LEADS, n_out=5, **kwargs):
        super().__init__(**kwargs)
        self.leads = list(leads)
        self.n_out = n_out

    def build(self, input_shape):
        self.mixing = self.add_weight(shape=(len(self.leads), self.n_out), name="mixing")

    def call(self, ecg):
        chosen = ops.take(ecg, self.leads, axis=-1)
        return ops.tanh(ops.matmul(chosen, self.mixing))
''',
    ),
    Case(
        name="MixtureDensityHead",
        inputs="6",
        good="ops.reshape(self.mu(h), (-1, self.k, self.d))",
        bad="ops.reshape(self.mu(h), (self.k, self.d))",
        also=(
            (
                "ops.reshape(self.mu(h), (-1, self.k, self.d))",
                "ops.reshape(self.mu(h), (ops.shape(h)[0], self.k, self.d))",
            ),
        ),
        source='''
class MixtureDensityHead(layers.Layer):
    """Expected value of a mixture of k Gaussians in d dimensions (pen strokes)."""

    def __init__(self, k=5, d=3, **kwargs):
        super().__init__(**kwargs)
        self.k, self.d = k, d
        self.pi = layers.Dense(k, activation="softmax")
        self.mu = layers.Dense(k * d)

    def call(self, h):
        pi = self.pi(h)
        mu = ops.reshape(self.mu(h), (-1, self.k, self.d))
        return ops.sum(pi[:, :, None] * mu, axis=1)
''',
    ),
    Case(
        name="DeltaFeatures",
        inputs="10,5",
        header=DOTTED,
        good="[[0, 0], [1, 0], [0, 0]]",
        bad="[[0, 0], [0, 0], [1, 0]]",
        also=(("[[0, 0], [1, 0], [0, 0]]", "((0, 0), (1, 0), (0, 0))"),),
        source='''
class DeltaFeatures(keras.layers.Layer):
    """Appends first differences over time to MFCC frames (batch, time, coef)."""

    def call(self, mfcc):
        delta = mfcc[:, 1:] - mfcc[:, :-1]
        delta = ops.pad(delta, [[0, 0], [1, 0], [0, 0]])
        return ops.concatenate([mfcc, delta], axis=-1)
''',
    ),
    Case(
        name="BilinearMatchPosted",
        inputs="6 9",
        as_list=True,
        good="self.W = self.add_weight(shape=(user_shape[-1], item_shape[-1])",
        bad="self.W = self.add_weight(shape=(user_shape[-1], user_shape[-1])",
        named=("self.W", "ops.matmul(user, self.W)"),
        source="""
class BilinearMatchPosted(layers.Layer):
    def build(self, input_shape):
        user_shape, item_shape = input_shape
        self.W = self.add_weight(shape=(user_shape[-1], item_shape[-1]), name="W")
        self.b = self.add_weight(shape=(), initializer="zeros", name="b")

    def call(self, inputs):
        user, item = inputs
        score = ops.sum(ops.matmul(user, self.W) * item, axis=-1)
        return ops.sigmoid(score + self.b)
""",
    ),
    Case(
        name="ConfusionMatrix",
        inputs="i5:- p5",
        header="import keras\nfrom keras import ops\n\n\n",
        good="shape=(n_classes, n_classes)",
        bad="shape=(n_classes,)",
        named=("self.cm",),
        source="""
class ConfusionMatrix(keras.metrics.Metric):
    def __init__(self, n_classes=5, name="confusion", **kwargs):
        super().__init__(name=name, **kwargs)
        self.n_classes = n_classes
        self.cm = self.add_weight(name="cm", shape=(n_classes, n_classes), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true = ops.one_hot(y_true, self.n_classes)
        pred = ops.one_hot(ops.argmax(y_pred, axis=-1), self.n_classes)
        self.cm.assign_add(ops.matmul(ops.transpose(true), pred))

    def result(self):
        return self.cm / ops.maximum(ops.sum(self.cm, axis=1, keepdims=True), 1.0)
""",
    ),
    Case(
        name="TinyUNet",
        inputs="8,8,3",
        header=PLAIN,
        good='self.bottom = layers.Conv2D(12, 3, padding="same", activation="relu")',
        bad='self.bottom = layers.Conv2D(12, 3, activation="relu")',
        named=("self.bottom", "self.bottom(self.pool(skip))"),
        source='''
class TinyUNet(keras.Model):
    """One-level U-Net that marks cell nuclei."""

    def __init__(self):
        super().__init__()
        self.enc = layers.Conv2D(6, 3, padding="same", activation="relu")
        self.pool = layers.MaxPooling2D(2)
        self.bottom = layers.Conv2D(12, 3, padding="same", activation="relu")
        self.up = layers.UpSampling2D(2)
        self.dec = layers.Conv2D(6, 3, padding="same", activation="relu")
        self.mask = layers.Conv2D(1, 1, activation="sigmoid")

    def call(self, img):
        skip = self.enc(img)
        x = self.bottom(self.pool(skip))
        x = self.up(x)
        x = ops.concatenate([x, skip], axis=-1)
        return self.mask(self.dec(x))
''',
    ),
    Case(
        name="TemporalAttention",
        inputs="6,5",
        header=DOTTED,
        good="e = ops.squeeze(self.score(h), axis=-1)",
        bad="e = self.score(h)",
        also=(
            ("e = ops.squeeze(self.score(h), axis=-1)", "e = self.score(h)[..., 0]"),
            ("e = ops.squeeze(self.score(h), axis=-1)", "e = ops.squeeze(self.score(h), -1)"),
        ),
        source='''
class TemporalAttention(keras.layers.Layer):
    """Bahdanau-like pooling of encoder states."""

    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        hidden = keras.layers.Dense(units, activation="tanh")
        self.score = keras.Sequential([hidden, keras.layers.Dense(1, use_bias=False)])

    def call(self, h):
        e = ops.squeeze(self.score(h), axis=-1)
        alpha = ops.softmax(e, axis=1)
        return ops.einsum("bt,btd->bd", alpha, h)
''',
    ),
    Case(
        name="SparseFocalLoss",
        inputs="i5:- p5",
        header=AS_K,
        good='        target = K.one_hot(K.cast(y_true, "int32"), self.num_classes)',
        bad="        target = y_true",
        source='''
class SparseFocalLoss(keras.losses.Loss):
    """Focal loss for integer labels, y_pred are softmax outputs."""

    def __init__(self, num_classes=5, gamma=2.0, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.gamma = gamma

    def call(self, y_true, y_pred):
        target = K.one_hot(K.cast(y_true, "int32"), self.num_classes)
        p = K.clip(y_pred, 1e-7, 1.0)
        focal = K.power(1.0 - p, self.gamma) * K.log(p)
        return -K.sum(target * focal, axis=-1)
''',
    ),
    Case(
        name="LastValidState",
        inputs="6,5 i6:-",
        good="ops.take_along_axis(states, last[:, None, None], axis=1)",
        bad="ops.take_along_axis(states, last[:, None], axis=1)",
        also=(
            (
                "ops.take_along_axis(states, last[:, None, None], axis=1)",
                "ops.take_along_axis(states, ops.reshape(last, (-1, 1, 1)), axis=1)",
            ),
        ),
        source='''
class LastValidState(layers.Layer):
    """Picks each sequence's state at its last valid step and classifies it."""

    def __init__(self, n_labels=3, **kwargs):
        super().__init__(**kwargs)
        self.classify = layers.Dense(n_labels)

    def call(self, states, last):
        picked = ops.take_along_axis(states, last[:, None, None], axis=1)
        return self.classify(picked[:, 0, :])
''',
    ),
    # ------------------------------------------------------------------ silent
    Case(
        name="RunningRMSE",
        inputs="- 1",
        header=DOTTED,
        good="err = ops.reshape(y_true, (-1,)) - ops.reshape(y_pred, (-1,))",
        bad="err = y_true - y_pred",
        also=(
            (
                "err = ops.reshape(y_true, (-1,)) - ops.reshape(y_pred, (-1,))",
                "err = y_true - ops.squeeze(y_pred, axis=-1)",
            ),
            (
                "err = ops.reshape(y_true, (-1,)) - ops.reshape(y_pred, (-1,))",
                "err = y_true[:, None] - y_pred",
            ),
        ),
        source='''
class RunningRMSE(keras.metrics.Metric):
    """House prices come as (batch,), the model's Dense(1) gives (batch, 1)."""

    def __init__(self, name="rmse", **kwargs):
        super().__init__(name=name, **kwargs)
        self.sse = self.add_weight(name="sse", initializer="zeros")
        self.n = self.add_weight(name="n", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        err = ops.reshape(y_true, (-1,)) - ops.reshape(y_pred, (-1,))
        self.sse.assign_add(ops.sum(ops.square(err)))
        self.n.assign_add(ops.cast(ops.size(err), "float32"))

    def result(self):
        return ops.sqrt(self.sse / ops.maximum(self.n, 1.0))
''',
    ),
    Case(
        name="RevIN",
        inputs="12,3",
        good="mu = ops.mean(series, axis=1, keepdims=True)",
        bad="mu = ops.mean(series, axis=0, keepdims=True)",
        also=(
            ("mu = ops.mean(series, axis=1, keepdims=True)", "mu = ops.mean(series, axis=-2, keepdims=True)"),
        ),
        source='''
class RevIN(layers.Layer):
    """Instance normalisation: every series by its own mean and spread over time, (batch, time, variables)."""

    def __init__(self, eps=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.eps = eps

    def build(self, input_shape):
        n_var = input_shape[-1]
        self.gamma = self.add_weight(shape=(n_var,), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(n_var,), initializer="zeros", name="beta")

    def call(self, series):
        mu = ops.mean(series, axis=1, keepdims=True)
        sigma = ops.sqrt(ops.var(series, axis=1, keepdims=True) + self.eps)
        return self.gamma * (series - mu) / sigma + self.beta
''',
    ),
    Case(
        name="CrossAttentionPosted",
        inputs="6,8 9,5",
        good="ops.softmax(logits, axis=-1)",
        bad="ops.softmax(logits, axis=1)",
        also=(
            ("ops.softmax(logits, axis=-1)", "ops.softmax(logits, axis=2)"),
            ("ops.softmax(logits, axis=-1)", "ops.softmax(logits)"),
        ),
        source='''
class CrossAttentionPosted(layers.Layer):
    """Decoder positions look at encoder positions."""

    def __init__(self, dim=8, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.to_q = layers.Dense(dim, use_bias=False)
        self.to_k = layers.Dense(dim, use_bias=False)
        self.to_v = layers.Dense(dim, use_bias=False)

    def call(self, decoder, encoder):
        q = self.to_q(decoder)
        k = self.to_k(encoder)
        v = self.to_v(encoder)
        logits = ops.einsum("bid,bjd->bij", q, k) * self.dim**-0.5
        weights = ops.softmax(logits, axis=-1)
        return ops.einsum("bij,bjd->bid", weights, v)
''',
    ),
    Case(
        name="LegalPolicyEntropy",
        inputs="6 m6",
        header=DOTTED,
        good="ops.log(p + 1e-8)",
        bad="ops.log(p)",
        also=(
            ("ops.log(p + 1e-8)", "ops.log(ops.maximum(p, 1e-8))"),
            ("ops.log(p + 1e-8)", "ops.log(ops.clip(p, 1e-8, 1.0))"),
        ),
        source='''
class LegalPolicyEntropy(keras.layers.Layer):
    """Entropy bonus of a board game policy; legal is 1 where a move is allowed."""

    def __init__(self, n_moves=6, **kw):
        super().__init__(**kw)
        self.policy = keras.layers.Dense(n_moves)

    def call(self, state, legal):
        logits = self.policy(state) - 1e9 * (1.0 - legal)
        p = ops.softmax(logits, axis=-1)
        return -ops.sum(p * ops.log(p + 1e-8), axis=-1)
''',
    ),
    Case(
        name="PointDistances",
        inputs="5,3",
        good="ops.sqrt(ops.sum(diff * diff, axis=-1) + 1e-9)",
        bad="ops.sqrt(ops.sum(diff * diff, axis=-1))",
        also=(
            (
                "ops.sqrt(ops.sum(diff * diff, axis=-1) + 1e-9)",
                "ops.sqrt(ops.maximum(ops.sum(diff * diff, axis=-1), 1e-9))",
            ),
        ),
        source='''
class PointDistances(layers.Layer):
    """Distances between all embedded points of a cloud, (batch, n, n)."""

    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.embed = layers.Dense(dim, use_bias=False)

    def call(self, points):
        z = self.embed(points)
        diff = z[:, :, None, :] - z[:, None, :, :]
        return ops.sqrt(ops.sum(diff * diff, axis=-1) + 1e-9)
''',
    ),
    Case(
        name="SoftTeacher",
        inputs="9",
        header="import keras\nfrom keras import layers, ops\n\n\n",
        good="self.logits = layers.Dense(n_classes)",
        bad='self.logits = layers.Dense(n_classes, activation="softmax")',
        named=("self.logits", "self.logits(self.body(x))"),
        source='''
class SoftTeacher(keras.Model):
    """Soft targets for distillation at the given temperature."""

    def __init__(self, n_classes=6, temperature=3.0):
        super().__init__()
        self.temperature = temperature
        self.body = layers.Dense(12, activation="relu")
        self.logits = layers.Dense(n_classes)

    def call(self, x):
        logits = self.logits(self.body(x))
        return ops.softmax(logits / self.temperature, axis=-1)
''',
    ),
    Case(
        name="VectorQuantizerPosted",
        inputs="6,5",
        header=DOTTED,
        good="return z + ops.stop_gradient(quantized - z)",
        bad="return ops.stop_gradient(quantized)",
        also=(
            ("return z + ops.stop_gradient(quantized - z)", "return z - ops.stop_gradient(z - quantized)"),
        ),
        named=("ops.stop_gradient(quantized)",),
        source='''
class VectorQuantizerPosted(keras.layers.Layer):
    """Projects, replaces each vector by its nearest code and passes the decoder's gradient straight through."""

    def __init__(self, n_codes=10, dim=3, beta=0.25, **kwargs):
        super().__init__(**kwargs)
        self.n_codes, self.dim, self.beta = n_codes, dim, beta

    def build(self, input_shape):
        self.proj = self.add_weight(shape=(input_shape[-1], self.dim), name="proj")
        self.codes = self.add_weight(shape=(self.n_codes, self.dim), initializer="random_normal", name="codes")

    def call(self, x):
        z = ops.matmul(x, self.proj)
        dist = ops.sum(ops.square(z[:, :, None, :] - self.codes), axis=-1)
        quantized = ops.take(self.codes, ops.argmin(dist, axis=-1), axis=0)
        commit = ops.mean(ops.square(z - ops.stop_gradient(quantized)))
        codebook = ops.mean(ops.square(ops.stop_gradient(z) - quantized))
        self.add_loss(self.beta * commit + codebook)
        return z + ops.stop_gradient(quantized - z)
''',
    ),
    Case(
        name="KeypointRegressor",
        inputs="16,3",
        good="ops.sum(ops.softmax(heat, axis=1) * grid[None, :, None], axis=1)",
        bad='ops.cast(ops.argmax(heat, axis=1), "float32") / (length - 1)',
        also=(
            (
                "ops.sum(ops.softmax(heat, axis=1) * grid[None, :, None], axis=1)",
                'ops.einsum("bln,l->bn", ops.softmax(heat, axis=1), grid)',
            ),
        ),
        source='''
class KeypointRegressor(layers.Layer):
    """Relative positions in [0, 1] of n keypoints along a signal, trained on the coordinates by MSE."""

    def __init__(self, n_points=5, **kwargs):
        super().__init__(**kwargs)
        self.heatmap = layers.Conv1D(n_points, 3, padding="same", use_bias=False)

    def call(self, signal):
        heat = self.heatmap(signal)
        length = signal.shape[1]
        grid = ops.arange(length, dtype="float32") / (length - 1)
        return ops.sum(ops.softmax(heat, axis=1) * grid[None, :, None], axis=1)
''',
    ),
    Case(
        name="RawImageEncoder",
        inputs="i256:8,8,3",
        header=PLAIN,
        good='ops.cast(image, "float32") / 255.0',
        bad='ops.cast(image, "float32")',
        also=(
            ('ops.cast(image, "float32") / 255.0', 'ops.cast(image, "float32") / 127.5 - 1.0'),
            ('ops.cast(image, "float32") / 255.0', 'ops.cast(image, "float32") * (1.0 / 255)'),
        ),
        named=("self.fc1(self.flatten(x))",),
        source='''
class RawImageEncoder(keras.Model):
    """Autoencoder half for 8-bit RGB thumbnails."""

    def __init__(self, code=6):
        super().__init__()
        self.flatten = layers.Flatten()
        self.fc1 = layers.Dense(32, activation="tanh")
        self.fc2 = layers.Dense(code)

    def call(self, image):
        x = ops.cast(image, "float32") / 255.0
        x = self.fc1(self.flatten(x))
        return self.fc2(x)
''',
    ),
    Case(
        name="BoxAndScoreLoss",
        inputs="i640:4 u5",
        good="target = y_true / self.image_size",
        bad="target = y_true",
        also=(("target = y_true / self.image_size", "target = y_true / float(self.image_size)"),),
        named=("ops.abs(target - y_pred[:, :4])", "target - y_pred[:, :4]"),
        source='''
class BoxAndScoreLoss(keras.losses.Loss):
    """y_true: box in pixels; y_pred: box relative to the image (sigmoid outputs) and an objectness score."""

    def __init__(self, image_size=640, box_weight=2.0, **kwargs):
        super().__init__(**kwargs)
        self.image_size = image_size
        self.box_weight = box_weight

    def call(self, y_true, y_pred):
        target = y_true / self.image_size
        box = ops.mean(ops.abs(target - y_pred[:, :4]), axis=-1)
        score = -ops.log(y_pred[:, 4] + 1e-7)
        return self.box_weight * box + score
''',
    ),
    Case(
        name="TermFrequency",
        inputs="i5:12",
        header=DOTTED,
        good="counts / ops.maximum(total, 1.0)",
        bad="counts // ops.maximum(total, 1.0)",
        source='''
class TermFrequency(keras.layers.Layer):
    """Word counts -> weighted relative frequencies (tf-idf with learned idf)."""

    def build(self, input_shape):
        self.idf = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="idf")

    def call(self, counts):
        counts = ops.cast(counts, "float32")
        total = ops.sum(counts, axis=-1, keepdims=True)
        tf = counts / ops.maximum(total, 1.0)
        return tf * self.idf
''',
    ),
    Case(
        name="MotionEnergy",
        inputs="i256:6,5 i256:6,5",
        header="import keras\nfrom keras import ops\n\n\n",
        good='PIXEL = "float32"',
        bad='PIXEL = "uint8"',
        also=(('PIXEL = "float32"', 'PIXEL = "int32"'), ('PIXEL = "float32"', 'PIXEL = "int16"')),
        named=(
            "current - previous",
            'ops.cast(current - previous, "float32")',
            "ops.cast(current, PIXEL)",
            "ops.cast(previous, PIXEL)",
        ),
        source='''
PIXEL = "float32"


class MotionEnergy(keras.layers.Layer):
    """Mean absolute change between two grey 8-bit video frames."""

    def call(self, previous, current):
        previous = ops.cast(previous, PIXEL)
        current = ops.cast(current, PIXEL)
        change = ops.cast(current - previous, "float32") / 255.0
        return ops.mean(ops.abs(change), axis=(1, 2))
''',
    ),
    Case(
        name="PCMLoudness",
        inputs="i30000:160",
        header=AS_K,
        good='x = K.cast(pcm, "float32")',
        bad='x = K.cast(pcm, "float16")',
        named=("K.square(x)", "K.mean(K.square(x), axis=-1)"),
        source='''
class PCMLoudness(keras.layers.Layer):
    """Loudness in dB of 16-bit PCM samples."""

    def call(self, pcm):
        x = K.cast(pcm, "float32")
        power = K.mean(K.square(x), axis=-1)
        return 10.0 * K.log10(power + 1.0)
''',
    ),
    Case(
        name="BarometerSpread",
        inputs="24",
        good="var = ops.mean(ops.square(p - ops.mean(p, axis=-1, keepdims=True)), axis=-1)",
        bad="var = ops.mean(ops.square(p), axis=-1) - ops.square(ops.mean(p, axis=-1))",
        also=(
            (
                "var = ops.mean(ops.square(p - ops.mean(p, axis=-1, keepdims=True)), axis=-1)",
                "var = ops.var(p, axis=-1)",
            ),
        ),
        source='''
class BarometerSpread(layers.Layer):
    """Standard deviation over a day of the station pressure in Pa; readings are deviations from the ISA value."""

    def __init__(self, reference=101325.0, **kwargs):
        super().__init__(**kwargs)
        self.reference = reference

    def call(self, deviation):
        p = self.reference + deviation
        var = ops.mean(ops.square(p - ops.mean(p, axis=-1, keepdims=True)), axis=-1)
        return ops.sqrt(ops.maximum(var, 1e-6))
''',
    ),
    Case(
        name="PaddedSelfAttention",
        inputs="6,5 m6",
        header=DOTTED,
        good="(1.0 - mask[:, None, :]) * -1e9",
        bad="mask[:, None, :] * -1e9",
        source='''
class PaddedSelfAttention(keras.layers.Layer):
    """mask is 1 for real tokens and 0 for padding."""

    def __init__(self, dim=8, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.qkv = keras.layers.Dense(3 * dim)

    def call(self, x, mask):
        q, k, v = ops.split(self.qkv(x), 3, axis=-1)
        scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / self.dim**0.5
        scores = scores + (1.0 - mask[:, None, :]) * -1e9
        return ops.matmul(ops.softmax(scores, axis=-1), v)
''',
    ),
    Case(
        name="ClickHistoryPool",
        inputs="i40:7 m7",
        header=PLAIN,
        good=("scores = ops.where(mask > 0, scores, -1e9)\n        weights = ops.softmax(scores, axis=-1)"),
        bad=("weights = ops.softmax(scores, axis=-1)\n        weights = weights * mask"),
        also=(
            (
                "scores = ops.where(mask > 0, scores, -1e9)\n        weights = ops.softmax(scores, axis=-1)",
                "weights = ops.softmax(scores, axis=-1) * mask\n"
                "        weights = weights / (ops.sum(weights, axis=-1, keepdims=True) + 1e-9)",
            ),
            (
                "scores = ops.where(mask > 0, scores, -1e9)\n        weights = ops.softmax(scores, axis=-1)",
                "scores = scores - 1e9 * (1.0 - mask)\n        weights = ops.softmax(scores, axis=-1)",
            ),
        ),
        source='''
class ClickHistoryPool(layers.Layer):
    """Attention-weighted average of the items clicked before; mask marks the used slots."""

    def __init__(self, n_items=40, dim=6, **kwargs):
        super().__init__(**kwargs)
        self.items = layers.Embedding(n_items, dim)
        self.score = layers.Dense(1, use_bias=False)

    def call(self, history, mask):
        e = self.items(history)
        scores = self.score(e)[:, :, 0]
        scores = ops.where(mask > 0, scores, -1e9)
        weights = ops.softmax(scores, axis=-1)
        return ops.sum(weights[:, :, None] * e, axis=1)
''',
    ),
    Case(
        name="EdgeMessage",
        inputs="5,4 m5,5",
        header=DOTTED,
        good="self.receiver(nodes)[:, :, None, :]",
        bad="self.sender(nodes)[:, :, None, :]",
        source='''
class EdgeMessage(keras.layers.Layer):
    """Messages from node j to node i of a molecule, summed over the bonds of i."""

    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.sender = keras.layers.Dense(units)
        self.receiver = keras.layers.Dense(units)

    def build(self, nodes_shape, adj_shape):
        self.sender.build(nodes_shape)
        self.receiver.build(nodes_shape)

    def call(self, nodes, adj):
        to = self.receiver(nodes)[:, :, None, :]
        source = self.sender(nodes)[:, None, :, :]
        message = ops.relu(to + source)
        return ops.sum(adj[..., None] * message, axis=2)
''',
    ),
    Case(
        name="ConvNormBlock",
        inputs="6,6,3",
        header="import keras\nfrom keras import layers, ops\n\n\n",
        good="self.bn(h, training=training)",
        bad="self.bn(h, training=False)",
        also=(("self.bn(h, training=training)", "self.bn(h)"),),
        source="""
class ConvNormBlock(layers.Layer):
    def __init__(self, filters=5, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.bn = layers.BatchNormalization()

    def call(self, x, training=None):
        h = self.conv(x)
        h = self.bn(h, training=training)
        return ops.relu(h)
""",
    ),
    Case(
        name="TopKHitRate",
        inputs="i9:- p9",
        good="self.hits.assign_add(ops.sum(hit))",
        bad="self.hits.assign(ops.sum(hit))",
        source='''
class TopKHitRate(keras.metrics.Metric):
    """Share of users whose next item is among the k best scored."""

    def __init__(self, k=3, name="hit_rate", **kwargs):
        super().__init__(name=name, **kwargs)
        self.k = k
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.users = self.add_weight(name="users", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hit = ops.cast(ops.in_top_k(y_true, y_pred, k=self.k), "float32")
        self.hits.assign_add(ops.sum(hit))
        self.users.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.hits / ops.maximum(self.users, 1.0)
''',
    ),
    Case(
        name="LogitsF1",
        inputs="m6 6",
        header=DOTTED,
        good='hard = ops.cast(ops.sigmoid(y_pred) > self.threshold, "float32")',
        bad='hard = ops.cast(y_pred > self.threshold, "float32")',
        source='''
class LogitsF1(keras.metrics.Metric):
    """Micro F1 for multi-label tags; y_pred are logits, threshold is a probability."""

    def __init__(self, threshold=0.5, name="f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.tp = self.add_weight(name="tp", initializer="zeros")
        self.fp = self.add_weight(name="fp", initializer="zeros")
        self.fn = self.add_weight(name="fn", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hard = ops.cast(ops.sigmoid(y_pred) > self.threshold, "float32")
        self.tp.assign_add(ops.sum(hard * y_true))
        self.fp.assign_add(ops.sum(hard * (1.0 - y_true)))
        self.fn.assign_add(ops.sum((1.0 - hard) * y_true))

    def result(self):
        return 2 * self.tp / ops.maximum(2 * self.tp + self.fp + self.fn, 1.0)
''',
    ),
    Case(
        name="MeanAbsPctError",
        inputs="u- u-",
        good='self.seen.assign_add(ops.cast(ops.size(y_true), "float32"))',
        bad="self.seen.assign_add(1.0)",
        source='''
class MeanAbsPctError(keras.metrics.Metric):
    """MAPE of the demand forecast over all rows of the epoch."""

    def __init__(self, name="mape", **kw):
        super().__init__(name=name, **kw)
        self.pct = self.add_weight(name="pct", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        pct = 100.0 * ops.abs(y_true - y_pred) / ops.maximum(ops.abs(y_true), 1e-3)
        self.pct.assign_add(ops.sum(pct))
        self.seen.assign_add(ops.cast(ops.size(y_true), "float32"))

    def result(self):
        return self.pct / ops.maximum(self.seen, 1.0)
''',
    ),
)
