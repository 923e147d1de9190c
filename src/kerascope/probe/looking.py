"""Looks at steps by running them again: one at which a live training is to pause, and one at which it broke."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascope._keras import state
from kerascope.probe.breaking import Break
from kerascope.probe.journal import Journal
from kerascope.probe.options import Options
from kerascope.probe.rerun import Entry, Point, Rerun
from kerascope.probe.rows import Row

if TYPE_CHECKING:
    from kerascope.probe.stepper import Stepper

Autopsy = Callable[[Rerun, int, Journal], None]
Pause = Callable[[Rerun, int, str, Any, Journal], bool]
"""Returns False when the training is not to be paused any more."""


class Looking:
    """What is to be looked at, and who looks: `autopsy` after the training, `pause` in the middle of it."""

    def __init__(self, options: Options) -> None:
        self.breaks = None if options.pause is None else Break(options.pause)
        self.autopsy: Autopsy | None = None
        self.pause: Pause | None = None
        self._own = _OwnLoss()
        # Whether the loss that is logged is a running mean; known after a step.
        self._mean: bool | None = None
        self.broken: tuple[Point, list[Entry], int] | None = None
        self.late: Point | None = None  # one of the last steps, for a second look afterwards

    def metric(self, stepper: Stepper, step: int, name: str) -> None:
        """A metric is not finite after this step, and the loss is: its steps are held to be looked at."""
        start = stepper.window.point()
        if self.broken is None and start is not None and start.step <= step and stepper.raw is not None:
            rerun = stepper.window.rerun(stepper.raw, start)
            self.broken = (start, [entry for entry in rerun.entries if entry.step <= step], step)
            stepper.journal.note(f"metric `{name}`", f"it is not finite from step {step} on; the loss is")

    def tell(self, stepper: Stepper) -> None:
        """Lets the bad step be looked at, now that the training is over, and keeps a late one for a second look."""
        if stepper.examines and not stepper.window.tight:
            self.late = stepper.window.newest_point()
        if self.broken is None or self.autopsy is None or stepper.raw is None:
            return
        (point, entries, step), self.broken = self.broken, None
        rerun = Rerun(stepper.backend, stepper.model, stepper.raw, point, entries)
        self.autopsy(rerun, step, stepper.journal)

    def after(self, stepper: Stepper, row: Row, new: Any) -> None:
        """Pauses the training when the condition for that is met by the step that was just run."""
        assert self.breaks is not None and stepper.raw is not None
        values = stepper.rows.plain_logs(row.logs)
        if self._mean is None:
            self._mean = _logs_a_mean(stepper.model)
        if self._mean:
            values = self._own.of(values, row)
        values |= {"step": float(row.step), "epoch": float(row.epoch)}
        if row.norms is not None:
            values["grad_norm"] = float(np.sqrt(np.square(stepper.backend.host(row.norms)).sum()))
        start = stepper.window.newest_point()
        if self.breaks.met(values) and self.pause is not None and start is not None:
            rerun = stepper.window.rerun(stepper.raw, start)
            if not self.pause(rerun, row.step, self.breaks.text, new, stepper.journal):
                self.breaks = None


def _logs_a_mean(model: Any) -> bool:
    """Tells whether the loss that is logged is a mean since the epoch began; a step of the user's may log its own."""
    return state.is_default(model, "train_step") or state.loss_is_mean(model, unknown=False)


class _OwnLoss:
    """Undoes the running mean that Keras logs as the loss: a condition is about the step, not about its epoch."""

    def __init__(self) -> None:
        self._epoch = -1
        self._step = 0
        self._weight = 0.0
        self._mean = 0.0

    def of(self, logs: dict[str, float], row: Row) -> dict[str, float]:
        """Returns the logs of a step with the loss of this step alone."""
        mean, weight = logs.get("loss"), float(row.batch or 1)
        if mean is None:
            return logs
        if row.epoch != self._epoch or row.step != self._step + 1 or row.epoch < 0:
            self._weight = 0.0
        before, self._weight = self._weight, self._weight + weight
        own = (mean * self._weight - self._mean * before) / weight if before else mean
        self._epoch, self._step, self._mean = row.epoch, row.step, mean
        return logs | {"loss": own}
