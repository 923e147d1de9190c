"""The notes a run takes, and the small questions it asks about layers, arguments, data and source lines."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import linecache
import weakref
from typing import Any

import keras
import numpy as np

from kerascope.values import encode

_EXPRESSION = 200
_SELF_CONTAINED = ("MultiHeadAttention", "GroupedQueryAttention", "Bidirectional")
"""Layers of Keras whose `call` consists of layers and operations, so that it can be opened like a user's."""


@dataclasses.dataclass(slots=True)
class Seen:
    """A tensor at the edge of a call; the fields are those of `values.TensorSpec`."""

    shape: tuple[Any, ...]
    dtype: str
    source: int | None = None
    index: int = 0
    role: str = "data"
    argument: str = ""
    masked: bool = False


@dataclasses.dataclass(slots=True)
class Draft:
    """A call while the graph is being made; `target` is the layer or operation itself."""

    id: int
    parent: int | None
    target: Any
    name: str
    category: str
    inputs: list[Seen] = dataclasses.field(default_factory=list)
    outputs: list[Seen] = dataclasses.field(default_factory=list)
    error: str | None = None
    notes: list[str] = dataclasses.field(default_factory=list)
    file: str | None = None
    line: int | None = None
    for_mask: bool = False
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    added_losses: int = 0


def opens(layer: Any) -> bool:
    """Tells whether a layer's `call` is run to see what is inside: models, and layers that Keras did not write."""
    if isinstance(layer, keras.Model):
        return True
    written = getattr(type(layer).call, "__module__", "") or ""
    return not written.startswith("keras.") or type(layer).__name__ in _SELF_CONTAINED


def changes_nothing(op: Any, args: Any) -> bool:
    return len(args) == 1 and op.dtype in (None, args[0].dtype) and not op.sparse and not op.ragged


def copy_of(tensor: Any) -> Any:
    copy = keras.KerasTensor(tensor.shape, dtype=tensor.dtype, sparse=tensor.sparse)
    mask = getattr(tensor, "_keras_mask", None)
    if mask is not None:
        copy._keras_mask = mask
    return copy


def einsum_sizes(layer: Any, given: Any, output: Any) -> Any:
    """Fills in the sizes that EinsumDense leaves open (as in attention) although its input has them."""
    left, _, right = str(layer.equation).replace(" ", "").partition("->")
    letters = left.partition(",")[0]
    if "..." in left or len(letters) != len(given.shape) or None not in output.shape:
        return output
    sizes = dict(zip(letters, given.shape, strict=True))
    shape = [sizes.get(name) if n is None else n for name, n in zip(right, output.shape, strict=True)]
    return keras.KerasTensor(shape, dtype=output.dtype)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple, dict)):
        return list(keras.tree.flatten(value))
    return [value]


_ARGUMENT_NAMES: weakref.WeakKeyDictionary[Any, tuple[str, ...]] = weakref.WeakKeyDictionary()


def argument_names(kind: Any) -> tuple[str, ...]:
    """Returns the names of the arguments of a class's `call`, without `self`."""
    known = _ARGUMENT_NAMES.get(kind)
    if known is None:
        try:
            known = tuple(inspect.signature(kind.call).parameters)[1:]
        except (TypeError, ValueError):
            known = ()
        _ARGUMENT_NAMES[kind] = known
    return known


def settings_of(op: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """Returns an operation's own settings: its axis, its equation."""
    own = {
        name: value
        for name, value in vars(op).items()
        if not name.startswith("_") and name != "name" and is_plain(value)
    }
    own.update({name: value for name, value in kwargs.items() if is_plain(value)})
    own = {name: encode(value) for name, value in own.items()}
    if type(op).__name__ == "GetItem" and len(args) > 1:
        own["key"] = _index(args[1])
    return own


def _index(key: Any) -> str:
    """Returns an index as one writes it, `[:, :5]`; a loaded model has a list where the code had a tuple."""

    def one(item: Any) -> str:
        if item is Ellipsis:
            return "..."
        if not isinstance(item, slice):
            return "tensor" if hasattr(item, "shape") else repr(item)
        ends = ["" if end is None else one(end) for end in (item.start, item.stop)]
        return ":".join(ends if item.step is None else [*ends, one(item.step)])

    parts = key if isinstance(key, (tuple, list)) else (key,)
    return f"[{', '.join(map(one, parts))}]"[:_EXPRESSION]


def is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= 32 and all(is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))


def sample(shape: tuple[Any, ...], dtype: str) -> np.ndarray:
    """Returns harmless data: small normal numbers, or ones where they are whole (ones are in every vocabulary)."""
    sizes = tuple(int(n) for n in shape)
    if keras.backend.is_float_dtype(dtype):
        return (0.5 * np.random.default_rng(0).standard_normal(sizes)).astype("float32")
    return np.ones(sizes, bool if dtype == "bool" else "int32")


def repeated(given: Any, shape: tuple[Any, ...]) -> np.ndarray:
    """Returns the user's own data with as many rows as `shape` says."""
    rows = np.asarray(keras.ops.convert_to_numpy(given))
    if rows.shape[1:] != tuple(shape[1:]) or not len(rows):
        return np.resize(rows, tuple(int(n) for n in shape))
    return rows[np.arange(int(shape[0])) % len(rows)]


def short(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}".strip()
    # Keras appends the arguments of the layer, which the graph shows anyway.
    text = text.split("\n\nArguments received by")[0].strip()
    return text if len(text) <= 1000 else text[:1000] + "..."


@functools.lru_cache(4096)
def code_line(file: str | None, line: int | None) -> str | None:
    """Returns the text of a source line."""
    if file is None or line is None:
        return None
    return linecache.getline(file, line).strip()[:_EXPRESSION] or None
