"""Where the time of a recorded training went: the account of its phases, usual steps, and what a profile measured."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kerascope.detect.reading import listing, mapping, median, number
from kerascope.record.reader import ModelView, RunView

NOTCH = 1.57
"""Of the interquartile range over the root of the number: a median's 95 % bounds (McGill, Tukey and Larsen, 1978)."""

SYNCED, STACKS, SAMPLED = 1, 2, 4
_FIRST = 3
_FEW = 20
_ENOUGH = 5
"""Steps that were waited for from which they are judged alone."""

CHECKPOINTS = ("ModelCheckpoint", "BackupAndRestore", "OrbaxCheckpoint", "SwapEMAWeights")
PROGRESS = ("ProgbarLogger", "TqdmCallback")
QUIET = ("History",)
_LABELS = {
    "data": "waiting for data",
    "step": "training step",
    "compile": "tracing and compiling",
    "set-up": "set-up",
    "build": "building the model",
    "validation": "validation",
    "metrics": "metrics at the epoch's end",
    "logs": "reading the logs",
    "keras": "Keras's own loop",
    "kerascope": "kerascope",
    "ending": "letting go of the data",
    "outside": "your code between the steps",
}


def callback_of(phase: str) -> str | None:
    """Returns the class of the callback whose phase this is, None when it is none."""
    return phase.removeprefix("callback:").rpartition(".")[0] if phase.startswith("callback:") else None


def label_of(phase: str) -> str:
    """Returns the phase in words; all hooks of a callback have one label."""
    callback = callback_of(phase)
    if callback is None:
        return _LABELS.get(phase, phase)
    if callback in PROGRESS:
        return "progress bar"
    return f"checkpoints ({callback})" if callback in CHECKPOINTS else f"callback {callback}"


