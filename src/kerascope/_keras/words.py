"""The words that Keras takes for activations, initializers and the like."""

from __future__ import annotations

import functools

import keras


@functools.cache
def known() -> tuple[str, ...]:
    """Returns the names of activations, initializers, regularizers and constraints that can be given as words."""
    modules = (keras.activations, keras.initializers, keras.regularizers, keras.constraints)
    names = {name for module in modules for name in dir(module) if name.islower() and name[0] != "_"}
    return tuple(sorted(names - {"get", "serialize", "deserialize"}))
