"""What a run came to, read from its recording, and whether one outcome is better than another.

The comparison is free of scale, so that the same bar holds for an accuracy and for a squared error in euros: of a
figure that has a best value (accuracy, area under a curve) it takes the share of the missing part that was gained, of a
loss or an error the share that went away.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from kerascope.record.reader import ModelView, RunView

ENOUGH = 0.1
"""Share of the missing part that must be gained before a change counts as better."""
CURES = 0.5
"""Share from which on a change counts as a cure."""
_RISING = re.compile(
    r"acc|auc|precision|recall|f1|f_1|fbeta|iou|dice|r2|cosine|hit|top_k|score|kappa|skill", re.I
)
_FALLING = re.compile(
    r"loss|error|mae|mse|rmse|mape|msle|perplexity|crossentropy|hinge|divergence|distance", re.I
)
_LEFT_OUT = re.compile(r"learning_rate|^lr$|seconds|time", re.I)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run came to.

    `curves` hold one figure per epoch by name, `loss` names the compiled loss, `ended` is "finished", "failed" or
    "timeout". `skill` is kerascope's own figure, from 0 (no better than a constant) to 1, None when not measured.
    """

    ended: str
    curves: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    loss: str = ""
    skill: float | None = None
    error: str | None = None
    seconds: float = 0.0
    first: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """How many epochs there were."""
        return max((len(curve) for curve in self.curves.values()), default=0)

    def until(self, epochs: int | None) -> Outcome:
        """Returns the outcome as it was after so many epochs."""
        if epochs is None or self.epochs <= epochs:
            return self
        return dataclasses.replace(self, curves={name: curve[:epochs] for name, curve in self.curves.items()})


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How two outcomes compare on one figure. `gain` is positive when the second is better, at most 1."""

    metric: str
    before: float
    after: float
    gain: float
    noise: float

    @property
    def better(self) -> bool:
        """The gain is worth the name, and more than chance gives."""
        return self.gain > max(ENOUGH, 2 * self.noise)

    @property
    def cures(self) -> bool:
        """At least half of what was missing is there."""
        return self.better and self.gain >= CURES

    @property
    def marginal(self) -> bool:
        """Chance may decide: other seeds are worth their time."""
        return self.gain > 0.05 and (self.gain < 3 * max(self.noise, 0.05))


def outcome_of(view: RunView, ended: str = "finished", skill: float | None = None) -> Outcome:
    """Returns what a recorded run came to: of the model that trained longest, its last training."""
    error = view.meta.get("error")
    if view.meta.get("outcome") == "failed":
        ended = "failed"
    models = [model for model in view.models if len(model.steps().step)]
    if not models:
        return Outcome(ended, error=error if isinstance(error, str) else None, skill=skill)
    main = max(models, key=lambda model: len(model.steps().step))
    compiled = main.facts.get("compile")
    loss = str(compiled.get("loss")) if isinstance(compiled, Mapping) else ""
    seconds = view.meta.get("seconds")
    return Outcome(
        ended,
        _curves(main),
        loss,
        skill,
        error if isinstance(error, str) else None,
        float(seconds) if isinstance(seconds, (int, float)) else 0.0,
        _first(main),
    )


def _curves(model: ModelView) -> dict[str, tuple[float, ...]]:
    rows = model.epochs()
    last = max((row.training for row in rows), default=0)
    mine = [row for row in rows if row.training == last]
    if not mine:
        return _from_steps(model)
    names = list(dict.fromkeys(name for row in mine for name in row.logs))
    return {name: tuple(float(row.logs.get(name, math.nan)) for row in mine) for name in names}


def _from_steps(model: ModelView) -> dict[str, tuple[float, ...]]:
    """Of a loop of `train_on_batch`: its logs in ten parts, each part as if it were an epoch."""
    table = model.steps()
    size = max(1, len(table.step) // 10)
    found = {}
    for name, values in table.logs.items():
        parts = [[float(v) for v in values[i : i + size]] for i in range(0, len(values), size)]
        found[name] = tuple(sum(part) / len(part) for part in parts)
    return found


def _first(model: ModelView) -> dict[str, float]:
    """The logs of the first step: where the training began."""
    return {name: float(values[0]) for name, values in model.steps().logs.items() if len(values)}


def rises(name: str) -> bool | None:
    """Tells whether more of a figure is better; None where its name does not say."""
    plain = name.removeprefix("val_")
    if _LEFT_OUT.search(plain):
        return None
    if _FALLING.search(plain):
        return False
    return True if _RISING.search(plain) else None


def has_metric(outcome: Outcome) -> bool:
    """Tells whether a run has a figure beside its loss that moves, or may."""
    return any(
        rises(name) is not None and "loss" not in name and len(set(curve)) > 1
        for name, curve in outcome.curves.items()
    )


def compare(before: Outcome, after: Outcome, *, objective_changed: bool = False) -> Comparison | None:
    """Returns how two outcomes compare on the script's own figure; None when there is none that both have.

    A figure of the validation goes before one of the training, a metric before the loss. Losses are compared only
    when both runs minimised the same one.

    Args:
        before: of the program as it is.
        after: of the changed program.
        objective_changed: the change touches the loss or the targets, so that losses and errors are in other units.
    """
    if after.ended != "finished":
        return None
    if before.ended == "failed":
        return _recovered(after)
    same_loss = not objective_changed and before.loss == after.loss
    common = [name for name in before.curves if name in after.curves and rises(name) is not None]
    for group in _groups(common):
        found = [
            one
            for name in group
            if (same_loss or rises(name)) and (one := _one(name, before, after)) is not None
        ]
        if found:
            gain = sum(one.gain for one in found) / len(found)
            shown = max(found, key=lambda one: abs(one.gain))
            return dataclasses.replace(shown, gain=gain, noise=max(one.noise for one in found))
    if before.skill is not None and after.skill is not None:
        return Comparison("skill", before.skill, after.skill, _gain_up(before.skill, after.skill), 0.03)
    return None


def _groups(names: Sequence[str]) -> list[list[str]]:
    validation = [name for name in names if name.startswith("val_")]
    training = [name for name in names if not name.startswith("val_")]
    groups = []
    for part in (validation, training):
        groups.append([name for name in part if "loss" not in name])
        groups.append([name for name in part if name.removeprefix("val_") == "loss"])
    return groups


def _one(name: str, before: Outcome, after: Outcome) -> Comparison | None:
    old, new = level(before.curves[name]), level(after.curves[name])
    up = bool(rises(name))
    if up and old == new and old in (0.0, 1.0):
        return None  # a figure that cannot move says nothing
    if not math.isfinite(new):
        return Comparison(name, old, new, -1.0, 0.0)
    if not math.isfinite(old):
        began = after.first.get(name.removeprefix("val_"), math.nan)
        learnt = not math.isfinite(began) or (new > began if up else new < began)
        return Comparison(name, old, new, 1.0 if learnt else 0.0, 0.0)
    noise = max(_noise(before.curves[name], up), _noise(after.curves[name], up))
    return Comparison(name, old, new, _gain_up(old, new) if up else _gain_down(old, new), noise)


def level(curve: Sequence[float]) -> float:
    """Returns what a curve ends at: its last value, of a long one the median of the last three."""
    return float(statistics.median(curve[-3:])) if len(curve) >= 9 else float(curve[-1])


def _gain_up(old: float, new: float) -> float:
    return (new - old) / max(1 - old, 0.02) if new >= old else (new - old) / max(old, 0.02)


def _gain_down(old: float, new: float) -> float:
    if old <= 0 or new < 0:
        return (old - new) / (abs(old) + abs(new) + 1e-12)
    return 1 - new / old if new <= old else max(-1.0, old / new - 1)


def _noise(curve: Sequence[float], up: bool) -> float:
    """Returns how much a curve shakes at its end, in units of the gain: what it goes to and fro, per epoch."""
    tail = [value for value in curve[-max(4, len(curve) // 3) :] if math.isfinite(value)]
    if len(tail) < 3:
        return 0.05
    steps = [b - a for a, b in itertools.pairwise(tail)]
    shake = (sum(abs(step) for step in steps) - abs(sum(steps))) / len(steps)
    scale = max(1 - statistics.median(tail), 0.1) if up else max(abs(statistics.median(tail)), 1e-12)
    return min(0.5, max(0.02, shake / scale))


def _recovered(after: Outcome) -> Comparison | None:
    """A script that died now runs: better when what it trains is finite."""
    for group in _groups([name for name in after.curves if rises(name) is not None]):
        for name in group:
            value = level(after.curves[name])
            return Comparison(name, math.nan, value, 1.0 if math.isfinite(value) else -1.0, 0.0)
    return None


def as_figures(comparison: Comparison) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Returns what a fix shows as before and after."""
    name = comparison.metric.replace("val_", "validation ").replace("_", " ")
    return {name: comparison.before}, {name: comparison.after}
