"""A live training pauses: pdb on the eager replay of the step that was just run."""

from __future__ import annotations

import sys
from typing import Any

from kerascope.probe.journal import Journal
from kerascope.probe.rerun import Rerun


def pause(rerun: Rerun, step: int, why: str, state: Any, journal: Journal) -> bool:
    """Opens pdb in the user's frame while the step runs again eagerly, on a copy; the training then goes on.

    Returns False when the debugger was left by `quit`: the training goes on, and is not paused again.
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
        return True
    seen = Trace(f"step {step}")
    with rerun.aside(state, quiet=False):
        rerun.eager(step, recorded(seen, None, stop="step == 1", statistics=True, catch=True))
    journal.note(f"paused after step {step}", why)
    if seen.quit:
        print("kerascope: the training goes on and is not paused again", file=sys.stderr)
    return not seen.quit
