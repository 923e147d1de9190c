"""The second way, for code that cannot be rewritten: what local names hold, line by line.

For functions whose source is missing or is not what was compiled, and for a function that already runs when the trace
begins in the middle of it. Python tells when a line of just this code is done (`sys.monitoring`, and up to Python
3.11 `sys.settrace`); names that hold another tensor than before are reported for the line that ran.
"""

from __future__ import annotations

import ast
import os
import sys
import threading
import types
from collections.abc import Callable, Iterable
from typing import Any

from kerascope._backends import tensors
from kerascope.probe.lines import recorder as hooks
from kerascope.record.lines import Site


class LocalsByLine:
    """Reports local names of some functions line by line, from `start` until `stop`.

    `codes` are the code objects and, for each, why it is not rewritten; code objects inside them count as well.
    `running` is a frame in which the trace begins.
    """

    def __init__(
        self, codes: Iterable[tuple[types.CodeType, str]], running: types.FrameType | None = None
    ) -> None:
        self._why: dict[types.CodeType, str] = {}
        for code, why in codes:
            self._take(code, why)
        self._running = running
        self._sites: dict[tuple[types.CodeType, int, str], Site] = {}
        self._means: _Tracing | _Monitoring | None = None

    def _take(self, code: types.CodeType, why: str) -> None:
        self._why[code] = why
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._take(constant, why)

    def start(self, note: Callable[[str], None]) -> None:
        """Begins; says through `note` when something else holds the place."""
        if not self._why and self._running is None:
            return
        means = _Monitoring(self) if sys.version_info >= (3, 12) else _Tracing(self)
        holder = means.start(self._why, self._running)
        if holder is None:
            self._means = means
            return
        names = sorted({code.co_qualname for code in self._why if code.co_name.isidentifier()})
        if self._running is not None:
            names.insert(0, self._running.f_code.co_qualname)
        shown = ", ".join(f"`{name}`" for name in names[:3]) + (" and others" if len(names) > 3 else "")
        note(f"{shown}: not shown line by line, because {holder} is following the program already")

    def stop(self) -> None:
        """Ends, and gives the place back."""
        if self._means is not None:
            self._means.stop()
            self._means = None

    # -- what is reported --------------------------------------------------------------------------------------

    def entered(self, frame: types.FrameType) -> Lines:
        """A function was called: reports its arguments, and says why no more than names is shown."""
        code = frame.f_code
        lines = Lines(self, frame)
        recorder = hooks.active()
        if recorder is not None:
            if code.co_name.isidentifier():
                name, file = code.co_qualname, os.path.basename(code.co_filename)
                why = self._why.get(code, "")
                recorder.log.note(f"`{name}` of {file} is shown by its local names only, line by line: {why}")
            flags = (code.co_flags & 4 > 0) + (code.co_flags & 8 > 0)
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + flags]
            site = self.site(code, code.co_firstlineno, f"def {code.co_name}", "arguments", names)
            space = frame.f_locals
            recorder.guarded(recorder.entered, site, [space.get(name) for name in names], frame)
        return lines

    def joined(self, frame: types.FrameType) -> Lines:
        """A trace begins in the middle of this frame."""
        recorder = hooks.active()
        if recorder is not None:
            name = frame.f_code.co_qualname
            shown = "this program's" if name == "<module>" else f"`{name}`'s"
            recorder.log.note(
                f"{shown} own lines are shown by their names, line by line: they were running when the trace began"
            )
        return Lines(self, frame)

    def site(
        self,
        code: types.CodeType,
        line: int,
        name: str,
        kind: str = "name",
        targets: tuple[str, ...] | None = None,
    ) -> Site:
        """Returns what stands for a name after a line; one for each."""
        key = (code, line, name)
        found = self._sites.get(key)
        if found is None:
            node = ast.Name(name, ast.Load(), lineno=line, end_lineno=line, col_offset=0, end_col_offset=0)
            place = (line, line, 0, 0)
            found = Site(
                code.co_filename,
                place,
                name,
                kind,
                code.co_qualname,
                node,
                targets=(name,) if targets is None else targets,
            )
            self._sites[key] = found
        return found


