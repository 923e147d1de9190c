"""torch: a snapshot of a training as named arrays, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from kerascope._backends import portable, torch_state
from kerascope._backends.base import Leaf
from kerascope._keras import state as keras_state


def pack(model: Any, snapshot: torch_state.Snapshot) -> tuple[portable.Arrays, dict[str, Any]]:
    """Returns a snapshot as named arrays and plain facts."""
    arrays: portable.Arrays = {}
    roles = {id(variable): Leaf(role, variable.path) for role, variable in keras_state.all_variables(model)}
    names = portable.leaf_names([roles.get(id(v), Leaf("state", v.path)) for v, _ in snapshot.variables])
    for name, (_, value) in zip(names, snapshot.variables, strict=True):
        arrays[name] = _array(value)
    paths = {(id(owner), name): path for path, owner, name in torch_state.buffers(model)}
    for owner, name, value in snapshot.buffers:
        arrays[f"buffer:{paths.get((id(owner), name), name)}"] = _array(value)
    for index, (_, gradient) in enumerate(snapshot.gradients):
        if gradient is not None:
            arrays[f"gradient:{index}"] = _array(gradient)
    random = snapshot.random
    arrays["random:cpu"] = _array(random.cpu)
    for index, value in enumerate(random.cuda):
        arrays[f"random:cuda:{index}"] = _array(value)
    if random.keras_state is not None:
        arrays["random:keras"] = _array(random.keras_state)
    return arrays, {
        "modes": [training for _, training in snapshot.modes],
        "python": [random.python[0], list(random.python[1]), random.python[2]],
        "numpy": [
            str(random.numpy[0]),
            [int(k) for k in random.numpy[1]],
            int(random.numpy[2]),
            int(random.numpy[3]),
            float(random.numpy[4]),
        ],
    }


def unpack(model: Any, arrays: portable.Arrays, facts: dict[str, Any]) -> torch_state.Snapshot:
    """Returns the snapshot for a model that has all its variables."""
    found = keras_state.all_variables(model)
    names = portable.leaf_names([Leaf(role, variable.path) for role, variable in found])
    shapes = [tuple(variable.shape) for _, variable in found]
    variables = []
    if any(name.startswith("metric:") and name not in arrays for name in names):
        model.reset_metrics()  # those that had not been made yet when the snapshot was taken begin anew
    for name, own, (_, variable) in zip(portable.matched(arrays, names, shapes), names, found, strict=True):
        if not name and not own.startswith("metric:"):
            raise portable.misfit(f"nothing was recorded of `{own}`")
        value = _tensor(arrays[name], variable.value) if name else variable.value.detach().clone()
        variables.append((variable, value))
    buffers = [
        (owner, name, _tensor(arrays[f"buffer:{path}"], owner.get_buffer(name)))
        for path, owner, name in torch_state.buffers(model)
        if f"buffer:{path}" in arrays
    ]
    trained = [v.value for _, v in found if v.value.requires_grad and v.value.is_leaf]
    gradients = [
        (value, _tensor(arrays[f"gradient:{index}"], value) if f"gradient:{index}" in arrays else None)
        for index, value in enumerate(trained)
    ]
    modules = [module for _, module in torch_state.modules(model)]
    modes = list(zip(modules, facts["modes"], strict=False))
    return torch_state.Snapshot(variables, buffers, gradients, modes, _random(arrays, facts))


def _random(arrays: portable.Arrays, facts: dict[str, Any]) -> torch_state.RandomState:
    python, numpy = portable.python_states(facts)
    cuda = [
        torch.from_numpy(arrays[name].copy()) for name in sorted(arrays) if name.startswith("random:cuda:")
    ]
    generator, state = None, None
    if "random:keras" in arrays:
        generator = keras_state.made_global_seed_generator()
        state = _tensor(arrays["random:keras"], generator.state.value)
    if cuda and not torch.cuda.is_available():
        raise portable.misfit("the training drew random numbers on a GPU, and this machine has none")
    return torch_state.RandomState(
        python, numpy, torch.from_numpy(arrays["random:cpu"].copy()), cuda, generator, state
    )


def pack_leaf(leaf: Any) -> tuple[str, Any]:
    """Returns how a leaf of a batch is made again, and its array."""
    if isinstance(leaf, Tensor):
        if leaf.is_sparse or leaf.is_complex():
            raise portable.Unportable("A batch holds a sparse or complex tensor, which cannot be kept.")
        return str(leaf.device), _array(leaf)
    array = np.asarray(leaf)
    if array.dtype.kind in "OSUMm":
        raise portable.Unportable(f"A batch holds {array.dtype}, which cannot be kept.")
    return "numpy", array


def unpack_leaf(how: str, value: Any) -> Any:
    """Returns the leaf again."""
    return value if how == "numpy" else _made(value).to(how)


def _array(value: Tensor) -> np.ndarray:
    value = value.detach().cpu()
    if value.dtype == torch.bfloat16:
        return value.view(torch.int16).numpy().view(np.dtype("bfloat16"))
    return np.asarray(value.numpy())


def _made(array: Any) -> Tensor:
    array = portable.plain(array)
    if str(array.dtype) == "bfloat16":
        return torch.from_numpy(np.ascontiguousarray(array).view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(np.array(array, copy=True))


def _tensor(array: Any, like: Tensor) -> Tensor:
    return _made(array).to(device=like.device, dtype=like.dtype)
