"""Operations in the user's code that end a gradient, for when some weights turn out to get none at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from kerascope.detect.second import source
from kerascope.detect.second.trial import Found, Trial, finding
from kerascope.values import Evidence

_ENDING = (
    "stop_gradient",
    "detach",
    "argmax",
    "argmin",
    "round",
    "floor",
    "ceil",
    "sign",
    "one_hot",
    "convert_to_numpy",
    "numpy",
)


def look(trial_: Trial) -> Iterator[Found]:
    """Yields the first such operation in a call of the user's; it stands when a recorded gradient is missing."""
    for owner, where in _functions(trial_):
        for name, node in sorted(where.calls(), key=lambda each: each[1].lineno):
            if name not in _ENDING:
                continue
            place = where.span_of(node)
            yield Found(
                finding(
                    "disconnected-gradient",
                    "fault",
                    0.85,
                    f"`{place.expression}` ends the gradient, and weights before it get none",
                    f"`{name}` passes nothing back, and some weights get no gradient in any recorded step. If the "
                    "value is only to be looked at, use it beside the way to the result, not on it.",
                    dataclasses.replace(place, layer=owner),
                    [Evidence("operation without a gradient", place.expression)],
                ),
                "dead",
            )
            return


def _functions(trial_: Trial) -> Iterator[tuple[str | None, source.Method]]:
    for layer in trial_.own.layers:
        where = source.method(type(layer), "call") or source.function(getattr(layer, "function", None))
        if where is not None:
            yield str(layer.name), where
    for name in ("call", "compute_loss"):
        found: Any = source.method(type(trial_.model), name) if name in trial_.own.methods else None
        if found is not None:
            yield None, found
