"""Softmax, sigmoid and tanh driven so far out that their derivative is lost in rounding."""

from __future__ import annotations

import ast

import numpy as np

from kerascope.detect.smells import names, weights
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, array, sample, span
from kerascope.record.lines import Site
from kerascope.values import Evidence

_ACTIVATIONS = {"softmax", "sigmoid", "tanh", "expit"}
_LOST = 1.2e-7
"""Derivatives below this, float32's relative precision, count as lost. Trained models seldom come here."""
_FEWEST = 4
_MASKED = -1e4
_SHARE = 0.9


def concerns(site: Site) -> bool:
    """Calls of the three activations."""
    return isinstance(site.node, ast.Call) and names.called(site.node) in _ACTIVATIONS


def judge(moment: Moment) -> Verdict:
    """Nearly all elements must be saturated, and the numbers that go in large by any measure."""
    what = names.called(moment.node)
    given = moment.argument(0, "x", "logits", "input")
    operand = moment.part(given)
    if operand is None:
        return None
    axis = _axis(moment)
    if what == "softmax" and (alone := _one_unit(moment, operand.event.facts.shape, axis)) is not None:
        return alone
    x = array(operand.value)
    if x is None or x.dtype.kind != "f" or x.size < _FEWEST or moment.role == "metric":
        return None
    share, count = _lost_in_softmax(x, axis) if what == "softmax" else _lost(x, what)
    if count < _FEWEST:
        return None
    if share < _SHARE or _is_sharpened(moment, given):
        return CLEAR
    return _hit(moment, what, operand.event.site.source, share, x)


def _axis(moment: Moment) -> int:
    node = moment.argument(1, "axis", "dim")
    value = None if node is None else moment.number(node)
    return -1 if value is None else int(value)


def _one_unit(moment: Moment, shape: tuple[int | str | None, ...] | None, axis: int) -> Hit | None:
    if shape is None or len(shape) != 2 or axis not in (1, -1) or shape[1] != 1:
        return None
    source = moment.site.source
    return Hit(
        "softmax-one-unit",
        "fault",
        0.95,
        f"`{source}` is 1 whatever goes in: its axis has one element",
        "A softmax makes the elements of its axis sum to one. For a single unit use `sigmoid`.",
        (Evidence("shape of the input", str(shape)),),
    )


def _lost_in_softmax(x: np.ndarray, axis: int) -> tuple[float, int]:
    if x.ndim == 0 or not -x.ndim <= axis < x.ndim or x.shape[axis] < 2:
        return 0.0, 0
    rows = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    rows = rows[:: -(-rows.size // 1_000_000)].astype(np.float64)
    two = np.partition(rows, rows.shape[1] - 2, axis=1)[:, -2:]
    kept = two[two[:, 0] > _MASKED]  # a row with a single element that is not masked can only be one
    if kept.shape[0] == 0:
        return 0.0, 0
    gap = kept[:, 1] - kept[:, 0]
    return float(np.mean(gap > -np.log(_LOST))), kept.shape[0]


def _lost(x: np.ndarray, what: str) -> tuple[float, int]:
    size = np.abs(sample(x).astype(np.float64))
    slope = 1 - np.tanh(size) ** 2 if what == "tanh" else np.exp(-size)
    return float(np.mean(slope < _LOST)), size.size


def _is_sharpened(moment: Moment, given: ast.AST | None) -> bool:
    """A low temperature in the source says that a hard choice is meant."""
    factor = weights.coefficient(given, moment.frame, moment.activation)
    return factor is not None and factor >= 10


def _hit(moment: Moment, what: str, source: str, share: float, x: np.ndarray) -> Hit:
    return Hit(
        "saturated-activation",
        "warning",
        0.8,
        f"`{moment.site.source}` is saturated for {share:.0%} of its {'rows' if what == 'softmax' else 'elements'}",
        f"`{source}` is so large that the derivative is below 1.2e-7: nothing can be learnt through it. Scale the "
        "values down before it (inputs, initial weights, or 1 / sqrt(size) for products of vectors).",
        (
            Evidence(f"range of `{source}`", span(sample(x))),
            Evidence("derivative below 1.2e-7", round(share, 4), "share"),
        ),
        score=share,
    )
