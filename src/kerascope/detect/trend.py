"""What the losses of single batches allow to say about the loss: did it fall, by how much at most, did it rise.

A batch's loss is noisy, and its noise is the batch's, not the training's. So nothing here compares two steps:
levels are medians of blocks of steps, each with an error that comes from the run itself.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

_BLOCKS = (16, 8, 4)
_CLEAR = 4.0  # standard errors; with a few scales per run about one false statement in ten thousand runs
_BUMP = 3.0
_Z95 = 1.645
_MEDIAN_ERROR = 1.2533  # error of a median over error of a mean, for normal noise


@dataclasses.dataclass(frozen=True)
class Trend:
    """The course of a loss. `error` is the standard error of one level, `noise` the spread of single steps.

    `fall` is the largest fall below the beginning that is clear of the noise (0 when none is), `most` the
    largest one that the data allow with 95 % confidence.
    """

    steps: int
    start: float
    end: float
    lowest: float
    noise: float
    error: float
    fall: float
    most: float
    levels: tuple[float, ...]

    def flat(self, share: float) -> bool:
        """Tells whether any fall is smaller than this share of the level at the beginning."""
        return self.start > 0 and self.most <= share * self.start

    def rose(self, share: float) -> bool:
        """Tells whether the loss ended above its beginning by more than this share of it, clear of the noise.

        The whole last quarter has to lie there, and the end must not be on its way back.
        """
        if not (self.start > 0 and self.levels):
            return False
        last = self.levels[-max(1, len(self.levels) // 4) :]
        margin = max(share * self.start, _CLEAR * self.error)
        return min(last) > self.start + margin and last[-1] >= 0.5 * max(self.levels)


def trend(losses: np.ndarray, least: int = 30) -> Trend | None:
    """Returns the course of the losses of single batches, None with fewer than `least` finite ones."""
    values = np.asarray(losses, np.float64)
    values = values[np.isfinite(values)]
    if len(values) < least:
        return None
    noise = _noise(values)
    best: Trend | None = None
    for blocks in _BLOCKS:
        candidate = _with_blocks(values, blocks, noise)
        if best is None or candidate.most < best.most:
            best = candidate
    return best


def _noise(values: np.ndarray) -> float:
    """Returns the spread of single steps, from differences of neighbours so that a trend does not count."""
    steps = np.diff(values)
    return float(1.4826 * np.median(np.abs(steps - np.median(steps))) / math.sqrt(2)) if len(steps) else 0.0


def _with_blocks(values: np.ndarray, blocks: int, noise: float) -> Trend:
    parts = np.array_split(values, min(blocks, len(values) // 5))
    levels = np.array([float(np.median(part)) for part in parts])
    # Neighbouring steps may err together (the same hard samples, a slow wander): then blocks scatter more than
    # their single steps say, and the larger of the two errors holds.
    single = _MEDIAN_ERROR * noise / math.sqrt(len(parts[0]))
    error = max(single, _scatter(levels))
    lowest = float(levels[1:].min())
    fall = _clear_fall(values, lowest, noise, error)
    most = max(fall, levels[0] - lowest, 0.0) + _Z95 * math.sqrt(2) * error
    return Trend(
        steps=len(values),
        start=float(levels[0]),
        end=float(levels[-1]),
        lowest=lowest,
        noise=noise,
        error=error,
        fall=fall,
        most=float(most),
        levels=tuple(float(v) for v in levels),
    )


def _scatter(levels: np.ndarray) -> float:
    """Returns how far levels stray from the straight line through them (Theil-Sen, so one odd block is no matter)."""
    x = np.arange(len(levels), dtype=np.float64)
    i, j = np.triu_indices(len(levels), 1)
    slope = np.median((levels[j] - levels[i]) / (x[j] - x[i]))
    rest = levels - slope * x
    return float(1.4826 * np.median(np.abs(rest - np.median(rest))))


def _clear_fall(values: np.ndarray, lowest: float, noise: float, error: float) -> float:
    """Returns the largest fall from the first 1, 3, 10, ... steps that is clear of the noise.

    Many healthy trainings are done with most of it within ten steps; blocks of hundreds would not see it.
    """
    largest = 0.0
    for half_powers in range(20):
        width = round(10 ** (half_powers / 2))
        if width > len(values) // 3:
            break
        early = float(np.median(values[:width]))
        if early > values[0] + _BUMP * noise:
            continue  # the loss rose first; coming back from that is no fall below the beginning
        sure = _CLEAR * math.hypot(_MEDIAN_ERROR * noise / math.sqrt(width), error)
        if early - lowest > sure:
            largest = max(largest, early - lowest)
    return largest
