"""Edits of an operator with the same call on both sides: in one of them another name that is made in the same way."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.alike import form
from kerascope.explain.fixes.edits.context import Context, Proposal

_GIVEN = {"y_true": "y_pred", "y_pred": "y_true"}


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    sides: list[ast.expr] = []
    if isinstance(node, ast.BinOp):
        sides = [node.right, node.left]
    elif isinstance(node, ast.Call) and len(node.args) == 2:
        sides = node.args[::-1]
    if not sides or not isinstance(sides[0], ast.Call) or ast.unparse(sides[0]) != ast.unparse(sides[1]):
        return
    for cost, side in zip((0.2, 0.3), sides, strict=True):
        for name in (n for n in ast.walk(side) if isinstance(n, ast.Name)):
            for other in _alike(context, name):
                yield context.swap(cost, name, other)


def _alike(context: Context, name: ast.Name) -> Iterator[str]:
    function, own = context.function(name), context.given(name)
    if function is None or not own:
        if context.in_loss(name) and name.id in _GIVEN:
            yield _GIVEN[name.id]
        return
    for statement in ast.walk(function):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        other = target.id if isinstance(target, ast.Name) else name.id
        if other != name.id and form(statement.value) == form(own[0]):  # type: ignore[attr-defined]
            yield other
