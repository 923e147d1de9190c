"""`trace`: what every expression of the user's own lines yields, why a line failed, and what makes it pass."""

from __future__ import annotations

import bdb
import contextlib
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerascope.api.lines import line_rows, with_code
from kerascope.errors import UsageError
from kerascope.values import Finding, Fix, LineRow, Report

if TYPE_CHECKING:
    from kerascope.api.explaining import Judgement
    from kerascope.detect.smells import Smells
    from kerascope.explain.subject import Subject
    from kerascope.probe.lines.recorder import Recorder

_LONG = 200
_NOISE = re.compile("\x1b\\[[0-9;]*m|\\{\\{[^}]*\\}\\} ?")


class Trace:
    """What a trace has seen. Shows itself in a terminal and in a notebook; ``trace["name"]`` looks an expression up.

    Attributes:
        subject: the name of what was traced.
        output: what the call returned, None while it has not.
        error: the exception that came out of it, None when there was none.
        quit: whether a debugger was left with `quit`, so that the rest did not run.
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.output: Any = None
        self.error: BaseException | None = None
        self.quit = False
        self._report: Report | None = None
        self._pending: Callable[[], Report] | None = None
        self._patches: tuple[Any, ...] = ()

    def report(self) -> Report:
        """Returns everything as plain records."""
        if self._report is None:
            if self._pending is None:
                raise UsageError(
                    "This trace has not ended yet. Received: trace.report() inside `with tracing()`. Ask for it after "
                    "the block."
                )
            self._report = self._pending()
            self._pending = None
        return self._report

    @property
    def lines(self) -> tuple[LineRow, ...]:
        """One row for each expression of the user's source that yielded a tensor, in the order they ran."""
        return self.report().lines

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, worst first."""
        return self.report().findings

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """The changes that passed, best first; nothing is applied until `apply` is called."""
        return tuple(fix for finding in self.findings for fix in finding.fixes if fix.verified)

    @property
    def ok(self) -> bool:
        """True when nothing was raised and nothing worse than a note was found."""
        return self.report().ok

    def __getitem__(self, name: str) -> LineRow:
        """Returns the row of a name that was assigned to, or of an expression by its source text.

        Raises:
            KeyError: nothing of that name or text yielded a tensor.
        """
        found = self.find(name)
        if not found:
            known = sorted({target for row in self.lines for target in row.targets if target != "return"})
            raise KeyError(
                f"nothing called {name!r} yielded a tensor. Received: name={name!r}. Names seen: "
                f"{', '.join(known) or 'none'}; the source text of an expression works too"
            )
        return next((row for row in reversed(found) if name in row.targets), found[-1])

    def find(self, name: str) -> list[LineRow]:
        """Returns all rows of a name or source text; spaces and line breaks in the text do not matter."""
        wanted = "".join(name.split())
        return [row for row in self.lines if name in row.targets or "".join(row.source.split()) == wanted]

    def apply(self, fix: int = 1) -> Path:
        """Writes a fix into the user's file, and returns the file's path.

        Args:
            fix: which of `fixes`, counted from 1.

        Raises:
            UsageError: there is no such fix, or the file has changed since it was tried.
        """
        self.report()
        if not 1 <= fix <= len(self._patches):
            raise UsageError(
                f"There is no such fix. Received: fix={fix}. {len(self._patches)} passed; they are counted from 1."
            )
        patch = self._patches[fix - 1]
        patch.apply()
        return Path(patch.file)

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain JSON data."""
        return self.report().to_json()

    def __repr__(self) -> str:
        from kerascope.render.terminal import to_text

        if self._report is None and self._pending is None:
            return f"<Trace of {self.subject}, which has not ended>"
        return to_text(self.report())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from kerascope.render.html import notebook_bundle

        return notebook_bundle(self.report())


def trace(
    subject: Any,
    /,
    *args: Any,
    stop: Any = None,
    statistics: bool = True,
    fixes: bool = True,
    **kwargs: Any,
) -> Trace:
    """Runs `subject` once and returns what each expression of the user's own lines yielded.

    What it raises is kept in the result (`error`), explained, and small changes of the source are tried that make it
    pass. Nothing is changed: the result is to the bit that of a run without a trace.

    Args:
        subject: a layer, model, loss or metric, a bound `train_step`, any function, or a class that takes no arguments.
            A metric's `update_state` and then its `result` are run. JAX's `train_step` may be given the data alone.
        *args: what it is called with: tensors, arrays, `keras.Input`, structures of them.
        stop: where to stop in a debugger, in the user's frame right after the expression: "nonfinite", a
            comparison such as "loss.max > 10", "step == 3", or a function of the site and its `TensorFacts`.
        statistics: False for shapes only, which costs less.
        fixes: False to try no changes.
        **kwargs: keyword arguments of the call.

    Raises:
        UsageError: `subject` cannot be called, or `stop` is no condition.
    """
    return traced(subject, args, kwargs, stop=stop, statistics=statistics, fixes=fixes)


def traced(
    subject: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    make: Callable[[], Any] | None = None,
    stop: Any = None,
    statistics: bool = True,
    fixes: bool = True,
) -> Trace:
    """Does what `trace` does; `make` is a function that makes another `subject`, where that is known."""
    from kerascope.api.calls import prepared

    call, about = prepared(subject, args, kwargs, make)
    result = Trace(about.name)
    named = _functions_of(subject)
    with recorded(result, about, stop=stop, statistics=statistics, fixes=fixes, catch=True, named=named):
        result.output = call()
    return result


