"""Edits that keep later steps from being seen: zeros in front for zeros behind, `padding="causal"`, masks of places."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, position
from kerascope.explain.fixes.edits.meant import places
from kerascope.explain.fixes.patch import Edit


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if not isinstance(node, ast.Call):
        return
    if called(node) == "pad":
        yield from _in_front(context, node)
    for keyword in node.keywords:
        if (
            "Conv" in called(node)
            and keyword.arg == "padding"
            and getattr(keyword.value, "value", "") == "same"
        ):
            yield context.swap(0.4, keyword.value, '"causal"')
        if keyword.arg == "use_causal_mask" and getattr(keyword.value, "value", None) is False:
            yield context.swap(0.3, keyword.value, "True")
    yield from places(context, node)


def _in_front(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`((0, 0), (0, reach), (0, 0))`: the two widths of an axis exchanged."""
    for pair in (n for a in call.args[1:] for n in ast.walk(a) if isinstance(n, (ast.Tuple, ast.List))):
        if len(pair.elts) != 2 or any(isinstance(e, (ast.Tuple, ast.List)) for e in pair.elts):
            continue
        one, two = pair.elts
        if context.text(one) != context.text(two):
            edits = (Edit(position(one), context.text(two)), Edit(position(two), context.text(one)))
            yield Proposal(0.3, "the widths of the padding exchanged", edits)
