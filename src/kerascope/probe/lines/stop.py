"""Stops a trace in a debugger, in the user's own frame, right after the expression that meets a condition."""

from __future__ import annotations

import bdb
import os
import pdb
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from kerascope import env
from kerascope._backends import tensors
from kerascope.errors import UsageError
from kerascope.probe.lines import recorder as hooks
from kerascope.probe.lines.condition import FIGURES, Comparison, parse
from kerascope.probe.lines.install import is_users
from kerascope.probe.lines.recorder import Operand
from kerascope.record.lines import Activation, Event, Site
from kerascope.values import TensorFacts
from kerascope.whose import is_ours

Condition = str | Callable[[Site, TensorFacts], bool]


def stopper(condition: Condition) -> Stop:
    """Returns the listener that stops at a condition; see `condition.parse` for the texts.

    Raises:
        UsageError: the condition is neither a text of the known forms nor a function.
    """
    return Stop(condition)


class Stop:
    """A listener that opens pdb where a condition is met.

    `nonfinite` stops once. Other conditions stop every time, but not again for the same tensor that is merely read.
    `stdin` and `stdout` are what the debugger talks through; without them the terminal, and where there is none the
    place is told and the run goes on.
    """

    def __init__(
        self, condition: Condition, *, stdin: TextIO | None = None, stdout: TextIO | None = None
    ) -> None:
        self._comparison: Comparison | None = None
        self._function: Callable[[Site, TensorFacts], bool] | None = None
        if isinstance(condition, str):
            self._comparison = parse(condition)
        elif callable(condition):
            self._function = condition
        else:
            raise UsageError(
                f"This is no condition to stop at. Received: stop={condition!r}. Give a text such as "
                '"nonfinite" or "loss.max > 10", or a function of site and facts.'
            )
        self._stdin, self._stdout = stdin, stdout
        self._steps = _Steps()
        self._last: tuple[Activation, TensorFacts] | None = None
        self._before = sys.gettrace()
        self.hits = 0
        self.off = False

    def __call__(self, event: Event, value: Any, operands: Sequence[Operand], frame: types.FrameType) -> None:
        if self.off or not self._met(event, value, frame):
            return
        here = (event.activation, event.facts)
        if self._last == here:
            return
        self._last = here
        self.hits += 1
        if self._comparison is not None and self._comparison.text == "nonfinite":
            self.off = True
        self._open(event, frame)

    def _met(self, event: Event, value: Any, frame: types.FrameType) -> bool:
        what = self._comparison
        if what is None:
            return self._asked(event, self._facts(event, value))
        if what.figure == "step":
            return self._steps.begins(event, frame) and what.is_met(self._steps.count)
        if not what.concerns(event):
            return False
        return what.holds(self._facts(event, value) if what.figure in FIGURES else event.facts)

    @staticmethod
    def _facts(event: Event, value: Any) -> TensorFacts:
        """Returns the facts with statistics, in a trace without them too."""
        if event.facts.mode == "eager" and event.facts.finite is None:
            return tensors.facts(value)
        return event.facts

    def _asked(self, event: Event, facts: TensorFacts) -> bool:
        assert self._function is not None
        try:
            return bool(self._function(event.site, facts))
        except Exception as error:
            self.off = True
            _note(
                f"the function given as stop= failed and is not asked again: {type(error).__name__}: {error}"
            )
            return False

    def _open(self, event: Event, frame: types.FrameType) -> None:
        site, facts = event.site, event.facts
        why = "the function given as stop=" if self._comparison is None else self._comparison.text
        place = f"{os.path.basename(site.file)}:{site.line}, in {site.function}"
        said = f"kerascope: stopped at {place}"
        by_step = self._comparison is not None and self._comparison.figure == "step"  # whatever its value is
        said += f" ({why})" if by_step else f": `{site.source}` is {_described(facts)} ({why})"
        recorder = hooks.active()
        if self._stdin is None and not _can_ask():
            self.off = True
            said += "; there is no terminal to ask for commands, so the run goes on"
            _note(said.removeprefix("kerascope: "))
            print(said, file=self._stdout or sys.stderr)
            return
        print(said, file=self._stdout or sys.stdout)
        debugger = Debugger(recorder, self._stdin, self._stdout)
        debugger.stop_in(frame)

    def close(self) -> None:
        """Ends stepping that was still going on: what runs after the trace is not to be stepped through."""
        if isinstance(getattr(sys.gettrace(), "__self__", None), Debugger):
            sys.settrace(self._before)


