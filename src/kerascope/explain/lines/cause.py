"""Where a size went wrong: from the operands of a failing expression back to the operation that made them so."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from kerascope.explain.lines.blame import Cause, likeliest
from kerascope.explain.lines.dims import Labels, words
from kerascope.explain.lines.operands import Tensor, shown
from kerascope.explain.lines.source import short
from kerascope.record.lines import Activation, Event, LineLog, Site

_DEEPEST = 60
_PASSING = ("name", "attribute", "arguments")


def _appends(site: Site | None, name: str) -> bool:
    """Tells a call such as `parts.append(x)` of the list called `name`."""
    node = site.node if site is not None else None
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "append"
        and ast.unparse(node.func.value) == name
    )


class Walk:
    """The way back through a trace."""

    def __init__(self, log: LineLog, labels: Labels) -> None:
        self._labels = labels
        self._by_activation: dict[Activation, list[Event]] = {}
        self._by_target: dict[str, list[Event]] = {}
        for event in log.events:
            self._by_activation.setdefault(event.activation, []).append(event)
            for target in event.site.targets:
                self._by_target.setdefault(target, []).append(event)

    # -- one step back -------------------------------------------------------------------------------------------

    def inputs(self, event: Event) -> list[Event]:
        """Returns what a tensor was computed from, or where its name was given."""
        site = event.site
        if site.kind == "arguments":
            return self._given(event)
        if site.kind == "name":
            return self._defined(site.source, event)
        operands = [e for e in event.activation.operands(site) if e.number < event.number]
        if site.kind == "attribute":
            return operands or self._defined(site.source, event, anywhere=True)
        if site.kind in ("augmented", "store"):
            return [*operands, *(e for t in site.targets for e in self._defined(t, event))]
        returned = self._returned(event) if site.kind == "call" else []
        return returned or operands

    def _defined(self, name: str, before: Event, *, anywhere: bool = False) -> list[Event]:
        function = before.activation.function
        for event in reversed(self._by_target.get(name, ())):
            if event.number >= before.number or not _means(event, name):
                continue
            outer = function.startswith(event.activation.function + ".<locals>")  # a closure
            if anywhere or event.activation is before.activation or outer:
                return [event]
        return self._appended(name, before)

    def _appended(self, name: str, before: Event) -> list[Event]:
        """Returns what was put into a list under this name, for an element of it."""
        found = [
            event
            for event in self._by_activation.get(before.activation, ())
            if event.number < before.number and _appends(event.site.parent, name)
        ]
        same = [event for event in found if event.facts is before.facts]
        return (same or [event for event in found if event.facts.shape == before.facts.shape])[-1:]

    def _given(self, event: Event) -> list[Event]:
        """Returns what the caller gave for an argument."""
        activation = event.activation
        parent = activation.parent
        if parent is None:
            return []
        first = self._by_activation[activation][0].number
        earlier = [e for e in self._by_activation.get(parent, ()) if e.number < first]
        site: Site | None = earlier[-1].site if earlier else None
        while site is not None and site.kind != "call":
            site = site.parent
        operands = [e for e in parent.operands(site) if e.number < first] if site is not None else []
        same = [e for e in operands if e.facts is event.facts]
        return (same or [e for e in operands if e.facts.shape == event.facts.shape])[:1]

    def _returned(self, event: Event) -> list[Event]:
        """Returns what a function of the user's handed back, for the call of it."""
        own = self._by_activation[event.activation]
        before = max((e.number for e in own if e.number < event.number), default=0)
        for activation, events in reversed(self._by_activation.items()):
            if activation.parent is event.activation and before < events[0].number < event.number:
                handed = [e for e in events if "return" in e.site.targets]
                if handed and handed[-1].facts.shape == event.facts.shape:
                    return handed[-1:]
        return []

    # -- the batch axis ------------------------------------------------------------------------------------------

    def batch_culprit(self, event: Event) -> Event | None:
        """Returns the first operation whose inputs have B on axis 0 and whose result has not, or elsewhere too."""
        return self._weight_of_batch(event) or self._culprit(event, set(), 0)

    def _weight_of_batch(self, event: Event) -> Event | None:
        """Returns where a weight was made, if it has the size of the batch it was made with."""
        while event.site.kind in ("name", "attribute"):
            inputs = self.inputs(event)
            if len(inputs) != 1:
                return None
            elsewhere = event.site.kind == "attribute" and inputs[0].activation is not event.activation
            event = inputs[0]
            if elsewhere and event.site.kind == "call" and not self.inputs(event):
                return event if any("B" in size for size in self._labels.get(event, ())) else None
        return None

    def _culprit(self, event: Event, seen: set[Event], depth: int) -> Event | None:
        label = self._labels.get(event)
        if event in seen or depth > _DEEPEST or (label is not None and _sound(label)):
            return None
        seen.add(event)
        inputs = self.inputs(event)
        for each in inputs:
            found = self._culprit(each, seen, depth + 1)
            if found is not None:
                return found
        if label is None or event.site.kind in _PASSING:
            return None
        known = [self._labels[each] for each in inputs if each in self._labels]
        if any(_sound(each) for each in known):
            return event
        made_of_batch = not inputs and any("B" in size for size in label)
        return event if made_of_batch else None

    # -- any other size ------------------------------------------------------------------------------------------

    def origin(self, event: Event, axis: int | None) -> Event | None:
        """Returns the operation that gave a tensor the size it has on an axis (None: its shape); None for an input."""
        for _ in range(_DEEPEST):
            shape = event.facts.shape or ()
            inputs = self.inputs(event)
            if axis is None or not -len(shape) <= axis < len(shape):
                following: list[tuple[Event, int | None]] = [
                    (e, None) for e in inputs if e.facts.shape == shape
                ]
            else:
                following = [
                    (e, at)
                    for e in inputs
                    if (at := _same_size(e, shape[axis], axis, len(shape))) is not None
                ]
            if not following:
                return event if event.site.kind not in _PASSING else None
            event, axis = following[0]
        return None

    def origin_of(self, event: Event, axes: Sequence[int | None]) -> Event | None:
        """Returns the last of the operations that gave a tensor its sizes on some axes; None for an input."""
        found = [each for axis in axes if (each := self.origin(event, axis)) is not None]
        return max(found, key=lambda each: each.number, default=None)

    def made(self, operand: Tensor) -> Event | None:
        """Returns the operation that an operand with the sizes of an input was named after; None for an input."""
        event = operand.event
        line = event.site.line if event is not None else 0
        while event is not None and (event.site.line == line or event.site.kind in _PASSING):
            inputs = self.inputs(event)
            event = inputs[0] if len(inputs) == 1 else None
        return event

    # -- words ---------------------------------------------------------------------------------------------------

    def shape(self, event: Event) -> str:
        """Returns a tensor's shape in terms of B where that is known, in numbers otherwise."""
        label = self._labels.get(event)
        return words(label) if label is not None else shown(tuple(event.facts.shape or ()))

    def flow(self, event: Event) -> str:
        """Returns shapes in and out, such as `(B, 5), (B, 5) -> (2·B, 5)`."""
        ins = ", ".join(
            self.shape(e) for e in event.activation.operands(event.site) if e.number < event.number
        )
        return f"{ins} -> {self.shape(event)}" if ins else self.shape(event)

    def what_happened(self, event: Event) -> str:
        """Returns what an operation did to the batch axis."""
        label = self._labels[event]
        inputs = [self._labels[e] for e in self.inputs(event) if e in self._labels]
        if not inputs:
            return "has a size that depends on the batch"
        if label[:1] and "B" in label[0] and label[0] != "B":
            return "joined along the batch" if len(inputs) > 1 else "changed the size of the batch axis"
        if label[:1] == ("B",):
            return "made a second batch axis"
        if any("B" in size for size in label):
            axis = next(i for i, size in enumerate(label) if "B" in size)
            return (
                f"moved the batch to axis {axis}"
                if label[axis] == "B"
                else f"mixed the batch into axis {axis}"
            )
        return "took the batch axis away"


