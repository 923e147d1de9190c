"""What is done to axes and changes nothing: the transposition to the order that is there, or, without a word on
PyTorch, a squeeze of an axis that holds more than one entry.
"""

from __future__ import annotations

import ast

from kerascope.detect.smells import names
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.record.lines import Site
from kerascope.values import Evidence


def concerns(site: Site) -> bool:
    """Calls that squeeze an axis that is named."""
    node = site.node
    named = isinstance(node, ast.Call) and (
        len(node.args) > 1 or any(k.arg in ("axis", "dim") for k in node.keywords)
    )
    return named and names.called(node) == "squeeze"


def judge(moment: Moment) -> Verdict:
    """What comes out has as many axes as what went in."""
    operand = moment.part(moment.argument(0, "x", "input", "a"))
    if operand is None or operand.event.facts.shape is None:
        return None
    before, after = operand.event.facts.shape, moment.event.facts.shape
    if after is None or len(before) != len(after):
        return CLEAR
    axis = moment.number(moment.argument(1, "axis", "dim"))
    if axis is None or before[int(axis)] == 1:
        return CLEAR
    text, shown = operand.event.site.source, str(before).replace("None", "B")
    return Hit(
        "wrong-axis",
        "fault",
        0.95,
        f"`{moment.site.source}` takes no axis away",
        f"Axis {int(axis)} of `{text}` has {before[int(axis)]} entries, and only an axis of one can be left out. "
        "PyTorch does nothing then; JAX and TensorFlow fail.",
        (Evidence(f"shape of `{text}`", shown),),
    )


def concerns_order(site: Site) -> bool:
    """Calls that put the axes into an order that is written down."""
    return _order(site.node) is not None


def judge_order(moment: Moment) -> Verdict:
    """The order is the one that is there."""
    order = _order(moment.node)
    if order is None or order != sorted(order) or order[0] != 0:
        return CLEAR
    return Hit(
        "wrong-axis",
        "fault",
        0.95,
        f"`{moment.site.source}` leaves the axes as they are",
        f"The order {tuple(order)} is the one that is there already, so nothing is transposed.",
        (Evidence("order", str(tuple(order))),),
    )


def _order(node: ast.AST) -> list[int] | None:
    """Returns the order that a transposition is given; None where it is not written down as numbers."""
    if not isinstance(node, ast.Call) or names.called(node) not in ("transpose", "permute"):
        return None
    found = [
        n for n in [*node.args, *(k.value for k in node.keywords)] if isinstance(n, (ast.Tuple, ast.List))
    ]
    values = [getattr(n, "value", None) for n in found[-1].elts] if found else []
    numbers = [value for value in values if type(value) is int]
    return numbers if len(numbers) > 1 and len(numbers) == len(values) else None
