"""The second look when a training is over: who is looked at, within which time, and where it is written down."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerascope.probe.watch import Session
    from kerascope.record.writer import Writer

_SLOWER = 20.0
"""How many of the training's steps one that runs line by line may well take."""


def examine(session: Session, writer: Writer, seconds: float) -> None:
    """Examines every model whose training has ended since the last time, and records what is found.

    Args:
        session: the watch; what it has kept for this is let go of.
        writer: where the events go.
        seconds: for all models together, counted as the watch's own.
    """
    from kerascope._keras.state import has_values
    from kerascope.detect.second.look import worth

    began = time.perf_counter()
    for watched, model in session.ended():
        left = seconds - (time.perf_counter() - began)
        journal = watched.stepper.journal
        # JAX takes the values away while it trains, and does not give them back when a step raises.
        if not has_values(model) or not worth(model):
            watched.examined()
            continue
        if _SLOWER * watched.stepper.clock.typical > left:
            journal.gap(
                "a second look at the user's own code", "its steps are too slow for the time there is"
            )
        elif left <= 0:
            journal.gap("a second look at the code of further models", f"the {seconds:g} s for it were over")
        else:
            journal.guard("examine", lambda: _one(watched, model, writer, session, left))  # noqa: B023
        watched.examined()
    session.watch_seconds += time.perf_counter() - began


def _one(watched: Any, model: Any, writer: Writer, session: Session, seconds: float) -> None:
    from kerascope.detect.second.look import examine as look
    from kerascope.detect.second.trial import Points

    stepper = watched.stepper
    journal = stepper.journal

    def failed(where: str, error: Exception) -> None:
        journal.failed(where, error, "this part of the second look is missing")

    points = Points(stepper.beginning, stepper.before_bad, stepper.looking.late)
    found, left_out = look(model, points, seconds, stepper.number, failed)
    for facts in found:
        writer.event("examined", session.at(), facts, model=journal.model)
    if left_out:
        journal.gap(f"a second look at {', '.join(left_out)}", f"the {seconds:.0f} s for it were over")
