"""Masks: padding has no say in what comes out, and the next layer still knows where it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import masking, objects
from kerascope.detect.contracts.case import BATCH, Case, arrays, line_by_line
from kerascope.detect.contracts.inputs import SEQUENCES
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.detect.contracts.running import (
    base,
    difference,
    first_to_differ,
    flat,
    place,
    rebuilt,
    restore,
    watched,
    watched_apart,
)
from kerascope.values import Evidence, Finding


@contract("masks", kinds=("layer",), after=("builds", "inputs-unchanged", "deterministic-inference"))
def masks(case: Case) -> Iterator[Finding]:
    """Padded positions change nothing at the others, and the mask is handed on in the shape of the output."""
    one = base(case)
    single = len(one.args) == 1 and not one.kwargs and tensors.kind(one.args[0]) == "tensor"
    x = tensors.array_of(one.args[0]) if single else None
    if x is None or x.ndim != 3 or x.shape[1] < 2 or x.dtype.kind != "f":
        if len(flat(one.args, one.kwargs)) > 1:
            yield from several(case)
            return
        if x is not None and x.ndim == 2 and x.dtype.kind in "iu":
            yield from _lost_inside(case, x)
            return
        if not case.subject.guessed or len(one.args) != 1:
            raise Skip("its input is no sequence of vectors")
        yield from masks(_on_sequences(case))
        return
    instance = case.built()
    if not masking.takes_masks(instance):
        yield from _stops(case, x)
        return
    steps = x.shape[1]
    mask = np.arange(steps)[None, :] < np.array([steps, steps - 1, max(1, steps // 2)])[:, None]
    with case.attempt(f"{case.subject.name} fails when its input has a mask") as found:
        outputs, outgoing = _masked(case, x, mask)
        _, unmasked = _masked(case, x, np.ones_like(mask))
    yield from found
    if found:
        return
    if outgoing is not None and unmasked is not None and np.array_equal(outgoing, unmasked):
        raise Skip("it makes a mask of its own")
    if not outputs or not outputs[0].ndim or outputs[0].shape[0] != BATCH:
        raise Skip("its result has no batch axis")
    if outgoing is not None and outgoing.shape != outputs[0].shape[: outgoing.ndim]:
        yield _misfit(case, outgoing, outputs[0])
        return
    broken = list(_padding(case, x, mask, outputs[0], outgoing)) or list(_all_padding(case, x, mask))
    yield from broken or _longer(case, x, mask, outputs[0])


def _masked(case: Case, x: np.ndarray, mask: np.ndarray) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Returns the result for a tensor with a mask and the mask that it carries."""
    instance = case.built()
    restore(case)
    with line_by_line(x):
        result, outgoing = masking.call_masked(instance, x, mask)
    return arrays(result), None if outgoing is None else objects.to_numpy(outgoing)


def _on_sequences(case: Case) -> Case:
    """Returns the case for a sequence of vectors, where that is among what the layer takes."""
    other = case.on(SEQUENCES)
    try:
        base(other)
    except Exception:  # that it does not take it is the answer
        raise Skip("it takes no sequence of vectors") from None
    return other


def _misfit(case: Case, outgoing: np.ndarray, output: np.ndarray) -> Finding:
    return case.broken(
        f"{case.subject.name} hands on a mask of shape {outgoing.shape} for an output of shape {output.shape}",
        "supports_masking = True hands the mask on as it is; here the output has other steps than the input. The next "
        "layer that uses the mask fails, or masks the wrong steps.",
        evidence=[Evidence("mask", str(outgoing.shape)), Evidence("output", str(output.shape))],
        location=case.where("compute_mask", "call"),
        fixes=[
            "Define compute_mask(self, x, mask=None): return the mask of the output, or None when it has no steps left."
        ],
    )


