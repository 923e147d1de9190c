"""Mixed precision: it computes in 16 bits where it is asked to, and the result stays right."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascope._backends import alone as backend
from kerascope._backends import tensors
from kerascope._keras import alone, objects
from kerascope.detect.contracts.case import Case, arrays
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.detect.contracts.running import (
    LAYERS,
    Seen,
    base,
    compiled,
    flat,
    place,
    rebuilt,
    restore,
    swift,
    watched,
)
from kerascope.values import Evidence, Finding

_LOOSE = {"float16": 0.05, "bfloat16": 0.25}
"""Share of the largest value by which 16 bits may be off; float16 has 11 significant bits, bfloat16 has 8."""

_UNSUPPORTED = re.compile(
    r"not implemented for '(Half|BFloat16)'|not supported by .* on CPU|No OpKernel was registered"
    r"|Unsupported dtype\d+ for"
)
"""What the backends say when they have no 16-bit form of an operation for the device at hand."""


@contract(
    "mixed-precision",
    kinds=LAYERS,
    after=("builds", "batch-sizes", "compiled", "tracked-state", "deterministic-inference"),
)
def mixed_precision(case: Case) -> Iterator[Finding]:
    """Under keras.config.set_dtype_policy("mixed_float16") or "mixed_bfloat16" it works and returns that type."""
    one = base(case)
    if not any(array.dtype.kind == "f" for array in one.arrays):
        raise Skip("its result has no floats")
    if (
        not any(a.dtype.kind == "f" for a in arrays((list(one.args), one.kwargs)))
        and not case.built().weights
    ):
        raise Skip("it computes with no floats")
    for name in ("float16", "bfloat16"):
        with (
            case.attempt(
                f"{case.subject.name} fails under mixed_{name}",
                f"It was made under the global policy mixed_{name}, where Keras hands it {name} inputs and weights.",
                [],
            ) as found,
            alone.dtype_policy(f"mixed_{name}"),
        ):
            try:
                found += list(_under(case, name))
            except Exception as error:
                if _UNSUPPORTED.search(str(error)):
                    continue  # this machine's doing, not the layer's
                raise
        yield from found
        if found:
            return


def _under(case: Case, name: str) -> Iterator[Finding]:
    one = base(case)
    instance = case.fresh()
    if alone.own_policy(instance) != f"mixed_{name}":
        raise Skip("its dtype is set by hand")
    if "model" in case.kinds and alone.policies(instance) != {f"mixed_{name}"}:
        raise Skip("its layers have their dtypes from when they were made")
    # Built by what Keras would build it with, then given the same weights as the float32 one.
    args, kwargs = case.subject.symbolic()
    instance(*args, **kwargs)
    if len(alone.variables(instance)) != len(alone.variables(case.built())):
        case.run(instance, one.args, one.kwargs, training=False)
    restore(case)
    alone.assign(alone.variables(instance), alone.values(alone.variables(case.built())))
    # TensorFlow has operations in 16 bits that it runs in a graph only.
    run = compiled(case, instance, (one.args, one.kwargs)) if backend.name() == "tensorflow" else None
    result = (
        run(*flat(one.args, one.kwargs)) if run else case.run(instance, one.args, one.kwargs, training=False)
    )
    leaves = [leaf for leaf in alone.tensors_in(result)]
    dtypes = [tensors.dtype(leaf) for leaf in leaves]
    wide = [d for d, a in zip(dtypes, one.arrays, strict=False) if a.dtype.kind == "f" and d != name]
    if wide:
        yield _undone(case, instance, name, wide[0])
        return
    yield from _of_zeros(case, instance, name)
    for full, half in zip(one.arrays, arrays(result), strict=False):
        if full.dtype.kind != "f" or not np.isfinite(full).all() or np.abs(full).max(initial=0) > 6e4:
            continue
        if not np.isfinite(half).all():
            yield _lost(case, instance, name)
            return
        off = float(np.abs(full - half).max(initial=0))
        if full.shape != half.shape or off > _LOOSE[name] * max(1e-3, float(np.abs(full).max(initial=0))):
            yield case.broken(
                f"{case.subject.name} gives another result under mixed_{name}",
                f"With the same weights and input the result is off by {off:.3g}, more than {name} rounds.",
                evidence=[
                    Evidence("largest difference", off),
                    Evidence("largest value", float(np.abs(full).max())),
                ],
                severity="note",
                fixes=[
                    "Do sums, means, exponentials and norms in float32: ops.cast(x, 'float32'), and cast back."
                ],
            )
            return


def _of_zeros(case: Case, instance: Any, name: str) -> Iterator[Finding]:
    """Yields a finding when a line of the user's makes no number of zeros, in 16 bits alone: an epsilon is 0 there."""
    one = base(case)
    leaves = []
    for leaf in flat(one.args, one.kwargs):
        array = tensors.array_of(leaf)
        is_float = array is not None and array.dtype.kind == "f"
        leaves.append(objects.to_tensor(np.zeros_like(array)) if is_float else leaf)
    zeros = rebuilt(one.args, one.kwargs, leaves)
    run = compiled(case, instance, zeros) if backend.name() == "tensorflow" else None
    half = arrays(run(*flat(*zeros)) if run else case.run(instance, *zeros, training=False))
    if all(np.isfinite(array).all() for array in half if array.dtype.kind == "f"):
        return
    full = swift(case, zeros)
    if not all(np.isfinite(array).all() for array in full if array.dtype.kind == "f"):
        return  # not a matter of precision
    seen = watched(lambda: case.run(instance, *zeros, training=False))
    bad = next((s for s in seen if s.value is not None and not np.isfinite(s.value).all()), None)
    if bad is not None:
        yield dataclasses.replace(_lost(case, instance, name, bad), severity="warning")


def _undone(case: Case, instance: Any, name: str, dtype: str) -> Finding:
    one = base(case)
    seen = watched(lambda: case.run(instance, one.args, one.kwargs, training=False))
    first = next(
        (s for s in seen if s.site.kind != "arguments" and s.event.facts.dtype == dtype and not _constant(s)),
        None,
    )
    return case.broken(
        f"{case.subject.name} returns {dtype} under mixed_{name}",
        f"From here on the whole model computes in {dtype}, and what mixed precision was to save is lost. "
        "On TensorFlow an "
        "operation between the two types fails.",
        evidence=[Evidence("expected", name), Evidence("returned", dtype)],
        location=place(first, case),
        fixes=["Give constants and casts the layer's own type: dtype=self.compute_dtype."],
        severity="warning",
    )


def _constant(seen: Any) -> bool:
    """Weights are float32 by design; only what is computed counts."""
    return seen.site.kind in ("name", "attribute")


def _lost(case: Case, instance: Any, name: str, bad: Seen | None = None) -> Finding:
    one = base(case)
    at = "" if bad is None else " at zeros"
    if bad is None:
        seen = watched(lambda: case.run(instance, one.args, one.kwargs, training=False))
        bad = next((s for s in seen if s.value is not None and not np.isfinite(s.value).all()), None)
    return case.broken(
        f"{case.subject.name} gives NaN or infinity under mixed_{name}{at}",
        "In float32 the result is finite. float16 ends at 65504, and what is smaller than 6e-8, such as an epsilon of "
        "1e-12, is zero in it.",
        location=place(bad, case),
        fixes=[
            "Do this step in float32: ops.cast(x, 'float32') before it and ops.cast(y, self.compute_dtype) after."
        ],
    )
