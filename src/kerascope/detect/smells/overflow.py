"""Numbers that no longer fit their data type: float16 beyond 65504, integers that wrap around."""

from __future__ import annotations

import ast

import numpy as np

from kerascope.detect.smells import domains, names, source
from kerascope.detect.smells.moment import (
    CLEAR,
    Hit,
    Moment,
    Operand,
    Verdict,
    all_finite,
    array,
    sample,
    span,
)
from kerascope.record.lines import Site
from kerascope.values import Evidence

LARGEST = 65504.0
_WHOLE = 2048
_CASTS = {
    "cast",
    "astype",
    "to",
    "asarray",
    "array",
    "convert_to_tensor",
    "half",
    "int",
    "long",
    "short",
    "type",
}
_TWO = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "power": np.power}
_ONE = {"sum", "prod", "cumsum", "cumprod", "square"}
_HASHING = (ast.Mod, ast.BitAnd, ast.BitXor, ast.RShift, ast.LShift)
_DOMAINS = {"log", "log2", "log10", "log1p", "divide", "sqrt", "rsqrt"}


def concerns_float16(site: Site) -> bool:
    """Calls and operators, except those whose domain is judged elsewhere."""
    return site.kind in ("call", "binop", "augmented") and names.called(site.node) not in _DOMAINS


def _counted_beyond(moment: Moment) -> Hit | None:
    """Whole numbers that float16 does not tell apart: above 2048 it has every second one, and fewer further on."""
    values = array(moment.operands[0].value) if len(moment.operands) == 1 else None
    if names.called(moment.node) not in _CASTS or values is None or values.dtype.kind not in "iu":
        return None
    most = int(np.abs(sample(values).astype("int64")).max())
    if most <= _WHOLE or np.array_equal(sample(values).astype("float16").astype("int64"), sample(values)):
        return None
    text = moment.operands[0].event.site.source
    return Hit(
        "float16-overflow",
        "fault",
        0.9,
        f"`{moment.site.source}` makes different whole numbers the same",
        f"float16 holds every whole number up to {_WHOLE} only, and `{text}` goes up to {most}. Cast to float32, or "
        "take the remainder first.",
        (Evidence(f"largest magnitude in `{text}`", most),),
    )


def judge_float16(moment: Moment) -> Verdict:
    """Finite numbers in, infinite ones out, in float16."""
    if moment.event.facts.dtype != "float16" or not moment.operands:
        return None
    if (lost := _counted_beyond(moment)) is not None:
        return lost
    if all_finite(moment.event, moment.value) is not False:
        return CLEAR
    if not all(all_finite(o.event, o.value) for o in moment.operands) or domains.names_infinity(moment.node):
        return None
    largest = [(o.event.site.source, _largest(o)) for o in moment.operands]
    if moment.site.kind == "call" and not any(size > 1 for _, size in largest):
        return None
    activation, site = moment.activation, moment.site
    return Hit(
        "float16-overflow",
        "fault",
        0.95,
        f"`{site.source}` leaves the range of float16, which ends at 65504",
        "The result has infinite elements although everything it is computed from is finite. Compute this part in "
        "float32, or scale the values down first.",
        tuple(Evidence(f"largest magnitude in `{text}`", float(f"{size:.4g}")) for text, size in largest),
        disproved=lambda: domains.healed(site, activation),
    )


def _largest(operand: Operand) -> float:
    values = array(operand.value)
    return 0.0 if values is None else float(np.abs(values.astype(np.float64)).max())


def concerns_integers(site: Site) -> bool:
    """Arithmetic and casts."""
    what = names.called(site.node)
    return site.kind in ("call", "binop") and (what in _TWO or what in _ONE or what in _CASTS)


def judge_integers(moment: Moment) -> Verdict:
    """Computes the same with wide numbers and compares."""
    dtype = moment.event.facts.dtype
    if not dtype.startswith(("int", "uint")):
        return None
    result = array(moment.value)
    if result is None or not moment.operands:
        return None
    what = names.called(moment.node)
    exact = _exact(moment, what)
    if exact is None or exact.shape != result.shape:
        return None
    limits = np.iinfo(result.dtype)
    outside = (exact < float(limits.min)) | (exact > float(limits.max))
    wrong = outside & (np.abs(exact - result.astype(np.float64)) > 0.5)
    if not wrong.any():
        return CLEAR
    if dtype in ("uint32", "uint64") or _is_hash(moment.site):
        return None
    return _hit(moment, dtype, exact[wrong], result[wrong])


def _exact(moment: Moment, what: str) -> np.ndarray | None:
    """Returns the result in float64, where it is off by less than would matter."""
    if what in _TWO:
        parts = [_wide(moment, node) for node in moment.sides() or ()]
        if len(parts) != 2 or parts[0] is None or parts[1] is None:
            return None
        return np.asarray(_TWO[what](parts[0], parts[1]))
    given = moment.part(moment.argument(0, "x", "input", "a"))
    values = None if given is None else array(given.value)
    if values is None:
        return None
    wide = values.astype(np.float64)
    if what in _CASTS:
        return np.trunc(wide) if np.isfinite(wide).all() else None
    if what == "square":
        return np.square(wide)
    node = moment.argument(1, "axis", "dim")
    axis = None if node is None else moment.number(node)
    if node is not None and axis is None and not (isinstance(node, ast.Constant) and node.value is None):
        return None
    result = array(moment.value)
    keep = result is not None and result.ndim == wide.ndim and what in ("sum", "prod")
    position = None if axis is None else int(axis)
    return np.asarray(getattr(np, what)(wide, position, **({"keepdims": True} if keep else {})))


def _wide(moment: Moment, node: ast.AST) -> np.ndarray | None:
    operand = moment.part(node)
    if operand is None:
        value = moment.number(node)
        return None if value is None else np.asarray(value, np.float64)
    values = array(operand.value)
    return None if values is None else values.astype(np.float64)


def _is_hash(site: Site) -> bool:
    """Wrapping around is the point of a hash: it is taken modulo something, masked or shifted."""
    scope = source.function(site)
    ways = source.destinations(site)
    around = [n for way in ways for n in way if isinstance(n, (ast.BinOp, ast.AugAssign))]
    if any(isinstance(n.op, _HASHING) for n in around):
        return True
    calls = [names.called(n) for way in ways for n in way if isinstance(n, ast.Call)]
    if any(c.startswith("bitwise_") or c in ("mod", "floormod", "remainder") for c in calls):
        return True
    return scope is not None and any(isinstance(n, ast.BitXor) for n in ast.walk(scope))


def _hit(moment: Moment, dtype: str, exact: np.ndarray, got: np.ndarray) -> Hit:
    worst = int(np.argmax(np.abs(exact)))
    ranges = [
        Evidence(f"range of `{o.event.site.source}`", span(sample(values)))
        for o in moment.operands
        if (values := array(o.value)) is not None
    ]
    return Hit(
        "integer-overflow",
        "fault",
        0.95,
        f"`{moment.site.source}` does not fit {dtype}: {exact[worst]:.4g} has become {int(got[worst])}",
        f"{exact.size} elements lie outside of the range of {dtype} and come out as something else, without an error. "
        "Convert to a wider type, or to float32, before.",
        (*ranges, Evidence("elements outside of the range", int(exact.size))),
        score=float(exact.size),
    )
