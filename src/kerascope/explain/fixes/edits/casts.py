"""Edits of data types: operands of one operation that differ in it, and indices that are no integers."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal

_WHOLE = ("int", "uint", "bool")
_INDICES = {"indices", "index", "ids"}


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call):
        yield from _whole_numbers(context, node)
        yield from _sizes(context, node)
    elif isinstance(node, ast.Subscript) and _may_be_floats(context, node.slice):
        text = context.spell("index", node, context.text(node.slice))
        if text is not None:
            yield context.swap(0.6, node.slice, text)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv) and context.shape(node):
        yield context.swap(0.7, node, f"{context.text(node.left)} / {context.text(node.right)}")
    yield from _casts(context, node)


def _whole_numbers(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Indices that are no integers."""
    for name, value in zip(context.parameters(call), call.args, strict=False):
        kind = context.dtype(value)
        if name in _INDICES and (kind.startswith(("float", "bfloat")) or (kind and context.in_loss(call))):
            text = context.spell("index", call, context.text(value))
            if text is not None and text != context.text(value):  # Keras hands losses their targets as floats
                yield context.swap(0.7, value, text)


def _may_be_floats(context: Context, index: ast.expr) -> bool:
    """Tells whether an index is no integer, or may not be one: Keras hands losses their targets as floats."""
    target = context.in_loss(index) and isinstance(index, ast.Name) and index.id == "y_true"
    return target or context.dtype(index).startswith(("float", "bfloat"))


def _sizes(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """A tensor given where its shape is wanted: `random.normal(x)`."""
    for name, value in zip(context.parameters(call), call.args, strict=False):
        if (
            name in ("shape", "size")
            and context.shape(value)
            and isinstance(value, (ast.Name, ast.Attribute))
        ):
            prefix = next((p for p in context.prefixes() if p.split(".")[-1] == "ops"), None)
            if prefix is not None:
                yield context.swap(0.4, value, f"{prefix}.shape({context.text(value)})")


def _casts(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Operands of one operation that differ in data type."""
    parts: list[ast.expr] = []
    if isinstance(node, ast.BinOp):
        parts = [node.left, node.right]
    elif isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.Call):
        parts = node.args[:3]
    typed = [(part, context.dtype(part)) for part in parts if context.dtype(part)]
    for part, kind in typed:
        for other, other_kind in typed:
            if other is not part and kind != other_kind:
                text = context.spell("cast", node, context.text(part), f"{context.atom(other)}.dtype")
                if text is not None:
                    whole = other_kind.startswith(_WHOLE)  # what lies between is lost
                    cost = 1.1 if kind.startswith(_WHOLE) else 1.9 if whole else 1.5
                    if isinstance(node, ast.Call) and not kind.startswith(_WHOLE) and not whole:
                        cost = 1.2  # floats of two widths: operators would have taken them
                    yield context.swap(cost, part, text)
