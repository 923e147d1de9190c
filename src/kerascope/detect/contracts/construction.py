"""Functional models: nothing that should be learnt is baked into the graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kerascope._keras import construction, holdings, objects
from kerascope.detect.contracts.case import Case, set_seed
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
    with construction.concrete_calls(is_users) as calls, construction.weights_read(is_users) as reads:
        models = _models(case, 0)
    if not models:
        raise Skip("it makes no model")
    found: list[Finding] = []
    for model in models:
        found += _in_functions(case, model)
        constants = construction.constants(model)
        if not constants:
            continue
        found += [*_layers(case, model, calls, constants), *_variables(case, model, constants)]
    yield from found
    if not found and any(construction.constants(model) for model in models):
        found += _read(case, models, reads)
        yield from found
    if not found and construction.is_model(case.original):
        yield from _remembered(case)


def _in_functions(case: Case, model: Any) -> Iterator[Finding]:
    for held in holdings.lambdas(model):
        yield case.broken(
            f"A Lambda layer of {case.subject.name} uses a {held.what} that the model does not know of",
            "A Lambda layer has no weights: what its function takes from around it is never trained, and not saved "
            "with the model.",
            evidence=[Evidence(held.what, held.path.split("(")[-1].rstrip(")"))],
            fixes=["Write a small layer: make the weight with add_weight in its build, use it in its call."],
        )


def _models(case: Case, more: int) -> list[Any]:
    """Returns the models that it makes, with weights that depend on `more`."""
    if "builder" in case.kinds:
        set_seed(case.seed + more)
        made = case.original()
    else:
        made = case.fresh(case.seed + more)
    return [value for value in objects.flatten(made) if construction.is_model(value)]


def _read(case: Case, models: Sequence[Any], reads: Sequence[construction.Read]) -> Iterator[Finding]:
    """Yields a finding when constants of the graph are others where weights and random numbers are others."""
    for model, other in zip(models, _models(case, 1), strict=False):
        names = construction.differing(construction.constants(model), construction.constants(other))
        if not names:
            continue
        if not reads:
            yield _drawn(case, names)
            return
        first = reads[0]
        yield case.broken(
            f"The value of a weight is baked into the graph of {case.subject.name}",
            "Between layers, a weight in an operation on values alone (ops.transpose(layer.kernel), "
            "layer.embeddings * 2) is computed at once, while the model is put together. What comes out is a constant: "
            "training and loading change the weight and leave it as it was.",
            evidence=[
                Evidence("weight", first.weight),
                Evidence("constants in the graph of", ", ".join(names)),
            ],
            location=SourceSpan(first.file, first.line, first.line),
            fixes=[
                "Use the weight inside a layer's call: class Tied(keras.layers.Layer) that is given the layer, and "
                "`return ops.matmul(x, ops.transpose(self.embedding.embeddings))` in its call."
            ],
        )
        return


def _remembered(case: Case) -> Iterator[Finding]:
    """Yields a finding when a constant of a model that was given as it is still knows what it was computed from."""
    constants = construction.constants(case.original)
    if names := [name for name, value in constants if construction.is_computed_from_weights(value)]:
        yield case.broken(
            f"A value of trainable weights is baked into the graph of {case.subject.name}",
            "A tensor of PyTorch was computed from weights that are trained, by a layer or an operation on values "
            "alone, before it was used between the layers. In the model it is a constant: those weights are never "
            "trained through it, and not saved with it.",
            evidence=[Evidence("constants in the graph of", ", ".join(dict.fromkeys(names)))],
            fixes=[_FIX],
        )


def _drawn(case: Case, names: Sequence[str]) -> Finding:
    return case.broken(
        f"Random numbers are baked into the graph of {case.subject.name}",
        "It was put together twice, and constants of its graph differ. What is drawn between layers is drawn once, "
        "while the model is put together: noise is the same in every step and for every batch.",
        evidence=[Evidence("constants in the graph of", ", ".join(names))],
        fixes=[
            "Draw in the call of a small layer with a keras.random.SeedGenerator, which runs anew in every step."
        ],
        severity="warning",
    )


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
