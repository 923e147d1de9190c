"""What inside the training step itself costs more than it must: eager, metrics, Python, one layer, float64."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kerascope.detect import speed_places as places
from kerascope.detect.reading import listing, mapping, number, show
from kerascope.detect.registry import detector
from kerascope.detect.speed import Cause, judged, times, told
from kerascope.detect.timing import Timing, layer_seconds
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding, Fix, SourceSpan

LEAST_METRIC = 1e-3
"""Seconds per step; a small model steps so fast that even a mean takes a large part."""


MANY_OPERATIONS = 300
"""Operations of one function in one step; a loss or a penalty written for whole tensors needs a few dozen."""

SMALL_OPERATION = 1e-4
"""Seconds per operation below which most of it is starting it."""

LEAST_ALONE = 2e-3
"""Seconds of a layer by itself below which starting it counts: the step must have been tried without it."""


@detector(kinds=("eager-step",), slug="speed-eager")
def eager_step(view: RunView) -> Iterator[Finding]:
    """The step runs operation by operation although it could be compiled."""
    for timing in judged(view):
        cached, compiled = timing.experiments.get("cached"), timing.experiments.get("compiled")
        if cached is None or compiled is None:
            continue
        ratio, switch = timing.ratio("compiled"), _switch(timing, "eager", "run_eagerly=True")
        yield from told(
            timing,
            Cause(
                kind="eager-step",
                title=f"The step runs eagerly; compiled it is {times(1 / ratio)} faster",
                saved=max(0.0, 1 - ratio) * cached * timing.steps,
                saved_step=timing.stepping * max(0.0, 1 - ratio),
                rest=timing.with_step(min(1.0, ratio)),
                tried=("compiled",),
                why=f"`{switch}` starts each operation from Python; it is meant for debugging.",
                location=SourceSpan(expression=switch),
                evidence=(Evidence("step, eager", cached, "s"), Evidence("step, compiled", compiled, "s")),
                fixes=(
                    Fix(
                        f"leave out `{switch}`",
                        None,
                        True,
                        {"step": f"{1e3 * cached:.2g} ms"},
                        {"step": f"{1e3 * compiled:.2g} ms"},
                    ),
                ),
            ),
        )


def _switch(timing: Timing, kind: str, otherwise: str = "") -> str:
    """Returns the settings of this kind as they stand in a program."""
    return "; ".join(map(str, listing(timing.fact("switches").get(kind)))) or otherwise


@detector(kinds=("debug-mode",), slug="speed-debugging")
def debug_mode(view: RunView) -> Iterator[Finding]:
    """Checks for debugging run in every step."""
    for timing in judged(view):
        cached, bare = timing.experiments.get("cached"), timing.experiments.get("unchecked")
        switch = _switch(timing, "checks")
        if cached is None or bare is None or not switch:
            continue
        ratio = timing.ratio("unchecked")
        yield from told(
            timing,
            Cause(
                kind="debug-mode",
                title=f"Checks for debugging take {100 * (1 - ratio):.0f} % of the step",
                saved=max(0.0, 1 - ratio) * cached * timing.steps,
                saved_step=timing.stepping * max(0.0, 1 - ratio),
                rest=timing.with_step(min(1.0, ratio)),
                tried=("unchecked",),
                why=f"`{switch}` looks at the numbers of every operation; it is meant for finding one fault.",
                location=SourceSpan(expression=switch),
                evidence=(Evidence("step", cached, "s"), Evidence("step without checks", bare, "s")),
                fixes=(
                    Fix(
                        f"leave out `{switch}`",
                        None,
                        True,
                        {"step": f"{1e3 * cached:.2g} ms"},
                        {"step": f"{1e3 * bare:.2g} ms"},
                    ),
                ),
            ),
        )


@detector(kinds=("slow-metric",), slug="speed-metrics")
def slow_metric(view: RunView) -> Iterator[Finding]:
    """Metrics take a large part of the step."""
    for timing in judged(view):
        cached, bare = timing.experiments.get("cached"), timing.experiments.get("no metrics")
        if cached is None or bare is None:
            continue
        ratio = timing.ratio("no metrics")
        if not (1 - ratio) * timing.cost("cached") > LEAST_METRIC:
            continue
        yield from told(
            timing,
            Cause(
                kind="slow-metric",
                title=f"The metrics take {100 * (1 - ratio):.0f} % of the step",
                saved=(1 - ratio) * cached * timing.steps,
                saved_step=timing.stepping * (1 - ratio),
                rest=timing.with_step(ratio),
                tried=("no metrics",),
                least=1.6,
                why="They are updated in every step, of the training too.",
                location=places.metric_place(timing),
                evidence=(Evidence("step", cached, "s"), Evidence("step without metrics", bare, "s")),
                fixes=(
                    Fix(
                        "compute them on the validation data only, or from fewer thresholds or classes",
                        None,
                        True,
                        {"step": f"{1e3 * cached:.2g} ms"},
                        {"step": f"{1e3 * bare:.2g} ms"},
                    ),
                ),
            ),
        )


@detector(kinds=("python-in-step",), slug="speed-python")
def python_in_step(view: RunView) -> Iterator[Finding]:
    """The step runs the user's Python or NumPy code, called from the compiled program or beside it."""
    for timing in judged(view):
        yield from told(timing, _called_back(timing) or _plain_python(timing), _small_operations(timing))


