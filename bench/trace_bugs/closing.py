"""Forty cases: 27 that raise when called, 13 that are silently wrong."""

from trace_bugs.case import Case

CASES = (
    # raises: the squeezed statistics lose their axes (squeeze and excitation)
    Case(
        name="SqueezeGallipot",
        inputs="5,6,4",
        good="ops.mean(x, axis=(1, 2), keepdims=True)",
        bad="ops.mean(x, axis=(1, 2))",
        also=(
            ("ops.mean(x, axis=(1, 2), keepdims=True)", "ops.mean(x, axis=(1, 2))[:, None, None, :]"),
            (
                ("ops.mean(x, axis=(1, 2), keepdims=True)", "x * gate"),
                ("ops.mean(x, axis=(1, 2))", "x * gate[:, None, None, :]"),
            ),
            (
                ("ops.mean(x, axis=(1, 2), keepdims=True)", "x * gate"),
                ("ops.mean(x, axis=(1, 2))", "x * ops.reshape(gate, (-1, 1, 1, x.shape[-1]))"),
            ),
        ),
        named=("x * gate",),
        source='''
class SqueezeGallipot(layers.Layer):
    """Squeeze-and-excitation: channels are re-weighted by what the whole image contains."""

    def __init__(self, channels=4, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.fc1 = layers.Dense(channels // ratio, activation="relu")
        self.fc2 = layers.Dense(channels, activation="sigmoid")

    def call(self, x):
        squeezed = ops.mean(x, axis=(1, 2), keepdims=True)
        gate = self.fc2(self.fc1(squeezed))
        return x * gate
''',
    ),
    # raises: precedence in the number of patches
    Case(
        name="PatchesFirkin",
        inputs="12,12,3",
        good="(image_size // patch_size) ** 2",
        bad="image_size // patch_size ** 2",
        also=(
            ("(image_size // patch_size) ** 2", "image_size**2 // patch_size**2"),
            ("(image_size // patch_size) ** 2", "(image_size // patch_size) * (image_size // patch_size)"),
        ),
        named=("self.num_patches", "(self.num_patches, self.dim)"),
        source="""
class PatchesFirkin(layers.Layer):
    def __init__(self, image_size=12, patch_size=4, dim=8, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.num_patches = (image_size // patch_size) ** 2
        self.projection = layers.Conv2D(dim, patch_size, strides=patch_size)
        self.flatten = layers.Reshape((-1, dim))

    def build(self, input_shape):
        self.pos = self.add_weight(shape=(self.num_patches, self.dim), initializer="random_normal", name="pos")

    def call(self, images):
        patches = self.flatten(self.projection(images))
        return patches + self.pos
""",
    ),
    # raises: the first recurrent layer gives only its last step
    Case(
        name="SentimentTiffin",
        inputs="i30:7",
        good="layers.GRU(6, return_sequences=True)",
        bad="layers.GRU(6)",
        also=(
            ("layers.GRU(6, return_sequences=True)", "layers.RNN(layers.GRUCell(6), return_sequences=True)"),
        ),
        named=("self.rnn1(x)",),
        source='''
class SentimentTiffin(keras.Model):
    """Two stacked GRUs over the words of a review."""

    def __init__(self, vocab=30):
        super().__init__()
        self.embed = layers.Embedding(vocab, 5)
        self.rnn1 = layers.GRU(6, return_sequences=True)
        self.rnn2 = layers.GRU(4)
        self.classifier = layers.Dense(1, activation="sigmoid")

    def call(self, tokens):
        x = self.embed(tokens)
        x = self.rnn1(x)
        x = self.rnn2(x)
        return self.classifier(x)
''',
    ),
    # raises: adjacency on the wrong side
    Case(
        name="GraphConvWherry",
        inputs="5,3 u5,5",
        good="ops.matmul(adj, h)",
        bad="ops.matmul(h, adj)",
        also=(
            ("ops.matmul(adj, h)", 'ops.einsum("bij,bjf->bif", adj, h)'),
            ("ops.matmul(adj, h)", "adj @ h"),
        ),
        source='''
class GraphConvWherry(layers.Layer):
    """Kipf & Welling: H' = relu(A H W). nodes: (batch, n, f), adj: (batch, n, n), already normalised."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.linear = layers.Dense(units, use_bias=False)

    def call(self, nodes, adj):
        h = self.linear(nodes)
        h = ops.matmul(adj, h)
        return ops.relu(h)
''',
    ),
    # raises: the user's embedding keeps the axis of length one
    Case(
        name="NeuMFZarf",
        inputs="i20:1 i30:1 3",
        good="u = self.flat(self.user_emb(user))",
        bad="u = self.user_emb(user)",
        also=(
            ("u = self.flat(self.user_emb(user))", "u = self.user_emb(user)[:, 0]"),
            ("u = self.flat(self.user_emb(user))", "u = ops.squeeze(self.user_emb(user), axis=1)"),
            ("self.flat(self.user_emb(user))", "self.user_emb(ops.squeeze(user, axis=1))"),
        ),
        named=("u", "[u, i, context]"),
        source='''
class NeuMFZarf(keras.Model):
    """Rating from a user id, an item id (both (batch, 1)) and a few context features."""

    def __init__(self, n_users=20, n_items=30, dim=4):
        super().__init__()
        self.user_emb = layers.Embedding(n_users, dim)
        self.item_emb = layers.Embedding(n_items, dim)
        self.flat = layers.Flatten()
        self.mlp = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(1)])

    def call(self, user, item, context):
        u = self.flat(self.user_emb(user))
        i = self.flat(self.item_emb(item))
        return self.mlp(ops.concatenate([u, i, context], axis=-1))
''',
    ),
    # raises: one frequency bin too few in the filter bank
    Case(
        name="MelFrontEndNoggin",
        inputs="48",
        good="self.n_fft // 2 + 1",
        bad="self.n_fft // 2",
        also=(
            ("self.n_fft // 2 + 1", "(self.n_fft + 2) // 2"),
            ("self.n_fft // 2 + 1", "1 + self.n_fft // 2"),
        ),
        named=("bins", "(bins, self.n_mels)"),
        source='''
class MelFrontEndNoggin(layers.Layer):
    """Learnable mel-like filter bank on the magnitudes of an STFT."""

    def __init__(self, n_fft=16, hop=8, n_mels=5, **kwargs):
        super().__init__(**kwargs)
        self.n_fft, self.hop, self.n_mels = n_fft, hop, n_mels

    def build(self, input_shape):
        bins = self.n_fft // 2 + 1
        positive = keras.initializers.RandomUniform(0.0, 0.2)
        self.mel = self.add_weight(shape=(bins, self.n_mels), initializer=positive, name="mel")

    def call(self, wave):
        re, im = ops.stft(wave, self.n_fft, self.hop, self.n_fft)
        magnitude = ops.sqrt(ops.square(re) + ops.square(im) + 1e-6)
        return ops.log(ops.matmul(magnitude, self.mel) + 1e-3)
''',
    ),
    # raises: fft wants a pair of real and imaginary part
    Case(
        name="SpectrumSackbut",
        inputs="6,16",
        good="ops.fft((windowed, ops.zeros_like(windowed)))",
        bad="ops.fft(windowed)",
        also=(
            ("ops.fft((windowed, ops.zeros_like(windowed)))", "ops.rfft(windowed)"),
            ("ops.fft((windowed, ops.zeros_like(windowed)))", "ops.fft((windowed, 0.0 * windowed))"),
        ),
        source='''
class SpectrumSackbut(layers.Layer):
    """Log power spectrum of frames of 16 samples, one sided."""

    def __init__(self, size=16, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.window = np.hamming(size).astype("float32")

    def call(self, frames):
        windowed = frames * ops.convert_to_tensor(self.window)
        real, imag = ops.fft((windowed, ops.zeros_like(windowed)))
        power = real**2 + imag**2
        return ops.log(power[..., : self.size // 2 + 1] + 1e-2)
''',
    ),
    # raises: the indices of take_along_axis have one axis too few
    Case(
        name="DqnQuoll",
        inputs="5 i3:-",
        good="ops.expand_dims(actions, 1)",
        bad="actions",
        also=(
            ("ops.expand_dims(actions, 1)", "actions[:, None]"),
            ("ops.expand_dims(actions, 1)", "ops.reshape(actions, (-1, 1))"),
            (
                (
                    "chosen = ops.take_along_axis(q_values, ops.expand_dims(actions, 1), axis=1)",
                    "ops.squeeze(chosen, axis=1)",
                ),
                ("chosen = q_values * ops.one_hot(actions, 3)", "ops.sum(chosen, axis=1)"),
            ),
        ),
        named=("actions",),
        source='''
class DqnQuoll(keras.Model):
    """Q values of the actions that the agent took: states (batch, 5), actions (batch,)."""

    def __init__(self, n_actions=3):
        super().__init__()
        self.hidden = layers.Dense(8, activation="tanh")
        self.q = layers.Dense(n_actions)

    def call(self, states, actions):
        q_values = self.q(self.hidden(states))
        chosen = ops.take_along_axis(q_values, ops.expand_dims(actions, 1), axis=1)
        return ops.squeeze(chosen, axis=1)
''',
    ),
    # raises: epsilon shaped for vectors, not for images (WGAN-GP)
    Case(
        name="CriticRebec",
        inputs="5,6,3 5,6,3 u-",
        good="ops.reshape(epsilon, (-1, 1, 1, 1))",
        bad="ops.reshape(epsilon, (-1, 1))",
        also=(
            ("ops.reshape(epsilon, (-1, 1, 1, 1))", "epsilon[:, None, None, None]"),
            ("ops.reshape(epsilon, (-1, 1, 1, 1))", "ops.expand_dims(epsilon, (1, 2, 3))"),
        ),
        named=("epsilon * real + (1.0 - epsilon) * fake", "epsilon * real", "(1.0 - epsilon) * fake"),
        source='''
class CriticRebec(keras.Model):
    """Critic's scores on the random lines between real and fake images, for the gradient penalty."""

    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3, strides=2, padding="same", activation="tanh")
        self.flatten = layers.Flatten()
        self.score = layers.Dense(1)

    def call(self, real, fake, epsilon):
        epsilon = ops.reshape(epsilon, (-1, 1, 1, 1))
        mixed = epsilon * real + (1.0 - epsilon) * fake
        return self.score(self.flatten(self.conv(mixed)))
''',
    ),
    # raises: the projection is too narrow for scale and shift
    Case(
        name="FilmShawm",
        inputs="4,5,3 8",
        good="layers.Dense(2 * width)",
        bad="layers.Dense(width)",
        also=(
            ("layers.Dense(2 * width)", "layers.Dense(width + width)"),
            ("layers.Dense(2 * width)", "layers.Dense(units=width * 2)"),
        ),
        named=("self.time_mlp(t_emb)",),
        source='''
class FilmShawm(layers.Layer):
    """A U-Net block that is told the diffusion step by scale and shift per channel."""

    def __init__(self, width=6):
        super().__init__()
        self.conv = layers.Conv2D(width, 3, padding="same")
        self.time_mlp = layers.Dense(2 * width)

    def call(self, x, t_emb):
        h = self.conv(x)
        scale, shift = ops.split(self.time_mlp(t_emb), 2, axis=-1)
        h = h * (1 + scale[:, None, None, :]) + shift[:, None, None, :]
        return ops.silu(h)
''',
    ),
    # raises: labels for one view only (SimCLR)
    Case(
        name="NtXentXebec",
        inputs="6 6",
        make="nt_xent_xebec",
        good="ops.concatenate([ops.arange(n) + n, ops.arange(n)], axis=0)",
        bad="ops.arange(n) + n",
        also=(
            (
                "ops.concatenate([ops.arange(n) + n, ops.arange(n)], axis=0)",
                "ops.mod(ops.arange(2 * n) + n, 2 * n)",
            ),
            ("ops.concatenate([ops.arange(n) + n, ops.arange(n)], axis=0)", "ops.roll(ops.arange(2 * n), n)"),
        ),
        named=("labels",),
        source='''
def nt_xent_xebec(z_a, z_b, temperature=0.5):
    """SimCLR: each of the 2n views has to find the other view of its own image."""
    n = z_a.shape[0]
    z = ops.normalize(ops.concatenate([z_a, z_b], axis=0), axis=-1)
    logits = ops.matmul(z, ops.transpose(z)) / temperature
    logits = logits - 1e9 * ops.eye(2 * n)  # never oneself
    labels = ops.concatenate([ops.arange(n) + n, ops.arange(n)], axis=0)
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
''',
    ),
    # raises: state of the metric is a vector, the update a matrix
    Case(
        name="MeanIoUTheorbo",
        inputs="i3:6 6,3",
        good="shape=(num_classes, num_classes)",
        bad="shape=(num_classes,)",
        also=(("shape=(num_classes, num_classes)", "shape=(num_classes,) * 2"),),
        named=("self.matrix",),
        source='''
class MeanIoUTheorbo(keras.metrics.Metric):
    """Mean intersection over union, from a confusion matrix that is summed up over the batches."""

    def __init__(self, num_classes=3, name="miou", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.matrix = self.add_weight(shape=(num_classes, num_classes), initializer="zeros", name="matrix")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true = ops.one_hot(ops.reshape(y_true, (-1,)), self.num_classes)
        pred = ops.one_hot(ops.reshape(ops.argmax(y_pred, axis=-1), (-1,)), self.num_classes)
        self.matrix.assign_add(ops.matmul(ops.transpose(true), pred))

    def result(self):
        hit = ops.diagonal(self.matrix)
        union = ops.sum(self.matrix, axis=0) + ops.sum(self.matrix, axis=1) - hit
        return ops.mean(hit / ops.maximum(union, 1.0))
''',
    ),
    # raises: add_weight as in Keras 2, with the name first
    Case(
        name="CrossLayerUkase",
        inputs="7",
        good='name="w", shape=(dim, 1)',
        bad='"w", shape=(dim, 1)',
        also=(
            ('name="w", shape=(dim, 1)', "shape=(dim, 1)"),
            ('name="w", shape=(dim, 1)', '(dim, 1), name="w"'),
        ),
        source='''
class CrossLayerUkase(layers.Layer):
    """One cross layer of Deep & Cross: x0 * (x w) + b + x."""

    def build(self, input_shape):
        dim = input_shape[-1]
        self.w = self.add_weight(name="w", shape=(dim, 1), initializer="glorot_uniform")
        self.b = self.add_weight(name="b", shape=(dim,), initializer="zeros")

    def call(self, x):
        return x * ops.matmul(x, self.w) + self.b + x
''',
    ),
    # raises: the loss never calls super().__init__()
    Case(
        name="QuantileVirago",
        inputs="3 3",
        good="        super().__init__(name=name)\n",
        bad="",
        also=(
            ("super().__init__(name=name)", 'super().__init__(name=name, reduction="sum_over_batch_size")'),
        ),
        source='''
class QuantileVirago(keras.losses.Loss):
    """Pinball loss for one quantile."""

    def __init__(self, quantile=0.9, name="quantile_loss"):
        super().__init__(name=name)
        self.quantile = quantile

    def call(self, y_true, y_pred):
        error = y_true - y_pred
        return ops.mean(ops.maximum(self.quantile * error, (self.quantile - 1) * error), axis=-1)
''',
    ),
    # raises: compute_loss takes x first (train_step brought over from Keras 2)
    Case(
        name="TrainerKirtle",
        inputs="6 2",
        make="one_step_kirtle",
        backends=("torch",),
        good="self.compute_loss(x, y, y_pred)",
        bad="self.compute_loss(y, y_pred)",
        also=(
            ("self.compute_loss(x, y, y_pred)", "self.compute_loss(y=y, y_pred=y_pred)"),
            ("self.compute_loss(x, y, y_pred)", "self.compute_loss(x=x, y=y, y_pred=y_pred)"),
            ("self.compute_loss(x, y, y_pred)", "self.compute_loss(None, y, y_pred)"),
        ),
        source='''
class TrainerKirtle(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(8, activation="relu")
        self.out = layers.Dense(2)

    def call(self, x):
        return self.out(self.hidden(x))

    def train_step(self, data):
        x, y = data
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred)
        self.zero_grad()
        loss.backward()
        weights = self.trainable_weights
        self.optimizer.apply([w.value.grad for w in weights], weights)
        return {"loss": loss.detach()}


def one_step_kirtle(x, y):
    """Trains a new model on one batch and returns the loss before the step."""
    keras.utils.set_random_seed(3)
    model = TrainerKirtle()
    model.compile(optimizer="sgd", loss="mse")
    return model.train_step((x, y))["loss"]
''',
    ),
    # raises: Conv1D on waves without an axis of channels
    Case(
        name="WaveConvWimple",
        inputs="40",
        good="self.conv1(wave[:, :, None])",
        bad="self.conv1(wave)",
        also=(
            ("self.conv1(wave[:, :, None])", "self.conv1(ops.expand_dims(wave, -1))"),
            ("self.conv1(wave[:, :, None])", "self.conv1(ops.reshape(wave, (-1, wave.shape[1], 1)))"),
        ),
        named=("wave",),
        source='''
class WaveConvWimple(keras.Model):
    """Keyword spotting on raw audio, mono, (batch, samples)."""

    def __init__(self, words=3):
        super().__init__()
        self.conv1 = layers.Conv1D(4, 9, strides=4, activation="relu")
        self.conv2 = layers.Conv1D(6, 3, activation="relu")
        self.pool = layers.GlobalAveragePooling1D()
        self.logits = layers.Dense(words)

    def call(self, wave):
        x = self.conv1(wave[:, :, None])
        x = self.conv2(x)
        return self.logits(self.pool(x))
''',
    ),
    # raises: einsum letters in another order than the weight's axes
    Case(
        name="CapsuleYawl",
        inputs="5,3",
        good='"bic,icjd->bijd"',
        bad='"bic,ijcd->bijd"',
        also=(
            ('"bic,icjd->bijd"', '"bnc,ncok->bnok"'),
            (
                'ops.einsum("bic,icjd->bijd", u, self.W)',
                "ops.sum(u[:, :, :, None, None] * self.W, axis=2)",
            ),
        ),
        named=("(n_in, d_in, self.n_out, self.d_out)",),
        source='''
class CapsuleYawl(layers.Layer):
    """Votes of the lower capsules for the upper ones, averaged and squashed (no routing)."""

    def __init__(self, n_out=2, d_out=4, **kwargs):
        super().__init__(**kwargs)
        self.n_out, self.d_out = n_out, d_out

    def build(self, input_shape):
        _, n_in, d_in = input_shape
        self.W = self.add_weight(shape=(n_in, d_in, self.n_out, self.d_out), initializer="he_normal", name="W")

    def call(self, u):
        votes = ops.einsum("bic,icjd->bijd", u, self.W)
        s = ops.mean(votes, axis=1)
        norm2 = ops.sum(ops.square(s), axis=-1, keepdims=True)
        return s * norm2 / (1 + norm2) / ops.sqrt(norm2 + 1e-7)
''',
    ),
    # raises: stack instead of concatenate on branches of unlike width
    Case(
        name="InceptionZither",
        inputs="9,3",
        good="ops.concatenate([short, long], axis=-1)",
        bad="ops.stack([short, long], axis=-1)",
        also=(
            ("ops.concatenate([short, long], axis=-1)", "ops.concatenate([short, long], axis=2)"),
            ("ops.concatenate([short, long], axis=-1)", "layers.concatenate([short, long])"),
        ),
        named=("[short, long]",),
        source='''
class InceptionZither(layers.Layer):
    """Two receptive fields side by side for sensor data (batch, time, channels)."""

    def __init__(self):
        super().__init__()
        self.narrow = layers.Conv1D(4, 3, padding="same", activation="relu")
        self.wide = layers.Conv1D(6, 7, padding="same", activation="relu")
        self.mix = layers.Conv1D(5, 1)

    def call(self, series):
        short = self.narrow(series)
        long = self.wide(series)
        both = ops.concatenate([short, long], axis=-1)
        return self.mix(both)
''',
    ),
    # raises: split without an axis halves the batch
    Case(
        name="GatedBlockAxolotl",
        inputs="8,3",
        good="ops.split(self.conv(x), 2, axis=-1)",
        bad="ops.split(self.conv(x), 2)",
        also=(
            ("ops.split(self.conv(x), 2, axis=-1)", "ops.split(self.conv(x), 2, axis=2)"),
            (
                "content, gate = ops.split(self.conv(x), 2, axis=-1)",
                "both = self.conv(x)\n        half = both.shape[-1] // 2\n"
                "        content, gate = both[..., :half], both[..., half:]",
            ),
        ),
        source='''
class GatedBlockAxolotl(layers.Layer):
    """WaveNet's residual block: tanh(content) * sigmoid(gate), both from one dilated convolution."""

    def __init__(self, filters=5, channels=3, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv1D(2 * filters, 2, dilation_rate=2, padding="causal")
        self.out = layers.Conv1D(channels, 1)

    def call(self, x):
        content, gate = ops.split(self.conv(x), 2, axis=-1)
        h = ops.tanh(content) * ops.sigmoid(gate)
        return x + self.out(h)
''',
    ),
    # raises: Python's if on a tensor of many values
    Case(
        name="HuberBodkin",
        inputs="3 3",
        make="huber_bodkin",
        good="ops.where(error < delta, small, large)",
        bad="small if error < delta else large",
        also=(
            ("ops.where(error < delta, small, large)", "ops.where(ops.less(error, delta), small, large)"),
            ("ops.where(error < delta, small, large)", "ops.where(error >= delta, large, small)"),
        ),
        named=("error < delta",),
        source='''
def huber_bodkin(y_true, y_pred, delta=1.0):
    """Quadratic for small errors, linear for large ones."""
    error = ops.abs(y_true - y_pred)
    small = 0.5 * error**2
    large = delta * (error - 0.5 * delta)
    loss = ops.where(error < delta, small, large)
    return ops.mean(loss, axis=-1)
''',
    ),
    # raises: NumPy's astype on a tensor
    Case(
        name="DiceCuspidor",
        inputs="i2:5,5,1 u5,5,1",
        make="dice_cuspidor",
        backends=("torch", "tensorflow"),
        good='ops.cast(y_true, "float32")',
        bad='y_true.astype("float32")',
        also=(
            ('ops.cast(y_true, "float32")', "ops.cast(y_true, y_pred.dtype)"),
            ('ops.cast(y_true, "float32")', 'ops.convert_to_tensor(y_true, dtype="float32")'),
        ),
        named=("y_true.astype",),
        source='''
def dice_cuspidor(y_true, y_pred, smooth=1.0):
    """1 - Dice of each image. y_true holds integers 0 / 1."""
    y_true = ops.cast(y_true, "float32")
    axes = (1, 2, 3)
    overlap = ops.sum(y_true * y_pred, axis=axes)
    total = ops.sum(y_true, axis=axes) + ops.sum(y_pred, axis=axes)
    return 1.0 - (2.0 * overlap + smooth) / (total + smooth)
''',
    ),
    # raises: the KL term has no third axis to sum over
    Case(
        name="VaeLossDirndl",
        inputs="u6,6 u6,6 3 3",
        make="vae_loss_dirndl",
        good="ops.sum(kl, axis=1)",
        bad="ops.sum(kl, axis=(1, 2))",
        also=(("ops.sum(kl, axis=1)", "ops.sum(kl, axis=-1)"),),
        named=("(1, 2)",),
        source='''
def vae_loss_dirndl(image, decoded, z_mean, z_log_var):
    """Negative ELBO of grey images (batch, h, w); z_mean and z_log_var are (batch, latent)."""
    pixels = ops.binary_crossentropy(image, decoded)
    reconstruction = ops.sum(pixels, axis=(2, 1))
    kl = -0.5 * (1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var))
    return reconstruction + ops.sum(kl, axis=1)
''',
    ),
    # raises: the table has no row for the last id
    Case(
        name="ItemTowerEwer",
        inputs="i10:6",
        backends=("torch", "tensorflow"),
        good="layers.Embedding(n_items + 1, 4)",
        bad="layers.Embedding(n_items, 4)",
        also=(
            ("layers.Embedding(n_items + 1, 4)", "layers.Embedding(1 + n_items, 4)"),
            ("layers.Embedding(n_items + 1, 4)", "layers.Embedding(input_dim=n_items + 1, output_dim=4)"),
        ),
        named=("self.items(history)",),
        source='''
class ItemTowerEwer(keras.Model):
    """Mean of the items in a user's history. Items are numbered 1..n_items, 0 is padding."""

    def __init__(self, n_items=9):
        super().__init__()
        self.items = layers.Embedding(n_items + 1, 4)
        self.project = layers.Dense(3)

    def call(self, history):
        real = ops.cast(history != 0, "float32")[:, :, None]
        vectors = self.items(history) * real
        mean = ops.sum(vectors, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)
        return self.project(mean)
''',
    ),
    # raises: padding mask without the axis of the queries
    Case(
        name="EncoderFichu",
        inputs="6,8 m6",
        good="attention_mask=mask[:, None, :]",
        bad="attention_mask=mask",
        also=(
            ("attention_mask=mask[:, None, :]", "attention_mask=ops.expand_dims(mask, 1)"),
            ("attention_mask=mask[:, None, :]", "key_mask=mask"),
            (
                ('mask = ops.cast(mask, "bool")', "attention_mask=mask[:, None, :]"),
                ('mask = ops.cast(mask[:, None, :], "bool")', "attention_mask=mask"),
            ),
        ),
        named=("mask", "ops.cast(mask, 'bool')"),
        source='''
class EncoderFichu(layers.Layer):
    """Transformer encoder block, post-norm; mask is (batch, time), 1 for real tokens."""

    def __init__(self, heads=2, dim=8, **kwargs):
        super().__init__(**kwargs)
        self.att = layers.MultiHeadAttention(num_heads=heads, key_dim=dim // heads)
        self.norm = layers.LayerNormalization()

    def call(self, x, mask):
        mask = ops.cast(mask, "bool")
        attended = self.att(x, x, attention_mask=mask[:, None, :])
        return self.norm(x + attended)
''',
    ),
    # raises: channels are divided by r instead of by r * r
    Case(
        name="PixelShuffleGimlet",
        inputs="3,5,4",
        good="c // (r * r)",
        bad="c // r",
        also=(("c // (r * r)", "c // r**2"), ("c // (r * r)", "c // r // r")),
        named=("out", "ops.reshape(x, (b, h, w, r, r, out))"),
        source='''
class PixelShuffleGimlet(layers.Layer):
    """Sub-pixel upsampling (ESPCN): (b, h, w, c) -> (b, h r, w r, c / r^2)."""

    def __init__(self, scale=2, filters=8):
        super().__init__()
        self.scale = scale
        self.conv = layers.Conv2D(filters, 3, padding="same")

    def call(self, x):
        x = self.conv(x)
        b, h, w, c = x.shape
        r = self.scale
        out = c // (r * r)
        x = ops.reshape(x, (b, h, w, r, r, out))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (b, h * r, w * r, out))
''',
    ),
    # raises: a merging layer wants one list
    Case(
        name="WideDeepHautboy",
        inputs="9 4",
        good="self.merge([wide, deep])",
        bad="self.merge(wide, deep)",
        also=(
            ("self.merge([wide, deep])", "ops.concatenate([wide, deep], axis=-1)"),
            ("self.merge([wide, deep])", "self.merge((wide, deep))"),
            ("self.merge([wide, deep])", "layers.concatenate([wide, deep])"),
        ),
        source='''
class WideDeepHautboy(keras.Model):
    """Wide & deep for the census table."""

    def __init__(self, units=8):
        super().__init__()
        self.deep_part = keras.Sequential(
            [layers.Dense(units, activation="relu"), layers.Dense(units, activation="relu")]
        )
        self.merge = layers.Concatenate()
        self.income = layers.Dense(1, activation="sigmoid")

    def call(self, wide, numeric):
        deep = self.deep_part(numeric)
        joined = self.merge([wide, deep])
        return self.income(joined)
''',
    ),
    # raises: an LSTM has two states, only one is handed over
    Case(
        name="Seq2SeqInkhorn",
        inputs="7,3 5,2",
        good="initial_state=[h, c]",
        bad="initial_state=h",
        also=(
            ("initial_state=[h, c]", "initial_state=(h, c)"),
            (
                ("_, h, c = self.encoder(source)", "initial_state=[h, c]"),
                ("_, *states = self.encoder(source)", "initial_state=states"),
            ),
        ),
        named=("h",),
        source='''
class Seq2SeqInkhorn(keras.Model):
    """Forecast of the next steps: the encoder's states start the decoder."""

    def __init__(self, units=6):
        super().__init__()
        self.encoder = layers.LSTM(units, return_state=True)
        self.decoder = layers.LSTM(units, return_sequences=True)
        self.head = layers.Dense(1)

    def call(self, source, target):
        _, h, c = self.encoder(source)
        out = self.decoder(target, initial_state=[h, c])
        return self.head(out)
''',
    ),
    # silent: logits are treated as probabilities in the cross entropy
    Case(
        name="FocalJorum",
        inputs="m5 5",
        good="ops.binary_crossentropy(y_true, y_pred, from_logits=True)",
        bad="ops.binary_crossentropy(y_true, y_pred)",
        also=(
            (
                "ops.binary_crossentropy(y_true, y_pred, from_logits=True)",
                "ops.binary_crossentropy(y_true, p)",
            ),
            (
                "ops.binary_crossentropy(y_true, y_pred, from_logits=True)",
                "ops.softplus(y_pred) - y_true * y_pred",
            ),
        ),
        source='''
class FocalJorum(keras.losses.Loss):
    """Sigmoid focal loss for several labels; y_pred are logits."""

    def __init__(self, gamma=2.0, name="focal"):
        super().__init__(name=name)
        self.gamma = gamma

    def call(self, y_true, y_pred):
        p = ops.sigmoid(y_pred)
        p_t = y_true * p + (1 - y_true) * (1 - p)
        ce = ops.binary_crossentropy(y_true, y_pred, from_logits=True)
        return ops.mean((1 - p_t) ** self.gamma * ce, axis=-1)
''',
    ),
    # silent: rewards (batch,) meet values (batch, 1)
    Case(
        name="TdTargetLorgnette",
        inputs="5 5 - m-",
        good="ops.squeeze(self.critic(next_state), -1)",
        bad="self.critic(next_state)",
        also=(
            ("ops.squeeze(self.critic(next_state), -1)", "self.critic(next_state)[:, 0]"),
            ("ops.squeeze(self.critic(next_state), -1)", "ops.reshape(self.critic(next_state), (-1,))"),
        ),
        named=(
            "reward + self.gamma * (1.0 - done) * next_value",
            "self.gamma * (1.0 - done) * next_value",
            "next_value",
        ),
        source='''
class TdTargetLorgnette(keras.Model):
    """One-step advantage of an actor-critic: r + gamma V(s') - V(s), of shape (batch,)."""

    def __init__(self, gamma=0.95):
        super().__init__()
        self.gamma = gamma
        self.critic = keras.Sequential([layers.Dense(8, activation="tanh"), layers.Dense(1)])

    def call(self, state, next_state, reward, done):
        value = ops.squeeze(self.critic(state), -1)
        next_value = ops.squeeze(self.critic(next_state), -1)
        target = reward + self.gamma * (1.0 - done) * next_value
        return target - value
''',
    ),
    # silent: the gradient is stopped on the predictor's side instead of the target's (SimSiam)
    Case(
        name="SimSiamMangle",
        inputs="6 6",
        good="p * ops.stop_gradient(z)",
        bad="ops.stop_gradient(p) * z",
        also=(
            (
                ("z = self.encoder(view_b)", "p * ops.stop_gradient(z)"),
                ("z = ops.stop_gradient(self.encoder(view_b))", "p * z"),
            ),
            (
                ("z = ops.normalize(z, axis=-1)", "p * ops.stop_gradient(z)"),
                ("z = ops.stop_gradient(ops.normalize(z, axis=-1))", "p * z"),
            ),
            ("p * ops.stop_gradient(z)", "ops.stop_gradient(z) * p"),
        ),
        source='''
class SimSiamMangle(keras.Model):
    """SimSiam: the predictor chases the other view's embedding, which is held constant (no gradient)."""

    def __init__(self, dim=5):
        super().__init__()
        self.encoder = keras.Sequential([layers.Dense(8, activation="tanh"), layers.Dense(dim)])
        self.predictor = keras.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(dim)])

    def call(self, view_a, view_b):
        p = self.predictor(self.encoder(view_a))
        z = self.encoder(view_b)
        p = ops.normalize(p, axis=-1)
        z = ops.normalize(z, axis=-1)
        return -ops.sum(p * ops.stop_gradient(z), axis=-1)
''',
    ),
    # silent: the comparison cuts the gradient of the gates
    Case(
        name="HardGateNankeen",
        inputs="6",
        good="hard + soft - ops.stop_gradient(soft)",
        bad="hard",
        also=(
            ("hard + soft - ops.stop_gradient(soft)", "soft + ops.stop_gradient(hard - soft)"),
            ("hard + soft - ops.stop_gradient(soft)", "ops.stop_gradient(hard - soft) + soft"),
        ),
        named=("hard", "ops.cast(soft > 0.5, 'float32')", "soft > 0.5"),
        source='''
class HardGateNankeen(layers.Layer):
    """Learns which features to keep: on or off in the forward pass, straight-through in the backward pass."""

    def __init__(self, features=6, **kwargs):
        super().__init__(**kwargs)
        self.scorer = layers.Dense(features)

    def call(self, x):
        soft = ops.sigmoid(self.scorer(x))
        hard = ops.cast(soft > 0.5, "float32")
        gate = hard + soft - ops.stop_gradient(soft)
        return x * gate
''',
    ),
    # silent: the smoothing mass is not shared between the classes
    Case(
        name="SmoothedOxbow",
        inputs="i4:- 4",
        good="self.epsilon / n_classes",
        bad="self.epsilon",
        also=(
            ("self.epsilon / n_classes", "self.epsilon * (1.0 / n_classes)"),
            (
                "one_hot * (1.0 - self.epsilon) + self.epsilon / n_classes",
                "one_hot + self.epsilon * (1.0 / n_classes - one_hot)",
            ),
        ),
        named=("one_hot * (1.0 - self.epsilon) + self.epsilon",),
        source='''
class SmoothedOxbow(keras.losses.Loss):
    """Cross entropy with label smoothing; the smoothed targets are still a distribution (sum to one)."""

    def __init__(self, epsilon=0.1, name="smoothed"):
        super().__init__(name=name)
        self.epsilon = epsilon

    def call(self, y_true, logits):
        n_classes = logits.shape[-1]
        one_hot = ops.one_hot(ops.cast(y_true, "int32"), n_classes)
        targets = one_hot * (1.0 - self.epsilon) + self.epsilon / n_classes
        return -ops.sum(targets * ops.log_softmax(logits, axis=-1), axis=-1)
''',
    ),
    # silent: the statistics are taken over the batch too
    Case(
        name="RevInPalfrey",
        inputs="8,3",
        good=("ops.mean(x, axis=1, keepdims=True)", "ops.std(x, axis=1, keepdims=True)"),
        bad=("ops.mean(x, axis=(0, 1), keepdims=True)", "ops.std(x, axis=(0, 1), keepdims=True)"),
        also=(
            (
                ("ops.mean(x, axis=1, keepdims=True)", "ops.std(x, axis=1, keepdims=True)"),
                ("ops.mean(x, axis=-2, keepdims=True)", "ops.std(x, axis=-2, keepdims=True)"),
            ),
            (
                ("ops.mean(x, axis=1, keepdims=True)", "ops.std(x, axis=1, keepdims=True)"),
                ("ops.mean(x, axis=1)[:, None]", "ops.std(x, axis=1)[:, None]"),
            ),
        ),
        source='''
class RevInPalfrey(keras.Model):
    """Forecaster that normalises each series by its own history and undoes it on the forecast (RevIN)."""

    def __init__(self, horizon=4):
        super().__init__()
        self.linear = layers.Dense(horizon)

    def call(self, x):
        mean = ops.mean(x, axis=1, keepdims=True)
        std = ops.std(x, axis=1, keepdims=True) + 1e-3
        h = ops.transpose((x - mean) / std, (0, 2, 1))
        h = ops.transpose(self.linear(h), (0, 2, 1))
        return h * std + mean
''',
    ),
    # silent: the square root's gradient is infinite on the diagonal
    Case(
        name="PointDistancesTrivet",
        inputs="5,3",
        good="ops.sqrt(ops.maximum(d2, 1e-10))",
        bad="ops.sqrt(d2)",
        also=(
            ("ops.sqrt(ops.maximum(d2, 1e-10))", "ops.sqrt(d2 + 1e-10)"),
            ("ops.sqrt(ops.maximum(d2, 1e-10))", "ops.sqrt(ops.where(d2 > 0, d2, 1e-10))"),
        ),
        source='''
class PointDistancesTrivet(layers.Layer):
    """Pairwise distances in a small point cloud after a linear map, (batch, n, n)."""

    def __init__(self, dim=4, **kwargs):
        super().__init__(**kwargs)
        self.map = layers.Dense(dim, use_bias=False)

    def call(self, points):
        f = self.map(points)
        difference = f[:, :, None, :] - f[:, None, :, :]
        d2 = ops.sum(ops.square(difference), axis=-1)
        return ops.sqrt(ops.maximum(d2, 1e-10))
''',
    ),
    # silent: log of a softmax that underflows
    Case(
        name="CosineHeadPomander",
        inputs="3 i5:-",
        good="ops.log_softmax(logits, axis=-1)",
        bad="ops.log(ops.softmax(logits, axis=-1))",
        also=(
            (
                "ops.log_softmax(logits, axis=-1)",
                "logits - ops.logsumexp(logits, axis=-1, keepdims=True)",
            ),
            (
                "-ops.sum(one_hot * log_p, axis=-1)",
                "ops.categorical_crossentropy(one_hot, logits, from_logits=True)",
            ),
        ),
        named=("ops.softmax(logits, axis=-1)",),
        source='''
class CosineHeadPomander(layers.Layer):
    """Normalised softmax loss for faces: cosine to each class's centre times a scale of 120."""

    def __init__(self, classes=5, scale=120.0, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.scale = classes, scale

    def build(self, embedding_shape, label_shape=None):
        shape = (embedding_shape[-1], self.classes)
        self.centres = self.add_weight(shape=shape, initializer="random_normal", name="centres")

    def call(self, embedding, label):
        cosine = ops.matmul(ops.normalize(embedding, axis=-1), ops.normalize(self.centres, axis=0))
        logits = self.scale * cosine
        log_p = ops.log_softmax(logits, axis=-1)
        one_hot = ops.one_hot(label, self.classes)
        return -ops.sum(one_hot * log_p, axis=-1)
''',
    ),
    # silent: integers are squared before the cast, and overflow
    Case(
        name="PcmLoudnessRatafia",
        inputs="i8000000:40",
        make="pcm_loudness_ratafia",
        good='ops.square(ops.cast(pcm, "float32"))',
        bad='ops.cast(ops.square(pcm), "float32")',
        also=(
            ('ops.square(ops.cast(pcm, "float32"))', 'ops.cast(pcm, "float32") ** 2'),
            (
                ('ops.square(ops.cast(pcm, "float32"))', "full_scale**2"),
                ('ops.square(ops.cast(pcm, "float32") / full_scale)', "1.0"),
            ),
        ),
        named=("ops.square(pcm)",),
        source='''
def pcm_loudness_ratafia(pcm, full_scale=2.0**23):
    """Mean power of 24-bit samples (int32), relative to full scale: between 0 and 1."""
    energy = ops.square(ops.cast(pcm, "float32"))
    return ops.mean(energy, axis=-1) / full_scale**2
''',
    ),
    # silent: float16 cannot tell one day from the next
    Case(
        name="CalendarSampot",
        inputs="i19000:7",
        good='ops.cast(day, "float32")',
        bad='ops.cast(day, "float16")',
        also=(
            ('ops.mod(ops.cast(day, "float32"), 7.0)', 'ops.cast(ops.mod(day, 7), "float32")'),
            ('ops.cast(day, "float32")', 'ops.cast(day, dtype="float32")'),
        ),
        named=("ops.mod(ops.cast(day, 'float16'), 7.0)",),
        source='''
class CalendarSampot(layers.Layer):
    """Weekday as a point on the circle. day: whole days since 1970."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.out = layers.Dense(units)

    def call(self, day):
        weekday = ops.mod(ops.cast(day, "float32"), 7.0)
        angle = ops.cast(weekday, "float32") * (2 * np.pi / 7)
        return self.out(ops.stack([ops.sin(angle), ops.cos(angle)], axis=-1))
''',
    ),
    # silent: a sum over samples is divided by the number of batches
    Case(
        name="MapeTantivy",
        inputs="u- u-",
        good='ops.cast(ops.size(error), "float32")',
        bad="1.0",
        also=(
            ('ops.cast(ops.size(error), "float32")', 'ops.cast(ops.shape(error)[0], "float32")'),
            ('ops.cast(ops.size(error), "float32")', "ops.sum(ops.ones_like(error))"),
        ),
        named=("self.total.assign_add(ops.sum(error))", "ops.sum(error)"),
        source='''
class MapeTantivy(keras.metrics.Metric):
    """Mean absolute percentage error over all samples seen."""

    def __init__(self, name="mape", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")
        self.count = self.add_weight(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = 100.0 * ops.abs(y_true - y_pred) / ops.maximum(ops.abs(y_true), 1e-3)
        self.total.assign_add(ops.sum(error))
        self.count.assign_add(ops.cast(ops.size(error), "float32"))

    def result(self):
        return self.total / ops.maximum(self.count, 1.0)
''',
    ),
    # silent: softmax over an axis of length one
    Case(
        name="AttentionPoolUlster",
        inputs="7,5",
        good="ops.softmax(scores, axis=1)",
        bad="ops.softmax(scores, axis=-1)",
        also=(
            ("ops.softmax(scores, axis=1)", "ops.softmax(scores, axis=-2)"),
            ("ops.softmax(scores, axis=1)", "ops.softmax(scores[:, :, 0], axis=-1)[:, :, None]"),
            ("ops.softmax(scores, axis=1)", "keras.activations.softmax(scores, axis=1)"),
        ),
        source='''
class AttentionPoolUlster(layers.Layer):
    """Weighted mean of the steps of a sequence (Yang et al., hierarchical attention)."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(units, activation="tanh")
        self.context = layers.Dense(1, use_bias=False)

    def call(self, h):
        scores = self.context(self.hidden(h))
        alpha = ops.softmax(scores, axis=1)
        return ops.sum(alpha * h, axis=1)
''',
    ),
    # silent: maximum where the pessimistic bound wants the minimum (PPO)
    Case(
        name="PpoLossVetiver",
        inputs="- - -",
        make="ppo_loss_vetiver",
        good="-ops.minimum(ratio * advantage, clipped * advantage)",
        bad="-ops.maximum(ratio * advantage, clipped * advantage)",
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
def ppo_loss_vetiver(new_log_prob, old_log_prob, advantage, clip=0.2):
    """Clipped surrogate of PPO per sample: the lower bound of the two objectives, negated for the optimizer."""
    ratio = ops.exp(new_log_prob - old_log_prob)
    clipped = ops.clip(ratio, 1.0 - clip, 1.0 + clip)
    return -ops.minimum(ratio * advantage, clipped * advantage)
''',
    ),
)
