"""Edits after which each of the one meets each of the other: both operands are given an axis, on different places."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called

_ELEMENTWISE = (
    *("add", "subtract", "multiply", "divide", "maximum", "minimum", "equal", "not_equal", "greater", "less"),
    *("logical_and", "logical_or", "squared_difference"),
)


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.MatMult):
        yield from _each_with_each(context, node, node.left, node.right)
    elif isinstance(node, ast.Compare) and len(node.comparators) == 1:
        yield from _each_with_each(context, node, node.left, node.comparators[0])
    elif isinstance(node, ast.Call) and called(node) in _ELEMENTWISE and len(node.args) == 2:
        yield from _each_with_each(context, node, *node.args)


def _each_with_each(context: Context, node: ast.expr, a: ast.expr, b: ast.expr) -> Iterator[Proposal]:
    """As many axes, of which one alone has two sizes: (B, 5, 4) and (B, 3, 4) to (B, 5, 3, 4)."""
    one, two = context.shape(a) or (), context.shape(b) or ()
    odd = [axis for axis, (x, y) in enumerate(zip(one, two, strict=False)) if x != y]
    if len(one) != len(two) or len(odd) != 1 or context.shape(node) is not None:
        return
    axis = odd[0]
    if 1 in (one[axis], two[axis]) or "B" in (one[axis], two[axis]):
        return
    left = context.spell("expand", node, context.text(a), str(axis + 1))
    right = context.spell("expand", node, context.text(b), str(axis))
    if left is None or right is None:
        return
    edits = (*context.swap(0, a, left).edits, *context.swap(0, b, right).edits)
    # Two lengths of a sequence are rather a slip of one of them; features never meet features so. What is added or
    # multiplied by an operator is mostly made of the other, or cut out of the same: a residual, a gate, a window.
    cost = 2.0 if isinstance(node, ast.BinOp) else 0.9 if axis < len(one) - 1 else 1.2
    yield Proposal(cost, f"{context.text(node)[:50]} -> each with each", edits)
