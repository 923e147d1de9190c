"""A mean and the spread about it taken over different axes, where something is normalised by hand."""

from __future__ import annotations

import ast

from kerascope.detect.smells import flow, names
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.record.lines import Activation, Event, Site
from kerascope.values import Evidence

_SPREADS = ("var", "std", "variance")
_COMBINING = {"sum", "max", "norm", "prod", "cumsum", "matmul", "einsum", "dot"}
Shape = tuple[int | str | None, ...]


def concerns(site: Site) -> bool:
    """Divisions, and products such as `(x - mean) * rsqrt(var)`."""
    return isinstance(site.node, ast.BinOp) and isinstance(site.node.op, (ast.Div, ast.Mult))


def judge(moment: Moment) -> Verdict:
    """Compares the axes along which the mean and the spread are one."""
    terms = moment.terms()
    if terms is None:
        return None
    mean = _subtracted(terms[0].event, moment.activation)
    spread = _spread(terms[1].event, moment.activation)
    if mean is None or spread is None:
        return None
    one, two = _over(mean), _over(spread)
    if one is None or two is None or len(mean.facts.shape or ()) != len(spread.facts.shape or ()):
        return None
    if one <= two or two <= one:
        return CLEAR
    shapes = [str(event.facts.shape).replace("None", "B") for event in (mean, spread)]
    return Hit(
        "wrong-axis",
        "fault",
        0.9,
        f"`{spread.site.source}` is not over the axes that the mean is over",
        f"The mean that is subtracted, `{mean.site.source}`, is {shapes[0]}, the spread that it is divided by is "
        f"{shapes[1]}: they are not of the same numbers. Take both over the same axes.",
        (Evidence("shape of the mean", shapes[0]), Evidence("shape of the spread", shapes[1])),
        site=spread.site,
    )


def _over(event: Event) -> set[int] | None:
    """Returns the axes along which what was reduced has one entry; None where they are not kept."""
    shape = event.facts.shape
    return {axis for axis, size in enumerate(shape) if size == 1} if shape else None


def _subtracted(event: Event, activation: Activation) -> Event | None:
    """Returns the mean in `x - mean`, which may stand under a name."""
    site = flow.behind(event.site, activation)
    if not isinstance(site.node, ast.BinOp) or not isinstance(site.node.op, ast.Sub):
        return None
    right = next((c for c in site.children if c.node is site.node.right), None)
    found = flow.behind(right, activation) if right is not None else None
    reduced = found is not None and names.called(found.node).removeprefix("reduce_") == "mean"
    return activation.last.get(found) if reduced and found is not None else None


def _spread(event: Event, activation: Activation) -> Event | None:
    """Returns the one reduction that a spread is made by: `var`, `std`, or the mean of squares."""
    reached = flow.sources(event, activation)
    calls = {
        names.called(site.node).removeprefix("reduce_"): site for site in reached.sites if site.kind == "call"
    }
    if _COMBINING & set(calls):
        return None
    for name in _SPREADS:
        if name in calls:
            return activation.last.get(calls[name])
    means = [
        s for s in reached.sites if names.called(s.node).removeprefix("reduce_") == "mean" and _squares(s)
    ]
    return activation.last.get(means[0]) if len(means) == 1 else None


def _squares(site: Site) -> bool:
    """Tells the mean of squares from a mean."""
    return any(
        names.called(n) in ("square", "pow", "power") or isinstance(getattr(n, "op", None), ast.Pow)
        for c in site.children
        for n in ast.walk(c.node)
    )
