"""Losses: one value per sample, smallest where prediction and target agree, finite, and honest about weights."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerascope._backends import alone as backend
from kerascope._backends import tensors
from kerascope._keras import objects, pairs
from kerascope.detect.contracts.case import BATCH, Case, like_a_power
from kerascope.detect.contracts.losses_least import elsewhere, of_distances
from kerascope.detect.contracts.pairs import (
    EMPTY,
    FAR,
    Pair,
    close,
    same,
    severity_of_shapes,
    short,
    tensors_of,
    typical,
)
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.detect.smells.roles import says_loss
from kerascope.values import Evidence, Finding, Fix

LOSS = ("loss",)
RUNS = ("loss-batch-sizes",)


def values(case: Case, pair: Pair, **options: Any) -> np.ndarray:
    """Returns what the loss's `call` gives for a pair of target and prediction."""
    found = case.outputs(case.fresh(), tensors_of(pair), **options)
    if not found:
        raise Skip("it returns no tensor")
    return np.asarray(found[0], "float64")


def _of_a_loss(
    check: Callable[[Case], Iterator[Finding]],
) -> Callable[[Case], Iterator[Finding]]:
    """Makes what is wrong for losses alone a warning where nothing but its arguments' names makes a function one."""

    @functools.wraps(check)
    def judged(case: Case) -> Iterator[Finding]:
        for found in check(case):
            name = getattr(case.original, "__name__", "")
            if not inspect.isfunction(case.original) or says_loss(name):
                yield found
                continue
            told = f"{found.explanation} For a metric this is no fault, and `{name}` does not say which of them it is."
            yield dataclasses.replace(found, severity="warning", confidence=0.6, explanation=told)

    return judged


@contract("loss-batch-sizes", kinds=LOSS)
def batch_sizes(case: Case) -> Iterator[Finding]:
    """A loss takes batches of any size."""
    if pairs.calls_itself(case.fresh()):
        yield from _no_call(case)
        raise Skip("there is no `call`")
    for size in (BATCH, 2, 1):
        with case.attempt(
            f"{case.subject.name} fails on a batch of {size}",
            f"It was called on {size} samples. The last batch of an epoch is smaller than the others, so a loss must "
            "take any number of them; ops.shape(y_pred)[0] is the size of the batch at hand.",
        ) as found:
            values(case, typical(case, size))
        if found:
            yield found[0]
            return
    if typical(case).y_true.dtype.kind in "iu" and (
        objects.kind_of(case.original) == "loss" or says_loss(case.subject.name)
    ):
        yield from _as_fit_does(case)


def _as_fit_does(case: Case) -> Iterator[Finding]:
    """Yields a finding when a loss that takes whole numbers fails on the floats that Keras makes of them."""
    with case.attempt(
        f"{case.subject.name} fails when Keras calls it",
        "`call` by itself takes these targets. `fit` calls the loss, which makes floats of its targets, whole numbers "
        "too, before it hands them to `call`.",
        ["Make whole numbers of the classes again: y_true = ops.cast(y_true, 'int32')."],
    ) as found:
        reduced(case.fresh(), typical(case))
    yield from found


def _no_call(case: Case) -> Iterator[Finding]:
    found = case.broken(
        f"{case.subject.name} defines `__call__` in the place of `call`",
        "`__call__` is Keras's: it calls `call`, weighs its values by sample_weight and class_weight, and takes the "
        "mean that `reduction` asks for. One of the class's own does none of this, and there is no `call`.",
        location=case.where("__call__"),
        fixes=["def call(self, y_true, y_pred), without a mean over the batch; leave __call__ to Keras."],
    )
    yield dataclasses.replace(found, kind="loss-per-sample")
    pair = typical(case)
    weights = np.array([0.0] + [1.0] * (BATCH - 1), "float32")
    other = pair.replaced(0, typical(case, seed=1))
    with contextlib.suppress(Exception):  # one that takes no weights says so
        if not close(reduced(case.fresh(), pair, weights), reduced(case.fresh(), other, weights)):
            yield dataclasses.replace(
                found, kind="loss-sample-weight", title=f"{case.subject.name} counts a sample of weight 0"
            )


