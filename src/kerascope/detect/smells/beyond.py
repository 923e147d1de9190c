"""Entries that are asked for and are not there: JAX raises nothing, and gives NaN or the nearest one."""

from __future__ import annotations

import ast

from kerascope.detect.smells import names
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, array
from kerascope.record.lines import Site
from kerascope.values import Evidence

POSITIONS = "positions asked for"


def concerns(site: Site) -> bool:
    """Calls of `take`, and of what may be an embedding."""
    node = site.node
    return isinstance(node, ast.Call) and (names.called(node) == "take" or len(node.args) == 1)


def judge(moment: Moment) -> Verdict:
    """The smallest and largest position have to be there; from the end they are counted below zero."""
    taken = names.called(moment.node) == "take"
    where = moment.part(moment.argument(1 if taken else 0, "indices", "inputs"))
    values = None if where is None else array(where.value)
    if where is None or values is None or values.dtype.kind not in "iu":
        return None
    size, what = _of_axis(moment) if taken else _of_layer(moment)
    if size is None:
        return None
    low, high = int(values.min()), int(values.max())
    if -size <= low and high < size:
        return CLEAR
    text = where.event.site.source
    return Hit(
        "nan-operation",
        "fault",
        0.95,
        f"`{moment.site.source}` asks for entries that are not there",
        f"`{text}` goes from {low} to {high}, but {what} is {size}. JAX raises nothing then: it gives NaN, or the "
        "nearest entry. PyTorch and TensorFlow fail.",
        (Evidence(POSITIONS, f"{low} to {high}"), Evidence(what, size)),
    )


def _of_axis(moment: Moment) -> tuple[int | None, str]:
    table = moment.part(moment.argument(0, "x"))
    axis = moment.argument(2, "axis")
    number = None if axis is None else moment.number(axis)
    shape = None if table is None else table.event.facts.shape
    if table is None or shape is None or number is None or not -len(shape) <= number < len(shape):
        return None, ""
    size = shape[int(number)]
    text = table.event.site.source
    return (size if isinstance(size, int) else None), f"axis {int(number)} of `{text}`"


def _of_layer(moment: Moment) -> tuple[int | None, str]:
    layer = names.find(moment.node.func, moment.frame)
    size = getattr(layer, "input_dim", None) if type(layer).__name__ == "Embedding" else None
    return (size if isinstance(size, int) else None), "the layer's input_dim"
