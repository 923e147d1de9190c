"""Targets and predictions handed over the wrong way round, where the order makes a difference."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascope._keras import objects
from kerascope.detect.second import source
from kerascope.detect.second.pairs import Seen, called, seen
from kerascope.detect.second.trial import Found, Trial, finding
from kerascope.values import Evidence

_ONE_SIDED = re.compile(
    r"(crossentropy|kl_?divergence|poisson|hinge|percentage_error|focal|tversky|ctc)", re.I
)
"""Losses of Keras that give another value when their arguments are swapped; all take the targets first."""
_DIVERGENCE = re.compile(r"kl_?divergence", re.I)
"""Between two distributions both ways have their uses; with targets of exactly 0 the reverse one has no bound."""
_PREDICTED = re.compile(
    r"(^|_)(y_?pred|pred|preds|predicted|prediction|predictions|y_?hat|logits)(_|$)", re.I
)
_TRUE = re.compile(r"(^|_)(y_?true|true|truth|target|targets|label|labels)(_|$)", re.I)


def look(trial_: Trial) -> Iterator[Found]:
    """Yields calls in the user's losses and steps that take targets for predictions, and the reverse."""
    for obj, code in trial_.own.losses:
        is_class = isinstance(code, type)
        where = source.method(code, "call") if is_class else source.function(code)
        given = (
            trial_.arguments.of(obj, "call", "__call__") if is_class else trial_.arguments.of_function(code)
        )
        if where is None:
            continue
        names = [a.arg for a in where.node.args.args if a.arg != "self"][:2]
        if len(names) < 2:
            continue
        swapped = _PREDICTED.search(names[0]) and _TRUE.search(names[1])
        pair = seen(given)
        function = obj.call if is_class else code
        if swapped and pair is not None and _matters(function, pair):
            yield _by_name(where, names)
        else:
            yield from _inside(where, {names[0]}, {names[1]}, obj, pair)
    for name in ("compute_loss", "train_step"):
        step = source.method(type(trial_.model), name) if name in trial_.own.methods else None
        if step is not None:
            yield from _inside(step, *_of_step(step), trial_.model)


def _matters(function: Any, pair: Seen) -> bool:
    """Tells whether a loss gives another value when its arguments are swapped, as far as it can be asked."""
    if pair.y_true.size != pair.y_pred.size:
        return False
    targets = pair.y_true.reshape(pair.y_pred.shape)
    there, back = called(function, targets, pair.y_pred), called(function, pair.y_pred, targets)
    return bool(np.isfinite([there, back]).all() and not np.isclose(there, back, rtol=1e-3))


def _by_name(where: source.Method, names: list[str]) -> Found:
    return Found(
        finding(
            "custom-loss-bug",
            "fault",
            0.85,
            f"`{where.node.name}({', '.join(names)})` is given the targets as `{names[0]}`",
            "Keras calls a loss with the targets first and the predictions second. The names say the reverse, and on "
            "the recorded batch the loss is another one when the two are swapped.",
            where.span,
            [Evidence("called with", "(targets, predictions)")],
        )
    )


def _inside(
    where: source.Method, trues: set[str], predicted: set[str], owner: Any, pair: Seen | None = None
) -> Iterator[Found]:
    for name, call in where.calls():
        if len(call.args) < 2 or not all(isinstance(a, ast.Name) for a in call.args[:2]):
            continue
        first, second = (a.id for a in call.args[:2] if isinstance(a, ast.Name))
        if first not in predicted or second not in trues or first in trues:
            continue
        if not _one_sided(name, call, owner, where):
            continue
        meant = _DIVERGENCE.search(name) is not None and (pair is None or not (pair.y_true <= 0).any())
        yield Found(
            finding(
                "custom-loss-bug",
                "note" if meant else "fault",
                0.3 if meant else 0.9,
                f"`{ast.unparse(call)[:60]}` takes the predictions for the targets",
                "The losses of Keras take the targets first and the predictions second. This one gives another value "
                "when they are swapped, and its gradient is not that of the loss it is named after.",
                where.span_of(call),
                [Evidence("first argument", f"`{first}`, the predictions")],
            )
        )
        return


def _one_sided(name: str, call: ast.Call, owner: Any, where: source.Method) -> bool:
    """Tells whether what is called is a one-sided loss of Keras: by its object where that can be had."""
    target: Any = None
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        if function.value.id == "self":
            target = getattr(owner, name, None)
        if target is None and function.value.id == "self":
            return False
    text = ast.unparse(function)
    if target is not None:
        kind = type(target)
        return objects.kind_of(target) == "loss" and bool(_ONE_SIDED.search(kind.__name__))
    keras_like = "losses." in text or text.startswith(("keras.", "ops.", "tf.keras."))
    return bool(_ONE_SIDED.search(name)) and keras_like and not inspect.isfunction(target)


def _of_step(step: source.Method) -> tuple[set[str], set[str]]:
    """Returns the names of targets and of predictions in a train step or `compute_loss`."""
    arguments = [a.arg for a in step.node.args.args]
    trues = {n for n in arguments if n == "y"}
    predicted = {n for n in arguments if n == "y_pred"}
    for statement in step.statements():
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Name) and value.id == "data":
            trues |= {n.id for n in target.elts[1:2] if isinstance(n, ast.Name)}
        made = value.func if isinstance(value, ast.Call) else None
        if isinstance(target, ast.Name) and isinstance(made, ast.Name) and made.id == "self":
            predicted.add(target.id)
    return trues, predicted - trues
