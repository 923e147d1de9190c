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
_Z95 = 1.8  # of a t distribution: the spread itself comes from about 16 blocks
_MEDIAN_ERROR = 1.2533  # error of a median over error of a mean, for normal noise


@dataclasses.dataclass(frozen=True)
class Trend:
    """The course of a loss. `noise` is the spread of single steps, `error` the standard error of one level.

    `local` is that error judged by neighbouring levels only, so that a bend in the course does not count.

    `fall` is the largest fall below the beginning that is clear of the noise (0 when none is), `most` the
    largest one that the data allow with 95 % confidence.
    """

    steps: int
    start: float
    end: float
    lowest: float
    noise: float
    error: float
    local: float
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
        # Not `error`: a loss that grows ever faster strays far from a straight line without being noisy.
        margin = max(share * self.start, _CLEAR * math.sqrt(2) * self.local)
        return min(last) > self.start + margin and last[-1] >= 0.5 * max(self.levels)


def trend(losses: np.ndarray, least: int = 30) -> Trend | None:
    """Returns the course of the losses of single batches, None with fewer than `least` finite ones."""
    values = np.asarray(losses, np.float64)
    values = values[np.isfinite(values)]
    if len(values) < max(least, 20):
        return None
    noise = _noise(values)
    # Neighbouring steps may err together (the same hard samples, a slow wander). Then blocks scatter more than
    # their single steps say, and the larger of the two errors holds.
    local = max(_MEDIAN_ERROR * noise, _local_spread(values, _BLOCKS[0]))
    spread = max(local, *(_spread(values, blocks) for blocks in _BLOCKS[:2]))
    candidates = [_with_blocks(values, blocks, noise, local, spread) for blocks in _BLOCKS]
    return min(candidates, key=lambda candidate: candidate.most)


def _noise(values: np.ndarray) -> float:
    """Returns the spread of single steps, from differences of neighbours so that a trend does not count."""
    steps = np.diff(values)
    return float(1.4826 * np.median(np.abs(steps - np.median(steps))) / math.sqrt(2))


def _levels(values: np.ndarray, blocks: int) -> np.ndarray:
    return np.array([np.median(part) for part in np.array_split(values, min(blocks, len(values) // 5))])


def _spread(values: np.ndarray, blocks: int) -> float:
    """Returns the spread of single steps that would explain how far the levels stray from a straight line.

    The line is Theil and Sen's, so that one odd block does not bend it.
    """
    levels = _levels(values, blocks)
    x = np.arange(len(levels), dtype=np.float64)
    i, j = np.triu_indices(len(levels), 1)
    rest = levels - np.median((levels[j] - levels[i]) / (x[j] - x[i])) * x
    rest -= np.median(rest)
    return float(math.sqrt(np.sum(rest**2) / (len(levels) - 2)) * math.sqrt(len(values) / len(levels)))


def _local_spread(values: np.ndarray, blocks: int) -> float:
    """Returns the same from second differences of levels: a course that bends, as falling losses do, adds little."""
    bends = np.diff(_levels(values, blocks), 2)
    scatter = 1.4826 * float(np.median(np.abs(bends))) / math.sqrt(6)
    return scatter * math.sqrt(len(values) / (len(bends) + 2))


def _with_blocks(values: np.ndarray, blocks: int, noise: float, local: float, spread: float) -> Trend:
    levels = _levels(values, blocks)
    error = spread * math.sqrt(len(levels) / len(values))
    lowest = float(levels[1:].min())
    fall = _clear_fall(values, lowest, local, local * math.sqrt(len(levels) / len(values)))
    # A block of a quarter of the run would hide a fall at its beginning: look at the first twentieth, too.
    width = max(10, len(values) // 20)
    early = float(np.median(values[:width])) - lowest
    if values[0] + _BUMP * noise < float(np.median(values[:width])):
        early = 0.0
    most = max(
        fall,
        max(float(levels[0]) - lowest, 0.0) + _Z95 * math.sqrt(2) * error,
        max(early, 0.0) + _Z95 * math.hypot(spread / math.sqrt(width), error),
    )
    return Trend(
        steps=len(values),
        start=float(levels[0]),
        end=float(levels[-1]),
        lowest=lowest,
        noise=noise,
        error=error,
        local=local * math.sqrt(len(levels) / len(values)),
        fall=fall,
        most=most,
        levels=tuple(float(v) for v in levels),
    )


def _clear_fall(values: np.ndarray, lowest: float, spread: float, error: float) -> float:
    """Returns the largest fall from the first 1, 3, 10, ... steps that is clear of the noise.

    Many healthy trainings are done with most of it within ten steps; blocks of hundreds would not see it.
    """
    largest = 0.0
    for half_powers in range(20):
        width = round(10 ** (half_powers / 2))
        if width > len(values) // 3:
            break
        early = float(np.median(values[:width]))
        if early > values[0] + _BUMP * spread:
            continue  # the loss rose first; coming back from that is no fall below the beginning
        if early - lowest > _CLEAR * math.hypot(spread / math.sqrt(width), error):
            largest = max(largest, early - lowest)
    return largest
