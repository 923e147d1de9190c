"""Edits of losses that are not what they are called: an overlap that is counted once, a margin below zero."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if context.in_loss(node):
        yield from _of_loss(context, node)


def _of_loss(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Twice the overlap over the sum of both; the larger of two for the smaller; the other sign."""
    parent = context.parents.get(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and context.shape(node) is not None:
        top = node.left
        first = top.left if isinstance(top, ast.BinOp) and isinstance(top.op, ast.Add) else top
        yield context.swap(0.4, first, f"2.0 * {context.atom(first)}")
    elif isinstance(node, ast.Call) and called(node) == "minimum":
        text = context.text(node.func)
        yield context.swap(0.3, node.func, f"{text[: -len('minimum')]}maximum")
    if isinstance(parent, ast.Return) and isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield context.swap(0.6, node, context.text(node.operand))
