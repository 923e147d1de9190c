"""Flat repeats: what a loop of a model built, the same few calls again and again, becomes blocks that can be counted.

Nested layers and models are blocks already; here those are made that a functional model lost, such as the twelve
times convolution, normalisation and addition of a residual net.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from kerascope.values import CallFacts, TensorSpec, Topology

LEAST = 3
"""Repetitions from which on they are counted instead of shown."""

LONGEST = 48
"""Calls in one repetition, at most; a longer one is not looked for."""

KIND = "calls"
"""What follows the number of calls in the type of a block that is made here."""


def signature(call: CallFacts, inside: tuple[object, ...] = ()) -> tuple[object, ...]:
    """Returns what makes two calls alike: type, settings, shapes, weights, and the same inside."""
    return (
        call.kind,
        repr(sorted(call.settings.items())),
        tuple((t.shape, t.dtype) for t in call.outputs),
        tuple((t.shape, t.dtype, t.role) for t in call.inputs),
        call.trainable,
        call.frozen,
        call.calls > 1,
        call.error,
        (call.health or "").partition(":")[0],  # an ill one must not hide behind a healthy one
        inside,
    )


def folded(graph: Topology) -> tuple[dict[int, int], dict[int, int]]:
    """Returns the calls of blocks that repeat the one before (id: that of the call that stands for it), and how often
    a block stands that is shown for all."""
    tree = _Tree(graph)
    stands_for: dict[int, int] = {}
    times: dict[int, int] = {}
    for parent, siblings in tree.children.items():
        for run in _runs(tree.level(parent, siblings), 1):
            kept = siblings[run.start]
            if not tree.children.get(kept.id) and not kept.trainable + kept.frozen:
                continue  # three activations in a row are no block
            times[kept.id] = run.end - run.start
            for other in siblings[run.start + 1 : run.end]:
                tree.pair(kept, other, stands_for)
    return stands_for, times


def grouped(graph: Topology) -> Topology:
    """Returns the graph with a call around every repetition of a flat repeat of several calls."""
    tree = _Tree(graph)
    blocks: dict[int, CallFacts] = {}  # by the id of the first call inside
    parents: dict[int, int] = {}
    free = max((call.id for call in graph.calls), default=-1) + 1
    for parent, siblings in tree.children.items():
        for run in _runs(tree.level(parent, siblings), LONGEST):
            if run.period == 1:
                continue  # a block already
            for first in range(run.start, run.end, run.period):
                members = siblings[first : first + run.period]
                block = tree.block(free, parent, members)
                blocks[members[0].id] = block
                parents.update({member.id: free for member in members})
                free += 1
    if not blocks:
        return graph
    calls: list[CallFacts] = []
    for call in graph.calls:
        if call.id in blocks:
            calls.append(blocks[call.id])
        calls.append(dataclasses.replace(call, parent=parents[call.id]) if call.id in parents else call)
    return dataclasses.replace(graph, calls=tuple(calls))


@dataclasses.dataclass(frozen=True, slots=True)
class _Run:
    start: int
    end: int
    period: int


Edge = tuple[int | None, int, int, str]
"""Where an input comes from: position among the siblings (None: from around them), call, output, role."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Level:
    """Calls side by side: a number for each kind of call, their inputs, and the last position that uses each."""

    codes: list[int]
    inputs: list[list[Edge]]
    used: list[int]
    names: list[str]


