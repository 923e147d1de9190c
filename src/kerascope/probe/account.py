"""Which training's time the timeline keeps: one account at a time, from the call of `fit` to its return."""

from __future__ import annotations

from typing import Any

from kerascope.probe.timeline import IGNORED, OTHER, OUTSIDE, SETUP, Timeline


class Account:
    """Opens and closes the account; a `fit` inside another one, in a callback, is part of the outer one's time."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self._of: int | None = None
        self._setup = IGNORED
        self._facts: dict[str, Any] = {}

    def enter(self, model: Any) -> bool:
        """`fit` was called; returns whether its account begins."""
        if self._of is not None:
            return False
        self._end()
        self._of = id(model)
        self.timeline.begin(OTHER)
        self._setup = self.timeline.enter(SETUP)
        return True

    def ready(self) -> None:
        """The first epoch is about to begin."""
        self.timeline.leave(self._setup)
        self._setup = IGNORED

    def leave(self, model: Any) -> None:
        """`fit` has ended."""
        if self._of in (id(model), None):
            self._end()

    def began(self, method: str) -> None:
        """A training began; one without a call of `fit` that was seen has its account from here on."""
        if not self.timeline.running:
            self.timeline.begin(OUTSIDE if method == "train_on_batch" else OTHER)

    def ended(self, method: str | None) -> dict[str, Any]:
        """A training ended; returns its account as a fact about it, once."""
        if method == "train_on_batch" and self._of is None:
            self._end()
        facts, self._facts = self._facts, {}
        return {"time": facts} if facts else {}

    def _end(self) -> None:
        if self.timeline.running:
            phases = self.timeline.end()
            self._facts = {"wall": self.timeline.wall, "cpu": self.timeline.cpu, "phases": phases}
        self._of = None
