"""Thirty slips as people make them, written blind: vision, text, audio, graphs, recommenders, RL, losses, metrics."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    # Raise an error.
    Case(
        "SpotlightGate",
        "6,5,7",
        "ops.max(feature_map, axis=-1, keepdims=True)",
        "ops.max(feature_map, axis=-1)",
        '''
class SpotlightGate(layers.Layer):
    """Spatial attention, the second half of a CBAM block.

    The feature map is summarised over its channels in two ways (average and
    maximum). A small convolution looks at both summaries and decides which
    places of the image deserve attention.
    """

    def __init__(self, kernel_size=3, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.conv = layers.Conv2D(1, kernel_size, padding="same", activation="sigmoid")

    def call(self, feature_map):
        # Step 1: describe every location with two numbers.
        average = ops.mean(feature_map, axis=-1, keepdims=True)
        maximum = ops.max(feature_map, axis=-1, keepdims=True)

        # Step 2: turn the two maps into one attention map.
        summary = ops.concatenate([average, maximum], axis=-1)
        attention = self.conv(summary)

        # Step 3: highlight the important locations.
        return feature_map * attention
''',
        named=("ops.concatenate([average, maximum], axis=-1)",),
        also=(
            (
                "ops.max(feature_map, axis=-1, keepdims=True)",
                "ops.expand_dims(ops.max(feature_map, axis=-1), -1)",
            ),
        ),
    ),
    Case(
        "LocalWindowMHSA",
        "4,6,6",
        "ops.reshape(x, (-1, w * w, C))",
        "ops.reshape(x, (-1, w, C))",
        """
