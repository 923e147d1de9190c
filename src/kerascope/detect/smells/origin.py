"""Whether a name holds gradients: read from where the source takes it from."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.detect.smells.source import callee, function
from kerascope.record.lines import Site

_DEEP = 5


def is_gradient(node: ast.AST, site: Site, deep: int = _DEEP) -> bool:
    """Tells whether the source says that something is a gradient: what a call such as `tape.gradient` returned.

    Loops over several of them are followed: in `[a + b for a, b in zip(first, second)]` to `first` and `second`.
    """
    scope = function(site)
    if deep == 0 or scope is None:
        return False
    if isinstance(node, ast.Name):
        return any(is_gradient(value, site, deep - 1) for value in _values(scope, node.id))
    if isinstance(node, ast.Attribute):
        return node.attr == "grad"
    if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        return any(is_gradient(generator.iter, site, deep - 1) for generator in node.generators)
    if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Subscript)):
        parts = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)]
        return any(is_gradient(part, site, deep - 1) for part in parts)
    if not isinstance(node, ast.Call):
        return False
    inner = node.func if isinstance(node.func, ast.Call) else node  # `jax.grad(f)(x)`
    if isinstance(inner, ast.Call) and "grad" in callee(inner):
        return True
    return callee(node) in ("zip", "list", "tuple") and any(is_gradient(a, site, deep - 1) for a in node.args)


def _values(scope: ast.AST, name: str) -> Iterator[ast.expr]:
    """Yields what a name is assigned, or goes over, anywhere in a function."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _matching(target, node.value, name)
        elif isinstance(node, (ast.comprehension, ast.For)):
            yield from _matching(node.target, node.iter, name)


def _matching(target: ast.AST, value: ast.expr, name: str) -> Iterator[ast.expr]:
    if isinstance(target, ast.Name) and target.id == name:
        yield value
    elif isinstance(target, (ast.Tuple, ast.List)):
        given = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
        if isinstance(value, ast.Call) and callee(value) == "zip":
            given = value.args
        for place, element in enumerate(target.elts):
            yield from _matching(element, given[place] if place < len(given) else value, name)
