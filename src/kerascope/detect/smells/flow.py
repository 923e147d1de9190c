"""What a value was computed from within one execution of a function."""

from __future__ import annotations

import ast
import dataclasses

from kerascope.detect.smells import source
from kerascope.record.lines import Activation, Event, Site

_MOST = 400


@dataclasses.dataclass(slots=True)
class Sources:
    """What a value goes back to: arguments of the function, attributes, names from elsewhere, and all on the way."""

    arguments: set[str] = dataclasses.field(default_factory=set)
    attributes: set[str] = dataclasses.field(default_factory=set)
    others: set[str] = dataclasses.field(default_factory=set)
    sites: list[Site] = dataclasses.field(default_factory=list)

    @property
    def names(self) -> set[str]:
        """The arguments and the names from elsewhere."""
        return self.arguments | self.others

    def calls(self) -> set[str]:
        """Returns the names of the functions that were called on the way."""
        return {site.name.removeprefix("reduce_").rstrip("_") for site in self.sites if site.kind == "call"}


def sources(event: Event, activation: Activation) -> Sources:
    """Returns what an event's value was computed from, as far as it happened in this execution."""
    found = Sources()
    seen: set[Site] = set()
    todo = [event.site]
    while todo and len(seen) < _MOST:
        site = todo.pop()
        if site in seen:
            continue
        seen.add(site)
        found.sites.append(site)
        if site.kind == "name":
            todo += _definition(site, activation, found)
        elif site.kind == "attribute" and not site.children:
            found.attributes.add(site.source)
        todo += site.children
    return found


def behind(site: Site, activation: Activation) -> Site:
    """Returns what a name was set to; any other expression, and an argument, as it is."""
    known = activation.definitions.get(site.source) if site.kind == "name" else None
    return site if known is None or known.site.kind == "arguments" else known.site


def _definition(site: Site, activation: Activation, found: Sources) -> list[Site]:
    known = activation.definitions.get(site.source)
    if known is None:
        found.others.add(site.source)
        return []
    if known.site.kind == "arguments":
        found.arguments.add(site.source)
        return []
    if site.source in source.parameters(site):  # as in `x = dense(x)`, where the first `x` is no longer known
        found.arguments.add(site.source)
    return [known.site]


def derived_from(event: Event, other: Event, activation: Activation) -> bool:
    """Tells whether a value was computed from another, or from the same thing the other is a plain copy of."""
    wanted = other.site
    reached = sources(event, activation)
    if wanted in reached.sites:
        return True
    if wanted.kind == "name":
        return any(s.kind == "name" and s.source == wanted.source for s in reached.sites[1:])
    return False


def returned(activation: Activation) -> Event | None:
    """Returns the event of what the function returned, when that was a single expression."""
    found = [event for site, event in activation.last.items() if source.is_result(site)]
    return max(found, key=lambda event: event.number, default=None)


def root(site: Site) -> Site:
    """Returns the whole expression that an expression is part of."""
    while site.parent is not None:
        site = site.parent
    return site


def is_guarded(node: ast.AST, activation: Activation, deep: int = 5) -> bool:
    """Tells whether the source keeps a value away from zero: a small number added, a lower bound, a selection.

    Names are looked up where they were defined in this execution.
    """
    if deep == 0:
        return False
    if isinstance(node, ast.Name):
        known = activation.definitions.get(node.id)
        if known is None or known.site.kind == "arguments" or known.site.node is node:
            return False
        return is_guarded(known.site.node, activation, deep - 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return True
    if isinstance(node, ast.BinOp):
        return any(is_guarded(side, activation, deep - 1) for side in (node.left, node.right))
    if isinstance(node, ast.Call):
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        ).rstrip("_")
        if name in _GUARDS:
            return True
        inner = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
        return name in _SHAPES and any(is_guarded(a, activation, deep - 1) for a in inner)
    if isinstance(node, (ast.Subscript, ast.UnaryOp)):
        return is_guarded(
            node.value if isinstance(node, ast.Subscript) else node.operand, activation, deep - 1
        )
    return isinstance(node, ast.IfExp)


_GUARDS = {
    "maximum",
    "clip",
    "clamp",
    "clip_by_value",
    "where",
    "clamp_min",
    "max",
    "add",
    "add_n",
    "nan_to_num",
}
_SHAPES = {
    "reshape",
    "squeeze",
    "expand_dims",
    "cast",
    "transpose",
    "sum",
    "reduce_sum",
    "mean",
    "reduce_mean",
    "square",
}
