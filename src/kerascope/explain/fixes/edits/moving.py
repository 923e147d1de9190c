"""Edits of where things are made: layers and weights in `call`, the base class's constructor after what needs it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, position
from kerascope.explain.fixes.patch import Edit

_FREE = ("self", "True", "False", "None")


def of_class(context: Context, owner: ast.ClassDef) -> Iterator[Proposal]:
    """Yields edits of a whole class."""
    methods = {n.name: n for n in owner.body if isinstance(n, ast.FunctionDef)}
    init, call = methods.get("__init__"), methods.get("call")
    if init is not None:
        yield from _base_first(context, init)
        if call is not None:
            yield from _made_once(context, owner, init, call)


def _base_first(context: Context, init: ast.FunctionDef) -> Iterator[Proposal]:
    """`super().__init__()` moved in front of all else."""
    for index, statement in enumerate(init.body):
        text = context.text(statement)
        if not index or not isinstance(statement, ast.Expr) or not text.startswith("super("):
            continue
        first = init.body[0]
        if isinstance(first, ast.Expr) and isinstance(
            first.value, ast.Constant
        ):  # what the function says of itself
            first = init.body[1]
        if first is statement:
            continue
        indent = " " * first.col_offset
        before = init.body[index - 1]
        gap = (
            before.end_lineno or before.lineno, statement.end_lineno or statement.lineno,
            before.end_col_offset or 0, statement.end_col_offset or 0,
        )  # fmt: skip
        place = (first.lineno, first.lineno, first.col_offset, first.col_offset)
        yield Proposal(0.4, f"{text} first", (Edit(place, f"{text}\n{indent}"), Edit(gap, "")))


def _made_once(
    context: Context, owner: ast.ClassDef, init: ast.FunctionDef, call: ast.FunctionDef
) -> Iterator[Proposal]:
    """A layer that is made whenever it is called: made in the constructor, and kept."""
    taken = {n.attr for n in ast.walk(owner) if isinstance(n, ast.Attribute)}
    for node in ast.walk(call):
        if not isinstance(node, ast.Call) or not isinstance(context.resolve(node.func), type):
            continue
        if not called(node)[:1].isupper() or not _known_before(context, node):
            continue
        parent = context.parents.get(node)
        whole = parent if isinstance(parent, ast.Assign) and len(parent.targets) == 1 else None
        target = whole.targets[0] if whole is not None else None
        edits = [] if whole is None else _without(context, whole)
        if isinstance(target, ast.Attribute):
            name = target.attr
        elif isinstance(target, ast.Name):
            name = target.id
            uses = [n for n in ast.walk(call) if isinstance(n, ast.Name) and n.id == name and n is not target]
            edits += [Edit(position(n), f"self.{name}") for n in uses]
        else:
            name = re.sub(r"(?<!^)(?<![A-Z0-9])(?=[A-Z])", "_", called(node)).lower()
            edits = [Edit(position(node), f"self.{name}")]
        if not edits or (name in taken and not isinstance(target, ast.Attribute)):
            continue
        last = init.body[-1]
        line, end = last.end_lineno or 0, last.end_col_offset or 0
        made = f"\n{' ' * last.col_offset}self.{name} = {context.text(node)}"
        description = f"make {context.text(node.func)}(...) once, in __init__"
        yield Proposal(0.4, description, (Edit((line, line, end, end), made), *edits))


def _without(context: Context, statement: ast.stmt) -> list[Edit]:
    """Returns the edit that takes a statement of several out; none where it stands in an unusual place."""
    outer = context.parents[statement]
    blocks = [getattr(outer, field, None) for field in ("body", "orelse", "finalbody")]
    body = next((block for block in blocks if isinstance(block, list) and statement in block), [])
    if len(body) < 2:
        return [Edit(position(statement), "pass")] if body else []
    index = body.index(statement)
    first, last, begin, end = position(statement)
    if index + 1 < len(body):
        following = body[index + 1]
        return [Edit((first, following.lineno, begin, following.col_offset), "")]
    before = body[index - 1]
    return [Edit((before.end_lineno or 0, last, before.end_col_offset or 0, end), "")]


def _known_before(context: Context, call: ast.Call) -> bool:
    """Tells whether all that a call is given is known when the object is made."""
    for value in (*call.args, *(k.value for k in call.keywords)):
        for node in ast.walk(value):
            if isinstance(node, ast.Name) and node.id not in context.names and node.id not in _FREE:
                return False
    return True
