"""Faults that raise nothing: rows mixed, lost or doubled, or code that only fails on another batch size."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import objects
from kerascope.explain.fixes import effect, kept, unread
from kerascope.explain.fixes.demerits import CAUSAL, NEGATIVE, OVERLAP, TURNED, UNREAD, UNWEIGHTED, weighed
from kerascope.explain.fixes.edits.guards import is_spread
from kerascope.explain.fixes.odd import (
    ADDING,
    IDLE_INPUT,
    causal,
    cut,
    in_vain,
    is_size,
    of_outcome,
    of_rows,
    over_the_batch,
    returned,
    without_effect,
)
from kerascope.explain.fixes.outcome import (
    NOT_FINITE,
    ROWS,
    SINGLE,
    TWICE,
    Outcome,
    Shape,
    Trial,
    quiet,
    written,
)
from kerascope.explain.lines.explanation import explain
from kerascope.explain.lines.failure import Failure
from kerascope.explain.subject import BATCH, Subject
from kerascope.probe.lines.session import recording
from kerascope.promises import is_objective
from kerascope.record.lines import LineLog, Site
from kerascope.values import Evidence, Finding, SourceSpan

KINDS = ("batch-axis", "unused-layer", "wrong-argument")
"""What kinds of findings these faults are, beside those of an error on other inputs; each has a page in the docs."""

_TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class Misbehaviour(Failure):
    """A failure that a plain call does not show. `reason` says what is wrong, `output` what came out in terms of B."""

    kind: str = KINDS[0]
    reason: str = ""
    output: Shape | None = None
    finding: Finding | None = None


def misbehaviour(subject: Subject) -> Misbehaviour | None:
    """Returns what is wrong with an object that runs, None when nothing is.

    It is run on fresh objects: on other batch sizes, a single row, a batch of unknown size; rows are compared with
    what they give alone. A function is only asked to run.
    """
    if subject.make is None or subject.kind not in ("layer", "model", "loss", "metric"):
        return None
    trial = Trial(subject)
    with quiet():
        outcome = trial.check()
        odds = of_outcome(outcome)
        idle = unread.weight(trial, outcome.demerits) if outcome.passed else None
        if outcome.passed and not odds and idle is None:
            return None
        if outcome.error is not None:
            return _raising(trial, outcome)
        logs, culprit = _silent(trial, outcome.reason)
    unused = _unused(trial, logs, idle) if outcome.passed else None
    if unused is not None:
        return unused
    if outcome.reason.startswith(TWICE) and _of_itself(logs[0], trial.sizes[0]):
        return None  # such as the similarities of all samples, which is what comes out
    if outcome.reason.startswith("the output is (),") and is_objective(_said_of(type(subject.make()))):
        return None  # a loss of the whole batch, written as a layer
    reason, site = outcome.reason, None
    if outcome.passed:
        # Odd, but right in some objects: said only when the trace shows why.
        found = next(filter(None, (_odd(trial, logs, odd, culprit) for odd in odds)), None)
        if found is None:
            return None
        culprit, site, reason = found
    culprit = culprit or returned(logs)
    kind = KINDS[0] if of_rows(reason) else "wrong-argument"
    return Misbehaviour(
        None, site, None, None, culprit, tuple(logs), kind=kind, reason=reason, output=outcome.output
    )


def _said_of(cls: type) -> str:
    return f"{cls.__name__} {cls.__doc__ or ''}"


def _odd(
    trial: Trial, logs: Sequence[LineLog], odd: str, culprit: Site | None
) -> tuple[Site, Site | None, str] | None:
    """Returns the expressions that show why something odd is wrong, and what is said of it."""
    if without_effect(odd) and (found := in_vain(logs[0])) is not None:
        return *found, f"nothing uses what `{found[0].source}` gives, and {odd}"
    shown = _shown_by(trial, logs, odd, culprit)
    return None if shown is None else (shown, None, odd)


def _shown_by(trial: Trial, logs: Sequence[LineLog], odd: str, culprit: Site | None) -> Site | None:
    """Returns the expression that shows why something odd is wrong, None where none does."""
    if odd.startswith(UNREAD):
        return trial.setting[0] if trial.setting else None
    if idle := IDLE_INPUT.match(odd):
        with quiet():
            return effect.lost_input(trial, int(idle[1]) - 1)
    if without_effect(odd):
        with quiet():
            return effect.lost(trial, odd)
    if odd == UNWEIGHTED:
        with quiet():
            return _unweighed(trial)
    if odd == NEGATIVE:
        return cut(logs)
    if odd in (OVERLAP, CAUSAL):
        return causal(logs) if odd == CAUSAL else returned(logs)
    if odd == TURNED:
        calls = (s for s, _ in logs[0].rows if s.function.endswith((".call", ".update_state")))
        return culprit or next(calls, None)
    if culprit is not None and _squared(logs, culprit):
        return culprit
    return over_the_batch(logs[0], trial.sizes[0])


def _unused(trial: Trial, logs: Sequence[LineLog], name: str | None) -> Misbehaviour | None:
    """Returns that nothing uses a weight or layer: where it is made, and a call that may be meant to."""
    cls = type(trial.subject.make()) if name is not None and trial.subject.make is not None else None
    made = unread.made(logs, cls, name) if name is not None and cls is not None else None
    if made is None or cls is None or name is None:
        return None
    twice = unread.in_its_place(logs, cls, name)
    reason = f"nothing uses `self.{name}`, which has weights"
    return Misbehaviour(None, twice, None, None, made, tuple(logs), kind="unused-layer", reason=reason)


def _of_itself(log: LineLog, batch: int) -> bool:
    """Tells whether each row meets each row of the same thing, as in `ops.matmul(z, ops.transpose(z))`."""
    rows = ((site, row.last.facts.shape or ()) for (site, _), row in log.rows.items())
    site = next((site for site, shape in rows if shape.count(batch) > 1), None)
    if site is None:
        return False
    functions = {id(n.func) for n in ast.walk(site.node) if isinstance(n, ast.Call)}
    functions |= {
        id(n.value) for n in ast.walk(site.node) if id(n) in functions and isinstance(n, ast.Attribute)
    }
    names = [
        ast.unparse(n) for n in ast.walk(site.node) if isinstance(n, ast.Name) and id(n) not in functions
    ]
    return len(names) > 1 and len(set(names)) == 1


def _raising(trial: Trial, outcome: Outcome) -> Misbehaviour | None:
    """Runs again, traced, what raised: on sizes that can be named before on an unknown one."""
    subject = trial.subject
    reused = None
    for arguments in (*(lambda b=b: trial.inputs(b) for b in (*trial.sizes, 1)), None, subject.symbolic):
        if arguments is None:
            reused = _reused(trial, outcome)
            if reused is not None and reused.site is not None:
                return reused
            continue
        with recording(statistics=False) as recorder:
            try:
                assert subject.make is not None
                args, kwargs = arguments()
                subject.call(subject.make(), args, kwargs)
            except Exception as error:
                return _of_failure(*explain(error, recorder, subject), outcome.reason)
    return reused


def _reused(trial: Trial, outcome: Outcome) -> Misbehaviour | None:
    """It fails only when one object is called with batches of different size: a weight has the size of the first."""
    subject = trial.subject
    assert subject.make is not None
    instance = subject.make()
    with recording(statistics=False) as recorder:
        for batch in (*trial.sizes, 1):
            try:
                args, kwargs = trial.inputs(batch)
                subject.call(instance, args, kwargs)
            except Exception as error:
                return _of_failure(*explain(error, recorder, None), outcome.reason)
        assert outcome.error is not None
        return _of_failure(*explain(outcome.error, recorder, None), outcome.reason)


def _of_failure(failure: Failure, finding: Finding | None, reason: str) -> Misbehaviour:
    told = {f.name: getattr(failure, f.name) for f in dataclasses.fields(failure)}
    return Misbehaviour(**told, reason=reason, finding=finding)


# -- where rows are mixed ---------------------------------------------------------------------------------------------


class _Follower:
    """Keeps the values of every expression, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[Site, str, np.ndarray | None, list[Shape]]] = []

    def __call__(self, event: Any, value: Any, operands: Sequence[Any], frame: Any) -> None:
        shapes = [o.event.facts.shape for o in operands if o.event.facts.shape is not None]
        array = tensors.array_of(value)
        # A copy: NumPy may show memory that the user's code writes to later.
        self.seen.append((event.site, event.path, None if array is None else np.array(array), shapes))


