"""Losses as Keras uses them: compiled, with sample weights, saved with the model, beside a reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascope._keras import objects, pairs, settings
from kerascope.detect.contracts.case import Case
from kerascope.detect.contracts.losses import LOSS, RUNS, reduced, values
from kerascope.detect.contracts.pairs import (
    NOTHING,
    Pair,
    close,
    first_of,
    short,
    tensors_of,
    to_be_revived,
    typical,
)
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.values import Evidence, Finding, Fix


@contract("loss-compiled", kinds=LOSS, after=(*RUNS, "loss-repeatable"))
def compiled(case: Case) -> Iterator[Finding]:
    """A compiled step gives the same value as running the code line by line."""
    pair = typical(case)
    explanation = (
        "Keras compiles the training step, and runs the loss on tensors without values to find shapes."
    )
    with case.attempt(
        f"{case.subject.name} cannot be compiled",
        explanation,
        [Fix("Use keras.ops in place of NumPy and of Python's if, float() and int() on tensors.")],
    ) as found:
        loss = case.fresh()
        objects.compute_output_spec(lambda a, b: case.run(loss, (a, b)), *case.subject.symbolic()[0][:2])
        fast = values(case, pair, compiled=True)
    if found:
        yield found[0]
        return
    slow = values(case, pair)
    if not close(slow, fast, 1e-3):
        yield case.broken(
            f"{case.subject.name} gives another value when it is compiled",
            explanation + " What is read from Python objects while that happens is a constant from then on.",
            evidence=[Evidence("line by line", short(slow)), Evidence("compiled", short(fast))],
        )


@contract(
    "loss-sample-weight",
    kinds=LOSS,
    after=(*RUNS, "loss-per-sample", "loss-batch-independence", "loss-repeatable"),
)
def sample_weight(case: Case) -> Iterator[Finding]:
    """Sample weights count: a sample of weight 0 changes nothing, weights of 1 change nothing."""
    loss = case.fresh()
    if objects.kind_of(loss) != "loss":
        raise Skip("a function takes no weights itself")
    if "loss-batch-independence" in case.allow:
        raise Skip("its values depend on the whole batch, on purpose")
    pair = typical(case)
    other = pair.replaced(0, typical(case, seed=1))
    found: list[Finding] = []
    weights = _weights_that_fit(case, loss, pair, found)
    yield from found
    if weights is None:
        return
    ones, zeroed = np.ones_like(weights), weights
    if not close(reduced(loss, pair), reduced(loss, pair, ones)):
        yield case.broken(
            f"{case.subject.name} changes when every sample weighs 1",
            "Weights of 1 should change nothing.",
            evidence=_two("without weights", reduced(loss, pair), "all weights 1", reduced(loss, pair, ones)),
        )
    if not close(reduced(loss, pair, zeroed), reduced(loss, other, zeroed)):
        yield case.broken(
            f"{case.subject.name} counts a sample of weight 0",
            "The first sample had the weight 0 and was then replaced by another one. The loss should not change; "
            "sample_weight, class_weight and masks do nothing here.",
            evidence=_two(
                "loss", reduced(loss, pair, zeroed), "first sample replaced", reduced(loss, other, zeroed)
            ),
            location=case.where("__call__", "call"),
            fixes=["Override `call`, not `__call__`, and return one value per sample."],
        )


def _weights_that_fit(case: Case, loss: Any, pair: Pair, failed: list[Finding]) -> np.ndarray | None:
    """Returns weights, 0 for the first sample, in the first shape the loss takes: (B,), or that of its values."""
    shape = values(case, pair).shape
    for tried in (shape[:1], shape):
        with case.attempt(
            f"{case.subject.name} fails when it is given sample_weight",
            "It was called with one weight per sample, as `fit(..., sample_weight=...)` and class_weight do.",
            ["Return one value per sample from `call` and leave `__call__` to Keras."],
        ) as found:
            weights = np.ones(tried, "float32")
            weights[0] = 0
            reduced(loss, pair, weights)
        if not found:
            failed.clear()
            return weights
        failed += found[: not failed]
    return None


@contract("loss-config", kinds=LOSS, after=(*RUNS, "loss-repeatable"))
def config(case: Case) -> Iterator[Finding]:
    """A loss revived from its configuration gives the same values."""
    loss, pair = case.original if objects.kind_of(case.original) == "loss" else case.fresh(), typical(case)
    if isinstance(loss, type):
        loss = case.fresh()
    if objects.kind_of(loss) != "loss":
        raise Skip("a function has no configuration")
    title = f"{case.subject.name} cannot be revived from its configuration"
    try:
        revived = pairs.revived(loss)
    except Exception as error:
        finding = case.failed(
            error,
            title=title,
            explanation="`from_config(get_config())` fails, so a model saved with this loss cannot be loaded as it "
            "was compiled.",
        )
        yield pairs_fix(case, finding, to_be_revived(error))
        return
    args = tensors_of(pair)
    before, after = (np.asarray(case.outputs(one, args)[0], "float64") for one in (loss, revived))
    same = loss.reduction == revived.reduction  # `call` gives one value for each sample, before it is applied
    if close(before, after) and same:
        yield from _reduction(case, loss)
        yield from _left_out(case, loss)
    else:
        lost = [
            name
            for name, value in pairs.plain_state(loss).items()
            if pairs.plain_state(revived).get(name) != value and not name.startswith("_")
        ]
        yield case.broken(
            f"{case.subject.name} forgets {', '.join(lost) or 'something'} in its configuration",
            "The loss revived by `from_config(get_config())` gives other values: a model that is loaded goes on with "
            "another loss, without a word.",
            evidence=[Evidence("before", short(before)), Evidence("revived", short(after))]
            if same
            else [Evidence("before", loss.reduction), Evidence("revived", str(revived.reduction))],
            location=case.where("get_config", "__init__"),
            fixes=[
                f"Return {{**super().get_config(), {first_of(lost)!r}: self.{first_of(lost)}}} from get_config()."
            ],
        )


def _left_out(case: Case, loss: Any) -> Iterator[Finding]:
    """Yields a finding when another value of an argument changes the loss, and is lost in its configuration."""
    args = tensors_of(typical(case))
    for name, value, other in settings.left_out(loss):
        try:
            before, after = (
                np.asarray(case.outputs(one, args)[0], "float64") for one in (other, pairs.revived(other))
            )
        except Exception:  # not a value that it works with
            continue
        if not close(before, after) or (name == "reduction" and pairs.revived(other).reduction != value):
            yield case.broken(
                f"{case.subject.name} forgets {name} in its configuration",
                f"Made with {name}={value!r} and revived by `from_config(get_config())` it gives other values: a model "
                "that is loaded goes on with another loss, without a word.",
                evidence=[Evidence("before", short(before)), Evidence("revived", short(after))],
                location=case.where("get_config", "__init__"),
                fixes=[f"Return {{**super().get_config(), {name!r}: self.{name}}} from get_config()."],
            )
            return


def _reduction(case: Case, loss: Any) -> Iterator[Finding]:
    """A loss that is asked for another reduction must have it."""
    configuration = loss.get_config()
    if "reduction" not in configuration:
        return
    asked = "mean" if configuration["reduction"] == "sum" else "sum"
    try:
        other = type(loss).from_config({**configuration, "reduction": asked})
    except Exception:  # it says that it takes none
        return
    if other.reduction != asked:
        yield case.broken(
            f"{case.subject.name} takes a reduction and does not use it",
            "It was made with another `reduction` than it has by itself, without an error, and kept its own. So the "
            "argument does nothing, as do the others that its constructor swallows, such as the name.",
            evidence=[Evidence("asked for", asked), Evidence("it has", str(other.reduction))],
            location=case.where("__init__"),
            fixes=["Hand the arguments on: super().__init__(**kwargs)."],
            severity="warning",
        )


def pairs_fix(case: Case, finding: Finding, text: str) -> Finding:
    """Returns the finding as a warning (it fails loudly, and only when loading) with a piece of advice."""
    return case.broken(
        finding.title,
        finding.explanation,
        evidence=finding.evidence,
        location=case.where("__init__"),
        fixes=[text],
        severity="warning",
    )


@contract("loss-reference", kinds=LOSS, after=RUNS)
def reference(case: Case) -> Iterator[Finding]:
    """The loss agrees with the reference function that was given."""
    if case.reference is None:
        raise Skip("no reference was given")
    for seed in range(3):
        pair = typical(case, 5, seed)
        given = (array.ravel() if case.subject.flat else array for array in (pair.y_true, pair.y_pred))
        failed: list[Finding] = []
        want = case.asked(given, failed)
        if want is None:
            yield from failed
            return
        got = values(case, pair) if want.ndim else reduced(case.fresh(), pair)
        if got.shape != want.shape or not close(got, want, 1e-3, NOTHING):
            yield case.broken(
                f"{case.subject.name} does not agree with the reference",
                "Both were given the same 5 samples.",
                evidence=[Evidence("loss", short(got)), Evidence("reference", short(want))],
            )
            return


def _two(label: str, value: np.ndarray, other_label: str, other: np.ndarray) -> list[Evidence]:
    return [Evidence(label, float(np.mean(value))), Evidence(other_label, float(np.mean(other)))]
