"""A model's graph as a table: a row for each call, totals, and what could not be seen."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

from kerascope.render.blocks import (
    AnyBlock,
    Column,
    Document,
    Fact,
    Facts,
    Heading,
    Line,
    Section,
    Span,
    Style,
    Table,
)
from kerascope.render.clean import clean, shorten
from kerascope.render.numbers import figure, memory, scaled
from kerascope.values import CallFacts, Difference, TensorSpec, Topology

NAME_CELLS = 60
CELL = 40
MOST_NAMES = 6


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """Which rows and columns to show; see `kerascope.summary`."""

    depth: int | None = None
    columns: tuple[str, ...] | None = None
    filter: str | None = None


def shape_text(shape: Sequence[object]) -> str:
    """Returns a shape as text: "(B, 28, 28)"."""
    inner = ", ".join("None" if n is None else str(n) for n in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def shapes_text(tensors: Sequence[TensorSpec]) -> str:
    """Returns the shapes of several tensors; equal ones are counted."""
    texts = [shape_text(tensor.shape) for tensor in tensors]
    if len(texts) > 1 and len(set(texts)) == 1:
        return f"{len(texts)} × {texts[0]}"
    return ", ".join(texts)


def table_rows(graph: Topology, options: Options) -> list[tuple[CallFacts, int]]:
    """Returns the calls to show, each with its depth.

    Without `depth` what Keras's own layers consist of stays folded.
    """
    depths: dict[int, int] = {}
    hidden: set[int] = set()
    pattern = re.compile(options.filter) if options.filter else None
    rows = []
    by_id = {call.id: call for call in graph.calls}
    for call in graph.calls:
        depth = depths[call.id] = 0 if call.parent is None else depths[call.parent] + 1
        above = by_id[call.parent] if call.parent is not None else None
        folded = (
            options.depth is None and above is not None and not above.custom and above.category != "model"
        )
        too_deep = options.depth is not None and depth >= options.depth
        if folded or too_deep or (above is not None and above.id in hidden):
            hidden.add(call.id)
            continue
        if call.category == "constant":
            continue
        if pattern is None or pattern.search(call.path) or pattern.fullmatch(call.kind):
            rows.append((call, depth))
    return rows


def document(graph: Topology, options: Options) -> Document:
    """Returns the summary as a document."""
    sections: list[tuple[AnyBlock, ...]] = [_head(graph)]
    rows = table_rows(graph, options)
    if rows:
        sections.append((_table(graph, rows, options),))
    else:
        sections.append((Line((Span("Nothing to show here.", "dim"),)),))
    sections += [_totals(graph, rows, options), _remarks(graph)]
    return Document(tuple(Section(blocks) for blocks in sections if blocks))


def _head(graph: Topology) -> tuple[AnyBlock, ...]:
    text = f" ({clean(graph.kind)}) on {graph.backend}"
    head = Line((Span(shorten(graph.name, NAME_CELLS), "strong"), Span(text)), hang=2)
    if graph.error is None:
        return (head,)
    place = next((c for c in reversed(graph.calls) if c.error), None)
    where = f" in {clean(place.path)}" if place is not None else ""
    blocks: list[AnyBlock] = [
        head,
        Heading(Line((Span("FAILS", "bad"), Span(f"   when called{where}")), hang=2)),
    ]
    if place is not None and place.source is not None:
        span = place.source
        place_text = Span(f"{span.file}:{span.line}", "accent")
        code = Span(span.expression or "", "code", whole=True)
        blocks.append(Line((place_text, Span("   "), code), indent=2, hang=2))
    blocks.append(Line((Span(graph.error.splitlines()[0] if graph.error else ""),), indent=2, hang=2))
    return tuple(blocks)


Cell = Callable[["_Rows", CallFacts], Span]


class _Rows:
    """What cells ask about the graph around their call."""

    def __init__(self, graph: Topology) -> None:
        self.graph = graph
        self.by_id = {call.id: call for call in graph.calls}

    def producers(self, call: CallFacts) -> list[str]:
        """Returns the names of what a call is connected to, seen from where it stands."""
        names = []
        for tensor in call.inputs:
            source = self.by_id.get(tensor.source) if tensor.source is not None else None
            if source is None:
                continue
            name = self.beside(source, call.parent).name
            outside = self.beside(source, call.parent)
            name = f"{outside.name}#{outside.call}" if outside.calls > 1 else outside.name
            names.append(f"{name}[{tensor.index}]" if len(source.outputs) > 1 else name)
        return list(dict.fromkeys(names))

    def beside(self, source: CallFacts, parent: int | None) -> CallFacts:
        """Returns the call around `source` that stands inside `parent`; `source` itself when there is none."""
        current = source
        while current.parent is not None and current.parent != parent:
            current = self.by_id[current.parent]
        return current if current.parent == parent else source


def _name(rows: _Rows, call: CallFacts) -> str:
    again = f" #{call.call}" if call.call > 1 else ""
    return f"{call.name}{again} ({call.kind})"


def _parameters(rows: _Rows, call: CallFacts) -> Span:
    count = call.trainable + call.frozen
    if not call.built:
        return Span("unbuilt", "accent")
    if call.call > 1 and count:
        return Span("shared", "dim")
    return Span(figure(count)) if count else Span("0", "dim")


def _cost(value: int | None, call: CallFacts) -> Span:
    if value is None:
        return Span("?", "dim")
    more = "+?" if any(note.startswith("cost unknown") for note in call.notes) else ""
    return Span(scaled(value) + more, "dim" if value == 0 else "plain")


def _output(call: CallFacts) -> Span:
    if call.error and not call.outputs:
        return Span("FAILS", "bad")
    return Span(shorten(shapes_text(call.outputs) or "?", CELL))


def _line(rows: _Rows, call: CallFacts) -> Span:
    if call.source is None or call.source.file is None:
        return Span("")
    return Span(f"{call.source.file.rpartition('/')[2]}:{call.source.line}", "dim")


def _mask(rows: _Rows, call: CallFacts) -> Span:
    into, out = any(t.masked for t in call.inputs), any(t.masked for t in call.outputs)
    return Span({(True, True): "kept", (False, True): "made", (True, False): "ends"}.get((into, out), ""))


def _weight_bytes(rows: _Rows, call: CallFacts) -> Span:
    return Span(memory(sum(rows.graph.weights[index].bytes for index in call.weights)))


COLUMNS: dict[str, tuple[Column, Cell]] = {
    "input": (Column("input", drop=5), lambda r, c: Span(shorten(shapes_text(c.inputs), CELL))),
    "output": (Column("output"), lambda r, c: _output(c)),
    "dtype": (Column("dtype", drop=7), lambda r, c: Span(c.outputs[0].dtype if c.outputs else "", "dim")),
    "policy": (Column("policy", drop=8), lambda r, c: Span(c.policy or "", "dim")),
    "params": (Column("params", "right"), _parameters),
    "trainable": (Column("trainable", "right", 6), lambda r, c: Span(figure(c.trainable))),
    "frozen": (Column("frozen", "right", 5), lambda r, c: Span(figure(c.frozen))),
    "macs": (Column("mult-adds", "right", 3), lambda r, c: _cost(c.macs, c)),
    "flops": (Column("flops", "right", 6), lambda r, c: _cost(c.flops, c)),
    "memory": (Column("output bytes", "right", 7), lambda r, c: Span(memory(c.output_bytes))),
    "weights": (Column("weight bytes", "right", 7), _weight_bytes),
    "connected": (
        Column("connected to", drop=2),
        lambda r, c: Span(shorten(", ".join(r.producers(c)), CELL), "dim"),
    ),
    "mask": (Column("mask", drop=8), _mask),
    "losses": (Column("losses", drop=8), lambda r, c: Span(shorten(", ".join(c.losses), CELL))),
    "line": (Column("line", drop=4), _line),
    "notes": (Column("notes", drop=9), lambda r, c: Span(shorten("; ".join(c.notes), CELL), "dim")),
}
"""Columns by the names that `columns=` takes."""


def _chosen(graph: Topology, rows: Sequence[tuple[CallFacts, int]], options: Options) -> list[str]:
    if options.columns is not None:
        return list(options.columns)
    chosen = ["output", "params"]
    if any(call.frozen for call, _ in rows):
        chosen.append("frozen")
    if graph.how != "structure":
        chosen.append("macs")
    if not _is_chain(graph):
        chosen.append("connected")
    if any(call.losses for call, _ in rows):
        chosen.append("losses")
    if any(call.source is not None for call, _ in rows):
        chosen.append("line")
    return chosen


def _is_chain(graph: Topology) -> bool:
    previous: int | None = None
    for call in graph.calls:
        if call.parent is not None or call.category == "constant":
            continue
        sources = [tensor.source for tensor in call.inputs]
        if len(sources) > 1 or call.calls > 1 or (sources and sources[0] != previous):
            return False
        previous = call.id
    return True


def _table(graph: Topology, shown: Sequence[tuple[CallFacts, int]], options: Options) -> Table:
    rows = _Rows(graph)
    names = _chosen(graph, shown, options)
    columns = [Column("layer (type)"), *(COLUMNS[name][0] for name in names)]
    cells = []
    for call, depth in shown:
        name = shorten("  " * depth + _name(rows, call), NAME_CELLS)
        style: Style = "bad" if call.error else "plain"
        cells.append((Span(name, style), *(COLUMNS[name][1](rows, call) for name in names)))
    return Table(tuple(columns), tuple(cells), narrowest=44)


def totals(graph: Topology) -> dict[str, int | None]:
    """Returns what the model takes and costs as a whole, for the graph's batch size."""
    top = [call for call in graph.calls if call.parent is None]
    parents = {call.parent for call in graph.calls}
    sizes = [call.output_bytes for call in graph.calls if call.id not in parents and call.category != "input"]
    return {
        "parameters": graph.trainable + graph.frozen,
        "trainable": graph.trainable,
        "frozen": graph.frozen,
        "weight_bytes": graph.weight_bytes,
        "optimizer_bytes": graph.optimizer_bytes,
        "macs": sum(call.macs or 0 for call in top),
        "flops": sum(call.flops or 0 for call in top),
        "activation_bytes": None if None in sizes else sum(size or 0 for size in sizes),
    }


