"""Terms that are added although one is so much larger that the other does not count."""

from __future__ import annotations

import ast

import numpy as np

from kerascope.detect.smells import flow, names, origin, roles, summands, weights
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, is_variable, rms
from kerascope.detect.smells.summands import Term
from kerascope.record.lines import Site
from kerascope.values import Evidence

Pair = tuple[Term, Term]

MIXED = 30.0
"""Terms that are weighed against each other, such as `0.5 * a + 0.5 * b`, and gradients, must be closer than this."""
PLAIN = 1e3
"""The same for other terms in a layer."""
LOSSES = 1e4
"""The same for terms of a loss; those of sound losses differ by hundreds."""
SUMS = 100.0
"""The same where the larger term of a loss is a sum over everything, batch included: it grows with the batch."""
INTENDED = 10.0
"""Weights that differ by more than this say that the terms are meant to count differently."""

SAME, SAME_LOSS = 0.9, 0.99
"""Terms that point the same way so closely are taken for more of the same."""

concerns = summands.concerns


def judge(moment: Moment) -> Verdict:
    """Compares the root mean squares of the largest and the smallest term."""
    found = summands.terms(moment)
    if len(found) < 2:
        return None
    by_size = sorted(found, key=lambda term: rms(term.values))
    pair = (by_size[0], by_size[-1])
    terms = pair if found.index(pair[0]) < found.index(pair[1]) else pair[::-1]
    a, b = terms[0].values, terms[1].values
    sizes = rms(a), rms(b)
    if not (min(sizes) > 0 and np.isfinite(sizes).all()):
        return None
    if max(sizes) / min(sizes) <= MIXED:
        return CLEAR
    return _hit(moment, terms, sizes) if _matters(moment, terms, sizes) else CLEAR


def _matters(moment: Moment, terms: Pair, sizes: tuple[float, float]) -> bool:
    """Tells whether terms of so different a size are not meant to be so."""
    a, b = terms[0].values, terms[1].values
    factors = weights.coefficients((terms[0].node, terms[1].node), moment.frame, moment.activation)
    large = int(sizes[1] > sizes[0])
    larger, smaller = terms[large], terms[1 - large]
    summed = _summed_up(moment, larger, smaller)
    # A sum that is the larger although it is to count for less has its weight in vain.
    held_back = summed and (factors[large] or 1.0) < (factors[1 - large] or 1.0)
    if (_intended(factors, sizes) and not held_back) or any(_is_mask(term) for term in (a, b)):
        return False
    mixed = (
        None not in factors
        or names.called(moment.node) in ("mean", "average")
        or all(term.node is not None and origin.is_gradient(term.node, moment.site) for term in terms)
    )
    if max(sizes) / min(sizes) <= _limit(moment, mixed, sizes, larger, summed):
        return False
    if not _unrelated(a, b, moment.role):
        return False
    if _is_running(moment, terms):
        return False
    return mixed or not (any(is_variable(term.value) for term in terms) or _residual(moment, terms))


def _intended(factors: tuple[float | None, float | None], sizes: tuple[float, float]) -> bool:
    """The weights in the source differ as much as if the terms were meant to."""
    first, second = (1.0 if factor is None else factor for factor in factors)
    if min(first, second) == 0:
        return True
    return max(first, second) / min(first, second) >= INTENDED


def _limit(moment: Moment, mixed: bool, sizes: tuple[float, float], larger: Term, summed: bool) -> float:
    role = moment.role
    if role == "metric":
        return float("inf")
    if role == "loss" or larger.values.size == 1:
        if min(sizes) >= 0.1 and (_sum_of_all(larger) or summed):
            return SUMS
        # A term near zero has been learnt, or is about to be; only an informative one can be drowned.
        return LOSSES if min(sizes) >= 0.1 and max(sizes) >= 1e3 else float("inf")
    if mixed:
        return MIXED
    return PLAIN if role == "layer" else float("inf")  # elsewhere it is a state and what is added to it


