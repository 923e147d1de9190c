"""Probabilities where raw scores are expected, and the reverse."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from kerascope.detect.smells import flow, names
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Operand, Verdict, array, sample, span
from kerascope.record.lines import Site
from kerascope.values import Evidence

_SUM = 1e-3
_FEWEST = 32
_FIRST = {"cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"}
_OUTPUT = ("output", "y_pred", "logits", "input")


def concerns(site: Site) -> bool:
    """Calls of a cross-entropy, also of an object that is one, and of softmax."""
    return isinstance(site.node, ast.Call)


def judge(moment: Moment) -> Verdict:
    """Compares what the loss says it expects with the values that it gets."""
    if names.called(moment.node) in ("softmax", "log_softmax"):
        return _twice(moment)
    if names.called(moment.node) == "sigmoid":
        return _squashed_twice(moment)
    expected = _expected(moment)
    if expected is None:
        return None
    wants_logits, over_classes, place = expected
    operand = moment.part(moment.argument(place, *_OUTPUT))
    values = None if operand is None else array(operand.value)
    if operand is None or values is None or values.dtype.kind != "f" or not np.isfinite(values).all():
        return None
    if wants_logits:
        return _given_probabilities(moment, operand, values, over_classes)
    return _given_logits(moment, operand, values)


def _expected(moment: Moment) -> tuple[bool, bool, int] | None:
    """Returns whether scores are expected, whether they are of classes that exclude each other, and which argument."""
    node = moment.node
    if isinstance(node.func, ast.Call):  # BinaryCrossentropy(from_logits=True)(y, p)
        return _of(names.called(node.func), _flag(node.func, moment), 1)
    name = names.called(node)
    lower = name.lower()
    if "entropy" in lower and "crossentropy" in lower.replace("_", ""):
        first = name in _FIRST or (lower.startswith(("softmax", "sigmoid")) and "with_logits" not in lower)
        always = "with_logits" in lower or lower.startswith(("softmax", "sigmoid")) or name == "cross_entropy"
        return _of(lower, True if always else _flag(node, moment), 0 if first else 1)
    callee = names.find(node.func, moment.frame)
    kind = type(callee).__name__
    if (
        callee is None
        or isinstance(callee, type)
        or not ("entropy" in kind.lower() or kind.startswith("BCE"))
    ):
        return None
    if type(callee).__module__.startswith("torch"):
        return _of(kind, kind != "BCELoss", 0)
    return _of(kind, bool(getattr(callee, "from_logits", False)), 1)


def _of(name: str, wants_logits: bool | None, place: int) -> tuple[bool, bool, int] | None:
    plain = name.lower().replace("_", "")
    if wants_logits is None or not any(w in plain for w in ("entropy", "bce")):
        return None
    return wants_logits, not any(word in plain for word in ("binary", "sigmoid", "bce")), place


def _flag(node: ast.Call, moment: Moment) -> bool | None:
    for keyword in node.keywords:
        if keyword.arg == "from_logits":
            if isinstance(keyword.value, ast.Constant):
                return bool(keyword.value.value)
            value: Any = names.find(keyword.value, moment.frame)
            return value if isinstance(value, bool) else None
        if keyword.arg is None:  # **settings
            return None
    return False


def _sums_to_one(values: np.ndarray, axis: int = -1) -> bool:
    """Rows of probabilities, other than one-hot ones."""
    if (
        values.ndim == 0
        or not -values.ndim <= axis < values.ndim
        or values.shape[axis] < 2
        or values.size < 4
    ):
        return False
    if values.min() < 0 or bool(np.isin(sample(values), (0, 1)).all()):
        return False
    return bool((np.abs(values.sum(axis=axis, dtype=np.float64) - 1) < _SUM).all())


def _twice(moment: Moment) -> Verdict:
    given = moment.argument(0, "x", "logits", "input")
    operand = moment.part(given)
    values = None if operand is None else array(operand.value)
    if operand is None or values is None or values.dtype.kind != "f":
        return None
    axis = moment.number(moment.argument(1, "axis", "dim"))
    if isinstance(given, ast.BinOp) and isinstance(given.op, ast.Div):  # by a temperature
        values = values * (moment.number(given.right) or 1.0)
    if not _sums_to_one(values, -1 if axis is None else int(axis)) or _is_flat(values):
        return CLEAR
    return _hit(
        moment,
        operand,
        values,
        "fault",
        0.9,
        "already are probabilities",
        "A softmax of probabilities is nearly flat",
    )


def _squashed_twice(moment: Moment) -> Verdict:
    """What goes into a sigmoid comes out of one: by its values alone that cannot be told."""
    operand = moment.part(moment.argument(0, "x", "input"))
    values = None if operand is None else array(operand.value)
    if operand is None or values is None or values.dtype.kind != "f":
        return None
    node = flow.behind(operand.event.site, moment.activation).node
    squashing = isinstance(node, ast.Call) and (
        names.called(node) == "sigmoid" or _ends_in_sigmoid(node, moment)
    )
    if not squashing or values.min() < 0 or values.max() > 1:
        return CLEAR
    why = "A sigmoid of what is between 0 and 1 already only gives numbers from 0.5 to 0.73"
    return _hit(moment, operand, values, "fault", 0.9, "already is the result of a sigmoid", why)


def _ends_in_sigmoid(call: ast.Call, moment: Moment) -> bool:
    """Tells whether a layer is called whose activation is a sigmoid."""
    callee = names.find(call.func, moment.frame)
    activation = getattr(callee, "activation", None) if callee is not None else None
    return getattr(activation, "__name__", "") == "sigmoid"


def _is_flat(values: np.ndarray) -> bool:
    return float(np.ptp(sample(values))) < 1e-6


def _given_probabilities(moment: Moment, operand: Operand, values: np.ndarray, over_classes: bool) -> Verdict:
    why = "The loss takes them for raw scores and squashes them again, so it can never become small"
    if over_classes:
        if not _sums_to_one(values) or _is_flat(values):
            return CLEAR
        return _hit(moment, operand, values, "fault", 0.95, "are probabilities, not logits", why)
    if (
        values.min() < 0
        or values.max() > 1
        or _is_flat(values)
        or bool(np.isin(sample(values), (0, 1)).all())
    ):
        return CLEAR
    found = flow.sources(operand.event, moment.activation)
    squashed = bool(found.calls() & {"sigmoid", "softmax", "expit"})
    if not squashed and (values.size < _FEWEST or values.min() == 0):
        return None
    severity, confidence = ("fault", 0.95) if squashed else ("warning", 0.75)
    return _hit(moment, operand, values, severity, confidence, "are probabilities, not logits", why)


def _given_logits(moment: Moment, operand: Operand, values: np.ndarray) -> Verdict:
    if values.min() >= -1e-4 and values.max() <= 1 + _SUM:
        return CLEAR
    why = "The loss expects probabilities; everything outside of 0 to 1 is cut off, and with it its gradient"
    return _hit(moment, operand, values, "fault", 0.95, "are not probabilities", why)


def _hit(
    moment: Moment,
    operand: Operand,
    values: np.ndarray,
    severity: Any,
    confidence: float,
    what: str,
    why: str,
) -> Hit:
    text = operand.event.site.source
    rows = values.sum(axis=-1, dtype=np.float64) if values.ndim else values
    return Hit(
        "logits-mismatch",
        severity,
        confidence,
        f"`{text}` in `{moment.site.source}` {what}",
        f"{why}. Match the last activation and `from_logits`.",
        (
            Evidence(f"range of `{text}`", span(sample(values))),
            Evidence("sums of its rows", span(np.atleast_1d(rows))),
        ),
    )
