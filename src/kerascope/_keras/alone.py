"""One Keras object on its own: its variables, its sources of randomness, the global settings around it."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

Values = list[np.ndarray]


def variables(obj: Any) -> list[Any]:
    """Returns all variables of a layer, model, metric or optimizer, those of its seed generators included."""
    found = list(getattr(obj, "variables", ()))
    for metric in getattr(obj, "metrics", ()) if isinstance(obj, keras.Model) else ():
        found += metric.variables
    optimizer = getattr(obj, "optimizer", None) if isinstance(obj, keras.Model) else None
    found += optimizer.variables if optimizer is not None else []
    return list({id(variable): variable for variable in found}.values())


def values(variables: Sequence[Any]) -> Values:
    """Returns copies of the values of variables."""
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Puts values into variables; of two sequences of different length the common part."""
    for variable, value in zip(variables, values, strict=False):
        variable.assign(value)


def perturb(obj: Any, seed: int, size: float = 0.1) -> None:
    """Changes every weight a little, so that none has the value it is made with: zeros and ones hide mistakes.

    What is positive stays positive, as variances must. Seeds and integers are left alone.
    """
    draw = np.random.default_rng(seed)
    seeds = {id(variable) for variable in seed_variables(obj, global_too=False)}
    for variable in list(getattr(obj, "weights", ()) or getattr(obj, "variables", ())):
        value = keras.ops.convert_to_numpy(variable.value)
        if id(variable) in seeds or not keras.backend.is_float_dtype(variable.dtype):
            continue
        value = np.asarray(value, "float32")
        if variable.trainable and not (value.size and float(value.min()) > 0):
            value = value + size * draw.normal(size=value.shape)
        else:
            value = value * (1 + size * draw.uniform(0.5, 1, value.shape)) + (
                0 if value.any() else size * draw.uniform(0.5, 1, value.shape)
            )
        variable.assign(value.astype("float32"))


def seed_variables(obj: Any, global_too: bool = True) -> list[Any]:
    """Returns the states of all seed generators of an object and, with `global_too`, that of Keras itself."""
    weights = {id(variable) for variable in getattr(obj, "weights", ())}
    found = [
        variable
        for variable in getattr(obj, "variables", ())
        if id(variable) not in weights and str(variable.dtype).startswith(("uint", "int"))
    ]
    if global_too:
        generator = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
        found += [generator.state] if generator is not None else []
    return found


def set_seed(seed: int) -> None:
    """Does what `keras.utils.set_random_seed` does, for Python, NumPy and Keras, without loading TensorFlow for it."""
    states = keras.src.backend.common.global_state
    states.set_global_attribute(keras.src.utils.rng_utils.GLOBAL_RANDOM_SEED, seed)
    states.set_global_attribute("global_seed_generator", None)
    random.seed(seed)
    np.random.seed(seed)


@contextlib.contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Runs the block with repeatable random numbers and puts everything global back that it may change.

    That is the random state of Python, NumPy and Keras, the dtype policy and the float type. Warnings are kept from
    the screen.
    """
    python, numpy = random.getstate(), np.random.get_state()
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    states = keras.src.backend.common.global_state
    names = ("global_seed_generator", "global_dtype_policy", keras.src.utils.rng_utils.GLOBAL_RANDOM_SEED)
    kept = {name: states.get_global_attribute(name) for name in names}
    states.set_global_attribute("global_seed_generator", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            set_seed(seed)
            yield
        finally:
            keras.config.set_dtype_policy(policy)
            keras.config.set_floatx(floatx)
            for name, value in kept.items():
                states.set_global_attribute(name, value)
            random.setstate(python)
            np.random.set_state(numpy)


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Runs the block under a global dtype policy such as "mixed_float16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
