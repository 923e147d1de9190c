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
    looped = [
        each for node in ast.walk(function) if isinstance(node, ast.For) for each in in_each_round(node)
    ]
    returned = body[-1].value if body and isinstance(body[-1], ast.Return) else None
    if returned is None:
        return looped
    found = looped
    live = _read([body[-1]])
    takers: dict[str, ast.expr] = {}
    for statement in reversed(body[:-1]):
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ast.Name):
                if target.id not in live and isinstance(statement.value, ast.Call):
                    taker = takers.get(target.id) or _copy(body, statement) or returned
                    found.append(Idle(target.id, statement.value, taker))
                takers[target.id] = statement.value
                live.discard(target.id)
        elif isinstance(statement, _BRANCHES):
            takers = {}
        live |= _read([statement])
    return found


def _copy(body: Sequence[ast.stmt], statement: ast.stmt) -> ast.expr | None:
    """Returns what a later statement sets a second name to, that is the same to the letter as what one is set to."""
    seen: set[str] = set()
    for later in body[body.index(statement) + 1 :]:
        if isinstance(later, ast.Assign):
            text = ast.unparse(later.value)
            if text in seen and isinstance(later.value, ast.Call):
                return later.value
            seen.add(text)
    return None


def in_each_round(loop: ast.For) -> list[Idle]:
    """Returns the names that each round of a loop sets anew, from a call of what it goes through, and no round reads.

    Only the last round counts then, as in `for block in self.blocks: x = block(inputs)`.
    """
    read = _read(loop.body)
    rounds = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
    found = []
    for statement in loop.body:
        if not isinstance(statement, ast.Assign):
            continue
        target = statement.targets[0]
        calls = [
            n for n in ast.walk(statement.value) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        ]
        layer = next((n for n in calls if n.func.id in rounds), None)  # type: ignore[attr-defined]
        if isinstance(target, ast.Name) and layer is not None and target.id not in read | rounds:
            found.append(Idle(target.id, layer, layer))
    return found


def _read(statements: Sequence[ast.stmt]) -> set[str]:
    """Returns the names that are read, those that are changed in place among them."""
    nodes = [n for s in statements for n in ast.walk(s)]
    read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return read | {
        n.target.id for n in nodes if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)
    }
