"""Operations that give a tensor another shape."""

from __future__ import annotations

import ast
import math
import re
from typing import Any

from kerascope.explain.lines.operands import Tensor, differ, shown
from kerascope.explain.lines.reading import MISSING, Operation
from kerascope.explain.lines.rules.registry import Broken, last, on

KIND = "shape-mismatch"
_SHAPES = ("shape", "newshape", "target_shape")


def _sizes(value: Any) -> tuple[int, ...] | None:
    if isinstance(value, int):
        value = (value,)
    if not isinstance(value, tuple) or not all(isinstance(size, int) for size in value):
        return None
    return value


def _target(operation: Operation) -> tuple[int, ...] | None:
    """Returns the wanted shape, given as one argument or, on a tensor's method, as several."""
    rest = operation.rest(1)
    if operation.receiver is not None and len(rest) > 1:
        values = tuple(operation.value(node) for node in rest)
        return None if MISSING in values else _sizes(values)
    return _sizes(operation.plain(1, "newshape", "shape", "target_shape"))


def _count(tensor: Tensor) -> int | None:
    if not all(isinstance(size, int) for size in tensor.shape):
        return None
    return math.prod(size for size in tensor.shape if isinstance(size, int))


@on("reshape", "view")
def reshape(operation: Operation) -> Broken | None:
    """The number of elements stays the same; one size may be left open as -1."""
    tensor, target = operation.tensor(0, "x", "a", "tensor", "input"), _target(operation)
    if tensor is None or target is None:
        return None
    have = _count(tensor)
    if target.count(-1) > 1:
        return Broken(
            KIND,
            f"reshape can find out one size, but {target.count(-1)} are -1 in {shown(target)}.",
            (tensor,),
        )
    if have is None:
        return None
    known = math.prod(size for size in target if size != -1)
    if -1 in target:
        if known and have % known == 0:
            return None
        text = (
            f"reshape to {shown(target)} needs a number of elements that {known} divides, but {tensor.text} "
            f"{shown(tensor.shape)} has {have}."
        )
    elif known == have:
        return None
    else:
        text = (
            f"reshape keeps the number of elements, but {tensor.text} {shown(tensor.shape)} has {have} and "
            f"{shown(target)} has {known}."
        )
    return Broken(KIND, text, (tensor,))


@last
def whole_sizes(operation: Operation) -> Broken | None:
    """A size is one whole number."""
    node = operation.node
    about = re.search(r"invalid dimension|'float'|got float|float object|integer|Tshape", operation.message)
    if about is None or not isinstance(node, ast.Call):
        return None
    given = [k.value for k in node.keywords if k.arg in _SHAPES]
    given += [a for a in node.args if isinstance(a, (ast.Tuple, ast.List))]
    # Where the tensors come from says nothing: the number may have been worked out anywhere.
    for each in given:
        for part in each.elts if isinstance(each, (ast.Tuple, ast.List)) else [each]:
            value, text = operation.value(part), ast.unparse(part)
            if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div):
                return Broken(
                    KIND, f"A size is a whole number, but `{text}` is a float: `//` divides without one."
                )
            if isinstance(value, (float, tuple)):
                what = f"the shape {shown(value)}" if isinstance(value, tuple) else f"{value}"
                return Broken(KIND, f"A size is one whole number, but `{text}` is {what}.")
    return None


@on("broadcast_to", "expand")
def broadcast_to(operation: Operation) -> Broken | None:
    """Only axes of size 1, and new ones on the left, can be repeated."""
    tensor, target = operation.tensor(0, "x", "input"), _target(operation)
    if tensor is None or target is None:
        return None
    if tensor.rank > len(target):
        text = (
            f"{operation.shown} cannot take axes away: {tensor.text} has {tensor.rank}, {shown(target)} "
            f"{len(target)}."
        )
        return Broken(KIND, text, (tensor,))
    for axis in range(-1, -tensor.rank - 1, -1):
        size = tensor.shape[axis]
        if differ(size, target[axis]) and size != 1 and target[axis] != -1:
            text = f"{operation.shown} needs {tensor.read}.shape[{axis}] to be 1 or {target[axis]}, but it is {size}."
            return Broken(KIND, text, (tensor,))
    return None


