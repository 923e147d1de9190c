"""One step that is measured while it runs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kerascope._backends.base import Sample

if TYPE_CHECKING:
    from kerascope.probe.stepper import Stepper


def run(
    stepper: Stepper,
    sampling: contextlib.AbstractContextManager[Sample],
    raw: Callable[..., Any],
    state: Any,
    data: Any,
) -> tuple[Any, Any, Sample | None]:
    """Runs the step inside `sampling`. The user's exceptions pass; ours do not get out."""
    try:
        sample = sampling.__enter__()
    except Exception as error:
        stepper.journal.failed("probe.sample", error, "left out from here on")
        stepper._no_samples()
        return (*stepper.backend.one_step(raw, state, data), None)
    try:
        logs, new = stepper.backend.one_step(raw, state, data)
    except BaseException:
        with contextlib.suppress(Exception):  # the user's exception is the one that counts
            sampling.__exit__(*sys.exc_info())
        raise
    try:
        sampling.__exit__(None, None, None)
    except Exception as error:
        stepper.journal.failed("probe.sample", error, "left out from here on")
        stepper._no_samples()
        return logs, new, None
    return logs, new, sample
