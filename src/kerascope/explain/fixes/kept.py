"""What an object keeps from one call to the next: its variables as they are, and no weights beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from kerascope._keras import objects
from kerascope.probe.lines.install import is_users
from kerascope.record.lines import LineLog, Site

NEW_WEIGHTS = "new weights are made whenever it is called, in line"
REPLACED = "is a variable, and a call puts a tensor in its place"
NOTHING = "no tensor comes out"
_MAKING, _GIVING = (".__init__", ".build"), (".call", ".result")


def variables(instance: Any) -> list[str]:
    """Returns the attributes of an object that hold a variable."""
    return [name for name, value in vars(instance).items() if objects.is_variable(value)]


def replaced(instance: Any, names: Sequence[str]) -> str:
    """Returns what is wrong where one of these attributes holds a variable no longer; "" where all do."""
    for name in names:
        if not objects.is_variable(getattr(instance, name, None)):
            return f"self.{name} {REPLACED}"
    return ""


@contextlib.contextmanager
def weights_made() -> Iterator[list[str]]:
    """Collects what is wrong where the block, a call of what has been called before, makes weights."""
    wrong: list[str] = []
    with objects.weights_made(is_users) as made:
        yield wrong
    wrong += [f"{NEW_WEIGHTS} {line}" for line in made][:1]


def culprit(log: LineLog, reason: str) -> Site | None:
    """Returns the expression of a trace that such a reason is about."""
    if reason.startswith(NEW_WEIGHTS):
        line = int(reason.rpartition(" ")[2])
        return next((s for s, _ in log.rows if s.kind == "call" and s.line == line), None)
    if reason.endswith(REPLACED):
        name = reason.partition(" ")[0]
        found = [s for s, _ in log.rows if name in s.targets and not s.function.endswith(_MAKING)]
        return found[-1] if found else None
    if reason == NOTHING:
        found = [s for s, _ in log.rows if s.function.endswith(_GIVING) and s.parent is None]
        return found[-1] if found else None
    return None
