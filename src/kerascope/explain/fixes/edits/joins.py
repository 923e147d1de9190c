"""Edits of what is joined: parts that lack an axis, a row for each of the batch or an entry for each step."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, Shape, called, integer

_LITTLE = 3
"""By how much sizes differ that were halved and doubled again, at most."""
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
    yield from _flattened(context, call, parts, shapes)
    yield from _cropped(context, call, parts, shapes)
    yield from _padded(context, call, parts, shapes)
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


def _flattened(
    context: Context, call: ast.Call, parts: list[ast.expr], shapes: list[Shape | None]
) -> Iterator[Proposal]:
    """Vectors of several things in each row, joined to one of features: all of a row in one axis."""
    flat = [part for part, shape in zip(parts, shapes, strict=True) if shape is not None and len(shape) == 2]
    if not flat:
        return
    plain = all(isinstance(part, ast.Name) and not context.given(part) for part in flat)  # as they came in
    for part, shape in zip(parts, shapes, strict=True):
        sizes = [size for size in (shape or ())[1:] if isinstance(size, int)]
        if shape is None or len(shape) < 3 or len(sizes) != len(shape) - 1:
            continue
        text = context.spell("reshape", call, context.text(part), f"(-1, {math.prod(sizes)})")
        made = [part, *(context.given(part) if isinstance(part, ast.Name) else ())]
        embedded = any(
            isinstance(n, ast.Attribute) and "emb" in n.attr.lower() for m in made for n in ast.walk(m)
        )
        if text is not None:
            yield context.swap(0.9 if embedded and plain else 1.7, part, text)


def _cropped(
    context: Context, call: ast.Call, parts: list[ast.expr], shapes: list[Shape | None]
) -> Iterator[Proposal]:
    """Images of which one is larger by a little, as after odd sizes were halved: as much of it as of the other."""
    for part, shape in zip(parts, shapes, strict=True):
        for other, less in zip(parts, shapes, strict=True):
            if other is part or not shape or not less or len(shape) != len(less) or len(shape) not in (3, 4):
                continue
            gaps = [
                a - b
                for a, b in zip(shape[1:-1], less[1:-1], strict=True)
                if isinstance(a, int) and isinstance(b, int)
            ]
            if len(gaps) == len(shape) - 2 and min(gaps) >= 0 and 0 < max(gaps) <= _LITTLE:
                within = ", ".join(
                    f": {context.atom(other)}.shape[{axis}]" for axis in range(1, len(shape) - 1)
                )
                yield context.swap(
                    0.8 if len(shape) == 4 else 1.9, part, f"{context.atom(part)}[:, {within}]"
                )


def _padded(
    context: Context, call: ast.Call, parts: list[ast.expr], shapes: list[Shape | None]
) -> Iterator[Proposal]:
    """A part that has some steps less, as differences have: with zeros in front or behind."""
    prefix = next((p for p in context.prefixes() if p.split(".")[-1] == "ops"), None)
    for part, less in zip(parts, shapes, strict=True):
        for shape in shapes:
            if not shape or not less or len(shape) != len(less) or len(less) < 2 or prefix is None:
                continue
            axes = [a for a in range(1, len(less)) if shape[a] != less[a]]
            full, short = (shape[axes[0]], less[axes[0]]) if len(axes) == 1 else (None, None)
            if not isinstance(full, int) or not isinstance(short, int) or not 0 < full - short <= _LITTLE:
                continue
            axis, gap = axes[0], full - short
            for cost, width in ((0.6, f"({gap}, 0)"), (0.7, f"(0, {gap})")):
                widths = ", ".join(width if a == axis else "(0, 0)" for a in range(len(less)))
                yield context.swap(cost, part, f"{prefix}.pad({context.text(part)}, ({widths}))")


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
