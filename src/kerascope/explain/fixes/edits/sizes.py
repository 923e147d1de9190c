"""Edits of sizes that a function of tensors is given: another one of those that the object keeps."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called

_TAKING = {"one_hot": 1, "arange": 0, "eye": 0, "bincount": 1, "segment_sum": 2, "top_k": 1, "multi_hot": 1}
"""Functions that take a size, and its place."""


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call) and called(node) == "arange":
        yield from _half(context, node)
    if isinstance(node, ast.BinOp) and context.shape(node) is None:
        yield from _of_both_axes(context, node)
    place = _TAKING.get(called(node))
    if place is None or not isinstance(node, ast.Call):
        return
    given = [
        *node.args[place : place + 1],
        *(k.value for k in node.keywords if k.arg in ("num_classes", "k")),
    ]
    for value in given:
        text = context.text(value)
        if not isinstance(value, (ast.Name, ast.Attribute)) or context.shape(value) is not None:
            continue
        for name in context.sizes_near(node):
            if name != text:
                yield context.swap(0.9, value, name)


def _half(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Places up to half a size, as for pairs of features; or up to the whole of one that was halved."""
    for value in call.args[:2]:
        if context.shape(value) is not None or isinstance(value, ast.Constant):
            continue
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.FloorDiv):
            yield context.swap(1.2, value, context.text(value.left))
        else:
            yield context.swap(1.2, value, f"{context.atom(value)} // 2")


def _of_both_axes(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`c // r` where `r` goes along two axes, `size // patch ** 2` where the quotient is to be squared."""
    if isinstance(node.op, ast.FloorDiv) and isinstance(node.right, (ast.Name, ast.Attribute)):
        right = context.text(node.right)
        yield context.swap(1.2, node, f"{context.text(node.left)} // ({right} * {right})")
    power = node.right
    if (
        isinstance(node.op, (ast.FloorDiv, ast.Mult))
        and isinstance(power, ast.BinOp)
        and isinstance(power.op, ast.Pow)
    ):
        sign = "//" if isinstance(node.op, ast.FloorDiv) else "*"
        inner = f"{context.text(node.left)} {sign} {context.text(power.left)}"
        yield context.swap(0.9, node, f"({inner}) ** {context.text(power.right)}")
