"""The account of a recorded training as values: phases, layers, compilations, reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from kerascope.detect.reading import listing, mapping, number
from kerascope.detect.stalls import creep
from kerascope.detect.timing import Timing, label_of, layer_seconds, timings
from kerascope.record.reader import RunView
from kerascope.values import CompileRow, LayerTime, PhaseRow, Profile, ReadRow, TrialRow

SPEED = {
    "input-bound": "INPUT-BOUND",
    "callback-bound": "CALLBACK-BOUND",
    "slow-validation": "VALIDATION-BOUND",
    "recompilation": "COMPILE-BOUND",
    "overhead-bound": "OVERHEAD-BOUND",
    "eager-step": "EAGER",
    "debug-mode": "DEBUGGING",
    "slow-metric": "METRIC-BOUND",
    "python-in-step": "PYTHON IN THE STEP",
    "slow-layer": "ONE SLOW LAYER",
    "float64": "FLOAT64",
    "memory-creep": "MEMORY GROWS",
    "stalled": "STALLED",
}
"""What a report's headline calls each of these findings."""

_MOST = 40
_BASES = {"without layer": "with layer", "without Python": "with Python"}
"""What an experiment that ran apart from the others is compared with."""


def profile_of(view: RunView) -> Profile | None:
    """Returns the account of the longest training, None when the recording holds none."""
    accounts = timings(view)
    if not accounts:
        return None
    timing = max(accounts, key=lambda one: one.wall)
    cached = timing.experiments.get("cached")
    slope, _, _ = creep(timing)
    epochs = len(timing.model.epochs())
    looks = [number(mapping(row).get("resident")) for row in listing(timing.fact("memory").get("looks"))]
    return Profile(
        wall=timing.wall,
        cpu=timing.cpu,
        steps=timing.steps,
        step=_known(timing.step),
        cached=cached,
        batch=timing.batch or None,
        phases=tuple(_phases(timing)),
        layers=tuple(_layer(timing, row, cached) for row in timing.layers()[:_MOST]),
        compiles=tuple(_compile(row) for row in timing.compiles()[:_MOST]),
        reads=tuple(_read(row) for row in listing(timing.fact("reads").get("reads"))[:_MOST]),
        source=str(timing.fact("source").get("kind") or ""),
        copying=_known(number(timing.fact("copy").get("seconds"))),
        measuring=_known(sum(np_number(facts.get("seconds"), 0.0) for facts in timing.facts("measured"))),
        trials=tuple(_trials(timing)),
        operators=_operators(timing, cached),
        activations=_known(
            sum(np_number(row.get("output"), 0.0) * np_number(row.get("calls"), 1) for row in timing.layers())
        )
        or None,
        held=_known(number(timing.fact("layers").get("held"))),
        importing=_known(number(view.meta.get("imported"))),
        script=_known(number(view.meta.get("seconds"))),
        memory=max(looks, default=None),
        memory_per_epoch=slope * timing.steps / epochs if epochs and slope else None,
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _phases(timing: Timing) -> list[PhaseRow]:
    groups: dict[str, list[str]] = {}
    for phase in timing.phases:
        groups.setdefault(label_of(phase), []).append(phase)
    rows = []
    for label, names in groups.items():
        seconds = timing.spent(*names)
        inside = [name for name in names if name in timing.usual[2]]
        note = ""
        if label == label_of("compile"):
            count = len(timing.compiles())
            note = f"{count} time{'' if count == 1 else 's'}" if count else ""
        per_step = _known(timing.per_step(*inside)) if inside else None
        rows.append(PhaseRow(label, seconds, seconds / timing.wall, per_step or None, note))
    return sorted(rows, key=lambda row: -row.seconds)


def _layer(timing: Timing, row: Mapping[str, Any], cached: float | None) -> LayerTime:
    forward, flops = number(row.get("forward")), number(row.get("flops"))
    rate = flops / forward if forward > 0 else math.nan
    inside = mapping(timing.fact("operators").get("layers")).get(str(row.get("layer")))
    dtype = "float64" if row.get("dtype") == "float64" else "float32"
    return LayerTime(
        layer=str(row.get("layer")),
        kind=str(row.get("class")),
        calls=int(np_number(row.get("calls"), 1)),
        forward=forward,
        both=_known(number(row.get("both"))),
        share=_known(layer_seconds(row) / cached) if cached else None,
        rate=_known(rate),
        of_peak=_known(rate / timing.peak(dtype)),
        inside=_known(number(inside)),
        output=int(np_number(row.get("output"), 0)) or None,
    )


def _operators(timing: Timing, cached: float | None) -> float | None:
    """Returns the seconds of a step in operators: their part of the step that was profiled, of the one that was not."""
    found = timing.fact("operators")
    part = number(found.get("seconds")) / number(found.get("wall")) if found else math.nan
    return min(1.0, part) * cached if cached and math.isfinite(part) else None


def _trials(timing: Timing) -> Iterator[TrialRow]:
    for facts in timing.facts("experiment"):
        name = str(facts.get("name"))
        if name in ("cached", "with layer", "with Python"):
            continue
        if facts.get("failed"):
            yield TrialRow(change_of(name, facts), note=str(facts.get("failed")))
            continue
        ratio = timing.ratio(name, _BASES.get(name, "cached"))
        per_sample = name == "larger"
        yield TrialRow(
            change_of(name, facts),
            _known(number(facts.get("seconds"))),
            _known(ratio / timing.multiple(name) if per_sample else ratio),
            "per sample" if per_sample else "",
        )
    found = timing.fact("source changed")
    if found:
        before, after = number(found.get("before")), number(found.get("after"))
        yield TrialRow(str(found.get("name")), _known(after), _known(after / before), "batch and step")


def change_of(name: str, facts: Mapping[str, Any]) -> str:
    """Returns what an experiment changed, in words."""
    words = {
        "larger": f"{facts.get('times')} times as many samples",
        "compiled": "compiled, not eager",
        "jit_compile": "jit_compile=True",
        "without Python": "Python in the step skipped",
        "float32": "layers and data in float32",
        "no metrics": "without metrics",
        "unchecked": "checks for debugging off",
        "mixed_bfloat16": 'dtype policy "mixed_bfloat16"',
        "steps_per_execution": f"steps_per_execution={facts.get('times')}, in the step",
        "without layer": f"without {facts.get('layer')}",
    }
    return words.get(name, name)


def np_number(value: Any, otherwise: float) -> float:
    """Returns a figure, `otherwise` when it is none."""
    found = number(value)
    return found if math.isfinite(found) else otherwise


def _compile(row: Mapping[str, Any]) -> CompileRow:
    changes = [
        f"{change.get('argument')}: {change.get('before')} -> {change.get('after')}"
        for change in map(mapping, listing(row.get("differences")))
    ]
    phase = str(row.get("phase") or "step")
    what = (
        "training step" if phase == "step" else f"{row.get('function') or 'a program'} in {label_of(phase)}"
    )
    why = "; ".join(changes) or ("" if row.get("repeat") else "the first one")
    return CompileRow(int(row.get("step") or 0), number(row.get("seconds")), what, why)


def _read(row: Any) -> ReadRow:
    row = mapping(row)
    return ReadRow(
        file=str(row.get("file") or ""),
        line=int(np_number(row.get("line"), 0)),
        phase=label_of(str(row.get("phase") or "")),
        count=int(np_number(row.get("count"), 0)),
        seconds=number(row.get("seconds")),
    )


def bound(profile: Profile | None) -> str:
    """Returns the verdict on a training in which nothing is worth a change."""
    if profile is None:
        return ""
    step = next((row for row in profile.phases if row.label == label_of("step")), None)
    ready = [label_of(name) for name in ("set-up", "build", "compile", "ending", "kerascope")]
    trained = sum(row.seconds for row in profile.phases if row.label not in ready)
    if step is None or not trained:
        return ""
    part = 100 * step.seconds / trained
    name = "COMPUTE-BOUND" if part >= 50 else "NO BOTTLENECK"
    return f"{name}   {part:.0f} % of the training is the step itself"
