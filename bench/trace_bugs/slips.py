"""72 slips that the authors of the search wrote down one by one, to see what it lacks."""

from trace_bugs.case import Case

CASES = (
    Case(
        name="GatedGruQuokka",
        inputs="5,4",
        good="units * 3",
        bad="units * 2",
        source="""
class GatedGruQuokka(layers.Layer):
    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        units = self.units
        self.w = self.add_weight(shape=(input_shape[-1], units * 3), name="w")
        self.u = self.add_weight(shape=(units, 3 * units), name="u")
        self.b = self.add_weight(shape=(3 * units,), initializer="zeros", name="b")

    def call(self, x):
        h = ops.zeros((ops.shape(x)[0], self.units))
        for t in range(x.shape[1]):
            gx = ops.matmul(x[:, t], self.w) + self.b
            gh = ops.matmul(h, self.u)
            xz, xr, xn = ops.split(gx, 3, axis=-1)
            hz, hr, hn = ops.split(gh, 3, axis=-1)
            z = ops.sigmoid(xz + hz)
            r = ops.sigmoid(xr + hr)
            n = ops.tanh(xn + r * hn)
            h = (1.0 - z) * n + z * h
        return h
""",
    ),
    Case(
        name="HeadMaskQuoll",
        inputs="6,8 m6",
        good="mask[:, None, None, :]",
        bad="mask[:, None, :]",
        source="""
class HeadMaskQuoll(layers.Layer):
    def __init__(self, heads=2, dim=8, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.dim = heads, dim
        self.qkv = layers.Dense(3 * dim)
        self.out = layers.Dense(dim)

    def call(self, x, mask):
        b, t = ops.shape(x)[0], x.shape[1]
        qkv = ops.reshape(self.qkv(x), (b, t, 3, self.heads, self.dim // self.heads))
        q, k, v = ops.unstack(ops.transpose(qkv, (2, 0, 3, 1, 4)), axis=0)
        scores = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / 2.0
        scores = scores + (1.0 - mask[:, None, None, :]) * -1e9
        y = ops.matmul(ops.softmax(scores), v)
        y = ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (b, t, self.dim))
        return self.out(y)
""",
    ),
    Case(
        name="VaeSamplerNumbat",
        inputs="6",
        good="ops.exp(0.5 * log_var)",
        bad="ops.exp(log_var)",
        source="""
class VaeSamplerNumbat(layers.Layer):
    def __init__(self, latent=3, **kwargs):
        super().__init__(**kwargs)
        self.latent = latent
        self.head = layers.Dense(2 * latent)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, x):
        mean, log_var = ops.split(self.head(x), 2, axis=-1)
        eps = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * eps
""",
    ),
    Case(
        name="PatchifyBilby",
        inputs="8,8,3",
        good="ops.transpose(x, (0, 1, 3, 2, 4, 5))",
        bad="ops.transpose(x, (0, 1, 3, 2, 4))",
        source="""
class PatchifyBilby(layers.Layer):
    def __init__(self, patch=4, dim=5, **kwargs):
        super().__init__(**kwargs)
        self.patch = patch
        self.proj = layers.Dense(dim)

    def call(self, images):
        p = self.patch
        b, h, w, c = ops.shape(images)[0], images.shape[1], images.shape[2], images.shape[3]
        x = ops.reshape(images, (b, h // p, p, w // p, p, c))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        x = ops.reshape(x, (b, (h // p) * (w // p), p * p * c))
        return self.proj(x)
""",
    ),
    Case(
        name="PatchCountPotoroo",
        inputs="8,8,3",
        good="n = (h // p) * (w // p)",
        bad="n = h // p",
        source="""
class PatchCountPotoroo(layers.Layer):
    def __init__(self, patch=4, dim=5, **kwargs):
        super().__init__(**kwargs)
        self.patch = patch
        self.proj = layers.Dense(dim)

    def build(self, input_shape):
        h, w = input_shape[1:3]
        p = self.patch
        n = (h // p) * (w // p)
        self.pos = self.add_weight(shape=(1, n, self.proj.units), initializer="random_normal", name="pos")

    def call(self, images):
        p = self.patch
        h, w, c = images.shape[1:]
        x = ops.reshape(images, (-1, h // p, p, w // p, p, c))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, (h // p) * (w // p), p * p * c))
        return self.proj(x) + self.pos
""",
    ),
    Case(
        name="FmPairGliders",
        inputs="5,4",
        good="ops.square(ops.sum(e, axis=1))",
        bad="ops.square(ops.sum(e, axis=-1))",
        source='''
class FmPairGliders(layers.Layer):
    """Second order of a factorization machine over field embeddings."""

    def call(self, e):
        square_of_sum = ops.square(ops.sum(e, axis=1))
        sum_of_square = ops.sum(ops.square(e), axis=1)
        return 0.5 * ops.sum(square_of_sum - sum_of_square, axis=-1, keepdims=True)
''',
    ),
    Case(
        name="SqueezeExciteDunnart",
        inputs="6,6,8",
        good="ops.mean(x, axis=(1, 2), keepdims=True)",
        bad="ops.mean(x, axis=(1, 2))",
        source="""
class SqueezeExciteDunnart(layers.Layer):
    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        c = input_shape[-1]
        self.down = layers.Dense(c // self.ratio, activation="relu")
        self.up = layers.Dense(c, activation="sigmoid")

    def call(self, x):
        s = ops.mean(x, axis=(1, 2), keepdims=True)
        return x * self.up(self.down(s))
""",
    ),
    Case(
        name="DepthwiseKernelEchidna",
        inputs="7,7,4",
        good="(3, 3, input_shape[-1], 1)",
        bad="(3, 3, 1, input_shape[-1])",
        source="""
class DepthwiseKernelEchidna(layers.Layer):
    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(3, 3, input_shape[-1], 1), name="dw")

    def call(self, x):
        return ops.relu(ops.depthwise_conv(x, self.kernel, padding="same"))
""",
    ),
    Case(
        name="CosineHeadPossum",
        inputs="6",
        good="ops.norm(x, axis=-1, keepdims=True)",
        bad="ops.norm(x, axis=-1)",
        source="""
class CosineHeadPossum(layers.Layer):
    def __init__(self, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.classes), name="w")

    def call(self, x):
        x = x / (ops.norm(x, axis=-1, keepdims=True) + 1e-6)
        w = self.w / (ops.norm(self.w, axis=0, keepdims=True) + 1e-6)
        return ops.matmul(x, w)
""",
    ),
    Case(
        name="ArcMarginWallaby",
        inputs="6 i3",
        good="ops.one_hot(labels, self.classes)",
        bad="ops.one_hot(labels, self.classes, axis=0)",
        source="""
class ArcMarginWallaby(layers.Layer):
    def __init__(self, classes=3, margin=0.2, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.margin = classes, margin

    def build(self, *shapes):
        self.w = self.add_weight(shape=(6, self.classes), name="w")

    def call(self, x, labels):
        x = ops.normalize(x, axis=-1)
        w = ops.normalize(self.w, axis=0)
        cos = ops.clip(ops.matmul(x, w), -0.999, 0.999)
        theta = ops.arccos(cos)
        onehot = ops.one_hot(labels, self.classes)
        return onehot * ops.cos(theta + self.margin) + (1.0 - onehot) * cos
""",
    ),
    Case(
        name="MaskedMeanBandicoot",
        inputs="6,4 m6",
        good="ops.sum(mask, axis=1)",
        bad="ops.sum(mask)",
        source="""
class MaskedMeanBandicoot(layers.Layer):
    def call(self, x, mask):
        mask = ops.cast(mask, x.dtype)[..., None]
        total = ops.sum(x * mask, axis=1)
        return total / ops.maximum(ops.sum(mask, axis=1), 1.0)
""",
    ),
    Case(
        name="HuberQuenda",
        inputs="5 5",
        good="ops.where(a <= self.delta, 0.5 * a**2, self.delta * (a - 0.5 * self.delta))",
        bad="ops.where(a <= self.delta, 0.5 * a**2)",
        source="""
class HuberQuenda(keras.losses.Loss):
    def __init__(self, delta=1.0, name="huber_q"):
        super().__init__(name=name)
        self.delta = delta

    def call(self, y_true, y_pred):
        a = ops.abs(y_true - y_pred)
        loss = ops.where(a <= self.delta, 0.5 * a**2, self.delta * (a - 0.5 * self.delta))
        return ops.mean(loss, axis=-1)
""",
    ),
    Case(
        name="TripletTriller",
        inputs="4 4 4",
        good="ops.sum(ops.square(a - n), axis=-1)",
        bad="ops.sum(ops.square(a - n))",
        source="""
class TripletTriller(layers.Layer):
    def call(self, a, p, n):
        dp = ops.sum(ops.square(a - p), axis=-1)
        dn = ops.sum(ops.square(a - n), axis=-1)
        return ops.maximum(dp - dn + 0.5, 0.0)
""",
    ),
    Case(
        name="DiceMulgara",
        inputs="6,6,1 6,6,1",
        good=("inter = ops.sum(p * t, axis=(1, 2, 3))", "total = ops.sum(p + t, axis=(1, 2, 3))"),
        bad=("inter = ops.sum(p * t, axis=(0, 1, 2))", "total = ops.sum(p + t, axis=(0, 1, 2))"),
        source="""
class DiceMulgara(keras.losses.Loss):
    def call(self, y_true, y_pred):
        p = ops.sigmoid(y_pred)
        t = ops.cast(y_true > 0, p.dtype)
        inter = ops.sum(p * t, axis=(1, 2, 3))
        total = ops.sum(p + t, axis=(1, 2, 3))
        return 1.0 - (2.0 * inter + 1.0) / (total + 1.0)
""",
    ),
    Case(
        name="TopKMetricTammar",
        inputs="i6 6",
        good="ops.expand_dims(y_true, -1)",
        bad="ops.expand_dims(y_true, 0)",
        source="""
class TopKMetricTammar(keras.metrics.Metric):
    def __init__(self, k=2, name="topk", **kwargs):
        super().__init__(name=name, **kwargs)
        self.k = k
        self.hits = self.add_variable((), initializer="zeros", name="hits")
        self.seen = self.add_variable((), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        _, top = ops.top_k(y_pred, self.k)
        y_true = ops.cast(ops.expand_dims(y_true, -1), top.dtype)
        hit = ops.any(ops.equal(top, y_true), axis=-1)
        self.hits.assign_add(ops.sum(ops.cast(hit, "float32")))
        self.seen.assign_add(ops.cast(ops.shape(y_pred)[0], "float32"))

    def result(self):
        return self.hits / ops.maximum(self.seen, 1.0)
""",
    ),
    Case(
        name="ConfusionKowari",
        inputs="i3 3",
        good="(num_classes, num_classes)",
        bad="(num_classes,)",
        source="""
class ConfusionKowari(keras.metrics.Metric):
    def __init__(self, num_classes=3, name="cm", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.cm = self.add_variable((num_classes, num_classes), initializer="zeros", name="cm")

    def update_state(self, y_true, y_pred, sample_weight=None):
        t = ops.one_hot(y_true, self.num_classes)
        p = ops.one_hot(ops.argmax(y_pred, axis=-1), self.num_classes)
        self.cm.assign_add(ops.matmul(ops.transpose(t), p))

    def result(self):
        return ops.sum(ops.diagonal(self.cm)) / ops.maximum(ops.sum(self.cm), 1.0)
""",
    ),
    Case(
        name="RelPosGlider",
        inputs="5,4",
        good="2 * self.window - 1",
        bad="2 * self.window + 1",
        source='''
class RelPosGlider(layers.Layer):
    """Attention with a learned bias for each distance, read by a matrix of one-hot rows."""

    def __init__(self, window=5, **kwargs):
        super().__init__(**kwargs)
        self.window = window
        self.q, self.k = layers.Dense(4), layers.Dense(4)

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(2 * self.window - 1, 1), initializer="random_normal", name="bias")

    def call(self, x):
        w = self.window
        distance = np.arange(w)[:, None] - np.arange(w)[None, :] + w - 1
        hot = ops.one_hot(ops.convert_to_tensor(distance), 2 * w - 1)
        bias = ops.squeeze(ops.matmul(hot, self.bias), -1)
        scores = ops.matmul(self.q(x), ops.swapaxes(self.k(x), 1, 2)) + bias
        return ops.matmul(ops.softmax(scores), x)
''',
    ),
    Case(
        name="NerfEncodeNuthatch",
        inputs="3",
        good="ops.concatenate(parts, axis=-1)",
        bad="ops.stack(parts, axis=-1)",
        source="""
class NerfEncodeNuthatch(layers.Layer):
    def __init__(self, bands=3, units=5, **kwargs):
        super().__init__(**kwargs)
        self.bands, self.units = bands, units

    def build(self, input_shape):
        d = input_shape[-1] * (1 + 2 * self.bands)
        self.w = self.add_weight(shape=(d, self.units), name="w")

    def call(self, x):
        parts = [x]
        for i in range(self.bands):
            parts += [ops.sin(2.0**i * x), ops.cos(2.0**i * x)]
        return ops.matmul(ops.concatenate(parts, axis=-1), self.w)
""",
    ),
    Case(
        name="HighwayHoney",
        inputs="6",
        good="self.h = self.add_weight(shape=(input_shape[-1], input_shape[-1])",
        bad="self.h = self.add_weight(shape=(input_shape[-1], self.units)",
        source="""
class HighwayHoney(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.shrink = layers.Dense(units)

    def build(self, input_shape):
        self.h = self.add_weight(shape=(input_shape[-1], input_shape[-1]), name="h")
        self.t = self.add_weight(shape=(input_shape[-1], input_shape[-1]), name="t")

    def call(self, x):
        t = ops.sigmoid(ops.matmul(x, self.t))
        h = ops.relu(ops.matmul(x, self.h))
        return self.shrink(t * h + (1.0 - t) * x)
""",
    ),
    Case(
        name="TwoTowerTawny",
        inputs="i9: i7:",
        good="ops.sum(u * v, axis=-1)",
        bad="ops.matmul(u, v)",
        source="""
class TwoTowerTawny(layers.Layer):
    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.users = layers.Embedding(9, dim)
        self.items = layers.Embedding(7, dim)

    def call(self, user, item):
        u, v = self.users(user), self.items(item)
        return ops.sigmoid(ops.sum(u * v, axis=-1))
""",
    ),
    Case(
        name="GroupNormPika",
        inputs="4,4,8",
        good="(-1, h, w, self.groups, c // self.groups)",
        bad="(-1, h, w, self.groups, c)",
        source="""
class GroupNormPika(layers.Layer):
    def __init__(self, groups=2, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def build(self, input_shape):
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")

    def call(self, x):
        h, w, c = x.shape[1:]
        g = ops.reshape(x, (-1, h, w, self.groups, c // self.groups))
        mean = ops.mean(g, axis=(1, 2, 4), keepdims=True)
        var = ops.var(g, axis=(1, 2, 4), keepdims=True)
        g = (g - mean) / ops.sqrt(var + 1e-5)
        return ops.reshape(g, (-1, h, w, c)) * self.gamma
""",
    ),
    Case(
        name="GroupNormAxisPika",
        inputs="4,4,8",
        good="var = ops.var(g, axis=(1, 2, 4), keepdims=True)",
        bad="var = ops.var(g, axis=(1, 2, 4))",
        source="""
class GroupNormAxisPika(layers.Layer):
    def __init__(self, groups=2, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def build(self, input_shape):
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")

    def call(self, x):
        h, w, c = x.shape[1:]
        g = ops.reshape(x, (-1, h, w, self.groups, c // self.groups))
        mean = ops.mean(g, axis=(1, 2, 4), keepdims=True)
        var = ops.var(g, axis=(1, 2, 4), keepdims=True)
        g = (g - mean) / ops.sqrt(var + 1e-5)
        return ops.reshape(g, (-1, h, w, c)) * self.gamma
""",
    ),
    Case(
        name="CausalMaskHyrax",
        inputs="6,4",
        good="ops.where(mask, scores, -1e9)",
        bad="ops.where(mask, -1e9, scores)",
        named=("ops.softmax(scores, axis=-1)",),
        source="""
class CausalMaskHyrax(layers.Layer):
    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.q = layers.Dense(dim)
        self.k = layers.Dense(dim)

    def call(self, x):
        t = x.shape[1]
        mask = ops.tril(ops.ones((t, t), dtype="bool"))
        scores = ops.matmul(self.q(x), ops.swapaxes(self.k(x), 1, 2)) / self.dim**0.5
        scores = ops.where(mask, scores, -1e9)
        return ops.matmul(ops.softmax(scores, axis=-1), x)
""",
    ),
    Case(
        name="LogCoshLemming",
        inputs="5 5",
        good="ops.mean(ops.log(ops.cosh(d)), axis=-1)",
        bad="ops.log(ops.mean(ops.cosh(d)), axis=-1)",
        source="""
class LogCoshLemming(keras.losses.Loss):
    def call(self, y_true, y_pred):
        d = y_pred - y_true
        return ops.mean(ops.log(ops.cosh(d)), axis=-1)
""",
    ),
    Case(
        name="WganPenaltyVole",
        inputs="4,4,1 4,4,1",
        good="(ops.shape(real)[0], 1, 1, 1)",
        bad="(ops.shape(real)[0], 1)",
        source='''
class WganPenaltyVole(layers.Layer):
    """A point between real and generated images, for the gradient penalty."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(3)

    def call(self, real, fake):
        eps = keras.random.uniform((ops.shape(real)[0], 1, 1, 1), seed=self.seed_generator)
        return eps * real + (1.0 - eps) * fake
''',
    ),
    Case(
        name="AdaInLynx",
        inputs="4,4,6 5",
        good="style[:, None, None, :]",
        bad="style",
        source="""
class AdaInLynx(layers.Layer):
    def build(self, x_shape, style_shape=None):
        self.to_scale = layers.Dense(6)

    def call(self, x, style):
        mean = ops.mean(x, axis=(1, 2), keepdims=True)
        std = ops.std(x, axis=(1, 2), keepdims=True) + 1e-5
        scale = self.to_scale(style[:, None, None, :])
        return (x - mean) / std * (1.0 + scale)
""",
    ),
    Case(
        name="DuelingHeadCoati",
        inputs="6",
        good="ops.mean(a, axis=-1, keepdims=True)",
        bad="ops.mean(a, axis=-1)",
        source="""
class DuelingHeadCoati(layers.Layer):
    def __init__(self, actions=3, **kwargs):
        super().__init__(**kwargs)
        self.value = layers.Dense(1)
        self.advantage = layers.Dense(actions)

    def call(self, x):
        v, a = self.value(x), self.advantage(x)
        return v + a - ops.mean(a, axis=-1, keepdims=True)
""",
    ),
    Case(
        name="DqnTargetCoati",
        inputs="3 i3: -",
        good="ops.sum(q * ops.one_hot(action, 3), axis=-1)",
        bad="q * ops.one_hot(action, 3)",
        source="""
class DqnTargetCoati(layers.Layer):
    def call(self, q, action, reward):
        chosen = ops.sum(q * ops.one_hot(action, 3), axis=-1)
        return ops.square(reward - chosen)
""",
    ),
    Case(
        name="MixtureExpertsGenet",
        inputs="5",
        good="ops.stack([e(x) for e in self.experts], axis=1)",
        bad="ops.stack([e(x) for e in self.experts])",
        source="""
class MixtureExpertsGenet(layers.Layer):
    def __init__(self, experts=3, units=4, **kwargs):
        super().__init__(**kwargs)
        self.experts = [layers.Dense(units) for _ in range(experts)]
        self.gate = layers.Dense(experts, activation="softmax")

    def call(self, x):
        out = ops.stack([e(x) for e in self.experts], axis=1)
        w = self.gate(x)[:, :, None]
        return ops.sum(w * out, axis=1)
""",
    ),
    Case(
        name="TverskyGenet",
        inputs="5,5 u5,5",
        good="fn = ops.sum(y_true * (1.0 - y_pred), axis=(1, 2))",
        bad="fn = ops.sum(y_true * (1.0 - y_pred), axis=1)",
        source="""
class TverskyGenet(keras.losses.Loss):
    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true > 0, y_pred.dtype)
        tp = ops.sum(y_true * y_pred, axis=(1, 2))
        fp = ops.sum((1.0 - y_true) * y_pred, axis=(1, 2))
        fn = ops.sum(y_true * (1.0 - y_pred), axis=(1, 2))
        return 1.0 - (tp + 1.0) / (tp + 0.3 * fp + 0.7 * fn + 1.0)
""",
    ),
    Case(
        name="F1Ocelot",
        inputs="m4 u4",
        good="axis=0",
        bad="axis=1",
        source="""
class F1Ocelot(keras.metrics.Metric):
    def __init__(self, num_labels=4, name="f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tp = self.add_weight(shape=(num_labels,), initializer="zeros", name="tp")
        self.n = self.add_weight(shape=(num_labels,), initializer="zeros", name="n")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hard = ops.cast(y_pred > 0.5, "float32")
        self.tp.assign_add(ops.sum(hard * y_true, axis=0))
        self.n.assign_add(ops.sum(hard + y_true, 0))

    def result(self):
        return ops.mean(2.0 * self.tp / (self.n + 1e-7))
""",
    ),
    Case(
        name="SpectrumTayra",
        inputs="32",
        good="self.frame // 2 + 1",
        bad="self.frame // 2",
        source="""
class SpectrumTayra(layers.Layer):
    def __init__(self, frame=8, mels=4, **kwargs):
        super().__init__(**kwargs)
        self.frame, self.mels = frame, mels

    def build(self, input_shape):
        self.mel = self.add_weight(shape=(self.frame // 2 + 1, self.mels), name="mel")

    def call(self, x):
        re, im = ops.stft(x, self.frame, self.frame // 2, self.frame)
        power = ops.square(re) + ops.square(im)
        return ops.log(ops.matmul(power, ops.abs(self.mel)) + 1e-6)
""",
    ),
    Case(
        name="ChebGraphGrison",
        inputs="5,3 5,5",
        good="ops.matmul(adj, x)",
        bad="ops.matmul(x, adj)",
        source="""
class ChebGraphGrison(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.lin = layers.Dense(units)

    def call(self, x, adj):
        h = ops.matmul(adj, x)
        return ops.relu(self.lin(ops.concatenate([x, h], axis=-1)))
""",
    ),
    Case(
        name="GatEdgeGrison",
        inputs="5,3 5,5",
        good="self.a_dst(h), (0, 2, 1)",
        bad="self.a_dst(h), (0, 1, 2)",
        source="""
class GatEdgeGrison(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.lin = layers.Dense(units)
        self.a_src = layers.Dense(1)
        self.a_dst = layers.Dense(1)

    def call(self, x, adj):
        h = self.lin(x)
        e = self.a_src(h) + ops.transpose(self.a_dst(h), (0, 2, 1))
        e = ops.where(adj > 0, ops.leaky_relu(e), -1e9)
        return ops.matmul(ops.softmax(e, axis=-1), h)
""",
    ),
    Case(
        name="CapsuleSquashZorilla",
        inputs="6,4",
        good="axis=-1, keepdims=True",
        bad="axis=-1",
        source="""
class CapsuleSquashZorilla(layers.Layer):
    def call(self, s):
        n2 = ops.sum(ops.square(s), axis=-1, keepdims=True)
        return n2 / (1.0 + n2) * s / ops.sqrt(n2 + 1e-7)
""",
    ),
    Case(
        name="QuantileMarten",
        inputs="1 3",
        good="ops.convert_to_tensor(self.q)",
        bad="self.q",
        source="""
class QuantileMarten(keras.losses.Loss):
    def __init__(self, q=(0.1, 0.5, 0.9), name="quantile"):
        super().__init__(name=name)
        self.q = list(q)

    def call(self, y_true, y_pred):
        q = ops.convert_to_tensor(self.q)
        e = y_true - y_pred
        return ops.mean(ops.maximum(q * e, (q - 1.0) * e), axis=-1)
""",
    ),
    Case(
        name="RmsNormFisher",
        inputs="5,6",
        good="ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + 1e-6)",
        bad="ops.rsqrt(ops.mean(ops.square(x)) + 1e-6)",
        source="""
class RmsNormFisher(layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

    def call(self, x):
        return x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + 1e-6) * self.scale
""",
    ),
    Case(
        name="RotaryPolecat",
        inputs="6,8",
        good="ops.concatenate([-x2, x1], axis=-1)",
        bad="ops.concatenate([-x2, x1], axis=1)",
        source="""
class RotaryPolecat(layers.Layer):
    def call(self, x):
        t, d = x.shape[1], x.shape[2]
        pos = ops.arange(t, dtype="float32")[:, None]
        freq = 1.0 / 10000.0 ** (ops.arange(0, d // 2, dtype="float32") * 2.0 / d)
        angle = ops.concatenate([pos * freq, pos * freq], axis=-1)
        x1, x2 = ops.split(x, 2, axis=-1)
        rotated = ops.concatenate([-x2, x1], axis=-1)
        return x * ops.cos(angle) + rotated * ops.sin(angle)
""",
    ),
    Case(
        name="RotaryFreqPolecat",
        inputs="6,8",
        good='ops.arange(0, d // 2, dtype="float32")',
        bad='ops.arange(0, d, dtype="float32")',
        source="""
class RotaryFreqPolecat(layers.Layer):
    def call(self, x):
        t, d = x.shape[1], x.shape[2]
        pos = ops.arange(t, dtype="float32")[:, None]
        freq = 1.0 / 10000.0 ** (ops.arange(0, d // 2, dtype="float32") * 2.0 / d)
        x1, x2 = ops.split(x, 2, axis=-1)
        cos, sin = ops.cos(pos * freq), ops.sin(pos * freq)
        return ops.concatenate([x1 * cos - x2 * sin, x1 * sin + x2 * cos], axis=-1)
""",
    ),
    Case(
        name="KlAddMuntjac",
        inputs="6",
        good="-0.5 * ops.sum(1 + log_var",
        bad="0.5 * ops.sum(1 + log_var",
        source="""
class KlAddMuntjac(layers.Layer):
    def __init__(self, latent=3, **kwargs):
        super().__init__(**kwargs)
        self.mean_head = layers.Dense(latent)
        self.var_head = layers.Dense(latent)

    def call(self, x):
        mean, log_var = self.mean_head(x), self.var_head(x)
        kl = -0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        self.add_loss(ops.mean(kl))
        return mean
""",
    ),
    Case(
        name="CausalTriuSaiga",
        inputs="6,4",
        good="ops.triu(ops.ones((t, t)), 1)",
        bad="ops.triu(ops.ones((t, t)))",
        named=("ops.softmax(scores, axis=-1)",),
        source="""
class CausalTriuSaiga(layers.Layer):
    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.q = layers.Dense(dim)
        self.k = layers.Dense(dim)

    def call(self, x):
        t = x.shape[1]
        future = ops.triu(ops.ones((t, t)), 1)
        scores = ops.matmul(self.q(x), ops.swapaxes(self.k(x), 1, 2)) / self.dim**0.5
        scores = scores - 1e9 * future
        return ops.matmul(ops.softmax(scores, axis=-1), x)
""",
    ),
    Case(
        name="WeightedSumTakin",
        inputs="5,3 5",
        good="weights[..., None]",
        bad="weights",
        source="""
class WeightedSumTakin(layers.Layer):
    def call(self, x, scores):
        weights = ops.softmax(scores, axis=-1)
        return ops.sum(x * weights[..., None], axis=1)
""",
    ),
    Case(
        name="PoolerSerow",
        inputs="6,4",
        good="x[:, 0]",
        bad="x[0]",
        source="""
class PoolerSerow(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(units, activation="tanh")

    def call(self, x):
        return self.dense(x[:, 0])
""",
    ),
    Case(
        name="LabelSmoothGoral",
        inputs="i4 4",
        good="ops.one_hot(y_true, n)",
        bad="ops.one_hot(y_true, n - 1)",
        source="""
class LabelSmoothGoral(keras.losses.Loss):
    def __init__(self, eps=0.1, name="ls"):
        super().__init__(name=name)
        self.eps = eps

    def call(self, y_true, y_pred):
        n = y_pred.shape[-1]
        target = ops.one_hot(y_true, n)
        target = target * (1.0 - self.eps) + self.eps / n
        return -ops.sum(target * ops.log_softmax(y_pred, axis=-1), axis=-1)
""",
    ),
    Case(
        name="ConvBlockNyala",
        inputs="8,8,3",
        good="(self.size, self.size, input_shape[-1], self.filters)",
        bad="(self.size, self.size, self.filters, input_shape[-1])",
        source="""
class ConvBlockNyala(layers.Layer):
    def __init__(self, filters=4, size=3, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.size = filters, size

    def build(self, input_shape):
        self.w = self.add_weight(shape=(self.size, self.size, input_shape[-1], self.filters), name="w")
        self.b = self.add_weight(shape=(self.filters,), initializer="zeros", name="b")

    def call(self, x):
        return ops.relu(ops.conv(x, self.w, padding="same") + self.b)
""",
    ),
    Case(
        name="SubpixelEland",
        inputs="4,4,8",
        good="(-1, h * r, w * r, c // (r * r))",
        bad="(-1, h * r, w * r, c // r)",
        source="""
class SubpixelEland(layers.Layer):
    def __init__(self, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        r = self.factor
        h, w, c = x.shape[1:]
        x = ops.reshape(x, (-1, h, w, r, r, c // (r * r)))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, h * r, w * r, c // (r * r)))
""",
    ),
    Case(
        name="BilinearPoolBongo",
        inputs="4,4,3",
        good="ops.matmul(ops.transpose(f, (0, 2, 1)), f)",
        bad="ops.matmul(f, f)",
        source="""
class BilinearPoolBongo(layers.Layer):
    def call(self, x):
        f = ops.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))
        g = ops.matmul(ops.transpose(f, (0, 2, 1)), f)
        return ops.reshape(g, (-1, x.shape[3] * x.shape[3]))
""",
    ),
    Case(
        name="LstmCellKudu",
        inputs="5,4",
        good="(self.units, 4 * self.units)",
        bad="(4 * self.units, self.units)",
        source="""
class LstmCellKudu(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 4 * self.units), name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, 4 * self.units), name="recurrent")

    def call(self, x):
        b = ops.shape(x)[0]
        h = c = ops.zeros((b, self.units))
        for t in range(x.shape[1]):
            z = ops.matmul(x[:, t], self.kernel) + ops.matmul(h, self.recurrent)
            i, f, g, o = ops.split(z, 4, axis=-1)
            c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            h = ops.sigmoid(o) * ops.tanh(c)
        return h
""",
    ),
    Case(
        name="GatePairSitatunga",
        inputs="6",
        good="self.gate(x) * self.value(x)",
        bad="self.gate(x) * x",
        source="""
class GatePairSitatunga(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.gate = layers.Dense(units, activation="sigmoid")
        self.value = layers.Dense(units)

    def call(self, x):
        return self.gate(x) * self.value(x)
""",
    ),
    Case(
        name="SpatialDropGemsbok",
        inputs="5,4",
        good="(ops.shape(x)[0], 1, x.shape[-1])",
        bad="(ops.shape(x)[0], x.shape[-1])",
        source="""
class SpatialDropGemsbok(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, x):
        noise = keras.random.uniform((ops.shape(x)[0], 1, x.shape[-1]), seed=self.seed_generator)
        return x * ops.cast(noise > 0.2, x.dtype)
""",
    ),
    Case(
        name="TimeFeatLechwe",
        inputs="8",
        good="ops.concatenate([ops.sin(a), ops.cos(a)], axis=-1)",
        bad="ops.concatenate(ops.sin(a), ops.cos(a), axis=-1)",
        source="""
class TimeFeatLechwe(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.d = layers.Dense(units)

    def call(self, t):
        a = 2.0 * np.pi * t
        return self.d(ops.concatenate([ops.sin(a), ops.cos(a)], axis=-1))
""",
    ),
    Case(
        name="RankNetImpala",
        inputs="5 5",
        good="p[:, :, None] - p[:, None, :]",
        bad="p[:, :, None] - p[None, :, :]",
        source="""
class RankNetImpala(keras.losses.Loss):
    def call(self, y_true, y_pred):
        p, t = y_pred, y_true
        diff = p[:, :, None] - p[:, None, :]
        want = ops.cast(t[:, :, None] > t[:, None, :], diff.dtype)
        return ops.mean(ops.softplus(-diff) * want, axis=(1, 2))
""",
    ),
    Case(
        name="CrfScoreDuiker",
        inputs="6,4 i4:6",
        good="ops.sum(x * hot, axis=(1, 2))",
        bad="ops.sum(x * hot, axis=2)",
        source="""
class CrfScoreDuiker(layers.Layer):
    def build(self, *shapes):
        self.trans = self.add_weight(shape=(4, 4), name="trans")

    def call(self, x, tags):
        hot = ops.one_hot(tags, 4)
        unary = ops.sum(x * hot, axis=(1, 2))
        pair = ops.einsum("bti,ij,btj->b", hot[:, :-1], self.trans, hot[:, 1:])
        return unary + pair
""",
    ),
    Case(
        name="SoftArgmaxReedbuck",
        inputs="5,6",
        good='ops.arange(x.shape[-1], dtype="float32")',
        bad='ops.arange(x.shape[1], dtype="float32")',
        source="""
class SoftArgmaxReedbuck(layers.Layer):
    def call(self, x):
        p = ops.softmax(x, axis=-1)
        pos = ops.arange(x.shape[-1], dtype="float32")
        return ops.sum(p * pos, axis=-1)
""",
    ),
    Case(
        name="MovingStatKob",
        inputs="6",
        good="input_shape[-1:]",
        bad="input_shape",
        source="""
class MovingStatKob(layers.Layer):
    def build(self, input_shape):
        self.mean = self.add_weight(shape=input_shape[-1:], initializer="zeros", trainable=False, name="mean")

    def call(self, x, training=False):
        if training:
            self.mean.assign(0.9 * self.mean + 0.1 * ops.mean(x, axis=0))
        return x - self.mean
""",
    ),
    Case(
        name="UpsampleSkipTopi",
        inputs="8,8,3",
        good="ops.repeat(ops.repeat(d, 2, axis=1), 2, axis=2)",
        bad="ops.repeat(d, 2, axis=1)",
        source="""
class UpsampleSkipTopi(layers.Layer):
    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.enc = layers.Conv2D(filters, 3, padding="same")
        self.down = layers.MaxPooling2D()
        self.out = layers.Conv2D(1, 1)

    def call(self, x):
        e = self.enc(x)
        d = self.down(e)
        u = ops.repeat(ops.repeat(d, 2, axis=1), 2, axis=2)
        return self.out(ops.concatenate([e, u], axis=-1))
""",
    ),
    Case(
        name="ResidualConvTsessebe",
        inputs="8,4",
        good='padding="causal"',
        bad='padding="valid"',
        source="""
class ResidualConvTsessebe(layers.Layer):
    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv1D(filters, 3, dilation_rate=2, padding="causal")

    def call(self, x):
        return x + ops.relu(self.conv(x))
""",
    ),
    Case(
        name="AttnPoolGaur",
        inputs="6,4",
        good="ops.sum(a * x, axis=1)",
        bad="ops.sum(a * x, axis=0)",
        source="""
class AttnPoolGaur(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.score = layers.Dense(1)

    def call(self, x):
        a = ops.softmax(self.score(x), axis=1)
        return ops.sum(a * x, axis=1)
""",
    ),
    Case(
        name="MultiHeadBanteng",
        inputs="6,8",
        good="x.shape[-1] // self.heads",
        bad="self.heads",
        source="""
class MultiHeadBanteng(layers.Layer):
    def __init__(self, heads=4, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads

    def call(self, x):
        b, t = ops.shape(x)[0], ops.shape(x)[1]
        h = ops.reshape(x, (b, t, self.heads, x.shape[-1] // self.heads))
        h = ops.transpose(h, (0, 2, 1, 3))
        return ops.mean(h, axis=2)
""",
    ),
    Case(
        name="TimeDistGayal",
        inputs="5,4,4,3",
        good="(-1, *x.shape[2:])",
        bad="(-1, *x.shape[1:])",
        source="""
class TimeDistGayal(layers.Layer):
    def __init__(self, filters=2, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(filters, 3, padding="same")

    def call(self, x):
        t = x.shape[1]
        flat = ops.reshape(x, (-1, *x.shape[2:]))
        y = self.conv(flat)
        return ops.reshape(y, (-1, t, *y.shape[1:]))
""",
    ),
    Case(
        name="PinballZebu",
        inputs="1 3",
        good="y_pred[:, i : i + 1]",
        bad="y_pred[:, i]",
        source="""
class PinballZebu(keras.losses.Loss):
    def call(self, y_true, y_pred):
        total = 0.0
        for i, q in enumerate((0.1, 0.5, 0.9)):
            e = y_true - y_pred[:, i : i + 1]
            total = total + ops.mean(ops.maximum(q * e, (q - 1) * e), axis=-1)
        return total
""",
    ),
    Case(
        name="EmbedConcatKouprey",
        inputs="i5:3 4",
        good="ops.reshape(self.emb(ids), (-1, 3 * 2))",
        bad="self.emb(ids)",
        source="""
class EmbedConcatKouprey(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.emb = layers.Embedding(5, 2)
        self.out = layers.Dense(2)

    def call(self, ids, numeric):
        e = ops.reshape(self.emb(ids), (-1, 3 * 2))
        return self.out(ops.concatenate([e, numeric], axis=-1))
""",
    ),
    Case(
        name="SeqLossTamaraw",
        inputs="i4:5 5,4",
        good="ops.mean(ce, axis=-1)",
        bad="ops.mean(ce)",
        source="""
class SeqLossTamaraw(keras.losses.Loss):
    def call(self, y_true, y_pred):
        ce = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
        return ops.mean(ce, axis=-1)
""",
    ),
    Case(
        name="R2Anoa",
        inputs="- -",
        good="self.ss_tot.assign_add(ops.sum(ops.square(y_true - self.mean)))",
        bad="self.ss_tot = self.ss_tot + ops.sum(ops.square(y_true - self.mean))",
        source="""
class R2Anoa(keras.metrics.Metric):
    def __init__(self, mean=0.0, name="r2", **kwargs):
        super().__init__(name=name, **kwargs)
        self.mean = mean
        self.ss_res = self.add_weight(shape=(), initializer="zeros", name="ss_res")
        self.ss_tot = self.add_weight(shape=(), initializer="zeros", name="ss_tot")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.ss_res.assign_add(ops.sum(ops.square(y_true - y_pred)))
        self.ss_tot.assign_add(ops.sum(ops.square(y_true - self.mean)))

    def result(self):
        return 1.0 - self.ss_res / (self.ss_tot + 1e-7)
""",
    ),
    Case(
        name="GlobalPoolCatSaola",
        inputs="6,6,4",
        good="axis=(1, 2)), ops.max(x, axis=(1, 2))",
        bad="axis=(1, 2)), ops.max(x, axis=1)",
        source="""
class GlobalPoolCatSaola(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.out = layers.Dense(units)

    def call(self, x):
        pooled = [ops.mean(x, axis=(1, 2)), ops.max(x, axis=(1, 2))]
        return self.out(ops.concatenate(pooled, axis=-1))
""",
    ),
    Case(
        name="BatchNormHandNilgai",
        inputs="6",
        good="axis=0",
        bad="axis=-1",
        source="""
class BatchNormHandNilgai(layers.Layer):
    def build(self, input_shape):
        self.mu = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False, name="mu")

    def call(self, x, training=True):
        m = ops.mean(x, axis=0)
        self.mu.assign(0.99 * self.mu + 0.01 * m)
        return x - self.mu
""",
    ),
    Case(
        name="ConvTransposeBarasingha",
        inputs="4,4,3",
        good="(3, 3, self.filters, input_shape[-1])",
        bad="(3, 3, input_shape[-1], self.filters)",
        source="""
class ConvTransposeBarasingha(layers.Layer):
    def __init__(self, filters=5, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape):
        self.w = self.add_weight(shape=(3, 3, self.filters, input_shape[-1]), name="w")

    def call(self, x):
        return ops.conv_transpose(x, self.w, strides=2, padding="same")
""",
    ),
    Case(
        name="GraphNormThamin",
        inputs="5,3 5,5",
        good="ops.sum(adj, axis=-1, keepdims=True)",
        bad="ops.sum(adj, axis=-1)",
        source="""
class GraphNormThamin(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.lin = layers.Dense(units)

    def call(self, x, adj):
        adj = ops.abs(adj)
        deg = ops.sum(adj, axis=-1, keepdims=True)
        return self.lin(ops.matmul(adj / (deg + 1e-6), x))
""",
    ),
    Case(
        name="MixupHogDeer",
        inputs="6 -",
        good="lam[:, None] * x",
        bad="lam * x",
        source="""
class MixupHogDeer(layers.Layer):
    def call(self, x, lam):
        other = ops.flip(x, axis=1)
        return lam[:, None] * x + (1.0 - lam[:, None]) * other
""",
    ),
    Case(
        name="DotAttnMuskox",
        inputs="4 6,4",
        good="ops.matmul(memory, query[:, :, None])[..., 0]",
        bad="ops.matmul(memory, query)",
        source="""
class DotAttnMuskox(layers.Layer):
    def call(self, query, memory):
        scores = ops.matmul(memory, query[:, :, None])[..., 0]
        weights = ops.softmax(scores, axis=-1)
        return ops.sum(weights[:, :, None] * memory, axis=1)
""",
    ),
    Case(
        name="LogStepGoa",
        inputs="4 4",
        good="ops.log(y_pred + 1.0)",
        bad="ops.log(y_pred)",
        source="""
class LogStepGoa(keras.losses.Loss):
    def call(self, y_true, y_pred):
        y_pred = ops.relu(y_pred)
        y_true = ops.relu(y_true)
        return ops.mean(ops.square(ops.log(y_pred + 1.0) - ops.log(y_true + 1.0)), axis=-1)
""",
    ),
    Case(
        name="ClipGradChamois",
        inputs="5",
        good="self.units * 2",
        bad="self.units",
        source='''
class ClipGradChamois(layers.Layer):
    """GLU: half of the outputs gate the other half."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.proj = layers.Dense(self.units * 2)
        self.out = layers.Dense(units)

    def call(self, x):
        a, g = ops.split(self.proj(x), 2, axis=-1)
        return self.out(a * ops.sigmoid(g))
''',
    ),
)
