"""Tries small changes of the user's source on fresh objects, and keeps those with which the object passes."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

from kerascope.budget import Budget
from kerascope.explain.fixes import retrace
from kerascope.explain.fixes.candidates import FAMILIES, Candidate, after, candidates
from kerascope.explain.fixes.edits import guards
from kerascope.explain.fixes.outcome import NOT_FINITE, Outcome, Trial, quiet, written
from kerascope.explain.fixes.patch import Patch
from kerascope.explain.fixes.swap import Program, Refused
from kerascope.explain.lines.failure import Failure
from kerascope.explain.subject import Subject
from kerascope.probe.lines.install import is_users
from kerascope.values import Fix

_SLACK = 0.9
"""After a change has passed, only those are tried whose cost is larger by no more than this."""
_BASES, _SECOND = 8, 40
"""How many changes are taken as the first of a pair, and how many second ones are tried with each."""
_PROMISING = 1.8
"""A change that merely fails otherwise is taken as the first of a pair only when it costs less."""
_PER_STAGE, _CHEAPEST = 0.1, 0.7
"""How much coming further counts among the firsts of a pair, and what the second of one costs at least."""
_SENSIBLE = 3.0
"""What passes, but with more than this against it, is not shown: operands dropped, names left unread."""
_LOST = 0.8
"""Added for each tensor that a change leaves out of an expression."""


@dataclasses.dataclass(frozen=True)
class Repairs:
    """What was found: the best fixes, how many changes were tried, in how many seconds, and the patches to apply.

    `patches` belong to `fixes` one by one. `first` is the time in seconds until the first change passed.
    """

    fixes: tuple[Fix, ...] = ()
    tried: int = 0
    seconds: float = 0.0
    patches: tuple[Patch, ...] = ()
    first: float | None = None


@dataclasses.dataclass(frozen=True)
class _Passing:
    rank: float
    description: str
    patch: Patch
    outcome: Outcome
    tried: int


class _Search:
    def __init__(
        self,
        trial: Trial,
        failure: Failure,
        seconds: float,
        found: Callable[[Fix, int], None] | None,
        families: Sequence[ModuleType],
        wrong: str,
    ):
        self.failure = failure
        self.begun = time.perf_counter()
        self.budget = Budget(seconds)
        self.trial = trial
        self.found = found
        self.families = families
        self.wrong = wrong
        self.passing: list[_Passing] = []
        self.tried = 0
        self.first: float | None = None
        self.base = Outcome()
        self.further: list[tuple[Candidate, Outcome]] = []

    def late(self) -> bool:
        return self.budget.over()

    def run(self) -> None:
        with quiet():
            self.base = self.trial.check()
            if self.base.passed:
                self.base.reason = self.wrong
            if self.base.reason == NOT_FINITE:
                self.families = (*self.families, guards)
            listed = self._listed()
            self._singles(listed)
            if not any(p.rank <= _SENSIBLE for p in self.passing) and not self.late():
                self._pairs()

    def _listed(self) -> list[Candidate]:
        failure = self.failure
        logs = failure.logs
        if len(logs) < 2:
            logs = (*logs, *retrace.probes(self.trial, 1 if logs else 2))
        files = {a.file for log in logs for a in log.activations if is_users(a.file)}
        files |= {file for file, _ in failure.marks} | ({failure.culprit.file} if failure.culprit else set())
        found: list[Candidate] = []
        for file in files:
            try:
                program = Program(file)
            except (SyntaxError, ValueError):
                continue
            site, culprit = failure.site, failure.culprit
            places = [position for marked, position in failure.marks if marked == file]
            places += [site.position] if site is not None and site.file == file else []
            place = culprit.position if culprit is not None and culprit.file == file else None
            found += candidates(program, logs, places, place, self.families, vague=failure.vague)
        return sorted(found, key=lambda c: c.cost)

    def _singles(self, listed: Sequence[Candidate]) -> None:
        for candidate in listed:
            if self.late() or self._enough(candidate.cost):
                break
            outcome = self._try(candidate, candidate.program)
            if outcome is None:
                continue
            if outcome.passed:
                self._keep(candidate, candidate.program.source, after(candidate), outcome)
            elif self._came_further(candidate, outcome):
                self.further.append((candidate, outcome))

    def _enough(self, cost: float) -> bool:
        return bool(self.passing) and cost > min(p.rank for p in self.passing) + _SLACK

    def _try(self, candidate: Candidate, program: Program) -> Outcome | None:
        try:
            with program.trying(candidate.edits):
                self.tried += 1
                outcome = self.trial.check()
                if outcome.passed:
                    outcome.reason = self.trial.lasting(
                        lambda: Program(program.file, after(candidate), program)
                    )
        except Refused:
            return None
        outcome.error = None  # its traceback would keep every tensor of the try alive
        # Where nothing is broken but something is odd, a change is worth showing when it no longer is.
        as_odd = sum(outcome.demerits.values()) >= sum(self.base.demerits.values())
        return None if outcome.passed and self.base.passed and as_odd else outcome

    def _came_further(self, candidate: Candidate, outcome: Outcome) -> bool:
        """Tells whether a change that does not pass may be half of one that does: it fails later, or otherwise."""
        if outcome.place is None and self.base.place is None and outcome.reason != self.base.reason:
            return candidate.cost < _PROMISING  # neither raises
        if outcome.stage != self.base.stage:
            return outcome.stage > self.base.stage
        return (outcome.place, outcome.reason) != (
            self.base.place,
            self.base.reason,
        ) and candidate.cost < _PROMISING

    def _keep(self, candidate: Candidate, before: str, text: str, outcome: Outcome, first: str = "") -> None:
        rank = candidate.cost + sum(outcome.demerits.values()) + _LOST * candidate.lost
        description = f"{first}; {candidate.description}" if first else candidate.description
        patch = Patch(candidate.program.file, description, before, text)
        passing = _Passing(rank, description, patch, outcome, self.tried)
        self.passing.append(passing)
        if self.first is None:
            self.first = time.perf_counter() - self.begun
            if self.found is not None:
                with _loud():
                    self.found(self._fix(passing), self.tried)

    def _fix(self, passing: _Passing) -> Fix:
        before = {"result": self.base.reason} if self.base.reason else {}
        output = passing.outcome.output
        shape = {} if output is None else {"output": written(output)}
        after = {**shape, **passing.outcome.facts, "tried": passing.tried}
        return Fix(passing.description, passing.patch.diff(), True, before, after)

    def _pairs(self) -> None:
        """Changes that came further are each taken as a new beginning."""
        order = sorted(self.further, key=lambda pair: pair[0].cost - _PER_STAGE * pair[1].stage)
        for base, outcome in order[:_BASES]:
            if self.late() or self._enough(base.cost + _CHEAPEST):
                return
            with contextlib.suppress(Refused), base.program.trying(base.edits):
                second = Program(base.program.file, after(base), base.program)
                logs = retrace.variant(self.trial, second)
                places = [outcome.place] if outcome.place is not None and outcome.file == second.file else []
                for candidate in candidates(second, logs, places, None, self.families)[:_SECOND]:
                    if self.late():
                        return
                    cost = dataclasses.replace(candidate, cost=candidate.cost + base.cost)
                    if self._enough(cost.cost):
                        break
                    result = self._try(candidate, second)
                    if result is not None and result.passed:
                        self._keep(cost, base.program.source, after(candidate), result, base.description)

    def repairs(self, most: int) -> Repairs:
        best: list[_Passing] = []
        for passing in sorted(self.passing, key=lambda p: p.rank):
            new = all(
                passing.patch.after != other.patch.after and not passing.outcome.like(other.outcome)
                for other in best
            )
            if new and passing.rank <= _SENSIBLE:
                best.append(passing)
        best = best[:most]
        return Repairs(
            tuple(self._fix(p) for p in best),
            self.tried,
            time.perf_counter() - self.begun,
            tuple(p.patch for p in best),
            self.first,
        )


@contextlib.contextmanager
def _loud() -> Iterator[None]:
    """Lets a block print again inside `quiet`."""
    import sys

    with contextlib.redirect_stdout(sys.__stdout__), contextlib.redirect_stderr(sys.__stderr__):
        yield


def repair(
    subject: Subject,
    failure: Failure,
    *,
    seconds: float = 10.0,
    most: int = 3,
    found: Callable[[Fix, int], None] | None = None,
    trial: Trial | None = None,
    families: Sequence[ModuleType] = FAMILIES,
    wrong: str = "",
) -> Repairs:
    """Returns changes of the user's source with which a fresh object passes, the likeliest first.

    Nothing is written and the user's own object is not touched. A change that passes is not said to be what was meant:
    the object then runs on several batch sizes and symbolically, keeps its batch axis, is finite and treats each row
    by itself.

    Args:
        subject: what failed, with a way to make another one.
        failure: where it failed; `error` may be None when only the result is wrong.
        seconds: for how long changes are tried.
        most: how many fixes are returned.
        found: called with the first fix that passes, and the number of changes tried, as soon as it is known.
        trial: what a change has to pass; `Trial(subject)` when it is not given.
        families: modules of edits to try; those for code that fails when it is not given.
        wrong: what is wrong with an object that passes as it is; `trial.lasting` tells when it no longer is.
    """
    if subject.make is None:
        return Repairs()
    search = _Search(trial or Trial(subject), failure, seconds, found, families, wrong)
    search.run()
    return search.repairs(most)
