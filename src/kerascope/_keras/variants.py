"""Other programs for the same training step: compiled instead of eager, without metrics; and larger batches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerascope._keras import steps

COMPILED, JIT, NO_METRICS = "compiled", "jit_compile", "no metrics"


def possible(model: Any) -> list[str]:
    """Returns which variants are worth a try on this model."""
    found = []
    backend = keras.backend.backend()
    if model.run_eagerly and backend != "torch":  # on torch everything is eager
        found.append(COMPILED)
    elif backend == "tensorflow" and not model.jit_compile:
        found.append(JIT)
    if any(type(metric).__name__ != "Mean" for metric in model.metrics):
        found.append(NO_METRICS)
    return found


@contextlib.contextmanager
def active(model: Any, name: str) -> Iterator[None]:
    """Lets the model be the variant inside the block; programs are made when they first run, so they run inside."""
    if name == NO_METRICS:
        object.__setattr__(model, "compute_metrics", lambda *args, **kwargs: {})
        try:
            yield
        finally:
            object.__delattr__(model, "compute_metrics")
        return
    settings = {COMPILED: ("run_eagerly", False), JIT: ("jit_compile", True)}
    attribute, value = settings.get(name, ("run_eagerly", model.run_eagerly))
    before = getattr(model, attribute)
    setattr(model, attribute, value)
    try:
        yield
    finally:
        setattr(model, attribute, before)


def repeated(data: Any, times: int, size: int) -> Any:
    """Returns a batch of `times` as many samples: every array whose first dimension is the batch, repeated."""

    def repeat(array: Any) -> Any:
        shape = getattr(array, "shape", None)
        if shape is None or len(shape) == 0 or shape[0] != size:
            return array
        if isinstance(array, np.ndarray):
            return np.concatenate([array] * times)
        return keras.ops.concatenate([array] * times, axis=0)

    return steps.map_structure(repeat, data)
