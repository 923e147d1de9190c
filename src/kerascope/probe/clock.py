"""Time: how long steps take, and how much of it is ours."""

from __future__ import annotations

import collections
import statistics
import time

now = time.perf_counter


class Clock:
    """Typical step time of the last steps, and the time the watch itself has taken.

    The first steps compile; a median over a window forgets them.
    """

    def __init__(self, size: int = 31) -> None:
        self.began = now()
        self.first_step = 0.0
        self.own = 0.0
        self.stepping = 0.0
        self._recent: collections.deque[float] = collections.deque(maxlen=size)
        self._recent_own: collections.deque[float] = collections.deque(maxlen=size)
        self._typical = 0.0
        self._share = 0.0
        self._cpu = time.process_time()
        self._added = 0

    def at(self) -> float:
        """Returns seconds since the watch of this model began."""
        return now() - self.began

    def add(self, seconds: float) -> None:
        """Adds one step, from entry to entry."""
        if not self._added:
            # CPU time: a busy machine makes a compilation longer, not larger.
            self.first_step = min(seconds, time.process_time() - self._cpu)
        self._added += 1
        self.stepping += seconds
        self._recent.append(seconds)
        if self._added <= 8 or self._added % 16 == 0:
            self._typical = statistics.median(self._recent)
            if self._recent_own and self._typical:
                self._share = statistics.median(self._recent_own) / self._typical

    def add_own(self, seconds: float) -> None:
        """Adds what the watch itself took of one step."""
        self.own += seconds
        self._recent_own.append(seconds)

    @property
    def share(self) -> float:
        """Share of a usual step that the watch takes, statistics and snapshots left out."""
        return self._share

    @property
    def slow(self) -> float:
        """The longest of the recent steps, the two longest left out when there are many; 0.0 before the first."""
        recent = sorted(self._recent.copy())
        return recent[-3 if len(recent) > 20 else -1] if recent else 0.0

    @property
    def typical(self) -> float:
        """Median seconds of a recent step; 0.0 before the first."""
        return self._typical
