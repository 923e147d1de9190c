"""Steps that something else than the learning rate makes short: a schedule that has run out, clipping of nearly all."""

from __future__ import annotations

import numpy as np

from kerascope.detect.causes.common import cause, curve, on, standing_evidence
from kerascope.detect.reading import Samples, listing, mapping, median, number, plural, show, thin
from kerascope.detect.situation import Situation
from kerascope.detect.standing import worst
from kerascope.values import Evidence, Finding, Lever

_STILL = 0.05
_SOME = 0.5
_NOTHING = 0.01  # of the largest learning rate
_FEW = 60  # updates
_TIMES = 30


def shortened(situation: Situation, path: float) -> Finding | None:
    """Returns what makes the steps short, None when nothing does.

    Args:
        situation: of a model that stays behind.
        path: how far its weights could move in all, relative to their size.
    """
    end = _faded(situation)
    if end is not None:
        return _fading(situation, end)
    clipped = _clipped(situation)
    return _clipping(situation, *clipped, path) if clipped is not None and path < _SOME else None


def _faded(situation: Situation) -> int | None:
    """Returns after how many steps a schedule had made the learning rate next to nothing, None where it did not."""
    rates = np.asarray(situation.model.steps().learning_rate, np.float64)
    rates = rates[np.isfinite(rates)]
    if len(rates) < _FEW or not rates.max() > 0:
        return None
    high = np.flatnonzero(rates > _NOTHING * rates.max())
    end = int(high[-1]) + 1
    return end if end < len(rates) / 3 and (np.diff(rates[high]) <= 0).all() else None


_PLATEAU = "ReduceLROnPlateau"


def _lowered_by(situation: Situation) -> str:
    """Returns the class of the callback that sets the learning rate, "" where the optimizer has a schedule."""
    if mapping(mapping(situation.anatomy.optimizer.get("config")).get("learning_rate")):
        return ""
    known = (_PLATEAU, "LearningRateScheduler")
    return next((str(name) for name in listing(situation.fit.get("callbacks")) if name in known), "")


def _fading(situation: Situation, end: int) -> Finding:
    rates = np.asarray(situation.model.steps().learning_rate, np.float64)
    callback = _lowered_by(situation)
    who = f"`{callback}`" if callback else "The schedule"
    why = (
        "Schedules count updates, of which there is one per batch, and not epochs: `decay_steps` is how many updates "
        "a decay takes."
    )
    ways = [on("optimizer", "learning_rate", show(situation.rate))]
    if callback == _PLATEAU:
        why = (
            "It lowers the rate when the figure it watches has not become better for `patience` epochs; which way is "
            'better is what `mode` says ("auto" goes by the name of the figure).'
        )
        ways = [
            (Lever("callback", name, value, callback),)
            for name, value in (("mode", '"auto"'), ("patience", "10"))
        ]
    elif callback:
        why = "What its function returns is the learning rate of the next epoch."
        ways = [(Lever("callback", None, None, callback),)]
    return cause(
        situation,
        "lr-too-low",
        0.92,
        f"{who} has taken the learning rate to next to nothing after {plural(end, 'step')} of {len(rates):,}",
        f"It began at {show(float(rates[0]))} and ends at {show(float(rates[-1]))}; what comes after step {end:,} "
        f"hardly moves a weight. {why}",
        *ways,
        evidence=[
            Evidence("learning rate", float(rates[-1]), plot=thin(rates)),
            *curve(situation),
            *standing_evidence(worst(situation)),
        ],
    )


def _clipped(situation: Situation) -> tuple[str, float, float] | None:
    """Returns the setting by which nearly all of the gradient is cut off, its value and the gradient's norm."""
    config = mapping(situation.anatomy.optimizer.get("config"))
    size = median(Samples.of(situation.model, "gradient").total())
    for name in ("clipnorm", "global_clipnorm", "clipvalue"):
        value = number(config.get(name))
        # Optimizers that divide by the size of their gradients do not mind.
        if situation.optimizer == "SGD" and value > 0 and size > _TIMES * value:
            return name, value, size
    return None


def _clipping(situation: Situation, name: str, value: float, size: float, path: float) -> Finding:
    return cause(
        situation,
        "lr-too-low",
        0.92 if path < _STILL else 0.7,
        f"`{name}={value:.3g}` leaves next to nothing of the gradients",
        f"Gradients have a norm of {show(size)} in the middle, and are cut to {value:.3g} before the learning rate is "
        f"applied. Over {plural(situation.updates, 'update')} the weights could move by at most {show(100 * path)} % "
        "of their size, even if all steps had gone the same way. Clipping is for the rare gradient that is far too "
        "large; 1.0 is usual.",
        on("optimizer", name, "1.0"),
        on("optimizer", name, None),
        evidence=[
            Evidence("gradient norm, all weights, median", float(f"{size:.3g}")),
            Evidence(name, value),
            Evidence("update / weight, all updates together", float(f"{path:.3g}")),
            *curve(situation),
            *standing_evidence(worst(situation)),
        ],
    )
