"""Edits of what is taken from where: entries of each row, steps of a sequence, several tensors as one list, flags."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kerascope.explain.fixes.edits.arguments import REDUCTIONS
from kerascope.explain.fixes.edits.context import Context, Proposal, Shape, called, integer

_WALKS = ("enumerate", "zip", "reversed")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    yield from _per_row(context, node)
    yield from _by_steps(context, node)
    yield from _flags(context, node)
    yield from _chosen(context, node)
    if isinstance(node, ast.Call):
        yield from _as_list(context, node)
        yield from _as_many_axes(context, node)
        yield from _all_of_them(context, node)


def _chosen(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """`q * one_hot(action)` without a sum: the one entry that is chosen, between zeros."""
    if (
        not isinstance(node, ast.BinOp)
        or not isinstance(node.op, ast.Mult)
        or len(context.shape(node) or ()) < 2
    ):
        return
    if called(context.parents.get(node, node)).removeprefix("reduce_") in REDUCTIONS:
        return
    values = [v for side in (node.left, node.right) for v in (side, *_set_to(context, side))]
    if any(called(value) == "one_hot" for value in values):
        text = context.spell("dots", node, context.atom(node.left), y=context.atom(node.right))
        if text is not None:
            yield context.swap(0.7, node, re.sub(r", keepdims?=True", "", text))


def _set_to(context: Context, side: ast.expr) -> list[ast.expr]:
    return context.given(side) if isinstance(side, ast.Name) else []


# -- entries of each row ----------------------------------------------------------------------------------------------


def _per_row(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Each row's own entries where every row gets those that all rows ask for: `take`, `gather`, `x[:, indices]`."""
    found = _picked(context, node)
    if found is None:
        return
    tensor, indices, axis = found
    shape, asked = context.shape(tensor) or (), context.shape(indices) or ()
    if axis < 0:
        axis += len(shape)
    count = len(asked) - axis
    if not 1 <= axis < len(shape) or count not in (0, 1) or asked[:axis] != shape[:axis] or shape[0] != "B":
        return
    lengths = ["None"] * (len(shape) - axis - count)
    places = f"[{', '.join(['...', *lengths])}]" if lengths else ""
    text = context.spell("along", node, context.text(tensor), str(axis), f"{context.atom(indices)}{places}")
    if context.kind(getattr(getattr(node, "func", None), "value", node)) == "tf" and isinstance(
        node, ast.Call
    ):
        yield context.insert(0.9, node, f"batch_dims={axis}")
    elif text is not None:
        if count == 0:
            text = context.spell("squeeze", node, text, str(axis))
        if text is not None:
            yield context.swap(0.9, node, text)


