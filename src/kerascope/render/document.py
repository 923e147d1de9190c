"""A report as a document: verdict first, then findings, then what was recorded, then what to do next.

The order, the words and what is left out are decided here, once, for the terminal and the notebook alike.
"""

from __future__ import annotations

import re
import shlex

from kerascope.render import check, findings, layers, profile, replay, trace
from kerascope.render.blocks import (
    AnyBlock,
    Document,
    Fact,
    Facts,
    Heading,
    Line,
    More,
    Plot,
    Section,
    Span,
    Style,
)
from kerascope.render.clean import clean, shorten
from kerascope.render.numbers import change, duration, figure, number
from kerascope.render.plot import finite, wants_log
from kerascope.values import Report, RunSummary, Series

SUBJECT_CELLS = 60
MOST_GAPS = 4
HEADLINE_CURVE = "loss"
SHORT_CURVES = ("loss", "val_loss")


def document(report: Report, full: bool = False) -> Document:
    """Returns the report as a document; without `full` one screen, and one line when there is nothing to say."""
    if report.verb == "trace":
        return trace.document(report, full)
    if report.verb == "replay":
        return replay.document(report, full)
    if report.verb == "check":
        return check.document(report, full)
    if not full and not report.findings and report.verdict == "healthy" and report.verb != "profile":
        return Document((Section((_one_line(report),)),))
    # A verdict set apart from the line above it is what the eye meets first.
    sections: list[tuple[AnyBlock, ...]] = [(Line(_header(report), hang=2),), _verdict(report)]
    sections += [(block,) for block in findings.blocks(report.findings, full)]
    if not full and len(report.findings) > findings.MOST_FINDINGS:
        sections.append((More(len(report.findings) - findings.MOST_FINDINGS, "findings"),))
    if report.profile is not None and (full or report.verb == "profile"):
        sections += profile.sections(report.profile, full)
    if report.layers and (full or report.verb != "profile"):
        sections.append((layers.table(report.layers, report.findings, full),))
    if full or report.verb != "profile":
        sections += _curves(report, full)
    sections += [_gaps(report.gaps, full), _next(report, full)]
    return Document(tuple(Section(blocks) for blocks in sections if blocks))


def _header(report: Report) -> tuple[Span, ...]:
    run = report.run
    text = f"  {shorten(report.subject, SUBJECT_CELLS)} on {clean(report.backend)}"
    if run is None:
        return (Span("kerascope", "strong"), Span(text))
    parts = [text, _steps(run), duration(run.seconds)]
    if run.exit_code:
        parts.append(f"exit code {run.exit_code}")
    # In the unit of the whole, so that the eye can compare: 3.1 s (watching cost 0.02 s).
    cost = f"{figure(float(run.watch_seconds))} s" if run.seconds >= 1 else duration(run.watch_seconds)
    return (
        Span("kerascope", "strong"),
        Span(", ".join(parts)),
        Span(" "),
        Span(f"(watching cost {cost})", "dim", True),
    )


def _steps(run: RunSummary) -> str:
    text = f"{figure(run.steps)} step{'' if run.steps == 1 else 's'}"
    return f"{text} of {figure(run.models)} models" if run.models > 1 else text


def _one_line(report: Report) -> Line:
    run = report.run
    text = f"  {shorten(report.subject, SUBJECT_CELLS)} on {clean(report.backend)}"
    verdict = Span("healthy", "good")
    if _nothing_seen(report):
        verdict = Span("no training step was seen", "strong")
    remarks = []
    if run is not None:
        text += "" if _nothing_seen(report) else f", {_steps(run)}"
        text += f", exit code {run.exit_code}" if run.exit_code else ""
        remarks += [clean(run.recording)] if run.recording else []
    if report.gaps:
        count = len(report.gaps)
        remarks.append(f"{count} part{'' if count == 1 else 's'} not watched, see --full")
    end = (Span("   "), Span(f"({'; '.join(remarks)})", "dim", True)) if remarks else ()
    return Line((Span("kerascope", "strong"), Span(text + ": "), verdict, *end), hang=2)


