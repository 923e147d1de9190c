"""Another object like one that is there: layer by layer for models that Keras can take apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from kerascope._keras import alone, objects


def maker(obj: Any) -> Callable[[], Any] | None:
    """Returns a function that makes another object like `obj`; None when there is no way.

    Functional and Sequential models are made again layer by layer.
    """
    if isinstance(obj, (keras.Sequential, keras.src.models.functional.Functional)) and obj.layers:
        compiled = obj.get_compile_config() if alone.is_compiled(obj) else None

        def clone() -> Any:
            other = keras.models.clone_model(obj, clone_function=alike)
            alone.adapt_as(other, obj)
            if compiled is not None:
                other.compile_from_config(compiled)
            return other

        return clone
    return objects.maker(obj)


def alike(layer: Any) -> Any:
    """Returns another layer made as this one was; a `Lambda` as it is.

    It has no weights, and Keras loads a Python lambda only where that is allowed, and without its global names.
    """
    if isinstance(layer, keras.layers.Lambda):
        return layer
    if isinstance(layer, (keras.Sequential, keras.src.models.functional.Functional)):
        return keras.models.clone_model(layer, clone_function=alike)
    return type(layer).from_config(layer.get_config())
