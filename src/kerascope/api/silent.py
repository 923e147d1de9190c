"""Changes of the source after which a silent fault in the numbers no longer shows, and the object passes as before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kerascope.explain.fixes.outcome import Trial, quiet
from kerascope.explain.fixes.steep import breaks
from kerascope.values import Finding

if TYPE_CHECKING:
    from kerascope.explain.fixes.misbehave import Misbehaviour
    from kerascope.explain.fixes.search import Repairs
    from kerascope.explain.fixes.swap import Program
    from kerascope.explain.subject import Subject
    from kerascope.record.lines import LineLog, Site

KINDS = (
    "broadcast-shape",
    "logits-mismatch",
    "nan-operation",
    "wrong-axis",
    "wrong-argument",
    "numpy-in-call",
    "disconnected-gradient",
    "softmax-one-unit",
    "scale-mismatch",
    "cancellation",
    "integer-overflow",
    "training-flag",
    "saturated-activation",
)
"""The faults for which there are edits."""
_MENDED = ("layer", "model", "loss", "metric", "function")
_WARNED = (
    "disconnected-gradient",
    "scale-mismatch",
    "cancellation",
    "wrong-argument",
    "saturated-activation",
)
"""Of these a warning is enough."""


def failure_of(about: Subject, findings: Sequence[Finding]) -> tuple[Misbehaviour, Finding] | None:
    """Returns the first fault among the findings that changes can be tried for, as a failure to mend.

    It must show on made-up inputs too, or nothing could be said about a change.
    """
    from kerascope.explain.fixes import retrace
    from kerascope.explain.fixes.misbehave import Misbehaviour

    finding = next((f for f in findings if _counts(f)), None)
    finding = finding or next((f for f in findings if f.kind == "nan-operation"), None)
    if finding is None or about.make is None or about.kind not in _MENDED:
        return None
    trial = Trial(about)
    with quiet():
        shows = _shown(trial, None, finding.kind) is not None if _counts(finding) else _breaks(trial) is True
        logs = tuple(retrace.probes(trial, 2)) if shows else ()
    culprit = _site(logs, finding)
    if culprit is None:
        return None
    failure = Misbehaviour(None, None, None, culprit=culprit, logs=logs, reason=finding.title)
    return failure, finding


def repaired(about: Subject, failure: Misbehaviour, finding: Finding, *, seconds: float = 10.0) -> Repairs:
    """Returns changes with which the object passes and the fault no longer shows."""
    from kerascope.explain.fixes.candidates import FAMILIES
    from kerascope.explain.fixes.edits import (
        copied,
        factors,
        guards,
        habits,
        meant,
        nonlinear,
        roots,
        scaled,
        slopes,
    )
    from kerascope.explain.fixes.search import repair

    if not _counts(finding):
        return repair(
            about,
            failure,
            seconds=seconds,
            trial=_Steady(about),
            wrong=finding.title,
            families=(roots, guards),
        )
    trial = _Silenced(about, finding.kind)
    more = {
        "disconnected-gradient": (slopes, guards),
        "softmax-one-unit": (slopes,),
        "nan-operation": (guards,),
        "logits-mismatch": (nonlinear,),
        "wrong-argument": (meant, copied, scaled),
        "wrong-axis": (meant,),
    }
    only = {
        "scale-mismatch": (factors,),
        "cancellation": (guards,),
        "integer-overflow": (guards,),
        "saturated-activation": (factors,),
        "training-flag": (habits,),
    }
    families = only.get(finding.kind) or (*FAMILIES, *more.get(finding.kind, ()))
    return repair(about, failure, seconds=seconds, trial=trial, wrong=finding.title, families=families)


def _counts(finding: Finding) -> bool:
    """Tells whether a finding is one to mend."""
    return finding.kind in KINDS and (finding.severity == "fault" or finding.kind in _WARNED)


def _breaks(trial: Trial) -> bool | None:
    """Tells whether the gradient is no number; None where the user's code cannot be differentiated at all."""
    try:
        return breaks(trial)
    except Exception:  # the user's code: that it fails here says nothing of the fault that is looked for
        return None


class _Steady(Trial):
    """What a change has to pass: the usual conditions, and that the gradient is a number."""

    def lasting(self, program: Callable[[], Program]) -> str:
        """Returns what is still wrong; "" when nothing is."""
        del program
        return "" if _breaks(self) is False else "the gradient is not finite"


class _Silenced(Trial):
    """What a change has to pass: the usual conditions, and that no such fault shows any more."""

    def __init__(self, about: Subject, kind: str) -> None:
        super().__init__(about)
        self._kind = kind

    def lasting(self, program: Callable[[], Program]) -> str:
        """Returns the title of a fault of the kind that still shows; "" when none does."""
        found = _shown(self, program(), self._kind)
        return "" if found is None else found.title


def _shown(trial: Trial, program: Program | None, kind: str) -> Finding | None:
    """Returns the fault of a kind that shows on made-up inputs; `program` is the source where it is changed."""
    from kerascope.detect.smells import Smells
    from kerascope.explain.fixes import retrace

    smells = Smells()
    if program is None:
        retrace.probes(trial, 1, smells)
    else:
        retrace.watched(trial, program, smells)
    return next((f for f in smells.findings() if f.kind == kind and _counts(f)), None)


def _site(logs: Sequence[LineLog], finding: Finding) -> Site | None:
    place = finding.location
    for log in logs:
        for site, _ in log.rows:
            if (site.file, site.line, site.source) == (place.file, place.line, place.expression):
                return site
    return None
