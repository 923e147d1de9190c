"""How well a model does: beside chance, beside simple methods on the same rows, and whether it was still improving."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from kerascope.detect.reading import listing, mapping, number
from kerascope.detect.situation import Situation, Target

_ROOM = 0.25
_ACCURACY = 0.08
_FRACTION = 0.12
_TIMES = 1.8
_COPY = 0.5
_BY_HEART = 0.95
_FEW, _YOUNG = 100, 300  # updates
_OFF = -2.0
"""R2 of answers that lie a spread and a half off: further away no quantile is asked for."""
_STEADY = 0.015  # share of itself by which the loss falls per epoch


@dataclasses.dataclass(frozen=True)
class Standing:
    """Scores are accuracies or shares of explained variance (R2); NaN where they are not known.

    `own` is the model's on held-out rows (on training rows without any), `fitted` that on training rows, `simple` the
    best simple method's on held-out rows, `chance` that of a constant answer.
    """

    score: str
    own: float
    fitted: float
    simple: float
    chance: float
    rows: float = math.nan

    @property
    def noise(self) -> float:
        """By how much two accuracies on so few rows differ by chance."""
        if self.score != "accuracy" or not self.rows > 0:
            return 0.0
        share = min(0.95, max(0.05, self.own))
        return _TIMES * math.sqrt(share * (1 - share) / self.rows)

    @property
    def gap(self) -> float:
        """How far the model stays behind the simple methods, as a share of what there was to gain over chance."""
        if not all(map(math.isfinite, (self.own, self.simple, self.chance))):
            return math.nan
        room = self.simple - self.chance
        return (
            (self.simple - max(self.own, self.chance - 1)) / room
            if room >= _ROOM * (1 - self.chance)
            else math.nan
        )

    @property
    def poor(self) -> bool:
        """Tells whether the model does clearly worse than simple methods on the same rows."""
        return self.gap > _FRACTION and self.simple - self.own > max(_ACCURACY, self.noise)

    @property
    def at_chance(self) -> bool:
        """Tells whether the model knows next to nothing although simple methods do."""
        return self.gap > 0.85

    @property
    def poor_fit(self) -> bool:
        """Tells whether even the training rows are answered clearly worse than simple methods answer held-out ones."""
        if not all(map(math.isfinite, (self.fitted, self.simple))):
            return False
        return self.simple - self.fitted > _ACCURACY and self.simple - self.chance > _ROOM * (1 - self.chance)


def standing(target: Target) -> Standing:
    """Returns how well the model does on one output."""
    yard = target.yardstick
    score = str(yard.get("score") or "")
    few = yard.get("few") is True  # a handful of rows: any network can know them by heart
    held = target.validation if target.validation and not few else target.train
    key = "accuracy" if score == "accuracy" else "r2"
    part = "validation_" if target.validation and math.isfinite(number(yard.get("validation_linear"))) else ""
    simple = [number(yard.get(f"{part}neighbours")), number(yard.get(f"{part}linear"))]
    if yard.get("copies") is True:
        simple = [_COPY]  # a linear map copies perfectly, which is no yardstick for a bottleneck
    if few:
        simple = [_BY_HEART]
    known = [s for s in simple if math.isfinite(s)]
    return Standing(
        score=score,
        own=_answer(held, key, target.custom_loss),
        fitted=_answer(target.train, key, target.custom_loss),
        simple=max(known) if known else math.nan,
        chance=number(yard.get(f"{part}chance") if part else yard.get("chance")),
        rows=sum(number(listing(row)[0]) for row in mapping(held.get("classes")).values() if listing(row)),
    )


def _answer(answers: object, key: str, own_loss: bool) -> float:
    if not isinstance(answers, dict) or not answers:
        return math.nan
    if number(answers.get("finite")) < 1:
        return -1e6 if key == "r2" else 0.0  # NaN answers are none
    if (
        key == "r2"
        and own_loss
        and number(answers.get("correlation")) > 0
        and number(answers.get("r2")) > _OFF
    ):
        # A loss of the user's may ask for another figure than the mean, such as a high quantile.
        return max(number(answers.get("r2")), number(answers.get("correlation")) ** 2)
    return number(answers.get(key))


def worst(situation: Situation) -> Standing | None:
    """Returns the standing of the output that stays behind most, None when none is known.

    A model that was never updated stands nowhere: its answers are those of its first weights.
    """
    if not situation.updates:
        return None
    found = [standing(target) for target in situation.targets]
    known = [s for s in found if math.isfinite(s.gap)]
    return max(known, key=lambda s: s.gap) if known else (found[0] if found else None)


def on_its_way(situation: Situation) -> bool:
    """Tells whether a run ended early in a steady fall of its loss: it does learn, and was not given the time."""
    moves = situation.trend
    if moves is None or situation.updates >= _YOUNG or not moves.end < 0.93 * moves.start:
        return False
    # Over very few steps a fall is all that noise lets one say.
    return situation.updates < _FEW or (pace(situation) > _STEADY and moves.end <= 1.02 * moves.lowest)


def pace(situation: Situation) -> float:
    """Returns by which share of itself the loss fell per epoch in the last third of the epochs; 0 when it did not.

    NaN with fewer than two epochs.
    """
    losses = situation.epoch_logs("loss")
    losses = losses[np.isfinite(losses)]
    if len(losses) < 2:
        return math.nan
    tail = losses[-max(2, len(losses) // 3) :]
    if not (tail[0] > 0 and tail[-1] > 0 and tail[-1] < tail[0]):
        return 0.0
    return float(1 - (tail[-1] / tail[0]) ** (1 / (len(tail) - 1)))
