"""Edits for masks: padding left out of what is reduced, a mask turned round, none handed on where no steps are left."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer, position
from kerascope.explain.fixes.edits.parameters import end_of_parameters, names_of
from kerascope.explain.fixes.patch import Edit

_LOW = "-1e4"
"""Small beside every score, and still a number in float16."""


def of_class(context: Context, owner: ast.ClassDef) -> Iterator[Proposal]:
    """Yields edits of a whole class."""
    methods = {n.name: n for n in owner.body if isinstance(n, ast.FunctionDef)}
    if "call" in methods and "compute_mask" not in methods:
        indent = " " * methods["call"].col_offset
        line, end = owner.body[-1].end_lineno or 0, owner.body[-1].end_col_offset or 0
        head = f"\n\n{indent}def compute_mask(self, inputs, mask=None):\n{indent * 2}return "
        texts = [
            "None",
            *(f"None if mask is None else mask[{part}]" for part in _taken(context, methods["call"])),
        ]
        for text in texts:
            yield Proposal(
                0.9, f"add compute_mask: return {text}", (Edit((line, line, end, end), head + text),)
            )


def _taken(context: Context, call: ast.FunctionDef) -> Iterator[str]:
    """Yields which steps are returned, as a piece of a slice, where that is all that `call` does with them."""
    for node in ast.walk(call):
        steps = node.value if isinstance(node, ast.Return) else None
        if isinstance(steps, ast.Subscript) and isinstance(steps.slice, ast.Tuple):
            yield ", ".join(context.text(part) for part in steps.slice.elts[:2])


def of_function(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Yields edits of a whole function."""
    if function.name == "compute_mask":
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and node.value is not None and context.text(node.value) != "None":
                yield context.swap(0.8, node.value, "None")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields edits of an expression."""
    function = context.function(node)
    if function is None or function.name != "call" or not isinstance(node, ast.Call):
        return
    prefix = _prefix(context, node)
    if prefix is None:
        return
    yield from _turned(context, node)
    more: tuple[Edit, ...] = ()
    if "mask" not in names_of(function):
        end = end_of_parameters(function)
        if end is None:
            return
        more = (Edit(end, ", mask=None"),)
    for cost, text in _masked(context, node, prefix):
        edits = context.swap(cost, node, text).edits
        yield Proposal(cost, f"leave the padding out of {called(node)}", (*more, *edits))


def _prefix(context: Context, call: ast.Call) -> str | None:
    func = call.func
    if not isinstance(func, ast.Attribute) or context.kind(func.value) != "ops":
        return None
    return ast.unparse(func.value)


def _turned(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`where(mask, a, b)` with a and b exchanged, `cast(mask, ...)` as what is left to 1."""
    if "mask" not in ast.unparse(call) or not call.args:
        return
    if called(call) == "where" and len(call.args) == 3:
        one, two = call.args[1:]
        edits = (Edit(position(one), context.text(two)), Edit(position(two), context.text(one)))
        yield Proposal(0.7, "the other way round in where", edits)
    elif called(call) == "cast" and context.text(call.args[0]) == "mask":
        yield context.swap(0.7, call, f"(1 - {context.text(call)})")


def _masked(context: Context, call: ast.Call, p: str) -> Iterator[tuple[float, str]]:
    """Yields what stands for a reduction over the steps, or a softmax over them, with the padding left out."""
    given = {k.arg: k.value for k in call.keywords}
    if not call.args:
        return
    x, whole = context.text(call.args[0]), context.text(call)
    axis = integer(given.get("axis", call.args[1] if len(call.args) > 1 else None))
    rest = ", keepdims=True" if "keepdims" in given else ""
    if called(call) in ("mean", "sum", "average") and axis in (1, -2):
        shares = f"{p}.cast(mask, {context.atom(call.args[0])}.dtype)[..., None]"
        total = f"{p}.sum({context.atom(call.args[0])} * {shares}, axis=1{rest})"
        if called(call) != "sum":
            total += f" / {p}.maximum({p}.sum({shares}, axis=1{rest}), 1.0)"
        yield 0.7, f"({whole} if mask is None else {total})"
    elif called(call) == "max" and axis in (1, -2):
        filled = f"{p}.where(mask[..., None], {x}, {_LOW})"
        yield 0.7, f"({whole} if mask is None else {p}.max({filled}, axis=1{rest}))"
    elif called(call) == "softmax":
        shape = context.shape(call.args[0])
        for index in _indices(None if shape is None else len(shape), axis):
            scores = f"{x} if mask is None else {p}.where(mask{index}, {x}, {_LOW})"
            yield 0.8, whole.replace(x, scores, 1)


def _indices(rank: int | None, axis: int | None) -> tuple[str, ...]:
    """Returns how a mask of the steps is to be indexed to fit scores of this rank."""
    known = {2: ("",), 4: ("[:, None, None, :]",)}
    if rank == 3:
        return ("[..., None]",) if axis in (1, -2) else ("[:, None, :]",)
    return known.get(rank or 0, ("", "[..., None]", "[:, None, :]"))
