"""Padding: whether what stands in masked places changes what the model says, and which layer of the user's lets it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import objects, steps, trial
from kerascope.detect.contracts.running import difference, first_to_differ, watched_apart
from kerascope.detect.second import mixing, source
from kerascope.detect.second.trial import Found, Trial, finding
from kerascope.values import Evidence, SourceSpan

_LEAST = 0.05
"""The share of masked places below which a mask hardly matters."""
_MOVES = 0.02
"""By how much predictions must move, as a share of their spread, when padding is disturbed."""


class _Disturbed:
    """Lets a forward pass run with noise in the masked places of the first tensor that carries a mask."""

    def __init__(self, on: bool) -> None:
        self.on = on
        self.share = 0.0
        self.outputs: list[tuple[Any, Any, np.ndarray | None, np.ndarray | None]] = []
        self._done = False

    def after(self, call: Any, output: Any) -> Any:
        if tensors.kind(output) != "tensor":
            return output
        array, mask = tensors.array_of(output), trial.mask_of(output)
        marks = None if mask is None else np.asarray(tensors.array_of(mask), bool)
        if (
            marks is not None
            and not self._done
            and array is not None
            and array.dtype.kind == "f"
            and array.ndim >= 3
        ):
            self._done = True
            self.share = float(1 - marks.mean())
            if self.on and 0 < self.share < 1:
                noise = np.random.default_rng(0).normal(size=array.shape) * (float(array.std()) or 1.0)
                wide = marks.reshape(marks.shape + (1,) * (array.ndim - marks.ndim))
                output = objects.to_tensor(np.where(wide, array, noise).astype(array.dtype))
                trial.set_mask(output, mask)
        given = trial.mask_of(call.args[0]) if call.args and tensors.kind(call.args[0]) == "tensor" else None
        self.outputs.append((call.layer, given, None if array is None else np.array(array), marks))
        return output


def _run(trial_: Trial, on: bool) -> tuple[_Disturbed, list[np.ndarray]]:
    taps = _Disturbed(on)
    trial_.at_end()
    with steps.Patches() as patches:
        trial.tap_calls(patches, lambda call: None, taps.after)
        result = trial_.predict()
    return taps, result


def look(trial_: Trial) -> Iterator[Found]:
    """Yields the layer of the user's through which padding gets into the predictions."""
    if mixing.mixes(trial_) == 0.0:
        return  # predictions are random, or too few to tell
    still, first = _run(trial_, False)
    if not _LEAST <= still.share < 1:
        return
    moved, second = _run(trial_, True)
    apart = difference(first, second, 1e-3)
    spread = max((float(np.std(a)) for a in first if a.size), default=0.0)
    if apart is None or apart < _MOVES * spread:
        return
    layer = _culprit(trial_, still, moved)
    if layer is None:
        return
    where = source.method(type(layer), "call")
    if where is None:
        return
    place = _expression(trial_, layer) or where.last_call("mean", "sum", "max", "softmax") or where.first
    yield Found(
        finding(
            "mask-ignored",
            "fault",
            0.95,
            f"`{type(layer).__name__}` lets padding into its result although a mask arrives",
            f"{still.share:.0%} of the places in the recorded batch are masked. Their values were replaced by noise, "
            "and the predictions changed: what is predicted depends on how far a sample was padded. Use the `mask` "
            "argument of `call`: leave masked places out of sums, and divide by the number of the others.",
            SourceSpan(place.file, place.line, place.end_line, place.expression, layer=str(layer.name)),
            [
                Evidence("masked places", round(still.share, 3), "share of the batch"),
                Evidence("largest change of a prediction", float(f"{apart:.3g}")),
                Evidence("spread of the predictions", float(f"{spread:.3g}")),
            ],
        )
    )


def _culprit(trial_: Trial, still: _Disturbed, moved: _Disturbed) -> Any:
    """Returns the first layer whose result differs where it should not, if it is the user's and was given a mask."""
    for (layer, given, one, marks), (other, _, two, _) in zip(still.outputs, moved.outputs, strict=False):
        if layer is not other or one is None or two is None or one.shape != two.shape:
            continue
        if marks is not None and one.shape[: marks.ndim] == marks.shape:
            same = difference([one[marks]], [two[marks]], 1e-3) is None
        elif given is not None and not _keeps_places(one, given):
            same = difference([one], [two], 1e-3) is None
        elif given is not None:
            counts = np.asarray(tensors.array_of(given), bool)
            same = difference([one[counts]], [two[counts]], 1e-3) is None
        else:
            continue
        if not same:
            return layer if any(layer is own for own in trial_.own.layers) else None
    return None


def _keeps_places(output: np.ndarray, mask: Any) -> bool:
    shape = tensors.shape(tensors.unwrapped(mask)) or ()
    return output.shape[: len(shape)] == shape


def _expression(trial_: Trial, layer: Any) -> SourceSpan | None:
    """Returns the first expression in the layer that lets padding out of its place."""

    def differs(a: np.ndarray, b: np.ndarray) -> bool:
        if a.dtype.kind != "f" or a.shape != b.shape:
            return False
        found = [m for _, _, _, m in [*_last] if m is not None and a.shape[: m.ndim] == m.shape]
        marks = found[0] if found else None
        return (
            difference([a if marks is None else a[marks]], [b if marks is None else b[marks]], 1e-3)
            is not None
        )

    _last: list[Any] = []

    def run(on: bool) -> None:
        taps, _ = _run(trial_, on)
        _last[:] = taps.outputs

    runs = watched_apart(lambda: run(False), lambda: run(True))
    culprit = first_to_differ(runs, differs)
    file = source.method(type(layer), "call")
    if culprit is None or file is None or culprit.site.file != file.file:
        return None
    if not file.node.lineno <= culprit.site.line <= (file.node.end_lineno or file.node.lineno):
        return None
    return SourceSpan(culprit.site.file, culprit.site.line, culprit.site.position[1], culprit.site.source)
