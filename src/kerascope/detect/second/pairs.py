"""Targets and predictions of the recorded batch, and what right and wrong predictions for these targets would be."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import objects
from kerascope.detect.second.trial import Given


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a loss or metric was called with. `task` is "classes" (numbers, or one of many), "binary" or "numbers"."""

    y_true: np.ndarray
    y_pred: np.ndarray
    task: str
    hard: np.ndarray  # targets in the shape of the predictions
    shares: bool  # predictions lie between 0 and 1

    def answers(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (right predictions, wrong ones), in each form that the predictions may have."""
        if self.task == "numbers":
            yield self.hard, self.shuffled(self.hard)
            return
        wrong = np.roll(self.hard, 1, -1) if self.task == "classes" else 1 - self.hard
        if self.shares:
            low = 0.02 / max(self.hard.shape[-1] - 1, 1) if self.task == "classes" else 0.02
            yield np.clip(self.hard, low, 0.98), np.clip(wrong, low, 0.98)
        else:
            yield 8 * self.hard - 4, 8 * wrong - 4

    def other_targets(self) -> np.ndarray:
        """Returns other targets of the same kind, whose mean is another one too."""
        if self.task == "numbers":
            return (self.y_true[::-1] + float(np.std(self.y_true)) + 1).astype(self.y_true.dtype)
        if self.y_true.size == self.y_pred.size:
            other = np.roll(self.y_true, 1, -1) if self.task == "classes" else 1 - self.y_true
            return np.asarray(other, self.y_true.dtype)
        return np.asarray((self.y_true + 1) % self.y_pred.shape[-1], self.y_true.dtype)

    def shuffled(self, values: np.ndarray) -> np.ndarray:
        """Returns the rows in another order, each of them in another place."""
        return np.roll(values, max(1, len(values) // 2), 0)


def seen(given: Given | None) -> Seen | None:
    """Returns targets and predictions of a call; None where they are not one array of each that fit together."""
    if given is None:
        return None
    values = list(given.arguments.values())[:2]
    if len(values) < 2 or not all(isinstance(v, np.ndarray) and v.ndim for v in values):
        return None
    return fitted(values[0], values[1])


def fitted(y_true: np.ndarray, y_pred: np.ndarray) -> Seen | None:
    """Returns targets and predictions with what they are; None where that cannot be told."""
    if y_pred.dtype.kind != "f" or len(y_true) != len(y_pred) or len(y_pred) < 4:
        return None
    if not (np.isfinite(y_pred).all() and np.isfinite(y_true.astype("float64")).all()):
        return None
    shares = bool(y_pred.min() >= 0 and y_pred.max() <= 1)
    whole = bool((y_true == np.round(y_true)).all())
    outputs = y_pred.shape[-1] if y_pred.ndim else 0
    if outputs > 1 and y_true.shape in (y_pred.shape[:-1], (*y_pred.shape[:-1], 1)):
        if not whole or y_true.min() < 0 or y_true.max() >= outputs:
            return None
        hard = np.eye(outputs, dtype="float32")[y_true.astype(int).reshape(y_pred.shape[:-1])]
        return Seen(y_true, y_pred, "classes", hard, shares)
    if y_true.size != y_pred.size:
        return None
    hard = y_true.reshape(y_pred.shape).astype("float32")
    values = set(np.unique(hard)) if hard.size < 1_000_000 else {2.0}
    if values <= {0.0, 1.0}:
        one_of_many = outputs > 1 and bool((hard.sum(-1) == 1).all())
        return Seen(y_true, y_pred, "classes" if one_of_many else "binary", hard, shares)
    if values <= {-1.0, 1.0} or (len(values) < 3 and not add_up(hard)):
        return None  # signs of a critic, or nothing to tell apart
    return Seen(y_true, y_pred, "numbers", hard, False)


def add_up(values: np.ndarray) -> bool:
    """Tells whether the rows are shares that add up to 1, each of them more than nothing."""
    if values.ndim < 2 or values.shape[-1] < 2 or not values.min() > 0:
        return False
    return bool(np.allclose(values.sum(-1), 1, atol=1e-3))


def called(function: Callable[..., Any], y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Returns the mean of what a loss gives, NaN where it does not take these targets or predictions."""
    try:
        result = function(objects.to_tensor(y_true), objects.to_tensor(y_pred.astype("float32")))
        return mean(result)
    except Exception:  # the user's loss on targets that we made up: it may well refuse them
        return float("nan")


def mean(result: Any) -> float:
    """Returns the mean of a tensor."""
    array = tensors.array_of(tensors.unwrapped(result))
    return float(np.mean(array)) if array is not None and array.size else float("nan")
