"""`kerascope.summary(model)`: every call with its shapes, parameters and cost, whatever kind of model it is."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any

from kerascope.api import compare
from kerascope.api.flops import with_costs
from kerascope.errors import UsageError
from kerascope.render.summary import COLUMNS, Options, document, totals
from kerascope.values import Difference, Evidence, Finding, SourceSpan, Topology


def summary(
    model: Any,
    *inputs: Any,
    batch_size: int = 1,
    depth: int | None = None,
    columns: Any = None,
    filter: str | None = None,
    collapse: bool | None = None,
    **keywords: Any,
) -> Summary:
    """Returns what a model is made of: each call of a layer or operation with its shapes, parameters and cost.

    Args:
        model: Any `keras.Model` or `keras.layers.Layer`: functional, sequential, subclassed, also a broken one.
        inputs: What it is called with, when it is subclassed and was never built: arrays, or shapes such as
            ``(None, 32)`` with None for the batch. Only shapes and dtypes matter. A model that is not built yet is
            built by this, as by calling it.
        batch_size: The batch for which multiply-adds and memory are given.
        depth: Levels to show; 1 is the model's own layers alone. By default all but the insides of
            Keras's own layers.
        columns: Names of columns: input output dtype policy params trainable frozen macs flops memory weights
            connected mask losses line notes.
        filter: A regular expression: only calls whose path contains it or whose type it is are shown.
        collapse: Show blocks that follow one another and are alike once, with their number; by default in a table of
            more than 100 rows.
        keywords: Keyword arguments of the model's call.

    Raises:
        UsageError: `model` is no layer, or an argument is not what it should be.
    """
    from kerascope._keras.topology import topology

    options = dataclasses.replace(_options(batch_size, depth, columns, filter), collapse=collapse)
    graph = topology(model, *inputs, keywords=keywords)
    return Summary(with_costs(graph, batch_size), options)


def _options(batch_size: Any, depth: Any, columns: Any, pattern: Any) -> Options:
    for name, value in (("batch_size", batch_size), ("depth", depth)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise UsageError(f"Received: {name}={value!r}. Give a whole number from 1.")
    names = tuple(columns.replace(",", " ").split()) if isinstance(columns, str) else columns
    unknown = [name for name in names or () if name not in COLUMNS]
    if unknown:
        raise UsageError(
            f"There is no such column. Received: columns={unknown}. Allowed: {' '.join(COLUMNS)}."
        )
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise UsageError(
            f"The filter is no regular expression: {error}. Received: filter={pattern!r}. "
            "Escape signs such as ( with \\."
        ) from None
    return Options(depth, tuple(names) if names is not None else None, pattern)


_ALL = Options()

KINDS = ("call-fails", "untracked-layer", "unused-layer")
"""The kinds of its findings; each has a page in docs/findings."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """A model's graph with costs; shows itself as a table in a terminal and in a notebook."""

    graph: Topology
    options: Options = _ALL

    @functools.cached_property
    def totals(self) -> dict[str, int | None]:
        """Parameters, bytes, multiply-adds and flops of the whole model, for `graph.batch_size` samples."""
        return totals(self.graph)

    @property
    def parameters(self) -> int:
        """How many numbers the model's weights hold, as Keras counts them."""
        return self.graph.trainable + self.graph.frozen

    @functools.cached_property
    def fingerprint(self) -> str:
        """A short text that changes when the architecture does, and with nothing else (names, values, backend)."""
        return compare.fingerprint(self.graph)

    def diff(self, other: Summary) -> Comparison:
        """Returns what has to change in this model to get the other."""
        return Comparison(compare.difference(self.graph, other.graph))

    @functools.cached_property
    def findings(self) -> tuple[Finding, ...]:
        """A model that fails when it is called, layers it does not track, layers it never calls."""
        return tuple(_findings(self.graph))

    @property
    def ok(self) -> bool:
        """True when the model ran to its end and tracks all its layers."""
        return not any(finding.severity != "note" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Returns graph and totals as plain JSON data."""
        return {
            **self.graph.to_json(),
            "totals": self.totals,
            "fingerprint": self.fingerprint,
            "findings": [finding.to_json() for finding in self.findings],
        }

    def __repr__(self) -> str:
        from kerascope.render.terminal import document_text

        return document_text(document(self.graph, self.options), _width())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from kerascope.render.html import fragment

        return {"text/plain": repr(self), "text/html": fragment(document(self.graph, self.options))}

    def print(self, file: Any) -> None:
        """Prints the table to an open text file, coloured where it is a terminal."""
        from kerascope.render.terminal import print_document

        print_document(document(self.graph, self.options), file, widest=160)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What changed between two models; false when nothing did."""

    difference: Difference

    @property
    def changes(self) -> Any:
        """The changes, in the order of the models."""
        return self.difference.changes

    def __bool__(self) -> bool:
        return bool(self.difference.changes)

    def to_json(self) -> dict[str, Any]:
        """Returns the changes as plain JSON data."""
        return self.difference.to_json()

    def __repr__(self) -> str:
        from kerascope.render.difference import difference_document
        from kerascope.render.terminal import document_text

        return document_text(difference_document(self.difference), _width())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from kerascope.render.difference import difference_document
        from kerascope.render.html import fragment

        return {"text/plain": repr(self), "text/html": fragment(difference_document(self.difference))}

    def print(self, file: Any) -> None:
        """Prints the table of changes to an open text file."""
        from kerascope.render.difference import difference_document
        from kerascope.render.terminal import print_document

        print_document(difference_document(self.difference), file, widest=160)


def _width() -> int:
    import shutil

    return min(160, shutil.get_terminal_size((100, 24)).columns)


def _findings(graph: Topology) -> list[Finding]:
    found = []
    if graph.error is not None:
        place = next((call for call in reversed(graph.calls) if call.error), None)
        span = place.source if place is not None and place.source is not None else SourceSpan()
        span = dataclasses.replace(span, layer=place.path if place is not None else None)
        title = "The model fails when it is called"
        found.append(Finding("call-fails", "fault", 1.0, title, graph.error, span))
    for names, severity, title, why in (
        (
            graph.untracked,
            "warning",
            "Layers are called that the model does not know",
            "Their weights are not saved.",
        ),
        (graph.unused, "note", "Layers with weights are never called", "They get no gradient in this call."),
    ):
        if names:
            evidence = tuple(Evidence("layer", name) for name in names)
            kind = "untracked-layer" if severity == "warning" else "unused-layer"
            found.append(Finding(kind, severity, 1.0, title, why, SourceSpan(layer=names[0]), evidence))  # type: ignore[arg-type]
    return found
