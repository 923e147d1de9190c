"""Metrics as they are used: merged, given targets of another shape, revived from a file, beside a reference."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from kerascope._keras import objects, pairs
from kerascope.detect.contracts.case import Case
from kerascope.detect.contracts.metrics import METRIC, RUNS, SAMPLES, result, samples, updated
from kerascope.detect.contracts.pairs import (
    NOTHING,
    close,
    first_of,
    severity_of_shapes,
    short,
    to_be_revived,
)
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.values import Evidence, Finding


@contract("metric-merge", kinds=METRIC, severity="warning", after=(*RUNS, "metric-split"))
def merge(case: Case) -> Iterator[Finding]:
    """Two metrics merged say what one says that saw all the data."""
    if not hasattr(case.fresh(), "merge_state"):
        raise Skip("it has no merge_state")
    # What is inherited adds the variables up, which few metrics bear, and fewer are ever asked to.
    own = case.cls is not None and not pairs.is_keras_own(case.cls) and "merge_state" in vars(case.cls)
    for seed in range(3):  # parts may be alike by chance in what the merge forgets, such as their means
        one, other, pair = case.fresh(), case.fresh(), samples(case, seed)
        updated(one, pair.rows(4), (4,))
        updated(other, pair.rows(SAMPLES, 4), (2,))
        one.merge_state([other])
        got, wanted = result(one), updated(case.fresh(), pair)
        if close(got, wanted):
            continue
        yield case.broken(
            f"{case.subject.name} merged with another is not the metric of both",
            "Four samples were given to one and two to another, which were then merged.",
            evidence=[Evidence("merged", short(got)), Evidence("all six in one", short(wanted))],
            location=case.where("merge_state", "update_state"),
            severity=None if own else "note",
        )
        return


@contract("metric-targets", kinds=METRIC, after=RUNS)
def targets(case: Case) -> Iterator[Finding]:
    """Targets of shape (B,) and (B, 1) give the same result, be they numbers or classes."""
    pair = samples(case)
    both = pair.with_and_without_axis()
    if both is None:
        raise Skip("its targets are not one number or one class for each sample")
    column, flat = both
    try:
        for size in (SAMPLES - 1, SAMPLES):  # one of them may be as long as another axis by chance
            got = [updated(case.fresh(), one.rows(size), (size,)) for one in (column, flat)]
    except Exception:
        raise Skip("it does not take targets of both shapes, and says so") from None
    if close(got[0], got[1]):
        return
    if pair.classes:
        one_by_one, at_once = updated(case.fresh(), pair, (1,) * SAMPLES), updated(case.fresh(), pair)
        sound = close(one_by_one, at_once)  # in the shape that was given, so that it is the other one
        severity = "warning" if sound else "fault"
        what = f"class numbers {'(B, 1)' if (pair.y_true.ndim == column.y_true.ndim) != sound else '(B,)'}"
        words = "(B,) == (B, 1) gives (B, B), every class against every prediction"
        fix = "y_true = ops.reshape(y_true, (-1,))"
    else:
        severity = severity_of_shapes(case, pair)
        what = "targets (B,) against predictions (B, 1)"
        words = "(B,) minus (B, 1) gives (B, B), every target against every prediction"
        fix = "y_true = ops.reshape(y_true, ops.shape(y_pred))"
    yield case.broken(
        f"{case.subject.name} broadcasts {what}",
        f"The same targets were given in two shapes. {words}; Keras does not reshape what a Metric subclass gets.",
        evidence=[Evidence("targets (B, 1)", short(got[0])), Evidence("the same as (B,)", short(got[1]))],
        location=case.where("update_state"),
        fixes=[fix],
        severity=severity,  # type: ignore[arg-type]
    )


@contract("metric-config", kinds=METRIC, after=(*RUNS, "metric-repeatable"))
def config(case: Case) -> Iterator[Finding]:
    """A metric revived from its configuration gives the same result."""
    metric = case.original if objects.kind_of(case.original) == "metric" else None
    metric = case.fresh() if metric is None or isinstance(metric, type) else metric
    try:
        revived = pairs.revived(metric)
    except Exception as error:
        finding = case.failed(error, title=f"{case.subject.name} cannot be revived from its configuration")
        yield case.broken(
            finding.title,
            "`from_config(get_config())` fails, so a model saved with this metric cannot be loaded as it was compiled.",
            evidence=finding.evidence,
            location=case.where("__init__"),
            fixes=[to_be_revived(error)],
            severity="warning",
        )
        return
    plain, other = pairs.plain_state(metric), pairs.plain_state(revived)
    arguments = inspect.signature(type(metric).__init__).parameters
    kept = {name: value for name, value in plain.items() if name.removeprefix("_") in arguments}
    lost = [name.removeprefix("_") for name, value in kept.items() if not pairs.alike(value, other.get(name))]
    lost = lost or pairs.lost_settings(metric)
    got, wanted = updated(revived, samples(case)), updated(case.fresh(), samples(case))
    if lost or not close(wanted, got):
        yield case.broken(
            f"{case.subject.name} forgets {', '.join(lost) or 'something'} in its configuration",
            "The metric revived by `from_config(get_config())` is another one: a model that is loaded reports another "
            "figure under the same name.",
            evidence=[
                Evidence(name, f"{plain[name]!r}, revived {other.get(name)!r}")
                for name in lost
                if not pairs.alike(plain.get(name), other.get(name))
            ]
            or [Evidence("before", short(wanted)), Evidence("revived", short(got))],
            location=case.where("get_config", "__init__"),
            fixes=[
                f"Return {{**super().get_config(), {first_of(lost)!r}: self.{first_of(lost)}}} from get_config()."
            ],
        )


@contract("metric-reference", kinds=METRIC, after=RUNS)
def reference(case: Case) -> Iterator[Finding]:
    """The metric agrees with the reference function that was given."""
    if case.reference is None:
        raise Skip("no reference was given")
    for seed in range(3):
        pair = samples(case, seed)
        given = (array.ravel() if case.subject.flat else array for array in (pair.y_true, pair.y_pred))
        failed: list[Finding] = []
        wanted = case.asked(given, failed)
        if wanted is None:
            yield from failed
            return
        wanted = wanted.ravel()
        got = updated(case.fresh(), pair, (4, 2))
        if got.shape != wanted.shape or not close(wanted, got, 1e-3, NOTHING):
            yield case.broken(
                f"{case.subject.name} does not agree with the reference",
                "Both were given the same 6 samples; the metric got them as batches of 4 and 2.",
                evidence=[Evidence("metric", short(got)), Evidence("reference", short(wanted))],
                location=case.where("update_state", "result"),
            )
            return
