"""How variables were made: the initialisers of layers, and what they draw."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kerascope._keras import state

if TYPE_CHECKING:
    from kerascope._keras.steps import Patches

_CONSTANT = ("Zeros", "Ones", "Constant")


def initialised(model: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yields (layer, variable, initialiser) for every variable of a model; None where the initialiser is not known.

    Layers keep theirs in attributes called after the weight: `kernel_initializer` for `kernel`.
    """
    for layer in state.layers_of(model):
        known = {id(value): name for name, value in vars(layer).items() if isinstance(value, keras.Variable)}
        for variable in [*layer._trainable_variables, *layer._non_trainable_variables]:
            names = {known.get(id(variable), variable.name).lstrip("_"), variable.name}
            found = [getattr(layer, f"{name}_initializer", None) for name in names]
            yield layer, variable, next((one for one in found if one is not None), None)


def kind_of(initializer: Any) -> str:
    """Returns "constant" or "random" for one of Keras's initialisers, "other" for the rest and None."""
    name = type(initializer).__name__
    if initializer is None or not type(initializer).__module__.startswith("keras."):
        return "other"
    if name == "Constant":
        return "constant" if np.ndim(initializer.value) == 0 else "other"
    return "constant" if name in _CONSTANT else "random" if hasattr(initializer, "seed") else "other"


def drawn(initializer: Any, variable: Any) -> Any:
    """Returns what another initialiser of this kind draws for a variable, None where that fails."""
    try:
        config = {**copy.deepcopy(initializer.get_config()), "seed": 7}
        other = type(initializer).from_config(config)
        return keras.ops.convert_to_numpy(other(tuple(variable.shape), dtype="float32"))
    except Exception:  # a subclass may take other arguments; then nothing is said about it
        return None


def note_made(patches: Patches, note: Callable[[Any], None]) -> None:
    """Tells `note` of every layer that is made from now on, before it is."""
    original = vars(keras.layers.Layer)["__init__"]

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        note(self)
        original(self, *args, **kwargs)

    patches.put(keras.layers.Layer, "__init__", __init__)


def could_train(layer: Any) -> bool:
    """Tells whether a layer has weights that would be trained if it were not frozen."""
    return any(len(one._trainable_variables) for one in layer._flatten_layers())


def has_frozen(model: Any) -> bool:
    """Tells whether a part of a model is frozen that could be trained."""
    return any(not layer.trainable and could_train(layer) for layer in state.layers_of(model))
