"""Look things up in a recording, whatever it holds: tables by name, layers and variables by path.

A recording may come from anywhere, so every fact is checked before it is used; what does not have the
expected form counts as not recorded.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kerascope.record.reader import ModelView, RunView, SampleTable, StepTable
from kerascope.values import STATS_FIELDS, Evidence, SourceSpan

_MOST_PLOTTED = 48


def mapping(value: Any) -> Mapping[str, Any]:
    """Returns `value` when it is a mapping, an empty one otherwise."""
    return value if isinstance(value, Mapping) else {}


def listing(value: Any) -> Sequence[Any]:
    """Returns `value` when it is a list or tuple, an empty one otherwise."""
    return value if isinstance(value, (list, tuple)) else ()


def place_of(frame: Any) -> SourceSpan | None:
    """Returns the statement that a recorded call stands in, None when the frame does not say."""
    line, end, file = (mapping(frame).get(name) for name in ("line", "end_line", "file"))
    if not isinstance(line, int) or not isinstance(file, str):
        return None
    return SourceSpan(file, line, end if isinstance(end, int) else line)


def number(value: Any) -> float:
    """Returns `value` as a float, NaN when it is no number ("inf" and "nan" from JSON are numbers)."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def whole(value: Any) -> int:
    """Returns `value` as a whole number, 0 when it is no finite number."""
    known = number(value)
    return int(known) if math.isfinite(known) else 0


def show(value: float) -> str:
    """Returns a number with three digits, for sentences, e.g. "2.30"."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("infinity" if value > 0 else "-infinity")
    return f"{value:#.3g}".removesuffix(".") if value else "0"


def plural(count: int, noun: str) -> str:
    """Returns e.g. "1 step" or "12 steps"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Sequence[str], most: int = 4) -> str:
    """Returns names as one phrase, e.g. "`a`, `b` and 3 more"."""
    shown = [f"`{name}`" for name in names[:most]]
    rest = len(names) - len(shown)
    if rest > 0:
        return f"{', '.join(shown)} and {rest} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else "none"


def median(values: Any) -> float:
    """Returns the median of the finite values, NaN when there is none."""
    array = np.asarray(values, np.float64)
    array = array[np.isfinite(array)]
    return float(np.median(array)) if array.size else math.nan


def thin(values: Any, most: int = _MOST_PLOTTED) -> tuple[float, ...]:
    """Returns at most `most` of the values, evenly spread, first and last among them."""
    array = np.asarray(values, np.float64)
    if array.size > most:
        array = array[np.linspace(0, array.size - 1, most).round().astype(int)]
    return tuple(float(v) for v in array)


def thin_steps(steps: Any) -> tuple[int, ...]:
    """Returns the steps of what `thin` returns."""
    return tuple(int(step) for step in thin(steps))


