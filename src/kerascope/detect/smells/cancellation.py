"""Differences of nearly equal numbers, of which little but rounding is left."""

from __future__ import annotations

import ast
import itertools

import numpy as np

from kerascope.detect.smells import flow, names, source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, array, sample, span
from kerascope.record.lines import Site
from kerascope.values import Evidence

_PRECISION = {"float32": 2.0**-23, "float64": 2.0**-52, "float16": 2.0**-10, "bfloat16": 2.0**-7}
_STEPS = 16
"""A result of fewer rounding steps of its operands than this has lost all but four bits."""
_RELATIVE = {"sqrt", "log", "rsqrt", "reciprocal", "divide", "power", "log2", "log10", "normalize"}
_CENTRES = {
    "mean",
    "median",
    "max",
    "min",
    "logsumexp",
    "detach",
    "round",
    "floor",
    "ceil",
    "trunc",
    "average",
}


def concerns(site: Site) -> bool:
    """Subtractions."""
    return names.called(site.node) == "subtract" and not isinstance(site.node, ast.AugAssign)


def judge(moment: Moment) -> Verdict:
    """Most elements must have lost nearly all their digits, and what is left must count by its relative size."""
    step = _PRECISION.get(moment.event.facts.dtype)
    sides = moment.sides()
    if step is None or sides is None:
        return None
    a, b, z = _values(moment, sides[0]), _values(moment, sides[1]), array(moment.value)
    if a is None or b is None or z is None or z.dtype.kind != "f":
        return None
    largest = np.maximum(np.abs(a), np.abs(b))
    if largest.shape != z.shape:
        return None
    largest, left = sample(largest), sample(np.abs(z).astype(np.float64))
    lost = (largest > 0) & (left < _STEPS * step * largest)
    if (left > 0).any() and not _is_variance(moment, sides):
        lost &= (
            left > 0
        )  # of what is the same on both sides nothing is lost, but a variance is seldom nothing
    elif not (left > 0).any():
        return CLEAR
    negative = bool((z < 0).any())
    share = float(np.mean(lost))
    if share <= 0.5 and not (share > 0 and negative and _is_variance(moment, sides)):
        return CLEAR
    if not _counts(moment, sides):
        return CLEAR
    return _hit(moment, largest[lost], left[lost], share, negative)


def _values(moment: Moment, node: ast.AST) -> np.ndarray | None:
    operand = moment.part(node)
    if operand is None:
        value = moment.number(node)
        return None if value is None else np.asarray(value, np.float64)
    values = array(operand.value)
    return None if values is None or values.dtype.kind != "f" else values.astype(np.float64)


def _counts(moment: Moment, sides: tuple[ast.expr, ast.expr]) -> bool:
    """Tells a difference that is used for its digits from one that is allowed to be about zero."""
    left, right = moment.part(sides[0]), moment.part(sides[1])
    if right is not None and (
        names.called(right.event.site.node) in _CENTRES or _defined_as(moment, sides[1])
    ):
        return False  # x - mean(x) is how it is done well
    if left is not None and names.called(left.event.site.node) == "exp" and moment.number(sides[1]) == 1:
        return True
    if _is_variance(moment, sides):
        return True
    return any(_relative(way) for way in source.destinations(moment.site))


def _defined_as(moment: Moment, node: ast.AST) -> bool:
    while isinstance(node, ast.Subscript) or (
        isinstance(node, ast.Call) and names.called(node) == "expand_dims"
    ):
        node = node.value if isinstance(node, ast.Subscript) else node.args[0]  # looked at along another axis
    known = moment.activation.definitions.get(node.id) if isinstance(node, ast.Name) else None
    return known is not None and names.called(known.site.node) in _CENTRES


def _is_variance(moment: Moment, sides: tuple[ast.expr, ast.expr]) -> bool:
    """Both sides are squares of one thing, as in `mean(x * x) - mean(x) ** 2`."""
    left, right = moment.part(sides[0]), moment.part(sides[1])
    if left is None or right is None:
        return False
    found = [flow.sources(part.event, moment.activation) for part in (left, right)]
    shared = found[0].names & found[1].names
    return bool(shared) and all(any(_squares(s.node) for s in each.sites) for each in found)


def _squares(node: ast.AST) -> bool:
    what = names.called(node)
    if what == "square":
        return True
    if isinstance(node, ast.BinOp) and what == "power":
        return isinstance(node.right, ast.Constant) and node.right.value == 2
    return isinstance(node, ast.BinOp) and what == "multiply" and ast.dump(node.left) == ast.dump(node.right)


def _relative(way: list[ast.AST]) -> bool:
    for inner, outer in itertools.pairwise(way):
        what = names.called(outer)
        if what == "add" and isinstance(outer, ast.BinOp):
            return False  # next to something else its own digits do not count
        if what == "divide" and isinstance(outer, ast.BinOp) and inner is outer.left:
            return not isinstance(outer.right, ast.Constant) or abs(float(outer.right.value)) < 1e-2  # type: ignore[arg-type]
        if what in _RELATIVE and inner not in getattr(outer, "args", [])[1:]:
            return True
    return False


def _hit(moment: Moment, largest: np.ndarray, left: np.ndarray, share: float, negative: bool) -> Hit:
    sides = moment.sides()
    assert sides is not None
    bits = float(np.median(np.log2(largest / np.maximum(left, largest * 2.0**-53))))
    also = (
        " Some elements are negative, which a sum of squares cannot be."
        if negative and _is_variance(moment, sides)
        else ""
    )
    texts = [ast.unparse(side) for side in sides]
    return Hit(
        "cancellation",
        "warning",
        0.75,
        f"`{moment.site.source}` keeps next to nothing of the digits of `{texts[0]}` and `{texts[1]}`",
        f"For {share:.0%} of the elements the two are equal but for the last bits, so mostly rounding is left, and it "
        f"is used for more than to compare with zero.{also} Rewrite it, as in `mean((x - mean(x)) ** 2)`, `expm1`, "
        "`log1p` or a sigmoid of `-x`.",
        (
            Evidence("magnitude of the operands", span(largest)),
            Evidence("magnitude of the difference", span(left)),
            Evidence("bits lost", round(bits, 1), "median of those elements"),
            Evidence("elements with less than four bits left", round(share, 4), "share"),
        ),
        score=share,
    )
