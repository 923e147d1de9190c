"""Edits of what is joined: parts that lack an axis, a row for each of the batch or an entry for each step."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, Shape, called, integer

JOINS = {"concatenate", "concat", "cat", "stack"}


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call):
        yield from _joined(context, node)


def _joined(context: Context, call: ast.Call) -> Iterator[Proposal]:
    if called(call) not in JOINS or not call.args or not isinstance(call.args[0], (ast.List, ast.Tuple)):
        return
    parts = call.args[0].elts
    shapes = [context.shape(part) for part in parts]
    rank = max((len(s) for s in shapes if s is not None), default=0)
    yield from _repeated(context, call, parts, shapes)
    for part, shape in zip(parts, shapes, strict=True):
        if shape is None or len(shape) >= rank:
            continue
        for axis in (*range(1, rank), 0):
            text = context.spell("expand", call, context.text(part), _axis(axis, rank))
            if text is not None:
                yield context.swap(1.2 + 0.1 * (axis == 0), part, text)
        full = parts[next(i for i, s in enumerate(shapes) if s is not None and len(s) == rank)]
        inner = context.spell("expand", call, context.text(part), "1")
        if inner is not None and rank == len(shape) + 1:
            count = f"{context.atom(full)}.shape[1]"
            text = context.spell("repeat", call, inner, "1", count)
            if text is not None:
                yield context.swap(1.7, part, text)


def _repeated(
    context: Context, call: ast.Call, parts: list[ast.expr], shapes: list[Shape | None]
) -> Iterator[Proposal]:
    """A part of one row, such as a weight, that is joined to what has a row for each of the batch."""
    whole = next((p for p, s in zip(parts, shapes, strict=True) if s and s[0] == "B"), None)
    if whole is None:
        return
    rows = context.spell("rows", call, context.text(whole))
    for part, shape in zip(parts, shapes, strict=True):
        if shape and shape[0] == 1 and len(shape) == len(context.shape(whole) or ()) and rows is not None:
            text = context.spell("repeat", call, context.text(part), "0", rows)
            if text is not None:
                yield context.swap(0.8, part, text)
        for other, full in zip(parts, shapes, strict=True):
            axis = _single_axis(call, shape, full) if other is not part else None
            if axis is None:
                continue
            count = f"{context.atom(other)}.shape[{axis}]"
            text = context.spell("repeat", call, context.text(part), str(axis), count)
            if text is not None:
                yield context.swap(0.8, part, text)


def _single_axis(call: ast.Call, part: Shape | None, whole: Shape | None) -> int | None:
    """Returns the axis behind the batch in which a part alone is one, beside the one along which they are joined."""
    if not part or not whole or len(part) != len(whole):
        return None
    along = next((integer(k.value) for k in call.keywords if k.arg in ("axis", "dim")), None)
    differ = [a for a in range(1, len(part)) if part[a] != whole[a] and a != (along or 0) % len(part)]
    return differ[0] if len(differ) == 1 and part[differ[0]] == 1 and part[0] == whole[0] else None


def _axis(axis: int, rank: int) -> str:
    return "-1" if axis == rank - 1 else str(axis)