def model_tag(view: RunView, model: ModelView) -> tuple[Evidence, ...]:
    """Returns evidence that names the model, when the recording holds several."""
    return (Evidence("model", str(model.name)),) if len(view.models) > 1 else ()


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer as the recording describes it."""

    path: str
    kind: str
    trainable: bool
    parameters: int
    activation: str
    weights: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Variable:
    """One variable as the recording describes it; `layer` is the path of the layer that made it."""

    path: str
    layer: str
    trainable: bool
    dtype: str
    dimensions: int


class Anatomy:
    """Layers and variables of a model by path, and what is known about their gradients beforehand."""

    def __init__(self, facts: Any) -> None:
        facts = mapping(facts)
        self.layers = {layer.path: layer for layer in _layers(facts)}
        self.variables = {variable.path: variable for variable in _variables(facts)}
        self.custom_step = mapping(facts.get("custom")).get("train_step") is True
        self.custom_loss = mapping(facts.get("custom")).get("compute_loss") is True
        self.compiled = mapping(facts.get("compile"))
        self.optimizer = mapping(facts.get("optimizer"))

    def steps_per_update(self) -> int:
        """Returns over how many steps gradients are accumulated before one update."""
        steps = number(mapping(self.optimizer.get("config")).get("gradient_accumulation_steps"))
        return int(steps) if 1 <= steps < 1e9 else 1

    def trainable(self) -> list[Variable]:
        """Returns the variables that training is meant to change."""
        return [variable for variable in self.variables.values() if variable.trainable]

    def layer_of(self, variable: str) -> str:
        """Returns the path of the layer that a variable belongs to."""
        known = self.variables.get(variable)
        return known.layer if known is not None and known.layer else variable.rpartition("/")[0]

    def zero_by_mathematics(self, variable: str, call_order: Sequence[str]) -> bool:
        """Tells whether the gradient of this variable is zero whatever the data are.

        Attention ignores a shift of its keys (softmax over them), so the key bias gets none. A bias just before
        a normalisation over the batch is taken away again by it.
        """
        parent, _, leaf = variable.rpartition("/")
        if leaf != "bias":
            return False
        if parent.rpartition("/")[2] == "key":
            return True
        layer = self.layer_of(variable)
        follower = next((b for a, b in itertools.pairwise(call_order) if a == layer), None)
        if follower is None:
            ordered = list(self.layers)
            follower = next((b for a, b in itertools.pairwise(ordered) if a == layer), None)
        known = self.layers.get(follower or "")
        return known is not None and known.kind in ("BatchNormalization", "GroupNormalization")


def _layers(facts: Mapping[str, Any]) -> Iterator[Layer]:
    for entry in listing(facts.get("layers")):
        entry = mapping(entry)
        path = entry.get("path") or entry.get("name")
        if isinstance(path, str):
            size = number(entry.get("parameters"))
            yield Layer(
                path=path,
                kind=str(entry.get("class") or ""),
                trainable=entry.get("trainable") is True,
                parameters=int(size) if math.isfinite(size) else 0,
                activation=str(entry.get("activation") or ""),
                weights=tuple(str(name) for name in listing(entry.get("weights"))),
            )


def _variables(facts: Mapping[str, Any]) -> Iterator[Variable]:
    for entry in listing(facts.get("variables")):
        entry = mapping(entry)
        path = entry.get("path")
        if isinstance(path, str):
            layer, dtype = str(entry.get("layer") or ""), str(entry.get("dtype"))
            dimensions = len(listing(entry.get("shape")))
            yield Variable(path, layer, entry.get("trainable") is True, dtype, dimensions)


@dataclasses.dataclass(frozen=True)
class Samples:
    """One part of the sampled statistics, figures by name: each has shape (samples, names)."""

    step: np.ndarray
    names: tuple[str, ...]
    stats: np.ndarray

    @classmethod
    def of(cls, model: ModelView, part: str) -> Samples:
        """Returns the samples of `part`, sorted by step."""
        table: SampleTable = model.samples(part)
        stats = np.asarray(table.stats, np.float64).reshape(
            len(table.step), len(table.names), len(STATS_FIELDS)
        )
        order = np.argsort(np.asarray(table.step), kind="stable")
        return cls(np.asarray(table.step)[order], tuple(str(name) for name in table.names), stats[order])

    def figure(self, name: str) -> np.ndarray:
        """Returns one figure of every tensor, e.g. ``figure("norm")``."""
        return self.stats[:, :, STATS_FIELDS.index(name)]

    @functools.cached_property
    def index(self) -> dict[str, int]:
        """Column by name."""
        return {name: column for column, name in enumerate(self.names)}

    def column(self, name: str, figure: str = "norm") -> np.ndarray:
        """Returns one figure of one tensor over the samples; NaN where it is not recorded."""
        column = self.index.get(name)
        if column is None:
            return np.full(len(self.step), math.nan)
        return self.stats[:, column, STATS_FIELDS.index(figure)]

    def total(self) -> np.ndarray:
        """Returns the norm over all tensors together at each sample; tensors that are absent count as zero."""
        norms = self.figure("norm")
        recorded = ~np.isnan(norms)
        total = np.sqrt(np.sum(np.where(recorded, norms, 0.0) ** 2, axis=1))
        return np.where(recorded.any(axis=1), total, math.nan)


@dataclasses.dataclass(frozen=True)
class Checks:
    """Norms of the state over the run by role ("weight", "state", "optimizer", "metric") and path."""

    step: np.ndarray
    finite: np.ndarray  # False where the watch saw something that is not finite
    columns: Mapping[tuple[str, str], np.ndarray]

    @classmethod
    def of(cls, model: ModelView) -> Checks:
        """Returns the checks of a model, sorted by step."""
        table = model.checks()
        order = np.argsort(np.asarray(table.step), kind="stable")
        norms = np.asarray(table.norms, np.float64).reshape(len(table.step), len(table.names))[order]
        columns = {}
        for column, name in enumerate(table.names):
            role, _, path = str(name).partition(":")
            columns[(role, path) if path else ("weight", role)] = norms[:, column]
        return cls(np.asarray(table.step)[order], np.asarray(table.finite, bool)[order], columns)

    def weight(self, path: str) -> np.ndarray | None:
        """Returns the norms of one variable of the model, without the checks that lack it."""
        for role in ("weight", "state"):
            if (role, path) in self.columns:
                values: np.ndarray = self.columns[role, path]
                known: np.ndarray = values[~np.isnan(values)]
                return known
        return None

    def constant(self, path: str) -> bool | None:
        """Tells whether a variable's norm is the same to the bit in all checks; None with fewer than two checks."""
        values = self.weight(path)
        if values is None or len(values) < 2:
            return None
        return bool((values == values[0]).all())


def epochs_done(steps: StepTable, model: ModelView) -> int:
    """Returns how many whole passes over the data are recorded."""
    if not len(steps.step):
        return 0
    passes = np.unique(np.stack([np.asarray(steps.training), np.asarray(steps.epoch)]), axis=1)
    return max(len(model.epochs()), int(passes.shape[1]) - 1)


def epoch_steps(steps: StepTable) -> int:
    """Returns the number of steps of the longest pass over the data."""
    if not len(steps.step):
        return 0
    pairs = np.stack([np.asarray(steps.training), np.asarray(steps.epoch)])
    return int(np.unique(pairs, axis=1, return_counts=True)[1].max())
