"""Edits of what a function gives back and leaves behind: a forgotten `return`, variables that are set to tensors."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer, position
from kerascope.explain.fixes.patch import Edit
from kerascope.explain.lines.source import MAKERS

_NOTHING = (
    "__init__",
    "build",
    "update_state",
    "reset_state",
    "on_epoch_end",
    "on_batch_end",
    "on_train_begin",
)
"""Methods that give nothing back."""
_RECURRENT = ("GRU", "LSTM", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D")
_ATTENDING, _SCORES = ("MultiHeadAttention", "GroupQueryAttention"), "return_attention_scores"


def of_function(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Yields edits of a whole function."""
    if function.name not in _NOTHING:
        yield from _given_back(context, function)
    for statement in ast.walk(function):
        if isinstance(statement, (ast.AugAssign, ast.Assign)):
            yield from _changed(context, function, statement)
        if isinstance(statement, ast.Assign):
            yield from _taken_apart(context, statement)
            yield from _asked_for(context, function, statement)


def _taken_apart(context: Context, statement: ast.Assign) -> Iterator[Proposal]:
    """`x, _ = layer(x)` of what gives one tensor, `a, b = split(x, 3)`."""
    target, value = statement.targets[0], statement.value
    if not isinstance(target, ast.Tuple) or not isinstance(value, ast.Call):
        return
    if context.shape(value) is not None and not context.parts(value):
        yield context.swap(0.6, target, context.text(target.elts[0]))
    count = len(target.elts)
    for part in value.args[1:2]:
        if integer(part) not in (None, count):
            yield context.swap(0.5, part, str(count))


def _asked_for(context: Context, function: ast.FunctionDef, statement: ast.Assign) -> Iterator[Proposal]:
    """`out, h = self.gru(x)` of a layer that gives its states, or its weights, only when it is asked to."""
    target, call, owner = statement.targets[0], statement.value, context.owner(function)
    if not isinstance(target, ast.Tuple) or not isinstance(call, ast.Call) or context.parts(call):
        return
    made = [
        n.value
        for n in (ast.walk(owner) if owner is not None else ())
        if isinstance(n, ast.Assign) and any(context.text(t) == context.text(call.func) for t in n.targets)
    ]
    read = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    used = any(isinstance(e, ast.Name) and e.id in read for e in target.elts[1:])
    for maker in made:
        for place, names, word in ((maker, _RECURRENT, "return_state"), (call, _ATTENDING, _SCORES)):
            asked = isinstance(place, ast.Call) and any(k.arg == word for k in place.keywords)
            if called(maker) in names and isinstance(place, ast.Call) and not asked and used:
                yield context.insert(0.5, place, f"{word}=True")


def _given_back(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """What a function computes last, where it gives nothing back."""
    returns = [n for n in ast.walk(function) if isinstance(n, ast.Return) and context.function(n) is function]
    bare = [n for n in returns if n.value is None]
    last = function.body[-1]
    if any(n.value is not None for n in returns) or not function.body:
        return
    if isinstance(last, ast.Expr) and not isinstance(last.value, ast.Constant):
        first, _, begin, _ = position(last)
        yield Proposal(0.3, f"return {context.text(last)}", (Edit((first, first, begin, begin), "return "),))
        return
    names = [
        t.id
        for s in function.body
        if isinstance(s, (ast.Assign, ast.AugAssign))
        for t in (s.targets if isinstance(s, ast.Assign) else [s.target])
        if isinstance(t, ast.Name)
    ]
    if not names:
        return
    if bare and bare[-1] is last:
        yield Proposal(0.3, f"return {names[-1]}", (Edit(position(last), f"return {names[-1]}"),))
        return
    line, end = last.end_lineno or last.lineno, last.end_col_offset or 0
    text = f"\n{' ' * function.body[0].col_offset}return {names[-1]}"
    yield Proposal(0.3, f"add return {names[-1]}", (Edit((line, line, end, end), text),))


def _changed(
    context: Context, function: ast.FunctionDef, statement: ast.Assign | ast.AugAssign
) -> Iterator[Proposal]:
    """`self.total += x` where `self.total` is a variable: `self.total.assign_add(x)`."""
    target = statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0]
    if not isinstance(target, ast.Attribute) or function.name in ("__init__", "build"):
        return
    name = context.text(target)
    if not _is_variable(context, function, name):
        return
    value = statement.value
    if isinstance(statement, ast.AugAssign):
        if isinstance(statement.op, (ast.Add, ast.Sub)):
            verb = "assign_add" if isinstance(statement.op, ast.Add) else "assign_sub"
            yield context.swap(0.3, statement, f"{name}.{verb}({context.text(value)})")
        return
    added = isinstance(value, ast.BinOp) and isinstance(value.op, (ast.Add, ast.Sub))
    if isinstance(value, ast.BinOp) and added and context.text(value.left) == name:
        verb = "assign_add" if isinstance(value.op, ast.Add) else "assign_sub"
        yield context.swap(0.3, statement, f"{name}.{verb}({context.text(value.right)})")
    yield context.swap(0.5, statement, f"{name}.assign({context.text(value)})")


def _is_variable(context: Context, function: ast.FunctionDef, name: str) -> bool:
    """Tells whether an attribute is made as a variable in the class."""
    owner = context.owner(function)
    return owner is not None and any(
        isinstance(n, ast.Assign)
        and called(n.value) in MAKERS
        and any(context.text(t) == name for t in n.targets)
        for n in ast.walk(owner)
    )
