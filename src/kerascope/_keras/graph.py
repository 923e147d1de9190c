"""What a model is made of, as plain JSON values: layers, variables, compile arguments, optimizer."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from kerascope._keras import program, quirks
from kerascope._keras.plain import plain
from kerascope._keras.sites import Sites, shown_name
from kerascope._keras.state import is_default, unique_names
from kerascope.whose import is_users

_SOURCE_LIMIT = 200_000


def layer_tree(model: Any) -> Iterator[tuple[Any, int]]:
    """Yields every layer below `model` with its depth, each once, parents before children."""
    seen: set[int] = {id(model)}
    stack = [(layer, 1) for layer in reversed(list(_children(model)))]
    while stack:
        layer, depth = stack.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        yield layer, depth
        stack += [(child, depth + 1) for child in reversed(list(_children(layer)))]


def _children(layer: Any) -> list[Any]:
    return list(getattr(layer, "_layers", ()))


def layer_keys(model: Any) -> dict[int, str]:
    """Returns a unique readable name for each layer (by id): its path, or its name while it has none."""
    layers = [layer for layer, _ in layer_tree(model)]
    names = unique_names([str(getattr(layer, "path", None) or layer.name) for layer in layers])
    return {id(layer): name for layer, name in zip(layers, names, strict=True)}


def variable_keys(model: Any) -> dict[int, str]:
    """Returns a unique readable name for each variable of the model (by id): its path."""
    variables = list(model.variables)
    names = unique_names([variable.path for variable in variables])
    return {id(variable): name for variable, name in zip(variables, names, strict=True)}


def own_variables(layer: Any) -> list[Any]:
    """Returns the variables a layer made itself, without those of its sublayers."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


@quirks.without_tensorflow()
def facts(model: Any, sites: Sites | None = None) -> dict[str, Any]:
    """Returns the model's topology and settings; see docs/recording.md for the keys."""
    layer_names = layer_keys(model)
    variable_names = variable_keys(model)
    layers, variables = [], []
    for layer, depth in [(model, 0), *layer_tree(model)]:
        key = layer_names.get(id(layer), "")
        own = [v for v in own_variables(layer) if id(v) in variable_names]
        if depth or own:
            layers.append(_layer_facts(layer, key, depth, [variable_names[id(v)] for v in own]))
        variables += [_variable_facts(v, variable_names[id(v)], key) for v in own]
    return {
        "layers": layers,
        "variables": variables,
        "compile": _compile_facts(model),
        "optimizer": _optimizer_facts(getattr(model, "optimizer", None)),
        "custom": {
            "train_step": not is_default(model, "train_step"),
            "compute_loss": not is_default(model, "compute_loss"),
        },
        "program": program.settings(model, layer_names),
        **(sites.facts(model, layer_names) if sites is not None else {}),
    }


def _layer_facts(layer: Any, key: str, depth: int, weights: list[str]) -> dict[str, Any]:
    activation = getattr(layer, "activation", None)
    return {
        "path": key,
        "name": layer.name,
        "class": type(layer).__name__,
        "depth": depth,
        "trainable": bool(layer.trainable),
        "parameters": sum(_size(v) for v in own_variables(layer)),
        "weights": weights,
        "activation": getattr(activation, "__name__", None) if activation is not None else None,
        **program.layer_settings(layer, own_variables(layer)),
    }


def _variable_facts(variable: Any, key: str, layer: str) -> dict[str, Any]:
    return {
        "path": key,
        "layer": layer,
        "shape": [int(n) for n in variable.shape],
        "dtype": str(variable.dtype),
        "trainable": bool(variable.trainable),
    }


def _size(variable: Any) -> int:
    size = 1
    for n in variable.shape:
        size *= int(n)
    return size


def _compile_facts(model: Any) -> dict[str, Any]:
    loss = getattr(model, "loss", None)
    metrics = [
        one.name
        for metric in getattr(model, "metrics", [])
        for one in (getattr(metric, "metrics", None) or [metric])
    ]
    return {
        "loss": plain(keras.tree.map_structure(_named, loss))
        if loss is not None and not callable(loss)
        else _named(loss),
        "metrics": metrics,
        "jit_compile": bool(getattr(model, "jit_compile", False)),
        "run_eagerly": bool(getattr(model, "run_eagerly", False)),
        "steps_per_execution": int(getattr(model, "steps_per_execution", 1) or 1),
    }


def _named(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return getattr(value, "name", None) or getattr(value, "__name__", None) or type(value).__name__


def _optimizer_facts(optimizer: Any) -> dict[str, Any]:
    if optimizer is None:
        return {"class": None, "config": {}}
    try:
        config = plain(optimizer.get_config())
    except Exception as error:  # a user's optimizer may have no working get_config
        config = {"error": f"{type(error).__name__}: {error}"}
    return {"class": type(optimizer).__name__, "config": config}


def source_files(model: Any) -> dict[str, str]:
    """Returns the user's own source as text by file name: the script and the modules of custom classes."""
    objects: list[Any] = [type(model), *(type(layer) for layer, _ in layer_tree(model))]
    loss = getattr(model, "loss", None)
    if callable(loss):
        objects.append(loss if inspect.isfunction(loss) else type(loss))
    names = {cls.__module__ for item in objects for cls in getattr(item, "__mro__", (item,))}
    sources = {}
    for name in sorted({*names, "__main__"}):
        path = getattr(sys.modules.get(name), "__file__", None)
        if path and is_users(path):
            try:
                text = Path(path).read_text(encoding="utf-8", errors="replace")
                sources[shown_name(path)] = text[:_SOURCE_LIMIT]
            except OSError:
                continue  # a module that came from a zip or is gone has no text to keep
    return sources
