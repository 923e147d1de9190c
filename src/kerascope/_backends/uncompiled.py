"""JAX's single operations worked out by NumPy, for code that is run a few times on shapes that keep changing.

JAX compiles each operation for each shape of its operands, in 20 to 100 ms; where one change after another is tried,
nearly all the time goes there. What is not known here, or has operands of an unusual type, is compiled as ever.
"""

from __future__ import annotations

import contextlib
import functools
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerascope._backends.alone import name

_TYPES = ("float32", "int32", "bool", "uint32", "uint8", "int8")
_HALVES = ("float16", "bfloat16")
_PARITY = np.uint32(0x1BD11BDA)
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
Rule = Callable[..., Any]


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """Has NumPy work out this thread's single operations on JAX; functions under `jit` run operation by operation."""
    primitives = _primitives() if name() == "jax" else {}
    kept = [(primitive, primitive.impl) for primitive in primitives]
    with contextlib.ExitStack() as stack:
        if primitives:
            import jax

            stack.enter_context(jax.disable_jit())
        try:
            for primitive, rule in primitives.items():
                primitive.impl = _instead(primitive.impl, rule, threading.get_ident())
            yield
        finally:
            for primitive, impl in kept:
                primitive.impl = impl


@functools.cache
def _primitives() -> dict[Any, Rule]:
    """Returns the operations that there are rules for; none of a JAX that does not show them."""
    try:
        from jax.extend import random
        from jax.extend.core import primitives
    except ImportError:
        return {}
    found = {f"{n}_p": rule for n, rule in RULES.items()}
    named = {
        getattr(place, n): rule
        for n, rule in found.items()
        for place in (primitives, random)
        if hasattr(place, n)
    }
    return {**named, **_split()}


def _split() -> dict[Any, Rule]:
    """Returns the operation behind `jax.lax.split`, the one that JAX does not show, as it stands in a program."""
    import jax

    if not hasattr(jax.lax, "split"):
        return {}
    program = jax.make_jaxpr(lambda x: jax.lax.split(x, (1, 1)))(np.zeros(2, "float32"))
    return {program.eqns[0].primitive: RULES["split"]}


def _instead(compiled: Rule, rule: Rule, thread: int) -> Rule:
    """Returns what works an operation out by a rule where that can be done, and has it compiled where not."""
    import jax

    def impl(*operands: Any, **settings: Any) -> Any:
        arrays = [_array(operand) for operand in operands]
        if threading.get_ident() != thread or any(array is None for array in arrays):
            return compiled(*operands, **settings)
        try:
            with np.errstate(all="ignore"):
                result = _by(rule, arrays, settings)
        except Exception:  # what NumPy refuses, JAX refuses in its own words
            result = NotImplemented
        if result is NotImplemented:
            return compiled(*operands, **settings)
        put = [
            jax.device_put(np.asarray(r, order="C"))
            for r in (result if isinstance(result, tuple) else (result,))
        ]
        return put if isinstance(result, tuple) else put[0]

    def _array(operand: Any) -> Any:
        if isinstance(operand, jax.Array):
            known = operand.dtype.name in (*_TYPES, *_HALVES)
            return (
                np.asarray(operand)
                if known and not operand.weak_type and len(operand.devices()) == 1
                else None
            )
        return operand if isinstance(operand, np.ndarray) and operand.dtype.name in _TYPES else None

    return impl


def _by(rule: Rule, arrays: list[Any], settings: dict[str, Any]) -> Any:
    """Works an operation out; floats of 16 bits in 32, rounded at the end, as processors do it."""
    halves = [array.dtype for array in arrays if array.dtype.name in _HALVES]
    if not halves or rule is _converted:
        return rule(*arrays, **settings)
    if settings.get("preferred_element_type", halves[0]) not in (None, halves[0]):
        return NotImplemented
    if settings.get("preferred_element_type") is not None:
        settings = {**settings, "preferred_element_type": None}
    if any(array.dtype == "float32" for array in arrays) or rule is _same_bits:
        return NotImplemented
    result = rule(*(a.astype("float32") if a.dtype == halves[0] else a for a in arrays), **settings)
    if result is NotImplemented:
        return result
    if isinstance(result, tuple):
        return tuple(_rounded(one, halves[0]) for one in result)
    return _rounded(result, halves[0])


