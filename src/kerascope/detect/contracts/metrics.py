"""Metrics: the same figure however the data is cut, after every reset, line by line and compiled."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kerascope._backends import alone as backend
from kerascope._backends import tensors
from kerascope._keras import alone, objects, pairs
from kerascope.detect.contracts.case import Case
from kerascope.detect.contracts.pairs import Pair, close, same, short, tensors_of, typical
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.values import Evidence, Finding, Fix

METRIC = ("metric",)
RUNS = ("metric-runs",)
SAMPLES = 6


_OUTCOMES = (((1, 1), (0, 1), (1, 0), (0, 0)), ((0, 1), (0, 1), (1, 0), (0, 0), (1, 1)))


def samples(case: Case, seed: int = 0) -> Pair:
    """Returns six samples, targets 0 and 1 where they are labels; of numbers every third prediction is right.

    Where each sample is a yes or no, hits and misses of both sorts are among them, and not as many for each seed.
    """
    pair = typical(case, SAMPLES, seed).hardened().with_hits(3)
    return pair.with_outcomes(_OUTCOMES[seed % 2])


def result(metric: Any) -> np.ndarray:
    """Returns what a metric says, its parts one after the other."""
    parts = [np.asarray(objects.to_numpy(part), "float64") for part in objects.flatten(metric.result())]
    return np.concatenate([part.ravel() for part in parts]) if parts else np.zeros(0)


def updated(metric: Any, pair: Pair, sizes: Sequence[int] = (SAMPLES,)) -> np.ndarray:
    """Gives a metric the samples in batches of these sizes and returns its result."""
    start = 0
    for size in sizes:
        metric.update_state(*tensors_of(pair.rows(start + size, start)))
        start += size
    return result(metric)


@contract("metric-runs", kinds=METRIC)
def runs(case: Case) -> Iterator[Finding]:
    """`update_state` and `result` run on batches of any size."""
    for sizes in ((SAMPLES,), (4, 2)):
        with case.attempt(
            f"{case.subject.name} fails when it is updated",
            f"`update_state` was called on batches of {' and '.join(map(str, sizes))} samples, then `result`.",
        ) as found:
            updated(case.fresh(), samples(case), sizes)
        if found:
            yield found[0]
            return


@contract("metric-repeatable", kinds=METRIC, after=RUNS)
def repeatable(case: Case) -> Iterator[Finding]:
    """Asking for the result changes nothing."""
    metric = case.fresh()
    first = updated(metric, samples(case))
    others = [updated(case.fresh(case.seed + more), samples(case)) for more in range(1, 5)]
    other = next((one for one in others if one.shape == first.shape and not close(first, one)), None)
    if other is not None:
        yield case.broken(
            f"{case.subject.name} gives a result that hangs on chance",
            "Two new metrics were given the same samples, with other random numbers, and say something else. Some "
            "shuffle what is equal before they sort. What else is promised of metrics cannot be judged then.",
            evidence=[Evidence("one", short(first)), Evidence("the other", short(other))],
            location=case.where("update_state"),
            severity="note",
        )
        return
    second = result(metric)
    if same(first, second):
        yield from _asked_between(case)
    else:
        yield case.broken(
            f"{case.subject.name} gives another result when it is asked again",
            "`result()` was called twice with no update between. Keras calls it after every batch to show the "
            "running figure, so it must leave the variables alone.",
            evidence=[Evidence("first", short(first)), Evidence("second", short(second))],
            location=case.where("result"),
            fixes=["Move what changes variables into update_state() or reset_state()."],
        )


def _asked_between(case: Case) -> Iterator[Finding]:
    """Yields a finding when what is counted later comes to something else once the result was asked for."""
    asked, quiet = case.fresh(), case.fresh()
    for seed in (0, 1):
        quiet.update_state(*tensors_of(samples(case, seed)))
        got = updated(asked, samples(case, seed))
    if not close(result(quiet), got):
        yield case.broken(
            f"{case.subject.name} counts otherwise once its result was asked for",
            "Two batches were given to it, with `result()` between them and without. Keras calls it after every batch "
            "to show the running figure, so it must leave the variables alone.",
            evidence=[Evidence("without", short(result(quiet))), Evidence("asked between", short(got))],
            location=case.where("result"),
            fixes=["Work with another tensor in result(): x = self.x / n, not self.x.assign(self.x / n)."],
        )


@contract("metric-state", kinds=METRIC, after=(*RUNS, "metric-repeatable"))
def state(case: Case) -> Iterator[Finding]:
    """Everything a metric remembers lies in its variables."""
    metric = case.fresh()
    with contextlib.suppress(Exception):  # a reset that fails has a contract of its own
        metric.reset_state()  # as Keras does before each epoch: what it puts in the place of variables counts too
    first = updated(metric, samples(case))
    variables = alone.variables(metric)
    values, kept = alone.values(variables), _attributes(metric)
    updated(metric, samples(case, 1))
    new = _attributes(metric)
    changed = sorted(name for name in new if name in kept and new[name] != kept[name])
    replaced = [name for name in changed if new[name][0] == "tensor"]
    alone.assign(variables, values)
    again = result(metric)
    if same(first, again):
        return
    if replaced:
        fixes = [
            f"Assign to the variable: self.{name}.assign(...), not self.{name} = ..." for name in replaced
        ]
    else:
        fixes = [
            'self.total = self.add_weight(name="total", initializer="zeros") in __init__, then self.total.assign_add'
        ]
    yield case.broken(
        f"{case.subject.name} keeps what it has seen outside its variables"
        + (f": self.{', self.'.join(changed)}" if changed else ""),
        "After two updates the variables were put back to what they were after the first, and the result was not. "
        "Keras resets, saves and compiles variables only: other state is not reset between epochs, and a compiled "
        "step either fails or keeps what it had while it was read.",
        evidence=[
            Evidence("result after one update", short(first)),
            Evidence("with its variables again", short(again)),
        ],
        location=case.where("update_state", text=f"self.{changed[0]}" if changed else ""),
        fixes=fixes,
    )


def _attributes(metric: Any) -> dict[str, tuple[str, Any]]:
    """Returns what each attribute holds: its value when plain, the identity of a tensor, the length of a list."""
    plain = pairs.plain_state(metric)
    found: dict[str, tuple[str, Any]] = {name: ("value", value) for name, value in plain.items()}
    for name, value in vars(metric).items():
        if name.startswith("_") or name in plain:
            continue
        if isinstance(value, (list, dict, set)):
            found[name] = ("length", len(value))
        elif tensors.kind(value) == "tensor":
            found[name] = ("tensor", id(value))
    return found


@contract("metric-reset", kinds=METRIC, after=(*RUNS, "metric-repeatable"))
def reset(case: Case) -> Iterator[Finding]:
    """`reset_state` makes a metric as it was when it was new."""
    fresh, used = case.fresh(), case.fresh()
    wanted = updated(fresh, samples(case))
    start = {path: value for path, value in _named(case.fresh())}
    updated(used, samples(case, 1))
    known = {id(variable) for variable in alone.variables(used)}
    used.reset_state()
    if {id(variable) for variable in alone.variables(used)} != known:
        yield _other_variables(case)
        return
    rest = _unlike_new(case, used)
    left = [(name, value) for name, value in _named(used) if name in start and not same(start[name], value)]
    got = updated(used, samples(case))
    if same(wanted, got):
        if rest is None:
            return
        wanted, got = rest
    names = [name for name, _ in left]
    own = case.cls is not None and not pairs.is_keras_own(case.cls) and "reset_state" in vars(case.cls)
    if own:
        fixes = [f"Assign to {', '.join(names) or 'every variable'} in reset_state() too."]
    else:
        fixes = [
            "The inherited reset_state() sets every variable to 0. Override it and assign the values they start with."
        ]
    yield case.broken(
        f"{case.subject.name} is not new again after reset_state()"
        + (f": {', '.join(names)}" if names else ""),
        "It was given some samples, reset, and given others; a new one was given only the others. The results "
        "differ, so every epoch's figure hangs on the epochs before it.",
        evidence=[
            Evidence("new", short(wanted)),
            Evidence("after a reset", short(got)),
            *(
                Evidence(f"{name} starts at {short(start[name])}, after a reset", short(value))
                for name, value in left
            ),
        ],
        location=case.where("reset_state", "__init__"),
        fixes=fixes,
    )


def _other_variables(case: Case) -> Finding:
    return case.broken(
        f"reset_state() of {case.subject.name} makes new variables",
        "After a reset its variables are other objects than before. A compiled step goes on with those that it was "
        "compiled for, on JAX it fails or loses what it counted, and each epoch leaves some more behind.",
        location=case.where("reset_state"),
        fixes=["Assign to the variables: for v in self.variables: v.assign(ops.zeros(v.shape))"],
    )


def _unlike_new(case: Case, used: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns what a new metric and one that was reset say before any update, None where it is the same."""
    try:
        new, after = result(case.fresh()), result(used)
    except Exception:  # it says nothing before its first update
        return None
    return None if new.shape == after.shape and same(new, after) else (new, after)


