"""Shapes such as (n,) and (n, 1) that broadcast to (n, n) without a word."""

from __future__ import annotations

import ast

from kerascope.detect.smells import flow, names
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Operand, Verdict, is_variable
from kerascope.record.lines import Site
from kerascope.values import Evidence

_ELEMENTWISE = {
    "add", "subtract", "multiply", "divide", "maximum", "minimum", "power", "squared_difference", "equal", "not_equal",
    "greater", "greater_equal", "less", "less_equal", "logical_and", "logical_or", "eq", "ne", "gt", "lt", "ge", "le",
    "floor_divide", "mod",
}  # fmt: skip
_TORCH_LOSSES = {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"}
_EXPANDING = {"expand_dims", "unsqueeze", "reshape", "view"}
Shape = tuple[int | str | None, ...]


def concerns(site: Site) -> bool:
    """Operators, comparisons and calls that work element by element."""
    what = names.called(site.node)
    return what == "compare" or what in _ELEMENTWISE or what in _TORCH_LOSSES


def judge(moment: Moment) -> Verdict:
    """Compares the shapes alone, so it also works where there are no values."""
    if isinstance(moment.node, ast.AugAssign):
        return None
    terms = moment.terms()
    if terms is None:
        return None
    if names.called(moment.node) in _TORCH_LOSSES and not type(terms[0].value).__module__.startswith("torch"):
        return None
    a, b = terms[0].event.facts.shape, terms[1].event.facts.shape
    if a is None or b is None or not a or not b:
        return None
    if not (_outer(a, b) or _outer(b, a)):
        return CLEAR
    if any(_is_constant(term, moment) for term in terms) or _meant(moment, terms):
        return CLEAR
    return _hit(moment, terms)


def _outer(short: Shape, long: Shape) -> bool:
    """The longer shape is the shorter one with axes of one added behind, as (n, 1) is to (n,)."""
    return (
        len(short) < len(long)
        and long[: len(short)] == short
        and all(size == 1 for size in long[len(short) :])
        and short[0] != 1
    )


def _is_constant(term: Operand, moment: Moment) -> bool:
    """Not computed from what the function was given: its length is the same as the batch's by chance."""
    if is_variable(term.value):
        return True
    found = flow.sources(term.event, moment.activation)
    return bool(found.attributes) and not found.names


def _meant(moment: Moment, terms: tuple[Operand, Operand]) -> bool:
    """Written on purpose, as in `x[:, None] - x`: the axis is added on the spot, or both sides are the same thing."""
    sides = moment.sides()
    assert sides is not None
    first, second = (flow.sources(term.event, moment.activation) for term in terms)
    same = bool(first.names & second.names) and bool(
        (first.calls() | second.calls()) & _EXPANDING or any(map(_expands, (*_nodes(first), *_nodes(second))))
    )
    if same:
        return True
    return moment.role not in ("loss", "metric") and any(_expands(side) for side in sides)


def _nodes(found: flow.Sources) -> list[ast.AST]:
    return [site.node for site in found.sites]


def _expands(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return names.called(node) in _EXPANDING
    if not isinstance(node, ast.Subscript):
        return False
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return any(
        (isinstance(p, ast.Constant) and p.value is None)
        or getattr(p, "attr", getattr(p, "id", "")) == "newaxis"
        for p in parts
    )


def shown(shape: Shape | None) -> str:
    """Returns a shape as it is told: "(B, 3)"."""
    if shape is None:
        return "?"
    parts = ["B" if size is None else str(size) for size in shape]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _hit(moment: Moment, terms: tuple[Operand, Operand]) -> Hit:
    left, right = (term.event for term in terms)
    assert left.facts.shape is not None and right.facts.shape is not None
    short = min(left.facts.shape, right.facts.shape, key=len)
    longer = max(left.facts.shape, right.facts.shape, key=len)
    result = longer[: len(longer) - len(short)] + short
    judged = moment.role in ("loss", "metric")
    return Hit(
        "broadcast-shape",
        "fault" if judged else "warning",
        0.95 if judged else 0.8,
        f"{shown(left.facts.shape)} and {shown(right.facts.shape)} broadcast to {shown(result)}",
        f"`{left.site.source}` and `{right.site.source}` have one value per sample each, but every value of one meets "
        "every value of the other. Give both the same shape, with `squeeze` or `expand_dims` on the last axis.",
        (
            Evidence(f"shape of `{left.site.source}`", shown(left.facts.shape)),
            Evidence(f"shape of `{right.site.source}`", shown(right.facts.shape)),
            Evidence("shape of the result", shown(result)),
        ),
        score=float(short[0]) if isinstance(short[0], int) else 1.0,
    )
