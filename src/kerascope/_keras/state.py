"""What a model's training state consists of: variables and their roles, optimizers, the learning rate."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from kerascope._keras.steps import Patches


def state_variables(model: Any) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Returns (trainable, non-trainable, optimizer, metric) variables in the order of Keras's JAX state."""
    optimizer = getattr(model, "optimizer", None)
    return (
        list(model.trainable_variables),
        list(model.non_trainable_variables),
        list(optimizer.variables) if optimizer is not None else [],
        list(model.metrics_variables),
    )


def all_variables(model: Any) -> list[tuple[str, Any]]:
    """Returns every (role, variable) a step may write, each once; other optimizers on the model included."""
    trainable, other, _, metrics = state_variables(model)
    found: list[tuple[str, Any]] = [("weight", v) for v in trainable] + [("state", v) for v in other]
    for optimizer in optimizers(model):
        found += [("optimizer", v) for v in optimizer.variables]
    found += [("metric", v) for v in metrics]
    seen: set[int] = set()
    unique = []
    for role, variable in found:
        if id(variable) not in seen:
            seen.add(id(variable))
            unique.append((role, variable))
    return unique


def optimizers(model: Any) -> list[Any]:
    """Returns the compiled optimizer and any other the model holds as an attribute (as GANs do)."""
    own = getattr(model, "optimizer", None)
    found = [own] if isinstance(own, keras.optimizers.Optimizer) else []
    for value in vars(model).values():
        if isinstance(value, keras.optimizers.Optimizer) and value not in found:
            found.append(value)
    return found


def optimized_variables(optimizer: Any) -> list[Any]:
    """Returns the variables an optimizer was built for, through a loss-scaling wrapper."""
    inner = getattr(optimizer, "inner_optimizer", None)
    return list((inner if inner is not None else optimizer)._trainable_variables)


def out_of_step(model: Any, names: dict[int, str]) -> dict[str, list[str]]:
    """Returns by name what the optimizers of a model were built for, as far as it is not what should train.

    "left": trainable variables that no optimizer knows; "frozen": variables that are not trainable and that one
    does know. Empty while no optimizer is built, or where a training step of the user's has its own ways.
    """
    built = [one for one in optimizers(model) if one.built]
    held = {id(variable) for one in built for variable in optimized_variables(one)}
    if not held or not is_default(model, "train_step"):
        return {}
    found = {
        "left": [names[id(v)] for v in model.trainable_variables if id(v) not in held and id(v) in names],
        "frozen": [names[id(v)] for v in model.non_trainable_variables if id(v) in held and id(v) in names],
    }
    return {key: named for key, named in found.items() if named}


def loss_scale(optimizer: Any) -> Any:
    """Returns the variable by which an optimizer's gradients are scaled, None when they are not."""
    return getattr(optimizer, "dynamic_scale", None)


def learning_rate_source(model: Any) -> tuple[str, Any]:
    """Returns how the learning rate is given: ("variable", v), ("schedule", callable) or ("none", None)."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", None) or optimizer
    rate = getattr(optimizer, "_learning_rate", None)
    if isinstance(rate, keras.Variable):
        return "variable", rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return "schedule", rate
    return "none", None


def set_learning_rate(model: Any, value: Any) -> None:
    """Puts a learning rate back that was in use at some step."""
    kind, variable = learning_rate_source(model)
    if kind == "variable":
        variable.assign(value)


def iterations_done(model: Any) -> int:
    """Returns how many steps the optimizer has made; only between trainings (JAX takes the value away in one)."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", None) or optimizer
    counter = getattr(optimizer, "iterations", None)
    return int(keras.ops.convert_to_numpy(counter)) if counter is not None else 0


def global_seed_state() -> Any:
    """Returns the variable behind `keras.random` calls without a seed, None while there is none."""
    generator = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
    return getattr(generator, "state", None)


def loss_is_mean(model: Any, *, unknown: bool = True) -> bool:
    """Tells whether the loss in the logs is the epoch's running mean: a metric named "loss" was updated.

    `unknown` is the answer while JAX trains, which takes the values away.
    """
    for metric in getattr(model, "metrics", []):
        count = getattr(metric, "count", None)
        if metric.name == "loss" and count is not None and count._value is None:
            return unknown
        if metric.name == "loss" and count is not None and float(keras.ops.convert_to_numpy(count)) > 0:
            return True
    return False


def unique_names(names: Sequence[str]) -> list[str]:
    """Returns `names` with repeated ones numbered: "a", "b", "a#2"."""
    count: dict[str, int] = {}
    result = []
    for name in names:
        count[name] = count.get(name, 0) + 1
        result.append(name if count[name] == 1 else f"{name}#{count[name]}")
    return result


def is_default(model: Any, method: str) -> bool:
    """Tells whether the model uses Keras's own `method` rather than one of the user's."""
    function: Callable[..., Any] | None = getattr(type(model), method, None)
    return str(getattr(function, "__module__", "")).startswith("keras.src.")


def unbuilt(model: Any) -> int:
    """Returns how many layers (the model included) and optimizers have yet to make their variables."""
    return sum(not item.built for item in [*model._flatten_layers(), *optimizers(model)])


def live_state(model: Any) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Returns the values of the state between trainings, in the order of Keras's JAX state."""
    groups = state_variables(model)
    return tuple([variable.value for variable in group] for group in groups)  # type: ignore[return-value]


