"""Edits of activations that are applied twice, one of them left out, and of scores compared with one half."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called
from kerascope.explain.fixes.edits.guards import prefix_of
from kerascope.promises import threshold

_SQUASHING = ("softmax", "sigmoid", "log_softmax")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.expr) and (side := threshold(node)) is not None:
        yield from _middle(context, node, side)
    if not isinstance(node, ast.Call):
        return
    for keyword in node.keywords:
        if keyword.arg == "activation" and _squashes(keyword.value):
            yield context.swap(0.1 if _named_scores(context, node) else 0.4, keyword.value, "None")
    if called(node) in _SQUASHING and node.args:
        warm = isinstance(node.args[0], ast.BinOp) and isinstance(node.args[0].op, ast.Div)
        yield context.swap(1.3 if warm else 0.7, node, context.text(node.args[0]))  # a temperature is meant


def _named_scores(context: Context, call: ast.Call) -> bool:
    parent = context.parents.get(call)
    return isinstance(parent, ast.Assign) and any("logit" in context.text(t) for t in parent.targets)


def _middle(context: Context, node: ast.expr, side: ast.expr) -> Iterator[Proposal]:
    """`logits > 0.5`: the middle of scores is zero."""
    half = next((n for n in ast.walk(node) if isinstance(n, ast.Constant) and n.value == 0.5), None)
    if half is not None:
        yield context.swap(0.3, half, "0.0")
    prefix = prefix_of(context, node) if isinstance(node, ast.Call) else next(iter(context.prefixes()), None)
    if prefix is not None:
        yield context.swap(0.4, side, f"{prefix}.sigmoid({context.text(side)})")


def _squashes(value: ast.expr) -> bool:
    name = (
        value.value if isinstance(value, ast.Constant) else getattr(value, "attr", getattr(value, "id", ""))
    )
    return name in _SQUASHING
