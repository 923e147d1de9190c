"""Random starting weights without the compiler."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np


@contextlib.contextmanager
def by_numpy() -> Iterator[None]:
    """Lets Keras's initialisers draw with NumPy in the block: what JAX would compile for it takes longer than all else.

    The numbers are others, and as repeatable; a shape or seed that is not known yet is left to Keras.
    """
    module: Any = keras.src.initializers.random_initializers
    own = getattr(module, "random", None)
    if own is None or keras.backend.backend() != "jax":
        yield
        return
    shim = types.SimpleNamespace(**vars(own))
    for name, draw in (("normal", _normal), ("uniform", _uniform), ("truncated_normal", _truncated)):
        setattr(shim, name, _or_else(draw, getattr(own, name)))
    square = keras.initializers.Orthogonal
    drawn = square.__call__
    module.random = shim
    square.__call__ = _orthogonal_or_else(drawn)
    try:
        yield
    finally:
        module.random = own
        square.__call__ = drawn


def _or_else(draw: Any, own: Any) -> Any:
    def drawn(
        shape: Any, first: float = 0.0, second: float = 1.0, dtype: Any = None, seed: Any = None
    ) -> Any:
        if not isinstance(seed, int) or not all(isinstance(size, int) for size in shape):
            return own(shape, first, second, dtype, seed)
        values = draw(np.random.default_rng(abs(seed)), tuple(shape), first, second)
        return keras.ops.convert_to_tensor(values.astype("float32"), dtype or keras.config.floatx())

    def call(shape: Any, *args: Any, **kwargs: Any) -> Any:
        for name, as_name in (
            ("mean", "first"),
            ("minval", "first"),
            ("stddev", "second"),
            ("maxval", "second"),
        ):
            if name in kwargs:
                kwargs[as_name] = kwargs.pop(name)
        return drawn(shape, *args, **kwargs)

    return call


def _orthogonal_or_else(own: Any) -> Any:
    def call(self: Any, shape: Any, dtype: Any = None) -> Any:
        known = isinstance(self.seed, int) and len(shape) > 1 and all(isinstance(size, int) for size in shape)
        if not known:
            return own(self, shape, dtype)
        rows, columns = int(np.prod(shape[:-1])), shape[-1]
        wide = rows < columns
        values = np.random.default_rng(abs(self.seed)).normal(
            size=(columns, rows) if wide else (rows, columns)
        )
        q, r = np.linalg.qr(values)
        q = q * np.sign(np.diag(r))
        q = (self.gain * (q.T if wide else q)).reshape(shape).astype("float32")
        return keras.ops.convert_to_tensor(q, dtype or keras.config.floatx())

    return call


def _normal(random: np.random.Generator, shape: tuple[int, ...], mean: float, stddev: float) -> Any:
    return random.normal(mean, stddev, shape)


def _uniform(random: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> Any:
    return random.uniform(low, high, shape)


def _truncated(random: np.random.Generator, shape: tuple[int, ...], mean: float, stddev: float) -> Any:
    values = np.asarray(random.normal(size=shape))
    while (far := np.abs(values) > 2).any():
        values = np.where(far, random.normal(size=shape), values)
    return mean + stddev * values
