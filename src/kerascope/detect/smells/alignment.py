"""A reduction of a tensor that meets the tensor itself again along another axis than the one it was taken over."""

from __future__ import annotations

import ast

import numpy as np

from kerascope.detect.smells import flow, names, source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Operand, Verdict, array
from kerascope.detect.smells.shapes import Shape, shown
from kerascope.record.lines import Event, Site
from kerascope.values import Evidence

_REDUCING = {"sum", "mean", "max", "min", "amax", "amin", "std", "var", "norm", "logsumexp"}
_ELEMENTWISE = {"divide", "subtract", "multiply", "true_divide"}
_TURNING = {"expand_dims", "unsqueeze", "reshape", "view", "transpose", "swapaxes"}


def concerns(site: Site) -> bool:
    """Operators and calls that work element by element."""
    return names.called(site.node) in _ELEMENTWISE and not isinstance(site.node, ast.AugAssign)


def judge(moment: Moment) -> Verdict:
    """A square matrix divided by its rows' sums without `keepdims`: each column is divided by the sum of a row."""
    terms = moment.terms()
    if terms is None:
        return None
    whole, part = terms
    reduced = _reduction(part.event, moment)
    if reduced is None:
        return None
    event, of = reduced
    axis = _axis_of(event, of, moment)
    before, after = of.facts.shape, part.event.facts.shape
    if axis is None or not before or not after or whole.event.facts.shape != before:
        return None
    if axis == 0 or len(after) != len(before) - 1 or not _of_one(whole, of, moment):
        return CLEAR
    if _is_symmetric(whole) or _turned_elsewhere(event.site):
        return CLEAR
    return _hit(moment, whole, event, axis, before, after)


def _reduction(event: Event, moment: Moment) -> tuple[Event, Event] | None:
    """Returns the reduction that an operand is, and what it reduces; a name may stand for it."""
    site = flow.behind(event.site, moment.activation)
    node = site.node
    if not isinstance(node, ast.Call) or names.called(node).removeprefix("reduce_") not in _REDUCING:
        return None
    found = moment.activation.last.get(site)
    given = [e for e in moment.activation.operands(site) if e.facts.shape]
    return (found, given[0]) if found is not None and given else None


def _axis_of(event: Event, of: Event, moment: Moment) -> int | None:
    """Returns the one axis that is reduced and not kept."""
    call = event.site.node
    assert isinstance(call, ast.Call)
    given = [k.value for k in call.keywords if k.arg in ("axis", "dim")] or call.args[1:2]
    axis = moment.number(given[0]) if given else None
    if axis is None or any(k.arg in ("keepdims", "keepdim") for k in call.keywords) or not of.facts.shape:
        return None
    return int(axis) % len(of.facts.shape)


def _of_one(whole: Operand, of: Event, moment: Moment) -> bool:
    """Tells whether what was reduced and what it is put to come from one thing."""
    one, two = (flow.sources(event, moment.activation) for event in (whole.event, of))
    return bool((one.names | one.attributes) & (two.names | two.attributes))


def _is_symmetric(whole: Operand) -> bool:
    """Rows and columns of a symmetric matrix have the same sums."""
    values = array(whole.value)
    if values is None or values.ndim < 2 or values.shape[-1] != values.shape[-2]:
        return False
    return bool(np.allclose(values, np.swapaxes(values, -1, -2)))


def _turned_elsewhere(site: Site) -> bool:
    """Whoever gives it an axis in another place knows that it lacks one: `a * d * d[:, None]`."""
    wanted, scope = set(site.targets), source.function(site)
    for node in ast.walk(scope) if scope is not None and wanted else ():
        turning = isinstance(node, ast.Subscript) or names.called(node) in _TURNING
        if turning and any(isinstance(n, ast.Name) and n.id in wanted for n in ast.walk(node)):
            return True
    return False


def _hit(moment: Moment, whole: Operand, event: Event, axis: int, before: Shape, after: Shape) -> Hit:
    text, of = event.site.source, whole.event.site.source
    return Hit(
        "broadcast-shape",
        "fault",
        0.9,
        f"`{text}` meets `{of}` along another axis than the one it was taken over",
        f"Taken over axis {axis} of {shown(before)} it has the shape {shown(after)}. Shapes are lined up from "
        f"the last axis on, so its entry for row i meets column i, which goes unnoticed as both are of one size. "
        "Keep the axis: keepdims=True.",
        (Evidence(f"shape of `{of}`", shown(before)), Evidence(f"shape of `{text}`", shown(after))),
        site=event.site,
    )
