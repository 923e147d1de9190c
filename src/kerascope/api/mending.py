"""What becomes of a broken contract: its cause, told from a trace, and changes of the source with which it is kept."""

from __future__ import annotations

import ast
import dataclasses
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from kerascope.explain.fixes.outcome import Outcome as Tried
from kerascope.explain.fixes.outcome import Trial
from kerascope.values import Evidence, Finding, Fix, LineRow, SourceSpan

if TYPE_CHECKING:
    from kerascope.detect.contracts.case import Case
    from kerascope.detect.contracts.registry import Outcome
    from kerascope.explain.lines.failure import Failure
    from kerascope.explain.subject import Subject
    from kerascope.record.lines import Position

SECONDS = 8.0
"""For how long changes are tried for one object, at most."""
_MOST = 2
"""How many broken contracts of an object changes are tried for."""
_RAISING = ("builds", "batch-sizes")
_FAILS = (*_RAISING, "loss-batch-sizes", "metric-runs", "step-runs", "optimizer-runs", "compiled")
_ABOUT_AXES = (
    "batch-independence",
    "shapes-agree",
    "loss-per-sample",
    "loss-batch-independence",
    "loss-targets",
    "metric-split",
    "metric-targets",
)
_ABOUT_USE = ("gradients-reach", "loss-minimum")
_ABOUT_STATE = ("python-state", "tracked-state", "training-noise", "in-models")
_ODD = 1.0
"""An oddity of a changed object that weighs this much, and that was not there before, speaks against the change."""
_WITHOUT_A_CALL = ("optimizer", "builder")


@dataclasses.dataclass(frozen=True)
class Mended:
    """The findings with causes and fixes, and the lines that ran, where the object fails when it is called."""

    findings: tuple[Finding, ...]
    lines: tuple[LineRow, ...] = ()


def mended(
    about: Subject, outcome: Outcome, case: Callable[..., Case], *, fixes: bool, seconds: float
) -> Mended:
    """Explains what was found and looks for changes that mend it. What fails in here becomes a note.

    Args:
        about: what was checked.
        outcome: what came of its contracts.
        case: makes a new case for the same object, as its code is now; of another `subject` where one is given.
        fixes: False to explain only.
        seconds: for how long changes are tried.
    """
    findings = sorted(outcome.findings, key=lambda f: ("fault", "warning", "note").index(f.severity))
    serious = [f for f in findings if f.severity != "note"]
    begun: dict[str, Finding] = {}
    for finding in serious:
        begun.setdefault(finding.kind, finding)
    lines: tuple[LineRow, ...] = ()
    notes: list[Finding] = []
    for finding in list(begun.values())[:_MOST]:
        try:
            work = _Work(about, outcome, case, finding)
            new = work.explained()
            lines = lines or work.lines
            # The first trace in a large program rewrites all of its files, which is no time spent on changes.
            if fixes and seconds > 0 and about.make is not None:
                start = time.monotonic()
                new = work.repaired(new, seconds)
                seconds -= time.monotonic() - start
        except Exception as error:  # the check itself stands; that no more can be said is said
            notes.append(_internal(error, finding.kind))
            continue
        findings[next(i for i, f in enumerate(findings) if f is finding)] = new
    return Mended((*findings, *notes), lines)


