"""What goes in: dtype, shape, range, feature scales and class counts of a batch, on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerascope._backends.base import Backend

_ELEMENTS = 2_000_000
_FEATURES = 256
_CLASSES = 200
_GATHERED = 1500
_GATHERED_BYTES = 128 * 1024 * 1024


def batch_facts(backend: Backend, batch: Any) -> dict[str, Any]:
    """Returns what docs/recording.md says of `batches.facts`, for one batch (x, y, sample_weight)."""
    return {"arrays": [_array_facts(name, backend, array) for name, array in named_arrays(batch)]}


def named_arrays(batch: Any) -> Iterator[tuple[str, Any]]:
    """Yields every array of a batch with its name: "x", "x[0]", "y[label]", "sample_weight"."""
    parts = batch if isinstance(batch, (tuple, list)) else (batch,)
    for name, part in zip(("x", "y", "sample_weight"), parts, strict=False):
        yield from _leaves(name, part)


def _leaves(name: str, part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        for key, item in part.items():
            yield from _leaves(f"{name}[{key}]", item)
    elif isinstance(part, (tuple, list)):
        for index, item in enumerate(part):
            yield from _leaves(f"{name}[{index}]", item)
    elif part is not None and hasattr(part, "shape") and hasattr(part, "dtype"):
        yield name, part


def first_array(batch: Any) -> Any:
    """Returns the first array of a batch, None when there is none."""
    first: Any = batch
    if isinstance(batch, tuple) and batch:
        first = next(iter(batch))
    if hasattr(first, "shape") and not isinstance(first, (dict, list, tuple)):
        return first  # the usual case, without the walk
    return next((array for _, array in named_arrays(batch)), None)


def batch_size(first: Any) -> int:
    """Returns the number of samples, given a batch's first array; 0 when nothing says so."""
    shape: Any = getattr(first, "shape", ())
    return int(shape[0] or 0) if len(shape) else 0


