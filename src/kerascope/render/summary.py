"""A model's graph as a table: a row for each call, totals, and what could not be seen."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

from kerascope.render import repeats
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
from kerascope.values import CallFacts, TensorSpec, Topology

NAME_CELLS = 60
CELL = 40
MOST_NAMES = 6
MOST_ROWS = 100
"""Rows up to which a table shows every call; a longer one shows what repeats once, unless told otherwise."""


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """Which rows and columns to show; see `kerascope.summary`."""

    depth: int | None = None
    columns: tuple[str, ...] | None = None
    filter: str | None = None
    collapse: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A call to show, how deep it stands, and how many alike follow one another there."""

    call: CallFacts
    depth: int
    times: int = 1


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


def table_rows(graph: Topology, options: Options) -> list[Row]:
    """Returns the calls to show.

    Without `depth` what Keras's own layers consist of stays folded. `options.collapse` shows what repeats once, if
    there is a call around it (see `repeats.grouped`).
    """
    stands_for, times = repeats.folded(graph) if options.collapse else ({}, {})
    levels: dict[int, int] = {}  # of the model; a block of repeated calls is none
    depths: dict[int, int] = {}
    hidden: set[int] = set()
    pattern = re.compile(options.filter) if options.filter else None
    rows = []
    by_id = {call.id: call for call in graph.calls}
    for call in graph.calls:
        above = by_id[call.parent] if call.parent is not None else None
        depths[call.id] = 0 if above is None else depths[above.id] + 1
        levels[call.id] = 0 if above is None else levels[above.id] + (above.category != "block")
        folded = (
            options.depth is None and above is not None and not above.custom and above.category != "model"
        )
        too_deep = options.depth is not None and levels[call.id] >= options.depth
        if folded or too_deep or call.id in stands_for or (above is not None and above.id in hidden):
            hidden.add(call.id)
            continue
        if call.category == "constant":
            continue
        if pattern is None or pattern.search(call.path) or pattern.fullmatch(call.kind):
            rows.append(Row(call, depths[call.id], times.get(call.id, 1)))
    return rows


def _arranged(graph: Topology, options: Options) -> tuple[Topology, list[Row]]:
    """Returns the graph as it is shown and its rows; a long table shows what repeats once."""
    rows = table_rows(graph, dataclasses.replace(options, collapse=False))
    wanted = (
        len(rows) > MOST_ROWS and options.filter is None if options.collapse is None else options.collapse
    )
    if not wanted:
        return graph, rows
    graph = repeats.grouped(graph)
    return graph, table_rows(graph, dataclasses.replace(options, collapse=True))


def document(graph: Topology, options: Options) -> Document:
    """Returns the summary as a document."""
    sections: list[tuple[AnyBlock, ...]] = [_head(graph)]
    shown, rows = _arranged(graph, options)
    if rows:
        sections.append((_table(shown, rows, options), *_repeated(rows)))
    else:
        sections.append((Line((Span("Nothing to show here.", "dim"),)),))
    sections += [_totals(graph, rows, options), _remarks(graph)]
    return Document(tuple(Section(blocks) for blocks in sections if blocks))


def _repeated(rows: Sequence[Row]) -> tuple[AnyBlock, ...]:
    if all(row.times == 1 for row in rows):
        return ()
    return (Line((Span("× says how often a block follows itself; collapse=False shows every one.", "dim"),)),)


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


Cell = Callable[["_Around", CallFacts], Span]


class _Around:
    """What cells ask about the graph around their call."""

    def __init__(self, graph: Topology, stands_for: Mapping[int, int] | None = None) -> None:
        self.graph = graph
        self.stands_for = stands_for or {}  # calls that are not shown, and the one that is shown for them
        self.by_id = {call.id: call for call in graph.calls}

    def producers(self, call: CallFacts) -> list[str]:
        """Returns the names of what a call is connected to, seen from where it stands."""
        names = []
        for tensor in call.inputs:
            source = self.by_id.get(tensor.source) if tensor.source is not None else None
            if source is None:
                continue
            outside = self.beside(source, call.parent)
            outside = self.by_id[self.stands_for.get(outside.id, outside.id)]
            name = f"{outside.name}#{outside.call}" if outside.calls > 1 else outside.name
            names.append(f"{name}[{tensor.index}]" if len(source.outputs) > 1 else name)
        return list(dict.fromkeys(names))

    def beside(self, source: CallFacts, parent: int | None) -> CallFacts:
        """Returns the call around `source` that stands inside `parent`; `source` itself when there is none."""
        current = source
        while current.parent is not None and current.parent != parent:
            current = self.by_id[current.parent]
        return current if current.parent == parent else source


def _name(row: Row) -> str:
    call = row.call
    again = f" #{call.call}" if call.call > 1 else ""
    times = f" × {row.times}" if row.times > 1 else ""
    return f"{'  ' * row.depth}{call.name}{again} ({call.kind}){times}"


def _parameters(around: _Around, call: CallFacts) -> Span:
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


def _line(around: _Around, call: CallFacts) -> Span:
    if call.source is None or call.source.file is None:
        return Span("")
    return Span(f"{call.source.file.rpartition('/')[2]}:{call.source.line}", "dim")


def _mask(around: _Around, call: CallFacts) -> Span:
    into, out = any(t.masked for t in call.inputs), any(t.masked for t in call.outputs)
    return Span({(True, True): "kept", (False, True): "made", (True, False): "ends"}.get((into, out), ""))


def _weight_bytes(around: _Around, call: CallFacts) -> Span:
    return Span(memory(sum(around.graph.weights[index].bytes for index in call.weights)))


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


def _chosen(graph: Topology, rows: Sequence[Row], options: Options) -> list[str]:
    if options.columns is not None:
        return list(options.columns)
    chosen = ["output", "params"]
    if any(row.call.frozen for row in rows):
        chosen.append("frozen")
    if graph.how != "structure":
        chosen.append("macs")
    if not _is_chain(graph):
        chosen.append("connected")
    if any(row.call.losses for row in rows):
        chosen.append("losses")
    if any(row.call.source is not None for row in rows):
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


def _table(graph: Topology, rows: Sequence[Row], options: Options) -> Table:
    around = _Around(graph, repeats.folded(graph)[0] if any(row.times > 1 for row in rows) else None)
    names = _chosen(graph, rows, options)
    columns = [Column("layer (type)"), *(COLUMNS[name][0] for name in names)]
    cells = []
    for row in rows:
        style: Style = "bad" if row.call.error else "plain"
        name = Span(shorten(_name(row), NAME_CELLS), style)
        cells.append((name, *(COLUMNS[title][1](around, row.call) for title in names)))
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


def _totals(graph: Topology, rows: Sequence[Row], options: Options) -> tuple[AnyBlock, ...]:
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
        count = sum(row.call.trainable + row.call.frozen for row in rows if row.call.call == 1)
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
