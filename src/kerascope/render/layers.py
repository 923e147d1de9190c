"""The table of layers: one row each, and of a deep model only the rows that matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kerascope.render.blocks import Column, Span, Style, Table
from kerascope.render.clean import shorten
from kerascope.render.numbers import MISSING, figure, number, percent
from kerascope.values import Finding, LayerRow

MOST_ROWS = 12
NAME_CELLS = 80
KIND_CELLS = 24


def table(rows: Sequence[LayerRow], findings: Sequence[Finding], full: bool) -> Table:
    """Returns the table; columns in which nothing was measured are left out, as are most rows of a deep model."""
    shown, omitted_at = (list(rows), 0) if full else _that_matter(rows, findings)
    names = _names(shown, several=len({row.model for row in rows}) > 1)
    columns = [
        (Column("layer"), names),
        (Column("kind", drop=4), [Span(shorten(row.kind, KIND_CELLS), "dim") for row in shown]),
        (Column("params", "right", drop=2), [Span(figure(row.parameters)) for row in shown]),
    ]
    for title, drop, cell, measured in _FIGURES:
        if any(measured(row) for row in shown):
            columns.append((Column(title, "right", drop=drop), [cell(row) for row in shown]))
    cells = zip(*(column for _, column in columns), strict=True)
    return Table(tuple(head for head, _ in columns), tuple(cells), len(rows) - len(shown), omitted_at)


def _names(rows: Sequence[LayerRow], several: bool) -> list[Span]:
    return [Span(shorten(f"{row.model}/{row.layer}" if several else row.layer, NAME_CELLS)) for row in rows]


def _that_matter(rows: Sequence[LayerRow], findings: Sequence[Finding]) -> tuple[list[LayerRow], int]:
    """Returns at most `MOST_ROWS` rows: named in a finding, then the first, then the last; and where the gap is."""
    if len(rows) <= MOST_ROWS:
        return list(rows), 0
    named = [finding.location.layer for finding in findings if finding.location.layer]
    chosen = [row for row in rows if any(_same(row.layer, name) for name in named)][:MOST_ROWS]
    rest = [row for row in rows if row not in chosen]
    room = MOST_ROWS - len(chosen)
    first, last = rest[: room - room // 2], rest[len(rest) - room // 2 :]
    return [*chosen, *first, *last], len(chosen) + len(first)


def _same(layer: str, name: str) -> bool:
    return layer == name or layer.endswith("/" + name) or name.endswith("/" + layer)


def _plain(value: float | None) -> Span:
    if value is None:
        return Span(MISSING, "dim")
    text = figure(value)
    style: Style = "bad" if text in ("NaN", "inf", "-inf") else "plain"
    return Span(text, style)


def _gradient(row: LayerRow) -> Span:
    if row.gradient is None and row.parameters and not row.trainable:
        return Span("frozen", "dim")
    return _plain(row.gradient)


def _zeros(row: LayerRow) -> Span:
    return Span(MISSING, "dim") if row.zeros is None else Span(percent(row.zeros))


def _lost(row: LayerRow) -> float:
    return 1 - number(row.finite) if row.finite is not None else 0.0


def _non_finite(row: LayerRow) -> Span:
    return Span("", "dim") if _lost(row) == 0 else Span(percent(_lost(row)), "bad")


# Title, rank to drop by, cell, and whether a row has anything to show in it.
_FIGURES: tuple[tuple[str, int, Callable[[LayerRow], Span], Callable[[LayerRow], bool]], ...] = (
    ("gradient", 0, _gradient, lambda row: row.gradient is not None or _gradient(row).text == "frozen"),
    ("weight", 3, lambda row: _plain(row.weight), lambda row: row.weight is not None),
    ("update/weight", 1, lambda row: _plain(row.update_ratio), lambda row: row.update_ratio is not None),
    ("zeros", 1, _zeros, lambda row: row.zeros is not None),
    ("non-finite", 0, _non_finite, lambda row: _lost(row) != 0),
)
