"""What a value is assigned to, as the source says it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator


def pairs(value: ast.expr, targets: list[ast.expr]) -> list[tuple[ast.expr, ast.expr]]:
    """Returns element and target of `a, b = x, y`; nothing where an element reads a target, as in `a, b = b, a`."""
    if len(targets) != 1 or not isinstance(value, ast.Tuple) or not isinstance(targets[0], ast.Tuple):
        return []
    names = {n.id for n in ast.walk(targets[0]) if isinstance(n, ast.Name)}
    read = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
    plain = all(isinstance(t, ast.Name) for t in targets[0].elts) and not names & read
    return list(zip(value.elts, targets[0].elts, strict=False)) if plain else []


def target_names(targets: list[ast.expr], text: Callable[[ast.AST], str]) -> Iterator[str]:
    """Yields the names and places that are assigned to, those in tuples one by one."""
    for target in targets:
        if isinstance(target, (ast.Tuple, ast.List)):
            yield from target_names(target.elts, text)
        elif isinstance(target, ast.Starred):
            yield text(target.value)
        else:
            yield text(target)
