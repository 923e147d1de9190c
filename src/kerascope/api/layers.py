"""The table of layers in a report: what each layer's gradient, weights, steps and outputs were like."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from kerascope.detect.reading import Anatomy, Layer, Samples
from kerascope.record.reader import ModelView, RunView
from kerascope.values import LayerRow

MOST_ROWS = 2000
"""Rows kept of one recording: a report must stay a text that can be sent."""


def layer_rows(view: RunView) -> tuple[LayerRow, ...]:
    """Returns a row for each layer that has weights or an output of its own, models one after another."""
    rows: list[LayerRow] = []
    for model in view.models:
        rows += _rows(model)
    return tuple(rows[:MOST_ROWS])


def _rows(model: ModelView) -> Iterator[LayerRow]:
    anatomy = Anatomy(model.facts)
    parts = {part: Samples.of(model, part) for part in ("gradient", "weight", "update", "output")}
    owned: dict[str, list[str]] = {}
    for name in dict.fromkeys(
        name for part in ("gradient", "weight", "update") for name in parts[part].names
    ):
        owned.setdefault(anatomy.layer_of(name), []).append(name)
    shown: dict[str, list[str]] = {}
    for name in parts["output"].names:
        shown.setdefault(name.partition("#")[0].partition("[")[0], []).append(name)
    for layer in anatomy.layers.values():
        if layer.weights or layer.path in shown:
            yield _row(model, layer, owned.get(layer.path, []), shown.get(layer.path, []), parts)


def _row(
    model: ModelView, layer: Layer, variables: list[str], outputs: list[str], parts: dict[str, Samples]
) -> LayerRow:
    def of(
        part: str, names: Iterable[str], figure: str, worst: Callable[[list[float]], float]
    ) -> float | None:
        # The middle of the samples, so that one odd batch does not stand for the run.
        middles = [_middle(parts[part].column(name, figure)) for name in names]
        known = [value for value in middles if value is not None]
        if any(not math.isfinite(value) for value in known):
            return next(value for value in known if not math.isfinite(value))
        return worst(known) if known else None

    return LayerRow(
        model=str(model.name),
        layer=layer.path,
        kind=layer.kind,
        parameters=layer.parameters,
        trainable=layer.trainable,
        gradient=of("gradient", variables, "norm", max),
        weight=of("weight", variables, "norm", max),
        update_ratio=_ratio(parts, variables),
        output_mean=of("output", outputs, "mean", lambda values: max(values, key=abs)),
        output_std=of("output", outputs, "std", max),
        zeros=of("output", outputs, "zeros", max),
        finite=of("output", outputs, "finite", min),
    )


def _middle(values: np.ndarray) -> float | None:
    """Returns the median of what was recorded; None when nothing was, infinity when most of it was."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    with np.errstate(all="ignore"):
        return float(np.median(known))


def _ratio(parts: dict[str, Samples], names: list[str]) -> float | None:
    """Returns norm of update / norm of weight, each over all tensors of the layer.

    Together, because a bias begins at zero and any step is large for it.
    """
    updates, weights = parts["update"], parts["weight"]
    if not names or len(updates.step) != len(weights.step):
        return None
    with np.errstate(all="ignore"):
        ratios = _joint(updates, names) / _joint(weights, names)
    ratios = ratios[np.isfinite(ratios)]
    return float(np.median(ratios)) if len(ratios) else None


def _joint(samples: Samples, names: list[str]) -> np.ndarray:
    columns = np.stack([samples.column(name) for name in names])
    total: np.ndarray = np.sqrt(np.sum(columns**2, axis=0, where=~np.isnan(columns)))
    return np.where(np.isnan(columns).all(axis=0), np.nan, total)