def _verdict(report: Report) -> tuple[AnyBlock, ...]:
    style: Style = "bad"
    if report.verdict == "healthy":
        style = "strong" if _nothing_seen(report) else "good"
    plot = next((curve.y for curve in report.curves if curve.label == HEADLINE_CURVE), ())
    headline = report.headline.strip()
    if report.verdict != "crashed":
        name, detail = _split(headline or _plain_verdict(report))
        return (Heading(Line(_headline(name, detail, style), hang=2, plot=plot)),)
    if headline.startswith("CRASHED"):
        name, error = _split(headline)
        headline = ""
    else:
        name, error = "CRASHED", (report.run.error if report.run else None) or headline
    spans = _headline(name, error or "the script did not come to its end", style)
    crash = Heading(Line(spans, hang=2, plot=plot))
    return (crash, Line((Span(headline),), hang=2)) if headline and headline != error else (crash,)


def _nothing_seen(report: Report) -> bool:
    """Says whether there was no step to judge: that must not be called healthy."""
    return report.run is not None and not report.run.steps


def _split(headline: str) -> tuple[str, str]:
    """Takes a headline apart where two spaces or more part the verdict from its reason."""
    name, *rest = re.split(r"\s{2,}", headline, maxsplit=1)
    return name, rest[0] if rest else ""


def _headline(name: str, detail: str, style: Style) -> tuple[Span, ...]:
    return (Span(name, style), Span("   "), Span(detail)) if detail else (Span(name, style),)


def _plain_verdict(report: Report) -> str:
    if report.verdict == "healthy":
        return "NO TRAINING STEP WAS SEEN" if _nothing_seen(report) else "HEALTHY"
    count = len(report.findings)
    return f"FAULTY   {count} finding{'' if count == 1 else 's'}"


def _curves(report: Report, full: bool) -> list[tuple[AnyBlock, ...]]:
    if full:
        return [(_plot(curve),) for curve in report.curves if curve.y]
    short = [curve for label in SHORT_CURVES for curve in report.curves if curve.label == label and curve.y]
    return [(Facts(tuple(_short_curve(curve) for curve in short)),)] if short else []


def _short_curve(curve: Series) -> Fact:
    value = figure(curve.y[0]) if len(curve.y) == 1 else change(curve.y[0], curve.y[-1])
    return Fact(Span(curve.label), Span(value), _lowest(curve), curve.y)


def _lowest(curve: Series) -> Span:
    known = finite(curve.y)
    if len(known) < 2 or len(curve.x) != len(curve.y):
        return Span("")
    lowest = min(known)
    at = next(x for x, y in zip(curve.x, curve.y, strict=True) if number(y) == lowest)
    return Span(f"lowest {figure(lowest)} at {_at(curve, at)}", "dim")


def _at(curve: Series, x: float) -> str:
    value = int(x) if isinstance(x, float) and x.is_integer() else x
    return f"{shorten(curve.unit, 20)} {figure(value)}".strip()


def _plot(curve: Series) -> Plot:
    log = wants_log(curve.y)
    label = shorten(curve.label, SUBJECT_CELLS) + (" (log scale)" if log else "")
    ends = [_at(curve, x) for x in (curve.x[:1] + curve.x[-1:])] or ["", ""]
    return Plot(Span(label, "strong"), Span(ends[0], "dim"), Span(ends[-1], "dim"), curve.y, log)


def _gaps(gaps: tuple[str, ...], full: bool) -> tuple[AnyBlock, ...]:
    shown = gaps if full else gaps[:MOST_GAPS]
    lines = [Line((Span("Not watched: ", "dim"), Span(gap, "dim")), hang=2) for gap in shown]
    rest = len(gaps) - len(shown)
    return (*lines, More(rest, "parts not watched")) if rest else tuple(lines)


def _next(report: Report, full: bool) -> tuple[AnyBlock, ...]:
    recording = report.run.recording if report.run is not None else None
    if not recording:
        return ()
    path = f"./{recording}" if recording.startswith("-") else recording
    # A path that had to be cleaned is not the path, and a command with it would not work.
    if full or clean(path) != path:
        return (Line((Span("Recording:  "), Span(recording, "code", True)), hang=2),)
    lines = []
    if any(fix.verified and fix.patch for finding in report.findings for fix in finding.fixes):
        apply = f"kerascope fix {shlex.quote(path)} --apply"
        lines.append(
            Line((Span("Write the first change into your script:  "), Span(apply, "code", True)), hang=2)
        )
    command = f"kerascope report {shlex.quote(path)} --full"
    lines.append(
        Line((Span("Layers, loss curve and everything recorded:  "), Span(command, "code", True)), hang=2)
    )
    return tuple(lines)
