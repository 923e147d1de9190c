"""A thread that notices when no step comes: where every thread stands, once for each stall."""

from __future__ import annotations

import linecache
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from kerascope._backends.timing import foreign, shown
from kerascope.probe.clock import now
from kerascope.probe.timeline import COMPILE, OWN, SETUP, Timeline

LEAST = 30.0
TIMES = 20.0
_POLL = 1.0
_KNOWN = ("validation", "build", "ending", "logs", "metrics", SETUP, COMPILE, OWN, "")
"""Phases that take as long as they take."""

_WAITS = {
    "data": "waiting for the next batch",
    "step": "inside a training step",
    "keras": "between two steps",
}


class Watchdog:
    """Looks once a second. `tell(facts)` gets what it found; `usual()` gives what a slow step takes.

    `guard` calls each look of the thread and keeps what it raises.
    """

    def __init__(
        self,
        timeline: Timeline,
        steps: Callable[[], int],
        usual: Callable[[], float],
        tell: Callable[[dict[str, Any]], None],
        *,
        guard: Callable[[Callable[[], None]], None] = lambda look: look(),
        least: float = LEAST,
        clock: Callable[[], float] = now,
    ) -> None:
        self._timeline = timeline
        self._steps = steps
        self._usual = usual
        self._tell = tell
        self._guard = guard
        self._least = least
        self._clock = clock
        self._count = -1
        self._since = clock()
        self._phase = ""
        self._told = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to look."""
        self._thread = threading.Thread(target=self._run, name="kerascope-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(_POLL):
            self._guard(self.look)

    def look(self) -> None:
        """Looks once."""
        count, phase = self._steps(), self._timeline.current
        usual = self._usual()
        # A phase is named when it is left too: a validation that ends begins the wait for a step anew.
        if (
            count != self._count
            or phase in _KNOWN
            or phase.startswith("callback:") != self._phase.startswith("callback:")
        ):
            self._count, self._since, self._phase, self._told = count, self._clock(), phase, False
            return
        # The first steps compile, and how long that takes is nowhere written.
        waited = self._clock() - self._since
        limit = max(self._least, TIMES * usual)
        if phase.startswith("callback:") or self._told or count < 3 or waited < limit:
            return
        self._told = True
        self._tell(stall(phase, waited, usual))


def sentence(facts: dict[str, Any]) -> str:
    """Returns a stall in one sentence."""
    where = facts["stacks"][0]["at"] if facts["stacks"] else "a place unknown"
    return f"no step for {facts['seconds']:.0f} s: {facts['what']}, at {where}"


def stall(phase: str, seconds: float, usual: float) -> dict[str, Any]:
    """Returns what a stall looks like: what is waited for, and where every thread stands."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    stacks, place = [], None
    for ident, frame in sys._current_frames().items():
        name = names.get(ident, str(ident))
        if name == "kerascope-watchdog":
            continue
        frames = traceback.extract_stack(frame)
        own = next((f for f in reversed(frames) if not foreign(f.filename)), None)
        at = own or frames[-1]
        if ident == threading.main_thread().ident:
            place = [shown(at.filename), at.lineno]
        text = [f"{f.filename}:{f.lineno} {f.name}" for f in frames[-30:]]
        line = linecache.getline(at.filename, at.lineno or 0).strip()
        stacks.append({"thread": name, "at": f"{shown(at.filename)}:{at.lineno} {line}", "frames": text})
    stacks.sort(key=lambda row: row["thread"] != "MainThread")
    return {
        "phase": phase,
        "seconds": seconds,
        "usual": usual,
        "what": _WAITS.get(phase, phase),
        "place": place,
        "stacks": stacks[:32],
    }