def _totals(graph: Topology, rows: Sequence[tuple[CallFacts, int]], options: Options) -> tuple[AnyBlock, ...]:
    sums = totals(graph)
    split = f"trainable {figure(graph.trainable)}, frozen {figure(graph.frozen)}"
    facts = [
        Fact(
            Span("parameters"),
            Span(figure(sums["parameters"]), "strong"),
            Span(f"{memory(graph.weight_bytes)}, {split}"),
        )
    ]
    if graph.optimizer is not None:
        value = figure(graph.optimizer_size) if graph.optimizer_built else "not built yet"
        note = (
            f"{memory(graph.optimizer_bytes)}, {graph.optimizer}"
            if graph.optimizer_built
            else graph.optimizer
        )
        facts.append(Fact(Span("optimizer"), Span(value), Span(note)))
    if graph.how != "structure":
        unknown = sorted(
            {c.kind for c in graph.calls if c.macs is None and c.category != "code" and c.outputs}
        )
        if any(call.category == "code" for call in graph.calls):
            unknown.append("code outside Keras")
        note = f"{scaled(sums['flops'])} flops, for a batch of {graph.batch_size}"
        if unknown:
            note += f"; not counted: {_listed(unknown)}"
        facts.append(Fact(Span("mult-adds"), Span(scaled(sums["macs"])), Span(note)))
        known = sums["activation_bytes"]
        note = "of all outputs together" if known is not None else "depends on a size that is not known"
        facts.append(Fact(Span("activations"), Span(memory(known)), Span(note)))
    if options.filter is not None:
        count = sum(c.trainable + c.frozen for c, _ in rows if c.call == 1)
        facts.insert(
            0, Fact(Span("shown"), Span(figure(len(rows))), Span(f"rows, {figure(count)} parameters"))
        )
    return (Facts(tuple(facts)),)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(clean(name) for name in names[:MOST_NAMES])
    rest = len(names) - MOST_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown


def _remarks(graph: Topology) -> tuple[AnyBlock, ...]:
    remarks = [
        ("Not tracked by the model (its weights are neither trained nor saved)", graph.untracked),
        ("Not built yet", graph.unbuilt),
        ("Never called", graph.unused),
    ]
    lines: list[AnyBlock] = [
        Line((Span(f"{text}: ", "accent"), Span(_listed(names))), hang=2) for text, names in remarks if names
    ]
    lines += [Line((Span(note, "dim"),), hang=2) for note in graph.notes]
    on_data = [
        call.path for call in graph.calls if any(note.startswith("run on data") for note in call.notes)
    ]
    if on_data:
        lines.append(
            Line((Span(f"Run on data, as placeholders were not enough: {_listed(on_data)}", "dim"),), hang=2)
        )
    return tuple(lines)


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
