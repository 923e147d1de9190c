"""The settings of an object that its configuration leaves out."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from typing import Any

_NOT_SETTINGS = ("self", "name", "dtype", "trainable")


def left_out(obj: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yields (argument, value, object) for each number or switch of a constructor that `get_config` leaves out.

    The object is another one like this, with another value of the argument than this one has.
    """
    if str(type(obj).get_config.__module__).startswith("keras."):
        return  # Keras keeps all arguments that were given, or refuses
    try:
        config = obj.get_config()
        parameters = inspect.signature(type(obj).__init__).parameters.values()
    except Exception:  # the user's code; what fails here has been said
        return
    for parameter in parameters:
        if parameter.name in config or parameter.name in _NOT_SETTINGS:
            continue
        value = getattr(obj, parameter.name, parameter.default)
        for other in _others(value):
            try:
                made = type(obj).from_config({**copy.deepcopy(config), parameter.name: other})
            except Exception:  # not a value that it takes
                continue
            yield parameter.name, other, made
            break


def _others(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, 2 * value]
    if isinstance(value, float):
        return [0.5 * value, value + 1.0] if value else [0.5]
    return []
