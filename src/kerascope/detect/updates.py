"""Weights that should change and do not: frozen ones, and gradients that nobody applies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from kerascope.detect.context import rate_is_zero
from kerascope.detect.loss_scale import stuck
from kerascope.detect.reading import (
    Anatomy,
    Checks,
    Samples,
    Variable,
    listed,
    median,
    model_tag,
    plural,
    show,
    thin_steps,
)
from kerascope.detect.registry import detector
from kerascope.record.reader import ModelView, RunView
from kerascope.values import Evidence, Finding, SourceSpan

_LEAST_STEPS = 10
_LEAST_CHECKS = 5
_SGD = ("SGD",)
_RESOLUTION = {"bfloat16": 2.0**-9, "float16": 2.0**-12, "float64": 2.0**-54}


@detector(kinds=("frozen-weights", "gradients-not-applied", "lr-too-low"), slug="updates")
def not_updated(view: RunView) -> Iterator[Finding]:
    """Finds trainable weights that are the same to the bit from the first check to the last."""
    for model in view.models:
        finding = _judge(view, model)
        if finding is not None:
            yield finding


def _judge(view: RunView, model: ModelView) -> Finding | None:
    steps, anatomy, checks = model.steps(), Anatomy(model.facts), Checks.of(model)
    least = max(_LEAST_STEPS, 2 * anatomy.steps_per_update())
    if len(steps.step) < least:
        return None
    if _nothing_trainable(anatomy):
        return _all_frozen(view, model, anatomy)
    if len(checks.step) < 2 or checks.step[-1] - checks.step[0] < least - 1:
        return None
    if (scale := stuck(view, model)) is not None:
        return scale
    trainable = [v for v in anatomy.trainable() if checks.constant(v.path) is not None]
    still = [v for v in trainable if checks.constant(v.path)]
    if not still:
        return _only_at_first(view, model, anatomy, trainable)
    if len(still) == len(trainable) and rate_is_zero(steps):
        return _rate_zero(view, model)
    gradients, updates = Samples.of(model, "gradient"), Samples.of(model, "update")
    got = [v for v in still if _unused_gradient(v, gradients, updates)]
    unknown = [v for v in still if np.isnan(gradients.column(v.path)).all()]
    if len(still) == len(trainable):
        if got:
            return _not_applied(view, model, got, gradients, everything=True)
        return _nothing_moves(view, model, anatomy) if len(unknown) == len(still) else None
    if got:
        return _not_applied(view, model, got, gradients, everything=False)
    return _left_out(view, model, anatomy, unknown, trainable)


def _only_at_first(
    view: RunView, model: ModelView, anatomy: Anatomy, trainable: Sequence[Variable]
) -> Finding | None:
    """A train step of the user's that moved the weights in the beginning and not again."""
    checks = Checks.of(model)
    if not anatomy.custom_step or not trainable or len(checks.step) < _LEAST_CHECKS:
        return None
    norms = [values for v in trainable if (values := checks.weight(v.path)) is not None]
    if any(len(values) != len(checks.step) for values in norms):
        return None
    moved = max(int(np.flatnonzero(np.append(True, values[1:] != values[:-1]))[-1]) for values in norms)
    rates = np.asarray(model.steps().learning_rate, np.float64)[-_LEAST_CHECKS:]
    if moved > len(checks.step) / 4 or len(checks.step) - moved < _LEAST_CHECKS or not (rates > 0).all():
        return None
    last, end = int(checks.step[moved]), int(checks.step[-1])
    return Finding(
        kind="gradients-not-applied",
        severity="fault",
        confidence=0.95,
        title=f"No weight changed after step {last} of {end}, and the training went on",
        explanation=(
            "The weights are the same to the bit at every check from then on, at a learning rate above 0. The model's "
            "own `train_step` handed gradients to the optimizer in the beginning only: look at the condition under "
            "which it does (a count that is compared and never set back, a flag)."
        ),
        evidence=(
            *model_tag(view, model),
            Evidence("last change of a weight, at the latest", last),
            Evidence("steps", end),
        ),
    )


def _unused_gradient(variable: Variable, gradients: Samples, updates: Samples) -> bool:
    """Tells whether every sample shows a gradient, and none an update."""
    gradient, update = gradients.column(variable.path), updates.column(variable.path)
    known = np.isfinite(gradient) & np.isfinite(update)
    return bool(known.sum() >= 2 and (gradient[known] > 0).any() and (update[known] == 0).all())


def _nothing_trainable(anatomy: Anatomy) -> bool:
    size = sum(layer.parameters for layer in anatomy.layers.values())
    return bool(anatomy.variables) and size > 0 and not anatomy.trainable()


def _all_frozen(view: RunView, model: ModelView, anatomy: Anatomy) -> Finding | None:
    if anatomy.custom_step:
        return None  # it may train something that is not the model's own, e.g. an image
    checks = Checks.of(model)
    if any(v.dimensions > 1 and checks.constant(v.path) is False for v in anatomy.variables.values()):
        return None  # frozen when it was last looked at only: two that train in turn freeze each other
    steps = len(model.steps().step)
    return Finding(
        kind="frozen-weights",
        severity="fault",
        confidence=0.97,
        title=f"No weight of `{model.name}` is trainable",
        explanation=(
            f"The model ran {plural(steps, 'training step')} while all of its "
            f"{plural(len(anatomy.variables), 'variable')} are marked as not trainable, so no step could "
            "change a weight. If only a part was meant to be frozen, set `trainable = False` on that part alone, "
            "and compile again after changing it."
        ),
        evidence=(*model_tag(view, model), Evidence("trainable variables", 0), Evidence("steps", steps)),
    )


