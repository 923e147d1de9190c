"""Edits of a reshape that mixes axes up: the transposition that has to come before it, or after."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence

from kerascope.explain.fixes.edits.context import Context, Proposal, Shape, called

_RESHAPING = ("reshape", "view")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if not isinstance(node, ast.Call) or called(node) not in _RESHAPING or len(node.args) < 2:
        return
    tensor, target = node.args[:2]
    before, after = context.shape(tensor), context.shape(node)
    if not before or not after or before[0] != after[0] or not isinstance(target, (ast.Tuple, ast.List)):
        return
    if _merges(before, after) or _merges(after, before):
        return  # it keeps the order
    if len(after) < len(before):
        for order in _orders(len(before)):
            if _merges([before[axis] for axis in order], after):
                text = context.spell(
                    "transpose", node, context.text(tensor), f"({', '.join(map(str, order))})"
                )
                if text is not None:
                    edit = context.swap(0.7 + 0.05 * _moved(order), tensor, text)
                    yield Proposal(edit.cost, f"{edit.description} before the reshape", edit.edits)
    elif len(target.elts) == len(after):
        texts = [context.text(e) for e in target.elts]
        for order in _orders(len(after)):
            if not _merges([after[axis] for axis in order], before):
                continue
            new = [texts[axis] for axis in order]
            back = ", ".join(str(order.index(axis)) for axis in range(len(order)))
            whole = f"{context.text(node.func)}({context.text(tensor)}, ({', '.join(new)}))"
            text = context.spell("transpose", node, whole, f"({back})")
            if text is not None:
                yield context.swap(0.75 + 0.05 * _moved(order), node, text)


def _orders(rank: int) -> Iterator[tuple[int, ...]]:
    """Yields the orders of axes that leave the batch in front, those that move few of them first."""
    found = [(0, *order) for order in itertools.permutations(range(1, rank))]
    yield from sorted(found[1:], key=_moved)


def _moved(order: tuple[int, ...]) -> int:
    return sum(a != b for a, b in enumerate(order))


def _merges(long: Sequence[int | str | None], short: Shape) -> bool:
    """Tells whether sizes become those of a shape by merging neighbours."""
    rest = list(long)
    for size in short:
        if not rest:
            return False
        product = rest.pop(0)
        while rest and product != size and isinstance(product, int):
            following = rest.pop(0)
            if not isinstance(following, int):
                return False
            product *= following
        if product != size:
            return False
    return not rest
