"""Products and convolutions: which sizes have to be the same."""

from __future__ import annotations

import re
from typing import Any

from kerascope.explain.lines.operands import Tensor, differ, shown
from kerascope.explain.lines.reading import MISSING, Operation
from kerascope.explain.lines.rules.registry import Broken, on

KIND = "shape-mismatch"


def _axis(tensor: Tensor, axis: int) -> str:
    return f"{tensor.read}.shape[{axis}]"


def _unequal(what: str, a: Tensor, i: int, b: Tensor, j: int) -> Broken | None:
    """Returns the rule that two sizes are the same, if it is broken."""
    if not differ(a.shape[i], b.shape[j]):
        return None
    text = f"{what} needs {_axis(a, i)} == {_axis(b, j)}, but {a.shape[i]} != {b.shape[j]}."
    return Broken(KIND, text, (a, b), axes=(i, j))


@on("matmul", "MatMult", "mm", "bmm", "dot", "mv", "inner", "vdot", "addmm", "__matmul__", "linear")
def product(operation: Operation) -> Broken | None:
    """A matrix product takes the last axis of the first together with the last but one of the second."""
    tensors = operation.tensors[1:] if operation.site.name == "addmm" else operation.tensors
    if len(tensors) != 2:
        return None
    a, b = tensors
    if 0 in (a.rank, b.rank):
        if operation.site.name in ("dot", "inner", "vdot"):
            return None
        scalar = a if a.rank == 0 else b
        return Broken(
            KIND, f"{operation.shown} needs tensors with axes, but {scalar.text} is a single number.", (a, b)
        )
    # `linear(x, weight)` and `inner(a, b)` go along the last axis of both.
    second = -1 if b.rank == 1 or operation.site.name in ("linear", "inner") else -2
    found = _unequal(operation.shown, a, -1, b, second)
    if found is not None or operation.site.name in ("dot", "inner", "linear"):
        return found
    return _batches(operation, a, b)


def _batches(operation: Operation, a: Tensor, b: Tensor) -> Broken | None:
    strict = operation.site.name == "bmm"
    if strict and (a.rank != 3 or b.rank != 3):
        odd = a if a.rank != 3 else b
        return Broken(KIND, f"bmm needs tensors of 3 axes, but {odd.text} has {odd.rank}.", (odd,))
    for axis in range(-3, -min(a.rank, b.rank) - 1, -1):
        if differ(a.shape[axis], b.shape[axis]) and (strict or 1 not in (a.shape[axis], b.shape[axis])):
            return _unequal(operation.shown, a, axis, b, axis)
    return None


@on("tensordot")
def tensordot(operation: Operation) -> Broken | None:
    """The axes that are summed over have the same sizes."""
    if len(operation.tensors) != 2:
        return None
    a, b = operation.tensors
    axes: Any = operation.plain(2, "axes", "dims", default=2)
    if isinstance(axes, int):
        if axes > min(a.rank, b.rank):
            return Broken(
                KIND,
                f"tensordot with axes={axes} needs {axes} axes of each tensor, but they have {a.rank} and {b.rank}.",
                (a, b),
            )
        pairs = [(a.rank - axes + i, i) for i in range(axes)]
    elif axes is MISSING or not isinstance(axes, tuple) or len(axes) != 2:
        return None
    else:
        left, right = (side if isinstance(side, tuple) else (side,) for side in axes)
        pairs = list(zip(left, right, strict=False))
    for i, j in pairs:
        if not (-a.rank <= i < a.rank and -b.rank <= j < b.rank):
            continue
        found = _unequal("tensordot", a, i - a.rank if i >= 0 else i, b, j)
        if found is not None:
            return found
    return None


@on("einsum")
def einsum(operation: Operation) -> Broken | None:
    """Each letter stands for one size, and each tensor has as many axes as letters."""
    equation = operation.plain(0, "equation", "subscripts")
    if not isinstance(equation, str) or ("->" not in equation and "," not in equation):
        return None
    terms = equation.replace(" ", "").split("->")[0].split(",")
    if len(terms) != len(operation.tensors):
        said = f"`{equation}` describes {len(terms)} tensors, but {len(operation.tensors)} are given."
        return Broken(KIND, said, tuple(operation.tensors)) if operation.tensors else None
    sizes: dict[str, tuple[int, Tensor, int]] = {}
    for term, tensor in zip(terms, operation.tensors, strict=True):
        letters = re.findall(r"\.\.\.|[A-Za-z]", term)
        if "..." in letters:
            at = letters.index("...")
            middle = tensor.rank - (len(letters) - 1)
            letters = [*letters[:at], *[""] * middle, *letters[at + 1 :]]
        if len(letters) != tensor.rank:
            text = (
                f"einsum reads {tensor.text} as `{term}`, {len(letters)} axes, "
                f"but it has {tensor.rank}: {shown(tensor.shape)}."
            )
            return Broken(KIND, text, (tensor,))
        for axis, (letter, size) in enumerate(zip(letters, tensor.shape, strict=True)):
            if not letter or not isinstance(size, int):
                continue
            known, other, there = sizes.setdefault(letter, (size, tensor, axis))
            if known != size and 1 not in (known, size):
                text = (
                    f"einsum `{equation}` needs one size for `{letter}`, "
                    f"but it is {known} in {other.text} and {size} in {tensor.text}."
                )
                return Broken(KIND, text, (other, tensor), axes=(there, axis))
    result = equation.replace(" ", "").partition("->")[2]
    unknown = [letter for letter in result if letter.isalpha() and letter not in "".join(terms)]
    if unknown:
        text = f"einsum `{equation}` gives an axis `{unknown[0]}`, but no tensor that goes in has one."
        return Broken(KIND, text, tuple(operation.tensors))
    return None


@on(
    "conv",
    "conv1d",
    "conv2d",
    "conv3d",
    "convolution",
    "depthwise_conv",
    "depthwise_conv2d",
    "separable_conv",
    "conv_transpose",
)
def convolution(operation: Operation) -> Broken | None:
    """A kernel has two axes more than the picture has directions, and expects as many channels as there are."""
    if len(operation.tensors) < 2:
        return None
    a, kernel = operation.tensors[:2]
    if a.rank != kernel.rank:
        text = (
            f"{operation.shown} needs inputs and kernel with the same number of axes, but {a.text} has {a.rank}: "
            f"{shown(a.shape)}, and {kernel.text} has {kernel.rank}: {shown(kernel.shape)}."
        )
        return Broken(KIND, text, (a, kernel))
    torch_order = str(getattr(operation.callee, "__module__", "")).startswith("torch")
    channels = 1 if torch_order or _first(operation) else -1
    expected = 1 if torch_order else -1 if "transpose" in operation.site.name else -2
    have, want = a.shape[channels], kernel.shape[expected]
    if not isinstance(have, int) or not isinstance(want, int) or want == 0 or have % want == 0:
        return None
    text = (
        f"{operation.shown} needs the channels {_axis(a, channels)} to be {_axis(kernel, expected)}, the kernel's "
        f"input channels, or a multiple of it, but they are {have} and {want}."
    )
    return Broken(KIND, text, (a, kernel), axes=(channels, expected))


def _first(operation: Operation) -> bool:
    value = operation.plain(99, "data_format", default=None)
    if isinstance(value, str):
        return value in ("channels_first", "NCHW", "NCW")
    return False
