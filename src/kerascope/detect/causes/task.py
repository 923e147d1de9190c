"""Losses, units and metrics that do not suit the labels."""

from __future__ import annotations

from collections.abc import Iterator

from kerascope.detect.causes.common import cause, curve, harm, on, on_layer, standing_evidence
from kerascope.detect.causes.objective import data_name, layer_name, outside, zero_one
from kerascope.detect.causes.units import units
from kerascope.detect.node import BINARY, CROSS_ENTROPY, NUMERIC
from kerascope.detect.reading import show
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, Target, situations
from kerascope.detect.standing import standing
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_SOME = 0.005
_PROBABILITY = ("softmax", "sigmoid", "hard_sigmoid")


@detector(
    kinds=(
        "wrong-loss",
        "wrong-labels",
        "wrong-output-units",
        "wrong-output-activation",
        "broadcast-shape",
    ),
    slug="task",
)
def task(view: RunView) -> Iterator[Finding]:
    """Finds losses and numbers of units that belong to another kind of labels."""
    for situation in situations(view):
        for target in situation.targets:
            yield from _task(situation, target)
            yield from units(situation, target)


# -- loss and labels ---------------------------------------------------------------------------------------------


def _task(situation: Situation, target: Target) -> Iterator[Finding]:
    if target.custom_loss or not target.labels:
        return
    if target.loss in BINARY:
        yield from _not_two_classes(situation, target)
    if (
        target.loss in CROSS_ENTROPY[1:]
        and target.written == "numbers"
        and target.columns == 1
        and target.units != 1
    ):
        yield _numbers_as_classes(situation, target)
    if target.loss in NUMERIC:
        yield from _squared_classes(situation, target)
    if target.loss == "mean_absolute_percentage_error" and target.figure("zeros") > _SOME:
        yield _share_of_nothing(situation, target)
    yield from _pairs(situation, target)


def _share_of_nothing(situation: Situation, target: Target) -> Finding:
    """An error in percent of targets that may be 0."""
    zeros = target.figure("zeros")
    return cause(
        situation,
        "wrong-loss",
        0.93,
        f"`{target.loss}` divides by the targets, and {show(100 * zeros)} % of them are 0",
        "An error in percent of 0 is without limits; Keras divides by a ten-millionth instead. These rows count "
        "millions of times as much as all others, and the best answer to all of them is 0. Take the squared or "
        "absolute error, or leave out the rows without a target.",
        on("compile", "loss", '"mean_squared_error"'),
        on("compile", "loss", '"mean_absolute_error"'),
        evidence=[
            Evidence("share of targets that are 0", round(zeros, 4)),
            *curve(situation),
            *standing_evidence(standing(target)),
        ],
    )


def _pairs(situation: Situation, target: Target) -> Iterator[Finding]:
    """Losses of two classes with several, and units that outnumber what a label says."""
    if (
        target.loss == CROSS_ENTROPY[0]
        and target.units == 1
        and zero_one(target)
        and target.activation != "softmax"
    ):
        yield cause(
            situation,
            "wrong-loss",
            0.92,
            f"`{target.loss}` is for one unit per class; there is a single unit",
            "The loss takes the label as the number of a unit, and label 1 has none. A single unit that tells "
            "two classes "
            "apart needs the two-class loss.",
            on("compile", "loss", '"binary_crossentropy"'),
            on_layer(target.layer, "units", "2"),
            evidence=[Evidence("units", 1), *standing_evidence(standing(target))],
        )
    yield from _too_wide(situation, target)
    yield from _many_classes(situation, target)


def _too_wide(situation: Situation, target: Target) -> Iterator[Finding]:
    wide = target.units is not None and target.units > 1 and target.columns == 1
    flat = wide and len(target.labels.get("shape") or ()) <= 2
    if flat and target.loss in (*BINARY, *NUMERIC):
        several = target.written == "classes" and target.classes > 2
        ways = [on_layer(target.layer, "units", "1")]
        if target.written == "classes":
            ways.insert(0, on("compile", "loss", '"sparse_categorical_crossentropy"'))
        yield cause(
            situation,
            "wrong-loss" if target.written == "classes" else "wrong-output-units",
            0.85,
            f"`{layer_name(target.layer)}` answers {target.units} numbers for each label of one",
            f"`{target.loss}` compares every unit with the same label, so that all units learn the same thing"
            f"{', the number of the class' if several else ''}. "
            + (
                "For classes use the sparse categorical loss, which takes the label as the number of a unit."
                if target.written == "classes"
                else "One unit is enough."
            ),
            *ways,
            layer=target.layer.path if target.layer is not None and target.written != "classes" else None,
            evidence=[Evidence("units", target.units), *standing_evidence(standing(target))],
        )


