"""What a trace keeps: the expressions of the user's source, and what each of them yielded.

A `Site` is an expression at a place in a file. An `Activation` is one execution of one function. An `Event` says
that in one activation an expression yielded a tensor. A `LineLog` holds them all, in order as long as they are few and
summed up by expression always. Nothing here keeps a tensor alive or needs Keras.
"""

from __future__ import annotations

import ast
import dataclasses
import math
import threading
from collections.abc import Iterator

from kerascope.values import TensorFacts

Position = tuple[int, int, int, int]
"""First line, last line, first column, column after the last; columns are UTF-8 bytes, as in the syntax tree."""

MOST_EVENTS = 20_000
MOST_SHAPES = 8


@dataclasses.dataclass(slots=True, eq=False)
class Site:
    """One expression of the user's source.

    `kind` is "call", "binop", "unaryop", "compare", "name", "attribute", "subscript", "augmented", "store" or
    "arguments". `function` is the qualified name of the function it stands in, as in `co_qualname`. `targets` are the
    names the value is assigned to; "return" when it is returned. `children` are the expressions it is computed from,
    `parent` the one that uses it. `repeated` means that it stands in a comprehension.
    """

    file: str
    position: Position
    source: str
    kind: str
    function: str
    node: ast.AST
    targets: tuple[str, ...] = ()
    parent: Site | None = None
    children: list[Site] = dataclasses.field(default_factory=list)
    repeated: bool = False

    @property
    def line(self) -> int:
        """The first line of the expression, counted from 1."""
        return self.position[0]

    @property
    def name(self) -> str:
        """What the expression does: the last part of a called function's name, or the operator's class name."""
        node = self.node
        if isinstance(node, ast.Call):
            return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        operator = getattr(node, "op", None)
        return type(operator).__name__ if operator is not None else self.kind

    def __repr__(self) -> str:
        return f"<Site {self.file}:{self.line} {self.source!r}>"


@dataclasses.dataclass(slots=True, eq=False)
class Event:
    """An expression yielded a tensor. `path` says where in a container it lay, such as `[0]` or `['mask']`."""

    number: int
    site: Site
    activation: Activation
    facts: TensorFacts
    path: str = ""


@dataclasses.dataclass(slots=True, eq=False)
class Activation:
    """One execution of a function.

    `last` is the latest event of each expression (the one without a path, or the first of a container's);
    `definitions` the latest event behind each local name. `parent` is the user's function that called this one.
    """

    number: int
    function: str
    file: str
    parent: Activation | None
    last: dict[Site, Event] = dataclasses.field(default_factory=dict)
    parts: dict[Site, list[Event]] = dataclasses.field(default_factory=dict)
    definitions: dict[str, Event] = dataclasses.field(default_factory=dict)

    def operands(self, site: Site) -> list[Event]:
        """Returns what the expressions that `site` is computed from yielded last, in the order of the source.

        A container's tensors come one by one; what yielded no tensor is left out.
        """
        found: list[Event] = []
        for child in site.children:
            if child in self.last:
                found += self.parts.get(child) or [self.last[child]]
            else:  # such as the list in `concatenate([a, b])`, whose elements are looked at instead
                found += self.operands(child)
        return found


@dataclasses.dataclass(slots=True, eq=False)
class Row:
    """All that one expression yielded: how often, the first, the last and the worst tensor, and the shapes met."""

    site: Site
    path: str
    first: Event
    last: Event
    worst: Event
    count: int = 0
    shapes: list[tuple[int | str | None, ...] | None] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """How much a log held at one time."""

    events: int
    activations: int
    count: int
    rows: dict[tuple[Site, str], Row]


class LineLog:
    """Everything one trace has seen. Safe to fill from several threads."""

    def __init__(self, most_events: int = MOST_EVENTS) -> None:
        self.activations: list[Activation] = []
        self.events: list[Event] = []
        self.rows: dict[tuple[Site, str], Row] = {}
        self.notes: list[str] = []
        self.count = 0
        self._most = most_events
        self._lock = threading.Lock()

    def activate(self, function: str, file: str, parent: Activation | None) -> Activation:
        """Begins an execution of a function."""
        with self._lock:
            activation = Activation(self.count, function, file, parent)
            if len(self.activations) < self._most:
                self.activations.append(activation)
            return activation

    def add(self, site: Site, activation: Activation, facts: TensorFacts, path: str = "") -> Event:
        """Keeps that `site` yielded a tensor, and returns the event."""
        with self._lock:
            self.count += 1
            event = Event(self.count, site, activation, facts, path)
            if len(self.events) < self._most:
                self.events.append(event)
            self._sum_up(event)
        return event

    def mark(self) -> Mark:
        """Returns a point to go back to."""
        with self._lock:
            rows = {key: dataclasses.replace(row, shapes=list(row.shapes)) for key, row in self.rows.items()}
            return Mark(len(self.events), len(self.activations), self.count, rows)

    def rewind(self, mark: Mark) -> None:
        """Forgets what came after the mark, which can be gone back to again."""
        with self._lock:
            if self.count == mark.count:
                return
            del self.events[mark.events :]
            del self.activations[mark.activations :]
            self.count = mark.count
            self.rows = {
                key: dataclasses.replace(row, shapes=list(row.shapes)) for key, row in mark.rows.items()
            }

    def note(self, text: str) -> None:
        """Keeps a sentence about what could not be shown; each once."""
        if text not in self.notes:
            self.notes.append(text)

    def _sum_up(self, event: Event) -> None:
        key = (event.site, event.path)
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = Row(event.site, event.path, event, event, event)
        row.count += 1
        row.last = event
        facts, worst = event.facts, row.worst.facts
        if facts is not worst and facts.finite is not None and badness(facts) > badness(worst):
            row.worst = event
        if len(row.shapes) < MOST_SHAPES and facts.shape not in row.shapes:
            row.shapes.append(facts.shape)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)


def badness(facts: TensorFacts) -> tuple[float, float]:
    """Orders tensors from harmless to worst: the share that is not finite, then the largest magnitude."""
    if facts.min is None or facts.max is None:
        return 0.0 if facts.finite is None else 1.0 - facts.finite, 0.0
    low, high = abs(facts.min), abs(facts.max)
    largest = max(low if low < math.inf else 0.0, high if high < math.inf else 0.0)
    return 0.0 if facts.finite is None else 1.0 - facts.finite, largest


def cancelled(node: ast.AST) -> str | None:
    """Returns the name that a sum of at least three terms both adds and takes away: `z` of `z + q - z`."""
    found = list(summands(node))
    held = [(ast.unparse(t), sign) for t, sign in found if isinstance(t, (ast.Name, ast.Attribute))]
    if len(found) < 3:
        return None
    return next((name for name, sign in held if sign > 0 and (name, -1) in held), None)


def summands(node: ast.AST, sign: int = 1) -> Iterator[tuple[ast.AST, int]]:
    """Yields what a sum adds up, each with its sign."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        yield from summands(node.left, sign)
        yield from summands(node.right, -sign if isinstance(node.op, ast.Sub) else sign)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from summands(node.operand, -sign)
    else:
        yield node, sign
