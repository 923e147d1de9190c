"""A trace around a block of code: everything put in place, and everything taken away, come what may."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from kerascope.probe.lines import recorder as hooks
from kerascope.probe.lines.install import Installation, explain_skipped
from kerascope.probe.lines.recorder import Listener, Recorder
from kerascope.record.lines import LineLog


@contextlib.contextmanager
def recording(
    log: LineLog | None = None, *, statistics: bool = True, listeners: Sequence[Listener] = ()
) -> Iterator[Recorder]:
    """Traces the block; gives the recorder, whose `log` fills while the block runs."""
    recorder = Recorder(log or LineLog(), statistics=statistics, listeners=listeners)
    installation = Installation(recorder.log.note)
    try:
        installation.install()
        for sentence in explain_skipped(installation.skipped):
            recorder.log.note(f"not traced: {sentence}")
        hooks.begin(recorder)
        try:
            yield recorder
        finally:
            hooks.end(recorder)
    finally:
        installation.remove()
