"""Inputs and targets of a size that the network cannot work with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kerascope.detect.causes.common import cause, harm, on, on_layer, standing_evidence
from kerascope.detect.node import NORMALISING, NUMERIC, Node
from kerascope.detect.reading import Samples, listing, mapping, number, show
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, Target, situations
from kerascope.detect.standing import standing, worst
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_LARGE = 10.0  # root mean square of all inputs together
_LARGE_FEATURE = 30.0
_TINY = 0.02
_UNEVEN = 100.0  # largest spread of a feature over the median one
_TARGETS = 30.0
_HARM = 0.15


@detector(kinds=("unscaled-inputs", "unscaled-targets"), slug="scales")
def scales(view: RunView) -> Iterator[Finding]:
    """Finds inputs and targets of a size that the network cannot work with."""
    for situation in situations(view):
        found = unscaled(situation)
        if found is not None:
            yield _unscaled_inputs(situation, *found)
        else:
            yield from _tiny(situation)
        for target in situation.targets:
            yield from _unscaled_targets(situation, target)


def unscaled(situation: Situation) -> tuple[Mapping[str, Any], float, float] | None:
    """Returns the worst input array, its size and its unevenness, None when all are of a moderate scale."""
    whole = _one_for_all(situation)
    if whole is None and _prepared(situation):
        return None
    worst_found: tuple[Mapping[str, Any], float, float] | None = None
    for array in situation.inputs():
        if str(array.get("dtype")).startswith(("int", "uint")) and _embedded(situation):
            continue
        size = math.hypot(number(array.get("mean")), number(array.get("std")))
        features = mapping(array.get("features"))
        spread = np.array([number(v) for v in listing(features.get("std"))])
        mean = np.array([number(v) for v in listing(features.get("mean"))])
        good = spread[spread > 0]
        uneven = float(good.max() / np.median(good)) if len(good) > 1 else 1.0
        largest = float(np.hypot(mean, spread).max()) if len(spread) else size
        if whole is not None and not uneven > _UNEVEN:
            continue  # brought to scale as a whole, and the features are much alike
        large = size > _LARGE or largest > _LARGE_FEATURE or (uneven > _UNEVEN and largest > 3)
        if large and (worst_found is None or size > worst_found[1]):
            worst_found = (array, max(size, largest), uneven)
    return worst_found


def _prepared(situation: Situation) -> bool:
    """Tells whether something brings the inputs to scale before the first weights: a layer, or a calculation."""
    for node in situation.working:
        if node.kind == "Normalization" and _passes_through(situation, node):
            continue
        if node.kind in (*NORMALISING, "Lambda") or (node.custom and not node.parameters):
            return True
        if node.weighted or node.custom or node.parameters:
            break
    return any(name.startswith("op:") for chain in situation.chains for name in chain[-4:])


def _passes_through(situation: Situation, node: Node) -> bool:
    """Tells whether what a `Normalization` gives back is as large as what is far too large: it has seen no data."""
    outputs = Samples.of(situation.model, "output")
    mean, spread = outputs.column(node.path, "mean"), outputs.column(node.path, "std")
    sizes = np.hypot(mean, spread)
    return bool(len(sizes) and np.nanmedian(sizes) > _LARGE)


def _never_adapted(situation: Situation) -> Node | None:
    nodes = (n for n in situation.working if n.kind == "Normalization" and n.config.get("axis") != [])
    return next((n for n in nodes if _passes_through(situation, n)), None)


def _one_for_all(situation: Situation) -> Node | None:
    """Returns a normalisation before the first weights that takes one mean and spread for all features."""
    for node in situation.working:
        if node.kind == "Normalization" and node.config.get("axis") == []:
            return node
        if node.weighted or node.custom or (node.parameters and node.kind != "Normalization"):
            break
    return None


def _embedded(situation: Situation) -> bool:
    return any(node.kind in ("Embedding", "CategoryEncoding", "Hashing") for node in situation.working)


def _unscaled_inputs(situation: Situation, array: Mapping[str, Any], size: float, uneven: float) -> Finding:
    damage = harm(situation)
    bad = damage > _HARM
    sure = min(0.93, 0.72 + 0.07 * math.log10(max(size, 1)) + (0.05 if uneven > _UNEVEN else 0.0))
    name = str(array.get("name"))
    plot = tuple(
        math.log10(max(number(v), 1e-9)) for v in listing(mapping(array.get("features")).get("std"))[:48]
    )
    low, high = number(array.get("min")), number(array.get("max"))
    if (layer := _one_for_all(situation)) is not None:
        return cause(
            situation,
            "unscaled-inputs",
            0.9 if bad else 0.4,
            f"`{layer.path}` has one mean and one spread for all features, and their spreads are {show(uneven)} to 1",
            "With `axis=None` the features keep their sizes relative to each other: behind it the largest one is of "
            "size 1 and the others hardly vary. With `axis=-1` each feature gets a mean and a spread of its own.",
            on_layer(layer, "axis", "-1"),
            severity=None if bad else "note",
            layer=layer.path,
            evidence=[
                Evidence("spread, largest / median feature", round(uneven, 2), plot=plot),
                *standing_evidence(worst(situation)),
            ],
        )
    if (layer := _never_adapted(situation)) is not None:
        return _not_adapted(situation, layer, f"{show(low)} to {show(high)}", bad)
    return cause(
        situation,
        "unscaled-inputs",
        sure if bad else 0.4,
        f"The inputs reach from {show(low)} to {show(high)} and nothing brings them to scale",
        "Weights begin at a size made for inputs of about 1. Larger inputs saturate sigmoid and tanh units, "
        "push relu units "
        "far to one side, and make gradients as much larger as themselves, so that no learning rate suits all "
        "weights; a "
        "feature that is a hundred times larger than the others drowns them. Subtract the mean and divide by "
        "the spread of "
        "the training rows (pictures: divide by 255), or begin with a `Normalization` layer.",
        on("scale", name, None),
        severity=None if bad else "note",
        evidence=[
            Evidence("inputs, smallest to largest", f"{show(low)} to {show(high)}"),
            Evidence("spread, largest / median feature", round(uneven, 2), plot=plot),
            *standing_evidence(worst(situation)),
        ],
    )


def _tiny(situation: Situation) -> Iterator[Finding]:
    """Inputs that are next to nothing when they come to the first weights, as pictures that are divided twice."""
    inputs = [array for array in situation.inputs() if "float" in str(array.get("dtype"))]
    if len(inputs) != 1 or len(situation.inputs()) != 1 or not harm(situation) > _HARM:
        return
    size = math.hypot(number(inputs[0].get("mean")), number(inputs[0].get("std")))
    layer = None
    for node in situation.working:
        if node.kind == "Rescaling":
            layer = node
            size = abs(number(node.config.get("scale"))) * size + abs(number(node.config.get("offset")))
        elif node.weighted or node.custom or node.parameters or node.kind in (*NORMALISING, "Lambda"):
            if node.weighted and 0 < size < _TINY:
                yield _next_to_nothing(situation, layer, str(inputs[0].get("name")), size)
            return


def _next_to_nothing(situation: Situation, layer: Node | None, name: str, size: float) -> Finding:
    ways = [on("data", name, None)]
    if layer is not None:
        ways.insert(0, on_layer(layer, None, None))
    return cause(
        situation,
        "unscaled-inputs",
        0.85,
        f"The inputs are of size {show(size)} when they come to the first weights",
        "Weights begin at a size for inputs of about 1. Next to nothing comes out of inputs as small as these and "
        "gradients are as small. "
        + (
            f"They are scaled twice: when they are prepared, and by `{layer.path}`. Once is enough."
            if layer is not None
            else "Divide by the spread of the training rows, after subtracting the mean."
        ),
        *ways,
        layer=layer.path if layer is not None else None,
        evidence=[Evidence("size of the inputs", float(f"{size:.3g}")), *standing_evidence(worst(situation))],
    )


def _not_adapted(situation: Situation, layer: Node, reach: str, bad: bool) -> Finding:
    return cause(
        situation,
        "unscaled-inputs",
        0.93 if bad else 0.5,
        f"`{layer.path}` was never adapted: what it gives back reaches from {reach} as before",
        "A `Normalization` learns mean and spread of the features when its `adapt` is called with the training rows, "
        "before the training. Until then it subtracts 0 and divides by 1.",
        on_layer(layer, None, None),
        layer=layer.path,
        evidence=[
            Evidence("inputs, smallest to largest", reach),
            *standing_evidence(worst(situation)),
        ],
    )


def _unscaled_targets(situation: Situation, target: Target) -> Iterator[Finding]:
    if target.loss not in NUMERIC or target.is_class_task or target.activation not in ("linear", ""):
        return
    if target.loss in ("mean_squared_logarithmic_error", "mean_absolute_percentage_error"):
        return
    mean, std = target.figure("mean"), target.figure("std")
    size = math.hypot(mean, std)
    if not size > _TARGETS:
        return
    damage = harm(situation, target)
    bad = damage > _HARM
    yield cause(
        situation,
        "unscaled-targets",
        min(0.85, 0.45 + 0.13 * math.log10(size)) if bad else 0.3,
        f"The targets are of size {show(size)}, far from what the network begins with",
        "A network begins with answers of about 1 and moves them by little steps, while the squared error of large "
        "targets makes gradients huge. Divide the targets by their spread after subtracting the mean, and undo it "
        "when you use the model.",
        on("scale", str(target.labels.get("name") or "y"), None),
        severity=None if bad else "note",
        evidence=[
            Evidence("mean and spread of the targets", f"{show(mean)} +- {show(std)}"),
            *standing_evidence(standing(target)),
        ],
    )
