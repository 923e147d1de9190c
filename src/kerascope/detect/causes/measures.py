"""Metrics of Keras's own that measure something else than these answers and labels ask for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from kerascope.detect.causes.common import Way, cause, on
from kerascope.detect.node import BINARY, CROSS_ENTROPY, NUMERIC
from kerascope.detect.reading import listing, mapping, number, show
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, Target, situations
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding, Lever

_APART = 0.05
"""By how much a share that is shown may differ from what it is said to be, beside chance."""
_SPREADS = 3.0
_LIMITED = ("softmax", "sigmoid", "hard_sigmoid")
_WHOLE_ANSWERS = ("MeanIoU", "IoU")


@detector(kinds=("wrong-metric",), slug="measures")
def measures(view: RunView) -> Iterator[Finding]:
    """Finds metrics of Keras's own that do not fit what they are given."""
    for situation in situations(view):
        if len(situation.targets) != 1:
            continue
        target = situation.targets[0]
        for entry in map(mapping, listing(situation.program.get("measures"))):
            if entry.get("custom") is not True:
                found = _judged(situation, target, entry)
                if found is not None:
                    yield found


def _judged(situation: Situation, target: Target, entry: Mapping[str, Any]) -> Finding | None:
    name, kind = str(entry.get("name")), str(entry.get("class") or "")
    function = str(entry.get("function") or kind).lower()
    config = mapping(entry.get("config"))
    classes = target.is_class_task and target.loss in (*CROSS_ENTROPY, *BINARY) and not target.custom_loss
    if "categorical" in function and target.units == 1 and "sparse" not in function:
        return _always_first(situation, name)
    if function == "accuracy" and classes:
        return _exact(situation, target, name)
    if function == "binary_accuracy" and classes and target.written == "one-hot" and target.columns > 2:
        return _each_unit(situation, target, name)
    if function == "binary_accuracy" and target.units == 1 and classes:
        return _cut_elsewhere(situation, target, name, number(config.get("threshold")))
    if "top_k" in function and classes and target.units is not None and target.units > 1:
        places = number(config.get("k"))
        return _all_places(situation, target, name, places) if places >= target.units else None
    if function == "categorical_accuracy" and target.written == "classes" and classes:
        return _other_labels(situation, name, "numbers", "sparse_categorical_accuracy")
    if function == "sparse_categorical_accuracy" and target.written == "one-hot" and classes:
        return _other_labels(situation, name, "one-hot rows", "categorical_accuracy")
    if kind in ("F1Score", "FBetaScore") and target.units == 1 and config.get("threshold", 0) is None:
        return _largest_of_one(situation, name)
    if kind in _WHOLE_ANSWERS and config.get("sparse_y_pred") is True and target.activation in _LIMITED:
        return _fractions_as_classes(situation, target, name)
    if "accuracy" in function and _numbers(target):
        return _exact_numbers(situation, target, name)
    return None


def _numbers(target: Target) -> bool:
    return target.is_numeric_task and target.loss in NUMERIC and target.units == 1 and target.classes > 10


def _instead(name: str, better: str) -> tuple[Way, ...]:
    """Returns the ways to another metric: where this one was made, else the list that names it."""
    return (Lever("metric", None, better, name),), on("compile", "metrics", f"[{better}]")


def _always_first(situation: Situation, name: str) -> Finding:
    return cause(
        situation,
        "wrong-metric",
        0.9,
        f"`{name}` of a single unit is always 1",
        "Categorical accuracy asks which unit is the largest; with one unit that is always the first.",
        *_instead(name, "keras.metrics.BinaryAccuracy()"),
        evidence=[Evidence("units", 1)],
    )


def _exact_numbers(situation: Situation, target: Target, name: str) -> Finding:
    return cause(
        situation,
        "wrong-metric",
        0.8,
        f"`{name}` counts exact hits, but the targets are measured numbers",
        "Accuracy is the share of answers that equal the label. For numbers that hardly ever happens, however close "
        "they are; the mean absolute error says how far off they are.",
        *_instead(name, "keras.metrics.MeanAbsoluteError()"),
        evidence=[Evidence("different labels", target.classes)],
    )


def _shown(situation: Situation, name: str) -> list[Evidence]:
    logged = situation.epoch_logs(name)
    return [Evidence(f"`{name}` as it was shown", round(float(logged[-1]), 4))] if len(logged) else []


def _exact(situation: Situation, target: Target, name: str) -> Finding:
    better = "BinaryAccuracy" if target.units == 1 else "CategoricalAccuracy"
    if target.units != 1 and target.written == "classes":
        better = "SparseCategoricalAccuracy"
    return cause(
        situation,
        "wrong-metric",
        0.93,
        f"`{name}` counts answers that equal the label to the digit, and the answers are scores of classes",
        "`keras.metrics.Accuracy` compares two arrays element by element: it is for answers that are classes already. "
        f"Of probabilities and scores next to none is equal to a label, however good they are. `{better}`, or the "
        'string "accuracy", finds out which class is meant.',
        *_instead(name, f"keras.metrics.{better}()"),
        evidence=[*_shown(situation, name), *_right(target)],
    )


