"""Edits for numbers that are not finite: something small under a root, in a logarithm or in a divisor."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer, short

_SMALL = "1e-6"
_NARROW = ("float16", "uint8", "int8", "int16", "uint16")
_BOUNDING = ("relu", "clip", "maximum", "one_hot", "softmax", "sigmoid", "abs", "square", "exp", "softplus")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    yield from _wider(context, node)
    if isinstance(node, ast.Call):
        yield from _guarded(context, node)
        yield from _from_one_on(context, node)
        yield from _raised(context, node)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield from _divided(context, node)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        yield from _cancelling(context, node)


def _wider(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """`"float16"`, `"uint8"` as what is computed in, also where a name of the module is set to it."""
    if isinstance(node, ast.Constant) and node.value in _NARROW:
        yield context.swap(0.3, node, f"{context.text(node)[0]}float32{context.text(node)[0]}")
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        for statement in context.tree.body:
            value = statement.value if isinstance(statement, ast.Assign) else None
            if not isinstance(value, ast.Constant) or value.value not in _NARROW:
                continue
            if node.id in {t.id for t in statement.targets if isinstance(t, ast.Name)}:  # type: ignore[attr-defined]
                yield context.swap(0.3, value, '"float32"')


def _guarded(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Something small under a root or logarithm, and the stable form of the logarithm of a softmax or sigmoid."""
    name = called(call)
    if name not in ("sqrt", "rsqrt", "log", "reciprocal") or len(call.args) != 1 or call.keywords:
        return
    inner, prefix = call.args[0], prefix_of(context, call)
    if prefix is None:
        return
    share = name == "log" and called(inner) in ("softmax", "sigmoid")
    if share and isinstance(inner, ast.Call) and prefix == prefix_of(context, inner):
        yield context.swap(0.0, call, f"{prefix}.log_{called(inner)}({_arguments(context, inner)})")
    if (
        name == "log"
        and context.in_loss(call)
        and isinstance(inner, ast.Name)
        and len(context.shape(inner) or ()) > 1
    ):
        # Scores of any sign, where the logarithm of probabilities is wanted.
        yield context.swap(
            1.3 if _bounded(context, inner) else 1.0, call, f"{prefix}.log_softmax({context.text(inner)})"
        )
    added = context.swap(1.0, inner, f"{context.atom(inner)} + {_SMALL}")
    yield Proposal(1.0, f"add {_SMALL} inside {name}", added.edits)
    limited = context.swap(1.1, inner, f"{prefix}.maximum({context.text(inner)}, {_SMALL})")
    yield Proposal(1.1, f"at least {_SMALL} inside {name}", limited.edits)