def _named(metric: Any) -> list[tuple[str, np.ndarray]]:
    variables = alone.variables(metric)
    return [
        (v.name, np.asarray(x, "float64")) for v, x in zip(variables, alone.values(variables), strict=True)
    ]


@contract("metric-split", kinds=METRIC, after=(*RUNS, "metric-repeatable"))
def split(case: Case) -> Iterator[Finding]:
    """The result does not depend on how the data is cut into batches."""
    whole = updated(case.fresh(), samples(case))
    # Targets may lie so that parts of some sizes are alike.
    for sizes in ((4, 2), (2, 4), (5, 1)):
        parts = updated(case.fresh(), samples(case), sizes)
        if close(whole, parts):
            continue
        yield case.broken(
            f"{case.subject.name} gives another result when the same data comes in other batches",
            f"Six samples were given at once, and as batches of {sizes[0]} and {sizes[1]}. The mean of the batches' "
            "means is not the mean of the samples when the last batch is smaller, and no ratio, maximum or root is "
            "the mean of its batches' values.",
            evidence=[Evidence("6", short(whole)), Evidence(f"{sizes[0]} + {sizes[1]}", short(parts))],
            location=case.where("update_state"),
            fixes=["Add up numerator and denominator in variables over all samples; divide in result()."],
        )
        return


