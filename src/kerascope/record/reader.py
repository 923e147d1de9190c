"""Read a recording: `RunView.open(path)` gives everything in it as NumPy arrays and plain values.

Needs no Keras and no backend. The file is opened read-only; a recording that another process is still writing
can be read, and shows the state it had when it was opened. Whatever a file holds, reading it raises nothing
but `RecordingError`. Facts come back as the JSON they were written as: their top is an object, what is in it
may be anything, and NaN and infinities are the strings "nan", "inf" and "-inf".
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from kerascope.record import cells, opening, tensors
from kerascope.record.arrays import STEP_FIELDS, distinct, integers, spread, undo_running_mean, union, unpack
from kerascope.record.cells import Damage
from kerascope.record.tables import (
    CheckTable,
    EpochRow,
    Event,
    SampleTable,
    StepTable,
    TimingTable,
    TrainingRow,
)
from kerascope.values import STATS_FIELDS

__all__ = [
    "CheckTable",
    "EpochRow",
    "Event",
    "ModelView",
    "RunView",
    "SampleTable",
    "StepTable",
    "TimingTable",
    "TrainingRow",
]

T = TypeVar("T")
Group = tuple[np.ndarray, tuple[str, ...], np.ndarray]
"""Rows of one layout: their numbers in the table, the names, the figures."""

CHUNK = 16384
"""Rows fetched at a time: a million steps must not exist as Python objects all at once."""


class Source:
    """The connection that the views of one recording share. Closes it when the last of them is gone."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None, salvage: bool) -> None:
        self.path = path
        self.close = weakref.finalize(self, connection.close)
        self._connection = connection
        self._salvage = salvage
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Turns whatever is wrong with the file into a `RecordingError`; one thread at a time reads."""
        with self._lock:
            try:
                yield
            except Damage as error:
                raise opening.refusal(
                    "recording-damaged",
                    self.path,
                    f"The recording is damaged: {error}.",
                    "Copy it again from where it was recorded, if it was copied.",
                ) from None
            except sqlite3.ProgrammingError:
                raise opening.refusal(
                    "recording", self.path, "The recording was closed.", "Open it again."
                ) from None
            except sqlite3.Error as error:
                raise opening.unreadable(error, self.path) from None

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Returns the rows of a query; in a file that is salvaged, those before the damage."""
        return [row for chunk in self.chunks(query, *parameters) for row in chunk]

    def chunks(self, query: str, *parameters: object) -> Iterator[list[tuple[Any, ...]]]:
        """Yields the rows of a query, many at a time."""
        chunk: list[tuple[Any, ...]] = []
        try:
            for row in self._connection.execute(query, parameters):
                chunk.append(row)
                if len(chunk) == CHUNK:
                    yield chunk
                    chunk = []
        except sqlite3.DatabaseError:
            if not self._salvage:
                raise
        if chunk:
            yield chunk


