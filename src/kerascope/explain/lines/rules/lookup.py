"""Operations that pick entries by number: the numbers have to be there."""

from __future__ import annotations

import ast
from typing import Any

from kerascope._backends import tensors as framework
from kerascope.explain.lines import source
from kerascope.explain.lines.operands import Tensor, differ, shown
from kerascope.explain.lines.reading import MISSING, Operation, attribute_of
from kerascope.explain.lines.rules.registry import Broken, first, on
from kerascope.record.lines import Site

KIND = "index-out-of-range"


def _reach(tensor: Tensor | None, fallback: Any = MISSING) -> tuple[int, int] | None:
    """Returns smallest and largest entry of a tensor of integers."""
    event = tensor.event if tensor is not None else None
    low, high = (event.facts.min, event.facts.max) if event is not None else (None, None)
    if (low is None or high is None) and fallback is not MISSING:
        array = framework.array_of(fallback) if framework.kind(fallback) == "tensor" else None
        if array is not None and array.size:
            low, high = float(array.min()), float(array.max())
    return None if low is None or high is None else (int(low), int(high))


def _outside(operation: Operation, what: str, size: Any, indices: Tensor | None, node: Any) -> Broken | None:
    fallback = operation.found(node) if node is not None else MISSING
    reach = _reach(indices, fallback)
    if (
        reach is None
        or not isinstance(size, int)
        or indices is None
        or not indices.dtype.startswith(("int", "uint"))
    ):
        return None
    if -size <= reach[0] and reach[1] < size:
        return None
    text = (
        f"{operation.shown} can pick from 0 to {size - 1}, {what} being {size}, but {indices.text} goes from "
        f"{reach[0]} to {reach[1]}."
    )
    return Broken(KIND, text, (indices,))


@on("take", "gather", "index_select", "take_along_axis", "embedding_lookup", "embedding")
def take(operation: Operation) -> Broken | None:
    """Indices are smaller than the size of the axis."""
    if len(operation.tensors) != 2:
        return None
    table, indices = operation.tensors
    name = operation.site.name
    if name == "embedding":  # torch.nn.functional gives the indices first
        table, indices = indices, table
    axis = operation.plain(2, "axis", "dim", default=0 if name != "take_along_axis" else -1)
    owner = str(getattr(operation.callee, "__module__", ""))
    if name in ("gather", "index_select") and (operation.receiver is not None or owner.startswith("torch")):
        axis = operation.plain(1, "dim")
    if not isinstance(axis, int) or not -table.rank <= axis < table.rank:
        return None
    node = operation.argument(1, "indices", "ids")
    return _outside(operation, f"{table.read}.shape[{axis}]", table.shape[axis], indices, node)


@on("take_along_axis")
def along(operation: Operation) -> Broken | None:
    """`take_along_axis` wants one index for each entry that it gives, so as many axes as there are."""
    if len(operation.tensors) != 2:
        return None
    table, indices = operation.tensors
    if table.rank != indices.rank:
        text = (
            f"take_along_axis needs as many axes of {indices.text} as of {table.text}, but {indices.text} has "
            f"{indices.rank}: {shown(indices.shape)}, and {table.text} {table.rank}: {shown(table.shape)}."
        )
        return Broken("shape-mismatch", text, (table, indices))
    axis = operation.plain(2, "axis", default=-1)
    for other in range(table.rank) if isinstance(axis, int) else ():
        pair = (table.shape[other], indices.shape[other])
        if other != axis % table.rank and differ(*pair) and 1 not in pair:
            text = (
                f"take_along_axis along axis {axis} needs {table.read}.shape[{other}] == "
                f"{indices.read}.shape[{other}], but {pair[0]} != {pair[1]}."
            )
            return Broken("shape-mismatch", text, (table, indices), axes=(other, other))
    return None


@on("scatter")
def scatter(operation: Operation) -> Broken | None:
    """What is put somewhere has to find its place in the new tensor."""
    sizes = operation.plain(2, "shape")
    if len(operation.tensors) < 2 or not isinstance(sizes, tuple):
        return None
    indices = operation.tensors[0]
    size = max((s for s in sizes[:1] if isinstance(s, int)), default=None)
    return _outside(operation, "the first size of its shape", size, indices, operation.argument(0, "indices"))


@on("slice_update")
def slice_update(operation: Operation) -> Broken | None:
    """What is written has to fit from where it starts."""
    starts = operation.plain(1, "start_indices")
    given = operation.tensors
    if len(given) < 2 or not isinstance(starts, tuple) or {given[0].rank, given[-1].rank} != {len(starts)}:
        return None
    tensor, update = given[0], given[-1]
    for axis, start in enumerate(starts):
        size, room = update.shape[axis], tensor.shape[axis]
        if all(isinstance(v, int) for v in (start, size, room)) and start + size > room:
            text = (
                f"slice_update writes {update.read}.shape[{axis}], {size}, entries from {start} on, but "
                f"{tensor.read}.shape[{axis}] is {room}."
            )
            return Broken(KIND, text, (tensor, update))
    return None


@on("slice")
def sliced(operation: Operation) -> Broken | None:
    """A part lies within the tensor."""
    starts, sizes = operation.plain(1, "start_indices"), operation.plain(2, "shape")
    tensor = operation.tensor(0, "inputs")
    if tensor is None or not isinstance(starts, tuple) or not isinstance(sizes, tuple):
        return None
    for axis, (start, size, room) in enumerate(zip(starts, sizes, tensor.shape, strict=False)):
        if all(isinstance(v, int) for v in (start, size, room)) and start + size > room:
            text = f"slice takes {size} entries from {start} on, but {tensor.read}.shape[{axis}] is {room}."
            return Broken(KIND, text, (tensor,))
    return None


