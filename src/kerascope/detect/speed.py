"""What makes a training slow, and what would be gained without it: judged from what a profile measured.

Every verdict is a share of the training's own time (set-up and compiling left out) over at least 20 steps, and every
gain a counterfactual: the same training less the seconds that the cause takes, or a step that was run without it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping

from kerascope.detect import speed_places as places
from kerascope.detect.reading import model_tag, number, plural
from kerascope.detect.registry import detector
from kerascope.detect.timing import (
    CHECKPOINTS,
    PROGRESS,
    QUIET,
    Timing,
    callback_of,
    label_of,
    profiled,
    timings,
)
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding, Fix, SourceSpan

GAIN = 1.25
"""What is worth a change: a quarter faster. Less than that drowns in what two runs of one program differ by."""

ROUTINE = 1.7
"""For what every training does, batches cut out of arrays, a progress bar, a checkpoint: short ones are full of it."""

FEWEST_STEPS = 20
SHORTEST = 0.1
"""Seconds of training below which nothing is judged."""

SMALL_BATCH = 12
"""A batch of a dozen or more is a usual choice, also where it costs: a larger batch is another training."""

NOWHERE = SourceSpan()

SHARE = "{share}"
"""Stands in a title for the share of the time that the cause takes."""

_UNKNOWN = 0.8
"""How unsure what is left may be, as a part of it, for a bound of what is gained."""
LEAST_STEP = 1e-3
"""Seconds per step. Below it lie the costs of Keras itself, which no program gets rid of."""

LEAST_CALL = 1e-4
"""The same for a callback of the user's: calling one that does nothing takes some microseconds."""

LEAST_WAIT = 3e-4
"""The same for a wait that was compared with that for batches out of arrays."""

LEAST_ARRAYS = 5e-2
"""The same for batches cut out of arrays that are in memory: nothing is prepared, and a busy machine delays them."""


def judged(view: RunView) -> Iterator[Timing]:
    """Yields the trainings long enough for a verdict, of a profile only."""
    if profiled(view):
        for timing in timings(view):
            if timing.steps >= FEWEST_STEPS and timing.trained >= SHORTEST:
                yield timing


def gain(timing: Timing, saved: float) -> float:
    """Returns how many times faster the training would be with so many seconds less."""
    whole = timing.trained
    return whole / max(whole - min(saved, whole), 1e-3 * whole)


def times(factor: float) -> str:
    """Returns a factor as text, e.g. "2.6 times"."""
    return f"{factor:.1f} times" if factor < 20 else f"{factor:.0f} times"


def _certainty(factor: float) -> float:
    """From 0.85 at the threshold to 0.99: the larger the gain, the less noise can be behind it."""
    return min(0.99, 0.85 + 0.14 * (1 - GAIN / max(factor, GAIN)) * 2)


