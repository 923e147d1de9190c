"""`kerascope.plot(model, "model.svg")`: a picture of any model, or a page to explore it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kerascope.api import compare
from kerascope.api.files import check_free, write_bytes
from kerascope.api.flops import with_costs
from kerascope.api.health import with_health
from kerascope.errors import UsageError
from kerascope.render.picture import Picture, difference_marks, picture
from kerascope.render.repeats import folded
from kerascope.values import Topology

KINDS = ("svg", "png", "pdf", "html", "dot")


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """How a picture is drawn; see `plot`."""

    rankdir: str = "TB"
    dpi: int | None = None
    theme: str | None = None
    depth: int | None = None
    collapse: bool = True


def plot(
    model: Any,
    *rest: Any,
    inputs: Sequence[Any] = (),
    run: Any = None,
    rankdir: str = "TB",
    dpi: int | None = None,
    theme: str | None = None,
    depth: int | None = None,
    collapse: bool = True,
    batch_size: int = 1,
    overwrite: bool = False,
) -> Plot:
    """Draws a model: ``plot(model)`` to look at, ``plot(model, path)`` into a file, ``plot(a, b, path)`` to compare.

    Args:
        model: Any `keras.Model` or `keras.layers.Layer`.
        rest: Another model to compare with, a path that ends in .svg, .png, .pdf, .html or .dot, both, or neither.
        inputs: What the model is called with, when it is subclassed and was never built; as for `summary`.
        run: A recording (path, or what `kerascope.load` returned): boxes are coloured by the health of their layer.
        rankdir: "TB" from top to bottom, "LR" from left to right, "BT" or "RL".
        dpi: Dots per inch of a PNG; 96 by default.
        theme: "light" or "dark"; a page follows the reader's system by default, a picture is light.
        depth: Levels to open; by default all but the insides of Keras's own layers, fewer for a large model.
        collapse: Draw equal blocks that follow one another once, with their number.
        batch_size: The batch for which costs are given.
        overwrite: Write over a file that exists.

    Raises:
        UsageError: a file exists, or an argument is not what it should be.
        SetupError: the picture needs ``pip install "kerascope[plot]"``; .html and .dot do not.
    """
    other, path = _rest(rest)
    look = _look(rankdir, dpi, theme, depth, collapse)
    kind = _kind(path, overwrite) if path is not None else None
    made = _made((model, other), inputs, run, kind == "html", batch_size, look)
    if kind is None:
        # Settings and statistics take time and are wanted only on a page, if one is made of this later.
        again = functools.partial(_made, (model, other), inputs, run, True, batch_size, look)
        made = dataclasses.replace(made, detailed=again)
    if path is not None and kind is not None:
        write_bytes(path, made.render(kind), overwrite=overwrite)
    return made


def _kind(path: str | Path, overwrite: bool) -> str:
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise UsageError(
            f"Received: path={str(path)!r}. Allowed endings: {', '.join('.' + k for k in KINDS)}."
        )
    check_free(path, overwrite)
    return kind


def _made(models: tuple[Any, Any], inputs: Any, run: Any, details: bool, batch_size: int, look: Look) -> Plot:
    from kerascope._keras.topology import topology

    graphs = [with_costs(topology(m, *inputs, details=details), batch_size) for m in models if m is not None]
    if run is not None:
        graphs[-1] = with_health(graphs[-1], run)
    return _compared(graphs[0], graphs[1], look) if len(graphs) > 1 else Plot(graphs[0], look)


def _rest(rest: tuple[Any, ...]) -> tuple[Any, str | Path | None]:
    paths = [value for value in rest if isinstance(value, (str, Path))]
    models = [value for value in rest if not isinstance(value, (str, Path))]
    if len(paths) > 1 or len(models) > 1:
        raise UsageError(
            f"Received {len(models) + 1} models and {len(paths)} paths. Give plot(model), plot(model, path), "
            "plot(a, b) or plot(a, b, path)."
        )
    return (models[0] if models else None), (paths[0] if paths else None)


def _look(rankdir: Any, dpi: Any, theme: Any, depth: Any, collapse: Any) -> Look:
    for name, value, allowed in (
        ("rankdir", rankdir, ("TB", "LR", "BT", "RL")),
        ("theme", theme, (None, "light", "dark")),
    ):
        if value not in allowed:
            raise UsageError(f"Received: {name}={value!r}. Allowed: {', '.join(map(repr, allowed))}.")
    for name, value in (("dpi", dpi), ("depth", depth)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise UsageError(f"Received: {name}={value!r}. Give a whole number from 1.")
    return Look(rankdir, dpi, theme, depth, bool(collapse))


def _compared(before: Topology, after: Topology, look: Look) -> Plot:
    difference = compare.difference(before, after)
    graph, marks = difference_marks(before, after, difference)
    texts: dict[int, list[str]] = {}
    by_path = {call.path: call.id for call in graph.calls}
    for change in difference.changes:
        path = f"removed: {change.path}" if change.kind == "removed" else change.path
        if path in by_path:
            texts.setdefault(by_path[path], []).append(f"{change.before} -> {change.after}")
    return Plot(graph, look, marks, texts)


@dataclasses.dataclass(frozen=True)
class Plot:
    """A picture of a model; shows itself in a notebook, `save` writes it to a file."""

    graph: Topology
    look: Look
    marks: dict[int, str] = dataclasses.field(default_factory=dict)
    changes: dict[int, list[str]] = dataclasses.field(default_factory=dict)
    detailed: Callable[[], Plot] | None = dataclasses.field(default=None, repr=False, compare=False)

    def picture(self) -> Picture:
        """Returns the boxes and arrows."""
        # What changed must not hide in a block that stands for others.
        return picture(self.graph, self.look.depth, self.look.collapse and not self.marks, self.marks)

    def to_dot(self) -> str:
        """Returns the picture in the language of Graphviz."""
        from kerascope.render.dot import to_dot

        return to_dot(self.graph, self.picture(), self.look.theme or "light", self.look.rankdir)

    def to_svg(self) -> str:
        """Returns the picture as SVG text."""
        return self.render("svg").decode()

    def to_html(self) -> str:
        """Returns the page that opens offline: pan, zoom, fold, search, details."""
        from kerascope.render.dot import to_dot
        from kerascope.render.drawing import available, draw
        from kerascope.render.page import to_page

        if self.detailed is not None:
            return self.detailed().to_html()
        shown, theme = self.picture(), self.look.theme or "light"
        same = folded(shown.graph)[0] if self.look.collapse and not self.marks else {}
        svg = None
        if available():
            svg = draw(to_dot(self.graph, shown, theme, self.look.rankdir, tips=False), "svg").decode()
        return to_page(self.graph, shown, same, svg, self.look.theme, self.changes)

    def render(self, kind: str) -> bytes:
        """Returns the content of a file of this kind: svg, png, pdf, html or dot."""
        if kind == "html":
            return self.to_html().encode()
        if kind == "dot":
            return self.to_dot().encode()
        from kerascope.render.dot import to_dot
        from kerascope.render.drawing import draw

        dpi = (self.look.dpi or 96) if kind == "png" else None
        dot = to_dot(self.graph, self.picture(), self.look.theme or "light", self.look.rankdir, dpi)
        return draw(dot, kind)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Writes the picture to a file; its ending says in which form."""
        kind = _kind(path, overwrite)
        return write_bytes(path, self.render(kind), overwrite=overwrite)

    @property
    def ok(self) -> bool:
        """True when the model ran to its end."""
        return self.graph.error is None

    @property
    def findings(self) -> Any:
        """What `summary` finds in the model."""
        from kerascope.api.summary import Summary

        return Summary(self.graph).findings

    def to_json(self) -> dict[str, Any]:
        """Returns the graph as plain JSON data."""
        return self.graph.to_json()

    def __repr__(self) -> str:
        boxes = self.picture().boxes
        return f"<kerascope plot of {self.graph.name!r}: {len(boxes)} boxes; .save('model.svg') or .html, .png, .pdf>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from kerascope.render.drawing import available

        bundle: dict[str, Any] = {"text/plain": repr(self)}
        if available():
            bundle["image/svg+xml"] = self.to_svg()
        return bundle
