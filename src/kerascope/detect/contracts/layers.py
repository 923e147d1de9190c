"""How a layer treats its samples, its inputs, its settings, and what it needs to live in a model."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import alone, effects, objects
from kerascope.detect.contracts.case import BATCH, Case, arrays
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.detect.contracts.running import (
    CALLS,
    LAYERS,
    Seen,
    base,
    difference,
    first_to_differ,
    flat,
    place,
    rebuilt,
    restore,
    swift,
    unstable,
    watched_apart,
)
from kerascope.probe.lines.install import is_users
from kerascope.values import Evidence, Finding

_DRAWS = 8


@contract("inputs-unchanged", kinds=CALLS, after=("builds",))
def inputs_unchanged(case: Case) -> Iterator[Finding]:
    """It leaves the tensors and containers that it is given as they are."""
    instance = case.built()
    restore(case)
    args, kwargs = case.inputs(BATCH)
    before = [np.array(a) for a in arrays((list(args), kwargs))]
    kept, sizes = flat(args, kwargs), [len(a) for a in args if isinstance(a, (list, dict))]
    for training in (False, True):
        case.run(instance, args, kwargs, training=training)
    after = arrays(kept)
    changed = [
        i
        for i, (a, b) in enumerate(zip(before, after, strict=True))
        if not np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    ]
    if changed or sizes != [len(a) for a in args if isinstance(a, (list, dict))]:
        yield case.broken(
            f"{case.subject.name} changes its input",
            "The tensor that it was given holds other values after the call, or the container other items. Whoever "
            "passed it in goes on with the changed one.",
            location=_in_place(case),
            fixes=["Write x = x + y in place of x += y; copy a list or dict before you change it."],
        )


def _in_place(case: Case) -> Any:
    for sign in ("+=", "-=", "*=", "/=", ".pop(", "] ="):
        found = case.where("call", text=sign)
        if found.expression:
            return found
    return case.where("call")


@contract("deterministic-inference", kinds=CALLS, after=("builds", "no-new-weights", "python-state"))
def deterministic_inference(case: Case) -> Iterator[Finding]:
    """In inference the same input gives the same result."""
    one = base(case)
    instance = case.built()
    first = swift(case, (one.args, one.kwargs))
    second = swift(case, (one.args, one.kwargs), again=True)
    apart = difference(first, second, rtol=1e-5)
    if apart is None:  # what happens in Python shows only where Python runs
        restore(case)
        with effects.seeds_drawn(is_users) as drawn:
            third = case.outputs(instance, one.args, one.kwargs, training=False)
        for _ in range(_DRAWS if drawn else 1):  # what is kept or dropped as a whole may be kept twice
            again = case.outputs(instance, one.args, one.kwargs, training=False)
            if (apart := difference(third, again, rtol=1e-5)) is not None:
                break
    if apart is None:
        return

    def run() -> None:
        case.run(instance, one.args, one.kwargs, training=False)

    restore(case)
    runs = watched_apart(run, run)
    culprit = first_to_differ(runs, lambda a, b: difference([a], [b]) is not None)
    samples = (
        culprit is not None
        and culprit.site.name in _SAMPLERS
        and (_spreads(case, one) or _draws_around(case, runs[0], culprit))
    )
    yield case.broken(
        f"{case.subject.name} gives another result at each call, in inference",
        "It was called twice on the same input with training=False. Predictions then depend on chance, or on how often "
        "the layer was called."
        + (
            " It computes where it draws and how far around: as a sampler, such as that of a variational autoencoder, "
            "it is right."
            if samples
            else ""
        ),
        evidence=[Evidence("largest difference", apart)],
        location=place(culprit, case),
        fixes=[_in_training_only(case)],
        severity="note" if samples else None,
    )


_SAMPLERS = ("normal", "truncated_normal", "random_normal")


def _spreads(case: Case, one: Any) -> bool:
    """Tells whether some of the inputs have no part in how far two draws are apart, and others have.

    So it is with `mean + exp(log_variance / 2) * noise`, which is drawn on purpose; what noise is added to or
    multiplied with plays the same part throughout. Of a single input either half is looked at.
    """
    leaves = flat(one.args, one.kwargs)
    parts = [(i, slice(None)) for i in range(len(leaves))]
    if len(leaves) == 1 and (array := tensors.array_of(leaves[0])) is not None and array.ndim > 1:
        half = array.shape[-1] // 2
        parts = [(0, slice(half)), (0, slice(half, None))]
    usual = _draws_apart(case, one.args, one.kwargs)
    plays = set()
    for i, part in parts:
        array = tensors.array_of(leaves[i])
        if array is None or array.dtype.kind != "f" or not array.ndim:
            continue
        other = np.array(array)
        other[..., part] = 0.5 * other[..., part] + 0.25
        changed = [*leaves[:i], objects.to_tensor(other), *leaves[i + 1 :]]
        plays.add(difference(usual, _draws_apart(case, *rebuilt(one.args, one.kwargs, changed))) is not None)
    return len(plays) == 2


def _draws_around(case: Case, seen: Sequence[Seen], drawn: Seen) -> bool:
    """Tells whether what is drawn is multiplied by one computed tensor and added to another one.

    What is added to the input itself is noise, however large.
    """
    one = base(case)
    given = [tensors.array_of(leaf) for leaf in flat(one.args, one.kwargs)]
    for scaled, spread in _with(seen, ("Mult", "multiply"), drawn.value):
        for _, middle in _with(seen, ("Add", "add"), scaled.value):
            noise = any(array is not None and np.array_equal(middle, array) for array in (*given, spread))
            if not noise and spread.std() > 0 and middle.std() > 0:
                return True
    return False


def _with(
    seen: Sequence[Seen], names: Sequence[str], value: np.ndarray | None
) -> Iterator[tuple[Seen, np.ndarray]]:
    """Yields what has one of these names and this value among its operands, with its other operand."""
    for one in seen:
        operands = [array for _, array in one.operands]
        if one.site.name in names and len(operands) == 2 and value is not None:
            for this, other in (operands, operands[::-1]):
                if this is not None and other is not None and np.array_equal(this, value):
                    yield one, other


def _draws_apart(case: Case, args: Any, kwargs: Any) -> list[np.ndarray]:
    """Returns the difference of the results of two calls."""
    restore(case)
    first, second = (case.outputs(case.built(), args, kwargs, training=False) for _ in range(2))
    return [b - a for a, b in zip(first, second, strict=True) if a.dtype.kind == "f"]


def _in_training_only(case: Case) -> str:
    """Returns what to do about a call in inference that writes to a weight, or else about one that draws."""
    instance, one = case.built(), base(case)
    restore(case)
    weights = [v for v in getattr(instance, "weights", ()) if str(v.dtype).startswith(("float", "bfloat"))]
    before = alone.values(weights)
    case.run(instance, one.args, one.kwargs, training=False)
    for weight, old, new in zip(weights, before, alone.values(weights), strict=True):
        if not np.array_equal(old, new, equal_nan=True):
            return f"Change {weight.name} in training only: def call(self, x, training=False), and `if training:`."
    return "Hand the mode on: def call(self, x, training=False) and self.dropout(x, training=training)."


@contract("batch-independence", kinds=CALLS, after=("builds", "inputs-unchanged", "python-state"))
def batch_independence(case: Case) -> Iterator[Finding]:
    """In inference the result for one sample does not depend on the other samples of its batch."""
    if any(spec.places for spec in case.subject.specs()):
        raise Skip("an input says which samples belong together")
    one = base(case)
    batched = [array for array in one.arrays if array.ndim and array.shape[0] == BATCH]
    if not batched:
        raise Skip("its result has no batch axis")
    before = swift(case, (one.args, one.kwargs))
    for seed in (1, 2):
        args, kwargs = _others_changed(case, one, seed)
        after = swift(case, (args, kwargs))
        pairs = [
            (a[:1], b[:1])
            for a, b in zip(before, after, strict=False)
            if a.ndim and a.shape == b.shape and a.shape[0] == BATCH
        ]
        apart = difference([a for a, _ in pairs], [b for _, b in pairs])
        if apart is not None and apart > unstable(case, 0.0):
            yield _mixed(case, (args, kwargs), apart)
            return
    yield from _by_size(case, one)
    yield from _by_place(case, one, before)


def _by_size(case: Case, one: Any) -> Iterator[Finding]:
    """What is decided by the largest number of the batch shows where one batch is small and the other is not."""
    small, large = (_resized(case, one, factor) for factor in (0.01, 10.0))
    pairs = zip(swift(case, small), swift(case, large), strict=False)
    firsts = [(a[:1], b[:1]) for a, b in pairs if a.ndim and a.shape == b.shape and a.shape[0] == BATCH]
    apart = difference([a for a, _ in firsts], [b for _, b in firsts])
    if apart is not None and apart > unstable(case, 0.0):
        yield _mixed(case, large, apart, small)


def _resized(case: Case, one: Any, factor: float) -> Any:
    """Returns the arguments with small numbers in the first sample, and numbers of another size in the others."""
    leaves = []
    for leaf, spec in zip(flat(one.args, one.kwargs), case.subject.specs(), strict=True):
        array = tensors.array_of(leaf)
        if array is not None and array.dtype.kind == "f" and array.ndim and array.shape[0] == BATCH:
            if spec.like in ("normal", "amounts"):
                small, most = 0.01, factor
                if spec.like == "amounts":  # bytes may be told from shares by whether any is above 1
                    small = min(small, 1 / spec.high)
                    most = small if factor < 1 else 1.0
                array = np.concatenate([small * array[:1], most * array[1:]]).astype(array.dtype)
            leaf = objects.to_tensor(array)
        leaves.append(leaf)
    return rebuilt(one.args, one.kwargs, leaves)


def _by_place(case: Case, one: Any, before: list[np.ndarray]) -> Iterator[Finding]:
    """The batch turned round must give the result turned round: a sample's place in the batch means nothing."""
    if any(not v.trainable and tuple(v.shape)[:1] == (BATCH,) for v in alone.variables(case.built())):
        return  # a state for each place in the batch
    if difference(before, swift(case, (one.args, one.kwargs), again=True)) is not None:
        return  # it draws random numbers, other ones for each place; that has a contract of its own
    leaves = flat(one.args, one.kwargs)
    turned = [objects.to_tensor(_turned(a)) if (a := tensors.array_of(x)) is not None else x for x in leaves]
    arguments = rebuilt(one.args, one.kwargs, turned)
    after = [_turned(array) for array in swift(case, arguments)]
    apart = difference(before, after)
    if apart is None or apart <= unstable(case, 0.0):
        return

    def run(args: Any, kwargs: Any) -> None:
        restore(case)
        case.run(case.built(), args, kwargs, training=False)

    runs = watched_apart(lambda: run(one.args, one.kwargs), lambda: run(*arguments))
    culprit = first_to_differ(runs, lambda a, b: difference([a], [_turned(b)]) is not None)
    which = "" if culprit is None else f" The first expression that does not is `{culprit.site.source}`."
    yield case.broken(
        f"{case.subject.name} treats a sample by its place in the batch",
        "The samples were given in the opposite order, in inference, and their results should have come in that "
        f"order.{which}",
        evidence=[Evidence("largest difference", apart)],
        location=place(culprit, case),
        fixes=[
            "Axis 0 is the batch: count, add up and shift along axis 1 or -1, and take the length of a sequence from "
            "ops.shape(x)[1]."
        ],
    )


