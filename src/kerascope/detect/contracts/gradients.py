"""Gradients reach every weight, and are numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kerascope._backends import alone as backend
from kerascope._backends import tensors
from kerascope._keras import alone, objects
from kerascope._keras.training import own_methods
from kerascope.detect.contracts.case import BATCH, Arguments, Case, arrays, like_a_power
from kerascope.detect.contracts.registry import Skip, contract, in_users_code
from kerascope.detect.contracts.rehearsal import observed
from kerascope.detect.contracts.running import (
    CALLS,
    LAYERS,
    base,
    difference,
    flat,
    place,
    rebuilt,
    restore,
    swift,
    watched,
)
from kerascope.detect.contracts.stillborn import ends_here, stillborn
from kerascope.values import Evidence, Finding

LARGE = 100.0
_BATCHES = 20
_ROUNDING = 1e-5
_FAR = 1e4
_WORDS = {
    "zeros": "an input of zeros",
    "equal": "equal values",
    "large": "values of about 100",
    "padded": "padding",
}


@contract(
    "gradients-reach",
    kinds=LAYERS,
    after=("builds", "batch-sizes", "compiled", "inputs-unchanged", "no-new-weights"),
)
def gradients_reach(case: Case) -> Iterator[Finding]:
    """A gradient reaches every trainable weight that the result depends on, there is no other, and the input too."""
    instance = case.built()
    weights = list(instance.trainable_variables)
    if not alone.supports_compiling(instance):
        raise Skip("it says that it cannot be compiled")
    if not any(array.dtype.kind == "f" for array in base(case).arrays):
        raise Skip("its result has no floats to differentiate")
    modes = alone.has_modes(instance)
    if failed := _cannot(case, modes):
        yield failed
        return
    missing = _missing(case, modes, range(2)) if weights else set()
    # A unit that is off, or an expert that is not asked, wakes up for another batch.
    missing &= _missing(case, modes, range(2, _BATCHES)) if missing else missing
    if not missing:
        yield from stillborn(case, modes) if weights else ()
        yield from ends_here(case, modes)
        return
    in_inference = _missing(case, not modes, range(2))
    if missing - in_inference and modes:
        yield _cut(case, [weights[i] for i in sorted(missing - in_inference)], in_training=True)
        return
    judged = [(i, _effect(case, weights[i])) for i in sorted(missing & in_inference)]
    cut = [weights[i] for i, effect in judged if effect == "moves"]
    unused = [weights[i] for i, effect in judged if effect == "nothing" and not _trained(case, i)]
    if cut:
        yield _cut(case, cut)
    if unused and not cut:
        yield _unused(case, unused)


def _cannot(case: Case, training: bool) -> Finding | None:
    """Returns a finding when the object cannot be differentiated at all, by what its own code does."""
    try:
        differentiate(case, case.inputs(BATCH), training)
    except Exception as error:
        if in_users_code(error) is None:
            raise
        found = case.failed(
            error,
            title=f"{case.subject.name} cannot be differentiated",
            explanation="It was called, and the gradient of its result was asked for, as a training step does. Where "
            "it is used in a model, nothing before it, and none of its own weights, can be trained.",
            fixes=["A loop of a known number of rounds: Python's `for`, ops.fori_loop or ops.scan."]
            if "loop" in str(error)
            else (),
        )
        return found if case.built().trainable_variables else dataclasses.replace(found, severity="warning")
    return None


def _missing(case: Case, training: bool, seeds: Sequence[int]) -> set[int]:
    """Returns which weights get no gradient for any of some batches, with other random numbers for each."""
    missing = set(range(len(case.built().trainable_variables)))
    for seed in seeds:
        values = _elsewhere(case, seed) if seed > 1 else ()
        got = differentiate(case, case.inputs(BATCH, seed=seed), training, draws=seed, values=values)[1]
        least = _ROUNDING if values else 0.0  # what cancels out leaves rounding behind, sooner or later
        missing -= {i for i in missing if (one := got[i]) is not None and np.any(np.abs(one) > least)}
        if not missing:
            break
    return missing


def _elsewhere(case: Case, seed: int) -> list[np.ndarray]:
    """Returns other values for all variables, far from those that they share: what is chosen is another thing there."""
    case.restore()
    random = np.random.default_rng((case.seed, seed))
    variables = alone.variables(case.built())
    trained = {id(variable) for variable in case.built().trainable_variables}
    return [
        (value + random.normal(size=value.shape)).astype(value.dtype) if id(variable) in trained else value
        for variable, value in zip(variables, alone.values(variables), strict=True)
    ]


def _effect(case: Case, weight: Any) -> str:
    """Says what a change of a weight does to the result: "moves" it, "nothing" to the bit, or "rounding" only.

    Softmax, for one, takes no notice of a number that is added to all of its inputs. Nor does a distance of one that is
    added to both, and what rounding that leaves may be lost again: a huge number leaves some.
    """
    one = base(case)
    before = [swift(case, (one.args, one.kwargs), training=training) for training in (False, True)]
    random = np.random.default_rng(case.seed)
    result = "nothing"
    for scale in (1.0, 5.0, _FAR):
        if scale == _FAR and result != "nothing":
            break
        for training, still in zip((False, True), before, strict=True):
            restore(case)
            value = objects.to_numpy(weight.value)
            weight.assign((value + scale * random.normal(size=value.shape)).astype("float32"))
            after = swift(case, (one.args, one.kwargs), training=training, again=True)
            restore(case)
            if scale != _FAR and difference(still, after, 1e-3) is not None:
                return "moves"
            if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(still, after, strict=False)):
                result = "rounding"
    return result


def _trained(case: Case, index: int) -> bool:
    """Tells whether a step of the model's own may train a weight that its `call` does not use, as a critic's."""
    if "model" not in case.kinds or not own_methods(case.built(), "train_step", "compute_loss"):
        return False
    if "train_step" not in case.kinds:
        return True
    try:
        seen = observed(case)
    except Skip:
        return True
    if not seen.eager:
        return True
    moved = [did for did, may in zip(seen.changed(seen.eager[0]), seen.trainable, strict=True) if may]
    return moved[index]


def _paths(weights: Sequence[Any]) -> str:
    return ", ".join(weight.path for weight in weights[:4]) + (" ..." if len(weights) > 4 else "")


def _cut(case: Case, weights: Sequence[Any], in_training: bool = False) -> Finding:
    where, what = suspect(case, in_training)
    when = " in training, though not in inference" if in_training else ""
    return case.broken(
        f"No gradient reaches {_paths(weights)}",
        f"The result changes with these weights, and yet their gradient is zero{when}: something between them and the "
        f"result cuts it.{what} They keep the values that they began with. On JAX there is not even a warning.",
        evidence=[
            Evidence(
                "weights without a gradient", len(weights), f"of {len(case.built().trainable_variables)}"
            )
        ],
        location=where,
        fixes=[
            "Replace the step that has no slope: softmax for argmax, sigmoid for a comparison, keras.ops for NumPy; "
            "take out stop_gradient; or say trainable=False if it is meant."
        ],
    )


_CUTTERS = (
    "argmax",
    "argmin",
    "round",
    "floor",
    "ceil",
    "sign",
    "stop_gradient",
    "one_hot",
    "array",
    "searchsorted",
)


def suspect(case: Case, training: bool) -> tuple[Any, str]:
    """Returns the first of the user's expressions through which no gradient goes, and a sentence that names it."""
    instance, one = case.built(), base(case)
    restore(case)
    seen = watched(lambda: case.run(instance, one.args, one.kwargs, training=training))
    for each in seen:
        site = each.site
        comparison = site.kind == "compare" or each.event.facts.dtype == "bool"
        if site.name in _CUTTERS or (comparison and site.kind != "arguments"):
            return place(each, case), f" `{site.source}` has no slope."
    return case.where("call"), ""


