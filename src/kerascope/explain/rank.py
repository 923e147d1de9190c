"""Order findings and fold symptoms under their causes: the first one is what a person would change.

A symptom that follows from another finding of the same model is not listed beside it but becomes evidence of it:
a loss that does not fall because no weight is applied a gradient is one problem, not two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from kerascope.values import SEVERITIES, Evidence, Finding

MOST = 20

_FOLLOWS: dict[str, tuple[str, ...]] = {
    # symptom: what it follows from, nearest first
    "no-learning": (
        "nan-loss",
        "gradients-not-applied",
        "frozen-weights",
        "lr-too-low",
        "disconnected-gradient",
        "dying-relu",
        "exploding-gradient",
    ),
    "exploding-gradient": ("nan-loss",),
    "disconnected-gradient": ("nan-loss", "gradients-not-applied"),
    "dying-relu": ("nan-loss",),
    "frozen-weights": ("nan-loss", "disconnected-gradient"),
    "gradients-not-applied": ("nan-loss",),
}

_SEQUEL = ("frozen-weights", "gradients-not-applied", "disconnected-gradient", "dying-relu")
"""Kinds that fold under a NaN only when they begin with or after it; before it they are a matter of their own."""


def rank(findings: Sequence[Finding], most: int = MOST) -> tuple[Finding, ...]:
    """Returns the findings in order, the most important first, each with its rank from 1.

    Args:
        findings: what the detectors returned, in any order.
        most: how many to return; a note says what was left out.
    """
    ordered = sorted(_once(findings), key=_weight)
    causes = _folded(ordered)
    causes.sort(key=_weight)
    if len(causes) > most:
        causes = [*causes[: most - 1], _left_out(causes[most - 1 :])]
    return tuple(dataclasses.replace(finding, rank=place) for place, finding in enumerate(causes, start=1))


def _weight(finding: Finding) -> tuple[int, int, float]:
    """Severity first, then confidence; kerascope's own troubles stand behind everything about the training."""
    severity = SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else len(SEVERITIES)
    return severity, int(finding.kind == "kerascope-internal"), -finding.confidence


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """Drops findings that say the same of the same place."""
    seen: set[tuple[str, str, str | None]] = set()
    kept = []
    for finding in findings:
        key = (finding.kind, finding.title, model_of(finding))
        if key not in seen:
            seen.add(key)
            kept.append(finding)
    return kept


def model_of(finding: Finding) -> str | None:
    """Returns the model a finding is about, None when the recording holds only one."""
    return next((str(item.value) for item in finding.evidence if item.label == "model"), None)


def _folded(ordered: Sequence[Finding]) -> list[Finding]:
    """Moves each symptom under the nearest cause that is there; what is folded can carry others with it."""
    parent: dict[int, int] = {}
    for index, symptom in enumerate(ordered):
        for kind in _FOLLOWS.get(symptom.kind, ()):
            cause = next((i for i, other in enumerate(ordered) if _explains(other, kind, symptom)), None)
            if cause is not None:
                parent[index] = cause
                break
    kept = []
    for index, finding in enumerate(ordered):
        if index not in parent:
            below = [ordered[i] for i in sorted(parent) if _root(parent, i) == index]
            kept.append(_with(finding, below))
    return kept


def _root(parent: dict[int, int], index: int) -> int:
    while index in parent:
        index = parent[index]
    return index


def _explains(cause: Finding, kind: str, symptom: Finding) -> bool:
    """Tells whether `cause` is of this kind and can be behind `symptom`."""
    if cause is symptom or cause.kind != kind or model_of(cause) != model_of(symptom):
        return False
    if cause.severity == "note" and symptom.severity != "note":
        return False  # what may well be meant so is no cause of what is certainly wrong
    if kind == "nan-loss" and symptom.kind in _SEQUEL:
        first, then = cause.location.step, symptom.location.step
        return first is not None and then is not None and then >= first
    return True


def _with(cause: Finding, symptoms: Sequence[Finding]) -> Finding:
    if not symptoms:
        return cause
    added = [Evidence(f"with it: {symptom.kind}", symptom.title, plot=_plot(symptom)) for symptom in symptoms]
    return dataclasses.replace(cause, evidence=(*cause.evidence, *added))


def _plot(symptom: Finding) -> tuple[float, ...]:
    return next((item.plot for item in symptom.evidence if item.plot), ())


def _left_out(rest: Sequence[Finding]) -> Finding:
    kinds = ", ".join(sorted({finding.kind for finding in rest}))
    worst = min(rest, key=_weight)
    return Finding(
        kind="kerascope-more",
        severity=worst.severity,
        confidence=worst.confidence,
        title=f"{len(rest)} more findings are left out",
        explanation=f"They are less certain or less severe than those above. Their kinds: {kinds}.",
    )
