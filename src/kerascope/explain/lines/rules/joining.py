"""Operations that put tensors together: joined along an axis, stacked, or combined element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerascope.explain.lines.operands import Tensor, differ, shown
from kerascope.explain.lines.reading import MISSING, Operation, attribute_of
from kerascope.explain.lines.rules.registry import Broken, on

KIND = "shape-mismatch"


def _each(tensors: Sequence[Tensor]) -> str:
    return ", ".join(f"{tensor.text} {shown(tensor.shape)}" for tensor in tensors)


@on("concatenate", "concat", "cat", "hstack", "vstack", "Concatenate")
def concatenate(operation: Operation) -> Broken | None:
    """Tensors that are joined along an axis agree in all others."""
    node = operation.argument(0, "xs", "arrays", "tensors", "values", "inputs")
    tensors = operation.tensors_in(node) if node is not None else []
    if len(tensors) < 2:
        return None
    default: Any = -1 if _is_keras(operation) else 0
    if operation.layer:
        kept = attribute_of(operation.callee, "axis")
        default = -1 if kept is MISSING else kept
    default = {"hstack": 1, "vstack": 0}.get(operation.site.name, default)
    axis = operation.plain(1, "axis", "dim", default=default)
    ranks = {tensor.rank for tensor in tensors}
    name = operation.shown
    if len(ranks) > 1:
        text = f"{name} needs tensors with the same number of axes, but they have {_words(t.rank for t in tensors)}: "
        return Broken(KIND, f"{text}{_each(tensors)}.", tuple(tensors))
    rank = ranks.pop()
    if not isinstance(axis, int) or not -rank <= axis < rank:
        return None
    return _others(name, tensors, axis, rank)


def _others(name: str, tensors: Sequence[Tensor], axis: int, rank: int) -> Broken | None:
    for i in range(rank):
        for other in tensors[1:]:
            if i != axis % rank and differ(tensors[0].shape[i], other.shape[i]):
                a = tensors[0]
                text = (
                    f"{name} along axis {axis} needs all other axes to be the same: {a.read}.shape[{i}] == "
                    f"{other.read}.shape[{i}], but {a.shape[i]} != {other.shape[i]}."
                )
                return Broken(KIND, text, (a, other), axes=(i, i))
    return None


def _is_keras(operation: Operation) -> bool:
    return str(getattr(operation.callee, "__module__", "")).startswith("keras")


def _words(numbers: object) -> str:
    *start, end = [str(n) for n in numbers]  # type: ignore[attr-defined]
    return f"{', '.join(start)} and {end}"


@on("stack")
def stack(operation: Operation) -> Broken | None:
    """Tensors that are stacked have one shape."""
    node = operation.argument(0, "x", "arrays", "tensors", "values")
    tensors = operation.tensors_in(node) if node is not None else []
    for other in tensors[1:]:
        a = tensors[0]
        if a.rank != other.rank or any(differ(x, y) for x, y in zip(a.shape, other.shape, strict=True)):
            text = (
                f"stack needs tensors of one shape, but {a.text} is {shown(a.shape)} and "
                f"{other.text} is {shown(other.shape)}."
            )
            return Broken(KIND, text, (a, other))
    return None


BROADCASTING = [
    "Add",
    "Sub",
    "Mult",
    "Div",
    "FloorDiv",
    "Mod",
    "Pow",
    "BitAnd",
    "BitOr",
    "BitXor",
    "compare",
    "add",
    "subtract",
    "multiply",
    "divide",
    "true_divide",
    "floor_divide",
    "divide_no_nan",
    "mod",
    "power",
    "pow",
    "maximum",
    "minimum",
    "where",
    "equal",
    "not_equal",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "arctan2",
    "squared_difference",
    "clip",
    "lerp",
    "sub",
    "mul",
    "div",
    "logaddexp",
    "isclose",
    "hypot",
    "fmod",
    "remainder",
]


@on(*BROADCASTING)
def broadcast(operation: Operation) -> Broken | None:
    """Shapes, laid one above the other from the right, agree or have 1 wherever both have a size."""
    tensors = operation.tensors
    for index, b in enumerate(tensors):
        for a in tensors[:index]:
            for axis in range(-1, -min(a.rank, b.rank) - 1, -1):
                if differ(a.shape[axis], b.shape[axis]) and 1 not in (a.shape[axis], b.shape[axis]):
                    text = (
                        f"{operation.shown} needs {a.read}.shape[{axis}] == {b.read}.shape[{axis}], or one of them "
                        f"to be 1, but {a.shape[axis]} != {b.shape[axis]}."
                    )
                    return Broken(KIND, text, (a, b), axes=(axis, axis))
    return None


@on("assign", "assign_add", "assign_sub", "copy_")
def assigned(operation: Operation) -> Broken | None:
    """A variable keeps its shape."""
    if operation.receiver is None or len(operation.tensors) < 2:
        return None
    variable, value = operation.tensors[:2]
    same = variable.rank == value.rank and not any(
        differ(x, y) for x, y in zip(variable.shape, value.shape, strict=True)
    )
    fits = value.rank <= variable.rank and not any(
        differ(x, y) and y != 1 for x, y in zip(variable.shape[::-1], value.shape[::-1], strict=False)
    )
    if same or (operation.site.name != "assign" and fits):
        return None
    text = (
        f"A variable keeps its shape: {variable.text} is {shown(variable.shape)}, {value.text} is "
        f"{shown(value.shape)}."
    )
    return Broken(KIND, text, (variable, value), state=True)
