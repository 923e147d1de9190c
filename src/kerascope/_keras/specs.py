"""Where Keras works out the shapes of what was made of a `keras.Input`, by running the user's code on stand-ins."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import keras

from kerascope._keras.steps import Patches

Attempt = Callable[[int | None], contextlib.AbstractContextManager[None]]
"""Entered around every run of the user's code; told which number stands for unknown sizes, None when none does."""


def around_specs(begin: Callable[[bool], contextlib.AbstractContextManager[Attempt]]) -> Patches:
    """Enters `begin(alike)` whenever Keras works out shapes, and what it gives around each run of the code in it.

    `alike` tells that one tensor has several unknown sizes, which Keras (on JAX and torch) takes to be the same.
    Torch knows no unknown sizes: Keras runs the code on tensors with one size for all of them, then with another.
    """
    backend = keras.src.backend
    plain = backend.compute_output_spec

    def compute_output_spec(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with begin(_alike((args, kwargs))) as attempt:

            def run(*given: Any, **options: Any) -> Any:
                with attempt(_filled((args, kwargs), (given, options))):
                    return fn(*given, **options)

            return plain(run, *args, **kwargs)

    patches = Patches()
    patches.put(backend, "compute_output_spec", compute_output_spec)
    return patches


def _alike(asked: Any) -> bool:
    if keras.backend.backend() == "tensorflow":
        return False
    tensors = [one for one in keras.tree.flatten(asked) if isinstance(one, keras.KerasTensor)]
    return any(one.shape.count(None) > 1 for one in tensors)


def _filled(asked: Any, given: Any) -> int | None:
    """Returns the number that was put in place of unknown sizes."""
    if keras.backend.backend() != "torch":
        return None
    for one, other in zip(keras.tree.flatten(asked), keras.tree.flatten(given), strict=True):
        if isinstance(one, keras.KerasTensor) and None in one.shape:
            return int(other.shape[one.shape.index(None)])
    return None
