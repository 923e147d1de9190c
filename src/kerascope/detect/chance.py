"""What a constant guess would reach on this run's labels: the level that a model has to beat to have learned.

Everything here is in the recording: class counts and spread of the label batches, the loss the model was
compiled with, accuracies as Keras logs them. Where one of them is missing, nothing is claimed.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kerascope.detect.reading import Anatomy, listing, mapping, number
from kerascope.record.reader import ModelView

_CROSS_ENTROPY = ("sparsecategoricalcrossentropy", "categoricalcrossentropy")
_BINARY = ("binarycrossentropy",)
_MARGIN = 0.07
_LEAST_NUMBERS = 30
_FEW = 100.0  # samples behind a validation accuracy: their number is not recorded
_SQUARED = ("mse", "meansquarederror", "meansquared")


@dataclasses.dataclass(frozen=True)
class Guess:
    """The best constant guess. `loss` is NaN when the loss function is none that is known here.

    `error` is the standard error of `loss` from the number of labels seen; `share` is that of the commonest
    class (NaN without classes) and `share_error` its standard error.
    """

    loss: float
    error: float
    what: str
    share: float = math.nan
    share_error: float = math.nan
    classes: int = 0


def constant_guess(model: ModelView) -> Guess | None:
    """Returns the level of the best constant guess, None when the labels or their weights leave it open."""
    arrays = list(_label_arrays(model))
    names = {name for _, name, _ in arrays}
    if len(names) != 1 or _weighted(model):
        return None
    facts = [array for _, _, array in arrays]
    loss = _loss_name(Anatomy(model.facts))
    counts = _counts(facts)
    if counts:
        return _of_classes(loss, counts, columns=_columns(facts))
    return _of_numbers(loss, facts)


def _label_arrays(model: ModelView) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    for step, facts in model.batches():
        for array in listing(facts.get("arrays")):
            name = str(mapping(array).get("name"))
            if name == "y" or name.startswith("y["):
                yield step, name, mapping(array)


def _weighted(model: ModelView) -> bool:
    return any(
        str(mapping(array).get("name")).startswith("sample_weight")
        for _, facts in model.batches()
        for array in listing(facts.get("arrays"))
    )


def _loss_name(anatomy: Anatomy) -> str:
    loss = anatomy.compiled.get("loss")
    if isinstance(loss, Mapping) and len(loss) == 1:
        loss = next(iter(loss.values()))
    if isinstance(loss, (list, tuple)) and len(loss) == 1:
        loss = loss[0]
    return "".join(c for c in loss.lower() if c.isalnum()) if isinstance(loss, str) else ""


def _counts(facts: list[Mapping[str, Any]]) -> dict[str, float]:
    """Returns the class counts of all recorded label batches together, empty unless every batch has them."""
    total: dict[str, float] = {}
    for array in facts:
        classes = mapping(array.get("classes"))
        if not classes:
            return {}
        for name, count in classes.items():
            if not math.isfinite(number(count)):
                return {}
            total[str(name)] = total.get(str(name), 0.0) + number(count)
    return {name: count for name, count in total.items() if count > 0}


def _columns(facts: list[Mapping[str, Any]]) -> int:
    shape = listing(facts[0].get("shape"))
    return int(shape[1]) if len(shape) == 2 and isinstance(shape[1], int) else 1


def _of_classes(loss: str, counts: Mapping[str, float], columns: int) -> Guess | None:
    total = sum(counts.values())
    shares = [count / total for count in counts.values()]
    share = max(shares)
    share_error = math.sqrt(share * (1 - share) / total)
    logs = [-math.log(p) for p in shares]
    # Few labels make the plain estimate of an entropy too small; Miller and Madow's term makes up for it.
    entropy = sum(p * log for p, log in zip(shares, logs, strict=True)) + (len(shares) - 1) / (2 * total)
    entropy = min(entropy, math.log(max(2, len(shares))))
    spread = math.sqrt(
        max(0.0, sum(p * (log - entropy) ** 2 for p, log in zip(shares, logs, strict=True))) / total
    )
    what = f"always answering with the shares of the {len(shares)} classes"
    if len(shares) < 2:
        return None
    if loss in _CROSS_ENTROPY:
        return Guess(entropy, spread, what, share, share_error, len(shares))
    if loss in _BINARY and columns == 1 and set(counts) <= {"0", "1"}:
        return Guess(entropy, spread, what, share, share_error, len(shares))
    if loss in _BINARY and columns > 1:
        each = [-p * math.log(p) - (1 - p) * math.log(1 - p) for p in shares]
        return Guess(sum(each) / columns, spread, what, share, share_error, len(shares))
    if loss in _SQUARED and columns > 1:
        squared = sum(p * (1 - p) for p in shares) / columns
        return Guess(squared, squared / math.sqrt(total), what, share, share_error, len(shares))
    if loss in _SQUARED and _whole(counts):
        mean = sum(float(name) * count for name, count in counts.items()) / total
        squared = sum((float(name) - mean) ** 2 * count for name, count in counts.items()) / total
        return Guess(squared, squared * math.sqrt(2 / total), what, share, share_error, len(shares))
    return Guess(math.nan, math.nan, what, share, share_error, len(shares))


def _whole(counts: Mapping[str, float]) -> bool:
    return all(name.lstrip("-").isdigit() for name in counts)


def _of_numbers(loss: str, facts: list[Mapping[str, Any]]) -> Guess | None:
    """Squared error of always answering with the mean: the variance of the labels, within and between batches."""
    rows = [(number(a.get("mean")), number(a.get("std")), _rows(a)) for a in facts]
    if loss not in _SQUARED or not all(math.isfinite(m) and math.isfinite(s) for m, s, _ in rows):
        return None
    mean = sum(m for m, _, _ in rows) / len(rows)
    variance = sum(s * s + (m - mean) ** 2 for m, s, _ in rows) / len(rows)
    labels = sum(n for _, _, n in rows)
    if variance <= 0 or labels < _LEAST_NUMBERS:
        return None
    return Guess(variance, variance * math.sqrt(2 / labels), "always answering with the mean of the labels")


def _rows(array: Mapping[str, Any]) -> int:
    shape = listing(array.get("shape"))
    return shape[0] if shape and isinstance(shape[0], int) else 1


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """An accuracy at its best and in the last epoch, against the share of the commonest class."""

    name: str
    first: float
    last: float
    best: float
    margin: float  # what chance and the number of samples explain


def accuracy(model: ModelView, guess: Guess | None) -> Accuracy | None:
    """Returns the training accuracy by epoch when Keras logged one and the classes are known."""
    if guess is None or not math.isfinite(guess.share):
        return None
    rows = model.epochs()
    steps = model.steps()
    seen = float(np.nansum(steps.batch_size)) / max(1, len(rows))
    names = [
        name for name in (rows[0].logs if rows else ()) if name.endswith("acc") or name.endswith("accuracy")
    ]
    for name in sorted(names, key=lambda name: name.startswith("val_")):  # of the training where there is one
        values = [number(row.logs.get(name)) for row in rows]
        if all(math.isfinite(value) for value in values):
            counted = _FEW if name.startswith("val_") or seen <= 0 else seen
            single = math.sqrt(guess.share * (1 - guess.share) / counted)
            margin = min(_MARGIN, 3 * math.hypot(single, guess.share_error))
            return Accuracy(name, values[0], values[-1], max(values), margin)
    return None
