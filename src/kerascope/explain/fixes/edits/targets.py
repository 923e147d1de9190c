"""Edits of what reshaping yields: sizes of a `Reshape` layer that hold all numbers of a row, rows made flat."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, Shape, called, integer


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call) and called(node) == "Reshape":
        yield from _of_layer(context, node)
    elif isinstance(node, ast.Call) and called(node) == "reshape" and len(node.args) == 2:
        yield from _flat(context, node)
    elif isinstance(node, ast.Call) and called(node) == "Dense" and node.args:
        yield from _for_a_reshape(context, node)


def _of_layer(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`Reshape((4, 4, 16))` of fewer numbers: one of the sizes is another one, best the last."""
    target = next(iter([*call.args, *(k.value for k in call.keywords if k.arg == "target_shape")]), None)
    shape = _given_to(context, call)
    if not isinstance(target, (ast.Tuple, ast.List)) or shape is None:
        return
    values, known = [integer(e) for e in target.elts], [size for size in shape[1:] if isinstance(size, int)]
    for at, element in enumerate(target.elts):
        others = [v for i, v in enumerate(values) if i != at]
        product = math.prod(v for v in others if v is not None)
        if None not in others and product > 0 and math.prod(known) % product == 0:
            last = at == len(values) - 1
            yield context.swap(0.6 if last else 1.0, element, str(math.prod(known) // product))
    if len(values) == 3 and None not in values and values[0] < values[1] == values[2]:  # type: ignore[operator]
        first, *sides = (context.text(e) for e in target.elts)  # a picture, its colours in front
        whole = context.text(target)
        yield context.swap(1.0, target, f"{whole[0]}{', '.join([*sides, first])}{whole[-1]}")


def _for_a_reshape(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`Dense(side * channels)` before a `Reshape((side, side, channels))`: as many units as that takes."""
    owner, units = context.owner(call), call.args[0]
    for node in ast.walk(owner) if owner is not None else ():
        target = (
            node.args[0] if isinstance(node, ast.Call) and called(node) == "Reshape" and node.args else None
        )
        if not isinstance(target, (ast.Tuple, ast.List)) or len(target.elts) < 2:
            continue
        sizes = [context.atom(e) for e in target.elts]
        shared = {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
        product = " * ".join(sizes)
        if "-1" not in sizes and product != context.text(units):
            near = any(isinstance(n, ast.Name) and n.id in shared for n in ast.walk(units))
            yield context.swap(0.4 if near else 0.9, units, product)


def _given_to(context: Context, call: ast.Call) -> Shape | None:
    """Returns the shape of what a layer is given that an object keeps."""
    owner, parent = context.owner(call), context.parents.get(call)
    held = {context.text(t) for t in parent.targets} if isinstance(parent, ast.Assign) else set()
    for node in ast.walk(owner) if owner is not None else ():
        if isinstance(node, ast.Call) and node.args and context.text(node.func) in held:
            shape = context.shape(node.args[0])
            if shape is not None:
                return shape
    return None


def _flat(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`(-1, x.shape[-1])` where each row is to be made flat."""
    shape, target = context.shape(call.args[0]), call.args[1]
    two = isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == 2
    sizes = [size for size in shape[1:] if isinstance(size, int)] if shape else []
    if not two or not shape or shape[0] != "B" or len(shape) < 3 or len(sizes) != len(shape) - 1:
        return
    last = target.elts[1]  # type: ignore[attr-defined]
    features = integer(last) == shape[-1] or context.text(last).endswith(".shape[-1]")
    if context.text(target.elts[0]) == "-1" and features:  # type: ignore[attr-defined]
        whole = " * ".join(f"{context.atom(call.args[0])}.shape[{axis}]" for axis in range(1, len(shape)))
        yield context.swap(0.85, last, whole)
