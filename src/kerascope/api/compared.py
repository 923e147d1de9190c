"""Two runs of one step, number by number: with the recording to the bit, eager with compiled within rounding."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascope.api.followed import digest, followed
from kerascope.probe.rerun import Outcome, Rerun
from kerascope.values import Evidence

if TYPE_CHECKING:
    from kerascope.record.reader import ModelView

DRAWS = 3
_SLACK = 8.0
"""Times the largest change that rounding the weights makes. Rounding inside a step adds up over its operations, each
about as large as one rounding of the weights."""


@dataclasses.dataclass(frozen=True)
class Fact:
    """Something recorded of a step, and the same of the step run again."""

    label: str
    recorded: Any
    again: Any
    equal: bool

    def evidence(self) -> Evidence:
        """Returns it as one line."""
        if self.equal:
            return Evidence(self.label, f"{self.again}, the same to the bit")
        return Evidence(self.label, f"{self.again}, recorded {self.recorded}")


def with_recording(model: ModelView, rerun: Rerun, outcome: Outcome) -> Iterator[Fact]:
    """Yields what the recording holds of a step beside what came out now: logs, and the state after it."""
    table = model.steps()
    rows = np.flatnonzero(table.step == outcome.step)
    for name, value in outcome.logs.items():
        if len(rows) and name in table.logs:
            recorded = float(table.logs[name][rows[0]])
            yield Fact(
                name, recorded, value, recorded == value or (math.isnan(recorded) and math.isnan(value))
            )
    try:
        arrays, _ = model.capture(outcome.step + 1, "state")
    except KeyError:
        return
    _, about = model.capture(outcome.step + 1, "batch")
    # Between the two steps Keras may have reset the metrics, and a callback may have set the learning rate.
    roles = ("weight:", "optimizer:") if not about["changes"] else ("weight:",)
    names = [n for n in outcome.state if n.startswith(roles) and n in arrays and "learning_rate" not in n]
    different = [n for n in names if not _same(arrays[n], outcome.state[n])]
    if names:
        said = (
            f"{len(names)} variables"
            if not different
            else f"{len(different)} of {len(names)} variables differ"
        )
        yield Fact(
            "weights and optimizer after it", f"others: {', '.join(different[:3])}", said, not different
        )


def repeated(rerun: Rerun, compiled: Outcome) -> tuple[Evidence, ...]:
    """Returns whether a second run of one step with the same program gives the same, and if not, what differs first.

    Only inside `rerun.aside`.
    """
    different = differing(compiled, rerun.compiled(compiled.step))
    names = compiled.state
    if not different:
        return (Evidence("run twice", f"the same to the bit, {len(names)} variables"),)
    said = f"NOT the same: {len(different)} of {len(names)} variables differ, {', '.join(different[:3])}"
    return Evidence("run twice", said), eager_twice(rerun, compiled.step)


def differing(one: Outcome, other: Outcome) -> list[str]:
    """Returns the variables that two runs of one step left with other values, in the order of the model."""
    return [n for n in one.state if n in other.state and not _same(one.state[n], other.state[n])]


def eager_twice(rerun: Rerun, step: int) -> Evidence:
    """Returns what differs first between two eager runs of one step: the user's expression, seed, layer or gradient.

    Only inside `rerun.aside`.
    """
    label = "run twice eagerly"
    runs = [followed(rerun, step, digest) for _ in range(2)]
    for name, value in runs[0].measures.items():
        if runs[1].measures.get(name) != value:
            return Evidence(label, f"the first to differ is `{name}` ({runs[0].places[name]})")
    parts = [rerun.parts(step, eager=True) for _ in range(2)]
    for part in ("output", "loss", "gradient"):
        if part in parts[0] and part in parts[1]:
            for name, one, other in zip(
                parts[0][part][0], parts[0][part][1], parts[1][part][1], strict=False
            ):
                if not _same(one, other):
                    return Evidence(label, f"the first to differ is the {part} of `{name}`")
    for name in differing(runs[0].outcome, runs[1].outcome):
        return Evidence(
            label, f"the first to differ is the {'seed' if 'seed' in name else 'variable'} `{name}`"
        )
    return Evidence(
        label,
        "the same to the bit: it is the compiled program that is not deterministic, or Python run while compiling",
    )


def _same(a: Any, b: Any) -> bool:
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


@dataclasses.dataclass(frozen=True)
class Drift:
    """How far an eager run is from the compiled one. Each row: what, the difference, what rounding explains."""

    rows: tuple[tuple[str, float, float], ...]

    @property
    def within(self) -> bool:
        """Tells whether rounding explains all of it."""
        return all(difference <= tolerance for _, difference, tolerance in self.rows)

    def evidence(self) -> tuple[Evidence, ...]:
        """Returns the loss and the worst variable."""
        if not self.rows:
            return ()
        loss = next((row for row in self.rows if row[0] == "loss"), self.rows[0])
        others = [row for row in self.rows if row is not loss]
        # Of those that agree to the bit the last one is a weight, which tells more than another log.
        worst = max(
            reversed(others),
            key=lambda row: row[1] / row[2] if row[2] else math.inf * row[1] or 0.0,
            default=loss,
        )
        shown = [loss, *([worst] if worst is not loss else [])]
        return tuple(
            Evidence(f"eager differs in {label}", f"{difference:.2g} (rounding explains {tolerance:.2g})")
            for label, difference, tolerance in shown
        )


def drift(rerun: Rerun, compiled: Outcome, eager: Outcome) -> Drift:
    """Compares an eager run with the compiled one. Only inside `rerun.aside`.

    The tolerance is measured: the step is run eagerly from weights that were moved by one rounding error at random, and
    each figure may differ by `_SLACK` times the largest change that this made.
    """
    moved = [
        rerun.eager(compiled.step, change=lambda state, seed=seed: rerun.perturbed(state, seed))  # type: ignore[misc]
        for seed in range(DRAWS)
    ]
    rows = []
    for name, value in compiled.logs.items():
        if name in eager.logs:
            most = tolerance(eager.logs[name], [run.logs.get(name) for run in moved])
            rows.append((name, far(value, eager.logs[name]), most))
    for name, array in compiled.state.items():
        if name.startswith("weight:") and array.dtype.kind == "f" and name in eager.state:
            rows.append(
                (f"`{name[7:]}`", _distance(array, eager.state[name]), _explained(name, eager, moved))
            )
    return Drift(tuple(rows))


def tolerance(figure: float, moved: Sequence[float | None]) -> float:
    """Returns by how much a figure may differ, from what it was with weights moved by rounding errors."""
    spread = max((far(value, figure) for value in moved), default=0.0)
    return _SLACK * max(spread, float(np.spacing(np.float32(abs(figure) if math.isfinite(figure) else 0))))


MOST_ROWS = 1024
"""Rows of a batch whose losses are looked at one by one."""


def first_layer(rerun: Rerun, step: int) -> Evidence | None:
    """Returns the first layer output, then gradient, whose norm leaves the tolerance; None when none does.

    The order is that of computing. Only inside `rerun.aside`.
    """
    compiled, eager = rerun.parts(step, eager=False), rerun.parts(step, eager=True)
    moved = [
        rerun.parts(step, eager=True, change=lambda state, seed=seed: rerun.perturbed(state, seed))  # type: ignore[misc]
        for seed in range(DRAWS)
    ]
    for part in ("output", "loss", "gradient"):
        if part not in compiled or part not in eager:
            continue
        runs = [dict(zip(run[part][0], run[part][1][:, 0], strict=True)) for run in (compiled, eager, *moved)]
        for name, norm in runs[0].items():
            if not all(name in run for run in runs):
                continue
            most = tolerance(float(runs[1][name]), [float(run[name]) for run in runs[2:]])
            if not far(float(norm), float(runs[1][name])) <= most:
                said = f"norm {float(norm):.6g} compiled, {float(runs[1][name]):.6g} eager (rounding: {most:.1g})"
                return Evidence(f"first to differ: {part} of `{name}`", said)
    return None


def worst_rows(rerun: Rerun, step: int, labels: np.ndarray | None) -> Evidence | None:
    """Returns the rows of the batch with the largest losses and their labels; None where they cannot be told.

    Only inside `rerun.aside`.
    """
    if labels is not None and len(labels) > MOST_ROWS:
        return Evidence("rows with the largest loss", f"not looked at: more than {MOST_ROWS:,} rows")
    try:
        losses = np.asarray(rerun.losses(step))
    except Exception:  # a model of the user's may compute its loss in another way
        return None
    if losses.size < 2:
        return None
    order = np.argsort(np.where(np.isnan(losses), np.inf, losses))[::-1][:5]
    shown = [f"row {row}: {losses[row]:.3g}{_label(labels, int(row))}" for row in order]
    return Evidence("rows with the largest loss", f"{', '.join(shown)}; median {np.median(losses):.3g}")


def _label(labels: np.ndarray | None, row: int) -> str:
    if labels is None or labels.ndim == 0 or labels[row].size != 1:
        return ""
    return f" (label {labels[row].reshape(()).item():g})"


def _explained(name: str, eager: Outcome, moved: list[Outcome]) -> float:
    array = eager.state[name]
    spread = max(_distance(run.state[name], array) for run in moved)
    finite = array[np.isfinite(array)]
    largest = float(np.abs(finite).max()) if finite.size else 0.0
    return _SLACK * max(spread, float(np.spacing(array.dtype.type(largest))))


def far(a: float | None, b: float | None) -> float:
    if a is None or b is None or (math.isnan(a) and math.isnan(b)) or a == b:
        return 0.0
    return abs(a - b) if math.isfinite(a - b) else math.inf


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the largest difference; places where both are NaN, or the same infinity, count as equal."""
    if not a.size:
        return 0.0
    with np.errstate(invalid="ignore"):
        far = np.abs(a.astype(np.float64) - b.astype(np.float64))
    far[(np.isnan(a) & np.isnan(b)) | (a == b)] = 0.0
    return float(np.where(np.isnan(far), math.inf, far).max())


__all__ = [
    "DRAWS",
    "Drift",
    "Fact",
    "differing",
    "drift",
    "eager_twice",
    "far",
    "first_layer",
    "repeated",
    "tolerance",
    "with_recording",
    "worst_rows",
]
