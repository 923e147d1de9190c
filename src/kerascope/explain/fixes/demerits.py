"""What is odd about a result that passes: by this the changes that pass are put in order, none is thrown away.

A change that drops an operand, leaves a weight without effect or makes every row the same is rarely what was meant.
"""

from __future__ import annotations

import dis
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import objects
from kerascope.explain.fixes import unread
from kerascope.explain.subject import BATCH, InputSpec

if TYPE_CHECKING:
    from kerascope.explain.fixes.outcome import Outcome, Trial

_MOST_WEIGHTS = 6
_SEEDS = (1, 2, 3)
_OUTPUTS = ("units", "filters", "output_dim", "out_features")
"""What Keras's own layers call the size of what comes out."""


def of_layer(trial: Trial, instance: Any, result: list[np.ndarray], outcome: Outcome) -> None:
    """Notes weights and inputs without effect, and an output that is the same whatever comes in."""
    before = result[0]
    of_settings(trial, type(instance), outcome)
    if before.size and before.ndim and np.allclose(before, before[:1], atol=1e-6):
        outcome.demerits["the output does not depend on the input"] = 3.0
    for index, spec in enumerate(trial.subject.specs()):
        if not differs(_with_other_input(trial, instance, index), result):
            outcome.demerits[f"input {index + 1} has no effect"] = 2.0
        del spec
    if before.ndim > 1 and before.shape[-1] > 1 and np.allclose(before, before[..., :1], atol=1e-6):
        outcome.demerits["the output is one number repeated along the last axis"] = 1.0
    if trial.sizes[0] in before.shape[1:]:
        outcome.demerits["an axis has the size of the first batch that the object was called with"] = 1.5
    _causal(trial, instance, before, outcome)
    wanted = next((v for n in _OUTPUTS if isinstance(v := getattr(instance, n, None), int)), None)
    if wanted is not None and before.ndim > 1 and before.shape[-1] != wanted:
        outcome.demerits["the last axis is not of the size that the layer is made with"] = 0.3
    weights = list(getattr(instance, "trainable_weights", ()))
    for weight in weights[:_MOST_WEIGHTS] + weights[_MOST_WEIGHTS:][-1:]:
        if not differs(_with_other_weight(trial, instance, weight), result):
            # A bias before a softmax or a normalisation has none in sound layers too.
            outcome.demerits[f"weight {weight.name!r} has no effect"] = 0.1 if "bias" in weight.name else 1.5


CAUSAL = "it is causal by its name or text, and a step depends on later ones"
_CAUSAL = re.compile(
    r"causal|auto-?regressive|(sees?|looks? at|uses?|attends? to|depends? on) only (the )?(past|earlier|previous)"
    r"|only (the )?(past|earlier|previous) (steps|frames|tokens|values)",
    re.IGNORECASE,
)


def _causal(trial: Trial, instance: Any, result: np.ndarray, outcome: Outcome) -> None:
    """Notes that what comes out for a step changes with the last step alone."""
    name = f"{type(instance).__name__} {type(instance).__doc__ or ''}"
    specs = trial.subject.specs()
    if not _CAUSAL.search(name) or re.search(
        r"(non|anti|not).?causal|\bacausal|bidirectional", name, re.IGNORECASE
    ):
        return
    steps = specs[0].shape[1] if specs and len(specs[0].shape) in (2, 3) else None
    if result.ndim < 2 or not isinstance(steps, int) or steps < 3 or result.shape[1] != steps:
        return
    args, kwargs = trial.inputs(trial.sizes[0])
    first, other = objects.to_numpy(args[0]), objects.to_numpy(trial.inputs(trial.sizes[0], seed=1)[0][0])
    changed = np.array(first)
    changed[:, -1] = other[:, -1]
    later = _attempt(trial, instance, (objects.to_tensor(changed), *args[1:]), kwargs)
    if later and later[0].shape == result.shape and differs([later[0][:, :-1]], [result[:, :-1]]):
        outcome.demerits[CAUSAL] = 1.5


