"""What a model was asked to do, as JSON values: losses and metrics as resolved, settings of layers, what ends where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from kerascope._keras.plain import plain

_LONGEST = 4000
_CHAIN = 24


def layer_settings(layer: Any, variables: Any) -> dict[str, Any]:
    """Returns what docs/recording.md says of a layer beside its topology: shape, settings, who wrote it."""
    custom = not type(layer).__module__.startswith("keras.")
    return {
        "custom": custom,
        "output_shape": _shape(layer),
        "config": {} if custom else _outer(layer) if _has_sublayers(layer) else _config(layer),
        "regularised": [v.path for v in variables if getattr(v, "regularizer", None) is not None],
        "supports_masking": bool(getattr(layer, "supports_masking", False)),
    }


def _outer(layer: Any) -> dict[str, Any]:
    """Returns the one setting of a layer that holds others which says what shape it answers in."""
    every = getattr(layer, "return_sequences", None)
    return {"return_sequences": every} if isinstance(every, bool) else {}


def _has_sublayers(layer: Any) -> bool:
    return bool(getattr(layer, "_layers", ()))


def _config(obj: Any) -> dict[str, Any]:
    try:
        config = plain(obj.get_config())
    except Exception as error:  # an object of the user's inside (an initialiser, say) may have no working one
        return {"error": f"{type(error).__name__}: {error}"[:200]}
    return config if isinstance(config, dict) and len(str(config)) < _LONGEST else {}


def _shape(layer: Any) -> list[int | None] | None:
    """Returns the shape of the layer's only output, None where it has none yet, or several."""
    nodes = getattr(layer, "_inbound_nodes", ())
    if not nodes:
        return None
    tensors = keras.tree.flatten(nodes[0].outputs)
    if len(tensors) != 1:
        return None
    return [None if n is None else int(n) for n in tensors[0].shape]


def settings(model: Any, layer_names: dict[int, str]) -> dict[str, Any]:
    """Returns resolved losses and metrics and, of functional models, what comes before each output."""
    return {
        "losses": list(_losses(model)),
        "measures": list(_metrics(model)),
        "outputs": _outputs(model, layer_names),
        "order": _order(model, layer_names),
    }


def _losses(model: Any) -> Iterator[dict[str, Any]]:
    compiled = getattr(model, "_compile_loss", None)
    for entry in getattr(compiled, "_flat_losses", None) or ():
        function = entry.loss
        config = _config(function) if isinstance(function, keras.Loss) else {}
        inner = getattr(function, "fn", None)
        yield {
            "name": str(entry.name),
            "key": "/".join(str(part) for part in entry.path),
            "class": type(function).__name__,
            "function": getattr(inner or function, "__name__", None),
            "custom": not _is_keras(function) or (inner is not None and not _is_keras(inner)),
            "from_logits": bool(config.get("from_logits", False)),
            "weight": _number(entry.loss_weights),
            "reduction": str(getattr(function, "reduction", "")),
            "config": config,
        }


def _metrics(model: Any) -> Iterator[dict[str, Any]]:
    compiled = getattr(model, "_compile_metrics", None)
    for metric in getattr(compiled, "metrics", None) or ():
        inner = getattr(metric, "_fn", None)
        yield {
            "name": str(metric.name),
            "class": type(metric).__name__,
            "function": getattr(inner, "__name__", None),
            "custom": not _is_keras(metric) or (inner is not None and not _is_keras(inner)),
            "config": _config(metric) if _is_keras(metric) else {},
        }


def _is_keras(obj: Any) -> bool:
    module = getattr(obj, "__module__", None) or type(obj).__module__
    return str(module).startswith("keras.")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _outputs(model: Any, names: dict[int, str]) -> list[dict[str, Any]]:
    """Returns for each output its shape and the layers before it, the last one first, up to where several meet."""
    structure = getattr(model, "_outputs_struct", None)
    if structure is None:
        structure = getattr(model, "outputs", None) or []
    found = []
    for key, tensor in keyed(structure):
        if not hasattr(tensor, "_keras_history"):
            return []
        found.append(
            {
                "name": str(getattr(tensor, "name", "")),
                "key": key,
                "shape": [None if n is None else int(n) for n in tensor.shape],
                "before": list(_before(tensor, names)),
            }
        )
    return found


def keyed(structure: Any) -> list[tuple[str, Any]]:
    """Returns the leaves of nested outputs with their keys, e.g. "price" or "0/mean"; "" for a single one."""
    if isinstance(structure, dict):
        parts = [(str(key), value) for key, value in structure.items()]
    elif isinstance(structure, (list, tuple)):
        if len(structure) == 1:
            return keyed(structure[0])
        parts = [(str(index), value) for index, value in enumerate(structure)]
    else:
        return [("", structure)]
    return [(f"{name}/{inner}".rstrip("/"), leaf) for name, value in parts for inner, leaf in keyed(value)]


def _before(tensor: Any, names: dict[int, str]) -> Iterator[str]:
    for _ in range(_CHAIN):
        history = getattr(tensor, "_keras_history", None)
        if history is None:
            return
        operation, node, index = history
        inner = getattr(operation, "outputs", None) if isinstance(operation, keras.Model) else None
        if inner:
            yield from _before(keras.tree.flatten(inner)[index], names)
        elif id(operation) in names:
            yield names[id(operation)]
        else:
            yield f"op:{operation.name}"
        sources = operation._inbound_nodes[node].input_tensors
        if len(sources) != 1:
            return
        tensor = sources[0]


def _order(model: Any, names: dict[int, str]) -> list[str]:
    """Returns the layers of a functional model in the order in which they compute, nested ones opened."""
    found: list[str] = []
    for operation in _operations(model):
        if isinstance(operation, keras.Model) and _operations(operation):
            found += _order(operation, names)
        elif id(operation) in names:
            found.append(names[id(operation)])
    return found


def _operations(model: Any) -> list[Any]:
    """Returns what a functional or sequential model runs, in its order; empty for one with a `call` of its own."""
    if isinstance(model, keras.Sequential):
        return list(model.layers)
    return list(getattr(model, "operations", None) or ())
