"""Data that change while a model trains: inputs and labels that part, inputs that are scaled again and again."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kerascope.detect.causes.common import cause, on
from kerascope.detect.reading import listing, mapping, number, show, thin
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, situations
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_TIMES = 3.0
_EPOCHS = 3
_SHARE = 0.2


@detector(kinds=("wrong-labels", "train-val-mismatch"), slug="steady-data")
def steady(view: RunView) -> Iterator[Finding]:
    """Finds data that are not the same in the last epoch as in the first."""
    for situation in situations(view):
        if situation.training is None or situation.training.method != "fit":
            continue
        yield from _parted(situation)
        yield from _drifting(situation)


def _parted(situation: Situation) -> Iterator[Finding]:
    facts = mapping(situation.data.get("parted"))
    rows, apart = number(facts.get("rows")), number(facts.get("apart"))
    if not rows > 0 or not apart >= max(3.0, _SHARE * rows):
        return
    # TensorFlow trains on a copy that it makes when `fit` begins.
    copied = situation.view.meta.get("backend") == "tensorflow"
    yield cause(
        situation,
        "wrong-labels",
        0.97,
        "Inputs and labels were reordered apart while the model trained",
        f"Of {rows:.0f} rows that were marked when `fit` began, {apart:.0f} stand beside the label of another row when "
        "it ends, and all labels together are the same: one of the two arrays was shuffled or sorted in place, by a "
        "callback or by what prepares the data, and the other one was not."
        + (" This training had its own copy; the next one will not." if copied else ""),
        on(
            "order",
            str(
                mapping((listing(mapping(situation.data.get("train")).get("y")) or [{}])[0]).get("name")
                or "y"
            ),
            None,
        ),
        severity="note" if copied else None,
        evidence=[Evidence("marked rows with the label of another", int(apart), f"of {rows:.0f}")],
    )


def _drifting(situation: Situation) -> Iterator[Finding]:
    """The spread of the batches grows or shrinks from epoch to epoch, and hardly differs within one."""
    for name, epochs in _spreads(situation).items():
        if len(epochs) < _EPOCHS:
            continue
        medians = np.array([float(np.median(values)) for _, values in sorted(epochs.items())])
        if not (medians > 0).all():
            continue
        ways = np.diff(np.log(medians))
        total = float(abs(np.log(medians[-1] / medians[0])))
        within = max(float(np.ptp(np.log(values))) for values in epochs.values())
        if not (ways > 0).all() and not (ways < 0).all():
            continue
        if total > math.log(_TIMES) and within < total / 3:
            yield cause(
                situation,
                "train-val-mismatch",
                0.85,
                f"The inputs are scaled again in every epoch: their spread goes from {show(medians[0])} to "
                f"{show(medians[-1])}",
                "Batches of one epoch have the same spread, those of the next another one: what prepares the data "
                "changes the arrays themselves (`/=`, `*=`, `out=`, assignment to a slice) each time that they are "
                "read. The network is shown other inputs in each epoch, and other ones than it will be given later. "
                "Prepare once, or into a new array.",
                on("data", name, None),
                evidence=[
                    Evidence(f"spread of `{name}` by epoch", show(float(medians[-1])), plot=thin(medians))
                ],
            )
            return


def _spreads(situation: Situation) -> dict[str, dict[int, list[float]]]:
    """Returns the spread of the batches that were looked at, by input and epoch."""
    steps = situation.model.steps()
    epoch_of = dict(zip(steps.step.tolist(), steps.epoch.tolist(), strict=True))
    training_of = dict(zip(steps.step.tolist(), steps.training.tolist(), strict=True))
    found: dict[str, dict[int, list[float]]] = {}
    for step, facts in situation.model.batches():
        if situation.training is None or training_of.get(step) != situation.training.id:
            continue
        for array in map(mapping, listing(facts.get("arrays"))):
            name, spread = str(array.get("name")), number(array.get("std"))
            if name.startswith("x") and math.isfinite(spread):
                found.setdefault(name, {}).setdefault(int(epoch_of[step]), []).append(max(spread, 0.0))
    return found
