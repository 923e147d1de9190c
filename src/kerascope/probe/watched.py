"""One model under watch, and what is kept of it for when its training is over."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from kerascope.probe.dataset.earlier import Earlier
from kerascope.probe.dataset.steady import Marks
from kerascope.probe.rerun import Point
from kerascope.probe.stepper import Stepper


class Watched:
    """One model under watch."""

    def __init__(self, model: Any, stepper: Stepper) -> None:
        self.model = weakref.ref(model)
        self.stepper = stepper
        self.raw: Callable[..., Any] | None = None
        self.shell: Callable[..., Any] | None = None
        self.method: str | None = None
        self.epoch_began = 0.0
        self.marks: Marks | None = None
        self.earlier = Earlier()
        self.scales: dict[str, tuple[float, float]] = {}  # largest value and spread of each array trained on
        self.uses = 0
        self.kept: Any = None  # the model itself, where it is to be looked at again when the program is over
        self._apart: dict[str, Point] = {}  # what an earlier training of the same model has left

    def let_go(self) -> None:
        """Keeps of the points for a second look what does not keep the model alive."""
        stepper = self.stepper
        for owner, name in ((stepper, "beginning"), (stepper, "before_bad"), (stepper.looking, "late")):
            point = getattr(owner, name)
            if point is not None and point.snapshot is not None and point is not self._apart.get(name):
                values = stepper.backend.apart(point.snapshot)
                self._apart[name] = Point(point.step, values, point.data)
                setattr(owner, name, self._apart[name])

    def out_of_step(self, found: dict[str, list[str]]) -> None:
        """Records that the optimizer was built for other variables than should train; see `state.out_of_step`."""
        stepper = self.stepper
        stepper.journal.holding(stepper.number + 1, found)
        if "left" in found:
            # A second program would hand the optimizer variables that it does not know.
            stepper.sampler.off = stepper.sampler.off or "the optimizer does not know all trainable variables"
            stepper.journal.gap("gradients, updates and activations", stepper.sampler.off)

    def examined(self) -> None:
        """Lets go of what was kept for a second look."""
        self.kept = self.stepper.beginning = self.stepper.before_bad = self.stepper.looking.late = None
        self._apart.clear()
