"""Traces fresh objects on made-up inputs: to learn the shapes at other batch sizes, and after a change."""

from __future__ import annotations

import contextlib
import linecache
from collections.abc import Iterator

from kerascope.explain.fixes.outcome import Trial
from kerascope.explain.fixes.swap import Program
from kerascope.probe.lines import recorder as hooks
from kerascope.probe.lines.install import Installation, set_aside
from kerascope.probe.lines.recorder import Listener, Recorder
from kerascope.probe.lines.session import recording
from kerascope.record.lines import LineLog


def probes(trial: Trial, count: int, *listeners: Listener) -> list[LineLog]:
    """Returns traces of fresh objects on batches of `count` sizes; listeners are shown them with all values."""
    logs = []
    with recording(statistics=bool(listeners), listeners=listeners) as recorder:
        for batch in trial.sizes[:count]:
            recorder.log = LineLog()
            _run(trial, batch)
            logs.append(recorder.log)
    return logs


def variant(trial: Trial, program: Program) -> list[LineLog]:
    """Returns traces on two batch sizes with the changed source of `program`, which is in the live functions."""
    with _traced(program):
        recorders = [Recorder(LineLog(), statistics=False) for _ in range(2)]
        for batch, recorder in zip(trial.sizes, recorders, strict=False):
            _recorded(trial, batch, recorder)
    return [recorder.log for recorder in recorders]


def watched(trial: Trial, program: Program, listener: Listener) -> None:
    """Shows a listener a run of the changed source of `program`, which is in the live functions."""
    with _traced(program):
        _recorded(trial, trial.sizes[0], Recorder(LineLog(), statistics=True, listeners=[listener]))


@contextlib.contextmanager
def _traced(program: Program) -> Iterator[None]:
    with _source(program.file, program.source), set_aside():
        installation = Installation(lambda _: None)
        try:
            installation.add(function for function, _ in program.functions)
            yield
        finally:
            installation.remove()


def _recorded(trial: Trial, batch: int, recorder: Recorder) -> None:
    hooks.begin(recorder)
    try:
        _run(trial, batch)
    finally:
        hooks.end(recorder)


def _run(trial: Trial, batch: int) -> None:
    subject = trial.subject
    args, kwargs = trial.inputs(batch)
    with contextlib.suppress(Exception):  # it is known to fail; what it did until then is wanted
        assert subject.make is not None
        subject.call(subject.make(), args, kwargs)


@contextlib.contextmanager
def _source(file: str, text: str) -> Iterator[None]:
    """Lets Python's line cache say that a file holds `text`, which is how the tracer reads sources."""
    kept = linecache.cache.get(file)
    # Without a time the entry is not compared with what is on disk.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    try:
        yield
    finally:
        if kept is None:
            linecache.cache.pop(file, None)
        else:
            linecache.cache[file] = kept
