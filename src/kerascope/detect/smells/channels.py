"""A normalisation of pictures along another axis than that of their channels."""

from __future__ import annotations

import ast

from kerascope.detect.smells import names
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.detect.smells.shapes import shown
from kerascope.record.lines import Site
from kerascope.values import Evidence


def concerns(site: Site) -> bool:
    """Calls of layers that an object keeps."""
    return isinstance(site.node, ast.Call) and ast.unparse(site.node.func).startswith("self.")


def judge(moment: Moment) -> Verdict:
    """A batch normalisation keeps the last axis apart where the convolution before it puts channels last."""
    layer = names.find(moment.node.func, moment.frame)
    operand = moment.part(moment.argument(0, "inputs"))
    if type(layer).__name__ != "BatchNormalization" or operand is None:
        return None
    shape, axis = operand.event.facts.shape or (), getattr(layer, "axis", -1)
    if (
        len(shape) not in (4, 5)
        or not isinstance(axis, int)
        or not _channels_last(moment, operand.event.site)
    ):
        return None
    if axis % len(shape) == len(shape) - 1:
        return CLEAR
    text = ast.unparse(moment.node.func)
    return Hit(
        "wrong-axis",
        "fault",
        0.85,
        f"`{text}` normalises along axis {axis}, and the channels are last",
        f"The convolution before it puts its channels last: `{operand.event.site.source}` is {shown(shape)}. With "
        f"axis={axis} each row of the picture has a mean and a spread of its own. Leave out axis, which is -1.",
        (Evidence("axis", axis), Evidence("shape of the input", shown(shape))),
    )


def _channels_last(moment: Moment, site: Site) -> bool:
    """Tells whether the layer that a value comes from is a convolution with channels last."""
    known = moment.activation.definitions.get(site.source) if site.kind == "name" else None
    node = (known.site if known is not None else site).node
    layer = names.find(node.func, moment.frame) if isinstance(node, ast.Call) else None
    return "Conv" in type(layer).__name__ and getattr(layer, "data_format", "") == "channels_last"
