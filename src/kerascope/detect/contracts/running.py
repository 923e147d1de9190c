"""Running a layer in many ways at little cost: few shapes, one compiled function for each mode, results kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerascope._backends import alone as backend
from kerascope._backends import tensors
from kerascope._keras import alone, objects
from kerascope.detect.contracts.case import BATCH, Arguments, Case, arrays, set_seed
from kerascope.probe.lines.session import recording
from kerascope.record.lines import Event, Site
from kerascope.values import SourceSpan

LAYERS = ("layer", "model")
CALLS = ("layer", "model", "function")


@dataclasses.dataclass(frozen=True)
class Base:
    """One call of the shared instance in inference, on `BATCH` samples, as Python runs it."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    arrays: list[np.ndarray]

    @property
    def leaves(self) -> list[Any]:
        """The tensors of the result."""
        return [leaf for leaf in objects.flatten(self.result) if tensors.kind(leaf) == "tensor"]


def base(case: Case) -> Base:
    """Returns the one call that others are compared with; made once for a case."""
    if "base" not in case.cache:
        instance = case.built()
        restore(case)
        args, kwargs = case.inputs(BATCH)
        result = case.run(instance, args, kwargs, training=False)
        case.cache["base"] = Base(args, kwargs, result, arrays(result))
        restore(case)
    found: Base = case.cache["base"]
    return found


def restore(case: Case) -> None:
    """Gives the shared instance and all random numbers the state they had after building.

    What is compiled, or called by Keras, is called after this: so the contract ends here where the budget is spent.
    """
    case.in_time()
    case.restore()
    set_seed(case.seed)


