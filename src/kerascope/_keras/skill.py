"""How good a model's predictions are, in a figure of our own that does not depend on its loss, metrics or units.

0 is no better than the best constant, 1 is perfect. Classes: accuracy above the share of the commonest class, over what
there is above it. Two classes with one output, and several labels at once: 2·AUC - 1. Numbers: R². Several outputs:
their mean.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kerascope._keras.steps import Patches

ROWS = 1000
"""Samples predicted at most."""


class Skill:
    """Notes what each `fit` is given and measures the model when it has ended; `value` is that of the last one."""

    def __init__(self) -> None:
        self.value: float | None = None

    def install(self, patches: Patches) -> None:
        """Measures from now on, until the patches are undone."""
        patches.put(keras.Model, "fit", self._fit(keras.Model.fit))

    def _fit(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def fit(model: Any, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
            result = original(model, x, y, *args, **kwargs)
            try:
                value = measured(model, *_held(x, y, kwargs))
            except Exception:  # whatever the program feeds that cannot be predicted here: no figure
                value = None
            self.value = value
            return result

        return fit


def _held(x: Any, y: Any, kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Returns validation data where there are some, else the end of the training data."""
    validation = kwargs.get("validation_data")
    if isinstance(validation, (tuple, list)) and len(validation) >= 2:
        x, y, split = validation[0], validation[1], 0.0
    else:
        split = float(kwargs.get("validation_split") or 0.0)
    count = len(keras.tree.flatten(x)[0])
    rows = np.arange(count)[int(count * (1 - split)) if split else 0 :]
    if len(rows) > ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, ROWS).astype(int)]
    return (
        keras.tree.map_structure(lambda a: np.asarray(a)[rows], x),
        keras.tree.map_structure(lambda a: np.asarray(a)[rows], y),
    )


def measured(model: Any, x: Any, y: Any) -> float | None:
    """Returns the skill of a model's predictions for x, given y; None where it cannot be told."""
    made = model.predict(x, verbose=0)
    if isinstance(made, dict) and isinstance(y, dict):
        pairs = [(made[name], y[name]) for name in y if name in made]
    else:
        pairs = list(zip(keras.tree.flatten(made), keras.tree.flatten(y), strict=True))
    found = [value for p, t in pairs if (value := skill(np.asarray(t), np.asarray(p))) is not None]
    return float(np.mean(found)) if found else None


def skill(true: np.ndarray, made: np.ndarray) -> float | None:
    """Returns the skill of predictions (n, ...) for targets (n, ...); None when the targets are all the same."""
    if not np.isfinite(made).all():
        return 0.0
    true = true.astype(np.float64)
    columns = made.shape[-1] if made.ndim > 1 else 1
    whole = bool((true == np.round(true)).all())
    if columns > 1 and true.size == made.size // columns and whole:
        return _accuracy(true.reshape(-1), made.reshape(-1, columns).argmax(-1))
    if true.size != made.size:
        return None
    if columns > 1 and true.shape == made.shape and whole and set(np.unique(true)) <= {0.0, 1.0}:
        if (true.sum(-1) == 1).all():
            return _accuracy(true.argmax(-1).reshape(-1), made.argmax(-1).reshape(-1))
        areas = [_area(true[..., i].ravel(), made[..., i].ravel()) for i in range(columns)]
        known = [area for area in areas if area is not None]
        return float(np.mean(known)) if known else None
    flat_true, flat_made = true.ravel(), made.ravel().astype(np.float64)
    if len(np.unique(flat_true)) == 2:
        return _area((flat_true == flat_true.max()).astype(float), flat_made)
    spread = float(((flat_true - flat_true.mean()) ** 2).sum())
    if not spread:
        return None
    return max(0.0, 1 - float(((flat_true - flat_made) ** 2).sum()) / spread)


def _accuracy(true: np.ndarray, made: np.ndarray) -> float | None:
    _, counts = np.unique(true, return_counts=True)
    common = counts.max() / len(true)
    if common == 1:
        return None
    return max(0.0, (float((true == made).mean()) - common) / (1 - common))


def _area(true: np.ndarray, made: np.ndarray) -> float | None:
    """2·AUC - 1 by the ranks, ties shared."""
    positive = int(true.sum())
    negative = len(true) - positive
    if not positive or not negative:
        return None
    _, inverse, counts = np.unique(made, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    area = (float(ranks[true == 1].sum()) - positive * (positive + 1) / 2) / (positive * negative)
    return max(0.0, 2 * area - 1)