def _silent(trial: Trial, reason: str) -> tuple[list[LineLog], Site | None]:
    """Returns traces on two batch sizes, and the first expression that is not finite where that is the reason.

    Else the first that mixes rows, loses or doubles the batch.
    """
    first, second = trial.sizes
    logs: list[LineLog] = []
    followers = [_Follower(), _Follower()]
    plain = trial.inputs(first)
    for follower, arguments in zip(followers, (plain, _others_changed(trial, first)), strict=True):
        with recording(statistics=False, listeners=[follower]) as recorder, contextlib.suppress(Exception):
            assert trial.subject.make is not None
            objects.seed(0)
            trial.subject.call(trial.subject.make(), *arguments)
        if not logs:
            logs.append(recorder.log)
    with recording(statistics=False) as recorder, contextlib.suppress(Exception):
        assert trial.subject.make is not None
        trial.subject.call(trial.subject.make(), *trial.inputs(second))
    logs.append(recorder.log)
    if reason == NOT_FINITE:
        return logs, _not_finite(followers[0])
    if found := kept.culprit(logs[0], reason):
        return logs, found
    if reason.startswith(SINGLE):
        return logs, _of_one_row(trial, followers[0])
    shape = "row's output" not in reason
    return logs, _culprit(followers[0], followers[1], first, shape, trial.subject.kind == "metric")


