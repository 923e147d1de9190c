"""What a profile wants to know of a backend: compilations, reads of the device, calls back into Python, memory."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import keras

from kerascope._keras.steps import Patches
from kerascope.whose import is_users

Place = tuple[str, int, str]
"""File, line and function."""


class Observer(Protocol):
    """Who is told. Methods must not raise and may be called from any thread."""

    def compiled(self, seconds: float, name: str, signature: tuple[str, ...]) -> None:
        """A program was traced or compiled: its name, and what it was made for."""

    def reading(self) -> bool:
        """Tells whether a read that is about to happen is to be timed."""

    def read(self, seconds: float, how: str, place: Place) -> None:
        """The host has read a value of the device."""

    def called_back(self, seconds: float, place: Place, *, feeding: bool = False) -> None:
        """A compiled program has called a Python function of the user; `feeding`: a pipeline of data has."""


class Switch(NamedTuple):
    """A setting of the whole process that is on and slows every step: "eager" or "checks"."""

    kind: str
    text: str
    off: Callable[[], contextlib.AbstractContextManager[None]]
    """Switches it off for a block."""


class Timing(Protocol):
    """One backend's part; each method works until the patches are undone."""

    def watch(self, patches: Patches, observer: Observer) -> list[Callable[[], None]]:
        """Begins to tell `observer`; returns what else is to be called in the end."""

    def switches(self) -> list[Switch]:
        """Returns the settings for debugging that are on."""

    def memory(self) -> dict[str, float]:
        """Returns what is known of the device's memory: "used", "peak" in bytes, "arrays" in number."""

    def runners(
        self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, compiled: bool
    ) -> tuple[Callable[[], Any], Callable[[], Any] | None]:
        """Returns functions that run a layer on these arguments to the end: forward, and with its gradient."""

    def held(
        self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, compiled: bool
    ) -> float | None:
        """Returns the bytes that a layer needs at the most, forward and with its gradient, beside its arguments.

        None where nothing counts them.
        """

    def operators(self, run: Callable[[], Any]) -> dict[str, Any] | None:
        """Runs a step; returns seconds in operators ("seconds", "wall"), and forward in each layer ("layers").

        None where the framework's profiler names neither.
        """

    def endless(self, data: Any) -> Any:
        """Returns an iterator from which Keras's function takes this batch as often as it likes."""

    def steps(self, raw: Any, state: Any, iterator: Any) -> tuple[Any, Any]:
        """Calls Keras's function, which takes as many batches as it was made for; returns logs and state."""

    def peak(self) -> dict[str, float]:
        """Returns the floating point operations per second of a large matrix product, by dtype."""


PEAK_SIZE = 768
PEAK_DTYPES = ("float32", "float64")


def peak(product: Callable[[str], Callable[[], Any]]) -> dict[str, float]:
    """Returns floating point operations per second by dtype; `product` makes a function that multiplies once."""
    found = {}
    for dtype in PEAK_DTYPES:
        run = product(dtype)
        run()
        times = []
        for _ in range(4):
            began = time.perf_counter()
            run()
            times.append(time.perf_counter() - began)
        found[dtype] = 2.0 * PEAK_SIZE**3 / min(times)
    return found


class Answers:
    """What host functions of compiled programs answered last, for a while in place of calling them."""

    def __init__(self) -> None:
        self._last: dict[int, Any] = {}
        self._count: list[int] | None = None

    @contextlib.contextmanager
    def skipping(self, count: list[int]) -> Iterator[None]:
        """Lets functions that have answered before do so again without running; `count[0]` is how often."""
        self._count = count
        try:
            yield
        finally:
            self._count = None

    @property
    def used(self) -> bool:
        """Tells whether any function has answered."""
        return bool(self._last)

    def clear(self) -> None:
        """Forgets every answer."""
        self._last.clear()

    def of(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Calls the function, or answers for it."""
        key = id(function)
        if self._count is not None and key in self._last:
            self._count[0] += 1
            return self._last[key]
        self._last[key] = result = function(*args, **kwargs)
        return result


ANSWERS = Answers()


@contextlib.contextmanager
def switched(switch_off: Callable[[], Any], switch_on: Callable[[], Any]) -> Iterator[None]:
    """Switches something off for the block and on again."""
    switch_off()
    try:
        yield
    finally:
        switch_on()


def current() -> Timing:
    """Returns the adapter of the backend Keras runs on."""
    return cast(
        Timing, importlib.import_module(f"kerascope._backends.{keras.backend.backend()}_timing").TIMING
    )


def tell_reads(patches: Patches, owner: Any, names: tuple[str, ...], observer: Observer, clock: Any) -> None:
    """Tells `observer` about calls of these methods, the outermost alone."""
    busy = [False]

    def wrap(original: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            if busy[0] or not observer.reading():
                return original(self, *args, **kwargs)
            busy[0] = True
            began = clock()
            try:
                return original(self, *args, **kwargs)
            finally:
                busy[0] = False
                observer.read(clock() - began, name, user_place(2))

        return call

    for name in names:
        original = getattr(owner, name, None)
        if original is not None:
            patches.put(owner, name, wrap(original, name))


def user_place(depth: int = 1) -> Place:
    """Returns where the nearest frame of the user's own code stands; the nearest of Keras when there is none."""
    frame: Any = sys._getframe(depth)
    nearest: Place = ("", 0, "")
    for _ in range(60):
        if frame is None:
            break
        code = frame.f_code
        if not foreign(code.co_filename):
            return code.co_filename, frame.f_lineno, code.co_name
        if not nearest[0] and "keras" in code.co_filename and not code.co_filename.startswith(OURS):
            nearest = (code.co_filename, frame.f_lineno, code.co_name)
        frame = frame.f_back
    return nearest


OURS = str(Path(__file__).resolve().parents[1]) + os.sep


def shown(file: str) -> str:
    """Returns a path relative to the current folder where it lies below it."""
    with contextlib.suppress(ValueError, OSError):
        return str(Path(file).relative_to(Path.cwd()))
    return file


def foreign(file: str) -> bool:
    """Tells whether a file is no code of the user: a library, Python itself, or kerascope."""
    return not is_users(file)
