"""The settings of an object that its configuration leaves out."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from typing import Any

_NOT_SETTINGS = ("self", "name", "dtype", "trainable")
_OF_EVERY_LAYER = {"name": "kerascope_other", "dtype": "float16", "trainable": False}
_WORDS = (
    ("tanh", "sigmoid", "relu"),
    ("same", "valid"),
    ("mean", "sum", "max"),
    ("sum_over_batch_size", "sum"),
    ("add", "multiply", "concat"),
    ("pre", "post"),
)


def left_out(obj: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yields (argument, value, object) for each number, switch or known word that `get_config` leaves out.

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
        for other in _others(parameter.name, value):
            try:
                made = type(obj).from_config({**copy.deepcopy(config), parameter.name: other})
            except Exception:  # not a value that it takes
                continue
            yield parameter.name, other, made
            break


def left_out_of_every_layers(layer: Any) -> list[str]:
    """Returns `name`, `dtype` and `trainable` where a layer's constructor takes them and `get_config` loses them all.

    One of them alone may be fixed on purpose.
    """
    try:
        config = layer.get_config()
        if set(config) & set(_OF_EVERY_LAYER):
            return []
        other = type(layer).from_config({**copy.deepcopy(config), **_OF_EVERY_LAYER})
        back = type(layer).from_config(copy.deepcopy(other.get_config()))
    except Exception:  # it takes them not, which has a contract of its own
        return []
    taken = other.name == _OF_EVERY_LAYER["name"] and not other.trainable
    lost = back.name != other.name and back.trainable and back.dtype_policy.name != other.dtype_policy.name
    return list(_OF_EVERY_LAYER) if taken and lost else []


def _others(name: str, value: Any) -> list[Any]:
    if "activation" in name and (callable(value) or isinstance(value, str)):
        now = value if isinstance(value, str) else getattr(value, "__name__", "")
        return [word for word in _WORDS[0] if word != now]
    if isinstance(value, str):
        return [word for words in _WORDS if value in words for word in words if word != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, 2 * value]
    if isinstance(value, float):
        return [0.5 * value, value + 1.0] if value else [0.5]
    return []
