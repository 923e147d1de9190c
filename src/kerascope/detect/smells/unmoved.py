"""Axes that a reshape sets apart and the next one merges, though nothing has moved them: the two are one reshape."""

from __future__ import annotations

from kerascope.detect.smells import flow, names
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.detect.smells.shapes import shown
from kerascope.detect.smells.turns import RESHAPING
from kerascope.record.lines import Site
from kerascope.values import Evidence

_APART = 5
"""Axes that nobody sets apart but to move them: patches of an image, the factors of a larger one."""


def concerns(site: Site) -> bool:
    """Calls that reshape."""
    return names.called(site.node) in RESHAPING


def judge(moment: Moment) -> Verdict:
    """What is reshaped is itself a reshape, of fewer axes."""
    operand = moment.part(moment.argument(0, "x", "a", "input", "tensor"))
    before = _before(operand.event.site, moment) if operand is not None else None
    if operand is None or before is None:
        return None
    apart, after = operand.event.facts.shape or (), moment.event.facts.shape or ()
    first = moment.activation.last.get(before.children[0]) if before.children else None
    whole = first.facts.shape if first is not None else None
    if whole is None or len(apart) < _APART or len(whole) >= len(apart) or len(after) >= len(apart):
        return CLEAR
    return Hit(
        "wrong-axis",
        "fault",
        0.9,
        f"`{moment.site.source}` merges axes that nothing has moved",
        f"`{before.source}`, line {before.line}, sets {len(apart)} axes apart, and here they are merged again as they "
        "stand: the two are one reshape, and each entry holds what lies side by side in the rows. Transpose between.",
        (
            Evidence("axes set apart", shown(apart)),
            Evidence("shape of the result", shown(after)),
        ),
    )


def _before(site: Site, moment: Moment) -> Site | None:
    """Returns the reshape that an operand is, through names."""
    for _ in range(4):
        if names.called(site.node) in RESHAPING and site.kind == "call":
            return site
        behind = flow.behind(site, moment.activation)
        if behind is site:
            return None
        site = behind
    return None
