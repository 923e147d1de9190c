"""Edits of what a metric adds to its state: totals of a batch, rows counted, added rather than set anew."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, short

_KEPT = {"max": "maximum", "min": "minimum", "amax": "maximum", "amin": "minimum"}
"""What keeps an extreme of all batches, by what gives that of one."""
_WEIGHTS = "sample_weight"
_UPDATES = ("assign_add", "assign_sub", "assign")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call) and called(node) in _UPDATES and len(node.args) == 1:
        yield from _added(context, node)
        yield from _counted(context, node)
        yield from _totals(context, node)

    if isinstance(node, ast.Call):
        yield from _weighed(context, node)


def _weighed(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """The total of a batch in which the weights of the samples have no part."""
    function = context.function(call)
    if function is None or function.name != "update_state" or not context.is_tensor(function, _WEIGHTS):
        return
    names = {n.id for n in ast.walk(call) if isinstance(n, ast.Name)}
    if not call.args or _WEIGHTS in names:
        return
    prefix = next(iter(context.prefixes()), None)
    if called(call) in ("shape", "size", "cast") and context.shape(call) == () and prefix is not None:
        total = "reduce_sum" if prefix.split(".")[-1] == "tf" else "sum"
        yield context.swap(0.8, call, f"{prefix}.{total}({_WEIGHTS})")
    shape = context.shape(call.args[0])
    if called(call) in ("sum", "reduce_sum", "count_nonzero") and shape and shape[0] == "B":
        places = "" if len(shape) == 1 else f"[{', '.join([':'] + ['None'] * (len(shape) - 1))}]"
        inner = call.args[0]
        text = f"{context.atom(inner)} * {_WEIGHTS}{places}"
        yield Proposal(0.7, f"weigh {short(context.text(inner))}", context.swap(0.7, inner, text).edits)


def of_function(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Yields the weighing of each batch's average by its rows, where averages are added up and batches counted."""
    if function.name != "update_state":
        return
    adding = [n for n in ast.walk(function) if called(n) == "assign_add" and isinstance(n, ast.Call)]
    values = [n.args[0] for n in adding if len(n.args) == 1]
    counts = [v for v in values if isinstance(v, ast.Constant) and v.value in (1, 1.0)]
    averages = [v for v in values if context.shape(v) == () and "sum" not in called(v)]
    rows = _rows(context, function, averages[0]) if averages else None
    if len(counts) == len(averages) == 1 and rows is not None:
        weighed = f"{context.atom(averages[0])} * {rows}"
        edits = (
            *context.swap(0, averages[0], weighed).edits,
            *context.swap(0, counts[0], rows).edits,
        )
        yield Proposal(0.8, "weigh each batch by its rows", edits)


def _rows(context: Context, function: ast.FunctionDef, near: ast.expr) -> str | None:
    """Returns how the number of rows of a batch is written, as a float."""
    for name in (a.arg for a in function.args.args[1:2]):
        rows = context.spell("rows", near, name)
        if rows is not None and context.is_tensor(function, name):
            return context.spell("cast", near, rows, '"float32"')
    return None


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
    text = _rows(context, function, call)
    if text is not None:
        yield context.swap(0.9, value, text)