class ModelView:
    """One watched model of a recording. Tables are read when first asked for; their arrays are read-only."""

    def __init__(self, source: Source, row: tuple[int, str, str, Mapping[str, Any]]) -> None:
        self.id, self.name, self.class_name, self.facts = row
        self._source = source
        self._tables: dict[str, Any] = {}

    def steps(self) -> StepTable:
        """Returns every step."""
        return self._kept("steps", self._steps)

    def checks(self) -> CheckTable:
        """Returns the norms of the state, at the steps where they were taken."""
        return self._kept("checks", self._checks)

    def samples(self, part: str) -> SampleTable:
        """Returns the full statistics of one part, at the steps that were sampled."""
        return self._kept(f"samples {part}", lambda: self._samples(part))

    def timings(self) -> TimingTable:
        """Returns where the time of each step went, at the steps that were kept."""
        return self._kept("timings", self._timings)

    def epochs(self) -> tuple[EpochRow, ...]:
        """Returns the results of the epochs, in the order they were trained."""
        return self._kept("epochs", self._epochs)

    def trainings(self) -> tuple[TrainingRow, ...]:
        """Returns the trainings, in the order they began."""
        return self._kept("trainings", self._trainings)

    def batches(self) -> tuple[tuple[int, Mapping[str, Any]], ...]:
        """Returns (step, facts about what went in), oldest first."""
        return self._kept("batches", self._batches)

    def batch_loss(self) -> np.ndarray:
        """Returns the loss of each step alone, float64 (n,), aligned with `steps()`.

        Keras logs the running mean since the epoch began, weighted by batch size; this undoes the mean. The
        mean is float32, so its rounding grows with the steps since the epoch began: up to 1.5e-7 of the loss
        for each of them. A training whose facts say ``"loss_log": "batch"``, or a series of `train_on_batch`,
        logs the batch's own loss, which is passed through. Where no loss was logged there is NaN.
        """
        return self._kept("batch_loss", self._batch_loss)

    def captures(self) -> tuple[tuple[int, str, int], ...]:
        """Returns (step, kind, bytes) of what was kept to run steps again: kind is "state" or "batch"."""
        query = "SELECT step, kind, sum(length(data)) FROM captures WHERE model = ? GROUP BY step, kind"
        with self._source.reading():
            rows = self._source.rows(query, self.id)
            return tuple((cells.whole(s), cells.text(kind), cells.whole(size)) for s, kind, size in rows)

    def capture(self, step: int, kind: str) -> tuple[dict[str, np.ndarray], Any]:
        """Returns the tensors and facts of one capture; raises `KeyError` when there is none."""
        query = "SELECT data FROM captures WHERE model = ? AND step = ? AND kind = ? ORDER BY chunk"
        with self._source.reading():
            parts = [row[0] for row in self._source.rows(query, self.id, int(step), kind)]
            if not parts:
                raise KeyError((step, kind))
            if not all(type(part) is bytes for part in parts):
                raise Damage("a capture holds something else than bytes")
            return tensors.unpack(b"".join(parts))

    def _kept(self, name: str, read: Callable[[], T]) -> T:
        if name not in self._tables:
            with self._source.reading():
                self._tables[name] = _frozen(read())
        return cast("T", self._tables[name])

    def _layouts(self) -> dict[int, tuple[str, ...]]:
        rows = self._source.rows("SELECT id, names FROM layouts WHERE model = ?", self.id)
        return {number: distinct(cells.texts(names)) for number, names in rows}

    def _steps(self) -> StepTable:
        layouts = self._layouts()
        query = "SELECT step, training, epoch, layout, data FROM steps WHERE model = ? ORDER BY step"
        columns: list[np.ndarray] = []
        common: list[np.ndarray] = []
        groups: list[Group] = []
        count = 0
        for rows in self._source.chunks(query, self.id):
            columns.append(np.stack([integers([row[i] for row in rows]) for i in range(3)], axis=1))
            fixed = np.empty((len(rows), len(STEP_FIELDS)))
            for where, names, figures in _by_layout(
                layouts, [row[3:] for row in rows], "<f8", len(STEP_FIELDS), 1
            ):
                fixed[where] = figures[:, : len(STEP_FIELDS)]
                groups.append((where + count, names, figures[:, len(STEP_FIELDS) :]))
            common.append(fixed)
            count += len(rows)
        names = union(own for _, own, _ in groups)
        logs = spread(groups, count, names)
        step, training, epoch = np.concatenate([np.empty((0, 3), np.int64), *columns]).T.copy()
        at, seconds, busy, rate, size = np.concatenate([np.empty((0, len(STEP_FIELDS))), *common]).T.copy()
        by_name = {name: logs[:, i].copy() for i, name in enumerate(names)}
        return StepTable(step, training, epoch, at, seconds, busy, rate, size, by_name)

    def _checks(self) -> CheckTable:
        query = "SELECT step, finite, layout, data FROM checks WHERE model = ? ORDER BY step"
        rows = self._source.rows(query, self.id)
        groups = list(_by_layout(self._layouts(), [row[2:] for row in rows], "<f4", 0, 1))
        names = union(own for _, own, _ in groups)
        finite = integers([row[1] for row in rows]) != 0
        return CheckTable(integers([row[0] for row in rows]), names, spread(groups, len(rows), names), finite)

    def _samples(self, part: str) -> SampleTable:
        query = "SELECT step, layout, data FROM samples WHERE model = ? AND part = ? ORDER BY step"
        rows = self._source.rows(query, self.id, part)
        per = len(STATS_FIELDS)
        groups = [
            (where, names, figures.reshape(len(where), len(names), per))
            for where, names, figures in _by_layout(self._layouts(), [row[1:] for row in rows], "<f4", 0, per)
        ]
        names = union(own for _, own, _ in groups)
        stats = spread(groups, len(rows), names).reshape(len(rows), len(names), per)
        return SampleTable(integers([row[0] for row in rows]), names, stats)

    def _timings(self) -> TimingTable:
        query = "SELECT step, flags, layout, data FROM timings WHERE model = ? ORDER BY step"
        rows = self._source.rows(query, self.id)
        groups = list(_by_layout(self._layouts(), [row[2:] for row in rows], "<f4", 0, 1))
        names = union(own for _, own, _ in groups)
        flags = integers([row[1] for row in rows])
        return TimingTable(integers([row[0] for row in rows]), names, spread(groups, len(rows), names), flags)

    def _epochs(self) -> tuple[EpochRow, ...]:
        query = (
            "SELECT training, epoch, last_step, seconds, logs FROM epochs "
            "WHERE training IN (SELECT id FROM trainings WHERE model = ?) ORDER BY training, epoch"
        )
        return tuple(
            EpochRow(
                cells.whole(training),
                cells.whole(epoch),
                cells.whole(last),
                seconds if cells.real(seconds) >= 0 else math.nan,
                {name: cells.figure(value) for name, value in cells.json_object(logs).items()},
            )
            for training, epoch, last, seconds, logs in self._source.rows(query, self.id)
        )

    def _trainings(self) -> tuple[TrainingRow, ...]:
        query = (
            "SELECT id, method, first_step, began, ended, outcome, facts FROM trainings "
            "WHERE model = ? ORDER BY id"
        )
        return tuple(
            TrainingRow(
                cells.whole(number),
                self.id,
                cells.text(method),
                cells.whole(first),
                cells.real(began),
                None if ended is None else cells.real(ended),
                None if outcome is None else cells.text(outcome),
                cells.json_object(facts),
            )
            for number, method, first, began, ended, outcome, facts in self._source.rows(query, self.id)
        )

    def _batches(self) -> tuple[tuple[int, Mapping[str, Any]], ...]:
        query = "SELECT step, facts FROM batches WHERE model = ? ORDER BY step"
        return tuple(
            (cells.whole(step), cells.json_object(facts)) for step, facts in self._source.rows(query, self.id)
        )

    def _batch_loss(self) -> np.ndarray:
        table = self.steps()
        logged = table.logs.get("loss")
        if logged is None:
            return np.full(len(table.step), np.nan)
        alone = {
            row.id
            for row in self.trainings()
            if row.facts.get("loss_log") == "batch" or row.method == "train_on_batch"
        }
        loss = logged.copy()
        edges = np.flatnonzero((np.diff(table.training) != 0) | (np.diff(table.epoch) != 0)) + 1
        for group in np.split(np.arange(len(loss)), edges):
            if len(group) and int(table.training[group[0]]) not in alone:
                loss[group] = undo_running_mean(logged[group], table.batch_size[group])
        return loss


