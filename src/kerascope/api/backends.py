"""The same check under every installed backend, each in a process of its own, and where they differ."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kerascope import env
from kerascope.errors import KerascopeError, UsageError
from kerascope.values import ContractRow, Evidence, Finding, Report, decode


def chosen(text: str) -> tuple[str, ...]:
    """Returns the backends for "all" or "jax,torch".

    Raises:
        UsageError: one of them is no backend, or is not installed.
    """
    installed = tuple(sorted(env.installed_backends()))
    if text == "all":
        return installed
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in installed:
            raise UsageError(
                f"This backend cannot be used. Received: --backends {text!r}. Allowed: all, or some of "
                f"{', '.join(installed)}, which are installed here."
            )
    if not names:
        raise UsageError(
            f"No backend was named. Received: --backends {text!r}. Give all, or names such as jax,torch."
        )
    return names


def check_everywhere(
    arguments: Sequence[str], backends: Sequence[str], say: Callable[[str], None] = lambda _: None
) -> list[Report]:
    """Runs `kerascope check ARGUMENTS` once per backend and returns one report for each object that was checked.

    Args:
        arguments: of the command line, without --backends and --json.
        backends: names, each run in a process of its own, one after the other.
        say: told which backend runs.

    Raises:
        KerascopeError: the command failed under every backend.
    """
    found: dict[str, list[Report]] = {}
    failed: dict[str, str] = {}
    for backend in backends:
        say(f"checking on {backend}")
        reports, trouble = _run(arguments, backend)
        if reports:
            found[backend] = reports
        else:
            failed[backend] = trouble
    if not found:
        raise KerascopeError(next(iter(failed.values()), "no backend was named"))
    names = list(dict.fromkeys(report.subject for reports in found.values() for report in reports))
    return [
        merged({b: r for b, reports in found.items() for r in reports if r.subject == name}, failed)
        for name in names
    ]


def _run(arguments: Sequence[str], backend: str) -> tuple[list[Report], str]:
    """Returns the reports of one backend, and what the command said when there are none."""
    with tempfile.TemporaryDirectory(prefix="kerascope-") as folder:
        file = Path(folder) / "report.json"
        command = [sys.executable, "-m", "kerascope", "check", *arguments, "--json", str(file)]
        done = subprocess.run(
            command, env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True, check=False
        )
        if not file.is_file():
            return [], (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        data = json.loads(file.read_text(encoding="utf-8"))
    items = data if isinstance(data, list) else data.get("reports", [data])
    return [decode(Report, item) for item in items], ""


def merged(reports: Mapping[str, Report], failed: Mapping[str, str] | None = None) -> Report:
    """Returns one report of several backends: each broken contract once, with the backends on which it is broken.

    Args:
        reports: by backend, all of one object.
        failed: why there is no report, by backend.
    """
    first = next(iter(reports.values()))
    kinds = list(dict.fromkeys(f.kind for report in reports.values() for f in report.findings))
    findings = [_merged_finding(kind, reports) for kind in kinds]
    for backend, reason in (failed or {}).items():
        findings.append(
            Finding(
                "check-failed",
                "warning",
                1.0,
                f"There is no report on {backend}",
                f"The check ended with: {reason}.",
            )
        )
    order = {"fault": 0, "warning": 1, "note": 2}
    findings.sort(key=lambda finding: order[finding.severity])
    return dataclasses.replace(
        first,
        backend=", ".join(reports),
        verdict="faulty" if any(f.severity != "note" for f in findings) else "healthy",
        findings=tuple(dataclasses.replace(finding, rank=rank) for rank, finding in enumerate(findings, 1)),
        headline="; ".join(f"{backend} {report.headline}" for backend, report in reports.items()),
        gaps=tuple(f"{backend}: {gap}" for backend, report in reports.items() for gap in report.gaps),
        contracts=_merged_rows(reports),
    )


def _merged_finding(kind: str, reports: Mapping[str, Report]) -> Finding:
    broken = {b: f for b, report in reports.items() for f in reversed(report.findings) if f.kind == kind}
    states = {
        b: next((r.outcome for r in report.contracts if r.name == kind), "") for b, report in reports.items()
    }
    kept = [backend for backend, state in states.items() if state == "kept"]
    worst = min(broken.values(), key=lambda f: ("fault", "warning", "note").index(f.severity))
    if len(broken) == len(reports):
        return worst
    told = f"fails on {', '.join(broken)}" + (f", works on {', '.join(kept)}" if kept else "")
    others = [b for b in reports if b not in broken and b not in kept]
    told += f"; not judged on {', '.join(others)}" if others else ""
    return dataclasses.replace(worst, evidence=(Evidence("backends", told), *worst.evidence))


def _merged_rows(reports: Mapping[str, Report]) -> tuple[ContractRow, ...]:
    """Returns a row per contract: kept where it is kept on every backend that judged it."""
    order = ("broken", "noted", "kept", "allowed", "skipped")
    rows: dict[str, ContractRow] = {}
    for report in reports.values():
        for row in report.contracts:
            known = rows.get(row.name)
            if known is None or order.index(row.outcome) < order.index(known.outcome):
                rows[row.name] = row
    return tuple(rows.values())
