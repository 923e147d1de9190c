"""A document as rows of styled text that fit a width: the part of showing that the terminal and plain text share.

Every row is at most `Canvas.width` columns wide, counted as terminals count (wide characters are two).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from kerascope.render.blocks import (
    AnyBlock,
    Block,
    Code,
    Document,
    Excerpt,
    Facts,
    Heading,
    Line,
    More,
    Plot,
    Span,
    Style,
    Table,
)
from kerascope.render.clean import shorten
from kerascope.render.numbers import figure
from kerascope.render.plot import can_draw, finite, log_scale, sparkline, tall

Row = tuple[tuple[str, Style], ...]

NARROWEST = 40
"""Columns below which a report is not squeezed further; a narrower terminal wraps it."""

_SMALLEST_PLOT, _LARGEST_PLOT, _LARGEST_TALL = 6, 40, 72


@dataclasses.dataclass(frozen=True, slots=True)
class Canvas:
    """The room there is, and the characters that can be written on it (None: any)."""

    width: int = 80
    encoding: str | None = None

    @property
    def plain(self) -> bool:
        return not can_draw(self.encoding)

    def narrower(self, by: int) -> Canvas:
        return dataclasses.replace(self, width=max(1, self.width - by))

    def text(self, text: str) -> str:
        """Returns `text` in characters that can be written; others become escapes, so that writing never fails."""
        if self.encoding is None or text.isascii():
            return text
        try:
            return text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        except LookupError:
            return text.encode("ascii", "backslashreplace").decode("ascii")


def rows(document: Document, canvas: Canvas) -> Iterator[Row]:
    """Yields the document row by row: one column of margin on both sides, an empty row between sections."""
    inner = dataclasses.replace(canvas, width=max(NARROWEST, canvas.width) - 2)
    for index, section in enumerate(document.sections):
        if index:
            yield ()
        for block in section.blocks:
            yield from _indented(lay(block, inner), 1)


def lay(block: AnyBlock, canvas: Canvas) -> list[Row]:
    """Returns the rows of one block."""
    match block:
        case Line():
            return _line(block, canvas)
        case Heading():
            return _line(block.line, canvas)
        case Facts():
            return _facts(block, canvas)
        case Code():
            return [row for line in block.lines for row in _line(Line((line,), indent=2, hang=2), canvas)]
        case Excerpt():
            return _excerpt(block, canvas)
        case More():
            return _line(Line((Span(f"... {block.count:,} more {block.what} (--full)", "dim"),)), canvas)
        case Table():
            return _table(block, canvas)
        case Plot():
            return _plot(block, canvas)
        case Block():
            return _block(block, canvas)


def _indented(body: Sequence[Row], by: int) -> Iterator[Row]:
    for row in body:
        yield ((" " * by, "plain"), *row) if row else row


def _block(block: Block, canvas: Canvas) -> list[Row]:
    number = f"{block.number}  "
    first, *more = _line(block.title, canvas.narrower(len(number)))
    out: list[Row] = [((number, "strong"), *first), *_indented(more, len(number))]
    for part in block.body:
        out += _indented(lay(part, canvas.narrower(3)), 3)
    return out


def _excerpt(block: Excerpt, canvas: Canvas) -> list[Row]:
    """Points at the part with carets below it, unless the line is too long to stay on one row."""
    gap = "   "
    line = Line((block.place, Span(gap), block.code), hang=2)
    before = cell_len(canvas.text(block.place.text + gap))
    if before + cell_len(canvas.text(block.code.text)) > canvas.width:
        before = 2
        if 2 + cell_len(canvas.text(block.code.text)) > canvas.width:
            return _line(line, canvas)
        rows_ = [*_line(Line((block.place,)), canvas), *_line(Line((block.code,), indent=2), canvas)]
    else:
        rows_ = _line(line, canvas)
    skip = before + cell_len(canvas.text(block.code.text[: block.start]))
    carets = "^" * max(1, cell_len(canvas.text(block.code.text[block.start : block.end])))
    return [*rows_, ((" " * skip, "plain"), (carets, "accent"))]


def _line(line: Line, canvas: Canvas) -> list[Row]:
    if line.indent:
        inner = _line(dataclasses.replace(line, indent=0), canvas.narrower(line.indent))
        return list(_indented(inner, line.indent))
    right = canvas.text(line.right.text) if line.right is not None else ""
    reserved = cell_len(right) + 3 if right else 0
    out = _wrap(line.spans, canvas, canvas.width - reserved, line.hang)
    if line.right is not None and right:
        gap = canvas.width - _width(out[0]) - cell_len(right)
        out[0] = (*out[0], (" " * gap, "plain"), (right, line.right.style))
    return _with_plot(out, line, canvas) if line.plot else out


def _with_plot(out: list[Row], line: Line, canvas: Canvas) -> list[Row]:
    """Draws the small plot behind the last row, or below it where too little room is left."""
    gap = "   " if out[-1] else ""
    room = canvas.width - _width(out[-1]) - len(gap)
    if room >= min(len(line.plot), _SMALLEST_PLOT):
        drawn = _small(line.plot, room, canvas)
        return [*out[:-1], (*out[-1], (gap, "plain"), (drawn, "plain"))]
    drawn = _small(line.plot, canvas.width - line.hang, canvas)
    return [*out, ((" " * line.hang, "plain"), (drawn, "plain"))]


def _small(values: Sequence[float], room: int, canvas: Canvas) -> str:
    # From zero: without an axis beside it, noise drawn over the full height would look like a trend.
    return sparkline(values, min(room, _LARGEST_PLOT), plain=canvas.plain, from_zero=True)


def _facts(facts: Facts, canvas: Canvas) -> list[Row]:
    labels = [canvas.text(fact.label.text) for fact in facts.rows]
    # With escapes for what cannot be written a label may have become longer than half a screen.
    labels = [shorten(label, canvas.width * 3 // 5) for label in labels]
    pad = max(map(cell_len, labels), default=0) + 2
    out: list[Row] = []
    for label, fact in zip(labels, facts.rows, strict=True):
        spans = [span for span in (fact.value, fact.note) if span.text]
        parts = tuple(piece for span in spans for piece in (Span("   "), span))[1:]
        first, *more = _line(Line(parts, plot=fact.plot), canvas.narrower(pad))
        out += [((label + " " * (pad - cell_len(label)), fact.label.style), *first), *_indented(more, pad)]
    return out


def _wrap(spans: Sequence[Span], canvas: Canvas, first: int, hang: int) -> list[Row]:
    """Breaks text at spaces, or inside a word that is longer than a row. `first` is the width of the first row."""
    cells = _cells(spans, canvas, canvas.width - hang)
    out: list[Row] = []
    start = 0
    while start < len(cells) or not out:
        room = max(1, first if not out else canvas.width - hang)
        end = _end(cells, start, room)
        row = _row(cells[start:end])
        out.append(((" " * hang, "plain"), *row) if out and hang and row else row)
        start = end
        while start < len(cells) and cells[start].char == " ":
            start += 1
    return out


@dataclasses.dataclass(frozen=True, slots=True)
class _Cell:
    char: str
    style: Style
    width: int
    breaks: bool


def _cells(spans: Sequence[Span], canvas: Canvas, room: int) -> list[_Cell]:
    out = []
    for span in spans:
        text = canvas.text(span.text)
        # A command that fits on a row of its own stays in one piece, so that it can be copied.
        whole = span.whole and cell_len(text) <= room
        out += [_Cell(char, span.style, cell_len(char), char == " " and not whole) for char in text]
    return out


def _end(cells: Sequence[_Cell], start: int, room: int) -> int:
    """Returns where the row that begins at `start` ends."""
    used, best, in_words = 0, 0, False
    for index in range(start, len(cells)):
        cell = cells[index]
        if in_words and cell.breaks:
            best = index
        used += cell.width
        if used > room:
            return best or max(index, start + 1)
        in_words = in_words or cell.char != " "
    return len(cells)


def _row(cells: Sequence[_Cell]) -> Row:
    end = len(cells)
    while end and cells[end - 1].char == " ":
        end -= 1
    out: list[tuple[str, Style]] = []
    for cell in cells[:end]:
        if out and out[-1][1] == cell.style:
            out[-1] = (out[-1][0] + cell.char, cell.style)
        else:
            out.append((cell.char, cell.style))
    return tuple(out)


def _width(row: Row) -> int:
    return sum(cell_len(text) for text, _ in row)


def _table(table: Table, canvas: Canvas) -> list[Row]:
    head = tuple(Span(column.title, "dim") for column in table.columns)
    grid = [[Span(canvas.text(span.text), span.style) for span in row] for row in (head, *table.rows)]
    widths = [max(cell_len(row[index].text) for row in grid) for index in range(len(head))]
    kept, dropped = _kept(table, widths, canvas.width)
    others = sum(widths[index] + 2 for index in kept[1:])
    widths[0] = min(widths[0], max(3, canvas.width - others))
    out = [_table_row(table, row, kept, widths) for row in grid]
    if table.omitted:
        note = f"... {table.omitted:,} more (--full)"
        out.insert(1 + table.omitted_at, ((note, "dim"),))
    if dropped:
        names = ", ".join(table.columns[index].title for index in dropped)
        out += _line(Line((Span(f"Not shown at this width: {names}", "dim"),)), canvas)
    return out


def _kept(table: Table, widths: Sequence[int], room: int) -> tuple[list[int], list[int]]:
    """Returns the columns that fit, and those that do not: the highest `drop` goes first."""
    kept = list(range(len(table.columns)))
    name = min(widths[0], table.narrowest)
    while name + sum(widths[index] + 2 for index in kept[1:]) > room:
        droppable = [index for index in kept if table.columns[index].drop]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda index: table.columns[index].drop))
    return kept, [index for index in range(len(table.columns)) if index not in kept]


def _table_row(table: Table, row: Sequence[Span], kept: Sequence[int], widths: Sequence[int]) -> Row:
    out: list[tuple[str, Style]] = []
    for index in kept:
        text = shorten(row[index].text, widths[index])
        pad = " " * (widths[index] - cell_len(text))
        text = pad + text if table.columns[index].align == "right" else text + pad
        out += [("  ", "plain"), (text, row[index].style)]
    return tuple(out[1:])


def _plot(plot: Plot, canvas: Canvas) -> list[Row]:
    known = finite(plot.y)
    labels = [figure(max(known)), figure(min(known))] if known else ["", ""]
    pad = max(map(len, labels)) + 1
    room = max(_SMALLEST_PLOT, min(canvas.width - pad, _LARGEST_TALL))
    bars = tall(log_scale(plot.y) if plot.log else plot.y, room, plain=canvas.plain)
    axis = [labels[0] if labels[0] != labels[1] else "", *[""] * (len(bars) - 2), labels[1]]
    out = _line(Line((plot.label,)), canvas)
    out += [((f"{label:>{pad - 1}} ", "dim"), (bar, "plain")) for label, bar in zip(axis, bars, strict=True)]
    first, last = canvas.text(plot.first.text), canvas.text(plot.last.text)
    gap = max(3, len(bars[0]) - cell_len(first) - cell_len(last))
    ends = first + " " * gap + last if last != first else first
    return [*out, *_indented(_line(Line((Span(ends, "dim"),)), canvas.narrower(pad)), pad)]
