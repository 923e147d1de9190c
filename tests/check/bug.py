"""How a bug of the suite is written down: the broken object, a sound one beside it, and what must be said of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Bug:
    """One small bug of the kind people write.

    `broken` and `sound` give the object to check, alike but for the bug; `broken` is None where there is
    a sound one only. `inputs` gives the arguments of the check for
    both. Finding any of `contracts` is right: some bugs break several, and which one is judged first is no matter.
    `backends` are those on which the bug shows at all. A bug that is `held_out` was not looked at while the contracts
    were tuned.
    """

    broken: Callable[[], Any] | None
    sound: Callable[[], Any]
    contracts: frozenset[str]
    inputs: Callable[[], tuple[Any, ...]] = tuple
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    held_out: bool = False
    backends: tuple[str, ...] = ("jax", "tensorflow", "torch")


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Returns normal numbers."""
    return random(seed).normal(size=shape).astype("float32")


def shares(*shape: int, seed: int = 0) -> np.ndarray:
    """Returns probabilities between 0.05 and 0.95."""
    return random(seed).uniform(0.05, 0.95, shape).astype("float32")


def distribution(*shape: int, seed: int = 0) -> np.ndarray:
    """Returns positive numbers whose last axis adds up to 1."""
    values = shares(*shape, seed=seed)
    return values / values.sum(-1, keepdims=True)


def labels(*shape: int, seed: int = 0) -> np.ndarray:
    """Returns zeros and ones."""
    return random(seed).integers(0, 2, shape).astype("float32")


def one_hot(batch: int, classes: int, seed: int = 0) -> np.ndarray:
    return np.eye(classes, dtype="float32")[random(seed).integers(0, classes, batch)]
