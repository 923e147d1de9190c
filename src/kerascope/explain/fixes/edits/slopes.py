"""Edits of what passes no gradient back: soft forms of hard choices, and rounding that lets the gradient through."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator

from kerascope.explain.fixes.edits.alike import form
from kerascope.explain.fixes.edits.arguments import AXES
from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer
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
        yield from _stopped(context, node)
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
    if whole is choice and prefix.split(".")[-1] == "ops":
        yield from _expected_place(context, choice, prefix, axis)
    sign = "-" if called(choice) == "argmin" else ""
    scores = f"{sign}{context.atom(choice.args[0])}" if sign else context.text(choice.args[0])
    along = "-1" if axis is None else context.text(axis)
    yield context.swap(cost, whole, f"{function}({scores}, {word}={along})")


def _expected_place(
    context: Context, choice: ast.Call, prefix: str, axis: ast.expr | None
) -> Iterator[Proposal]:
    """`argmax(x, axis=1)` as a place: the mean of the places, weighted by a softmax (Luvizon et al., 2017)."""
    scores, shape, place = choice.args[0], context.shape(choice.args[0]), integer(axis)
    if not shape or place is None or not isinstance(scores, (ast.Name, ast.Attribute)):
        return
    place %= len(shape)
    text = context.text(scores)
    sizes = ", ".join("-1" if i == place else "1" for i in range(len(shape)))
    places = f'{prefix}.reshape({prefix}.arange({text}.shape[{place}], dtype="float32"), ({sizes}))'
    sign = "-" if called(choice) == "argmin" else ""
    weights = f"{prefix}.softmax({sign}{text}, axis={place})"
    yield context.swap(0.9, choice, f"{prefix}.sum({weights} * {places}, axis={place})")


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


def _stopped(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`stop_gradient(p) * z`: the other of the two; of a whole result, only the difference to what it is to pass on."""
    if called(call) != "stop_gradient":
        return
    inner, whole = context.text(call.args[0]), context.text(call)
    function = whole[: len(whole) - len(f"({inner})")]
    for other in _beside(context, call):
        text = context.text(other)
        edits = (
            *context.swap(0.3, call, inner).edits,
            *context.swap(0.3, other, f"{function}({text})").edits,
        )
        yield Proposal(0.3, f"the gradient stopped at {text}, not at {inner}", edits)
    function_def, shape = context.function(call), context.shape(call.args[0])
    if (
        isinstance(context.parents.get(call), ast.Return)
        and isinstance(call.args[0], ast.Name)
        and shape
        and function_def
    ):
        reads = [n for n in ast.walk(function_def) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
        for name in dict.fromkeys(n.id for n in reads if context.shape(n) == shape):
            if name != inner:
                yield context.swap(0.5, call, f"{name} + {function}({inner} - {name})")


def _beside(context: Context, call: ast.Call) -> Iterator[ast.expr]:
    """Yields the other operand of what a stopped tensor goes into, or what a like statement sets another name to."""
    parent = context.parents.get(call)
    if isinstance(parent, ast.BinOp):
        yield parent.right if parent.left is call else parent.left
    elif isinstance(parent, ast.Call) and len(parent.args) > 1:
        yield from (a for a in parent.args if a is not call and not isinstance(a, ast.Constant))
    function = context.function(call)
    if isinstance(parent, ast.Assign) and function is not None:
        for statement in function.body:
            if (
                isinstance(statement, ast.Assign)
                and statement is not parent
                and form(statement.value) == form(call.args[0])
            ):
                yield statement.value
