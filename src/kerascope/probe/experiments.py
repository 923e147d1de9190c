"""What a change would gain, measured: steps run again beside the training, with a cached batch, larger, compiled.

Everything runs on a copy of the state; afterwards weights, optimizer and random state are what they were.
"""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascope._backends import timing
from kerascope._backends.timing import ANSWERS
from kerascope._keras import steps as keras_steps
from kerascope._keras import variants
from kerascope.probe import data as batches
from kerascope.probe import host
from kerascope.probe.clock import now

if TYPE_CHECKING:
    from kerascope.probe.stepper import Stepper

_MOST_STEPS = 20
_SECONDS = 1.0
_ROUNDS = 3
_COPIES = 7
_GROUP = 4
"""Steps between two waits for the device: in a training nobody waits for each one."""
_COMPILE_SECONDS = 20.0
"""Seconds that the first step may have taken, and that all other programs together may take to be made."""
_SMALL = 512
_HEAVY, _LIGHT = 2e-3, 5e-3
"""Seconds of a step from which half precision is tried, and up to which several steps in one call are."""


_KINDS = {"eager": variants.COMPILED, "checks": variants.UNCHECKED}
"""The variant in which a kind of debugging is off."""
_MULTIPLES = {variants.LARGER: {"times": variants.MANY}, variants.SEVERAL: {"times": variants.MANY}}


@dataclasses.dataclass(frozen=True)
class Variant:
    """Another way to run the step: `make` returns its function and its batch, `active` is open while it runs."""

    make: Callable[[], tuple[Any, Any]]
    active: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    several: int = 1
    """Steps that one call runs."""


def why_not(stepper: Stepper, data: Any) -> str | None:
    """Returns why no step can be run again, None when it can."""
    why = stepper.window.off or stepper._limits.get("snapshots")
    if stepper.raw is None or data is None or stepper.number < 4 or why is not None or stepper.dead:
        return why or "there were too few steps"
    backend = stepper.backend
    if not backend.usable(stepper._returned) or backend.save(stepper.model, stepper._returned) is None:
        return "there was no whole state to go on from"
    return None


def run(stepper: Stepper, data: Any) -> None:
    """Records one fact for each experiment that this model and machine allow."""
    why = why_not(stepper, data)
    if why is not None:
        stepper.journal.gap("what changes would gain", why)
        return
    model, raw = stepper.model, stepper.raw
    switches = timing.current().switches()
    size = batches.batch_size(batches.first_array(stepper.backend.batch(data)))
    with stepper.window.aside(stepper._returned):
        bench = Bench(stepper)
        bench.compare({variants.CACHED: Variant(lambda: (raw, data))})
        more = {variants.CACHED: Variant(lambda: (raw, data))}
        if stepper.clock.first_step < _COMPILE_SECONDS:
            if 0 < size <= _SMALL:
                more[variants.LARGER] = Variant(
                    lambda: (
                        keras_steps.made_train_function(model),
                        variants.repeated(data, variants.MANY, size),
                    )
                )
            cached = bench.results.get(variants.CACHED, {}).get("seconds", 0.0)
            for name in variants.possible(model, [switch.kind for switch in switches]):
                if (name == variants.MIXED and cached < _HEAVY) or (
                    name == variants.SEVERAL and cached > _LIGHT
                ):
                    continue
                more[name] = _variant(model, name, data, switches)
        bench.compare(more)
        operators = stepper.journal.guard("probe.operators", lambda: _operators(stepper, data))
        stepper.journal.guard("probe.copying", lambda: _copying(stepper, data))
    bench.tell(size)
    stepper.journal.profile(
        "switches", {kind: [s.text for s in switches if s.kind == kind] for kind in _KINDS}
    )
    if operators:
        stepper.journal.profile("operators", operators)


def without_layer(stepper: Stepper, data: Any, layer: Any, output: Any, path: str) -> None:
    """Records what the step takes when one layer costs nothing."""
    model, raw = stepper.model, stepper.raw
    with stepper.window.aside(stepper._returned):
        bench = Bench(stepper)
        bench.compare(
            {
                "with layer": Variant(lambda: (raw, data)),
                "without layer": Variant(
                    lambda: (keras_steps.made_train_function(model), data),
                    lambda: variants.without(layer, output),
                ),
            }
        )
    bench.tell(0, layer=path)


def without_python(stepper: Stepper, data: Any, lines: list[dict[str, Any]], seconds: float) -> None:
    """Records what the step takes when the user's Python in it answers what it answered last."""
    function = host.plain_function(lines, seconds)
    if (function is None and not ANSWERS.used) or why_not(stepper, data) is not None:
        return
    raw, skipped = stepper.raw, [0]

    @contextlib.contextmanager
    def active() -> Iterator[None]:
        with host.skipped(function) as count:
            yield
        skipped[0] += count[0]

    with stepper.window.aside(stepper._returned):
        bench = Bench(stepper)
        bench.compare(
            {
                "with Python": Variant(lambda: (raw, data)),
                "without Python": Variant(lambda: (raw, data), active),
            }
        )
    if skipped[0]:  # otherwise nothing was left out
        bench.tell(0)


