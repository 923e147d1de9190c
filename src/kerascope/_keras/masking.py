"""Masks as Keras carries them: on the tensors themselves."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kerascope._keras.steps import Patches


def takes_masks(layer: Any) -> bool:
    """Tells whether a layer says that it supports masks."""
    return bool(layer.supports_masking)


def reads_masks(layer: Any) -> bool:
    """Tells whether the `call` of a layer has an argument for a mask."""
    return any(name == "mask" or name.endswith("_mask") for name in inspect.signature(layer.call).parameters)


def call_masked(layer: Any, x: Any, mask: Any) -> tuple[Any, Any]:
    """Calls a layer in inference on a tensor that carries a mask; returns its result and the mask that this carries."""
    return call_all_masked(layer, (masked(x, mask),), {})


def masked(x: Any, mask: Any) -> Any:
    """Returns an array as a tensor that carries a mask."""
    tensor = keras.ops.convert_to_tensor(x)
    keras.src.backend.set_keras_mask(tensor, keras.ops.convert_to_tensor(mask))
    return tensor


def lost(layer: Any, x: np.ndarray) -> str | None:
    """Returns the name of the inner layer that makes a mask of `x`, where nothing inside reads it nor hands it on."""
    made: list[tuple[str, tuple[int, ...]]] = []
    read: list[Any] = []
    plain = keras.layers.Layer.__call__
    mask_of = keras.src.backend.get_keras_mask

    def noting(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = [mask_of(leaf) for leaf in keras.tree.flatten((args, kwargs)) if keras.ops.is_tensor(leaf)]
        known = any(mask is not None for mask in given)
        if known and reads_masks(self):
            read.append(self)
        result = plain(self, *args, **kwargs)
        outgoing = mask_of(keras.tree.flatten(result)[0])
        if self is not layer and not known and outgoing is not None:
            made.append((self.name, tuple(outgoing.shape)))
        return result

    with Patches() as patches:
        patches.put(keras.layers.Layer, "__call__", noting)
        result, outgoing = call_all_masked(layer, (keras.ops.convert_to_tensor(x),), {})
    shape = tuple(keras.tree.flatten(result)[0].shape)
    lost_ones = [name for name, mask in made if shape[: len(mask)] == mask]
    return lost_ones[0] if lost_ones and not read and outgoing is None else None


def call_all_masked(layer: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
    """Calls a layer in inference on tensors that carry masks; returns its result and the mask that this carries."""
    result = layer(*args, **kwargs, training=False)
    first = keras.tree.flatten(result)[0]
    outgoing = keras.src.backend.get_keras_mask(first)
    return result, outgoing
