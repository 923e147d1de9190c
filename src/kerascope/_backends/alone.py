"""A function of tensors on its own: its gradients, and the same function compiled, on each backend."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np


def name() -> str:
    """Returns the backend in use: "jax", "tensorflow" or "torch"."""
    return str(keras.backend.backend())


def compiles() -> bool:
    """Tells whether Keras compiles on this backend; on torch it runs the code as it stands."""
    return bool(name() != "torch")


def compiled(function: Callable[..., Any], variables: Sequence[Any]) -> Callable[..., Any]:
    """Returns `function` as Keras's compiled steps would run it; on torch the function itself.

    Args:
        function: takes tensors, or structures of them, and may read and change the variables.
        variables: all variables that it touches; they get their new values after each call.
    """
    backend = name()
    if backend == "jax":
        return _compiled_jax(function, list(variables))
    if backend == "tensorflow":
        from kerascope._backends.tf_function import graph_function

        return graph_function(function, autograph=True)
    return function


def traced(function: Callable[..., Any], variables: Sequence[Any], *args: Any) -> None:
    """Runs a function on tensors without values, as it is compiled, where Keras compiles what Python does: on JAX.

    TensorFlow turns an `if` into an operation, so that what fails there fails when it is run.
    """
    if name() != "jax":
        return
    import jax

    jax.eval_shape(_pure(function, list(variables)), [v.value for v in variables], args, {})


def _pure(function: Callable[..., Any], variables: list[Any]) -> Callable[..., Any]:
    def pure(values: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with keras.StatelessScope(state_mapping=zip(variables, values, strict=True)) as scope:
            result = function(*args, **kwargs)
        new = [scope.get_current_value(v) for v in variables]
        return result, [value if n is None else n for n, value in zip(new, values, strict=True)]

    return pure


def _compiled_jax(function: Callable[..., Any], variables: list[Any]) -> Callable[..., Any]:
    from kerascope._backends.jax_quick import jit

    fast = jit(_pure(function, variables))

    def run(*args: Any, **kwargs: Any) -> Any:
        result, new = fast([v.value for v in variables], args, kwargs)
        for variable, value in zip(variables, new, strict=True):
            variable.assign(value)
        return result

    return run


def from_model(tensor: Any) -> Any:
    """Returns the tensor as a model in training hands it on: on torch gradients are followed through it."""
    return tensor.detach().requires_grad_() if name() == "torch" and tensor.is_floating_point() else tensor


def gradients(
    function: Callable[..., Any], variables: Sequence[Any], tensors: Sequence[Any] = ()
) -> tuple[np.ndarray, list[np.ndarray | None], list[np.ndarray | None]]:
    """Returns value and gradients of a scalar function, for the variables and for the tensors.

    Args:
        function: called with `tensors`; returns a scalar tensor.
        variables: trainable Keras variables that it reads.
        tensors: float tensors it takes.

    Returns:
        The value, a gradient for each variable, and one for each tensor; where nothing reaches, None or zeros (JAX
        does not tell the two apart).
    """
    backend = name()
    inner = {"jax": _gradients_jax, "tensorflow": _gradients_tensorflow, "torch": _gradients_torch}[backend]
    value, found = inner(function, list(variables), list(tensors))
    arrays = [None if gradient is None else _array(gradient) for gradient in found]
    return _array(value), arrays[: len(variables)], arrays[len(variables) :]


def differentiated(
    function: Callable[..., Any], wanted: Sequence[Any], variables: Sequence[Any], floats: Sequence[bool]
) -> Callable[[Sequence[Any]], tuple[np.ndarray, list[np.ndarray | None], list[np.ndarray | None]]]:
    """Returns a function of tensors that gives what `gradients` does; on JAX it is compiled once.

    Args:
        function: takes tensors, returns a scalar tensor.
        wanted: the trainable variables to differentiate by.
        variables: all variables that it touches.
        floats: for each of the tensors whether to differentiate by it.
    """

    def merged(tensors: Sequence[Any], some: Sequence[Any]) -> list[Any]:
        rest = iter(some)
        return [next(rest) if is_float else t for t, is_float in zip(tensors, floats, strict=True)]

    def chosen(tensors: Sequence[Any]) -> list[Any]:
        return [t for t, is_float in zip(tensors, floats, strict=True) if is_float]

    if name() != "jax":
        return lambda tensors: gradients(
            lambda *some: function(*merged(tensors, some)), wanted, chosen(tensors)
        )
    import jax

    from kerascope._backends.jax_quick import jit

    others = [v for v in variables if not any(v is one for one in wanted)]

    def pure(leaves: list[Any], state: list[Any], tensors: list[Any]) -> Any:
        ours, some = leaves[: len(wanted)], leaves[len(wanted) :]
        with keras.StatelessScope(
            state_mapping=zip([*wanted, *others], [*ours, *state], strict=True), collect_losses=True
        ):
            return function(*merged(tensors, some))

    fast = jit(jax.value_and_grad(pure))

    def run(tensors: Sequence[Any]) -> Any:
        leaves = [v.value for v in wanted] + chosen(tensors)
        value, found = fast(leaves, [v.value for v in others], list(tensors))
        arrays = [_array(gradient) for gradient in found]
        return _array(value), arrays[: len(wanted)], arrays[len(wanted) :]

    return run


def _array(value: Any) -> np.ndarray:
    from kerascope._backends.tensors import array_of

    found = array_of(value)
    return np.asarray(keras.ops.convert_to_numpy(value)) if found is None else found


def _gradients_jax(function: Any, variables: list[Any], tensors: list[Any]) -> tuple[Any, list[Any]]:
    import jax

    def pure(leaves: list[Any]) -> Any:
        mapping = zip(variables, leaves, strict=False)
        with keras.StatelessScope(state_mapping=mapping, collect_losses=True):
            return function(*leaves[len(variables) :])

    value, found = jax.value_and_grad(pure)([v.value for v in variables] + tensors)
    return value, list(found)


def _gradients_tensorflow(function: Any, variables: list[Any], tensors: list[Any]) -> tuple[Any, list[Any]]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        for tensor in tensors:
            tape.watch(tensor)
        value = function(*tensors)
    found = tape.gradient(value, [v.value for v in variables] + tensors)
    return value, [None if g is None else tf.convert_to_tensor(g) for g in found]


def _gradients_torch(function: Any, variables: list[Any], tensors: list[Any]) -> tuple[Any, list[Any]]:
    import torch

    tensors = [tensor.detach().requires_grad_() for tensor in tensors]
    with torch.enable_grad():
        value = function(*tensors)
        wanted = [v.value for v in variables] + tensors
        able = [t for t in wanted if t.requires_grad]
        if not value.requires_grad or not able:
            return value.detach(), [None] * len(wanted)
        found = iter(torch.autograd.grad(value, able, allow_unused=True))
    return value.detach(), [next(found) if t.requires_grad else None for t in wanted]


@contextlib.contextmanager
def backend_state() -> Iterator[None]:
    """Runs the block with gradients on, and puts the backend's random numbers and torch's switch for gradients back.

    Some packages turn gradients off for the whole process. TensorFlow's warnings that it compiles much are kept back.
    """
    torch = sys.modules.get("torch")  # its loaders feed every backend
    with contextlib.ExitStack() as stack:
        if torch is not None:
            devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
            stack.enter_context(torch.random.fork_rng(devices=devices))
        if torch is not None and name() == "torch":
            stack.enter_context(torch.enable_grad())
        if name() == "tensorflow":
            stack.enter_context(_without_warnings())
            stack.enter_context(_seeds_kept())
        if name() == "jax":
            from kerascope._backends.jax_quick import quick_compilations

            stack.enter_context(quick_compilations())
        yield


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _seeds_kept() -> Iterator[None]:
    """Puts TensorFlow's global seed back, and the generator that gives each operation without a seed one.

    `tf.random.set_seed` would begin their sequence anew.
    """
    from tensorflow.python.eager import context as eager

    context = eager.context()
    kept = {attribute: getattr(context, attribute, None) for attribute in ("_seed", "_rng")}
    state = kept["_rng"].getstate() if kept["_rng"] is not None else None
    try:
        yield
    finally:
        for attribute, value in kept.items():
            setattr(context, attribute, value)
        if kept["_rng"] is not None:
            kept["_rng"].setstate(state)


def set_seed(seed: int) -> None:
    """Makes the backend's own random numbers repeatable, where it has a global generator."""
    if name() == "torch":
        sys.modules["torch"].manual_seed(seed)
    elif name() == "tensorflow":
        sys.modules["tensorflow"].random.set_seed(seed)


def random_state() -> Any:
    """Returns the backend's own random state, where it has a global one."""
    torch = sys.modules.get("torch")
    return torch.random.get_rng_state() if torch is not None and keras.backend.backend() == "torch" else None


def set_random_state(state: Any) -> None:
    """Puts back what `random_state` returned."""
    if state is not None:
        sys.modules["torch"].random.set_rng_state(state)
