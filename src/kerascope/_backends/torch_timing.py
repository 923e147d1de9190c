"""torch: compilations as Dynamo reports them, reads of tensors by their methods."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from kerascope._backends.timing import PEAK_SIZE, Observer, peak, tell_reads
from kerascope._keras import steps
from kerascope._keras.steps import Patches

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


TIMING = TorchTiming()