@on("split", "array_split", "chunk")
def split(operation: Operation) -> Broken | None:
    """Equal parts need an axis that their number divides."""
    tensor = operation.tensor(0, "x", "value", "tensor")
    parts = operation.plain(1, "indices_or_sections", "num_or_size_splits", "split_size_or_sections")
    axis = operation.plain(2, "axis", "dim", default=0)
    if tensor is None or not isinstance(axis, int) or not -tensor.rank <= axis < tensor.rank:
        return None
    size = tensor.shape[axis]
    owner = str(getattr(operation.callee, "__module__", ""))
    if not isinstance(size, int) or operation.site.name != "split":
        return None
    if isinstance(parts, int) and not owner.startswith("torch") and parts > 0 and size % parts:
        text = (
            f"split into {parts} equal parts needs a size that {parts} divides, but "
            f"{tensor.read}.shape[{axis}] is {size}."
        )
        return Broken(KIND, text, (tensor,))
    sizes = _sizes(parts) if isinstance(parts, tuple) else None
    by_size = owner.startswith(("torch", "tensorflow"))
    if sizes and by_size and -1 not in sizes and sum(sizes) != size:
        text = (
            f"split into sizes {shown(sizes)} needs {tensor.read}.shape[{axis}] to be {sum(sizes)}, but it "
            f"is {size}."
        )
        return Broken(KIND, text, (tensor,))
    return None


@on("unstack", "unbind")
def unstack(operation: Operation) -> Broken | None:
    """As many parts as the axis has entries."""
    tensor = operation.tensor(0, "x", "value")
    count = operation.plain(1, "num", default=None)
    axis = operation.plain(2, "axis", default=0)
    if tensor is None or not isinstance(count, int) or not isinstance(axis, int):
        return None
    if not -tensor.rank <= axis < tensor.rank or not differ(tensor.shape[axis], count):
        return None
    text = f"unstack into {count} needs {tensor.read}.shape[{axis}] to be {count}, but it is {tensor.shape[axis]}."
    return Broken(KIND, text, (tensor,))


@on("squeeze")
def squeeze(operation: Operation) -> Broken | None:
    """Only an axis of size 1 can be dropped."""
    tensor = operation.tensor(0, "x", "input")
    axes = _sizes(operation.plain(1, "axis", "dim", default=None))
    for axis in axes or ():
        if tensor is not None and -tensor.rank <= axis < tensor.rank and differ(tensor.shape[axis], 1):
            text = f"squeeze drops axes of size 1, but {tensor.read}.shape[{axis}] is {tensor.shape[axis]}."
            return Broken(KIND, text, (tensor,))
    return None


@on("pad")
def pad(operation: Operation) -> Broken | None:
    """One pair of widths per axis."""
    tensor = operation.tensor(0, "x", "tensor")
    widths = operation.plain(1, "pad_width", "paddings")
    if tensor is None or not isinstance(widths, tuple) or not all(isinstance(w, tuple) for w in widths):
        return None
    if len(widths) == tensor.rank:
        return None
    text = (
        f"pad needs a pair of widths for each of the {tensor.rank} axes of {tensor.text}, but "
        f"{len(widths)} are given."
    )
    return Broken(KIND, text, (tensor,))


@on("tile", "repeat")
def repeated(operation: Operation) -> Broken | None:
    """Repeats are one number, or one per entry of the axis."""
    tensor = operation.tensor(0, "x", "a", "input")
    times = operation.plain(1, "repeats", "multiples")
    axis = operation.plain(2, "axis", "dim", default=None)
    if tensor is None or operation.site.name != "repeat" or not isinstance(times, tuple):
        return None
    if len(times) < 2 or not isinstance(axis, int) or not -tensor.rank <= axis < tensor.rank:
        return None
    if not differ(tensor.shape[axis], len(times)):
        return None
    text = (
        f"repeat needs one count per entry of axis {axis}, {tensor.shape[axis]} of {tensor.text}, but "
        f"{len(times)} are given."
    )
    return Broken(KIND, text, (tensor,))


@on("unpack")
def unpack(operation: Operation) -> Broken | None:
    """As many names as there are things."""
    node = operation.node
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], (ast.Tuple, ast.List)):
        return None
    targets = node.targets[0].elts
    if any(isinstance(t, ast.Starred) for t in targets) or "unpack" not in operation.message:
        return None
    count, source = len(targets), ast.unparse(node.value)
    value = operation.value(node.value)
    if isinstance(value, tuple) and len(value) != count:
        what = "axes" if "shape" in source else "values"
        owners = [t for child in operation.site.children for t in operation.tensors_in(child.node)]
        text = f"{count} names wait for the {what} of `{source}`, but there are {len(value)}: {shown(value)}."
        return Broken(KIND, text, tuple(owners or operation.tensors))
    found = operation.tensors_in(node.value)
    if len(found) == 1 and not (found[0].event and found[0].event.path):
        size = found[0].shape[0] if found[0].shape else None
        if isinstance(size, int) and size != count:
            text = (
                f"Unpacking a tensor goes along its first axis: {count} names wait for {found[0].read}.shape[0], "
                f"which is {size}."
            )
            return Broken(KIND, text, tuple(found))
    elif found and len(found) != count:
        return Broken(
            KIND, f"{count} names wait for the parts of `{source}`, but there are {len(found)}.", tuple(found)
        )
    return None
