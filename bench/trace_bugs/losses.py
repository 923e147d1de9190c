"""Losses in which one expression is wrong."""

from __future__ import annotations

from trace_bugs.case import Case

CASES = (
    Case(
        "SquaredError",
        "3 3",
        "ops.mean(ops.square(y_true - y_pred), axis=-1)",
        "ops.mean(ops.square(y_true - y_pred))",
        """
class SquaredError(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)
""",
    ),
    Case(
        "AbsoluteError",
        "3 3",
        "axis=-1",
        "axis=0",
        """
class AbsoluteError(keras.losses.Loss):
    def call(self, y_true, y_pred):
        error = ops.abs(y_pred - y_true)
        return ops.mean(error, axis=-1)
""",
    ),
    Case(
        "FlatTargets",
        "- 1",
        "ops.reshape(y_true, (-1, 1))",
        "y_true",
        """
class FlatTargets(keras.losses.Loss):
    def call(self, y_true, y_pred):
        target = ops.reshape(y_true, (-1, 1))
        return ops.mean(ops.square(target - y_pred), axis=-1)
""",
        named=("target - y_pred",),
    ),
    Case(
        "Quantiles",
        "- 3",
        "y_true[:, None] - y_pred",
        "y_true - y_pred",
        """
class Quantiles(keras.losses.Loss):
    def call(self, y_true, y_pred):
        levels = ops.convert_to_tensor([0.1, 0.5, 0.9])
        error = y_true[:, None] - y_pred
        return ops.mean(ops.maximum(levels * error, (levels - 1.0) * error), axis=-1)
""",
    ),
    Case(
        "SparseEntropy",
        "i4: p4",
        "ops.one_hot(y_true, 4)",
        "ops.one_hot(y_true, 3)",
        """
class SparseEntropy(keras.losses.Loss):
    def call(self, y_true, y_pred):
        target = ops.one_hot(y_true, 4)
        return -ops.sum(target * ops.log(y_pred + 1e-7), axis=-1)
""",
        named=("target * ops.log(y_pred + 1e-7)",),
    ),
    Case(
        "SparseColumn",
        "i4:1 p4",
        "ops.squeeze(y_true, -1)",
        "y_true",
        """
class SparseColumn(keras.losses.Loss):
    def call(self, y_true, y_pred):
        target = ops.one_hot(ops.squeeze(y_true, -1), 4)
        return -ops.sum(target * ops.log(y_pred + 1e-7), axis=-1)
""",
        named=("target * ops.log(y_pred + 1e-7)", "ops.sum(target * ops.log(y_pred + 1e-7), axis=-1)"),
    ),
    Case(
        "Triplet",
        "6 6",
        "y_pred[:, :3], y_pred[:, 3:]",
        "y_pred[:3], y_pred[3:]",
        """
class Triplet(keras.losses.Loss):
    def call(self, y_true, y_pred):
        left, right = y_pred[:, :3], y_pred[:, 3:]
        return ops.relu(1.0 + ops.sum(ops.square(left - right), axis=-1) - ops.sum(y_true * y_pred, axis=-1))
""",
        named=("left - right",),
    ),
    Case(
        "CosineLoss",
        "5 5",
        "ops.sum(y_true * y_pred, axis=-1)",
        "ops.sum(y_true * y_pred, axis=0)",
        """
class CosineLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        y_true = y_true / (ops.norm(y_true, axis=-1, keepdims=True) + 1e-6)
        y_pred = y_pred / (ops.norm(y_pred, axis=-1, keepdims=True) + 1e-6)
        return 1.0 - ops.sum(y_true * y_pred, axis=-1)
""",
    ),
    Case(
        "DiceLoss",
        "6,6,1 u6,6,1",
        "ops.sum(y_true * y_pred, axis=axes)",
        "ops.sum(y_true * y_pred)",
        """
class DiceLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        axes = (1, 2, 3)
        y_true = ops.cast(y_true > 0, "float32")
        both = ops.sum(y_true * y_pred, axis=axes)
        total = ops.sum(y_true, axis=(1, 2, 3)) + ops.sum(y_pred, axis=(1, 2, 3))
        return 1.0 - (2.0 * both + 1.0) / (total + 1.0)
""",
    ),
    Case(
        "ClassWeights",
        "p3 p3",
        "ops.sum(weights * y_true, axis=-1)",
        "ops.sum(weights * y_true)",
        """
class ClassWeights(keras.losses.Loss):
    def call(self, y_true, y_pred):
        weights = ops.convert_to_tensor([1.0, 2.0, 3.0])
        weight = ops.sum(weights * y_true, axis=-1)
        return -weight * ops.sum(y_true * ops.log(y_pred), axis=-1)
""",
    ),
    Case(
        "ArgumentsTurned",
        "p3 u3",
        "def call(self, y_true, y_pred)",
        "def call(self, y_pred, y_true)",
        """
class ArgumentsTurned(keras.losses.Loss):
    def call(self, y_true, y_pred):
        labels = ops.one_hot(ops.argmax(y_true, axis=-1), 3)
        return -ops.sum(labels * ops.log(y_pred + 1e-7), axis=-1)
""",
    ),
    Case(
        "FocalLoss",
        "m3 u3",
        "ops.sum(terms, axis=-1)",
        "ops.sum(terms, axis=(0, 1))",
        """
class FocalLoss(keras.losses.Loss):
    def __init__(self, gamma=2.0, **kwargs):
        super().__init__(**kwargs)
        self.gamma = gamma

    def call(self, y_true, y_pred):
        p = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
        terms = -ops.power(1.0 - p, self.gamma) * ops.log(p)
        return ops.sum(terms, axis=-1)
""",
    ),
    Case(
        "SequenceLoss",
        "6,3 6,3 ",
        "ops.mean(error, axis=(1, 2))",
        "ops.mean(error, axis=(0, 1))",
        """
class SequenceLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        error = ops.square(y_true - y_pred)
        return ops.mean(error, axis=(1, 2))
""",
    ),
    Case(
        "TorchLoss",
        "- 1",
        "y_pred.squeeze(-1)",
        "y_pred",
        """
class TorchLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return torch.square(y_true - y_pred.squeeze(-1))
""",
        backends=("torch",),
        header="import keras\nimport torch\n\n\n",
        named=("y_true - y_pred",),
    ),
    Case(
        "FlowLoss",
        "i2:3 u3",
        "tf.cast(y_true, y_pred.dtype)",
        "y_true",
        """
class FlowLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        y_true = tf.cast(y_true, y_pred.dtype)
        return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)
""",
        backends=("tensorflow",),
        header="import keras\nimport tensorflow as tf\n\n\n",
        named=("y_true - y_pred",),
    ),
)
