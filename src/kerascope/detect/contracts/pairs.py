"""Targets and predictions made up for losses and metrics: ordinary, right, wrong and extreme ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from kerascope._keras import objects
from kerascope.detect.contracts.case import BATCH, Case
from kerascope.detect.contracts.registry import Skip
from kerascope.explain.subject import BATCH as B
from kerascope.explain.subject import InputSpec, Subject
from kerascope.values import Severity

LARGE = 100.0
"""A prediction that an untrained or diverging model may make; exp of it is infinite in float32."""


NOTHING = 1e-6
"""What a sum of float32 may come to where a reference in float64 comes to 0."""

EMPTY = "targets and predictions of 0"
RANKS = "ranks"
"""What numbers are of which there are more than figures in a prediction: one figure for each step between two."""

FAR = f"predictions of {LARGE:g}"


class Pair(NamedTuple):
    """A batch of targets and predictions. `like` and `true_like` say what they are drawn from, see `InputSpec`."""

    y_true: np.ndarray
    y_pred: np.ndarray
    true_like: str
    like: str

    def rows(self, stop: int, start: int = 0) -> Pair:
        """Returns the samples from `start` up to `stop`."""
        return self._replace(y_true=self.y_true[start:stop], y_pred=self.y_pred[start:stop])

    def replaced(self, row: int, other: Pair) -> Pair:
        """Returns the pair with one sample taken from another pair."""
        y_true, y_pred = self.y_true.copy(), self.y_pred.copy()
        y_true[row], y_pred[row] = other.y_true[row], other.y_pred[row]
        return self._replace(y_true=y_true, y_pred=y_pred)

    def with_and_without_axis(self) -> tuple[Pair, Pair] | None:
        """Returns the pair with targets that end in an axis of size 1, and without it; None for other targets."""
        shape = (*self.y_pred.shape[:-1], 1)
        if not self.classes and (self.y_pred.shape != shape or self.y_true.size != self.y_pred.size):
            return None
        return tuple(self._replace(y_true=self.y_true.reshape(s)) for s in (shape, shape[:-1]))  # type: ignore[return-value]

    @property
    def classes(self) -> bool:
        """Whether the targets are class numbers and the predictions have a figure for each class."""
        shapes = (self.y_pred.shape[:-1], (*self.y_pred.shape[:-1], 1))
        if self.true_like == RANKS:
            return False
        return self.y_true.dtype.kind in "iu" and self.y_pred.ndim > 1 and self.y_true.shape in shapes

    def hard(self) -> np.ndarray | None:
        """Returns targets that leave no doubt (0, 1, or one class), shaped like the predictions."""
        size = self.y_pred.shape[-1] if self.y_pred.ndim else 1
        if self.classes:
            found: np.ndarray = np.eye(size, dtype="float32")[
                self.y_true.reshape(self.y_pred.shape[:-1]) % size
            ]
            return found
        if self.y_true.shape != self.y_pred.shape or self.y_true.dtype.kind != "f":
            return None
        if self.true_like == "probabilities":
            found = np.eye(size, dtype="float32")[self.y_true.argmax(-1)]
            return found
        if self.true_like != "positive":
            return None
        found = np.round(self.y_true)
        if size > 1:  # every sample has a case of either kind: rows of zeros alone are nothing ordinary
            found[..., 0], found[..., 1] = 1, 0
        return found

    def hardened(self) -> Pair:
        """Returns the pair with targets of 0 and 1 where they lie between."""
        hard = self.hard()
        return self if hard is None or self.classes else self._replace(y_true=hard)

    def with_outcomes(self, outcomes: Sequence[tuple[int, int]]) -> Pair:
        """Returns the pair with these (target, answer) in its first samples, where both are a yes or no for each.

        A few samples drawn at random may have no false alarm among them, and what counts those is then not seen.
        """
        yes_or_no = self.like == self.true_like == "positive" and self.y_true.shape == self.y_pred.shape
        if not yes_or_no or self.y_pred.size != len(self.y_pred) or len(self.y_pred) < len(outcomes):
            return self
        y_true, y_pred = self.y_true.copy(), self.y_pred.copy()
        for row, (target, answer) in enumerate(outcomes):
            y_true[row] = target
            y_pred[row] = np.where((y_pred[row] > 0.5) == bool(answer), y_pred[row], 1 - y_pred[row])
        return self._replace(y_true=y_true, y_pred=y_pred)

    def with_hits(self, every: int) -> Pair:
        """Returns the pair with predictions that hit the target now and then, where both are numbers of one kind."""
        numbers = self.like == self.true_like and self.like in ("normal", "amounts")
        if not numbers or self.y_true.shape != self.y_pred.shape or self.y_true.dtype.kind != "f":
            return self
        y_pred = self.y_pred.copy()
        y_pred[::every] = self.y_true[::every]
        return self._replace(y_pred=y_pred)

    def answers(self) -> Iterator[tuple[Pair, Pair]]:
        """Yields (right predictions, wrong ones), as probabilities, as logits, or as the numbers themselves."""
        hard = self.hard()
        if hard is None:
            if self.y_true.shape == self.y_pred.shape and self.y_true.dtype.kind == "f":
                yield self._replace(y_pred=self.y_true), self._replace(y_pred=-self.y_true)
            return
        one_of_many = self.classes or self.true_like == "probabilities"
        wrong = np.roll(hard, 1, -1) if one_of_many else 1 - hard
        pair = self if self.classes else self._replace(y_true=hard)
        if self.like != "normal":
            yield (
                pair._replace(y_pred=np.clip(hard, 0.02, 0.98).astype("float32")),
                pair._replace(y_pred=np.clip(wrong, 0.02, 0.98).astype("float32")),
            )
        yield pair._replace(y_pred=8 * hard - 4), pair._replace(y_pred=8 * wrong - 4)

    def agreeing(self) -> Pair | None:
        """Returns the pair with predictions equal to its targets, where they are of one kind."""
        if (
            self.y_true.shape != self.y_pred.shape
            or self.y_true.dtype.kind != "f"
            or self.like != self.true_like
        ):
            return None
        return self._replace(y_pred=self.y_true)

    def apart(self, factor: float) -> Pair | None:
        """Returns the pair with errors of another size; None where targets and predictions are not any numbers."""
        if self.y_true.shape != self.y_pred.shape or self.like != "normal" or self.true_like != "normal":
            return None
        moved = self.y_true + factor * (self.y_pred - self.y_true)
        return self._replace(y_pred=moved.astype(self.y_pred.dtype))

    def as_distribution(self) -> Pair | None:
        """Returns the pair with rows that add up to 1, where both are between 0 and 1 and have more than one column."""
        if self.true_like != "positive" or self.like != "positive" or self.y_pred.shape[-1] < 2:
            return None
        y_true, y_pred = (a / a.sum(-1, keepdims=True) for a in (self.y_true, self.y_pred))
        return Pair(y_true, y_pred, "probabilities", "probabilities")

    def extremes(self) -> Iterator[tuple[str, Pair]]:
        """Yields targets and predictions at the edges of what they may be, each with its name."""
        yield from self._one_sided()
        hard = self.hard()
        if hard is not None and self.like != "normal":
            one_of_many = self.classes or self.true_like == "probabilities"
            wrong = np.roll(hard, 1, -1) if one_of_many else 1 - hard
            pair = self if self.classes else self._replace(y_true=hard)
            yield "predictions of 0 and 1 that are right", pair._replace(y_pred=hard)
            yield "predictions of 0 and 1 that are wrong", pair._replace(y_pred=wrong)
            if not one_of_many:
                yield EMPTY, self._replace(y_true=0 * self.y_true, y_pred=0 * self.y_pred)
            return
        if self.like == "normal":
            zeros = np.zeros_like(self.y_pred)
            yield "predictions of 0", self._replace(y_pred=zeros)
            if self.y_true.dtype.kind == "f" and self.true_like == "normal":
                yield EMPTY, self._replace(y_true=0 * self.y_true, y_pred=zeros)
                if self.y_true.shape == self.y_pred.shape:
                    yield "predictions equal to the targets", self._replace(y_pred=self.y_true)
            large = LARGE * np.sign(self.y_pred)
            yield f"{FAR} and -{LARGE:g}", self._replace(y_pred=large)

    def _one_sided(self) -> Iterator[tuple[str, Pair]]:
        """Yields ordinary predictions for targets that are all 0, all 1, or nothing but padding."""
        if self.true_like == "positive" and self.y_true.dtype.kind == "f":
            yield "targets that are all 0", self._replace(y_true=0 * self.y_true)
            yield "targets that are all 1", self._replace(y_true=0 * self.y_true + 1)
        elif self.classes and self.y_pred.ndim > 2:
            yield "targets that are all 0", self._replace(y_true=0 * self.y_true)


def typical(case: Case, size: int = BATCH, seed: int = 0) -> Pair:
    """Returns ordinary targets and predictions; the first rows are the same for every size.

    Raises:
        Skip: the object takes something other than one target and one prediction.
    """
    args = case.subject.args
    if len(args) < 2 or not all(isinstance(arg, InputSpec) for arg in args[:2]):
        raise Skip("it takes something other than one array of targets and one of predictions")
    y_true, y_pred = (
        arg.array(max(size, 9), np.random.default_rng((case.seed, seed, place)))
        for place, arg in enumerate(args[:2])
    )
    # Labels of 0 and 1 are shares without doubt, and are judged as shares.
    true_like, like = ("positive" if spec.like == "binary" else spec.like for spec in args[:2])
    if y_true.dtype.kind in "iu" and y_pred.ndim > 1 and args[0].high > y_pred.shape[-1]:
        true_like = RANKS
    pair = Pair(y_true, y_pred, true_like, like)
    return pair.rows(size)


def severity_of_shapes(case: Case, pair: Pair) -> Severity:
    """Returns how bad it is that targets without the last axis are broadcast: a note where others were given."""
    if pair.y_true.shape != pair.y_pred.shape:
        return "fault"
    return "warning" if case.subject.guessed else "note"


def tensors_of(pair: Pair) -> tuple[Any, Any]:
    """Returns targets and predictions as tensors of the backend."""
    return objects.to_tensor(pair.y_true), objects.to_tensor(pair.y_pred)


CANDIDATES: Sequence[tuple[InputSpec, InputSpec]] = (
    (InputSpec((B, 4), like="positive"), InputSpec((B, 4), like="positive")),
    (InputSpec((B,), "int32", 0, 4), InputSpec((B, 4), like="probabilities")),
    (InputSpec((B, 1), like="positive"), InputSpec((B, 1), like="positive")),
    (InputSpec((B, 4), like="probabilities"), InputSpec((B, 4), like="probabilities")),
    (InputSpec((B, 4)), InputSpec((B, 4))),
    (InputSpec((B, 8, 8, 3), like="positive"), InputSpec((B, 8, 8, 3), like="positive")),
    (InputSpec((B, 2), "int32", 1, 4), InputSpec((B, 6, 5))),
    (InputSpec((B,), "int32", 0, 8), InputSpec((B, 8), like="probabilities")),
    (InputSpec((B, 8), like="positive"), InputSpec((B, 8), like="positive")),
)
"""What losses and metrics are tried with when nothing is said about their inputs, the likeliest first."""

FLAT: Sequence[tuple[InputSpec, InputSpec]] = (
    (InputSpec((B,), "int32", 0, 2), InputSpec((B,), "int32", 0, 2)),
    (InputSpec((B,), like="positive"), InputSpec((B,), like="positive")),
)
"""What is tried last: no model's output has one axis only."""


