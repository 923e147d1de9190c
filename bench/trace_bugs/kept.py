"""Forty small faulty classes and their healthy twins: 26 that raise, 14 that are silently wrong."""

from trace_bugs.case import Case

CASES = (
    # raises: weight built as (units, features)
    Case(
        "ThinLinear",
        "5",
        good="shape=(input_shape[-1], self.units)",
        bad="shape=(self.units, input_shape[-1])",
        named=("ops.matmul(inputs, self.w)",),
        source="""
class ThinLinear(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="random_normal", name="b")

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b
""",
    ),
    # raises: q @ k without transposing k
    Case(
        "NoteSelfAttention",
        "6,5",
        good="ops.matmul(q, ops.transpose(k, (0, 2, 1)))",
        bad="ops.matmul(q, k)",
        also=(
            ("ops.transpose(k, (0, 2, 1))", "ops.swapaxes(k, 1, 2)"),
            ("ops.transpose(k, (0, 2, 1))", "ops.swapaxes(k, -1, -2)"),
            ("ops.transpose(k, (0, 2, 1))", "ops.transpose(k, axes=[0, 2, 1])"),
            ("ops.matmul(q, ops.transpose(k, (0, 2, 1)))", 'ops.einsum("bqd,bkd->bqk", q, k)'),
        ),
        source="""
class NoteSelfAttention(layers.Layer):
    def __init__(self, dim=8):
        super().__init__()
        self.dim = dim
        self.query = layers.Dense(dim)
        self.key = layers.Dense(dim)
        self.value = layers.Dense(dim)

    def call(self, x):
        q = self.query(x)
        k = self.key(x)
        v = self.value(x)
        scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / self.dim**0.5
        weights = ops.softmax(scores, axis=-1)
        return ops.matmul(weights, v)
""",
    ),
    # raises: the learned token has batch 1 and is not repeated before concatenate
    Case(
        "FrontToken",
        "5,6",
        good=(
            "        token = ops.repeat(self.token, ops.shape(patches)[0], axis=0)\n",
            "ops.concatenate([token, patches], axis=1)",
        ),
        bad=("", "ops.concatenate([self.token, patches], axis=1)"),
        also=(
            (
                "ops.repeat(self.token, ops.shape(patches)[0], axis=0)",
                "ops.tile(self.token, (ops.shape(patches)[0], 1, 1))",
            ),
            (
                "ops.repeat(self.token, ops.shape(patches)[0], axis=0)",
                "ops.broadcast_to(self.token, (ops.shape(patches)[0], 1, ops.shape(patches)[-1]))",
            ),
            (
                "ops.repeat(self.token, ops.shape(patches)[0], axis=0)",
                "ops.zeros_like(patches[:, :1]) + self.token",
            ),
        ),
        source='''
class FrontToken(layers.Layer):
    """Puts a learned [CLS] token in front of the patch sequence."""

    def build(self, input_shape):
        self.token = self.add_weight(
            name="token", shape=(1, 1, input_shape[-1]), initializer="random_normal"
        )

    def call(self, patches):
        token = ops.repeat(self.token, ops.shape(patches)[0], axis=0)
        return ops.concatenate([token, patches], axis=1)
''',
    ),
    # raises: stack of two different widths where concatenate was meant
    Case(
        "WideDeepJoin",
        "7 12",
        good="ops.concatenate([wide, h], axis=-1)",
        bad="ops.stack([wide, h], axis=-1)",
        also=(
            ("ops.concatenate([wide, h], axis=-1)", "ops.concatenate([wide, h], axis=1)"),
            ("ops.concatenate([wide, h], axis=-1)", "ops.hstack([wide, h])"),
            ("ops.concatenate([wide, h], axis=-1)", "layers.concatenate([wide, h])"),
        ),
        source="""
class WideDeepJoin(layers.Layer):
    def __init__(self, units=5, **kw):
        super().__init__(**kw)
        self.hidden = layers.Dense(units, activation="relu")
        self.out = layers.Dense(1)

    def call(self, wide, deep):
        h = self.hidden(deep)
        joined = ops.concatenate([wide, h], axis=-1)
        return self.out(joined)
""",
    ),
    # raises: (batch, channels) gate times (batch, height, width, channels)
    Case(
        "ChannelSqueeze",
        "5,6,8",
        good="        s = ops.reshape(s, (-1, 1, 1, s.shape[-1]))\n",
        bad="",
        named=("x * s",),
        also=(
            ("ops.reshape(s, (-1, 1, 1, s.shape[-1]))", "ops.expand_dims(s, (1, 2))"),
            ("ops.reshape(s, (-1, 1, 1, s.shape[-1]))", "ops.expand_dims(ops.expand_dims(s, 1), 1)"),
            (
                ("        s = ops.reshape(s, (-1, 1, 1, s.shape[-1]))\n", "x * s"),
                ("", "x * s[:, None, None, :]"),
            ),
            (
                ("        s = ops.reshape(s, (-1, 1, 1, s.shape[-1]))\n", "axis=(1, 2))"),
                ("", "axis=(1, 2), keepdims=True)"),
            ),
        ),
        source='''
class ChannelSqueeze(layers.Layer):
    """Squeeze-and-excitation."""

    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        c = input_shape[-1]
        self.fc1 = layers.Dense(c // self.ratio, activation="relu")
        self.fc2 = layers.Dense(c, activation="sigmoid")
        self.fc1.build((None, c))
        self.fc2.build((None, c // self.ratio))

    def call(self, x):
        s = ops.mean(x, axis=(1, 2))
        s = self.fc2(self.fc1(s))
        s = ops.reshape(s, (-1, 1, 1, s.shape[-1]))
        return x * s
''',
    ),
    # raises: the whole position table is added to a shorter sequence
    Case(
        "LearnedPlaces",
        "7,4",
        good="x + self.table[: x.shape[1]]",
        bad="x + self.table",
        also=(
            ("self.table[: x.shape[1]]", "self.table[: ops.shape(x)[1]]"),
            ("self.table[: x.shape[1]]", "self.table[None, : x.shape[1], :]"),
            ("self.table[: x.shape[1]]", "ops.take(self.table, ops.arange(x.shape[1]), axis=0)"),
        ),
        source="""
class LearnedPlaces(layers.Layer):
    def __init__(self, max_len=20, **kwargs):
        super().__init__(**kwargs)
        self.max_len = max_len

    def build(self, input_shape):
        self.table = self.add_weight(
            shape=(self.max_len, input_shape[-1]),
            initializer="random_normal",
            name="position_table",
        )

    def call(self, x):
        return x + self.table[: x.shape[1]]
""",
    ),
    # raises: keepdims missing before a division
    Case(
        "ShareLoss",
        "p3 u3",
        good="ops.sum(y_pred, axis=-1, keepdims=True)",
        bad="ops.sum(y_pred, axis=-1)",
        named=("y_pred / total",),
        also=(
            (
                ("ops.sum(y_pred, axis=-1, keepdims=True)", "y_pred / total"),
                ("ops.sum(y_pred, axis=-1)", "y_pred / ops.expand_dims(total, -1)"),
            ),
            (
                ("ops.sum(y_pred, axis=-1, keepdims=True)", "y_pred / total"),
                ("ops.sum(y_pred, axis=-1)", "y_pred / total[:, None]"),
            ),
            ("ops.sum(y_pred, axis=-1, keepdims=True)", "ops.sum(y_pred, axis=1, keepdims=True)"),
            ("ops.sum(y_pred, axis=-1, keepdims=True)", "ops.sum(y_pred, axis=-1)[:, None]"),
        ),
        source='''
class ShareLoss(keras.losses.Loss):
    """Cross-entropy for positive scores that do not add up to one yet."""

    def call(self, y_true, y_pred):
        total = ops.sum(y_pred, axis=-1, keepdims=True)
        p = y_pred / total
        return -ops.sum(y_true * ops.log(p + 1e-7), axis=-1)
''',
    ),
    # raises: reshape target keeps the full width for every head
    Case(
        "HeadSplitter",
        "5,6",
        good="(b, t, self.num_heads, d // self.num_heads)",
        bad="(b, t, self.num_heads, d)",
        also=(
            ("(b, t, self.num_heads, d // self.num_heads)", "(b, t, self.num_heads, -1)"),
            ("(b, t, self.num_heads, d // self.num_heads)", "(-1, t, self.num_heads, d // self.num_heads)"),
        ),
        source="""
class HeadSplitter(layers.Layer):
    def __init__(self, num_heads=3, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def build(self, input_shape):
        d = input_shape[-1]
        self.proj = self.add_weight(shape=(d, d), initializer="glorot_uniform", name="proj")

    def call(self, x):
        b, t, d = ops.shape(x)
        h = ops.matmul(x, self.proj)
        h = ops.reshape(h, (b, t, self.num_heads, d // self.num_heads))
        # (batch, heads, time, head_dim)
        return ops.transpose(h, (0, 2, 1, 3))
""",
    ),
    # raises: torch-like transpose(x, (1, 2))
    Case(
        "TokenMixer2",
        "6,5",
        good="ops.transpose(x, (0, 2, 1))",
        bad="ops.transpose(x, (1, 2))",
        also=(
            ("ops.transpose(x, (0, 2, 1))", "ops.swapaxes(x, 1, 2)"),
            ("ops.transpose(x, (0, 2, 1))", "ops.swapaxes(x, -1, -2)"),
            ("ops.transpose(x, (0, 2, 1))", "ops.moveaxis(x, 1, 2)"),
        ),
        source="""
class TokenMixer2(layers.Layer):
    # ported from the pytorch version
    def build(self, input_shape):
        self.fc = layers.Dense(input_shape[1], activation="gelu")
        self.fc.build((None, input_shape[2], input_shape[1]))

    def call(self, x):
        y = ops.transpose(x, (0, 2, 1))
        y = self.fc(y)
        return x + ops.swapaxes(y, 1, 2)
""",
    ),
    # raises: pooling with the default strides shrinks the branch
    Case(
        "MiniInception",
        "6,6,3",
        good='layers.MaxPooling2D(3, strides=1, padding="same")',
        bad='layers.MaxPooling2D(3, padding="same")',
        named=("ops.concatenate([a, b], axis=-1)", "self.pool(x)"),
        also=(
            ("MaxPooling2D(3, strides=1,", "MaxPooling2D(3, strides=(1, 1),"),
            ("MaxPooling2D(3, strides=1,", "MaxPooling2D((3, 3), strides=1,"),
        ),
        source="""
class MiniInception(layers.Layer):
    def __init__(self, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(filters, 3, padding="same", activation="relu")
        self.pool = layers.MaxPooling2D(3, strides=1, padding="same")
        self.proj = layers.Conv2D(filters, 1)

    def call(self, x):
        a = self.conv(x)
        b = self.proj(self.pool(x))
        return ops.concatenate([a, b], axis=-1)
""",
    ),
    # raises: Conv1D gets (batch, time), the channel axis is missing
    Case(
        "SensorFilter",
        "9",
        good="        signal = ops.expand_dims(signal, axis=-1)\n",
        bad="",
        named=("self.conv(signal)",),
        also=(
            ("ops.expand_dims(signal, axis=-1)", "ops.expand_dims(signal, 2)"),
            ("ops.expand_dims(signal, axis=-1)", "signal[:, :, None]"),
            ("ops.expand_dims(signal, axis=-1)", "signal[..., None]"),
            ("ops.expand_dims(signal, axis=-1)", "ops.reshape(signal, (-1, signal.shape[1], 1))"),
        ),
        source='''
class SensorFilter(layers.Layer):
    """Strongest response of a few learned filters to a raw signal (batch, time)."""

    def __init__(self, filters=4, width=3):
        super().__init__()
        self.conv = layers.Conv1D(filters, width, padding="same")

    def call(self, signal):
        signal = ops.expand_dims(signal, axis=-1)
        response = self.conv(signal)
        return ops.max(response, axis=1)
''',
    ),
    # raises: einsum letters do not follow the kernel's axes
    Case(
        "PairBilinear",
        "5 7",
        good='"bi,ijo,bj->bo"',
        bad='"bi,oij,bj->bo"',
        named=("shape=(left_shape[-1], right_shape[-1], self.units)",),
        also=(
            (
                'ops.einsum("bi,ijo,bj->bo", left, self.kernel, right)',
                'ops.einsum("bi,bj,ijo->bo", left, right, self.kernel)',
            ),
        ),
        source="""
class PairBilinear(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, left_shape, right_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(left_shape[-1], right_shape[-1], self.units),
            initializer="glorot_normal",
        )

    def call(self, left, right):
        return ops.einsum("bi,ijo,bj->bo", left, self.kernel, right)
""",
    ),
    # raises: take_along_axis with an index of too low a rank
    Case(
        "StepPicker",
        "6,4 i6:-",
        good="step[:, None, None]",
        bad="step[:, None]",
        named=("ops.take_along_axis(states, index, axis=1)",),
        also=(
            ("step[:, None, None]", "ops.expand_dims(step, (1, 2))"),
            ("step[:, None, None]", "ops.reshape(step, (-1, 1, 1))"),
            ("step[:, None, None]", "ops.expand_dims(ops.expand_dims(step, -1), -1)"),
        ),
        source='''
class StepPicker(layers.Layer):
    """Takes from every sequence the state at its own step."""

    def call(self, states, step):
        index = step[:, None, None]
        picked = ops.take_along_axis(states, index, axis=1)
        return ops.squeeze(picked, axis=1)
''',
    ),
    # raises: a category kept in a float column is used as an index
    Case(
        "FlagEmbedding",
        "m3",
        good='ops.cast(x[:, 0], "int32")',
        bad="x[:, 0]",
        named=("ops.take(self.table, flag, axis=0)",),
        also=(('ops.cast(x[:, 0], "int32")', 'ops.cast(x[:, 0], "int64")'),),
        backends=("jax", "tensorflow"),
        source='''
class FlagEmbedding(layers.Layer):
    """The first column is a 0/1 flag: replace it by a learned vector."""

    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim

    def build(self, input_shape):
        self.table = self.add_weight(shape=(2, self.dim), initializer="random_normal", name="table")

    def call(self, x):
        flag = ops.cast(x[:, 0], "int32")
        emb = ops.take(self.table, flag, axis=0)
        return ops.concatenate([emb, x[:, 1:]], axis=-1)
''',
    ),
    # raises: split given torch-like sizes instead of split points
    Case(
        "MixtureParts",
        "6",
        good="ops.split(h, [4, 8], axis=-1)",
        bad="ops.split(h, [4, 4, 2], axis=-1)",
        also=(
            ("ops.split(h, [4, 8], axis=-1)", "ops.split(h, [4, 8], axis=1)"),
            ("ops.split(h, [4, 8], axis=-1)", "h[:, :4], h[:, 4:8], h[:, 8:]"),
        ),
        source='''
class MixtureParts(layers.Layer):
    """4 means, 4 scales and 2 mixture weights."""

    def __init__(self, **kw):
        super().__init__(**kw)
        self.dense = layers.Dense(10)

    def call(self, x):
        h = self.dense(x)
        mean, scale, mix = ops.split(h, [4, 8], axis=-1)
        scale = ops.softplus(scale)
        mix = ops.softmax(mix, axis=-1)
        return ops.concatenate([mean, scale, mix], axis=-1)
''',
    ),
    # raises: global pooling over the axes of a channels-first image
    Case(
        "PooledScores",
        "5,6,3",
        good="ops.mean(x, axis=(1, 2))",
        bad="ops.mean(x, axis=(2, 3))",
        named=("ops.matmul(pooled, self.kernel)",),
        also=(
            ("ops.mean(x, axis=(1, 2))", "ops.mean(x, axis=[1, 2])"),
            ("ops.mean(x, axis=(1, 2))", "ops.mean(x, axis=(-3, -2))"),
            ("ops.mean(x, axis=(1, 2))", "ops.mean(ops.mean(x, axis=1), axis=1)"),
        ),
        source="""
class PooledScores(keras.layers.Layer):
    def __init__(self, classes=4, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, input_shape):
        channels = input_shape[-1]
        self.kernel = self.add_weight(
            shape=(channels, self.classes), initializer="he_normal", name="kernel"
        )

    def call(self, x):
        # global average pooling
        pooled = ops.mean(x, axis=(1, 2))
        return ops.matmul(pooled, self.kernel)
""",
    ),
    # raises: arithmetic on a boolean mask
    Case(
        "PadAwareSoftmax",
        "5 i4:5",
        good='ops.cast(ops.not_equal(ids, 0), "float32")',
        bad="ops.not_equal(ids, 0)",
        named=("1.0 - keep",),
        also=(
            ('ops.cast(ops.not_equal(ids, 0), "float32")', "ops.cast(ops.not_equal(ids, 0), scores.dtype)"),
            ('ops.cast(ops.not_equal(ids, 0), "float32")', "ops.where(ops.not_equal(ids, 0), 1.0, 0.0)"),
            (
                ('ops.cast(ops.not_equal(ids, 0), "float32")', "(1.0 - keep)"),
                ("ops.not_equal(ids, 0)", '(1.0 - ops.cast(keep, "float32"))'),
            ),
            (
                ('ops.cast(ops.not_equal(ids, 0), "float32")', "(1.0 - keep)"),
                ("ops.not_equal(ids, 0)", 'ops.cast(ops.logical_not(keep), "float32")'),
            ),
        ),
        backends=("tensorflow", "torch"),
        source="""
class PadAwareSoftmax(layers.Layer):
    def call(self, scores, ids):
        keep = ops.cast(ops.not_equal(ids, 0), "float32")
        scores = scores + (1.0 - keep) * -1e4
        return ops.softmax(scores, axis=-1)
""",
    ),
    # raises: Python's if on a tensor
    Case(
        "GentleLeak",
        "6",
        good="ops.where(x > 0, x, self.slope * x)",
        bad="x if x > 0 else self.slope * x",
        also=(
            ("ops.where(x > 0, x, self.slope * x)", "ops.maximum(x, self.slope * x)"),
            ("ops.where(x > 0, x, self.slope * x)", "ops.leaky_relu(x, self.slope)"),
            (
                "ops.where(x > 0, x, self.slope * x)",
                "ops.maximum(x, 0.0) + self.slope * ops.minimum(x, 0.0)",
            ),
        ),
        source="""
class GentleLeak(layers.Layer):
    def __init__(self, slope=0.1, **kwargs):
        super(GentleLeak, self).__init__(**kwargs)
        self.slope = slope

    def call(self, x):
        return ops.where(x > 0, x, self.slope * x)
""",
    ),
    # raises: a loss whose __init__ does not call the parent's
    Case(
        "DetectionFocal",
        "m5 u5",
        good="        super().__init__(name=name)\n",
        bad="",
        named=(
            "class DetectionFocal(keras.losses.Loss):",
            'def __init__(self, gamma=2.0, alpha=0.25, name="detection_focal"):',
        ),
        also=(
            ("super().__init__(name=name)", "super(DetectionFocal, self).__init__(name=name)"),
            ("super().__init__(name=name)", "super().__init__()"),
            ("super().__init__(name=name)", "keras.losses.Loss.__init__(self, name=name)"),
            (
                ("        super().__init__(name=name)\n", "        self.alpha = alpha\n"),
                ("", "        self.alpha = alpha\n        super().__init__(name=name)\n"),
            ),
        ),
        source="""
class DetectionFocal(keras.losses.Loss):
    def __init__(self, gamma=2.0, alpha=0.25, name="detection_focal"):
        super().__init__(name=name)
        self.gamma = gamma
        self.alpha = alpha

    def call(self, y_true, y_pred):
        y_pred = ops.clip(y_pred, 1e-7, 1 - 1e-7)
        pt = y_true * y_pred + (1 - y_true) * (1 - y_pred)
        at = y_true * self.alpha + (1 - y_true) * (1 - self.alpha)
        return ops.mean(-at * (1 - pt) ** self.gamma * ops.log(pt), axis=-1)
""",
    ),
    # raises: self. forgotten
    Case(
        "SparseShrink",
        "6",
        good="ops.abs(x) - self.theta",
        bad="ops.abs(x) - theta",
        source='''
class SparseShrink(keras.layers.Layer):
    """Soft thresholding, as in ISTA."""

    def __init__(self, theta=0.3, **kwargs):
        super().__init__(**kwargs)
        self.theta = theta

    def call(self, x):
        size = ops.maximum(ops.abs(x) - self.theta, 0.0)
        return ops.sign(x) * size
''',
    ),
    # raises: build() takes the list of shapes for one shape
    Case(
        "TwinDistance",
        "6 6",
        as_list=True,
        good="dim = input_shape[0][-1]",
        bad="dim = input_shape[-1]",
        named=("shape=(dim, self.units)",),
        also=(
            ("dim = input_shape[0][-1]", "dim = input_shape[1][-1]"),
            ("dim = input_shape[0][-1]", "dim = input_shape[-1][-1]"),
            ("dim = input_shape[0][-1]", "(_, dim), _ = input_shape"),
        ),
        source='''
class TwinDistance(layers.Layer):
    """Distance of two inputs behind one shared projection (siamese)."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        dim = input_shape[0][-1]
        self.kernel = self.add_weight(shape=(dim, self.units), initializer="glorot_uniform", name="kernel")

    def call(self, inputs):
        a, b = inputs
        return ops.abs(ops.matmul(a, self.kernel) - ops.matmul(b, self.kernel))
''',
    ),
    # raises: an LSTM with return_state gives three tensors
    Case(
        "LastAndMean",
        "5,3",
        good="seq, h, c = self.lstm(x)",
        bad="seq, h = self.lstm(x)",
        also=(
            ("seq, h, c = self.lstm(x)", "seq, h, _ = self.lstm(x)"),
            ("seq, h, c = self.lstm(x)", "seq, h = self.lstm(x)[:2]"),
            ("seq, h, c = self.lstm(x)", "seq, h, *_ = self.lstm(x)"),
        ),
        source="""
class LastAndMean(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.lstm = layers.LSTM(units, return_sequences=True, return_state=True)

    def call(self, x):
        seq, h, c = self.lstm(x)
        mean = ops.mean(seq, axis=1)
        return ops.concatenate([h, mean], axis=-1)
""",
    ),
    # raises: the first of two recurrent layers does not return its sequence
    Case(
        "StackedGru",
        "5,3",
        good="layers.GRU(6, return_sequences=True)",
        bad="layers.GRU(6)",
        named=("self.second(x)", "self.first(x)"),
        source="""
class StackedGru(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.first = layers.GRU(6, return_sequences=True)
        self.second = layers.GRU(4)
        self.out = layers.Dense(1)

    def call(self, x):
        x = self.first(x)
        x = self.second(x)
        return self.out(x)
""",
    ),
    # raises: MultiHeadAttention called with the query alone
    Case(
        "EncoderHalf",
        "5,8",
        good="self.mha(x, x)",
        bad="self.mha(x)",
        also=(
            ("self.mha(x, x)", "self.mha(x, x, x)"),
            ("self.mha(x, x)", "self.mha(query=x, value=x)"),
            ("self.mha(x, x)", "self.mha(query=x, value=x, key=x)"),
        ),
        source="""
class EncoderHalf(layers.Layer):
    def __init__(self, heads=2, **kwargs):
        super().__init__(**kwargs)
        self.mha = layers.MultiHeadAttention(num_heads=heads, key_dim=4)
        self.norm = layers.LayerNormalization()

    def call(self, x):
        attn = self.mha(x, x)
        return self.norm(x + attn)
""",
    ),
    # raises: a per-sample error is added to a scalar variable
    Case(
        "SummedPercentError",
        "u1 u1",
        good="self.total.assign_add(ops.sum(err))",
        bad="self.total.assign_add(err)",
        also=(
            ("err = ops.abs(y_true - y_pred) / y_true", "err = ops.sum(ops.abs(y_true - y_pred) / y_true)"),
            ("self.total.assign_add(ops.sum(err))", "self.total.assign(self.total + ops.sum(err))"),
        ),
        source="""
class SummedPercentError(keras.metrics.Metric):
    def __init__(self, name="summed_percent_error", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        err = ops.abs(y_true - y_pred) / y_true
        self.total.assign_add(ops.sum(err))

    def result(self):
        return 100.0 * self.total
""",
    ),
    # raises: Keras 2's add_weight("name", shape=...)
    Case(
        "PerFeatureAffine",
        "2,6",
        good='self.add_weight(name="gamma", shape=',
        bad='self.add_weight("gamma", shape=',
        also=(
            (
                'self.add_weight(name="gamma", shape=(input_shape[-1],), initializer="random_normal")',
                'self.add_weight((input_shape[-1],), initializer="random_normal", name="gamma")',
            ),
            ('self.add_weight(name="gamma", shape=', "self.add_weight(shape="),
        ),
        source="""
class PerFeatureAffine(keras.layers.Layer):
    def build(self, input_shape):
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer="random_normal")
        self.beta = self.add_weight(name="beta", shape=(input_shape[-1],), initializer="zeros")
        super().build(input_shape)

    def call(self, x):
        return x * self.gamma + self.beta
""",
    ),
    # silent: argmax gives (n,), the labels are (n, 1): equal() compares every pair
    Case(
        "TopPickRate",
        "i4:1 4",
        good='ops.cast(ops.reshape(y_true, (-1,)), "int32")',
        bad='ops.cast(y_true, "int32")',
        named=("ops.equal(truth, guess)",),
        also=(
            ("ops.reshape(y_true, (-1,))", "y_true[:, 0]"),
            ("ops.reshape(y_true, (-1,))", "ops.squeeze(y_true, axis=-1)"),
            (
                ('ops.cast(ops.reshape(y_true, (-1,)), "int32")', "ops.argmax(y_pred, axis=-1)"),
                ('ops.cast(y_true, "int32")', "ops.argmax(y_pred, axis=-1, keepdims=True)"),
            ),
            (
                ('ops.cast(ops.reshape(y_true, (-1,)), "int32")', "ops.equal(truth, guess)"),
                ('ops.cast(y_true, "int32")', "ops.equal(truth, ops.expand_dims(guess, -1))"),
            ),
        ),
        source='''
class TopPickRate(keras.metrics.Metric):
    """Share of the rows whose largest score is at the label."""

    def __init__(self, name="top_pick_rate", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.rows = self.add_weight(name="rows", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        truth = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        self.hits.assign_add(ops.sum(ops.cast(ops.equal(truth, guess), "float32")))
        self.rows.assign_add(ops.sum(ops.ones_like(y_pred[:, 0])))

    def result(self):
        return self.hits / self.rows
''',
    ),
    # silent: softmax in the Dense and again in call()
    Case(
        "TopicHead",
        "6",
        good="layers.Dense(topics)",
        bad='layers.Dense(topics, activation="softmax")',
        named=("ops.softmax(self.scores(h), axis=-1)",),
        also=(
            (
                ("layers.Dense(topics)", "ops.softmax(self.scores(h), axis=-1)"),
                ('layers.Dense(topics, activation="softmax")', "self.scores(h)"),
            ),
            ("layers.Dense(topics)", 'layers.Dense(topics, activation="linear")'),
            ("layers.Dense(topics)", "layers.Dense(topics, activation=None)"),
        ),
        source="""
class TopicHead(layers.Layer):
    def __init__(self, topics=5, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(8, activation="tanh")
        self.scores = layers.Dense(topics)

    def call(self, x):
        h = self.hidden(x)
        return ops.softmax(self.scores(h), axis=-1)
""",
    ),
    # silent: raw scores given to a cross-entropy that expects probabilities
    Case(
        "RareTagLoss",
        "m5 5",
        good="keras.losses.binary_crossentropy(y_true, y_pred, from_logits=True)",
        bad="keras.losses.binary_crossentropy(y_true, y_pred)",
        also=(
            (
                "keras.losses.binary_crossentropy(y_true, y_pred, from_logits=True)",
                "keras.losses.binary_crossentropy(y_true, ops.sigmoid(y_pred))",
            ),
            (
                "keras.losses.binary_crossentropy(y_true, y_pred, from_logits=True)",
                "ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=True), axis=-1)",
            ),
        ),
        source='''
class RareTagLoss(keras.losses.Loss):
    """Multi-label loss on the raw outputs (logits) of the last Dense layer."""

    def __init__(self, weight=2.0, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight

    def call(self, y_true, y_pred):
        bce = keras.losses.binary_crossentropy(y_true, y_pred, from_logits=True)
        share = ops.mean(y_true, axis=-1)
        return bce * (1.0 + self.weight * share)
''',
    ),
    # silent: sqrt at the zero diagonal of a distance matrix, NaN gradient
    Case(
        "MarkerDistances",
        "6,3",
        good="ops.sqrt(ops.maximum(d2, 1e-8))",
        bad="ops.sqrt(d2)",
        also=(
            ("ops.sqrt(ops.maximum(d2, 1e-8))", "ops.sqrt(d2 + 1e-8)"),
            ("ops.sqrt(ops.maximum(d2, 1e-8))", "ops.sqrt(d2 + 1e-6)"),
            (
                "ops.sqrt(ops.maximum(d2, 1e-8))",
                "ops.where(d2 > 0, ops.sqrt(ops.where(d2 > 0, d2, 1.0)), 0.0)",
            ),
        ),
        source='''
class MarkerDistances(layers.Layer):
    """Distances between all markers of a pose: (batch, n, 3) -> (batch, n, n)."""

    def call(self, points):
        diff = ops.expand_dims(points, 2) - ops.expand_dims(points, 1)
        d2 = ops.sum(ops.square(diff), axis=-1)
        return ops.sqrt(ops.maximum(d2, 1e-8))
''',
    ),
    # silent: mean over the valid steps, 0 / 0 where there is none
    Case(
        "BasketMean",
        "4,3 i4:-",
        good="ops.maximum(ops.sum(m, axis=1), 1.0)",
        bad="ops.sum(m, axis=1)",
        named=("total / count",),
        batch=8,
        also=(
            (
                ("ops.maximum(ops.sum(m, axis=1), 1.0)", "total / count"),
                ("ops.sum(m, axis=1)", "ops.divide_no_nan(total, count)"),
            ),
            ("ops.maximum(ops.sum(m, axis=1), 1.0)", "ops.sum(m, axis=1) + 1e-7"),
            ("ops.maximum(ops.sum(m, axis=1), 1.0)", "ops.maximum(ops.sum(m, axis=1), 1e-7)"),
        ),
        source='''
class BasketMean(layers.Layer):
    """Mean of the first `size` items of each basket; a basket may be empty."""

    def call(self, items, size):
        places = ops.arange(items.shape[1])
        m = ops.cast(places < ops.expand_dims(size, -1), "float32")
        m = ops.expand_dims(m, -1)
        total = ops.sum(items * m, axis=1)
        count = ops.maximum(ops.sum(m, axis=1), 1.0)
        return total / count
''',
    ),
    # silent: the maximum is taken over the batch, not over the row
    Case(
        "RowPeakScale",
        "6",
        good="ops.max(ops.abs(x), axis=-1, keepdims=True)",
        bad="ops.max(ops.abs(x), axis=0, keepdims=True)",
        also=(
            ("axis=-1, keepdims=True", "axis=1, keepdims=True"),
            (
                "ops.max(ops.abs(x), axis=-1, keepdims=True)",
                "ops.expand_dims(ops.max(ops.abs(x), axis=-1), -1)",
            ),
        ),
        source='''
class RowPeakScale(layers.Layer):
    """Scales each signal so that its peak is 1."""

    def call(self, x):
        peak = ops.max(ops.abs(x), axis=-1, keepdims=True)
        return x / (peak + 1e-6)
''',
    ),
    # silent: predictions are rounded inside a loss
    Case(
        "FOneLoss",
        "m6 u6",
        good="        tp = ops.sum(",
        bad="        y_pred = ops.round(y_pred)\n        tp = ops.sum(",
        source="""
class FOneLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        tp = ops.sum(y_true * y_pred, axis=-1)
        fp = ops.sum((1 - y_true) * y_pred, axis=-1)
        fn = ops.sum(y_true * (1 - y_pred), axis=-1)
        f1 = 2 * tp / (2 * tp + fp + fn + 1e-7)
        return 1 - f1
""",
    ),
    # silent: one term in pixels (squared), the other in fractions of the image
    Case(
        "BoxSizeLoss",
        "u4 u4",
        good="ops.square(y_true[:, :2] - y_pred[:, :2])",
        bad="ops.square(640.0 * (y_true[:, :2] - y_pred[:, :2]))",
        named=("centre + size",),
        also=(("ops.square(y_true[:, :2] - y_pred[:, :2])", "(y_true[:, :2] - y_pred[:, :2]) ** 2"),),
        source='''
class BoxSizeLoss(keras.losses.Loss):
    """Boxes are (cx, cy, w, h), all as fractions of the image."""

    def call(self, y_true, y_pred):
        centre = ops.sum(ops.square(y_true[:, :2] - y_pred[:, :2]), axis=-1)
        size = ops.sum(ops.square(y_true[:, 2:] - y_pred[:, 2:]), axis=-1)
        return centre + size
''',
    ),
    # silent: variance as E[p^2] - E[p]^2 of numbers near 1000 that vary by less than 1
    Case(
        "BarometerScale",
        "8",
        good="var = ops.mean(ops.square(p - mean), axis=-1, keepdims=True)",
        bad="var = ops.mean(ops.square(p), axis=-1, keepdims=True) - ops.square(mean)",
        named=("ops.sqrt(var + 1e-6)",),
        also=(
            ("ops.mean(ops.square(p - mean), axis=-1, keepdims=True)", "ops.var(p, axis=-1, keepdims=True)"),
            ("ops.square(p - mean)", "(p - mean) ** 2"),
        ),
        source='''
class BarometerScale(layers.Layer):
    """Standardises a window of air pressures (hPa); x is the reading in steps of 0.3 around 1013."""

    def call(self, x):
        p = 1013.0 + 0.3 * x
        mean = ops.mean(p, axis=-1, keepdims=True)
        var = ops.mean(ops.square(p - mean), axis=-1, keepdims=True)
        return (p - mean) / ops.sqrt(var + 1e-6)
''',
    ),
    # silent: integer division makes the ramp all zeros
    Case(
        "RampBias",
        "6,3",
        good="ops.cast(ops.arange(n), x.dtype) / n",
        bad="ops.cast(ops.arange(n) // n, x.dtype)",
        also=(
            ("ops.cast(ops.arange(n), x.dtype) / n", "ops.cast(ops.arange(n) / n, x.dtype)"),
            ("ops.cast(ops.arange(n), x.dtype) / n", 'ops.arange(n, dtype="float32") / n'),
        ),
        source='''
class RampBias(layers.Layer):
    """Adds a learned multiple of the relative position (0 .. 1) to every step."""

    def build(self, input_shape):
        self.slope = self.add_weight(shape=(input_shape[-1],), initializer="random_normal", name="slope")

    def call(self, x):
        n = x.shape[1]
        ramp = ops.cast(ops.arange(n), x.dtype) / n
        return x + ops.expand_dims(ramp, -1) * self.slope
''',
    ),
    # silent: squares of ADC counts overflow float16
    Case(
        "LoudnessReadout",
        "i400:8",
        good='ops.cast(samples, "float32")',
        bad='ops.cast(samples, "float16")',
        named=("ops.mean(ops.square(s), axis=-1, keepdims=True)", "ops.square(s)"),
        also=(
            (
                ('ops.cast(samples, "float32")', "ops.square(s)"),
                ('ops.cast(samples, "float16")', 'ops.square(ops.cast(s, "float32"))'),
            ),
        ),
        source='''
class LoudnessReadout(layers.Layer):
    """Root mean square of a window of ADC counts."""

    def call(self, samples):
        s = ops.cast(samples, "float32")
        power = ops.mean(ops.square(s), axis=-1, keepdims=True)
        return ops.sqrt(power)
''',
    ),
    # silent: keepdims missing where the matrix is square
    Case(
        "LabelNoiseMap",
        "p5",
        good="ops.sum(e, axis=-1, keepdims=True)",
        bad="ops.sum(e, axis=-1)",
        also=(
            ("e / ops.sum(e, axis=-1, keepdims=True)", "ops.softmax(self.raw, axis=-1)"),
            ("ops.sum(e, axis=-1, keepdims=True)", "ops.expand_dims(ops.sum(e, axis=-1), -1)"),
            ("ops.sum(e, axis=-1, keepdims=True)", "ops.sum(e, axis=1, keepdims=True)"),
        ),
        source='''
class LabelNoiseMap(layers.Layer):
    """Learned confusion matrix: each row holds the noisy-label probabilities of one class."""

    def build(self, input_shape):
        n = input_shape[-1]
        self.raw = self.add_weight(
            shape=(n, n), initializer=keras.initializers.RandomNormal(stddev=1.0), name="raw"
        )

    def call(self, probs):
        e = ops.exp(self.raw)
        t = e / ops.sum(e, axis=-1, keepdims=True)
        return ops.matmul(probs, t)
''',
    ),
    # silent: each hidden layer is fed the input, so only the last one counts
    Case(
        "PlainTower",
        "6",
        good="h = layer(h)",
        bad="h = layer(x)",
        also=((("h = layer(h)", "self.out(h)"), ("x = layer(x)", "self.out(x)")),),
        source="""
class PlainTower(layers.Layer):
    def __init__(self, width=6, depth=3, **kwargs):
        super().__init__(**kwargs)
        self.hidden = [layers.Dense(width, activation="tanh") for _ in range(depth)]
        self.out = layers.Dense(1)

    def call(self, x):
        h = x
        for layer in self.hidden:
            h = layer(h)
        return self.out(h)
""",
    ),
    # silent: seconds of the day saturate tanh
    Case(
        "DaytimeFeatures",
        "i86400:3",
        good='t = ops.cast(seconds, "float32") / 86400.0',
        bad='t = ops.cast(seconds, "float32")',
        named=("ops.tanh(ops.matmul(t, self.w) + self.b)", "ops.matmul(t, self.w)"),
        also=(
            (
                ('t = ops.cast(seconds, "float32") / 86400.0', "ops.matmul(t, self.w)"),
                ('t = ops.cast(seconds, "float32")', "ops.matmul(t / 86400.0, self.w)"),
            ),
        ),
        source='''
class DaytimeFeatures(layers.Layer):
    """Features from event times, given in seconds since midnight."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="random_normal", name="b")

    def call(self, seconds):
        t = ops.cast(seconds, "float32") / 86400.0
        return ops.tanh(ops.matmul(t, self.w) + self.b)
''',
    ),
)
