"""The user's lines in one training step: smells, with what else is known of the run to confirm or drop them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.detect.second import mixing
from kerascope.detect.second.trial import Found, Trial
from kerascope.detect.smells import Smells, names
from kerascope.values import Finding

_TAKEN = ("scale-mismatch", "broadcast-shape", "wrong-axis", "disconnected-gradient", "nan-operation")


def look(trial: Trial) -> Iterator[Found]:
    """Yields what the numbers of the first step's lines show."""
    smells = Smells()
    trial.at_begin()
    trial.traced(trial.lines, [smells, trial.arguments])
    for one in smells.findings():
        if one.kind == "nan-operation" and trial.bad is not None:
            continue  # the step in which it happened tells more
        if one.kind == "wrong-axis" and mixing.mixes(trial) is None:
            continue  # the samples do not change each other's predictions after all
        if one.kind in _TAKEN:
            yield Found(one, "nonfinite" if one.kind == "nan-operation" else "always")


def look_at_bad(trial: Trial) -> Iterator[Found]:
    """Yields the operation that made the first number that is not finite."""
    if trial.bad is None:
        return
    smells = Smells()
    trial.at_bad()
    data = trial._batch(trial.bad)
    trial.traced(lambda: trial.lines(data), [smells])
    found = [one for one in smells.findings() if one.kind == "nan-operation" and not _overflows(one)]
    sure = [one for one in found if one.severity == "fault"] or found
    yield from (Found(one, "nonfinite") for one in sure[:2])


_GROWING = {
    "square",
    "sum",
    "mean",
    "multiply",
    "add",
    "subtract",
    "matmul",
    "cumsum",
    "std",
    "var",
    "cumprod",
    "prod",
}


def _overflows(one: Finding) -> bool:
    """Sums and products are infinite only where the numbers were out of hand before: they are not to blame."""
    try:
        node = ast.parse(one.location.expression or "", mode="eval").body
    except SyntaxError:
        return False
    return names.called(node) in _GROWING
