"""An optimizer on a problem of its own: how far a few variables are from where they should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


def variables(arrays: Sequence[np.ndarray]) -> list[Any]:
    """Returns a trainable variable for each array."""
    return [keras.Variable(array, name=f"v{i}", trainable=True) for i, array in enumerate(arrays)]


def apply(optimizer: Any, found: Sequence[Any], targets: Sequence[Any], share: float = 1.0) -> None:
    """Makes one update by the gradient of half the squared distance to the targets, times `share`.

    An optimizer that scales the loss gets gradients scaled as it asks for.
    """
    scale = keras.ops.cast(optimizer.scale_loss(keras.ops.ones(())), "float32")
    gradients = [
        (variable.value - target) * scale * share for variable, target in zip(found, targets, strict=True)
    ]
    optimizer.apply(gradients, list(found))


def set_rate(optimizer: Any, factor: float) -> bool:
    """Multiplies the learning rate, and tells whether there is one that can be set."""
    inner = getattr(optimizer, "inner_optimizer", None) or optimizer
    rate = getattr(inner, "_learning_rate", None)
    if not isinstance(rate, keras.Variable):
        return False
    inner.learning_rate = float(keras.ops.convert_to_numpy(rate)) * factor
    return True


def couples(optimizer: Any) -> bool:
    """Tells whether an optimizer is asked to look at all variables at once."""
    inner = getattr(optimizer, "inner_optimizer", None) or optimizer
    return getattr(inner, "global_clipnorm", None) is not None or inner is not optimizer


def iterations(optimizer: Any) -> int:
    """Returns how many updates the optimizer counts."""
    inner = getattr(optimizer, "inner_optimizer", None) or optimizer
    return int(keras.ops.convert_to_numpy(inner.iterations))
