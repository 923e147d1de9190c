"""Where the time goes: every moment between the begin and the end of a training belongs to exactly one phase."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from kerascope.probe.clock import now

DATA, STEP, COMPILE, OWN, OTHER = "data", "step", "compile", "kerascope", "keras"
"""Waiting for a batch; inside Keras's step function; tracing and compiling; the watch; what is in no other phase."""

SETUP, DEVICE, OUTSIDE = "set-up", "device", "outside"
"""Before the first epoch; waiting for the device on purpose; in the user's code between `train_on_batch` calls."""

IGNORED = -1


class Timeline:
    """A stack of phases of one thread. Time is charged to the innermost one alone, so that all parts add up.

    Inside a closed phase (a callback, the validation) everything but compiling is charged to it, whatever it calls.
    """

    def __init__(self, clock: Callable[[], float] = now) -> None:
        self.total: dict[str, float] = {}
        self.wall = 0.0
        self.cpu = 0.0
        self.running = False
        self._clock = clock
        self._stack: list[str] = []
        self._closed = 0
        self._last = 0.0
        self._began = 0.0
        self._cpu_began = 0.0
        self._at_cut: dict[str, float] = {}
        self._thread = 0
        self._compiled: list[tuple[float, float]] = []

    def begin(self, base: str = OTHER) -> None:
        """Begins to account for the time of the calling thread; `base` gets what no other phase gets."""
        if self.running:
            return
        self.running = True
        self._thread = threading.get_ident()
        self._stack, self._closed = [base], 0
        self.total, self._at_cut = {}, {}
        self._last = self._began = self._clock()
        self._cpu_began = time.process_time()

    def end(self) -> dict[str, float]:
        """Ends the account and returns the seconds of every phase; `wall` is what they must add up to."""
        if not self.running:
            return {}
        self._charge()
        self.running = False
        self.wall = self._last - self._began
        self.cpu = time.process_time() - self._cpu_began
        self._stack = []
        return dict(self.total)

    def enter(self, name: str, *, closed: bool = False) -> int:
        """Begins a phase; hand what it returns to `leave`."""
        if self._closed or not self._stack or threading.get_ident() != self._thread:
            return IGNORED
        self._charge()
        self._stack.append(name)
        if closed:
            self._closed = len(self._stack)
        return len(self._stack)

    def leave(self, token: int) -> None:
        """Ends the phase that `enter` began, and those inside that an exception left open."""
        if token == IGNORED or token > len(self._stack):
            return
        self._charge()
        del self._stack[token - 1 :]
        if self._closed >= token:
            self._closed = 0

    def switch(self, token: int, name: str) -> None:
        """Ends the phase that `enter` began and begins another in its place."""
        if token == IGNORED or token > len(self._stack):
            return
        self._charge()
        self._stack[token - 1] = name

    @contextlib.contextmanager
    def phase(self, name: str, *, closed: bool = False) -> Iterator[None]:
        """Charges the block to a phase."""
        token = self.enter(name, closed=closed)
        try:
            yield
        finally:
            self.leave(token)

    @property
    def current(self) -> str:
        """The innermost phase, "" when none is open."""
        return self._stack[-1] if self._stack else ""

    def here(self) -> bool:
        """Tells whether the calling thread is the one accounted for."""
        return bool(self._stack) and threading.get_ident() == self._thread

    def compiled(self, seconds: float) -> float:
        """Takes the last `seconds` from the phase that is open and gives them to `COMPILE`.

        Compilations report themselves when they end, those inside others first; what is known already counts once.
        Returns the seconds that are new.
        """
        if not self.here() or seconds <= 0:
            return 0.0
        self._charge()
        end = self._last
        start = max(end - seconds, self._began)
        new = end - start
        while self._compiled and self._compiled[-1][0] >= start:
            known = self._compiled.pop()
            new -= known[1] - known[0]
        self._compiled.append((start, end))
        del self._compiled[:-64]
        name = self._stack[-1]
        moved = max(0.0, min(new, self.total.get(name, 0.0)))
        self.total[name] = self.total.get(name, 0.0) - moved
        self.total[COMPILE] = self.total.get(COMPILE, 0.0) + moved
        return moved

    def cut(self) -> dict[str, float]:
        """Returns the seconds of every phase since the last cut."""
        if self.running:
            self._charge()
        before = self._at_cut
        parts = {
            name: seconds - before.get(name, 0.0)
            for name, seconds in self.total.items()
            if seconds != before.get(name, 0.0)
        }
        self._at_cut = dict(self.total)
        return parts

    def _charge(self) -> None:
        moment = self._clock()
        if self._stack:
            name = self._stack[-1]
            self.total[name] = self.total.get(name, 0.0) + moment - self._last
        self._last = moment
