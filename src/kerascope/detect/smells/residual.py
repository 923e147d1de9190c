"""A block that is residual by its name or text and adds nothing to what it takes (He et al., 2016)."""

from __future__ import annotations

import ast
import re

from kerascope.detect.smells import names, source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.detect.smells.shapes import shown
from kerascope.record.lines import Site
from kerascope.values import Evidence

_PROMISED = re.compile(r"residual|skip.?connection|res.?block|resnet", re.IGNORECASE)
_ADDS = re.compile(r"add", re.IGNORECASE)


def concerns(site: Site) -> bool:
    """What a `call` returns, of a class that says so."""
    owner = next((n for n in source.above(site) if isinstance(n, ast.ClassDef)), None)
    scope = source.function(site)
    if (
        owner is None
        or not isinstance(scope, ast.FunctionDef)
        or scope.name != "call"
        or not source.is_result(site)
    ):
        return False
    return bool(_PROMISED.search(f"{owner.name} {ast.get_docstring(owner) or ''}")) and not _adds(owner)


def judge(moment: Moment) -> Verdict:
    """What comes out has the shape of what goes in, so that both could be added."""
    given = next(iter(source.parameters(moment.site)), "")
    known = moment.activation.definitions.get(given)
    shapes = {
        e.facts.shape for s, e in moment.activation.last.items() if s.kind == "name" and s.source == given
    }
    if known is not None and known.site.kind != "arguments":
        return None  # the name has been set anew
    shape = moment.event.facts.shape
    if shape not in shapes or names.called(moment.node) == "add":
        return CLEAR
    return Hit(
        "wrong-argument",
        "warning",
        0.8,
        f"`{moment.site.source}` is returned without `{given}`",
        f"By its name or text this is a residual block, and nowhere is anything added: `{given}`, of the same shape, "
        "is to be added to what comes out.",
        (Evidence("shape", shown(shape or ())),),
    )


def _adds(owner: ast.ClassDef) -> bool:
    """Tells whether anything is added or, as what is left of it, taken away; or a layer that adds is made."""
    for node in ast.walk(owner):
        if (
            isinstance(node, ast.Call)
            and _ADDS.search(source.callee(node))
            and source.callee(node) != "add_weight"
        ):
            return True
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, (ast.Add, ast.Sub)):
            return True
    return False
