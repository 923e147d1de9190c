"""Which boxes and arrows a picture of a graph has: what is open, what is folded, what is drawn once and counted.

The decisions are taken here for every format, so that pictures, DOT and the page agree.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from kerascope.render import repeats
from kerascope.render.clean import shorten
from kerascope.render.summary import shape_text
from kerascope.values import CallFacts, Difference, TensorSpec, Topology

MOST_OPEN = 400
"""Boxes above which a picture is folded one level more."""

LABEL_CELLS = 40

GROUPS: dict[str, str] = {
    "input": "InputLayer",
    "linear": "Dense EinsumDense Matmul Einsum Dot",
    "conv": "Conv1D Conv2D Conv3D DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D Conv1DTranspose "
    "Conv2DTranspose Conv3DTranspose",
    "recurrent": "LSTM GRU SimpleRNN RNN Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D TimeDistributed",
    "attention": "MultiHeadAttention GroupedQueryAttention Attention AdditiveAttention DotProductAttention",
    "norm": "BatchNormalization LayerNormalization GroupNormalization UnitNormalization RMSNormalization "
    "SpectralNormalization Normalization Rescaling",
    "embedding": "Embedding",
    "regular": "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D GaussianNoise GaussianDropout AlphaDropout",
}
_GROUP_OF = {kind: group for group, kinds in GROUPS.items() for kind in kinds.split()}


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """One box. `open` ones contain other boxes; `times` says how many alike were drawn as one."""

    call: CallFacts
    parent: int | None
    open: bool
    times: int = 1
    foldable: bool = False
    mark: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Arrow:
    """A tensor from one box to another."""

    source: int
    target: int
    label: str
    role: str = "data"


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """What to draw; boxes in the order of the calls, containers before their contents.

    `graph` is the model's, with a call of its own around each repetition of a flat repeat.
    """

    graph: Topology
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def group_of(call: CallFacts) -> str:
    """Returns the family that decides a box's colour."""
    if call.category in ("constant", "code"):
        return call.category
    known = _GROUP_OF.get(call.kind)
    if known is not None:
        return known
    if "Pooling" in call.kind or call.kind in ("MaxPool", "AveragePool"):
        return "pool"
    if call.category == "model" or call.custom:
        return "custom"
    return call.category


def tensor_text(tensor: TensorSpec) -> str:
    """Returns what stands at an arrow: the shape, and the dtype when it is not float32."""
    text = shape_text(tensor.shape)
    return text if tensor.dtype == "float32" else f"{text} {tensor.dtype}"


def picture(
    graph: Topology, depth: int | None = None, collapse: bool = True, marks: dict[int, str] | None = None
) -> Picture:
    """Returns the boxes and arrows of a graph.

    Args:
        graph: What to draw.
        depth: Levels to open; by default all but the insides of Keras's own layers, fewer for a large model.
        collapse: Draw blocks that follow one another and are alike once, with their number.
        marks: What to say of a call, by its id (see `difference_marks`).
    """
    if collapse:
        graph = repeats.grouped(graph)
    tree = _Tree(graph)
    opened = tree.opened(depth)
    if depth is None:
        deepest = max(tree.depths.values(), default=0) + 1
        while len(tree.visible(opened, {})) > MOST_OPEN and deepest > 1:
            deepest -= 1
            opened = {i for i in tree.opened(None) if tree.depths[i] + 1 < deepest}
    folded, times = repeats.folded(graph) if collapse else ({}, {})
    visible = tree.visible(opened, folded)
    boxes = tuple(
        Box(
            call,
            call.parent,
            call.id in opened,
            times.get(call.id, 1),
            bool(tree.children.get(call.id)),
            (marks or {}).get(call.id, ""),
        )
        for call in graph.calls
        if call.id in visible
    )
    return Picture(graph, boxes, tuple(tree.arrows(visible, opened, folded)))