def _rate_zero(view: RunView, model: ModelView) -> Finding:
    steps = len(model.steps().step)
    return Finding(
        kind="lr-too-low",
        severity="fault",
        confidence=0.99,
        title=f"The learning rate is 0 in all {plural(steps, 'step')}",
        explanation=(
            "The optimizer was asked for steps of length 0 throughout, and every weight is the same to the bit at the "
            "first check and at the last. Look at the learning rate given to the optimizer, or at its schedule."
        ),
        evidence=(*model_tag(view, model), Evidence("learning rate", 0.0), *_same(model)),
    )


def _same(model: ModelView) -> tuple[Evidence, ...]:
    steps = Checks.of(model).step
    return (Evidence("weights compared", "same to the bit", steps=(int(steps[0]), int(steps[-1]))),)


def _nothing_moves(view: RunView, model: ModelView, anatomy: Anatomy) -> Finding:
    """No weight changes, and no gradient was ever handed to an optimizer."""
    steps = plural(len(model.steps().step), "step")
    if anatomy.custom_step:
        kind, confidence = "gradients-not-applied", 0.95
        reason = (
            "The model's own `train_step` ran, but no gradient ever reached an optimizer: look whether it calls "
            "`optimizer.apply(...)` (or `apply_gradients`) with what it computed, in every branch."
        )
    else:
        kind, confidence = "frozen-weights", 0.8
        reason = "No gradient or update was recorded, so the recording does not say what holds them."
    return Finding(
        kind=kind,
        severity="fault",
        confidence=confidence,
        title=f"No weight of `{model.name}` changed in {steps}",
        explanation=f"Every trainable weight is the same to the bit at the first check and at the last. {reason}",
        evidence=(*model_tag(view, model), *_same(model)),
    )


def _not_applied(
    view: RunView, model: ModelView, still: Sequence[Variable], gradients: Samples, *, everything: bool
) -> Finding:
    """Gradients arrive, weights stay."""
    names = [v.path for v in still]
    size = median(np.concatenate([gradients.column(name) for name in names]))
    rate = median(model.steps().learning_rate)
    if all(_below_resolution(model, v) for v in still):
        return _too_small(view, model, names, size, rate)
    which = (
        "No gradient is applied"
        if everything
        else f"Gradients of {plural(len(names), 'variable')} are not applied"
    )
    others = "" if everything else " Other weights of the model do change."
    return Finding(
        kind="gradients-not-applied",
        severity="fault",
        confidence=0.99 if everything else 0.95,
        title=f"{which}: gradients are there, the weights stay the same to the bit",
        explanation=(
            f"{listed(names)} got gradients in every sampled step (median norm {show(size)}) at a learning rate of "
            f"{show(rate)}, but their update is exactly zero and they never change.{others} Look at what is handed to "
            "the optimizer, and whether it is handed over in every branch of the train step."
        ),
        location=SourceSpan(layer=Anatomy(model.facts).layer_of(names[0])),
        evidence=(
            *model_tag(view, model),
            Evidence("gradient norm, median", size, steps=thin_steps(gradients.step)),
            Evidence("update", 0.0),
            *_same(model),
        ),
    )


def _below_resolution(model: ModelView, variable: Variable) -> bool:
    """Tells whether a step of the usual length is lost in rounding when it is added to this weight."""
    weights, gradients = Samples.of(model, "weight"), Samples.of(model, "gradient")
    rate = median(model.steps().learning_rate)
    if Anatomy(model.facts).optimizer.get("class") in _SGD:
        step = rate * median(_rms(gradients, variable.path))
    else:
        step = rate  # adaptive optimizers step by about the learning rate, whatever the gradient
    size = median(_rms(weights, variable.path))
    return math.isfinite(step) and step < _RESOLUTION.get(variable.dtype, 2.0**-25) * size


def _rms(samples: Samples, name: str) -> np.ndarray:
    sizes: np.ndarray = np.hypot(samples.column(name, "mean"), samples.column(name, "std"))
    return sizes


def _too_small(view: RunView, model: ModelView, names: Sequence[str], size: float, rate: float) -> Finding:
    return Finding(
        kind="lr-too-low",
        severity="fault",
        confidence=0.9,
        title=f"Steps are too small to change the weights: learning rate {show(rate)}",
        explanation=(
            f"{listed(names)} got gradients (median norm {show(size)}), but a step of this length is less than the "
            "spacing of the numbers their dtype can hold, so that adding it changes nothing: they are the same to the "
            "bit from the first check to the last. A larger learning rate is the first thing to try."
        ),
        evidence=(
            *model_tag(view, model),
            Evidence("learning rate", rate),
            Evidence("gradient norm, median", size),
            *_same(model),
        ),
    )


def _left_out(
    view: RunView,
    model: ModelView,
    anatomy: Anatomy,
    unknown: Sequence[Variable],
    trainable: Sequence[Variable],
) -> Finding | None:
    """A custom train step that never hands some variables to an optimizer: often meant so, so it is a note."""
    if not anatomy.custom_step or not unknown:
        return None
    names = [v.path for v in unknown]
    return Finding(
        kind="frozen-weights",
        severity="note",
        confidence=0.6,
        title=f"{len(names)} of {plural(len(trainable), 'trainable variable')} never change",
        explanation=(
            f"{listed(names)} are trainable, but the model's own `train_step` handed no gradient of them to an "
            "optimizer, and they are the same to the bit from the first check to the last. If that part is meant to "
            "stay as it is, `trainable = False` says so; otherwise look at which variables the step updates."
        ),
        location=SourceSpan(layer=anatomy.layer_of(names[0])),
        evidence=(*model_tag(view, model), *_same(model)),
    )
