"""Edits of lists that have an entry for each axis: widths of padding, multiples, sizes, axes within lists."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer

_PER_AXIS = ("pad", "tile", "strided_slice", "constant_pad", "roll")
_NESTED = ("tensordot", "dot", "Dot")
_RESHAPING = ("reshape", "view", "Reshape")
_NEUTRAL = {"1", "(0,0)", "[0,0]", "0"}
_SIZES = ("sizes", "splits", "dims", "widths", "lengths")
"""How lists of sizes are called."""
_MOST = 5


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if not isinstance(node, ast.Call):
        return
    values = [*node.args, *(k.value for k in node.keywords)]
    if called(node) == "split":
        yield from _split_by_name(context, node)
        yield from _as_many_as_names(context, node)
    for value in values:
        if not isinstance(value, (ast.Tuple, ast.List)):
            continue
        if called(node) in _PER_AXIS:
            yield from _orders(context, value)
        if called(node) == "split":
            yield from _split(context, node, value)
        if called(node) in _NESTED:
            yield from _axes(context, node, value)
        if called(node) in _RESHAPING:
            yield from _taken_apart(context, value)


def _orders(context: Context, value: ast.Tuple | ast.List) -> Iterator[Proposal]:
    """The same entries for other axes; the batch is left alone."""
    parts = [context.text(e) for e in value.elts]
    if not 1 < len(parts) <= _MOST or len(set(parts)) == 1:
        return
    text = context.text(value)
    for order in dict.fromkeys(itertools.permutations(parts)):
        if list(order) == parts:
            continue
        moved = sum(a != b for a, b in zip(order, parts, strict=True))
        batch = 0.0 if "".join(order[0].split()) in _NEUTRAL else 0.6
        late = 0.02 * next((i for i, part in enumerate(order) if "".join(part.split()) not in _NEUTRAL), 0)
        yield context.swap(0.8 + 0.1 * moved + batch + late, value, f"{text[0]}{', '.join(order)}{text[-1]}")


def _split(context: Context, call: ast.Call, value: ast.Tuple | ast.List) -> Iterator[Proposal]:
    """The sizes of the parts where the places between them are wanted."""
    sizes = [integer(e) for e in value.elts]
    shape = context.shape(call.args[0]) or ()
    known = [size for size in sizes if size is not None and size > 0]
    if len(sizes) < 2 or context.parameters(call)[1:2] == ["split_size_or_sections"]:
        return
    text = context.text(value)
    if len(known) == len(sizes) and sum(known) in shape:
        between = ", ".join(str(sum(known[:count])) for count in range(1, len(known)))
    elif _names_for(context, call) == len(sizes):  # between n sizes are n - 1 places
        parts = [context.text(e) for e in value.elts[:-1]]
        between = ", ".join(" + ".join(parts[: count + 1]) for count in range(len(parts)))
    else:
        return
    yield context.swap(0.3, value, f"{text[0]}{between}{text[-1]}")


def _split_by_name(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """The same for sizes that are kept in a list: `ops.split(x, self.sizes, axis=-1)`."""
    value = call.args[1] if len(call.args) > 1 else None
    if not isinstance(value, (ast.Name, ast.Attribute)) or not context.text(value).endswith(_SIZES):
        return
    counted = hasattr(context.names.get("np"), "cumsum")
    if counted and context.parameters(call)[1:2] != ["split_size_or_sections"]:
        yield context.swap(0.8, value, f"[int(n) for n in np.cumsum({context.text(value)})[:-1]]")


def _as_many_as_names(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`i, f, g, o = split(z, units)`: into four."""
    count, wanted = call.args[1] if len(call.args) > 1 else None, _names_for(context, call)
    if context.parameters(call)[1:2] == ["split_size_or_sections"] or wanted < 2:
        return
    if isinstance(count, (ast.Name, ast.Attribute, ast.Constant)) and integer(count) != wanted:
        yield context.swap(0.4, count, str(wanted))


def _names_for(context: Context, call: ast.Call) -> int:
    """Returns how many names the result of a call is taken apart into; 0 where it is not."""
    parent = context.parents.get(call)
    target = parent.targets[0] if isinstance(parent, ast.Assign) else None
    return len(target.elts) if isinstance(target, ast.Tuple) else 0


def _taken_apart(context: Context, value: ast.Tuple | ast.List) -> Iterator[Proposal]:
    """`(-1, steps * features)` where both axes are wanted."""
    for element in value.elts:
        if isinstance(element, ast.BinOp) and isinstance(element.op, ast.Mult) and len(value.elts) < _MOST:
            new = f"{context.text(element.left)}, {context.text(element.right)}"
            yield context.swap(0.9, element, new)


def _axes(context: Context, call: ast.Call, value: ast.Tuple | ast.List) -> Iterator[Proposal]:
    """`axes=[[1], [0]]`: each of the axes for each operand."""
    operands = call.args[:2]
    for index, element in enumerate(value.elts):
        inner = element.elts if isinstance(element, (ast.List, ast.Tuple)) else [element]
        shape = context.shape(operands[index]) if index < len(operands) else None
        rank = len(shape) if shape else 3
        for one in inner:
            now = integer(one)
            for axis in (*range(rank - 1, 0, -1), 0):
                if now is not None and axis != now % rank:
                    yield context.swap(1.0 if axis else 1.5, one, str(axis))
