"""The user's losses on the targets that were trained on: which way they fall, what they notice, what they pass back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerascope._backends import alone as backend
from kerascope._backends import tensors
from kerascope._keras import objects, pairs, trial
from kerascope.detect.second import source
from kerascope.detect.second.pairs import Seen, add_up, called, seen
from kerascope.detect.second.trial import Found, Trial, finding
from kerascope.values import Evidence, Lever, SourceSpan

_CUTTING = ("argmax", "argmin", "round", "floor", "ceil", "sign", "stop_gradient", "detach", "numpy", "cast")


def look(trial_: Trial) -> Iterator[Found]:
    """Yields what is wrong with each loss of the user's."""
    for obj, code in trial_.own.losses:
        is_class = isinstance(code, type)
        given = (
            trial_.arguments.of(obj, "call", "__call__") if is_class else trial_.arguments.of_function(code)
        )
        pair = seen(given)
        where = (
            source.method(code, "call" if "call" in dir(code) else "__call__")
            if is_class
            else source.function(code)
        )
        if pair is None or where is None:
            continue
        function = obj.call if is_class else code
        yield from _judged(str(getattr(code, "__name__", "loss")), function, pair, where)
    yield from _sums(trial_)


def _judged(name: str, function: Callable[..., Any], pair: Seen, where: source.Method) -> Iterator[Found]:
    other = pair.other_targets()
    now = called(function, pair.y_true, pair.y_pred)
    if np.isnan(now) and not np.isfinite(called(function, other, pair.y_pred)):
        return  # it takes neither as arrays: nothing can be tried
    if np.isfinite(now) and now == called(function, other, pair.y_pred):
        return  # it does not look at the targets: what is made smaller is computed inside the model
    if pair.task != "classes" and not _same(
        now, called(function, pair.y_true.reshape(pair.y_pred.shape), pair.y_pred)
    ):
        return  # the shapes broadcast: that has a finding of its own
    if _no_gradient(function, pair):
        yield _cut(name, where)
        return
    right, wrong, mixed = [], [], []
    for good, bad in pair.answers():
        right.append(called(function, pair.y_true, good))
        wrong.append(called(function, pair.y_true, bad))
        mixed.append((called(function, pair.y_true, pair.shuffled(good)), pair.shuffled(good), good))
    if not all(map(np.isfinite, (*right, *wrong))):
        return
    if all(r > w + 1e-6 * abs(r) for r, w in zip(right, wrong, strict=True)) and (
        min(wrong) < 0 or pair.shares
    ):
        yield _upside_down(name, right[0], wrong[0], where)
    elif pair.task == "numbers" and (best := _sharper(function, pair)) is not None:
        yield _elsewhere(name, best, where)
    elif pair.task == "numbers" and (low := _endless(function, pair)) is not None:
        yield _without_end(name, low, where)
    elif all(_blind(r, m, a, b) for r, (m, a, b) in zip(right, mixed, strict=True)):
        yield _blind_to_samples(name, right[0], mixed[0][0], wrong[0], where)


def _same(a: float, b: float) -> bool:
    return bool(np.isclose(a, b, rtol=1e-4, equal_nan=True))


def _no_gradient(function: Callable[..., Any], pair: Seen) -> bool:
    random = np.random.default_rng(0)
    for scale in (0.0, 0.1):
        y_pred = pair.y_pred + scale * random.uniform(-1, 1, pair.y_pred.shape) * np.std(pair.y_pred)
        _, _, (gradient,) = backend.gradients(
            lambda p: pairs.total(function(objects.to_tensor(pair.y_true), p)),
            [],
            [objects.to_tensor(y_pred.astype("float32"))],
        )
        if gradient is not None and np.any(gradient):
            return False
    return True


def _cut(name: str, where: source.Method) -> Found:
    place = where.last_call(*_CUTTING) or where.first
    return Found(
        finding(
            "disconnected-gradient",
            "fault",
            0.97,
            f"`{name}` passes no gradient to the predictions",
            "Its derivative with respect to the predictions of the recorded batch is zero everywhere, or there is "
            "none, so no weight learns from it. A rounding, comparison, argmax, cast to integers or stop_gradient "
            "lies on the way.",
            place,
            [Evidence("gradient for the predictions", 0.0)],
        ),
    )


def _upside_down(name: str, right: float, wrong: float, where: source.Method) -> Found:
    return Found(
        finding(
            "custom-loss-bug",
            "fault",
            0.95,
            f"`{name}` is larger for right predictions than for wrong ones",
            "It was called on the targets of the recorded batch, with predictions that hit them and with others that "
            "do not. Training makes the loss small, so this one teaches the opposite. Often a minus sign is missing, "
            "or one minus the score.",
            where.last_return() or where.first,
            [
                Evidence("loss of right predictions", _short(right)),
                Evidence("loss of wrong ones", _short(wrong)),
            ],
        ),
        "worse",
    )


def _sharper(function: Callable[..., Any], pair: Seen) -> tuple[float, float] | None:
    """Returns the loss at targets that are shares, and where the larger shares are overstated, if that is less."""
    if not add_up(pair.hard):
        return None
    shares = np.asarray(pair.hard, "float64")
    values = [called(function, pair.y_true, pair.hard)]
    for power in (2.0, 6.0):
        raised = shares**power
        values.append(called(function, pair.y_true, raised / raised.sum(-1, keepdims=True)))
    if not np.isfinite(values).all() or not values[2] < values[1] < values[0] - 1e-3 * abs(values[0]):
        return None
    return values[0], values[2]


