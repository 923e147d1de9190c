"""Loss, last activation and labels that do not fit each other."""

from __future__ import annotations

import math
from collections.abc import Iterator

from kerascope.detect.causes.common import cause, harm, on, on_layer, standing_evidence
from kerascope.detect.reading import number, show
from kerascope.detect.registry import detector
from kerascope.detect.situation import BINARY, CROSS_ENTROPY, NUMERIC, Situation, Target, situations
from kerascope.detect.standing import standing
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_PROBABILITY = ("softmax", "sigmoid", "hard_sigmoid")
_RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf),
    "exponential": (0.0, math.inf),
    "relu6": (0.0, 6.0),
}


@detector(
    kinds=(
        "softmax-one-unit",
        "logits-mismatch",
        "wrong-output-activation",
        "wrong-output-units",
        "wrong-loss",
        "wrong-metric",
    ),
    slug="objective",
)
def objective(view: RunView) -> Iterator[Finding]:
    """Finds losses and last activations that do not fit each other, or do not fit the labels."""
    for situation in situations(view):
        for target in situation.targets:
            yield from _one_unit(situation, target)
            yield from _pairing(situation, target)
            yield from _range(situation, target)
            yield from _task(situation, target)
            yield from _units(situation, target)
        yield from _metrics(situation)


# -- a single unit -----------------------------------------------------------------------------------------------


def _one_unit(situation: Situation, target: Target) -> Iterator[Finding]:
    if target.units != 1:
        return
    setter = situation.activation_layer(target.index)
    if target.activation == "softmax":
        fits = "sigmoid" if _zero_one(target) else "linear"
        yield cause(
            situation,
            "softmax-one-unit",
            0.97,
            f"`{_name(setter)}` is a softmax over one unit: its answer is always 1",
            "A softmax divides each unit by the sum of all units, so a single unit is always exactly 1, whatever the "
            f"weights are. No gradient passes it and nothing before it can learn. For these labels use {fits}.",
            on_layer(setter, "activation", f'"{fits}"'),
            layer=setter.path if setter is not None else None,
            evidence=[Evidence("units", 1), *_spread(target), *standing_evidence(standing(target))],
        )
    elif target.loss in CROSS_ENTROPY[1:] and not target.custom_loss:
        yield cause(
            situation,
            "wrong-loss",
            0.97,
            f"`{target.loss}` of a single unit is always 0",
            "Categorical cross-entropy compares units with each other and first divides them by their sum; with one "
            "unit that is 1, its logarithm 0, and so are loss and gradients. A single unit that tells two "
            "classes apart "
            "needs the two-class loss.",
            on("compile", "loss", '"binary_crossentropy"'),
            evidence=[Evidence("units", 1), *standing_evidence(standing(target))],
        )


# -- loss and activation -----------------------------------------------------------------------------------------


def _pairing(situation: Situation, target: Target) -> Iterator[Finding]:
    """Losses of probabilities given something else, and losses of raw scores given probabilities."""
    if target.custom_loss or target.loss not in (*CROSS_ENTROPY, *BINARY):
        return
    if target.activation == "softmax" and target.units == 1:
        return
    if target.from_logits:
        yield from _twice(situation, target)
        return
    if target.activation in _PROBABILITY or _is_probability(target):
        yield from _competing(situation, target)
        return
    if not target.activation:
        return
    fits = "sigmoid" if target.loss in BINARY else "softmax"
    setter = situation.activation_layer(target.index)
    raw = target.activation == "linear"
    what = "raw scores" if raw else f"the output of {target.activation}"
    yield cause(
        situation,
        "logits-mismatch" if raw else "wrong-output-activation",
        0.95,
        f"`{target.loss}` expects probabilities and gets {what}",
        f"The loss takes the logarithm of its input, which therefore has to lie between 0 and 1"
        f"{' and add up to 1' if fits == 'softmax' else ''}. `{_name(setter)}` ends in {target.activation}: "
        "values below 0 "
        "are cut off, and where they are cut off there is no gradient. Either let the layer end in "
        f"{fits}, or let the loss do it (`from_logits=True`).",
        on_layer(setter, "activation", f'"{fits}"'),
        *_with_logits(target, raw),
        layer=setter.path if setter is not None else None,
        evidence=[*_outside(target), *standing_evidence(standing(target))],
    )


def _with_logits(target: Target, raw: bool) -> list[tuple]:  # type: ignore[type-arg]
    name = {
        "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
        "categorical_crossentropy": "CategoricalCrossentropy",
        "binary_crossentropy": "BinaryCrossentropy",
    }.get(target.loss)
    return [on("compile", "loss", f"keras.losses.{name}(from_logits=True)")] if name and raw else []


