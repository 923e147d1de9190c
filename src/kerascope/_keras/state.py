"""What a model's training state consists of: variables and their roles, optimizers, the learning rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras


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


def iterations(model: Any) -> Any:
    """Returns the optimizer's step counter variable, None when there is no optimizer."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", None) or optimizer
    return getattr(optimizer, "iterations", None)


def global_seed_state() -> Any:
    """Returns the variable behind `keras.random` calls without a seed, None while there is none."""
    generator = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
    return getattr(generator, "state", None)


def loss_is_mean(model: Any) -> bool:
    """Tells whether the loss in the logs is the epoch's running mean: a metric named "loss" was updated."""
    for metric in getattr(model, "metrics", []):
        count = getattr(metric, "count", None)
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
