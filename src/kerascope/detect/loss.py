"""Does the loss fall? A statement about the losses of single batches, made only when their noise allows it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from kerascope.detect.chance import Accuracy, Guess, accuracy, constant_guess
from kerascope.detect.context import adversarial, gradient_norms, rate_is_zero, shifting_targets, warming_up
from kerascope.detect.numerics import loss_span
from kerascope.detect.reading import (
    Anatomy,
    Samples,
    epochs_done,
    median,
    model_tag,
    plural,
    show,
    thin,
    thin_steps,
)
from kerascope.detect.registry import detector
from kerascope.detect.trend import Trend, trend
from kerascope.record.reader import ModelView, RunView
from kerascope.values import Evidence, Finding, Severity, SourceSpan

_LEAST_STEPS = 30
_LEAST_IN_ONE_EPOCH = 100
_FLAT = 0.03
_FLAT_AT_CHANCE = 0.05  # classes only: there the level of a guess is known well
_FLAT_FAR = 0.15  # worse than a guess: there is much to gain, so that this is little
_SAME = 0.02
_KNOWN = 0.08  # relative error up to which the level of a guess counts as known
_FAR = 1.2
_RISE = 0.5
_STEEP_RISE = 2.0  # in short runs, where a slow wander looks like a trend
_STILL = 1e-3
_LITTLE = 0.25
_IMPROVED = 0.05
_LAYERS_SHOWN = 3


@detector(kinds=("no-learning",), slug="no-learning")
def no_learning(view: RunView) -> Iterator[Finding]:
    """Finds trainings whose loss does not fall, rises, or ends where a constant guess would be."""
    for model in view.models:
        finding = failure(view, model)
        if finding is not None:
            yield finding


def failure(view: RunView, model: ModelView) -> Finding | None:
    """Returns the finding that one model's loss shows no learning, None when it does or nothing can be said."""
    case = Case.of(view, model)
    return None if case is None else _rising(view, case) or _flat(view, case) or _at_chance(view, case)


