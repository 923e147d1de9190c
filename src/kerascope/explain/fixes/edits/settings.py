"""Edits of what a file sets once: numbers at its top and in a class, defaults of parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer

_AXES = ("axis", "dim", "axes")
_TOOLS = ("partial",)


def places(context: Context, functions: Sequence[ast.FunctionDef]) -> list[ast.expr]:
    """Returns what is set outside of functions and can be changed: plain values that the functions read."""
    read = {n.id for f in functions for n in ast.walk(f) if isinstance(n, ast.Name)}
    owners = {o for f in functions if (o := context.owner(f)) is not None}
    attributes = {n.attr for o in owners for n in ast.walk(o) if isinstance(n, ast.Attribute)}
    found: list[ast.expr] = []
    for names, body in ((read, context.tree.body), *((attributes, o.body) for o in owners)):
        for statement in body:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            if any(isinstance(t, ast.Name) and t.id in names for t in targets) and is_plain(statement.value):  # type: ignore[attr-defined]
                found.append(statement.value)  # type: ignore[attr-defined]
    return [*found, *(d for f in functions for d in f.args.defaults if is_plain(d))]


def is_plain(value: ast.expr) -> bool:
    """Tells what can be worked out again without any effect: literals, and functions with some arguments filled in."""
    if isinstance(value, ast.Call):
        given = [*value.args[1:], *(k.value for k in value.keywords)]
        filled = isinstance(value.args[0], (ast.Name, ast.Attribute)) if value.args else False
        return called(value) in _TOOLS and filled and all(map(is_plain, given))
    if isinstance(value, (ast.Tuple, ast.List)):
        return all(map(is_plain, value.elts))
    if isinstance(value, ast.BinOp):
        return is_plain(value.left) and is_plain(value.right)
    return isinstance(value, ast.Constant) or integer(value) is not None


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields other values of a setting."""
    now = integer(node)
    name = _name(context, node)
    if now is None or not name:
        return
    if any(word in name.lower().split("_") for word in _AXES):
        for index, value in enumerate((-1, 1, 2, 0)):
            if value != now:
                yield context.swap(1.1 + 0.05 * index + 0.4 * (value == 0), node, str(value))
        return
    if now < 1:
        return
    for size in context.dims:
        if size != now:
            yield context.swap(1.45, node, str(size))
    for value in (now + 1, now - 1, now * 2, now // 2):
        if value > 0 and value not in context.dims:
            yield context.swap(1.6, node, str(value))


def _name(context: Context, node: ast.expr) -> str:
    """Returns what a value is set as, outside of the bodies of functions; "" elsewhere."""
    parent = context.parents.get(node)
    if isinstance(parent, ast.Assign) and isinstance(context.parents.get(parent), (ast.Module, ast.ClassDef)):
        return next((t.id for t in parent.targets if isinstance(t, ast.Name)), "")
    if isinstance(parent, ast.arguments) and node in parent.defaults and not parent.posonlyargs:
        given = parent.args[len(parent.args) - len(parent.defaults) :]
        return given[parent.defaults.index(node)].arg
    return ""
