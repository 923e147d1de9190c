"""Functional models while they are put together, and what lies in their graphs."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class ConcreteCall:
    """A layer with weights that was called on values, not on a `keras.Input`. `file` and `line` are the user's."""

    layer: Any
    outputs: tuple[Any, ...]
    file: str
    line: int


@contextlib.contextmanager
def concrete_calls(is_users: Callable[[str], bool]) -> Iterator[list[ConcreteCall]]:
    """Collects the calls of layers on values in the block; those inside another layer's call are its own business.

    Args:
        is_users: tells whether a file is the user's.
    """
    found: list[ConcreteCall] = []
    own = keras.layers.Layer.__call__

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        nested = keras.src.backend.common.global_state.get_global_attribute("current_call_ctx") is not None
        outputs = own(layer, *args, **kwargs)
        if not nested and layer.trainable_weights and _concrete((args, kwargs)):
            frame = sys._getframe(1)
            while frame.f_back is not None and not is_users(frame.f_code.co_filename):
                frame = frame.f_back
            leaves = tuple(keras.tree.flatten(outputs))
            found.append(ConcreteCall(layer, leaves, frame.f_code.co_filename, frame.f_lineno))
        return outputs

    keras.layers.Layer.__call__ = call
    try:
        yield found
    finally:
        keras.layers.Layer.__call__ = own


@dataclasses.dataclass(frozen=True)
class Read:
    """A trainable weight whose value was asked for outside every layer's call. `file` and `line` are the user's."""

    weight: str
    file: str
    line: int


@contextlib.contextmanager
def weights_read(is_users: Callable[[str], bool]) -> Iterator[list[Read]]:
    """Collects where the block reads the value of a trainable weight itself, as `ops.transpose(layer.kernel)` does.

    Args:
        is_users: tells whether a file is the user's.
    """
    found: list[Read] = []
    cls: Any = keras.Variable
    own = next(vars(base)["value"] for base in cls.__mro__ if "value" in vars(base))
    inherited = "value" not in vars(cls)

    def value(variable: Any) -> Any:
        nested = keras.src.backend.common.global_state.get_global_attribute("current_call_ctx") is not None
        if not nested and variable.trainable:
            frame, by_layer = sys._getframe(1), False
            while frame.f_back is not None and not is_users(frame.f_code.co_filename):
                by_layer |= isinstance(frame.f_locals.get("self"), keras.layers.Layer)  # which builds itself
                frame = frame.f_back
            if is_users(frame.f_code.co_filename) and not by_layer:
                found.append(Read(variable.path, frame.f_code.co_filename, frame.f_lineno))
        return own.fget(variable)

    cls.value = property(value, own.fset)
    try:
        yield found
    finally:
        if inherited:
            del cls.value
        else:
            cls.value = own


def differing(one: Sequence[tuple[str, Any]], other: Sequence[tuple[str, Any]]) -> list[str]:
    """Returns the operations whose constants have other values in the second of two graphs made in the same way."""
    names = []
    for (name, a), (_, b) in zip(one, other, strict=False):
        if is_variable(a) or is_variable(b):
            continue
        first, second = keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b)
        if first.shape == second.shape and not np.array_equal(
            first, second, equal_nan=first.dtype.kind == "f" == second.dtype.kind
        ):
            names.append(name)
    return list(dict.fromkeys(names))


def _concrete(arguments: Any) -> bool:
    leaves = keras.tree.flatten(arguments)
    return not any(isinstance(leaf, keras.KerasTensor) for leaf in leaves) and any(
        keras.ops.is_tensor(leaf) or hasattr(leaf, "__array__") for leaf in leaves
    )


def constants(model: Any) -> list[tuple[str, Any]]:
    """Returns (name of the operation, value) for every tensor, array and variable among the arguments in a graph.

    Numbers are left out. A model without a graph has none; models inside it are looked into.
    """
    found: list[tuple[str, Any]] = []
    for operation in getattr(model, "operations", ()):
        found += constants(operation)
        for node in getattr(operation, "_inbound_nodes", ()):
            for leaf in keras.tree.flatten((node.arguments.args, node.arguments.kwargs)):
                if isinstance(leaf, keras.Variable) or (
                    not isinstance(leaf, keras.KerasTensor) and len(getattr(leaf, "shape", ()) or ()) > 0
                ):
                    found.append((operation.name, leaf))
    return found


def is_model(value: Any) -> bool:
    """Tells whether a value is a model."""
    return isinstance(value, keras.Model)


def is_variable(value: Any) -> bool:
    """Tells whether a value is a Keras variable."""
    return isinstance(value, keras.Variable)


def is_computed_from_weights(value: Any) -> bool:
    """Tells whether a tensor remembers that it was computed from something trainable, as PyTorch's do."""
    return not is_variable(value) and getattr(value, "grad_fn", None) is not None


def missing_weights(layer: Any, model: Any) -> list[str]:
    """Returns the names of a layer's trainable weights that a model does not know of."""
    known = {id(weight) for weight in model.weights}
    return [weight.name for weight in layer.trainable_weights if id(weight) not in known]
