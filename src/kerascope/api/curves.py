"""The curves of a report: loss of single batches, what Keras logged per epoch, a learning rate that varies."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from kerascope.record.reader import ModelView, RunView
from kerascope.values import Series

MOST_POINTS = 512
MOST_CURVES = 60


def curves(view: RunView) -> tuple[Series, ...]:
    """Returns the curves, those of the model with the most steps first; only its labels stand alone."""
    models = sorted(view.models, key=lambda model: -len(model.steps().step))
    found: list[Series] = []
    for place, model in enumerate(models):
        found += _of_model(model, "" if place == 0 else f" of {model.name}")
    return tuple(found[:MOST_CURVES])


def _of_model(model: ModelView, of: str) -> Iterator[Series]:
    steps = model.steps()
    losses = np.asarray(model.batch_loss(), np.float64)
    if len(losses) and not np.isnan(losses).all():
        yield thinned(f"loss{of}", "step", np.asarray(steps.step), losses)
    rows = model.epochs()
    for name in dict.fromkeys(name for row in rows for name in row.logs):
        points = [(place, float(row.logs[name])) for place, row in enumerate(rows, 1) if name in row.logs]
        label = f"{name}{of}" if name != "loss" else f"epoch loss{of}"
        yield thinned(label, "epoch", np.array([x for x, _ in points]), np.array([y for _, y in points]))
    rates = np.asarray(steps.learning_rate, np.float64)
    known = rates[np.isfinite(rates)]
    if len(known) and known.min() != known.max():
        yield thinned(f"learning rate{of}", "step", np.asarray(steps.step), rates)


def thinned(label: str, unit: str, x: np.ndarray, y: np.ndarray) -> Series:
    """Returns the curve in at most 512 points: means of neighbours, so that noise does not alias.

    A point is infinite or NaN when one of its neighbours was, because that must stay visible; steps without a
    value (Keras was told to run several at once) are no points.
    """
    first_bad = np.flatnonzero(~np.isfinite(y))
    if len(first_bad) and np.isfinite(y).any():
        keep = np.isfinite(y) | np.isinf(y) | (np.arange(len(y)) > np.flatnonzero(np.isfinite(y))[-1])
        x, y = x[keep], y[keep]
    if len(y) > MOST_POINTS:
        edges = np.linspace(0, len(y), MOST_POINTS + 1).round().astype(int)
        parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
        ends = {0: x[0], MOST_POINTS - 1: x[-1]}
        x = np.array([ends.get(place, x[part].mean()) for place, part in enumerate(parts)])
        y = np.array([_mean(y[part]) for part in parts])
    return Series(label, unit, tuple(float(v) for v in x), tuple(float(v) for v in y))


def _mean(values: np.ndarray) -> float:
    if np.isfinite(values).all():
        return float(values.mean())
    return math.inf if np.isposinf(values).any() and not np.isnan(values).any() else math.nan
