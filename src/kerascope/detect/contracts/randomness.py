"""Random numbers in training: new ones at every call, from Keras's own generators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascope._backends import alone as backend
from kerascope._backends import tensors
from kerascope._keras import alone, effects, objects
from kerascope.detect.contracts.case import BATCH, Case, arrays
from kerascope.detect.contracts.registry import contract
from kerascope.detect.contracts.running import (
    LAYERS,
    Base,
    base,
    compiled,
    difference,
    first_to_differ,
    flat,
    place,
    rebuilt,
    restore,
    swift,
    watched_apart,
)
from kerascope.probe.lines.install import is_users
from kerascope.values import Evidence, Finding, SourceSpan

_DRAWS = 8
_FIX = (
    "Make self.seed_generator = keras.random.SeedGenerator(seed) in __init__ and draw with "
    "keras.random.normal(shape, seed=self.seed_generator)."
)


@contract(
    "training-noise", kinds=LAYERS, after=("builds", "no-new-weights", "python-state", "inputs-unchanged")
)
def training_noise(case: Case) -> Iterator[Finding]:
    """Noise in training is new at every call, compiled too, and repeatable from Keras's seed."""
    instance, one = case.built(), base(case)
    restore(case)
    with effects.seeds_drawn(is_users) as drawn:
        first = arrays(case.run(instance, one.args, one.kwargs, training=True))
    second = case.outputs(instance, one.args, one.kwargs, training=True)
    # What an earlier call changed besides random numbers, such as moving averages, must not count as noise.
    noisy = difference(first, second, rtol=1e-6) is not None
    # What is kept or dropped as a whole may be kept twice.
    for _ in range(_DRAWS if drawn and not noisy else 0):
        third = case.outputs(instance, one.args, one.kwargs, training=True)
        noisy = noisy or difference(first, third, rtol=1e-6) is not None
    restore(case)
    alone.set_foreign_seed(case.seed + 1)
    if difference(first, case.outputs(instance, one.args, one.kwargs, training=True)) is not None:
        yield _foreign(case, one)
        return
    fixed = next((seed for seed in drawn if seed.fixed), None)
    if fixed is not None:
        yield case.broken(
            f"{case.subject.name} draws the same random numbers at every call",
            f"In training it draws with {fixed.what}, which gives the same numbers each time. Each batch gets the same "
            "noise, and the model learns around it.",
            evidence=[Evidence("drawn with", fixed.what)],
            location=SourceSpan(fixed.file, fixed.line) if fixed.file else case.where("call"),
            fixes=[_FIX],
        )
        return
    anew = next((seed for seed in drawn if seed.anew), None)
    if anew is not None:
        yield _anew(case, anew)
        return
    if not noisy:
        return
    found = False
    if backend.compiles() and alone.supports_compiling(instance):
        for broken in _compiled(case, instance, one):
            found = True
            yield broken
    if not found and not instance.weights:
        yield from _shared(case, one)


def _shared(case: Case, one: Base) -> Iterator[Finding]:
    """Yields a finding when samples that are alike come out alike, whatever is drawn.

    Only of layers without weights: noise on a weight is the same for all samples by its nature.
    """
    leaves = [alike for leaf in flat(one.args, one.kwargs) if (alike := _first_repeated(leaf)) is not None]
    if len(leaves) != len(flat(one.args, one.kwargs)):
        return
    arguments = rebuilt(one.args, one.kwargs, leaves)
    results = [swift(case, arguments, training=True, again=more > 0) for more in range(_DRAWS)]
    parts = [[a for a in result if a.ndim and a.shape[0] == BATCH and a.size > BATCH] for result in results]
    if not parts[0] or any(len(part) != len(parts[0]) for part in parts):
        return
    firsts = [[array[:1] for array in part] for part in parts]
    lasts = [[array[-1:] for array in part] for part in parts]
    if any(difference(a, b, rtol=1e-6) is not None for a, b in zip(firsts, lasts, strict=True)):
        return
    dropped = [not any(array.any() for array in part) for part in parts]
    if all(dropped) or not any(dropped):
        return  # a disturbance that is one for the batch may be meant
    yield case.broken(
        f"{case.subject.name} drops the whole batch or none of it",
        f"A batch of samples that are all alike was given to it {_DRAWS} times in training: sometimes zeros came, for "
        "all samples at once, and sometimes not. Whether a sample is dropped should be drawn for each by itself; drawn "
        "once, a step learns from all of its samples or from none.",
        evidence=[Evidence("samples that come out alike", BATCH)],
        location=case.where("call", text="random"),
        fixes=["Draw in the shape of the batch: (ops.shape(x)[0], 1, 1), one number for each sample."],
        severity="warning",
    )


def _first_repeated(leaf: Any) -> Any:
    array = tensors.array_of(leaf)
    if array is None or not array.ndim or array.shape[0] != BATCH:
        return None
    return objects.to_tensor(np.repeat(array[:1], BATCH, axis=0))


def _anew(case: Case, drawn: effects.Drawn) -> Finding:
    return case.broken(
        f"{case.subject.name} makes its random generator at every call",
        "A layer that drops or adds noise, or a SeedGenerator, is made in `call`. Its state belongs to no model: "
        "compiled it is an error on TensorFlow, and on JAX the same noise at every step.",
        location=SourceSpan(drawn.file, drawn.line) if drawn.file else case.where("call"),
        fixes=["Make the layer in __init__ (self.dropout = layers.Dropout(rate)), and only use it in call."],
    )


def _foreign(case: Case, one: Any) -> Finding:
    instance = case.built()

    def run(seed: int) -> None:
        restore(case)
        alone.set_foreign_seed(seed)
        case.run(instance, one.args, one.kwargs, training=True)

    culprit = first_to_differ(
        watched_apart(lambda: run(1), lambda: run(2)), lambda a, b: difference([a], [b]) is not None
    )
    where = place(culprit, case)
    if culprit is None:
        for text in ("np.random", "random."):
            found = case.where("call", text=text)
            where = found if found.expression else where
    return case.broken(
        f"{case.subject.name} takes random numbers from outside Keras",
        "It was called twice in training with all of Keras's random generators in the same state, and the results "
        "differ. Compiled code draws such numbers once, while it is traced, and then uses them for ever; and "
        "keras.utils.set_random_seed does not make a run repeatable.",
        location=where,
        fixes=[_FIX],
    )


def _compiled(case: Case, instance: Any, one: Any) -> Iterator[Finding]:
    restore(case)
    with case.attempt(
        f"{case.subject.name} cannot be compiled for training",
        "Called with training=True line by line it works; compiled, as in `fit`, it fails.",
        [_FIX],
    ) as found:
        function = compiled(case, instance, (one.args, one.kwargs), training=True)
        case.cache["swift", True] = function
        leaves = flat(one.args, one.kwargs)
        first = arrays(function(*leaves))
        others = (arrays(function(*leaves)) for _ in range(2 * _DRAWS))
        if all(difference(first, other, rtol=1e-6) is None for other in others):
            yield case.broken(
                f"{case.subject.name} uses the same noise for ever once it is compiled",
                "Run line by line, two calls in training differ; compiled, as in `fit`, they are equal: the random "
                "numbers were drawn while the code was traced.",
                fixes=[_FIX],
            )
    yield from found
