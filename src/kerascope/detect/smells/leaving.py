"""NumPy's functions on tensors, in code that is differentiated and compiled."""

from __future__ import annotations

import ast
import types

import numpy as np

from kerascope.detect.smells import names
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.detect.smells.shapes import shown
from kerascope.record.lines import Site
from kerascope.values import Evidence

_OUTSIDE = ("numpy", "math", "scipy")


def concerns(site: Site) -> bool:
    """What is handed to a function of a module."""
    outer = site.parent.node if site.parent is not None else None
    return (
        isinstance(outer, ast.Call) and isinstance(outer.func, ast.Attribute) and site.node in _given(outer)
    )


def _given(call: ast.Call) -> list[ast.expr]:
    """Returns what a call is given, and what stands in a list that it is given, as for `np.concatenate`."""
    lists = [arg.elts for arg in call.args if isinstance(arg, (ast.List, ast.Tuple))]
    return [*call.args, *(part for parts in lists for part in parts)]


def judge(moment: Moment) -> Verdict:
    """A layer or a loss that leaves the backend passes no gradient back and cannot be compiled."""
    outer = moment.site.parent
    if outer is None or moment.role not in ("layer", "loss"):
        return None
    root = outer.node.func  # type: ignore[attr-defined]
    while isinstance(root, ast.Attribute):
        root = root.value
    module = names.find(root, moment.frame)
    away = isinstance(module, types.ModuleType) and module.__name__.split(".")[0] in _OUTSIDE
    if not away or not moment.event.facts.dtype.startswith(("float", "bfloat")):
        return CLEAR
    if isinstance(moment.value, (np.ndarray, np.generic)):
        return CLEAR  # a constant, such as a filter bank or a table of positions
    return Hit(
        "numpy-in-call",
        "fault",
        0.95,
        f"`{outer.source}` leaves the backend for NumPy",
        f"`{moment.site.source}` is a tensor. NumPy computes with its values as they are now: no gradient goes back "
        "through it, and there are no values while the step is compiled. Use the function of keras.ops.",
        (
            Evidence(
                f"`{moment.site.source}`", f"{shown(moment.event.facts.shape)} {moment.event.facts.dtype}"
            ),
        ),
        site=outer,
    )
