"""A tensor that is added and taken away again: it cancels, and the gradient that it was to carry with it."""

from __future__ import annotations

import ast

from kerascope.detect.smells import names
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.record.lines import Site, cancelled
from kerascope.values import Evidence

_STOPPING = ("stop_gradient", "detach")


def concerns(site: Site) -> bool:
    """Sums as a whole, of at least three terms."""
    outer = site.parent.node if site.parent is not None else None
    inner = isinstance(outer, ast.BinOp) and isinstance(outer.op, (ast.Add, ast.Sub))
    return isinstance(site.node, ast.BinOp) and not inner and cancelled(site.node) is not None


def judge(moment: Moment) -> Verdict:
    """What cancels is there for its gradient, which cancels with it: in a layer, of tensors with a gradient."""
    name = cancelled(moment.node)
    if name is None or moment.role not in ("layer", "loss"):
        return None
    parts = [n for n in ast.walk(moment.node) if isinstance(n, ast.expr) and ast.unparse(n) == name]
    seen = next((e for site, e in moment.activation.last.items() if site.node in parts), None)
    facts = moment.event.facts
    if seen is None or seen.facts.shape != facts.shape or not facts.dtype.startswith(("float", "bfloat")):
        return CLEAR  # such as a number that is added to round off
    outer = moment.site.parent
    stopped = outer is not None and names.called(outer.node) in _STOPPING
    return Hit(
        "disconnected-gradient",
        "warning",
        0.75,
        f"`{name}` cancels in `{moment.site.source}`",
        f"`{name}` is added and taken away again, so neither its values nor a gradient to it are left. To go on with "
        f"other values and pass the gradient to `{name}`, only the difference is kept from it: "
        f"`{name} + stop_gradient(hard - {name})`.",
        (Evidence("cancels", name), Evidence("result", moment.site.source)),
        site=outer if stopped else None,
    )
