"""`kerascope score`: run a corpus of scripts with known faults and say how good the diagnoses are.

Each script runs in a process of its own, several at once; each result is kept, so that an interrupted scoring goes on.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerascope import env
from kerascope.api import corpus, scoring
from kerascope.api.corpus import Case, Corpus, Script
from kerascope.explain.remedies import diff
from kerascope.render.machine import ReportError, from_json_text
from kerascope.values import Finding, Report, RunSummary

TIMEOUT = 600.0
"""Seconds after which a script counts as hanging."""


@dataclasses.dataclass(frozen=True)
class Ran:
    """What came of one script: kerascope's report, the script's own figures, wall-clock seconds."""

    report: Report
    result: Mapping[str, Any]
    seconds: float


@dataclasses.dataclass(frozen=True)
class Score:
    """The figures of a corpus with what they were made of."""

    corpus: Corpus
    backend: str
    ran: Mapping[str, Ran]
    verdicts: tuple[scoring.Verdict, ...]
    scores: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Returns ``{"scripts": {id: report}, "scores": {...}}``, and what the script itself printed."""
        return {
            "scripts": {name: one.report.to_json() for name, one in self.ran.items()},
            "scores": dict(self.scores),
            "results": {name: dict(one.result) for name, one in self.ran.items()},
            "backend": self.backend,
        }


def score(
    folder: str | Path,
    *,
    backend: str | None = None,
    jobs: int | None = None,
    resume: bool = False,
    only: Sequence[str] = (),
    split: str | None = None,
    keep: str | Path | None = None,
    options: Sequence[str] = (),
    say: Callable[[str], None] = lambda text: None,
) -> Score:
    """Runs every script of a corpus watched and holds the reports against the truth.

    Args:
        folder: the corpus, see `kerascope.api.corpus`.
        backend: "jax", "tensorflow" or "torch"; None for the one that Keras would take. Scripts that
            name only others run on the first of theirs.
        jobs: processes at once; None for half of the processors.
        resume: take over results that an earlier, interrupted scoring left in `keep`.
        only: patterns of the cases to run, e.g. ``["so48*"]``.
        split: run the cases of this split only.
        keep: folder of the results; None for ``runs/score-<corpus>-<backend>``.
        options: further options of `kerascope run`.
        say: told one line about every script that ended.

    Raises:
        UsageError: there is no such corpus.
    """
    chosen = backend or os.environ.get("KERAS_BACKEND") or env.choose_backend().name
    whole = corpus.read(folder, only, split)
    place = Path(keep or f"runs/score-{whole.folder.resolve().name}-{chosen}")
    place.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    worker = _Worker(place, chosen, resume, tuple(options))
    workers = jobs or max(1, (os.cpu_count() or 2) // 2)
    ran: dict[str, Ran] = {}
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(worker.run, script): script for script in whole.scripts()}
        for count, future in enumerate(concurrent.futures.as_completed(futures), start=1):
            script = futures[future]
            ran[script.id] = future.result()
            say(f"{count}/{len(futures)}  {_line(script, ran[script.id])}")
        fixes = list(pool.map(lambda case: worker.fixes(case, ran), whole.cases))
    ordered = {script.id: ran[script.id] for script in whole.scripts()}
    pairs = zip(whole.cases, fixes, strict=True)
    verdicts = tuple(scoring.judge(case, ran[case.faulty.id].report, fix) for case, fix in pairs)
    sound = {script.id: ran[script.id].report for script in whole.scripts() if script.role != "faulty"}
    figures = scoring.scores(verdicts, sound, time.monotonic() - began)
    return Score(whole, chosen, ordered, verdicts, figures)


def _line(script: Script, ran: Ran) -> str:
    return f"{script.id}  {ran.seconds:.1f} s  {_said(scoring.alarms(ran.report)[:5])}"


def _said(findings: Sequence[Finding]) -> str:
    return " ".join(f"{f.kind}:{f.location.line or '-'}" for f in findings) or "nothing"