def _elsewhere(name: str, values: tuple[float, float], where: source.Method) -> Found:
    return Found(
        finding(
            "custom-loss-bug",
            "fault",
            0.85,
            f"`{name}` is not smallest where the predictions equal the targets",
            "The targets are shares that add up to 1. The loss falls further when the predictions overstate the larger "
            "ones, down to one share of 1 and all others 0: that is what training goes for. In a cross-entropy the "
            "logarithm belongs to the predictions, and the targets weigh it; the two may be the wrong way round.",
            where.last_return() or where.first,
            [
                Evidence("loss at the targets", _short(values[0])),
                Evidence("loss at overstated ones", _short(values[1])),
            ],
        )
    )


def _endless(function: Callable[..., Any], pair: Seen) -> tuple[float, float] | None:
    """Returns the loss at the target and far from it, where it goes on falling the further one goes."""
    if add_up(pair.hard):
        return None  # neither do predictions leave the range of shares
    spread = float(np.std(pair.hard)) or 1.0
    here = called(function, pair.y_true, pair.hard)
    for sign in (1.0, -1.0):
        near, far, farther = (
            called(function, pair.y_true, pair.hard + sign * step * spread) for step in (3.0, 30.0, 300.0)
        )
        if not all(map(np.isfinite, (here, near, far, farther))):
            continue
        if farther < far < near < here and farther < 0 and (here - farther) > 50 * (here - near):
            return here, farther
    return None


def _without_end(name: str, values: tuple[float, float], where: source.Method) -> Found:
    return Found(
        finding(
            "custom-loss-bug",
            "fault",
            0.95,
            f"`{name}` falls without end, away from the targets",
            "It is not smallest where predictions equal the targets: in one direction it gets smaller the further the "
            "predictions move away, so that is where training goes. Errors of both signs must count: square them, or "
            "take their absolute value.",
            where.last_return() or where.first,
            [
                Evidence("loss at the targets", _short(values[0])),
                Evidence("loss 300 standard deviations away", _short(values[1])),
            ],
        ),
        "worse",
    )


def _blind(right: float, mixed: float, shuffled: np.ndarray, good: np.ndarray) -> bool:
    apart = float(np.mean(np.abs(shuffled - good)))
    return apart > 0.1 * float(np.std(good)) and abs(mixed - right) <= 1e-4 * max(
        abs(right), abs(mixed), 1e-3
    )


def _blind_to_samples(name: str, right: float, mixed: float, wrong: float, where: source.Method) -> Found:
    return Found(
        finding(
            "custom-loss-bug",
            "fault",
            0.9,
            f"`{name}` does not notice which prediction belongs to which target",
            "Predictions equal to the targets, and the same ones in another order, give the same loss: it averages "
            "over the batch before it compares. Compare sample by sample first, then take the mean.",
            where.last_call("mean", "sum") or where.first,
            [
                Evidence("loss of right predictions", _short(right)),
                Evidence("the same in another order", _short(mixed)),
                Evidence("wrong predictions", _short(wrong)),
            ],
        ),
        "worse",
    )


def _sums(trial_: Trial) -> Iterator[Found]:
    """The loss of a batch is a sum over its samples: it, and every step, grows with the batch."""
    own = trial_.own.losses or "compute_loss" in trial_.own.methods
    if not trial.loss_is_settable(trial_.model) or not (own or trial.sums_up(trial_.model)):
        return
    rows = trial.rows(trial_.data)
    if rows < 8:
        return
    trial_.at_begin()
    whole = _total(trial_, trial_.data)
    half = _total(
        trial_, objects.map_structure(lambda t: t[: rows // 2] if getattr(t, "ndim", 0) else t, trial_.data)
    )
    other = _total(
        trial_, objects.map_structure(lambda t: t[rows // 2 :] if getattr(t, "ndim", 0) else t, trial_.data)
    )
    if not (np.isfinite([whole, half, other]).all() and whole > 0 and half > 0 and other > 0):
        return
    if abs(whole - half - other) > 0.02 * whole:
        return
    place, lever = _reduction(trial_)
    yield Found(
        finding(
            "custom-loss-bug",
            "fault",
            0.92,
            f"The loss is summed over the {rows} samples of a batch, so each step is {rows} times as large",
            "The loss of the recorded batch equals the losses of its two halves added up, where a mean would be "
            "between them. Gradients are as many times larger as the batch has samples, and the learning rate would "
            "have to be as many times smaller.",
            place,
            [
                Evidence("loss of the batch", _short(whole)),
                Evidence("loss of its first half", _short(half)),
                Evidence("loss of its second half", _short(other)),
            ],
            [[lever]] if lever is not None else [],
        ),
        "explodes",
    )


def _total(trial_: Trial, data: Any) -> float:
    x, y, weights = trial.unpacked(data)
    value = trial.data_loss(trial_.model, x, y, weights)
    array = tensors.array_of(tensors.unwrapped(value))
    return float("nan") if array is None or array.size != 1 else float(array)


def _reduction(trial_: Trial) -> tuple[SourceSpan, Lever | None]:
    """Returns where it is said that losses are summed."""
    for obj in trial.loss_objects(trial_.model):
        if getattr(obj, "reduction", None) == "sum":
            found = source.keyword(trial_.files(), "reduction", '"sum"') or SourceSpan()
            return found, Lever("line", "reduction", '"sum_over_batch_size"')
    for obj, code in trial_.own.losses:
        where = source.method(code, "call") if isinstance(code, type) else source.function(code)
        if where is not None and (place := where.last_call("sum")) is not None:
            return place, None
        del obj
    step = source.method(type(trial_.model), "compute_loss")
    return (step.last_call("sum") or step.span if step is not None else SourceSpan()), None


def _short(value: float) -> float:
    return float(f"{value:.4g}")
