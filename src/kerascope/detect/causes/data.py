"""Data that do not suit the network, or do not mean what they seem to: scales, labels, order, splits, leaks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kerascope.detect.causes.common import cause, harm, on, standing_evidence
from kerascope.detect.reading import listing, mapping, number, show
from kerascope.detect.registry import detector
from kerascope.detect.situation import NORMALISING, NUMERIC, Situation, Target, situations
from kerascope.detect.standing import standing, worst
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_LARGE = 10.0  # root mean square of all inputs together
_LARGE_FEATURE = 30.0
_UNEVEN = 100.0  # largest spread of a feature over the median one
_TARGETS = 30.0
_HARM = 0.15
_TIMES = 15.0  # largest value of validation over training data, or the reverse
_SPREADS = 3.0


@detector(kinds=("unscaled-inputs", "unscaled-targets"), slug="scales")
def scales(view: RunView) -> Iterator[Finding]:
    """Finds inputs and targets of a size that the network cannot work with."""
    for situation in situations(view):
        found = unscaled(situation)
        if found is not None:
            yield _unscaled_inputs(situation, *found)
        for target in situation.targets:
            yield from _unscaled_targets(situation, target)


def unscaled(situation: Situation) -> tuple[Mapping[str, Any], float, float] | None:
    """Returns the worst input array, its size and its unevenness, None when all are of a moderate scale."""
    if _prepared(situation):
        return None
    worst_found: tuple[Mapping[str, Any], float, float] | None = None
    for array in situation.inputs():
        if str(array.get("dtype")).startswith(("int", "uint")) and _embedded(situation):
            continue
        size = math.hypot(number(array.get("mean")), number(array.get("std")))
        features = mapping(array.get("features"))
        spread = np.array([number(v) for v in listing(features.get("std"))])
        mean = np.array([number(v) for v in listing(features.get("mean"))])
        good = spread[spread > 0]
        uneven = float(good.max() / np.median(good)) if len(good) > 1 else 1.0
        largest = float(np.hypot(mean, spread).max()) if len(spread) else size
        if size > _LARGE or largest > _LARGE_FEATURE or (uneven > _UNEVEN and largest > 3):
            if worst_found is None or size > worst_found[1]:
                worst_found = (array, max(size, largest), uneven)
    return worst_found


def _prepared(situation: Situation) -> bool:
    """Tells whether something brings the inputs to scale before the first weights: a layer, or a calculation."""
    for node in situation.working:
        if node.kind in NORMALISING:
            return True
        if node.weighted or node.custom or node.parameters:
            break
    return any(name.startswith("op:") for chain in situation.chains for name in chain[-4:])


def _embedded(situation: Situation) -> bool:
    return any(node.kind in ("Embedding", "CategoryEncoding", "Hashing") for node in situation.working)


def _unscaled_inputs(situation: Situation, array: Mapping[str, Any], size: float, uneven: float) -> Finding:
    damage = harm(situation)
    bad = damage > _HARM
    sure = min(0.93, 0.72 + 0.07 * math.log10(max(size, 1)) + (0.05 if uneven > _UNEVEN else 0.0))
    name = str(array.get("name"))
    plot = tuple(
        math.log10(max(number(v), 1e-9)) for v in listing(mapping(array.get("features")).get("std"))[:48]
    )
    low, high = number(array.get("min")), number(array.get("max"))
    return cause(
        situation,
        "unscaled-inputs",
        sure if bad else 0.4,
        f"The inputs reach from {show(low)} to {show(high)} and nothing brings them to scale",
        "Weights begin at a size made for inputs of about 1. Larger inputs saturate sigmoid and tanh units, "
        "push relu units "
        "far to one side, and make gradients as much larger as themselves, so that no learning rate suits all "
        "weights; a "
        "feature that is a hundred times larger than the others drowns them. Subtract the mean and divide by "
        "the spread of "
        "the training rows (pictures: divide by 255), or begin with a `Normalization` layer.",
        on("data", name, None),
        severity=None if bad else "note",
        evidence=[
            Evidence("inputs, smallest to largest", f"{show(low)} to {show(high)}"),
            Evidence("largest spread of a feature over the median one", round(uneven, 2), plot=plot),
            *standing_evidence(worst(situation)),
        ],
    )


def _unscaled_targets(situation: Situation, target: Target) -> Iterator[Finding]:
    if target.loss not in NUMERIC or target.is_class_task or target.activation not in ("linear", ""):
        return
    if target.loss in ("mean_squared_logarithmic_error", "mean_absolute_percentage_error"):
        return
    mean, std = target.figure("mean"), target.figure("std")
    size = math.hypot(mean, std)
    if not size > _TARGETS:
        return
    damage = harm(situation, target)
    bad = damage > _HARM
    yield cause(
        situation,
        "unscaled-targets",
        min(0.85, 0.45 + 0.13 * math.log10(size)) if bad else 0.3,
        f"The targets are of size {show(size)}, far from what the network begins with",
        "A network begins with answers of about 1 and moves them by little steps, while the squared error of large "
        "targets makes gradients huge. Divide the targets by their spread after subtracting the mean, and undo it "
        "when you use the model.",
        on("data", str(target.labels.get("name") or "y"), None),
        severity=None if bad else "note",
        evidence=[
            Evidence("mean and spread of the targets", f"{show(mean)} +- {show(std)}"),
            *standing_evidence(standing(target)),
        ],
    )


# -- labels ------------------------------------------------------------------------------------------------------


@detector(kinds=("wrong-labels", "class-imbalance"), slug="labels")
def labels(view: RunView) -> Iterator[Finding]:
    """Finds labels that say nothing about the inputs, are no classes, or hardly ever say one thing."""
    for situation in situations(view):
        for target in situation.targets:
            yield from _fractions(situation, target)
            yield from _unrelated(situation, target)
            yield from _imbalance(situation, target)


def _fractions(situation: Situation, target: Target) -> Iterator[Finding]:
    name = str(target.labels.get("name") or "y")
    if target.loss == "sparse_categorical_crossentropy" and target.labels.get("whole") is False:
        if target.columns == 1:
            yield cause(
                situation,
                "wrong-labels",
                0.95,
                f"The class labels are no whole numbers ({show(target.figure('min'))} to {show(target.figure('max'))})",
                "Sparse categorical cross-entropy takes each label as the number of a unit and drops the "
                "fraction, so that "
                "different classes become one. Labels must not be scaled as inputs are.",
                on("data", name, None),
                evidence=[
                    Evidence("different labels", target.classes),
                    Evidence("largest label", target.figure("max")),
                ],
            )
    elif target.labels.get("distinct") == 1 and target.columns == 1:
        yield cause(
            situation,
            "wrong-labels",
            0.9,
            f"All labels are {show(target.figure('min'))}",
            "There is nothing to tell apart: the model needs to learn one number only.",
            on("data", name, None),
            evidence=[Evidence("different labels", 1)],
        )


def _unrelated(situation: Situation, target: Target) -> Iterator[Finding]:
    """The training labels do not depend on the inputs, those of the validation rows do."""
    yard = target.yardstick
    inside, chance = number(yard.get("within_validation")), number(yard.get("validation_chance"))
    own = max(number(yard.get("neighbours")), number(yard.get("linear")))
    across = max(number(yard.get("validation_neighbours")), number(yard.get("validation_linear")))
    base = number(yard.get("chance"))
    if not all(map(math.isfinite, (inside, chance, own, across, base))) or not situation.rows >= 150:
        return
    related = inside - chance > 0.4 * (1 - chance)
    found = Evidence("nearest neighbours within the validation rows", round(inside, 3))
    if related and own - base < 0.2 * (1 - base) and across - chance < 0.3 * (1 - chance):
        yield cause(
            situation,
            "wrong-labels",
            0.9,
            "The training labels do not go with their inputs; the validation labels do",
            "Rows with similar inputs have similar labels in the validation data, but not in the training "
            "data: there the "
            "labels look drawn at random. Inputs and labels were probably shuffled or sorted apart. The "
            "network can only "
            "learn such labels by heart.",
            on("order", str(target.labels.get("name") or "y"), None),
            evidence=[
                Evidence("nearest neighbours within the training rows", round(own, 3)),
                found,
                Evidence("by chance", round(base, 3)),
            ],
        )
    elif related and own - base > 0.4 * (1 - base) and across - chance < 0.15 * (1 - chance):
        if not _scaled_apart(situation) and not _unseen(target):
            yield cause(
                situation,
                "train-val-mismatch",
                0.7,
                "What holds in the training rows does not hold in the validation rows",
                "Similar inputs have similar labels within each of the two parts, but not across them: the "
                "labels or the "
                "inputs of one part were prepared in another way.",
                on("data", "validation_data", None),
                evidence=[
                    Evidence("nearest neighbours within the training rows", round(own, 3)),
                    found,
                    Evidence("from training to validation rows", round(across, 3)),
                ],
            )


def _imbalance(situation: Situation, target: Target) -> Iterator[Finding]:
    """A rare class that the model never answers."""
    counts = mapping(target.labels.get("counts"))
    total = sum(number(c) for c in counts.values())
    answers = target.validation or target.train
    per_class = mapping(answers.get("classes"))
    if len(counts) < 2 or not total or not per_class or situation.fit.get("class_weight") is True:
        return
    share = max(number(c) for c in counts.values()) / total
    if share < 0.8 or len(counts) > 10:
        return
    rare = [(name, listing(row)) for name, row in per_class.items() if number(counts.get(name)) / total < 0.2]
    missed = [name for name, row in rare if len(row) == 3 and row[0] >= 4 and row[2] <= 0.25 * row[0]]
    if not missed or len(missed) < len([r for r in rare if r[1] and r[1][0] >= 4]):
        return
    name = missed[0]
    wanted, _, hit = (int(v) for v in listing(per_class[name]))
    yield cause(
        situation,
        "class-imbalance",
        0.8,
        f"Class {name} is rare ({show(100 * number(counts.get(name)) / total)} % of the rows) and hardly ever found",
        f"{show(100 * share)} % of the rows are of one class, so always answering that class is right nearly "
        "always and the "
        f"loss has little to gain from the rest: of {wanted} rows of class {name} the model finds {hit}. Weigh "
        "the rare "
        "class higher (`class_weight`), draw it more often, and look at recall or AUC instead of accuracy.",
        on("fit", "class_weight", _weights(counts, total)),
        on("compile", "metrics", "[keras.metrics.Recall()]"),
        evidence=[
            Evidence("rows of each class", ", ".join(f"{n}: {c}" for n, c in list(counts.items())[:8])),
            Evidence(f"rows of class {name} that are found", f"{hit} of {wanted}"),
            *standing_evidence(standing(target)),
        ],
    )


def _weights(counts: Mapping[str, Any], total: float) -> str:
    return "{" + ", ".join(f"{n}: {total / (len(counts) * number(c)):.3g}" for n, c in counts.items()) + "}"


# -- parts -------------------------------------------------------------------------------------------------------


@detector(kinds=("train-val-mismatch", "unshuffled-data", "data-leakage"), slug="parts")
def parts(view: RunView) -> Iterator[Finding]:
    """Finds training and validation rows that differ in kind, or share what they must not share."""
    for situation in situations(view):
        yield from _mismatch(situation)
        for target in situation.targets:
            yield from _order(situation, target)
            yield from _single_feature(situation, target)
        yield from _shared(situation)


def _shifts(situation: Situation) -> list[Mapping[str, Any]]:
    return [mapping(e) for e in listing(mapping(situation.data.get("between")).get("shift"))]


def _scaled_apart(situation: Situation) -> tuple[float, float] | None:
    """Returns the largest absolute values of training and validation inputs when they are far apart."""
    for shift in _shifts(situation):
        largest = [number(v) for v in listing(shift.get("max"))]
        if len(largest) == 2 and min(largest) > 0 and max(largest) / min(largest) > _TIMES:
            spread = [number(v) for v in listing(shift.get("std"))]
            if min(spread) > 0 and max(spread) / min(spread) > _SPREADS:
                return largest[0], largest[1]
    return None


def _mismatch(situation: Situation) -> Iterator[Finding]:
    apart = _scaled_apart(situation)
    split = bool(situation.fit.get("validation_data"))
    lever = on("data", "validation_data[0]" if split else "x", None)
    if apart is not None:
        # The smaller one was brought to scale: there stands what has to be done to the other, too.
        if apart[0] < apart[1]:
            lever = on("data", "x", None)
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
    found = worst(situation)
    for shift in _shifts(situation):
        distance, ratio = mapping(shift.get("apart")), mapping(shift.get("ratio"))
        median, error = number(distance.get("median")), number(distance.get("error"))
        wide = number(ratio.get("median"))
        moved = median > 0.8 + 6 * error or wide > 2.5 or 0 < wide < 0.4
        # Much better on its own training rows than on the validation rows: the shift does harm.
        worse = found is not None and found.fitted - found.own > 0.15
        if moved and worse and not any(_unseen(t) for t in situation.targets):
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
                    Evidence("distance of the means in units of spread, median feature", round(median, 3)),
                    Evidence("spread of validation over training, median feature", round(wide, 3)),
                    *standing_evidence(found),
                ],
            )
            return


def _unseen(target: Target) -> float:
    """Returns how far the shares of the classes differ between the two parts, from 0 to 1; 0 when unknown."""
    train, held = mapping(target.labels.get("counts")), mapping(target.validation_labels.get("counts"))
    a, b = sum(number(v) for v in train.values()), sum(number(v) for v in held.values())
    if not a or not b or b < 10:
        return 0.0
    names = set(train) | set(held)
    distance = 0.5 * sum(abs(number(train.get(n, 0)) / a - number(held.get(n, 0)) / b) for n in names)
    return distance if distance > 0.3 + 2 * math.sqrt(len(names) / b) else 0.0


def _order(situation: Situation, target: Target) -> Iterator[Finding]:
    """Rows that come sorted by label, where their order matters."""
    far = _unseen(target)
    split = number(situation.fit.get("validation_split"))
    repeats, chance = number(target.labels.get("repeats")), number(target.labels.get("repeats_by_chance"))
    if far:
        cut = split > 0
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


def _shares(facts: Mapping[str, Any]) -> str:
    counts = mapping(facts.get("counts"))
    return ", ".join(f"{name}: {int(number(count))}" for name, count in list(counts.items())[:8])


def _shared(situation: Situation) -> Iterator[Finding]:
    between = mapping(situation.data.get("between"))
    shared, doubles = number(between.get("shared")), number(between.get("doubles"))
    if not (shared > 0.1 and shared > 4 * doubles):
        return
    yield cause(
        situation,
        "data-leakage",
        0.9,
        f"{show(100 * shared)} % of the validation rows are also training rows",
        "The model has seen these rows together with their answers. The validation scores say how well it "
        "remembers, not how "
        "well it will do on new rows.",
        on("data", "validation_data", None),
        evidence=[
            Evidence("validation rows that are in the training data", round(shared, 3)),
            Evidence("doubles within the training data", round(doubles, 3)),
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
    column = int(number(single.get("feature")))
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
            Evidence(f"share of the labels that column {column} explains", round(best, 3)),
            Evidence("share that the next best column explains", round(second, 3)),
            *standing_evidence(found),
        ],
    )