@dataclasses.dataclass(frozen=True)
class Timing:
    """The account of one model over all its trainings."""

    view: RunView
    model: ModelView
    wall: float
    cpu: float
    phases: Mapping[str, float]
    trainings: int
    steps: int

    @classmethod
    def of(cls, view: RunView, model: ModelView) -> Timing | None:
        """Returns the account, None when the recording holds none."""
        wall = cpu = 0.0
        phases: dict[str, float] = {}
        count = 0
        for training in model.trainings():
            account = mapping(training.facts.get("time"))
            seconds = number(account.get("wall"))
            if not math.isfinite(seconds) or seconds <= 0:
                continue
            wall += seconds
            cpu += max(0.0, float(np.nan_to_num(number(account.get("cpu")))))
            count += 1
            for name, value in mapping(account.get("phases")).items():
                spent = number(value)
                if math.isfinite(spent) and spent > 0:
                    phases[str(name)] = phases.get(str(name), 0.0) + spent
        if not wall:
            return None
        return cls(view, model, wall, cpu, phases, count, len(model.steps().step))

    def spent(self, *names: str) -> float:
        """Returns the seconds of these phases together."""
        return sum(self.phases.get(name, 0.0) for name in names)

    @property
    def trained(self) -> float:
        """Seconds of training: without set-up, building, compiling, the end of `fit` and kerascope itself."""
        return max(self.wall - self.spent("set-up", "build", "compile", "ending", "kerascope"), 1e-9)

    @functools.cached_property
    def usual(self) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Steps without compilation, sampled stacks or statistics: seconds, whether synced, and those by phase."""
        table = self.model.timings()
        seconds = np.nan_to_num(np.asarray(table.seconds, np.float64))
        names = list(table.names)
        flags = np.asarray(table.flags)
        good = np.asarray(table.step) > _FIRST
        for name in ("compile", "validation", "metrics"):  # these belong to few steps
            if name in names:
                good &= seconds[:, names.index(name)] == 0
        clean = good & ((flags & (STACKS | SAMPLED)) == 0)
        good = clean if clean.sum() >= _FEW else good & ((flags & SAMPLED) == 0)
        own = seconds[:, names.index("kerascope")] if "kerascope" in names else np.zeros(len(seconds))
        total = (seconds.sum(axis=1) if names else np.zeros(0)) - own
        by_name = {name: seconds[good, i] for i, name in enumerate(names) if name != "kerascope"}
        return total[good], (flags[good] & SYNCED) > 0, by_name

    @functools.cached_property
    def step(self) -> float:
        """Median seconds of a usual step that did not wait for the device on purpose; NaN when there is none."""
        total, synced, _ = self.usual
        return median(total[~synced] if (~synced).sum() >= 3 else total)

    @property
    def between(self) -> float:
        """Seconds of what does not belong to single steps: validation, metrics, callbacks at the ends of epochs."""
        return self.spent(
            *(
                name
                for name in self.phases
                if name in ("validation", "metrics")
                or name.endswith(("epoch_begin", "epoch_end", "train_end"))
            )
        )

    @property
    def between_epochs(self) -> float:
        """What part of the wait for data comes after the last step of an epoch; NaN of a single epoch."""
        table, steps = self.model.timings(), self.model.steps()
        names = list(table.names)
        edges = np.flatnonzero((np.diff(steps.training) != 0) | (np.diff(steps.epoch) != 0)) + 1
        if "data" not in names or not len(edges):
            return math.nan
        last = np.isin(np.asarray(table.step), steps.step[[*(edges - 1), -1]])
        waits = np.nan_to_num(np.asarray(table.seconds, np.float64)[:, names.index("data")])
        return float(waits[last].sum() / max(waits.sum(), 1e-9))

    def waiting(self, stalls: int) -> float:
        """Seconds in all that steps waited for their data, without the longest waits where so many were stalls."""
        table = self.model.timings()
        columns = [index for index, name in enumerate(table.names) if name in ("data", "outside")]
        seconds = np.nan_to_num(np.asarray(table.seconds, np.float64)[:, columns]).sum(axis=1)
        stalled = float(np.sort(seconds)[len(seconds) - stalls :].sum())
        return self.spent("data", "outside") - stalled

    def per_step(self, *names: str) -> float:
        """Median seconds of these phases in a usual step.

        Where steps waited for the device, those: elsewhere a phase may only have waited for what ran before it.
        """
        total, _, by_name = self.usual
        if not len(total):
            return math.nan
        parts = sum((by_name[name] for name in names if name in by_name), np.zeros(len(total)))
        return median(parts[self._waited])

    def _part(self, name: str, among: np.ndarray) -> float:
        """Median seconds of one phase; the mean of one that comes in bursts, every so many steps."""
        seconds = self.usual[2][name]
        middle, mean = median(seconds[among]), float(seconds.mean())
        bursts = name in ("data", "outside") or callback_of(name) is not None
        return mean if bursts and middle < 0.5 * mean else middle

    def part(self, *names: str) -> float:
        """Seconds of these phases in a usual step, those that come every so many steps with their share."""
        total, _, by_name = self.usual
        found = (self._part(name, self._waited) for name in names if name in by_name)
        return sum(found) if len(total) else math.nan

    @functools.cached_property
    def usual_step(self) -> float:
        """Seconds of a usual step as the sum of its phases: what another program takes hits each in other steps.

        Not less than the device computes: of steps that are only started, reading the logs of an epoch waits for all.
        """
        total, synced, by_name = self.usual
        if not len(total):
            return math.nan
        among = ~synced if (~synced).sum() >= 3 else np.ones(len(total), bool)
        return float(np.fmax(sum(self._part(name, among) for name in by_name), self.stepping))

    def noise(self, *without: str) -> float:
        """Half of the 95 % bounds of a usual step's median without these phases, in seconds; NaN where unknown."""
        total, _, by_name = self.usual
        if not len(total):
            return math.nan
        parts = total - sum((by_name[name] for name in without if name in by_name), np.zeros(len(total)))
        return notch(parts[self._waited])

    def rest(self, *without: str) -> float:
        """Seconds of a usual step without these phases: the step as it was measured beside the training, and the rest.

        A step that follows another one at once is faster than one after a long wait, in which caches were emptied.
        """
        total, _, by_name = self.usual
        if not len(total):
            return math.nan
        parts = {name: self._part(name, self._waited) for name in by_name if name not in without}
        if "step" in parts:
            parts["step"] = min(parts["step"], self.experiments.get("cached", math.inf))
        return sum(parts.values())

    def clean(self, *names: str) -> float:
        """Seconds of these phases in all, a wait for the device that they did not cause left out."""
        inside = {
            n
            for n in names
            if n in self.usual[2] and not n.endswith(("epoch_begin", "epoch_end", "train_end"))
        }
        rest = self.spent(*(set(names) - inside))
        usual = self.per_step(*inside) * self.steps if inside else 0.0
        spent = self.spent(*inside)
        return rest + (min(usual, spent) if math.isfinite(usual) and self._waits else spent)

    @property
    def _waits(self) -> bool:
        return bool(self.usual[1].sum() >= _ENOUGH)

    @property
    def _waited(self) -> np.ndarray:
        """Which usual steps were waited for; all of them where too few were."""
        synced = self.usual[1]
        return synced if self._waits else np.ones(len(synced), bool)

    @property
    def stepping(self) -> float:
        """Seconds of the training step itself, as it was measured beside the training where that is less."""
        return min(self.per_step("step"), self.experiments.get("cached", math.inf))

    def with_step(self, ratio: float) -> float:
        """Seconds of a usual step in which the training step itself takes `ratio` of what it takes."""
        return self.rest("step") + ratio * self.stepping

    @property
    def fed(self) -> float:
        """Seconds of a step whose batch Keras cuts out of arrays; of one whose batch is there where that is unknown."""
        found = self.fact("arrays")
        alone, both = number(found.get("alone")), number(found.get("both"))
        known = [one for one in (self.stepping + alone, both) if math.isfinite(one)]
        return min(known, default=self.stepping)

    # -- what a profile measured ----------------------------------------------------------------------------------

    def facts(self, what: str) -> Iterator[Mapping[str, Any]]:
        """Yields the facts of one measurement."""
        for event in self.view.events("profile"):
            if event.model == self.model.id and event.facts.get("what") == what:
                yield event.facts

    def fact(self, what: str) -> Mapping[str, Any]:
        """Returns the last facts of one measurement, empty when there are none."""
        return next(reversed(list(self.facts(what))), {})

    @functools.cached_property
    def experiments(self) -> dict[str, float]:
        """Median seconds of a step in each experiment."""
        found = {str(f.get("name")): number(f.get("seconds")) for f in self.facts("experiment")}
        return {name: seconds for name, seconds in found.items() if math.isfinite(seconds) and seconds > 0}

    @property
    def removed(self) -> str:
        """The layer without which the step was tried, "" when none was."""
        return next(
            (str(f.get("layer")) for f in self.facts("experiment") if f.get("name") == "without layer"), ""
        )

    def multiple(self, name: str) -> int:
        """How many steps, or times as many samples, an experiment ran at once; 1 where it is not recorded."""
        times = [number(f.get("times")) for f in self.facts("experiment") if f.get("name") == name]
        return int(times[0]) if times and math.isfinite(times[0]) else 1

    def ratio(self, name: str, base: str = "cached") -> float:
        """Time of a step in an experiment over that of the step as it is, on the same cached batch; NaN when unknown.

        Where the processor computes it is CPU time, which other programs on the machine do not lengthen.
        """
        both = [self._costs(name), self._costs(base)]
        busy = all(cpu > 0.3 * wall for wall, cpu in both)
        (wall, cpu), (whole, whole_cpu) = both
        if busy and self._on_cpu:
            return cpu / whole_cpu
        return wall / whole if whole > 0 else math.nan

    def first(self, name: str) -> float:
        """Seconds until an experiment had run twice, compiling included; NaN when unknown."""
        return number(next((f for f in self.facts("experiment") if f.get("name") == name), {}).get("first"))

    def ratio_noise(self, name: str, base: str = "cached") -> float:
        """Half of the 95 % bounds of such a ratio, as a part of it; NaN where the recording does not say."""
        found = [
            next((f for f in self.facts("experiment") if f.get("name") == one), {}) for one in (name, base)
        ]
        parts = [
            NOTCH
            * number(f.get("spread"))
            / number(f.get("seconds"))
            / math.sqrt(np.fmax(number(f.get("steps")), 1))
            for f in found
        ]
        return math.hypot(*parts)

    def rounds(self, name: str, base: str = "cached") -> int:
        """Returns how many times steps were run beside the training for such a ratio."""
        steps = (number(f.get("steps")) for f in self.facts("experiment") if f.get("name") in (name, base))
        return int(sum(count for count in steps if math.isfinite(count)))

    def cost(self, name: str) -> float:
        """Seconds of a step in an experiment, of the processor where that computes it."""
        wall, cpu = self._costs(name)
        return min(wall, cpu) if self._on_cpu and cpu > 0.3 * wall else wall

    def _costs(self, name: str) -> tuple[float, float]:
        facts = next((f for f in self.facts("experiment") if f.get("name") == name), {})
        return number(facts.get("seconds")), number(facts.get("cpu"))

    @property
    def _on_cpu(self) -> bool:
        devices = str(self.view.meta.get("devices")).lower()
        return not any(name in devices for name in ("cuda", "gpu", "tpu", "rocm"))

    @property
    def batch(self) -> int:
        """Samples per batch in the experiments, 0 when unknown."""
        sizes = [number(f.get("batch")) for f in self.facts("experiment")]
        return int(sizes[0]) if sizes and math.isfinite(sizes[0]) else 0

    def layers(self) -> list[Mapping[str, Any]]:
        """Returns the layers timed by themselves, the longest first."""
        rows = [mapping(row) for row in listing(self.fact("layers").get("layers"))]
        return sorted(rows, key=lambda row: -np.nan_to_num(layer_seconds(row)))

    def peak(self, dtype: str = "float32") -> float:
        """Floating point operations per second of this machine's matrix product."""
        return number(mapping(self.fact("layers").get("peak")).get(dtype))

    def called_back(self) -> list[Mapping[str, Any]]:
        """Returns the user's functions that compiled programs and pipelines called, the longest first."""
        return [mapping(row) for row in listing(self.fact("called back").get("calls"))]

    def lines(self, phase: str) -> list[Mapping[str, Any]]:
        """Returns the user's lines seen in a phase, the longest first."""
        rows = [mapping(row) for row in listing(self.fact("stacks").get("lines"))]
        return [row for row in rows if row.get("phase") == phase]

    def seen(self, phase: str) -> float:
        """Seconds of a phase in which stacks were sampled."""
        return float(np.nan_to_num(number(mapping(self.fact("stacks").get("seconds")).get(phase))))

    def compiles(self) -> list[Mapping[str, Any]]:
        """Returns the compilations of this model's trainings, each with its `step` and whether it is a `repeat`."""
        found: list[Mapping[str, Any]] = []
        known: set[tuple[str, str]] = set()
        for event in self.view.events("compile"):
            if event.model != self.model.id:
                continue
            key = (str(event.facts.get("phase")), str(event.facts.get("function")))
            if key[0] == "step":
                key = ("step", "")
            found.append({**event.facts, "step": event.step or 0, "repeat": key in known})
            known.add(key)
        return found


def notch(values: np.ndarray) -> float:
    """Returns half of a median's 95 % bounds."""
    low, high = np.percentile(values, [25, 75])
    return float(NOTCH * (high - low) / math.sqrt(len(values)))


def layer_seconds(row: Mapping[str, Any]) -> float:
    """Returns the seconds of all calls of a layer, with gradient where that was measured."""
    both, forward = number(row.get("both")), number(row.get("forward"))
    calls = number(row.get("calls"))
    return (both if math.isfinite(both) else forward) * (calls if math.isfinite(calls) else 1.0)


def timings(view: RunView) -> list[Timing]:
    """Returns the account of every model that has one."""
    found = (Timing.of(view, model) for model in view.models)
    return [timing for timing in found if timing is not None]


def profiled(view: RunView) -> bool:
    """Tells whether the recording is a profile, not only a watch."""
    return view.meta.get("profile") is True
