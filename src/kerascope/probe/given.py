"""The data a model is given: looked at when a `fit` begins and ends, and when the trained model is used."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kerascope._backends.base import Backend
from kerascope._keras import predicting
from kerascope.probe.data import Gathered
from kerascope.probe.dataset.earlier import looked_at
from kerascope.probe.dataset.facts import data_facts, figures
from kerascope.probe.dataset.rows import Part, length
from kerascope.probe.dataset.steady import Marks
from kerascope.probe.watched import Watched

_ROWS = 600
_VALUES = 2_000_000
"""Of all rows looked at: of large pictures a few rows do, which a call of `predict` must not wait for."""
_USES = 8
_APART = 15.0
_SPREADS = 3.0


def begins(watched: Watched, model: Any, arguments: dict[str, Any]) -> None:
    """A `fit` begins: marks what must not change while it runs."""
    watched.marks = Marks.of(arguments)
    watched.stepper.buffers.gathered = Gathered() if length(arguments.get("x")) is None else None
    if watched.earlier.rows:
        watched.earlier.begins(_weights(watched, model))


def ended(watched: Watched, model: Any, arguments: dict[str, Any], backend: Backend) -> dict[str, Any]:
    """Looks at the whole data, and at what the trained model makes of a sample of them."""

    def predict(x: Any) -> dict[str, np.ndarray]:
        return predicting.predict(model, x)

    gathered, watched.stepper.buffers.gathered = watched.stepper.buffers.gathered, None
    kind = type(arguments.get("x")).__name__
    with backend.quiet():
        if gathered is not None:
            arguments = _whole(arguments, gathered, backend)
        facts = data_facts(arguments, predict, watched.earlier)
        if gathered is not None and "train" in facts:
            facts["train"] |= {"rows": gathered.rows, "distinct": gathered.distinct}
            facts["given"] = kind
    if watched.earlier.rows:
        watched.earlier.ended(_weights(watched, model))
    watched.scales = {
        str(array["name"]): (max(abs(array["min"]), abs(array["max"])), array["std"])
        for array in facts.get("train", {}).get("x", ())
        if "std" in array
    }
    return {**facts, "parted": watched.marks.parted(arguments)} if watched.marks is not None else facts


def _whole(arguments: dict[str, Any], gathered: Gathered, backend: Backend) -> dict[str, Any]:
    """Returns the arguments with what was gathered in place of a data set or a generator."""
    try:
        given = gathered.arrays(backend)
    except Exception:  # ragged, strings, structures of any depth: nothing is known of them then
        return arguments
    return {**arguments, **given, "sample_weight": None} if "y" in given else arguments


def _weights(watched: Watched, model: Any) -> list[np.ndarray]:
    return [np.asarray(watched.stepper.backend.host(value)) for value in looked_at(model)]


def used(watched: Watched, method: str, x: Any, frames: list[dict[str, Any]]) -> None:
    """Records that the trained model was given inputs of quite another size than those it was trained on."""
    rows = length(x)
    if not watched.scales or not rows or watched.uses >= _USES:
        return
    few = Part(x, None, np.arange(1), rows).arrays("x")
    most = max(1, min(_ROWS, _VALUES // max(1, sum(array.size for _, array in few))))
    part = Part(x, None, np.arange(rows), rows).sample(most, np.random.default_rng(0))
    for name, array in part.arrays("x"):
        known, now = watched.scales.get(name), figures(array.astype(np.float64))
        if known is None or "std" not in now:
            continue
        largest, spread = max(abs(now["min"]), abs(now["max"])), now["std"]
        if _far(known[0], largest, _APART) and _far(known[1], spread, _SPREADS):
            watched.uses += 1
            facts = {"method": method, "input": name, "rows": rows, "max": [known[0], largest]}
            watched.stepper.journal.used({**facts, "std": [known[1], spread], "site": frames})
            return


def _far(a: float, b: float, times: float) -> bool:
    return min(a, b) > 0 and math.isfinite(a + b) and max(a, b) > times * min(a, b)
