"""The user's metrics on the recorded batch: what a reset forgets, what an update keeps, and what a perfect score is."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import alone, objects
from kerascope.detect.second import source
from kerascope.detect.second.pairs import Seen, fitted, seen
from kerascope.detect.second.trial import Found, Trial, finding
from kerascope.values import Evidence, SourceSpan

_BEST_ONE = re.compile(
    r"(^|_)(acc|accuracy|auc|precision|recall|f1|f_?score|iou|dice|r2|hit|hits|hit_?rate)(_|$)|accuracy", re.I
)
_BEST_ZERO = re.compile(r"(^|_)(mae|mse|rmse|mape|error|err|absolute_error|squared_error)(_|$)|error$", re.I)
_AVERAGING = re.compile(r"mean|average|median|max|min|sqrt|norm|/")
_TELLING = 1e-3
"""A share by which two halves must differ so that a figure of both cannot be that of either by chance."""
_APART = 0.05
"""A share by which a figure must be off to be called wrong rather than a matter of the last batch."""


class _Maker:
    """Makes other metrics like one: anew where that works, else the metric itself with its first values again."""

    def __init__(self, metric: Any, first: Sequence[np.ndarray] | None) -> None:
        self.metric = metric
        self.make = objects.maker(metric)
        self.variables = alone.variables(metric)
        self.values = first or [np.zeros(tuple(v.shape), str(v.dtype)) for v in self.variables]
        if self.make is not None and not _works(self.make):
            self.make = None

    def __call__(self) -> Any:
        if self.make is not None:
            return self.make()
        alone.assign(self.variables, self.values)
        return self.metric


def _works(make: Callable[[], Any]) -> bool:
    try:
        return make() is not None
    except Exception:  # the user's constructor; that it fails is the answer
        return False


def look(trial_: Trial) -> Iterator[Found]:
    """Yields what is wrong with each metric of the user's, and metrics that Keras does not reset."""
    yield from _out_of_sight(trial_)
    for metric, code in trial_.own.metrics:
        is_class = isinstance(code, type)
        given = (
            trial_.arguments.of(metric, "update_state") if is_class else trial_.arguments.of_function(code)
        )
        pair = seen(given)
        if given is None or len(given.arguments) < 2:
            continue
        fit = list(given.arguments.values())[:2]
        if not all(isinstance(v, np.ndarray) and v.ndim and len(v) >= 4 for v in fit):
            continue
        name = str(getattr(code, "__name__", "metric"))
        fit[1] = _final(trial_, fit[1])
        pair = fitted(*fit) if pair is not None else None
        trial_.at_begin()
        first = alone.values(alone.variables(metric)) if trial_.begins else None
        trial_.at_end()
        found = _Judge(name, _Maker(metric, first), code, fit, pair).first()
        if found is not None:
            yield found


def _out_of_sight(trial_: Trial) -> Iterator[Found]:
    """Metrics of a model that its own `metrics` property leaves out: nothing resets them between epochs."""
    model = trial_.model
    listed = source.prop(type(model), "metrics")
    if listed is None:
        return
    known = {id(v) for metric in model.metrics for v in metric.variables}
    trial_.at_end()
    for name, value in list(vars(model).items()):
        if objects.kind_of(value) != "metric" or not value.variables or name.startswith("_"):
            continue
        variables = value.variables
        used = any(np.any(objects.to_numpy(v.value)) for v in variables)
        if (
            not used
            or any(id(v) in known for v in variables)
            or source.mentions(type(model), f"self.{name}.reset_state")
        ):
            continue
        yield _bug(
            f"`self.{name}` of `{model.name}` is never reset",
            "The model's own `metrics` property does not name it, and nothing else calls its `reset_state()`. Keras "
            "resets what `metrics` gives before every epoch: this one goes on adding up over all of them, training "
            "and validation together.",
            listed.last_return() or listed.first,
            [Evidence("variables of the metric", ", ".join(v.name for v in variables))],
        )


