"""What a user can set of the watch, validated at the door."""

from __future__ import annotations

import dataclasses

from kerascope.errors import UsageError
from kerascope.probe.breaking import Break

MIB = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Options:
    """Settings of a watch.

    every: take full statistics every so many steps; None leaves it to `budget`; 0 takes none.
    budget: share of the training time that statistics may take, 0.01 is one percent.
    memory: bytes for snapshots and held batches together.
    snapshot_every: steps between snapshots at most (fewer batches are held when memory does not suffice).
    keep_bytes: bytes of states and batches that the recording may hold, to run steps again; 0 for none.
    keep_batches: batches kept after each state, at most; 0 for none.
    pause: a condition after which the training pauses, see `probe.breaking`; None for never.
    profile: measures where the time goes: each callback, compilations, counterfactuals at the end.
    inline: adds gradient norms of every step, computed inside the step.
    examine: seconds for running the user's own code again when a training is over; 0 leaves it out.
    data: looks at the whole data when a training is over.
    """

    every: int | None = None
    budget: float = 0.01
    memory: int = 512 * MIB
    snapshot_every: int = 50
    keep_bytes: int = 128 * MIB
    keep_batches: int = 64
    pause: str | None = None
    inline: bool = False
    examine: float = 20.0
    data: bool = True
    profile: bool = False

    def __post_init__(self) -> None:
        if self.every is not None and (not isinstance(self.every, int) or self.every < 0):
            raise UsageError(
                f"`every` counts steps. Received: every={self.every!r}. Give a whole number, 1 for every step, "
                "0 for no statistics, or leave it out to let the time budget decide."
            )
        if not 0 < self.budget <= 1:
            raise UsageError(
                f"`budget` is a share of the training time. Received: budget={self.budget!r}. "
                "Give a number above 0 and at most 1; 0.01 is one percent."
            )
        if self.memory < 0:
            raise UsageError(
                f"`memory` is a number of bytes. Received: memory={self.memory!r}. Give 0 or more."
            )
        if not self.examine >= 0:
            raise UsageError(
                f"`examine` is a number of seconds. Received: examine={self.examine!r}. Give 0 or more; 0 leaves the "
                "second look at your own code out."
            )
        if self.pause is not None:
            Break(self.pause)  # says what is wrong with it
        for name in ("keep_bytes", "keep_batches"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 0:
                raise UsageError(
                    f"`{name}` is a whole number. Received: {name}={getattr(self, name)!r}. Give 0 or more; 0 keeps "
                    "nothing to run steps again with."
                )
        if self.snapshot_every < 1:
            raise UsageError(
                f"`snapshot_every` counts steps. Received: snapshot_every={self.snapshot_every!r}. Give 1 or more."
            )
