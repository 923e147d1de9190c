"""What is kept in the recording to run steps again: states and batches, few enough to cost next to nothing.

Kept are the first steps, the newest window, the best epoch's last steps, and those before a value that is not finite.
All but the last are held in memory, by references to what the window holds anyway, until the training ends. They are
written then, the most telling first, as long as their bytes stay within the limit of the file and the writing within a
small share of the training's time.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from kerascope._backends.base import Backend
from kerascope._backends.portable import Unportable
from kerascope.probe.clock import now
from kerascope.probe.journal import Journal
from kerascope.probe.options import Options
from kerascope.probe.rerun import Entry, Point
from kerascope.probe.window import Window, data_bytes, state_bytes
from kerascope.record.tensors import pack

FIRST = 3
"""Steps kept of the beginning."""

_SHARE = 0.01
"""Of the training's time that writing may take."""

_FREE = 8 << 20
"""Bytes that are written however short the training was: some hundredths of a second."""

_SPEED = 200e6
"""Bytes per second that a disk is taken to write before it has been measured."""


class Room:
    """The bytes that one recording may still hold of states and batches, over all its models."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.written = 0
        self.seconds = 0.0

    def has(self, size: int, trained: float, *, urgent: bool) -> bool:
        """Tells whether `size` more bytes fit, into the file and into the time."""
        if self.written + size > self.limit:
            return False
        speed = self.written / self.seconds if self.seconds > 0.01 else _SPEED
        return urgent or self.written + size <= max(_FREE, _SHARE * trained * speed)


@dataclasses.dataclass
class Keep:
    """A state, and the steps from it on."""

    why: str
    point: Point
    entries: list[Entry]


class Keeper:
    """Decides for one model what is kept, and writes it."""

    def __init__(self, backend: Backend, journal: Journal, options: Options, room: Room) -> None:
        self.backend = backend
        self.journal = journal
        self.room = room
        self.most = options.keep_batches
        self.off = options.keep_batches == 0 or options.keep_bytes == 0
        self._first: Keep | None = None
        self._best: Keep | None = None
        self._begun = False  # the first steps are held
        self._value = math.inf
        self._written: set[tuple[int, str]] = set()
        self.trained: Callable[[], float] = lambda: 0.0

    def seen(self, entry: Entry, window: Window) -> None:
        """A step is about to run."""
        first = self._first
        if self._begun:
            return
        if first is None:
            point = window.point()
            if point is not None and not window.tight:
                self._first = Keep("first", point, [entry])
        elif len(first.entries) < min(FIRST, self.most):
            first.entries.append(entry)
        else:
            self._begun = True

    def epoch(self, logs: dict[str, float], window: Window) -> None:
        """An epoch has ended with these results; the steps before it are kept when it is the best so far."""
        value = logs.get("val_loss", logs.get("loss", math.nan))
        if self.off or not value < self._value or window.tight:
            return
        self._value = value
        keep = window.latest(min(self.most, 8))
        if keep is not None:
            self._best = Keep("best", *keep)

    def nonfinite(self, model: Any, point: Point, entries: Sequence[Entry]) -> None:
        """The steps before a value that is not finite: written at once."""
        if not self.off:
            self._write(model, Keep("nonfinite", point, list(entries)), urgent=True)

    def finish(self, model: Any, window: Window) -> None:
        """The training has ended: writes what is held, the newest steps first."""
        if self.off or window.off is not None:
            return
        keeps = [Keep("last", point, entries) for point, entries in window.runs(self.most)]
        whole = True
        for keep in [*keeps, self._first, self._best]:
            if keep is not None:
                whole = self._write(model, keep, urgent=False) and whole
        if not whole:
            self.journal.gap(
                "some steps to run again",
                f"their states and batches take more than the {self.room.limit >> 20} MiB that the recording may hold, "
                "or more time to write than the training allows; `--keep MIB` sets the limit",
            )
        self.forget()

    def forget(self) -> None:
        """Lets go of everything held."""
        self._first = self._best = None
        self._begun = True

    # -- writing -----------------------------------------------------------------------------------------------

    def _write(self, model: Any, keep: Keep, *, urgent: bool) -> bool:
        """Writes a state and its steps as far as there is room; returns whether all of it was."""
        step = keep.point.step
        try:
            if (step, "state") not in self._written:
                size = state_bytes(model)
                if not self._room(size + data_bytes(keep.point.data), urgent):
                    return False
                arrays, facts = self.backend.pack_state(model, keep.point.snapshot)
                if not self._put(step, "state", arrays, {"why": keep.why, "facts": facts}, urgent):
                    return False
            for entry in keep.entries:
                if (entry.step, "batch") in self._written:
                    continue
                if not self._room(data_bytes(entry.data), urgent):
                    return False
                if not self._put(entry.step, "batch", *self._packed(entry), urgent):
                    return False
        except Unportable as error:
            self.off = True
            self.journal.gap("steps to run again", str(error))
        return True

    def _room(self, size: int, urgent: bool) -> bool:
        return self.room.has(size, self.trained(), urgent=urgent)

    def _packed(self, entry: Entry) -> tuple[dict[str, Any], dict[str, Any]]:
        arrays, template = self.backend.pack_data(entry.data)
        changes = sorted(entry.changes) if entry.changes else []
        for i, j in changes:
            arrays[f"change:{i}:{j}"] = self.backend.host(entry.changes[i, j])
        rate = None if entry.learning_rate is None else float(self.backend.host(entry.learning_rate))
        return arrays, {"template": template, "changes": changes, "reset": entry.reset, "learning_rate": rate}

    def _put(self, step: int, kind: str, arrays: dict[str, Any], facts: dict[str, Any], urgent: bool) -> bool:
        """Writes one capture; False when it turns out to be larger than the room there is."""
        began = now()
        blob = pack(arrays, facts)
        if not self._room(len(blob), urgent):
            return False
        self.journal.writer.capture(self.journal.model, step, kind, blob)
        self.room.written += len(blob)
        self.room.seconds += now() - began
        self._written.add((step, kind))
        return True
