"""Where probe, record, detect and render meet: one recording from its first byte to its report."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerascope.record.writer import Writer
from kerascope.values import Evidence, Finding, Report

if TYPE_CHECKING:
    from kerascope._keras.steps import Patches
    from kerascope.probe.journal import Journal
    from kerascope.probe.rerun import Rerun
    from kerascope.probe.watch import Session


class Recorder:
    """Opens the recording when the first model trains, closes it and reports.

    Nothing is written, and no folder made, for a program that trains nothing.
    """

    def __init__(self, path: Path, options: dict[str, Any], meta: dict[str, Any]) -> None:
        from kerascope.probe.options import Options

        self.path = path
        self.options = Options(**options)
        self.meta = {**meta, "profile": True} if self.options.profile else meta
        self.began = time.perf_counter()
        self.session: Session | None = None
        self.writer: Writer | None = None
        self.problem: str | None = None
        self._patches: Patches | None = None
        self._final: Report | None = None
        self.say: Callable[[str], None] = lambda text: None

    def at(self) -> float:
        """Returns seconds since this recorder was made."""
        return time.perf_counter() - self.began

    def start(self, wanted: list[Any] | None = None, *, hooks: bool = True, keep: bool = False) -> Session:
        """Begins to watch: all trainings, or those of `wanted`. Keras is imported by now.

        With `keep` a few small models are kept alive for the second look at the end.
        """
        from kerascope._keras import phases, steps, versions
        from kerascope.probe.watch import Session

        facts = {**self.meta, **versions.facts()}
        if keep:
            facts["imported"] = self.at()  # a script: Keras has just been imported
        self.session = Session(lambda: self._open(facts), self.options, wanted)
        self.session.say = self.say
        if keep:
            from kerascope.detect.second.look import worth

            self.session.worth_keeping = worth
        self.session.autopsy, self.session.pause = _autopsy, _pause
        if hooks:
            self._patches = steps.watch_trainings(self.session)
            self.session.sites.install(self._patches)
            phases.watch_phases(self._patches, self.session.timeline)
        if self.options.profile:
            from kerascope.api.profile import costs

            self.session.start_profile(costs)
        return self.session

    def _open(self, facts: dict[str, Any]) -> Writer:
        self.writer = Writer(self.path, facts)
        return self.writer

    def stop(self, outcome: str = "finished") -> None:
        """Takes every hook and shell away again."""
        try:
            if self.session is not None:
                self.session.close(outcome)
        finally:
            if self._patches is not None:
                self._patches.undo()
                self._patches = None

    def finish(
        self,
        *,
        outcome: str = "finished",
        exit_code: int | None = None,
        error: str | None = None,
        seconds: float | None = None,
        judge: bool = True,
    ) -> Report | None:
        """Stops watching, closes the recording and judges it; None when no training was seen, or without `judge`."""
        self.stop(outcome)
        if self.session is None or self.writer is None:
            return None
        if outcome == "finished":
            self._examine()
        self._write_meta(
            {
                "seconds": self.at() if seconds is None else seconds,
                "outcome": outcome,
                "exit_code": exit_code,
                "error": error,
            }
        )
        with contextlib.suppress(Exception):  # the writer keeps its troubles itself; the report must come
            self.writer.close()
        if not judge:
            return None
        self._final = self._judge()  # after closing: only then is it known where the file is
        return self._final

    def close(self, outcome: str = "finished", error: str | None = None) -> Report:
        """Ends the watch for good; the report of a watch that saw no training says so."""
        if self._final is None:
            self.finish(outcome=outcome, error=error)
        return self.report()

    def report(self) -> Report:
        """Returns the judgement of what was recorded up to now."""
        if self._final is not None:
            return self._final
        if self.session is None or self.writer is None:
            return Report(
                str(self.meta.get("subject")), "unknown", "healthy", headline="no training was seen yet"
            )
        self._examine()
        self._write_meta({"seconds": self.at()})
        return self._judge()

    def _examine(self) -> None:
        """Takes a second look at the user's own code in the models whose training is over."""
        from kerascope.api.examining import examine

        assert self.session is not None and self.writer is not None
        examine(self.session, self.writer, self.options.examine)

    def _write_meta(self, facts: dict[str, Any]) -> None:
        assert self.writer is not None and self.session is not None
        with contextlib.suppress(Exception):  # as above
            self.writer.meta({"watch_seconds": self.session.own_seconds, **facts})
            self.writer.flush()

    def _judge(self) -> Report:
        from kerascope.api.report import build_report

        assert self.writer is not None and self.session is not None
        internal = list(self.session.failures.all)
        try:
            with contextlib.closing(self.writer.view()) as view:
                path = self.writer.path
                report = build_report(view, recording=_shown(path) if path is not None else None)
        except Exception as error:
            internal.append(
                {
                    "where": "report",
                    "error": f"{type(error).__name__}: {error}",
                    "consequence": "the run was not judged",
                }
            )
            report = Report(str(self.meta.get("subject")), "unknown", "healthy", headline="NOT JUDGED")
        return with_internal(report, internal)


def with_internal(report: Report, failures: list[dict[str, str]]) -> Report:
    """Returns the report with those failures of ours that the recording could not hold."""
    told = " ".join(
        str(e.value) for f in report.findings if f.kind == "kerascope-internal" for e in f.evidence
    )
    told += " ".join(f.explanation for f in report.findings if f.kind == "kerascope-internal")
    added = [
        Finding(
            kind="kerascope-internal",
            severity="note",
            confidence=1.0,
            title="A part of kerascope failed; the training was not affected",
            explanation=f"{failure['where']} raised {failure['error']}. Consequence: {failure['consequence']}.",
            evidence=(Evidence("where", failure["where"]), Evidence("error", failure["error"])),
            rank=len(report.findings) + index,
        )
        for index, failure in enumerate((f for f in failures if f["error"] not in told), start=1)
    ]
    return dataclasses.replace(report, findings=(*report.findings, *added)) if added else report


def _autopsy(rerun: Rerun, step: int, journal: Journal) -> None:
    from kerascope.api.autopsy import autopsy  # only a training that broke needs it

    autopsy(rerun, step, journal)


def _pause(rerun: Rerun, step: int, why: str, state: Any, journal: Journal) -> bool:
    from kerascope.api.pausing import pause

    return pause(rerun, step, why, state, journal)


def _shown(path: Path) -> str:
    """Returns a path relative to the current folder where it lies below it."""
    with contextlib.suppress(ValueError, OSError):
        return str(Path(path).resolve().relative_to(Path.cwd()))
    return str(path)
