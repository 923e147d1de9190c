"""Order findings and fold symptoms under their causes: the first one is what a person would change.

A symptom that follows from another finding of the same model is not listed beside it but becomes evidence of it:
a loss that does not fall because no weight is applied a gradient is one problem, not two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from kerascope.values import SEVERITIES, Evidence, Finding

MOST = 20
CAUSES_SHOWN = 4
"""How many causes of one model are worth acting on at once; those behind become notes."""

SYMPTOMS = (
    "nan-loss",
    "no-learning",
    "exploding-gradient",
    "vanishing-gradient",
    "dying-relu",
    "saturated-activation",
    "oscillating-loss",
    "posterior-collapse",
)
"""What one sees, and not what one would change."""

_CUT = (
    "softmax-one-unit",
    "wrong-loss",
    "wrong-output-activation",
    "unscaled-inputs",
    "bad-initialisation",
    "wrong-hidden-activation",
    "lr-too-high",
    "nan-loss",
    "gradients-not-applied",
    "normalisation-misuse",
    "wrong-axis",
)
"""Causes that make gradients exactly zero without any operation being in the way."""

_SLOWNESS = ("lr-too-low", "wrong-optimizer", "too-few-epochs", "batch-size", "insufficient-capacity")
_OBJECTIVE = ("lr-too-high", "wrong-hidden-activation", "bad-initialisation", *_SLOWNESS, "unscaled-targets")
_HIDES: dict[str, tuple[str, ...]] = {
    # cause: what looks likely beside it only because of it, and is folded unless it is the surer of the two
    "recompilation": ("memory-creep",),  # every program stays in memory
    "softmax-one-unit": _OBJECTIVE,
    "logits-mismatch": _OBJECTIVE,
    "wrong-output-activation": _OBJECTIVE,
    "wrong-output-units": _OBJECTIVE,
    "wrong-loss": _OBJECTIVE,
    "wrong-labels": ("overfitting", "train-val-mismatch", "unshuffled-data", *_OBJECTIVE),
    "train-val-mismatch": ("overfitting", "wrong-labels", "class-imbalance", *_OBJECTIVE),
    "unshuffled-data": ("overfitting", "train-val-mismatch", "class-imbalance", *_OBJECTIVE),
    "unscaled-inputs": ("lr-too-high", "wrong-hidden-activation", "overfitting", *_SLOWNESS),
    "dropout-misuse": ("over-regularised", *_OBJECTIVE),
    "over-regularised": _OBJECTIVE,
    "nan-operation": _OBJECTIVE,
    "custom-loss-bug": _OBJECTIVE,
    "broadcast-shape": _OBJECTIVE,
    "scale-mismatch": _OBJECTIVE,
    "wrong-axis": ("disconnected-gradient", *_OBJECTIVE),
    # Statistics of a batch mix its rows.
    "training-flag": ("overfitting", "over-regularised", "wrong-axis", *_OBJECTIVE),
    "frozen-weights": ("disconnected-gradient", *_OBJECTIVE),
    "gradients-not-applied": ("frozen-weights", "disconnected-gradient", *_OBJECTIVE),
    "wrong-variables": ("frozen-weights", "disconnected-gradient", *_OBJECTIVE),
    "disconnected-gradient": ("frozen-weights", *_OBJECTIVE),
    "bad-initialisation": ("wrong-hidden-activation", "wrong-layer", *_SLOWNESS),
    "lr-too-high": _SLOWNESS,
    "lr-too-low": ("too-few-epochs", "wrong-optimizer", "insufficient-capacity"),
    "insufficient-capacity": _SLOWNESS,
    "missing-activation": _SLOWNESS,
    # What lets nothing through, or next to nothing, leaves the layers behind it as dead as any other trouble would.
    "normalisation-misuse": ("batch-size", "overfitting", *_OBJECTIVE),
    "wrong-hidden-activation": _SLOWNESS,
}

_SEQUEL = ("frozen-weights", "gradients-not-applied", "disconnected-gradient", "dying-relu")
"""Kinds that fold under a NaN when they begin with or after it; before it they are a matter of their own."""


def rank(findings: Sequence[Finding], most: int = MOST) -> tuple[Finding, ...]:
    """Returns the findings in order, the likeliest cause first, each with its rank from 1.

    Args:
        findings: what the detectors returned, in any order.
        most: how many to return; a note says what was left out.
    """
    causes = _folded(sorted(_once(findings), key=_weight))
    causes = sorted(_few(sorted(causes, key=_weight)), key=_weight)
    if len(causes) > most:
        causes = [*causes[: most - 1], _left_out(causes[most - 1 :])]
    return tuple(dataclasses.replace(finding, rank=place) for place, finding in enumerate(causes, start=1))


def _weight(finding: Finding) -> tuple[int, int, int, float]:
    """What is worth acting on first: causes by confidence, then symptoms; our own troubles stand behind everything."""
    note = finding.severity == "note" or finding.severity not in SEVERITIES
    symptom = finding.kind in SYMPTOMS
    return int(note), int(finding.kind == "kerascope-internal"), int(symptom), -finding.confidence


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """Drops findings that say the same of the same place; of one kind about one model the surest stays.

    What the others know of places and ways to mend it is kept.
    """
    kept: dict[tuple[object, ...], Finding] = {}
    for finding in sorted(findings, key=_weight):
        key = (finding.kind, model_of(finding), None if finding.kind in _ONE_SETTING else finding.title)
        first = kept.setdefault(key, finding)
        if first is not finding:
            ways = tuple(way for way in finding.levers if way not in first.levers)
            kept[key] = dataclasses.replace(first, levers=(*first.levers, *ways))
    return _at_one_place(list(kept.values()))


def _at_one_place(findings: Sequence[Finding]) -> list[Finding]:
    """Merges what is of one kind and at one line, or at a line and nowhere: one thing to change is one finding."""
    kept: list[Finding] = []
    for finding in findings:
        alike = [f for f in kept if f.kind == finding.kind]
        same = [f for f in alike if model_of(f) == model_of(finding)]
        here = _line(finding)
        twin = next((f for f in same if _line(f) == here is not None), None)
        if twin is None:  # a model and one that holds it are two models, and one line
            twin = next((f for f in alike if f.title == finding.title and _line(f) == here is not None), None)
        if twin is None and finding.kind in _WHOLE and finding.severity != "note":
            loud = (f for f in same if f.severity != "note")
            twin = next((f for f in loud if (_line(f) is None) != (here is None)), None)
        if twin is None:
            kept.append(finding)
            continue
        first, other = (twin, finding) if _line(twin) is not None else (finding, twin)
        added = Evidence("seen also", other.title, plot=_plot(other))
        kept[kept.index(twin)] = dataclasses.replace(
            first,
            confidence=max(first.confidence, other.confidence),
            evidence=(*first.evidence, added),
            levers=(*first.levers, *(way for way in other.levers if way not in first.levers)),
        )
    return kept


def _line(finding: Finding) -> tuple[str | None, int] | None:
    where = finding.location
    return (where.file, where.line) if where.line is not None else None


_WHOLE = ("disconnected-gradient", "gradients-not-applied", "frozen-weights", "wrong-axis", "nan-operation")
"""Kinds seen both in the run as a whole, and at the line that is to blame for it."""

_ONE_SETTING = (
    "lr-too-low",
    "lr-too-high",
    "wrong-optimizer",
    "batch-size",
    "too-few-epochs",
    "logits-mismatch",
)
"""Kinds of which a model can have one only, whoever found it and in whatever words."""


def _few(ordered: Sequence[Finding]) -> list[Finding]:
    """Makes notes of causes far behind: many suspicions at once are none."""
    kept: list[Finding] = []
    counts: dict[str | None, int] = {}
    for finding in ordered:
        first = next((f for f in kept if model_of(f) == model_of(finding) and f.severity != "note"), None)
        count = counts[model_of(finding)] = counts.get(model_of(finding), 0) + (finding.severity != "note")
        behind = first is not None and first.confidence >= 0.8 and finding.confidence < 0.55
        if finding.severity != "note" and (count > CAUSES_SHOWN or behind):
            finding = dataclasses.replace(finding, severity="note")
        kept.append(finding)
    return kept


def model_of(finding: Finding) -> str | None:
    """Returns the model a finding is about, None when the recording holds only one."""
    return next((str(item.value) for item in finding.evidence if item.label == "model"), None)


def _folded(ordered: Sequence[Finding]) -> list[Finding]:
    """Moves what follows from a cause under it; what is folded can carry others with it."""
    parent: dict[int, int] = {}
    for index, finding in enumerate(ordered):
        above = next(
            (
                i
                for i, other in enumerate(ordered)
                if i != index
                and _explains(other, finding)
                and (
                    i < index or not _explains(finding, other)
                )  # of two that explain each other the surer stays
            ),
            None,
        )
        if above is not None and _root(parent, above) != index:
            parent[index] = above
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


def _explains(cause: Finding, finding: Finding) -> bool:
    """Tells whether `finding` follows from `cause`."""
    if model_of(cause) != model_of(finding) or cause.kind == finding.kind:
        return False
    if cause.severity == "note" or cause.kind.startswith("kerascope"):
        return False  # what may well be meant so is no cause of what is certainly wrong
    if cause.kind == "nan-loss":
        first, then = cause.location.step, finding.location.step
        late = first is not None and then is not None and then >= first
        return finding.kind in ("no-learning", "exploding-gradient") or (finding.kind in _SEQUEL and late)
    if finding.kind in SYMPTOMS:
        if cause.kind in SYMPTOMS:
            return (finding.kind, cause.kind) in _AMONG_SYMPTOMS
        if cause.kind == "train-val-mismatch" and any("held-out" in item.label for item in finding.evidence):
            return cause.confidence >= 0.4  # what one part teaches is wrong for the other
        # Lines that are sound when run say nothing of a step that is not finite in its compiled form only.
        apart = cause.kind == "nan-operation" and "only the compiled step" in finding.title
        kept = finding.kind == "nan-loss" and (apart or cause.kind in _FINITE)
        return cause.confidence >= 0.4 and cause.kind not in _SILENT and not kept
    if finding.kind == "disconnected-gradient" and _nothing_gets_through(finding):
        return cause.kind in _CUT and cause.confidence >= 0.7
    if finding.kind in _OF_DATA and finding.confidence >= 0.85:
        return False  # seen in the data themselves, whatever else is wrong
    hidden = finding.kind in _HIDES.get(cause.kind, ())
    return hidden and cause.confidence >= max(0.7, finding.confidence - 0.05)


_AMONG_SYMPTOMS = (
    ("no-learning", "dying-relu"),
    ("no-learning", "exploding-gradient"),
    ("no-learning", "vanishing-gradient"),
    ("no-learning", "saturated-activation"),
)
_FINITE = ("gradients-not-applied", "frozen-weights", "wrong-variables", "missing-activation", *_SLOWNESS)
"""Causes that make nothing infinite."""

_OF_DATA = ("wrong-labels", "train-val-mismatch", "unshuffled-data", "data-leakage")
_SILENT = (
    "metric-bug",
    "wrong-metric",
    "data-leakage",
    "overfitting",
    "class-imbalance",
    "train-val-mismatch",
)
"""Causes that leave the training itself as it is: no symptom of it follows from them."""


def _nothing_gets_through(finding: Finding) -> bool:
    """Tells whether gradients are there and exactly zero, which saturated and dead units also bring about."""
    zero = any(e.label == "trainable variables with a gradient" and e.value == 0 for e in finding.evidence)
    return zero or "exactly zero" in finding.title


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
