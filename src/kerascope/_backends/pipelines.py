"""Python functions that a `tf.data` pipeline calls, on every backend: it may have been made before anybody watched."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterator
from typing import Any

from kerascope._backends.timing import Observer, foreign
from kerascope._keras.phases import place
from kerascope._keras.steps import Patches

TIMED = "_kerascope_timed"
"""Marks a function whose calls are told elsewhere."""

_REGISTRY = "tensorflow.python.ops.script_ops"
_MOST = 200


def watch(patches: Patches, observer: Observer) -> None:
    """Tells `observer` of the user's functions that TensorFlow calls, those it was given before now."""
    registry = getattr(sys.modules.get(_REGISTRY), "FuncRegistry", None)
    original = vars(registry).get("__call__") if registry is not None else None
    if original is None:
        return
    known: dict[Any, Any] = {}

    @functools.wraps(original)
    def __call__(self: Any, token: Any, *args: Any, **kwargs: Any) -> Any:
        if token not in known:
            known[token] = user_function(self.get(token))
        function = known[token]
        if function is None:
            return original(self, token, *args, **kwargs)
        began = time.perf_counter()
        try:
            return original(self, token, *args, **kwargs)
        finally:
            file, line = place(function)
            name = str(getattr(function, "__name__", ""))
            observer.called_back(time.perf_counter() - began, (file, line, name), feeding=True)

    patches.put(registry, "__call__", __call__)


def user_function(function: Any) -> Any:
    """Returns the user's function behind what a library made of it, None when there is none or its calls are told."""
    seen: set[int] = set()
    waiting = [function]
    while waiting and len(seen) < _MOST:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if getattr(one, TIMED, False):
            return None
        if callable(one) and not isinstance(one, type) and _users(one):
            return one
        waiting.extend(_within(one))
    return None


def _users(function: Any) -> bool:
    file = place(function)[0]
    return bool(file) and not foreign(file)


def _within(one: Any) -> Iterator[Any]:
    """Yields what a function holds on to, and an object of TensorFlow's own."""
    yield getattr(one, "__func__", None)
    yield getattr(one, "func", None)
    for cell in getattr(one, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    if type(one).__module__.startswith("tensorflow."):
        yield from list(getattr(one, "__dict__", {}).values())


def making() -> bool:
    """Tells whether a pipeline of data is being made by a caller of the caller."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if "/tensorflow/python/data/" in frame.f_code.co_filename.replace("\\", "/"):
            return True
        frame = frame.f_back
    return False