def _turned(array: np.ndarray) -> np.ndarray:
    return array[::-1].copy() if array.ndim and array.shape[0] == BATCH else array


def _others_changed(case: Case, one: Any, seed: int) -> Any:
    """Returns the arguments with every sample but the first replaced."""
    others = iter(flat(*case.inputs(BATCH, seed=seed)))
    leaves = []
    for leaf in flat(one.args, one.kwargs):
        other = next(others)
        a, b = tensors.array_of(leaf), tensors.array_of(other)
        if a is None or b is None or not a.ndim or a.shape[0] != BATCH:
            leaves.append(leaf)
            continue
        # Much larger too, so that what is normalised over the batch moves.
        scaled = b * 3 if b.dtype.kind == "f" and b.size and float(b.min()) < 0 else b
        leaves.append(objects.to_tensor(np.concatenate([a[:1], scaled[1:]]).astype(a.dtype)))
    return rebuilt(one.args, one.kwargs, leaves)


def _mixed(case: Case, changed: Any, apart: float, first: Any = None) -> Finding:
    instance, one = case.built(), base(case)
    first = first or (one.args, one.kwargs)

    def run(args: Any, kwargs: Any) -> None:
        restore(case)
        case.run(instance, args, kwargs, training=False)

    def differs(a: np.ndarray, b: np.ndarray) -> bool:
        if not a.ndim or a.shape[0] != BATCH:
            return difference([a], [b]) is not None
        return difference([a[:1]], [b[:1]]) is not None

    runs = watched_apart(lambda: run(*first), lambda: run(*changed))
    culprit = first_to_differ(runs, differs)
    which = "" if culprit is None else f" The first expression that does is `{culprit.site.source}`."
    return case.broken(
        f"{case.subject.name} mixes the samples of a batch",
        "The first sample was left as it is and the others were replaced; its result changed, in inference. So a "
        f"prediction depends on which samples happen to be predicted together.{which}",
        evidence=[Evidence("largest change", apart)],
        location=place(culprit, case),
        fixes=[
            "Work along the axes after the first: axis=-1 or axis=1 in place of axis=0 or no axis; ops.transpose in "
            "place of a reshape that moves the batch axis; training=training in place of training=True."
        ],
    )