@dataclasses.dataclass(frozen=True)
class Case:
    """What is known about the course of one model's loss."""

    model: ModelView
    trend: Trend
    guess: Guess | None
    accuracy: Accuracy | None

    @classmethod
    def of(cls, view: RunView, model: ModelView) -> Case | None:
        """Returns None where the loss may not be expected to fall, or too little of it is recorded."""
        steps = model.steps()
        epochs = epochs_done(steps, model)
        updates = len(steps.step) // Anatomy(model.facts).steps_per_update()
        if updates < (_LEAST_STEPS if epochs >= 2 else _LEAST_IN_ONE_EPOCH) or epochs < 1:
            return None
        losses = np.asarray(model.batch_loss(), np.float64)
        broken = loss_span(model)
        if broken is not None:  # what happened before the first NaN may still be said
            losses = losses[np.asarray(steps.step) < broken.bad]
        moves = trend(losses, _LEAST_STEPS)
        if moves is None or rate_is_zero(steps) or warming_up(steps):
            return None
        if adversarial(view, model) or shifting_targets(model):
            return None
        guess = constant_guess(model)
        return cls(model, moves, guess, accuracy(model, guess))

    def loss_at_chance(self) -> bool:
        """Tells whether the loss, at its lowest, is no better than the constant guess, within the errors of both."""
        guess = self.guess
        if guess is None or not guess.error <= _KNOWN * guess.loss:  # also when either is NaN
            return False
        return self.trend.lowest >= guess.loss * (1 - _SAME) - 2 * guess.error

    def classes(self) -> bool:
        """Tells whether the labels are classes."""
        return self.guess is not None and math.isfinite(self.guess.share)

    def custom(self) -> bool:
        """Tells whether the train step is the model's own, so that nobody knows what its loss should do."""
        return Anatomy(self.model.facts).custom_step

    def knows_something(self) -> bool:
        """Tells whether a figure beside the loss shows learning: its accuracy, or another that moves steadily."""
        known, guess = self.accuracy, self.guess
        if known is None or guess is None:
            return self.metrics_improve()
        # A loss far above chance beside an accuracy just above it, from the first epoch on, is no learning.
        stands = known.best < guess.share + _LITTLE and known.best - known.first <= known.margin
        return known.best > guess.share + known.margin and not (self.hopeless() and stands)

    def hopeless(self) -> bool:
        """Tells whether the loss stays well above what the constant guess would give."""
        guess = self.guess
        if guess is None or not math.isfinite(guess.loss):
            return False
        return self.trend.lowest > _FAR * guess.loss + 3 * guess.error

    def better_than_chance(self) -> bool:
        """Tells whether loss or accuracy shows that the model knows more than the constant guess."""
        guess = self.guess
        if (
            guess is not None
            and math.isfinite(guess.loss)
            and self.trend.lowest < 0.9 * guess.loss - 3 * guess.error
        ):
            return True
        known = self.accuracy
        return known is not None and guess is not None and known.best > guess.share + known.margin + _IMPROVED

    def accuracy_at_chance(self) -> bool:
        """Tells whether the accuracy never left what the commonest class alone would give."""
        known, guess = self.accuracy, self.guess
        return known is not None and guess is not None and known.best <= guess.share + known.margin

    def metrics_improve(self) -> bool:
        """Tells whether some other figure of the epochs moves steadily, so that something is being learned."""
        rows = self.model.epochs()
        if len(rows) < 3:
            return False
        for name in rows[0].logs:
            if name in ("loss", "learning_rate", "lr"):
                continue
            values = np.array([row.logs.get(name, math.nan) for row in rows], np.float64)
            if np.isfinite(values).all() and _steady(values):
                return True
        return False

    def weights_still(self) -> float | None:
        """Returns how far weights could have moved at most, relative to their size, when that is next to nothing."""
        updates, weights = Samples.of(self.model, "update"), Samples.of(self.model, "weight")
        if len(updates.step) < 3 or len(updates.step) != len(weights.step):
            return None
        ratio = updates.total() / weights.total()
        far = float(np.nanmax(ratio)) * len(self.model.steps().step) if np.isfinite(ratio).any() else math.nan
        return far if far < _STILL else None

    def fresh(self) -> bool | None:
        """Tells whether the weights were new when the recording began: every bias was still exactly zero.

        None when the first step was not sampled or there is no bias.
        """
        weights = Samples.of(self.model, "weight")
        trainable = {v.path for v in Anatomy(self.model.facts).trainable()}
        biases = [n for n in weights.names if n.endswith("/bias") and n in trainable]
        if not biases or not len(weights.step) or weights.step[0] != 1:
            return None
        return all(weights.column(name)[0] == 0 for name in biases)


def _steady(values: np.ndarray) -> bool:
    """Tells whether a series moves by more than a twentieth of its size, nearly always in one direction."""
    i, j = np.triu_indices(len(values), 1)
    agreement = abs(float(np.sign(values[j] - values[i]).mean()))
    size = max(abs(float(values[0])), abs(float(values[-1])))
    return agreement >= 0.8 and size > 0 and abs(float(values[-1] - values[0])) > _IMPROVED * size


# -- flat ------------------------------------------------------------------------------------------------------


def _flat(view: RunView, case: Case) -> Finding | None:
    """The loss did not fall; alarming only where a second signal says that it should have."""
    moves = case.trend
    sure = _sure_of_flat(case)
    hardly = moves.fall > _FLAT * moves.start
    if sure is None or (hardly and not case.hopeless()):
        return None
    severity, confidence = sure
    how = "far above a constant guess" if hardly else "flat within noise"
    still = case.weights_still()
    return Finding(
        kind="no-learning",
        severity=severity,
        confidence=confidence,
        title=f"Loss {_from_to(moves)} over {plural(moves.steps, 'step')}, {how}",
        explanation=" ".join([_statement(moves), *_second_signals(case), *_gradient_sentence(case, still)]),
        location=SourceSpan(step=int(case.model.steps().step[-1])),
        evidence=tuple(_evidence(view, case)),
    )


