"""Other programs for the same training step: compiled instead of eager, without metrics; and larger batches."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from kerascope._keras import steps

CACHED, LARGER, COMPILED, JIT = "cached", "larger", "compiled", "jit_compile"
NO_METRICS, MIXED, SEVERAL, UNCHECKED = "no metrics", "mixed_bfloat16", "steps_per_execution", "unchecked"
SINGLE = "float32"
MANY = 8
"""How many steps per execution, and how many times as many samples, are tried."""

_SETTINGS: dict[str, dict[str, Any]] = {
    COMPILED: {"run_eagerly": False},
    JIT: {JIT: True},
    SEVERAL: {SEVERAL: MANY},
}
_MISSING = object()


def possible(model: Any, switches: Sequence[str] = ()) -> list[str]:
    """Returns which variants are worth a try on this model; `switches` are the kinds of debugging that are on."""
    found = []
    backend = keras.backend.backend()
    eager = model.run_eagerly or "eager" in switches
    if backend != "jax" and "float64" in {layer.compute_dtype for layer in _layers(model)}:
        found.append(SINGLE)  # JAX's state belongs to one model
    if "checks" in switches:
        found.append(UNCHECKED)
    if eager and backend != "torch":  # on torch everything is eager
        found.append(COMPILED)
    elif backend == "tensorflow" and not model.jit_compile:
        found.append(JIT)
    if any(type(metric).__name__ != "Mean" for metric in model.metrics):
        found.append(NO_METRICS)
    if {layer.dtype_policy.name for layer in _layers(model)} == {"float32"}:
        found.append(MIXED)
    if backend != "torch" and not eager and model.steps_per_execution == 1:
        found.append(SEVERAL)
    return found


@contextlib.contextmanager
def active(model: Any, name: str) -> Iterator[None]:
    """Lets the model be the variant inside the block; programs are made when they first run, so they run inside."""
    changes: list[tuple[Any, str, Any]] = []
    if name == NO_METRICS:
        changes = [(model, "compute_metrics", lambda *args, **kwargs: {})]
    elif name == MIXED:
        policy = keras.DTypePolicy(MIXED)
        changes = [(layer, "_dtype_policy", policy) for layer in _layers(model)]
    settings = _SETTINGS.get(name, {})
    if name == COMPILED and keras.backend.backend() == "jax":
        settings = {**settings, JIT: True}  # `run_eagerly` has switched it off
    before = {attribute: getattr(model, attribute) for attribute in settings}
    for attribute, value in settings.items():
        setattr(model, attribute, value)
    try:
        with _replaced(changes):
            yield
    finally:
        for attribute, value in before.items():
            setattr(model, attribute, value)


@contextlib.contextmanager
def without(layer: Any, output: Any) -> Iterator[None]:
    """Lets a layer cost nothing inside the block: its input, or zeros like its `output`, which its input can change."""

    def call(*args: Any, **kwargs: Any) -> Any:
        arrays = [a for a in steps.flatten((args, kwargs)) if keras.ops.is_tensor(a)]
        first = arrays[0]
        if (
            tuple(first.shape) == output.shape
            and keras.backend.standardize_dtype(first.dtype) == output.dtype
        ):
            return first
        small = keras.ops.cast(keras.ops.mean(first), output.dtype)
        return keras.ops.zeros(output.shape, output.dtype) + small

    with _replaced([(layer, "call", call)]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its weights have no gradient now
        yield


@contextlib.contextmanager
def _replaced(changes: list[tuple[Any, str, Any]]) -> Iterator[None]:
    """Sets attributes for a while, past Keras's tracking of them."""
    before = [(owner, name, vars(owner).get(name, _MISSING)) for owner, name, _ in changes]
    for owner, name, value in changes:
        object.__setattr__(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            if value is _MISSING:
                object.__delattr__(owner, name)
            else:
                object.__setattr__(owner, name, value)


def single(model: Any) -> Any:
    """Returns a new model like this one in float32, compiled alike; only models that Keras can clone have one."""

    def alike(layer: Any) -> Any:
        if isinstance(layer, keras.layers.Lambda):  # computes in the type of what it is given
            return layer
        return type(layer).from_config({**layer.get_config(), "dtype": SINGLE})

    clone = keras.models.clone_model(model, clone_function=alike)
    clone.compile_from_config(model.get_compile_config())
    return clone


def in_single(data: Any) -> Any:
    """Returns a batch with its float64 arrays in float32."""

    def cast(array: Any) -> Any:
        if "float64" not in str(getattr(array, "dtype", "")):
            return array
        return array.astype(SINGLE) if isinstance(array, np.ndarray) else keras.ops.cast(array, SINGLE)

    return steps.map_structure(cast, data)


def _layers(model: Any) -> list[Any]:
    return list(model._flatten_layers())


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
