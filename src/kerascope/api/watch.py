"""`kerascope.Watch` (a Keras callback) and `kerascope.watch` (a context manager): the watch in a notebook."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerascope._keras.callback import TrainingCallback
from kerascope.api.paths import chosen_path
from kerascope.api.watching import Recorder
from kerascope.render import html, terminal
from kerascope.values import Finding, Report


class Watching:
    """What a watch has recorded so far: `report`, `findings`, `ok`, `path`; shows itself in a notebook."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    @property
    def path(self) -> Path | None:
        """The recording's file; None while nothing was recorded or when no file could be written."""
        writer = self._recorder.writer
        return writer.path if writer is not None else None

    @property
    def report(self) -> Report:
        """The judgement of what was recorded up to now."""
        return self._recorder.report()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, worst first."""
        return self.report.findings

    @property
    def ok(self) -> bool:
        """True when nothing of severity fault or warning was found."""
        return self.report.ok

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain JSON data."""
        return self.report.to_json()

    def __repr__(self) -> str:
        return terminal.to_text(self.report)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return html.notebook_bundle(self.report)


class Watch(TrainingCallback):
    """Watches every training it is given to as a callback: ``model.fit(..., callbacks=[kerascope.Watch()])``.

    Args:
        out: the recording's path; by default ``runs/<script or "notebook">-<time>.kscope``.
        every: take full statistics every so many steps; by default as often as `budget` allows; 0 takes none.
        budget: share of the training time that statistics may take; 0.01 is one percent.
        memory: bytes for snapshots of the state and held batches together.
        inline: add gradient norms of every step, computed inside the step.
        examine: seconds for running your own code (layers, losses, metrics, train steps) once more on the first batch
            when a training is over and the report is asked for; everything is put back. 0 leaves it out.

    Raises:
        UsageError: an argument is out of range, or `out` exists.

    After `fit`, ``watch.report`` holds the judgement. When `fit` ends by an exception outside the training step,
    `close` (or the next `fit`) gives the model its own function back.
    """

    def __init__(
        self,
        out: str | Path | None = None,
        *,
        every: int | None = None,
        budget: float = 0.01,
        memory: int = 512 * 1024 * 1024,
        inline: bool = False,
        examine: float = 20.0,
    ) -> None:
        super().__init__()
        options = {"every": every, "budget": budget, "memory": memory, "inline": inline, "examine": examine}
        self._recorder = _recorder(out, options)
        self._watching = Watching(self._recorder)

    def observer(self) -> Any:
        if self._recorder.session is None:
            session = self._recorder.start(hooks=False)
            session.detach_on_error = True
        return self._recorder.session

    @property
    def path(self) -> Path | None:
        """The recording's file."""
        return self._watching.path

    @property
    def report(self) -> Report:
        """The judgement of what was recorded up to now."""
        return self._watching.report

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, worst first."""
        return self.report.findings

    @property
    def ok(self) -> bool:
        """True when nothing of severity fault or warning was found."""
        return self.report.ok

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain JSON data."""
        return self.report.to_json()

    def close(self) -> Report:
        """Ends the watch, gives the model its own step function back, and closes the recording."""
        return self._recorder.close()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return html.notebook_bundle(self.report)


@contextlib.contextmanager
def watch(
    *models: Any,
    out: str | Path | None = None,
    every: int | None = None,
    budget: float = 0.01,
    memory: int = 512 * 1024 * 1024,
    inline: bool = False,
    examine: float = 20.0,
) -> Iterator[Watching]:
    """Watches every training of `models` (of all models when none is given) inside the ``with`` block.

    Arguments as for `Watch`. After the block nothing of the watch is left on any model or class, and
    ``.report`` of the value it yields holds the judgement.
    """
    options = {"every": every, "budget": budget, "memory": memory, "inline": inline, "examine": examine}
    recorder = _recorder(out, options)
    recorder.start(list(models) or None)
    try:
        yield Watching(recorder)
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        recorder.close("interrupted" if interrupted else "failed", f"{type(error).__name__}: {error}")
        raise
    recorder.close()


def _recorder(out: str | Path | None, options: dict[str, Any]) -> Recorder:
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    subject = Path(main).name if main else "notebook"
    path = chosen_path(out, Path(subject).stem)
    return Recorder(path, options, meta={"subject": subject, "argv": []})
