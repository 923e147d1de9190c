"""Training and validation rows that differ in kind, or share what they must not share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from kerascope.detect.causes.common import Way, cause, harm, on, standing_evidence
from kerascope.detect.causes.rows import alike
from kerascope.detect.reading import listing, mapping, number, show, whole
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, Target, situations
from kerascope.detect.standing import standing, worst
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_HARM = 0.15
_COPIED = 0.5
_TIMES = 15.0  # largest value of validation over training data, or the reverse
_SPREADS = 3.0
_REAL = 4
_MISSING = 0.2  # share of a class in training over that in validation


@detector(kinds=("train-val-mismatch", "unshuffled-data", "data-leakage"), slug="parts")
def parts(view: RunView) -> Iterator[Finding]:
    """Finds training and validation rows that differ in kind, or share what they must not share."""
    for situation in situations(view):
        yield from _mismatch(situation)
        for target in situation.targets:
            yield from _order(situation, target)
            yield from _single_feature(situation, target)
            yield from _inside_window(situation, target)
            yield from _copies(situation, target)
        yield from _shared(situation)


def _shifts(situation: Situation) -> list[Mapping[str, Any]]:
    return [mapping(e) for e in listing(mapping(situation.data.get("between")).get("shift"))]


def scaled_apart(situation: Situation) -> tuple[float, float] | None:
    """Returns the largest absolute values of training and validation inputs when they are far apart."""
    for shift in _shifts(situation):
        largest = [number(v) for v in listing(shift.get("max"))]
        if len(largest) == 2 and min(largest) > 0 and max(largest) / min(largest) > _TIMES:
            spread = [number(v) for v in listing(shift.get("std"))]
            if min(spread) > 0 and max(spread) / min(spread) > _SPREADS:
                return largest[0], largest[1]
    return None


def _mismatch(situation: Situation) -> Iterator[Finding]:
    apart = scaled_apart(situation)
    split = bool(situation.fit.get("validation_data"))
    lever = on("part", "validation_data[0]" if split else "x", None)
    if apart is not None:
        # The smaller one was brought to scale: there stands what has to be done to the other, too.
        if apart[0] < apart[1]:
            lever = on("part", "x", None)
        yield cause(
            situation,
            "train-val-mismatch",
            0.93,
            f"Training inputs reach {show(apart[0])}, validation inputs {show(apart[1])}",
            "The two parts were not prepared in the same way: what was done to the one (a division, a "
            "standardisation) was "
            "not done to the other. Scores on the validation rows say nothing about the model then.",
            lever,
            evidence=[
                Evidence("largest training input", apart[0]),
                Evidence("largest validation input", apart[1]),
                *standing_evidence(worst(situation)),
            ],
        )
        return
    yield from _drifted(situation, lever)


def _drifted(situation: Situation, lever: Way) -> Iterator[Finding]:
    """Inputs from different distributions."""
    found = worst(situation)
    for shift in _shifts(situation):
        distance, ratio = mapping(shift.get("apart")), mapping(shift.get("ratio"))
        median, error = number(distance.get("median")), number(distance.get("error"))
        wide = number(ratio.get("median"))
        moved = median > 0.8 + 6 * error or wide > 2.5 or 0 < wide < 0.4
        # Much better on its own training rows than on the validation rows: the shift does harm.
        worse = found is not None and found.fitted - found.own > 0.15
        if moved and worse and not any(unseen(t) for t in situation.targets):
            yield cause(
                situation,
                "train-val-mismatch",
                0.75,
                "Training and validation inputs come from different distributions",
                "The means of the features lie further apart than their own spread explains, or they scatter "
                "differently, "
                "and the model does much worse on the validation rows. Prepare both in the same way (with "
                "figures of the "
                "training rows) and draw both from the same source.",
                lever,
                evidence=[
                    Evidence("distance of means / spread, median", round(median, 3)),
                    Evidence("spread, validation / training, median", round(wide, 3)),
                    *standing_evidence(found),
                ],
            )
            return


def unseen(target: Target) -> float:
    """Returns the share of the validation rows whose class is next to missing in training; 0 when small or unknown.

    That the shares of classes differ is no fault in itself: rare classes are often drawn more often for training.
    """
    train, held = mapping(target.labels.get("counts")), mapping(target.validation_labels.get("counts"))
    a, b = sum(number(v) for v in train.values()), sum(number(v) for v in held.values())
    if not a or not b or b < 10:
        return 0.0
    shares = [(number(train.get(name, 0)) / a, number(count) / b) for name, count in held.items()]
    missing = sum(there for here, there in shares if here < _MISSING * there)
    return missing if missing > 0.2 + 2 * math.sqrt(len(shares) / b) / 2 else 0.0


def _cut(situation: Situation) -> bool:
    """Tells whether the validation rows are the last ones; of a split and validation data Keras takes the data."""
    return number(situation.fit.get("validation_split")) > 0 and not situation.fit.get("validation_data")


def _order(situation: Situation, target: Target) -> Iterator[Finding]:
    """Rows that come sorted by label, where their order matters."""
    far = unseen(target)
    repeats, chance = number(target.labels.get("repeats")), number(target.labels.get("repeats_by_chance"))
    cut = _cut(situation)
    if far and not cut and alike(situation) and target.is_class_task:
        yield _written_apart(situation, target)
    elif far:
        yield cause(
            situation,
            "unshuffled-data",
            0.93 if cut and repeats > chance + 0.3 else 0.7,
            "The validation rows are of other classes than the training rows",
            (
                "`validation_split` takes the last rows as they come, before any shuffling, and the rows come "
                "sorted by class. "
                "So the model is asked for classes that it hardly saw. Shuffle rows and labels together first."
                if cut
                else "The shares of the classes differ far more than chance allows: the rows were split while they "
                "were sorted. Shuffle rows and labels together before splitting."
            ),
            on("fit", "validation_split", None) if cut else on("data", "x", None),
            on("data", "x", None),
            evidence=[
                Evidence("classes of training rows", _shares(target.labels)),
                Evidence("classes of validation rows", _shares(target.validation_labels)),
                *standing_evidence(standing(target)),
            ],
        )
    elif (
        situation.fit.get("shuffle") is False
        and repeats > chance + 0.5 * (1 - chance)
        and target.is_class_task
    ):
        damage = harm(situation, target)
        yield cause(
            situation,
            "unshuffled-data",
            0.88 if damage > _HARM else 0.5,
            "The rows come sorted by class and are not shuffled",
            "With `shuffle=False` every batch holds rows of one class only, so each step unlearns what the "
            "steps before had "
            "learned of the others.",
            on("fit", "shuffle", "True"),
            evidence=[
                Evidence("neighbouring rows with the same label", round(repeats, 3)),
                Evidence("by chance", round(chance, 3)),
                *standing_evidence(standing(target)),
            ],
        )


def _written_apart(situation: Situation, target: Target) -> Finding:
    """Inputs of both parts look alike, their labels do not: one part is labelled in another way."""
    here, there = mapping(target.labels.get("counts")), mapping(target.validation_labels.get("counts"))
    fewer = len(here) < len(there)
    return cause(
        situation,
        "wrong-labels" if fewer else "train-val-mismatch",
        0.8,
        "The validation rows have other labels than the training rows, though their inputs look alike",
        "If the rows had been split while they were sorted by class, the inputs of the two parts would differ as well. "
        "They do not, so the labels of one part were made in another way"
        + (", probably those of the training rows, which have fewer different ones." if fewer else "."),
        on("part", str(target.labels.get("name") or "y") if fewer else "validation_data[1]", None),
        evidence=[
            Evidence("classes of training rows", _shares(target.labels)),
            Evidence("classes of validation rows", _shares(target.validation_labels)),
            *standing_evidence(standing(target)),
        ],
    )


def _shares(facts: Mapping[str, Any]) -> str:
    counts = mapping(facts.get("counts"))
    return ", ".join(f"{name}: {whole(count)}" for name, count in list(counts.items())[:8])


def _shared(situation: Situation) -> Iterator[Finding]:
    between = mapping(situation.data.get("between"))
    shared, doubles = number(between.get("shared")), number(between.get("doubles"))
    rows = [
        len(listing(mapping(a.get("features")).get("std"))) for a in situation.inputs() if not a.get("whole")
    ]
    real = sum(rows) >= _REAL  # rows of several measured numbers are never the same by chance
    if not (shared > 0.1 and (real or shared > 4 * doubles)):
        return
    yield cause(
        situation,
        "data-leakage",
        0.9,
        f"{show(100 * shared)} % of the validation rows are also training rows",
        "The model has seen these rows together with their answers. The validation scores say how well it "
        "remembers, not how "
        "well it will do on new rows.",
        on("data", "validation_data[0]", None),
        evidence=[
            Evidence("share of validation rows", round(shared, 3)),
            Evidence("doubles within the training data", round(doubles, 3)),
        ],
    )


def _copies(situation: Situation, target: Target) -> Iterator[Finding]:
    """Validation rows that are next to the same as some training rows, and far from all others."""
    copied = number(target.yardstick.get("copied"))
    if not copied > _COPIED or number(mapping(situation.data.get("between")).get("shared")) > _COPIED:
        return
    yield cause(
        situation,
        "data-leakage",
        0.72,
        f"{show(100 * copied)} % of the validation rows are training rows, slightly changed",
        "Each has a few training rows with the same answer at least five times nearer than all the others, which rows "
        "that were drawn one by one do not have: copies were made (augmentation, oversampling, repeated measurements) "
        "before the rows were split. The validation scores say how well the model remembers. Split first, then make "
        "copies of the training rows only.",
        on("fit", "validation_split", None) if _cut(situation) else on("split", "validation_data[0]", None),
        evidence=[
            Evidence("share of validation rows with near copies", round(copied, 3)),
            *standing_evidence(standing(target)),
        ],
    )


def _single_feature(situation: Situation, target: Target) -> Iterator[Finding]:
    """One column that is next to the answer itself, beside others that say little."""
    single = mapping(target.yardstick.get("single"))
    best, second = number(single.get("best")), number(single.get("second"))
    if target.yardstick.get("score") != "accuracy" or not (best > 0.9 and second < 0.35):
        return
    found = standing(target)
    if not found.own > 0.97:
        return
    column = whole(single.get("feature"))
    yield cause(
        situation,
        "data-leakage",
        0.75,
        f"Column {column} of the inputs all but gives the answer away",
        f"By itself it explains {show(100 * best)} % of the labels; the next best column {show(100 * second)} "
        "%. A column like "
        "this is often written down together with the answer, or after it, and will not be there when the "
        "model is used. "
        "If it will be, this is no fault.",
        on("data", "x", None),
        evidence=[
            Evidence(f"explained by column {column}", round(best, 3)),
            Evidence("explained by the next best column", round(second, 3)),
            *standing_evidence(found),
        ],
    )


def _inside_window(situation: Situation, target: Target) -> Iterator[Finding]:
    """Windows over a series that hold the very value that is asked for."""
    inside = mapping(target.yardstick.get("inside"))
    if not inside:
        return
    step, steps = whole(inside.get("step")), whole(inside.get("steps"))
    place = "the last" if step == steps - 1 else f"number {step + 1}"
    yield cause(
        situation,
        "data-leakage",
        0.93,
        f"The number to predict is one of its own inputs: {place} of {steps} steps",
        "The rows are windows over a series, and the target of each row, to the digit, stands in the window itself. "
        "The network need only hand it on, and its scores say nothing about the steps to come. Let the target be a "
        "value behind the window.",
        on("choice", str(target.labels.get("name") or "y"), None),
        evidence=[
            Evidence("rows whose target is in the window", 1.0),
            Evidence("step of the window", step + 1, f"of {steps}"),
            *standing_evidence(standing(target)),
        ],
    )
