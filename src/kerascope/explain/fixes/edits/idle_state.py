"""Edits of what an object holds and nothing reads: a sublayer, weight or size meant where something else stands."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from typing import TypeGuard

from kerascope.explain.fixes.edits.context import Context, Proposal, called
from kerascope.explain.lines.source import MAKERS

_OF_KERAS = ("built", "supports_masking", "input_spec", "trainable", "stateful", "name")
_MAKES = ("__init__", "build")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    function = context.function(node)
    if function is None or function.name == "__init__":
        return
    if function.name != "build" and isinstance(node, (ast.Call, ast.BinOp)):
        yield from _with_weight(context, node)
    if isinstance(node, ast.Attribute) and _on_self(node) and isinstance(node.ctx, ast.Load):
        now = _made(context, node, node.attr)
        for name, value in unread(context, node).items():
            if name != node.attr:
                alike = difflib.SequenceMatcher(None, node.attr, name).ratio()
                cost = 1.0 - 0.4 * alike + 0.3 * (_sort(value) != _sort(now))
                yield context.swap(cost, node, f"self.{name}")
        if _sort(now) == "layer" and isinstance(context.parents.get(node), (ast.BinOp, ast.Tuple, ast.List)):
            yield from _sizes(context, node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        parent = context.parents.get(node)
        if isinstance(node.value, bool) or not isinstance(parent, (ast.Call, ast.BinOp, ast.Tuple, ast.List)):
            return
        for name, value in unread(context, node).items():
            held = "weight" if function.name == "call" and isinstance(parent, ast.Call) else "given"
            if _sort(value) in (held, "given"):
                yield context.swap(0.8, node, f"self.{name}")


def _with_weight(context: Context, node: ast.Call | ast.BinOp) -> Iterator[Proposal]:
    """A weight that nothing reads, added to what has its size, or multiplied by it: first where another weight is used.

    What it begins with tells how it is meant: zeros are added, ones are multiplied.
    """
    shape, parent = context.shape(node), context.parents.get(node)
    for name, value in unread(context, node).items() if shape else ():
        size = context.shape(value)
        if _sort(value) != "weight" or not size or shape is None or shape[-len(size) :] != size:
            continue
        parts = [*ast.iter_child_nodes(node)]
        weighed = any(_sort(_made(context, node, n.attr)) == "weight" for n in parts if _is_own(n))
        whole = isinstance(parent, (ast.Assign, ast.Return))
        if not weighed and not whole:
            continue
        for cost, operator in _operators(name, value):
            plain = operator == "+" and isinstance(node, ast.BinOp)
            text = f"{context.text(node) if plain else context.atom(node)} {operator} self.{name}"
            text = text if isinstance(parent, (ast.Assign, ast.Return, ast.Call)) else f"({text})"
            yield context.swap(cost + 0.3 * (not weighed), node, text)


def _operators(name: str, value: ast.expr) -> list[tuple[float, str]]:
    begins = ast.unparse(value)
    if "zeros" in begins.lower() or any(word in name for word in ("bias", "beta", "shift", "offset")):
        return [(0.4, "+")]
    if "ones" in begins.lower() or any(word in name for word in ("scale", "gamma", "gain")):
        return [(0.4, "*")]
    return [(0.5, "+"), (0.6, "*")]


def _is_own(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and _on_self(node)


def _sizes(context: Context, node: ast.Attribute) -> Iterator[Proposal]:
    """Nobody computes with a layer: what the constructor is given, in its place."""
    owner = context.owner(node)
    for statement in ast.walk(owner) if owner is not None else ():
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if not isinstance(target, ast.Attribute) or not _on_self(target) or target.attr == node.attr:
            continue
        if isinstance(statement.value, (ast.Name, ast.BinOp, ast.Constant)):  # type: ignore[attr-defined]
            yield context.swap(0.9, node, f"self.{target.attr}")


def unread(context: Context, near: ast.AST) -> dict[str, ast.expr]:
    """Returns the attributes that a class sets on itself and never reads, each with what it is set to."""
    owner = context.owner(near)
    if owner is None:
        return {}
    if owner not in context.unread:
        context.unread[owner] = _unread(context, owner)
    return context.unread[owner]


def _unread(context: Context, owner: ast.ClassDef) -> dict[str, ast.expr]:
    read = {
        n.attr
        for f in owner.body
        if not (isinstance(f, ast.FunctionDef) and f.name == "get_config")
        for n in ast.walk(f)
        if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load) and _on_self(n)
    }
    found: dict[str, ast.expr] = {}
    for statement in ast.walk(owner):
        for target in statement.targets if isinstance(statement, ast.Assign) else ():
            maker = context.function(target)
            if isinstance(target, ast.Attribute) and _on_self(target) and maker is not None:
                public = target.attr not in (*_OF_KERAS, *read)
                if public and maker.name in _MAKES:
                    found.setdefault(target.attr, statement.value)  # type: ignore[attr-defined]
    return found


def _made(context: Context, near: ast.AST, name: str) -> ast.expr | None:
    for statement in ast.walk(context.owner(near) or near):
        for target in statement.targets if isinstance(statement, ast.Assign) else ():
            if isinstance(target, ast.Attribute) and _on_self(target) and target.attr == name:
                value: ast.expr = statement.value  # type: ignore[attr-defined]
                return value
    return None


def _sort(value: ast.expr | None) -> str:
    """Tells layers, weights and plain values apart, by what makes them."""
    if value is None:
        return ""
    if called(value) in MAKERS:
        return "weight"
    if called(value)[:1].isupper():
        return "layer"
    return "other" if isinstance(value, ast.Call) else "given"


def _on_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"
