"""Workarounds for single versions of Keras, each with the versions and when it can go."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras


@contextlib.contextmanager
def step_outside_fit(model: Any) -> Iterator[None]:
    """Lets a JAX train step be called while no training has told it where its variables lie.

    Keras 3.10 and 3.11: `train_step` ends in `_enforce_jax_state_sharding`, which reads lists that exist only inside
    `fit` and `train_on_batch` (`TypeError: 'NoneType' object is not subscriptable` from `model.train_step(state, data)`
    at any other time). It only pins where the new state lies, and changes no value. To be removed with Keras 3.11.
    """
    if not hasattr(model, "_enforce_jax_state_sharding") or "_enforce_jax_state_sharding" in vars(model):
        yield
        return

    def as_they_lie(
        trainable_variables: Any = None,
        non_trainable_variables: Any = None,
        optimizer_variables: Any = None,
        metrics_variables: Any = None,
    ) -> tuple[Any, ...]:
        state = (trainable_variables, non_trainable_variables, optimizer_variables, metrics_variables)
        return tuple(part or [] for part in state)

    # Around Keras's own `__setattr__`, which would track what is set.
    object.__setattr__(model, "_enforce_jax_state_sharding", as_they_lie)
    try:
        yield
    finally:
        object.__delattr__(model, "_enforce_jax_state_sharding")


def steps_as_in_fit(model: Any) -> None:
    """Hands the steps of a model what `fit` hands them, in attributes of the model: (x, y), x alone, or all three.

    All versions so far: `train_on_batch` and `test_on_batch` give (x, y, None), so that a step that begins with
    `x, y = data`, as those of Keras's guides do, fails there and works in `fit`.
    """
    for name in ("train_step", "test_step"):
        vars(model)[name] = _without_none(getattr(model, name))


def _without_none(step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def packed(*args: Any) -> Any:  # on JAX the state comes before the data
        data = args[-1]
        if isinstance(data, tuple) and len(data) == 3 and data[2] is None:
            data = keras.utils.pack_x_y_sample_weight(*data)
        return step(*args[:-1], data)

    return packed


@contextlib.contextmanager
def without_tensorflow() -> Iterator[None]:
    """Keeps Keras from importing TensorFlow while it writes down a configuration.

    All versions so far: with the JAX and torch backends, `layer.get_config()` asks whether some setting is a
    `tf.TensorShape`, and imports TensorFlow to find out, which takes seconds and hundreds of megabytes. Where
    nobody has imported it nothing can be one. To be removed when `serialize_keras_object` looks at `sys.modules` first.
    """
    lazy = keras.src.utils.module_utils.tensorflow
    if "tensorflow" in sys.modules or lazy._available is not None:
        yield
        return
    lazy._available = False
    try:
        yield
    finally:
        lazy._available = None
