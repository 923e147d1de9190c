"""A script that died of an exception: its report says why."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from kerascope.api.script import Outcome
from kerascope.values import Finding, Report, RunSummary, SourceSpan


def explanation(error: BaseException) -> Finding | None:
    """Returns why a script died, None where its traceback says all there is. Call it while the frames are alive.

    A script that never imported Keras is none of ours, and Keras is not imported for it.
    """
    if "keras" not in sys.modules:
        return None
    from kerascope.explain.lines.crash import explain_crash

    found = explain_crash(error)
    return None if found is None else dataclasses.replace(found, location=_near(found.location))


def with_explanation(report: Report | None, finding: Finding, subject: str, outcome: Outcome) -> Report:
    """Returns the report with the explanation in front; one of its own where no training was seen."""
    finding = dataclasses.replace(finding, rank=1)
    if report is None:
        from kerascope._keras import objects

        run = RunSummary(subject, objects.backend_name(), exit_code=outcome.exit_code, error=outcome.error)
        return Report(subject, run.backend, "crashed", (finding,), run=run)
    others = (dataclasses.replace(other, rank=other.rank + 1) for other in report.findings)
    return dataclasses.replace(report, findings=(finding, *others))


def _near(location: SourceSpan) -> SourceSpan:
    """Returns the place with its file as seen from the current folder, where it lies below it."""
    if location.file is None:
        return location
    try:
        file = str(Path(location.file).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return location
    return dataclasses.replace(location, file=file)
