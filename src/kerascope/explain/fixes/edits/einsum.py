"""Edits of an einsum's letters. What cannot fit the operands' shapes is left out before anything runs."""

from __future__ import annotations

import ast
import itertools
import string
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, Shape, called

_MOST_LETTERS = 5
_LONE = 0.5
"""Added where a letter would be in one operand alone and summed over, which was not so before."""


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if not isinstance(node, ast.Call) or called(node) not in ("einsum", "EinsumDense") or not node.args:
        return
    first = node.args[0]
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str) and "->" in first.value):
        return
    equation = first.value.replace(" ", "")
    left, right = equation.split("->")
    terms = left.split(",")
    shapes = [context.shape(a) for a in node.args[1:]] if called(node) == "einsum" else []
    quote = context.text(first)[0]
    seen = {equation}
    lacking = len(shapes) == len(terms) and all(
        shape and shape[0] == "B" and len(shape) == len(term) + 1
        for shape, term in zip(shapes, terms, strict=True)
    )
    letter = next((c for c in f"b{string.ascii_letters}" if c not in equation), None)
    if lacking and letter is not None:
        new = f"{','.join(letter + term for term in terms)}->{letter}{right}"
        yield context.swap(0.5, first, f"{quote}{new}{quote}")
    alone = _LONE if not _summed_alone(terms, right) else 0.0
    for plain, new_terms, new_right in sorted(_variants(terms, right, shapes), key=lambda v: v[0]):
        cost = plain + (alone if _summed_alone(new_terms, new_right) else 0.0)
        new = f"{','.join(new_terms)}->{new_right}"
        if new in seen or not _fits(new_terms, new_right, shapes):
            continue
        seen.add(new)
        yield context.swap(cost, first, f"{quote}{new}{quote}")


def _variants(
    terms: list[str], right: str, shapes: list[Shape | None]
) -> Iterator[tuple[float, list[str], str]]:
    letters = sorted(set("".join(terms)))
    for index, term in enumerate(terms):
        if len(term) <= _MOST_LETTERS:
            for order in itertools.permutations(term):
                moved = sum(a != b for a, b in zip(order, term, strict=True))
                yield 1.0 + 0.1 * moved, _with(terms, index, "".join(order)), right
        for at, letter in itertools.product(range(len(term)), letters):
            new = term[:at] + letter + term[at + 1 :]
            if len(set(new)) == len(new):
                # A letter of a size that the axis has where its own letter has not is the likeliest.
                cost = 1.1 if _misfits(terms, shapes, index, at) else 1.4
                # What no longer meets the other operand in an axis that stays in the result is seldom meant.
                parted = term[at] in right and letter in right and sum(term[at] in t for t in terms) > 1
                yield cost + 0.3 * parted, _with(terms, index, new), right
    if len(right) <= _MOST_LETTERS:
        for order in itertools.permutations(right):
            moved = sum(a != b for a, b in zip(order, right, strict=True))
            yield 1.1 + 0.1 * moved, terms, "".join(order)
    for at, letter in itertools.product(range(len(right) + 1), letters):
        if letter not in right:
            yield 1.3, terms, right[:at] + letter + right[at:]
            if at < len(right):
                yield 1.25, terms, right[:at] + letter + right[at + 1 :]
    for at in range(len(right)):
        yield 1.5, terms, right[:at] + right[at + 1 :]


def _misfits(terms: list[str], shapes: list[Shape | None], index: int, at: int) -> bool:
    """Tells whether one axis alone has another size than its letter has elsewhere: two may just be turned round."""
    own = shapes[index] if index < len(shapes) else None
    if own is None or len(own) != len(terms[index]):
        return False
    odd = set()
    for place, letter in enumerate(terms[index]):
        for term, shape in zip(terms, shapes, strict=False):
            known = shape is not None and letter in term and len(shape) == len(term)
            if known and shape is not None and shape[term.index(letter)] != own[place]:
                odd.add(place)
    return odd == {at}


def _summed_alone(terms: list[str], right: str) -> bool:
    """Tells whether a letter stands in one operand only and not in the result."""
    letters = "".join(terms)
    return any(letters.count(letter) == 1 and letter not in right for letter in letters)


def _with(terms: list[str], index: int, new: str) -> list[str]:
    return [*terms[:index], new, *terms[index + 1 :]]


def _fits(terms: list[str], right: str, shapes: list[Shape | None]) -> bool:
    """Tells whether every letter has one size, and the batch letter leads the output and is not summed over."""
    sizes: dict[str, object] = {}
    if len(shapes) != len(terms):
        return True
    for term, shape in zip(terms, shapes, strict=True):
        if shape is None:
            continue
        if len(shape) != len(term):
            return False
        for letter, size in zip(term, shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                return False
    batch = [letter for letter, size in sizes.items() if size == "B"]
    return not batch or (right[:1] in batch and all(letter in right for letter in batch))
