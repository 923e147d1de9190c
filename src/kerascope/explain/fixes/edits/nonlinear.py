"""Edits of activations that are applied twice: one of them is left out."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called

_SQUASHING = ("softmax", "sigmoid", "log_softmax")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if not isinstance(node, ast.Call):
        return
    for keyword in node.keywords:
        if keyword.arg == "activation" and _squashes(keyword.value):
            yield context.swap(0.4, keyword.value, "None")
    if called(node) in _SQUASHING and node.args:
        yield context.swap(0.7, node, context.text(node.args[0]))


def _squashes(value: ast.expr) -> bool:
    name = (
        value.value if isinstance(value, ast.Constant) else getattr(value, "attr", getattr(value, "id", ""))
    )
    return name in _SQUASHING
