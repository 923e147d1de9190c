"""Frozen records that travel between the stages: plain values, nothing else.

Every arrow of the data path (probe, record, detect, explain, render) is one of these classes. Each one
survives a round trip through JSON: ``decode(Report, json.loads(json.dumps(report.to_json())))`` equals
``report``. JSON has no NaN and no infinity, so `to_json` writes them as the strings ``"nan"``, ``"inf"`` and
``"-inf"`` and `decode` reads them back.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

Severity = Literal["fault", "warning", "note"]
Verdict = Literal["healthy", "faulty", "crashed"]

SEVERITIES: tuple[Severity, ...] = ("fault", "warning", "note")
"""From worst to mildest."""

STATS_FIELDS = ("norm", "mean", "std", "min", "max", "zeros", "finite")
"""Order of the seven figures kept for one tensor. `zeros` and `finite` are shares from 0 to 1."""

REPORT_SCHEMA = "kerascope/report/1"
TOPOLOGY_SCHEMA = "kerascope/topology/1"

Dim = int | str | None
"""One dimension: a number, a multiple of the batch such as "B" or "2·B", None where it is not known."""

T = TypeVar("T")
_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def encode(value: Any) -> Any:
    """Returns `value` as plain JSON data: records become objects, non-finite floats become strings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (str, bool)) or value is None:
        return value
    if isinstance(value, Sequence):
        return [encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def decode(kind: type[T], data: Any) -> T:
    """Returns the record of type `kind` that `encode` turned into `data`.

    Unknown keys are left out, so that a file written by a later version can still be read.
    """
    return typing.cast(T, _decode(kind, data))


def _decode(kind: Any, data: Any) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        known = {field.name for field in dataclasses.fields(kind)}
        return kind(**{key: _decode(hints[key], item) for key, item in data.items() if key in known})
    if origin in (typing.Union, types.UnionType):
        if data is None:
            return None
        return _decode(next(arg for arg in typing.get_args(kind) if arg is not type(None)), data)
    if origin is tuple:
        return tuple(_decode(typing.get_args(kind)[0], item) for item in data)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _decode(typing.get_args(kind)[1], item) for key, item in data.items()}
    if isinstance(data, str) and kind in (float, Any):
        return _NON_FINITE.get(data, data)
    if kind is float and isinstance(data, int):
        return float(data)
    return data


class _Json:
    """Gives a record `to_json` (plain data) and `to_text` (one JSON document)."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """Returns the record as plain JSON data."""
        return typing.cast("dict[str, Any]", encode(self))

    def to_text(self) -> str:
        """Returns the record as a JSON document, indented by two."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False)


@dataclasses.dataclass(frozen=True, slots=True)
class TensorStats(_Json):
    """Seven figures of one tensor; see `STATS_FIELDS`."""

    norm: float
    mean: float
    std: float
    min: float
    max: float
    zeros: float
    finite: float


@dataclasses.dataclass(frozen=True, slots=True)
class StepRecord(_Json):
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
class SourceSpan(_Json):
    """A place: in the user's source, in the model, in the run, or all three."""

    file: str | None = None
    line: int | None = None
    end_line: int | None = None
    expression: str | None = None
    layer: str | None = None
    step: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence(_Json):
    """One measured fact. `plot` holds a series to draw beside it, oldest first."""

    label: str
    value: Any = None
    unit: str | None = None
    steps: tuple[int, ...] = ()
    plot: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Fix(_Json):
    """A change. `verified` is true only when it ran; `before` and `after` say what it did then."""

    description: str
    patch: str | None = None
    verified: bool = False
    before: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    after: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Finding(_Json):
    """One thing that is wrong, why we think so and what to do. `confidence` is from 0 to 1."""

    kind: str
    severity: Severity
    confidence: float
    title: str
    explanation: str
    location: SourceSpan = SourceSpan()
    evidence: tuple[Evidence, ...] = ()
    fixes: tuple[Fix, ...] = ()
    rank: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class LayerRow(_Json):
    """Health of one layer over the run: medians over the recorded samples, the worst of its tensors.

    `gradient` and `weight` are norms; `update_ratio` is norm of update / norm of weight;
    `zeros` and `finite` describe the layer's output, as shares. A missing figure is None.
    """

    model: str
    layer: str
    kind: str
    parameters: int
    trainable: bool
    gradient: float | None = None
    weight: float | None = None
    update_ratio: float | None = None
    output_mean: float | None = None
    output_std: float | None = None
    zeros: float | None = None
    finite: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Series(_Json):
    """A curve over steps or epochs (`unit`), e.g. the loss; `x` and `y` have one length."""

    label: str
    unit: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class RunSummary(_Json):
    """What ran: the numbers of the report's first line. Times are in seconds."""

    subject: str
    backend: str
    recording: str | None = None
    steps: int = 0
    seconds: float = 0.0
    watch_seconds: float = 0.0
    models: int = 0
    exit_code: int | None = None
    error: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Report(_Json):
    """The judgement of one run. `gaps` says in sentences what could not be watched, and why."""

    subject: str
    backend: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    headline: str = ""
    run: RunSummary | None = None
    layers: tuple[LayerRow, ...] = ()
    curves: tuple[Series, ...] = ()
    gaps: tuple[str, ...] = ()
    schema: str = REPORT_SCHEMA

    @property
    def ok(self) -> bool:
        """True when nothing of severity fault or warning was found and the script did not crash."""
        return self.verdict != "crashed" and not any(
            f.severity in ("fault", "warning") for f in self.findings
        )

    def worst(self) -> Severity | None:
        """Returns the worst severity among the findings, None when there is none."""
        found = {finding.severity for finding in self.findings}
        return next((severity for severity in SEVERITIES if severity in found), None)


