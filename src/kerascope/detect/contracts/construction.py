"""Functional models: nothing that should be learnt is baked into the graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kerascope._keras import construction, objects
from kerascope.detect.contracts.case import Case
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.probe.lines.install import is_users
from kerascope.values import Evidence, Finding, SourceSpan

_FIX = (
    "Do it inside a layer's call, where it runs anew in every step: class Positions(keras.layers.Layer) with the "
    "sub-layer made in __init__ and `return x + self.table(ops.arange(n))` in call, or add_weight in its build."
)


@contract("baked-weights", kinds=("builder", "model"))
def baked_weights(case: Case) -> Iterator[Finding]:
    """No layer is called on values while a functional model is put together, as its weights would never be trained."""
    with construction.concrete_calls(is_users) as calls:
        made = case.original() if "builder" in case.kinds else case.fresh()
    models = [value for value in objects.flatten(made) if construction.is_model(value)]
    if not models:
        raise Skip("it makes no model")
    for model in models:
        constants = construction.constants(model)
        if not constants:
            continue
        yield from _layers(case, model, calls, constants)
        yield from _variables(case, model, constants)


def _layers(case: Case, model: Any, calls: Any, constants: Any) -> Iterator[Finding]:
    values = {id(value) for _, value in constants}
    for call in calls:
        missing = construction.missing_weights(call.layer, model)
        if not missing and not any(id(output) in values for output in call.outputs):
            continue
        yield case.broken(
            f"{type(call.layer).__name__} is called on values while {case.subject.name} is put together",
            "What it returned is a constant of the model: its weights are baked in as they were at that moment. They "
            "are not among the model's weights, are never trained, and not saved with it.",
            evidence=[
                Evidence("layer", call.layer.name),
                Evidence("weights", ", ".join(missing) or "part of the model by another call"),
                Evidence(
                    "constants in the graph of", ", ".join(dict.fromkeys(name for name, _ in constants))
                ),
            ],
            location=SourceSpan(call.file, call.line, call.line),
            fixes=[_FIX],
        )


def _variables(case: Case, model: Any, constants: Any) -> Iterator[Finding]:
    known = {id(weight) for weight in model.weights}
    for operation, value in constants:
        if construction.is_variable(value) and id(value) not in known:
            yield case.broken(
                f"A variable that {case.subject.name} does not know of is used in its graph",
                "A functional model finds its weights in its layers. A keras.Variable that is used in an operation "
                "between them is not among the model's weights: it is never trained, and not saved.",
                evidence=[Evidence("variable", value.path), Evidence("operation", operation)],
                location=case.where("__init__"),
                fixes=["Make it with add_weight in the build of a small layer, and use it in its call."],
            )
