"""Parts of a model that are to make data like those it is shown, and end in an activation that cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kerascope.detect.causes.common import cause, curve, on_layer
from kerascope.detect.causes.objective import RANGES
from kerascope.detect.node import ACTIVATIONS, SQUASHING, Node, activation_of, known_activation
from kerascope.detect.reading import listing, number, show
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, situations
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_MOST = 30.0
"""Data that reach further are to be scaled before anything else."""


@detector(kinds=("wrong-output-activation",), slug="makers")
def makers(view: RunView) -> Iterator[Finding]:
    """Finds generators and decoders whose last activation cannot reach the values of the data.

    Only where no loss of Keras's own compares the two, which would say it all.
    """
    known = situations(view)
    shown = [array for one in known for array in one.inputs() if "float" in str(array.get("dtype"))]
    for situation in known:
        if any(t.labels for t in situation.targets) and len(known) < 2:
            continue
        if not (situation.anatomy.custom_step or len(known) > 1):
            continue
        for node in _ends(situation):
            found = _out_of_reach(situation, node, shown)
            if found is not None:
                yield found
                return


def _ends(situation: Situation) -> Iterator[Node]:
    """Yields the last layer of each model that is a part of this one."""
    groups: dict[str, Node] = {}
    for node in situation.working:
        holder = node.path.rpartition("/")[0]
        known = situation.nodes.get(holder)
        if known is not None and known.kind in ("Functional", "Sequential"):
            groups[holder] = node
    yield from groups.values()


def _out_of_reach(situation: Situation, node: Node, shown: list[Mapping[str, Any]]) -> Finding | None:
    activation = activation_of(node) if node.kind in ACTIVATIONS else known_activation(node)
    limits = RANGES.get(activation)
    arrays = [
        a for a in shown if list(listing(a.get("shape")))[1:] == list(node.shape[1:]) and len(node.shape) > 1
    ]
    if (
        limits is None
        or activation not in SQUASHING
        or len(arrays) != 1
        or (node.shape[-1] == 1 and len(node.shape) == 2)
    ):
        return None
    low, high = number(arrays[0].get("min")), number(arrays[0].get("max"))
    mean, spread = number(arrays[0].get("mean")), number(arrays[0].get("std"))
    span = high - low
    inside = low >= limits[0] - 0.05 * span and high <= limits[1] + 0.05 * span
    if not span > 0 or inside or max(-low, high) > _MOST:
        return None
    if not (mean - spread < limits[0] or mean + spread > limits[1]):
        return None
    return cause(
        situation,
        "wrong-output-activation",
        0.8,
        f"`{node.path}` only answers {limits[0]:g} to {limits[1]:g}; the data reach from {show(low)} to {show(high)}",
        f"Its answers have the shape of the data, and end in {activation}: whatever is learnt, values outside that "
        "range are never made, and a judge can tell them from the real ones by that alone. Take an activation with the "
        "range of the data (tanh for -1 to 1, sigmoid for 0 to 1, none for standardised ones), or scale the data.",
        on_layer(node, "activation", '"tanh"' if low >= -1.05 and high <= 1.05 else None),
        layer=node.path,
        evidence=[Evidence("data, smallest to largest", f"{show(low)} to {show(high)}"), *curve(situation)],
    )
