"""What hangs on a Keras object beside its variables: layers, tensors and arrays that Keras may not see."""

from __future__ import annotations

import dataclasses
import dis
import functools
import inspect
import sys
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
    """Something that Keras does not see. `what` is "layer" or "variable"; `path` leads there from the object.

    `outside` says that `call` takes it from around the class, and `path` is the name that it has there.
    """

    path: str
    what: str
    weights: int
    outside: bool = False

    @property
    def name(self) -> str:
        """The last name on the path that an attribute may have."""
        names = self.path.replace("]", "").replace("[", ".").split(".")
        return next(
            (name for one in reversed(names) if (name := one.strip("'\"() ")).isidentifier()), "layer"
        )


def untracked(obj: Any) -> list[Held]:
    """Returns the layers and variables that hang on an object and that Keras does not track."""
    known = {id(v) for v in obj.variables} | {id(layer) for layer in obj._flatten_layers()}
    for metric in getattr(obj, "_metrics", ()):
        known |= {id(metric)} | {id(v) for v in metric.variables}
    found = _unknown(obj, known)
    return found or [*_native(obj), *_around(obj, known)]


def _native(obj: Any) -> Iterator[Held]:
    """Yields the variables of the backend itself that hang on an object and that no variable of Keras is made of."""
    kind = variable_of_the_backend()
    if kind is None:
        return
    known = {id(getattr(v, "_value", None)) for v in obj.variables}
    inner = getattr(obj, "_parameters", None)  # where torch keeps those that are set as attributes
    held = [*(inner.items() if isinstance(inner, dict) else ()), *walk(obj, into_layers=False)]
    for path, value in held:
        if isinstance(value, kind) and id(value) not in known and _trains(value):
            yield Held(path, "variable", 1)
            return


def variable_of_the_backend() -> Any:
    """Returns the class of what the backend itself trains, None where it has none."""
    name = {"tensorflow": "Variable", "torch": "nn.Parameter"}.get(keras.backend.backend())
    module: Any = sys.modules.get(keras.backend.backend())
    return None if name is None or module is None else functools.reduce(getattr, name.split("."), module)


def _trains(value: Any) -> bool:
    return bool(getattr(value, "trainable", getattr(value, "requires_grad", False)))


def _around(obj: Any, known: set[int]) -> Iterator[Held]:
    """Yields what the `call` of an object's class takes from around the class, and that is trained."""
    call = getattr(type(obj), "call", None)
    if not isinstance(call, types.FunctionType) or call.__module__.startswith("keras."):
        return
    taken = inspect.getclosurevars(call)
    loaded = {one.argval for one in dis.get_instructions(call) if one.opname == "LOAD_GLOBAL"}
    names = {**{k: v for k, v in taken.globals.items() if k in loaded}, **taken.nonlocals}
    for name, value in names.items():
        weights = value.trainable_variables if isinstance(value, keras.layers.Layer) else [value]
        weights = [v for v in weights if isinstance(v, keras.Variable) and v.trainable and id(v) not in known]
        if weights:
            what = "layer" if isinstance(value, keras.layers.Layer) else "variable"
            yield Held(name, what, len(weights), outside=True)
            return


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


def computed_from_weights(obj: Any) -> dict[str, Any]:
    """Returns the tensors that an object or its class holds, and that remember that they were computed from weights."""
    return {path: value for path, value in walk(obj) if getattr(value, "grad_fn", None) is not None}


def drawn_anew(one: Any, other: Any, args: Any, kwargs: Any) -> list[str]:
    """Returns the attributes whose arrays differ between two objects made alike, neither of which is built yet."""
    found = _differing(_arrays(one, tensors=True), _arrays(other, tensors=True))
    if found:
        return found
    try:
        for each in (one, other):
            each(*args, **kwargs)
    except Exception:  # it fails elsewhere too, and is reported there
        return []
    return _differing(_arrays(one), _arrays(other))


def _differing(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> list[str]:
    return [
        path
        for path, array in first.items()
        if path in second and array.shape == second[path].shape and not np.array_equal(array, second[path])
    ]


def _arrays(obj: Any, tensors: bool = False) -> dict[str, np.ndarray]:
    """Returns the arrays, and where asked the tensors, of numbers among the attributes that the class has set."""
    found = {}
    for path, value in walk(obj, into_layers=False):
        if isinstance(value, np.ndarray) or (tensors and _has_values(value)):
            array = np.asarray(keras.ops.convert_to_numpy(value))
            if array.dtype.kind in "fiu" and array.size > 1:
                found[path] = array
    return found


def _has_values(value: Any) -> bool:
    from kerascope._keras.effects import is_placeholder

    return bool(keras.ops.is_tensor(value)) and not is_placeholder(value)


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
