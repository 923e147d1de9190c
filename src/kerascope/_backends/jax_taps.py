"""JAX: see into a train step while it is traced, through three patches that live only that long.

`Optimizer.stateless_apply` shows gradients, weights and updates; `Layer.__call__` shows outputs; and
`jax.value_and_grad` shows the loss and carries what was seen inside it out as auxiliary output, since a value
seen inside a transform may not leave it otherwise.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core as jax_core

from kerascope._backends.common import output_names, second_calls
from kerascope._keras import graph, steps
from kerascope._keras import state as keras_state


def norm(x: Any) -> Any:
    """Returns the Euclidean norm in float32; not finite where `x` is not, 0 for random keys."""
    x = jnp.asarray(x)
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) or x.size == 0:
        return jnp.float32(0)
    x = x.astype(jnp.float32)
    scale = _scale_of(x)
    return scale * jnp.sqrt(jnp.sum(jnp.square(x / scale)))


def _scale_of(x: Any) -> Any:
    """Returns what to divide by so that the squares of large finite values stay finite."""
    peak = jnp.max(jnp.abs(x))
    return jnp.where((peak > 0) & jnp.isfinite(peak), peak, 1)


def seven(x: Any) -> Any:
    """Returns norm, mean, std, min, max, share of zeros, share of finite values as float32 (7,)."""
    x = jnp.asarray(x)
    if x.size == 0:
        return jnp.asarray([0, 0, 0, 0, 0, 0, 1], jnp.float32)
    x = x.astype(jnp.float32)
    scale = _scale_of(x)
    return jnp.stack(
        [
            scale * jnp.sqrt(jnp.sum(jnp.square(x / scale))),
            jnp.mean(x),
            jnp.std(x),
            jnp.min(x),
            jnp.max(x),
            jnp.mean((x == 0).astype(jnp.float32)),
            jnp.mean(jnp.isfinite(x).astype(jnp.float32)),
        ]
    )


class Level:
    """What one level of tracing saw."""

    def __init__(self) -> None:
        self.trace = _level()
        self.outputs: dict[str, Any] = {}
        self.losses: list[Any] = []

    def here(self) -> bool:
        return bool(_level() == self.trace)


class Collected:
    """What a train step showed. Values inside other transforms are skipped and named."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.thread = threading.get_ident()
        self.layer_names = graph.layer_keys(model)
        self.variable_names = graph.variable_keys(model)
        self.levels = [Level()]
        self.gradients: list[tuple[str, Any, Any, Any]] = []
        self.skipped: dict[str, str] = {}
        self.errors: list[str] = []

    def before_apply(self, optimizer: Any, *args: Any) -> None:
        return None

    def after_apply(self, token: Any, result: Any, optimizer: Any, *args: Any) -> None:
        optimizer_variables, grads, trainable = args
        if not self.levels[-1].here():
            self.skipped["gradients"] = "`stateless_apply` was called inside a JAX transform"
            return
        scale = scale_of(optimizer, optimizer_variables)
        variables = keras_state.optimized_variables(optimizer)
        for variable, gradient, before, after in zip(variables, grads, trainable, result[0], strict=False):
            name = self.variable_names.get(id(variable)) or variable.path
            gradient = before * jnp.nan if gradient is None else gradient / scale
            self.gradients.append((name, gradient, before, after - before))

    def after_call(self, layer: Any, output: Any) -> None:
        if threading.get_ident() != self.thread or layer is self.model:
            return
        key = self.layer_names.get(id(layer)) or layer.path or layer.name
        level = self.levels[-1]
        if not level.here():
            self.skipped[key] = "called inside a JAX transform (scan, cond, vmap, checkpoint)"
            return
        arrays = [a for a in steps.flatten(output) if isinstance(a, jax.Array)]
        arrays = [a for a in arrays if jnp.issubdtype(a.dtype, jnp.floating)]
        for name, array in zip(
            output_names(second_calls(key, level.outputs), len(arrays)), arrays, strict=True
        ):
            level.outputs[name] = seven(jax.lax.stop_gradient(array))

    def error(self, where: str, error: Exception) -> None:
        self.errors.append(f"{where}: {type(error).__name__}: {error}")

    def parts(self) -> dict[str, tuple[Sequence[str], Any]]:
        """Returns names and stacked statistics by part."""
        parts: dict[str, tuple[Sequence[str], Any]] = {}
        level = self.levels[0]
        if self.gradients:
            names = keras_state.unique_names([name for name, *_ in self.gradients])
            for part, column in (("gradient", 1), ("weight", 2), ("update", 3)):
                parts[part] = (names, jnp.stack([seven(row[column]) for row in self.gradients]))
        if level.outputs:
            parts["output"] = (list(level.outputs), jnp.stack(list(level.outputs.values())))
        if level.losses:
            names = keras_state.unique_names(["loss"] * len(level.losses))
            parts["loss"] = (names, jnp.stack([seven(loss) for loss in level.losses]))
        return parts


def _level() -> Any:
    """Returns what tells one JAX transform from another while tracing."""
    if hasattr(jax_core, "get_opaque_trace_state"):
        return jax_core.get_opaque_trace_state()
    return jax.core.get_opaque_trace_state(convention="flax")  # JAX before 0.10


@contextlib.contextmanager
def tapped(model: Any) -> Iterator[Collected]:
    """Collects what the train step that runs inside does; patches are undone when the block ends."""
    collected = Collected(model)
    original = jax.value_and_grad
    with steps.Patches() as patches:
        steps.tap_optimizers(patches, "stateless_apply", collected)
        steps.tap_layers(patches, collected)
        patches.put(jax, "value_and_grad", _value_and_grad(original, collected.levels, gradient_only=False))
        patches.put(jax, "grad", _value_and_grad(original, collected.levels, gradient_only=True))
        yield collected


def scale_of(optimizer: Any, optimizer_variables: Any) -> Any:
    """Returns what an optimizer's gradients have been multiplied by."""
    scale = keras_state.gradient_scale(optimizer)
    if scale is None or isinstance(scale, (int, float)):
        return scale or 1.0
    values = zip(optimizer.variables, optimizer_variables, strict=True)
    return next(value for variable, value in values if variable is scale)


def _value_and_grad(original: Any, levels: list[Level], *, gradient_only: bool) -> Callable[..., Any]:
    """Stands in for `jax.value_and_grad` (or `jax.grad`), carrying what `fun` shows out as auxiliary output."""

    def value_and_grad(
        fun: Any, argnums: Any = 0, has_aux: bool = False, **options: Any
    ) -> Callable[..., Any]:
        names: list[str] = []  # a dict would come back sorted; the order of calls matters

        @functools.wraps(fun)
        def carrying(*args: Any, **kwargs: Any) -> Any:
            inner = Level()
            levels.append(inner)
            try:
                result = fun(*args, **kwargs)
            finally:
                levels.pop()
            value, aux = result if has_aux else (result, None)
            names[:] = inner.outputs
            return value, (aux, list(inner.outputs.values()), inner.losses)

        differentiated = original(carrying, argnums=argnums, has_aux=True, **options)

        @functools.wraps(fun)
        def run(*args: Any, **kwargs: Any) -> Any:
            (value, (aux, outputs, losses)), grads = differentiated(*args, **kwargs)
            if levels[-1].here():
                for name, stats in zip(names, outputs, strict=True):
                    levels[-1].outputs[second_calls(name, levels[-1].outputs)] = stats
                levels[-1].losses += [*losses, value]
            if gradient_only:
                return (grads, aux) if has_aux else grads
            return ((value, aux) if has_aux else value), grads

        return run

    return value_and_grad
