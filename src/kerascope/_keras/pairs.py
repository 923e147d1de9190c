"""Losses and metrics: what takes a target and a prediction."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import keras

from kerascope._keras import settings

PLAIN = (bool, int, float, complex, str, bytes, type(None))


def total(structure: Any) -> Any:
    """Returns the sum of all float tensors of a structure, as one scalar tensor."""
    leaves = [leaf for leaf in keras.tree.flatten(structure) if hasattr(leaf, "shape")]
    sums = [keras.ops.sum(keras.ops.cast(leaf, "float32")) for leaf in leaves]
    return sum(sums[1:], sums[0])


def as_loss(function: Any) -> Any:
    """Returns the loss object that `compile` makes of a plain function."""
    return keras.src.losses.losses.LossFunctionWrapper(function, name=getattr(function, "__name__", "loss"))


def calls_itself(obj: Any) -> bool:
    """Tells whether the class of a loss defines `__call__` in the place of `call`."""
    cls = type(obj)
    is_loss = isinstance(obj, keras.losses.Loss)
    return is_loss and cls.call is keras.losses.Loss.call and cls.__call__ is not keras.losses.Loss.__call__


def revived(obj: Any) -> Any:
    """Returns another object made from the configuration of this one."""
    return type(obj).from_config(copy.deepcopy(obj.get_config()))


def lost_settings(obj: Any) -> list[str]:
    """Returns the arguments that another object keeps as attributes, and that are lost when it is revived."""
    found = []
    for name, value, other in settings.left_out(obj):
        try:
            back = getattr(revived(other), name, value)
        except Exception:  # not a value that it works with
            continue
        if alike(value, getattr(other, name, None)) and not alike(value, back):
            found.append(name)
    return found


def alike(one: Any, other: Any) -> bool:
    """Tells whether two settings are the same, but for what a variable of float32 rounds off."""
    if isinstance(one, float) and isinstance(other, (int, float)):
        return one == other or math.isclose(one, other, rel_tol=1e-6)
    return bool(one == other)


def plain_state(obj: Any) -> dict[str, Any]:
    """Returns the attributes that hold numbers, texts, or lists and dicts of such, as copies."""
    return {name: copy.deepcopy(value) for name, value in vars(obj).items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, PLAIN):
        return True
    if isinstance(value, Mapping):
        return all(_is_plain(item) for item in value.values())
    return isinstance(value, (list, tuple, set)) and all(_is_plain(item) for item in value)


def is_keras_own(obj: Any) -> bool:
    """Tells whether the class of an object is part of Keras."""
    return (obj if isinstance(obj, type) else type(obj)).__module__.startswith("keras.")
