"""Recordings without a training: a small builder whose models look to a detector like those of a `RunView`.

`Net` makes a model with losses, weights, gradients, updates and outputs that a healthy training could show; a test
changes what its fault changes. `write` puts the same thing into a real file, so that both ways can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascope.record.reader import CheckTable, EpochRow, Event, SampleTable, StepTable, TrainingRow
from kerascope.record.writer import Writer

PLAIN = (
    ("hidden", "Dense", "relu", {"kernel": (64, 32), "bias": (32,)}),
    ("head", "Dense", "softmax", {"kernel": (32, 10), "bias": (10,)}),
)
"""Layers as (path, class, activation, shapes of the variables)."""


def falling(
    steps: int, start: float = 2.3, end: float = 0.2, noise: float = 0.05, seed: int = 0
) -> np.ndarray:
    """Losses of single batches of a training that learns."""
    rng = np.random.default_rng(seed)
    level = end + (start - end) * np.exp(-5 * np.arange(steps) / steps)
    return level * (1 + noise * rng.standard_normal(steps))


def flat(steps: int, level: float = 2.31, noise: float = 0.01, seed: int = 0) -> np.ndarray:
    """Losses of single batches of a training that does not."""
    return level * (1 + noise * np.random.default_rng(seed).standard_normal(steps))


class Net:
    """A model that was trained: stands in for `kerascope.record.reader.ModelView`."""

    def __init__(
        self,
        losses: Sequence[float] | np.ndarray,
        *,
        number: int = 1,
        name: str = "net",
        epoch: int = 50,
        layers: Sequence[tuple[str, str, str, Mapping[str, tuple[int, ...]]]] = PLAIN,
        frozen: Sequence[str] = (),
        loss: Any = "sparse_categorical_crossentropy",
        rates: Any = 0.01,
        sampled: Sequence[int] | None = None,
        custom: bool = False,
        optimizer: str = "SGD",
        config: Mapping[str, Any] | None = None,
        began: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.id, self.name, self.class_name = number, name, "Functional"
        self.losses = np.asarray(losses, np.float64)
        self.count, self.epoch = len(self.losses), epoch
        self.rng = np.random.default_rng(seed)
        self.rates = np.broadcast_to(np.asarray(rates, np.float64), (self.count,))
        self.logs: dict[str, np.ndarray] = {"loss": self.losses}
        self.at = began + np.arange(self.count, dtype=np.float64)
        self.trained = np.ones(self.count, np.int64)
        self.method = "fit"
        self.shapes = {f"{p}/{leaf}": shape for p, _, _, own in layers for leaf, shape in own.items()}
        still = {name for name in self.shapes if name.rpartition("/")[0] in frozen}
        self.facts: dict[str, Any] = {
            "layers": [
                {
                    "path": path,
                    "name": path,
                    "class": kind,
                    "depth": 1,
                    "trainable": path not in frozen,
                    "parameters": sum(math.prod(shape) for shape in own.values()),
                    "weights": [f"{path}/{leaf}" for leaf in own],
                    "activation": activation,
                }
                for path, kind, activation, own in layers
            ],
            "variables": [
                {
                    "path": name,
                    "layer": name.rpartition("/")[0],
                    "shape": list(shape),
                    "dtype": "float32",
                    "trainable": name not in still,
                }
                for name, shape in self.shapes.items()
            ],
            "compile": {"loss": loss, "metrics": ["loss"]},
            "optimizer": {"class": optimizer, "config": dict(config or {})},
            "custom": {"train_step": custom, "compute_loss": False},
        }
        self.trainable = [name for name in self.shapes if name not in still]
        wanted = [1, 2, 4, 8, *range(50, self.count + 1, 50)] if sampled is None else sampled
        self.sampled = np.array(sorted({s for s in wanted if s <= self.count}), np.int64)
        self.checked = np.array(sorted({1, *range(50, self.count + 1, 50), self.count}), np.int64)
        self.parts: dict[str, tuple[list[str], np.ndarray]] = {}
        self.norms: dict[str, np.ndarray] = {}
        self.finite: np.ndarray | None = None
        self._healthy([path for path, *_ in layers])
        self.rows: list[dict[str, float]] | None = None
        self.data: list[tuple[int, dict[str, Any]]] = []
        self.kept: dict[int, tuple[np.ndarray, ...]] = {}

    def _healthy(self, paths: list[str]) -> None:
        count = len(self.sampled)
        for part, size in (("gradient", 0.3), ("weight", 3.0), ("update", 0.003)):
            self.parts[part] = (list(self.trainable), self._stats(size, (count, len(self.trainable))))
        for column, name in enumerate(self.trainable):
            if name.endswith("bias") and count and self.sampled[0] == 1:
                self.parts["weight"][1][0, column, :6] = 0.0  # biases begin at zero
        self.parts["output"] = (list(paths), self._stats(4.0, (count, len(paths))))
        for name in self.shapes:
            moves = 1 + 0.001 * np.arange(len(self.checked)) * (name in self.trainable)
            self.norms[f"{'weight' if name in self.trainable else 'state'}:{name}"] = 3.0 * moves

    def _stats(self, size: float, shape: tuple[int, int]) -> np.ndarray:
        norm = size * np.exp(0.1 * self.rng.standard_normal(shape))
        stats = np.zeros((*shape, 7))
        stats[..., 0], stats[..., 2], stats[..., 4], stats[..., 6] = norm, norm / 10, norm / 3, 1.0
        stats[..., 3] = -norm / 3
        return stats

    # -- what a test changes -----------------------------------------------------------------------------------

    def norm(self, part: str, name: str, values: Any, since: int = 1) -> Net:
        """Sets the norm of one tensor from step `since` on; NaN for all makes a row of NaN ("no gradient")."""
        names, stats = self.parts[part]
        rows, column = self.sampled >= since, names.index(name)
        values = np.broadcast_to(np.asarray(values, np.float64), (int(rows.sum()),))
        stats[rows, column, 0] = values
        stats[rows, column, 1:5] = np.where(values == 0, 0.0, stats[rows, column, 1:5].T).T
        stats[rows, column, 5] = np.where(values == 0, 1.0, stats[rows, column, 5])
        if np.isnan(values).all():
            stats[rows, column] = np.nan
        return self

    def silent(self, *names: str, missing: bool = False, since: int = 1) -> Net:
        """Gives variables a gradient of zero (or none at all), no update, and a weight that stays."""
        for name in names:
            self.norm("gradient", name, np.nan if missing else 0.0, since)
            self.norm("update", name, 0.0, since)
            if since == 1:
                self.still(name)
        return self

    def still(self, *names: str) -> Net:
        """Makes weights the same to the bit in all checks."""
        for name in names:
            self.norms[f"weight:{name}"] = np.full(len(self.checked), 3.0)
        return self

    def dead(self, layer: str, since: int = 1) -> Net:
        """Makes the output of a layer all zero."""
        return self.norm("output", layer, 0.0, since)

    def figure(self, part: str, name: str, field: int, values: Any, since: int = 1) -> Net:
        """Sets one of the seven figures of a tensor."""
        names, stats = self.parts[part]
        stats[self.sampled >= since, names.index(name), field] = values
        return self

    def accuracy(self, values: Any, name: str = "accuracy") -> Net:
        """Sets a figure of the epochs, one per epoch."""
        rows = self._rows()
        for row, value in zip(rows, np.broadcast_to(values, (len(rows),)), strict=True):
            row[name] = float(value)
        self.rows = rows
        return self

    def labels(
        self, classes: int = 10, size: int = 64, steps: Sequence[int] = (1, 2, 3, 50, 100, 150)
    ) -> Net:
        """Records label batches with so many classes, equally frequent."""
        for step in steps:
            counts = {str(c): size // classes for c in range(classes)}
            self.batch(step, {"name": "y", "shape": [size], "mean": 0.0, "std": 1.0, "classes": counts})
        return self

    def numbers(self, mean: float = 0.0, std: float = 1.0, size: int = 64, drift: float = 0.0) -> Net:
        """Records label batches of a regression."""
        for place, step in enumerate((1, 2, 3, 50, 100, 150, 200, 250)):
            centre = mean + drift * place + 0.02 * std * self.rng.standard_normal()
            self.batch(step, {"name": "y", "shape": [size, 1], "mean": centre, "std": std, "classes": None})
        return self

    def batch(self, step: int, *arrays: dict[str, Any]) -> Net:
        """Records facts of a batch."""
        self.data.append((step, {"arrays": [{"dtype": "float32", "finite": 1.0, **a} for a in arrays]}))
        return self

    # -- the interface of ModelView ----------------------------------------------------------------------------

    def steps(self) -> StepTable:
        number = np.arange(1, self.count + 1)
        ones = np.ones(self.count)
        epoch = (number - 1) // self.epoch
        return StepTable(number, self.trained, epoch, self.at, ones, ones, self.rates, 32 * ones, self.logs)

    def checks(self) -> CheckTable:
        norms = np.stack([*self.norms.values()], axis=1).astype(np.float32)
        finite = self.finite if self.finite is not None else np.isfinite(norms).all(axis=1)
        return CheckTable(self.checked, tuple(self.norms), norms, finite)

    def samples(self, part: str) -> SampleTable:
        if part not in self.parts:
            return SampleTable(np.zeros(0, np.int64), (), np.zeros((0, 0, 7), np.float32))
        names, stats = self.parts[part]
        return SampleTable(self.sampled, tuple(names), stats.astype(np.float32))

    def _rows(self) -> list[dict[str, float]]:
        if self.rows is not None:
            return self.rows
        whole = range(self.epoch, self.count + 1, self.epoch)
        return [{"loss": float(np.mean(self.losses[end - self.epoch : end]))} for end in whole]

    def epochs(self) -> tuple[EpochRow, ...]:
        rows = enumerate(self._rows())
        return tuple(EpochRow(1, place, (place + 1) * self.epoch, 1.0, logs) for place, logs in rows)

    def trainings(self) -> tuple[TrainingRow, ...]:
        facts = {"epochs": len(self._rows()), "loss_log": "batch"}
        return (TrainingRow(1, self.id, self.method, 1, 0.0, float(self.count), "finished", facts),)

    def batches(self) -> tuple[tuple[int, Mapping[str, Any]], ...]:
        return tuple(self.data)

    def batch_loss(self) -> np.ndarray:
        return self.losses

    def captures(self) -> tuple[tuple[int, str, int], ...]:
        return tuple((step, "batch", 1000) for step in self.kept)

    def capture(self, step: int, kind: str) -> tuple[dict[str, np.ndarray], Any]:
        return {f"data:{i}": array for i, array in enumerate(self.kept[step])}, {}


class View:
    """A recording: stands in for `kerascope.record.reader.RunView`."""

    def __init__(
        self, *models: Any, events: Sequence[Event] = (), meta: Mapping[str, Any] | None = None
    ) -> None:
        self.path = None
        self.memo: dict[str, Any] = {}
        self.models = models
        self.meta = {"subject": "train.py", "backend": "numpy", "outcome": "finished", **(meta or {})}
        self._events = tuple(events)

    def events(self, kind: str | None = None) -> tuple[Event, ...]:
        return tuple(event for event in self._events if kind is None or event.kind == kind)

    def sources(self) -> Mapping[str, str]:
        return {}


def write(view: View, path: Path) -> Path:
    """Writes the recording to a real file."""
    writer = Writer(path, view.meta)
    for net in view.models:
        _write_model(writer, net)
    for event in view.events():
        writer.event(event.kind, event.at, event.facts, event.model, event.step)
    writer.close()
    return path


def _write_model(writer: Writer, net: Net) -> None:
    number = writer.model(net.name, net.class_name, net.facts)
    training = writer.training(number, net.method, 1, 0.0, net.trainings()[0].facts)
    table, checks = net.steps(), net.checks()
    logs = writer.layout(number, "logs", list(table.logs))
    columns = (
        table.at,
        table.seconds,
        table.busy,
        table.learning_rate,
        table.batch_size,
        *table.logs.values(),
    )
    for row in range(net.count):
        values = [float(column[row]) for column in columns]
        writer.step(number, row + 1, training, int(table.epoch[row]), logs, values)
    state = writer.layout(number, "state", checks.names)
    for row, step in enumerate(checks.step):
        writer.check(number, int(step), state, checks.norms[row], bool(checks.finite[row]))
    for part in net.parts:
        samples = net.samples(part)
        layout = writer.layout(number, part, samples.names)
        for row, step in enumerate(samples.step):
            writer.sample(number, int(step), part, layout, samples.stats[row])
    for epoch in net.epochs():
        writer.epoch(training, epoch.epoch, epoch.last_step, epoch.seconds, epoch.logs)
    for step, facts in net.batches():
        writer.batch(number, step, facts)
    writer.training_ended(training, float(net.count), "finished", {})