def _many_classes(situation: Situation, target: Target) -> Iterator[Finding]:
    setter = situation.activation_layer(target.index)
    mixed = target.written == "one-hot" and target.columns > 2
    ones = target.figure("mean") * target.columns
    if (
        target.written == "multi-hot"
        and ones > 1.1  # rows without any class are a way to leave rows out
        and target.loss in CROSS_ENTROPY[1:]
        and target.activation in ("sigmoid", "hard_sigmoid", "linear")
    ):
        yield _shared_among(situation, target, ones)
    bad = harm(situation, target) > 0.15
    if mixed and bad and target.loss in BINARY and target.activation == "softmax":
        yield cause(
            situation,
            "wrong-loss",
            0.6,
            f"`{target.loss}` treats {target.columns} classes as as many questions of yes or no",
            "Each unit is judged by itself, and all but one of the answers are no, so that answering no "
            "everywhere costs little. "
            "One class out of several is what the categorical loss is for.",
            on("compile", "loss", '"categorical_crossentropy"'),
            evidence=[Evidence("classes", target.columns), *standing_evidence(standing(target))],
        )
    if mixed and bad and target.loss in CROSS_ENTROPY and target.activation in ("sigmoid", "hard_sigmoid"):
        yield cause(
            situation,
            "wrong-output-activation",
            0.65,
            f"`{layer_name(setter)}` judges each class by itself, and the loss wants shares of one",
            "The categorical loss divides the answers by their sum. Behind sigmoids that sum is whatever it "
            "is, and units that are "
            "saturated learn nothing from it. A softmax makes shares of the scores themselves.",
            on_layer(setter, "activation", '"softmax"'),
            layer=setter.path if setter is not None else None,
            evidence=[Evidence("last activation", target.activation), *standing_evidence(standing(target))],
        )


def _shared_among(situation: Situation, target: Target, ones: float) -> Finding:
    """Several answers may be right at once, and the loss is for one."""
    return cause(
        situation,
        "wrong-loss",
        0.93,
        f"`{target.loss}` is for one class out of {target.columns}; here a row has {show(ones)} of them on average",
        "The categorical loss divides the answers by their sum and rewards only what stands where the labels have a 1: "
        "nothing holds the other answers down but that sum. Labels that are true or not each by itself are as many "
        "questions of yes or no.",
        on("compile", "loss", None if target.from_logits else '"binary_crossentropy"'),
        evidence=[
            Evidence("ones per row of labels", round(ones, 3)),
            Evidence("last activation", target.activation),
            *standing_evidence(standing(target)),
        ],
    )


def _not_two_classes(situation: Situation, target: Target) -> Iterator[Finding]:
    low, high = target.figure("min"), target.figure("max")
    if low >= 0 and high <= 1:
        return
    if target.written == "classes" and target.classes == 2:
        yield cause(
            situation,
            "wrong-labels",
            0.85,
            f"The two classes are labelled {show(low)} and {show(high)}; the loss expects 0 and 1",
            "Two-class cross-entropy weighs its two terms by the label and by 1 minus the label. With other "
            "numbers than "
            "0 and 1 one of the terms gets a wrong sign or size, and the loss has no lower limit.",
            on("data", data_name(target), None),
            evidence=[
                Evidence("labels", f"{show(low)} and {show(high)}"),
                *standing_evidence(standing(target)),
            ],
        )
        return
    if len(target.labels.get("shape") or ()) > 2 and low >= 0:
        yield _unscaled_maps(situation, target)
        return
    yield _no_probabilities(situation, target, low, high)


def _no_probabilities(situation: Situation, target: Target, low: float, high: float) -> Finding:
    numbers = target.written == "numbers"
    return cause(
        situation,
        "wrong-loss",
        0.93,
        f"`{target.loss}` is for labels from 0 to 1; these reach from {show(low)} to {show(high)}",
        "Two-class cross-entropy measures how well a probability fits a label of 0 or 1. "
        + (
            "These labels are measured numbers, so the squared or absolute error is what to minimise, with no "
            "activation "
            "at the end."
            if numbers
            else "With more than two classes use the categorical loss and one unit per class."
        ),
        (
            *on(
                "compile", "loss", '"mean_squared_error"' if numbers else '"sparse_categorical_crossentropy"'
            ),
            *(
                on_layer(situation.activation_layer(target.index), "activation", None)
                if numbers and target.activation != "linear"
                else ()
            ),
        ),
        on("compile", "loss", '"mean_absolute_error"'),
        evidence=[
            Evidence("labels, smallest to largest", f"{show(low)} to {show(high)}"),
            *standing_evidence(standing(target)),
        ],
    )


