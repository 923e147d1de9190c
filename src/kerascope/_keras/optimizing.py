"""An optimizer on a problem of its own: how far a few variables are from where they should be."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from kerascope._keras.steps import Patches


def maker(optimizer: Any) -> Callable[[], Any] | None:
    """Returns a function that makes another optimizer with the same settings; None when there is no way.

    Settings that its configuration forgets are read off its attributes.
    """
    config = copy.deepcopy(optimizer.get_config())
    for name, parameter in inspect.signature(type(optimizer).__init__).parameters.items():
        plain = isinstance(getattr(optimizer, name, optimizer), (bool, int, float, str, type(None)))
        if name not in config and plain and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            config[name] = getattr(optimizer, name)
    # The one of its class first: what wraps another optimizer makes that, too. It may be what is wrong.
    for revive in (type(optimizer).from_config.__func__, keras.optimizers.Optimizer.from_config.__func__):
        make = partial(_revived, revive, type(optimizer), config)
        try:
            make()
        except Exception:  # of the constructor; that there is no way is the answer
            continue
        return make
    return None


def _revived(revive: Any, cls: type, config: dict[str, Any]) -> Any:
    return revive(cls, copy.deepcopy(config))


def variables(arrays: Sequence[np.ndarray]) -> list[Any]:
    """Returns a trainable variable for each array, named alike in every layer as in a model."""
    found = []
    for i, array in enumerate(arrays):
        with keras.name_scope(f"layer_{i}"):
            name = "kernel" if array.ndim > 1 else "bias"
            found.append(keras.Variable(array, name=name, trainable=True))
    return found


def apply(optimizer: Any, found: Sequence[Any], targets: Sequence[Any], share: float = 1.0) -> None:
    """Makes one update by the gradient of half the squared distance to the targets, times `share`.

    An optimizer that scales the loss gets gradients scaled as it asks for.
    """
    scale = keras.ops.cast(optimizer.scale_loss(keras.ops.ones(())), "float32")
    gradients = [
        (variable.value - target) * scale * share for variable, target in zip(found, targets, strict=True)
    ]
    if keras.backend.backend() == "jax" and "stateless_apply" in vars(type(optimizer)):
        _apply_as_fit_does(optimizer, gradients, list(found))
    else:
        optimizer.apply(gradients, list(found))


def _apply_as_fit_does(optimizer: Any, gradients: Sequence[Any], found: Sequence[Any]) -> None:
    """Makes an update without side effects, as steps on JAX do; what scales the loss has no other one there."""
    optimizer.build(found)
    before = [v.value for v in found], [v.value for v in optimizer.variables]
    values, kept = optimizer.stateless_apply(before[1], gradients, before[0])
    for variable, value in [*zip(found, values, strict=True), *zip(optimizer.variables, kept, strict=True)]:
        variable.assign(value)


def held(optimizer: Any) -> list[str]:
    """Returns the names of the attributes in which an optimizer keeps tensors, or numbers of its own."""
    usual = set(vars(keras.optimizers.SGD()))
    own = {name: value for name, value in vars(optimizer).items() if name not in usual}
    tensors = [
        name
        for name, value in own.items()
        if any(keras.ops.is_tensor(leaf) for leaf in keras.tree.flatten(value))
    ]
    return tensors or [name for name, value in own.items() if isinstance(value, (int, float, list, dict))]


def set_rate(optimizer: Any, factor: float) -> bool:
    """Multiplies the learning rate, and tells whether there is one that can be set."""
    inner = getattr(optimizer, "inner_optimizer", None) or optimizer
    rate = getattr(inner, "_learning_rate", None)
    if not isinstance(rate, keras.Variable):
        return False
    inner.learning_rate = float(keras.ops.convert_to_numpy(rate)) * factor
    return True


def couples(optimizer: Any) -> bool:
    """Tells whether an optimizer is asked to look at all variables at once."""
    inner = getattr(optimizer, "inner_optimizer", None) or optimizer
    return getattr(inner, "global_clipnorm", None) is not None or inner is not optimizer


def iterations(optimizer: Any) -> int:
    """Returns how many updates the optimizer counts."""
    inner = getattr(optimizer, "inner_optimizer", None) or optimizer
    return int(keras.ops.convert_to_numpy(inner.iterations))


@contextlib.contextmanager
def with_clipping(optimizer: Any, norm: float) -> Iterator[None]:
    """Lets an optimizer clip its gradients to a norm over all of them, inside the block."""
    before = optimizer.global_clipnorm
    object.__setattr__(optimizer, "global_clipnorm", norm)
    try:
        yield
    finally:
        object.__setattr__(optimizer, "global_clipnorm", before)


@contextlib.contextmanager
def slower(optimizer: Any, factor: float) -> Iterator[None]:
    """Lets an optimizer read a learning rate so many times smaller, by whichever way it is given, inside the block."""
    own = type(optimizer)
    plain = own._get_current_learning_rate

    def reduced(self: Any) -> Any:
        rate = plain(self)
        return rate / factor if self is optimizer else rate

    with Patches() as patches:
        patches.put(own, "_get_current_learning_rate", reduced)
        yield
