"""Reductions across the batch in a layer, which make each sample's output depend on the others in its batch."""

from __future__ import annotations

import ast
import re
from typing import Any

from kerascope.detect.smells import flow, names, source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Operand, Verdict
from kerascope.detect.smells.shapes import shown
from kerascope.promises import is_objective
from kerascope.record.lines import Site
from kerascope.values import Evidence

_REDUCING = {"mean", "sum", "max", "min", "std", "var", "norm", "prod", "logsumexp", "median", "average"}
_ALONG = {"softmax", "log_softmax", "normalize", "l2_normalize", "cumsum", "sort", "argsort"}
_KEEPING = re.compile("moving|running|ema|assign|momentum", re.IGNORECASE)
Shape = tuple[int | str | None, ...]


def concerns(site: Site) -> bool:
    """Calls that reduce or normalise; what an object keeps under such a name is mostly a layer."""
    node = site.node
    if not isinstance(node, ast.Call) or ast.unparse(node.func).startswith("self."):
        return False
    return names.called(node) in _REDUCING | _ALONG | {"einsum"}


def judge(moment: Moment) -> Verdict:
    """The axis that is reduced must be the one whose length is that of the layer's inputs."""
    if moment.role != "layer":
        return None
    what = names.called(moment.node)
    operand = _batched_in_einsum(moment) if what == "einsum" else _reduced(moment, what)
    if operand is None:
        return None
    shape = operand.event.facts.shape
    if not shape or not is_batch(operand, shape, moment):
        return CLEAR
    if not source.is_returned(moment.site) or _on_purpose(moment, what):
        return CLEAR
    return _hit(moment, what, operand)


def _reduced(moment: Moment, what: str) -> Operand | None:
    """Returns the tensor, when the call goes over its first axis."""
    operand = moment.part(moment.argument(0, "x", "input", "a", "logits"))
    if (
        operand is None
        or not operand.event.facts.shape
        or not operand.event.facts.dtype.startswith(("float", "bfloat"))
    ):
        return None
    node = moment.argument(1, "axis", "dim")
    if node is None or (isinstance(node, ast.Constant) and node.value is None):
        return None if what in _ALONG else operand
    axes = _axes(node, moment)
    rank = len(operand.event.facts.shape)
    return operand if any(axis in (0, -rank) for axis in axes) else None


def _axes(node: ast.AST, moment: Moment) -> list[int]:
    if isinstance(node, (ast.Tuple, ast.List)):
        found = [moment.number(element) for element in node.elts]
    else:
        kept: Any = names.find(node, moment.frame)
        found = list(kept) if isinstance(kept, (tuple, list)) else [moment.number(node)]
    return [int(axis) for axis in found if isinstance(axis, (int, float))]


def _batched_in_einsum(moment: Moment) -> Operand | None:
    """Returns an operand whose first letter all tensors share and the result has not."""
    first = moment.node.args[0] if moment.node.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str) or "->" not in first.value:
        return None
    given, result = first.value.replace(" ", "").split("->")
    operands = [moment.part(node) for node in moment.node.args[1:]]
    letters = {part[:1] for part in given.split(",")}
    if len(letters) != 1 or letters & set(result) or None in operands or len(operands) < 2:
        return None
    return operands[0]


def is_batch(operand: Operand, shape: Shape, moment: Moment) -> bool:
    found = flow.sources(operand.event, moment.activation)
    given = [
        moment.activation.definitions[n].facts.shape
        for n in found.arguments
        if n in moment.activation.definitions
    ]
    sizes = {s[0] for s in given if s}
    if shape[0] not in sizes or shape[0] == 1:
        return False
    others = {size for s in given if s for size in s[1:]}
    turned = found.calls() & {
        "transpose",
        "permute",
        "swapaxes",
        "moveaxis",
        "reshape",
        "view",
        "matmul",
        "einsum",
        "t",
    }
    return not (turned and shape[0] in others)


def _on_purpose(moment: Moment, what: str) -> bool:
    """Batch statistics: kept for later, taken in training only, or named for what they are."""
    site = moment.site
    if "batch" in source.class_name(site).lower() or is_objective(source.promise(site)):
        return True
    around = source.above(site)
    tests = [n.test for n in around if isinstance(n, (ast.If, ast.IfExp))]
    if any(source.mentions(test, "training") for test in tests):
        return True
    scope = source.function(site)
    attributes = (
        (n.attr for n in ast.walk(scope) if isinstance(n, ast.Attribute)) if scope is not None else ()
    )
    if any(_KEEPING.search(name) for name in attributes):
        return True
    return what == "max" and _is_shift(site)


def _is_shift(site: Site) -> bool:
    """`exp(x - max(x))`: what is subtracted before an exponential drops out of the quotient."""
    ways = source.destinations(site)
    done = {names.called(node) for way in ways for node in way}
    return "subtract" in done and bool(done & {"exp", "softmax"})


def _hit(moment: Moment, what: str, operand: Operand) -> Hit:
    site = moment.site
    text, shape = operand.event.site.source, operand.event.facts.shape
    lost = "return" in site.targets
    return Hit(
        "wrong-axis",
        "fault" if lost else "warning",
        0.9 if lost else 0.8,
        f"`{site.source}` goes across the samples of the batch",
        f"The first axis of `{text}` is the batch, so what the layer gives for one sample depends on the others that "
        "happen to be in its batch. Name the axis that is meant, such as axis=-1.",
        (
            Evidence(f"shape of `{text}`", shown(shape)),
            Evidence("shape of the result", shown(moment.event.facts.shape)),
            Evidence("operation", what),
        ),
    )
