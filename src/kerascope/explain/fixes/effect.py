"""Weights and inputs that a call reads and that change nothing of what comes out, whatever they are."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import objects
from kerascope.explain.fixes.demerits import differs
from kerascope.explain.fixes.outcome import Trial, arrays
from kerascope.probe.lines.session import recording
from kerascope.record.lines import Site

_SEEDS = (1, 2)


class _Followed:
    """Keeps the value of every expression, in order, and which expressions it was computed from."""

    def __init__(self) -> None:
        self.seen: list[tuple[Site, str, np.ndarray | None, set[Site]]] = []

    def __call__(self, event: Any, value: Any, operands: Sequence[Any], frame: Any) -> None:
        array = tensors.array_of(value)
        sites = {operand.event.site for operand in operands}
        self.seen.append((event.site, event.path, None if array is None else np.array(array), sites))


def lost(trial: Trial, reason: str) -> Site | None:
    """Returns the expression at which the effect of a weight is lost; None where it may have one after all.

    All weights are set to other numbers first: one that is multiplied by another one that begins at zero has an effect
    as soon as that has been trained, and what `add_loss` is given comes out too. What only counts in training is not
    looked at.
    """
    found = None
    for seed in _SEEDS:
        with contextlib.suppress(Exception):
            found = _lost_once(trial, reason, seed)
            if found is None:
                return None
    return found


def _lost_once(trial: Trial, reason: str, seed: int) -> Site | None:
    instance = trial.subject.make() if trial.subject.make is not None else None
    if instance is None or "training" in inspect.signature(instance.call).parameters:
        return None
    arguments = trial.inputs(trial.sizes[0], seed)
    trial.subject.call(instance, *arguments)
    random = np.random.default_rng(seed)
    weights = [w for w in instance.trainable_weights if objects.to_numpy(w).dtype.kind == "f"]
    named = [w for w in weights if repr(w.name) in reason]
    if len(named) != 1:
        return None
    for weight in weights:
        weight.assign(_drawn(random, weight))
    named[0].regularizer = None  # else it would count in the losses below, whatever the call does
    results, followers = [], []
    for _ in range(2):
        follower = _Followed()
        with recording(statistics=False, listeners=[follower]):
            results.append(arrays((trial.subject.call(instance, *arguments), list(instance.losses))))
        followers.append(follower)
        named[0].assign(_drawn(random, named[0]))
    if differs(results[1], results[0]):
        return None
    died = _died(*followers)
    return None if died is None else _emptied(followers[0], died) or died


_WITHOUT_VALUES = ("shape", "ndim", "size", "len", "arange", "range")


def lost_input(trial: Trial, index: int) -> Site | None:
    """Returns the expression at which the effect of an input is lost; None where it has one, or only gives a size."""
    from kerascope.explain.fixes.demerits import other_input

    if trial.subject.make is None:
        return None
    followers, results = [], []
    instance = trial.subject.make()
    with contextlib.suppress(Exception):
        trial.subject.call(instance, *trial.inputs(trial.sizes[0]))  # which builds it
    for arguments in (trial.inputs(trial.sizes[0]), other_input(trial, index)):
        follower = _Followed()
        with recording(statistics=False, listeners=[follower]), contextlib.suppress(Exception):
            objects.seed(0)
            results.append(arrays(trial.subject.call(instance, *arguments)))
        followers.append(follower)
    if len(results) < 2 or differs(results[1], results[0]):
        return None
    died = _died(*followers)
    name = "" if died is None else died.name
    sizes = name.endswith("_like") or name in _WITHOUT_VALUES or (died is not None and "shape" in died.source)
    return None if sizes else died


def _drawn(random: np.random.Generator, weight: Any) -> np.ndarray:
    """Returns numbers with which neither a product grows out of bounds nor an activation is saturated."""
    shape = tuple(weight.shape)
    scale = 1.0 / max(1.0, float(np.prod(shape[:-1])) if len(shape) > 1 else 1.0) ** 0.5
    return random.uniform(-1.5, 1.5, shape).astype("float32") * np.float32(scale)


def _died(one: _Followed, two: _Followed) -> Site | None:
    """Returns the last expression that is the same in both runs though what it is computed from is not."""
    changed: set[Site] = set()
    found = None
    for (site, path, a, operands), (other, other_path, b, _) in zip(one.seen, two.seen, strict=False):
        if site is not other or path != other_path:
            return None  # the control flow depends on the weights
        if a is None or b is None or a.shape != b.shape:
            continue
        if not np.allclose(a, b, rtol=1e-6, atol=1e-7, equal_nan=True):
            changed.add(site)
        elif operands & changed and site.kind not in ("name", "attribute") and a.dtype.kind == "f":
            found = site
    return found


def _emptied(run: _Followed, died: Site) -> Site | None:
    """Returns the expression that gave nothing but zeros, of others than zeros, for what a weight is multiplied by."""
    values: dict[Site, np.ndarray] = {}
    behind: dict[Site, set[Site]] = {}
    named: dict[str, Site] = {}
    for site, path, array, operands in run.seen:
        if array is None or path:
            continue
        values[site] = array
        behind[site] = {named.get(o.source, o) if o.kind == "name" else o for o in operands}
        named |= dict.fromkeys(site.targets, site)

    def empty(site: Site) -> bool:
        return site in values and values[site].size > 1 and not values[site].any()

    found = None
    ways = [site for site in behind.get(died, ()) if empty(site)]
    while ways:
        found = ways.pop()
        ways = [site for site in behind[found] if empty(site) and site is not found]
    return found if found is not None and found.kind not in ("name", "attribute", "arguments") else None