def _unused(case: Case, weights: Sequence[Any]) -> Finding:
    name = weights[0].name
    return case.broken(
        f"{_paths(weights)} never reaches the result",
        "Any value of this weight gives the same result to the bit, in inference and in training. Either "
        "another one is "
        "used in its place, or it is left over. It is saved and counted, and never learns.",
        evidence=[
            Evidence("weights without effect", len(weights), f"of {len(case.built().trainable_variables)}")
        ],
        location=case.where("call"),
        fixes=[f"Use it in call, or take out the line that makes {name}."],
    )


def differentiate(
    case: Case,
    arguments: Arguments,
    training: bool = False,
    draws: int = 0,
    values: Sequence[np.ndarray] = (),
) -> tuple[float, list[np.ndarray | None], list[np.ndarray | None]]:
    """Returns a weighed sum of the result, and its gradients for the trainable weights and for the inputs' floats.

    Compiled once for each mode on JAX. With `draws` random numbers are others than those without; with `values` the
    variables have these, not those that all contracts share.
    """
    instance = case.built()
    key = ("gradients", training)
    if key not in case.cache:
        leaves = flat(*arguments)
        floats = [tensors.dtype(tensors.unwrapped(leaf)).startswith("float") for leaf in leaves]

        def objective(*new: Any) -> Any:
            args, kwargs = rebuilt(*arguments, new)
            result = case.run(instance, args, kwargs, training=training)
            return alone.weighed_sum(result, instance, case.seed)

        case.cache[key] = backend.differentiated(
            objective, alone.trainable_variables(instance), alone.variables(instance), floats
        )
    restore(case)
    alone.assign(alone.variables(instance), values)
    if draws:
        alone.draw_on(instance, draws)
    value, ours, theirs = case.cache[key](flat(*arguments))
    return float(value), ours, theirs


