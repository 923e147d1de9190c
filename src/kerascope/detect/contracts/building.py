"""Built and called: on batches of any size, and with the shapes and dtypes it says itself."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kerascope._backends import alone as backend
from kerascope._backends import tensors
from kerascope._keras import alone, holdings, objects
from kerascope.detect.contracts.case import BATCH, Arguments, Case
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.detect.contracts.running import CALLS, LAYERS, base, flat, rebuilt, restore
from kerascope.values import Evidence, Finding, Fix

Spec = tuple[tuple[Any, ...] | None, str]

_TRIED = (
    "It was not said what it is called with, and it took none of the inputs that were tried; this is what came of the "
    "first. Where it takes something else, say what: check(layer, (32, 10)), or --input 32,10."
)


@contract("builds", kinds=CALLS)
def builds(case: Case) -> Iterator[Finding]:
    """It is built by its first call and returns tensors."""
    guessed = case.subject.guessed
    with case.attempt(f"{case.subject.name} fails when called", _TRIED if guessed else "") as found:
        one = base(case)
        if not one.leaves:
            yield case.broken(
                f"{case.subject.name} returns no tensor",
                "It was called on a batch and should return a tensor or a structure of tensors; what came is "
                f"{type(one.result).__name__}.",
                location=case.where("call", text="return"),
            )
    if guessed and found:
        found = [_of_a_guess(case, found[0])]
    if found and "cannot add new elements of state" in _error(found[0]):
        fix = Fix(
            "Make the layer or weight in __init__, or in build(self, input_shape), and only use it in call."
        )
        found = [dataclasses.replace(found[0], fixes=(*found[0].fixes, fix))]
    yield from found
    if found:
        yield from _kept(case)
    if not found and "layer" in case.kinds and alone.has_modes(case.built()):
        yield from _in_training(case)


def _kept(case: Case) -> Iterator[Finding]:
    """Yields a finding when a call that fails leaves a tensor of a trace behind: that is what it stumbles over."""
    other = case.fresh()
    args, kwargs = case.inputs(BATCH)
    with contextlib.suppress(Exception):
        case.run(other, args, kwargs, training=False)
    leaked = holdings.leaked(other) if "layer" in case.kinds else []
    if leaked:
        yield dataclasses.replace(
            case.broken(
                f"call keeps a tensor in self.{leaked[0]}",
                "Keras runs the code of a layer for its shapes before it runs it on values, and compiled code is run "
                "once, while it is traced. The attribute keeps the tensor of that trace, which has no values later.",
                location=case.where("call", text=f"self.{leaked[0].partition('[')[0]}"),
                fixes=[
                    "Compute it anew in each call; for a constant keep a NumPy array, for what lasts a weight."
                ],
            ),
            kind="python-state",
            severity="fault",
        )


def _in_training(case: Case) -> Iterator[Finding]:
    """Yields a finding when a call in training raises: all that comes after would raise the same.

    Another instance is called, so that what the call leaves behind is seen by the contract it breaks.
    """
    one, other = base(case), case.fresh()
    if backend.name() == "jax":
        with contextlib.suppress(Exception):  # what can be traced without values need not be run line by line

            def call(*leaves: Any) -> Any:
                return case.run(case.built(), *rebuilt(one.args, one.kwargs, leaves), training=True)

            restore(case)
            backend.traced(call, alone.variables(case.built()), *flat(one.args, one.kwargs))
            return
    with case.attempt(
        f"{case.subject.name} fails when called in training",
        "In inference it can be called; with training=True, as in fit, the same input makes it fail.",
    ) as found:
        case.run(other, one.args, one.kwargs, training=True)
    yield from found


def _error(found: Finding) -> str:
    return str(found.evidence[0].value) if found.evidence else ""


def _of_a_guess(case: Case, found: Finding) -> Finding:
    """Returns what is said of a failure when nobody said what the object takes: nothing else may be wrong."""
    if _whatever_it_gets(case, _error(found)):
        return dataclasses.replace(found, explanation="")
    return dataclasses.replace(found, severity="warning", confidence=0.6)


def _whatever_it_gets(case: Case, error: str) -> bool:
    """Tells an error that no input would avoid: a name that is not defined, an attribute that it does not have."""
    own = f"'{case.subject.name}' object has no attribute"
    return error.startswith(("NameError", "UnboundLocalError")) or own in error


@contract("batch-sizes", kinds=CALLS, after=("builds",))
def batch_sizes(case: Case) -> Iterator[Finding]:
    """It takes batches of 1, 2 and 3 samples, and the unknown batch size of `keras.Input`."""
    instance = case.built()
    hint = (
        "Take the size of the batch at hand: ops.shape(x)[0], or leave it to Keras with -1 in a reshape.",
    )
    for size in (1, 2):
        what = f"{case.subject.name} fails on a batch of {size}" + (" sample" if size == 1 else "")
        with case.attempt(
            what,
            f"A batch of {BATCH} works. The last batch of an epoch is often smaller than the others.",
            hint,
        ) as found:
            restore(case)
            args, kwargs = case.inputs(size)
            wrong = _lost(case, case.outputs(instance, args, kwargs, training=False), size)
            if wrong is not None:
                yield wrong
                return
        if found:
            yield found[0]
            return
    yield from _unknown(case, instance)


def _lost(case: Case, other: Sequence[np.ndarray], size: int) -> Finding | None:
    """Returns a finding when the rank of the result, or what follows the batch axis, depends on the batch size."""
    for first, second in zip(base(case).arrays, other, strict=False):
        a, b = first.shape, second.shape
        if len(a) == len(b) and (not a or a[0] != BATCH or b[0] == size):
            continue
        if len(a) == len(b):
            return case.broken(
                f"{case.subject.name} returns {_text(b)} for a batch of {size}",
                f"A batch of {BATCH} gives {_text(a)}, so {_text((size, *a[1:]))} should come. Something of the size "
                "of an earlier batch was kept, or a size is written into the code.",
                evidence=[Evidence(f"batch of {BATCH}", _text(a)), Evidence(f"batch of {size}", _text(b))],
                location=case.where("call"),
                fixes=["Take the size of the batch at hand: ops.shape(x)[0], and keep no tensor of a call."],
            )
        return case.broken(
            f"{case.subject.name} returns {_text(b)} for a batch of {size}, but {_text(a)} for a batch of {BATCH}",
            "The axes of the result must not depend on how many samples there are. A squeeze without an axis drops "
            "the batch axis of a single sample, too.",
            evidence=[Evidence(f"batch of {BATCH}", _text(a)), Evidence(f"batch of {size}", _text(b))],
            location=case.where("call", text="squeeze"),
            fixes=["Name the axis: ops.squeeze(x, axis=-1)."],
        )
    return None


def _text(shape: tuple[Any, ...]) -> str:
    return str(shape).replace("None", "B")


def _unknown(case: Case, instance: Any) -> Iterator[Finding]:
    with case.attempt(
        f"{case.subject.name} fails when the batch size is not known",
        "It was called on what keras.Input gives, as a functional model or a model's first step does; there "
        "the size of "
        "the first axis is None.",
        (
            "Use ops.shape(x)[0] in place of x.shape[0] and of len(x), ops in place of Python's own `if` and `for` on "
            "values of tensors, and keras.ops in place of NumPy.",
        ),
    ) as found:
        case.cache["symbolic"] = symbolic(case, instance)
    if found:
        yield _without_values(case, instance, found[0])


def _without_values(case: Case, instance: Any, found: Finding) -> Finding:
    """Returns the finding in other words where it is not the size that is missing, but the values."""
    try:
        symbolic(case, instance, case.subject.shapes(BATCH))
    except Exception:  # it fails with a size, too
        return dataclasses.replace(
            found,
            title=f"{case.subject.name} fails on inputs that have no values yet",
            explanation="It was called on what keras.Input gives, as a functional model or a model's first step does, "
            "and fails there with a known batch size, too.",
        )
    return found


def symbolic(case: Case, instance: Any, arguments: Arguments | None = None) -> Any:
    """Returns what the object yields for inputs whose batch size is not known; no declared shape is believed."""
    args, kwargs = arguments or case.subject.symbolic()

    if not alone.supports_compiling(instance):
        return instance(*args, **kwargs)

    def call(*args: Any, **kwargs: Any) -> Any:
        # `call` itself where there is one: a declared output shape would be believed otherwise.
        inner = instance.call if "function" not in case.kinds else instance
        return inner(*args, **kwargs)

    return objects.compute_output_spec(call, *args, **kwargs)


@contract("shapes-agree", kinds=LAYERS, after=("builds", "batch-sizes"))
def shapes_agree(case: Case) -> Iterator[Finding]:
    """Shape and dtype are the same called, called on `keras.Input`, and by compute_output_shape and _spec."""
    instance = case.built()
    real = [_spec(leaf) for leaf in base(case).leaves]
    if alone.returns_nothing_known(instance):
        raise Skip("its output is sparse or ragged")
    sources: dict[str, Any] = {}
    args, kwargs = case.subject.symbolic()
    with case.attempt(f"{case.subject.name} cannot be called on keras.Input") as found:
        sources["called on keras.Input"] = instance(*args, **kwargs)
    yield from found
    if found:
        return
    declared = alone.declared_output_shape(instance, args, kwargs)
    if declared is not None:
        with case.attempt(f"compute_output_shape of {case.subject.name} fails") as found:
            sources["compute_output_shape"] = declared()
        yield from found
    for source, result in sources.items():
        theirs: list[Spec] = (
            [(shape, "") for shape in alone.shapes_of(result)]
            if source == "compute_output_shape"
            else [_spec(leaf) for leaf in objects.flatten(result) if tensors.kind(leaf) == "tensor"]
        )
        wrong = _compare(real, theirs)
        if wrong is not None:
            yield _disagree(case, source, wrong, real, theirs)
            return


def _spec(leaf: Any) -> Spec:
    inner = tensors.unwrapped(leaf)
    return tensors.shape(inner), tensors.dtype(inner)


def _compare(real: Sequence[Spec], theirs: Sequence[Spec]) -> str | None:
    if len(real) != len(theirs):
        return "number"
    for (shape, dtype), (other, other_dtype) in zip(real, theirs, strict=True):
        if shape is None or other is None:
            continue
        if len(shape) != len(other):
            return "shape"
        if any(b is not None and a != b for a, b in zip(shape, other, strict=True)):
            return "shape"
        if other_dtype and dtype != other_dtype and dtype != alone.as_computed(other_dtype):
            return "dtype"
    return None


def _disagree(case: Case, source: str, wrong: str, real: Sequence[Spec], theirs: Sequence[Spec]) -> Finding:
    def text(specs: Sequence[Spec]) -> str:
        words = [f"{_text(s or ())}{f' {d}' if d and wrong == 'dtype' else ''}" for s, d in specs]
        return f"{len(words)} tensors" if wrong == "number" else ", ".join(words)

    own = [m for m in ("compute_output_spec", "compute_output_shape") if alone.overrides(case.built(), m)]
    said = own[0] if own else source
    return case.broken(
        f"{case.subject.name} says {text(theirs)} and returns {text(real)}",
        f"Keras asks {said} for the {wrong} of the output before it runs anything, and builds the next layer on the "
        "answer. The error then comes up in that layer, not in this one.",
        evidence=[Evidence(said, text(theirs)), Evidence(f"returned for a batch of {BATCH}", text(real))],
        location=case.where(*own, "call"),
        fixes=[
            f"Return from {own[0]} what call returns, or leave the method out: Keras finds the shape by itself."
        ]
        if own
        else ["Make the dtype follow the input: ops.cast(x, self.compute_dtype)."],
    )


@contract("compiled", kinds=CALLS, after=("builds", "batch-sizes"))
def compiles(case: Case) -> Iterator[Finding]:
    """Compiled, as in `fit`, it returns what it returns when Python runs it line by line."""
    from kerascope.detect.contracts.running import compiled, difference, flat, rebuilt, unstable

    if not backend.compiles():
        raise Skip("Keras compiles nothing on this backend")
    if not alone.supports_compiling(case.built()):
        raise Skip("it says that it cannot be compiled")
    one = base(case)
    restore(case)
    with case.attempt(
        f"{case.subject.name} cannot be compiled",
        "Called line by line it works; compiled, as `fit` and `predict` do, it fails.",
        (
            "Inside call use keras.ops on tensors: no NumPy, no float() or bool() of a tensor, no Python `if` on its "
            "values.",
        ),
    ) as found:
        function = compiled(case, case.built(), (one.args, one.kwargs))
        case.cache["swift", False] = function
        got = [a for a in _arrays(function(*flat(one.args, one.kwargs)))]
        apart = difference(one.arrays, got)
        if apart is not None and apart > unstable(case, 0.0):
            yield case.broken(
                f"{case.subject.name} gives another result when it is compiled",
                "The same input and the same weights were used. What Python does in `call`, such as counting or "
                "drawing random numbers, happens only once in compiled code: while it is traced.",
                evidence=[Evidence("largest difference", apart)],
            )
    yield from found
    if found or not alone.has_modes(case.built()):
        return
    with case.attempt(
        f"{case.subject.name} cannot be compiled in training mode",
        "In inference it can; with training=True, as in fit, it fails while it is compiled.",
        ("Choose by ops.where or by a factor of 0 and 1 in place of an `if` on a tensor.",),
    ) as found:

        def call(*leaves: Any) -> Any:
            return case.run(case.built(), *rebuilt(one.args, one.kwargs, leaves), training=True)

        backend.traced(call, alone.variables(case.built()), *flat(one.args, one.kwargs))
    yield from found


def _arrays(result: Any) -> list[Any]:
    from kerascope.detect.contracts.case import arrays

    return arrays(result)