def _twice(situation: Situation, target: Target) -> Iterator[Finding]:
    if target.activation not in _PROBABILITY:
        return
    setter = situation.activation_layer(target.index)
    yield cause(
        situation,
        "logits-mismatch",
        0.9,
        f"{target.activation.capitalize()} is applied twice: in `{_name(setter)}` and by `from_logits=True`",
        "The layer already turns scores into probabilities, and the loss, told that it gets scores, does so again. "
        "Numbers between 0 and 1 come out nearly equal the second time, so the loss can hardly fall and gradients stay "
        "small. Drop one of the two.",
        on_layer(setter, "activation", None),
        on("loss", "from_logits", "False"),
        layer=setter.path if setter is not None else None,
        evidence=[Evidence("last activation", target.activation), *standing_evidence(standing(target))],
    )


def _competing(situation: Situation, target: Target) -> Iterator[Finding]:
    """Several labels may hold at once, but the outputs share a sum of 1."""
    setter = situation.activation_layer(target.index)
    if target.written == "multi-hot" and target.activation == "softmax":
        yield cause(
            situation,
            "wrong-output-activation",
            0.93,
            f"Several labels can be true at once, but the softmax of `{_name(setter)}` makes them compete",
            f"In the labels a row has {show(target.figure('mean') * target.columns)} of {target.columns} ones "
            "on average, "
            "while the outputs of a softmax add up to 1: to raise one is to lower the others. A sigmoid for each unit "
            "answers each question by itself.",
            on_layer(setter, "activation", '"sigmoid"'),
            layer=setter.path if setter is not None else None,
            evidence=[
                Evidence("ones per row of labels", round(target.figure("mean") * target.columns, 3)),
                Evidence("sum of the outputs", 1.0),
                *standing_evidence(standing(target)),
            ],
        )


# -- activation and labels ---------------------------------------------------------------------------------------


def _range(situation: Situation, target: Target) -> Iterator[Finding]:
    """Targets that the last activation cannot produce."""
    limits = _RANGES.get(target.activation)
    if limits is None or target.loss not in NUMERIC or (target.units == 1 and target.activation == "softmax"):
        return
    low, high = target.figure("min"), target.figure("max")
    span = high - low
    if not span > 0 or (low >= limits[0] - 0.02 * span and high <= limits[1] + 0.02 * span):
        return
    if target.activation == "softmax" and target.written == "one-hot":
        return
    mean, std = target.figure("mean"), target.figure("std")
    out = (mean - std < limits[0] or mean + std > limits[1]) or harm(situation, target) > 0.2
    setter = situation.activation_layer(target.index)
    to = "infinity" if math.isinf(limits[1]) else f"{limits[1]:g}"
    yield cause(
        situation,
        "wrong-output-activation",
        0.94 if out else 0.45,
        f"The targets reach from {show(low)} to {show(high)}; `{_name(setter)}` can only answer {limits[0]:g} to {to}",
        f"The last activation is {target.activation}. For targets outside its range the model can only push "
        "towards the "
        "limit, where the slope goes to zero and learning stops. Measured numbers call for no activation at "
        "the end, or "
        "for targets that are brought into the range first.",
        on_layer(setter, "activation", None),
        on("data", _data_name(target), None),
        layer=setter.path if setter is not None else None,
        evidence=[
            Evidence("targets, smallest to largest", f"{show(low)} to {show(high)}"),
            Evidence(
                "answers of the model",
                f"{show(number(target.train.get('min')))} to {show(number(target.train.get('max')))}",
            ),
            *standing_evidence(standing(target)),
        ],
    )


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
            on("data", _data_name(target), None),
            evidence=[
                Evidence("labels", f"{show(low)} and {show(high)}"),
                *standing_evidence(standing(target)),
            ],
        )
        return
    numbers = target.written == "numbers"
    yield cause(
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


def _squared_classes(situation: Situation, target: Target) -> Iterator[Finding]:
    """Classes with a loss of numbers: works when all goes well, learns slowly when it does not."""
    one_hot = target.written == "one-hot" and target.units == target.columns
    two = _zero_one(target) and target.units == 1 and target.activation in ("sigmoid", "hard_sigmoid")
    asked = any("accuracy" in name for name, _, _ in situation.metric_names())
    several = target.written == "classes" and target.units == 1 and 3 <= target.classes <= 20 and asked
    if not (one_hot or two or several):
        return
    damage = harm(situation, target)
    bad = damage > 0.15
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
            f"`{_name(setter)}` gives class scores without a softmax",
            "The labels are one-hot rows, which are probabilities; the outputs are unbounded numbers.",
            levers,
            on_layer(setter, "activation", '"softmax"'),
            layer=setter.path if setter is not None else None,
            evidence=_outside(target),
        )


# -- units -------------------------------------------------------------------------------------------------------


