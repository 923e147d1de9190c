"""JAX: gradient norms of every step, computed inside the compiled step, and checked to change nothing.

Reading a gradient once more lets XLA fuse differently and round differently. An optimization barrier on what the
statistics read, and on nothing else, kept the weights identical wherever it was tried; that is an observation and
no guarantee, so the first steps are run by the untouched program too and compared to the byte.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from kerascope._backends.base import Inline
from kerascope._backends.jax_taps import norm, scale_of
from kerascope._keras import graph, steps
from kerascope._keras import state as keras_state

_KEY = "kerascope_gradient_norms"
_VERIFIED_STEPS = 3
_copy = jax.jit(lambda tree: jax.tree_util.tree_map(jnp.copy, tree))


class GradientNorms:
    """Taps the outermost `stateless_apply` while the step is traced."""

    def __init__(self, model: Any) -> None:
        self.variable_names = graph.variable_keys(model)
        self.names: list[str] = []
        self.norms: list[Any] = []
        self.errors: list[str] = []

    def before_apply(self, optimizer: Any, *args: Any) -> None:
        optimizer_variables, grads, _ = args
        scale = scale_of(optimizer, optimizer_variables)
        variables = keras_state.optimized_variables(optimizer)
        for variable, gradient in zip(variables, grads, strict=False):
            if gradient is None:
                continue
            apart = jax.lax.optimization_barrier(gradient)
            self.names.append(self.variable_names.get(id(variable)) or variable.path)
            self.norms.append(norm(apart) / scale)

    def after_apply(self, token: Any, result: Any, optimizer: Any, *args: Any) -> None:
        return None

    def after_call(self, layer: Any, output: Any) -> None:
        return None

    def error(self, where: str, error: Exception) -> None:
        self.errors.append(f"{where}: {type(error).__name__}: {error}")


class InlineStep:
    """Keras's step with norms inside; falls back to the untouched one when the two ever differ."""

    def __init__(self, model: Any) -> None:
        self._model = weakref.ref(model)
        self._raw = steps.keras_function(model)
        self.names: list[str] = []
        self.problem: str | None = None
        self._left = _VERIFIED_STEPS
        own_step = model.train_step

        def train_step(state: Any, data: Any) -> Any:
            live = self._model()
            taps = GradientNorms(live)
            with steps.Patches() as patches:
                steps.tap_optimizers(patches, "stateless_apply", taps)
                logs, new = own_step(state, data)
            if not taps.norms or not isinstance(logs, dict):
                return logs, new
            self.names = taps.names
            return {**logs, _KEY: jnp.stack(taps.norms)}, new

        with steps.train_step_replaced(model, train_step):
            self._built = steps.made_train_function(model)

    def __call__(self, state: Any, iterator: Iterator[Any]) -> tuple[Any, Any]:
        if self.problem is not None:
            return self._raw(state, iterator)
        if not self._left:
            return self._built(state, iterator)
        self._left -= 1
        data = next(iterator)
        kept = _copy(state)
        expected_logs, expected = self._raw(state, iter((data,)))
        try:
            logs, new = self._built(kept, iter((data,)))
            if not _same(expected, new):
                self.problem = "inside the step they would change the weights (XLA rounds differently)"
        except Exception as error:
            self.problem = f"the step could not be built with them: {type(error).__name__}: {error}"
        if self.problem is not None:
            return expected_logs, expected
        return {**expected_logs, _KEY: logs[_KEY]} if _KEY in logs else expected_logs, expected


def _same(a: Any, b: Any) -> bool:
    pairs = zip(jax.tree_util.tree_leaves(a), jax.tree_util.tree_leaves(b), strict=True)
    return all(jax.device_get(x).tobytes() == jax.device_get(y).tobytes() for x, y in pairs)


def _pop(logs: Any) -> tuple[Any, Any]:
    if not isinstance(logs, dict) or _KEY not in logs:
        return logs, None
    rest = {name: value for name, value in logs.items() if name != _KEY}
    return rest, logs[_KEY]


def build(model: Any) -> Inline:
    """Returns the step function with gradient norms inside."""
    step = InlineStep(model)
    return Inline(step, lambda: step.names, _pop, lambda: step.problem)
