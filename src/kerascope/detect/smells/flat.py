"""`argmax` without an axis: one place in all numbers of the batch."""

from __future__ import annotations

import ast

from kerascope.detect.smells import axes, names
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.detect.smells.shapes import shown
from kerascope.record.lines import Site
from kerascope.values import Evidence


def concerns(site: Site) -> bool:
    """Calls that choose."""
    return isinstance(site.node, ast.Call) and names.called(site.node) in ("argmax", "argmin")


def judge(moment: Moment) -> Verdict:
    """What is chosen from has a row for each sample."""
    operand = moment.part(moment.argument(0, "x", "input"))
    if operand is None or moment.role not in ("layer", "loss", "metric"):
        return None
    shape = operand.event.facts.shape
    if not shape or len(shape) < 2 or moment.event.facts.shape != ():
        return CLEAR
    if not axes.is_batch(operand, shape, moment):
        return CLEAR
    text = operand.event.site.source
    return Hit(
        "wrong-axis",
        "fault",
        0.9,
        f"`{moment.site.source}` gives one place for the whole batch",
        f"Without an axis it is the place in all numbers of `{text}` in a row, whichever sample they are of. Name the "
        "axis that is meant, such as axis=-1.",
        (Evidence(f"shape of `{text}`", shown(shape)),),
    )
