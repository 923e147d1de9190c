"""How long something may take, counted so that a busy machine takes nothing of it."""

from __future__ import annotations

import time


class Budget:
    """Seconds that may be spent from now on: wall time or this process's processor time, whichever is less.

    Where others keep the processors busy, the same work takes longer without being more, and what a search finds must
    not depend on what else a machine does; what computes on several processors at once is still held to the wall clock.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._wall = time.perf_counter()
        self._processor = time.process_time()

    def spent(self) -> float:
        """Returns how many seconds have been spent."""
        return min(time.perf_counter() - self._wall, time.process_time() - self._processor)

    def left(self) -> float:
        """Returns how many seconds are left; below zero when it is over."""
        return self.seconds - self.spent()

    def over(self) -> bool:
        """Tells whether all is spent."""
        return self.left() <= 0
