"""Masks as Keras carries them: on the tensors themselves."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np


def takes_masks(layer: Any) -> bool:
    """Tells whether a layer says that it supports masks."""
    return bool(layer.supports_masking)


def reads_masks(layer: Any) -> bool:
    """Tells whether the `call` of a layer has an argument for a mask."""
    return any(name == "mask" or name.endswith("_mask") for name in inspect.signature(layer.call).parameters)


def call_masked(layer: Any, x: np.ndarray, mask: np.ndarray) -> tuple[Any, np.ndarray | None]:
    """Calls a layer in inference on a tensor that carries a mask; returns its result and the mask that this carries."""
    return call_all_masked(layer, (masked(x, mask),), {})


def masked(x: np.ndarray, mask: np.ndarray) -> Any:
    """Returns an array as a tensor that carries a mask."""
    tensor = keras.ops.convert_to_tensor(x)
    keras.src.backend.set_keras_mask(tensor, keras.ops.convert_to_tensor(mask))
    return tensor


def call_all_masked(
    layer: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Any, np.ndarray | None]:
    """Calls a layer in inference on tensors that carry masks; returns its result and the mask that this carries."""
    result = layer(*args, **kwargs, training=False)
    first = keras.tree.flatten(result)[0]
    outgoing = keras.src.backend.get_keras_mask(first)
    return result, None if outgoing is None else np.asarray(keras.ops.convert_to_numpy(outgoing))
