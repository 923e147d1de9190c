"""Edits that keep what a name promises or a mask is for: deviations, divergences, masks turned round or too wide."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer, position
from kerascope.explain.fixes.edits.guards import prefix_of
from kerascope.explain.fixes.patch import Edit
from kerascope.promises import COSINE, DIVERGENCE, LOG_VARIANCE, PROBABILITY, SPREAD, hides, is_low

_TRIANGLES = {"tril": -1, "triu": 1}
"""Masks of places, each with the step by which it is made narrower, so that a step itself is not in it."""


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call):
        yield from _deviation(context, node)
        yield from _exchanged(context, node)
        yield from places(context, node)
        yield from _before(context, node)
        yield from _channels(context, node)
    yield from _mask(context, node)
    parent = context.parents.get(node)
    if isinstance(parent, ast.Assign) and parent.value is node:
        names = [context.text(t).rpartition(".")[2].lower() for t in parent.targets]
        if any(DIVERGENCE.search(name) for name in names):
            yield from _signs(context, node)
        for name in names:
            yield from _in_range(context, node, name)
    yield from _smoothed(context, node)


def _in_range(context: Context, value: ast.expr, name: str) -> Iterator[Proposal]:
    """What is named a cosine, of normalised vectors; probabilities of scores; a spread that is above zero."""
    prefix, text = (
        next((p for p in context.prefixes() if p.split(".")[-1] == "ops"), None),
        context.text(value),
    )
    if prefix is None:
        return
    if PROBABILITY.search(name):
        single = (context.shape(value) or (None,))[-1] == 1
        inner = context.text(value.args[0]) if called(value) == "exp" and value.args else text  # type: ignore[attr-defined]
        yield context.swap(0.4 if single else 0.3, value, f"{prefix}.softmax({inner}, axis=-1)")
        yield context.swap(0.3 if single else 0.4, value, f"{prefix}.sigmoid({inner})")
    if SPREAD.search(name):
        yield context.swap(0.3, value, f"{prefix}.softplus({text})")
        yield context.swap(0.35, value, f"{prefix}.exp({text})")
    if COSINE.search(name):
        vectors = [n for n in ast.walk(value) if isinstance(n, (ast.Name, ast.Call)) and context.shape(n)]
        plain = [n for n in vectors if isinstance(n, ast.Name)]
        edits = [
            e
            for n in plain
            for e in context.swap(0, n, f"{prefix}.normalize({context.text(n)}, axis=-1)").edits
        ]
        if edits:
            yield Proposal(0.3, "both vectors normalised", tuple(edits))


def _smoothed(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """`y * (1 - s) + s`: the share that is taken away is shared between the classes."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add) or not context.shape(node):
        return
    for product, added in ((node.left, node.right), (node.right, node.left)):
        if not isinstance(product, ast.BinOp) or not isinstance(product.op, ast.Mult) or context.shape(added):
            continue
        shares = [s for s in (product.left, product.right) if not context.shape(s)]
        target = next((s for s in (product.left, product.right) if context.shape(s)), None)
        if shares and target is not None:
            text = context.atom(added.left) if isinstance(added, ast.BinOp) else context.atom(added)
            yield context.swap(0.3, added, f"{text} / {context.text(target)}.shape[-1]")
            if isinstance(added, ast.BinOp) and isinstance(added.op, ast.Div):
                taken = f"(1.0 - {text})"
                if context.text(shares[0]) not in (taken, taken[1:-1]):
                    yield context.swap(0.35, shares[0], taken)


def _deviation(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`exp(log_var)` times noise: the root of it."""
    if called(call) == "exp" and len(call.args) == 1:
        name = context.text(call.args[0])
        if LOG_VARIANCE.search(name.rpartition(".")[2].lower()):
            yield context.swap(0.2, call.args[0], f"0.5 * {name}")


def _mask(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """`mask * -1e9` for `(1 - mask) * -1e9`, and the reverse."""
    hidden = hides(node)
    if hidden is None or isinstance(node, ast.Call):
        return
    side, _, of_ones = hidden
    text = context.text(side)
    if of_ones:
        yield context.swap(0.2, side, f"(1.0 - {text})")
    elif isinstance(side, ast.BinOp):
        yield context.swap(0.2, side, context.text(side.right))


def _channels(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`BatchNormalization(axis=1)` of pictures whose channels are last."""
    for keyword in call.keywords:
        if called(call) == "BatchNormalization" and keyword.arg == "axis" and integer(keyword.value) != -1:
            yield context.swap(0.3, keyword.value, "-1")


def _before(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """A softmax whose result is masked: its scores are."""
    function, shape, prefix = context.function(call), context.shape(call), prefix_of(context, call)
    if called(call) != "softmax" or not call.args or function is None or prefix is None:
        return
    scores = context.text(call.args[0])
    for product in ast.walk(function):
        if not isinstance(product, ast.BinOp) or not isinstance(product.op, ast.Mult):
            continue
        for mask in (product.right, product.left):
            # Cast or not, with an axis for the features or without.
            held = mask.value if isinstance(mask, ast.Subscript) and context.shape(mask) != shape else mask
            if "mask" in context.text(held) and len(context.shape(held) or ()) == len(shape or (0,)):
                yield context.swap(
                    0.3, call.args[0], f"{prefix}.where({context.atom(held)} > 0, {scores}, -1e9)"
                )


def _exchanged(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`where(keep, -1e9, scores)`: the other way round."""
    if called(call) != "where" or len(call.args) != 3:
        return
    one, two = call.args[1:]
    if is_low(one) != is_low(two):
        edits = (Edit(position(one), context.text(two)), Edit(position(two), context.text(one)))
        yield Proposal(0.2, "the other way round in where", edits)


def places(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`triu(ones)` as what is hidden: without the diagonal; `tril(ones, -1)` as what is seen: with it."""
    step = _TRIANGLES.get(called(call))
    if step is None or not call.args:
        return
    given = next((k.value for k in call.keywords if k.arg in ("k", "diagonal")), None)
    given = given or (call.args[1] if len(call.args) > 1 else None)
    if given is None:
        yield context.insert(
            0.25, call, f"k={step}" if context.kind(getattr(call.func, "value", call)) == "ops" else str(step)
        )
    elif integer(given) == -step:
        yield context.swap(0.25, given, "0")
    other = next(name for name in _TRIANGLES if name != called(call))
    yield context.swap(0.4, call.func, context.text(call.func).replace(called(call), other))


def _signs(context: Context, value: ast.expr) -> Iterator[Proposal]:
    """A divergence below zero: its sign turned, or that of a term."""
    text = context.text(value)
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        yield context.swap(0.3, value, context.text(value.operand))
    elif (
        isinstance(value, ast.BinOp)
        and isinstance(value.op, ast.Mult)
        and isinstance(value.left, ast.Constant)
    ):
        yield context.swap(0.2, value.left, f"-{context.text(value.left)}")
    else:
        yield context.swap(0.3, value, f"-{text}" if isinstance(value, ast.Call) else f"-({text})")
    for part in ast.walk(value):
        if isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Add, ast.Sub)):
            sign = "-" if isinstance(part.op, ast.Add) else "+"
            yield context.swap(0.5, part, f"{context.text(part.left)} {sign} {context.atom(part.right)}")
