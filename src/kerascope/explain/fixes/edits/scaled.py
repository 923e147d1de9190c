"""Edits of numbers that scale the wrong way, and of means in which masked places count."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called
from kerascope.promises import MASK


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(context.parents.get(node), ast.Return):
        yield from _added(context, node)
    if isinstance(node, ast.BinOp):
        yield from _turned(context, node)
        yield from _below_all(context, node)
    elif isinstance(node, ast.Call):
        yield from _kept(context, node)
        yield from _of_fractions(context, node)


def _added(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """What a residual block returns, with what it was given."""
    function = context.function(node)
    given = [a.arg for a in function.args.args if a.arg != "self"] if function is not None else []
    if function is not None and function.name == "call" and given:
        yield context.swap(0.5, node, f"{given[0]} + {context.atom(node)}")


def _below_all(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`max(h * mask)`: what is masked is below all others, not zero."""
    prefix = next((p for p in context.prefixes() if p.split(".")[-1] == "ops"), None)
    for mask, other in ((node.right, node.left), (node.left, node.right)):
        if (
            isinstance(node.op, ast.Mult)
            and prefix is not None
            and MASK.search(ast.unparse(mask))
            and not MASK.search(ast.unparse(other))
        ):
            yield context.swap(
                0.3, node, f"{prefix}.where({context.atom(mask)} > 0, {context.text(other)}, -1e9)"
            )


def _turned(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`scores * temperature`, `scores * d**0.5`: divided by it; `(x - mean) / var`: by the root."""
    if isinstance(node.op, ast.Mult):
        for side, other in ((node.right, node.left), (node.left, node.right)):
            if not context.shape(side) and context.shape(other):
                yield context.swap(0.3, node, f"{context.text(other)} / {context.atom(side)}")
    prefix = next((p for p in context.prefixes() if p.split(".")[-1] == "ops"), None)
    if isinstance(node.op, ast.Div) and prefix is not None and context.shape(node.right):
        text = context.text(node.right)
        bare = text[1:-1] if text.startswith("(") and text.endswith(")") else text
        yield context.swap(0.3, node.right, f"{prefix}.sqrt({bare})")


def _of_fractions(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`add_weight(dtype="int32")` of a state that is given fractions."""
    for keyword in call.keywords:
        whole = str(getattr(keyword.value, "value", "")).startswith(("int", "uint"))
        if called(call) in ("add_weight", "add_variable", "Variable") and keyword.arg == "dtype" and whole:
            yield context.swap(0.2, keyword.value, '"float32"')


def _kept(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`mean(x * mask, axis=1)`: the sum, divided by the sum of the mask."""
    prefix = next((p for p in context.prefixes() if p.split(".")[-1] == "ops"), None)
    if called(call) != "mean" or not call.args or prefix is None:
        return
    product = call.args[0]
    known = context.given(product) if isinstance(product, ast.Name) else []
    made = known[0] if known else product
    if not isinstance(made, ast.BinOp) or not isinstance(made.op, ast.Mult):
        return
    rest = context.text(call)[len(context.text(call.func)) + 1 + len(context.text(product)) :]
    for mask in (made.right, made.left):
        if "mask" in context.text(mask) or "mask" in "".join(map(ast.unparse, _behind(context, mask))):
            whole = f"{prefix}.sum({context.text(product)}{rest}"
            yield context.swap(
                0.3, call, f"{whole} / {prefix}.maximum({prefix}.sum({context.text(mask)}{rest}, 1.0)"
            )


def _behind(context: Context, node: ast.expr) -> list[ast.expr]:
    return context.given(node) if isinstance(node, ast.Name) else []