def of_settings(trial: Trial, cls: type, outcome: Outcome) -> None:
    """Notes a parameter of the class that is kept and that nothing reads."""
    if trial.setting is None:
        found = unread.setting(cls)
        trial.setting = [] if found is None else [found]
    if trial.setting and unread.stays_unread(cls, trial.setting[0].source):
        outcome.demerits[f"{UNREAD}`{trial.setting[0].source}`"] = 1.0


UNREAD = "nothing reads the setting "


def differs(new: list[np.ndarray] | None, old: list[np.ndarray]) -> bool:
    if new is None or len(new) != len(old):
        return True
    return any(
        a.shape != b.shape or not np.allclose(a, b, rtol=1e-6, atol=1e-7)
        for a, b in zip(new, old, strict=True)
    )


def _with_other_input(
    trial: Trial, instance: Any, index: int, seed: int = 1, given: tuple[Any, ...] | None = None
) -> list[np.ndarray] | None:
    args, kwargs = other_input(trial, index, seed, given)
    return _attempt(trial, instance, args, kwargs)


def other_input(
    trial: Trial, index: int, seed: int = 1, given: tuple[Any, ...] | None = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Returns the made-up arguments with one tensor among them replaced by another."""
    first = trial.sizes[0]
    args, kwargs = trial.inputs(first)
    args = args if given is None else given
    others, other_kwargs = trial.inputs(first, seed=seed)
    seen = -1

    def pick(one: Any, two: Any) -> Any:
        nonlocal seen
        if tensors.kind(one) == "tensor":
            seen += 1
            return two if seen == index else one
        return one

    flat = objects.flatten((list(args), dict(kwargs)))
    other = iter(objects.flatten((list(others), dict(other_kwargs))))
    mixed = iter([pick(one, next(other)) for one in flat])
    left, right = objects.map_structure(lambda _: next(mixed), (list(args), dict(kwargs)))
    return tuple(left), right


def _with_other_weight(trial: Trial, instance: Any, weight: Any) -> list[np.ndarray] | None:
    value = objects.to_numpy(weight)
    if value.dtype.kind != "f":
        return None
    noise = np.random.default_rng(1).uniform(0.3, 0.8, value.shape).astype(value.dtype)
    weight.assign(value + noise)
    try:
        return _attempt(trial, instance, *trial.inputs(trial.sizes[0]))
    finally:
        weight.assign(value)


def _attempt(trial: Trial, instance: Any, args: Any, kwargs: Any) -> list[np.ndarray] | None:
    from kerascope.explain.fixes.outcome import arrays

    try:
        return arrays(trial.subject.call(instance, args, kwargs))
    except Exception:  # the user's code on other numbers; nothing is concluded from it
        return None


TURNED = "Keras passes y_true first, but its first parameter is named as the prediction"


def turned(function: Any) -> bool:
    """Tells whether a loss or metric names its first parameter as the prediction and its second as the target."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return False
    names = [name for name in code.co_varnames[: code.co_argcount] if name != "self"][:2]
    return len(names) == 2 and "pred" in names[0].lower() and "true" in names[1].lower()


def _reads(function: Any, index: int) -> bool:
    """Tells whether a method reads a parameter, `self` not counted; True where that cannot be told."""
    code = getattr(function, "__code__", None)
    if code is None or index + 1 >= code.co_argcount:
        return True
    name = code.co_varnames[index + 1]
    for instruction in dis.get_instructions(code):
        value = instruction.argval
        named = name in value if isinstance(value, tuple) else name == value
        if named and instruction.opname.startswith(("LOAD", "STORE_FAST_LOAD")):
            return True
    return False


def of_loss(trial: Trial, instance: Any, result: list[np.ndarray], outcome: Outcome) -> None:
    """Notes arguments without effect or turned, values not per sample, and a loss not least where both are equal."""
    if turned(type(instance).call):
        outcome.demerits[TURNED] = 2.0
    of_settings(trial, type(instance), outcome)
    specs = trial.subject.specs()
    for index, name in enumerate(("y_true", "y_pred")[: len(specs)]):
        # A loss that ignores one of the two altogether means to, as one of triplets does.
        if _reads(type(instance).call, index) and not differs(
            _with_other_input(trial, instance, index), result
        ):
            outcome.demerits[f"{name} has no effect"] = 3.0
    if result[0].ndim > 1:
        outcome.demerits["more than one value per sample"] = 0.5
    if len(specs) == 2 and specs[0].shape == specs[1].shape and specs[0].dtype == specs[1].dtype:
        args, kwargs = trial.inputs(trial.sizes[0])
        equal = _attempt(trial, instance, (args[0], args[0]), kwargs)
        alike = equal and equal[0].shape == result[0].shape and np.all(np.isfinite(equal[0]))
        if equal and alike and float(np.mean(equal[0])) > float(np.mean(result[0])) + 1e-6:
            outcome.demerits["not least where both are equal"] = 0.6
    _promised(trial, instance, result[0], outcome)


OVERLAP = "the loss is an overlap's by its name, and not 0 where both are equal"
NEGATIVE = "the loss is a distance's or margin's by its name, and below 0"
_OVERLAPS = re.compile(r"Dice|I[oO]U|Iou|(?<![a-z])(dice|iou)(?![a-z])|(?i:jaccard|tversky|overlap)")
"""Not `indices` or `previous`, in which two of these stand as well."""
_ABOVE = re.compile(
    r"hinge|margin(?!al)|triplet|contrastive|squared|absolute|huber|euclid|distance", re.IGNORECASE
)


def _promised(trial: Trial, instance: Any, result: np.ndarray, outcome: Outcome) -> None:
    """Notes a loss whose values are not those of what it is called."""
    name = f"{type(instance).__name__} {type(instance).__doc__ or ''}"
    specs = trial.subject.specs()
    if (
        _OVERLAPS.search(name)
        and "box" not in name.lower()
        and len(specs) == 2
        and specs[0].shape == specs[1].shape
    ):
        args, kwargs = trial.inputs(trial.sizes[0])
        hit = _hits(objects.to_numpy(args[1]).shape)
        # Predictions may be probabilities or scores.
        tried = [(hit, hit), (hit, 40 * hit - 20)]
        equal = [_attempt(trial, instance, tuple(map(objects.to_tensor, pair)), kwargs) for pair in tried]
        least = [value for each in equal if each and -0.05 < (value := float(np.mean(each[0]))) < 1.0]
        if least and min(least) > 0.05:
            outcome.demerits[OVERLAP] = 1.5
    elif _ABOVE.search(name) and result.size and float(result.min()) < -1e-3 and float(result.max()) <= 1e-6:
        outcome.demerits[NEGATIVE] = 1.5


def _hits(shape: tuple[int, ...]) -> np.ndarray:
    """Returns one class for each place, or yes and no where there is one class."""
    random = np.random.default_rng(0)
    if shape[-1] > 1:
        return np.eye(shape[-1], dtype="float32")[random.integers(0, shape[-1], shape[:-1])]
    found = random.integers(0, 2, shape).astype("float32")
    found[:, ..., 0] = 1.0 if found.ndim < 3 else found[:, ..., 0]
    return found


def of_metric(trial: Trial, outcome: Outcome) -> None:
    """Notes a result that depends on how the data is split into batches, and arguments without effect."""
    first = trial.sizes[0]
    whole, parts = trial._make(), trial._make()
    if turned(type(whole).update_state):
        outcome.demerits[TURNED] = 2.0
    of_settings(trial, type(whole), outcome)
    args, kwargs = trial.inputs(first)
    once = _attempt(trial, whole, args, kwargs)
    if once is not None and all(not np.any(part) for part in once):
        # Made-up predictions seldom hit; a metric that counts hits needs some.
        args = agreeing(args)
        whole = trial._make()
        once = _attempt(trial, whole, args, kwargs)
    halves = (slice(0, 4), slice(4, first))
    # The second order is for what only keeps the last batch, which may happen to hold the largest.
    orders = [(parts, halves), (trial._make(), halves[::-1])]
    splits = [
        [_attempt(trial, each, *_rows(trial, args, kwargs, p)) for p in order][-1] for each, order in orders
    ]
    if once is None or any(s is None or (differs(s, once) and not _near(s, once)) for s in splits):
        outcome.demerits["the result depends on how the data is split into batches"] = 1.5
    if _counts_all(trial):
        outcome.demerits[UNWEIGHTED] = 1.5
    for index in range(len(trial.subject.specs())):
        # What counts hits has few values, and two batches may give the same one by chance.
        others = (_with_other_input(trial, trial._make(), index, seed, args) for seed in _SEEDS)
        if once is not None and not any(differs(other, once) for other in others):
            outcome.demerits[f"argument {index + 1} has no effect"] = 1.0


UNWEIGHTED = "a sample of weight 0 counts"


def weighed(trial: Trial) -> tuple[Any, Any] | None:
    """Returns arguments of which every second row has the weight 0, the others 1; None where there are no weights."""
    args, kwargs = trial.subject.args, trial.subject.kwargs
    spec = args[2] if len(args) > 2 else kwargs.get("sample_weight")
    if not isinstance(spec, InputSpec) or spec.shape[:1] != (BATCH,) or not spec.dtype.startswith("float"):
        return None
    first = trial.sizes[0]
    given, named = trial.inputs(first)
    shape = (first, *(int(size) for size in spec.shape[1:]))
    rows = (np.arange(first) % 2).astype("float32").reshape(first, *(1,) * (len(shape) - 1))
    weights = objects.to_tensor(np.broadcast_to(rows, shape).copy())
    if len(args) > 2:
        return (*given[:2], weights, *given[3:]), named
    return given, {**named, "sample_weight": weights}


def _counts_all(trial: Trial) -> bool:
    """Tells whether a metric that is given weights is another one without the samples of weight 0."""
    arguments = weighed(trial)
    if arguments is None:
        return False
    args, kwargs = arguments
    whole = _attempt(trial, trial._make(), (*agreeing(args[:2]), *args[2:]), kwargs)
    some = _rows(trial, (*agreeing(args[:2]), *args[2:]), kwargs, slice(1, None, 2))
    part = _attempt(trial, trial._make(), *some)
    return whole is not None and part is not None and differs(whole, part) and not _near(whole, part)


def agreeing(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns targets and predictions of which the first half of the rows agrees, where the targets may be classes."""
    if len(args) < 2 or any(tensors.kind(a) != "tensor" for a in args[:2]):
        return args
    true, predicted = objects.to_numpy(args[0]).copy(), objects.to_numpy(args[1])
    if predicted.ndim == true.ndim + 1 and true.dtype.kind in "iu":
        right = predicted.argmax(-1)
    elif predicted.shape == true.shape:
        right = predicted
    else:
        return args
    half = len(true) // 2
    true[:half] = right[:half].astype(true.dtype)
    return (objects.to_tensor(true), *args[1:])


def _near(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(
        x.shape == y.shape and np.allclose(x, y, rtol=1e-4, atol=1e-5) for x, y in zip(a, b, strict=False)
    )


def _rows(trial: Trial, args: Any, kwargs: Any, part: slice) -> tuple[Any, Any]:
    specs = iter(trial.subject.specs())

    def sliced(value: Any) -> Any:
        if tensors.kind(value) != "tensor":
            return value
        spec = next(specs)
        return value[part] if spec.shape and spec.shape[0] == BATCH else value

    left, right = objects.map_structure(sliced, (list(args), dict(kwargs)))
    return tuple(left), right
