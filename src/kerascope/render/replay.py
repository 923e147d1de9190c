"""A recorded step that was run again, as a document: how it came out, what is wrong in it, then its lines."""

from __future__ import annotations

from kerascope.render import findings, trace
from kerascope.render.blocks import AnyBlock, Document, Line, Section, Span
from kerascope.render.clean import clean, shorten
from kerascope.values import Report


def document(report: Report, full: bool) -> Document:
    """Returns the replay as a document; without `full` only what fits one screen or two."""
    head = (Span("kerascope", "strong"), Span(f"  {shorten(report.subject, 60)} on {clean(report.backend)}"))
    sections: list[tuple[AnyBlock, ...]] = [(Line(head, hang=2),)]
    sections += [(block,) for block in findings.blocks(report.findings, full)]
    sections += trace.functions(report.lines, full)
    sections.append(tuple(Line((Span("Note: ", "dim"), Span(note, "dim")), hang=2) for note in report.gaps))
    return Document(tuple(Section(blocks) for blocks in sections if blocks))
