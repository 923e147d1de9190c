"""Edits of sizes that are worked out twice: as another function of the class works them out, from names at hand here.

`pos` has `h // p` rows, where `call` makes `(h // p) * (w // p)` patches.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called
from kerascope.explain.lines.source import MAKERS

_COST = 1.15
_WORKED_OUT = (ast.Mult, ast.FloorDiv, ast.Add, ast.Sub, ast.Mod)


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    function = context.function(node)
    owner = context.owner(function) if function is not None else None
    if function is None or owner is None or function.name not in ("__init__", "build"):
        return
    if not _is_size(context, node):
        return
    text = ast.unparse(node)
    known = _known(function, node)
    for other in _sizes_of(context, owner, function):
        written = ast.unparse(other)
        if written != text and _names(other) <= known and not _within(node, other):
            yield context.swap(_COST, node, written)


def _is_size(context: Context, node: ast.expr) -> bool:
    """Tells whether an expression is a size of a weight, or is given a name to be one."""
    if not isinstance(node, (ast.BinOp, ast.Name, ast.Attribute, ast.Subscript)):
        return False
    parent = context.parents.get(node)
    if isinstance(parent, ast.Assign):
        return (
            isinstance(node, ast.BinOp)
            and len(parent.targets) == 1
            and isinstance(parent.targets[0], ast.Name)
        )
    shape = context.parents.get(parent) if isinstance(parent, (ast.Tuple, ast.List)) else None
    call = context.parents.get(shape) if isinstance(shape, ast.keyword) else shape
    return call is not None and called(call) in MAKERS


def _sizes_of(context: Context, owner: ast.ClassDef, function: ast.FunctionDef) -> list[ast.BinOp]:
    """Returns the sizes that the other functions of a class work out, each once."""
    found: dict[str, ast.BinOp] = {}
    for other in (f for f in ast.walk(owner) if isinstance(f, ast.FunctionDef) and f is not function):
        for node in ast.walk(other):
            if (
                isinstance(node, ast.BinOp)
                and isinstance(node.op, _WORKED_OUT)
                and context.shape(node) is None
            ):
                found.setdefault(ast.unparse(node), node)
    return list(found.values())


def _known(function: ast.FunctionDef, before: ast.expr) -> set[str]:
    """Returns the names that have a value where an expression stands."""
    names = {a.arg for a in function.args.args} | set(dir(builtins))
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.lineno < before.lineno:
            names.add(node.id)
    return names


def _names(node: ast.expr) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _within(node: ast.expr, other: ast.expr) -> bool:
    """Tells whether an expression is a part of the other as it stands: `n` in `2 * n` says nothing of `n`."""
    return isinstance(node, ast.Name) and node.id in _names(other)
