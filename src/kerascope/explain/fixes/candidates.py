"""All changes of one file that are worth trying, in the order in which they are tried."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType

from kerascope._keras import objects
from kerascope.explain.fixes.edits import (
    alike,
    arguments,
    casts,
    construct,
    copied,
    counting,
    definitions,
    einsum,
    entries,
    factors,
    forgotten,
    former,
    given,
    idiom,
    idle_state,
    joins,
    keywords,
    kin,
    later,
    layout,
    moving,
    names,
    operands,
    orders,
    pairing,
    peraxis,
    picking,
    promised,
    python,
    results,
    reused,
    rounds,
    scope,
    settings,
    shapes,
    shorthand,
    siblings,
    signatures,
    sizes,
    slices,
    slopes,
    structure,
    targets,
    unknown,
    weights,
    wording,
)
from kerascope.explain.fixes.edits.context import Context, Proposal, Shape, position
from kerascope.explain.fixes.left_out import ORPHANED, LeftOut
from kerascope.explain.fixes.near import FAR, Nearness
from kerascope.explain.fixes.outcome import label
from kerascope.explain.fixes.patch import Edit, splice
from kerascope.explain.fixes.swap import Program
from kerascope.record.lines import LineLog, Position

FAMILIES: tuple[ModuleType, ...] = (
    arguments,
    orders,
    peraxis,
    einsum,
    operands,
    joins,
    casts,
    shapes,
    weights,
    reused,
    sizes,
    shorthand,
    idiom,
    names,
    counting,
    picking,
    given,
    definitions,
    structure,
    unknown,
    keywords,
    python,
    moving,
    results,
    siblings,
    settings,
    layout,
    slices,
    alike,
    targets,
    kin,
    wording,
    idle_state,
    signatures,
    scope,
    construct,
    former,
    entries,
    pairing,
    copied,
    forgotten,
    promised,
    later,
    rounds,
)
"""The edits for code that fails. A family proposes edits of an expression, of a whole function, or both."""
_REPEATED = (arguments, orders, peraxis, shapes, operands, slopes, python, casts, factors)
_MADE_BEFORE = ("__init__", "build", "compute_output_shape", "get_config")
_LOOKED_AT = (*_MADE_BEFORE, "call")
"""What is looked at of a class that ran in part; `call` may not even have begun."""
_KEY = re.compile(r"\['([^']+)'\]")
_MOST_PLACES = 4
_TOGETHER = 0.2
"""Added to the cost of a change that is made in several places at once."""

_ELSEWHERE = 0.25
"""Added when some of those places had no part in the failure."""


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A change of a file, with all that speaks against it summed up in `cost`."""

    cost: float
    description: str
    edits: tuple[Edit, ...]
    program: Program
    lost: int = 0


@dataclasses.dataclass
class Seen:
    """Shape and data type of each expression of a file by its place, the places of what yielded several tensors at
    once (with the words of a dict in `keys`), and the batch size of the first run. Sizes that differ between runs with
    other batch sizes are in terms of B.
    """

    shapes: dict[Position, Shape] = dataclasses.field(default_factory=dict)
    types: dict[Position, str] = dataclasses.field(default_factory=dict)
    several: set[Position] = dataclasses.field(default_factory=set)
    keys: dict[Position, dict[str, None]] = dataclasses.field(default_factory=dict)
    batch: int | None = None


def seen_in(file: str, logs: Sequence[LineLog]) -> Seen:
    """Returns what runs with different batch sizes have shown of a file."""
    batches = [_batch(log) for log in logs]
    seen = Seen(batch=batches[0] if batches else None)
    for index, log in enumerate(logs):
        for (site, path), row in log.rows.items():
            shape = row.last.facts.shape
            if site.file != file or shape is None or site.kind == "arguments":
                continue
            place = site.position
            if path:
                seen.several.add(place)
                if word := _KEY.fullmatch(path):
                    seen.keys.setdefault(place, {}).setdefault(word.group(1))
                continue
            seen.types.setdefault(place, row.last.facts.dtype)
            known = seen.shapes.get(place)
            if known is None:
                seen.shapes[place] = _one(shape, batches[index] if len(logs) == 1 or index else None)
            elif index and len(known) == len(shape) and batches[0] and batches[index] != batches[0]:
                seen.shapes[place] = _together(known, shape, batches[0], batches[index])
    return seen