def _rounded(result: Any, half: Any) -> Any:
    return result.astype(half) if result.dtype == "float32" else result


def _numbers(function: Rule, types: str = "fiu") -> Rule:
    """A function of operands of one type and as many axes; `types` are the kinds that NumPy and JAX agree on."""

    def rule(*operands: Any, **_: Any) -> Any:
        kinds = {o.dtype for o in operands}
        alike = len(kinds) == 1 and len({o.ndim for o in operands if o.ndim}) < 2
        return function(*operands) if alike and operands[0].dtype.kind in types else NotImplemented

    return rule


def _reduced(function: Rule, types: str = "fiu") -> Rule:
    def rule(x: Any, *, axes: tuple[int, ...], **_: Any) -> Any:
        if x.dtype.kind not in types:
            return NotImplemented
        return function(x, axis=tuple(axes)).astype(x.dtype)

    return rule


def _converted(x: Any, *, new_dtype: Any, weak_type: bool, sharding: Any = None) -> Any:
    new = np.dtype(new_dtype)
    whole = new.kind in "iu" and (x.dtype.kind == "f" or x.dtype.name in _HALVES)
    if weak_type or new.name not in (*_TYPES, *_HALVES) or whole:
        return NotImplemented  # JAX and NumPy differ in what they make of numbers too large
    return x.astype(new)


def _broadcast(x: Any, *, shape: Any, broadcast_dimensions: Any, sharding: Any = None) -> Any:
    sizes = [1] * len(shape)
    for axis, size in zip(broadcast_dimensions, x.shape, strict=True):
        sizes[axis] = size
    return np.broadcast_to(x.reshape(sizes), shape)


def _reshaped(x: Any, *, new_sizes: Any, dimensions: Any, sharding: Any = None) -> Any:
    return NotImplemented if dimensions is not None else x.reshape(new_sizes)


def _sliced(x: Any, *, start_indices: Any, limit_indices: Any, strides: Any) -> Any:
    if any(limit > size for limit, size in zip(limit_indices, x.shape, strict=True)):
        return NotImplemented
    steps = strides or (1,) * x.ndim
    return x[tuple(slice(*part) for part in zip(start_indices, limit_indices, steps, strict=True))]


def _multiplied(
    a: Any, b: Any, *, dimension_numbers: Any, preferred_element_type: Any = None, **_: Any
) -> Any:
    (over_a, over_b), (batch_a, batch_b) = dimension_numbers
    pairs = [*zip(over_a, over_b, strict=True), *zip(batch_a, batch_b, strict=True)]
    usual = a.dtype == b.dtype == "float32" and preferred_element_type in (None, np.dtype("float32"))
    if not usual or any(a.shape[i] != b.shape[j] for i, j in pairs):
        return NotImplemented
    rest_a = [i for i in range(a.ndim) if i not in (*over_a, *batch_a)]
    rest_b = [i for i in range(b.ndim) if i not in (*over_b, *batch_b)]
    outer = [a.shape[i] for i in batch_a]
    inner = math.prod(a.shape[i] for i in over_a)
    sizes_a, sizes_b = [a.shape[i] for i in rest_a], [b.shape[i] for i in rest_b]
    left = a.transpose(*batch_a, *rest_a, *over_a).reshape(*outer, math.prod(sizes_a), inner)
    right = b.transpose(*batch_b, *over_b, *rest_b).reshape(*outer, inner, math.prod(sizes_b))
    return np.matmul(left, right).reshape(*outer, *sizes_a, *sizes_b)


def _padded(x: Any, value: Any, *, padding_config: Any) -> Any:
    if any(low < 0 or high < 0 or inner for low, high, inner in padding_config):
        return NotImplemented
    return np.pad(x, [(low, high) for low, high, _ in padding_config], constant_values=value)


def _selected(which: Any, *cases: Any) -> Any:
    if which.dtype.kind != "b" or len(cases) != 2 or cases[0].shape != cases[1].shape:
        return NotImplemented
    return np.where(which, cases[1], cases[0])


