"""Operations that are told axes: those have to exist."""

from __future__ import annotations

from typing import Any

from kerascope.explain.lines.operands import Tensor, shown
from kerascope.explain.lines.reading import MISSING, Operation
from kerascope.explain.lines.rules.registry import Broken, on

KIND = "wrong-axis"


def _ints(value: Any) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    if isinstance(value, tuple) and all(isinstance(axis, int) for axis in value):
        return value
    return ()


def _missing(operation: Operation, tensor: Tensor, axes: Any, rank: int | None = None) -> Broken | None:
    """Returns the rule that axes exist, if it is broken; `rank` counts the axes of the result where it has more."""
    rank = tensor.rank if rank is None else rank
    for axis in _ints(axes):
        if not -rank <= axis < rank:
            allowed = f"{-rank} to {rank - 1}" if rank else "none"
            text = (
                f"{operation.shown} was told axis {axis}, but {tensor.text} {shown(tensor.shape)} has {tensor.rank} "
                f"axes: allowed here are {allowed}."
            )
            return Broken(KIND, text, (tensor,))
    return None


REDUCTIONS = [
    "sum",
    "mean",
    "prod",
    "product",
    "max",
    "min",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "std",
    "var",
    "any",
    "all",
    "norm",
    "normalize",
    "softmax",
    "log_softmax",
    "logsumexp",
    "reduce_sum",
    "reduce_mean",
    "reduce_max",
    "reduce_min",
    "reduce_prod",
    "reduce_all",
    "reduce_any",
    "reduce_std",
    "reduce_variance",
    "median",
    "count_nonzero",
    "cumsum",
    "cumprod",
    "sort",
    "argsort",
    "flip",
    "average",
    "unique",
    "quantile",
    "nanmean",
    "nansum",
    "logcumsumexp",
]


@on(*REDUCTIONS)
def reduction(operation: Operation) -> Broken | None:
    """The axis that is reduced exists."""
    tensor = operation.tensor(0, "x", "input", "a", "input_tensor", "logits")
    if tensor is None:
        return None
    index = 2 if operation.site.name in ("norm", "quantile") else 1
    return _missing(operation, tensor, operation.plain(index, "axis", "dim", default=None))


@on("expand_dims", "unsqueeze")
def expand(operation: Operation) -> Broken | None:
    """The new axis stands somewhere in the result."""
    tensor = operation.tensor(0, "x", "input", "a")
    axes = operation.plain(1, "axis", "dim")
    return (
        None if tensor is None else _missing(operation, tensor, axes, tensor.rank + max(1, len(_ints(axes))))
    )


@on(
    "squeeze",
    "split",
    "unstack",
    "repeat",
    "roll",
    "take",
    "gather",
    "take_along_axis",
    "diff",
    "flip",
    "unbind",
)
def named_axis(operation: Operation) -> Broken | None:
    """The axis that is meant exists."""
    tensor = operation.tensor(0, "x", "input", "a", "params", "arr")
    index = 1 if operation.site.name in ("squeeze", "flip", "unbind") else 2
    if operation.site.name == "gather":
        return None  # torch and TensorFlow give its arguments in different orders
    return (
        None
        if tensor is None
        else _missing(operation, tensor, operation.plain(index, "axis", "dim", default=None))
    )


@on("concatenate", "concat", "cat", "stack")
def joined_axis(operation: Operation) -> Broken | None:
    """The axis that tensors are joined along exists."""
    node = operation.argument(0, "xs", "x", "arrays", "tensors", "values")
    tensors = operation.tensors_in(node) if node is not None else []
    if not tensors:
        return None
    axis = operation.plain(1, "axis", "dim", default=0)
    return _missing(operation, tensors[0], axis, tensors[0].rank + (operation.site.name == "stack"))


@on("swapaxes", "moveaxis", "movedim")
def two_axes(operation: Operation) -> Broken | None:
    """Both axes exist."""
    tensor = operation.tensor(0, "x", "a", "input")
    if tensor is None:
        return None
    one = operation.plain(1, "axis1", "source", "dim0")
    two = operation.plain(2, "axis2", "destination", "dim1")
    return _missing(operation, tensor, one) or _missing(operation, tensor, two)


@on("transpose", "permute")
def transpose(operation: Operation) -> Broken | None:
    """Every axis is named once."""
    tensor = operation.tensor(0, "x", "a", "input")
    if tensor is None:
        return None
    rest = operation.rest(1)
    several = operation.receiver is not None and len(rest) > 1
    axes: Any = (
        tuple(operation.value(node) for node in rest)
        if several
        else operation.plain(1, "axes", "perm", "dims", default=None)
    )
    if axes is None or axes is MISSING or not isinstance(axes, tuple) or MISSING in axes:
        return None
    if (
        len(axes) == 2
        and str(getattr(operation.callee, "__module__", "torch")).startswith("torch")
        and several
    ):
        return _missing(operation, tensor, axes)  # torch's `x.transpose(0, 1)` swaps two
    if len(axes) != tensor.rank:
        text = (
            f"{operation.shown} needs each axis of {tensor.text} once: it has {tensor.rank}, {shown(tensor.shape)}, "
            f"but {len(axes)} are given: {shown(axes)}."
        )
        return Broken(KIND, text, (tensor,))
    found = _missing(operation, tensor, axes)
    if found is None and len({axis % tensor.rank for axis in axes}) < tensor.rank:
        return Broken(
            KIND, f"{operation.shown} needs each axis once, but {shown(axes)} names one twice.", (tensor,)
        )
    return found
