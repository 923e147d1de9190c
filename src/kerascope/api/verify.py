"""After a run: suspected causes are put to the test and what came of it is kept in the recording."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kerascope.api.corpus import BACKENDS
from kerascope.api.engines import engine as engine_named
from kerascope.api.experiments import TESTED, Bench, Search
from kerascope.api.report import with_experiments
from kerascope.errors import KerascopeError, RecordingError
from kerascope.explain.experiments.outcome import Outcome, outcome_of
from kerascope.explain.experiments.verdicts import EVENT
from kerascope.explain.remedies import Program
from kerascope.record.append import append_event
from kerascope.record.reader import ModelView, RunView
from kerascope.values import Report


@dataclasses.dataclass(frozen=True)
class Start:
    """How the run was started: the file, its arguments, the folder, and the module's name under ``python -m``."""

    script: Path
    args: tuple[str, ...]
    cwd: Path
    module: str | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """What experiments may take: seconds together, "local" or "ray", how many at once (None: one per processor)."""

    seconds: float = 60.0
    engine: str = "local"
    jobs: int | None = None


def verify(
    report: Report,
    recording: Path | None,
    start: Start,
    plan: Plan,
    say: Callable[[str], None] = lambda text: None,
) -> Report:
    """Returns the report with what experiments made of its findings; the same report when there is nothing to test.

    Args:
        report: of the run.
        recording: of the run; None when the script died before it trained.
        start: how the run was started.
        plan: what the experiments may take.
        say: told one line about every trial.

    Raises:
        UsageError: there is no such engine.
        SetupError: the engine is not installed.
    """
    suspects = [f for f in report.findings if f.severity != "note" and not f.kind.startswith("kerascope-")][
        :TESTED
    ]
    if not suspects or plan.seconds <= 0:
        return report
    bench = _bench(report, recording, start)
    if isinstance(bench, str):
        say(f"no experiments: {bench}")
        return report
    names = ", ".join(dict.fromkeys(finding.kind for finding in suspects))
    say(f"trying changes for up to {plan.seconds:.0f} s ({names}); nothing of yours is written")
    facts = Search(bench, suspects, engine_named(plan.engine, plan.jobs), plan.seconds, say).run()
    if recording is not None:
        try:
            append_event(recording, EVENT, facts)
        except RecordingError as error:
            say(str(error))
    return with_experiments(report, [facts])


def _bench(report: Report, recording: Path | None, start: Start) -> Bench | str:
    """Returns what to experiment on, or why that is not possible."""
    script = start.script
    try:
        text = script.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        return f"the script cannot be read ({error})"
    sources: dict[str, str] = {script.name: text}
    baseline, facts, arrays = Outcome("failed"), dict[str, Any](), dict[str, Mapping[str, Any]]()
    if recording is not None:
        try:
            with contextlib.closing(RunView.open(recording)) as view:
                baseline = outcome_of(view)
                recorded = {name: body.replace("\r\n", "\n") for name, body in view.sources().items()}
                main = max(view.models, key=lambda m: len(m.steps().step), default=None)
                if main is not None:
                    facts, arrays = dict(main.facts), _arrays(main)
        except KerascopeError as error:
            return str(error)
        if recorded.get(script.name, text) != text:
            return "the script has changed since it ran"
        sources |= {name: body for name, body in recorded.items() if _same(script.parent / name, body)}
    if report.verdict == "crashed":
        baseline = Outcome("failed", error=report.run.error if report.run is not None else None)
    program = Program(sources, facts, arrays)
    backend = report.backend if report.backend in BACKENDS else ""
    return Bench(script, start.args, start.module, start.cwd, program, baseline, backend)


def _same(path: Path, text: str) -> bool:
    """Tells whether a file is still what was recorded; only such a file may be changed."""
    try:
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n") == text
    except (OSError, UnicodeDecodeError):
        return False


def _arrays(model: ModelView) -> dict[str, Mapping[str, Any]]:
    """Returns the facts of the arrays of the first recorded batch, by name."""
    batches = model.batches()
    found = batches[0][1].get("arrays") if batches else None
    return {
        str(one.get("name")): one
        for one in (found if isinstance(found, list) else ())
        if isinstance(one, Mapping)
    }
