"""Edits of roots of numbers that may be exactly zero, where the result is sound and its gradient is none."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called
from kerascope.explain.fixes.edits.guards import prefix_of

_LEAST = "1e-12"
"""So little that the root, 1e-6, does not show beside others, and no less than float32 can hold."""


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if not isinstance(node, ast.Call) or called(node) != "sqrt" or len(node.args) != 1:
        return
    prefix, inner = prefix_of(context, node), node.args[0]
    if prefix is not None:
        limited = context.swap(0.5, inner, f"{prefix}.maximum({context.text(inner)}, {_LEAST})")
        yield Proposal(0.5, f"at least {_LEAST} inside sqrt", limited.edits)