@dataclasses.dataclass(frozen=True)
class Cause:
    """A cause before it is told: what it takes and where it stands."""

    kind: str
    title: str
    saved: float
    why: str
    location: SourceSpan = NOWHERE
    evidence: tuple[Evidence, ...] = ()
    fixes: tuple[Fix, ...] = ()
    least: float = GAIN
    at_most: bool = False
    saved_step: float | None = None  # of a usual step, where the cause is part of every step
    rest: float | None = None  # what a step without the cause takes, where that was measured
    sure: float = 1.0
    phases: tuple[str, ...] = ()
    """Of the training, that would be gone; what is left is as unsure as the other phases."""
    tried: tuple[str, ...] = ()
    """The experiment without the cause, and what it is compared with."""

    def finding(self, timing: Timing) -> Finding | None:
        """Returns the finding when the gain is worth it."""
        factor, part = gain(timing, self.saved), min(1.0, self.saved / timing.trained)
        doubt = timing.noise() / timing.usual_step
        low, high = factor / (1 + doubt), factor / max(1 - doubt, 0.1)
        if (
            self.saved_step is not None
            and math.isfinite(self.saved_step)
            and math.isfinite(timing.usual_step)
        ):
            # Medians of steps: a few that were interrupted by another process do not count.
            step, between = timing.usual_step, timing.between / timing.steps
            saved = min(self.saved_step, step)
            rest = step - saved if self.rest is None or not math.isfinite(self.rest) else self.rest
            rest = min(max(rest, 1e-2 * step), step)
            # With and without, on the same footing; less where the device computes meanwhile.
            whole = min(step, rest + saved)
            factor, part = (whole + between) / (rest + between), saved / (max(step, rest + saved) + between)
            low, high = self._bounds(timing, whole + between, rest + between)
        if factor < self.least:
            return None
        measured = (
            Evidence("of the training's own time", f"{100 * part:.0f} %"),
            Evidence(
                "without it at most" if self.at_most else "without it",
                f"{times(factor)} faster{bounds_said(low, high)}",
            ),
            Evidence("measured on", self._measured(timing)),
        )
        return Finding(
            kind=self.kind,
            severity="warning",
            confidence=round(self.sure * _certainty(factor), 2),
            title=self.title.replace(SHARE, f"{100 * part:.0f} %"),
            explanation=self.why,
            location=self.location,
            evidence=(*measured, *self.evidence, *model_tag(timing.view, timing.model)),
            fixes=self.fixes,
        )

    def _bounds(self, timing: Timing, whole: float, rest: float) -> tuple[float, float]:
        """Returns the bounds in which noise leaves the gain: those of the step as it is and of what was measured."""
        if self.tried and timing.rounds(*self.tried):
            left = timing.stepping * timing.ratio(*self.tried) * timing.ratio_noise(*self.tried)
        else:  # what is left of the same steps
            left = timing.noise(*self.phases) if self.phases else timing.noise() * rest / whole
        here = timing.noise()
        most = (whole + here) / (rest - left) if left < _UNKNOWN * rest else math.inf
        return (whole - here) / (rest + left), most

    def _measured(self, timing: Timing) -> str:
        usual = plural(len(timing.usual[0]), "usual step")
        rounds = timing.rounds(*self.tried) if self.tried else 0
        return f"{usual}; {rounds} beside the training" if rounds else usual


def bounds_said(low: float, high: float) -> str:
    """Returns the bounds of a gain as text, nothing where noise leaves none."""
    if math.isnan(low) or math.isnan(high):
        return ""
    low = max(low, 1.0)
    if math.isinf(high):
        return f", at least {low:.1f} by the noise"
    ends = [f"{end:.1f}" if high < 20 else f"{end:.0f}" for end in (low, high)]
    return f", {ends[0]} to {ends[1]} by the noise" if ends[0] != ends[1] else ""


def told(timing: Timing, *causes: Cause | None) -> Iterator[Finding]:
    """Yields the findings of those causes that are worth a change."""
    for cause in causes:
        if cause is not None and (found := cause.finding(timing)) is not None:
            yield found


@detector(kinds=("input-bound",), slug="speed-input")
def input_bound(view: RunView) -> Iterator[Finding]:
    """The step waits for its batch."""
    for timing in judged(view):
        stalls = sum(event.facts.get("phase") in ("data", "outside") for event in view.events("stall"))
        waiting = timing.waiting(stalls)
        per_step = timing.per_step("data", "outside")
        mean = waiting / timing.steps
        steady = per_step > 0.5 * mean  # a pipeline that delivers in bursts has a small median
        least = LEAST_STEP if math.isnan(number(timing.fact("arrays").get("both"))) else LEAST_WAIT
        if (per_step if steady else mean) < (LEAST_ARRAYS if places.in_memory(timing) else least):
            continue
        cached = timing.experiments.get("cached", math.nan)
        evidence = [Evidence("waiting per step", per_step, "s"), Evidence("usual step", timing.step, "s")]
        if math.isfinite(cached):
            evidence.append(Evidence("step with a cached batch", cached, "s"))
        where, what = places.data_place(timing)
        evidence += places.pipeline(timing)
        tried = places.tried_source(timing)
        yield from told(
            timing,
            Cause(
                kind="input-bound",
                title=f"{SHARE} of each step waits for data",
                saved=waiting,
                why=f"{what} The step stands still while a batch is made.",
                location=where,
                saved_step=per_step if steady else mean,
                rest=timing.rest("step", "data", "outside") + timing.fed,
                phases=("data", "outside"),
                evidence=tuple(evidence),
                fixes=(*tried, Fix(places.data_cure(timing))),
                at_most=True,
                least=ROUTINE if places.in_memory(timing) else GAIN,
            ),
        )


