"""Edits of what was copied and not changed, both sides of an operator or a line: another name that is made alike."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kerascope.explain.fixes.edits.alike import form
from kerascope.explain.fixes.edits.context import Context, Proposal
from kerascope.explain.fixes.idle import idle

_GIVEN = {"y_true": "y_pred", "y_pred": "y_true"}


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    yield from _line(context, node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Sub, ast.Div)):
        yield from _difference(context, node)
    sides: list[ast.expr] = []
    if isinstance(node, ast.BinOp):
        sides = [node.right, node.left]
    elif isinstance(node, ast.Call) and len(node.args) == 2:
        sides = node.args[::-1]
    if not sides or not isinstance(sides[0], ast.Call) or ast.unparse(sides[0]) != ast.unparse(sides[1]):
        return
    for cost, side in zip((0.2, 0.3), sides, strict=True):
        for name in (n for n in ast.walk(side) if isinstance(n, ast.Name)):
            for other in _alike(context, name):
                yield context.swap(cost, name, other)


def _difference(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`x - x`: another name of that shape on one side, or its other end."""
    if isinstance(node.left, ast.Name) and isinstance(node.right, ast.Name):
        if node.left.id != node.right.id:
            return
        function = context.function(node)
        shape = context.shape(node.left)
        reads = [n for n in ast.walk(function) if isinstance(n, (ast.Name, ast.arg))] if function else []
        others = dict.fromkeys(n.id if isinstance(n, ast.Name) else n.arg for n in reads)
        for other in others:
            known = [n for n in reads if isinstance(n, ast.Name) and n.id == other and context.shape(n)]
            fits = any(context.shape(n) == shape for n in known) or (not known and context.in_loss(node))
            if other not in (node.left.id, "self") and fits and _is_set(function, other, node):
                cost = 0.1 if other in _GIVEN else 0.4
                yield context.swap(cost, node.left if other == "y_true" else node.right, other)
                yield context.swap(cost + 0.1, node.right if other == "y_true" else node.left, other)
    elif isinstance(node.left, ast.Subscript) and context.text(node.left) == context.text(node.right):
        for cost, side in ((0.2, node.right), (0.3, node.left)):
            for text in _other_ends(context.text(side)):
                yield context.swap(cost, side, text)


def _is_set(function: ast.FunctionDef | None, name: str, before: ast.expr) -> bool:
    """Tells whether a name is a parameter, or is set before an expression."""
    return function is not None and any(
        (isinstance(n, ast.arg) and n.arg == name)
        or (
            isinstance(n, ast.Name)
            and n.id == name
            and isinstance(n.ctx, ast.Store)
            and n.lineno < before.lineno
        )
        for n in ast.walk(function)
    )


def _other_ends(text: str) -> Iterator[str]:
    """`x[:, 1:]` for `x[:, :-1]`, and the reverse."""
    for match in re.finditer(r"(?<![\w.])(-?\d*):(-?\d*)(?![\w.])", text):
        first, last = match.groups()
        if first and not last and not first.startswith("-"):
            yield f"{text[: match.start()]}:-{first}{text[match.end() :]}"
        elif last.startswith("-") and not first:
            yield f"{text[: match.start()]}{last[1:]}:{text[match.end() :]}"


def _line(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """A line that is the same as one before it, but for the name that it sets: a name that nothing reads yet."""
    function, statement = context.function(node), context.parents.get(node)
    if function is None or not isinstance(statement, ast.Assign) or not isinstance(node, ast.Call):
        return
    before = [s for s in function.body if isinstance(s, ast.Assign) and s.lineno < statement.lineno]
    if ast.unparse(node) not in {ast.unparse(s.value) for s in before}:
        return
    unread = {item.name for item in idle(function)}
    lines = {t.id: s.lineno for s in before for t in s.targets if isinstance(t, ast.Name)}
    read = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in lines]
    for place, name in enumerate(
        sorted(read, key=lambda n: -lines[n.id])
    ):  # the one set last is the one that differs
        for other in (o for o in _alike(context, name) if o in unread):
            yield context.swap(0.2 + 0.1 * place, name, other)


def _alike(context: Context, name: ast.Name) -> Iterator[str]:
    function, own = context.function(name), context.given(name)
    if function is None or not own:
        if context.in_loss(name) and name.id in _GIVEN:
            yield _GIVEN[name.id]
        return
    for statement in ast.walk(function):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        other = target.id if isinstance(target, ast.Name) else name.id
        if other != name.id and form(statement.value) == form(own[0]):  # type: ignore[attr-defined]
            yield other