def _called_back(timing: Timing) -> Cause | None:
    calls = [row for row in timing.called_back() if not row.get("feeding")]
    stepping = timing.spent("step")
    if not calls or timing.spent("data") > stepping:
        return None
    seconds = sum(number(call.get("seconds")) for call in calls)
    worst = calls[0]
    return Cause(
        kind="python-in-step",
        title=f"The step calls the Python function `{worst.get('function')}`",
        saved=min(seconds, stepping),
        saved_step=_skipping(timing)[0],
        rest=_skipping(timing)[1],
        tried=_SKIPPED,
        why="The compiled program stops, copies its values to the host, and waits for Python.",
        location=places.span(timing.view, worst.get("file"), worst.get("line")),
        evidence=(
            Evidence("calls", number(worst.get("count"))),
            Evidence("in it", seconds, "s"),
            *_skipped(timing),
        ),
        fixes=(Fix("write it with `keras.ops`, or move it into the data pipeline"),),
    )


_SKIPPED = ("without Python", "with Python")


def _skipping(timing: Timing) -> tuple[float | None, float | None]:
    """Returns what a step would save and what it would take, where it was run with the Python skipped."""
    ratio = timing.ratio(*_SKIPPED)
    if not math.isfinite(ratio):
        return None, None
    return timing.stepping * max(0.0, 1 - ratio), timing.with_step(min(1.0, ratio))


def _skipped(timing: Timing) -> tuple[Evidence, ...]:
    seconds = timing.experiments.get("without Python")
    return () if seconds is None else (Evidence("step with it skipped", seconds, "s"),)


def _plain_python(timing: Timing) -> Cause | None:
    lines = timing.lines("step")
    seen = timing.seen("step")
    plain = sum(number(row.get("plain")) for row in lines)
    if not lines or seen < 0.05 or not math.isfinite(plain):
        return None
    worst = max(lines, key=lambda row: number(row.get("plain")))
    return Cause(
        kind="python-in-step",
        title="The step runs plain Python or NumPy code",
        saved=timing.spent("step") * plain / seen,
        saved_step=_skipping(timing)[0],
        rest=_skipping(timing)[1],
        tried=_SKIPPED,
        why="The device has nothing to do while this line runs, in every step.",
        location=places.span(timing.view, worst.get("file"), worst.get("line")),
        evidence=(
            Evidence("of the step, by samples of the stack", f"{100 * plain / seen:.0f} %"),
            *_skipped(timing),
        ),
        fixes=(Fix("write it with `keras.ops`, or move it out of the step"),),
    )


def _small_operations(timing: Timing) -> Cause | None:
    """Hundreds of operations that one function of the user's starts, none of which has much to compute."""
    found = timing.fact("operators")
    rows = [mapping(row) for row in listing(found.get("started"))]
    forward = number(found.get("all")) - number(found.get("backward"))
    if not rows or not forward > 0:
        return None
    count, each = number(rows[0].get("count")), timing.stepping / number(found.get("all"))
    part = count / forward  # of the backward pass as of the forward one: each operation has its gradient
    if count < MANY_OPERATIONS or part < 0.5 or not each < SMALL_OPERATION:
        return None
    return Cause(
        kind="python-in-step",
        title=f"The step starts {count:.0f} small operations in `{rows[0].get('function')}`",
        saved=part * timing.stepping * timing.steps,
        saved_step=part * timing.stepping,
        rest=timing.with_step(1 - part),
        why="Starting an operation takes longer than computing it: the device waits for Python most of the time.",
        location=places.span(timing.view, rows[0].get("file"), rows[0].get("line")),
        evidence=(
            Evidence("operations of a step", number(found.get("all"))),
            Evidence("one takes, started and computed", each, "s"),
        ),
        fixes=(Fix("replace its loop by operations on whole tensors"),),
        at_most=True,
        sure=0.9,
    )


