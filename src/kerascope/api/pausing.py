"""A live training pauses: pdb on the eager replay of the step that was just run."""

from __future__ import annotations

import sys
from typing import Any

from kerascope.probe.journal import Journal
from kerascope.probe.rerun import Rerun


def pause(rerun: Rerun, step: int, why: str, state: Any, journal: Journal) -> None:
    """Opens pdb in the user's frame while the step runs again eagerly, on a copy; the training then goes on.

    Leaving the debugger by `quit` ends the replay, not the training.
    """
    from kerascope.api.trace import Trace, recorded

    print(
        f"kerascope: paused after step {step} ({why}); this is its eager replay, on a copy", file=sys.stderr
    )
    if step not in rerun.steps:
        print(
            "kerascope: its state is not held, so it cannot be run again; the training goes on",
            file=sys.stderr,
        )
        return
    seen = Trace(f"step {step}")
    with rerun.aside(state, quiet=False):
        rerun.eager(step, recorded(seen, None, stop="step == 1", statistics=True, catch=True))
    journal.note(f"paused after step {step}", why)
