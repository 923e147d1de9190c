"""What the unknown sizes of a symbolic tensor are made of: Keras itself calls each of them None."""

from __future__ import annotations

import weakref
from typing import Any

import keras

Sizes = tuple[int | None, ...]

_known: dict[tuple[int, int], tuple[weakref.ref[Any], Sizes]] = {}


def sizes(tensor: Any, batch: int) -> Sizes:
    """Returns a `KerasTensor`'s shape as it would be with a batch of this size; None where that cannot be told.

    The tensor remembers what it was made by: Keras's own layers keep the batch, operations are asked again with
    the size put in.
    """
    shape: Sizes = tuple(tensor.shape)
    if None not in shape:
        return shape
    key = (id(tensor), batch)
    ref, found = _known.get(key, (None, shape))
    if ref is not None and ref() is tensor:
        return found
    try:
        found = _worked_out(tensor, batch)
    except Exception:  # an operation of the user's may do anything
        found = shape
    if len(_known) > 10_000:
        _known.clear()
    _known[key] = (weakref.ref(tensor), found)
    return found


def _worked_out(tensor: Any, batch: int) -> Sizes:
    shape: Sizes = tuple(tensor.shape)
    history = getattr(tensor, "_keras_history", None)
    if history is None:
        return shape
    operation = history.operation
    if isinstance(operation, keras.layers.InputLayer):
        return (batch, *shape[1:]) if shape[0] is None else shape
    node = operation._inbound_nodes[history.node_index]
    if isinstance(operation, keras.layers.Layer):
        if not _keeps_the_batch(operation):
            return shape
        first = sizes(node.input_tensors[0], batch)[:1]
        return (*first, *shape[1:]) if shape[0] is None else shape

    def filled(value: Any) -> Any:
        if isinstance(value, keras.KerasTensor):
            return keras.KerasTensor(sizes(value, batch), dtype=value.dtype)
        return value

    args, kwargs = keras.tree.map_structure(filled, (node.arguments.args, node.arguments.kwargs))
    made = keras.tree.flatten(operation.compute_output_spec(*args, **kwargs))
    return tuple(made[history.tensor_index].shape)


def _keeps_the_batch(layer: Any) -> bool:
    """Tells a layer of Keras's own, with none of the user's in it: what theirs do to the batch is not known."""
    return all(
        type(one).__module__.startswith("keras.") and not isinstance(one, keras.layers.Lambda)
        for one in layer._flatten_layers()
    )
