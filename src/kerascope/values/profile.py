"""Where the time of a training went, as plain values."""

from __future__ import annotations

import dataclasses

from kerascope.values.encoding import Json


@dataclasses.dataclass(frozen=True, slots=True)
class PhaseRow(Json):
    """One part of the time of `fit`: seconds in all, and the median of a usual step where it is part of steps."""

    label: str
    seconds: float
    share: float
    per_step: float | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class LayerTime(Json):
    """One layer by itself on the last batch: seconds forward, and forward with gradient.

    `share` is that of the step with a cached batch; `rate` is floating point operations per second, forward, and
    `of_peak` its share of what this machine's matrix product reaches. `inside` are the seconds of its forward calls
    within the step, where the framework's own profiler names layers; `output` the bytes of what it returns.
    """

    layer: str
    kind: str
    calls: int
    forward: float
    both: float | None = None
    share: float | None = None
    rate: float | None = None
    of_peak: float | None = None
    inside: float | None = None
    output: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class TrialRow(Json):
    """The step run again with one thing changed: seconds per step, and its time over that of the step as it is.

    `ratio` is per sample where the batch is another one, and None when the trial failed; `note` says why.
    """

    change: str
    seconds: float | None = None
    ratio: float | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class CompileRow(Json):
    """One compilation: when, how long, of what, and which arguments were new."""

    step: int
    seconds: float
    what: str
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class ReadRow(Json):
    """A line that reads values of the device, or that a compiled program calls: how often and how long."""

    file: str
    line: int
    phase: str
    count: int
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class Profile(Json):
    """The account of a training; `phases` add up to `wall`. Times in seconds, memory in bytes.

    `step` is the median of a usual step from entry to entry, `cached` that of the same step on a batch that is there.
    `operators` are the seconds of that step in the framework's operators, the rest is Python. `activations` is what
    the layers return on the last batch, `held` the most that a forward and backward pass was measured to need.
    `importing` and `script` are the seconds until Keras was imported and those of the whole script, `measuring` what
    was measured after the training. `source` is the type of the data, `copying` what a batch takes to the device.
    """

    wall: float
    cpu: float
    steps: int
    step: float | None = None
    cached: float | None = None
    batch: int | None = None
    phases: tuple[PhaseRow, ...] = ()
    layers: tuple[LayerTime, ...] = ()
    compiles: tuple[CompileRow, ...] = ()
    reads: tuple[ReadRow, ...] = ()
    trials: tuple[TrialRow, ...] = ()
    operators: float | None = None
    activations: float | None = None
    held: float | None = None
    importing: float | None = None
    script: float | None = None
    measuring: float | None = None
    source: str = ""
    copying: float | None = None
    memory: float | None = None
    memory_per_epoch: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class CompareRow(Json):
    """One part of a usual step in two recordings: median seconds, their ratio, and the bounds noise leaves it in."""

    label: str
    before: float | None = None
    after: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison(Json):
    """Two recordings side by side; the row "step" is the whole step.

    `cpu` are the seconds of the processor that all of `fit` took per step, before and after.
    """

    before: str
    after: str
    rows: tuple[CompareRow, ...] = ()
    cpu: tuple[float, float] | None = None
    schema: str = "kerascope/comparison/1"