def _not_finite(follower: _Follower) -> Site | None:
    """Returns the first expression that is not finite, or the variance before it that came out negative."""
    spread = None
    for site, _, values, _ in follower.seen:
        if values is None or values.dtype.kind != "f":
            continue
        if not np.isfinite(values).all():
            named = spread is not None and any(
                isinstance(n, ast.Name) and n.id in spread.targets for n in ast.walk(site.node)
            )
            return spread if named else site
        if (values < 0).any() and isinstance(site.node, ast.BinOp) and is_spread(site.node):
            spread = site
    return None


def _of_one_row(trial: Trial, many: _Follower) -> Site | None:
    """Returns the first expression that has fewer or more axes for a single row than for many."""
    one = _Follower()
    with recording(statistics=False, listeners=[one]), contextlib.suppress(Exception):
        assert trial.subject.make is not None
        trial.subject.call(trial.subject.make(), *trial.inputs(1))
    for (site, path, a, _), (other, other_path, b, _) in zip(many.seen, one.seen, strict=False):
        if site is not other or path != other_path:
            return None
        if a is not None and b is not None and a.ndim != b.ndim:
            return site
    return None


def _others_changed(trial: Trial, batch: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Returns the made-up arguments with all rows but a few replaced by others."""
    one, two = trial.inputs(batch), trial.inputs(batch, seed=1)
    specs = iter(trial.subject.specs())
    other = iter(objects.flatten((list(two[0]), dict(two[1]))))

    def mixed(value: Any) -> Any:
        replacement = next(other)
        if tensors.kind(value) != "tensor":
            return value
        spec = next(specs)
        if not spec.shape or spec.shape[0] != BATCH:
            return value
        array = objects.to_numpy(replacement).copy()
        array[list(ROWS)] = objects.to_numpy(value)[list(ROWS)]
        return objects.to_tensor(array)

    left, right = objects.map_structure(mixed, (list(one[0]), dict(one[1])))
    return tuple(left), right


def _culprit(one: _Follower, two: _Follower, batch: int, shape: bool, metric: bool) -> Site | None:
    """Returns the first expression that went wrong; with `shape` also one that only moved the batch axis."""
    for (site, path, a, shapes), (other, other_path, b, _) in zip(one.seen, two.seen, strict=False):
        if site is not other or path != other_path:
            return None  # the control flow depends on the values
        if a is None or b is None or site.kind in ("arguments", "name", "attribute"):
            continue
        if a.shape.count(batch) > max([s.count(batch) for s in shapes], default=1):
            return site
        with_batch = [s for s in shapes if s and s[0] == batch]
        if metric:
            continue  # a metric is there to reduce over the batch
        if shape and with_batch and (a.ndim == 0 or a.shape[0] != batch) and not is_size(site):
            return site
        if a.shape == b.shape and _mixed(a, b, batch):
            return site
        if (
            with_batch
            and a.ndim
            and a.shape[0] != batch
            and a.shape.count(batch) == 0
            and not np.array_equal(a, b)
        ):
            return site
    return None


def _unweighed(trial: Trial) -> Site | None:
    """Returns the first total over the rows of a metric in which the weights of the samples have no part."""
    followers = [_Follower(), _Follower()]
    for follower, arguments in zip(followers, (trial.inputs(trial.sizes[0]), weighed(trial)), strict=True):
        assert trial.subject.make is not None and arguments is not None
        with recording(statistics=False, listeners=[follower]), contextlib.suppress(Exception):
            trial.subject.call(trial.subject.make(), *arguments)
    batch = trial.sizes[0]
    one, two = followers
    for (site, path, a, shapes), (other, other_path, b, _) in zip(one.seen, two.seen, strict=False):
        if site is not other or path != other_path:
            return None  # the control flow depends on the weights
        if a is None or b is None or batch in a.shape or not np.array_equal(a, b) or site.kind != "call":
            continue
        added = site.parent is not None and site.parent.name in ADDING
        if site.name in ADDING or (any(s and s[0] == batch for s in shapes) and (added or not is_size(site))):
            return site
    return None


def _mixed(a: np.ndarray, b: np.ndarray, batch: int) -> bool:
    """Tells whether the rows that were kept have changed with the others."""
    axes = [axis for axis, size in enumerate(a.shape) if size == batch]
    if len(axes) != 1:
        return not axes and a.dtype.kind == "f" and not np.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE)
    row, other = np.take(a, ROWS, axes[0]), np.take(b, ROWS, axes[0])
    return not np.allclose(row, other, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)


def _squared(logs: Sequence[LineLog], culprit: Site) -> bool:
    """Tells whether an expression gave every row against every row."""
    shapes = [row.last.facts.shape for log in logs for (site, _), row in log.rows.items() if site is culprit]
    if len(shapes) < 2 or shapes[0] is None or shapes[1] is None or len(shapes[0]) != len(shapes[1]):
        return False
    return sum(a != b for a, b in zip(shapes[0], shapes[1], strict=True)) > 1


def misbehaviour_finding(found: Misbehaviour, name: str) -> Finding:
    """Returns the finding for a misbehaviour of the object called `name`."""
    if found.finding is not None:
        return dataclasses.replace(
            found.finding,
            title=f"Fails on other inputs than these: {found.finding.title}",
            explanation=f"The call itself ran. {found.finding.explanation}",
        )
    culprit = found.culprit
    location = SourceSpan()
    where = ""
    if culprit is not None:
        location = SourceSpan(culprit.file, culprit.line, culprit.position[1], culprit.source)
        where = f" The first expression where this shows is `{culprit.source}`, line {culprit.line}."
    evidence = [Evidence("result", found.reason)]
    if found.output is not None:
        evidence.append(Evidence("output in terms of the batch size B", written(found.output)))
    return Finding(
        kind=found.kind,
        severity="warning",
        confidence=0.9,
        title=f"{name}: {found.reason}",
        explanation=f"It runs, but {found.reason}.{where}",
        location=location,
        evidence=tuple(evidence),
    )
