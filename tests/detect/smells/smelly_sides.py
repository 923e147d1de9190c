"""User code that takes the wrong side, mode or place of two, and the same done well; added to the cases of `smelly`."""

import keras
import numpy as np
from keras import layers, ops
from smelly import Run, faulty, healthy, tensor

ONES = np.array([[1, 1, 1, 0, 0]] * 4, "float32")


class Views(keras.Model):
    """Negative cosine similarity of what is predicted from one view and the embedding of another."""

    def __init__(self, stopped):
        super().__init__()
        self.encoder = keras.Sequential([layers.Dense(6, activation="tanh"), layers.Dense(4)])
        self.predictor = layers.Dense(4)
        self.stopped = stopped

    def call(self, one, two):
        p = self.predictor(self.encoder(one))
        z = self.encoder(two)
        p = ops.normalize(p, axis=-1)
        z = ops.normalize(z, axis=-1)
        if self.stopped == "p":
            return -ops.sum(ops.stop_gradient(p) * z, axis=-1)
        return -ops.sum(p * ops.stop_gradient(z), axis=-1)


@faulty("disconnected-gradient", "ops.stop_gradient(p)")
def predictor_kept_from_learning():
    return Views("p")(tensor(4, 3), tensor(4, 3))


@healthy
def target_kept_constant():
    return Views("z")(tensor(4, 3), tensor(4, 3))


class Teacher(keras.Model):
    """A student beside a teacher, whose second layer takes what its first gives."""

    def __init__(self):
        super().__init__()
        self.student = layers.Dense(4)
        self.teacher_body = layers.Dense(6)
        self.teacher_head = layers.Dense(4)

    def call(self, x):
        return self.student(x) - ops.stop_gradient(self.teacher_head(self.teacher_body(x)))


@healthy
def teacher_kept_constant():
    return Teacher()(tensor(4, 3))


class MomentumPair(keras.Model):
    """A network and a second one that follows it, whose names do not say so."""

    def __init__(self):
        super().__init__()
        self.body, self.head = layers.Dense(6), layers.Dense(4)
        self.body_m, self.head_m = layers.Dense(6), layers.Dense(4)

    def call(self, x):
        return self.head(self.body(x)) * ops.stop_gradient(self.head_m(self.body_m(x)))


@healthy
def second_network_kept_constant():
    return MomentumPair()(tensor(4, 3))


class Codes(layers.Layer):
    """The nearest of some codes, with its gradient passed on or not."""

    def __init__(self, passed, **kwargs):
        super().__init__(**kwargs)
        self.passed = passed

    def build(self, shape):
        self.project = self.add_weight(shape=(shape[-1], 3), name="project")
        self.codes = self.add_weight(shape=(7, 3), initializer="random_normal", name="codes")

    def call(self, x):
        z = ops.matmul(x, self.project)
        far = ops.sum(ops.square(z[:, None, :] - self.codes), axis=-1)
        near = ops.take(self.codes, ops.argmin(far, axis=-1), axis=0)
        self.add_loss(ops.mean(ops.square(ops.stop_gradient(z) - near)))
        if self.passed:
            return z + ops.stop_gradient(near - z)
        return ops.stop_gradient(near)


@faulty("disconnected-gradient", "ops.stop_gradient(near)")
def nothing_comes_back_from_the_codes():
    return Codes(False)(tensor(5, 4))


@healthy
def gradient_passed_by_the_codes():
    return Codes(True)(tensor(5, 4))


@healthy
def a_mask_needs_no_gradient():
    def call(ids, keep):
        return ops.where(keep > 0, ops.cast(ids, "float32"), 0.0)

    ids = ops.convert_to_tensor(np.arange(20).reshape(4, 5).astype("int32"))
    return Run(call)(ids, ops.convert_to_tensor(ONES))


def across(axis):
    def call(query, memory):
        weights = ops.softmax(ops.einsum("bid,bjd->bij", query, memory), axis=axis)
        return ops.einsum("bij,bjd->bid", weights, memory)

    return Run(call)(tensor(4, 6, 3), tensor(4, 5, 3))


@faulty("wrong-axis", "ops.softmax(ops.einsum('bid,bjd->bij', query, memory), axis=axis)".replace("'", '"'))
def weights_that_add_up_along_the_queries():
    return across(1)


@healthy
def weights_that_add_up_along_the_memory():
    return across(-1)


@faulty("logits-mismatch", "ops.softmax(shares / 3.0, axis=-1)")
def temperature_of_probabilities():
    def call(x):
        shares = ops.softmax(x, axis=-1)
        return ops.softmax(shares / 3.0, axis=-1)

    return Run(call)(tensor(4, 5))


@healthy
def temperature_of_scores():
    return Run(lambda x: ops.softmax(x / 3.0, axis=-1))(tensor(4, 5))


def pressures(spread):
    return Run(lambda x: ops.sqrt(ops.maximum(spread(x + 101325.0), 1e-6)))(tensor(4, 24))


@faulty("cancellation", "ops.mean(ops.square(p), axis=-1) - ops.square(ops.mean(p, axis=-1))")
def spread_of_large_numbers_by_their_squares():
    def spread(p):
        return ops.mean(ops.square(p), axis=-1) - ops.square(ops.mean(p, axis=-1))

    return pressures(spread)


