"""Scores of an attention that a mask made of their places leaves out altogether, in the same rows of every sample.

A mask of what comes later leaves each step at least itself: where a row has nothing left, the mask is turned round or
one step too wide. Its softmax gives every place the same weight, those that were to be hidden too.
"""

from __future__ import annotations

import ast
import itertools

import numpy as np

from kerascope.detect.smells import flow, names, source
from kerascope.detect.smells.attention import softmax_of
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, array
from kerascope.promises import MASK
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


# -- after the softmax ---------------------------------------------------------------------------------------------

_CHOOSING = {"top_k", "argmax", "argsort", "one_hot", "argpartition"}


def concerns_late(site: Site) -> bool:
    """Products."""
    return names.called(site.node) == "multiply" and not isinstance(site.node, ast.AugAssign)


def judge_late(moment: Moment) -> Verdict:
    """Weights that add up to one no longer do once some are set to nothing, if nothing divides by what is left."""
    terms = moment.terms()
    if terms is None or moment.role != "layer":
        return None
    for weights, mask in (terms, terms[::-1]):
        made = softmax_of(weights.event.site, moment.activation)
        if made is None:
            continue
        flags, shares = array(mask.value), array(weights.value)
        if flags is None or shares is None or shares.dtype.kind != "f":
            continue
        if not np.isin(flags, (0, 1)).all() or flags.min() == flags.max():
            continue
        behind = flow.sources(mask.event, moment.activation)
        if not any(MASK.search(name) for name in behind.arguments) or behind.calls() & _CHOOSING:
            continue  # such as the experts that a router has chosen
        hidden = float(np.mean(np.broadcast_to(flags, np.broadcast_shapes(flags.shape, shares.shape)) == 0))
        left = np.where(flags == 0, shares, 0)
        if float(left.max()) < 1e-3 or _shared_anew(moment):
            return CLEAR
        text = weights.event.site.source
        return Hit(
            "wrong-argument",
            "warning",
            0.8,
            f"`{moment.site.source}` masks after the softmax: what is left no longer adds up to one",
            f"`{made.source}` shares one between all places, those that the mask leaves out too: here "
            f"{hidden:.0%} of them, with up to {float(left.max()):.2g} each. Put a number such as -1e9 in the place of "
            "their scores before the softmax, or divide by what is left.",
            (
                Evidence(f"largest of `{text}` left out", round(float(left.max()), 4)),
                Evidence("left out", round(hidden, 4), "share"),
            ),
        )
    return None


def _shared_anew(moment: Moment) -> bool:
    """Tells whether what is left is divided by something afterwards, as by its sum."""
    for way in source.destinations(moment.site):
        for inner, outer in itertools.pairwise(way):
            what = names.called(outer)
            if what in ("normalize", "softmax") or (
                what == "divide" and inner is getattr(outer, "left", inner)
            ):
                return True
    return False
