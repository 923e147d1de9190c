"""Common slips in layers, losses and metrics, written by someone who did not know the search."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    # Layers.
    Case(
        "ContextAttention",
        "5,6 7,6",
        "ops.transpose(k, (0, 2, 1))",
        "ops.transpose(k)",
        '''
class ContextAttention(keras.layers.Layer):
    """Lets every word of the question look at the words of a passage."""

    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.wq = keras.layers.Dense(units)
        self.wk = keras.layers.Dense(units)
        self.wv = keras.layers.Dense(units)

    def call(self, question, passage):
        q = self.wq(question)
        k = self.wk(passage)
        v = self.wv(passage)
        scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / self.units**0.5
        weights = ops.softmax(scores, axis=-1)
        return ops.matmul(weights, v)
''',
        named=("ops.matmul(q, ops.transpose(k))",),
        also=(
            ("ops.transpose(k, (0, 2, 1))", "ops.swapaxes(k, 1, 2)"),
            ("ops.transpose(k, (0, 2, 1))", "ops.swapaxes(k, -1, -2)"),
            ("ops.matmul(q, ops.transpose(k, (0, 2, 1)))", 'ops.einsum("bqd,bkd->bqk", q, k)'),
        ),
    ),
    Case(
        "PairwiseFM",
        "7",
        "shape=(input_shape[-1], self.factors)",
        "shape=(self.factors, input_shape[-1])",
        """
class PairwiseFM(layers.Layer):
    def __init__(self, factors=4, **kwargs):
        super().__init__(**kwargs)
        self.factors = factors

    def build(self, input_shape):
        self.w0 = self.add_weight(shape=(1,), initializer="zeros", name="w0")
        self.w = self.add_weight(shape=(input_shape[-1], 1), name="w")
        self.v = self.add_weight(
            shape=(input_shape[-1], self.factors), initializer="random_normal", name="v"
        )
        super().build(input_shape)

    def call(self, inputs):
        linear = ops.matmul(inputs, self.w) + self.w0
        sum_square = ops.square(ops.matmul(inputs, self.v))
        square_sum = ops.matmul(ops.square(inputs), ops.square(self.v))
        pairs = 0.5 * ops.sum(sum_square - square_sum, axis=-1, keepdims=True)
        return linear + pairs

    def get_config(self):
        config = super().get_config()
        config.update({"factors": self.factors})
        return config
""",
        named=("ops.matmul(inputs, self.v)",),
    ),
    Case(
        "SEBlock",
        "5,5,6",
        "inputs * s[:, None, None, :]",
        "inputs * s",
        """
