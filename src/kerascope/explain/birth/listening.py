"""Follows one eager step, forward and backward, and notes the expressions at which values stop being finite."""

from __future__ import annotations

import dataclasses
import re
import sys
import types
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerascope._backends import grads, tensors
from kerascope.probe.lines.recorder import Operand
from kerascope.record.lines import Event, Site

MOST_BYTES = 256 << 20
"""Operand values that are held at a time for the backward pass."""

_READS = ("name", "attribute", "arguments")


@dataclasses.dataclass
class Birth:
    """An expression that made something not finite out of finite operands.

    `result` is what it yielded in a forward birth; in a backward birth `bad` marks the places of `operands[at]` whose
    gradient is not finite. `order` counts births as they happened.
    """

    site: Site
    direction: str
    operands: list[tuple[Site, np.ndarray | None]]
    result: np.ndarray | None = None
    bad: np.ndarray | None = None
    at: int = 0
    order: int = 0
    dtype: str = ""


class Listener:
    """A listener of a trace; see `probe.lines.recorder`."""

    def __init__(self, backward: bool = True) -> None:
        self.births: list[Birth] = []
        self.arrivals: list[Site] = []
        self.ranges: dict[Site, list[tuple[str, float, float]]] = {}
        self.seen_backward = False
        self._fresh: dict[Site, tuple[Event, list[tuple[Site, np.ndarray | None, Event]]]] = {}
        self._told: dict[int, bool] = {}
        self._gradients: dict[int, np.ndarray] = {}
        self._uses: list[tuple[Event, list[tuple[Site, np.ndarray | None, Event]]]] = []
        self._order: list[int] = []
        self._held = 0
        self._backward = backward
        torch = "torch" in sys.modules
        self._nodes = grads.TorchNodes() if torch and backward else None

    # -- forward -----------------------------------------------------------------------------------------------

    def __call__(self, event: Event, value: Any, operands: Sequence[Operand], frame: types.FrameType) -> None:
        if event.facts.mode != "eager" or event.path:
            return
        held = [(o.event.site, self._array(o.value), o.event) for o in operands if not o.event.path]
        self._range(event, value, held)
        if event.facts.finite is not None and event.facts.finite < 1.0:
            self._bad(event, value, operands, held)
        if not self._backward or event.site.kind == "arguments":
            return
        self._fresh[event.site] = (event, held)
        if self._nodes is not None:
            self._nodes.claim(tensors.unwrapped(value), (event, held))

    def _array(self, value: Any) -> np.ndarray | None:
        array = tensors.array_of(value)
        if array is None or self._held + array.nbytes > MOST_BYTES:
            return None
        self._held += array.nbytes
        return array.copy()

    def _range(self, event: Event, value: Any, held: Sequence[Any]) -> None:
        if event.site not in self.ranges and held:
            rows = [
                (s.source, float(a.min()), float(a.max())) for s, a, _ in held if a is not None and a.size
            ]
            self.ranges[event.site] = rows

    def _bad(self, event: Event, value: Any, operands: Sequence[Operand], held: list[Any]) -> None:
        if event.site.kind in _READS or not operands:
            self.arrivals.append(event.site)
            return
        array = tensors.array_of(value)
        if array is not None and _is_new(array, operands) and not _is_meant(array, event.site):
            pairs = [(site, kept) for site, kept, _ in held]
            self.births.append(
                Birth(event.site, "forward", pairs, array.copy(), order=event.number, dtype=event.facts.dtype)
            )

    # -- backward ----------------------------------------------------------------------------------------------

    def probe(self, site: Site, value: Any) -> Any:
        """Stands between an expression and whatever uses it; see `Recorder.probe`."""
        fresh = self._fresh.pop(site, None)
        if fresh is None or self._nodes is not None:
            return value
        event, held = fresh
        self._uses.append((event, held))
        number = event.number

        def told(gradient: np.ndarray) -> None:
            self.seen_backward = True
            fine = bool(np.isfinite(gradient).all())
            self._told[number] = fine
            self._order.append(number)
            if not fine:
                self._gradients[number] = gradient

        return grads.through(value, told)

    def backward_births(self) -> list[Birth]:
        """Returns where gradients stopped being finite, in the order of the backward pass."""
        if self._nodes is not None:
            return self._of_nodes()
        by_number = {event.number: (event, held) for event, held in self._uses}
        found: list[Birth] = []
        spans: list[tuple[int, int]] = []
        for place, number in enumerate(self._order):
            event, held = by_number[number]
            if not self._told[number] or event.site.kind in _READS:
                continue
            for at, (_, _, operand) in enumerate(held):
                if self._told.get(operand.number) is False:
                    pairs = [(site, array) for site, array, _ in held]
                    bad = ~np.isfinite(self._gradients[operand.number])
                    found.append(Birth(event.site, "backward", pairs, None, bad, at, place))
                    spans.append((max(operand.number for _, _, operand in held), number))
                    break
        # A call of the user's own function is told of before what is in it: that is where it happens.
        return [
            birth
            for birth, (began, ended) in zip(found, spans, strict=True)
            if not any(began < other < ended for _, other in spans)
        ]

    def _of_nodes(self) -> list[Birth]:
        assert self._nodes is not None
        found = []
        for place, (owner, _, gradient) in enumerate(self._nodes.born):
            event, held = owner
            pairs = [(site, array) for site, array, _ in held]
            bad = ~np.isfinite(gradient)
            fits = [i for i, (_, a) in enumerate(pairs) if a is not None and a.shape == bad.shape]
            at = fits[0] if fits else 0
            found.append(Birth(event.site, "backward", pairs, None, bad, at, place))
        return found


def _is_meant(result: np.ndarray, site: Site) -> bool:
    """Tells whether an expression yields infinities because its source says so, as a mask does."""
    return not np.isnan(result).any() and re.search(r"\binf\b|\binfty\b|\bInf\b", site.source) is not None


def _is_new(result: np.ndarray, operands: Sequence[Operand]) -> bool:
    """Tells whether a result holds what no operand does: a NaN, or an infinity out of finite values."""
    if all(o.event.facts.finite in (None, 1.0) for o in operands):
        return True
    arrays = [tensors.array_of(o.value) for o in operands]
    return bool(np.isnan(result).any()) and not any(a is not None and np.isnan(a).any() for a in arrays)
