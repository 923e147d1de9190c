"""Metrics with a bug each, and sound ones beside them."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
from bug import Bug, labels, numbers, shares
from keras import ops

Metric = keras.metrics.Metric
register = keras.saving.register_keras_serializable("kerascope_bugs")


class Averages(Metric):
    """Sound: weighted mean of something per sample, which the classes below replace or break."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def values(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), -1)

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self.values(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
        weights = ops.ones_like(values) if sample_weight is None else ops.cast(sample_weight, values.dtype)
        weights = ops.reshape(weights, ops.shape(values))
        self.total.assign_add(ops.sum(values * weights))
        self.count.assign_add(ops.sum(weights))

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


class PrecisionPerBatch(Averages):
    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = ops.cast(ops.convert_to_tensor(y_pred) > 0.5, "float32")
        if sample_weight is not None:
            hits = hits * ops.reshape(sample_weight, (-1, 1))
        self.total.assign_add(ops.divide_no_nan(ops.sum(hits * y_true), ops.sum(hits)))
        self.count.assign_add(1.0)


class PrecisionOverall(Averages):
    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = ops.cast(ops.convert_to_tensor(y_pred) > 0.5, "float32")
        if sample_weight is not None:
            hits = hits * ops.reshape(sample_weight, (-1, 1))
        self.total.assign_add(ops.sum(hits * y_true))
        self.count.assign_add(ops.sum(hits))


class LastMaximum(Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.worst = self.add_weight(name="worst", initializer="zeros")

    def errors(self, y_true, y_pred, sample_weight):
        errors = ops.max(ops.abs(ops.convert_to_tensor(y_true) - ops.convert_to_tensor(y_pred)), -1)
        if sample_weight is None:
            return errors
        return ops.where(ops.reshape(sample_weight, (-1,)) > 0, errors, 0.0)

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.worst.assign(ops.max(self.errors(y_true, y_pred, sample_weight)))

    def result(self):
        return ops.convert_to_tensor(self.worst)


class RunningMaximum(LastMaximum):
    def update_state(self, y_true, y_pred, sample_weight=None):
        self.worst.assign(ops.maximum(self.worst, ops.max(self.errors(y_true, y_pred, sample_weight))))


class ExplainedByBatch(Averages):
    """The spread is taken around the mean of the batch, not of all targets."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        weights = ops.ones_like(y_true[:, :1]) if sample_weight is None else sample_weight
        weights = ops.reshape(weights, (-1, 1))
        center = ops.divide_no_nan(ops.sum(weights * y_true, 0), ops.sum(weights))
        self.total.assign_add(ops.sum(weights * ops.square(y_true - y_pred)))
        self.count.assign_add(ops.sum(weights * ops.square(y_true - center)))

    def result(self):
        return 1 - ops.divide_no_nan(self.total, self.count)


class StartsAtOne(Metric):
    """The inherited reset_state() sets every variable to zero, which is not where this one starts."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.least = self.add_weight(name="least", initializer=keras.initializers.Constant(100.0))

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = ops.max(ops.abs(ops.convert_to_tensor(y_true) - ops.convert_to_tensor(y_pred)), -1)
        if sample_weight is not None:
            errors = ops.where(ops.reshape(sample_weight, (-1,)) > 0, errors, 100.0)
        self.least.assign(ops.minimum(self.least, ops.min(errors)))

    def result(self):
        return ops.convert_to_tensor(self.least)


class StartsAtOneAgain(StartsAtOne):
    def reset_state(self):
        self.least.assign(100.0)


class IgnoresWeights(Averages):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred)


class CountsTheLeftOut(Averages):
    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self.values(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
        if sample_weight is not None:
            values = values * ops.reshape(sample_weight, (-1,))
        self.total.assign_add(ops.sum(values))
        self.count.assign_add(ops.cast(ops.size(values), "float32"))


class ResultForgets(Averages):
    def result(self):
        value = ops.divide_no_nan(self.total, self.count)
        self.total.assign(0.0)
        self.count.assign(0.0)
        return value


class Box:
    """An object that Keras does not look into."""


class StateInABox(Averages):
    def __init__(self, **kwargs):
        Metric.__init__(self, **kwargs)
        self.box = Box()
        self.box.total = keras.Variable(0.0, name="total")
        self.box.count = keras.Variable(0.0, name="count")

    @property
    def total(self):
        return self.box.total

    @property
    def count(self):
        return self.box.count


class StateInAFloat(Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.sum, self.seen = 0.0, 0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.sum += float(ops.sum(ops.mean(ops.abs(y_true - y_pred), -1)))
        self.seen += y_pred.shape[0]

    def result(self):
        return self.sum / max(self.seen, 1)


class ResultIsAFloat(Averages):
    def result(self):
        return float(self.total) / max(float(self.count), 1.0)


class RootUnguarded(Averages):
    def values(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), -1)

    def result(self):
        return ops.sqrt(self.total / self.count)


class RootGuarded(RootUnguarded):
    def result(self):
        return ops.sqrt(ops.divide_no_nan(self.total, self.count))


class LogUnguarded(Averages):
    def result(self):
        return ops.log(ops.divide_no_nan(self.total, self.count))


class LogGuarded(Averages):
    def result(self):
        return ops.log1p(ops.divide_no_nan(self.total, self.count))


@register
class ForgetsThreshold(Averages):
    def __init__(self, threshold=0.5, **kwargs):
        super().__init__(**kwargs)
        self.threshold = threshold

    def values(self, y_true, y_pred):
        return ops.mean(ops.cast(ops.cast(y_pred > self.threshold, "float32") == y_true, "float32"), -1)

    def get_config(self):
        return super().get_config()


@register
class KeepsThreshold(ForgetsThreshold):
    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


class FlatTargetsBroadcast(Averages):
    def update_state(self, y_true, y_pred, sample_weight=None):
        values = ops.abs(ops.convert_to_tensor(y_true) - ops.convert_to_tensor(y_pred))
        if sample_weight is not None:
            values = values * ops.reshape(sample_weight, (-1, 1))
        self.total.assign_add(ops.sum(values))
        count = ops.cast(ops.size(values), "float32")
        if sample_weight is not None:
            count = ops.sum(ops.cast(sample_weight, "float32")) * ops.cast(ops.shape(values)[-1], "float32")
        self.count.assign_add(count)


class FlatTargetsReshaped(FlatTargetsBroadcast):
    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        super().update_state(ops.reshape(y_true, ops.shape(y_pred)), y_pred, sample_weight)


class BranchesOnValues(Averages):
    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self.values(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
        if sample_weight is not None:
            values = values * ops.reshape(sample_weight, (-1,))
            self.count.assign_add(ops.sum(sample_weight))
        elif bool(ops.sum(values) > 0):
            self.count.assign_add(ops.cast(ops.size(values), "float32"))
        self.total.assign_add(ops.sum(values))


class DividedTwice(Averages):
    def values(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), -1) / ops.cast(ops.shape(y_pred)[-1], "float32")


class ResultInNumpy(Averages):
    def update_state(self, y_true, y_pred, sample_weight=None):
        values = np.mean(np.abs(np.array(y_true) - np.array(y_pred)), -1)
        weights = np.ones_like(values) if sample_weight is None else np.array(sample_weight).reshape(-1)
        self.total.assign_add(float((values * weights).sum()))
        self.count.assign_add(float(weights.sum()))


def mean_absolute_error(y_true, y_pred):
    return np.mean(np.abs(y_true - y_pred))


_NUMBERS = lambda: (numbers(33, 4, seed=1), numbers(33, 4, seed=2))  # noqa: E731
_BINARY = lambda: (labels(33, 4), shares(33, 4))  # noqa: E731
_FLAT = lambda: (numbers(33, seed=1), numbers(33, 1, seed=2))  # noqa: E731

held = partial(Bug, held_out=True)
_LOST = frozenset({"metric-state", "metric-reset", "metric-compiled"})

BUGS = {
    "PrecisionPerBatch": held(PrecisionPerBatch, PrecisionOverall, frozenset({"metric-split"}), _BINARY),
    "LastMaximum": Bug(LastMaximum, RunningMaximum, frozenset({"metric-split"}), _NUMBERS),
    "ExplainedByBatch": held(ExplainedByBatch, Averages, frozenset({"metric-split"}), _NUMBERS),
    "StartsAtOne": Bug(StartsAtOne, StartsAtOneAgain, frozenset({"metric-reset"}), _NUMBERS),
    "IgnoresWeights": Bug(IgnoresWeights, Averages, frozenset({"metric-sample-weight"}), _NUMBERS),
    "CountsTheLeftOut": held(CountsTheLeftOut, Averages, frozenset({"metric-sample-weight"}), _NUMBERS),
    "ResultForgets": held(ResultForgets, Averages, frozenset({"metric-repeatable"}), _NUMBERS),
    "StateInABox": held(StateInABox, Averages, _LOST, _NUMBERS),
    "StateInAFloat": Bug(StateInAFloat, Averages, _LOST, _NUMBERS),
    "ResultIsAFloat": held(ResultIsAFloat, Averages, frozenset({"metric-compiled"}), _NUMBERS),
    "RootUnguarded": Bug(RootUnguarded, RootGuarded, frozenset({"metric-finite"}), _NUMBERS),
    "LogUnguarded": held(LogUnguarded, LogGuarded, frozenset({"metric-finite"}), _NUMBERS),
    "ForgetsThreshold": Bug(
        lambda: ForgetsThreshold(0.8), lambda: KeepsThreshold(0.8), frozenset({"metric-config"}), _BINARY
    ),
    "FlatTargetsBroadcast": Bug(
        FlatTargetsBroadcast, FlatTargetsReshaped, frozenset({"metric-targets"}), _FLAT
    ),
    "BranchesOnValues": held(
        BranchesOnValues, Averages, frozenset({"metric-compiled"}), _NUMBERS, backends=("jax", "tensorflow")
    ),
    "DividedTwice": held(
        DividedTwice,
        Averages,
        frozenset({"metric-reference"}),
        _NUMBERS,
        {"reference": mean_absolute_error},
    ),
    "ResultInNumpy": Bug(ResultInNumpy, Averages, frozenset({"metric-compiled"}), _NUMBERS),
}
