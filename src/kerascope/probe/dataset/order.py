"""Labels that come in another order than their rows, features that know later targets, codes that mean two things.

All of it shows only in the order in which rows are given, before anything shuffles them, or between the two parts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascope.probe.dataset.learnable import _scores, _tables
from kerascope.probe.dataset.rows import Part

_LEAST, _MOST, _ROWS = 150, 200_000, 1500
_ABOVE, _BELOW = 0.5, 0.2
"""Shares of what there is to gain over chance: what simple methods reach in another order, and in the given one."""
_GROUPED, _MIXED = 3.0, 1.5
"""Ratios of variance between groups and within them: rows of one recording, and rows that were put together."""
_GROUPED_ROWS, _CHUNK, _GROUPED_ELEMENTS, _TIMES = 20_000, 500, 40_000_000, 64
_WINDOW, _SERIES, _COLUMNS, _WIDE = 20, 3000, 64, 1000
_EXACT, _FROM_THE_PAST, _PART = 1e-6, 1e-4, 0.02
_CODES, _EACH, _TELLS, _CERTAIN, _CODED_ROWS = 100, 8, 0.05, 8.0, 5000


def order_facts(train: Part, validation: Part | None, known: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Returns `turned`, `knows_later` and `codes` as far as they were found; see docs/recording.md.

    Args:
        train: all rows of the training part.
        validation: all rows of the validation part, None without one.
        known: what simple methods learn from the rows as they are given.
        rng: draws samples.
    """
    found: dict[str, Any] = {}
    if len(train.first().arrays("y")) != 1 or not train.width() or train.width("y") > _COLUMNS:
        return found
    if not _LEAST <= len(train.index) <= _MOST:
        return found
    labels = train.arrays("y")[0][1]
    if not _related(known) and (turned := _turned(train, validation, labels, rng)) is not None:
        found["turned"] = turned
    if train.width() > _WIDE:
        return found
    if (knows := _knows_later(train.first(_SERIES).arrays("x"), labels)) is not None:
        found["knows_later"] = knows
    if validation is not None and len(validation.first().arrays("y")) == 1:
        ours, theirs = train.sample(_CODED_ROWS, rng), validation.sample(_CODED_ROWS, rng)
        (_, own), (_, held) = ours.arrays("y")[0], theirs.arrays("y")[0]
        found["codes"] = list(_codes(ours.arrays("x"), own, theirs.arrays("x"), held))
    return found


# -- the order of labels ---------------------------------------------------------------------------------------------


