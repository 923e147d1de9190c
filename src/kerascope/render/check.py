"""A check as a document: the verdict in one line, then each broken contract, then, in full, all that was looked at."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from kerascope.render import findings, trace
from kerascope.render.blocks import (
    AnyBlock,
    Block,
    Document,
    Heading,
    Line,
    More,
    Section,
    Span,
    Style,
)
from kerascope.render.clean import clean, shorten
from kerascope.render.numbers import duration, figure
from kerascope.values import ContractRow, Finding, Report

NAME_CELLS = 60
MOST_GAPS = 3
_NEVER_MEANT = ("builds", "kerascope-internal")
_STYLES: dict[str, Style] = {"kept": "good", "broken": "bad"}


def document(report: Report, full: bool) -> Document:
    """Returns the check as a document; of a sound object one line."""
    sections: list[tuple[AnyBlock, ...]] = [(_verdict(report),)]
    ordered = sorted(report.findings, key=lambda finding: finding.rank)
    for finding, block in zip(ordered, findings.blocks(ordered, full), strict=False):
        sections.append((block if full else _allowable(finding, block),))
    if not full and len(report.findings) > findings.MOST_FINDINGS:
        sections.append((More(len(report.findings) - findings.MOST_FINDINGS, "findings"),))
    sections += trace.functions(report.lines, full)
    if full and report.contracts:
        sections.append(_rows(report.contracts))
    sections.append(_gaps(report.gaps, full))
    return Document(tuple(Section(blocks) for blocks in sections if blocks))


def _verdict(report: Report) -> Heading | Line:
    name = Span(shorten(report.subject, NAME_CELLS), "strong")
    count = [
        sum(row.outcome == outcome for row in report.contracts) for outcome in ("kept", "noted", "broken")
    ]
    several = "," in report.backend  # whose headline names them
    took = Span(f", {clean(report.headline)}" + ("" if several else f" on {clean(report.backend)}"))
    left_out = sum(row.outcome == "allowed" for row in report.contracts)
    end = Span(f"   ({left_out} allowed)", "dim", True) if left_out else Span("")
    serious = [f for f in report.findings if f.severity != "note"]
    if not serious and not any(count) and report.gaps:
        return Heading(Line((name, Span("   "), Span("nothing was checked", "dim"), took, end), hang=2))
    if not serious:
        kept = Span(f"{figure(sum(count))} contract{'' if sum(count) == 1 else 's'}")
        line = Line((name, Span("   "), Span("sound", "good"), Span("   "), kept, took, end), hang=2)
        return Heading(line) if report.findings else line
    kinds = list(dict.fromkeys(finding.kind for finding in serious))
    if "builds" in kinds:
        sure = any(finding.kind == "builds" and finding.severity == "fault" for finding in serious)
        what = Span("FAILS when called" if sure else "took no input that was tried", "bad")
        return Heading(Line((name, Span("   "), what, took, end), hang=2))
    what = Span(f"breaks {len(kinds)}", "bad")
    of = Span(f" of {figure(sum(count))} contracts")
    return Heading(Line((name, Span("   "), what, of, took, end), hang=2))


def _allowable(finding: Finding, block: Block) -> Block:
    """Returns the block of a broken contract with the name by which it is allowed; in full it says its kind anyway."""
    if finding.severity == "note" or finding.kind in _NEVER_MEANT:
        return block
    told = Line((Span("Where it is meant: ", "dim"), Span(f"--allow {finding.kind}", "dim", whole=True)))
    return dataclasses.replace(block, body=(*block.body, told))


def _rows(rows: Sequence[ContractRow]) -> tuple[AnyBlock, ...]:
    """Returns a line for each contract; its name is what `allow` takes, so it is never shortened."""
    wide = max(len(row.name) for row in rows) + 2
    return tuple(
        Line(
            (
                Span(row.name.ljust(wide), "accent"),
                Span(row.outcome.ljust(9), _STYLES.get(row.outcome, "dim")),
                Span(row.reason or row.promise, "dim" if row.reason else "plain"),
                Span(f"  {duration(row.seconds)}" if row.seconds else "", "dim"),
            ),
            hang=wide + 9,
        )
        for row in rows
    )


def _gaps(gaps: Sequence[str], full: bool) -> tuple[AnyBlock, ...]:
    shown = gaps if full else gaps[:MOST_GAPS]
    lines = [Line((Span("Not checked: ", "dim"), Span(gap, "dim")), hang=2) for gap in shown]
    rest = len(gaps) - len(shown)
    return (*lines, More(rest, "contracts not checked")) if rest else tuple(lines)
