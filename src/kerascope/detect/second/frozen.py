"""Weights that nobody ever trained: made at random, and then frozen, left out, or never registered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerascope._keras import making, objects

_SURE = 3.0


def as_made(model: Any, variables: Sequence[Any]) -> bool:
    """Tells whether variables still are what their initialisers make: random, or constant where those are.

    Biases, scales and shifts begin as one number throughout, and hardly stay so in training; without any of them the
    spread of the others must be that of their initialiser.
    """
    wanted = {id(v) for v in variables}
    constant = spread = other = 0
    for layer, variable, initializer in making.initialised(model):
        if id(variable) not in wanted:
            continue
        value = np.asarray(objects.to_numpy(variable.value), "float64")
        kind = making.kind_of(initializer)
        if kind == "constant":
            if not (value == value.ravel()[0]).all():
                return False
            constant += 1
        elif kind == "random":
            if not _like(value, initializer, variable, layer):
                return False
            spread += 1
        else:
            other += 1
    return spread > 0 and other == 0


def _like(value: np.ndarray, initializer: Any, variable: Any, layer: Any) -> bool:
    """Tells whether a value may have come from an initialiser: by its spread, and its bounds where it has some."""
    if value.size < 8:
        return True
    drawn = making.drawn(initializer, variable)
    if drawn is None:
        return False
    drawn = np.asarray(drawn, "float64")
    ratio = float(value.std()) / max(float(drawn.std()), 1e-12)
    tolerance = _SURE / np.sqrt(2 * value.size) + _SURE / np.sqrt(2 * drawn.size)
    bound = float(np.abs(drawn).max())
    return abs(np.log(max(ratio, 1e-12))) < tolerance and float(np.abs(value).max()) < 1.6 * bound
