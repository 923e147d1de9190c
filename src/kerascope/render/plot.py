"""Curves in characters: a sparkline of one row, or a plot of several.

A value that is not finite is drawn as a mark of its own, never left out. Every function takes `plain` for
terminals whose encoding has no block characters.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from kerascope.render.numbers import number

BLOCKS = " ▁▂▃▄▅▆▇█"
PLAIN_SPARK = " _.:-=+*#"
PLAIN_BLOCKS = " .:#"
MARK = "×"
PLAIN_MARK = "x"


def can_draw(encoding: str | None) -> bool:
    """Says whether text of this encoding can hold block characters; None means text that is never encoded."""
    if encoding is None:
        return True
    try:
        (BLOCKS + MARK).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def finite(values: Iterable[float]) -> list[float]:
    """Returns the finite ones of `values`."""
    return [value for value in map(number, values) if math.isfinite(value)]


def resample(values: Sequence[float], width: int) -> list[float]:
    """Returns `values` in at most `width` points, each the mean of its share of them.

    A share that holds a value that is not finite becomes NaN, so that one bad step in a million is still drawn.
    """
    points = [number(value) for value in values]
    count = len(points)
    if count <= width:
        return points
    edges = [index * count // width for index in range(width + 1)]
    return [_mean(points[start:end]) for start, end in itertools.pairwise(edges)]


def _mean(values: list[float]) -> float:
    if not all(map(math.isfinite, values)):
        return math.nan
    return math.fsum(value / len(values) for value in values)


def log_scale(values: Sequence[float]) -> list[float]:
    """Returns the decimal logarithms; what has none (zero, negative, not finite) becomes NaN."""
    points = map(number, values)
    return [math.log10(point) if 0 < point < math.inf else math.nan for point in points]


def wants_log(values: Sequence[float]) -> bool:
    """Says whether a curve spans so much that only its logarithm shows its shape: positive and over 1000 fold."""
    known = finite(values)
    return bool(known) and min(known) > 0 and max(known) / min(known) > 1000


def sparkline(
    values: Sequence[float], width: int | None = None, *, plain: bool = False, from_zero: bool = False
) -> str:
    """Returns one row of blocks from lowest to highest; a constant series is a flat row at half height.

    With `from_zero` a series without negative values is drawn from zero up: a small change looks small.
    """
    points = resample(values, width) if width is not None else [number(value) for value in values]
    ramp, mark = (PLAIN_SPARK, PLAIN_MARK) if plain else (BLOCKS, MARK)
    levels = _levels(points, len(ramp) - 1, from_zero)
    return "".join(mark if level is None else ramp[level] for level in levels)


def tall(values: Sequence[float], width: int, rows: int = 5, *, plain: bool = False) -> list[str]:
    """Returns `rows` lines of bars, highest first. A column of marks stands for a value that is not finite."""
    points = resample(values, width)
    ramp, mark = (PLAIN_BLOCKS, PLAIN_MARK) if plain else (BLOCKS, MARK)
    steps = len(ramp) - 1
    # A short series is stretched: three epochs should not be three columns.
    repeat = max(1, min(4, width // max(1, len(points))))
    levels = [level for level in _levels(points, rows * steps) for _ in range(repeat)]
    lines = []
    for row in reversed(range(rows)):
        cells = (mark if level is None else ramp[min(steps, max(0, level - row * steps))] for level in levels)
        lines.append("".join(cells))
    return lines


def _levels(points: Sequence[float], highest: int, from_zero: bool = False) -> list[int | None]:
    """Returns 1 to `highest` for each point, None where it is not finite."""
    known = finite(points)
    if not known:
        return [None] * len(points)
    low, high = min(known), max(known)
    if from_zero and low > 0:
        low = 0.0
    # Halved, because the distance between two floats may be larger than any float.
    reach = high / 2 - low / 2
    flat = (highest + 1) // 2

    def level(point: float) -> int | None:
        if not math.isfinite(point):
            return None
        return flat if reach == 0 else 1 + min(highest - 1, int((point / 2 - low / 2) / reach * highest))

    return [level(point) for point in points]
