"""Softmax, sigmoid and tanh driven so far out that their derivative is lost in rounding."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope.detect.smells import flow, names, weights
from kerascope.detect.smells.moment import (
    CLEAR,
    Hit,
    Moment,
    Operand,
    Verdict,
    array,
    is_variable,
    sample,
    span,
)
from kerascope.detect.smells.shapes import shown
from kerascope.record.lines import Site
from kerascope.values import Evidence

_ACTIVATIONS = {"softmax", "sigmoid", "tanh", "expit"}
_LOST = 1.2e-7
"""Derivatives below this, float32's relative precision, count as lost. Trained models seldom come here."""
_FEWEST = 4
_SAME = frozenset(
    [
        "tanh",
        "relu",
        "sigmoid",
        "leaky_relu",
        "gelu",
        "elu",
        "silu",
        "softplus",
        "exp",
        "log",
        "clip",
        "cast",
        "add",
        "subtract",
        "multiply",
        "divide",
        "where",
        "square",
        "sqrt",
        "negative",
        "abs",
        "maximum",
        "minimum",
    ]
)
"""What leaves the axes as they are."""
_MASKED = -1e4
_SHARE = 0.9
_OF_PICTURES = 0.6


def concerns(site: Site) -> bool:
    """Calls of the three activations, and of layers, which may end in one."""
    if not isinstance(site.node, ast.Call):
        return False
    return names.called(site.node) in _ACTIVATIONS or ast.unparse(site.node.func).startswith("self.")


def judge(moment: Moment) -> Verdict:
    """Nearly all elements must be saturated, and the numbers that go in large by any measure."""
    what = names.called(moment.node)
    if what not in _ACTIVATIONS:
        return _in_layer(moment)
    given = moment.argument(0, "x", "logits", "input")
    operand = moment.part(given)
    if operand is None:
        return None
    axis = _axis(moment)
    if what == "softmax" and (alone := _one_unit(moment, operand, axis)) is not None:
        return alone
    x = array(operand.value)
    if x is None or x.dtype.kind != "f" or x.size < _FEWEST or moment.role == "metric":
        return None
    share, count = _lost_in_softmax(x, axis) if what == "softmax" else _lost(x, what)
    if count < _FEWEST:
        return None
    if share < _SHARE or _is_sharpened(moment, given):
        return CLEAR
    return _hit(moment, what, operand.event.site.source, share, x)


def _in_layer(moment: Moment) -> Verdict:
    """A layer shows only what its activation gave: numbers so near to its bounds that no slope is left there."""
    layer = names.find(moment.node.func, moment.frame)
    activation = getattr(layer, "activation", None) if hasattr(layer, "kernel") else None
    what = getattr(activation, "__name__", "")
    if what not in ("tanh", "sigmoid"):
        return None
    operand, y = moment.part(moment.argument(0, "inputs")), array(moment.value)
    if operand is None or y is None or y.dtype.kind != "f" or y.size < _FEWEST:
        return None
    size = np.abs(sample(y).astype(np.float64))
    slope = 1 - size**2 if what == "tanh" else size * (1 - size)
    share = float(np.mean(slope < _LOST))
    x = array(operand.value)
    taken = _taken_in(moment, operand)
    # Pictures as they come saturate a layer that has just been made by chance here and there less.
    if x is None or share < (_SHARE if taken is None else _OF_PICTURES):
        return CLEAR
    return _hit(moment, what, operand.event.site.source, share, x, taken)


def _taken_in(moment: Moment, operand: Operand) -> Site | None:
    """Returns the cast by which a parameter comes in as it is, where what is too large goes back to nothing else."""
    for site in flow.sources(operand.event, moment.activation).sites:
        if names.called(site.node) == "cast" and site.children and site.children[0].kind == "name":
            return site
    return None


def _axis(moment: Moment) -> int:
    node = moment.argument(1, "axis", "dim")
    value = None if node is None else moment.number(node)
    return -1 if value is None else int(value)


