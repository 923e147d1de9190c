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
    yield from _added(trial_)
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


def _added(trial_: Trial) -> Iterator[Found]:
    """What a layer of the user's adds to the loss, and drowns the loss of the data with."""
    place = _adding(trial_)
    if place is None or trial_.y is None or not trial.loss_is_settable(trial_.model):
        return
    model = trial_.model
    trial_.at_begin()
    if trial.added_loss(model, trial_.x) is None:
        return
    variables = list(model.trainable_variables)
    parts = (
        functools.partial(trial.data_loss, model, trial_.x, trial_.y, trial_.weights),
        functools.partial(trial.added_loss, model, trial_.x),
    )
    results = [backend.gradients(part, variables)[:2] for part in parts]
    squares = [[0.0 if g is None else float(np.sum(np.square(g))) for g in found] for _, found in results]
    shared = [(a, b) for a, b in zip(*squares, strict=True) if a > 0 and b > 0]
    if not shared:
        return
    data, added = (float(np.sqrt(sum(part))) for part in zip(*shared, strict=True))
    if (low := _falling(trial_, float(results[1][0]))) is not None:
        yield _without_end(place, float(results[1][0]), *low)
        return
    if not np.isfinite([data, added]).all() or added < _DROWNED * data:
        return
    yield Found(
        finding(
            "scale-mismatch",
            "fault",
            0.85,
            "What is added with `add_loss` drowns the loss of the data",
            f"In the first step the added term is {float(results[1][0]):.3g} and the loss of the data "
            f"{float(results[0][0]):.3g}; in the weights that both depend on, the gradient of the added one is "
            f"{added / data:.0f} times as large. The optimizer brings the added term down first, and what the data ask "
            "for has no say. Weigh it, or take the mean over the batch and not the sum.",
            place,
            [
                Evidence("added term, first step", _short(float(results[1][0]))),
                Evidence("loss of the data, first step", _short(float(results[0][0]))),
                Evidence("ratio of their gradients in the weights of both", _short(added / data)),
            ],
        ),
        "behind",
    )


def _falling(trial_: Trial, first: float) -> tuple[float, float] | None:
    """Returns the added term and the loss of the data in a late step, where the term fell far below what data cost."""
    if trial_.bad is not None:
        trial_.at_bad()
    else:
        trial_.at_late()
    model = trial_.model
    added = trial.added_loss(model, trial_.x)
    data = float(trial.data_loss(model, trial_.x, trial_.y, trial_.weights))
    low = float("nan") if added is None else float(added)
    fell = low < -10 * max(abs(first), 0.01) and low < -abs(data)
    return (low, data) if fell else None


def _without_end(place: SourceSpan, first: float, late: float, data: float) -> Found:
    return Found(
        finding(
            "custom-loss-bug",
            "fault",
            0.9,
            "What is added with `add_loss` falls without end",
            f"The added term was {first:.3g} in the first step and {late:.3g} later on, where the loss of the data is "
            f"{data:.3g}. Their sum is made as small as possible, so training pushes this term further and further "
            "down, until its values run away. A penalty is not negative: its sign may be turned, or a minus missing.",
            place,
            [
                Evidence("added term, first step", _short(first)),
                Evidence("added term, late step", _short(late)),
                Evidence("loss of the data, late step", _short(data)),
            ],
        ),
        "explodes",
    )


def _adding(trial_: Trial) -> SourceSpan | None:
    """Returns the only call of `add_loss` in the layers of the user's, None where there is none, or are several."""
    found = [
        place
        for layer in {type(one): one for one in [*trial_.own.layers, trial_.model]}.values()
        if (call := source.method(type(layer), "call")) is not None
        and (place := call.last_call("add_loss")) is not None
    ]
    return found[0] if len(found) == 1 else None


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
