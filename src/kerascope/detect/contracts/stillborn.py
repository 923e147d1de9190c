"""Weights that nothing can move from where they start."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kerascope._keras import alone
from kerascope.detect.contracts.case import BATCH, Case
from kerascope.values import Evidence, Finding

_STEPS = 4
_RATE = 0.1


def stillborn(case: Case, training: bool) -> Iterator[Finding]:
    """Yields a finding when weights get no gradient as they are made, and none after a few steps of the others."""
    from kerascope.detect.contracts.gradients import differentiate

    instance = case.built()
    weights = list(instance.trainable_variables)
    place = {id(variable): i for i, variable in enumerate(alone.variables(instance))}
    values = [np.array(value) for value in case.made]
    # A weight that begins as anything but zeros is not held back by itself, and costs no further look.
    still = {i for i, weight in enumerate(weights) if not values[place[id(weight)]].any()}
    for step in range(_STEPS if len(still) > 1 else 0):
        got = differentiate(case, case.inputs(BATCH, seed=step), training, values=values)[1]
        still -= {i for i in still if got[i] is None or np.any(got[i])}
        if not still:
            return
        for weight, gradient in zip(weights, got, strict=True):
            size = 0.0 if gradient is None else float(np.abs(gradient).max(initial=0))
            if gradient is not None and size > 0 and np.isfinite(size):
                values[place[id(weight)]] -= (_RATE * gradient / size).astype("float32")
    if len(still) < 2:
        return
    paths = [weights[i].path for i in sorted(still)]
    yield case.broken(
        f"{' and '.join(paths[:3])} start at zero and stay there",
        "With other values a gradient reaches them. As they are made, each is multiplied by another one that is zero, "
        f"so that all their gradients are zero; after {_STEPS} steps of the other weights they still were. None of "
        "them will ever move.",
        evidence=[Evidence("weights that stay zero", len(paths), f"of {len(weights)}")],
        location=case.where("build", "__init__", text="zeros"),
        fixes=["Let one of the two begin with small random numbers, and only the other one with zeros."],
        severity="warning",
    )
