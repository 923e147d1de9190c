"""How long something may take, counted so that a busy machine takes nothing of it."""

from __future__ import annotations

import time

_PATIENCE = 10.0


class Budget:
    """Seconds that may be spent from now on: wall time or this process's processor time, whichever is less.

    Where others keep the processors busy, the same work takes longer without being more, and what a search finds must
    not depend on what else a machine does; what computes on several processors at once is still held to the wall clock.
    Code that sleeps or waits for something uses no processor: at `patience` times the seconds by the clock it is over.
    """

    def __init__(self, seconds: float, patience: float = _PATIENCE) -> None:
        self.seconds = seconds
        self._patience = patience
        self._wall = time.perf_counter()
        self._processor = time.process_time()

    def spent(self) -> float:
        """Returns how many seconds have been spent."""
        waited, worked = time.perf_counter() - self._wall, time.process_time() - self._processor
        return max(min(waited, worked), waited / self._patience)

    def left(self) -> float:
        """Returns how many seconds are left; below zero when it is over."""
        return self.seconds - self.spent()

    def over(self) -> bool:
        """Tells whether all is spent."""
        return self.left() <= 0
