"""Forty cases: 27 that raise when called, 13 that are silently wrong."""

from trace_bugs.case import Case

CASES = (
    # raises: einsum letters (cross attention by hand)
    Case(
        name="AdamiteCrossAttention",
        inputs="5,8 7,8",
        good='"bqd,bkd->bqk"',
        bad='"bqd,bdk->bqk"',
        also=(
            ('ops.einsum("bqd,bkd->bqk", q, k)', "ops.matmul(q, ops.transpose(k, (0, 2, 1)))"),
            ('ops.einsum("bqd,bkd->bqk", q, k)', "ops.matmul(q, ops.swapaxes(k, 1, 2))"),
        ),
        source='''
class AdamiteCrossAttention(layers.Layer):
    """Decoder steps look at the encoder's steps (single head)."""

    def __init__(self, dim=6, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.to_q = layers.Dense(dim)
        self.to_k = layers.Dense(dim)
        self.to_v = layers.Dense(dim)

    def call(self, decoder, encoder):
        q, k, v = self.to_q(decoder), self.to_k(encoder), self.to_v(encoder)
        scores = ops.einsum("bqd,bkd->bqk", q, k)
        weights = ops.softmax(scores / self.dim**0.5, axis=-1)
        return ops.matmul(weights, v)
''',
    ),
    # raises: transpose without axes turns all of them round
    Case(
        name="BorniteGram",
        inputs="5,6,3",
        good="ops.transpose(f, (0, 2, 1))",
        bad="ops.transpose(f)",
        also=(
            ("ops.transpose(f, (0, 2, 1))", "ops.swapaxes(f, 1, 2)"),
            ("ops.matmul(ops.transpose(f, (0, 2, 1)), f)", 'ops.einsum("bnc,bnd->bcd", f, f)'),
        ),
        source='''
class BorniteGram(keras.layers.Layer):
    """Gram matrix of the feature maps, for a style loss: (batch, h, w, c) -> (batch, c, c)."""

    def __init__(self, filters=4):
        super().__init__()
        self.conv = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")

    def call(self, img):
        f = self.conv(img)
        _, h, w, c = f.shape
        f = ops.reshape(f, (-1, h * w, c))
        gram = ops.matmul(ops.transpose(f, (0, 2, 1)), f)
        return gram / (h * w)
''',
    ),
    # raises: the class token is not repeated for each sample
    Case(
        name="CelestineTokens",
        inputs="6,5",
        good="cls = ops.broadcast_to(self.cls, (ops.shape(x)[0], 1, self.dim))",
        bad="cls = self.cls",
        named=("ops.concatenate([cls, x], axis=1)",),
        also=(
            (
                "ops.broadcast_to(self.cls, (ops.shape(x)[0], 1, self.dim))",
                "ops.repeat(self.cls, ops.shape(x)[0], axis=0)",
            ),
            (
                "ops.broadcast_to(self.cls, (ops.shape(x)[0], 1, self.dim))",
                "ops.tile(self.cls, (ops.shape(x)[0], 1, 1))",
            ),
        ),
        source="""
class CelestineTokens(layers.Layer):
    # ViT front end: project the patches and put a learnt [CLS] token before them
    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.proj = layers.Dense(dim)

    def build(self, input_shape):
        self.proj.build(input_shape)
        self.cls = self.add_weight(shape=(1, 1, self.dim), initializer="random_normal", name="cls")

    def call(self, patches):
        x = self.proj(patches)
        cls = ops.broadcast_to(self.cls, (ops.shape(x)[0], 1, self.dim))
        return ops.concatenate([cls, x], axis=1)
""",
    ),
    # raises: (b, h, w, c) * (b, c)
    Case(
        name="DioptaseExcite",
        inputs="6,5,3",
        good="x * ops.reshape(s, (-1, 1, 1, self.channels))",
        bad="x * s",
        also=(
            ("ops.reshape(s, (-1, 1, 1, self.channels))", "s[:, None, None, :]"),
            ("ops.reshape(s, (-1, 1, 1, self.channels))", "ops.expand_dims(ops.expand_dims(s, 1), 1)"),
            (
                ("GlobalAveragePooling2D()", "ops.reshape(s, (-1, 1, 1, self.channels))"),
                ("GlobalAveragePooling2D(keepdims=True)", "s"),
            ),
        ),
        source='''
class DioptaseExcite(layers.Layer):
    """Squeeze-and-excitation: one gate per channel of the image."""

    def __init__(self, channels=3, ratio=1):
        super().__init__()
        self.channels = channels
        self.pool = layers.GlobalAveragePooling2D()
        self.squeeze = layers.Dense(channels // ratio, activation="relu")
        self.excite = layers.Dense(channels, activation="sigmoid")

    def call(self, x):
        s = self.excite(self.squeeze(self.pool(x)))
        return x * ops.reshape(s, (-1, 1, 1, self.channels))
''',
    ),
    # raises: keepdims missing
    Case(
        name="EpidoteNorm",
        inputs="7,5",
        good="mu = ops.mean(x, axis=-1, keepdims=True)",
        bad="mu = ops.mean(x, axis=-1)",
        named=("x - mu",),
        also=(
            ("ops.mean(x, axis=-1, keepdims=True)", "ops.mean(x, axis=-1)[..., None]"),
            ("ops.mean(x, axis=-1, keepdims=True)", "ops.expand_dims(ops.mean(x, axis=-1), -1)"),
        ),
        source="""
class EpidoteNorm(keras.layers.Layer):
    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(shape[-1],), initializer="random_normal", name="beta")

    def call(self, x):
        mu = ops.mean(x, axis=-1, keepdims=True)
        var = ops.var(x, axis=-1, keepdims=True)
        return self.gamma * (x - mu) / ops.sqrt(var + 1e-5) + self.beta
""",
    ),
    # raises: the reshape's target has more elements than the dense layer gives
    Case(
        name="FluoriteGenerator",
        inputs="8",
        good="layers.Dense(side * side * channels)",
        bad="layers.Dense(side * channels)",
        named=("self.fold(z)", "layers.Reshape((side, side, channels))"),
        also=(
            ("side * side * channels", "side**2 * channels"),
            ("side * side * channels", "channels * side * side"),
        ),
        source="""
class FluoriteGenerator(layers.Layer):
    def __init__(self, side=4, channels=6, **kw):
        super().__init__(**kw)
        self.fc = layers.Dense(side * side * channels)
        self.fold = layers.Reshape((side, side, channels))
        self.up = layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")

    def call(self, z):
        z = self.fc(z)
        z = self.fold(z)
        return self.up(z)
""",
    ),
    # raises: a pair of paddings is missing (rank 3)
    Case(
        name="GalenaDelta",
        inputs="9,2",
        good="((0, 0), (1, 0), (0, 0))",
        bad="((0, 0), (1, 0))",
        named=("frames - before", "padded[:, :-1]"),
        also=(
            ("ops.pad(frames, ((0, 0), (1, 0), (0, 0)))", "ops.pad(frames, [[0, 0], [1, 0], [0, 0]])"),
            (
                "ops.pad(frames, ((0, 0), (1, 0), (0, 0)))",
                "ops.concatenate([ops.zeros_like(frames[:, :1]), frames], axis=1)",
            ),
        ),
        source='''
class GalenaDelta(layers.Layer):
    """Delta features of an audio clip: every frame minus the frame before (zeros before the first)."""

    def __init__(self, units=4):
        super().__init__()
        self.mix = layers.Dense(units)

    def call(self, frames):
        padded = ops.pad(frames, ((0, 0), (1, 0), (0, 0)))
        before = padded[:, :-1]
        return self.mix(frames - before)
''',
    ),
    # raises: the shortcut lacks the strides of the main branch
    Case(
        name="HaliteDownBlock",
        inputs="8,3",
        good='layers.Conv1D(filters, 1, strides=2, padding="same")',
        bad='layers.Conv1D(filters, 1, padding="same")',
        named=("y + self.shortcut(x)", "self.shortcut(x)"),
        also=(
            ('layers.Conv1D(filters, 1, strides=2, padding="same")', "layers.Conv1D(filters, 1, strides=2)"),
            (
                'layers.Conv1D(filters, 1, strides=2, padding="same")',
                'layers.Conv1D(filters, 1, 2, padding="same")',
            ),
        ),
        source='''
class HaliteDownBlock(layers.Layer):
    """Residual block of an ECG network that halves the length."""

    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.conv1 = layers.Conv1D(filters, 3, strides=2, padding="same", activation="relu")
        self.conv2 = layers.Conv1D(filters, 3, padding="same")
        self.shortcut = layers.Conv1D(filters, 1, strides=2, padding="same")

    def call(self, x):
        y = self.conv2(self.conv1(x))
        return ops.relu(y + self.shortcut(x))
''',
    ),
    # raises: take_along_axis with indices of another rank
    Case(
        name="IlmeniteTDError",
        inputs="4 4 i4:-",
        good="ops.take_along_axis(q, actions[:, None], axis=1)",
        bad="ops.take_along_axis(q, actions, axis=1)",
        also=(
            ("actions[:, None]", "ops.expand_dims(actions, -1)"),
            ("actions[:, None]", "ops.reshape(actions, (-1, 1))"),
        ),
        source='''
class IlmeniteTDError(layers.Layer):
    """Temporal-difference error of the action taken: Q(s, a) - gamma * max Q(s', .)."""

    def __init__(self, actions=4, gamma=0.9):
        super().__init__()
        self.gamma = gamma
        self.net = layers.Dense(actions)

    def call(self, state, following, actions):
        q = self.net(state)
        chosen = ops.take_along_axis(q, actions[:, None], axis=1)
        best = ops.max(self.net(following), axis=1, keepdims=True)
        return chosen - self.gamma * best
''',
    ),
    # raises: take without an axis indexes the flattened table
    Case(
        name="JarositeEmbedding",
        inputs="i10:6",
        good="ops.take(self.tokens, ids, axis=0)",
        bad="ops.take(self.tokens, ids)",
        also=(("ops.take(self.tokens, ids, axis=0)", "ops.take(self.tokens, ids, 0)"),),
        named=("e + self.positions",),
        source='''
class JarositeEmbedding(keras.layers.Layer):
    """Token plus position embedding."""

    def __init__(self, vocab=10, length=6, dim=5):
        super().__init__()
        self.tokens = self.add_weight(shape=(vocab, dim), initializer="random_normal", name="tokens")
        self.positions = self.add_weight(shape=(length, dim), initializer="random_normal", name="positions")

    def call(self, ids):
        e = ops.take(self.tokens, ids, axis=0)
        return e + self.positions
''',
    ),
    # raises: split by size, as in PyTorch
    Case(
        name="KyaniteLSTMStep",
        inputs="3 6 6",
        good="i, f, g, o = ops.split(z, 4, axis=-1)",
        bad="i, f, g, o = ops.split(z, self.units, axis=-1)",
        also=(
            ("ops.split(z, 4, axis=-1)", "ops.split(z, 4, axis=1)"),
            (
                "ops.split(z, 4, axis=-1)",
                "ops.split(z, [self.units, 2 * self.units, 3 * self.units], axis=-1)",
            ),
        ),
        source="""
class KyaniteLSTMStep(layers.Layer):
    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.from_x = layers.Dense(4 * units)
        self.from_h = layers.Dense(4 * units, use_bias=False)

    def call(self, x, h, c):
        z = self.from_x(x) + self.from_h(h)
        i, f, g, o = ops.split(z, 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(c)
""",
    ),
    # raises: ~ of a float mask
    Case(
        name="LazuriteMaxPool",
        inputs="6,4 m6",
        good='~ops.cast(valid, "bool")',
        bad="~valid",
        also=(
            ('~ops.cast(valid, "bool")', "ops.logical_not(valid)"),
            ('~ops.cast(valid, "bool")', 'ops.logical_not(ops.cast(valid, "bool"))'),
            ('~ops.cast(valid, "bool")', "(valid == 0)"),
        ),
        source='''
class LazuriteMaxPool(layers.Layer):
    """Maximum over the valid steps of a padded series; valid is 1.0 or 0.0 per step."""

    def __init__(self, units=4):
        super().__init__()
        self.dense = layers.Dense(units)

    def call(self, x, valid):
        h = self.dense(x)
        padding = ~ops.cast(valid, "bool")
        h = ops.where(padding[:, :, None], -1e4, h)
        return ops.max(h, axis=1)
''',
    ),
    # raises: math.log10 of a tensor
    Case(
        name="MalachiteDecibel",
        inputs="12,3",
        good="10.0 * ops.log10(power)",
        bad="10.0 * math.log10(power)",
        also=(("ops.log10(power)", "ops.log(power) / math.log(10.0)"),),
        source='''
import math


class MalachiteDecibel(layers.Layer):
    """Band energies in dB above the reference, scaled to be about one."""

    def __init__(self, reference=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.floor = 10.0 * math.log10(reference)

    def call(self, bands):
        power = ops.mean(ops.square(bands), axis=1) + 1e-6
        db = 10.0 * ops.log10(power)
        return (db - self.floor) / 30.0
''',
    ),
    # raises: Python's max on a tensor
    Case(
        name="NatroliteTripletLoss",
        inputs="6 6",
        good="ops.maximum(gap, 0.0)",
        bad="max(gap, 0.0)",
        also=(
            ("ops.maximum(gap, 0.0)", "ops.relu(gap)"),
            ("ops.maximum(gap, 0.0)", "ops.maximum(0.0, gap)"),
        ),
        source='''
class NatroliteTripletLoss(keras.losses.Loss):
    """y_true is the anchor's vector; y_pred holds the positive's and the negative's halves."""

    def __init__(self, margin=0.5, name="triplet"):
        super().__init__(name=name)
        self.margin = margin

    def call(self, y_true, y_pred):
        anchor = y_true[:, :3]
        pos, neg = y_pred[:, :3], y_pred[:, 3:]
        d_pos = ops.sum(ops.square(anchor - pos), axis=-1)
        d_neg = ops.sum(ops.square(anchor - neg), axis=-1)
        gap = d_pos - d_neg + self.margin
        return ops.maximum(gap, 0.0)
''',
    ),
    # raises: super().__init__() comes after the weight
    Case(
        name="OlivineCalibration",
        inputs="3",
        good="""        super().__init__(**kwargs)
        self.gain = self.add_weight(shape=(classes,), initializer="random_normal", name="gain")
""",
        bad="""        self.gain = self.add_weight(shape=(classes,), initializer="random_normal", name="gain")
        super().__init__(**kwargs)
""",
        source="""
class OlivineCalibration(layers.Layer):
    # vector scaling of a trained classifier's logits
    def __init__(self, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.gain = self.add_weight(shape=(classes,), initializer="random_normal", name="gain")

    def call(self, logits):
        return ops.softmax(logits * ops.exp(self.gain), axis=-1)
""",
    ),
    # raises: self. forgotten
    Case(
        name="PyriteRBF",
        inputs="3",
        good="ops.exp(-self.gamma * dist)",
        bad="ops.exp(-gamma * dist)",
        source='''
class PyriteRBF(layers.Layer):
    """Radial basis functions around learnt centres."""

    def __init__(self, centres=7, gamma=0.5):
        super().__init__()
        self.n = centres
        self.gamma = gamma

    def build(self, input_shape):
        self.centres = self.add_weight(shape=(self.n, input_shape[-1]), initializer="random_normal", name="centres")

    def call(self, x):
        dist = ops.sum(ops.square(x[:, None, :] - self.centres), axis=-1)
        return ops.exp(-self.gamma * dist)
''',
    ),
    # raises: an attribute by another name than it was given
    Case(
        name="QuartziteTower",
        inputs="6 4",
        good="self.user_tower(user)",
        bad="self.user_net(user)",
        also=(
            (("self.user_tower = ", "self.user_tower(user)"), ("self.user_net = ", "self.user_net(user)")),
        ),
        source='''
class QuartziteTower(keras.layers.Layer):
    """Two-tower recommender: score of a user-item pair."""

    def __init__(self, dim=5):
        super().__init__()
        self.user_tower = layers.Dense(dim, activation="tanh")
        self.item_tower = layers.Dense(dim, activation="tanh")

    def call(self, user, item):
        u = self.user_tower(user)
        i = self.item_tower(item)
        return ops.sum(u * i, axis=-1, keepdims=True)
''',
    ),
    # raises: PyTorch's keywords
    Case(
        name="RealgarPortfolio",
        inputs="5",
        good="ops.sum(ops.abs(raw), axis=-1, keepdims=True)",
        bad="ops.sum(ops.abs(raw), dim=-1, keepdim=True)",
        also=(
            ("ops.sum(ops.abs(raw), axis=-1, keepdims=True)", "ops.sum(ops.abs(raw), -1, keepdims=True)"),
            ("ops.sum(ops.abs(raw), axis=-1, keepdims=True)", "ops.sum(ops.abs(raw), axis=1, keepdims=True)"),
        ),
        source='''
class RealgarPortfolio(layers.Layer):
    """Long/short weights whose absolute values add up to one."""

    def __init__(self, assets=3, **kwargs):
        super().__init__(**kwargs)
        self.raw = layers.Dense(assets)

    def call(self, signals):
        raw = ops.tanh(self.raw(signals))
        gross = ops.sum(ops.abs(raw), axis=-1, keepdims=True)
        return raw / (gross + 1e-6)
''',
    ),
    # raises: add_weight with the name first, as in Keras 2
    Case(
        name="SideritePReLU",
        inputs="4,3",
        good='self.add_weight(name="slope", shape=(input_shape[-1],), initializer="random_normal")',
        bad='self.add_weight("slope", shape=(input_shape[-1],), initializer="random_normal")',
        also=(
            ('name="slope", shape=(input_shape[-1],)', "shape=(input_shape[-1],)"),
            ('name="slope", shape=(input_shape[-1],)', '(input_shape[-1],), name="slope"'),
        ),
        source="""
class SideritePReLU(layers.Layer):
    def build(self, input_shape):
        self.slope = self.add_weight(name="slope", shape=(input_shape[-1],), initializer="random_normal")
        super().build(input_shape)

    def call(self, inputs):
        return ops.relu(inputs) - self.slope * ops.relu(-inputs)
""",
    ),
    # raises: the shape of a list of inputs taken for one shape
    Case(
        name="TopazGraphConv",
        inputs="5,3 m5,5",
        as_list=True,
        good="features = input_shape[0][-1]",
        bad="features = input_shape[-1]",
        named=("self.add_weight(shape=(features, self.units), initializer='glorot_uniform', name='kernel')",),
        also=(
            (
                "        features = input_shape[0][-1]",
                "        x_shape, _ = input_shape\n        features = x_shape[-1]",
            ),
        ),
        source='''
class TopazGraphConv(layers.Layer):
    """Graph convolution on [node features (b, n, f), adjacency (b, n, n)]."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        features = input_shape[0][-1]
        self.kernel = self.add_weight(shape=(features, self.units), initializer="glorot_uniform", name="kernel")

    def call(self, inputs):
        x, adj = inputs
        return ops.relu(ops.matmul(adj, ops.matmul(x, self.kernel)))
''',
    ),
    # raises: a list of layers called as if it were a layer
    Case(
        name="UlexiteEncoder",
        inputs="10,2",
        good="        for block in self.blocks:\n            x = block(x)\n",
        bad="        x = self.blocks(x)\n",
        also=(
            (
                (
                    "= [layers",
                    "for w in widths]",
                    "        for block in self.blocks:\n            x = block(x)\n",
                ),
                ("= keras.Sequential([layers", "for w in widths])", "        x = self.blocks(x)\n"),
            ),
        ),
        source="""
class UlexiteEncoder(keras.Layer):
    def __init__(self, widths=(4, 6)):
        super().__init__()
        self.blocks = [layers.Conv1D(w, 3, padding="same", activation="relu") for w in widths]
        self.pool = layers.GlobalMaxPooling1D()

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.pool(x)
""",
    ),
    # raises: an LSTM with return_state gives three tensors
    Case(
        name="VarisciteSummary",
        inputs="6,3",
        good="_, h, c = self.lstm(x)",
        bad="h, c = self.lstm(x)",
        also=(
            ("_, h, c = self.lstm(x)", "out, h, c = self.lstm(x)"),
            ("_, h, c = self.lstm(x)", "h, c = self.lstm(x)[1:]"),
        ),
        source='''
class VarisciteSummary(layers.Layer):
    """Final hidden and cell state of an LSTM over the series, mixed."""

    def __init__(self, units=5):
        super().__init__()
        self.lstm = layers.LSTM(units, return_state=True)
        self.mix = layers.Dense(units)

    def call(self, x):
        _, h, c = self.lstm(x)
        return self.mix(ops.concatenate([h, c], axis=-1))
''',
    ),
    # raises: the first of two stacked GRUs gives only its last step
    Case(
        name="WulfeniteStack",
        inputs="7,3",
        good="layers.GRU(units, return_sequences=True)",
        bad="layers.GRU(units)",
        named=("self.second(h)",),
        source="""
class WulfeniteStack(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.GRU(units, return_sequences=True)
        self.second = layers.GRU(units)
        self.head = layers.Dense(1)

    def call(self, x):
        h = self.first(x)
        h = self.second(h)
        return self.head(h)
""",
    ),
    # raises: mask=None is not provided for
    Case(
        name="XenotimePooling",
        inputs="6,4",
        good="        if mask is not None:\n            e = e - 1e4 * (1.0 - ops.cast(mask, e.dtype))\n",
        bad="        e = e - 1e4 * (1.0 - ops.cast(mask, e.dtype))\n",
        also=(
            (
                "        if mask is not None:\n            e = e - 1e4 * (1.0 - ops.cast(mask, e.dtype))\n",
                "        if mask is None:\n            mask = ops.ones_like(e)\n"
                "        e = e - 1e4 * (1.0 - ops.cast(mask, e.dtype))\n",
            ),
        ),
        source='''
class XenotimePooling(layers.Layer):
    """Attention pooling over the words; padding, if there is any, gets no attention."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.score = layers.Dense(1)

    def call(self, words, mask=None):
        e = ops.squeeze(self.score(words), axis=-1)
        if mask is not None:
            e = e - 1e4 * (1.0 - ops.cast(mask, e.dtype))
        a = ops.softmax(e, axis=-1)
        return ops.sum(a[:, :, None] * words, axis=1)

    def compute_mask(self, words, mask=None):
        return None
''',
    ),
    # raises: x[t] where time is the second axis
    Case(
        name="ZirconElman",
        inputs="6,3",
        good="self.w_in(x[:, t])",
        bad="self.w_in(x[t])",
        named=("self.w_in(x[t]) + self.w_rec(h)",),
        also=(("x[:, t]", "x[:, t, :]"),),
        source='''
class ZirconElman(layers.Layer):
    """Plain recurrent net, unrolled by hand; x is (batch, time, features)."""

    def __init__(self, units=5):
        super().__init__()
        self.units = units
        self.w_in = layers.Dense(units)
        self.w_rec = layers.Dense(units, use_bias=False)

    def call(self, x):
        h = ops.zeros((ops.shape(x)[0], self.units))
        for t in range(x.shape[1]):
            h = ops.tanh(self.w_in(x[:, t]) + self.w_rec(h))
        return h
''',
    ),
    # raises: a vector added to a scalar state
    Case(
        name="AnataseHuberMetric",
        inputs="3 3",
        good="self.total.assign_add(ops.sum(per_row))",
        bad="self.total.assign_add(per_row)",
        also=(
            ("self.total.assign_add(ops.sum(per_row))", "self.total.assign(self.total + ops.sum(per_row))"),
        ),
        source="""
class AnataseHuberMetric(keras.metrics.Metric):
    def __init__(self, delta=1.0, name="huber", **kwargs):
        super().__init__(name=name, **kwargs)
        self.delta = delta
        self.total = self.add_weight(name="total", initializer="zeros")
        self.rows = self.add_weight(name="rows", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        e = ops.abs(y_true - y_pred)
        small = ops.minimum(e, self.delta)
        per_row = ops.mean(0.5 * small**2 + self.delta * (e - small), axis=-1)
        self.total.assign_add(ops.sum(per_row))
        self.rows.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.total / (self.rows + 1e-7)
""",
    ),
    # raises: the kernel's shape is turned round, as in PyTorch
    Case(
        name="BauxiteMaxout",
        inputs="5",
        good="shape=(input_shape[-1], self.units * self.pieces)",
        bad="shape=(self.units * self.pieces, input_shape[-1])",
        named=("ops.matmul(x, self.kernel)", "ops.matmul(x, self.kernel) + self.bias"),
        source="""
class BauxiteMaxout(layers.Layer):
    def __init__(self, units=3, pieces=2, **kwargs):
        super().__init__(**kwargs)
        self.units, self.pieces = units, pieces

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units * self.pieces), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units * self.pieces,), initializer="random_normal", name="bias")

    def call(self, x):
        z = ops.matmul(x, self.kernel) + self.bias
        return ops.max(ops.reshape(z, (-1, self.units, self.pieces)), axis=-1)
""",
    ),
    # silent: labels (n, 1) compared with argmax (n,)
    Case(
        name="CupriteAccuracy",
        inputs="i3:1 3",
        good="ops.equal(y_true[:, 0], guess)",
        bad="ops.equal(y_true, guess)",
        also=(
            ("y_true[:, 0]", "ops.squeeze(y_true, -1)"),
            ("y_true[:, 0]", "ops.reshape(y_true, (-1,))"),
            ("ops.equal(y_true[:, 0], guess)", "ops.equal(y_true, guess[:, None])"),
        ),
        source='''
class CupriteAccuracy(keras.metrics.Metric):
    """Share of right classes; y_true holds a class number per row: (batch, 1)."""

    def __init__(self, name="acc", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        right = ops.equal(y_true[:, 0], guess)
        self.hits.assign_add(ops.sum(ops.cast(right, "float32")))
        self.seen.assign_add(ops.cast(ops.shape(y_pred)[0], "float32"))

    def result(self):
        return self.hits / (self.seen + 1e-7)
''',
    ),
    # silent: the gradient of sqrt is infinite on the diagonal
    Case(
        name="DanburiteDistances",
        inputs="5,3",
        good="ops.sqrt(sq + 1e-8)",
        bad="ops.sqrt(sq)",
        also=(
            ("ops.sqrt(sq + 1e-8)", "ops.sqrt(ops.maximum(sq, 1e-8))"),
            ("ops.sqrt(sq + 1e-8)", "ops.sqrt(sq + 1e-7)"),
        ),
        source='''
class DanburiteDistances(layers.Layer):
    """Distances between all pairs of atoms of a molecule, after a learnt map of the coordinates."""

    def __init__(self, dim=4):
        super().__init__()
        self.embed = layers.Dense(dim)

    def call(self, atoms):
        p = self.embed(atoms)
        diff = p[:, :, None, :] - p[:, None, :, :]
        sq = ops.sum(ops.square(diff), axis=-1)
        return ops.sqrt(sq + 1e-8)
''',
    ),
    # silent: softmax of a softmax
    Case(
        name="EudialyteGate",
        inputs="6",
        good="weights = self.gate(x)",
        bad="weights = ops.softmax(self.gate(x), axis=-1)",
        also=(
            (
                ('layers.Dense(experts, activation="softmax")', "weights = self.gate(x)"),
                ("layers.Dense(experts)", "weights = ops.softmax(self.gate(x), axis=-1)"),
            ),
        ),
        named=("layers.Dense(experts, activation='softmax')",),
        source='''
class EudialyteGate(layers.Layer):
    """Mixture of experts: the gate says how much each expert counts."""

    def __init__(self, experts=3, units=4, **kwargs):
        super().__init__(**kwargs)
        self.gate = layers.Dense(experts, activation="softmax")
        self.experts = [layers.Dense(units, activation="relu") for _ in range(experts)]

    def call(self, x):
        weights = self.gate(x)
        outputs = ops.stack([expert(x) for expert in self.experts], axis=1)
        return ops.sum(weights[:, :, None] * outputs, axis=1)
''',
    ),
    # silent: logits taken for probabilities
    Case(
        name="FerberiteFocal",
        inputs="m4 4",
        good="ops.binary_crossentropy(y_true, y_pred, from_logits=True)",
        bad="ops.binary_crossentropy(y_true, y_pred)",
        also=(
            (
                "ops.binary_crossentropy(y_true, y_pred, from_logits=True)",
                "ops.binary_crossentropy(y_true, p)",
            ),
        ),
        source='''
class FerberiteFocal(keras.losses.Loss):
    """Focal loss on logits, for rare defects."""

    def __init__(self, gamma=2.0, name="focal"):
        super().__init__(name=name)
        self.gamma = gamma

    def call(self, y_true, y_pred):
        p = ops.sigmoid(y_pred)
        p_t = y_true * p + (1.0 - y_true) * (1.0 - p)
        ce = ops.binary_crossentropy(y_true, y_pred, from_logits=True)
        return ops.mean(ops.power(1.0 - p_t, self.gamma) * ce, axis=-1)
''',
    ),
    # silent: statistics over the batch as well
    Case(
        name="GoethiteInstanceNorm",
        inputs="4,5,3",
        good="axes=(1, 2)",
        bad="axes=(0, 1, 2)",
        source='''
class GoethiteInstanceNorm(layers.Layer):
    """Instance normalisation: every image by its own mean and variance per channel."""

    def __init__(self, epsilon=1e-3):
        super().__init__()
        self.epsilon = epsilon

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer="random_normal", name="gain")

    def call(self, images):
        mean, var = ops.moments(images, axes=(1, 2), keepdims=True)
        return self.gain * (images - mean) / ops.sqrt(var + self.epsilon)
''',
    ),
    # silent: rounding the predictions leaves no gradient
    Case(
        name="HowliteF1Loss",
        inputs="m6 u6",
        good="        tp = ops.sum(y_true * y_pred, axis=-1)\n",
        bad="        y_pred = ops.round(y_pred)\n        tp = ops.sum(y_true * y_pred, axis=-1)\n",
        source='''
class HowliteF1Loss(keras.losses.Loss):
    """1 - F1 over the labels of a sample (multi-label tagging); y_pred are probabilities."""

    def call(self, y_true, y_pred):
        tp = ops.sum(y_true * y_pred, axis=-1)
        fp = ops.sum((1.0 - y_true) * y_pred, axis=-1)
        fn = ops.sum(y_true * (1.0 - y_pred), axis=-1)
        f1 = 2.0 * tp / (2.0 * tp + fp + fn + 1e-7)
        return 1.0 - f1
''',
    ),
    # silent: a fee in basis points used as a share
    Case(
        name="JamesoniteTrading",
        inputs="6 6",
        good="self.fee_bps * 1e-4 * turnover",
        bad="self.fee_bps * turnover",
        also=(
            ("self.fee_bps * 1e-4 * turnover", "self.fee_bps / 10000.0 * turnover"),
            (
                ("self.fee_bps = fee_bps", "self.fee_bps * 1e-4 * turnover"),
                ("self.fee_bps = fee_bps * 1e-4", "self.fee_bps * turnover"),
            ),
        ),
        source='''
class JamesoniteTrading(keras.losses.Loss):
    """Negative profit of the positions y_pred on the returns y_true, less the fees (in basis points)."""

    def __init__(self, fee_bps=25.0, name="trading"):
        super().__init__(name=name)
        self.fee_bps = fee_bps

    def call(self, y_true, y_pred):
        profit = ops.mean(y_true * y_pred, axis=-1)
        turnover = ops.mean(ops.abs(y_pred[:, 1:] - y_pred[:, :-1]), axis=-1)
        return -profit + self.fee_bps * 1e-4 * turnover
''',
    ),
    # silent: variance as a difference of two large numbers
    Case(
        name="KerniteBarometer",
        inputs="12",
        good="ops.var(pressure, axis=-1, keepdims=True)",
        bad="ops.mean(pressure**2, axis=-1, keepdims=True) - ops.mean(pressure, axis=-1, keepdims=True) ** 2",
        also=(
            (
                "ops.var(pressure, axis=-1, keepdims=True)",
                "ops.mean((pressure - ops.mean(pressure, axis=-1, keepdims=True)) ** 2, axis=-1, keepdims=True)",
            ),
            ("ops.var(pressure, axis=-1, keepdims=True)", "ops.var(anomaly, axis=-1, keepdims=True)"),
        ),
        source='''
class KerniteBarometer(layers.Layer):
    """Variance of the air pressure (hPa) over the last hours, from the anomalies."""

    def __init__(self, normal=1013.25, **kwargs):
        super().__init__(**kwargs)
        self.normal = normal

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")

    def call(self, anomaly):
        pressure = self.normal + anomaly
        var = ops.var(pressure, axis=-1, keepdims=True)
        return self.scale * var
''',
    ),
    # silent: integer division makes every relative position 0
    Case(
        name="LarimarPositions",
        inputs="6,3",
        good="ops.arange(steps) / steps",
        bad="ops.arange(steps) // steps",
        also=(
            ('ops.cast(ops.arange(steps) / steps, "float32")', 'ops.arange(steps, dtype="float32") / steps'),
            (
                'ops.cast(ops.arange(steps) / steps, "float32")',
                'ops.cast(ops.arange(steps), "float32") / steps',
            ),
        ),
        source='''
class LarimarPositions(layers.Layer):
    """Adds the relative position in the sequence (0 at the start, nearly 1 at the end) times a learnt slope."""

    def build(self, input_shape):
        self.slope = self.add_weight(shape=(1, input_shape[-1]), initializer="random_normal", name="slope")

    def call(self, x):
        steps = x.shape[1]
        pos = ops.cast(ops.arange(steps) / steps, "float32")
        return x + pos[:, None] * self.slope
''',
    ),
    # silent: float16 overflows in the squares
    Case(
        name="MonaziteLoudness",
        inputs="u16",
        good='ops.cast(wave, "float32") * 32767.0',
        bad='ops.cast(wave, "float16") * 32767.0',
        named=("ops.mean(ops.square(pcm), axis=-1, keepdims=True)", "ops.square(pcm)"),
        also=(('ops.cast(wave, "float32") * 32767.0', "wave * 32767.0"),),
        source='''
class MonaziteLoudness(layers.Layer):
    """Root mean square of a clip, in 16-bit sample units, on a log scale."""

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(1,), initializer="random_normal", name="bias")

    def call(self, wave):
        pcm = ops.cast(wave, "float32") * 32767.0
        rms = ops.sqrt(ops.mean(ops.square(pcm), axis=-1, keepdims=True))
        return ops.log(ops.cast(rms, "float32") + 1.0) + self.bias
''',
    ),
    # silent: keepdims missing, the square matrix is divided by columns
    Case(
        name="NatroleadTransitions",
        inputs="p4",
        good="ops.sum(rates, axis=1, keepdims=True)",
        bad="ops.sum(rates, axis=1)",
        also=(
            ("ops.sum(rates, axis=1, keepdims=True)", "ops.sum(rates, axis=-1, keepdims=True)"),
            ("ops.sum(rates, axis=1, keepdims=True)", "ops.sum(rates, axis=1)[:, None]"),
        ),
        source='''
class NatroleadTransitions(layers.Layer):
    """One step of a Markov chain between the states of a cell; row i holds the chances to go on from state i."""

    def build(self, input_shape):
        n = input_shape[-1]
        self.logits = self.add_weight(shape=(n, n), initializer="glorot_uniform", name="logits")

    def call(self, state):
        rates = ops.exp(self.logits)
        chances = rates / ops.sum(rates, axis=1, keepdims=True)
        return ops.matmul(state, chances)
''',
    ),
    # silent: each layer of the loop gets the first input
    Case(
        name="OpaliteMLP",
        inputs="5",
        good="h = dense(h)",
        bad="h = dense(x)",
        also=(
            (
                ("        h = x\n", "h = dense(h)", "self.head(h)"),
                ("", "x = dense(x)", "self.head(x)"),
            ),
        ),
        source="""
class OpaliteMLP(layers.Layer):
    def __init__(self, width=6, depth=3, **kwargs):
        super().__init__(**kwargs)
        self.hidden = [layers.Dense(width, activation="tanh") for _ in range(depth)]
        self.head = layers.Dense(1)

    def call(self, x):
        h = x
        for dense in self.hidden:
            h = dense(h)
        return self.head(h)
""",
    ),
    # silent: 0 / 0 for a sentence without words
    Case(
        name="ProustiteBagOfWords",
        inputs="i2:6,3",
        good="counts / ops.maximum(total, 1.0)",
        bad="counts / total",
        also=(
            ("counts / ops.maximum(total, 1.0)", "counts / ops.maximum(total, 1e-7)"),
            ("counts / ops.maximum(total, 1.0)", "counts / (total + 1e-7)"),
            ("counts / ops.maximum(total, 1.0)", "ops.divide_no_nan(counts, total)"),
        ),
        source='''
class ProustiteBagOfWords(layers.Layer):
    """Word frequencies of every sentence (some have none of the words), then a dense layer."""

    def __init__(self, units=2):
        super().__init__()
        self.dense = layers.Dense(units)

    def call(self, counts):
        counts = ops.cast(counts, "float32")
        total = ops.sum(counts, axis=-1, keepdims=True)
        freq = counts / ops.maximum(total, 1.0)
        return self.dense(freq)
''',
    ),
)
