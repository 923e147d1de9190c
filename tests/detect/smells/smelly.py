"""User code with silent numeric faults, and the same done well. Traced by test_smells.py on each backend.

`@faulty(kind, expression)` marks a function that has to lead to a finding of that kind at that expression,
`@healthy` one that must lead to none.
"""

import keras
import numpy as np
from keras import ops

FAULTY, HEALTHY = {}, {}
HALF, BYTE = "float16", "uint8"
equal = ops.equal
rng = np.random.default_rng(0)


def faulty(kind, expression):
    def add(function):
        FAULTY[function.__name__] = (kind, expression, function)
        return function

    return add


def healthy(function):
    HEALTHY[function.__name__] = function
    return function


def tensor(*shape, scale=1.0, shift=0.0, dtype="float32"):
    return ops.convert_to_tensor((rng.normal(size=shape) * scale + shift).astype(dtype))


class Run(keras.layers.Layer):
    """Calls a function as the forward pass of a layer."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, *args):
        return self.function(*args)


def as_loss(function, y_true, y_pred):
    class Custom(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return function(y_true, y_pred)

    return Custom()(y_true, y_pred)


# -- scale-mismatch --------------------------------------------------------------------------------


@faulty("scale-mismatch", "fit + ops.sum(ops.square(bend))")
def sum_beside_a_mean():
    y_true, y_pred = tensor(64, 40), tensor(64, 40)

    def smooth(y_true, y_pred):
        fit, bend = ops.mean(ops.square(y_true - y_pred)), y_pred[:, 1:] - y_pred[:, :-1]
        return fit + ops.sum(ops.square(bend))

    return as_loss(smooth, y_true, y_pred)


@healthy
def means_beside_each_other():
    y_true, y_pred = tensor(64, 40), tensor(64, 40)

    def smooth(y_true, y_pred):
        fit, bend = ops.mean(ops.square(y_true - y_pred)), y_pred[:, 1:] - y_pred[:, :-1]
        return fit + ops.mean(ops.sum(ops.square(bend), axis=1))

    return as_loss(smooth, y_true, y_pred)


@faulty("scale-mismatch", "0.5 * a + 0.5 * b")
def mixed_updates():
    first, second = [tensor(20, 4), tensor(4)], [tensor(20, 4, scale=200), tensor(4, scale=90)]
    return [0.5 * a + 0.5 * b for a, b in zip(first, second, strict=True)]


@faulty("scale-mismatch", "ops.add(near, far)")
def weighed_before_they_are_added():
    weight = 0.3
    near = weight * tensor(50)
    far = (1 - weight) * tensor(50, scale=1e3)
    return ops.add(near, far)


@faulty("scale-mismatch", "price + kind")
def two_losses():
    def loss(y_true, y_pred):
        price = ops.mean(ops.square(y_true - y_pred) * 1e9)
        kind = ops.mean(ops.abs(y_true - y_pred))
        return price + kind

    return as_loss(loss, tensor(32, 1), tensor(32, 1))


def pixels_and_edges(first, second=1.0):
    def loss(y_true, y_pred):
        pixel = ops.mean(ops.square(first * y_true - first * y_pred), axis=-1)
        edge = ops.mean(
            ops.square(second * ops.diff(y_true, axis=-1) - second * ops.diff(y_pred, axis=-1)), axis=-1
        )
        return pixel + edge

    return as_loss(loss, tensor(32, 6), tensor(32, 6))


@faulty("scale-mismatch", "pixel + edge")
def two_losses_of_each_row():
    return pixels_and_edges(255.0)


@healthy
def two_losses_of_one_scale():
    return pixels_and_edges(255.0, 255.0), pixels_and_edges(1.0)


@healthy
def more_of_the_same_loss():
    def loss(y_true, y_pred):
        error = ops.mean(ops.square(y_true - y_pred), axis=-1)
        large = ops.mean(ops.square(255.0 * y_true - 255.0 * y_pred), axis=-1)
        return large + error

    return as_loss(loss, tensor(32, 6), tensor(32, 6))


def gradient_of(scale):
    return [tensor(20, 4, scale=scale), tensor(4, scale=scale)]


@faulty("scale-mismatch", "a + b")
def sum_of_gradients():
    first, second = gradient_of(1e-3), gradient_of(2.0)
    return [a + b for a, b in zip(first, second, strict=True)]


@faulty("scale-mismatch", "sum([price, kind])")
def losses_in_a_list():
    def loss(y_true, y_pred):
        price = ops.mean(ops.square(y_true - y_pred) * 1e9)
        kind = ops.mean(ops.abs(y_true - y_pred))
        return sum([price, kind])

    return as_loss(loss, tensor(32, 1), tensor(32, 1))


@faulty("scale-mismatch", "total += ops.mean(ops.square(y_true - y_pred) * 1e9)")
def loss_added_to():
    def loss(y_true, y_pred):
        total = ops.mean(ops.abs(y_true - y_pred))
        total += ops.mean(ops.square(y_true - y_pred) * 1e9)
        return total

    return as_loss(loss, tensor(32, 1), tensor(32, 1))


@faulty("scale-mismatch", "ops.mean(ops.stack([a, b]), axis=0)")
def mean_of_a_stack():
    first, second = [tensor(20, 4), tensor(4)], [tensor(20, 4, scale=200), tensor(4, scale=90)]
    return [ops.mean(ops.stack([a, b]), axis=0) for a, b in zip(first, second, strict=True)]


@faulty("scale-mismatch", "ops.add(0.5 * a, 0.5 * b)")
def weighed_in_a_call():
    first, second = [tensor(20, 4), tensor(4)], [tensor(20, 4, scale=200), tensor(4, scale=90)]
    return [ops.add(0.5 * a, 0.5 * b) for a, b in zip(first, second, strict=True)]


@healthy
def sums_of_like_terms():
    def loss(y_true, y_pred):
        parts = [ops.mean(ops.square(y_true - y_pred)), 20 * ops.mean(ops.abs(y_true - y_pred))]
        total = 0.0
        for part in parts:
            total += part
        return total + sum(parts)

    mean = ops.mean(ops.stack([tensor(20, 4), tensor(20, 4, scale=5)]), axis=0)
    return as_loss(loss, tensor(32, 1), tensor(32, 1)), mean


@healthy
def small_steps_added_in_place():
    def steps(x):
        h = x
        for _ in range(3):
            h += 1e-5 * ops.tanh(tensor(20, 4))
        return h

    return Run(steps)(tensor(20, 4, scale=100))


@healthy
def weights_and_their_updates():
    weights, velocity = [tensor(20, 4)], [tensor(20, 4, scale=1e-5)]
    slow = [w + v for w, v in zip(weights, velocity, strict=True)]
    return [s + 0.5 * (w - s) for s, w in zip(slow, weights, strict=True)]


@healthy
def normalised_updates():
    first, second = [tensor(20, 4)], [tensor(20, 4, scale=200)]
    return [0.5 * a / ops.norm(a) + 0.5 * b / ops.norm(b) for a, b in zip(first, second, strict=True)]


@healthy
def moving_average():
    decay = 0.99
    mean = tensor(30, scale=5)
    for _ in range(5):
        mean = decay * mean + (1 - decay) * tensor(30)
    return mean


class Decay:
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, gradients, weights):
        return [g + self.rate * w for g, w in zip(gradients, weights, strict=True)]


@healthy
def weight_decay():
    return Decay(1e-4)([tensor(30, 3)], [tensor(30, 3)])


@healthy
def residual_of_a_small_branch():
    return Run(lambda x: x + 1e-5 * ops.tanh(x))(tensor(8, 4)), Run(lambda x: x + ops.tanh(x * 1e-5))(
        tensor(8, 4)
    )


@healthy
def attention_mask():
    scores, mask = tensor(2, 6, 6), ops.convert_to_tensor(np.tril(np.ones((2, 6, 6), "float32")))
    return ops.softmax(scores + (1.0 - mask) * -1e9, axis=-1)


@healthy
def loss_with_penalty():
    def loss(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred)) + ops.mean(ops.square(y_pred)) * 1e-5

    return as_loss(loss, tensor(32, 1), tensor(32, 1))


# -- broadcast-shape -------------------------------------------------------------------------------


@faulty("broadcast-shape", "y_true - y_pred")
def row_minus_column():
    return as_loss(
        lambda y_true, y_pred: ops.mean(ops.square(y_true - y_pred), axis=-1), tensor(16), tensor(16, 1)
    )


@faulty("broadcast-shape", "equal(expected, ops.round(y_pred))")
def accuracy_of_a_column():
    class Accuracy(keras.metrics.Metric):
        def __init__(self):
            super().__init__()
            self.share = self.add_weight(initializer="zeros", name="share")

        def update_state(self, y_true, y_pred, sample_weight=None):
            expected = ops.cast(y_true, "float32")
            hits = equal(expected, ops.round(y_pred))
            self.share.assign(ops.mean(ops.cast(hits, "float32")))

        def result(self):
            return self.share

    metric = Accuracy()
    metric.update_state(np.arange(12) % 2, tensor(12, 1, shift=0.5))
    return metric.result()


@faulty("broadcast-shape", "total / norm")
def keepdims_on_one_side():
    def cosine(a, b):
        total = ops.sum(a * b, axis=-1)
        norm = ops.sqrt(ops.sum(a * a, axis=-1, keepdims=True) + 1e-6)
        return total / norm

    return cosine(tensor(9, 3), tensor(9, 3))


@faulty("broadcast-shape", "a * b")
def without_values():
    inputs = keras.Input((1,)), keras.Input(())
    return Run(lambda a, b: a * b)(*inputs)


@healthy
def pairwise_distances():
    x = tensor(16)
    return ops.abs(x[:, None] - x), ops.abs(ops.expand_dims(x, 1) - x)


@healthy
def same_label_mask():
    labels = ops.convert_to_tensor(np.arange(10) % 3)
    return ops.cast(ops.reshape(labels, (-1, 1)) == labels, "float32")


class Basis(keras.layers.Layer):
    def build(self, shape):
        self.centres = self.add_weight(shape=(8,), name="centres")

    def call(self, x):
        return ops.exp(-ops.square(x - self.centres))


@healthy
def as_many_centres_as_samples():
    return Basis()(tensor(8, 1))


@healthy
def bias_and_keepdims():
    return (
        tensor(8, 4) + tensor(4),
        tensor(8, 4) - ops.mean(tensor(8, 4), axis=-1, keepdims=True),
        tensor(8) * tensor(8),
    )


# -- nan-operation ---------------------------------------------------------------------------------


@faulty("nan-operation", "ops.log(p)")
def log_of_zero():
    def loss(y_true, y_pred):
        p = ops.relu(y_pred)
        return -ops.mean(y_true * ops.log(p))

    return as_loss(loss, tensor(16, 3), tensor(16, 3))


@faulty("nan-operation", "total / count")
def mean_of_nothing():
    mask = np.ones((4, 5), "float32")
    mask[2] = 0
    mask = ops.convert_to_tensor(mask)
    total, count = ops.sum(tensor(4, 5) * mask, axis=-1), ops.sum(mask, axis=-1)
    return total / count


@faulty("nan-operation", "ops.sqrt(ops.sum(ops.square(x), axis=-1))")
def length_of_nothing():
    x = np.ones((6, 3), "float32")
    x[1] = 0
    return Run(lambda x: ops.sqrt(ops.sum(ops.square(x), axis=-1)))(ops.convert_to_tensor(x))


@faulty("nan-operation", "ops.exp(x)")
def softmax_by_hand():
    def softmax(x):
        e = ops.exp(x)
        return e / ops.sum(e, axis=-1, keepdims=True)

    return softmax(tensor(4, 5, scale=100))


@faulty("nan-operation", "x**0.5")
def root_of_negative():
    x = tensor(16)
    return ops.mean(x**0.5)


@faulty("nan-operation", "ops.log(y_pred)")
def log_near_zero():
    p = np.full((16, 2), 0.5, "float32")
    p[3] = [1e-30, 1]
    return as_loss(lambda y_true, y_pred: -ops.mean(ops.log(y_pred)), tensor(16, 2), ops.convert_to_tensor(p))


@faulty("nan-operation", "ops.log(p)")
def log_guarded_in_its_value_only():
    def loss(y_true, y_pred):
        p = ops.relu(y_pred)
        return ops.mean(ops.where(p > 0, ops.log(p), 0.0))

    return as_loss(loss, tensor(16, 3), tensor(16, 3))


@faulty("nan-operation", "ops.sqrt(y)")
def root_guarded_in_its_value_only():
    def roots(x):
        y = x * 2.0
        root = ops.sqrt(y)
        return ops.where(y > 0, root, 0.0)

    return Run(roots)(tensor(16, 3))


@healthy
def guarded_on_both_sides():
    def loss(y_true, y_pred):
        p = ops.relu(y_pred)
        safe = ops.where(p > 0, p, 1.0)
        return ops.mean(ops.where(p > 0, ops.log(safe), 0.0))

    return as_loss(loss, tensor(16, 3), tensor(16, 3))


@healthy
def a_mask_as_logarithm():
    def attend(scores, mask):
        return ops.softmax(scores + ops.log(mask))

    mask = np.ones((4, 6), "float32")
    mask[:, 4:] = 0
    return Run(attend)(tensor(4, 6), ops.convert_to_tensor(mask))


@healthy
def guarded_logs():
    p = ops.relu(tensor(16, 3))
    clipped = ops.clip(p, 1e-12, 1.0)
    return ops.log(p + 1e-10), ops.log(ops.maximum(p, 1e-9)), ops.log(clipped), ops.sqrt(ops.square(p) + 1e-8)


@healthy
def selected_away():
    x = tensor(16)
    positive = x > 0
    return ops.where(positive, ops.log(x), 0.0), ops.where(x == 0, 0.0, 1 / ops.where(x == 0, 1.0, x))


@healthy
def masked_by_minus_infinity():
    keep = ops.convert_to_tensor(np.tril(np.ones((5, 5), "float32")))
    additive = ops.where(keep > 0, 0.0, float("-inf"))
    return ops.softmax(tensor(5, 5) + additive, axis=-1), ops.softmax(tensor(5, 5) + ops.log(keep), axis=-1)


@healthy
def root_in_a_metric():
    class Rmse(keras.metrics.Mean):
        def result(self):
            return ops.sqrt(super().result())

    metric = Rmse()
    metric.update_state(ops.zeros((4,)))
    return metric.result()


# -- saturated-activation, softmax-one-unit --------------------------------------------------------


@faulty("saturated-activation", "ops.softmax(scores, axis=-1)")
def attention_without_scale():
    def attend(q, k):
        scores = ops.matmul(q, ops.transpose(k))
        return ops.softmax(scores, axis=-1)

    return Run(attend)(tensor(20, 256, scale=20), tensor(20, 256, scale=20))


@faulty("softmax-one-unit", "ops.softmax(score)")
def attention_over_the_score():
    def attend(x):
        score = ops.tanh(ops.sum(x, axis=-1, keepdims=True))
        return ops.sum(ops.softmax(score) * x, axis=1)

    return Run(attend)(tensor(8, 6, 4))


@healthy
def attention_to_one_step():
    def attend(q, memory):
        scores = ops.matmul(q, ops.transpose(memory, (0, 2, 1)))
        return ops.matmul(ops.softmax(scores), memory)

    return Run(attend)(tensor(8, 6, 4), tensor(8, 1, 4))


@faulty("saturated-activation", "ops.sigmoid(h)")
def pixels_as_they_come():
    def call(x):
        h = ops.matmul(x, tensor(64, 16))
        return ops.sigmoid(h)

    return Run(call)(tensor(32, 64, scale=255))


@faulty("saturated-activation", "ops.tanh(x)")
def far_out():
    return Run(lambda x: ops.tanh(x))(tensor(64, 4, scale=1000))


@faulty("softmax-one-unit", "ops.softmax(x)")
def softmax_of_one():
    return Run(lambda x: ops.softmax(x))(tensor(8, 1))


@healthy
def moderate():
    return ops.softmax(tensor(20, 8, scale=3)), ops.sigmoid(tensor(64, scale=4)), ops.tanh(tensor(64))


@healthy
def confident_after_training():
    logits = np.full((50, 10), -6.0, "float32")
    logits[np.arange(50), np.arange(50) % 10] = 8
    return ops.softmax(ops.convert_to_tensor(logits)), ops.sigmoid(tensor(50, 20, shift=-11))


@healthy
def causal_attention_of_two():
    mask = ops.convert_to_tensor(np.triu(np.full((2, 2), -1e9, "float32"), 1))
    return ops.softmax(tensor(8, 2, 2) + mask, axis=-1)


@healthy
def low_temperature():
    temperature = 0.01
    return ops.softmax(tensor(30, 5) / temperature, axis=-1)


# -- overflow --------------------------------------------------------------------------------------


@faulty("float16-overflow", "ops.square(x)")
def half_squares():
    return Run(lambda x: ops.mean(ops.square(x), axis=-1), dtype="float16")(
        tensor(8, 8, scale=500, dtype="float16")
    )


@faulty("float16-overflow", "ops.cast(x, HALF)")
def half_cast():
    x = tensor(8, scale=1e6)
    return ops.cast(x, HALF)


@faulty("integer-overflow", "ids * 100_000")
def wide_ids():
    ids = ops.convert_to_tensor(np.arange(40_000, 40_010, dtype="int32"))
    return ids * 100_000


@faulty("integer-overflow", "ops.cast(image * 2, BYTE)")
def bright_image():
    image = ops.convert_to_tensor(np.arange(200, 216, dtype="float32"))
    return ops.cast(image * 2, BYTE)


@faulty("integer-overflow", "a - b")
def difference_of_images():
    a, b = np.arange(10, 20, dtype="uint8"), np.full(10, 15, "uint8")
    return a - b


@healthy
def half_in_range():
    return Run(lambda x: ops.mean(ops.square(x), axis=-1), dtype="float16")(
        tensor(8, 8, scale=5, dtype="float16")
    )


@healthy
def integers_in_range():
    ids = ops.convert_to_tensor(np.arange(100, dtype="int32"))
    return (
        ids * 1000,
        ops.sum(ids),
        ops.cast(tensor(9, scale=3), "int32"),
        np.arange(5, dtype="uint8") + np.uint8(3),
    )


@healthy
def hash_of_ids():
    ids = np.arange(40_000, 40_010, dtype="int32")
    hashed = ids * np.int32(1_000_003)
    return hashed % np.int32(97), (ids * np.int32(2_654_435)) & np.int32(1023)


# -- cancellation ----------------------------------------------------------------------------------


@faulty("cancellation", "ops.mean(x * x, axis=-1) - ops.mean(x, axis=-1) ** 2")
def variance_of_squares():
    def deviation(x):
        variance = ops.mean(x * x, axis=-1) - ops.mean(x, axis=-1) ** 2
        return variance

    return deviation(tensor(16, 64, scale=0.01, shift=1000.0))


@faulty("cancellation", "f(x + step) - f(x)")
def difference_quotient():
    def slope(f, x):
        step = 1e-6
        return (f(x + step) - f(x)) / step

    return slope(lambda x: ops.square(x) + 50.0, tensor(32, shift=5))


@faulty("cancellation", "ops.exp(x) - 1.0")
def small_exponent():
    x = tensor(32, scale=3e-7)
    return (ops.exp(x) - 1.0) / x


@healthy
def centred():
    x = tensor(16, 64, scale=0.01, shift=1000.0)
    centre = ops.mean(x, axis=-1, keepdims=True)
    return (x - centre) / ops.sqrt(ops.mean(ops.square(x - centre), axis=-1, keepdims=True) + 1e-5)


@healthy
def policy_ratio():
    old = tensor(64, shift=-2)
    new = old * (1 + 1e-7)
    return ops.exp(new - old)


@healthy
def straight_through():
    x = tensor(32, shift=4)
    return x + ops.stop_gradient(ops.round(x) - x)


@healthy
def converged_error():
    y = tensor(32, shift=5)
    return ops.mean(ops.square(y * (1 + 1e-7) - y))


# -- wrong-axis ------------------------------------------------------------------------------------


class Normed(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = keras.layers.LayerNormalization()

    def call(self, x):
        return self.norm(x)


@healthy
def layer_called_norm():
    return Normed()(tensor(8, 3))


@faulty("wrong-axis", "ops.mean(x, axis=0)")
def centred_over_the_batch():
    return Run(lambda x: x - ops.mean(x, axis=0))(tensor(16, 5))


@faulty("wrong-axis", "ops.softmax(scores, axis=0)")
def attention_over_the_batch():
    def call(x):
        scores = ops.sum(x, axis=-1)
        weights = ops.softmax(scores, axis=0)
        return ops.sum(weights[..., None] * x, axis=1)

    return Run(call)(tensor(12, 7, 5))


@faulty("wrong-axis", "ops.reshape(x, (-1, 2, 6, 4))")
def heads_split_across_the_steps():
    return Run(lambda x: ops.reshape(x, (-1, 2, 6, 4)))(tensor(5, 6, 8))


@faulty("wrong-axis", "ops.reshape(x, (-1, 6, 8))")
def heads_merged_across_the_steps():
    return Run(lambda x: ops.reshape(x, (-1, 6, 8)))(tensor(5, 2, 6, 4))


@healthy
def heads_split_and_merged():
    def call(x):
        heads = ops.transpose(ops.reshape(x, (-1, 6, 2, 4)), (0, 2, 1, 3))
        return ops.reshape(ops.transpose(heads, (0, 2, 1, 3)), (-1, 6, 8)), ops.reshape(x, (-1, 2, 3, 8))

    return Run(call)(tensor(5, 6, 8))


@faulty("wrong-axis", "ops.max(ops.abs(x))")
def scaled_by_the_largest():
    return Run(lambda x: x / (ops.max(ops.abs(x)) + 1e-6))(tensor(16, 5))


@faulty("wrong-axis", "ops.sum(x, axis=0)")
def pooled_over_the_batch():
    return Run(lambda x: ops.sum(x, axis=0))(tensor(16, 5))


class Normal(keras.layers.Layer):
    def build(self, shape):
        self.moving_mean = self.add_weight(shape=(shape[-1],), trainable=False, name="moving_mean")

    def call(self, x, training=False):
        if training:
            mean = ops.mean(x, axis=0)
            self.moving_mean.assign(0.9 * self.moving_mean + 0.1 * mean)
        else:
            mean = self.moving_mean
        return x - mean


@healthy
def batch_statistics():
    return Normal()(tensor(16, 5), training=True), Normal()(tensor(16, 5))


class Penalised(keras.layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")

    def call(self, x):
        h = ops.matmul(x, self.kernel / ops.sqrt(ops.sum(ops.square(self.kernel), axis=0) + 1e-6))
        self.add_loss(0.01 * ops.mean(ops.square(h)))
        return h


@healthy
def penalty_and_weight_norm():
    return Penalised()(tensor(16, 5))


@healthy
def over_features():
    return Run(lambda x: x / (ops.max(ops.abs(x), axis=-1, keepdims=True) + 1e-6))(tensor(16, 5))


@healthy
def shifted_softmax():
    def call(x):
        shifted = x - ops.max(x)
        e = ops.exp(shifted)
        return e / ops.sum(e, axis=-1, keepdims=True)

    return Run(call)(tensor(16, 5))


# -- disconnected-gradient -------------------------------------------------------------------------


class Gate(keras.layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), name="kernel")

    def call(self, x):
        return ops.cast(ops.matmul(x, self.kernel) > 0, "float32")


@healthy
def experts_by_their_scores():
    router = keras.layers.Dense(4)

    def call(x):
        value, chosen = ops.top_k(router(x), k=2)
        weight = ops.softmax(value, axis=-1)
        return ops.sum(ops.one_hot(chosen, 4) * weight[..., None], axis=1)

    return Run(call)(tensor(6, 5))


@healthy
def clipped_under_its_own_name():
    def loss(y_true, y_pred):
        p = ops.softmax(y_pred)
        truth = ops.one_hot(ops.cast(y_true, "int32"), ops.shape(y_pred)[-1])
        p = ops.clip(p, 1e-7, 1.0)
        return -ops.sum(truth * ops.log(p), axis=-1)

    return as_loss(loss, np.arange(6) % 3, tensor(6, 3))


@faulty("disconnected-gradient", "ops.matmul(x, self.kernel) > 0")
def hard_gate():
    return Gate()(tensor(8, 4))


@faulty("disconnected-gradient", "ops.round(y_pred)")
def rounded_loss():
    return as_loss(
        lambda y_true, y_pred: ops.mean(ops.abs(y_true - ops.round(y_pred))), tensor(8, 1), tensor(8, 1)
    )


@faulty("disconnected-gradient", "ops.argmax(y_pred, axis=-1)")
def error_rate_as_loss():
    def loss(y_true, y_pred):
        guess = ops.argmax(y_pred, axis=-1)
        wrong = ops.cast(ops.not_equal(guess, ops.cast(y_true, guess.dtype)), "float32")
        return ops.mean(wrong)

    return as_loss(loss, np.arange(8) % 3, tensor(8, 3))


class Quantised(keras.layers.Layer):
    def __init__(self, through):
        super().__init__()
        self.through = through

    def build(self, shape):
        self.book = self.add_weight(shape=(shape[-1], 6), name="book")

    def call(self, x):
        nearest = ops.argmax(ops.matmul(x, self.book), axis=-1)
        found = ops.matmul(ops.one_hot(nearest, 6), ops.transpose(self.book))
        return x + ops.stop_gradient(found - x) if self.through else found


@faulty("disconnected-gradient", "ops.argmax(ops.matmul(x, self.book), axis=-1)")
def codebook():
    return Quantised(False)(tensor(8, 4))


@healthy
def codebook_straight_through():
    return Quantised(True)(tensor(8, 4))


@healthy
def masks_and_weights():
    x = tensor(8, 4)
    by_hand = Run(lambda x: x * ops.cast(x > 0, "float32"))(x)
    selected = Run(lambda x: ops.where(x > 0, x, 0.1 * x))(x)
    return by_hand, selected, as_loss(lambda t, p: ops.mean(ops.cast(t > 0, "float32") * ops.square(p)), x, x)


@healthy
def accuracy_of_its_own():
    def accuracy(y_true, y_pred):
        return ops.mean(ops.cast(ops.equal(ops.argmax(y_pred, axis=-1), y_true), "float32"))

    metric = keras.metrics.MeanMetricWrapper(accuracy)
    metric.update_state(np.arange(8) % 3, tensor(8, 3))
    return metric.result()


@healthy
def share_of_hits():
    def hit_rate(y_true, y_pred):
        guess = ops.cast(y_pred > 0.5, "float32")
        return ops.mean(ops.cast(ops.equal(y_true, guess), "float32"))

    # Called by a library, as it is when it is handed over: a helper of one's own is not looked at by itself.
    return keras.tree.map_structure(hit_rate, ops.convert_to_tensor(np.ones((8, 1), "float32")), tensor(8, 1))


class Bins(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.table = keras.layers.Embedding(50, 3)

    def call(self, x):
        return self.table(ops.cast(ops.floor(x) + 20, "int32"))


@healthy
def looked_up_bins():
    return Bins()(tensor(8, 4))


@healthy
def padding_mask():
    return Run(lambda ids: ops.cast(ids != 0, "float32"))(np.arange(12).reshape(3, 4))


# -- logits-mismatch -------------------------------------------------------------------------------


@faulty("logits-mismatch", "ops.binary_crossentropy(y_true, y_pred)")
def scores_for_probabilities():
    y = ops.convert_to_tensor((np.arange(40) % 2).astype("float32"))
    return as_loss(lambda y_true, y_pred: ops.binary_crossentropy(y_true, y_pred), y, tensor(40, scale=3))


@faulty("logits-mismatch", "ops.categorical_crossentropy(y_true, p, from_logits=True)")
def probabilities_for_scores():
    def loss(y_true, y_pred):
        p = ops.softmax(y_pred)
        return ops.categorical_crossentropy(y_true, p, from_logits=True)

    return as_loss(loss, ops.one_hot(np.arange(8) % 3, 3), tensor(8, 3))


@faulty("logits-mismatch", "ops.softmax(p)")
def softmax_twice():
    p = ops.softmax(tensor(8, 3))
    return ops.softmax(p)


@faulty("logits-mismatch", "self.loss(y, ops.sigmoid(x))")
def loss_object():
    class Step:
        loss = keras.losses.BinaryCrossentropy(from_logits=True)

        def __call__(self, x, y):
            return self.loss(y, ops.sigmoid(x))

    return Step()(tensor(8, 1), ops.ones((8, 1)))


@healthy
def matching_losses():
    y, scores = ops.one_hot(np.arange(8) % 3, 3), tensor(8, 3)
    p = ops.softmax(scores)
    return (
        ops.categorical_crossentropy(y, p),
        ops.categorical_crossentropy(y, scores, from_logits=True),
        keras.losses.CategoricalCrossentropy(from_logits=True)(y, scores),
        ops.binary_crossentropy(y, ops.sigmoid(scores)),
        ops.softmax(y * 3.0),
    )


@healthy
def head_of_zeros():
    y = ops.one_hot(np.arange(8) % 3, 3)
    return ops.categorical_crossentropy(y, ops.zeros((8, 3)), from_logits=True), ops.binary_crossentropy(
        y, ops.zeros((8, 3)), from_logits=True
    )


# -- axes of attentions, of choices and of spreads; parts taken twice, several taken for one; NumPy -----------------


@faulty("wrong-axis", "ops.softmax(scores, axis=1)")
def attention_over_the_queries():
    def call(q, k):
        scores = ops.matmul(q, ops.transpose(k, (0, 2, 1)))
        weights = ops.softmax(scores, axis=1)
        return ops.matmul(weights, k)

    return Run(call)(tensor(4, 5, 3), tensor(4, 6, 3))


@healthy
def attention_and_routing():
    def call(q, k):
        weights = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 2, 1))), axis=-1)
        shares = ops.softmax(ops.ones((4, 5, 6)), axis=1)
        return ops.matmul(weights, k), ops.matmul(shares, k)

    return Run(call)(tensor(4, 5, 3), tensor(4, 6, 3))


@faulty("wrong-axis", "ops.argmax(p)")
def best_of_the_whole_batch():
    return Run(lambda p: ops.cast(ops.argmax(p), "float32"))(tensor(16, 5))


@healthy
def best_of_each_row():
    return Run(lambda p: ops.cast(ops.argmax(p, axis=-1), "float32"))(tensor(16, 5))


@faulty("wrong-axis", "ops.var(x, axis=1, keepdims=True)")
def spread_over_other_axes():
    def call(x):
        mean = ops.mean(x, axis=-1, keepdims=True)
        spread = ops.var(x, axis=1, keepdims=True)
        return (x - mean) / ops.sqrt(spread + 1e-3)

    return Run(call)(tensor(4, 5, 3))


@healthy
def spread_over_the_same_axes():
    def call(x):
        mean = ops.mean(x, axis=-1, keepdims=True)
        spread = ops.mean(ops.square(x - mean), axis=-1, keepdims=True)
        return (x - mean) / ops.sqrt(spread + 1e-3)

    return Run(call)(tensor(4, 5, 3))


@healthy
def layer_called_norm_over_zeros():
    class Normed(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.scale = keras.layers.Dense(5, activation="relu")
            self.norm = keras.layers.LayerNormalization()

        def call(self, x):
            return x + self.norm(self.scale(x))

    return Normed()(tensor(16, 5))


if keras.backend.backend() == "torch":  # the others fail

    @faulty("wrong-axis", "ops.squeeze(x, axis=1)")
    def squeezed_in_vain():
        return Run(lambda x: ops.squeeze(x, axis=1))(tensor(4, 5, 1))


if keras.backend.backend() == "jax":  # the others fail

    @faulty("nan-operation", "ops.take(x, ids, axis=0)")
    def rows_that_are_not_there():
        ids = ops.convert_to_tensor([0, 3, 9])
        return Run(lambda x: ops.take(x, ids, axis=0))(tensor(4, 5))


@healthy
def rows_from_both_ends():
    ids = ops.convert_to_tensor([0, 3, -4])
    return Run(lambda x: ops.take(x, ids, axis=0))(tensor(4, 5))


@healthy
def squeezed():
    return Run(lambda x: ops.squeeze(x, axis=-1))(tensor(4, 5, 1))


@faulty("wrong-axis", "ops.reshape(x, (-1, 3, 20))")
def channels_first_by_a_reshape():
    return Run(lambda x: ops.reshape(x, (-1, 3, 20)))(tensor(4, 5, 4, 3))


@faulty("wrong-axis", "ops.reshape(x, (-1, 7, 5))")
def turned_by_a_reshape():
    return Run(lambda x: ops.reshape(x, (-1, 7, 5)))(tensor(4, 5, 7))


@healthy
def reshaped_in_order():
    def call(x):
        steps = ops.reshape(x, (-1, 20, 3))
        rows = ops.reshape(x, (-1, 5, 12))
        return steps, rows, ops.reshape(steps, (-1, 5, 4, 3)), ops.reshape(rows, (-1, 10, 6))

    return Run(call)(tensor(4, 5, 4, 3))


class Gated(keras.layers.Layer):
    def __init__(self, activation, twice):
        super().__init__()
        self.gate = keras.layers.Dense(4, activation=activation)
        self.twice = twice

    def call(self, x):
        gate = self.gate(x)
        return ops.sigmoid(gate) * x if self.twice else gate * x


@faulty("logits-mismatch", "ops.sigmoid(gate)")
def sigmoid_of_a_sigmoid():
    return Gated("sigmoid", True)(tensor(8, 4))


@healthy
def sigmoid_of_scores():
    return Gated(None, True)(tensor(8, 4)), Gated("sigmoid", False)(tensor(8, 4))


class Denoise(keras.losses.Loss):
    def call(self, y_true, y_pred):
        error = ops.mean(ops.square(y_true - y_pred), axis=(1, 2))
        rough = ops.sum(ops.abs(y_pred[:, 1:] - y_pred[:, :-1]), axis=(1, 2))
        return error + 0.1 * rough


class DenoiseWell(keras.losses.Loss):
    def call(self, y_true, y_pred):
        error = ops.mean(ops.square(y_true - y_pred), axis=(1, 2))
        rough = ops.mean(ops.abs(y_pred[:, 1:] - y_pred[:, :-1]), axis=(1, 2))
        latent = ops.sum(ops.square(y_pred[:, 0]), axis=-1)
        return error + 0.1 * rough + 0.01 * latent


@faulty("scale-mismatch", "error + 0.1 * rough")
def sum_over_an_image_beside_a_mean():
    return Denoise()(tensor(4, 64, 64), tensor(4, 64, 64))


@healthy
def two_means_over_an_image():
    return DenoiseWell()(tensor(4, 64, 64), tensor(4, 64, 64))


@faulty("broadcast-shape", "ops.sum(e, axis=-1)")
def rows_divided_by_other_rows():
    def call(e):
        total = ops.sum(e, axis=-1)
        return e / total

    return Run(call)(ops.abs(tensor(5, 5)))


@healthy
def columns_divided_by_columns():
    edges = ops.abs(tensor(5, 5))
    return Run(lambda x: ops.matmul(x, edges / ops.sum(edges, axis=0)))(tensor(4, 5))


@healthy
def degrees_on_both_sides():
    edges = ops.abs(tensor(5, 5))

    def call(x):
        degree = ops.rsqrt(ops.sum(edges, axis=-1))
        return ops.matmul(x, edges * degree * degree[:, None])

    def other(x):
        degree = ops.sum(edges, axis=-1)
        return ops.matmul(x, edges / degree / ops.expand_dims(degree, 1))

    return Run(call)(tensor(4, 5)), Run(other)(tensor(4, 5))


@healthy
def degrees_of_a_symmetric_matrix():
    def call(a):
        both = a + ops.transpose(a)
        degree = ops.sum(both, axis=1)
        return both / degree

    return Run(call)(ops.abs(tensor(5, 5)))


@faulty("wrong-argument", "h[:, :3]")
def half_taken_twice():
    def call(h):
        a = h[:, :3]
        b = h[:, :3]
        return a * ops.sigmoid(b)

    return Run(call)(tensor(4, 6))


@faulty("wrong-argument", "ops.sum(ops.square(t), axis=-1) * ops.sum(ops.square(t), axis=-1)")
def one_of_two_on_both_sides():
    def correlation(y_true, y_pred):
        t = y_true - ops.mean(y_true, axis=-1, keepdims=True)
        p = y_pred - ops.mean(y_pred, axis=-1, keepdims=True)
        norm = ops.sum(ops.square(t), axis=-1) * ops.sum(ops.square(t), axis=-1)
        return 1.0 - ops.sum(t * p, axis=-1) / ops.sqrt(norm + 1e-8)

    return as_loss(correlation, tensor(6, 5), tensor(6, 5))


@faulty("wrong-argument", "ops.multiply(ops.norm(y_true, axis=-1), ops.norm(y_true, axis=-1))")
def targets_on_both_sides():
    def cosine(y_true, y_pred):
        norms = ops.multiply(ops.norm(y_true, axis=-1), ops.norm(y_true, axis=-1))
        return 1.0 - ops.sum(y_true * y_pred, axis=-1) / norms

    return as_loss(cosine, tensor(6, 5), tensor(6, 5))


@healthy
def each_with_itself():
    """Squares, of both; of one alone where the other is not used beside it; noise that is drawn twice."""

    def call(x):
        a = x - ops.mean(x, axis=-1, keepdims=True)
        b = x - ops.min(x, axis=-1, keepdims=True)
        c = ops.tanh(x)
        d = ops.tanh(a)
        both = ops.abs(a) * ops.abs(a) + ops.abs(b) * ops.abs(b) + a * b
        one = ops.exp(d) * ops.exp(d) + c
        lagged = ops.sum(c[:, 1:] * c[:, :-1], axis=-1) / (ops.norm(c, axis=-1) * ops.norm(c, axis=-1))
        e = x + 1.0
        f = x + 1.0
        drawn = keras.random.normal(ops.shape(e)) - keras.random.normal(ops.shape(e))
        return both + one + e * f + drawn, lagged

    return Run(call)(tensor(4, 6))


@healthy
def both_halves():
    def call(h):
        a = h[:, :3]
        b = h[:, 3:]
        first = h[:, 0]
        start = h[:, 0]
        return a * ops.sigmoid(b), first + start

    return Run(call)(tensor(4, 6))


if keras.backend.backend() != "tensorflow":  # which makes no tensor of two of different types

    @faulty("wrong-argument", 'ops.cast(best, "int32")')
    def values_and_places_as_one():
        def call(p):
            best = ops.top_k(p, k=2)
            return ops.cast(best, "int32")

        return Run(call)(tensor(4, 6))


@healthy
def places_alone():
    def call(p):
        best = ops.top_k(p, k=2)
        return ops.cast(best[1], "int32"), ops.stack(ops.split(p, 2, axis=-1))

    return Run(call)(tensor(4, 6))


@faulty("numpy-in-call", "np.log(p)")
def numpy_in_a_loss():
    return as_loss(
        lambda y, p: -ops.sum(y * ops.convert_to_tensor(np.log(p)), axis=-1),
        ops.ones((4, 3)) / 3,
        ops.ones((4, 3)) / 3,
    )


@healthy
def numpy_on_sizes():
    return as_loss(
        lambda y, p: ops.sum(y * p, axis=-1) / np.sqrt(float(np.prod(p.shape[1:]))),
        tensor(4, 3),
        tensor(4, 3),
    )


@healthy
def numpy_on_constants():
    def call(x):
        angles = np.linspace(0.0, 1.0, 6, dtype="float32")
        table = np.sin(angles)
        return x + ops.convert_to_tensor(np.maximum(table, angles))

    return Run(call)(tensor(4, 6))


@faulty("disconnected-gradient", "ops.stop_gradient(z + q - z)")
def nothing_passes_through():
    def call(z):
        q = ops.round(z)
        return ops.stop_gradient(z + q - z) * z

    return Run(call)(tensor(4, 6))


@healthy
def rounding_by_a_large_number():
    def call(x):
        large = 2.0**20
        return x + large - large + ops.mean(x, axis=-1, keepdims=True)

    return Run(call)(tensor(4, 6))