class _Tree:
    """A graph's calls by parent, and what is asked of them while a picture is composed."""

    def __init__(self, graph: Topology) -> None:
        self.calls = {call.id: call for call in graph.calls}
        self.children: dict[int | None, list[CallFacts]] = {}
        self.depths: dict[int, int] = {}
        for call in graph.calls:
            self.children.setdefault(call.parent, []).append(call)
            above = self.calls[call.parent] if call.parent is not None else None
            # A block of repeated calls is no level of the model.
            step = 0 if above is not None and above.category == "block" else 1
            self.depths[call.id] = 0 if call.parent is None else self.depths[call.parent] + step

    def opened(self, depth: int | None) -> set[int]:
        """Returns the calls whose contents are drawn."""
        found = set()
        for call in self.calls.values():
            users = call.custom or call.category == "model"
            step = 0 if call.category == "block" else 1
            wanted = users if depth is None else self.depths[call.id] + step < depth
            above = call.parent is None or call.parent in found
            if wanted and above and self.children.get(call.id):
                found.add(call.id)
        return found

    def visible(self, opened: set[int], folded: dict[int, int]) -> set[int]:
        """Returns the calls that get a box."""
        found: set[int] = set()
        for call in self.calls.values():
            above = call.parent is None or (call.parent in opened and call.parent in found)
            if above and call.id not in folded:
                found.add(call.id)
        return found

    def arrows(self, visible: set[int], opened: set[int], folded: dict[int, int]) -> Iterable[Arrow]:
        """Yields each tensor that goes from one drawn box to another."""
        seen = set()
        for call in self.calls.values():
            if call.id not in visible or call.id in opened:
                continue
            for tensor in call.inputs:
                if tensor.source is None:
                    continue
                source = self._drawn(tensor.source, visible, opened, folded)
                if source is None or source == call.id:
                    continue
                arrow = Arrow(
                    source, call.id, tensor_text(tensor), "mask" if tensor.role == "mask" else "data"
                )
                if arrow not in seen:
                    seen.add(arrow)
                    yield arrow

    def _drawn(self, call: int, visible: set[int], opened: set[int], folded: dict[int, int]) -> int | None:
        """Returns the box in which a call's output is drawn."""
        current: int | None = call
        while current is not None:
            current = folded.get(current, current)
            if current in visible and current not in opened:
                return current
            parent = self.calls[current].parent
            if current in opened:
                return None
            current = parent
        return None


def difference_marks(
    before: Topology, after: Topology, difference: Difference
) -> tuple[Topology, dict[int, str]]:
    """Returns the graph after a change, removed calls standing beside it, and the mark of each call."""
    by_path = {call.path: call for call in after.calls}
    marks = {
        by_path[change.path].id: change.kind
        for change in difference.changes
        if change.kind != "removed" and change.path in by_path
    }
    free = max((call.id for call in after.calls), default=-1) + 1
    gone = []
    paths = {change.path for change in difference.changes if change.kind == "removed"}
    number = {call.id: free + position for position, call in enumerate(before.calls) if call.path in paths}
    for call in before.calls:
        if call.id in number:
            inputs = tuple(
                dataclasses.replace(t, source=number.get(t.source) if t.source is not None else None)
                for t in call.inputs
            )
            parent = number.get(call.parent) if call.parent is not None else None
            gone.append(
                dataclasses.replace(
                    call,
                    id=number[call.id],
                    parent=parent,
                    inputs=inputs,
                    weights=(),
                    path=f"removed: {call.path}",
                )
            )
            marks[number[call.id]] = "removed"
    return dataclasses.replace(after, calls=(*after.calls, *gone)), marks


def box_lines(box: Box) -> tuple[str, str]:
    """Returns the two lines of a box: its name and what it is."""
    call = box.call
    times = f"  × {box.times}" if box.times > 1 else ""
    again = f" #{call.call}" if call.call > 1 else ""
    count = call.trainable + call.frozen
    size = f"   {count:,}" if count and call.call == 1 else ("   shared" if count else "")
    frozen = " frozen" if count and not call.trainable else ""
    return shorten(call.name + again, LABEL_CELLS) + times, shorten(call.kind, LABEL_CELLS) + size + frozen
