"""Traces fresh objects on made-up inputs: to learn the shapes at other batch sizes, and after a change."""

from __future__ import annotations

import contextlib
import linecache
from collections.abc import Iterator

from kerascope.explain.fixes.outcome import Trial
from kerascope.explain.fixes.swap import Program
from kerascope.probe.lines import recorder as hooks
from kerascope.probe.lines.install import Installation
from kerascope.probe.lines.recorder import Recorder
from kerascope.probe.lines.session import recording
from kerascope.record.lines import LineLog


def probes(trial: Trial, count: int) -> list[LineLog]:
    """Returns traces of fresh objects on batches of `count` sizes."""
    logs = []
    with recording(statistics=False) as recorder:
        for batch in trial.sizes[:count]:
            recorder.log = LineLog()
            _run(trial, batch)
            logs.append(recorder.log)
    return logs


def variant(trial: Trial, program: Program) -> list[LineLog]:
    """Returns traces on two batch sizes with the changed source of `program`, which is in the live functions."""
    logs = []
    with _source(program.file, program.source):
        installation = Installation(lambda _: None)
        try:
            installation.add(function for function, _ in program.functions)
            for batch in trial.sizes[:2]:
                recorder = Recorder(LineLog(), statistics=False)
                hooks.begin(recorder)
                try:
                    _run(trial, batch)
                finally:
                    hooks.end(recorder)
                logs.append(recorder.log)
        finally:
            installation.remove()
    return logs


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
