"""After a training that broke: the bad step is looked at, and what it shows goes into the recording."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerascope.env import shown_path
from kerascope.probe.journal import Journal
from kerascope.probe.rerun import Rerun


def autopsy(rerun: Rerun, step: int, journal: Journal) -> None:
    """Tells the story of the step at which the first value that is not finite was seen; see `explain.birth`.

    Runs on a copy: afterwards the model is what it was, to the bit.
    """
    from kerascope.explain.birth.remedies import tried
    from kerascope.explain.birth.story import story

    if step not in rerun.steps:
        return
    with rerun.aside():
        found = story(rerun, step, arrays(rerun, step))
        facts: dict[str, Any] = {"direction": found.direction, **found.facts}
        facts["fixes"] = tried(found, rerun.model, rerun)
    for place in (facts, facts.get("arrived", {})):
        if "file" in place:
            place["file"] = shown_path(place["file"])
    journal.birth(step, facts)


def arrays(rerun: Rerun, step: int) -> list[tuple[str, np.ndarray]]:
    """Returns the arrays of a step's batch, by the names its facts use."""
    from kerascope.probe import data as batches

    batch = rerun.backend.batch(rerun.entry(step).data)
    return [(name, rerun.backend.host(array)) for name, array in batches.named_arrays(batch)]
