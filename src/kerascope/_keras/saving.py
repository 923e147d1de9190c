"""A Keras object made again: from its configuration, and through a file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np


def _classes(obj: Any, cls: type | None) -> dict[str, Any]:
    """Returns the user's classes that an object is made of: registered or not, Keras is told of them."""
    found = {} if cls is None else {cls.__name__: cls}
    for layer in obj._flatten_layers():
        if not type(layer).__module__.startswith("keras."):
            found[type(layer).__name__] = type(layer)
    return found


def revived(obj: Any, cls: type | None) -> Any:
    """Returns another object made from the configuration, as it comes out of a file: through JSON."""
    text = json.dumps(keras.saving.serialize_keras_object(obj))
    return keras.saving.deserialize_keras_object(
        json.loads(text), custom_objects=_classes(obj, cls), safe_mode=False
    )


def wrapped(layer: Any, args: Sequence[Any], kwargs: Any) -> Any:
    """Returns a functional model of one layer; None when its arguments are not all symbolic tensors."""

    def to_input(leaf: Any) -> Any:
        return (
            keras.Input(batch_shape=leaf.shape, dtype=leaf.dtype)
            if isinstance(leaf, keras.KerasTensor)
            else leaf
        )

    args, kwargs = keras.tree.map_structure(to_input, (list(args), dict(kwargs)))
    inputs = [leaf for leaf in keras.tree.flatten((args, kwargs)) if isinstance(leaf, keras.KerasTensor)]
    if not inputs:
        return None
    return keras.Model(inputs, layer(*args, **kwargs))


def through_a_file(model: Any, args: Sequence[Any], kwargs: Any, cls: type | None) -> tuple[Any, Any]:
    """Saves and loads a model, and returns what it gives before and after; the file is deleted."""
    functional = isinstance(model, keras.src.models.functional.Functional)
    leaves = [leaf for leaf in keras.tree.flatten((list(args), dict(kwargs))) if keras.ops.is_tensor(leaf)]

    def call(one: Any) -> Any:
        by_name = functional and isinstance(model._inputs_struct, dict)
        if functional and not by_name and len(model.inputs) == len(leaves):
            return one(leaves if len(leaves) > 1 else leaves[0], training=False)
        return one(*args, **dict(kwargs, training=False))

    before = call(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.saving.load_model(
            path, custom_objects=_classes(model, cls), compile=False, safe_mode=False
        )
    return before, call(loaded)


def changed_attributes(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    """Returns name and both values of the plain attributes that differ between two objects."""
    found = []
    for name, value in vars(before).items():
        other = vars(after).get(name)
        if name.startswith("_") or name == "name" or not (_is_plain(value) and _is_plain(other)):
            continue
        if other != value:
            found.append((name, value, other))
    return found


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return isinstance(value, (str, int, float, bool, type(None), tuple))


def numbers_kept(layer: Any) -> dict[str, Any]:
    """Returns the numbers, arrays and tensors that a layer keeps in attributes of its own; no variables."""
    usual = {*vars(keras.layers.Layer()), "stateful"}  # which is off in what is made again to be called
    return {
        name: value
        for name, value in vars(layer).items()
        if name not in usual
        and not name.startswith("_")
        and not isinstance(value, keras.Variable)
        and (isinstance(value, (int, float, np.ndarray, np.generic)) or keras.ops.is_tensor(value))
    }


def agree(one: Any, other: Any) -> bool:
    """Tells whether two numbers or arrays are the same; nothing agrees with None."""
    if one is None or other is None:
        return False
    if one is other:
        return True
    a, b = (keras.ops.convert_to_numpy(value) for value in (one, other))
    return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f" == b.dtype.kind))
