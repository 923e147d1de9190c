"""What experiments make of findings: cures in front, causes that they refute behind or gone.

Experiments are kept in the recording as plain facts; a report is the same whether it is made right after the run or
later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from kerascope.explain.experiments.outcome import CURES
from kerascope.values import SEVERITIES, Finding, Fix, Severity, decode

EVENT = "experiments"

CERTAIN = 0.9
"""Confidence from which on a trial that helps nothing weakens a finding but does not take it away."""

SETTINGS = frozenset(
    {
        "lr-too-high",
        "lr-too-low",
        "wrong-optimizer",
        "batch-size",
        "too-few-epochs",
        "wrong-hidden-activation",
        "missing-activation",
        "bad-initialisation",
        "insufficient-capacity",
        "unscaled-inputs",
        "unscaled-targets",
        "over-regularised",
        "dropout-misuse",
        "normalisation-misuse",
        "wrong-layer",
        "unshuffled-data",
        "wrong-loss",
        "wrong-output-activation",
        "logits-mismatch",
        "softmax-one-unit",
        "overfitting",
        "frozen-weights",
    }
)
"""Kinds whose remedy is a setting: when it changes nothing, the cause is refuted. Of a guess at code the guess is."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """What came of one change. `verdict` is "better", "cures", "no better", "failed" or "untried"."""

    finding: str
    verdict: str
    gain: float
    fix: Fix


def key(finding: Finding) -> str:
    """Returns what tells a finding apart when a recording is judged again."""
    place = finding.location
    return f"{finding.kind}|{place.layer or ''}|{place.line or ''}"


def judged(findings: Sequence[Finding], facts: Sequence[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Returns the findings with what experiments made of them.

    Args:
        findings: ranked, as the detectors gave them.
        facts: of the events of kind "experiments": ``{"trials": [...], "added": [...]}``.
    """
    trials = [_trial(one) for each in facts for one in _list(each, "trials")]
    added = [decode(Finding, one) for each in facts for one in _list(each, "added")]
    if not trials and not added:
        return tuple(findings)
    present = {finding.kind for finding in findings}
    everything = [*findings, *(one for one in added if one.kind not in present)]
    best = max((t.gain for t in trials if t.verdict in ("better", "cures")), default=0.0)
    kept = []
    for finding in everything:
        mine = sorted((t for t in trials if t.finding == key(finding)), key=lambda t: -t.gain)
        if (changed := _with(finding, mine, best)) is not None:
            kept.append(
                (max((t.gain for t in mine if t.verdict in ("better", "cures")), default=0.0), changed)
            )
    # What cures stands first, whatever was thought before; the rest keeps its order.
    kept.sort(key=lambda pair: (_order(pair[1]), -round(pair[0], 1), -pair[1].confidence))
    ordered = [finding for _, finding in kept]
    return tuple(dataclasses.replace(finding, rank=place) for place, finding in enumerate(ordered, start=1))


def _order(finding: Finding) -> int:
    known = SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else len(SEVERITIES)
    return len(SEVERITIES) + 1 if finding.kind == "kerascope-internal" else known


def _trial(data: Mapping[str, Any]) -> Trial:
    return decode(Trial, data)


def _list(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = data.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _with(finding: Finding, trials: Sequence[Trial], best: float) -> Finding | None:
    """Returns a finding after its experiments, None when they refute it."""
    if not trials:
        return finding
    good = [t for t in trials if t.verdict in ("better", "cures")]
    tried = [t for t in trials if t.verdict in ("better", "cures", "no better")]
    fixes = tuple(t.fix for t in (good or [t for t in trials if t.verdict == "untried"][:1]))
    finding = dataclasses.replace(finding, fixes=(*fixes, *finding.fixes))
    if good:
        sure = max(finding.confidence, 0.95 if good[0].verdict == "cures" else 0.85)
        worse = good[0].verdict == "cures" and finding.severity != "note"
        return dataclasses.replace(finding, confidence=sure, severity="fault" if worse else finding.severity)
    if not tried or finding.kind not in SETTINGS:
        return finding
    if best >= CURES and finding.confidence < CERTAIN:
        return None  # something else cures, this does nothing
    # What is settled by the program itself may still be wrong beside what cures, and one change need not be enough.
    weaker: Severity = "warning" if finding.severity == "fault" else "note"
    return dataclasses.replace(finding, severity=weaker, confidence=finding.confidence / 2)