def _batch(log: LineLog) -> int | None:
    for event in log.events:
        shape = event.facts.shape
        # A layer that is being built may first run on tensors without values, whose sizes stand for any; on JAX they
        # are not numbers then, and numbers are what a run on shapes alone was given.
        if (
            event.site.kind == "arguments"
            and shape
            and (event.facts.mode != "symbolic" or objects.backend_name() == "jax")
            and isinstance(shape[0], int)
        ):
            return shape[0]
    return None


def _one(shape: Shape, batch: int | None) -> Shape:
    first = [
        "B" if size is None or (axis == 0 and size == batch) else size for axis, size in enumerate(shape)
    ]
    return tuple(first)


def _together(one: Shape, two: Shape, first: int, second: int | None) -> Shape:
    if second is None:
        return one
    sizes: list[int | str | None] = []
    for a, b in zip(one, two, strict=True):
        if isinstance(a, int) and isinstance(b, int):
            sizes += label(((a,), (b,)), (first, second))
        else:
            sizes.append(a)
    return tuple(sizes)


def candidates(
    program: Program,
    logs: Sequence[LineLog],
    places: Sequence[Position],
    culprit: Position | None,
    families: Sequence[ModuleType] = FAMILIES,
    *,
    vague: bool = False,
) -> list[Candidate]:
    """Returns the changes of a file worth trying, the likeliest first.

    `places` are where it failed: the failing expression, or what the result comes from; `vague` says that the culprit
    only is where one of several sizes that disagree comes from.
    """
    context = _context(program, logs)
    executed = {a.function for log in logs for a in log.activations if a.file == program.file}
    functions = list(_functions(program.tree, executed, {p for p in (*places, culprit) if p is not None}))
    silent = not places
    if silent:
        places = [_place(n) for f in functions for n in ast.walk(f) if isinstance(n, (ast.Return, ast.Expr))]
    near = Nearness(context, places, culprit, silent=silent, vague=vague)
    left_out = LeftOut(context)
    found: dict[tuple[Edit, ...], Candidate] = {}
    same: dict[tuple[ast.AST, str], list[tuple[Proposal, bool]]] = {}

    def add(proposal: Proposal, cost: float, lost: int) -> None:
        known = found.get(proposal.edits)
        if known is None or known.cost > proposal.cost + cost:
            found[proposal.edits] = Candidate(
                proposal.cost + cost, proposal.description, proposal.edits, program, lost
            )

    for function in functions:
        for proposal in _of_the_whole(context, function, families):
            add(proposal, 0.0, 0)
        for node, family, proposal in _proposals(context, function, families):
            cost = near.cost(node) + (0.1 if function.name in _MADE_BEFORE else 0.0)
            orphaned = ORPHANED if left_out.orphans(proposal) else 0.0
            add(proposal, cost + orphaned, left_out.tensors(proposal))
            if family in _REPEATED and cost <= FAR:
                alike = dataclasses.replace(proposal, cost=proposal.cost + cost)
                same.setdefault((function, proposal.kind or proposal.description), []).append(
                    (alike, cost >= FAR)
                )
    for node, proposal in _of_settings(context, functions, families):
        add(proposal, near.cost(node), 0)
    for proposal in _repeated(same.values()):
        add(proposal, 0.0, 0)
    return sorted(found.values(), key=lambda c: c.cost)


def _context(program: Program, logs: Sequence[LineLog]) -> Context:
    seen = seen_in(program.file, logs)
    several = frozenset(seen.several)
    keys = {place: tuple(words) for place, words in seen.keys.items()}
    return Context(
        program.source, program.tree, program.names(), seen.shapes, seen.types, seen.batch, several, keys
    )


