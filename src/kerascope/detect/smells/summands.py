"""The terms of a sum, however it is written: `a + b`, `t += a`, `sum([a, b])`, `mean(stack([a, b]), axis=0)`."""

from __future__ import annotations

import ast
import dataclasses
from typing import Any

import numpy as np

from kerascope.detect.smells import names
from kerascope.detect.smells.moment import Moment, Operand, array, floats
from kerascope.record.lines import Event, Site

_TOTALS = {"sum", "mean", "add_n", "accumulate_n", "average"}
_STACKS = {"stack"}
_MOST = 16


@dataclasses.dataclass(slots=True, eq=False)
class Term:
    """One term: its source, the expression where there is one, its values in a row, and the event it came with."""

    source: str
    node: ast.expr | None
    values: np.ndarray
    event: Event | None = None
    value: Any = None


def concerns(site: Site) -> bool:
    """Everything that adds up a few terms."""
    node = site.node
    if names.called(node) == "add":
        return True
    return isinstance(node, ast.Call) and names.called(node) in _TOTALS and bool(node.args)


def terms(moment: Moment) -> list[Term]:
    """Returns the terms of a sum; empty where they are not of one shape, or not told apart."""
    node = moment.node
    if isinstance(node, ast.AugAssign):
        return _augmented(moment, node)
    if names.called(node) == "add":
        sides, parts = moment.sides(), moment.terms()
        if sides is None or parts is None:
            return []
        return _of_operands(list(zip(sides, parts, strict=True)))
    listed = node.args[0]
    if isinstance(listed, (ast.List, ast.Tuple)):
        found = [(element, moment.part(element)) for element in listed.elts]
        if any(operand is None for _, operand in found):
            return []
        return _of_operands([(element, operand) for element, operand in found if operand is not None])
    held = [o for o in moment.operands if o.event.site.node is listed and o.event.path]
    if held:
        return _of_operands([(None, operand) for operand in held])
    return _stacked(moment, node, listed)


def _of_operands(parts: list[tuple[ast.expr | None, Operand]]) -> list[Term]:
    shapes = {operand.event.facts.shape for _, operand in parts}
    if len(shapes) != 1 or not 1 < len(parts) <= _MOST:
        return []
    found = []
    for node, operand in parts:
        values = floats(operand.value)
        if values is None:
            return []
        source = f"{operand.event.site.source}{operand.event.path}"
        found.append(Term(source, node, values, operand.event, operand.value))
    return found


def _augmented(moment: Moment, node: ast.AugAssign) -> list[Term]:
    """What is added, and what there was before: the new value without it."""
    if not isinstance(node.op, ast.Add):
        return []
    added = moment.part(node.value)
    new, values = floats(moment.value), None if added is None else floats(added.value)
    if added is None or new is None or values is None or moment.event.facts.shape != added.event.facts.shape:
        return []
    name = ast.unparse(node.target)
    event = moment.activation.definitions.get(name)  # not yet the new one
    old = new - values
    if event is not None and event.facts.mean is not None and new.size == 1:
        old = np.array([event.facts.mean])  # what is added may be so large that nothing is left of the rest
    before = Term(name, None, old)
    return [before, Term(added.event.site.source, node.value, values, added.event, added.value)]


def _stacked(moment: Moment, node: ast.Call, listed: ast.expr) -> list[Term]:
    """The mean or sum of a stack is taken along the axis it was made on."""
    made = listed
    if isinstance(listed, ast.Name):
        known = moment.activation.definitions.get(listed.id)
        made = known.site.node if known is not None and isinstance(known.site.node, ast.expr) else listed
    operand = moment.part(listed)
    if (
        operand is None
        or not isinstance(made, ast.Call)
        or names.called(made) not in _STACKS
        or not made.args
    ):
        return []
    parts, whole = made.args[0], array(operand.value)
    if not isinstance(parts, (ast.List, ast.Tuple)) or whole is None or whole.dtype.kind != "f":
        return []
    on, along = _axis(made, 0), _axis(node, None)
    if on is None or along != on or whole.ndim <= on or whole.shape[on] != len(parts.elts):
        return []
    rows = np.moveaxis(whole, on, 0).reshape(len(parts.elts), -1).astype(np.float64)
    return [Term(ast.unparse(part), part, row) for part, row in zip(parts.elts, rows, strict=True)]


def _axis(call: ast.Call, default: int | None) -> int | None:
    """Returns the axis a call is given as a literal; `default` where it is given none."""
    given = [k.value for k in call.keywords if k.arg in ("axis", "dim")] or call.args[1:2]
    if not given:
        return default
    value = given[0]
    return (
        value.value
        if isinstance(value, ast.Constant) and type(value.value) is int and value.value >= 0
        else None
    )
