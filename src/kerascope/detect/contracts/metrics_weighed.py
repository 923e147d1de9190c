"""Metrics of samples that weigh unlike: left out, counted twice, counted by half."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Sequence

import numpy as np

from kerascope._keras import objects
from kerascope.detect.contracts.case import Case
from kerascope.detect.contracts.metrics import METRIC, RUNS, SAMPLES, result, samples, updated
from kerascope.detect.contracts.pairs import Pair, close, short, tensors_of
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.values import Evidence, Finding


@contract("metric-sample-weight", kinds=METRIC, after=(*RUNS, "metric-split"))
def sample_weight(case: Case) -> Iterator[Finding]:
    """Sample weights count: samples of weight 0 are left out."""
    parameters = list(inspect.signature(case.fresh().update_state).parameters.values())
    if not any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters):
        yield from _takes_none(case, parameters)
        return
    if any(p.name == "sample_weight" for p in parameters[:2]):
        raise Skip("it takes values, not targets and predictions")
    pair = samples(case)
    y_true, y_pred = tensors_of(pair)
    weights = np.array([0, 0, 1, 1, 1, 1], "float32")
    # One weight per sample is what Keras hands on; a metric that counts pixels may want one for each.
    refused = []
    for shape in ((SAMPLES,), pair.y_true.shape):
        metric, spread = case.fresh(), weights.reshape((SAMPLES,) + (1,) * (len(shape) - 1))
        with case.attempt(
            f"{case.subject.name} fails when it is given sample_weight",
            "`update_state` got one weight per sample, as weighted_metrics do.",
        ) as found:
            metric.update_state(
                y_true, y_pred, sample_weight=objects.to_tensor(np.broadcast_to(spread, shape).copy())
            )
        if not found:
            break
        refused += found
    else:
        yield refused[0]
        return
    if refused:  # as some of Keras's own do
        yield dataclasses.replace(refused[0], severity="note")
    got, wanted = result(metric), updated(case.fresh(), pair.rows(SAMPLES, 2), (4,))
    if not close(got, wanted):
        ignored = close(got, updated(case.fresh(), pair))
        yield case.broken(
            f"{case.subject.name} {'ignores sample_weight' if ignored else 'counts samples of weight 0'}",
            "Two of six samples had the weight 0. The result should be that of the other four: this is how padding "
            "and left-out samples are expressed."
            + ("" if ignored else " The number of samples to divide by must be the sum of the weights."),
            evidence=[
                Evidence("weights 0, 0, 1, 1, 1, 1", short(got)),
                Evidence("the other four alone", short(wanted)),
            ],
            location=case.where("update_state"),
            fixes=[
                "Multiply by the weights, and add up the weights, not the number of samples, in the denominator."
            ],
        )
        return
    yield from _twice(case, pair, shape)


def _twice(case: Case, pair: Pair, shape: Sequence[int]) -> Iterator[Finding]:
    """Yields a finding when a sample of weight 2 is not what the same sample is that comes twice."""
    weights = np.array([2, 2, 2, 1, 1, 1], "float32").reshape((SAMPLES,) + (1,) * (len(shape) - 1))
    metric, other = case.fresh(), case.fresh()
    given = objects.to_tensor(np.broadcast_to(weights, shape).copy())
    metric.update_state(*tensors_of(pair), sample_weight=given)
    updated(other, pair, (SAMPLES,))
    got, wanted = result(metric), updated(other, pair.rows(3), (3,))
    if not close(got, wanted):
        yield case.broken(
            f"{case.subject.name} counts samples, where it should count their weights",
            "Half of six samples had the weight 2. The result should be what it is when these come twice, as with "
            "Keras's own metrics: in a weighed mean the sum of the weights is the divisor, and each counts once.",
            evidence=[
                Evidence("weights 2, 2, 2, 1, 1, 1", short(got)),
                Evidence("the first three twice", short(wanted)),
            ],
            location=case.where("update_state"),
            fixes=["self.count.assign_add(ops.sum(sample_weight))"],
            severity="warning",
        )
        return
    yield from _halves(case, pair, shape)


def _halves(case: Case, pair: Pair, shape: Sequence[int]) -> Iterator[Finding]:
    """Yields a finding when samples of weight 1/2 come to something else one by one than all at once."""
    weights = np.full(shape, 0.5, "float32")
    whole, parts = case.fresh(), case.fresh()
    whole.update_state(*tensors_of(pair), sample_weight=objects.to_tensor(weights))
    for i in range(SAMPLES):
        some = objects.to_tensor(weights[i : i + 1])
        parts.update_state(*tensors_of(pair.rows(i + 1, i)), sample_weight=some)
    if not close(result(whole), result(parts)):
        yield case.broken(
            f"{case.subject.name} loses what weighs less than 1",
            "Six samples of the weight 0.5 were given at once, and one by one. Variables of whole numbers cut each "
            "sum of weights down; class weights and sample weights are seldom whole.",
            evidence=[
                Evidence("at once", short(result(whole))),
                Evidence("one by one", short(result(parts))),
            ],
            location=case.where("update_state"),
            fixes=["Keep sums of weights in variables of floats: leave dtype out of add_weight."],
        )


def _takes_none(case: Case, parameters: Sequence[inspect.Parameter]) -> Iterator[Finding]:
    """Yields a note for a metric of targets and predictions that can be used without weights only."""
    if sum(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in parameters) < 2:
        raise Skip("its update_state takes no sample_weight")
    yield case.broken(
        f"{case.subject.name} cannot be weighed: its update_state takes no sample_weight",
        "compile(metrics=[...]) is content with that. Among weighted_metrics it fails in the first step, and "
        "`fit(..., sample_weight=...)` and class_weight do not change what it says.",
        location=case.where("update_state"),
        fixes=["def update_state(self, y_true, y_pred, sample_weight=None):"],
        severity="note",
    )