def _of_the_whole(
    context: Context, function: ast.FunctionDef, families: Sequence[ModuleType]
) -> Iterator[Proposal]:
    """Yields the changes of a function as a whole, and of the class it stands in."""
    owner = context.owner(function)
    for family in families:
        yield from getattr(family, "of_function", _none)(context, function)
        if owner is not None:
            yield from getattr(family, "of_class", _none)(context, owner)


def _of_settings(
    context: Context, functions: Sequence[ast.FunctionDef], families: Sequence[ModuleType]
) -> Iterator[tuple[ast.expr, Proposal]]:
    """Yields the changes of what is set outside of the functions that read it."""
    for value in settings.places(context, functions):
        for node in context.nodes(value):
            for family in families:
                yield from ((node, p) for p in getattr(family, "propose", _none)(context, node))


def _repeated(groups: Iterable[list[tuple[Proposal, bool]]]) -> Iterator[Proposal]:
    """Yields the changes made in all places that had a part in the failure, and in those beside them as well.

    In a mean and the variance beside it, the same slip may be met later in what failed. `True` marks what is far away.
    """
    for group in groups:
        near = [proposal for proposal, far in group if not far]
        yield from _in_all_places([near])
        if near and len(near) < len(group):
            wider = [dataclasses.replace(p, cost=near[-1].cost) if far else p for p, far in group]
            for proposal in _in_all_places([wider]):
                yield dataclasses.replace(proposal, cost=proposal.cost + _ELSEWHERE)


def _in_all_places(alike: Iterable[list[Proposal]]) -> Iterator[Proposal]:
    """Yields the changes that can be made in several places of a function, made in all: a slip is often repeated."""
    for proposals in alike:
        edits = {edit for proposal in proposals for edit in proposal.edits}
        lines = {edit.position[:2] for edit in edits}
        if not 1 < len(proposals) <= _MOST_PLACES or len({e.position for e in edits}) < len(proposals):
            continue
        cost = max(proposal.cost for proposal in proposals) + _TOGETHER + 0.05 * (len(lines) - 1)
        first = proposals[0]
        yield Proposal(
            cost, f"{first.description}, in {len(proposals)} places", tuple(sorted(edits, key=_order))
        )


def _order(edit: Edit) -> Position:
    return edit.position


def _none(context: Context, node: ast.AST) -> Iterator[Proposal]:
    """A family that has nothing to propose for this sort of node."""
    yield from ()


def _proposals(
    context: Context, function: ast.FunctionDef, families: Sequence[ModuleType]
) -> Iterator[tuple[ast.expr, ModuleType, Proposal]]:
    """Yields what each family would change in each expression of a function."""
    for statement in function.body:
        for node in context.nodes(statement):
            for family in families:
                for proposal in getattr(family, "propose", _none)(context, node):
                    yield node, family, proposal


def _place(node: ast.Return | ast.Expr) -> Position:
    return position(node.value or node)


def _functions(tree: ast.Module, executed: set[str], places: set[Position]) -> Iterator[ast.FunctionDef]:
    """Yields the functions that ran, those that made what ran, and those that a place stands in."""

    def marked(function: ast.FunctionDef) -> bool:
        first, last = function.lineno, function.end_lineno or function.lineno
        return any(first <= place[0] and place[1] <= last for place in places)

    def visit(node: ast.AST, prefix: str) -> Iterator[ast.FunctionDef]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef):
                name = prefix + child.name
                owner = prefix.rstrip(".")
                of_class = isinstance(node, ast.ClassDef) and child.name in _LOOKED_AT
                made = of_class and any(e.startswith(f"{owner}.") for e in executed)
                if name in executed or made or marked(child):
                    yield child
                yield from visit(child, f"{name}.<locals>.")
            elif isinstance(child, ast.ClassDef):
                yield from visit(child, f"{prefix}{child.name}.")
            else:
                yield from visit(child, prefix)

    yield from visit(tree, "")


def after(candidate: Candidate) -> str:
    """Returns the whole source with a change in it."""
    return splice(candidate.program.source, candidate.edits)
