"""Write a recording while the training runs: small commits, never an exception, never a lost row.

Every method may be called at any time, by one thread after the other, and costs microseconds: rows are kept
and written together. Nothing is raised: a disk that fails becomes a `Trouble`, and the rows go elsewhere.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import math
import os
import sqlite3
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from kerascope.errors import RecordingError, UsageError
from kerascope.record.arrays import STEP_FIELDS, all_finite, clean_text, pack_figures, pack_step, to_text
from kerascope.record.pending import Pending
from kerascope.record.reader import RunView
from kerascope.record.statements import (
    BATCH,
    CAPTURE,
    CHECK,
    DELETE,
    EPOCH,
    EVENT,
    LAYOUT,
    META,
    MODEL,
    SAMPLE,
    SOURCE,
    STEP,
    TIMING,
    TRAINING,
)
from kerascope.record.store import Store, Trouble, in_memory, reason
from kerascope.record.thin import Kept
from kerascope.values import STATS_FIELDS

__all__ = ["Trouble", "Writer"]

LIMITS = {"samples": 512, "checks": 2048, "batches": 256, "timings": 4096}
"""Steps per model that each thinned table holds at most."""

EVENT_LIMIT = 1000
"""Events of one kind; a probe that fails at every step must not fill the disk."""

CHUNK = 64 << 20
"""Bytes of a capture in one row: a row has to fit into memory, and SQLite takes no more than 1 GB."""

CLOSING_SECONDS = 2.0
"""How long the last commit waits for another process."""

P = ParamSpec("P")
R = TypeVar("R")


def _never_raises(
    default: R,
) -> Callable[[Callable[Concatenate[Writer, P], R]], Callable[Concatenate[Writer, P], R]]:
    """Makes a method do nothing in a forked child and after `close`, and turns exceptions into troubles."""

    def decorate(method: Callable[Concatenate[Writer, P], R]) -> Callable[Concatenate[Writer, P], R]:
        @functools.wraps(method)
        def guarded(self: Writer, /, *args: P.args, **kwargs: P.kwargs) -> R:
            # Before the lock: in a forked child another thread of the parent may hold it for ever.
            if self._closed or os.getpid() != self._pid:
                return default
            try:
                with self._lock:
                    return method(self, *args, **kwargs)
            except Exception as error:  # the training must not see any of them
                self._failed(method.__name__, error)
                return default

        return guarded

    return decorate


class Writer:
    """A recording being written."""

    def __init__(self, path: str | Path, meta: Mapping[str, Any]) -> None:
        """Creates the recording and its folder.

        Args:
            path: the new file. Where it cannot be created, `troubles` says where the recording is instead.
            meta: facts about the run; see the table `meta` of the schema.

        Raises:
            UsageError: something is at `path` already. Nothing else is ever raised.
        """
        self._closed = False
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._began = time.monotonic()
        self._models: dict[int, tuple[str, str, dict[str, Any]]] = {}
        self._trainings: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self._layouts: dict[tuple[int, str, tuple[str, ...]], int] = {}
        self._widths: dict[int, int] = {}
        self._kept: dict[tuple[str, int], Kept] = {}
        self._events: Counter[str] = Counter()
        self._begun: set[int] = set()
        self._store = _store(path)
        self._pending = Pending(self._store)
        _LIVE.add(self)
        atexit.register(self.close)
        self.meta(meta)

    @property
    def path(self) -> Path | None:
        """The file that holds the recording, absolute; None while it is only in memory."""
        return self._store.path

    @property
    def troubles(self) -> list[Trouble]:
        """Everything that went wrong with the recording so far."""
        return self._store.troubles

    @_never_raises(0)
    def model(self, name: str, class_name: str, facts: Mapping[str, Any]) -> int:
        """Adds a watched model and returns its number."""
        number = len(self._models) + 1
        self._models[number] = (clean_text(name), clean_text(class_name), dict(facts))
        self._add_model(number)
        return number

    @_never_raises(None)
    def model_facts(self, model: int, facts: Mapping[str, Any]) -> None:
        """Adds to the facts of a model; a key that is there already gets the new value."""
        self._models[model][2].update(facts)
        self._add_model(model)

    def _add_model(self, model: int) -> None:
        name, class_name, facts = self._models[model]
        self._pending.add_to_catalog(MODEL, model, (model, name, class_name, to_text(facts)))

    @_never_raises(0)
    def training(self, model: int, method: str, first_step: int, at: float, facts: Mapping[str, Any]) -> int:
        """Adds a training, e.g. one call of `fit`, and returns its number."""
        number = len(self._trainings) + 1
        began = (number, int(model), clean_text(method), int(first_step), self._time(at))
        self._trainings[number] = (began, dict(facts))
        self._pending.add_to_catalog(TRAINING, number, (*began, None, None, to_text(facts)))
        self._pending.commit()
        return number

    @_never_raises(None)
    def training_ended(self, training: int, at: float, outcome: str, facts: Mapping[str, Any]) -> None:
        """Completes a training; `facts` add to those it began with."""
        began, known = self._trainings[training]
        known.update(facts)
        self._pending.add_to_catalog(
            TRAINING, training, (*began, self._time(at), clean_text(outcome), to_text(known))
        )
        self._pending.commit()

    @_never_raises(0)
    def layout(self, model: int, part: str, names: Sequence[str]) -> int:
        """Returns the number by which `step`, `check` and `sample` refer to these names."""
        key = (int(model), clean_text(part), tuple(clean_text(name) for name in names))
        number = self._layouts.get(key)
        if number is None:
            number = self._layouts[key] = len(self._layouts) + 1
            self._widths[number] = len(key[2])
            self._pending.add_to_catalog(LAYOUT, number, (number, key[0], key[1], to_text(key[2])))
        return number

    @_never_raises(None)
    def step(
        self, model: int, step: int, training: int, epoch: int, layout: int, values: Sequence[float]
    ) -> None:
        """Adds a training step: `values` are at, seconds, busy, learning_rate, batch_size, then the logs."""
        self._must_fit(layout, len(values) - len(STEP_FIELDS))
        row = (int(model), int(step), int(training), int(epoch), layout, pack_step(values))
        self._pending.add(STEP, row, steps=1)
        if model not in self._begun:  # so that a training of few steps is on disk, too
            self._begun.add(model)
            self._pending.commit()

    @_never_raises(None)
    def check(self, model: int, step: int, layout: int, norms: np.ndarray, finite: bool) -> None:
        """Adds the norms of the whole state after a step."""
        self._must_fit(layout, np.size(norms))
        if self._keep("checks", model, step, bool(finite)):
            self._pending.add(CHECK, (int(model), int(step), layout, int(bool(finite)), pack_figures(norms)))

    @_never_raises(None)
    def sample(self, model: int, step: int, part: str, layout: int, stats: np.ndarray) -> None:
        """Adds full statistics of one part of a step: seven figures per name, shape (names, 7)."""
        self._must_fit(layout, np.size(stats) / len(STATS_FIELDS))
        finite = all_finite(stats)
        if self._keep("samples", model, step, finite):
            self._pending.add(
                SAMPLE, (int(model), int(step), clean_text(part), layout, int(finite), pack_figures(stats))
            )

    @_never_raises(None)
    def timing(self, model: int, step: int, layout: int, seconds: Sequence[float], flags: int) -> None:
        """Adds where the time of a step went: the seconds of each phase in the layout."""
        self._must_fit(layout, len(seconds))
        if self._keep("timings", model, step, True):
            self._pending.add(TIMING, (int(model), int(step), layout, int(flags), pack_figures(seconds)))

    @_never_raises(None)
    def epoch(
        self, training: int, epoch: int, last_step: int, seconds: float, logs: Mapping[str, float]
    ) -> None:
        """Adds the results of an epoch as Keras reports them."""
        known = (
            -1.0 if math.isnan(seconds) else float(seconds)
        )  # SQLite holds no NaN; the reader turns it back
        text = to_text({name: float(value) for name, value in logs.items()})
        self._pending.add(EPOCH, (int(training), int(epoch), int(last_step), known, text))

    @_never_raises(None)
    def batch(self, model: int, step: int, facts: Mapping[str, Any]) -> None:
        """Adds what went into a step."""
        finite = all(array.get("finite") in (None, 1) for array in facts.get("arrays", ()))
        if self._keep("batches", model, step, finite):
            self._pending.add(BATCH, (int(model), int(step), to_text(facts)))

    @_never_raises(None)
    def capture(self, model: int, step: int, kind: str, blob: bytes) -> None:
        """Adds what it takes to run a step again (`kind` "state" or "batch"); it is on disk when this returns."""
        for number, begin in enumerate(range(0, max(1, len(blob)), CHUNK)):
            row = (int(model), int(step), clean_text(kind), number, blob[begin : begin + CHUNK])
            self._pending.add(CAPTURE, row)
        self._pending.commit()

    @_never_raises(None)
    def source(self, name: str, text: str) -> None:
        """Adds the text of one of the user's files."""
        self._pending.add_to_catalog(SOURCE, name, (clean_text(name), clean_text(text)))

    @_never_raises(None)
    def event(
        self,
        kind: str,
        at: float,
        facts: Mapping[str, Any],
        model: int | None = None,
        step: int | None = None,
    ) -> None:
        """Adds something that happened once; it is on disk when this returns."""
        self._events[kind] += 1
        if self._events[kind] > EVENT_LIMIT + 1:
            return
        if self._events[kind] > EVENT_LIMIT:
            facts = {"what": f"further events of kind {kind}", "why": f"{EVENT_LIMIT} are kept"}
            kind, model, step = "note", None, None
        self._add_event(kind, at, facts, model, step)
        self._pending.commit()

    @_never_raises(None)
    def meta(self, facts: Mapping[str, Any]) -> None:
        """Adds facts about the run; a key that is there already gets the new value."""
        for key, value in facts.items():
            self._pending.add_to_catalog(META, key, (clean_text(key), to_text(value)))
        self._pending.commit()

    @_never_raises(None)
    def flush(self) -> None:
        """Commits everything: when this returns, a killed process loses nothing of it."""
        self._pending.commit()

    @_never_raises(None)
    def close(self) -> None:
        """Commits everything and leaves one file. Runs by itself when the interpreter ends."""
        if self._pending.committing:  # called by a signal handler in the middle of a commit; exit calls again
            return
        try:
            with contextlib.suppress(sqlite3.Error):
                self._store.connection.execute(f"PRAGMA busy_timeout={int(CLOSING_SECONDS * 1000)}")
            self._pending.commit(last=True)
            self._store.close()
        finally:
            self._closed = True
            _LIVE.discard(self)
            atexit.unregister(self.close)

    def view(self) -> RunView:
        """Returns everything recorded so far, also when it is only in memory, and also after `close`."""
        self.flush()
        if os.getpid() == self._pid:
            with contextlib.suppress(RecordingError):
                if self.path is not None:
                    return RunView.open(self.path)
            with contextlib.suppress(sqlite3.Error), self._lock:
                copy = in_memory()
                self._store.connection.backup(copy)
                return RunView(copy, self.path)
        # The file is gone or belongs to the parent process: what it was about is still known.
        copy = in_memory()
        for statement, parameters in self._pending.catalog():
            copy.execute(statement, parameters)
        return RunView(copy, None)

    def _time(self, at: float) -> float:
        """Returns `at`, or our own clock where it is NaN, which SQLite cannot hold."""
        return time.monotonic() - self._began if math.isnan(at) else float(at)

    def _must_fit(self, layout: int, width: float) -> None:
        if self._widths.get(layout) != width:
            raise ValueError(f"layout {layout} has {self._widths.get(layout)} names, the row {width}")

    def _keep(self, table: str, model: int, step: int, finite: bool) -> bool:
        """Returns whether a row is to be stored, and deletes old ones where the table is full."""
        kept = self._kept.get((table, model))
        if kept is None:
            kept = self._kept[table, model] = Kept(LIMITS[table])
        if not kept.add(int(step), finite):
            if kept.refused == 1:
                facts = {
                    "what": f"{table} with NaN or infinity after step {step - 1}",
                    "why": f"the first {len(kept.bad)} of model {model} are kept",
                }
                self._add_event("note", math.nan, facts, model, step)
            return False
        for gone in kept.overflow():
            self._pending.add(DELETE[table], (int(model), gone))
        return True

    def _add_event(
        self, kind: str, at: float, facts: Mapping[str, Any], model: int | None, step: int | None
    ) -> None:
        row = (next(self._store.event_ids), self._time(at), model, step, clean_text(kind), to_text(facts))
        self._pending.add(EVENT, row)

    def _failed(self, method: str, error: Exception) -> None:
        with contextlib.suppress(Exception):
            self._store.say_once(
                f"Writer.{method} failed",
                f"{type(error).__name__}: {reason(error)}",
                "what it was to write is missing from the recording",
            )


def _store(path: str | Path) -> Store:
    try:
        place = Path(path)
        # Absolute, because the script may change its working directory; or may have deleted it already.
        with contextlib.suppress(OSError):
            place = place.absolute()
        return Store(place)
    except FileExistsError:
        raise UsageError(
            f"A recording is never written over another file. Received: path={str(path)!r}, where a file or "
            "folder is already. Choose a name that is free, or remove what is there."
        ) from None
    except (TypeError, ValueError):
        raise UsageError(
            f"The place of a recording must be a file name. Received: path={path!r}. "
            "Give a string or a `pathlib.Path`, for example 'runs/first.kscope'."
        ) from None


_LIVE: weakref.WeakSet[Writer] = weakref.WeakSet()


def _abandon() -> None:
    """Keeps a forked child from closing the parent's connections, which it would do when it ends.

    SQLite must never see a connection in another process than the one that opened it; where another thread was
    in the middle of a commit, closing would even wait for ever. An object whose reference count is one too high
    is never freed.
    """
    for writer in _LIVE:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(writer._store.connection))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon)
