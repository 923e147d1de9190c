"""Gradients of intermediate values, seen as they come by in a backward pass that runs eagerly.

On JAX and TensorFlow a value is replaced by itself behind an identity whose derivative tells what passes it. On torch
nothing is replaced: every node of the graph that an expression has added is asked what comes in and what goes out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kerascope._backends import tensors

Told = Callable[[np.ndarray], None]


def through(value: Any, told: Told) -> Any:
    """Returns `value`, seen by JAX and TensorFlow as an identity of it that tells `told` its gradient.

    What has no gradient, or is a variable that something may assign to, comes back as it is.
    """
    name = keras.backend.backend()
    if name == "jax":
        return _through_jax(value, told)
    if name == "tensorflow":
        return _through_tensorflow(value, told)
    return value


def _through_jax(value: Any, told: Told) -> Any:
    import jax
    import jax.numpy as jnp

    if type(value).__name__ not in ("JVPTracer", "LinearizeTracer", "GradTracer"):
        return value  # nothing is differentiated, or it is compiled
    if not jnp.issubdtype(value.dtype, jnp.floating):
        return value

    @jax.custom_vjp
    def identity(x: Any) -> Any:
        return x

    def backward(_: Any, gradient: Any) -> tuple[Any]:
        array = tensors.array_of(gradient)
        if array is not None:
            told(array)
        return (gradient,)

    identity.defvjp(lambda x: (x, None), backward)
    return identity(value)


def _through_tensorflow(value: Any, told: Told) -> Any:
    import tensorflow as tf

    if not isinstance(value, tf.Tensor) or not value.dtype.is_floating or not hasattr(value, "numpy"):
        return value

    @tf.custom_gradient
    def identity(x: Any) -> Any:
        def backward(gradient: Any) -> Any:
            array = tensors.array_of(gradient)
            if array is not None:
                told(array)
            return gradient

        return tf.identity(x), backward

    return identity(value)


class TorchNodes:
    """The nodes of torch's graph by the expression that added them; those that made a finite gradient infinite or NaN.

    `born` lists (owner, name of the node, the bad gradient) in the order of the backward pass.
    """

    def __init__(self) -> None:
        self.born: list[tuple[Any, str, np.ndarray]] = []
        self._known: set[int] = set()
        self._keep: list[Any] = []  # so that ids are not used again

    def claim(self, value: Any, owner: Any) -> None:
        """All nodes behind `value` that nobody has claimed belong to `owner`."""
        waiting = [getattr(value, "grad_fn", None)]
        while waiting:
            node = waiting.pop()
            if node is None or id(node) in self._known:
                continue
            self._known.add(id(node))
            self._keep.append(node)
            if node.name().startswith("AccumulateGrad") or "AccumulateGrad" in node.name():
                continue
            node.register_hook(self._hook(owner, node.name()))
            waiting += [before for before, _ in node.next_functions]

    def _hook(self, owner: Any, name: str) -> Callable[..., None]:
        def hook(given: Any, came: Any) -> None:
            bad = next((a for g in given if (a := _bad(g)) is not None), None)
            if bad is not None and all(_bad(g) is None for g in came):
                self.born.append((owner, name, bad))

        return hook


def _bad(gradient: Any) -> np.ndarray | None:
    if gradient is None:
        return None
    array = tensors.array_of(gradient)
    return array if array is not None and not np.isfinite(array).all() else None
