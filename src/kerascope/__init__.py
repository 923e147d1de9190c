"""Kerascope watches a Keras training from the inside and says what is wrong with it, where and why.

    kerascope run train.py                 from the command line, the script unchanged
    model.fit(..., callbacks=[Watch()])    in a notebook
    with watch(model) as watching: ...     around any way of training
    load("runs/train.kscope")              a recording's report
    trace(layer, x)                        every tensor of the layer's own lines
    check(layer, (32, 10))                 the layer alone, against every contract that layers keep
    profile(model, x, y)                   where the time of a training goes, and what to change
    summary(model), plot(model, "m.svg")   any model's topology with shapes

The names are loaded when they are first used, so importing this package costs nothing and imports no Keras.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerascope.api.check import check as check
    from kerascope.api.plot import plot as plot
    from kerascope.api.profile import profile as profile
    from kerascope.api.report import load as load
    from kerascope.api.summary import summary as summary
    from kerascope.api.trace import trace as trace
    from kerascope.api.trace import tracing as tracing
    from kerascope.api.watch import Watch as Watch
    from kerascope.api.watch import watch as watch
    from kerascope.errors import KerascopeError as KerascopeError

    __version__: str

_HOMES = {
    "KerascopeError": "kerascope.errors",
    "Watch": "kerascope.api.watch",
    "check": "kerascope.api.check",
    "load": "kerascope.api.report",
    "plot": "kerascope.api.plot",
    "profile": "kerascope.api.profile",
    "summary": "kerascope.api.summary",
    "trace": "kerascope.api.trace",
    "tracing": "kerascope.api.trace",
    "watch": "kerascope.api.watch",
}

__all__ = [
    "KerascopeError",
    "Watch",
    "__version__",
    "check",
    "load",
    "plot",
    "profile",
    "summary",
    "trace",
    "tracing",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from kerascope.env import own_version

        value: Any = own_version()
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