@contract("loss-per-sample", kinds=LOSS, after=RUNS)
@_of_a_loss
def per_sample(case: Case) -> Iterator[Finding]:
    """`call` returns one value per sample and leaves the mean over the batch to Keras."""
    for size in (BATCH - 1, BATCH):  # one of them may be as long as another axis by chance
        pair = typical(case, size)
        got, wanted = values(case, pair).shape, pair.y_pred.shape
        if not got or not (got == wanted[: len(got)] or (got[0] == wanted[0] and wanted[0] not in got[1:])):
            break
    else:
        return
    name = case.subject.name
    evidence = [Evidence("y_true", str(pair.y_true.shape)), Evidence("y_pred", str(wanted))]
    evidence.append(Evidence("returned", str(got)))
    if got == ():
        loss = case.fresh()
        asked = "axis" in inspect.signature(type(loss).__init__).parameters
        deliberate = asked and getattr(loss, "axis", 0) is None  # to reduce over everything
        yield case.broken(
            f"{name} returns one value for the whole batch",
            f"It was called on {size} samples and should return {size} values. Keras weighs the values of the samples "
            "by sample_weight and class_weight before it takes their mean; with one value for all, every sample weighs "
            "the same.",
            evidence=evidence,
            fixes=["Take the mean over the last axis only: ops.mean(..., axis=-1)."],
            severity="note" if deliberate else None,
        )
    elif len(got) >= 2 and got[0] == got[1] == wanted[0]:
        yield case.broken(
            f"{name} compares every target with every prediction",
            "The result has the batch axis twice: a shape (B,) met a shape (B, 1), and broadcasting made (B, B) of "
            "them. The loss then pulls every prediction towards the mean of all targets.",
            evidence=evidence,
            fixes=["y_true = ops.reshape(y_true, ops.shape(y_pred))"],
        )
    else:
        yield case.broken(
            f"{name} does not return one value per sample",
            "The first axis of what `call` returns must be the batch. Keras weighs those values by sample_weight and "
            "takes their mean.",
            evidence=evidence,
            fixes=["Reduce over the last axis, axis=-1, and not over axis 0, which is the batch."],
        )


@contract("loss-targets", kinds=LOSS, after=RUNS)
def targets(case: Case) -> Iterator[Finding]:
    """Targets of shape (B,) and (B, 1) give the same loss, be they numbers or classes."""
    pair = typical(case)
    both = pair.with_and_without_axis()
    if both is None:
        raise Skip("its targets are not one number or one class for each sample")
    column, flat = both
    loss = case.fresh()
    try:
        for size in (BATCH - 1, BATCH):  # one of them may be as long as another axis by chance
            got = [reduced(loss, one.rows(size)) for one in (column, flat)]
    except Exception:
        raise Skip("it does not take targets of both shapes, and says so") from None
    if same(got[0], got[1]):
        return
    if pair.classes:
        alone = np.mean([float(np.mean(reduced(loss, pair.rows(i + 1, i)))) for i in range(BATCH)])
        sound = close(
            np.asarray(alone), np.asarray(np.mean(reduced(loss, pair)))
        )  # in the shape that was given
        severity = "warning" if sound else "fault"
        what = f"class numbers {'(B, 1)' if (pair.y_true.ndim == column.y_true.ndim) != sound else '(B,)'}"
        explanation = (
            "The same classes were given in two shapes, and in one of them every sample met every other: a comparison "
            "or product of (B,) and (B, 1) gives (B, B). The labels of keras.datasets.cifar10 are (B, 1), others (B,)."
        )
        fix = "y_true = ops.reshape(y_true, (-1,))"
    else:
        severity = severity_of_shapes(case, pair)
        what = "targets (B,) against predictions (B, 1)"
        explanation = (
            "The same targets were given in two shapes. A Loss subclass is not reshaped by Keras, as a plain function "
            "is: (B,) minus (B, 1) gives (B, B), every target against every prediction, and the model learns the mean "
            "of the targets."
        )
        fix = "y_true = ops.reshape(y_true, ops.shape(y_pred))"
    yield case.broken(
        f"{case.subject.name} broadcasts {what}",
        explanation,
        evidence=[
            Evidence("targets (B, 1)", float(np.mean(got[0]))),
            Evidence("the same as (B,)", float(np.mean(got[1]))),
        ],
        fixes=[fix],
        severity=severity,  # type: ignore[arg-type]
    )


