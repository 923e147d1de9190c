"""What the detectors of causes share: making a finding, and the sentences and evidence that many of them use."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from kerascope.detect.loss import failure
from kerascope.detect.node import Node
from kerascope.detect.reading import Checks, Samples, median, model_tag, number, show, thin
from kerascope.detect.situation import Situation, Target
from kerascope.detect.standing import Standing, standing, worst
from kerascope.values import Evidence, Finding, Lever, Severity, SourceSpan

Way = tuple[Lever, ...]


def cause(
    situation: Situation,
    kind: str,
    confidence: float,
    title: str,
    explanation: str,
    *ways: Way,
    severity: Severity | None = None,
    layer: str | None = None,
    evidence: Sequence[Evidence] = (),
) -> Finding:
    """Returns a finding; its severity follows from the confidence unless one is given.

    Args:
        situation: of the model it is about.
        kind: a cause from the vocabulary.
        confidence: how many of such findings are right, from 0 to 1.
        title: one line without a full stop.
        explanation: what is wrong and how it does harm.
        ways: each one way to mend it, the likeliest first.
        severity: "note" for what is true but does no harm here.
        layer: path of the layer it is about.
        evidence: measured facts, the telling one first.
    """
    judged: Severity = severity or (
        "fault" if confidence >= 0.75 else "warning" if confidence >= 0.4 else "note"
    )
    return Finding(
        kind=kind,
        severity=judged,
        confidence=round(confidence, 2),
        title=title,
        explanation=explanation,
        location=SourceSpan(layer=layer),
        evidence=(*model_tag(situation.view, situation.model), *evidence),
        levers=tuple(ways),
    )


def on_layer(layer: Node | None, argument: str | None, value: str | None) -> Way:
    """Returns the way of setting one argument of a layer."""
    return (Lever("layer", argument, value, layer.path if layer is not None else None),)


def on(target: str, argument: str | None, value: str | None) -> Way:
    """Returns the way of setting one argument of "compile", "fit", "optimizer" or "data"."""
    return (Lever(target, argument, value),)


def standing_evidence(found: Standing | None, held_out: bool = True) -> Iterator[Evidence]:
    """Yields the model's score beside that of the simple methods."""
    if found is None or not math.isfinite(found.simple):
        return
    what = "accuracy" if found.score == "accuracy" else "R2"
    rows = "held-out rows" if held_out else "training rows"
    if math.isfinite(found.own):
        yield Evidence(f"{what} of the model, {rows}", round(found.own, 4))
    yield Evidence(f"{what} of simple methods, same rows", round(found.simple, 4))
    if found.score == "accuracy":
        yield Evidence("accuracy of the commonest class alone", round(found.chance, 4))


def curve(situation: Situation) -> Iterator[Evidence]:
    """Yields the course of the loss."""
    moves = situation.trend
    if moves is not None:
        yield Evidence("loss", f"{show(moves.start)} -> {show(moves.end)}", plot=moves.levels)


def harm(situation: Situation, target: Target | None = None) -> float:
    """Returns how clearly the training went wrong, from 0 (no sign of it) to 1 (knows nothing, or is not finite)."""
    key = "harm", None if target is None else target.index
    if key not in situation.memo:
        situation.memo[key] = _harm(situation, target)
    return situation.memo[key]


def _harm(situation: Situation, target: Target | None) -> float:
    found = standing(target) if target is not None else worst(situation)
    answers = situation.targets[0].train if situation.targets else {}
    if broken(situation):
        return 1.0
    if number(answers.get("finite")) < 1:
        return 1.0
    if found is not None and math.isfinite(found.gap):
        return min(1.0, max(0.0, found.gap)) if found.poor else 0.0
    seen = failure(situation.view, situation.model)
    if seen is None:
        return math.nan
    return 0.9 if seen.severity == "fault" else 0.5


def broken(situation: Situation) -> bool:
    """Tells whether the training loss, or what the trained model answers, is not finite any more."""
    losses = situation.model.steps().logs.get("loss")
    if losses is not None and len(losses) > 0 and not math.isfinite(float(losses[-1])):
        return True
    return any(number(target.train.get("finite")) < 1 for target in situation.targets)


def step_size(situation: Situation) -> float:
    """Returns norm of update / norm of weight, the mean over the samples of the median weight matrix; NaN when unknown.

    The mean, because a schedule may put nearly the whole way into a part of the run.
    """
    weights, updates = Samples.of(situation.model, "weight"), Samples.of(situation.model, "update")
    if len(weights.step) != len(updates.step) or not len(weights.step):
        return math.nan
    known = situation.anatomy.variables
    with np.errstate(all="ignore"):
        table = {n: updates.column(n) / weights.column(n) for n in weights.names}
    ratios = [
        _mean(table[name])
        for name in weights.names
        if name in known and known[name].trainable and known[name].dimensions > 1
    ]
    return median([r for r in ratios if math.isfinite(r)])


def _mean(values: np.ndarray) -> float:
    good = values[np.isfinite(values)]
    return float(good.mean()) if len(good) else math.nan


def moved(situation: Situation, path: str) -> float:
    """Returns how far the norm of a weight moved over the run, relative to where it began; NaN when unknown."""
    norms = Checks.of(situation.model).weight(path)
    if norms is None or len(norms) < 2 or not norms[0]:
        return math.nan
    return float(abs(norms[-1] - norms[0]) / norms[0])


def gradient_plot(situation: Situation) -> Iterator[Evidence]:
    """Yields the norm of all gradients together over the samples."""
    gradients = Samples.of(situation.model, "gradient")
    total = gradients.total()
    good = [v for v in total if math.isfinite(v)]
    if good:
        yield Evidence("gradient norm, all weights", median(good), plot=thin(good))
