"""A script that died of an exception: its report says why."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from kerascope.api.script import Outcome
from kerascope.values import Finding, Report, RunSummary, SourceSpan


@dataclasses.dataclass(frozen=True)
class Why:
    """Why a script died, and the exception in one line of its own words."""

    finding: Finding
    error: str


def explanation(error: BaseException) -> Why | None:
    """Returns why a script died, None where its traceback says all there is. Call it while the frames are alive.

    A script that never imported Keras is none of ours, and Keras is not imported for it.
    """
    if "keras" not in sys.modules:
        return None
    from kerascope.explain.lines.crash import explain_crash
    from kerascope.explain.lines.failure import said, underlying

    found = explain_crash(error)
    if found is None:
        return None
    found = dataclasses.replace(found, location=_near(found.location), rank=1)
    return Why(found, f"{type(underlying(error)).__name__}: {said(error)}")


def with_explanation(
    report: Report | None, why: Why, subject: str, outcome: Outcome, seconds: float
) -> Report:
    """Returns the report with the explanation in front; one of its own where no training was seen."""
    if report is None:
        from kerascope._keras import objects

        run = RunSummary(
            subject, objects.backend_name(), seconds=seconds, exit_code=outcome.exit_code, error=outcome.error
        )
        report = Report(subject, run.backend, "crashed", run=run)
    others = (dataclasses.replace(other, rank=other.rank + 1) for other in report.findings)
    return dataclasses.replace(report, findings=(why.finding, *others), headline=f"CRASHED   {why.error}")


def _near(location: SourceSpan) -> SourceSpan:
    """Returns the place with its file as seen from the current folder, where it lies below it."""
    if location.file is None:
        return location
    try:
        file = str(Path(location.file).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return location
    return dataclasses.replace(location, file=file)