def _summed_up(moment: Moment, larger: Term, smaller: Term) -> bool:
    """Tells a sum over an image, say, beside a mean over it: it grows with how many entries there are."""
    if larger.event is None or smaller.event is None or moment.role != "loss":
        return False
    reached = [flow.sources(term.event, moment.activation).sites for term in (larger, smaller) if term.event]
    summed, averaged = (_axes(sites, what) for sites, what in zip(reached, ("sum", "mean"), strict=True))
    return bool(summed & averaged)


def _axes(sites: list[Site], what: str) -> set[str]:
    """Returns the lists of axes that a reduction is taken over, as they are written."""
    calls = [s.node for s in sites if isinstance(s.node, ast.Call) and names.called(s.node) == what]
    given = [k.value for call in calls for k in call.keywords if k.arg in ("axis", "dim")]
    return {ast.unparse(value) for value in given if isinstance(value, (ast.Tuple, ast.List))}


def _sum_of_all(term: Term) -> bool:
    """Tells whether a term is a sum without an axis, over all elements of a tensor."""
    call = term.node
    if not isinstance(call, ast.Call) or names.called(call) != "sum" or call.keywords:
        return False
    return len(call.args) == 1 and not isinstance(
        call.args[0], (ast.Constant, ast.UnaryOp, ast.List, ast.Tuple)
    )


def _is_mask(values: np.ndarray) -> bool:
    """Large negative numbers, or two values only, as an additive attention mask has."""
    if values.min() <= -1e4 and (values.max() <= 0 or float(np.median(np.abs(values))) == 0):
        return True
    two = bool(np.isin(values, (values.min(), values.max())).all())
    return bool(values.size > 2 and two)


def _unrelated(a: np.ndarray, b: np.ndarray, role: roles.Role) -> bool:
    """Adding some more of the same loses nothing.

    The terms of a loss are mostly above zero, and point the same way by that alone: of these only what is left around
    the mean says something, and large errors are large by any measure.
    """
    if a.size == 1:
        return True
    same = SAME
    if role == "loss":
        a, b, same = a - a.mean(), b - b.mean(), SAME_LOSS
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return lengths == 0 or abs(float(np.dot(a, b))) / lengths < same


def _is_running(moment: Moment, terms: Pair) -> bool:
    """A state that is carried on, as a moving average is: it is assigned what it is computed from, or a variable."""
    if isinstance(moment.node, ast.AugAssign):
        return moment.role not in ("loss", "train") or moment.event.facts.shape != ()
    targets = set(moment.site.targets)
    parts = [node for term in terms if term.node is not None for node in ast.walk(term.node)]
    if any(
        ast.unparse(node) in targets
        for node in parts
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript))
    ):
        return True
    kept = (names.find(node, moment.frame) for node in parts if isinstance(node, ast.Attribute))
    return any(value is not None and is_variable(value) for value in kept)


def _residual(moment: Moment, terms: Pair) -> bool:
    """In a layer: what is added to something that it was computed from may well be small."""
    a, b = terms[0].event, terms[1].event
    if a is None or b is None or moment.role != "layer":
        return False
    return flow.derived_from(a, b, moment.activation) or flow.derived_from(b, a, moment.activation)


def _hit(moment: Moment, terms: Pair, sizes: tuple[float, float]) -> Hit:
    a, b = terms[0].values, terms[1].values
    large, small = (0, 1) if sizes[0] > sizes[1] else (1, 0)
    ratio = sizes[large] / sizes[small]
    values = (a, b)
    agree = float(np.mean(np.sign(a) == np.sign(b)))
    follows = float(np.mean(np.sign(a + b) == np.sign(values[large])))
    role = moment.role
    sure = ratio > 100 and role in ("train", "other")
    big, little = (terms[i].source for i in (large, small))
    shown = tuple(Evidence(f"rms of `{terms[i].source}`", float(f"{sizes[i]:.4g}")) for i in (0, 1))
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
