"""A script that died of an exception: its report says why."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerascope.values import Evidence, Finding, Report, RunSummary, SourceSpan

if TYPE_CHECKING:
    from kerascope.api.script import Outcome
    from kerascope.record.reader import RunView
    from kerascope.record.writer import Writer

EVENT = "crash"
"""The kind of event that holds an explanation in a recording."""

_SETTLED = 0.9


@dataclasses.dataclass(frozen=True)
class Why:
    """Why a script died, and the exception in one line of its own words."""

    finding: Finding
    error: str


def explanation(error: BaseException, sites: Any = None) -> Why | None:
    """Returns why a script died, None where its traceback says all there is. Call it while the frames are alive.

    A script that never imported Keras is none of ours, and Keras is not imported for it.

    Args:
        error: what the script died of.
        sites: where its program made layers and compiled models, as far as that was noted.
    """
    if "keras" not in sys.modules:
        return None
    from kerascope.explain.lines.crash import explain_crash
    from kerascope.explain.lines.failure import said, underlying

    found = explain_crash(error)
    if found is None or found.kind == "error-in-user-code":
        found = _unfit(error, sites) or found
    if found is None:
        return None
    found = dataclasses.replace(found, location=_near(found.location), rank=1)
    return Why(found, f"{type(underlying(error)).__name__}: {said(error)}")


def _unfit(error: BaseException, sites: Any) -> Finding | None:
    """Returns which part of the program keeps labels and outputs from being compared; None where they fit."""
    from kerascope._keras import graph
    from kerascope._keras.fitting import fitting
    from kerascope.explain.lines.unfit import judged
    from kerascope.explain.place import placed

    try:
        found = fitting(error) if sites is not None else None
        if found is None or found.label is None:
            return None
        facts = graph.facts(found.model, sites)
        finding = next(judged(facts, found.label, found.whole), None)
        return placed(finding, facts, sites.files()) if finding is not None else None
    except Exception:  # the traceback has been shown already; a second one would only stand in its way
        return None


def keep(why: Why, writer: Writer, at: float) -> None:
    """Writes the explanation into the recording, so that a later report has it too."""
    held = Report("", "", "crashed", findings=(why.finding,), headline=why.error)
    writer.event(EVENT, at, held.to_json())


def kept(view: RunView) -> tuple[Why | None, str | None]:
    """Returns the explanation that a recording holds, and what is to be said when it holds one that is damaged."""
    from kerascope.render.machine import ReportError, from_json_text

    for event in view.events(EVENT)[:1]:
        try:
            held = from_json_text(json.dumps(event.facts))
        except ReportError as error:
            return None, f"why the script died: the recording's explanation cannot be read ({error})"
        return (Why(held.findings[0], held.headline) if held.findings else None), None
    return None, None


def explained(report: Report, why: Why) -> Report:
    """Returns the report with the explanation in front.

    An error that is explained by its own words only is folded under a cause that program and data settle: labels
    beyond the last unit say more than the index error they end in.
    """
    crash, findings = why.finding, list(report.findings)
    first = findings[0] if findings and crash.kind == "error-in-user-code" else None
    if first is not None and first.severity == "fault" and first.confidence >= _SETTLED:
        symptom = Evidence(f"with it: {crash.kind}", f"{crash.title}: {crash.explanation}")
        findings[0] = dataclasses.replace(first, evidence=(*first.evidence, symptom))
    else:
        findings = [crash, *(finding for finding in findings if finding.kind != crash.kind)]
    ranked = tuple(
        dataclasses.replace(finding, rank=place) for place, finding in enumerate(findings, start=1)
    )
    return dataclasses.replace(report, findings=ranked, headline=f"CRASHED   {why.error}")


def alone(why: Why, subject: str, outcome: Outcome, seconds: float) -> Report:
    """Returns the report of a script that trained nothing before it died."""
    from kerascope._keras import objects

    run = RunSummary(
        subject, objects.backend_name(), seconds=seconds, exit_code=outcome.exit_code, error=outcome.error
    )
    return explained(Report(subject, run.backend, "crashed", run=run), why)


def _near(location: SourceSpan) -> SourceSpan:
    """Returns the place with its file as seen from the current folder, where it lies below it."""
    if location.file is None:
        return location
    try:
        file = str(Path(location.file).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return location
    return dataclasses.replace(location, file=file)
