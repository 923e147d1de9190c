"""What changed between two models, as a table."""

from __future__ import annotations

from kerascope.render.blocks import Column, Document, Line, Section, Span, Style, Table
from kerascope.render.clean import shorten
from kerascope.render.numbers import figure
from kerascope.render.summary import CELL, NAME_CELLS
from kerascope.values import Difference


def difference_document(difference: Difference) -> Document:
    """Returns what changed between two models as a document."""
    a, b = difference.parameters
    head = Line(
        (
            Span(shorten(difference.before, NAME_CELLS), "strong"),
            Span(" -> "),
            Span(shorten(difference.after, NAME_CELLS), "strong"),
        )
    )
    if not difference.changes:
        return Document((Section((head, Line((Span("the same architecture", "good"),)))),))
    columns = (Column("layer (type)"), Column("change"), Column("before"), Column("after"))
    rows = tuple(
        (
            Span(shorten(f"{change.path} ({change.layer})", NAME_CELLS)),
            Span(change.kind, _STYLES.get(change.kind, "accent")),
            Span(shorten(change.before, CELL)),
            Span(shorten(change.after, CELL)),
        )
        for change in difference.changes
    )
    same = Line(
        (Span(f"{figure(difference.same)} calls unchanged, parameters {figure(a)} -> {figure(b)}", "dim"),)
    )
    return Document((Section((head,)), Section((Table(columns, rows),)), Section((same,))))


_STYLES: dict[str, Style] = {"added": "good", "removed": "bad"}
