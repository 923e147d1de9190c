"""Suspected causes put to the test: the changed script is run, shortened, and compared with the run as it was."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from kerascope.api.engines import Engine
from kerascope.api.sandbox import Request, Snapshot, snapshot
from kerascope.explain.experiments.outcome import Comparison, Outcome, as_figures, compare, has_metric
from kerascope.explain.experiments.verdicts import Trial, key
from kerascope.explain.rank import SYMPTOMS
from kerascope.explain.remedies import Program, Remedy, remedies
from kerascope.render.numbers import change
from kerascope.values import Finding, Fix, SourceSpan, encode

TESTED, ALTERNATIVES = 5, 3
"""Findings that are put to the test, and remedies that are shown of each."""
PERFECT = 0.95
START_UP = 6.0
"""Seconds that importing Keras and compiling may take, before anything is known."""
OBJECTIVE = {"unscaled-targets", "custom-loss-bug", "scale-mismatch", "broadcast-shape"}
"""Kinds whose remedies change the units of the loss."""
EXPLORED = {
    "lr-too-high": "The learning rate is too high",
    "lr-too-low": "The learning rate is too low",
    "unscaled-inputs": "The inputs are not on a common, moderate scale",
    "wrong-output-activation": "The last activation does not suit the targets",
    "missing-activation": "Hidden layers have no activation",
    "wrong-hidden-activation": "The hidden activation does not suit this network",
    "over-regularised": "The regularisation is too strong to learn anything",
    "wrong-optimizer": "The optimizer does not suit this network",
    "bad-initialisation": "The initial weights keep the network from learning",
    "unscaled-targets": "The targets are far from the scale of the network's outputs",
}
"""Causes that are tried when only symptoms are known, commonest first, with the titles of what is found."""


@dataclasses.dataclass(frozen=True)
class Bench:
    """The run to improve on: where it lies, how it was started, how it went."""

    script: Path
    args: tuple[str, ...]
    module: str | None
    cwd: Path
    program: Program
    baseline: Outcome
    backend: str = ""


@dataclasses.dataclass
class _Task:
    remedy: Remedy | None
    parts: tuple[int, ...]
    seed: int = 0


@dataclasses.dataclass
class _Tried:
    """A change that ran: of which findings, what it came to with each seed."""

    remedy: Remedy
    parts: tuple[int, ...]
    outcome: Outcome
    comparison: Comparison | None
    gains: list[float] = dataclasses.field(default_factory=list)
    behind: bool = False  # ahead of the shortened run only: the whole one came further than this

    @property
    def gain(self) -> float:
        return sorted(self.gains)[len(self.gains) // 2] if self.gains else -1.0

    @property
    def verdict(self) -> str:
        if self.comparison is None:
            return "failed"
        judged = dataclasses.replace(self.comparison, gain=self.gain)
        if judged.better and self.behind:
            return "untried"  # quicker at first, which says nothing about where it ends
        return "cures" if judged.cures else "better" if judged.better else "no better"


class Search:
    """Tries remedies until the time is used up or nothing is left to gain."""

    def __init__(
        self,
        bench: Bench,
        findings: Sequence[Finding],
        engine: Engine,
        seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self.bench = bench
        self.engine = engine
        self.say = say
        self.began = time.monotonic()
        self.until = self.began + seconds
        self.findings = list(findings)
        self.snapshot: Snapshot = snapshot(bench.script, bench.cwd)
        self.singles = [remedies(bench.program, finding) for finding in self.findings]
        self.tried: list[_Tried] = []
        self.baselines: dict[int, Outcome] = {}
        self.seen: set[tuple[Any, ...]] = set()
        self.explored = False
        self.ran = 0
        self.epochs, self.steps = _bound(bench.baseline, seconds)
        self.shortened = self.epochs is not None or self.steps is not None
        # Measuring predictions takes time, and where the script has a metric of its own that says enough.
        self.skill = not has_metric(bench.baseline)

    # -- what to do next ---------------------------------------------------------------------------------------------

    def tasks(self) -> Iterator[_Task]:
        """Yields what is worth running now, the most telling first."""
        anything = any(self._worth_running(index) for index in range(len(self.singles)))
        if anything and (self.steps is not None or self._needs_skill()):
            yield _Task(None, ())
        for tried in self.tried:
            if (
                tried.comparison is not None
                and tried.comparison.marginal
                and len(tried.gains) < 3
                and not tried.behind
            ):
                for seed in (1, 2):
                    yield _Task(None, (), seed)
                    yield _Task(tried.remedy, tried.parts, seed)
        for row in range(max((len(own) for own in self.singles), default=0)):
            if row == 1:
                yield from self._combined()
            for index in range(len(self.singles)):
                own = self._worth_running(index)
                enough = (row > 1 or self._guessed(index)) and self._cured()
                if row < len(own) and not enough and not self._cured(index):
                    yield _Task(own[row], (index,))
        yield from self._combined()
        if not self.explored and self._best() is None and self._nothing_is_known():
            self.explored = True
            self._explore()
            yield from self.tasks()

    def _needs_skill(self) -> bool:
        if not self.skill and any(t.comparison is None and t.outcome.ended == "finished" for t in self.tried):
            self.skill = True  # from here on
        return self.bench.baseline.skill is None and any(
            tried.comparison is None and tried.outcome.ended == "finished" for tried in self.tried
        )

    def _worth_running(self, index: int) -> Sequence[Remedy]:
        """Returns the remedies of a finding; in a shortened run, more epochs are none."""
        return () if self.shortened and self.findings[index].kind == "too-few-epochs" else self.singles[index]

    def _nothing_is_known(self) -> bool:
        """Tells whether all findings are symptoms, or causes that were tried and refuted."""
        refuted = {index for t in self.tried if t.verdict == "no better" for index in t.parts}
        return all(f.kind in SYMPTOMS or index in refuted for index, f in enumerate(self.findings))

    def _cured(self, index: int | None = None) -> bool:
        return any(t.verdict == "cures" and (index is None or index in t.parts) for t in self.tried)

    def _guessed(self, index: int) -> bool:
        return self.findings[index].explanation == ""

    def _best(self) -> _Tried | None:
        good = [t for t in self.tried if t.verdict in ("better", "cures")]
        return max(good, key=lambda t: (round(t.gain, 2), -len(t.parts)), default=None)

    def _combined(self) -> Iterator[_Task]:
        """The best change so far together with one for each other finding."""
        best = self._best()
        if best is None or best.gain >= PERFECT or len(best.parts) >= 4:
            return
        for index in range(len(self.singles)):
            own = self._worth_running(index)
            if index in best.parts or not own:
                continue
            mine = [t for t in self.tried if t.parts == (index,) and t.comparison is not None]
            for remedy in dict.fromkeys(
                [*(t.remedy for t in sorted(mine, key=lambda t: -t.gain)[:1]), own[0]]
            ):
                both = best.remedy.with_(remedy)
                if both.sound(self.bench.program):
                    yield _Task(both, (*best.parts, index))

    def _explore(self) -> None:
        """Adds causes that nobody suspected, because only symptoms are known."""
        known = {finding.kind for finding in self.findings}
        for kind, title in EXPLORED.items():
            if kind in known:
                continue
            guess = Finding(kind, "warning", 0.5, title, "")
            if found := remedies(self.bench.program, guess, 3):
                self.findings.append(guess)
                self.singles.append(found)

    # -- running -----------------------------------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """Runs trials until the time is used up; returns the facts to keep."""
        running: dict[Future[Outcome], _Task] = {}
        try:
            while True:
                while len(running) < self.engine.jobs and self._time_for_another():
                    task = next((t for t in self.tasks() if self._new(t)), None)
                    if task is None or self._perfect():
                        break
                    running[self._submit(task)] = task
                if not running:
                    break
                left = max(0.0, self.until - time.monotonic())
                done, _ = concurrent.futures.wait(running, left + 1, concurrent.futures.FIRST_COMPLETED)
                if not done and time.monotonic() > self.until:
                    break
                for future in done:
                    self._ended(running.pop(future), future)
        except KeyboardInterrupt:
            self.say("no further changes are tried; what is known is reported")
        finally:
            self.engine.close()
        return self.facts()

    def _perfect(self) -> bool:
        best = self._best()
        firsts = [
            index
            for index in range(len(self.singles))
            if self._worth_running(index) and not any(index in t.parts for t in self.tried)
        ]
        return best is not None and best.gain >= PERFECT and not firsts

    def _time_for_another(self) -> bool:
        spent = time.monotonic() - self.began
        typical = spent / self.ran * min(self.ran, self.engine.jobs) if self.ran else 0.0
        return time.monotonic() + 0.7 * typical < self.until

    def _new(self, task: _Task) -> bool:
        return self._id(task) not in self.seen

    def _id(self, task: _Task) -> tuple[Any, ...]:
        after = tuple(task.remedy.after(self.bench.program).items()) if task.remedy is not None else ()
        return (after, task.seed)

    def _submit(self, task: _Task) -> Future[Outcome]:
        self.seen.add(self._id(task))
        bench = self.bench
        changes = task.remedy.after(bench.program) if task.remedy is not None else {}
        left = self.until - time.monotonic()
        return self.engine.submit(
            Request(
                self.snapshot,
                changes,
                bench.args,
                bench.module,
                {**os.environ, **({"KERAS_BACKEND": bench.backend} if bench.backend else {})},
                left,
                self.epochs,
                self.steps,
                task.seed,
                task.remedy is None or self.skill,
            )
        )

    def _ended(self, task: _Task, future: Future[Outcome]) -> None:
        self.ran += 1
        outcome = future.result()
        if task.remedy is None:
            self.baselines[task.seed] = outcome
            for tried in self.tried if not task.seed else ():
                tried.comparison = self._compare(tried.parts, tried.outcome)
                tried.gains = [tried.comparison.gain] if tried.comparison is not None else []
                tried.behind = self._behind(tried.parts, tried.outcome)
            return
        if outcome.ended == "timeout":
            self.say(f"{task.remedy.description}: not finished in time")
            return
        comparison = self._compare(task.parts, outcome, task.seed)
        known = next((t for t in self.tried if t.remedy == task.remedy), None)
        if known is not None and task.seed:
            if comparison is not None:
                known.gains.append(comparison.gain)
            return
        gains = [comparison.gain] if comparison is not None else []
        behind = self._behind(task.parts, outcome)
        tried = _Tried(task.remedy, task.parts, outcome, comparison, gains, behind)
        self.tried.append(tried)
        self.say(f"{task.remedy.description}: {_said(tried)}")

    def _compare(self, parts: Sequence[int], outcome: Outcome, seed: int = 0) -> Comparison | None:
        before = self.baselines.get(seed) or self.baselines.get(0) or self.bench.baseline.until(self.epochs)
        if before.skill is None and 0 in self.baselines:
            before = dataclasses.replace(before, skill=self.baselines[0].skill)
        changed = any(self.findings[index].kind in OBJECTIVE for index in parts)
        return compare(before, outcome, objective_changed=changed)

    def _behind(self, parts: Sequence[int], outcome: Outcome) -> bool:
        """Tells whether a shortened trial ends behind the whole run: what is quicker at first need not be better."""
        changed = any(self.findings[index].kind in OBJECTIVE for index in parts)
        whole = compare(self.bench.baseline, outcome, objective_changed=changed) if self.shortened else None
        return whole is not None and not whole.better

    # -- what came of it ---------------------------------------------------------------------------------------------

    def facts(self) -> dict[str, Any]:
        """Returns what to keep in the recording: trials by finding, and causes that were found by trying."""
        trials: list[Trial] = []
        added: list[Finding] = []
        cures = [
            t for t in self.tried if t.verdict == "cures" and len(t.parts) == 1 and self._guessed(t.parts[0])
        ]
        if cures:  # of what was only guessed the best is reported, the others are other ways to mend it
            best, *others = sorted(cures, key=lambda t: -round(t.gain, 2))
            added.append(self._found(self.findings[best.parts[0]], best))
            trials += [self._trial(added[0], tried) for tried in [best, *others[: ALTERNATIVES - 1]]]
        for index, finding in enumerate(self.findings):
            if self._guessed(index):
                continue
            mine = self._kept(index)
            trials += [self._trial(finding, tried) for tried in mine]
            if not mine and self.singles[index]:
                first = self.singles[index][0]
                fix = Fix(first.description, first.patch(self.bench.program))
                trials.append(Trial(key(finding), "untried", 0.0, fix))
        return {
            "trials": encode(trials),
            "added": encode(added),
            "runs": self.ran,
            "seconds": round(time.monotonic() - self.began, 1),
        }

    def _kept(self, index: int) -> list[_Tried]:
        """Returns the trials of one finding that are worth showing: combinations only with the first of their parts."""
        singles = sorted((t for t in self.tried if t.parts == (index,)), key=lambda t: -t.gain)
        good = [t for t in singles if t.verdict in ("better", "cures")]
        top = max((t.gain for t in self.tried if len(t.parts) == 1), default=0.0)
        several = [
            t
            for t in self.tried
            if len(t.parts) > 1
            and min(t.parts) == index
            and t.gain > top + 0.02
            and t.verdict in ("better", "cures")
        ]
        several = sorted(several, key=lambda t: -t.gain)[:1]
        helped = [t for t in self.tried if len(t.parts) > 1 and index in t.parts and t.gain > top + 0.02]
        if not good and helped and not several:
            return []  # alone it does nothing, together with another it does
        return [*several, *(good[:ALTERNATIVES] or singles[:1])]

    def _trial(self, finding: Finding, tried: _Tried) -> Trial:
        before, after = ({}, {}) if tried.comparison is None else as_figures(tried.comparison)
        runs = len(tried.gains)
        words = tried.remedy.description + (f" ({runs} seeds)" if runs > 1 else "")
        verified = tried.verdict in ("better", "cures")
        if tried.verdict == "untried":
            before, after = {}, {}
        fix = Fix(words, tried.remedy.patch(self.bench.program), verified, before, after)
        return Trial(key(finding), tried.verdict, round(tried.gain, 4), fix)

    def _found(self, guess: Finding, tried: _Tried) -> Finding:
        name, edit = tried.remedy.changes[0]
        line = edit.position[0]
        code = self.bench.program.sources[name].splitlines()[line - 1]
        return dataclasses.replace(
            guess,
            confidence=0.8,
            explanation=(
                "Nothing in the recording points at one cause, so the commonest ones were tried one by one. "
                "This change alone made the training work."
            ),
            location=SourceSpan(file=name, line=line, end_line=line, expression=code.strip()),
        )


def _said(tried: _Tried) -> str:
    if tried.comparison is None:
        error = tried.outcome.error
        return f"it failed ({error[:80]})" if tried.outcome.ended == "failed" and error else "not comparable"
    one = tried.comparison
    return f"{one.metric} {change(one.before, one.after)}, {tried.verdict}"


def _bound(baseline: Outcome, seconds: float) -> tuple[int | None, int | None]:
    """Returns limits in epochs and steps that let a handful of trials fit into the time; None where none is needed."""
    share = max(5.0, seconds / 5)
    if baseline.seconds <= share or not math.isfinite(baseline.seconds) or not baseline.epochs:
        return None, None
    epochs = int(baseline.epochs * share / baseline.seconds)
    if epochs >= 1:
        return (epochs, None) if epochs < baseline.epochs else (None, None)
    return 1, max(20, int(500 * share / baseline.seconds))
