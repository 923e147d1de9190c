"""What the user's own Keras objects are, how to make another one, and how to call them."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kerascope._keras import alone, effects

KINDS: dict[str, type] = {
    "model": keras.Model,
    "layer": keras.layers.Layer,
    "metric": keras.metrics.Metric,
    "loss": keras.losses.Loss,
    "optimizer": keras.optimizers.Optimizer,
}
"""The kinds of objects by name, the more special before the more general."""

_MISSING = object()


def kind_of(obj: Any) -> str:
    """Returns "model", "layer", "metric", "loss", "optimizer" for such an object or class, "class" for another class,
    "function" for another callable, "other" for the rest.
    """
    is_class = isinstance(obj, type)
    for name, kind in KINDS.items():
        if issubclass(obj, kind) if is_class else isinstance(obj, kind):
            return name
    if is_class:
        return "class"
    return "function" if callable(obj) else "other"


def maker(obj: Any) -> Callable[[], Any] | None:
    """Returns a function that makes another object like `obj`, with weights of its own; None when there is no way.

    What a layer learnt in `adapt` goes along: it is neither configuration nor trained, and without it some cannot run.
    """
    make = _maker(obj)
    if make is None or not alone.adapted(obj):
        return make

    def adapted() -> Any:
        made = make()
        alone.adapt_as(made, obj)
        return made

    return adapted


def _maker(obj: Any) -> Callable[[], Any] | None:
    """Keras keeps the constructor's arguments of layers when they are plain values. Otherwise the configuration is
    asked, and last the attributes that are named like the constructor's parameters, as is the custom.
    """
    kept = getattr(getattr(obj, "_auto_config", None), "config", None)
    learns = callable(
        getattr(obj, "adapt", None)
    )  # some of Keras's put what they learnt into their configuration
    own = learns and type(obj).__module__.startswith("keras.src.")
    # Of a model Keras keeps what its arguments are by default, whatever was given.
    if isinstance(kept, Mapping) and not own and not isinstance(obj, keras.Model):
        return lambda: type(obj)(**_copied(kept))
    revive: Callable[[], Any] | None = None
    own_config = getattr(type(obj), "get_config", None)
    if own_config is not None and (learns or not str(own_config.__module__).startswith("keras.src.")):
        config = _attempt(obj.get_config)
        if config is not None:
            made = _attempt(lambda: type(obj).from_config(copy.deepcopy(config)))
            if made is not None and _holds_the_like(obj, made):
                revive = lambda: type(obj).from_config(copy.deepcopy(config))  # noqa: E731
                if _keeps_numbers(obj, made):
                    return revive
    arguments = _arguments_by_attribute(obj)
    if arguments is None or _attempt(lambda: type(obj)(**_fresh(arguments))) is None:
        return revive
    return lambda: type(obj)(**_fresh(arguments))


def _copied(value: Any) -> Any:
    """Returns the lists and dicts of a value anew: a constructor may change those that it is given."""
    if type(value) is list:
        return [_copied(item) for item in value]
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, dict) else value


def _holds_the_like(obj: Any, made: Any) -> bool:
    """Tells whether another object has layers where this one was given them: a configuration may give back a dict."""
    given = (_arguments_by_attribute(obj) or {}).items()
    return all(_layers_in(getattr(made, name, value)) == _layers_in(value) for name, value in given)


def _layers_in(value: Any) -> list[type]:
    """Returns the types of the layers in a value and the lists and dicts in it, in order."""
    return [type(one) for one in keras.tree.flatten(value) if isinstance(one, keras.layers.Layer)]


def _keeps_numbers(obj: Any, made: Any) -> bool:
    """Tells whether another object has the numbers and words that this one was given: a configuration may lose some."""
    given, other = _arguments_by_attribute(obj) or {}, _arguments_by_attribute(made) or {}
    plain = {name: value for name, value in given.items() if isinstance(value, (bool, int, float, str))}
    return all(other.get(name, value) == value for name, value in plain.items())


def _fresh(arguments: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a constructor with other layers in the place of layers."""

    def other(value: Any) -> Any:
        make = maker(value) if isinstance(value, keras.layers.Layer) else None
        return value if make is None else make()

    found: dict[str, Any] = keras.tree.map_structure(other, arguments)
    return found


