"""Fractions that are added to a state of whole numbers: what is behind the point is lost each time."""

from __future__ import annotations

import ast

import numpy as np

from kerascope._backends import tensors
from kerascope.detect.smells import names
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, floats
from kerascope.record.lines import Site
from kerascope.values import Evidence

_ASSIGNING = ("assign", "assign_add", "assign_sub")


def concerns(site: Site) -> bool:
    """What is handed to `assign_add` and its like."""
    outer = site.parent.node if site.parent is not None else None
    return isinstance(outer, ast.Call) and site.node in outer.args and names.called(outer) in _ASSIGNING


def judge(moment: Moment) -> Verdict:
    """The state is of whole numbers, and the value is not."""
    outer = moment.site.parent.node if moment.site.parent is not None else None
    owner = (
        outer.func.value if isinstance(outer, ast.Call) and isinstance(outer.func, ast.Attribute) else None
    )
    state = None if owner is None else names.find(owner, moment.frame)
    kind = str(getattr(state, "dtype", "")).replace("torch.", "")
    values = floats(moment.value) if kind.startswith(("int", "uint")) else None
    if values is None:
        return None
    if tensors.kind(state) is None or not bool((np.abs(values - np.round(values)) > 1e-6).any()):
        return CLEAR
    text = ast.unparse(owner) if owner is not None else ""
    return Hit(
        "wrong-argument",
        "fault",
        0.9,
        f"`{text}` holds whole numbers, and is given fractions",
        f"`{moment.site.source}` is not whole, and `{text}` is made with dtype {kind}: what is behind the point is "
        "lost each time. Make it without a dtype.",
        (Evidence(f"dtype of `{text}`", kind),),
    )
