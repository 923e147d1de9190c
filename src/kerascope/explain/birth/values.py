"""Puts operands into words: what they are at the places that count, and which rows of the batch those are."""

from __future__ import annotations

import dataclasses

import numpy as np

from kerascope.explain.birth.listening import Birth

MOST_ROWS = 8


@dataclasses.dataclass(frozen=True)
class Blame:
    """What of a birth is to blame: an operand, in words, its values at the bad places, and the rows of the batch."""

    operand: str
    text: str
    low: float
    high: float
    rows: tuple[int, ...]
    count: int
    whole: bool

    @property
    def exact_zero(self) -> bool:
        """Tells whether the operand is exactly 0 wherever it is to blame."""
        return self.low == 0.0 == self.high


def bad_places(birth: Birth) -> np.ndarray | None:
    """Returns the mask of what is not finite: of the result, or of an operand's gradient."""
    if birth.direction == "backward":
        return birth.bad
    return None if birth.result is None else ~np.isfinite(birth.result)


def blame(birth: Birth, batch: int) -> Blame | None:
    """Returns the operand that is to blame and what it is there; None when no operand has values."""
    mask = bad_places(birth)
    if mask is None:
        return None
    candidates = []
    for index, (site, array) in enumerate(birth.operands):
        if array is None or array.dtype.kind == "b" or not array.size:
            continue
        at = _at(array, mask)
        values = array[at].astype(np.float64)
        if values.size:
            candidates.append(
                (_suspicion(birth, index, values, array), index, site.source, array, at, values)
            )
    if not candidates:
        return None
    _, _, source, array, at, values = max(candidates, key=lambda one: (one[0], one[1]))
    rows = _rows(mask, at, array, batch)
    low, high = float(values.min()), float(values.max())
    return Blame(
        source,
        _words(low, high, rows, batch),
        low,
        high,
        rows[:MOST_ROWS],
        len(rows),
        values.size == array.size,
    )


def _at(array: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns where in an operand the bad places of the result come from; everywhere when shapes do not tell."""
    everywhere = np.ones(array.shape, bool)
    if array.shape == mask.shape:
        return mask
    if array.ndim <= mask.ndim and mask.size:
        try:
            np.broadcast_shapes(array.shape, mask.shape)
        except ValueError:
            pass
        else:
            if np.broadcast_shapes(array.shape, mask.shape) == mask.shape:
                padded = (1,) * (mask.ndim - array.ndim) + array.shape
                axes = tuple(
                    i for i, (a, m) in enumerate(zip(padded, mask.shape, strict=True)) if a == 1 and m != 1
                )
                return np.asarray(mask.any(axis=axes, keepdims=True)).reshape(array.shape)
    if array.ndim > mask.ndim and array.shape[: mask.ndim] == mask.shape:  # a reduction of the last axes
        return np.broadcast_to(mask.reshape(mask.shape + (1,) * (array.ndim - mask.ndim)), array.shape)
    return everywhere


def _suspicion(birth: Birth, index: int, values: np.ndarray, array: np.ndarray) -> int:
    """Returns how likely an operand is to be the one: exact zeros, then negatives, then large values."""
    if birth.direction == "backward" and index == birth.at:
        return 4
    name = birth.site.name.lower()
    divides = name in ("div", "divide", "true_divide", "floordiv", "mod", "reciprocal")
    if (values == 0).all():
        return 3 if not divides or index == len(birth.operands) - 1 else 1
    if (values < 0).all() and not divides:
        return 2
    return 2 if float(np.abs(values).max()) > 80 and not divides else 0


def _rows(mask: np.ndarray, at: np.ndarray, array: np.ndarray, batch: int) -> tuple[int, ...]:
    """Returns the rows of the batch to blame: along the first axis where it has the size of the batch."""
    for places in (mask, at):
        if places.ndim and batch > 1 and places.shape[0] == batch and not places.all():
            return tuple(int(i) for i in np.unique(np.nonzero(places)[0]))
    for places in (mask, at):
        if places.ndim and places.shape[0] == batch:
            return tuple(int(i) for i in np.unique(np.nonzero(places)[0]))
    return ()


def _words(low: float, high: float, rows: tuple[int, ...], batch: int) -> str:
    if low == high:
        what = f"is exactly {low:g}"
    elif f"{low:.3g}" == f"{high:.3g}":
        what = f"is {low:.9g} to {high:.9g}"
    elif high < 0:
        what = f"is negative ({low:.3g} to {high:.3g})"
    else:
        what = f"is {low:.3g} to {high:.3g}"
    return what + in_rows(rows, batch)


def in_rows(rows: tuple[int, ...], batch: int) -> str:
    """Returns " in rows 3, 17 (2 of 32)", "" when no rows are known."""
    if not rows:
        return ""
    if len(rows) == batch:
        return " in every row"
    shown = ", ".join(map(str, rows[:MOST_ROWS])) + (", ..." if len(rows) > MOST_ROWS else "")
    return f" in row{'s' * (len(rows) != 1)} {shown} ({len(rows)} of {batch})"