def _as_many_axes(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`take_along_axis(x, places)` of places with fewer axes than there are: those that they lack, at the end."""
    if called(call) not in ("take_along_axis", "take_along_dim") or len(call.args) < 2:
        return
    shape, asked = context.shape(call.args[0]) or (), context.shape(call.args[1]) or ()
    missing = len(shape) - len(asked)
    if missing < 1 or not asked or context.shape(call) is not None:
        return
    indices, more = call.args[1], ", ".join(["None"] * missing)
    if isinstance(indices, ast.Subscript) and isinstance(indices.slice, ast.Tuple):
        yield context.swap(0.7, indices.slice, f"{context.text(indices.slice)}, {more}")
    else:
        yield context.swap(0.7, indices, f"{context.atom(indices)}[..., {more}]")


def _picked(context: Context, node: ast.expr) -> tuple[ast.expr, ast.expr, int] | None:
    """Returns from what an expression picks, which entries, and on which axis."""
    if isinstance(node, ast.Call) and called(node) in ("take", "gather") and len(node.args) >= 2:
        axis = node.args[2] if len(node.args) > 2 else None
        axis = next((k.value for k in node.keywords if k.arg == "axis"), axis)
        number = integer(axis)
        batched = any(k.arg == "batch_dims" for k in node.keywords)
        if number is not None and not batched and context.kind(getattr(node.func, "value", node)) != "torch":
            return node.args[0], node.args[1], number
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        parts = node.slice.elts
        if all(context.text(part) == ":" for part in parts[:-1]) and context.shape(parts[-1]):
            return node.value, parts[-1], len(parts) - 1
    return None


# -- steps of a sequence ----------------------------------------------------------------------------------------------


def _by_steps(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """What goes through a tensor step by step goes along its first axis, which is the batch."""
    shape: Shape = context.shape(node) or ()
    if len(shape) < 2 or shape[0] != "B":
        return
    parent = context.parents.get(node)
    if called(parent) == "scan" and _scanned(parent) is node:  # type: ignore[arg-type]
        order = ", ".join(map(str, (1, 0, *range(2, len(shape)))))
        text = context.spell("transpose", node, context.text(node), f"({order})")
        if text is not None:
            yield context.swap(0.8, node, text)
    if called(parent) in _WALKS:  # type: ignore[arg-type]
        parent = context.parents.get(parent)  # type: ignore[arg-type]
        walked = isinstance(parent, (ast.For, ast.comprehension))
    else:
        walked = isinstance(parent, (ast.For, ast.comprehension)) and parent.iter is node
    text = context.spell("steps", node, context.text(node)) if walked else None
    if text is not None:
        yield context.swap(0.8, node, text)


def _scanned(call: ast.Call) -> ast.expr | None:
    """Returns what a `scan` goes through: its third argument, or the one by name."""
    named = next((k.value for k in call.keywords if k.arg == "xs"), None)
    return call.args[2] if named is None and len(call.args) > 2 else named


# -- arguments --------------------------------------------------------------------------------------------------------


def _as_list(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Several tensors given one by one to what takes a list of them, or a list to what takes them one by one."""
    if context.shape(call) is not None or context.parts(call):
        return  # it did work
    args = call.args
    if len(args) > 1 and all(context.shape(a) is not None for a in args):
        edits = (
            *context.swap(0, args[0], f"[{context.text(args[0])}").edits,
            *context.swap(0, args[-1], f"{context.text(args[-1])}]").edits,
        )
        yield Proposal(1.0, f"{', '.join(map(context.text, args))} -> in a list", edits)
    listed = args[0].elts if len(args) == 1 and isinstance(args[0], (ast.List, ast.Tuple)) else []
    own = context.text(call.func).startswith("self.")
    if own and len(listed) > 1 and any(context.shape(e) is not None for e in listed):
        yield context.swap(1.1, args[0], ", ".join(map(context.text, listed)))


def _all_of_them(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`initial_state=h` after `_, h, c = encoder(x)`: all states that came together, or the one of a list of them."""
    if context.shape(call) is not None or context.parts(call):
        return  # it did work
    function = context.function(call)
    together = [
        [e.id for e in t.elts if isinstance(e, ast.Name)]
        for n in (ast.walk(function) if function is not None else ())
        if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call) and n.lineno < call.lineno
        for t in n.targets
        if isinstance(t, ast.Tuple)
    ]
    for value in (*call.args[1:], *(k.value for k in call.keywords)):
        listed = value.elts if isinstance(value, (ast.List, ast.Tuple)) else [value]
        given = [e.id for e in listed if isinstance(e, ast.Name)]
        if listed != [value] and len(given) == len(listed):
            yield from (context.swap(1.1, value, name) for name in given)
        for names in together if given else ():
            states = [n for n in (names[1:] if len(names) > 2 else names) if n != "_"]
            if set(given) < set(states):
                yield context.swap(0.7, value, f"[{', '.join(states)}]")


def _flags(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """A tensor of truth values that is computed with: as numbers."""
    parent = context.parents.get(node)
    operator = getattr(parent, "op", None)
    # On shapes alone, and on JAX, truth values can be subtracted.
    fails = isinstance(operator, (ast.Sub, ast.USub)) or (
        isinstance(operator, (ast.Add, ast.Mult, ast.Div, ast.Pow)) and context.shape(parent) is None
    )
    if fails and context.dtype(node) == "bool":
        text = context.spell("float", node, context.atom(node))
        if text is not None:
            yield context.swap(0.9, node, text)
