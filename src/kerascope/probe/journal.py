"""What one model's watch writes, and the boundary at which our own failures stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerascope._backends.base import Leaf
from kerascope.record.writer import Writer

Failure = dict[str, str]


class Failures:
    """Keeps our own failures in memory too: a writer that fails cannot tell of it."""

    def __init__(self) -> None:
        self.all: list[Failure] = []

    def add(self, where: str, error: object, consequence: str) -> Failure | None:
        """Returns the failure as a fact to record; None when it is known already."""
        text = f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else str(error)
        failure = {"where": where, "error": text[:2000], "consequence": consequence}
        if any(known["where"] == where and known["error"] == failure["error"] for known in self.all):
            return None
        self.all.append(failure)
        return failure


class Journal:
    """Writes to the recording on behalf of one model. Its methods raise nothing."""

    def __init__(self, writer: Writer, failures: Failures, model: int, at: Callable[[], float]) -> None:
        self.writer = writer
        self.failures = failures
        self.model = model
        self.at = at
        self.step_number = 0
        self._gaps: set[tuple[str, str]] = set()
        self._layouts: dict[tuple[str, tuple[str, ...]], int] = {}

    def guard(
        self, where: str, action: Callable[[], Any], otherwise: Callable[[], None] | None = None
    ) -> Any:
        """Runs `action`; a failure of it is recorded, `otherwise` is done, and None comes back."""
        try:
            return action()
        except Exception as error:
            self.failed(where, error, "left out from here on")
            if otherwise is not None:
                otherwise()
            return None

    def failed(self, where: str, error: object, consequence: str) -> None:
        """Records a failure of ours, once."""
        failure = self.failures.add(where, error, consequence)
        if failure is not None:
            self._event("internal", failure)

    def gap(self, what: str, why: str) -> None:
        """Records what could not be watched, once."""
        if (what, why) not in self._gaps:
            self._gaps.add((what, why))
            self._event("gap", {"what": what, "why": why})

    def note(self, what: str, why: str) -> None:
        """Records a remark."""
        self._event("note", {"what": what, "why": why})

    def nonfinite(self, step: int, facts: dict[str, Any]) -> None:
        """Records where the first non-finite value was traced to."""
        self._event("nonfinite", facts, step)

    def holding(self, step: int, facts: dict[str, Any]) -> None:
        """Records what an optimizer was built for and what should train, where these differ."""
        self._event("holding", facts, step)

    def used(self, facts: dict[str, Any]) -> None:
        """Records that the trained model was given what it was not trained on."""
        self._event("used", facts)

    def birth(self, step: int, facts: dict[str, Any]) -> None:
        """Records what running the bad step again has shown."""
        self._event("birth", facts, step)

    def _event(self, kind: str, facts: dict[str, Any], step: int | None = None) -> None:
        try:
            self.writer.event(kind, self.at(), facts, self.model, step)
        except Exception as error:
            self.failures.add("record.writer", error, "not in the recording")

    def _layout(self, part: str, names: Sequence[str]) -> int:
        key = (part, tuple(names))
        if key not in self._layouts:
            self._layouts[key] = self.writer.layout(self.model, part, list(names))
        return self._layouts[key]

    def step(
        self, step: int, training: int, epoch: int, logs: dict[str, float], common: Sequence[float]
    ) -> None:
        """Records one step's row."""
        self.step_number = step
        layout = self._layout("logs", tuple(logs))
        self.guard(
            "record.step",
            lambda: self.writer.step(self.model, step, training, epoch, layout, [*common, *logs.values()]),
        )

    def check(self, step: int, leaves: Sequence[Leaf], norms: np.ndarray) -> bool:
        """Records the state's norms; returns whether what matters of it is finite."""
        names = [leaf.name for leaf in leaves]
        bad = [leaf for leaf, norm in zip(leaves, norms, strict=False) if not np.isfinite(norm)]
        finite = not any(leaf.role != "metric" or "loss" in leaf.path for leaf in bad)
        layout = self._layout("state", names)
        self.guard("record.check", lambda: self.writer.check(self.model, step, layout, norms, finite))
        return finite

    def timing(self, step: int, parts: dict[str, float], flags: int) -> None:
        """Records where the time of a step went."""
        names = tuple(sorted(parts))
        layout = self._layout("time", names)
        seconds = [parts[name] for name in names]
        self.guard("record.timing", lambda: self.writer.timing(self.model, step, layout, seconds, flags))

    def compiled(self, step: int, facts: dict[str, Any]) -> None:
        """Records that a program was made, and why."""
        self._event("compile", facts, step)

    def profile(self, what: str, facts: dict[str, Any]) -> None:
        """Records what a profile measured beside the steps; `what` says which measurement."""
        self._event("profile", {"what": what, **facts})

    def sample(self, step: int, part: str, names: Sequence[str], stats: np.ndarray) -> None:
        """Records the statistics of one part of a sampled step."""
        layout = self._layout(part, names)
        self.guard("record.sample", lambda: self.writer.sample(self.model, step, part, layout, stats))

    def batch(self, step: int, facts: dict[str, Any]) -> None:
        """Records facts of a batch."""
        self.guard("record.batch", lambda: self.writer.batch(self.model, step, facts))
