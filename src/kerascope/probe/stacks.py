"""Which lines of the user's run while steps and data are made: pyinstrument, on a part of the training."""

from __future__ import annotations

import contextlib
import operator
from collections import defaultdict
from typing import Any

from kerascope._backends.timing import OURS, foreign, shown
from kerascope.probe.clock import now

_FIRST = 3
_SHARE = 0.1
_LEAST = 8
_INTERVAL = 0.002
_BACKENDS = ("/keras/", "/torch/", "/jax/", "/jaxlib/", "/tensorflow/")


Line = tuple[str, str, int, str]
"""Phase, file, line and function."""


class Stacks:
    """Samples the stack of the training's thread from the third step on, for `seconds` or a tenth of the steps.

    Without pyinstrument (extra "profile") nothing is sampled, and `facts` says so.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.missing: str | None = None
        self._make: Any = None
        self._profiler: Any = None
        self._began = 0.0
        self._steps = 0
        self._most = 0
        self._lines: defaultdict[Line, float] = defaultdict(float)
        self._plain: defaultdict[Line, float] = defaultdict(float)
        self._total: defaultdict[str, float] = defaultdict(float)
        self._sampled = 0

    @property
    def running(self) -> bool:
        """Tells whether stacks are being sampled."""
        return self._profiler is not None

    def begin(self, expected: int) -> None:
        """A training of about `expected` steps (0: unknown) begins."""
        self.stop()
        if self._make is None:
            self.load()
        self._steps, self._sampled = 0, 0
        for kept in (self._lines, self._plain, self._total):
            kept.clear()
        self._most = max(_LEAST, int(expected * _SHARE)) if expected else 100

    def step(self) -> None:
        """A step is about to run."""
        self._steps += 1
        if self._profiler is not None:
            self._sampled += 1
            if now() - self._began > self.seconds or self._sampled > self._most:
                self.stop()
        elif self._steps == _FIRST and self._most >= 2:
            self._start()

    def load(self) -> None:
        """Imports pyinstrument, which takes a while, before a training begins."""
        try:
            from pyinstrument import Profiler
        except ImportError:
            self.missing = "pyinstrument is not installed; `pip install kerascope[profile]` adds the lines"
        else:
            self._make = Profiler

    def _start(self) -> None:
        if self._make is None:
            return
        try:
            self._profiler = self._make(interval=_INTERVAL, async_mode="disabled")
            self._profiler.start()
        except Exception as error:  # another profiler runs in this thread
            self._profiler = None
            self.missing = f"stacks could not be sampled: {error}"
        self._began = now()

    def stop(self) -> None:
        """Ends the sampling and keeps what was seen."""
        profiler, self._profiler = self._profiler, None
        if profiler is None:
            return
        with contextlib.suppress(RuntimeError):  # stopped from another thread: what it saw is not to be had
            session = profiler.stop()
            for stack, seconds in session.frame_records:
                self._add([_frame(text) for text in stack], seconds)

    def _add(self, stack: list[tuple[str, str, int]], seconds: float) -> None:
        phase = _phase(stack)
        self._total[phase] += seconds
        plain = True  # Python or NumPy of the user, not work given to the backend
        for function, file, line in reversed(stack):
            if file.startswith(OURS):
                break  # above it stands what called the training
            if file and not foreign(file):
                self._lines[phase, file, line, function] += seconds
                self._plain[phase, file, line, function] += seconds * plain
                return
            plain = plain and not any(part in file for part in _BACKENDS)

    def files(self) -> set[str]:
        """Returns the user's files that were seen."""
        return {file for _, file, _, _ in self._lines}

    def facts(self) -> dict[str, Any]:
        """Returns the lines with the time seen in them, by phase, most first."""
        lines = [
            {"phase": phase, "file": shown(file), "line": line, "function": function, "seconds": seconds}
            | {"plain": self._plain[phase, file, line, function]}
            for (phase, file, line, function), seconds in sorted(
                self._lines.items(), key=operator.itemgetter(1), reverse=True
            )[:40]
        ]
        return {"lines": lines, "seconds": dict(self._total), "missing": self.missing}


def _frame(text: str) -> tuple[str, str, int]:
    """Returns function, file and current line of one of pyinstrument's frames."""
    name, *rest = text.split("\x00")
    file = rest[0] if rest else ""
    tail = rest[1] if len(rest) > 1 else ""
    first, *attributes = tail.split("\x01")
    line = next((a[1:] for a in attributes if a.startswith("l")), first)
    return name, file, int(line) if line.isdigit() else 0


_MARKS = {"next_batch": "data", "one_step": "step"}


def _phase(stack: list[tuple[str, str, int]]) -> str:
    for function, file, _ in reversed(stack):
        if file.startswith(OURS) and function in _MARKS:
            return _MARKS[function]
        if file.endswith("epoch_iterator.py"):
            return "data"
        if file.endswith("callback_list.py"):
            return "callback"
    return "other"
