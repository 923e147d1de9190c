"""A picture as DOT, the language of Graphviz; every text in it is cleaned and escaped here."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator, Sequence

from kerascope.render.clean import clean, shorten
from kerascope.render.picture import LABEL_CELLS, Box, Picture, box_lines, group_of
from kerascope.render.summary import shapes_text
from kerascope.values import Topology

FONT = "Helvetica,Arial,DejaVu Sans,sans-serif"


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """Colours of a picture. `fills` are by family of layers, see `picture.group_of`."""

    paper: str
    text: str
    dim: str
    line: str
    group: str
    bad: str
    fills: dict[str, str]


LIGHT = Look(
    paper="#ffffff",
    text="#1f2328",
    dim="#59636e",
    line="#8b949e",
    group="#f6f8fa",
    bad="#b42318",
    fills={
        "input": "#e7edf3",
        "linear": "#cfe3fb",
        "conv": "#d3ead2",
        "recurrent": "#e6d9f5",
        "attention": "#f9dcc4",
        "norm": "#f3efc7",
        "embedding": "#d0ecec",
        "regular": "#eceff2",
        "pool": "#d9e8cf",
        "custom": "#f4f0fa",
        "constant": "#ffffff",
        "code": "#fbe3e3",
        "op": "#ffffff",
        "layer": "#ffffff",
    },
)
DARK = Look(
    paper="#16181d",
    text="#e6e8eb",
    dim="#9aa4af",
    line="#6b7682",
    group="#1d2026",
    bad="#ff8b80",
    fills={
        "input": "#2b323b",
        "linear": "#1d3a5c",
        "conv": "#1f4425",
        "recurrent": "#3c2a58",
        "attention": "#5a3a1c",
        "norm": "#48431c",
        "embedding": "#1b4545",
        "regular": "#2a2e34",
        "pool": "#2d4321",
        "custom": "#2c2738",
        "constant": "#16181d",
        "code": "#4a2626",
        "op": "#20242b",
        "layer": "#20242b",
    },
)
MOST_LABELLED = 200
"""Arrows up to which each has its label in the middle; above it stands at the arrow's beginning."""

LOOKS = {"light": LIGHT, "dark": DARK}

_HEALTH = {"light": {"bad": "#f5b5ae", "warn": "#f8dfa0", "good": "#bfe5c8"}}
_HEALTH["dark"] = {"bad": "#7a2a22", "warn": "#6b5213", "good": "#1f5130"}
_MARKS = {
    "light": {"added": "#2da44e", "removed": "#cf222e"},
    "dark": {"added": "#6fd08c", "removed": "#ff8b80"},
}
_ILL = {"light": {"bad": "#cf222e", "warn": "#bf8700"}, "dark": {"bad": "#ff8b80", "warn": "#e3b341"}}
"""Frames around layers that are not well; a frame is not filled, as what is in it has colours of its own."""
_CHANGED = {"light": "#bf8700", "dark": "#e3b341"}


