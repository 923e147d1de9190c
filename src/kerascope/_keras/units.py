"""The layers of a model as units to time by themselves: what each was called with on one batch."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras

from kerascope._keras import steps
from kerascope._keras.steps import Patches

MOST = 64


@dataclasses.dataclass
class Unit:
    """One layer and a call of it; `alike` counts calls of layers that are the same but for their weights."""

    layer: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    alike: int = 1
    seconds: float = 0.0
    both: float | None = None

    @property
    def own(self) -> bool:
        """Tells whether the layer's class is Keras's own."""
        return is_keras(self.layer)

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
            "file": file,
            "line": line,
            "calls": self.alike,
            "forward": self.seconds,
            "both": self.both,
            "dtype": str(getattr(self.layer, "compute_dtype", "")),
        }


def is_keras(layer: Any) -> bool:
    """Tells whether a layer's class is Keras's own."""
    return type(layer).__module__.split(".")[0] in ("keras", "keras_hub")


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
            units[key] = Unit(self, args, kwargs)
        return output

    with Patches() as patches:
        patches.put(keras.layers.Layer, "__call__", __call__)
        model(x, training=True)
    return list(units.values())


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
