"""Losses with a bug each, and sound ones beside them."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
from bug import Bug, distribution, labels, numbers, one_hot, shares
from keras import ops

Loss = keras.losses.Loss
register = keras.saving.register_keras_serializable("kerascope_bugs")


class FocalUnguarded(Loss):
    def call(self, y_true, y_pred):
        return -ops.mean(
            y_true * (1 - y_pred) ** 2 * ops.log(y_pred) + (1 - y_true) * y_pred**2 * ops.log(1 - y_pred), -1
        )


class FocalGuarded(Loss):
    def call(self, y_true, y_pred):
        p = ops.clip(y_pred, 1e-6, 1 - 1e-6)
        return -ops.mean(y_true * (1 - p) ** 2 * ops.log(p) + (1 - y_true) * p**2 * ops.log(1 - p), -1)


class SumOverTheBatch(Loss):
    def call(self, y_true, y_pred):
        return ops.sum(ops.square(y_true - y_pred), axis=0)


class SumOverTheFeatures(Loss):
    def call(self, y_true, y_pred):
        return ops.sum(ops.square(y_true - y_pred), axis=-1)


class DiceOfTheBatch(Loss):
    def call(self, y_true, y_pred):
        both = ops.sum(y_true * y_pred)
        return 1 - (2 * both + 1) / (ops.sum(y_true) + ops.sum(y_pred) + 1)


class DiceOfASample(Loss):
    def call(self, y_true, y_pred):
        both = ops.sum(y_true * y_pred, -1)
        return 1 - (2 * both + 1) / (ops.sum(y_true, -1) + ops.sum(y_pred, -1) + 1)


class FlatTargetsBroadcast(Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)


class FlatTargetsReshaped(Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(ops.reshape(y_true, ops.shape(y_pred)) - y_pred), axis=-1)


class DividedByTheBatch(Loss):
    def call(self, y_true, y_pred):
        return ops.sum(ops.square(y_true - y_pred), -1) / ops.cast(ops.shape(y_pred)[0], y_pred.dtype)


class NormalisedOverTheBatch(Loss):
    def call(self, y_true, y_pred):
        scale = ops.max(ops.abs(y_true), axis=0) + 1e-3
        return ops.mean(ops.square((y_true - y_pred) / scale), -1)


class NormalisedOverTheFeatures(Loss):
    def call(self, y_true, y_pred):
        scale = ops.max(ops.abs(y_true), axis=-1, keepdims=True) + 1e-3
        return ops.mean(ops.square((y_true - y_pred) / scale), -1)


class CountsErrors(Loss):
    def call(self, y_true, y_pred):
        return ops.cast(ops.argmax(y_true, -1) != ops.argmax(y_pred, -1), "float32")


class ExpectedErrors(Loss):
    def call(self, y_true, y_pred):
        return 1 - ops.sum(y_true * y_pred, -1)


class RoundsPredictions(Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - ops.round(y_pred)), -1)


class DistanceUnguarded(Loss):
    def call(self, y_true, y_pred):
        return ops.sqrt(ops.sum(ops.square(y_true - y_pred), -1))


class DistanceGuarded(Loss):
    def call(self, y_true, y_pred):
        return ops.sqrt(ops.maximum(ops.sum(ops.square(y_true - y_pred), -1), 1e-7))


class CosineUnguarded(Loss):
    def call(self, y_true, y_pred):
        size = ops.norm(y_true, axis=-1) * ops.norm(y_pred, axis=-1)
        return 1 - ops.sum(y_true * y_pred, -1) / size


def unit(x):
    """Not ops.normalize, whose gradient at zero is NaN on PyTorch."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), -1, keepdims=True), 1e-7))


class CosineGuarded(Loss):
    def call(self, y_true, y_pred):
        return 1 - ops.sum(unit(y_true) * unit(y_pred), -1)


class ForgotTheMinus(Loss):
    def call(self, y_true, y_pred):
        return ops.mean(y_true * ops.log(y_pred + 1e-7), -1)


class WithTheMinus(Loss):
    def call(self, y_true, y_pred):
        return -ops.mean(y_true * ops.log(y_pred + 1e-7), -1)


class PoissonSwapped(Loss):
    def call(self, y_pred, y_true):
        return ops.mean(y_pred - y_true * ops.log(y_pred + 1e-7), -1)


class PoissonRight(Loss):
    def call(self, y_true, y_pred):
        return ops.mean(y_pred - y_true * ops.log(y_pred + 1e-7), -1)


@register
class ForgetsAlpha(Loss):
    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, y_true, y_pred):
        return self.alpha * ops.mean(ops.square(y_true - y_pred), -1)


@register
class KeepsAlpha(ForgetsAlpha):
    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


@register
class TakesNoName(Loss):
    def __init__(self, alpha=1.0):
        super().__init__()
        self.alpha = alpha

    def call(self, y_true, y_pred):
        return self.alpha * ops.mean(ops.square(y_true - y_pred), -1)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