@detector(kinds=("callback-bound",), slug="speed-callbacks")
def callback_bound(view: RunView) -> Iterator[Finding]:
    """One callback takes a large part of the time, or all of them together do."""
    for timing in judged(view):
        names: dict[str, list[str]] = {}
        for phase in timing.phases:
            callback = callback_of(phase)
            if callback is not None and callback not in QUIET:
                names.setdefault(callback, []).append(phase)
        alone = list(told(timing, *(_callback(timing, hooks) for hooks in names.values())))
        yield from alone or told(timing, _callbacks(timing, names))


def _callback(timing: Timing, hooks: list[str]) -> Cause | None:
    seconds = timing.clean(*hooks)
    inside = [hook for hook in hooks if "batch" in hook]
    mostly = timing.spent(*inside) > 0.9 * timing.spent(*hooks)
    name = callback_of(hooks[0])
    routine = name in (*PROGRESS, *CHECKPOINTS)
    if mostly and not timing.part(*inside) >= (LEAST_STEP if routine else LEAST_CALL):
        return None
    where, reads = places.callback_place(timing, hooks)
    heaviest = max(hooks, key=lambda name: timing.phases[name]).rpartition(".")[2]
    evidence = [Evidence("in", heaviest), Evidence("per step", seconds / timing.steps, "s"), *reads]
    rarely = "every N-th batch, or at the end of an epoch"
    cure = rarely if "batch" in heaviest else "less often, or in another process"
    return Cause(
        kind="callback-bound",
        title=f"The {label_of(hooks[0])} {'take' if name in CHECKPOINTS else 'takes'} {SHARE} of the training",
        saved=seconds,
        saved_step=timing.part(*inside) if mostly else None,
        rest=timing.rest(*inside) if mostly else None,
        phases=tuple(inside),
        why=f"`{heaviest}` runs between the steps, and the training waits for it.",
        location=where,
        evidence=tuple(evidence),
        fixes=(Fix(f"do it {cure}"),),
        least=ROUTINE if routine else GAIN,
    )


def _callbacks(timing: Timing, names: Mapping[str, list[str]]) -> Cause | None:
    """Callbacks each of which is worth nothing: what they do in every batch, together."""
    own = {name: hooks for name, hooks in names.items() if name not in (*PROGRESS, *CHECKPOINTS)}
    inside = [hook for hooks in own.values() for hook in hooks if "batch" in hook]
    each = {name: timing.part(*(hook for hook in hooks if hook in inside)) for name, hooks in own.items()}
    ranked = sorted((name for name in each if each[name] > 0), key=lambda name: -each[name])
    if len(ranked) < 2 or not sum(each.values()) >= 2 * LEAST_CALL:
        return None
    where, reads = places.callback_place(timing, own[ranked[0]])
    return Cause(
        kind="callback-bound",
        title=f"{len(ranked)} callbacks together take {SHARE} of the training",
        saved=timing.clean(*inside),
        saved_step=timing.part(*inside),
        rest=timing.rest(*inside),
        phases=tuple(inside),
        why="None of them takes much, but all run between the steps, and the training waits for them.",
        location=where,
        evidence=(*(Evidence(f"{name}, per step", each[name], "s") for name in ranked[:4]), *reads),
        fixes=(Fix("do it every N-th batch, or at the end of an epoch"),),
    )


@detector(kinds=("slow-validation",), slug="speed-validation")
def slow_validation(view: RunView) -> Iterator[Finding]:
    """Validation takes longer than the training itself."""
    for timing in judged(view):
        seconds = timing.spent("validation")
        yield from told(
            timing,
            Cause(
                kind="slow-validation",
                title=f"Validation takes {SHARE} of the training",
                saved=seconds,
                least=2.0,
                why="More time goes into evaluating the model than into training it.",
                location=SourceSpan(expression="fit(validation_data=...)"),
                evidence=(
                    Evidence("validation", seconds, "s"),
                    Evidence("training", timing.trained - seconds, "s"),
                ),
                fixes=(
                    Fix(
                        "validate every few epochs: `validation_freq`, or on fewer batches: `validation_steps`"
                    ),
                ),
            ),
        )


