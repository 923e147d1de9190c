"""Whether the gradient of an object is a number, where its result is one."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerascope._backends import alone, tensors
from kerascope._keras import alone as keras_alone
from kerascope._keras import objects
from kerascope.explain.fixes.outcome import Trial, arrays


def breaks(trial: Trial) -> bool:
    """Tells whether the gradient is infinite or NaN on made-up inputs though the result is finite. Call it in `quiet`.

    It is taken for the trainable weights and what a layer is given, of a loss for the predictions alone.
    """
    subject = trial.subject
    if subject.make is None or subject.kind not in ("layer", "model", "loss"):
        return False
    objects.seed(0)
    instance = subject.make()
    args, kwargs = trial.inputs(trial.sizes[0])
    if not all(np.isfinite(array).all() for array in arrays(subject.call(instance, args, kwargs))):
        return False
    flat = objects.flatten((list(args), dict(kwargs)))
    wanted = [i for i, leaf in enumerate(flat) if tensors.dtype(leaf).startswith(("float", "bfloat"))]
    wanted = wanted[1:2] if subject.kind == "loss" else wanted

    def weighed(*given: Any) -> Any:
        new = list(flat)
        for index, value in zip(wanted, given, strict=True):
            new[index] = value
        left, right = objects.packed_as((list(args), dict(kwargs)), new)
        return keras_alone.weighed_sum(subject.call(instance, tuple(left), right), instance, 0)

    weights = list(getattr(instance, "trainable_variables", ()))
    _, ours, theirs = alone.gradients(weighed, weights, [flat[i] for i in wanted])
    return not all(np.isfinite(gradient).all() for gradient in (*ours, *theirs) if gradient is not None)
