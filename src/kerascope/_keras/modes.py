"""Layers that do something else in training than in inference."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerascope._keras import state


def depends(layer: Any) -> bool:
    """Tells whether one of Keras's own layers depends on the mode: it drops, adds noise, or normalises by the batch."""
    if not type(layer).__module__.startswith("keras."):
        return False
    if normalises(layer):
        return True
    name = type(layer).__name__
    return ("Dropout" in name or "Noise" in name) and bool(
        getattr(layer, "rate", 0) or getattr(layer, "stddev", 0)
    )


def normalises(layer: Any) -> bool:
    """Tells whether a layer keeps moving statistics of the batches."""
    return isinstance(layer, keras.layers.BatchNormalization)


def statistics(layer: Any) -> list[Any]:
    """Returns the moving statistics of a layer, none for one that keeps none."""
    return [layer.moving_mean, layer.moving_variance] if normalises(layer) and layer.built else []


def any_depends(model: Any) -> bool:
    """Tells whether a model has such a layer."""
    return any(depends(layer) for layer in state.layers_of(model))


def learns_in_training(layer: Any) -> bool:
    """Tells whether a layer is not frozen: a frozen BatchNormalization runs in inference mode on purpose."""
    return bool(layer.trainable)


def is_pretrained(layer: Any) -> bool:
    """Tells whether moving statistics have been learnt: they are not 0 and 1 throughout."""
    if not normalises(layer) or not layer.built:
        return False
    mean = keras.ops.convert_to_numpy(layer.moving_mean.value)
    variance = keras.ops.convert_to_numpy(layer.moving_variance.value)
    return bool(np.any(mean != 0) or np.any(variance != 1))


def takes_training(layer: Any) -> bool:
    """Tells whether a layer's `call` has a `training` argument."""
    try:
        return "training" in inspect.signature(layer.call).parameters
    except (TypeError, ValueError):
        return False


def any_set(model: Any) -> bool:
    """Tells whether a functional model calls such a layer with the mode set, rather than passed along."""
    for operation in getattr(model, "operations", ()) or ():
        for node in getattr(operation, "_inbound_nodes", ()):
            if node.arguments.kwargs.get("training") is not None:
                return True
    return False


def begins_anew(obj: Any) -> Any:
    """Returns a layer or model whose recurrent layers forget at each call; anything else as it is.

    One with `stateful=True` goes on where its last call ended: then no two calls are alike, and it takes batches of one
    size only. That is what was asked for; everything else can be judged without.
    """
    for layer in _going_on(obj):
        layer.stateful, layer.states = False, None
    return obj


@contextlib.contextmanager
def forgetful(obj: Any) -> Iterator[None]:
    """Has the recurrent layers of an object that is kept forget at each call, within the block."""
    layers = _going_on(obj)
    try:
        for layer in layers:
            layer.stateful = False
        yield
    finally:
        for layer in layers:
            layer.stateful = True


def _going_on(obj: Any) -> list[Any]:
    layers = state.layers_of(obj) if isinstance(obj, keras.layers.Layer) else ()
    return [layer for layer in layers if isinstance(layer, keras.layers.RNN) and layer.stateful]
