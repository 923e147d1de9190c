"""The contracts by name, and running those that fit an object.

A contract is a generator function of a `Case`. It yields a finding for each way in which it is broken, nothing when it
is kept, and raises `Skip` when it cannot be judged. Its first line of documentation says what is promised.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import importlib.util
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from kerascope.errors import UsageError
from kerascope.probe.lines.install import is_users
from kerascope.values import Finding, Severity, SourceSpan

if TYPE_CHECKING:
    from kerascope.detect.contracts.case import Case

Check = Callable[["Case"], Iterator[Finding]]

MODULES = (
    "building",
    "weights",
    "layers",
    "gradients",
    "randomness",
    "masks",
    "precision",
    "saving",
    "training",
    "losses",
    "losses_apart",
    "losses_used",
    "metrics",
    "metrics_weighed",
    "metrics_used",
    "steps",
    "steps_added",
    "optimizers",
    "construction",
)
"""The modules with contracts, in the order in which they run: what others rely on comes first."""


ALLOWED = "allowed"
SPENT = "the time budget was spent"
_OF_TEXTS = (
    "builds",
    "batch-sizes",
    "name-and-dtype",
    "deterministic-inference",
)  # all that texts are good for


class Skip(Exception):
    """Raised by a contract that cannot be judged here; the message says why."""


@dataclasses.dataclass(frozen=True)
class Contract:
    """One promise. `after` names contracts that must be kept for this one to be judged at all."""

    name: str
    kinds: tuple[str, ...]
    severity: Severity
    after: tuple[str, ...]
    check: Check

    @property
    def promise(self) -> str:
        """What is promised, in one sentence."""
        return (self.check.__doc__ or self.name).strip().splitlines()[0]


@dataclasses.dataclass
class Outcome:
    """What running the contracts came to. `skipped` has the reason for each name.

    `blocked` are those among them that what comes after cannot be judged without: not those that do not apply.
    """

    findings: list[Finding] = dataclasses.field(default_factory=list)
    kept: list[str] = dataclasses.field(default_factory=list)
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    blocked: set[str] = dataclasses.field(default_factory=set)

    @property
    def broken(self) -> list[str]:
        """The names of the contracts that were found broken, each once."""
        return list(dict.fromkeys(finding.kind for finding in self.findings))

    @property
    def in_the_way(self) -> set[str]:
        """The names of those without which others cannot be judged; what works in a model is none, though noted."""
        return {
            one.kind for one in self.findings if (one.kind, one.severity) != ("build-creates-all", "note")
        }


_contracts: dict[str, Contract] = {}


def contract(
    name: str, *, kinds: Sequence[str], severity: Severity = "fault", after: Sequence[str] = ()
) -> Callable[[Check], Check]:
    """Registers a generator function as the contract of that name.

    Args:
        name: as it stands in findings and in `allow`; its page is docs/contracts/<name>.md.
        kinds: of objects it is for: "layer", "model", "loss", "metric", "optimizer", "function", and "train_step" for
            a compiled model.
        severity: "fault" for what is never broken on purpose.
        after: contracts that must be kept; when one is broken, or could not be judged for such a reason, this one is
            skipped. Those that do not apply to the object do not count.
    """

    def register(check: Check) -> Check:
        _contracts[name] = Contract(name, tuple(kinds), severity, tuple(after), check)
        return check

    return register


def contracts(kinds: Sequence[str] | None = None) -> list[Contract]:
    """Returns the contracts for any of these kinds of objects, all of them for None, in the order they run."""
    for module in MODULES:
        name = f"{__package__}.{module}"
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
    return [one for one in _contracts.values() if kinds is None or set(kinds) & set(one.kinds)]


def run_contracts(case: Case, only: Sequence[str] | None = None) -> Outcome:
    """Runs the contracts that fit the case.

    Args:
        case: what is checked. Its `allow` names contracts to leave out, its deadline ends the run.
        only: the names of the contracts to run, None for all that fit.

    Raises:
        UsageError: `allow` or `only` names a contract that there is not.
    """
    known = {one.name for one in contracts()}
    for option, names in (("allow", case.allow), ("only", only or ())):
        for unknown in sorted(set(names) - known):
            near = difflib.get_close_matches(unknown, known, 3)
            allowed = " or ".join(map(repr, near)) if near else ", ".join(sorted(known))
            raise UsageError(
                f"There is no such contract. Received: {option}={unknown!r}. Allowed: {allowed}"
                + ("." if not near else ", to name what is near.")
            )
    outcome = Outcome()
    chosen = contracts(case.kinds)
    judged = {one.name for one in chosen}
    for one in chosen:
        if only is not None and one.name not in only:
            continue
        reason = _reason_to_skip(one, case, outcome, judged if only is None else judged & set(only))
        if reason is not None:
            outcome.skipped[one.name] = reason
            if reason != ALLOWED:
                outcome.blocked.add(one.name)
            continue
        _run(one, case, outcome)
    _tidy(outcome)
    if case.subject.guessed:
        outcome.findings = [_of_a_base(case, finding) for finding in outcome.findings]
    return outcome


def _of_a_base(case: Case, finding: Finding) -> Finding:
    """Returns the finding, or a note for a class whose own method is there to be overridden."""
    code = (finding.location.code if finding.location else None) or ""
    if not _error(finding).startswith("NotImplementedError") or "raise NotImplementedError" not in code:
        return finding
    return dataclasses.replace(
        finding,
        title=f"{case.subject.name} leaves it to the classes derived from it what it does",
        explanation="Its own method raises NotImplementedError. What can be checked are those classes.",
        severity="note",
        fixes=(),
    )


_STATE = (
    "python-state",
    "tracked-state",
    "loss-repeatable",
    "metric-state",
    "step-repeatable",
    "optimizer-state",
)
"""The contracts that say of an object that it keeps what it should not."""

_LEAKS = (
    "UnexpectedTracerError",
    "InaccessibleTensorError",
    "out of scope",
    "backward through the graph a second time",
)


def _tidy(outcome: Outcome) -> None:
    """Takes out what follows from another finding: an error said once more, and what a kept tensor brings about."""
    causes = [one.kind for one in outcome.findings if one.kind in _STATE and not _is_leak(one)]
    told: set[tuple[str, int | None]] = set()
    for finding in list(outcome.findings):
        where = (_error(finding), finding.location.line if finding.location else None)
        name = finding.kind
        if name == "kerascope-internal":
            name = finding.title.partition("`")[2].rstrip("`")
        if causes and (finding.kind == "kerascope-internal" or _is_leak(finding)):
            reason = f"cannot be judged without `{causes[0]}`"
        elif where[0] and where in told and "while checking `" in finding.title:
            reason = "it raises what was said already"
        else:
            told.add(where)
            continue
        outcome.findings.remove(finding)
        if name not in outcome.broken:
            outcome.skipped[name] = reason


def _error(finding: Finding) -> str:
    return next((str(one.value) for one in finding.evidence if one.label == "error"), "")


def _is_leak(finding: Finding) -> bool:
    return any(word in _error(finding) for word in _LEAKS)


def _reason_to_skip(one: Contract, case: Case, outcome: Outcome, judged: set[str]) -> str | None:
    if one.name in case.allow:
        return ALLOWED
    for name in one.after:
        if name in judged and (name in outcome.in_the_way or name in outcome.blocked):
            return f"cannot be judged without `{name}`"
    if one.name not in _OF_TEXTS and any(spec.words for spec in case.subject.specs()):
        return "no other texts are made up than those that were given"
    if case.seconds_left() <= 0:
        return SPENT
    return None


def _run(one: Contract, case: Case, outcome: Outcome) -> None:
    case.begin(one)
    start = time.monotonic()
    found: list[Finding] = []
    try:
        for finding in one.check(case):
            found.append(finding)
    except Skip as reason:
        outcome.skipped[one.name] = str(reason)
        if found:  # of another contract, which leaves nothing to judge here
            outcome.blocked.add(one.name)
    except Exception as error:
        found.append(_failed(one, case, error))
    outcome.seconds[one.name] = time.monotonic() - start
    outcome.findings += found
    if not found and one.name not in outcome.skipped:
        outcome.kept.append(one.name)
    elif any(finding.kind == "kerascope-internal" for finding in found):
        outcome.skipped[one.name] = "kerascope failed on it"
        outcome.blocked.add(one.name)


def _failed(one: Contract, case: Case, error: Exception) -> Finding:
    """Returns the finding for an exception that came out of a contract: the user's, when user code raised it."""
    if in_users_code(error) is not None:
        return case.failed(error, f"checking `{one.name}`")
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return Finding(
        kind="kerascope-internal",
        severity="note",
        confidence=1.0,
        title=f"kerascope failed while checking `{one.name}`",
        explanation=f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''} ({where}).",
    )


def in_users_code(error: BaseException) -> SourceSpan | None:
    """Returns the innermost line of the user's own code that an exception passed through, None when there is none.

    What an exception was raised from is looked at too: Keras and the compilers wrap what user code raised.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        for frame in reversed(traceback.extract_tb(current.__traceback__)):
            if is_users(frame.filename):
                return SourceSpan(frame.filename, frame.lineno, frame.end_lineno, code=frame.line)
        current = current.__cause__ or current.__context__
    return None
