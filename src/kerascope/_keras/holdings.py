"""What hangs on a Keras object beside its variables: layers, tensors and arrays that Keras may not see."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

_PLAIN = (str, bytes, int, float, complex, bool, type(None), type, np.generic, np.dtype, types.ModuleType)
_DEEPEST = 5
_MOST = 2000


@dataclasses.dataclass(frozen=True)
class Held:
    """Something that Keras does not see. `what` is "layer" or "variable"; `path` leads there from the object."""

    path: str
    what: str
    weights: int

    @property
    def name(self) -> str:
        """The last name on the path."""
        return self.path.replace("]", "").replace("[", ".").split(".")[-1].strip("'\"() ") or "layer"


def untracked(obj: Any) -> list[Held]:
    """Returns the layers and variables that hang on an object and that Keras does not track."""
    known = {id(v) for v in obj.variables} | {id(layer) for layer in obj._flatten_layers()}
    for metric in getattr(obj, "_metrics", ()):
        known |= {id(metric)} | {id(v) for v in metric.variables}
    return _unknown(obj, known)


def _unknown(obj: Any, known: set[int]) -> list[Held]:
    found = []
    for path, value in walk(obj):
        if id(value) in known:
            continue
        if isinstance(value, keras.layers.Layer):
            if value.weights or not value.built:
                found.append(Held(path, "layer", len(value.weights)))
                known |= {id(one) for one in value._flatten_layers()} | {id(v) for v in value.variables}
        elif isinstance(value, keras.Variable) and keras.backend.is_float_dtype(value.dtype):
            found.append(Held(path, "variable", 1))
            known.add(id(value))
    return found


def leaked(obj: Any) -> list[str]:
    """Returns the attributes that hold a tensor without values: one that a trace left behind."""
    from kerascope._keras.effects import is_placeholder

    return [path for path, value in walk(obj) if is_placeholder(value)]


def drawn_anew(one: Any, other: Any, args: Any, kwargs: Any) -> list[str]:
    """Returns the attributes whose arrays of floats differ between two objects made alike; `other` is not built yet."""
    try:
        other(*args, **kwargs)
    except Exception:  # it fails elsewhere too, and is reported there
        return []
    first, second = _arrays(one), _arrays(other)
    return [
        path
        for path, array in first.items()
        if path in second and array.shape == second[path].shape and not np.array_equal(array, second[path])
    ]


def _arrays(obj: Any) -> dict[str, np.ndarray]:
    """Returns the arrays and tensors of floats among the attributes that the class itself has set."""
    return {
        path: np.asarray(value)
        for path, value in walk(obj, into_layers=False)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size > 1
    }


def walk(obj: Any, into_layers: bool = True) -> Iterator[tuple[str, Any]]:
    """Yields path and value of everything that hangs on an object: attributes, containers, plain objects, closures.

    Keras's own bookkeeping is left out: the attributes that every layer has.
    """
    usual = set(vars(keras.layers.Layer())) | set(vars(keras.Sequential()))
    if isinstance(obj, keras.Model) and hasattr(obj, "_inputs_struct"):  # a functional one has its graph too
        one = keras.Input((1,))
        usual |= set(vars(keras.Model(one, keras.layers.Identity()(one))))
    seen: set[int] = {id(obj)}
    queue: list[tuple[str, Any, int]] = [
        (name, value, 0) for name, value in [*vars(obj).items(), *_shared(obj)] if _own(name, usual)
    ]
    while queue and len(seen) < _MOST:
        path, value, depth = queue.pop(0)
        if isinstance(value, _PLAIN) or id(value) in seen:
            continue
        seen.add(id(value))
        yield path, value
        if depth < _DEEPEST:
            queue += [(p, v, depth + 1) for p, v in _inside(path, value, usual, into_layers)]


def _shared(obj: Any) -> Iterator[tuple[str, Any]]:
    """Yields what the classes of an object hold for all their objects: layers, variables, and containers of these."""
    for cls in type(obj).__mro__:
        if not cls.__module__.startswith("keras."):
            kinds = (keras.layers.Layer, keras.Variable, list, tuple, dict)
            yield from ((name, value) for name, value in vars(cls).items() if isinstance(value, kinds))


def lambdas(model: Any) -> list[Held]:
    """Returns the layers and variables that functions of a model's Lambda layers use and the model does not have."""
    known = {id(v) for v in model.variables} | {id(layer) for layer in model._flatten_layers()}
    return [
        held
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.Lambda)
        for held in _unknown(layer, known)
    ]


def _own(name: str, usual: set[str]) -> bool:
    """Tells whether an attribute is the user's: neither one that every layer has, nor TensorFlow's bookkeeping."""
    return name not in usual and not name.startswith("_self_")


def _inside(path: str, value: Any, usual: set[str], into_layers: bool) -> Iterator[tuple[str, Any]]:
    if isinstance(value, keras.Variable):
        return
    if isinstance(value, keras.layers.Layer):
        if into_layers:
            yield from ((f"{path}.{name}", item) for name, item in vars(value).items() if _own(name, usual))
    elif isinstance(value, Mapping):
        yield from ((f"{path}[{key!r}]", item) for key, item in list(value.items()))
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"{path}[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, functools.partial):
        yield from ((f"{path}.{part}", item) for part, item in (("func", value.func), ("args", value.args)))
    elif isinstance(value, types.MethodType):
        yield f"{path}.__self__", value.__self__
    elif isinstance(value, types.FunctionType):
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            try:
                yield f"{path}({name})", cell.cell_contents
            except ValueError:  # not filled yet
                continue
    elif not str(type(value).__module__).startswith(("keras.", "numpy", "torch", "jax", "tensorflow")):
        yield from ((f"{path}.{name}", item) for name, item in getattr(value, "__dict__", {}).items())