def guess(make: Callable[[], Any], kind: str) -> tuple[InputSpec, InputSpec]:
    """Returns the first kind of targets and predictions that a loss or metric takes and is finite for.

    Args:
        make: gives a fresh loss, metric or function.
        kind: "loss", "metric" or "function".
    """
    runs: list[tuple[InputSpec, InputSpec]] = []
    for specs in (*CANDIDATES, *FLAT):
        if runs and specs in FLAT:
            break
        arrays = [spec.array(BATCH, np.random.default_rng(place)) for place, spec in enumerate(specs)]
        try:
            obj, args = make(), [objects.to_tensor(array) for array in arrays]
            if kind == "metric":
                obj.update_state(*args)
                result = obj.result()
            else:
                result = obj.call(*args) if kind == "loss" else obj(*args)
            value = objects.to_numpy(objects.flatten(result)[0])
        except Exception:  # that it does not take these is the answer
            continue
        runs.append(specs)
        per_sample = kind == "metric" or (value.shape[:1] == (BATCH,) and value.shape[1:2] != (BATCH,))
        if np.isfinite(value).all() and per_sample:
            return specs
    return runs[0] if runs else CANDIDATES[0]


def widened(about: Subject) -> Subject:
    """Returns the subject of a loss or metric with an axis of size 1 more, where one number a sample was given.

    A model's output has such an axis, and what takes its mean over the last one needs it.
    """
    specs = about.args
    if about.make is None or len(specs) != 2 or any(getattr(one, "shape", ()) != (B,) for one in specs):
        return about
    wide = tuple(dataclasses.replace(spec, shape=(B, 1)) for spec in specs)
    try:
        if about.kind == "loss":
            better = _results(about, wide)[0].shape[:1] in ((), (BATCH,))
        else:
            better = not close(*_results(about, specs)) and close(*_results(about, wide))
    except Exception:  # what it raises is for the contracts to say
        return about
    return dataclasses.replace(about, args=wide, flat=True) if better else about


