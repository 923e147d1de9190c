"""What the second look at the user's own code found, as far as the rest of the recording lets it stand."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator

import numpy as np

from kerascope.detect import births
from kerascope.detect.causes.common import harm
from kerascope.detect.reading import Anatomy, Checks, Samples, listed, mapping, model_tag
from kerascope.detect.registry import detector
from kerascope.detect.situation import situations
from kerascope.record.reader import ModelView, RunView
from kerascope.values import Evidence, Finding
from kerascope.values.encoding import decode


@detector(
    kinds=(
        "scale-mismatch",
        "broadcast-shape",
        "wrong-axis",
        "disconnected-gradient",
        "nan-operation",
        "gradients-not-applied",
        "wrong-variables",
        "frozen-weights",
        "custom-loss-bug",
        "metric-bug",
        "mask-ignored",
        "training-flag",
        "data-leakage",
        "softmax-one-unit",
    ),
    slug="examined",
)
def examined(view: RunView) -> Iterator[Finding]:
    """Turns each recorded result into a finding."""
    models = {model.id: model for model in view.models}
    for event in view.events("examined"):
        model = None if event.model is None else models.get(event.model)
        if model is None or not isinstance(event.facts.get("finding"), dict):
            continue
        finding: Finding | None = decode(Finding, event.facts["finding"])
        if not _stands(view, model, str(event.facts.get("when")), event.facts.get("paths") or ()):
            continue
        if finding is not None and finding.kind == "disconnected-gradient":
            finding = _confirmed(model, finding)
        elif finding is not None and event.facts.get("when") == "behind":
            finding = _weighed(view, model, finding)
        if finding is not None:
            yield dataclasses.replace(finding, evidence=(*model_tag(view, model), *finding.evidence))


def _stands(view: RunView, model: ModelView, when: str, paths: object) -> bool:
    if when == "nonfinite":  # unless running the step again has told where
        return _nonfinite(view, model) and not births.has_line(view, model)
    if when == "still":
        checks = Checks.of(model)
        return isinstance(paths, list) and all(checks.constant(str(path)) is not False for path in paths)
    if when == "explodes":
        return _nonfinite(view, model) or _runs_away(model)
    if when == "dead":
        return bool(_dead(model)) and not _nonfinite(view, model) and not _cut_elsewhere(view, model)
    if when == "agree":
        return isinstance(paths, list) and all(_vanishes(model, str(name)) for name in paths)
    if when == "unlearnt":
        return isinstance(paths, list) and all(_unlearnt(model, str(name)) for name in paths)
    if when == "lost":
        return next((harm(one) for one in situations(view) if one.model.id == model.id), math.nan) > _HARM
    if when == "worse":
        return not _gets_better(model)
    return True


_VANISHED = 0.02


def _vanishes(model: ModelView, name: str) -> bool:
    """A loss in the logs is next to nothing at the end, and was not when the training began."""
    values = [epoch.logs[name] for epoch in model.epochs() if name in epoch.logs]
    return len(values) >= 2 and 0 <= max(values[-2:]) < _VANISHED and values[0] > 3 * values[-1]


def _unlearnt(model: ModelView, name: str) -> bool:
    """A loss in the logs ends about where it began, or higher."""
    values = [epoch.logs[name] for epoch in model.epochs() if name in epoch.logs]
    return len(values) >= 2 and min(values[-2:]) > 0.8 * values[0]


def _nonfinite(view: RunView, model: ModelView) -> bool:
    return any(event.model == model.id for event in view.events("nonfinite"))


def _runs_away(model: ModelView) -> bool:
    """The loss ends well above where it has been."""
    losses = np.asarray(model.batch_loss(), np.float64)
    losses = losses[np.isfinite(losses)]
    if len(losses) < 10:
        return False
    tail = float(np.median(losses[-max(3, len(losses) // 10) :]))
    return tail > 3 * float(np.min(losses)) and tail > 1.5 * float(np.median(losses[:3]))


_HARM = 0.15
_BETTER_HIGH = re.compile("acc|auc|precision|recall|f1|iou|dice|r2", re.IGNORECASE)
_BETTER_LOW = re.compile("mae|mse|rmse|error", re.IGNORECASE)


def _gets_better(model: ModelView) -> bool:
    """A metric other than the loss says that the training went well, whatever its loss looks like."""
    epochs = model.epochs()
    if len(epochs) < 2:
        return False
    for name, first in epochs[0].logs.items():
        last = epochs[-1].logs.get(name)
        if "loss" in name or last is None:
            continue
        if _BETTER_HIGH.search(name) and last > first + 0.1:
            return True
        if _BETTER_LOW.search(name) and last < 0.7 * first:
            return True
    return False


def _dead(model: ModelView) -> list[str] | None:
    """Returns the trainable variables that no recorded gradient arrives at, None where none is recorded."""
    samples, anatomy = Samples.of(model, "gradient"), Anatomy(model.facts)
    columns = {v.path: samples.column(v.path) for v in anatomy.trainable()}
    if not len(samples.step) or not columns:
        return None
    return [path for path, norms in columns.items() if not (norms > 0).any()]


def _cut_elsewhere(view: RunView, model: ModelView) -> bool:
    """The trace itself has found the operation."""
    return any(
        event.model == model.id
        and event.facts.get("when") == "always"
        and mapping(event.facts.get("finding")).get("kind") in ("disconnected-gradient", "frozen-weights")
        for event in view.events("examined")
    )


def _weighed(view: RunView, model: ModelView, finding: Finding) -> Finding:
    """What may well be meant, such as random features, is a fault only where the model stays behind."""
    damage = next((harm(one) for one in situations(view) if one.model.id == model.id), math.nan)
    if damage > _HARM:
        return finding
    if math.isnan(damage):
        return dataclasses.replace(finding, severity="warning", confidence=0.6)
    said = f"{finding.explanation} The model does well in spite of it, so it may be meant."
    return dataclasses.replace(finding, severity="note", explanation=said)


def _confirmed(model: ModelView, finding: Finding) -> Finding | None:
    """A gradient that is cut shows in the recorded ones; where all of them arrive, nothing is cut."""
    dead, anatomy = _dead(model), Anatomy(model.facts)
    if dead is None:
        return finding
    if not dead:
        return None
    layer = anatomy.layer_of(dead[-1])
    return dataclasses.replace(
        finding,
        severity="fault",
        confidence=max(finding.confidence, 0.97),
        explanation=f"{finding.explanation} In the recorded steps no gradient arrived at {listed(dead)}.",
        evidence=(
            *finding.evidence,
            Evidence("weights without a gradient", f"{len(dead)} of {len(anatomy.trainable())}"),
        ),
        location=dataclasses.replace(finding.location, layer=finding.location.layer or layer),
    )
