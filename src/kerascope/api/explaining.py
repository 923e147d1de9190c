"""What is wrong in a trace: an error with its cause and what makes it pass, and silent faults in the numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kerascope.values import Finding

if TYPE_CHECKING:
    from kerascope.detect.smells import Smells
    from kerascope.explain.fixes.patch import Patch
    from kerascope.explain.lines.failure import Failure
    from kerascope.explain.subject import Subject
    from kerascope.probe.lines.recorder import Recorder
    from kerascope.record.lines import Event


@dataclasses.dataclass
class Judgement:
    """What is wrong, ranked; what makes it pass; and shapes in terms of the batch size B, by event."""

    findings: tuple[Finding, ...] = ()
    patches: tuple[Patch, ...] = ()
    dims: Mapping[Event, tuple[str, ...]] = dataclasses.field(default_factory=dict)


def judged(
    error: BaseException | None, about: Subject | None, recorder: Recorder, smells: Smells, fixes: bool
) -> Judgement:
    """Returns what is wrong in a trace. What fails in here becomes a `kerascope-internal` note.

    With an error, call it while the error's frames are alive.
    """
    from kerascope.detect.smells.beyond import POSITIONS

    judgement = Judgement()
    findings: list[Finding] = []
    silent = _guarded("looking for silent faults", lambda: _ordered(smells.findings()))
    # Positions that are not there come with the data: no change of the source is to hide them.
    of_data = any(evidence.label == POSITIONS for finding in silent for evidence in finding.evidence)
    if error is not None:
        findings += _guarded(
            "explaining the error", lambda: _of_error(error, about, recorder, fixes, judgement)
        )
    elif about is not None:
        if about.unknown or _is_symbolic(recorder):
            findings += _guarded("telling the batch size", lambda: _label(about, recorder, judgement))
        if fixes and about.make is not None and not of_data:
            findings += _guarded("trying other inputs", lambda: _of_misbehaviour(about, judgement))
    if error is None and about is not None and fixes and not findings and not of_data:
        silent = _guarded("trying changes", lambda: _mended(about, silent, judgement))
    told = [_about(finding) for finding in findings]
    findings += [finding for finding in silent if _about(finding) not in told]
    judgement.findings = tuple(dataclasses.replace(f, rank=rank) for rank, f in enumerate(findings, 1))
    return judgement


def _about(finding: Finding) -> tuple[str, Any, Any, Any]:
    place = finding.location
    return finding.kind, *(
        (place.file, place.line, place.expression) if place is not None else (None, None, None)
    )


def _guarded(what: str, work: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return work()
    except Exception as error:
        return [_internal(error, what)]


def _is_symbolic(recorder: Recorder) -> bool:
    """Tells whether there are sizes that only other runs can tell apart."""
    return any(None in (event.facts.shape or ()) for event in recorder.log.events)


def _label(about: Subject, recorder: Recorder, judgement: Judgement) -> list[Finding]:
    from kerascope.explain.lines.dims import label_log

    judgement.dims = label_log(recorder.log, about)
    return []


def _of_error(
    error: BaseException, about: Subject | None, recorder: Recorder, fixes: bool, judgement: Judgement
) -> list[Finding]:
    from kerascope.explain.lines import dims
    from kerascope.explain.lines.crash import explain_crash
    from kerascope.explain.lines.explanation import explain

    failure, finding = explain(error, recorder, about)
    if finding is None:
        return []
    if about is None:
        # What failed inside the block can be run again by itself, which tells the batch size and the cause.
        return [explain_crash(error) or finding]
    logs = failure.logs[1:]
    batches = list(dims.batches_for(about, recorder.log))[: len(logs)]
    judgement.dims = dims.transfer(
        recorder.log, dims.Probes([dims.Probe(log, None) for log in logs], batches)
    )
    if not fixes or about.make is None or about.kind == "train_step":  # changes are tried on fresh objects
        return [finding]
    if finding.kind == "tracer-leak":  # other shapes may pass by chance, and hide that it wants a variable
        return [finding]
    repaired = _guarded("trying changes", lambda: _repair(about, failure, finding, judgement))
    return repaired if repaired[0].kind == finding.kind else [finding, *repaired]


def _of_misbehaviour(about: Subject, judgement: Judgement) -> list[Finding]:
    """Returns what the call did not show: rows mixed, lost or doubled, or a failure on other batch sizes."""
    from kerascope.explain.fixes.misbehave import misbehaviour, misbehaviour_finding

    found = misbehaviour(about)
    if found is None:
        return []
    return _repair(about, found, misbehaviour_finding(found, about.name), judgement)


def _repair(about: Subject, failure: Failure, finding: Finding, judgement: Judgement) -> list[Finding]:
    from kerascope.explain.fixes.search import repair
    from kerascope.explain.fixes.told import with_fixes

    found = repair(about, failure)
    judgement.patches = found.patches
    return [with_fixes(finding, found)]


def _mended(about: Subject, findings: list[Finding], judgement: Judgement) -> list[Finding]:
    """Returns the findings, one of them with the changes after which it no longer shows."""
    from kerascope.api import silent
    from kerascope.explain.fixes.told import with_fixes

    found = silent.failure_of(about, findings)
    if found is None:
        return findings
    failure, finding = found
    repairs = silent.repaired(about, failure, finding)
    judgement.patches = repairs.patches
    new = with_fixes(finding, repairs)
    return [new if f is finding else f for f in findings]


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
