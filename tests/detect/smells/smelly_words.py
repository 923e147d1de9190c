"""User code that does not do what a name or text promises, and the same done well; added to the cases of `smelly`."""

import keras
import numpy as np
from keras import ops
from smelly import Run, faulty, healthy, tensor


def attention(scored):
    """An attention whose scores `scored` masks by their places."""

    def call(x):
        return scored(ops.matmul(x, ops.swapaxes(x, 1, 2)), x)

    return Run(call)(tensor(4, 5, 3))


@faulty("wrong-argument", "ops.softmax(scores - 1e9 * ops.triu(ops.ones((5, 5))), axis=-1)")
def step_hidden_from_itself():
    def scored(scores, x):
        return ops.matmul(ops.softmax(scores - 1e9 * ops.triu(ops.ones((5, 5))), axis=-1), x)

    return attention(scored)


@faulty("wrong-argument", "ops.softmax(scores, axis=-1)")
def past_hidden():
    def scored(scores, x):
        seen = ops.tril(ops.ones((5, 5), dtype="bool"))
        scores = ops.where(seen, -1e9, scores)
        return ops.matmul(ops.softmax(scores, axis=-1), x)

    return attention(scored)


@healthy
def later_steps_hidden():
    def scored(scores, x):
        return ops.matmul(ops.softmax(scores - 1e9 * ops.triu(ops.ones((5, 5)), 1), axis=-1), x)

    return attention(scored)


@healthy
def earlier_steps_seen():
    def scored(scores, x):
        seen = ops.tril(ops.ones((5, 5), dtype="bool"))
        scores = ops.where(seen, scores, -1e9)
        return ops.matmul(ops.softmax(scores, axis=-1), x)

    return attention(scored)


@healthy
def rows_hidden_by_a_mask_that_is_given():
    def call(x, mask):
        scores = ops.matmul(x, ops.swapaxes(x, 1, 2)) - 1e9 * (1.0 - mask[:, :, None])
        scores = scores - 1e9 * ops.triu(ops.ones((5, 5)), 1)
        return ops.matmul(ops.softmax(scores, axis=-1), x)

    return Run(call)(tensor(4, 5, 3), ops.convert_to_tensor(np.array([[1, 1, 1, 0, 0]] * 4, "float32")))


@faulty("wrong-argument", "ops.exp(log_var)")
def variance_for_deviation():
    def call(mean, log_var):
        noise = keras.random.normal(ops.shape(mean), seed=1)
        return mean + ops.exp(log_var) * noise

    return Run(call)(tensor(4, 3), tensor(4, 3))


@healthy
def deviation_of_noise():
    def call(mean, log_var):
        noise = keras.random.normal(ops.shape(mean), seed=1)
        return mean + ops.exp(0.5 * log_var) * noise

    return Run(call)(tensor(4, 3), tensor(4, 3))


@faulty("wrong-argument", "0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)")
def divergence_below_zero():
    def call(mean, log_var):
        kl = 0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        return mean + kl[:, None]

    return Run(call)(tensor(4, 3), tensor(4, 3))


@healthy
def divergence_whose_sign_is_turned_later():
    def call(mean, log_var):
        kl = ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        return mean + (-0.5 * kl)[:, None]

    return Run(call)(tensor(4, 3), tensor(4, 3))


@faulty("wrong-axis", "ops.transpose(x, (0, 1, 2))")
def nothing_transposed():
    return Run(lambda x: ops.transpose(x, (0, 1, 2)) + x)(tensor(4, 3, 3))


@healthy
def features_in_front():
    return Run(lambda x: ops.transpose(x, (0, 2, 1)) + x)(tensor(4, 3, 3))


@faulty("wrong-axis", "ops.reshape(x, (-1, 4, 12))")
def patches_never_moved():
    def call(images):
        x = ops.reshape(images, (-1, 2, 2, 2, 2, 3))
        return ops.reshape(x, (-1, 4, 12))

    return Run(call)(tensor(4, 4, 4, 3))


