"""Edits that give one answer for each row: a layer that hands on all steps, or nothing that flattens before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain import scopes
from kerascope.explain.remedies import edits
from kerascope.explain.remedies.edits import Change
from kerascope.explain.remedies.program import spelled
from kerascope.explain.scopes import Module


def rewrites(module: Module, nodes: list[ast.expr | ast.stmt]) -> Iterator[tuple[str, list[Change]]]:
    """Hands on the last step only, or flattens what comes to the dense layer that is blamed."""
    for node in nodes:
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg == "return_sequences" and getattr(keyword.value, "value", None) is True:
                yield "`return_sequences=False`", [edits.replaced(module, keyword.value, "False")]
        if isinstance(node, ast.Call) and scopes.called(node) == "Dense":
            yield from _before(module, node)


def _before(module: Module, made: ast.Call) -> Iterator[tuple[str, list[Change]]]:
    words, parent = "`Flatten()` in front", module.parents.get(made)
    layer = f"{_like(module, made)}()"
    statement = edits.statement_of(module, made)
    if isinstance(parent, ast.List):
        yield words, [edits.replaced(module, made, f"{layer}, {edits.source_of(module, made)}")]
    elif isinstance(parent, ast.Call) and parent.func is made and len(parent.args) == 1:
        given = parent.args[0]
        yield words, [edits.replaced(module, given, f"{layer}({edits.source_of(module, given)})")]
    elif isinstance(parent, ast.Call) and scopes.called(parent) == "add" and statement is not None:
        line = f"{edits.source_of(module, parent.func)}({layer})"
        yield words, [edits.inserted(module, statement, [line])]


def _like(module: Module, made: ast.Call) -> str:
    """Returns `Flatten` in the library that the layer comes from."""
    text = edits.source_of(module, made.func)
    if text.endswith(".Dense"):
        return text.removesuffix("Dense") + "Flatten"
    return spelled(module, "keras.layers.Flatten")[0]
