"""What a model is trained towards: targets that its loss takes, the losses that are added, the one of `compile`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascope._backends import alone as backend
from kerascope._keras import objects, pairs, training

if TYPE_CHECKING:
    from kerascope.detect.contracts.case import Case
    from kerascope.detect.contracts.rehearsal import Rehearsal

SIZE = 4
_FACTOR = 100.0


def targets(case: Case, model: Any, x: Any) -> Iterator[Any]:
    """Yields targets that the loss takes, made up to fit the model's outputs."""
    random = np.random.default_rng(case.seed)
    if case.subject.targets is not None:
        yield objects.map_structure(
            lambda spec: objects.to_tensor(spec.array(SIZE, random)), case.subject.targets
        )
        return
    if not training.has_call(model):
        yield None
        return
    y_pred = model(x)

    def numbers(leaf: Any) -> Any:
        return objects.to_tensor(random.uniform(0.05, 0.95, leaf.shape).astype("float32"))

    def classes(leaf: Any) -> Any:
        return objects.to_tensor(random.integers(0, max(leaf.shape[-1], 2), leaf.shape[:-1]).astype("int32"))

    for fill in (numbers, classes):
        y = objects.map_structure(fill, y_pred)
        try:
            value = objects.to_numpy(training.loss(model, x, y))
        except Exception:  # that the loss does not take them is the answer
            continue
        if np.isfinite(value).all():
            yield y
    yield objects.map_structure(numbers, y_pred)


def added(rehearsal: Rehearsal) -> None:
    """Two steps that differ in how large the losses are that layers add; they must reach the weights."""
    model, x = rehearsal.model, rehearsal.x
    if not rehearsal.calls or not training.own_methods(model, "train_step", "compute_loss"):
        return
    with training.added_losses_scaled(1.0) as calls:
        model(x, training=True)
    if not calls:
        return
    rehearsal.reset()
    _, found, _ = backend.gradients(lambda: training.added(model, x), list(model.trainable_variables))
    if not any(gradient is not None and np.abs(gradient).max(initial=0) > 1e-6 for gradient in found):
        return
    steps = []
    for factor in (1.0, _FACTOR):
        rehearsal.reset()
        with training.added_losses_scaled(factor):
            steps.append(rehearsal.stride())
    rehearsal.seen.scaled = steps[0], steps[1]


def against(rehearsal: Rehearsal) -> None:
    """How far the loss that is made smaller goes the way of the one given to `compile`: 1 the same, -1 the opposite."""
    model, seen = rehearsal.model, rehearsal.seen
    if seen.gradients is None or not training.own_methods(model, "compute_loss"):
        return
    if rehearsal.y is None or training.given_loss(model, rehearsal.x, rehearsal.y) is None:
        return
    rehearsal.reset()
    variables = list(model.trainable_variables)
    _, found, _ = backend.gradients(lambda: training.given_loss(model, rehearsal.x, rehearsal.y), variables)
    ours, theirs = (
        np.concatenate([np.zeros(0), *(np.ravel(one) for one in many)])
        for many in (seen.gradients, rehearsal.filled(found))
    )
    sizes = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    seen.along = float(ours @ theirs) / sizes if sizes else None


def reached(rehearsal: Rehearsal) -> list[bool]:
    """Tells of each variable whether the loss has a gradient for it.

    Those of an absolute difference are 1 and -1, which cancel out in an even number of samples, as they may in four.
    """
    model, seen = rehearsal.model, rehearsal.seen
    assert seen.gradients is not None
    found = [bool(gradient.any()) for gradient in seen.gradients]
    if all(got for got, trainable in zip(found, seen.trainable, strict=True) if trainable):
        return found
    x, y = (objects.map_structure(_but_the_last, part) for part in (rehearsal.x, rehearsal.y))
    rehearsal.reset()
    _, others, _ = backend.gradients(lambda: training.loss(model, x, y), list(model.trainable_variables))
    return [one or bool(other.any()) for one, other in zip(found, rehearsal.filled(others), strict=True)]


def _but_the_last(leaf: Any) -> Any:
    return leaf if leaf is None else leaf[: SIZE - 1]


def probe(structure: Any) -> Any:
    """Returns a scalar that hangs on every number of an output, with uneven shares."""

    def weighed(leaf: Any) -> Any:
        shares = np.random.default_rng(0).uniform(0.5, 1.5, tuple(leaf.shape)).astype("float32")
        return leaf * objects.to_tensor(shares)

    return pairs.total(objects.map_structure(weighed, structure))


def first_two_rolled(leaf: Any) -> Any:
    """Returns targets with others in the place of the first two."""
    array = objects.to_numpy(leaf).copy()
    if array.dtype.kind in "iu":
        array[:2] = (array[:2] + 1) % (array.max() + 1)
    else:
        array[:2] = 1 - array[:2]
    return objects.to_tensor(array)
