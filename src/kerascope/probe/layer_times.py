"""How long each layer takes by itself on the last batch, forward and with gradient; what the machine can do."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kerascope._backends import timing
from kerascope._keras import units
from kerascope.probe import experiments
from kerascope.probe.clock import now

if TYPE_CHECKING:
    from kerascope.probe.journal import Journal
    from kerascope.probe.stepper import Stepper

_SECONDS = 20.0
_EACH = 0.08
_MOST = 20
_COMPILE_SECONDS = 20.0
_LEAST, _PART = 2e-4, 0.3
"""From how many seconds, and which part of all layers, the step is tried without a layer."""

Costs = Callable[[Any, Any], dict[str, Any]]


def run(stepper: Stepper, data: Any, costs: Costs | None) -> None:
    """Records a table of layers, their memory, the machine's measured peak, and what the slowest one costs the step."""
    model, backend, journal = stepper.model, stepper.backend, stepper.journal
    if model is None or experiments.why_not(stepper, data) is not None:
        return
    batch = backend.batch(data)
    x = batch[0] if isinstance(batch, (tuple, list)) else batch
    kit = timing.current()
    compiled = not model.run_eagerly
    with stepper.window.aside(stepper._returned):
        found = units.captured(model, x)
        left_out = _times(found, kit, journal, compiled=compiled)
        held = None
        if stepper.clock.first_step < _COMPILE_SECONDS:
            held = journal.guard(
                "probe.held", lambda: kit.held(model, (x,), {"training": True}, compiled=compiled)
            )
    flops: dict[str, Any] = {}
    try:
        flops = costs(model, x) if costs is not None else {}
    except Exception as error:
        journal.note("the operations of the layers are not known", f"{type(error).__name__}: {error}"[:200])
    rows = [
        facts | {"file": timing.shown(facts["file"]), "flops": _flops(flops, facts["layer"])}
        for facts in (unit.facts() for unit in found)
    ]
    journal.profile("layers", {"layers": rows, "left out": left_out, "peak": kit.peak(), "held": held})
    _suspect(stepper, data, found)


def _times(found: list[units.Unit], kit: timing.Timing, journal: Journal, *, compiled: bool) -> int:
    """Times every layer; returns how many were left out because the others took so long."""
    began = now()
    left_out = 0
    for unit in found:
        if now() - began > _SECONDS:
            left_out += 1
            continue
        try:
            _time(unit, kit, compiled=compiled)
        except Exception as error:
            journal.note(
                f"layer {unit.layer.name!r} was not timed by itself",
                f"{type(error).__name__}: {error}"[:200],
            )
    return left_out


def _suspect(stepper: Stepper, data: Any, found: list[units.Unit]) -> None:
    """Runs the step without the slowest layer of the user's own or of preprocessing, when it is a large part."""
    whole = sum(unit.whole for unit in found)
    own = max(
        (unit for unit in found if not unit.own or unit.prepares), key=lambda unit: unit.whole, default=None
    )
    if own is None or own.whole < max(_LEAST, _PART * whole) or len(own.outputs) != 1:
        return
    path = str(own.facts()["layer"])
    experiments.without_layer(stepper, data, own.layer, own.outputs[0], path)


def _flops(flops: dict[str, Any], path: str) -> Any:
    """Returns the operations of the layer with this path; a graph's paths may begin inside the model."""
    parts = path.split("/")
    names = ["/".join(parts[i:]) for i in range(len(parts))]
    return next((flops[name] for name in names if name in flops), None)


def _time(unit: units.Unit, kit: timing.Timing, *, compiled: bool) -> None:
    forward, both = kit.runners(unit.layer, unit.args, unit.kwargs, compiled=compiled)
    unit.seconds = median_time(forward)
    if both is not None:
        unit.both = median_time(both)


def median_time(function: Callable[[], Any]) -> float:
    """Returns the median seconds of a call that has run twice before."""
    function()
    function()
    times: list[float] = []
    began = now()
    while len(times) < _MOST and (len(times) < 3 or now() - began < _EACH):
        start = now()
        function()
        times.append(now() - start)
    return statistics.median(times)
