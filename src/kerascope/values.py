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
class TensorFacts(_Json):
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
    """A place: in the user's source, in the model, in the run, or all three.

    `code` is the source line as it stands there, and `columns` where in it the expression begins and ends (not
    included), counted in characters from 0.
    """

    file: str | None = None
    line: int | None = None
    end_line: int | None = None
    expression: str | None = None
    layer: str | None = None
    step: int | None = None
    code: str | None = None
    columns: tuple[int, ...] = ()


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
class LineRow(_Json):
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
class ContractRow(_Json):
    """What came of one contract of a check. `outcome` is "kept", "broken", "allowed" or "skipped", "
    "`reason` says why."""

    name: str
    promise: str
    outcome: str
    reason: str = ""
    seconds: float = 0.0


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
    """The judgement of one run, or of one object. `gaps` says in sentences what could not be watched, and why.

    `lines` is what a trace saw, in the order in which it happened; `contracts` is what a check looked at.
    """

    subject: str
    backend: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    headline: str = ""
    run: RunSummary | None = None
    layers: tuple[LayerRow, ...] = ()
    curves: tuple[Series, ...] = ()
    gaps: tuple[str, ...] = ()
    lines: tuple[LineRow, ...] = ()
    contracts: tuple[ContractRow, ...] = ()
    verb: str = "run"
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
