"""Hooks on Keras's training: put in place, and taken away to the last attribute.

All patches are on classes, never on a model, an optimizer or a layer: nothing of ours can get into a saved
file. The one thing set on a model is `train_function`, which Keras itself sets and clears.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import keras

from kerascope._keras import state

_MISSING = object()


class Patches:
    """Class attributes replaced for a while; `undo` restores each one exactly as it stood."""

    def __init__(self) -> None:
        self._saved: list[tuple[Any, str, Any]] = []

    def put(self, owner: Any, name: str, value: Any) -> None:
        """Replaces `owner.name`, remembering whether `owner` had it itself or inherited it."""
        self._saved.append((owner, name, vars(owner).get(name, _MISSING)))
        setattr(owner, name, value)

    def undo(self) -> None:
        while self._saved:
            owner, name, value = self._saved.pop()
            if value is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, value)

    def __enter__(self) -> Patches:
        return self

    def __exit__(self, *_: object) -> None:
        self.undo()


class Observer(Protocol):
    """Who wants to know about trainings. Methods must not raise."""

    def make_train_function(self, model: Any) -> None: ...
    def fit_enter(self, model: Any, arguments: dict[str, Any]) -> None: ...
    def fit_begin(self, model: Any, params: dict[str, Any]) -> None: ...
    def fit_end(self, model: Any, outcome: str) -> None: ...
    def epoch_begin(self, model: Any, epoch: int) -> None: ...
    def epoch_end(self, model: Any, epoch: int, logs: dict[str, Any]) -> None: ...
    def used(self, model: Any, method: str, x: Any) -> None: ...


def watch_trainings(observer: Observer) -> Patches:
    """Tells `observer` about every training of every model from now on, until `undo` of the result."""
    patches = Patches()
    hide_from_tracebacks(patches)
    state.note_global_seed(patches)
    patches.put(keras.Model, "fit", _fit(keras.Model.fit, observer))
    patches.put(keras.Model, "make_train_function", _make(keras.Model.make_train_function, observer))
    for name in ("evaluate", "predict"):
        patches.put(keras.Model, name, _use(getattr(keras.Model, name), name, observer))
    callbacks = keras.callbacks.CallbackList
    patches.put(callbacks, "on_train_begin", _train_begin(callbacks.on_train_begin, observer))
    patches.put(callbacks, "on_epoch_begin", _epoch_begin(callbacks.on_epoch_begin, observer))
    patches.put(callbacks, "on_epoch_end", _epoch_end(callbacks.on_epoch_end, observer))
    return patches


def hide_from_tracebacks(patches: Patches) -> None:
    """Lets Keras's traceback filter treat our frames like its own.

    Keras shows the last frame of its own only when no other frame is left; ours must not count as such.
    """
    filtering = keras.src.utils.traceback_utils
    paths = getattr(filtering, "_EXCLUDED_PATHS", None)
    if paths is not None:
        ours = str(Path(__file__).resolve().parents[1])
        patches.put(filtering, "_EXCLUDED_PATHS", type(paths)([*paths, ours]))


def _fit(original: Callable[..., Any], observer: Observer) -> Callable[..., Any]:
    names = list(inspect.signature(original).parameters)[1:]

    @functools.wraps(original)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        outcome = "failed"
        observer.fit_enter(self, {**dict(zip(names, args, strict=False)), **kwargs})
        try:
            result = original(self, *args, **kwargs)
            outcome = "stopped" if getattr(self, "stop_training", False) else "finished"
            return result
        except KeyboardInterrupt:
            outcome = "interrupted"
            raise
        finally:
            observer.fit_end(self, outcome)

    return fit


def _use(original: Callable[..., Any], name: str, observer: Observer) -> Callable[..., Any]:
    @functools.wraps(original)
    def use(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        observer.used(self, name, args[0] if args else kwargs.get("x"))
        return result

    return use


def _make(original: Callable[..., Any], observer: Observer) -> Callable[..., Any]:
    @functools.wraps(original)
    def make_train_function(self: Any, force: bool = False) -> Any:
        result = original(self, force=force)
        observer.make_train_function(self)
        return result

    return make_train_function


def _train_begin(original: Callable[..., Any], observer: Observer) -> Callable[..., Any]:
    @functools.wraps(original)
    def on_train_begin(self: Any, logs: Any = None) -> None:
        original(self, logs)
        observer.fit_begin(callback_model(self), dict(self.params or {}))

    return on_train_begin


def _epoch_begin(original: Callable[..., Any], observer: Observer) -> Callable[..., Any]:
    @functools.wraps(original)
    def on_epoch_begin(self: Any, epoch: int, logs: Any = None) -> None:
        observer.epoch_begin(callback_model(self), epoch)
        original(self, epoch, logs)

    return on_epoch_begin


def _epoch_end(original: Callable[..., Any], observer: Observer) -> Callable[..., Any]:
    @functools.wraps(original)
    def on_epoch_end(self: Any, epoch: int, logs: Any = None) -> None:
        observer.epoch_end(callback_model(self), epoch, dict(logs or {}))
        original(self, epoch, logs)

    return on_epoch_end


def callback_model(callback: Any) -> Any:
    """Returns a callback's model without the device sync that reading `callback.model` causes on JAX."""
    return callback._model


