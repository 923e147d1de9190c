"""torch: compilations as Dynamo reports them, reads of tensors by their methods."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import torch

from kerascope._backends.timing import PEAK_SIZE, Observer, Switch, peak, tell_reads
from kerascope._backends.torch_started import started
from kerascope._keras import steps
from kerascope._keras.steps import Patches

_LAYER = "kerascope:"
_READS = ("item", "tolist", "numpy", "__float__", "__int__", "__bool__", "__index__", "__array__")


class TorchTiming:
    """See `timing.Timing`."""

    def watch(self, patches: Patches, observer: Observer) -> list[Callable[[], None]]:
        tell_reads(patches, torch.Tensor, _READS, observer, time.perf_counter)
        # Importing Dynamo takes seconds, and a program that compiles nothing has not done so.
        if "torch._dynamo" not in sys.modules:
            return []
        from torch._dynamo import callback_handler

        began: list[float] = []

        def start(*_: Any) -> None:
            began.append(time.perf_counter())

        def end(*_: Any) -> None:
            if began:
                observer.compiled(time.perf_counter() - began.pop(), "", ())

        callback_handler.register_start_callback(start)
        callback_handler.register_end_callback(end)
        return [
            lambda: callback_handler.remove_start_callback(start),
            lambda: callback_handler.remove_end_callback(end),
        ]

    def switches(self) -> list[Switch]:
        if not torch.is_anomaly_enabled():
            return []
        # The object sets the mode when it is made, and puts back what was when its block ends.
        return [
            Switch(
                "checks",
                "torch.autograd.set_detect_anomaly(True)",
                lambda: torch.autograd.set_detect_anomaly(False),
            )
        ]

    def memory(self) -> dict[str, float]:
        if not torch.cuda.is_initialized():
            return {}
        return {
            "used": float(torch.cuda.memory_allocated()),
            "peak": float(torch.cuda.max_memory_allocated()),
        }

    def runners(
        self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, compiled: bool
    ) -> tuple[Callable[[], Any], Callable[[], Any] | None]:
        def detached(leaf: Any) -> Any:
            if not isinstance(leaf, torch.Tensor):
                return leaf
            leaf = leaf.detach()
            return leaf.requires_grad_() if leaf.is_floating_point() else leaf

        args, kwargs = steps.map_structure(detached, (args, kwargs))

        def wait() -> None:
            if torch.cuda.is_initialized():
                torch.cuda.synchronize()

        def forward() -> None:
            with torch.no_grad():
                layer(*args, **kwargs)
            wait()

        def both() -> None:
            outputs = [o for o in steps.flatten(layer(*args, **kwargs)) if isinstance(o, torch.Tensor)]
            total = [o.sum() for o in outputs if o.requires_grad]
            if total:
                sum(total[1:], total[0]).backward()
                for leaf in (*steps.flatten((args, kwargs)), *(v.value for v in layer.trainable_variables)):
                    if isinstance(leaf, torch.Tensor):
                        leaf.grad = None
            wait()

        return forward, both

    def held(
        self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, compiled: bool
    ) -> float | None:
        _, both = self.runners(layer, args, kwargs, compiled=compiled)
        assert both is not None
        both()
        if torch.cuda.is_initialized():
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            both()
            return float(torch.cuda.max_memory_allocated() - before)
        with _profiler(memory=True) as profiler:
            both()
        now = most = 0
        for event in sorted(profiler.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
            if event.name() == "[memory]":
                now += event.nbytes()
                most = max(most, now)
        return float(most)

    def operators(self, run: Callable[[], Any]) -> dict[str, Any] | None:
        run()
        depth = [0]
        original = vars(keras.layers.Layer)["__call__"]

        @functools.wraps(original)
        def __call__(layer: Any, *args: Any, **kwargs: Any) -> Any:
            if depth[0] or isinstance(layer, keras.Model):
                return original(layer, *args, **kwargs)
            depth[0] += 1
            try:
                with torch.profiler.record_function(f"{_LAYER}{getattr(layer, 'path', None) or layer.name}"):
                    return original(layer, *args, **kwargs)
            finally:
                depth[0] -= 1

        with Patches() as patches:
            patches.put(keras.layers.Layer, "__call__", __call__)
            with _profiler() as profiler:
                began = time.perf_counter()
                run()
                if torch.cuda.is_initialized():
                    torch.cuda.synchronize()
                wall = time.perf_counter() - began
        rows = profiler.key_averages()
        inside = [row for row in rows if row.key.startswith(_LAYER)]
        seconds = sum(row.self_cpu_time_total for row in rows if row.key.startswith(("aten::", "_fused")))
        if torch.cuda.is_initialized():
            seconds = sum(row.self_device_time_total for row in rows)
        return {
            "seconds": 1e-6 * seconds,
            "wall": wall,
            "layers": {row.key.removeprefix(_LAYER): 1e-6 * row.cpu_time_total for row in inside},
            **started(run),
        }

    def endless(self, data: Any) -> Any:
        raise NotImplementedError("Keras runs one step per call on torch")

    def steps(self, raw: Any, state: Any, iterator: Any) -> tuple[Any, Any]:
        raise NotImplementedError("Keras runs one step per call on torch")

    def peak(self) -> dict[str, float]:
        device = "cuda" if torch.cuda.is_initialized() else "cpu"

        def product(dtype: str) -> Callable[[], Any]:
            a = torch.ones((PEAK_SIZE, PEAK_SIZE), dtype=getattr(torch, dtype), device=device)

            def run() -> None:
                torch.mm(a, a)
                if torch.cuda.is_initialized():
                    torch.cuda.synchronize()

            return run

        return peak(product)


@contextlib.contextmanager
def _profiler(*, memory: bool = False) -> Iterator[Any]:
    """Profiles the block. What the profiler itself prints about its begin and end is dropped."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_initialized():
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    profiler = torch.profiler.profile(activities=activities, profile_memory=memory)
    with _silent():
        profiler.start()
    try:
        yield profiler
    finally:
        with _silent():
            profiler.stop()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Sends what native code writes to the standard error stream to nowhere."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


TIMING = TorchTiming()
