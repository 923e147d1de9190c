"""A mean of what a mask has set to nothing: the masked places still count."""

from __future__ import annotations

import ast
import re

import numpy as np

from kerascope.detect.smells import flow, names, source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, array, is_mask
from kerascope.promises import MASK
from kerascope.record.lines import Site
from kerascope.values import Evidence

_PROMISED = re.compile(
    r"mask\w*.{0,40}(mean|average|avg|pool)"
    r"|(mean|average|avg|pool)\w*.{0,60}(mask|valid|real|non.?pad|without pad|ignor)",
    re.IGNORECASE,
)


def concerns(site: Site) -> bool:
    """Means."""
    return names.called(site.node) in ("mean", "average")


def judge(moment: Moment) -> Verdict:
    """What is averaged was multiplied by a mask that is given, over the axis along which the mask differs."""
    operand = moment.part(moment.argument(0, "x", "input", "a"))
    if operand is None or not _PROMISED.search(source.words(moment.site)):
        return None
    product = flow.behind(operand.event.site, moment.activation)
    if names.called(product.node) != "multiply":
        return None
    for factor in product.children:
        event = moment.activation.last.get(factor)
        if event is None or not any("mask" in n for n in flow.sources(event, moment.activation).arguments):
            continue
        flags = array(_value(moment, factor))
        kept = None if flags is None else float(flags.mean())
        if kept == 1:
            return CLEAR
        return Hit(
            "wrong-argument",
            "warning",
            0.8,
            f"`{moment.site.source}` is a mean in which what is masked counts",
            f"`{product.source}` sets the masked places to nothing, and `{names.called(moment.node)}` divides by their "
            "number too. Divide the sum by the sum of the mask.",
            () if kept is None else (Evidence("kept by the mask", round(kept, 4), "share"),),
        )
    return None


def _value(moment: Moment, site: Site) -> np.ndarray | None:
    """Returns the mask as it was given, where it can be read."""
    root = next((n for n in ast.walk(site.node) if isinstance(n, ast.Name) and "mask" in n.id), None)
    return None if root is None else array(names.find(root, moment.frame))


# -- the largest of what is masked -------------------------------------------------------------------------------------

_LARGEST = ("max", "logsumexp", "argmax")


def concerns_largest(site: Site) -> bool:
    """The largest of something."""
    return names.called(site.node) in _LARGEST


def judge_largest(moment: Moment) -> Verdict:
    """What is masked was multiplied by 0, which is larger than what is below zero."""
    operand = moment.part(moment.argument(0, "x", "input", "a"))
    if operand is None or moment.role != "layer":
        return None
    product = flow.behind(operand.event.site, moment.activation)
    if names.called(product.node) != "multiply":
        return None
    values = array(operand.value)
    if values is None or values.min() >= 0:
        return None
    for factor in product.children:
        event = moment.activation.last.get(factor)
        given = flow.sources(event, moment.activation).arguments if event is not None else set()
        name = next(iter(given), "")
        if len(given) != 1 or not MASK.search(name) or not is_mask(name, moment.frame):
            continue
        return Hit(
            "wrong-argument",
            "warning",
            0.85,
            f"`{moment.site.source}` takes what is masked for larger than what is below zero",
            f"`{product.source}` sets masked places to 0, and others are below 0, down to {float(values.min()):.3g}: "
            "the masked ones can be the largest. Put a number such as -1e9 in their place.",
            (Evidence(f"least of `{operand.event.site.source}`", float(values.min())),),
        )
    return None
