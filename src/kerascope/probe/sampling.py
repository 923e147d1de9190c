"""When to take full statistics: as often as a time budget allows, always on the first steps."""

from __future__ import annotations

import math

from kerascope.probe.options import Options

WARM = (1, 2, 4, 8)
_COMPILE_FREE_SECONDS = 20.0
_LEAST = 0.3
_EARLY = 16
_COMPILE_SHARE = 0.15
_PATIENCE = 10.0


class CompileBudget:
    """What all second programs of a session together may cost to compile.

    A second program takes about as long to compile as the first step did. A single short training may spend
    some seconds on it when it ends; fifty short trainings in one script may not double the script's time.
    """

    def __init__(self) -> None:
        self.spent = 0.0
        self.stepping = 0.0

    def allows(self, estimate: float) -> bool:
        """Tells whether a compilation of `estimate` seconds fits."""
        return self.spent + estimate <= max(_COMPILE_FREE_SECONDS, _COMPILE_SHARE * self.stepping)


class Sampler:
    """Decides which steps of one model are sampled.

    `open` is False while the second program is not compiled: it is compiled lazily, once the training has run
    ten times as long as that takes, or when it ends. Asked for every Nth step, it is compiled after the first:
    before that, Keras has yet to make some of the variables.
    """

    def __init__(self, options: Options, *, in_place: bool) -> None:
        self.every = options.every
        self.budget = options.budget
        self.in_place = in_place
        self.open = in_place
        self.off: str | None = "asked for none (`every=0`)" if self.every == 0 else None
        self.cost = 0.0
        self.gap = 1
        self._next = 1

    def due(self, step: int) -> bool:
        """Tells whether `step` is to be sampled while it runs."""
        if self.off is not None or not self.open:
            return False
        if self.every:
            return (step - 1) % self.every == 0
        return step in WARM or (step >= self._next and step > WARM[-1])

    def ripe(self, stepping: float, first_step: float) -> bool:
        """Tells whether the training has run long enough to compile the second program now."""
        if self.open or self.off is not None:
            return False
        return self.every is not None or stepping > _PATIENCE * max(first_step, 0.1)

    def spent(self, step: int, seconds: float, step_seconds: float, other_share: float = 0.0) -> None:
        """Sets the next sampled step from what this one cost.

        What the watch takes anyway (`other_share` of a step) counts against the budget; of the budget itself at
        least three tenths stay for statistics.
        """
        self.cost = seconds if not self.cost else min(max(seconds, self.cost / 2), self.cost * 2)
        budget = max(self.budget - other_share, _LEAST * self.budget)
        self.gap = max(1, math.ceil(self.cost / (budget * step_seconds))) if step_seconds > 0 else 100
        # A short run is to have a few samples too; there are few such early ones, each half as far again.
        self._next = step + min(self.gap, max(_EARLY, step // 2))
