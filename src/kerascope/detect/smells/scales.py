"""Terms that are added although one is so much larger that the other does not count."""

from __future__ import annotations

import ast

import numpy as np

from kerascope.detect.smells import flow, names, origin, weights
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, floats, is_variable, rms
from kerascope.record.lines import Event, Site
from kerascope.values import Evidence

MIXED = 30.0
"""Terms that are weighed against each other, such as `0.5 * a + 0.5 * b`, and gradients, must be closer than this."""
PLAIN = 1e3
"""The same for other terms in a layer."""
LOSSES = 1e4
"""The same for terms of a loss; those of sound losses differ by hundreds."""
INTENDED = 10.0
"""Weights that differ by more than this say that the terms are meant to count differently."""


def concerns(site: Site) -> bool:
    """Additions."""
    return names.called(site.node) == "add" and not isinstance(site.node, ast.AugAssign)


def judge(moment: Moment) -> Verdict:
    """Compares the two terms' root mean squares."""
    terms, sides = moment.terms(), moment.sides()
    if terms is None or sides is None or terms[0].event.facts.shape != terms[1].event.facts.shape:
        return None
    a, b = floats(terms[0].value), floats(terms[1].value)
    if a is None or b is None:
        return None
    sizes = rms(a), rms(b)
    if not (min(sizes) > 0 and np.isfinite(sizes).all()):
        return None
    ratio = max(sizes) / min(sizes)
    if ratio <= MIXED:
        return CLEAR
    factors = weights.coefficients(sides, moment.frame, moment.activation)
    if _intended(factors, sizes) or any(_is_mask(term) for term in (a, b)):
        return CLEAR
    mixed = None not in factors or all(origin.is_gradient(side, moment.site) for side in sides)
    if ratio <= _limit(moment, mixed, sizes, a.size) or not _unrelated(a, b):
        return CLEAR
    if _is_running(moment, sides):
        return CLEAR
    if not mixed and (any(is_variable(term.value) for term in terms) or _residual(moment)):
        return CLEAR
    return _hit(moment, a, b, sizes)


def _intended(factors: tuple[float | None, float | None], sizes: tuple[float, float]) -> bool:
    """The weights in the source differ as much as if the terms were meant to."""
    first, second = (1.0 if factor is None else factor for factor in factors)
    if min(first, second) == 0:
        return True
    return max(first, second) / min(first, second) >= INTENDED


def _limit(moment: Moment, mixed: bool, sizes: tuple[float, float], count: int) -> float:
    role = moment.role
    if role == "metric":
        return float("inf")
    if role == "loss" or count == 1:
        # A term near zero has been learnt, or is about to be; only an informative one can be drowned.
        return LOSSES if min(sizes) >= 0.1 and max(sizes) >= 1e3 else float("inf")
    if mixed:
        return MIXED
    return PLAIN if role == "layer" else float("inf")  # elsewhere it is a state and what is added to it


def _is_mask(values: np.ndarray) -> bool:
    """Large negative numbers, or two values only, as an additive attention mask has."""
    if values.min() <= -1e4 and (values.max() <= 0 or float(np.median(np.abs(values))) == 0):
        return True
    two = bool(np.isin(values, (values.min(), values.max())).all())
    return bool(values.size > 2 and two)


def _unrelated(a: np.ndarray, b: np.ndarray) -> bool:
    """Adding some more of the same loses nothing."""
    cosine = float(np.dot(a, b)) / (np.linalg.norm(a) * np.linalg.norm(b))
    return a.size == 1 or bool(abs(cosine) < 0.9)


def _is_running(moment: Moment, sides: tuple[ast.expr, ast.expr]) -> bool:
    """A state that is carried on, as a moving average is: it is assigned what it is computed from, or a variable."""
    targets = set(moment.site.targets)
    parts = [node for side in sides for node in ast.walk(side)]
    if any(
        ast.unparse(node) in targets
        for node in parts
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript))
    ):
        return True
    kept = (names.find(node, moment.frame) for node in parts if isinstance(node, ast.Attribute))
    return any(value is not None and is_variable(value) for value in kept)


def _residual(moment: Moment) -> bool:
    """In a layer: what is added to something that it was computed from may well be small."""
    terms = moment.terms()
    if terms is None or moment.role != "layer":
        return False
    a, b = terms[0].event, terms[1].event
    return flow.derived_from(a, b, moment.activation) or flow.derived_from(b, a, moment.activation)


def _hit(moment: Moment, a: np.ndarray, b: np.ndarray, sizes: tuple[float, float]) -> Hit:
    terms = moment.terms()
    assert terms is not None
    events: list[Event] = [terms[0].event, terms[1].event]
    large, small = (0, 1) if sizes[0] > sizes[1] else (1, 0)
    ratio = sizes[large] / sizes[small]
    values = (a, b)
    agree = float(np.mean(np.sign(a) == np.sign(b)))
    follows = float(np.mean(np.sign(a + b) == np.sign(values[large])))
    role = moment.role
    sure = ratio > 100 and role in ("train", "other")
    big, little = (events[i].site.source for i in (large, small))
    shown = tuple(Evidence(f"rms of `{events[i].site.source}`", float(f"{sizes[i]:.4g}")) for i in (0, 1))
    return Hit(
        "scale-mismatch",
        "fault" if sure else "warning",
        0.9 if sure else 0.7,
        f"`{big}` is {ratio:.0f} times as large as `{little}`, to which it is added",
        f"The sum has the sign of `{big}` in {follows:.0%} of its elements, so `{little}` has next to no say in it. "
        "Bring both to one scale first, for example by dividing each by its norm, if both are meant to count.",
        (
            *shown,
            Evidence("ratio", round(ratio, 1)),
            Evidence("signs of the terms agree", round(agree, 3), "share of elements"),
            Evidence("sum has the sign of the larger term", round(follows, 3), "share of elements"),
        ),
        score=ratio,
    )
