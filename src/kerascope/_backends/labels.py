"""Sizes that are not known yet, written as terms of `B`: `2·B`, `B+1`, `B²`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kerascope.values import TensorFacts

_MOST_EXTRA = 8


class Filling:
    """A number that stands for every unknown size while Keras works out shapes on torch."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._raw: dict[int, tuple[TensorFacts, tuple[int, ...]]] = {}

    def named(self, sizes: Sequence[int]) -> tuple[int | str, ...]:
        """Returns the sizes as far as one run can tell what they depend on."""
        return tuple(guess(size, self.size) for size in sizes)

    def keep(self, facts: TensorFacts, sizes: Sequence[int]) -> None:
        """Remembers the sizes behind the facts, for the comparison with another run."""
        self._raw[id(facts)] = (facts, tuple(sizes))

    def sizes(self, facts: TensorFacts) -> tuple[int, ...] | None:
        """Returns the sizes behind facts that were made under this filling."""
        known = self._raw.get(id(facts))
        return None if known is None else known[1]


def guess(size: int, filling: int) -> int | str:
    """Returns a size as a term of B, judging by a single run: multiples, a little more or less, and the square."""
    if size == filling * filling:
        return "B²"
    times, rest = divmod(size + _MOST_EXTRA, filling)
    if times == 0 or rest > 2 * _MOST_EXTRA:
        return size
    return term(times, rest - _MOST_EXTRA)


def label(a: int, b: int, filling_a: int, filling_b: int) -> int | str | None:
    """Returns a size as a term of B from what it was in two runs; None when it is of another form.

    >>> label(166, 178, 83, 89), label(84, 90, 83, 89), label(7, 7, 83, 89), label(41, 44, 83, 89)
    ('2·B', 'B+1', 7, None)
    """
    if a == b:
        return a
    if (a, b) == (filling_a**2, filling_b**2):
        return "B²"
    times, rest = divmod(b - a, filling_b - filling_a)
    return None if rest or times < 1 else term(times, a - times * filling_a)


def term(times: int, plus: int) -> str:
    """Writes times·B+plus."""
    return ("B" if times == 1 else f"{times}·B") + (f"{plus:+d}" if plus else "")


def of_jax(text: str) -> str:
    """Returns a symbolic size of JAX in the same form: Keras calls the unknown one `dynamic_dimension`."""
    text = text.replace("dynamic_dimension", "B").replace("^2", "²").replace(" ", "")
    return re.sub(r"\*", "·", text)
