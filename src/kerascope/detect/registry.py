"""Every detector by name: `run_detectors(view)` returns all that they find, whatever one of them runs into."""

from __future__ import annotations

import dataclasses
import importlib
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath

import numpy as np

from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

Judge = Callable[[RunView], Iterable[Finding]]

FAMILIES = (
    "numerics",
    "updates",
    "holding",
    "silent",
    "gradients",
    "loss",
    "examined",
    "wiring",
    "causes.objective",
    "causes.makers",
    "causes.task",
    "causes.measures",
    "causes.missing",
    "causes.scales",
    "causes.labels",
    "causes.apart",
    "causes.order",
    "causes.steady",
    "causes.parts",
    "causes.beyond",
    "causes.optimisation",
    "causes.architecture",
    "causes.weights",
    "causes.capacity",
    "causes.regularisation",
    "causes.rows",
    "causes.behind",
    "speed",
    "speed_steps",
    "stalls",
)
"""The modules of this package that register detectors, in the order in which they run."""


@dataclasses.dataclass(frozen=True)
class Detector:
    """A judge with its name (`slug`) and the kinds of finding that it may return."""

    slug: str
    kinds: tuple[str, ...]
    judge: Judge


_REGISTERED: dict[str, Detector] = {}


def detector(*, kinds: Sequence[str], slug: str) -> Callable[[Judge], Judge]:
    """Registers the decorated function as the detector `slug`; the function itself stays as it is."""

    def register(judge: Judge) -> Judge:
        _REGISTERED[slug] = Detector(slug, tuple(kinds), judge)
        return judge

    return register


def detectors() -> tuple[Detector, ...]:
    """Returns every detector."""
    for family in FAMILIES:
        importlib.import_module(f"kerascope.detect.{family}")
    return tuple(_REGISTERED.values())


def run_detectors(view: RunView) -> list[Finding]:
    """Returns the findings of all detectors, unranked.

    A detector that raises becomes a note of kind "kerascope-internal"; what it had found before that stays.
    """
    findings: list[Finding] = []
    for each in detectors():
        try:
            # Recordings hold NaN and infinity on purpose: arithmetic with them is no news here.
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                for finding in each.judge(view):
                    findings.append(finding)
        except Exception as error:
            findings.append(_failed(each, error))
    return findings


def _failed(failed: Detector, error: Exception) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
    text = f"{type(error).__name__}: {error}"[:500]
    return Finding(
        kind="kerascope-internal",
        severity="note",
        confidence=1.0,
        title=f"Kerascope's detector `{failed.slug}` failed; the others ran",
        explanation=(
            f"The detector `{failed.slug}`, which looks for {', '.join(failed.kinds)}, stopped with an error of its "
            "own. This says nothing about the training: those kinds were simply not looked for to the end. Please "
            "report it with the recording."
        ),
        evidence=(Evidence("detector", failed.slug), Evidence("error", text), Evidence("raised at", place)),
    )
