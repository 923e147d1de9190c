"""Edits of loops in which only the last round counts: what each round gives goes into the next."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, position
from kerascope.explain.fixes.idle import in_each_round
from kerascope.explain.fixes.patch import Edit


def of_function(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Yields edits of a whole function."""
    for loop in (n for n in ast.walk(function) if isinstance(n, ast.For)):
        for idle in in_each_round(loop):
            for statement in loop.body:
                if isinstance(statement, ast.Assign) and any(n is idle.value for n in ast.walk(statement)):
                    yield from _into_the_next(context, function, statement, idle.name)


def _into_the_next(
    context: Context, function: ast.FunctionDef, statement: ast.Assign, name: str
) -> Iterator[Proposal]:
    """`h = x + block(x)`: `x = x + block(x)`, and `x` where `h` is read afterwards."""
    read = [n for n in ast.walk(statement.value) if isinstance(n, ast.Name) and context.shape(n)]
    after = [
        n
        for n in ast.walk(function)
        if isinstance(n, ast.Name)
        and n.id == name
        and isinstance(n.ctx, ast.Load)
        and n.lineno > statement.lineno
    ]
    for other in dict.fromkeys(n.id for n in read):
        if other != name:
            edits = [Edit(position(n), other) for n in (statement.targets[0], *after)]
            yield Proposal(0.4, f"{name} -> {other}, from round to round", tuple(edits))