def _sure_of_flat(case: Case) -> tuple[Severity, float] | None:
    """Returns severity and confidence of a flat loss, None when it may be that of a model that has learned."""
    moves, loss, accuracy = case.trend, case.loss_at_chance(), case.accuracy_at_chance()
    fresh = case.fresh()
    if loss or case.hopeless() or (accuracy and not case.better_than_chance()):
        limit = _FLAT_FAR if case.hopeless() else _FLAT_AT_CHANCE if case.classes() else _FLAT
        if not moves.flat(limit) or case.knows_something():
            return None
        # What began with trained weights may be as good as it gets: a regression down to its noise, or a loss
        # that is summed over the batch and so looks far too large.
        if fresh is False and (case.hopeless() or not case.classes()):
            return None
        if case.classes() or fresh:
            return "fault", 0.97 if loss and accuracy else 0.92
        return "warning", 0.8
    if not moves.flat(_FLAT) or case.better_than_chance() or case.metrics_improve() or case.custom():
        return None
    return ("warning", 0.75) if case.weights_still() is not None or fresh else None


def _from_to(moves: Trend) -> str:
    return f"{show(moves.start)} -> {show(moves.end)}"


def _statement(moves: Trend) -> str:
    share = 100 * moves.most / moves.start
    return (
        f"The loss of single batches scatters by {show(moves.noise)} from step to step; between the first and the best "
        f"part of the run it fell by at most {show(moves.most)}, or {show(share)} % (95 % confidence)."
    )


def _second_signals(case: Case) -> Iterator[str]:
    guess, known = case.guess, case.accuracy
    if guess is not None and (case.loss_at_chance() or case.hopeless()):
        yield f"{guess.what[0].upper()}{guess.what[1:]} would give {show(guess.loss)}: the model does no better."
    if known is not None and guess is not None and case.accuracy_at_chance():
        yield (
            f"`{known.name}` never got above {show(known.best)}; the commonest of {guess.classes} classes alone "
            f"makes up {show(guess.share)} of the labels."
        )


def _gradient_sentence(case: Case, still: float | None) -> Iterator[str]:
    """Says what the samples show of gradients and steps, so that the next look goes to the right place."""
    _, norms = gradient_norms(case.model)
    finite = norms[np.isfinite(norms)]
    if still is not None:
        yield (
            f"The weights hardly move: even if every step had gone the same way, they would have changed by "
            f"{show(100 * still)} % in the whole run. A larger learning rate is the first thing to try."
        )
    elif len(finite) >= 3 and (finite == 0).all():
        yield "Every sampled gradient is exactly zero."
    elif len(finite) >= 3:
        ratio = _step_size(case.model)
        moved = (
            f" and a step moves the larger weights by {show(100 * ratio)} %" if math.isfinite(ratio) else ""
        )
        yield (
            f"The gradients are not missing (median norm {show(median(finite))} over {plural(len(finite), 'sample')}"
            f"{moved}): the steps taken do not lower the loss. That points at what the steps are made of (inputs and "
            "labels, what is differentiated, how gradients are combined) or at their length."
        )


def _evidence(view: RunView, case: Case) -> Iterator[Evidence]:
    yield from model_tag(view, case.model)
    moves, guess = case.trend, case.guess
    yield Evidence(
        "loss, medians of blocks of steps", f"{show(moves.start)} -> {show(moves.end)}", plot=moves.levels
    )
    if moves.most < moves.start:
        yield Evidence("largest fall the data allow (95 %)", moves.most)
    if guess is not None and math.isfinite(guess.loss):
        yield Evidence("loss of a constant guess", guess.loss)
    if case.accuracy is not None and guess is not None:
        yield Evidence(f"best {case.accuracy.name}, commonest class {show(guess.share)}", case.accuracy.best)
    yield from gradient_evidence(case.model)


def _larger(model: ModelView) -> list[str]:
    """Returns the names of the largest weights that have gradients, in the order of the model.

    Biases are left out: they begin at zero, so that any step is large for them.
    """
    gradients, weights = Samples.of(model, "gradient"), Samples.of(model, "weight")
    variables = Anatomy(model.facts).variables
    sizes = {}
    for name in gradients.names:
        size = median(weights.column(name))
        if size > 0 and np.isfinite(gradients.column(name)).any():
            sizes[name] = size
    matrices = {
        name: size for name, size in sizes.items() if name in variables and variables[name].dimensions > 1
    }
    chosen = sorted(matrices or sizes, key=lambda name: -sizes[name])[:_LAYERS_SHOWN]
    return [name for name in gradients.names if name in chosen]