def put_live_state(model: Any, state: Any) -> None:
    """Gives the variables values back that `live_state` returned, or copies of them."""
    for variables, values in zip(state_variables(model), state, strict=True):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def has_values(model: Any) -> bool:
    """Tells whether all variables have values; reading one that has none would draw random numbers for it."""
    return all(variable._value is not None for _, variable in all_variables(model))


def global_seed_generator() -> Any:
    """Returns the generator behind `keras.random` calls without a seed, None while there is none."""
    return keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")


def made_global_seed_generator() -> Any:
    """Returns the generator behind `keras.random` calls without a seed, made now where there is none."""
    return keras.src.random.seed_generator.global_seed_generator()


def set_global_seed_generator(generator: Any) -> None:
    """Puts back what `global_seed_generator` returned; with None, Keras makes a new one when it needs it."""
    keras.src.backend.common.global_state.set_global_attribute("global_seed_generator", generator)


def gradient_scale(optimizer: Any) -> Any:
    """Returns what an optimizer's gradients have been multiplied by (a variable or a number), None for 1.

    A `LossScaleOptimizer` that is not built yet scales by its `initial_scale`.
    """
    if hasattr(optimizer, "inner_optimizer") and hasattr(optimizer, "initial_scale"):
        return getattr(optimizer, "dynamic_scale", optimizer.initial_scale)
    return getattr(optimizer, "loss_scale_factor", None)


_first_seeds: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


def note_global_seed(patches: Patches) -> None:
    """Remembers what the generator behind unseeded `keras.random` calls begins with.

    Keras makes it on demand, mostly inside the first step, and its later states do not tell its first one.
    """
    module = keras.src.random.seed_generator
    made: list[int] = []

    def make_default_seed() -> int:
        made.append(default_seed())
        return made[-1]

    def global_seed_generator() -> Any:
        made.clear()
        generator = shared_generator()
        if made:
            _first_seeds[generator] = made[-1]
        return generator

    default_seed = module.make_default_seed
    shared_generator = module.global_seed_generator
    patches.put(module, "make_default_seed", make_default_seed)
    patches.put(module, "global_seed_generator", global_seed_generator)


def restart_global_seed() -> None:
    """Sets the generator behind unseeded `keras.random` calls to its first state.

    One that was made while nothing was watched keeps its state: nothing tells what the first one was.
    """
    generator = global_seed_generator()
    if generator not in _first_seeds:
        return
    first = keras.ops.convert_to_tensor([_first_seeds[generator], 0], dtype=generator.state.dtype)
    generator.state.assign(first)


def layers_of(model: Any) -> list[Any]:
    """Returns the model and every layer in it."""
    return list(model._flatten_layers())


def all_built(model: Any, *, metrics: bool = True) -> bool:
    """Tells whether all variables of a training step exist before the first step has run."""
    if not all(layer.built for layer in layers_of(model)):
        return False
    if metrics and not all(
        getattr(part, "built", True) for part in (model._compile_metrics, model._compile_loss)
    ):
        return False
    return all(optimizer.built for optimizer in optimizers(model))


def beginning_of_optimizer(model: Any) -> dict[str, Any] | None:
    """Returns, by path, the values of the variables that an optimizer will make in the first step.

    They are read off a copy of the optimizer. Building the model's own early would spare Keras one of the two
    times it traces the first step, and the user's prints and random draws with it. None when it cannot be told:
    a train step of the user's may do anything.
    """
    optimizer = getattr(model, "optimizer", None)
    own = is_default(model, "train_step") and "train_step" not in vars(model)
    if not own or len(optimizers(model)) != 1 or getattr(model, "_distribute_strategy", None) is not None:
        return None
    if not model.trainable_variables:
        return {}  # Keras makes none then
    copy = copy_of(optimizer)
    with keras.name_scope(copy.name, caller=copy):
        copy.build(model.trainable_variables)
    return {variable.path: variable.value for variable in copy.variables}


def copy_of(optimizer: Any) -> Any:
    """Returns an optimizer of the same configuration with the learning rate 0, as a schedule may not be copied."""
    config = optimizer.get_config()
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is not None:
        return type(optimizer)(**{**config, "inner_optimizer": copy_of(inner)})
    # The learning rate may be a schedule of the user's that cannot be made anew; no variable begins with it.
    return type(optimizer).from_config({**config, "learning_rate": 0.0})


@contextlib.contextmanager
def attributes_kept(model: Any) -> Iterator[None]:
    """Puts the attributes of a model and its layers back to what they were before the block.

    Tracing a train step runs the user's Python: counters go up, tensors of the trace are kept, losses noted.
    """
    objects = layers_of(model)
    attributes = [dict(vars(item)) for item in objects]
    lists = [
        (value, list(value)) for kept in attributes for value in kept.values() if isinstance(value, list)
    ]
    try:
        yield
    finally:
        for item, kept in zip(objects, attributes, strict=True):
            now = vars(item)
            for name in [name for name in now if name not in kept]:
                del now[name]
            now.update(kept)
        for value, items in lists:
            if len(value) != len(items) or any(a is not b for a, b in zip(value, items, strict=True)):
                list.__setitem__(value, slice(None), items)
