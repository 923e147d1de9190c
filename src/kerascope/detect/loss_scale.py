"""A loss scale that is stuck: an optimizer that skips all of its steps because no gradient is ever finite."""

from __future__ import annotations

import numpy as np

from kerascope.detect.reading import Checks, model_tag, plural, show
from kerascope.record.reader import ModelView, RunView
from kerascope.values import Evidence, Finding

_LEAST = 20
_ADVANCED = 0.1


def stuck(view: RunView, model: ModelView) -> Finding | None:
    """Returns a finding when the optimizer made hardly a step in the last part of the run, and why.

    A few steps are skipped in every such training, while the scale finds its level.
    """
    checks = Checks.of(model)
    scales = [
        n for (role, path), n in checks.columns.items() if role == "optimizer" and _is(path, "dynamic_scale")
    ]
    counts = [
        n for (role, path), n in checks.columns.items() if role == "optimizer" and _is(path, "iteration")
    ]
    if len(scales) != 1 or not counts or len(checks.step) < 2:
        return None
    made = np.nanmax(np.stack(counts), axis=0)  # the wrapper has a counter of its own that stands still
    late = np.flatnonzero(checks.step <= checks.step[-1] - _LEAST)
    if not len(late):
        return None
    begin = int(late[-1])
    steps = int(checks.step[-1] - checks.step[begin])
    advanced = float(made[-1] - made[begin])
    first, last = float(scales[0][0]), float(scales[0][-1])
    if not advanced <= _ADVANCED * steps or not (last < first or not np.isfinite(last)):
        return None
    return Finding(
        kind="gradients-not-applied",
        severity="fault",
        confidence=0.97,
        title=f"The loss scale fell from {show(first)} to {show(last)}, and the optimizer skips its steps",
        explanation=(
            f"`LossScaleOptimizer` skips a step whose gradients are not finite and halves the scale. In the last "
            f"{plural(steps, 'step')} it made {advanced:.0f} updates: the gradients are not finite whatever the scale, "
            "so no scale can help. Look for what makes them infinite or NaN: a root or a division at 0, a logarithm of "
            "0, a value beyond what float16 holds."
        ),
        evidence=(
            *model_tag(view, model),
            Evidence("updates made", int(made[-1])),
            Evidence("steps", int(checks.step[-1])),
            Evidence("loss scale at the end", last, plot=tuple(float(v) for v in scales[0])),
        ),
    )


def _is(path: str, name: str) -> bool:
    return path.rpartition("/")[2].partition("#")[0] == name
