"""What a training step hangs on beside its batch: frozen weights that it changes, and rounding."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from kerascope._keras import alone, objects, training
from kerascope.detect.contracts.case import arrays
from kerascope.detect.contracts.rehearsal_losses import SIZE, first_two_rolled

if TYPE_CHECKING:
    from kerascope.detect.contracts.rehearsal import Rehearsal

_ROUNDING = 1e-6


def used(rehearsal: Rehearsal) -> None:
    """Changes the frozen weights that the step wrote to, one by one, and looks at the output in training."""
    model, seen = rehearsal.model, rehearsal.seen
    frozen = {id(v) for v in training.frozen(model)}
    moved = seen.changed(seen.eager[0])
    seen.used = [False] * len(seen.paths)
    for i, (weight, did) in enumerate(zip(rehearsal.weights, moved, strict=False)):
        if not did or not rehearsal.calls or id(weight) not in frozen:
            continue
        outputs = []
        for shift in (0.0, 1.0):
            rehearsal.reset()
            weight.assign(alone.values([weight])[0] + shift)
            outputs.append(arrays(model(rehearsal.x, training=True)))
        seen.used[i] = any(not np.array_equal(a, b) for a, b in zip(*outputs, strict=True))


def weights(rehearsal: Rehearsal) -> None:
    """Makes steps in which the first two samples weigh 0, and are then exchanged for others in the targets."""
    if rehearsal.y is None:
        return
    given = objects.to_tensor(np.array([0, 0] + [1] * (SIZE - 2), "float32"))
    other = objects.map_structure(first_two_rolled, rehearsal.y)
    first = rehearsal.stride(sample_weight=given)
    one = rehearsal.differentiated
    rehearsal.reset()
    rehearsal.seen.weighted = first, rehearsal.stride(y=other, sample_weight=given)
    rehearsal.seen.weighed = one, rehearsal.differentiated


def rounding(rehearsal: Rehearsal) -> None:
    """Makes the first steps line by line again from weights that are moved by rounding, where compiled ones differ.

    Adam, for one, makes a whole step of a gradient that is 0 but for rounding, as of a bias before a normalization.
    """
    seen = rehearsal.seen
    pairs = [
        pair for steps in zip(seen.eager, seen.compiled, strict=False) for pair in zip(*steps, strict=True)
    ]
    if all(np.allclose(a, b, 1e-3, 1e-6, equal_nan=True) for a, b in pairs):
        return
    random = np.random.default_rng(rehearsal.case.seed)
    learnt = {id(v) for v in rehearsal.model.trainable_variables}
    rehearsal.reset()
    for variable, value in zip(rehearsal.variables, rehearsal.values, strict=True):
        if id(variable) in learnt:
            variable.assign(value * (1 + _ROUNDING * random.choice([-1.0, 1.0], value.shape)))
    training.begin(rehearsal.model, compiled=False)
    with contextlib.suppress(Exception):  # what the first ones raised has been said
        seen.rounded = [rehearsal.step(), rehearsal.step()]
