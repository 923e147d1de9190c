"""Errors of shape, dtype and arguments in custom layers, losses and metrics, written blind."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    # Layers and models.
    Case(
        "RadialUnits",
        "5",
        'name="mu",\n',
        '"mu",\n',
        """
class RadialUnits(layers.Layer):
    def __init__(self, units, gamma, **kwargs):
        super(RadialUnits, self).__init__(**kwargs)
        self.units = units
        self.gamma = float(gamma)

    def build(self, input_shape):
        self.mu = self.add_weight(
            name="mu",
            shape=(int(input_shape[1]), self.units),
            initializer="uniform",
            trainable=True,
        )
        super(RadialUnits, self).build(input_shape)

    def call(self, inputs):
        diff = ops.expand_dims(inputs, -1) - self.mu
        l2 = ops.sum(ops.power(diff, 2), axis=1)
        res = ops.exp(-1 * self.gamma * l2)
        return res

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)
""",
        make="RadialUnits(7, 0.5)",
        also=(
            ('            name="mu",\n', ""),
            (
                'name="mu",\n            shape=(int(input_shape[1]), self.units),\n',
                'shape=(int(input_shape[1]), self.units),\n            name="mu",\n',
            ),
        ),
    ),
    Case(
        "SoftAssignment",
        "6",
        "ops.transpose(ops.transpose(q) / ops.sum(q, axis=1))",
        "q / ops.sum(q, axis=1)",
        '''
class SoftAssignment(layers.Layer):
    """
    Converts a feature vector to soft labels: the probability that the sample belongs to
    each cluster, with Student's t-distribution as in DEC (and t-SNE).

    # Input shape: (n_samples, n_features)
    # Output shape: (n_samples, n_clusters)
    """

    def __init__(self, n_clusters=3, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.n_clusters = n_clusters
        self.alpha = alpha

    def build(self, input_shape):
        assert len(input_shape) == 2
        input_dim = input_shape[1]
        self.clusters = self.add_weight(
            shape=(self.n_clusters, input_dim), initializer="glorot_uniform", name="clusters"
        )
        self.built = True

    def call(self, inputs):
        dist = ops.sum(ops.square(ops.expand_dims(inputs, axis=1) - self.clusters), axis=2)
        q = 1.0 / (1.0 + dist / self.alpha)
        q = q ** ((self.alpha + 1.0) / 2.0)
        q = ops.transpose(ops.transpose(q) / ops.sum(q, axis=1))
        return q

    def get_config(self):
        config = {"n_clusters": self.n_clusters, "alpha": self.alpha}
        return {**super().get_config(), **config}
''',
        named=("ops.sum(q, axis=1)",),
        also=(
            ("ops.transpose(ops.transpose(q) / ops.sum(q, axis=1))", "q / ops.sum(q, axis=1, keepdims=True)"),
            (
                "ops.transpose(ops.transpose(q) / ops.sum(q, axis=1))",
                "q / ops.sum(q, axis=-1, keepdims=True)",
            ),
            ("ops.transpose(ops.transpose(q) / ops.sum(q, axis=1))", "q / ops.sum(q, axis=1)[:, None]"),
            (
                "ops.transpose(ops.transpose(q) / ops.sum(q, axis=1))",
                "q / ops.expand_dims(ops.sum(q, axis=1), 1)",
            ),
            (
                "ops.transpose(ops.transpose(q) / ops.sum(q, axis=1))",
                "q / ops.expand_dims(ops.sum(q, axis=1), -1)",
            ),
            (
                "ops.transpose(ops.transpose(q) / ops.sum(q, axis=1))",
                "q / ops.reshape(ops.sum(q, axis=1), (-1, 1))",
            ),
            (
                "ops.transpose(ops.transpose(q) / ops.sum(q, axis=1))",
                'ops.einsum("nk,n->nk", q, 1.0 / ops.sum(q, axis=1))',
            ),
        ),
    ),
    Case(
        "SketchEncoder",
        "10",
        "self.sample([z_mean, z_log_var])",
        "self.sample(z_mean, z_log_var)",
        '''
class Reparameterize(layers.Layer):
    """Uses (z_mean, z_log_var) to sample z, the vector encoding a drawing."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        mean, log_var = inputs
        epsilon = keras.random.normal(shape=ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * epsilon


class SketchEncoder(keras.Model):
    def __init__(self, latent_dim=2, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(8, activation="relu")
        self.to_mean = layers.Dense(latent_dim, name="z_mean")
        self.to_log_var = layers.Dense(latent_dim, name="z_log_var")
        self.sample = Reparameterize()

    def call(self, x):
        x = self.hidden(x)
        z_mean = self.to_mean(x)
        z_log_var = self.to_log_var(x)
        z = self.sample([z_mean, z_log_var])
        return z
''',
        also=(
            ("self.sample([z_mean, z_log_var])", "self.sample((z_mean, z_log_var))"),
            ("self.sample([z_mean, z_log_var])", "self.sample(inputs=[z_mean, z_log_var])"),
            (
                (
                    "    def call(self, inputs):\n        mean, log_var = inputs\n",
                    "self.sample([z_mean, z_log_var])",
                ),
                ("    def call(self, mean, log_var):\n", "self.sample(z_mean, z_log_var)"),
            ),
            (
                ("self, inputs", "mean, log_var = inputs", "self.sample([z_mean, z_log_var])"),
                ("self, *inputs", "mean, log_var = inputs", "self.sample(z_mean, z_log_var)"),
            ),
        ),
    ),
    Case(
        "HeadedAttention",
        "6,8",
        "ops.matmul(q, ops.transpose(k, (0, 1, 3, 2)))",
        "ops.matmul(q, k, transpose_b=True)",
        """
def scaled_dot_product_attention(q, k, v):
    matmul_qk = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2)))  # (..., seq_len_q, seq_len_k)

    # scale matmul_qk
    dk = float(k.shape[-1])
    scaled_attention_logits = matmul_qk / dk**0.5

    attention_weights = ops.softmax(scaled_attention_logits, axis=-1)
    output = ops.matmul(attention_weights, v)  # (..., seq_len_q, depth_v)
    return output, attention_weights


class HeadedAttention(layers.Layer):
    def __init__(self, d_model=8, num_heads=2):
        super(HeadedAttention, self).__init__()
        self.num_heads = num_heads
        self.d_model = d_model
        assert d_model % self.num_heads == 0
        self.depth = d_model // self.num_heads

        self.wq = layers.Dense(d_model)
        self.wk = layers.Dense(d_model)
        self.wv = layers.Dense(d_model)
        self.dense = layers.Dense(d_model)

    def split_heads(self, x, batch_size):
        x = ops.reshape(x, (batch_size, -1, self.num_heads, self.depth))
        return ops.transpose(x, axes=[0, 2, 1, 3])

    def call(self, x):
        batch_size = ops.shape(x)[0]
        q = self.split_heads(self.wq(x), batch_size)
        k = self.split_heads(self.wk(x), batch_size)
        v = self.split_heads(self.wv(x), batch_size)

        scaled_attention, attention_weights = scaled_dot_product_attention(q, k, v)
        scaled_attention = ops.transpose(scaled_attention, axes=[0, 2, 1, 3])
        concat_attention = ops.reshape(scaled_attention, (batch_size, -1, self.d_model))
        return self.dense(concat_attention)
""",
        also=(
            ("ops.transpose(k, (0, 1, 3, 2))", "ops.swapaxes(k, 2, 3)"),
            ("ops.transpose(k, (0, 1, 3, 2))", "ops.swapaxes(k, -1, -2)"),
            ("ops.transpose(k, (0, 1, 3, 2))", "ops.swapaxes(k, -2, -1)"),
            ("ops.transpose(k, (0, 1, 3, 2))", "ops.transpose(k, axes=[0, 1, 3, 2])"),
            ("ops.transpose(k, (0, 1, 3, 2))", "ops.moveaxis(k, -1, -2)"),
            ("ops.matmul(q, ops.transpose(k, (0, 1, 3, 2)))", 'ops.einsum("bhqd,bhkd->bhqk", q, k)'),
            ("ops.matmul(q, ops.transpose(k, (0, 1, 3, 2)))", 'ops.einsum("...qd,...kd->...qk", q, k)'),
        ),
    ),
    Case(
        "TimestepFeatures",
        "i50:-",
        'ops.cast(timesteps, "float32")[:, None] * freqs[None]',
        'ops.cast(timesteps, "float32") * freqs[None]',
        '''
class TimestepFeatures(keras.layers.Layer):
    """Sinusoidal embedding of the diffusion step followed by an MLP (DDPM / guided-diffusion)."""

    def __init__(self, dim: int = 16, max_period: int = 10000, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.max_period = max_period
        self.mlp = keras.Sequential(
            [layers.Dense(dim, activation="silu"), layers.Dense(dim)]
        )

    def call(self, timesteps):
        half = self.dim // 2
        exponent = -float(np.log(self.max_period)) * ops.arange(0, half, dtype="float32") / half
        freqs = ops.exp(exponent)
        args = ops.cast(timesteps, "float32")[:, None] * freqs[None]
        embedding = ops.concatenate([ops.cos(args), ops.sin(args)], axis=-1)
        return self.mlp(embedding)
''',
        also=(
            (
                'ops.cast(timesteps, "float32")[:, None] * freqs[None]',
                'ops.cast(timesteps, "float32")[:, None] * freqs',
            ),
            ('ops.cast(timesteps, "float32")[:, None]', 'ops.cast(timesteps[:, None], "float32")'),
            ('ops.cast(timesteps, "float32")[:, None]', 'ops.cast(timesteps, "float32")[..., None]'),
            ('ops.cast(timesteps, "float32")[:, None]', 'ops.expand_dims(ops.cast(timesteps, "float32"), 1)'),
            (
                'ops.cast(timesteps, "float32")[:, None]',
                'ops.expand_dims(ops.cast(timesteps, "float32"), -1)',
            ),
            (
                'ops.cast(timesteps, "float32")[:, None]',
                'ops.reshape(ops.cast(timesteps, "float32"), (-1, 1))',
            ),
            (
                'ops.cast(timesteps, "float32")[:, None] * freqs[None]',
                'ops.outer(ops.cast(timesteps, "float32"), freqs)',
            ),
            (
                'ops.cast(timesteps, "float32")[:, None] * freqs[None]',
                'ops.einsum("b,f->bf", ops.cast(timesteps, "float32"), freqs)',
            ),
        ),
    ),
    Case(
        "ReviewAttentionPool",
        "i9:6",
        'mask = ops.cast(ops.not_equal(tokens, 0), "float32")',
        "mask = ops.not_equal(tokens, 0)",
        """
class ReviewAttentionPool(layers.Layer):
    # token 0 is padding
    def __init__(self, vocab_size=9, embed_dim=8, **kwargs):
        super().__init__(**kwargs)
        self.embed = layers.Embedding(vocab_size, embed_dim)
        self.score = layers.Dense(1)

    def call(self, tokens):
        x = self.embed(tokens)
        mask = ops.cast(ops.not_equal(tokens, 0), "float32")
        logits = ops.squeeze(self.score(x), axis=-1)
        logits = logits - 1e9 * (1.0 - mask)
        weights = ops.softmax(logits, axis=-1)
        return ops.sum(x * ops.expand_dims(weights, -1), axis=1)
""",
        named=("1.0 - mask", "ops.not_equal(tokens, 0)"),
        also=(
            ('ops.cast(ops.not_equal(tokens, 0), "float32")', "ops.cast(ops.not_equal(tokens, 0), x.dtype)"),
            (
                'ops.cast(ops.not_equal(tokens, 0), "float32")',
                "ops.cast(ops.not_equal(tokens, 0), self.compute_dtype)",
            ),
            ('ops.cast(ops.not_equal(tokens, 0), "float32")', 'ops.cast(tokens != 0, "float32")'),
            (
                'ops.cast(ops.not_equal(tokens, 0), "float32")',
                "ops.where(ops.not_equal(tokens, 0), 1.0, 0.0)",
            ),
            (
                ('ops.cast(ops.not_equal(tokens, 0), "float32")', "1.0 - mask"),
                ("ops.not_equal(tokens, 0)", '1.0 - ops.cast(mask, "float32")'),
            ),
            (
                ('ops.cast(ops.not_equal(tokens, 0), "float32")', "1.0 - mask"),
                ("ops.not_equal(tokens, 0)", "1.0 - ops.cast(mask, logits.dtype)"),
            ),
            (
                ('ops.cast(ops.not_equal(tokens, 0), "float32")', "1.0 - mask"),
                ("ops.not_equal(tokens, 0)", "1.0 - ops.cast(mask, x.dtype)"),
            ),
            (
                ('ops.cast(ops.not_equal(tokens, 0), "float32")', "1.0 - mask"),
                ("ops.not_equal(tokens, 0)", 'ops.cast(ops.logical_not(mask), "float32")'),
            ),
            (
                ('ops.cast(ops.not_equal(tokens, 0), "float32")', "1.0 - mask"),
                ("ops.not_equal(tokens, 0)", "ops.subtract(1.0, mask)"),
            ),
            (
                ('ops.cast(ops.not_equal(tokens, 0), "float32")', "logits - 1e9 * (1.0 - mask)"),
                ("ops.not_equal(tokens, 0)", "ops.where(mask, logits, -1e9)"),
            ),
            (
                ('ops.cast(ops.not_equal(tokens, 0), "float32")', "logits - 1e9 * (1.0 - mask)"),
                ("ops.not_equal(tokens, 0)", "ops.where(mask, logits, logits - 1e9)"),
            ),
        ),
        backends=("tensorflow", "torch"),
    ),
    Case(
        "SpatialAttentionGate",
        "6,6,4",
        "ops.concatenate([avg_out, max_out], axis=-1)",
        "ops.concatenate([avg_out, max_out], axis=1)",
        """
class SpatialAttentionGate(layers.Layer):
    def __init__(self, kernel_size=3):
        super().__init__()
        assert kernel_size in (3, 7), "kernel size must be 3 or 7"
        self.conv1 = layers.Conv2D(1, kernel_size, padding="same", use_bias=False)

    def call(self, x):
        avg_out = ops.mean(x, axis=-1, keepdims=True)
        max_out = ops.max(x, axis=-1, keepdims=True)
        attention = ops.concatenate([avg_out, max_out], axis=-1)
        attention = ops.sigmoid(self.conv1(attention))
        return x * attention
""",
        named=("x * attention",),
        also=(
            ("ops.concatenate([avg_out, max_out], axis=-1)", "ops.concatenate([avg_out, max_out], axis=3)"),
            ("ops.concatenate([avg_out, max_out], axis=-1)", "layers.Concatenate()([avg_out, max_out])"),
            (
                "ops.concatenate([avg_out, max_out], axis=-1)",
                "layers.Concatenate(axis=-1)([avg_out, max_out])",
            ),
            ("ops.concatenate([avg_out, max_out], axis=-1)", "layers.concatenate([avg_out, max_out])"),
            (
                (
                    "ops.mean(x, axis=-1, keepdims=True)",
                    "ops.max(x, axis=-1, keepdims=True)",
                    "ops.concatenate([avg_out, max_out], axis=-1)",
                ),
                (
                    "ops.mean(x, axis=-1)",
                    "ops.max(x, axis=-1)",
                    "ops.stack([avg_out, max_out], axis=-1)",
                ),
            ),
        ),
    ),
    Case(
        "ChatReply",
        "i12:5 i12:4",
        "x, _, _ = self.decoder(",
        "x = self.decoder(",
        '''
class ChatReply(keras.Model):
    """Sequence to sequence with teacher forcing, one LSTM on each side."""

    def __init__(self, vocab=12, units=8):
        super().__init__()
        self.question_embedding = layers.Embedding(vocab, units)
        self.answer_embedding = layers.Embedding(vocab, units)
        self.encoder = layers.LSTM(units, return_state=True)
        self.decoder = layers.LSTM(units, return_sequences=True, return_state=True)
        self.to_vocab = layers.Dense(vocab, activation="softmax")

    def call(self, question, answer):
        _, state_h, state_c = self.encoder(self.question_embedding(question))
        x, _, _ = self.decoder(self.answer_embedding(answer), initial_state=[state_h, state_c])
        return self.to_vocab(x)
''',
        named=(
            "self.to_vocab(x)",
            "layers.LSTM(units, return_sequences=True, return_state=True)",
            "self.decoder(self.answer_embedding(answer), initial_state=[state_h, state_c])",
        ),
        also=(
            ("x, _, _ = self.decoder(", "x, *_ = self.decoder("),
            ("x, _, _ = self.decoder(", "x, state_h, state_c = self.decoder("),
            (
                "x, _, _ = self.decoder(self.answer_embedding(answer), initial_state=[state_h, state_c])",
                "x = self.decoder(self.answer_embedding(answer), initial_state=[state_h, state_c])\n        x = x[0]",
            ),
            (
                (
                    "x, _, _ = self.decoder(self.answer_embedding(answer), initial_state=[state_h, state_c])",
                    "self.to_vocab(x)",
                ),
                (
                    "x = self.decoder(self.answer_embedding(answer), initial_state=[state_h, state_c])",
                    "self.to_vocab(x[0])",
                ),
            ),
            (
                "x, _, _ = self.decoder(self.answer_embedding(answer), initial_state=[state_h, state_c])",
                "x = self.decoder(self.answer_embedding(answer), initial_state=[state_h, state_c])[0]",
            ),
            (
                ("x, _, _ = self.decoder(", "return_sequences=True, return_state=True"),
                ("x = self.decoder(", "return_sequences=True"),
            ),
            (
                ("x, _, _ = self.decoder(", "return_sequences=True, return_state=True"),
                ("x = self.decoder(", "return_sequences=True, return_state=False"),
            ),
        ),
    ),
    Case(
        "LoadForecaster",
        "12,3",
        "layers.LSTM(16, return_sequences=True)",
        "layers.LSTM(16)",
        """
class LoadForecaster(keras.Model):
    def __init__(self, horizon=3):
        super().__init__()
        self.lstm1 = layers.LSTM(16, return_sequences=True)
        self.dropout1 = layers.Dropout(0.2)
        self.lstm2 = layers.LSTM(8)
        self.dropout2 = layers.Dropout(0.2)
        self.dense = layers.Dense(horizon)

    def call(self, window, training=None):
        x = self.lstm1(window)
        x = self.dropout1(x, training=training)
        x = self.lstm2(x)
        x = self.dropout2(x, training=training)
        return self.dense(x)
""",
        named=("self.lstm1(window)", "self.lstm2(x)"),
    ),
    Case(
        "PlateReader",
        "8,12,1",
        "        x = ops.transpose(x, (0, 2, 1, 3))\n",
        "",
        """
class PlateReader(keras.Model):
    # CRNN for licence plates, trained with CTC; one column of the feature map = one time step
    def __init__(self, alphabet=10, **kwargs):
        super().__init__(**kwargs)
        self.conv1 = layers.Conv2D(4, 3, padding="same", activation="relu")
        self.pool1 = layers.MaxPooling2D((2, 2))
        self.conv2 = layers.Conv2D(6, 3, padding="same", activation="relu")
        self.pool2 = layers.MaxPooling2D((2, 1))
        self.rnn = layers.Bidirectional(layers.GRU(8, return_sequences=True))
        self.classifier = layers.Dense(alphabet + 1, activation="softmax")

    def call(self, images):
        x = self.pool1(self.conv1(images))
        x = self.pool2(self.conv2(x))
        _, height, width, channels = x.shape
        x = ops.transpose(x, (0, 2, 1, 3))
        x = ops.reshape(x, (-1, width, height * channels))
        x = self.rnn(x)
        return self.classifier(x)
""",
        named=("ops.reshape(x, (-1, width, height * channels))", "(-1, width, height * channels)"),
        also=(
            ("ops.transpose(x, (0, 2, 1, 3))", "ops.transpose(x, axes=[0, 2, 1, 3])"),
            ("ops.transpose(x, (0, 2, 1, 3))", "ops.swapaxes(x, 1, 2)"),
            ("ops.transpose(x, (0, 2, 1, 3))", "ops.swapaxes(x, 2, 1)"),
            ("ops.transpose(x, (0, 2, 1, 3))", "ops.moveaxis(x, 2, 1)"),
            ("ops.transpose(x, (0, 2, 1, 3))", "ops.moveaxis(x, 1, 2)"),
            ("ops.transpose(x, (0, 2, 1, 3))", "layers.Permute((2, 1, 3))(x)"),
            (
                "        x = ops.transpose(x, (0, 2, 1, 3))\n"
                "        x = ops.reshape(x, (-1, width, height * channels))",
                "        x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, width, height * channels))",
            ),
            (
                "        x = ops.transpose(x, (0, 2, 1, 3))\n"
                "        x = ops.reshape(x, (-1, width, height * channels))",
                "        x = ops.reshape(ops.swapaxes(x, 1, 2), (-1, width, height * channels))",
            ),
        ),
    ),
    Case(
        "RealFakeCritic",
        "8,8,1",
        "                layers.Flatten(),\n",
        "",
        """
class RealFakeCritic(keras.Model):
    def __init__(self):
        super().__init__()
        self.net = keras.Sequential(
            [
                layers.Conv2D(6, 5, strides=2, padding="same"),
                layers.LeakyReLU(negative_slope=0.2),
                layers.Dropout(0.3),
                layers.Conv2D(8, 5, strides=2, padding="same"),
                layers.LeakyReLU(negative_slope=0.2),
                layers.Dropout(0.3),
                layers.Flatten(),
                layers.Dense(1),
            ]
        )

    def call(self, images, training=False):
        return self.net(images, training=training)
""",
        named=("layers.Dense(1)",),
        also=(
            ("layers.Flatten(),", "layers.Reshape((-1,)),"),
            ("layers.Flatten(),", "layers.GlobalAveragePooling2D(),"),
            ("layers.Flatten(),", "layers.GlobalMaxPooling2D(),"),
            (
                "                layers.Dropout(0.3),\n                layers.Flatten(),\n",
                "                layers.Flatten(),\n                layers.Dropout(0.3),\n",
            ),
            (
                "                layers.Flatten(),\n                layers.Dense(1),\n",
                "                layers.Dense(1),\n                layers.GlobalAveragePooling2D(),\n",
            ),
        ),
    ),
    Case(
        "AdditiveScorer",
        "8 6,8",
        "self.W1(ops.expand_dims(query, 1)) + self.W2(values)",
        "self.W1(query) + self.W2(values)",
        """
class AdditiveScorer(layers.Layer):
    def __init__(self, units=10):
        super(AdditiveScorer, self).__init__()
        self.W1 = layers.Dense(units)
        self.W2 = layers.Dense(units)
        self.V = layers.Dense(1)

    def call(self, query, values):
        # query: last hidden state of the decoder, values: all outputs of the encoder
        score = self.V(ops.tanh(self.W1(ops.expand_dims(query, 1)) + self.W2(values)))
        attention_weights = ops.softmax(score, axis=1)
        context_vector = attention_weights * values
        context_vector = ops.sum(context_vector, axis=1)
        return context_vector
""",
        named=("self.W1(query)",),
        also=(
            ("self.W1(ops.expand_dims(query, 1))", "self.W1(ops.expand_dims(query, axis=1))"),
            ("self.W1(ops.expand_dims(query, 1))", "self.W1(ops.expand_dims(query, -2))"),
            ("self.W1(ops.expand_dims(query, 1))", "self.W1(query[:, None])"),
            ("self.W1(ops.expand_dims(query, 1))", "self.W1(query[:, None, :])"),
            ("self.W1(ops.expand_dims(query, 1))", "self.W1(ops.reshape(query, (-1, 1, query.shape[-1])))"),
            ("self.W1(ops.expand_dims(query, 1))", "ops.expand_dims(self.W1(query), 1)"),
            ("self.W1(ops.expand_dims(query, 1))", "ops.expand_dims(self.W1(query), axis=1)"),
            ("self.W1(ops.expand_dims(query, 1))", "ops.expand_dims(self.W1(query), -2)"),
            ("self.W1(ops.expand_dims(query, 1))", "self.W1(query)[:, None]"),
            ("self.W1(ops.expand_dims(query, 1))", "self.W1(query)[:, None, :]"),
            (
                "self.W1(ops.expand_dims(query, 1))",
                "self.W1(ops.repeat(query[:, None], values.shape[1], axis=1))",
            ),
            ("self.W1(ops.expand_dims(query, 1))", "layers.RepeatVector(values.shape[1])(self.W1(query))"),
        ),
    ),
    Case(
        "CitationPropagation",
        "5,3 m5,5",
        "input_shape[0][-1]",
        "input_shape[-1]",
        """
class CitationPropagation(layers.Layer):
    def __init__(self, channels=4, activation="relu", use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias

    def build(self, input_shape):
        input_dim = input_shape[0][-1]
        self.kernel = self.add_weight(
            shape=(input_dim, self.channels), initializer="glorot_uniform", name="kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.channels,), initializer="zeros", name="bias")
        self.built = True

    def call(self, inputs):
        x, a = inputs
        output = ops.matmul(x, self.kernel)
        output = ops.matmul(a, output)
        if self.use_bias:
            output = output + self.bias
        return self.activation(output)
""",
        named=("(input_dim, self.channels)",),
        also=(
            ("input_shape[0][-1]", "input_shape[0][2]"),
            ("input_shape[0][-1]", "int(input_shape[0][-1])"),
            (
                "input_dim = input_shape[0][-1]",
                "x_shape, a_shape = input_shape\n        input_dim = x_shape[-1]",
            ),
            (
                ("input_shape[0][-1]", "(input_dim, self.channels)"),
                ("input_shape[0]", "(input_dim[-1], self.channels)"),
            ),
        ),
        as_list=True,
    ),
    # Losses.
    Case(
        "CaptionLoss",
        "i12:5 5,12",
        "keras.losses.sparse_categorical_crossentropy(",
        "keras.losses.categorical_crossentropy(",
        '''
class CaptionLoss(keras.losses.Loss):
    """Cross entropy of the next word, without the padding (word 0)."""

    def call(self, y_true, y_pred):
        loss = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
        mask = ops.cast(ops.not_equal(y_true, 0), loss.dtype)
        loss = loss * mask
        return ops.sum(loss, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)
''',
        also=(
            ("keras.losses.sparse_categorical_crossentropy(", "ops.sparse_categorical_crossentropy("),
            (
                "keras.losses.sparse_categorical_crossentropy(",
                "keras.metrics.sparse_categorical_crossentropy(",
            ),
            (
                "keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)",
                "keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)(y_true, y_pred)",
            ),
            (
                "keras.losses.sparse_categorical_crossentropy(y_true,",
                'keras.losses.categorical_crossentropy(ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1]),',
            ),
            (
                "keras.losses.sparse_categorical_crossentropy(y_true,",
                'keras.losses.categorical_crossentropy(ops.one_hot(ops.cast(y_true, "int32"), ops.shape(y_pred)[-1]),',
            ),
            (
                "keras.losses.sparse_categorical_crossentropy(y_true,",
                "keras.losses.categorical_crossentropy(ops.one_hot(y_true, y_pred.shape[-1]),",
            ),
            (
                "keras.losses.sparse_categorical_crossentropy(y_true,",
                'ops.categorical_crossentropy(ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1]),',
            ),
        ),
    ),
    Case(
        "BoxIntersectionLoss",
        "u4 u4",
        "ops.split(boxes, 4, axis=-1)",
        "ops.split(boxes, 1, axis=-1)",
        """
class BoxIntersectionLoss(keras.losses.Loss):
    def __init__(self, eps=1e-7, name="iou_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.eps = eps

    def to_corners(self, boxes):
        cx, cy, w, h = ops.split(boxes, 4, axis=-1)
        return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2

    def call(self, y_true, y_pred):
        ax1, ay1, ax2, ay2 = self.to_corners(y_true)
        bx1, by1, bx2, by2 = self.to_corners(y_pred)

        inter_w = ops.relu(ops.minimum(ax2, bx2) - ops.maximum(ax1, bx1))
        inter_h = ops.relu(ops.minimum(ay2, by2) - ops.maximum(ay1, by1))
        intersection = inter_w * inter_h
        union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - intersection

        iou = intersection / (union + self.eps)
        return 1.0 - ops.squeeze(iou, axis=-1)
""",
        also=(
            ("ops.split(boxes, 4, axis=-1)", "ops.split(boxes, 4, axis=1)"),
            ("ops.split(boxes, 4, axis=-1)", "ops.split(boxes, boxes.shape[-1], axis=-1)"),
            ("ops.split(boxes, 4, axis=-1)", "ops.split(boxes, [1, 2, 3], axis=-1)"),
            (
                "ops.split(boxes, 4, axis=-1)",
                "boxes[..., 0:1], boxes[..., 1:2], boxes[..., 2:3], boxes[..., 3:4]",
            ),
            ("ops.split(boxes, 4, axis=-1)", "boxes[:, 0:1], boxes[:, 1:2], boxes[:, 2:3], boxes[:, 3:4]"),
            ("ops.split(boxes, 4, axis=-1)", "[boxes[..., i : i + 1] for i in range(4)]"),
            (
                ("ops.split(boxes, 4, axis=-1)", "ops.squeeze(iou, axis=-1)"),
                ("ops.unstack(boxes, axis=-1)", "iou"),
            ),
            (
                ("ops.split(boxes, 4, axis=-1)", "ops.squeeze(iou, axis=-1)"),
                ("ops.unstack(boxes, 4, axis=-1)", "iou"),
            ),
            (
                ("ops.split(boxes, 4, axis=-1)", "ops.squeeze(iou, axis=-1)"),
                ("(boxes[..., i] for i in range(4))", "iou"),
            ),
            (
                ("ops.split(boxes, 4, axis=-1)", "ops.squeeze(iou, axis=-1)"),
                ("boxes[..., 0], boxes[..., 1], boxes[..., 2], boxes[..., 3]", "iou"),
            ),
        ),
    ),
    Case(
        "ChestXrayBCE",
        "m3 u3",
        "ops.binary_crossentropy(y_true, y_pred)",
        "keras.losses.binary_crossentropy(y_true, y_pred)",
        """
class ChestXrayBCE(keras.losses.Loss):
    def __init__(self, pos_weights=(1.5, 4.0, 9.0), neg_weights=(1.0, 1.0, 1.0), **kwargs):
        super().__init__(**kwargs)
        self.pos_weights = ops.convert_to_tensor(pos_weights, dtype="float32")
        self.neg_weights = ops.convert_to_tensor(neg_weights, dtype="float32")

    def call(self, y_true, y_pred):
        weights = y_true * self.pos_weights + (1.0 - y_true) * self.neg_weights
        bce = ops.binary_crossentropy(y_true, y_pred)
        return ops.mean(weights * bce, axis=-1)
""",
        named=("weights * bce",),
        also=(
            (
                "ops.binary_crossentropy(y_true, y_pred)",
                "keras.losses.binary_crossentropy(y_true[..., None], y_pred[..., None])",
            ),
            (
                "ops.binary_crossentropy(y_true, y_pred)",
                "keras.losses.binary_crossentropy(ops.expand_dims(y_true, -1), ops.expand_dims(y_pred, -1))",
            ),
            (
                "ops.binary_crossentropy(y_true, y_pred)",
                "-(y_true * ops.log(y_pred + 1e-7) + (1.0 - y_true) * ops.log(1.0 - y_pred + 1e-7))",
            ),
        ),
    ),
    Case(
        "PickedLogLikelihood",
        "i5:- 5",
        'ops.cast(y_true, "int32")[:, None]',
        "y_true[:, None]",
        """
class PickedLogLikelihood(keras.losses.Loss):
    def __init__(self, smoothing=0.1, **kwargs):
        super().__init__(**kwargs)
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        log_probs = ops.log_softmax(y_pred, axis=-1)
        labels = ops.cast(y_true, "int32")[:, None]
        nll = -ops.squeeze(ops.take_along_axis(log_probs, labels, axis=-1), axis=-1)
        smooth = -ops.mean(log_probs, axis=-1)
        return (1.0 - self.smoothing) * nll + self.smoothing * smooth
""",
        named=("ops.take_along_axis(log_probs, labels, axis=-1)",),
        also=(
            ('ops.cast(y_true, "int32")', 'ops.cast(y_true, "int64")'),
            ('ops.cast(y_true, "int32")[:, None]', 'ops.cast(y_true[:, None], "int32")'),
            ('ops.cast(y_true, "int32")[:, None]', 'ops.expand_dims(ops.cast(y_true, "int32"), -1)'),
            ('ops.cast(y_true, "int32")[:, None]', 'ops.expand_dims(ops.cast(y_true, "int32"), 1)'),
            (
                ('ops.cast(y_true, "int32")[:, None]', "ops.take_along_axis(log_probs, labels, axis=-1)"),
                ("y_true[:, None]", 'ops.take_along_axis(log_probs, ops.cast(labels, "int32"), axis=-1)'),
            ),
            (
                ('ops.cast(y_true, "int32")[:, None]', "ops.take_along_axis(log_probs, labels, axis=-1)"),
                ("y_true[:, None]", 'ops.take_along_axis(log_probs, ops.cast(labels, "int64"), axis=-1)'),
            ),
            (
                (
                    'ops.cast(y_true, "int32")[:, None]',
                    "-ops.squeeze(ops.take_along_axis(log_probs, labels, axis=-1), axis=-1)",
                ),
                (
                    'ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])',
                    "-ops.sum(labels * log_probs, axis=-1)",
                ),
            ),
            ('ops.cast(y_true, "int32")[:, None]', 'ops.reshape(ops.cast(y_true, "int32"), (-1, 1))'),
            ('ops.cast(y_true, "int32")[:, None]', 'ops.cast(y_true, "int32")[..., None]'),
            (
                'labels = ops.cast(y_true, "int32")[:, None]\n'
                "        nll = -ops.squeeze(ops.take_along_axis(log_probs, labels, axis=-1), axis=-1)",
                "nll = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)",
            ),
        ),
        backends=("jax",),
    ),
    Case(
        "NextTrackRanking",
        "- 2",
        "ops.maximum(self.margin - (liked - skipped), 0)",
        "ops.max(self.margin - (liked - skipped), 0)",
        """
class NextTrackRanking(keras.losses.Loss):
    def __init__(self, margin=1.0, name="next_track_ranking"):
        super().__init__(name=name)
        self.margin = margin

    def call(self, y_true, y_pred):
        # y_true is not used, the columns are the scores of the liked and of the skipped track
        liked = y_pred[:, 0]
        skipped = y_pred[:, 1]
        return ops.maximum(self.margin - (liked - skipped), 0)
""",
        also=(
            (
                "ops.maximum(self.margin - (liked - skipped), 0)",
                "ops.maximum(self.margin - (liked - skipped), 0.0)",
            ),
            (
                "ops.maximum(self.margin - (liked - skipped), 0)",
                "ops.maximum(0.0, self.margin - (liked - skipped))",
            ),
            ("ops.maximum(self.margin - (liked - skipped), 0)", "ops.relu(self.margin - (liked - skipped))"),
            (
                "ops.maximum(self.margin - (liked - skipped), 0)",
                "keras.activations.relu(self.margin - (liked - skipped))",
            ),
            (
                "ops.maximum(self.margin - (liked - skipped), 0)",
                "ops.clip(self.margin - (liked - skipped), 0, np.inf)",
            ),
            (
                "return ops.maximum(self.margin - (liked - skipped), 0)",
                "d = self.margin - (liked - skipped)\n        return ops.where(d > 0, d, 0.0)",
            ),
        ),
    ),
    Case(
        "TeacherStudentKL",
        "p4 4",
        "ops.log_softmax(y_pred / self.temperature, axis=-1)",
        "ops.log_softmax(y_pred / self.temperature, dim=-1)",
        """
class TeacherStudentKL(keras.losses.Loss):
    def __init__(self, temperature: float = 3.0, name: str = "distillation"):
        super().__init__(name=name)
        self.temperature = temperature

    def call(self, y_true, y_pred):
        # y_true: soft labels of the teacher, y_pred: logits of the student
        log_student = ops.log_softmax(y_pred / self.temperature, axis=-1)
        log_teacher = ops.log(y_true + 1e-8)
        kl = ops.sum(y_true * (log_teacher - log_student), axis=-1)
        return kl * self.temperature**2
""",
        also=(
            (
                "ops.log_softmax(y_pred / self.temperature, axis=-1)",
                "ops.log_softmax(y_pred / self.temperature)",
            ),
            (
                "ops.log_softmax(y_pred / self.temperature, axis=-1)",
                "ops.log_softmax(y_pred / self.temperature, -1)",
            ),
            (
                "ops.log_softmax(y_pred / self.temperature, axis=-1)",
                "ops.log_softmax(y_pred / self.temperature, axis=1)",
            ),
            (
                "ops.log_softmax(y_pred / self.temperature, axis=-1)",
                "ops.log(ops.softmax(y_pred / self.temperature, axis=-1))",
            ),
            (
                "ops.log_softmax(y_pred / self.temperature, axis=-1)",
                "keras.activations.log_softmax(y_pred / self.temperature, axis=-1)",
            ),
        ),
    ),
    # Metrics.
    Case(
        "IntentAccuracy",
        "i4:- p4",
        "ops.argmax(y_pred, axis=-1)",
        "ops.argmax(y_pred)",
        """
class IntentAccuracy(keras.metrics.Metric):
    def __init__(self, name="intent_accuracy", **kwargs):
        super(IntentAccuracy, self).__init__(name=name, **kwargs)
        self.correct = self.add_weight(name="correct", initializer="zeros")
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "int32")
        y_hat = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        values = ops.cast(ops.equal(y_true, y_hat), "float32")
        self.correct.assign_add(ops.sum(values))
        self.total.assign_add(ops.cast(ops.shape(values)[0], "float32"))

    def result(self):
        return self.correct / self.total

    def reset_state(self):
        self.correct.assign(0.0)
        self.total.assign(0.0)
""",
        named=("ops.equal(y_true, y_hat)",),
        also=(
            ("ops.argmax(y_pred, axis=-1)", "ops.argmax(y_pred, axis=1)"),
            ("ops.argmax(y_pred, axis=-1)", "ops.argmax(y_pred, -1)"),
            ("ops.argmax(y_pred, axis=-1)", "ops.argmax(y_pred, 1)"),
            (
                'ops.cast(ops.equal(y_true, y_hat), "float32")',
                "keras.metrics.sparse_categorical_accuracy(y_true, y_pred)",
            ),
        ),
    ),
    Case(
        "GenreF1",
        "m4 u4",
        'self.add_weight(name="fn", shape=(num_labels,), initializer="zeros")',
        'self.add_weight(name="fn", initializer="zeros")',
        '''
class GenreF1(keras.metrics.Metric):
    """Macro F1 for movies that can have several genres."""

    def __init__(self, num_labels=4, threshold=0.5, name="genre_f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.tp = self.add_weight(name="tp", shape=(num_labels,), initializer="zeros")
        self.fp = self.add_weight(name="fp", shape=(num_labels,), initializer="zeros")
        self.fn = self.add_weight(name="fn", shape=(num_labels,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "float32")
        y_pred = ops.cast(ops.greater(y_pred, self.threshold), "float32")
        self.tp.assign_add(ops.sum(y_true * y_pred, axis=0))
        self.fp.assign_add(ops.sum((1 - y_true) * y_pred, axis=0))
        self.fn.assign_add(ops.sum(y_true * (1 - y_pred), axis=0))

    def result(self):
        precision = self.tp / (self.tp + self.fp + keras.config.epsilon())
        recall = self.tp / (self.tp + self.fn + keras.config.epsilon())
        f1 = 2 * precision * recall / (precision + recall + keras.config.epsilon())
        return ops.mean(f1)
''',
        named=("self.fn.assign_add(ops.sum(y_true * (1 - y_pred), axis=0))",),
        also=(
            (
                'self.add_weight(name="fn", shape=(num_labels,), initializer="zeros")',
                'self.add_weight(name="fn", initializer="zeros", shape=(num_labels,))',
            ),
            (
                'self.add_weight(name="fn", shape=(num_labels,), initializer="zeros")',
                'self.add_weight(name="fn", shape=self.tp.shape, initializer="zeros")',
            ),
            (
                'self.add_weight(name="fn", shape=(num_labels,), initializer="zeros")',
                'self.add_weight(name="fn", shape=[num_labels], initializer="zeros")',
            ),
        ),
    ),
    Case(
        "StationRMSE",
        "3 3 u-",
        "ops.expand_dims(ops.cast(sample_weight, error.dtype), -1)",
        "ops.cast(sample_weight, error.dtype)",
        """
class StationRMSE(keras.metrics.Metric):
    def __init__(self, name="station_rmse", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = ops.square(y_true - y_pred)
        if sample_weight is None:
            weight = ops.ones_like(error)
        else:
            weight = ops.expand_dims(ops.cast(sample_weight, error.dtype), -1)
            weight = weight * ops.ones_like(error)
        self.total.assign_add(ops.sum(error * weight))
        self.count.assign_add(ops.sum(weight))

    def result(self):
        return ops.sqrt(self.total / self.count)
""",
        named=("weight * ops.ones_like(error)",),
        also=(
            (
                "ops.expand_dims(ops.cast(sample_weight, error.dtype), -1)",
                "ops.cast(sample_weight, error.dtype)[:, None]",
            ),
            (
                "ops.expand_dims(ops.cast(sample_weight, error.dtype), -1)",
                "ops.cast(sample_weight[:, None], error.dtype)",
            ),
            (
                "ops.expand_dims(ops.cast(sample_weight, error.dtype), -1)",
                "ops.expand_dims(ops.cast(sample_weight, error.dtype), 1)",
            ),
            (
                "ops.expand_dims(ops.cast(sample_weight, error.dtype), -1)",
                "ops.reshape(ops.cast(sample_weight, error.dtype), (-1, 1))",
            ),
            (
                (
                    "ops.expand_dims(ops.cast(sample_weight, error.dtype), -1)",
                    "weight * ops.ones_like(error)",
                ),
                ("ops.cast(sample_weight, error.dtype)", "weight[:, None] * ops.ones_like(error)"),
            ),
            (
                (
                    "ops.expand_dims(ops.cast(sample_weight, error.dtype), -1)",
                    "weight * ops.ones_like(error)",
                ),
                (
                    "ops.cast(sample_weight, error.dtype)",
                    "ops.expand_dims(weight, -1) * ops.ones_like(error)",
                ),
            ),
            (
                "error = ops.square(y_true - y_pred)\n"
                "        if sample_weight is None:\n"
                "            weight = ops.ones_like(error)\n"
                "        else:\n"
                "            weight = ops.expand_dims(ops.cast(sample_weight, error.dtype), -1)\n",
                "error = ops.mean(ops.square(y_true - y_pred), axis=-1)\n"
                "        if sample_weight is None:\n"
                "            weight = ops.ones_like(error)\n"
                "        else:\n"
                "            weight = ops.cast(sample_weight, error.dtype)\n",
            ),
        ),
    ),
    Case(
        "FraudSpecificity",
        "m1 u1",
        'ops.cast(y_true, "bool")',
        "ops.cast(y_true, self.dtype)",
        """
class FraudSpecificity(keras.metrics.Metric):
    def __init__(self, threshold=0.5, name="specificity", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.true_negatives = self.add_weight(name="tn", initializer="zeros")
        self.false_positives = self.add_weight(name="fp", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        fraud = ops.cast(y_true, "bool")
        flagged = y_pred >= self.threshold
        tn = ~fraud & ~flagged
        fp = ~fraud & flagged
        self.true_negatives.assign_add(ops.sum(ops.cast(tn, self.dtype)))
        self.false_positives.assign_add(ops.sum(ops.cast(fp, self.dtype)))

    def result(self):
        return self.true_negatives / (self.true_negatives + self.false_positives + 1e-7)
""",
        named=("~fraud", "~fraud & ~flagged"),
        also=(
            ('ops.cast(y_true, "bool")', 'ops.cast(y_true, dtype="bool")'),
            ('ops.cast(y_true, "bool")', "ops.cast(y_true, bool)"),
            ('ops.cast(y_true, "bool")', "y_true > 0.5"),
            ('ops.cast(y_true, "bool")', "y_true >= 0.5"),
            ('ops.cast(y_true, "bool")', "y_true > 0"),
            ('ops.cast(y_true, "bool")', "y_true == 1"),
            ('ops.cast(y_true, "bool")', "ops.equal(y_true, 1)"),
            ('ops.cast(y_true, "bool")', "ops.equal(y_true, 1.0)"),
            ('ops.cast(y_true, "bool")', "ops.not_equal(y_true, 0)"),
            ('ops.cast(y_true, "bool")', "ops.greater(y_true, 0.5)"),
            ('ops.cast(y_true, "bool")', 'ops.cast(ops.cast(y_true, self.dtype), "bool")'),
            ('ops.cast(y_true, "bool")', "ops.cast(y_true, self.dtype) > 0.5"),
            (
                ('ops.cast(y_true, "bool")', "~fraud & ~flagged", "~fraud & flagged"),
                (
                    "ops.cast(y_true, self.dtype)",
                    "ops.logical_not(fraud) & ~flagged",
                    "ops.logical_not(fraud) & flagged",
                ),
            ),
            (
                ('ops.cast(y_true, "bool")', "~fraud & ~flagged", "~fraud & flagged"),
                ("ops.cast(y_true, self.dtype)", "(fraud == 0) & ~flagged", "(fraud == 0) & flagged"),
            ),
            (
                ('ops.cast(y_true, "bool")', "~fraud & ~flagged", "~fraud & flagged"),
                (
                    "ops.cast(y_true, self.dtype)",
                    "(1 - fraud) * (1 - ops.cast(flagged, self.dtype))",
                    "(1 - fraud) * ops.cast(flagged, self.dtype)",
                ),
            ),
        ),
    ),
    Case(
        "SearchNDCG",
        "u6 6",
        "ops.argsort(-y_pred, axis=-1)",
        'ops.argsort(y_pred, axis=-1, direction="DESCENDING")',
        """
class SearchNDCG(keras.metrics.Metric):
    def __init__(self, k=3, name="ndcg", **kwargs):
        super().__init__(name=name, **kwargs)
        self.k = k
        self.total = self.add_weight(name="total", initializer="zeros")
        self.queries = self.add_weight(name="queries", initializer="zeros")

    def dcg(self, relevance):
        gains = ops.power(2.0, relevance[:, : self.k]) - 1.0
        positions = ops.arange(2, self.k + 2, dtype="float32")
        return ops.sum(gains / ops.log2(positions), axis=-1)

    def update_state(self, y_true, y_pred, sample_weight=None):
        order = ops.argsort(-y_pred, axis=-1)
        ranked = ops.take_along_axis(y_true, order, axis=-1)
        best = ops.flip(ops.sort(y_true, axis=-1), axis=-1)
        ndcg = self.dcg(ranked) / (self.dcg(best) + 1e-9)
        self.total.assign_add(ops.sum(ndcg))
        self.queries.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.total / self.queries
""",
        also=(
            ("ops.argsort(-y_pred, axis=-1)", "ops.argsort(-y_pred)"),
            ("ops.argsort(-y_pred, axis=-1)", "ops.argsort(-y_pred, axis=1)"),
            ("ops.argsort(-y_pred, axis=-1)", "ops.argsort(ops.negative(y_pred), axis=-1)"),
            ("ops.argsort(-y_pred, axis=-1)", "ops.argsort(-1.0 * y_pred, axis=-1)"),
            ("ops.argsort(-y_pred, axis=-1)", "ops.flip(ops.argsort(y_pred, axis=-1), axis=-1)"),
            ("ops.argsort(-y_pred, axis=-1)", "ops.flip(ops.argsort(y_pred), axis=-1)"),
            ("ops.argsort(-y_pred, axis=-1)", "ops.top_k(y_pred, y_pred.shape[-1])[1]"),
            ("ops.argsort(-y_pred, axis=-1)", "ops.top_k(y_pred, self.k)[1]"),
        ),
    ),
)
