"""Hooks for looking at a model while it runs on placeholders: put in place, and taken away to the last one."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import keras.src.layers.layer as layer_module
import keras.src.ops.operation as operation_module

from kerascope._keras.recorder import Recorder
from kerascope._keras.steps import Patches

_OPERATORS = [
    "add",
    "radd",
    "sub",
    "rsub",
    "mul",
    "rmul",
    "truediv",
    "rtruediv",
    "floordiv",
    "rfloordiv",
    "mod",
    "rmod",
    "pow",
    "rpow",
    "matmul",
    "rmatmul",
    "and",
    "rand",
    "or",
    "ror",
    "xor",
    "rxor",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
]


@contextlib.contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Shows `recorder` every call made inside the block; weights, seeds and metrics keep their values.

    Layers that are not built yet are built, as by any call.
    """
    patches = Patches()
    try:
        _put(patches, recorder)
        with keras.StatelessScope():
            yield
    finally:
        patches.undo()


def _put(patches: Patches, recorder: Recorder) -> None:
    layer, operation = keras.layers.Layer, keras.Operation
    patches.put(layer, "symbolic_call", _symbolic(vars(layer)["symbolic_call"], recorder))
    patches.put(operation, "symbolic_call", _symbolic(vars(operation)["symbolic_call"], recorder))
    patches.put(layer, "__call__", _call(vars(layer)["__call__"], recorder))
    patches.put(layer, "_maybe_build", _silent(vars(layer)["_maybe_build"], recorder))
    patches.put(layer, "_set_mask_metadata", _masking(vars(layer)["_set_mask_metadata"], recorder))
    patches.put(layer, "add_loss", _add_loss(vars(layer)["add_loss"], recorder))
    for module in (layer_module, operation_module):
        patches.put(module, "Node", _node(vars(module)["Node"]))
    patches.put(operation, "__init__", _named(vars(operation)["__init__"], recorder))
    _mix_with_placeholders(patches)


def _is_fresh(args: Any, kwargs: Any) -> bool:
    """Tells whether placeholders are of our run: those of a functional model under construction have a history."""
    for value in keras.tree.flatten((args, kwargs)):
        if isinstance(value, keras.KerasTensor) and hasattr(value, "_keras_history"):
            return False
    return True


def _symbolic(original: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    @functools.wraps(original)
    def symbolic_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if recorder.listening() and _is_fresh(args, kwargs):
            return recorder.symbolic(self, args, kwargs, original)
        return original(self, *args, **kwargs)

    return symbolic_call


def _call(original: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        on_placeholders = any(
            isinstance(value, keras.KerasTensor) for value in keras.tree.flatten((args, kwargs))
        )
        if recorder.on_data and recorder.listening() and not on_placeholders:
            return recorder.data_call(self, args, kwargs, original)
        if not on_placeholders or not recorder.listening():
            return original(self, *args, **kwargs)
        mark = len(recorder.drafts)
        try:
            return original(self, *args, **kwargs)
        except Exception as error:
            recorder.refused(self, args, kwargs, mark, error)
            raise

    return __call__


def _silent(original: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    @functools.wraps(original)
    def _maybe_build(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.built:
            return None
        recorder.building += 1
        try:
            with recorder.silence():
                return original(self, *args, **kwargs)
        finally:
            recorder.building -= 1

    return _maybe_build


def _masking(original: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    @functools.wraps(original)
    def _set_mask_metadata(self: Any, *args: Any, **kwargs: Any) -> Any:
        recorder.masking += 1
        try:
            result = original(self, *args, **kwargs)
        finally:
            recorder.masking -= 1
        if recorder.listening() and len(args) > 1:
            recorder.note_masks(self, args[1])
        return result

    return _set_mask_metadata


def _add_loss(original: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    @functools.wraps(original)
    def add_loss(self: Any, loss: Any) -> Any:
        if not any(isinstance(value, keras.KerasTensor) for value in keras.tree.flatten(loss)):
            return original(self, loss)
        for draft in reversed(recorder.stack):
            if draft.target is self:
                draft.added_losses += 1
                break
        return None

    return add_loss


def _node(original: Any) -> Callable[..., Any]:
    def make(operation: Any, call_args: Any = None, call_kwargs: Any = None, outputs: Any = None) -> Any:
        """Makes no node for our placeholders: nodes stay on the layers."""
        if _is_fresh(call_args or (), call_kwargs or {}):
            return None
        return original(operation=operation, call_args=call_args, call_kwargs=call_kwargs, outputs=outputs)

    return make


def _named(original: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    @functools.wraps(original)
    def __init__(self: Any, name: Any = None) -> None:
        if name is None and recorder.naming() and not isinstance(self, keras.layers.Layer):
            name = recorder.op_name(keras.src.utils.naming.to_snake_case(type(self).__name__))
        original(self, name)

    return __init__


def _mix_with_placeholders(patches: Patches) -> None:
    """Lets `variable + placeholder` and `array + placeholder` be the placeholder's business, as the other way round."""
    variable = keras.src.backend.common.variables.Variable
    for name in (f"__{operator}__" for operator in _OPERATORS):
        if name in vars(variable):
            patches.put(variable, name, _deferring(vars(variable)[name]))
    patches.put(keras.KerasTensor, "__array_ufunc__", None)
    patches.put(keras.KerasTensor, "__jax_array__", property(_absent))


def _deferring(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def operator(self: Any, other: Any) -> Any:
        if isinstance(other, keras.KerasTensor):
            return NotImplemented
        return original(self, other)

    return operator


def _absent(self: Any) -> Any:
    raise AttributeError("__jax_array__")