def _turned(
    train: Part, held: Part | None, labels: np.ndarray, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Returns in which other order the labels would go with their rows; None where they go with them, or in none."""
    if labels.ndim > 2:
        return None
    sample = train.sample(train.affordable(_ROWS), rng)
    if (grouped := _in_groups(train, held)) is not None:
        return grouped
    rows = np.searchsorted(train.index, sample.index)
    table, _ = _tables([array for _, array in sample.arrays("x")], None, rng)
    own = _gain(table, labels[rows])
    if own > _BELOW:
        return None
    after = held.arrays("y")[0][1] if held is not None and held.arrays("y") else labels[:0]
    whole = np.concatenate([labels, after]) if after.shape[1:] == labels.shape[1:] else labels
    best, name = 0.0, ""
    for what, order in _orders(len(labels), len(whole)):
        gain = _gain(table, whole[order[rows]])
        if gain > best:
            best, name = gain, what
    return {"order": name, "gain": best, "own": own} if best > _ABOVE else None


def _related(known: Any) -> bool:
    """Tells whether simple methods find the labels of some rows in those of others, in the order as it is given."""
    facts = known[0] if isinstance(known, list) and len(known) == 1 else {}
    chance = float(facts.get("chance") or 0.0)
    best = max(float(facts.get(name) or 0.0) for name in ("neighbours", "linear"))
    return best - chance > _BELOW * (1 - chance)


def _gain(table: np.ndarray, labels: np.ndarray) -> float:
    scores = _scores(table, labels, None, None, np.random.default_rng(0))
    chance = float(scores["chance"])
    return (max(float(scores["neighbours"]), float(scores["linear"])) - chance) / max(1e-9, 1 - chance)


def _orders(rows: int, whole: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yields (name, for each row the place of its label) of orders that slip in."""
    for by in (1, -1, 2, -2):
        yield f"shifted by {by}", (np.arange(rows) + by) % rows
    yield "reversed", np.arange(rows)[::-1]
    for count in {rows, whole}:
        for first in (0, 1):
            text = np.array(sorted(range(count), key=lambda number: str(number + first)))
            yield "sorted as text", text[:rows]


def _in_groups(train: Part, held: Part | None) -> dict[str, Any] | None:
    """Rows come in blocks (the pieces of one recording), and their labels go round; or the reverse."""
    if held is not None and held.x is train.x and held.y is train.y:  # parted by `fit`, and made together
        train = Part(train.x, train.y, np.concatenate([train.index, held.index]), train.rows + held.rows)
    if len(train.index) > _GROUPED_ROWS or len(np.unique(train.arrays("y")[0][1])) < 2:
        return None
    flat = train.arrays("y")[0][1].reshape(len(train.index), -1)
    around, blocks = _period(flat), _block(flat)
    count = len(flat) // around if around else blocks
    if not 2 <= count <= _TIMES or len(flat) // count < 10:
        return None
    if len(flat) * train.width() > _GROUPED_ELEMENTS:
        return None
    pieces = [
        dataclasses.replace(train, index=train.index[at : at + _CHUNK]) for at in range(0, len(flat), _CHUNK)
    ]
    looks = np.concatenate([_looks([array for _, array in piece.arrays("x")]) for piece in pieces])
    numbers = np.arange(len(flat))
    together, apart = numbers // count, numbers % (len(flat) // count)
    if not around:
        together, apart = apart, together
    if _ratio(looks, together) > _GROUPED and _ratio(looks, apart) < _MIXED:
        return {"order": "repeated one by one" if around else "repeated as a whole", "times": int(count)}
    return None


def _period(flat: np.ndarray) -> int:
    """Returns after how many rows the labels begin again, to the last one of them; 0 where they do not."""
    rows = len(flat)
    for times in range(2, _TIMES + 1):
        part = rows // times
        if rows % times == 0 and part >= 10 and np.array_equal(flat[:-part], flat[part:]):
            return _shortest(flat, part)
    return 0


def _shortest(flat: np.ndarray, period: int) -> int:
    for part in range(10, period // 2 + 1):
        if period % part == 0 and np.array_equal(flat[:-part], flat[part:]):
            return part
    return period


def _block(flat: np.ndarray) -> int:
    """Returns of how many equal labels in a row all consist, 0 where they do not."""
    changes = np.flatnonzero((flat[1:] != flat[:-1]).any(1)) + 1
    if len(changes) < 10:
        return 0
    size = int(np.gcd.reduce(np.append(changes, len(flat))))
    return size if 2 <= size <= _TIMES else 0


def _looks(arrays: list[np.ndarray]) -> np.ndarray:
    """Returns a few figures of each row that pieces of one recording share."""
    found = []
    for array in arrays:
        values = array.reshape(len(array), -1).astype(np.float64)
        found += [values.mean(1), values.std(1)]
        if values.shape[1] > 1:
            found.append(np.abs(np.diff(values, axis=1)).mean(1))
    looks: np.ndarray = np.nan_to_num(np.stack(found, axis=1))
    return looks


def _ratio(looks: np.ndarray, groups: np.ndarray) -> float:
    """Returns the largest ratio of variance between groups to that within them, over the figures; 1 by chance."""
    _, number, size = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(number, column) for column in looks.T], axis=1)
    between = (size[:, None] * (sums / size[:, None] - looks.mean(0)) ** 2).sum(0) / max(1, len(size) - 1)
    within = ((looks - (sums / size[:, None])[number]) ** 2).sum(0) / max(1, len(looks) - len(size))
    ratios = between[within > 1e-12] / within[within > 1e-12]
    return float(ratios.max(initial=0.0))


# -- features made of later targets ----------------------------------------------------------------------------------


