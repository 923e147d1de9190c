"""Errors of shape, dtype and arguments in custom code, by an author who has not seen the search."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    # Layers.
    Case(
        "DigitDecoder",
        "3",
        "layers.Reshape((4, 4, 8))",
        "layers.Reshape((4, 4, 16))",
        """
class DigitDecoder(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.fc = layers.Dense(4 * 4 * 8, activation="relu")
        self.reshape = layers.Reshape((4, 4, 8))
        self.up1 = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")
        self.up2 = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")
        self.out = layers.Conv2D(1, 3, padding="same", activation="sigmoid")

    def call(self, z):
        x = self.fc(z)
        x = self.reshape(x)
        x = self.up1(x)
        x = self.up2(x)
        return self.out(x)
""",
        named=('layers.Dense(4 * 4 * 8, activation="relu")', "4 * 4 * 8", "self.reshape(x)", "self.fc(z)"),
        also=(
            ("layers.Reshape((4, 4, 8))", "layers.Reshape((4, 4, -1))"),
            ("layers.Reshape((4, 4, 8))", "layers.Reshape((-1, 4, 8))"),
            ("layers.Reshape((4, 4, 8))", "layers.Reshape((4, -1, 8))"),
            (
                ("layers.Dense(4 * 4 * 8, ", "layers.Reshape((4, 4, 8))"),
                ("layers.Dense(4 * 4 * 16, ", "layers.Reshape((4, 4, 16))"),
            ),
            (
                ("layers.Dense(4 * 4 * 8, ", "layers.Reshape((4, 4, 8))"),
                ("layers.Dense(256, ", "layers.Reshape((4, 4, 16))"),
            ),
            (
                ("layers.Dense(4 * 4 * 8, ", "layers.Reshape((4, 4, 8))"),
                ("layers.Dense(4 * 8 * 8, ", "layers.Reshape((4, 4, 16))"),
            ),
            (
                ("layers.Dense(4 * 4 * 8, ", "layers.Reshape((4, 4, 8))"),
                ("layers.Dense(8 * 4 * 8, ", "layers.Reshape((4, 4, 16))"),
            ),
        ),
    ),
    Case(
        "TinySelfAttention",
        "6,8",
        "v = self.split_heads(self.wv(x), batch_size)",
        "v = self.wv(x)",
        '''
class TinySelfAttention(layers.Layer):
    """Multi-head self attention written by hand (assignment 3)."""

    def __init__(self, d_model=8, num_heads=2, **kwargs):
        super().__init__(**kwargs)
        assert d_model % num_heads == 0
        self.d_model = d_model
        self.num_heads = num_heads
        self.depth = d_model // num_heads

        self.wq = layers.Dense(d_model)
        self.wk = layers.Dense(d_model)
        self.wv = layers.Dense(d_model)
        self.dense = layers.Dense(d_model)

    def split_heads(self, x, batch_size):
        x = ops.reshape(x, (batch_size, -1, self.num_heads, self.depth))
        return ops.transpose(x, (0, 2, 1, 3))

    def call(self, x):
        batch_size = ops.shape(x)[0]

        q = self.split_heads(self.wq(x), batch_size)
        k = self.split_heads(self.wk(x), batch_size)
        v = self.split_heads(self.wv(x), batch_size)

        logits = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2)))
        weights = ops.softmax(logits / np.sqrt(self.depth), axis=-1)
        heads = ops.matmul(weights, v)

        heads = ops.transpose(heads, (0, 2, 1, 3))
        concat = ops.reshape(heads, (batch_size, -1, self.d_model))
        return self.dense(concat)
''',
        named=("ops.matmul(weights, v)", "self.wv(x)"),
        also=(
            (
                ("v = self.split_heads(self.wv(x), batch_size)", "ops.matmul(weights, v)"),
                ("v = self.wv(x)", "ops.matmul(weights, self.split_heads(v, batch_size))"),
            ),
            (
                "v = self.split_heads(self.wv(x), batch_size)",
                "v = self.wv(x)\n        v = self.split_heads(v, batch_size)",
            ),
        ),
    ),
    Case(
        "PositionalInput",
        "i20:6",
        "x + self.pos_encoding[:, : ops.shape(x)[1], :]",
        "x + self.pos_encoding",
        """
def positional_encoding(length, depth):
    positions = np.arange(length)[:, np.newaxis]
    depths = np.arange(depth // 2)[np.newaxis, :] / (depth // 2)
    angle_rads = positions / 10000**depths
    table = np.concatenate([np.sin(angle_rads), np.cos(angle_rads)], axis=-1)
    return table[np.newaxis].astype("float32")


class PositionalInput(keras.layers.Layer):
    def __init__(self, vocab_size=20, d_model=8, max_length=32, **kwargs):
        super().__init__(**kwargs)
        self.d_model = d_model
        self.embedding = keras.layers.Embedding(vocab_size, d_model)
        self.pos_encoding = ops.convert_to_tensor(positional_encoding(max_length, d_model))
        self.dropout = keras.layers.Dropout(0.1)

    def call(self, x, training=None):
        x = self.embedding(x)
        x = x * self.d_model**0.5
        x = x + self.pos_encoding[:, : ops.shape(x)[1], :]
        return self.dropout(x, training=training)
""",
        named=(
            "ops.convert_to_tensor(positional_encoding(max_length, d_model))",
            "positional_encoding(max_length, d_model)",
        ),
        also=(
            ("self.pos_encoding[:, : ops.shape(x)[1], :]", "self.pos_encoding[:, : ops.shape(x)[1]]"),
            ("self.pos_encoding[:, : ops.shape(x)[1], :]", "self.pos_encoding[:, : x.shape[1]]"),
            ("self.pos_encoding[:, : ops.shape(x)[1], :]", "self.pos_encoding[:, : x.shape[1], :]"),
            ("self.pos_encoding[:, : ops.shape(x)[1], :]", "self.pos_encoding[:, : ops.shape(x)[-2]]"),
            ("self.pos_encoding[:, : ops.shape(x)[1], :]", "self.pos_encoding[:, : x.shape[-2]]"),
            ("self.pos_encoding[:, : ops.shape(x)[1], :]", "self.pos_encoding[0, : x.shape[1]]"),
        ),
    ),
    Case(
        "DetrendedProjection",
        "6,3",
        "shape=(input_shape[-1], self.units)",
        "shape=(input_shape[1], self.units)",
        """
class DetrendedProjection(layers.Layer):
    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros")

    def call(self, inputs):
        level = ops.mean(inputs, axis=1, keepdims=True)
        return ops.relu(ops.matmul(inputs - level, self.w) + self.b)
""",
        named=("ops.matmul(inputs - level, self.w)",),
        also=(("shape=(input_shape[-1], self.units)", "shape=(input_shape[2], self.units)"),),
    ),
    Case(
        "ReviewEncoder",
        "i9:6",
        "attention_mask=mask[:, None, :]",
        "attention_mask=mask",
        """
class ReviewEncoder(keras.Model):
    def __init__(self, vocab=9, dim=8, heads=2):
        super().__init__()
        self.embedding = layers.Embedding(vocab, dim)
        self.mha = layers.MultiHeadAttention(heads, dim // heads)
        self.norm = layers.LayerNormalization()
        self.out = layers.Dense(1, activation="sigmoid")

    def call(self, tokens):
        mask = ops.not_equal(tokens, 0)
        x = self.embedding(tokens)
        attn = self.mha(x, x, attention_mask=mask[:, None, :])
        x = self.norm(x + attn)
        weights = ops.expand_dims(ops.cast(mask, x.dtype), -1)
        x = ops.sum(x * weights, axis=1) / (ops.sum(weights, axis=1) + 1e-6)
        return self.out(x)
""",
        named=("mask", "ops.not_equal(tokens, 0)"),
        also=(
            ("attention_mask=mask[:, None, :]", "attention_mask=mask[:, None]"),
            ("attention_mask=mask[:, None, :]", "attention_mask=ops.expand_dims(mask, 1)"),
            ("attention_mask=mask[:, None, :]", "attention_mask=ops.expand_dims(mask, axis=1)"),
            ("attention_mask=mask[:, None, :]", "attention_mask=ops.expand_dims(mask, -2)"),
            ("attention_mask=mask[:, None, :]", "attention_mask=mask[:, None, None, :]"),
            ("attention_mask=mask[:, None, :]", "attention_mask=ops.expand_dims(mask, (1, 2))"),
            ("attention_mask=mask[:, None, :]", "attention_mask=mask[:, None, :] & mask[:, :, None]"),
            ("attention_mask=mask[:, None, :]", "attention_mask=mask[:, :, None] & mask[:, None, :]"),
            (
                "attention_mask=mask[:, None, :]",
                "attention_mask=ops.logical_and(mask[:, :, None], mask[:, None, :])",
            ),
            ("attention_mask=mask[:, None, :]", "attention_mask=ops.reshape(mask, (-1, 1, mask.shape[1]))"),
            (
                "attention_mask=mask[:, None, :]",
                "attention_mask=ops.repeat(ops.expand_dims(mask, 1), mask.shape[1], axis=1)",
            ),
            ("attention_mask=mask[:, None, :]", "query_mask=mask, value_mask=mask"),
            ("attention_mask=mask[:, None, :]", "value_mask=mask"),
            ("attention_mask=mask[:, None, :]", "key_mask=mask"),
        ),
    ),
    Case(
        "UNetDecoderStep",
        "3,3,6 6,6,4",
        "ops.concatenate([skip, x], axis=-1)",
        "ops.concatenate([skip, x], axis=1)",
        """
class UNetDecoderStep(layers.Layer):
    # ported from the "Up" module of a PyTorch U-Net
    def __init__(self, filters=8):
        super().__init__()
        self.up = layers.Conv2DTranspose(filters, kernel_size=2, strides=2)
        self.conv1 = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.bn1 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.bn2 = layers.BatchNormalization()

    def call(self, x, skip, training=False):
        x = self.up(x)
        x = ops.concatenate([skip, x], axis=-1)
        x = ops.relu(self.bn1(self.conv1(x), training=training))
        x = ops.relu(self.bn2(self.conv2(x), training=training))
        return x
""",
        also=(
            ("ops.concatenate([skip, x], axis=-1)", "ops.concatenate([skip, x], axis=3)"),
            ("ops.concatenate([skip, x], axis=-1)", "ops.concatenate([skip, x], -1)"),
            ("ops.concatenate([skip, x], axis=-1)", "ops.concatenate([skip, x], 3)"),
            ("ops.concatenate([skip, x], axis=-1)", "ops.concatenate([x, skip], axis=-1)"),
            ("ops.concatenate([skip, x], axis=-1)", "layers.Concatenate()([skip, x])"),
            ("ops.concatenate([skip, x], axis=-1)", "layers.concatenate([skip, x])"),
        ),
    ),
    Case(
        "RotaryPositions",
        "6,8",
        'ops.arange(seq_len, dtype="float32")',
        "ops.arange(seq_len)",
        """
class RotaryPositions(layers.Layer):
    def __init__(self, dim=8, base=10000.0, **kwargs):
        super().__init__(**kwargs)
        inv_freq = 1.0 / base ** (np.arange(0, dim, 2) / dim)
        self.inv_freq = inv_freq.astype("float32")

    def call(self, x):
        seq_len = x.shape[1]
        t = ops.arange(seq_len, dtype="float32")
        freqs = t[:, None] * ops.convert_to_tensor(self.inv_freq)[None, :]
        cos = ops.cos(freqs)
        sin = ops.sin(freqs)
        x1, x2 = ops.split(x, 2, axis=-1)
        return ops.concatenate([x1 * cos - x2 * sin, x1 * sin + x2 * cos], axis=-1)
""",
        named=(
            "t[:, None] * ops.convert_to_tensor(self.inv_freq)[None, :]",
            "t[:, None]",
        ),
        also=(
            ('ops.arange(seq_len, dtype="float32")', "ops.arange(seq_len, dtype=x.dtype)"),
            ('ops.arange(seq_len, dtype="float32")', "ops.arange(seq_len, dtype=self.compute_dtype)"),
            ('ops.arange(seq_len, dtype="float32")', "ops.arange(seq_len, dtype=self.inv_freq.dtype)"),
            ('ops.arange(seq_len, dtype="float32")', "ops.arange(float(seq_len))"),
            ('ops.arange(seq_len, dtype="float32")', 'ops.cast(ops.arange(seq_len), "float32")'),
            ('ops.arange(seq_len, dtype="float32")', "ops.cast(ops.arange(seq_len), x.dtype)"),
            ('ops.arange(seq_len, dtype="float32")', "ops.cast(ops.arange(seq_len), self.compute_dtype)"),
            (
                ('ops.arange(seq_len, dtype="float32")', "t[:, None] *"),
                ("ops.arange(seq_len)", 'ops.cast(t[:, None], "float32") *'),
            ),
            (
                ('ops.arange(seq_len, dtype="float32")', "t[:, None] *"),
                ("ops.arange(seq_len)", "ops.cast(t[:, None], x.dtype) *"),
            ),
            (
                ('ops.arange(seq_len, dtype="float32")', "t[:, None] *"),
                ("ops.arange(seq_len)", 'ops.cast(t, "float32")[:, None] *'),
            ),
            (
                (
                    'ops.arange(seq_len, dtype="float32")',
                    "t[:, None] * ops.convert_to_tensor(self.inv_freq)[None, :]",
                ),
                (
                    "ops.arange(seq_len)",
                    "ops.multiply(t[:, None], ops.convert_to_tensor(self.inv_freq)[None, :])",
                ),
            ),
            (
                (
                    'ops.arange(seq_len, dtype="float32")',
                    "t[:, None] * ops.convert_to_tensor(self.inv_freq)[None, :]",
                ),
                ("ops.arange(seq_len)", "ops.outer(t, self.inv_freq)"),
            ),
            (
                (
                    'ops.arange(seq_len, dtype="float32")',
                    "t[:, None] * ops.convert_to_tensor(self.inv_freq)[None, :]",
                ),
                ("ops.arange(seq_len)", "ops.outer(t, ops.convert_to_tensor(self.inv_freq))"),
            ),
            (
                (
                    'ops.arange(seq_len, dtype="float32")',
                    "t[:, None] * ops.convert_to_tensor(self.inv_freq)[None, :]",
                ),
                ("ops.arange(seq_len)", 'ops.einsum("i,j->ij", t, self.inv_freq)'),
            ),
        ),
        backends=("tensorflow",),
    ),
    Case(
        "GraphAttentionHead",
        "5,3 m5,5",
        "f1 + ops.transpose(f2, (0, 2, 1))",
        "f1 + f2",
        """
class GraphAttentionHead(keras.layers.Layer):
    def __init__(self, units=4, slope=0.2, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.slope = slope

    def build(self, x_shape, adj_shape):
        self.kernel = self.add_weight(name="kernel", shape=(x_shape[-1], self.units), initializer="glorot_uniform")
        self.attn_self = self.add_weight(name="attn_self", shape=(self.units, 1), initializer="glorot_uniform")
        self.attn_neigh = self.add_weight(name="attn_neigh", shape=(self.units, 1), initializer="glorot_uniform")

    def call(self, x, adj):
        h = ops.matmul(x, self.kernel)  # (batch, nodes, units)
        f1 = ops.matmul(h, self.attn_self)
        f2 = ops.matmul(h, self.attn_neigh)
        e = ops.leaky_relu(f1 + ops.transpose(f2, (0, 2, 1)), self.slope)
        e = ops.where(adj > 0, e, -1e9)
        alpha = ops.softmax(e, axis=-1)
        return ops.elu(ops.matmul(alpha, h))
""",
        named=("ops.where(adj > 0, e, -1e9)", "ops.matmul(h, self.attn_neigh)"),
        also=(
            ("ops.transpose(f2, (0, 2, 1))", "ops.transpose(f2, axes=(0, 2, 1))"),
            ("ops.transpose(f2, (0, 2, 1))", "ops.transpose(f2, [0, 2, 1])"),
            ("ops.transpose(f2, (0, 2, 1))", "ops.swapaxes(f2, 1, 2)"),
            ("ops.transpose(f2, (0, 2, 1))", "ops.swapaxes(f2, -1, -2)"),
            ("ops.transpose(f2, (0, 2, 1))", "ops.swapaxes(f2, -2, -1)"),
            ("ops.transpose(f2, (0, 2, 1))", "ops.reshape(f2, (-1, 1, f2.shape[1]))"),
            ("ops.transpose(f2, (0, 2, 1))", "ops.squeeze(f2, -1)[:, None, :]"),
            ("ops.transpose(f2, (0, 2, 1))", "ops.expand_dims(ops.squeeze(f2, -1), 1)"),
            ("ops.transpose(f2, (0, 2, 1))", "f2[:, None, :, 0]"),
            ("f1 + ops.transpose(f2, (0, 2, 1))", "ops.transpose(f1, (0, 2, 1)) + f2"),
            ("f1 + ops.transpose(f2, (0, 2, 1))", "ops.swapaxes(f1, 1, 2) + f2"),
            ("f1 + ops.transpose(f2, (0, 2, 1))", "ops.swapaxes(f1, -1, -2) + f2"),
            (
                ("f2 = ops.matmul(h, self.attn_neigh)", "f1 + ops.transpose(f2, (0, 2, 1))"),
                ("f2 = ops.transpose(ops.matmul(h, self.attn_neigh), (0, 2, 1))", "f1 + f2"),
            ),
            (
                ("f2 = ops.matmul(h, self.attn_neigh)", "f1 + ops.transpose(f2, (0, 2, 1))"),
                ("f2 = ops.swapaxes(ops.matmul(h, self.attn_neigh), 1, 2)", "f1 + f2"),
            ),
        ),
    ),
    Case(
        "PrimaryCapsules",
        "6,6,3",
        "ops.sum(ops.square(vectors), axis=-1, keepdims=True)",
        "ops.sum(ops.square(vectors), axis=-1)",
        """
def squash(vectors):
    squared_norm = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    scale = squared_norm / (1 + squared_norm) / ops.sqrt(squared_norm + 1e-7)
    return scale * vectors


class PrimaryCapsules(layers.Layer):
    def __init__(self, capsule_dim=4, channels=2, **kwargs):
        super().__init__(**kwargs)
        self.capsule_dim = capsule_dim
        self.conv = layers.Conv2D(capsule_dim * channels, 3, strides=2, activation="relu")

    def call(self, images):
        features = self.conv(images)
        n = features.shape[1] * features.shape[2] * features.shape[3] // self.capsule_dim
        capsules = ops.reshape(features, (-1, n, self.capsule_dim))
        return squash(capsules)
""",
        named=("scale * vectors",),
        also=(
            ("axis=-1, keepdims=True)", "axis=2, keepdims=True)"),
            ("axis=-1, keepdims=True)", "axis=-1)[..., None]"),
            ("axis=-1, keepdims=True)", "axis=-1)[:, :, None]"),
            ("axis=-1, keepdims=True)", "axis=-1)[..., np.newaxis]"),
            (
                "ops.sum(ops.square(vectors), axis=-1, keepdims=True)",
                "ops.expand_dims(ops.sum(ops.square(vectors), axis=-1), -1)",
            ),
            (
                "ops.sum(ops.square(vectors), axis=-1, keepdims=True)",
                "ops.expand_dims(ops.sum(ops.square(vectors), axis=-1), axis=-1)",
            ),
            (("axis=-1, keepdims=True)", "scale * vectors"), ("axis=-1)", "scale[..., None] * vectors")),
            (("axis=-1, keepdims=True)", "scale * vectors"), ("axis=-1)", "scale[:, :, None] * vectors")),
            (
                ("axis=-1, keepdims=True)", "scale * vectors"),
                ("axis=-1)", "ops.expand_dims(scale, -1) * vectors"),
            ),
            (
                ("axis=-1, keepdims=True)", "scale * vectors"),
                ("axis=-1)", "ops.expand_dims(scale, axis=-1) * vectors"),
            ),
            (
                ("axis=-1, keepdims=True)", "scale * vectors"),
                ("axis=-1)", 'ops.einsum("bn,bnd->bnd", scale, vectors)'),
            ),
        ),
    ),
    Case(
        "CodebookQuantizer",
        "3,3,4",
        "ops.matmul(encodings, ops.transpose(self.embeddings))",
        "ops.matmul(encodings, self.embeddings)",
        """
class CodebookQuantizer(layers.Layer):
    def __init__(self, num_embeddings=6, embedding_dim=4, beta=0.25, **kwargs):
        super().__init__(**kwargs)
        self.embedding_dim = embedding_dim
        self.num_embeddings = num_embeddings
        self.beta = beta

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            shape=(self.embedding_dim, self.num_embeddings),
            initializer="random_uniform",
            name="embeddings_vqvae",
        )

    def call(self, x):
        flattened = ops.reshape(x, (-1, self.embedding_dim))

        # Quantization.
        encoding_indices = self.get_code_indices(flattened)
        encodings = ops.one_hot(encoding_indices, self.num_embeddings)
        quantized = ops.matmul(encodings, ops.transpose(self.embeddings))
        quantized = ops.reshape(quantized, ops.shape(x))

        commitment_loss = ops.mean((ops.stop_gradient(quantized) - x) ** 2)
        codebook_loss = ops.mean((quantized - ops.stop_gradient(x)) ** 2)
        self.add_loss(self.beta * commitment_loss + codebook_loss)

        # Straight-through estimator.
        return x + ops.stop_gradient(quantized - x)

    def get_code_indices(self, flattened_inputs):
        similarity = ops.matmul(flattened_inputs, self.embeddings)
        distances = (
            ops.sum(flattened_inputs**2, axis=1, keepdims=True)
            + ops.sum(self.embeddings**2, axis=0)
            - 2 * similarity
        )
        return ops.argmin(distances, axis=1)
""",
        named=(
            "shape=(self.embedding_dim, self.num_embeddings)",
            "(self.embedding_dim, self.num_embeddings)",
        ),
        also=(
            (
                "ops.matmul(encodings, ops.transpose(self.embeddings))",
                "ops.matmul(encodings, ops.transpose(self.embeddings, (1, 0)))",
            ),
            (
                "ops.matmul(encodings, ops.transpose(self.embeddings))",
                "ops.matmul(encodings, ops.swapaxes(self.embeddings, 0, 1))",
            ),
            (
                "ops.matmul(encodings, ops.transpose(self.embeddings))",
                "ops.transpose(ops.matmul(self.embeddings, ops.transpose(encodings)))",
            ),
            (
                "ops.matmul(encodings, ops.transpose(self.embeddings))",
                'ops.einsum("nk,dk->nd", encodings, self.embeddings)',
            ),
            (
                "ops.matmul(encodings, ops.transpose(self.embeddings))",
                "ops.dot(encodings, ops.transpose(self.embeddings))",
            ),
            (
                "ops.matmul(encodings, ops.transpose(self.embeddings))",
                "ops.tensordot(encodings, self.embeddings, axes=[[1], [1]])",
            ),
            (
                "ops.matmul(encodings, ops.transpose(self.embeddings))",
                "ops.take(ops.transpose(self.embeddings), encoding_indices, axis=0)",
            ),
            (
                (
                    "shape=(self.embedding_dim, self.num_embeddings)",
                    "ops.matmul(encodings, ops.transpose(self.embeddings))",
                    "ops.matmul(flattened_inputs, self.embeddings)",
                    "ops.sum(self.embeddings**2, axis=0)",
                ),
                (
                    "shape=(self.num_embeddings, self.embedding_dim)",
                    "ops.matmul(encodings, self.embeddings)",
                    "ops.matmul(flattened_inputs, ops.transpose(self.embeddings))",
                    "ops.sum(self.embeddings**2, axis=1)",
                ),
            ),
        ),
    ),
    Case(
        "InceptionMix",
        "6,6,4",
        'layers.MaxPooling2D(3, strides=1, padding="same")',
        'layers.MaxPooling2D(3, padding="same")',
        """
class InceptionMix(layers.Layer):
    def __init__(self, filters=3, **kwargs):
        super().__init__(**kwargs)
        self.b1 = layers.Conv2D(filters, 1, activation="relu")
        self.b3_reduce = layers.Conv2D(filters, 1, activation="relu")
        self.b3 = layers.Conv2D(filters, 3, padding="same", activation="relu")
        self.b5_reduce = layers.Conv2D(filters, 1, activation="relu")
        self.b5 = layers.Conv2D(filters, 5, padding="same", activation="relu")
        self.pool = layers.MaxPooling2D(3, strides=1, padding="same")
        self.pool_proj = layers.Conv2D(filters, 1, activation="relu")

    def call(self, x):
        p1 = self.b1(x)
        p2 = self.b3(self.b3_reduce(x))
        p3 = self.b5(self.b5_reduce(x))
        p4 = self.pool_proj(self.pool(x))
        return ops.concatenate([p1, p2, p3, p4], axis=-1)
""",
        named=("ops.concatenate([p1, p2, p3, p4], axis=-1)", "self.pool(x)", "self.pool_proj(self.pool(x))"),
        also=(
            ("layers.MaxPooling2D(3, strides=1, ", "layers.MaxPooling2D(3, 1, "),
            ("layers.MaxPooling2D(3, strides=1, ", "layers.MaxPooling2D(3, strides=(1, 1), "),
            ("layers.MaxPooling2D(3, strides=1, ", "layers.MaxPooling2D((3, 3), strides=(1, 1), "),
            ('strides=1, padding="same")', 'padding="same", strides=1)'),
        ),
    ),
    Case(
        "TabularResNet",
        "5",
        "def call(self, x, training=False):",
        "def call(self, x):",
        """
class ResidualUnit(layers.Layer):
    def __init__(self, width, rate=0.2, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.BatchNormalization()
        self.fc1 = layers.Dense(2 * width, activation="relu")
        self.fc2 = layers.Dense(width)
        self.drop = layers.Dropout(rate)

    def call(self, x, training=False):
        h = self.norm(x, training=training)
        h = self.fc1(h)
        h = self.drop(h, training=training)
        return x + self.fc2(h)


class TabularResNet(keras.Model):
    def __init__(self, width=6, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.stem = layers.Dense(width)
        self.blocks = [ResidualUnit(width) for _ in range(depth)]
        self.head = layers.Dense(1)

    def call(self, inputs, training=False):
        x = self.stem(inputs)
        for block in self.blocks:
            x = block(x, training=training)
        return self.head(ops.relu(x))
""",
        named=(
            "training",
            "self.norm(x, training=training)",
            "self.drop(h, training=training)",
            "block(x, training=training)",
        ),
        also=(
            ("def call(self, x, training=False):", "def call(self, x, training=None):"),
            ("def call(self, x, training=False):", "def call(self, x, training):"),
            ("def call(self, x, training=False):", "def call(self, x, *, training=False):"),
            ("def call(self, x, training=False):", "def call(self, x, *, training=None):"),
            (
                (
                    "def call(self, x, training=False):",
                    "self.norm(x, training=training)",
                    "self.drop(h, training=training)",
                ),
                ("def call(self, x):", "self.norm(x)", "self.drop(h)"),
            ),
            (
                (
                    "def call(self, x, training=False):",
                    "self.norm(x, training=training)",
                    "self.drop(h, training=training)",
                    "block(x, training=training)",
                ),
                ("def call(self, x):", "self.norm(x)", "self.drop(h)", "block(x)"),
            ),
        ),
    ),
    Case(
        "ArcMarginHead",
        "6",
        'self.add_weight(name="W", shape=',
        'self.add_weight("W", shape=',
        """
class ArcMarginHead(keras.layers.Layer):
    def __init__(self, n_classes=5, s=30.0, regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.n_classes = n_classes
        self.s = s
        self.regularizer = keras.regularizers.get(regularizer)

    def build(self, input_shape):
        super().build(input_shape)
        self.W = self.add_weight(name="W", shape=(input_shape[-1], self.n_classes),
                                 initializer="glorot_uniform",
                                 trainable=True,
                                 regularizer=self.regularizer)

    def call(self, inputs):
        x = ops.normalize(inputs, axis=1)
        W = ops.normalize(self.W, axis=0)
        logits = ops.matmul(x, W)
        return ops.softmax(logits * self.s)
""",
        named=("self.add_weight",),
        also=(
            (
                'name="W", shape=(input_shape[-1], self.n_classes),',
                "shape=(input_shape[-1], self.n_classes),",
            ),
            ('name="W", shape=(input_shape[-1], self.n_classes),', "(input_shape[-1], self.n_classes),"),
            (
                'name="W", shape=(input_shape[-1], self.n_classes),',
                'shape=(input_shape[-1], self.n_classes), name="W",',
            ),
            (
                'name="W", shape=(input_shape[-1], self.n_classes),',
                '(input_shape[-1], self.n_classes), name="W",',
            ),
        ),
    ),
    Case(
        "KeywordSpotter",
        "5,4",
        "ops.reshape(x, (-1, x.shape[1] * x.shape[2]))",
        "ops.reshape(x, (-1, x.shape[-1]))",
        '''
class KeywordSpotter(keras.Model):
    """Tiny speech-command classifier over MFCC frames: convolution, flatten, two dense layers."""

    def __init__(self, n_keywords=3):
        super().__init__()
        self.norm = layers.LayerNormalization()
        self.conv = layers.Conv1D(8, 3, padding="same", activation="relu")
        self.fc = layers.Dense(6, activation="relu")
        self.out = layers.Dense(n_keywords, activation="softmax")

    def call(self, mfcc):
        x = self.norm(mfcc)
        x = self.conv(x)
        x = ops.reshape(x, (-1, x.shape[1] * x.shape[2]))  # flatten
        x = self.fc(x)
        return self.out(x)
''',
        also=(
            ("ops.reshape(x, (-1, x.shape[1] * x.shape[2]))", "ops.reshape(x, (ops.shape(x)[0], -1))"),
            ("ops.reshape(x, (-1, x.shape[1] * x.shape[2]))", "ops.reshape(x, (x.shape[0], -1))"),
            ("ops.reshape(x, (-1, x.shape[1] * x.shape[2]))", "ops.reshape(x, (len(x), -1))"),
            ("x.shape[1] * x.shape[2]", "x.shape[-2] * x.shape[-1]"),
            ("x.shape[1] * x.shape[2]", "x.shape[1] * x.shape[-1]"),
            ("x.shape[1] * x.shape[2]", "x.shape[-1] * x.shape[1]"),
            ("(-1, x.shape[1] * x.shape[2])", "(-1, 40)"),
            ("(-1, x.shape[1] * x.shape[2])", "(-1, 5 * 8)"),
            ("(-1, x.shape[1] * x.shape[2])", "(-1, np.prod(x.shape[1:]))"),
            ("(-1, x.shape[1] * x.shape[2])", "(-1, int(np.prod(x.shape[1:])))"),
            ("ops.reshape(x, (-1, x.shape[1] * x.shape[2]))", "layers.Flatten()(x)"),
        ),
    ),
    # Losses.
    Case(
        "GridCellLoss",
        "u3,3,8 u3,3,8",
        "[2, 4, 5]",
        "[2, 2, 1, 3]",
        """
class GridCellLoss(keras.losses.Loss):
    # every cell: x, y, w, h, objectness, 3 class scores
    def __init__(self, lambda_coord=5.0, name="grid_cell_loss"):
        super().__init__(name=name)
        self.lambda_coord = lambda_coord

    def unpack(self, cells):
        xy, wh, obj, cls = ops.split(cells, [2, 4, 5], axis=-1)
        return xy, wh, obj, cls

    def call(self, y_true, y_pred):
        true_xy, true_wh, true_obj, true_cls = self.unpack(y_true)
        pred_xy, pred_wh, pred_obj, pred_cls = self.unpack(y_pred)
        coord = ops.square(true_xy - pred_xy) + ops.square(ops.sqrt(true_wh) - ops.sqrt(pred_wh))
        coord = ops.sum(true_obj * coord, axis=(1, 2, 3))
        conf = ops.sum(ops.square(true_obj - pred_obj), axis=(1, 2, 3))
        cls = ops.sum(true_obj * ops.square(true_cls - pred_cls), axis=(1, 2, 3))
        return self.lambda_coord * coord + conf + cls
""",
        named=("self.unpack(y_true)",),
        also=(
            ("ops.split(cells, [2, 4, 5], axis=-1)", "ops.split(cells, (2, 4, 5), axis=-1)"),
            ("ops.split(cells, [2, 4, 5], axis=-1)", "ops.split(cells, [2, 4, 5], axis=3)"),
            (
                "ops.split(cells, [2, 4, 5], axis=-1)",
                "cells[..., :2], cells[..., 2:4], cells[..., 4:5], cells[..., 5:]",
            ),
            (
                "ops.split(cells, [2, 4, 5], axis=-1)",
                "ops.split(cells, np.cumsum([2, 2, 1, 3])[:-1], axis=-1)",
            ),
            ("ops.split(cells, [2, 4, 5], axis=-1)", "ops.split(cells, np.cumsum([2, 2, 1]), axis=-1)"),
            ("ops.split(cells, [2, 4, 5], axis=-1)", "ops.split(cells, [2, 2 + 2, 2 + 2 + 1], axis=-1)"),
        ),
    ),
    Case(
        "DiceOfMasks",
        "m4,5,1 u4,5,1",
        "ops.sum(y_true, axis=(1, 2, 3)) + ops.sum(y_pred, axis=(1, 2, 3))",
        "ops.sum(y_true) + ops.sum(y_pred)",
        """
class DiceOfMasks(keras.losses.Loss):
    def __init__(self, smooth=1.0, **kwargs):
        super().__init__(**kwargs)
        self.smooth = smooth

    def call(self, y_true, y_pred):
        intersection = ops.sum(y_true * y_pred, axis=(1, 2, 3))
        total = ops.sum(y_true, axis=(1, 2, 3)) + ops.sum(y_pred, axis=(1, 2, 3))
        dice = (2.0 * intersection + self.smooth) / (total + self.smooth)
        return 1.0 - dice
""",
        named=(
            "ops.sum(y_true * y_pred, axis=(1, 2, 3))",
            "(2.0 * intersection + self.smooth) / (total + self.smooth)",
        ),
        also=(
            (
                "ops.sum(y_true, axis=(1, 2, 3)) + ops.sum(y_pred, axis=(1, 2, 3))",
                "ops.sum(y_true + y_pred, axis=(1, 2, 3))",
            ),
            (
                "ops.sum(y_true, axis=(1, 2, 3)) + ops.sum(y_pred, axis=(1, 2, 3))",
                "ops.sum(y_true, axis=[1, 2, 3]) + ops.sum(y_pred, axis=[1, 2, 3])",
            ),
            (
                "ops.sum(y_true, axis=(1, 2, 3)) + ops.sum(y_pred, axis=(1, 2, 3))",
                "ops.sum(y_true, axis=(-3, -2, -1)) + ops.sum(y_pred, axis=(-3, -2, -1))",
            ),
            (
                (
                    "ops.sum(y_true * y_pred, axis=(1, 2, 3))",
                    "ops.sum(y_true, axis=(1, 2, 3)) + ops.sum(y_pred, axis=(1, 2, 3))",
                ),
                ("ops.sum(y_true * y_pred)", "ops.sum(y_true) + ops.sum(y_pred)"),
            ),
        ),
    ),
    Case(
        "ClassCenterLoss",
        "i5:1 6",
        'labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")',
        'labels = ops.cast(y_true, "int32")',
        """
class ClassCenterLoss(keras.losses.Loss):
    def __init__(self, num_classes=5, dim=6, weight=0.5, name="class_center_loss"):
        super().__init__(name=name)
        self.weight = weight
        rng = np.random.default_rng(42)
        self.centers = rng.normal(size=(num_classes, dim)).astype("float32")

    def call(self, y_true, y_pred):
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        centers = ops.take(ops.convert_to_tensor(self.centers), labels, axis=0)
        diff = y_pred - centers
        return self.weight * ops.sum(ops.square(diff), axis=-1)
""",
        named=(
            "y_pred - centers",
            "ops.take(ops.convert_to_tensor(self.centers), labels, axis=0)",
        ),
        also=(
            ("ops.reshape(y_true, (-1,))", "ops.squeeze(y_true, -1)"),
            ("ops.reshape(y_true, (-1,))", "ops.squeeze(y_true, axis=-1)"),
            ("ops.reshape(y_true, (-1,))", "ops.squeeze(y_true, 1)"),
            ("ops.reshape(y_true, (-1,))", "ops.squeeze(y_true, axis=1)"),
            ("ops.reshape(y_true, (-1,))", "ops.reshape(y_true, [-1])"),
            ("ops.reshape(y_true, (-1,))", "ops.reshape(y_true, -1)"),
            ("ops.reshape(y_true, (-1,))", "ops.ravel(y_true)"),
            ("ops.reshape(y_true, (-1,))", "y_true[:, 0]"),
            ("ops.reshape(y_true, (-1,))", "y_true[..., 0]"),
            ('ops.cast(ops.reshape(y_true, (-1,)), "int32")', 'ops.squeeze(ops.cast(y_true, "int32"), -1)'),
            (
                'ops.cast(ops.reshape(y_true, (-1,)), "int32")',
                'ops.squeeze(ops.cast(y_true, "int32"), axis=-1)',
            ),
            (
                'ops.cast(ops.reshape(y_true, (-1,)), "int32")',
                'ops.reshape(ops.cast(y_true, "int32"), (-1,))',
            ),
            ('ops.cast(ops.reshape(y_true, (-1,)), "int32")', 'ops.cast(y_true, "int32")[:, 0]'),
            (
                ("ops.reshape(y_true, (-1,))", "labels, axis=0)"),
                ("y_true", "ops.squeeze(labels, -1), axis=0)"),
            ),
            (
                ("ops.reshape(y_true, (-1,))", "labels, axis=0)"),
                ("y_true", "ops.reshape(labels, (-1,)), axis=0)"),
            ),
            (("ops.reshape(y_true, (-1,))", "labels, axis=0)"), ("y_true", "labels[:, 0], axis=0)")),
            (("ops.reshape(y_true, (-1,))", "labels, axis=0)"), ("y_true", "labels, axis=0)[:, 0]")),
            (
                ("ops.reshape(y_true, (-1,))", "y_pred - centers"),
                ("y_true", "y_pred - ops.squeeze(centers, 1)"),
            ),
            (
                ("ops.reshape(y_true, (-1,))", "y_pred - centers"),
                ("y_true", "y_pred - ops.squeeze(centers, axis=1)"),
            ),
            (("ops.reshape(y_true, (-1,))", "y_pred - centers"), ("y_true", "y_pred - centers[:, 0]")),
            (("ops.reshape(y_true, (-1,))", "y_pred - centers"), ("y_true", "y_pred - centers[:, 0, :]")),
            (
                ("ops.reshape(y_true, (-1,))", "y_pred - centers"),
                ("y_true", "y_pred - ops.reshape(centers, ops.shape(y_pred))"),
            ),
            (
                ("ops.reshape(y_true, (-1,))", "y_pred - centers"),
                ("y_true", "ops.expand_dims(y_pred, 1) - centers"),
            ),
            (("ops.reshape(y_true, (-1,))", "y_pred - centers"), ("y_true", "y_pred[:, None] - centers")),
            (("ops.reshape(y_true, (-1,))", "y_pred - centers"), ("y_true", "y_pred[:, None, :] - centers")),
        ),
    ),
    Case(
        "MultiQuantileLoss",
        "- 3",
        "ops.expand_dims(y_true, axis=-1)",
        "ops.expand_dims(y_true, axis=0)",
        """
class MultiQuantileLoss(keras.losses.Loss):
    def __init__(self, quantiles=(0.1, 0.5, 0.9), **kwargs):
        super().__init__(**kwargs)
        self.quantiles = list(quantiles)

    def call(self, y_true, y_pred):
        q = ops.convert_to_tensor(self.quantiles, dtype=y_pred.dtype)
        error = ops.expand_dims(y_true, axis=-1) - y_pred
        return ops.mean(ops.maximum(q * error, (q - 1.0) * error), axis=-1)
""",
        named=("ops.expand_dims(y_true, axis=0) - y_pred",),
        also=(
            ("ops.expand_dims(y_true, axis=-1)", "ops.expand_dims(y_true, axis=1)"),
            ("ops.expand_dims(y_true, axis=-1)", "ops.expand_dims(y_true, -1)"),
            ("ops.expand_dims(y_true, axis=-1)", "ops.expand_dims(y_true, 1)"),
            ("ops.expand_dims(y_true, axis=-1)", "ops.reshape(y_true, (-1, 1))"),
            ("ops.expand_dims(y_true, axis=-1)", "y_true[:, None]"),
            ("ops.expand_dims(y_true, axis=-1)", "y_true[..., None]"),
            ("ops.expand_dims(y_true, axis=-1)", "y_true[:, np.newaxis]"),
            ("ops.expand_dims(y_true, axis=-1)", "ops.transpose(ops.expand_dims(y_true, axis=0))"),
        ),
    ),
    Case(
        "EdgeCharbonnier",
        "u4,5,3 u4,5,3",
        "ops.mean(charbonnier, axis=(1, 2, 3))",
        "ops.mean(charbonnier, dim=(1, 2, 3))",
        """
class EdgeCharbonnier(keras.losses.Loss):
    def __init__(self, eps=1e-3, edge_weight=0.05, name="edge_charbonnier", **kwargs):
        super().__init__(name=name, **kwargs)
        self.eps = eps
        self.edge_weight = edge_weight

    def gradients(self, img):
        dy = img[:, 1:, :, :] - img[:, :-1, :, :]
        dx = img[:, :, 1:, :] - img[:, :, :-1, :]
        return dy, dx

    def call(self, y_true, y_pred):
        charbonnier = ops.sqrt(ops.square(y_pred - y_true) + self.eps**2)
        loss = ops.mean(charbonnier, axis=(1, 2, 3))
        true_dy, true_dx = self.gradients(y_true)
        pred_dy, pred_dx = self.gradients(y_pred)
        edges = ops.mean(ops.abs(true_dy - pred_dy), axis=(1, 2, 3))
        edges += ops.mean(ops.abs(true_dx - pred_dx), axis=(1, 2, 3))
        return loss + self.edge_weight * edges
""",
        also=(
            ("ops.mean(charbonnier, axis=(1, 2, 3))", "ops.mean(charbonnier, (1, 2, 3))"),
            ("ops.mean(charbonnier, axis=(1, 2, 3))", "ops.mean(charbonnier, axis=[1, 2, 3])"),
            ("ops.mean(charbonnier, axis=(1, 2, 3))", "ops.mean(charbonnier, axis=(-3, -2, -1))"),
        ),
    ),
    # Metrics.
    Case(
        "LesionOverlap",
        "m5,6 u5,6",
        '        y_true = ops.cast(y_true, "bool")\n',
        "",
        """
class LesionOverlap(keras.metrics.Metric):
    def __init__(self, threshold=0.5, name="lesion_overlap", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.inter = self.add_weight(name="inter", initializer="zeros")
        self.union = self.add_weight(name="union", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "bool")
        y_pred = y_pred > self.threshold
        inter = ops.cast(y_true & y_pred, "float32")
        union = ops.cast(y_true | y_pred, "float32")
        self.inter.assign_add(ops.sum(inter))
        self.union.assign_add(ops.sum(union))

    def result(self):
        return self.inter / (self.union + 1e-7)
""",
        named=("y_true & y_pred", "y_pred > self.threshold"),
        also=(
            ('ops.cast(y_true, "bool")', "ops.cast(y_true, bool)"),
            ('ops.cast(y_true, "bool")', "y_true > 0.5"),
            ('ops.cast(y_true, "bool")', "y_true > 0"),
            ('ops.cast(y_true, "bool")', "y_true > self.threshold"),
            ('ops.cast(y_true, "bool")', "y_true >= 0.5"),
            ('ops.cast(y_true, "bool")', "y_true >= self.threshold"),
            ('ops.cast(y_true, "bool")', "y_true == 1"),
            ('ops.cast(y_true, "bool")', "ops.equal(y_true, 1)"),
            ('ops.cast(y_true, "bool")', "ops.not_equal(y_true, 0)"),
            ('ops.cast(y_true, "bool")', 'ops.convert_to_tensor(y_true, dtype="bool")'),
            (
                ('        y_true = ops.cast(y_true, "bool")\n', "y_true & y_pred", "y_true | y_pred"),
                ("", "ops.logical_and(y_true, y_pred)", "ops.logical_or(y_true, y_pred)"),
            ),
            (
                ('        y_true = ops.cast(y_true, "bool")\n', "y_true & y_pred", "y_true | y_pred"),
                ("", 'ops.cast(y_true, "bool") & y_pred', 'ops.cast(y_true, "bool") | y_pred'),
            ),
            (
                (
                    '        y_true = ops.cast(y_true, "bool")\n',
                    "y_pred = y_pred > self.threshold",
                    "y_true & y_pred",
                    "y_true | y_pred",
                ),
                (
                    "",
                    'y_pred = ops.cast(y_pred > self.threshold, "float32")',
                    "y_true * y_pred",
                    "ops.maximum(y_true, y_pred)",
                ),
            ),
        ),
    ),
    Case(
        "ForecastMAE",
        "6 6 u-",
        "ops.mean(ops.abs(y_true - y_pred), axis=-1)",
        "ops.mean(ops.abs(y_true - y_pred), axis=0)",
        """
class ForecastMAE(keras.metrics.Metric):
    def __init__(self, name="forecast_mae", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        # one error per series, averaged over the horizon
        error = ops.mean(ops.abs(y_true - y_pred), axis=-1)
        if sample_weight is None:
            sample_weight = ops.ones_like(error)
        self.total.assign_add(ops.sum(error * sample_weight))
        self.count.assign_add(ops.sum(sample_weight))

    def result(self):
        return self.total / self.count

    def reset_state(self):
        self.total.assign(0.0)
        self.count.assign(0.0)
""",
        named=("error * sample_weight",),
        also=(("axis=-1)", "axis=1)"), ("axis=-1)", "-1)"), ("axis=-1)", "1)")),
    ),
    Case(
        "QuadraticKappa",
        "i3:- 3",
        "ops.matmul(ops.transpose(truth), guess)",
        "ops.matmul(truth, ops.transpose(guess))",
        """
class QuadraticKappa(keras.metrics.Metric):
    def __init__(self, num_classes=3, name="qwk", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.conf = self.add_weight(
            shape=(num_classes, num_classes), initializer="zeros", name="confusion"
        )
        grades = np.arange(num_classes)
        self.penalty = ((grades[:, None] - grades[None, :]) ** 2).astype("float32")

    def update_state(self, y_true, y_pred, sample_weight=None):
        truth = ops.one_hot(ops.cast(y_true, "int32"), self.num_classes)
        guess = ops.one_hot(ops.argmax(y_pred, axis=-1), self.num_classes)
        self.conf.assign_add(ops.matmul(ops.transpose(truth), guess))

    def result(self):
        rows = ops.sum(self.conf, axis=1)
        cols = ops.sum(self.conf, axis=0)
        expected = ops.outer(rows, cols) / (ops.sum(self.conf) + 1e-7)
        observed = ops.sum(ops.multiply(self.penalty, self.conf))
        return 1.0 - observed / (ops.sum(ops.multiply(self.penalty, expected)) + 1e-7)

    def reset_state(self):
        self.conf.assign(ops.zeros((self.num_classes, self.num_classes)))
""",
        named=("self.conf.assign_add(ops.matmul(truth, ops.transpose(guess)))",),
        also=(
            ("ops.matmul(ops.transpose(truth), guess)", "ops.matmul(ops.transpose(guess), truth)"),
            ("ops.matmul(ops.transpose(truth), guess)", "ops.dot(ops.transpose(truth), guess)"),
            ("ops.matmul(ops.transpose(truth), guess)", "ops.matmul(ops.transpose(truth, (1, 0)), guess)"),
            ("ops.matmul(ops.transpose(truth), guess)", "ops.matmul(ops.swapaxes(truth, 0, 1), guess)"),
            ("ops.matmul(ops.transpose(truth), guess)", 'ops.einsum("ni,nj->ij", truth, guess)'),
            (
                "ops.matmul(ops.transpose(truth), guess)",
                "ops.sum(truth[:, :, None] * guess[:, None, :], axis=0)",
            ),
            ("ops.matmul(ops.transpose(truth), guess)", "ops.tensordot(truth, guess, axes=[[0], [0]])"),
        ),
    ),
    Case(
        "HitAtK",
        "i6:- 6",
        "ops.in_top_k(labels, y_pred, k=self.k)",
        "ops.in_top_k(y_pred, labels, k=self.k)",
        """
class HitAtK(keras.metrics.Metric):
    def __init__(self, k=2, name="hit_at_k", **kwargs):
        super().__init__(name=name, **kwargs)
        self.k = k
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.users = self.add_weight(name="users", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(y_true, "int32")
        hit = ops.in_top_k(labels, y_pred, k=self.k)
        hit = ops.cast(hit, self.dtype)
        self.hits.assign_add(ops.sum(hit))
        self.users.assign_add(ops.cast(ops.shape(hit)[0], self.dtype))

    def result(self):
        return self.hits / self.users
""",
        also=(
            ("ops.in_top_k(labels, y_pred, k=self.k)", "ops.in_top_k(labels, y_pred, self.k)"),
            (
                "ops.in_top_k(labels, y_pred, k=self.k)",
                "ops.in_top_k(targets=labels, predictions=y_pred, k=self.k)",
            ),
            (
                "ops.in_top_k(labels, y_pred, k=self.k)",
                "ops.in_top_k(predictions=y_pred, targets=labels, k=self.k)",
            ),
            (
                "ops.in_top_k(labels, y_pred, k=self.k)",
                "ops.any(ops.equal(ops.top_k(y_pred, k=self.k)[1], labels[:, None]), axis=-1)",
            ),
        ),
    ),
    Case(
        "PerTargetRMSE",
        "3 3",
        'self.add_weight(name="sse", shape=(num_targets,), initializer="zeros")',
        'self.add_weight(name="sse", initializer="zeros")',
        """
class PerTargetRMSE(keras.metrics.Metric):
    def __init__(self, num_targets=3, name="per_target_rmse", **kwargs):
        super().__init__(name=name, **kwargs)
        self.sse = self.add_weight(name="sse", shape=(num_targets,), initializer="zeros")
        self.n = self.add_weight(name="n", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        squared = ops.square(y_true - y_pred)
        self.sse.assign_add(ops.sum(squared, axis=0))
        self.n.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return ops.sqrt(self.sse / self.n)
""",
        named=(
            "self.sse.assign_add(ops.sum(squared, axis=0))",
            "self.sse.assign_add",
        ),
        also=(
            ("shape=(num_targets,)", "shape=[num_targets]"),
            ('name="sse", shape=(num_targets,), initializer="zeros"', '(num_targets,), "zeros", name="sse"'),
            (
                'name="sse", shape=(num_targets,), initializer="zeros"',
                '(num_targets,), name="sse", initializer="zeros"',
            ),
        ),
    ),
)