def _results(about: Subject, specs: Sequence[InputSpec]) -> tuple[np.ndarray, np.ndarray]:
    """Returns what comes of a batch, and what comes of it in two parts where the object is a metric."""
    arrays = [spec.array(BATCH, np.random.default_rng(place)) for place, spec in enumerate(specs)]
    found = []
    for parts in ((slice(None),), (slice(2), slice(2, None))):
        assert about.make is not None
        one = about.make()
        results = [about.call(one, [objects.to_tensor(a[part]) for a in arrays], {}) for part in parts]
        found.append(objects.to_numpy(objects.flatten(results[-1])[0]))
    return found[0], found[1]


def close(a: np.ndarray, b: np.ndarray, tolerance: float = 1e-4, least: float = 0.0) -> bool:
    """Tells whether two results agree within rounding, or differ by no more than `least`; NaN agrees with NaN."""
    if a.shape != b.shape:
        return False
    scale = float(np.nanmax(np.abs(a), initial=0.0))
    most = max(tolerance * min(scale, 1.0), least)
    return bool(np.allclose(a, b, rtol=tolerance, atol=most, equal_nan=True))


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Tells whether two results agree but for the last bits."""
    return close(a, b, 1e-6)


def to_be_revived(error: Exception) -> str:
    """Returns what to do about a configuration that nothing can be made of."""
    if "Could not locate" in str(error):
        return (
            "Put @keras.saving.register_keras_serializable() above the function or class that is named here."
        )
    return (
        "Take **kwargs in __init__, hand it to super().__init__(**kwargs), and return your own arguments from "
        "get_config() beside super().get_config()."
    )


def first_of(names: Sequence[str]) -> str:
    """Returns the first name, or one that stands for it."""
    return names[0] if names else "argument"


def short(array: np.ndarray) -> str:
    """Returns the first few numbers of an array."""
    return np.array2string(np.asarray(array).ravel()[:6], precision=4, separator=", ")