def _array_facts(name: str, backend: Backend, device_array: Any) -> dict[str, Any]:
    array = np.asarray(backend.host(device_array))
    facts: dict[str, Any] = {"name": name, "dtype": str(array.dtype), "shape": list(array.shape)}
    if array.size > _ELEMENTS and array.ndim:
        stride = -(-array.size // _ELEMENTS)
        facts["rows_seen"] = f"1 of {stride}"
        array = array[::stride]
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        return facts
    facts |= _range(array)
    facts["features"] = _features(array) if name.startswith("x") else None
    facts["classes"] = _classes(array) if name.startswith("y") else None
    return facts


def _range(array: np.ndarray) -> dict[str, Any]:
    if not array.size:
        return {"min": None, "max": None, "mean": None, "std": None, "zeros": None, "finite": 1.0}
    values = array.astype(np.float64, copy=False)
    good = np.isfinite(values)
    share = float(good.mean())
    kept = values if share == 1.0 else values[good]
    if not kept.size:
        return {"min": None, "max": None, "mean": None, "std": None, "zeros": 0.0, "finite": share}
    return {
        "min": float(kept.min()),
        "max": float(kept.max()),
        "mean": float(kept.mean()),
        "std": float(kept.std()),
        "zeros": float((kept == 0).mean()),
        "finite": share,
    }


def _features(array: np.ndarray) -> dict[str, list[float]] | None:
    """Mean and standard deviation per feature, for tables and sequences of up to 256 features."""
    if (
        array.dtype.kind != "f"
        or array.ndim not in (2, 3)
        or not 1 < array.shape[-1] <= _FEATURES
        or not array.size
    ):
        return None
    rows = array.reshape(-1, array.shape[-1]).astype(np.float64)
    return {"mean": [float(v) for v in rows.mean(0)], "std": [float(v) for v in rows.std(0)]}


def _classes(array: np.ndarray) -> dict[str, int] | None:
    """Class counts of whole-number labels or of one-hot rows."""
    if array.ndim == 2 and array.shape[1] > 1:
        one_hot = ((array == 0) | (array == 1)).all() and (array.sum(1) == 1).all()
        if not one_hot or array.shape[1] > _CLASSES:
            return None
        return {str(i): int(n) for i, n in enumerate(array.sum(0))}
    if array.ndim > 2 or not array.size:
        return None
    if array.dtype.kind == "f" and not (np.isfinite(array).all() and (array == np.round(array)).all()):
        return None
    values, counts = np.unique(array, return_counts=True)
    if len(values) > min(_CLASSES, max(2, array.size // 2)):
        return None
    return {str(int(v)): int(n) for v, n in zip(values, counts, strict=True)}


class BufferGuard:
    """Notices a data source that writes every batch into the same memory, and copies its batches from then on.

    A reference to such a batch would show the newest data instead. The address alone proves nothing (a source
    may yield one and the same batch again and again): the content must have changed under the same address.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._address: int | None = None
        self._content: Any = None
        self._copy: Any = None
        self.reused = False
        self.gathered: Gathered | None = None

    def hold(self, data: Any, first: Any, note: Callable[[str, str], None]) -> Any:
        """Returns `data` as it can be held, like `keep`; tells `note` when its memory turns out to be reused."""
        if first is None:
            return data
        held = self._hold(data, first, note)
        if self.gathered is not None:
            self.gathered.add(held, batch_size(first))
        return held

    def _hold(self, data: Any, first: Any, note: Callable[[str, str], None]) -> Any:
        known = self.reused
        held = self.keep(data, first)
        if self.reused and not known:
            note(
                "the data source writes every batch into the same memory",
                "Keras may read a batch while the next one is being written into it; yield copies instead",
            )
        return held

    def keep(self, data: Any, first: Any) -> Any:
        """Returns `data`, or a copy of it when its memory is reused; `first` is its first array."""
        if self.reused:
            return self._backend.copy_data(data)
        address = self._backend.address(first)
        if address is None or address != self._address:
            self._address, self._content, self._copy = address, None, None
            return data
        # Either the same batch again or a reused buffer. A copy is right in both cases.
        content = np.asarray(self._backend.host(first)).ravel()[:: max(1, _size(first) // 64)][:64].tobytes()
        if self._content is None:
            self._content, self._copy = content, self._backend.copy_data(data)
        elif content != self._content:
            self.reused = True
            return self._backend.copy_data(data)
        return self._copy


class Gathered:
    """Keeps the first rows of the first epoch of a training that is not given whole arrays."""

    def __init__(self) -> None:
        self.rows = 0
        self.distinct = 1.0  # share of the kept rows whose inputs no earlier one had
        self._batches: list[Any] = []
        self._kept = self._bytes = self._epochs = 0

    def epoch(self) -> None:
        """An epoch begins."""
        self._epochs += 1

    def add(self, data: Any, rows: int) -> None:
        """Keeps a batch as long as there is room."""
        if self._epochs > 1:
            return
        self.rows += rows
        if self._kept < _GATHERED and self._bytes < _GATHERED_BYTES:
            self._batches.append(data)
            self._kept += rows
            self._bytes += 8 * sum(_size(array) for _, array in named_arrays(data))  # at most

    def arrays(self, backend: Backend) -> dict[str, Any]:
        """Returns inputs and labels as arguments of `fit`, rows that came twice once; empty without arrays."""
        parts: dict[str, list[np.ndarray]] = {}
        for data in self._batches:
            for name, array in named_arrays(backend.batch(data)):
                parts.setdefault(name, []).append(np.asarray(backend.host(array)))
        whole = {
            name: np.concatenate(arrays) for name, arrays in parts.items() if not name.startswith("sample")
        }
        if not whole or len({len(array) for array in whole.values()}) != 1:
            return {}
        keys: dict[bytes, int] = {}
        inputs = [array for name, array in whole.items() if name.startswith("x")]
        for row in range(len(next(iter(whole.values())))):
            keys.setdefault(b"".join(array[row].tobytes() for array in inputs), row)
        chosen = np.array(sorted(keys.values()))
        self.distinct = len(chosen) / len(next(iter(whole.values())))
        found = {name: array[chosen] for name, array in whole.items()}
        return {
            which: _nested(which, found) for which in ("x", "y") if any(n.startswith(which) for n in found)
        }


def _nested(which: str, arrays: dict[str, np.ndarray]) -> Any:
    """Returns "x", "x[0]", "x[1]" or "x[left]" in the structure that the names stand for."""
    own = {name[len(which) :]: array for name, array in arrays.items() if name.startswith(which)}
    if "" in own:
        return own[""]
    keys = [name[1:].partition("]") for name in own]
    if any(rest for _, _, rest in keys):
        raise ValueError("deeper structures are not put together again")
    if all(key.isdigit() for key, _, _ in keys):
        return list(own.values())
    return {key: array for (key, _, _), array in zip(keys, own.values(), strict=True)}


def _size(array: Any) -> int:
    size = 1
    for n in array.shape:
        size *= int(n)
    return size