@contract("trainable", kinds=LAYERS, after=("builds",))
def trainable(case: Case) -> Iterator[Finding]:
    """Frozen by `trainable = False` it stays frozen, and thawed it trains as before."""
    instance = case.built()
    one = base(case)
    flags = [v.trainable for v in alone.variables(instance)]
    if not any(flags):
        raise Skip("it has no trainable weights")
    was = instance.trainable
    nested = alone.trainable_flags(instance)
    try:
        instance.trainable = False
        case.run(instance, one.args, one.kwargs, training=False)
        loose = [v.path for v in alone.variables(instance) if v.trainable]
        # What a property of the class's own says is what an optimizer gets.
        loose = loose or [v.path for v in instance.trainable_variables]
    finally:
        instance.trainable = was
        alone.set_trainable_flags(nested)
    if loose:
        yield case.broken(
            f"{case.subject.name} trains weights although it is frozen",
            "trainable was set to False and the layer was called; these weights were trainable afterwards.",
            evidence=[Evidence("still trainable", ", ".join(loose[:4]))],
            location=case.where("trainable_variables", "trainable_weights", "call", text="trainable"),
            fixes=[
                "Set `trainable` of a sub-layer in __init__ only, and leave `trainable_variables` to Keras."
            ],
        )


def _swallowed(case: Case) -> Iterator[Finding]:
    """Yields a finding when the constructor takes a name or a dtype and does nothing with it."""
    lost = alone.swallowed(case.fresh())
    if lost:
        yield case.broken(
            f"{case.subject.name} takes {' and '.join(lost)} and does nothing with {'them' if lost[1:] else 'it'}",
            "It was made with another value than it has by itself, without an error, and came out as before. Two of "
            "them in a model have one name then, which Keras refuses, or cannot be kept in float32 in a "
            "mixed-precision model.",
            evidence=[Evidence("swallowed", ", ".join(lost))],
            location=case.where("__init__", text="super()"),
            fixes=["Hand the arguments on: super().__init__(**kwargs)."],
        )


@contract("name-and-dtype", kinds=("layer",), severity="warning")
def name_and_dtype(case: Case) -> Iterator[Finding]:
    """Its constructor takes `name` and `dtype` and hands them to Keras."""
    cls = case.cls
    init: Any = getattr(cls, "__init__", None)
    try:
        parameters = inspect.signature(init).parameters
    except (TypeError, ValueError):
        raise Skip("its constructor has no signature") from None
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) or {"name", "dtype"} <= set(parameters):
        yield from _swallowed(case)
        return
    yield case.broken(
        f"{case.subject.name} takes no name and no dtype",
        "Every layer of Keras takes them. Without, two of them in a model cannot be told apart by name, the layer "
        "cannot be kept in float32 in a mixed-precision model, and cls.from_config(layer.get_config()) "
        "fails as soon as "
        "get_config hands on what Keras's own gives.",
        location=case.where("__init__"),
        fixes=["def __init__(self, ..., **kwargs): super().__init__(**kwargs)"],
    )
