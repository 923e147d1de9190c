"""What kind of training this is, as far as it decides what its loss may be expected to do."""

from __future__ import annotations

import math

import numpy as np

from kerascope.detect.reading import Samples, listing, mapping, number
from kerascope.record.reader import ModelView, RunView, StepTable

_TURNS = 6
_DRIFT = 4.0


def adversarial(view: RunView, model: ModelView) -> bool:
    """Tells whether this model is trained in turns with another one, or logs losses of two players.

    Such losses balance each other: flat or rising says nothing.
    """
    names = [name for name in model.steps().logs if "loss" in name and not name.startswith("val_")]
    if "loss" not in names and len(names) > 1:
        return True
    at = np.asarray(model.steps().at, np.float64)
    others = [np.asarray(other.steps().at, np.float64) for other in view.models if other is not model]
    return any(_turns(at, other) >= _TURNS for other in others)


def _turns(a: np.ndarray, b: np.ndarray) -> int:
    """Returns how often the two series of times take turns."""
    if not len(a) or not len(b):
        return 0
    order = np.argsort(np.concatenate([a, b]), kind="stable")
    return int(np.count_nonzero(np.diff((order < len(a)).astype(int))))


def shifting_targets(model: ModelView) -> bool:
    """Tells whether the labels themselves move during the training (bootstrapped targets of reinforcement learning).

    Compared are the means of the label batches, early ones with late ones, in units of their own spread.
    """
    means, spreads = [], []
    for _, facts in sorted(model.batches(), key=lambda pair: pair[0]):
        for array in listing(facts.get("arrays")):
            array = mapping(array)
            if array.get("name") == "y":
                means.append(number(array.get("mean")))
                spreads.append(number(array.get("std")))
    known = [(m, s) for m, s in zip(means, spreads, strict=True) if math.isfinite(m) and math.isfinite(s)]
    if len(known) < 6:
        return False
    third = len(known) // 3
    early, late = np.array(known[:third]), np.array(known[-third:])
    within = max(float(np.std(early[:, 0])), float(np.std(late[:, 0])))
    moved = abs(float(late[:, 0].mean() - early[:, 0].mean()))
    return moved > _DRIFT * within and moved > 0.5 * max(float(early[:, 1].mean()), 1e-12)


def warming_up(steps: StepTable) -> bool:
    """Tells whether the learning rate was still on its way up when the recording ended."""
    rates = np.asarray(steps.learning_rate, np.float64)
    rates = rates[np.isfinite(rates)]
    if len(rates) < 2 or rates.max() <= 0:
        return False
    return bool(
        rates[-1] >= 0.95 * rates.max() and np.median(rates[: len(rates) // 2 + 1]) < 0.5 * rates.max()
    )


def rate_is_zero(steps: StepTable) -> bool:
    """Tells whether the learning rate is known and 0 in every step."""
    rates = np.asarray(steps.learning_rate, np.float64)
    rates = rates[~np.isnan(rates)]
    return bool(len(rates) and (rates == 0).all())


def gradient_norms(model: ModelView) -> tuple[np.ndarray, np.ndarray]:
    """Returns steps and norms over all gradients together: of every step when they were recorded, else sampled."""
    for part in ("inline", "gradient"):
        samples = Samples.of(model, part)
        if len(samples.step):
            return samples.step, samples.total()
    return np.zeros(0, np.int64), np.zeros(0)