def _final(trial_: Trial, y_pred: np.ndarray) -> np.ndarray:
    """Returns the predictions of the trained model in place of those of the first step: they have more to tell."""
    outputs = [a for a in trial_.first_prediction() if a.shape == y_pred.shape and np.isfinite(a).all()]
    return outputs[0].astype(y_pred.dtype) if len(outputs) == 1 else y_pred


class _Judge:
    """One metric with the targets and predictions it was called with."""

    def __init__(
        self, name: str, make: Any, code: Any, given: Sequence[np.ndarray], pair: Seen | None
    ) -> None:
        self.name, self.make, self.code, self.pair = name, make, code, pair
        self.true, self.predicted = given
        half = len(self.true) // 2
        self.first_half = (self.true[:half], self.predicted[:half])
        self.rest = (self.true[half:], self.predicted[half:])

    def first(self) -> Found | None:
        """Returns the first thing that is wrong."""
        for part in (self._reset, self._forgets, self._split, self._perfect):
            found = part()
            if found is not None:
                return found
        return None

    def place(self, *methods: str) -> SourceSpan:
        """Returns the first statement of the first of these methods that the user wrote."""
        if not isinstance(self.code, type):
            where = source.function(self.code)
            return SourceSpan() if where is None else where.last_return() or where.first
        for name in methods:
            where = source.method(self.code, name)
            if where is not None:
                return where.first
        return SourceSpan()

    def overwriting(self) -> SourceSpan | None:
        """Returns the statement of `update_state` that gives a variable a value without regard to the one it has."""
        where = source.method(self.code, "update_state") if isinstance(self.code, type) else None
        for statement in where.statements() if where is not None else ():
            call = statement.value if isinstance(statement, ast.Expr) else None
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "assign"
                and call.args
                and ast.unparse(call.func.value) not in ast.unparse(call.args[0])
            ):
                assert where is not None
                return where.span_of(statement)
        return None

    def adding(self) -> SourceSpan | None:
        """Returns the statement of `update_state` that adds a batch up: one that adds a mean, say, before others."""
        where = source.method(self.code, "update_state") if isinstance(self.code, type) else None
        found = [
            statement
            for statement in (where.statements() if where is not None else ())
            if re.search(r"\.assign(_add|_sub)?\(", ast.unparse(statement))
        ]
        found.sort(key=lambda s: (not _AVERAGING.search(ast.unparse(s)), s.lineno))
        return where.span_of(found[0]) if where is not None and found else None

    def _reset(self) -> Found | None:
        metric = self.make()
        fresh = _updated(metric, self.first_half)
        _updated(metric, self.rest)
        metric.reset_state()
        again = _updated(metric, self.first_half)
        if _near(fresh, again, 1e-4) or not np.isfinite([*fresh, *again]).all():
            return None
        left = [v.name for v in alone.variables(metric)]
        return _bug(
            f"`{self.name}` is not new again after `reset_state()`",
            "It was given some samples, reset, and given the same again; the two figures differ. Keras resets metrics "
            "before every epoch and every validation, so each figure hangs on everything before it. Set every variable "
            "back in `reset_state`.",
            self.place("reset_state", "__init__"),
            [
                Evidence("new", _short(fresh)),
                Evidence("after a reset", _short(again)),
                Evidence("variables", ", ".join(left)),
            ],
        )

    def _forgets(self) -> Found | None:
        metric = self.make()
        _updated(metric, self.first_half)
        both = _updated(metric, self.rest)
        last = _updated(self.make(), self.rest)
        whole = _updated(self.make(), self.first_half)
        if not _near(both, last, 1e-6) or _near(whole, last, _TELLING):
            return None
        metric = self.make()
        _updated(metric, self.rest)
        if not _near(_updated(metric, self.first_half), whole, 1e-6):
            return None  # the larger one of the two, say
        return _bug(
            f"`{self.name}` forgets all batches but the last",
            "It was given two halves of the recorded batch, and then says what it says of the second half alone. What "
            "Keras shows for an epoch is the figure of its last batch. Add up over the updates: `assign_add`.",
            self.overwriting() or self.place("update_state", "result"),
            [
                Evidence("first half", _short(whole)),
                Evidence("second half", _short(last)),
                Evidence("both", _short(both)),
            ],
        )

    def _split(self) -> Found | None:
        whole = _updated(self.make(), (self.true, self.predicted))
        metric = self.make()
        _updated(metric, self.first_half)
        parts = _updated(metric, self.rest)
        if not np.isfinite([*whole, *parts]).all() or _near(whole, parts, _APART):
            return None
        place = self.overwriting()
        return _bug(
            f"`{self.name}` depends on how the data is cut into batches",
            "The recorded batch was given at once, and in two halves. "
            + (
                "One of its variables is given a new value with each batch, and what it had is lost: add up, with "
                "`assign_add`."
                if place is not None
                else "A ratio, a root or a maximum is not the mean of those of its batches. Add up numerator and "
                "denominator over all samples, and divide in `result`."
            ),
            place or self.adding() or self.place("update_state", "result"),
            [Evidence("at once", _short(whole)), Evidence("in two halves", _short(parts))],
            severity="warning",
            confidence=0.8,
        )

    def _said(self, y_pred: np.ndarray) -> np.ndarray:
        return _updated(self.make(), (self.true, y_pred.astype("float32")))

    def _perfect(self) -> Found | None:
        """A figure that is named for what it is must be perfect for perfect predictions."""
        name = self.name if not isinstance(self.code, type) else self.make().name + "_" + _snake(self.name)
        best = 1.0 if _BEST_ONE.search(_snake(name)) else 0.0 if _BEST_ZERO.search(_snake(name)) else None
        if best is None or self.pair is None:
            return None
        pair = self.pair
        values = [self._said(y_pred) for good, _ in pair.answers() for y_pred in (good, pair.hard)]
        if any(v.size != 1 or not np.isfinite(v).all() or abs(float(v[0]) - best) < 0.1 for v in values):
            return None
        turned = [self._said(y_pred) for _, bad in pair.answers() for y_pred in (bad, 1 - pair.hard)]
        if _falling(pair) and all(abs(float(v[0]) - best) < 0.1 for v in turned):
            return None
        return _bug(
            f"`{self.name}` is {_short(values[0])} for perfect predictions",
            f"It was given predictions that hit every target of the recorded batch, and should say {best:g} then. "
            "Look at the axes, at what is compared with what, and at what it divides by.",
            self.place("update_state", "result"),
            [Evidence("for perfect predictions", _short(values[0])), Evidence("expected", best)],
        )


