"""Rows of steps that have run, read late: what is still on the device is not waited for."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kerascope._backends.base import Backend, Inline
from kerascope.probe.journal import Journal

INLINE = "gradient_norm:"
"""What the names of the gradient norms taken inside a step begin with, among a step's logs."""

_LAG = 2


@dataclasses.dataclass(slots=True)
class Row:
    """A step that has run, its logs still on the device."""

    step: int
    epoch: int
    at: float
    seconds: float
    busy: float
    batch: int
    rate: Any
    logs: Any
    norms: Any = None  # inline gradient norms
    check: Any = None  # leaves and norms of the state after the step
    parts: dict[str, float] | None = None  # seconds by phase
    flags: int = 0


class Rows:
    """Holds rows until their values have arrived, then writes them.

    `mark(step, finite)` is told of every check of the state.
    """

    def __init__(self, backend: Backend, journal: Journal, mark: Callable[[int, bool], None]) -> None:
        self.backend = backend
        self.journal = journal
        self.mark = mark
        self.inline: Inline | None = None
        self.schedule: tuple[Any, int] | None = None
        self.on_metric: Callable[[int, str], None] | None = None
        """Told once of the first step at which a metric is not finite and the loss is."""
        self._rows: collections.deque[Row] = collections.deque()

    @property
    def last(self) -> Row | None:
        """The newest row, None when all have been written."""
        return self._rows[-1] if self._rows else None

    def add(self, row: Row) -> None:
        """Holds a row of the step that is about to run."""
        self._rows.append(row)

    def abandon(self, step: int) -> None:
        """Forgets the row of a step that raised."""
        if self._rows and self._rows[-1].step == step:
            self._rows.pop()

    def poll(self, number: int, training: int, *, force: bool = False) -> int | None:
        """Writes rows whose values have arrived; waits for them only when forced.

        Returns the first step of them that shows a loss or a state that is not finite.
        """
        done: list[Row] = []
        while self._rows:
            row = self._rows[0]
            late = row.step <= number - _LAG
            if (
                not force
                and not (late and self.backend.ready((row.logs, row.check and row.check[1])))
                and len(self._rows) < 256
            ):
                break
            done.append(self._rows.popleft())
        if not done:
            return None
        self._fill_rates(done)
        bad = [row.step for row in done if not self._write(row, training)]
        return bad[0] if bad else None

    def _fill_rates(self, rows: list[Row]) -> None:
        if self.schedule is not None:
            schedule, offset = self.schedule
            steps = np.asarray([row.step - 1 + offset for row in rows])
            try:
                rates = self.backend.schedule(schedule, steps)
            except Exception as error:
                self.journal.gap("learning rate", f"the schedule could not be evaluated: {error}")
                self.schedule = None
                return
            for row, rate in zip(rows, rates, strict=True):
                row.rate = float(rate)
            return
        known: dict[int, float] = {}
        for row in rows:
            if row.rate is not None:
                key = id(row.rate)
                if key not in known:
                    known[key] = _scalar(row.rate)
                row.rate = known[key]

    def _write(self, row: Row, training: int) -> bool:
        """Records a row; False when it shows a loss or a state that is not finite."""
        logs = self.plain_logs(row.logs)
        rate = math.nan if row.rate is None else _scalar(row.rate)
        if row.norms is not None and self.inline is not None:
            norms = self.backend.host(row.norms)
            logs |= {f"{INLINE}{name}": float(n) for name, n in zip(self.inline.names(), norms, strict=False)}
        self.journal.step(
            row.step, training, row.epoch, logs, (row.at, row.seconds, row.busy, rate, row.batch)
        )
        if row.parts:
            self.journal.timing(row.step, row.parts, row.flags)
        finite = all(math.isfinite(value) for name, value in logs.items() if "loss" in name)
        if finite and self.on_metric is not None:
            bad = [n for n, v in logs.items() if not math.isfinite(v) and not n.startswith(INLINE)]
            if bad:
                tell, self.on_metric = self.on_metric, None
                tell(row.step, bad[0])
        if row.check is not None:
            leaves, norms = row.check
            good = self.journal.check(row.step, leaves, self.backend.host(norms))
            self.mark(row.step, good)
            finite = finite and good
        return finite

    def plain_logs(self, logs: Any) -> dict[str, float]:
        """Returns the scalars of Keras's logs as floats, those of nested logs too, as Keras shows them."""
        plain: dict[str, float] = {}
        for name, value in logs.items() if isinstance(logs, dict) else ():
            if isinstance(value, dict):
                plain |= self.plain_logs(value)
            elif value is not None:
                number = self._number(value)
                if number is None:
                    self.journal.gap(f"log {name!r}", "it is no single number")
                else:
                    plain[str(name)] = number
        return plain

    def _number(self, value: Any) -> float | None:
        if isinstance(value, (float, int)):
            return float(value)
        if getattr(value, "shape", None) == ():
            return _scalar(value)
        array = np.asarray(self.backend.host(value) if hasattr(value, "shape") else value)
        return float(array.reshape(())) if array.size == 1 and array.dtype.kind in "fiub" else None


def _scalar(value: Any) -> float:
    """Returns a single number as a float; `float` of a JAX array takes thirty times as long as its `item`."""
    return float(value.item() if hasattr(value, "item") else value)