def _threefry(one: Any, two: Any, x: Any, y: Any) -> Any:
    """JAX's random bits."""
    keys = (one, two, one ^ two ^ _PARITY)
    x, y = x + keys[0], y + keys[1]
    for group in range(5):
        for turn in _ROTATIONS[group % 2]:
            x = x + y
            y = x ^ ((y << np.uint32(turn)) | (y >> np.uint32(32 - turn)))
        x = x + keys[(group + 1) % 3]
        y = y + keys[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


def _counted(*, dtype: Any, shape: Any, dimension: int, sharding: Any = None) -> Any:
    sizes = [1] * len(shape)
    sizes[dimension] = shape[dimension]
    return np.broadcast_to(np.arange(shape[dimension], dtype=dtype).reshape(sizes), shape)


def _same_bits(x: Any, *, new_dtype: Any) -> Any:
    new = np.dtype(new_dtype)
    return x.view(new) if new.name in _TYPES and new.itemsize == x.dtype.itemsize else NotImplemented


RULES: dict[str, Rule] = {
    "add": _numbers(np.add), "sub": _numbers(np.subtract), "mul": _numbers(np.multiply),
    "max": _numbers(np.maximum), "min": _numbers(np.minimum), "neg": _numbers(np.negative), "abs": _numbers(np.abs),
    "div": _numbers(np.divide, "f"), "pow": _numbers(np.power, "f"), "exp": _numbers(np.exp, "f"),
    "log": _numbers(np.log, "f"), "log1p": _numbers(np.log1p, "f"), "expm1": _numbers(np.expm1, "f"),
    "tanh": _numbers(np.tanh, "f"), "sqrt": _numbers(np.sqrt, "f"), "sin": _numbers(np.sin, "f"),
    "cos": _numbers(np.cos, "f"), "floor": _numbers(np.floor, "f"), "square": _numbers(np.square),
    "sign": _numbers(np.sign, "f"), "is_finite": _numbers(np.isfinite, "f"),
    "rsqrt": _numbers(lambda x: np.float32(1) / np.sqrt(x), "f"),
    "logistic": _numbers(lambda x: np.float32(1) / (np.float32(1) + np.exp(-x)), "f"),
    "integer_pow": lambda x, *, y: x**y if x.dtype.kind == "f" else NotImplemented,
    "eq": _numbers(np.equal, "fiub"), "ne": _numbers(np.not_equal, "fiub"), "lt": _numbers(np.less, "fiu"),
    "le": _numbers(np.less_equal), "gt": _numbers(np.greater), "ge": _numbers(np.greater_equal),
    "and": _numbers(np.bitwise_and, "iub"), "or": _numbers(np.bitwise_or, "iub"),
    "xor": _numbers(np.bitwise_xor, "iub"), "not": _numbers(np.invert, "iub"),
    "shift_right_logical": _numbers(lambda x, by: np.where(by < 32, x >> by, np.uint32(0)), "u"),
    "reduce_sum": _reduced(np.sum), "reduce_max": _reduced(np.max), "reduce_min": _reduced(np.min),
    "reduce_prod": _reduced(np.prod), "reduce_and": _reduced(np.all, "b"), "reduce_or": _reduced(np.any, "b"),
    "convert_element_type": _converted, "broadcast_in_dim": _broadcast, "reshape": _reshaped, "slice": _sliced,
    "transpose": lambda x, *, permutation: x.transpose(permutation),
    "squeeze": lambda x, *, dimensions: np.squeeze(x, tuple(dimensions)),
    "concatenate": lambda *parts, dimension: np.concatenate(parts, dimension),
    "split": lambda x, *, sizes, axis: tuple(np.split(x, np.cumsum(sizes)[:-1], axis)), "iota": _counted,
    "clamp": lambda low, x, high: np.minimum(np.maximum(x, low), high) if x.dtype.kind in "fiu" else NotImplemented,
    "rev": lambda x, *, dimensions: np.flip(x, dimensions),
    "dot_general": _multiplied, "pad": _padded, "select_n": _selected,
    "threefry2x32": _threefry, "bitcast_convert_type": _same_bits,
}  # fmt: skip
"""How NumPy works each operation out; NotImplemented where it would not agree with JAX."""