class _Work:
    """One broken contract: how it fails, and what was tried."""

    def __init__(self, about: Subject, outcome: Outcome, case: Callable[..., Case], finding: Finding) -> None:
        self.about, self.outcome, self.case, self.finding = about, outcome, case, finding
        self.failure: Failure | None = None
        self.lines: tuple[LineRow, ...] = ()

    def explained(self) -> Finding:
        """Returns the finding with the cause from a trace, where the object raises something."""
        if self.finding.kind not in _RAISING or self.about.kind in _WITHOUT_A_CALL:
            return self.finding
        told = self._called() if self.finding.kind == "builds" else self._otherwise()
        if told is None:
            return self.finding
        own = self.finding
        what = own.explanation if own.kind == "batch-sizes" or self.about.guessed else ""
        code = told.location.code is not None or told.location.expression is not None
        known = told.kind != "error-in-user-code"
        error = [] if known else [e for e in own.evidence if e.label == "error"]
        facts = [e for i, e in enumerate(told.evidence) if e not in told.evidence[:i]]
        return dataclasses.replace(
            own,
            title=told.title if own.kind == "builds" and known else own.title,
            confidence=own.confidence if self.about.guessed else max(own.confidence, told.confidence),
            explanation=" ".join(text for text in (what, told.explanation if known else "") if text),
            location=told.location if code else own.location,
            evidence=(*error, *facts),
            fixes=() if known else own.fixes,
        )

    def _called(self) -> Finding | None:
        """Calls a new object, traced, as the user would."""
        from kerascope.api.lines import line_rows
        from kerascope.explain.lines import dims
        from kerascope.explain.lines.explanation import explain
        from kerascope.probe.lines.session import recording

        about = self.about
        if about.make is None:
            return None
        args, kwargs = about.inputs(about.batch or 3)
        with recording() as recorder:
            try:
                about.call(about.make(), args, kwargs)
            except Exception as error:
                self.failure, found = explain(error, recorder, about)
                logs = self.failure.logs[1:]
                batches = list(dims.batches_for(about, recorder.log))[: len(logs)]
                probes = dims.Probes([dims.Probe(log, None) for log in logs], batches)
                self.lines = line_rows(recorder.log, dims.transfer(recorder.log, probes))
                return found
        return None

    def _otherwise(self) -> Finding | None:
        """Calls new objects on batches of other sizes, traced."""
        from kerascope.explain.fixes.misbehave import misbehaviour

        found = misbehaviour(self.about)
        if found is None:
            return None
        self.failure = found
        return found.finding

    def repaired(self, finding: Finding, seconds: float) -> Finding:
        """Returns the finding with the changes that keep the contract."""
        from kerascope.explain.fixes.search import repair

        trial = _Contracts(self.about, self.finding.kind, self.outcome, self.case)
        failure = self.failure or self._traced()
        marks = _marks(finding.location)
        failure = dataclasses.replace(failure, marks=marks)
        found = repair(self.about, failure, seconds=seconds, trial=trial, families=_families(finding.kind))
        if not found.tried:
            return finding
        tried = Evidence("edits tried", found.tried)
        passed = tuple(_shown(fix) for fix in found.fixes)
        return dataclasses.replace(
            finding,
            fixes=passed or finding.fixes,
            evidence=(*finding.evidence, tried) if passed else finding.evidence,
        )

    def _traced(self) -> Failure:
        """Returns the failure with what ran while the contract was judged."""
        from kerascope.detect.contracts.registry import run_contracts
        from kerascope.explain.lines.failure import Failure
        from kerascope.probe.lines.session import recording

        with recording(statistics=False) as recorder:
            run_contracts(self.case(), [self.finding.kind])
        return Failure(None, None, None, logs=(recorder.log,))


def _families(kind: str) -> tuple[ModuleType, ...]:
    """Returns the edits that can mend a contract: other ones would only make its test pass."""
    from kerascope.explain.fixes.candidates import FAMILIES
    from kerascope.explain.fixes.edits import (
        arguments,
        einsum,
        habits,
        masking,
        operands,
        shapes,
        state,
        structure,
    )

    if kind in _FAILS:
        return (*FAMILIES, habits)
    if kind in _ABOUT_AXES:
        return habits, arguments, einsum, operands, shapes
    if kind in _ABOUT_USE:
        return habits, structure
    if kind == "masks":
        return masking, habits
    if kind in _ABOUT_STATE:
        return state, habits
    return (habits,)


