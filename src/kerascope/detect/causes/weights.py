"""First weights whose size does not fit the layer, all alike, or biases far from zero."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kerascope.detect.causes.common import cause, harm, on_layer, standing_evidence
from kerascope.detect.node import RECURRENT, Node
from kerascope.detect.reading import Samples, show
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, situations
from kerascope.detect.standing import worst
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_HARM = 0.15
_RELU = ("relu", "relu6", "ReLU")


@detector(kinds=("bad-initialisation",), slug="first-weights")
def first_weights(view: RunView) -> Iterator[Finding]:
    """Finds layers that could not begin to learn because of their first weights."""
    for situation in situations(view):
        yield from _initial(situation)


def _initial(situation: Situation) -> Iterator[Finding]:
    """First weights whose size does not fit the layer, all alike, or biases far from zero."""
    damage = harm(situation)
    if not damage > _HARM:
        return
    weights = Samples.of(situation.model, "weight")
    if not len(weights.step) or weights.step[0] > 2:
        return
    for node in situation.hidden:
        finding = _kernel(situation, node, weights) or _bias(situation, node, weights)
        if finding is not None:
            yield finding
            return


def _kernel(situation: Situation, node: Node, weights: Samples) -> Finding | None:
    path = next((p for p in node.weights if p.endswith("kernel")), "")
    shape = situation.shapes.get(path, ())
    if not path or path not in weights.index or not shape or len(shape) < 2:
        return None
    spread, middle = float(weights.column(path, "std")[0]), float(weights.column(path, "mean")[0])
    receptive = float(np.prod(shape[:-2])) if len(shape) > 2 else 1.0
    usual = math.sqrt(2.0 / (receptive * (shape[-2] + shape[-1])))
    times = math.hypot(spread, middle) / usual
    alike = spread < 0.02 * max(abs(middle), usual)
    if not (alike or times > 6 or times < 0.1):
        return None
    what = "all alike" if alike else f"{show(times)} times as large as usual for this layer"
    return cause(
        situation,
        "bad-initialisation",
        0.85 if alike else 0.6 if times < 30 else 0.7,
        f"The first weights of `{node.path}` are {what}",
        "Units that begin alike get the same gradient and stay alike: the layer has one unit only, however "
        "many there are. "
        "Keras's own initialisers draw each weight at random."
        if alike
        else "First weights have to fit the number of inputs, so that a signal keeps its size from layer to layer. "
        "Too large "
        "ones saturate or blow up what follows, too small ones let it die out. Keras's own initialisers do this by "
        "themselves.",
        on_layer(node, "kernel_initializer", None),
        layer=node.path,
        evidence=[
            Evidence("spread of the first weights", float(f"{spread:.3g}")),
            Evidence("usual for this shape (Glorot)", float(f"{usual:.3g}")),
            *standing_evidence(worst(situation)),
        ],
    )


def _bias(situation: Situation, node: Node, weights: Samples) -> Finding | None:
    path = next((p for p in node.weights if p.endswith("bias")), "")
    if not path or path not in weights.index:
        return None
    middle = float(weights.column(path, "mean")[0])
    if not abs(middle) >= 1.0 or node.kind in RECURRENT:
        return None
    dead = middle < 0 and situation.activation_after(node) in _RELU
    return cause(
        situation,
        "bad-initialisation",
        0.92 if dead else 0.6,
        f"The biases of `{node.path}` begin at {show(middle)}",
        "Inputs of moderate size cannot lift the units above such a bias, so that a relu answers 0 for every "
        "row and, having no "
        "slope there, never changes."
        if dead
        else "A bias of this size decides alone what the units answer; their inputs have little say.",
        on_layer(node, "bias_initializer", None),
        layer=node.path,
        evidence=[
            Evidence("mean of the first biases", float(f"{middle:.3g}")),
            *_zeros(situation, node),
            *standing_evidence(worst(situation)),
        ],
    )


def _zeros(situation: Situation, node: Node) -> Iterator[Evidence]:
    outputs = Samples.of(situation.model, "output")
    share = outputs.column(node.path, "zeros")
    if len(share) and math.isfinite(share[0]):
        yield Evidence(f"zeros in the first outputs of `{node.path}`", round(float(share[0]), 3))