def _right(target: Target) -> list[Evidence]:
    share = number((target.validation or target.train).get("accuracy"))
    return [Evidence("share of answers that are right", round(share, 4))] if math.isfinite(share) else []


def _each_unit(situation: Situation, target: Target, name: str) -> Finding:
    nothing = 1 - 1 / target.columns
    return cause(
        situation,
        "wrong-metric",
        0.9,
        f"`{name}` judges each of the {target.columns} units by itself, of which only one can be right",
        f"All units but one are to say no, so that saying no everywhere is right in {show(100 * nothing)} % of them. "
        "The share of rows whose largest unit is the right one is the categorical accuracy.",
        *_instead(name, "keras.metrics.CategoricalAccuracy()"),
        evidence=[*_shown(situation, name), *_right(target)],
    )


def _cut_elsewhere(situation: Situation, target: Target, name: str, threshold: float) -> Finding | None:
    """Scores whose middle is 0 are cut at another place; a fault where that can be seen, else a remark."""
    if not (target.from_logits and target.activation == "linear" and threshold == 0.5):
        return None
    held = bool(target.validation)
    answers = target.validation if held else target.train
    logged, right = situation.epoch_logs(f"val_{name}" if held else name), number(answers.get("accuracy"))
    rows = sum(number(listing(row)[0]) for row in mapping(answers.get("classes")).values() if listing(row))
    if not len(logged) or not math.isfinite(right) or not rows > 0:
        return None
    apart = abs(float(logged[-1]) - right)
    noise = _SPREADS * math.sqrt(max(0.05, right * (1 - right)) / rows)
    seen = held and apart > _APART + noise
    return cause(
        situation,
        "wrong-metric",
        0.8 if seen else 0.35,
        f"`{name}` cuts the raw scores at 0.5, and their middle is 0",
        "The loss takes the answers for raw scores (`from_logits=True`), where 0 stands for even odds and 0.5 for a "
        "probability of 0.62: rows between them are counted as no. `threshold=0.0` cuts where the odds are even.",
        (Lever("metric", "threshold", "0.0", name),),
        on("compile", "metrics", "[keras.metrics.BinaryAccuracy(threshold=0.0)]"),
        severity="warning" if seen else "note",
        evidence=[Evidence(f"`{name}` as it was shown", round(float(logged[-1]), 4)), *_right(target)],
    )


def _all_places(situation: Situation, target: Target, name: str, places: float) -> Finding:
    return cause(
        situation,
        "wrong-metric",
        0.93,
        f"`{name}` asks for the first {show(places)} of {target.units} classes, and is always 1",
        "It counts rows whose class is among the k largest answers. With no more classes than that, every class is.",
        (Lever("metric", "k", "1", name),),
        on("compile", "metrics", '["accuracy"]'),
        evidence=[Evidence("classes", target.units), *_shown(situation, name), *_right(target)],
    )


def _other_labels(situation: Situation, name: str, written: str, better: str) -> Finding:
    return cause(
        situation,
        "wrong-metric",
        0.9,
        f"`{name}` is for labels written in another way: these are {written}",
        "It looks for the class where these labels do not have it, so that its value says nothing. "
        f"`{better}` reads them as they are.",
        *_instead(name, '"' + better + '"'),
        evidence=[Evidence("labels are", written), *_shown(situation, name)],
    )


def _largest_of_one(situation: Situation, name: str) -> Finding:
    return cause(
        situation,
        "wrong-metric",
        0.9,
        f"`{name}` without a threshold takes the largest unit for a yes, and there is only one",
        "Every row counts as positive then, whatever is answered. `threshold=0.5` makes yes and no of the answers.",
        (Lever("metric", "threshold", "0.5", name),),
        evidence=[Evidence("units", 1), *_shown(situation, name)],
    )


def _fractions_as_classes(situation: Situation, target: Target, name: str) -> Finding:
    several = target.units is not None and target.units > 1
    return cause(
        situation,
        "wrong-metric",
        0.93,
        f"`{name}` takes the answers for numbers of classes, and they are probabilities",
        "It drops the fraction of each answer, so that all of them become class 0 however good they are. "
        + (
            "With `sparse_y_pred=False` it takes the largest unit for the class."
            if several
            else "`BinaryIoU` with a threshold of 0.5 makes classes of them first."
        ),
        (Lever("metric", "sparse_y_pred", "False", name),)
        if several
        else (Lever("metric", None, "keras.metrics.BinaryIoU(target_class_ids=[1], threshold=0.5)", name),),
        evidence=[Evidence("last activation", target.activation), *_shown(situation, name)],
    )
