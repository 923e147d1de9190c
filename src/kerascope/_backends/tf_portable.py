"""TensorFlow: a snapshot of a training as named arrays, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kerascope._backends import portable
from kerascope._backends.tf_state import Entry, Snapshot

_UNMADE = "unmade:"


def pack(entries: Sequence[Entry], snapshot: Snapshot) -> tuple[portable.Arrays, dict[str, Any]]:
    """Returns a snapshot as named arrays; `entries` are what the model's state consists of now."""
    names: dict[int, str] = {}
    for name, entry in zip(portable.leaf_names([e.leaf for e in entries]), entries, strict=True):
        names |= {id(copy): name if not i else f"{name}@{i}" for i, copy in enumerate(entry.copies)}
    values = [
        (names.get(id(variable), f"state:{variable.name}"), value.numpy())
        for variable, value in zip(snapshot.variables, snapshot.values, strict=True)
    ]
    values += [(f"{_UNMADE}{path}", value.numpy()) for path, value in snapshot.unmade.items()]
    return portable.host_only(values), {}


def unpack(entries: Sequence[Entry], arrays: portable.Arrays) -> Snapshot:
    """Returns the snapshot for a model that has all its variables.

    What had not been made yet when the snapshot was taken is left out: `ModelState.load` begins it anew.
    """
    unmade = {n.removeprefix(_UNMADE): a for n, a in arrays.items() if n.startswith(_UNMADE)}
    saved = {name: array for name, array in arrays.items() if not name.startswith(_UNMADE)}
    names, copies = [], []
    for name, entry in zip(portable.leaf_names([e.leaf for e in entries]), entries, strict=True):
        names += [name if not i else f"{name}@{i}" for i in range(len(entry.copies))]
        copies += list(entry.copies)
    found = portable.matched(saved, names, [tuple(copy.shape) for copy in copies])
    pairs = [(copy, saved[name]) for copy, name in zip(copies, found, strict=True) if name]
    for own, name in zip(names, found, strict=True):
        if not name and own.startswith("weight:"):
            raise portable.misfit(f"nothing was recorded of `{own}`")
    values = tuple(tf.constant(portable.plain(array), dtype=copy.dtype) for copy, array in pairs)
    return Snapshot(
        tuple(copy for copy, _ in pairs), values, {path: tf.constant(a) for path, a in unmade.items()}
    )


def pack_leaf(leaf: Any) -> tuple[str, Any]:
    """Returns how a leaf of a batch is made again, and its array."""
    if isinstance(leaf, tf.experimental.Optional):
        return "absent", None
    if isinstance(leaf, tf.Tensor):
        if leaf.dtype == tf.string:
            raise portable.Unportable("A batch holds strings, which cannot be kept.")
        return "device", leaf.numpy()
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind not in "OSUMm":
        return "numpy", leaf
    raise portable.Unportable(f"A batch holds a `{type(leaf).__name__}`, which cannot be kept.")


def unpack_leaf(how: str, value: Any) -> Any:
    """Returns the leaf again."""
    if how == "absent":
        return tf.experimental.Optional.empty(None)
    return value if how == "numpy" else tf.constant(value)