def _units(situation: Situation, target: Target) -> Iterator[Finding]:
    if target.units is None or target.custom_loss or not target.labels:
        return
    setter = target.layer
    if target.loss == "sparse_categorical_crossentropy" and target.labels.get("whole") is True:
        high, low = target.figure("max"), target.figure("min")
        needed = int(high) + 1
        if low >= 0 and high >= target.units:
            offset = low >= 1 and high - low + 1 <= target.units
            yield cause(
                situation,
                "wrong-labels" if offset else "wrong-output-units",
                0.92,
                f"The labels go up to {int(high)}; {target.units} units are for labels 0 to {target.units - 1}",
                "Labels beyond the last unit have no unit of their own: their probability cannot rise. "
                + (
                    "They begin at 1 here, so subtracting 1 makes them fit."
                    if offset
                    else "Each class needs a unit."
                ),
                *((on("data", _data_name(target), None),) if offset else ()),
                on_layer(setter, "units", str(needed)),
                layer=setter.path if setter is not None else None,
                evidence=[Evidence("largest label", int(high)), Evidence("units", target.units)],
            )
        elif low < 0:
            yield _negative(situation, target)
        elif target.units > max(needed, target.classes) + 1:
            yield _spare(situation, target, needed)


def _negative(situation: Situation, target: Target) -> Finding:
    return cause(
        situation,
        "wrong-labels",
        0.9,
        f"Some class labels are negative ({show(target.figure('min'))})",
        "Class labels are the numbers of units, counted from 0; a negative one belongs to no unit.",
        on("data", _data_name(target), None),
        evidence=[Evidence("smallest label", target.figure("min"))],
    )


def _spare(situation: Situation, target: Target, needed: int) -> Finding:
    bad = harm(situation, target) > 0.15
    return cause(
        situation,
        "wrong-output-units",
        0.45 if bad else 0.2,
        f"`{_name(target.layer)}` has {target.units} units for {needed} classes",
        "The units without a class learn to stay silent; they cost time and do little harm.",
        on_layer(target.layer, "units", str(needed)),
        severity=None if bad else "note",
        layer=target.layer.path if target.layer is not None else None,
        evidence=[Evidence("largest label", needed - 1), Evidence("units", target.units)],
    )


# -- metrics -----------------------------------------------------------------------------------------------------


def _metrics(situation: Situation) -> Iterator[Finding]:
    """Metrics of classes on numbers, and of several units on one."""
    if len(situation.targets) != 1:
        return
    target = situation.targets[0]
    for name, function, own in situation.metric_names():
        if own:
            continue
        if "categorical" in function.lower() and target.units == 1 and "sparse" not in function.lower():
            yield cause(
                situation,
                "wrong-metric",
                0.9,
                f"`{name}` of a single unit is always 1",
                "Categorical accuracy asks which unit is the largest; with one unit that is always the first.",
                on("compile", "metrics", '["binary_accuracy"]'),
                evidence=[Evidence("units", 1)],
            )
        elif "accuracy" in function.lower() and target.is_numeric_task and target.loss in NUMERIC:
            if target.units == 1 and target.classes > 10:
                yield cause(
                    situation,
                    "wrong-metric",
                    0.8,
                    f"`{name}` counts exact hits, but the targets are measured numbers",
                    "Accuracy is the share of answers that equal the label. For numbers that hardly ever "
                    "happens, however "
                    "close they are; the mean absolute error says how far off they are.",
                    on("compile", "metrics", '["mae"]'),
                    evidence=[Evidence("different labels", target.classes)],
                )


# -- small helpers -----------------------------------------------------------------------------------------------


def _name(node: object) -> str:
    return str(getattr(node, "path", None) or "the last layer")


def _data_name(target: Target) -> str:
    return str(target.labels.get("name") or "y")


def _zero_one(target: Target) -> bool:
    return (
        target.written in ("classes", "one-hot", "multi-hot")
        and target.figure("min") >= 0
        and target.figure("max") <= 1
    )


def _is_probability(target: Target) -> bool:
    """Tells whether the answers seen are probabilities, whatever layer makes them."""
    low, high = number(target.train.get("min")), number(target.train.get("max"))
    if not (low >= 0 and high <= 1):
        return False
    if target.activation in ("linear", "relu", "tanh"):
        return False  # within the range by chance
    return True


def _outside(target: Target) -> list[Evidence]:
    low, high = number(target.train.get("min")), number(target.train.get("max"))
    if not (math.isfinite(low) and math.isfinite(high)):
        return []
    return [Evidence("answers of the model, smallest to largest", f"{show(low)} to {show(high)}")]


def _spread(target: Target) -> list[Evidence]:
    std = number(target.train.get("std"))
    return [Evidence("spread of the model's answers", std)] if math.isfinite(std) else []