def quote(text: str) -> str:
    """Returns a DOT string for any text."""
    return '"' + clean(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def to_dot(
    graph: Topology,
    picture: Picture,
    theme: str = "light",
    rankdir: str = "TB",
    dpi: int | None = None,
    tips: bool = True,
) -> str:
    """Returns a picture as a DOT document; `tips` are texts that SVG shows under the mouse."""
    large = len(picture.arrows) > MOST_LABELLED
    label = "taillabel" if large else "label"
    lines = _opening(graph, theme, rankdir, dpi, large)
    children: dict[int | None, list[Box]] = {}
    for box in picture.boxes:
        children.setdefault(box.parent, []).append(box)
    ends = {box.call.id for box in picture.boxes} - {arrow.source for arrow in picture.arrows}
    lines += _level(children, None, theme, ends, "  ", tips)
    for arrow in picture.arrows:
        style = ', style="dashed"' if arrow.role == "mask" else ""
        lines.append(f"  n{arrow.source} -> n{arrow.target} [{label}={quote(' ' + arrow.label)}{style}];")
    return "\n".join([*lines, "}", ""])


def _opening(graph: Topology, theme: str, rankdir: str, dpi: int | None, large: bool) -> list[str]:
    """Returns the lines before the boxes: what holds for the whole picture."""
    look = LOOKS[theme]
    top = {
        "rankdir": rankdir,
        "bgcolor": look.paper,
        "fontname": FONT,
        "fontcolor": look.dim,
        "fontsize": "11",
        "compound": "true",
        "nodesep": "0.25",
        "ranksep": "0.35",
        "pad": "0.2",
    }
    # A label on an arrow takes a rank of its own, which for 1,000 boxes makes the layout ten times slower.
    if large:
        top["ranksep"] = "0.55"
    if dpi is not None:
        top["dpi"] = str(dpi)
    if graph.verdict is not None:
        top |= {"labelloc": "t", "labeljust": "l"}
    lines = [f"digraph {quote(graph.name)} {{"]
    lines.append("  graph [" + ", ".join(f"{key}={quote(value)}" for key, value in top.items()) + "];")
    if graph.verdict is not None:
        texts = "".join(f'{_html(text)}<BR ALIGN="LEFT"/>' for text in health_legend(graph.verdict))
        lines.append(f"  label=<{texts}<BR/>>;")
    lines.append(
        f'  node [shape=box, style="rounded,filled", fontname={quote(FONT)}, fontsize=11, margin="0.1,0.03", '
        f'height=0.3, color="{look.line}", fontcolor="{look.text}", penwidth=0.8];'
    )
    lines.append(
        f'  edge [fontname={quote(FONT)}, fontsize=9, fontcolor="{look.dim}", color="{look.line}", arrowsize=0.6, '
        "labelangle=45, labeldistance=1.8];"
    )
    return lines


def health_legend(verdict: str) -> tuple[str, str]:
    """Returns what stands over a picture of a run: its verdict, and what the colours mean."""
    return (
        f"Run: {shorten(verdict, 100)}",
        "Red: faulty or not finite; yellow: warning; green: nothing to remark",
    )


def _level(
    children: dict[int | None, list[Box]],
    parent: int | None,
    theme: str,
    ends: set[int],
    pad: str,
    tips: bool,
) -> Iterator[str]:
    look = LOOKS[theme]
    for box in children.get(parent, []):
        name, kind = box_lines(box)
        if box.open:
            border = _border(box, theme)
            yield f"{pad}subgraph cluster_{box.call.id} {{"
            yield (
                f'{pad}  graph [id="g{box.call.id}", label=<<B>{_html(name)}</B>  {_html(kind)}>, labeljust=l, '
                f'fontcolor="{look.text}", style="rounded,filled", color="{border}", fillcolor="{look.group}", '
                f"penwidth={0.8 if border == look.line else 2.2}];"
            )
            yield from _level(children, box.call.id, theme, ends, pad + "  ", tips)
            yield f"{pad}}}"
        else:
            yield f"{pad}n{box.call.id} [{_node(box, name, kind, theme, box.call.id in ends, tips)}];"


def _border(box: Box, theme: str) -> str:
    look = LOOKS[theme]
    if box.call.error:
        return look.bad
    if box.open and box.call.health is not None:
        return _ILL[theme].get(box.call.health.split(":")[0], look.line)
    return _MARKS[theme].get(box.mark, _CHANGED[theme]) if box.mark else look.line


def _node(box: Box, name: str, kind: str, theme: str, last: bool, tips: bool) -> str:
    look = LOOKS[theme]
    call = box.call
    fill = look.fills[group_of(call)]
    if call.health is not None:
        fill = _HEALTH[theme].get(call.health.split(":")[0], fill)
    small = [(kind, look.dim)]
    if last and call.outputs:
        small.append(("→ " + shorten(shapes_text(call.outputs), LABEL_CELLS), look.dim))
    if call.error:
        small.append(("fails", look.bad))
    if box.mark:
        small.append((box.mark, look.text))
    tip = f"{call.path}: {call.error or call.health or call.kind}"
    width = 2.2 if call.error or box.mark else 0.8
    more = ', peripheries="2"' if box.foldable or box.times > 1 else ""
    return (
        f'id="b{call.id}", label=<{_lines(name, small)}>, fillcolor="{fill}", color="{_border(box, theme)}", '
        f"penwidth={width}{more}" + (f", tooltip={quote(tip[:300])}" if tips else "")
    )


def _lines(name: str, small: Sequence[tuple[str, str]]) -> str:
    """Returns a box's text: its name in bold, below it smaller lines, each with its colour."""
    cells = "".join(
        f'<TR><TD><FONT POINT-SIZE="9" COLOR="{color}">{_html(text)}</FONT></TD></TR>'
        for text, color in small
    )
    table = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">'
    return f"{table}<TR><TD><B>{_html(name)}</B></TD></TR>{cells}</TABLE>"


def _html(text: str) -> str:
    return html.escape(clean(text), quote=True) or " "
