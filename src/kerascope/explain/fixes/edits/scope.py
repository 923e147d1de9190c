"""Edits of how far a reduction reaches: `a * sum(b)` for `sum(a * b)`, and the reverse; the sides of a quotient."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.arguments import REDUCTIONS
from kerascope.explain.fixes.edits.context import Context, Proposal, called

_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        yield from _wider(context, node)
        if isinstance(node.op, ast.Div) and context.shape(node.left) and context.shape(node.right):
            text = f"{_factor(context, node.right)} / {_factor(context, node.left)}"
            yield context.swap(1.7, node, text)
    elif called(node) in REDUCTIONS and node.args and isinstance(node.args[0], ast.BinOp):  # type: ignore[attr-defined]
        yield from _narrower(context, node, node.args[0])  # type: ignore[attr-defined, arg-type]


def _wider(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    sign = _SIGNS[type(node.op)]
    for side, other in ((node.right, node.left), (node.left, node.right)):
        if called(side) not in REDUCTIONS or context.shape(other) is None:
            continue
        assert isinstance(side, ast.Call)
        method = isinstance(side.func, ast.Attribute) and context.kind(side.func.value) is None
        inner = side.func.value if method else (side.args[0] if side.args else None)  # type: ignore[attr-defined]
        if inner is None or context.shape(inner) is None:
            continue
        pair = (other, inner) if side is node.right else (inner, other)
        whole = f"{_factor(context, pair[0])} {sign} {_factor(context, pair[1])}"
        cost = 1.0 if context.shape(inner) == context.shape(other) else 1.5
        text = context.text(side)
        if not method:
            yield context.swap(cost, node, text.replace(context.text(inner), whole, 1))
            continue
        words = ", ".join(context.text(a) for a in (*side.args, *side.keywords))
        prefix = next(iter(context.prefixes()), None)
        if prefix is not None and words:
            yield context.swap(cost - 0.2, node, f"{prefix}.{called(side)}({whole}, {words})")


def _narrower(context: Context, call: ast.Call, whole: ast.BinOp) -> Iterator[Proposal]:
    sign = _SIGNS.get(type(whole.op))
    method = isinstance(call.func, ast.Attribute) and context.kind(call.func.value) is None
    if sign is None or method:
        return
    text, inner = context.text(call), context.text(whole)
    for side, other in ((whole.right, whole.left), (whole.left, whole.right)):
        if context.shape(side) is None or context.shape(other) is None:
            continue
        reduced = text.replace(inner, context.text(side), 1)
        pair = (context.atom(other), reduced) if side is whole.right else (reduced, context.atom(other))
        yield context.swap(1.6, call, f"({pair[0]} {sign} {pair[1]})")


def _factor(context: Context, node: ast.expr) -> str:
    return context.atom(node)
