"""Masks as Keras carries them: on the tensors themselves."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def takes_masks(layer: Any) -> bool:
    """Tells whether a layer says that it supports masks."""
    return bool(layer.supports_masking)


def call_masked(layer: Any, x: np.ndarray, mask: np.ndarray) -> tuple[Any, np.ndarray | None]:
    """Calls a layer in inference on a tensor that carries a mask; returns its result and the mask that this carries."""
    tensor = keras.ops.convert_to_tensor(x)
    keras.src.backend.set_keras_mask(tensor, keras.ops.convert_to_tensor(mask))
    result = layer(tensor, training=False)
    first = keras.tree.flatten(result)[0]
    outgoing = keras.src.backend.get_keras_mask(first)
    return result, None if outgoing is None else np.asarray(keras.ops.convert_to_numpy(outgoing))
