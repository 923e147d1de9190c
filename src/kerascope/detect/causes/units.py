"""Outputs that are more or fewer than the labels have numbers, classes or steps."""

from __future__ import annotations

import math
from collections.abc import Iterator

from kerascope.detect.causes.common import cause, harm, on, on_layer, standing_evidence
from kerascope.detect.causes.objective import data_name, layer_name, zero_one
from kerascope.detect.node import NUMERIC
from kerascope.detect.reading import listing, show, whole
from kerascope.detect.situation import Situation, Target
from kerascope.detect.standing import standing
from kerascope.values import Evidence, Finding


def units(situation: Situation, target: Target) -> Iterator[Finding]:
    """Yields outputs that are more or fewer than the labels have numbers or classes."""
    if target.units is None or target.custom_loss or target.ignores or not target.labels:
        return
    setter = target.layer
    yield from _stretched(situation, target)
    yield from _each_step(situation, target)
    if target.loss == "sparse_categorical_crossentropy" and target.labels.get("whole") is True:
        high, low = target.figure("max"), target.figure("min")
        needed = whole(high) + 1
        if low >= 0 and high >= target.units and not (target.units == 1 and zero_one(target)):
            offset = low >= 1 and high - low + 1 <= target.units
            yield cause(
                situation,
                "wrong-labels" if offset else "wrong-output-units",
                0.92,
                f"The labels go up to {whole(high)}; {target.units} units are for labels 0 to {target.units - 1}",
                "Labels beyond the last unit have no unit of their own: their probability cannot rise. "
                + (
                    "They begin at 1 here, so subtracting 1 makes them fit."
                    if offset
                    else "Each class needs a unit."
                ),
                *((on("data", data_name(target), None),) if offset else ()),
                on_layer(setter, "units", str(needed)),
                layer=setter.path if setter is not None else None,
                evidence=[Evidence("largest label", whole(high)), Evidence("units", target.units)],
            )
        elif low < 0:
            yield _negative(situation, target)
        elif target.units > max(needed, target.classes) + 1:
            yield _spare(situation, target, needed)


def _stretched(situation: Situation, target: Target) -> Iterator[Finding]:
    """One column of answers against several of targets: NumPy's rules make them fit, and losses accept it."""
    shape, answers = listing(target.labels.get("shape")), situation.output_shape(target.index)
    if target.loss not in NUMERIC or target.units != 1 or target.columns < 2:
        return
    if len(shape) != len(answers) or answers[-1] != 1:
        return  # where one has an axis more than the other, Keras itself brings them together
    yield cause(
        situation,
        "wrong-output-units",
        0.95,
        f"`{layer_name(target.layer)}` has 1 unit for {target.columns} targets",
        "Each row has several targets, and the one answer is compared with all of them, which no loss complains "
        "about: the best it can do is to answer their middle.",
        on_layer(target.layer, "units", str(target.columns)),
        layer=target.layer.path if target.layer is not None else None,
        evidence=[
            Evidence("shape of the targets", str(shape).replace("None", "rows")),
            Evidence("shape of the answers", str(answers).replace("None", "rows")),
            *standing_evidence(standing(target)),
        ],
    )


def _each_step(situation: Situation, target: Target) -> Iterator[Finding]:
    """One target for each row, and an answer for each of its steps: the target is compared with all of them."""
    labels, answers = listing(target.labels.get("shape")), situation.output_shape(target.index)
    if target.loss not in NUMERIC or target.units != 1 or target.columns != 1 or not 0 < len(labels) <= 2:
        return
    places = [n for n in answers[1:-1] if isinstance(n, int)]
    if len(answers) < 3 or len(places) != len(answers) - 2 or math.prod(places) < 2:
        return
    path = next(
        (
            path
            for path in situation.chains[target.index]
            if path in situation.nodes and situation.nodes[path].config.get("return_sequences") is True
        ),
        None,
    )
    keeper = situation.nodes[path] if path is not None else target.layer
    yield cause(
        situation,
        "broadcast-shape",
        0.92,
        f"The model answers {math.prod(places)} numbers for each row, and there is one target",
        "No loss complains: the target is compared with the answer of every step. The first steps have hardly seen "
        "anything of the row, and what the model learns is to answer their middle. "
        + (
            f"`{layer_name(keeper)}` hands on all steps; without `return_sequences` it hands on the last one."
            if path is not None
            else "Flatten or average over the steps before the last layer."
        ),
        on_layer(keeper, "return_sequences", "False") if path is not None else on_layer(keeper, None, None),
        layer=keeper.path if keeper is not None else None,
        evidence=[
            Evidence("shape of the targets", str(labels).replace("None", "rows")),
            Evidence("shape of the answers", str(answers).replace("None", "rows")),
            *standing_evidence(standing(target)),
        ],
    )


def _negative(situation: Situation, target: Target) -> Finding:
    return cause(
        situation,
        "wrong-labels",
        0.9,
        f"Some class labels are negative ({show(target.figure('min'))})",
        "Class labels are the numbers of units, counted from 0; a negative one belongs to no unit.",
        on("data", data_name(target), None),
        evidence=[Evidence("smallest label", target.figure("min"))],
    )


def _spare(situation: Situation, target: Target, needed: int) -> Finding:
    bad = harm(situation, target) > 0.15
    return cause(
        situation,
        "wrong-output-units",
        0.45 if bad else 0.2,
        f"`{layer_name(target.layer)}` has {target.units} units for {needed} classes",
        "The units without a class learn to stay silent; they cost time and do little harm.",
        on_layer(target.layer, "units", str(needed)),
        severity=None if bad else "note",
        layer=target.layer.path if target.layer is not None else None,
        evidence=[Evidence("largest label", needed - 1), Evidence("units", target.units)],
    )
