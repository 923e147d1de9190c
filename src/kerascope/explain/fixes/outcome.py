"""Runs an object under conditions that any sound one meets, and says where and why it does not.

A layer or model gives one row of output for each row of input, whatever the batch size, known or not; a row's output
depends on that row alone; all is finite. A loss gives a value per sample that follows the prediction. A metric gives
one finite result after any number of updates. Nothing here knows what the object is meant to compute.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascope._backends import alone, tensors, uncompiled
from kerascope._keras import objects
from kerascope.explain.fixes import kept
from kerascope.explain.lines.failure import innermost, said, underlying
from kerascope.explain.subject import BATCH, Subject
from kerascope.record.lines import Position, Site

if TYPE_CHECKING:
    from kerascope.explain.fixes.swap import Program

_SIZES = (11, 13, 17, 19, 23, 29, 31, 37)
ROWS = (3, 5, 8)
"""The rows that are looked at alone: of one row a product with zero may hide what it is mixed with."""
TWICE = "the batch is on two axes of the output"
SINGLE = "with a single row"
NOT_FINITE = "the output is not finite"

_DIAGONAL = {
    "arange",
    "eye",
    "identity",
    "diag",
    "diagonal",
    "diag_part",
    "set_diag",
    "fill_diagonal",
    "range",
}

Shape = tuple[int | str | None, ...]


@dataclasses.dataclass
class Outcome:
    """What came of one try. `stage` grows with how far it came; `reason` is empty when everything passed.

    `place` is where the user's code raised. `output` is the shape of what came out, with "B" for the batch.
    `demerits` name what is odd about a result that passes, such as a weight without effect; `facts` is what else is
    worth showing of it. `values` is what came out on the first batch.
    """

    reason: str = ""
    stage: int = 0
    error: BaseException | None = None
    place: Position | None = None
    file: str = ""
    output: Shape | None = None
    demerits: dict[str, float] = dataclasses.field(default_factory=dict)
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    values: list[np.ndarray] = dataclasses.field(default_factory=list)

    def like(self, other: Outcome) -> bool:
        """Tells whether two tries came to the same numbers, which are not all one."""
        telling = any(a.size > 1 and np.ptp(a) > 0 for a in self.values if a.dtype.kind == "f")
        pairs = zip(self.values, other.values, strict=False)
        return telling and len(self.values) == len(other.values) and all(_close(a, b) for a, b in pairs)

    @property
    def passed(self) -> bool:
        return not self.reason


class _Broken(Exception):
    """An invariant does not hold."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Runs a block without its prints and warnings, and puts the state of random numbers back."""
    with (
        alone.backend_state(),
        uncompiled.uncompiled(),
        objects.undisturbed(),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield


class Trial:
    """The checks for one subject; `check` runs them on a fresh object, as the code is now."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        known = {size for spec in subject.specs() for size in spec.shape if isinstance(size, int)}
        products = {a * b for a in known for b in known} | {2 * a for a in known} | known
        self.sizes = [size for size in _SIZES if size not in products][:2] or list(_SIZES[:2])
        self.symbolic_first = objects.backend_name() == "jax"
        self._made: dict[tuple[int, int], tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self._any_number = subject.kind in ("loss", "metric")
        self.setting: list[Site] | None = None

    def inputs(self, batch: int, seed: int = 0) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Returns made-up arguments, made once; code that changes its input in place gets the changed ones."""
        if (batch, seed) not in self._made:
            self._made[batch, seed] = self.subject.inputs(batch, seed)
        return self._made[batch, seed]

    def check(self) -> Outcome:
        """Returns how the object fares. Call it inside `quiet`.

        A loss or metric that is not finite for any number is from then on given numbers between 0 and 1: most
        logarithms are of probabilities.
        """
        outcome = self._checked()
        if outcome.reason == NOT_FINITE and self._any_number:
            self._any_number = False
            self.subject = self.subject.between_0_and_1()
            self._made.clear()
            outcome = self._checked()
        return outcome

    def _checked(self) -> Outcome:
        outcome = Outcome()
        try:
            objects.seed(0)
            if self.subject.kind == "metric":
                self._metric(outcome)
            elif self.subject.kind == "loss":
                self._loss(outcome)
            elif self.subject.kind in ("layer", "model"):
                self._layer(outcome)
            else:
                self._function(outcome)
        except _Broken as broken:
            outcome.reason = str(broken)
        except Exception as error:  # the user's code with a change in it: that it fails is the answer
            outcome.reason = f"{type(underlying(error)).__name__}: {said(error)}"
            outcome.error = error
            found = innermost(error)
            if found is not None and None not in found[1]:
                outcome.place, outcome.file = found[1], found[0].f_code.co_filename  # type: ignore[assignment]
        return outcome

    def lasting(self, program: Callable[[], Program]) -> str:
        """Returns what is still wrong with a change that passes: nothing, where passing is all that is asked for.

        `program` gives the changed source, which is in the live functions.
        """
        del program
        return ""

    def _make(self) -> Any:
        if self.subject.make is None:
            raise _Broken("there is no way to make another one")
        return self.subject.make()

    # -- layers, models, functions --------------------------------------------------------------------------------

    def _layer(self, outcome: Outcome) -> None:
        if self.symbolic_first:
            self._symbolic(outcome)
        instance = self._make()
        results = {}
        names: list[str] = []
        first = self.sizes[0]
        # JAX has just been through it with a size that stands for all; each further one is compiled anew.
        for batch in (first, 1) if self.symbolic_first else (first, self.sizes[1], 1):
            results[batch] = self._run(instance, batch)
            outcome.stage += 1
            names = names if batch != first else kept.variables(instance)
        self._shapes(outcome, results)
        outcome.values = results[first]
        if wrong := kept.replaced(instance, names):
            raise _Broken(wrong)
        _agreed(instance, self.subject, first, results[first])
        self._rows(instance, results[first], outcome)
        if not self.symbolic_first:
            self._symbolic(outcome)
        from kerascope.explain.fixes.demerits import of_layer

        of_layer(self, instance, results[first], outcome)

    def _run(self, instance: Any, batch: int, seed: int = 0) -> list[np.ndarray]:
        args, kwargs = self.inputs(batch, seed)
        return arrays(self.subject.call(instance, args, kwargs))

    def _symbolic(self, outcome: Outcome) -> None:
        args, kwargs = self.subject.symbolic()
        result = self.subject.call(self._make(), args, kwargs)
        for leaf in objects.flatten(result):
            shape = getattr(leaf, "shape", None)
            if shape is not None and (len(shape) == 0 or shape[0] is not None):
                raise _Broken(
                    f"the batch axis is lost: with a batch of unknown size the output is {tuple(shape)}"
                )
        outcome.stage += 1

    def _shapes(self, outcome: Outcome, results: dict[int, list[np.ndarray]]) -> None:
        first = self.sizes[0]
        second = self.sizes[1] if self.sizes[1] in results else 1
        if not results[first]:
            raise _Broken(kept.NOTHING)
        labelled = []
        for a, b, c in zip(results[first], results[second], results[1], strict=True):
            labelled.append(label((a.shape, b.shape), (first, second)))
            if a.ndim == 0 or a.shape[0] != first or b.shape[0] != second:
                raise _Broken(f"the output is {written(labelled[-1])}, not a row for each row of the input")
            if a.shape[1:] != b.shape[1:]:
                raise _Broken(f"{TWICE}: {written(labelled[-1])}")
            if c.shape != (1, *a.shape[1:]):
                raise _Broken(f"{SINGLE} the output is {c.shape}, not {(1, *a.shape[1:])}")
            if not all(np.isfinite(x).all() for x in (a, b, c) if x.dtype.kind == "f"):
                raise _Broken(NOT_FINITE)
        outcome.output = labelled[0]
        outcome.stage += 1

    def _rows(self, instance: Any, result: list[np.ndarray], outcome: Outcome) -> None:
        """A row alone gives what it gives among others, unless the object draws random numbers."""
        with kept.weights_made() as wrong:
            again = self._run(instance, self.sizes[0])
        if wrong:
            raise _Broken(wrong[0])
        if not all(_close(a, b) for a, b in zip(result, again, strict=True)):
            return
        args, kwargs = self.inputs(self.sizes[0])
        for row in ROWS:
            alone = arrays(self.subject.call(instance, *_one_row(self.subject, args, kwargs, row)))
            for a, b in zip(result, alone, strict=True):
                if a[row : row + 1].shape != b.shape or not _close(a[row : row + 1], b):
                    if self.subject.kind == "loss" and _pairs_rows(instance):
                        return
                    raise _Broken("a row's output depends on the other rows of the batch")
        outcome.stage += 1

    def _function(self, outcome: Outcome) -> None:
        """Of a function nothing is known but that it should run on any batch size and give finite numbers."""
        first, second = self.sizes
        results = {batch: self._run(self._make(), batch) for batch in (first, second, 1)}
        outcome.stage += 1
        shapes = [
            label((a.shape, b.shape), self.sizes)
            for a, b in zip(results[first], results[second], strict=False)
        ]
        if not all(np.isfinite(x).all() for x in results[first] if x.dtype.kind == "f"):
            raise _Broken(NOT_FINITE)
        if any(len([size for size in shape if isinstance(size, str)]) > 1 for shape in shapes):
            raise _Broken(f"{TWICE}: {written(shapes[0])}")
        outcome.output = shapes[0] if shapes else None

    # -- losses and metrics ---------------------------------------------------------------------------------------

    def _loss(self, outcome: Outcome) -> None:
        first, second = self.sizes
        instance = self._make()
        results = {}
        for batch in (first, second, 1):
            results[batch] = self._run(instance, batch)
            outcome.stage += 1
        outcome.values = results[first]
        if _of_the_whole_batch(instance, results[first]):
            outcome.output = ()
        else:
            self._shapes(outcome, results)
            self._rows(instance, results[first], outcome)
        _least_axes(self.subject, results[first])
        args, kwargs = self.inputs(first)
        whole = arrays(instance(*args, **kwargs))
        if any(x.ndim or not np.isfinite(x).all() for x in whole):
            raise _Broken("the loss of a batch is not one finite number")
        outcome.stage += 1
        from kerascope.explain.fixes.demerits import of_loss

        of_loss(self, instance, results[first], outcome)

    def _metric(self, outcome: Outcome) -> None:
        first, second = self.sizes
        instance = self._make()
        names = kept.variables(instance)
        shapes = []
        for batch in (first, second, 1):
            result = self._run(instance, batch)
            if not result:
                raise _Broken(kept.NOTHING)
            shapes.append([x.shape for x in result])
            outcome.stage += 1
            if not all(np.isfinite(x).all() for x in result):
                raise _Broken(NOT_FINITE)
        if wrong := kept.replaced(instance, names):
            raise _Broken(wrong)
        if shapes[0] != shapes[1] or any(size in (first, second) for s in shapes for x in s for size in x):
            raise _Broken("the shape of the result follows the batch size")
        outcome.output = shapes[0][0] if shapes[0] else None
        outcome.stage += 1
        from kerascope.explain.fixes.demerits import of_metric

        of_metric(self, outcome)


def arrays(result: Any) -> list[np.ndarray]:
    """Returns the values of all tensors in a result."""
    found = [leaf for leaf in objects.flatten(result) if leaf is not None]
    return [a for leaf in found if (a := _array(leaf)) is not None]


def _array(value: Any) -> np.ndarray | None:
    if isinstance(value, (int, float, np.generic)):
        return np.asarray(value)
    return tensors.array_of(value)


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True))


