"""Several tensors of different types taken for one, as the values and the places that `top_k` gives."""

from __future__ import annotations

import ast

from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.detect.smells.shapes import shown
from kerascope.record.lines import Site
from kerascope.values import Evidence


def concerns(site: Site) -> bool:
    """Calls: Keras makes one tensor of a tuple that it is given."""
    return isinstance(site.node, ast.Call)


def judge(moment: Moment) -> Verdict:
    """The result has an axis in front that counts the tensors."""
    result = moment.event.facts.shape
    for node in moment.arguments():
        parts = [o for o in moment.operands if o.event.site.node is node and o.event.path]
        shapes = {o.event.facts.shape for o in parts}
        kinds = {o.event.facts.dtype.rstrip("0123456789") for o in parts}
        if len(parts) < 2 or len(shapes) > 1 or len(kinds) < 2:
            continue
        shape = shapes.pop()
        if shape is None or result is None or result != (len(parts), *shape):
            return CLEAR
        types = ", ".join(o.event.facts.dtype for o in parts)
        text = ast.unparse(node)
        return Hit(
            "wrong-argument",
            "fault",
            0.9,
            f"`{text}` is {len(parts)} tensors, taken for one",
            f"`{text}` holds {len(parts)} tensors of different types ({types}). `{moment.site.source}` makes one of "
            f"them, {result}, in which they lie on each other. Take one: `{text}[0]`, `{text}[1]`.",
            (
                Evidence(f"`{text}`", f"{len(parts)} tensors {shown(shape)}: {types}"),
                Evidence("result", shown(result)),
            ),
        )
    return None
