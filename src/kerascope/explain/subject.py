"""An object of the user's together with a way to run it again: on fresh instances, on made-up inputs of any batch size.

Probing for dimensions and trying a fix both need this. Nothing is ever run on the user's own object or data.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import objects

BATCH = "B"
_MOST_WEIGHTS = 20_000_000
_MOST_AMOUNT = 1e6
_HOLES = 0.25
STAND_INS = {43: "N", 53: "M", 71: "L"}
"""Sizes given to unknown axes behind the first, and the names they are shown by: primes that are seldom a real size.

One axis has one size in all inputs, as a sequence and its mask have.
"""


@dataclasses.dataclass(frozen=True)
class InputSpec:
    """What one tensor among the arguments looks like. `shape` has "B" where the batch size stands.

    `low` and `high` bound made-up integers (`high` not included); `like` says what floats are drawn from: "normal",
    "positive" (between 0 and 1), "amounts" (between 0 and `high`), "binary" (zeros and ones, as in a mask) or
    "probabilities" (positive, the last axis adds up to 1). Integers that are `places` are numbers of samples, such as
    the ends of the edges of a graph: none is as large as the batch. Amounts that are `whole` are counts, 0 among them.
    Floats with `holes` are NaN here and there. `words` are what texts are drawn from.
    """

    shape: tuple[int | str, ...]
    dtype: str = "float32"
    low: int = 0
    high: int = 2
    like: str = "normal"
    places: bool = False
    whole: bool = False
    holes: bool = False
    words: tuple[str, ...] = ()

    def array(self, batch: int, random: np.random.Generator) -> np.ndarray:
        """Returns made-up values for a batch of this size."""
        shape = tuple(batch if size == BATCH else int(size) for size in self.shape)
        if self.words:
            return np.asarray(random.choice(self.words, shape))
        if self.dtype == "bool":
            return random.integers(0, 2, shape).astype(bool)
        if self.dtype.startswith(("int", "uint")):
            low, high = self.low, max(self.high, self.low + 1)
            if self.places:
                low, high = min(low, batch - 1), min(high, batch)
            return random.integers(low, high, shape).astype(self.dtype)
        if self.like == "normal":
            values = random.normal(size=shape)
        elif self.like == "binary":
            values = random.integers(0, 2, shape).astype("float64")
            if len(shape) > 1 and shape[-1] > 1:
                values[..., 0] = 1.0  # no row of a mask leaves nothing
        else:
            values = random.uniform(0.05, 0.95, shape) * (self.high if self.like == "amounts" else 1)
            if self.whole:
                values = np.floor(values)
            if self.like == "probabilities":
                values = values / values.sum(-1, keepdims=True)
        if self.holes and values.size:
            values[random.uniform(size=shape) < _HOLES] = np.nan
            values.flat[0] = 0.5 if np.isnan(values.flat[0]) else values.flat[0]
        # NumPy has no bfloat16; the tensor made of it is cast by Keras on the way in.
        return values.astype(self.dtype if self.dtype in ("float16", "float32", "float64") else "float32")


@dataclasses.dataclass
class Subject:
    """What is traced or checked.

    `kind` is as in `objects.kind_of`. `make` gives a fresh one, None when there is no way to make one; of a function
    it gives the function. `args` and `kwargs` have an `InputSpec` in the place of every tensor. `batch` is the batch
    size of the inputs that were given, None where that is open. `unknown` are the sizes that stand for unknown ones
    other than the batch, with their names. `targets` are what a model is trained towards, None where it is not said.
    `guessed` says that the arguments were found by trying, `flat` that targets and predictions were given without their
    last axis, of size 1.
    """

    kind: str
    name: str
    make: Callable[[], Any] | None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    run: Callable[..., Any] | None = None
    batch: int | None = None
    unknown: Mapping[int, str] = dataclasses.field(default_factory=dict)
    targets: Any = None
    guessed: bool = False
    flat: bool = False

    def inputs(self, batch: int, seed: int = 0) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Returns made-up arguments for a batch of this size, as tensors of the backend."""
        random = np.random.default_rng(seed)
        return self._filled(lambda spec: objects.to_tensor(spec.array(batch, random)))

    def symbolic(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Returns symbolic arguments whose batch size is not known."""
        return self._filled(
            lambda spec: objects.symbolic(
                tuple(None if size == BATCH or size in self.unknown else int(size) for size in spec.shape),
                spec.dtype,
            )
        )

    def shapes(self, batch: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Returns symbolic arguments of this batch size: shapes without values."""
        return self._filled(
            lambda spec: objects.symbolic(
                tuple(batch if size == BATCH else int(size) for size in spec.shape), spec.dtype
            )
        )

    def specs(self) -> list[InputSpec]:
        """Returns the specs of all tensors among the arguments."""
        return [
            leaf for leaf in objects.flatten((self.args, dict(self.kwargs))) if isinstance(leaf, InputSpec)
        ]

    def _filled(self, fill: Callable[[InputSpec], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return self.mapped(lambda value: fill(value) if isinstance(value, InputSpec) else value)

    def mapped(self, leaf: Callable[[Any], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Returns the arguments with each leaf replaced by what a function gives for it."""
        args, kwargs = objects.map_structure(leaf, (list(self.args), dict(self.kwargs)))
        return tuple(args), kwargs

    def between_0_and_1(self) -> Subject:
        """Returns the same subject with numbers between 0 and 1 in the place of any."""

        def narrowed(value: Any) -> Any:
            drawn = isinstance(value, InputSpec) and value.like in ("normal", "amounts")
            return dataclasses.replace(value, like="positive") if drawn else value

        args, kwargs = self.mapped(narrowed)
        return dataclasses.replace(self, args=args, kwargs=kwargs)

    def call(self, instance: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Runs the object once and returns what it yields; of a loss the value per sample, of a metric its result."""
        if self.run is not None:
            return self.run(instance, *args, **kwargs)
        if self.kind == "loss":
            return instance.call(*args, **kwargs)
        if self.kind == "metric":
            instance.update_state(*args, **kwargs)
            return instance.result()
        return instance(*args, **kwargs)


def subject(obj: Any, args: Sequence[Any], kwargs: Mapping[str, Any], *, make: Any = None) -> Subject:
    """Returns the subject for an object that is called with these arguments.

    The batch axis is taken to be the first axis of the first tensor, and the first axis of every other one that has
    the same size there. For a function, a tensor that differs there is a fixed one, such as a weight.
    """
    kind = objects.kind_of(obj)
    leaves = [t for _, t in tensors.leaves([list(args), dict(kwargs)])]
    batch = next((s[0] for t in leaves if (s := tensors.shape(tensors.unwrapped(t)))), None)

    def spec(value: Any) -> Any:
        return _spec(value, batch) if tensors.kind(value) == "tensor" else value

    args, kwargs = objects.map_structure(spec, (list(args), dict(kwargs)))
    if make is None:
        make = (lambda: obj) if kind in ("function", "other") else objects.maker(obj)
    name = getattr(obj, "__name__", None) or type(obj).__name__
    size = batch if isinstance(batch, int) else None
    more = {size for t in leaves for size in _unknown(t)}
    names = {size: name for size, name in STAND_INS.items() if size in more}
    return Subject(kind, name, make, tuple(args), dict(kwargs), batch=size, unknown=names)


def step_subject(model: Any, step: str, data: Any) -> Subject:
    """Returns the subject for a model's `train_step` or `test_step` on a batch like this one.

    It is for runs that tell which sizes are the batch: weights, optimizer, metrics and what the model keeps are put
    back after each. A model that is not built, is spread over devices or is large is not run again.
    """
    from kerascope._keras import trial

    def make() -> Any:
        if not model.built or trial.is_distributed(model) or model.count_params() > _MOST_WEIGHTS:
            raise RuntimeError("this model is not run again")
        return model

    def run(model: Any, data: Any) -> Any:
        with trial.put_back(model):
            return trial.train_step(model, data) if step == "train_step" else trial.test_step(model, data)

    about = subject(step, (data,), {}, make=make)
    return dataclasses.replace(about, kind="train_step", name=f"{type(model).__name__}.{step}", run=run)


def _unknown(value: Any) -> list[int]:
    """Returns the stand-ins for the unknown sizes of a tensor, the batch left out."""
    sizes = tensors.shape(tensors.unwrapped(value)) or ()
    return [_stand_in(axis) for axis, size in enumerate(sizes) if axis and not isinstance(size, int)]


def _stand_in(axis: int) -> int:
    known = list(STAND_INS)
    return known[min(axis - 1, len(known) - 1)]


def _spec(value: Any, batch: Any) -> InputSpec:
    inner = tensors.unwrapped(value)
    sizes = tensors.shape(inner) or ()
    shape: list[int | str] = []
    for axis, size in enumerate(sizes):
        if axis == 0 and (size == batch or not isinstance(size, int)):
            shape.append(BATCH)
        else:
            shape.append(size if isinstance(size, int) else _stand_in(axis))
    values = tensors.array_of(value)
    low, high, like, places, whole, holes = 0, 2, "normal", False, False, False
    if values is not None and values.dtype.kind == "f":
        known = ~np.isnan(values)
        holes = bool(known.any() and not known.all())
        values = np.where(known, values, values[known][0]) if holes else values
    if values is not None and values.size:
        if values.dtype.kind in "iu":
            low, high = int(values.min()), int(values.max()) + 1
            places = shape[0] != BATCH and isinstance(batch, int) and low >= 0 and high <= batch
        elif values.dtype.kind == "f" and float(values.min()) >= 0:
            total = values.sum(-1) if values.ndim > 1 else None
            rows = total is not None and values.shape[-1] > 1 and bool(np.allclose(total, 1, atol=1e-3))
            like = "positive" if float(values.max()) <= 1 else "amounts"
            high = max(high, math.ceil(min(float(values.max()), _MOST_AMOUNT)))
            whole = like == "amounts" and bool((values == np.floor(values)).all())
            if set(np.unique(values)) == {0.0, 1.0}:
                like = "binary"
            if rows:
                like = "probabilities"
    words = tensors.words_of(value)
    dtype = "string" if words else tensors.dtype(inner) or "float32"
    return InputSpec(tuple(shape), dtype, low, high, like, places, whole, holes, words)