def callback_list() -> Any:
    """Returns the class that calls a training's callbacks."""
    return keras.callbacks.CallbackList


def replace_train_function(model: Any, function: Any) -> None:
    """Sets `model.train_function`, the slot in which Keras keeps its compiled step."""
    model.train_function = function


def keras_function(model: Any) -> Any:
    """Returns the step function Keras made, also while our shell is around it."""
    return getattr(model.train_function, "kerascope_raw", model.train_function)


def optimizer_classes() -> list[type]:
    """Returns every optimizer class there is, the user's own included."""
    found: list[type] = []
    queue = list(keras.optimizers.Optimizer.__mro__[:-1])
    base = next(cls for cls in reversed(queue) if "apply" in vars(cls))
    queue = [base]
    while queue:
        cls = queue.pop()
        if cls not in found:
            found.append(cls)
            queue += cls.__subclasses__()
    return found


class Depth(threading.local):
    """Counts nested calls, separately in each thread (TensorFlow traces replicas in threads)."""

    value = 0


class Taps(Protocol):
    """Sees what a train step does. Whatever one of these raises goes to `error`, never into the step."""

    def before_apply(self, optimizer: Any, *args: Any) -> Any: ...
    def after_apply(self, token: Any, result: Any, optimizer: Any, *args: Any) -> None: ...
    def after_call(self, layer: Any, output: Any) -> None: ...
    def error(self, where: str, error: Exception) -> None: ...


def tap_optimizers(patches: Patches, method: str, taps: Taps) -> None:
    """Shows `taps` the outermost call of every optimizer's `method`.

    An optimizer that calls another one (LossScaleOptimizer) is seen once, from outside.
    """
    depth = Depth()

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            depth.value += 1
            try:
                if depth.value > 1:
                    return original(self, *args, **kwargs)
                # Gradients may come as a generator (`zip`), which can be read only once.
                args = tuple(list(a) if isinstance(a, (zip, Iterator)) else a for a in args)
                token = guarded(taps, "optimizer", taps.before_apply, self, *args, *kwargs.values())
                result = original(self, *args, **kwargs)
                guarded(taps, "optimizer", taps.after_apply, token, result, self, *args, *kwargs.values())
                return result
            finally:
                depth.value -= 1

        return call

    for cls in optimizer_classes():
        if method in vars(cls):
            patches.put(cls, method, wrap(vars(cls)[method]))


def tap_layers(patches: Patches, taps: Taps) -> None:
    """Shows `taps` the output of every layer's call."""
    original = vars(keras.layers.Layer)["__call__"]

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        output = original(self, *args, **kwargs)
        guarded(taps, "layer", taps.after_call, self, output)
        return output

    patches.put(keras.layers.Layer, "__call__", __call__)


def guarded(taps: Taps, where: str, function: Callable[..., Any], *args: Any) -> Any:
    """Calls a tap; a failure is told to `taps.error` and None is returned."""
    try:
        return function(*args)
    except Exception as error:
        taps.error(where, error)
        return None


@contextlib.contextmanager
def train_step_replaced(model: Any, train_step: Callable[..., Any]) -> Iterator[None]:
    """Lets Keras build its step function around `train_step` instead of the model's own, inside the block."""
    own = vars(model).get("train_step", _MISSING)
    object.__setattr__(model, "train_step", train_step)
    try:
        yield
    finally:
        if own is _MISSING:
            object.__delattr__(model, "train_step")
        else:
            object.__setattr__(model, "train_step", own)


def made_train_function(model: Any) -> Any:
    """Lets Keras make the model's step function anew and returns it; the model keeps the one it had.

    JAX takes bound methods of one object for one function, and would hand out the program it has: hence a new one.
    """
    kept, train_step = model.train_function, model.train_step

    def fresh(*args: Any, **kwargs: Any) -> Any:
        return train_step(*args, **kwargs)

    try:
        with train_step_replaced(model, fresh):
            model.make_train_function(force=True)
        return model.train_function
    finally:
        model.train_function = kept


def on_device(array: Any) -> Any:
    """Returns a host array as the backend's own, where the backend computes."""
    return keras.ops.convert_to_tensor(array)


def is_tensor(value: Any) -> bool:
    """Tells whether a value is one of the backend's tensors."""
    return bool(keras.ops.is_tensor(value))


def flatten(tree: Any) -> list[Any]:
    """Returns the leaves of a nested structure."""
    return list(keras.tree.flatten(tree))


def map_structure(function: Callable[[Any], Any], tree: Any) -> Any:
    """Applies `function` to every leaf of a nested structure."""
    return keras.tree.map_structure(function, tree)
