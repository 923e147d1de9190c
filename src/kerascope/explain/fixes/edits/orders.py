"""Edits of the order of axes that a transposition is given: another one, a whole one, one at all."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from kerascope.explain.fixes.edits.arguments import rank_of
from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer

_PERMUTING = {"transpose", "permute", "Permute", "permute_dims"}


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call) and called(node) in _PERMUTING:
        yield from _orders(context, node)


def _orders(context: Context, call: ast.Call) -> Iterator[Proposal]:
    name = called(call)
    rank = rank_of(context, call)
    slots = [
        v for v in (*call.args, *(k.value for k in call.keywords)) if isinstance(v, (ast.Tuple, ast.List))
    ]
    for value in slots:
        text = context.text(value)
        for cost, inner in (*_permuted(value.elts, name), *_completed(value.elts, rank)):
            yield context.swap(cost, value, f"{text[0]}{inner}{text[-1]}")
    if not slots and len(call.args) > 1:  # `x.permute(0, 2, 1)`
        first, last = call.args[0], call.args[-1]
        place = (first.lineno, last.end_lineno or last.lineno, first.col_offset, last.end_col_offset or 0)
        for cost, inner in _permuted(call.args, name):
            yield context.replace(cost, place, ", ".join(context.text(a) for a in call.args), inner)
    method = isinstance(call.func, ast.Attribute) and context.kind(call.func.value) is None
    if not slots and len(call.args) == 1 and rank > 2 and not method and name == "transpose":
        word = "perm" if "perm" in context.parameters(call) else "axes"
        for order in itertools.permutations(range(1, rank)):
            if list(order) != list(range(1, rank)):
                text = ", ".join(map(str, (0, *order)))
                yield context.insert(1.2, call, f"{word}=({text})")


def _permuted(axes: list[ast.expr], name: str) -> Iterator[tuple[float, str]]:
    """Yields the other orders of literal axes, those that leave the batch in front first."""
    now = [integer(x) for x in axes]
    if None in now:
        return
    for order in itertools.permutations([x for x in now if x is not None]):
        if list(order) != now:
            moved = sum(a != b for a, b in zip(order, now, strict=True))
            kept = order[0] == 0 or name == "Permute"
            nothing = (
                -0.5 if now == sorted(x for x in now if x is not None) else 0.0
            )  # as it is, it does nothing
            yield (1.0 if kept else 1.8) + 0.1 * moved + nothing, ", ".join(map(str, order))


def _completed(axes: list[ast.expr], rank: int) -> Iterator[tuple[float, str]]:
    """Yields whole orders for axes that are too few: the two that change places, or all but the batch."""
    now = [axis % rank for x in axes if rank and (axis := integer(x)) is not None]
    if len(now) != len(axes) or len(now) >= rank or len(set(now)) != len(now):
        return
    if sorted(now) == list(range(len(now))) and now[0] == 0:  # as it was before another axis came in
        yield 0.45, ", ".join(map(str, (*now, *range(len(now), rank))))
    if len(now) == 2:
        turned = {now[0]: now[1], now[1]: now[0]}
        yield 0.5 if 0 not in now else 1.1, ", ".join(str(turned.get(axis, axis)) for axis in range(rank))
    if len(now) == rank - 1:
        behind = [axis + (0 in now) for axis in now]
        if sorted(behind) == list(range(1, rank)):
            yield 0.6, ", ".join(map(str, (0, *behind)))
