"""Edits of the words by which entries of a dict are asked for: another one that it has."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer

_ASKING = ("get", "pop")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Subscript):
        yield from _another(context, node, node.value, node.slice)
    elif isinstance(node, ast.Call) and called(node) in _ASKING and isinstance(node.func, ast.Attribute):
        yield from (p for word in node.args[:1] for p in _another(context, node, node.func.value, word))
    elif isinstance(node, ast.Name):
        yield from _taken_apart(context, node)


def _another(context: Context, node: ast.expr, held: ast.expr, word: ast.expr) -> Iterator[Proposal]:
    """`inputs["mask"]` where there only is an `"attention_mask"`; `inputs[0]` of a dict."""
    keys, asked, place = context.keys(held), getattr(word, "value", None), integer(word)
    if place is not None and -len(keys) <= place < len(keys):
        yield context.swap(0.5, word, f'"{keys[place]}"')
        return
    if not keys or not isinstance(asked, str) or asked in keys:
        return
    function = context.function(node)
    read = {n.value for n in ast.walk(function or node) if isinstance(n, ast.Constant)}
    quote = context.text(word)[0]
    for key in keys:
        alike = difflib.SequenceMatcher(None, asked, key).ratio()
        yield context.swap(0.8 - 0.3 * alike - 0.3 * (key not in read), word, f"{quote}{key}{quote}")


def _taken_apart(context: Context, node: ast.Name) -> Iterator[Proposal]:
    """`image, text = inputs` of a dict, which gives its words: the entry that is most like each name."""
    parent, keys = context.parents.get(node), context.keys(node)
    target = parent.targets[0] if isinstance(parent, ast.Assign) else None
    if not isinstance(target, ast.Tuple) or not 1 < len(target.elts) <= len(keys):
        return
    left, found = list(keys), []
    for name in map(context.text, target.elts):
        best = max(left, key=lambda k: difflib.SequenceMatcher(None, name, k).ratio())
        left.remove(best)
        found.append(f'{node.id}["{best}"]')
    yield context.swap(0.5, node, ", ".join(found))
