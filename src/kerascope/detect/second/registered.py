"""Weights that Keras cannot see, and layers frozen as they were made: neither ever learns."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import holdings, making, objects, state
from kerascope.detect.second import source
from kerascope.detect.second.frozen import as_made
from kerascope.detect.second.trial import Found, Trial, finding
from kerascope.values import Evidence, Lever, SourceSpan

_DRAWING = (
    "random",
    "normal",
    "uniform",
    "initializer",
    "glorot",
    "he_",
    "rand",
    "randn",
    "truncated_normal",
    "add_weight",
)
_MEANT = (
    "fourier",
    "random",
    "fixed",
    "frozen",
    "hash",
    "projection",
    "positional",
    "sin",
    "cos",
    "reservoir",
)


def look(trial_: Trial) -> Iterator[Found]:
    """Yields weights out of Keras's sight, then frozen ones that nobody has trained."""
    for layer in [*trial_.own.layers, *([trial_.model] if "call" in trial_.own.methods else [])]:
        found = next(_hidden(layer), None)
        if found is not None:
            yield found
    yield from _set_fixed(trial_)
    yield from _frozen(trial_)


def _set_fixed(trial_: Trial) -> Iterator[Found]:
    """A weight made with `trainable=False` and random numbers, which `call` computes with."""
    for layer in trial_.own.layers:
        for name, variable in vars(layer).items():
            if (
                not objects.is_variable(variable)
                or variable.trainable
                or len(variable.shape) < 2
                or not layer.trainable
            ):
                continue
            place = _assigned(type(layer), name, drawn=True)
            if (
                place is None
                or "trainable=False" not in (place.expression or "")
                or not _used(type(layer), name)
            ):
                continue
            if float(np.std(objects.to_numpy(variable.value))) == 0:
                continue
            yield Found(
                finding(
                    "frozen-weights",
                    "fault",
                    0.85,
                    f"`self.{name}` of `{type(layer).__name__}` is random and made with `trainable=False`",
                    "`call` computes with it, and it keeps the random numbers that it was made with. If it is to "
                    "learn, take `trainable=False` away.",
                    dataclasses.replace(place, layer=str(layer.name)),
                    [Evidence("numbers that never change", int(np.prod(variable.shape)))],
                    [[Lever("line", "trainable", None)]],
                ),
                "still",
                (trial_.name(variable),),
            )


def _hidden(layer: Any) -> Iterator[Found]:
    for held in holdings.untracked(layer):
        place = _assigned(type(layer), held.path)
        if place is None:
            continue
        yield _unseen(
            layer,
            held.path,
            place,
            f"Keras looks for weights in attributes, and in lists, dicts and tuples in them. What is in "
            f"`self.{held.path}` is found in none of these, so it is not in `layer.weights`: not trained, not saved.",
        )
    for path, value in holdings.walk(layer, into_layers=False):
        if tensors.kind(value) != "tensor" or objects.is_variable(value) or "[" in path or "." in path:
            continue
        array = tensors.array_of(value)
        if array is None or array.dtype.kind != "f" or array.size < 4 or not array.ndim or array.std() == 0:
            continue
        place = _assigned(type(layer), path, drawn=True)
        if place is None or not _used(type(layer), path):
            continue
        yield _unseen(
            layer,
            path,
            place,
            f"`self.{path}` holds random numbers in a plain array and `call` computes with them. It is no variable, so "
            "no optimizer ever changes it, and it is in no saved file.",
        )


def _unseen(layer: Any, path: str, place: SourceSpan, why: str) -> Found:
    return Found(
        finding(
            "frozen-weights",
            "fault",
            0.93,
            f"`self.{path}` of `{type(layer).__name__}` is no weight that Keras knows of, and never learns",
            f"{why} Make it with `self.add_weight(shape=..., initializer=...)` in `build`, or keep the layer in an "
            "attribute.",
            dataclasses.replace(place, layer=str(layer.name)),
            [Evidence("registered weights of the layer", len(layer.weights))],
        )
    )


