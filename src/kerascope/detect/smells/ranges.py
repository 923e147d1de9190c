"""What a name says of its values and they do not keep: a cosine beyond one, probabilities or a spread below zero."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

import numpy as np

from kerascope.detect.smells import source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, floats, span
from kerascope.promises import COSINE, PROBABILITY, SPREAD
from kerascope.record.lines import Site
from kerascope.values import Evidence

_SLACK = 1e-3


class _Promise(NamedTuple):
    """A pattern of names, the values that these promise, what they are called, and what to do."""

    names: re.Pattern[str]
    low: float
    high: float
    what: str
    advice: str


_PROMISES = (
    _Promise(COSINE, -1, 1, "a cosine", "Normalise both vectors first: ops.normalize(x, axis=-1)."),
    _Promise(PROBABILITY, 0, 1, "a probability", "Take the softmax or sigmoid of scores."),
    _Promise(SPREAD, 0, np.inf, "a standard deviation or variance", "Take ops.softplus or ops.exp of it."),
)


def concerns(site: Site) -> bool:
    """What is computed and given such a name, the only time that the name is set."""
    promise, scope = _promise(site), source.function(site)
    if promise is None or scope is None or site.kind not in ("call", "binop", "unaryop"):
        return False
    stores = [n for n in ast.walk(scope) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    if [n.id for n in stores].count(site.targets[0]) != 1:
        return False
    # As a difference of squares a variance may come out a little below zero.
    difference = isinstance(site.node, ast.BinOp) and isinstance(site.node.op, ast.Sub)
    return not (promise.names is SPREAD and difference)


def judge(moment: Moment) -> Verdict:
    """All values must lie where the name says."""
    promise, values = _promise(moment.site), floats(moment.value)
    if promise is None or values is None or not values.size or not np.isfinite(values).all():
        return None
    outside = (values < promise.low - _SLACK) | (values > promise.high + _SLACK)
    if not outside.any():
        return CLEAR
    name = moment.site.targets[0]
    return Hit(
        "wrong-argument",
        "warning",
        0.8,
        f"`{name}` is {promise.what} by its name, and is {span(values)}",
        f"{promise.what.capitalize()} is {_range(promise)}, and {float(outside.mean()):.0%} of `{name}` are not. "
        f"{promise.advice}",
        (
            Evidence(f"range of `{name}`", span(values)),
            Evidence("outside", round(float(outside.mean()), 4), "share"),
        ),
        score=float(outside.mean()),
    )


def _range(promise: _Promise) -> str:
    return "never below zero" if promise.high == np.inf else f"between {promise.low:g} and {promise.high:g}"


def _promise(site: Site) -> _Promise | None:
    if len(site.targets) != 1:
        return None
    name = site.targets[0].rpartition(".")[2].lower()
    return next((p for p in _PROMISES if p.names.search(name)), None)