def _functions_of(subject: Any) -> list[types.FunctionType]:
    """Returns a function itself, or the methods of an object's class."""
    function = inspect.unwrap(getattr(subject, "__func__", subject)) if callable(subject) else subject
    if isinstance(function, types.FunctionType):
        return [function]
    cls = subject if isinstance(subject, type) else type(subject)
    return [value for value in vars(cls).values() if isinstance(value, types.FunctionType)]


@contextlib.contextmanager
def tracing(*, stop: Any = None, statistics: bool = True) -> Iterator[Trace]:
    """Traces all code of the user's that runs in the block.

        with kerascope.tracing() as t:
            model(x)
        t["hidden"].last.shape

    An exception leaves the block as it is; its explanation is added to it as a note, and to the trace.
    See `trace` for the arguments.
    """
    from kerascope.probe.lines.install import frames_of_users

    result = Trace("tracing")
    running = frames_of_users(sys._getframe())
    with recorded(result, None, stop=stop, statistics=statistics, running=running):
        yield result


@contextlib.contextmanager
def recorded(
    result: Trace,
    about: Subject | None,
    *,
    stop: Any,
    statistics: bool,
    fixes: bool = False,
    catch: bool = False,
    running: types.FrameType | None = None,
    named: Sequence[types.FunctionType] = (),
) -> Iterator[None]:
    """Traces the block and leaves the report with `result`; with `catch` exceptions end in `result.error`.

    `running` is the user's frame that the block stands in, whose own lines are to be shown too; `named` are the
    functions that were asked for.
    """
    from kerascope.detect.smells import Smells
    from kerascope.probe.lines.session import recording

    smells = Smells()
    listeners: list[Any] = [smells] if statistics else []
    recorder: Recorder | None = None
    try:
        with (
            _stopping(stop, listeners),
            recording(statistics=statistics, listeners=listeners, running=running, named=named) as recorder,
        ):
            yield
    except bdb.BdbQuit:
        assert recorder is not None
        recorder.log.note("the debugger was left with `quit`, so the rest did not run")
        result.quit = True
        _judge(result, about, recorder, smells, fixes=False)
        if not catch:
            raise
    except Exception as error:
        result.error = error
        if recorder is None:
            raise
        _judge(result, about, recorder, smells, fixes)
        if not catch:
            _add_note(error, result)
            raise
        return
    assert recorder is not None
    _judge(result, about, recorder, smells, fixes)


@contextlib.contextmanager
def _stopping(stop: Any, listeners: list[Any]) -> Iterator[None]:
    """Adds the listener that stops in a debugger, if one is wanted, and ends it after the block."""
    if stop is None:
        yield
        return
    from kerascope.probe.lines.stop import stopper

    with contextlib.closing(stopper(stop)) as listener:
        listeners.append(listener)
        yield


def _judge(result: Trace, about: Subject | None, recorder: Recorder, smells: Smells, fixes: bool) -> None:
    """Leaves the way to the report with the trace. An error is explained now, while its frames are alive."""
    from kerascope.api.explaining import judged

    def report() -> Report:
        judgement = judged(result.error, about, recorder, smells, fixes)
        result._patches = judgement.patches
        return _report(result, recorder, judgement)

    if result.error is None:
        result._pending = report
    else:
        result._report = report()


def _notes(recorder: Recorder, judgement: Judgement) -> tuple[str, ...]:
    from kerascope.probe.lines.symbolic import SEVERAL

    # Runs with made-up sizes have told apart what Keras does not.
    notes = [note for note in recorder.log.notes if note != SEVERAL or not judgement.dims]
    if not recorder.log.rows and not judgement.findings:
        notes.append(
            "what ran made no tensor, was in a library, or came from no file (`exec`, a prompt) and was not handed to "
            "`trace` itself"
        )
    return tuple(notes)


def _report(result: Trace, recorder: Recorder, judgement: Judgement) -> Report:
    from kerascope._keras import objects

    bad = any(finding.severity in ("fault", "warning") for finding in judgement.findings)
    return Report(
        subject=result.subject,
        backend=objects.backend_name(),
        verdict="crashed" if result.error is not None else "faulty" if bad else "healthy",
        findings=tuple(with_code(finding) for finding in judgement.findings),
        headline=_headline(result.error),
        gaps=_notes(recorder, judgement),
        lines=line_rows(recorder.log, judgement.dims),
        verb="trace",
    )


def _headline(error: BaseException | None) -> str:
    if error is None:
        return ""
    from kerascope.explain.lines.failure import said, underlying

    # Keras wraps what was raised: it says which layer was called before it says what happened.
    inner = underlying(error)
    first = _NOISE.sub("", said(error)).removesuffix(" Error encountered:")
    if len(first) > _LONG:
        first = first.partition(". ")[0]
    what = f"FAILS when called   {type(inner).__name__}"
    return f"{what}: {first}" if first else what


def _add_note(error: BaseException, result: Trace) -> None:
    """Adds the explanation to the exception, which Python prints below its message."""
    from kerascope.render.terminal import explanation_text

    with contextlib.suppress(Exception):  # an exception that takes no notes is raised as it is
        text = explanation_text(result.report())
        if text and text not in getattr(error, "__notes__", ()):  # a trace around this one has said it
            error.add_note(text)