def _attempt(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Exception:  # the user's code; that it fails is the answer
        return None


def _arguments_by_attribute(obj: Any) -> dict[str, Any] | None:
    try:
        parameters = list(inspect.signature(type(obj).__init__).parameters.values())[1:]
    except (TypeError, ValueError):
        return None
    found: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = getattr(obj, parameter.name, getattr(obj, f"_{parameter.name}", _MISSING))
        if value is _MISSING or parameter.name in ("name", "dtype"):
            if parameter.default is parameter.empty:
                return None
            continue
        found[parameter.name] = value
    return found


def curve() -> Callable[[Any], Any]:
    """Returns a function of Keras's that bends every number, and that a file can name."""
    found: Callable[[Any], Any] = keras.activations.tanh
    return found


def to_tensor(array: np.ndarray) -> Any:
    """Returns the array as a tensor of the backend in use; float64 as Keras's default float type.

    Texts stay as they are where the backend has none: layers that take them convert them.
    """
    if array.dtype.kind == "U" and keras.backend.backend() != "tensorflow":
        return array
    if array.dtype == np.float64:
        return keras.ops.convert_to_tensor(array, keras.config.floatx())
    return keras.ops.convert_to_tensor(array)


def to_numpy(tensor: Any) -> np.ndarray:
    """Returns a tensor's values."""
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def symbolic(shape: tuple[int | None, ...], dtype: str) -> Any:
    """Returns a symbolic tensor, as `keras.Input` gives, without making an input layer."""
    return keras.KerasTensor(shape, dtype)


def is_variable(value: Any) -> bool:
    """Tells whether a value is a variable of Keras or TensorFlow."""
    return isinstance(value, keras.Variable) or type(value).__name__.endswith("Variable")


def is_symbolic(value: Any) -> bool:
    """Tells whether a value is what `keras.Input` gives, or was made of it."""
    return isinstance(value, keras.KerasTensor)


def compute_output_spec(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Runs a function on symbolic tensors, as Keras does to find the shapes of its result."""
    return keras.src.backend.compute_output_spec(function, *args, **kwargs)


def flatten(structure: Any) -> list[Any]:
    """Returns the leaves of nested lists, tuples and dicts."""
    return list(keras.tree.flatten(structure))


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """Returns the structure with every leaf replaced by what the function returns for it."""
    return keras.tree.map_structure(function, structure)


def packed_as(structure: Any, leaves: Sequence[Any]) -> Any:
    """Returns the structure with these leaves in the order that `flatten` has; dicts are sorted there."""
    return keras.tree.pack_sequence_as(structure, leaves)


def seed(number: int) -> None:
    """Makes weights and random numbers of what is made next repeatable.

    `keras.utils.set_random_seed` would import TensorFlow on every backend, which takes seconds.
    """
    random.seed(number)
    np.random.seed(number)
    keras.src.backend.common.global_state.set_global_attribute("global_seed_generator", None)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(number)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Runs a block after which random numbers go on, and names are counted, as if it had not been."""
    state = keras.src.backend.common.global_state
    names = dict(state.get_global_attribute("object_name_uids") or {})
    generator = state.get_global_attribute("global_seed_generator")
    seeds = None if generator is None else to_numpy(generator.state)
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        uids = state.get_global_attribute("object_name_uids")
        if uids is not None:
            uids.clear()
            uids.update(names)
        state.set_global_attribute("global_seed_generator", generator)
        if generator is not None:
            generator.state.assign(seeds)


@contextlib.contextmanager
def weights_made(is_users: Callable[[str], bool]) -> Iterator[list[int]]:
    """Collects, when the block is over, the lines of the user's in which it made variables of floats."""
    lines: list[int] = []
    with effects.variables_made(is_users) as made:
        yield lines
    lines += [drawn.line for drawn in made if drawn.line]


def parts_of(obj: Any) -> list[Any]:
    """Returns a model or layer and all layers in it; nothing for anything else."""
    if not isinstance(obj, keras.layers.Layer):
        return []
    return [obj, *obj._flatten_layers(include_self=False, recursive=True)]


def looks_up(obj: Any) -> bool:
    """Tells whether there is an Embedding in an object: it takes floats, too, and means numbers of words."""
    return isinstance(obj, keras.layers.Layer) and any(
        isinstance(layer, keras.layers.Embedding) for layer in obj._flatten_layers()
    )


def is_built(obj: Any) -> bool:
    """Tells whether a layer or model has its weights."""
    return bool(getattr(obj, "built", True))


def call_arguments(frame: Any, obj: Any) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Returns what an object was called with, from Keras's frames around one of its own; None where none is there.

    Keras's own frames are left out of tracebacks, but the frames themselves still know who called them. The outermost
    one that belongs to this call is taken: it has the arguments as they were given.
    """
    found = None
    frame = frame.f_back
    while frame is not None and f"keras{os.sep}src" in frame.f_code.co_filename:
        values = frame.f_locals
        args = values.get("args")
        if isinstance(args, tuple) and isinstance(values.get("kwargs"), Mapping):
            if args[:1] and args[0] is obj:
                found = tuple(args[1:]), dict(values["kwargs"])
            elif values.get("self") is obj and frame.f_code.co_name == "__call__":
                found = tuple(args), dict(values["kwargs"])
        frame = frame.f_back
    return found


def backend_name() -> str:
    """Returns the backend in use: "jax", "tensorflow" or "torch"."""
    return str(keras.backend.backend())


def step_arguments(model: Any, step: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns what `train_step` or `test_step` takes for a batch: on JAX also the state, which callers rarely have.

    Arrays become tensors, as they are when Keras calls it.
    """
    if len(args) != 1:
        return tuple(args)
    data = keras.tree.map_structure(
        lambda a: to_tensor(np.asarray(a)) if isinstance(a, np.ndarray) else a, args[0]
    )
    if backend_name() != "jax":
        return (data,)
    if step.__name__ == "train_step":
        # Metrics and the optimizer make their variables when they first run.
        model._symbolic_build(data_batch=data)
        if model.optimizer is not None:
            model.optimizer.build(model.trainable_variables)
    groups = [model.trainable_variables, model.non_trainable_variables]
    if step.__name__ == "train_step":
        groups.append(model.optimizer.variables if model.optimizer is not None else [])
    groups.append(model.metrics_variables)
    return tuple([variable.value for variable in group] for group in groups), data


@functools.cache
def words() -> tuple[str, ...]:
    """Returns the names of activations, initializers, regularizers and constraints that can be given as words."""
    modules = (keras.activations, keras.initializers, keras.regularizers, keras.constraints)
    names = {name for module in modules for name in dir(module) if name.islower() and name[0] != "_"}
    return tuple(sorted(names - {"get", "serialize", "deserialize"}))
