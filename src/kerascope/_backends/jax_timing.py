"""JAX reports its compilations itself; a read of a device array goes through one property."""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.experimental
import jax.numpy as jnp
import numpy as np

from kerascope._backends.timing import ANSWERS, PEAK_SIZE, Observer, Switch, peak, switched, user_place
from kerascope._keras import units
from kerascope._keras.phases import place
from kerascope._keras.steps import Patches

_X64: Any = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64  # moved in JAX 0.8

_COMPILING = ("jaxpr_trace_duration", "jaxpr_to_mlir_module_duration", "backend_compile_duration")


_SWITCHES = {
    "jax_disable_jit": "eager",
    "jax_debug_nans": "checks",
    "jax_debug_infs": "checks",
    "jax_check_tracer_leaks": "checks",
}


class JaxTiming:
    """See `timing.Timing`."""

    def watch(self, patches: Patches, observer: Observer) -> list[Callable[[], None]]:
        def listener(event: str, duration: float, **facts: Any) -> None:
            if event.endswith(_COMPILING):
                observer.compiled(duration, str(facts.get("fun_name") or ""), ())

        jax.monitoring.register_event_duration_secs_listener(listener)
        array = type(jnp.zeros(()))
        value = vars(array).get("_value")
        if isinstance(value, property):
            patches.put(array, "_value", property(_reading(value.fget, observer)))
        for module, name in ((jax, "pure_callback"), (jax.experimental, "io_callback")):
            original = getattr(module, name, None)
            if original is not None:
                patches.put(module, name, _calling_back(original, observer))
        return [lambda: jax.monitoring.unregister_event_duration_listener(listener)]

    def switches(self) -> list[Switch]:
        def off(name: str) -> Callable[[], contextlib.AbstractContextManager[None]]:
            update = jax.config.update
            return lambda: switched(lambda: update(name, False), lambda: update(name, True))

        return [
            Switch(kind, f'jax.config.update("{name}", True)', off(name))
            for name, kind in _SWITCHES.items()
            if getattr(jax.config, name, False)
        ]

    def memory(self) -> dict[str, float]:
        arrays = jax.live_arrays()
        found = {"arrays": float(len(arrays)), "used": float(sum(a.nbytes for a in arrays))}
        stats = jax.local_devices()[0].memory_stats()
        if stats:
            found["peak"] = float(stats.get("peak_bytes_in_use", 0))
        return found

    def _functions(
        self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...], tuple[Any, ...]]:
        """Returns the layer's forward function and its gradient, and what each is called with."""
        kwargs = units.accepted(layer, kwargs)
        leaves, structure = jax.tree_util.tree_flatten((args, kwargs))
        places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, (jax.Array, np.ndarray))]
        trained = [v.value for v in layer.trainable_variables]
        others = [v.value for v in layer.non_trainable_variables]

        def call(trained: Any, arrays: Any) -> Any:
            full = list(leaves)
            for i, array in zip(places, arrays, strict=True):
                full[i] = array
            positional, named = jax.tree_util.tree_unflatten(structure, full)
            return layer.stateless_call(trained, others, *positional, **named)[0]

        def total(trained: Any, floats: Any, arrays: Any) -> Any:
            arrays = [f if f is not None else a for f, a in zip(floats, arrays, strict=True)]
            outputs = jax.tree_util.tree_leaves(call(trained, arrays))
            return sum(jnp.sum(o) for o in outputs if jnp.issubdtype(o.dtype, jnp.floating))

        arrays = [jnp.asarray(leaves[i]) for i in places]
        floats = [a if jnp.issubdtype(a.dtype, jnp.floating) else None for a in arrays]
        return call, jax.grad(total, argnums=(0, 1)), (trained, arrays), (trained, floats, arrays)

    def runners(
        self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, compiled: bool
    ) -> tuple[Callable[[], Any], Callable[[], Any] | None]:
        call, gradient, inputs, given = self._functions(layer, args, kwargs)
        if compiled:
            call, gradient = jax.jit(call), jax.jit(gradient)
        return (
            lambda: jax.block_until_ready(call(*inputs)),
            lambda: jax.block_until_ready(gradient(*given)),
        )

    def held(
        self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, compiled: bool
    ) -> float | None:
        if not compiled:
            return None
        _, gradient, _, given = self._functions(layer, args, kwargs)
        found = jax.jit(gradient).lower(*given).compile().memory_analysis()
        if found is None:
            return None
        return float(found.temp_size_in_bytes + found.output_size_in_bytes)

    def operators(self, run: Callable[[], Any]) -> dict[str, Any] | None:
        return None

    def endless(self, data: Any) -> Any:
        return itertools.repeat(data)

    def steps(self, raw: Any, state: Any, iterator: Any) -> tuple[Any, Any]:
        logs, state = raw(state, iterator)
        return logs, state

    def peak(self) -> dict[str, float]:
        def product(dtype: str) -> Callable[[], Any]:
            with _X64(dtype == "float64"):
                a = jnp.ones((PEAK_SIZE, PEAK_SIZE), dtype)

            def run() -> None:
                with _X64(dtype == "float64"):
                    jax.block_until_ready(a @ a)

            return run

        return peak(product)


def _reading(get: Any, observer: Observer) -> Callable[[Any], Any]:
    def value(self: Any) -> Any:
        # What was read once is kept on the host, and reading it again costs nothing.
        if getattr(self, "_npy_value", None) is not None or not observer.reading():
            return get(self)
        began = time.perf_counter()
        try:
            return get(self)
        finally:
            observer.read(time.perf_counter() - began, "read", user_place(2))

    return value


def _calling_back(original: Any, observer: Observer) -> Any:
    @functools.wraps(original)
    def callback(function: Any, *args: Any, **kwargs: Any) -> Any:
        file, line = place(function)
        name = getattr(function, "__name__", "")

        @functools.wraps(function)
        def timed(*inner: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return ANSWERS.of(function, inner, named)
            finally:
                observer.called_back(time.perf_counter() - began, (file, line, name))

        return original(timed, *args, **kwargs)

    return callback


TIMING = JaxTiming()