class _Contracts(Trial):
    """What a change has to pass: the usual conditions, the broken contract, and every contract that was kept."""

    def __init__(self, about: Subject, name: str, outcome: Outcome, case: Callable[..., Case]) -> None:
        super().__init__(about)
        self.name, self.kept, self.case = name, frozenset(outcome.kept), case
        self.broken, self.skipped = frozenset(outcome.broken), frozenset(outcome.skipped)
        # The usual conditions are not for a function that is used as a loss.
        self.usual = about.kind not in _WITHOUT_A_CALL and about.run is None
        self.odd: frozenset[str] | None = None
        self.others = _other_sizes(about, case) if name == "shapes-agree" else []

    def check(self) -> Tried:
        """Returns how the object fares, as its code is now."""
        tried = super().check() if self.usual else Tried()
        if self.odd is None:  # the first time, nothing is changed yet
            self.odd = frozenset(tried.demerits)
            if not tried.passed and self.name not in (*_FAILS, *_ABOUT_AXES):
                self.usual, tried = False, Tried()  # it is another sort of object than they are for
        odd = [text for text, weight in tried.demerits.items() if weight >= _ODD and text not in self.odd]
        if tried.passed and odd:
            tried.reason = odd[0]
        if tried.passed:
            self._contracts(tried)
        return tried

    def _contracts(self, tried: Tried) -> None:
        from kerascope.detect.contracts.registry import run_contracts

        own = run_contracts(self.case(), [self.name])
        broken = [f for f in own.findings if f.severity != "note"]
        if broken or self.name not in own.kept:
            tried.reason = broken[0].title if broken else f"`{self.name}` cannot be judged"
            return
        for other in self.others:
            if self.name not in run_contracts(self.case(subject=other), [self.name]).kept:
                tried.reason = f"`{self.name}` is broken for other inputs"
                return
        tried.stage += 1
        whole = run_contracts(self.case(), [*self.kept, *self.broken, *self.skipped])
        now = {f.kind for f in whole.findings if f.severity != "note"}
        worse = sorted(now & (self.kept | {self.name}))
        if worse:
            tried.reason = f"it breaks `{worse[0]}`"
            return
        tried.stage += 1
        tried.demerits |= {f"breaks `{name}`": 0.4 for name in now - self.broken}
        tried.demerits |= {f"still breaks `{name}`": 0.1 for name in now & self.broken}
        tried.facts = {"contracts kept": len(whole.kept)}


def _other_sizes(about: Subject, case: Callable[..., Case]) -> list[Subject]:
    """Returns the object with inputs of other sizes, where it takes them: a shape that is declared must fit all."""
    from kerascope.detect.contracts.registry import run_contracts
    from kerascope.explain.subject import InputSpec

    def larger(by: int, first: int) -> Subject:
        def grown(value: object) -> object:
            if not isinstance(value, InputSpec):
                return value
            sizes = enumerate(value.shape)
            shape = tuple(s + by if isinstance(s, int) and axis >= first else s for axis, s in sizes)
            return dataclasses.replace(value, shape=shape)

        args, kwargs = about.mapped(grown)
        return dataclasses.replace(about, args=args, kwargs=kwargs)

    found = [larger(by, first) for by, first in ((1, 1), (3, 1), (2, 2))]
    return [other for other in found if "builds" in run_contracts(case(subject=other), ["builds"]).kept]


def _shown(fix: Fix) -> Fix:
    """Returns a fix without what stands above it already."""
    return dataclasses.replace(fix, before={}, after={k: v for k, v in fix.after.items() if k != "tried"})


def _marks(location: SourceSpan) -> tuple[tuple[str, Position], ...]:
    """Returns the expressions at a place: the one that is named, or all that its line consists of."""
    from kerascope.explain.lines import source

    if location.file is None or location.line is None:
        return ()
    tree = source.tree(location.file)
    nodes = [
        node
        for node in (ast.walk(tree) if tree is not None else ())
        if isinstance(node, (ast.expr, ast.FunctionDef)) and node.lineno == location.line
    ]
    wanted = "".join((location.expression or "").split())
    named = [node for node in nodes if wanted and "".join(ast.unparse(node).split()) == wanted]
    return tuple(
        (location.file, (n.lineno, n.end_lineno or n.lineno, n.col_offset, n.end_col_offset or 0))
        for n in named or _outermost(nodes)
    )


def _outermost(nodes: Sequence[ast.expr | ast.FunctionDef]) -> list[ast.expr | ast.FunctionDef]:
    inner = {id(child) for node in nodes for child in ast.walk(node) if child is not node}
    return [node for node in nodes if id(node) not in inner]


def _internal(error: Exception, kind: str) -> Finding:
    return Finding(
        kind="kerascope-internal",
        severity="note",
        confidence=1.0,
        title=f"kerascope failed while looking for the cause of `{kind}`",
        explanation=f"{type(error).__name__}: {error}. What was found is not touched by this.",
    )
