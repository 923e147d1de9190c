"""Loss, last activation and labels that do not fit each other."""

from __future__ import annotations

import math
from collections.abc import Iterator

from kerascope.detect.causes.common import broken, cause, curve, harm, on, on_layer, standing_evidence
from kerascope.detect.node import BINARY, CROSS_ENTROPY, NUMERIC
from kerascope.detect.reading import listing, mapping, number, show
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, Target, situations
from kerascope.detect.standing import standing
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_PROBABILITY = ("softmax", "sigmoid", "hard_sigmoid")
RANGES = {
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
        "wrong-loss",
        "wrong-axis",
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
            yield from _positive(situation, target)
            yield from _across(situation, target)
            yield from _limited_before(situation, target)


# -- a single unit -----------------------------------------------------------------------------------------------


def _one_unit(situation: Situation, target: Target) -> Iterator[Finding]:
    if target.units != 1:
        return
    setter = situation.activation_layer(target.index)
    if target.activation == "softmax":
        fits = "sigmoid" if zero_one(target) else "linear"
        yield cause(
            situation,
            "softmax-one-unit",
            0.97,
            f"`{layer_name(setter)}` is a softmax over one unit: its answer is always 1",
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
    if (
        target.labels
        and not (target.figure("min") >= 0 and target.figure("max") <= 1)
        and target.loss in BINARY
    ):
        return  # the labels are none for this loss, so it is the loss that has to change
    if target.from_logits:
        yield from _twice(situation, target)
        return
    if target.activation in _PROBABILITY or _is_probability(target):
        yield from _competing(situation, target)
        return
    if not target.activation or (not situation.has_graph and _looks_like_shares(target)):
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
        f"{' and add up to 1' if fits == 'softmax' else ''}. `{layer_name(setter)}` ends in {target.activation}: "
        "values below 0 "
        "are cut off, and where they are cut off there is no gradient. Either let the layer end in "
        f"{fits}, or let the loss do it (`from_logits=True`).",
        on_layer(setter, "activation", f'"{fits}"'),
        *_with_logits(target, raw),
        layer=setter.path if setter is not None else None,
        evidence=[*outside(target), *standing_evidence(standing(target))],
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
        f"{target.activation.capitalize()} is applied twice: in `{layer_name(setter)}` and by `from_logits=True`",
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
            f"Several labels can be true at once, but the softmax of `{layer_name(setter)}` makes them compete",
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
    if target.activation == "softmax" and target.columns > 1:
        yield from _sum_of_one(situation, target)
    limits = RANGES.get(target.activation)
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
        f"The targets reach from {show(low)} to {show(high)}; `{layer_name(setter)}` can only answer "
        f"{limits[0]:g} to {to}",
        f"The last activation is {target.activation}. For targets outside its range the model can only push "
        "towards the "
        "limit, where the slope goes to zero and learning stops. Measured numbers call for no activation at "
        "the end, or "
        "for targets that are brought into the range first.",
        on_layer(setter, "activation", None),
        on("data", data_name(target), None),
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


def _sum_of_one(situation: Situation, target: Target) -> Iterator[Finding]:
    """Several measured numbers, such as the pixels of an image, from units that share a sum of 1."""
    means = [number(v) for v in listing(mapping(target.labels.get("features")).get("mean"))]
    total = sum(means) if means else math.nan
    if target.written != "numbers" or target.units != target.columns or not abs(total - 1) > _OFF_ONE:
        return
    setter = situation.activation_layer(target.index)
    fits = '"sigmoid"' if target.figure("min") >= 0 and target.figure("max") <= 1 else None
    yield cause(
        situation,
        "wrong-output-activation",
        0.94,
        f"The {target.columns} targets of a row add up to {show(total)}; those of `{layer_name(setter)}` always to 1",
        "The units of a softmax share a sum of 1, for one class out of several. Targets that are measured one by one, "
        "such as the pixels of an image, have any sum, which these units cannot reach: end in "
        + ("sigmoid, which brings each of them between 0 and 1." if fits else "no activation."),
        on_layer(setter, "activation", fits),
        layer=setter.path if setter is not None else None,
        evidence=[
            Evidence("sum of the targets of a row, mean", float(f"{total:.4g}")),
            Evidence("sum of the answers of a row", 1.0),
            *curve(situation),
            *standing_evidence(standing(target)),
        ],
    )


_OFF_ONE = 0.1


def _positive(situation: Situation, target: Target) -> Iterator[Finding]:
    """A loss that takes the logarithm of numbers which may be negative."""
    if target.custom_loss or target.loss != "poisson" or target.activation not in _SIGNED:
        return
    low = number(target.train.get("min"))
    wrong = broken(situation) or low < 0
    setter = situation.activation_layer(target.index)
    yield cause(
        situation,
        "wrong-output-activation",
        0.92 if wrong else 0.3,
        f"The Poisson loss takes the logarithm of the answers, and `{layer_name(setter)}` can answer 0 or less",
        f"The last activation is {target.activation}. The logarithm of a negative number is not a number, and then all "
        "weights become so. An expected count is above 0: let the layer end in exponential or softplus.",
        on_layer(setter, "activation", '"exponential"'),
        on_layer(setter, "activation", '"softplus"'),
        layer=setter.path if setter is not None else None,
        evidence=[
            Evidence("last activation", target.activation),
            Evidence("smallest answer", low),
            Evidence("smallest label", target.figure("min")),
            *curve(situation),
        ],
    )


_SIGNED = ("linear", "tanh", "elu", "selu", "leaky_relu", "gelu", "silu", "swish", "softsign")


def _across(situation: Situation, target: Target) -> Iterator[Finding]:
    """A softmax that shares out over another axis than that of the classes."""
    setter = situation.activation_layer(target.index)
    shape = situation.output_shape(target.index)
    if setter is None or setter.kind != "Softmax" or target.custom_loss or target.loss not in CROSS_ENTROPY:
        return
    axis = setter.config.get("axis")
    if not isinstance(axis, int) or len(shape) < 2 or axis % len(shape) == len(shape) - 1:
        return
    yield cause(
        situation,
        "wrong-axis",
        0.92,
        f"`{setter.path}` adds up to 1 over axis {axis}, where the classes are on the last one",
        f"The answers have the shape {shape}. `{target.loss}` compares the classes of the last axis, which have to "
        f"share a probability of 1; over axis {axis} it is the places that compete with each other.",
        on_layer(setter, "axis", "-1"),
        layer=setter.path,
        evidence=[
            Evidence("axis", axis),
            Evidence("shape of the answers", str(shape)),
            *standing_evidence(standing(target)),
        ],
    )


_LIMITING = (
    "relu",
    "relu6",
    "sigmoid",
    "hard_sigmoid",
    "tanh",
    "softmax",
    "softsign",
    "softplus",
    "exponential",
)


def _limited_before(situation: Situation, target: Target) -> Iterator[Finding]:
    """Scores that pass one activation before the softmax or sigmoid that makes probabilities of them."""
    inner, name = situation.inner_activation(target.index)
    if inner is None or name not in _LIMITING or target.activation not in ("softmax", "sigmoid"):
        return
    bad = harm(situation, target) > 0.15
    yield cause(
        situation,
        "wrong-output-activation",
        0.85 if bad else 0.3,
        f"The scores pass {name} in `{layer_name(inner)}` before the {target.activation}",
        f"A {target.activation} turns any number into a share, and needs low scores for what is unlikely. Behind "
        f"{name} scores cannot leave its range, and where it is flat they have no slope, so that units get stuck. The "
        "layer that gives the scores takes no activation of its own.",
        on_layer(inner, "activation", None),
        severity=None if bad else "note",
        layer=inner.path,
        evidence=[
            Evidence("activations behind the last weights", f"{name}, then {target.activation}"),
            *standing_evidence(standing(target)),
        ],
    )


# -- small helpers -----------------------------------------------------------------------------------------------


def layer_name(node: object) -> str:
    """Returns the path of a layer for sentences."""
    return str(getattr(node, "path", None) or "the last layer")


def data_name(target: Target) -> str:
    """Returns the argument of `fit` that holds the labels."""
    return str(target.labels.get("name") or "y")


def zero_one(target: Target) -> bool:
    """Tells whether the labels are classes written as 0 and 1."""
    return (
        target.written in ("classes", "one-hot", "multi-hot")
        and target.figure("min") >= 0
        and target.figure("max") <= 1
    )


def _is_probability(target: Target) -> bool:
    """Tells whether the answers seen are probabilities, whatever layer makes them."""
    low, high = number(target.train.get("min")), number(target.train.get("max"))
    by_chance = target.activation in ("linear", "relu", "tanh")
    return low >= 0 and high <= 1 and not by_chance


def _looks_like_shares(target: Target) -> bool:
    """Tells whether the answers lie between 0 and 1, whatever the code between the layers does."""
    low, high = number(target.train.get("min")), number(target.train.get("max"))
    return not (low < 0 or high > 1)


def outside(target: Target) -> list[Evidence]:
    """Returns the range of the answers as evidence."""
    low, high = number(target.train.get("min")), number(target.train.get("max"))
    if not (math.isfinite(low) and math.isfinite(high)):
        return []
    return [Evidence("answers, smallest to largest", f"{show(low)} to {show(high)}")]


def _spread(target: Target) -> list[Evidence]:
    std = number(target.train.get("std"))
    return [Evidence("spread of the model's answers", std)] if math.isfinite(std) else []