def _pairs_rows(loss: Any) -> bool:
    """Tells whether a loss compares each row with all others on purpose: it has a use for where a row meets itself."""
    code = getattr(getattr(loss.call, "__func__", loss.call), "__code__", None)
    return code is not None and bool(_DIAGONAL & set(code.co_names))


def _of_the_whole_batch(loss: Any, result: list[np.ndarray]) -> bool:
    """Tells whether a loss of a batch as a whole, such as of the features' correlations, gives one number for it."""
    return _pairs_rows(loss) and bool(result) and all(not a.ndim for a in result)


def _one_row(subject: Subject, args: Any, kwargs: Any, row: int) -> tuple[Any, Any]:
    specs = iter(subject.specs())

    def sliced(value: Any) -> Any:
        if tensors.kind(value) != "tensor":
            return value
        spec = next(specs)
        return value[row : row + 1] if spec.shape and spec.shape[0] == BATCH else value

    left, right = objects.map_structure(sliced, (list(args), dict(kwargs)))
    return tuple(left), right


def _agreed(instance: Any, subject: Subject, batch: int, result: list[np.ndarray]) -> None:
    """What the user's own `compute_output_shape` says must be what comes out."""
    declared = getattr(type(instance), "compute_output_shape", None)
    if declared is None or str(declared.__module__).startswith("keras.") or len(subject.specs()) != 1:
        return
    shape = tuple(batch if size == BATCH else size for size in subject.specs()[0].shape)
    said = instance.compute_output_shape(shape)
    if len(result) == 1 and all(isinstance(size, int) for size in said) and tuple(said) != result[0].shape:
        raise _Broken(f"compute_output_shape says {tuple(said)}, but {result[0].shape} comes out")


