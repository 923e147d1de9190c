"""Rows whose answers stand further on in the rows themselves, and whether the model looks ahead for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerascope.probe.dataset.answers import Answers
from kerascope.probe.dataset.rows import Part, leaves

_ROWS = 128
_STEPS = 4
_FARTHEST = 8
_EQUAL = 0.99


@dataclasses.dataclass(frozen=True)
class _Shift:
    """At each step the answer is what stands `by` steps further on in the input `name`, in one of its features."""

    label: str
    name: str
    feature: int
    by: int


def ahead(part: Part, predict: Callable[[Any], Answers], rng: np.random.Generator) -> dict[str, Any] | None:
    """Returns by how many steps the answers are an input shifted, and how much earlier answers depend on later inputs.

    Not shifted at all counts for one of several inputs only: a model with one may be meant to give it back. None where
    no input is such a series.
    """
    found = next(_shifts(part), None)
    if found is None:
        return None
    if not found.by:
        return {"label": found.label, "input": found.name, "by": 0}
    part = part.sample(_ROWS, rng)
    given = dict(part.arrays("x"))[found.name]
    steps = given.shape[1]
    first = steps // 2
    changed = given.copy()
    changed[:, first:] = np.roll(given[:, first:], 1, axis=0)
    both = [predict(_replaced(part, found.name, array)) for array in (given, changed)]
    apart = 0.0
    for key, before in both[0].items():
        if before.ndim >= 2 and before.shape[:2] == given.shape[:2]:
            moved = np.abs(before - both[1][key])[:, first - found.by]
            apart = max(apart, float(moved.mean() / (before.std() + 1e-12)))
    return {"label": found.label, "input": found.name, "by": found.by, "steps": steps, "apart": apart}


def _shifts(part: Part) -> Iterator[_Shift]:
    for label, wanted in part.arrays("y"):
        answers = _series(wanted)
        for name, given in part.arrays("x"):
            series = _series(given)
            if answers is None or series is None or answers.shape[2] != 1 or series.shape[1] < _STEPS:
                continue
            for feature in range(series.shape[2] if answers.shape[:2] == series.shape[:2] else 0):
                by = _shift(series[:, :, feature], answers[:, :, 0])
                if by is not None and (by or len(part.arrays("x")) > 1):
                    yield _Shift(label, name, feature, by)


def _series(array: np.ndarray) -> np.ndarray | None:
    """Returns rows of steps of features; one-hot steps as the number of their class."""
    if array.ndim == 2:
        return array[:, :, None]
    if array.ndim != 3 or not array.size:
        return None
    hot = array.shape[2] > 1 and bool(((array == 0) | (array == 1)).all() and (array.sum(2) == 1).all())
    return array.argmax(2)[:, :, None] if hot else array


def _shift(series: np.ndarray, answers: np.ndarray) -> int | None:
    """Returns by how many steps the answers run ahead, None where they do not. Steps that only repeat say nothing."""
    if np.array_equal(series, answers) and (series[:, 1:] != series[:, :-1]).mean() > 0.1:
        return 0
    for by in range(1, min(_FARTHEST, series.shape[1] - 2) + 1):
        differ = series[:, by:] != series[:, :-by]
        if differ.mean() > 0.1:
            equal = np.isclose(series[:, by:], answers[:, :-by], rtol=1e-6, atol=0)[differ]
            if equal.mean() >= _EQUAL:
                return by
    return None


def _replaced(part: Part, name: str, array: np.ndarray) -> Any:
    """Returns the rows in the structure in which they were given, one array of them replaced."""
    names = iter([found for found, _ in leaves("x", part.x)])

    def walk(value: Any, rows: Any) -> Any:
        if isinstance(rows, dict):
            return {key: walk(value[key], rows[key]) for key in rows}
        if isinstance(rows, (tuple, list)):
            return type(rows)(walk(a, b) for a, b in zip(value, rows, strict=True))
        return array if next(names) == name else rows

    return walk(part.x, part.structure("x"))
