"""Keep a table bounded: which steps to let go so that the beginning, the newest and the bad ones stay.

Early steps show how the training started, the newest how it goes, and a step with a NaN or infinity is what
one looks for. Of those between, the ones with the closest neighbours go, so that the whole run stays visible.
(Deleting every second step of the older half each time would halve the same old steps again and again: after
100,000 samples nothing would be left between the first 16 and the newest 500 or so.)
"""

from __future__ import annotations

import bisect
from collections.abc import Collection, Sequence

KEPT_FIRST = 16
KEPT_NEWEST = 64


def surplus(steps: Sequence[int], bad: Collection[int]) -> list[int]:
    """Returns the steps to delete from a full table: at most every fourth, where they are closest together.

    Args:
        steps: the steps in the table, ascending.
        bad: the steps that hold a NaN or infinity. They, the first 16 and the newest 64 never go.
    """
    for first in (KEPT_FIRST, KEPT_FIRST + 1):
        # Every second one only, so that no two neighbours go at once.
        free = [i for i in range(first, len(steps) - KEPT_NEWEST, 2) if steps[i] not in bad]
        if free:
            free.sort(key=lambda i: steps[i + 1] - steps[i - 1])
            return [steps[i] for i in free[: (len(free) + 1) // 2]]
    return []


class Kept:
    """The steps that one table holds for one model, kept within `limit`.

    Steps with a NaN or infinity are never deleted, so they have a quota of half the limit: once a training
    has gone bad for good, every further step is bad and says nothing new.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.steps: list[int] = []
        self.bad: set[int] = set()
        self.refused = 0

    def add(self, step: int, finite: bool) -> bool:
        """Returns whether a row of `step` is to be stored. Several rows of one step count once."""
        if not finite and step not in self.bad:
            if len(self.bad) >= self.limit // 2:
                self.refused += 1
                return False
            self.bad.add(step)
        place = bisect.bisect_left(self.steps, step)
        if place == len(self.steps) or self.steps[place] != step:
            self.steps.insert(place, step)
        return True

    def overflow(self) -> list[int]:
        """Returns the steps to delete now, and forgets them. Empty while the table is not full."""
        if len(self.steps) <= self.limit:
            return []
        gone = surplus(self.steps, self.bad)
        left = set(gone)
        self.steps = [step for step in self.steps if step not in left]
        return gone
