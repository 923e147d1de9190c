"""Layers that cannot learn what they should: no bends, dead or saturated units, odd first weights, too few units."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kerascope.detect.causes.common import broken, cause, curve, harm, on_layer, standing_evidence
from kerascope.detect.causes.data import unscaled
from kerascope.detect.causes.optimisation import fast
from kerascope.detect.reading import Samples, median, number, show
from kerascope.detect.registry import detector
from kerascope.detect.situation import RECURRENT, SQUASHING, Node, Situation, situations
from kerascope.detect.standing import standing, worst
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding, Lever

_HARM = 0.15
_RELU = ("relu", "relu6", "ReLU")
_STACK = 3
_DECAY = 0.1
_TOWER = 8


@detector(
    kinds=(
        "missing-activation",
        "wrong-hidden-activation",
        "bad-initialisation",
        "insufficient-capacity",
        "normalisation-misuse",
        "wrong-layer",
    ),
    slug="architecture",
)
def architecture(view: RunView) -> Iterator[Finding]:
    """Finds hidden layers that are linear, dead, saturated, badly initialised, too narrow or badly normalised."""
    for situation in situations(view):
        yield from _linear(situation)
        yield from _squashed(situation)
        yield from _initial(situation)
        yield from _dead_from_start(situation)
        yield from _narrow(situation)
        yield from _normalised(situation)


def _linear(situation: Situation) -> Iterator[Finding]:
    hidden = situation.hidden
    if not hidden or any(n.custom or n.kind in RECURRENT or "Attention" in n.kind for n in situation.working):
        return
    bent = [n for n in hidden if situation.activation_after(n) not in ("linear", "")]
    if bent:
        return
    damage = harm(situation)
    target = situation.targets[0] if situation.targets else None
    yard = target.yardstick if target is not None else {}
    curved = number(yard.get("neighbours")) - number(yard.get("linear")) > 0.1
    bad = damage > _HARM
    levers = tuple(Lever("layer", "activation", '"relu"', node.path) for node in hidden)
    yield cause(
        situation,
        "missing-activation",
        (0.93 if curved else 0.75) if bad else 0.3,
        f"`{hidden[0].path}` has no activation: the whole network is one linear map",
        "A linear map of a linear map is a linear map again, so hidden layers without an activation add "
        "weights but nothing "
        "that one layer could not express: no bend, no corner, no interaction of inputs. Give each hidden layer an "
        "activation such as relu.",
        levers,
        severity=None if bad else "note",
        layer=hidden[0].path,
        evidence=[
            Evidence("hidden layers without activation", len(hidden)),
            *standing_evidence(worst(situation)),
        ],
    )


# -- saturation and vanishing ------------------------------------------------------------------------------------


def _squashed(situation: Situation) -> Iterator[Finding]:
    """Sigmoid or tanh units one behind the other, through which hardly any gradient comes back."""
    hidden = situation.hidden
    squashed = [n for n in hidden if situation.activation_after(n) in SQUASHING]
    soft = [n for n in hidden if situation.activation_after(n) == "softmax"]
    damage = harm(situation)
    if soft and not any("Attention" in n.kind or n.custom for n in situation.working):
        yield _soft(situation, soft, damage)
    if not squashed or not damage > _HARM or broken(situation):
        return
    decay, first, _ = _decay(situation)
    deep = len(squashed) >= _STACK
    sigmoids = [n for n in squashed if "sigmoid" in situation.activation_after(n)]
    moves = situation.trend
    still = moves is not None and moves.flat(0.1)
    if not (
        (deep and (decay < _DECAY or still)) or (len(sigmoids) >= 1 and (decay < 0.3 or still) and still)
    ):
        return
    sure = (
        0.5
        + 0.2 * (deep and decay < _DECAY)
        + 0.15 * still
        + 0.1 * (len(squashed) >= 5)
        - 0.25 * (unscaled(situation) is not None)
    )
    levers = tuple(
        Lever("layer", "activation", '"relu"', node.path) for node in _setters(situation, squashed)
    )
    name = situation.activation_after(squashed[0])
    yield cause(
        situation,
        "wrong-hidden-activation",
        min(0.92, sure),
        f"{len(squashed)} hidden layer{'s' if len(squashed) > 1 else ''} of {name} let hardly any gradient through",
        f"The slope of {name} is at most {'a quarter' if 'sigmoid' in name else '1'} and near zero for large "
        "inputs, and each "
        "layer multiplies the gradient by it: what reaches the first layers is too small to teach them. relu "
        "has the slope "
        "1 for every positive input.",
        levers,
        layer=_setters(situation, squashed)[0].path,
        evidence=[
            Evidence("gradient norm, first layer over last layer", float(f"{decay:.3g}")),
            *(
                [Evidence(f"gradient norm of `{squashed[0].path}`", float(f"{first:.3g}"))]
                if math.isfinite(first)
                else []
            ),
            *curve(situation),
            *standing_evidence(worst(situation)),
        ],
    )
    if len(hidden) >= _TOWER:
        yield cause(
            situation,
            "wrong-layer",
            0.5,
            f"{len(hidden)} hidden layers one behind the other, without a way around them",
            "Each further layer weakens the signal on its way up and the gradient on its way back. A few wider "
            "layers learn "
            "the same faster.",
            tuple(Lever("layer", None, None, node.path) for node in hidden[1:-1]),
            layer=hidden[1].path,
            evidence=[
                Evidence("hidden layers", len(hidden)),
                Evidence("gradient, first over last", float(f"{decay:.3g}")),
            ],
        )


def _setters(situation: Situation, nodes: list[Node]) -> list[Node]:
    """Returns the layers whose `activation` argument makes those of `nodes`: themselves, or the one behind."""
    found = []
    for node in nodes:
        if node.activation not in ("", "linear"):
            found.append(node)
            continue
        after = situation.working[situation.working.index(node) + 1 :]
        found.append(next((n for n in after if n.kind == "Activation"), node))
    return found


def _soft(situation: Situation, soft: list[Node], damage: float) -> Finding:
    bad = damage > _HARM
    return cause(
        situation,
        "wrong-hidden-activation",
        0.85 if bad else 0.35,
        f"`{soft[0].path}` is a hidden layer with a softmax",
        "A softmax lets units compete for a sum of 1: all but one are near zero, and so are their gradients. "
        "It is made for "
        "answers, not for hidden units.",
        tuple(Lever("layer", "activation", '"relu"', node.path) for node in _setters(situation, soft)),
        severity=None if bad else "note",
        layer=_setters(situation, soft)[0].path,
        evidence=[*curve(situation), *standing_evidence(worst(situation))],
    )


def _decay(situation: Situation) -> tuple[float, float, float]:
    """Returns gradient norm of the first over the last weight matrix, early in the run, and the two norms."""
    gradients = Samples.of(situation.model, "gradient")
    early = (
        gradients.step <= max(50, int(gradients.step[-1] * 0.3)) if len(gradients.step) else gradients.step
    )
    kernels = [
        path
        for node in situation.working
        if node.weighted
        for path in node.weights
        if path.endswith("kernel") and path in gradients.index
    ]
    if len(kernels) < 2 or not len(gradients.step):
        return math.nan, math.nan, math.nan
    first, last = (median(gradients.column(path)[early]) for path in (kernels[0], kernels[-1]))
    return (first / last if last else math.nan), first, last


# -- first weights -----------------------------------------------------------------------------------------------


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
    shape = next(
        (v.get("shape") for v in situation.model.facts.get("variables") or () if v.get("path") == path), None
    )
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
        else "First weights have to fit the number of inputs, so that a signal keeps its size from layer to layer. Too large "
        "ones saturate or blow up what follows, too small ones let it die out. Keras's own initialisers do this by "
        "themselves.",
        on_layer(node, "kernel_initializer", None),
        layer=node.path,
        evidence=[
            Evidence("spread of the first weights", float(f"{spread:.3g}")),
            Evidence("usual for a layer of this shape (Glorot)", float(f"{usual:.3g}")),
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


def _dead_from_start(situation: Situation) -> Iterator[Finding]:
    """relu units that answer 0 for all rows from the first step on, without odd weights or inputs to blame."""
    if not harm(situation) > _HARM:
        return
    outputs = Samples.of(situation.model, "output")
    for node in situation.hidden:
        if situation.activation_after(node) not in _RELU:
            continue
        setter = _setters(situation, [node])[0]
        zeros = outputs.column(setter.path, "zeros")
        known = np.isfinite(zeros)
        if not known.any() or not (zeros[known][: max(1, known.sum() // 2)] >= 0.995).all():
            continue
        if int(outputs.step[known][0]) > 2 or fast(situation):
            continue
        scaled = unscaled(situation) is not None
        yield cause(
            situation,
            "wrong-hidden-activation",
            0.5 if scaled else 0.75,
            f"All units of `{setter.path}` answer 0 from the first step on",
            "A relu has no slope below zero: a unit that is below zero for every row stays there. With few "
            "units it happens by "
            "bad luck that all of them begin on that side. An activation with a slope below zero "
            "(`leaky_relu`, `elu`), more "
            "units or other first weights bring the layer to life.",
            on_layer(setter, "activation", '"leaky_relu"'),
            on_layer(node, "kernel_initializer", '"he_normal"'),
            layer=setter.path,
            evidence=[Evidence("share of zeros in the outputs", 1.0), *curve(situation)],
        )
        return


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
                f"`{node.path}` normalises over batches of {int(size)}",
                "Batch normalisation subtracts the mean of the batch. In a batch of one row that is the row "
                "itself, so 0 is left; "
                "with two only the sign of their difference. Use larger batches, or `LayerNormalization`.",
                (Lever("fit", "batch_size", "32"),),
                (Lever("layer", None, None, node.path),),
                layer=node.path,
                evidence=[Evidence("rows per batch", int(size)), *standing_evidence(worst(situation))],
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
    if not layers or len(situation.targets) != 1:
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
            Evidence("accuracy of the same rows when used", round(found.fitted, 3)),
            Evidence("momentum", momentum),
        ],
    )
