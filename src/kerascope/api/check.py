"""`check`: one object on its own, against every contract that is for its kind."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import numbers
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kerascope.errors import UsageError
from kerascope.values import ContractRow, Finding, Report

if TYPE_CHECKING:
    from kerascope.api.mending import Mended
    from kerascope.detect.contracts.case import Case
    from kerascope.detect.contracts.registry import Outcome
    from kerascope.explain.subject import Subject

BUDGET = 60.0


class Check:
    """What a check has found. Shows itself in a terminal and in a notebook, and prints nothing by itself.

    Attributes:
        subject: the name of what was checked.
        seconds: how long it took.
    """

    def __init__(self, report: Report, seconds: float) -> None:
        self.subject = report.subject
        self.seconds = seconds
        self._report = report

    def report(self) -> Report:
        """Returns everything as plain records."""
        return self._report

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The broken contracts, worst first."""
        return self._report.findings

    @property
    def contracts(self) -> tuple[ContractRow, ...]:
        """Every contract for this kind of object, and whether it is kept."""
        return self._report.contracts

    @property
    def ok(self) -> bool:
        """True when nothing worse than a note was found."""
        return self._report.ok

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain JSON data."""
        return self._report.to_json()

    def __repr__(self) -> str:
        from kerascope.render.terminal import to_text

        return to_text(self._report)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from kerascope.render.html import notebook_bundle

        return notebook_bundle(self._report)


def check(
    subject: Any,
    /,
    *inputs: Any,
    allow: Collection[str] = (),
    reference: Callable[..., Any] | None = None,
    budget: float = BUDGET,
    seed: int = 0,
    only: Sequence[str] | None = None,
    fixes: bool = True,
    progress: Callable[[str], None] | None = None,
    **kwargs: Any,
) -> Check:
    """Tests a layer, model, loss, metric, optimizer or function on its own, and says which contracts it breaks.

        kerascope.check(MyLayer(4), (32, 10))
        kerascope.check(my_loss, y_true, y_pred, reference=sklearn.metrics.log_loss)

    Other objects are made like it and given made-up values; the object itself and the arrays are left as they are.

    Args:
        subject: an object, a function, or a class (made without arguments, or with values told from their names). Of a
            compiled model its train step is tested too. A function that takes nothing is taken for one that makes what
            is to be checked.
        *inputs: what it is called with: arrays, shapes such as (32, 10), `keras.Input`, lists and dicts of them. The
            first axis is the batch. None at all: shapes are found by trying.
        allow: names of contracts that are broken on purpose.
        reference: a NumPy function of (y_true, y_pred) that a loss or metric must agree with.
        budget: seconds after which no further contract is begun; the report says which were left out.
        seed: of the weights and inputs that are made up.
        only: the names of the contracts to test; all that fit when it is not given.
        fixes: False to try no changes of the source for a contract that is broken. They are tried on fresh objects,
            for some seconds, and nothing is written.
        progress: called with the name of each contract as it begins.
        **kwargs: keyword arguments of the call.

    Returns:
        The findings, and every contract with its outcome.

    Raises:
        UsageError: there is nothing to check in `subject`, or an option is not what it may be.
    """
    _refuse_misspelt(subject, kwargs)
    told: dict[str, Any] = {"allow": allow, "reference": reference, "only": only, "progress": progress}
    return checked(subject, inputs, kwargs, budget=budget, seed=seed, fixes=fixes, **told)


_OPTIONS = ("allow", "reference", "budget", "seed", "only", "fixes", "progress")


def _refuse_misspelt(subject: Any, kwargs: Mapping[str, Any]) -> None:
    """Raises UsageError for an argument that looks like an option and is none of what the object is called with."""
    for name in kwargs:
        near = difflib.get_close_matches(name, _OPTIONS, 1, 0.75)
        if near and not _takes(subject, name):
            raise UsageError(
                f"There is no such option. Received: {name}=... Allowed: {near[0]}=..., which is near."
            )


def _takes(subject: Any, name: str) -> bool:
    methods = (getattr(subject, one, None) for one in ("call", "update_state"))
    function = next((one for one in methods if callable(one)), subject)
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return True
    return name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())


def checked(
    subject: Any,
    inputs: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    make: Callable[[], Any] | None = None,
    budget: float = BUDGET,
    seed: int = 0,
    fixes: bool = True,
    **options: Any,
) -> Check:
    """Does what `check` does; `make` is a function that makes another `subject`, where that is known."""
    from kerascope.api.checkable import prepared
    from kerascope.api.mending import SECONDS, mended
    from kerascope.detect.contracts.case import isolated

    if not isinstance(budget, numbers.Real) or not budget > 0:
        raise UsageError(
            f"The budget must be positive. Received: budget={budget!r}. Give seconds, such as 60."
        )
    if not isinstance(seed, numbers.Integral):
        raise UsageError(f"The seed must be a whole number. Received: seed={seed!r}.")
    reference = options.get("reference")
    if reference is not None and not callable(reference):
        raise UsageError(f"The reference must be a function of y_true and y_pred. Received: {reference!r}.")
    for name in ("allow", "only"):
        if isinstance(options.get(name), str):
            options[name] = (options[name],)
    start = time.monotonic()
    with isolated(seed):
        choices, kinds = prepared(subject, inputs, kwargs, make)
        about, outcome, another = _best(subject, choices, kinds, budget=budget, seed=seed, **options)
        left = budget - (time.monotonic() - start)
        progress = options.get("progress")
        if progress is not None and _faults(outcome):
            progress("what mends it")
        told = mended(about, outcome, another, fixes=fixes and left > 0, seconds=min(SECONDS, left))
        report = _report(about, outcome, told, time.monotonic() - start)
    return Check(report, time.monotonic() - start)


def _best(
    original: Any, choices: Sequence[Subject], kinds: Sequence[str], *, budget: float, **options: Any
) -> tuple[Subject, Outcome, Callable[..., Case]]:
    """Runs the contracts; where inputs were guessed and something seems wrong, a second guess may prove it right.

    The last thing returned makes a new case of what was judged.
    """
    from kerascope.detect.contracts.case import Case
    from kerascope.detect.contracts.registry import run_contracts

    only = options.pop("only", None)
    end = time.monotonic() + budget
    best: tuple[Subject, Outcome, Callable[..., Case]] | None = None
    for about in choices:
        left = end - time.monotonic()
        if best is not None and left <= 0:
            break
        outcome = run_contracts(Case(about, original=original, kinds=kinds, budget=left, **options), only)
        if best is None or _faults(outcome) < _faults(best[1]):
            quietly = {**options, "progress": None}
            best = about, outcome, partial(Case, subject=about, original=original, kinds=kinds, **quietly)
        if not _faults(outcome):
            break
    assert best is not None
    return best


def _faults(outcome: Outcome) -> int:
    return len({finding.kind for finding in outcome.findings if finding.severity != "note"})


def _report(about: Subject, outcome: Outcome, told: Mended, seconds: float) -> Report:
    from kerascope._backends import alone
    from kerascope.api.lines import with_code

    worst = {"fault": 0, "warning": 1, "note": 2}
    findings = sorted(told.findings, key=lambda finding: worst[finding.severity])
    ranked = tuple(with_code(dataclasses.replace(f, rank=rank)) for rank, f in enumerate(findings, 1))
    serious = any(finding.severity != "note" for finding in findings)
    return Report(
        subject=about.name,
        backend=alone.name(),
        verdict="faulty" if serious else "healthy",
        findings=ranked,
        headline=f"{seconds:.1f} s",
        gaps=tuple(f"{name}: {reason}" for name, reason in outcome.skipped.items() if "budget" in reason),
        lines=told.lines,
        contracts=_rows(outcome),
        verb="check",
    )


def _rows(outcome: Outcome) -> tuple[ContractRow, ...]:
    from kerascope.detect.contracts.registry import ALLOWED, contracts

    rows = []
    for one in contracts():
        seconds = outcome.seconds.get(one.name, 0.0)
        if one.name in outcome.broken:
            worse = any(f.kind == one.name and f.severity != "note" for f in outcome.findings)
            rows.append(ContractRow(one.name, one.promise, "broken" if worse else "noted", seconds=seconds))
        elif one.name in outcome.kept:
            rows.append(ContractRow(one.name, one.promise, "kept", seconds=seconds))
        elif one.name in outcome.skipped:
            reason = outcome.skipped[one.name]
            state = "allowed" if reason == ALLOWED else "skipped"
            rows.append(
                ContractRow(one.name, one.promise, state, "" if state == "allowed" else reason, seconds)
            )
    return tuple(rows)
