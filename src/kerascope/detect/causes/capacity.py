"""Layers that are too narrow, or normalise over too little."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kerascope.detect.causes.common import broken, cause, curve, harm, on_layer, standing_evidence
from kerascope.detect.node import NORMALISING, RECURRENT, SQUASHING
from kerascope.detect.reading import number, whole
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, situations
from kerascope.detect.standing import Standing, standing, worst
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding, Lever

_HARM = 0.15
_LONG = 300  # updates
_WELL = 0.85
_TOWER = 8


@detector(kinds=("insufficient-capacity", "normalisation-misuse"), slug="capacity")
def capacity(view: RunView) -> Iterator[Finding]:
    """Finds layers that let too little through, and normalisation where it cannot work."""
    for situation in situations(view):
        yield from _narrow(situation)
        yield from _normalised(situation)


# -- capacity ----------------------------------------------------------------------------------------------------


def _narrow(situation: Situation) -> Iterator[Finding]:
    found = worst(situation)
    if found is None or broken(situation):
        return
    if not found.poor or not found.poor_fit:
        yield from _single_unit(situation, found)
        return
    if any(t.yardstick.get("copies") is True for t in situation.targets):
        return  # a narrow middle is the point of an autoencoder
    dense = [n for n in situation.hidden if n.kind == "Dense" and n.units is not None]
    outputs = max((t.units or 1 for t in situation.targets), default=1)
    tight = [n for n in dense if n.units is not None and n.units <= max(1, min(3, outputs // 3))]
    if tight:
        node = tight[0]
        yield cause(
            situation,
            "insufficient-capacity",
            0.85 if node.units == 1 else 0.7,
            f"Everything has to pass through {node.units} unit{'s' if node.units != 1 else ''} in `{node.path}`",
            "What is not in these few numbers is lost to all layers behind. Simple methods on the same rows do "
            "better, so there is "
            "more to be learnt than they let through.",
            on_layer(node, "units", "32"),
            layer=node.path,
            evidence=[Evidence("units", node.units), *standing_evidence(found)],
        )
    elif not situation.hidden and not any(n.custom or n.kind in RECURRENT for n in situation.working):
        yard = situation.targets[0].yardstick if situation.targets else {}
        linear = number(yard.get("validation_linear", yard.get("linear")))
        bent = number(yard.get("validation_neighbours", yard.get("neighbours")))
        if bent - linear > 0.12 and found.own <= linear + 0.05:
            yield cause(
                situation,
                "insufficient-capacity",
                0.7,
                "A single layer can only learn a linear map, and these data are not linear",
                "Nearest neighbours answer much better than any linear map on the same rows. A hidden layer "
                "with an activation is "
                "what a network needs to bend.",
                on_layer(situation.targets[0].layer, None, None),
                layer=situation.targets[0].layer.path if situation.targets[0].layer is not None else None,
                evidence=[Evidence("best linear map", round(linear, 3)), *standing_evidence(found)],
            )


def _single_unit(situation: Situation, found: Standing) -> Iterator[Finding]:
    """A hidden layer of one unit, where the simple methods find no more than the model does.

    Then only the model itself tells: its training rows are answered badly, and that no longer gets better.
    """
    node = next((n for n in situation.hidden if n.kind == "Dense" and n.units == 1), None)
    moves = situation.trend
    if node is None or moves is None or situation.updates < _LONG or not found.fitted < _WELL:
        return
    levels = moves.levels
    settled = len(levels) >= 3 and abs(levels[-1] - levels[-2]) < 0.05 * abs(levels[-2])
    inputs = situation.shapes.get(next((p for p in node.weights if p.endswith("kernel")), ""), (0,))[0]
    if not settled or inputs < 4 or any(t.yardstick.get("copies") is True for t in situation.targets):
        return
    yield cause(
        situation,
        "insufficient-capacity",
        0.65,
        f"Everything has to pass through one unit in `{node.path}`",
        f"A layer of one unit makes one number of {inputs} inputs, and the layers behind know nothing else. The loss "
        "has levelled off while many training rows are still answered wrongly, so more steps will not help.",
        on_layer(node, "units", "32"),
        layer=node.path,
        evidence=[
            Evidence("units", 1),
            Evidence(
                "accuracy" if found.score == "accuracy" else "R2",
                round(found.fitted, 3),
                "of the training rows",
            ),
            *curve(situation),
        ],
    )


# -- normalisation -----------------------------------------------------------------------------------------------


def _normalised(situation: Situation) -> Iterator[Finding]:
    """Normalisation over too little: batches of one row, an axis of one number, statistics that never settled."""
    damage = harm(situation)
    sizes = np.asarray(situation.model.steps().batch_size, np.float64)
    size = float(np.median(sizes[np.isfinite(sizes)])) if np.isfinite(sizes).any() else math.nan
    for node in situation.working:
        if node.kind == "BatchNormalization" and size <= 2 and len(node.shape) == 2:
            yield cause(
                situation,
                "normalisation-misuse",
                0.88 if damage > _HARM else 0.5,
                f"`{node.path}` normalises over batches of {whole(size)}",
                "Batch normalisation subtracts the mean of the batch. In a batch of one row that is the row "
                "itself, so 0 is left; "
                "with two only the sign of their difference. Use larger batches, or `LayerNormalization`.",
                (Lever("fit", "batch_size", "32"),),
                (Lever("layer", None, None, node.path),),
                layer=node.path,
                evidence=[Evidence("rows per batch", whole(size)), *standing_evidence(worst(situation))],
            )
            return
        if node.kind == "LayerNormalization" and node.shape and node.shape[-1] == 1 and damage > _HARM:
            yield cause(
                situation,
                "normalisation-misuse",
                0.97,
                f"`{node.path}` normalises over an axis of one number",
                "One number minus its own mean is 0, whatever it was: nothing passes this layer.",
                (Lever("layer", None, None, node.path),),
                layer=node.path,
                evidence=[Evidence("size of the axis", 1)],
            )
            return
    yield from _unsettled(situation)
    yield from _missing(situation)


def _missing(situation: Situation) -> Iterator[Finding]:
    """Many layers one behind the other, nothing that keeps their scale, and no learning."""
    hidden = situation.hidden
    if (
        len(hidden) < _TOWER
        or not situation.has_graph
        or broken(situation)
        or not harm(situation) > 2 * _HARM
    ):
        return
    if any(n.kind in NORMALISING or n.custom or n.kind in RECURRENT for n in situation.working):
        return
    if any(situation.activation_after(n) in SQUASHING for n in hidden):
        return  # these let little through however many they are
    moves = situation.trend
    if moves is None or moves.end < 0.5 * moves.start:
        return
    yield cause(
        situation,
        "normalisation-misuse",
        0.6,
        f"{len(hidden)} hidden layers one behind the other, and none that normalises",
        "Each layer changes the scale of what passes it a little, and many of them multiply to much: signals or "
        "gradients fade or grow on their way. `BatchNormalization` or `LayerNormalization` between the layers brings "
        "them back to one scale; so do skip connections, fewer layers, or an activation that normalises itself.",
        tuple(
            Lever("layer", name, value, node.path)
            for node in hidden
            for name, value in (("activation", '"selu"'), ("kernel_initializer", '"lecun_normal"'))
        ),
        layer=hidden[0].path,
        evidence=[
            Evidence("hidden layers", len(hidden)),
            *curve(situation),
            *standing_evidence(worst(situation)),
        ],
    )


def _unsettled(situation: Situation) -> Iterator[Finding]:
    """The moving statistics of batch normalisation lag behind, so the model does badly only when it is used."""
    layers = [n for n in situation.working if n.kind == "BatchNormalization"]
    if not layers or len(situation.targets) != 1 or broken(situation):
        return
    found = standing(situation.targets[0])
    logged = max(
        (
            float(v[-1])
            for v in (situation.epoch_logs(n) for n, _, _ in situation.metric_names() if "acc" in n)
            if len(v)
        ),
        default=math.nan,
    )
    momentum = number(layers[0].config.get("momentum"))
    if not (logged - found.fitted > 0.2 and momentum > 0.9 and situation.updates * (1 - momentum) < 3):
        return
    yield cause(
        situation,
        "normalisation-misuse",
        0.75,
        f"The moving averages of `{layers[0].path}` have not settled after {situation.updates} steps",
        "In training the layer uses the statistics of the batch, afterwards moving averages. With a momentum "
        f"of {momentum:g} they "
        f"need some {int(3 / (1 - momentum))} steps to get there. Until then the model does badly whenever it is used.",
        on_layer(layers[0], "momentum", "0.9"),
        layer=layers[0].path,
        evidence=[
            Evidence("accuracy while training", round(logged, 3)),
            Evidence("accuracy of the same rows, when used", round(found.fitted, 3)),
            Evidence("momentum", momentum),
        ],
    )