@contract("loss-repeatable", kinds=LOSS, after=RUNS)
def repeatable(case: Case) -> Iterator[Finding]:
    """The same targets and predictions give the same loss every time."""
    loss, args = case.fresh(), tensors_of(typical(case))
    got = [np.asarray(case.outputs(loss, args)[0], "float64") for _ in range(3)]
    if all(same(got[0], other) for other in got[1:]):
        return
    before, after = pairs.plain_state(case.fresh()), pairs.plain_state(loss)
    changed = {name for name, value in after.items() if name != "name" and before.get(name, value) != value}
    changed |= {
        name for name, value in vars(loss).items() if tensors.kind(value) == "tensor" and name not in before
    }
    what = f" Attributes that changed: {', '.join(sorted(changed))}." if changed else ""
    yield case.broken(
        f"{case.subject.name} gives another value each time",
        f"It was called three times on the same arrays.{what} A compiled step runs the Python code once and keeps "
        "what it found: a counter stands still there, and random numbers of Python or NumPy are constants.",
        evidence=[Evidence(f"call {i + 1}", float(np.mean(value))) for i, value in enumerate(got)],
        fixes=["Keep what changes in a keras.Variable, and change it in a callback or in train_step."],
    )


@contract("loss-minimum", kinds=LOSS, after=(*RUNS, "loss-repeatable"))
@_of_a_loss
def minimum(case: Case) -> Iterator[Finding]:
    """The loss is smaller where prediction and target agree, and takes (y_true, y_pred) in this order."""
    pair = typical(case)
    judged, least = [], list[float]()
    for right, wrong in pair.answers():
        got = [values(case, one) for one in (right, wrong)]
        low, high = (float(np.mean(value)) for value in got)
        least.append(min(float(value.min(initial=0)) for value in got))
        # A ratio of sums is never below 0 for shares, and may be for logits: it does not take them.
        if np.isfinite(low) and np.isfinite(high) and not least[-1] < 0 <= least[0]:
            judged.append((low, high, right))
    if judged and all(low > high + 1e-6 * abs(high) for low, high, _ in judged):
        low, high, _ = judged[0]
        yield case.broken(
            f"{case.subject.name} is larger for right predictions than for wrong ones",
            "Training makes the loss small, so this one teaches the opposite. Often a minus sign is missing.",
            evidence=[Evidence("loss when right", low), Evidence("loss when wrong", high)],
            # Where 1 means alike and a distance is predicted, the right one is 0.
            severity="note" if min(least) >= 0 and of_distances(case) else None,
        )
        return
    other = next(elsewhere(case), None)
    if other is not None:
        yield other
        return
    soft = [one.agreeing() for one in (pair, pair.as_distribution()) if one is not None]
    if not judged and not any(soft):
        raise Skip("what a right prediction would be is not known for these shapes")
    for one in soft:
        if one is not None and not _least(case, one, "y_pred") and _least(case, one, "y_true", strict=True):
            yield case.broken(
                f"{case.subject.name} seems to take its arguments in the wrong order",
                "At y_pred = y_true, moving the predictions makes the loss smaller, moving the targets does not: it is "
                "the second argument that is treated as the target. Keras calls a loss with (y_true, y_pred).",
                evidence=[Evidence("loss at y_pred = y_true", float(np.mean(values(case, one))))],
                location=case.where("call", text="y_pred, y_true"),
                fixes=["def call(self, y_true, y_pred):"],
            )
            return


def _least(case: Case, pair: Pair, moved: str, strict: bool = False) -> bool:
    """Tells whether small moves of one argument only make the loss larger; with `strict` each of them does.

    A loss that only compares its targets with each other, as ranking losses do, takes no notice of small moves.
    """
    start = float(np.mean(values(case, pair)))
    random = np.random.default_rng(case.seed)
    array = getattr(pair, moved)
    steps = [0.03 * random.normal(size=array.shape) * array for _ in range(4)]
    if pair.like == "probabilities":
        steps = [step - step.mean(-1, keepdims=True) for step in steps]  # its rows still add up to 1
    for step in [*steps, *(-step for step in steps)]:
        value = float(np.mean(values(case, pair._replace(**{moved: (array + step).astype(array.dtype)}))))
        least = 1e-7 * max(abs(start), 1e-3)
        if not np.isfinite(value) or value < (start + least if strict else start - least):
            return False
    return True