def flat(args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    """Returns the tensors among the arguments."""
    return [leaf for leaf in objects.flatten((list(args), kwargs)) if tensors.kind(leaf) == "tensor"]


def rebuilt(args: Sequence[Any], kwargs: dict[str, Any], leaves: Sequence[Any]) -> Arguments:
    """Returns the arguments with these tensors in place of their own."""
    structure, rest = (list(args), dict(kwargs)), iter(leaves)
    new = [next(rest) if tensors.kind(one) == "tensor" else one for one in objects.flatten(structure)]
    new_args, new_kwargs = objects.packed_as(structure, new)
    return tuple(new_args), new_kwargs


def compiled(case: Case, instance: Any, arguments: Arguments, training: bool = False) -> Callable[..., Any]:
    """Returns the instance compiled, as a function of the tensors among the arguments; changes of state are kept."""
    args, kwargs = arguments

    def call(*leaves: Any) -> Any:
        new_args, new_kwargs = rebuilt(args, kwargs, leaves)
        return case.run(instance, new_args, new_kwargs, training=training)

    return backend.compiled(call, alone.variables(instance))


def swift(
    case: Case, arguments: Arguments, *, training: bool = False, again: bool = False
) -> list[np.ndarray]:
    """Calls the shared instance the cheapest way there is: compiled on JAX, where each operation costs a compilation.

    Args:
        case: what is checked.
        arguments: of the call.
        training: the mode.
        again: True to go on from the state that the last call left behind, random numbers included.
    """
    instance = case.built()
    if not again:
        restore(case)
    key = ("swift", training)
    if backend.name() == "jax" and case.cache.get(key, True) is not False:
        if key not in case.cache:
            case.cache[key] = compiled(case, instance, arguments, training)
        try:
            return arrays(case.cache[key](*flat(*arguments)))
        except Exception:  # what cannot be compiled has a contract of its own
            case.cache[key] = False
            restore(case)
    return case.outputs(instance, *arguments, training=training)


def difference(first: Sequence[np.ndarray], second: Sequence[np.ndarray], rtol: float = 1e-4) -> float | None:
    """Returns by how much two results differ at most, None when it is no more than rounding.

    What is not finite must not be finite in the same places of both.
    """
    worst: float | None = None
    if len(first) != len(second):
        return np.inf
    for a, b in zip(first, second, strict=True):
        if a.shape != b.shape:
            return np.inf
        if not a.size:
            continue
        a, b = a.astype("float64"), b.astype("float64")
        with np.errstate(all="ignore"):
            apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
            known = np.abs(b[np.isfinite(b)])
            allowed = 1e-6 + rtol * (float(known.max()) if known.size else 1.0)
        most = float(np.where(np.isnan(apart), np.inf, apart).max())
        if most > allowed:
            worst = max(worst or 0.0, most)
    return worst


def unstable(case: Case, rtol: float) -> float:
    """Returns how far rounding of the inputs alone moves the result, times twenty: the tolerance it deserves."""
    if "jitter" not in case.cache:
        one = base(case)
        moved = [_jittered(leaf) for leaf in flat(one.args, one.kwargs)]
        result = swift(case, rebuilt(one.args, one.kwargs, moved))
        still = swift(case, (one.args, one.kwargs))
        case.cache["jitter"] = difference(still, result, 0.0) or 0.0
    return max(rtol, 20 * float(case.cache["jitter"]))


def _jittered(leaf: Any) -> Any:
    array = tensors.array_of(leaf)
    if array is None or array.dtype.kind != "f":
        return leaf
    signs = np.random.default_rng(0).choice([-1.0, 1.0], array.shape)
    return objects.to_tensor((array * (1 + 1e-6 * signs)).astype(array.dtype))


# -- which line does it --------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Seen:
    """What an expression yielded, with its values, and those of what it was computed from."""

    event: Event
    value: np.ndarray | None
    operands: tuple[tuple[Site, np.ndarray | None], ...]

    @property
    def site(self) -> Site:
        return self.event.site


def watched(function: Callable[[], Any]) -> list[Seen]:
    """Runs a function and returns what each of the user's lines yielded, with its values, in order."""
    return watched_apart(function)[0]


def watched_apart(*functions: Callable[[], Any]) -> list[list[Seen]]:
    """Does what `watched` does for several functions, in one trace: beginning and ending one takes a second."""
    seen: list[Seen] = []
    runs = []

    def listen(event: Event, value: Any, operands: Sequence[Any], _frame: Any) -> None:
        found = tuple((one.event.site, _copy(one.value)) for one in operands)
        seen.append(Seen(event, _copy(value), found))

    with recording(statistics=False, listeners=[listen]):
        for function in functions:
            function()
            runs.append(list(seen))
            seen.clear()
    return runs


def _copy(value: Any) -> np.ndarray | None:
    found = tensors.array_of(value)
    return None if found is None else np.array(found)


def first_to_differ(
    runs: Sequence[Sequence[Seen]], differs: Callable[[np.ndarray, np.ndarray], bool]
) -> Seen | None:
    """Returns the first expression whose values differ between two runs while those of its operands do not."""
    one, two = runs
    for a, b in zip(one, two, strict=False):
        if a.site is not b.site or a.event.path != b.event.path or a.site.kind == "arguments":
            continue
        if a.value is None or b.value is None or not _differs(a.value, b.value, differs):
            continue
        before = zip(a.operands, b.operands, strict=False)
        if any(x is not None and y is not None and _differs(x, y, differs) for (_, x), (_, y) in before):
            continue
        return a
    return None


def _differs(a: np.ndarray, b: np.ndarray, differs: Callable[[np.ndarray, np.ndarray], bool]) -> bool:
    return a.shape != b.shape or differs(a, b)


def place(seen: Seen | None, case: Case) -> SourceSpan:
    """Returns where an expression stands, the object's `call` when there is none."""
    if seen is None:
        return case.where("call")
    site = seen.site
    return SourceSpan(site.file, site.line, site.position[1], expression=site.source)


def shapes(structure: Any) -> str:
    """Returns the shapes of the tensors of a result as text: "(3, 4)", or several."""
    found = [
        str(tensors.shape(tensors.unwrapped(leaf))).replace("None", "B")
        for leaf in objects.flatten(structure)
        if tensors.kind(leaf) == "tensor"
    ]
    return ", ".join(found) if found else "no tensor"
