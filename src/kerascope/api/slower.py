"""Two recordings compared: which part of a step got slower, and whether more than two runs differ by anyway."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import IO

import numpy as np

from kerascope.api.files import write_text
from kerascope.api.report import FAILED_ON
from kerascope.detect.timing import Timing, label_of, notch, timings
from kerascope.errors import RecordingError
from kerascope.record.reader import RunView
from kerascope.render.profile import comparison
from kerascope.render.terminal import print_document
from kerascope.values import CompareRow, Comparison, encode

_LEAST = 1e-6
"""Seconds of a step below which a part is left out."""


def compare(before: str | Path, after: str | Path) -> Comparison:
    """Returns what of a usual step got slower or faster from one recording to the other.

    Raises:
        RecordingError: one of them is no recording, or holds no steps with their times.
    """
    loaded = [_load(before), _load(after)]
    tables, cpu = [one[:2] for one in loaded], (loaded[0][2], loaded[1][2])
    names = dict.fromkeys(name for _, table in tables for name in table)
    rows = [_row(name, tables[0][1].get(name), tables[1][1].get(name)) for name in names]
    rows.sort(key=lambda row: (row.label != "step", -abs((row.after or 0.0) - (row.before or 0.0))))
    subjects = [subject for subject, _ in tables]
    shown = (row for row in rows if max(row.before or 0.0, row.after or 0.0) > _LEAST)
    return Comparison(subjects[0], subjects[1], tuple(shown), cpu if min(cpu) > 0 else None)


def _load(path: str | Path) -> tuple[str, dict[str, np.ndarray], float]:
    view = RunView.open(path)
    try:
        accounts = timings(view)
        if not accounts:
            raise RecordingError(
                f"This recording holds no account of its time. Received: path={str(path)!r}. Make it with `kerascope "
                "profile` or `kerascope run`, with a training of a few steps in it."
            )
        longest = max(accounts, key=lambda one: one.wall)
        name = f"{Path(path).name} ({view.meta.get('backend')}, {longest.steps} steps)"
        return name, _parts(longest), longest.cpu / max(longest.steps, 1)
    finally:
        view.close()


def _parts(timing: Timing) -> dict[str, np.ndarray]:
    total, synced, by_name = timing.usual
    # A step that waits for the device is another step; within one of the two kinds all are alike.
    good = ~synced if (~synced).sum() >= 3 else np.ones(len(total), bool)
    parts = {"step": total[good]}
    for name, seconds in by_name.items():
        label = label_of(name)
        parts[label] = parts.get(label, np.zeros(int(good.sum()))) + seconds[good]
    return parts


def _row(label: str, before: np.ndarray | None, after: np.ndarray | None) -> CompareRow:
    (a, a_low, a_high), (b, b_low, b_high) = _median(before), _median(after)
    known = a > 0 and math.isfinite(b)
    return CompareRow(
        label=label,
        before=a if math.isfinite(a) else None,
        after=b if math.isfinite(b) else None,
        ratio=b / a if known else None,
        low=b_low / a_high if known and a_high > 0 else None,
        high=b_high / a_low if known and a_low > 0 else None,
    )


def _median(values: np.ndarray | None) -> tuple[float, float, float]:
    """Returns the median of a step's part and the bounds within which another run's would lie."""
    if values is None or not len(values):
        return math.nan, math.nan, math.nan
    middle, half = float(np.median(values)), notch(values)
    return middle, max(middle - half, 0.0), middle + half


def exit_code(compared: Comparison, limit: float | None) -> int:
    """Returns 3 when the whole step is slower by more than `limit`, and surely slower; 0 otherwise."""
    step = next((row for row in compared.rows if row.label == "step"), None)
    if limit is None or step is None or step.ratio is None or step.low is None:
        return 0
    return FAILED_ON if step.ratio > 1 + limit and step.low > 1 else 0


def print_comparison(compared: Comparison, file: IO[str]) -> None:
    """Prints the table."""
    print_document(comparison(compared), file)


def write_json(compared: Comparison, path: str) -> None:
    """Writes the comparison as JSON."""
    text = json.dumps(encode(dataclasses.replace(compared)), indent=2) + "\n"
    write_text(path, text, overwrite=True)
