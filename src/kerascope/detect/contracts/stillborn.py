"""Weights that nothing can move from where they start, and layers behind which nothing can be trained."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import alone, objects
from kerascope.detect.contracts.case import BATCH, Arguments, Case
from kerascope.detect.contracts.running import flat, rebuilt
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
    still &= _held_by_zeros(case, training, still)
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


def _held_by_zeros(case: Case, training: bool, still: set[int]) -> set[int]:
    """Returns which of these weights get a gradient once they are not zero: an expert that nobody asks gets none."""
    from kerascope.detect.contracts.gradients import differentiate

    instance = case.built()
    chosen = {id(weight) for i, weight in enumerate(instance.trainable_variables) if i in still}
    random = np.random.default_rng(case.seed)
    variables = zip(alone.variables(instance), case.made, strict=True)
    values = [random.normal(size=x.shape).astype(x.dtype) if id(v) in chosen else x for v, x in variables]
    held: set[int] = set()
    for step in range(_STEPS if len(still) > 1 else 0):
        got = differentiate(case, case.inputs(BATCH, seed=step), training, values=values)[1]
        held |= {i for i in still if got[i] is not None and np.any(got[i])}
    return held


_SMALL = 4e-3


def ends_here(case: Case, training: bool) -> Iterator[Finding]:
    """Yields a finding when the result follows small changes of the input, and no gradient comes back to any input."""
    from kerascope.detect.contracts.gradients import differentiate, suspect

    if "layer" not in case.kinds:
        return
    for seed in range(2):
        theirs = differentiate(case, case.inputs(BATCH, seed=seed), training)[2]
        if not theirs or any(gradient is not None and np.any(gradient) for gradient in theirs):
            return
    start, *others = (
        differentiate(case, _moved(case, part * _SMALL), training)[0] for part in (0.0, 1.0, 2.0, -1.0)
    )
    near, far, back = (other - start for other in others)
    # What goes in steps, as a rounding does, stands still at first, or leaps.
    smooth = abs(far - 2 * near) < 0.1 * abs(far) and abs(near + back) < 0.1 * abs(near)
    if not np.isfinite(near) or abs(near) < 1e-5 * max(abs(start), 1.0) or not smooth:
        return
    where, what = suspect(case, training)
    yield case.broken(
        f"No gradient comes back through {case.subject.name}",
        f"Its result follows small changes of its input, and yet the gradient for every input is zero.{what} No layer "
        "before it is ever trained by what comes after it.",
        evidence=[Evidence("change of the result for a small change of the input", near)],
        location=where,
        fixes=[
            "Take out stop_gradient, detach and NumPy on the way; if it is meant, allow `gradients-reach`."
        ],
        severity="warning",
    )


def _moved(case: Case, by: float) -> Arguments:
    """Returns the arguments with all floats moved a little in one direction."""
    args, kwargs = case.inputs(BATCH)
    leaves = []
    for leaf in flat(args, kwargs):
        array = tensors.array_of(leaf)
        if array is not None and array.dtype.kind == "f":
            way = np.random.default_rng(case.seed + 5).uniform(-1, 1, array.shape)
            leaf = objects.to_tensor((array + by * way).astype(array.dtype))
        leaves.append(leaf)
    return rebuilt(args, kwargs, leaves)
