"""Padding that nothing marks: rows filled up to one length, and an embedding that gives no mask."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import objects, state, steps, trial
from kerascope.detect.second import source
from kerascope.detect.second.trial import Found, Trial, finding
from kerascope.values import Evidence, Lever, SourceSpan

_LEAST = 0.25
"""The share of filled-up places below which they hardly matter."""
_ELSEWHERE = 0.02
_OVER_ALL = ("LSTM", "GRU", "SimpleRNN", "Bidirectional", "RNN", "GlobalAveragePooling1D")
"""Layers of Keras that leave masked places out when there is a mask, and else go over all of them."""


def unmasked(model: Any) -> list[Any]:
    """Returns the embeddings without a mask of a model in which something could make use of one."""
    layers = state.layers_of(model)
    kinds = {type(layer).__name__ for layer in layers}
    if "Masking" in kinds or not kinds & set(_OVER_ALL):
        return []
    return [layer for layer in layers if type(layer).__name__ == "Embedding" and not layer.mask_zero]


def look(trial_: Trial) -> Iterator[Found]:
    """Yields the embedding that lets padding through, or the layer of the user's that loses the mask of one."""
    kinds = {type(layer).__name__ for layer in state.layers_of(trial_.model)}
    inputs = [a for leaf in objects.flatten(trial_.x) if (a := tensors.array_of(leaf)) is not None]
    if "Masking" in kinds or not kinds & set(_OVER_ALL) or "Embedding" not in kinds:
        return
    if len(inputs) != 1 or inputs[0].ndim != 2 or inputs[0].shape[1] < 4:
        return
    known = filling(np.asarray(inputs[0]))
    if known is None:
        return
    way = _Way(inputs[0], trial_.own.layers)
    trial_.at_end()
    with steps.Patches() as patches:
        trial.tap_calls(patches, way.before, way.after)
        trial_.predict()
    if way.blind is None or not way.embeddings:
        return
    if not any(layer.mask_zero for layer in way.embeddings):
        yield _no_mask(way.embeddings[0], *known)
    elif way.loses is not None:
        yield _lost(way.loses, way.blind, known[1])


class _Way:
    """Follows rows of tokens through a model: what embeds them, what loses their mask, what then goes over all."""

    def __init__(self, tokens: np.ndarray, own: Sequence[Any]) -> None:
        self.embeddings: list[Any] = []
        self.loses: Any = None
        self.blind: Any = None
        self._tokens, self._own = tokens, own
        self._marked: list[bool] = []  # of each call that is under way: whether a mask came into being in it

    def before(self, call: trial.Call) -> None:
        given = call.args[0] if call.args and tensors.kind(call.args[0]) == "tensor" else None
        masked = given is not None and trial.mask_of(given) is not None
        kind = type(call.layer).__name__
        if kind == "Embedding" and given is not None:
            array = tensors.array_of(given)
            if array is not None and array.shape == self._tokens.shape and (array == self._tokens).all():
                self.embeddings.append(call.layer)
        if kind in _OVER_ALL and not masked and self.blind is None:
            self.blind = call.layer
        self._marked.append(masked)

    def after(self, call: trial.Call, output: Any) -> Any:
        marked = self._marked.pop()
        if tensors.kind(output) == "tensor":
            kept = trial.mask_of(output) is not None
            places = (tensors.shape(output) or ())[:2] == self._tokens.shape
            if marked and not kept and places and self.loses is None:
                self.loses = call.layer if any(call.layer is one for one in self._own) else None
            if (kept or marked) and self._marked:
                self._marked[-1] = True
        return output


def _no_mask(layer: Any, value: int, share: float, where: str) -> Found:
    return Found(
        finding(
            "mask-ignored",
            "warning",
            0.65,
            f"{share:.0%} of the places are padding, and `{layer.name}` gives no mask",
            f"Rows of different length were filled up {where} with {value}. Without a mask the layers behind the "
            "embedding go over the padding as over anything else: a recurrent layer forgets what was there before "
            "it, a mean is drawn towards it. `mask_zero=True` marks the places that hold 0.",
            SourceSpan(layer=str(layer.name)),
            [Evidence("places that are padding", round(share, 3), "share of the recorded batch")],
            [[Lever("layer", "mask_zero", "True", str(layer.name))]] if value == 0 else [],
        ),
        "lost",
    )


def _lost(layer: Any, behind: Any, share: float) -> Found:
    """A layer of the user's takes in a mask, or makes one, and hands on none."""
    where = source.method(type(layer), "call")
    place = SourceSpan() if where is None else where.last_return() or where.first
    return Found(
        finding(
            "mask-ignored",
            "warning",
            0.8,
            f"`{type(layer).__name__}` loses the mask, and {share:.0%} of the places are padding",
            f"In it the padding is marked, but what it returns carries no mask, so that `{behind.name}` goes over the "
            "padding as over anything else. Hand the mask on: `def compute_mask(self, inputs, mask=None)` that returns "
            "it, or `self.supports_masking = True` where the mask that comes in still holds.",
            dataclasses.replace(place, layer=str(layer.name)),
            [Evidence("places that are padding", round(share, 3), "share of the recorded batch")],
        ),
        "lost",
    )


def filling(rows: np.ndarray) -> tuple[int, float, str] | None:
    """Returns the value that rows are filled up with, its share and the side; None where they are not."""
    if not (rows == np.round(rows)).all():
        return None
    for side, turned in (("at the end", rows[:, ::-1]), ("at the front", rows)):
        values, counts = np.unique(turned[:, 0], return_counts=True)
        value = values[counts.argmax()]
        same = turned == value
        runs = np.where(same.all(1), rows.shape[1], same.argmin(1))
        inside = np.arange(rows.shape[1])[None] < runs[:, None]
        elsewhere = float((same & ~inside).sum()) / max(1, int((~inside).sum()))
        if inside.mean() >= _LEAST and len(np.unique(runs)) >= 4 and elsewhere <= _ELSEWHERE:
            return int(value), float(inside.mean()), side
    return None
