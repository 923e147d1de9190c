"""Whether inputs and labels given to `fit` still belong together when it ends."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from kerascope.probe.dataset.rows import Part, leaves, parts

_MARKED = 64
_MOST = 8_000_000  # bytes; hashing takes eight times as many for a moment
_FEW = 8


@dataclasses.dataclass(frozen=True)
class Marks:
    """Hashes of a few rows' inputs and labels, and one of all labels in whatever order, from before the first step."""

    pairs: list[tuple[int, int]]
    labels: int

    @classmethod
    def of(cls, arguments: dict[str, Any]) -> Marks | None:
        """Returns the marks of what a `fit` was given; None where it was anything but arrays."""
        train = _arrays(arguments)
        if train is None or len(train.index) < _FEW:
            return None
        index = train.index[np.linspace(0, len(train.index) - 1, min(_MARKED, len(train.index))).astype(int)]
        marked = Part(train.x, train.y, index, len(index))
        return cls(_pairs(marked), _sum(_hashes(train, "y")))

    def parted(self, arguments: dict[str, Any]) -> dict[str, int]:
        """Returns how many of the marked inputs now stand beside a label that was not theirs.

        None do where labels were replaced by others: all labels together must be the same as before.
        """
        train = _arrays(arguments)
        if train is None or _sum(_hashes(train, "y")) != self.labels:
            return {"rows": len(self.pairs), "apart": 0}
        now = _pairs(train)
        inputs, together = {x for x, _ in now}, set(now)
        apart = sum(x in inputs and (x, y) not in together for x, y in self.pairs)
        return {"rows": len(self.pairs), "apart": apart}


def _arrays(arguments: dict[str, Any]) -> Part | None:
    """Returns the training part where it is NumPy arrays, which alone change in place, of a moderate size."""
    train, _ = parts(arguments)
    if train is None or train.y is None:
        return None
    given = [leaf for which in (train.x, train.y) for _, leaf in leaves("", which)]
    if not all(isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fiub" for leaf in given):
        return None
    return train if sum(leaf.nbytes for leaf in given) <= _MOST else None


def _pairs(part: Part) -> list[tuple[int, int]]:
    return list(zip(_hashes(part, "x").tolist(), _hashes(part, "y").tolist(), strict=True))


def _hashes(part: Part, which: str) -> np.ndarray:
    """Returns a number for each row that other rows have by chance only."""
    found = np.zeros(len(part.index), np.uint64)
    random = np.random.default_rng(0)
    for _, array in part.arrays(which):
        rows = np.ascontiguousarray(array).reshape(len(array), -1)
        words = rows.view(np.uint8).astype(np.uint64)
        with np.errstate(over="ignore"):
            found += words @ random.integers(1, 2**63, words.shape[1], np.uint64)
    return found


def _sum(hashes: np.ndarray) -> int:
    # Multiplied out first: sums of sums would be the same for labels that trade their digits.
    with np.errstate(over="ignore"):
        mixed = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        return int((mixed ^ (mixed >> np.uint64(32))).sum(dtype=np.uint64))
