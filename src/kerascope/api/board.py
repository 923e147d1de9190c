"""A recording as an event file that TensorBoard shows: logs, learning rate, times, statistics of every layer."""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from kerascope.detect.timing import label_of
from kerascope.errors import SetupError, UsageError
from kerascope.record.reader import ModelView, RunView

_PARTS = ("gradient", "weight", "update", "output")
_FIELDS = ("norm", "mean", "std", "zeros")


class Scalar(NamedTuple):
    """One point of a curve: its name, the step, the value, seconds since the watch began."""

    tag: str
    step: int
    value: float
    at: float


def write_board(recording: str | Path, folder: str | Path) -> int:
    """Writes everything a recording holds about its steps and epochs as scalars for TensorBoard; returns their number.

    Args:
        recording: the run.
        folder: where TensorBoard is to look (`tensorboard --logdir FOLDER`); each model gets a folder in it.

    Raises:
        SetupError: it needs ``pip install "kerascope[tensorboard]"``.
        UsageError: there is an event file in that folder already, or none can be written.
        RecordingError: `recording` is none.
    """
    check_board(folder)
    import tensorboardX

    place = Path(folder)
    with contextlib.closing(RunView.open(recording)) as view:
        started = _started(view)
        written = 0
        for model in view.models:
            try:
                with tensorboardX.SummaryWriter(str(place / f"{model.id}-{_plain(model.name)}")) as writer:
                    for point in scalars(model):
                        writer.add_scalar(point.tag, point.value, point.step, walltime=started + point.at)
                        written += 1
            except OSError as error:
                raise UsageError(
                    f"Nothing can be written there: {error.strerror}. Received: folder={str(folder)!r}. "
                    "Give a folder that exists or can be made."
                ) from error
        return written


def check_board(folder: str | Path) -> None:
    """Raises what `write_board` would raise of its package and its folder, before anything is run for it."""
    if importlib.util.find_spec("tensorboardX") is None:
        raise SetupError(
            'Event files need one more package: pip install "kerascope[tensorboard]"', slug="tensorboard"
        )
    if any(Path(folder).rglob("events.out.tfevents.*")):
        raise UsageError(
            f"There is an event file in that folder already. Received: folder={str(folder)!r}. Give a new folder: "
            "TensorBoard would draw both runs as one curve."
        )


def scalars(model: ModelView) -> Iterator[Scalar]:
    """Yields every curve of a model, point by point, without what is not finite: TensorBoard draws none of it."""
    steps = model.steps()
    known = dict(zip(steps.step.tolist(), steps.at.tolist(), strict=True))
    curves = {
        "learning rate": steps.learning_rate,
        "seconds/whole step": steps.seconds,
        "batch size": steps.batch_size,
    }
    curves |= {f"step/{name}": values for name, values in steps.logs.items()}
    for tag, values in curves.items():
        yield from _points(tag, steps.step, values, known)
    timings = model.timings()
    for index, name in enumerate(timings.names):
        yield from _points(f"seconds/{label_of(name)}", timings.step, timings.seconds[:, index], known)
    for part in _PARTS:
        table = model.samples(part)
        for field in _FIELDS if len(table.step) else ():
            for index, name in enumerate(table.names):
                yield from _points(f"{part} {field}/{name}", table.step, table.field(field)[:, index], known)
    for row in model.epochs():
        for name, value in row.logs.items():
            yield from _points(f"epoch/{name}", [row.last_step], [value], known)


def _points(
    tag: str, steps: Iterable[Any], values: Iterable[Any], known: dict[int, float]
) -> Iterator[Scalar]:
    tag = re.sub(r"[^-/.\w]+", "_", tag)  # the signs that TensorBoard allows
    for step, value in zip(steps, values, strict=True):
        if math.isfinite(value):
            at = known.get(int(step), math.nan)
            yield Scalar(tag, int(step), float(value), at if math.isfinite(at) else 0.0)


def _started(view: RunView) -> float:
    try:
        return datetime.datetime.fromisoformat(str(view.meta.get("started"))).timestamp()
    except ValueError:
        return 0.0


def _plain(name: str) -> str:
    """Returns a model's name as a folder's: names are the user's, and may hold anything."""
    return re.sub(r"[^-.\w]+", "_", name)[:60].strip(".") or "model"
