"""Logarithms, roots, quotients and powers outside, or at the edge of, where they or their derivatives are defined."""

from __future__ import annotations

import ast

import numpy as np

from kerascope.detect.smells import flow, names, source
from kerascope.detect.smells.moment import (
    CLEAR,
    Hit,
    Moment,
    Operand,
    Verdict,
    all_finite,
    array,
    differentiated,
    sample,
    span,
)
from kerascope.record.lines import Activation, Site
from kerascope.values import Evidence

_LOGS = {"log", "log2", "log10"}
_EXPONENTIALS = {"exp", "exp2", "expm1", "sinh", "cosh"}
_OF_ONE = {
    *_LOGS, *_EXPONENTIALS, "log1p", "sqrt", "rsqrt", "reciprocal", "norm", "arccos", "arcsin", "arctanh", "atanh",
    "arccosh", "acosh", "square", "mean", "std", "var", "sum", "cumprod", "prod",
}  # fmt: skip
_OF_TWO = {"divide", "power", "multiply", "add", "subtract", "matmul"}
_NEAR = 1e-7
_AT_ZERO = {"sqrt": "1 / (2·sqrt(x))", "power": "p·x^(p-1)", "norm": "x / norm(x)"}


def concerns(site: Site) -> bool:
    """Everything that can make a finite number infinite or undefined; what an object keeps as `norm` is a layer."""
    if isinstance(site.node, ast.AugAssign):
        return False
    if isinstance(site.node, ast.Call) and ast.unparse(site.node.func).startswith("self."):
        return False
    return names.called(site.node) in _OF_ONE | _OF_TWO


def judge(moment: Moment) -> Verdict:
    """Finite numbers in and others out is a fault; so is an infinite derivative where one is asked for."""
    what = names.called(moment.node)
    operands = _inputs(moment, what)
    if not operands:
        return None
    finite = all_finite(moment.event, moment.value)
    if finite is False:
        return _not_finite(moment, what, operands)
    if finite is None or what not in _LOGS | {"divide", "reciprocal", "rsqrt"} | set(_AT_ZERO):
        return None
    return _at_zero(moment, what, operands) if what in _AT_ZERO else _near_zero(moment, what, operands)


def _inputs(moment: Moment, what: str) -> list[Operand]:
    if what in _OF_TWO:
        nodes = list(moment.sides() or ())
    else:
        first = moment.argument(0, "x", "input", "a", "tensor") if isinstance(moment.node, ast.Call) else None
        nodes = [] if first is None else [first]
    return [found for node in nodes if (found := moment.part(node)) is not None]


# -- finite in, not finite out -------------------------------------------------------------------------------------


def _not_finite(moment: Moment, what: str, operands: list[Operand]) -> Verdict:
    if not all(all_finite(o.event, o.value) for o in operands) or names_infinity(moment.node):
        return None
    result = array(moment.value)
    if result is None or (
        moment.event.facts.dtype == "float16" and what not in _LOGS | {"divide", "sqrt", "rsqrt"}
    ):
        return None
    undefined, infinite = float(np.mean(np.isnan(result))), float(np.mean(np.isinf(result)))
    blamed = operands[-1] if what == "divide" else operands[0]
    values = array(blamed.value)
    shown = "" if values is None else f", which goes from {span(values)}"
    outcome = " and ".join(text for share, text in ((undefined, "NaN"), (infinite, "infinite")) if share > 0)
    activation, site = moment.activation, moment.site
    return Hit(
        "nan-operation",
        "fault",
        0.95,
        f"`{site.source}` is {outcome} although everything it is computed from is finite",
        f"{_reason(what)}: here with `{blamed.event.site.source}`{shown}. Keep the value inside the domain on its way "
        "in, for example with `maximum(x, 1e-7)`.",
        (
            *_range_of(operands),
            Evidence("NaN in the result", round(undefined, 4), "share of elements"),
            Evidence("infinite in the result", round(infinite, 4), "share of elements"),
        ),
        score=undefined + infinite + 1.0,
        disproved=lambda: healed(site, activation),
        instead=_guarded_in_value_only(moment, what, operands, undefined + infinite),
    )


def _guarded_in_value_only(moment: Moment, what: str, operands: list[Operand], share: float) -> Hit | None:
    """A `where` around it selects the value away, but its gradient is zero times infinity: NaN."""
    asked = any(_asked_for(moment, operand) for operand in operands)
    if not asked or not source.is_selected(moment.site):
        return None
    blamed = operands[-1] if what == "divide" else operands[0]
    inner = blamed.event.site.source
    return Hit(
        "nan-operation",
        "warning",
        0.8,
        f"`{moment.site.source}` is guarded by a `where` in its value, but not in its gradient",
        f"{_reason(what)}, and {share:.0%} of it is not finite here. The `where` around it takes another value there, "
        "but the gradient of the other branch is still computed: zero times infinity, which is NaN. Guard what goes "
        f"in as well: `where(condition, {inner}, 1.0)` inside.",
        _range_of(operands),
        score=share,
    )