def _from_one_on(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`1 / log2(arange(1, k + 1))`, which begins with the logarithm of one: places are counted from two there."""
    inner = call.args[0] if called(call).startswith("log") and call.args else None
    if not isinstance(inner, ast.Call) or called(inner) != "arange" or len(inner.args) < 2:
        return
    start, stop = inner.args[:2]
    if integer(start) in (0, 1):
        one = context.swap(0.5, start, str((integer(start) or 0) + 1))
        more = f"{context.text(stop)} + 1"
        if isinstance(stop, ast.BinOp) and isinstance(stop.op, ast.Add) and integer(stop.right) is not None:
            more = f"{context.text(stop.left)} + {(integer(stop.right) or 0) + 1}"
        yield Proposal(0.5, one.description, (*one.edits, *context.swap(0.5, stop, more).edits))


def _bounded(context: Context, name: ast.Name) -> bool:
    """Tells whether a name was set to what is never below zero, as no scores are."""
    return any(called(n) in _BOUNDING for value in context.given(name) for n in ast.walk(value))


def _raised(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """A power with an exponent that is no literal: what is given to the function may be negative."""
    prefix = prefix_of(context, call)
    if called(call) not in ("power", "pow") or len(call.args) != 2 or prefix is None:
        return
    base, exponent = call.args
    if isinstance(exponent, ast.Constant) and isinstance(exponent.value, int):
        return
    function = context.function(call)
    given = (
        isinstance(base, ast.Name) and function is not None and base.id in (a.arg for a in function.args.args)
    )
    limited = context.swap(1.0, base, f"{prefix}.maximum({context.text(base)}, {_SMALL})")
    text = f"at least {_SMALL} for {short(context.text(base))} in the power"
    yield Proposal(0.2 if given else 0.9, text, limited.edits)


def _arguments(context: Context, call: ast.Call) -> str:
    given = [context.text(a) for a in call.args]
    return ", ".join([*given, *(f"{k.arg}={context.text(k.value)}" for k in call.keywords)])


def _divided(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    yield from _by_hand(context, node)
    divisor = node.right
    if isinstance(divisor, ast.Constant):
        return
    prefix = next((p for p in context.prefixes() if p.split(".")[-1] == "ops"), None)
    if prefix is not None:
        text = f"{prefix}.divide_no_nan({context.text(node.left)}, {context.text(divisor)})"
        yield Proposal(
            1.0, f"divide_no_nan by {short(context.text(divisor))}", context.swap(1.0, node, text).edits
        )
    added = context.swap(1.1, divisor, f"({context.text(divisor)} + {_SMALL})")
    yield Proposal(1.1, f"add {_SMALL} to the divisor {short(context.text(divisor))}", added.edits)


def _cancelling(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`mean(x * x) - mean(x) ** 2`, which may come out negative: the variance as it is computed well."""
    mean = node.left
    if not is_spread(node) or not isinstance(mean, ast.Call):
        return
    inner, prefix = squared(mean.args[0]), prefix_of(context, mean)
    centre = squared(node.right)
    if inner is None or centre is None or prefix is None:
        return
    given = [context.text(a) for a in mean.args[1:]]
    given += [f"{k.arg}={context.text(k.value)}" for k in mean.keywords]
    one, two = context.shape(inner), context.shape(centre)
    if one is not None and two is not None and len(one) == len(two):
        spread = f"{prefix}.square({context.atom(inner)} - {context.atom(centre)})"
        yield context.swap(-0.1, node, f"{context.text(mean.func)}({', '.join([spread, *given])})")
    elif prefix.split(".")[-1] != "tf":
        yield context.swap(-0.1, node, f"{prefix}.var({', '.join([context.text(inner), *given])})")


def is_spread(node: ast.BinOp) -> bool:
    """Tells a variance that is computed as `mean(x * x) - mean(x) ** 2`."""
    mean = node.left
    return (
        isinstance(node.op, ast.Sub)
        and isinstance(mean, ast.Call)
        and called(mean).removeprefix("reduce_") == "mean"
        and bool(mean.args)
        and squared(mean.args[0]) is not None
        and squared(node.right) is not None
    )


def squared(node: ast.expr) -> ast.expr | None:
    """Returns what is squared in `square(x)`, `x ** 2` or `x * x`; None where nothing is."""
    if isinstance(node, ast.Call) and called(node) == "square" and len(node.args) == 1:
        return node.args[0]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return node.left if isinstance(node.right, ast.Constant) and node.right.value == 2 else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return node.left if ast.dump(node.left) == ast.dump(node.right) else None
    return None


def _by_hand(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`exp(z) / sum(exp(z), axis=-1, keepdims=True)`, which overflows: a softmax."""
    top, below = (_behind(context, side) for side in (node.left, node.right))
    if called(top) != "exp" or called(below).removeprefix("reduce_") != "sum":
        return
    assert isinstance(top, ast.Call) and isinstance(below, ast.Call)
    inner = _behind(context, below.args[0]) if below.args else below
    prefix = prefix_of(context, top)
    if prefix is None or not top.args or ast.unparse(inner) != ast.unparse(top):
        return
    axis = next((context.text(k.value) for k in below.keywords if k.arg in ("axis", "dim")), "-1")
    word = "dim" if prefix.split(".")[-1] == "torch" else "axis"
    yield context.swap(0.1, node, f"{prefix}.softmax({context.text(top.args[0])}, {word}={axis})")


def _behind(context: Context, node: ast.expr) -> ast.expr:
    """Returns what a name is set to, where it is set once."""
    given = context.given(node) if isinstance(node, ast.Name) else []
    return given[0] if len(given) == 1 else node


def prefix_of(context: Context, call: ast.Call) -> str | None:
    """Returns how the file writes the module of tensor functions that a call is of; None for other calls."""
    func = call.func
    if not isinstance(func, ast.Attribute) or context.kind(func.value) is None:
        return None
    return ast.unparse(func.value)
