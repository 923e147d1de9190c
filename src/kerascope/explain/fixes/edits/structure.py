"""Edits of functions rather than expressions: a forgotten `super().__init__()`, parameters turned round, names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, position
from kerascope.explain.fixes.patch import Edit

_FOR_ITS_SHAPE = {
    "shape",
    "zeros_like",
    "ones_like",
    "full_like",
    "empty_like",
    "size",
    "rand_like",
    "randn_like",
}
"""Functions that take a tensor only for its shape: any other of the same shape will do, so the wrong one slips in."""


def of_function(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Yields edits of a whole function."""
    if function.name == "__init__":
        yield from _super(context, function)
    if function.name in ("call", "update_state", "__call__"):
        yield from _parameters(function)


def _super(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    if "super()" in context.text(function) or not function.body:
        return
    extra = f"**{function.args.kwarg.arg}" if function.args.kwarg else ""
    first = function.body[0]
    column = first.col_offset
    indent = " " * column
    place = (first.lineno, first.lineno, column, column)
    yield Proposal(
        0.5, f"add super().__init__({extra})", (Edit(place, f"super().__init__({extra})\n{indent}"),)
    )


def _parameters(function: ast.FunctionDef) -> Iterator[Proposal]:
    """`y_pred, y_true` where Keras passes `y_true, y_pred`."""
    names = [a.arg for a in function.args.args if a.arg not in ("self", "cls")]
    if len(names) < 2 or "pred" not in names[0] or "true" not in names[1]:
        return
    one, two = (a for a in function.args.args if a.arg in names[:2])
    yield Proposal(
        0.9,
        f"{names[0]}, {names[1]} -> {names[1]}, {names[0]}",
        (Edit(position(one), names[1]), Edit(position(two), names[0])),
    )


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields other variables in the place of one that is an operand."""
    parent = context.parents.get(node)
    yield from _other_shape(context, node, parent)
    if not isinstance(node, (ast.Name, ast.Attribute)) or not isinstance(
        parent, (ast.BinOp, ast.Call, ast.Compare, ast.UnaryOp, ast.List, ast.Return)
    ):
        return
    if isinstance(parent, ast.Call) and parent.func is node:
        return
    shape = context.shape(node)
    if shape is None or called(parent) == "cast":
        return
    function = context.function(node)
    if function is None:
        return
    others = [o for o in ast.iter_child_nodes(parent) if isinstance(o, ast.expr) and o is not node]
    beside = {context.text(inner) for other in others for inner in context.nodes(other)}
    for name in context.tensors_near(function, node):
        if isinstance(parent, ast.Call) and called(parent) in _FOR_ITS_SHAPE and name != context.text(node):
            yield context.swap(1.0, node, name)
        elif name != context.text(node):
            # `left - left`, `(1 - gate) * gate`: seldom what was meant.
            yield context.swap(2.3 if name in beside else 1.5, node, name)


def _other_shape(context: Context, node: ast.expr, parent: ast.AST | None) -> Iterator[Proposal]:
    """`x.shape` of another tensor: a size is taken from the wrong one."""
    function = context.function(node)
    asks = isinstance(parent, ast.Attribute) and parent.attr == "shape"
    if not asks or function is None or not isinstance(node, (ast.Name, ast.Attribute)):
        return
    given = [a.arg for a in function.args.args if context.is_tensor(function, a.arg)]
    for name in dict.fromkeys((*context.tensors_near(function, node), *given)):
        if name != context.text(node):
            yield context.swap(1.2, node, name)