class _Steps:
    """Counts training steps: calls of a `train_step`, the user's or Keras's own."""

    def __init__(self) -> None:
        self.count = 0
        self._frame: types.FrameType | None = None

    def begins(self, event: Event, frame: types.FrameType) -> bool:
        """Tells whether the event is the first in a step that was not known of."""
        if event.site.kind != "arguments":
            return False
        found = None
        back: types.FrameType | None = frame
        while back is not None:
            if back.f_code.co_name == "train_step":
                found = back  # the outermost: the user's may call Keras's
            back = back.f_back
        if found is None or found is self._frame:
            return False
        self._frame = found
        self.count += 1
        return True


class Debugger(pdb.Pdb):
    """pdb that begins in the middle of a line and steps through the user's code only."""

    def __init__(
        self, recorder: hooks.Recorder | None, stdin: TextIO | None = None, stdout: TextIO | None = None
    ) -> None:
        if stdin is None and stdout is None:
            super().__init__()
        else:
            super().__init__(stdin=stdin, stdout=stdout or sys.stdout)
            self.use_rawinput = False
        self._recorder = recorder

    def stop_in(self, frame: types.FrameType) -> None:
        """Asks for commands in this frame, which runs; then steps on, lets it run, or leaves by `bdb.BdbQuit`."""
        self.reset()
        self.interaction(frame, None)
        if self.quitting:
            raise bdb.BdbQuit
        if getattr(self, "stoplineno", -1) == -1 and not self.breaks:
            return  # `continue`
        back: types.FrameType | None = frame
        while back is not None:
            back.f_trace = self.trace_dispatch
            self.botframe = back
            back = back.f_back
        sys.settrace(self.trace_dispatch)

    def stop_here(self, frame: types.FrameType) -> bool:
        """Stops in the user's code only, not in what kerascope or a library does in between."""
        return is_users(frame.f_code.co_filename) and bool(super().stop_here(frame))

    def get_stack(self, f: types.FrameType | None, t: types.TracebackType | None) -> tuple[list[Any], int]:
        """Returns the stack as it would be without kerascope: `where` and `up` show the program's own calls."""
        stack, current = super().get_stack(f, t)
        shown = [entry for entry in stack if not _between(entry[0].f_code.co_filename)]
        here = stack[current] if stack else None
        return (shown, shown.index(here)) if here in shown else (stack, current)

    def interaction(self, frame: Any, *args: Any) -> None:
        """Asks for commands; what is evaluated meanwhile is not traced."""
        if self._recorder is None:
            super().interaction(frame, *args)
            return
        with self._recorder.paused():
            super().interaction(frame, *args)


def _between(file: str) -> bool:
    return is_ours(file) or file == "<frozen runpy>"


def _described(facts: TensorFacts) -> str:
    shape = "?" if facts.shape is None else f"({', '.join(map(str, facts.shape))})"
    text = f"{shape} {facts.dtype}"
    if facts.finite is not None and facts.finite < 1.0:
        text += f", {100 * (1 - facts.finite):.3g} % not finite"
    if facts.min is not None and facts.max is not None:
        text += f", {facts.min:.3g} to {facts.max:.3g}"
    return text


def _can_ask() -> bool:
    stdin = sys.stdin
    return env.surroundings() == "notebook" or (stdin is not None and not stdin.closed and stdin.isatty())


def _note(text: str) -> None:
    recorder = hooks.active()
    if recorder is not None:
        recorder.log.note(text)


__all__ = ["Debugger", "Stop", "stopper"]