class _Tree:
    def __init__(self, graph: Topology) -> None:
        self.graph = graph
        self.calls = {call.id: call for call in graph.calls}
        self.children: dict[int | None, list[CallFacts]] = {}
        for call in graph.calls:
            self.children.setdefault(call.parent, []).append(call)
        self._codes: dict[tuple[object, ...], int] = {}

    def code(self, call: CallFacts) -> int:
        inside = tuple(self.code(child) for child in self.children.get(call.id, []))
        return self._codes.setdefault(signature(call, inside), len(self._codes))

    def level(self, parent: int | None, siblings: Sequence[CallFacts]) -> _Level:
        position = {call.id: index for index, call in enumerate(siblings)}
        used = [-1] * len(siblings)
        inputs: list[list[Edge]] = []
        for index, call in enumerate(siblings):
            edges: list[Edge] = []
            for tensor in self._taken(call):
                at = position.get(self._beside(tensor.source, parent)) if tensor.source is not None else None
                edges.append(
                    (at, tensor.source if tensor.source is not None else -1, tensor.index, tensor.role)
                )
                if at is not None and at != index:
                    used[at] = max(used[at], index)
            inputs.append(edges)
        for tensor in self._given(parent):
            at = position.get(self._beside(tensor.source, parent)) if tensor.source is not None else None
            if at is not None:
                used[at] = len(siblings)
        # Inputs and constants are no repetition of anything.
        codes = [-1 - i if c.category == "input" else self.code(c) for i, c in enumerate(siblings)]
        return _Level(codes, inputs, used, [call.name for call in siblings])

    def _given(self, parent: int | None) -> Sequence[TensorSpec]:
        return self.graph.outputs if parent is None else self.calls[parent].outputs

    def _taken(self, call: CallFacts) -> Iterator[TensorSpec]:
        """Yields what a call and everything inside it takes from outside of it, each once."""
        yield from call.inputs
        for child in self.children.get(call.id, []):
            for tensor in self._taken(child):
                if tensor not in call.inputs and not self._within(tensor.source, call.id):
                    yield tensor

    def _within(self, source: int | None, call: int) -> bool:
        while source is not None and source != call:
            source = self.calls[source].parent if source in self.calls else None
        return source is not None

    def _beside(self, source: int | None, parent: int | None) -> int:
        """Returns the call around `source` that stands directly in `parent`."""
        current = source
        while current is not None and current in self.calls and self.calls[current].parent != parent:
            current = self.calls[current].parent
        return -1 if current is None else current

    def pair(self, kept: CallFacts, other: CallFacts, stands_for: dict[int, int]) -> None:
        """Notes that `other` and all in it are shown by `kept` and what is in that."""
        stands_for[other.id] = kept.id
        pairs = zip(self.children.get(kept.id, []), self.children.get(other.id, []), strict=True)
        for mine, its in pairs:
            self.pair(mine, its, stands_for)

    def block(self, number: int, parent: int | None, members: Sequence[CallFacts]) -> CallFacts:
        """Returns a call around `members`: what goes in, what comes out, and what they hold and cost together."""
        inside = {member.id for member in members}
        taken = [t for member in members for t in self._taken(member)]
        given = [t for t in taken if self._beside(t.source, parent) not in inside]
        name = _common([member.name for member in members]) or f"{members[0].name} … {members[-1].name}"
        first = [member for member in members if member.call == 1]
        return CallFacts(
            id=number,
            path=f"{members[0].path} … {members[-1].name}",
            name=name,
            kind=f"{len(members)} {KIND}",
            category="block",
            parent=parent,
            inputs=tuple(dict.fromkeys(given)),
            outputs=members[-1].outputs,
            custom=True,
            trainable=sum(member.trainable for member in first),
            frozen=sum(member.frozen for member in first),
            can_train=any(member.can_train for member in members),
            output_bytes=members[-1].output_bytes,
            macs=_sum(member.macs for member in members),
            flops=_sum(member.flops for member in members),
        )


def _sum(values: Iterable[int | None]) -> int | None:
    known = list(values)
    return None if None in known else sum(value or 0 for value in known)


def _common(names: Sequence[str]) -> str:
    """Returns what the names of a repetition begin with, when that names it: "conv4_block2" of "conv4_block2_1_bn"."""
    first, last = min(names), max(names)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    start = first[:same]
    cut = max(start.rfind(sign) for sign in "_/.-")
    if cut < 1 or all(
        name[cut + 1 :].isdigit() for name in names
    ):  # "dense_1", "dense_2": numbers Keras gave
        return ""
    return start[:cut].strip("_/.-")


