"""Shapes and dtypes of batches: which argument changed, from what to what."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

_ARGUMENTS = ("x", "y", "sample_weight")

Signature = tuple[tuple[str, str, tuple[int, ...]], ...]
"""Name, dtype and shape of every array of a batch."""


@dataclasses.dataclass(frozen=True)
class Change:
    """A signature that was not seen before: which arguments differ from the nearest one that was."""

    first: bool
    differences: tuple[tuple[str, str, str], ...]  # argument, before, after
    count: int

    def facts(self) -> dict[str, Any]:
        """Returns it as plain data."""
        differences = [{"argument": a, "before": b, "after": c} for a, b, c in self.differences]
        return {"first": self.first, "differences": differences, "signatures": self.count}


class Signatures:
    """All signatures of one model's batches."""

    def __init__(self) -> None:
        self._seen: dict[Signature, None] = {}

    def see(self, batch: Any) -> Change | None:
        """Returns what is new about a batch, None when its signature is known."""
        found = signature(batch)
        if found in self._seen:
            return None
        nearest: list[tuple[str, str, str]] | None = None
        for known in self._seen:
            different = _differences(known, found)
            if nearest is None or len(different) <= len(nearest):
                nearest = different
        if len(self._seen) < 1000:
            self._seen[found] = None
        return Change(nearest is None, tuple(nearest or ()), len(self._seen))


def signature(batch: Any) -> Signature:
    """Returns name, dtype and shape of every array of a batch (x, y, sample_weight)."""
    found: list[tuple[str, str, tuple[int, ...]]] = []
    parts = batch if isinstance(batch, (tuple, list)) else (batch,)
    for index, part in enumerate(parts):
        _collect(_ARGUMENTS[index] if index < len(_ARGUMENTS) else f"part {index}", part, found)
    return tuple(found)


def _collect(name: str, value: Any, found: list[tuple[str, str, tuple[int, ...]]]) -> None:
    if value is None:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            _collect(f"{name}[{key!r}]", item, found)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _collect(f"{name}[{index}]", item, found)
    else:
        shape = getattr(value, "shape", ())
        dtype = getattr(value, "dtype", type(value).__name__)
        text = str(getattr(dtype, "name", None) or dtype).removeprefix("torch.")
        found.append((name, text, tuple(int(n or 0) for n in shape)))


def _differences(before: Signature, after: Signature) -> list[tuple[str, str, str]]:
    old = {name: _shown(dtype, shape) for name, dtype, shape in before}
    new = {name: _shown(dtype, shape) for name, dtype, shape in after}
    names = dict.fromkeys([*old, *new])
    return [
        (name, old.get(name, "absent"), new.get(name, "absent"))
        for name in names
        if old.get(name) != new.get(name)
    ]


def _shown(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype} ({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