@on("segment_sum", "segment_max", "segment_min", "segment_mean")
def segments(operation: Operation) -> Broken | None:
    """Each row belongs to one segment."""
    if len(operation.tensors) < 2:
        return None
    data, ids = operation.tensors[:2]
    if not data.rank or not ids.rank or not differ(data.shape[0], ids.shape[0]):
        return None
    text = (
        f"{operation.shown} needs the segment of each row: {ids.read}.shape[0] == {data.read}.shape[0], but "
        f"{ids.shape[0]} != {data.shape[0]}."
    )
    return Broken("shape-mismatch", text, (data, ids), axes=(0, 0))


@first
def embedding_layer(operation: Operation) -> Broken | None:
    """An embedding has a row per number from 0 to its input dimension."""
    layer = operation.callee
    size = attribute_of(layer, "input_dim") if type(layer).__name__ == "Embedding" else MISSING
    if not isinstance(size, int) or len(operation.tensors) != 1:
        return None
    return _outside(operation, "its input_dim", size, operation.tensors[0], operation.argument(0, "inputs"))


@on("one_hot")
def one_hot(operation: Operation) -> Broken | None:
    """Classes are smaller than their number."""
    classes = operation.plain(1, "num_classes", "depth")
    indices = operation.tensors[0] if operation.tensors else None
    return _outside(
        operation, "the number of classes", classes, indices, operation.argument(0, "x", "indices")
    )


@on("subscript")
def subscript(operation: Operation) -> Broken | None:
    """No more indices than axes, and each within its axis."""
    node = operation.node
    if not isinstance(node, ast.Subscript):
        return None
    tensors = operation.tensors_in(node.value)
    if len(tensors) != 1:
        return _too_short(operation, node)
    tensor = tensors[0]
    asked = node.slice.value if isinstance(node.slice, ast.Constant) else None
    if isinstance(asked, str) and framework.kind(operation.found(node.value)) == "tensor":
        text = (
            f"`{asked}` is asked for as of a dict, but {tensor.text} is one tensor, {shown(tensor.shape)}: "
            "it is indexed by numbers, slices and masks."
        )
        return Broken("wrong-argument", text, (tensor,), title=f"`{tensor.text}` is a tensor, not a dict")
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if any(isinstance(p, ast.Constant) and p.value is Ellipsis for p in parts):
        return None
    used = [p for p in parts if not _adds_axis(operation, p)]
    if len(used) > tensor.rank:
        text = f"{tensor.text} has {tensor.rank} axes, {shown(tensor.shape)}, but {len(used)} are indexed."
        return Broken("wrong-axis", text, (tensor,))
    for axis, part in enumerate(used):
        index, size = operation.value(part), tensor.shape[axis]
        if type(index) is int and isinstance(size, int) and not -size <= index < size:
            text = (
                f"{tensor.read}.shape[{axis}] is {size}, so its entries go from 0 to {size - 1}, but {index} is "
                "asked for."
            )
            counted = _counted(operation, part)
            if counted is None:
                return Broken(KIND, text, (tensor,))
            sentence = f"`{ast.unparse(part)}` goes through `{counted.source}`, line {counted.line}"
            return Broken(KIND, text, (tensor,), cause=(counted.line, sentence), culprit=counted)
        mask = operation.tensors_in(part)
        if len(mask) == 1 and mask[0].dtype == "bool" and mask[0].shape and differ(mask[0].shape[0], size):
            text = (
                f"A mask has as many entries as the axis: {mask[0].read}.shape[0] == "
                f"{tensor.read}.shape[{axis}], but {mask[0].shape[0]} != {size}."
            )
            return Broken("shape-mismatch", text, (tensor, mask[0]))
    return None


def _counted(operation: Operation, index: ast.expr) -> Site | None:
    """Returns what the loop around the expression goes through, where the index is counted by it."""
    frame, place = operation.failure.frame, operation.site.position
    parsed = source.tree(operation.site.file) if isinstance(index, ast.Name) else None
    if frame is None or parsed is None:
        return None
    for loop in ast.walk(parsed):
        if not isinstance(loop, ast.For) or ast.unparse(loop.target) != ast.unparse(index):
            continue
        if loop.lineno <= place[0] <= (loop.end_lineno or loop.lineno):
            head = loop.iter
            stop = (head.end_lineno or head.lineno, head.col_offset, head.end_col_offset or 0)
            return source.site_of(frame, (head.lineno, *stop))
    return None


def _adds_axis(operation: Operation, part: ast.expr) -> bool:
    if isinstance(part, ast.Constant) and part.value is None:
        return True
    return (part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "")) == "newaxis"


def _too_short(operation: Operation, node: ast.Subscript) -> Broken | None:
    value, index = operation.value(node.value), operation.value(node.slice)
    if not isinstance(value, tuple) or type(index) is not int or -len(value) <= index < len(value):
        return None
    held = ast.unparse(node.value)
    text = f"`{held}` is {shown(value)}, {len(value)} long, so there is no entry {index}."
    owners = [t for child in operation.site.children for t in operation.tensors_in(child.node)]
    return Broken(KIND, text, tuple(owners))
