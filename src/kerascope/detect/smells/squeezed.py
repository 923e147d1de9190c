"""An axis that is squeezed away although it holds more than one entry: PyTorch then does nothing, without a word."""

from __future__ import annotations

import ast

from kerascope.detect.smells import names
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.record.lines import Site
from kerascope.values import Evidence


def concerns(site: Site) -> bool:
    """Calls that squeeze an axis that is named."""
    node = site.node
    named = isinstance(node, ast.Call) and (
        len(node.args) > 1 or any(k.arg in ("axis", "dim") for k in node.keywords)
    )
    return named and names.called(node) == "squeeze"


def judge(moment: Moment) -> Verdict:
    """What comes out has as many axes as what went in."""
    operand = moment.part(moment.argument(0, "x", "input", "a"))
    if operand is None or operand.event.facts.shape is None:
        return None
    before, after = operand.event.facts.shape, moment.event.facts.shape
    if after is None or len(before) != len(after):
        return CLEAR
    axis = moment.number(moment.argument(1, "axis", "dim"))
    if axis is None or before[int(axis)] == 1:
        return CLEAR
    text, shown = operand.event.site.source, str(before).replace("None", "B")
    return Hit(
        "wrong-axis",
        "fault",
        0.95,
        f"`{moment.site.source}` takes no axis away",
        f"Axis {int(axis)} of `{text}` has {before[int(axis)]} entries, and only an axis of one can be left out. "
        "PyTorch does nothing then; JAX and TensorFlow fail.",
        (Evidence(f"shape of `{text}`", shown),),
    )
