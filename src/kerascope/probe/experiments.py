"""What a change would gain, measured: steps run again beside the training, with a cached batch, larger, compiled.

Everything runs on a copy of the state; afterwards weights, optimizer and random state are what they were.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kerascope._keras import steps as keras_steps
from kerascope._keras import variants
from kerascope.probe import data as batches
from kerascope.probe.clock import now

if TYPE_CHECKING:
    from kerascope.probe.stepper import Stepper

LARGER = 8
_MOST_STEPS = 15
_SECONDS = 1.0
_ROUNDS = 3
_COMPILE_SECONDS = 20.0
_SMALL = 512


def run(stepper: Stepper, data: Any) -> None:
    """Records one fact for each experiment that this model and machine allow."""
    raw, backend, journal = stepper.raw, stepper.backend, stepper.journal
    why = stepper.window.off or stepper._limits.get("snapshots")
    if raw is None or data is None or stepper.number < 4 or why is not None or stepper.dead:
        journal.gap("what changes would gain", why or "there were too few steps")
        return
    if not backend.usable(stepper._returned) or backend.save(stepper.model, stepper._returned) is None:
        journal.gap("what changes would gain", "there was no whole state to go on from")
        return
    with stepper.window.aside(stepper._returned):
        bench = Bench(stepper)
        first = stepper.clock.first_step
        candidates: dict[str, Callable[[], tuple[Any, Any]]] = {"cached": lambda: (raw, data)}
        size = batches.batch_size(batches.first_array(backend.batch(data)))
        if 0 < size <= _SMALL and first < _COMPILE_SECONDS:
            candidates["larger"] = lambda: (raw, variants.repeated(data, LARGER, size))
        for name in variants.possible(stepper.model):
            if first < _COMPILE_SECONDS:
                candidates[name] = lambda: (keras_steps.made_train_function(stepper.model), data)
        bench.compare(candidates)
        for name, facts in bench.results.items():
            journal.profile("experiment", {"name": name, "batch": size, "larger": LARGER, **facts})
        for name, reason in bench.failed.items():
            journal.note(f"the experiment {name!r} was not made", reason)


class Bench:
    """Times variants of a step in turns, so that a busy machine slows all of them alike."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper
        self._backend = stepper.backend
        self.results: dict[str, dict[str, Any]] = {}
        self.failed: dict[str, str] = {}

    def compare(self, candidates: dict[str, Callable[[], tuple[Any, Any]]]) -> None:
        """Runs every candidate, a few steps of each in turn, and keeps the medians."""
        snapshot = self._backend.save(self._stepper.model, self._stepper._returned)
        ready: dict[str, tuple[Any, Any]] = {}
        for name, make in candidates.items():
            try:
                with variants.active(self._stepper.model, name):
                    ready[name] = make()
                    began = now()
                    self._steps(*ready[name], snapshot, 2)
                self.results[name] = {"first": now() - began}
            except Exception as error:  # a program that cannot take a larger batch, say
                ready.pop(name, None)
                self.failed[name] = f"{type(error).__name__}: {error}"[:300]
        wall: dict[str, list[float]] = {name: [] for name in ready}
        cpu: dict[str, list[float]] = {name: [] for name in ready}
        for _ in range(_ROUNDS):
            for name, (raw, data) in ready.items():
                with variants.active(self._stepper.model, name):
                    once = self._steps(raw, data, snapshot, 1)[0][0]
                    count = max(1, min(_MOST_STEPS, int(_SECONDS / _ROUNDS / max(once, 1e-6))))
                    for step_wall, step_cpu in self._steps(raw, data, snapshot, count):
                        wall[name].append(step_wall)
                        cpu[name].append(step_cpu)
        for name, times in wall.items():
            self.results[name] |= {
                "seconds": statistics.median(times),
                "cpu": statistics.median(cpu[name]),
                "steps": len(times),
            }

    def _steps(self, raw: Any, data: Any, snapshot: Any, count: int) -> list[tuple[float, float]]:
        backend, times = self._backend, []
        state = backend.load(self._stepper.model, snapshot)
        backend.wait(state)
        for _ in range(count):
            began, cpu = now(), time.process_time()
            logs, state = backend.one_step(raw, state, data)
            backend.wait((logs, state))
            times.append((now() - began, time.process_time() - cpu))
        return times
