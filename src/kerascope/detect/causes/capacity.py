"""Layers that are too narrow, or normalise over too little."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kerascope.detect.causes.common import broken, cause, harm, on_layer, standing_evidence
from kerascope.detect.node import RECURRENT
from kerascope.detect.reading import number, whole
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, situations
from kerascope.detect.standing import standing, worst
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding, Lever

_HARM = 0.15


@detector(kinds=("insufficient-capacity", "normalisation-misuse"), slug="capacity")
def capacity(view: RunView) -> Iterator[Finding]:
    """Finds layers that let too little through, and normalisation where it cannot work."""
    for situation in situations(view):
        yield from _narrow(situation)
        yield from _normalised(situation)


# -- capacity ----------------------------------------------------------------------------------------------------


def _narrow(situation: Situation) -> Iterator[Finding]:
    found = worst(situation)
    if found is None or not found.poor or not found.poor_fit or broken(situation):
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
                0.9,
                f"`{node.path}` normalises over an axis of one number",
                "One number minus its own mean is 0, whatever it was: nothing passes this layer.",
                (Lever("layer", None, None, node.path),),
                layer=node.path,
                evidence=[Evidence("size of the axis", 1)],
            )
            return
    yield from _unsettled(situation)


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