def _copying(stepper: Stepper, data: Any) -> None:
    """Records what the copy of a batch from the host to the device takes by itself."""
    backend, times = stepper.backend, []
    arrays = [backend.host(one) for _, one in batches.named_arrays(backend.batch(data))]
    for _ in range(_COPIES):
        began = now()
        backend.wait([keras_steps.on_device(array) for array in arrays])
        times.append(now() - began)
    facts = {"seconds": statistics.median(times), "bytes": sum(array.nbytes for array in arrays)}
    stepper.journal.profile("copy", facts)


def _operators(stepper: Stepper, data: Any) -> dict[str, Any] | None:
    backend, raw = stepper.backend, stepper.raw
    assert raw is not None
    if backend.functional:
        return None  # a compiled program, whose operators belong to no line and no layer
    return timing.current().operators(lambda: backend.one_step(raw, None, data))


def _variant(model: Any, name: str, data: Any, switches: list[timing.Switch]) -> Variant:
    several = variants.MANY if name == variants.SEVERAL else 1

    def make() -> tuple[Any, Any]:
        if name == variants.SINGLE:
            return keras_steps.made_train_function(variants.single(model)), variants.in_single(data)
        function = keras_steps.made_train_function(model)
        return function, timing.current().endless(data) if several > 1 else data

    @contextlib.contextmanager
    def active() -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for switch in switches:
                if name == _KINDS.get(switch.kind):
                    stack.enter_context(switch.off())
            stack.enter_context(variants.active(model, name))
            yield

    return Variant(make, active, several)


class Bench:
    """Times variants of a step in turns, so that a busy machine slows all of them alike."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper
        self._backend = stepper.backend
        self._made = 0.0
        self.results: dict[str, dict[str, Any]] = {}
        self.failed: dict[str, str] = {}

    def tell(self, size: int, **facts: Any) -> None:
        """Records the results; an experiment that failed is kept with its reason."""
        journal = self._stepper.journal
        for name, result in self.results.items():
            journal.profile(
                "experiment", {"name": name, "batch": size, **_MULTIPLES.get(name, {}), **facts, **result}
            )
        for name, reason in self.failed.items():
            journal.profile("experiment", {"name": name, "failed": reason})

    def compare(self, candidates: dict[str, Variant]) -> None:
        """Runs every candidate, a few steps of each in turn, and keeps the medians."""
        snapshot = self._backend.save(self._stepper.model, self._stepper._returned)
        ready: dict[str, tuple[Any, Any]] = {}
        for name, variant in candidates.items():
            if self._made > _COMPILE_SECONDS:
                self.failed[name] = f"the programs before it took {self._made:.0f} s to compile"
                continue
            began = now()
            try:
                with variant.active():
                    ready[name] = variant.make()
                    self._steps(variant, *ready[name], snapshot, 2)
                self.results[name] = {"first": now() - began}
            except Exception as error:  # a program that cannot take a larger batch, say
                ready.pop(name, None)
                self.failed[name] = f"{type(error).__name__}: {error}"[:300]
            self._made += now() - began
        wall: dict[str, list[float]] = {name: [] for name in ready}
        cpu: dict[str, list[float]] = {name: [] for name in ready}
        for _ in range(_ROUNDS):
            for name, (raw, data) in ready.items():
                variant = candidates[name]
                with variant.active():
                    once = self._steps(variant, raw, data, snapshot, 1)[0][0] * variant.several
                    count = max(1, min(_MOST_STEPS, int(_SECONDS / _ROUNDS / max(once, 1e-6))))
                    for step_wall, step_cpu in self._steps(variant, raw, data, snapshot, count):
                        wall[name].append(step_wall)
                        cpu[name].append(step_cpu)
        for name, times in wall.items():
            self.results[name] |= {
                "seconds": statistics.median(times),
                "cpu": statistics.median(cpu[name]),
                "spread": float(np.subtract(*np.percentile(times, [75, 25]))),
                "steps": len(times),
            }

    def _steps(
        self, variant: Variant, raw: Any, data: Any, snapshot: Any, count: int
    ) -> list[tuple[float, float]]:
        """Returns wall and CPU seconds per step, of a few calls each."""
        backend, times, several = self._backend, [], variant.several
        state = backend.load(self._stepper.model, snapshot)
        backend.wait(state)
        one_step = backend.one_step if several == 1 else timing.current().steps
        group = min(_GROUP, count)
        for _ in range(count // group):
            began, cpu = now(), time.process_time()
            for _ in range(group):
                logs, state = one_step(raw, state, data)
            backend.wait((logs, state))
            calls = group * several
            times.append(((now() - began) / calls, (time.process_time() - cpu) / calls))
        return times
