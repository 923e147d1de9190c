"""What a training step makes smaller: the scalars whose gradients it asks for, as it runs line by line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerascope._backends.alone import name
from kerascope._backends.tensors import array_of


@contextlib.contextmanager
def losses_differentiated() -> Iterator[list[float]]:
    """Gives a list that gets the value of every scalar that the block differentiates.

    On JAX only what is differentiated by `jax.value_and_grad`, as Keras's own step does; `jax.grad` has no value.
    """
    found: list[float] = []

    def note(value: Any) -> None:
        array = array_of(value)
        if array is not None and array.size == 1:
            found.append(float(np.ravel(array)[0]))

    with contextlib.ExitStack() as stack:
        for owner, attribute, make in _PLACES[name()]():
            own = getattr(owner, attribute)
            stack.callback(setattr, owner, attribute, own)
            setattr(owner, attribute, make(own, note))
        yield found


_Make = Callable[[Callable[..., Any], Callable[[Any], None]], Callable[..., Any]]


def _jax() -> list[tuple[Any, str, _Make]]:
    import jax

    return [(jax, "value_and_grad", _with_value)]


def _tensorflow() -> list[tuple[Any, str, _Make]]:
    import tensorflow as tf

    return [(tf.GradientTape, "gradient", _of_a_tape)]


def _torch() -> list[tuple[Any, str, _Make]]:
    import torch

    # Tensor.backward calls the first of them.
    return [(torch.autograd, "backward", _of_the_first), (torch.autograd, "grad", _of_the_first)]


_PLACES = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}


def _with_value(own: Callable[..., Any], note: Callable[[Any], None]) -> Callable[..., Any]:
    def value_and_grad(*args: Any, has_aux: bool = False, **kwargs: Any) -> Any:
        inner = own(*args, has_aux=has_aux, **kwargs)

        def run(*inputs: Any, **named: Any) -> Any:
            value, gradients = inner(*inputs, **named)
            note(value[0] if has_aux else value)
            return value, gradients

        return run

    return value_and_grad


def _of_a_tape(own: Callable[..., Any], note: Callable[[Any], None]) -> Callable[..., Any]:
    def gradient(tape: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
        note(target)
        return own(tape, target, *args, **kwargs)

    return gradient


def _of_the_first(own: Callable[..., Any], note: Callable[[Any], None]) -> Callable[..., Any]:
    def differentiate(*args: Any, **kwargs: Any) -> Any:
        outputs = next(iter((*args, *kwargs.values())), None)
        for output in outputs if isinstance(outputs, (tuple, list)) else (outputs,):
            note(output)
        return own(*args, **kwargs)

    return differentiate