@healthy
def spread_of_large_numbers_around_their_mean():
    return pressures(lambda p: ops.mean(ops.square(p - ops.mean(p, axis=-1, keepdims=True)), axis=-1))


class MasksScores(layers.Layer):
    """Self-attention; mask is 1 for real tokens and 0 for padding."""

    def __init__(self, turned, **kwargs):
        super().__init__(**kwargs)
        self.turned = turned

    def call(self, x, mask):
        scores = ops.matmul(x, ops.swapaxes(x, 1, 2))
        if self.turned:
            scores = ops.where(mask[:, None, :] > 0, -1e9, scores)
        else:
            scores = scores - (1.0 - ops.expand_dims(mask, 1)) * 1e9
        return ops.matmul(ops.softmax(scores, axis=-1), x)


@faulty("wrong-argument", "ops.where(mask[:, None, :] > 0, -1e9, scores)")
def tokens_hidden_in_place_of_padding():
    return MasksScores(True)(tensor(4, 5, 3), ops.convert_to_tensor(ONES))


@healthy
def padding_hidden():
    return MasksScores(False)(tensor(4, 5, 3), ops.convert_to_tensor(ONES))


class TagHits(keras.metrics.Metric):
    """Tags that are told; y_pred are logits, the threshold is a probability."""

    def __init__(self, threshold=0.3, **kwargs):
        super().__init__(**kwargs)
        self.threshold = threshold
        self.hits = self.add_weight(name="hits", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.hits.assign_add(ops.sum(ops.cast(y_pred > self.threshold, "float32") * y_true))

    def result(self):
        return self.hits


class TagHitsOfProbabilities(TagHits):
    """Tags that are told; y_pred are logits, the threshold is a probability."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.hits.assign_add(ops.sum(ops.cast(ops.sigmoid(y_pred) > self.threshold, "float32") * y_true))


@faulty("logits-mismatch", "y_pred > self.threshold")
def scores_above_a_probability():
    TagHits().update_state(ops.ones((4, 3)), tensor(4, 3))


@healthy
def probabilities_above_a_probability():
    TagHitsOfProbabilities().update_state(ops.ones((4, 3)), tensor(4, 3))


@faulty("wrong-argument", "shares * mask")
def masked_after_the_softmax():
    def call(x, mask):
        shares = ops.softmax(ops.mean(x, axis=-1), axis=-1)
        weights = shares * mask
        return ops.sum(weights[:, :, None] * x, axis=1)

    return Run(call)(tensor(4, 5, 3), ops.convert_to_tensor(ONES))


@healthy
def masked_and_shared_anew():
    def call(x, mask):
        kept = ops.softmax(ops.mean(x, axis=-1), axis=-1) * mask
        weights = kept / ops.sum(kept, axis=-1, keepdims=True)
        return ops.sum(weights[:, :, None] * x, axis=1)

    return Run(call)(tensor(4, 5, 3), ops.convert_to_tensor(ONES))


@healthy
def masked_before_and_after():
    def call(x, mask):
        shares = ops.softmax(ops.where(mask > 0, ops.mean(x, axis=-1), -1e9), axis=-1) * mask
        return ops.sum(shares[:, :, None] * x, axis=1)

    return Run(call)(tensor(4, 5, 3), ops.convert_to_tensor(ONES))


class Block(layers.Layer):
    """A dense layer and a normalisation."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(4)
        self.norm = layers.BatchNormalization()

    def call(self, x, training=None):
        return ops.relu(self.norm(self.dense(x), training=False))


class FrozenBlock(Block):
    """A dense layer and a frozen normalisation: it always runs as when the model is used."""

    def call(self, x, training=None):
        return ops.relu(self.norm(self.dense(x), training=False))


class ToldBlock(Block):
    """A dense layer and a normalisation."""

    def call(self, x, training=None):
        return ops.relu(self.norm(self.dense(x), training=training))


class OnTopOfAnother(keras.Model):
    """A head on what a trained model gives."""

    def __init__(self):
        super().__init__()
        self.base = keras.Sequential([layers.Dense(4), layers.BatchNormalization()])
        self.head = layers.Dense(1)

    def call(self, x, training=None):
        return self.head(self.base(x, training=False))


@healthy
def a_model_that_was_trained_before():
    return OnTopOfAnother()(tensor(4, 3))


@faulty("training-flag", "self.norm(self.dense(x), training=False)")
def mode_fixed():
    return Block()(tensor(4, 3))


@healthy
def mode_handed_on():
    return ToldBlock()(tensor(4, 3))


@healthy
def mode_fixed_as_the_text_says():
    return FrozenBlock()(tensor(4, 3))


class Thumbnails(keras.Model):
    """Encodes small pictures."""

    def __init__(self, scale):
        super().__init__()
        self.flatten = layers.Flatten()
        self.squeeze = layers.Dense(16, activation="tanh")
        self.scale = scale

    def call(self, image):
        x = ops.cast(image, "float32") * self.scale
        return self.squeeze(self.flatten(x))


def pictures():
    return ops.convert_to_tensor(np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype("int32"))


@faulty("saturated-activation", 'ops.cast(image, "float32")')
def pictures_as_they_are():
    return Thumbnails(1.0)(pictures())


@healthy
def pictures_scaled():
    return Thumbnails(1 / 255)(pictures())
