"""Turn figures into the blobs of a recording and back: little-endian, nothing but the numbers.

The packing side takes whatever the probe has; the unpacking side takes nothing on trust, because a recording
may come from anywhere: a blob of the wrong length or a name that is no text is an error, never a wrong array.
"""

from __future__ import annotations

import functools
import json
import struct
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kerascope.record.cells import Damage
from kerascope.values import STATS_FIELDS, encode

STEP_FIELDS = ("at", "seconds", "busy", "learning_rate", "batch_size")
"""What precedes the logs in the blob of a step."""

LARGEST_TABLE = 4 << 30
"""Bytes that one table may take in memory. A file made to harm could ask for any amount."""


@functools.cache
def _doubles(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}d")


def pack_step(values: Sequence[float]) -> bytes:
    """Returns the blob of a step: `STEP_FIELDS`, then the logs."""
    return _doubles(len(values)).pack(*values)


def pack_figures(figures: Any) -> bytes:
    """Returns the blob of a check or a sample: every figure as float32, in order."""
    # A figure beyond float32 becomes infinity, which is what it would be to every reader; no warning is due.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(figures, dtype="<f4").tobytes()


def all_finite(stats: np.ndarray) -> bool:
    """Returns whether no tensor held a NaN or infinity. A row of NaN (no tensor at all) counts as finite."""
    shares = np.asarray(stats, dtype=np.float32).reshape(-1, len(STATS_FIELDS))[
        :, STATS_FIELDS.index("finite")
    ]
    return not bool(np.any(shares < 1))


def to_text(facts: Any) -> str:
    """Returns `facts` as JSON. NumPy values become numbers and lists, other objects their class."""
    return json.dumps(encode(facts), allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return encode(value.tolist())
    if isinstance(value, (set, frozenset)):
        return encode(sorted(value, key=repr))
    # Not repr(value): it may be long, private, or make a device finish its work.
    return f"<{type(value).__name__}>"


def clean_text(text: Any) -> str:
    """Returns `text` as text that SQLite can hold: half surrogate pairs are replaced."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the names, a repeated one as "name#2", "name#3": two variables may share one path."""
    taken: set[str] = set()
    result = []
    for name in names:
        unique, count = name, 1
        while unique in taken:
            count += 1
            unique = f"{name}#{count}"
        taken.add(unique)
        result.append(unique)
    return tuple(result)


def union(layouts: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Returns every name of the layouts once, in order of first appearance."""
    return tuple(dict.fromkeys(name for names in layouts for name in names))


def integers(values: Sequence[Any]) -> np.ndarray:
    """Returns a column as int64; raises `Damage` when a cell is something else."""
    if not all(type(value) is int for value in values):
        raise Damage("a column of whole numbers holds something else")
    return np.array(values, dtype=np.int64)


def unpack(blobs: Sequence[Any], kind: str, width: int) -> np.ndarray:
    """Returns blobs of `width` numbers each as one native array (n, width); `kind` is "<f4" or "<f8"."""
    size = np.dtype(kind).itemsize * width
    for blob in blobs:
        if type(blob) is not bytes or len(blob) != size:
            length = len(blob) if isinstance(blob, (bytes, str)) else type(blob).__name__
            raise Damage(f"a row should hold {size} bytes and holds {length}")
    flat = np.frombuffer(b"".join(blobs), dtype=kind).reshape(len(blobs), width)
    return flat.astype(np.dtype(kind).newbyteorder("="), copy=False)


def spread(
    groups: Iterable[tuple[np.ndarray, Sequence[str], np.ndarray]], rows: int, names: Sequence[str]
) -> np.ndarray:
    """Returns one array (rows, names, ...) from groups of (row numbers, names, figures); NaN where absent.

    The figures of all groups have one dtype and the same shape after the second axis.
    """
    parts = list(groups)
    tail = parts[0][2].shape[2:] if parts else ()
    dtype = parts[0][2].dtype if parts else np.dtype(np.float32)
    need = rows * len(names) * int(np.prod(tail, dtype=np.int64)) * dtype.itemsize
    if need > LARGEST_TABLE:
        raise Damage(f"one table would take {need} bytes of memory")
    if len(parts) == 1 and tuple(parts[0][1]) == tuple(names):
        return parts[0][2]
    table = np.full((rows, len(names), *tail), np.nan, dtype)
    column = {name: index for index, name in enumerate(names)}
    for row_numbers, own, figures in parts:
        table[np.ix_(row_numbers, np.array([column[name] for name in own], dtype=np.int64))] = figures
    return table


def undo_running_mean(means: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the values of which `means` is the running mean, each value counting with its weight.

    NaN before a number is a mean that was not logged: the next number then stands for all values since the
    last one. NaN after the last number stays. Weights that are unknown are taken to be those of the others.
    """
    result = np.full(len(means), np.nan)
    usable = np.isfinite(weights) & (weights > 0)
    typical = float(np.median(weights[usable])) if usable.any() else 1.0
    sums = np.cumsum(np.where(usable, weights, typical))
    known = np.flatnonzero(~np.isnan(means))
    # infinity minus infinity: after the first infinite mean the values are unknown, and NaN says so
    with np.errstate(invalid="ignore", over="ignore"):
        totals = sums[known] * means[known]
        result[known] = np.diff(totals, prepend=0.0) / np.diff(sums[known], prepend=0.0)
    return result
