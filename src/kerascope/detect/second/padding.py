"""Padding that nothing marks: rows filled up to one length, and an embedding that gives no mask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import objects, state
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
    """Yields the embedding that lets padding through, where rows end in it."""
    found = unmasked(trial_.model)
    inputs = [a for leaf in objects.flatten(trial_.x) if (a := tensors.array_of(leaf)) is not None]
    if not found or len(inputs) != 1 or inputs[0].ndim != 2 or inputs[0].shape[1] < 4:
        return
    known = filling(np.asarray(inputs[0]))
    if known is None:
        return
    value, share, where = known
    layer = found[0]
    yield Found(
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