def names_infinity(node: ast.AST) -> bool:
    """An infinity that stands in the source is meant."""
    return any(
        (isinstance(n, ast.Constant) and n.value in ("inf", "-inf"))
        or getattr(n, "attr", getattr(n, "id", "")) in ("inf", "infty", "Inf")
        for n in ast.walk(node)
    )


def _reason(what: str) -> str:
    if what in _LOGS or what == "log1p":
        return "A logarithm is infinite at zero and undefined below"
    if what in ("divide", "reciprocal", "rsqrt"):
        return "A quotient is infinite or undefined where its divisor is zero"
    if what in _EXPONENTIALS:
        return "An exponential leaves the range of float32 above 88.7"
    if what == "sqrt":
        return "A root of a negative number is undefined"
    if what == "power":
        return "A power with a negative or broken exponent is undefined at zero or below"
    return "The result leaves the range of its data type or the domain of the operation"


def _range_of(operands: list[Operand]) -> tuple[Evidence, ...]:
    found = []
    for operand in operands:
        values = array(operand.value)
        if values is not None:
            found.append(Evidence(f"range of `{operand.event.site.source}`", span(sample(values))))
            found.append(
                Evidence(f"zeros in `{operand.event.site.source}`", int(np.count_nonzero(values == 0)))
            )
    return tuple(found)


def healed(site: Site, activation: Activation | None) -> bool:
    """What was not finite was selected away, or was meant as minus infinity for a softmax."""
    while activation is not None:
        whole = activation.last.get(flow.root(site))
        if whole is not None and whole.facts.finite == 1.0:
            return True
        result = flow.returned(activation)
        if result is None or result.facts.finite == 1.0:
            return result is not None
        outer = activation.parent
        calls = [] if outer is None else [e for e in outer.last.values() if e.number > result.number]
        after = [e for e in calls if e.site.kind == "call"]
        if not after:
            return False
        site, activation = min(after, key=lambda e: e.number).site, outer  # the call that this was
    return False


# -- finite, but at the edge -----------------------------------------------------------------------------------------


def _near_zero(moment: Moment, what: str, operands: list[Operand]) -> Verdict:
    operand = operands[-1]
    sides = moment.sides()
    if what == "divide" and (sides is None or operand.event.site.node is not sides[1]):
        return None
    values = array(operand.value)
    if values is None or values.dtype.kind != "f" or values.size < 2:
        return None
    size = np.abs(values)
    if not 0 < float(size.min()) < _NEAR or float(size.min()) > 1e-5 * float(np.median(sample(size))):
        return CLEAR
    if moment.role == "metric" or flow.is_guarded(operand.event.site.node, moment.activation):
        return CLEAR
    low = float(size.min())
    return Hit(
        "nan-operation",
        "warning",
        0.6,
        f"`{operand.event.site.source}` comes as near to zero as {low:.2g} in `{moment.site.source}`",
        f"{_reason(what)}. The result is finite as yet, but its derivative is in the order of {1 / low:.0e} there.",
        _range_of([operand]),
        score=1.0 / low,
    )


def _at_zero(moment: Moment, what: str, operands: list[Operand]) -> Verdict:
    """A root of exactly zero is zero, but has an infinite derivative, which times zero is NaN."""
    operand = operands[0]
    if what == "power":
        exponent = moment.number((moment.sides() or (None, None))[1])
        if exponent is None or not 0 < exponent < 1:
            return None
    if what == "norm" and type(operand.value).__module__.startswith("torch"):
        return None  # its derivative is zero there by definition
    values = array(moment.value if what == "norm" else operand.value)
    if values is None or values.dtype.kind != "f":
        return None
    zeros = int(np.count_nonzero(values == 0))
    if zeros == 0 or not _asked_for(moment, operand):
        return CLEAR
    return Hit(
        "nan-operation",
        "warning",
        0.75,
        f"`{moment.site.source}` has an infinite derivative at zero, and {zeros} of its elements are zero",
        f"The derivative of the operation is {_AT_ZERO[what]}; where x is 0 the gradient becomes infinite or NaN, "
        "although the result itself looks sound. Add a small number such as 1e-7 inside.",
        _range_of([operand]),
        score=float(zeros),
    )


def _asked_for(moment: Moment, operand: Operand) -> bool:
    """Tells whether a gradient is taken here: it is known to be, or may be for all that is known."""
    if differentiated(operand.value):
        return True
    if moment.role not in ("layer", "loss"):
        return False
    found = flow.sources(operand.event, moment.activation)
    return bool(found.names or found.attributes) and not _in_gradient(moment)


def _in_gradient(moment: Moment) -> bool:
    """A gradient is being taken, but not through this: the operand does not depend on a weight."""
    return any(differentiated(value) for value in moment.frame.f_locals.values())