def _knows_later(inputs: list[tuple[str, np.ndarray]], labels: np.ndarray) -> dict[str, Any] | None:
    """Returns an input column that is a weighted sum of the targets around its row, its own and later ones among them.

    Not where the past alone gives the column as exactly: of a series without chance all is known at any time.
    """
    series = labels.reshape(len(labels), -1)
    if labels.dtype.kind != "f" or series.shape[1] != 1 or len(np.unique(series[:500])) < 100:
        return None
    series = series[:_SERIES].astype(np.float64)
    middle = len(series) - 2 * _WINDOW
    if middle < 4 * _WINDOW:
        return None
    around = np.concatenate([series[lag : lag + middle] for lag in range(2 * _WINDOW + 1)], axis=1)
    around -= around.mean(0)
    for name, array in inputs:
        if array.dtype.kind != "f" or array.ndim != 2 or array.shape[1] > _COLUMNS:
            continue
        columns = array[: len(series)][_WINDOW : _WINDOW + middle].astype(np.float64)
        columns -= columns.mean(0)
        spread = columns.std(0)
        weights = np.linalg.lstsq(around, columns, rcond=None)[0]
        past = np.linalg.lstsq(around[:, :_WINDOW], columns, rcond=None)[0]
        for column in np.flatnonzero(spread > 1e-9):
            share = np.abs(weights[:, column]) * series.std() / spread[column]
            rest = (columns - around @ weights)[:, column].var() / spread[column] ** 2
            before = (columns - around[:, :_WINDOW] @ past)[:, column].var() / spread[column] ** 2
            later = share[_WINDOW + 1 :]
            if rest < _EXACT and before > _FROM_THE_PAST and share[_WINDOW] > _PART and later.max() > _PART:
                return {"input": name, "column": int(column), "later": int((later > _PART).sum())}
    return None


# -- codes that mean two things --------------------------------------------------------------------------------------


def _codes(
    inputs: list[tuple[str, np.ndarray]],
    labels: np.ndarray,
    others: list[tuple[str, np.ndarray]],
    answers: np.ndarray,
) -> Iterator[dict[str, Any]]:
    """Yields columns of codes that tell about the targets in both parts, and something else in each."""
    if len(inputs) != len(others) or labels.reshape(len(labels), -1).shape[1] != 1:
        return
    own, held = labels.reshape(-1).astype(np.float64), answers.reshape(-1).astype(np.float64)
    for (name, array), (_, other) in zip(inputs, others, strict=True):
        if array.ndim > 2 or array.shape[1:] != other.shape[1:] or array[:1].size > _COLUMNS:
            continue
        one, two = (a.reshape(len(a), -1).astype(np.float64) for a in (array, other))
        for column in range(one.shape[1]):
            a, b = one[:, column], two[:, column]
            if len(np.unique(a[:200])) > _CODES or (a != np.round(a)).any() or (b != np.round(b)).any():
                continue
            known = [c for c in np.unique(a) if (a == c).sum() >= _EACH and (b == c).sum() >= _EACH]
            if not 3 <= len(known) <= _CODES:
                continue
            shares = [_share(a, own, known), _share(b, held, known)]
            if min(shares) < _TELLS or min(map(_certain, shares, (a, b), (known, known))) < _CERTAIN:
                continue
            first = np.array([own[a == code].mean() for code in known])
            second = np.array([held[b == code].mean() for code in known])
            agree = float(np.corrcoef(np.stack([first, second]))[0, 1])
            yield {"input": name, "column": column, "codes": len(known), "shares": shares, "agree": agree}


def _share(codes: np.ndarray, values: np.ndarray, known: list[float]) -> float:
    """Returns the share of the targets' variance that lies between the codes."""
    rows = np.isin(codes, known)
    whole = float(((values[rows] - values[rows].mean()) ** 2).sum())
    inside = sum(float(((v := values[codes == c]) - v.mean()) @ (v - v.mean())) for c in known)
    return 1 - inside / whole if whole > 0 else 0.0


def _certain(share: float, codes: np.ndarray, known: list[float]) -> float:
    """Returns how many times more lies between the codes than chance would put there."""
    rows = int(np.isin(codes, known).sum())
    return share / (len(known) - 1) / max(1e-12, (1 - share) / max(1, rows - len(known)))
