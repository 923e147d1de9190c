"""Forty cases: 26 that raise when called, 14 that are silently wrong."""

from trace_bugs.case import Case

CASES = (
    # raises: the excitation does not come back to the number of channels
    Case(
        name="SqueezeExciteHoatzin",
        inputs="7,5,6",
        good='self.fc2 = layers.Dense(channels, activation="sigmoid")',
        bad='self.fc2 = layers.Dense(channels // self.ratio, activation="sigmoid")',
        also=(
            (
                'self.fc2 = layers.Dense(channels, activation="sigmoid")',
                'self.fc2 = layers.Dense(input_shape[-1], activation="sigmoid")',
            ),
            (
                'self.fc2 = layers.Dense(channels, activation="sigmoid")',
                'self.fc2 = layers.Dense(units=channels, activation="sigmoid")',
            ),
        ),
        named=("x * s", "channels // self.ratio", "self.fc2(self.fc1(s))"),
        source="""
class SqueezeExciteHoatzin(layers.Layer):
    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        channels = input_shape[-1]
        self.pool = layers.GlobalAveragePooling2D(keepdims=True)
        self.fc1 = layers.Dense(channels // self.ratio, activation="relu")
        self.fc2 = layers.Dense(channels, activation="sigmoid")

    def call(self, x):
        s = self.pool(x)
        s = self.fc2(self.fc1(s))
        return x * s
""",
    ),
    # raises: odd sizes, the upsampled map is one pixel larger than the skip
    Case(
        name="TinyUNetKakapo",
        inputs="7,7,2",
        good="        u = u[:, : x1.shape[1], : x1.shape[2], :]\n",
        bad="",
        also=(
            ("u = u[:, : x1.shape[1], : x1.shape[2], :]", "u = u[:, :-1, :-1, :]"),
            ("u = u[:, : x1.shape[1], : x1.shape[2], :]", "u = layers.Cropping2D(((0, 1), (0, 1)))(u)"),
        ),
        named=("ops.concatenate([x1, u], axis=-1)", "self.up(x2)"),
        source='''
class TinyUNetKakapo(keras.Model):
    """One-level U-Net for small segmentation crops."""

    def __init__(self):
        super().__init__()
        self.enc = layers.Conv2D(4, 3, padding="same", activation="relu")
        self.pool = layers.MaxPooling2D(2, padding="same")
        self.mid = layers.Conv2D(8, 3, padding="same", activation="relu")
        self.up = layers.Conv2DTranspose(4, 2, strides=2, padding="same")
        self.dec = layers.Conv2D(4, 3, padding="same", activation="relu")
        self.out = layers.Conv2D(1, 1)

    def call(self, inputs):
        x1 = self.enc(inputs)
        x2 = self.mid(self.pool(x1))
        u = self.up(x2)
        u = u[:, : x1.shape[1], : x1.shape[2], :]
        x = ops.concatenate([x1, u], axis=-1)
        return self.out(self.dec(x))
''',
    ),
    # raises: padding mask lacks the axis of the heads
    Case(
        name="MHAQuokka",
        inputs="7,6 m7",
        good="mask[:, None, None, :]",
        bad="mask[:, None, :]",
        also=(
            ("mask[:, None, None, :]", "ops.expand_dims(mask, (1, 2))"),
            ("mask[:, None, None, :]", "ops.reshape(mask, (-1, 1, 1, t))"),
        ),
        named=("scores + bias", "scores"),
        source="""
class MHAQuokka(layers.Layer):
    def __init__(self, num_heads=2, head_dim=3):
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = head_dim
        self.qkv = layers.Dense(3 * num_heads * head_dim)
        self.proj = layers.Dense(num_heads * head_dim)

    def call(self, x, mask):
        t = x.shape[1]
        qkv = ops.reshape(self.qkv(x), (-1, t, 3, self.num_heads, self.head_dim))
        qkv = ops.transpose(qkv, (2, 0, 3, 1, 4))
        q, k, v = qkv[0], qkv[1], qkv[2]
        scores = ops.matmul(q, ops.swapaxes(k, -1, -2)) / self.head_dim**0.5
        bias = (1.0 - mask[:, None, None, :]) * -1e9
        attn = ops.softmax(scores + bias, axis=-1)
        out = ops.transpose(ops.matmul(attn, v), (0, 2, 1, 3))
        return self.proj(ops.reshape(out, (-1, t, self.num_heads * self.head_dim)))
""",
    ),
    # raises: product with the adjacency matrix the wrong way round
    Case(
        name="GraphConvNumbat",
        inputs="6,3 m6,6",
        good="ops.matmul(adj, nodes)",
        bad="ops.matmul(nodes, adj)",
        also=(
            ("ops.matmul(adj, nodes)", 'ops.einsum("bij,bjf->bif", adj, nodes)'),
            ("ops.matmul(adj, nodes)", "adj @ nodes"),
            ("ops.matmul(adj, nodes)", "ops.sum(adj[..., None] * nodes[:, None], axis=2)"),
        ),
        source='''
class GraphConvNumbat(keras.layers.Layer):
    """h_i = relu(W mean_{j in N(i)} x_j + b), self loops added"""

    def __init__(self, units=5, **kw):
        super().__init__(**kw)
        self.lin = keras.layers.Dense(units, activation="relu")

    def call(self, nodes, adj):
        n = nodes.shape[1]
        adj = adj + ops.eye(n)
        deg = ops.sum(adj, axis=-1, keepdims=True)
        agg = ops.matmul(adj, nodes) / deg
        return self.lin(agg)
''',
    ),
    # raises: & between a condition and a mask of floats
    Case(
        name="masked_mape_okapi",
        inputs="8 8 m8",
        make="masked_mape_okapi",
        good="& (mask > 0)",
        bad="& mask",
        also=(
            ("& (mask > 0)", '& ops.cast(mask, "bool")'),
            ("& (mask > 0)", "& ops.equal(mask, 1.0)"),
            ("(ops.abs(y_true) > 0.1) & (mask > 0)", "ops.logical_and(ops.abs(y_true) > 0.1, mask)"),
        ),
        source='''
def masked_mape_okapi(y_true, y_pred, mask):
    """MAPE over the observed, non-zero targets."""
    valid = (ops.abs(y_true) > 0.1) & (mask > 0)
    safe = ops.where(valid, y_true, 1.0)
    err = ops.abs((y_true - y_pred) / safe)
    err = ops.where(valid, err, 0.0)
    count = ops.sum(ops.cast(valid, "float32"), axis=-1)
    return 100.0 * ops.sum(err, axis=-1) / ops.maximum(count, 1.0)
''',
    ),
    # raises: kernel with input and output channels exchanged (as in a PyTorch port)
    Case(
        name="WSConv2DTarsier",
        inputs="6,6,3",
        good="shape=(k, k, input_shape[-1], self.filters)",
        bad="shape=(k, k, self.filters, input_shape[-1])",
        also=(
            (
                "shape=(k, k, input_shape[-1], self.filters)",
                "shape=[k, k, int(input_shape[-1]), self.filters]",
            ),
            (
                "shape=(k, k, input_shape[-1], self.filters)",
                "shape=(*self.kernel_size, input_shape[-1], self.filters)",
            ),
        ),
        named=("ops.conv(x, w, strides=1, padding='same')", "self.kernel", "w"),
        source="""
class WSConv2DTarsier(layers.Layer):
    # weight standardization, https://arxiv.org/abs/1903.10520
    def __init__(self, filters=8, kernel_size=3, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = (kernel_size, kernel_size)

    def build(self, input_shape):
        k = self.kernel_size[0]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(k, k, input_shape[-1], self.filters),
            initializer="he_normal",
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, x):
        mean = ops.mean(self.kernel, axis=(0, 1, 2), keepdims=True)
        var = ops.var(self.kernel, axis=(0, 1, 2), keepdims=True)
        w = (self.kernel - mean) / ops.sqrt(var + 1e-5)
        return ops.conv(x, w, strides=1, padding="same") + self.bias
""",
    ),
    # raises: weight made for the number of steps, not of features
    Case(
        name="AttnPoolAxolotl",
        inputs="7,5",
        good="shape=(input_shape[-1], self.units)",
        bad="shape=(input_shape[1], self.units)",
        also=(
            ("shape=(input_shape[-1], self.units)", "shape=(input_shape[2], self.units)"),
            ("shape=(input_shape[-1], self.units)", "shape=[int(input_shape[-1]), self.units]"),
        ),
        named=("ops.dot(x, self.W)", "ops.dot(x, self.W) + self.b", "self.W"),
        source="""
class AttnPoolAxolotl(layers.Layer):
    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.W = self.add_weight(name="att_W", shape=(input_shape[-1], self.units), initializer="glorot_uniform")
        self.b = self.add_weight(name="att_b", shape=(self.units,), initializer="zeros")
        self.u = self.add_weight(name="att_u", shape=(self.units, 1), initializer="glorot_uniform")

    def call(self, x):
        uit = ops.tanh(ops.dot(x, self.W) + self.b)
        ait = ops.dot(uit, self.u)
        a = ops.softmax(ait, axis=1)
        return ops.sum(x * a, axis=1)
""",
    ),
    # raises: the first LSTM gives only its last step
    Case(
        name="StackedLSTMDikdik",
        inputs="6,3",
        good="layers.LSTM(8, return_sequences=True)",
        bad="layers.LSTM(8)",
        also=(
            ("layers.LSTM(8, return_sequences=True)", "layers.LSTM(units=8, return_sequences=True)"),
            (
                "layers.LSTM(8, return_sequences=True)",
                "layers.RNN(layers.LSTMCell(8), return_sequences=True)",
            ),
        ),
        named=("self.lstm2(x)", "self.lstm1(x)"),
        source='''
class StackedLSTMDikdik(keras.Model):
    """Forecast the next value from a window of 6 steps"""

    def __init__(self):
        super().__init__()
        self.lstm1 = layers.LSTM(8, return_sequences=True)
        self.lstm2 = layers.LSTM(4)
        self.dropout = layers.Dropout(0.2)
        self.fc = layers.Dense(1)

    def call(self, x, training=False):
        x = self.lstm1(x)
        x = self.lstm2(x)
        x = self.dropout(x, training=training)
        return self.fc(x)
''',
    ),
    # raises: super().__init__() not called
    Case(
        name="ResidualMLPPangolin",
        inputs="6",
        good="        super().__init__()\n        self.d1",
        bad="        self.d1",
        also=(
            ("super().__init__()\n", "super(ResidualMLPPangolin, self).__init__()\n"),
            ("super().__init__()\n", 'super().__init__(name="res_mlp")\n'),
        ),
        source="""
class ResidualMLPPangolin(layers.Layer):
    def __init__(self, hidden=10, out=6):
        super().__init__()
        self.d1 = layers.Dense(hidden, activation="gelu")
        self.d2 = layers.Dense(out)
        self.norm = layers.LayerNormalization()

    def call(self, x):
        h = self.d2(self.d1(x))
        return self.norm(x + h)
""",
    ),
    # raises: confusion matrix of samples by samples
    Case(
        name="MeanIoUNarwhal",
        inputs="i3:5 5,3",
        good="ops.matmul(ops.transpose(t), p)",
        bad="ops.matmul(t, ops.transpose(p))",
        also=(
            ("ops.matmul(ops.transpose(t), p)", 'ops.einsum("na,nb->ab", t, p)'),
            ("ops.matmul(ops.transpose(t), p)", "ops.sum(t[:, :, None] * p[:, None, :], axis=0)"),
            ("ops.matmul(ops.transpose(t), p)", "ops.tensordot(t, p, axes=[[0], [0]])"),
        ),
        named=("self.cm.assign_add(cm)",),
        source="""
class MeanIoUNarwhal(keras.metrics.Metric):
    def __init__(self, num_classes=3, name="mean_iou", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.cm = self.add_weight(name="cm", shape=(num_classes, num_classes), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.reshape(ops.argmax(y_pred, axis=-1), (-1,))
        t = ops.one_hot(ops.reshape(y_true, (-1,)), self.num_classes)
        p = ops.one_hot(labels, self.num_classes)
        cm = ops.matmul(ops.transpose(t), p)
        self.cm.assign_add(cm)

    def result(self):
        inter = ops.diagonal(self.cm)
        union = ops.sum(self.cm, axis=0) + ops.sum(self.cm, axis=1) - inter
        return ops.mean(inter / (union + 1e-7))
""",
    ),
    # raises: a merging layer wants one list
    Case(
        name="LateFusionCapybara",
        inputs="6,6,3 5",
        good="self.concat([f, t])",
        bad="self.concat(f, t)",
        also=(
            ("self.concat([f, t])", "self.concat((f, t))"),
            (
                ("        self.concat = layers.Concatenate()\n", "self.concat([f, t])"),
                ("", "ops.concatenate([f, t], axis=-1)"),
            ),
            (
                ("        self.concat = layers.Concatenate()\n", "self.concat([f, t])"),
                ("", "keras.layers.concatenate([f, t])"),
            ),
        ),
        source="""
class LateFusionCapybara(keras.Model):
    def __init__(self, classes=4):
        super().__init__()
        self.cnn = layers.Conv2D(4, 3, strides=2, activation="relu")
        self.gap = layers.GlobalAveragePooling2D()
        self.tab = layers.Dense(6, activation="relu")
        self.concat = layers.Concatenate()
        self.head = layers.Dense(classes, activation="softmax")

    def call(self, image, meta):
        f = self.gap(self.cnn(image))
        t = self.tab(meta)
        z = self.concat([f, t])
        return self.head(z)
""",
    ),
    # raises: Python's max on a tensor
    Case(
        name="TripletMarginFossa",
        inputs="6 6 6",
        good="ops.maximum(d_pos - d_neg + self.margin, 0.0)",
        bad="max(d_pos - d_neg + self.margin, 0.0)",
        also=(
            ("ops.maximum(d_pos - d_neg + self.margin, 0.0)", "ops.relu(d_pos - d_neg + self.margin)"),
            (
                "ops.maximum(d_pos - d_neg + self.margin, 0.0)",
                "ops.maximum(0.0, self.margin + d_pos - d_neg)",
            ),
            (
                "ops.maximum(d_pos - d_neg + self.margin, 0.0)",
                "keras.activations.relu(d_pos - d_neg + self.margin)",
            ),
        ),
        source='''
class TripletMarginFossa(layers.Layer):
    """Embeds anchor, positive and negative with shared weights, gives the loss per triplet."""

    def __init__(self, margin=0.5, dim=4):
        super().__init__()
        self.margin = margin
        self.embed = layers.Dense(dim, use_bias=False)

    def call(self, anchor, positive, negative):
        a, p, n = self.embed(anchor), self.embed(positive), self.embed(negative)
        d_pos = ops.sum(ops.square(a - p), axis=-1)
        d_neg = ops.sum(ops.square(a - n), axis=-1)
        return ops.maximum(d_pos - d_neg + self.margin, 0.0)
''',
    ),
    # raises: levels of a pyramid stacked at different sizes
    Case(
        name="MiniFPNWombat",
        inputs="8,8,3",
        good="ops.stack([p3, self.up(p4)], axis=-1)",
        bad="ops.stack([p3, p4], axis=-1)",
        also=(
            (
                ("        self.up = layers.UpSampling2D(2)\n", "self.up(p4)"),
                ("", "ops.repeat(ops.repeat(p4, 2, axis=1), 2, axis=2)"),
            ),
            ("ops.stack([p3, self.up(p4)], axis=-1)", "ops.stack((p3, self.up(p4)), axis=4)"),
        ),
        named=("self.lat4(c4)",),
        source="""
class MiniFPNWombat(keras.Model):
    def __init__(self, width=4):
        super().__init__()
        self.stage3 = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")
        self.stage4 = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")
        self.lat3 = layers.Conv2D(width, 1)
        self.lat4 = layers.Conv2D(width, 1)
        self.up = layers.UpSampling2D(2)

    def call(self, x):
        c3 = self.stage3(x)
        c4 = self.stage4(c3)
        p3, p4 = self.lat3(c3), self.lat4(c4)
        # elementwise max over the levels
        levels = ops.stack([p3, self.up(p4)], axis=-1)
        return ops.max(levels, axis=-1)
""",
    ),
    # raises: split takes the number of pieces, not their size
    Case(
        name="MinimalGRUCellServal",
        inputs="3 5",
        good="ops.split(gates, 2, axis=-1)",
        bad="ops.split(gates, self.units, axis=-1)",
        also=(
            ("ops.split(gates, 2, axis=-1)", "ops.split(gates, [self.units], axis=-1)"),
            ("ops.split(gates, 2, axis=-1)", "gates[:, : self.units], gates[:, self.units :]"),
        ),
        source="""
class MinimalGRUCellServal(layers.Layer):
    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.x2g = layers.Dense(2 * units)
        self.h2g = layers.Dense(2 * units, use_bias=False)
        self.x2c = layers.Dense(units)
        self.h2c = layers.Dense(units, use_bias=False)

    def call(self, x, h):
        gates = ops.sigmoid(self.x2g(x) + self.h2g(h))
        z, r = ops.split(gates, 2, axis=-1)
        c = ops.tanh(self.x2c(x) + self.h2c(r * h))
        return (1 - z) * h + z * c
""",
    ),
    # raises: sums over the classes where it should sum over the pixels
    Case(
        name="weighted_dice_gharial",
        inputs="m6,5,3 u6,5,3",
        make="weighted_dice_gharial",
        good="axes = (1, 2)",
        bad="axes = (2, 3)",
        also=(
            ("axes = (1, 2)", "axes = [1, 2]"),
            ("axes = (1, 2)", "axes = (-3, -2)"),
        ),
        named=(
            "w * dice",
            "ops.sum(w * dice, axis=-1)",
            "ops.sum(y_true * y_pred, axis=axes)",
            "ops.sum(y_true, axis=axes)",
            "ops.sum(y_pred, axis=axes)",
        ),
        source='''
def weighted_dice_gharial(y_true, y_pred, class_weights=(0.2, 0.3, 0.5), smooth=1.0):
    """Soft dice per class over the image, weighted mean over classes. channels_last"""
    axes = (1, 2)
    w = ops.convert_to_tensor(class_weights, dtype="float32")
    intersection = ops.sum(y_true * y_pred, axis=axes)
    union = ops.sum(y_true, axis=axes) + ops.sum(y_pred, axis=axes)
    dice = (2.0 * intersection + smooth) / (union + smooth)
    return 1.0 - ops.sum(w * dice, axis=-1)
''',
    ),
    # raises: integer labels used as if they were one-hot
    Case(
        name="FocalLossMarmoset",
        inputs="i5:- p5",
        good='ops.one_hot(ops.cast(y_true, "int32"), self.num_classes)',
        bad='ops.cast(y_true, "float32")',
        also=(
            (
                'ops.one_hot(ops.cast(y_true, "int32"), self.num_classes)',
                'ops.cast(ops.arange(self.num_classes) == ops.cast(y_true, "int32")[:, None], "float32")',
            ),
            (
                'ops.one_hot(ops.cast(y_true, "int32"), self.num_classes)',
                'ops.take(ops.eye(self.num_classes), ops.cast(y_true, "int32"), axis=0)',
            ),
            (
                'ops.one_hot(ops.cast(y_true, "int32"), self.num_classes)',
                'ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])',
            ),
        ),
        named=("labels * focal * ops.log(p)", "labels * focal"),
        source="""
class FocalLossMarmoset(keras.losses.Loss):
    def __init__(self, gamma=2.0, num_classes=5, name="focal_loss"):
        super().__init__(name=name)
        self.gamma = gamma
        self.num_classes = num_classes

    def call(self, y_true, y_pred):
        # y_true: (batch,) class ids, y_pred: (batch, classes) softmax output
        p = ops.clip(y_pred, 1e-7, 1.0 - 1e-7)
        labels = ops.one_hot(ops.cast(y_true, "int32"), self.num_classes)
        focal = ops.power(1.0 - p, self.gamma)
        return -ops.sum(labels * focal * ops.log(p), axis=-1)
""",
    ),
    # raises: the whole table of positions is added to a shorter sequence
    Case(
        name="TokenAndPosCoati",
        inputs="i11:6",
        good="self.pos_emb[:t]",
        bad="self.pos_emb",
        also=(
            ("self.pos_emb[:t]", "ops.take(self.pos_emb, ops.arange(t), axis=0)"),
            ("self.pos_emb[:t]", "self.pos_emb[None, :t, :]"),
            ("self.pos_emb[:t]", "ops.convert_to_tensor(self.pos_emb)[:t]"),
        ),
        source="""
class TokenAndPosCoati(layers.Layer):
    def __init__(self, vocab_size=11, max_len=16, embed_dim=8, **kwargs):
        super().__init__(**kwargs)
        self.token_emb = layers.Embedding(vocab_size, embed_dim)
        self.pos_emb = self.add_weight(
            name="pos_emb", shape=(max_len, embed_dim), initializer="random_normal"
        )

    def call(self, tokens):
        t = tokens.shape[1]
        x = self.token_emb(tokens) * 8**0.5
        return x + self.pos_emb[:t]
""",
    ),
    # raises: take_along_axis wants indices of the same rank
    Case(
        name="dqn_loss_jerboa",
        inputs="3 i3:- - 3 m-",
        make="dqn_loss_jerboa",
        good="ops.take_along_axis(q_values, actions[:, None], axis=1)[:, 0]",
        bad="ops.take_along_axis(q_values, actions, axis=1)",
        also=(
            (
                "ops.take_along_axis(q_values, actions[:, None], axis=1)[:, 0]",
                "ops.sum(q_values * ops.one_hot(actions, q_values.shape[-1]), axis=1)",
            ),
            (
                "ops.take_along_axis(q_values, actions[:, None], axis=1)[:, 0]",
                "ops.squeeze(ops.take_along_axis(q_values, ops.expand_dims(actions, 1), axis=1), 1)",
            ),
        ),
        source='''
def dqn_loss_jerboa(q_values, actions, rewards, next_q, dones, gamma=0.99):
    """Huber TD error of each transition."""
    best_next = ops.max(next_q, axis=1)
    target = ops.stop_gradient(rewards + gamma * (1.0 - dones) * best_next)
    chosen = ops.take_along_axis(q_values, actions[:, None], axis=1)[:, 0]
    td = ops.abs(target - chosen)
    return ops.where(td < 1.0, 0.5 * td * td, td - 0.5)
''',
    ),
    # raises: a real FFT has n // 2 + 1 bins
    Case(
        name="LearnableMelLoris",
        inputs="64",
        good="bins = self.n_fft // 2 + 1",
        bad="bins = self.n_fft // 2",
        also=(
            ("bins = self.n_fft // 2 + 1", "bins = 1 + self.n_fft // 2"),
            ("bins = self.n_fft // 2 + 1", "bins = (self.n_fft + 2) // 2"),
            ("bins = self.n_fft // 2 + 1", "bins = len(np.fft.rfftfreq(self.n_fft))"),
        ),
        named=("ops.matmul(power, self.fb)", "self.fb", "(bins, self.n_mels)"),
        source='''
class LearnableMelLoris(layers.Layer):
    """waveform (batch, samples) -> log filterbank energies (batch, frames, n_mels)"""

    def __init__(self, n_fft=16, hop=8, n_mels=5):
        super().__init__()
        self.n_fft, self.hop, self.n_mels = n_fft, hop, n_mels

    def build(self, input_shape):
        bins = self.n_fft // 2 + 1
        init = keras.initializers.RandomUniform(0.0, 1.0)
        self.fb = self.add_weight(shape=(bins, self.n_mels), initializer=init, name="filterbank")

    def call(self, wav):
        re, im = ops.stft(wav, self.n_fft, self.hop, self.n_fft)
        power = ops.square(re) + ops.square(im)
        mel = ops.matmul(power, self.fb)
        return ops.log(ops.relu(mel) + 1e-6)
''',
    ),
    # raises: the generator's first Dense has too few units for its reshape
    Case(
        name="DCGenSaiga",
        inputs="10",
        good="layers.Dense(4 * 4 * 8)",
        bad="layers.Dense(4 * 8)",
        also=(
            ("layers.Dense(4 * 4 * 8)", "layers.Dense(128)"),
            (
                ("layers.Dense(4 * 4 * 8)", "self.reshape = layers.Reshape((4, 4, 8))"),
                ("layers.Dense(4 * 4 * 8)", "self.reshape = layers.Reshape((4, 4, -1))"),
            ),
        ),
        named=("layers.Reshape((4, 4, 8))", "self.reshape(x)", "self.fc(z)"),
        source="""
class DCGenSaiga(keras.Model):
    def __init__(self):
        super(DCGenSaiga, self).__init__()
        self.fc = layers.Dense(4 * 4 * 8)
        self.reshape = layers.Reshape((4, 4, 8))
        self.deconv1 = layers.Conv2DTranspose(4, 4, strides=2, padding="same")
        self.deconv2 = layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh")

    def call(self, z):
        x = ops.leaky_relu(self.fc(z))
        x = self.reshape(x)
        x = ops.leaky_relu(self.deconv1(x))
        return self.deconv2(x)
""",
    ),
    # raises: the moving average is shorter than the series it is taken from
    Case(
        name="SeriesDecompBinturong",
        inputs="9,2",
        good='strides=1, padding="same"',
        bad='strides=1, padding="valid"',
        also=(
            (
                'layers.AveragePooling1D(3, strides=1, padding="same")',
                'layers.AvgPool1D(pool_size=3, padding="same", strides=1)',
            ),
            ("self.moving_avg(x)", "ops.average_pool(x, 3, strides=1, padding='same')"),
        ),
        named=("x - trend", "self.moving_avg(x)"),
        source="""
class SeriesDecompBinturong(layers.Layer):
    # DLinear style: trend by moving average, remainder is seasonal
    def __init__(self, horizon=3):
        super().__init__()
        self.moving_avg = layers.AveragePooling1D(3, strides=1, padding="same")
        self.linear_trend = layers.Dense(horizon)
        self.linear_seasonal = layers.Dense(horizon)

    def call(self, x):
        trend = self.moving_avg(x)
        seasonal = x - trend
        t = self.linear_trend(ops.transpose(trend, (0, 2, 1)))
        s = self.linear_seasonal(ops.transpose(seasonal, (0, 2, 1)))
        return ops.transpose(t + s, (0, 2, 1))
""",
    ),
    # raises: a method of torch tensors (port of a PyTorch module)
    Case(
        name="TokenMixerAye",
        inputs="6,4",
        backends=("jax", "tensorflow"),
        good="ops.transpose(self.norm1(x), (0, 2, 1))",
        bad="self.norm1(x).permute(0, 2, 1)",
        also=(
            ("ops.transpose(self.norm1(x), (0, 2, 1))", "ops.swapaxes(self.norm1(x), 1, 2)"),
            ("ops.transpose(self.norm1(x), (0, 2, 1))", "layers.Permute((2, 1))(self.norm1(x))"),
        ),
        source="""
class TokenMixerAye(layers.Layer):
    def __init__(self, tokens=6, dim=4, hidden=8):
        super().__init__()
        self.norm1 = layers.LayerNormalization(epsilon=1e-6)
        self.norm2 = layers.LayerNormalization(epsilon=1e-6)
        self.token_mlp = keras.Sequential([layers.Dense(hidden, activation="gelu"), layers.Dense(tokens)])
        self.channel_mlp = keras.Sequential([layers.Dense(hidden, activation="gelu"), layers.Dense(dim)])

    def call(self, x):
        y = ops.transpose(self.norm1(x), (0, 2, 1))
        y = ops.transpose(self.token_mlp(y), (0, 2, 1))
        x = x + y
        return x + self.channel_mlp(self.norm2(x))
""",
    ),
    # raises: assignment into a tensor
    Case(
        name="NextItemDhole",
        inputs="i9:5",
        backends=("jax", "tensorflow"),
        good="logits = ops.where(ops.arange(self.num_items) == 0, -1e9, logits)",
        bad="logits[:, 0] = -1e9",
        also=(
            (
                "logits = ops.where(ops.arange(self.num_items) == 0, -1e9, logits)",
                "logits = ops.concatenate([ops.full_like(logits[:, :1], -1e9), logits[:, 1:]], axis=-1)",
            ),
            (
                "logits = ops.where(ops.arange(self.num_items) == 0, -1e9, logits)",
                "logits = ops.pad(logits[:, 1:], ((0, 0), (1, 0)), constant_values=-1e9)",
            ),
        ),
        source='''
class NextItemDhole(keras.Model):
    """Session based recommender. Item 0 is padding and must never be recommended."""

    def __init__(self, num_items=9, dim=6):
        super().__init__()
        self.num_items = num_items
        self.emb = layers.Embedding(num_items, dim)
        self.gru = layers.GRU(8)
        self.out = layers.Dense(num_items)

    def call(self, history):
        h = self.gru(self.emb(history))
        logits = self.out(h)
        logits = ops.where(ops.arange(self.num_items) == 0, -1e9, logits)
        return ops.softmax(logits)
''',
    ),
    # raises: the loss is taken after the tape has closed, so there are no gradients
    Case(
        name="CustomStepDugong",
        inputs="5 1",
        as_list=True,
        backends=("tensorflow",),
        header="import keras\nimport numpy as np\nimport tensorflow as tf\nfrom keras import layers, ops\n\n\n",
        make="compiled().train_step",
        good="            loss = self.compute_loss",
        bad="        loss = self.compute_loss",
        also=(
            ("self.compute_loss(x=x, y=y, y_pred=y_pred)", "self.compute_loss(x, y, y_pred)"),
            (
                "self.compute_loss(x=x, y=y, y_pred=y_pred)",
                "ops.mean(keras.losses.mean_squared_error(y, y_pred))",
            ),
        ),
        named=(
            "tape.gradient(loss, self.trainable_variables)",
            "zip(grads, self.trainable_variables)",
            "self.optimizer.apply_gradients(zip(grads, self.trainable_variables))",
        ),
        source="""
class CustomStepDugong(keras.Model):
    def __init__(self):
        super().__init__()
        self.body = layers.Dense(8, activation="relu")
        self.head = layers.Dense(1)

    def call(self, x):
        return self.head(self.body(x))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        return {"loss": loss}


def compiled():
    model = CustomStepDugong()
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    return model
""",
    ),
    # raises: sums over an axis that the pooled vectors no longer have
    Case(
        name="SentencePairMargay",
        inputs="i12:5 i12:8",
        good="ops.sum(u * v, axis=-1)",
        bad="ops.sum(u * v, axis=2)",
        also=(
            ("ops.sum(u * v, axis=-1)", "ops.sum(u * v, axis=1)"),
            ("ops.sum(u * v, axis=-1)", 'ops.einsum("bd,bd->b", u, v)'),
        ),
        source='''
class SentencePairMargay(layers.Layer):
    """Cosine similarity of two sentences"""

    def __init__(self, vocab=12, dim=6):
        super().__init__()
        self.emb = layers.Embedding(vocab, dim)
        self.enc = layers.Conv1D(dim, 3, padding="same", activation="tanh")

    def encode(self, ids):
        h = self.enc(self.emb(ids))
        h = ops.mean(h, axis=1)
        norm = ops.sqrt(ops.sum(ops.square(h), axis=-1, keepdims=True) + 1e-8)
        return h / norm

    def call(self, first, second):
        u = self.encode(first)
        v = self.encode(second)
        return ops.sum(u * v, axis=-1)
''',
    ),
    # raises: ids count from 1 (0 is "unknown"), so the table lacks a row
    Case(
        name="CatEmbedTanuki",
        inputs="4 i9:3",
        backends=("tensorflow", "torch"),
        good="layers.Embedding(cardinality + 1, dim)",
        bad="layers.Embedding(cardinality, dim)",
        also=(
            (
                "layers.Embedding(cardinality + 1, dim)",
                "layers.Embedding(input_dim=1 + cardinality, output_dim=dim)",
            ),
            ("cardinality + 1, dim)", "9, dim)"),
        ),
        named=("self.emb(cats)",),
        source='''
class CatEmbedTanuki(keras.Model):
    """Tabular net: numbers, and three columns of shared category ids 0..cardinality (0 = unknown)."""

    def __init__(self, cardinality=8, dim=3):
        super().__init__()
        self.emb = layers.Embedding(cardinality + 1, dim)
        self.flat = layers.Flatten()
        self.bn = layers.BatchNormalization()
        self.fc = layers.Dense(6, activation="relu")
        self.out = layers.Dense(1, activation="sigmoid")

    def call(self, nums, cats, training=False):
        e = self.flat(self.emb(cats))
        x = ops.concatenate([self.bn(nums, training=training), e], axis=1)
        return self.out(self.fc(x))
''',
    ),
    # silent: patches cut without bringing the axes of a patch together
    Case(
        name="PatchifyAddax",
        inputs="8,6,3",
        good="        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))\n",
        bad="",
        also=(
            ("x = ops.transpose(x, (0, 1, 3, 2, 4, 5))", "x = ops.swapaxes(x, 2, 3)"),
            ("x = ops.transpose(x, (0, 1, 3, 2, 4, 5))", 'x = ops.einsum("bhpwqc->bhwpqc", x)'),
        ),
        named=(
            "ops.reshape(x, (-1, h // p * (w // p), p * p * c))",
            "ops.reshape(img, (-1, h // p, p, w // p, p, c))",
        ),
        source='''
class PatchifyAddax(layers.Layer):
    """ViT stem: (b, h, w, c) -> (b, patches, dim), every token one p x p square of the image"""

    def __init__(self, patch=2, dim=8):
        super().__init__()
        self.patch = patch
        self.proj = layers.Dense(dim)

    def call(self, img):
        p = self.patch
        h, w, c = img.shape[1:]
        x = ops.reshape(img, (-1, h // p, p, w // p, p, c))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        x = ops.reshape(x, (-1, (h // p) * (w // p), p * p * c))
        return self.proj(x)
''',
    ),
    # silent: 0 * log 0
    Case(
        name="KLSoftLabelsIndri",
        inputs="i5:- p5",
        good="ops.log(ops.maximum(q, 1e-7))",
        bad="ops.log(q)",
        also=(
            ("ops.log(ops.maximum(q, 1e-7))", "ops.log(ops.clip(q, 1e-7, 1.0))"),
            ("ops.log(ops.maximum(q, 1e-7))", "ops.log(q + 1e-7)"),
            ("ops.log(ops.maximum(q, 1e-7))", "ops.log(ops.where(q > 0, q, 1.0))"),
        ),
        named=("q * (ops.log(q) - ops.log(p))", "ops.log(q) - ops.log(p)"),
        source='''
class KLSoftLabelsIndri(keras.losses.Loss):
    """KL(labels || prediction), with optional label smoothing."""

    def __init__(self, classes=5, smoothing=0.0, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        q = ops.one_hot(ops.cast(y_true, "int32"), self.classes)
        q = q * (1.0 - self.smoothing) + self.smoothing / self.classes
        p = ops.clip(y_pred, 1e-7, 1.0)
        return ops.sum(q * (ops.log(ops.maximum(q, 1e-7)) - ops.log(p)), axis=-1)
''',
    ),
    # silent: the slope of sqrt at zero (distance of a point to itself)
    Case(
        name="PairDistGaur",
        inputs="6,3",
        good="ops.sqrt(d2 + 1e-6)",
        bad="ops.sqrt(d2)",
        also=(
            ("ops.sqrt(d2 + 1e-6)", "ops.sqrt(ops.maximum(d2, 1e-6))"),
            ("ops.sqrt(d2 + 1e-6)", "ops.power(d2 + 1e-6, 0.5)"),
        ),
        source='''
class PairDistGaur(layers.Layer):
    """Point cloud: radial basis features of all pairwise distances, averaged for each point"""

    def __init__(self, dim=4, centers=5):
        super().__init__()
        self.dim = dim
        self.embed = layers.Dense(dim)
        self.centers = np.linspace(0.0, 2.0, centers).astype("float32")

    def call(self, points):
        e = self.embed(points)
        diff = ops.expand_dims(e, 2) - ops.expand_dims(e, 1)
        d2 = ops.sum(ops.square(diff), axis=-1)
        dist = ops.sqrt(d2 + 1e-6)
        rbf = ops.exp(-4.0 * ops.square(dist[..., None] - ops.convert_to_tensor(self.centers)))
        return ops.mean(rbf, axis=2)
''',
    ),
    # silent: attends to the padding only
    Case(
        name="MaskedPoolCivet",
        inputs="9,4 m9",
        good="(1.0 - mask) * -1e9",
        bad="mask * -1e9",
        also=(
            ("(1.0 - mask) * -1e9", "(mask - 1.0) * 1e9"),
            ("score + (1.0 - mask) * -1e9", "ops.where(mask > 0, score, -1e9)"),
            ("(1.0 - mask) * -1e9", "ops.where(ops.cast(mask, 'bool'), 0.0, -1e9)"),
        ),
        named=("ops.softmax(score, axis=-1)",),
        source='''
class MaskedPoolCivet(keras.layers.Layer):
    """Attentive pooling of a padded sequence. mask: 1 = token, 0 = padding"""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.key = keras.layers.Dense(6, activation="tanh")
        self.query = keras.layers.Dense(1, use_bias=False)

    def call(self, seq, mask):
        score = ops.squeeze(self.query(self.key(seq)), axis=-1)
        score = score + (1.0 - mask) * -1e9
        alpha = ops.softmax(score, axis=-1)
        return ops.sum(alpha[:, :, None] * seq, axis=1)
''',
    ),
    # silent: differences of unsigned bytes wrap round
    Case(
        name="FrameDiffKudu",
        inputs="i256:4,6,5",
        good='frames = ops.cast(frames, "float32")',
        bad='frames = ops.cast(frames, "uint8")',
        also=(
            ('frames = ops.cast(frames, "float32")', 'frames = ops.cast(frames, "int16")'),
            ('frames = ops.cast(frames, "float32")', 'frames = ops.cast(frames, "int32")'),
        ),
        named=("frames[:, 1:] - frames[:, :-1]", "ops.abs(frames[:, 1:] - frames[:, :-1])"),
        source='''
class FrameDiffKudu(layers.Layer):
    """Motion energy of a grey clip (batch, time, h, w) with pixels 0..255"""

    def __init__(self, units=3):
        super().__init__()
        self.head = layers.Dense(units)

    def call(self, frames):
        frames = ops.cast(frames, "float32")
        diff = ops.abs(frames[:, 1:] - frames[:, :-1])
        diff = ops.cast(diff, "float32") / 255.0
        energy = ops.mean(diff, axis=(2, 3))
        return self.head(energy)
''',
    ),
    # silent: squares of 16-bit samples do not fit into float16
    Case(
        name="PCMEnergyBongo",
        inputs="i32768:64",
        good='x = ops.cast(pcm, "float32")',
        bad='x = ops.cast(pcm, "float16")',
        also=(
            ('x = ops.cast(pcm, "float32")', "x = ops.cast(pcm, self.compute_dtype)"),
            ('x = ops.cast(pcm, "float32")', "x = 1.0 * ops.cast(pcm, keras.config.floatx())"),
        ),
        named=("ops.square(frames)", "ops.mean(ops.square(frames), axis=-1)"),
        source="""
class PCMEnergyBongo(layers.Layer):
    # int16 PCM -> frame-wise log energy -> scores
    def __init__(self, frame=16, classes=3, **kwargs):
        super().__init__(**kwargs)
        self.frame = frame
        self.cls = layers.Dense(classes)

    def call(self, pcm):
        n = pcm.shape[1] // self.frame
        x = ops.cast(pcm, "float32")
        frames = ops.reshape(x, (-1, n, self.frame))
        energy = ops.mean(ops.square(frames), axis=-1)
        logE = ops.log(energy + 1.0) / 10.0
        return self.cls(ops.cast(logE, "float32"))
""",
    ),
    # silent: the gradient is cut on the predictor's side, not the target's
    Case(
        name="SimSiamGenet",
        inputs="6 6",
        good="z = ops.stop_gradient(ops.normalize(z, axis=-1))\n        p = ops.normalize(p, axis=-1)",
        bad="z = ops.normalize(z, axis=-1)\n        p = ops.stop_gradient(ops.normalize(p, axis=-1))",
        also=(
            (
                "z = ops.stop_gradient(ops.normalize(z, axis=-1))",
                "z = ops.normalize(ops.stop_gradient(z), axis=-1)",
            ),
            ("-ops.sum(p * z, axis=-1)", "-ops.sum(p * ops.stop_gradient(z), axis=-1)"),
        ),
        source='''
class SimSiamGenet(keras.Model):
    """Negative cosine similarity of predictor and (constant) target, symmetric, for each pair of views."""

    def __init__(self, dim=5):
        super().__init__()
        self.encoder = layers.Dense(dim, activation="tanh")
        self.projector = layers.Dense(dim)
        self.predictor = layers.Dense(dim)

    def distance(self, p, z):
        z = ops.stop_gradient(ops.normalize(z, axis=-1))
        p = ops.normalize(p, axis=-1)
        return -ops.sum(p * z, axis=-1)

    def call(self, view1, view2):
        z1 = self.projector(self.encoder(view1))
        z2 = self.projector(self.encoder(view2))
        p1, p2 = self.predictor(z1), self.predictor(z2)
        return 0.5 * self.distance(p1, z2) + 0.5 * self.distance(p2, z1)
''',
    ),
    # silent: threshold of probabilities on logits
    Case(
        name="LogitAccuracySitatunga",
        inputs="m6 6",
        good="y_pred > 0.0",
        bad="y_pred > 0.5",
        also=(
            ("y_pred > 0.0", "ops.sigmoid(y_pred) > 0.5"),
            ("y_pred > 0.0", "ops.greater(y_pred, 0)"),
        ),
        source='''
class LogitAccuracySitatunga(keras.metrics.Metric):
    """Multi-label accuracy; y_pred are logits (the model has no sigmoid)."""

    def __init__(self, name="logit_acc", **kwargs):
        super().__init__(name=name, **kwargs)
        self.correct = self.add_weight(name="correct", initializer="zeros")
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(y_pred > 0.0, "float32")
        hit = ops.cast(ops.equal(labels, ops.cast(y_true, "float32")), "float32")
        self.correct.assign_add(ops.sum(hit))
        self.total.assign_add(ops.cast(ops.size(hit), "float32"))

    def result(self):
        return self.correct / ops.maximum(self.total, 1.0)
''',
    ),
    # silent: the false positives of earlier batches are forgotten
    Case(
        name="MicroF1Zorilla",
        inputs="m5 u5",
        good="self.fp.assign_add(ops.sum((1 - y) * p))",
        bad="self.fp.assign(ops.sum((1 - y) * p))",
        also=(
            ("self.fp.assign_add(ops.sum((1 - y) * p))", "self.fp.assign(self.fp + ops.sum((1 - y) * p))"),
            ("self.fp.assign_add(ops.sum((1 - y) * p))", "self.fp.assign_add(ops.sum(p) - ops.sum(y * p))"),
        ),
        source="""
class MicroF1Zorilla(keras.metrics.Metric):
    def __init__(self, threshold=0.5, name="f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.tp = self.add_weight(name="tp", initializer="zeros")
        self.fp = self.add_weight(name="fp", initializer="zeros")
        self.fn = self.add_weight(name="fn", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y = ops.cast(y_true, "float32")
        p = ops.cast(y_pred >= self.threshold, "float32")
        self.tp.assign_add(ops.sum(y * p))
        self.fp.assign_add(ops.sum((1 - y) * p))
        self.fn.assign_add(ops.sum(y * (1 - p)))

    def result(self):
        precision = self.tp / (self.tp + self.fp + 1e-7)
        recall = self.tp / (self.tp + self.fn + 1e-7)
        return 2 * precision * recall / (precision + recall + 1e-7)
""",
    ),
    # silent: the sign of the KL term
    Case(
        name="VAEStatsOcelot",
        inputs="8",
        good="kl = -0.5 * ops.sum(",
        bad="kl = 0.5 * ops.sum(",
        also=(
            (
                "-0.5 * ops.sum(1 + logvar - ops.square(mu) - ops.exp(logvar), axis=-1)",
                "0.5 * ops.sum(ops.square(mu) + ops.exp(logvar) - logvar - 1, axis=-1)",
            ),
            ("self.add_loss(self.beta * ops.mean(kl))", "self.add_loss(ops.mean(self.beta * kl))"),
        ),
        named=("self.beta * ops.mean(kl)", "self.add_loss(self.beta * ops.mean(kl))", "ops.mean(kl)"),
        source='''
class VAEStatsOcelot(layers.Layer):
    """Encoder head: mean and log variance side by side; adds KL(q || N(0, 1)) to the losses."""

    def __init__(self, latent=3, beta=0.5, **kwargs):
        super().__init__(**kwargs)
        self.beta = beta
        self.mu = layers.Dense(latent)
        self.logvar = layers.Dense(latent)

    def call(self, h):
        mu, logvar = self.mu(h), self.logvar(h)
        kl = -0.5 * ops.sum(1 + logvar - ops.square(mu) - ops.exp(logvar), axis=-1)
        self.add_loss(self.beta * ops.mean(kl))
        return ops.concatenate([mu, logvar], axis=-1)
''',
    ),
    # silent: the weights of a node's neighbours do not add up to one
    Case(
        name="GATHeadCaracal",
        inputs="6,4 m6,6",
        good="alpha = ops.softmax(e, axis=-1)",
        bad="alpha = ops.softmax(e, axis=1)",
        also=(
            ("alpha = ops.softmax(e, axis=-1)", "alpha = ops.softmax(e, axis=2)"),
            ("alpha = ops.softmax(e, axis=-1)", "alpha = keras.activations.softmax(e)"),
        ),
        source='''
class GATHeadCaracal(layers.Layer):
    """One head of a graph attention network: alpha_ij over the neighbours j of node i"""

    def __init__(self, units=5):
        super().__init__()
        self.W = layers.Dense(units, use_bias=False)
        self.a_self = layers.Dense(1, use_bias=False)
        self.a_neigh = layers.Dense(1, use_bias=False)

    def call(self, x, adj):
        h = self.W(x)
        e = self.a_self(h) + ops.transpose(self.a_neigh(h), (0, 2, 1))
        e = ops.leaky_relu(e, 0.2)
        edge = (adj + ops.eye(adj.shape[-1])) > 0
        e = ops.where(edge, e, -1e9)
        alpha = ops.softmax(e, axis=-1)
        return ops.elu(ops.matmul(alpha, h))
''',
    ),
    # silent: series normalised over the batch, not over time
    Case(
        name="RevINForecastJaguarundi",
        inputs="8,3",
        good=("ops.mean(x, axis=1, keepdims=True)", "ops.std(x, axis=1, keepdims=True)"),
        bad=("ops.mean(x, axis=0, keepdims=True)", "ops.std(x, axis=0, keepdims=True)"),
        also=(
            (
                ("ops.mean(x, axis=1, keepdims=True)", "ops.std(x, axis=1, keepdims=True)"),
                ("ops.mean(x, axis=-2, keepdims=True)", "ops.std(x, axis=-2, keepdims=True)"),
            ),
            (
                ("ops.mean(x, axis=1, keepdims=True)", "ops.std(x, axis=1, keepdims=True)"),
                ("ops.mean(x, axis=1)[:, None, :]", "ops.sqrt(ops.var(x, axis=1)[:, None, :] + 1e-12)"),
            ),
        ),
        source='''
class RevINForecastJaguarundi(keras.Model):
    """Reversible instance normalisation: each series is scaled by its own mean and deviation."""

    def __init__(self, horizon=8, eps=1e-3):
        super().__init__()
        self.eps = eps
        self.mix = layers.Dense(horizon)

    def call(self, x):
        mu = ops.mean(x, axis=1, keepdims=True)
        sd = ops.std(x, axis=1, keepdims=True) + self.eps
        z = (x - mu) / sd
        y = self.mix(ops.transpose(z, (0, 2, 1)))
        y = ops.transpose(y, (0, 2, 1))
        return y * sd + mu
''',
    ),
    # silent: the convolution sees the next step
    Case(
        name="TCNBlockMuntjac",
        inputs="10,3",
        good='self.conv1 = layers.Conv1D(filters, kernel, dilation_rate=dilation, padding="causal")',
        bad='self.conv1 = layers.Conv1D(filters, kernel, dilation_rate=dilation, padding="same")',
        also=(
            (
                (
                    'self.conv1 = layers.Conv1D(filters, kernel, dilation_rate=dilation, padding="causal")',
                    "self.conv1(x)",
                ),
                (
                    "self.conv1 = layers.Conv1D(filters, kernel, dilation_rate=dilation)",
                    "self.conv1(ops.pad(x, ((0, 0), (4, 0), (0, 0))))",
                ),
            ),
            (
                'self.conv1 = layers.Conv1D(filters, kernel, dilation_rate=dilation, padding="causal")',
                'self.conv1 = layers.Conv1D(filters, kernel_size=kernel, padding="causal", dilation_rate=dilation)',
            ),
        ),
        named=("self.conv1(x)",),
        source='''
class TCNBlockMuntjac(layers.Layer):
    """Causal residual block of a temporal convolutional network: step t sees steps <= t only."""

    def __init__(self, filters=4, kernel=3, dilation=2):
        super().__init__()
        self.conv1 = layers.Conv1D(filters, kernel, dilation_rate=dilation, padding="causal")
        self.conv2 = layers.Conv1D(filters, kernel, dilation_rate=2 * dilation, padding="causal")
        self.skip = layers.Conv1D(filters, 1)

    def call(self, x):
        h = ops.relu(self.conv1(x))
        h = ops.relu(self.conv2(h))
        return ops.relu(h + self.skip(x))
''',
    ),
    # silent: rank counted from 0 in the discount, log2(1) = 0 divides
    Case(
        name="ndcg_potoroo",
        inputs="m8 8",
        make="ndcg_potoroo",
        good='ops.arange(2, k + 2, dtype="float32")',
        bad='ops.arange(1, k + 1, dtype="float32")',
        also=(
            ('ops.arange(2, k + 2, dtype="float32")', 'ops.arange(k, dtype="float32") + 2.0'),
            (
                'ops.log2(ops.arange(2, k + 2, dtype="float32"))',
                'ops.log2(1.0 + ops.arange(1, k + 1, dtype="float32"))',
            ),
            ('ops.arange(2, k + 2, dtype="float32")', 'ops.cast(ops.arange(2, k + 2), "float32")'),
        ),
        source='''
def ndcg_potoroo(relevance, scores, k=5):
    """NDCG@k of each query; relevance and scores are (batch, items)."""
    order = ops.argsort(-scores, axis=-1)
    gains = ops.take_along_axis(relevance, order, axis=-1)[:, :k]
    ideal = ops.flip(ops.sort(relevance, axis=-1), axis=-1)[:, :k]
    discount = 1.0 / ops.log2(ops.arange(2, k + 2, dtype="float32"))
    dcg = ops.sum(gains * discount, axis=-1)
    idcg = ops.sum(ideal * discount, axis=-1)
    return dcg / (idcg + 1e-8)
''',
    ),
)