def _step_size(model: ModelView) -> float:
    """Returns how far a step moves the larger weights relative to their size, the median over samples."""
    weights, updates = Samples.of(model, "weight"), Samples.of(model, "update")
    if len(updates.step) != len(weights.step):
        return math.nan
    return median([median(updates.column(name) / weights.column(name)) for name in _larger(model)])


def gradient_evidence(model: ModelView) -> Iterator[Evidence]:
    """Yields gradient norms over the samples of the largest weights, and how far a step moves them."""
    gradients = Samples.of(model, "gradient")
    for name in _larger(model):
        norms = gradients.column(name)
        known = np.isfinite(norms)
        steps = thin_steps(gradients.step[known])
        yield Evidence(f"gradient norm of {name}", median(norms), steps=steps, plot=thin(norms[known]))
    ratio = _step_size(model)
    if math.isfinite(ratio):
        yield Evidence("update / weight of these, median", ratio, steps=thin_steps(gradients.step))


# -- rising ----------------------------------------------------------------------------------------------------


def _rising(view: RunView, case: Case) -> Finding | None:
    """The loss ends well above where it began, and stays there."""
    moves = case.trend
    if not moves.rose(_RISE if moves.steps >= _LEAST_IN_ONE_EPOCH else _STEEP_RISE):
        return None
    worse = case.guess is not None and math.isfinite(case.guess.loss) and moves.end > case.guess.loss
    _, norms = gradient_norms(case.model)
    finite = norms[np.isfinite(norms) & (norms > 0)]
    first, last = median(finite[:2]), median(finite[-2:])
    grew = len(finite) >= 4 and last > 10 * first
    doubled = moves.rose(1.0) or case.accuracy_at_chance()
    if not ((worse and doubled) or grew):
        return None
    second = (
        f"{case.guess.what[0].upper()}{case.guess.what[1:]} would give {show(case.guess.loss)}."
        if worse and case.guess is not None
        else f"Gradient norms grew with it, from {show(first)} to {show(last)}."
    )
    return Finding(
        kind="no-learning",
        severity="fault",
        confidence=0.95,
        title=f"Loss rises: {_from_to(moves)} over {plural(moves.steps, 'step')}",
        explanation=(
            f"The loss began at {show(moves.start)}, and the whole last quarter of the run lies above that, well "
            f"outside of its noise, at {show(moves.end)} in the end. {second} Steps that are too long (learning "
            "rate) and a loss whose sign is turned around are the usual reasons."
        ),
        location=SourceSpan(step=int(case.model.steps().step[-1])),
        evidence=tuple(_evidence(view, case)),
    )


# -- at chance -------------------------------------------------------------------------------------------------


def _at_chance(view: RunView, case: Case) -> Finding | None:
    """The loss moved, but ends where answering without looking at the inputs would; so does the accuracy."""
    guess, known, moves = case.guess, case.accuracy, case.trend
    if guess is None or known is None or not math.isfinite(guess.loss) or guess.share > 0.8:
        return None
    at_end = moves.end >= guess.loss * 0.98 - 2 * guess.error
    if not (at_end and case.accuracy_at_chance() and known.last <= guess.share + known.margin):
        return None
    return Finding(
        kind="no-learning",
        severity="fault" if len(case.model.epochs()) >= 3 else "warning",
        confidence=0.85,
        title=f"Loss {_from_to(moves)}, accuracy {show(known.last)}: no better than guessing",
        explanation=" ".join(
            [
                f"After {plural(moves.steps, 'step')} the model does what can be done without looking at the inputs.",
                f"{guess.what[0].upper()}{guess.what[1:]} gives a loss of {show(guess.loss)}, the model reached "
                f"{show(moves.end)};",
                f"`{known.name}` never got above {show(known.best)}, and the commonest class alone makes up "
                f"{show(guess.share)} of the labels.",
                *_gradient_sentence(case, case.weights_still()),
            ]
        ),
        location=SourceSpan(step=int(case.model.steps().step[-1])),
        evidence=tuple(_evidence(view, case)),
    )
