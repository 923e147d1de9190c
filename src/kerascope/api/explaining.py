"""What is wrong in a trace: an error with its cause and what makes it pass, and silent faults in the numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerascope.values import Evidence, Finding

if TYPE_CHECKING:
    from kerascope.api.trace import Trace
    from kerascope.explain.subject import Subject
    from kerascope.probe.lines.recorder import Recorder


def explained(
    result: Trace, about: Subject | None, recorder: Recorder, smells: Sequence[Finding], fixes: bool
) -> tuple[Finding, ...]:
    """Returns the findings of a trace, ranked. What fails in here becomes a `kerascope-internal` note."""
    findings: list[Finding] = []
    try:
        if result.error is not None:
            findings += _of_error(result, about, recorder, fixes)
    except Exception as error:
        findings.append(_internal(error, "explaining the error"))
    findings += _ordered(smells)
    return tuple(dataclasses.replace(finding, rank=rank) for rank, finding in enumerate(findings, 1))


def _of_error(result: Trace, about: Subject | None, recorder: Recorder, fixes: bool) -> list[Finding]:
    from kerascope.explain.lines.explanation import explain

    assert result.error is not None
    failure, finding = explain(result.error, recorder, about)
    if finding is None:
        return []
    if not fixes or about is None or about.make is None:
        return [finding]
    from kerascope.explain.fixes.search import repair

    try:
        found = repair(about, failure)
    except Exception as error:
        return [finding, _internal(error, "trying changes")]
    result._patches = found.patches
    tried = Evidence("edits tried", found.tried)
    return [dataclasses.replace(finding, fixes=found.fixes, evidence=(*finding.evidence, tried))]


def _ordered(findings: Sequence[Finding]) -> list[Finding]:
    worst = {"fault": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: (worst[finding.severity], -finding.confidence))


def _internal(error: Exception, what: str) -> Finding:
    return Finding(
        kind="kerascope-internal",
        severity="note",
        confidence=1.0,
        title=f"kerascope failed while {what}",
        explanation=f"{type(error).__name__}: {error}. The trace itself is not touched by this.",
    )
