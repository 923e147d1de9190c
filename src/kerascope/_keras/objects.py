"""What the user's own Keras objects are, how to make another one, and how to call them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

KINDS: dict[str, type] = {
    "model": keras.Model,
    "layer": keras.layers.Layer,
    "metric": keras.metrics.Metric,
    "loss": keras.losses.Loss,
    "optimizer": keras.optimizers.Optimizer,
}
"""The kinds of objects by name, the more special before the more general."""

_MISSING = object()


def kind_of(obj: Any) -> str:
    """Returns "model", "layer", "metric", "loss", "optimizer" for such an object or class, "class" for another class,
    "function" for another callable, "other" for the rest.
    """
    is_class = isinstance(obj, type)
    for name, kind in KINDS.items():
        if issubclass(obj, kind) if is_class else isinstance(obj, kind):
            return name
    if is_class:
        return "class"
    return "function" if callable(obj) else "other"


def maker(obj: Any) -> Callable[[], Any] | None:
    """Returns a function that makes another object like `obj`, with weights of its own; None when there is no way.

    Keras keeps the constructor's arguments of layers when they are plain values. Otherwise the configuration is asked,
    and last the attributes that are named like the constructor's parameters, as is the custom.
    """
    kept = getattr(getattr(obj, "_auto_config", None), "config", None)
    if isinstance(kept, Mapping):
        return lambda: type(obj)(**kept)
    own_config = getattr(type(obj), "get_config", None)
    if own_config is not None and not str(own_config.__module__).startswith("keras.src."):
        config = _attempt(obj.get_config)
        if config is not None and _attempt(lambda: type(obj).from_config(copy.deepcopy(config))) is not None:
            return lambda: type(obj).from_config(copy.deepcopy(config))
    arguments = _arguments_by_attribute(obj)
    if arguments is None or _attempt(lambda: type(obj)(**arguments)) is None:
        return None
    return lambda: type(obj)(**arguments)


def _attempt(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Exception:  # the user's code; that it fails is the answer
        return None


def _arguments_by_attribute(obj: Any) -> dict[str, Any] | None:
    try:
        parameters = list(inspect.signature(type(obj).__init__).parameters.values())[1:]
    except (TypeError, ValueError):
        return None
    found: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = getattr(obj, parameter.name, _MISSING)
        if value is _MISSING or parameter.name in ("name", "dtype"):
            if parameter.default is parameter.empty:
                return None
            continue
        found[parameter.name] = value
    return found


def to_tensor(array: np.ndarray) -> Any:
    """Returns the array as a tensor of the backend in use; float64 as Keras's default float type."""
    if array.dtype == np.float64:
        return keras.ops.convert_to_tensor(array, keras.config.floatx())
    return keras.ops.convert_to_tensor(array)


def to_numpy(tensor: Any) -> np.ndarray:
    """Returns a tensor's values."""
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def symbolic(shape: tuple[int | None, ...], dtype: str) -> Any:
    """Returns a symbolic tensor, as `keras.Input` gives, without making an input layer."""
    return keras.KerasTensor(shape, dtype)


def is_symbolic(value: Any) -> bool:
    """Tells whether a value is what `keras.Input` gives, or was made of it."""
    return isinstance(value, keras.KerasTensor)


def compute_output_spec(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Runs a function on symbolic tensors, as Keras does to find the shapes of its result."""
    return keras.src.backend.compute_output_spec(function, *args, **kwargs)


def flatten(structure: Any) -> list[Any]:
    """Returns the leaves of nested lists, tuples and dicts."""
    return list(keras.tree.flatten(structure))


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """Returns the structure with every leaf replaced by what the function returns for it."""
    return keras.tree.map_structure(function, structure)


def seed(number: int) -> None:
    """Makes weights and random numbers of what is made next repeatable."""
    keras.utils.set_random_seed(number)


def is_built(obj: Any) -> bool:
    """Tells whether a layer or model has its weights."""
    return bool(getattr(obj, "built", True))


def keras_entry(frame: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]] | None:
    """Returns the innermost Keras object of the user's that was being called around a frame, and its arguments.

    Keras's own frames are left out of tracebacks, but the frames themselves still know who called them.
    """
    while frame is not None:
        code = frame.f_code
        if code.co_name in ("__call__", "call", "error_handler") and "keras" in code.co_filename:
            values = frame.f_locals
            owner = values.get("self")
            if owner is None and values.get("args"):
                owner, *rest = values["args"]
                if isinstance(owner, tuple(KINDS.values())) and not _is_keras_own(owner):
                    return owner, tuple(rest), dict(values.get("kwargs") or {})
            elif isinstance(owner, tuple(KINDS.values())) and not _is_keras_own(owner) and "args" in values:
                return owner, tuple(values["args"]), dict(values.get("kwargs") or {})
        frame = frame.f_back
    return None


def _is_keras_own(obj: Any) -> bool:
    return type(obj).__module__.startswith("keras.")