class SEBlock(layers.Layer):
    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        channels = input_shape[-1]
        self.pool = layers.GlobalAveragePooling2D()
        self.fc1 = layers.Dense(channels // self.ratio, activation="relu")
        self.fc2 = layers.Dense(channels, activation="sigmoid")

    def call(self, inputs):
        s = self.pool(inputs)
        s = self.fc1(s)
        s = self.fc2(s)
        return inputs * s[:, None, None, :]
""",
        named=("self.pool(inputs)", "layers.GlobalAveragePooling2D()"),
        also=(
            ("inputs * s[:, None, None, :]", "inputs * s[:, None, None]"),
            ("inputs * s[:, None, None, :]", "inputs * ops.expand_dims(s, (1, 2))"),
            ("inputs * s[:, None, None, :]", "inputs * ops.reshape(s, (-1, 1, 1, inputs.shape[-1]))"),
            ("inputs * s[:, None, None, :]", 'ops.einsum("bhwc,bc->bhwc", inputs, s)'),
            (
                ("layers.GlobalAveragePooling2D()", "inputs * s[:, None, None, :]"),
                ("layers.GlobalAveragePooling2D(keepdims=True)", "inputs * s"),
            ),
        ),
    ),
    Case(
        "PatchClassEmbed",
        "4,6,3",
        "shape=(1, patches + 1, self.dim)",
        "shape=(1, patches, self.dim)",
        """
class PatchClassEmbed(layers.Layer):
    def __init__(self, patch_size=2, dim=8, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size
        self.dim = dim
        self.projection = layers.Conv2D(dim, patch_size, strides=patch_size)

    def build(self, input_shape):
        _, height, width, _ = input_shape
        patches = (height // self.patch_size) * (width // self.patch_size)
        self.cls_token = self.add_weight(
            shape=(1, 1, self.dim), initializer="random_normal", name="cls_token"
        )
        self.pos_embed = self.add_weight(
            shape=(1, patches + 1, self.dim), initializer="random_normal", name="pos_embed"
        )

    def call(self, images):
        x = self.projection(images)
        x = ops.reshape(x, (-1, x.shape[1] * x.shape[2], self.dim))
        cls = ops.broadcast_to(self.cls_token, (ops.shape(x)[0], 1, self.dim))
        x = ops.concatenate([cls, x], axis=1)
        return x + self.pos_embed
""",
        named=("x + self.pos_embed", "(height // self.patch_size) * (width // self.patch_size)"),
        also=(
            (
                "patches = (height // self.patch_size) * (width // self.patch_size)\n"
                "        self.cls_token = self.add_weight(\n"
                '            shape=(1, 1, self.dim), initializer="random_normal", name="cls_token"\n'
                "        )\n"
                "        self.pos_embed = self.add_weight(\n"
                "            shape=(1, patches + 1, self.dim)",
                "patches = (height // self.patch_size) * (width // self.patch_size) + 1\n"
                "        self.cls_token = self.add_weight(\n"
                '            shape=(1, 1, self.dim), initializer="random_normal", name="cls_token"\n'
                "        )\n"
                "        self.pos_embed = self.add_weight(\n"
                "            shape=(1, patches, self.dim)",
            ),
            (
                (
                    "        x = ops.concatenate([cls, x], axis=1)\n        return x + self.pos_embed",
                    "shape=(1, patches + 1, self.dim)",
                ),
                (
                    "        x = x + self.pos_embed\n        return ops.concatenate([cls, x], axis=1)",
                    "shape=(1, patches, self.dim)",
                ),
            ),
        ),
    ),
    Case(
        "MiniLSTM",
        "5,3",
        "ops.split(z, 4, axis=-1)",
        "ops.split(z, 4)",
        """
class MiniLSTM(layers.Layer):
    def __init__(self, units=6, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.W = self.add_weight(shape=(input_shape[-1], 4 * self.units), name="W")
        self.U = self.add_weight(
            shape=(self.units, 4 * self.units), initializer="orthogonal", name="U"
        )
        self.b = self.add_weight(shape=(4 * self.units,), initializer="zeros", name="b")

    def call(self, x):
        h = ops.zeros((ops.shape(x)[0], self.units))
        c = ops.zeros((ops.shape(x)[0], self.units))
        outputs = []
        for t in range(x.shape[1]):
            z = ops.matmul(x[:, t], self.W) + ops.matmul(h, self.U) + self.b
            i, f, g, o = ops.split(z, 4, axis=-1)
            c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
            h = ops.sigmoid(o) * ops.tanh(c)
            outputs.append(h)
        return ops.stack(outputs, axis=1)
""",
        named=("ops.sigmoid(f) * c",),
        also=(
            ("ops.split(z, 4, axis=-1)", "ops.split(z, 4, axis=1)"),
            ("ops.split(z, 4, axis=-1)", "ops.split(z, 4, 1)"),
        ),
    ),
    Case(
        "NeighborMean",
        "m5,5 5,3",
        "ops.sum(adj, axis=-1, keepdims=True)",
        "ops.sum(adj, axis=-1)",
        """
class NeighborMean(keras.layers.Layer):
    # graph convolution: mean over the neighbours and the node itself
    def __init__(self, out_features=4, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.out_features = out_features
        self.activation = keras.activations.get(activation)

    def build(self, adjacency_shape, nodes_shape):
        self.kernel = self.add_weight(
            name="kernel", shape=(nodes_shape[-1], self.out_features), initializer="he_normal"
        )

    def call(self, adjacency, nodes):
        adj = adjacency + ops.eye(adjacency.shape[-1])
        degree = ops.sum(adj, axis=-1, keepdims=True)
        messages = ops.einsum("bij,bjf->bif", adj / degree, nodes)
        return self.activation(ops.matmul(messages, self.kernel))
""",
        named=("adj / degree",),
        also=(
            ("ops.sum(adj, axis=-1, keepdims=True)", "ops.sum(adj, axis=2, keepdims=True)"),
            ("ops.sum(adj, axis=-1, keepdims=True)", "ops.sum(adj, axis=-1)[..., None]"),
            ("ops.sum(adj, axis=-1, keepdims=True)", "ops.expand_dims(ops.sum(adj, axis=-1), -1)"),
            (
                ("ops.sum(adj, axis=-1, keepdims=True)", "adj / degree"),
                ("ops.sum(adj, axis=-1)", "adj / degree[..., None]"),
            ),
            (
                ("ops.sum(adj, axis=-1, keepdims=True)", "adj / degree"),
                ("ops.sum(adj, axis=-1)", "adj / ops.expand_dims(degree, -1)"),
            ),
        ),
    ),
    Case(
        "WaveGateBlock",
        "8,4",
        'dilation_rate=self.dilation, padding="same")',
        "dilation_rate=self.dilation)",
        """
class WaveGateBlock(layers.Layer):
    def __init__(self, dilation=2, **kwargs):
        super().__init__(**kwargs)
        self.dilation = dilation

    def build(self, shape):
        channels = shape[-1]
        self.conv = layers.Conv1D(2 * channels, 3, dilation_rate=self.dilation, padding="same")
        self.proj = layers.Conv1D(channels, 1)

    def call(self, audio):
        signal, gate = ops.split(self.conv(audio), 2, axis=-1)
        gated = ops.tanh(signal) * ops.sigmoid(gate)
        return audio + self.proj(gated)
""",
        named=("audio + self.proj(gated)", "self.conv(audio)"),
        also=(('padding="same")', 'padding="causal")'),),
    ),
    Case(
        "BilinearMatch",
        "4 6",
        '"bi,kij,bj->bk"',
        '"bi,ijk,bj->bk"',
        """
class BilinearMatch(layers.Layer):
    def __init__(self, slices=3, **kwargs):
        super().__init__(**kwargs)
        self.slices = slices

    def build(self, left_shape, right_shape):
        n, m = left_shape[-1], right_shape[-1]
        self.kernel = self.add_weight(shape=(self.slices, n, m), name="kernel")
        self.bias = self.add_weight(shape=(self.slices,), initializer="zeros", name="bias")

    def call(self, left, right):
        score = ops.einsum("bi,kij,bj->bk", left, self.kernel, right)
        return ops.tanh(score + self.bias)
""",
        named=('self.add_weight(shape=(self.slices, n, m), name="kernel")', "shape=(self.slices, n, m)"),
        also=(
            (
                ('"bi,kij,bj->bk"', "shape=(self.slices, n, m)"),
                ('"bi,ijk,bj->bk"', "shape=(n, m, self.slices)"),
            ),
        ),
    ),
    Case(
        "MixedColumns",
        "4 i5:3",
        "table(codes[:, i])",
        "table(codes[:, i : i + 1])",
        """
class MixedColumns(keras.Model):
    def __init__(self, sizes=(5, 5, 5), dim=2, units=6):
        super().__init__()
        self.tables = [layers.Embedding(size, dim) for size in sizes]
        self.norm = layers.LayerNormalization()
        self.hidden = layers.Dense(units, activation="relu")
        self.out = layers.Dense(1)

    def call(self, inputs):
        codes = inputs["codes"]
        parts = [self.norm(inputs["numeric"])]
        for i, table in enumerate(self.tables):
            parts.append(table(codes[:, i]))
        features = ops.concatenate(parts, axis=-1)
        return self.out(self.hidden(features))
""",
        keys=("numeric", "codes"),
        named=("ops.concatenate(parts, axis=-1)",),
        also=(
            ("table(codes[:, i])", "ops.squeeze(table(codes[:, i : i + 1]), 1)"),
            ("table(codes[:, i])", "ops.squeeze(table(codes[:, i : i + 1]), axis=1)"),
            ("table(codes[:, i])", "table(codes[:, i : i + 1])[:, 0]"),
            ("table(codes[:, i])", "layers.Flatten()(table(codes[:, i : i + 1]))"),
        ),
    ),
    Case(
        "ShuffleUnit",
        "4,4,6",
        "channels // self.groups",
        "channels / self.groups",
        """
class ShuffleUnit(layers.Layer):
    def __init__(self, groups=3, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def build(self, input_shape):
        self.depthwise = layers.DepthwiseConv2D(3, padding="same", use_bias=False)
        self.pointwise = layers.Conv2D(input_shape[-1], 1, groups=self.groups)

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        per_group = channels // self.groups
        x = self.pointwise(inputs)
        x = ops.reshape(x, (-1, height, width, self.groups, per_group))
        x = ops.transpose(x, (0, 1, 2, 4, 3))
        x = ops.reshape(x, (-1, height, width, channels))
        x = self.depthwise(x)
        return ops.relu(x + inputs)
""",
        named=(
            "ops.reshape(x, (-1, height, width, self.groups, per_group))",
            "(-1, height, width, self.groups, per_group)",
        ),
        also=(
            ("channels // self.groups", "int(channels / self.groups)"),
            ("self.groups, per_group)", "self.groups, channels // self.groups)"),
            (
                ("channels // self.groups", "self.groups, per_group)"),
                ("channels / self.groups", "self.groups, int(per_group))"),
            ),
        ),
    ),
    Case(
        "EncoderBlock",
        "6,8",
        "self.att(x, x)",
        "self.att(x)",
        """
class EncoderBlock(layers.Layer):
    def __init__(self, embed_dim=8, num_heads=2, ff_dim=16, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.att = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim // num_heads)
        self.ffn = keras.Sequential([layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim)])
        self.layernorm1 = layers.LayerNormalization(epsilon=1e-6)
        self.layernorm2 = layers.LayerNormalization(epsilon=1e-6)
        self.dropout1 = layers.Dropout(rate)
        self.dropout2 = layers.Dropout(rate)

    def call(self, x, training=False):
        attn_output = self.att(x, x)
        attn_output = self.dropout1(attn_output, training=training)
        out1 = self.layernorm1(x + attn_output)
        ffn_output = self.ffn(out1)
        ffn_output = self.dropout2(ffn_output, training=training)
        return self.layernorm2(out1 + ffn_output)
""",
        also=(
            ("self.att(x, x)", "self.att(x, x, x)"),
            ("self.att(x, x)", "self.att(x, value=x)"),
            ("self.att(x, x)", "self.att(query=x, value=x)"),
            ("self.att(x, x)", "self.att(query=x, value=x, key=x)"),
        ),
    ),
    Case(
        "WordPooling",
        "6,4",
        "ops.softmax(e, axis=1)",
        "ops.softmax(e, axis=-1)",
        """
class WordPooling(layers.Layer):
    def build(self, input_shape):
        self.W = self.add_weight(name="att_weight", shape=(input_shape[-1], 1), initializer="normal")
        self.b = self.add_weight(name="att_bias", shape=(input_shape[1], 1), initializer="zeros")
        super().build(input_shape)

    def call(self, x):
        e = ops.tanh(ops.matmul(x, self.W) + self.b)
        a = ops.softmax(e, axis=1)
        output = x * a
        return ops.sum(output, axis=1)
""",
        also=(
            ("ops.softmax(e, axis=1)", "ops.softmax(e, axis=-2)"),
            ("ops.softmax(e, axis=1)", "ops.softmax(ops.squeeze(e, -1), axis=-1)[..., None]"),
        ),
    ),
    Case(
        "RatingModel",
        "i9:- i7:-",
        "ops.sum(p * q, axis=-1, keepdims=True)",
        "ops.sum(p * q, axis=-1)",
        """
class RatingModel(keras.Model):
    def __init__(self, num_users=9, num_items=7, dim=4):
        super().__init__()
        self.user_embedding = layers.Embedding(num_users, dim)
        self.user_bias = layers.Embedding(num_users, 1)
        self.item_embedding = layers.Embedding(num_items, dim)
        self.item_bias = layers.Embedding(num_items, 1)

    def call(self, user, item):
        p = self.user_embedding(user)
        q = self.item_embedding(item)
        dot = ops.sum(p * q, axis=-1, keepdims=True)
        x = dot + self.user_bias(user) + self.item_bias(item)
        return ops.sigmoid(x)
""",
        named=("dot + self.user_bias(user)", "dot + self.user_bias(user) + self.item_bias(item)"),
        also=(
            ("ops.sum(p * q, axis=-1, keepdims=True)", "ops.sum(p * q, axis=1, keepdims=True)"),
            ("ops.sum(p * q, axis=-1, keepdims=True)", "ops.sum(p * q, axis=-1)[:, None]"),
            ("ops.sum(p * q, axis=-1, keepdims=True)", "ops.expand_dims(ops.sum(p * q, axis=-1), -1)"),
            (
                (
                    "ops.sum(p * q, axis=-1, keepdims=True)",
                    "dot + self.user_bias(user) + self.item_bias(item)",
                ),
                (
                    "ops.sum(p * q, axis=-1)",
                    "dot + self.user_bias(user)[:, 0] + self.item_bias(item)[:, 0]",
                ),
            ),
            (
                (
                    "ops.sum(p * q, axis=-1, keepdims=True)",
                    "dot + self.user_bias(user) + self.item_bias(item)",
                ),
                (
                    "ops.sum(p * q, axis=-1)",
                    "dot[:, None] + self.user_bias(user) + self.item_bias(item)",
                ),
            ),
        ),
    ),
    Case(
        "StyleNorm",
        "4,5,3",
        "ops.moments(x, axes=(1, 2), keepdims=True)",
        "ops.moments(x, axes=(0, 1, 2), keepdims=True)",
        """
class StyleNorm(layers.Layer):
    \"\"\"Instance normalization, as in CycleGAN.\"\"\"

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=input_shape[-1:], initializer="ones")
        self.offset = self.add_weight(name="offset", shape=input_shape[-1:], initializer="zeros")

    def call(self, x):
        mean, variance = ops.moments(x, axes=(1, 2), keepdims=True)
        normalized = (x - mean) / ops.sqrt(variance + self.epsilon)
        return self.scale * normalized + self.offset
""",
        also=(
            ("axes=(1, 2)", "axes=[1, 2]"),
            ("axes=(1, 2)", "axes=(-3, -2)"),
        ),
    ),
    Case(
        "ExpertBlend",
        "5",
        "ops.softmax(self.gate(x))",
        "ops.one_hot(ops.argmax(self.gate(x), axis=-1), self.num_experts)",
        """
class ExpertBlend(layers.Layer):
    def __init__(self, num_experts=3, units=4, **kwargs):
        super().__init__(**kwargs)
        self.num_experts = num_experts
        self.gate = layers.Dense(num_experts)
        self.experts = [layers.Dense(units, activation="relu") for _ in range(num_experts)]

    def call(self, x):
        gates = ops.softmax(self.gate(x))
        outputs = ops.stack([expert(x) for expert in self.experts], axis=1)
        return ops.sum(ops.expand_dims(gates, -1) * outputs, axis=1)
""",
        named=("ops.argmax(self.gate(x), axis=-1)",),
        also=(
            ("ops.softmax(self.gate(x))", "ops.softmax(self.gate(x), axis=-1)"),
            ("ops.softmax(self.gate(x))", "ops.softmax(self.gate(x), axis=1)"),
        ),
    ),
    # Losses.
    Case(
        "SparseFocal",
        "i5:- p5",
        'ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])',
        "ops.cast(y_true, y_pred.dtype)",
        """
class SparseFocal(keras.losses.Loss):
    def __init__(self, gamma=2.0, alpha=0.25, name="sparse_focal", **kwargs):
        super().__init__(name=name, **kwargs)
        self.gamma = gamma
        self.alpha = alpha

    def call(self, y_true, y_pred):
        y_pred = ops.clip(y_pred, 1e-7, 1.0 - 1e-7)
        target = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])
        cross_entropy = -target * ops.log(y_pred)
        weight = self.alpha * ops.power(1.0 - y_pred, self.gamma)
        return ops.sum(weight * cross_entropy, axis=-1)
""",
        named=("-target * ops.log(y_pred)",),
        also=(("y_pred.shape[-1]", "ops.shape(y_pred)[-1]"),),
    ),
    Case(
        "PackedTriplet",
        "- 12",
        "anchor = y_pred[:, :n]",
        "anchor = y_pred[:n]",
        """
class PackedTriplet(keras.losses.Loss):
    def __init__(self, margin=0.5, **kwargs):
        super().__init__(**kwargs)
        self.margin = margin

    def call(self, y_true, y_pred):
        n = y_pred.shape[-1] // 3
        anchor = y_pred[:, :n]
        positive = y_pred[:, n : 2 * n]
        negative = y_pred[:, 2 * n :]
        pos_dist = ops.sum(ops.square(anchor - positive), axis=1)
        neg_dist = ops.sum(ops.square(anchor - negative), axis=1)
        return ops.maximum(pos_dist - neg_dist + self.margin, 0.0)
""",
        named=("anchor - positive",),
        also=(
            ("y_pred[:, :n]", "y_pred[..., :n]"),
            ("y_pred[:, :n]", "y_pred[:, 0:n]"),
        ),
    ),
    Case(
        "NormalNLL",
        "1 2",
        "ops.square(y_true[:, 0] - mu)",
        "ops.square(y_true - mu)",
        """
class NormalNLL(keras.losses.Loss):
    def call(self, y_true, y_pred):
        mu = y_pred[:, 0]
        log_var = y_pred[:, 1]
        squared = ops.square(y_true[:, 0] - mu)
        return 0.5 * (log_var + squared * ops.exp(-log_var))
""",
        named=("y_true - mu", "y_pred[:, 0]"),
        also=(
            ("y_true[:, 0] - mu", "y_true[..., 0] - mu"),
            ("y_true[:, 0] - mu", "ops.squeeze(y_true, -1) - mu"),
            ("y_true[:, 0] - mu", "ops.reshape(y_true, (-1,)) - mu"),
            (
                ("mu = y_pred[:, 0]", "log_var = y_pred[:, 1]", "y_true[:, 0] - mu"),
                ("mu = y_pred[:, 0:1]", "log_var = y_pred[:, 1:2]", "y_true - mu"),
            ),
        ),
    ),
    Case(
        "CountDeviance",
        "m3 u3",
        "ops.log((y_true + self.eps) / (y_pred + self.eps))",
        "ops.log(y_true / (y_pred + self.eps))",
        """
class CountDeviance(keras.losses.Loss):
    def __init__(self, eps=1e-7, name="count_deviance"):
        super().__init__(name=name)
        self.eps = eps

    def call(self, y_true, y_pred):
        log_ratio = ops.log((y_true + self.eps) / (y_pred + self.eps))
        deviance = 2.0 * (y_true * log_ratio - (y_true - y_pred))
        return ops.mean(deviance, axis=-1)
""",
        named=("y_true / (y_pred + self.eps)", "y_true * log_ratio"),
        also=(
            (
                "ops.log((y_true + self.eps) / (y_pred + self.eps))",
                "ops.log(ops.maximum(y_true, self.eps) / (y_pred + self.eps))",
            ),
            (
                "ops.log((y_true + self.eps) / (y_pred + self.eps))",
                "ops.log(y_true / (y_pred + self.eps) + self.eps)",
            ),
            (
                "ops.log((y_true + self.eps) / (y_pred + self.eps))",
                "ops.log(ops.maximum(y_true / (y_pred + self.eps), self.eps))",
            ),
        ),
    ),
    Case(
        "F1Loss",
        "m5 u5",
        "y_pred = ops.clip(y_pred, 0.0, 1.0)",
        "y_pred = ops.round(ops.clip(y_pred, 0.0, 1.0))",
        """
class F1Loss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        y_pred = ops.clip(y_pred, 0.0, 1.0)
        tp = ops.sum(y_true * y_pred, axis=-1)
        precision = tp / (ops.sum(y_pred, axis=-1) + 1e-7)
        recall = tp / (ops.sum(y_true, axis=-1) + 1e-7)
        f1 = 2 * precision * recall / (precision + recall + 1e-7)
        return 1 - f1
""",
        named=("ops.round(ops.clip(y_pred, 0.0, 1.0))",),
        also=(("        y_pred = ops.clip(y_pred, 0.0, 1.0)\n", ""),),
    ),
    # Metrics.
    Case(
        "ClasswiseRecall",
        "i3:- 3",
        "ops.sum(truth * guess, axis=0)",
        "ops.sum(truth * guess, axis=-1)",
        """
class ClasswiseRecall(keras.metrics.Metric):
    def __init__(self, num_classes=3, name="classwise_recall", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.hits = self.add_weight(name="hits", shape=(num_classes,), initializer="zeros")
        self.support = self.add_weight(name="support", shape=(num_classes,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        truth = ops.one_hot(ops.cast(y_true, "int32"), self.num_classes)
        guess = ops.one_hot(ops.argmax(y_pred, axis=-1), self.num_classes)
        self.hits.assign_add(ops.sum(truth * guess, axis=0))
        self.support.assign_add(ops.sum(truth, axis=0))

    def result(self):
        return ops.mean(self.hits / (self.support + 1e-7))
""",
        named=("self.hits.assign_add(ops.sum(truth * guess, axis=-1))",),
        also=(("ops.sum(truth * guess, axis=0)", 'ops.einsum("nc,nc->c", truth, guess)'),),
    ),
    Case(
        "RSquared",
        "- 1",
        "y_pred = ops.reshape(y_pred, (-1,))",
        "y_pred = ops.cast(y_pred, y_true.dtype)",
        """
class RSquared(keras.metrics.Metric):
    def __init__(self, name="r2", **kwargs):
        super().__init__(name=name, **kwargs)
        self.res = self.add_weight(name="res", initializer="zeros")
        self.total = self.add_weight(name="total", initializer="zeros")
        self.squares = self.add_weight(name="squares", initializer="zeros")
        self.n = self.add_weight(name="n", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.reshape(y_pred, (-1,))
        self.res.assign_add(ops.sum(ops.square(y_true - y_pred)))
        self.total.assign_add(ops.sum(y_true))
        self.squares.assign_add(ops.sum(ops.square(y_true)))
        self.n.assign_add(ops.cast(ops.size(y_true), "float32"))

    def result(self):
        spread = self.squares - ops.square(self.total) / self.n
        return 1.0 - self.res / (spread + 1e-7)
""",
        named=("y_true - y_pred",),
        also=(
            ("ops.reshape(y_pred, (-1,))", "ops.squeeze(y_pred, axis=-1)"),
            ("ops.reshape(y_pred, (-1,))", "ops.squeeze(y_pred, -1)"),
            ("ops.reshape(y_pred, (-1,))", "y_pred[:, 0]"),
            (
                "        y_pred = ops.reshape(y_pred, (-1,))\n",
                "        y_pred = ops.cast(y_pred, y_true.dtype)\n        y_true = ops.expand_dims(y_true, -1)\n",
            ),
            (
                ("y_pred = ops.reshape(y_pred, (-1,))", "y_true - y_pred"),
                ("y_pred = ops.cast(y_pred, y_true.dtype)", "y_true - y_pred[:, 0]"),
            ),
            (
                ("y_pred = ops.reshape(y_pred, (-1,))", "y_true - y_pred"),
                ("y_pred = ops.cast(y_pred, y_true.dtype)", "y_true[:, None] - y_pred"),
            ),
        ),
    ),
    Case(
        "TranslationHits",
        "i5:6 6,5",
        "ops.argmax(y_pred, axis=-1)",
        "ops.argmax(y_pred, axis=1)",
        """
class TranslationHits(keras.metrics.Metric):
    def __init__(self, pad=0, name="translation_hits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.pad = pad
        self.correct = self.add_weight(name="correct", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "int32")
        guess = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        real = ops.cast(ops.not_equal(y_true, self.pad), "float32")
        match = ops.cast(ops.equal(y_true, guess), "float32")
        self.correct.assign_add(ops.sum(match * real))
        self.seen.assign_add(ops.sum(real))

    def result(self):
        return self.correct / (self.seen + 1e-7)
""",
        named=("ops.equal(y_true, guess)",),
        also=(("ops.argmax(y_pred, axis=-1)", "ops.argmax(y_pred, axis=2)"),),
    ),
    Case(
        "PixelAccuracy",
        "i3:5,6,1 5,6,3",
        'labels = ops.cast(ops.squeeze(y_true, axis=-1), "int32")',
        'labels = ops.cast(y_true, "int32")',
        """
class PixelAccuracy(keras.metrics.Metric):
    def __init__(self, name="pixel_accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.good_pixels = self.add_weight(name="good_pixels", initializer="zeros")
        self.all_pixels = self.add_weight(name="all_pixels", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(ops.squeeze(y_true, axis=-1), "int32")
        predicted = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        hits = ops.cast(ops.equal(labels, predicted), "float32")
        self.good_pixels.assign_add(ops.sum(hits))
        self.all_pixels.assign_add(ops.cast(ops.size(hits), "float32"))

    def result(self):
        return self.good_pixels / self.all_pixels
""",
        named=("ops.equal(labels, predicted)",),
        also=(
            ("ops.squeeze(y_true, axis=-1)", "ops.squeeze(y_true, -1)"),
            ("ops.squeeze(y_true, axis=-1)", "y_true[..., 0]"),
            (
                ("ops.squeeze(y_true, axis=-1)", "ops.argmax(y_pred, axis=-1)"),
                ("y_true", "ops.argmax(y_pred, axis=-1, keepdims=True)"),
            ),
            (
                ("ops.squeeze(y_true, axis=-1)", "ops.equal(labels, predicted)"),
                ("y_true", "ops.equal(labels, predicted[..., None])"),
            ),
            (
                ("ops.squeeze(y_true, axis=-1)", "ops.equal(labels, predicted)"),
                ("y_true", "ops.equal(labels[..., 0], predicted)"),
            ),
        ),
    ),
)
