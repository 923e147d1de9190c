"""What a rule is, and which ones apply to an expression."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Iterator

from kerascope.explain.lines.operands import Tensor
from kerascope.explain.lines.reading import Operation
from kerascope.record.lines import Site
from kerascope.values import Evidence


@dataclasses.dataclass(frozen=True)
class Broken:
    """A rule that an expression breaks.

    `kind` is the finding's slug, `text` the rule with its terms and numbers. `tensors` are the operands that disagree,
    `axes` where each of them does (as many, or none); where they come from is looked for. `cause` is a line with a
    sentence about it, where the rule itself knows it; `at` the file and statement to point at where that is not the
    expression that raised. `state` says that the operands are kept beyond the batch, so that none has its axis.
    """

    kind: str
    text: str
    tensors: tuple[Tensor, ...] = ()
    title: str | None = None
    evidence: tuple[Evidence, ...] = ()
    cause: tuple[int, str] | None = None
    axes: tuple[int | None, ...] = ()
    at: tuple[str, ast.stmt] | None = None
    culprit: Site | None = None
    state: bool = False


Rule = Callable[[Operation], Broken | None]

BY_NAME: dict[str, list[Rule]] = {}
FIRST: list[Rule] = []
LAST: list[Rule] = []


def on(*names: str) -> Callable[[Rule], Rule]:
    """Registers a rule for operations of these names."""

    def register(rule: Rule) -> Rule:
        for name in names:
            BY_NAME.setdefault(name, []).append(rule)
        return rule

    return register


def first(rule: Rule) -> Rule:
    """Registers a rule that is asked about every failure, before those of the operation."""
    FIRST.append(rule)
    return rule


def last(rule: Rule) -> Rule:
    """Registers a rule that is asked about every failure that no other has explained."""
    LAST.append(rule)
    return rule


def rules_for(operation: Operation) -> Iterator[Rule]:
    """Yields the rules to ask about an expression, in order, each once."""
    seen: set[Rule] = set()
    named = [rule for name in operation.names for rule in BY_NAME.get(name, ())]
    for rule in (*FIRST, *named, *LAST):
        if rule not in seen:
            seen.add(rule)
            yield rule
