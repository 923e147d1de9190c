"""Losses of several outputs that are added: whose gradient drowns whose in the weights they share."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

import numpy as np

from kerascope._backends import alone as backend
from kerascope._keras import trial
from kerascope.detect.second import source
from kerascope.detect.second.trial import Found, Trial, finding
from kerascope.values import Evidence, Lever, SourceSpan

_DROWNED = 100.0
"""A gradient so many times smaller in the shared weights has no say in where they go."""


def look(trial_: Trial) -> Iterator[Found]:
    """Yields the output whose loss is so small beside another's that it does not count."""
    names = trial.output_losses(trial_.model)
    if len(names) < 2 or trial_.y is None:
        return
    trial_.at_begin()
    first = _gradients(trial_, names)
    trial_.at_end()
    last = _gradients(trial_, names)
    if not first or not last:
        return
    large = max(last, key=lambda name: last[name][1])
    for small in names:
        ratios = [each[large][1] / each[small][1] for each in (first, last) if each[small][1] > 0]
        if small == large or len(ratios) < 2 or min(ratios) < _DROWNED:
            continue
        place = _compiled(trial_)
        yield Found(
            finding(
                "scale-mismatch",
                "fault",
                0.93,
                f"The loss of output `{large}` drowns that of `{small}`",
                f"They are added, and in the weights that both outputs share the gradient of `{large}` is "
                f"{ratios[-1]:.0f} times as large as that of `{small}` ({ratios[0]:.0f} times in the first step): "
                f"`{small}` has no say in what is learnt there. Bring the targets to one scale, or weigh the losses "
                "with `loss_weights`.",
                place,
                [
                    Evidence(f"loss of {large}", _short(last[large][0])),
                    Evidence(f"loss of {small}", _short(last[small][0])),
                    Evidence("ratio of their gradients in the shared weights", _short(ratios[-1])),
                ],
                [
                    [
                        Lever(
                            "compile", "loss_weights", f"{{{large!r}: {_weight(ratios[-1])}, {small!r}: 1.0}}"
                        )
                    ],
                    [Lever("data", "y")],
                ],
            ),
            "unlearnt",
            (f"{small}_loss",),
        )


def _gradients(trial_: Trial, names: list[str]) -> dict[str, tuple[float, float]]:
    """Returns for each output its weighed loss and the norm of that one's gradient in the weights that all share."""
    variables = list(trial_.model.trainable_variables)
    values, found = {}, {}
    for name in names:
        value, gradients, _ = backend.gradients(
            functools.partial(trial.output_loss, trial_.model, trial_.x, trial_.y, name), variables
        )
        values[name] = float(value)
        found[name] = [0.0 if g is None else float(np.sum(np.square(g))) for g in gradients]
    shared = [i for i in range(len(variables)) if all(squares[i] > 0 for squares in found.values())]
    if not shared:
        return {}
    return {name: (values[name], float(np.sqrt(sum(found[name][i] for i in shared)))) for name in names}


def _compiled(trial_: Trial) -> SourceSpan:
    """Returns the line of `compile` that gives the losses."""
    for file in trial_.files():
        parsed = source.tree(file)
        for node in ast.walk(parsed) if parsed is not None else ():
            called = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
            if called != "compile" or not isinstance(node, ast.Call):
                continue
            given = next((k.value for k in node.keywords if k.arg == "loss"), None)
            given = given or (node.args[1] if len(node.args) > 1 else None)
            if isinstance(given, (ast.Dict, ast.List, ast.Tuple)):
                return source.span(file, given)
    return SourceSpan()


def _weight(ratio: float) -> str:
    return f"{1 / ratio:.0e}"


def _short(value: float) -> float:
    return float(f"{value:.4g}")
