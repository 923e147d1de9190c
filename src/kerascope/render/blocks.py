"""What a document is made of: frozen blocks that know nothing of terminals or HTML.

`Span` is the only carrier of text and cleans it, so whatever lowers a document need not ask where a text came from.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from kerascope.render.clean import clean

Style = Literal["plain", "strong", "accent", "bad", "good", "dim", "code"]
Align = Literal["left", "right"]


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one style. A `whole` one is moved to the next row rather than broken at its spaces."""

    text: str
    style: Style = "plain"
    whole: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", clean(self.text))


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A paragraph, indented by `indent` and after its first line by `hang` more. `right` stands at the right edge
    of the first line, `plot` is drawn in small after the text.
    """

    spans: tuple[Span, ...]
    indent: int = 0
    hang: int = 0
    right: Span | None = None
    plot: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Heading:
    """The line to read first."""

    line: Line


@dataclasses.dataclass(frozen=True, slots=True)
class Fact:
    """A label, what was measured, a remark, and the course it took."""

    label: Span
    value: Span
    note: Span = Span("")
    plot: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """Facts below each other, their values aligned."""

    rows: tuple[Fact, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Code:
    """Lines of code or of a diff, as they are."""

    lines: tuple[Span, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Excerpt:
    """A line of source after the place it stands in, with the part from `start` to `end` pointed at."""

    place: Span
    code: Span
    start: int
    end: int


@dataclasses.dataclass(frozen=True, slots=True)
class Plot:
    """A curve over `first` to `last`, drawn large."""

    label: Span
    first: Span
    last: Span
    y: tuple[float, ...]
    log: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. Where room is short, columns of the highest `drop` go first; 0 stays."""

    title: str
    align: Align = "left"
    drop: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; `omitted` more stand, unseen, before row `omitted_at`.

    The first column is shortened, down to `narrowest` cells, before other columns are dropped.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Span, ...], ...]
    omitted: int = 0
    omitted_at: int = 0
    narrowest: int = 20


@dataclasses.dataclass(frozen=True, slots=True)
class More:
    """Says that `count` more of `what` are shown in full only."""

    count: int
    what: str


BodyBlock = Line | Facts | Code | Excerpt | More


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """A numbered finding: its title, and what belongs under it."""

    number: int
    title: Line
    body: tuple[BodyBlock, ...]


AnyBlock = BodyBlock | Heading | Plot | Table | Block


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """Blocks that stand together; sections are set apart."""

    blocks: tuple[AnyBlock, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A report, ready to be shown in any form."""

    sections: tuple[Section, ...]
