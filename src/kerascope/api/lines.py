"""Rows of a report from the log of a trace."""

from __future__ import annotations

import dataclasses
import linecache
import re
from collections.abc import Mapping

from kerascope.env import shown_path
from kerascope.record.lines import Event, LineLog, Row
from kerascope.values import Finding, LineRow, SourceSpan


def line_rows(log: LineLog, dims: Mapping[Event, tuple[str, ...]] | None = None) -> tuple[LineRow, ...]:
    """Returns a row for each expression, function by function, in the order in which they first ran.

    Args:
        log: what the trace kept.
        dims: shapes in terms of the batch size B, by event, where they are known.
    """
    order: dict[tuple[str, str], int] = {}
    for row in log.rows.values():
        order.setdefault((row.site.file, row.site.function), row.first.number)
    rows = sorted(
        log.rows.values(), key=lambda row: (order[row.site.file, row.site.function], row.first.number)
    )
    return tuple(_row(row, dims or {}) for row in rows)


def _row(row: Row, dims: Mapping[Event, tuple[str, ...]]) -> LineRow:
    site = row.site
    first, last, start, end = site.position
    named = next((dims[event] for event in (row.last, row.first) if event in dims), ())
    shapes = tuple(shape_text(shape) for shape in row.shapes)
    if named and (row.last.facts.mode == "symbolic" or any(None in (shape or ()) for shape in row.shapes)):
        shapes = (shape_text(named),)
    return LineRow(
        file=shown_path(site.file),
        line=first,
        end_line=last,
        columns=columns(site.file, first, start, end if first == last else None),
        source=site.source,
        function=site.function,
        kind=site.kind,
        # Of all the parameters only the one that the tensor was given for, or came in.
        targets=site.targets if site.kind != "arguments" else (re.split(r"\W", row.path)[0],),
        path=row.path,
        count=row.count,
        first=row.first.facts,
        last=row.last.facts,
        worst=row.worst.facts,
        shapes=shapes,
        dims=named,
        sub=site.parent is not None,
    )


def shape_text(shape: tuple[int | str | None, ...] | None) -> str:
    """Returns a shape as Keras users write it: "(2, 5)", "(B, 5)", "(5,)"; "?" where the rank is not known."""
    if shape is None:
        return "?"
    sizes = ["?" if size is None else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def columns(file: str, line: int, start: int, end: int | None) -> tuple[int, int]:
    """Returns where an expression stands in its line in characters; the syntax tree counts bytes."""
    text = linecache.getline(file, line).rstrip("\n")
    raw = text.encode()
    stop = len(raw) if end is None else end
    return len(raw[:start].decode(errors="replace")), len(raw[:stop].decode(errors="replace"))


def with_code(finding: Finding) -> Finding:
    """Returns the finding with the line of source it is about, where that can be read."""
    place = finding.location
    if place.file is None or place.line is None or place.code is not None:
        return dataclasses.replace(finding, location=_shortened(place))
    code = linecache.getline(place.file, place.line).rstrip("\n")
    first = (place.expression or "").splitlines()[:1]
    at = code.find(first[0]) if first else -1
    found = (at, at + len(first[0])) if at >= 0 else ()
    place = dataclasses.replace(place, code=code, columns=found) if code and found else place
    return dataclasses.replace(finding, location=_shortened(place))


def _shortened(place: SourceSpan) -> SourceSpan:
    return place if place.file is None else dataclasses.replace(place, file=shown_path(place.file))
