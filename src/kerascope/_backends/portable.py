"""States and batches as plain named arrays, so that they can be kept in a file and put into another process's model."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kerascope._backends.base import Leaf
from kerascope._keras import state as keras_state
from kerascope.errors import KerascopeError

Arrays = dict[str, np.ndarray]


class Unportable(KerascopeError):
    """Something in a state or a batch that cannot be kept in a file."""

    slug = "replay"


def leaf_names(leaves: Sequence[Leaf]) -> list[str]:
    """Returns one name per leaf, such as "weight:dense/kernel"; repeated ones are numbered."""
    return keras_state.unique_names([leaf.name for leaf in leaves])


def matched(saved: Mapping[str, Any], names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> list[str]:
    """Returns, for each leaf of a model, the name of the saved array that belongs to it; "" for none.

    Names come first. What is left is matched within its role by order and shape: in another process the same layers
    may carry other numbers in their names.
    """
    found = [name if name in saved else "" for name in names]
    free = [name for name in saved if name not in set(found)]
    for index, name in enumerate(names):
        if not found[index]:
            role = name.partition(":")[0] + ":"
            fits = (
                s for s in free if s.startswith(role) and tuple(np.shape(saved[s])) == tuple(shapes[index])
            )
            found[index] = next(fits, "")
            if found[index]:
                free.remove(found[index])
    for name, own, shape in zip(found, names, shapes, strict=True):
        if name and tuple(np.shape(saved[name])) != tuple(shape):
            raise misfit(f"`{own}` has shape {tuple(shape)} and was recorded with {np.shape(saved[name])}")
    return found


def misfit(what: str) -> Unportable:
    """Returns the error that the model is not the recorded one."""
    return Unportable(
        f"The model is not the one that was recorded: {what}. Use the script as it was when it was recorded."
    )


def plain(array: Any) -> Any:
    """Returns an array that came out of a file as the array it was: bfloat16 comes as its bits."""
    return array.view(np.ndarray).view(np.dtype("bfloat16")) if getattr(array, "bfloat16", False) else array


def python_random() -> dict[str, Any]:
    """Returns the state of Python's and NumPy's random numbers as plain values."""
    version, numbers, gauss = random.getstate()
    kind, keys, position, has, cached = np.random.get_state()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [str(kind), [int(k) for k in keys], int(position), int(has), float(cached)],
    }


def python_states(facts: Mapping[str, Any]) -> tuple[Any, Any]:
    """Returns what `random.setstate` and `numpy.random.set_state` take, from `python_random`."""
    version, numbers, gauss = facts["python"]
    kind, keys, position, has, cached = facts["numpy"]
    return (version, tuple(numbers), gauss), (kind, np.asarray(keys, np.uint32), position, has, cached)


# -- batches ---------------------------------------------------------------------------------------------------


def pack_tree(tree: Any, leaf: Callable[[Any], tuple[str, Any]]) -> tuple[Arrays, Any]:
    """Returns the arrays of a batch and a plain description of how they belong together.

    `leaf` returns how a leaf is to be made again and its array (or a plain value).
    """
    arrays: Arrays = {}

    def describe(node: Any) -> Any:
        if node is None:
            return {"is": "none"}
        if isinstance(node, (tuple, list)):
            fields = getattr(node, "_fields", None)
            if fields is not None:
                raise Unportable(
                    f"A batch holds a named tuple, `{type(node).__name__}`, which cannot be kept."
                )
            return {
                "is": "tuple" if isinstance(node, tuple) else "list",
                "items": [describe(n) for n in node],
            }
        if isinstance(node, dict):
            return {"is": "dict", "items": {str(key): describe(value) for key, value in node.items()}}
        if isinstance(node, (bool, int, float, str)):
            return {"is": "plain", "value": node}
        how, array = leaf(node)
        if array is None:
            return {"is": "leaf", "how": how}
        name = f"data:{len(arrays)}"
        arrays[name] = array
        return {"is": "leaf", "how": how, "name": name}

    return arrays, describe(tree)


def unpack_tree(template: Any, arrays: Mapping[str, Any], leaf: Callable[[str, Any], Any]) -> Any:
    """Returns the batch that `pack_tree` was given."""
    kind = template["is"]
    if kind == "none":
        return None
    if kind in ("tuple", "list"):
        items = [unpack_tree(item, arrays, leaf) for item in template["items"]]
        return tuple(items) if kind == "tuple" else items
    if kind == "dict":
        return {key: unpack_tree(item, arrays, leaf) for key, item in template["items"].items()}
    if kind == "plain":
        return template["value"]
    return leaf(template["how"], plain(arrays[template["name"]]) if "name" in template else None)


def host_only(values: Iterable[tuple[str, Any]]) -> Arrays:
    """Returns named device arrays as NumPy arrays; one that has no such form is named in the error."""
    arrays: Arrays = {}
    for name, value in values:
        array = np.asarray(value)
        if array.dtype.kind in "OSUMm":
            raise Unportable(f"`{name}` holds {array.dtype}, which cannot be kept.")
        arrays[name] = array
    return arrays
