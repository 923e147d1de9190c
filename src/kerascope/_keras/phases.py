"""The phases of a Keras training: set-up, data, each callback, validation, metrics, reading the logs."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol

import keras

from kerascope._keras.steps import Patches
from kerascope.whose import is_users

CALLBACK = "callback:"
"""A callback's phase is this, its class, a dot and the hook."""

VALIDATION, METRICS, LOGS, BUILD, ENDING = "validation", "metrics", "logs", "build", "ending"

_LIST_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_epoch_begin", "on_epoch_end", "on_train_end")
_HOOKS = (
    "on_train_begin",
    *_LIST_HOOKS,
    "on_batch_begin",
    "on_batch_end",
    "on_test_begin",
    "on_test_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)


class Phases(Protocol):
    """Who keeps the account; `enter` returns what `leave` takes."""

    def enter(self, name: str, *, closed: bool = False) -> int: ...
    def leave(self, token: int) -> None: ...


def watch_phases(patches: Patches, phases: Phases) -> None:
    """Tells `phases` about set-up, data, validation and metrics of every training, until the patches are undone."""
    epochs = keras.src.trainers.epoch_iterator.EpochIterator
    for owner in (epochs, *epochs.__subclasses__()):
        if "__next__" in vars(owner):
            patches.put(owner, "__next__", timed(owner.__next__, phases, "data"))
        if "__init__" in vars(owner):
            patches.put(owner, "__init__", timed(owner.__init__, phases, "set-up"))
    model = keras.Model
    patches.put(model, "_symbolic_build", timed(model._symbolic_build, phases, BUILD, closed=True))
    patches.put(model, "evaluate", timed(model.evaluate, phases, VALIDATION, closed=True))
    metrics = model._get_metrics_result_or_logs
    patches.put(model, "_get_metrics_result_or_logs", timed(metrics, phases, METRICS))
    patches.put(model, "train_on_batch", timed(model.train_on_batch, phases, "keras"))
    callbacks = keras.callbacks.CallbackList
    for name in _LIST_HOOKS:
        patches.put(callbacks, name, timed(getattr(callbacks, name), phases, LOGS))
    ended = callbacks.on_train_end

    @functools.wraps(ended)
    def on_train_end(self: Any, logs: Any = None) -> None:
        ended(self, logs)
        # From here to the return of `fit` Keras lets go of the data pipeline; nobody else ends this phase.
        phases.enter(ENDING)

    patches.put(callbacks, "on_train_end", on_train_end)


def timed(function: Callable[..., Any], phases: Phases, name: str, *, closed: bool = False) -> Any:
    """Returns `function` with its time charged to the phase `name`."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        token = phases.enter(name, closed=closed)
        try:
            return function(*args, **kwargs)
        finally:
            phases.leave(token)

    return call


class CallbackPhases:
    """Times each callback by itself. Callbacks of kerascope are the watch's own time."""

    def __init__(self, patches: Patches, phases: Phases) -> None:
        self._patches = patches
        self._phases = phases
        self._done: set[tuple[int, str]] = set()
        self.places: dict[str, tuple[str, int]] = {}

    def add(self, callbacks: Any) -> None:
        """Times the callbacks of a `CallbackList` from now on."""
        for callback in getattr(callbacks, "callbacks", None) or ():
            for owner in (*type(callback).__mro__, callback):
                if owner is keras.callbacks.Callback:
                    continue
                if isinstance(owner, type) and not issubclass(owner, keras.callbacks.Callback):
                    continue
                for hook in _HOOKS:
                    if hook in vars(owner):
                        self._time(owner, callback, hook)

    def _time(self, owner: Any, callback: Any, hook: str) -> None:
        if (id(owner), hook) in self._done:
            return
        self._done.add((id(owner), hook))
        original = vars(owner)[hook]
        if not callable(original):
            return
        on_class = isinstance(owner, type)
        name = f"{CALLBACK}{type(callback).__name__}.{hook}"
        own = type(callback).__module__.startswith("kerascope.")
        if not own:
            self.places.setdefault(name, place(original))
        phases = self._phases

        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            kind = type(args[0]).__name__ if on_class else type(callback).__name__
            token = phases.enter("kerascope" if own else f"{CALLBACK}{kind}.{hook}", closed=True)
            try:
                return original(*args, **kwargs)
            finally:
                phases.leave(token)

        self._patches.put(owner, hook, call)


def place(function: Any) -> tuple[str, int]:
    """Returns file and line where a function, or the class of a callable object, begins; ("", 0) when unknown."""
    function = inspect.unwrap(function) if callable(function) else function
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(vars(type(function)).get("__call__"), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code is not None else ("", 0)


def metric_lines(model: Any) -> list[tuple[str, str, int]]:
    """Returns (name, file, line) of the user's functions, or `update_state`s, that the compiled metrics run."""
    found: list[tuple[str, str, int]] = []
    for metric in getattr(getattr(model, "_compile_metrics", None), "metrics", None) or ():
        function = getattr(metric, "_fn", None) or type(metric).update_state
        with contextlib.suppress(Exception):  # a callable without code of its own
            file, line = place(function)
            if is_users(file):
                found.append((getattr(function, "__name__", type(function).__name__), file, line))
    return found


def user_lines(source: Any) -> list[tuple[str, str, int]]:
    """Returns (name, file, line) of the user's code that makes the batches of a data source given to `fit`."""
    found: list[tuple[str, str, int]] = []
    code = getattr(source, "gi_code", None)
    if code is not None:
        found.append((code.co_name, code.co_filename, code.co_firstlineno))
    for attribute in ("__getitem__", "__next__", "__iter__"):
        method = getattr(type(source), attribute, None)
        with contextlib.suppress(Exception):
            file, line = place(method)
            if is_users(file):
                found.append((f"{type(source).__name__}.{attribute}", file, line))
    inner = getattr(source, "dataset", None)  # of a DataLoader
    if inner is not None and inner is not source:
        found += user_lines(inner)
    return found