@contract("metric-finite", kinds=METRIC, severity="warning", after=RUNS)
def finite(case: Case) -> Iterator[Finding]:
    """The result is a number before the first update and after a reset."""
    metric = case.fresh()
    try:
        value = result(metric)
    except Exception:
        raise Skip("it makes its variables in the first update") from None
    if not np.isfinite(value).all():
        yield case.broken(
            f"{case.subject.name} is {short(value)} before it has seen anything",
            "Nothing has been counted yet, so 0 is divided by 0 or a logarithm is taken of 0. The same happens in an "
            "epoch without a case that counts (no positive, all weights 0); early stopping sees NaN then.",
            evidence=[Evidence("result", short(value))],
            location=case.where("result"),
            fixes=["ops.divide_no_nan(self.total, self.count)"],
        )


@contract("metric-compiled", kinds=METRIC, after=(*RUNS, "metric-repeatable"))
def compiled(case: Case) -> Iterator[Finding]:
    """It runs in compiled steps, last batch smaller, with the same result as line by line."""
    pair, metric = samples(case), case.fresh()
    title = f"{case.subject.name} cannot be used in fit"
    explanation = (
        "Keras runs a metric on tensors without values before the first step, and compiles it. What is tried here is "
        "what fit does: that, then a batch of 4 and a batch of 2."
    )
    advice = "Use keras.ops, and variables for all state; no NumPy, float(), int(), or `if` on tensors."

    def step(y_true: Any, y_pred: Any) -> Any:
        metric.update_state(y_true, y_pred)
        return metric.result()

    with case.attempt(title, explanation, [Fix(advice)]) as found:
        objects.compute_output_spec(step, *case.subject.symbolic()[0][:2])
        fast = backend.compiled(step, alone.variables(metric))
        for part in (pair.rows(4), pair.rows(SAMPLES, 4)):
            y_true, y_pred = tensors_of(part)
            fast(y_true, backend.from_model(y_pred))
        got = result(metric)
    if found:
        yield (
            dataclasses.replace(
                found[0],
                location=case.where("result"),
                fixes=(
                    Fix(
                        "return ops.convert_to_tensor(...) of the variable: result gives the variable itself."
                    ),
                ),
            )
            if "__jax_array__" in str(found[0].evidence[0].value)
            else found[0]
        )
        return
    wanted = updated(case.fresh(), pair, (4, 2))
    if not close(wanted, got, 1e-3):
        yield case.broken(
            f"{case.subject.name} gives another result in fit",
            explanation
            + " What is kept outside variables is lost, or is what it was while the code was read.",
            evidence=[Evidence("line by line", short(wanted)), Evidence("as in fit", short(got))],
            location=case.where("update_state"),
            fixes=[advice],
        )
