"""Reshapes that split or merge heads across the steps of a sequence, where a transposition is wanted as well."""

from __future__ import annotations

import ast
import math

from kerascope.detect.smells import names, source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.detect.smells.shapes import shown
from kerascope.record.lines import Site
from kerascope.values import Evidence

RESHAPING = ("reshape", "view")
Shape = tuple[int | str | None, ...]


def concerns(site: Site) -> bool:
    """Calls that reshape."""
    return isinstance(site.node, ast.Call) and names.called(site.node) in RESHAPING


def judge(moment: Moment) -> Verdict:
    """The steps have to keep their place: `(B, T, D)` is `(B, T, heads, D / heads)` before it is turned."""
    operand = moment.part(moment.argument(0, "x", "a", "input", "tensor"))
    if moment.role != "layer" or operand is None:
        return None
    before, after = operand.event.facts.shape, moment.event.facts.shape
    if before and after and _turned(before, after) and _as_it_comes(moment):
        return _turn(moment, operand.event.site.source, before, after)
    if not before or not after or sorted((len(before), len(after))) != [3, 4]:
        return None
    split = len(after) == 4
    whole, parts = (before, after) if split else (after, before)
    if not split and parts[3] == whole[1] != parts[2]:
        return CLEAR  # the channels of an image, of which there are as many as pieces are made
    return _hit(moment, operand.event.site.source, split, whole, parts) if _mixed(whole, parts) else CLEAR


def _turned(before: Shape, after: Shape) -> bool:
    """`(B, T, F)` to `(B, F, T)`, `(B, h, w, c)` to `(B, c, h·w)` or `(B, w, h·c)`: transpositions, by their sizes."""
    sizes = [size for size in before[1:] if isinstance(size, int) and size > 1]
    if len(after) != 3 or len(sizes) != len(before) - 1 or len(sizes) not in (2, 3) or before[0] != after[0]:
        return False
    for place, size in list(enumerate(sizes))[1:]:
        others = sizes[:place] + sizes[place + 1 :]
        if size not in others and after[1:] == (size, math.prod(others)):
            return True
    return False


def _as_it_comes(moment: Moment) -> bool:
    """Tells whether the sizes are written down or read off a tensor: what is computed may agree with them by chance."""
    target, scope = moment.argument(1, "newshape", "shape", "size"), source.function(moment.site)
    if not isinstance(target, (ast.Tuple, ast.List)) or scope is None:
        return False
    read = {
        n.id
        for s in ast.walk(scope)
        if isinstance(s, ast.Assign)
        and "shape" in ast.unparse(s.value)
        and not isinstance(s.value, ast.BinOp)
        for t in s.targets
        for n in ast.walk(t)
        if isinstance(n, ast.Name)
    }
    factors = [f for e in target.elts[1:] for f in ([e.left, e.right] if isinstance(e, ast.BinOp) else [e])]
    return all(
        isinstance(f, ast.Constant)
        or (isinstance(f, ast.Name) and f.id in read)
        or (isinstance(f, ast.Subscript) and "shape" in ast.unparse(f.value))
        for f in factors
    )


def _turn(moment: Moment, text: str, before: Shape, after: Shape) -> Hit:
    return Hit(
        "wrong-axis",
        "fault",
        0.85,
        f"`{moment.site.source}` exchanges sizes, not axes",
        f"A reshape keeps the order of the numbers: the axis of {after[1]} that comes out is not the one that comes "
        "in, each of its entries holds pieces of several. Transpose, or keep the order of the sizes.",
        (
            Evidence(f"shape of `{text}`", shown(before)),
            Evidence("shape of the result", shown(after)),
        ),
    )


def _mixed(whole: Shape, parts: Shape) -> bool:
    """Tells whether the steps of `(B, T, D)` stand behind a factor of D in `(B, a, T, c)` or `(B, a, c, T)`."""
    steps, features = whole[1], whole[2]
    sizes = [size for size in (*whole[1:], *parts[1:]) if isinstance(size, int) and size > 1]
    if len(sizes) < 5 or parts[1:].count(steps) != 1 or parts[1] == steps:
        return False
    return math.prod(sizes[2:]) == math.prod(sizes[:2]) and features not in parts[1:]


def _hit(moment: Moment, text: str, split: bool, whole: Shape, parts: Shape) -> Hit:
    steps = whole[1]
    first, third = (size for size in parts[1:] if size != steps)
    way = (
        f"Reshape to (B, {steps}, {first}, {third}), then transpose"
        if split
        else "Transpose first, then reshape"
    )
    return Hit(
        "wrong-axis",
        "fault",
        0.85,
        f"`{moment.site.source}` mixes the {steps} steps with the features",
        f"A reshape keeps the order of the numbers: the axis of {steps} is not the one that "
        f"{'comes in' if split else 'comes out'}, each of its entries holds pieces of several. {way}.",
        (
            Evidence(f"shape of `{text}`", shown(whole if split else parts)),
            Evidence("shape of the result", shown(parts if split else whole)),
        ),
    )
