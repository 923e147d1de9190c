"""One eager run of a recorded step with something measured at every expression of the user's own lines."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascope.probe.rerun import Outcome, Rerun

_READS = ("name", "attribute", "arguments")


@dataclasses.dataclass
class Followed:
    """What one run gave.

    Attributes:
        outcome: what the step did.
        measures: of every expression, "source in function", in the order they ran.
        places: the file and line of each, "train.py:12".
    """

    outcome: Outcome
    measures: dict[str, Any]
    places: dict[str, str]


def followed(
    rerun: Rerun,
    step: int,
    measure: Callable[[np.ndarray], Any],
    change: Callable[[Any], Any] = lambda state: state,
) -> Followed:
    """Runs a step eagerly and measures the value of every expression. Only inside `rerun.aside`."""
    lines = _Lines(measure)
    with np.errstate(all="ignore"):
        outcome = rerun.eager(step, _listening(lines), change=change)
    return Followed(outcome, lines.measures, lines.places)


def norm(array: np.ndarray) -> float:
    """Returns the Euclidean norm."""
    return float(np.linalg.norm(array.astype(np.float64)))


def digest(array: np.ndarray) -> bytes:
    """Returns what tells arrays apart that differ in a single bit."""
    return hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16).digest()


@contextlib.contextmanager
def _listening(lines: _Lines) -> Iterator[None]:
    from kerascope.probe.lines.session import recording

    with recording(listeners=[lines]):
        yield


class _Lines:
    """A listener of a trace."""

    def __init__(self, measure: Callable[[np.ndarray], Any]) -> None:
        self.measures: dict[str, Any] = {}
        self.places: dict[str, str] = {}
        self._measure = measure

    def __call__(self, event: Any, value: Any, operands: Sequence[Any], frame: types.FrameType) -> None:
        from kerascope._backends import tensors

        site = event.site
        if event.path or event.facts.mode != "eager" or site.kind in _READS:
            return
        array = tensors.array_of(value)
        if array is None or array.dtype.kind != "f":
            return
        name = f"{site.source} in {site.function}"
        count = 2
        while name in self.measures:
            name, count = f"{site.source} in {site.function}, time {count}", count + 1
        self.measures[name] = self._measure(array)
        self.places[name] = f"{Path(site.file).name}:{site.line}"
