"""Functional models while they are put together, and what lies in their graphs."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras


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


def missing_weights(layer: Any, model: Any) -> list[str]:
    """Returns the names of a layer's trainable weights that a model does not know of."""
    known = {id(weight) for weight in model.weights}
    return [weight.name for weight in layer.trainable_weights if id(weight) not in known]