class CountsCalls(Loss):
    calls = 0

    def call(self, y_true, y_pred):
        self.calls += 1
        return ops.mean(ops.square(y_true - y_pred), -1) * (1 + 0.1 * self.calls)


class CountsNothing(Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), -1) * 1.1


class LeavesForNumpy(Loss):
    def call(self, y_true, y_pred):
        return ops.convert_to_tensor(np.mean(np.square(np.array(y_true) - np.array(y_pred)), -1))


class DropsWeights(Loss):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return ops.mean(ops.square(ops.convert_to_tensor(y_true) - ops.convert_to_tensor(y_pred)))

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), -1)


class AddsNoise(Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred + keras.random.normal(ops.shape(y_pred), stddev=0.1)), -1)


class ThirtyTwoRows(Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(ops.reshape(y_true, (32, -1)) - ops.reshape(y_pred, (32, -1))), -1)


class LogOfExp(Loss):
    def call(self, y_true, y_pred):
        return ops.log(ops.sum(ops.exp(y_pred), -1)) - ops.sum(y_true * y_pred, -1)


class LogSumExp(Loss):
    def call(self, y_true, y_pred):
        return ops.logsumexp(y_pred, -1) - ops.sum(y_true * y_pred, -1)


def _both(make):
    return lambda: (make(32, 4, seed=1), make(32, 4, seed=2))


_NUMBERS, _SHARES = _both(numbers), _both(shares)
_BINARY = lambda: (labels(32, 4), shares(32, 4))  # noqa: E731
_CLASSES = lambda: (one_hot(32, 4), distribution(32, 4))  # noqa: E731
_LOGITS = lambda: (one_hot(32, 4), numbers(32, 4))  # noqa: E731
_FLAT = lambda: (numbers(32, seed=1), numbers(32, 1, seed=2))  # noqa: E731

held = partial(Bug, held_out=True)

BUGS = {
    "FocalUnguarded": Bug(FocalUnguarded, FocalGuarded, frozenset({"loss-finite"}), _BINARY),
    "SumOverTheBatch": held(SumOverTheBatch, SumOverTheFeatures, frozenset({"loss-per-sample"}), _NUMBERS),
    "DiceOfTheBatch": Bug(DiceOfTheBatch, DiceOfASample, frozenset({"loss-per-sample"}), _BINARY),
    "FlatTargetsBroadcast": Bug(
        FlatTargetsBroadcast, FlatTargetsReshaped, frozenset({"loss-targets", "loss-per-sample"}), _FLAT
    ),
    "DividedByTheBatch": held(
        DividedByTheBatch, SumOverTheFeatures, frozenset({"loss-batch-independence"}), _NUMBERS
    ),
    "NormalisedOverTheBatch": Bug(
        NormalisedOverTheBatch, NormalisedOverTheFeatures, frozenset({"loss-batch-independence"}), _NUMBERS
    ),
    "CountsErrors": Bug(CountsErrors, ExpectedErrors, frozenset({"loss-gradient"}), _CLASSES),
    "RoundsPredictions": held(RoundsPredictions, SumOverTheFeatures, frozenset({"loss-gradient"}), _BINARY),
    "DistanceUnguarded": Bug(DistanceUnguarded, DistanceGuarded, frozenset({"loss-finite"}), _NUMBERS),
    "CosineUnguarded": held(CosineUnguarded, CosineGuarded, frozenset({"loss-finite"}), _NUMBERS),
    "ForgotTheMinus": Bug(ForgotTheMinus, WithTheMinus, frozenset({"loss-minimum"}), _CLASSES),
    "PoissonSwapped": held(PoissonSwapped, PoissonRight, frozenset({"loss-minimum"}), _SHARES),
    "ForgetsAlpha": held(
        lambda: ForgetsAlpha(3.0), lambda: KeepsAlpha(3.0), frozenset({"loss-config"}), _NUMBERS
    ),
    "TakesNoName": Bug(
        lambda: TakesNoName(3.0), lambda: KeepsAlpha(3.0), frozenset({"loss-config"}), _NUMBERS
    ),
    "CountsCalls": Bug(CountsCalls, CountsNothing, frozenset({"loss-repeatable"}), _NUMBERS),
    "LeavesForNumpy": held(
        LeavesForNumpy, SumOverTheFeatures, frozenset({"loss-gradient", "loss-compiled"}), _NUMBERS
    ),
    "DropsWeights": Bug(DropsWeights, SumOverTheFeatures, frozenset({"loss-sample-weight"}), _NUMBERS),
    "AddsNoise": held(AddsNoise, SumOverTheFeatures, frozenset({"loss-repeatable"}), _NUMBERS),
    "ThirtyTwoRows": held(
        ThirtyTwoRows, SumOverTheFeatures, frozenset({"loss-batch-sizes", "loss-per-sample"}), _NUMBERS
    ),
    "LogOfExp": Bug(LogOfExp, LogSumExp, frozenset({"loss-finite"}), _LOGITS),
}