@contract("loss-finite", kinds=LOSS, after=(*RUNS, "loss-repeatable"))
def finite(case: Case) -> Iterator[Finding]:
    """Value and gradient are finite at 0, 1, equal and extreme predictions."""
    for what, pair in [("ordinary values", typical(case)), *typical(case).extremes()]:
        if what == EMPTY and _takes_shares(case):
            continue
        value, gradient = _gradient(case, case.fresh(), pair)
        bad = "value" if not np.isfinite(value).all() else None
        if bad is None and gradient is not None and not np.isfinite(gradient).all():
            bad = "gradient"
        if bad is None or (bad == "value" and what.startswith(FAR) and not _avoidable(case, pair)):
            continue
        shown = value if bad == "value" or gradient is None else gradient
        at = int(np.argmax(~np.isfinite(shown.reshape(len(shown), -1)).all(-1))) if shown.ndim else 0
        evidence = [
            Evidence(bad, str(np.asarray(shown).ravel()[~np.isfinite(np.asarray(shown).ravel())][0])),
            Evidence("y_true", short(pair.y_true[at])),
            Evidence("y_pred", short(pair.y_pred[at])),
        ]
        yield case.broken(
            f"{case.subject.name} has a {bad} that is not finite at {what}",
            "One such sample is enough to make every weight NaN: a saturated sigmoid gives exactly 0 or 1, a dead "
            "unit exactly 0, an untrained model large numbers."
            if bad == "value"
            else "The value is finite but its derivative is not (a square root or a power at 0, a division by a norm): "
            "one such sample makes every weight NaN, with a loss that looks well until then.",
            evidence=evidence,
            fixes=[
                "Keep the argument of log, sqrt and the divisor away from 0: ops.clip(y_pred, "
                "eps, 1 - eps), ops.maximum(..., eps), ops.logsumexp; eps = keras.config.epsilon()."
            ],
            # An angle has no slope where a vector has no length: Keras's own cosine has none on some backends.
            severity="warning" if bad == "gradient" and _takes_shares(case) else None,
        )
        return


def _avoidable(case: Case, pair: Pair) -> bool:
    """Tells whether a value that is not finite for large predictions need not be, by how it grows up to there."""
    sizes = [
        float(np.abs(values(case, pair._replace(y_pred=pair.y_pred / n))).max(initial=0)) for n in (16, 8, 4)
    ]
    return not np.isfinite(sizes).all() or like_a_power(sizes)


def _takes_shares(case: Case) -> bool:
    """Tells whether the loss sees only how the predictions of a sample stand to each other: then all 0 mean nothing."""
    pair = typical(case)
    return same(values(case, pair), values(case, pair._replace(y_pred=0.5 * pair.y_pred)))


def _gradient(case: Case, loss: Any, pair: Pair) -> tuple[np.ndarray, np.ndarray | None]:
    y_true, y_pred = tensors_of(pair)
    kept: list[Any] = []

    def total(y_pred: Any) -> Any:
        result = case.run(loss, (y_true, y_pred))
        kept.append(result)
        return pairs.total(result)

    value, _, (gradient,) = backend.gradients(total, [], [y_pred])
    result = case.outputs(loss, (y_true, y_pred))
    return np.asarray(result[0], "float64") if result else value, gradient


@contract("loss-gradient", kinds=LOSS, after=(*RUNS, "loss-repeatable"))
@_of_a_loss
def gradient(case: Case) -> Iterator[Finding]:
    """The gradient with respect to the predictions is there, and not zero everywhere."""
    title = f"{case.subject.name} passes no gradient to the predictions"
    for seed in range(3):
        with case.attempt(
            f"{case.subject.name} cannot be differentiated",
            "Its gradient with respect to the predictions was asked for, as every training step does.",
            [Fix("Use keras.ops in place of NumPy: NumPy knows no gradients.")],
        ) as found:
            _, got = _gradient(case, case.fresh(), typical(case, seed=seed))
        if found:
            yield found[0]
            return
        if got is not None and got.any():
            return
    yield case.broken(
        title,
        "The derivative of the loss is zero, or there is none, for three batches of ordinary predictions, so nothing "
        "is learnt. An argmax, a rounding, a comparison, a cast to integers or stop_gradient cuts it.",
        fixes=[
            "Compare probabilities, not decisions: 1 - ops.sum(y_true * y_pred, axis=-1), a cross-entropy, ..."
        ],
    )


def reduced(loss: Any, pair: Pair, weights: np.ndarray | None = None) -> np.ndarray:
    """Returns what Keras makes of the values per sample: with its reduction, mostly one number."""
    y_true, y_pred = tensors_of(pair)
    if objects.kind_of(loss) != "loss":
        return np.asarray(objects.to_numpy(pairs.as_loss(loss)(y_true, y_pred)), "float64")
    options = {} if weights is None else {"sample_weight": objects.to_tensor(weights)}
    return np.asarray(objects.to_numpy(loss(y_true, y_pred, **options)), "float64")
