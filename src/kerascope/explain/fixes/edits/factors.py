"""Edits of a term that drowns another one: without the large number that it is multiplied by."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called

_LARGE = 10.0


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if (
        isinstance(node, ast.Call)
        and called(node) == "sum"
        and any(k.arg in ("axis", "dim") for k in node.keywords)
    ):
        text = context.text(node.func)
        yield context.swap(0.4, node.func, f"{text[: len(text) - len('sum')]}mean")
    if (
        isinstance(node, ast.Call)
        and called(node) == "cast"
        and context.dtype(node.args[0]).startswith(("uint", "int"))
    ):
        yield context.swap(0.4, node, f"{context.text(node)} / 255.0")  # pictures
    if not isinstance(node, ast.BinOp):
        return
    if isinstance(node.op, ast.Mult):
        for factor, rest in ((node.left, node.right), (node.right, node.left)):
            if (number := _number(factor)) is not None and abs(number) >= _LARGE:
                yield _without(number, context.swap(0.5, node, context.atom(rest)))
    elif isinstance(node.op, ast.Div):
        number = _number(node.right)
        if number is not None and 0 < abs(number) <= 1 / _LARGE:
            yield _without(number, context.swap(0.5, node, context.atom(node.left)))


def _without(number: float, proposal: Proposal) -> Proposal:
    """What is scaled in several places, such as both sides of a difference, is left as it is in all of them."""
    return dataclasses.replace(proposal, kind=f"without {number}")


def _number(node: ast.expr) -> float | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return float(value) if isinstance(value, (int, float)) else None
