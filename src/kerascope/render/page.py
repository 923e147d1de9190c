"""A model as one HTML file: a picture and a table without JavaScript; with it a graph to pan, fold and search.

Nothing is fetched: style, script, picture and data are inside, and the page's own policy forbids everything else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import json
import re
from collections.abc import Mapping
from typing import Any

from kerascope.render.clean import clean
from kerascope.render.dot import FONT, health_legend
from kerascope.render.numbers import figure, memory, scaled
from kerascope.render.picture import Picture, group_of
from kerascope.render.summary import Options, shapes_text, table_rows, totals
from kerascope.values import Topology, encode


def to_page(
    graph: Topology,
    shown: Picture,
    same: Mapping[int, int],
    svg: str | None,
    theme: str | None = None,
    changes: Mapping[int, list[str]] | None = None,
) -> str:
    """Returns the page.

    Args:
        graph: The whole model; the page can open what `shown` folds.
        shown: What is open at first, and the marks.
        same: The calls of repeated blocks, and the call that stands for each.
        svg: The picture for readers without JavaScript, None when it cannot be drawn here.
        theme: "light" or "dark"; by default what the reader's system prefers.
        changes: What changed, by call, in words.
    """
    style, script = asset("graph.css"), asset("layout.js") + asset("graph.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    chosen = f' data-theme="{theme}"' if theme in ("light", "dark") else ""
    title = html.escape(clean(graph.name))
    return f"""<!DOCTYPE html>
<html lang="en"{chosen}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{_body(graph, title, svg)}
<script type="application/json" id="data">{island(_data(graph, shown, same, changes or {}))}</script>
<script>{script}</script>
</body>
</html>
"""


def _body(graph: Topology, title: str, svg: str | None) -> str:
    error = html.escape(clean(graph.error)) if graph.error else ""
    verdict = html.escape(clean(".  ".join(health_legend(graph.verdict)))) if graph.verdict else ""
    return f"""<main class="plain">
<h1>{title}</h1>
<p>{_facts(graph)}</p>
{f"<p>{verdict}</p>" if verdict else ""}
{f'<p id="failure">{error}</p>' if error else ""}
{_static(svg)}
{_table(graph)}
</main>
<div id="app">
<div id="bar"><h1>{title}</h1><span class="facts">{_facts(graph)}</span><span class="space"></span>
<input id="search" type="search" placeholder="search name or type" aria-label="search">
<span id="result" role="status"></span>
<button id="fit">fit</button><button id="fold">fold all</button><button id="unfold">unfold all</button>
<button id="repeats">show repeats</button><button id="theme">light/dark</button></div>
<div id="canvas" tabindex="0"></div>
<aside id="side" hidden aria-live="polite"></aside>
{f'<div id="verdict">{verdict}</div>' if verdict else ""}
{f'<div id="error">fails: {error}</div>' if error else ""}
</div>"""


def asset(name: str) -> str:
    """Returns the text of a file in ``render/assets``."""
    return importlib.resources.files("kerascope.render").joinpath("assets", name).read_text(encoding="utf-8")


def island(value: Any) -> str:
    """Returns plain data as JSON that can stand inside a script element, whatever texts are in it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False, default=str)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data(
    graph: Topology, shown: Picture, same: Mapping[int, int], changes: Mapping[int, list[str]]
) -> dict[str, Any]:
    marks = {box.call.id: box.mark for box in shown.boxes if box.mark}
    calls = []
    for call in shown.graph.calls:
        row = {k: _visible(v) for k, v in call.to_json().items() if k not in _LEFT_OUT and v not in _EMPTY}
        for side in ("inputs", "outputs"):
            if side in row:
                row[side] = [{k: v for k, v in t.items() if _DEFAULTS.get(k, _NEVER) != v} for t in row[side]]
        if call.settings:
            row["config"] = _visible({**encode(call.settings), **row.get("config", {})})
        if row["path"] == row["name"]:
            del row["path"]
        if row.get("call") == row.get("calls") == 1:
            del row["call"], row["calls"]
        if call.can_train:
            del row["can_train"]
        row["group"] = group_of(call)
        if call.id in marks:
            row["mark"] = marks[call.id]
        calls.append(row)
    return {
        "calls": calls,
        "weights": [_visible(weight.to_json()) for weight in graph.weights],
        "open": [box.call.id for box in shown.boxes if box.open],
        "times": {box.call.id: box.times for box in shown.boxes if box.times > 1},
        "same": [[call, kept] for call, kept in same.items()],
        "changes": {str(call): texts for call, texts in changes.items()},
        "batch_size": graph.batch_size,
    }


_EMPTY: tuple[Any, ...] = (None, [], {}, "")
_NEVER = object()
_DEFAULTS = {"source": None, "index": 0, "role": "data", "argument": "", "masked": False, "dtype": "float32"}
"""What the page takes for granted; graph.js fills it in."""

_LEFT_OUT = ("built", "dtype", "custom", "settings")


def _visible(value: Any) -> Any:
    """Returns JSON data with all its texts cleaned: escape sequences and the like shown, not obeyed."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): _visible(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_visible(item) for item in value]
    return value


def _facts(graph: Topology) -> str:
    sums = totals(graph)
    parts = [clean(graph.kind), f"{figure(sums['parameters'])} parameters", memory(graph.weight_bytes)]
    if graph.frozen:
        parts.append(f"{figure(graph.frozen)} frozen")
    if graph.how != "structure":
        parts.append(f"{scaled(sums['macs'])} multiply-adds for a batch of {graph.batch_size}")
    return html.escape(", ".join(parts))


_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_PATH = re.compile(r' (d|points)="[^"]*"')
_DECIMALS = re.compile(r"\.\d+")  # of coordinates in points, where a tenth is not seen
_TITLE = re.compile(r"<title>n\d+(?:&#45;&gt;n\d+)?</title>\n?")
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)


def _static(svg: str | None) -> str:
    if svg is None:
        return '<p>For a picture here, without JavaScript: pip install "kerascope[plot]".</p>'
    text = _COMMENT.sub("", _PROLOGUE.sub("", svg)).replace(f' font-family="{FONT}"', "")
    # What the style sheet says for all, and the names of boxes, which are Graphviz's own.
    text = _TITLE.sub("", text.replace(' text-anchor="middle"', ""))
    return _PATH.sub(lambda match: _DECIMALS.sub("", match[0]), text)


def _table(graph: Topology) -> str:
    rows = []
    for row in table_rows(graph, Options()):
        call = row.call
        name = "  " * row.depth + call.name + (f" #{call.call}" if call.call > 1 else "")
        cells = [name, call.kind, shapes_text(call.outputs) or ("FAILS" if call.error else "?")]
        count = call.trainable + call.frozen
        texts = "".join(f"<td>{html.escape(clean(cell))}</td>" for cell in cells)
        rows.append(f'<tr>{texts}<td class="n">{count:,}</td></tr>')
    head = '<tr><th>layer</th><th>type</th><th>output</th><th class="n">parameters</th></tr>'
    return f'<table class="layers"><thead>{head}</thead><tbody>\n' + "\n".join(rows) + "\n</tbody></table>"
