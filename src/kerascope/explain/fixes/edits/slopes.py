"""Edits of what passes no gradient back: soft forms of hard choices, and rounding that lets the gradient through."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator

from kerascope.explain.fixes.edits.arguments import AXES
from kerascope.explain.fixes.edits.context import Context, Proposal, called
from kerascope.explain.fixes.edits.guards import prefix_of
from kerascope.record.lines import cancelled, summands

_ROUNDED = ("round", "floor", "ceil", "trunc", "rint")
_STOPPING = ("stop_gradient", "detach")
_ABOVE = ("greater", "greater_equal", "gt", "ge")
_BELOW = ("less", "less_equal", "lt", "le")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call) and node.args:
        yield from _rounded(context, node)
        yield from _chosen(context, node)
        yield from _compared(context, node)
        yield from _alone(context, node)
    if isinstance(node, ast.BinOp):
        yield from _passed_by(context, node)


def _rounded(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`round(x)`: in a loss as it is, in a layer rounded on the way forward only."""
    prefix = prefix_of(context, call)
    name, inner = called(call), context.text(call.args[0])
    if prefix is None:
        return
    if name in _ROUNDED:
        loss = context.in_loss(call)
        yield context.swap(0.4 if loss else 1.0, call, inner)
        if prefix.split(".")[-1] == "ops":
            through = (
                f"({inner} + {prefix}.stop_gradient({context.text(call)} - {context.atom(call.args[0])}))"
            )
            yield context.swap(1.0 if loss else 0.7, call, through)
    elif name == "sign":
        yield context.swap(0.7, call, f"{prefix}.tanh({inner})")


def _chosen(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`one_hot(argmax(x), n)`, the hardest of choices: a softmax."""
    inner = call.args[0]
    while called(inner) == "cast" and isinstance(inner, ast.Call) and inner.args:
        inner = inner.args[0]
    if called(call) == "one_hot" and called(inner) in ("argmax", "argmin") and isinstance(inner, ast.Call):
        yield from _softened(context, call, inner, 0.6)
    elif called(call) in ("argmax", "argmin"):
        yield from _softened(context, call, call, 1.0)


def _softened(context: Context, whole: ast.Call, choice: ast.Call, cost: float) -> Iterator[Proposal]:
    prefix = prefix_of(context, choice)
    if prefix is None or not choice.args:
        return
    function = f"{prefix}.nn.softmax" if prefix.split(".")[-1] == "tf" else f"{prefix}.softmax"
    axis = next((k.value for k in choice.keywords if k.arg in AXES), None)
    axis = choice.args[1] if axis is None and len(choice.args) > 1 else axis
    word = "dim" if prefix.split(".")[-1] == "torch" else "axis"
    sign = "-" if called(choice) == "argmin" else ""
    scores = f"{sign}{context.atom(choice.args[0])}" if sign else context.text(choice.args[0])
    along = "-1" if axis is None else context.text(axis)
    yield context.swap(cost, whole, f"{function}({scores}, {word}={along})")


def _compared(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`cast(x > t, "float32")`, `where(x > t, 1.0, 0.0)`: how far it is above, or `x` where it is a probability."""
    prefix = prefix_of(context, call)
    if prefix is None or called(call) not in ("cast", "where"):
        return
    if called(call) == "cast" and len(call.args) > 1 and _is_whole(call.args[1]):
        kept = context.swap(0.4, call, context.text(call.args[0]))
        yield dataclasses.replace(kept, kind="no whole numbers")
    sides = _sides(call.args[0])
    if sides is None or (called(call) == "where" and [_number(a) for a in call.args[1:]] != [1, 0]):
        return
    more, less = sides
    loss = context.in_loss(call)
    if isinstance(less, ast.Constant):
        yield context.swap(0.4 if loss else 1.1, call, context.text(more))
    yield context.swap(
        1.0 if loss else 0.8, call, f"{prefix}.sigmoid({context.text(more)} - {context.atom(less)})"
    )


def _is_whole(dtype: ast.expr) -> bool:
    return isinstance(dtype, ast.Constant) and str(dtype.value).startswith(("int", "uint"))


def _number(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _sides(node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """Returns what a comparison asks to be the larger, and the smaller."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        one, two = node.left, node.comparators[0]
        if isinstance(node.ops[0], (ast.Gt, ast.GtE)):
            return one, two
        return (two, one) if isinstance(node.ops[0], (ast.Lt, ast.LtE)) else None
    if isinstance(node, ast.Call) and len(node.args) == 2 and called(node) in (*_ABOVE, *_BELOW):
        one, two = node.args
        return (one, two) if called(node) in _ABOVE else (two, one)
    return None


def _alone(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """A softmax of a single unit, which is 1 whatever comes: a sigmoid."""
    shape, prefix = context.shape(call), prefix_of(context, call)
    if called(call) == "softmax" and shape and shape[-1] == 1 and prefix is not None:
        cost = 0.9 if len(shape) == 2 else 1.6
        yield context.swap(cost, call, f"{prefix}.sigmoid({context.text(call.args[0])})")


def _passed_by(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`stop_gradient(z + q - z)`, `z + (q - z)`: only the difference is kept from the gradient."""
    name, outer = cancelled(node), context.parents.get(node)
    if name is None or (isinstance(outer, ast.BinOp) and isinstance(outer.op, (ast.Add, ast.Sub))):
        return
    positive = [context.atom(t) for t, sign in summands(node) if sign > 0]
    negative = [context.atom(t) for t, sign in summands(node) if sign < 0]
    positive.remove(name)
    prefix = next((p for p in context.prefixes() if p.split(".")[-1] in ("ops", "tf")), None)
    if prefix is None:
        return
    text = f"{name} + {prefix}.stop_gradient({' - '.join([' + '.join(positive), *negative])})"
    whole = outer if isinstance(outer, ast.Call) and called(outer) in _STOPPING else node
    yield context.swap(0.4, whole, text)