@detector(kinds=("recompilation",), slug="speed-recompilation")
def recompilation(view: RunView) -> Iterator[Finding]:
    """Programs are made again and again."""
    for timing in timings(view) if profiled(view) else ():
        again = [row for row in timing.compiles() if row["repeat"]]
        seconds = sum(number(row.get("seconds")) for row in again)
        whole = timing.trained + seconds
        if timing.steps < FEWEST_STEPS or whole < SHORTEST or not timing.trained > 0:
            continue  # compiling is part of how long a training was
        if not again or seconds < 0.2 * whole or (len(again) < 3 and seconds < 1.0):
            continue
        worst = max(again, key=lambda row: number(row.get("seconds")))
        factor = whole / timing.trained
        argument, why, cure = places.recompile_reason(timing, again)
        yield Finding(
            kind="recompilation",
            severity="warning",
            confidence=round(_certainty(factor), 2),
            title=f"{plural(len(again), 'more program')} compiled: {100 * seconds / whole:.0f} % of the training",
            explanation=why,
            location=SourceSpan(expression=argument, step=int(worst.get("step") or 0) or None),
            evidence=(
                Evidence("compiling again", seconds, "s", steps=tuple(int(row["step"]) for row in again)),
                Evidence("without it", f"{times(factor)} faster"),
                *places.changes(again),
                *model_tag(view, timing.model),
            ),
            fixes=(places.recompile_fix(timing, again, cure),),
        )


@detector(kinds=("overhead-bound",), slug="speed-overhead")
def overhead_bound(view: RunView) -> Iterator[Finding]:
    """Steps so small that starting them costs more than computing them; or many trainings of few steps."""
    for timing in judged(view):
        yield from told(timing, _small_batch(timing), _set_ups(timing))


def _small_batch(timing: Timing) -> Cause | None:
    cached, larger = timing.experiments.get("cached"), timing.experiments.get("larger")
    if (
        cached is None
        or larger is None
        or not 0 < timing.batch < SMALL_BATCH
        or not math.isfinite(timing.step)
    ):
        return None
    ratio, many = timing.ratio("larger"), timing.multiple("larger")
    if not ratio <= many / 4:
        return None
    rest = timing.step - timing.per_step("data", "outside")
    new = max(rest + (ratio - 1) * cached, cached) / many
    return Cause(
        kind="overhead-bound",
        title=f"A batch of {timing.batch} is too small: {many} times as many samples take {ratio:.1f} times as long",
        saved=max(0.0, rest - new) * timing.steps,
        saved_step=rest - new,
        tried=("larger",),
        why="Most of a step is the cost of starting it, which does not depend on the batch.",
        location=SourceSpan(expression=f"batch_size={timing.batch}"),
        evidence=(
            Evidence(f"step with {timing.batch} samples", cached, "s"),
            Evidence(f"step with {many * timing.batch} samples", larger, "s"),
        ),
        fixes=(
            *places.tried_executions(timing),
            Fix(
                f"batch_size={many * timing.batch} (look at the learning rate again)",
                verified=True,
                before={"samples per second in the step": round(timing.batch / cached)},
                after={"samples per second in the step": round(many * timing.batch / (ratio * cached))},
            ),
        ),
        least=1.5,
        sure=0.8,  # behind what can be mended without another batch
    )


def _set_ups(timing: Timing) -> Cause | None:
    seconds = timing.spent("set-up", "build", "compile")
    if timing.trainings < 4 or seconds < timing.trained:
        return None
    return Cause(
        kind="overhead-bound",
        title=f"`fit` was called {timing.trainings} times; getting ready takes longer than training",
        saved=timing.trained * (1 - timing.trained / (timing.trained + seconds)),
        why="Each call of `fit` prepares data and callbacks, and after each `compile` makes its program anew.",
        location=SourceSpan(expression="fit"),
        evidence=(Evidence("set-up and compiling", seconds, "s"), Evidence("training", timing.trained, "s")),
        fixes=(Fix("one `fit` over all epochs, or `train_on_batch` in a loop; `compile` once before it"),),
    )
