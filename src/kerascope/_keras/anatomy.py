"""Facts about one layer, as plain values: weights, policy, settings, losses, where its class is written."""

from __future__ import annotations

import inspect
import math
import re
import weakref
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerascope._keras import quirks
from kerascope._keras.drafts import code_line, is_plain
from kerascope._keras.graph import own_variables
from kerascope._keras.plain import plain
from kerascope.env import shown_path
from kerascope.values import SourceSpan, TensorStats, WeightFacts, encode
from kerascope.whose import is_users

_BITS = {"bool": 8, "int4": 4, "uint4": 4}


def weight_facts(variable: Any, stats: bool) -> WeightFacts:
    """Returns a variable's facts; `stats` reads its values."""
    shape = tuple(int(n) for n in variable.shape)
    dtype = str(variable.dtype)
    size = math.prod(shape)
    return WeightFacts(
        str(variable.path),
        shape,
        dtype,
        bool(variable.trainable),
        size,
        bytes_of(size, dtype),
        statistics(variable) if stats else None,
    )


def bytes_of(count: int, dtype: str) -> int:
    """Returns the bytes that `count` numbers of a dtype take."""
    bits = _BITS.get(dtype)
    if bits is None:
        digits = "".join(
            char for char in re.split("[_e]", dtype.removeprefix("float"), maxsplit=1)[0] if char.isdigit()
        )
        bits = int(digits) if digits else 32
    return (count * bits + 7) // 8


def statistics(variable: Any) -> TensorStats | None:
    """Returns the seven figures of a variable, None when it holds no numbers."""
    values = np.asarray(keras.ops.convert_to_numpy(variable)).astype("float64").ravel()
    if not values.size:
        return None
    finite = np.isfinite(values)
    known = values if finite.all() else values[finite]
    norm = float(np.sqrt(np.dot(known, known)))
    mean, std, low, high = (
        (float(known.mean()), float(known.std()), float(known.min()), float(known.max()))
        if known.size
        else (math.nan,) * 4
    )
    return TensorStats(norm, mean, std, low, high, float(np.mean(values == 0)), float(np.mean(finite)))


def sizes(variables: Any) -> int:
    """Returns how many numbers these variables hold."""
    return sum(math.prod(int(n) for n in v.shape) for v in variables)


def policy(layer: Any) -> str | None:
    """Returns the name of a layer's dtype policy."""
    value = getattr(layer, "dtype_policy", None)
    return str(getattr(value, "name", value)) if value is not None else None


def config(target: Any) -> dict[str, Any]:
    """Returns a layer's own settings; what is in it and its policy are told elsewhere."""
    if target is None or not hasattr(target, "get_config"):
        return {}
    if isinstance(target, keras.Model):
        return {}
    try:
        with quirks.without_tensorflow():
            found = target.get_config()
    except Exception as error:  # a user's layer may have no working get_config, which is worth telling
        return {"get_config": f"raises {type(error).__name__}: {error}"[:300]}
    found = {key: value for key, value in found.items() if key not in ("name", "dtype", "build_config")}
    return {key: _brief(value) for key, value in plain(found).items()} if isinstance(found, dict) else {}


_NO_SETTINGS = frozenset(["self", "name", "dtype", "trainable", "seed", "weights", "args", "kwargs"])
_CONSTRUCTORS: weakref.WeakKeyDictionary[type, tuple[str, ...]] = weakref.WeakKeyDictionary()


def settings(layer: Any) -> dict[str, Any]:
    """Returns what a layer was made with and kept: those of its constructor's arguments that are plain values.

    They say what it computes (its activation, strides, rate), without asking for its whole configuration.
    """
    found = {}
    for name in _constructor(type(layer)):
        value = vars(layer).get(name, _MISSING)
        if value is _MISSING and name in _FORWARDED:
            value = getattr(layer, name, _MISSING)
        if name.endswith("activation") and callable(value):
            value = getattr(value, "__name__", None) or type(value).__name__
        elif inspect.isroutine(value):
            value = getattr(value, "__name__", None)
        if value is not _MISSING and is_plain(value):
            found[name] = encode(value)
    return found


_MISSING = object()
_FORWARDED = ("units", "activation", "recurrent_activation")
"""What LSTM and the like hand on to their cell."""


def _constructor(kind: type) -> tuple[str, ...]:
    known = _CONSTRUCTORS.get(kind)
    if known is None:
        try:
            names = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
        except (TypeError, ValueError):
            names = {}  # type: ignore[assignment]
        known = _CONSTRUCTORS[kind] = tuple(name for name in names if name not in _NO_SETTINGS)
    return known


def _brief(value: Any) -> Any:
    """Shortens what Keras serialised: an object by its name and its settings."""
    if isinstance(value, dict) and "class_name" in value:
        inner = value.get("config")
        if not isinstance(inner, dict):
            return str(inner or value["class_name"])
        settings = ", ".join(f"{k}={v}" for k, v in inner.items() if v is not None)[:120]
        return f"{value['class_name']}({settings})"
    text = str(value)
    return value if len(text) <= 300 else text[:300] + "..."


def losses(layer: Any) -> Iterator[str]:
    """Yields what a layer adds to the loss by itself: its regularisers, with their value now."""
    for variable in own_variables(layer):
        regularizer = getattr(variable, "regularizer", None)
        if regularizer is not None:
            name = str(variable.path).rpartition("/")[2]
            yield f"{name} {type(regularizer).__name__} {float(keras.ops.convert_to_numpy(regularizer(variable))):.3g}"
    activity = getattr(layer, "activity_regularizer", None)
    if activity is not None:
        yield f"activity {type(activity).__name__}"


def defined(target: Any) -> SourceSpan | None:
    """Returns where the class is written, when the user wrote it."""
    function = getattr(type(target), "call", None)
    code = getattr(inspect.unwrap(function), "__code__", None) if function is not None else None
    if code is None or not is_users(code.co_filename, installed=True):
        return None
    return SourceSpan(file=code.co_filename, line=code.co_firstlineno)


def called_at(file: str | None, line: int | None) -> SourceSpan | None:
    """Returns the place of a call."""
    if file is None:
        return None
    return SourceSpan(file=shown_path(file), line=line, expression=code_line(file, line))
