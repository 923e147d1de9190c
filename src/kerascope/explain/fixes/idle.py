"""Steps whose result nothing uses: `x = first(inputs); x = second(inputs)`."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

_BRANCHES = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match, ast.FunctionDef, ast.ClassDef)


class Idle(NamedTuple):
    """A name that is set in vain, what it is set to, and the expression that takes its place or is returned."""

    name: str
    value: ast.expr
    taker: ast.expr


def idle(function: ast.FunctionDef) -> list[Idle]:
    """Returns the names that are set to the result of a call and not read before they are set anew or all is over."""
    body = function.body
    returned = body[-1].value if body and isinstance(body[-1], ast.Return) else None
    if returned is None:
        return []
    found = []
    live = _read([body[-1]])
    takers: dict[str, ast.expr] = {}
    for statement in reversed(body[:-1]):
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ast.Name):
                if target.id not in live and isinstance(statement.value, ast.Call):
                    found.append(Idle(target.id, statement.value, takers.get(target.id, returned)))
                takers[target.id] = statement.value
                live.discard(target.id)
        elif isinstance(statement, _BRANCHES):
            takers = {}
        live |= _read([statement])
    return found


def _read(statements: Sequence[ast.stmt]) -> set[str]:
    """Returns the names that are read, those that are changed in place among them."""
    nodes = [n for s in statements for n in ast.walk(s)]
    read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return read | {
        n.target.id for n in nodes if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)
    }