def _alike(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Returns the layers of that class which takes longest, the longest first."""
    kinds = {str(row.get("class")) for row in rows}
    groups = [[row for row in rows if str(row.get("class")) == kind] for kind in sorted(kinds)]
    return max(groups, key=lambda group: sum(map(layer_seconds, group)))


_LEFT_OUT = ("without layer", "with layer")
_SMALL_OPERATIONS = (
    "It works far below what this machine can do: many small operations instead of few large ones.",
    "replace the loop in its `call` by operations on whole tensors",
)
_PREPARING = (
    "It prepares the data inside the step, and the step waits for it, although nothing in it is trained.",
    "do it where the data are made: `dataset.map(layer, num_parallel_calls=AUTOTUNE)`, or a PyDataset with workers",
)


@detector(kinds=("slow-layer",), slug="speed-layers")
def slow_layer(view: RunView) -> Iterator[Finding]:
    """A layer of the user's own, or of preprocessing, or all of its class, take most of the step."""
    for timing in judged(view):
        cached = timing.experiments.get("cached", math.nan)
        rows = [row for row in timing.layers() if row.get("own") is False or row.get("prepares") is True]
        if not rows or not math.isfinite(cached):
            continue
        alike = _alike(rows)
        worst, seconds = alike[0], sum(map(layer_seconds, alike))
        forward = sum(number(row.get("forward")) * number(row.get("calls")) for row in alike)
        rate = sum(number(row.get("flops")) for row in alike) / forward if forward > 0 else math.nan
        prepares = worst.get("prepares") is True
        if seconds < 0.5 * cached or (rate > 0.02 * timing.peak() and not prepares):
            continue
        why, cure = _PREPARING if prepares else _SMALL_OPERATIONS
        evidence = [Evidence("layer, forward and gradient", seconds, "s"), Evidence("step", cached, "s")]
        if math.isfinite(rate):
            evidence.append(Evidence("rate", f"{show(rate / 1e9)} of {show(timing.peak() / 1e9)} GFLOP/s"))
        layer = str(worst.get("layer"))
        place = places.span(timing.view, worst.get("file"), worst.get("line"))
        part = min(1.0, seconds / cached)
        group = f"{len(alike)} layers of `{worst.get('class')}` take"
        what = f"Layer `{layer}` takes" if len(alike) == 1 else group
        removed = len(alike) == 1 and timing.removed == layer and "without layer" in timing.experiments
        if removed:
            part = max(0.0, 1 - timing.ratio(*_LEFT_OUT))
            left = timing.experiments["without layer"]
            evidence.append(Evidence("step with the layer left out", left, "s"))
        elif seconds < LEAST_ALONE:
            continue
        yield from told(
            timing,
            Cause(
                kind="slow-layer",
                title=f"{what} {100 * part:.0f} % of the step",
                saved=part * cached * timing.steps,
                saved_step=timing.stepping * part,
                rest=timing.with_step(1 - part),
                tried=_LEFT_OUT if removed else (),
                why=why,
                location=dataclasses.replace(place, layer=layer),
                evidence=tuple(evidence),
                fixes=(Fix(cure),),
                at_most=True,
                sure=0.9,
            ),
        )


@detector(kinds=("float64",), slug="speed-float64")
def float64(view: RunView) -> Iterator[Finding]:
    """The layers compute in float64."""
    for timing in judged(view):
        rows = timing.layers()
        whole = sum(layer_seconds(row) for row in rows)
        double = sum(layer_seconds(row) for row in rows if row.get("dtype") == "float64")
        tried = timing.ratio("float32")
        ratio = 1 / tried if math.isfinite(tried) else timing.peak("float32") / timing.peak("float64")
        what = "The model's step" if math.isfinite(tried) else "A matrix product"
        if not whole or double < 0.5 * whole or not math.isfinite(ratio) or ratio <= 1:
            continue
        stepping = timing.clean("step")
        yield from told(
            timing,
            Cause(
                kind="float64",
                title="The layers compute in float64",
                saved=stepping * (1 - 1 / ratio),
                saved_step=timing.stepping * (1 - 1 / ratio),
                rest=timing.with_step(1 / ratio),
                tried=("float32",) if math.isfinite(tried) else (),
                least=1.1,
                why=f"{what} in float32 is {times(ratio)} faster on this machine and takes half the memory.",
                location=SourceSpan(expression='dtype="float64"'),
                evidence=(Evidence("float32 against float64, measured", times(ratio)),),
                fixes=(Fix('keep `keras.config.floatx()` at "float32", and the data too'),),
                at_most=True,
            ),
        )
