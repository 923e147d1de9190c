"""A report as one HTML fragment for notebooks: its own style, light and dark, no script, nothing to fetch.

Text enters the fragment in `_escape` only. Without its style sheet (some viewers remove it) it still reads well.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

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
    Table,
)
from kerascope.render.document import document
from kerascope.render.numbers import figure
from kerascope.render.plot import finite, log_scale, sparkline, tall
from kerascope.render.terminal import to_text
from kerascope.values import Report

_LIGHT = "--bg:#fff;--fg:#1f2328;--dim:#59636e;--rule:#d1d9e0;--accent:#0550ae;--bad:#b42318;--good:#116329"
_DARK = "--bg:#16181d;--fg:#e6e8eb;--dim:#9aa4af;--rule:#3a414b;--accent:#79b8ff;--bad:#ff8b80;--good:#6fd08c"

# The theme of the notebook goes before the theme of the system: JupyterLab, VS Code and Colab name theirs.
_STYLE = f"""
.kerascope{{{_LIGHT};background:var(--bg);color:var(--fg);padding:.8em 1em;max-width:64em;overflow-x:auto;
font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}}
@media (prefers-color-scheme:dark){{.kerascope{{{_DARK}}}}}
[data-jp-theme-light="true"] .kerascope,.vscode-light .kerascope,html[theme="light"] .kerascope{{{_LIGHT}}}
[data-jp-theme-light="false"] .kerascope,.vscode-dark .kerascope,html[theme="dark"] .kerascope{{{_DARK}}}
.kerascope p{{margin:0 0 .2em}}
.kerascope span{{unicode-bidi:isolate}}
.kerascope .section{{margin:0 0 .9em}}
.kerascope .heading{{font-size:115%}}
.kerascope .title{{display:flex;justify-content:space-between;gap:2em}}
.kerascope .body{{margin-left:1.6em}}
.kerascope .strong{{font-weight:600}}
.kerascope .accent{{color:var(--accent);font-weight:600}}
.kerascope .bad{{color:var(--bad);font-weight:600}}
.kerascope .good{{color:var(--good)}}
.kerascope .dim{{color:var(--dim)}}
.kerascope .text{{white-space:pre-wrap;overflow-wrap:anywhere}}
.kerascope .plot{{color:var(--accent);white-space:pre}}
.kerascope pre{{margin:.2em 0 .4em;padding:0;background:none;color:inherit;font:inherit;overflow-x:auto}}
.kerascope .diff{{white-space:pre-wrap}}
.kerascope .diff .bad{{font-weight:400}}
.kerascope table{{border-collapse:collapse;margin:.2em 0;font:inherit;color:inherit;background:none}}
.kerascope tr{{background:none}}
.kerascope th,.kerascope td{{padding:.05em 1.4em .05em 0;text-align:left;border:0;background:none;color:inherit}}
.kerascope th{{color:var(--dim);font-weight:400;border-bottom:1px solid var(--rule)}}
.kerascope .number,.kerascope .name,.kerascope .name .text{{white-space:pre}}
.kerascope th.number,.kerascope td.number{{text-align:right}}
"""

_SMALL_PLOT, _LARGE_PLOT = 40, 72


def to_html(report: Report, full: bool = False) -> str:
    """Returns the report as one HTML fragment that needs nothing else."""
    return fragment(document(report, full))


def fragment(doc: Document) -> str:
    """Returns the document as one HTML fragment."""
    sections = (
        f'<div class="section">{"".join(_block(block) for block in section.blocks)}</div>\n'
        for section in doc.sections
    )
    return f'<div class="kerascope">\n<style>{_STYLE}</style>\n{"".join(sections)}</div>\n'


def notebook_bundle(report: Report, full: bool = False) -> dict[str, Any]:
    """Returns the report for `_repr_mimebundle_`: plain text, and HTML for notebooks that show it."""
    return {"text/plain": to_text(report, full=full), "text/html": to_html(report, full)}


def _escape(text: str) -> str:
    return html.escape(text, quote=True)


def _span(span: Span) -> str:
    # "text" keeps the spaces that part a verdict from its reason.
    name = "text" if span.style == "plain" else f"{span.style} text"
    return f'<span class="{name}">{_escape(span.text)}</span>' if span.text else ""


def _block(block: AnyBlock) -> str:
    match block:
        case Line():
            return _line(block)
        case Heading():
            return _line(block.line, "heading")
        case Facts():
            return _facts(block)
        case Code():
            lines = "\n".join(_span(line) for line in block.lines)
            return f'<pre class="diff">{lines}</pre>'
        case Excerpt():
            text, start, end = block.code.text, block.start, block.end
            pointed = f"<u>{_escape(text[start:end])}</u>"
            code = f'<span class="code text">{_escape(text[:start])}{pointed}{_escape(text[end:])}</span>'
            return f'<p class="line">{_span(block.place)}<span class="text">   </span>{code}</p>'
        case More():
            return f'<p class="dim">... {block.count:,} more {_escape(block.what)}</p>'
        case Table():
            return _table(block)
        case Plot():
            return _plot(block)
        case Block():
            number = Span(f"{block.number}  ", "strong")
            body = "".join(_block(part) for part in block.body)
            return f'{_line(block.title, before=number)}<div class="body">{body}</div>'


def _line(line: Line, name: str = "line", before: Span | None = None) -> str:
    text = "".join(_span(span) for span in ((before,) if before else ()) + line.spans)
    text += _small(line.plot, "   ")
    if line.right is not None:
        # The spaces are for viewers without the style sheet.
        right = f'<span class="dim text">   {_escape(line.right.text)}</span>'
        return f'<p class="title"><span>{text}</span>{right}</p>'
    return f'<p class="{name}">{text}</p>' if text else ""


def _small(values: tuple[float, ...], gap: str = "") -> str:
    return (
        f'<span class="plot">{gap}{sparkline(values, _SMALL_PLOT, from_zero=True)}</span>' if values else ""
    )


def _facts(facts: Facts) -> str:
    rows = "".join(
        f"<tr><td>{_span(fact.label)}</td><td>{_span(fact.value)}</td>"
        f"<td>{_span(fact.note)}</td><td>{_small(fact.plot)}</td></tr>"
        for fact in facts.rows
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _table(table: Table) -> str:
    kinds = ["number" if column.align == "right" else "name" for column in table.columns]
    titles = (column.title for column in table.columns)
    head = "".join(
        f'<th class="{kind}">{_escape(title)}</th>' for kind, title in zip(kinds, titles, strict=True)
    )
    body = [f"<tr>{_table_cells(kinds, row)}</tr>" for row in table.rows]
    if table.omitted:
        body.insert(table.omitted_at, f'<tr><td class="dim">... {table.omitted:,} more</td></tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _table_cells(kinds: Sequence[str], row: Sequence[Span]) -> str:
    return "".join(f'<td class="{kind}">{_span(cell)}</td>' for kind, cell in zip(kinds, row, strict=True))


def _plot(plot: Plot) -> str:
    known = finite(plot.y)
    reach = f"{figure(min(known))} to {figure(max(known))}" if known else "no finite value"
    bars = "\n".join(tall(log_scale(plot.y) if plot.log else plot.y, _LARGE_PLOT))
    ends = f"{_span(plot.first)} ... {_span(plot.last)}" if plot.last != plot.first else _span(plot.first)
    return (
        f'<p class="line">{_span(plot.label)} <span class="dim">{_escape(reach)}</span></p>'
        f'<pre class="plot">{bars}</pre><p class="dim">{ends}</p>'
    )