def _padding(
    case: Case, x: np.ndarray, mask: np.ndarray, output: np.ndarray, outgoing: np.ndarray | None
) -> Iterator[Finding]:
    """Yields a finding when other values in the padding change the output where it counts."""
    instance = case.built()
    noise = np.random.default_rng(case.seed + 7).normal(size=x.shape).astype(x.dtype) * 3
    wide = mask.reshape(mask.shape + (1,) * (x.ndim - 2))
    other = np.where(wide, x, noise)
    changed = _masked(case, other, mask)[0][0]
    counts = outgoing if outgoing is not None else mask if output.shape[:2] == mask.shape else None
    if counts is not None and output.ndim >= 2 and counts.shape == output.shape[:2]:
        apart = difference([output[counts]], [changed[counts]])
    else:
        apart = difference([output], [changed])
    if apart is None:
        return

    def run(data: np.ndarray) -> None:
        restore(case)
        masking.call_masked(instance, data, mask)

    def differs(a: np.ndarray, b: np.ndarray) -> bool:
        if a.shape[:2] == mask.shape:
            return difference([a[mask]], [b[mask]]) is not None
        return difference([a], [b]) is not None

    culprit = first_to_differ(watched_apart(lambda: run(x), lambda: run(other)), differs)
    yield case.broken(
        f"{case.subject.name} says that it supports masks, and lets the padding in",
        "Other values were put into the masked steps, and the result changed at steps that are not masked. What is "
        "predicted for a sentence then depends on what it was padded with.",
        evidence=[Evidence("largest change", apart)],
        location=place(culprit, case),
        fixes=[
            "Use the mask in call: ops.where(mask[..., None], x, 0) before a sum and divide by the number "
            "of steps that "
            "count; ops.where(mask[:, None, :], scores, -1e9) before a softmax. Or take supports_masking out."
        ],
    )


def _all_padding(case: Case, x: np.ndarray, mask: np.ndarray) -> Iterator[Finding]:
    """Yields a finding when a sequence of padding alone comes to something that is not finite."""
    instance = case.built()
    empty = mask.copy()
    empty[-1] = False
    found, _ = _masked(case, x, empty)
    if all(np.isfinite(array).all() for array in found if array.dtype.kind == "f"):
        return
    restore(case)
    seen = watched(lambda: masking.call_masked(instance, x, empty))
    bad = next((s for s in seen if s.value is not None and np.isnan(s.value).any()), None)
    yield case.broken(
        f"{case.subject.name} gives a result that is not finite for a sequence of padding alone",
        "All steps of one sample were masked, as those of an empty text are. Where every score is minus infinity a "
        "softmax divides 0 by 0, and so does a mean over no steps; one such sample makes every weight NaN.",
        location=place(bad, case),
        fixes=[
            "A large number in the place of minus infinity (-1e9, in half precision -3e4); "
            "ops.maximum(number_of_steps, 1) as the divisor."
        ],
        severity="warning",
    )


def _longer(case: Case, x: np.ndarray, mask: np.ndarray, output: np.ndarray) -> Iterator[Finding]:
    """Yields a finding when one more step of padding changes what is made of the steps that count."""
    instance = case.built()
    if not masking.reads_masks(instance) or output.shape[:2] == mask.shape:
        return
    # Beside negative numbers the zeros that stand in a padding's place are the largest.
    for data in (x, -1 - np.abs(x)):
        try:
            before, _ = _masked(case, data, mask)
            longer, _ = _masked(case, np.pad(data, ((0, 0), (0, 1), (0, 0))), np.pad(mask, ((0, 0), (0, 1))))
        except Exception:  # of a layer whose weights are made for a length
            return
        fits = longer and longer[0].shape == before[0].shape
        apart = difference(before[:1], longer[:1]) if fits else None
        if apart is None:
            continue
        yield case.broken(
            f"{case.subject.name} hangs on how long the padding is",
            "One more step was put behind all sequences and masked, and the result changed, though the values in the "
            "padding do not count. What is predicted for a sentence then depends on the longest one of its batch.",
            evidence=[Evidence("largest change", apart)],
            location=case.where("call", text="mask"),
            fixes=[
                "Divide by the number of steps that count, ops.sum(mask), not by the number of steps; before a maximum "
                "put a large negative number in the padding's place, not 0."
            ],
            severity="warning",
        )
        return


def _lost_inside(case: Case, x: np.ndarray) -> Iterator[Finding]:
    """Yields a finding when an inner layer makes a mask of the tokens that nothing reads and that ends here."""
    instance = case.built()
    tokens = np.array(x)
    tokens[:, -1] = 0
    restore(case)
    with line_by_line(tokens):
        origin = masking.lost(instance, tokens)
    if origin is None:
        raise Skip("its input is no sequence of vectors")
    yield case.broken(
        f"The mask that {origin} makes ends in {case.subject.name}",
        "An inner layer marks the padding, no layer inside reads the mark, and the result does not carry it on: Keras "
        "hands masks on by compute_mask of the outer layer. Attention, RNN and pooling layers further on, and the "
        "loss, take the padding for words.",
        evidence=[Evidence("layer that makes the mask", origin)],
        location=case.where("call"),
        fixes=["def compute_mask(self, inputs, mask=None): return self.embedding.compute_mask(inputs)"],
        severity="warning",
    )