def _least_axes(subject: Subject, result: list[np.ndarray]) -> None:
    specs = subject.specs()
    rank = max((len(spec.shape) for spec in specs), default=2)
    if any(x.ndim >= max(rank, 2) for x in result) and rank > 1 and specs[-1].shape[-1] != 1:
        raise _Broken("the loss has a value for every element, not for every sample")


def label(shapes: Sequence[tuple[int, ...]], batches: Sequence[int]) -> Shape:
    """Returns a shape in terms of the batch size B, from two runs with batches of different size."""
    one, two = shapes
    if len(one) != len(two):
        return one
    return tuple(_size(a, b, *batches) for a, b in zip(one, two, strict=True))


def _size(a: int, b: int, first: int, second: int) -> int | str:
    if a == b:
        return a
    if (a, b) == (first, second):
        return "B"
    if a * second == b * first and a % first == 0:
        return f"{a // first}·B"
    if (a, b) == (first * first, second * second):
        return "B²"
    slope, rest = divmod(b - a, second - first)
    if rest == 0:
        constant = a - slope * first
        return f"{'' if slope == 1 else f'{slope}·'}B{constant:+d}"
    return "?"


def written(shape: Shape | None) -> str:
    """Returns a shape as it is shown: "(B, 10)"."""
    if shape is None:
        return "?"
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
