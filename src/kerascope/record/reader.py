"""Read a recording: `RunView.open(path)` gives everything in it as NumPy arrays and plain values.

Needs no Keras and no backend. The file is opened read-only; a recording that another process is still writing
can be read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class StepTable:
    """Every recorded step of one model, oldest first; all arrays have shape (n,)."""

    step: np.ndarray  # int64, counted from 1
    training: np.ndarray  # int64
    epoch: np.ndarray  # int64, counted from 0
    at: np.ndarray  # float64 seconds since the watch began
    seconds: np.ndarray
    busy: np.ndarray
    learning_rate: np.ndarray
    batch_size: np.ndarray
    logs: Mapping[str, np.ndarray]  # name -> float64 (n,), NaN where that step had no such log


@dataclasses.dataclass(frozen=True)
class CheckTable:
    """Norms of the whole state, every K steps."""

    step: np.ndarray  # int64 (n,)
    names: tuple[str, ...]
    norms: np.ndarray  # float32 (n, names)
    finite: np.ndarray  # bool (n,)


@dataclasses.dataclass(frozen=True)
class SampleTable:
    """Full statistics of the sampled steps for one part ("gradient", "weight", "update", "output", "loss", "input")."""

    step: np.ndarray  # int64 (n,)
    names: tuple[str, ...]
    stats: np.ndarray  # float32 (n, names, 7) in the order of values.STATS_FIELDS; NaN where absent

    def field(self, name: str) -> np.ndarray:
        """Returns one figure, e.g. ``field("norm")``, as float32 (n, names)."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class EpochRow:
    training: int
    epoch: int
    last_step: int
    seconds: float
    logs: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class TrainingRow:
    id: int
    model: int
    method: str
    first_step: int
    began: float
    ended: float | None
    outcome: str | None
    facts: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Event:
    at: float
    model: int | None
    step: int | None
    kind: str
    facts: Mapping[str, Any]


class ModelView:
    """One watched model of a recording."""

    id: int
    name: str
    class_name: str
    facts: Mapping[str, Any]

    def steps(self) -> StepTable: ...
    def checks(self) -> CheckTable: ...
    def samples(self, part: str) -> SampleTable: ...
    def epochs(self) -> tuple[EpochRow, ...]: ...
    def trainings(self) -> tuple[TrainingRow, ...]: ...
    def batches(self) -> tuple[tuple[int, Mapping[str, Any]], ...]: ...

    def batch_loss(self) -> np.ndarray:
        """Returns the loss of each step alone, float64 (n,), aligned with `steps()`.

        Keras logs the running mean since the epoch began (weighted by batch size); this undoes the mean. A training
        whose facts say ``"loss_log": "batch"`` logs the batch's own loss, which is passed through.
        """
        ...


class RunView:
    """A recording, opened for reading."""

    path: Path
    meta: Mapping[str, Any]
    models: tuple[ModelView, ...]

    @classmethod
    def open(cls, path: str | Path) -> RunView:
        """Opens a recording; raises `RecordingError` when it is none, is empty, damaged or newer."""
        ...

    def events(self, kind: str | None = None) -> tuple[Event, ...]: ...
    def sources(self) -> Mapping[str, str]: ...
    def close(self) -> None: ...