def _stops(case: Case, x: np.ndarray) -> Iterator[Finding]:
    """Yields a note when a layer treats every step by itself, and yet does not hand the mask on."""
    instance, one = case.built(), base(case)
    output = one.arrays[0] if one.arrays else None
    if output is None or output.shape[:2] != x.shape[:2]:
        return
    other = np.array(x)
    other[:, 1:] = np.roll(x, 1, axis=0)[:, 1:] * 2
    restore(case)
    changed = case.outputs(instance, (objects.to_tensor(other),), training=False)
    if difference([output[:, :1]], [changed[0][:, :1]]) is None:
        yield case.broken(
            f"The mask of an Embedding or Masking layer ends at {case.subject.name}",
            "It treats every step by itself, so the mask is as good behind it as before it; yet it does not say it "
            "supports masks, and Keras drops the mask there. Layers further on then treat padding as data.",
            location=case.where("__init__", "call"),
            fixes=["self.supports_masking = True in __init__, after super().__init__(**kwargs)."],
            severity="note",
        )


def several(case: Case) -> Iterator[Finding]:
    """Yields a finding when the padding of one of several sequences changes the result where it counts."""
    instance, one = case.built(), base(case)
    found = [tensors.array_of(leaf) for leaf in flat(one.args, one.kwargs)]
    data = [x for x in found if x is not None and x.ndim == 3 and x.shape[1] > 1 and x.dtype.kind == "f"]
    if len(data) < len(found):
        raise Skip("its inputs are no sequences of vectors")
    if not masking.takes_masks(instance) or not masking.reads_masks(instance):
        raise Skip("it reads no masks")
    masks = [_mask(x.shape[1], turn) for turn, x in enumerate(data)]

    def run(arrays: Sequence[np.ndarray]) -> tuple[Any, np.ndarray | None]:
        restore(case)
        new = [masking.masked(x, mask) for x, mask in zip(arrays, masks, strict=True)]
        with line_by_line(arrays):
            result, outgoing = masking.call_all_masked(instance, *rebuilt(one.args, one.kwargs, new))
        return result, None if outgoing is None else objects.to_numpy(outgoing)

    with case.attempt(f"{case.subject.name} fails when its inputs have masks") as failed:
        result, outgoing = run(data)
    yield from failed
    if failed:
        return
    before = arrays(result)[0]
    counts = outgoing if outgoing is not None else masks[0]
    for place_of, (x, mask) in enumerate(zip(data, masks, strict=True)):
        noise = np.random.default_rng(case.seed + 7).normal(size=x.shape).astype(x.dtype) * 3
        changed = [*data[:place_of], np.where(mask[..., None], x, noise), *data[place_of + 1 :]]
        after = arrays(run(changed)[0])[0]
        inside = before.ndim > 1 and before.shape[:2] == counts.shape
        apart = difference([before[counts] if inside else before], [after[counts] if inside else after])
        if apart is not None:
            yield _lets_in(case, place_of, apart)
            return


def _mask(steps: int, turn: int) -> np.ndarray:
    """Returns a mask for `BATCH` sequences, another one for each turn: none is padding alone."""
    lengths = np.roll([steps, max(1, steps - 1), max(1, steps // 2)], turn)
    return np.arange(steps)[None, :] < lengths[:, None]


def _lets_in(case: Case, number: int, apart: float) -> Finding:
    return case.broken(
        f"{case.subject.name} says that it supports masks, and lets the padding of input {number + 1} in",
        "Its sequences had masks of their own. Other values were put into the masked steps of one of them, and the "
        "result changed where it counts. With several inputs `mask` is a list in their order: the keys and values of "
        "an attention are hidden by the mask of the sequence that they come from.",
        evidence=[Evidence("largest change", apart)],
        location=case.where("call", text="mask["),
        fixes=["Take the mask of that input: mask[1] is the one of the second."],
    )