@healthy
def patches_moved():
    def call(images):
        x = ops.reshape(images, (-1, 2, 2, 2, 2, 3))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, 4, 12))

    return Run(call)(tensor(4, 4, 4, 3))


@faulty("wrong-axis", "ops.softmax(scores, axis=1)")
def neighbours_of_a_graph_weighed_along_columns():
    def call(nodes, edges):
        score = ops.mean(nodes, axis=-1, keepdims=True)
        scores = ops.where(edges > 0, score + ops.transpose(score, (0, 2, 1)), -1e9)
        return ops.matmul(ops.softmax(scores, axis=1), nodes)

    return Run(call)(tensor(4, 5, 3), ops.ones((4, 5, 5)))


class Mixed(keras.layers.Layer):
    """One that sees later steps beside one that does not."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.early = keras.layers.Conv1D(3, 3, padding="causal")
        self.late = keras.layers.Conv1D(3, width, padding="same")

    def call(self, x):
        return self.late(self.early(x))


@faulty("wrong-argument", "self.late(self.early(x))")
def one_convolution_sees_later_steps():
    return Mixed(3)(tensor(4, 6, 3))


@healthy
def one_step_wide_beside_a_causal_one():
    return Mixed(1)(tensor(4, 6, 3))


class KeepsOnes(keras.layers.Layer):
    """Pools a sequence. mask: 1 = token, 0 = padding."""

    def __init__(self, turned, **kwargs):
        super().__init__(**kwargs)
        self.turned = turned

    def call(self, x, mask):
        score = ops.mean(x, axis=-1)
        score = score + (mask * -1e9 if self.turned else (1.0 - mask) * -1e9)
        return ops.sum(ops.softmax(score, axis=-1)[..., None] * x, axis=1)


@faulty("wrong-argument", "mask * -1e9")
def mask_against_its_text():
    return KeepsOnes(True)(tensor(4, 5, 3), ops.convert_to_tensor(np.ones((4, 5), "float32")))


@healthy
def mask_as_its_text_says():
    return KeepsOnes(False)(tensor(4, 5, 3), ops.convert_to_tensor(np.ones((4, 5), "float32")))


@healthy
def mask_that_nothing_is_said_of():
    def call(x, mask):
        return ops.softmax(x + mask * -1e9, axis=-1)

    return Run(call)(tensor(4, 5), ops.convert_to_tensor(np.zeros((4, 5), "float32")))


class NamesAnAxis(keras.layers.Layer):
    """Adds a mask of padding to the scores, along axis 1: steps."""

    def call(self, x, mask):
        return ops.softmax(x + mask * -1e9, axis=-1)


@healthy
def text_that_is_of_an_axis():
    return NamesAnAxis()(tensor(4, 5), ops.convert_to_tensor(np.zeros((4, 5), "float32")))


class HitsOfScores(keras.metrics.Metric):
    """Share of right signs; y_pred are logits."""

    def __init__(self, middle, **kwargs):
        super().__init__(**kwargs)
        self.middle = middle
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hard = y_pred > 0.5 if self.middle else y_pred > 0.0
        self.total.assign_add(ops.sum(ops.cast(ops.equal(hard, y_true > 0), "float32")))

    def result(self):
        return self.total


@faulty("logits-mismatch", "y_pred > 0.5")
def scores_above_one_half():
    HitsOfScores(True).update_state(tensor(4, 3), tensor(4, 3))


@healthy
def scores_above_zero():
    HitsOfScores(False).update_state(tensor(4, 3), tensor(4, 3))


@faulty("float16-overflow", 'ops.cast(days, "float16")')
def days_that_float16_does_not_tell_apart():
    days = ops.convert_to_tensor(np.array([[19001, 19002], [19003, 2]], "int32"))
    return Run(lambda x: x + ops.cast(ops.mod(ops.cast(days, "float16"), 7.0), "float32"))(tensor(2, 2))


@healthy
def few_days_in_float16():
    days = ops.convert_to_tensor(np.array([[1, 2], [3, 2000]], "int32"))
    return Run(lambda x: x + ops.cast(ops.mod(ops.cast(days, "float16"), 7.0), "float32"))(tensor(2, 2))