@dataclasses.dataclass(frozen=True)
class _Worker:
    """Runs single scripts and keeps what came of them in `place`."""

    place: Path
    backend: str
    resume: bool
    options: tuple[str, ...]

    def run(self, script: Script) -> Ran:
        """Runs a script watched, or takes over what an earlier scoring kept of the same text and options."""
        text = script.path.read_bytes() + repr((self.backend_of(script), self.options)).encode()
        stamp = hashlib.sha256(text).hexdigest()
        kept = self.place / f"{script.id}.json"
        if self.resume and (known := _kept(kept, stamp)) is not None:
            return known
        with tempfile.TemporaryDirectory(prefix="kerascope-score-") as scratch:
            report = Path(scratch) / "report.json"
            recording = Path(scratch) / f"{script.id}.kscope"
            command = ["run", "--quiet", "--json", str(report), "--out", str(recording), *self.options]
            began = time.monotonic()
            out, error = self.execute(
                [sys.executable, "-m", "kerascope", *command, str(script.path)], self.backend_of(script)
            )
            seconds = time.monotonic() - began
            judged = self._report(script, report, error)
        ran = Ran(judged, result_line(out), round(seconds, 2))
        data = {"stamp": stamp, "result": ran.result, "seconds": ran.seconds, "report": judged.to_json()}
        partial = kept.with_suffix(".partial")
        partial.write_text(json.dumps(data), encoding="utf-8")
        partial.replace(kept)  # so that what is interrupted leaves no half a result
        return ran

    def backend_of(self, script: Script) -> str:
        """Returns the backend that a script runs on."""
        return self.backend if self.backend in script.backends else script.backends[0]

    def execute(self, command: Sequence[str], backend: str, beside: Path | None = None) -> tuple[str, str]:
        """Runs a command in the current folder; returns what it printed and, of its errors, the last line.

        `beside` is a folder of which Python finds the modules, too.
        """
        environment = {**os.environ, "KERAS_BACKEND": backend}
        if beside is not None:
            paths = [str(beside.resolve()), os.environ.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        try:
            done = subprocess.run(
                command,
                env=environment,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "", f"it did not end within {TIMEOUT:.0f} s"
        lines = done.stderr.strip().splitlines()
        return done.stdout, lines[-1] if lines else f"exit code {done.returncode}"

    def _report(self, script: Script, path: Path, error: str) -> Report:
        """Returns the report in a file; where there is none, one that says that the script crashed."""
        try:
            return from_json_text(path.read_text(encoding="utf-8"))
        except (OSError, ReportError):
            backend = self.backend_of(script)
            return Report(
                script.path.name, backend, "crashed", run=RunSummary(script.path.name, backend, error=error)
            )

    def fixes(self, case: Case, ran: Mapping[str, Ran]) -> bool | None:
        """Tells whether kerascope's patch brings the faulty script to the fixed one's level; None without one."""
        faulty, fixed = ran[case.faulty.id], ran[case.fixed.id]
        patch = scoring.best_patch(faulty.report)
        if patch is None:
            return None
        name = case.faulty.path.name
        try:
            text = diff.applied(patch, {name: case.faulty.path.read_text(encoding="utf-8")})[name]
        except diff.PatchError:
            return False
        with tempfile.TemporaryDirectory(prefix="kerascope-score-") as scratch:
            script = Path(scratch) / name
            script.write_text(text, encoding="utf-8")
            command = [sys.executable, str(script)]
            out, _ = self.execute(command, self.backend_of(case.faulty), beside=case.faulty.path.parent)
        figures = [one.get(case.metric) for one in (faulty.result, fixed.result, result_line(out))]
        return scoring.reaches(case, *figures)


def _kept(path: Path, stamp: str) -> Ran | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["stamp"] != stamp:
            return None
        report = from_json_text(json.dumps(data["report"]))
        return Ran(report, data["result"], data["seconds"])
    except (OSError, ValueError, KeyError, ReportError):
        return None


def result_line(output: str) -> dict[str, Any]:
    """Returns the figures of a script's last ``RESULT {json}`` line; nothing where it printed none, None for NaN."""
    for line in reversed(output.splitlines()):
        if line.startswith("RESULT "):
            try:
                figures = json.loads(line.removeprefix("RESULT "), parse_constant=lambda _: None)
            except ValueError:
                return {}
            return figures if isinstance(figures, dict) else {}
    return {}


def text(result: Score) -> str:
    """Returns the scores as a table, the cases that went wrong first."""
    rows = [
        ("faulty scripts", result.scores["faulty"]),
        ("detected", _percent(result.scores["detected"])),
        ("diagnosed@1  strict, lenient", _both(result.scores, "diagnosed_1")),
        ("diagnosed@3  strict, lenient", _both(result.scores, "diagnosed_3")),
        (
            "localised@1, @3",
            f"{_percent(result.scores['localised_1'])}, {_percent(result.scores['localised_3'])}",
        ),
        ("recall, precision", f"{_percent(result.scores['recall'])}, {_percent(result.scores['precision'])}"),
        ("fix offered, reaches the fixed script's level", _fixes(result.scores)),
        ("fixed and healthy scripts", result.scores["sound"]),
        ("false alarms per script", result.scores["false_alarms_per_script"]),
        ("scripts with a false alarm", _percent(result.scores["scripts_with_false_alarm"])),
        ("seconds", result.scores["seconds"]),
    ]
    width = max(len(label) for label, _ in rows)
    table = [f" {label:<{width}}  {'-' if value is None else value}" for label, value in rows]
    return "\n".join([*_cases(result), "", f" {result.corpus.folder} on {result.backend}", *table]) + "\n"


def _cases(result: Score) -> list[str]:
    lines = []
    for case, verdict in zip(result.corpus.cases, result.verdicts, strict=True):
        marks = "".join(
            letter if good else "."
            for letter, good in (
                ("D", verdict.detected),
                ("1", verdict.lenient[1]),
                ("3", verdict.lenient[3]),
                ("L", verdict.localised[3]),
                ("F", verdict.fix is True),
            )
        )
        wanted = " ".join(f"{fault.kind}:{fault.lines[0]}" for fault in case.faults)
        said = _said(result.ran[case.faulty.id].report.findings[:3])
        lines.append(f" {marks}  {case.id}  {wanted}   said: {said}")
    for name, one in result.ran.items():
        if not name.endswith("_faulty") and (false := scoring.alarms(one.report)):
            lines.append(f" alarm  {name}  said: {_said(false)}")
    return lines


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _both(figures: Mapping[str, Any], name: str) -> str:
    return f"{_percent(figures[name + '_strict'])}, {_percent(figures[name + '_lenient'])}"


def _fixes(figures: Mapping[str, Any]) -> str:
    return f"{_percent(figures['fix_offered'])}, {_percent(figures['fix_verified'])}"
