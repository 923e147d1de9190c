"""A recording's report: `load(path)` in Python, `build_report(view)` inside; needs no Keras.

Here record, detect, explain and render meet.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from kerascope.api.crash import explained, kept
from kerascope.api.curves import curves
from kerascope.api.layers import layer_rows
from kerascope.api.timing import SPEED, bound, profile_of
from kerascope.detect.registry import run_detectors
from kerascope.errors import RecordingError, UsageError
from kerascope.explain.experiments.verdicts import EVENT, judged
from kerascope.explain.place import placed
from kerascope.explain.rank import model_of, rank
from kerascope.record.reader import RunView
from kerascope.values import SEVERITIES, Finding, Report, RunSummary, Severity, Verdict

if TYPE_CHECKING:
    from kerascope.api.replay import RecordedStep

_HEADLINES = {
    "nan-loss": "BREAKS",
    "nan-operation": "BREAKS",
    "no-learning": "DOES NOT LEARN",
    "exploding-gradient": "RUNS AWAY",
    "frozen-weights": "WEIGHTS ARE FROZEN",
    "gradients-not-applied": "WEIGHTS DO NOT CHANGE",
    "lr-too-low": "WEIGHTS HARDLY MOVE",
    "disconnected-gradient": "GRADIENT IS CUT",
    "dying-relu": "UNITS ARE DEAD",
    **SPEED,
}

_SQLITE = b"SQLite format 3\0"

FAILED_ON = 3
"""The exit code of `--fail-on` when there is such a finding."""


class Run:
    """A recording that was opened: `report()` judges it, `view` gives everything in it.

    Use it in a ``with`` block, or call `close`, to let go of the file.
    """

    def __init__(self, view: RunView) -> None:
        self.view = view
        self._report: Report | None = None

    def report(self) -> Report:
        """Returns the judgement of the recording."""
        if self._report is None:
            path = self.view.path
            self._report = build_report(self.view, recording=str(path) if path is not None else None)
        return self._report

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, worst first."""
        return self.report().findings

    @property
    def ok(self) -> bool:
        """True when nothing of severity fault or warning was found and the script did not crash."""
        return self.report().ok

    def step(self, number: int, *, model: int = 1) -> RecordedStep:
        """Returns one step, to be run again: ``load(path).step(120).replay(mode="trace")``.

        Args:
            number: the step, counted from 1.
            model: the number of the model where several were trained.

        Raises:
            UsageError: there is no such model or step.
        """
        from kerascope.api.replay import RecordedStep

        found = next((one for one in self.view.models if one.id == model), None)
        if found is None:
            raise UsageError(
                f"There is no such model. Received: model={model}. The recording holds {len(self.view.models)}."
            )
        last = int(found.steps().step[-1]) if len(found.steps().step) else 0
        if not 1 <= number <= last:
            raise UsageError(f"There is no such step. Received: step={number}. There are 1 to {last}.")
        return RecordedStep(self.view, found, number)

    def steps_to_replay(self) -> str:
        """Returns a sentence for each model on which of its steps can be run again."""
        from kerascope.api.replay import within_reach

        return "\n".join(f"model {one.id} ({one.name}): {within_reach(one)}" for one in self.view.models)

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain JSON data."""
        return self.report().to_json()

    def close(self) -> None:
        """Lets go of the file."""
        self.view.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        from kerascope.render.terminal import to_text

        return to_text(self.report())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from kerascope.render.html import notebook_bundle

        return notebook_bundle(self.report())


def load(path: str | Path) -> Run:
    """Opens a recording; in a notebook the value shows its report.

    Raises:
        RecordingError: the file is no recording, or one that cannot be read.
    """
    return Run(RunView.open(path))


def report(path: str | Path) -> Report:
    """Returns the judgement of a recording.

    Raises:
        RecordingError: the file is no recording, or one that cannot be read.
    """
    with load(path) as run:
        return run.report()


def build_report(view: RunView, *, recording: str | None = None) -> Report:
    """Returns the judgement of a recording that is open; `recording` is the path to show for it."""
    profiled = view.meta.get("profile") is True
    found = run_detectors(view)
    if (
        profiled
    ):  # whether the model learns is what `kerascope run` says, from statistics that a profile does not take
        found = [finding for finding in found if finding.kind in (*SPEED, "kerascope-internal")]
    findings = _placed(view, rank(found))
    summary = _summary(view, recording)
    verdict = _verdict(view, findings)
    why, damaged = kept(view)
    profile = profile_of(view)
    report = Report(
        subject=summary.subject,
        backend=summary.backend,
        verdict=verdict,
        findings=findings,
        headline=_headline(findings) or (bound(profile) if profiled else ""),
        run=summary,
        layers=layer_rows(view),
        curves=curves(view),
        gaps=(*_gaps(view), *([damaged] if damaged else [])),
        profile=profile,
        verb="profile" if profiled else "run",
    )
    report = report if why is None else explained(report, why)
    return with_experiments(report, [event.facts for event in view.events(EVENT)])


def with_experiments(report: Report, facts: Sequence[Mapping[str, Any]]) -> Report:
    """Returns a report with what experiments made of its findings.

    Args:
        report: as the detectors gave it.
        facts: what `kerascope.api.experiments` kept of each series of experiments.
    """
    if not facts:
        return report
    findings = judged(report.findings, facts)
    if report.verdict == "crashed":
        return dataclasses.replace(report, findings=findings)
    bad = any(finding.severity in ("fault", "warning") for finding in findings)
    return dataclasses.replace(
        report, findings=findings, verdict="faulty" if bad else "healthy", headline=_headline(findings)
    )


def _placed(view: RunView, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Returns the findings with their lines in the user's source."""
    sources = view.sources()
    by_name = {str(model.name): model.facts for model in view.models}
    found = []
    for finding in findings:
        name = model_of(finding)
        facts = by_name.get(name, {}) if name is not None else next(iter(by_name.values()), {})
        found.append(placed(finding, facts, sources))
    return tuple(found)


