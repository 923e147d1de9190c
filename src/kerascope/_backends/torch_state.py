"""torch: a copy of everything a training step reads and writes, and putting it back."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kerascope._keras import graph
from kerascope._keras import state as keras_state
from kerascope.errors import KerascopeError


@dataclasses.dataclass(frozen=True)
class RandomState:
    """Every global random number generator a step may draw from.

    Python's and NumPy's are among them because on torch the user's Python runs in every step.
    """

    python: Any
    numpy: Any
    cpu: Tensor
    cuda: list[Tensor]
    keras: Any
    keras_state: Tensor | None


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The state of a training; tensors are copies, on the device they were on."""

    variables: list[tuple[Any, Tensor]]
    buffers: list[tuple[torch.nn.Module, str, Tensor]]
    gradients: list[tuple[Any, Tensor | None]]
    modes: list[tuple[torch.nn.Module, bool]]
    random: RandomState


@dataclasses.dataclass(frozen=True)
class Values:
    """The values of all variables in their order, and nothing that belongs to the model."""

    tensors: list[Tensor]
    random: RandomState


def apart(snapshot: Snapshot) -> Values:
    """Returns the values of a snapshot; buffers and modes of torch modules are left out."""
    return Values([copy for _, copy in snapshot.variables], snapshot.random)


def modules(model: Any) -> Iterator[tuple[str, torch.nn.Module]]:
    """Yields every layer, and every torch module inside one, with a readable path, each once."""
    names = graph.layer_keys(model)
    layers = [model, *(layer for layer, _ in graph.layer_tree(model))]
    seen: set[torch.nn.Module] = set(layers)
    for layer in layers:
        seen.discard(layer)  # the layers below it stay: each comes under its own name
        for name, module in layer.named_modules(memo=seen):
            if not isinstance(module, torch.nn.ParameterDict):  # Keras's own list of a layer's variables
                yield "/".join(part for part in (names.get(id(layer), ""), *name.split(".")) if part), module


def buffers(model: Any) -> list[tuple[str, torch.nn.Module, str]]:
    """Returns (path, owner, name) of torch buffers such as running means: Keras does not list them as variables."""
    return [
        (f"{path}/{name}" if path else name, module, name)
        for path, module in modules(model)
        for name, _ in module.named_buffers(recurse=False)
    ]


@torch.no_grad()
def save(model: Any) -> Snapshot:
    """Returns a copy of the whole state."""
    variables = [(variable, variable.value) for _, variable in keras_state.all_variables(model)]
    trained = [value for _, value in variables if value.requires_grad and value.is_leaf]
    return Snapshot(
        [(variable, value.detach().clone()) for variable, value in variables],
        [(owner, name, owner.get_buffer(name).detach().clone()) for _, owner, name in buffers(model)],
        [(value, None if value.grad is None else value.grad.detach().clone()) for value in trained],
        [(module, module.training) for _, module in modules(model)],
        save_random(),
    )


@torch.no_grad()
def load(model: Any, snapshot: Snapshot | Values) -> None:
    """Puts a snapshot back into the same variables and buffers."""
    current = [variable for _, variable in keras_state.all_variables(model)]
    if isinstance(snapshot, Values):
        for variable, copy in zip(current, snapshot.tensors, strict=True):
            variable.value.copy_(copy)
        load_random(snapshot.random)
        return
    if {id(variable) for variable in current} != {id(variable) for variable, _ in snapshot.variables}:
        raise KerascopeError(
            "the training has made or dropped variables since this snapshot was taken. Received: "
            f"len(variables)={len(current)}, len(snapshot)={len(snapshot.variables)}. Only a snapshot of the same "
            "variables can be put back; take a new one."
        )
    copies = [copy for _, copy in snapshot.variables]
    torch._foreach_copy_([variable.value for variable, _ in snapshot.variables], copies)
    for owner, name, copy in snapshot.buffers:
        buffer = owner.get_buffer(name)
        if buffer.shape == copy.shape and buffer.dtype == copy.dtype and buffer.device == copy.device:
            buffer.copy_(copy)
        else:  # the module put another tensor in its place
            setattr(owner, name, copy.clone())
    for value, gradient in snapshot.gradients:
        value.grad = None if gradient is None else gradient.clone()
    for module, training in snapshot.modes:
        module.training = training
    load_random(snapshot.random)


def save_random() -> RandomState:
    """Returns the state of every global random number generator."""
    generator = keras_state.global_seed_generator()
    return RandomState(
        random.getstate(),
        np.random.get_state(),
        torch.get_rng_state(),
        torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        generator,
        None if generator is None else generator.state.value.detach().clone(),
    )


@torch.no_grad()
def load_random(saved: RandomState) -> None:
    """Puts back what `save_random` returned."""
    random.setstate(saved.python)
    np.random.set_state(saved.numpy)
    torch.set_rng_state(saved.cpu)
    if saved.cuda:
        torch.cuda.set_rng_state_all(saved.cuda)
    keras_state.set_global_seed_generator(saved.keras)
    if saved.keras is not None:
        saved.keras.state.value.copy_(saved.keras_state)


@contextlib.contextmanager
def warnings_dropped() -> Iterator[None]:
    """Drops warnings so that the same ones are shown later, or not shown again, as if nothing had happened.

    `warnings.catch_warnings` would make Python forget which warnings it has shown already. The filters are
    therefore exchanged inside their list: an ignored warning is not noted anywhere.
    """
    filters = warnings.filters
    kept = list(filters)
    filters[:] = [("ignore", None, Warning, None, 0)]  # type: ignore[index]
    try:
        yield
    finally:
        filters[:] = kept  # type: ignore[index]
