"""A training that holds ever more memory, or stands still."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascope.detect.reading import listing, mapping, model_tag, number, thin
from kerascope.detect.registry import detector
from kerascope.detect.speed import FEWEST_STEPS
from kerascope.detect.speed_places import span
from kerascope.detect.timing import Timing, profiled, timings
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding, Fix, SourceSpan

MIB = 1024 * 1024
_LEAST = 24 * MIB
"""An allocator's cache moves by some MiB in a healthy training."""

_STEADY = 0.6
_LONG = 6.0
"""Seconds of training from which memory may grow for no known reason."""


@detector(kinds=("memory-creep",), slug="speed-memory")
def memory_creep(view: RunView) -> Iterator[Finding]:
    """The memory grows for as long as the training runs."""
    for timing in timings(view) if profiled(view) else ():
        if timing.steps < FEWEST_STEPS:
            continue
        for what in ("resident", "used"):
            slope, grown, held = creep(timing, what)
            if grown < max(_LEAST, 0.02 * held):
                continue
            memory = timing.fact("memory")
            containers = [mapping(row) for row in listing(memory.get("containers"))]
            kinds = [mapping(row) for row in listing(memory.get("types"))]
            if not containers and not kinds and timing.trained < _LONG:
                continue  # caches may take longer to fill
            name = str(containers[0].get("name")) if containers else None
            where = "the process" if what == "resident" else "the device"
            yield Finding(
                kind="memory-creep",
                severity="warning",
                confidence=0.95 if containers or kinds else 0.85,
                title=f"The memory of {where} grows by {slope / MIB:.2g} MiB in every step",
                explanation=(
                    f"`{name}` gets longer with every step, and everything in it stays alive."
                    if name
                    else "Something keeps what belongs to single steps alive."
                ),
                location=SourceSpan(expression=name),
                evidence=(
                    Evidence(
                        "grown in the second half",
                        round(grown / MIB),
                        "MiB",
                        plot=thin(_looks(timing, what)[1]),
                    ),
                    *(
                        Evidence(f"length of {row.get('name')}", f"{row.get('from')} -> {row.get('to')}")
                        for row in containers[:2]
                    ),
                    *(
                        Evidence(
                            f"objects of type {row.get('type')}", f"{row.get('from')} -> {row.get('to')}"
                        )
                        for row in kinds[:2]
                    ),
                    *model_tag(view, timing.model),
                ),
                fixes=(Fix("keep numbers instead of tensors, `float(loss)`, or only the last few"),),
            )
            break


def _looks(timing: Timing, what: str) -> tuple[np.ndarray, np.ndarray]:
    rows = [mapping(row) for row in listing(timing.fact("memory").get("looks"))]
    known = [(number(row.get("step")), number(row.get(what))) for row in rows]
    table = np.array([pair for pair in known if np.isfinite(pair).all()], np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def creep(timing: Timing, what: str = "resident") -> tuple[float, float, float]:
    """Returns bytes per step, the bytes that came on in the second half, and what is held; zeros when it is steady.

    The first half fills caches. In the second one every third of it must have grown, and none of it may be a jump.
    """
    step, held = _looks(timing, what)
    if len(step) < 6:
        return 0.0, 0.0, 0.0
    half = held[len(held) // 2 :]
    grown = float(half[-1] - half[0])
    rises = np.diff(half)
    if grown <= 0 or rises.max() > _STEADY * grown + MIB or (rises > 0).mean() < _STEADY:
        return 0.0, 0.0, float(held[-1])
    steps = step[-1] - step[len(step) // 2]
    return grown / max(steps, 1.0), grown, float(held[-1])


@detector(kinds=("stalled",), slug="speed-stalls")
def stalled(view: RunView) -> Iterator[Finding]:
    """No step came for a long time."""
    for event in view.events("stall"):
        facts = event.facts
        seconds = number(facts.get("seconds"))
        place: Any = listing(facts.get("place"))
        file, line = (place[0], place[1]) if len(place) >= 2 else (None, None)
        yield Finding(
            kind="stalled",
            severity="warning",
            confidence=0.95,
            title=f"No step came for {seconds:.0f} s",
            explanation=(
                f"The training was {facts.get('what') or 'waiting'}. A usual step takes "
                f"{number(facts.get('usual')):.2g} s."
            ),
            location=span(view, file, line),
            evidence=(
                Evidence("phase", str(facts.get("phase"))),
                *(
                    Evidence(f"stack of {row.get('thread')}", str(row.get("at")))
                    for row in map(mapping, listing(facts.get("stacks"))[:4])
                ),
            ),
        )
