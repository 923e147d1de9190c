"""A trace around a block of code: everything put in place, and everything taken away, come what may."""

from __future__ import annotations

import contextlib
import threading
import types
from collections.abc import Iterable, Iterator, Sequence

from kerascope._backends import line_modes
from kerascope._keras.specs import around_specs
from kerascope.probe.lines import recorder as hooks
from kerascope.probe.lines import symbolic
from kerascope.probe.lines.install import Installation, is_users, original, why_not, without_file
from kerascope.probe.lines.locals import LocalsByLine
from kerascope.probe.lines.recorder import Listener, Recorder
from kerascope.probe.lines.written import own_code_is_written
from kerascope.record.lines import LineLog


@contextlib.contextmanager
def recording(
    log: LineLog | None = None,
    *,
    statistics: bool = True,
    listeners: Sequence[Listener] = (),
    running: types.FrameType | None = None,
    named: Iterable[types.FunctionType] = (),
) -> Iterator[Recorder]:
    """Traces the block; gives the recorder, whose `log` fills while the block runs.

    `running` is the frame that the block stands in, when its own lines are to be shown too: it cannot be rewritten
    any more, so they are shown by local names. `named` are functions that the caller has asked for, which are shown
    even where nothing else says that they are the user's. What could not be done as wished stands in `log.notes`.
    """
    recorder = Recorder(log or LineLog(), statistics=statistics, listeners=listeners)
    installation = Installation(recorder.log.note)
    with contextlib.ExitStack() as stack:
        stack.callback(installation.remove)
        installation.install()
        installation.skipped += [f for f in named if without_file(f) and f not in installation.skipped]
        by_line = _by_line(installation, running)
        stack.callback(hooks.end, recorder)
        hooks.begin(recorder)
        stack.enter_context(_modes(recorder))
        stack.callback(by_line.stop)
        by_line.start(recorder.log.note)
        yield recorder


_lock = threading.RLock()
_around: list[contextlib.ExitStack] = []
_inside: list[Recorder] = []


@contextlib.contextmanager
def _modes(recorder: Recorder) -> Iterator[None]:
    """Lets compiled code be seen for as long as any trace lasts, in whatever order they end."""

    def note(text: str) -> None:
        (hooks.active() or recorder).log.note(text)

    with _lock:
        if not _inside:
            with contextlib.ExitStack() as stack:
                stack.enter_context(line_modes.code_is_run(note, is_users))
                stack.enter_context(around_specs(symbolic.spec))
                stack.enter_context(own_code_is_written())
                _around.append(stack.pop_all())
        _inside.append(recorder)
    try:
        yield
    finally:
        with _lock:
            _inside.remove(recorder)
            if not _inside:
                _around.pop().close()


def _by_line(installation: Installation, running: types.FrameType | None) -> LocalsByLine:
    reasons: dict[str, str] = {}
    codes = []
    for function in installation.skipped:
        code = function.__code__
        file = code.co_filename
        if file not in reasons:
            reasons[file] = why_not(file) if is_users(file) else "its source cannot be read"
        codes.append((code, reasons[file]))
    if running is not None and (original(running.f_code) is not running.f_code):
        running = None  # rewritten already, by a trace around this one
    return LocalsByLine(codes, running)
