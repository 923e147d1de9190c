"""A model that stays behind what simple methods reach on the same rows, for whatever cause."""

from __future__ import annotations

import math
from collections.abc import Iterator

from kerascope.detect.causes.common import broken, curve, standing_evidence
from kerascope.detect.context import adversarial
from kerascope.detect.loss import failure
from kerascope.detect.reading import model_tag, show
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, situations
from kerascope.detect.standing import Standing, on_its_way, worst
from kerascope.record.reader import RunView
from kerascope.values import Finding

_FAR = 0.5
_FAR_IN_ONE = 0.7
"""For one of several outputs: what the network has room for, another one may have taken."""

_FAR_ON_NEW_ROWS = 0.5


@detector(kinds=("no-learning",), slug="behind")
def behind(view: RunView) -> Iterator[Finding]:
    """Finds models that do far worse than nearest neighbours or a linear map on the same rows."""
    for situation in situations(view):
        found = worst(situation)
        far = _FAR if len(situation.targets) == 1 else _FAR_IN_ONE
        if found is None or not found.poor or not found.gap > far or broken(situation):
            continue
        if adversarial(view, situation.model) or failure(view, situation.model) is not None:
            continue  # said already, or no statement about one model alone
        if not found.poor_fit and not found.gap > _FAR_ON_NEW_ROWS:
            continue  # its training rows it answers well
        moves = situation.trend
        if (
            any(t.custom_loss for t in situation.targets)
            and moves is not None
            and moves.end < 0.5 * moves.start
        ):
            continue  # it learns what the user's own loss asks for; what its answers mean is not known
        if on_its_way(situation):
            continue  # it learns, and was stopped early
        yield _behind(situation, found)


def _behind(situation: Situation, found: Standing) -> Finding:
    what = "accuracy" if found.score == "accuracy" else "R2"
    own = show(found.own) if math.isfinite(found.own) else "unknown"
    return Finding(
        kind="no-learning",
        severity="warning",
        confidence=0.8 if found.poor_fit else 0.6,
        title=f"The model ends at {what} {own}; simple methods reach {show(found.simple)} on the same rows",
        explanation=(
            "Nearest neighbours or a linear map, which need no training to speak of, answer the same held-out rows "
            "much better. So the data hold what is to be learnt, and something keeps the network from learning it"
            + (
                "."
                if found.poor_fit
                else " in a form that holds for new rows: its training rows it answers well."
            )
        ),
        evidence=(
            *model_tag(situation.view, situation.model),
            *standing_evidence(found),
            *curve(situation),
        ),
    )
