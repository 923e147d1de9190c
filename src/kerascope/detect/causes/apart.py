"""Labels that leave their rows while the training is under way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kerascope.detect.causes.common import cause, curve, harm, on
from kerascope.detect.reading import listing, show
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, Target, situations
from kerascope.errors import KerascopeError
from kerascope.record.reader import ModelView, RunView
from kerascope.values import Evidence, Finding

_BATCHES, _ROWS, _BYTES = 64, 4096, 8_000_000
_SEEN_AGAIN = 50
_OTHER = 0.3  # of the rows seen again; labels shuffled among n balanced classes give 1 - 1/n
_MIXED = 0.05
_HARM = 0.2


@detector(kinds=("wrong-labels",), slug="apart")
def apart(view: RunView) -> Iterator[Finding]:
    """Finds rows that come back in a later batch with another label."""
    for situation in situations(view):
        for target in situation.targets:
            if target.is_class_task and not target.custom_loss and harm(situation, target) > _HARM:
                yield from _other_labels(situation, target)


def _other_labels(situation: Situation, target: Target) -> Iterator[Finding]:
    again, other, mixed = _compared(situation.model, target)
    if again < _SEEN_AGAIN or other < _OTHER * again or mixed > _MIXED * again:
        return
    yield cause(
        situation,
        "wrong-labels",
        0.95,
        f"{show(100 * other / again)} % of the rows that come again have another label than before",
        "The same inputs were given to the model in several batches, with labels that changed in between: inputs or "
        "labels are put into a new order while the training goes on, without the other. Shuffle both with one order, "
        "for example the numbers of the rows.",
        on("order", "x", None),
        evidence=[
            Evidence("rows seen again", again),
            Evidence("with another label", other),
            *curve(situation),
        ],
    )


def _compared(model: ModelView, target: Target) -> tuple[int, int, int]:
    """Returns how many rows of the kept batches came again, how many with another label, and those within a batch."""
    again = other = mixed = rows = size = 0
    known: dict[bytes, tuple[int, bytes]] = {}
    for step, kind, length in [c for c in model.captures() if c[1] == "batch"][:_BATCHES]:
        size += length
        if rows >= _ROWS or size > _BYTES:
            break
        pair = _pair(model, step, kind, target)
        if pair is None:
            return 0, 0, 0
        rows += len(pair)
        here: dict[bytes, bytes] = {}
        for row, label in pair:
            mixed += here.setdefault(row, label) != label
            before, was = known.setdefault(row, (step, label))
            again += before != step
            other += before != step and was != label
    return again, other, mixed


def _pair(model: ModelView, step: int, kind: str, target: Target) -> list[tuple[bytes, bytes]] | None:
    """Returns inputs and label of each row of a kept batch; None where it is not known which array is which."""
    try:
        arrays, _ = model.capture(step, kind)
    except (KeyError, KerascopeError):
        return None
    data = [np.asarray(array) for name, array in arrays.items() if name.startswith("data:")]
    shape = [n for n in listing(target.labels.get("shape"))[1:] if isinstance(n, int)]
    if len(data) < 2 or any(a.ndim == 0 or not a.size or len(a) != len(data[0]) for a in data):
        return None
    labels = [a for a in data if list(a.shape[1:]) == shape and float(a.max()) <= target.figure("max")]
    last = [a for a in labels if a is data[-1]] or labels
    if len(last) != 1:
        return None
    inputs = [np.ascontiguousarray(a) for a in data if a is not last[0]]
    label = np.ascontiguousarray(last[0])
    return [(b"|".join(a[i].tobytes() for a in inputs), label[i].tobytes()) for i in range(len(label))]
