"""A trace as a document: verdict, what is wrong, then each line of the user's source with what it yielded."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kerascope.render import findings
from kerascope.render.blocks import AnyBlock, Column, Document, Heading, Line, More, Section, Span, Table
from kerascope.render.clean import clean, shorten
from kerascope.render.numbers import figure, percent
from kerascope.values import LineRow, Report, TensorFacts

MOST_ROWS = 40
SOURCE_CELLS, SOURCE_CELLS_IN_FULL = 24, 60
NAME_CELLS = 60


def document(report: Report, full: bool) -> Document:
    """Returns the trace as a document; without `full` only what fits one screen or two."""
    sections: list[tuple[AnyBlock, ...]] = [_verdict(report)]
    sections += [(block,) for block in findings.blocks(report.findings, full)]
    if not full and len(report.findings) > findings.MOST_FINDINGS:
        sections.append((More(len(report.findings) - findings.MOST_FINDINGS, "findings"),))
    sections += functions(report.lines, full)
    sections.append(tuple(Line((Span("Note: ", "dim"), Span(note, "dim")), hang=2) for note in report.gaps))
    return Document(tuple(Section(blocks) for blocks in sections if blocks))


def _verdict(report: Report) -> tuple[AnyBlock, ...]:
    name = Span(shorten(report.subject, NAME_CELLS), "strong")
    on = Span(f" on {clean(report.backend)}   ")
    count = len({(row.file, row.line) for row in report.lines})
    if report.verdict == "crashed":
        what, _, error = report.headline.partition("   ")
        return (Heading(Line((name, on, Span(what, "bad"), Span("   "), Span(error)), hang=2)),)
    if not report.lines:
        return (
            Heading(Line((name, on, Span("no line of your own code yielded a tensor", "strong")), hang=2)),
        )
    seen = Span(f"{figure(count)} line{'' if count == 1 else 's'}")
    serious = [f for f in report.findings if f.severity != "note"]
    if serious:
        text = f"{len(serious)} finding{'' if len(serious) == 1 else 's'}"
        return (Heading(Line((name, on, Span(text, "bad"), Span(" in "), seen), hang=2)),)
    return (Heading(Line((name, on, seen, Span(", nothing wrong seen", "good")), hang=2)),)


def functions(lines: Sequence[LineRow], full: bool) -> list[tuple[AnyBlock, ...]]:
    """Returns a table per function, in the order in which the functions first ran."""
    groups: dict[tuple[str, str], list[LineRow]] = {}
    for row in lines:
        if full or _worth_a_row(row):
            groups.setdefault((row.file, row.function), []).append(row)
    out: list[tuple[AnyBlock, ...]] = []
    room = len(lines) if full else MOST_ROWS
    for (file, function), rows in groups.items():
        shown = rows[: max(room, 0)]
        if not shown:
            break
        room -= len(shown)
        title = Line(
            (Span(_function(function), "strong"), Span("   "), Span(shorten(file, NAME_CELLS), "dim"))
        )
        out.append((title, _table(shown, full)))
    left = sum(len(rows) for rows in groups.values()) - sum(
        len(block.rows) for blocks in out for block in blocks if isinstance(block, Table)
    )
    return [*out, (More(left, "expressions"),)] if left > 0 else out


def _function(name: str) -> str:
    return "top of the file" if name == "<module>" else name.replace(".<locals>", "")


def _worth_a_row(row: LineRow) -> bool:
    """A name that is only read was shown where it was assigned; an operand from `self` is news."""
    return row.kind != "name" or bool(row.targets)


def _table(rows: Sequence[LineRow], full: bool) -> Table:
    """Returns a row per expression. What most rows share, and what only some readers ask for, is left to `full`."""
    columns = [Column("line", "right"), Column(""), Column("expression"), Column("shape")]
    cells = [
        [Span(str(row.line), "accent"), _name(row), _source(row, full), Span(_shape(row))] for row in rows
    ]

    def add(column: Column, texts: list[Span], shown: bool) -> None:
        if shown:
            columns.append(column)
            for cell, text in zip(cells, texts, strict=True):
                cell.append(text)

    figures = any(row.last.min is not None for row in rows)
    several = {row.last.dtype for row in rows if row.last.min is not None} - {"float32"}
    add(Column("dtype", drop=3), [Span(row.last.dtype, "dim") for row in rows], full or bool(several))
    add(Column("device", drop=7), [Span(row.last.device, "dim") for row in rows], full)
    add(Column("min .. max"), [Span(_range(row.last)) for row in rows], figures)
    add(Column("mean", "right", drop=2), [Span(_figure(row.last.mean)) for row in rows], figures)
    add(Column("std", "right", drop=4), [Span(_figure(row.last.std)) for row in rows], figures and full)
    add(Column("zeros", "right", drop=5), [Span(_share(row.last.zeros)) for row in rows], figures and full)
    lost = [Span(percent(_lost(row)) if _lost(row) else "", "bad") for row in rows]
    add(Column("non-finite", "right"), lost, any(_lost(row) for row in rows))
    times = any(row.count > 1 for row in rows)
    add(Column("times", "right", drop=6), [Span(figure(row.count), "dim") for row in rows], times)
    # The numbers of the lines come first, and are no use in part.
    narrow = max(len("line"), *(len(str(row.line)) for row in rows))
    return Table(tuple(columns), tuple(tuple(cell) for cell in cells), narrowest=narrow)


def _name(row: LineRow) -> Span:
    if row.kind == "arguments":
        return Span(row.path, "strong")
    if row.targets:
        name = ", ".join(row.targets)
        return Span(
            shorten(name + (row.path if len(row.targets) == 1 else f" {row.path}".rstrip()), 24), "strong"
        )
    return Span("·" + row.path, "dim")


def _source(row: LineRow, full: bool) -> Span:
    text = "argument" if row.kind == "arguments" else " ".join(row.source.split())
    cells = SOURCE_CELLS_IN_FULL if full else SOURCE_CELLS
    return Span(shorten(text, cells), "dim" if row.kind == "arguments" else "code")


def _shape(row: LineRow) -> str:
    text = " ".join(row.shapes[:3]) + (" ..." if len(row.shapes) > 3 else "")
    usual = (
        row.last.mode == "eager" and row.dims[:1] == ("B",) and not any("B" in size for size in row.dims[1:])
    )
    if any("B" in size for size in row.dims) and not usual:
        dims = f"({row.dims[0]},)" if len(row.dims) == 1 else f"({', '.join(row.dims)})"
        return text if dims == text else f"{text} = {dims}" if row.last.mode == "eager" else dims
    return text


def _lost(row: LineRow) -> float:
    return 1.0 - row.worst.finite if row.worst.finite is not None else 0.0


def _range(facts: TensorFacts) -> str:
    if facts.min is None or facts.max is None or math.isnan(facts.min):
        return "" if facts.min is None else "NaN"
    return figure(facts.min) if facts.min == facts.max else f"{figure(facts.min)} .. {figure(facts.max)}"


def _figure(value: float | None) -> str:
    return "" if value is None else figure(value)


def _share(value: float | None) -> str:
    return "" if not value else percent(value)
