"""Samples that change each other's predictions: which layer of the user's mixes the batch, and in which expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import objects, state, steps, trial
from kerascope.detect.contracts.running import Seen, difference, first_to_differ, watched_apart
from kerascope.detect.second import source
from kerascope.detect.second.trial import Found, Trial, finding
from kerascope.values import Evidence, SourceSpan

_SAME = 1e-4


def mixes(trial_: Trial) -> float | None:
    """Returns by how much the first sample's prediction changes when the others are others, None when it does not.

    0 where that cannot be told: predictions are random, or there are too few samples.
    """
    if "mixes" not in trial_.known:
        trial_.known["mixes"] = _mixes(trial_)
    found: float | None = trial_.known["mixes"]
    return found


def _mixes(trial_: Trial) -> float | None:
    rows = trial.rows(trial_.x)
    if rows < 4:
        return 0.0
    first, again = _row(trial_.first_prediction(), rows), _row(trial_.second_prediction(), rows)
    if difference(first, again, _SAME) is not None:
        return 0.0
    trial_.at_end()
    return difference(first, _row(trial_.predict(others_changed(trial_.x)), rows), _SAME)


def others_changed(x: Any) -> Any:
    """Returns a batch whose first sample is the same, with the others in its first half twice."""

    def changed(leaf: Any) -> Any:
        array = tensors.array_of(leaf)
        if array is None or not array.ndim or len(array) < 2:
            return leaf
        half = (len(array) + 1) // 2
        order = [0, *(1 + (i % max(half - 1, 1)) for i in range(len(array) - 1))]
        return objects.to_tensor(array[order])

    return objects.map_structure(changed, x)


def _row(outputs: list[np.ndarray], rows: int) -> list[np.ndarray]:
    return [a[:1] for a in outputs if a.ndim and a.shape[0] == rows and a.dtype.kind == "f"]


def look(trial_: Trial) -> Iterator[Found]:
    """Yields the place where the user's code mixes the samples of a batch in inference."""
    apart = mixes(trial_)
    if not apart or len(state.optimizers(trial_.model)) > 1:
        return  # players of a game may look at the batch as a whole
    if _one_size(trial_):
        return  # its rows are one thing, such as the nodes of a graph
    layer = _first_layer(trial_)
    if layer is None or "batch" in type(layer).__name__.lower():
        return
    rows = trial.rows(trial_.x)
    culprit = _expression(trial_, rows)
    where = source.method(type(layer), "call")
    place = where.span if where is not None else SourceSpan()
    if culprit is not None:
        place = SourceSpan(
            culprit.site.file, culprit.site.line, culprit.site.position[1], culprit.site.source
        )
    elif where is None:
        return
    which = f" The first expression that does is `{culprit.site.source}`." if culprit is not None else ""
    yield Found(
        finding(
            "wrong-axis",
            "fault",
            0.93,
            f"`{type(layer).__name__}` mixes the samples of a batch",
            "In inference on the recorded batch, the first sample was left as it is and the others were replaced: its "
            f"prediction changed. So what is predicted depends on which samples happen to come together.{which} Name "
            "the axis that is meant, such as axis=-1.",
            SourceSpan(place.file, place.line, place.end_line, place.expression, layer=str(layer.name)),
            [Evidence("largest change of the first sample's prediction", float(f"{apart:.3g}"))],
        )
    )


def _one_size(trial_: Trial) -> bool:
    """Tells whether the model takes no other number of rows than it was trained on."""
    half = trial.rows(trial_.x) // 2
    trial_.at_end()
    try:
        trial_.predict(objects.map_structure(lambda t: t[:half] if getattr(t, "ndim", 0) else t, trial_.x))
    except Exception:  # whatever the user's code or Keras raises on another size
        return True
    return False


def _first_layer(trial_: Trial) -> Any:
    """Returns the first layer of the user's whose result changes for the first sample; the innermost of nested ones."""
    rows = trial.rows(trial_.x)
    runs: list[list[tuple[Any, list[np.ndarray]]]] = []

    def after(call: Any, output: Any) -> Any:
        found = [a for leaf in objects.flatten(output) if (a := tensors.array_of(leaf)) is not None]
        runs[-1].append((call.layer, [np.array(a[:1]) for a in found if a.ndim and len(a) == rows]))
        return output

    with steps.Patches() as patches:
        trial.tap_calls(patches, lambda call: None, after)
        for x in (trial_.x, others_changed(trial_.x)):
            runs.append([])
            trial_.at_end()
            trial_.predict(x)
    for (layer, one), (other, two) in zip(*runs, strict=False):
        if layer is other and difference(one, two, _SAME) is not None:
            users = any(layer is own for own in trial_.own.layers) or (
                layer is trial_.model and "call" in trial_.own.methods
            )
            return layer if users else None
    return None


def _expression(trial_: Trial, rows: int) -> Seen | None:
    def run(x: Any) -> None:
        trial_.at_end()
        trial_.predict(x)

    def differs(a: np.ndarray, b: np.ndarray) -> bool:
        if not a.ndim or a.shape[0] != rows or a.dtype.kind != "f":
            return difference([a], [b], _SAME) is not None
        return difference([a[:1]], [b[:1]], _SAME) is not None

    other = others_changed(trial_.x)
    found = watched_apart(lambda: run(trial_.x), lambda: run(other))
    return first_to_differ(found, lambda a, b: a.dtype.kind == "f" and differs(a, b))
