"""Rows of whatever was given to `fit`: arrays, frames, nested structures of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

_WHOLE = 50_000_000
"""Elements up to which something that cannot be indexed by rows is converted as a whole."""
_ELEMENTS = 4_000_000
"""Elements of a sample that may be copied."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of the data: the arrays as they were given and which of their rows belong to it.

    `index` is in the order in which the rows come; `rows` is how many there are, of which `index` may be a sample.
    """

    x: Any
    y: Any
    index: np.ndarray
    rows: int

    def sample(self, most: int, rng: np.random.Generator) -> Part:
        """Returns at most so many of the rows, drawn without order and then sorted."""
        if len(self.index) <= most:
            return self
        chosen = np.sort(rng.choice(len(self.index), most, replace=False))
        return dataclasses.replace(self, index=self.index[chosen])

    def first(self, most: int = 1) -> Part:
        """Returns the first rows."""
        return dataclasses.replace(self, index=self.index[:most])

    def width(self, which: str = "x") -> int:
        """Returns how many numbers one row of "x" or "y" has."""
        return sum(int(np.prod(array.shape[1:])) for _, array in self.first().arrays(which))

    def affordable(self, most: int) -> int:
        """Returns how many rows, at most so many, can be copied at little cost."""
        return max(16, min(most, _ELEMENTS // max(1, self.width())))

    def arrays(self, which: str) -> list[tuple[str, np.ndarray]]:
        """Returns name and rows of every array of "x" or "y"; strings and objects are left out."""
        found = []
        for name, leaf in leaves(which, self.x if which == "x" else self.y):
            array = take(leaf, self.index)
            if array is not None and array.dtype.kind in "fiub":
                found.append((name, array))
        return found

    def structure(self, which: str) -> Any:
        """Returns the rows in the structure in which they were given."""
        return _mapped(self.x if which == "x" else self.y, self.index)


def parts(arguments: dict[str, Any]) -> tuple[Part | None, Part | None]:
    """Returns training and validation part of a call of `fit`; None for what is not made of arrays.

    `validation_split` takes its rows from the end, before shuffling, as Keras does.
    """
    x, y = arguments.get("x"), arguments.get("y")
    rows = length(x)
    if rows is None:
        return None, _validation(arguments)
    split = arguments.get("validation_split") or 0.0
    given = _validation(arguments)
    if given is not None or not isinstance(split, (int, float)) or not 0 < split < 1:
        return Part(x, y, np.arange(rows), rows), given
    first = int(rows * (1.0 - split))
    return (
        Part(x, y, np.arange(first), first),
        Part(x, y, np.arange(first, rows), rows - first),
    )


def _validation(arguments: dict[str, Any]) -> Part | None:
    data = arguments.get("validation_data")
    if not isinstance(data, (tuple, list)) or len(data) < 2:
        return None
    rows = length(data[0])
    return Part(data[0], data[1], np.arange(rows), rows) if rows else None


def leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yields every array of a structure with its name: "x", "x[0]", "y[label]"."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(f"{name}[{key}]", item)
    elif isinstance(value, (tuple, list)) and value and not np.isscalar(value[0]) and not _numbers(value):
        for index, item in enumerate(value):
            yield from leaves(f"{name}[{index}]", item)
    elif value is not None:
        yield name, value


def _numbers(value: Any) -> bool:
    return isinstance(value[0], (int, float, bool))


def length(value: Any) -> int | None:
    """Returns the number of rows, None when this is no structure of arrays (a generator, a dataset)."""
    sizes = set()
    for _, leaf in leaves("", value):
        shape = getattr(leaf, "shape", None)
        if shape is None or (not hasattr(leaf, "dtype") and not hasattr(leaf, "iloc")):
            return None
        try:
            sizes.add(int(shape[0]))
        except (TypeError, IndexError, ValueError):
            return None
    return sizes.pop() if len(sizes) == 1 else None


def take(leaf: Any, index: np.ndarray) -> np.ndarray | None:
    """Returns rows as a NumPy array, None when they cannot be had cheaply."""
    if isinstance(leaf, np.ndarray):
        return np.asarray(leaf[index])
    if hasattr(leaf, "iloc"):
        return np.asarray(leaf.iloc[index])
    if hasattr(leaf, "detach"):
        leaf = leaf.detach().cpu()
    size = 1
    for n in getattr(leaf, "shape", ()):
        size *= int(n)
    return np.asarray(leaf)[index] if size <= _WHOLE else None


def _mapped(value: Any, index: np.ndarray) -> Any:
    if isinstance(value, dict):
        return {key: _mapped(item, index) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_mapped(item, index) for item in value)
    return take(value, index)
