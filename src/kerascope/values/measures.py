"""What was measured: of one tensor, of one step, of one expression."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from kerascope.values.encoding import Json

STATS_FIELDS = ("norm", "mean", "std", "min", "max", "zeros", "finite")
"""Order of the seven figures kept for one tensor. `zeros` and `finite` are shares from 0 to 1."""


@dataclasses.dataclass(frozen=True, slots=True)
class TensorStats(Json):
    """Seven figures of one tensor; see `STATS_FIELDS`."""

    norm: float
    mean: float
    std: float
    min: float
    max: float
    zeros: float
    finite: float


@dataclasses.dataclass(frozen=True, slots=True)
class TensorFacts(Json):
    """What is known of one tensor without keeping it.

    `shape` has a number per axis, a term such as ``"B"`` or ``"2·B"`` where only that is known, None for an unknown
    size; the whole is None where not even the rank is known. `mode` is "eager" for a tensor with values, "traced" for
    one that a compiler passes around while it reads the code, "symbolic" for a `keras.Input` and what is made of it.
    The figures are None where there are no values; `zeros` and `finite` are shares, the others leave out what is
    not finite.
    """

    shape: tuple[int | str | None, ...] | None
    dtype: str
    device: str = ""
    mode: str = "eager"
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    zeros: float | None = None
    finite: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class StepRecord(Json):
    """One training step. `at` is seconds since the watch began; steps count from 1 per model."""

    model: int
    step: int
    training: int
    epoch: int
    at: float
    seconds: float
    busy: float
    learning_rate: float
    batch_size: int
    logs: Mapping[str, float]


@dataclasses.dataclass(frozen=True, slots=True)
class LineRow(Json):
    """What one expression of the user's source yielded, over all its executions in a trace.

    `kind` is as in `record.lines.Site`, `targets` are the names the value was given ("return" when it was returned),
    `path` says where in a container the tensor lay. `dims` is the shape in terms of the batch size B, where it is
    known. `worst` is the tensor with the largest share of non-finite values or, without any, the largest magnitude.
    """

    file: str
    line: int
    end_line: int
    columns: tuple[int, ...]
    source: str
    function: str
    kind: str
    targets: tuple[str, ...]
    path: str
    count: int
    first: TensorFacts
    last: TensorFacts
    worst: TensorFacts
    shapes: tuple[str, ...] = ()
    dims: tuple[str, ...] = ()
    sub: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Series(Json):
    """A curve over steps or epochs (`unit`), e.g. the loss; `x` and `y` have one length."""

    label: str
    unit: str
    x: tuple[float, ...]
    y: tuple[float, ...]