class RunView:
    """A recording, opened for reading."""

    path: Path | None
    meta: Mapping[str, Any]
    models: tuple[ModelView, ...]

    def __init__(self, connection: sqlite3.Connection, path: Path | None, salvage: bool = False) -> None:
        """Takes over a connection; `RunView.open` is for files. `path` is None for a recording in memory."""
        self.path = path
        self.memo: dict[str, Any] = {}  # for those who judge it: what they worked out once
        self._source = source = Source(connection, path, salvage)
        try:
            with source.reading():
                rows = source.rows("SELECT key, value FROM meta ORDER BY key")
                self.meta = {cells.text(key): cells.json_value(value) for key, value in rows}
                found = source.rows("SELECT id, name, class, facts FROM models ORDER BY id")
                self.models = tuple(
                    ModelView(
                        source,
                        (cells.whole(number), cells.text(name), cells.text(kind), cells.json_object(facts)),
                    )
                    for number, name, kind, facts in found
                )
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, path: str | Path, *, salvage: bool = False) -> RunView:
        """Opens a recording; raises `RecordingError` when it is none, is empty, damaged or newer.

        Args:
            path: the file.
            salvage: read a file that was cut short as far as it goes, instead of refusing it.
        """
        place = Path(path)
        return cls(opening.connect(place, salvage), place, salvage)

    def events(self, kind: str | None = None) -> tuple[Event, ...]:
        """Returns everything that happened once, or what is of one kind, in the order it was written."""
        query = "SELECT at, model, step, kind, facts FROM events WHERE ? IS NULL OR kind = ? ORDER BY id"
        with self._source.reading():
            return tuple(
                Event(
                    cells.real(at),
                    None if model is None else cells.whole(model),
                    None if step is None else cells.whole(step),
                    cells.text(own),
                    cells.json_object(facts),
                )
                for at, model, step, own, facts in self._source.rows(query, kind, kind)
            )

    def sources(self) -> Mapping[str, str]:
        """Returns the user's source files as text, by name."""
        with self._source.reading():
            return {
                cells.text(name): cells.text(text)
                for name, text in self._source.rows("SELECT name, text FROM sources")
            }

    def close(self) -> None:
        """Closes the file; tables that were read stay."""
        self._source.close()


def _by_layout(
    layouts: Mapping[int, tuple[str, ...]], rows: Sequence[Sequence[Any]], kind: str, extra: int, per: int
) -> Iterator[Group]:
    """Yields the rows of each layout together.

    Args:
        layouts: names by number.
        rows: (layout, blob) of each row.
        kind: how one figure is stored, "<f4" or "<f8".
        extra: figures before those of the names.
        per: figures for each name.
    """
    members: dict[Any, list[int]] = {}
    for index, (layout, _) in enumerate(rows):
        members.setdefault(layout, []).append(index)
    for layout, indices in members.items():
        names = layouts.get(layout)
        if names is None:
            raise Damage(f"rows refer to layout {layout!r}, which does not exist")
        yield (
            np.array(indices),
            names,
            unpack([rows[index][1] for index in indices], kind, extra + per * len(names)),
        )


def _frozen(table: T) -> T:
    """Returns the table with its arrays made read-only, because all who ask for it get the same."""
    if isinstance(table, np.ndarray):
        table.setflags(write=False)
    elif isinstance(table, Mapping):
        for value in table.values():
            _frozen(value)
    elif dataclasses.is_dataclass(table):
        for field in dataclasses.fields(table):
            _frozen(getattr(table, field.name))
    return table
