"""Records to plain JSON data and back."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def encode(value: Any) -> Any:
    """Returns `value` as plain JSON data: records become objects, non-finite floats become strings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (str, bool)) or value is None:
        return value
    if isinstance(value, Sequence):
        return [encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def decode(kind: type[T], data: Any) -> T:
    """Returns the record of type `kind` that `encode` turned into `data`.

    Unknown keys are left out, so that a file written by a later version can still be read.
    """
    return typing.cast(T, _decode(kind, data))


def _decode(kind: Any, data: Any) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        known = {field.name for field in dataclasses.fields(kind)}
        return kind(**{key: _decode(hints[key], item) for key, item in data.items() if key in known})
    if origin in (typing.Union, types.UnionType):
        if data is None:
            return None
        return _decode(next(arg for arg in typing.get_args(kind) if arg is not type(None)), data)
    if origin is tuple:
        return tuple(_decode(typing.get_args(kind)[0], item) for item in data)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _decode(typing.get_args(kind)[1], item) for key, item in data.items()}
    if isinstance(data, str) and kind in (float, Any):
        return _NON_FINITE.get(data, data)
    if kind is float and isinstance(data, int):
        return float(data)
    return data


class Json:
    """Gives a record `to_json` (plain data) and `to_text` (one JSON document)."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """Returns the record as plain JSON data."""
        return typing.cast("dict[str, Any]", encode(self))

    def to_text(self) -> str:
        """Returns the record as a JSON document, indented by two."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
