"""A report on a terminal, or as plain text.

Rich colours the rows and decides whether to (terminal, `NO_COLOR`, `FORCE_COLOR`); which row holds what is decided
in layout.py, so text with and without colour is the same text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from rich.console import Console, ConsoleOptions
from rich.text import Text

from kerascope.render import findings
from kerascope.render.blocks import Document, Section, Style
from kerascope.render.document import document
from kerascope.render.layout import Canvas, Row, rows
from kerascope.values import Report

WIDEST = 100
"""Columns used when nobody asked for a width: wider rows part a title from its figures."""

RICH_STYLES: dict[Style, str] = {
    "plain": "",
    "strong": "bold",
    "accent": "bold cyan",
    "bad": "bold red",
    "good": "green",
    "dim": "dim",
    "code": "",
}


class ReportView:
    """A report that rich can print: ``console.print(ReportView(report))``."""

    def __init__(self, report: Report, full: bool = False) -> None:
        self.report = report
        self.full = full

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        width = min(options.max_width, WIDEST)
        yield from renderables(document(self.report, self.full), width, console.encoding)


def renderables(doc: Document, width: int = 80, encoding: str | None = None) -> Iterator[Text]:
    """Yields one rich text per row, built from spans; nothing is ever parsed as markup."""
    for row in rows(doc, Canvas(width, encoding)):
        text = Text(no_wrap=True, overflow="ignore", end="\n")
        for piece, style in row:
            text.append(piece, RICH_STYLES[style])
        text.rstrip()
        yield text


def print_report(
    report: Report, file: IO[str], width: int | None = None, color: bool | None = None, full: bool = False
) -> None:
    """Prints the report to `file`.

    Args:
        report: What to show.
        file: An open text file; its encoding decides whether plots are drawn in blocks or in ASCII.
        width: Columns; by default those of the terminal, at most 100.
        color: True or False to insist; by default rich decides, by the terminal and `NO_COLOR`.
        full: Everything recorded instead of one screen.
    """
    print_document(document(report, full), file, width, color)


def print_document(
    doc: Document, file: IO[str], width: int | None = None, color: bool | None = None, widest: int = WIDEST
) -> None:
    """Prints a document to `file`; see `print_report`. `widest` limits the columns of a wide terminal."""
    console = Console(
        file=file,
        width=width,
        force_terminal=None if color is None else color,
        color_system={None: "auto", True: "standard", False: None}[color],
        no_color=None if color is None else not color,
        # In a notebook rich would show HTML beside the cell instead of writing to the file.
        force_jupyter=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    columns = width if width is not None else min(console.width, widest)
    # A file without an encoding (a StringIO) takes any character; rich would call it UTF-8, which is the same.
    for text in renderables(doc, columns, getattr(file, "encoding", None)):
        console.print(text, soft_wrap=True)


def to_text(report: Report, width: int = 80, full: bool = False, encoding: str | None = None) -> str:
    """Returns the report as text without colour; for an `encoding` without block characters plots are in ASCII."""
    return document_text(document(report, full), width, encoding)


def document_text(doc: Document, width: int = 80, encoding: str | None = None) -> str:
    """Returns a document as text without colour."""
    lines = (_plain(row) for row in rows(doc, Canvas(width, encoding)))
    return "".join(f"{line}\n" for line in lines)


def explanation_text(report: Report, width: int = 80) -> str:
    """Returns the findings of a report as text, "" when there are none: for the end of a traceback."""
    found = findings.blocks(report.findings, full=False)
    if not found:
        return ""
    doc = Document(tuple(Section((block,)) for block in found))
    return "kerascope:\n" + "".join(f"{_plain(row)}\n" for row in rows(doc, Canvas(width)))


def _plain(row: Row) -> str:
    return "".join(text for text, _ in row).rstrip()
