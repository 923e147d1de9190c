"""Edits of what a metric adds to its state: totals of a batch, rows counted, added rather than set anew."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called

_KEPT = {"max": "maximum", "min": "minimum", "amax": "maximum", "amin": "minimum"}
"""What keeps an extreme of all batches, by what gives that of one."""
_UPDATES = ("assign_add", "assign_sub", "assign")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call) and called(node) in _UPDATES and len(node.args) == 1:
        yield from _added(context, node)
        yield from _counted(context, node)
        yield from _totals(context, node)


def _added(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """What a metric sets anew with each batch, where it adds up elsewhere."""
    function = context.function(call)
    if called(call) != "assign" or function is None or function.name != "update_state":
        return
    assert isinstance(call.func, ast.Attribute)
    state, value = context.text(call.func.value), call.args[0]
    kept = _KEPT.get(called(value))
    if kept is not None and isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        prefix = context.text(value.func.value)
        yield context.swap(0.7, value, f"{prefix}.{kept}({state}, {context.text(value)})")
    if any(called(n) == "assign_add" for n in ast.walk(function)):
        yield context.swap(0.8, call.func, f"{context.text(call.func.value)}.assign_add")


def _totals(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """The value per sample that is to be added to a number, or to a number for each of its features: its sum."""
    text = context.text(call.args[0])
    held = call.func.value if isinstance(call.func, ast.Attribute) else None
    state, value = context.shape(held), context.shape(call.args[0])
    over = ", axis=0" if state and value and value[1:] == state and value[0] == "B" else ""
    prefix = next(iter(context.prefixes()), None)
    if prefix is not None:
        name = (
            "reduce_sum"
            if context.resolve(ast.parse(prefix, mode="eval").body).__name__ == "tensorflow"
            else "sum"
        )
        yield context.swap(2.1, call.args[0], f"{prefix}.{name}({text})")
        if over:
            yield context.swap(0.9, call.args[0], f"{prefix}.{name}({text}{over})")


def _counted(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """A metric that counts batches where its rows are to be counted."""
    function = context.function(call)
    value = call.args[0]
    one = isinstance(value, ast.Constant) and value.value in (1, 1.0)
    if called(call) != "assign_add" or not one or function is None or function.name != "update_state":
        return
    for name in (a.arg for a in function.args.args[1:2]):
        rows = context.spell("rows", call, name)
        prefix = next(iter(context.prefixes()), None)
        if rows is not None and prefix is not None and context.is_tensor(function, name):
            text = context.spell("cast", value, rows, '"float32"')
            if text is not None:
                yield context.swap(0.9, value, text)
