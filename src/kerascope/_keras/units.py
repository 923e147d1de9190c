"""The layers of a model as units to time by themselves: what each was called with on one batch."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from kerascope._keras import steps
from kerascope._keras.steps import Patches

MOST = 64
_BYTES = {"float64": 8, "int64": 8, "uint64": 8, "float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2}
_BYTES |= {"int8": 1, "uint8": 1, "bool": 1}


_KERAS = re.compile(r"keras.src\b")
_OPERATIONS = re.compile(r"keras.src.(ops|backend|utils|random|tree)\b")


class Spec(NamedTuple):
    """Shape and dtype of an array, without the array."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def bytes(self) -> int:
        """Memory of the array."""
        return math.prod(self.shape) * _BYTES.get(self.dtype, 4)


@dataclasses.dataclass
class Unit:
    """One layer and a call of it; `alike` counts calls of layers that are the same but for their weights."""

    layer: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    alike: int = 1
    seconds: float = 0.0
    both: float | None = None
    outputs: list[Spec] = dataclasses.field(default_factory=list)

    @property
    def own(self) -> bool:
        """Tells whether the layer's class is Keras's own."""
        return is_keras(self.layer)

    @property
    def prepares(self) -> bool:
        """Tells whether the layer changes data as Keras's preprocessing does: nothing in it is trained."""
        return self.own and ".preprocessing." in type(self.layer).__module__

    @property
    def whole(self) -> float:
        """Seconds of all calls, with gradient where that was measured."""
        return (self.both if self.both is not None else self.seconds) * self.alike

    def facts(self) -> dict[str, Any]:
        """Returns name, class, place and times as plain data; a layer of the user has a place."""
        file, line = "", 0
        if not self.own:
            try:
                file = inspect.getsourcefile(type(self.layer)) or ""
                line = self.layer.call.__code__.co_firstlineno
            except (TypeError, AttributeError):
                line = 0
        path = str(getattr(self.layer, "path", None) or self.layer.name)
        return {
            "layer": path,
            "class": type(self.layer).__name__,
            "own": self.own,
            "prepares": self.prepares,
            "file": file,
            "line": line,
            "calls": self.alike,
            "forward": self.seconds,
            "both": self.both,
            "output": sum(one.bytes for one in self.outputs),
            "dtype": str(getattr(self.layer, "compute_dtype", "")),
        }


def _spec(array: Any) -> Spec:
    return Spec(tuple(int(n) for n in array.shape), keras.backend.standardize_dtype(array.dtype))


def is_keras(layer: Any) -> bool:
    """Tells whether a layer's class is Keras's own."""
    return type(layer).__module__.split(".")[0] in ("keras", "keras_hub")


def acts_by_itself(file: str) -> bool:
    """Tells whether code of this file starts operations of its own: Keras's layers, losses, optimizers; not its ops."""
    return _KERAS.search(file) is not None and _OPERATIONS.search(file) is None


def in_layer(frame: Any) -> bool:
    """Tells whether a stack frame is inside the call of a layer that is no model."""
    while frame is not None:
        owner = frame.f_locals.get("self") if frame.f_code.co_name == "__call__" else None
        if isinstance(owner, keras.layers.Layer) and not isinstance(owner, keras.Model):
            return True
        frame = frame.f_back
    return False


def captured(model: Any, x: Any) -> list[Unit]:
    """Runs the model on `x` and returns its layers as units: those of Keras whole, the user's own whole.

    Models are opened, whoever wrote them.
    """
    units: dict[Any, Unit] = {}
    original: Callable[..., Any] = vars(keras.layers.Layer)["__call__"]
    depth = [0]

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        opened = isinstance(self, (keras.Model, keras.layers.InputLayer))
        if opened or depth[0]:
            return original(self, *args, **kwargs)
        depth[0] += 1
        try:
            output = original(self, *args, **kwargs)
        finally:
            depth[0] -= 1
        key = _key(self, args, kwargs)
        if key in units:
            units[key].alike += 1
        elif len(units) < MOST:
            arrays = [one for one in steps.flatten(output) if keras.ops.is_tensor(one)]
            units[key] = Unit(self, args, kwargs, outputs=[_spec(one) for one in arrays])
        return output

    with Patches() as patches:
        patches.put(keras.layers.Layer, "__call__", __call__)
        model(x, training=True)
    return list(units.values())


def accepted(layer: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Returns those arguments that a layer's `call` takes: Keras hands `training` to all, and drops it on the way."""
    parameters = inspect.signature(layer.call).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        return kwargs
    return {name: value for name, value in kwargs.items() if name in parameters}


def _key(layer: Any, args: Any, kwargs: Any) -> Any:
    shapes = tuple(
        (str(getattr(leaf, "shape", None)), str(getattr(leaf, "dtype", type(leaf))))
        for leaf in steps.flatten((args, kwargs))
    )
    if not is_keras(layer):
        return (id(layer), shapes)
    try:
        config = {key: value for key, value in layer.get_config().items() if key != "name"}
    except Exception:  # a layer that cannot say what it is, is like no other
        return (id(layer), shapes)
    return (type(layer).__name__, repr(config), shapes)