def _falling(pair: Seen) -> bool:
    """Tells whether the model answers less where the label is 1, as a distance of two that belong together does."""
    if pair.task != "binary":
        return False
    ones = pair.hard > 0.5
    return bool(ones.any() and not ones.all() and pair.y_pred[ones].mean() < pair.y_pred[~ones].mean())


def _updated(metric: Any, pair: Sequence[np.ndarray]) -> np.ndarray:
    y_true, y_pred = pair
    metric.update_state(objects.to_tensor(y_true), objects.to_tensor(y_pred))
    parts = [tensors.array_of(tensors.unwrapped(part)) for part in objects.flatten(metric.result())]
    return np.concatenate([np.asarray(p, "float64").ravel() for p in parts if p is not None] or [np.zeros(0)])


def _near(a: np.ndarray, b: np.ndarray, share: float) -> bool:
    if a.shape != b.shape:
        return False
    both_nan = np.isnan(a) & np.isnan(b)
    return bool((both_nan | (np.abs(a - b) <= share * np.maximum(np.abs(a), np.abs(b)) + 1e-7)).all())


def _short(values: np.ndarray) -> Any:
    return float(f"{values[0]:.4g}") if values.size == 1 else ", ".join(f"{v:.4g}" for v in values[:6])


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _bug(
    title: str,
    explanation: str,
    place: SourceSpan,
    evidence: Sequence[Evidence],
    severity: Any = "fault",
    confidence: float = 0.95,
) -> Found:
    return Found(finding("metric-bug", severity, confidence, title, explanation, place, evidence))
