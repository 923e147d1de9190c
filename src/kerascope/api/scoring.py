"""How reports are held against a corpus: the rules, as pure functions.

Detected: at least one finding of severity warning or more. Diagnosed at k: one of the first k findings names a kind
among the faults (strict), or among faults and alternatives (lenient). Localised at k: such a finding (lenient) points
at a line of the fault, one line off where the call spans lines, or at its layer. Recall: faults named, over all faults.
Precision: findings of warning or more that name a fault or an alternative, over all that are not in `also_true`. False
alarms: findings of warning or more on fixed and healthy scripts. Fix verified: the tool's own patch brings the metric
to within a tenth of the gap of the fixed script's level.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from kerascope.api.corpus import Case, Fault
from kerascope.values import Finding, Report

COUNTED = ("fault", "warning")
REACH = 0.1
"""Share of the gap between faulty and fixed that a patched script may fall short by."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What came of one faulty script. `fix` is None when no patch was offered or none could be tried."""

    case: str
    detected: bool
    strict: Mapping[int, bool]
    lenient: Mapping[int, bool]
    localised: Mapping[int, bool]
    named: int
    faults: int
    right: int
    counted: int
    offered: bool
    fix: bool | None = None


def judge(case: Case, report: Report, fixes: bool | None = None) -> Verdict:
    """Returns what a report on the faulty script is worth.

    Args:
        case: the truth.
        report: what kerascope said of the faulty script.
        fixes: whether its own verified patch reached the fixed script's level; None when there was none.
    """
    ranked = sorted(report.findings, key=lambda finding: finding.rank if finding.rank > 0 else 10**9)
    kinds = {fault.kind for fault in case.faults}
    accepted = kinds | set(case.alternatives)
    loud = [finding for finding in ranked if finding.severity in COUNTED]
    counted = [f for f in loud if f.kind in accepted or f.kind not in case.also_true]
    spans = case.spans()
    return Verdict(
        case=case.id,
        detected=bool(loud),
        strict={k: any(f.kind in kinds for f in ranked[:k]) for k in (1, 3)},
        lenient={k: any(f.kind in accepted for f in ranked[:k]) for k in (1, 3)},
        localised={k: any(localised(case, f, spans) for f in ranked[:k]) for k in (1, 3)},
        named=len({fault.kind for fault in case.faults} & {f.kind for f in loud}),
        faults=len(kinds),
        right=sum(f.kind in accepted for f in counted),
        counted=len(counted),
        offered=best_patch(report) is not None,
        fix=fixes,
    )


def localised(case: Case, finding: Finding, spans: frozenset[int]) -> bool:
    """Tells whether a finding names a right kind at a right place. An alternative may stand at any fault's place."""
    own = [fault for fault in case.faults if fault.kind == finding.kind]
    faults = own or (case.faults if finding.kind in case.alternatives else ())
    return any(_at(fault, finding, case, spans) for fault in faults)


def _at(fault: Fault, finding: Finding, case: Case, spans: frozenset[int]) -> bool:
    place = finding.location
    if fault.layer is not None and (place.layer or "").rsplit("/", 1)[-1] == fault.layer:
        return True
    if place.line is None or (place.file and PurePath(place.file).name != case.faulty.path.name):
        return False
    return any(
        abs(place.line - line) <= (1 if line in spans or place.line in spans else 0) for line in fault.lines
    )


def best_patch(report: Report) -> str | None:
    """Returns the first verified patch of a report in order of rank, None when it has none."""
    ranked = sorted(report.findings, key=lambda finding: finding.rank if finding.rank > 0 else 10**9)
    return next((fix.patch for f in ranked for fix in f.fixes if fix.verified and fix.patch), None)


def reaches(case: Case, faulty: Any, fixed: Any, patched: Any) -> bool:
    """Tells whether a patched script's metric is within a tenth of the gap of the fixed script's.

    Where the faulty script has no finite figure (it crashed, or gave NaN), the gap is the fixed script's level.
    """
    before, goal, now = (_number(value) for value in (faulty, fixed, patched))
    if goal is None or now is None:
        return False
    gap = abs(goal - before) if before is not None else abs(goal)
    short = goal - now if case.better == "max" else now - goal
    return short <= REACH * gap


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def alarms(report: Report) -> list[Finding]:
    """Returns the findings that are false on a sound script: those of severity warning or more."""
    return [finding for finding in report.findings if finding.severity in COUNTED]


def scores(verdicts: Sequence[Verdict], sound: Mapping[str, Report], seconds: float) -> dict[str, Any]:
    """Returns the figures of a corpus. Shares are from 0 to 1, None where nothing was to count.

    Args:
        verdicts: of the faulty scripts.
        sound: reports on fixed and healthy scripts, by id.
        seconds: wall-clock time of all runs together.
    """
    ids = {name: len(alarms(report)) for name, report in sound.items()}
    return {
        "faulty": len(verdicts),
        "sound": len(sound),
        "detected": _share([v.detected for v in verdicts]),
        "diagnosed_1_strict": _share([v.strict[1] for v in verdicts]),
        "diagnosed_3_strict": _share([v.strict[3] for v in verdicts]),
        "diagnosed_1_lenient": _share([v.lenient[1] for v in verdicts]),
        "diagnosed_3_lenient": _share([v.lenient[3] for v in verdicts]),
        "localised_1": _share([v.localised[1] for v in verdicts]),
        "localised_3": _share([v.localised[3] for v in verdicts]),
        "recall": _ratio(sum(v.named for v in verdicts), sum(v.faults for v in verdicts)),
        "precision": _ratio(sum(v.right for v in verdicts), sum(v.counted for v in verdicts)),
        "false_alarms_per_script": _ratio(sum(ids.values()), len(ids)),
        "scripts_with_false_alarm": _share([count > 0 for count in ids.values()]),
        "fix_offered": _share([v.offered for v in verdicts]),
        "fix_verified": _share([v.fix is True for v in verdicts]),
        "seconds": round(seconds, 1),
    }


def _share(flags: Sequence[bool]) -> float | None:
    return _ratio(sum(flags), len(flags))


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