def _assigned(cls: type, path: str, *, drawn: bool = False) -> SourceSpan | None:
    """Returns where the class gives this attribute its value; with `drawn` only where that is drawn at random."""
    name = path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0].split("(", maxsplit=1)[0]
    found: list[tuple[bool, SourceSpan]] = []
    for method in ("build", "__init__", "call"):
        where = source.method(cls, method)
        for statement in where.statements() if where is not None else ():
            if not isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr)):
                continue
            text, value = (
                ast.unparse(statement),
                "" if statement.value is None else ast.unparse(statement.value),
            )
            assigns = not isinstance(statement, ast.Expr) and text.startswith(f"self.{name}")
            if not assigns and not (isinstance(statement, ast.Expr) and f"self.{name}" in text):
                continue
            if where is not None and (not drawn or any(word in value.lower() for word in _DRAWING)):
                found.append((not assigns, where.span_of(statement)))
    return min(found, key=lambda each: each[0])[1] if found else None


def _used(cls: type, name: str) -> bool:
    """Tells whether `call` computes with an attribute, and says nothing of its being fixed on purpose."""
    where, whole = source.method(cls, "call"), source.class_node(cls)
    if where is None or whole is None:
        return False
    text = ast.unparse(where.node).lower()
    if any(word in cls.__name__.lower() or f"{word}(" in text for word in _MEANT):
        return False
    return f"self.{name}" in ast.unparse(where.node)


def _frozen(trial_: Trial) -> Iterator[Found]:
    """A layer that is frozen and yet is what its initialisers made: random numbers that stay."""
    for layer in frozen_layers(trial_.model):
        variables = [v for v in layer.variables if not v.trainable]
        if not any(len(v.shape) >= 2 for v in variables) or not as_made(trial_.model, variables):
            continue
        place = _where_frozen(trial_, layer)
        size = sum(int(np.prod(v.shape)) for v in variables)
        yield Found(
            finding(
                "frozen-weights",
                "fault",
                0.9,
                f"`{layer.name}` is frozen with the random weights it was made with",
                f"Its {len(variables)} variables ({size:,} numbers) are not trainable, and they still are what their "
                "initialisers make: biases and shifts one number throughout, the others with the spread of the "
                "initialiser. Nothing was trained or loaded before it was frozen. Let it train, or load weights first.",
                dataclasses.replace(place, layer=str(layer.name)),
                [
                    Evidence("frozen numbers", size),
                    Evidence("trainable variables", len(trial_.model.trainable_variables)),
                ],
                [[Lever("line", "trainable", "True")]],
            ),
            "behind",
        )
        return


def frozen_layers(model: Any) -> list[Any]:
    """Returns the outermost frozen layers that have weights which could be trained."""
    found: list[Any] = []
    inside: set[int] = set()
    for layer in state.layers_of(model):
        if id(layer) in inside or layer.trainable or not making.could_train(layer):
            continue
        found.append(layer)
        inside |= {id(one) for one in state.layers_of(layer)}
    return found


def _where_frozen(trial_: Trial, layer: Any) -> SourceSpan:
    """Returns the statement that sets `trainable` to False: that of this layer's name or variable, or the only one."""
    found = []
    for file in trial_.files():
        parsed = source.tree(file)
        for node in ast.walk(parsed) if parsed is not None else ():
            if (
                isinstance(node, ast.Assign)
                and any(isinstance(t, ast.Attribute) and t.attr == "trainable" for t in node.targets)
                and ast.unparse(node.value) != "True"
            ):
                found.append(source.span(file, node))
            if isinstance(node, ast.Call) and any(
                given.arg == "trainable" and ast.unparse(given.value) == "False" for given in node.keywords
            ):
                found.append(SourceSpan(file, node.lineno, node.end_lineno, "trainable=False"))
    named = [p for p in found if p.expression and layer.name in p.expression]
    plain = [p for p in found if p.expression and p.expression.endswith("False")]
    return (named or plain or found or [SourceSpan()])[0]
