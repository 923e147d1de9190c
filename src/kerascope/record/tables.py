"""What a recording holds, table by table: NumPy arrays and plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerascope.errors import UsageError
from kerascope.values import STATS_FIELDS


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
    """Full statistics of one part at the sampled steps: gradient, weight, update, output, loss or input."""

    step: np.ndarray  # int64 (n,)
    names: tuple[str, ...]
    stats: np.ndarray  # float32 (n, names, 7) in the order of values.STATS_FIELDS; NaN where absent

    def field(self, name: str) -> np.ndarray:
        """Returns one figure, e.g. ``field("norm")``, as float32 (n, names)."""
        if name not in STATS_FIELDS:
            raise UsageError(
                f"There is no such figure. Received: name={name!r}. Use one of {', '.join(STATS_FIELDS)}."
            )
        return self.stats[:, :, STATS_FIELDS.index(name)]


@dataclasses.dataclass(frozen=True)
class TimingTable:
    """Where the time of each recorded step went; the phases of a step add up to it."""

    step: np.ndarray  # int64 (n,)
    names: tuple[str, ...]
    seconds: np.ndarray  # float32 (n, names); NaN where that step had no such phase
    flags: np.ndarray  # int64 (n,), see the schema


@dataclasses.dataclass(frozen=True)
class EpochRow:
    """One epoch as Keras reported it; `seconds` is NaN when unknown."""

    training: int
    epoch: int
    last_step: int
    seconds: float
    logs: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class TrainingRow:
    """One call of `fit`, or one series of `train_on_batch` calls; `ended` is None while it runs."""

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
    """Something that happened once."""

    at: float
    model: int | None
    step: int | None
    kind: str
    facts: Mapping[str, Any]
