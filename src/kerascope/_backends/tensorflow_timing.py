"""TensorFlow: a function that traces says so by its count; Python inside a graph goes through two functions."""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kerascope._backends import pipelines
from kerascope._backends.tf_function import graph_function
from kerascope._backends.timing import ANSWERS, PEAK_SIZE, Observer, Switch, peak, switched, tell_reads
from kerascope._keras.phases import place
from kerascope._keras.steps import Patches

_READS = ("numpy", "__array__", "__float__", "__int__", "__bool__", "__index__")
_LONG = 60


class TensorFlowTiming:
    """See `timing.Timing`."""

    def watch(self, patches: Patches, observer: Observer) -> list[Callable[[], None]]:
        function = type(tf.function(lambda: None))
        patches.put(function, "__call__", _calling(function.__call__, observer))
        base = type(tf.constant(0.0)).__mro__[1]
        tell_reads(patches, base, _READS, observer, time.perf_counter)
        for name in ("py_function", "numpy_function"):
            patches.put(tf, name, _calling_back(getattr(tf, name), observer))
        return []

    def switches(self) -> list[Switch]:
        found = []
        if tf.config.functions_run_eagerly():
            eagerly = tf.config.run_functions_eagerly
            off = functools.partial(switched, lambda: eagerly(False), lambda: eagerly(True))
            found.append(Switch("eager", "tf.config.run_functions_eagerly(True)", off))
        checks = sys.modules.get("tensorflow.python.debug.lib.check_numerics_callback")
        if getattr(getattr(checks, "_state", None), "check_numerics_callback", None) is not None:
            debug = tf.debugging
            off = functools.partial(switched, debug.disable_check_numerics, debug.enable_check_numerics)
            found.append(Switch("checks", "tf.debugging.enable_check_numerics()", off))
        return found

    def memory(self) -> dict[str, float]:
        if not tf.config.list_logical_devices("GPU"):
            return {}
        info = tf.config.experimental.get_memory_info("GPU:0")
        return {"used": float(info["current"]), "peak": float(info["peak"])}

    def runners(
        self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, compiled: bool
    ) -> tuple[Callable[[], Any], Callable[[], Any] | None]:
        leaves = tf.nest.flatten((args, kwargs))
        places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, (tf.Tensor, np.ndarray))]
        tensors = [tf.convert_to_tensor(leaves[i]) for i in places]

        def call(*given: Any) -> Any:
            full = list(leaves)
            for i, tensor in zip(places, given, strict=True):
                full[i] = tensor
            positional, named = tf.nest.pack_sequence_as((args, kwargs), full)
            return layer(*positional, **named)

        def gradient(*given: Any) -> Any:
            watched = [t for t in given if t.dtype.is_floating]
            with tf.GradientTape() as tape:
                tape.watch(watched)
                outputs = [o for o in tf.nest.flatten(call(*given)) if o.dtype.is_floating]
                total = tf.add_n([tf.reduce_sum(tf.cast(o, "float32")) for o in outputs])
            trained = [v.value for v in layer.trainable_variables]
            return tape.gradient(total, [*trained, *watched], unconnected_gradients="zero")

        if compiled:
            call_once, gradient_once = (
                graph_function(call, autograph=False),
                graph_function(gradient, autograph=False),
            )
        else:
            call_once, gradient_once = call, gradient

        def wait() -> None:
            if tf.config.list_logical_devices("GPU"):
                tf.test.experimental.sync_devices()

        def forward() -> None:
            call_once(*tensors)
            wait()

        def both() -> None:
            gradient_once(*tensors)
            wait()

        return forward, both

    def held(
        self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, compiled: bool
    ) -> float | None:
        if not tf.config.list_logical_devices("GPU"):
            return None
        _, both = self.runners(layer, args, kwargs, compiled=compiled)
        assert both is not None
        both()
        before = self.memory()["used"]
        tf.config.experimental.reset_memory_stats("GPU:0")
        both()
        return max(0.0, self.memory()["peak"] - before)

    def operators(self, run: Callable[[], Any]) -> dict[str, Any] | None:
        return None

    def endless(self, data: Any) -> Any:
        return iter(tf.data.Dataset.from_tensors(data).repeat())

    def steps(self, raw: Any, state: Any, iterator: Any) -> tuple[Any, Any]:
        return raw(iterator), None

    def peak(self) -> dict[str, float]:
        def product(dtype: str) -> Callable[[], Any]:
            a = tf.ones((PEAK_SIZE, PEAK_SIZE), dtype)
            return lambda: float(tf.linalg.matmul(a, a)[0, 0])

        return peak(product)


class _Depth(threading.local):
    value = 0


def _calling(original: Any, observer: Observer) -> Any:
    """A call that traces takes longer: all of it is charged to compiling, what runs in it once included."""
    depth = _Depth()

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if depth.value:
            return original(self, *args, **kwargs)
        depth.value += 1
        count, began = self.experimental_get_tracing_count(), time.perf_counter()
        try:
            return original(self, *args, **kwargs)
        finally:
            depth.value -= 1
            if self.experimental_get_tracing_count() > count:
                seconds = time.perf_counter() - began
                name = str(getattr(self, "__name__", "") or "")
                observer.compiled(seconds, name, _signature(args, kwargs))

    return __call__


def _signature(args: Any, kwargs: Any) -> tuple[str, ...]:
    """What decides whether a function is traced anew: shapes and dtypes of tensors, values of everything else."""
    return tuple(
        f"{leaf.dtype.name}{list(leaf.shape)}" if isinstance(leaf, tf.Tensor) else repr(leaf)[:_LONG]
        for leaf in tf.nest.flatten((args, kwargs))
    )


def _calling_back(original: Any, observer: Observer) -> Any:
    @functools.wraps(original)
    def function(func: Any = None, *args: Any, **kwargs: Any) -> Any:
        file, line = place(func)
        feeding = pipelines.making()
        name = getattr(func, "__name__", "")

        @functools.wraps(func)
        def timed(*inner: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return func(*inner, **named) if feeding else ANSWERS.of(func, inner, named)
            finally:
                observer.called_back(time.perf_counter() - began, (file, line, name), feeding=feeding)

        setattr(timed, pipelines.TIMED, True)
        return original(timed, *args, **kwargs)

    return function


TIMING = TensorFlowTiming()
