"""Scores of an attention that a mask made of their places leaves out altogether, in the same rows of every sample.

A mask of what comes later leaves each step at least itself: where a row has nothing left, the mask is turned round or
one step too wide. Its softmax gives every place the same weight, those that were to be hidden too.
"""

from __future__ import annotations

import numpy as np

from kerascope.detect.smells import flow, names, source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, array
from kerascope.record.lines import Site
from kerascope.values import Evidence

_HIDDEN = -1e4
"""What masks put in the place of a score is smaller: -1e4 fits float16, -1e9 is usual."""
_OF_PLACES = ("tril", "triu", "arange")


def concerns(site: Site) -> bool:
    """Softmaxes."""
    return names.called(site.node) == "softmax"


def judge(moment: Moment) -> Verdict:
    """Rows are told by their place on the axis before the last, where the softmax goes over the last."""
    operand = moment.part(moment.argument(0, "x", "logits", "input"))
    scores = array(operand.value) if operand is not None else None
    axis = moment.number(moment.argument(1, "axis", "dim"))
    if (
        operand is None
        or scores is None
        or scores.ndim < 3
        or scores.dtype.kind != "f"
        or scores.shape[0] < 2
    ):
        return None
    if axis is not None and int(axis) % scores.ndim != scores.ndim - 1:
        return None
    made_of = flow.sources(operand.event, moment.activation)
    given = any("mask" in name for name in source.parameters(moment.site))  # padding may leave a row nothing
    if given or not made_of.calls() & set(_OF_PLACES):
        return None
    hidden = scores <= _HIDDEN
    rows = hidden.all(axis=-1).reshape(-1, scores.shape[-2]).all(axis=0)
    if not rows.any() or rows.all():
        return CLEAR
    place = int(np.argmax(rows))
    return Hit(
        "wrong-argument",
        "fault",
        0.9,
        f"the mask leaves row {place} of `{operand.event.site.source}` no score",
        f"Of {rows.size} rows {int(rows.sum())} have no score above {_HIDDEN:g} left, in every sample: the mask is "
        "turned round, or hides a step from itself. The softmax of such a row is the same everywhere, so that what "
        "was to be hidden is seen.",
        (Evidence("rows without a score", ", ".join(map(str, np.flatnonzero(rows)[:6]))),),
    )
