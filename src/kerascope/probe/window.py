"""The rolling window: snapshots of the state and the batches since, so that any recent step can be run again."""

from __future__ import annotations

import collections
import contextlib
import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerascope._backends.base import Backend
from kerascope._keras import state as keras_state
from kerascope._keras import steps as keras_steps
from kerascope.probe.rerun import Entry, Point, Rerun

_POINTS = 16
_SHARE = 0.002  # of the training time, for snapshots and checks
_FURTHEST = 400
_BEFORE_END = 4
_LEAST = 10
"""Steps between two copies of a state that is not small, at least."""
_CHEAP = 4 << 20
"""Bytes of state that may be copied at every step, a millisecond or so. As many as a batch has may be, too: the step
moves those itself."""


class Window:
    """Keeps two generations of snapshots, every batch since the older one, and points spread over the run.

    Everything held stays within `memory` bytes: the distance of snapshots follows from the size of a batch.
    """

    def __init__(self, backend: Backend, model: Any, memory: int, every: int) -> None:
        self.backend = backend
        self._model = weakref.ref(model)
        self.memory = memory
        self.every = every
        self._wanted = every
        self.off: str | None = None
        self.points: list[Point] = []
        self.keep_points = True
        self._snapshots: collections.deque[Point] = collections.deque(maxlen=2)
        self._entries: collections.deque[Entry] = collections.deque()
        self._batch_bytes = 0
        self._state_bytes = -1
        self._last = 0
        self._most = every
        self.tight = True
        self._planned = -1

    @property
    def model(self) -> Any:
        """The model, held weakly."""
        return self._model()

    def due(self, step: int) -> bool:
        """Tells whether a snapshot belongs before `step`."""
        if self.off is not None:
            return False
        warm = (self.keep_points and step in (1, 2, 4, 8)) or step == self._planned
        return warm or not self._snapshots or step - self._last >= self.interval(step)

    def plan(self, last: int) -> None:
        """Tells the number of the training's last step: a snapshot shortly before it brings the end within reach."""
        self._planned = last - _BEFORE_END + 1

    def measure(self, data: Any) -> None:
        """Sets the distance of snapshots from the size of a batch; turns itself off when memory is too small."""
        size = data_bytes(data)
        if size <= self._batch_bytes:
            return
        self._batch_bytes = size
        if self._state_bytes < 0:
            self._state_bytes = state_bytes(self.model)
        room = (
            self.memory - 4 * self._state_bytes - size
        )  # two generations, one on its way, the first for later
        # The first and the best steps are held beside the window, when that leaves it half of the memory.
        beside = 2 * (self._state_bytes + 8 * size)
        self.tight = self.memory // 2 < beside
        if not self.tight:
            room -= beside
        if room < 2 * size:
            self.off = (
                f"two copies of the state ({_mib(self._state_bytes)} each) and the batches between them "
                f"({_mib(size)} each) do not fit into {_mib(self.memory)}"
            )
            self.drop()
            return
        self._most = max(1, room // (2 * size))
        if self._most < _LEAST and self._state_bytes > max(_CHEAP, size):
            self.off = (
                f"beside two copies of the state ({_mib(self._state_bytes)} each) only {self._most} batches "
                f"({_mib(size)} each) fit into {_mib(self.memory)}, and so large a state is not copied every few steps"
            )
            self.drop()

    def interval(self, step: int) -> int:
        """Returns how many steps lie between two snapshots (and two checks) around `step`.

        What the time asks for is reached gradually: a short run is to be looked at a few times too.
        """
        return max(1, min(max(self.every, min(self._wanted, step // 4)), self._most))

    def space(self, seconds: float, step_seconds: float) -> None:
        """Moves snapshots further apart when one (and the check beside it) takes a large part of a step."""
        if step_seconds > 0:
            self._wanted = min(math.ceil(2 * seconds / (_SHARE * step_seconds)), _FURTHEST)

    def taken(self, step: int) -> Point | None:
        """Returns the snapshot that was taken before `step`, None when there is none."""
        return next((point for point in (*self.points, *self._snapshots) if point.step == step), None)

    def newest(self) -> Any:
        """Returns the newest snapshot held, None when there is none."""
        point = self.newest_point()
        return point.snapshot if point is not None else None

    def take(self, step: int, state: Any, data: Any) -> bool:
        """Keeps a copy of the state before `step`; False when there is no whole state yet."""
        snapshot = self.backend.save(self.model, state)
        if snapshot is None:
            return False
        point = Point(step, snapshot, data)
        periodic = not self._snapshots or step - self._last >= self.interval(step)
        if periodic or step == self._planned:
            self._snapshots.append(point)
            self._last = step
            while self._entries and self._entries[0].step < self._snapshots[0].step:
                self._entries.popleft()
        if self.keep_points:
            self._add_point(point)
        return True

    def add(self, entry: Entry) -> None:
        """Holds on to a step's batch."""
        if self.off is None and self._snapshots:
            self._entries.append(entry)

    def abandon(self, step: int) -> None:
        """Forgets a step that raised and so did not happen."""
        while self._entries and self._entries[-1].step >= step:
            self._entries.pop()

    def _add_point(self, point: Point) -> None:
        self.points.append(point)
        each = max(1, self._state_bytes + self._batch_bytes)
        limit = max(1, min(_POINTS, self.memory // 4 // each))
        while len(self.points) > limit:
            # The early ones tell how training began; thin the later ones, keeping them spread out.
            gaps = [b.step - a.step for a, b in zip(self.points[3:], self.points[4:], strict=False)]
            del self.points[4 + gaps.index(min(gaps)) if gaps else -1]

    def drop(self) -> None:
        """Lets go of everything held."""
        self._snapshots.clear()
        self._entries.clear()
        self.points.clear()

    def drop_points(self) -> None:
        """Holds no more points from now on."""
        self.points = []
        self.keep_points = False

    def forget(self) -> None:
        """Forgets the window (a new training began elsewhere); points stay."""
        self._snapshots.clear()
        self._entries.clear()

    def mark(self, step: int, finite: bool) -> None:
        """Remembers that the state after `step` was finite, or not, for the snapshots taken then."""
        for point in (*self._snapshots, *self.points):
            if point.step <= step and finite and point.clean is None:
                point.clean = True

    def clean_before(self, step: int) -> Point | None:
        """Returns the newest snapshot at or before `step` whose state is finite."""
        for point in reversed(self._snapshots):
            if point.step <= step:
                if point.clean is None:
                    norms = self.backend.host(
                        self.backend.norms(self.model, self.backend.load(self.model, point.snapshot))
                    )
                    point.clean = bool(np.isfinite(norms).all())
                if point.clean:
                    return point
        return None

    def entry(self, step: int) -> Entry | None:
        """Returns what is held of `step`."""
        return next((entry for entry in self._entries if entry.step == step), None)

    def rerun(self, raw: Callable[..., Any], start: Point) -> Rerun:
        """Returns the steps from a snapshot on, to be run again."""
        return Rerun(self.backend, self.model, raw, start, self._entries)

    @contextlib.contextmanager
    def aside(self, state: Any) -> Iterator[None]:
        """Runs the block away from the training: afterwards the live state is what it was, to the bit."""
        with Rerun(self.backend, self.model, _never, Point(0, None, None), ()).aside(state):
            yield

    def point(self) -> Point | None:
        """Returns the oldest snapshot held, None when there is none."""
        return self._snapshots[0] if self._snapshots else None

    def newest_point(self) -> Point | None:
        """Returns the newest snapshot held, None when there is none."""
        return self._snapshots[-1] if self._snapshots else None

    def latest(self, most: int) -> tuple[Point, list[Entry]] | None:
        """Returns the newest snapshot and the steps since, at most so many."""
        if not self._snapshots:
            return None
        point = self._snapshots[-1]
        return point, [entry for entry in self._entries if entry.step >= point.step][:most]

    def runs(self, most: int) -> list[tuple[Point, list[Entry]]]:
        """Returns each snapshot with the steps up to the next one, the newest first; at most so many steps each."""
        found = []
        end = math.inf
        for point in reversed(self._snapshots):
            found.append((point, [e for e in self._entries if point.step <= e.step < end][:most]))
            end = point.step
        return found


def _never(*_: Any) -> Any:
    raise AssertionError("nothing is run here")


def data_bytes(data: Any) -> int:
    """Returns the memory of a batch in bytes; 0 for what has no size."""
    return sum(_bytes(array) for array in keras_steps.flatten(data))


def state_bytes(model: Any) -> int:
    """Returns the memory of the whole state in bytes."""
    return sum(_size(v.shape) * _itemsize(str(v.dtype)) for _, v in keras_state.all_variables(model))


def _bytes(array: Any) -> int:
    size = getattr(array, "nbytes", None)
    if isinstance(size, (int, np.integer)):
        return int(size)
    values = getattr(array, "values", None)  # one array per replica
    if isinstance(values, tuple):
        return sum(_bytes(value) for value in values)
    shape = getattr(array, "shape", None)
    return (
        _size(shape) * int(getattr(getattr(array, "dtype", None), "size", 8) or 8) if shape is not None else 0
    )


def _size(shape: Any) -> int:
    size = 1
    for n in shape:
        size *= int(n or 1)
    return size


def _itemsize(dtype: str) -> int:
    return {
        "float64": 8,
        "int64": 8,
        "uint64": 8,
        "float16": 2,
        "bfloat16": 2,
        "int8": 1,
        "uint8": 1,
        "bool": 1,
    }.get(dtype, 4)


def _mib(size: int) -> str:
    return f"{size / 1024 / 1024:,.1f} MiB"