def _unscaled_maps(situation: Situation, target: Target) -> Finding:
    """Labels for each place of a picture or a series that are not brought to 0 to 1."""
    low, high = show(target.figure("min")), show(target.figure("max"))
    return cause(
        situation,
        "wrong-labels",
        0.9,
        f"The labels of each place reach from {low} to {high}; `{target.loss}` is for 0 to 1",
        "Masks that are read from pictures hold 0 and 255, or all that lies between. The loss takes the label for a "
        "probability, and with larger ones it has no lower limit. "
        "Divide the labels by their largest value, or compare them with a threshold.",
        on("data", data_name(target), None),
        on("compile", "loss", '"sparse_categorical_crossentropy"'),
        evidence=[Evidence("labels, smallest to largest", f"{low} to {high}"), *curve(situation)],
    )


def _numbers_as_classes(situation: Situation, target: Target) -> Finding:
    return cause(
        situation,
        "wrong-loss",
        0.85,
        f"`{target.loss}` is for classes; the labels are measured numbers",
        "The labels are neither 0 and 1 nor shares that add up to 1, so there is nothing for this loss to measure.",
        on("compile", "loss", '"mean_squared_error"'),
        evidence=[Evidence("different labels", target.classes), *standing_evidence(standing(target))],
    )


def _unanswered(situation: Situation, target: Target) -> bool:
    """Tells whether the accuracy that was asked for stays far below what simple methods reach on the same rows."""
    logged = [situation.epoch_logs(name) for name, _, _ in situation.metric_names() if "acc" in name]
    last = [float(values[-1]) for values in logged if len(values)]
    return target.classes > 2 and bool(last) and max(last) < standing(target).simple - 0.3


def _squared_classes(situation: Situation, target: Target) -> Iterator[Finding]:
    """Classes with a loss of numbers: works when all goes well, learns slowly when it does not."""
    one_hot = target.written == "one-hot" and target.units == target.columns
    two = zero_one(target) and target.units == 1 and target.activation in ("sigmoid", "hard_sigmoid")
    asked = any("acc" in name for name, _, _ in situation.metric_names())
    several = target.written == "classes" and target.units == 1 and 2 <= target.classes <= 20 and asked
    if not (one_hot or two or several):
        return
    damage = harm(situation, target)
    bad = damage > 0.15 or (several and _unanswered(situation, target))
    loss = "binary_crossentropy" if two else "categorical_crossentropy"
    if several:
        loss = "sparse_categorical_crossentropy"
    setter = situation.activation_layer(target.index)
    ends = target.activation in _PROBABILITY
    levers = on("compile", "loss", f'"{loss}"')
    if one_hot and not ends:
        levers = (*levers, *on_layer(setter, "activation", '"softmax"'))
    yield cause(
        situation,
        "wrong-loss",
        0.8 if bad and not two else 0.6 if bad else 0.3,
        f"The labels are classes, and `{target.loss}` treats them as numbers",
        "Behind a softmax or sigmoid the squared error gives almost no gradient to an answer that is "
        "confidently wrong, so "
        "that training creeps or gets stuck; cross-entropy gives it the largest one."
        if ends
        else "The squared error asks for outputs of exactly 0 and 1 and takes no notice of which one is largest; "
        "cross-entropy behind a softmax is the loss for classes.",
        levers,
        severity=None if bad else "note",
        evidence=[
            Evidence("different labels", target.columns if one_hot else target.classes),
            *standing_evidence(standing(target)),
        ],
    )
    if one_hot and not ends and bad:
        yield cause(
            situation,
            "wrong-output-activation",
            0.7,
            f"`{layer_name(setter)}` gives class scores without a softmax",
            "The labels are one-hot rows, which are probabilities; the outputs are unbounded numbers.",
            levers,
            on_layer(setter, "activation", '"softmax"'),
            layer=setter.path if setter is not None else None,
            evidence=outside(target),
        )
