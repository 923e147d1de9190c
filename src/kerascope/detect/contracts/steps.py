"""Training steps: what must move moves, what is frozen stays, and the logs say what was made smaller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kerascope._keras import training
from kerascope.detect.contracts import testing
from kerascope.detect.contracts.case import Case
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.detect.contracts.rehearsal import STEPS, Observed, Values, observed
from kerascope.values import Evidence, Finding, SourceSpan

STEP = ("train_step",)
RUNS = ("step-runs",)
_OPPOSITE = -0.95
TOLERANCE = 2e-3
"""Of a compiled step against the same line by line, as a share of the update: fused sums round differently."""


def _where(case: Case, text: str = "") -> SourceSpan:
    return case.where("train_step", "compute_loss", "call", text=text)


def different(seen: Observed, a: Values, b: Values, *, tolerance: float = TOLERANCE) -> list[str]:
    """Returns the variables that differ by more than rounding, next to how far they came from the start."""
    found = []
    for path, start, one, other in zip(seen.paths, seen.start, a, b, strict=True):
        if start.dtype.kind != "f":
            continue
        moved = max(float(np.abs(one - start).max(initial=0)), float(np.abs(other - start).max(initial=0)))
        size = 1e-6 * float(np.abs(start).max(initial=0)) + 1e-7
        if not np.abs(one - other).max(initial=0) <= tolerance * moved + size:
            found.append(path)
    return found


def sure(seen: Observed, part: str) -> None:
    """Raises Skip when a part of the rehearsal failed."""
    if (error := seen.failures.get(part)) is not None:
        raise Skip(f"its steps failed: {type(error).__name__}: {str(error).strip().splitlines()[0][:120]}")


_BATCH = 8
"""A loss that is smaller by so many times or more is divided by a number of samples."""


@contract("step-runs", kinds=STEP)
def runs(case: Case) -> Iterator[Finding]:
    """A training step runs, line by line and compiled."""
    seen = observed(case)
    for part, how in (("_lines", "line by line"), ("_compiled", "compiled")):
        if (error := seen.failures.get(part)) is not None:
            yield case.failed(
                error,
                title=f"{case.subject.name} fails in a training step that runs {how}",
                explanation="One batch of 4 samples was given to it as `fit` does.",
                fixes=training.slips(case.original, error),
            )
            return
    if seen.shape:  # TensorFlow adds up what it differentiates, without a word
        yield case.broken(
            f"compute_loss of {case.subject.name} returns {seen.shape} values in the place of one",
            "It must return one number for the batch. What is differentiated here is their sum, so that the steps are "
            "larger the larger the batch is; on PyTorch and JAX it is an error.",
            evidence=[Evidence("shape of the loss of 4 samples", str(seen.shape))],
            location=case.where("compute_loss"),
            fixes=["return ops.mean(loss)"],
        )


@contract("step-updates", kinds=STEP, after=RUNS)
def updates(case: Case) -> Iterator[Finding]:
    """Every trainable weight on which the output depends gets a gradient, and moves."""
    seen = observed(case)
    sure(seen, "_loss")
    moved = seen.moved()
    if seen.gradients is None or seen.reach is None:
        raise Skip("the step computes a loss of its own, not by compute_loss")
    cut = [
        path
        for path, used, reached, trainable in zip(
            seen.paths, seen.reach, seen.reached, seen.trainable, strict=True
        )
        if trainable and used.any() and not reached
    ]
    if cut:
        yield case.broken(
            f"The loss of {case.subject.name} passes no gradient to {testing.listed(cut)}",
            "The output depends on them, the loss that compute_loss returns does not: an argmax, a rounding, a "
            "stop_gradient or a conversion to NumPy lies between. They are never trained.",
            evidence=[Evidence("weights without a gradient", f"{len(cut)} of {sum(seen.trainable)}")],
            location=case.where("compute_loss", "train_step"),
        )
    # A gradient that cancels out, as behind a difference, is left with rounding that moves nothing.
    least = 1e-6 * max((np.abs(gradient).max(initial=0) for gradient in seen.gradients), default=0)
    still = [
        path
        for path, gradient, did, trainable in zip(
            seen.paths, seen.gradients, moved, seen.trainable, strict=True
        )
        if trainable and np.abs(gradient).max(initial=0) > least and not did
    ]
    if still:
        yield case.broken(
            f"A training step of {case.subject.name} does not move {testing.listed(still)}",
            "The loss has a gradient that is not zero for these trainable weights, and they are to the bit the same "
            f"after {2 if seen.late is None else STEPS} steps.",
            evidence=[Evidence("weights that stand still", f"{len(still)} of {sum(seen.trainable)}")],
            location=_where(case, "apply"),
            fixes=["Give the optimizer the gradients of all self.trainable_variables, in their order."],
        )


@contract("step-frozen", kinds=STEP, after=RUNS)
def frozen(case: Case) -> Iterator[Finding]:
    """Frozen weights stay as they are."""
    seen = observed(case)
    drawn = [trainable or seed for trainable, seed in zip(seen.trainable, seen.seeds, strict=True)]
    rows = zip(
        seen.paths, seen.used, drawn, seen.changed(seen.eager[0]), seen.changed(seen.called), strict=True
    )
    # A variable made with trainable=False is there to be written to, and so is a teacher that only the loss asks.
    moved = [path for path, used, may, step, call in rows if used and step and not call and not may]
    if moved:
        yield case.broken(
            f"A training step of {case.subject.name} changes frozen weights: {testing.listed(moved)}",
            "They are not trainable, and calling the model in training does not change them as it does the moving "
            "means of a BatchNormalization. So it is the step that writes to them.",
            location=_where(case),
            fixes=["Change self.trainable_variables only."],
        )


@contract("step-learns", kinds=STEP, after=(*RUNS, "step-updates"))
def learns(case: Case) -> Iterator[Finding]:
    """The loss falls when the same batch is trained on again and again."""
    seen = observed(case)
    if seen.losses is None:
        raise Skip(
            "the step computes a loss of its own, not by compute_loss, or one that changes from step to step"
        )
    if seen.along is not None and seen.along < _OPPOSITE:
        yield case.broken(
            f"The loss of {case.subject.name} is the opposite of the one given to compile",
            "The gradient of what compute_loss returns points away from that of the compiled loss: each step makes the "
            "loss that was asked for larger. Often a minus sign is one too many.",
            evidence=[Evidence("cosine of the two gradients", seen.along)],
            location=case.where("compute_loss"),
            fixes=["Return the loss that is to be small."],
            severity="warning",
        )
        return
    before, after = seen.losses
    if not np.isfinite(after) or after > before + 1e-6 * abs(before):
        yield case.broken(
            f"The loss of {case.subject.name} rises on one batch that is repeated",
            f"{STEPS} steps were made on the same 4 samples, the learning rate at most 0.01. A model that cannot "
            "learn 4 samples by heart will not learn many: look for a sign that is wrong, gradients in another order "
            "than the variables, or a loss that is smaller for worse predictions.",
            evidence=[Evidence("loss before", before), Evidence(f"after {STEPS} steps", after)],
            location=_where(case, "apply"),
        )


@contract("step-repeatable", kinds=STEP, after=RUNS)
def repeatable(case: Case) -> Iterator[Finding]:
    """A step from the same weights on the same batch comes to the same."""
    seen = observed(case)
    if apart := different(seen, seen.eager[0], seen.again, tolerance=1e-4):
        yield case.broken(
            f"A training step of {case.subject.name} hangs on the steps before it",
            "Weights, optimizer and seeds were put back, and the same batch gave another update. Something is kept "
            "outside variables: gradients that are not cleared (on PyTorch they add up: self.zero_grad()), or a "
            "counter of Python, which stands still in a compiled step.",
            evidence=[Evidence("weights that differ", testing.listed(apart))],
            location=_where(case),
            fixes=["Call self.zero_grad() before loss.backward(); keep counters in a keras.Variable."],
        )


@contract("step-compiled", kinds=STEP, after=(*RUNS, "step-repeatable"))
def compiled(case: Case) -> Iterator[Finding]:
    """A compiled step comes to the same as one that runs line by line."""
    seen = observed(case)
    for number, (slow, fast) in enumerate(zip(seen.eager, seen.compiled, strict=False), 1):
        if apart := seen.beyond_rounding(different(seen, slow, fast, tolerance=0.02), number - 1):
            yield case.broken(
                f"A compiled training step of {case.subject.name} comes to something else",
                f"{number} step(s) were made line by line and compiled, from the same weights, seeds and data. What "
                "Python objects hold is read once, when the step is compiled, and stays as it was then.",
                evidence=[Evidence("weights that differ", testing.listed(apart))],
                location=_where(case),
            )
            return


@contract("step-logs", kinds=STEP, severity="warning", after=(*RUNS, "step-repeatable"))
def logs(case: Case) -> Iterator[Finding]:
    """The loss in the logs is the loss that is made smaller."""
    seen = observed(case)
    logged, made = seen.logs[0].get("loss"), seen.driven[0][1] if seen.driven else []
    if logged is not None and len(made) == 1:
        yield from _unlike_driven(case, seen)
        return
    sure(seen, "_loss")
    if seen.loss is None or logged is None:
        raise Skip("the step has a loss of its own, or logs none")
    if made and _close(logged, [*made, sum(made), sum(made) / len(made)]):
        return
    if not _close(logged, [seen.loss]):
        what = "what compute_loss returns for the same weights, batch and seeds"
        yield _other_loss(case, logged, Evidence("compute_loss", seen.loss), what)


def _close(logged: float, values: Sequence[float]) -> bool:
    return any(abs(logged - value) <= 1e-3 * max(abs(value), 1e-3) for value in values)


def _unlike_driven(case: Case, seen: Observed) -> Iterator[Finding]:
    """Yields a finding when the logs have another number than the one that was differentiated, nor a multiple of it."""
    logged, (made,) = seen.driven[0]
    if _close(logged, [made]):
        # Divided by a number of samples once more, which a step that gathers no gradients has no reason for.
        times = round(seen.loss / logged) if seen.loss and logged else 1
        if times >= _BATCH and seen.stride == 1 and _close(logged * times, [seen.loss or 0.0]):
            what = f"what compute_loss returns, {times} times as much"
            yield _other_loss(case, logged, Evidence("compute_loss", seen.loss), what)
        return
    # A loss that is scaled, as for half precision or by the number of batches gathered, is the same share each time.
    shares = [one / values[0] for one, values in seen.driven if len(values) == 1 and values[0]]
    if not shares or max(shares) - min(shares) > 1e-4 * abs(shares[0]):
        yield _other_loss(
            case, logged, Evidence("differentiated", made), "the number whose gradient that step takes"
        )


def _other_loss(case: Case, logged: float, wanted: Evidence, what: str) -> Finding:
    return case.broken(
        f"{case.subject.name} logs a loss that is not the loss",
        f"The first step's logs were compared with {what}. Early stopping, checkpoints and curves go by the logs.",
        evidence=[Evidence("in the logs", logged), wanted],
        location=_where(case, "loss"),
        fixes=["self._loss_tracker.update_state(loss), or return {'loss': loss} with that value."],
    )


@contract("step-metrics", kinds=STEP, after=(*RUNS, "step-repeatable"))
def metrics(case: Case) -> Iterator[Finding]:
    """Metrics begin anew after reset_metrics()."""
    seen = observed(case)
    first, again = seen.logs[0], seen.logs[2]
    stale = [
        name
        for name, value in first.items()
        if name in again and abs(value - again[name]) > 1e-4 * max(abs(value), 1e-3)
    ]
    if not stale and seen.hidden:
        yield case.broken(
            f"{case.subject.name} leaves {testing.listed(seen.hidden)} out of its metrics",
            "It is in the logs and not in the property `metrics`, so Keras neither keeps its state in a compiled step "
            "nor resets it between epochs.",
            location=case.where("metrics"),
            fixes=[
                "Return it from the `metrics` property too, or leave the property out: Keras finds the metrics itself."
            ],
        )
    if not stale and not seen.hidden:
        yield from _idle(case, seen)
        yield from _of_the_last_batch(case, seen)
    if stale:
        yield case.broken(
            f"{case.subject.name} does not reset {testing.listed(stale)} between epochs",
            "The same step was made twice from the same weights, with reset_metrics() before each, as an epoch "
            "begins. A metric that Keras does not know of goes on adding up over all epochs.",
            evidence=[Evidence(name, f"{first[name]:.4g}, then {again[name]:.4g}") for name in stale],
            location=_where(case),
            fixes=["Make it an attribute of the model, or return it from the `metrics` property."],
        )


def _idle(case: Case, seen: Observed) -> Iterator[Finding]:
    """Yields a finding when a train step leaves metrics of the model as they were."""
    if seen.idle and training.own_methods(case.original, "train_step", "compute_metrics"):
        yield case.broken(
            f"A training step of {case.subject.name} does not update its metrics: {testing.listed(seen.idle)}",
            "Their variables were the same after two steps as after reset_metrics(). fit shows what they begin with, "
            "mostly 0, or leaves them out.",
            location=_where(case),
            fixes=[
                "for metric in self.metrics: metric.update_state(loss) if metric.name == 'loss' else "
                "metric.update_state(y, y_pred); or return self.compute_metrics(x, y, y_pred, sample_weight)."
            ],
            severity="warning",
        )


def _of_the_last_batch(case: Case, seen: Observed) -> Iterator[Finding]:
    """Yields a finding when two batches come to what the second comes to alone, either way round."""
    if len(seen.running) < 4:
        return
    one, other, both, turned = seen.running
    names = [
        name
        for name in set(one) & set(other) & set(both) & set(turned)
        if abs(one[name] - other[name]) > 1e-3 * max(abs(one[name]), 1e-3)
        and abs(both[name] - other[name]) <= 1e-6 * abs(other[name])
        and abs(turned[name] - one[name]) <= 1e-6 * abs(one[name])
    ]
    if names:
        name = sorted(names)[0]
        yield case.broken(
            f"{case.subject.name} logs {testing.listed(sorted(names))} of the last batch alone",
            "A second batch came after the first, without reset_metrics() between them, and the logs were those of the "
            "second by itself. What fit shows for an epoch, and what callbacks go by, is then its last batch.",
            evidence=[
                Evidence(f"{name} of one batch, of another", f"{one[name]:.4g}, {other[name]:.4g}"),
                Evidence("of both, one after the other", f"{both[name]:.4g}"),
            ],
            location=case.where("compute_metrics", "train_step"),
            fixes=[
                "self.tracker = keras.metrics.Mean(...) in __init__, update_state in the step, result() in the logs."
            ],
            severity="warning",
        )


@contract("step-iterations", kinds=STEP, severity="warning", after=RUNS)
def iterations(case: Case) -> Iterator[Finding]:
    """One step updates the weights once."""
    seen = observed(case)
    if seen.iterations > 1:
        yield case.broken(
            f"A training step of {case.subject.name} applies the optimizer {seen.iterations} times",
            "optimizer.iterations counts the updates; schedules, Adam's corrections and logs go by it. If several "
            "updates per step are meant, allow `step-iterations`.",
            evidence=[Evidence("updates in one step", seen.iterations)],
            location=_where(case, "apply"),
        )


@contract("step-training-mode", kinds=STEP, after=RUNS)
def training_mode(case: Case) -> Iterator[Finding]:
    """The step calls the model in training mode, so that dropout drops and BatchNormalization learns."""
    seen = observed(case)
    yield from testing.trains(case, seen)
    yield from testing.draws(case, seen)
    stepped, called = seen.changed(seen.eager[0]), seen.changed(seen.called)
    idle = [
        path
        for path, trainable, step, call in zip(seen.paths, seen.trainable, stepped, called, strict=True)
        if call and not step and not trainable
    ]
    if idle:
        yield case.broken(
            f"The training step of {case.subject.name} does not run the model in training mode",
            "Calling the model with training=True changes these variables (moving means, states of random numbers), "
            "a training step does not: dropout does nothing, and BatchNormalization never learns what predict() uses.",
            evidence=[Evidence("variables that stand still", testing.listed(idle))],
            location=_where(case, "self("),
            fixes=["y_pred = self(x, training=True), and on JAX hand on the new non-trainable variables."],
        )
    elif seen.reseeded is not None and not _other_step(seen, seen.reseeded):
        yield case.broken(
            f"The loss of {case.subject.name} is not taken from what the model gives in training",
            "With other random numbers a call with training=True gives another output (dropout, noise), and a training "
            "step from the same weights comes to the same to the bit: the loss is of other predictions, made without "
            "training=True.",
            location=case.where("compute_loss", "train_step", text="self("),
            fixes=["Take the y_pred that compute_loss is given, or call self(x, training=True)."],
        )


def _other_step(seen: Observed, values: Values) -> bool:
    """Tells whether steps came to other weights, or where they move none to other gradients that they gather."""
    first = seen.strode
    moves = any(t and did for t, did in zip(seen.trainable, seen.changed(first), strict=True))
    counts = seen.trainable if moves else [not seed for seed in seen.seeds]
    return any(c and not np.array_equal(a, b) for c, a, b in zip(counts, first, values, strict=True))


@contract("step-sample-weight", kinds=STEP, severity="warning", after=(*RUNS, "step-repeatable"))
def sample_weight(case: Case) -> Iterator[Finding]:
    """Sample weights reach the loss."""
    seen = observed(case)
    sure(seen, "_weights")
    if seen.weighted is None:
        raise Skip("no step with weights was made")
    if different(seen, *seen.weighted, tolerance=1e-4) or not seen.weighed_alike():
        yield case.broken(
            f"The training step of {case.subject.name} ignores sample_weight",
            "Two of four samples had the weight 0; when their targets were exchanged, the update was another one. "
            "`fit(..., sample_weight=...)` and class_weight do nothing here.",
            location=case.where("compute_loss", "train_step"),
            fixes=[
                "x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data); hand it to compute_loss."
            ],
        )