@dataclasses.dataclass(frozen=True, slots=True)
class TensorSpec(_Json):
    """A tensor that goes into or comes out of a call.

    `source` is the call it comes from (None: from nowhere we saw) and `index` which of that call's outputs it is.
    `role` is "data", "mask", "state" (a weight used directly) or "constant". `masked`: it carries a Keras mask.
    """

    shape: tuple[Dim, ...]
    dtype: str
    source: int | None = None
    index: int = 0
    role: str = "data"
    argument: str = ""
    masked: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class WeightFacts(_Json):
    """A variable; `size` is how many numbers, `bytes` what they take. `stats` is filled on request only."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    size: int
    bytes: int
    stats: TensorStats | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class CallFacts(_Json):
    """One call of a layer, a model or an operation, inside the call `parent`.

    `category` is "input", "layer", "model", "op", "constant" or "code" (calculations that Keras does not see).
    `call` counts the calls of the same layer from 1, `calls` is how many there are. `weights` index
    `Topology.weights`, those of everything inside included; `trainable` and `frozen` count their numbers.
    `source` is the line that made the call, `defined` the class's own. `macs`, `flops` and `output_bytes` are for
    `Topology.batch_size` samples, None where unknown. `path` is unique in the graph.
    """

    id: int
    path: str
    name: str
    kind: str
    category: str
    parent: int | None = None
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    call: int = 1
    calls: int = 1
    custom: bool = False
    built: bool = True
    can_train: bool = True
    policy: str | None = None
    dtype: str | None = None
    weights: tuple[int, ...] = ()
    trainable: int = 0
    frozen: int = 0
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    losses: tuple[str, ...] = ()
    source: SourceSpan | None = None
    defined: SourceSpan | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()
    macs: int | None = None
    flops: int | None = None
    output_bytes: int | None = None
    health: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Topology(_Json):
    """A model as a graph of calls, in the order they ran. `notes` say what could not be seen, and why.

    `how` is "structure" (nothing was run: the model's parts only), "symbolic" or "data". `error` is why the
    model could not be run to its end. The totals are Keras's own: numbers in `model.weights`.
    """

    name: str
    kind: str
    backend: str
    how: str
    calls: tuple[CallFacts, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    weights: tuple[WeightFacts, ...] = ()
    trainable: int = 0
    frozen: int = 0
    weight_bytes: int = 0
    optimizer: str | None = None
    optimizer_size: int = 0
    optimizer_bytes: int = 0
    optimizer_built: bool = True
    batch_size: int = 1
    untracked: tuple[str, ...] = ()
    unbuilt: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None
    schema: str = TOPOLOGY_SCHEMA


@dataclasses.dataclass(frozen=True, slots=True)
class Change(_Json):
    """One difference between two models.

    `kind` is "added", "removed", "reshaped", "reparametrised" or "reconnected".
    """

    kind: str
    path: str
    layer: str
    before: str = ""
    after: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Difference(_Json):
    """What changed from one model to another; `same` counts the calls that did not."""

    before: str
    after: str
    changes: tuple[Change, ...] = ()
    same: int = 0
    parameters: tuple[int, ...] = ()
    fingerprints: tuple[str, ...] = ()
