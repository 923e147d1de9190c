"""Edits of the words by which entries of a dict are asked for: another one that it has."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called

_ASKING = ("get", "pop")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    held: ast.expr | None = None
    word: ast.expr | None = None
    if isinstance(node, ast.Subscript):
        held, word = node.value, node.slice
    elif isinstance(node, ast.Call) and called(node) in _ASKING and node.args:
        held, word = getattr(node.func, "value", None), node.args[0]
    if held is None or not isinstance(word, ast.Constant) or not isinstance(word.value, str):
        return
    keys = context.keys(held)
    if not keys or word.value in keys:
        return
    function = context.function(node)
    read = {n.value for n in ast.walk(function or node) if isinstance(n, ast.Constant)}
    quote = context.text(word)[0]
    for key in keys:
        alike = difflib.SequenceMatcher(None, word.value, key).ratio()
        yield context.swap(0.8 - 0.3 * alike - 0.3 * (key not in read), word, f"{quote}{key}{quote}")