@contract("gradients-finite", kinds=CALLS, after=("builds", "batch-sizes", "compiled", "inputs-unchanged"))
def gradients_finite(case: Case) -> Iterator[Finding]:
    """Result and gradients are finite, also for zeros, equal values, large values and padding."""
    instance = case.built()
    if not alone.supports_compiling(instance):
        raise Skip("it says that it cannot be compiled")
    floats = [a for a in arrays(base(case).args) if a.dtype.kind == "f"]
    if not floats and not alone.trainable_variables(instance):
        raise Skip("it takes no floats and has no weights")
    if not any(array.dtype.kind == "f" for array in base(case).arrays):
        raise Skip("its result has no floats to differentiate")
    for kind in ("random", "zeros", "equal", "padded", "large") if floats else ("random",):
        arguments = _special(case, kind)
        value, ours, theirs = differentiate(case, arguments, alone.has_modes(instance))
        lost = [
            weight.path
            for weight, gradient in zip(alone.trainable_variables(instance), ours, strict=True)
            if not _finite(gradient)
        ]
        if any(not _finite(gradient) for gradient in theirs):
            lost.append("the input")
        if np.isfinite(value) and not lost:
            continue
        if not np.isfinite(value) and not _avoidable(case, kind):
            continue
        yield _not_finite(case, arguments, kind, bool(np.isfinite(value)), lost)
        return


def _finite(gradient: np.ndarray | None) -> bool:
    return gradient is None or bool(np.isfinite(gradient).all())


def _special(case: Case, kind: str, large: float = LARGE) -> Arguments:
    """Returns the arguments with their floats replaced; what is given between 0 and 1 stays there."""
    args, kwargs = case.inputs(BATCH)
    leaves = []
    for leaf, spec in zip(flat(args, kwargs), case.subject.specs(), strict=True):
        array = tensors.array_of(leaf)
        if kind == "random" or array is None or array.dtype.kind != "f":
            leaves.append(leaf)
            continue
        array = np.array(array)
        if kind == "zeros":
            array[...] = 0
        elif kind == "equal":
            array[...] = 0.5
        elif kind == "padded":
            array[-1:] = 0
        elif spec.like == "normal":
            array *= large
        leaves.append(objects.to_tensor(array))
    return rebuilt(args, kwargs, leaves)


def _avoidable(case: Case, kind: str) -> bool:
    """Tells whether a result that is not finite need not be: told by how it grows up to there.

    How an added loss grows is not known, so nothing is said of one where the result itself is finite.
    """
    if kind != "large":
        return True
    sizes = []
    for part in (16, 8, 4, 1):
        found = swift(case, _special(case, "large", LARGE / part))
        sizes.append(
            max((float(np.abs(a).max(initial=0)) for a in found if a.dtype.kind == "f"), default=0.0)
        )
    if np.isfinite(sizes[3]):
        return False
    return like_a_power(sizes[:3])


def _not_finite(
    case: Case, arguments: Arguments, kind: str, value_fine: bool, lost: Sequence[str]
) -> Finding:
    instance = case.built()
    restore(case)
    seen = watched(lambda: case.run(instance, *arguments, training=alone.has_modes(instance)))
    bad = next((s for s in seen if s.value is not None and not np.isfinite(s.value).all()), None)
    steep = bad or next((s for s in seen if s.site.name in _STEEP), None)
    what = _WORDS.get(kind, "ordinary values")
    title = (
        f"{case.subject.name} gives "
        + ("a gradient" if value_fine else "a result")
        + f" that is not finite at {what}"
    )
    explanation = (
        "The result is finite and its gradient is not, so the first such batch makes the weights NaN. The gradient "
        "of ops.where goes through both branches, and 0 · inf is NaN: the guard belongs inside, around the argument."
        if value_fine
        else "One such value turns the loss, and then every weight, into NaN or infinity."
    )
    severity = None if value_fine or kind in ("random", "padded") else "warning"
    if "function" in case.kinds:
        severity = "warning"  # not every function is there to be differentiated
    return case.broken(
        title,
        explanation,
        evidence=[Evidence("not finite", ", ".join(lost[:4]) or "the result")],
        location=place(steep, case),
        fixes=[
            "Keep arguments away from where the function has no slope: ops.sqrt(ops.maximum(x, 1e-6)), "
            "ops.rsqrt(s + 1e-6), ops.logsumexp and ops.softplus in place of their formulas."
        ],
        severity=severity,  # type: ignore[arg-type]
    )


_STEEP = (
    "sqrt",
    "rsqrt",
    "norm",
    "log",
    "Div",
    "divide",
    "power",
    "arccos",
    "arcsin",
    "reciprocal",
    "exp",
    "std",
)