class LocalWindowMHSA(layers.Layer):
    # W-MSA without shift, cf. Liu et al. 2021, eq. (4)
    def __init__(self, w=2, h=3, **kw):
        super().__init__(**kw)
        self.w, self.h = w, h

    def build(self, s):
        C = s[-1]
        assert C % self.h == 0
        self.qkv = layers.Dense(3 * C, use_bias=False)
        self.out = layers.Dense(C)
        n = self.w * self.w
        self.B = self.add_weight(shape=(self.h, n, n), initializer="random_normal", name="B")

    def _part(self, x):
        _, H, W, C = x.shape
        w = self.w
        x = ops.reshape(x, (-1, H // w, w, W // w, w, C))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, w * w, C))

    def _merge(self, x, H, W):
        w, C = self.w, x.shape[-1]
        x = ops.reshape(x, (-1, H // w, W // w, w, w, C))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, H, W, C))

    def call(self, x):
        _, H, W, C = x.shape
        z = self._part(x)
        N, d = z.shape[1], C // self.h
        qkv = ops.reshape(self.qkv(z), (-1, N, 3, self.h, d))
        q, k, v = (ops.transpose(qkv[:, :, i], (0, 2, 1, 3)) for i in range(3))
        A = ops.einsum("bhid,bhjd->bhij", q, k) / d**0.5
        A = ops.softmax(A + self.B, axis=-1)
        z = ops.einsum("bhij,bhjd->bihd", A, v)
        z = ops.reshape(z, (-1, N, C))
        return self._merge(self.out(z), H, W)
""",
        named=(
            "A + self.B",
            "self._part(x)",
            'self.add_weight(shape=(self.h, n, n), initializer="random_normal", name="B")',
        ),
    ),
    Case(
        "DecoderFocus",
        "3,6 5,6",
        'ops.einsum("bid,bjd->bij", decoder_seq, encoder_seq)',
        "K.batch_dot(decoder_seq, encoder_seq, axes=[2, 2])",
        """
class DecoderFocus(Layer):
    def __init__(self, attention_units=8, **kwargs):
        self.attention_units = attention_units
        super(DecoderFocus, self).__init__(**kwargs)

    def build(self, decoder_shape, encoder_shape):
        self.W_c = self.add_weight(
            name="W_c",
            shape=(decoder_shape[-1] + encoder_shape[-1], self.attention_units),
            initializer="glorot_uniform",
            trainable=True,
        )
        super(DecoderFocus, self).build(decoder_shape)

    def call(self, decoder, encoder):
        decoder_seq = ops.cast(decoder, "float32")
        encoder_seq = ops.cast(encoder, "float32")
        # energy
        e = ops.einsum("bid,bjd->bij", decoder_seq, encoder_seq)
        a = ops.softmax(e, axis=-1)
        # context
        c = ops.matmul(a, encoder_seq)
        concat = ops.concatenate([c, decoder_seq], axis=-1)
        return ops.tanh(ops.matmul(concat, self.W_c))

    def compute_output_shape(self, decoder_shape, encoder_shape):
        return (decoder_shape[0], decoder_shape[1], self.attention_units)
""",
        also=(
            (
                'ops.einsum("bid,bjd->bij", decoder_seq, encoder_seq)',
                "layers.Dot(axes=(2, 2))([decoder_seq, encoder_seq])",
            ),
            (
                'ops.einsum("bid,bjd->bij", decoder_seq, encoder_seq)',
                "ops.matmul(decoder_seq, ops.transpose(encoder_seq, (0, 2, 1)))",
            ),
        ),
        header=(
            "import keras\nimport numpy as np\nfrom keras import backend as K\nfrom keras import layers, ops\n"
            "from keras.layers import Layer\n\n\n"
        ),
    ),
    Case(
        "PaddingAwareReader",
        "i12:7",
        "(1.0 - ops.cast(keep, logits.dtype))",
        "(1.0 - keep)",
        '''
@keras.saving.register_keras_serializable(package="textkit")
class PaddingAwareReader(layers.Layer):
    """Embeds token ids and pools them with learned weights, skipping padding."""

    def __init__(
        self,
        vocabulary_size: int = 12,
        dim: int = 6,
        padding_id: int = 0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if vocabulary_size < 1:
            raise ValueError(f"vocabulary_size must be positive, got {vocabulary_size}")
        self.vocabulary_size = vocabulary_size
        self.dim = dim
        self.padding_id = padding_id
        self.embedding = layers.Embedding(vocabulary_size, dim)
        self.scorer = layers.Dense(1, name="scorer")

    def call(self, token_ids):
        keep = ops.not_equal(token_ids, self.padding_id)
        vectors = self.embedding(token_ids)
        logits = ops.squeeze(self.scorer(vectors), axis=-1)
        logits = logits + (1.0 - ops.cast(keep, logits.dtype)) * -1e9
        weights = ops.softmax(logits, axis=-1)
        return ops.einsum("bt,btd->bd", weights, vectors)

    def compute_output_shape(self, input_shape) -> tuple:
        return (input_shape[0], self.dim)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "dim": self.dim,
            "padding_id": self.padding_id,
        }
''',
        named=("ops.not_equal(token_ids, self.padding_id)",),
        also=(
            (
                "logits = logits + (1.0 - ops.cast(keep, logits.dtype)) * -1e9",
                "logits = ops.where(keep, logits, -1e9)",
            ),
            (
                "logits + (1.0 - ops.cast(keep, logits.dtype)) * -1e9",
                "logits + ops.cast(ops.logical_not(keep), logits.dtype) * -1e9",
            ),
            (
                (
                    "keep = ops.not_equal(token_ids, self.padding_id)",
                    "(1.0 - ops.cast(keep, logits.dtype))",
                ),
                (
                    'keep = ops.cast(ops.not_equal(token_ids, self.padding_id), "float32")',
                    "(1.0 - keep)",
                ),
            ),
        ),
        backends=("tensorflow", "torch"),
    ),
    Case(
        "TabSoupNet",
        "9",
        "        super().__init__()\n        self.bn",
        "        self.bn",
        """
HIDDEN = [16, 8]


class TabSoupNet(keras.Model):
    def __init__(self, n_out=3, p=0.2):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.blocks = []
        for h in HIDDEN:
            self.blocks.append(layers.Dense(h, activation="swish"))
        self.do = layers.Dropout(p)
        self.skip = layers.Dense(HIDDEN[-1])
        self.fin = layers.Dense(n_out, activation="softmax")

    def call(self, x, training=False):
        x = self.bn(x, training=training)
        z = x
        for b in self.blocks:
            z = self.do(b(z), training=training)
        z = z + self.skip(x)
        return self.fin(z)
""",
        named=("self.bn = layers.BatchNormalization()", "layers.BatchNormalization()", "self.bn"),
        also=(
            (
                "        super().__init__()\n        self.bn",
                "        super().__init__(name=None)\n        self.bn",
            ),
            (
                "        super().__init__()\n        self.bn",
                '        super().__init__(name="tab_soup_net")\n        self.bn',
            ),
        ),
    ),
    Case(
        "FrameStacker",
        "7,4",
        "return ops.concatenate(shifted, axis=-1)",
        "ops.concatenate(shifted, axis=-1)",
        """
class FrameStacker(layers.Layer):
    # Assignment 3, part (b): TDNN layer
    # every frame sees its left and right neighbours, edges are padded with zeros

    def __init__(self, units=5, context=1):
        super().__init__()
        self.units = units
        self.context = context
        self.dense = layers.Dense(units)

    def splice(self, frames):
        c = self.context
        num_frames = frames.shape[1]
        padded = ops.pad(frames, [[0, 0], [c, c], [0, 0]])
        shifted = []
        for offset in range(2 * c + 1):
            shifted.append(padded[:, offset : offset + num_frames, :])
        return ops.concatenate(shifted, axis=-1)

    def call(self, frames):
        # (batch, frames, features) -> (batch, frames, features * 3)
        spliced = self.splice(frames)
        # (batch, frames, features * 3) -> (batch, frames, units)
        hidden = self.dense(spliced)
        return ops.relu(hidden)
""",
        named=("self.splice(frames)", "self.dense(spliced)"),
    ),
    Case(
        "CitationConv",
        "6,4 6,6",
        "in_dim = x_shape[-1]",
        "in_dim = x_shape[1]",
        """
class CitationConv(layers.Layer):
    # Kipf & Welling:  H' = sigma( D^-1/2 (A + I) D^-1/2 H Theta )
    def __init__(self, out_dim=5, act="relu", **kw):
        super().__init__(**kw)
        self.out_dim = out_dim
        self.act = keras.activations.get(act)

    def build(self, x_shape, adj_shape):
        in_dim = x_shape[-1]
        self.theta = self.add_weight(
            shape=(in_dim, self.out_dim), initializer="glorot_uniform", name="theta"
        )
        self.b = self.add_weight(shape=(self.out_dim,), initializer="zeros", name="b")

    def call(self, x, adj):
        # symmetrise, since the edges are directed in the raw files
        a = ops.abs(adj) + ops.abs(ops.swapaxes(adj, 1, 2))
        a = a + ops.eye(a.shape[-1], dtype=a.dtype)
        deg = ops.sum(a, axis=-1)
        d = 1.0 / ops.sqrt(deg)
        a_hat = d[:, :, None] * a * d[:, None, :]
        h = ops.matmul(x, self.theta)
        return self.act(ops.matmul(a_hat, h) + self.b)
""",
        named=(
            "ops.matmul(x, self.theta)",
            "x_shape[-1]",
            "shape=(in_dim, self.out_dim)",
            "(in_dim, self.out_dim)",
            'self.add_weight(shape=(in_dim, self.out_dim), initializer="glorot_uniform", name="theta")',
        ),
        also=(("in_dim = x_shape[-1]", "in_dim = x_shape[2]"),),
    ),
    Case(
        "LastVisitReadout",
        "6,3 i6:-",
        "last[:, None, None]",
        "last[:, None]",
        '''
class LastVisitReadout(keras.layers.Layer):
    """Runs a GRU over a patient's visits and returns the state at the last real visit.

    Args:
        units: size of the GRU.
        return_logit: whether to add the risk head on top.
    """

    def __init__(self, units: int = 5, return_logit: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.return_logit = return_logit
        self.rnn = keras.layers.GRU(units, return_sequences=True)
        self.head = keras.layers.Dense(1) if return_logit else None

    def call(self, visits, last):
        states = self.rnn(visits)
        picked = ops.take_along_axis(states, last[:, None, None], axis=1)
        picked = ops.squeeze(picked, axis=1)
        if self.head is not None:
            picked = self.head(picked)
        return picked

    def get_config(self):
        config = super().get_config()
        config["units"] = self.units
        config["return_logit"] = self.return_logit
        return config
''',
        named=("ops.take_along_axis(states, last[:, None], axis=1)",),
        also=(
            ("last[:, None, None]", "ops.reshape(last, (-1, 1, 1))"),
            ("last[:, None, None]", "ops.expand_dims(last, (1, 2))"),
            (
                "picked = ops.take_along_axis(states, last[:, None, None], axis=1)\n"
                "        picked = ops.squeeze(picked, axis=1)",
                "pick = ops.one_hot(last, states.shape[1], dtype=states.dtype)\n"
                '        picked = ops.einsum("bt,btd->bd", pick, states)',
            ),
        ),
    ),
    Case(
        "TwinTasteScorer",
        "i9:- i7:-",
        "self.cat([u, m])",
        "self.cat(u, m)",
        """
N_USERS, N_MOVIES, EMB = 9, 7, 5

class TwinTasteScorer(keras.Model):
    def __init__(self):
        super().__init__()
        self.user_emb = layers.Embedding(N_USERS, EMB)
        self.movie_emb = layers.Embedding(N_MOVIES, EMB)
        self.user_bias = layers.Embedding(N_USERS, 1)
        self.movie_bias = layers.Embedding(N_MOVIES, 1)
        self.cat = layers.Concatenate()
        self.d1 = layers.Dense(16, activation='relu')
        self.d2 = layers.Dense(1)

    def call(self, user, movie):
        u = self.user_emb(user)
        m = self.movie_emb(movie)
        x = self.cat([u, m])
        x = self.d1(x)
        x = self.d2(x) + self.user_bias(user) + self.movie_bias(movie)
        # ratings go from 0.5 to 5
        return 0.5 + 4.5 * ops.sigmoid(x)
""",
        named=("self.cat", "layers.Concatenate()"),
        also=(
            ("self.cat([u, m])", "self.cat((u, m))"),
            ("self.cat([u, m])", "self.cat([m, u])"),
            ("self.cat([u, m])", "ops.concatenate([u, m], axis=-1)"),
        ),
    ),
    Case(
        "DuelHeadQ",
        "8",
        "ops.split(z, [1], axis=-1)",
        "ops.split(z, [1, self.n_actions], axis=-1)",
        """
class DuelHeadQ(layers.Layer):
    def __init__(self, n_actions=5, hidden=16, **kwargs):
        super().__init__(**kwargs)
        self.n_actions = n_actions
        self.fc1 = layers.Dense(hidden, activation="relu")
        self.fc2 = layers.Dense(hidden, activation="relu")
        self.fc3 = layers.Dense(1 + n_actions)

    def call(self, obs):
        z = self.fc3(self.fc2(self.fc1(obs)))
        value, adv = ops.split(z, [1], axis=-1)
        adv = adv - ops.mean(adv, axis=-1, keepdims=True)
        return value + adv

    def act(self, obs, epsilon=0.05):
        if np.random.rand() < epsilon:
            return np.random.randint(self.n_actions)
        return int(ops.argmax(self(obs[None]), axis=-1)[0])
""",
        named=("self.fc3(self.fc2(self.fc1(obs)))",),
        also=(
            ("value, adv = ops.split(z, [1], axis=-1)", "value, adv = z[:, :1], z[:, 1:]"),
            (
                "value, adv = ops.split(z, [1], axis=-1)",
                "adv, value = ops.split(z, [self.n_actions], axis=-1)",
            ),
        ),
    ),
    Case(
        "pairwise_box_overlap",
        "u5,4 u3,4",
        "corners_a[:, :, None, 2:], corners_b[:, None, :, 2:]",
        "corners_a[:, :, 2:], corners_b[:, :, 2:]",
        '''
def xywh_to_corners(boxes):
    """Center format to corner format."""
    return ops.concatenate(
        [boxes[..., :2] - boxes[..., 2:] / 2.0, boxes[..., :2] + boxes[..., 2:] / 2.0], axis=-1
    )


def pairwise_box_overlap(boxes_a, boxes_b):
    """Computes the IoU of every box in the first set with every box in the second.

    Arguments:
        boxes_a: A tensor of shape `(batch, n, 4)`, each row `[x, y, width, height]`.
        boxes_b: A tensor of shape `(batch, m, 4)`.

    Returns:
        A tensor of shape `(batch, n, m)`.
    """
    corners_a = xywh_to_corners(boxes_a)
    corners_b = xywh_to_corners(boxes_b)
    lu = ops.maximum(corners_a[:, :, None, :2], corners_b[:, None, :, :2])
    rd = ops.minimum(corners_a[:, :, None, 2:], corners_b[:, None, :, 2:])
    intersection = ops.maximum(0.0, rd - lu)
    intersection_area = intersection[..., 0] * intersection[..., 1]
    area_a = boxes_a[..., 2] * boxes_a[..., 3]
    area_b = boxes_b[..., 2] * boxes_b[..., 3]
    union_area = ops.maximum(area_a[:, :, None] + area_b[:, None, :] - intersection_area, 1e-8)
    return ops.clip(intersection_area / union_area, 0.0, 1.0)
''',
        make="pairwise_box_overlap",
        named=("ops.minimum(corners_a[:, :, 2:], corners_b[:, :, 2:])",),
        also=(
            (
                "corners_a[:, :, None, 2:], corners_b[:, None, :, 2:]",
                "ops.expand_dims(corners_a[..., 2:], 2), ops.expand_dims(corners_b[..., 2:], 1)",
            ),
        ),
    ),
    Case(
        "PerClassFBetaScore",
        "i3:- p3",
        'self.add_weight(name="fn", shape=(num_classes,), initializer="zeros")',
        'self.add_weight(name="fn", initializer="zeros")',
        """
class PerClassFBetaScore(keras.metrics.Metric):
    def __init__(self, num_classes=3, beta=1.0, name="fbeta", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.beta = beta
        self.tp = self.add_weight(name="tp", shape=(num_classes,), initializer="zeros")
        self.fp = self.add_weight(name="fp", shape=(num_classes,), initializer="zeros")
        self.fn = self.add_weight(name="fn", shape=(num_classes,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        actual = ops.one_hot(y_true, self.num_classes)
        guessed = ops.one_hot(ops.argmax(y_pred, axis=-1), self.num_classes)
        self.tp.assign_add(ops.sum(actual * guessed, axis=0))
        self.fp.assign_add(ops.sum((1.0 - actual) * guessed, axis=0))
        self.fn.assign_add(ops.sum(actual * (1.0 - guessed), axis=0))

    def result(self):
        b2 = self.beta**2
        top = (1.0 + b2) * self.tp
        bottom = top + b2 * self.fn + self.fp + keras.config.epsilon()
        return top / bottom

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes, "beta": self.beta}
""",
        named=(
            "self.fn.assign_add(ops.sum(actual * (1.0 - guessed), axis=0))",
            "ops.sum(actual * (1.0 - guessed), axis=0)",
            "self.fn",
        ),
        also=(
            (
                'self.add_weight(name="fn", shape=(num_classes,), initializer="zeros")',
                'self.add_weight(name="fn", shape=(self.num_classes,), initializer="zeros")',
            ),
            (
                'self.add_weight(name="fn", shape=(num_classes,), initializer="zeros")',
                'self.add_weight(shape=(num_classes,), initializer="zeros", name="false_negatives")',
            ),
        ),
    ),
    Case(
        "StudentTClusters",
        "7",
        'self.add_weight(\n            name="clusters", shape',
        'self.add_weight(\n            "clusters", shape',
        '''
class StudentTClusters(layers.Layer):
    """
    Clustering layer converts input sample (feature) to soft label, i.e. a vector that represents the probability of the
    sample belonging to each cluster. The probability is calculated with student's t-distribution.

    # Input shape
        2D tensor with shape: `(n_samples, n_features)`.
    # Output shape
        2D tensor with shape: `(n_samples, n_clusters)`.
    """

    def __init__(self, n_clusters=3, weights=None, alpha=1.0, **kwargs):
        super(StudentTClusters, self).__init__(**kwargs)
        self.n_clusters = n_clusters
        self.alpha = alpha
        self.initial_weights = weights

    def build(self, input_shape):
        assert len(input_shape) == 2
        input_dim = input_shape[1]
        self.clusters = self.add_weight(
            name="clusters", shape=(self.n_clusters, input_dim), initializer="glorot_uniform"
        )
        if self.initial_weights is not None:
            self.set_weights(self.initial_weights)
            del self.initial_weights
        self.built = True

    def call(self, inputs, **kwargs):
        q = 1.0 / (1.0 + (ops.sum(ops.square(ops.expand_dims(inputs, axis=1) - self.clusters), axis=2) / self.alpha))
        q = q ** ((self.alpha + 1.0) / 2.0)
        q = ops.transpose(ops.transpose(q) / ops.sum(q, axis=1))
        return q

    def compute_output_shape(self, input_shape):
        assert input_shape and len(input_shape) == 2
        return input_shape[0], self.n_clusters

    def get_config(self):
        config = {"n_clusters": self.n_clusters}
        base_config = super(StudentTClusters, self).get_config()
        return dict(list(base_config.items()) + list(config.items()))
''',
        named=(
            'self.add_weight("clusters", shape=(self.n_clusters, input_dim), initializer="glorot_uniform")',
        ),
        also=(
            (
                'name="clusters", shape=(self.n_clusters, input_dim), initializer="glorot_uniform"',
                '(self.n_clusters, input_dim), initializer="glorot_uniform", name="clusters"',
            ),
            (
                'name="clusters", shape=(self.n_clusters, input_dim), initializer="glorot_uniform"',
                'shape=(self.n_clusters, input_dim), initializer="glorot_uniform"',
            ),
        ),
    ),
    Case(
        "LesionTverskyLoss",
        "m5,5,1 u5,5,1",
        'reduction="sum_over_batch_size"',
        "reduction=keras.losses.Reduction.SUM_OVER_BATCH_SIZE",
        """
class LesionTverskyLoss(keras.losses.Loss):
    def __init__(self, alpha=0.7, gamma=0.75, smooth=1.0, name="lesion_tversky"):
        super().__init__(reduction="sum_over_batch_size", name=name)
        self.alpha = alpha
        self.gamma = gamma
        self.smooth = smooth

    def tversky(self, y_true, y_pred):
        tp = ops.sum(y_true * y_pred, axis=(1, 2, 3))
        fn = ops.sum(y_true * (1 - y_pred), axis=(1, 2, 3))
        fp = ops.sum((1 - y_true) * y_pred, axis=(1, 2, 3))
        return (tp + self.smooth) / (tp + self.alpha * fn + (1 - self.alpha) * fp + self.smooth)

    def call(self, y_true, y_pred):
        # focal tversky, smaller lesions get more weight
        pt_1 = self.tversky(y_true, y_pred)
        return ops.power((1 - pt_1), self.gamma)
""",
        named=("keras.losses.Reduction",),
        also=(
            ('super().__init__(reduction="sum_over_batch_size", name=name)', "super().__init__(name=name)"),
            ('reduction="sum_over_batch_size"', 'reduction="mean"'),
            ('reduction="sum_over_batch_size"', 'reduction="mean_with_sample_weight"'),
        ),
    ),
    Case(
        "BirdsongFrontEnd",
        "32",
        "sequence_length=self.win, sequence_stride=self.hop",
        "frame_length=self.win, frame_step=self.hop",
        """
class BirdsongFrontEnd(layers.Layer):
    def __init__(self, win=8, hop=4, nfft=8, n_bands=3, sr=400, **kwargs):
        super().__init__(**kwargs)
        self.win = win
        self.hop = hop
        self.nfft = nfft
        self.n_bands = n_bands
        self.sr = sr
        self.bank = self._triangles()

    def _triangles(self):
        bins = np.linspace(0, self.sr / 2, self.nfft // 2 + 1)
        centers = np.linspace(0, self.sr / 2, self.n_bands + 2)
        bank = np.zeros((len(bins), self.n_bands), "float32")
        for i in range(self.n_bands):
            lo, mid, hi = centers[i : i + 3]
            up = (bins - lo) / (mid - lo)
            down = (hi - bins) / (hi - mid)
            bank[:, i] = np.maximum(0, np.minimum(up, down))
        return bank

    def call(self, wav):
        re, im = ops.stft(wav, sequence_length=self.win, sequence_stride=self.hop, fft_length=self.nfft)
        power = ops.square(re) + ops.square(im)
        mel = ops.matmul(power, ops.convert_to_tensor(self.bank))
        logmel = ops.log(mel + 1e-6)
        # per-clip standardization
        mu = ops.mean(logmel, axis=(1, 2), keepdims=True)
        sd = ops.std(logmel, axis=(1, 2), keepdims=True)
        return (logmel - mu) / (sd + 1e-6)
""",
        named=("ops.stft",),
        also=(
            (
                "sequence_length=self.win, sequence_stride=self.hop, fft_length=self.nfft",
                "self.win, self.hop, self.nfft",
            ),
            (
                "sequence_length=self.win, sequence_stride=self.hop, fft_length=self.nfft",
                "self.win, self.hop, self.nfft, center=False",
            ),
        ),
    ),
    Case(
        "GatedDilationUnit",
        "9,6",
        'dilation_rate=dilation, padding="causal", name="gate"',
        'dilation_rate=dilation, name="gate"',
        '''
class GatedDilationUnit(keras.layers.Layer):
    """One residual unit of WaveNet: gated, dilated, causal."""

    def __init__(self, channels: int = 6, dilation: int = 2, kernel_size: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.filter_conv = layers.Conv1D(
            channels, kernel_size, dilation_rate=dilation, padding="causal", name="filter"
        )
        self.gate_conv = layers.Conv1D(
            channels, kernel_size, dilation_rate=dilation, padding="causal", name="gate"
        )
        self.residual_conv = layers.Conv1D(channels, 1, name="residual")
        self.skip_conv = layers.Conv1D(channels, 1, name="skip")

    def call(self, x):
        filtered = ops.tanh(self.filter_conv(x))
        gate = ops.sigmoid(self.gate_conv(x))
        z = filtered * gate
        residual = x + self.residual_conv(z)
        skip = self.skip_conv(z)
        return ops.concatenate([residual, skip], axis=-1)
''',
        named=("self.gate_conv(x)", "filtered * gate", "self.filter_conv(x)"),
        also=(
            (
                'dilation_rate=dilation, padding="causal", name="gate"',
                'padding="causal", dilation_rate=dilation',
            ),
        ),
    ),
    Case(
        "NoiseToDigit",
        "10",
        "layers.Reshape((3, 3, 8))",
        "layers.Reshape((-1, 3, 3, 8))",
        """
latent_dim = 10


class NoiseToDigit(keras.Model):
    # generator of a DCGAN, makes 12x12 images
    def __init__(self):
        super(NoiseToDigit, self).__init__()
        self.fc = layers.Dense(3 * 3 * 8, use_bias=False)
        self.bn = layers.BatchNormalization()
        self.act = layers.LeakyReLU(negative_slope=0.2)
        self.reshape = layers.Reshape((3, 3, 8))
        self.up1 = layers.Conv2DTranspose(6, 4, strides=2, padding="same")
        self.up2 = layers.Conv2DTranspose(4, 4, strides=2, padding="same")
        self.to_img = layers.Conv2D(1, 3, padding="same", activation="tanh")

    def call(self, z, training=False):
        x = self.fc(z)
        x = self.act(self.bn(x, training=training))
        x = self.reshape(x)
        x = self.act(self.up1(x))
        x = self.act(self.up2(x))
        return self.to_img(x)
""",
        named=("self.reshape(x)", "self.up1(x)"),
        also=(
            ("layers.Reshape((3, 3, 8))", "layers.Reshape((-1, 3, 8))"),
            ("layers.Reshape((3, 3, 8))", "layers.Reshape((3, -1, 8))"),
            ("layers.Reshape((3, 3, 8))", "layers.Reshape((3, 3, -1))"),
            ("x = self.reshape(x)", "x = ops.reshape(x, (-1, 3, 3, 8))"),
        ),
    ),
    Case(
        "PhraseTranslator",
        "i11:6 i9:4",
        "initial_state=[h, c]",
        "initial_state=h",
        """
class PhraseTranslator(keras.Model):
    def __init__(self, src_vocab=11, tgt_vocab=9, emb=6, units=8, **kwargs):
        super().__init__(**kwargs)
        self.src_emb = layers.Embedding(src_vocab, emb)
        self.tgt_emb = layers.Embedding(tgt_vocab, emb)
        self.encoder = layers.LSTM(units, return_state=True)
        self.decoder = layers.LSTM(units, return_sequences=True)
        self.vocab_out = layers.Dense(tgt_vocab)

    def call(self, source, target):
        # encoder: only its final states matter
        _, h, c = self.encoder(self.src_emb(source))
        # decoder: teacher forcing
        y = self.decoder(self.tgt_emb(target), initial_state=[h, c])
        return self.vocab_out(y)
""",
        named=("self.decoder", "layers.LSTM(units, return_sequences=True)"),
        also=(
            ("initial_state=[h, c]", "initial_state=(h, c)"),
            (
                (
                    "layers.LSTM(units, return_state=True)",
                    "layers.LSTM(units, return_sequences=True)",
                    "_, h, c = self",
                    "initial_state=[h, c]",
                ),
                (
                    "layers.GRU(units, return_state=True)",
                    "layers.GRU(units, return_sequences=True)",
                    "_, h = self",
                    "initial_state=h",
                ),
            ),
        ),
    ),
    Case(
        "ColumnTokenMixer",
        "5",
        "ops.concatenate([cls, tokens], axis=1)",
        "ops.concatenate([cls, tokens], dim=1)",
        """
class ColumnTokenMixer(layers.Layer):
    # FT-Transformer, ported from the authors' rtdl package
    def __init__(self, d_token=6, n_heads=2, **kwargs):
        super().__init__(**kwargs)
        self.d_token = d_token
        self.attn = layers.MultiHeadAttention(num_heads=n_heads, key_dim=d_token // n_heads)
        self.norm = layers.LayerNormalization()
        self.head = layers.Dense(1)

    def build(self, input_shape):
        n_features = input_shape[-1]
        self.weight = self.add_weight(shape=(n_features, self.d_token), initializer="random_normal", name="weight")
        self.bias = self.add_weight(shape=(n_features, self.d_token), initializer="random_normal", name="bias")
        self.cls = self.add_weight(shape=(1, 1, self.d_token), initializer="random_normal", name="cls")

    def call(self, x_num):
        # tokenizer
        tokens = x_num[:, :, None] * self.weight[None] + self.bias[None]
        cls = ops.repeat(self.cls, ops.shape(x_num)[0], axis=0)
        x = ops.concatenate([cls, tokens], axis=1)
        # one prenorm block
        z = self.norm(x)
        x = x + self.attn(z, z)
        return self.head(ops.relu(x[:, 0]))
""",
        named=("ops.concatenate",),
        also=(
            ("ops.concatenate([cls, tokens], axis=1)", "ops.concatenate([cls, tokens], 1)"),
            ("ops.concatenate([cls, tokens], axis=1)", "layers.Concatenate(axis=1)([cls, tokens])"),
        ),
    ),
    Case(
        "MeanSentencePooler",
        "i20:6 m6",
        'features["attention_mask"]',
        'features["mask"]',
        '''
class MeanSentencePooler(keras.Model):
    """A toy version of Sentence-BERT's mean pooling."""

    def __init__(self, vocab_size: int = 20, hidden_size: int = 8, projection_size: int = 4):
        super().__init__()
        self.word_embeddings = layers.Embedding(vocab_size, hidden_size)
        self.encoder = layers.Dense(hidden_size, activation="gelu")
        self.projection = layers.Dense(projection_size)

    def call(self, features):
        hidden = self.encoder(self.word_embeddings(features["input_ids"]))
        mask = ops.cast(features["attention_mask"], hidden.dtype)
        mask = ops.expand_dims(mask, axis=-1)
        summed = ops.sum(hidden * mask, axis=1)
        counts = ops.maximum(ops.sum(mask, axis=1), 1e-9)
        return ops.tanh(self.projection(summed / counts))
''',
        keys=("input_ids", "attention_mask"),
        named=("features",),
        also=(('features["attention_mask"]', 'features.get("attention_mask")'),),
    ),
    Case(
        "PointSetClassifier",
        "7,3",
        "ops.max(x, axis=1)",
        "ops.max(x, axis=1)[0]",
        """
class PointSetClassifier(keras.Model):
    # PointNet vanilla (no T-Net), converted from pytorch
    def __init__(self, k=5):
        super().__init__()
        self.conv1 = layers.Conv1D(8, 1)
        self.conv2 = layers.Conv1D(12, 1)
        self.conv3 = layers.Conv1D(16, 1)
        self.fc1 = layers.Dense(8)
        self.fc2 = layers.Dense(k)

    def feat(self, x):
        x = ops.relu(self.conv1(x))
        x = ops.relu(self.conv2(x))
        x = self.conv3(x)
        x = ops.max(x, axis=1)
        return x

    def call(self, pts):
        x = self.feat(pts)
        x = ops.relu(self.fc1(x))
        return ops.log_softmax(self.fc2(x), axis=-1)
""",
        named=("self.feat(pts)", "self.fc1(x)"),
        also=(
            ("ops.max(x, axis=1)", "layers.GlobalMaxPooling1D()(x)"),
            ("ops.max(x, axis=1)", "ops.amax(x, axis=1)"),
        ),
    ),
    Case(
        "BilinearFuse",
        "6 4",
        "(self.out_dim, image_shape[-1], text_shape[-1])",
        "(self.out_dim, image_shape[-1], image_shape[-1])",
        """
@keras.saving.register_keras_serializable(package="multimodal")
class BilinearFuse(layers.Layer):
    def __init__(self, out_dim: int = 3, dropout: float = 0.1, **kwargs):
        super().__init__(**kwargs)
        self.out_dim = out_dim
        self.dropout_rate = dropout
        self.dropout = layers.Dropout(dropout)

    def build(self, input_shape):
        image_shape, text_shape = input_shape
        self.kernel = self.add_weight(
            shape=(self.out_dim, image_shape[-1], text_shape[-1]),
            initializer="glorot_uniform",
            name="kernel",
        )
        self.bias = self.add_weight(shape=(self.out_dim,), initializer="zeros", name="bias")

    def call(self, inputs, training=None):
        image, text = inputs
        fused = ops.einsum("bi,oij,bj->bo", image, self.kernel, text) + self.bias
        # signed square root and l2, as in compact bilinear pooling
        fused = ops.sign(fused) * ops.sqrt(ops.abs(fused) + 1e-12)
        norm = ops.sqrt(ops.sum(ops.square(fused), axis=-1, keepdims=True) + 1e-12)
        fused = fused / norm
        return self.dropout(fused, training=training)

    def get_config(self) -> dict:
        return {**super().get_config(), "out_dim": self.out_dim, "dropout": self.dropout_rate}
""",
        as_list=True,
        named=(
            'ops.einsum("bi,oij,bj->bo", image, self.kernel, text)',
            "self.kernel",
        ),
        also=(
            (
                (
                    "(self.out_dim, image_shape[-1], text_shape[-1])",
                    '"bi,oij,bj->bo"',
                ),
                (
                    "(self.out_dim, text_shape[-1], image_shape[-1])",
                    '"bi,oji,bj->bo"',
                ),
            ),
        ),
    ),
    # Say nothing.
    Case(
        "PlainDigitVAE",
        "12",
        "ops.split(self.to_stats(h), 2, axis=-1)",
        "ops.split(self.to_stats(h), 2)",
        '''
class PlainDigitVAE(keras.Model):
    """A variational autoencoder for flattened digits.

    The encoder predicts a mean and a log-variance per latent dimension. While
    training we sample with the reparameterization trick; at inference we use
    the mean.
    """

    def __init__(self, original_dim=12, latent_dim=3, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(10, activation="relu")
        self.to_stats = layers.Dense(2 * latent_dim)
        self.dec_hidden = layers.Dense(10, activation="relu")
        self.dec_out = layers.Dense(original_dim, activation="sigmoid")
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, x, training=False):
        h = self.hidden(x)
        z_mean, z_log_var = ops.split(self.to_stats(h), 2, axis=-1)
        kl = -0.5 * ops.mean(z_log_var - ops.square(z_mean) - ops.exp(z_log_var) + 1)
        self.add_loss(kl)
        z = z_mean
        if training:
            noise = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
            z = z_mean + ops.exp(0.5 * z_log_var) * noise
        return self.dec_out(self.dec_hidden(z))
''',
        also=(
            ("z_mean, z_log_var = ops.split", "z_log_var, z_mean = ops.split"),
            (
                (
                    "self.to_stats = layers.Dense(2 * latent_dim)",
                    "ops.split(self.to_stats(h), 2, axis=-1)",
                ),
                (
                    "self.to_mean, self.to_log_var = layers.Dense(latent_dim), layers.Dense(latent_dim)",
                    "self.to_mean(h), self.to_log_var(h)",
                ),
            ),
        ),
        named=("z_mean, z_log_var = ops.split(self.to_stats(h), 2)",),
    ),
    Case(
        "SymmetricPercentError",
        "- 1",
        'ops.reshape(ops.cast(y_pred, "float32"), (-1,))',
        'ops.cast(y_pred, "float32")',
        """
class SymmetricPercentError(keras.metrics.Metric):
    # SMAPE as defined on the competition page
    def __init__(self, name='smape', **kw):
        super().__init__(name=name, **kw)
        self.s = self.add_weight(name='s', initializer='zeros')
        self.n = self.add_weight(name='n', initializer='zeros')

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "float32")
        y_pred = ops.reshape(ops.cast(y_pred, "float32"), (-1,))
        num = ops.abs(y_true - y_pred)
        den = (ops.abs(y_true) + ops.abs(y_pred)) / 2
        e = ops.where(den > 0, num / ops.maximum(den, 1e-7), 0.0)
        self.s.assign_add(ops.sum(e))
        self.n.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self):
        return 100 * self.s / self.n
""",
        named=("y_true - y_pred", "ops.abs(y_true - y_pred)", "ops.abs(y_true) + ops.abs(y_pred)"),
        also=(
            (
                'ops.reshape(ops.cast(y_pred, "float32"), (-1,))',
                'ops.squeeze(ops.cast(y_pred, "float32"), axis=-1)',
            ),
            (
                (
                    'ops.reshape(ops.cast(y_pred, "float32"), (-1,))',
                    'y_true = ops.cast(y_true, "float32")',
                ),
                ('ops.cast(y_pred, "float32")', 'y_true = ops.reshape(ops.cast(y_true, "float32"), (-1, 1))'),
            ),
        ),
    ),
    Case(
        "RareTagFocalLoss",
        "m5 5",
        "ops.binary_crossentropy(y_true, logits, from_logits=True)",
        "ops.binary_crossentropy(y_true, logits)",
        '''
class RareTagFocalLoss(keras.losses.Loss):
    """Focal loss for multi-label tagging, on raw scores.

    Args:
        alpha: weight of the positive class.
        gamma: how strongly easy tags are played down.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, name: str = "rare_tag_focal", **kwargs) -> None:
        super().__init__(name=name, **kwargs)
        self.alpha = alpha
        self.gamma = gamma

    def call(self, y_true, logits):
        y_true = ops.cast(y_true, logits.dtype)
        ce = ops.binary_crossentropy(y_true, logits, from_logits=True)
        prob = ops.sigmoid(logits)
        p_t = y_true * prob + (1.0 - y_true) * (1.0 - prob)
        alpha_t = y_true * self.alpha + (1.0 - y_true) * (1.0 - self.alpha)
        return ops.mean(alpha_t * ops.power(1.0 - p_t, self.gamma) * ce, axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "alpha": self.alpha, "gamma": self.gamma}
''',
        also=(
            (
                "ops.binary_crossentropy(y_true, logits, from_logits=True)",
                "ops.binary_crossentropy(y_true, ops.sigmoid(logits))",
            ),
            (
                "ops.binary_crossentropy(y_true, logits, from_logits=True)",
                "ops.softplus(logits) - y_true * logits",
            ),
        ),
    ),
    Case(
        "ReversibleWindowForecaster",
        "8,3",
        "ops.mean(x, axis=1, keepdims=True)",
        "ops.mean(x, axis=0, keepdims=True)",
        """
class ReversibleWindowForecaster(layers.Layer):
    # RevIN (Kim et al., ICLR'22) + a linear map over time, "NLinear on steroids"
    def __init__(self, horizon=4, eps=1e-5, **kw):
        super().__init__(**kw)
        self.horizon, self.eps = horizon, eps

    def build(self, s):
        _, L, C = s
        self.gamma = self.add_weight(shape=(C,), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(C,), initializer="zeros", name="beta")
        self.W = self.add_weight(shape=(L, self.horizon), initializer="glorot_uniform", name="W")

    def call(self, x):
        # x: (B, L, C)
        mu = ops.stop_gradient(ops.mean(x, axis=1, keepdims=True))
        sd = ops.stop_gradient(ops.sqrt(ops.var(x, axis=1, keepdims=True) + self.eps))
        z = (x - mu) / sd * self.gamma + self.beta
        y = ops.einsum("blc,lh->bhc", z, self.W)
        y = (y - self.beta) / (self.gamma + self.eps)
        return y * sd + mu[:, -1:, :]
""",
        named=("x - mu", "mu[:, -1:, :]", "(x - mu) / sd"),
        also=(
            ("ops.mean(x, axis=1, keepdims=True)", "ops.mean(x, axis=-2, keepdims=True)"),
            ("ops.mean(x, axis=1, keepdims=True)", "x[:, -1:, :]"),
        ),
    ),
    Case(
        "SpokenWordPool",
        "6,4",
        "ops.softmax(scores, axis=1)",
        "ops.softmax(scores, axis=-1)",
        """
class SpokenWordPool(layers.Layer):
    # HW4 Q2: keyword spotting, attention pooling over time steps
    def __init__(self, hidden=5, n_words=3):
        super().__init__()
        self.gru = layers.GRU(hidden, return_sequences=True)
        self.w = layers.Dense(hidden, activation='tanh')
        self.v = layers.Dense(1, use_bias=False)
        self.out = layers.Dense(n_words)

    def call(self, x):
        h = self.gru(x)                       # (batch, time, hidden)
        scores = self.v(self.w(h))            # (batch, time, 1)
        alpha = ops.softmax(scores, axis=1)
        context = ops.sum(alpha * h, axis=1)  # (batch, hidden)
        return self.out(context)
""",
        named=("alpha * h", "ops.softmax(scores)"),
        also=(("ops.softmax(scores, axis=1)", "ops.softmax(scores, axis=-2)"),),
    ),
    Case(
        "FoldedHeadAttention",
        "6,8",
        "x = ops.reshape(x, (batch, -1, self.num_heads, self.head_dim))\n"
        "        return ops.transpose(x, (0, 2, 1, 3))",
        "return ops.reshape(x, (batch, self.num_heads, -1, self.head_dim))",
        '''
class FoldedHeadAttention(keras.layers.Layer):
    """Causal self-attention, in the style of nanoGPT."""

    def __init__(self, embed_dim=8, num_heads=2, **kwargs):
        super().__init__(**kwargs)
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.q_proj = keras.layers.Dense(embed_dim)
        self.k_proj = keras.layers.Dense(embed_dim)
        self.v_proj = keras.layers.Dense(embed_dim)
        self.o_proj = keras.layers.Dense(embed_dim)

    def to_heads(self, x):
        batch = ops.shape(x)[0]
        x = ops.reshape(x, (batch, -1, self.num_heads, self.head_dim))
        return ops.transpose(x, (0, 2, 1, 3))

    def call(self, x):
        batch, length = ops.shape(x)[0], ops.shape(x)[1]
        q = self.to_heads(self.q_proj(x))
        k = self.to_heads(self.k_proj(x))
        v = self.to_heads(self.v_proj(x))
        scores = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / np.sqrt(self.head_dim)
        causal = ops.tril(ops.ones((length, length)))
        scores = ops.where(causal == 0, -1e9, scores)
        y = ops.matmul(ops.softmax(scores, axis=-1), v)
        y = ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (batch, length, self.embed_dim))
        return self.o_proj(y)
''',
        named=(
            "self.to_heads(self.q_proj(x))",
            "self.to_heads(self.k_proj(x))",
            "self.to_heads(self.v_proj(x))",
        ),
        also=(
            (
                (
                    "x = ops.reshape(x, (batch, -1, self.num_heads, self.head_dim))",
                    "return ops.transpose(x, (0, 2, 1, 3))",
                ),
                (
                    "x = ops.reshape(x, (batch, -1, self.head_dim, self.num_heads))",
                    "return ops.transpose(x, (0, 3, 1, 2))",
                ),
            ),
        ),
    ),
    Case(
        "CodebookSnapper",
        "6",
        "z + ops.stop_gradient(q - z)",
        "ops.stop_gradient(z + q - z)",
        """
class CodebookSnapper(layers.Layer):
    # VQ-VAE in one layer: e(x) -> nearest code -> d(z_q).  van den Oord 2017, eq. (3)
    def __init__(self, K=7, D=4, beta=0.25, **kw):
        super().__init__(**kw)
        self.K, self.D, self.beta = K, D, beta

    def build(self, s):
        self.enc = layers.Dense(self.D)
        self.dec = layers.Dense(s[-1])
        self.E = self.add_weight(shape=(self.K, self.D), initializer="random_uniform", name="E")

    def call(self, x):
        z = self.enc(x)
        # ||z - e||^2 up to the constant ||z||^2
        dist = ops.sum(self.E**2, axis=1) - 2.0 * ops.matmul(z, ops.transpose(self.E))
        idx = ops.argmin(dist, axis=1)
        q = ops.take(self.E, idx, axis=0)
        self.add_loss(ops.mean((ops.stop_gradient(z) - q) ** 2))
        self.add_loss(self.beta * ops.mean((z - ops.stop_gradient(q)) ** 2))
        # straight-through
        z_q = z + ops.stop_gradient(q - z)
        return self.dec(z_q)
""",
        named=("self.dec(z_q)", "z_q"),
        also=(
            ("z + ops.stop_gradient(q - z)", "z - ops.stop_gradient(z - q)"),
            ("z + ops.stop_gradient(q - z)", "ops.stop_gradient(q) + z - ops.stop_gradient(z)"),
            ("z + ops.stop_gradient(q - z)", "q + (z - ops.stop_gradient(z))"),
        ),
    ),
    Case(
        "LeakyReservoir",
        "6,3",
        "ops.stack(states, axis=1)",
        "ops.stack(states)",
        """
class LeakyReservoir(layers.Layer):
    def __init__(self, size: int = 10, leak: float = 0.3, rho: float = 0.9, seed: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.leak = leak
        self.rho = rho
        self.seed = seed
        self.readout = layers.Dense(2)

    def build(self, input_shape):
        rng = np.random.default_rng(self.seed)
        w = rng.normal(size=(self.size, self.size))
        w = w * self.rho / np.max(np.abs(np.linalg.eigvals(w)))
        w_in = rng.uniform(-0.5, 0.5, size=(input_shape[-1], self.size))
        # the reservoir itself is never trained
        self.w = self.add_weight(shape=w.shape, initializer="zeros", trainable=False, name="w")
        self.w_in = self.add_weight(shape=w_in.shape, initializer="zeros", trainable=False, name="w_in")
        self.w.assign(w.astype("float32"))
        self.w_in.assign(w_in.astype("float32"))

    def call(self, series):
        state = ops.zeros((ops.shape(series)[0], self.size))
        states = []
        for t in range(series.shape[1]):
            drive = ops.matmul(series[:, t], self.w_in) + ops.matmul(state, self.w)
            state = (1.0 - self.leak) * state + self.leak * ops.tanh(drive)
            states.append(state)
        return self.readout(ops.stack(states, axis=1))
""",
        named=("self.readout(ops.stack(states))", "states"),
        also=(
            ("ops.stack(states, axis=1)", "ops.transpose(ops.stack(states), (1, 0, 2))"),
            ("ops.stack(states, axis=1)", "ops.swapaxes(ops.stack(states), 0, 1)"),
        ),
    ),
)