def _verdict(view: RunView, findings: tuple[Finding, ...]) -> Verdict:
    if view.meta.get("outcome") == "failed":
        return "crashed"
    return "faulty" if any(f.severity in ("fault", "warning") for f in findings) else "healthy"


def _headline(findings: tuple[Finding, ...]) -> str:
    """Returns the verdict in words: what one sees, e.g. "DOES NOT LEARN   loss 2.41 -> 2.35 ...", else the first cause.

    Empty when nothing is wrong. A failed script's error is in the run's summary.
    """
    if not findings or findings[0].severity == "note":
        return ""
    first = findings[0]
    seen = {
        e.label.removeprefix("with it: "): str(e.value)
        for e in first.evidence
        if e.label.startswith("with it")
    }
    kind = next((kind for kind in _HEADLINES if kind in seen), first.kind)
    # Two spaces would part the verdict from its reason once more.
    title = " ".join(seen.get(kind, first.title).split())
    if title[:1].isupper() and not title[1:2].isupper():
        title = title[:1].lower() + title[1:]
    return f"{_HEADLINES.get(kind, 'FAULTY')}   {title}"


def _summary(view: RunView, recording: str | None) -> RunSummary:
    meta = view.meta
    return RunSummary(
        subject=_text(meta.get("subject")) or "unknown",
        backend=_text(meta.get("backend")) or "unknown",
        recording=recording,
        steps=sum(len(model.steps().step) for model in view.models),
        seconds=_seconds(view),
        watch_seconds=_number(meta.get("watch_seconds")) or 0.0,
        models=len(view.models),
        exit_code=meta["exit_code"] if type(meta.get("exit_code")) is int else None,
        error=_text(meta.get("error")),
    )


def _seconds(view: RunView) -> float:
    """Returns how long the run took; of one that was killed, up to its last recorded step."""
    known = _number(view.meta.get("seconds"))
    if known is not None:
        return known
    ends = [float(model.steps().at[-1]) for model in view.models if len(model.steps().at)]
    return max((end for end in ends if math.isfinite(end)), default=0.0)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None


def _gaps(view: RunView) -> tuple[str, ...]:
    """Returns what could not be watched, each once."""
    names = {model.id: str(model.name) for model in view.models}
    said: dict[str, None] = {}
    for event in view.events("gap"):
        what, why = (
            _text(event.facts.get("what")) or "something",
            _text(event.facts.get("why")) or "no reason recorded",
        )
        of = f" of {names[event.model]}" if len(names) > 1 and event.model in names else ""
        said[f"{what}{of}: {why}"] = None
    return tuple(said)


def exit_code(report: Report, fail_on: Severity) -> int:
    """Returns 3 when there is a finding of severity `fail_on` or a worse one, otherwise 0."""
    bad = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return FAILED_ON if any(finding.severity in bad for finding in report.findings) else 0


def emit(
    report: Report, *, file: IO[str] | None = None, full: bool = False, json_path: str | Path | None = None
) -> None:
    """Prints the report to `file` (None: nowhere) and writes it as JSON to `json_path` ("-": to standard error).

    Raises:
        UsageError: the JSON cannot be written there.
    """
    from kerascope.render.terminal import print_report

    if file is not None:
        print_report(report, file, full=full)
    if json_path is None:
        return
    text = json_text(report)
    if str(json_path) == "-":
        sys.stderr.write(text)
        return
    place = Path(json_path)
    try:
        if place.is_file() and _is_recording(place):
            raise UsageError(
                f"The report would overwrite a recording. Received: --json {str(json_path)!r}. Give another file."
            )
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The report cannot be written there: {error.strerror}. Received: --json {str(json_path)!r}. "
            "Give a path in a folder that exists and can be written to."
        ) from error


def _is_recording(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def json_text(report: Report) -> str:
    """Returns the report as a JSON document that ends with a newline."""
    from kerascope.render.machine import to_json_text

    return to_json_text(report)


def newest_recording(path: str | Path) -> Path:
    """Returns `path`, or, when it is a folder, the newest recording in it.

    Raises:
        RecordingError: the folder holds no recording, or does not say which one is the newest.
    """
    place = Path(path)
    if not place.is_dir():
        return place
    found = sorted(((file.stat().st_mtime_ns, file) for file in place.glob("*.kscope")), reverse=True)
    if not found:
        raise RecordingError(
            f"There is no recording in this folder. Received: path={str(path)!r}. Give a file that ends in .kscope, or "
            "the folder that `kerascope run` wrote one to."
        )
    if len(found) > 1 and found[0][0] == found[1][0]:
        names = ", ".join(file.name for when, file in found if when == found[0][0])
        raise RecordingError(
            f"Several recordings in this folder are equally new: {names}. Received: path={str(path)!r}. Name one."
        )
    return found[0][1]
