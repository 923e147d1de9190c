"""Labels that say nothing about the inputs, are no classes, or hardly ever say one thing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from kerascope.detect.causes.common import cause, on, standing_evidence
from kerascope.detect.causes.order import out_of_order
from kerascope.detect.causes.parts import scaled_apart, unseen
from kerascope.detect.causes.rows import alike
from kerascope.detect.node import Node
from kerascope.detect.reading import listing, mapping, number, show, whole
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, Target, situations
from kerascope.detect.standing import standing
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_FAR = 3.0
"""How many spreads apart the means of two samples of the same labels never are."""
_TIMES = 4.0


_RARE = 0.75
_NOTHING = 0.05
"""A share of what there is to gain over chance that chance itself may give on some hundred rows."""


_BY_HEART = 0.1
"""By how much training rows are answered better than held-out ones where rows are learnt by heart."""


@detector(kinds=("wrong-labels", "class-imbalance"), slug="labels")
def labels(view: RunView) -> Iterator[Finding]:
    """Finds labels that say nothing about the inputs, are no classes, or hardly ever say one thing."""
    for situation in situations(view):
        for target in situation.targets:
            yield from _fractions(situation, target)
            if not out_of_order(situation):
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
    elif target.labels.get("distinct") == 1 and target.columns == 1 and not _stand_in(situation, target):
        yield cause(
            situation,
            "wrong-labels",
            0.9,
            f"All labels are {show(target.figure('min'))}",
            "There is nothing to tell apart: the model needs to learn one number only.",
            on("data", name, None),
            evidence=[Evidence("different labels", 1)],
        )


def _stand_in(situation: Situation, target: Target) -> bool:
    """Labels of one value may stand in for none: a loss of the user's own ignores them, a computed error is to be 0.

    Or the layer that answers is not what learns: a judge, frozen here or trained as a model of its own, is to be
    convinced.
    """
    own = target.custom_loss or situation.anatomy.custom_step or situation.anatomy.custom_loss
    layer = target.layer
    return own or layer is None or layer.custom or not layer.trainable or _trained_elsewhere(situation, layer)


def _trained_elsewhere(situation: Situation, layer: Node) -> bool:
    others = [one for one in situations(situation.view) if one is not situation]
    return any(set(layer.weights) & set(node.weights) for one in others for node in one.nodes.values())


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
    found = Evidence("neighbours within validation rows", round(inside, 3))
    if (other := _other_numbers(target)) and _alike(situation):
        yield _in_other_units(situation, other)
    elif related and own - base < 0.2 * (1 - base) and across - chance < 0.3 * (1 - chance):
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
                Evidence("neighbours within training rows", round(own, 3)),
                found,
                Evidence("by chance", round(base, 3)),
            ],
        )
    elif (
        related
        and own - base > 0.4 * (1 - base)
        and across - chance < 0.15 * (1 - chance)
        and not scaled_apart(situation)
        and not unseen(target)
    ):
        yield _apart(situation, target, own, found, across)
    elif max(_above(inside, chance), _above(own, base), _above(across, chance)) < _NOTHING:
        yield from _nothing_to_learn(situation, target, own, found, base)


def _above(score: float, chance: float) -> float:
    """Returns what a score has gained over a constant answer, as a share of what there is to gain."""
    return (score - chance) / max(1 - chance, 1e-9)


def _nothing_to_learn(
    situation: Situation, target: Target, own: float, found: Evidence, base: float
) -> Iterator[Finding]:
    """Neither simple methods nor the trained model find anything in the inputs that tells about the labels."""
    inputs = situation.inputs()
    shapes = [listing(one.get("shape")) for one in inputs]
    plain = all(
        len(shape) == 2 and "float" in str(x.get("dtype")) for shape, x in zip(shapes, inputs, strict=True)
    )
    features = sum(whole(shape[-1]) for shape in shapes if shape)
    if target.labels.get("distinct") == 1:
        return  # said already, or a loss that needs no labels
    if (
        base > _RARE
        or situation.fit.get("class_weight") is True
        or situation.fit.get("sample_weight") is True
    ):
        return  # accuracy says nothing where one answer is right nearly always, or is not what was trained for
    if not shapes or situation.rows < (max(300, 10 * features) if plain else 1000) or situation.updates < 100:
        return
    mine = standing(target)
    if not _above(mine.own, mine.chance) < _NOTHING:
        return
    if not plain and not mine.fitted - mine.own > _BY_HEART * (1 - mine.chance):
        return  # of pixels and tokens neighbours and a linear map may well know nothing, unless the network learns, too
    yield cause(
        situation,
        "wrong-labels",
        0.45,
        "Nothing in the inputs tells anything about the labels",
        "Rows with similar inputs have no more similar labels than any others, a linear map finds nothing, and on "
        "held-out rows the trained model does no better than one answer for all. Either inputs and labels are not in "
        "the same order, shuffled or sorted apart, or these inputs do not hold what is to be predicted.",
        on("order", str(target.labels.get("name") or "y"), None),
        evidence=[
            Evidence("neighbours and linear map, training rows", round(own, 3)),
            found,
            Evidence("by chance", round(base, 3)),
            *standing_evidence(mine),
        ],
    )


def _alike(situation: Situation) -> bool:
    """Tells whether the inputs of both parts were compared, and look as if they were drawn alike."""
    return bool(listing(mapping(situation.data.get("between")).get("shift"))) and alike(situation)


def _in_other_units(situation: Situation, other: list[Evidence]) -> Finding:
    """The inputs of both parts are alike, the targets are not: they were scaled in one part only."""
    return cause(
        situation,
        "train-val-mismatch",
        0.92,
        "The validation targets are numbers of another size than the training targets",
        "The inputs of the two parts look as if they were drawn alike, their targets do not: those of one part were "
        "scaled, or written in other units. What is learnt from the one part is wrong for the other by that much.",
        on("part", "validation_data[1]", None),
        on("part", "y", None),
        evidence=other,
    )


def _apart(situation: Situation, target: Target, own: float, found: Evidence, across: float) -> Finding:
    other = _other_numbers(target)
    # Numbers of words look alike however the words were numbered.
    words = any(array.get("whole") is True and number(array.get("max")) > 1 for array in situation.inputs())
    labelled = other or (_alike(situation) and not words)
    return cause(
        situation,
        "train-val-mismatch",
        0.88,
        "What holds in the training rows does not hold in the validation rows",
        "Similar inputs have similar labels within each of the two parts, but not across them: the "
        "labels or the "
        "inputs of one part were prepared in another way.",
        on("part", "validation_data[1]" if labelled else "validation_data[0]", None),
        evidence=[
            *other,
            Evidence("neighbours within training rows", round(own, 3)),
            found,
            Evidence("from training to validation rows", round(across, 3)),
        ],
    )


def _other_numbers(target: Target) -> list[Evidence]:
    """Returns the mean of the labels of both parts when these are numbers of another size, nothing otherwise."""
    own, held = target.labels, target.validation_labels
    means = [number(part.get("mean")) for part in (own, held)]
    spreads = [number(part.get("std")) for part in (own, held)]
    if target.is_class_task or not all(map(math.isfinite, means + spreads)) or not min(spreads) > 0:
        return []
    if abs(means[0] - means[1]) < _FAR * max(spreads) and max(spreads) < _TIMES * min(spreads):
        return []
    return [
        Evidence("labels, training rows", round(means[0], 4)),
        Evidence("validation rows", round(means[1], 4)),
    ]


def _imbalance(situation: Situation, target: Target) -> Iterator[Finding]:
    """A rare class that the model never answers."""
    counts = mapping(target.labels.get("counts"))
    total = sum(number(c) for c in counts.values())
    answers = target.validation or target.train
    per_class = mapping(answers.get("classes"))
    if len(counts) < 2 or not total or not per_class:
        return
    if situation.fit.get("class_weight") is True:
        yield from _weighed_down(situation, target, counts, total)
        return
    share = max(number(c) for c in counts.values()) / total
    if share < 0.8 or len(counts) > 10:
        return
    rare = [(name, listing(row)) for name, row in per_class.items() if number(counts.get(name)) / total < 0.2]
    missed = [name for name, row in rare if len(row) == 3 and row[0] >= 4 and row[2] <= 0.25 * row[0]]
    if not missed or len(missed) < len([r for r in rare if r[1] and r[1][0] >= 4]):
        return
    name = missed[0]
    wanted, _, hit = (whole(v) for v in listing(per_class[name]))
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


def _weighed_down(
    situation: Situation, target: Target, counts: Mapping[str, Any], total: float
) -> Iterator[Finding]:
    """Class weights that make a rare class rarer still, which the model then misses."""
    weights = mapping(situation.fit.get("class_weights"))
    per_class = mapping((target.validation or target.train).get("classes"))
    known = [name for name in counts if math.isfinite(number(weights.get(name)))]
    if len(known) < 2 or len(known) > 10:
        return
    rare = min(known, key=lambda name: number(counts[name]))
    common = max(known, key=lambda name: number(counts[name]))
    row = listing(per_class.get(rare))
    times = number(weights[common]) / max(number(weights[rare]), 1e-12)
    if not (times > 2 and number(counts[common]) > 2 * number(counts[rare])):
        return
    if len(row) != 3 or row[0] < 4 or row[2] > 0.25 * row[0]:
        return
    yield cause(
        situation,
        "class-imbalance",
        0.9,
        f"`class_weight` counts the rare class {rare} {show(times)} times less than the common class {common}",
        f"Class {rare} has {show(100 * number(counts[rare]) / total)} % of the rows and the smaller weight, so "
        f"its share of the loss is smaller still, and the model finds {whole(row[2])} of its {whole(row[0])} rows. The "
        "weights are probably the wrong way round: those of rare classes have to be the larger ones.",
        on("fit", "class_weight", _weights(counts, total)),
        evidence=[
            Evidence("rows of each class", ", ".join(f"{n}: {c}" for n, c in list(counts.items())[:8])),
            Evidence("weight of each class", ", ".join(f"{n}: {show(number(weights[n]))}" for n in known)),
            Evidence(f"rows of class {rare} that are found", f"{whole(row[2])} of {whole(row[0])}"),
        ],
    )


def _weights(counts: Mapping[str, Any], total: float) -> str:
    return "{" + ", ".join(f"{n}: {total / (len(counts) * number(c)):.3g}" for n, c in counts.items()) + "}"
