"""What should train and what the optimizer was built for: layers thawed or frozen when it was too late."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerascope.detect.reading import Anatomy, Checks, listed, listing, mapping, model_tag, place_of, plural
from kerascope.detect.registry import detector
from kerascope.record.reader import Event, ModelView, RunView
from kerascope.values import Evidence, Finding, SourceSpan


@detector(kinds=("frozen-weights", "wrong-variables"), slug="holding")
def holding(view: RunView) -> list[Finding]:
    """Finds weights that the optimizer does not know and that stay, and frozen ones that it changes."""
    models = {model.id: model for model in view.models}
    found: dict[tuple[int, str], Finding] = {}
    for event in view.events("holding"):
        model = models.get(event.model) if event.model is not None else None
        if model is None or event.step is None:
            continue
        left, frozen = (_paths(event, key) for key in ("left", "frozen"))
        still = [path for path in left if moved_since(model, path, event.step) is False]
        if left and (len(still) == len(left) or _stopped(model, event.step)):
            found[model.id, "left"] = _left(view, model, left, event.step)
        moving = [path for path in frozen if moved_since(model, path, event.step)]
        if moving:
            found[model.id, "frozen"] = _frozen(view, model, moving, event.step)
    return list(found.values())


def _paths(event: Event, key: str) -> list[str]:
    return [str(path) for path in listing(event.facts.get(key))]


def moved_since(model: ModelView, path: str, first: int) -> bool | None:
    """Tells whether a variable changed from this step on; None where that was not looked at.

    A variable that is frozen or thawed changes its role, and is one row in the recording before and one after.
    """
    checks = Checks.of(model)
    columns = [c for role in ("weight", "state") if (c := checks.columns.get((role, path))) is not None]
    if not columns:
        return None
    norms = np.full(len(checks.step), np.nan)
    for column in columns:
        norms = np.where(np.isnan(norms), column, norms)
    known = ~np.isnan(norms)
    before, after = known & (checks.step < first), known & (checks.step >= first)
    rows = [*np.flatnonzero(before)[-1:], *np.flatnonzero(after)]
    if not after.any() or len(rows) < 2:
        return None
    return bool((norms[rows] != norms[rows[0]]).any())


def _stopped(model: ModelView, first: int) -> bool:
    """Tells whether the training that was to begin with this step failed before it made one."""
    made = np.asarray(model.steps().step)
    failed = [row for row in model.trainings() if row.first_step >= first and row.outcome == "failed"]
    return bool(failed) and not (made >= first).any()


def _left(view: RunView, model: ModelView, names: Sequence[str], step: int) -> Finding:
    anatomy = Anatomy(model.facts)
    stopped = _stopped(model, step)
    then = (
        "so the training stopped with an error in its first step"
        if stopped
        else "and they are the same to the bit at its end"
    )
    return Finding(
        kind="frozen-weights",
        severity="fault",
        confidence=0.98,
        title=f"{listed(_layers(anatomy, names), 2)} should train, but the optimizer was built without "
        f"{'its' if len(_layers(anatomy, names)) == 1 else 'their'} weights",
        explanation=(
            f"When `fit` began with step {step:,}, {plural(len(names), 'trainable variable')} ({listed(names)}) were "
            f"none of those that the optimizer had been built for in an earlier training, {then}. What trains is "
            "settled when a model is compiled: call `compile` again, with a new optimizer, after `trainable` was set "
            "or layers were added."
        ),
        location=_place(model, "thawed", _layers(anatomy, names)),
        evidence=(
            *model_tag(view, model),
            Evidence("variables that the optimizer does not know", len(names), steps=(step,)),
            Evidence("trainable variables", len(anatomy.trainable())),
        ),
    )


def _frozen(view: RunView, model: ModelView, names: Sequence[str], step: int) -> Finding:
    layers = _layers(Anatomy(model.facts), names)
    return Finding(
        kind="wrong-variables",
        severity="fault",
        confidence=0.95,
        title=f"{listed(layers, 2)} {'is' if len(layers) == 1 else 'are'} frozen and changed all the same",
        explanation=(
            f"{plural(len(names), 'variable')} ({listed(names)}) were not trainable when `fit` began with step "
            f"{step:,}, and were others at its end: the optimizer was built for them before, and the compiled "
            "step goes on training them. What trains is settled when a model is compiled: call `compile` again after "
            "`trainable` was set."
        ),
        location=_place(model, "frozen", layers),
        evidence=(
            *model_tag(view, model),
            Evidence("frozen variables that changed", len(names), steps=(step,)),
        ),
    )


def _layers(anatomy: Anatomy, names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(anatomy.layer_of(name) for name in names))


def _place(model: ModelView, role: str, layers: Sequence[str]) -> SourceSpan:
    """Returns the statement that set `trainable`: of the layer, of what it is in, or of the model."""
    sites: Mapping[str, Any] = mapping(model.facts.get("sites"))
    for layer in layers:
        parts = layer.split("/")
        keys = [f"{role}:{'/'.join(parts[:length])}" for length in range(len(parts), -1, -1)]
        for key in keys:
            for frame in listing(sites.get(key)):
                if (place := place_of(frame)) is not None:
                    return dataclasses.replace(place, layer=layer)
    return SourceSpan(layer=layers[0] if layers else None)
