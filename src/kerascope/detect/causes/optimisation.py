"""Steps that are too long, too short or too few for what there is to learn."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kerascope.detect.causes.common import (
    Way,
    broken,
    cause,
    curve,
    gradient_plot,
    harm,
    on,
    standing_evidence,
    step_size,
)
from kerascope.detect.causes.scales import unscaled
from kerascope.detect.causes.shortened import shortened
from kerascope.detect.chance import constant_guess
from kerascope.detect.context import adversarial, rate_is_zero
from kerascope.detect.node import NUMERIC
from kerascope.detect.reading import Samples, listing, mapping, number, plural, show, whole
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, situations
from kerascope.detect.standing import on_its_way, pace, worst
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding, Lever

_HARM = 0.15
_ABOUT, _FAR = 1.5, 1.5  # times the loss of a constant guess
_PLAIN = ("SGD",)
_SURGE = 20.0
_FAST = {"adaptive": 0.03, "plain": 0.5}
_STILL = 0.05  # how far weights moved in all, relative to their size
_USUAL = 5e-4  # half of the 1e-3 per update that practitioners look for: no small step
_FEW = 60  # updates
_SLOW = 0.02
_DEEP = 5


@detector(
    kinds=("lr-too-high", "lr-too-low", "wrong-optimizer", "too-few-epochs", "batch-size"),
    slug="optimisation",
)
def optimisation(view: RunView) -> Iterator[Finding]:
    """Finds learning rates, optimizers, batch sizes and numbers of epochs that do not get the model anywhere."""
    for situation in situations(view):
        if adversarial(view, situation.model) or rate_is_zero(situation.model.steps()):
            continue
        high = _too_high(situation)
        if high is not None:
            yield high
        else:
            yield from _too_slow(situation)
        yield from _batches(situation)
        yield from _epochs(situation)


def plain(situation: Situation) -> bool:
    """Tells whether the optimizer takes steps in proportion to the gradient."""
    return situation.optimizer in _PLAIN


def effective_rate(situation: Situation) -> float:
    """Returns the learning rate; of SGD with momentum, what it amounts to once the momentum has built up."""
    momentum = number(mapping(situation.anatomy.optimizer.get("config")).get("momentum"))
    if plain(situation) and 0 < momentum < 1:
        return situation.rate / (1 - momentum)
    return situation.rate


def fast(situation: Situation) -> bool:
    """Tells whether the rate is far above what is usual for the optimizer."""
    return effective_rate(situation) >= _FAST["plain" if plain(situation) else "adaptive"]


def surge(situation: Situation) -> float:
    """Returns how many times above its beginning the loss went while it was finite."""
    losses = situation.losses
    if not len(losses) or not np.isfinite(losses[:1]).all():
        return math.nan
    good = losses[np.isfinite(losses)]
    start = float(np.median(good[:1]))
    return float(good.max()) / start if start > 0 else math.nan


def _too_high(situation: Situation) -> Finding | None:
    damage, grew = harm(situation), surge(situation)
    moves = situation.trend
    rose = moves is not None and moves.rose(0.5)
    ratio = _early_ratio(situation)
    lost = fast(situation) and _worse_than_a_guess(situation)
    if not (damage > _HARM or broken(situation) or lost):
        return None
    ran_away = grew > _SURGE or rose or lost
    if not ran_away and ratio < _USUAL:
        return None  # whatever the rate, the steps are short: gradients are clipped, or next to nothing
    if not (ran_away or fast(situation) or ratio > 0.1):
        return None
    sure = (
        0.55
        + 0.2 * ran_away
        - 0.2 * (not ran_away and not fast(situation))
        + 0.2 * fast(situation)
        + 0.05 * (ratio > 0.1)
    )
    scale = unscaled(situation)
    if scale is not None and not fast(situation):
        sure -= 0.3  # the inputs make the gradients large
    if scale is None and plain(situation) and _large_targets(situation) and not fast(situation):
        sure -= 0.15
    lower = situation.rate / 10
    evidence = [Evidence("learning rate", situation.rate)]
    if math.isfinite(grew):
        evidence.append(Evidence("largest loss over the first", round(grew, 2)))
    if math.isfinite(ratio):
        evidence.append(Evidence("update / weight in the first samples", float(f"{ratio:.3g}")))
    return cause(
        situation,
        "lr-too-high",
        max(0.2, min(0.95, sure)),
        f"The learning rate of {situation.rate:.3g} makes {situation.optimizer} overshoot",
        "Each step goes further than the slope it follows holds, so the loss jumps up instead of falling; relu "
        "units that are "
        "thrown far to the negative side never come back, and the values may grow until they are not finite. A "
        "rate three "
        "to ten times smaller is what to try first.",
        on("optimizer", "learning_rate", f"{lower:.3g}"),
        on("optimizer", "learning_rate", f"{situation.rate / 100:.3g}"),
        on("optimizer", "clipnorm", "1.0"),
        evidence=[*evidence, *curve(situation), *standing_evidence(worst(situation))],
    )


def _worse_than_a_guess(situation: Situation) -> bool:
    """Tells whether the loss began at the level of a constant guess and stays far above it: sure of wrong answers.

    A loss that has something added to it stands that high from the first batch on.
    """
    guess, losses = constant_guess(situation.model), situation.losses[np.isfinite(situation.losses)]
    if guess is None or not guess.classes or not guess.loss > 0 or len(losses) < 4:
        return False
    late = float(np.quantile(losses[-(len(losses) // 2) :], 0.25))
    return float(losses[0]) < _ABOUT * guess.loss and late > _FAR * (guess.loss + 3 * guess.error)


def _large_targets(situation: Situation) -> bool:
    return any(
        t.loss in NUMERIC and math.hypot(t.figure("mean"), t.figure("std")) > 30 for t in situation.targets
    )


def _early_ratio(situation: Situation) -> float:
    """Returns the largest median update / weight over matrices in the first four samples."""
    weights, updates = Samples.of(situation.model, "weight"), Samples.of(situation.model, "update")
    if len(weights.step) != len(updates.step) or not len(weights.step):
        return math.nan
    known = situation.anatomy.variables
    names = [n for n in weights.names if n in known and known[n].trainable and known[n].dimensions > 1]
    if not names:
        return math.nan
    with np.errstate(all="ignore"):
        table = np.stack([updates.column(n)[:4] / weights.column(n)[:4] for n in names])
    table = np.where(np.isfinite(table), table, np.nan)
    if np.isnan(table).all():
        return math.nan
    return float(np.nanmax(np.nanmedian(table, axis=0)))


# -- too slow ----------------------------------------------------------------------------------------------------


def _too_slow(situation: Situation) -> Iterator[Finding]:
    damage = harm(situation)
    if not damage > _HARM or broken(situation):
        return
    found = worst(situation)
    if found is not None and math.isfinite(found.gap) and not found.poor_fit:
        return  # the training rows are answered well: slowness is not what is wrong
    ratio = step_size(situation)
    path = ratio * situation.updates
    if (cut := shortened(situation, path)) is not None:
        yield cut
        return
    adaptive = not plain(situation)
    reach = _reach(situation)
    if situation.updates < _FEW and ratio >= _USUAL and reach >= 0.2:
        return  # the steps are as long as they should be; there are only few of them
    if adaptive and (path < _STILL or reach < 0.2):
        yield _slow(situation, "lr-too-low", 0.92 if path < _STILL / 5 or reach < 0.2 else 0.8, path)
    elif adaptive and situation.rate < 1e-4 and path < 0.5:
        yield _slow(situation, "lr-too-low", 0.6, path)
    elif found is None or not math.isfinite(found.gap):
        return  # without a yardstick nobody knows how far there was to go
    elif not adaptive and situation.rate <= 2e-3 and path < 0.5:
        yield _slow(situation, "lr-too-low", 0.85, path)
    elif not adaptive and _still_on_its_way(situation, path):
        deep = len(situation.hidden) >= _DEEP
        yield _slow(
            situation, "wrong-optimizer", 0.8 if deep else 0.35 if on_its_way(situation) else 0.5, path
        )
        if path < 0.2:
            yield _slow(situation, "lr-too-low", 0.45, path)


def _still_on_its_way(situation: Situation, path: float) -> bool:
    moves = situation.trend
    return path < 2.0 and moves is not None and not moves.rose(0.1)


def _reach(situation: Situation) -> float:
    """Returns how much of the way to the targets adaptive steps can go at all, of a model without hidden layers.

    An adaptive step changes each weight by about the learning rate, whatever the gradient is.
    """
    if len(situation.targets) != 1 or situation.hidden or (not plain(situation) and _has_depth(situation)):
        return math.inf
    target = situation.targets[0]
    if target.loss not in NUMERIC:
        return math.inf
    needed = abs(target.figure("mean")) + target.figure("std")
    return situation.rate * situation.updates / needed if needed > 0 else math.inf


def _has_depth(situation: Situation) -> bool:
    return len([n for n in situation.working if n.parameters]) > 1


def _slow(situation: Situation, kind: str, sure: float, path: float) -> Finding:
    faster = f"{situation.rate * (10 if plain(situation) else 30):.3g}"
    adam = on("compile", "optimizer", "keras.optimizers.Adam(0.001)")
    rate = on("optimizer", "learning_rate", faster)
    epochs = whole(situation.fit.get("epochs")) if math.isfinite(number(situation.fit.get("epochs"))) else 1
    longer = on("fit", "epochs", str(epochs * 5))
    low = kind == "lr-too-low"
    share = f"{show(100 * path)} %" if math.isfinite(path) else "little"
    return cause(
        situation,
        kind,
        sure,
        f"The learning rate of {situation.rate:.3g} hardly moves the weights"
        if low
        else f"Plain {situation.optimizer} hardly gets this network off the ground",
        f"Over {plural(situation.updates, 'update')} the weights could move by at most {share} of their size, "
        "even if all "
        "steps had gone the same way. "
        + (
            "The loss would need far more steps, or longer ones."
            if low
            else "Steps in proportion to the gradient are tiny where gradients are small, as in the first layers of a "
            "deep network and on plateaus. Adam scales each weight's step by the size of its own gradients."
        ),
        *((rate, adam, longer) if low else (adam, on("optimizer", "momentum", "0.9"), rate)),
        evidence=[
            Evidence("update / weight, all updates together", float(f"{path:.3g}")),
            *gradient_plot(situation),
            *curve(situation),
            *standing_evidence(worst(situation)),
        ],
    )


# -- batches and epochs ------------------------------------------------------------------------------------------


def _size(situation: Situation) -> float:
    sizes = np.asarray(situation.model.steps().batch_size, np.float64)
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    return float(np.median(sizes)) if len(sizes) else math.nan


def _batches(situation: Situation) -> Iterator[Finding]:
    damage, size, rows = harm(situation), _size(situation), situation.rows
    jumps = size <= 2 and _jumps(situation)
    if not (damage > _HARM or jumps) or not math.isfinite(size + rows) or broken(situation):
        return
    if size >= max(64, 0.3 * rows) and situation.updates < 200:
        yield cause(
            situation,
            "batch-size",
            0.75,
            f"Batches of {whole(size)} of {whole(rows)} rows leave {plural(situation.updates, 'update')} in all",
            "A step is taken once per batch. With batches this large an epoch has only one or a few steps, and "
            "the training "
            "ends before the weights have got anywhere. Smaller batches give more steps for the same work.",
            on("fit", "batch_size", "32"),
            on(
                "fit",
                "epochs",
                str(max(50, 10 * whole(situation.fit.get("epochs")))),
            ),
            evidence=[
                Evidence("updates", situation.updates),
                *curve(situation),
                *standing_evidence(worst(situation)),
            ],
        )
    elif size <= 2 and rows >= 64:
        yield cause(
            situation,
            "batch-size",
            0.7,
            f"Batches of {'one row' if size == 1 else 'two rows'} make every step follow the noise of single rows",
            "The gradient of one row points where that row wants to go, not where the data want to go; at this "
            "learning rate "
            "the weights jump about instead of settling. Larger batches average the rows; 16 to 64 is usual.",
            on("fit", "batch_size", "32"),
            on("optimizer", "learning_rate", f"{situation.rate / 10:.3g}"),
            evidence=[
                Evidence("batch size", whole(size)),
                *curve(situation),
                *standing_evidence(worst(situation)),
            ],
        )


def _jumps(situation: Situation) -> bool:
    """Tells whether single steps undo what others learnt: most rows cost next to nothing, and some cost very much."""
    losses = situation.losses[np.isfinite(situation.losses)]
    found = worst(situation)
    if len(losses) < 200 or found is None or not found.gap > _HARM / 2:
        return False
    late = losses[-len(losses) // 4 :]
    behind = found.simple - max(found.own, found.fitted) > found.noise
    return behind and float(late.mean()) > 20 * float(np.median(late))


def _epochs(situation: Situation) -> Iterator[Finding]:
    damage = harm(situation)
    speed = pace(situation)
    done = len(situation.epoch_logs("loss"))
    if not damage > _HARM or broken(situation) or not done:
        return
    moves = situation.trend
    if moves is not None:
        falling = moves.end < 0.97 * moves.start and moves.end <= 1.02 * moves.lowest
    else:
        falling = _fell(situation.losses)
    found = worst(situation)
    if found is not None and not found.poor_fit:
        return
    few = done <= 2 or situation.updates < _FEW
    unmoved = situation.updates < _FEW and step_size(situation) * situation.updates < _STILL
    if not ((speed > 0.05 and done >= 3 and falling) or (few and falling) or unmoved):
        return
    if not few and speed <= 0.1 and any(t.custom_loss for t in situation.targets):
        return  # what the answers mean is known to the user's own loss only
    stopped, ways = _longer(situation, done)
    yield cause(
        situation,
        "too-few-epochs",
        0.6 if few or speed > 0.1 else 0.45,
        f"`EarlyStopping` ended the training after {plural(done, 'epoch')}, while the loss was still falling"
        if stopped and falling
        else f"Training stopped after {plural(done, 'epoch')} while the loss was still falling"
        if falling
        else f"Training stopped after {plural(situation.updates, 'update')}, before the weights had moved",
        (
            "The loss had not levelled off: in the last epochs it still fell by "
            + (f"{show(100 * speed)} % each. " if speed > 0 else "a good part of itself. ")
            if falling
            else f"{plural(situation.updates, 'update')} of the usual length are too few to get anywhere. "
        )
        + "Train longer, until the validation loss stops falling (`EarlyStopping` can watch that).",
        *ways,
        evidence=[
            Evidence("epochs", done),
            Evidence(
                "fall of the loss per epoch, at the end", round(speed, 4) if math.isfinite(speed) else None
            ),
            *curve(situation),
            *standing_evidence(found),
        ],
    )


def _longer(situation: Situation, done: int) -> tuple[bool, list[Way]]:
    """Returns whether a callback ended the training before the epochs asked for, and the ways to go on."""
    stopped = number(situation.fit.get("epochs")) > done
    stopped = stopped and "EarlyStopping" in listing(situation.fit.get("callbacks"))
    ways = [on("fit", "epochs", str(max(10, 5 * done)))]
    if stopped:
        ways.insert(0, (Lever("callback", "patience", "10", "EarlyStopping"),))
    return stopped, ways


def _fell(losses: np.ndarray) -> bool:
    """Tells whether the losses of a very short run fell from its first to its last quarter, and to the end."""
    quarters = [np.median(part) for part in np.array_split(losses[np.isfinite(losses)], 4) if len(part) >= 3]
    return len(quarters) == 4 and quarters[3] < 0.97 * quarters[0] and quarters[3] <= min(quarters)
