"""Edits of a name where it is set rather than where it is read: what does not line up is often read several times."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator

from kerascope.explain.fixes.edits import operands
from kerascope.explain.fixes.edits.context import Context, Proposal, position, short
from kerascope.explain.fixes.patch import Edit

_LATER = 0.1
"""Added to the cost of what is as well done where the name is read."""


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    shape = context.shape(node)
    if not isinstance(node, ast.BinOp) or (shape is not None and shape.count("B") < 2):
        return  # it did work
    for operand, other in ((node.left, node.right), (node.right, node.left)):
        name = _held(context, operand)
        value = _set_once(context, name) if name is not None else None
        if name is None or value is None:
            continue
        for proposal in operands.lined_up(context, node, name, other):
            edit = proposal.edits[0]
            if edit.position == position(name):
                made = context.atom(value).replace("\\", r"\\")
                text = re.sub(rf"\b{name.id}\b", made, edit.text)
                description = f"{name.id} = {short(context.text(value))} -> {short(text)}"
                edits = (Edit(position(value), text),)
                yield dataclasses.replace(
                    proposal, cost=proposal.cost + _LATER, description=description, edits=edits
                )


def _held(context: Context, operand: ast.expr) -> ast.Name | None:
    """Returns the name that has the shape of an operand, such as `levels` of `levels - 1.0`."""
    shape = context.shape(operand)
    found = [n for n in ast.walk(operand) if isinstance(n, ast.Name) and context.shape(n) == shape]
    return found[0] if shape and len(found) == 1 else None


def _set_once(context: Context, name: ast.Name) -> ast.expr | None:
    """Returns what a name is set to, where that is done once and read more than once; None elsewhere."""
    function = context.function(name)
    values = context.given(name)
    if function is None or len(values) != 1:
        return None
    reads = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name.id]
    return values[0] if len(reads) > 2 and values[0].lineno < name.lineno else None
