"""Calls of Keras's own layers, losses and metrics on something they were not made for."""

from __future__ import annotations

import ast
from typing import Any

from kerascope._keras import objects
from kerascope.explain.lines.operands import Dim, Tensor, differ, shown
from kerascope.explain.lines.reading import MISSING, Operation
from kerascope.explain.lines.rules.registry import Broken, first

KIND = "shape-mismatch"


@first
def layer_input(operation: Operation) -> Broken | None:
    """A layer that is built takes the number of axes, and the sizes of those, that it was built for."""
    layer = operation.callee
    if objects.kind_of(layer) not in ("layer", "model") or isinstance(layer, type):
        return None
    specs = getattr(layer, "input_spec", None)
    specs = specs if isinstance(specs, (list, tuple)) else [specs]
    if len(specs) != len(operation.tensors):
        specs = specs[:1] * len(operation.tensors) if len(specs) == 1 else []
    for spec, tensor in zip(specs, operation.tensors, strict=False):
        found = _against(spec, tensor, operation, layer)
        if found is not None:
            return found
    return None


def _against(spec: Any, tensor: Tensor, operation: Operation, layer: Any) -> Broken | None:
    def known(name: str) -> Any:
        return getattr(spec, name, None)

    who = f"`{_written(operation)}` ({type(layer).__name__})"
    rank = tensor.rank
    bounds = [
        (known("ndim"), known("ndim") not in (None, rank), ""),
        (known("min_ndim"), known("min_ndim") is not None and rank < known("min_ndim"), "at least "),
        (known("max_ndim"), known("max_ndim") is not None and rank > known("max_ndim"), "at most "),
    ]
    for wanted, broken, word in bounds:
        if broken:
            text = f"{who} takes inputs with {word}{wanted} axes, but {tensor.text} has {rank}: {shown(tensor.shape)}."
            return Broken(KIND, text, (tensor,))
    for axis, wanted in sorted((known("axes") or {}).items()):
        if -rank <= axis < rank and wanted is not None and differ(tensor.shape[axis], wanted):
            text = (
                f"{who} was built for inputs with shape[{axis}] == {wanted}, but {tensor.read}.shape[{axis}] is "
                f"{tensor.shape[axis]}."
            )
            return Broken(KIND, text, (tensor,), axes=(axis,))
    wanted_shape = known("shape")
    if wanted_shape is not None and len(wanted_shape) == rank:
        for axis, (wanted, size) in enumerate(zip(wanted_shape, tensor.shape, strict=True)):
            if wanted is not None and differ(size, wanted):
                text = (
                    f"{who} takes inputs of shape {shown(tuple(wanted_shape))}, but {tensor.text} is "
                    f"{shown(tensor.shape)}: axis {axis}."
                )
                return Broken(KIND, text, (tensor,), axes=(axis,))
    return None


def _written(operation: Operation) -> str:
    func = getattr(operation.node, "func", None)
    return ast.unparse(func) if func is not None else operation.site.name


_SAME_SHAPE = {
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "CategoricalCrossentropy",
    "BinaryCrossentropy",
    "CategoricalFocalCrossentropy",
    "BinaryFocalCrossentropy",
}
_BY_ELEMENT = {
    "mean_squared_error",
    "mean_absolute_error",
    "MeanSquaredError",
    "MeanAbsoluteError",
    "huber",
    "Huber",
    "log_cosh",
    "LogCosh",
    "MeanSquaredLogarithmicError",
    "MeanAbsolutePercentageError",
    "squared_hinge",
    "hinge",
    "Hinge",
    "SquaredHinge",
    "Poisson",
    "KLDivergence",
    "kl_divergence",
    "CosineSimilarity",
    "RootMeanSquaredError",
}
_CLASS_NUMBERS = {
    "sparse_categorical_crossentropy",
    "SparseCategoricalCrossentropy",
    "SparseCategoricalAccuracy",
    "sparse_categorical_accuracy",
}


@first
def loss_input(operation: Operation) -> Broken | None:
    """Targets and predictions of a loss or metric of Keras's have shapes that belong together."""
    callee = operation.callee
    bound = getattr(callee, "__self__", None)
    if bound is not None and operation.site.name in ("update_state", "call"):
        callee = bound
    func = getattr(operation.node, "func", None)
    if callee is MISSING and isinstance(func, ast.Call):  # `MeanSquaredError()(y_true, y_pred)`
        callee = operation.found(func.func)
    kind = (
        type(callee).__name__
        if not isinstance(callee, type) and objects.kind_of(callee) in ("loss", "metric")
        else ""
    )
    name = kind or str(getattr(callee, "__name__", ""))
    if len(operation.tensors) < 2 or not str(
        getattr(type(callee) if kind else callee, "__module__", "")
    ).startswith("keras"):
        return None
    true, pred = operation.tensors[:2]
    if name in _SAME_SHAPE:
        return _same(name, true, pred)
    if name in _CLASS_NUMBERS:
        return _numbers(name, true, pred)
    return _elements(name, true, pred) if name in _BY_ELEMENT else None


def _same(name: str, true: Tensor, pred: Tensor) -> Broken | None:
    if true.rank == pred.rank and not _unlike(true.shape, pred.shape):
        return None
    if abs(true.rank - pred.rank) == 1 and (*_longer(true, pred).shape[-1:],) == (1,):
        return None  # Keras drops an axis of size 1
    text = (
        f"{name} needs targets and predictions of one shape, but {true.text} is {shown(true.shape)} and "
        f"{pred.text} is {shown(pred.shape)}."
    )
    if true.rank == pred.rank - 1 and name.lower().startswith("categorical"):
        text += " Targets that are class numbers belong to the sparse loss."
    return Broken(KIND, text, (true, pred))


def _numbers(name: str, true: Tensor, pred: Tensor) -> Broken | None:
    shape = true.shape[:-1] if true.rank == pred.rank and true.shape[-1:] == (1,) else true.shape
    if len(shape) == pred.rank - 1 and not _unlike(shape, pred.shape[:-1]):
        return None
    text = (
        f"{name} needs one class number per row of predictions, {shown(pred.shape[:-1])}, but {true.text} is "
        f"{shown(true.shape)} and {pred.text} is {shown(pred.shape)}."
    )
    return Broken(KIND, text, (true, pred))


def _elements(name: str, true: Tensor, pred: Tensor) -> Broken | None:
    for axis in range(-1, -min(true.rank, pred.rank) - 1, -1):
        a, b = true.shape[axis], pred.shape[axis]
        if differ(a, b) and 1 not in (a, b):
            text = f"{name} needs {true.read}.shape[{axis}] == {pred.read}.shape[{axis}], but {a} != {b}."
            return Broken(KIND, text, (true, pred))
    return None


def _unlike(a: tuple[Dim, ...], b: tuple[Dim, ...]) -> bool:
    return any(differ(x, y) for x, y in zip(a, b, strict=True))


def _longer(a: Tensor, b: Tensor) -> Tensor:
    return a if a.rank > b.rank else b
