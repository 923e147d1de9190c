"""The number a term is multiplied by in the source."""

from __future__ import annotations

import ast
import math
import types

from kerascope.detect.smells.names import called, number
from kerascope.record.lines import Activation

_SCALES = {"stddev", "std", "scale", "sigma"}
_DEEP = 6


def coefficients(
    sides: tuple[ast.expr | None, ast.expr | None], frame: types.FrameType, activation: Activation
) -> tuple[float | None, float | None]:
    """Returns the numbers that two terms are multiplied by in the source, None for one that is not multiplied.

    Where the expressions themselves have none, the definitions of their names are looked into, so that after
    `update = rate * gradient` the coefficient of `update` is `rate`.
    """
    first, second = (_coefficient(side, frame, None, _DEEP) for side in sides)
    if first is None and second is None:
        first, second = (_coefficient(side, frame, activation, _DEEP) for side in sides)
    return first, second


def coefficient(node: ast.AST | None, frame: types.FrameType, activation: Activation) -> float | None:
    """The same for a single term."""
    found = _coefficient(node, frame, None, _DEEP)
    return found if found is not None else _coefficient(node, frame, activation, _DEEP)


def _coefficient(
    node: ast.AST | None, frame: types.FrameType, activation: Activation | None, deep: int
) -> float | None:
    if deep == 0 or node is None:
        return None
    if isinstance(node, ast.UnaryOp):
        return _coefficient(node.operand, frame, activation, deep - 1)
    if isinstance(node, ast.Name):
        known = None if activation is None else activation.definitions.get(node.id)
        defined = None if known is None or known.site.kind == "arguments" else known.site.node
        if activation is None or isinstance(defined, ast.Name):
            return None
        plain = _coefficient(defined, frame, None, deep - 1)
        return plain if plain is not None else _coefficient(defined, frame, activation, deep - 1)
    what = called(node)
    if isinstance(node, ast.Call) and what not in ("multiply", "divide"):
        given = [k.value for k in node.keywords if k.arg in _SCALES] if activation is not None else []
        return next((abs(n) for value in given if (n := number(value, frame)) is not None), None)
    if what not in ("multiply", "divide") or isinstance(node, ast.AugAssign):
        return None
    parts = [node.left, node.right] if isinstance(node, ast.BinOp) else list(getattr(node, "args", []))
    if len(parts) != 2:
        return None
    factors = [_factor(part, frame, activation, deep) for part in parts]
    if what == "divide":
        divisor = number(parts[1], frame)
        factors[1] = 1 / abs(divisor) if divisor else None
    known_factors = [factor for factor in factors if factor is not None]
    return math.prod(known_factors) if known_factors else None


def _factor(node: ast.AST, frame: types.FrameType, activation: Activation | None, deep: int) -> float | None:
    value = number(node, frame)
    return abs(value) if value is not None else _coefficient(node, frame, activation, deep - 1)
