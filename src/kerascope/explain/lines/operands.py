"""The tensors that a failing expression was computed from, and their shapes in words."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Sequence

from kerascope.explain.lines.source import short
from kerascope.record.lines import Event
from kerascope.values import TensorFacts

Dim = int | str | None


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A tensor that the expression was computed from; `text` is its source, with its place in a container."""

    text: str
    shape: tuple[Dim, ...]
    dtype: str
    mode: str
    event: Event | None

    @property
    def read(self) -> str:
        """Its source where something follows, such as `.shape`: in brackets if that would belong to its end."""
        try:
            node = ast.parse(self.text, mode="eval").body
        except SyntaxError:  # cut short, or with its place in a container
            return self.text
        return f"({self.text})" if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Compare)) else self.text

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return len(self.shape)


def known(events: Sequence[Event]) -> list[Tensor]:
    """Returns the tensors whose rank is known."""
    return [of_event(event) for event in events if event.facts.shape is not None]


def of_event(event: Event) -> Tensor:
    facts: TensorFacts = event.facts
    text = short(event.site.source, 60)
    if event.site.kind == "arguments":
        text = event.path
    elif event.path:
        text += event.path
    return Tensor(text, tuple(facts.shape or ()), facts.dtype, facts.mode, event)


def shown(shape: tuple[Dim, ...]) -> str:
    """Returns a shape in words: `(2, 5)`, with `?` for a size that is not known."""
    sizes = ["?" if size is None else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def differ(a: Dim, b: Dim) -> bool:
    """Tells whether two sizes are known and not the same."""
    return isinstance(a, int) and isinstance(b, int) and a != b
