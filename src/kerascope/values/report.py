"""What was judged: findings with place, evidence and fixes, and the report that holds them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from kerascope.values.encoding import Json
from kerascope.values.measures import LineRow, Series
from kerascope.values.profile import Profile

Severity = Literal["fault", "warning", "note"]
Verdict = Literal["healthy", "faulty", "crashed"]

SEVERITIES: tuple[Severity, ...] = ("fault", "warning", "note")
"""From worst to mildest."""

REPORT_SCHEMA = "kerascope/report/1"


@dataclasses.dataclass(frozen=True, slots=True)
class SourceSpan(Json):
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
class Evidence(Json):
    """One measured fact. `plot` holds a series to draw beside it, oldest first."""

    label: str
    value: Any = None
    unit: str | None = None
    steps: tuple[int, ...] = ()
    plot: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Fix(Json):
    """A change. `verified` is true only when it ran; `before` and `after` say what it did then."""

    description: str
    patch: str | None = None
    verified: bool = False
    before: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    after: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Lever(Json):
    """A setting of the program that a finding would change, in the program's own terms and before any patch exists.

    `target` says what is set: "layer" (then `layer` names it), "optimizer", "compile", "fit", "data" (an expression
    given to `fit`, named by `argument`: "x", "y", "validation_data[0]"), "part" (the same, where it is
    prepared apart from the other part), "order" (the order of its rows), "choice" (which values it is
    made of), "split" (where it is parted from others), "callback" (of the class that `layer` names) or "line" (the
    finding's own place).
    `argument` is the keyword of the call that made it, and `value` the new setting as Python source, None to remove
    the argument or, without an argument, the whole layer.
    """

    target: str
    argument: str | None = None
    value: str | None = None
    layer: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Finding(Json):
    """One thing that is wrong, why we think so and what to do. `confidence` is from 0 to 1.

    Each of `levers` is one way to mend it (settings to change together), the likeliest first; `fixes` is what became
    of them.
    """

    kind: str
    severity: Severity
    confidence: float
    title: str
    explanation: str
    location: SourceSpan = SourceSpan()
    evidence: tuple[Evidence, ...] = ()
    fixes: tuple[Fix, ...] = ()
    rank: int = 0
    levers: tuple[tuple[Lever, ...], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class ContractRow(Json):
    """What came of one contract of a check.

    `outcome` is "kept", "broken", "noted" (there is a note of it, and no more), "allowed" or "skipped"; `reason`
    says why.
    """

    name: str
    promise: str
    outcome: str
    reason: str = ""
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class LayerRow(Json):
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
class RunSummary(Json):
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
class Report(Json):
    """The judgement of one run, or of one object. `gaps` says in sentences what could not be watched, and why.

    `lines` is what a trace saw, in the order in which it happened; `contracts` is what a check looked at; `profile` is
    where the time of the training went.
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
    profile: Profile | None = None
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
