"""The second look at one model: what is looked at, in which order, until its time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from kerascope.detect.second import (
    cutting,
    losses,
    masks,
    metrics,
    mixing,
    modes,
    padding,
    passing,
    players,
    registered,
    stepping,
    swapped,
    terms,
    updating,
)
from kerascope.detect.second.trial import Found, Points, Trial

Part = Callable[[Trial], Iterator[Found]]
PARTS: tuple[tuple[str, Part], ...] = (  # the cheap and telling ones first
    ("step", stepping.look),
    ("nonfinite", stepping.look_at_bad),
    ("updates", updating.look),
    ("losses", losses.look),
    ("players", players.look),
    ("swapped", swapped.look),
    ("cuts", cutting.look),
    ("passing", passing.look),
    ("metrics", metrics.look),
    ("modes", modes.look),
    ("mixing", mixing.look),
    ("masks", masks.look),
    ("padding", padding.look),
    ("registered", registered.look),
    ("terms", terms.look),
)
OF_CODE = {
    "cuts",
    "step",
    "nonfinite",
    "metrics",
    "mixing",
    "masks",
    "updates",
    "swapped",
    "passing",
    "players",
}
"""What is only looked at where some of the code is the user's."""
OF_CALL = {"modes", "mixing", "masks", "padding", "passing"}
"""What needs a model that can be called, and not only trained."""


def worth(model: Any) -> bool:
    """Tells whether there is anything in a model that a second look is for."""
    from kerascope._keras import making, modes, trial
    from kerascope.probe.lines.install import is_users

    if trial.is_distributed(model):
        return False
    return (
        bool(trial.own_code(model, is_users))
        or trial.sums_up(model)
        or bool(trial.output_losses(model))
        or bool(padding.unmasked(model))
        or making.has_frozen(model)
        or modes.any_set(model)
    )


def examine(
    model: Any, points: Points, seconds: float, steps: int, failed: Callable[[str, Exception], None]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns what a second look at a model finds, as facts for the recording, and what there was no time for.

    Args:
        model: the user's own, put back to the bit afterwards.
        points: states and batches of the steps that are looked at.
        seconds: after which nothing further is begun.
        steps: how many the training had.
        failed: told of each part that raised.
    """
    from kerascope._keras.trial import has_call

    found: list[dict[str, Any]] = []
    left_out: list[str] = []
    trial = Trial(model, points, seconds, steps)
    callable_alone = has_call(model)
    with trial.open():
        for name, part in PARTS:
            if (name in OF_CODE and not trial.own) or (name in OF_CALL and not callable_alone):
                continue
            if trial.seconds_left() <= 0:
                left_out.append(name)
                continue
            began = time.monotonic()
            try:
                found += [one.facts() for one in part(trial)]
            except Exception as error:
                failed(f"examine.{name}", error)
            trial.notes.append(f"{name}: {time.monotonic() - began:.2f} s")
    return found, left_out