class Lines:
    """One frame: what its names held before the line that runs."""

    __slots__ = ("_before", "_frame_line", "_owner")

    def __init__(self, owner: LocalsByLine, frame: types.FrameType) -> None:
        self._owner = owner
        self._before = _tensors(frame)
        self._frame_line = frame.f_lineno

    def line(self, frame: types.FrameType) -> None:
        """Another line begins: reports what the last one changed."""
        self._report(frame)
        self._frame_line = frame.f_lineno

    def left(self, frame: types.FrameType, result: Any) -> None:
        """The function returns `result`."""
        self._report(frame)
        recorder = hooks.active()
        if recorder is not None and frame.f_code.co_name != "<module>" and tensors.kind(result) != "other":
            site = self._owner.site(frame.f_code, self._frame_line, "return")
            recorder.guarded(recorder.yielded, site, result, frame)

    def _report(self, frame: types.FrameType) -> None:
        now = _tensors(frame)
        recorder = hooks.active()
        if recorder is not None:
            for name, (value, version) in now.items():
                known = self._before.get(name)
                if known is None or known[0] is not value or known[1] != version:
                    site = self._owner.site(frame.f_code, self._frame_line, name)
                    recorder.guarded(recorder.yielded, site, value, frame)
        self._before = now


def _tensors(frame: types.FrameType) -> dict[str, tuple[Any, int | None]]:
    """Returns the names that hold a tensor or a container, with the state of the tensor."""
    found = {}
    for name, value in list(frame.f_locals.items()):
        what = tensors.kind(value)
        if what != "other" and not name.startswith("__"):
            found[name] = (value, tensors.version(value) if what == "tensor" else len(value))
    return found


class _Tracing:
    """`sys.settrace`, for Python 3.11: other code is told apart at its call and left alone."""

    def __init__(self, owner: LocalsByLine) -> None:
        self._owner = owner
        self._running: types.FrameType | None = None

    def start(self, codes: dict[types.CodeType, str], running: types.FrameType | None) -> str | None:
        """Begins; returns who holds the place when it is taken."""
        current = sys.gettrace()
        if current is not None:
            return "a debugger or a coverage tool"
        self._codes = codes
        if running is not None:
            self._running = running
            running.f_trace = self._local(self._owner.joined(running))
        if codes and threading.gettrace() is None:
            threading.settrace(self._global)
        sys.settrace(self._global)
        return None

    def stop(self) -> None:
        # A debugger that was started meanwhile keeps its place.
        if sys.gettrace() == self._global:
            sys.settrace(None)
        if threading.gettrace() == self._global:
            threading.settrace(None)
        if self._running is not None:
            self._running.f_trace = None
            self._running = None

    def _global(self, frame: types.FrameType, event: str, _: Any) -> Any:
        if event != "call" or frame.f_code not in self._codes:
            return None
        return self._local(self._owner.entered(frame))

    @staticmethod
    def _local(lines: Lines) -> Callable[..., Any]:
        def follow(frame: types.FrameType, event: str, result: Any) -> Any:
            if event == "line":
                lines.line(frame)
            elif event == "return":
                lines.left(frame, result)
            return follow

        return follow


class _Monitoring:
    """`sys.monitoring`, from Python 3.12: only the chosen code tells anything, and a debugger is not in the way."""

    def __init__(self, owner: LocalsByLine) -> None:
        self._owner = owner
        self._frames: dict[int, tuple[types.CodeType, Lines]] = {}
        self._codes: list[types.CodeType] = []
        self._tool: int | None = None
        self._monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]

    def start(self, codes: dict[types.CodeType, str], running: types.FrameType | None) -> str | None:
        """Begins; returns who holds the place when it is taken."""
        m = self._monitoring
        self._tool = next((tool for tool in (4, 3) if m.get_tool(tool) is None), None)
        if self._tool is None:
            return "other tools"
        m.use_tool_id(self._tool, "kerascope")
        m.register_callback(self._tool, m.events.PY_START, self._start)
        m.register_callback(self._tool, m.events.LINE, self._line)
        m.register_callback(self._tool, m.events.PY_RETURN, self._return)
        self._codes = list(codes)
        if running is not None:
            self._codes.append(running.f_code)
            self._frames[id(running)] = (running.f_code, self._owner.joined(running))
        for code in self._codes:
            m.set_local_events(self._tool, code, m.events.PY_START | m.events.LINE | m.events.PY_RETURN)
        return None

    def stop(self) -> None:
        m = self._monitoring
        for code in self._codes:
            m.set_local_events(self._tool, code, 0)
        for event in (m.events.PY_START, m.events.LINE, m.events.PY_RETURN):
            m.register_callback(self._tool, event, None)
        m.free_tool_id(self._tool)
        self._frames.clear()

    def _start(self, code: types.CodeType, _: int) -> None:
        frame = sys._getframe(1)
        self._frames[id(frame)] = (code, self._owner.entered(frame))

    def _line(self, code: types.CodeType, _: int) -> None:
        frame = sys._getframe(1)
        known = self._frames.get(id(frame))
        if known is not None and known[0] is code:
            known[1].line(frame)

    def _return(self, code: types.CodeType, _: int, result: Any) -> None:
        frame = sys._getframe(1)
        known = self._frames.pop(id(frame), None)
        if known is not None and known[0] is code:
            known[1].left(frame, result)
