"""What a piece of the user's source stands for, found without running any of it."""

from __future__ import annotations

import ast
import builtins
import operator
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kerascope._backends import tensors

_MISSING = object()
_CONVERSIONS = {
    "cast",
    "convert_to_tensor",
    "float",
    "asarray",
    "array",
    "constant",
    "tensor",
    "float32",
    "as_tensor",
}
_ARITHMETIC: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def called(node: ast.AST) -> str:
    """Returns what a call or an operator does, without the dialect: `tf.reduce_sum` and `x.sum` are "sum"."""
    if isinstance(node, ast.Call):
        func = node.func
        name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        return _PLAIN.get(name := name.removeprefix("reduce_").rstrip("_"), name)
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        return _OPERATORS.get(type(node.op), "")
    return "compare" if isinstance(node, ast.Compare) else ""


_PLAIN = {
    "amax": "max",
    "amin": "min",
    "div": "divide",
    "true_divide": "divide",
    "divide": "divide",
    "sub": "subtract",
    "mul": "multiply",
    "pow": "power",
    "clamp": "clip",
    "clip_by_value": "clip",
    "mm": "matmul",
    "dot": "matmul",
    "acos": "arccos",
    "asin": "arcsin",
    "prod": "prod",
    "stop_gradient": "detach",
}
_OPERATORS = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.MatMult: "matmul",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "mod",
}


def find(node: ast.AST | None, frame: types.FrameType) -> Any:
    """Returns the object that a name or a chain of attributes stands for in a frame; None when it cannot be told."""
    found = _find(node, frame)
    return None if found is _MISSING else found


def _find(node: ast.AST | None, frame: types.FrameType) -> Any:
    if isinstance(node, ast.Name):
        scopes: tuple[Mapping[str, Any], ...] = (frame.f_locals, frame.f_globals, vars(builtins))
        return next((scope[node.id] for scope in scopes if node.id in scope), _MISSING)
    if isinstance(node, ast.Attribute):
        owner = _find(node.value, frame)
        return _MISSING if owner is _MISSING else _attribute(owner, node.attr)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        owner = _find(node.value, frame)
        try:
            return owner[node.slice.value] if type(owner) in (list, tuple, dict) else _MISSING
        except (LookupError, TypeError):
            return _MISSING
    return _MISSING


def _attribute(owner: Any, name: str) -> Any:
    """Reads an attribute as it is kept; a property of the user's is not run."""
    kept = getattr(owner, "__dict__", {})
    if name in kept:
        return kept[name]
    modules = kept.get("_modules")  # where torch keeps the parts of a module
    if isinstance(modules, dict) and name in modules:
        return modules[name]
    if isinstance(owner, types.ModuleType):
        return getattr(owner, name, _MISSING)
    for cls in type(owner).__mro__:
        if name in vars(cls):
            found = vars(cls)[name]
            return _MISSING if hasattr(type(found), "__get__") else found
    return _MISSING


def number(node: ast.AST | None, frame: types.FrameType, *, of_tensors: bool = True) -> float | None:
    """Returns the number an expression stands for: a literal, a name or attribute that holds one, or their arithmetic.

    A tensor of one element is a number too, unless `of_tensors` is false.
    """
    if isinstance(node, ast.Constant):
        ok = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
        return float(node.value) if ok else None  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand, frame, of_tensors=of_tensors)
        return None if inner is None else -inner
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left = number(node.left, frame, of_tensors=of_tensors)
        right = None if left is None else number(node.right, frame, of_tensors=of_tensors)
        if left is None or right is None:
            return None
        try:
            return float(_ARITHMETIC[type(node.op)](left, right))
        except (ArithmeticError, TypeError, ValueError):
            return None
    if isinstance(node, ast.Call) and called(node) == "sqrt" and node.args:
        inner = number(node.args[0], frame, of_tensors=of_tensors)
        return None if inner is None or inner < 0 else float(inner**0.5)
    if isinstance(node, ast.Call) and node.args and _converts(node):
        return number(node.args[0], frame, of_tensors=of_tensors)
    return _plain(find(node, frame), of_tensors)


def _converts(node: ast.Call) -> bool:
    """`ops.cast(rate, dtype)` is a number if `rate` is; a function of the user's with such a name is not known."""
    return called(node) == "float" or (isinstance(node.func, ast.Attribute) and called(node) in _CONVERSIONS)


def _plain(value: Any, of_tensors: bool) -> float | None:
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return float(value)
    if value is None or tensors.kind(value) != "tensor":
        return None
    if not of_tensors and not type(value).__name__.endswith("Variable"):
        return None
    shape = tensors.shape(value)
    if shape is None or any(size != 1 for size in shape):
        return None
    found = tensors.array_of(value)
    return None if found is None else float(found.reshape(-1)[0])
