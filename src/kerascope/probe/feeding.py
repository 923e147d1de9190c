"""What another way to read the data gains: batches drawn from the source beside the training, a step after each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascope._keras import sources
from kerascope._keras import steps as keras_steps
from kerascope.probe import experiments
from kerascope.probe.clock import now

if TYPE_CHECKING:
    from kerascope.probe.stepper import Stepper

_SECONDS = 1.5
_BATCHES = 40
_FEWEST = 6
_LONGEST = 1.0
_SHORTEST = 2e-4
_PART = 0.2


def run(stepper: Stepper, data: Any, source: Any, waited: float) -> None:
    """Records what `fit` would take per step with the source changed; `waited` is what it waited for per step."""
    step_seconds = stepper.clock.typical
    if not _SHORTEST < waited < _LONGEST or waited < _PART * step_seconds:
        return
    if experiments.why_not(stepper, data) is not None:
        return
    stepper.journal.guard("probe.arrays", lambda: _arrays(stepper, data))
    if not sources.readable(source):
        return
    tried = sources.change(source)
    if tried is None:
        return
    name, changed = tried
    workers = sources.WORKERS if changed is source else None
    with stepper.window.aside(stepper._returned), contextlib.ExitStack() as stack:
        step = _stepping(stepper, data)
        before, _ = _seconds(stack.enter_context(sources.reading(source)), step)
        stack.close()
        after, count = _seconds(stack.enter_context(sources.reading(changed, workers=workers)), step)
    if count < _FEWEST:
        return
    stepper.journal.profile(
        "source changed", {"name": name, "before": before, "after": after, "batches": count}
    )


def _arrays(stepper: Stepper, data: Any) -> None:
    """Records what a batch and a step take when the batches come from arrays: less than that no source takes."""
    host = stepper.backend.host
    batch = stepper.backend.batch(data)
    kept = keras_steps.map_structure(lambda one: None if one is None else np.asarray(host(one)), batch)
    kept = tuple(part for part in kept if part is not None) if isinstance(kept, (tuple, list)) else kept
    if not all(len(one.shape) for one in keras_steps.flatten(kept)):
        return
    with stepper.window.aside(stepper._returned):
        with sources.arrays(kept, _BATCHES) as batches:
            alone, _ = _seconds(batches, lambda: None)
        step = _stepping(stepper, data)
        with sources.arrays(kept, _BATCHES) as batches:
            both, count = _seconds(batches, step)
    stepper.journal.profile("arrays", {"alone": alone, "both": both, "batches": count})


def _stepping(stepper: Stepper, data: Any) -> Callable[[], None]:
    """Returns a function that runs one step on the batch that is there, on a copy of the state."""
    backend, model, raw = stepper.backend, stepper.model, stepper.raw
    assert raw is not None
    state = [backend.load(model, backend.save(model, stepper._returned))]

    def step() -> None:
        logs, state[0] = backend.one_step(raw, state[0], data)
        backend.wait((logs, state[0]))

    return step


def _seconds(batches: Iterator[Any], step: Callable[[], None]) -> tuple[float, int]:
    """Returns the seconds per batch with a step after each, and how many there were."""
    count, began = 0, now()
    for count, _ in enumerate(batches, start=1):
        step()
        if count >= _BATCHES or (count >= _FEWEST and now() - began > _SECONDS):
            break
    return (now() - began) / max(count, 1), count