def _runs(level: _Level, longest: int) -> Iterator[_Run]:
    """Yields the repeats of a level from its beginning, none within another."""
    start, count = 0, len(level.codes)
    while start < count:
        best: _Run | None = None
        for period in range(1, min(longest, (count - start) // LEAST) + 1):
            end = _end(level, start, period)
            if end is not None and (best is None or end - start > best.end - best.start):
                best = _Run(start, end, period)
        if best is None:
            start += 1
        else:
            chosen = _turned(level, best)
            yield chosen
            start = chosen.end


def _end(level: _Level, start: int, period: int) -> int | None:
    """Returns where the repeat of `period` calls from `start` ends; None when it does not stand `LEAST` times."""
    codes = level.codes
    if codes[start] != codes[start + period]:
        return None
    end = start + period
    while codes[end : end + period] == codes[start : start + period]:
        end += period
    while end - start >= LEAST * period:
        good = _connected(level, start, end, period)
        if good == end:
            break
        end = good
    if end - start < LEAST * period or (period == 1 and level.codes[start] < 0):
        return None
    return end


def _connected(level: _Level, start: int, end: int, period: int) -> int:
    """Returns up to where each repetition takes what the one before gives, in the same way, for the next alone."""
    second = _pattern(level, start + period, start, period)
    if second is None or not any(kind == "before" for edges in second for kind, *_ in edges):
        return start
    if not _fits(level, start, period, second):
        return start
    good = start + 2 * period
    while good < end and _pattern(level, good, good - period, period) == second:
        good += period
    for index in range(start, good - period):
        beyond = start + ((index - start) // period + 2) * period
        if level.used[index] >= beyond:  # taken by something further on, which one box for all could not show
            return start + (index - start) // period * period + period
    return good


Pattern = list[list[tuple[str, int, int, str]]]


def _pattern(level: _Level, start: int, before: int, period: int) -> Pattern | None:
    """Returns the inputs of a repetition, said relative to it and the one before it."""
    found: Pattern = []
    for index in range(start, start + period):
        edges = []
        for at, source, output, role in level.inputs[index]:
            if at is not None and at >= start:
                edges.append(("inside", at - start, output, role))
            elif at is not None and at >= before:
                edges.append(("before", at - before, output, role))
            else:
                edges.append(("from afar", source, output, role))
        found.append(edges)
    return found


def _fits(level: _Level, start: int, period: int, pattern: Pattern) -> bool:
    """Tells whether the first repetition is one: what the others take from the one before comes from one place each."""
    stands_for: dict[tuple[int, int], tuple[int, int]] = {}
    for index, edges in zip(range(start, start + period), pattern, strict=True):
        mine = level.inputs[index]
        if len(mine) != len(edges):
            return False
        for (at, source, output, role), (kind, place, its_output, its_role) in zip(mine, edges, strict=True):
            inside = at is not None and at >= start
            if role != its_role or inside != (kind == "inside"):
                return False
            if kind == "inside" and (at is None or at - start != place or output != its_output):
                return False
            if kind == "from afar" and (source, output) != (place, its_output):
                return False
            if kind == "before" and stands_for.setdefault((place, its_output), (source, output)) != (
                source,
                output,
            ):
                return False
    return True


def _turned(level: _Level, run: _Run) -> _Run:
    """Returns the run begun where a repetition is fed by the fewest tensors, and its names have most in common."""
    best, best_key = run, _key(level, run)
    for shift in range(1, run.period):
        start = run.start + shift
        if start + LEAST * run.period > len(level.codes):
            break
        end = _end(level, start, run.period)
        if end is None or end - start < run.end - run.start - run.period:
            continue
        other = _Run(start, end, run.period)
        key = _key(level, other)
        if key < best_key:
            best, best_key = other, key
    return best


def _key(level: _Level, run: _Run) -> tuple[int, int]:
    second = run.start + run.period
    pattern = _pattern(level, second, run.start, run.period) or []
    fed = {(place, output) for edges in pattern for kind, place, output, _ in edges if kind == "before"}
    return len(fed), -len(_common(level.names[run.start : run.start + run.period]))
