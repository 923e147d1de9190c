"""What goes into a model, and which dimensions follow the batch.

Shapes come from running with placeholders of unknown size first. Where code asks for sizes, the run is repeated with
batches of 11 and 13 and, for other unknown axes, 224 and 352 (both divisible by 32, as convolutional nets like it):
a dimension that changes with the batch is written as a multiple of B, one that changes with another axis as unknown.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from kerascope._keras.drafts import Draft, Seen, argument_names
from kerascope._keras.graph import layer_tree
from kerascope._keras.recorder import Recorder
from kerascope.errors import UsageError

BATCHES = (11, 13)
LENGTHS = (224, 352)

_MOVES_THE_BATCH = frozenset(
    [
        "Reshape",
        "Concatenate",
        "Tile",
        "Repeat",
        "Stack",
        "Hstack",
        "Vstack",
        "Split",
        "Transpose",
        "Swapaxes",
        "Moveaxis",
        "GetItem",
        "Take",
        "Ravel",
        "Squeeze",
        "BroadcastTo",
        "Pad",
        "ArraySplit",
        "Unstack",
        "Slice",
        "TakeAlongAxis",
        "ExpandDims",
    ]
)


@dataclasses.dataclass(frozen=True)
class Spec:
    """One input: `shape` has None where the size is not fixed; `array` is what the user gave."""

    shape: tuple[int | None, ...]
    dtype: str
    name: str
    target: Any = None
    array: Any = None

    def placeholder(self, sizes: tuple[int, int] | None) -> Any:
        shape = self.shape
        if sizes is not None:
            shape = tuple(sizes[min(axis, 1)] if n is None else n for axis, n in enumerate(shape))
        return keras.KerasTensor(shape, dtype=self.dtype, name=None)


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The arguments of the call to make: `Spec`s in their structure, anything else as it is."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def specs(self) -> Iterator[Spec]:
        for leaf in keras.tree.flatten((self.args, self.kwargs)):
            if isinstance(leaf, Spec):
                yield leaf

    def placeholders(self, sizes: tuple[int, int] | None, recorder: Recorder) -> tuple[Any, dict[str, Any]]:
        """Returns arguments and keywords with placeholders in them, which are made known to `recorder`."""

        def one(leaf: Any) -> Any:
            if not isinstance(leaf, Spec):
                return leaf
            tensor = leaf.placeholder(sizes)
            recorder.add_input(tensor, leaf.name, leaf.target)
            if leaf.array is not None:
                recorder.given[id(tensor)] = leaf.array
            return tensor

        args, kwargs = keras.tree.map_structure(one, (self.args, self.kwargs))
        return args, kwargs

    def open_batch(self) -> bool:
        return any(spec.shape[:1] == (None,) for spec in self.specs())

    def open_lengths(self) -> bool:
        return any(None in spec.shape[1:] for spec in self.specs())


def find(subject: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Inputs | None:
    """Returns the inputs to run `subject` on: those given, or those it was made or built with; None when unknown."""
    if args or kwargs:
        return _given(subject, args, kwargs)
    functional = functional_of(subject)
    if functional is not None:
        specs = keras.tree.map_structure(_from_input, functional._inputs_struct)
        if _built_by_data(subject):
            specs = keras.tree.map_structure(_with_open_batch, specs)
        return Inputs((specs,), {})
    shapes = getattr(subject, "_build_shapes_dict", None)
    if not shapes:
        return None
    dtype = getattr(subject, "input_dtype", None) or "float32"
    if len(shapes) == 1:
        (shape,) = shapes.values()
        return Inputs((_from_shapes(shape, dtype, "input"),), {})
    return Inputs(
        (), {name.removesuffix("_shape"): _from_shapes(s, dtype, name) for name, s in shapes.items()}
    )


def _built_by_data(subject: Any) -> bool:
    """Tells whether the size of the batch may be that of the first data: Keras notes it when it builds a Sequential.

    What keeps a state from batch to batch needs the size it was made for.
    """
    return isinstance(subject, keras.Sequential) and not any(
        getattr(layer, "stateful", False) is True for layer, _ in layer_tree(subject)
    )


def _with_open_batch(spec: Spec) -> Spec:
    return dataclasses.replace(spec, shape=(None, *spec.shape[1:])) if spec.shape else spec


def functional_of(subject: Any) -> Any:
    """Returns the functional model that `subject` is or (a built Sequential) holds, None for any other."""
    if hasattr(subject, "_inputs_struct"):
        return subject
    return getattr(subject, "_functional", None)


def _from_input(tensor: Any) -> Spec:
    layer = tensor._keras_history.operation if hasattr(tensor, "_keras_history") else None
    name = layer.name if layer is not None else tensor.name
    return Spec(tuple(tensor.shape), str(tensor.dtype), str(name), layer)


def _from_shapes(shapes: Any, dtype: str, name: str) -> Any:
    name = name.removesuffix("_shape")
    if _is_shape(shapes):
        return Spec((None, *tuple(shapes)[1:]), dtype, name)
    if isinstance(shapes, dict):
        return {key: _from_shapes(shape, dtype, str(key)) for key, shape in shapes.items()}
    return [_from_shapes(shape, dtype, f"{name}_{index}") for index, shape in enumerate(shapes)]


def _is_shape(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(
        n is None or isinstance(n, (int, np.integer)) for n in value
    )


def _given(subject: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Inputs:
    functional = functional_of(subject)
    known = [_from_input(t) for t in functional.inputs] if functional is not None else []
    if _built_by_data(subject):
        known = [_with_open_batch(spec) for spec in known]
    count = 0

    def convert(value: Any, name: str) -> Any:
        nonlocal count
        if isinstance(value, dict):
            return {key: convert(item, str(key)) for key, item in value.items()}
        if _is_shape(value) and isinstance(value, tuple) and value:
            spec = Spec(tuple(value), "float32", name)
        elif isinstance(value, (list, tuple)):
            return type(value)(convert(item, f"{name}_{index}") for index, item in enumerate(value))
        elif hasattr(value, "shape") and hasattr(value, "dtype"):
            is_symbol = isinstance(value, (keras.KerasTensor, keras.InputSpec))
            dtype = keras.backend.standardize_dtype(value.dtype or "float32")
            spec = Spec(tuple(value.shape), dtype, name, None, None if is_symbol else value)
        else:
            return value
        if known and count < len(known):
            own = known[count]
            spec = dataclasses.replace(spec, name=own.name, target=own.target)
            if spec.array is None:
                spec = dataclasses.replace(spec, dtype=own.dtype)
        count += 1
        fixed = known and count <= len(known) and known[count - 1].shape[:1] != (None,)
        if spec.shape and not fixed:
            spec = dataclasses.replace(spec, shape=(None, *spec.shape[1:]))
        return spec

    names = _names(subject, len(args))
    made = tuple(convert(value, name) for value, name in zip(args, names, strict=True))
    inputs = Inputs(made, {name: convert(value, name) for name, value in kwargs.items()})
    if not any(True for _ in inputs.specs()):
        raise UsageError(
            f"None of the inputs is an array or a shape. Received: {type(args[0] if args else kwargs).__name__}. "
            "Give what the model is called with: arrays, or tuples such as (None, 32) with None for the batch."
        )
    return inputs


def _names(subject: Any, count: int) -> list[str]:
    names = list(argument_names(type(subject)))
    return [names[i] if i < len(names) and names[i] != "args" else f"input_{i}" for i in range(count)]


def ambiguous(recorder: Recorder, inputs: Inputs) -> bool:
    """Tells whether an unknown dimension may be something else than the batch, so that sizes must decide."""
    only_batch = not inputs.open_lengths()
    for draft in recorder.drafts:
        for seen in draft.outputs:
            if only_batch and None in seen.shape[1:]:
                return True
            risky = draft.category == "op" and type(draft.target).__name__ in _MOVES_THE_BATCH
            if risky and seen.shape[:1] == (None,) and not _keeps_batch(draft):
                return True
    return False


def _keeps_batch(draft: Draft) -> bool:
    """Tells whether an operation that could move the batch plainly does not."""
    settings, kind = draft.settings, type(draft.target).__name__
    axis = settings.get("axis")
    if kind in (
        "Concatenate",
        "Stack",
        "Squeeze",
        "ExpandDims",
        "Split",
        "Take",
        "Repeat",
        "ArraySplit",
        "Unstack",
    ):
        return isinstance(axis, int) and axis != 0
    if kind == "Transpose":
        axes = settings.get("axes")
        return isinstance(axes, (list, tuple)) and list(axes[:1]) == [0]
    if kind == "GetItem":
        return str(settings.get("key", "")).startswith(("[:,", "[:]"))
    return False


Mapping = Callable[[tuple[Any, ...], int, int, str], tuple[Any, ...]]


def name_unknown(recorder: Recorder) -> None:
    """Writes the batch of a run without sizes as B: there it is the first axis."""
    for seen in _all(recorder.drafts):
        if seen.shape[:1] == (None,):
            seen.shape = ("B", *seen.shape[1:])


def merge(first: Recorder, by_batch: Recorder | None, by_length: Recorder | None) -> bool:
    """Writes the dimensions of `first` as multiples of B by comparing them with the other runs.

    Returns False when the runs called different things, so that equal sizes had to decide.
    """
    base = list(_all(first.drafts))
    others = [list(_all(run.drafts)) if run is not None else base for run in (by_batch, by_length)]
    same = all([len(s.shape) for s in other] == [len(s.shape) for s in base] for other in others)
    if not same:
        for seen in base:
            seen.shape = tuple("B" if n == BATCHES[0] else n for n in seen.shape)
        return False
    shapes = [[seen.shape for seen in run] for run in (base, *others)]
    for seen, *of_runs in zip(base, *shapes, strict=True):
        seen.shape = tuple(_dim(*sizes) for sizes in zip(*of_runs, strict=True))
    return True


def unsized(text: str) -> str:
    """Returns an error's text with B where the batch of the run stands at the head of a shape."""
    return re.sub(rf"([\[(])({'|'.join(map(str, BATCHES))})(?=[,)\]])", r"\1B", text)


def _all(drafts: list[Draft]) -> Iterator[Seen]:
    for draft in drafts:
        yield from draft.inputs
        yield from draft.outputs


def _dim(size: Any, with_batch: Any, with_length: Any) -> int | str | None:
    if size is None or with_batch is None or size != with_length:
        return None
    if size == with_batch:
        return int(size)
    factor, rest = divmod(with_batch - size, BATCHES[1] - BATCHES[0])
    if rest:
        return None
    offset = size - factor * BATCHES[0]
    name = "B" if factor == 1 else f"{factor}·B"
    return name if not offset else f"{name}{offset:+d}"