def _one_unit(moment: Moment, operand: Operand, axis: int) -> Hit | None:
    shape = operand.event.facts.shape
    if shape is None or len(shape) < 2 or not -len(shape) <= axis < len(shape) or shape[axis] != 1:
        return None
    last = axis % len(shape) == len(shape) - 1
    # An axis of the data may have one element in this batch alone, such as the steps that attention looks at.
    if not last or (len(shape) > 2 and not _made_of_one(moment, operand.event.site)):
        return None
    source = moment.site.source
    return Hit(
        "softmax-one-unit",
        "fault",
        0.95,
        f"`{source}` is 1 whatever goes in: its axis has one element",
        "A softmax makes the elements of its axis sum to one. For a single unit use `sigmoid`.",
        (Evidence("shape of the input", shown(shape)),),
    )


def _made_of_one(moment: Moment, site: Site, deep: int = 12) -> bool:
    """Tells whether the last axis has one element by the code: a kernel or layer of one unit, or an axis put there."""
    if deep == 0:
        return False
    if site.kind == "name":
        known = moment.activation.definitions.get(site.source)
        return known is not None and known.site.kind != "arguments" and _again(moment, known.site, deep)
    node: Any = site.node
    what = names.called(node)
    if what == "matmul":
        right = node.right if isinstance(node, ast.BinOp) else node.args[-1]
        return _is_column(names.find(right, moment.frame))
    if isinstance(node, ast.Call):
        layer = names.find(node.func, moment.frame)
        if any(getattr(layer, name, None) == 1 for name in ("units", "filters")):
            return True
        if what in ("expand_dims", "unsqueeze") or _keeps_last(node):
            return True
    if what in _SAME or isinstance(node, (ast.BinOp, ast.UnaryOp)):
        return any(_again(moment, child, deep) for child in site.children if child.kind != "attribute")
    return False


def _keeps_last(call: ast.Call) -> bool:
    """Tells a reduction that leaves one element in the place of the last axis."""
    given = {k.arg: k.value for k in call.keywords}
    kept = given.get("keepdims", given.get("keepdim"))
    axis = given.get("axis", given.get("dim"))
    return (
        isinstance(kept, ast.Constant)
        and kept.value is True
        and axis is not None
        and ast.unparse(axis) == "-1"
    )


def _again(moment: Moment, site: Site, deep: int) -> bool:
    event = moment.activation.last.get(site)
    shape = None if event is None else event.facts.shape
    return bool(shape) and shape[-1] == 1 and _made_of_one(moment, site, deep - 1)  # type: ignore[index]


def _is_column(value: object) -> bool:
    """Tells a weight that makes one number of each vector."""
    shape = tensors.shape(value) if is_variable(value) else None
    return shape is not None and len(shape) == 2 and shape[1] == 1


def _lost_in_softmax(x: np.ndarray, axis: int) -> tuple[float, int]:
    if x.ndim == 0 or not -x.ndim <= axis < x.ndim or x.shape[axis] < 2:
        return 0.0, 0
    rows = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    rows = rows[:: -(-rows.size // 1_000_000)].astype(np.float64)
    two = np.partition(rows, rows.shape[1] - 2, axis=1)[:, -2:]
    kept = two[two[:, 0] > _MASKED]  # a row with a single element that is not masked can only be one
    if kept.shape[0] == 0:
        return 0.0, 0
    gap = kept[:, 1] - kept[:, 0]
    return float(np.mean(gap > -np.log(_LOST))), kept.shape[0]


def _lost(x: np.ndarray, what: str) -> tuple[float, int]:
    size = np.abs(sample(x).astype(np.float64))
    slope = 1 - np.tanh(size) ** 2 if what == "tanh" else np.exp(-size)
    return float(np.mean(slope < _LOST)), size.size


def _is_sharpened(moment: Moment, given: ast.AST | None) -> bool:
    """A low temperature in the source says that a hard choice is meant."""
    factor = weights.coefficient(given, moment.frame, moment.activation)
    return factor is not None and factor >= 10


def _hit(
    moment: Moment, what: str, source: str, share: float, x: np.ndarray, site: Site | None = None
) -> Hit:
    return Hit(
        "saturated-activation",
        "warning",
        0.8,
        f"`{moment.site.source}` is saturated for {share:.0%} of its {'rows' if what == 'softmax' else 'elements'}",
        f"`{source}` is so large that the derivative is below 1.2e-7: nothing can be learnt through it. Scale the "
        "values down before it (inputs, initial weights, or 1 / sqrt(size) for products of vectors).",
        (
            Evidence(f"range of `{source}`", span(sample(x))),
            Evidence("derivative below 1.2e-7", round(share, 4), "share"),
        ),
        score=share,
        site=site,
    )
