"""What the second look at the user's own code found, as far as the rest of the recording lets it stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from kerascope.detect.reading import Checks, model_tag
from kerascope.detect.registry import detector
from kerascope.record.reader import ModelView, RunView
from kerascope.values import Finding
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
    ),
    slug="examined",
)
def examined(view: RunView) -> Iterator[Finding]:
    """Turns each recorded result into a finding."""
    models = {model.id: model for model in view.models}
    for event in view.events("examined"):
        model = models.get(event.model)
        if model is None or not isinstance(event.facts.get("finding"), dict):
            continue
        finding = decode(Finding, event.facts["finding"])
        if _stands(view, model, str(event.facts.get("when")), event.facts.get("paths") or ()):
            yield dataclasses.replace(finding, evidence=(*model_tag(view, model), *finding.evidence))


def _stands(view: RunView, model: ModelView, when: str, paths: object) -> bool:
    if when == "nonfinite":
        return any(event.model == model.id for event in view.events("nonfinite"))
    if when == "still":
        checks = Checks.of(model)
        return isinstance(paths, list) and all(checks.constant(str(path)) is not False for path in paths)
    return True