def _means(event: Event, name: str) -> bool:
    """Tells whether an event is what a name was given; of an unpacking, the part at its place."""
    if event.site.kind == "arguments":
        return event.path == name
    targets = event.site.targets
    return len(targets) < 2 or not event.path or event.path == f"[{targets.index(name)}]"


def _sound(label: tuple[str, ...]) -> bool:
    return label[:1] == ("B",) and not any("B" in size for size in label[1:])


def _same_size(event: Event, size: int | str | None, axis: int, rank: int) -> int | None:
    """Returns the axis, counted from the right, if a tensor has this size there too."""
    shape = event.facts.shape or ()
    right = axis if axis < 0 else axis - rank
    return right if -len(shape) <= right and shape[right] == size else None


def causes(
    log: LineLog,
    labels: Labels,
    operands: Sequence[Tensor],
    axes: Sequence[int | None],
    *,
    state: bool = False,
) -> list[Cause]:
    """Returns where the shapes of disagreeing operands come from; a broken batch axis comes first, and alone.

    What is kept as `state` has no batch axis to break.
    """
    walk = Walk(log, labels)
    found: list[Cause] = []
    for operand in operands:
        event = operand.event
        if event is not None:
            of_state = state and not any("B" in size for size in labels.get(event, ("B",)))
            event = None if of_state else walk.batch_culprit(event)
        if event is not None:
            source = short(event.site.source)
            flow = walk.flow(event)
            return [
                Cause(
                    event,
                    f"Cause, line {event.site.line}: `{source}` {walk.what_happened(event)}: {flow}.",
                    flow,
                    True,
                )
            ]
    for operand, places in zip(operands, _places(operands, axes), strict=True):
        event = walk.origin_of(operand.event, places) if operand.event is not None else None
        if event is not None and not any(c.event is event for c in found):
            found.append(_cause(walk, operand, event))
    if len(found) == 1 and len({len(operand.shape) for operand in operands}) == 2:
        wholes = [(o, walk.origin(o.event, None)) for o in operands if o.event is not None]
        found += [_cause(walk, o, e) for o, e in wholes if e is not None and e is not found[0].event][:1]
    if not found:
        found += [_cause(walk, o, e) for o, e in zip(operands, map(walk.made, operands), strict=True) if e]
    entrywise = len(axes) == 2 and axes[0] is not None and axes[0] == axes[1]
    return found if state else likeliest(found, log, entrywise=entrywise)


def _cause(walk: Walk, operand: Tensor, event: Event) -> Cause:
    flow = walk.flow(event)
    if event is operand.event:
        return Cause(event, "", flow, False)
    text = f"{operand.text} comes from line {event.site.line}: `{short(event.site.source)}`: {flow}."
    return Cause(event, text, flow, False)


def _places(operands: Sequence[Tensor], axes: Sequence[int | None]) -> list[list[int | None]]:
    """Returns the axes on which each operand disagrees: where two meet entry by entry, all of them."""
    axis = axes[0] if len(axes) == 2 and axes[0] == axes[1] else None
    if axis is None:
        return [[axis] for axis in axes]
    one, two = (operand.shape for operand in operands)
    apart = [
        at
        for at in range(-1, -min(len(one), len(two)) - 1, -1)
        if at != axis and one[at] != two[at] and 1 not in (one[at], two[at])
    ]
    return [[axis, *apart]] * 2
