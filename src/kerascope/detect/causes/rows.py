"""Too few rows to learn from: what is learnt from them does not hold for others, and others would teach it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from kerascope.detect.causes.common import broken, cause, harm, on
from kerascope.detect.reading import listing, mapping, number, show, whole
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, Target, situations
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_GAP = 0.15
_AGAIN = 0.25
_REAL = 4
_FEW = 40
"""Rows below which no simple method is measured either."""


@detector(kinds=("insufficient-data",), slug="rows")
def rows(view: RunView) -> Iterator[Finding]:
    """Finds trainings on so few rows that any method would know too little of the others."""
    for situation in situations(view):
        if len(situation.targets) == 1 and not broken(situation):
            yield from _scarce(situation, situation.targets[0])
            yield from _the_same(situation, situation.targets[0])


def _the_same(situation: Situation, target: Target) -> Iterator[Finding]:
    """A data set of the user's that hands out a few rows again and again within one epoch."""
    train = mapping(situation.data.get("train"))
    known, distinct = number(train.get("rows")), number(train.get("distinct"))
    features = max(
        (len(listing(mapping(a.get("features")).get("std"))) for a in situation.inputs()), default=0
    )
    pictures = any(len(listing(a.get("shape"))) > 3 for a in situation.inputs())
    if not (known >= 100 and distinct <= _AGAIN and (features >= _REAL or pictures)):
        return
    key = "accuracy" if math.isfinite(number(target.validation.get("accuracy"))) else "r2"
    fitted, own = number(target.train.get(key)), number(target.validation.get(key))
    if not (fitted - own > _GAP or harm(situation, target) > _GAP):
        return
    yield cause(
        situation,
        "insufficient-data",
        0.9,
        f"An epoch of {whole(known):,} rows holds only {show(100 * distinct)} % different ones",
        "The data set hands out the same rows again and again, so that the model learns these few by heart: whatever "
        "picks the rows of a batch does not move on with its number (an index that is not used, a generator "
        "that begins anew).",
        on("data", "x", None),
        evidence=[
            Evidence("share of rows that had not come before", round(distinct, 4)),
            Evidence(f"{'accuracy' if key == 'accuracy' else 'R2'}, training rows", round(fitted, 3)),
            *([Evidence("validation rows", round(own, 3))] if math.isfinite(own) else []),
        ],
    )


def _scarce(situation: Situation, target: Target) -> Iterator[Finding]:
    """The validation part holds more rows than the training part, and they would teach more."""
    yard, known = target.yardstick, situation.rows
    held = number(mapping(situation.data.get("validation")).get("rows"))
    key = "accuracy" if math.isfinite(number(target.validation.get("accuracy"))) else "r2"
    fitted, own = number(target.train.get(key)), number(target.validation.get(key))
    chance = 1 / max(2, target.classes) if key == "accuracy" else 0.0
    if not all(map(math.isfinite, (known, held, fitted, own, chance))) or held < 1.5 * known:
        return
    room = 1 - chance
    if not (fitted - own > _GAP * room and fitted - chance > 0.5 * room) or not alike(situation):
        return
    across = max(number(yard.get("validation_neighbours")), number(yard.get("validation_linear")))
    inside = number(yard.get("within_validation"))
    taught = math.isfinite(across) and inside - across > _GAP * room and across - chance > 0.2 * room
    if not taught and not (known < _FEW and held >= 5 * known):
        return
    yield cause(
        situation,
        "insufficient-data",
        0.72,
        f"{whole(known)} training rows are too few: {whole(held):,} others are answered much worse",
        "The training rows are answered well, and rows that were not seen badly: what tells them apart is not in so "
        "few examples. "
        + (
            "Nearest neighbours, which learn nothing, fare no better with the training rows, and much better with as "
            "many rows as the validation part has. "
            if taught
            else ""
        )
        + "Train on more rows (the validation part has more of them than the training part), make more of them by "
        "augmentation, or begin with a pretrained network.",
        on("data", "x", None),
        evidence=[
            Evidence("training rows", whole(known)),
            Evidence("validation rows", whole(held)),
            Evidence(f"{'accuracy' if key == 'accuracy' else 'R2'}, training rows", round(fitted, 3)),
            Evidence("validation rows", round(own, 3)),
            *([Evidence("neighbours among validation rows", round(inside, 3))] if taught else []),
            *(
                [Evidence("neighbours or linear map, from training to validation rows", round(across, 3))]
                if taught
                else []
            ),
        ],
    )


def alike(situation: Situation) -> bool:
    """Tells whether training and validation inputs look as if they were drawn alike."""
    for shift in map(mapping, listing(mapping(situation.data.get("between")).get("shift"))):
        apart = mapping(shift.get("apart"))
        middle, error = number(apart.get("median")), number(apart.get("error"))
        if math.isfinite(middle) and middle > max(0.2, 3 * error):
            return False
    return True
